"""An operator's prices: worked numbers, the search against cells, grids and the menu program, the bound, identities.

Strategy: the kernel, the cells, the rules' bound and the menu program are four statements of the same game; they are
set against each other on random communities, and against plain grids of prices where none of them is to be trusted.
"""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.instances.errors import InstanceError, NotApplicable
from commonwatt.instances.operator import OperatorInstance
from commonwatt.models.stackelberg import operator_response as rules
from commonwatt.models.stackelberg.operator import (
    OPERATOR,
    OperatorDecision,
    OperatorPrices,
    profit_bound,
    violations,
)
from commonwatt.models.stackelberg.operator_bound import (
    bound_at,
    interval_bound,
    one_price_bound,
    pair_bounds,
    pair_profit,
    pieces_of,
)
from commonwatt.models.stackelberg.operator_program import build_pricing
from commonwatt.solvers.heuristics.operator import best_of_menu
from commonwatt.solvers.kernels import operator_prices_log, operator_prices_quadratic
from commonwatt.solvers.kernels.operator_cells import best_by_cells
from commonwatt.solvers.kernels.operator_pricing import best_prices
from commonwatt.solvers.kkt import single_level
from commonwatt.solvers.operator_runs import answered, members_of, solve_pricing
from commonwatt.solvers.programs import solve_pyomo
from commonwatt.solvers.status import Status
from hypothesis import given, settings
from hypothesis import strategies as st
from makers_operator import random_operator
from pyomo.common.collections import ComponentMap

import commonwatt as cw

SEEDS = st.integers(0, 10_000)
WORKED_LOG = ([4.0, 5.0, 1.0, 0.0], [0.5, 0.6, 0.8, 0.4], 0.0, 20.0, 0.05, 0.30)
WORKED_QUADRATIC = ([5.0, 4.0, 1.0, 0.0], [0.30, 0.30, 0.34, 0.30], [0.04, 0.05, 0.04, 0.05], 0.0, 10.0, 0.05, 0.30)


def earned(instance: OperatorInstance, buy, sell) -> np.ndarray:
    """What prices earn in each interval by the rules, whatever a method says."""
    load = rules.best_response(instance, buy, sell)
    return rules.leader_profit(instance, load, buy, sell)


# Numbers of the specification.


def test_worked_log_numbers():
    found = operator_prices_log(*WORKED_LOG)
    assert found.energy_price == pytest.approx(0.147449, abs=5e-7)
    assert found.sell_price == pytest.approx(0.121429, abs=5e-7)
    assert found.buy_price == pytest.approx(0.242857, abs=5e-7)
    assert found.profit == pytest.approx(0.235714, abs=5e-7)
    np.testing.assert_allclose(found.consumption_kwh, [3.117647, 3.941176, 2.294118, 0.647059], atol=5e-7)
    net = found.consumption_kwh - np.array(WORKED_LOG[0])
    assert np.maximum(net, 0).sum() == pytest.approx(1.941176, abs=5e-7)
    assert net.sum() == pytest.approx(0.0, abs=1e-12)


def test_worked_quadratic_numbers():
    found = operator_prices_quadratic(*WORKED_QUADRATIC)
    assert (found.energy_price, found.sell_price, found.buy_price) == pytest.approx((0.20, 0.15, 0.25), abs=1e-12)
    assert found.profit == pytest.approx(0.225, abs=1e-12)
    net = found.consumption_kwh - np.array(WORKED_QUADRATIC[0])
    assert np.maximum(net, 0).sum() == pytest.approx(2.25, abs=1e-12)
    instance = cw.load("stackelberg/four-prosumers")
    price = rules.competitive_price(instance)
    assert price[0] == pytest.approx(0.2, abs=1e-12)
    assert rules.traded(instance, instance.wanted_kwh(price))[0][0] == pytest.approx(4.5)
    assert rules.greatest_gain(instance) == pytest.approx(0.45)


