"""How sellers set prices without an equilibrium at hand: by rule of thumb, in answer to demand, or to each other.

Tâtonnement raises the price of who is asked for more than it has and lowers that of who is asked for less. It looks for
prices that clear the market, which need not be prices that sellers would keep: with more capacity than demand and no
congestion they fall to the feed-in price, where every seller would gain by asking more.

Best replies in turn end, where they do, in an equilibrium; nothing says that they must. Without congestion the best
reply is to undercut by as little as can be, and prices go round in cycles (Edgeworth, 1897).

Source: Paudel et al., IEEE TIE 66(8), 2019 (sellers' update, after its description); best replies are ours.
"""

from __future__ import annotations

import numpy as np

from ...instances.errors import NotApplicable
from ...instances.sellers import SellersInstance
from ...models.stackelberg.competition import best_reply, deviation_gain
from ..kernels.seller_prices import buyers_choice
from ..method import Answer
from ..sellers_runs import chosen, play

SETTLED = 1e-12
"""Gain or change of price, as a share of what there is, at which iteration ends."""


def cost_plus(instance: SellersInstance, markup: float) -> Answer:
    """Each asks its cost and a share of what lies between it and the retail price."""
    if not 0.0 <= markup <= 1.0:
        raise NotApplicable(f"markup must lie in [0, 1], not {markup:g}")
    cost = instance.unit_cost
    return play(instance, cost + markup * (instance.retail_price[:, None] - cost))


def tatonnement(instance: SellersInstance, step: float, rounds: int) -> Answer:
    """Prices follow demand less capacity, from the retail price on.

    Parameters
    ----------
    instance : SellersInstance
        The game.
    step : float
        Share of the grid's bracket by which a price moves for an excess as large as all demand; falls as 1/√round.
    rounds : int
        How many at most, at least 1.

    Returns
    -------
    Answer
        Its log ``rounds`` has a row a round: the mean price, and the greatest change of one.

    Raises
    ------
    NotApplicable
        For a step or a number of rounds that is not positive.
    """
    import pandas as pd

    if not step > 0.0:
        raise NotApplicable(f"the step must be positive, not {step:g}")
    _require_rounds(rounds)
    low, high = instance.feed_in_price[:, None], instance.retail_price[:, None]
    unlimited = np.repeat(instance.demand_kwh[:, None], len(instance.seller), axis=1)
    speed = instance.bracket / np.where(instance.demand_kwh > 0, instance.demand_kwh, 1.0)
    size = float(instance.bracket.max()) or 1.0
    price, log = np.repeat(high, len(instance.seller), axis=1), []
    for number in range(1, rounds + 1):
        # What sellers are asked for, whether they have it or not.
        asked, _, _ = buyers_choice(price, instance.congestion, unlimited, instance.demand_kwh, instance.retail_price)
        pace = step / np.sqrt(number) * speed[:, None]
        moved = np.clip(price + pace * (asked - instance.capacity_kwh), low, high)
        change, price = float(np.abs(moved - price).max()), moved
        log.append((number, float(price.mean()), change))
        if change <= SETTLED * size:
            break
    end = "settled" if change <= SETTLED * size else "did not settle"
    note = f"{end} in {number} rounds: the last moved a price by {change:.2g} {instance.currency}/kWh"
    frame = pd.DataFrame(log, columns=["round", "mean_price", "change"])
    return play(instance, price, notes=(note,), logs={"rounds": frame})


def best_response(instance: SellersInstance, rounds: int, undercut: float) -> Answer:
    """Sellers take turns in replying best to each other, from cost on; the best prices met are kept.

    Parameters
    ----------
    instance : SellersInstance
        The game.
    rounds : int
        How many at most, at least 1.
    undercut : float
        Share of the grid's bracket by which a seller without congestion goes below another's price.

    Returns
    -------
    Answer
        Its log ``rounds`` has a row a round: epsilon, and the mean price.

    Raises
    ------
    NotApplicable
        For an undercut that is not positive, or no rounds.
    """
    import pandas as pd

    if not undercut > 0.0:
        raise NotApplicable(f"undercut must be positive, not {undercut:g}")
    _require_rounds(rounds)
    size = float(instance.bracket @ instance.demand_kwh) or 1.0
    price, log = np.array(instance.unit_cost), []
    best, least = price, np.full(len(instance.interval), np.inf)
    for number in range(rounds + 1):
        gain = deviation_gain(instance, price, chosen(instance, price)[0])
        log.append((number, float(gain.sum(axis=0).max()), float(price.mean())))
        # Intervals are games of their own, so the best prices of each are kept.
        better = gain.max(axis=1) < least
        best, least = np.where(better[:, None], price, best), np.minimum(gain.max(axis=1), least)
        if least.max() <= SETTLED * size or number == rounds:
            break
        price = _one_round(instance, price, undercut)
    end = "settled" if least.max() <= SETTLED * size else "did not settle"
    note = f"{end} in {number} rounds: in an interval a seller could still gain {least.max():.2g} {instance.currency}"
    frame = pd.DataFrame(log, columns=["round", "epsilon", "mean_price"])
    return play(instance, best, notes=(note,), logs={"rounds": frame})


def _one_round(instance: SellersInstance, price: np.ndarray, undercut: float) -> np.ndarray:
    price = price.copy()
    for j in range(len(instance.seller)):
        _, reply = best_reply(instance, price, j)
        if instance.congestion[j] == 0:
            others = np.delete(price, j, axis=1)
            tied = (others == reply[:, None]).any(axis=1)
            lower = np.maximum(reply - undercut * instance.bracket, instance.unit_cost[:, j])
            reply = np.where(tied, lower, reply)
        price[:, j] = reply
    return price


def _require_rounds(rounds: int) -> None:
    if rounds < 1:
        raise NotApplicable(f"at least one round is needed, not {rounds}")
