"""Responsive loads: the specification's numbers, equilibrium and optimum against brute force, bounds, edge cases.

Strategy: the kernels, the program and the rules are three statements of the same things, so they are set against each
other on random communities; where none of them is to be trusted, loads and ratios are gone through on a grid.
"""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.instances.errors import InstanceError, NotApplicable
from commonwatt.instances.responsive import ResponsiveInstance
from commonwatt.models.problem import problem
from commonwatt.models.settlement import response
from commonwatt.models.settlement.responsive import (
    ResponsiveDecision,
    ResponsivePrices,
    residual,
    share_of_gain,
    share_of_gain_from,
    social_bound,
    violations,
)
from commonwatt.solvers.kernels.equilibrium import clearing_price, sharing_equilibrium
from commonwatt.solvers.kernels.internal_prices import sdr_prices
from commonwatt.solvers.kernels.response import best_response
from commonwatt.solvers.responsive_runs import answer_to, settle_at_one_price, settle_by_ratio
from commonwatt.solvers.solution import load_solution
from hypothesis import given, settings
from hypothesis import strategies as st
from makers_responsive import random_responsive

import commonwatt as cw

SEEDS = st.integers(0, 10_000)


def five(theta: float = 0.05, **fields) -> ResponsiveInstance:
    return cw.load("settlement/five-prosumers").replace(discomfort=[theta] * 5, **fields)


def uncoupled(seed: int) -> ResponsiveInstance:
    return random_responsive(seed).replace(total_kwh=None)


def ratio_of(instance: ResponsiveInstance, load: np.ndarray) -> np.ndarray:
    bought, sold = response.traded(instance, load)
    return sold / bought


def settled(instance: ResponsiveInstance, load) -> ResponsiveDecision:
    return settle_by_ratio(instance, np.asarray(load, dtype=float)).decision


# Facts of the specification.


def test_ratio_of_the_five_prosumers():
    load = cw.solve(five(), method="equilibrium").decision.load_kwh
    assert ratio_of(five(), load)[0] == pytest.approx(0.90814, abs=5e-6)


def test_naive_iteration_alternates_between_two_ratios():
    log = cw.solve(five(), method="damped_iteration(damping=1.0)").logs["rounds"]["supply_over_demand"]
    assert sorted(log.iloc[-2:]) == pytest.approx([0.80, 1.0764], abs=5e-5)
    assert log.iloc[-4:-2].tolist() == pytest.approx(log.iloc[-2:].tolist(), rel=1e-12)


def test_damped_iteration_settles_at_the_equilibrium():
    damped, exact = (cw.solve(five(), method=m, criterion="residual") for m in ("damped_iteration", "equilibrium"))
    assert damped.objective < 1e-11
    np.testing.assert_allclose(damped.decision.load_kwh, exact.decision.load_kwh, atol=1e-10)
    assert "settled in" in damped.notes[0]


def test_share_of_the_gain_at_a_discomfort_of_a_fifth():
    """The reading that gives the specification's .847: against members alone at the grid's prices."""
    instance = five(0.2)
    decision = cw.solve(instance, method="equilibrium").decision
    assert share_of_gain(instance, decision) == pytest.approx(0.847, abs=5e-4)
    # By hand: at 0.30 all use 2.25, 0.25 kWh come from the grid; without any response 4 kWh do.
    assert cw.solve(instance).objective == pytest.approx(0.25 * 0.3 + 5 * 0.2 * 0.75**2)
    least, cost = cw.solve(instance).objective, response.social_cost(instance, decision.load_kwh)
    assert (4 * 0.3 - cost) / (4 * 0.3 - least) == pytest.approx(0.5996, abs=5e-5)


@given(SEEDS)
def test_supply_less_ratio_times_demand_falls(seed):
    """Uniqueness: strictly wherever anybody buys or sells, so that at most one ratio with trade fits."""
    instance = uncoupled(seed)
    ratio = np.linspace(0.0, 1.0, 41)
    ones = np.ones(len(instance.interval))
    values, trades = [], []
    for r in ratio:
        load = answer_to(instance, *sdr_prices(ones, r * ones, instance.retail_price, instance.feed_in_price))
        bought, sold = response.traded(instance, load)
        values.append(sold - r * bought)
        trades.append(bought)
    step = np.diff(values, axis=0)
    assert (step <= 1e-12).all()
    assert (step[np.array(trades)[:-1] > 1e-9] < 0).all()