def test_global_peak_of_two_is_found():
    instance = cw.load("stackelberg/two-peaks")
    found = cw.solve(instance)
    assert found.objective == pytest.approx(16.4167, abs=5e-5)
    assert found.decision.buy_price[0] == 0.30
    buy = np.linspace(0.12, 0.15, 3001)
    local = [earned(instance, np.array([p]), np.array([0.05]))[0] for p in buy]
    assert max(local) == pytest.approx(13.4605, abs=5e-5)
    assert buy[int(np.argmax(local))] == pytest.approx(0.1316, abs=5e-5)


@pytest.mark.parametrize("levels", [6, 11, 26])
def test_worked_menu_program(levels):
    instance = cw.load("stackelberg/four-prosumers")
    found = solve_pricing(instance, 0, np.linspace(0.05, 0.30, levels))
    assert found.profit == pytest.approx(0.225, abs=1e-7)


@pytest.mark.parametrize("seed", range(0, 24, 4))
def test_program_without_a_menu_earns_what_the_search_does(seed):
    instance = random_operator(seed)
    for t in range(len(instance.interval)):
        members = members_of(instance, t)
        best = best_prices(members)
        most = members.profit(best.buy_price, best.sell_price)
        size = float(instance.energy_size[t].max() * instance.price_size[t]) or 1.0
        assert solve_pricing(instance, t, None).profit == pytest.approx(most, abs=1e-5 * size)


# The search against cells and grids.


@pytest.mark.parametrize("seed", range(40))
def test_search_is_never_below_a_grid_and_hardly_above(seed):
    instance = random_operator(seed)
    for t in range(len(instance.interval)):
        members = members_of(instance, t)
        found = best_prices(members)
        menu = np.linspace(members.low, members.high, 131)
        grid = members.profit(*best_of_menu(members, menu))
        assert found.profit >= grid - 1e-12
        # Rounding the best prices up and down to the grid loses no more than this.
        pieces = pieces_of(instance, t, True), pieces_of(instance, t, False)
        traded = sum(float(np.abs([side.net(side.low), side.net(side.high)]).max()) for side in pieces)
        step = menu[1] - menu[0]
        slope = sum(_steepest(side) for side in pieces)
        assert found.profit - grid <= step * (traded + slope * (members.high - members.low)) + 1e-12


def _steepest(side) -> float:
    """Greatest change of the quantity with the price, kWh per currency/kWh."""
    low = np.where(side.weight > 0, side.low, 1.0)
    return float((side.weight / low**2 if side.log else side.weight).max())


@given(SEEDS)
@settings(max_examples=60)
def test_search_and_cells_agree(seed):
    instance = random_operator(seed)
    for t in range(len(instance.interval)):
        members = members_of(instance, t)
        found, other = best_prices(members), best_by_cells(members)
        assert found.profit == pytest.approx(other.profit, rel=1e-10, abs=1e-12)


@given(SEEDS)
@settings(max_examples=60)
def test_prices_surround_the_worth_of_energy(seed):
    instance = random_operator(seed)
    for t in range(len(instance.interval)):
        found = best_prices(members_of(instance, t))
        assert found.sell_price - 1e-12 <= found.energy_price <= found.buy_price + 1e-12
        assert instance.feed_in_price[t] <= found.sell_price <= found.buy_price <= instance.retail_price[t]


@given(SEEDS)
@settings(max_examples=60)
def test_kernel_and_rules_answer_alike(seed):
    instance, rng = random_operator(seed), np.random.default_rng(seed)
    share = np.sort(rng.random((2, len(instance.interval))), axis=0)
    sell, buy = instance.feed_in_price + share * (instance.retail_price - instance.feed_in_price)
    decision = answered(instance, buy, sell)
    np.testing.assert_allclose(decision.consumption_kwh, rules.best_response(instance, buy, sell), atol=1e-12)
    assert violations(instance, decision) == []
    profits = [members_of(instance, t).profit(buy[t], sell[t]) for t in range(len(buy))]
    np.testing.assert_allclose(profits, earned(instance, buy, sell), atol=1e-12)


