"""An operator's tariff for members with batteries: worked numbers, rules without a solver, ways that must agree."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from commonwatt.instances.errors import InstanceError, NotApplicable
from commonwatt.instances.tariff import TariffInstance
from commonwatt.models.stackelberg.tariff import (
    TariffDecision,
    TariffPrices,
    pessimistic_profit,
    profit,
    profit_bound,
    regret,
    violations,
)
from commonwatt.models.stackelberg.tariff_bound import greatest_payment, least_cost_proved, member_cost
from commonwatt.solvers.heuristics.tariff import with_mean
from commonwatt.solvers.tariff_answers import answered, least_costs, proving_prices
from commonwatt.solvers.tariff_runs import solve_bilevel
from makers_tariff import random_tariff
from scipy.optimize import linprog

import commonwatt as cw

WORKED = "stackelberg/two-batteries"


def random_prices(instance, seed):
    """Prices that keep the bracket and both means."""
    rng = np.random.default_rng(seed)
    low, high = instance.feed_in_price, instance.retail_price
    ends = sorted((max(instance.mean_sell_floor, low.mean()), min(instance.mean_buy_cap, high.mean())))
    between = rng.uniform(*ends, 2)
    buy, sell = (with_mean(rng.uniform(low, high), low, high, mean) for mean in sorted(between)[::-1])
    return buy, np.minimum(sell, buy)


def follower_program(instance, i, buy, sell):
    """One member's program for scipy: cost, equalities, bounds; columns bought, sold, charged, discharged, stored."""
    steps = len(instance.interval)
    wear, part, start = instance.wear_price[i], instance.efficiency[i], instance.initial_kwh[i]
    cost = np.concatenate([buy, -sell, np.full(2 * steps, wear), np.zeros(steps)])
    eye, zero = np.eye(steps), np.zeros((steps, steps))
    balance = np.hstack([eye, -eye, -eye, eye, zero])
    content = np.hstack([zero, zero, -part * eye, eye / part, eye - np.eye(steps, k=-1)])
    sides = np.concatenate([instance.net_kwh[:, i], [start], np.zeros(steps - 1)])
    power, room = instance.power_kwh[i], instance.capacity_kwh[i]
    bounds = [(0, None)] * (2 * steps) + [(0, power)] * (2 * steps) + [(0, room)] * (steps - 1) + [(start, start)]
    return cost, np.vstack([balance, content]), sides, bounds


# --- the worked instance -----------------------------------------------------------------------------------------


def test_worked_instance_by_three_ways():
    instance = cw.load(WORKED)
    for method in ("bilevel", "bilevel_sos"):
        solution = cw.solve(instance, method=method)
        assert str(solution.status) == "optimal"
        assert solution.objective == pytest.approx(0.039815, abs=1e-6)
        assert solution.report.criteria["profit_pessimistic"] == pytest.approx(-0.075, abs=1e-6)
        np.testing.assert_allclose(
            np.sort(
                member_cost(
                    instance,
                    solution.decision.charge_kwh,
                    solution.decision.discharge_kwh,
                    solution.decision.buy_price,
                    solution.decision.sell_price,
                )
            ),
            [0.564294, 1.178889],
            atol=1e-6,
        )
    assert len(solve_bilevel(instance).program.pairs) == 44


@pytest.mark.parametrize(("factor", "value"), [(2.0, 0.039815), (10.0, 0.039815), (0.5, 0.014815), (0.2, -0.174838)])
def test_constants_below_the_proven_ones_give_other_optima_and_above_do_not(factor, value):
    found = solve_bilevel(cw.load(WORKED), price_factor=factor)
    assert str(found.outcome.status) == "optimal"
    assert found.profit == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("margin", "value"), [(1e-4, 0.039800), (1e-3, 0.039667), (5e-3, 0.039074)])
def test_margin_costs_little_and_makes_both_profits_equal(margin, value):
    criteria = cw.solve(cw.load(WORKED), method="strict", margin=margin).report.criteria
    assert criteria["profit"] == pytest.approx(value, abs=1e-6)
    assert criteria["profit_pessimistic"] == pytest.approx(value, abs=1e-6)


