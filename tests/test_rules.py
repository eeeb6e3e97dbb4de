"""Rules of allocation: feasibility, criteria, weak duality and metrics, against numbers worked out by hand.

Strategy: every kind of violation is provoked alone, with index and both numbers; each criterion is compared with a
hand-solved case; bounds are compared with random feasible decisions at random prices (weak duality) and with exhaustive
search on small instances; the paper's metrics have hand-solved values, also for intervals of other lengths than an hour
and over weeks and months.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from commonwatt.instances.allocation import AllocationInstance
from commonwatt.instances.sources.small_allocation import SMALL, controller_store, degenerate, partition, three_houses
from commonwatt.models.allocation.decision import AllocationDecision, AllocationPrices
from commonwatt.models.allocation.metrics import (
    community_metrics,
    group_metrics,
    household_metrics,
    periods,
    surplus_left_kwh,
    uniqueness_ratio,
)
from commonwatt.models.allocation.rules import PROBLEM, served
from commonwatt.models.fairness import gini, jain
from commonwatt.models.problem import Criterion, Violation, problem, problem_of, problems
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import commonwatt as cw

CRITERIA = {one.name: one for one in PROBLEM.criteria}
BOUNDED = [one for one in PROBLEM.criteria if one.bound is not None]


def decide(instance: AllocationInstance, *rows: list[float], **pairs: object) -> AllocationDecision:
    return AllocationDecision(instance=instance, allocated_kwh=list(rows), **pairs)


def values(instance: AllocationInstance, decision: AllocationDecision) -> dict[str, float]:
    return {name: one.value(instance, decision) for name, one in CRITERIA.items()}


# Feasibility


def paired(energy: list[float], givers: list[int], takers: list[int], allocated: list[float]) -> AllocationDecision:
    """Pairs on the partition instance: households A and B lack 5 and 4 kWh, roofs have 4, 3 and 2 kWh."""
    return decide(
        partition(),
        allocated,
        pair_interval=[0] * len(energy),
        pair_prosumer=givers,
        pair_consumer=takers,
        pair_kwh=energy,
    )


@pytest.mark.parametrize(
    ("decision", "rule", "where", "value", "limit"),
    [
        (decide(three_houses(), [-0.5, 0, 0, 0]), "energy given must not be negative", "A", -0.5, 0.0),
        (decide(three_houses(), [1.5, 0, 0, 0]), "more given than asked", "A", 1.5, 1.0),
        (decide(three_houses(), [0, 0, 0, 0.5]), "more given than asked", "roof", 0.5, 0.0),
        (decide(three_houses(), [1, 2, 2, 0]), "more given than available", "", 5.0, 4.0),
        (
            decide(degenerate(), [0.0] * 4, [0, 0, 0.5, 0], [0.0] * 4, [0.0] * 4, [0.0] * 4),
            "energy given to a household of weight 0",
            "C",
            0.5,
            0.0,
        ),
        (paired([4, 5], [2, 3], [1, 0], [5, 4, 0, 0, 0]), "more sent than the excess", "roof 2", 5.0, 3.0),
        (paired([4, 3], [2, 3], [1, 0], [5, 4, 0, 0, 0]), "what pairs bring is not what is allocated", "A", 3.0, 5.0),
        (
            paired([4, -1, 1], [2, 3, 4], [1, 0, 0], [0, 4, 0, 0, 0]),
            "energy of a pair must not be negative",
            "pair 1",
            -1.0,
            0.0,
        ),
    ],
)  # fmt: skip
def test_every_violation_names_place_and_both_numbers(
    decision: AllocationDecision, rule: str, where: str, value: float, limit: float
) -> None:
    (found,) = PROBLEM.violations(decision.instance, decision)
    assert found.rule == rule
    assert found.where.endswith(where)
    assert where.startswith("pair") or found.where.startswith("2030-01-01T")
    assert (found.value, found.limit, found.unit) == (value, limit, "kWh")
    assert str(found) == f"{found.where}: {rule} ({value:.9g} kWh against {limit:.9g} kWh)"


@pytest.mark.parametrize("make", SMALL, ids=lambda make: make.__name__)
def test_nothing_is_feasible_everywhere(make: object) -> None:
    instance = make()  # type: ignore[operator]
    assert PROBLEM.violations(instance, decide(instance, *np.zeros_like(instance.deficiency_kwh).tolist())) == []


def test_a_good_pairing_is_feasible_and_counted() -> None:
    good = paired([4, 3, 2], [2, 3, 4], [1, 0, 0], [5, 4, 0, 0, 0])
    assert PROBLEM.violations(partition(), good) == []
    assert values(partition(), good)["pairs"] == 3.0
    assert values(partition(), good)["pbr"] == 0.0
    split = paired([4, 3, 1, 1], [2, 3, 4, 4], [0, 1, 0, 1], [5, 4, 0, 0, 0])
    assert values(partition(), split)["pairs"] == 4.0


def test_pairs_count_only_where_all_is_delivered_and_pairs_are_named() -> None:
    short = paired([4.0], [2], [1], [0, 4, 0, 0, 0])
    assert PROBLEM.violations(partition(), short) == []
    assert math.isnan(values(partition(), short)["pairs"])
    assert values(partition(), short)["pbr"] == pytest.approx(1 / 3), "one of three prosumers leaves A with nothing"
    without = decide(partition(), [5, 4, 0, 0, 0])
    assert math.isnan(values(partition(), without)["pairs"])
    assert math.isnan(values(partition(), without)["pbr"])


def test_the_tolerance_is_relative() -> None:
    for scale in (1e-9, 1.0, 1e9):
        instance = AllocationInstance(deficiency_kwh=[[2 * scale, 0]], excess_kwh=[[0, scale]])
        assert not PROBLEM.violations(instance, decide(instance, [scale * (1 + 1e-10), 0]))
        assert PROBLEM.violations(instance, decide(instance, [scale * (1 + 1e-8), 0]))


def test_the_store_adds_to_what_is_available() -> None:
    instance = controller_store()
    assert instance.stored_kwh.tolist() == [0.0, 3.0, 0.0]
    assert instance.available_kwh.tolist() == [6.0, 4.0]
    everybody = decide(instance, [2.0, 0.0], [4.0, 0.0])
    assert PROBLEM.violations(instance, everybody) == []
    assert surplus_left_kwh(instance, everybody).tolist() == [1.0, 0.0]
    without = instance.replace(leftover="export")
    assert [one.rule for one in PROBLEM.violations(without, decide(without, [2, 0], [4, 0]))] == [
        "more given than available"
    ]
    small = instance.replace(store_kwh=0.5)
    assert small.available_kwh.tolist() == [6.0, 1.5]


# Criteria by hand


def test_criteria_of_three_houses() -> None:
    instance = three_houses()
    found = values(instance, decide(instance, [1.0, 1.0, 2.0, 0.0]))
    assert found["social_welfare"] == pytest.approx(1 + math.log2(1.25) + 2 * math.log2(4 / 3))
    assert found["swr"] == pytest.approx(1 + math.log2(1.25) + math.log2(4 / 3))
    assert found["fairness"] == pytest.approx(1 + 1 + 2)
    assert found["fully_served"] == 1.0
    assert found["unique_served"] == 1.0
    assert found["grid_import_kwh"] == 7.0


def test_who_lacks_nothing_counts_as_served_and_in_no_ratio() -> None:
    """E = 0 (and no excess): in SR's numerator and denominator, in no sum of ratios."""
    instance = AllocationInstance(deficiency_kwh=[[0.0, 2.0, 0.0]], excess_kwh=[[0.0, 0.0, 1.0]])
    nothing = decide(instance, [0.0, 0.0, 0.0])
    assert instance.consumer.tolist() == [[True, True, False]]
    assert served(instance, nothing).tolist() == [[True, False, False]]
    assert values(instance, nothing)["social_welfare"] == 0.0
    (row,) = community_metrics(instance, nothing).to_dict("records")
    assert row["sr"] == 0.5
    assert row["sr_asking"] == 0.0
    assert row["swr_mean"] == 0.0


