"""Compiled programs agree with Pyomo's for all parameters, and their certificates with nothing but optima."""

import math

import numpy as np
import pyomo.environ as pyo
import pytest
from commonwatt.instances.errors import InfeasibleError
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.models.scheduling.window_program import build_window
from commonwatt.solvers.compiled import CompiledProgram, compile_program
from commonwatt.solvers.compiled_certificate import TOLERANCE, certify
from commonwatt.solvers.programs import SolverError, UnboundedError, solve_pyomo
from commonwatt.solvers.status import Status

ROWS, COLUMNS = 3, 4


def declared(seed: int) -> pyo.ConcreteModel:
    """A program with parameters in every place: costs, constants, bounds, right-hand sides and coefficients."""
    draw = np.random.default_rng(seed)
    model = pyo.ConcreteModel(name="everywhere")
    model.i, model.j = pyo.RangeSet(0, ROWS - 1), pyo.RangeSet(0, COLUMNS - 1)
    for name, axes in {
        "price": (model.j,),
        "need": (model.i,),
        "most": (model.j,),
        "yield_": (model.i, model.j),
    }.items():
        setattr(model, name, pyo.Param(*axes, mutable=True, initialize=1.0))
    model.fee = pyo.Param(mutable=True, initialize=0.5)
    fixed = draw.uniform(0.5, 2.0, (ROWS, COLUMNS))
    model.x = pyo.Var(model.j, bounds=lambda m, j: (-m.fee, 2 * m.most[j] + 1))
    model.slack = pyo.Var(model.i, domain=pyo.NonNegativeReals)
    model.twice = pyo.Expression(model.j, rule=lambda m, j: (m.price[j] + 2) * (m.x[j] + m.fee * 0.0 + 1.0))

    def enough(m, i):
        made = sum((fixed[i, j] + m.yield_[i, j] / 4) * m.x[j] for j in m.j)
        return made + m.slack[i] + m.fee >= m.need[i] + 3.0

    model.enough = pyo.Constraint(model.i, rule=enough)
    model.between = pyo.Constraint(expr=pyo.inequality(-m_low(model), sum(model.x.values()), 5 + model.most[0]))
    spent = sum(model.twice.values()) + (20 + model.fee) * sum(model.slack.values()) + 7 * model.fee
    sense = pyo.maximize if seed % 2 else pyo.minimize
    model.cost = pyo.Objective(expr=-spent if seed % 2 else spent, sense=sense)
    return model


def m_low(model):
    return model.fee + model.need[1]


