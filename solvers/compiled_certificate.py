r"""What proves a solution of a linear program, in plain numpy, from the program's arrays alone.

With a point x and duals y from whomever, reduced costs are formed anew, :math:`z = c - A^\top y`. Judged are: how far x
and A x are outside their bounds (primal), how much of y or z points at a bound that is not there (dual), the greatest
product of a multiplier and the distance from its bound (complementarity), and
:math:`c^\top x - \sum_{y, z > 0} y\,l - \sum_{y, z < 0} y\,u` (duality gap); each relative to the greatest
numbers at hand.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

TOLERANCE = 1e-9
"""How far each part of a certificate may be from 0."""


class Certificate(NamedTuple):
    """What proves a solution, each part relative to the greatest numbers at hand: 0 but for rounding."""

    primal_residual: float
    dual_residual: float
    complementarity: float
    duality_gap: float

    @property
    def worst(self) -> float:
        """The greatest of the four in size."""
        return max(self.primal_residual, self.dual_residual, self.complementarity, abs(self.duality_gap))


def certify(
    cost: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    matrix: Any,
    transposed: Any,
    primal: np.ndarray,
    dual: np.ndarray,
) -> Certificate:
    """Judge a point and duals.

    Parameters
    ----------
    cost : (n,) array
        Of a minimisation.
    lower, upper : (n + m,) arrays
        Bounds of variables, then of rows; infinite where there are none.
    matrix, transposed : (m, n) and (n, m) arrays, dense or of SciPy
        A and its transpose.
    primal : (n,) array
        x.
    dual : (m,) array
        y, d(cost)/d(right-hand side).

    Returns
    -------
    Certificate
        Residuals of the primal relative to the greatest value or activity, of the dual to the greatest multiplier;
        products to Σ|cost · value|, or to the product of the two where that is more.
    """
    activity = np.concatenate((primal, matrix @ primal))
    multiplier = np.concatenate((cost - transposed @ dual, dual))
    outside = np.maximum(lower - activity, activity - upper)
    bound = np.where(multiplier > 0.0, lower, upper)
    there = np.isfinite(bound)
    effective, missing = multiplier, 0.0
    if not there.all():
        # What points at a bound that is not there is counted as a residual of the dual, not in the products.
        effective = multiplier * there
        missing = float(np.abs(multiplier - effective).max())
        bound[~there] = 0.0
    at, worth = effective * bound, cost * primal
    slack = effective * activity - at
    of_primal = float(np.abs(activity).max()) or 1.0
    of_dual = float(np.abs(multiplier).max()) or 1.0
    of_products = max(float(np.abs(worth).sum()), of_primal * of_dual)
    return Certificate(
        max(0.0, float(outside.max())) / of_primal,
        missing / of_dual,
        float(np.abs(slack).max()) / of_products,
        float(worth.sum() - at.sum()) / of_products,
    )
