"""The forward pass with an interval heap, for stores so large that thousands of pieces are live at once.

An interval heap (van Leeuwen and Wood, *Interval heaps*, The Computer Journal 36, 1993) is a binary tree whose nodes
hold two entries, the lesser in ``slope[2 i]`` and the greater in ``slope[2 i + 1]``, each node's range within its
parent's: the least of all stands at 0, the greatest at 1 (at 0 where it is alone), and adding an entry or removing
either extreme costs O(log n). A sorted sequence is turned into one by pairing its ends, outermost first.
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
from .battery_steps import BEFORE, DONE, LEFT, NOISE, RIGHT, STUCK, TOLERANCE, WIDEST
from .jit import njit


@njit(error_model="numpy", nogil=True)
def pair_ends(slope: np.ndarray, length: np.ndarray, head: int, tail: int, keys: np.ndarray, sizes: np.ndarray) -> int:
    """Turn the ascending window into an interval heap and return its number of entries."""
    count = tail - head
    for i in range(count // 2):
        keys[2 * i] = slope[head + i]
        sizes[2 * i] = length[head + i]
        keys[2 * i + 1] = slope[tail - 1 - i]
        sizes[2 * i + 1] = length[tail - 1 - i]
    if count % 2:
        keys[count - 1] = slope[head + count // 2]
        sizes[count - 1] = length[head + count // 2]
    return count


@njit(error_model="numpy", nogil=True)
def push(keys: np.ndarray, sizes: np.ndarray, count: int, key: float, size: float) -> int:
    """Add an entry and return the new number of entries."""
    at = count
    if at % 2 and key < keys[at - 1]:
        # The newcomer is the lesser of its node: the other takes the greater's place and is no greater than before.
        keys[at] = keys[at - 1]
        sizes[at] = sizes[at - 1]
        at -= 1
    node = at // 2
    while node > 0:
        parent = (node - 1) // 2
        if key < keys[2 * parent]:
            above = 2 * parent
        elif key > keys[2 * parent + 1]:
            above = 2 * parent + 1
        else:
            break
        keys[at] = keys[above]
        sizes[at] = sizes[above]
        at = above
        node = parent
    keys[at] = key
    sizes[at] = size
    return count + 1


@njit(error_model="numpy", nogil=True)
def drop_least(keys: np.ndarray, sizes: np.ndarray, count: int) -> int:
    """Remove the least entry (at 0) and return the new number of entries."""
    count -= 1
    key = keys[count]
    size = sizes[count]
    at = 0
    while True:
        below = 2 * at + 2
        if below >= count:
            break
        other = below + 2
        if other < count and keys[other] < keys[below]:
            below = other
        if keys[below] >= key:
            break
        keys[at] = keys[below]
        sizes[at] = sizes[below]
        at = below
        if at + 1 < count and key > keys[at + 1]:
            # The sinking entry exceeds this node's greater one: they change places.
            keys[at + 1], key = key, keys[at + 1]
            sizes[at + 1], size = size, sizes[at + 1]
    keys[at] = key
    sizes[at] = size
    return count


@njit(error_model="numpy", nogil=True)
def drop_greatest(keys: np.ndarray, sizes: np.ndarray, count: int) -> int:
    """Remove the greatest entry (at 1, or at 0 where it is alone) and return the new number of entries."""
    count -= 1
    if count <= 1:
        return count
    key = keys[count]
    size = sizes[count]
    at = 1
    while True:
        # A child without a greater entry counts with its only one.
        below = 2 * at + 1 if 2 * at + 1 < count else 2 * at
        if below >= count:
            break
        other = below + 2 if below + 2 < count else below + 1
        if below % 2 and other < count and keys[other] > keys[below]:
            below = other
        if keys[below] <= key:
            break
        keys[at] = keys[below]
        sizes[at] = sizes[below]
        at = below
        if at % 2 == 0:
            # The node's only entry has moved up: nothing hangs below it.
            break
        if key < keys[at - 1]:
            keys[at - 1], key = key, keys[at - 1]
            sizes[at - 1], size = size, sizes[at - 1]
    keys[at] = key
    sizes[at] = size
    return count


@njit(error_model="numpy", nogil=True)
def enlarged(values: np.ndarray, count: int, room: int) -> np.ndarray:
    """Return the values, in an array of at least twice their number where ``room`` more would not fit."""
    if count + room <= values.size:
        return values
    more = np.empty(2 * count + room)
    more[:count] = values[:count]
    return more


@njit(error_model="numpy", nogil=True)
def forward_heap(
    block: np.ndarray,
    start: int,
    stop: int,
    retention: float,
    keys: np.ndarray,
    sizes: np.ndarray,
    count: int,
    state: np.ndarray,
    alpha: np.ndarray,
    beta: np.ndarray,
) -> tuple[int, int, int]:
    """Go on from interval ``start`` of a block as :func:`.battery_steps.forward` would.

    The arrays have room for three more entries an interval. Returns how the pass ended, where, and the entries left.
    """
    left, right, widest, factor = state[LEFT], state[RIGHT], state[WIDEST], state[BEFORE]
    ended = DONE
    t = start
    while t < stop:
        if block[FACTOR, t] > factor:
            for i in range(count):
                keys[i] *= RESCALE
                sizes[i] /= RESCALE
            while count > 0 and keys[min(1, count - 1)] == INF:
                count = drop_greatest(keys, sizes, count)
        factor = block[FACTOR, t]
        low, high = block[LOW, t], block[HIGH, t]
        first, second, third, fourth = block[FIRST, t], block[SECOND, t], block[THIRD, t], block[FOURTH, t]
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
            left = right = low if to_right < low else high
        stretch = block[STRETCH, t]
        cut_left = (low - to_left) * stretch
        cut_right = (to_right - high) * stretch
        size = (second - first) * stretch
        size_middle = (third - second) * stretch
        size_last = (fourth - third) * stretch
        if size > 0.0:
            count = push(keys, sizes, count, block[LOWEST, t], size)
        if size_middle > 0.0:
            count = push(keys, sizes, count, block[MIDDLE, t], size_middle)
        if size_last > 0.0:
            count = push(keys, sizes, count, block[HIGHEST, t], size_last)
        noise = NOISE * (abs(to_left) + abs(to_right) + fourth - first) * stretch
        least = -INF
        most = INF
        while cut_left > noise and count > 0:
            least = keys[0]
            rest = sizes[0] - cut_left
            if rest > 0.0:
                sizes[0] = rest
                break
            cut_left = -rest
            count = drop_least(keys, sizes, count)
        while cut_right > noise and count > 0:
            top = min(1, count - 1)
            most = keys[top]
            rest = sizes[top] - cut_right
            if rest > 0.0:
                sizes[top] = rest
                break
            cut_right = -rest
            count = drop_greatest(keys, sizes, count)
        alpha[t] = least
        beta[t] = most
        t += 1
    state[LEFT], state[RIGHT], state[WIDEST], state[BEFORE] = left, right, widest, factor
    return ended, t, count
