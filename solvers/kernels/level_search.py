"""Compiled search for the level at which a set of capped vessels holds a given total.

A vessel k starts to fill at the height ``start_k / weight_k``, takes ``weight_k`` units of energy per unit of level and
is full after ``cap_k``. At level L it holds x_k(L) = clip(weight_k L - offset start_k, 0, cap_k), and the search finds
the L with sum_k x_k(L) = supply. The factor ``offset`` (0 or 1) lets weighted max-min (offset 0) and water-filling
(offset 1, start = cap) share one code without a further array in memory. No height is ever divided out: where a vessel
stands is told by comparing ``weight L`` with ``start`` and ``start + cap``.

The sum is piecewise linear and increasing in L. Newton's method in a bracket lands on the right piece after a few
passes; should it not, the breakpoints left in the bracket are sorted and bisected, which is exact and finite. Sums are
formed anew in each pass, from nonnegative terms only: cumulated slopes of both signs would lose every digit over data
of 24 decades.

Only reductions are compiled with ``reassoc`` (so that they vectorise); NaN and infinity keep their meaning throughout.

Results are told by the level itself: ``nan`` for bad data, ``inf`` where the supply fills every vessel.

Sources: Kouvelas et al., *Efficient power sharing at the edge*, section IV.B, Algorithms 1 and 2 (the closed forms of
both); K. C. Kiwiel, *Breakpoint searching algorithms for the continuous quadratic knapsack problem*, Mathematical
Programming 112 (2008) (variable fixing and breakpoint search).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import njit

REASSOCIATE: Any = {"reassoc", "nsz"}
"""What fastmath may do in a reduction: change the order of a sum, nothing that touches NaN or infinity."""

EPS = 2.0**-52
LARGEST = 1.7976931348623157e308
SMALLEST = 5e-324
BLOCK = 256
"""Elements summed plainly before their sum enters a compensated one: rounding does not grow with the instance."""

MAX_NEWTON = 40
"""Passes after which the sorted finish takes over; benign data need 4 to 12."""

ROUNDING = 16.0 * EPS
"""A supply met to this accuracy is met: no sum can tell much more."""

MAX_SETTLING = 512
"""Passes in search of a remainder: Newton's method takes a few, the quarter that halve the bracket suffice without."""

FULL_SERVICE = 8.0 * EPS
"""A supply this close to the sum of all caps (in parts of it) fills every vessel: the sum itself is known no better."""

SAMPLE_FROM = 512
GROUP = 8


@njit(fastmath=REASSOCIATE, error_model="numpy", nogil=True)
def _block_state(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, level: float
) -> tuple[float, float]:
    """Return what one block holds at ``level`` and its slope (the weight of its flowing vessels)."""
    held = 0.0
    slope = 0.0
    for i in range(start.size):
        room = cap[i]
        height = weight[i] * level - offset * start[i]
        above = height if height > 0.0 else 0.0
        held += above if above < room else room
        slope += weight[i] if (height > 0.0) & (height < room) else 0.0
    return held, slope


@njit(error_model="numpy", nogil=True)
def state_at(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, level: float
) -> tuple[float, float]:
    """Return sum_k x_k(level) and its slope, block sums added with compensation (Neumaier)."""
    n = start.size
    if n <= BLOCK:
        return _block_state(start, cap, weight, offset, level)
    held = 0.0
    lost = 0.0
    slope = 0.0
    for first in range(0, n, BLOCK):
        last = min(n, first + BLOCK)
        part, steepness = _block_state(start[first:last], cap[first:last], weight[first:last], offset, level)
        together = held + part
        lost += (held - together) + part if held >= part else (part - together) + held
        held = together
        slope += steepness
    return held + lost, slope


@njit(error_model="numpy", nogil=True)
def held_with(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, level: float, remainder: float
) -> tuple[float, float]:
    """Return the sum of what :func:`pour` writes (rounded as there, so no reassociation) and its slope."""
    held = 0.0
    lost = 0.0
    slope = 0.0
    for i in range(start.size):
        height = (weight[i] * level - offset * start[i]) + weight[i] * remainder
        above = height if height > 0.0 else 0.0
        part = above if above < cap[i] else cap[i]
        together = held + part
        lost += (held - together) + part if held >= part else (part - together) + held
        held = together
        slope += weight[i] if (height > 0.0) & (height < cap[i]) else 0.0
    return held + lost, slope


@njit(fastmath=REASSOCIATE, error_model="numpy", nogil=True)
def _block_survey(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float
) -> tuple[float, float, float, float]:
    """Return the caps, starts and weights of the vessels that can hold anything, and the number of bad entries."""
    caps = 0.0
    starts = 0.0
    weights = 0.0
    bad = 0.0
    for i in range(start.size):
        room = cap[i]
        share = weight[i]
        begin = start[i]
        sound = (room >= 0.0) & (room <= LARGEST) & (share >= 0.0) & (share <= LARGEST)
        bad += 0.0 if sound & (begin >= 0.0) & (begin <= LARGEST) else 1.0
        # One mask and products: several selects by the same condition become branches and do not vectorise.
        useful = 1.0 if (share > 0.0) & (room > 0.0) else 0.0
        caps += room * useful
        starts += offset * begin * useful
        weights += share * useful
    return caps, starts, weights, bad


