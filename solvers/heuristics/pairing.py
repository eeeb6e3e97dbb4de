"""Compiled loops that make prosumer-consumer pairs, interval by interval.

Rounding
--------
All pairs are made by one rule: a pair carries ``min(need, have)``, where *need* is what the consumer's target still
has room for and *have* is what the prosumer's excess still has room for. Let ``used`` be the running sum of one
party's pairs and ``cap`` its target or excess. The room is r = fl(cap - used), one unit in the last place less where
fl(used + r) > cap. Then

* fl(used + amount) <= fl(used + r) <= cap for every amount <= r, because rounding is monotone: **summed in the order
  of the pairs, the pairs of a prosumer never exceed its excess and those of a consumer never exceed its target**, not
  by one bit;
* the party whose room the amount equals is filled to within one unit in the last place: if used >= cap/2 the
  difference is exact (Sterbenz), else its rounding error is at most half a unit in the last place of cap, and so is
  that of the sum.

A party with less than :data:`DUST` of its cap left counts as done, so that 0.1 + 0.2 covers 0.3 and no pair carries
mere rounding noise. A consumer that is done is recorded with its target exactly; its pairs sum to it within ``DUST``
of it (twice that where a first pass was topped up).
Each pair finishes at least one of the a prosumers and b consumers of its interval and the last possible one
finishes both, hence at most a + b - 1 pairs in an interval; and no two parties meet twice, so (interval, prosumer,
consumer) is a key.

Parameters common to all loops: ``asked`` and ``excess`` (kWh), shape (T, n), contiguous and writable; ``room``, an
upper bound on the number of pairs. All return the allocation, shape (T, n), then three buffers of pairs - interval,
(prosumer, consumer) and kWh - and how many pairs in them are used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels.jit import njit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Buffers = tuple[Floats, Integers, Integers, Floats, int]

DUST = 8.0 * float(np.finfo(np.float64).eps)
"""The share of a target or an excess below which what is left of it is rounding noise."""


@njit()
def _room(cap: float, used: float) -> float:
    """The largest amount, up to one unit in the last place, that ``used`` can grow by and not exceed ``cap``."""
    room = cap - used
    if used + room > cap:
        room = np.nextafter(room, 0.0)
    return room


@njit()
def _done(cap: float, used: float) -> bool:
    return cap - used <= DUST * cap


@njit()
def _deliver(
    t: int,
    target: Floats,
    consumers: Integers,
    excess: Floats,
    prosumers: Integers,
    received: Floats,
    interval: Integers,
    parties: Integers,
    kwh: Floats,
    count: int,
) -> int:
    """Pair consumers with prosumers, both in the order given (north-west corner rule); return the new pair count."""
    giver, given = 0, 0.0
    for k in consumers:
        while giver < prosumers.size:
            p = prosumers[giver]
            amount = min(_room(target[k], received[k]), _room(excess[p], given))
            interval[count], parties[0, count], parties[1, count], kwh[count] = t, p, k, amount
            count += 1
            received[k] += amount
            given += amount
            if _done(excess[p], given):
                giver, given = giver + 1, 0.0
            if _done(target[k], received[k]):
                received[k] = target[k]
                break
    return count


@njit()
def pair_in_sequence(
    asked: Floats,
    excess: Floats,
    first: Integers,
    reset: int,
    level: float,
    second_pass: bool,
    served_share: float,
    room: int,
) -> Buffers:
    """Round-robin over all intervals; ``served_share`` of what was asked makes a household served."""
    interval, parties, kwh, count = np.empty(room, np.int64), np.empty((2, room), np.int64), np.empty(room), 0
    allocated, sequence, served = np.zeros(asked.shape), first.copy(), np.zeros(first.size, np.bool_)
    for t in range(asked.shape[0]):
        if (t + 1) % reset == 0:
            sequence = first.copy()
        else:
            waiting = served[sequence]
            sequence = np.concatenate((sequence[~waiting], sequence[waiting]))
        target = level * asked[t]
        if second_pass and level < 1.0:
            # What the first pass leaves tops up consumers to their full request, in the same order.
            left = excess[t].sum() - target.sum()
            for k in sequence:
                if left <= 0.0:
                    break
                missing = asked[t, k] - target[k]
                target[k] = asked[t, k] if missing <= left else target[k] + left
                left -= missing
        consumers, prosumers = sequence[asked[t][sequence] > 0.0], np.flatnonzero(excess[t] > 0.0)
        count = _deliver(t, target, consumers, excess[t], prosumers, allocated[t], interval, parties, kwh, count)
        for k in range(first.size):
            # Within DUST of the request, a top-up that ended there by rounding is the whole request.
            if asked[t, k] > 0.0 and _done(asked[t, k], allocated[t, k]):
                allocated[t, k] = asked[t, k]
            served[k] = asked[t, k] > 0.0 and _done(served_share * asked[t, k], allocated[t, k])
    return allocated, interval, parties, kwh, count


@njit()
def pair_at_random(asked: Floats, excess: Floats, keys: Floats, room: int) -> Buffers:
    """Random strategy over all intervals; ``keys`` are uniform on [0, 1) and used one by one."""
    interval, parties, kwh, count = np.empty(room, np.int64), np.empty((2, room), np.int64), np.empty(room), 0
    allocated, key = np.zeros(asked.shape), 0
    for t in range(asked.shape[0]):
        consumers, prosumers = np.flatnonzero(asked[t] > 0.0), np.flatnonzero(excess[t] > 0.0)
        uncovered, waiting = consumers.size, prosumers.size
        while uncovered > 0 and waiting > 0:
            # Drawing among those who wait and closing the gap with the last one draws a uniform permutation.
            draw = int(keys[key] * waiting)
            p, given, key = prosumers[draw], 0.0, key + 1
            waiting -= 1
            prosumers[draw] = prosumers[waiting]
            while uncovered > 0 and not _done(excess[t, p], given):
                draw = int(keys[key] * uncovered)
                k, key = consumers[draw], key + 1
                amount = min(_room(asked[t, k], allocated[t, k]), _room(excess[t, p], given))
                interval[count], parties[0, count], parties[1, count], kwh[count] = t, p, k, amount
                count += 1
                allocated[t, k] += amount
                given += amount
                if _done(asked[t, k], allocated[t, k]):
                    allocated[t, k] = asked[t, k]
                    uncovered -= 1
                    consumers[draw] = consumers[uncovered]
    return allocated, interval, parties, kwh, count


@njit()
def pair_largest_first(wanted: Floats, excess: Floats, room: int) -> Buffers:
    """Deliver ``wanted`` interval by interval, both sides in descending order and equal ones by index."""
    interval, parties, kwh, count = np.empty(room, np.int64), np.empty((2, room), np.int64), np.empty(room), 0
    allocated = np.zeros(wanted.shape)
    for t in range(wanted.shape[0]):
        consumers, prosumers = np.flatnonzero(wanted[t] > 0.0), np.flatnonzero(excess[t] > 0.0)
        consumers = consumers[np.argsort(-wanted[t][consumers], kind="mergesort")]
        prosumers = prosumers[np.argsort(-excess[t][prosumers], kind="mergesort")]
        count = _deliver(t, wanted[t], consumers, excess[t], prosumers, allocated[t], interval, parties, kwh, count)
    return allocated, interval, parties, kwh, count
