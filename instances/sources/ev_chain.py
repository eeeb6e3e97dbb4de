r"""Where vehicles are: a Markov chain whose chances change with the time of day and between weekdays and weekends.

In interval t of a day of kind D a vehicle at place a is at place b in the next one with probability
:math:`P_{D,t}(a, b)`. A chain is fitted to histories of places by counting, with Dirichlet's prior so that what was
never seen is not impossible; it is simulated by inverting the distribution; marginals are :math:`\pi_{t+1} = \pi_t P_t`
and the chance to stay for a whole window :math:`\pi_t(H) \prod_u P_u(H, H)`, which is not the product of marginals.

A chain forgets how long a vehicle has been where it is: given the time of day, stays end with the same chance whenever
they began. :func:`stay_survival` shows how far a history is from that.

Source: Postnikov et al., section on agents (time-varying Markov chains of places); estimator and windows ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import Fault, InstanceError

PLACES = ("home", "public", "away")
"""At home, at a public charger of the same feeder, off the feeder or on the way."""

DAYS = ("weekday", "weekend")

PRIOR = 0.5
"""Of Dirichlet's distribution, added to each count of a move (Jeffreys)."""


@dataclass(frozen=True, eq=False)
class EvChain:
    """A chain of places.

    Parameters
    ----------
    transition : (2, H, K, K) array
        For weekdays and weekends and each interval of the day, the chance to be at the last axis' place in the next
        interval, which may belong to the next day.
    place : tuple of K str
        Names; the first is home.

    Raises
    ------
    ValueError
        If rows are no probabilities.
    """

    transition: np.ndarray
    place: tuple[str, ...] = PLACES

    def __post_init__(self) -> None:
        shape, places = self.transition.shape, len(self.place)
        if len(shape) != 4 or shape[0] != len(DAYS) or shape[2:] != (places, places):
            raise ValueError(
                f"transition has shape {shape}; give ({len(DAYS)}, intervals of a day, {places}, {places})"
            )
        if not (np.isfinite(self.transition).all() and (self.transition >= 0).all()):
            raise ValueError("transition has entries that are no probabilities; give numbers in [0, 1]")
        for d, t, a in np.argwhere(np.abs(self.transition.sum(axis=3) - 1.0) > 1e-9):
            total = self.transition[d, t, a].sum()
            raise ValueError(f"from {self.place[a]} in interval {t} of a {DAYS[d]} chances add up to {total:g}, not 1")

    @property
    def intervals_of_day(self) -> int:
        """H."""
        return int(self.transition.shape[1])

    def steps(self, intervals: int, weekend: Sequence[bool] | None = None) -> np.ndarray:
        """Transitions from each interval to the next, (T - 1, K, K).

        Parameters
        ----------
        intervals : int
            T, from a midnight on.
        weekend : sequence of bool, optional
            For each day that is begun; a week from Monday on unless given.

        Raises
        ------
        ValueError
            If there are too few days.
        """
        day = np.arange(max(intervals - 1, 0)) // self.intervals_of_day
        kinds = np.resize(_week(), 1 + int(day[-1] if len(day) else 0)) if weekend is None else np.asarray(weekend, int)
        if len(day) and day[-1] >= len(kinds):
            raise ValueError(f"{intervals} intervals begin {day[-1] + 1} days, but weekend has {len(kinds)}")
        return np.asarray(self.transition[kinds[day], np.arange(len(day)) % self.intervals_of_day])

    def periodic(self) -> np.ndarray:
        """Distribution of places at midnight before Monday that returns after a week, (K,)."""
        week = np.eye(len(self.place))
        for step in self.steps(7 * self.intervals_of_day + 1):
            week = week @ step
        # π (W - I) = 0 and Σ π = 1, solved together; with several classes that never meet, the shortest such π.
        rows = np.vstack([week.T - np.eye(len(week)), np.ones(len(week))])
        found = np.linalg.lstsq(rows, np.append(np.zeros(len(week)), 1.0), rcond=None)[0]
        return np.asarray(np.clip(found, 0.0, None) / np.clip(found, 0.0, None).sum())

    def marginals(self, intervals: int, start: Any = None, weekend: Sequence[bool] | None = None) -> np.ndarray:
        """Chance of each place in each interval, (T, K).

        Parameters
        ----------
        intervals : int
            T, from midnight on.
        start : (K,) array, optional
            In the first; :meth:`periodic` unless given.
        weekend : sequence of bool, optional
            As for :meth:`steps`.
        """
        found = np.empty((intervals, len(self.place)))
        found[0] = self.periodic() if start is None else np.asarray(start, float)
        for t, step in enumerate(self.steps(intervals, weekend)):
            found[t + 1] = found[t] @ step
        return found

    def window(self, begin: int, length: int, place: str = "home", **options: Any) -> float:
        """Chance that a vehicle is at a place in all intervals of a window.

        Parameters
        ----------
        begin, length : int
            First interval from midnight on, and how many.
        place : str
            Where.
        **options
            ``start`` and ``weekend`` of :meth:`marginals`.
        """
        k, end = self.place.index(place), begin + length
        stay = self.steps(end, options.get("weekend"))[begin:, k, k]
        return float(self.marginals(end, **options)[begin, k] * np.prod(stay))

    def simulate(
        self,
        vehicles: int,
        intervals: int,
        rng: np.random.Generator,
        start: Any = None,
        weekend: Sequence[bool] | None = None,
        first: Any = None,
    ) -> np.ndarray:
        """Draw places.

        Parameters
        ----------
        vehicles, intervals : int
            n and T.
        rng : numpy.random.Generator
            What is drawn from.
        start, weekend
            As for :meth:`marginals`.
        first : (n,) array of int, optional
            Places in the first interval, if they are known.

        Returns
        -------
        (T, n) array of uint8
            Positions in ``place``.
        """
        found = np.empty((intervals, vehicles), np.uint8)
        if first is None:
            bounds = np.cumsum(self.periodic() if start is None else np.asarray(start, float))
            found[0] = _drawn(np.broadcast_to(bounds[:-1, None], (len(bounds) - 1, vehicles)), rng)
        else:
            found[0] = first
        for t, step in enumerate(self.steps(intervals, weekend)):
            # One row of bounds for each boundary between places, so that each lookup reads few numbers.
            bounds = np.cumsum(step, axis=1)[:, :-1].T
            found[t + 1] = _drawn(np.take(bounds, found[t], axis=1), rng)
        return found


