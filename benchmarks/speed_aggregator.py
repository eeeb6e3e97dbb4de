"""Speed of an aggregator's kernels: load flows beside OpenDSS, vehicles, what is firm, and the program of a portfolio.

Each is timed beside what it replaces, or beside the least that any way has to do: drawing as many random numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..instances.aggregator import Feeder
from ..instances.portfolio import PortfolioInstance
from ..instances.sources.feeder_days import feeder_days
from ..instances.sources.generated_portfolio import portfolio_of_agents
from ..instances.sources.home_profiles import typical_chain
from ..instances.sources.radial_feeder import radial_feeder
from ..models.aggregator.feeder_flow import sweep
from ..models.aggregator.portfolio_arrays import assemble_portfolio
from ..models.aggregator.portfolio_program import Room, build_portfolio
from ..solvers.array_programs import ArraySolution, solve_arrays
from ..solvers.feeder_limits import Limits
from ..solvers.kernels.availability import firm_capacity
from ..solvers.kernels.load_flow import power_flow, voltage_sensitivity
from ..solvers.kernels.newsvendor import newsvendor_offer
from ..solvers.network_need import network_need
from .speed import Figure, Task

DRAWS = 200_000
"""Draws of the way that estimates what is firm."""

SOLVING_S = 300.0
"""Seconds that a program is given."""


def real_feeder() -> Feeder | None:
    """The IEEE European low-voltage feeder, where the data of the project's own tests are there and OpenDSS is."""
    folder = os.environ.get("COMMONWATT_DATA")
    path = Path(folder or "") / "feeders" / "ieee_eu_lv" / "Master.dss"
    if folder is None or not path.is_file() or find_spec("opendssdirect") is None:
        return None
    from ..instances.sources.opendss import feeder_from_opendss

    return feeder_from_opendss(path)


def flow_task(feeder: Feeder, flows: int, theirs: int, *, wanted: bool) -> Task:
    """Load flows of one feeder, by the kernel, by sweeps of the tree, and by OpenDSS for a part of them."""
    loads = len(feeder.load)
    rng = np.random.default_rng(0)
    power = rng.gamma(1.5, 1.2, (flows, loads)) * np.where(rng.random((flows, 1)) < 0.5, 1.0, -1.0)
    calls: dict[str, Any] = {
        "kernel": lambda: np.abs(power_flow(feeder, power)),
        "sweeps of the tree": lambda: np.abs(sweep(feeder, power[:theirs]).load_voltage_v),
    }
    parts = {"sweeps of the tree": (theirs, flows)}
    missing = {}
    if find_spec("opendssdirect") is None:
        missing["OpenDSS"] = "pip install 'commonwatt[network]'"
    else:
        calls["OpenDSS"] = partial(_by_opendss, _opendss_of(feeder), power[:theirs])
        parts["OpenDSS"] = (theirs, flows)
    return Task(
        "load flow",
        f"{flows} flows of {loads} loads, {len(feeder.bus)} buses",
        calls,
        figures=(Figure("kernel", "OpenDSS", 1 / 40),) if wanted and not missing else (),
        repetitions=3,
        parts=parts,
        answers=lambda found: found[:theirs].ravel(),
        missing=missing,
        memory=False,
    )


def _opendss_of(feeder: Feeder) -> tuple[Any, np.ndarray]:
    """The engine with a feeder, its source a voltage behind the feeder's own impedance."""
    from ..instances.sources.opendss import open_engine

    engine = open_engine()
    volt, source = float(feeder.source_v[0]), feeder.source_impedance_ohm
    first, zero = source[0, 0] - source[0, 1], source[0, 0] + 2 * source[0, 1]
    commands = [
        "clear",
        "set defaultbasefrequency=50",
        f"new circuit.test bus1=b{feeder.source_bus} basekv={volt * np.sqrt(3) / 1e3} pu=1 angle=0 phases=3 "
        f"r1={first.real} x1={first.imag} r0={zero.real} x0={zero.imag}",
    ]
    for k in range(len(feeder.line)):
        r, x = (
            "|".join(" ".join(f"{value:.17g}" for value in row[: p + 1]) for p, row in enumerate(values[k]))
            for values in (feeder.resistance_ohm, feeder.reactance_ohm)
        )
        ends = f"bus1=b{feeder.line_from[k]} bus2=b{feeder.line_to[k]}"
        commands.append(f"new line.l{k} {ends} phases=3 length=1 rmatrix=[{r}] xmatrix=[{x}] cmatrix=[0|0 0|0 0 0]")
    for i in range(len(feeder.load)):
        where = f"b{feeder.load_bus[i]}.{feeder.load_phase[i] + 1}"
        commands.append(f"new load.h{i} bus1={where} phases=1 kv=0.23 kw=1 pf=1 model=1 vminpu=0.3 vmaxpu=2.0")
    commands += [f"set voltagebases=[{volt * np.sqrt(3) / 1e3}]", "calcvoltagebases", "set tolerance=1e-7"]
    for command in commands:
        engine.Command(command)
    # Where each load's phase stands among all nodes, so that one reading has all voltages.
    names = list(engine.Circuit.AllNodeNames())
    nodes = [names.index(f"b{feeder.load_bus[i]}.{feeder.load_phase[i] + 1}") for i in range(len(feeder.load))]
    return engine, np.array(nodes)


