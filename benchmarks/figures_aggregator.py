"""Figures of an aggregator's agents and portfolio: densities, vehicles, stereotypes, offers by market, fronts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..instances.sources.kde import PowerDensity
from ..instances.stereotypes import Stereotypes
from ..models.aggregator.portfolio import PortfolioDecision
from ..solvers.congestion import Congestion
from .figures import COLOURS, label, new_figure, styled


@styled
def densities_figure(readings_kw: Mapping[str, np.ndarray]) -> Figure:
    """Readings of one half-hour each with their densities, a panel for each kind of device.

    Parameters
    ----------
    readings_kw : mapping of str to array, kW
        By title of the panel; four fit.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = new_figure(9.6, 5.6, columns=2, rows=2)
    for axis, (title, readings) in zip(np.ravel(axes), readings_kw.items(), strict=True):
        found = PowerDensity.fit(readings)
        positive = readings[readings > 0]
        most = float(np.quantile(positive, 0.995)) * 1.1
        # Bars have the share of positive readings as their area, as the density has.
        weights = np.full(len(positive), (1.0 - found.zero) / len(positive)) / (most / 40)
        axis.hist(positive, bins=40, range=(0.0, most), weights=weights, color=COLOURS[0], alpha=0.35, label="readings")
        power = np.linspace(0.0, most, 400)[1:]
        axis.plot(power, found.density(power), color=COLOURS[1], linewidth=1.8, label="density")
        axis.set_title(title)
        axis.text(
            0.97, 0.92, f"exactly 0: {found.zero:.0%}", transform=axis.transAxes, ha="right", va="top", fontsize=9
        )
        axis.set_xlabel("power (kW)")
        axis.set_ylabel("density (1/kW)")
        axis.set_xlim(0.0, most)
    figure.legend(*np.ravel(axes)[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@styled
def fleet_figure(connected: np.ndarray, power_kw: np.ndarray, firm_kw: np.ndarray, rating_kw: float) -> Figure:
    """Share of vehicles that are plugged, what they draw, and what is plugged for sure, over some days.

    Parameters
    ----------
    connected : (T, n) array of bool
        Whether each vehicle is plugged.
    power_kw : (T, n) array, kW
        What each draws.
    firm_kw : (T,) array, kW
        Rating that is plugged with 95 %.
    rating_kw : float, kW
        Of each charger.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (top, bottom) = new_figure(9.6, 5.4, rows=2, sharex=True)
    day = np.arange(len(connected)) / 48
    top.plot(day, rating_kw * connected.sum(axis=1), color=COLOURS[0], linewidth=1.6, label="plugged in this week")
    top.plot(day, firm_kw, color=COLOURS[1], linewidth=1.4, linestyle=(0, (5, 2)), label="plugged with 95 % (exact)")
    top.set_ylabel("rating of chargers (kW)")
    top.set_ylim(0.0, rating_kw * connected.shape[1] * 1.02)
    top.legend(frameon=False, loc="lower left", ncols=2)
    top.set_title(f"{connected.shape[1]} vehicles that charge at home as soon as they are there")
    bottom.fill_between(day, power_kw.sum(axis=1), color=COLOURS[2], alpha=0.5, linewidth=0.0)
    bottom.set_ylabel("charging (kW)")
    bottom.set_xlabel("days from Monday midnight")
    bottom.set_xlim(day[0], day[-1])
    bottom.set_ylim(0.0, None)
    return figure


@styled
def stereotypes_figure(found: Stereotypes) -> Figure:
    """Reference day of each stereotype.

    Parameters
    ----------
    found : Stereotypes
        Clusters of members.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = new_figure(7.2, 3.8)
    hour = np.arange(found.reference_kw.shape[1]) * 24.0 / found.reference_kw.shape[1]
    for k, (name, count) in enumerate(zip(found.clustering.names, found.members, strict=True)):
        text = f"{name}: {count} members, {found.reference_kw[k].sum() * (hour[1] - hour[0]):.1f} kWh a day"
        axis.step(hour, found.reference_kw[k], where="post", color=COLOURS[k % len(COLOURS)], label=text)
    axis.set_xlabel("hour of the day")
    axis.set_ylabel("power (kW)")
    axis.set_xlim(0, 24)
    axis.set_ylim(0.0, None)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@styled
def offers_figure(decisions: Mapping[str, PortfolioDecision], title: str) -> Figure:
    """What each method offers in each market, a panel for each method.

    Parameters
    ----------
    decisions : mapping of str to PortfolioDecision
        By method; three fit.
    title : str
        For readers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = new_figure(9.6, 4.2, columns=len(decisions), sharey=True, squeeze=False)
    for axis, (name, decision) in zip(axes[0], decisions.items(), strict=True):
        edges = np.arange(len(decision.instance.interval) + 1) * decision.instance.dt_h
        for k, (text, values, style) in enumerate(
            (
                ("sold a day ahead", decision.day_ahead_kw, "-"),
                ("reserve to deliver more", decision.up_reserve_kw, (0, (5, 2))),
                ("reserve to deliver less", -decision.down_reserve_kw, (0, (1, 1))),
            )
        ):
            axis.stairs(values, edges, color=COLOURS[k], linestyle=style, linewidth=1.5, label=text, baseline=None)
        axis.fill_between(
            edges[:-1],
            np.min(decision.export_kw, axis=0),
            np.max(decision.export_kw, axis=0),
            step="post",
            color="0.85",
            label="export in all scenarios",
        )
        axis.axhline(0.0, color="0.4", linewidth=0.8)
        axis.set_title(label(name, 24))
        axis.set_xlabel("hours from the start")
        axis.set_xlim(edges[0], edges[-1])
    axes[0, 0].set_ylabel("kW")
    figure.suptitle(label(title, 60))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


@styled
def fronts_figure(fronts: Sequence[tuple[pd.DataFrame, str, str, str, str]]) -> Figure:
    """Fronts, a panel for each.

    Parameters
    ----------
    fronts : sequence of (table, x, y, label of x, label of y)
        Rows of a table are the points of a front, in order.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = new_figure(3.4 * len(fronts), 3.4, columns=len(fronts), squeeze=False)
    for k, (axis, (table, x, y, x_label, y_label)) in enumerate(zip(axes[0], fronts, strict=True)):
        axis.plot(table[x], table[y], color=COLOURS[k], marker="o", markersize=5, linewidth=1.4)
        axis.set_xlabel(x_label)
        axis.set_ylabel(y_label)
    return figure


@styled
def congestion_figure(chances: Mapping[str, np.ndarray]) -> Figure:
    """Chance to be out of limits by half-hour, a line for each case.

    Parameters
    ----------
    chances : mapping of str to (H,) array
        By what homes own.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = new_figure(7.2, 4.0)
    for k, (name, chance) in enumerate(chances.items()):
        edges = np.arange(len(chance) + 1) * 24.0 / len(chance)
        style = ("-", (0, (5, 2)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (8, 2)))[k % 5]
        axis.stairs(100.0 * chance, edges, color=COLOURS[k % len(COLOURS)], linestyle=style, linewidth=1.5, label=name)
    axis.set_xlabel("hour of the day")
    axis.set_ylabel("out of limits (% of days)")
    axis.set_xlim(0, 24)
    axis.set_ylim(0.0, None)
    figure.legend(loc="outside lower center", ncols=1)
    return figure


@styled
def need_figure(quantiles_kw: Mapping[str, np.ndarray]) -> Figure:
    """Total adjustments by half-hour: a band from P5 to P95 and the median for each case.

    Parameters
    ----------
    quantiles_kw : mapping of str to (3, H) array, kW
        P5, P50 and P95 by what homes own.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = new_figure(7.2, 4.0)
    for k, (name, (low, middle, high)) in enumerate(quantiles_kw.items()):
        edges = np.arange(len(high) + 1) * 24.0 / len(high)
        colour, style = COLOURS[k % len(COLOURS)], ("-", (0, (5, 2)), (0, (1, 1)))[k % 3]
        axis.stairs(high, edges, baseline=low, color=colour, fill=True, alpha=0.12)
        axis.stairs(high, edges, color=colour, linestyle=style, linewidth=1.8, label=f"{name}: P95")
        axis.stairs(middle, edges, color=colour, linestyle=style, linewidth=0.9, label=f"{name}: P50")
    axis.set_xlabel("hour of the day")
    axis.set_ylabel("net load reduced (kW)")
    axis.set_xlim(12, 24)
    axis.set_ylim(min(0.0, *(float(low.min()) for low, _, _ in quantiles_kw.values())), None)
    figure.legend(loc="outside lower center", ncols=len(quantiles_kw))
    return figure


@styled
def before_after_figure(before: Congestion, after: Congestion, lowest_v: float) -> Figure:
    """Lowest voltages and greatest loadings of samples, before adjustments and after them.

    Parameters
    ----------
    before, after : Congestion
        Of the same samples.
    lowest_v : float, V
        Limit of voltages.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = new_figure(9.6, 3.8, columns=2)
    for axis, name, title, limit in (
        (left, "lowest_v", "lowest voltage (V)", lowest_v),
        (right, "loading", "greatest current in parts of its rating", 1.0),
    ):
        for k, (text, found) in enumerate((("before", before), ("after", after))):
            values = np.sort(getattr(found, name))
            share = 100.0 * (np.arange(len(values)) + 0.5) / len(values)
            axis.plot(share, values, color=COLOURS[k], linestyle=("-", (0, (5, 2)))[k], linewidth=1.8, label=text)
        axis.axhline(limit, color="0.4", linewidth=0.9, linestyle=(0, (1, 1)), label="limit")
        axis.set_xlabel("half-hours (%), sorted")
        axis.set_ylabel(title)
        axis.set_xlim(0, 100)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@styled
def loading_figure(loadings: Mapping[str, np.ndarray], dt_h: float) -> Figure:
    """Greatest loading of each interval, a line for each method.

    Parameters
    ----------
    loadings : mapping of str to (T,) array
        In parts of the conductor's rating, by method.
    dt_h : float
        Length of an interval, h.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = new_figure(7.2, 3.8)
    for k, (name, loading) in enumerate(loadings.items()):
        edges = np.arange(len(loading) + 1) * dt_h
        style = ("-", (0, (5, 2)), (0, (1, 1)))[k % 3]
        axis.stairs(loading, edges, color=COLOURS[k % len(COLOURS)], linestyle=style, linewidth=1.6, label=name)
    axis.axhline(1.0, color="0.4", linewidth=0.9, label="rating")
    axis.set_xlabel("hours from the start")
    axis.set_ylabel("greatest loading")
    axis.set_xlim(edges[0], edges[-1])
    axis.set_ylim(0.0, None)
    figure.legend(loc="outside lower center", ncols=len(loadings) + 1)
    return figure
