r"""Many members: an interior-point method that takes a community apart by storages at every step.

The central linear program has a few columns for each storage and interval, and only the balances of the intervals (and
the peaks) couple them. A Newton step of a primal-dual interior-point method therefore needs, besides one tridiagonal
system for each storage (:mod:`.decomposition_passes`), one dense system in the prices alone: what the storages answer
to a change of price is added up, exactly as a decomposition asks for it, but with second derivatives. Some 20 steps
find price and schedules, whatever the number of members; then the battery kernel answers exactly at that price, and
the rules certify the gap.

All columns have finite limits that follow from the data, so that the duals of the limits make any price feasible and
only balances and state equations have residuals.

Source: the method is classical (Mehrotra 1992; block-angular programs: Castro 2000); the program is that of
:mod:`commonwatt.models.scheduling.program`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from ..instances.scheduling import SchedulingInstance
from .decomposition_columns import Columns
from .decomposition_passes import STAY
from .decomposition_stores import Stores

TOLERANCE = 1e-9
"""Relative duality gap and residuals at which the steps stop."""

STEPS = 80
"""At most so many."""

HUGE = 1e100
"""Complementarity products beyond which the steps have run away."""

CENTRED = 0.3
"""How much of the mean complementarity product is aimed at while balances are as far from being met as costs are."""

HELD_UP = 0.005
"""Share of the storages that may go less far than the rest."""


@dataclass
class Found:
    """What the steps found.

    Parameters
    ----------
    price : (T,) array, currency/kWh
        Of energy.
    peak_value : (T,) array, currency/kW
        Of import power.
    stores, columns : Stores, Columns
        Values of all columns.
    matrix : (m, m) array
        By how much everything draws less at higher prices (of energy, then of the peak), after the last step.
    rows : list of dict
        A row for each step.
    converged : bool
        Whether gap and residuals are below the tolerance.
    """

    price: np.ndarray
    peak_value: np.ndarray
    stores: Stores
    columns: Columns
    matrix: np.ndarray
    rows: list[dict[str, float]]
    converged: bool

    @property
    def represented_kwh(self) -> np.ndarray:
        """What the storages draw for which chosen ones stand, without those that stand for themselves, (T,) kWh."""
        return self.stores.sum(self.stores.drawn * self.stores.stand[:, None])

    @property
    def price_per_kwh(self) -> np.ndarray:
        """By how much the prices of energy rise with each kWh more of demand, (T, T) currency/kWh²."""
        count = len(self.price)
        found: np.ndarray = linalg.cho_solve(_factor(self.matrix), np.eye(len(self.matrix))[:, :count])[:count]
        return found


def find_prices(
    instance: SchedulingInstance,
    chosen: np.ndarray,
    fixed_kwh: np.ndarray,
    *,
    alone: int = 0,
    weight: float = 1.0,
    tolerance: float = TOLERANCE,
    steps: int = STEPS,
) -> Found:
    """Prices and schedules by the interior-point method.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    chosen : (k,) array of int
        Storages that are to be decided.
    fixed_kwh : (T,) array, kWh
        Net demand of everything that is not.
    alone : int
        How many of the chosen, from the first on, stand for themselves only.
    weight : float
        How many storages each other one stands for.
    tolerance : float
        Relative duality gap and residuals at which to stop.
    steps : int
        At most so many.

    Returns
    -------
    Found
        Not converged where the instance has no interior to speak of, or no schedule.
    """
    intervals = len(instance.interval)
    start = 0.5 * (instance.buy_price + instance.sell_price)
    spread = 0.5 * float(np.abs(instance.buy_price).mean() + np.abs(instance.terminal_value).max(initial=0.0)) or 1.0
    stores, columns = Stores(instance, chosen, alone, weight, start, spread), Columns(instance, start, spread)
    price = np.concatenate([start, np.zeros(columns.rows - intervals)])
    fixed = np.concatenate([fixed_kwh, np.zeros(columns.rows - intervals)])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        rows, price, matrix, converged = _steps(instance, stores, columns, price, fixed, tolerance, steps)
    peak_value = np.maximum(-price[intervals:], 0.0) if columns.has_peak else np.zeros(intervals)
    return Found(price[:intervals], peak_value, stores, columns, matrix, rows, converged)


def _steps(
    instance: SchedulingInstance,
    stores: Stores,
    columns: Columns,
    price: np.ndarray,
    fixed: np.ndarray,
    tolerance: float,
    steps: int,
) -> tuple[list[dict[str, float]], np.ndarray, np.ndarray, bool]:
    """Predict, centre, correct (Mehrotra) until the gap is closed: rows of steps, prices, matrix, whether it is."""
    intervals = len(instance.interval)
    size = 1.0 + float((instance.load_kwh.sum(axis=1) + instance.generation_kwh.sum(axis=1)).max())
    store_size = 1.0 + float(instance.capacity_kwh.max(initial=0.0))
    rows: list[dict[str, float]] = []
    moved = -1.0
    lengths: tuple[float, float] | None = None
    turn = np.zeros_like(price)
    matrix = np.eye(len(price))
    converged = False
    for number in range(steps):
        inner, inner_side = stores.advance(price[:intervals], turn[:intervals], moved)
        if number:
            price = price + moved * turn
        outer, side = columns.equations(price, lengths)
        assert outer is not None
        matrix = outer
        matrix[:intervals, :intervals] += inner
        missing = fixed - columns.matrix @ columns.taken
        missing[:intervals] += stores.sum(stores.drawn)
        side[:intervals] += inner_side
        products, opened = columns.products
        notes = stores.sum(stores.notes)
        products += notes[0]
        opened += notes[1]
        cost = columns.cost @ columns.taken + notes[3]
        bound = price @ fixed + columns.least(price) + notes[4]
        constant = stores.constant
        residual = max(
            float(np.abs(missing).max()) / size,
            float(stores.notes[:, 2].max(initial=0.0)) / store_size,
            float((np.abs(columns.local_missing) / (1.0 + columns.asked)).max(initial=0.0)),
        )
        gap = max(cost - bound, products) / max(1e-12, abs(cost - constant))
        rows.append(
            {"round": number, "cost": cost - constant, "bound": bound - constant, "gap": gap, "residual": residual}
        )
        if gap <= tolerance and residual <= tolerance:
            converged = True
            break
        if not (np.isfinite(matrix).all() and np.isfinite(missing + side).all() and products < HUGE):
            break
        factor = _factor(matrix)
        turn = linalg.cho_solve(factor, missing + side, check_finite=False)
        ahead = columns.directions(turn)
        by_x, by_z = (min(1.0, 1.0 / max(rate, 1e-300)) for rate in ahead[:2])
        own, own_count = columns.products
        then = own + by_x * ahead[2] + by_z * ahead[3] + by_x * by_z * ahead[4]
        floor = 0.1 * tolerance * max(1e-12, abs(cost - constant)) / opened
        inner_sides = stores.correct(price[:intervals], turn[:intervals])
        lacking = float(np.abs(missing[:intervals]) @ (instance.buy_price))
        centre = max(CENTRED * min(1.0, lacking / products) * products / opened, floor)
        _, side = columns.equations(price, None, centre + _own_centre(own, then, own_count))
        side[:intervals] += inner_sides[0] + centre * inner_sides[1]
        turn = linalg.cho_solve(factor, missing + side, check_finite=False)
        if not np.isfinite(turn).all():
            break  # what has no schedule runs away
        ahead = columns.directions(turn)
        lengths = tuple(min(1.0, STAY / max(rate, 1e-300)) for rate in ahead[:2])
        stores.reach(price[:intervals], turn[:intervals], centre)
        if len(stores.chosen):
            held = HELD_UP if lacking < products else 0.0
            common = np.quantile(stores.lengths, held, axis=0, method="lower")
            lengths = tuple(np.minimum(common, lengths).tolist())
            np.minimum(stores.lengths, lengths, out=stores.lengths)
        moved = lengths[1]
        rows[-1] |= {"by_x": lengths[0], "by_z": lengths[1], "products": products / opened}
    return rows, price, matrix, converged


def _own_centre(now: float, then: float, count: float) -> float:
    """The product that Mehrotra's rule aims at."""
    return max(then / now, 0.0) ** 3 * now / count if now > 0 else 0.0


def _factor(matrix: np.ndarray) -> Any:
    """Cholesky factor; the diagonal is raised by as little as makes the matrix definite in floats."""
    scale = np.abs(np.diag(matrix)) + 1e-300
    raised = 1e-15
    while True:
        try:
            return linalg.cho_factor(matrix + np.diag(raised * scale))
        except linalg.LinAlgError:
            raised *= 100.0
