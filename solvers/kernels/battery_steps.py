"""Compiled passes over one store's intervals: forward with sorted pieces, backward for water values.

The mathematics stands in :mod:`.battery`, the layout of an interval's cost in :mod:`.battery_pieces`. The value
function W of the store is kept as the slopes and lengths of its linear pieces, ascending, in a window of two arrays
that can grow at either end: from ``window[0]`` to ``window[1]``. Few pieces are live at once, so that looking for a
place costs less than any tree.
"""

from __future__ import annotations

import numpy as np

from .battery_pieces import (
    FACTOR,
    FIRST,
    FOURTH,
    HIGH,
    HIGHEST,
    INF,
    LOW,
    LOWEST,
    MIDDLE,
    RESCALE,
    SECOND,
    STRETCH,
    THIRD,
)
from .jit import njit

EPS = 2.0**-52
TOLERANCE = 1e-12
"""How far apart, in parts of the energies at hand, two ranges of states may lie and still count as touching."""

NOISE = 4.0 * EPS
"""What rounding makes of 0 in an interval, in parts of the energies at hand."""

LEFT, RIGHT, WIDEST, BEFORE = range(4)
"""Entries of a pass's state: least and greatest reachable content, the greatest met so far (kWh), the factor before."""

DONE, FULL, STUCK = range(3)
"""How a pass over a block ends: at its end, with too many pieces, with no state both reachable and allowed."""


@njit(error_model="numpy", nogil=True)
def recentre(slope: np.ndarray, length: np.ndarray, window: np.ndarray) -> None:
    """Move the window to the middle of its arrays."""
    head, tail = window[0], window[1]
    count = tail - head
    to = (slope.size - count) // 2
    slope[to : to + count] = slope[head:tail].copy()
    length[to : to + count] = length[head:tail].copy()
    window[0] = to
    window[1] = to + count


@njit(error_model="numpy", nogil=True)
def forward(
    block: np.ndarray,
    count: int,
    retention: float,
    slope: np.ndarray,
    length: np.ndarray,
    window: np.ndarray,
    limit: int,
    state: np.ndarray,
    alpha: np.ndarray,
    beta: np.ndarray,
) -> tuple[int, int]:
    """Build the value functions through a block; keep the slopes at which the bounds on the state cut them.

    Returns how it ended and where: FULL with the interval to go on from, STUCK with the one after which no state is
    both reachable and allowed (``state`` then holds the range reached).
    """
    lowests, middles, highests = block[LOWEST], block[MIDDLE], block[HIGHEST]
    firsts, seconds, thirds, fourths = block[FIRST], block[SECOND], block[THIRD], block[FOURTH]
    lows, highs, factors, stretches = block[LOW], block[HIGH], block[FACTOR], block[STRETCH]
    left, right, widest, factor = state[LEFT], state[RIGHT], state[WIDEST], state[BEFORE]
    head, tail = window[0], window[1]
    ended = DONE
    t = 0
    while t < count:
        if tail - head > limit:
            ended = FULL
            break
        if head < 4 or tail > slope.size - 4:
            window[0] = head
            window[1] = tail
            recentre(slope, length, window)
            head, tail = window[0], window[1]
        if factors[t] > factor:
            for i in range(head, tail):
                slope[i] *= RESCALE
                length[i] /= RESCALE
            # Slopes beyond the floats belong to pieces that retention has shrunk to nothing.
            while tail > head and slope[tail - 1] == INF:
                tail -= 1
        factor = factors[t]
        stretch = stretches[t]
        low = lows[t]
        high = highs[t]
        first = firsts[t]
        fourth = fourths[t]
        to_left = retention * left + first
        to_right = retention * right + fourth
        left = max(to_left, low)
        right = min(to_right, high)
        widest = max(widest, to_right - to_left)
        if left > right:
            slack = TOLERANCE * (abs(to_left) + abs(to_right) + fourth - first)
            if low > high or left - right > slack:
                left, right = to_left, to_right
                ended = STUCK
                break
            # Rounding has parted what touches: the bound is the only state.
            left = right = low if to_right < low else high
        cut_left = (low - to_left) * stretch
        cut_right = (to_right - high) * stretch
        lowest = lowests[t]
        middle = middles[t]
        highest = highests[t]
        second = seconds[t]
        third = thirds[t]
        size = (second - first) * stretch
        size_middle = (third - second) * stretch
        size_last = (fourth - third) * stretch
        # A remainder of a cut or of a cut piece below this is rounding: it must not reach for the next slope.
        noise = NOISE * (abs(to_left) + abs(to_right) + fourth - first) * stretch
        least = -INF
        most = INF
        # What lies beyond the new outer piece is cut first, then the piece itself: what is cut is never put in.
        while cut_left > noise and head < tail and slope[head] < lowest:
            least = slope[head]
            rest = length[head] - cut_left
            if rest > 0.0:
                length[head] = rest
                cut_left = 0.0
                break
            cut_left = -rest
            head += 1
        if cut_left > noise and size > 0.0:
            least = lowest
            taken = min(size, cut_left)
            size -= taken
            cut_left -= taken
        while cut_right > noise and head < tail and slope[tail - 1] > highest:
            most = slope[tail - 1]
            rest = length[tail - 1] - cut_right
            if rest > 0.0:
                length[tail - 1] = rest
                cut_right = 0.0
                break
            cut_right = -rest
            tail -= 1
        if cut_right > noise and size_last > 0.0:
            most = highest
            taken = min(size_last, cut_right)
            size_last -= taken
            cut_right -= taken
        # Pieces of one slope become one piece: with few tariffs few pieces are live, however large the store.
        if size > noise:
            at = head
            while at < tail and slope[at] < lowest:
                slope[at - 1] = slope[at]
                length[at - 1] = length[at]
                at += 1
            if at < tail and slope[at] == lowest:
                length[at] += size
                for i in range(at - 1, head - 1, -1):
                    slope[i] = slope[i - 1]
                    length[i] = length[i - 1]
            else:
                slope[at - 1] = lowest
                length[at - 1] = size
                head -= 1
        if size_middle > 0.0:
            at = tail - 1
            while at >= head and slope[at] > middle:
                slope[at + 1] = slope[at]
                length[at + 1] = length[at]
                at -= 1
            if at >= head and slope[at] == middle:
                length[at] += size_middle
                for i in range(at + 1, tail):
                    slope[i] = slope[i + 1]
                    length[i] = length[i + 1]
            else:
                slope[at + 1] = middle
                length[at + 1] = size_middle
                tail += 1
        if size_last > noise:
            at = tail - 1
            while at >= head and slope[at] > highest:
                slope[at + 1] = slope[at]
                length[at + 1] = length[at]
                at -= 1
            if at >= head and slope[at] == highest:
                length[at] += size_last
                for i in range(at + 1, tail):
                    slope[i] = slope[i + 1]
                    length[i] = length[i + 1]
            else:
                slope[at + 1] = highest
                length[at + 1] = size_last
                tail += 1
        while cut_left > noise and head < tail:
            least = slope[head]
            rest = length[head] - cut_left
            if rest > 0.0:
                length[head] = rest
                break
            cut_left = -rest
            head += 1
        while cut_right > noise and head < tail:
            most = slope[tail - 1]
            rest = length[tail - 1] - cut_right
            if rest > 0.0:
                length[tail - 1] = rest
                break
            cut_right = -rest
            tail -= 1
        alpha[t] = least
        beta[t] = most
        t += 1
    state[LEFT], state[RIGHT], state[WIDEST], state[BEFORE] = left, right, widest, factor
    window[0] = head
    window[1] = tail
    return ended, t