def _drawn(bounds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    u = rng.random(bounds.shape[1])
    found = np.zeros(bounds.shape[1], np.uint8)
    for bound in bounds:
        found += u >= bound
    return found


def _week() -> np.ndarray:
    return np.array([0, 0, 0, 0, 0, 1, 1])


def fit_ev_chain(
    places: Any,
    *,
    weekend: Sequence[bool] | None = None,
    intervals_of_day: int = 48,
    place: tuple[str, ...] = PLACES,
    prior: float = PRIOR,
    whole_days: bool = False,
) -> EvChain:
    """Fit a chain to histories by counting moves.

    Parameters
    ----------
    places : (T, n) array of int
        Positions in ``place`` of n vehicles from midnight on.
    weekend : sequence of bool, optional
        For each day; a week from Monday on unless given.
    intervals_of_day : int
        H.
    place : tuple of str
        Names of places.
    prior : float
        Added to each count; spreads what was never seen evenly.
    whole_days : bool
        Histories are separate days of H intervals; the last interval is followed by the first of the same day, as if
        every day were like it.

    Returns
    -------
    EvChain
        Kinds of day without a history have those of the other.

    Raises
    ------
    InstanceError
        For places that are none.
    ValueError
        For another shape or a prior that is not positive.
    """
    seen = np.asarray(places)
    if seen.ndim != 2 or seen.shape[0] < 2 or (whole_days and seen.shape[0] != intervals_of_day):
        raise ValueError(f"places has shape {seen.shape}; give (intervals, vehicles), at least two intervals")
    if not prior > 0:
        raise ValueError(f"prior is {prior:g}; it must be positive, else moves from places never seen have no chance")
    wrong = np.argwhere(~np.isin(seen, np.arange(len(place))))
    if len(wrong):
        raise InstanceError(
            Fault("places", f"vehicle {i}", f"interval {t}", str(seen[t, i]), f"is none of 0 … {len(place) - 1}")
            for t, i in wrong[:20]
        )
    seen = seen.astype(np.int64)
    after = np.roll(seen, -1, axis=0) if whole_days else seen[1:]
    before = seen if whole_days else seen[:-1]
    day = np.arange(len(before)) // intervals_of_day
    kinds = np.resize(_week(), day[-1] + 1) if weekend is None else np.asarray(weekend, int)
    if day[-1] >= len(kinds):
        raise ValueError(f"{len(seen)} intervals begin {day[-1] + 1} days, but weekend has {len(kinds)}")
    size = len(place)
    cell = (kinds[day] * intervals_of_day + np.arange(len(before)) % intervals_of_day)[:, None]
    moves = ((cell * size + before) * size + after).ravel()
    count = np.bincount(moves, minlength=len(DAYS) * intervals_of_day * size * size).astype(float)
    count = count.reshape(len(DAYS), intervals_of_day, size, size)
    for kind in range(len(DAYS)):
        if not count[kind].any():
            count[kind] = count[1 - kind]
    count += prior
    return EvChain(count / count.sum(axis=3, keepdims=True), place)


def stay_survival(places: Any, place: int = 0) -> np.ndarray:
    """Share of stays that last at least 1, 2, … intervals, (T,), over all vehicles.

    Parameters
    ----------
    places : (T, n) array of int
        Histories; stays that begin before them or end after them are left out.
    place : int
        Where.
    """
    here = np.asarray(places) == place
    lengths: list[np.ndarray] = []
    for history in here.T:
        edge = np.flatnonzero(np.diff(history.astype(np.int8)))
        begins, ends = edge[~history[edge]] + 1, edge[history[edge]] + 1
        ends = ends[ends > begins[0]] if len(begins) else ends[:0]
        lengths.append(ends - begins[: len(ends)])
    all_lengths = np.concatenate(lengths) if lengths else np.zeros(0, int)
    if not len(all_lengths):
        return np.zeros(len(here))
    shorter = np.cumsum(np.bincount(all_lengths, minlength=len(here) + 1))[: len(here)]
    return np.asarray(1.0 - np.concatenate([[0], shorter[1:]]) / len(all_lengths))
