"""The program of a portfolio as arrays: the same columns and rows as :mod:`.portfolio_program`, without a declaration.

With many members and scenarios stating the program in Pyomo takes longer than solving it; this states it in numpy, as a
minimisation of the negative criterion. On small instances both have the same optimum (``tests/test_portfolio.py``).

Source: as :mod:`.portfolio_program`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...instances.portfolio import PortfolioInstance
from ..linear_program import Axis, Block, Entries, LinearProgram, grid
from .portfolio_program import Room

SIDES = ("up", "down")


@dataclass
class Gains:
    """What each column adds to profit, in one scenario or (-1) in all."""

    column: list[np.ndarray] = field(default_factory=list)
    scenario: list[np.ndarray] = field(default_factory=list)
    value: list[np.ndarray] = field(default_factory=list)

    def add(self, column: np.ndarray, scenario: np.ndarray | int, value: np.ndarray | float) -> None:
        """Add gains of columns, all of one length."""
        self.column.append(column)
        self.scenario.append(np.broadcast_to(np.asarray(scenario, int), len(column)))
        self.value.append(np.broadcast_to(np.asarray(value, float), len(column)))

    def joined(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Columns, scenarios and values."""
        return np.concatenate(self.column), np.concatenate(self.scenario), np.concatenate(self.value)


def assemble_portfolio(instance: PortfolioInstance, *, room: Room = "per_storage") -> LinearProgram:
    """The linear program; reserves that have a least size are relaxed.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.
    room : {"per_storage", "aggregate"}
        As for :func:`.portfolio_program.build_portfolio`.

    Returns
    -------
    LinearProgram
        Of minimising minus the risk-adjusted profit.
    """
    columns, rows, entries, gains = Axis(), Axis(), Entries(), Gains()
    _add_markets(instance, columns, gains)
    _add_storages(instance, columns, rows, entries, gains)
    _add_balance(instance, columns.blocks, rows, entries)
    if instance.reserves:
        _add_room(instance, room, columns, rows, entries, gains)
    return LinearProgram.of(_cost(instance, columns, rows, entries, gains), columns, rows, entries)


def _add_markets(instance: PortfolioInstance, columns: Axis, gains: Gains) -> None:
    scenarios, intervals, _ = instance.storage_shape
    dt, cells = instance.dt_h, grid(scenarios, intervals)
    s = cells[:, 0]
    for name, hours, low, most, price in (
        ("block_offer", instance.day_ahead_block_h, -1.0, instance.day_ahead_limit_kw, instance.day_ahead_price),
        ("up_block", instance.reserve_block_h, 0.0, instance.reserve_limit_kw, instance.up_reserve_price),
        ("down_block", instance.reserve_block_h, 0.0, instance.reserve_limit_kw, instance.down_reserve_price),
    ):
        earned = np.bincount(instance.block_of(hours), weights=dt * price)
        block = columns.add(name, grid(len(earned)), low * most, most)
        gains.add(block.places, -1, earned)
    for name, most, price in (
        ("intraday_sale", instance.intraday_limit_kw, instance.intraday_sale_price),
        ("intraday_purchase", instance.intraday_limit_kw, -instance.intraday_purchase_price),
        ("up_offer", instance.balancing_limit_kw, instance.up_accepted * instance.up_price),
        ("down_offer", instance.balancing_limit_kw, -instance.down_accepted * instance.down_price),
        ("missing", np.inf, -instance.missing_price),
        ("surplus", np.inf, instance.surplus_price),
    ):
        # A market that is closed has no columns.
        open_cells = cells if most > 0 else cells[:0]
        block = columns.add(name, open_cells, 0.0, most)
        gains.add(block.places, s[: len(open_cells)], dt * price.ravel()[: len(open_cells)])


