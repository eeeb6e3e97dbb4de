"""The program of scheduling as arrays: the same columns and rows as :mod:`.program`, assembled without a declaration.

Stating a program in Pyomo costs more than solving it as soon as there are many members; this states it in numpy. On
small instances the two matrices are proved equal, entry by entry (``tests/test_scheduling_arrays.py``).

Source: as :mod:`.program`.
"""

from __future__ import annotations

import numpy as np

from ...instances.scheduling import SchedulingInstance
from ..linear_program import Axis, Block, Entries, LinearProgram, grid
from .bounds import Tariff


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
    columns, rows, entries = Axis(), Axis(), Entries()
    _add_columns(instance, columns)
    _add_states(instance, columns.blocks, rows, entries)
    _add_requests(instance, columns.blocks, rows, entries)
    _add_connections(instance, columns.blocks, rows, entries)
    return LinearProgram.of(_costs(instance, tariff, columns), columns, rows, entries)


def _add_columns(instance: SchedulingInstance, columns: Axis) -> None:
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
    columns.add("content", grid(*low.shape), low.ravel(), np.maximum(low, instance.state_high_kwh).ravel())
    intervals = grid(len(instance.interval))
    columns.add("imported", intervals, 0.0, instance.import_limit_kwh)
    columns.add("exported", intervals, 0.0, instance.export_limit_kwh)
    columns.add("peak", np.zeros((1, 0), dtype=int), 0.0, np.inf)
    priced = np.zeros((0, 2), dtype=int)
    if instance.target_kwh is not None:
        priced = np.argwhere(instance.target_kwh * instance.target_price > 0)
    columns.add("shortfall", priced, 0.0, np.inf)


def _costs(instance: SchedulingInstance, tariff: Tariff, columns: Axis) -> np.ndarray:
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


def _add_states(instance: SchedulingInstance, blocks: dict[str, Block], rows: Axis, entries: Entries) -> None:
    """Contents follow from flows; what is missing to a target is noted."""
    intervals, storages = instance.charge_limit_kwh.shape
    row = rows.add(
        "contents_follow_from_flows",
        grid(intervals, storages),
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


def _add_requests(instance: SchedulingInstance, blocks: dict[str, Block], rows: Axis, entries: Entries) -> None:
    """Requests are served in full."""
    row = rows.add("requests_are_served", grid(len(instance.request)), instance.request_kwh, instance.request_kwh)
    entries.add(row.start + blocks["service"].at[:, 1], blocks["service"].places, 1.0)


def _add_connections(instance: SchedulingInstance, blocks: dict[str, Block], rows: Axis, entries: Entries) -> None:
    """The community exchanges what its members add up to, each within its connection; the peak covers imports."""
    intervals, members = instance.load_kwh.shape
    fixed = instance.net_load_kwh
    time = grid(intervals)
    row = rows.add("community_is_balanced", time, fixed.sum(axis=1), fixed.sum(axis=1))
    entries.add(row.places, blocks["imported"].places, 1.0)
    entries.add(row.places, blocks["exported"].places, -1.0)
    demand = _member_flows(instance, blocks)
    for at, _, column, sign in demand:
        entries.add(row.start + at, column, -sign)
    for name, most, side in (
        ("members_import_within_limits", instance.member_import_limit_kwh, 1.0),
        ("members_export_within_limits", instance.member_export_limit_kwh, -1.0),
    ):
        limited = np.isfinite(most)
        limit = side * most[limited] - fixed[limited]
        # A member without anything to decide keeps its limit or breaks it by the data alone: its row stays, empty.
        bounds = (-np.inf, limit) if side > 0 else (limit, np.inf)
        row = rows.add(name, np.argwhere(limited), *bounds)
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