def _by_opendss(opened: tuple[Any, np.ndarray], power: np.ndarray) -> np.ndarray:
    engine, nodes = opened
    found = np.empty(power.shape)
    for s, row in enumerate(power):
        one = engine.Loads.First()
        while one:
            engine.Loads.kW(float(row[one - 1]))
            one = engine.Loads.Next()
        engine.Solution.Solve()
        found[s] = np.asarray(engine.Circuit.AllBusVMag())[nodes]
    return found


def sensitivity_task(loads: int) -> Task:
    """All sensitivities of voltages and currents at one point, beside a flow for each load."""
    feeder = Feeder.radial(loads, seed=1)
    power = np.random.default_rng(0).gamma(1.5, 1.2, loads)
    step = 1e-3

    def perturbed() -> np.ndarray:
        moved = np.abs(power_flow(feeder, np.vstack([power, power + step * np.eye(loads)])))
        return (moved[1:] - moved[0]).T / step

    return Task(
        "sensitivities of voltages",
        f"{loads} loads",
        {"one linear solve": lambda: voltage_sensitivity(feeder, power).voltage_v_per_kw, "a flow for each": perturbed},
        kernels=("one linear solve",),
        answers=lambda found: np.asarray(found).ravel(),
        memory=False,
    )


def adjusting_task(homes: int, days: int) -> Task:
    """Load flows of many days, each sample that breaks a limit adjusted, beside the load flows alone."""
    feeder = radial_feeder(homes, seed=1, source_pu=1.04, trunk_mm2=95, metres_between=(10.0, 30.0))
    drawn = feeder_days(feeder, days, seed=2, heat_pump=1.0)
    limits = Limits.of_feeder(drawn)
    calls: dict[str, Any] = {
        "flows and adjustments": lambda: network_need(drawn),
        "flows alone": lambda: limits.excesses(drawn.net_load_kw),
    }
    return Task(
        "adjustments of many days",
        f"{days} days, {48 * days} half-hours, {homes} homes",
        calls,
        figures=(Figure("flows and adjustments", "", 60.0),),
        repetitions=3,
        kernels=("flows and adjustments",),
        notes={"flows and adjustments": lambda found: f"{int(found.changed.sum())} half-hours adjusted"},
        memory=False,
    )


def vehicles_task(vehicles: int, intervals: int) -> Task:
    """Places of very many vehicles, beside drawing as many random numbers."""
    chain = typical_chain()
    rng = np.random.default_rng(0)
    return Task(
        "places of vehicles",
        f"{vehicles} vehicles, {intervals} half-hours",
        {
            "chain": lambda: chain.simulate(vehicles, intervals, rng),
            "random numbers alone": lambda: rng.random((intervals, vehicles)),
        },
        figures=(Figure("chain", "", 1.0),),
        kernels=("chain",),
    )


def firm_task(chargers: int) -> Task:
    """What is firm of many chargers of a few ratings, exactly and by draws."""
    rng = np.random.default_rng(0)
    rating = rng.choice([3.6, 7.2, 11.0], chargers)
    there = rng.uniform(0.5, 0.95, chargers)
    draws = DRAWS // 10

    def by_draws() -> float:
        total = np.zeros(draws)
        for each, chance in zip(rating, there, strict=True):
            total += each * (rng.random(draws) < chance)
        return float(np.quantile(total, 0.05, method="inverted_cdf"))

    return Task(
        "what is firm with 95 %",
        f"{chargers} chargers",
        {"exact": lambda: firm_capacity(rating, there, 0.05), f"{DRAWS} draws": by_draws},
        figures=(Figure("exact", "", 5e-3),),
        repetitions=3,
        kernels=("exact",),
        parts={f"{DRAWS} draws": (1, 10)},
        notes={name: lambda value: f"{value:.1f} kW" for name in ("exact", f"{DRAWS} draws")},
        memory=False,
    )


