"""The least core by row generation: a program with some groups, and a search for those that it has left out.

Many bills have the least excess over the groups that the program knows, and those at a corner have nothing to do with
where it ends: a thousand groups later it is still somewhere else. So beyond the number of members whose groups can all
be gone through, the bills nearest to those of the dual price are tried, to which no group objects from the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.settlement import SettlementInstance, subset_sums
from ..models.settlement.decision import SettlementDecision, SettlementPrices
from ..models.settlement.program import Group, build_least_core, build_most_aggrieved, build_nearest_bills
from .array_programs import TIGHT
from .kernels.coalitions import aggrieved_groups
from .method import Answer
from .program_runs import Watch, timed
from .programs import TIGHT_CONES, Outcome, SolverError, solve_cvxpy, solve_pyomo
from .settlement_kernels import settle_at_dual
from .status import Status

ROWS_AT_ONCE = 40
"""Groups that a round of row generation adds at most, the most aggrieved first."""

STARTS = 40
"""Groups, random ones and as many that the program has, from which a search for others begins."""

CLOSE = 1e-9
"""Excess, in units of the money's scale, by which a group may pass the program's before it is added."""


def money_scale(instance: SettlementInstance) -> float:
    """Unit of money in programs, in currency: the greatest cost of a group or member."""
    costs = instance.coalition_costs if instance.enumerable else instance.alone_bill
    price = np.maximum(np.abs(instance.retail_price), np.abs(instance.feed_in_price))
    traded = float(price @ (instance.buying_kwh + instance.selling_kwh))
    return float(np.abs(costs).max(initial=0.0)) or traded or 1.0


def group_costs(instance: SettlementInstance, groups: Iterable[Group], scale: float) -> dict[Group, float]:
    """Cost of some groups by themselves, in units of the scale."""
    listed = list(groups)
    rows = np.zeros((len(listed), len(instance.member)))
    for row, group in zip(rows, listed, strict=True):
        row[list(group)] = 1.0
    return dict(zip(listed, (instance.cost_of(rows) / scale).tolist(), strict=True))


def weights_of(instance: SettlementInstance, groups: list[Group], duals: dict[int, float]) -> SettlementPrices:
    """Duals of groups as weights, in which a bound is proved."""
    weight = np.maximum([-duals[g] for g in range(len(groups))], 0.0)
    some = np.flatnonzero(weight > 0)
    members = np.zeros((len(some), len(instance.member)), dtype=int)
    for row, g in zip(members, some, strict=True):
        row[list(groups[g])] = 1
    return SettlementPrices(instance=instance, coalition_weight=weight[some], weighted_member=members)


def found_by_program(
    instance: SettlementInstance, bill: np.ndarray, scale: float, time_limit_s: float | None
) -> tuple[Outcome, np.ndarray | None]:
    """The most aggrieved group of two members or more by its program (HiGHS), (n,) of bool; None without one."""
    model = build_most_aggrieved(instance, bill.tolist(), scale)
    outcome = solve_pyomo(model, time_limit_s=time_limit_s, mip_rel_gap=1e-9)
    if not outcome.has_solution:
        return outcome, None
    return outcome, np.array([model.belongs[i].value > 0.5 for i in model.member])


def run_least_core(instance: SettlementInstance, *, time_limit_s: float | None = None) -> Answer:
    """Bills whose greatest excess is least, by row generation (HiGHS).

    The value of the program with some groups is a lower bound of the least excess at any time; where no group is left
    out it is the least excess, and its duals prove it.

    Parameters
    ----------
    instance : SettlementInstance
        What is given.
    time_limit_s : float, optional
        For all rounds together; the bills and duals of the last round are returned then.

    Returns
    -------
    Answer
    """
    n, watch = len(instance.member), Watch.start(time_limit_s)
    if n == 1:
        return Answer(SettlementDecision(instance=instance, bill=[instance.community_bill]), status=Status.OPTIMAL)
    scale = money_scale(instance)
    costs = group_costs(instance, _first_groups(n), scale)
    bill = centre = _first_bills(instance)
    build_total, rounds, status, prices = 0.0, 0, Status.TIME_LIMIT, None
    while not watch.over():
        model, build_seconds = timed(partial(build_least_core, n, instance.community_bill / scale, costs))
        outcome = solve_pyomo(model, time_limit_s=watch.left(), duals=True, **TIGHT)
        build_total, rounds = build_total + build_seconds + outcome.build_seconds, rounds + 1
        if outcome.status is not Status.OPTIMAL:
            break
        least = float(model.excess.value)
        # Before new groups take the place of those that the duals belong to.
        prices = weights_of(instance, list(costs), outcome.dual(model.group_is_content))
        bill = np.array([model.bill[i].value for i in model.member])
        if not instance.enumerable:
            nearest, build_seconds = _nearest(instance.community_bill / scale, costs, least, centre / scale, watch)
            build_total += build_seconds
            bill = bill if nearest is None else nearest
        bill = bill * scale
        bill += (instance.community_bill - bill.sum()) / n
        found = _left_out(instance, bill, least, scale, costs, watch)
        if found is None:
            break
        if found and all(group in costs for group in found):
            # Members of very different size: the search's tolerance makes a known group object, and no round ends it.
            status = Status.FEASIBLE
            break
        if not found:
            status = Status.OPTIMAL
            break
        costs |= group_costs(instance, found, scale)
    notes = [f"{rounds} rounds, {len(costs)} of {2**n - 2:.3g} groups"]
    if status is Status.OPTIMAL:
        notes.append(f"least excess {least * scale:.6g} {instance.currency}: no group is left out that objects by more")
    return Answer(SettlementDecision(instance=instance, bill=bill), prices, status, {}, build_total, tuple(notes))


def _nearest(
    total: float, costs: dict[Group, float], least: float, centre: np.ndarray, watch: Watch
) -> tuple[np.ndarray | None, float]:
    """Bills of an excess nearest to others (Clarabel), and seconds of stating it.

    None where the solver has none, or none that keep the rows: then any bills of that excess have to do.
    """
    program, build_seconds = timed(partial(build_nearest_bills, total, costs, least, centre))
    try:
        outcome = solve_cvxpy(program.problem, time_limit_s=watch.left(), **TIGHT_CONES)
    except (SolverError, InfeasibleError):
        return None, build_seconds
    build_seconds += outcome.build_seconds
    if not outcome.has_solution:
        return None, build_seconds
    bill = np.asarray(program.bill.value, dtype=float)
    broken = max(bill[list(group)].sum() - cost - least for group, cost in costs.items())
    return (bill if broken <= CLOSE else None), build_seconds


def _left_out(
    instance: SettlementInstance, bill: np.ndarray, least: float, scale: float, known: dict[Group, float], watch: Watch
) -> list[Group] | None:
    """Groups that object to bills by more than the program's excess; None where time was over before that is known."""
    above = (least + CLOSE) * scale
    if instance.enumerable:
        return _objecting(instance, bill, above, known)
    return _objecting(instance, bill, above, known) or _last_objecting(instance, bill, above, scale, watch)