def test_weight_zero_receives_nothing_and_counts_among_the_unserved() -> None:
    instance = AllocationInstance(
        deficiency_kwh=[[1.0, 1.0, 0.0]], excess_kwh=[[0.0, 0.0, 5.0]], weight=[0.0, 1.0, 1.0]
    )
    assert instance.requested_kwh.tolist() == [[0.0, 1.0, 0.0]]
    best = decide(instance, [0.0, 1.0, 0.0])
    found = values(instance, best)
    assert found["swr"] == 1.0
    assert found["fully_served"] == 1.0
    assert found["grid_import_kwh"] == 1.0
    for one in BOUNDED:
        if one.name not in ("pbr", "pairs"):
            assert one.bound(instance, None) == pytest.approx(found[one.name]), one.name


def test_fixed_roles_decide_who_is_counted() -> None:
    energies = {"deficiency_kwh": [[1.0, 0.0, 0.0]], "excess_kwh": [[0.0, 0.0, 0.0]]}
    by_sign = AllocationInstance(**energies)
    assert by_sign.consumer.tolist() == [[True, True, True]]
    fixed = AllocationInstance(**energies, role=["consumer", "consumer", "prosumer"])
    assert fixed.consumer.tolist() == [[True, True, False]]
    assert fixed.prosumer.tolist() == [[False, False, True]]
    both = AllocationInstance(deficiency_kwh=[[1.0, 1.0]], excess_kwh=[[2.0, 0.0]])
    assert both.consumer.tolist() == [[True, True]], "after smoothing a household may lack and give"
    assert both.prosumer.tolist() == [[True, False]]


