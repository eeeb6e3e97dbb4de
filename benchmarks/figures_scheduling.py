"""Figures of scheduling: a schedule with its prices, water values, windows against horizons, alone or together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from ..models.scheduling.decision import SchedulingDecision
from .figures import COLOURS, interval_axis, interval_edges, label, new_figure, styled

STORED, DEMAND = "#b8dfd0", "#333333"

NOTHING = 1e-6
"""Part of the greatest power below which a flow is not drawn, and not named either."""


def clock(labels: np.ndarray) -> tuple[np.ndarray, str]:
    """Labels by which an axis shows the local clock, where its offset never changes, and what the axis is to be called.

    Parameters
    ----------
    labels : (T,) labels
        Of the intervals.

    Returns
    -------
    labels : (T,) array of str
        Without their offsets, where all have the same.
    name : str
        For the axis.
    """
    offsets = [re.search(r"T[0-9:]+(Z|[+-]\d\d:\d\d)?$", str(one)) for one in labels]
    found = {one.group(1) for one in offsets if one is not None}
    if len(found) == 1 and all(offsets):
        offset = found.pop()
        if offset and offset != "Z":
            return np.array([str(one).removesuffix(offset) for one in labels]), f"local time (UTC{offset})"
    return labels, "time (UTC)" if found else "interval"


@styled
def schedule_figure(decision: SchedulingDecision, title: str, *, first: int = 0, count: int | None = None) -> Figure:
    """A community's balance, the content of its storages and the prices, interval by interval.

    Above: what generation, storages and the grid supply, stacked, against what is used; below zero, what charges and
    what is exported. Middle: content of all storages. Below: prices.

    Parameters
    ----------
    decision : SchedulingDecision
        The schedule.
    title : str
        For readers.
    first, count : int
        The intervals that are drawn; all by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    given = decision.instance
    part = slice(first, len(given.interval) if count is None else first + count)
    labels, zone = clock(given.interval[part])
    edges = interval_edges(labels, given.dt_h)
    power = 1.0 / given.dt_h
    made = power * (given.generation_kwh - decision.spilled_kwh).sum(axis=1)[part]
    net = power * decision.community_net_kwh[part]
    discharge, charge = (power * flow.sum(axis=1)[part] for flow in (decision.discharge_kwh, decision.charge_kwh))
    used = (given.load_kwh - decision.curtailed_kwh - decision.lost_kwh).sum(axis=1) + decision.served_kwh.sum(axis=1)
    figure, (above, middle, below) = new_figure(
        8.0, 6.4, rows=3, sharex=True, gridspec_kw={"height_ratios": [3.0, 1.4, 1.2]}
    )
    base, scale = np.zeros_like(made), float(used.max(initial=0.0)) * power + float(made.max(initial=0.0))
    for flow, colour, hatch, name in (
        (made, COLOURS[4], "", "generation"),
        (discharge, COLOURS[2], "////", "discharge"),
        (np.maximum(net, 0.0), COLOURS[5], "", "import"),
    ):
        if flow.max(initial=0.0) > NOTHING * scale:
            above.stairs(base + flow, edges, baseline=base, fill=True, color=colour, label=name)
            if hatch:
                above.stairs(base + flow, edges, baseline=base, fill=True, facecolor="none", hatch=hatch, linewidth=0)
        base = base + flow
    base = np.zeros_like(made)
    for flow, colour, hatch, name in (
        (charge, COLOURS[2], "", "charge"),
        (np.maximum(-net, 0.0), COLOURS[3], "....", "export"),
    ):
        if flow.max(initial=0.0) > NOTHING * scale:
            above.stairs(base - flow, edges, baseline=base, fill=True, color=colour, alpha=0.75, label=name)
            if hatch:
                above.stairs(base - flow, edges, baseline=base, fill=True, facecolor="none", hatch=hatch, linewidth=0)
        base = base - flow
    above.stairs(power * used[part], edges, color=DEMAND, linewidth=1.6, label="use")
    above.axhline(0.0, color="#777777", linewidth=0.8)
    above.set_ylabel("power (kW)")
    above.set_title(label(title, 80))
    content = decision.soc_kwh.sum(axis=1)[part.start : part.stop + 1]
    middle.fill_between(edges, content, color=STORED)
    middle.plot(edges, content, color=COLOURS[2], linewidth=1.6)
    middle.set_ylabel("content (kWh)")
    middle.set_ylim(0.0, 1.08 * max(float(given.capacity_kwh.sum()), float(content.max(initial=0.0))) or 1.0)
    if given.capacity_kwh.any():
        middle.axhline(float(given.capacity_kwh.sum()), color="#777777", linewidth=0.9, linestyle=(0, (2, 2)))
    below.stairs(given.buy_price[part], edges, color=COLOURS[1], linewidth=1.6, label="buying price", baseline=None)
    below.stairs(
        given.sell_price[part],
        edges,
        color=COLOURS[0],
        linewidth=1.6,
        label="selling price",
        baseline=None,
        linestyle="--",
    )
    below.set_ylabel(f"price\n({given.currency}/kWh)")
    if (given.sell_price[part] >= 0).all():
        below.set_ylim(0.0, 1.15 * float(given.buy_price[part].max()) or 1.0)
    for axes in (above, middle, below):
        axes.grid(axis="y", color="#e6e6e6")
        axes.margins(x=0.0)
    interval_axis(below, edges)
    below.set_xlabel(zone)
    handles, names = above.get_legend_handles_labels()
    more, words = below.get_legend_handles_labels()
    figure.align_ylabels()
    figure.legend([*handles, *more], [*names, *words], loc="outside lower center", ncols=4)
    return figure


