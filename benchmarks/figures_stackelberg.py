"""Figures of the Stackelberg games: an operator's profit over its two prices, and who keeps what by method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ..instances.operator import OperatorInstance
from ..instances.tariff import TariffInstance
from ..models.stackelberg.operator_response import best_response, leader_profit
from ..models.stackelberg.tariff import TariffDecision
from .figures import COLOURS, label, new_figure, styled

STEPS = 121
"""Prices on each axis of the map."""


def profit_map(instance: OperatorInstance, interval: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Profit in one interval over a grid of prices.

    Parameters
    ----------
    instance : OperatorInstance
        The community.
    interval : int
        Position of the interval.

    Returns
    -------
    price : (STEPS,) array, currency/kWh
        On both axes.
    profit : (STEPS, STEPS) array, currency
        By selling price (rows) and buying price; NaN where the former is higher.
    """
    price = np.linspace(instance.feed_in_price[interval], instance.retail_price[interval], STEPS)
    steps = len(instance.interval)
    profit = np.full((STEPS, STEPS), np.nan)
    for row, sell in enumerate(price):
        for column in range(row, STEPS):
            at = np.full(steps, price[column]), np.full(steps, sell)
            profit[row, column] = leader_profit(instance, best_response(instance, *at), *at)[interval]
    return price, profit


@styled
def profit_figure(instance: OperatorInstance, prices: Mapping[str, tuple[float, float]], title: str) -> Figure:
    """Profit over buying and selling price, with what each method chooses, and the bracket along the best rows.

    Parameters
    ----------
    instance : OperatorInstance
        Of which the first interval is drawn.
    prices : mapping of str to (float, float), currency/kWh
        Buying and selling price by method.
    title : str
        For readers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    price, profit = profit_map(instance)
    figure, (left, right) = new_figure(9.6, 4.4, columns=2, gridspec_kw={"width_ratios": [1.35, 1.0]})
    # What is far below the best would leave one shade for all that matters.
    best = float(np.nanmax(profit))
    floor = max(float(np.nanmin(profit)), best - 1.25 * abs(best))
    drawn = left.pcolormesh(price, price, profit, cmap="Blues", shading="nearest", rasterized=True, vmin=floor)
    figure.colorbar(drawn, ax=left, label=f"profit ({instance.currency})", extend="min")
    for number, (name, (buy, sell)) in enumerate(prices.items()):
        colour = COLOURS[(number + 1) % len(COLOURS)]
        left.plot(
            buy, sell, linestyle="none", marker="osD^vPX*"[number % 8], color=colour, label=label(name), clip_on=False
        )
    left.set_xlabel(f"buying price ({instance.currency}/kWh)")
    left.set_ylabel(f"selling price ({instance.currency}/kWh)")
    left.set_title(label(title, 44))
    figure.legend(loc="outside lower center", ncols=4)
    right.plot(price, np.nanmax(profit, axis=0), color=COLOURS[1], linewidth=1.8, label="over the buying price")
    right.plot(
        price, np.nanmax(profit, axis=1), color=COLOURS[0], linewidth=1.8, linestyle=(0, (5, 2)), label="selling"
    )
    right.set_ylim(floor, best + 0.05 * abs(best))
    right.set_xlabel(f"price ({instance.currency}/kWh)")
    right.set_ylabel(f"greatest profit ({instance.currency})")
    right.set_title("Best with one price held")
    right.legend(frameon=False)
    return figure


@styled
def bracket_figure(instance: TariffInstance, decisions: Mapping[str, TariffDecision], title: str) -> Figure:
    """The grid's bracket and an operator's prices in it, a panel for each method, and what the community trades below.

    Parameters
    ----------
    instance : TariffInstance
        The community.
    decisions : mapping of str to TariffDecision
        By method; three fit.
    title : str
        For readers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    steps = np.arange(len(instance.interval) + 1) * instance.dt_h

    def held(values: np.ndarray) -> np.ndarray:
        return np.append(values, values[-1])

    figure, axes = new_figure(3.4 * len(decisions), 5.0, rows=2, columns=len(decisions), sharex=True, sharey="row")
    axes = np.asarray(axes).reshape(2, -1)
    low, high = held(instance.feed_in_price), held(instance.retail_price)
    for (name, decision), top, bottom in zip(decisions.items(), axes[0], axes[1], strict=True):
        top.fill_between(steps, low, high, step="post", color="0.9", linewidth=0, label="the grid's bracket")
        top.step(steps, held(decision.buy_price), where="post", color=COLOURS[1], label="buying price")
        top.step(
            steps,
            held(decision.sell_price),
            where="post",
            color=COLOURS[0],
            linestyle=(0, (5, 2)),
            label="selling price",
        )
        top.set_title(label(name, 30))
        kept = {"suits the operator": (decision.charge_kwh, decision.discharge_kwh)}
        if decision.worst_charge_kwh is not None and decision.worst_discharge_kwh is not None:
            kept["does not"] = decision.worst_charge_kwh, decision.worst_discharge_kwh
        for number, (what, (charge, discharge)) in enumerate(kept.items()):
            net = (instance.net_kwh + charge - discharge).sum(axis=1)
            bottom.step(
                steps,
                held(net),
                where="post",
                color=COLOURS[2 + number],
                linestyle=("-", (0, (2, 2)))[number],
                label=f"answer that {what}",
            )
        bottom.axhline(0.0, color="0.6", linewidth=0.6)
        bottom.set_xlabel("hours from the start")
    axes[0, 0].set_ylabel(f"price ({instance.currency}/kWh)")
    axes[1, 0].set_ylabel("community import (kWh)")
    handles = [
        pair for row in axes[:, :1] for axis in row for pair in zip(*axis.get_legend_handles_labels(), strict=True)
    ]
    figure.legend(*zip(*handles, strict=True), loc="outside lower center", ncols=3)
    figure.suptitle(label(title, 60))
    return figure
