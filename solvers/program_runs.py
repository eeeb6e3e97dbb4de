"""What runs of several programs share: one time limit for all, and the sum of their outcomes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from .programs import Outcome
from .status import Status

T = TypeVar("T")

NOT_STARTED = Outcome(Status.TIME_LIMIT, math.nan, math.nan, 0.0, 0.0)
"""Outcome of a program for which no time was left."""


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
