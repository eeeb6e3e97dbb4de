"""Compiled search for the level at which a set of capped vessels holds a given total.

The vessels and the passes over them are those of :mod:`.level_passes`: at level L vessel k holds
x_k(L) = clip(weight_k L - offset start_k, 0, cap_k), and the search finds the L with sum_k x_k(L) = supply.

The sum is piecewise linear and increasing in L. Newton's method in a bracket lands on the right piece after a few
passes; should it not, the breakpoints left in the bracket are sorted and bisected, which is exact and finite. Sums are
formed anew in each pass, from nonnegative terms only: cumulated slopes of both signs would lose every digit over data
of 24 decades. Each pass writes what the vessels hold, so the pass that meets the supply has written the result.

A row's answer depends on that row alone, never on its neighbours in a batch.

Results are told by the level itself: ``nan`` for bad data, ``inf`` where the supply fills every vessel.

Sources: Kouvelas et al., *Efficient power sharing at the edge*, section IV.B, Algorithms 1 and 2 (the closed forms of
both); K. C. Kiwiel, *Breakpoint searching algorithms for the continuous quadratic knapsack problem*, Mathematical
Programming 112 (2008) (variable fixing and breakpoint search).
"""

from __future__ import annotations

import numpy as np

from .jit import njit
from .level_passes import LARGEST, all_sound, lowest_start, pour, pour_level, pour_remainder, survey, take_sample

EPS = 2.0**-52
SMALLEST = 5e-324

MAX_NEWTON = 40
"""Passes after which the sorted finish takes over; benign data need 3 to 12."""

ROUNDING = 16.0 * EPS
"""A supply met to this accuracy is met: no sum can tell much more."""

MAX_SETTLING = 512
"""Passes in search of a remainder: Newton's method takes a few, the quarter that halve the bracket suffice without."""

FULL_SERVICE = 8.0 * EPS
"""A supply this close to the sum of all caps (in parts of it) fills every vessel: the sum itself is known no better."""

SAMPLE_FROM = 4096
SAMPLE_STRIDE = 31
"""Elements from which a sample, one group in so many, is searched for the first guess."""


@njit(error_model="numpy", nogil=True)
def settle(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    supply: float,
    level: float,
    out: np.ndarray,
) -> tuple[float, float]:
    """Return a level known but for its rounding and the remainder with which the sum poured meets the supply.

    One float's step in level can be worth far more than the whole supply where a huge vessel begins just there, and
    the vessels that flow before it say nothing of its width. So the remainder is searched like a level, on the very sum
    that is poured: Newton's method in a bracket that grows from the level's own rounding. That sum is as fine as the
    heights' differences; where it steps over the supply, the side that gives less is taken. What is poured is left in
    ``out``.
    """
    held, _ = pour_level(start, cap, weight, offset, level, out)
    if abs(supply - held) <= ROUNDING * supply:
        return level, 0.0
    low = -np.inf
    high = np.inf
    reach = max(2.0 * EPS * level, SMALLEST)
    remainder = 0.0
    for attempt in range(MAX_SETTLING):
        held, slope = pour_remainder(start, cap, weight, offset, level, remainder, out)
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
    remainder = low if low > -np.inf else high
    pour(start, cap, weight, offset, level, remainder, out)
    return level, remainder


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
    scratch = np.empty(start.size)
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
        if pour_level(start, cap, weight, offset, breaks[middle], scratch)[0] < supply:
            below = middle
        else:
            above = middle
    floor = breaks[below]
    ceiling = breaks[above]
    # Inside one piece the slope is constant; its middle is the point farthest from either end's rounding.
    middle_level = floor + 0.5 * (ceiling - floor)
    held, slope = pour_level(start, cap, weight, offset, middle_level, scratch)
    if slope <= 0.0:
        return settle(start, cap, weight, offset, supply, ceiling, scratch)
    level = middle_level + (supply - held) / slope
    return settle(start, cap, weight, offset, supply, min(max(level, floor), ceiling), scratch)