@styled
def water_value_figure(
    labels: np.ndarray,
    dt_h: float,
    water_value: np.ndarray,
    buy_price: np.ndarray,
    sell_price: np.ndarray,
    soc_kwh: np.ndarray,
    title: str,
    currency: str,
) -> Figure:
    """What a kWh in a store is worth, against what the grid asks and pays, with the content below.

    Parameters
    ----------
    labels : (T,) labels
        Of the intervals.
    dt_h : float
        Their length, h.
    water_value, buy_price, sell_price : (T,) arrays
        Currency per kWh.
    soc_kwh : (T + 1,) array
        Content.
    title, currency : str
        For readers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown, zone = clock(labels)
    edges = interval_edges(shown, dt_h)
    figure, (above, below) = new_figure(8.0, 4.6, rows=2, sharex=True, gridspec_kw={"height_ratios": [2.2, 1.0]})
    above.stairs(buy_price, edges, color=COLOURS[1], linewidth=1.0, baseline=None, label="buying price")
    above.stairs(
        sell_price, edges, color=COLOURS[0], linewidth=1.2, baseline=None, linestyle="--", label="selling price"
    )
    above.stairs(water_value, edges, color=DEMAND, linewidth=2.0, baseline=None, label="water value")
    above.set_ylabel(f"{currency}/kWh")
    above.set_title(label(title, 80))
    above.set_ylim(0.0, 1.1 * float(max(buy_price.max(), water_value.max())) or 1.0)
    below.fill_between(edges, soc_kwh, color=STORED)
    below.plot(edges, soc_kwh, color=COLOURS[2], linewidth=1.2)
    below.set_ylabel("content (kWh)")
    below.set_ylim(bottom=0.0)
    for axes in (above, below):
        axes.grid(axis="y", color="#e6e6e6")
        axes.margins(x=0.0)
    interval_axis(below, edges)
    below.set_xlabel(zone)
    figure.align_ylabels()
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@styled
def window_figure(curves: Mapping[str, pd.Series], horizon: Mapping[str, float], title: str) -> Figure:
    """What a sliding horizon costs above perfect foresight, against the length of its window.

    Parameters
    ----------
    curves : mapping of str to Series
        Name to the excess of cost (a share) by window (h).
    horizon : mapping of str to float
        Name to a forecast horizon (h) that is marked.
    title : str
        For readers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = new_figure(8.0, 4.2)
    for number, (name, excess) in enumerate(curves.items()):
        axes.plot(
            excess.index,
            100 * excess.to_numpy(),
            color=COLOURS[number],
            marker="osD^v"[number % 5],
            markersize=5,
            linestyle=("-", "--", "-.", ":")[number % 4],
            label=label(name),
        )
    axes.set_xscale("log")
    windows = sorted({float(hour) for excess in curves.values() for hour in excess.index})
    axes.xaxis.set_major_locator(FixedLocator(windows))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_ylim(bottom=min(0.0, *(100 * float(excess.min()) for excess in curves.values())))
    top = axes.get_ylim()[1]
    for name, hours in horizon.items():
        axes.axvline(hours, color="#777777", linewidth=1.0, linestyle=(0, (2, 2)), zorder=0)
        axes.annotate(
            label(f"{name}: {hours:g} h"),
            (hours, top),
            xytext=(-3, -2),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="top",
            fontsize=8.5,
            color="#444444",
        )
    axes.set_xlabel("window (h, logarithmic)")
    axes.set_ylabel("cost above perfect foresight (%)")
    axes.set_title(label(title, 80))
    axes.grid(axis="y", color="#e6e6e6")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@styled
def together_figure(names: Sequence[str], alone: np.ndarray, together: np.ndarray, title: str) -> Figure:
    """Least cost of members alone and of the community, as parts of the cost alone.

    Parameters
    ----------
    names : sequence of str
        Of the instances.
    alone, together : (k,) arrays
        Least costs; the former positive.
    title : str
        For readers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    part = 100.0 * np.asarray(together, float) / np.asarray(alone, float)
    order = np.argsort(-part, kind="stable")
    figure, axes = new_figure(8.0, 1.4 + 0.42 * len(part))
    rows = np.arange(len(part))
    axes.barh(rows, np.full(len(part), 100.0), height=0.62, color="#e3e6ea", label="each alone")
    axes.barh(rows, part[order], height=0.62, color=COLOURS[0], label="together")
    for row, k in enumerate(order):
        saved = float(100.0 - part[k])
        axes.annotate(
            f"−{saved:.1f} %" if saved >= 0.05 else "0 %",
            (100.0, row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(rows, [label(names[k]) for k in order])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(min(0.0, float(part.min(initial=0.0))), 112.0)
    axes.set_xlabel("least cost (% of the least cost alone)")
    axes.set_title(label(title, 80))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
