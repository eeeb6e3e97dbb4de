"""Runs for portfolios: programs stated, solved and read, with the prices that prove how good they are."""

from __future__ import annotations

from typing import Any, cast, get_args

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.portfolio import PortfolioInstance
from ..models.aggregator.portfolio import PortfolioPrices
from ..models.aggregator.portfolio_arrays import assemble_portfolio
from ..models.aggregator.portfolio_program import Room, build_portfolio
from ..models.linear_program import LinearProgram
from .array_programs import TIGHT, ArraySolution, solve_arrays
from .method import Answer
from .portfolio_reading import FLOWS, both_ways, decision_of_arrays, settled
from .program_runs import Watch, timed
from .programs import solve_pyomo

INTERIOR_COLUMNS = 20_000
"""Columns beyond which all scenarios together take interior points less time than the simplex method."""


def suited(program: LinearProgram) -> dict[str, Any]:
    """Options of HiGHS for all scenarios in one program: interior points with crossover where it is large."""
    return {"solver": "ipm"} if len(program.cost) > INTERIOR_COLUMNS else {}


def run_stochastic(instance: PortfolioInstance, room: str, *, time_limit_s: float | None = None) -> Answer:
    """The program assembled from arrays (HiGHS).

    Raises
    ------
    NotApplicable
        If reserves have a least size, there is no such room, or time is over before there is a point.
    """
    if room not in get_args(Room):
        raise NotApplicable(f"room is {' or '.join(get_args(Room))}, not {room!r}")
    if instance.least_reserve_kw > 0:
        raise NotApplicable("reserves have a least size, which takes whole numbers; see portfolio_program")
    watch = Watch.start(time_limit_s)
    program, seconds = timed(lambda: assemble_portfolio(instance, room=cast(Room, room)))
    found = solve_arrays(program, time_limit_s=watch.left(), **suited(program))
    if found is None:
        raise NotApplicable("the solver stopped before it had a point; allow more time")
    decision = decision_of_arrays(instance, program, found.point)
    notes = both_ways(decision)
    prices = prices_of(instance, program, found) if room == "per_storage" else None
    return Answer(decision, prices, found.status, build_seconds=seconds, notes=notes)


def prices_of(instance: PortfolioInstance, program: LinearProgram, found: ArraySolution) -> PortfolioPrices:
    """Prices out of the duals of the program with room storage by storage."""
    scenarios, intervals, storages = instance.storage_shape

    def dual(name: str, *shape: int) -> np.ndarray:
        block = program.rows[name]
        return found.duals[block.start : block.stop].reshape(shape)

    # More export lowers the minimised cost by its worth; the row is lowered by fixed export, hence the sign.
    fields: dict[str, np.ndarray] = {
        "export_worth": dual("export_is_sold", scenarios, intervals) / instance.dt_h,
        "content_worth": -dual("contents_follow_from_flows", scenarios, intervals, storages),
    }
    fields["tail_weight"] = np.asarray(instance.chance)
    if instance.risk_weight > 0:
        fields["tail_weight"] = dual("tail_is_below", scenarios) / instance.risk_weight
    if instance.reserves:
        for side in ("up", "down"):
            room = np.maximum(dual(f"{side}_is_held_or_lacks", scenarios, intervals), 0.0)
            power = np.maximum(-dual(f"{side}_within_power", scenarios, intervals, storages), 0.0)
            fields[f"{side}_room_worth"] = room
            fields[f"{side}_power_part"] = np.divide(
                power, room[..., None], out=np.ones_like(power), where=room[..., None] > 0
            )
    return PortfolioPrices(instance=instance, **fields)


def run_program(instance: PortfolioInstance, room: Room, *, time_limit_s: float | None = None) -> Answer:
    """The program as declared in Pyomo (HiGHS).

    Raises
    ------
    NotApplicable
        If time is over before there is a point.
    """
    watch = Watch.start(time_limit_s)
    model, seconds = timed(lambda: build_portfolio(instance, room=room))
    outcome = solve_pyomo(model, time_limit_s=watch.left(), **TIGHT)
    if not outcome.has_solution:
        raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
    shape = instance.storage_shape
    fields: dict[str, np.ndarray] = {}
    for name, variable in FLOWS.items():
        component = model.component(variable)
        third = len(instance.member) if variable == "curtailed" else shape[2]
        found = np.zeros(
            (*shape[:2], third) if variable in ("charge", "discharge", "rapid", "curtailed") else shape[:2]
        )
        for at, cell in component.items():
            found[at] = cell.value
        fields[name] = found
    for name, expression in (
        ("day_ahead_kw", model.day_ahead),
        ("up_reserve_kw", model.up_reserve),
        ("down_reserve_kw", model.down_reserve),
    ):
        fields[name] = np.array([float(expression[t]()) for t in model.t])
    decision = settled(instance, **fields)
    bounds = {"risk_adjusted_profit": outcome.bound} if instance.least_reserve_kw > 0 and room == "per_storage" else {}
    return Answer(decision, None, outcome.status, bounds, seconds, both_ways(decision))