# Best responses.


@given(SEEDS)
def test_best_response_beats_every_load_on_a_grid(seed):
    instance = uncoupled(seed)
    rng = np.random.default_rng(seed)
    sell = rng.uniform(-0.2, 0.3, len(instance.interval))
    buy = sell + rng.choice([0.0, 0.1, 0.25], len(sell))
    load = answer_to(instance, buy, sell)

    def cost(x):
        net = x - instance.generation_kwh
        bill = buy[:, None] * np.maximum(net, 0) - sell[:, None] * np.maximum(-net, 0)
        return bill + instance.discomfort * (x - instance.wanted_kwh) ** 2

    assert (load >= instance.least_kwh).all()
    assert (load <= instance.upper_kwh).all()
    top = np.minimum(instance.upper_kwh, np.maximum(load, instance.wanted_kwh) + 20.0)
    for share in np.linspace(0, 1, 101):
        other = instance.least_kwh + share * (top - instance.least_kwh)
        assert (cost(load) <= cost(other) + 1e-12).all()


@given(SEEDS)
def test_best_response_with_a_total_cannot_be_bettered_by_moving_load(seed):
    instance = random_responsive(3 * seed)
    intervals = len(instance.interval)
    rng = np.random.default_rng(seed)
    sell = rng.uniform(-0.2, 0.3, intervals)
    buy = sell + rng.choice([0.0, 0.1, 0.25], intervals)
    load = answer_to(instance, buy, sell)
    np.testing.assert_allclose(load.sum(axis=0), instance.total_kwh, rtol=1e-12, atol=1e-12)
    # The rules find it by bisection, the kernel on sorted events.
    np.testing.assert_allclose(load, response.best_response(instance, buy, sell), atol=1e-9)
    cost = response.member_cost(instance, load, buy, sell)
    for source in range(intervals):
        for sink in range(intervals):
            for size in (1e-3, 0.1, 1.0):
                moved = load.copy()
                room = np.minimum(load[source] - instance.least_kwh[source], instance.upper_kwh[sink] - load[sink])
                step = np.minimum(size, np.maximum(room, 0.0))
                moved[source] -= step
                moved[sink] += step
                assert (cost <= response.member_cost(instance, moved, buy, sell) + 1e-12).all()


def test_totals_at_their_limits():
    limits = {"least_kwh": 0.5, "greatest_kwh": 2.0}
    for total in (1.0, 4.0):
        load = best_response(
            [[1.0], [3.0]], np.zeros((2, 1)), [0.1], [0.3, 0.3], [0.1, 0.1], total_kwh=[total], **limits
        )
        np.testing.assert_allclose(load[:, 0], total / 2)
    # Without a greatest load what wants nothing takes a large total evenly.
    load = best_response(np.zeros((2, 1)), np.zeros((2, 1)), [0.1], [0.3, 0.3], [0.1, 0.1], total_kwh=[1e6])
    np.testing.assert_allclose(load[:, 0], 5e5)


def test_prices_the_wrong_way_round_are_refused_by_the_kernels():
    with pytest.raises(ValueError, match=r"interval 1: selling price 0\.2 is above the buying price 0\.1"):
        best_response(np.ones((2, 1)), np.ones((2, 1)), [1.0], [0.3, 0.1], [0.3, 0.2])
    for kernel in (sharing_equilibrium, clearing_price):
        with pytest.raises(ValueError, match=r"interval 1: feed-in price 0\.2 must not be above"):
            kernel(np.ones((2, 1)), np.ones((2, 1)), [1.0], [0.3, 0.1], [0.2, 0.2])


# Equilibrium and optimum.


@settings(max_examples=40)
@given(SEEDS)
def test_rules_leave_the_equilibrium_as_it_is(seed):
    instance = uncoupled(seed)
    solution = cw.solve(instance, criterion="residual")
    assert solution.method == "equilibrium"
    assert solution.report.ok
    assert solution.objective < 1e-9
    # Whoever can trade inside the grid's bracket does not lose by it.
    assert solution.report.criteria["worst_saving"] > -1e-9


