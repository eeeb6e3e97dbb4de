"""The program with internal prices: its optimum is the linear program's, payments cancel, prices stay in bounds."""

from __future__ import annotations

import builtins

import numpy as np
import pyomo.environ as pyo
import pytest
from commonwatt.instances.errors import InfeasibleError, NotApplicable
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.models.scheduling.program import build_community_cost
from commonwatt.models.scheduling.rules import PROBLEM, violations
from commonwatt.models.scheduling.sdr_program import SMOOTHING, base_of, build_sdr, per_unit
from commonwatt.solvers.kernels import sdr_prices
from commonwatt.solvers.nlp_programs import solve_nlp
from commonwatt.solvers.programs import SolverError
from commonwatt.solvers.schedules import schedule
from commonwatt.solvers.scheduling_nlp import bills_of, reachable, run_sdr, served_in_full
from commonwatt.solvers.scheduling_programs import run_community_cost
from commonwatt.solvers.status import Status
from makers_scheduling import random_scheduling, simple_homes
from pyomo.core.expr.visitor import identify_variables

COST = PROBLEM.criterion("community_cost")


def neighbours(**changes) -> SchedulingInstance:
    """Two homes, one of them with generation and a battery, and one request."""
    given = {
        "load_kwh": [[1.0, 2.0], [0.5, 1.5], [2.0, 1.0], [1.0, 0.5]],
        "generation_kwh": [[0.0, 0.0], [4.0, 0.0], [3.0, 0.0], [0.0, 0.0]],
        "buy_price": [0.3, 0.3, 0.25, 0.4],
        "sell_price": [0.05, 0.05, 0.05, 0.08],
        "storage_of": [0],
        "capacity_kwh": [2.0],
        "charge_kw": [1.5],
        "discharge_kw": [1.5],
        "charge_efficiency": [0.9],
        "request_of": [1],
        "request_kwh": [1.0],
        "request_kw": [1.0],
        "earliest": [0],
        "latest": [3],
        "dt_h": 1.0,
    }
    return SchedulingInstance(**(given | changes))


@pytest.fixture(autouse=True)
def needs_casadi():
    pytest.importorskip("casadi", reason="the extra nlp is not installed: pip install 'commonwatt[nlp]'")


def relative(value: float, other: float, instance: SchedulingInstance) -> float:
    return abs(value - other) / max(abs(value), abs(other), COST.scale(instance))


@pytest.mark.parametrize(
    "instance",
    [
        neighbours(),
        neighbours(dt_h=0.5),
        neighbours(sell_price=[0.0, 0.0, -0.02, 0.0]),
        neighbours(demand_charge=1.5),
        neighbours(sell_price=[0.3, 0.3, 0.25, 0.4]),
        neighbours(load_kwh=np.full((4, 2), 1e5), generation_kwh=np.full((4, 2), 5e4)),
        *(simple_homes(seed) for seed in (3, 36, 80)),
        *(random_scheduling(seed) for seed in (4, 11, 12, 186)),
    ],
)
def test_internal_payments_cancel_so_that_the_optimum_is_the_linear_programs(instance):
    answer, linear = run_sdr(instance), run_community_cost(instance)
    assert answer.status is Status.OPTIMAL
    assert not violations(instance, answer.decision)
    value = COST.value(instance, answer.decision)
    assert relative(value, COST.value(instance, linear.decision), instance) <= 1e-6
    # Its own duals prove it, without the linear program.
    assert COST.bound is not None
    assert relative(value, COST.bound(instance, answer.prices), instance) <= 1e-6
    bills, prices = answer.logs["bills"], answer.logs["internal_prices"]
    turnover = abs(bills["paid"]).sum() + abs(bills["received"]).sum() + 1e-12
    assert abs(bills["to_members"].sum()) <= 1e-9 * turnover
    slack = 1e-12 * np.abs(instance.buy_price)
    assert (prices["sell_price"] >= instance.sell_price - slack).all()
    assert (prices["buy_price"] >= prices["sell_price"] - slack).all()
    assert (prices["buy_price"] <= instance.buy_price + slack).all()
    # What members pay is what the community pays the grid.
    net = answer.decision.community_net_kwh
    paid = (instance.buy_price * np.maximum(net, 0.0) - instance.sell_price * np.maximum(-net, 0.0)).sum()
    assert bills["bill"].sum() == pytest.approx(paid, rel=1e-9, abs=1e-9 * turnover)