def test_menu_is_what_brute_force_finds_on_it():
    instance = cw.load(WORKED)
    buy_levels = [
        np.linspace(low, high, 7) for low, high in zip(instance.feed_in_price, instance.retail_price, strict=True)
    ]
    sell_levels = [
        np.linspace(low, high, 3) for low, high in zip(instance.feed_in_price, instance.retail_price, strict=True)
    ]
    best, tried = -np.inf, 0
    bought = [one for one in itertools.product(*buy_levels) if np.mean(one) <= instance.mean_buy_cap + 1e-12]
    sold = [one for one in itertools.product(*sell_levels) if np.mean(one) >= instance.mean_sell_floor - 1e-12]
    programs = [follower_program(instance, i, np.zeros(3), np.zeros(3)) for i in range(2)]
    # Few price points are looked at with care: those whose bound by weak duality could reach the best.
    social = -proving_prices_bound(instance)
    for buy in bought:
        for sell in sold:
            if (np.array(sell) > np.array(buy) + 1e-12).any():
                continue
            tried += 1
            paid = 0.0
            for i, (_, rows, sides, bounds) in enumerate(programs):
                cost = follower_program(instance, i, np.array(buy), np.array(sell))[0]
                paid += linprog(cost, A_eq=rows, b_eq=sides, bounds=bounds).fun
            if paid + social > best:
                best = max(best, profit(instance, answered(instance, np.array(buy), np.array(sell))))
    assert tried > 500
    assert cw.solve(instance, method="price_menu").objective == pytest.approx(best, abs=1e-7)
    assert best == pytest.approx(8.333e-5, abs=1e-7)


def proving_prices_bound(instance):
    """Least that all together pay the grid and wear, by the duals that prove it."""
    proof = proving_prices(instance)
    everyone = np.repeat(np.asarray(proof.energy_price)[:, None], len(instance.member), axis=1)
    return float(least_cost_proved(instance, everyone, proof.storage_price).sum())


# --- members' answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_least_costs_are_scipys_and_worths_prove_them(seed):
    instance = random_tariff(seed)
    buy, sell = random_prices(instance, seed)
    answers = least_costs(instance, buy, sell)
    for i in range(len(instance.member)):
        cost, rows, sides, bounds = follower_program(instance, i, buy, sell)
        least = linprog(cost, A_eq=rows, b_eq=sides, bounds=bounds).fun
        assert answers.cost[i] == pytest.approx(least, abs=1e-8 * max(1.0, instance.energy_size[i]))
    worth = np.clip(answers.energy_worth, sell[:, None], buy[:, None])
    proved = least_cost_proved(instance, worth, answers.storage_worth)
    np.testing.assert_allclose(proved, answers.cost, atol=1e-9 * max(1.0, instance.energy_size.max()))


@pytest.mark.parametrize("seed", range(12))
def test_best_and_worst_answers_are_those_of_the_optimal_faces(seed):
    instance = random_tariff(seed)
    if len(set(instance.energy_size.round(9))) and instance.energy_size.max() > 100 * instance.energy_size.min():
        instance = random_tariff(seed + 100 if (seed + 100) % 4 != 3 else seed + 101)
    low, high = instance.feed_in_price, instance.retail_price
    # Flat prices leave most ties.
    buy, sell = (
        with_mean(np.zeros(len(low)), low, high, mean) for mean in (min(instance.mean_buy_cap, high.mean()),) * 2
    )
    sell = np.minimum(sell, buy)
    decision = answered(instance, buy, sell)
    steps, n = decision.charge_kwh.shape
    parts = [follower_program(instance, i, buy, sell) for i in range(n)]
    least = [linprog(c, A_eq=a, b_eq=b, bounds=box).fun for c, a, b, box in parts]
    width = 5 * steps
    rows = np.zeros((2 * steps * n, width * n))
    for i, (_, a, _, _) in enumerate(parts):
        rows[2 * steps * i : 2 * steps * (i + 1), width * i : width * (i + 1)] = a
    face = np.zeros((n, width * n))
    for i, part in enumerate(parts):
        face[i, width * i : width * (i + 1)] = part[0]
    paid = np.concatenate([np.concatenate([buy, -sell, np.zeros(3 * steps)]) for _ in range(n)])
    most = np.concatenate([part[2] for part in parts])
    boxes = [one for part in parts for one in part[3]]
    found = []
    for sides in itertools.product([0, 1], repeat=steps):
        price = np.where(np.array(sides) == 1, high, low)
        grid = np.concatenate([np.concatenate([price, -price, np.zeros(3 * steps)]) for _ in range(n)])
        # On this side of the grid's cost the profit is linear; the cost is the greatest over sides.
        result = linprog(paid - grid, A_ub=face, b_ub=np.array(least) + 1e-9, A_eq=rows, b_eq=most, bounds=boxes)
        found.append(result.fun)
    assert pessimistic_profit(instance, decision) == pytest.approx(min(found), abs=1e-6)
    assert profit(instance, decision) >= pessimistic_profit(instance, decision) - 1e-9


