r"""Responsive loads: what is decided, what it must keep, by what it is judged, in plain numpy.

A decision says what everybody uses and at which internal prices. It must keep the limits and totals of loads, and its
prices must pay the grid exactly. Two questions are asked of it: how far is it from the least that the community could
bear (``social_cost``), and would price-taking members, and the rule of supply and demand, leave it as it is
(``residual``)? Pricing by supply and demand answers the second and not the first.

**Bound.** The grid's cost of a net load N is the greatest μN over prices μ between the feed-in and the retail price.
For any such μ_t, and any value ν_i of one more kWh in member i's total W_i, no decision has a social cost below

    Σ_i ν_i W_i - Σ_t μ_t E_t + Σ_it min { (μ_t - ν_i) x + θ_i (x - x̂_it)² : l_it ≤ x ≤ u_it },

whose minima lie at x̂ - (μ - ν)/2θ, put within the limits.

Source: Liu et al., IEEE TPWRS 32(5), 2017; the social optimum as a yardstick, and the bound, are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...instances.fields import Array, array
from ...instances.record import Decision
from ...instances.responsive import ResponsiveInstance, tiny_responsive
from ...instances.scheduling import PRICE
from ..problem import TOLERANCE, Criterion, Problem, Violation, described
from .response import (
    alone_cost,
    best_response,
    discomfort_cost,
    efficient_price,
    member_cost,
    sharing_prices,
    social_cost,
    traded,
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ResponsiveDecision(Decision):
    """What everybody uses, and the internal prices at which that is billed.

    Parameters
    ----------
    instance : ResponsiveInstance
        The community.
    load_kwh : (T, n) array, kWh
        Loads; who uses less than it generates sells the rest.
    buy_price, sell_price : (T,) arrays, currency/kWh
        What members pay for what they are short of, and receive for what they have left.
    """

    problem: ClassVar[str] = "settlement.responsive"

    instance: ResponsiveInstance
    load_kwh: Array = array("interval", "member", unit="kWh")
    buy_price: Array = array("interval", unit=PRICE)
    sell_price: Array = array("interval", unit=PRICE)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ResponsivePrices(Decision):
    """What proves a bound on the social cost; any values prove one, good ones a tight one.

    Parameters
    ----------
    instance : ResponsiveInstance
        The community.
    energy_price : (T,) array, currency/kWh, optional
        What one more kWh of demand costs the community; put between the grid's prices.
    total_value : (n,) array, currency/kWh, optional
        What one more kWh in a member's total costs it; where left out, that of a load without limits.
    """

    problem: ClassVar[str] = "settlement.responsive"

    instance: ResponsiveInstance
    energy_price: Array = array("interval", unit=PRICE, optional=True)
    total_value: Array = array("member", unit=PRICE, optional=True)


def worth(instance: ResponsiveInstance) -> float:
    """What all that is wanted and generated is worth at the grid's prices: the size that roundings are relative to."""
    return float((instance.price_size[:, None] * (instance.wanted_kwh + instance.generation_kwh)).sum())


