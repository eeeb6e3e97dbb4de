"""How far apart requests may be before a program's solver loses them: ``python -m commonwatt.benchmarks.spread``.

Kernels hold over any spread (their tests go over 24 decades); solvers have absolute tolerances. For each spread, random
communities of eight households and one prosumer are solved by the bare program runs, and the worst gap to the kernel's
proved bound is shown. The limit in :mod:`commonwatt.solvers.allocation` follows from this table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..instances.allocation import AllocationInstance
from ..models.allocation.decision import AllocationDecision
from ..models.problem import problem_of
from ..solvers import allocation_programs as runs
from ..solvers.programs import SolverError
from ..solvers.solve import solve

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


def worst_gaps(spreads: tuple[int, ...] = (2, 4, 6, 8, 10, 12, 14), *, count: int = 10, seed: int = 0) -> pd.DataFrame:
    """Worst gap of each program by spread; NaN where a solver failed on one of the communities.

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
        One row per spread, one column per program.
    """
    rows = []
    for decades in spreads:
        rng = np.random.default_rng([seed, decades])
        worst = dict.fromkeys(PROGRAMS, 0.0)
        for _ in range(count):
            instance = community(decades, rng)
            for name, (run, criterion) in PROGRAMS.items():
                worst[name] = float(np.maximum(worst[name], _gap(instance, run, criterion)))
        rows.append({"decades": decades, **worst})
    return pd.DataFrame(rows)


def _gap(instance: AllocationInstance, run: Callable[..., Any], criterion: str) -> float:
    bound = solve(instance, criterion=criterion).bound
    one = problem_of(instance).criterion(criterion)
    try:
        given = run(instance, time_limit_s=LIMIT_S).allocated_kwh
    except SolverError:
        return float("nan")
    decision = AllocationDecision(instance=instance, allocated_kwh=given)
    return abs(one.gap(instance, one.value(instance, decision), bound))


if __name__ == "__main__":
    print(worst_gaps().to_string(index=False, float_format=lambda value: f"{value:.1e}"))
