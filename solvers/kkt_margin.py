"""Margins that leave followers one answer: dependent columns of their constraints are why they may have more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .followers import Follower, Pair

if TYPE_CHECKING:
    from .kkt import SingleLevel


def columns_of(follower: Follower) -> np.ndarray:
    """Constraints in standard form: a row each, columns of free variables, slacks, and variables that have a sign.

    Slacks come before variables, as complementarities are listed.

    Parameters
    ----------
    follower : Follower
        As it was read.

    Returns
    -------
    (rows, columns) array
    """
    order = [one for one, sign in zip(follower.variables, follower.nonnegative, strict=True) if not sign]
    signed = [one for one, sign in zip(follower.variables, follower.nonnegative, strict=True) if sign]
    unequal = [k for k, row in enumerate(follower.rows) if not row.equality]
    place = {id(one): k for k, one in enumerate(order)}
    place |= {id(one): len(order) + len(unequal) + k for k, one in enumerate(signed)}
    matrix = np.zeros((len(follower.rows), len(place) + len(unequal)))
    for k, row in enumerate(follower.rows):
        for variable, factor in row.terms:
            matrix[k, place[id(variable)]] += factor
    for column, k in enumerate(unequal):
        matrix[k, len(order) + column] = 1.0
    return matrix


def circuit(matrix: np.ndarray, columns: list[int]) -> list[int] | None:
    """A least set of linearly dependent columns among some, None where they are independent.

    Parameters
    ----------
    matrix : (rows, columns) array
        Of all columns.
    columns : list of int
        Those looked at.

    Returns
    -------
    list of int or None
        No column can be taken out of it without the others being independent.
    """

    def dependent(some: list[int]) -> bool:
        return bool(some) and int(np.linalg.matrix_rank(matrix[:, some])) < len(some)

    if not dependent(columns):
        return None
    kept = list(columns)
    for column in columns:
        fewer = [one for one in kept if one != column]
        if dependent(fewer):
            kept = fewer
    return kept


def state_margin(
    block: Any, follower: Follower, pairs: list[Pair], margin: float, row_groups: Iterable[Collection[Any]]
) -> None:
    """State that what is zero is so for a price of at least the margin, and that a basis holds all that is not.

    Parameters
    ----------
    block : Pyomo block
        Where the follower's conditions stand.
    follower : Follower
        As it was read.
    pairs : list of Pair
        Its complementarities, with their binaries.
    margin : float
        In the program's unit of prices.
    row_groups : iterable of collections of constraints
        Groups of rows for which columns are counted, beside all of them.
    """
    import pyomo.environ as pyo

    # A follower does without what it does not use for a reason, not by chance.
    block.by_a_margin = pyo.Constraint(
        range(len(pairs)), rule=lambda _, k: pairs[k].price >= margin * (1 - pairs[k].positive)
    )
    matrix = columns_of(follower)
    free = matrix.shape[1] - len(pairs)
    place = {id(row.constraint): k for k, row in enumerate(follower.rows)}
    groups = [list(place.values()), *([place[id(one)] for one in group] for group in row_groups)]
    block.at_a_corner = pyo.ConstraintList()
    for group in groups:
        inside = np.logical_not(np.any(np.delete(matrix, group, axis=0), axis=0))
        some = [pairs[k - free].positive for k in np.flatnonzero(inside) if k >= free]
        rank = int(np.linalg.matrix_rank(matrix[group]))
        # No more is positive in some rows than these rows determine.
        if len(some) > rank - int(np.count_nonzero(inside[:free])):
            block.at_a_corner.add(sum(some) <= rank - int(np.count_nonzero(inside[:free])))
    block.independent = pyo.ConstraintList()


def forbid_circuits(program: SingleLevel) -> int:
    """Forbid the dependent sets of quantities that a solution with a margin allows, each in all followers that have it.

    Parameters
    ----------
    program : SingleLevel
        Of mode "bigm" and a positive margin, solved.

    Returns
    -------
    int
        Constraints that were added; with none, each follower's answer is unique.
    """
    matrices = [columns_of(follower) for follower in program.followers]
    sides, start = [], 0
    for follower in program.followers:
        count = sum(follower.nonnegative) + sum(not row.equality for row in follower.rows)
        sides.append([pair.positive for pair in program.pairs[start : start + count]])
        start += count
    added = 0
    for matrix, positive in zip(matrices, sides, strict=True):
        # Unsigned variables stand before the pairs and are always there.
        free = matrix.shape[1] - len(positive)
        allowed = [k for k, one in enumerate(positive) if one.value > 0.5]
        chain = circuit(matrix, [*range(free), *(free + k for k in allowed)])
        if chain is None:
            continue
        members = [k - free for k in chain if k >= free]
        for number, (other, others) in enumerate(zip(matrices, sides, strict=True)):
            if other.shape == matrix.shape and np.linalg.matrix_rank(other[:, chain]) < len(chain):
                program.conditions()[number].independent.add(sum(others[k] for k in members) <= len(members) - 1)
                added += 1
    return added