def drawn(seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng([seed, 1])
    values = {
        "price": draw.uniform(-1, 3, COLUMNS),
        "need": draw.uniform(0, 4, ROWS),
        "most": draw.uniform(0, 3, COLUMNS),
    }
    return values | {"yield_": draw.uniform(-1, 3, (ROWS, COLUMNS)), "fee": np.array(draw.uniform(0, 2))}


def put(model: pyo.ConcreteModel, values: dict[str, np.ndarray]) -> None:
    for name, array in values.items():
        parameter = getattr(model, name)
        for index, number in zip(parameter, np.ravel(array), strict=True):
            parameter[index] = float(number)


@pytest.mark.parametrize("seed", range(8))
def test_pushing_is_building_anew(seed):
    model = declared(seed)
    program = compile_program(model)
    for case in range(4):
        values = drawn(10 * seed + case)
        put(model, values)
        program.push(values)
        again = compile_program(model)
        np.testing.assert_allclose(program._now, again._now, rtol=0, atol=1e-14)
        outcome = solve_pyomo(model, duals=True)
        found = program.solve()
        assert found.status is Status.OPTIMAL
        assert found.certificate.worst <= TOLERANCE
        assert found.objective == pytest.approx(outcome.objective, rel=1e-9, abs=1e-9)
        assert found.objective == pytest.approx(pyo.value(model.cost), rel=1e-9, abs=1e-9)
        cold = again.solve()
        assert cold.objective == pytest.approx(found.objective, rel=1e-12, abs=1e-12)
        for name in ("enough", "between"):
            want = outcome.dual(getattr(model, name))
            want = list(want.values()) if isinstance(want, dict) else want
            # The optima of random data are unique.
            np.testing.assert_allclose(found.duals(name), want, atol=1e-8)
        np.testing.assert_allclose(found.values("x"), [model.x[j].value for j in model.j], atol=1e-8)


def test_arrays_are_those_of_the_model_and_what_highs_holds():
    """A row, a column and the matrix evaluated by hand, and HiGHS' own copy after two pushes."""
    model = declared(0)
    program = compile_program(model)
    values = drawn(3)
    program.push(values)
    program.push(need={1: 9.0}, yield_={(2, 1): 8.0})
    values["need"][1], values["yield_"][2, 1] = 9.0, 8.0
    put(model, values)
    matrix = np.zeros((program._rows, program._columns))
    matrix[program._entry_row, program._entry_column] = program._data
    for i in model.i:
        row = program.constraints["enough"].where.start + i
        for j in model.j:
            for v in (*model.x.values(), *model.slack.values()):
                v.set_value(0.0, skip_validation=True)
            model.x[j].set_value(1.0, skip_validation=True)
            assert matrix[row, j] == pytest.approx(pyo.value(model.enough[i].body) - float(values["fee"]), abs=1e-14)
        low = program._lower[program._columns + row]
        assert low == pytest.approx(values["need"][i] - values["fee"] + 3.0, abs=1e-14)
    held = program._highs.getLp()
    import scipy.sparse as sparse

    inside = held.a_matrix_
    shape = (program._rows, program._columns)
    theirs = sparse.csc_matrix((inside.value_, inside.index_, inside.start_), shape=shape).toarray()
    np.testing.assert_array_equal(theirs, matrix)
    np.testing.assert_array_equal(held.col_cost_, program._cost)
    np.testing.assert_array_equal(np.append(held.col_lower_, held.row_lower_), program._lower)
    np.testing.assert_array_equal(np.append(held.col_upper_, held.row_upper_), program._upper)
    assert held.offset_ == program._now[-1]


def test_duals_are_derivatives_and_values_have_their_shape():
    for seed in (2, 3):
        program = compile_program(declared(seed))
        program.push(drawn(seed))
        at = program.solve()
        need = program.views(program.vector())["need"].copy()
        duals = at.duals("enough").copy()
        for i in range(ROWS):
            program.push(need={i: need[i] + 1e-4})
            up = program.solve().objective
            program.push(need={i: need[i] - 1e-4})
            down = program.solve().objective
            program.push(need={i: need[i]})
            # The second row also stands in the bound of another constraint, which does not bind.
            assert (up - down) / 2e-4 == pytest.approx(duals[i], abs=1e-6)
    model = pyo.ConcreteModel()
    model.p = pyo.Param(mutable=True, initialize=1.0)
    model.y = pyo.Var([(a, b) for a in "ab" for b in range(3)], bounds=(0, 1))
    model.z = pyo.Var([(0, 1), (1, 0)], bounds=(0, 1))
    model.one = pyo.Var(bounds=(0, 1))
    model.o = pyo.Objective(expr=-sum(k * v for k, v in enumerate(model.y.values())) - model.one + model.p)
    model.c = pyo.Constraint(expr=sum(model.z.values()) >= model.p)
    found = compile_program(model).solve()
    assert found.values("y").shape == (2, 3)
    assert found.values("z").shape == (2,)
    assert found.values("one").shape == ()
    assert found.values("y")[1, 2] == 1.0
    with pytest.raises(ValueError, match="no variable 'x'; it has y, z, one"):
        found.values("x")
    with pytest.raises(ValueError, match="no constraint 'y'"):
        found.duals("y")


def _refused(change) -> pyo.ConcreteModel:
    model = pyo.ConcreteModel(name="refused")
    model.p = pyo.Param([0, 1], mutable=True, initialize=1.0)
    model.x = pyo.Var([0, 1], bounds=(0, 2))
    model.o = pyo.Objective(expr=model.x[0] + model.x[1])
    change(model)
    return model


def _constraint(rule):
    def change(model):
        model.bad = pyo.Constraint(expr=rule(model))

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_constraint(lambda m: m.p[0] * m.p[1] * m.x[0] >= 1), "bad is not linear in variables and affine in param"),
        (_constraint(lambda m: m.x[0] >= m.p[0] * m.p[1]), "bad holds a product of parameters"),
        (_constraint(lambda m: m.x[0] / m.p[0] >= 1), "bad is not linear"),
        (_constraint(lambda m: m.x[0] * m.x[1] >= 1), "bad is not linear: it holds"),
        (_constraint(lambda m: pyo.exp(m.x[0]) >= 1), "bad is not linear"),
        (_constraint(lambda m: m.x[0] >= pyo.exp(m.p[0])), "bad is not linear"),
        (lambda m: m.x[0].fix(1.0), r"x\[0\] is fixed"),
        (lambda m: m.x[1].setub(m.p[0] ** 2), r"bound of x\[1\] holds a product"),
        (lambda m: setattr(m, "k", pyo.Var(domain=pyo.Integers)), "k is not continuous"),
        (lambda m: setattr(m, "q", pyo.Param([3], mutable=True)), r"parameter q\[3\] has no value"),
        (lambda m: m.o.deactivate(), "0 active objectives"),
        (lambda m: setattr(m, "s", pyo.SOSConstraint(var=m.x, sos=1)), "active SOSConstraint"),
    ],
)
def test_what_is_not_affine_is_refused_by_name(change, words):
    with pytest.raises(ValueError, match=words):
        compile_program(_refused(change))