def test_energies_do_not_depend_on_the_length_of_an_interval() -> None:
    """kWh per interval are given, so every criterion is the same for a quarter of an hour and for a week."""
    decision = [1.0, 1.0, 2.0, 0.0]
    for dt_h in (0.25, 168.0):
        instance = three_houses().replace(dt_h=dt_h, interval=None)
        expected, found = (
            values(three_houses(), decide(three_houses(), decision)),
            values(instance, decide(instance, decision)),
        )
        assert {name: value for name, value in found.items() if value == value} == {
            name: value for name, value in expected.items() if value == value
        }


def test_gap_and_tighter_follow_the_sense() -> None:
    most, least = CRITERIA["social_welfare"], CRITERIA["grid_import_kwh"]
    instance = three_houses()
    assert most.gap(instance, 4.0, 5.0) == pytest.approx(0.2)
    assert most.gap(instance, 5.0, 4.0) == pytest.approx(-0.2)
    assert least.gap(instance, 15.0, 12.0) == pytest.approx(0.2)
    assert least.gap(instance, 12.0, 15.0) == pytest.approx(-0.2)
    assert most.gap(instance, 0.0, 1e-9) == pytest.approx(1e-9 / (4e-3 * 4 / 11)), "a thousandth of serving all alike"
    assert math.isnan(most.gap(instance, math.nan, 1.0))
    assert math.isnan(most.gap(instance, 1.0, math.inf))
    assert most.tighter(1.0, 2.0)
    assert not most.tighter(2.0, 2.0)
    assert least.tighter(2.0, 1.0)
    assert most.tighter(1.0, math.nan)
    assert not most.tighter(math.nan, 1.0)
    for one in PROBLEM.criteria:
        for make in SMALL:
            assert one.scale(make()) > 0


def test_problems_are_found_by_name() -> None:
    assert problem("allocation") is PROBLEM
    assert problem_of(three_houses()) is PROBLEM
    assert list(problems("allocation")) == [PROBLEM]
    assert PROBLEM.criterion() is CRITERIA["social_welfare"]
    assert PROBLEM.criterion("pbr").sign == -1
    assert len(PROBLEM.tiny().interval) >= 2
    with pytest.raises(ValueError, match="known: allocation"):
        problem("trade")
    with pytest.raises(ValueError, match="known: allocation"):
        problem("allocation.auction")
    assert str(Violation("too much", "here", 2.0, 1.0, "kWh")) == "here: too much (2 kWh against 1 kWh)"