@pytest.mark.parametrize("seed", range(12))
def test_equilibrium_against_a_grid_of_ratios(seed):
    rng = np.random.default_rng(seed)
    wanted, own = rng.uniform(0, 3, (1, 4)), np.array([[4.0, 2.0, 0.0, 0.0]])
    theta = rng.uniform(0.03, 0.3, 4)
    load, ratio = sharing_equilibrium(wanted, own, theta, 0.3, 0.05)
    grid = np.linspace(1e-4, 1.0, 20_001)
    sell = 1.0 / ((1.0 - grid) / 0.3 + grid / 0.05)
    buy = sell * grid + 0.3 * (1.0 - grid)
    answers = np.maximum(np.clip(own, wanted - buy[:, None] / (2 * theta), wanted - sell[:, None] / (2 * theta)), 0.0)
    excess = np.maximum(own - answers, 0).sum(axis=1) - grid * np.maximum(answers - own, 0).sum(axis=1)
    if ratio[0] <= 1.0:
        best = int(np.abs(excess).argmin())
        assert ratio[0] == pytest.approx(grid[best], abs=1e-4)
        np.testing.assert_allclose(load[0], answers[best], atol=2e-3)
    else:
        assert excess.min() > 0
        np.testing.assert_allclose(load[0], answers[-1], atol=1e-9)


@settings(max_examples=40)
@given(SEEDS)
def test_kernel_and_program_find_the_same_optimum(seed):
    instance = uncoupled(seed)
    kernel, program = (cw.solve(instance, method=m) for m in ("efficient_price", "social_program"))
    scale = problem("settlement.responsive").criterion().scale(instance)
    assert kernel.objective == pytest.approx(program.objective, rel=1e-7, abs=1e-6 * scale)
    assert kernel.report.ok
    assert program.report.ok
    assert kernel.gap < 1e-10
    assert max(kernel.report.certificate.values()) < 1e-9
    # Discomfort is strictly convex, so there is one best load: as near as costs of 1e-9 apart can tell.
    far = 1e-4 + np.sqrt(1e-8 * scale / instance.discomfort.min())
    np.testing.assert_allclose(kernel.decision.load_kwh, program.decision.load_kwh, atol=far)


@given(SEEDS)
def test_optimum_is_what_price_takers_do_at_its_price(seed):
    instance = uncoupled(seed)
    load, price = clearing_price(
        instance.wanted_kwh,
        instance.generation_kwh,
        instance.discomfort,
        instance.retail_price,
        instance.feed_in_price,
        least_kwh=instance.least_kwh,
        greatest_kwh=instance.upper_kwh,
    )
    np.testing.assert_allclose(load, response.best_response(instance, price, price), atol=1e-9)
    net = (load - instance.generation_kwh).sum(axis=1)
    assert (price[net > 1e-9] == instance.retail_price[net > 1e-9]).all()
    assert (price[net < -1e-9] == instance.feed_in_price[net < -1e-9]).all()


def test_optimum_with_totals_against_a_grid_of_loads():
    instance = ResponsiveInstance(
        wanted_kwh=[[1.0, 2.0], [2.0, 1.0]],
        generation_kwh=[[4.0, 0.0], [0.0, 0.0]],
        discomfort=[0.05, 0.1],
        total_kwh=[3.0, 2.5],
        retail_price=[0.3, 0.4],
        feed_in_price=[0.05, 0.1],
        greatest_kwh=[[2.2, 3.0], [3.0, 3.0]],
    )
    solution = cw.solve(instance)
    assert solution.method == "social_program"
    best = np.inf
    for first in np.linspace(0, 2.2, 221):
        for second in np.linspace(0, 2.5, 251):
            load = np.array([[first, second], [3.0 - first, 2.5 - second]])
            best = min(best, response.social_cost(instance, load))
    assert solution.objective <= best + 1e-9
    assert solution.objective == pytest.approx(best, abs=1e-3)
    assert solution.bound == pytest.approx(solution.objective, rel=1e-9)


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_dual_of_the_program_makes_members_with_totals_do_the_same(seed):
    instance = random_responsive(seed)
    assert instance.coupled
    solution = cw.solve(instance)
    price = solution.prices.energy_price
    answer = response.best_response(instance, price, price)
    cost = response.member_cost(instance, solution.decision.load_kwh, price, price).sum()
    assert cost == pytest.approx(response.member_cost(instance, answer, price, price).sum(), rel=1e-6, abs=1e-7)


# Bounds.


