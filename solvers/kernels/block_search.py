"""One very large interval: sample a bracket, scan the data once, search what lies open, write once.

A pass over ten million elements costs memory traffic, not arithmetic, so the passes are what to save. A sample brackets
the level; one scan sums every vessel whose state is the same in the whole bracket (dry, flowing or full) and notes the
few others; the search runs on these few and one further vessel that stands for all that flow. A bracket that a sample
got wrong is seen from the sums and replaced by a certain one: the sample decides the time, never the result. What was
poured is summed as it is written; should it miss the supply, the plain search on all the data has the last word.

Blocks have a fixed size, each writes to its own places, and their sums are added by exact summation in fixed order:
the same bytes for any number of threads. The threads are made for the call and release the interpreter's lock; a forked
or threaded caller meets no lasting state.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numba
import numpy as np

from .jit import njit
from .level_passes import BLOCK as SUMMED
from .level_passes import LARGEST, REASSOCIATE, lowest_start, pour, pour_level, take_sample
from .level_search import FULL_SERVICE, ROUNDING, fill_row, find_level, search

LARGE = 2**20
"""Elements from which one interval is worth sampling and threads."""

BLOCK = 4096
SAMPLED = 2**16
DEVIATIONS = 5.0
"""Standard deviations of the sample's sum on either side: a miss costs one more scan."""

HELD, FLOW, BAD, OPEN = range(4)
"""Columns of a block's sums: held at the bracket's low end, weight that flows throughout, bad and undecided entries."""

Task = Callable[[int, int], object]


def in_parallel(task: Task, count: int) -> None:
    """Run ``task(first, last)`` over 0..count in contiguous parts, on as many threads as numba is allowed."""
    workers = min(numba.get_num_threads(), count)
    if workers <= 1:
        task(0, count)
        return
    edges = np.linspace(0, count, 4 * workers + 1).astype(int).tolist()
    with ThreadPoolExecutor(workers) as threads:
        for done in [threads.submit(task, first, last) for first, last in pairwise(edges)]:
            done.result()


@njit(fastmath=REASSOCIATE, error_model="numpy", nogil=True)
def _block_sums(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    low: float,
    high: float,
    undecided: np.ndarray,
) -> tuple[float, float, float]:
    """Return what some vessels hold at ``low``, the weight that flows throughout and the number of bad entries.

    ``undecided`` becomes 1 where a vessel's state changes within the bracket, 0 elsewhere.
    """
    held = 0.0
    flow = 0.0
    bad = 0.0
    for i in range(start.size):
        room = cap[i]
        share = weight[i]
        bad += 0.0 if (room >= 0.0) & (room <= LARGEST) & (share >= 0.0) & (share <= LARGEST) else 1.0
        lower = share * low - offset * start[i]
        upper = share * high - offset * start[i]
        above = lower if lower > 0.0 else 0.0
        held += above if above < room else room
        flow += share if (lower >= 0.0) & (upper <= room) else 0.0
        undecided[i] = 1 if (upper > 0.0) & (lower < room) & ((lower < 0.0) | (upper > room)) else 0
    return held, flow, bad


