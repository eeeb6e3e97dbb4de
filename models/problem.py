"""What a problem is: its data classes, its rules and the criteria by which decisions are judged."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..instances.record import Decision, Instance

TOLERANCE = 1e-9
"""Relative tolerance of all rules: what a decision may miss a limit by, in units of the limit's own scale."""

FAMILIES = ("allocation", "scheduling", "settlement", "stackelberg", "aggregator")
"""Problem families, each a module name in every layer; a problem ``"family.variant"`` belongs to ``family``."""


@dataclass(frozen=True)
class Violation:
    """One rule that a decision breaks, with both numbers.

    Parameters
    ----------
    rule : str
        What is broken, in words.
    where : str
        Where, in the instance's own labels.
    value, limit : float
        What was found and what is allowed.
    unit : str
        Unit of both.
    """

    rule: str
    where: str
    value: float
    limit: float
    unit: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule} ({self.value:.9g} {self.unit} against {self.limit:.9g} {self.unit})"


@dataclass(frozen=True)
class Criterion:
    """One way to judge decisions.

    Parameters
    ----------
    name, title, unit : str
        Name in tables, a line for readers, and the unit.
    sense : {"max", "min"}
        Which way is better.
    value : callable
        ``(instance, decision) -> float``; NaN where the decision does not carry what the criterion needs.
    scale : callable
        ``instance -> float``, a positive size of the criterion on this instance, against which gaps near 0 are seen.
    bound : callable, optional
        ``(instance, prices or None) -> float``: a bound on every feasible decision's value by weak duality, valid for
        *any* prices of the right sign; with None, what holds without prices.
    certificate : callable, optional
        ``(instance, decision, prices) -> dict`` of optimality residuals, each 0 at an optimal pair.
    partial : bool
        Whether the rules may be unable to judge a decision by it (value NaN) on instances that are too large; a method
        then claims nothing by it that could be tested.
    """

    name: str
    title: str
    unit: str
    sense: Literal["max", "min"]
    value: Callable[[Any, Any], float]
    scale: Callable[[Any], float]
    bound: Callable[[Any, Any], float] | None = None
    certificate: Callable[[Any, Any, Any], dict[str, float]] | None = None
    partial: bool = False

    @property
    def sign(self) -> int:
        """+1 where more is better, −1 where less is."""
        return 1 if self.sense == "max" else -1

    def gap(self, instance: Instance, value: float, bound: float) -> float:
        """Relative distance of a value from a bound; negative where the value beats the bound, NaN without one."""
        if not (math.isfinite(value) and math.isfinite(bound)):
            return math.nan
        return self.sign * (bound - value) / max(abs(bound), abs(value), self.scale(instance))

    def tighter(self, first: float, second: float) -> bool:
        """Whether the first bound is strictly tighter than the second."""
        if math.isnan(first):
            return False
        return math.isnan(second) or self.sign * (second - first) > 0


def described(
    name: str, title: str, unit: str, sense: Literal["max", "min"], value: Callable[[Any, Any], float]
) -> Criterion:
    """A criterion that is shown and not bounded, so that no size of it is needed."""
    return Criterion(name, title, unit, sense, value, lambda instance: 1.0)


@dataclass(frozen=True)
class Problem:
    """Everything about a problem that knows neither program nor solver.

    Parameters
    ----------
    name : str
        ``"family"`` or ``"family.variant"``.
    title, source : str
        The question it answers, and the paper.
    instance, decision, prices : type
        Its data classes.
    violations : callable
        ``(instance, decision) -> list of Violation``.
    criteria : tuple of Criterion
        The first is the default.
    tiny : callable
        Makes a small instance on which methods are called once before they are timed.
    """

    name: str
    title: str
    source: str
    instance: type[Instance]
    decision: type[Decision]
    prices: type[Decision]
    violations: Callable[[Any, Any], list[Violation]]
    criteria: tuple[Criterion, ...]
    tiny: Callable[[], Instance]

    @property
    def family(self) -> str:
        """The family whose modules hold the problem."""
        return self.name.partition(".")[0]

    def criterion(self, name: str | None = None) -> Criterion:
        """A criterion by its name, the default one for None.

        Raises
        ------
        ValueError
            For an unknown name, naming the known ones.
        """
        if name is None:
            return self.criteria[0]
        for criterion in self.criteria:
            if criterion.name == name:
                return criterion
        raise ValueError(
            f"unknown criterion {name!r} of {self.name}; known: {', '.join(c.name for c in self.criteria)}"
        )


def problems(family: str | None = None) -> Sequence[Problem]:
    """All problems, or those of one family.

    Raises
    ------
    ValueError
        For an unknown family, naming the known ones.
    """
    if family is not None and family not in FAMILIES:
        raise ValueError(f"unknown problem {family!r}; known: {', '.join(FAMILIES)}")
    found: list[Problem] = []
    for name in FAMILIES if family is None else (family,):
        found.extend(importlib.import_module(f"{__package__}.{name}.rules").PROBLEMS)
    return found


def problem(name: str) -> Problem:
    """A problem by its name.

    Raises
    ------
    ValueError
        For an unknown name, naming the known ones.
    """
    for found in problems(str(name).partition(".")[0]):
        if found.name == name:
            return found
    raise ValueError(f"unknown problem {name!r}; known: {', '.join(p.name for p in problems())}")


def problem_of(instance: Instance) -> Problem:
    """The problem that an instance's class selects.

    Raises
    ------
    TypeError
        If it is no instance.
    """
    if not isinstance(instance, Instance):
        raise TypeError(f"expected an instance (cw.load(…) makes one), got {type(instance).__name__}")
    return problem(instance.problem)
