"""Suite of the Stackelberg games: every shipped instance by every method, game by game, and an operator's profit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..instances.errors import NotApplicable
from ..instances.operator import OperatorInstance
from ..instances.shelf import load
from ..models.problem import problem, problems
from ..models.stackelberg.operator import OperatorDecision
from ..solvers.method import default_calls
from ..solvers.solve import run_call
from .figures import save_figure
from .figures_stackelberg import profit_figure
from .report import Picture, Section, Table
from .suite_sections import compare_shipped, comparison_section, overview_section
from .tables import readable, slug, write_table

if TYPE_CHECKING:
    from rich.console import Console

SPLIT = ("profit", "followers_gain", "total_gain", "share_lost")
DRAWN = ("stackelberg/four-prosumers", "stackelberg/four-log-prosumers", "stackelberg/two-peaks")
COMMAND = "commonwatt tables --suite stackelberg"

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
    sections.append(welfare_section(out, DRAWN))
    return sections


def welfare_section(out: Path, names: tuple[str, ...]) -> Section:
    """Who keeps what of the gain of trading, by method, and profit over both prices.

    Parameters
    ----------
    out : path
        Folder of results.
    names : tuple of str
        Shipped operator instances of one interval.

    Returns
    -------
    Section
    """
    criteria = {one.name: one for one in problem("stackelberg.operator").criteria}
    tables, figures = [], []
    for name in names:
        instance = load(name)
        assert isinstance(instance, OperatorInstance)
        rows, prices = [], {}
        for chosen in default_calls("stackelberg.operator"):
            try:
                decision = run_call(instance, chosen, "profit").decision
            except NotApplicable:
                continue
            assert isinstance(decision, OperatorDecision)
            row = {one: criteria[one].value(instance, decision) for one in SPLIT}
            ends = {"buy_price": float(decision.buy_price[0]), "sell_price": float(decision.sell_price[0])}
            prices[chosen.label] = ends["buy_price"], ends["sell_price"]
            rows.append({"method": chosen.label, **ends, **row})
        frame = pd.DataFrame(rows)
        caption = f"{name}: prices, and who keeps what of the gain of trading"
        note = (
            "profit: of the operator; followers_gain: what members have more than alone at the grid's prices; "
            "share_lost: of what competition would bring both together. With quadratic utility and nobody at a limit "
            "the operator takes half, leaves a quarter to members, and a quarter is lost."
        )
        write_table(frame, out / "tables", f"{slug(name)}-welfare", caption=caption, note=note)
        tables.append(Table(caption, readable(frame), note))
        best = frame.loc[frame["profit"].idxmax()]
        picture = profit_figure(instance, prices, name)
        figures.append(
            Picture(
                f"{name}: profit over both prices, what each method chooses, and the best with one price held.",
                save_figure(picture, out / "figures", f"{slug(name)}-profit")[0],
                f"Map of profit, greatest at a buying price of {best['buy_price']:.4g} and a selling price of "
                f"{best['sell_price']:.4g}: {best['profit']:.4g}.",
            )
        )
    return Section("Stackelberg, operator: who keeps what", "", tables, figures, COMMAND)
