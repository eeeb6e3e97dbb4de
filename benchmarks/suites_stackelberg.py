"""Suite of the Stackelberg games: every shipped instance by every method, game by game."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..models.problem import problems
from .report import Section
from .suite_sections import compare_shipped, comparison_section, overview_section

if TYPE_CHECKING:
    from rich.console import Console

SEEDS = (0,)
"""No method of these games draws."""


def stackelberg_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Every shipped instance of every game by every method.

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
    sections = []
    for found in problems("stackelberg"):
        shipped, compared = compare_shipped(found.name, out, workers, console, SEEDS)
        # What is drawn has a bound; other criteria are described only.
        drawn = [one.name for one in found.criteria if one.bound is not None]
        sections.append(overview_section(out, found, compared, drawn, SEEDS))
        for one in shipped:
            sections.append(comparison_section(out, one, compared[one.meta.name], seeds=SEEDS))
    return sections
