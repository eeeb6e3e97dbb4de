r"""Sellers lead, buyers follow: what is decided, what it must keep, by what it is judged, in plain numpy.

A decision says what each seller asks and what buyers buy where. Prices lie between the grid's, nobody sells more than
it has, demand is met, and buyers choose well: none pays more than at the cheapest seller with something left, or of the
grid.

Is it an equilibrium of the leaders too? ``epsilon`` is the most that any seller could gain over the horizon by other
prices of its own, the others' as they are and buyers answering; it is 0 exactly in an equilibrium, and may be positive
for every decision, since without congestion there need be none (Bertrand and Edgeworth). Is it good for all together?
``social_cost`` is what sellers forgo, congestion costs and the grid is paid; payments to sellers only change hands.

**Bound.** Of epsilon 0. Of the social cost, at any levels ν_t ≤ λ_b,

    Σ_t ν_t Q_t - Σ_tj max { (ν_t - k_tj) q - c_j q² : 0 ≤ q ≤ S_tj }.

Source: Paudel et al., IEEE TIE 66(8), 2019, restated with divisible demand; the criteria and the bound are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...instances.fields import Array, array
from ...instances.record import Decision
from ...instances.scheduling import PRICE
from ...instances.sellers import SellersInstance, tiny_sellers
from ..problem import TOLERANCE, Criterion, Problem, Violation, described
from .competition import buyers_regret, deviation_gain, least_social_cost

FOLLOWERS = 1e-7
"""Buyers' regret, in what demand costs at the grid's greatest price, up to which they count as choosing well."""

HALVINGS = 200
"""Bisection ends before, when there is no number between its two ends."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SellersDecision(Decision):
    """What sellers ask, and what buyers buy of each and of the grid.

    Parameters
    ----------
    instance : SellersInstance
        The game.
    price : (T, m) array, currency/kWh
        What each seller asks.
    sold_kwh : (T, m) array, kWh
        What buyers buy of each.
    grid_kwh : (T,) array, kWh
        What they buy of the grid.
    level : (T,) array, currency/kWh, optional
        What a kWh costs buyers, congestion included, wherever they buy; for reading only.
    """

    problem: ClassVar[str] = "stackelberg.sellers"

    instance: SellersInstance
    price: Array = array("interval", "seller", unit=PRICE)
    sold_kwh: Array = array("interval", "seller", unit="kWh")
    grid_kwh: Array = array("interval", unit="kWh")
    level: Array = array("interval", unit=PRICE, optional=True)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SellersPrices(Decision):
    """What proves a bound on the social cost; any values prove one, good ones a tight one.

    Parameters
    ----------
    instance : SellersInstance
        The game.
    energy_price : (T,) array, currency/kWh, optional
        What one more kWh of demand costs all together; put below the retail price.
    """

    problem: ClassVar[str] = "stackelberg.sellers"

    instance: SellersInstance
    energy_price: Array = array("interval", unit=PRICE, optional=True)