def newsvendor_task(samples: int) -> Task:
    """The newsvendor's offer with risk over many samples, beside a sort of them."""
    drawn = np.random.default_rng(0).gamma(2.0, 2.0, samples)
    return Task(
        "a newsvendor's offer with risk",
        f"{samples} samples",
        {
            "kernel": lambda: newsvendor_offer(drawn, 0.10, 0.05, 0.20, risk_weight=0.3, tail=0.1),
            "numpy.sort": lambda: np.sort(drawn),
        },
        memory=False,
    )


def building_task(homes: int, scenarios: int) -> Task:
    """Stating the program of a portfolio, as arrays and in Pyomo."""
    instance = _portfolio(homes, scenarios)
    calls: dict[str, Any] = {"arrays": lambda: assemble_portfolio(instance)}
    parts = {}
    # Pyomo states a single scenario, whose time is multiplied: its time grows with the number of variables.
    alone = _portfolio(homes, 1)
    calls["declaration (Pyomo)"] = lambda: build_portfolio(alone)
    parts["declaration (Pyomo)"] = (1, scenarios)
    return Task(
        "stating a portfolio's program",
        f"{homes} homes, {scenarios} scenarios, 96 half-hours",
        calls,
        figures=(Figure("arrays", "", 1.0),),
        repetitions=1,
        kernels=("arrays",),
        parts=parts,
        notes={"arrays": lambda found: f"{len(found.cost)} columns, {len(found.row_low)} rows"},
        memory=False,
    )


def solving_task(homes: int, scenarios: int, room: Room) -> Task:
    """Solving it, by the simplex method and by interior points."""
    program = assemble_portfolio(_portfolio(homes, scenarios), room=room)
    calls: dict[str, Any] = {
        "interior points (HiGHS)": partial(_solved, program, solver="ipm", run_crossover="off"),
        "simplex (HiGHS)": partial(_solved, program, solver="simplex"),
    }
    return Task(
        f"solving a portfolio's program, room {room.replace('_', ' ')}",
        f"{homes} homes, {scenarios} scenarios, 96 half-hours",
        calls,
        figures=(Figure("interior points (HiGHS)", "", 60.0),),
        repetitions=1,
        kernels=("interior points (HiGHS)",),
        notes=dict.fromkeys(calls, _said),
        memory=False,
    )


def _solved(program: Any, **options: Any) -> ArraySolution | None:
    return solve_arrays(program, time_limit_s=SOLVING_S, **options)


def _said(found: ArraySolution | None) -> str:
    return f"no point in {SOLVING_S:g} s" if found is None else f"{found.status}: {-found.objective:.6g}"


def _portfolio(homes: int, scenarios: int) -> PortfolioInstance:
    return portfolio_of_agents(homes, scenarios, seed=3, vehicle=0.6, battery=0.4)


def tasks(quick: bool = False) -> Iterator[Task]:
    """Yield the tasks one after another, so that only one holds its data in memory."""
    generated = Feeder.radial(5 if quick else 55, seed=1)
    yield flow_task(generated, 20, 5, wanted=False) if quick else flow_task(generated, 20_000, 200, wanted=False)
    real = None if quick else real_feeder()
    if real is not None:
        yield flow_task(real, 20_000, 200, wanted=True)
    yield sensitivity_task(5 if quick else 55)
    yield adjusting_task(5, 1) if quick else adjusting_task(55, 90)
    yield vehicles_task(100, 10) if quick else vehicles_task(100_000, 96)
    for chargers in (10,) if quick else (55, 1_000):
        yield firm_task(chargers)
    yield newsvendor_task(1_000 if quick else 1_000_000)
    yield building_task(2, 2) if quick else building_task(55, 20)
    # Room storage by storage doubles the program and takes longer than this suite may with all scenarios.
    yield solving_task(2, 2, "aggregate") if quick else solving_task(55, 20, "aggregate")
    yield solving_task(2, 2, "per_storage") if quick else solving_task(55, 5, "per_storage")