def _add_storages(instance: PortfolioInstance, columns: Axis, rows: Axis, entries: Entries, gains: Gains) -> None:
    scenarios, intervals, storages = instance.storage_shape
    for name, limit, each in (
        ("charge", instance.there * instance.charge_kw, np.zeros(storages)),
        ("discharge", instance.there * instance.discharge_kw, -instance.dt_h * instance.flexibility_fee),
        ("rapid", instance.driven_kwh, np.full(storages, -instance.rapid_price)),
        ("curtailed", instance.generation_kw, np.zeros(len(instance.member))),
    ):
        # Where a variable can be nothing but 0, there is none.
        at = np.argwhere(limit > 0)
        block = columns.add(name, at, 0.0, limit[limit > 0])
        gains.add(block.places, at[:, 0], each[at[:, 2]])
    states = grid(scenarios, intervals + 1, storages)
    first = states[:, 1] == 0
    low = np.where(first, instance.initial_kwh[states[:, 2]], instance.minimum_kwh[states[:, 2]])
    high = np.where(first, instance.initial_kwh[states[:, 2]], instance.capacity_kwh[states[:, 2]])
    content = columns.add("content", states, low, high)
    number = content.start + np.arange(len(states)).reshape(scenarios, intervals + 1, storages)
    row = rows.add(
        "contents_follow_from_flows",
        grid(scenarios, intervals, storages),
        -instance.driven_kwh.ravel(),
        -instance.driven_kwh.ravel(),
    )
    place = row.start + np.arange(scenarios * intervals * storages).reshape(scenarios, intervals, storages)
    entries.add(place.ravel(), number[:, 1:].ravel(), 1.0)
    entries.add(place.ravel(), number[:, :-1].ravel(), np.tile(-instance.retention, scenarios * intervals))
    for name, gain in (
        ("charge", -instance.dt_h * instance.charge_efficiency),
        ("discharge", instance.dt_h / instance.discharge_efficiency),
        ("rapid", -np.ones(storages)),
    ):
        block = columns.blocks[name]
        entries.add(place[tuple(block.at.T)], block.places, gain[block.at[:, 2]])
    wanted = np.argwhere(instance.wanted_kwh > 0)
    missed = columns.add("missed", wanted, 0.0, np.inf)
    gains.add(missed.places, wanted[:, 0], -instance.target_price[wanted[:, 2]])
    row = rows.add("targets_are_met_or_missed", wanted, instance.wanted_kwh[tuple(wanted.T)], np.inf)
    entries.add(row.places, missed.places, 1.0)
    entries.add(row.places, number[tuple(wanted.T)], 1.0)


def _add_balance(instance: PortfolioInstance, blocks: dict[str, Block], rows: Axis, entries: Entries) -> None:
    """What is exported is what was sold, what is surplus and less what is missing."""
    scenarios, intervals, _ = instance.storage_shape
    fixed = instance.fixed_kw.ravel()
    row = rows.add("export_is_sold", grid(scenarios, intervals), -fixed, -fixed)
    place = row.places.reshape(scenarios, intervals)
    for name, sign in (("discharge", 1.0), ("charge", -1.0), ("curtailed", -1.0)):
        entries.add(place[tuple(blocks[name].at[:, :2].T)], blocks[name].places, sign)
    for name, factor in (
        ("intraday_sale", -1.0),
        ("intraday_purchase", 1.0),
        ("up_offer", -instance.up_accepted),
        ("down_offer", instance.down_accepted),
        ("missing", 1.0),
        ("surplus", -1.0),
    ):
        at = tuple(blocks[name].at.T)
        entries.add(place[at], blocks[name].places, np.broadcast_to(factor, place.shape)[at])
    for name, hours, factor in (
        ("block_offer", instance.day_ahead_block_h, -np.ones(place.shape)),
        ("up_block", instance.reserve_block_h, -instance.up_used),
        ("down_block", instance.reserve_block_h, instance.down_used),
    ):
        column = np.broadcast_to(blocks[name].start + instance.block_of(hours), place.shape)
        entries.add(place.ravel(), column.ravel(), factor.ravel())