def test_the_objective_of_the_program_holds_the_bills_and_not_their_sum():
    instance = neighbours()
    model = build_sdr(instance)
    outcome = solve_nlp(model)
    base = model.base_kwh.value * model.base_price.value
    linear = run_community_cost(instance)
    assert outcome.objective * base == pytest.approx(COST.value(instance, linear.decision), rel=1e-7)
    bills = sum(pyo.value(model.bill[i]) for i in model.member)
    rest = outcome.objective - bills
    assert rest == pytest.approx(0.0, abs=1e-9), "without peak, comfort and terminal values, bills are all there is"
    names = {variable.parent_component().name for variable in identify_variables(model.sum_of_bills.expr)}
    assert {"net", "buying_price", "selling_price"} <= names
    assert not {"imported", "exported"} & names


def test_prices_of_the_program_are_those_of_the_formula_up_to_smoothing():
    instance = neighbours()
    model = build_sdr(instance)
    solve_nlp(model)
    sell, buy = (
        np.array([variable[t].value for t in model.interval]) for variable in (model.total_selling, model.total_buying)
    )
    scaled = per_unit(instance, *base_of(instance))
    buying, selling = sdr_prices(buy, sell, scaled.buy_price, scaled.sell_price)
    found = np.array([[model.buying_price[t].value, model.selling_price[t].value] for t in model.interval])
    np.testing.assert_allclose(found[:, 0], buying, atol=1e-4)
    np.testing.assert_allclose(found[:, 1], selling, atol=1e-4)
    for t in model.interval:
        for i in model.member:
            parts = pyo.value(model.buying[t, i]) * pyo.value(model.selling[t, i])
            assert parts == pytest.approx(SMOOTHING**2, rel=1e-6)


def test_a_market_where_one_side_is_missing_is_solved_as_well():
    for generation in (0.0, 9.0):
        instance = neighbours(generation_kwh=np.full((4, 2), generation), capacity_kwh=[0.0])
        answer = run_sdr(instance)
        linear = COST.value(instance, run_community_cost(instance).decision)
        assert relative(COST.value(instance, answer.decision), linear, instance) <= 1e-6
        expected = "nobody buys" if generation else "nobody sells"
        assert set(answer.logs["internal_prices"]["case"]) == {expected}


def test_nothing_is_printed(capfd):
    run_sdr(neighbours())
    # More equations than variables, about which CasADi would warn past its options.
    model = pyo.ConcreteModel()
    model.x = pyo.Var(initialize=0.5)
    model.once = pyo.Constraint(expr=model.x == 0.25)
    model.twice = pyo.Constraint(expr=2 * model.x == 0.5)
    model.cost = pyo.Objective(expr=model.x**2)
    with pytest.raises(SolverError):
        solve_nlp(model)
    assert capfd.readouterr() == ("", "")


def test_binaries_are_refused_with_the_reason_and_infeasible_instances_explained():
    with pytest.raises(NotApplicable, match=r"binary variables are needed.*exceeds the buying price"):
        run_sdr(neighbours(sell_price=[0.4, 0.05, 0.05, 0.05]))
    with pytest.raises(InfeasibleError, match="cannot be served"):
        run_sdr(neighbours(import_limit_kw=[0.5] * 4))


