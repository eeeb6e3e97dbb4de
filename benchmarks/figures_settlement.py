"""Figures of settlement: prices of each rule over the ratio of supply to demand, and who saves how much by which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ..solvers.kernels import dual_prices, mmr_prices, sdr_prices
from .figures import COLOURS, label, new_figure, styled

GRID, ZERO = "#e6e6e6", "#555555"


@styled
def price_figure(retail: float, feed_in: float, compensation: float, currency: str) -> Figure:
    """What members pay for buying and get for selling, by rule, as supply grows from nothing to twice the demand.

    Parameters
    ----------
    retail, feed_in : float, currency/kWh
        Of the grid.
    compensation : float, currency/kWh
        Of the second SDR panel.
    currency : str
        For the axis.

    Returns
    -------
    matplotlib.figure.Figure
    """
    ratio = np.linspace(0.005, 2.0, 400)
    demand = np.ones_like(ratio)
    rules = {
        "SDR": sdr_prices(demand, ratio, retail, feed_in),
        f"SDR, compensation {compensation:g}": sdr_prices(demand, ratio, retail, feed_in, compensation),
        "mid-market rate": mmr_prices(demand, ratio, retail, feed_in),
        "dual price": dual_prices(demand, ratio, retail, feed_in),
    }
    figure, axes = new_figure(10.0, 3.0, columns=len(rules), sharey=True)
    for axis, (name, (buy, sell)) in zip(axes, rules.items(), strict=True):
        axis.axhspan(feed_in, retail, color=GRID, zorder=0)
        axis.fill_between(ratio, sell, buy, color=COLOURS[0], alpha=0.15, linewidth=0)
        axis.plot(ratio, buy, color=COLOURS[1], linewidth=1.8, label="buying")
        axis.plot(ratio, sell, color=COLOURS[0], linewidth=1.8, linestyle=(0, (5, 2)), label="selling")
        axis.axvline(1.0, color=ZERO, linewidth=0.8, linestyle=(0, (2, 2)))
        axis.set_title(label(name, 34))
        axis.set_xlabel("supply over demand")
    axes[0].set_ylabel(f"price ({currency}/kWh)")
    axes[0].legend(loc="upper right", frameon=False)
    return figure


@styled
def saving_figure(
    savings: Mapping[str, np.ndarray], members: Sequence[str], title: str, currency: str, order: np.ndarray
) -> Figure:
    """What every member saves against being alone, a panel a rule; bars below zero would do better alone.

    Parameters
    ----------
    savings : mapping of str to (n,) array, currency
        By rule.
    members : sequence of str
        Their names, shown where there are few.
    title, currency : str
        For readers.
    order : (n,) array of int
        In which members are drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = new_figure(
        max(6.4, 1.9 * len(savings)), 3.6, columns=len(savings), sharey=True, sharex=True, squeeze=False
    )
    places = np.arange(len(order))
    for axis, (name, saving) in zip(axes[0], savings.items(), strict=True):
        shown = saving[order]
        axis.barh(places, shown, color=np.where(shown < 0, COLOURS[1], COLOURS[2]), height=0.8)
        axis.axvline(0.0, color=ZERO, linewidth=0.9)
        axis.set_title(label(name, 22))
        axis.tick_params(axis="y", length=0)
    few = len(order) <= 20
    axes[0][0].set_yticks(places if few else [], [label(str(members[i]), 20) for i in order] if few else [])
    axes[0][0].set_ylim(-0.7, len(order) - 0.3)
    axes[0][0].set_ylabel("" if few else "members, net sellers below")
    figure.supxlabel(f"saving against alone ({currency})", fontsize="medium")
    figure.suptitle(label(title, 90))
    return figure
