"""Runs for firm offers: quantiles, the choice of scenarios that may fail, and the cautious program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.firm_offer import CHANCE, FirmOfferInstance
from ..models.aggregator.firm_offer import FirmOfferDecision, FirmOfferPrices, lonely_offer_kw
from ..models.aggregator.firm_offer_program import build_cautious, build_joint
from .array_programs import TIGHT
from .method import Answer
from .program_runs import Watch, timed
from .programs import Outcome, solve_pyomo

if TYPE_CHECKING:
    import pyomo.environ as pyo


def by_block(instance: FirmOfferInstance, offer_kw: np.ndarray) -> Answer:
    """An offer for each block, (B,) kW, put between nothing and the limit."""
    offer = np.clip(offer_kw, 0.0, instance.limit_kw)[instance.block]
    return Answer(FirmOfferDecision(instance=instance, offer_kw=offer))


def nobody_fails(instance: FirmOfferInstance) -> np.ndarray:
    """No scenario in no group, (S, G) of bool, to begin with."""
    return np.zeros((len(instance.scenario), int(instance.group[-1]) + 1), bool)


def best_without(instance: FirmOfferInstance, fails: np.ndarray) -> np.ndarray:
    """Best offer of each block, (B,) kW, if scenarios may fail in the groups (S, G) of bool."""
    there = np.minimum(instance.available_kw, instance.limit_kw)
    excused = fails[:, instance.group] | (instance.chance <= 0)[:, None]
    least = np.where(excused, np.inf, there).min(axis=0)
    # Where all scenarios may fail, the most that any of them has is enough.
    least = np.minimum(least, there.max(axis=0))
    return np.asarray(np.minimum.reduceat(least, instance.begins))


def run_quantile(instance: FirmOfferInstance) -> Answer:
    """What each block alone allows, which is best where blocks do not share their chance to fail.

    Raises
    ------
    NotApplicable
        If several blocks share it.
    """
    if instance.scope == "horizon" and instance.block[-1] > 0:
        raise NotApplicable(f"{int(instance.block[-1]) + 1} blocks share one chance to fail; see joint")
    return by_block(instance, lonely_offer_kw(instance))


def run_joint(instance: FirmOfferInstance, *, time_limit_s: float | None = None) -> Answer:
    """The program that chooses which scenarios may fail (HiGHS), with the bound of its relaxation.

    Raises
    ------
    NotApplicable
        If time is over before there is a point.
    """
    watch = Watch.start(time_limit_s)
    relaxed, seconds = timed(lambda: build_joint(instance, whole=False))
    first = solve_pyomo(relaxed, time_limit_s=watch.left(), duals=True, **TIGHT)
    prices = _prices(instance, relaxed, first) if first.has_solution else None
    model, more = timed(lambda: build_joint(instance))
    outcome = solve_pyomo(model, time_limit_s=watch.left(), **TIGHT)
    if not outcome.has_solution:
        raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
    chosen = nobody_fails(instance)
    for at, cell in model.fails.items():
        chosen[at] = cell.value is not None and cell.value > 0.5
    answer = by_block(instance, best_without(instance, chosen))
    built = seconds + more + outcome.build_seconds
    return Answer(answer.decision, prices, outcome.status, {"income": outcome.bound}, built)


def _prices(instance: FirmOfferInstance, model: pyo.ConcreteModel, outcome: Outcome) -> FirmOfferPrices:
    weight = np.zeros(instance.available_kw.shape)
    for at, row in model.offer_is_there_or_fails.items():
        weight[at] = max(float(outcome.dual(row)), 0.0)
    return FirmOfferPrices(instance=instance, scenario_weight=weight)


def run_cautious(instance: FirmOfferInstance, *, time_limit_s: float | None = None) -> Answer:
    """The cautious program (HiGHS): the mean of the worst part of what is missing is not positive.

    Raises
    ------
    NotApplicable
        If time is over before there is a point, or nothing may fail.
    """
    if instance.epsilon <= CHANCE:
        raise NotApplicable("nothing may fail, so that there is no worst part to take a mean of; see worst_case")
    watch = Watch.start(time_limit_s)
    model, seconds = timed(lambda: build_cautious(instance))
    outcome = solve_pyomo(model, time_limit_s=watch.left(), **TIGHT)
    if not outcome.has_solution:
        raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
    answer = by_block(instance, np.array([model.offer[b].value for b in model.block]))
    # The program has proved what is best for the cautious rule, not for the chance itself.
    return Answer(answer.decision, None, None, {}, seconds + outcome.build_seconds)
