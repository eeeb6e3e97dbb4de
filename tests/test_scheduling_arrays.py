"""The program as arrays is the declared one: entry by entry, and in what HiGHS makes of both."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.models.scheduling.arrays import LinearProgram, assemble
from commonwatt.models.scheduling.bounds import Tariff
from commonwatt.models.scheduling.premise import premise
from commonwatt.models.scheduling.program import build_community_cost, build_peak_cost
from commonwatt.solvers.array_programs import solve_arrays
from makers_scheduling import random_scheduling

SEEDS = range(60)
CRITERIA = {"community_cost": (build_community_cost, Tariff.of_cost), "peak_cost": (build_peak_cost, Tariff.of_peak)}

Name = tuple[str, tuple[int, ...]]


def _index(index: object) -> tuple[int, ...]:
    if index is None:
        return ()
    return tuple(int(i) for i in index) if isinstance(index, tuple) else (int(index),)  # type: ignore[call-overload]


def _names(blocks: dict) -> list[Name]:
    return [(name, tuple(int(i) for i in at)) for name, block in blocks.items() for at in block.at]


def _entries(matrix: object, rows: list[Name], columns: list[Name]) -> dict[tuple[Name, Name], float]:
    found = matrix.tocoo()  # type: ignore[attr-defined]
    made: dict[tuple[Name, Name], float] = {}
    for row, column, value in zip(found.row, found.col, found.data, strict=True):
        key = rows[row], columns[column]
        made[key] = made.get(key, 0.0) + float(value)
    return {key: value for key, value in made.items() if value}


def _declared(model: object):
    """Columns, rows, entries, row limits, costs and column limits of a declared program, by name."""
    from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

    form = LinearStandardFormCompiler().write(model, mixed_form=True)
    columns = [(x.parent_component().local_name, _index(x.index())) for x in form.columns]
    rows: list[Name] = []
    low, high = {}, {}
    for (constraint, kind), right in zip(form.rows, form.rhs, strict=True):
        name = constraint.parent_component().local_name, _index(constraint.index())
        rows.append(name)
        low[name] = right if kind in (0, -1) else -np.inf
        high[name] = right if kind in (0, 1) else np.inf
    cost = np.asarray(form.c.todense()).ravel()
    limits = {
        name: (-np.inf if x.lb is None else x.lb, np.inf if x.ub is None else x.ub)
        for name, x in zip(columns, form.columns, strict=True)
    }
    costs = dict(zip(columns, cost, strict=True))
    return columns, rows, _entries(form.A, rows, columns), low, high, costs, limits


def _linear(seed: int, criterion: str) -> tuple[SchedulingInstance, object, LinearProgram] | None:
    """An instance, its declared program and its arrays, where the program is linear and not refused when declared."""
    build, tariff_of = CRITERIA[criterion]
    instance = random_scheduling(seed)
    tariff = tariff_of(instance)
    if not premise(instance, tariff).holds:
        return None
    try:
        model = build(instance)
    except ValueError:
        # Pyomo raises where the data alone break a constraint without variables.
        return None
    return instance, model, assemble(instance, tariff)


def test_enough_of_the_random_instances_are_linear():
    assert sum(_linear(seed, "community_cost") is not None for seed in SEEDS) >= 30


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("seed", SEEDS)
def test_matrices_are_equal(seed, criterion):
    made = _linear(seed, criterion)
    if made is None:
        return
    _, model, program = made
    columns, rows, entries, low, high, costs, limits = _declared(model)
    own_columns, own_rows = _names(program.columns), _names(program.rows)
    own = _entries(program.matrix, own_rows, own_columns)
    assert len(set(own_columns)) == len(own_columns)
    assert set(columns) <= set(own_columns)
    assert set(rows) <= set(own_rows)
    assert own.keys() == entries.keys()
    for key, value in entries.items():
        assert own[key] == pytest.approx(value, rel=1e-14, abs=1e-14), key
    place = {name: at for at, name in enumerate(own_rows)}
    for name in rows:
        found = program.row_low[place[name]], program.row_high[place[name]]
        assert found == pytest.approx((low[name], high[name]), rel=1e-12, abs=1e-12), name
    filled = {row for row, _ in own}
    # Rows that the declaration lacks have no entries: the data alone keep them.
    for name in set(own_rows) - set(rows):
        assert name not in filled
        assert program.row_low[place[name]] <= 1e-9
        assert program.row_high[place[name]] >= -1e-9
    for name, cost, lower, upper in zip(own_columns, program.cost, program.low, program.high, strict=True):
        if name in costs:
            assert cost == pytest.approx(costs[name], rel=1e-14, abs=1e-14), name
            assert (lower, upper) == pytest.approx(limits[name], rel=1e-14), name
        else:
            assert cost == 0.0
            assert not any(column == name for _, column in own)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_objectives_are_equal(criterion):
    import pyomo.environ as pyo
    from commonwatt.instances.errors import InfeasibleError

    compared = 0
    for seed in SEEDS:
        made = _linear(seed, criterion)
        if made is None:
            continue
        _, model, program = made
        try:
            found = solve_arrays(program)
        except InfeasibleError:
            found = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = pyo.SolverFactory("appsi_highs").solve(model, load_solutions=False)
        best = said.solver.termination_condition == pyo.TerminationCondition.optimal
        assert best == (found is not None), seed
        if found is not None:
            compared += 1
            assert found.objective == pytest.approx(said.problem.upper_bound, rel=1e-7, abs=1e-7), seed
    assert compared >= 20
