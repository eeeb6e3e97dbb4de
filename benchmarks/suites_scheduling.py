"""Suites of scheduling: every shipped instance by every method, sliding horizons, water values, alone or together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..instances.scheduling import SchedulingInstance
from ..instances.shelf import load
from ..models.problem import problem
from ..models.scheduling.decision import SchedulingDecision
from ..solvers.solve import solve
from .figures import save_figure
from .figures_scheduling import schedule_figure, together_figure, water_value_figure
from .report import Picture, Section, Table
from .suite_sections import compare_shipped, comparison_section, overview_section
from .suites import say
from .suites_scheduling_rolling import COMMAND, Case, one_battery, rolling_section
from .tables import write_table

if TYPE_CHECKING:
    from rich.console import Console

DRAWN = ("community_cost", "separate_cost", "peak_cost")
"""Criteria whose gaps are drawn over all instances."""

SEEDS = (0,)
"""Of methods that draw: a sliding horizon over a year takes as long as all else; its section has means over seeds."""

YEAR = "scheduling/prosumer-year"
SPRING = (66 * 24, 14 * 24)
"""First hour and number of hours of two weeks of the year that have sun and clouds, from 8 March on."""

STREET = "scheduling/street-50"


def scheduling_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Every shipped scheduling instance by every method, then what is particular to scheduling.

    Parameters
    ----------
    out : path
        Folder of results.
    workers : int
        Processes.
    console : rich.console.Console
        Where progress is shown.

    Returns
    -------
    list of Section
    """
    shipped, compared = compare_shipped("scheduling", out, workers, console, SEEDS)
    instances = {one.meta.name: one for one in shipped if isinstance(one, SchedulingInstance)}
    sections = [overview_section(out, problem("scheduling"), compared, DRAWN, SEEDS)]
    for name, comparison in compared.items():
        sections.append(comparison_section(out, instances[name], comparison, seeds=SEEDS))
    sections.append(together_section(out, compared, instances))
    year, street = load(YEAR), load(STREET)
    assert isinstance(year, SchedulingInstance)
    assert isinstance(street, SchedulingInstance)
    spring = weeks_of(year, *SPRING)
    say(console, "scheduling: what schedules look like")
    sections.append(schedules_section(out, spring, street))
    say(console, "scheduling: sliding horizons")
    cases = (Case(spring, (6, 12, 24, 48), (24,), 1), Case(street, (12, 24), (24,), 2))
    sections.append(rolling_section(out, cases, console))
    return sections


def weeks_of(instance: SchedulingInstance, first: int, count: int) -> SchedulingInstance:
    """Some intervals of an instance that has neither requests nor limits that vary, as an instance of its own.

    Parameters
    ----------
    instance : SchedulingInstance
        The whole.
    first, count : int
        Which intervals.

    Returns
    -------
    SchedulingInstance
    """
    part = slice(first, first + count)
    by_interval = ("interval", "load_kwh", "generation_kwh", "buy_price", "sell_price")
    name = f"{instance.meta.name}, {count // 24} days from {str(instance.interval[first])[:10]}"
    return instance.replace(**{field: getattr(instance, field)[part] for field in by_interval}).named(name)


# --- alone or together -------------------------------------------------------------------------------------------