@given(SEEDS)
@settings(max_examples=40)
def test_no_load_on_a_grid_pays_a_member_more(seed):
    instance, rng = random_operator(seed), np.random.default_rng(seed)
    share = np.sort(rng.random((2, len(instance.interval))), axis=0)
    sell, buy = instance.feed_in_price + share * (instance.retail_price - instance.feed_in_price)
    best = rules.payoff(instance, rules.best_response(instance, buy, sell), buy, sell)
    for part in np.linspace(0, 1, 101):
        load = instance.least_kwh + part * (instance.greatest_kwh - instance.least_kwh)
        assert (rules.payoff(instance, load, buy, sell) <= best + 1e-12).all()


def test_many_members_in_moments():
    rng = np.random.default_rng(1)
    own = rng.lognormal(size=20_000)
    found = operator_prices_log(own, rng.lognormal(-1, 1, len(own)), 0.0, own + 3.0, 0.05, 0.30)
    assert found.profit > 0
    assert found.sell_price <= found.energy_price <= found.buy_price


# The bound.


@given(SEEDS)
@settings(max_examples=40)
def test_bound_is_above_every_price_on_a_grid_and_met(seed):
    instance, rng = random_operator(seed), np.random.default_rng(seed)
    low, high = instance.feed_in_price, instance.retail_price
    scale = OPERATOR.criterion().scale(instance)
    for t in range(len(instance.interval)):
        members = members_of(instance, t)
        best = best_prices(members).profit
        tight = interval_bound(instance, t)
        assert tight == pytest.approx(best, rel=1e-8, abs=1e-9 * scale)
        sides = pieces_of(instance, t, True), pieces_of(instance, t, False)
        values = [*rng.uniform(low[t], high[t], 4), low[t], high[t]]
        assert min(bound_at(*sides, value) for value in values) >= tight - 1e-9 * scale
        menu = np.linspace(low[t], high[t], 21)
        assert members.profit(*best_of_menu(members, menu)) <= tight + 1e-9 * scale


@given(SEEDS)
@settings(max_examples=30)
def test_one_sided_maxima_against_a_grid(seed):
    """Exactness of the bound's one-dimensional maxima, with the roles that followers really take at each price."""
    instance, rng = random_operator(seed), np.random.default_rng(seed)
    for t in range(len(instance.interval)):
        low, high = instance.feed_in_price[t], instance.retail_price[t]
        value = rng.uniform(low, high)
        members = members_of(instance, t)
        for buying in (True, False):
            side = pieces_of(instance, t, buying)
            best = side.best(np.full(len(side.low), value))[1].max()
            prices = np.linspace(low, high, 401)
            net = np.array([members.wanted(p) for p in prices]) - members.own
            net = np.maximum(net, 0).sum(axis=1) if buying else np.minimum(net, 0).sum(axis=1)
            gains = (prices - value) * net
            assert gains.max() <= best + 1e-12
            error = (prices[1] - prices[0]) * (np.abs(net).max() + _steepest(side) * (high - low))
            assert gains.max() >= best - error - 1e-12


def test_one_price_leaves_a_gap_between_two_peaks_only():
    worked = cw.load("stackelberg/four-log-prosumers")
    given_price = OperatorPrices(instance=worked, energy_price=[0.14744897959183675])
    assert profit_bound(worked, given_price) == pytest.approx(33 / 140, rel=1e-12)
    assert profit_bound(worked, OperatorPrices(instance=worked, energy_price=[9.0])) > 33 / 140
    assert profit_bound(worked, None) == pytest.approx(33 / 140, rel=1e-10)


