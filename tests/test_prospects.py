"""A leader's price before an unknown tomorrow: worked numbers, equilibria by three ways, bounds, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.instances.errors import InstanceError, NotApplicable
from commonwatt.instances.prospects import ProspectsInstance
from commonwatt.models.stackelberg.prospects import profit, profit_bound, violations
from commonwatt.models.stackelberg.prospects_program import build_answer
from commonwatt.models.stackelberg.prospects_response import member_value, regret, value_of_keeping
from commonwatt.solvers.kernels.prospect_prices import expected_prospect, kept_energy, price_today, selling_threshold
from commonwatt.solvers.programs import solve_cvxpy
from commonwatt.solvers.prospects_runs import answered, best_prices, equilibrium_by_program
from makers_prospects import random_prospects
from scipy.integrate import quad

import commonwatt as cw


def with_slope(seed):
    """A random game whose price has a slope."""
    return random_prospects(seed if seed % 3 else seed + 1)


# --- worked numbers ----------------------------------------------------------------------------------------------


def test_leader_at_the_interior_formula():
    solution = cw.solve(cw.load("stackelberg/four-stores"))
    assert solution.objective == pytest.approx(0.16, abs=1e-12)
    assert solution.decision.base_price[0] == pytest.approx(0.10, abs=1e-7)
    np.testing.assert_allclose(solution.decision.traded_kwh, 2.0, atol=1e-6)


def test_interior_formula_does_not_see_limits():
    game = cw.load("stackelberg/full-stores")
    formula, best = (cw.solve(game, method=one).objective for one in ("interior_formula", "best_price"))
    assert best > formula + 0.1


@pytest.mark.parametrize(
    ("aversion", "curvature", "threshold"),
    [(1.0, 1.0, 0.2), (1.0, 0.88, 0.2), (2.25, 1.0, 0.18), (2.25, 0.88, 0.17876)],
)
def test_thresholds(aversion, curvature, threshold):
    found = float(selling_threshold(0.1, 0.3, aversion, curvature))
    assert found == pytest.approx(threshold, abs=1e-5)
    around = expected_prospect(np.array([found - 1e-6, found + 1e-6]), 0.1, 0.3, aversion, curvature)
    assert around[0] > 0 > around[1]


def test_buying_of_sellers_who_fear_losses():
    game = cw.load("stackelberg/fearful-sellers")
    aware, blind = (cw.solve(game, method=one) for one in ("best_price", "expected_utility"))
    assert aware.decision.base_price[0] == pytest.approx(0.18990, abs=1e-5)
    assert aware.objective == pytest.approx(0.21071, abs=1e-5)
    assert blind.decision.base_price[0] == pytest.approx(0.20)
    assert blind.objective == pytest.approx(0.20)


def test_fear_of_losses_shrinks_trade_as_the_first_order_condition_says():
    game = cw.load("stackelberg/four-stores").replace(price_slope=[0.02])
    bold = answered(game, np.array([0.1]))
    fearful = answered(game.replace(loss_aversion=[2.25] * 4), np.array([0.1]))
    assert bold.traded_kwh[0, 0] == pytest.approx(1.0)
    bought = fearful.traded_kwh[0, 0]
    assert 0.0 < bought < 0.9
    # By hand: what a kWh brings, less fear, is what keeping one more takes off all that is kept.
    theta = 0.1 + 0.02 * 4 * bought - 0.02 * 2.0
    risk = (theta - 0.1) / 0.2
    assert 0.2 - theta - 1.25 * 0.1 * risk**2 == pytest.approx(0.02 * (2.0 + bought) * (1.0 + 1.25 * risk), abs=1e-9)


# --- values and answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theta", [-0.1, 0.1, 0.17, 0.26, 0.3, 0.45])
@pytest.mark.parametrize(("aversion", "curvature"), [(1.0, 1.0), (2.25, 1.0), (2.25, 0.88), (3.0, 0.5)])
def test_expected_values_are_the_integral(theta, aversion, curvature):
    def value(price):
        gain = price - theta
        return gain**curvature if gain >= 0 else -aversion * (-gain) ** curvature

    points = [theta] if 0.1 < theta < 0.3 else None
    integral = quad(value, 0.1, 0.3, points=points, epsabs=1e-12)[0] / 0.2
    assert float(expected_prospect(theta, 0.1, 0.3, aversion, curvature)) == pytest.approx(integral, abs=1e-8)
    low, high, one = np.array(0.1), np.array(0.3), np.array(theta)
    assert float(value_of_keeping(one, low, high, np.array(aversion), curvature)) == pytest.approx(integral, abs=1e-8)


@pytest.mark.parametrize("seed", range(20))
def test_nobody_gains_in_the_equilibrium_and_best_replies_in_turn_find_it(seed):
    game = with_slope(seed)
    rng = np.random.default_rng(seed)
    base = rng.uniform(game.price_low, game.price_high)
    decision = answered(game, base)
    assert violations(game, decision) == []
    # One member after the other replies best to the rest, by the rules' own values on a fine grid.
    t = 0
    traded = decision.traded_kwh.copy()
    for i in range(len(game.member)):
        others = traded[t].sum() - traded[t, i]
        grid = np.linspace(0.0, game.capacity_kwh[t, i], 2001)
        shape = (len(game.interval), len(game.member))
        best = -np.inf
        for kept in grid[:: max(1, len(grid) // 200)]:
            full, rest = np.zeros(shape), np.zeros(shape)
            full[t, i], rest[t, i] = kept, others
            best = max(best, member_value(game, base, rest, full)[t, i])
        own, rest = np.zeros(shape), np.zeros(shape)
        own[t, i], rest[t, i] = game.stored_kwh[t, i] + traded[t, i], others
        assert member_value(game, base, rest, own)[t, i] >= best - 1e-9 * max(1.0, game.money_size[t, i])


@pytest.mark.parametrize("seed", range(0, 24, 2))
def test_equilibrium_is_the_least_of_the_potential(seed):
    game = with_slope(seed).replace(loss_aversion=np.ones(len(with_slope(seed).member)))
    base = np.random.default_rng(seed).uniform(game.price_low, game.price_high)
    kernel = answered(game, base).traded_kwh
    for t in range(len(base)):
        np.testing.assert_allclose(equilibrium_by_program(game, t, float(base[t])), kernel[t], atol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_answers_over_scenarios_come_close_to_those_over_the_range(seed):
    game = with_slope(seed)
    base = 0.5 * (game.price_low + game.price_high)
    kept = game.stored_kwh + answered(game, base).traded_kwh
    scenarios = 400
    points = game.future_low[0] + (np.arange(scenarios) + 0.5) / scenarios * (game.future_high[0] - game.future_low[0])
    for i in range(len(game.member)):
        others = float((kept[0] - game.stored_kwh[0]).sum() - (kept[0, i] - game.stored_kwh[0, i]))
        problem, variable = build_answer(game, 0, i, float(base[0]), others, points)
        outcome = solve_cvxpy(problem)
        shape = (len(game.interval), len(game.member))
        own, rest = np.zeros(shape), np.zeros(shape)
        rest[0, i], own[0, i] = others, float(variable.value)
        at_program = member_value(game, base, rest, own)[0, i]
        own[0, i] = kept[0, i]
        at_kernel = member_value(game, base, rest, own)[0, i]
        size = max(1.0, float(game.money_size[0, i]))
        assert at_kernel == pytest.approx(at_program, abs=1e-5 * size)
        assert outcome.objective == pytest.approx(at_kernel, abs=1e-4 * size)


@pytest.mark.parametrize("seed", range(10))
def test_what_is_kept_falls_in_todays_price(seed):
    game = with_slope(seed)
    prices = np.linspace(-0.3, 0.8, 300)
    t = 0
    kept = kept_energy(
        prices,
        float(game.price_slope[t]),
        game.stored_kwh[t],
        game.capacity_kwh[t],
        float(game.future_low[t]),
        float(game.future_high[t]),
        game.loss_aversion,
    )
    assert (np.diff(kept, axis=0) <= 1e-12).all()


def test_price_today_is_the_base_price_and_what_is_bought():
    price, kept = price_today(0.1, 0.01, [2.0] * 4, [4.0] * 4, 0.1, 0.3, np.ones(4))
    assert price == pytest.approx(0.1 + 0.01 * (kept.sum() - 8.0), abs=1e-12)
    assert price == pytest.approx(0.18)


# --- the leader --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(24))
def test_best_price_is_no_worse_than_a_grid_and_no_better_than_the_bound(seed):
    game = random_prospects(seed)
    best = profit(game, answered(game, best_prices(game)))
    grid = []
    for share in np.linspace(0.0, 1.0, 301):
        decision = answered(game, game.price_low + share * (game.price_high - game.price_low))
        bought = decision.traded_kwh.sum(axis=1)
        grid.append((decision.base_price + game.price_slope * bought - game.supply_price) * bought)
    assert best >= np.max(grid, axis=0).sum() - 1e-9
    bound = profit_bound(game, None)
    assert best <= bound + 1e-12
    assert bound - best <= 1e-6 * max(abs(bound), float(game.money_size.sum()), 1e-9)


def test_profit_scales_with_prices_and_members_may_change_places():
    game = random_prospects(4)
    base = cw.solve(game).objective
    names = ("price_slope", "future_low", "future_high", "price_low", "price_high", "supply_price")
    assert cw.solve(game.replace(**{name: 3.0 * getattr(game, name) for name in names})).objective == pytest.approx(
        3.0 * base, rel=1e-6, abs=1e-9
    )
    turned = {name: getattr(game, name)[:, ::-1] for name in ("stored_kwh", "capacity_kwh")}
    assert cw.solve(game.replace(**turned, loss_aversion=game.loss_aversion[::-1])).objective == pytest.approx(base)


def test_programs_say_where_they_do_not_apply():
    with pytest.raises(NotApplicable, match="losses that count more than gains"):
        cw.solve(cw.load("stackelberg/fearful-sellers"), method="price_menu")
    flat = cw.load("stackelberg/four-stores").replace(price_slope=[0.0])
    with pytest.raises(NotApplicable, match="without a slope answers are not unique"):
        cw.solve(flat, method="price_program")


# --- rules -------------------------------------------------------------------------------------------------------


def test_every_rule_is_named_with_both_numbers():
    game = cw.load("stackelberg/four-stores")
    good = cw.solve(game).decision

    def broken(**changes):
        return [str(one) for one in violations(game, good.replace(**changes))]

    assert any("base price is above its range (0.5" in one for one in broken(base_price=[0.5]))
    assert any("base price is below its range" in one for one in broken(base_price=[-0.1]))
    assert any("north: keeps more than it can (5" in one for one in broken(traded_kwh=[[3.0, 2.0, 2.0, 2.0]]))
    assert any("sells more than it has" in one for one in broken(traded_kwh=[[-3.0, 2.0, 2.0, 2.0]]))
    assert any("could do better at this price" in one for one in broken(traded_kwh=[[1.0, 2.0, 2.0, 2.0]]))
    assert regret(game, good.base_price, good.traded_kwh).max() <= 1e-12


def test_bad_ranges_stores_and_curvatures_are_named():
    good = {
        "stored_kwh": [[1.0]],
        "capacity_kwh": [[2.0]],
        "future_low": [0.1],
        "future_high": [0.3],
        "price_low": [0.0],
        "price_high": [0.4],
        "supply_price": [0.2],
    }
    for changes, message in (
        ({"future_high": [0.1]}, r"future_high.*does not lie above future_low = 0\.1"),
        ({"price_high": [-0.1]}, r"price_high.*does not lie above price_low = 0"),
        ({"capacity_kwh": [[0.5]]}, r"capacity_kwh, row .* value 0\.5: is below what is stored, 1 kWh"),
        ({"curvature": 0.88, "price_slope": [0.01]}, r"curvature, value 0\.88: is below 1 although"),
        ({"curvature": 0.0}, r"curvature.*must be positive"),
        ({"loss_aversion": [0.5]}, r"loss_aversion"),
    ):
        with pytest.raises(InstanceError, match=message):
            ProspectsInstance(**{**good, **changes})


def test_capacities_far_beyond_what_anybody_buys_hide_no_loss():
    game = ProspectsInstance(
        stored_kwh=[[2.0, 1.0]], capacity_kwh=[[40.0, 40.0]], loss_aversion=[1.0, 2.0], price_slope=[0.01],
        future_low=[0.1], future_high=[0.3], price_low=[0.0], price_high=[0.4], supply_price=[0.16],
    )  # fmt: skip
    far = game.replace(capacity_kwh=[[1e9, 1e9]])
    np.testing.assert_allclose(far.reach_kwh, [[35.0, 34.0]])
    methods = ["best_price", "middle_price", "grid_search"]
    near, beyond = (cw.compare(one, methods).set_index("method") for one in (game, far))
    np.testing.assert_allclose(beyond["profit"], near["profit"], atol=1e-7)
    assert beyond["status"].tolist() == ["optimal", "feasible", "feasible"]