@njit(error_model="numpy", nogil=True)
def _scan_blocks(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    low: float,
    high: float,
    sums: np.ndarray,
    places: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Sum the blocks ``first`` to ``last - 1`` and note their undecided vessels' places at each block's beginning."""
    undecided = np.empty(BLOCK, np.int64)
    for block in range(first, last):
        begin = block * BLOCK
        end = min(start.size, begin + BLOCK)
        held = 0.0
        lost = 0.0
        flow = 0.0
        bad = 0.0
        for i in range(begin, end, SUMMED):
            j = min(end, i + SUMMED)
            marks = undecided[i - begin : j - begin]
            row = _block_sums(start[i:j], cap[i:j], weight[i:j], offset, low, high, marks)
            together = held + row[0]
            lost += (held - together) + row[0] if held >= row[0] else (row[0] - together) + held
            held = together
            flow += row[1]
            bad += row[2]
        place = begin
        for i in range(end - begin):
            # Written always, kept only where undecided: no branch to mispredict.
            places[place] = begin + i
            place += undecided[i]
        sums[block, HELD] = held + lost
        sums[block, FLOW] = flow
        sums[block, BAD] = bad
        sums[block, OPEN] = place - begin


@njit(error_model="numpy", nogil=True)
def _gather(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    sums: np.ndarray,
    places: np.ndarray,
    starts: np.ndarray,
    caps: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Copy the undecided vessels, in their order."""
    j = 0
    for block in range(sums.shape[0]):
        begin = block * BLOCK
        for k in range(begin, begin + int(sums[block, OPEN])):
            i = places[k]
            starts[j] = offset * start[i]
            caps[j] = cap[i]
            weights[j] = weight[i]
            j += 1


@njit(error_model="numpy", nogil=True)
def _pour_blocks(
    start: np.ndarray,
    cap: np.ndarray,
    weight: np.ndarray,
    offset: float,
    level: float,
    remainder: float,
    out: np.ndarray,
    sums: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write the blocks ``first`` to ``last - 1`` and keep the sum of each."""
    for block in range(first, last):
        begin = block * BLOCK
        end = min(start.size, begin + BLOCK)
        sums[block] = pour(
            start[begin:end], cap[begin:end], weight[begin:end], offset, level, remainder, out[begin:end]
        )


def sampled_bracket(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, supply: float
) -> tuple[float, float]:
    """Return a bracket that holds the level very likely; (0, largest float) where the sample says nothing."""
    stride = max(1, start.size // SAMPLED)
    caps = take_sample(cap, stride)
    starts = caps if start is cap else take_sample(start, stride)
    weights = take_sample(weight, stride)
    part = supply * (caps.size / start.size)
    held = np.empty_like(caps)
    level, _ = find_level(starts, caps, weights, offset, part, held)
    if math.isnan(level):
        return 0.0, LARGEST
    margin = DEVIATIONS * math.sqrt(caps.size) * float(held.std()) + 1e-9 * part
    least = min(part, float(held.sum())) - margin
    below = find_level(starts, caps, weights, offset, least, held)[0] if least > 0.0 else 0.0
    above = find_level(starts, caps, weights, offset, part + margin, held)[0]
    return (below if below < LARGEST else 0.0), min(above, LARGEST)


def _search_bracket(
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray],
    offset: float,
    supply: float,
    low: float,
    high: float,
    scratch: np.ndarray,
) -> tuple[float, float, float, float]:
    """Scan once; return (level, remainder, low, high), the level 0 where another bracket is to be scanned."""
    blocks = -(-scratch.size // BLOCK)
    sums = np.empty((blocks, 4))
    in_parallel(lambda i, j: _scan_blocks(*arrays, offset, low, high, sums, scratch, i, j), blocks)
    if sums[:, BAD].any():
        return math.nan, 0.0, low, high
    undecided = int(sums[:, OPEN].sum())
    starts, caps, weights, held = (np.empty(undecided + 1) for _ in range(4))
    _gather(*arrays, offset, sums, scratch, starts, caps, weights)
    # All vessels that flow throughout are one vessel without a lid, empty at the low end.
    weights[-1] = math.fsum(sums[:, FLOW])
    starts[-1], caps[-1] = weights[-1] * low, math.inf
    decided = math.fsum(sums[:, HELD]) - pour_level(starts[:-1], caps[:-1], weights[:-1], 1.0, low, held)[0]
    rest = supply - decided
    if high == LARGEST and supply >= (decided + math.fsum(caps[:-1])) * (1.0 - FULL_SERVICE):
        return math.inf, 0.0, low, high
    if low > 0.0 and pour_level(starts, caps, weights, 1.0, low, held)[0] > rest:
        return 0.0, 0.0, 0.0, low
    if high < LARGEST and pour_level(starts, caps, weights, 1.0, high, held)[0] < rest:
        return 0.0, 0.0, high, LARGEST
    if not weights.any():
        return (low or math.nan), 0.0, low, high
    guess = 0.5 * (low + high) if high < LARGEST else (rest + float(starts.sum())) / float(weights.sum())
    level, remainder = search(starts, caps, weights, 1.0, rest, guess, held)
    return (level if level < math.inf else math.nan), remainder, low, high


def fill_large(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, supply: float, out: np.ndarray
) -> float:
    """Solve one large interval into ``out`` and return its level, as :func:`.level_search.fill_row` does."""
    arrays = (start, cap, weight)
    scratch = out.view(np.int64)
    low, high = sampled_bracket(*arrays, offset, supply) if supply > 0.0 else (0.0, LARGEST)
    level, remainder = 0.0, 0.0
    for attempt in range(3):
        # The sample's bracket, then the side on which it missed, then (rounding apart, never) the whole line.
        if attempt == 2:
            low, high = 0.0, LARGEST
        level, remainder, low, high = _search_bracket(arrays, offset, supply, low, high, scratch)
        if level != 0.0:
            break
    if math.isnan(level):
        return level
    if supply <= 0.0:
        out[:] = 0.0
        return level if level == math.inf else float(lowest_start(*arrays, offset))
    blocks = -(-out.size // BLOCK)
    sums = np.empty(blocks)
    in_parallel(lambda i, j: _pour_blocks(*arrays, offset, level, remainder, out, sums, i, j), blocks)
    if level < math.inf and not abs(math.fsum(sums) - supply) <= 2.0 * ROUNDING * supply:
        # The one vessel for all that flow is rounded otherwise than they are; a supply far below their needs sees it.
        return fill_row(*arrays, offset, supply, out)
    return level