def violations(instance: ResponsiveInstance, decision: ResponsiveDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance.

    Parameters
    ----------
    instance : ResponsiveInstance
        What is given.
    decision : ResponsiveDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty where limits and totals are kept and the grid is paid.
    """
    load = decision.load_kwh
    found = _broken_limits(instance, load)
    if instance.coupled:
        slack = TOLERANCE * np.maximum(instance.total_kwh, instance.member_size)
        total = load.sum(axis=0)
        for i in np.flatnonzero(np.abs(total - instance.total_kwh) > slack):
            rule = "loads do not add up to the total"
            found.append(Violation(rule, str(instance.member[i]), total[i], instance.total_kwh[i], "kWh"))
    bought, sold = traded(instance, load)
    paid = decision.buy_price * bought - decision.sell_price * sold
    due = instance.grid_cost(bought - sold)
    size = np.max([np.abs(decision.buy_price), np.abs(decision.sell_price), instance.price_size], axis=0)
    slack = TOLERANCE * size * (np.abs(load) + instance.generation_kwh).sum(axis=1)
    for t in np.flatnonzero(np.abs(paid - due) > slack):
        rule = "members do not pay together what the grid is paid"
        found.append(Violation(rule, str(instance.interval[t]), paid[t], due[t], "currency"))
    return found


def _broken_limits(instance: ResponsiveInstance, load: np.ndarray) -> list[Violation]:
    slack, found = TOLERANCE * instance.member_size, []
    for rule, limit, over in (
        ("load is below its least", instance.least_kwh, instance.least_kwh - load > slack),
        ("load is above its greatest", instance.upper_kwh, load - instance.upper_kwh > slack),
    ):
        for t, i in np.argwhere(over):
            where = f"{instance.interval[t]}, {instance.member[i]}"
            found.append(Violation(rule, where, load[t, i], limit[t, i], "kWh"))
    return found


def residual(instance: ResponsiveInstance, decision: ResponsiveDecision) -> float:
    """How far a decision is from an equilibrium of price-taking members under the rule of supply and demand.

    The sum of two parts, each the greatest over all intervals: what a member would change at the decision's prices,
    in units of its greatest energy; what the rule would change of a price at the decision's trades, in units of the
    greater of the grid's prices. Both are 0 in an equilibrium.
    """
    moved = np.abs(decision.load_kwh - best_response(instance, decision.buy_price, decision.sell_price))
    buy, sell = sharing_prices(instance, *traded(instance, decision.load_kwh))
    size = np.where(instance.price_size > 0, instance.price_size, 1.0)
    repriced = np.maximum(np.abs(decision.buy_price - buy), np.abs(decision.sell_price - sell)) / size
    return float((moved / instance.member_size).max() + repriced.max())


def social_bound(instance: ResponsiveInstance, prices: ResponsivePrices | None) -> float:
    """Least social cost that prices prove; without any, the better of the two that the grid's prices prove."""
    if prices is not None and prices.energy_price is not None:
        price = np.clip(prices.energy_price, instance.feed_in_price, instance.retail_price)
        value = _value_without_limits(instance, price) if prices.total_value is None else prices.total_value
        return float(_bound_parts(instance, price, value).sum())
    ends = [
        _bound_parts(instance, price, _value_without_limits(instance, price))
        for price in (instance.feed_in_price, instance.retail_price)
    ]
    # Without totals each interval proves its part by itself, whichever end serves it better.
    return float(max(end.sum() for end in ends) if instance.coupled else np.maximum(*ends).sum())


def _value_without_limits(instance: ResponsiveInstance, price: np.ndarray) -> np.ndarray:
    """Value of one more kWh in each total if no limit binds, (n,): the mean price, with discomfort spread evenly."""
    if not instance.coupled:
        return np.zeros(len(instance.member))
    missing = instance.total_kwh - instance.wanted_kwh.sum(axis=0)
    found: np.ndarray = price.mean() + 2.0 * instance.discomfort * missing / len(instance.interval)
    return found


def _bound_parts(instance: ResponsiveInstance, price: np.ndarray, value: np.ndarray) -> np.ndarray:
    """What each interval adds to the bound, (T,); totals are spread evenly over them."""
    seen = price[:, None] - (value if instance.coupled else 0.0)
    load = np.clip(instance.wanted_kwh - seen * (0.5 / instance.discomfort), instance.least_kwh, instance.upper_kwh)
    least = seen * load + instance.discomfort * (load - instance.wanted_kwh) ** 2
    spread = float(value @ instance.total_kwh) / len(price) if instance.coupled else 0.0
    found: np.ndarray = least.sum(axis=1) - price * instance.generation_kwh.sum(axis=1) + spread
    return found


def share_of_gain(instance: ResponsiveInstance, decision: ResponsiveDecision) -> float:
    """Share of what the community can gain over members by themselves, each at the grid's prices; NaN without a gain.

    NaN as well for loads that must add up, whose least social cost is not known in closed form:
    :func:`share_of_gain_from` takes it from elsewhere.
    """
    if instance.coupled:
        return math.nan
    price = ResponsivePrices(instance=instance, energy_price=efficient_price(instance))
    return share_of_gain_from(instance, decision, social_bound(instance, price))


def share_of_gain_from(instance: ResponsiveInstance, decision: ResponsiveDecision, least: float) -> float:
    """The same share where the least social cost is known, for example from :func:`commonwatt.solve`.

    Parameters
    ----------
    instance : ResponsiveInstance
        What is given.
    decision : ResponsiveDecision
        What was decided.
    least : float, currency
        Least social cost.

    Returns
    -------
    float
        1 for the social optimum, 0 for no better than alone; NaN where there is nothing to gain.
    """
    alone = float(alone_cost(instance).sum())
    if alone - least <= TOLERANCE * (abs(alone) + worth(instance)):
        return math.nan
    return (alone - social_cost(instance, decision.load_kwh)) / (alone - least)


def worst_saving(instance: ResponsiveInstance, decision: ResponsiveDecision) -> float:
    """What the member who gains least saves against itself alone, discomfort included; negative where one loses."""
    cost = member_cost(instance, decision.load_kwh, decision.buy_price, decision.sell_price)
    return float((alone_cost(instance) - cost).min())


def _certificate(
    instance: ResponsiveInstance, decision: ResponsiveDecision, prices: ResponsivePrices
) -> dict[str, float]:
    """The gap to the bound of the prices in two parts, neither negative: what members, and what the grid, leave."""
    if prices.energy_price is None:
        return {}
    scale = _scale(instance)
    price = np.clip(prices.energy_price, instance.feed_in_price, instance.retail_price)
    net = (decision.load_kwh - instance.generation_kwh).sum(axis=1)
    grid = float((instance.grid_cost(net) - price * net).sum())
    gap = social_cost(instance, decision.load_kwh) - social_bound(instance, prices)
    return {"grid": grid / scale, "members": (gap - grid) / scale}


def _scale(instance: ResponsiveInstance) -> float:
    # Where energy costs nothing, discomfort is all there is.
    size = worth(instance) or float((instance.discomfort * instance.member_size**2).sum())
    return 1e-3 * size


def _grid_bill(instance: ResponsiveInstance, decision: ResponsiveDecision) -> float:
    return float(instance.grid_cost((decision.load_kwh - instance.generation_kwh).sum(axis=1)).sum())


RESPONSIVE = Problem(
    name="settlement.responsive",
    title="which internal prices do loads and the rule of supply and demand settle on?",
    source="Liu et al., IEEE TPWRS 32(5), 2017",
    instance=ResponsiveInstance,
    decision=ResponsiveDecision,
    prices=ResponsivePrices,
    violations=violations,
    criteria=(
        Criterion(
            "social_cost",
            "what the grid is paid, and the discomfort of all",
            "currency",
            "min",
            lambda i, d: social_cost(i, d.load_kwh),
            _scale,
            social_bound,
            _certificate,
        ),
        Criterion(
            "residual",
            "what members and the rule of supply and demand would change, 0 in equilibrium",
            "1",
            "min",
            residual,
            lambda i: 1.0,
            lambda i, p: 0.0,
        ),
        described("share_of_gain", "share of the gain over members alone", "1", "max", share_of_gain),
        described("grid_bill", "what the grid is paid", "currency", "min", _grid_bill),
        described(
            "discomfort",
            "what all bear by using other than wanted",
            "currency",
            "min",
            lambda i, d: float(discomfort_cost(i, d.load_kwh).sum()),
        ),
        described(
            "worst_saving", "what the member who gains least saves against alone", "currency", "max", worst_saving
        ),
    ),
    tiny=tiny_responsive,
)