def violations(instance: SellersInstance, decision: SellersDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance.

    Parameters
    ----------
    instance : SellersInstance
        What is given.
    decision : SellersDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty where prices and energies keep their limits, demand is met and buyers choose well.
    """
    found = _broken_limits(instance, decision)
    sold, grid = decision.sold_kwh, decision.grid_kwh
    got = sold.sum(axis=1) + grid
    for t in np.flatnonzero(np.abs(got - instance.demand_kwh) > TOLERANCE * instance.demand_kwh):
        rule = "buyers do not get what they need"
        found.append(Violation(rule, str(instance.interval[t]), got[t], instance.demand_kwh[t], "kWh"))
    regret = buyers_regret(instance, decision.price, sold, grid)
    # In units of the whole horizon's prices: an interval's own may all be 0.
    slack = FOLLOWERS * (instance.price_size.max() or 1.0) * instance.demand_kwh
    for t in np.flatnonzero(regret > slack):
        rule = "buyers could pay less by choosing others"
        found.append(Violation(rule, str(instance.interval[t]), regret[t], slack[t], "currency"))
    return found


def _broken_limits(instance: SellersInstance, decision: SellersDecision) -> list[Violation]:
    price, sold = decision.price, decision.sold_kwh
    low, high = (np.broadcast_to(p[:, None], price.shape) for p in (instance.feed_in_price, instance.retail_price))
    money = TOLERANCE * instance.price_size[:, None]
    energy = TOLERANCE * np.maximum(instance.demand_kwh[:, None], instance.capacity_kwh)
    found = []
    for rule, value, limit, unit, over in (
        ("price is below the feed-in price", price, low, PRICE, low - price > money),
        ("price is above the retail price", price, high, PRICE, price - high > money),
        ("seller sells less than nothing", sold, np.zeros_like(sold), "kWh", -sold > energy),
        ("seller sells more than it has", sold, instance.capacity_kwh, "kWh", sold - instance.capacity_kwh > energy),
    ):
        for t, j in np.argwhere(over):
            where = f"{instance.interval[t]}, {instance.seller[j]}"
            found.append(Violation(rule, where, value[t, j], limit[t, j], unit))
    grid = decision.grid_kwh
    for t in np.flatnonzero(-grid > TOLERANCE * instance.demand_kwh):
        found.append(Violation("buyers sell to the grid", str(instance.interval[t]), grid[t], 0.0, "kWh"))
    return found


def epsilon(instance: SellersInstance, decision: SellersDecision) -> float:
    """The most that any seller could gain over the horizon by other prices of its own, buyers answering, currency."""
    return float(deviation_gain(instance, decision.price, decision.sold_kwh).sum(axis=0).max())


def social_cost(instance: SellersInstance, decision: SellersDecision) -> float:
    """What sellers forgo, congestion costs buyers and the grid is paid, currency."""
    sold = decision.sold_kwh
    own = (instance.unit_cost * sold + instance.congestion * sold**2).sum()
    return float(own + instance.retail_price @ decision.grid_kwh)


def buyers_cost(instance: SellersInstance, decision: SellersDecision) -> float:
    """What buyers pay sellers and the grid, and bear of congestion, currency."""
    sold = decision.sold_kwh
    own = (decision.price * sold + instance.congestion * sold**2).sum()
    return float(own + instance.retail_price @ decision.grid_kwh)


def sellers_profit(instance: SellersInstance, decision: SellersDecision) -> float:
    """What sellers are paid above what they forgo, currency."""
    return float(((decision.price - instance.unit_cost) * decision.sold_kwh).sum())


def efficient_level(instance: SellersInstance) -> np.ndarray:
    """What one more kWh costs all together where the social cost is least, (T,) currency/kWh, by bisection."""
    low, high = instance.unit_cost.min(axis=1), instance.retail_price.copy()
    slope = np.where(instance.congestion > 0, 2.0 * instance.congestion, 1.0)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if ((middle <= low) | (middle >= high)).all():
            break
        worth = middle[:, None] - instance.unit_cost
        flat = np.where(worth > 0, instance.capacity_kwh, 0.0)
        sold = np.where(instance.congestion > 0, np.clip(worth / slope, 0.0, instance.capacity_kwh), flat)
        short = sold.sum(axis=1) < instance.demand_kwh
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high


def price_of_anarchy(instance: SellersInstance, decision: SellersDecision) -> float:
    """Social cost over the least there is, 1 at best; NaN where that is not positive."""
    least = float(least_social_cost(instance, efficient_level(instance)).sum())
    return social_cost(instance, decision) / least if least > TOLERANCE * _worth(instance) else math.nan


def social_bound(instance: SellersInstance, prices: SellersPrices | None) -> float:
    """Least social cost that prices prove; without any, the better of what the grid's prices prove."""
    if prices is not None and prices.energy_price is not None:
        return float(least_social_cost(instance, prices.energy_price).sum())
    ends = [least_social_cost(instance, price) for price in (instance.feed_in_price, instance.retail_price)]
    return float(np.maximum(*ends).sum())


def _worth(instance: SellersInstance) -> float:
    """What demand costs at the greater of the grid's prices, currency."""
    return float(instance.price_size @ instance.demand_kwh)


def _scale(instance: SellersInstance) -> float:
    return 1e-3 * _worth(instance) or 1.0


def _gain_scale(instance: SellersInstance) -> float:
    """What all demand is worth between the grid's two prices: more than any seller can earn."""
    return float(instance.bracket @ instance.demand_kwh) or 1.0


def _certificate(instance: SellersInstance, decision: SellersDecision, prices: SellersPrices) -> dict[str, float]:
    """Social cost above what the prices prove, in units of its scale."""
    return {"duality": (social_cost(instance, decision) - social_bound(instance, prices)) / _scale(instance)}


def _regret(instance: SellersInstance, decision: SellersDecision) -> float:
    return float(buyers_regret(instance, decision.price, decision.sold_kwh, decision.grid_kwh).sum())


SELLERS = Problem(
    name="stackelberg.sellers",
    title="which prices do sellers set for buyers who choose among them?",
    source="Paudel et al., IEEE TIE 66(8), 2019",
    instance=SellersInstance,
    decision=SellersDecision,
    prices=SellersPrices,
    violations=violations,
    criteria=(
        Criterion(
            "epsilon",
            "the most that a seller could gain by other prices, 0 in equilibrium",
            "currency",
            "min",
            epsilon,
            _gain_scale,
            lambda i, p: 0.0,
        ),
        Criterion(
            "social_cost",
            "what sellers forgo, congestion costs and the grid is paid",
            "currency",
            "min",
            social_cost,
            _scale,
            social_bound,
            _certificate,
        ),
        described("buyers_cost", "what buyers pay, and bear of congestion", "currency", "min", buyers_cost),
        described("sellers_profit", "what sellers earn above what they forgo", "currency", "max", sellers_profit),
        described("price_of_anarchy", "social cost over the least there is", "1", "min", price_of_anarchy),
        described("regret", "what buyers could save by choosing others", "currency", "min", _regret),
    ),
    tiny=tiny_sellers,
)