def _add_room(
    instance: PortfolioInstance, room: Room, columns: Axis, rows: Axis, entries: Entries, gains: Gains
) -> None:
    scenarios, intervals, storages = instance.storage_shape
    cells = grid(scenarios, intervals)
    carriers = storages if room == "per_storage" else 1
    carrier = np.arange(storages) if room == "per_storage" else np.zeros(storages, int)
    held_at = grid(scenarios, intervals, carriers)
    shape = scenarios, intervals, carriers
    made = instance.generation_kw.sum(axis=2)
    content = columns.blocks["content"].start + np.arange(scenarios * (intervals + 1) * storages).reshape(
        scenarios, intervals + 1, storages
    )
    for side, sign, power, gain, accepted, used in (
        (SIDES[0], 1.0, instance.discharge_kw, instance.discharge_efficiency, instance.up_accepted, instance.up_used),
        (
            SIDES[1],
            -1.0,
            instance.charge_kw,
            1 / instance.charge_efficiency,
            instance.down_accepted,
            instance.down_used,
        ),
    ):
        lack = columns.add(f"{side}_lack", cells, 0.0, np.inf)
        gains.add(lack.places, cells[:, 0], -instance.dt_h * instance.room_price)
        held = columns.add(f"{side}_held", held_at, 0.0, np.inf)
        # By power: held + (discharge - charge, or the other way) is at most the power that is there.
        most = _summed(instance.there * power, carrier, carriers)
        row = rows.add(f"{side}_within_power", held_at, -np.inf, most.ravel())
        entries.add(row.places, held.places, 1.0)
        place = row.places.reshape(shape)
        for name, direction in (("discharge", sign), ("charge", -sign)):
            block = columns.blocks[name]
            s, t, i = block.at.T
            entries.add(place[s, t, carrier[i]], block.places, direction)
        # By content: held for the time of response is at most what the content sustains.
        factor = instance.there * gain
        limit = -factor * instance.minimum_kwh if sign > 0 else factor * instance.capacity_kwh
        row = rows.add(f"{side}_within_content", held_at, -np.inf, _summed(limit, carrier, carriers).ravel())
        entries.add(row.places, held.places, instance.response_h)
        place = row.places.reshape(shape)
        entries.add(place[:, :, carrier].ravel(), content[:, 1:].ravel(), (-sign * factor).ravel())
        # What is promised and not yet called is held ready or lacks.
        least = np.zeros(len(cells)) if sign > 0 else -made.ravel()
        row = rows.add(f"{side}_is_held_or_lacks", cells, least, np.inf)
        cell_row = row.places.reshape(scenarios, intervals)
        entries.add(np.repeat(row.places, carriers), held.places, 1.0)
        entries.add(row.places, lack.places, 1.0)
        unused = columns.blocks["curtailed"]
        entries.add(cell_row[tuple(unused.at[:, :2].T)], unused.places, sign)
        offered = columns.blocks[f"{side}_offer"]
        at = tuple(offered.at.T)
        entries.add(cell_row[at], offered.places, -(1.0 - accepted)[at])
        reserve = columns.blocks[f"{side}_block"].start + instance.block_of(instance.reserve_block_h)
        entries.add(cell_row.ravel(), np.broadcast_to(reserve, cell_row.shape).ravel(), -(1.0 - used).ravel())


def _summed(values: np.ndarray, carrier: np.ndarray, carriers: int) -> np.ndarray:
    """Values by carrier, (S, T, carriers)."""
    found = np.zeros((*values.shape[:2], carriers))
    np.add.at(found.transpose(2, 0, 1), carrier, values.transpose(2, 0, 1))
    return found


def _cost(instance: PortfolioInstance, columns: Axis, rows: Axis, entries: Entries, gains: Gains) -> np.ndarray:
    """Minus the criterion; with risk also what profit is below the value at risk."""
    column, scenario, value = gains.joined()
    chance, risk = instance.chance, instance.risk_weight
    weight = np.where(scenario < 0, 1.0, chance[scenario])
    if risk <= 0:
        return -np.bincount(column, weights=weight * value, minlength=columns.size)
    at_risk = columns.add("at_risk", np.zeros((1, 0), int), -np.inf, np.inf)
    below = columns.add("below", grid(len(chance)), 0.0, np.inf)
    row = rows.add("tail_is_below", grid(len(chance)), 0.0, np.inf)
    entries.add(row.places, below.places, 1.0)
    entries.add(row.places, np.full(len(chance), at_risk.start), -1.0)
    own = scenario >= 0
    entries.add(row.start + scenario[own], column[own], value[own])
    for s in range(len(chance)):
        entries.add(np.full((~own).sum(), row.start + s), column[~own], value[~own])
    cost = -(1.0 - risk) * np.bincount(column, weights=weight * value, minlength=columns.size)
    cost[at_risk.start] = -risk
    cost[below.places] = risk * chance / instance.tail
    return cost