# Weak duality

AMOUNTS = st.one_of(st.just(0.0), st.floats(1e-3, 50.0), st.sampled_from([1.0, 2.0, 3.0]))


@st.composite
def cases(draw: st.DrawFn) -> tuple[AllocationInstance, AllocationDecision, AllocationPrices]:
    """An instance, a feasible decision with pairs, and any prices ≥ 0."""
    shape = draw(st.integers(1, 3)), draw(st.integers(2, 5))
    lack, give = draw(arrays(float, shape, elements=AMOUNTS)), draw(arrays(float, shape, elements=AMOUNTS))
    weight = draw(arrays(float, shape[1], elements=st.sampled_from([0.0, 1.0, 2.0, 0.3])))
    weight[0] = max(weight[0], 1.0)
    instance = AllocationInstance(
        deficiency_kwh=lack,
        excess_kwh=give,
        weight=weight,
        leftover=draw(st.sampled_from(["export", "store"])),
        store_kwh=draw(AMOUNTS),
    )
    share = draw(arrays(float, shape, elements=st.sampled_from([0.0, 0.2, 0.5, 1.0, 1.0])))
    pairs, given_kwh = [], np.zeros(shape)
    for t in range(shape[0]):
        left = give[t].copy()
        for taker in draw(st.permutations(range(shape[1]))):
            asked = share[t, taker] * instance.requested_kwh[t, taker]
            for giver in range(shape[1]):
                moved = min(asked - given_kwh[t, taker], left[giver])
                if moved > 0:
                    left[giver] -= moved
                    given_kwh[t, taker] += moved
                    pairs.append((t, giver, taker, moved))
    columns = [list(column) for column in zip(*pairs, strict=True)] if pairs else [[], [], [], []]
    named = dict(zip(("pair_interval", "pair_prosumer", "pair_consumer", "pair_kwh"), columns, strict=True))
    prices = draw(arrays(float, shape[0], elements=st.one_of(st.just(0.0), st.floats(1e-6, 100.0))))
    decision = AllocationDecision(instance=instance, allocated_kwh=given_kwh, **named)
    return instance, decision, AllocationPrices(instance=instance, energy_price=prices)


@given(case=cases())
@settings(max_examples=150)
def test_no_feasible_decision_beats_a_bound_at_any_price(
    case: tuple[AllocationInstance, AllocationDecision, AllocationPrices],
) -> None:
    instance, decision, prices = case
    assert PROBLEM.violations(instance, decision) == []
    for one in BOUNDED:
        value = one.value(instance, decision)
        for bound in (one.bound(instance, prices), one.bound(instance, None)):
            if math.isnan(value) or math.isnan(bound):
                continue
            assert one.sign * (bound - value) >= -1e-8 * max(1.0, abs(value)), one.name


@given(case=cases(), factor=st.sampled_from([1e-300, 1e-150, 1e150, 1e200]))
@settings(max_examples=40)
def test_extreme_prices_give_bounds_without_warnings(
    case: tuple[AllocationInstance, AllocationDecision, AllocationPrices], factor: float
) -> None:
    instance, decision, prices = case
    extreme = prices.replace(energy_price=prices.energy_price * factor)
    for one in BOUNDED:
        bound, value = one.bound(instance, extreme), one.value(instance, decision)
        if not (math.isnan(value) or math.isnan(bound)):
            assert one.sign * (bound - value) >= -1e-8 * max(1.0, abs(value)), one.name


