"""How fast the allocation kernels are beside sorting, copying and the programs they replace, measured in one run.

How it is measured: :mod:`.speed`.

Figures to reach: a complete solve of 10**7 members in 0.45 of ``np.sort`` of as many floats and 4 copies of the data
(aim: 1.6 copies); a batch of 10**4 intervals of 10**3 members in 2 copies; 10**4 times as fast as CVXPY with Clarabel,
3 * 10**4 times as fast as Pyomo with HiGHS and 14 times as fast as scipy's ``brentq`` on the vectorised sum.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..instances.allocation import AllocationInstance
from ..solvers.allocation_programs import run_game_theoretic_qp, run_social_welfare_log
from ..solvers.kernels import supply_path, water_filling, weighted_max_min
from .papers.kouvelas import hourly_experiment
from .speed import Call, Figure, Task


def solve_max_min_brentq(deficiency: np.ndarray, weight: np.ndarray, supply: float) -> np.ndarray:
    """Find the level of weighted max-min by scipy's root finder on the vectorised sum; return x (kWh)."""
    from scipy.optimize import brentq

    highest = float((deficiency / weight).max())
    level = brentq(lambda t: float(np.minimum(deficiency, weight * t).sum()) - supply, 0.0, highest, xtol=1e-15)
    return np.minimum(deficiency, weight * level)


def members(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return deficiencies (kWh), weights and a supply of half the needs, all generated."""
    random = np.random.default_rng(seed)
    deficiency = random.lognormal(0.0, 1.0, n)
    return deficiency, random.uniform(0.5, 3.0, n), 0.5 * float(deficiency.sum())


def one_interval_tasks(sizes: tuple[int, ...]) -> Iterator[Task]:
    """Complete solves of one large interval beside a sort and a copy of the data."""
    for n in sizes:
        deficiency, weight, supply = members(n, seed=n)
        figures = []
        if n >= 10**7:
            for kernel in ("weighted_max_min", "water_filling"):
                figures += [
                    Figure(kernel, "sort", 0.45),
                    Figure(kernel, "copy", 4.0),
                    Figure(kernel, "copy", 1.6, "aim"),
                ]

        def gt(e: np.ndarray = deficiency, w: np.ndarray = weight, s: float = supply) -> np.ndarray:
            return weighted_max_min(e, w, s)

        def wf(e: np.ndarray = deficiency, w: np.ndarray = weight, s: float = supply) -> np.ndarray:
            return water_filling(e, w, s)

        def sort(e: np.ndarray = deficiency) -> np.ndarray:
            return np.sort(e)

        def copy(e: np.ndarray = deficiency, w: np.ndarray = weight) -> tuple[np.ndarray, np.ndarray]:
            return e.copy(), w.copy()

        calls: dict[str, Call] = {"weighted_max_min": gt, "water_filling": wf, "sort": sort, "copy": copy}
        yield Task("one interval", f"{n}", calls, tuple(figures), kernels=("weighted_max_min", "water_filling"))


def batch_task(intervals: int, n: int, *, shared: bool) -> Task:
    """Many intervals at once beside a copy of what is read: deficiencies, and weights unless one row serves all."""
    random = np.random.default_rng(intervals + n)
    deficiency = random.lognormal(0.0, 1.0, (intervals, n))
    weight = random.uniform(0.5, 3.0, n if shared else (intervals, n))
    supply = random.uniform(0.1, 0.9, intervals) * deficiency.sum(axis=1)
    kernels = ("weighted_max_min", "water_filling")
    return Task(
        "batch, one row of weights" if shared else "batch, weights of each cell",
        f"{intervals} x {n}",
        {
            "weighted_max_min": lambda: weighted_max_min(deficiency, weight, supply),
            "water_filling": lambda: water_filling(deficiency, weight, supply),
            "copy": lambda: (deficiency.copy(), weight.copy()),
        },
        tuple(Figure(kernel, "copy", 2.0) for kernel in kernels),
        kernels=kernels,
    )


def path_task(n: int, supplies: int) -> Task:
    """Levels for many supplies from one sorted path (made anew each time) beside the kernel called for each."""
    deficiency, weight, half = members(n, seed=3)
    supply = np.linspace(0.01, 1.99, supplies) * half
    return Task(
        "supply path",
        f"{supplies} supplies, {n} members",
        {
            "supply_path": lambda: supply_path(deficiency, weight, "water_filling").level(supply),
            "kernel": lambda: [water_filling(deficiency, weight, one, return_level=True)[1] for one in supply],
        },
        repetitions=3,
    )


def program_tasks(n: int) -> Iterator[Task]:
    """One interval beside the programs of this project (stated and solved) and the root finder one would write."""
    deficiency, weight, supply = members(n, seed=443)
    # The prosumer that gives the supply is one more household; its weight and need are 0.
    community = AllocationInstance(
        deficiency_kwh=[[*deficiency, 0.0]], excess_kwh=[[*np.zeros(n), supply]], weight=[*weight, 0.0]
    )
    repetitions = 7 if n < 1000 else 1
    yield Task(
        "water-filling beside its program",
        f"{n}",
        {
            "kernel": lambda: water_filling(deficiency, weight, supply),
            "CVXPY + Clarabel": lambda: run_social_welfare_log(community),
        },
        (Figure("kernel", "CVXPY + Clarabel", 1e-4),),
        repetitions=repetitions,
    )
    yield Task(
        "weighted max-min beside its program",
        f"{n}",
        {
            "kernel": lambda: weighted_max_min(deficiency, weight, supply),
            "Pyomo + HiGHS": lambda: run_game_theoretic_qp(community),
            "scipy brentq": lambda: solve_max_min_brentq(deficiency, weight, supply),
        },
        (Figure("kernel", "Pyomo + HiGHS", 1.0 / 3e4), Figure("kernel", "scipy brentq", 1.0 / 14.0)),
        repetitions=repetitions,
    )


def paper_task() -> Task:
    """The paper's year by the hour: 443 households, six strategies, five policies, all metrics."""
    return Task("the paper's year by the hour", "8760 x 443", {"kernel": lambda: hourly_experiment()}, repetitions=1)


def tasks(quick: bool = False) -> Iterator[Task]:
    """Yield the tasks one after another, so that only one holds its data in memory."""
    yield from one_interval_tasks((10**4,) if quick else (10**5, 10**6, 10**7))
    for shared in (False, True):
        yield batch_task(100, 50, shared=shared) if quick else batch_task(10**4, 10**3, shared=shared)
    yield path_task(443, 20 if quick else 10**4)
    for n in (20,) if quick else (443, 2000):
        yield from program_tasks(n)
    if not quick:
        yield paper_task()