@njit(error_model="numpy", nogil=True)
def survey(start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float) -> tuple[float, float, float, float]:
    """Return sum of caps, of starts and of weights over the useful vessels, and the number of bad entries."""
    n = start.size
    if n <= BLOCK:
        return _block_survey(start, cap, weight, offset)
    caps = 0.0
    lost = 0.0
    starts = 0.0
    weights = 0.0
    bad = 0.0
    for first in range(0, n, BLOCK):
        last = min(n, first + BLOCK)
        part, begin, share, wrong = _block_survey(start[first:last], cap[first:last], weight[first:last], offset)
        together = caps + part
        lost += (caps - together) + part if caps >= part else (part - together) + caps
        caps = together
        starts += begin
        weights += share
        bad += wrong
    return caps + lost, starts, weights, bad


@njit(error_model="numpy", nogil=True)
def lowest_start(start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float) -> float:
    """Return the level at which the first useful vessel begins to fill."""
    lowest = np.inf
    for i in range(start.size):
        if weight[i] > 0.0 and cap[i] > 0.0:
            lowest = min(lowest, offset * start[i] / weight[i])
    return lowest


@njit(error_model="numpy", nogil=True)
def settle(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, supply: float, level: float
) -> tuple[float, float]:
    """Return a level known but for its rounding and the remainder with which the sum poured meets the supply.

    One float's step in level can be worth far more than the whole supply where a huge vessel begins just there, and
    the vessels that flow before it say nothing of its width. So the remainder is searched like a level, on the very sum
    that is poured: Newton's method in a bracket that grows from the level's own rounding. That sum is as fine as the
    heights' differences; where it steps over the supply, the side that gives less is taken.
    """
    held, _ = state_at(start, cap, weight, offset, level)
    if abs(supply - held) <= ROUNDING * supply:
        return level, 0.0
    low = -np.inf
    high = np.inf
    reach = max(2.0 * EPS * level, SMALLEST)
    remainder = 0.0
    for attempt in range(MAX_SETTLING):
        held, slope = held_with(start, cap, weight, offset, level, remainder)
        short = supply - held
        if abs(short) <= ROUNDING * supply:
            return level, remainder
        if short > 0.0:
            low = remainder
        else:
            high = remainder
        step = remainder + short / slope if slope > 0.0 else np.nan
        if high == np.inf:
            step = step if low < step < low + reach else low + reach
            reach *= 4.0
        elif low == -np.inf:
            step = step if high - reach < step < high else high - reach
            reach *= 4.0
        elif attempt % 4 == 3 or not low < step < high:
            # Newton's steps may creep where slopes differ by many decades: every fourth one halves the bracket.
            step = low + 0.5 * (high - low)
        if not low < step < high:
            break
        remainder = step
    return level, low if low > -np.inf else high


@njit(error_model="numpy", nogil=True)
def finish_by_sorting(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    supply: float,
    low: float,
    high: float,
) -> tuple[float, float]:
    """Find the level between ``low`` and ``high`` from the sorted breakpoints in between: exact for any data."""
    breaks = np.empty(2 * start.size + 2)
    breaks[0] = low
    count = 1
    top = low
    for i in range(start.size):
        if weight[i] > 0.0:
            begin = offset * start[i] / weight[i]
            end = (offset * start[i] + cap[i]) / weight[i]
            for height in (begin, end):
                if low < height < high:
                    breaks[count] = height
                    count += 1
                    top = max(top, height)
    breaks[count] = high if high < np.inf else 2.0 * top
    count += 1
    breaks = np.sort(breaks[:count])
    below = 0
    above = count - 1
    while above - below > 1:
        middle = (below + above) // 2
        if state_at(start, cap, weight, offset, breaks[middle])[0] < supply:
            below = middle
        else:
            above = middle
    floor = breaks[below]
    ceiling = breaks[above]
    # Inside one piece the slope is constant; its middle is the point farthest from either end's rounding.
    middle_level = floor + 0.5 * (ceiling - floor)
    held, slope = state_at(start, cap, weight, offset, middle_level)
    if slope <= 0.0:
        return settle(start, cap, weight, offset, supply, ceiling)
    level = middle_level + (supply - held) / slope
    return settle(start, cap, weight, offset, supply, min(max(level, floor), ceiling))


