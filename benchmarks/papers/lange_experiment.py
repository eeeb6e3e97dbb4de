"""The experiments behind the table of the paper on cloud-coordinated sharing, on a generated Indian community.

The sliding horizon is the paper's: it moves every half hour and plans twelve hours; forecasts are of the community's
sum, perfect or with an error of 20 % far ahead. Content at a window's end is worth the mean price of the window, since
a day of 24 hours ends soon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...instances.scheduling import SchedulingInstance
from ...instances.settlement import SettlementInstance
from ...models.scheduling.decision import SchedulingDecision
from ...models.scheduling.rules import (
    PROBLEM,
    community_cost,
    peak_kw,
    self_consumption,
    self_sufficiency,
    waiting_h,
)
from ...models.settlement.metrics import performance_measure
from ...solvers.rolling import roll
from ...solvers.solution import Solution
from ...solvers.solve import solve
from .lange_model import cost_alone, merged, served_at_once, storage_use, with_failures
from .lange_settlement import BEST, IDLE, OWN, SLIDING, Settled, of_members, settle
from .lange_settlement_months import Months, four_months, monthly

CONTRIBUTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
SIZES = (0.5, 1.0, 2.0, 3.0)
"""By what storages are multiplied; the paper's "sharing rate" between 2 and 3 may mean these, or something else."""

WINDOW = 24
"""Half hours that are planned."""

SEEDS = (0, 1)
"""Of noisy forecasts."""

RULES = ("idle", "self_consumption", "time_of_use", "p_mas")
"""Ways to schedule without looking ahead, behind one meter."""

FAILING_HOMES, FAILING_STORES = 0.1, 0.5
"""Part of all nodes that fail at some time of the day, and of those with storages that fail in the evening."""

Progress = Callable[[str], None]
Schedule = SchedulingDecision | Solution


@dataclass(frozen=True, eq=False)
class Evidence:
    """What claims are judged by.

    Attributes
    ----------
    instance : SchedulingInstance
        The community.
    use : DataFrame
        Use of storages by ``size`` and ``contribution``.
    alone : float
        Cost of all, each alone.
    methods : DataFrame
        Ways to run the community: ``method``, ``cost``, ``peak_kw``, …, ``pm``.
    settled : Settled
        Schedules of the day under every rule of settlement.
    months : Months
        Internal prices over four months.
    failures : DataFrame
        What failures cost and leave unserved.
    traces : dict of str to ndarray
        Courses over the day, for figures.
    """

    instance: SchedulingInstance
    use: pd.DataFrame
    alone: float
    methods: pd.DataFrame
    settled: Settled
    months: Months
    failures: pd.DataFrame
    traces: dict[str, np.ndarray] = field(default_factory=dict)

    def cost(self, method: str) -> float:
        """Of the community under a method."""
        return float(self.methods.set_index("method").loc[method, "cost"])


def gather(
    instance: SchedulingInstance,
    *,
    sizes: Sequence[float] = SIZES,
    contributions: Sequence[float] = CONTRIBUTIONS,
    window: int = WINDOW,
    seeds: Sequence[int] = SEEDS,
    season: SettlementInstance | None = None,
    progress: Progress = lambda what: None,
) -> Evidence:
    """Run everything on one community.

    Parameters
    ----------
    instance : SchedulingInstance
        The community.
    sizes, contributions : sequences of float
        By what storages are multiplied, and which fraction of them is contributed.
    window : int
        Intervals that are planned.
    seeds : sequence of int
        Of noisy forecasts; the first one's schedule is settled.
    season : SettlementInstance, optional
        Hours of some months for internal prices; :func:`.lange_settlement_months.four_months` by default.
    progress : callable
        Told what runs.

    Returns
    -------
    Evidence
    """
    progress("use of storages")
    fixed = served_at_once(instance)
    rows = []
    for size in sizes:
        for contribution in contributions:
            used = storage_use(fixed, contribution, size)
            rows.append((size, contribution, used.private_kwh, used.pooled_kwh, used.total_kwh, used.cost))
    use = pd.DataFrame(rows, columns=["size", "contribution", "private_kwh", "pooled_kwh", "total_kwh", "cost"])
    without = use["size"].map(use[use["contribution"] == 0.0].set_index("size")["total_kwh"])
    use["times_without"] = use["total_kwh"] / without
    progress("each alone")
    alone = cost_alone(instance)
    progress("ways to run the community")
    methods, schedules = _methods(instance, alone, window, seeds)
    progress("settlements")
    schedules[OWN] = solve(instance, criterion="separate_cost")
    best = float(methods.set_index("method").loc[LEAST_COST, "cost"])
    settled = settle(instance, schedules, best)
    progress("prices over months")
    months = monthly(four_months() if season is None else season)
    failures, traces = _failures(instance, window, progress)
    return Evidence(instance, use, alone, methods, settled, months, failures, traces)


