"""Rules of scheduling: every way to break them is noticed, bounds hold at any prices, criteria are what they say.

One feasible schedule, worked out by hand at half-hour intervals, is spoiled in one place at a time; the rule that is
broken, where and both numbers have to be named. Bounds are held against feasible schedules at random prices, which need
not make any sense: weak duality asks for nothing else.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.models.problem import TOLERANCE
from commonwatt.models.scheduling.decision import SchedulingDecision, SchedulingPrices
from commonwatt.models.scheduling.rules import PROBLEM, violations
from commonwatt.solvers.method import menu
from hypothesis import given, settings
from hypothesis import strategies as st
from makers_scheduling import random_scheduling

import commonwatt as cw


def pair(**changes: Any) -> SchedulingInstance:
    """A home with a store and a roof with a request, for two half-hours, everything limited."""
    given_: dict[str, Any] = {
        "load_kwh": [[2.0, 1.0], [2.0, 1.0]],
        "generation_kwh": [[0.0, 3.0], [0.0, 0.0]],
        "buy_price": [0.2, 0.4],
        "sell_price": [0.1, 0.1],
        "curtailable_kwh": [[1.0, 0.0], [1.0, 0.0]],
        "curtailment_price": [0.5, 0.5],
        "lost_load": "priced",
        "lost_load_price": 3.0,
        "storage_of": [0],
        "capacity_kwh": [2.0],
        "minimum_kwh": [0.5],
        "charge_kw": [2.0],
        "discharge_kw": [2.0],
        "charge_efficiency": [0.5],
        "discharge_efficiency": [0.5],
        "retention": [0.9],
        "initial_kwh": [1.0],
        "request_of": [1],
        "request_kwh": [1.0],
        "request_kw": [2.0],
        "earliest": [1],
        "latest": [1],
        "import_limit_kw": [20.0, 20.0],
        "export_limit_kw": [6.0, 6.0],
        "member_import_kw": [16.0, 16.0],
        "member_export_kw": [4.0, 4.0],
        "carbon_kg_per_kwh": [0.5, 0.25],
        "demand_charge": 0.3,
        "peak_price": 2.0,
        "dt_h": 0.5,
    }
    return SchedulingInstance(**(given_ | changes))


def planned(instance: SchedulingInstance, **changes: Any) -> SchedulingDecision:
    """Charge 0.4, discharge 0.2: 0.9 · 1 + 0.5 · 0.4 = 1.1, then 0.9 · 1.1 − 0.2 / 0.5 = 0.59."""
    plan: dict[str, Any] = {
        "charge_kwh": [[0.4], [0.0]],
        "discharge_kwh": [[0.0], [0.2]],
        "soc_kwh": [[1.0], [1.1], [0.59]],
        "served_kwh": [[0.0], [1.0]],
    }
    return SchedulingDecision(instance=instance, **(plan | changes))


SPOILED = [
    ("charge must not be negative", {"charge_kwh": [[-0.1], [0.0]]}),
    ("more charge than its power allows", {"charge_kwh": [[1.1], [0.0]]}),
    ("discharge must not be negative", {"discharge_kwh": [[0.0], [-0.1]]}),
    ("more discharge than its power allows", {"discharge_kwh": [[0.0], [1.1]]}),
    ("charges and discharges at once", {"discharge_kwh": [[0.1], [0.2]]}),
    ("content does not follow from charge and discharge", {"soc_kwh": [[1.0], [1.1], [0.6]]}),
    ("content below what it must be", {"soc_kwh": [[1.0], [1.1], [0.49]]}),
    ("content below what it must be", {"soc_kwh": [[0.9], [1.1], [0.59]]}),
    ("content above what it may be", {"soc_kwh": [[1.0], [2.1], [0.59]]}),
    ("content above what it may be", {"soc_kwh": [[1.1], [1.1], [0.59]]}),
    ("service must not be negative", {"served_kwh": [[-0.1], [1.0]]}),
    ("more service than power and window allow", {"served_kwh": [[0.1], [0.9]]}),
    ("more service than power and window allow", {"served_kwh": [[0.0], [1.1]]}),
    ("request is not served what it asks for", {"served_kwh": [[0.0], [0.9]]}),
    ("curtailed energy must not be negative", {"curtailed_kwh": [[-0.1, 0.0], [0.0, 0.0]]}),
    ("more curtailed than allowed", {"curtailed_kwh": [[1.1, 0.0], [0.0, 0.0]]}),
    ("more curtailed than allowed", {"curtailed_kwh": [[0.0, 0.1], [0.0, 0.0]]}),
    ("left unserved energy must not be negative", {"lost_kwh": [[0.0, 0.0], [0.0, -0.1]]}),
    ("more left unserved than allowed", {"lost_kwh": [[1.1, 0.0], [0.0, 0.0]]}),
    ("spilled energy must not be negative", {"spilled_kwh": [[0.0, -0.1], [0.0, 0.0]]}),
    ("more spilled than allowed", {"spilled_kwh": [[0.0, 0.0], [0.0, 0.1]]}),
]
"""What is spoiled, and the rule that has to say so."""

NARROW = [
    ("more import than the member's connection allows", {"member_import_kw": [4.6, 16.0]}, 2.4, 2.3),
    ("more export than the member's connection allows", {"member_export_kw": [4.0, 3.9]}, 2.0, 1.95),
    ("more import than the community's connection allows", {"import_limit_kw": [20.0, 7.5]}, 3.8, 3.75),
]
"""A limit that is a little too narrow for the plan, what is found and what is allowed."""


def test_plan_is_feasible() -> None:
    assert violations(pair(), planned(pair())) == []


@pytest.mark.parametrize(("rule", "changes"), SPOILED)
def test_each_way_to_break_a_rule_is_noticed(rule: str, changes: dict[str, Any]) -> None:
    found = violations(pair(), planned(pair(), **changes))
    assert rule in {one.rule for one in found}


@pytest.mark.parametrize(("rule", "changes", "value", "limit"), NARROW)
def test_narrow_connections_are_noticed_with_both_numbers(
    rule: str, changes: dict[str, Any], value: float, limit: float
) -> None:
    instance = pair(**changes)
    (found,) = violations(instance, planned(instance))
    assert found.rule == rule
    assert (found.value, found.limit) == (pytest.approx(value), pytest.approx(limit))


def test_export_of_the_community_is_noticed() -> None:
    instance = pair(load_kwh=[[0.0, 0.0], [2.0, 1.0]], curtailable_kwh=None, export_limit_kw=[3.0, 6.0])
    found = violations(instance, planned(instance, charge_kwh=[[0.4], [0.0]]))
    # The roof exports 3 kWh, 1 kWh more than its own connection carries, and 2.6 kWh leave the community.
    assert {one.rule: (round(one.value, 9), one.limit) for one in found} == {
        "more export than the member's connection allows": (3.0, 2.0),
        "more export than the community's connection allows": (2.6, 1.5),
    }


def test_lost_load_must_be_allowed() -> None:
    instance = pair(lost_load="forbidden")
    rules = {one.rule for one in violations(instance, planned(instance, lost_kwh=[[0.1, 0.0], [0.0, 0.0]]))}
    assert rules == {"more left unserved than allowed"}


def test_spilling_must_be_allowed() -> None:
    instance = pair(spill="forbidden")
    rules = {one.rule for one in violations(instance, planned(instance, spilled_kwh=[[0.0, 0.1], [0.0, 0.0]]))}
    assert rules == {"more spilled than allowed"}


def test_a_node_that_has_failed_exchanges_nothing() -> None:
    instance = pair(connected=[[0, 1], [1, 1]])
    assert {one.rule for one in violations(instance, planned(instance))} == {
        "more import than the member's connection allows"
    }


def test_an_unplugged_storage_stands_still_and_drives() -> None:
    instance = pair(plugged=[[0], [1]], trip_kwh=[[0.1], [0.0]])
    still = planned(instance, charge_kwh=[[0.0], [0.0]], discharge_kwh=[[0.0], [0.0]], soc_kwh=[[1.0], [0.8], [0.72]])
    assert violations(instance, still) == []
    rules = {one.rule for one in violations(instance, planned(instance))}
    assert {"more charge than its power allows", "content does not follow from charge and discharge"} <= rules


def test_required_and_final_contents_count() -> None:
    plan = planned(pair())
    for changes in ({"required_kwh": [[0.0], [1.2], [0.0]]}, {"final_kwh": [0.7]}):
        instance = pair(**changes)
        (found,) = violations(instance, plan.replace(instance=instance))
        assert found.rule == "content below what it must be"


def test_a_hair_beyond_a_limit_is_forgiven_and_more_is_not() -> None:
    # The store's tolerance is one part in 1e9 of its capacity and powers, here 2 + 2 kWh.
    within = planned(pair(), soc_kwh=[[1.0], [1.1], [0.59 + 3.9 * TOLERANCE]])
    beyond = planned(pair(), soc_kwh=[[1.0], [1.1], [0.59 + 4.1 * TOLERANCE]])
    assert violations(pair(), within) == []
    assert len(violations(pair(), beyond)) == 1


def test_criteria_by_hand_at_half_hours() -> None:
    """Net imports are 2.4 and −2, then 1.8 and 2: 0.4 kWh and 3.8 kWh for the community, 0.8 kW and 7.6 kW."""
    instance = pair()
    plan = planned(instance)
    assert plan.net_kwh == pytest.approx(np.array([[2.4, -2.0], [1.8, 2.0]]))
    value = {one.name: one.value(instance, plan) for one in PROBLEM.criteria}
    assert value["community_cost"] == pytest.approx(0.2 * 0.4 + 0.4 * 3.8 + 0.3 * 7.6)
    # Alone, the home has a peak of 4.8 kW and the roof one of 4 kW, and what it exports brings the selling price.
    assert value["separate_cost"] == pytest.approx(0.2 * 2.4 - 0.1 * 2.0 + 0.4 * 3.8 + 0.3 * (4.8 + 4.0))
    assert value["peak_cost"] == pytest.approx(2.0 * 7.6)
    assert value["peak_kw"] == pytest.approx(7.6)
    assert value["waiting_h"] == 0.0
    assert value["self_sufficiency"] == pytest.approx(1.0 - 4.2 / 7.0)
    assert value["self_consumption"] == 1.0
    assert value["throughput_kwh"] == pytest.approx(0.2)
    assert value["unserved_kwh"] == 0.0
    assert value["emissions_kg"] == pytest.approx(0.5 * 0.4 + 0.25 * 3.8)


def test_comfort_is_part_of_every_cost() -> None:
    """Curtailing 0.5 kWh, losing 0.1 kWh and missing a target by 0.4 and 0.41 kWh at 0.05 each."""
    plain = pair()
    instance = pair(target_kwh=[[0.0], [1.5], [1.0]], target_price=[0.05], terminal_value=[0.2])
    changes = {"curtailed_kwh": [[0.5, 0.0], [0.0, 0.0]], "lost_kwh": [[0.1, 0.0], [0.0, 0.0]]}
    comfort = 0.5 * 0.5 + 3.0 * 0.1 + 0.05 * (0.4 + 0.41)
    for name in ("community_cost", "separate_cost", "peak_cost"):
        value = PROBLEM.criterion(name).value
        # What is left in store is worth something, but nothing for the peak.
        worth = 0.0 if name == "peak_cost" else 0.2 * 0.59
        without = value(plain, planned(plain, **changes)) - 0.5 * 0.5 - 3.0 * 0.1
        assert value(instance, planned(instance, **changes)) == pytest.approx(without + comfort - worth), name
    assert PROBLEM.criterion("unserved_kwh").value(instance, planned(instance, **changes)) == pytest.approx(0.6)


def test_waiting_is_a_mean_over_energy_and_counts_hours() -> None:
    instance = SchedulingInstance(
        load_kwh=np.zeros((4, 1)),
        buy_price=np.ones(4),
        request_of=[0, 0],
        request_kwh=[3.0, 1.0],
        request_kw=[8.0, 8.0],
        earliest=[0, 1],
        latest=[3, 3],
        dt_h=0.25,
    )
    served = np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    plan = SchedulingDecision(
        instance=instance,
        charge_kwh=np.zeros((4, 0)),
        discharge_kwh=np.zeros((4, 0)),
        soc_kwh=np.zeros((5, 0)),
        served_kwh=served,
    )
    # 1 kWh at once, 2 kWh two quarters late, 1 kWh two quarters late.
    waiting = PROBLEM.criterion("waiting_h")
    assert waiting.value(instance, plan) == pytest.approx((2 * 0.5 + 1 * 0.5) / 4)
    # At 2 kWh an interval the first request waits one quarter with its third kWh.
    assert waiting.bound is not None
    assert waiting.bound(instance, None) == pytest.approx(1 * 0.25 / 4)


def test_shares_of_nothing_are_not_numbers() -> None:
    instance = SchedulingInstance(load_kwh=np.zeros((2, 1)), buy_price=np.ones(2))
    idle = menu("scheduling")["idle"].run(instance)
    for name in ("self_sufficiency", "self_consumption", "waiting_h", "emissions_kg"):
        assert math.isnan(PROBLEM.criterion(name).value(instance, idle)), name


BOUNDED = [one for one in PROBLEM.criteria if one.bound is not None]
RULES = ("idle", "self_consumption", "time_of_use", "p_mas")


def some_schedule(seed: int) -> SchedulingDecision | None:
    """A feasible schedule of a random instance, by one rule of thumb or another; None where there is none."""
    instance = random_scheduling(seed)
    try:
        return menu("scheduling")[RULES[seed % len(RULES)]].run(instance)
    except (cw.InfeasibleError, cw.NotApplicable):
        return None


@settings(max_examples=150, derandomize=True, deadline=None)
@given(seed=st.integers(0, 100_000), spread=st.sampled_from([0.0, 0.1, 1.0, 30.0]), centred=st.booleans())
def test_no_schedule_beats_a_bound_at_any_prices(seed: int, spread: float, centred: bool) -> None:
    plan = some_schedule(seed)
    if plan is None:
        return
    instance, rng = plan.instance, np.random.default_rng(seed)
    intervals, members = instance.load_kwh.shape
    energy = spread * rng.normal(size=intervals) + (instance.buy_price if centred else 0.0)
    prices = SchedulingPrices(
        instance=instance,
        energy_price=energy,
        member_price=energy[:, None] + spread * rng.normal(size=(intervals, members)),
        water_value=np.mean(energy) + spread * rng.normal(size=(intervals, len(instance.storage))),
        peak_value=spread * rng.random(intervals),
        member_peak_value=spread * rng.random((intervals, members)),
    )
    assert violations(instance, plan) == []
    for one in BOUNDED:
        assert one.bound is not None
        value, bound = one.value(instance, plan), one.bound(instance, prices)
        size = max(1.0, abs(value), abs(bound), float(np.abs(prices.water_value).sum()), float(np.abs(energy).sum()))
        assert math.isnan(value) or bound <= value + 1e-8 * size, one.name


@pytest.mark.parametrize("seed", range(0, 300, 7))
def test_the_certificate_is_the_distance_from_the_bound(seed: int) -> None:
    """Each part of it is no less than 0 at a feasible schedule, and all add up to value minus bound."""
    plan = some_schedule(seed)
    if plan is None:
        return
    instance, rng = plan.instance, np.random.default_rng(seed)
    prices = SchedulingPrices(
        instance=instance,
        energy_price=instance.buy_price,
        member_price=np.repeat(instance.buy_price[:, None], len(instance.member), axis=1),
        water_value=rng.random((len(instance.interval), len(instance.storage))),
    )
    for one in BOUNDED:
        if one.certificate is None:
            continue
        parts = one.certificate(instance, plan, prices)
        assert min(parts.values()) >= -1e-7, one.name
        assert one.bound is not None
        expected = (one.value(instance, plan) - one.bound(instance, prices)) / one.scale(instance)
        assert parts["duality_gap"] == pytest.approx(expected, abs=1e-6, rel=1e-9), one.name


def test_the_bound_is_met_at_the_optimum() -> None:
    """So the property above leaves no room: a bound any tighter would be beaten."""
    instance = PROBLEM.tiny()
    assert isinstance(instance, SchedulingInstance)
    solution = cw.solve(instance, criterion="community_cost")
    bound = PROBLEM.criterion("community_cost").bound
    assert bound is not None
    assert solution.prices is not None
    assert bound(instance, solution.prices) == pytest.approx(solution.objective, rel=1e-9)