@given(case=cases())
@settings(max_examples=60)
def test_bounds_on_counts_hold_against_exhaustive_search(
    case: tuple[AllocationInstance, AllocationDecision, AllocationPrices],
) -> None:
    instance, _, prices = case
    n = len(instance.household)
    may = instance.consumer & ((instance.deficiency_kwh == 0) | (instance.weight > 0))
    patterns = []
    for t in range(len(instance.interval)):
        fitting = []
        for chosen in itertools.product((False, True), repeat=n):
            mask = np.array(chosen)
            if (mask <= may[t]).all() and instance.deficiency_kwh[t, mask].sum() <= instance.available_kwh[t]:
                fitting.append(mask)
        patterns.append(fitting)
    most = sum(max(mask.sum() for mask in fitting) for fitting in patterns)
    reached = {(False,) * n}
    for fitting in patterns:
        reached = {tuple(np.array(one) | mask) for one in reached for mask in fitting}
    unique = max(sum(one) for one in reached)
    for name, best in (("fully_served", most), ("unique_served", unique)):
        for given_prices in (None, prices):
            bound = CRITERIA[name].bound(instance, given_prices)
            assert bound >= best
            assert bound == int(bound), "a count has a whole bound"


def test_the_bound_on_pairs_is_met_by_the_partition() -> None:
    assert CRITERIA["pairs"].bound(partition(), None) == 3.0
    assert CRITERIA["pairs"].bound(three_houses(), None) == 1.0


def test_optimal_prices_leave_no_gap_and_no_residual() -> None:
    for method, criterion in (
        ("water_filling", "social_welfare"),
        ("game_theoretic", "fairness"),
        ("equal_water_filling", "swr"),
    ):
        solution = cw.solve(three_houses(), method=method, criterion=criterion)
        assert abs(solution.gap) < 1e-12
        assert all(abs(residual) < 1e-9 for residual in solution.report.certificate.values())
        assert set(solution.report.certificate) == {"stationarity", "complementarity", "duality_gap"}
        other = decide(three_houses(), [0.0, 4.0, 0.0, 0.0])
        residuals = CRITERIA[criterion].certificate(three_houses(), other, solution.prices)
        assert residuals["stationarity"] > 0.1
        assert residuals["duality_gap"] > 0.01


def test_a_wrong_bound_would_be_noticed() -> None:
    """The comparison above has power: half the social welfare is beaten by the optimum."""
    true = CRITERIA["social_welfare"]
    half = Criterion("half", "", "1", "max", true.value, true.scale, lambda i, p: 0.5 * true.bound(i, p))
    solution = cw.solve(three_houses())
    assert half.bound(three_houses(), solution.prices) < solution.objective


# Metrics of the paper


def weeks() -> AllocationInstance:
    """Two households and a roof over three weeks that reach into February."""
    return AllocationInstance(
        interval=["2030-01-21T00:00Z", "2030-01-28T00:00Z", "2030-02-04T00:00Z"],
        household=["A", "B", "roof"],
        deficiency_kwh=[[1.0, 3.0, 0.0], [2.0, 3.0, 0.0], [0.0, 4.0, 0.0]],
        excess_kwh=[[0.0, 0.0, 2.0], [0.0, 0.0, 2.0], [0.0, 0.0, 2.0]],
        weight=[1.0, 2.0, 1.0],
        group=["low", "high"],
        member_of=[0, 1, 0],
        dt_h=168.0,
    )


def given_weeks() -> AllocationDecision:
    return decide(weeks(), [1.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 2.0, 0.0])


def test_household_metrics_by_hand() -> None:
    table = household_metrics(weeks(), given_weeks()).set_index("household")
    assert table["sought_kwh"].tolist() == [3.0, 10.0, 0.0]
    assert table["given_kwh"].tolist() == [1.0, 5.0, 0.0]
    assert table["er"].tolist()[:2] == [pytest.approx(1 / 3), 0.5]
    assert table["er_w"]["B"] == 1.0
    assert table["swr"]["B"] == pytest.approx(math.log2(1.5))
    assert table["sw"]["B"] == pytest.approx(2 * math.log2(1.5))
    assert math.isnan(table["er"]["roof"])
    assert table["served_share"].tolist()[:2] == [pytest.approx(2 / 3), 0.0]
    assert table["nothing_share"].tolist()[:2] == [pytest.approx(1 / 3), 0.0]
    assert table["served_once"].tolist() == [True, False, False]
    assert table["group"].tolist() == ["low", "high", "low"]


