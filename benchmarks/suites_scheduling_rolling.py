"""Sections on sliding horizons: heuristics, windows and forecasts, perfect foresight and bounds side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.rules import PROBLEM
from ..solvers.kernels.battery import BatterySchedule, battery_schedule
from ..solvers.method import call
from ..solvers.rolling import roll
from .compare import assemble, evaluate
from .figures import save_figure
from .figures_scheduling import window_figure
from .report import Picture, Section, Table
from .suite_sections import written_table
from .suites import say
from .tables import slug, write_table

if TYPE_CHECKING:
    from rich.console import Console

COMMAND = "commonwatt tables --suite scheduling"

SHOWN = ("community_cost", "peak_kw", "self_sufficiency", "throughput_kwh")
"""Criteria by which sliding horizons are judged."""

HEURISTICS = ("idle", "self_consumption", "time_of_use", "p_mas")
FORESIGHT = ("community_program", "peak_program")

WINDOWS_H = (2, 4, 6, 12, 18, 24, 36, 48, 72, 96, 120)
"""Windows of the figure, h."""

SEEDS = (0, 1, 2)
"""Of noisy forecasts; their rows are means."""


def one_battery(instance: SchedulingInstance) -> BatterySchedule:
    """The kernel's schedule of an instance with one battery behind one unlimited meter."""
    return battery_schedule(
        instance.net_load_kwh.sum(axis=1),
        instance.buy_price,
        instance.sell_price,
        capacity_kwh=instance.capacity_kwh[0],
        minimum_kwh=instance.minimum_kwh[0],
        charge_kw=instance.charge_kw[0],
        discharge_kw=instance.discharge_kw[0],
        charge_efficiency=float(instance.charge_efficiency[0]),
        discharge_efficiency=float(instance.discharge_efficiency[0]),
        retention=float(instance.retention[0]),
        initial_kwh=float(instance.initial_kwh[0]),
        terminal_kwh=float(instance.final_kwh[0]),
        terminal_value=float(instance.terminal_value[0]),
        dt_h=instance.dt_h,
    )


class Case:
    """An instance, the windows that are tried with perfect and with other forecasts, and the step (intervals)."""

    def __init__(
        self, instance: SchedulingInstance, windows: Sequence[int], believed: Sequence[int], step: int
    ) -> None:
        self.instance, self.windows, self.believed, self.step = instance, tuple(windows), tuple(believed), step


def rolling_section(out: Path, cases: Sequence[Case], console: Console) -> Section:
    """Heuristics, sliding horizons and perfect foresight side by side, and cost against the length of the window.

    Parameters
    ----------
    out : path
        Folder of results.
    cases : sequence of Case
        What is run; the first one's instance has one battery, whose forecast horizon is drawn.
    console : rich.console.Console
        Where progress is shown.

    Returns
    -------
    Section
    """
    tables: list[Table] = []
    note = (
        "Gap: of the cost to the bound that perfect foresight proves. Throughput: energy discharged. Content at a "
        "window's end is worth the window's mean price. Rows of noisy forecasts are means over seeds "
        f"{', '.join(map(str, SEEDS))}; persistence takes the same interval of the last day known, on the first day "
        "the last value."
    )
    for case in cases:
        say(console, f"scheduling: sliding horizons on {case.instance.meta.name}")
        frame = rolling_table(case)
        caption = f"{case.instance.meta.name}: heuristics, sliding horizons, perfect foresight and bounds"
        stem = f"scheduling-rolling-{slug(case.instance.meta.name)}"
        steps = "every interval" if case.step == 1 else f"every {case.step} intervals"
        about = f"{note} A plan is made {steps}."
        tables.append(written_table(out, stem, frame, caption, about))
    say(console, "scheduling: windows against the forecast horizon")
    first = cases[0].instance
    curves, horizon = window_curves(first)
    ends = {name: f"{100 * curve.iloc[-1]:.1f} %" for name, curve in curves.items()}
    caption = (
        f"{first.meta.name}: cost above perfect foresight by the length of the window, by the worth of content at its "
        "end. Dashed: by how many hours ahead the battery's present decision depends on the data (forecast horizon), "
        "in half, nine tenths and all of the hours."
    )
    figure = window_figure(curves, horizon, f"{first.meta.name}: cost by window")
    words = ", ".join(f"{name}: {value}" for name, value in ends.items())
    picture = Picture(
        caption,
        save_figure(figure, out / "figures", "scheduling-windows")[0],
        f"Excess cost falls with the window; at {WINDOWS_H[-1]} h it is {words}. Forecast horizons: "
        + ", ".join(f"{name} {hours:g} h" for name, hours in horizon.items()),
    )
    # What is left of a sum of rounded costs is not worth twenty digits.
    excess = pd.DataFrame({name: (100 * curve).round(9) for name, curve in curves.items()})
    data = excess.rename_axis("window_h").reset_index()
    about = "Cost above perfect foresight by window (%)"
    write_table(data, out / "tables", "scheduling-windows", caption=about)
    tables.append(Table(about, data))
    text = (
        "A controller plans a window, carries out its first intervals and plans again. Perfect foresight of everything "
        "is the best that any controller could do; rules need no forecast at all."
    )
    return Section("Scheduling: sliding horizons", text, tables, [picture], COMMAND)