def _first_bills(instance: SettlementInstance) -> np.ndarray:
    """Bills to which no group objects, those of the dual price, where it is known; otherwise all save alike."""
    try:
        decision = settle_at_dual(instance, 0.5).decision
    except NotApplicable:
        return instance.alone_bill - (instance.alone_bill.sum() - instance.community_bill) / len(instance.member)
    assert isinstance(decision, SettlementDecision)
    found: np.ndarray = decision.bill + (instance.community_bill - decision.bill.sum()) / len(instance.member)
    return found


def _first_groups(n: int) -> list[Group]:
    """Each member alone, and all the others without it."""
    alone = [(i,) for i in range(n)]
    return list(dict.fromkeys(alone + [tuple(j for j in range(n) if j != i) for i in range(n)]))


def _objecting(instance: SettlementInstance, bill: np.ndarray, above: float, known: dict[Group, float]) -> list[Group]:
    """Groups that the program has not, whose excess is above a value, the greatest first: all there are, or by search.

    For few members all groups are looked at, so that none objects where none is found.
    """
    if instance.enumerable:
        excess = subset_sums(bill) - instance.coalition_costs
        excess[[0, -1]] = -np.inf
        order = np.argsort(-excess, kind="stable")[:ROWS_AT_ONCE]
        groups = [_group(int(mask), len(bill)) for mask in order if excess[mask] > above]
    else:
        groups = _searched(instance, bill, above, known)
    return [group for group in groups if group not in known][:ROWS_AT_ONCE]


def _group(mask: int, n: int) -> Group:
    return tuple(i for i in range(n) if mask >> i & 1)


def _searched(instance: SettlementInstance, bill: np.ndarray, above: float, known: dict[Group, float]) -> list[Group]:
    n = len(bill)
    rng = np.random.default_rng(len(known))
    starts = rng.random((STARTS, n)) < rng.uniform(0.1, 0.9, (STARTS, 1))
    latest = list(known)[-STARTS:]
    rows = np.zeros((len(latest), n), dtype=bool)
    for row, group in zip(rows, latest, strict=True):
        row[list(group)] = True
    begin = np.vstack([starts, rows])
    groups, saving = aggrieved_groups(instance.net_kwh, instance.retail_price, instance.feed_in_price, bill, begin)
    order = np.argsort(-saving, kind="stable")
    return list(dict.fromkeys(_positions(groups[k]) for k in order if saving[k] > above and 0 < groups[k].sum() < n))


def _last_objecting(
    instance: SettlementInstance, bill: np.ndarray, above: float, scale: float, watch: Watch
) -> list[Group] | None:
    """The most aggrieved group by its program, if its excess is above a value; None where that is not known in time."""
    outcome, member = found_by_program(instance, bill, scale, watch.left())
    if member is not None and outcome.objective * scale > above:
        return [_positions(member)]
    return [] if outcome.status is Status.OPTIMAL else None


def _positions(member: np.ndarray) -> Group:
    return tuple(np.flatnonzero(member).tolist())