def test_community_metrics_by_hand() -> None:
    table = community_metrics(weeks(), given_weeks())
    assert table["sr"].tolist() == [0.5, 0.0, 0.5]
    assert table["sr_asking"].tolist() == [0.5, 0.0, 0.0]
    assert table["pbr"].isna().all()
    assert table["ur"].tolist() == [0.5, 0.0, 0.5]
    assert table["er"].tolist() == [0.5, 0.4, 0.5]
    assert table["supply_kwh"].tolist() == table["local_kwh"].tolist() == [2.0] * 3
    assert table["grid_import_kwh"].tolist() == [2.0, 3.0, 2.0]
    (whole,) = community_metrics(weeks(), given_weeks(), "all").to_dict("records")
    assert whole["sr"] == pytest.approx(1 / 3)
    assert whole["ur"] == 0.5
    assert whole["swr"] == pytest.approx(math.log2(4 / 3) + math.log2(1.5))
    assert whole["sw"] == pytest.approx(math.log2(4 / 3) + 2 * math.log2(1.5))
    assert whole["swr_mean"] == pytest.approx(whole["swr"] / 2)
    assert whole["jain"] == pytest.approx((5 / 6) ** 2 / (2 * (1 / 9 + 1 / 4)))
    assert whole["gini"] == pytest.approx((1 / 2 - 1 / 3) / (2 * 5 / 6))


def test_months_follow_the_start_of_an_interval() -> None:
    assert periods(weeks(), "month").tolist() == ["2030-01", "2030-01", "2030-02"]
    assert periods(weeks(), "year").tolist() == ["2030"] * 3
    assert len(set(periods(weeks(), "week"))) == 3
    table = community_metrics(weeks(), given_weeks(), "month").set_index("period")
    assert table["local_kwh"].to_dict() == {"2030-01": 4.0, "2030-02": 2.0}
    assert table["er"]["2030-01"] == pytest.approx(4 / 9)
    assert household_metrics(weeks(), given_weeks(), "month").shape[0] == 6


def test_group_metrics_by_hand() -> None:
    table = group_metrics(weeks(), given_weeks()).set_index("group")
    assert table["households"].to_dict() == {"low": 2, "high": 1}
    assert table["er"].to_dict() == {"low": pytest.approx(1 / 3), "high": 0.5}
    assert table["swr"]["high"] == pytest.approx(math.log2(1.5))
    with pytest.raises(ValueError, match="has no groups"):
        group_metrics(three_houses(), decide(three_houses(), [0.0] * 4))


def test_uniqueness_grows() -> None:
    assert uniqueness_ratio(weeks(), given_weeks()).tolist() == [0.5, 0.5, 0.5]
    second = decide(weeks(), [1.0, 0, 0], [2.0, 0, 0], [0.0, 0, 0])
    assert uniqueness_ratio(weeks(), second).tolist() == [0.5, 0.5, 0.5]
    instance = weeks().replace(excess_kwh=[[0, 0, 9.0]] * 3)
    both = decide(instance, [1.0, 0, 0], [2.0, 3.0, 0], [0.0, 0, 0])
    assert uniqueness_ratio(instance, both).tolist() == [0.5, 1.0, 1.0]


def test_what_is_left_is_exported_or_spilled() -> None:
    nothing = [[0.0] * 3] * 3
    exported = community_metrics(weeks(), decide(weeks(), *nothing))
    assert exported["exported_kwh"].tolist() == [2.0] * 3
    assert exported["spilled_kwh"].tolist() == [0.0] * 3
    spill = weeks().replace(leftover="spill")
    assert community_metrics(spill, decide(spill, *nothing))["spilled_kwh"].tolist() == [2.0] * 3


def test_pbr_of_pairs_by_hand() -> None:
    pairs = {"pair_interval": [0, 0, 1, 2], "pair_prosumer": [2] * 4, "pair_consumer": [0, 1, 1, 1]}
    decision = decide(weeks(), [1, 1, 0], [0, 2, 0], [0, 2, 0], **pairs, pair_kwh=[1.0, 1.0, 2.0, 2.0])
    assert PROBLEM.violations(weeks(), decision) == []
    assert community_metrics(weeks(), decision)["pbr"].tolist() == [0.0, 1.0, 0.0], "A is left in the second week"
    assert values(weeks(), decision)["pbr"] == pytest.approx(1 / 3)


