"""Markets of members whose loads answer prices: the equilibrium under SDR, and the price at which the market clears.

Members answer as :mod:`.response` says, without totals, so that intervals can be looked at one by one.

*Equilibrium.* Under SDR both prices follow from r = S/B and fall in it. So supply S(r) of members who answer them
falls, demand B(r) grows, and S - rB falls strictly as long as anybody buys: there is one r at which they fit, found by
bisection on [0, 1]; beyond 1 both prices are the feed-in price, and nothing is left to find. Where S and B vanish
together nobody trades. (Naive iteration, r to prices to loads to r, may alternate between two points for ever.)

*Clearing.* At one price for buying and selling, demand less supply falls with the price: the price at which it is 0, or
the grid's where it never is, makes the social optimum.

Source: Liu et al., IEEE TPWRS 32(5), 2017 (responses, repricing); uniqueness and bisection are ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .block_search import Task, in_parallel
from .internal_prices import SERIAL_CELLS
from .jit import njit

HALVINGS = 200
"""Bisection ends before, when there is no number between its two ends."""

NOTHING = 1e-13
"""Trade, as a share of all that is wanted and generated, below which it is rounding."""

Pair = tuple[np.ndarray, np.ndarray]
Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def sharing_equilibrium(
    wanted_kwh: Any,
    generation_kwh: Any,
    discomfort: Any,
    retail_price: Any,
    feed_in_price: Any,
    *,
    least_kwh: Any = 0.0,
    greatest_kwh: Any = np.inf,
) -> Pair:
    """The loads that SDR prices call for and that call for these prices, each interval by itself.

    Parameters
    ----------
    wanted_kwh, generation_kwh, discomfort, least_kwh, greatest_kwh
        As of :func:`.best_response`.
    retail_price, feed_in_price : (T,) arrays or numbers, currency/kWh
        Of the grid; the latter must not be higher.

    Returns
    -------
    load_kwh : (T, n) array, kWh
    ratio : (T,) array
        Supply over demand r: infinite where nobody buys, NaN where nobody trades.

    Raises
    ------
    ValueError
        For a feed-in price above the retail price, which names the interval.
    """
    data = _prepared(wanted_kwh, generation_kwh, discomfort, retail_price, feed_in_price, least_kwh, greatest_kwh)
    load, ratio = np.empty_like(data[0]), np.empty(len(data[0]))
    _run(lambda first, last: _settle(*data, load, ratio, first, last), *load.shape)
    return load, ratio


def clearing_price(
    wanted_kwh: Any,
    generation_kwh: Any,
    discomfort: Any,
    retail_price: Any,
    feed_in_price: Any,
    *,
    least_kwh: Any = 0.0,
    greatest_kwh: Any = np.inf,
) -> Pair:
    """Loads of least social cost, and the price that calls for them, each interval by itself.

    Parameters
    ----------
    wanted_kwh, generation_kwh, discomfort, retail_price, feed_in_price, least_kwh, greatest_kwh
        As of :func:`sharing_equilibrium`.

    Returns
    -------
    load_kwh : (T, n) array, kWh
    price : (T,) array, currency/kWh
        The retail price where the community buys all the same, the feed-in price where it sells all the same.

    Raises
    ------
    ValueError
        As of :func:`sharing_equilibrium`.
    """
    data = _prepared(wanted_kwh, generation_kwh, discomfort, retail_price, feed_in_price, least_kwh, greatest_kwh)
    load, price = np.empty_like(data[0]), np.empty(len(data[0]))
    _run(lambda first, last: _clear(*data, load, price, first, last), *load.shape)
    return load, price


def _prepared(
    wanted: Any, generation: Any, discomfort: Any, retail: Any, feed_in: Any, least: Any, greatest: Any
) -> Data:
    """Arrays as the compiled passes want them: full shape, contiguous and writable."""
    shape = np.shape(wanted)

    def full(values: Any, axes: tuple[int, ...]) -> np.ndarray:
        return np.array(np.broadcast_to(np.asarray(values, dtype=float), axes), order="C")

    high, low = full(retail, shape[:1]), full(feed_in, shape[:1])
    if (low > high).any():
        t = int(np.argmax(low > high))
        raise ValueError(f"interval {t}: feed-in price {low[t]:g} must not be above the retail price {high[t]:g}")
    weight = 0.5 / full(discomfort, shape[1:])
    return full(wanted, shape), full(generation, shape), weight, full(least, shape), full(greatest, shape), high, low


def _run(task: Task, intervals: int, members: int) -> None:
    if intervals * members < SERIAL_CELLS:
        task(0, intervals)
    else:
        in_parallel(task, intervals)


@njit(nogil=True)
def _answer(wanted: float, own: float, weight: float, low: float, high: float, buy: float, sell: float) -> float:
    inner = min(max(own, wanted - buy * weight), wanted - sell * weight)
    return min(max(inner, low), high)


@njit(nogil=True)
def _prices_at(ratio: float, retail: float, feed_in: float) -> tuple[float, float]:
    """SDR prices at r ≤ 1; at a feed-in price of 0 or less the selling price falls linearly."""
    if feed_in > 0.0:
        sell = feed_in * retail / ((retail - feed_in) * ratio + feed_in)
    else:
        sell = retail - (retail - feed_in) * ratio
    # A rounding must not put the selling price above the buying price.
    return max(sell * ratio + retail * (1.0 - ratio), sell), sell


@njit(nogil=True)
def _traded_at(
    wanted: np.ndarray,
    own: np.ndarray,
    weight: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    buy: float,
    sell: float,
) -> tuple[float, float]:
    bought = sold = 0.0
    for i in range(len(wanted)):
        net = _answer(wanted[i], own[i], weight[i], low[i], high[i], buy, sell) - own[i]
        bought += max(net, 0.0)
        sold += max(-net, 0.0)
    return bought, sold


@njit(nogil=True)
def _settle(
    wanted: np.ndarray,
    own: np.ndarray,
    weight: np.ndarray,
    least: np.ndarray,
    greatest: np.ndarray,
    retail: np.ndarray,
    feed_in: np.ndarray,
    load: np.ndarray,
    ratio: np.ndarray,
    first: int,
    last: int,
) -> None:
    for t in range(first, last):
        part = wanted[t], own[t], weight, least[t], greatest[t]
        buy = sell = feed_in[t]
        bought, sold = _traded_at(*part, buy, sell)
        if sold < bought:
            buy = sell = retail[t]
            bought, sold = _traded_at(*part, buy, sell)
            low, high = 0.0, 1.0
            # Where nobody sells even at the retail price there is nothing to share, and no search.
            for _ in range(HALVINGS if sold > 0.0 else 0):
                middle = 0.5 * (low + high)
                if middle <= low or middle >= high:
                    break
                buy, sell = _prices_at(middle, retail[t], feed_in[t])
                bought, sold = _traded_at(*part, buy, sell)
                if sold > middle * bought:
                    low = middle
                else:
                    high = middle
            if high < 1.0:
                buy, sell = _prices_at(high, retail[t], feed_in[t])
                bought, sold = _traded_at(*part, buy, sell)
        ratio[t] = sold / bought if bought > 0.0 else np.inf
        if bought + sold <= NOTHING * (wanted[t].sum() + own[t].sum()):
            ratio[t], buy, sell = np.nan, retail[t], feed_in[t]
        for i in range(len(weight)):
            load[t, i] = _answer(wanted[t, i], own[t, i], weight[i], least[t, i], greatest[t, i], buy, sell)


@njit(nogil=True)
def _clear(
    wanted: np.ndarray,
    own: np.ndarray,
    weight: np.ndarray,
    least: np.ndarray,
    greatest: np.ndarray,
    retail: np.ndarray,
    feed_in: np.ndarray,
    load: np.ndarray,
    price: np.ndarray,
    first: int,
    last: int,
) -> None:
    for t in range(first, last):
        part = wanted[t], own[t], weight, least[t], greatest[t]
        low, high = feed_in[t], retail[t]
        bought, sold = _traded_at(*part, high, high)
        if bought >= sold:
            low = high
        bought, sold = _traded_at(*part, low, low)
        if bought <= sold:
            high = low
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            if middle <= low or middle >= high:
                break
            bought, sold = _traded_at(*part, middle, middle)
            if bought > sold:
                low = middle
            else:
                high = middle
        price[t] = low
        for i in range(len(weight)):
            load[t, i] = _answer(wanted[t, i], own[t, i], weight[i], least[t, i], greatest[t, i], low, low)
