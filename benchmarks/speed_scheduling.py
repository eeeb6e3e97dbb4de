"""How fast schedules are found beside the solvers and toolkits one would otherwise use, measured in one run.

How it is measured: :mod:`.speed`. Four questions:

- one battery for a year of hours, all known: the kernel beside HiGHS on the same linear program, which it is given as
  arrays, and of which only ``run()`` is timed; a thousand households beside a copy of their data;
- a sliding horizon of 24 hours for a year: the compiled ring, the kernel and raw HiGHS beside programs that are stated
  anew for each window, by ourselves and by the toolkits of :mod:`.peers` (:mod:`.speed_sliding`);
- a community of many members: the decomposition at 10**5 beside the central program at 10**3;
- stating a program: arrays beside the declaration.

Figures to reach (specification, section "Speed to reach"): the kernel 400 times as fast as HiGHS, a thousand households
in 4 s on one core; the ring 8760 windows in 1.5 s, 40 times as fast as stating the program anew, 1000 times as fast as
PyPSA; the decomposition in half the time of the central program for a hundredth of the members.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.arrays import assemble
from ..models.scheduling.bounds import Tariff
from ..models.scheduling.program import build_community_cost
from ..models.scheduling.rules import PROBLEM
from ..solvers.array_programs import TIGHT, load_arrays
from ..solvers.decomposition_levels import run_interior_point
from ..solvers.highs import quiet_highs
from ..solvers.kernels import battery_schedule, battery_schedules
from ..solvers.method import Answer
from ..solvers.scheduling_arrays import run_central
from .speed import Call, Figure, Task
from .speed_sliding import HORIZON, PART, battery_options, prosumer, series, sliding_task


def street(members: int, intervals: int, seed: int) -> SchedulingInstance:
    """A generated community: a battery in each home, generation on every other roof, prices that differ by the hour."""
    random = np.random.default_rng(seed)
    hour = np.arange(intervals) * 24.0 / 48.0 % 24.0
    sun = np.maximum(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0)
    evening = 0.3 + 0.5 * np.exp(-(((hour - 19.0) / 3.0) ** 2))
    load_kwh = evening[:, None] * random.lognormal(-0.5, 0.6, (intervals, members))
    roof = np.where(random.random(members) < 0.5, random.uniform(1.0, 4.0, members), 0.0)
    buy = np.round(0.22 + 0.1 * np.sin((hour - 13.0) / 12.0 * np.pi) + random.normal(0.0, 0.01, intervals), 4)
    capacity = random.uniform(3.0, 12.0, members)
    return SchedulingInstance(
        load_kwh=load_kwh,
        generation_kwh=0.5 * sun[:, None] * roof,
        buy_price=buy,
        sell_price=np.full(intervals, 0.06),
        storage_of=np.arange(members),
        capacity_kwh=capacity,
        charge_kw=0.5 * capacity,
        discharge_kw=0.5 * capacity,
        charge_efficiency=random.uniform(0.9, 0.97, members),
        discharge_efficiency=random.uniform(0.9, 0.97, members),
        initial_kwh=0.5 * capacity,
        final_kwh=0.5 * capacity,
        dt_h=0.5,
    )


def _one_core(call: Call) -> Call:
    """The call on one thread of the kernels."""

    def run() -> Any:
        import numba

        before = numba.get_num_threads()
        numba.set_num_threads(1)
        try:
            return call()
        finally:
            numba.set_num_threads(before)

    return run


def year_task(hours: int) -> Task:
    """One battery for all hours at once: the kernel beside HiGHS on the same program."""
    given = prosumer(hours)
    program = assemble(given, Tariff.of_cost(given))
    highs = quiet_highs(**TIGHT)
    load_arrays(highs, program)
    options = battery_options(given)
    net, buy, sell = series(given)

    def kernel() -> float:
        return battery_schedule(net, buy, sell, initial_kwh=float(given.initial_kwh[0]), **options).cost

    def solver() -> float:
        highs.clearSolver()
        highs.run()
        return float(highs.getInfo().objective_function_value)

    return Task(
        "a year of hours, one battery" if hours == 8760 else "some hours, one battery",
        f"{hours}",
        {"kernel": kernel, "HiGHS run()": solver, "copy": lambda: (net.copy(), buy.copy(), sell.copy())},
        (Figure("kernel", "HiGHS run()", 1.0 / 400.0),),
        repetitions=3,
        answers=lambda cost: np.array([cost]) if isinstance(cost, float) else np.zeros(0),
    )


def households_task(households: int, hours: int) -> Task:
    """Many batteries, each for itself, for all hours at once beside a copy of the data."""
    random = np.random.default_rng(11)
    net, buy, sell = series(prosumer(hours))
    nets = net * random.uniform(0.3, 2.0, (households, 1)) + random.normal(0.0, 0.1, (households, len(net)))
    options = battery_options(prosumer(HORIZON))
    options["capacity_kwh"] = random.uniform(3.0, 15.0, households)

    def kernel() -> np.ndarray:
        return battery_schedules(nets, buy, sell, **options).cost

    return Task(
        "a thousand households" if households == 1000 else "some households",
        f"{households} x {hours}",
        {"kernel, one core": _one_core(kernel), "kernel, all cores": kernel, "copy": lambda: nets.copy()},
        (Figure("kernel, one core", "", 4.0),),
        repetitions=3 if households < 1000 else 1,
        kernels=("kernel, one core",),
        answers=lambda cost: cost if cost.ndim == 1 else np.zeros(0),
    )


def members_task(many: int, few: int, intervals: int) -> Task:
    """The decomposition of a large community beside the central program of a small one."""
    large, small = street(many, intervals, 5), street(few, intervals, 5)

    def gap(given: SchedulingInstance, answer: Answer) -> str:
        criterion = PROBLEM.criterion("community_cost")
        if criterion.bound is None or answer.prices is None:
            return "not certified"
        value, bound = criterion.value(given, answer.decision), criterion.bound(given, answer.prices)
        return f"certified gap {(value - bound) / max(abs(value), criterion.scale(given)):.1e}"

    slow, quick = f"central program, {few} members", f"interior point and battery kernel, {many} members"
    return Task(
        "many members",
        f"{intervals} intervals",
        {quick: lambda: run_interior_point(large), slow: lambda: run_central(small)},
        (Figure(quick, slow, 0.5),),
        repetitions=1,
        kernels=(quick,),
        notes={quick: partial(gap, large), slow: partial(gap, small)},
    )


def statement_task(members: int, intervals: int) -> Task:
    """What it takes to state a program and hand it to HiGHS."""
    given = street(members, intervals, 3)
    tariff = Tariff.of_cost(given)

    def hand_over() -> None:
        load_arrays(quiet_highs(), assemble(given, tariff))

    def hand_over_declared() -> None:
        from pyomo.contrib.solver.common.factory import SolverFactory

        SolverFactory("highs").set_instance(build_community_cost(given))

    return Task(
        "stating a program",
        f"{members} members x {intervals} intervals",
        {
            "arrays": lambda: assemble(given, tariff),
            "arrays, handed to HiGHS": hand_over,
            "Pyomo": lambda: build_community_cost(given),
            "Pyomo, handed to HiGHS": hand_over_declared,
        },
        repetitions=1,
        kernels=("arrays",),
    )


def tasks(quick: bool = False) -> Iterator[Task]:
    """Yield the tasks one after another, so that only one holds its data in memory."""
    hours = 48 if quick else 8760
    yield year_task(hours)
    yield households_task(5 if quick else 1000, hours)
    yield sliding_task(hours, dict.fromkeys(PART, 2) if quick else PART)
    yield members_task(50, 5, 4) if quick else members_task(10**5, 10**3, 48)
    yield statement_task(2, 24) if quick else statement_task(10, 8760)
