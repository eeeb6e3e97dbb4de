"""What runs of several programs share: one time limit for all, and the sum of their outcomes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

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


def stated_and_solved(
    watch: Watch, build: Callable[[], T], solve: Callable[[T, Watch], Outcome]
) -> tuple[T | None, Outcome]:
    """State a program and solve it in the time that is left; None and :data:`NOT_STARTED` where none is."""
    if watch.over():
        return None, NOT_STARTED
    program, seconds = timed(build)
    return program, built_in(solve(program, watch), seconds)


@dataclass(frozen=True)
class Part(Generic[T]):
    """What one of several independent programs gives.

    Parameters
    ----------
    outcome : Outcome
        What the solver achieved.
    found : object
        What was read.
    objective, bound : float
        What the data alone say, see :meth:`OutcomeSum.add`.
    """

    outcome: Outcome
    found: T
    objective: float = math.nan
    bound: float = math.nan


def run_in_turn(
    positions: Iterable[int], time_limit_s: float | None, run: Callable[[int, Watch], Part[T]]
) -> tuple[dict[int, T], Outcome]:
    """Run independent programs one after the other under one time limit.

    Parameters
    ----------
    positions : iterable of int
        Which, for example positions of intervals.
    time_limit_s : float or None
        For all of them together.
    run : callable
        Runs the one at a position in the time that the watch leaves.

    Returns
    -------
    found : dict of int to object
        Position to what was read.
    outcome : Outcome
        The sum.
    """
    watch, total = Watch.start(time_limit_s), OutcomeSum()
    found = {}
    for position in positions:
        part = run(position, watch)
        total.add(part.outcome, objective=part.objective, bound=part.bound)
        found[position] = part.found
    return found, total.outcome()
