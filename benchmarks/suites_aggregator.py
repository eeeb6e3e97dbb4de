"""The suite of an aggregator's problems: every shipped instance by every method, and what knowing more is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..instances.portfolio import PortfolioInstance
from ..instances.shelf import library, load
from ..models.problem import problems
from ..solvers.portfolio_values import value_of_information
from .report import Section, Table
from .suite_sections import compare_shipped, comparison_section, overview_section
from .tables import readable, write_table

if TYPE_CHECKING:
    from rich.console import Console

COMMAND = "commonwatt tables --suite aggregator"

SEEDS = (0,)
"""No method of these problems draws."""


def aggregator_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Every shipped instance of every problem by every method.

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
    for found in problems("aggregator"):
        shipped, compared = compare_shipped(found.name, out, workers, console, SEEDS)
        drawn = [one.name for one in found.criteria if one.bound is not None]
        sections.append(overview_section(out, found, compared, drawn, SEEDS))
        for one in shipped:
            sections.append(comparison_section(out, one, compared[one.meta.name], seeds=SEEDS))
    sections.append(information_section(out))
    return sections


def information_section(out: Path) -> Section:
    """What the stochastic program gains over planning for the mean, and what knowing the scenario would add.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    rows = []
    frame = library()
    for name in frame.loc[frame["problem"] == "aggregator.portfolio", "name"]:
        instance = load(name)
        assert isinstance(instance, PortfolioInstance)
        rows.append({"instance": name} | value_of_information(instance))
    found = pd.DataFrame(rows)
    caption = "Portfolios: what knowing more is worth"
    note = (
        "mean_scenario <= stochastic <= wait_and_see: offers that are best for the mean of all scenarios, offers that "
        "are best for all of them, and offers made when the scenario is known; vss and evpi are the two differences."
    )
    write_table(found, out / "tables", "aggregator-information", caption=caption, note=note)
    return Section("Aggregator: what knowing more is worth", "", [Table(caption, readable(found), note)], [], COMMAND)