def test_certificate_tells_wrong_solutions():
    program = compile_program(declared(4))
    program.push(drawn(4))
    found = program.solve()
    dual = found.dual * program._sign
    assert program.certify(found.primal, dual).worst <= TOLERANCE
    for j in range(program._columns):
        for size in (1e-6, -1e-6):
            wrong = found.primal.copy()
            wrong[j] += size
            assert program.certify(wrong, dual).worst > TOLERANCE
    for i in range(program._rows):
        for size in (1e-4, -1e-4):
            wrong = dual.copy()
            wrong[i] += size
            assert program.certify(found.primal, wrong).worst > TOLERANCE
    # A feasible point that is not optimal has a gap, whatever the duals.
    program.push(price=np.full(COLUMNS, -3.0))
    assert program.certify(found.primal, dual).duality_gap > 1e-3


def test_multipliers_of_bounds_that_are_not_there_are_seen():
    """Nothing is outside its bounds and no product differs from 0, but the program has no optimum."""
    nothing = np.zeros((0, 1))
    found = certify(np.ones(1), np.array([-np.inf]), np.array([np.inf]), nothing, nothing.T, np.zeros(1), np.zeros(0))
    assert found.dual_residual == 1.0
    assert found.primal_residual == found.complementarity == found.duality_gap == 0.0
    assert found.worst == 1.0


def _failing(program, monkeypatch, *, times):
    """Let the certificate fail for the next solves."""
    left = [times]
    honest = program.certify

    def doubting(primal, dual):
        found = honest(primal, dual)
        if left[0] > 0:
            left[0] -= 1
            return found._replace(duality_gap=1e-6)
        return found

    monkeypatch.setattr(program, "certify", doubting)


def test_failed_certificate_leads_to_a_solve_from_nothing(monkeypatch):
    program = compile_program(declared(6))
    program.push(drawn(6))
    first = program.solve()
    assert not first.cold
    program.push(drawn(7))
    _failing(program, monkeypatch, times=1)
    again = program.solve()
    assert again.cold
    assert again.status is Status.OPTIMAL
    _failing(program, monkeypatch, times=2)
    doubtful = program.solve()
    assert doubtful.cold
    assert doubtful.status is Status.FEASIBLE
    other = compile_program(declared(6))
    other.push(drawn(7))
    assert other.solve().objective == pytest.approx(again.objective, rel=1e-12)


def test_solution_that_breaks_constraints_is_not_handed_out(monkeypatch):
    program = compile_program(declared(6))
    honest = program.certify
    monkeypatch.setattr(program, "certify", lambda x, y: honest(x, y)._replace(primal_residual=1e-6))
    with pytest.raises(SolverError, match="breaks its constraints"):
        program.solve()


def test_nothing_to_read_is_an_error_and_the_next_solve_is_sound():
    program = compile_program(declared(0))
    program.push(drawn(0))
    best = program.solve().objective
    program.push(most=np.full(COLUMNS, -5.0))
    with pytest.raises(InfeasibleError, match="everywhere is infeasible"):
        program.solve()
    program.push(drawn(0))
    assert program.solve().objective == pytest.approx(best, rel=1e-12)
    model = pyo.ConcreteModel(name="endless")
    model.p = pyo.Param(mutable=True, initialize=1.0)
    model.x = pyo.Var(bounds=(0, None))
    model.o = pyo.Objective(expr=model.p * model.x)
    model.c = pyo.Constraint(expr=model.x >= 1)
    endless = compile_program(model)
    assert endless.solve().objective == 1.0
    endless.push(p=-1.0)
    with pytest.raises(UnboundedError, match="endless is unbounded"):
        endless.solve()
    endless.push(pyo.ComponentMap([(model.p, 2.0)]))
    assert endless.solve().objective == 2.0


