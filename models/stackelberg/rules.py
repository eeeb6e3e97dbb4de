"""The Stackelberg games of the family; each has a module of its own for its decision, rules and criteria."""

from __future__ import annotations

from ..problem import Problem

PROBLEMS: tuple[Problem, ...] = ()
