"""How a buyer sets prices by rule: one price for all, the cheapest first, in proportion, or the grid alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...instances.procurement import ProcurementInstance
from ...models.stackelberg.procurement import best_answer
from ..method import Answer
from ..procurement_runs import offered


def one_price(instance: ProcurementInstance) -> Answer:
    """The best price that is the same for all: supply is straight between the prices at which sellers are full.

    Between two of these supply is a + b p, and p (a + b p) + λ (D - a - b p) is least at an end or at (λ b - a) / 2b;
    beyond the price at which demand is met more would only be paid for.
    """
    price = np.zeros(len(instance.interval))
    for t in range(len(price)):
        full = np.unique(instance.cost_slope * instance.capacity_kwh[t])
        ends = np.concatenate([[0.0], full])
        candidates = [*ends, _clearing(instance, t)]
        for low, high in pairwise(np.unique(ends)):
            some = instance.cost_slope * instance.capacity_kwh[t] > low
            steep, base = (1.0 / instance.cost_slope[some]).sum(), instance.capacity_kwh[t, ~some].sum()
            candidates.append(float(np.clip((instance.retail_price[t] - base / steep) / 2.0, low, high)))
        price[t] = min(candidates, key=lambda p: _payment(instance, t, p))
    return offered(instance, np.repeat(price[:, None], len(instance.seller), axis=1))


def _supply(instance: ProcurementInstance, t: int, price: float) -> float:
    return float(np.minimum(price / instance.cost_slope, instance.capacity_kwh[t]).sum())


def _payment(instance: ProcurementInstance, t: int, price: float) -> float:
    supply = _supply(instance, t, price)
    return price * supply + float(instance.retail_price[t]) * max(float(instance.demand_kwh[t]) - supply, 0.0)


def _clearing(instance: ProcurementInstance, t: int) -> float:
    """Least price at which sellers meet demand, or sell all they have, by bisection."""
    low, high = 0.0, float((instance.cost_slope * instance.capacity_kwh[t]).max())
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if _supply(instance, t, middle) < instance.demand_kwh[t]:
            low = middle
        else:
            high = middle
    return high


def cheapest_first(instance: ProcurementInstance) -> Answer:
    """Sellers in the order of their slopes, each for all it has, as long as that is cheaper than the grid."""
    price = np.zeros_like(instance.capacity_kwh)
    for t in range(len(price)):
        left = float(instance.demand_kwh[t])
        for j in np.argsort(instance.cost_slope, kind="stable"):
            wanted = min(left, instance.capacity_kwh[t, j], instance.retail_price[t] / instance.cost_slope[j])
            price[t, j] = instance.cost_slope[j] * wanted
            left -= wanted
    return offered(instance, price)


def in_proportion(instance: ProcurementInstance) -> Answer:
    """Of each seller the same part of its capacity, as much as is needed and no dearer than the grid."""
    total = instance.capacity_kwh.sum(axis=1)
    part = np.minimum(1.0, np.divide(instance.demand_kwh, total, out=np.zeros_like(total), where=total > 0))
    price = instance.cost_slope * instance.capacity_kwh * part[:, None]
    return offered(instance, np.minimum(price, instance.retail_price[:, None]))


def grid_only(instance: ProcurementInstance) -> Answer:
    """Nothing is offered, and all comes of the grid."""
    price = np.zeros_like(instance.capacity_kwh)
    assert not best_answer(instance, price).any()
    return offered(instance, price)
