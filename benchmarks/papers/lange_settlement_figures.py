"""Figures of settlements: who gains by which rule, and internal prices between those of the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..figures import COLOURS, label, new_figure, styled
from .lange_settlement import DISPATCHES, SHARING
from .lange_settlement_months import GRID, INTERNAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .lange_experiment import Evidence
    from .lange_settlement_months import Months

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
BRACKET = "#e3e6ea"


@styled
def gains_figure(found: Evidence) -> Figure:
    """What those gain who would pay alone, and the others, by dispatch and rule; marks where both add up to.

    Parameters
    ----------
    found : Evidence
        What was run.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rules = list(SHARING.values())
    table = found.settled.rules.set_index(["dispatch", "rule"])
    figure, axes = new_figure(9.0, 4.4)
    places: list[int] = []
    names: list[str] = []
    for group, dispatch in enumerate(DISPATCHES):
        for number, rule in enumerate(rules):
            at = group * (len(rules) + 1) + number
            row = table.loc[(dispatch, rule)]
            _stack(axes, at, float(row["gain_of_consumers"]), float(row["gain_of_others"]), first=not places)
            places.append(at)
            names.append(label(rule))
        middle = group * (len(rules) + 1) + (len(rules) - 1) / 2.0
        axes.text(middle, 1.0, dispatch, transform=axes.get_xaxis_transform(), ha="center", va="bottom", weight="bold")
    axes.axhline(0.0, color="#333333", linewidth=0.8)
    axes.set_xticks(places, names, rotation=35, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(f"gain against each alone ({found.instance.currency} a day)")
    axes.grid(axis="y", color="#e6e6e6")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _stack(axes: Axes, at: float, consumers: float, others: float, *, first: bool) -> None:
    """One bar: gains upwards, losses downwards, and a mark at their sum."""
    base = consumers if consumers * others > 0 else 0.0
    # What begins with an underscore stays out of the legend.
    prefix = "" if first else "_"
    axes.bar(at, consumers, width=0.72, color=COLOURS[0], label=f"{prefix}members who would pay alone")
    axes.bar(at, others, width=0.72, bottom=base, color=COLOURS[4], label=f"{prefix}all others")
    ends, total = [at - 0.42, at + 0.42], consumers + others
    axes.plot(ends, [total, total], color="black", linewidth=2.2, label=f"{prefix}the community")


@styled
def prices_figure(found: Evidence) -> Figure:
    """Internal prices by month and by hour of the day, within what the grid asks and pays.

    Parameters
    ----------
    found : Evidence
        What was run.

    Returns
    -------
    matplotlib.figure.Figure
    """
    months = found.months
    figure, (left, right) = new_figure(9.0, 4.2, columns=2, sharey=True)
    names = [MONTHS[int(str(one)[5:7]) - 1] for one in months.trade["month"]]
    at = np.arange(len(names), dtype=float)
    _bracket(left, at, months.series(GRID, "buy"), months.series(GRID, "sell"))
    for rule, side, style in _styles():
        left.plot(at, months.series(rule, side), marker="o", markersize=5, **style)
    left.set_xticks(at, names)
    left.set_xlim(at[0] - 0.2, at[-1] + 0.2)
    left.set_title("By month, weighted by energy")
    left.set_ylabel(f"price ({months.currency}/kWh)")
    _by_hour(right, months)
    left.set_ylim(0.0, 1.05 * float(months.hours["buy_plain"].max()))
    for axes in (left, right):
        axes.grid(axis="y", color="#d5d8dc")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, handlelength=3.2)
    return figure


def _by_hour(axes: Axes, months: Months) -> None:
    """Means of each hour of the day over all months, as steps."""
    grid = months.hours[months.hours["rule"] == GRID]
    edges = np.append(grid["hour"].astype(float), float(grid["hour"].iloc[-1]) + 1.0)
    # The grid pays for surplus at any hour, whether there is any or not.
    paid = np.full(len(grid), float(np.nanmean(grid["sell_plain"])))
    axes.stairs(grid["buy_plain"], edges, baseline=paid, fill=True, color=BRACKET)
    for rule, side, style in _styles():
        rows = months.hours[months.hours["rule"] == rule]
        axes.stairs(rows[f"{side}_plain"], edges, baseline=None, **style)
    axes.set_xticks(range(0, 25, 4))
    axes.set_xlim(0.0, 24.0)
    axes.set_xlabel("hour of the day")
    axes.set_title("By hour, where that side trades")


def _bracket(axes: Axes, at: np.ndarray, above: np.ndarray, below: np.ndarray) -> None:
    where = np.concatenate([[at[0] - 0.2], at, [at[-1] + 0.2]])
    high, low = (np.concatenate([line[:1], line, line[-1:]]) for line in (above, below))
    axes.fill_between(where, low, high, color=BRACKET, linewidth=0, label="between the grid's prices")


def _styles() -> list[tuple[str, str, dict[str, Any]]]:
    """Rule, side, and how its line is drawn: a colour for the rule, dashes for sellers."""
    words = {"buy": "buyers pay", "sell": "sellers receive"}
    return [
        (
            rule,
            side,
            {
                "color": COLOURS[number],
                "linestyle": "-" if side == "buy" else (0, (4, 1.5)),
                "linewidth": 1.8,
                "label": f"{rule}: {words[side]}",
            },
        )
        for number, rule in enumerate(INTERNAL.values())
        for side in words
    ]
