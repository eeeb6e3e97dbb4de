"""Suites of speed: the ratios of each family, measured side by side in one run.

Each family's tasks stand in its module ``speed_<family>``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .report import Section, Table
from .speed import measure
from .suites import say
from .tables import write_table

if TYPE_CHECKING:
    from rich.console import Console

METHOD = "Median seconds of each way to the same answer, measured in one run on one machine. "


def _suite(family: str, caption: str, text: str) -> Callable[[Path, int, Console], list[Section]]:
    """The suite that measures the tasks of a family's module."""
    name = "speed" if family == "allocation" else f"speed-{family}"

    def run(out: Path, workers: int, console: Console) -> list[Section]:
        """Measure the tasks of a family, and show them."""
        say(console, f"{name}: this takes minutes")
        module = importlib.import_module(f"{__package__}.speed_{family}")
        frame = measure(module.tasks(), lambda task: say(console, f"{name}: {task}"))
        write_table(frame, out / "tables", f"speed-{family}", caption=caption)
        command = f"commonwatt tables --suite {name}"
        return [Section(f"Speed: {family}", METHOD + text, [Table(caption, frame)], (), command)]

    return run


speed_allocation_suite = _suite(
    "allocation",
    "Times of the allocation kernels against other ways to the same answer",
    "The ratios compare them with sorting and copying the same numbers and the quickest kernel, so that they say "
    "something elsewhere too.",
)

speed_scheduling_suite = _suite(
    "scheduling",
    "Times of schedules by our ways and others",
    "The ratios compare them with our quickest way, the column off compares the least costs that were found. What a "
    "slow way was measured on stands in its note. Toolkits that are not installed are listed with the command that "
    "installs them.",
)

speed_settlement_suite = _suite(
    "settlement",
    "Times of prices and bills",
    "The ratios compare prices and bills with a copy of the same net loads, and with a loop over hours.",
)

speed_stackelberg_suite = _suite(
    "stackelberg",
    "Times of the Stackelberg games",
    "The ratios compare programs with kernels on the same game, and kernels with a sort of as many numbers. Where a "
    "bilevel program does not end in a minute, its note says what it has and what it can prove.",
)

speed_aggregator_suite = _suite(
    "aggregator",
    "Times of an aggregator's kernels and programs",
    "The ratios compare load flows with OpenDSS on the same powers, exact distributions with draws, vehicles with "
    "drawing as many random numbers, and the two ways to state and to solve a portfolio's program.",
)
