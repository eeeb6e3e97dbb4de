"""How far apart requests may be before a program's solver loses them: ``python -m commonwatt.benchmarks.spread``.

Kernels hold over any spread (their tests go over 24 decades); solvers have absolute tolerances. For each spread, random
communities of eight households and one prosumer are solved by the bare program runs. Shown are the worst gap to the
kernel's proved bound, and on how many communities the solver failed or was too slow: those have no gap. The limit in
:mod:`commonwatt.solvers.allocation` follows from this table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..instances.allocation import AllocationInstance
from ..instances.errors import NotApplicable
from ..models.allocation.decision import AllocationDecision
from ..models.problem import problem_of
from ..solvers import allocation_programs as runs
from ..solvers.programs import SolverError
from ..solvers.solve import solve
from ..solvers.status import Status

LIMIT_S = 2.0
"""Seconds for one tiny program: an active-set method that has lost its way need not come back."""

PROGRAMS: dict[str, tuple[Callable[..., Any], str]] = {
    "social_welfare_program": (runs.run_social_welfare_log, "social_welfare"),
    "fairness_program": (runs.run_fairness_root, "fairness"),
    "water_filling_program": (runs.run_water_filling_qp, "social_welfare"),
    "game_theoretic_program": (runs.run_game_theoretic_qp, "fairness"),
    "max_min_program": (runs.run_max_min_lp, "fairness"),
}


def community(decades: int, rng: np.random.Generator) -> AllocationInstance:
    """Eight households whose requests span so many decades, and a prosumer whose surplus lies anywhere among them."""
    asked = 10.0 ** np.append(rng.uniform(-decades / 2, decades / 2, 6), [-decades / 2, decades / 2])
    supply = 10.0 ** rng.uniform(-decades / 2, decades / 2)
    weight = np.append(rng.uniform(0.5, 3.0, 8), 1.0)
    return AllocationInstance(deficiency_kwh=[[*asked, 0.0]], excess_kwh=[[*np.zeros(8), supply]], weight=weight)


def worst_gaps(spreads: tuple[int, ...] = (2, 4, 6, 8, 10, 12, 14), *, count: int = 25, seed: int = 0) -> pd.DataFrame:
    """Worst gap of each program by spread, and how many communities it left without an answer.

    Parameters
    ----------
    spreads : tuple of int
        Decades between the least and the largest request.
    count : int
        Communities for each spread.
    seed : int
        Seed of the communities.

    Returns
    -------
    pandas.DataFrame
        One row per spread; for each program its worst gap where it answered, NaN where it never did, and in the column
        ``<program>_failed`` on how many communities it did not.
    """
    rows = []
    for decades in spreads:
        rng = np.random.default_rng([seed, decades])
        instances = [community(decades, rng) for _ in range(count)]
        row: dict[str, float] = {"decades": decades}
        for name, (run, criterion) in PROGRAMS.items():
            gaps = [_gap(instance, run, criterion) for instance in instances]
            answered = [gap for gap in gaps if gap is not None]
            row |= {name: max(answered, default=float("nan")), f"{name}_failed": count - len(answered)}
        rows.append(row)
    return pd.DataFrame(rows)


def _gap(instance: AllocationInstance, run: Callable[..., Any], criterion: str) -> float | None:
    """Gap of one program on one community, None where it did not answer."""
    bound = solve(instance, criterion=criterion).bound
    one = problem_of(instance).criterion(criterion)
    try:
        found = run(instance, time_limit_s=LIMIT_S)
    except (SolverError, NotApplicable):
        return None
    if found.outcome.status is Status.TIME_LIMIT:
        return None
    decision = AllocationDecision(instance=instance, allocated_kwh=found.allocated_kwh)
    return abs(one.gap(instance, one.value(instance, decision), bound))


if __name__ == "__main__":
    print(worst_gaps().to_string(index=False, float_format=lambda value: f"{value:.1e}"))
