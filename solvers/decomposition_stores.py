"""What the interior-point method decides of storages: their columns and duals, and the passes over them in parts.

Parts are of a number that does not depend on threads, and are added up in their order: the same bytes for any number.

Source: as :mod:`.decomposition_interior`.
"""

from __future__ import annotations

import numpy as np

from ..instances.scheduling import SchedulingInstance
from .decomposition_passes import COLUMNS, NOTES, POINT, advance, correct, reach
from .kernels.block_search import Task, in_parallel

PART_FLOATS = 2**22
"""Floats for the partial sums of the normal equations: bounds the number of parts, whatever the number of threads."""

SERIAL_FLOATS = 2**18
"""Limits of storages below which threads would take longer to begin than the work takes."""


class Stores:
    """The storages' columns, their duals and steps: three arrays, one block a storage.

    The first ``alone`` of the chosen stand for themselves, each other one for ``weight`` storages.
    """

    def __init__(
        self,
        instance: SchedulingInstance,
        chosen: np.ndarray,
        alone: int,
        weight: float,
        start_price: np.ndarray,
        spread: float,
    ) -> None:
        intervals = len(instance.interval)
        low, high = instance.state_low_kwh[:, chosen], instance.state_high_kwh[:, chosen]
        self.chosen, self.low = chosen, low
        self.limits = np.empty((len(chosen), COLUMNS + 1, intervals))
        self.limits[:, 0] = instance.charge_limit_kwh[:, chosen].T
        self.limits[:, 1] = instance.discharge_limit_kwh[:, chosen].T
        self.limits[:, 2] = (high[1:] - low[1:]).T
        self.limits[:, 3] = (instance.driven_kwh[:, chosen] + low[1:] - instance.retention[chosen] * low[:-1]).T
        # What is all but fixed is fixed: between limits that nearly meet there is no interior to speak of.
        upper = self.limits[:, :COLUMNS]
        upper[upper <= 1e-9 * (1.0 + instance.capacity_kwh[chosen])[:, None, None]] = 0.0
        self.numbers = np.stack(
            [
                instance.charge_efficiency,
                1.0 / instance.discharge_efficiency,
                instance.retention,
                instance.terminal_value,
            ],
            axis=1,
        )[chosen]
        self.point = np.ones((len(chosen), POINT, intervals))
        self.right = np.zeros((len(chosen), 2 * COLUMNS, intervals))
        self.lengths = np.ones((len(chosen), 2))
        self._begin(start_price, spread)
        most = PART_FLOATS // intervals**2
        edges = [*_parts(0, alone, most // 2), *_parts(alone, len(chosen), most // 2), len(chosen)]
        self.edges = np.array(edges, dtype=np.int64)
        parts = len(self.edges) - 1
        self.weights, self.stand = np.where(self.edges[:-1] < alone, 1.0, weight), self.edges[:-1] >= alone
        self.matrices = np.zeros((parts, intervals, intervals))
        self.sides, self.drawn = np.zeros((parts, 2, intervals)), np.zeros((parts, intervals))
        self.notes = np.zeros((parts, NOTES))
        # What the least contents at the end are worth is no column's.
        worth = self.numbers[:, 3] * low[-1]
        self.constant = float(worth[:alone].sum() + weight * worth[alone:].sum())

    def _begin(self, price: np.ndarray, spread: float) -> None:
        """Half of everything, at the start price, with duals that are feasible and away from 0."""
        upper, point = self.limits[:, :COLUMNS], self.point
        is_open = upper > 0
        half = np.where(is_open, 0.5 * upper, 1.0)
        point[:, 0:3] = half
        point[:, 3:6] = half
        water = np.full(point[:, 12].shape, price.mean())
        point[:, 12] = water
        on_charge, per_discharge, kept, worth = (column[:, None] for column in self.numbers.T)
        reduced = np.empty_like(upper)
        reduced[:, 0] = price - on_charge * water
        reduced[:, 1] = per_discharge * water - price
        reduced[:, 2] = water * (1.0 - kept)
        reduced[:, 2, -1:] = water[:, -1:] - worth
        point[:, 6:9] = np.where(is_open, np.maximum(reduced, 0.0) + spread, 1.0)
        point[:, 9:12] = np.where(is_open, np.maximum(-reduced, 0.0) + spread, 1.0)

    def advance(self, price: np.ndarray, turn: np.ndarray, moved: float) -> tuple[np.ndarray, np.ndarray]:
        """Take the step; what storages add to the next matrix (T, T) and right side (T,)."""

        def run(first: int, last: int) -> None:
            advance(
                self.edges, first, last, self.point, self.right, self.limits, self.numbers, price, turn, moved,
                self.lengths, self.matrices, self.sides, self.drawn, self.notes,
            )  # fmt: skip

        self._all(run)
        upper = self.sum(self.matrices)
        return upper + np.triu(upper, 1).T, self.sum(self.sides[:, 0])

    def correct(self, price: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """What storages add to the right side, (2, T): as it is, and for each unit of centring."""

        def run(first: int, last: int) -> None:
            correct(
                self.edges, first, last, self.point, self.right, self.limits, self.numbers, price, turn, self.sides,
            )  # fmt: skip

        self._all(run)
        return self.sum(self.sides)

    def reach(self, price: np.ndarray, turn: np.ndarray, centre: float) -> None:
        """Find how far each storage may go along the corrected step."""

        def run(first: int, last: int) -> None:
            reach(
                self.edges, first, last, self.point, self.right, self.limits, self.numbers, price, turn, centre,
                self.lengths,
            )  # fmt: skip

        self._all(run)

    def _all(self, run: Task) -> None:
        """Run a pass over all parts; few storages are done before other threads have begun."""
        parts = len(self.edges) - 1
        if self.limits.size < SERIAL_FLOATS:
            run(0, parts)
        else:
            in_parallel(run, parts)

    def sum(self, parts: np.ndarray) -> np.ndarray:
        """What all parts add up to, each as often as it stands for storages."""
        found: np.ndarray = (self.weights.reshape(-1, *[1] * (parts.ndim - 1)) * parts).sum(axis=0)
        return found

    def contents(self) -> np.ndarray:
        """Content of each chosen storage, (T + 1, k) kWh."""
        found = self.low.copy()
        found[1:] += np.where(self.limits[:, 2] > 0, self.point[:, 2], 0.0).T
        return found


def _parts(first: int, last: int, most: int) -> np.ndarray:
    """Where parts of storages ``first`` to ``last`` - 1 begin; their number depends on nothing else."""
    count = int(max(1, min(64, most, last - first))) if last > first else 0
    return np.linspace(first, last, count, endpoint=False).astype(np.int64)