@pytest.mark.parametrize(("seed", "t"), [(16, 1), (28, 1), (31, 0), (50, 1), (64, 0)])
def test_pairs_close_the_gap_that_one_price_leaves(seed, t):
    instance = random_operator(seed)
    low, high = float(instance.feed_in_price[t]), float(instance.retail_price[t])
    best = best_prices(members_of(instance, t)).profit
    loose, _ = one_price_bound(pieces_of(instance, t, True), pieces_of(instance, t, False), low, high)
    assert loose > 1.002 * best
    assert interval_bound(instance, t) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_bound_of_each_pair_is_above_its_prices(seed):
    instance = random_operator(seed)
    low, high = float(instance.feed_in_price[0]), float(instance.retail_price[0])
    buyers, sellers = pieces_of(instance, 0, True), pieces_of(instance, 0, False)
    one, other = (grid.ravel() for grid in np.indices((len(buyers.low), len(sellers.low))))
    buyers, sellers = buyers.take(one), sellers.take(other)
    bound, *_ = pair_bounds(buyers, sellers, low, high)
    reached = np.full(len(one), -np.inf)
    for share in np.linspace(0, 1, 21):
        buy = (1 - share) * buyers.low + share * buyers.high
        for part in np.linspace(0, 1, 21):
            sell = (1 - part) * sellers.low + part * sellers.high
            reached = np.maximum(reached, pair_profit(buyers, sellers, buy, sell, low, high))
    assert (reached <= bound + 1e-12).all()


# The menu program.


@pytest.mark.parametrize("seed", range(0, 40, 2))
def test_program_is_exact_on_its_menu(seed):
    instance = random_operator(seed)
    for t in range(len(instance.interval)):
        members = members_of(instance, t)
        menu = np.linspace(members.low, members.high, 5)
        best = members.profit(*best_of_menu(members, menu))
        found = solve_pricing(instance, t, menu)
        buy, sell, load, profit = found.buy_price, found.sell_price, found.consumption_kwh, found.profit
        size = float(instance.energy_size[t].max()) * float(instance.price_size[t])
        assert profit == pytest.approx(best, abs=1e-6 * max(size, 1.0))
        assert members.profit(buy, sell) == pytest.approx(best, abs=1e-6 * max(size, 1.0))
        np.testing.assert_allclose(load, members.answer(buy, sell), atol=1e-9)


def test_best_of_menu_is_what_all_pairs_give():
    members = members_of(random_operator(4), 0)
    menu = np.linspace(members.low, members.high, 9)
    assert members.profit(*best_of_menu(members, menu)) == pytest.approx(
        max(members.profit(buy, sell) for buy in menu for sell in menu if sell <= buy), abs=1e-14
    )


@pytest.mark.parametrize("factor", [0.5, 0.2])
def test_half_of_a_big_m_is_caught_by_the_operators_gap(factor):
    """Constants that are too small take points away: no member forgoes anything, but the operator's gap shows."""
    instance = cw.load("stackelberg/four-prosumers").replace(retail_price=[0.26], feed_in_price=[0.14])
    menu = np.linspace(0.14, 0.26, 13)
    right = solve_pricing(instance, 0, menu)
    wrong = solve_pricing(instance, 0, menu, price_factor=factor)
    assert wrong.outcome.status is Status.OPTIMAL
    decision = OperatorDecision(
        instance=instance,
        buy_price=[wrong.buy_price],
        sell_price=[wrong.sell_price],
        consumption_kwh=[wrong.consumption_kwh],
    )
    assert violations(instance, decision) == []
    members = members_of(instance, 0)
    best = members.profit(*best_of_menu(members, menu))
    assert right.profit == pytest.approx(best, abs=1e-7)
    assert wrong.profit < 0.99 * best
    assert profit_bound(instance, None) == pytest.approx(best, rel=1e-9)


def test_points_that_are_no_answers_are_caught_by_followers_regret():
    """A program that leaves complementarity out moves members to what suits the operator."""
    instance = cw.load("stackelberg/four-prosumers")
    model, bounds = build_pricing(instance, 0)
    menus = ComponentMap([(one, np.linspace(one.lb, one.ub, 6)) for one in (model.buy_price, model.sell_price)])
    program = single_level(model, list(model.follower.values()), bounds, menus=menus)
    for follower in program.conditions():
        follower.quantity_or_price.deactivate()
    solve_pyomo(model)
    buy, sell = (model.price.value * price() for price in (model.buy_price, model.sell_price))
    load = [[model.energy.value * model.follower[i].used() for i in model.member]]
    decision = OperatorDecision(instance=instance, buy_price=[buy], sell_price=[sell], consumption_kwh=load)
    assert any("could do better" in one.rule for one in violations(instance, decision))


