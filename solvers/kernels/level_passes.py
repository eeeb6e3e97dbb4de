"""The compiled passes over all vessels of which the search for their common level is made.

A vessel k starts to fill at the height ``start_k / weight_k``, takes ``weight_k`` units of energy per unit of level and
is full after ``cap_k``. At level L it holds x_k(L) = clip(weight_k L - offset start_k, 0, cap_k). The factor ``offset``
(0 or 1) lets weighted max-min (offset 0) and water-filling (offset 1, start = cap) share one code without a further
array in memory. No height is ever divided out: where a vessel stands is told by comparing ``weight L`` with ``start``
and ``start + cap``.

A pass is bound by arithmetic while the data lie in the cache, so each loop does as little as it can and vectorises.
Blocks are named by their places, not by slices: a slice costs references counted with locked instructions. Their loops
run over unsigned places, for which no index from the end has to be excluded. They are forced into their callers, which
may not be compiled with the same licence: only sums of a block are reassociated, never the compensated sum of blocks;
NaN and infinity keep their meaning throughout.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import njit

REASSOCIATE: Any = {"reassoc", "nsz"}
"""What fastmath may do in a reduction: change the order of a sum, nothing that touches NaN or infinity."""

LARGEST = 1.7976931348623157e308
LARGEST_BITS = np.int64(0x7FEFFFFFFFFFFFFF)
"""The largest float read as an integer: what exceeds it as an integer is infinite or NaN."""

BLOCK = 256
"""Elements summed plainly before their sum enters a compensated one: rounding does not grow with the instance."""

GROUP = 8
"""Neighbours that a sample takes together: a cache line."""


@njit(error_model="numpy", nogil=True)
def all_sound(values: np.ndarray) -> bool:
    """Tell whether all values are finite and not negative."""
    bits = values.view(np.int64)
    doubtful = np.int64(0)
    for i in range(bits.size):
        # The sign is set by a negative value's own bits, or by the difference for what is infinite or NaN.
        doubtful |= bits[i] | (LARGEST_BITS - bits[i])
    if doubtful < 0:
        # Minus zero is sound, and only a comparison of floats tells.
        for i in range(values.size):
            if not 0.0 <= values[i] <= LARGEST:
                return False
    return True


@njit(fastmath=REASSOCIATE, error_model="numpy", nogil=True, forceinline=True)
def _survey_block(
    cap: np.ndarray, bits: np.ndarray, weight: np.ndarray, first: int, last: int
) -> tuple[float, float, np.int64]:
    """Return the sums of useful caps and of weights, and a negative number where a cap may be bad."""
    caps = 0.0
    weights = 0.0
    doubtful = np.int64(0)
    for i in range(np.uint64(first), np.uint64(last)):
        caps += cap[i] if weight[i] > 0.0 else 0.0
        weights += weight[i]
        doubtful |= bits[i] | (LARGEST_BITS - bits[i])
    return caps, weights, doubtful


@njit(error_model="numpy", nogil=True)
def survey(cap: np.ndarray, weight: np.ndarray) -> tuple[float, float, bool | np.bool]:
    """Return the sum of caps that can be filled, the sum of weights (roughly) and whether the caps are sound."""
    n = cap.size
    bits = cap.view(np.int64)
    caps = 0.0
    lost = 0.0
    weights = 0.0
    doubtful = np.int64(0)
    for first in range(0, n, BLOCK):
        part, share, wrong = _survey_block(cap, bits, weight, first, min(n, first + BLOCK))
        together = caps + part
        lost += (caps - together) + part if caps >= part else (part - together) + caps
        caps = together
        weights += share
        doubtful |= wrong
    return caps + lost, weights, doubtful >= 0 or all_sound(cap)


@njit(fastmath=REASSOCIATE, error_model="numpy", nogil=True, forceinline=True)
def _pour_block(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    level: float,
    first: int,
    last: int,
    out: np.ndarray,
) -> tuple[float, float]:
    """Write what the vessels of one block hold at ``level``; return its sum and its slope in the level."""
    held = 0.0
    slope = 0.0
    if offset == 0.0:
        for i in range(np.uint64(first), np.uint64(last)):
            height = weight[i] * level
            inside = height if height < cap[i] else cap[i]
            out[i] = inside
            held += inside
            slope += weight[i] if height < cap[i] else 0.0
    else:
        for i in range(np.uint64(first), np.uint64(last)):
            height = weight[i] * level - start[i]
            above = height if height > 0.0 else 0.0
            inside = above if above < cap[i] else cap[i]
            out[i] = inside
            held += inside
            # A vessel just at its beginning or its end counts as flowing: one comparison instead of two.
            slope += weight[i] if inside == height else 0.0
    return held, slope


@njit(error_model="numpy", nogil=True)
def pour_level(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, level: float, out: np.ndarray
) -> tuple[float, float]:
    """Write what each vessel holds at a finite ``level``; return the sum and its slope in the level.

    Block sums are added with compensation (Neumaier). Writing is free beside the arithmetic, and the last pass of a
    search has then written its result.
    """
    n = cap.size
    held = 0.0
    lost = 0.0
    slope = 0.0
    for first in range(0, n, BLOCK):
        part, steepness = _pour_block(start, cap, weight, offset, level, first, min(n, first + BLOCK), out)
        together = held + part
        lost += (held - together) + part if held >= part else (part - together) + held
        held = together
        slope += steepness
    return held + lost, slope


@njit(error_model="numpy", nogil=True)
def pour_remainder(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    level: float,
    remainder: float,
    out: np.ndarray,
) -> tuple[float, float]:
    """As :func:`pour_level` for a level and a remainder too small for a float beside it; every sum is compensated."""
    held = 0.0
    lost = 0.0
    slope = 0.0
    for i in range(out.size):
        height = (weight[i] * level - offset * start[i]) + weight[i] * remainder
        above = height if height > 0.0 else 0.0
        part = above if above < cap[i] else cap[i]
        out[i] = part
        together = held + part
        lost += (held - together) + part if held >= part else (part - together) + held
        held = together
        slope += weight[i] if (height > 0.0) & (height < cap[i]) else 0.0
    return held + lost, slope


@njit(error_model="numpy", nogil=True)
def pour(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    level: float,
    remainder: float,
    out: np.ndarray,
) -> float:
    """Write what each vessel holds and return the sum; one of zero weight holds nothing, a full one its cap to the bit.

    At the level ``inf`` all are full and the sum, which nobody asks for, is ``inf`` too.
    """
    if level == np.inf:
        for i in range(out.size):
            out[i] = cap[i] if weight[i] > 0.0 else 0.0
        return np.inf
    if remainder == 0.0:
        return pour_level(start, cap, weight, offset, level, out)[0]
    return pour_remainder(start, cap, weight, offset, level, remainder, out)[0]


@njit(error_model="numpy", nogil=True)
def lowest_start(start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float) -> float:
    """Return the level at which the first useful vessel begins to fill."""
    lowest = np.inf
    for i in range(start.size):
        if weight[i] > 0.0 and cap[i] > 0.0:
            lowest = min(lowest, offset * start[i] / weight[i])
    return lowest


@njit(error_model="numpy", nogil=True)
def take_sample(values: np.ndarray, stride: int) -> np.ndarray:
    """Return every ``stride``-th group of eight neighbours (a cache line each): deterministic, fair to sorted data."""
    groups = values.size // (GROUP * stride)
    sample = np.empty(GROUP * groups)
    for group in range(groups):
        origin = group * GROUP * stride
        for i in range(GROUP):
            sample[group * GROUP + i] = values[origin + i]
    return sample
