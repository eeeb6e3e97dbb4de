"""A sliding horizon for a year by every way there is: the compiled ring, the kernel, raw HiGHS, other toolkits.

All begin each window with the same content, since otherwise ties would lead them apart, so that the least costs of all
windows can be compared. How it is measured: :mod:`.speed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.scheduling import SchedulingInstance
from ..instances.shelf import load
from ..models.scheduling.arrays import assemble
from ..models.scheduling.bounds import Tariff
from ..models.scheduling.program import build_community_cost
from ..solvers.array_programs import TIGHT, load_arrays
from ..solvers.highs import quiet_highs
from ..solvers.kernels import battery_schedule
from ..solvers.programs import solve_pyomo
from ..solvers.rolling import roll
from ..solvers.rolling_forecasts import Forecaster
from ..solvers.rolling_ring import Ring
from ..solvers.rolling_windows import Horizon, State, window_instance
from .peers.window import TOOLKITS, Battery, Window, peer, version_of
from .speed import Call, Figure, Task

HORIZON = 24
"""Hours of a window."""

PART = {"Pyomo, stated anew": 100, "cvxpy": 200, "linopy": 20, "pypsa": 10, "oemof": 20}
"""Windows that a slow way is measured on."""

ORDER = ("compiled ring", "kernel a window", "HiGHS from arrays, cold", "Pyomo, stated anew", *TOOLKITS)
"""Ways through a sliding horizon, in the order of the table; the first is what the others are compared with."""

Way = Callable[[int], float]
"""From the hour in which a window begins to its least cost."""


def prosumer(hours: int) -> SchedulingInstance:
    """The first hours of the shipped prosumer's year."""
    given = load("scheduling/prosumer-year")
    if not isinstance(given, SchedulingInstance):
        raise TypeError("scheduling/prosumer-year is no scheduling instance")
    if hours >= len(given.interval):
        return given
    series = ("interval", "load_kwh", "generation_kwh", "buy_price", "sell_price", "carbon_kg_per_kwh")
    cut = {name: getattr(given, name)[:hours] for name in series if getattr(given, name) is not None}
    return given.replace(**cut)


def series(given: SchedulingInstance) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Net load and prices, contiguous."""
    found = given.net_load_kwh[:, 0], given.buy_price, given.sell_price
    return tuple(np.array(one, dtype=float) for one in found)  # type: ignore[return-value]


def battery_options(given: SchedulingInstance) -> dict[str, Any]:
    """The one storage of an instance as the kernel's options."""
    names = ("capacity_kwh", "minimum_kwh", "charge_kw", "discharge_kw")
    shares = ("charge_efficiency", "discharge_efficiency", "retention")
    return {name: float(getattr(given, name)[0]) for name in names + shares} | {"dt_h": given.dt_h}


def sliding_task(hours: int, most: Mapping[str, int]) -> Task:
    """A sliding horizon by every way there is.

    Parameters
    ----------
    hours : int
        Of the year; each begins a window, but for those of the last day.
    most : mapping of str to int
        Way to the number of windows, spread evenly, that it is measured on; all where it is not named.
    """
    given = prosumer(hours)
    count = len(given.interval) - HORIZON + 1
    ways, missing = _window_ways(given)
    ways |= _own_window_ways(given)
    pieces = {name: np.linspace(0, count - 1, min(most.get(name, count), count)).astype(int) for name in ways}

    def run(way: Way, chosen: list[int]) -> np.ndarray:
        cost = np.full(count, np.nan)
        for first in chosen:
            cost[first] = way(first)
        return cost

    calls: dict[str, Call] = {name: partial(run, ways[name], pieces[name].tolist()) for name in ORDER if name in ways}
    calls["driver on the ring"] = lambda: roll(given, window=HORIZON, engine="ring").decision
    versions = {name: partial(_version, name) for name in TOOLKITS if name in calls}
    return Task(
        f"a sliding horizon of {HORIZON} h, one prosumer",
        f"{count} windows",
        calls,
        (
            Figure("compiled ring", "", 1.5),
            Figure("compiled ring", "Pyomo, stated anew", 1.0 / 40.0),
            Figure("compiled ring", "pypsa", 1e-3),
        ),
        repetitions=1,
        kernels=("compiled ring",),
        parts={name: (len(piece), count) for name, piece in pieces.items() if len(piece) < count},
        answers=lambda found: found if isinstance(found, np.ndarray) else np.zeros(0),
        notes=versions,
        missing=missing,
        memory=False,
    )


def _version(name: str, _: Any) -> str:
    return f"version {version_of(name)}"


def _contents(given: SchedulingInstance) -> np.ndarray:
    """Contents with which windows begin, (T + 1,) kWh: those of the year's optimum, the same for all ways."""
    found = battery_schedule(*series(given), initial_kwh=float(given.initial_kwh[0]), **battery_options(given))
    return found.soc_kwh


def _window_ways(given: SchedulingInstance) -> tuple[dict[str, Way], dict[str, str]]:
    """The toolkits that are installed, and what would install the others."""
    net, buy, sell = series(given)
    content = _contents(given)
    options = battery_options(given)
    battery = Battery(**{name: value for name, value in options.items() if name != "dt_h"})
    ways: dict[str, Way] = {}
    missing: dict[str, str] = {}

    def way(solve: Callable[[Window], float], first: int) -> float:
        part = slice(first, first + HORIZON)
        return solve(Window(net[part], buy[part], sell[part], float(content[first])))

    for name in TOOLKITS:
        try:
            ways[name] = partial(way, peer(name, battery, HORIZON))
        except NotApplicable as reason:
            missing[name] = str(reason)
    return ways, missing


def _own_window_ways(given: SchedulingInstance) -> dict[str, Way]:
    """Our own ways to solve the window that begins in an hour."""
    net, buy, sell = series(given)
    content, options = _contents(given), battery_options(given)
    horizon = Horizon(given, HORIZON, 1, Forecaster(given), worth=False, foresee=False)
    ring, none = Ring(horizon), np.zeros(0)

    def state(first: int) -> State:
        return State(first, content[first : first + 1], none)

    def by_kernel(first: int) -> float:
        part = slice(first, first + HORIZON)
        return battery_schedule(net[part], buy[part], sell[part], initial_kwh=float(content[first]), **options).cost

    window = window_instance(horizon, state(0), 0)[0]
    program = assemble(window, Tariff.of_cost(window))
    highs = quiet_highs(**TIGHT)
    column, row = program.columns, program.rows["community_is_balanced"]

    def by_arrays(first: int) -> float:
        part = slice(first, first + HORIZON)
        program.cost[column["imported"].places], program.cost[column["exported"].places] = buy[part], -sell[part]
        program.low[column["content"].start] = program.high[column["content"].start] = content[first]
        program.row_low[row.start : row.stop] = program.row_high[row.start : row.stop] = net[part]
        # A program that is passed anew leaves no basis to begin with.
        load_arrays(highs, program)
        highs.run()
        return float(highs.getInfo().objective_function_value)

    windows: dict[int, SchedulingInstance] = {}

    def by_declaration(first: int) -> float:
        if first not in windows:  # made in the untimed call: an instance is not what is measured
            windows[first] = window_instance(horizon, state(first), first)[0]
        return solve_pyomo(build_community_cost(windows[first]), **TIGHT).objective

    return {
        "compiled ring": lambda first: ring.plan(state(first), first).objective,
        "kernel a window": by_kernel,
        "HiGHS from arrays, cold": by_arrays,
        "Pyomo, stated anew": by_declaration,
    }
