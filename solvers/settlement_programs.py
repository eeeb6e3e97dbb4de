"""Runs of the settlement programs: social cost, least core by row generation, nucleolus level by level."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.settlement import SettlementInstance, subset_sums
from ..models.settlement.decision import SettlementDecision, SettlementPrices
from ..models.settlement.program import Group, build_least_core, build_most_aggrieved, build_social_cost
from .array_programs import TIGHT
from .method import Answer
from .program_runs import Watch, timed
from .programs import Outcome, solve_pyomo
from .settlements import settle_at
from .status import Status

ROWS_AT_ONCE = 40
"""Groups that a round of row generation adds at most, the most aggrieved first."""

CLOSE = 1e-9
"""Excess, in units of the money's scale, by which a group may pass the program's before it is added."""

NUCLEOLUS_MEMBERS = 12
"""Members up to which all groups stand in one program."""


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
        Where groups by themselves would have another dispatch: its dual comes from the program that made the dispatch.
    """
    if len(instance.coalition):
        raise NotApplicable("groups by themselves have another dispatch; dual_price settles at the dispatch's own dual")
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
    NotApplicable
        If there is only one member, or the program has found nothing in time.
    """
    n = len(instance.member)
    if n < 2:
        raise NotApplicable("a single member has no group to leave")
    if instance.enumerable:
        excess = (subset_sums(bill) - instance.coalition_costs)[1:-1]
        best = int(excess.argmax())
        member = (best + 1) >> np.arange(n) & 1 > 0
        return Aggrieved(member, float(excess[best]), float(excess[best]))
    scale = _scale(instance)
    outcome, member = _found_by_program(instance, bill, scale, time_limit_s)
    if member is None:
        raise NotApplicable("the program found no group in time; allow more")
    excess = float(bill[member].sum() - instance.cost_of(member[None, :].astype(float))[0])
    return Aggrieved(member, excess, max(excess, float(outcome.bound * scale)))


def _found_by_program(
    instance: SettlementInstance, bill: np.ndarray, scale: float, time_limit_s: float | None
) -> tuple[Outcome, np.ndarray | None]:
    model = build_most_aggrieved(instance, bill, scale)
    outcome = solve_pyomo(model, time_limit_s=time_limit_s, mip_rel_gap=1e-9)
    if not outcome.has_solution:
        return outcome, None
    return outcome, np.array([model.belongs[i].value > 0.5 for i in model.member])


def _scale(instance: SettlementInstance) -> float:
    costs = instance.coalition_costs if instance.enumerable else instance.separate_bill
    price = np.maximum(np.abs(instance.retail_price), np.abs(instance.feed_in_price))
    traded = float(price @ (instance.buying_kwh + instance.selling_kwh))
    return float(np.abs(costs).max(initial=0.0)) or traded or 1.0


def run_least_core(instance: SettlementInstance, *, time_limit_s: float | None = None) -> Answer:
    """Bills whose greatest excess is least, by row generation (HiGHS).

    Rounds of a program with some groups and a search for groups that it has left out. Its value is a lower bound of the
    least excess at any time; where no group is left out it is the least excess, and its duals prove it.

    Parameters
    ----------
    instance : SettlementInstance
        What is given.
    time_limit_s : float, optional
        For all rounds together.

    Returns
    -------
    Answer
    """
    n, watch = len(instance.member), Watch.start(time_limit_s)
    if n == 1:
        return Answer(SettlementDecision(instance=instance, bill=[instance.community_bill]), status=Status.OPTIMAL)
    scale = _scale(instance)
    costs = _costs(instance, _first_groups(n), scale)
    build_total, rounds = 0.0, 0
    while True:
        model, build_seconds = timed(partial(build_least_core, n, instance.community_bill / scale, costs))
        outcome = solve_pyomo(model, time_limit_s=watch.left(), duals=True, **TIGHT)
        build_total, rounds = build_total + build_seconds + outcome.build_seconds, rounds + 1
        if outcome.status is not Status.OPTIMAL:
            raise NotApplicable(f"the solver stopped ({outcome.status}) in round {rounds}; allow more time")
        bill = np.array([model.bill[i].value for i in model.member]) * scale
        bill += (instance.community_bill - bill.sum()) / n
        excess = model.excess.value * scale
        # Before new groups take the place of those that the duals belong to.
        prices = _weights(instance, list(costs), outcome.dual(model.group_is_content))
        left_out = _left_out(instance, bill, excess, scale, costs, watch)
        if left_out is None or not left_out:
            break
        costs |= left_out
    status = Status.OPTIMAL if left_out is not None else Status.TIME_LIMIT
    notes = (f"{rounds} rounds, {len(costs)} of {2**n - 2:.3g} groups",)
    decision = SettlementDecision(instance=instance, bill=bill)
    return Answer(decision, prices, status, {}, build_total, notes)


def _first_groups(n: int) -> list[Group]:
    """Each member alone, and all the others without it."""
    alone = [(i,) for i in range(n)]
    return list(dict.fromkeys(alone + [tuple(j for j in range(n) if j != i) for i in range(n)]))


def _costs(instance: SettlementInstance, groups: Iterable[Group], scale: float) -> dict[Group, float]:
    listed = list(groups)
    rows = np.zeros((len(listed), len(instance.member)))
    for row, group in zip(rows, listed, strict=True):
        row[list(group)] = 1.0
    return dict(zip(listed, (instance.cost_of(rows) / scale).tolist(), strict=True))


def _left_out(
    instance: SettlementInstance,
    bill: np.ndarray,
    excess: float,
    scale: float,
    known: dict[Group, float],
    watch: Watch,
) -> dict[Group, float] | None:
    """Groups whose excess is greater than the program's, the greatest first; None where time was over before."""
    if instance.enumerable:
        above = (subset_sums(bill) - instance.coalition_costs) - excess
        above[[0, -1]] = -np.inf
        order = np.argsort(-above, kind="stable")[:ROWS_AT_ONCE]
        found = [_group(int(mask), len(bill)) for mask in order if above[mask] > CLOSE * scale]
    else:
        outcome, member = _found_by_program(instance, bill, scale, watch.left())
        if outcome.status is not Status.OPTIMAL:
            return None
        found = [tuple(np.flatnonzero(member).tolist())] if outcome.objective > excess / scale + CLOSE else []
    return _costs(instance, (group for group in found if group not in known), scale)


