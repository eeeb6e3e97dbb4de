"""Suites of speed: the ratios of each family, measured side by side in one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from .report import Section, Table
from .suites import say
from .tables import write_table

if TYPE_CHECKING:
    from rich.console import Console

METHOD = "Median seconds of each way to the same answer, measured in one run on one machine. "


def speed_allocation_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Times of kernels against general solvers; see :mod:`commonwatt.benchmarks.speed_allocation`."""
    from . import speed_allocation

    say(console, "speed: measuring kernels and solvers; this takes minutes")
    frame = speed_allocation.measure(quick=False, progress=lambda task: say(console, f"speed: {task}"))
    text = METHOD + (
        "The ratios compare them with sorting and copying the same numbers and the quickest kernel, so that they say "
        "something elsewhere too."
    )
    return [
        _section(
            out, "allocation", "Times of the allocation kernels against other ways to the same answer", frame, text
        )
    ]


def speed_scheduling_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Times of schedules against solvers and other toolkits; see :mod:`commonwatt.benchmarks.speed_scheduling`."""
    from . import speed_scheduling

    say(console, "speed-scheduling: measuring kernels, solvers and toolkits; this takes minutes")
    frame = speed_scheduling.measure(quick=False, progress=lambda task: say(console, f"speed-scheduling: {task}"))
    text = METHOD + (
        "The ratios compare them with our quickest way, the column off compares the least costs that were found. "
        "What a slow way was measured on stands in its note. Toolkits that are not installed are listed with the "
        "command that installs them."
    )
    return [_section(out, "scheduling", "Times of schedules by our ways and others", frame, text)]


def speed_settlement_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Times of settling very many members; see :mod:`commonwatt.benchmarks.speed_settlement`."""
    from . import speed_settlement

    say(console, "speed-settlement: measuring prices and bills")
    frame = speed_settlement.measure(quick=False, progress=lambda task: say(console, f"speed-settlement: {task}"))
    text = METHOD + "The ratios compare prices and bills with a copy of the same net loads, and with a loop over hours."
    return [_section(out, "settlement", "Times of prices and bills", frame, text)]


def speed_stackelberg_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Times of the Stackelberg games; see :mod:`commonwatt.benchmarks.speed_stackelberg`."""
    from . import speed_stackelberg

    say(console, "speed-stackelberg: measuring kernels and programs; this takes minutes")
    frame = speed_stackelberg.measure(quick=False, progress=lambda task: say(console, f"speed-stackelberg: {task}"))
    text = METHOD + (
        "The ratios compare programs with kernels on the same game, and kernels with a sort of as many numbers. Where "
        "a bilevel program does not end in a minute, its note says what it has and what it can prove."
    )
    return [_section(out, "stackelberg", "Times of the Stackelberg games", frame, text)]


def speed_aggregator_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Times of an aggregator's kernels and programs; see :mod:`commonwatt.benchmarks.speed_aggregator`."""
    from . import speed_aggregator

    say(console, "speed-aggregator: measuring kernels, OpenDSS and programs; this takes minutes")
    frame = speed_aggregator.measure(quick=False, progress=lambda task: say(console, f"speed-aggregator: {task}"))
    text = METHOD + (
        "The ratios compare load flows with OpenDSS on the same powers, exact distributions with draws, vehicles with "
        "drawing as many random numbers, and the two ways to state and to solve a portfolio's program."
    )
    return [_section(out, "aggregator", "Times of an aggregator's kernels and programs", frame, text)]


def _section(out: Path, family: str, caption: str, frame: pd.DataFrame, text: str) -> Section:
    write_table(frame, out / "tables", f"speed-{family}", caption=caption)
    name = "speed" if family == "allocation" else f"speed-{family}"
    table = Table(caption, frame)
    return Section(f"Speed: {family}", text, [table], (), f"commonwatt tables --suite {name}")
