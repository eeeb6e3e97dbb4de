r"""A buyer that leads: what is decided, what it must keep, by what it is judged, in plain numpy.

A decision says what each seller is offered, what it sells, and what comes of the grid. Demand is met, and no seller
would sell more or less at its price: :math:`e_j = \min(p_j / \alpha_j, S_j)`.

Two questions, two criteria. What does the buyer pay, if it may offer each seller its own price (``payment``, its
Stackelberg optimum)? And what does it cost all together (``social_cost``), which the variational equilibrium of the
shared demand makes least: one price for all, the multiplier of demand?

**Bounds.** A seller that sells e is paid at least α e for each kWh, so that for any :math:`\nu_t \le \lambda_t`

.. math:: \sum_t \nu_t D_t - \sum_{tj} \max_{0 \le e \le S_{tj}} (\nu_t e - \kappa \alpha_j e^2)

bounds payments from below with :math:`\kappa = 1` and social cost with :math:`\kappa = 1/2`.

Source: Tushar et al., IEEE TSG 5(3), 2014, restated; criteria and bounds are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...instances.fields import Array, array
from ...instances.procurement import ProcurementInstance, tiny_procurement
from ...instances.record import Decision
from ...instances.scheduling import PRICE
from ..problem import TOLERANCE, Criterion, Problem, Violation, described

FOLLOWERS = 1e-9
"""Regret, in what demand costs of the grid, up to which a seller counts as answering well."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ProcurementDecision(Decision):
    """What sellers are offered and sell, and what the grid supplies.

    Parameters
    ----------
    instance : ProcurementInstance
        The game.
    price : (T, m) array, currency/kWh
        What each seller is offered.
    sold_kwh : (T, m) array, kWh
        What each sells.
    grid_kwh : (T,) array, kWh
        What the grid supplies.
    """

    problem: ClassVar[str] = "stackelberg.procurement"

    instance: ProcurementInstance
    price: Array = array("interval", "seller", unit=PRICE, low=0.0)
    sold_kwh: Array = array("interval", "seller", unit="kWh")
    grid_kwh: Array = array("interval", unit="kWh")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ProcurementPrices(Decision):
    """What proves bounds; any values prove some, good ones tight ones.

    Parameters
    ----------
    instance : ProcurementInstance
        The game.
    payment_level, social_level : (T,) arrays, currency/kWh, optional
        What one more kWh of demand costs the buyer, or all together; put between 0 and the retail price.
    """

    problem: ClassVar[str] = "stackelberg.procurement"

    instance: ProcurementInstance
    payment_level: Array = array("interval", unit=PRICE, optional=True)
    social_level: Array = array("interval", unit=PRICE, optional=True)


def best_answer(instance: ProcurementInstance, price: np.ndarray) -> np.ndarray:
    """What sellers sell at prices, (T, m) kWh."""
    return np.minimum(price / instance.cost_slope, instance.capacity_kwh)


def regret(instance: ProcurementInstance, price: np.ndarray, sold_kwh: np.ndarray) -> np.ndarray:
    """What each seller forgoes by what it sells at its price, (T, m) currency."""
    best = best_answer(instance, price)
    # The difference of two squares, formed so that it is exact near 0.
    found: np.ndarray = (best - sold_kwh) * (price - 0.5 * instance.cost_slope * (best + sold_kwh))
    return found