def _judged(instance: SchedulingInstance, decision: SchedulingDecision) -> dict[str, float]:
    """What a schedule comes to; it must keep all rules."""
    broken = PROBLEM.violations(instance, decision)
    if broken:
        raise ValueError(f"the schedule breaks a rule: {broken[0]}")
    return {
        "cost": community_cost(instance, decision),
        "peak_kw": peak_kw(instance, decision),
        "self_sufficiency": self_sufficiency(instance, decision),
        "self_consumption": self_consumption(instance, decision),
        "storage_use_kwh": float((decision.charge_kwh + decision.discharge_kwh).sum()),
        "waiting_h": waiting_h(instance, decision.served_kwh),
    }


def _decided(instance: SchedulingInstance, method: str) -> SchedulingDecision:
    return _of(solve(instance, method=method))


def _of(solution: Solution) -> SchedulingDecision:
    assert isinstance(solution.decision, SchedulingDecision)
    return solution.decision


def _methods(
    instance: SchedulingInstance, alone: float, window: int, seeds: Sequence[int]
) -> tuple[pd.DataFrame, dict[str, Schedule]]:
    """Ways to run the community, and the members' schedules of those that are settled."""
    rows: list[dict[str, Any]] = []
    schedules: dict[str, Schedule] = {IDLE: _decided(instance, "idle")}
    for method in RULES:
        rows.append({"method": method, "kind": "rule"} | _judged(instance, _decided(instance, method)))
    whole = merged(instance)
    rolled = roll(whole, window=window, terminal="worth").whole()
    rows.append({"method": ROLLING, "kind": "sliding horizon"} | _judged(whole, rolled))
    noisy = []
    for seed in seeds:
        rolled = roll(whole, window=window, forecast="noisy", seed=seed, terminal="worth").whole()
        noisy.append(_judged(whole, rolled))
        schedules.setdefault(SLIDING, of_members(instance, rolled))
    rows.append({"method": NOISY, "kind": "sliding horizon"} | dict(pd.DataFrame(noisy).mean()))
    optimum = solve(instance, method="community_program")
    schedules[BEST] = optimum
    rows.append({"method": LEAST_COST, "kind": "all foreseen"} | _judged(instance, _of(optimum)))
    rows.append({"method": LEAST_PEAK, "kind": "all foreseen"} | _judged(whole, _decided(whole, "peak_program")))
    found = pd.DataFrame(rows)
    best = float(found.loc[found["method"] == LEAST_COST, "cost"].iloc[0])
    found["saving"] = 1.0 - found["cost"] / alone
    found["pm"] = [performance_measure(alone, cost, best) for cost in found["cost"]]
    return found, schedules


ROLLING, NOISY = "rolling, perfect forecast", "rolling, noisy forecast"
LEAST_COST, LEAST_PEAK = "least cost", "least peak"


def _failures(instance: SchedulingInstance, window: int, progress: Progress) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Nodes that fail: foreseen, and met by a sliding horizon that knows of them only when they are there."""
    rng = np.random.default_rng(0)
    members, owners = len(instance.member), np.unique(instance.storage_of)
    homes = np.sort(rng.choice(members, max(1, round(FAILING_HOMES * members)), replace=False))
    stores = np.sort(rng.choice(owners, max(1, round(FAILING_STORES * len(owners))), replace=False))
    rows: list[dict[str, Any]] = []
    traces: dict[str, np.ndarray] = {}
    for case, failing, first, last in (("homes, all day", homes, 0.0, 20.0), ("storages, evening", stores, 17.0, 20.0)):
        failed = with_failures(instance, failing.tolist(), earliest_h=first, latest_h=last)
        sound = failed.replace(connected=None)
        for known, given in (("no failures", sound), ("failures", failed)):
            progress(f"{case}: {known}")
            rolled = roll(given, window=window, terminal="worth").decision
            assert rolled is not None
            foreseen = _decided(given, "community_program")
            name = f"{case}, {known}"
            traces[f"{name}: import"] = np.maximum(rolled.community_net_kwh, 0.0) / given.dt_h
            traces[f"{name}: unserved"] = rolled.lost_kwh.sum(axis=1) / given.dt_h
            for way, decision in (("rolling", rolled), ("all foreseen", foreseen)):
                rows.append(_outcome(failed, given, case, f"{known}, {way}", decision))
    return pd.DataFrame(rows), traces


def _outcome(
    failed: SchedulingInstance, given: SchedulingInstance, case: str, what: str, decision: SchedulingDecision
) -> dict[str, Any]:
    """Cost and unserved energy of one run; those who fail are all members but the first."""
    assert failed.connected is not None
    broken = PROBLEM.violations(given, decision)
    if broken:
        raise ValueError(f"the schedule breaks a rule: {broken[0]}")
    lost = float(decision.lost_kwh.sum())
    down = failed.connected == 0
    energy = community_cost(given, decision) - given.lost_load_price * lost
    served = float(given.load_kwh.sum() + decision.served_kwh.sum()) - lost
    return {
        "case": case,
        "nodes_failing": len(failed.member) - 1,
        "run": what,
        "energy_cost": energy,
        "cost_per_kwh": energy / served,
        "load_at_failed_nodes_kwh": float(given.load_kwh[down].sum()),
        "unserved_there_kwh": float(decision.lost_kwh[down].sum()),
        "unserved_elsewhere_kwh": float(decision.lost_kwh[~down].sum()),
        "peak_kw": peak_kw(given, decision),
    }