@given(SEEDS)
def test_any_prices_prove_a_bound(seed):
    instance, rng = random_responsive(seed), np.random.default_rng(seed)
    shape = instance.wanted_kwh.shape
    bounds = [social_bound(instance, None)]
    for size in (0.1, 10.0):
        price = rng.normal(0.1, size, shape[0])
        for value in (None, rng.normal(0.0, size, shape[1])):
            bounds.append(
                social_bound(instance, ResponsivePrices(instance=instance, energy_price=price, total_value=value))
            )
    for _ in range(5):
        guess = instance.wanted_kwh * rng.uniform(0, 2, shape) + rng.uniform(-1, 1, shape)
        load = response.best_response(
            instance.replace(wanted_kwh=np.maximum(guess, 0.0)), np.zeros(shape[0]), np.zeros(shape[0])
        )
        cost = response.social_cost(instance, load)
        assert max(bounds) <= cost + 1e-9 * (1.0 + abs(cost))


def test_bound_of_the_right_prices_is_the_optimum():
    day = cw.load("settlement/shifting-day")
    price = np.full(24, 0.3)
    price[[10, 11, 16, 17]], price[12:16] = 0.2, 0.1
    for value in (None, np.full(5, 0.25)):
        proved = social_bound(day, ResponsivePrices(instance=day, energy_price=price, total_value=value))
        assert proved == pytest.approx(11.178, rel=1e-12)
    worse = ResponsivePrices(instance=day, energy_price=price, total_value=np.full(5, 0.2))
    assert social_bound(day, worse) < 11.1


# Invariance and odd cases.


@settings(max_examples=40)
@given(SEEDS)
def test_order_of_members_and_units_do_not_matter(seed):
    instance, rng = uncoupled(seed), np.random.default_rng(seed)
    order = rng.permutation(len(instance.member))
    kwh, money = 10.0 ** rng.uniform(-5, 5, 2)
    changed = instance.replace(
        wanted_kwh=kwh * instance.wanted_kwh[:, order],
        generation_kwh=kwh * instance.generation_kwh[:, order],
        least_kwh=kwh * instance.least_kwh[:, order],
        greatest_kwh=None if instance.greatest_kwh is None else kwh * instance.greatest_kwh[:, order],
        discomfort=money / kwh * instance.discomfort[order],
        retail_price=money * instance.retail_price,
        feed_in_price=money * instance.feed_in_price,
    )
    for method in ("equilibrium", "efficient_price"):
        one, other = (cw.solve(each, method=method).decision for each in (instance, changed))
        np.testing.assert_allclose(other.load_kwh / kwh, one.load_kwh[:, order], atol=1e-8)
        # Prices without trade are nominal, and those of a tie a matter of rounding.
        some = np.minimum(*response.traded(instance, one.load_kwh)) > 1e-6
        np.testing.assert_allclose(other.buy_price[some] / money, one.buy_price[some], atol=1e-6)
        np.testing.assert_allclose(other.sell_price[some] / money, one.sell_price[some], atol=1e-6)


def test_prices_of_the_odd_quarters():
    solution = cw.solve(cw.load("settlement/odd-quarters"), method="equilibrium")
    buy, sell = solution.decision.buy_price, solution.decision.sell_price
    np.testing.assert_allclose(buy[[0, 1, 2, 4, 5, 6, 7]], [0.3, 0.05, 0.3, 0.0, -0.1, 0.2, 0.3], atol=1e-12)
    np.testing.assert_allclose(sell[[0, 1, 2, 4, 5, 6, 7]], [0.3, 0.05, 0.05, 0.0, -0.1, 0.2, 0.3], atol=1e-12)
    assert any(note.startswith("nobody trades: 1 interval") for note in solution.notes)
    np.testing.assert_allclose(solution.decision.load_kwh[7], [0.9, 1.5])


def test_no_trade_may_be_an_equilibrium_beside_one_with_trade():
    """Who is asked the grid's prices stays at home: the convention for an empty market keeps it empty."""
    quarters = cw.load("settlement/odd-quarters")
    trading = cw.solve(quarters, method="equilibrium").decision
    load = trading.load_kwh.copy()
    assert np.abs(load[3] - 1.0).min() > 1e-4
    load[3] = 1.0
    assert residual(quarters, settled(quarters, load)) < 1e-12
    assert residual(quarters, trading) < 1e-12


