"""Rules for an operator's tariff: shares of the bracket, flat prices, prices that follow what energy is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...instances.errors import NotApplicable
from ...instances.tariff import TariffInstance
from ...models.stackelberg.tariff import TariffDecision, pessimistic_profit, profit
from ...models.stackelberg.tariff_program import build_bilevel
from ..array_programs import TIGHT
from ..kkt import single_level
from ..method import Answer
from ..program_runs import Watch
from ..programs import SolverError, solve_pyomo
from ..tariff_answers import answered, proving_prices

ZERO = 1e-7
"""Quantity, in a member's own unit, up to which it counts as nothing."""

Prices = tuple[np.ndarray, np.ndarray]


def with_mean(shape: np.ndarray, low: np.ndarray, high: np.ndarray, mean: float) -> np.ndarray:
    """Prices that follow a shape up and down, kept in their bracket, moved until they have a mean.

    Parameters
    ----------
    shape, low, high : (T,) arrays, currency/kWh
        The shape, and the bracket.
    mean : float, currency/kWh
        Put between the means of the bracket's two ends.
    """
    mean = float(np.clip(mean, low.mean(), high.mean()))
    down, up = float((low - shape).min()), float((high - shape).max())
    for _ in range(200):
        middle = 0.5 * (down + up)
        if middle in (down, up):
            break
        if np.clip(shape + middle, low, high).mean() > mean:
            up = middle
        else:
            down = middle
    return np.clip(shape + down, low, high)


def means(instance: TariffInstance) -> tuple[float, float]:
    """Mean of buying and of selling prices as far apart as caps and bracket let them be."""
    low, high = float(instance.feed_in_price.mean()), float(instance.retail_price.mean())
    return min(instance.mean_buy_cap, high), max(instance.mean_sell_floor, low)


def bracket_prices(instance: TariffInstance) -> Prices:
    """The same share of the grid's bracket in each interval, as wide as the means allow."""
    low, high = instance.feed_in_price, instance.retail_price
    width = float((high - low).mean())
    buy, sell = means(instance)
    shares = [(one - float(low.mean())) / width if width > 0 else 0.0 for one in (buy, sell)]
    found = [low + share * (high - low) for share in shares]
    return found[0], found[1]


def flat_prices(instance: TariffInstance) -> Prices:
    """Two flat prices, at the means' limits, where the bracket lets them be flat."""
    flat, ends = np.zeros(len(instance.interval)), (instance.feed_in_price, instance.retail_price)
    buy, sell = (with_mean(flat, *ends, mean) for mean in means(instance))
    return buy, np.minimum(sell, buy)


def worth_prices(instance: TariffInstance) -> Prices:
    """Prices that follow what energy is worth to all together, moved apart as far as the means allow."""
    proof = proving_prices(instance)
    ends = instance.feed_in_price, instance.retail_price
    buy, sell = (with_mean(np.asarray(proof.energy_price), *ends, mean) for mean in means(instance))
    return buy, np.minimum(sell, buy)


STARTS = {"bracket": bracket_prices, "flat": flat_prices, "worth": worth_prices}


def at_prices(instance: TariffInstance, rule: str, time_limit_s: float | None = None) -> Answer:
    """What members answer to prices by a rule: "bracket", "flat" or "worth".

    Raises
    ------
    ValueError
        For an unknown rule.
    """
    if rule not in STARTS:
        raise ValueError(f"unknown rule {rule!r}; known: {', '.join(STARTS)}")
    watch = Watch.start(time_limit_s)
    return Answer(answered(instance, *STARTS[rule](instance), watch), proving_prices(instance))


def keep_answers(instance: TariffInstance, rounds: int, fearful: bool, time_limit_s: float | None = None) -> Answer:
    """Members answer, the operator takes the best prices at which they would not change their mind, and so on.

    Parameters
    ----------
    instance : TariffInstance
        What is given.
    rounds : int
        At most, from each of the three rules' prices.
    fearful : bool
        Whether members' ties count against the operator.
    time_limit_s : float, optional
        For all rounds.

    Returns
    -------
    Answer
        The best prices met, by profit or pessimistic profit; in the log each round.

    Raises
    ------
    NotApplicable
        For no rounds.
    """
    if rounds < 1:
        raise NotApplicable(f"rounds is {rounds}; at least one is needed")
    watch, rows = Watch.start(time_limit_s), []
    best: tuple[float, TariffDecision] | None = None
    value = pessimistic_profit if fearful else profit
    for name, start in STARTS.items():
        prices: Prices | None = start(instance)
        earned = -np.inf
        for number in range(rounds):
            if prices is None or (watch.over() and best is not None):
                break
            decision = answered(instance, *prices, watch)
            reached = value(instance, decision)
            rows.append((name, number, profit(instance, decision), pessimistic_profit(instance, decision)))
            if best is None or reached > best[0] or np.isnan(best[0]):
                best = reached, decision
            if not reached > earned + 1e-9 * max(1.0, abs(earned)) and number:
                break
            earned = reached
            prices = _prices_that_keep(instance, decision, fearful)
    assert best is not None
    log = pd.DataFrame(rows, columns=["start", "round", "profit", "profit_pessimistic"])
    return Answer(
        best[1],
        proving_prices(instance),
        logs={"rounds": log},
        notes=(f"{len(rows)} rounds from {len(STARTS)} starts",),
    )


def _prices_that_keep(instance: TariffInstance, decision: TariffDecision, fearful: bool) -> Prices | None:
    """Best prices at which an answer stays one: the bilevel program with a side chosen for each complementarity."""
    model, bounds = build_bilevel(instance)
    program = single_level(model, list(model.follower.values()), bounds)
    _load(model, instance, decision, worst=fearful)
    for pair in program.pairs:
        pair.positive.fix(1.0 if _value(pair.quantity) > ZERO else 0.0)
    try:
        outcome = solve_pyomo(model, **TIGHT)
    except SolverError:
        return None
    if not outcome.has_solution:
        return None
    unit = model.price.value
    buy, sell = (
        np.array([float(price[t].value) * unit for t in model.interval])
        for price in (model.buy_price, model.sell_price)
    )
    return buy, sell


def _value(expression: Any) -> float:
    import pyomo.environ as pyo

    return float(pyo.value(expression))


def _load(model: Any, instance: TariffInstance, decision: TariffDecision, *, worst: bool) -> None:
    """Put a decision's schedule into the followers' variables."""
    charge, discharge = decision.charge_kwh, decision.discharge_kwh
    if worst and decision.worst_charge_kwh is not None and decision.worst_discharge_kwh is not None:
        charge, discharge = decision.worst_charge_kwh, decision.worst_discharge_kwh
    net = instance.net_kwh + charge - discharge
    stored = instance.initial_kwh + np.cumsum(instance.efficiency * charge - discharge / instance.efficiency, axis=0)
    flows = {
        "bought": np.maximum(net, 0.0),
        "sold": np.maximum(-net, 0.0),
        "charged": charge,
        "discharged": discharge,
        "stored": stored[:-1],
    }
    for i in model.member:
        for name, values in flows.items():
            for t, value in enumerate(values[:, i]):
                getattr(model.follower[i], name)[t].set_value(float(value) / model.unit[i], skip_validation=True)