# --- rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(15))
def test_no_prices_beat_the_bound_and_any_proof_proves_one(seed):
    instance = random_tariff(seed)
    rng = np.random.default_rng(seed)
    shape = instance.net_kwh.shape
    best = proving_prices(instance)
    bounds = [profit_bound(instance, None), profit_bound(instance, best)]
    for _ in range(5):
        anything = TariffPrices(
            instance=instance,
            energy_price=rng.normal(0.2, 0.2, shape[0]),
            storage_price=rng.normal(0.2, 0.2, shape),
            charge_kwh=rng.uniform(0, 1, shape) * instance.power_kwh,
            discharge_kwh=rng.uniform(0, 1, shape) * instance.power_kwh,
        )
        bounds.append(profit_bound(instance, anything))
    earned = [profit(instance, answered(instance, *random_prices(instance, seed + k))) for k in range(3)]
    earned.append(solve_bilevel(instance).profit)
    assert max(earned) <= min(bounds) + 1e-7 * max(1.0, abs(max(earned)))


@pytest.mark.parametrize("seed", range(10))
def test_greatest_payment_is_the_linear_program_over_prices(seed):
    instance = random_tariff(seed)
    charge, discharge = least_costs(instance, *random_prices(instance, seed)).schedule
    net = instance.net_kwh + charge - discharge
    bought, sold = np.maximum(net, 0).sum(axis=1), np.maximum(-net, 0).sum(axis=1)
    box = list(zip(instance.feed_in_price, instance.retail_price, strict=True))
    steps = len(net)
    ones = np.ones((1, steps))
    paid = -linprog(-bought, A_ub=ones, b_ub=[steps * instance.mean_buy_cap + 1e-12], bounds=box).fun
    received = linprog(sold, A_ub=-ones, b_ub=[-steps * instance.mean_sell_floor + 1e-12], bounds=box).fun
    wear = float((instance.wear_price * (charge + discharge)).sum())
    assert greatest_payment(instance, charge, discharge) == pytest.approx(
        paid - received + wear, abs=1e-8 * net.size * 1e3
    )


def test_every_rule_is_named_with_both_numbers():
    instance = cw.load(WORKED)
    good = cw.solve(instance, method="bilevel").decision
    assert violations(instance, good) == []

    def broken(**changes):
        return [str(one) for one in violations(instance, good.replace(**changes))]

    assert any("buying price is above the retail price (0.5" in one for one in broken(buy_price=[0.5, 0.2, 0.2]))
    assert any("mean buying price is above its cap" in one for one in broken(buy_price=[0.2, 0.3, 0.4]))
    assert any("mean selling price is below its floor" in one for one in broken(sell_price=[0.05, 0.05, 0.05]))
    assert any("below the selling price" in one for one in broken(sell_price=good.buy_price + 0.01))
    assert any("below the feed-in price" in one for one in broken(sell_price=good.sell_price - 0.2))
    idle = np.zeros_like(good.charge_kwh)
    forgone = broken(charge_kwh=idle, discharge_kwh=idle)
    assert any(one.startswith("panels: could pay less at these prices") for one in forgone)
    full = idle + 1.0
    ends = broken(charge_kwh=full, discharge_kwh=idle)
    assert any("does not end as full as it began" in one for one in ends)
    assert any("content is outside of its limits" in one for one in ends)
    assert any("charge is outside of its limits" in one for one in broken(charge_kwh=full * 9.0))
    assert any("in the worst answer: " in one for one in broken(worst_charge_kwh=full))
    # Without proof a best schedule cannot be told from another.
    assert any("does not prove" in one for one in broken(energy_worth=idle, storage_worth=idle))


@pytest.mark.parametrize("seed", range(8))
def test_a_worse_schedule_is_regretted_by_what_it_costs_more(seed):
    instance = random_tariff(seed)
    buy, sell = random_prices(instance, seed)
    decision = answered(instance, buy, sell)
    idle = np.zeros_like(decision.charge_kwh)
    more = member_cost(instance, idle, idle, buy, sell) - least_costs(instance, buy, sell).cost
    found = regret(instance, decision, idle, idle)
    np.testing.assert_allclose(found, more, atol=1e-8 * max(1.0, instance.energy_size.max()))
    assert (found >= -1e-9 * instance.energy_size).all()


