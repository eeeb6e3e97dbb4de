"""The one gate before solvers' answers: what may be read, in which words, and with which sign of duals.

Strategy: each case is a program small enough to be solved by hand, once in Pyomo (HiGHS) and, where it is convex, once
in CVXPY (Clarabel). Duals are compared with the difference quotient of the optimum, not with a library's convention.
"""

import math
import time

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo
import pytest
from commonwatt.instances.errors import InfeasibleError
from commonwatt.solvers.programs import (
    SolverError,
    UnboundedError,
    fix_integers,
    solve_cvxpy,
    solve_pyomo,
)
from commonwatt.solvers.status import Status
from pyomo.gdp import Disjunction
from pyomo.mpec import Complementarity, complements


def pyomo_line(sense, relation, right, slope):
    """Optimise ``slope · x`` over ``x relation right``."""
    model = pyo.ConcreteModel()
    model.x = pyo.Var(initialize=99.0)
    model.limit = pyo.Constraint(expr={"=": model.x == right, "<": model.x <= right, ">": model.x >= right}[relation])
    model.goal = pyo.Objective(expr=slope * model.x, sense=sense)
    return model


def cvxpy_line(sense, relation, right, slope):
    x = cp.Variable()
    limit = {"=": x == right, "<": x <= right, ">": x >= right}[relation]
    return cp.Problem(sense(slope * x), [limit])


BOUNDED = [("min", "=", 2.0), ("min", "=", -2.0), ("min", ">", 2.0), ("min", "<", -2.0)]
BOUNDED += [("max", "=", 2.0), ("max", "=", -2.0), ("max", "<", 2.0), ("max", ">", -2.0)]


@pytest.mark.parametrize(("sense", "relation", "slope"), BOUNDED)
def test_pyomo_dual_is_the_derivative_by_the_right_hand_side(sense, relation, slope):
    chosen = pyo.minimize if sense == "min" else pyo.maximize
    model = pyomo_line(chosen, relation, 3.0, slope)
    outcome = solve_pyomo(model, duals=True)
    moved = solve_pyomo(pyomo_line(chosen, relation, 3.5, slope))
    quotient = (moved.objective - outcome.objective) / 0.5
    assert outcome.dual(model.limit) == pytest.approx(quotient)
    assert quotient == pytest.approx(slope)


@pytest.mark.parametrize(("sense", "relation", "slope"), BOUNDED)
def test_cvxpy_dual_is_the_derivative_by_the_right_hand_side(sense, relation, slope):
    chosen = cp.Minimize if sense == "min" else cp.Maximize
    problem = cvxpy_line(chosen, relation, 3.0, slope)
    outcome = solve_cvxpy(problem)
    moved = solve_cvxpy(cvxpy_line(chosen, relation, 3.5, slope))
    assert outcome.dual(problem.constraints[0]) == pytest.approx((moved.objective - outcome.objective) / 0.5, abs=1e-6)
    assert outcome.dual(problem.constraints[0]) == pytest.approx(slope, abs=1e-6)


def test_the_two_libraries_agree_on_a_program_with_every_kind_of_row():
    def rows(x, right):
        return [x[0] + x[1] == right[0], x[0] - 2 * x[1] <= right[1], x[1] >= right[2], right[3] <= x[0]]

    right = np.array([10.0, 4.0, 1.0, 2.0])
    x = cp.Variable(2)
    problem = cp.Problem(cp.Maximize(3 * x[0] + x[1] - cp.sum_squares(x) / 20), rows(x, right))
    conic = solve_cvxpy(problem)
    model = pyo.ConcreteModel()
    model.x = pyo.Var([0, 1])
    model.row = pyo.Constraint(range(4), rule=lambda m, k: rows(m.x, right)[k])
    model.goal = pyo.Objective(
        expr=3 * model.x[0] + model.x[1] - (model.x[0] ** 2 + model.x[1] ** 2) / 20, sense=pyo.maximize
    )
    quadratic = solve_pyomo(model, duals=True)
    assert conic.objective == pytest.approx(quadratic.objective, abs=1e-6)
    duals = quadratic.dual(model.row)
    assert [conic.dual(row) for row in problem.constraints] == pytest.approx([duals[k] for k in range(4)], abs=1e-5)
    assert max(abs(dual) for dual in duals.values()) > 0.5


def test_a_dual_needs_a_constant_side_and_must_have_been_asked_for():
    x, y = cp.Variable(), cp.Variable()
    problem = cp.Problem(cp.Minimize(x), [x >= y, y >= 1])
    outcome = solve_cvxpy(problem)
    assert outcome.dual(problem.constraints[1]) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ValueError, match="constant side"):
        outcome.dual(problem.constraints[0])
    model = pyomo_line(pyo.minimize, ">", 3.0, 2.0)
    with pytest.raises(ValueError, match="duals=True"):
        solve_pyomo(model).dual(model.limit)


