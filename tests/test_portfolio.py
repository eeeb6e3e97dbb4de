"""Portfolios: programs, rules and bounds, which know nothing of one another, have to agree."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks import suites_aggregator
from commonwatt.benchmarks.registry import SUITES
from commonwatt.instances.errors import InstanceError, NotApplicable
from commonwatt.instances.sources import small_portfolio
from commonwatt.models.aggregator.portfolio import (
    PortfolioDecision,
    PortfolioPrices,
    violations,
)
from commonwatt.models.aggregator.portfolio_bound import profit_bound
from commonwatt.models.aggregator.portfolio_criteria import profits, risk_adjusted_profit, tail_profit
from commonwatt.solvers.heuristics.portfolio import charged_by_rule, mean_instance, moved_by_price
from commonwatt.solvers.portfolio_recourse import Offers, with_recourse
from commonwatt.solvers.portfolio_runs import run_program, run_stochastic
from commonwatt.solvers.portfolio_values import value_of_information
from makers_portfolio import random_batteries, random_portfolio, random_power_only
from scipy.optimize import linprog

import commonwatt as cw


@pytest.mark.parametrize("seed", range(40))
def test_declaration_arrays_rules_and_bound_agree(seed):
    instance = random_portfolio(seed)
    assembled, declared = run_stochastic(instance, "per_storage"), run_program(instance, "per_storage")
    values = [risk_adjusted_profit(instance, one.decision) for one in (assembled, declared)]
    assert values[0] == pytest.approx(values[1], rel=1e-8, abs=1e-8)
    assert profit_bound(instance, assembled.prices) == pytest.approx(values[0], rel=1e-8, abs=1e-8)
    for one in (assembled, declared):
        assert violations(instance, one.decision) == []


@pytest.mark.parametrize("seed", range(20))
def test_any_prices_prove_a_bound(seed):
    instance = random_portfolio(seed)
    best = risk_adjusted_profit(instance, run_stochastic(instance, "per_storage").decision)
    rng = np.random.default_rng(seed)
    scenarios, intervals, storages = instance.storage_shape
    assert profit_bound(instance, None) >= best - 1e-9
    for _ in range(20):
        prices = PortfolioPrices(
            instance=instance,
            tail_weight=rng.uniform(-0.5, 2.0, scenarios),
            export_worth=rng.normal(0.1, 0.2, (scenarios, intervals)),
            content_worth=rng.normal(0.1, 0.2, (scenarios, intervals, storages)),
            up_room_worth=rng.normal(0.0, 0.1, (scenarios, intervals)),
            down_room_worth=rng.normal(0.0, 0.1, (scenarios, intervals)),
            up_power_part=rng.uniform(-0.2, 1.2, (scenarios, intervals, storages)),
            down_power_part=rng.uniform(-0.2, 1.2, (scenarios, intervals, storages)),
        )
        assert profit_bound(instance, prices) >= best - 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_aggregate_room_is_a_relaxation(seed):
    """What the relaxed program believes is no less than the truth; what it decides is worth no more."""
    from commonwatt.models.aggregator.portfolio_program import build_portfolio
    from commonwatt.solvers.programs import solve_pyomo

    instance = random_portfolio(seed)
    best = risk_adjusted_profit(instance, run_stochastic(instance, "per_storage").decision)
    relaxed = run_stochastic(instance, "aggregate")
    believed = solve_pyomo(build_portfolio(instance, room="aggregate")).objective
    assert believed >= best - 1e-7
    assert risk_adjusted_profit(instance, relaxed.decision) <= best + 1e-7
    assert violations(instance, relaxed.decision) == []


def test_full_and_empty_cannot_lend_each_other():
    instance = small_portfolio.full_and_empty()
    relaxed = run_stochastic(instance, "aggregate").decision
    assert relaxed.up_reserve_kw[0] == pytest.approx(4.0)
    assert relaxed.lacking_room_kw[0, 0, 0] == pytest.approx(2.0)
    assert risk_adjusted_profit(instance, relaxed) == pytest.approx(0.5 * (4 * 0.1 - 2 * 1.0))


@pytest.mark.parametrize("seed", range(12))
def test_offers_are_followed_by_the_best_there_is(seed):
    """The best offers are given back what the whole program found; no other offers do better."""
    instance = random_portfolio(seed)
    best = run_stochastic(instance, "per_storage").decision
    value = risk_adjusted_profit(instance, best)
    again = with_recourse(instance, Offers.of(best))
    assert risk_adjusted_profit(instance, again) == pytest.approx(value, rel=1e-7, abs=1e-7)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        random = Offers(rng.uniform(-5, 5, len(instance.interval)), *rng.uniform(0, 3, (2, len(instance.interval))))
        found = with_recourse(instance, random)
        assert violations(instance, found) == []
        assert risk_adjusted_profit(instance, found) <= value + 1e-7


@pytest.mark.parametrize("seed", range(10))
def test_more_of_anything_is_worth_no_less(seed):
    instance = random_portfolio(seed)
    value = risk_adjusted_profit(instance, run_stochastic(instance, "per_storage").decision)
    for changes in (
        {"charge_kw": 1.5 * instance.charge_kw, "discharge_kw": 1.5 * instance.discharge_kw},
        {"capacity_kwh": instance.capacity_kwh + 1.0},
        {"generation_kw": instance.generation_kw + 0.2},
        {"day_ahead_limit_kw": 2 * instance.day_ahead_limit_kw},
        {"reserve_limit_kw": instance.reserve_limit_kw + 2.0},
        {"short_price": instance.short_price - 0.01, "imbalance": "dual"}
        if instance.imbalance == "dual" and (instance.short_price - 0.01 >= instance.long_price).all()
        else {"rapid_price": 0.5 * instance.rapid_price},
    ):
        more = instance.replace(**changes)
        assert risk_adjusted_profit(more, run_stochastic(more, "per_storage").decision) >= value - 1e-7, changes


@pytest.mark.parametrize("seed", range(6))
def test_order_of_members_storages_and_scenarios_does_not_matter(seed):
    instance = random_portfolio(seed, risk_weight=0.3)
    value = risk_adjusted_profit(instance, run_stochastic(instance, "per_storage").decision)
    rng = np.random.default_rng(seed)
    s, i = rng.permutation(len(instance.scenario)), rng.permutation(len(instance.storage))
    changes = {"probability": instance.chance[s]}
    for field in dataclasses.fields(instance):
        spec = field.metadata.get("commonwatt")
        given = getattr(instance, field.name)
        if spec is None or spec.kind not in ("array", "reference") or given is None or field.name == "probability":
            continue
        if spec.index[:1] == ("scenario",):
            given = given[s]
        if spec.index[-1] == "storage":
            given = given[..., i]
        changes[field.name] = given
    turned = instance.replace(**changes)
    found = risk_adjusted_profit(turned, run_stochastic(turned, "per_storage").decision)
    assert found == pytest.approx(value, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_prices_and_energies_scale(seed):
    instance = random_portfolio(seed)
    value = risk_adjusted_profit(instance, run_stochastic(instance, "per_storage").decision)
    money = {
        name: 7.0 * np.asarray(getattr(instance, name))
        for name in (
            "target_price", "flexibility_fee", "day_ahead_price", "intraday_sale_price", "intraday_purchase_price",
            "short_price", "long_price", "up_price", "down_price", "up_reserve_price", "down_reserve_price",
            "rapid_price", "imbalance_penalty", "room_price",
        )
    }  # fmt: skip
    energy = {
        name: 3.0 * np.asarray(getattr(instance, name))
        for name in ("load_kw", "generation_kw", "capacity_kwh", "minimum_kwh", "initial_kwh", "charge_kw",
                     "discharge_kw", "trip_kwh", "target_kwh", "day_ahead_limit_kw", "intraday_limit_kw",
                     "balancing_limit_kw", "reserve_limit_kw")
    }  # fmt: skip
    for factor, changes in ((7.0, money), (3.0, energy)):
        scaled = instance.replace(**changes)
        found = risk_adjusted_profit(scaled, run_stochastic(scaled, "per_storage").decision)
        assert found == pytest.approx(factor * value, rel=1e-7, abs=1e-7)


def test_risk_front_is_monotone():
    """With more weight on the tail the mean falls and the tail rises."""
    for seed in (0, 5, 8, 19):
        instance = random_portfolio(seed, tail=0.4)
        fronts = []
        for weight in (0.0, 0.3, 0.6, 0.9, 1.0):
            weighted = instance.replace(risk_weight=weight)
            decision = run_stochastic(weighted, "per_storage").decision
            fronts.append((float(instance.chance @ profits(instance, decision)), tail_profit(weighted, decision)))
        mean, tail = np.array(fronts).T
        assert (np.diff(mean) <= 1e-7).all()
        assert (np.diff(tail) >= -1e-7).all()


def test_tail_is_the_mean_of_the_worst_part():
    instance = small_portfolio.worst_half()
    decision = PortfolioDecision(instance=instance, day_ahead_kw=[1.0])
    # Profits 0.10 - 0.20, then 0.10 + 0.05 x (1, 3, 5).
    np.testing.assert_allclose(profits(instance, decision), [-0.1, 0.15, 0.25, 0.35])
    assert tail_profit(instance, decision) == pytest.approx(0.025)
    assert tail_profit(instance.replace(tail=0.3), decision) == pytest.approx((-0.1 * 0.25 + 0.15 * 0.05) / 0.3)
    assert tail_profit(instance.replace(tail=1.0), decision) == pytest.approx(0.1625)
    # The same by its own linear program: max z - mean shortfall / tail.
    found = profits(instance, decision)
    program = linprog(
        [-1.0, *[0.25 / 0.3] * 4],
        A_ub=np.hstack([np.ones((4, 1)), -np.eye(4)]),
        b_ub=found,
        bounds=[(None, None)] + [(0, None)] * 4,
    )
    assert tail_profit(instance.replace(tail=0.3), decision) == pytest.approx(-program.fun)


def test_least_reserve_takes_whole_numbers():
    """2 kW of room and a least offer of 3 kW: nothing, or what lacks room, whichever is better."""
    instance = small_portfolio.full_and_empty().replace(least_reserve_kw=3.0)
    solution = cw.solve(instance)
    assert solution.method == "portfolio_program"
    assert solution.objective == pytest.approx(0.0, abs=1e-9)
    cheap = instance.replace(room_price=0.05)
    assert cw.solve(cheap).objective == pytest.approx(0.5 * (0.1 * 10 - 0.05 * 8))
    small = PortfolioDecision(instance=instance, day_ahead_kw=[0.0], up_reserve_kw=[2.0])
    assert [one.rule for one in violations(instance, small)] == ["up reserve less than the least that may be offered"]
    with pytest.raises(NotApplicable, match="whole numbers"):
        cw.solve(instance, method="stochastic")


@pytest.mark.parametrize("seed", range(12))
def test_knowing_more_is_worth_no_less(seed):
    """Planning for the mean, planning for all, knowing which comes: each no worse than the one before."""
    instance = random_portfolio(seed, balancing_limit_kw=0.0)
    found = value_of_information(instance)
    assert found["vss"] >= -1e-7
    assert found["evpi"] >= -1e-7
    if len(instance.scenario) == 1:
        assert found["vss"] == pytest.approx(0.0, abs=1e-7)
        assert found["evpi"] == pytest.approx(0.0, abs=1e-7)


def test_suite_says_what_knowing_more_is_worth(tmp_path):
    """The roof under four skies: 2 kWh for all, 3 for the mean (0.15 by hand), and the mean of what comes."""
    suites_aggregator.information_section(tmp_path)
    frame = pd.read_csv(tmp_path / "tables" / "aggregator-information.csv").set_index("instance")
    row = frame.loc["aggregator/four-skies"]
    assert row["stochastic"] == pytest.approx(0.175)
    # 0.3 - 0.2 x (3 + 1) / 4 + 0.05 x (1 + 3) / 4
    assert row["mean_scenario"] == pytest.approx(0.15)
    assert row["wait_and_see"] == pytest.approx(0.3)
    assert SUITES["aggregator"] == ("suites_aggregator", "aggregator_suite")


def test_rules_name_what_is_broken():
    instance = small_portfolio.cheap_then_dear()
    broken = PortfolioDecision(
        instance=instance.replace(day_ahead_block_h=1.0),
        day_ahead_kw=[1.0, 2.0],
        charge_kw=[[[6.0], [0.0]]],
        discharge_kw=[[[0.0], [-1.0]]],
    )
    told = [(one.rule, one.where) for one in violations(broken.instance, broken)]
    assert ("charging above its limit", "night, 2030-06-03T03:00Z, battery") in told
    assert ("discharging below its limit", "night, 2030-06-03T03:30Z, battery") in told
    assert ("content above its limit", "night, 2030-06-03T03:30Z, battery") in told
    assert ("day-ahead offer changes within its block", "2030-06-03T03:30Z") in told


def test_charging_by_rule_fills_what_is_plugged():
    instance = small_portfolio.called_or_not()
    ruled = charged_by_rule(instance)
    np.testing.assert_allclose(ruled.content_kwh[0, :, 0], [5.0, 10.0, 7.0])
    assert violations(instance, ruled) == []


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"probability": [0.5, 0.2, 0.1, 0.1]}, "probability, value 0.9: is the sum, which must be 1"),
        ({"short_price": [[0.01]] * 4}, r"long_price, row overcast, .*value 0.05: is above the short_price of 0.01"),
        ({"imbalance": "single"}, r"long_price, .* is not the short_price of 0.2"),
        ({"day_ahead_block_h": 1.5}, "day_ahead_block_h, value 1.5: is no whole number of intervals of 1 h"),
        ({"tail": 0.0}, "tail, value 0: must be positive"),
        ({"least_reserve_kw": 5.0}, "least_reserve_kw, value 5: is above reserve_limit_kw, 0"),
        ({"generation_kw": [[[np.nan]]] * 4}, "generation_kw"),
    ],
)
def test_bad_portfolios_are_refused_by_name(changes, match):
    with pytest.raises(InstanceError, match=match):
        small_portfolio.four_skies().replace(**changes)


def test_what_no_schedule_can_keep_is_said():
    """A cold store whose warmth comes in faster than it can be cooled pays for what is missing."""
    instance = small_portfolio.cheap_then_dear().replace(
        retention=[0.5], trip_kwh=[[[1.0], [1.0]]], charge_kw=[0.0], discharge_kw=[0.0]
    )
    solution = cw.solve(instance)
    assert solution.report.ok
    assert solution.objective == pytest.approx(-2 * instance.rapid_price)


@pytest.mark.parametrize("seed", range(80))
def test_kernels_without_storages_meet_the_program(seed):
    instance = random_power_only(seed)
    kernel = cw.solve(instance, method="newsvendor" if seed % 2 == 0 else "merit_order")
    program = cw.solve(instance, method="stochastic")
    assert kernel.report.ok
    assert kernel.objective == pytest.approx(program.objective, abs=1e-9)
    # The prices that a kernel hands over prove it by themselves.
    assert kernel.gap == pytest.approx(0.0, abs=1e-9)
    assert kernel.status == "optimal"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"load_kw": [[[1.0], [0.0]]]}, "members have loads"),
        ({"day_ahead_block_h": 1.0}, "day-ahead blocks tie"),
        ({"reserve_block_h": 1.0}, "reserve blocks tie"),
        ({"least_reserve_kw": 1.0}, "least size"),
        ({"up_used": [[0.5, 0.0]]}, "reserve is used"),
        ({"down_reserve_price": [0.1, 0.1]}, "to deliver less is paid"),
        ({"room_price": 0.1}, "promises without room would pay"),
        ({"intraday_sale_price": [[0.3, 0.2]]}, r"12:00Z: energy is bought at 0\.2, sold at 0\.3"),
    ],
)
def test_the_merit_order_says_what_it_does_not_hold_for(changes, message):
    with pytest.raises(NotApplicable, match=message):
        cw.solve(cw.load("aggregator/many-markets").replace(**changes), method="merit_order")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"intraday_limit_kw": 1.0, "intraday_purchase_price": [[0.2]] * 4}, "intraday_limit_kw is 1"),
        ({"long_price": [[-0.05]] * 4}, r"cloudy, .*a surplus costs 0\.05, so that it would be curtailed"),
        ({"risk_weight": 0.5, "long_price": [[0.05]] * 3 + [[0.04]]}, "surplus_price must be the same"),
        ({"risk_weight": 0.5, "day_ahead_price": [0.3]}, "prices must be in the order"),
    ],
)
def test_the_newsvendor_says_what_it_does_not_hold_for(changes, message):
    with pytest.raises(NotApplicable, match=message):
        cw.solve(cw.load("aggregator/four-skies").replace(**changes), method="newsvendor")
    with pytest.raises(NotApplicable, match="what battery does depends on the offer"):
        cw.solve(cw.load("aggregator/cheap-then-dear"), method="newsvendor")


def test_offers_that_earn_by_not_being_kept_go_to_the_limit():
    roof = cw.load("aggregator/four-skies").replace(day_ahead_price=[0.3])
    solution = cw.solve(roof, method="newsvendor")
    assert solution.decision.day_ahead_kw[0] == roof.day_ahead_limit_kw
    assert solution.gap == pytest.approx(0.0, abs=1e-9)


def test_the_mean_of_scenarios_never_pays_for_delivering_more_and_less_at_once():
    mean = mean_instance(cw.load("aggregator/street-12"))
    both = (mean.up_accepted > 0) & (mean.down_accepted > 0)
    assert both.any()
    assert (mean.up_price[both] <= mean.down_price[both] + 1e-12).all()


@pytest.mark.parametrize("seed", range(60))
def test_batteries_alone_meet_the_program(seed):
    instance = random_batteries(seed)
    kernel, program = (cw.solve(instance, method=method) for method in ("battery", "stochastic"))
    assert kernel.report.ok
    assert kernel.objective == pytest.approx(program.objective, abs=1e-9)
    assert kernel.gap == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trip_kwh": [[[0.0], [0.5]]]}, "lose energy on trips"),
        ({"target_kwh": [[[0.0], [0.0], [1.0]]], "target_price": [0.3]}, "missed targets are paid for"),
        ({"reserve_limit_kw": 1.0}, "another market is open"),
        ({"day_ahead_block_h": 1.0}, "day-ahead blocks tie"),
        ({"long_price": [[0.2, 0.0]]}, "imbalance pays more"),
        ({"flexibility_fee": [0.2]}, "a fee is above the price"),
        ({"day_ahead_limit_kw": 1.0}, r"03:00Z: -4\.\d+ kW would be offered, and the limit is 1"),
    ],
)
def test_batteries_alone_say_what_they_do_not_hold_for(changes, message):
    with pytest.raises(NotApplicable, match=message):
        cw.solve(cw.load("aggregator/cheap-then-dear").replace(**changes), method="battery")
    with pytest.raises(NotApplicable, match="there are no storages"):
        cw.solve(cw.load("aggregator/many-markets"), method="battery")


def test_storages_are_moved_from_cheap_to_dear_hours():
    street = cw.load("aggregator/street-12")
    ruled = moved_by_price(street)
    price = street.day_ahead_price
    for day in (slice(0, 48), slice(48, 96)):
        charging = ruled.charge_kw[:, day].sum(axis=(0, 2)) > 0
        discharging = ruled.discharge_kw[:, day].sum(axis=(0, 2)) > 0
        assert price[day][charging].max() < price[day][discharging].min()
    assert not [one for one in violations(street, ruled) if "content" in one.rule and "battery" in one.where]