# Identities and invariance.


@given(SEEDS)
@settings(max_examples=60)
def test_half_a_quarter_three_quarters(seed):
    """Quadratic, balanced, no limit met: half the volume, half the gain to the operator, a quarter to members."""
    rng = np.random.default_rng(seed)
    n = 2 * int(rng.integers(1, 4))
    fall = rng.uniform(0.02, 0.08, n)
    # Worth of own use: all sellers at 0.2 - g, all buyers at 0.2 + h, so that roles never change.
    own = rng.uniform(4.0, 8.0, n)
    steep = 1.0 / fall
    down, up = rng.uniform(0.03, 0.07), 0.0
    up = down * steep[: n // 2].sum() / steep[n // 2 :].sum()
    worth = np.where(np.arange(n) < n // 2, 0.2 - down, 0.2 + up)
    instance = OperatorInstance(
        generation_kwh=[own],
        first_worth=[worth + fall * own],
        saturation=[fall],
        greatest_kwh=[own + 100.0 * up],
        least_kwh=[np.maximum(own - 100.0 * down, 0.0)],
        retail_price=[0.25 + up],
        feed_in_price=[0.1],
    )
    found = cw.solve(instance)
    gain = rules.greatest_gain(instance)
    assert found.objective == pytest.approx(gain / 2, rel=1e-9)
    assert found.report.criteria["followers_gain"] == pytest.approx(gain / 4, rel=1e-9)
    assert found.report.criteria["total_gain"] == pytest.approx(0.75 * gain, rel=1e-9)
    assert found.report.criteria["share_lost"] == pytest.approx(0.25, rel=1e-9)
    clearing = instance.wanted_kwh(rules.competitive_price(instance))
    traded = rules.traded(instance, found.decision.consumption_kwh)[0]
    assert traded == pytest.approx(rules.traded(instance, clearing)[0] / 2, rel=1e-9)


@given(SEEDS)
@settings(max_examples=40)
def test_money_energy_and_order_do_not_matter(seed):
    instance, rng = random_operator(seed), np.random.default_rng(seed)
    money = 10.0 ** rng.uniform(-5, 5)
    kwh = 1.0 if instance.utility == "log" else 10.0 ** rng.uniform(-4, 4)
    order = rng.permutation(len(instance.member))
    changes = {"retail_price": money * instance.retail_price, "feed_in_price": money * instance.feed_in_price}
    for name in ("generation_kwh", "least_kwh", "greatest_kwh"):
        changes[name] = kwh * getattr(instance, name)[:, order]
    for name, size in (("first_worth", money), ("saturation", money / kwh), ("log_worth", money)):
        values = getattr(instance, name)
        changes[name] = None if values is None else size * values[:, order]
    one, other = cw.solve(instance), cw.solve(instance.replace(**changes))
    scale = OPERATOR.criterion().scale(instance)
    assert other.objective / (money * kwh) == pytest.approx(one.objective, rel=1e-8, abs=1e-8 * scale)


def test_fixed_roles_lose_where_roles_are_wrong():
    losses = []
    for seed in range(60):
        instance = random_operator(seed)
        best, guess = (cw.solve(instance, method=name).objective for name in ("best_prices", "fixed_roles"))
        assert guess <= best + 1e-9
        losses.append(best - guess)
    assert max(losses) > 0.01


# What is refused.


def test_rules_name_what_is_broken():
    instance = cw.load("stackelberg/four-prosumers")
    load = cw.solve(instance).decision.consumption_kwh
    cases = {
        "below the feed-in price": ([0.25], [0.0], load),
        "below the selling price": ([0.15], [0.25], load),
        "above the retail price": ([0.35], [0.15], load),
        "less than its least": ([0.25], [0.15], [[-1.0, 3.0, 2.25, 1.0]]),
        "more than its greatest": ([0.25], [0.15], [[3.75, 3.0, 12.0, 1.0]]),
        "could do better": ([0.25], [0.15], [[3.75, 3.0, 2.0, 1.0]]),
    }
    for words, (buy, sell, used) in cases.items():
        decision = OperatorDecision(instance=instance, buy_price=buy, sell_price=sell, consumption_kwh=used)
        assert any(words in one.rule for one in violations(instance, decision)), words


def test_bad_data_is_refused_all_at_once():
    with pytest.raises(InstanceError) as caught:
        OperatorInstance(
            generation_kwh=[[5.0, 1.0]],
            first_worth=[[0.3, 0.3]],
            saturation=[[0.0, 0.1]],
            log_worth=[[1.0, 1.0]],
            least_kwh=[[6.0, 0.0]],
            greatest_kwh=[[9.0, 0.5]],
            retail_price=[0.1],
            feed_in_price=[0.2],
            dt_h=0.0,
        )
    text = str(caught.value)
    for word in ("dt_h", "feed_in_price", "saturation", "log_worth", "least_kwh", "greatest_kwh"):
        assert word in text
    with pytest.raises(InstanceError, match="log_worth"):
        OperatorInstance(generation_kwh=[[1.0]], utility="log", greatest_kwh=[[2.0]], retail_price=[0.3])


def test_kernel_refuses_bad_input():
    with pytest.raises(ValueError, match=r"member 1: q must be positive"):
        operator_prices_quadratic([1.0, 1.0], 0.3, [0.1, 0.0], 0.0, 2.0, 0.05, 0.3)
    with pytest.raises(ValueError, match=r"member 0: k must be positive"):
        operator_prices_log([1.0, 1.0], -1.0, 0.0, 2.0, 0.05, 0.3)
    with pytest.raises(ValueError, match=r"member 1: generation 3 must lie in the limits \[0, 2\]"):
        operator_prices_log([1.0, 3.0], 1.0, 0.0, 2.0, 0.05, 0.3)
    with pytest.raises(ValueError, match=r"feed-in price 0\.4 must not be above the retail price 0\.3"):
        operator_prices_log([1.0], 1.0, 0.0, 2.0, 0.4, 0.3)
    with pytest.raises(ValueError, match="member 0"):
        operator_prices_log([np.nan], 1.0, 0.0, 2.0, 0.05, 0.3)


def test_methods_refuse_what_they_cannot_do():
    log, quadratic = (cw.load(f"stackelberg/{name}") for name in ("four-log-prosumers", "four-prosumers"))
    for instance, spelled, words in (
        (log, "price_menu", "quadratic utilities only"),
        (quadratic, "price_menu(levels=1)", "at least 2"),
        (quadratic, "grid_search(levels=1)", "at least 2"),
        (quadratic, "mid_market(buying=0.1, selling=0.5)", "shares"),
        (quadratic, "role_iteration(rounds=0)", "at least one round"),
    ):
        with pytest.raises(NotApplicable, match=words):
            cw.solve(instance, method=spelled)


def test_limits_far_beyond_what_anybody_wants_hide_no_loss():
    homes = cw.load("stackelberg/four-prosumers")
    far = homes.replace(greatest_kwh=np.full((1, 4), 1e9))
    assert far.energy_size.max() < 10.0
    frame = cw.compare(far, ["best_prices", "price_menu", "grid_prices", "mid_market"]).set_index("method")
    near = cw.compare(homes, ["best_prices", "price_menu", "grid_prices", "mid_market"]).set_index("method")
    np.testing.assert_allclose(frame["profit"], near["profit"], atol=1e-9)
    assert frame["status"].tolist() == near["status"].tolist()
    assert (frame["profit_gap"] - near["profit_gap"]).abs().max() < 1e-6


def test_an_unknown_utility_is_one_clear_error():
    with pytest.raises(InstanceError, match="column utility, value 'cubic': is unknown; choose one of"):
        cw.load("stackelberg/four-prosumers").replace(utility="cubic")