def test_an_unbounded_program_raises_and_leaves_nothing_to_read():
    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(0, None), initialize=7.0)
    model.y = pyo.Var(bounds=(0, None), initialize=7.0)
    model.limit = pyo.Constraint(expr=model.x - model.y >= 1)
    model.goal = pyo.Objective(expr=-model.x)
    with pytest.raises(UnboundedError, match="goal") as raised:
        solve_pyomo(model)
    assert raised.value.status is Status.UNBOUNDED
    assert model.x.value is None
    problem = cvxpy_line(cp.Minimize, "<", 3.0, 2.0)
    with pytest.raises(UnboundedError):
        solve_cvxpy(problem)
    assert problem.variables()[0].value is None


def test_an_infeasible_program_raises_and_leaves_nothing_to_read():
    model = pyomo_line(pyo.minimize, ">", 3.0, 2.0)
    model.other = pyo.Constraint(expr=model.x <= 2.0)
    with pytest.raises(InfeasibleError):
        solve_pyomo(model)
    assert model.x.value is None
    x = cp.Variable()
    x.value = 7.0
    with pytest.raises(InfeasibleError):
        solve_cvxpy(cp.Problem(cp.Minimize(x), [x >= 3, x <= 2]))
    assert x.value is None


@pytest.mark.parametrize("feasible", [True, False])
def test_infeasible_or_unbounded_is_told_apart(feasible):
    # HiGHS' presolve says "infeasible or unbounded" of integer programs with a free ray.
    model = pyo.ConcreteModel()
    model.x = pyo.Var(domain=pyo.Integers)
    model.y = pyo.Var(domain=pyo.Integers, bounds=(0, 1))
    model.odd = pyo.Constraint(expr=2 * model.y == (2 if feasible else 1))
    model.goal = pyo.Objective(expr=-model.x)
    with pytest.raises(UnboundedError if feasible else InfeasibleError):
        solve_pyomo(model)
    assert model.goal.active


def knapsacks(n=60, rows=8):
    """A maximisation whose tree takes HiGHS about a second."""
    rng = np.random.default_rng(5)
    sizes, worth = rng.integers(1, 1000, (rows, n)), rng.integers(1, 1000, n)
    model = pyo.ConcreteModel()
    model.take = pyo.Var(range(n), domain=pyo.Binary)
    model.fits = pyo.Constraint(
        range(rows),
        rule=lambda m, i: sum(int(sizes[i, k]) * m.take[k] for k in range(n)) <= int(sizes[i].sum() // 2),
    )
    model.worth = pyo.Objective(expr=sum(int(worth[k]) * model.take[k] for k in range(n)), sense=pyo.maximize)
    return model


def test_a_time_limit_holds_and_leaves_incumbent_and_bound():
    model = knapsacks(120, 30)
    started = time.perf_counter()
    outcome = solve_pyomo(model, time_limit_s=1.0)
    assert time.perf_counter() - started < 6.0
    assert outcome.status is Status.TIME_LIMIT
    assert outcome.has_solution
    assert outcome.objective == pytest.approx(pyo.value(model.worth))
    assert outcome.objective < outcome.bound < 1000 * 120
    assert all(abs(v.value - round(v.value)) < 1e-5 for v in model.take.values())


def test_no_time_at_all_gives_no_values():
    model = knapsacks()
    outcome = solve_pyomo(model, time_limit_s=0.0)
    assert (outcome.status, outcome.has_solution, outcome.bound) == (Status.TIME_LIMIT, False, math.inf)
    assert model.take[0].value is None
    problem = cvxpy_line(cp.Minimize, ">", 3.0, 2.0)
    outcome = solve_cvxpy(problem, time_limit_s=0.0)
    assert (outcome.status, outcome.has_solution, outcome.bound) == (Status.TIME_LIMIT, False, -math.inf)
    assert problem.variables()[0].value is None


def test_clarabel_keeps_its_time_limit():
    x = cp.Variable(20_000)
    problem = cp.Problem(cp.Maximize(cp.sum(cp.log1p(x))), [cp.sum(x) <= 1, x >= 0, x <= 0.5])
    full = solve_cvxpy(problem)
    assert full.status is Status.OPTIMAL
    outcome = solve_cvxpy(problem, time_limit_s=full.seconds / 4 + 2 * full.build_seconds / 4)
    assert outcome.status is Status.TIME_LIMIT
    assert not outcome.has_solution
    assert x.value is None


def test_a_gap_that_was_asked_for_is_feasible_and_not_optimal():
    outcome = solve_pyomo(knapsacks(), mip_rel_gap=0.5)
    assert outcome.status is Status.FEASIBLE
    assert outcome.bound > outcome.objective
    best = solve_pyomo(knapsacks())
    assert best.status is Status.OPTIMAL
    assert outcome.objective <= best.objective <= outcome.bound


def test_reduced_accuracy_is_feasible_and_not_optimal():
    x = cp.Variable(3)
    problem = cp.Problem(cp.Maximize(cp.sum(cp.log1p(x))), [cp.sum(x) <= 1, x >= 0])
    # Full accuracy out of reach, reduced accuracy within it.
    tight = {"tol_gap_abs": 1e-18, "tol_gap_rel": 1e-18, "tol_feas": 1e-18}
    outcome = solve_cvxpy(problem, **tight)
    assert outcome.status is Status.FEASIBLE
    assert outcome.bound == math.inf
    assert outcome.objective == pytest.approx(3 * math.log(4 / 3), abs=1e-5)


def test_failures_of_a_solver_raise():
    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(-1, 1))
    model.bent = pyo.Objective(expr=-(model.x**2))
    with pytest.raises(SolverError, match="non-convex"):
        solve_pyomo(model)
    x = cp.Variable(40)
    with pytest.raises(SolverError, match="MaxIterations"):
        solve_cvxpy(cp.Problem(cp.Maximize(cp.sum(cp.log1p(x))), [cp.sum(x) <= 1, x >= 0]), max_iter=1)