@pytest.mark.parametrize("feed_in", [0.05, 1e-6, 0.0, -0.1])
def test_equilibrium_exists_however_low_the_feed_in_price(feed_in):
    solution = cw.solve(five(0.2, feed_in_price=[feed_in]), criterion="residual")
    assert solution.objective < 1e-8
    assert solution.decision.sell_price[0] > feed_in


def test_many_cells_in_threads_are_the_same_as_one_interval_after_the_other():
    rng = np.random.default_rng(4)
    wanted, own = rng.uniform(0, 3, (600, 100)), rng.uniform(0, 8, (600, 100)) * (rng.random(100) < 0.4)
    theta = rng.uniform(0.05, 0.5, 100)
    for kernel in (sharing_equilibrium, clearing_price):
        load, level = kernel(wanted, own, theta, 0.3, 0.05)
        for t in (0, 7, 599):
            part, single = kernel(wanted[t : t + 1], own[t : t + 1], theta, 0.3, 0.05)
            np.testing.assert_array_equal(part[0], load[t])
            assert single[0] == level[t]


@given(SEEDS)
def test_rules_and_kernel_agree_on_prices_of_supply_and_demand(seed):
    rng = np.random.default_rng(seed)
    feed_in = rng.choice([-0.2, 0.0, 1e-3, 0.1, 0.3], 20)
    retail = feed_in + rng.choice([0.0, 0.2], 20)
    bought, sold = rng.lognormal(size=(2, 20)) * rng.choice([0.0, 1.0, 1.0], (2, 20))
    instance = ResponsiveInstance(
        wanted_kwh=np.ones((20, 1)), discomfort=[1.0], retail_price=retail, feed_in_price=feed_in
    )
    for ours, theirs in zip(
        response.sharing_prices(instance, bought, sold), sdr_prices(bought, sold, retail, feed_in), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


# Rules, errors, records.


def test_rules_name_what_is_broken():
    day = cw.load("settlement/shifting-day").replace(greatest_kwh=np.full((24, 5), 2.0))
    good = cw.solve(day).decision
    assert violations(day, good) == []
    load = good.load_kwh.copy()
    load[12, 0] += 1.5
    broken = violations(day, settled(day, load))
    assert [one.rule for one in broken] == ["load is above its greatest", "loads do not add up to the total"]
    assert broken[0].where == "2030-06-03T12:00Z, home A"
    load = good.load_kwh.copy()
    load[0, 1], load[1, 1] = -0.1, load[1, 1] + load[0, 1] + 0.1
    assert [one.rule for one in violations(day, settled(day, load))] == ["load is below its least"]
    dear = ResponsiveDecision(
        instance=day, load_kwh=good.load_kwh, buy_price=good.buy_price + 1e-6, sell_price=good.sell_price
    )
    assert {one.rule for one in violations(day, dear)} == {"members do not pay together what the grid is paid"}


def test_residual_sees_loads_and_prices_apart():
    instance = five()
    right = cw.solve(instance, method="equilibrium").decision
    load = right.load_kwh.copy()
    load[0, 2] += 0.06
    moved = ResponsiveDecision(instance=instance, load_kwh=load, buy_price=right.buy_price, sell_price=right.sell_price)
    # 0.06 of a greatest energy of 3, and prices that would follow.
    assert 0.02 < residual(instance, moved) < 0.05
    # Nobody would do otherwise at the efficient price of 0.08, but supply and demand are even, which asks for 0.05.
    assert residual(instance, cw.solve(instance).decision) == pytest.approx(0.03 / 0.30)
    swapped = ResponsiveDecision(instance=instance, load_kwh=right.load_kwh, buy_price=[0.05], sell_price=[0.3])
    assert residual(instance, swapped) > 0.5


def test_one_price_pays_the_grid_whatever_the_loads():
    """What rounding leaves is paid by both sides alike; here it is far more than rounding."""
    instance, price = five(), np.array([0.08])
    decision = settle_at_one_price(instance, np.array([[2.2, 2.2, 2.2, 2.2, 2.5]]), price).decision
    assert violations(instance, decision) == []
    assert decision.buy_price[0] - 0.08 == pytest.approx(0.08 - decision.sell_price[0])
    # By hand: 0.3 kWh too much cost 0.30 rather than 0.08 each, spread over 6.9 bought and 6.6 sold.
    assert decision.buy_price[0] - 0.08 == pytest.approx(0.3 * 0.22 / 13.5)


def test_member_without_any_energy_is_measured_by_the_others():
    instance = five(generation_kwh=[[6e-4, 5e-4, 0.0, 0.0, 0.0]], wanted_kwh=[[3e-4, 3e-4, 3e-4, 3e-4, 0.0]])
    np.testing.assert_allclose(instance.member_size, [6e-4, 5e-4, 3e-4, 3e-4, 6e-4])


@given(st.floats(0.01, 0.99), st.floats(0.05, 2.0))
def test_two_who_are_just_not_asked_to_trade(ratio, theta):
    """At this ratio both begin to trade, or do not: what rounding makes of that must not set prices."""
    sell = 0.05 * 0.3 / (0.25 * ratio + 0.05)
    buy = sell * ratio + 0.3 * (1.0 - ratio)
    instance = ResponsiveInstance(
        wanted_kwh=[[1.0 + sell / (2 * theta), 1.0 + buy / (2 * theta)]],
        generation_kwh=[[1.0, 1.0]],
        discomfort=[theta, theta],
        retail_price=[0.3],
        feed_in_price=[0.05],
    )
    solution = cw.solve(instance, method="equilibrium", criterion="residual")
    assert solution.objective < 1e-9


def test_share_of_gain_with_totals_takes_the_optimum_from_elsewhere():
    day = cw.load("settlement/shifting-day")
    best, iterated = cw.solve(day), cw.solve(day, method="damped_iteration")
    assert np.isnan(best.report.criteria["share_of_gain"])
    assert share_of_gain_from(day, best.decision, best.objective) == pytest.approx(1.0)
    assert 0.0 < share_of_gain_from(day, iterated.decision, best.objective) < 1.0
    alone = ResponsiveInstance(wanted_kwh=[[1.0]], discomfort=[0.1], retail_price=[0.3], feed_in_price=[0.05])
    assert np.isnan(share_of_gain(alone, cw.solve(alone).decision))


def test_no_response_is_what_was_wanted():
    assert (cw.solve(five(), method="no_response").decision.load_kwh == 3.0).all()
    day = cw.load("settlement/shifting-day")
    less = day.replace(total_kwh=day.total_kwh - 2.4)
    load = cw.solve(less, method="no_response").decision.load_kwh
    np.testing.assert_allclose(load, day.wanted_kwh - 0.1)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("efficient_price", r"loads must add up to totals.*social_program"),
        ("equilibrium", r"loads must add up to totals.*damped_iteration"),
        ("damped_iteration(damping=0.0)", r"damping must lie in \(0, 1\], not 0"),
        ("damped_iteration(rounds=0)", "at least one round is needed, not 0"),
    ],
)
def test_methods_say_why_they_do_not_apply(method, message):
    with pytest.raises(NotApplicable, match=message):
        cw.solve(cw.load("settlement/shifting-day"), method=method)