def test_time_limit_is_for_each_solve():
    program = compile_program(declared(0))
    stopped = program.solve(time_limit_s=0.0)
    assert stopped.status is Status.TIME_LIMIT
    assert math.isnan(stopped.objective)
    assert stopped.certificate is None
    assert np.isnan(stopped.values("x")).all()
    for seed in range(20):
        program.push(drawn(seed))
        assert program.solve(time_limit_s=10.0).status is Status.OPTIMAL
    # HiGHS' clock runs on over all solves …
    for seed in range(300):
        program.push(drawn(seed))
        program.solve()
    program.push(drawn(3))
    assert program.solve(time_limit_s=program._highs.getRunTime() / 2).status is Status.OPTIMAL
    # … and the limit of one must not outlive it.
    program._highs.setOptionValue("time_limit", 0.0)
    program._limited = True
    program.push(drawn(30))
    assert program.solve().status is Status.OPTIMAL


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"prices": 1.0}, "no parameter 'prices'; it has price, need"),
        ({"price": 1.0}, r"price has shape \(4,\), not \(\)"),
        ({"fee": [1.0]}, r"fee has shape \(\), not \(1,\)"),
        ({"need": {7: 1.0}}, "need has no index 7"),
        ({"need": [1.0, np.nan, 1.0]}, "no number"),
        ({"price": [1.0, np.inf, 1.0, 1.0]}, "no number"),
        ({"yield_": {(0, 0): np.inf}}, "no number"),
    ],
)
def test_wrong_pushes_change_nothing(given, words):
    program = compile_program(declared(0))
    before, arrays = program.vector(), program._now.copy()
    with pytest.raises(ValueError, match=words):
        program.push({"fee": 3.0} | given)
    np.testing.assert_array_equal(program.vector(), before)
    np.testing.assert_array_equal(program._now, arrays)


def test_infinite_bounds_and_unknown_options():
    program = compile_program(declared(0))
    program.push(drawn(0))
    bound = program.solve().objective
    program.push(most=np.full(COLUMNS, np.inf))
    assert program.solve().objective <= bound + 1e-9
    with pytest.raises(ValueError, match="no option 'presolv'"):
        compile_program(declared(0), presolv="off")


def test_starting_anew_depends_on_parameters_alone():
    one, other = compile_program(declared(2)), compile_program(declared(2))
    for seed in range(5):
        one.push(drawn(seed))
        one.solve()
    other.push(drawn(4))
    one.restart()
    found, expected = one.solve(), other.solve()
    np.testing.assert_array_equal(found.primal, expected.primal)
    np.testing.assert_array_equal(found.dual, expected.dual)
    assert found.iterations == expected.iterations


def test_large_programs_are_certified_by_a_sparse_matrix(monkeypatch):
    dense = compile_program(declared(5))
    monkeypatch.setattr("commonwatt.solvers.compiled.DENSE", 0)
    sparse = compile_program(declared(5))
    for seed in range(3):
        for program in (dense, sparse):
            program.push(drawn(seed))
        a, b = dense.solve(), sparse.solve()
        assert not isinstance(sparse._a, np.ndarray)
        np.testing.assert_allclose(b.certificate, a.certificate, atol=1e-14)
        assert b.certificate.worst <= TOLERANCE


def with_everything() -> SchedulingInstance:
    """An instance whose ring has all of its parameters."""
    t = 6
    load = np.full((t, 2), 2.0)
    return SchedulingInstance(
        load_kwh=load,
        generation_kwh=np.ones((t, 2)),
        buy_price=np.full(t, 0.3),
        sell_price=np.full(t, 0.1),
        storage_of=[0, 1],
        capacity_kwh=[3.0, 4.0],
        charge_kw=[1.0, 2.0],
        discharge_kw=[1.0, 2.0],
        retention=[0.9, 1.0],
        target_kwh=np.full((t + 1, 2), 1.0),
        target_price=[0.2, 0.0],
        curtailable_kwh=load / 4,
        curtailment_price=[0.2, 0.4],
        import_limit_kw=np.full(t, 3.0),
        export_limit_kw=np.full(t, 3.0),
        lost_load="priced",
        demand_charge=1.0,
    )


def test_every_parameter_of_the_ring_moves_its_arrays():
    program = compile_program(build_window(with_everything(), 3))
    assert {"net", "buy", "sell", "loose", "worth", "trip", "target", "sheddable", "losable", "spillable"} <= set(
        program.parameters
    )
    assert "peak_so_far" in program.parameters
    for name, layout in program.parameters.items():
        for index in layout.index:
            before = program._now.copy()
            program.push({name: {index: 1.25}})
            moved = np.flatnonzero(program._now != before)
            assert moved.size, f"{name}[{index}] moves nothing"
            program.push({name: {index: 0.0}})
            np.testing.assert_array_equal(program._now, before)


def test_program_needs_no_pyomo_once_compiled():
    program = compile_program(declared(0))
    assert isinstance(program, CompiledProgram)
    assert not any(isinstance(value, pyo.ConcreteModel) for value in vars(program).values())