def test_what_highs_would_pass_over_in_silence_is_refused():
    model = pyomo_line(pyo.minimize, ">", 3.0, 2.0)
    model.either = Complementarity(expr=complements(model.x >= 0, 5 - model.x >= 0))
    with pytest.raises(ValueError, match="either is an active Complementarity"):
        solve_pyomo(model)
    model.either.deactivate()
    assert solve_pyomo(model).objective == pytest.approx(6.0)

    model = pyo.ConcreteModel()
    model.x = pyo.Var([1, 2], bounds=(0, 1))
    model.one_of = pyo.SOSConstraint(var=model.x, sos=1)
    model.goal = pyo.Objective(expr=-model.x[1] - model.x[2])
    with pytest.raises(ValueError, match="one_of is an active SOSConstraint"):
        solve_pyomo(model)

    model = pyomo_line(pyo.minimize, ">", 3.0, 2.0)
    model.inner = pyo.Block()
    model.inner.choice = Disjunction(expr=[[model.x >= 4], [model.x <= 5]])
    with pytest.raises(ValueError, match="Disjunct"):
        solve_pyomo(model)


def test_one_objective_and_known_options_are_required():
    model = pyomo_line(pyo.minimize, ">", 3.0, 2.0)
    with pytest.raises(ValueError, match="no option 'nonsense'"):
        solve_pyomo(model, nonsense=1)
    with pytest.raises(ValueError, match="mip_rel_gap"):
        solve_pyomo(model, mip_rel_gap=-1.0)
    model.second = pyo.Objective(expr=model.x)
    with pytest.raises(ValueError, match="2 active objectives"):
        solve_pyomo(model)
    model.second.deactivate()
    model.goal.deactivate()
    with pytest.raises(ValueError, match="0 active objectives"):
        solve_pyomo(model)


def test_duals_of_an_integer_program_come_from_fixing_its_integers():
    # Opening the plant costs 5; each kWh from it 1, from the grid 4; demand 10, plant limit 8.
    model = pyo.ConcreteModel()
    model.is_open = pyo.Var(domain=pyo.Binary)
    model.plant = pyo.Var(domain=pyo.NonNegativeReals)
    model.grid = pyo.Var(domain=pyo.NonNegativeReals)
    model.demand = pyo.Constraint(expr=model.plant + model.grid == 10)
    model.limit = pyo.Constraint(expr=model.plant <= 8 * model.is_open)
    model.cost = pyo.Objective(expr=5 * model.is_open + model.plant + 4 * model.grid)
    with pytest.raises(ValueError, match="fix them first"):
        solve_pyomo(model, duals=True)
    with pytest.raises(ValueError, match="solve the program first"):
        fix_integers(model)
    integer = solve_pyomo(model)
    fix_integers(model)
    fixed = solve_pyomo(model, duals=True)
    assert integer.objective == fixed.objective == pytest.approx(21.0)
    assert fixed.dual(model.demand) == pytest.approx(4.0)
    assert fixed.dual(model.limit) == pytest.approx(-3.0)


def test_the_same_program_gives_the_same_answer():
    answers = []
    for _ in range(2):
        model = knapsacks(40, 5)
        solve_pyomo(model)
        answers.append([v.value for v in model.take.values()])
    assert answers[0] == answers[1]
