"""The Stackelberg games of the family; each has a module of its own for its decision, rules and criteria."""

from __future__ import annotations

from ..problem import Problem
from .operator import OPERATOR
from .procurement import PROCUREMENT
from .prospects import PROSPECTS
from .sellers import SELLERS
from .tariff import TARIFF

PROBLEMS: tuple[Problem, ...] = (OPERATOR, SELLERS, TARIFF, PROCUREMENT, PROSPECTS)