def violations(instance: ProcurementInstance, decision: ProcurementDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance.

    Parameters
    ----------
    instance : ProcurementInstance
        What is given.
    decision : ProcurementDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty where demand is met, capacities are kept and sellers answer well.
    """
    sold, grid, found = decision.sold_kwh, decision.grid_kwh, []
    slack = TOLERANCE * np.maximum(instance.demand_kwh[:, None], instance.capacity_kwh)
    for rule, limit, over in (
        ("sells less than nothing", np.zeros_like(sold), -sold > slack),
        ("sells more than it has", instance.capacity_kwh, sold - instance.capacity_kwh > slack),
    ):
        for t, j in np.argwhere(over):
            found.append(Violation(rule, _where(instance, t, j), sold[t, j], limit[t, j], "kWh"))
    for t in np.flatnonzero(-grid > TOLERANCE * instance.demand_kwh):
        found.append(Violation("buyer sells to the grid", str(instance.interval[t]), grid[t], 0.0, "kWh"))
    got = sold.sum(axis=1) + grid
    for t in np.flatnonzero(instance.demand_kwh - got > TOLERANCE * instance.demand_kwh):
        rule = "buyer does not get what it needs"
        found.append(Violation(rule, str(instance.interval[t]), got[t], instance.demand_kwh[t], "kWh"))
    forgone = regret(instance, decision.price, sold)
    allowed = FOLLOWERS * np.maximum(instance.money_size[:, None], decision.price * instance.capacity_kwh)
    for t, j in np.argwhere(forgone > allowed):
        rule = "could do better at its price, and forgoes"
        found.append(Violation(rule, _where(instance, t, j), forgone[t, j], allowed[t, j], "currency"))
    return found


def _where(instance: ProcurementInstance, t: int, j: int) -> str:
    return f"{instance.interval[t]}, {instance.seller[j]}"


def payment(instance: ProcurementInstance, decision: ProcurementDecision) -> float:
    """What the buyer pays sellers and the grid, currency."""
    return float((decision.price * decision.sold_kwh).sum() + instance.retail_price @ decision.grid_kwh)


def social_cost(instance: ProcurementInstance, decision: ProcurementDecision) -> float:
    """What selling costs sellers, and the grid, currency."""
    own = 0.5 * (instance.cost_slope * decision.sold_kwh**2).sum()
    return float(own + instance.retail_price @ decision.grid_kwh)


def sellers_profit(instance: ProcurementInstance, decision: ProcurementDecision) -> float:
    """What sellers are paid above their costs, currency."""
    paid = decision.price * decision.sold_kwh
    return float((paid - 0.5 * instance.cost_slope * decision.sold_kwh**2).sum())


def followers_epsilon(instance: ProcurementInstance, decision: ProcurementDecision) -> float:
    """The most that a seller forgoes in an interval at its price, currency."""
    return float(regret(instance, decision.price, decision.sold_kwh).max())


def _proved(instance: ProcurementInstance, level: np.ndarray, share: float) -> float:
    """Least of the criterion whose sellers count with a share of α e² that levels prove."""
    level = np.clip(level, 0.0, instance.retail_price)
    steep = share * instance.cost_slope
    sold = np.minimum(level[:, None] / (2.0 * steep), instance.capacity_kwh)
    proved = level * instance.demand_kwh - ((level[:, None] - steep * sold) * sold).sum(axis=1)
    # Nobody is paid less than nothing, whatever a level says.
    return float(np.maximum(proved, 0.0).sum())


def payment_bound(instance: ProcurementInstance, prices: ProcurementPrices | None) -> float:
    """Least payment that levels prove; half the retail price without any."""
    given = prices is not None and prices.payment_level is not None
    level = prices.payment_level if given and prices is not None else 0.5 * instance.retail_price
    return _proved(instance, np.asarray(level), 1.0)


def social_bound(instance: ProcurementInstance, prices: ProcurementPrices | None) -> float:
    """Least social cost that levels prove; half the retail price without any."""
    given = prices is not None and prices.social_level is not None
    level = prices.social_level if given and prices is not None else 0.5 * instance.retail_price
    return _proved(instance, np.asarray(level), 0.5)


def _scale(instance: ProcurementInstance) -> float:
    return 1e-3 * float(instance.money_size.sum()) or 1.0


PROCUREMENT = Problem(
    name="stackelberg.procurement",
    title="which prices should a buyer offer sellers who answer them?",
    source="Tushar et al., IEEE TSG 5(3), 2014",
    instance=ProcurementInstance,
    decision=ProcurementDecision,
    prices=ProcurementPrices,
    violations=violations,
    criteria=(
        Criterion("payment", "what the buyer pays", "currency", "min", payment, _scale, payment_bound),
        Criterion("social_cost", "what it costs all together", "currency", "min", social_cost, _scale, social_bound),
        described("sellers_profit", "what sellers earn above their costs", "currency", "max", sellers_profit),
        described("followers_epsilon", "the most that a seller forgoes", "currency", "min", followers_epsilon),
    ),
    tiny=tiny_procurement,
)
