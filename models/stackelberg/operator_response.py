"""What members do at an operator's prices and what that is worth to them, in closed form and plain numpy.

A member who generates E and uses x at prices p_s ≤ p_b has u(x) - p_b (x - E)⁺ + p_s (E - x)⁺. With D(p) the x at which
one more kWh is worth p, (a - p)/q or k/p - 1, it uses E put between D(p_b) and D(p_s), then between its limits: the
payoff is strictly concave, so the answer is unique.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017; limits are ours.
"""

from __future__ import annotations

import numpy as np

from ...instances.operator import OperatorInstance

HALVINGS = 200
"""Bisection ends before, when there is no number between its two ends."""


def best_response(instance: OperatorInstance, buy_price: np.ndarray, sell_price: np.ndarray) -> np.ndarray:
    """What each member uses at prices that it takes as given, (T, n) kWh.

    Parameters
    ----------
    instance : OperatorInstance
        What is given.
    buy_price, sell_price : (T,) arrays, currency/kWh
        For what a member is short of, and has left. Where the latter is higher, both count as the selling price.
    """
    buying, selling = instance.wanted_kwh(np.maximum(buy_price, sell_price)), instance.wanted_kwh(sell_price)
    found: np.ndarray = np.clip(instance.generation_kwh, buying, selling)
    return found


def utility(instance: OperatorInstance, consumption_kwh: np.ndarray) -> np.ndarray:
    """What using energy is worth to each member in each interval, (T, n) currency."""
    if instance.utility == "quadratic":
        found = instance.first_worth * consumption_kwh - 0.5 * instance.saturation * consumption_kwh**2
    else:
        found = instance.log_worth * np.log1p(np.maximum(consumption_kwh, 0.0))
    return np.asarray(found)


def traded(instance: OperatorInstance, consumption_kwh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What all members who are short buy, and all who are long sell, (T,) kWh each, both at least 0."""
    net = consumption_kwh - instance.generation_kwh
    return np.maximum(net, 0.0).sum(axis=1), np.maximum(-net, 0.0).sum(axis=1)


def payoff(
    instance: OperatorInstance, consumption_kwh: np.ndarray, buy_price: np.ndarray, sell_price: np.ndarray
) -> np.ndarray:
    """Utility less bill of each member in each interval, (T, n) currency."""
    net = consumption_kwh - instance.generation_kwh
    bill = buy_price[:, None] * np.maximum(net, 0.0) - sell_price[:, None] * np.maximum(-net, 0.0)
    found: np.ndarray = utility(instance, consumption_kwh) - bill
    return found


def regret(
    instance: OperatorInstance, consumption_kwh: np.ndarray, buy_price: np.ndarray, sell_price: np.ndarray
) -> np.ndarray:
    """What each member forgoes against its best response, (T, n) currency, at least 0 within limits."""
    best = best_response(instance, buy_price, sell_price)
    found: np.ndarray = payoff(instance, best, buy_price, sell_price) - payoff(
        instance, consumption_kwh, buy_price, sell_price
    )
    return found


def leader_profit(
    instance: OperatorInstance, consumption_kwh: np.ndarray, buy_price: np.ndarray, sell_price: np.ndarray
) -> np.ndarray:
    """What members pay the operator less what it pays them and the grid, (T,) currency."""
    bought, sold = traded(instance, consumption_kwh)
    found: np.ndarray = buy_price * bought - sell_price * sold - instance.grid_cost(bought - sold)
    return found


def alone(instance: OperatorInstance) -> np.ndarray:
    """Payoff of each member behind a meter of its own, at the grid's prices, (T, n) currency."""
    grid = instance.retail_price, instance.feed_in_price
    return payoff(instance, best_response(instance, *grid), *grid)


def competitive_price(instance: OperatorInstance) -> np.ndarray:
    """The one price of each interval at which members' answers make total welfare greatest, (T,) currency/kWh."""
    low, high = instance.feed_in_price, instance.retail_price
    supply = instance.generation_kwh.sum(axis=1)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if ((middle <= low) | (middle >= high)).all():
            break
        short = instance.wanted_kwh(middle).sum(axis=1) > supply
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    # Ends that were never left are prices of the grid: bisection has only come close to them.
    at_retail = instance.wanted_kwh(instance.retail_price).sum(axis=1) >= supply
    at_feed_in = instance.wanted_kwh(instance.feed_in_price).sum(axis=1) <= supply
    found: np.ndarray = np.where(at_retail, instance.retail_price, np.where(at_feed_in, instance.feed_in_price, low))
    return found


def greatest_gain(instance: OperatorInstance) -> float:
    """What the community can gain at most over members by themselves, currency: at competitive prices."""
    load = instance.wanted_kwh(competitive_price(instance))
    net = (load - instance.generation_kwh).sum(axis=1)
    return float((utility(instance, load).sum(axis=1) - instance.grid_cost(net) - alone(instance).sum(axis=1)).sum())