def test_program_without_time_says_so():
    with pytest.raises(NotApplicable, match="allow more time"):
        cw.solve(five(), method="social_program", time_limit_s=1e-6)


def test_bad_data_is_named():
    with pytest.raises(InstanceError) as raised:
        ResponsiveInstance(
            member=["Ann", "Ben"],
            wanted_kwh=[[1.0, 1.0]],
            discomfort=[0.0, 0.1],
            least_kwh=[[0.0, 2.0]],
            greatest_kwh=[[1.0, 1.5]],
            total_kwh=[1.2, 1.6],
            retail_price=[0.1],
            feed_in_price=[0.2],
            dt_h=0.0,
        )
    text = str(raised.value)
    for part in (
        "column dt_h, value 0: must be positive",
        "value 0.2: is above the retail price of 0.1",
        "row Ann, value 0: must be positive",
        "Ben, value 2: is above the greatest load of 1.5 kWh",
        "row Ann, value 1.2: lies outside [0, 1] kWh",
    ):
        assert part in text


def test_instance_and_solution_survive_their_files(tmp_path):
    for name in ("settlement/shifting-day", "settlement/odd-quarters"):
        instance = cw.load(name)
        solution = cw.solve(instance, method="damped_iteration")
        cw.save(instance, tmp_path / "instance")
        again = cw.load(tmp_path / "instance")
        assert again == instance
        back = load_solution(again, solution.save(tmp_path / "solution"))
        np.testing.assert_array_equal(back.decision.load_kwh, solution.decision.load_kwh)
        assert back.objective == solution.objective
