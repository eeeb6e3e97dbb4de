"""Followers of a bilevel program, read out of the blocks that declare them.

A follower is an ordinary Pyomo block with its own objective: it minimises, over the variables of the block, a cost that
is linear or convex quadratic, subject to linear constraints. Variables of the leader may stand in its cost, multiplied
by its own, and in the constant sides of its constraints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyomo.environ as pyo

Term = tuple[Any, float]


@dataclass(frozen=True)
class Row:
    """One constraint of a follower, as Σ coefficient · variable (≤ or =) constant + leader's terms.

    Parameters
    ----------
    constraint : Pyomo constraint
        Where it was declared.
    equality : bool
        Whether both sides are equal.
    terms : tuple of (variable, float)
        Of the follower.
    right : Pyomo expression or float
        The other side, in the leader's variables.
    """

    constraint: Any
    equality: bool
    terms: tuple[Term, ...]
    right: Any

    @property
    def body(self) -> Any:
        """The follower's side."""
        return sum(factor * variable for variable, factor in self.terms)

    @property
    def constant(self) -> bool:
        """Whether no variable of the leader stands in it."""
        return isinstance(self.right, float)


@dataclass(frozen=True)
class Follower:
    """What a follower decides, minimises and keeps.

    Parameters
    ----------
    block : Pyomo block
        Where it was declared.
    variables : tuple of variables
        What it decides.
    nonnegative : tuple of bool
        Which of them must not be negative.
    rows : tuple of Row
        Its constraints.
    linear : tuple of (variable, float)
        Terms of its cost in its own variables alone.
    priced : tuple of (leader's variable, variable, float)
        Products in its cost.
    squares : tuple of (variable, variable, float)
        Quadratic terms of its cost.
    """

    block: Any
    variables: tuple[Any, ...]
    nonnegative: tuple[bool, ...]
    rows: tuple[Row, ...]
    linear: tuple[Term, ...]
    priced: tuple[tuple[Any, Any, float], ...]
    squares: tuple[tuple[Any, Any, float], ...]

    @property
    def own_cost(self) -> Any:
        """Its cost without what prices of the leader make of it."""
        whole = sum(factor * variable for variable, factor in self.linear)
        return whole + sum(factor * first * second for first, second, factor in self.squares)

    def gradient(self) -> dict[int, Any]:
        """Derivative of its cost by each of its variables, as expressions, by the variable's ``id``."""
        found: dict[int, Any] = {id(variable): 0.0 for variable in self.variables}
        for variable, factor in self.linear:
            found[id(variable)] += factor
        for price, variable, factor in self.priced:
            found[id(variable)] += factor * price
        for first, second, factor in self.squares:
            found[id(first)] += factor * second
            found[id(second)] += factor * first
        return found


@dataclass(frozen=True)
class Pair:
    """A quantity and its price, of which one is zero.

    Parameters
    ----------
    source : Pyomo constraint or variable
        Whose slack or value the quantity is.
    quantity, price : Pyomo expressions
        Neither is negative.
    most, dearest : float
        Proven bounds of both; NaN where none was given.
    positive : Pyomo variable or None
        1 where the quantity may be positive, 0 where the price may be.
    """

    source: Any
    quantity: Any
    price: Any
    most: float
    dearest: float
    positive: Any = None


def read_follower(block: pyo.Block) -> Follower:
    """Read a follower out of its block.

    Parameters
    ----------
    block : pyomo.environ.Block
        With one active objective, to be minimised, and active constraints.

    Returns
    -------
    Follower

    Raises
    ------
    ValueError
        For what its conditions could not be stated of: bounds on variables (they would be lost: state them as
        constraints), integers, a maximised or non-convex objective, products in constraints, ranges.
    """
    import pyomo.environ as pyo

    variables = [one for one in block.component_data_objects(pyo.Var, descend_into=True) if not one.fixed]
    nonnegative = [_sign_of(one) for one in variables]
    own = {id(one) for one in variables}
    objectives = list(block.component_data_objects(pyo.Objective, active=True, descend_into=True))
    if len(objectives) != 1:
        raise ValueError(f"the follower {block.name} has {len(objectives)} active objectives, not one")
    if objectives[0].sense != pyo.minimize:
        raise ValueError(f"the follower {block.name} maximises {objectives[0].name}; state its negative, minimised")
    linear, priced, squares = _cost(objectives[0], own)
    rows = [
        row
        for constraint in block.component_data_objects(pyo.Constraint, active=True, descend_into=True)
        for row in _rows(constraint, own)
    ]
    found = Follower(block, tuple(variables), tuple(nonnegative), tuple(rows), linear, priced, squares)
    _refuse_nonconvex(found)
    return found