@njit(error_model="numpy", nogil=True)
def search(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    supply: float,
    guess: float,
    out: np.ndarray,
) -> tuple[float, float]:
    """Find level and remainder by Newton's method in a bracket, for 0 < supply < sum of caps.

    The remainder is a step in level too small for a float beside the level; vessel k holds
    clip((weight L - start) + weight remainder, 0, cap), which is left in ``out``.
    """
    low = 0.0
    high = np.inf
    level = guess
    for _ in range(MAX_NEWTON):
        held, slope = pour_level(start, cap, weight, offset, level, out)
        short = supply - held
        if abs(short) <= ROUNDING * supply:
            # No remainder: a vessel about to begin may be far wider than all that flow, and would take it many times.
            return level, 0.0
        if abs(short) <= ROUNDING * slope * level:
            # No float nearer to the solution on this piece, unless a flat stretch parts them: try the remainder.
            met, _ = pour_remainder(start, cap, weight, offset, level, short / slope, out)
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
                return settle(start, cap, weight, offset, supply, high if high < np.inf else low, out)
        level = step
    level, remainder = finish_by_sorting(start, cap, weight, offset, supply, low, high)
    pour(start, cap, weight, offset, level, remainder, out)
    return level, remainder


@njit(error_model="numpy", nogil=True)
def first_guess(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    supply: float,
    caps: float,
    weights: float,
) -> float:
    """Guess the level from sums alone; a good guess saves passes, none is wrong.

    Were the heights cap / weight distributed exponentially with mean H = caps / weights, a part q of the caps would be
    held at the level -H log(1 - q) by vessels that begin at 0, at -2 H log(1 - sqrt(q)) by those that begin at their
    height. Vessels of any other kind are taken to flow all at once.
    """
    if offset == 0.0:
        guess = -caps / weights * np.log1p(-supply / caps)
    elif start is cap:
        guess = -2.0 * caps / weights * np.log1p(-np.sqrt(supply / caps))
    else:
        guess = (supply + start.sum()) / weights
    return guess if guess < LARGEST else LARGEST


@njit(error_model="numpy", nogil=True)
def sampled_guess(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    supply: float,
    guess: float,
    scratch: np.ndarray,
) -> float:
    """Improve a guess by Newton's method on a small sample; it need not be good, only cheap."""
    caps = take_sample(cap, SAMPLE_STRIDE)
    weights = take_sample(weight, SAMPLE_STRIDE)
    starts = caps if start is cap or offset == 0.0 else take_sample(start, SAMPLE_STRIDE)
    part = supply * (caps.size / cap.size)
    for _ in range(6):
        held, slope = pour_level(starts, caps, weights, offset, guess, scratch)
        if slope <= 0.0:
            break
        step = (part - held) / slope
        if not guess + step > 0.0:
            break
        guess += step
        if abs(step) <= 0.01 * guess:
            break
    return guess if guess < LARGEST else LARGEST


@njit(error_model="numpy", nogil=True)
def find_level(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, supply: float, out: np.ndarray
) -> tuple[float, float]:
    """Check the caps, fill ``out`` and return (level, remainder); ``nan`` for bad data, ``inf`` where all are full."""
    caps, weights, sound = survey(cap, weight)
    if not sound:
        return np.nan, 0.0
    if supply >= caps * (1.0 - FULL_SERVICE):
        pour(start, cap, weight, offset, np.inf, 0.0, out)
        return np.inf, 0.0
    if supply <= 0.0:
        out[:] = 0.0
        return lowest_start(start, cap, weight, offset), 0.0
    guess = first_guess(start, cap, weight, offset, supply, caps, weights)
    if cap.size >= SAMPLE_FROM:
        guess = sampled_guess(start, cap, weight, offset, supply, guess, out)
    level, remainder = search(start, cap, weight, offset, supply, guess, out)
    return (level if level < np.inf else np.nan), remainder


@njit(error_model="numpy", nogil=True)
def fill_row(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, supply: float, out: np.ndarray
) -> float:
    """Solve one interval into ``out`` and return its level: ``nan`` for bad caps or weights."""
    if not all_sound(weight):
        return np.nan
    return find_level(start, cap, weight, offset, supply, out)[0]


@njit(error_model="numpy", nogil=True)
def fill_one(cap: np.ndarray, weight: np.ndarray, offset: float, supply: float, out: np.ndarray) -> float:
    """Solve one interval of starts equal to the caps (or offset 0) that nobody has checked: ``nan`` for any fault."""
    if weight.size != cap.size or not 0.0 <= supply <= LARGEST:
        return np.nan
    return fill_row(cap, cap, weight, offset, supply, out)


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
    if weight.shape[0] > 1:
        for t in range(first, last):
            level[t] = fill_row(start[t], cap[t], weight[t], offset, supply[t], out[t])
        return
    # One row of weights is checked once.
    sound = all_sound(weight[0])
    for t in range(first, last):
        level[t] = find_level(start[t], cap[t], weight[0], offset, supply[t], out[t])[0] if sound else np.nan
