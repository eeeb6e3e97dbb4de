"""The program of scheduling as arrays: the same columns and rows as :mod:`.program`, assembled without a declaration.

Stating a program in Pyomo costs more than solving it as soon as there are many members; this states it in numpy. On
small instances the two matrices are proved equal, entry by entry (``tests/test_scheduling_arrays.py``).

Source: as :mod:`.program`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from ...instances.scheduling import SchedulingInstance
from .bounds import Tariff


@dataclass(frozen=True)
class Block:
    """Columns or rows of one name.

    Parameters
    ----------
    start : int
        Position of the first.
    at : (k, d) array of int
        Index of each, as in the declaration: (interval or state, member, storage or request), or one of them.
    """

    start: int
    at: np.ndarray

    @property
    def stop(self) -> int:
        """Position after the last."""
        return self.start + len(self.at)

    @property
    def places(self) -> np.ndarray:
        """Positions of all."""
        return np.arange(self.start, self.stop)


@dataclass
class _Axis:
    """Columns or rows as they are added, with their two bounds each."""

    blocks: dict[str, Block] = field(default_factory=dict)
    low: list[np.ndarray] = field(default_factory=list)
    high: list[np.ndarray] = field(default_factory=list)
    size: int = 0

    def add(self, name: str, at: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> Block:
        block = Block(self.size, at)
        self.blocks[name] = block
        for bounds, given in ((self.low, low), (self.high, high)):
            bounds.append(np.broadcast_to(np.asarray(given, dtype=float), len(at)))
        self.size = block.stop
        return block


@dataclass(frozen=True)
class LinearProgram:
    """Minimise cost · x subject to row limits on A x and column limits on x.

    Parameters
    ----------
    cost, low, high : (columns,) arrays
        Costs and limits of the columns.
    matrix : scipy.sparse.csc_array, (rows, columns)
        A.
    row_low, row_high : (rows,) arrays
        Limits of the rows; equal for equations, ±inf where there is none.
    columns, rows : dict of str to Block
        Names as in the declaration.
    """

    cost: np.ndarray
    low: np.ndarray
    high: np.ndarray
    matrix: sparse.csc_array
    row_low: np.ndarray
    row_high: np.ndarray
    columns: dict[str, Block]
    rows: dict[str, Block]

    def scatter(self, name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Values of a block of columns in their places, 0 elsewhere."""
        block = self.columns[name]
        found = np.zeros(shape)
        found[tuple(block.at.T)] = values[block.start : block.stop]
        return found


def assemble(instance: SchedulingInstance, tariff: Tariff) -> LinearProgram:
    """The linear program of the community at given prices, without binary variables.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given; where its premise fails this is a relaxation.
    tariff : Tariff
        Of cost or of peak.

    Returns
    -------
    LinearProgram
    """
    columns, rows, entries = _Axis(), _Axis(), _Entries()
    _add_columns(instance, columns)
    _add_states(instance, columns.blocks, rows, entries)
    _add_requests(instance, columns.blocks, rows, entries)
    _add_connections(instance, columns.blocks, rows, entries)
    matrix = sparse.coo_array(
        (np.concatenate(entries.value), (np.concatenate(entries.row), np.concatenate(entries.column))),
        shape=(rows.size, columns.size),
    ).tocsc()
    return LinearProgram(
        cost=_costs(instance, tariff, columns),
        low=np.concatenate(columns.low),
        high=np.concatenate(columns.high),
        matrix=matrix,
        row_low=np.concatenate(rows.low),
        row_high=np.concatenate(rows.high),
        columns=columns.blocks,
        rows=rows.blocks,
    )


@dataclass
class _Entries:
    """Triplets of the matrix as they are added."""

    row: list[np.ndarray] = field(default_factory=list)
    column: list[np.ndarray] = field(default_factory=list)
    value: list[np.ndarray] = field(default_factory=list)

    def add(self, row: np.ndarray, column: np.ndarray, value: np.ndarray | float) -> None:
        self.row.append(row)
        self.column.append(column)
        self.value.append(np.broadcast_to(np.asarray(value, dtype=float), len(row)))


def _grid(*sizes: int) -> np.ndarray:
    return np.stack([axis.ravel() for axis in np.indices(sizes)], axis=1)


def _add_columns(instance: SchedulingInstance, columns: _Axis) -> None:
    for name, limit in (
        ("charge", instance.charge_limit_kwh),
        ("discharge", instance.discharge_limit_kwh),
        ("service", instance.request_limit_kwh),
        ("curtailed", instance.sheddable_kwh),
        ("lost", instance.losable_kwh),
        ("spilled", instance.spillable_kwh),
    ):
        # Where a variable can be nothing but 0, there is none.
        columns.add(name, np.argwhere(limit > 0), 0.0, limit[limit > 0])
    low = instance.state_low_kwh
    columns.add("content", _grid(*low.shape), low.ravel(), np.maximum(low, instance.state_high_kwh).ravel())
    intervals = _grid(len(instance.interval))
    columns.add("imported", intervals, 0.0, instance.import_limit_kwh)
    columns.add("exported", intervals, 0.0, instance.export_limit_kwh)
    columns.add("peak", np.zeros((1, 0), dtype=int), 0.0, np.inf)
    priced = np.zeros((0, 2), dtype=int)
    if instance.target_kwh is not None:
        priced = np.argwhere(instance.target_kwh * instance.target_price > 0)
    columns.add("shortfall", priced, 0.0, np.inf)


