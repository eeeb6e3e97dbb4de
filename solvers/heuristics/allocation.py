"""The simple allocation strategies, and prosumer-consumer pairs for any allocation.

Source: Kouvelas, Venkatesha Prasad and Nambi, *Efficient power sharing at the edge by building a tangible micro-grid
- the Texas case*, section IV-B. In their words the simple strategies "create prosumer-consumer pairs, and the energy
flows from the prosumer to the consumer of each pair", so what they return is a :class:`Pairing`: who gave how much to
whom, and what every household received in total.

Every function is pure: arrays in, arrays out. The caller has validated the arrays (finite, not negative, shapes as
stated, ``order`` a permutation); options are validated here. A consumer of weight zero receives nothing. How pairs are
rounded is told where they are made, in :mod:`.pairing`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...models.problem import TOLERANCE
from .pairing import DUST, Floats, Integers, pair_at_random, pair_in_sequence, pair_largest_first


@dataclass(frozen=True, eq=False)
class Pairing:
    """An allocation together with the prosumer-consumer pairs that deliver it.

    Attributes
    ----------
    allocated_kwh : ndarray, shape (T, n)
        What each household receives (kWh).
    pair_interval, pair_prosumer, pair_consumer : ndarray of int, shape (m,)
        Interval, giver and receiver of each pair, sorted by interval and within it in the order of delivery.
        The three together are unique.
    pair_kwh : ndarray, shape (m,)
        What the pair carries (kWh), positive.
    """

    allocated_kwh: Floats
    pair_interval: Integers
    pair_prosumer: Integers
    pair_consumer: Integers
    pair_kwh: Floats


def random_pairs(deficiency_kwh: ArrayLike, excess_kwh: ArrayLike, weight: ArrayLike, *, seed: int) -> Pairing:
    """Pair every prosumer with a consumer drawn at random, and its remainder with another.

    Prosumers come in random order. Each draws uniformly among the consumers that are not yet covered and gives until
    it is empty or the consumer is covered; only in the latter case it draws again. The next prosumer draws afresh, so
    several consumers may stay partly served: the paper's wording, taken literally. (Walking through one random
    permutation of the consumers would be another strategy: it leaves at most one of them partly served.)

    Parameters
    ----------
    deficiency_kwh, excess_kwh : array_like, shape (T, n)
        What each household asks for and can give (kWh).
    weight : array_like, shape (n,)
        Only weight zero matters: such a household receives nothing.
    seed : int
        Seed of ``numpy.random.default_rng``. A draw among b is floor(b u) with u uniform on the 2^53 doubles in [0, 1),
        so its probabilities are uniform to b/2^53.

    Returns
    -------
    Pairing

    Notes
    -----
    Source: section IV-B, random strategy.
    """
    asked, excess = _asked(deficiency_kwh, weight), _writable(excess_kwh)
    givers, takers = _active(asked, excess)
    # One key per prosumer drawn, one per pair: a + (a + b - 1) is enough in an interval.
    keys = np.random.default_rng(seed).random(int((2 * givers + takers).sum()))
    return _pairing(*pair_at_random(asked, excess, keys, int((givers + takers).sum())))


def greedy_pairs(
    deficiency_kwh: ArrayLike,
    excess_kwh: ArrayLike,
    weight: ArrayLike,
    order: ArrayLike,
    *,
    service_level: float = 1.0,
    second_pass: bool = True,
) -> Pairing:
    """Serve consumers in one fixed sequence, prosumers giving in the order of their index (first in, first served).

    Parameters
    ----------
    deficiency_kwh, excess_kwh : array_like, shape (T, n)
        What each household asks for and can give (kWh).
    weight : array_like, shape (n,)
        Only weight zero matters: such a household receives nothing.
    order : array_like of int, shape (n,)
        Permutation of the households; position 0 is served first.
    service_level : float
        The paper's level of service, lambda in (0, 1]: the first pass stops at this share of what each consumer asks.
    second_pass : bool
        Whether what the first pass leaves goes to a second one, up to the full deficiency and in the same order.
        Otherwise it stays with the prosumers.

    Returns
    -------
    Pairing
        Both passes of a consumer are delivered together, at its place in the sequence: this changes no allocation,
        keeps pairs unique and their number at most a + b - 1.

    Raises
    ------
    ValueError
        If ``service_level`` is outside (0, 1].

    Notes
    -----
    Source: section IV-B, greedy strategy.
    """
    # Resetting the sequence at every interval is what makes round-robin greedy (TL = 1).
    return round_robin_pairs(
        deficiency_kwh,
        excess_kwh,
        weight,
        order,
        reset_intervals=1,
        service_level=service_level,
        second_pass=second_pass,
    )


def round_robin_pairs(
    deficiency_kwh: ArrayLike,
    excess_kwh: ArrayLike,
    weight: ArrayLike,
    order: ArrayLike,
    *,
    reset_intervals: int,
    service_level: float = 1.0,
    second_pass: bool = True,
    limit_counts_as_served: bool = False,
) -> Pairing:
    """Serve consumers in a sequence whose served members move to its end for the next interval.

    Intervals are counted from T = 1. At T = 1 the sequence is ``order``. At T > 1 the households *fully* served at T
    - 1 move to the end and keep their order among themselves, as do the others; but where T mod TL = 0 the sequence
    becomes ``order`` again. So the first round has TL - 1 intervals, all later ones TL, and TL = 1 is the greedy
    strategy. A household that asks for nothing in an interval, or is served in part, was not served and keeps its
    place.

    Parameters
    ----------
    deficiency_kwh, excess_kwh : array_like, shape (T, n)
        What each household asks for and can give (kWh).
    weight : array_like, shape (n,)
        Only weight zero matters: such a household receives nothing.
    order : array_like of int, shape (n,)
        The sequence at T = 1; position 0 is served first.
    reset_intervals : int
        The paper's time limit TL >= 1.
    service_level, second_pass
        As in :func:`greedy_pairs`.
    limit_counts_as_served : bool
        Whether reaching ``service_level`` times the deficiency already counts as served. Without it a level below one
        and no second pass serve nobody fully, and the sequence never moves.

    Returns
    -------
    Pairing

    Raises
    ------
    ValueError
        If ``service_level`` is outside (0, 1] or ``reset_intervals`` is no integer >= 1.

    Notes
    -----
    Source: section IV-B, round-robin strategy.
    """
    if not 0.0 < service_level <= 1.0:
        raise ValueError(f"service_level must lie in (0, 1], not {service_level}")
    if reset_intervals != int(reset_intervals) or reset_intervals < 1:
        raise ValueError(f"reset_intervals must be an integer of at least 1, not {reset_intervals}")
    asked, excess = _asked(deficiency_kwh, weight), _writable(excess_kwh)
    givers, takers = _active(asked, excess)
    first = np.array(order, dtype=np.int64)
    level = float(service_level)
    served_share = level if limit_counts_as_served else 1.0
    room = int((givers + takers).sum())
    return _pairing(
        *pair_in_sequence(asked, excess, first, int(reset_intervals), level, bool(second_pass), served_share, room)
    )


def weighted_split(
    deficiency_kwh: ArrayLike, weight: ArrayLike, supply_kwh: ArrayLike, *, variant: str = "corrected"
) -> tuple[Floats, Floats]:
    r"""Split the pooled supply by weight: x = (sum of excess) / (sum of weights), and x w_j for every household j.

    Parameters
    ----------
    deficiency_kwh : array_like, shape (T, n)
        What each household asks for (kWh).
    weight : array_like, shape (n,) or (T, n)
        Weights w >= 0 of the consumers, 0 for whoever is none; every consumer's weight enters the sum, as printed,
        whether it asks for anything or not.
    supply_kwh : array_like, shape (T,)
        Pooled excess (kWh).
    variant : {"corrected", "printed"}
        ``"printed"`` hands out every share, even beyond the deficiency and to households that ask for nothing.
        ``"corrected"`` caps each share at the deficiency and redistributes nothing.

    Returns
    -------
    allocated_kwh : ndarray, shape (T, n)
    spill_kwh : ndarray, shape (T,)
        Supply that no household receives; all of it in an interval where all weights are zero.

    Raises
    ------
    ValueError
        If ``variant`` is none of the two.

    Notes
    -----
    Source: section IV-B, weighted strategy.
    """
    if variant not in ("corrected", "printed"):
        raise ValueError(f'variant must be "corrected" or "printed", not {variant!r}')
    w, supply = np.asarray(weight, dtype=np.float64), np.asarray(supply_kwh, dtype=np.float64)
    deficiency = np.asarray(deficiency_kwh, dtype=np.float64)
    w = np.broadcast_to(w, deficiency.shape)
    total = w.sum(axis=1)
    nobody = total == 0.0
    share = supply[:, None] * (w / np.where(nobody, 1.0, total)[:, None])
    unshared = np.where(nobody, supply, 0.0)
    if variant == "printed":
        return share, unshared
    allocated = np.minimum(share, deficiency)
    # The spill is summed from what was cut off, not by subtracting totals: nothing cut off is then exactly no spill.
    return allocated, unshared + (share - allocated).sum(axis=1)


def ascending_deficiency(deficiency_kwh: ArrayLike, weight: ArrayLike, supply_kwh: ArrayLike) -> Floats:
    """Serve the smallest requests first: the largest possible number of fully served consumers.

    Any m fully served consumers ask for at least as much as the m smallest requests do, so if any m can be served,
    these can. Serving prefixes of the ascending order is therefore optimal in each interval. What remains after the
    last request that fits goes to the next one in part; it could serve no further consumer fully.

    The rules' tolerance ε counts: a request is met in full from (1 - ε) of it on, and (1 + ε) of the supply may be
    given. Where a prefix fits only so, all of it gets alike less than it asks for: what the supply is enough for, but
    no less than (1 - ε).

    Parameters
    ----------
    deficiency_kwh : array_like, shape (T, n)
        What each household asks for (kWh). Equal requests are served in the order of their index.
    weight : array_like, shape (n,)
        Only weight zero matters: such a household receives nothing.
    supply_kwh : array_like, shape (T,)
        Pooled excess (kWh).

    Returns
    -------
    ndarray, shape (T, n)
        What each household receives (kWh). A request that fits but for :data:`~.pairing.DUST` of it counts as fitting.
    """
    asked = _asked(deficiency_kwh, weight)
    supply = np.asarray(supply_kwh, dtype=np.float64)
    room = supply * (1.0 + TOLERANCE)
    ascending = np.argsort(np.where(asked > 0.0, asked, np.inf), axis=1, kind="stable")
    request = np.take_along_axis(asked, ascending, axis=1)
    reached = np.cumsum(request, axis=1)
    served = np.count_nonzero((request > 0.0) & (reached * (1.0 - TOLERANCE) <= room[:, None]), axis=1)
    allocated = np.empty_like(asked)
    while True:
        np.put_along_axis(allocated, ascending, _prefix_served(request, reached, served, supply), axis=1)
        # Summed in another order, a prefix that just fits may exceed the room by its last digit.
        over = (allocated.sum(axis=1) > room) & (served > 0)
        if not over.any():
            return allocated
        served = served - over


def _prefix_served(request: Floats, reached: Floats, served: Integers, supply: Floats) -> Floats:
    """Serve the first requests of each row, all alike less where they do not fit in full, and the next one in part."""
    place = np.arange(request.shape[1])
    first = place < served[:, None]
    total = np.where(first, reached, 0.0).max(axis=1, initial=0.0)
    fits = total * (1.0 - DUST) <= supply
    part = np.maximum(np.divide(supply, total, out=np.ones_like(total), where=~fits), 1.0 - TOLERANCE)
    rest = np.maximum(supply - total, 0.0)
    following = np.where(place == served[:, None], np.minimum(request, rest[:, None]), 0.0)
    return np.where(first, request * part[:, None], following)


def pair_up(allocated_kwh: ArrayLike, excess_kwh: ArrayLike, *, tolerance: float = 1e-9) -> Pairing:
    """Deliver any allocation by prosumer-consumer pairs, the largest excess meeting the largest allocation first.

    At most a + b - 1 pairs in an interval with a prosumers and b receiving households; excess that is not needed
    stays with the smallest prosumers. Pairs are not the fewest possible: finding those is a partition problem. A
    household may be paired with itself: after weekly smoothing one household can have both an excess and a
    deficiency.

    Parameters
    ----------
    allocated_kwh, excess_kwh : array_like, shape (T, n)
        What each household is to receive and can give (kWh).
    tolerance : float
        By what share of an interval's total excess the allocation may exceed it (solvers round).

    Returns
    -------
    Pairing
        Its ``allocated_kwh`` is what the pairs deliver: the given allocation, bit for bit, unless that needs all of the
        excess and, rounding included, a little more; what is missing is then taken from the smallest receivers.

    Raises
    ------
    ValueError
        If an interval allocates more than its excess beyond the tolerance; the message names the first one.
    """
    allocated, excess = _writable(allocated_kwh), _writable(excess_kwh)
    total, available = allocated.sum(axis=1), excess.sum(axis=1)
    over = np.flatnonzero(total > available * (1.0 + tolerance))
    if over.size:
        t = over[0]
        raise ValueError(f"interval {t}: {total[t]} kWh are allocated, but the excess is only {available[t]} kWh")
    givers, takers = _active(allocated, excess)
    return _pairing(*pair_largest_first(allocated, excess, int((givers + takers).sum())))


def _writable(values: ArrayLike) -> Floats:
    """Copy: compiled loops take contiguous writable arrays, and instances hold read-only ones."""
    return np.array(values, dtype=np.float64, order="C")


def _asked(deficiency_kwh: ArrayLike, weight: ArrayLike) -> Floats:
    """Deficiency of those who may receive; zero where the weight is zero."""
    return np.where(np.asarray(weight) > 0.0, np.asarray(deficiency_kwh, dtype=np.float64), 0.0)


def _active(asked: Floats, excess: Floats) -> tuple[Integers, Integers]:
    """Numbers of prosumers and of consumers per interval, both zero where one of them is (no pair is possible)."""
    givers, takers = np.count_nonzero(excess > 0.0, axis=1), np.count_nonzero(asked > 0.0, axis=1)
    possible = (givers > 0) & (takers > 0)
    return givers * possible, takers * possible


def _pairing(allocated: Floats, interval: Integers, parties: Integers, kwh: Floats, count: int) -> Pairing:
    """Cut the buffers to what was used; copies, so that the unused rest is freed."""
    prosumer, consumer = parties[0, :count].copy(), parties[1, :count].copy()
    return Pairing(allocated, interval[:count].copy(), prosumer, consumer, kwh[:count].copy())
