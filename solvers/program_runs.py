"""What runs of several programs share: one time limit for all, the sum of their outcomes, and clean answers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np

from ..instances.allocation import AllocationInstance
from .programs import Outcome
from .status import Status

T = TypeVar("T")

NOT_STARTED = Outcome(Status.TIME_LIMIT, math.nan, math.nan, 0.0, 0.0)
"""Outcome of a program for which no time was left."""

SNAP = 1e-4
"""Shares as near as this to 0 or to 1 are taken for an interior point's distance from a limit that it never touches.

Mostly it is 1e-8; 1e-5 where a limit hardly binds, so that welfare is flat there to the solver's tolerance.
"""

SHIFT = 1e-4
"""The largest part of the energy between the limits that may change to put others onto their limits."""

ROUNDING = 1e-12
"""The part of what is available by which sums may differ for rounding alone."""


class Pairs(NamedTuple):
    """Transfers of a decision, one entry each: positions of interval, giver and taker, and the energy in kWh."""

    interval: np.ndarray
    prosumer: np.ndarray
    consumer: np.ndarray
    energy_kwh: np.ndarray


@dataclass(frozen=True)
class Watch:
    """Time that is left of a limit for a whole run.

    Parameters
    ----------
    limit_s : float or None
        The limit, None for none.
    started : float
        Reading of the clock at the start.
    """

    limit_s: float | None
    started: float

    @classmethod
    def start(cls, limit_s: float | None) -> Watch:
        """A watch that starts now."""
        return cls(limit_s, time.perf_counter())

    def left(self) -> float | None:
        """Seconds left, None without a limit."""
        return None if self.limit_s is None else max(0.0, self.limit_s - (time.perf_counter() - self.started))

    def over(self) -> bool:
        """Whether no time is left."""
        return self.left() == 0.0


class OutcomeSum:
    """Outcomes of independent programs, added up: the sum stands no better than the worst of them."""

    def __init__(self) -> None:
        self.objective = self.bound = self.seconds = self.build_seconds = 0.0
        self.status = Status.OPTIMAL

    def add(self, outcome: Outcome, *, objective: float = math.nan, bound: float = math.nan) -> None:
        """Add an outcome.

        Parameters
        ----------
        outcome : Outcome
            Of one program.
        objective, bound : float
            What the data alone say, used where the outcome has no solution or proved no bound.
        """
        self.objective += outcome.objective if outcome.has_solution else objective
        self.bound += outcome.bound if math.isfinite(outcome.bound) else bound
        self.seconds += outcome.seconds
        self.build_seconds += outcome.build_seconds
        for worse in (Status.FEASIBLE, Status.TIME_LIMIT):
            if worse in (self.status, outcome.status):
                self.status = worse

    def outcome(self) -> Outcome:
        """The sum as one outcome."""
        return Outcome(self.status, self.objective, self.bound, self.seconds, self.build_seconds)


def timed(build: Callable[[], T]) -> tuple[T, float]:
    """What ``build()`` returns, and the seconds it took."""
    started = time.perf_counter()
    return build(), time.perf_counter() - started


def built_in(outcome: Outcome, seconds: float) -> Outcome:
    """The outcome with the time that stating the program took."""
    return replace(outcome, build_seconds=outcome.build_seconds + seconds)


def snap_to_limits(x: np.ndarray, asked: np.ndarray, available: float, *, to_zero: bool) -> np.ndarray:
    """Put one interval's energies that are all but at a limit onto it: an interior point stays 1e-8 off.

    Without this nobody would count as served in full, whom the rules count from a share of 1 − 1e-9 on. What it takes
    comes out of what is left, and then, in proportion, from those strictly between their limits; what it frees goes to
    them. In an optimum a kWh is worth the same to all between their limits, no less to those at 1 and, where the first
    kWh has a finite worth, no more to those at 0. So to change the energy between the limits by a part φ ≤
    :data:`SHIFT` costs at most φ² / 2 = 5e-9 of the welfare.

    Parameters
    ----------
    x, asked : (n,) array, kWh
        A solver's answer, and what each household may receive.
    available : float
        What can be given, kWh.
    to_zero : bool
        Whether shares near 0 are dropped; not for roots, whose first kWh is worth more than any price.

    Returns
    -------
    (n,) array, kWh
        Within 0 and ``asked``; the answer, clipped, where more than :data:`SHIFT` would have to change.
    """
    clipped = np.clip(x, 0.0, asked)
    full = clipped >= asked * (1.0 - SNAP)
    empty = (clipped <= asked * SNAP) & to_zero
    snapped = np.where(full, asked, np.where(empty, 0.0, clipped))
    between = np.where(full, 0.0, snapped).sum()
    change = min(available - snapped.sum(), clipped[empty].sum())
    if -ROUNDING * available <= change <= 0.0:
        return snapped
    if abs(change) > SHIFT * between:
        return clipped
    return np.where(full, snapped, np.minimum(snapped * (1.0 + change / between), asked))


def into_feasible_set(instance: AllocationInstance, x: np.ndarray) -> np.ndarray:
    """Clip to 0 ≤ x ≤ E and scale down rows whose sum exceeds what is available, to the last digit.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    x : (T, n) array, kWh
        A solver's answer.

    Returns
    -------
    (T, n) array, kWh
    """
    clipped = np.clip(x, 0.0, instance.requested_kwh)
    for t, available in enumerate(instance.available_kwh):
        given = clipped[t].sum()
        shrink = 1.0
        while given > available:
            # The quotient is rounded, so a further unit in the last place may be needed.
            shrink = np.nextafter(shrink, 0.0)
            clipped[t] *= available / given * shrink
            given = clipped[t].sum()
    return clipped