def _group(mask: int, n: int) -> Group:
    return tuple(i for i in range(n) if mask >> i & 1)


def _weights(instance: SettlementInstance, groups: list[Group], duals: dict[int, float]) -> SettlementPrices:
    """Duals of groups as weights, in which a bound is proved."""
    weight = np.maximum([-duals[g] for g in range(len(groups))], 0.0)
    some = np.flatnonzero(weight > 0)
    members = np.zeros((len(some), len(instance.member)), dtype=int)
    for row, g in zip(members, some, strict=True):
        row[list(groups[g])] = 1
    return SettlementPrices(instance=instance, coalition_weight=weight[some], weighted_member=members)


def run_nucleolus(instance: SettlementInstance, *, time_limit_s: float | None = None) -> Answer:
    """Bills whose excesses, sorted from the greatest on, are least one after the other (HiGHS).

    Each level is a program over all groups. What its duals show to be tight in every optimum is settled at that
    level, until what is settled leaves no choice.

    Parameters
    ----------
    instance : SettlementInstance
        At most 12 members.
    time_limit_s : float, optional
        For all levels together.

    Returns
    -------
    Answer
        Its log ``levels`` has a row a level: the excess and the groups settled there.

    Raises
    ------
    NotApplicable
        For more members.
    """
    n, watch = len(instance.member), Watch.start(time_limit_s)
    if n > NUCLEOLUS_MEMBERS:
        raise NotApplicable(f"{n} members have 2^{n} groups; the nucleolus is found for up to {NUCLEOLUS_MEMBERS}")
    if n == 1:
        return run_least_core(instance)
    scale = _scale(instance)
    proper = [group for size in range(1, n) for group in combinations(range(n), size)]
    costs = _costs(instance, proper, scale)
    total = instance.community_bill / scale
    span, settled = _Span(n), dict[Group, float]()
    span.add(tuple(range(n)))
    log, build_total, prices = [], 0.0, None
    while span.rank < n:
        open_costs = {group: cost for group, cost in costs.items() if not span.holds(group)}
        model, build_seconds = timed(partial(build_least_core, n, total, open_costs, settled))
        outcome = solve_pyomo(model, time_limit_s=watch.left(), duals=True, **TIGHT)
        build_total += build_seconds + outcome.build_seconds
        if outcome.status is not Status.OPTIMAL:
            raise NotApplicable(f"the solver stopped ({outcome.status}) at level {len(log) + 1}; allow more time")
        open_groups = list(open_costs)
        duals = outcome.dual(model.group_is_content)
        if prices is None:
            prices = _weights(instance, open_groups, duals)
        tight = sorted(range(len(open_groups)), key=lambda g: duals[g])
        before = span.rank
        for g in tight:
            # At least one dual is as great as their mean; smaller ones may be rounding.
            if (duals[g] < -1e-6 or span.rank == before) and not span.holds(open_groups[g]):
                settled[open_groups[g]] = costs[open_groups[g]] + model.excess.value
                span.add(open_groups[g])
        log.append({"excess": model.excess.value * scale, "settled_groups": span.rank - before})
    bill = _meet(n, total, settled) * scale
    return _finished(instance, bill, prices, build_total, log)


def _meet(n: int, total: float, settled: dict[Group, float]) -> np.ndarray:
    """The one point at which all settled groups pay what they do."""
    rows = np.zeros((1 + len(settled), n))
    rows[0] = 1.0
    for row, group in zip(rows[1:], settled, strict=True):
        row[list(group)] = 1.0
    found: np.ndarray = np.linalg.lstsq(rows, np.array([total, *settled.values()]), rcond=None)[0]
    return found


def _finished(
    instance: SettlementInstance,
    bill: np.ndarray,
    prices: SettlementPrices | None,
    build_seconds: float,
    log: list[dict[str, float]],
) -> Answer:
    import pandas as pd

    levels = pd.DataFrame(log)
    levels.insert(0, "level", np.arange(1, len(levels) + 1))
    decision = SettlementDecision(instance=instance, bill=bill)
    return Answer(decision, prices, Status.OPTIMAL, {}, build_seconds, (), {"levels": levels})


class _Span:
    """Groups whose bills follow from those of settled groups."""

    def __init__(self, n: int) -> None:
        self.basis = np.zeros((0, n))

    @property
    def rank(self) -> int:
        """How many settled groups are independent."""
        return len(self.basis)

    def _rest(self, group: Group) -> np.ndarray:
        row = np.zeros(self.basis.shape[1])
        row[list(group)] = 1.0
        # Twice, since one pass leaves rounding of the size of the whole.
        for _ in range(2):
            row -= (self.basis @ row) @ self.basis
        return row

    def holds(self, group: Group) -> bool:
        """Whether the group's bill follows."""
        return float(np.abs(self._rest(group)).max(initial=0.0)) < 1e-9

    def add(self, group: Group) -> None:
        """Settle a group."""
        rest = self._rest(group)
        self.basis = np.vstack([self.basis, rest / np.linalg.norm(rest)])
