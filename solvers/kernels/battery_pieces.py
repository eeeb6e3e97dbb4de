"""What one interval costs a store, laid out in blocks: slopes and ends of its three pieces, and the bounds after it.

The cost of changing the store's content by u is convex in u for 0 <= sell <= buy. With a need it costs sell for what is
exported beyond the need, buy up to u = 0 and buy above; with a surplus sell up to u = 0, sell while the surplus lasts
and buy above: per kWh of content, times the efficiency on discharge, over it on charge. So there are three pieces, with
ascending slopes and four ends, whatever the sign of net.

Units of a run with retention rho < 1: slopes are multiplied and lengths divided by the factor rho**(t + 1) of their
interval, so that a kWh that leaks keeps its place in the order and nothing that is stored has to change with time.
Equal water values are then equal floats, which the choice among optimal schedules relies on. Before the factor leaves
the range of floats it is multiplied by the power of two ``RESCALE``, exactly; a factor that grows from one interval to
the next marks the place.

A block's rows are written by loops without branches, which vectorise; the loops that cannot (:mod:`.battery_steps`)
find everything they need in the first cache.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .jit import njit

INF = math.inf

RESCALE = 2.0**400
"""What the factor is multiplied by when retention has worn it down to the inverse."""

REFRESH = 32
"""Intervals that share one coarse power of the retention."""

BLOCK = 256
"""Intervals laid out at once."""

ROWS = 14
LOWEST, MIDDLE, HIGHEST, FIRST, SECOND, THIRD, FOURTH, LOW, HIGH, FACTOR, STRETCH, INTO, OUT, NEXT = range(ROWS)
"""Rows of a block: scaled slopes (per kWh of content); ends (kWh of content); least and greatest state after (kWh);
factor of slopes, of lengths; greatest charge and discharge (kWh, AC side); price of the state after."""


class Store(NamedTuple):
    """One store, in the form the compiled passes take: arrays with one entry for all, or one an interval or state."""

    capacity: np.ndarray
    minimum: np.ndarray
    charge_kw: np.ndarray
    discharge_kw: np.ndarray
    last_minimum: float
    charge_efficiency: float
    discharge_efficiency: float
    initial: float
    retention: float
    terminal_value: float
    dt_h: float


@njit(error_model="numpy", nogil=True)
def fill_scale(retention: float, scale: np.ndarray) -> None:
    """Write retention**(t + 1), times RESCALE wherever the product would leave the range of floats.

    Each is a product of two powers: the quotient of neighbours is the retention to a rounding or two, however long the
    horizon.
    """
    fine = np.array([retention**j for j in range(REFRESH)])
    base = 1.0
    steps = 0
    coarse = 1.0
    for t in range(scale.size):
        steps += 1
        if steps % REFRESH == 0:
            coarse = base * retention**steps
        value = coarse * fine[steps % REFRESH]
        if value < 1.0 / RESCALE:
            value *= RESCALE
            base = value
            coarse = value
            steps = 0
        scale[t] = value


@njit(error_model="numpy", nogil=True)
def spread(values: np.ndarray, start: int, factor: float, out: np.ndarray) -> None:
    """Write the entries from ``start`` on, times a factor, or the only entry throughout."""
    if values.size > 1:
        for i in range(out.size):
            out[i] = values[start + i] * factor
    else:
        out[:] = values[0] * factor


@njit(error_model="numpy", nogil=True)
def lay_out_limits(store: Store, start: int, stop: int, last: int, block: np.ndarray) -> None:
    """Write the rows INTO, OUT, LOW and HIGH for the intervals ``start`` to ``stop - 1``."""
    count = stop - start
    spread(store.charge_kw, start, store.dt_h, block[INTO, :count])
    spread(store.discharge_kw, start, store.dt_h, block[OUT, :count])
    spread(store.minimum, start + 1, 1.0, block[LOW, :count])
    spread(store.capacity, start + 1, 1.0, block[HIGH, :count])
    if stop == last + 1 and store.last_minimum > block[LOW, count - 1]:
        block[LOW, count - 1] = store.last_minimum


@njit(error_model="numpy", nogil=True)
def lay_out(
    net: np.ndarray,
    buy: np.ndarray,
    sell: np.ndarray,
    store: Store,
    scale: np.ndarray,
    start: int,
    stop: int,
    block: np.ndarray,
) -> None:
    """Write all rows but NEXT for the intervals ``start`` to ``stop - 1``."""
    count = stop - start
    lay_out_limits(store, start, stop, net.size - 1, block)
    spread(scale, start, 1.0, block[FACTOR, :count])
    on_charge = store.charge_efficiency
    on_discharge = store.discharge_efficiency
    per_charge = 1.0 / on_charge
    per_discharge = 1.0 / on_discharge
    needs, buys, sells = net[start:stop], buy[start:stop], sell[start:stop]
    lowest, middle, highest = block[LOWEST], block[MIDDLE], block[HIGHEST]
    first, second, third, fourth = block[FIRST], block[SECOND], block[THIRD], block[FOURTH]
    factors, stretch, into, out = block[FACTOR], block[STRETCH], block[INTO], block[OUT]
    for i in range(count):
        factor = factors[i]
        need = needs[i]
        stretch[i] = 1.0 / factor
        lowest[i] = sells[i] * on_discharge * factor
        middle[i] = (buys[i] * on_discharge if need > 0.0 else sells[i] * per_charge) * factor
        highest[i] = buys[i] * per_charge * factor
        first[i] = -(out[i] * per_discharge)
        second[i] = -(min(max(need, 0.0), out[i]) * per_discharge)
        third[i] = min(max(-need, 0.0), into[i]) * on_charge
        fourth[i] = into[i] * on_charge