def _costs(instance: SchedulingInstance, tariff: Tariff, columns: _Axis) -> np.ndarray:
    cost, blocks = np.zeros(columns.size), columns.blocks
    cost[blocks["imported"].places] = tariff.buy
    cost[blocks["exported"].places] = -tariff.sell
    cost[blocks["peak"].places] = tariff.peak
    cost[blocks["curtailed"].places] = instance.curtailment_price[blocks["curtailed"].at[:, 1]]
    cost[blocks["lost"].places] = instance.lost_load_price
    cost[blocks["shortfall"].places] = instance.target_price[blocks["shortfall"].at[:, 1]]
    if tariff.terminal and len(instance.storage):
        cost[blocks["content"].places[-len(instance.storage) :]] = -instance.terminal_value
    return cost


def _add_states(instance: SchedulingInstance, blocks: dict[str, Block], rows: _Axis, entries: _Entries) -> None:
    """Contents follow from flows; what is missing to a target is noted."""
    intervals, storages = instance.charge_limit_kwh.shape
    row = rows.add(
        "contents_follow_from_flows",
        _grid(intervals, storages),
        -instance.driven_kwh.ravel(),
        -instance.driven_kwh.ravel(),
    )
    content = blocks["content"].places
    entries.add(row.places, content[storages:], 1.0)
    entries.add(row.places, content[: intervals * storages], -np.tile(instance.retention, intervals))
    for name, gain in (("charge", -instance.charge_efficiency), ("discharge", 1.0 / instance.discharge_efficiency)):
        t, s = blocks[name].at.T
        entries.add(row.start + t * storages + s, blocks[name].places, gain[s])
    short = blocks["shortfall"]
    t, s = short.at.T
    least = instance.target_kwh[t, s] if instance.target_kwh is not None else np.zeros(0)
    row = rows.add("targets_are_met_or_missed", short.at, least, np.inf)
    entries.add(row.places, short.places, 1.0)
    entries.add(row.places, content[t * storages + s], 1.0)


def _add_requests(instance: SchedulingInstance, blocks: dict[str, Block], rows: _Axis, entries: _Entries) -> None:
    """Requests are served in full."""
    row = rows.add("requests_are_served", _grid(len(instance.request)), instance.request_kwh, instance.request_kwh)
    entries.add(row.start + blocks["service"].at[:, 1], blocks["service"].places, 1.0)


def _add_connections(instance: SchedulingInstance, blocks: dict[str, Block], rows: _Axis, entries: _Entries) -> None:
    """The community exchanges what its members add up to, each within its connection; the peak covers imports."""
    intervals, members = instance.load_kwh.shape
    fixed = instance.net_load_kwh
    time = _grid(intervals)
    row = rows.add("community_is_balanced", time, fixed.sum(axis=1), fixed.sum(axis=1))
    entries.add(row.places, blocks["imported"].places, 1.0)
    entries.add(row.places, blocks["exported"].places, -1.0)
    demand = _member_flows(instance, blocks)
    for at, _, column, sign in demand:
        entries.add(row.start + at, column, -sign)
    for name, low, high in (
        ("members_import_within_limits", -np.inf, instance.member_import_limit_kwh - fixed),
        ("members_export_within_limits", -instance.member_export_limit_kwh - fixed, np.inf),
    ):
        limit = high if np.ndim(high) else low
        limited = np.isfinite(limit)
        at = np.argwhere(limited)
        # A member without anything to decide keeps its limit or breaks it by the data alone: its row stays, empty.
        row = rows.add(
            name, at, limit[limited] if np.ndim(low) else -np.inf, limit[limited] if np.ndim(high) else np.inf
        )
        place = np.full((intervals, members), -1)
        place[limited] = row.places
        for t, owner, column, sign in demand:
            chosen = place[t, owner] >= 0
            entries.add(place[t, owner][chosen], column[chosen], sign)
    row = rows.add("peak_covers_import", time, -np.inf, 0.0)
    entries.add(row.places, blocks["imported"].places, 1.0 / instance.dt_h)
    entries.add(row.places, np.full(intervals, blocks["peak"].start), -1.0)


def _member_flows(
    instance: SchedulingInstance, blocks: dict[str, Block]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """Interval, member, column and sign of everything that changes a member's net import."""
    flows = []
    for name, sign, owner in (
        ("charge", 1.0, instance.storage_of),
        ("discharge", -1.0, instance.storage_of),
        ("service", 1.0, instance.request_of),
        ("spilled", 1.0, None),
        ("curtailed", -1.0, None),
        ("lost", -1.0, None),
    ):
        t, at = blocks[name].at.T
        flows.append((t, at if owner is None else owner[at], blocks[name].places, sign))
    return flows
