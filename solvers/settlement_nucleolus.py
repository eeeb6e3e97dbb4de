"""The nucleolus: excesses made least one after the other, level by level (HiGHS).

Source: Schmeidler (1969); the sequence of programs: Maschler, Peleg and Shapley (1979).
"""

from __future__ import annotations

from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

from ..instances.errors import NotApplicable
from ..instances.settlement import SettlementInstance
from ..models.settlement.decision import SettlementDecision, SettlementPrices
from ..models.settlement.program import Group, build_least_core
from .array_programs import TIGHT
from .method import Answer
from .program_runs import Watch, timed
from .programs import solve_pyomo
from .settlement_least_core import group_costs, money_scale, run_least_core, weights_of
from .status import Status

NUCLEOLUS_MEMBERS = 12
"""Members up to which all groups stand in one program."""

PLAIN = 1e-6
"""Size of a dual, of all of which the sum is 1, from which on its group is taken to be tight in every optimum."""


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
    scale = money_scale(instance)
    proper = [group for size in range(1, n) for group in combinations(range(n), size)]
    costs = group_costs(instance, proper, scale)
    total = instance.community_bill / scale
    span, settled = _Span(n), dict[Group, float]()
    span.add(tuple(range(n)))
    log: list[dict[str, float]] = []
    build_total, prices = 0.0, None
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
            prices = weights_of(instance, open_groups, duals)
        tight = sorted(range(len(open_groups)), key=lambda g: duals[g])
        before = span.rank
        for g in tight:
            # At least one dual is as great as their mean; smaller ones may be rounding.
            if (duals[g] < -PLAIN or span.rank == before) and not span.holds(open_groups[g]):
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
