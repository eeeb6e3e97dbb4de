"""Figures of the paper on cloud-coordinated sharing; every number in them comes from the experiment's result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..figures import COLOURS, interval_axis, interval_edges, label, new_figure, styled
from ..figures_scheduling import clock
from .lange_judgement import PRINTED_RATIO

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .lange_experiment import Evidence


@styled
def use_figure(found: Evidence) -> Figure:
    """Use of storages against the fraction that members contribute, by size: in energy, and relative to no sharing.

    Parameters
    ----------
    found : Evidence
        What was run.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = new_figure(9.0, 3.9, columns=2)
    for number, (size, rows) in enumerate(found.use.groupby("size")):
        style = {"color": COLOURS[number % len(COLOURS)], "marker": "osD^v"[number % 5], "markersize": 5}
        left.plot(rows["contribution"], rows["total_kwh"], label=f"storages × {size:g}", **style)
        right.plot(rows["contribution"], rows["times_without"], **style)
    low, high = PRINTED_RATIO
    right.axhspan(low, high, color="#e3e6ea", linewidth=0, zorder=0, label="printed with sharing")
    left.set_ylabel("charged and discharged (kWh a day)")
    right.set_ylabel("times the use without sharing")
    left.set_title("Energy")
    right.set_title("Relative to no sharing")
    for axes in (left, right):
        axes.set_xlabel("contributed fraction κ")
        axes.set_ylim(bottom=0.0)
        axes.set_xlim(-0.03, 1.03)
        axes.grid(color="#e6e6e6")
    handles, names = left.get_legend_handles_labels()
    more, words = right.get_legend_handles_labels()
    figure.legend([*handles, *more], [*names, *words], loc="outside lower center", ncols=3)
    return figure


@styled
def failure_figure(found: Evidence) -> Figure:
    """Import of the community with and without failures, and what stays unserved, over the day, case by case.

    Parameters
    ----------
    found : Evidence
        What was run.

    Returns
    -------
    matplotlib.figure.Figure
    """
    cases = list(dict.fromkeys(found.failures["case"]))
    labels, zone = clock(found.instance.interval)
    edges = interval_edges(labels, found.instance.dt_h)
    figure, grid = new_figure(
        9.0, 4.8, columns=len(cases), rows=2, sharex=True, sharey="row", gridspec_kw={"height_ratios": [2.2, 1.0]}
    )
    for (above, below), case in zip(np.atleast_2d(grid.T), cases, strict=True):
        for run, colour, dashes in (("no failures", COLOURS[0], (0, (4, 1.5))), ("failures", COLOURS[1], "-")):
            imported = found.traces[f"{case}, {run}: import"]
            above.stairs(imported, edges, color=colour, linestyle=dashes, linewidth=1.6, baseline=None, label=run)
        unserved = found.traces[f"{case}, failures: unserved"]
        below.stairs(unserved, edges, fill=True, color=COLOURS[1], alpha=0.8)
        above.set_title(label(case))
        for axes in (above, below):
            axes.set_ylim(bottom=0.0)
            axes.grid(axis="y", color="#e6e6e6")
            axes.margins(x=0.0)
        interval_axis(below, edges)
        below.set_xlabel(zone)
        below.tick_params(axis="x", labelsize=8.5)
    grid[0, 0].set_ylabel("import (kW)")
    grid[1, 0].set_ylabel("unserved (kW)")
    figure.align_ylabels()
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@styled
def methods_figure(found: Evidence) -> Figure:
    """Cost of the ways to run the community, between each alone and all foreseen, with the performance measure.

    Parameters
    ----------
    found : Evidence
        What was run.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = found.methods.sort_values("cost", ascending=False, kind="stable")
    names = [*rows["method"]]
    figure, axes = new_figure(8.0, 1.5 + 0.4 * len(rows))
    colour = {"rule": COLOURS[5], "sliding horizon": COLOURS[0], "all foreseen": COLOURS[2]}
    at = np.arange(len(rows))
    for kind, shade in colour.items():
        chosen = (rows["kind"] == kind).to_numpy()
        axes.barh(at[chosen], rows["cost"][chosen], height=0.62, color=shade, label=kind)
    for row, (cost, pm) in enumerate(zip(rows["cost"], rows["pm"], strict=True)):
        axes.annotate(
            f"PM {pm:.2f}",
            (cost, row),
            xytext=(-5, 0),
            textcoords="offset points",
            va="center",
            ha="right",
            fontsize=9,
            color="white" if rows["kind"].iloc[row] != "rule" else "black",
        )
    axes.axvline(found.alone, color="#333333", linewidth=1.4, linestyle=(0, (4, 2)), label="each alone")
    axes.set_yticks(at, [label(name) for name in names])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0.0, 1.04 * max(found.alone, float(rows["cost"].max())))
    axes.set_xlabel(f"cost of the community ({found.instance.currency} a day)")
    axes.set_title("Ways to run the community")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
