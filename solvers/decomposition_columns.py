"""What the interior-point method decides besides storages: grid, spilling, lost load, peak, service and curtailment.

Source: as :mod:`.decomposition_interior`.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ..instances.scheduling import SchedulingInstance


class Columns:
    """All other columns: grid, spilling, lost load, peak, service and curtailment, with the requests' own equations.

    The community's rows are the balances, in which supply counts as it stands, and the peaks; each column has at most
    one entry in the requests' rows, whose normal matrix is therefore diagonal.
    """

    def __init__(self, instance: SchedulingInstance, start_price: np.ndarray, spread: float) -> None:
        intervals = len(instance.interval)
        self.intervals = intervals
        self.has_peak = instance.demand_charge > 0
        self.rows = 2 * intervals if self.has_peak else intervals
        most = np.minimum(instance.greatest_net_kwh.sum(axis=1), instance.import_limit_kwh).clip(0.0)
        least = np.minimum(-instance.least_net_kwh.sum(axis=1), instance.export_limit_kwh).clip(0.0)
        time = np.arange(intervals)
        self.blocks: dict[str, slice] = {}
        cost: list[np.ndarray] = []
        upper: list[np.ndarray] = []
        at: list[np.ndarray] = []
        sign: list[np.ndarray] = []
        own: list[np.ndarray] = []
        none = np.zeros((0, 2), dtype=int)
        served = np.argwhere(instance.request_limit_kwh > 0)
        cut = np.argwhere(instance.sheddable_kwh > 0)
        self.served, self.cut = served, cut
        size = 0
        for name, row, direction, price, room, cells in (
            ("imported", time, 1.0, instance.buy_price, most, none),
            ("exported", time, -1.0, -instance.sell_price, least, none),
            ("spilled", time, -1.0, np.zeros(intervals), instance.spillable_kwh.sum(axis=1), none),
            ("lost", time, 1.0, np.full(intervals, instance.lost_load_price), instance.losable_kwh.sum(axis=1), none),
            ("service", served[:, 0], -1.0, np.zeros(len(served)), instance.request_limit_kwh, served),
            ("curtailed", cut[:, 0], 1.0, instance.curtailment_price[cut[:, 1]], instance.sheddable_kwh, cut),
        ):
            limit = room[tuple(cells.T)] if room.ndim == 2 else room
            self.blocks[name] = slice(size, size + len(row))
            size += len(row)
            cost.append(price)
            upper.append(limit)
            at.append(row)
            sign.append(np.full(len(row), direction))
            own.append(cells[:, 1] if name == "service" else np.full(len(row), -1))
        rows, columns, values = np.concatenate(at), np.arange(size), np.concatenate(sign)
        if self.has_peak:
            # Import power less the peak, plus slack, is 0.
            highest = float(most.max(initial=0.0)) / instance.dt_h
            self.blocks["peak"] = slice(size, size + 1)
            cost += [np.array([instance.demand_charge]), np.zeros(intervals)]
            upper += [np.array([1.1 * highest]), np.full(intervals, 1.1 * highest)]
            own.append(np.full(intervals + 1, -1))
            peak = intervals + time
            rows = np.concatenate([rows, peak, peak, peak])
            columns = np.concatenate([columns, time, np.full(intervals, size), size + 1 + time])
            ones = np.ones(intervals)
            values = np.concatenate([values, ones / instance.dt_h, -ones, ones])
            size += 1 + intervals
        self.cost, self.upper = np.concatenate(cost), np.concatenate(upper)
        self.matrix = sparse.csr_array((values, (rows, columns)), shape=(self.rows, size))
        owner = np.concatenate(own)
        local = np.flatnonzero(owner >= 0)
        self.asked = instance.request_kwh
        self.local = sparse.csr_array((np.ones(len(local)), (owner[local], local)), shape=(len(self.asked), size))
        nothing = np.zeros(size)
        self.dx, self.dz, self.dv, self.dlocal = nothing, nothing, nothing, np.zeros(len(self.asked))
        self.open = self.upper > 1e-9 * (1.0 + self.upper.mean())
        half = np.where(self.open, 0.5 * self.upper, 1.0)
        self.x, self.w = half.copy(), half
        self.local_price = np.full(len(self.asked), float(start_price.mean()))
        outer = np.concatenate([start_price, np.zeros(self.rows - intervals)])
        reduced = self.reduced(outer)
        self.z = np.where(self.open, np.maximum(reduced, 0.0) + spread, 1.0)
        self.v = np.where(self.open, np.maximum(-reduced, 0.0) + spread, 1.0)

    def reduced(self, price: np.ndarray) -> np.ndarray:
        """Costs less what the rows' multipliers pay."""
        found: np.ndarray = self.cost - self.matrix.T @ price + self.local.T @ -self.local_price
        return found

    @property
    def taken(self) -> np.ndarray:
        """Values of the columns; a fixed one is 0."""
        return np.where(self.open, self.x, 0.0)

    def equations(
        self, price: np.ndarray, moved: tuple[float, float] | None, centring: float | None = None
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """As of storages: matrix (m, m) and right side (m,)."""
        if centring is None:
            if moved is not None:
                self.x, self.w = self.x + moved[0] * self.dx, self.w - moved[0] * self.dx
                self.z, self.v = self.z + moved[1] * self.dz, self.v + moved[1] * self.dv
                self.local_price = self.local_price + moved[1] * self.dlocal
            self.right = -self.x * self.z, -self.w * self.v
            theta = np.where(self.open, 1.0 / (self.z / self.x + self.v / self.w), 0.0)
            self.theta = theta
            self.pivot = 1.0 / (self.local @ theta + 1e-30)
            scaled = self.matrix * theta
            self.coupling = self.local @ scaled.T
        else:
            self.right = (
                centring - self.x * self.z - self.dx * self.dz,
                centring - self.w * self.v + self.dx * self.dv,
            )
        missing = self.reduced(price) - self.z + self.v
        self.gradient = missing - self.right[0] / self.x + self.right[1] / self.w
        pushed = self.theta * self.gradient
        self.local_missing = self.asked - self.local @ self.taken
        self.local_side = self.local_missing + self.local @ pushed
        side = self.matrix @ pushed - self.coupling.T @ (self.pivot * self.local_side)
        if centring is not None:
            return None, side
        scaled = self.matrix * self.theta
        matrix = (scaled @ self.matrix.T).toarray()
        matrix -= (self.coupling.T @ (self.coupling * self.pivot[:, None])).toarray()
        return matrix, side

    def directions(self, turn: np.ndarray) -> np.ndarray:
        """As of storages."""
        self.dlocal = self.pivot * (self.local_side - self.coupling @ turn)
        change = self.matrix.T @ turn + self.local.T @ self.dlocal
        dx = self.theta * (change - self.gradient)
        dz = np.where(self.open, (self.right[0] - self.z * dx) / self.x, 0.0)
        dv = np.where(self.open, (self.right[1] + self.v * dx) / self.w, 0.0)
        self.dx, self.dz, self.dv = dx, dz, dv
        shrinks = max((-dx / self.x).max(initial=0.0), (dx / self.w).max(initial=0.0))
        falls = max((-dz / self.z).max(initial=0.0), (-dv / self.v).max(initial=0.0))
        sums = ((self.z - self.v) @ dx, self.x @ dz + self.w @ dv, dx @ (dz - dv))
        return np.array([shrinks, falls, *sums])

    def least(self, price: np.ndarray) -> float:
        """What the columns prove: the least they can cost at prices, with what the requests' prices pay."""
        return float(
            np.minimum(self.reduced(price), 0.0)[self.open] @ self.upper[self.open] + self.local_price @ self.asked
        )

    @property
    def products(self) -> tuple[float, float]:
        """Sum of the complementarity products, and their number."""
        return float((self.x * self.z + self.w * self.v)[self.open].sum()), 2.0 * float(self.open.sum())
