"""From water values to a schedule: the walk through the states, and what it costs beside its lower bound."""

from __future__ import annotations

from typing import Any

import numpy as np

from .battery_pieces import HIGH, INTO, LOW, NEXT, OUT
from .battery_steps import EPS
from .jit import njit

REASSOCIATE: Any = {"reassoc", "nsz"}
"""What fastmath may do in a reduction: change the order of a sum, nothing that touches NaN or infinity."""

SNAP = 8.0 * EPS
"""A state moved by no more than this (in parts of the greatest state) was moved by rounding alone."""


@njit(error_model="numpy", nogil=True)
def walk(
    initial: float,
    retention: float,
    widest: float,
    least: np.ndarray,
    greatest: np.ndarray,
    change: np.ndarray,
    soc: np.ndarray,
) -> None:
    """Walk the states forwards, idle wherever that stays optimal; ``change`` turns into the content's true changes."""
    now = initial
    soc[0] = now
    noise = SNAP * (widest + initial)
    for t in range(change.size):
        kept = retention * now
        wanted = kept + change[t]
        now = min(max(wanted, least[t]), greatest[t])
        if abs(now - wanted) > noise:
            change[t] = now - kept
        soc[t + 1] = now


@njit(error_model="numpy", nogil=True, fastmath=REASSOCIATE)
def settle(
    net: np.ndarray,
    buy: np.ndarray,
    sell: np.ndarray,
    block: np.ndarray,
    on_charge: float,
    on_discharge: float,
    water_value: np.ndarray,
    change: np.ndarray,
) -> tuple[float, float]:
    """Return a block's cost and its distance from the dual bound; ``change`` turns into the energy drawn (AC side).

    The bound is formed from the data and the water values alone, each minimum being taken over all the ends of an
    interval's pieces: it holds whatever the other passes have done.
    """
    into, out, low, high, following = block[INTO], block[OUT], block[LOW], block[HIGH], block[NEXT]
    per_charge = 1.0 / on_charge
    per_discharge = 1.0 / on_discharge
    cost = 0.0
    gap = 0.0
    for t in range(net.size):
        need = net[t]
        dear = buy[t]
        cheap = sell[t]
        u = change[t]
        first = -(out[t] * per_discharge)
        fourth = into[t] * on_charge
        # Whole powers and the whole of a need or a surplus are told from u exactly, free of the efficiencies' rounding.
        whole = min(max(-need, -out[t]), into[t])
        kink = whole * (per_discharge if whole < 0.0 else on_charge)
        drawn = min(max(u * (on_discharge if u < 0.0 else per_charge), -out[t]), into[t])
        drawn = whole if u == kink else drawn
        drawn = into[t] if u >= fourth else drawn
        drawn = -out[t] if u <= first else drawn
        change[t] = drawn
        # Buying and selling cost the greater of the two products, for 0 <= sell <= buy.
        grid = need + drawn
        paid = max(dear * grid, cheap * grid)
        cost += paid
        value = water_value[t]
        grid = need - out[t]
        best = max(dear * grid, cheap * grid) - value * first
        grid = need + into[t]
        best = min(best, max(dear * grid, cheap * grid) - value * fourth)
        grid = need + whole
        best = min(best, max(dear * grid, cheap * grid) - value * kink)
        best = min(best, max(dear * need, cheap * need))
        price = value - following[t]
        gap += (paid - best) - min(price * low[t], price * high[t])
    return cost, gap