PRICE, FROM_LOW, FROM_HIGH, AFTER = range(4)
"""Entries of the backward pass's state: scaled price after, states from which the rest stays optimal, factor after."""


@njit(error_model="numpy", nogil=True)
def backward(
    block: np.ndarray,
    count: int,
    retention: float,
    state: np.ndarray,
    alpha: np.ndarray,
    beta: np.ndarray,
    water_value: np.ndarray,
    change: np.ndarray,
) -> None:
    """Clip the water values backwards through a block and find the states from which an optimal schedule goes on.

    Overwrites ``alpha`` and ``beta`` with the least and greatest such state after each interval, and writes into
    ``change`` the optimal change of the content that is nearest to idling.
    """
    lowests, middles, highests = block[LOWEST], block[MIDDLE], block[HIGHEST]
    firsts, seconds, thirds, fourths = block[FIRST], block[SECOND], block[THIRD], block[FOURTH]
    lows, highs, factors, stretches = block[LOW], block[HIGH], block[FACTOR], block[STRETCH]
    price, from_low, from_high, factor = state[PRICE], state[FROM_LOW], state[FROM_HIGH], state[AFTER]
    per_retention = 1.0 / retention
    for t in range(count - 1, -1, -1):
        if factors[t] < factor:
            price /= RESCALE
        factor = factors[t]
        low = lows[t]
        high = highs[t]
        # A price that a bound changes holds the state at that bound.
        if price < alpha[t]:
            price = alpha[t]
            high = low
        elif price > beta[t]:
            price = beta[t]
            low = high
        low = min(max(from_low, low), high)
        high = max(min(from_high, high), low)
        alpha[t] = low
        beta[t] = high
        lowest, middle, highest = lowests[t], middles[t], highests[t]
        first, second, third, fourth = firsts[t], seconds[t], thirds[t], fourths[t]
        least = fourth if price > highest else third if price > middle else second if price > lowest else first
        most = first if price < lowest else second if price < middle else third if price < highest else fourth
        change[t] = max(least, 0.0) + min(most, 0.0)
        water_value[t] = price * stretches[t]
        from_low = (low - most) * per_retention
        from_high = (high - least) * per_retention
    state[PRICE], state[FROM_LOW], state[FROM_HIGH], state[AFTER] = price, from_low, from_high, factor