def rolling_table(case: Case) -> pd.DataFrame:
    """Rows of heuristics, sliding horizons, perfect foresight and bounds.

    Parameters
    ----------
    case : Case
        What is run.

    Returns
    -------
    pandas.DataFrame
        ``way``, ``method``, ``window_h``, ``forecast``, :data:`SHOWN` and ``community_cost_gap``.
    """
    instance = case.instance
    calls = [call("scheduling", name) for name in (*HEURISTICS, *FORESIGHT)]
    compared = assemble(instance, pd.concat([evaluate(instance, one) for one in calls], ignore_index=True))
    bounds = compared.attrs["bounds"]
    named = compared.set_index("method")
    rows: list[dict[str, Any]] = []

    def add(way: str, method: str, values: Mapping[str, float], window: float = np.nan, forecast: str = "") -> None:
        gap = PROBLEM.criterion("community_cost").gap(instance, values["community_cost"], bounds["community_cost"])
        shown = {name: values[name] for name in SHOWN}
        rows.append(
            {"way": way, "method": method, "window_h": window, "forecast": forecast}
            | shown
            | {"community_cost_gap": gap}
        )

    for name in HEURISTICS:
        add("heuristic", name, named.loc[name])
    for forecast, windows in (("persistence", case.believed), ("noisy", case.believed), ("perfect", case.windows)):
        for window in windows:
            found = rolled_values(instance, window, case.step, forecast)
            add("rolling", "roll", found, window * instance.dt_h, forecast)
    for name in FORESIGHT:
        add("perfect foresight", name, named.loc[name], len(instance.interval) * instance.dt_h, "perfect")
    peak = bounds["peak_cost"] / instance.peak_price
    nothing = dict.fromkeys(SHOWN, np.nan)
    known = {"community_cost": bounds["community_cost"], "peak_kw": peak}
    rows.append({"way": "bound", "method": "weak duality", "window_h": np.nan, "forecast": ""} | nothing | known)
    return pd.DataFrame(rows)


def rolled_values(instance: SchedulingInstance, window: int, step: int, forecast: str) -> dict[str, float]:
    """What a sliding horizon comes to by :data:`SHOWN`; the mean over :data:`SEEDS` where the forecast draws.

    Raises
    ------
    ValueError
        If a schedule breaks a rule.
    """
    found = []
    for seed in SEEDS if forecast == "noisy" else SEEDS[:1]:
        decision = roll(instance, window=window, step=step, forecast=forecast, seed=seed, terminal="worth").decision
        assert decision is not None
        broken = PROBLEM.violations(instance, decision)
        if broken:
            raise ValueError(f"a sliding horizon breaks a rule: {broken[0]}")
        found.append({name: PROBLEM.criterion(name).value(instance, decision) for name in SHOWN})
    return {str(name): float(mean) for name, mean in pd.DataFrame(found).mean().items()}


def window_curves(
    instance: SchedulingInstance, windows_h: Sequence[float] = WINDOWS_H
) -> tuple[dict[str, pd.Series], dict[str, float]]:
    """Excess of cost by window, for two worths of content at a window's end, and quantiles of the forecast horizon.

    Parameters
    ----------
    instance : SchedulingInstance
        One battery behind one unlimited meter.
    windows_h : sequence of float
        Windows, h.

    Returns
    -------
    curves : dict of str to Series
        Share of the cost under perfect foresight that is paid in addition, by window.
    horizon : dict of str to float
        h.
    """
    plan = one_battery(instance)
    curves = {}
    for terminal, name in (("none", "content at the end worth nothing"), ("worth", "worth the window's mean price")):
        excess = []
        for hours in windows_h:
            window = max(1, round(hours / instance.dt_h))
            decision = roll(instance, window=window, engine="kernel", terminal=terminal).decision
            assert decision is not None
            cost = PROBLEM.criterion("community_cost").value(instance, decision)
            excess.append((cost - plan.cost) / abs(plan.cost))
        curves[name] = pd.Series(excess, index=list(windows_h))
    # What depends on the end of the data says nothing of the horizon.
    inside = plan.forecast_horizon < len(plan.water_value) - np.arange(len(plan.water_value))
    ahead = plan.forecast_horizon[inside] * instance.dt_h
    marks = (("half", 0.5), ("nine tenths", 0.9), ("all", 1.0))
    return curves, {name: float(np.quantile(ahead, q)) for name, q in marks} if ahead.size else {}
