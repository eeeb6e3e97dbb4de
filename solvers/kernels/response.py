"""What price-taking members do at internal prices, with loads that may have to add up over the horizon.

A member with generation E, wanted load x̂ and discomfort θ per squared kWh minimises

    p_b (x - E)⁺ - p_s (E - x)⁺ + θ (x - x̂)²,     l ≤ x ≤ u,

whose answer is E put between x̂ - p_b/2θ and x̂ - p_s/2θ, then between l and u. Where loads must add up to a total, one
more kWh has the same value in all intervals, by which both prices are seen lowered.

Source: Liu et al., IEEE TPWRS 32(5), 2017, prosumer model; limits and totals are ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ROUNDING = 1e-12
"""Share of its size by which a selling price may be above a buying price that it should equal."""


def best_response(
    wanted_kwh: Any,
    generation_kwh: Any,
    discomfort: Any,
    buy_price: Any,
    sell_price: Any,
    *,
    least_kwh: Any = 0.0,
    greatest_kwh: Any = np.inf,
    total_kwh: Any = None,
) -> np.ndarray:
    """Loads of members who take prices as given.

    Parameters
    ----------
    wanted_kwh, generation_kwh : (T, n) arrays, kWh
        x̂ and E.
    discomfort : (n,) array, currency/kWh²
        θ, positive.
    buy_price, sell_price : (T,) arrays, currency/kWh
        For what a member is short of, and has left; the latter must not be higher.
    least_kwh, greatest_kwh : (T, n) arrays or numbers, kWh
        Limits of the load.
    total_kwh : (n,) array, kWh, optional
        What loads must add up to over the horizon; within what the limits allow.

    Returns
    -------
    (T, n) array, kWh

    Raises
    ------
    ValueError
        For a selling price above the buying price, which names the interval.
    """
    wanted, own = np.asarray(wanted_kwh, dtype=float), np.asarray(generation_kwh, dtype=float)
    buy, sell = np.asarray(buy_price, dtype=float), np.asarray(sell_price, dtype=float)
    wrong = sell - buy > ROUNDING * np.maximum(np.abs(sell), np.abs(buy))
    if wrong.any():
        t = int(wrong.argmax())
        raise ValueError(f"interval {t}: selling price {sell[t]:g} is above the buying price {buy[t]:g}")
    buy = np.maximum(buy, sell)
    low, high = (np.broadcast_to(np.asarray(limit, dtype=float), wanted.shape) for limit in (least_kwh, greatest_kwh))
    weight = 0.5 / np.asarray(discomfort, dtype=float)
    buying, selling = wanted - buy[:, None] * weight, wanted - sell[:, None] * weight
    if total_kwh is None:
        return _within(own, buying, selling, low, high)
    return _adding_up(own, buying, selling, low, high, np.asarray(total_kwh, dtype=float))


def _within(own: np.ndarray, buying: np.ndarray, selling: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(np.minimum(np.maximum(own, buying), selling), low), high)


def _adding_up(
    own: np.ndarray, buying: np.ndarray, selling: np.ndarray, low: np.ndarray, high: np.ndarray, total: np.ndarray
) -> np.ndarray:
    """Loads with the total, on the piece of the path of shifts on which it lies.

    As a member's value of energy grows, all its loads shift up alike, from their least to their greatest, with a rest
    where they meet its generation: between the four events of each interval the sum is a straight line.
    """
    rest = np.minimum(np.maximum(own, low), high)
    events = np.sort(np.concatenate([low - selling, rest - selling, rest - buying, high - buying]), axis=0)
    # The search for the last event with too little, one bit of its position at a time, for all members at once.
    position = np.zeros(len(total), dtype=int)
    member = np.arange(len(total))
    for step in reversed([1 << bit for bit in range(len(events).bit_length())]):
        ahead = np.minimum(position + step, len(events) - 1)
        shift = events[ahead, member]
        sums = _within(own, buying + shift, selling + shift, low, high).sum(axis=0)
        position = np.where(np.isfinite(shift) & (sums <= total), ahead, position)
    first = events[position, member]
    last = events[np.minimum(position + 1, len(events) - 1), member]
    # Beyond the last event of a load without a greatest value some loads still grow: by the whole total at most.
    last = np.where(np.isfinite(last), last, first + total)
    below = _within(own, buying + first, selling + first, low, high)
    above = _within(own, buying + last, selling + last, low, high)
    here, there = below.sum(axis=0), above.sum(axis=0)
    share = np.divide(total - here, there - here, out=np.zeros(len(total)), where=there > here)
    found: np.ndarray = below + np.clip(share, 0.0, 1.0) * (above - below)
    return found