def _sign_of(variable: Any) -> bool:
    """Whether a variable must not be negative; bounds of any other kind are refused."""
    if not variable.is_continuous():
        raise ValueError(f"{variable.name} is discrete: a follower's conditions hold for continuous variables only")
    low, high = variable.bounds
    if high is not None or low not in (None, 0):
        remedy = "dual programs do not see bounds of variables: state it as a constraint of the follower"
        raise ValueError(f"{variable.name} of a follower is bounded by [{low}, {high}]; {remedy}")
    return low == 0


def _cost(
    objective: Any, own: set[int]
) -> tuple[tuple[Term, ...], tuple[tuple[Any, Any, float], ...], tuple[tuple[Any, Any, float], ...]]:
    from pyomo.repn import generate_standard_repn

    read = generate_standard_repn(objective.expr, quadratic=True)
    if read.nonlinear_expr is not None:
        raise ValueError(f"{objective.name} of a follower is neither linear nor quadratic")
    pairs = zip(read.linear_vars, read.linear_coefs, strict=True)
    linear = tuple((one, float(factor)) for one, factor in pairs if id(one) in own)
    priced, squares = [], []
    for (first, second), factor in zip(read.quadratic_vars, read.quadratic_coefs, strict=True):
        inside = id(first) in own, id(second) in own
        if all(inside):
            squares.append((first, second, float(factor)))
        elif any(inside):
            price, variable = (second, first) if inside[0] else (first, second)
            priced.append((price, variable, float(factor)))
    return linear, tuple(priced), tuple(squares)


def _rows(constraint: Any, own: set[int]) -> Iterator[Row]:
    from pyomo.repn import generate_standard_repn

    read = generate_standard_repn(constraint.body, quadratic=True)
    if read.nonlinear_expr is not None or read.quadratic_vars:
        raise ValueError(f"{constraint.name} of a follower is not linear in its and the leader's variables")
    terms = tuple(zip(read.linear_vars, map(float, read.linear_coefs), strict=True))
    inside = tuple((one, factor) for one, factor in terms if id(one) in own)
    outside = [(one, factor) for one, factor in terms if id(one) not in own]
    if not inside:
        raise ValueError(f"{constraint.name} holds no variable of its follower; state it outside of the block")
    low, high = constraint.lower, constraint.upper
    low = None if low is None else float(low() if callable(low) else low)
    high = None if high is None else float(high() if callable(high) else high)
    if low is not None and high is not None and low != high:
        raise ValueError(f"{constraint.name} has two sides; state it as two constraints")
    # A ≥ is a ≤ with all signs turned.
    sign = -1.0 if high is None else 1.0
    limit = low if high is None else high
    right: Any = sign * (float(limit or 0.0) - float(read.constant or 0.0))
    for one, factor in outside:
        right = right - sign * factor * one
    yield Row(constraint, low == high, tuple((one, sign * factor) for one, factor in inside), right)


def _refuse_nonconvex(follower: Follower) -> None:
    """Raise where the quadratic part of the cost is not positive semidefinite."""
    import numpy as np

    if not follower.squares:
        return
    place = {id(one): k for k, one in enumerate(follower.variables)}
    matrix = np.zeros((len(place), len(place)))
    for first, second, factor in follower.squares:
        matrix[place[id(first)], place[id(second)]] += factor
        matrix[place[id(second)], place[id(first)]] += factor
    used = np.flatnonzero(matrix.any(axis=0))
    least = float(np.linalg.eigvalsh(matrix[np.ix_(used, used)]).min())
    if least < -1e-12 * float(np.abs(matrix).max()):
        name = follower.block.name
        raise ValueError(f"the cost of the follower {name} is not convex (eigenvalue {least:g}): conditions do not do")