def together_section(
    out: Path, compared: Mapping[str, pd.DataFrame], instances: Mapping[str, SchedulingInstance]
) -> Section:
    """What members save behind one meter, on every instance of more than one member.

    Parameters
    ----------
    out : path
        Folder of results.
    compared : mapping of str to DataFrame
        Instance to comparison.
    instances : mapping of str to SchedulingInstance
        The instances.

    Returns
    -------
    Section
    """
    rows = []
    for name, comparison in compared.items():
        if len(instances[name].member) < 2:
            continue
        alone, together = _least(comparison, "separate_cost"), _least(comparison, "community_cost")
        row = {"instance": name, "members": len(instances[name].member), "currency": instances[name].currency}
        row |= {"alone": alone, "together": together, "saving": alone - together}
        rows.append(row | {"saving_percent": 100.0 * (1.0 - together / alone) if alone > 0 else np.nan})
    frame = pd.DataFrame(rows)
    caption = "Least cost of all members, each alone behind a meter of its own and together behind one"
    note = "Least values found by any method that keeps all rules; the tables of the instances say which are proved."
    write_table(frame, out / "tables", "scheduling-together", caption=caption, note=note)
    figures = []
    drawn = frame[frame["alone"] > 0]
    if len(drawn):
        figure = together_figure(list(drawn["instance"]), drawn["alone"], drawn["together"], "Alone or together")
        most = drawn.loc[drawn["saving_percent"].idxmax()]
        figures.append(
            Picture(
                f"{caption}, in percent of the cost alone.",
                save_figure(figure, out / "figures", "scheduling-together")[0],
                f"Bars of {len(drawn)} communities; the largest saving is {most['saving_percent']:.1f} % on "
                f"{most['instance']}.",
            )
        )
    text = "Surplus of one member meets the need of another, and storages serve whoever needs them."
    return Section("Scheduling: alone or together", text, [Table(caption, frame, note)], figures, COMMAND)


def _least(comparison: pd.DataFrame, criterion: str) -> float:
    kept = comparison[comparison[f"{criterion}_gap"].notna()]
    return float(kept[criterion].min())


# --- schedules and water values ----------------------------------------------------------------------------------


def schedules_section(out: Path, spring: SchedulingInstance, street: SchedulingInstance) -> Section:
    """Schedules of least cost with prices and contents, and water values over time.

    Parameters
    ----------
    out : path
        Folder of results.
    spring : SchedulingInstance
        One member with one battery.
    street : SchedulingInstance
        A community.

    Returns
    -------
    Section
    """
    figures = []
    for stem, instance, count in (("home", spring, 48), ("street", street, 48)):
        # Alone, both costs are one, and the kernel for the separate one idles where that costs nothing.
        criterion = "separate_cost" if len(instance.member) == 1 else "community_cost"
        decision = solve(instance, criterion=criterion).decision
        assert isinstance(decision, SchedulingDecision)
        name = instance.meta.name
        begin = _liveliest(decision, min(count, len(instance.interval)))
        figure = schedule_figure(decision, f"{name}: least cost", first=begin, count=count)
        part = slice(begin, begin + count)
        moved = decision.discharge_kwh[part].sum()
        figures.append(
            Picture(
                f"{name}: schedule of least cost. Above zero what supplies, below what charges and is exported; "
                "dotted: capacity of all storages.",
                save_figure(figure, out / "figures", f"scheduling-schedule-{stem}")[0],
                f"Stacked powers, content and prices over {count} intervals of {name}: {moved:.3g} kWh discharged, "
                f"{np.maximum(decision.community_net_kwh[part], 0).sum():.3g} kWh imported.",
            )
        )
    plan = one_battery(spring)
    week = slice(0, min(len(spring.interval), round(7 * 24 / spring.dt_h)))
    figure = water_value_figure(
        spring.interval[week],
        spring.dt_h,
        plan.water_value[week],
        spring.buy_price[week],
        spring.sell_price[week],
        plan.soc_kwh[: week.stop + 1],
        f"{spring.meta.name}: what a stored kWh is worth",
        spring.currency,
    )
    figures.append(
        Picture(
            "Water value of one battery over a week: it stays where it is while the battery is neither full nor empty.",
            save_figure(figure, out / "figures", "scheduling-water-value")[0],
            f"Water value between {plan.water_value[week].min():.3f} and {plan.water_value[week].max():.3f} "
            f"{spring.currency}/kWh, in steps, beside buying and selling price; the content below.",
        )
    )
    text = "Schedules of least community cost by exact methods, and the dual of a battery's state equation."
    return Section("Scheduling: schedules and water values", text, (), figures, COMMAND)


def _liveliest(decision: SchedulingDecision, count: int) -> int:
    """First interval of the whole day from which on most is discharged in ``count`` intervals."""
    day = max(1, round(24 / decision.instance.dt_h))
    moved = decision.discharge_kwh.sum(axis=1)
    begins = range(0, max(1, len(moved) - count + 1), day)
    return max(begins, key=lambda begin: float(moved[begin : begin + count].sum()))