def test_bad_prices_means_and_batteries_are_named():
    fields = {"net_kwh": [[1.0]], "mean_buy_cap": 0.2, "mean_sell_floor": 0.1}
    for changes, message in (
        ({"retail_price": [0.1], "feed_in_price": [0.2]}, r"feed_in_price.*above the retail price"),
        ({"retail_price": [0.3], "feed_in_price": [0.25]}, r"mean_buy_cap, value 0\.2: is below the mean feed-in"),
        ({"retail_price": [0.05]}, r"mean_sell_floor, value 0\.1: is above the mean retail"),
        ({"retail_price": [0.3], "mean_sell_floor": 0.25}, r"above mean_buy_cap = 0\.2"),
        ({"retail_price": [0.3], "feed_in_price": [-0.1]}, r"feed_in_price.*-0\.1"),
        ({"retail_price": [0.3], "initial_kwh": [1.0]}, r"initial_kwh.*above the capacity of 0 kWh"),
        ({"retail_price": [0.3], "efficiency": [0.0]}, r"efficiency.*must be positive"),
    ):
        with pytest.raises(InstanceError, match=message):
            TariffInstance(**{**fields, **changes})


# --- invariants --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 4, 8])
def test_profit_scales_with_prices_and_energies_and_members_may_change_places(seed):
    instance = random_tariff(seed)
    base = solve_bilevel(instance).profit
    dear = instance.replace(
        retail_price=3.0 * instance.retail_price,
        feed_in_price=3.0 * instance.feed_in_price,
        wear_price=3.0 * instance.wear_price,
        mean_buy_cap=3.0 * instance.mean_buy_cap,
        mean_sell_floor=3.0 * instance.mean_sell_floor,
    )
    assert solve_bilevel(dear).profit == pytest.approx(3.0 * base, abs=1e-7)
    names = ("net_kwh", "capacity_kwh", "power_kw", "initial_kwh")
    large = instance.replace(**{name: 1e3 * getattr(instance, name) for name in names})
    assert solve_bilevel(large).profit == pytest.approx(1e3 * base, rel=1e-7, abs=1e-6)
    order = list(range(len(instance.member)))[::-1]
    axes = {"net_kwh": instance.net_kwh[:, order]}
    own = ("capacity_kwh", "power_kw", "efficiency", "initial_kwh", "wear_price")
    turned = instance.replace(**axes, **{name: getattr(instance, name)[order] for name in own})
    assert solve_bilevel(turned).profit == pytest.approx(base, abs=1e-7)


def test_bound_holds_where_no_program_ends():
    from commonwatt.instances.sources.small_tariff import homes_with_batteries

    homes = homes_with_batteries(4, 12, seed=1)
    stopped = cw.solve(homes, method="bilevel", time_limit_s=3.0)
    assert stopped.report.ok
    assert stopped.objective <= stopped.bound + 1e-9
    fast = cw.solve(homes, method="keep_answers", rounds=2)
    assert fast.objective <= min(fast.bound, stopped.bound) + 1e-9
    assert fast.gap < 0.5
    with pytest.raises(NotApplicable, match="before it had a point"):
        cw.solve(homes, method="bilevel", time_limit_s=1e-3)


def test_margin_that_no_prices_keep_is_said():
    with pytest.raises(NotApplicable, match="no prices leave members one answer by 1 EUR/kWh"):
        cw.solve(cw.load(WORKED), method="strict", margin=1.0)


def test_a_decision_of_ones_own_is_judged_without_any_model():
    instance = cw.load("stackelberg/half-an-hour")
    zero = [[0.0, 0.0]]
    own = TariffDecision(
        instance=instance,
        buy_price=[0.2],
        sell_price=[0.1],
        charge_kwh=zero,
        discharge_kwh=zero,
        energy_worth=[[0.2, 0.1]],
        storage_worth=zero,
    )
    report = cw.check(instance, own)
    assert report.ok
    assert report.criteria["profit"] == pytest.approx(2 * 0.2 - 0.1 - 0.3)
    assert np.isnan(report.criteria["profit_pessimistic"])


def test_powers_far_beyond_what_a_battery_holds_change_nothing():
    homes = cw.load("stackelberg/two-batteries")
    far = homes.replace(power_kw=[1e7, 1e7])
    wide = homes.replace(power_kw=2.0 * homes.capacity_kwh / homes.efficiency)
    for method in ("bilevel", "keep_answers"):
        found = cw.solve(far, method=method)
        assert found.report.ok
        assert found.objective == pytest.approx(cw.solve(wide, method=method).objective, abs=1e-9)
    np.testing.assert_allclose(far.power_kwh, homes.capacity_kwh / homes.efficiency)


@pytest.mark.parametrize(
    ("spelling", "message"),
    [("keep_answers(rounds=0)", "rounds is 0"), ("strict(margin=-1.0)", "margin is -1; give a number of at least 0")],
)
def test_settings_of_methods_that_mean_nothing_are_named(spelling, message):
    with pytest.raises(NotApplicable, match=message):
        cw.solve(cw.load("stackelberg/two-batteries"), method=spelling)
