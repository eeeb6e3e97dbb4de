"""Figures of the Stackelberg games: an operator's profit over its two prices, and who keeps what by method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ..instances.operator import OperatorInstance
from ..models.stackelberg.operator_response import best_response, leader_profit
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
