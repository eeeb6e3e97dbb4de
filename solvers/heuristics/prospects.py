"""How a leader sets its price by rule: a formula without limits, as if losses did not hurt, a grid, the middle."""

from __future__ import annotations

import numpy as np

from ...instances.prospects import ProspectsInstance
from ...models.stackelberg.prospects import profit
from ..method import Answer
from ..prospects_runs import answered, best_prices


def interior_formula(instance: ProspectsInstance) -> Answer:
    """The best base price where nobody is at a limit and losses count as gains do, limits or not.

    Then all trade (ρ̄ - ρ_b)/(α (n + 1)) each, and profit is greatest at ρ_b = ρ̄ - (ρ̄ - c)(n + 1)/2; without a slope the
    mean of tomorrow's price takes its place.
    """
    tomorrow = 0.5 * (instance.future_low + instance.future_high)
    markdown = 0.5 * (tomorrow - instance.supply_price) * (len(instance.member) + 1)
    return Answer(answered(instance, np.where(instance.price_slope > 0, tomorrow - markdown, tomorrow)))


def expected_utility(instance: ProspectsInstance) -> Answer:
    """The best price if losses hurt as much as gains please, which members then answer as they are."""
    neutral = instance.replace(loss_aversion=np.ones(len(instance.member)), curvature=1.0)
    return Answer(answered(instance, best_prices(neutral)))


def grid_search(instance: ProspectsInstance, levels: int) -> Answer:
    """The best of evenly spaced base prices, interval by interval."""
    levels = max(levels, 2)
    best = instance.price_low.copy()
    value = np.full(len(best), -np.inf)
    for share in np.linspace(0.0, 1.0, levels):
        base = instance.price_low + share * (instance.price_high - instance.price_low)
        decision = answered(instance, base)
        bought = decision.traded_kwh.sum(axis=1)
        earned = (base + instance.price_slope * bought - instance.supply_price) * bought
        best, value = np.where(earned > value, base, best), np.maximum(earned, value)
    found = answered(instance, best)
    assert abs(profit(instance, found) - value.sum()) <= 1e-9 * max(1.0, abs(value.sum()))
    return Answer(found)


def middle_price(instance: ProspectsInstance) -> Answer:
    """The middle of the leader's range."""
    return Answer(answered(instance, 0.5 * (instance.price_low + instance.price_high)))
