"""One store solved from its data to its schedule, many stores one after another, and their forecast horizons."""

from __future__ import annotations

import numpy as np

from .battery_heap import enlarged, forward_heap, pair_ends
from .battery_pieces import BLOCK, INF, NEXT, RESCALE, ROWS, Store, fill_scale, lay_out, lay_out_limits
from .battery_steps import (
    AFTER,
    BEFORE,
    FROM_HIGH,
    FROM_LOW,
    FULL,
    PRICE,
    RIGHT,
    STUCK,
    WIDEST,
    backward,
    forward,
)
from .battery_walk import settle, walk
from .jit import njit

NUMBERS = 6
LAST_MINIMUM, ON_CHARGE, ON_DISCHARGE, INITIAL, RETENTION, TERMINAL_VALUE = range(NUMBERS)
"""Columns of a table of stores' single numbers."""

LIMIT = 256
"""Pieces kept sorted; with more of them live the heap takes over."""


@njit(error_model="numpy", nogil=True)
def build_values(
    net: np.ndarray,
    buy: np.ndarray,
    sell: np.ndarray,
    store: Store,
    scale: np.ndarray,
    limit: int,
    block: np.ndarray,
    state: np.ndarray,
    alpha: np.ndarray,
    beta: np.ndarray,
) -> int:
    """Run the forward pass; return -1, or the interval after which no state is both reachable and allowed."""
    slope = np.empty(4 * limit + 64)
    length = np.empty(4 * limit + 64)
    keys = np.empty(0)
    sizes = np.empty(0)
    window = np.full(2, slope.size // 2)
    in_heap = False
    live = 0
    state[:] = store.initial
    state[WIDEST] = 0.0
    state[BEFORE] = INF
    for start in range(0, net.size, BLOCK):
        stop = min(net.size, start + BLOCK)
        lay_out(net, buy, sell, store, scale, start, stop, block)
        lower, upper = alpha[start:stop], beta[start:stop]
        ended = FULL
        t = 0
        if not in_heap:
            ended, t = forward(block, stop - start, store.retention, slope, length, window, limit, state, lower, upper)
            if ended == FULL:
                in_heap = True
                keys = np.empty(4 * limit + 64)
                sizes = np.empty(4 * limit + 64)
                live = pair_ends(slope, length, window[0], window[1], keys, sizes)
        if in_heap:
            keys = enlarged(keys, live, 3 * BLOCK)
            sizes = enlarged(sizes, live, 3 * BLOCK)
            ended, t, live = forward_heap(
                block, t, stop - start, store.retention, keys, sizes, live, state, lower, upper
            )
        if ended == STUCK:
            return start + t
    return -1


@njit(error_model="numpy", nogil=True)
def choose_schedule(
    net: np.ndarray,
    buy: np.ndarray,
    sell: np.ndarray,
    store: Store,
    scale: np.ndarray,
    widest: float,
    block: np.ndarray,
    alpha: np.ndarray,
    beta: np.ndarray,
    water_value: np.ndarray,
    soc: np.ndarray,
    drawn: np.ndarray,
) -> tuple[float, float]:
    """Run the backward and the two passes after it; return cost and gap. Overwrites ``alpha`` and ``beta``."""
    last = net.size - 1
    blocks = last // BLOCK + 1
    state = np.empty(4)
    state[PRICE] = store.terminal_value * scale[scale.size - 1]
    state[FROM_LOW], state[FROM_HIGH] = -INF, INF
    state[AFTER] = 0.0
    for k in range(blocks - 1, -1, -1):
        start = k * BLOCK
        stop = min(net.size, start + BLOCK)
        lay_out(net, buy, sell, store, scale, start, stop, block)
        backward(
            block,
            stop - start,
            store.retention,
            state,
            alpha[start:stop],
            beta[start:stop],
            water_value[start:stop],
            drawn[start:stop],
        )
    walk(store.initial, store.retention, widest, alpha, beta, drawn, soc)
    cost = 0.0
    gap = store.retention * water_value[0] * store.initial
    for start in range(0, net.size, BLOCK):
        stop = min(net.size, start + BLOCK)
        lay_out_limits(store, start, stop, last, block)
        for i in range(start, min(stop, last)):
            block[NEXT, i - start] = store.retention * water_value[i + 1]
        if stop == net.size:
            block[NEXT, last - start] = store.terminal_value
        paid, missing = settle(
            net[start:stop],
            buy[start:stop],
            sell[start:stop],
            block,
            store.charge_efficiency,
            store.discharge_efficiency,
            water_value[start:stop],
            drawn[start:stop],
        )
        cost += paid
        gap += missing
    salvage = store.terminal_value * soc[net.size]
    return cost - salvage, gap - salvage


@njit(error_model="numpy", nogil=True)
def referred(value: float, times: int) -> float:
    """Return a scaled price in the units of ``times`` rescalings before; what has no bound stays without."""
    return value if times == 0 or abs(value) == INF else value * RESCALE ** (-times)


@njit(error_model="numpy", nogil=True)
def fill_horizon(alpha: np.ndarray, beta: np.ndarray, scale: np.ndarray, horizon: np.ndarray) -> None:
    """Write for each interval how many intervals its water value depends on.

    A sequence of clips is one clip to the intersection of their ranges until that is a point or empty, and a constant
    from then on. The end of the window never moves back, so that a queue of two stacks (suffixes up to ``middle``, one
    running intersection beyond) forms every window's intersection in a number of steps proportional to T.
    """
    count = alpha.size
    step = 1 if scale.size > 1 else 0
    lower = np.empty(count)
    upper = np.empty(count)
    end = 0
    middle = 0
    beyond_low = -INF
    beyond_high = INF
    # Rescalings of the first interval of the window, of the middle and of the last interval that was taken in.
    here = 0
    at_middle = 0
    at_end = 0
    for t in range(count):
        if t > 0 and scale[t * step] > scale[(t - 1) * step]:
            here += 1
        if t >= middle:
            low = -INF
            high = INF
            for s in range(end - 1, t - 1, -1):
                if s < end - 1 and scale[(s + 1) * step] > scale[s * step]:
                    low = referred(low, 1)
                    high = referred(high, 1)
                low = max(low, alpha[s])
                high = min(high, beta[s])
                lower[s] = low
                upper[s] = high
            middle = max(end, t)
            end = middle
            at_middle = at_end
            beyond_low = -INF
            beyond_high = INF
        low = lower[t] if t < middle else -INF
        high = upper[t] if t < middle else INF
        while end < count and max(low, referred(beyond_low, at_middle - here)) < min(
            high, referred(beyond_high, at_middle - here)
        ):
            if end > 0 and scale[end * step] > scale[(end - 1) * step]:
                at_end += 1
            beyond_low = max(beyond_low, referred(alpha[end], at_end - at_middle))
            beyond_high = min(beyond_high, referred(beta[end], at_end - at_middle))
            end += 1
        horizon[t] = end - t


@njit(error_model="numpy", nogil=True)
def solve_rows(
    net: np.ndarray,
    buy: np.ndarray,
    sell: np.ndarray,
    capacity: np.ndarray,
    minimum: np.ndarray,
    charge_kw: np.ndarray,
    discharge_kw: np.ndarray,
    numbers: np.ndarray,
    dt_h: float,
    limit: int,
    first: int,
    last: int,
    grid: np.ndarray,
    drawn: np.ndarray,
    soc: np.ndarray,
    water_value: np.ndarray,
    horizon: np.ndarray,
    cost: np.ndarray,
    gap: np.ndarray,
    stuck: np.ndarray,
    reached: np.ndarray,
) -> None:
    """Solve the rows ``first`` to ``last - 1``; arrays of prices and parameters may have one row for all.

    Writes cost, gap and what each row takes from the grid; ``drawn``, ``soc``, ``water_value`` and ``horizon`` only
    where they have rows. ``stuck`` holds -1, or the interval at which a row turned out infeasible; its range of states
    is then in ``reached``.
    """
    count = net.shape[1]
    block = np.zeros((ROWS, BLOCK))
    alpha = np.empty(count)
    beta = np.empty(count)
    own_soc = np.empty(count + 1)
    own_value = np.empty(count)
    state = np.empty(4)
    scale = np.ones(1)
    scaled_for = 1.0
    for r in range(first, last):
        figures = numbers[min(r, numbers.shape[0] - 1)]
        store = Store(
            capacity[min(r, capacity.shape[0] - 1)],
            minimum[min(r, minimum.shape[0] - 1)],
            charge_kw[min(r, charge_kw.shape[0] - 1)],
            discharge_kw[min(r, discharge_kw.shape[0] - 1)],
            figures[LAST_MINIMUM],
            figures[ON_CHARGE],
            figures[ON_DISCHARGE],
            figures[INITIAL],
            figures[RETENTION],
            figures[TERMINAL_VALUE],
            dt_h,
        )
        if store.retention != scaled_for:
            scaled_for = store.retention
            scale = np.ones(1 if scaled_for == 1.0 else count)
            if scaled_for != 1.0:
                fill_scale(scaled_for, scale)
        buys = buy[min(r, buy.shape[0] - 1)]
        sells = sell[min(r, sell.shape[0] - 1)]
        stuck[r] = build_values(net[r], buys, sells, store, scale, limit, block, state, alpha, beta)
        if stuck[r] >= 0:
            reached[r] = state[: RIGHT + 1]
            continue
        if horizon.shape[0]:
            fill_horizon(alpha, beta, scale, horizon[r])
        power = drawn[r] if drawn.shape[0] else grid[r]
        values = water_value[r] if water_value.shape[0] else own_value
        states = soc[r] if soc.shape[0] else own_soc
        cost[r], gap[r] = choose_schedule(
            net[r], buys, sells, store, scale, state[WIDEST], block, alpha, beta, values, states, power
        )
        for t in range(count):
            grid[r, t] = net[r, t] + power[t]
