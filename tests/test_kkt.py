"""Bilevel programs at one level: what is refused, hand-solved games, three ways to state complementarity that agree."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from commonwatt.solvers.kkt import single_level
from commonwatt.solvers.kkt_margin import circuit
from commonwatt.solvers.programs import solve_pyomo
from commonwatt.solvers.scip_programs import solve_scip
from pyomo.common.collections import ComponentMap


def duopoly(worth=1.0, curvature=1.0, most=10.0):
    """A seller asks p, a buyer buys x to maximise worth x - curvature x²/2 - p x: x = (worth - p) / curvature."""
    model = pyo.ConcreteModel("one price")
    model.price = pyo.Var(bounds=(0, worth))
    model.buyer = pyo.Block()
    model.buyer.bought = pyo.Var(domain=pyo.NonNegativeReals)
    model.buyer.limit = pyo.Constraint(expr=model.buyer.bought <= most)
    x = model.buyer.bought
    model.buyer.cost = pyo.Objective(expr=model.price * x - worth * x + 0.5 * curvature * x**2)
    model.income = pyo.Objective(expr=model.price * x, sense=pyo.maximize)
    bounds = ComponentMap([(x, (most, worth)), (model.buyer.limit, (most, worth))])
    return model, bounds


def transporter(prices_bounded=True):
    """A leader prices one of two roads; the follower sends 3 units, the free road costs 2 each: the price is 2."""
    model = pyo.ConcreteModel("toll")
    model.toll = pyo.Var(bounds=(0, 5))
    model.carrier = pyo.Block()
    model.carrier.toll_road = pyo.Var(domain=pyo.NonNegativeReals)
    model.carrier.free_road = pyo.Var(domain=pyo.NonNegativeReals)
    road, free = model.carrier.toll_road, model.carrier.free_road
    model.carrier.all_is_sent = pyo.Constraint(expr=road + free == 3)
    model.carrier.cost = pyo.Objective(expr=model.toll * road + 0.5 * road + 2 * free)
    model.income = pyo.Objective(expr=model.toll * road, sense=pyo.maximize)
    dearest = 10.0 if prices_bounded else float("nan")
    return model, ComponentMap([(road, (3.0, dearest)), (free, (3.0, 10.0))])


# --- hand-solved games -------------------------------------------------------------------------------------------


def test_toll_is_what_the_free_road_costs_more():
    model, bounds = transporter()
    program = single_level(model, [model.carrier], bounds)
    outcome = solve_pyomo(model)
    assert outcome.objective == pytest.approx(4.5)
    assert model.toll.value == pytest.approx(1.5)
    assert model.carrier.toll_road.value == pytest.approx(3.0)
    table = program.table()
    assert table["product"].max() <= 1e-9
    assert len(table) == 2


@pytest.mark.parametrize("mode", ["sos1", "menu"])
def test_toll_by_other_modes(mode):
    model, bounds = transporter(prices_bounded=False)
    menus = ComponentMap([(model.toll, [0.5, 1.0, 1.5, 2.0, 5.0])]) if mode == "menu" else None
    single_level(model, [model.carrier], bounds, mode=mode, menus=menus)
    outcome = solve_scip(model) if mode == "sos1" else solve_pyomo(model)
    assert outcome.objective == pytest.approx(4.5)


def test_toll_of_a_menu_without_the_best_price_is_the_next_lower():
    model, bounds = transporter()
    menus = ComponentMap([(model.toll, [0.0, 1.2, 1.9])])
    single_level(model, [model.carrier], bounds, mode="menu", menus=menus)
    assert solve_pyomo(model).objective == pytest.approx(3.6)


def test_monopoly_price_is_half_of_what_the_first_unit_is_worth():
    model, bounds = duopoly(worth=0.8, curvature=0.2)
    single_level(model, [model.buyer], bounds, mode="sos1")
    assert solve_scip(model).objective == pytest.approx(0.8**2 / (4 * 0.2), rel=1e-5)
    assert model.price.value == pytest.approx(0.4, abs=1e-3)


def test_monopoly_price_from_a_menu_with_quadratic_followers():
    model, bounds = duopoly(worth=0.8, curvature=0.2)
    menus = ComponentMap([(model.price, [0.1, 0.3, 0.4, 0.7])])
    single_level(model, [model.buyer], bounds, menus=menus)
    assert solve_pyomo(model).objective == pytest.approx(0.8)


def test_leader_in_the_constant_sides_of_constraints():
    model = pyo.ConcreteModel("quota")
    model.quota = pyo.Var(bounds=(0, 4))
    model.firm = pyo.Block()
    model.firm.made = pyo.Var(domain=pyo.NonNegativeReals)
    model.firm.at_least = pyo.Constraint(expr=model.firm.made >= model.quota - 1)
    model.firm.at_most = pyo.Constraint(expr=model.firm.made <= 9)
    model.firm.cost = pyo.Objective(expr=2 * model.firm.made)
    model.gain = pyo.Objective(expr=3 * model.firm.made - model.quota, sense=pyo.maximize)
    bounds = ComponentMap([(model.firm.made, (9, 2)), (model.firm.at_least, (10, 2)), (model.firm.at_most, (9, 0))])
    single_level(model, [model.firm], bounds)
    # Alone the firm would make nothing; told to make 3 it makes 3.
    assert solve_pyomo(model).objective == pytest.approx(3 * 3 - 4)


def test_constants_that_are_too_small_give_a_wrong_optimum_without_a_word():
    model, bounds = transporter()
    right = single_level(model, [model.carrier], bounds, price_factor=0.1)
    outcome = solve_pyomo(model)
    # The free road's reduced cost may not exceed 1 now, nor the toll road's.
    assert right.table()["price_use"].max() <= 1.0 + 1e-9
    assert outcome.objective == pytest.approx(4.5)
    model, bounds = transporter()
    single_level(model, [model.carrier], ComponentMap([(k, (3.0, 1.0)) for k in bounds]), price_factor=0.5)
    model.toll.setlb(3.0)
    # At a toll of 3 the toll road costs 1.5 more than the free one, which a constant of 0.5 rules out.
    with pytest.raises(Exception, match="infeasible"):
        solve_pyomo(model)


# --- what is refused ---------------------------------------------------------------------------------------------


def test_pair_without_a_proven_bound_is_refused_by_name():
    model, bounds = transporter(prices_bounded=False)
    with pytest.raises(ValueError, match=r"carrier\.toll_road has no proven bound of its price .*sos1"):
        single_level(model, [model.carrier], bounds)


def test_bounds_of_a_followers_variables_are_refused():
    model, bounds = transporter()
    model.carrier.free_road.setub(7)
    with pytest.raises(ValueError, match=r"carrier\.free_road of a follower is bounded .*as a constraint"):
        single_level(model, [model.carrier], bounds)


def test_integers_products_ranges_and_wrong_senses_of_followers_are_refused():
    model, bounds = transporter()
    model.carrier.whole = pyo.Var(domain=pyo.Binary)
    with pytest.raises(ValueError, match="is discrete"):
        single_level(model, [model.carrier], bounds)
    model, bounds = transporter()
    model.carrier.odd = pyo.Constraint(expr=model.toll * model.carrier.free_road <= 1)
    with pytest.raises(ValueError, match="is not linear"):
        single_level(model, [model.carrier], bounds)
    model, bounds = transporter()
    model.carrier.between = pyo.Constraint(expr=(1, model.carrier.free_road, 2))
    with pytest.raises(ValueError, match="two sides"):
        single_level(model, [model.carrier], bounds)
    model, bounds = transporter()
    model.carrier.cost.sense = pyo.maximize
    with pytest.raises(ValueError, match="maximises"):
        single_level(model, [model.carrier], bounds)
    model, bounds = transporter()
    model.carrier.second = pyo.Objective(expr=model.carrier.free_road)
    with pytest.raises(ValueError, match="2 active objectives"):
        single_level(model, [model.carrier], bounds)
    model, bounds = transporter()
    model.carrier.stray = pyo.Constraint(expr=model.toll <= 3)
    with pytest.raises(ValueError, match="holds no variable of its follower"):
        single_level(model, [model.carrier], bounds)


def test_nonconvex_followers_are_refused():
    model, bounds = duopoly(curvature=-1.0)
    with pytest.raises(ValueError, match=r"is not convex \(eigenvalue -1\)"):
        single_level(model, [model.buyer], bounds)


def test_products_that_are_no_payment_are_refused():
    model, bounds = transporter()
    model.income.deactivate()
    model.other = pyo.Objective(expr=model.toll * model.carrier.free_road, sense=pyo.maximize)
    with pytest.raises(ValueError, match=r"holds (toll · carrier\.free_road|carrier\.free_road · toll).*menu"):
        single_level(model, [model.carrier], bounds)
    model, bounds = duopoly()
    with pytest.raises(ValueError, match="no payment of a linear follower"):
        single_level(model, [model.buyer], bounds)


def test_modes_say_what_they_need():
    model, bounds = transporter()
    with pytest.raises(ValueError, match="unknown mode 'sos2'"):
        single_level(model, [model.carrier], bounds, mode="sos2")
    with pytest.raises(ValueError, match="needs the binaries"):
        single_level(model, [model.carrier], bounds, mode="sos1", strict=0.1)
    with pytest.raises(ValueError, match="toll in carrier's payments has no menu"):
        single_level(model, [model.carrier], bounds, mode="menu")
    model, bounds = duopoly()
    with pytest.raises(ValueError, match="needs linear followers"):
        single_level(model, [model.buyer], bounds, mode="menu", menus=ComponentMap([(model.price, [0.5])]))
    model, bounds = transporter()
    with pytest.raises(ValueError, match="menu of toll is empty"):
        single_level(model, [model.carrier], bounds, mode="menu", menus=ComponentMap([(model.toll, [])]))


def test_special_ordered_sets_do_not_reach_highs_in_silence():
    model, bounds = transporter()
    single_level(model, [model.carrier], bounds, mode="sos1")
    with pytest.raises(ValueError, match="SOSConstraint, which HiGHS never sees"):
        solve_pyomo(model)


# --- random linear followers -------------------------------------------------------------------------------------


def random_game(seed):
    """A follower who covers needs from priced and free goods; boxes and needs drawn, bounds by hand."""
    rng = np.random.default_rng(seed)
    goods, needs = 4, 2
    model = pyo.ConcreteModel("goods")
    high = 3.0
    model.price = pyo.Var(range(2), bounds=(0, high))
    model.user = pyo.Block()
    user = model.user
    user.used = pyo.Var(range(goods), domain=pyo.NonNegativeReals)
    user.bought = pyo.Var(range(needs), domain=pyo.NonNegativeReals)
    gives = rng.integers(0, 3, (needs, goods)).astype(float)
    cost, room = rng.uniform(0.1, 1.0, goods), rng.uniform(0.5, 2.0, goods)
    want = rng.uniform(1.0, 4.0, needs)
    user.need = pyo.Constraint(
        range(needs), rule=lambda b, k: sum(gives[k, j] * b.used[j] for j in range(goods)) + b.bought[k] >= want[k]
    )
    user.room = pyo.Constraint(range(goods), rule=lambda b, j: b.used[j] <= room[j])
    # What is missing is bought elsewhere at 2, so that no need is worth more.
    user.cost = pyo.Objective(
        expr=sum(cost[j] * user.used[j] for j in range(goods))
        + sum(model.price[j] * user.used[j] for j in range(2))
        + 2.0 * sum(user.bought.values())
    )
    model.income = pyo.Objective(expr=sum(model.price[j] * user.used[j] for j in range(2)), sense=pyo.maximize)
    bounds = ComponentMap()
    for j in range(goods):
        most = 2.0 * float(gives[:, j].sum())
        bounds[user.used[j]] = room[j], cost[j] + (high if j < 2 else 0.0) + most
        bounds[user.room[j]] = room[j], most
    for k in range(needs):
        bounds[user.bought[k]] = want[k], 2.0
        bounds[user.need[k]] = float(gives[k] @ room) + want[k], 2.0
    return model, bounds, (gives, cost, room, want)


@pytest.mark.parametrize("seed", range(12))
def test_modes_agree_and_brute_force_on_the_menu_agrees_with_the_menu(seed):
    from scipy.optimize import linprog

    levels = [0.0, 0.4, 0.9, 1.5]
    found = {}
    for name in ("bigm", "ten times", "sos1", "menu", "bigm on the menu"):
        model, bounds, data = random_game(seed)
        on_menu = "menu" in name
        menus = ComponentMap([(model.price[j], levels) for j in range(2)]) if on_menu else None
        mode = "sos1" if name == "sos1" else "menu" if name == "menu" else "bigm"
        factor = 10.0 if name == "ten times" else 1.0
        single_level(model, [model.user], bounds, mode=mode, menus=menus, price_factor=factor)
        found[name] = (solve_scip(model) if mode == "sos1" else solve_pyomo(model)).objective
    assert found["ten times"] == pytest.approx(found["bigm"], abs=1e-5)
    assert found["sos1"] == pytest.approx(found["bigm"], abs=1e-5)
    assert found["bigm on the menu"] == pytest.approx(found["menu"], abs=1e-5)
    assert found["menu"] <= found["bigm"] + 1e-6
    gives, cost, room, want = data
    rows, sides = np.hstack([-gives, -np.eye(2)]), -want
    box = [(0, one) for one in room] + [(0, None)] * 2
    best = -np.inf
    for first in levels:
        for second in levels:
            own = np.concatenate([cost + np.array([first, second, 0.0, 0.0]), [2.0, 2.0]])
            least = linprog(own, A_ub=rows, b_ub=sides, bounds=box).fun
            income = np.array([-first, -second, 0, 0, 0, 0])
            capped = linprog(income, A_ub=np.vstack([rows, own]), b_ub=np.append(sides, least + 1e-9), bounds=box)
            best = max(best, -capped.fun)
    assert found["menu"] == pytest.approx(best, abs=1e-5)


def test_circuit_is_a_least_dependent_set():
    matrix = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    assert circuit(matrix, [0, 1, 3]) is None
    assert circuit(matrix, []) is None
    assert sorted(circuit(matrix, [0, 1, 2, 3])) == [0, 1, 2]
