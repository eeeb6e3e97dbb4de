"""Dependent columns of a follower's constraints: why it may have more than one answer."""

from __future__ import annotations

import numpy as np

from .followers import Follower


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
