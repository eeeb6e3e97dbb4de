"""Runs of settlement programs: social cost, and the group that a settlement gives most reason to leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.settlement import SettlementInstance, subset_sums
from ..models.settlement.decision import SettlementPrices
from ..models.settlement.program import build_social_cost
from .array_programs import TIGHT
from .method import Answer
from .program_runs import Watch, timed
from .programs import solve_pyomo
from .settlement_least_core import found_by_program, money_scale
from .settlements import settle_at
from .status import Status


def run_social_cost(instance: SettlementInstance, *, time_limit_s: float | None = None) -> Answer:
    """Bills at the duals of the social-cost program (HiGHS).

    Parameters
    ----------
    instance : SettlementInstance
        What is given.
    time_limit_s : float, optional
        For stating and solving together.

    Returns
    -------
    Answer

    Raises
    ------
    NotApplicable
        Where members by themselves would have another dispatch: the dual comes from the program that made this one.
    """
    if instance.redispatched:
        raise NotApplicable(
            "members by themselves have another dispatch; dual_price settles at the dispatch's own dual"
        )
    watch = Watch.start(time_limit_s)
    model, build_seconds = timed(lambda: build_social_cost(instance))
    outcome = solve_pyomo(model, time_limit_s=watch.left(), duals=True, **TIGHT)
    if outcome.status is not Status.OPTIMAL:
        raise NotApplicable(f"the solver stopped ({outcome.status}) before there were duals; allow more time")
    price = np.array([outcome.dual(model.community_is_balanced)[t] for t in model.interval])
    price = np.clip(price, instance.feed_in_price, instance.retail_price)
    prices = SettlementPrices(instance=instance, energy_price=price)
    seconds = build_seconds + outcome.build_seconds
    return settle_at(instance, price, price, prices=prices, status=outcome.status, build_seconds=seconds)


@dataclass(frozen=True)
class Aggrieved:
    """The group that a settlement gives most reason to leave.

    Parameters
    ----------
    member : (n,) array of bool
        Who belongs to it; neither nobody nor all.
    excess : float, currency
        What it would save by itself; negative where it would lose.
    bound : float, currency
        No group would save more.
    """

    member: np.ndarray
    excess: float
    bound: float


def most_aggrieved(instance: SettlementInstance, bill: np.ndarray, *, time_limit_s: float | None = None) -> Aggrieved:
    """Find the group, neither empty nor the whole, that would save most by itself at given bills.

    Up to 16 members all groups are gone through; beyond that by an integer program (HiGHS).

    Parameters
    ----------
    instance : SettlementInstance
        At least two members.
    bill : (n,) array, currency
        What members pay.
    time_limit_s : float, optional
        For the program; what it has found by then is returned with the bound that it has proved.

    Returns
    -------
    Aggrieved

    Raises
    ------
    ValueError
        For bills that are not one number for each member.
    NotApplicable
        If there is only one member, or the program has found nothing in time.
    """
    n, bill = len(instance.member), np.asarray(bill, dtype=float)
    if bill.shape != (n,) or not np.isfinite(bill).all():
        raise ValueError(f"bill must be a finite number for each of {n} members, not of shape {bill.shape}")
    if n < 2:
        raise NotApplicable("a single member has no group to leave")
    if instance.enumerable:
        excess = (subset_sums(bill) - instance.coalition_costs)[1:-1]
        best = int(excess.argmax())
        member = (best + 1) >> np.arange(n) & 1 > 0
        return Aggrieved(member, float(excess[best]), float(excess[best]))
    single = bill - instance.alone_bill
    alone = int(single.argmax())
    outcome, found = found_by_program(instance, bill, money_scale(instance), time_limit_s)
    if found is None:
        raise NotApplicable("the program found no group in time; allow more")
    excess = _excess(instance, bill, found)
    bound = max(excess, float(outcome.bound * money_scale(instance)), float(single[alone]))
    if single[alone] > excess:
        return Aggrieved(np.arange(n) == alone, float(single[alone]), bound)
    return Aggrieved(found, excess, bound)


def _excess(instance: SettlementInstance, bill: np.ndarray, member: np.ndarray) -> float:
    return float(bill[member].sum() - instance.cost_of(member[None, :].astype(float))[0])