def test_a_missing_extra_names_its_command(monkeypatch):
    load = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "casadi":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NotApplicable, match=r"pip install 'commonwatt\[nlp\]'"):
        run_sdr(neighbours())


def test_too_little_time_leaves_no_answer():
    with pytest.raises(NotApplicable, match="within 0 s"):
        run_sdr(neighbours(), time_limit_s=0.0)


class TestGate:
    def model(self, sense=pyo.minimize):
        model = pyo.ConcreteModel(name="bowl")
        model.x = pyo.Var(bounds=(-5.0, 5.0), initialize=1.0)
        model.y = pyo.Var(initialize=1.0)
        model.sum = pyo.Constraint(expr=model.x + model.y >= 3.0)
        bowl = (model.x - 1) ** 2 + model.y**2
        model.cost = pyo.Objective(expr=bowl if sense == pyo.minimize else -bowl, sense=sense)
        return model

    @pytest.mark.parametrize("sense", [pyo.minimize, pyo.maximize])
    def test_values_and_duals(self, sense):
        model = self.model(sense)
        outcome = solve_nlp(model)
        sign = 1.0 if sense == pyo.minimize else -1.0
        assert outcome.status is Status.OPTIMAL
        assert (model.x.value, model.y.value) == pytest.approx((2.0, 1.0), abs=1e-7)
        assert outcome.objective == pytest.approx(2.0 * sign, abs=1e-7)
        assert outcome.dual(model.sum) == pytest.approx(2.0 * sign, abs=1e-6)
        assert outcome.bound == -np.inf * sign

    def test_what_cannot_be_solved_leaves_no_values(self):
        model = self.model()
        model.impossible = pyo.Constraint(expr=model.x**2 + model.y**2 <= 1.0)
        with pytest.raises(InfeasibleError, match="bowl"):
            solve_nlp(model)
        assert model.x.value is None

    def test_what_ipopt_does_not_see_is_refused(self):
        model = self.model()
        model.n = pyo.Var(domain=pyo.Integers)
        with pytest.raises(ValueError, match="integer"):
            solve_nlp(model)
        model = self.model()
        model.z = pyo.Var([0, 1])
        model.weights = pyo.SOSConstraint(var=model.z, sos=1)
        with pytest.raises(ValueError, match="SOSConstraint"):
            solve_nlp(model)
        with pytest.raises(ValueError, match="no_such_option"):
            solve_nlp(self.model(), no_such_option=1)

    def test_an_iteration_limit_is_an_error(self):
        with pytest.raises(SolverError, match="Maximum_Iterations_Exceeded"):
            solve_nlp(self.model(), max_iter=1)


def test_units_of_its_own_change_nothing_but_the_size_of_cost():
    instance = random_scheduling(12)
    base = base_of(instance)
    scaled = per_unit(instance, *base)
    whole = run_community_cost(instance)
    part = run_community_cost(scaled)
    cost, small = COST.value(instance, whole.decision), COST.value(scaled, part.decision)
    assert small * base[0] * base[1] == pytest.approx(cost, rel=1e-9)
    assert build_community_cost(scaled).nconstraints() == build_community_cost(instance).nconstraints()


def test_what_a_solver_is_off_is_moved_into_the_rules():
    instance = neighbours(minimum_kwh=[0.5], initial_kwh=[0.5], final_kwh=[1.5])
    random = np.random.default_rng(2)
    for _ in range(50):
        content = random.uniform(-1.0, 3.0, (5, 1))
        service = served_in_full(instance, np.clip(random.uniform(-0.5, 1.5, (4, 1)), 0, 1))
        assert service.sum() == pytest.approx(1.0)
        assert ((service >= 0) & (service <= 1)).all()
        moved = reachable(instance, content)
        decision = schedule(instance, moved, service)
        assert not violations(instance, decision)
        np.testing.assert_allclose(reachable(instance, moved), moved, atol=1e-15)
        assert set(bills_of(instance, decision)) == {"internal_prices", "bills"}
