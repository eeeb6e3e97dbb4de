"""Runs for a buyer that leads: prices become answers, the two optima by filling vessels, and the program read."""

from __future__ import annotations

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.procurement import ProcurementInstance
from ..models.stackelberg.procurement import ProcurementDecision, ProcurementPrices, best_answer
from ..models.stackelberg.procurement_program import build_procurement
from .kernels.seller_prices import buyers_choice
from .method import Answer
from .program_runs import Watch, timed
from .programs import TIGHT_CONES, solve_cvxpy


def offered(instance: ProcurementInstance, price: np.ndarray, prices: ProcurementPrices | None = None) -> Answer:
    """What sellers answer to prices, the rest of the grid.

    Parameters
    ----------
    instance : ProcurementInstance
        The game.
    price : (T, m) array, currency/kWh
        What each is offered.
    prices : ProcurementPrices, optional
        What proves a bound.
    """
    sold = best_answer(instance, price)
    grid = np.maximum(instance.demand_kwh - sold.sum(axis=1), 0.0)
    return Answer(ProcurementDecision(instance=instance, price=price, sold_kwh=sold, grid_kwh=grid), prices)


def filled(instance: ProcurementInstance, share: float) -> tuple[np.ndarray, np.ndarray]:
    """What sellers sell where the program of a share is solved by filling vessels, and its level of demand.

    A vessel rises by 2 κ α for each kWh and ends at its capacity; the grid is a lake at the retail price.
    """
    nothing = np.zeros_like(instance.capacity_kwh)
    slope = 2.0 * share * instance.cost_slope
    sold, _, level = buyers_choice(nothing, slope, instance.capacity_kwh, instance.demand_kwh, instance.retail_price)
    return sold, level


def run_least_payment(instance: ProcurementInstance) -> Answer:
    """The least that the buyer can pay: each seller is offered just what makes it sell its part."""
    sold, level = filled(instance, 1.0)
    return offered(instance, instance.cost_slope * sold, ProcurementPrices(instance=instance, payment_level=level))


def run_clearing_price(instance: ProcurementInstance) -> Answer:
    """The variational equilibrium: one price for all, the multiplier of demand where all together pay least."""
    sold, level = filled(instance, 0.5)
    # Where nobody sells all it has, the price is what the last kWh costs; else the least at which they do.
    most = (instance.cost_slope * sold).max(axis=1)
    price = np.repeat(np.minimum(level, most)[:, None], len(instance.seller), axis=1)
    return offered(instance, price, ProcurementPrices(instance=instance, social_level=level))


def run_program(instance: ProcurementInstance, share: float, *, time_limit_s: float | None = None) -> Answer:
    """One of the two optima as declared in CVXPY (Clarabel), at the prices that bring it about.

    Raises
    ------
    NotApplicable
        If time is over before there is a point: an interior-point method has nothing to show before it ends.
    """
    watch = Watch.start(time_limit_s)
    program, seconds = timed(lambda: build_procurement(instance, share=share))
    outcome = solve_cvxpy(program.problem, time_limit_s=watch.left(), **TIGHT_CONES)
    if not outcome.has_solution:
        raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
    sold = np.clip(np.asarray(program.sold.value) * program.energy, 0.0, instance.capacity_kwh)
    level = np.asarray(outcome.dual(program.demand_is_met)).reshape(-1) * program.money
    name = "payment_level" if share == 1.0 else "social_level"
    prices = ProcurementPrices(instance=instance, **{name: level})
    found = offered(instance, instance.cost_slope * sold, prices)
    return Answer(found.decision, prices, outcome.status, {}, seconds + outcome.build_seconds)