def test_jain_and_gini_by_hand() -> None:
    assert jain(np.array([2.0, 2.0, 2.0])) == pytest.approx(1.0)
    assert jain(np.array([0.0, 0.0, 5.0, 0.0])) == pytest.approx(0.25)
    assert jain(np.array([1.0, 3.0, np.nan])) == pytest.approx(16 / 20)
    assert jain(np.zeros(3)) == 1.0
    assert jain(np.array([1e-200, 1e-200])) == pytest.approx(1.0)
    assert math.isnan(jain(np.array([np.nan])))
    assert gini(np.array([2.0, 2.0, 2.0])) == pytest.approx(0.0)
    assert gini(np.array([0.0, 0.0, 5.0, 0.0])) == pytest.approx(0.75)
    assert gini(np.array([3.0, 1.0, np.nan])) == pytest.approx(0.25)
    assert gini(np.zeros(3)) == 0.0
    assert math.isnan(gini(np.array([])))
    with pytest.raises(ValueError, match="≥ 0"):
        gini(np.array([-1.0, 1.0]))


@given(values=arrays(float, st.integers(1, 8), elements=st.floats(0.0, 10.0)))
@settings(max_examples=60)
def test_jain_and_gini_against_their_definitions(values: np.ndarray) -> None:
    if values.max() < 1e-6:
        return
    differences = np.abs(values[:, None] - values[None, :]).sum()
    assert gini(values) == pytest.approx(differences / (2 * values.size**2 * values.mean()), abs=1e-12)
    assert jain(values) == pytest.approx(values.sum() ** 2 / (values.size * (values**2).sum()))
    assert 1 / values.size <= jain(values) + 1e-12
    assert jain(values) <= 1 + 1e-12


def test_metrics_of_a_broken_decision_do_not_crash() -> None:
    broken = decide(weeks(), [-1.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 9.0, 0.0])
    assert community_metrics(weeks(), broken).shape[0] == 3
    assert community_metrics(weeks(), broken, "all").shape[0] == 1


def test_a_service_level_counts_as_served_only_where_asked() -> None:
    instance = cw.load("allocation/three-houses").replace(service_level=0.5)
    decision = AllocationDecision(instance=instance, allocated_kwh=[[0.5, 2.0, 1.5, 0.0]])
    assert community_metrics(instance, decision)["sr"].iloc[0] == 0.0
    at_level = community_metrics(instance, decision, served_from=instance.service_level)
    assert at_level["sr"].iloc[0] == pytest.approx(2 / 3)
    homes = household_metrics(instance, decision, served_from=0.25).set_index("household")
    assert homes["served_share"][["A", "B", "C"]].tolist() == [1.0, 1.0, 1.0]


def test_one_group_of_all_has_the_metrics_of_the_community() -> None:
    """The group's row and the community's are computed apart wherever they can be."""
    rng = np.random.default_rng(5)
    excess = np.where(rng.random((3, 6)) < 0.4, rng.lognormal(size=(3, 6)), 0.0)
    instance = AllocationInstance(
        deficiency_kwh=rng.lognormal(1.0, 1.0, (3, 6)), excess_kwh=excess, group=["all"], member_of=[0] * 6
    )
    decision = cw.solve(instance, method="water_filling(pairs=True)").decision
    group, everybody = group_metrics(instance, decision, "interval"), community_metrics(instance, decision, "interval")
    for name in ("sr", "pbr", "ur", "er", "er_w", "sw", "swr", "swr_mean", "jain", "gini"):
        np.testing.assert_allclose(group[name], everybody[name], rtol=1e-12, err_msg=name)
    homes = household_metrics(instance, decision, "interval")
    np.testing.assert_allclose(group["er_w"], homes.groupby("period", sort=False)["er_w"].sum(), rtol=1e-12)