@njit(error_model="numpy", nogil=True)
def search(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    supply: float,
    guess: float,
) -> tuple[float, float]:
    """Find level and remainder by Newton's method in a bracket, for 0 < supply < sum of caps.

    The remainder is a step in level too small for a float beside the level; vessel k holds
    clip((weight L - start) + weight remainder, 0, cap).
    """
    low = 0.0
    high = np.inf
    level = guess
    for _ in range(MAX_NEWTON):
        held, slope = state_at(start, cap, weight, offset, level)
        short = supply - held
        if abs(short) <= ROUNDING * supply:
            # No remainder: a vessel about to begin may be far wider than all that flow, and would take it many times.
            return level, 0.0
        if abs(short) <= ROUNDING * slope * level:
            # No float nearer to the solution on this piece, unless a flat stretch parts them: try the remainder.
            met, _ = held_with(start, cap, weight, offset, level, short / slope)
            if abs(supply - met) <= ROUNDING * supply:
                return level, short / slope
        if short > 0.0:
            low = level
        else:
            high = level
        step = level + short / slope if slope > 0.0 else -1.0
        if not low < step < high:
            # Nothing flows here, or the tangent leaves the bracket: halve it, by ratio where it spans magnitudes.
            if high == np.inf:
                step = 2.0 * low
            elif low == 0.0:
                step = 0.5 * high
            elif high > 4.0 * low:
                step = np.sqrt(low) * np.sqrt(high)
            else:
                step = low + 0.5 * (high - low)
            if not low < step < high:
                if high == np.inf and level > 0.0:
                    return np.inf, 0.0  # beyond the range of floats
                # No float lies in between: the remainder tells the rest.
                return settle(start, cap, weight, offset, supply, high if high < np.inf else low)
        level = step
    return finish_by_sorting(start, cap, weight, offset, supply, low, high)


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


@njit(error_model="numpy", nogil=True)
def find_level(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, supply: float
) -> tuple[float, float]:
    """Check the data and return (level, remainder); ``nan`` for bad data, ``inf`` where all vessels fill."""
    caps, starts, weights, bad = survey(start, cap, weight, offset)
    if bad > 0.0:
        return np.nan, 0.0
    if supply >= caps * (1.0 - FULL_SERVICE):
        return np.inf, 0.0
    if supply <= 0.0:
        return lowest_start(start, cap, weight, offset), 0.0
    guess = (supply + starts) / weights
    n = start.size
    if n >= SAMPLE_FROM:
        # A guess from a small sample saves half of the passes over all the data; it need not be good, only cheap.
        stride = 7 if n < 4096 else 31
        cap_sample = take_sample(cap, stride)
        weight_sample = take_sample(weight, stride)
        start_sample = cap_sample if offset == 0.0 else take_sample(start, stride)
        part = supply * (cap_sample.size / n)
        sum_caps, sum_starts, sum_weights, _ = survey(start_sample, cap_sample, weight_sample, offset)
        if part < 0.999 * sum_caps:
            rough = (part + sum_starts) / sum_weights
            for _ in range(6):
                held, slope = state_at(start_sample, cap_sample, weight_sample, offset, rough)
                if slope <= 0.0:
                    break
                step = (part - held) / slope
                if not rough + step > 0.0:
                    break
                rough += step
                if abs(step) <= 0.01 * rough:
                    break
            guess = rough
    level, remainder = search(start, cap, weight, offset, supply, guess)
    return (level if level < np.inf else np.nan), remainder


@njit(error_model="numpy", nogil=True)
def pour(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    level: float,
    remainder: float,
    out: np.ndarray,
) -> None:
    """Write what each vessel holds; a vessel of zero weight holds nothing, a full one its cap to the bit."""
    if level == np.inf:
        for i in range(out.size):
            out[i] = cap[i] if weight[i] > 0.0 else 0.0
    elif remainder == 0.0:
        for i in range(out.size):
            height = weight[i] * level - offset * start[i]
            above = height if height > 0.0 else 0.0
            out[i] = above if above < cap[i] else cap[i]
    else:
        for i in range(out.size):
            height = (weight[i] * level - offset * start[i]) + weight[i] * remainder
            above = height if height > 0.0 else 0.0
            out[i] = above if above < cap[i] else cap[i]


@njit(error_model="numpy", nogil=True)
def fill_row(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, supply: float, out: np.ndarray
) -> float:
    """Solve one interval into ``out`` and return its level; nothing is written for bad data or zero supply."""
    level, remainder = find_level(start, cap, weight, offset, supply)
    if level != level:
        return level
    if supply <= 0.0:
        out[:] = 0.0
        return level
    pour(start, cap, weight, offset, level, remainder, out)
    return level


@njit(error_model="numpy", nogil=True)
def fill_rows(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    supply: np.ndarray,
    out: np.ndarray,
    level: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Solve the intervals ``first`` to ``last - 1`` of a batch; ``weight`` has one row for all or one for each."""
    own = 1 if weight.shape[0] > 1 else 0
    for t in range(first, last):
        level[t] = fill_row(start[t], cap[t], weight[own * t], offset, supply[t], out[t])
