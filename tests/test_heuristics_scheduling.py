"""Rules of thumb and kernels of scheduling: by hand, feasible where a schedule exists, never better than possible.

Strategy: one small case of each rule whose every number can be followed; then hundreds of random communities with
limits, outages, trips and required contents, on which a rule may give up only where a program proves that nothing can
be done. Kernels are held to what the programs find and to the bound that their own prices prove.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from commonwatt.benchmarks.compare import broken_claims
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.models.scheduling.decision import SchedulingDecision
from commonwatt.models.scheduling.rules import PROBLEM, violations
from commonwatt.solvers import scheduling_kernels
from commonwatt.solvers.heuristics.scheduling import daily_quantile, load_classes
from commonwatt.solvers.heuristics.scheduling_corridor import corridor
from commonwatt.solvers.method import menu
from commonwatt.solvers.price_takers import state_shift
from commonwatt.solvers.schedules import lost_for_want, serve_soonest
from makers_scheduling import random_scheduling, simple_homes, street_of_requests

import commonwatt as cw

RULES = ("idle(patient=True)", "self_consumption", "self_consumption(scope='member')", "time_of_use", "p_mas")


def run(instance: SchedulingInstance, method: str, **options: Any) -> SchedulingDecision:
    """Decision of a method, with no rule broken."""
    decision = cw.solve(instance, method=method, **options).decision
    assert isinstance(decision, SchedulingDecision)
    assert violations(instance, decision) == []
    return decision


def home(intervals: int, **changes: Any) -> SchedulingInstance:
    """One member without anything, for some hours."""
    given: dict[str, Any] = {"load_kwh": np.ones((intervals, 1)), "buy_price": np.full(intervals, 0.3), "dt_h": 1.0}
    return SchedulingInstance(**(given | changes))


def store(**changes: Any) -> dict[str, Any]:
    """A lossless store of 4 kWh and 1 kW, empty."""
    given = {"storage_of": [0], "capacity_kwh": [4.0], "charge_kw": [1.0], "discharge_kw": [1.0]}
    return given | changes


def request(kwh: float, kw: float, earliest: int, latest: int) -> dict[str, Any]:
    return {
        "request_of": [0],
        "request_kwh": [kwh],
        "request_kw": [kw],
        "earliest": [earliest],
        "latest": [latest],
    }


# --- idle, and what is forced ----------------------------------------------------------------------------------------


def test_idle_leaves_storages_alone_and_serves_at_once() -> None:
    instance = home(3, **store(initial_kwh=[2.0], retention=[0.5]), **request(3.0, 2.0, 0, 2))
    plan = run(instance, "idle")
    assert plan.soc_kwh[:, 0].tolist() == [2.0, 1.0, 0.5, 0.25]
    assert not plan.charge_kwh.any()
    assert not plan.discharge_kwh.any()
    assert plan.served_kwh[:, 0].tolist() == [2.0, 1.0, 0.0]


def test_what_is_required_is_charged_as_late_as_it_can_be() -> None:
    required = np.zeros((5, 1))
    required[3] = 2.0
    plan = run(home(4, **store(required_kwh=required)), "idle")
    assert plan.soc_kwh[:, 0].tolist() == [0.0, 0.0, 1.0, 2.0, 2.0]


def test_trips_and_times_away_are_charged_for_beforehand() -> None:
    trip = [[0.0], [0.0], [1.5], [0.0]]
    instance = home(4, **store(trip_kwh=trip, plugged=[[1], [1], [0], [1]], final_kwh=[0.5], charge_efficiency=[0.8]))
    # 1.5 kWh before the trip, of which an hour brings 0.8: 0.7 in the first, 0.8 in the second; then 0.5 in the last.
    assert run(instance, "idle").soc_kwh[:, 0] == pytest.approx([0.0, 0.7, 1.5, 0.0, 0.5])


def test_losses_on_the_way_are_reckoned_with() -> None:
    plan = run(home(2, **store(final_kwh=[1.4], retention=[0.5])), "idle")
    assert plan.soc_kwh[:, 0] == pytest.approx([0.0, 0.8, 1.4])


def test_what_exceeds_the_capacity_is_given_away() -> None:
    plan = run(home(2, **store(capacity_kwh=[2.0], initial_kwh=[2.5])), "idle")
    assert plan.soc_kwh[:, 0] == pytest.approx([2.5, 2.0, 2.0])


def test_a_reserve_is_kept_for_an_outage() -> None:
    """Two hours without grid need 2 kWh, at 0.5 the discharging efficiency 4 kWh; 1 kWh an hour is charged before."""
    outage = {"import_limit_kw": [9.0, 9.0, 9.0, 9.0, 0.0, 0.0]}
    plan = run(home(6, **store(discharge_efficiency=[0.5]), **outage), "idle")
    assert plan.soc_kwh[:, 0] == pytest.approx([0, 1, 2, 3, 4, 2, 0])


def test_members_share_the_reserve_for_an_outage_of_the_grid() -> None:
    """1 kWh is needed in the dark; the stores give by their powers, 1 to 3, and are charged for it beforehand."""
    instance = SchedulingInstance(
        load_kwh=[[0.0, 0.0], [0.25, 0.75]],
        buy_price=[0.3, 0.3],
        storage_of=[0, 1],
        capacity_kwh=[4.0, 4.0],
        charge_kw=[2.0, 2.0],
        discharge_kw=[1.0, 3.0],
        import_limit_kw=[9.0, 0.0],
        dt_h=1.0,
    )
    assert run(instance, "idle").soc_kwh[1] == pytest.approx([0.25, 0.75])


def test_generation_that_may_not_be_spilled_finds_room() -> None:
    """2 kWh come in the last hour, 1 kWh may leave; the full store has to make room before."""
    instance = home(
        2,
        load_kwh=[[1.0], [0.0]],
        generation_kwh=[[0.0], [2.0]],
        **store(initial_kwh=[4.0]),
        export_limit_kw=[1.0, 1.0],
        spill="forbidden",
    )
    assert run(instance, "idle").soc_kwh[:, 0] == pytest.approx([4.0, 3.0, 4.0])


def test_storages_help_before_load_is_curtailed_and_that_before_any_is_lost() -> None:
    instance = home(
        1,
        **store(initial_kwh=[0.5]),
        import_limit_kw=[0.0],
        curtailable_kwh=[[0.3]],
        curtailment_price=[0.4],
        lost_load="priced",
    )
    plan = run(instance, "idle")
    assert plan.discharge_kwh[0, 0] == pytest.approx(0.5)
    assert plan.curtailed_kwh[0, 0] == pytest.approx(0.3)
    assert plan.lost_kwh[0, 0] == pytest.approx(0.2)


def test_a_node_that_has_failed_lives_on_its_own_and_helps_nobody() -> None:
    instance = SchedulingInstance(
        load_kwh=[[1.0, 1.0], [1.0, 1.0]],
        buy_price=[0.3, 0.3],
        storage_of=[0],
        capacity_kwh=[4.0],
        charge_kw=[2.0],
        discharge_kw=[2.0],
        initial_kwh=[3.0],
        connected=[[0, 1], [1, 1]],
        import_limit_kw=[0.25, 9.0],
        lost_load="priced",
        dt_h=1.0,
    )
    plan = run(instance, "self_consumption")
    # First hour: the failed node serves itself, its neighbour loses what the grid does not bring. Then the store is
    # back and serves both.
    assert plan.soc_kwh[:, 0] == pytest.approx([3.0, 2.0, 0.0])
    assert plan.lost_kwh == pytest.approx(np.array([[0.0, 0.75], [0.0, 0.0]]))


def test_whoever_cannot_export_does_not_give_up_load_for_others() -> None:
    instance = SchedulingInstance(
        load_kwh=[[2.0, 2.0]],
        buy_price=[0.3],
        member_export_kw=[0.0, 9.0],
        import_limit_kw=[1.0],
        curtailable_kwh=[[2.0, 1.0]],
        lost_load="priced",
        dt_h=1.0,
    )
    curtailed, lost = lost_for_want(instance, np.array([[0.5, 1.5]]))
    # The first may come down to 0 and no further: 0.5 of the 1 kWh that both could give up.
    assert curtailed == pytest.approx(np.array([[1 / 3, 2 / 3]]))
    assert not lost.any()


def test_requests_at_once_need_room_or_patience() -> None:
    instance = home(3, member_import_kw=[1.5], **request(1.0, 1.0, 0, 2))
    with pytest.raises(cw.NotApplicable, match=r"member 1, .*T00.*0\.5 kWh more are needed.*patient=True"):
        cw.solve(instance, method="idle")
    assert run(instance, "idle", patient=True).served_kwh[:, 0].tolist() == [0.5, 0.5, 0.0]
    assert run(instance, "self_consumption").served_kwh[:, 0].tolist() == [0.5, 0.5, 0.0]


# --- self-consumption ------------------------------------------------------------------------------------------------


def neighbours() -> SchedulingInstance:
    """A roof with a slow store, a home with a small one: a surplus of 2 kWh in the first hour."""
    return SchedulingInstance(
        load_kwh=[[0.0, 1.0], [0.0, 1.0], [1.0, 2.0]],
        generation_kwh=[[3.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
        buy_price=[0.3] * 3,
        storage_of=[0, 1],
        capacity_kwh=[4.0, 2.0],
        charge_kw=[1.0, 5.0],
        discharge_kw=[5.0, 5.0],
        dt_h=1.0,
    )


def test_self_consumption_of_a_community_shares_by_room_and_content() -> None:
    plan = run(neighbours(), "self_consumption")
    # Room for 1 and 2 kWh, 2 kWh to store; then contents of 2/3 and 4/3 kWh serve 1 kWh, and the rest of what follows.
    assert plan.soc_kwh == pytest.approx(np.array([[0, 0], [2 / 3, 4 / 3], [1 / 3, 2 / 3], [0, 0]]))
    assert plan.community_net_kwh == pytest.approx([0.0, 0.0, 2.0])


def test_self_consumption_of_a_member_looks_at_its_own_load_only() -> None:
    plan = run(neighbours(), "self_consumption", scope="member")
    assert plan.soc_kwh == pytest.approx(np.array([[0, 0], [1, 0], [1, 0], [0, 0]]))
    assert plan.net_kwh == pytest.approx(np.array([[-2, 1], [0, 1], [0, 2]]))


def test_self_consumption_knows_two_scopes() -> None:
    with pytest.raises(ValueError, match=r"unknown scope 'street'; valid: 'community', 'member'"):
        cw.solve(neighbours(), method="self_consumption", scope="street")


# --- time of use -----------------------------------------------------------------------------------------------------


def test_time_of_use_by_hand() -> None:
    """The quartiles of 10, 20, 30 and 40 ct are 17.5 and 32.5: the first hour is cheap, the last one dear."""
    prices = [0.1, 0.2, 0.3, 0.4]
    instance = home(4, buy_price=prices, generation_kwh=[[0], [0], [1.5], [0]], **store(), **request(2.0, 1.0, 0, 3))
    plan = run(instance, "time_of_use")
    # It charges in the first hour, stores the surplus of the third, and serves the load of the last without exporting.
    assert plan.soc_kwh[:, 0] == pytest.approx([0.0, 1.0, 1.0, 1.5, 0.5])
    assert plan.served_kwh[:, 0].tolist() == [1.0, 1.0, 0.0, 0.0]


def test_time_of_use_counts_days_and_sees_no_cheap_hour_on_a_flat_one() -> None:
    instance = home(4, buy_price=[0.1, 0.3, 1.0, 1.0], dt_h=12.0, **store(charge_kw=[0.1]))
    assert daily_quantile(instance, 0.5) == pytest.approx([0.2, 0.2, 1.0, 1.0])
    plan = run(instance, "time_of_use")
    assert plan.charge_kwh[:, 0].tolist() == pytest.approx([1.2, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("threshold", [-0.1, 0.6])
def test_time_of_use_refuses_thresholds_that_cross(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"must lie between 0 and 0\.5"):
        cw.solve(home(1), method="time_of_use", threshold=threshold)


# --- p-MAS -----------------------------------------------------------------------------------------------------------


def test_load_classes_by_hand() -> None:
    net = np.array([[-1.0, 0.0], [0.2, 0.1], [0.5, 0.0], [0.7, 0.0], [1.0, 0.0], [1.01, 0.0]])
    found = load_classes(net, np.array([1.0, 0.0]), np.array([0.2, 0.5, 0.8, 1.0]))
    assert found[:, 0].tolist() == [0, 0, 1, 2, 3, 4]
    assert found[:, 1].tolist() == [0, 4, 0, 0, 0, 0]


def test_p_mas_lets_requests_wait_for_a_light_hour() -> None:
    """Of a peak of 4 kWh, 4 is overloaded, 2.5 normal and 1 light: what waits since the first hour waits for that."""
    instance = home(5, load_kwh=[[4.0], [4.0], [2.5], [1.0], [0.0]], **request(2.0, 2.0, 0, 4))
    plan = run(instance, "p_mas")
    assert plan.served_kwh[:, 0].tolist() == [0.0, 0.0, 0.0, 2.0, 0.0]
    assert PROBLEM.criterion("waiting_h").value(instance, plan) == pytest.approx(3.0)


def test_p_mas_serves_what_is_asked_now_at_a_normal_node() -> None:
    instance = home(3, load_kwh=[[4.0], [2.5], [4.0]], **request(0.6, 2.0, 1, 2))
    assert run(instance, "p_mas").served_kwh[:, 0] == pytest.approx([0.0, 0.6, 0.0])


def test_p_mas_serves_in_time_whatever_the_load() -> None:
    instance = home(3, load_kwh=[[4.0], [4.0], [0.0]], **request(2.5, 2.0, 0, 1))
    assert run(instance, "p_mas").served_kwh[:, 0] == pytest.approx([0.5, 2.0, 0.0])


def test_p_mas_serves_first_who_came_first_up_to_the_end_of_the_normal_class() -> None:
    instance = home(
        4,
        load_kwh=[[4.0], [4.0], [1.0], [0.0]],
        request_of=[0, 0],
        request_kwh=[1.0, 2.0],
        request_kw=[2.0, 2.0],
        earliest=[1, 0],
        latest=[3, 3],
    )
    # 3.2 kWh are normal: 2.2 beside the load of the third hour, of which the second request, the older one, takes 2.
    assert run(instance, "p_mas").served_kwh[2:] == pytest.approx(np.array([[0.2, 2.0], [0.8, 0.0]]))


def test_p_mas_curtails_at_severely_overloaded_nodes_in_dear_hours_only() -> None:
    instance = home(3, load_kwh=[[4.0], [4.0], [1.0]], buy_price=[0.4, 0.1, 0.1], curtailable_kwh=[[1.0], [1.0], [1.0]])
    plan = run(instance, "p_mas", thresholds=(0.2, 0.4, 0.6, 0.8))
    assert plan.curtailed_kwh[:, 0] == pytest.approx([0.8, 0.0, 0.0])


def test_p_mas_takes_the_connection_for_rated_power_where_there_is_one() -> None:
    given = {"load_kwh": [[4.0], [0.0]], **request(1.0, 2.0, 0, 1)}
    assert run(home(2, **given), "p_mas").served_kwh[:, 0].tolist() == [0.0, 1.0]
    assert run(home(2, **given, member_import_kw=[20.0]), "p_mas").served_kwh[:, 0].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("thresholds", [(0.2, 0.5, 0.8), (0.2, 0.8, 0.5, 1.0), (-0.1, 0.5, 0.8, 1.0)])
def test_p_mas_refuses_thresholds_that_are_none(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must be four ascending numbers"):
        cw.solve(home(1), method="p_mas", thresholds=thresholds)


# --- valley filling --------------------------------------------------------------------------------------------------


def test_valleys_are_filled_to_one_level() -> None:
    instance = home(3, load_kwh=[[3.0], [1.0], [2.0]], **request(6.0, 9.0, 0, 2), dt_h=0.5, peak_price=2.0)
    solution = cw.solve(instance, criterion="peak_cost", method="valley_filling")
    assert solution.decision.served_kwh[:, 0] == pytest.approx([1.0, 3.0, 2.0])
    # 4 kWh in half an hour are 8 kW; each interval has a third of the peak's value.
    assert solution.objective == pytest.approx(16.0)
    assert solution.prices.peak_value == pytest.approx([2 / 3] * 3)
    assert solution.gap == pytest.approx(0.0, abs=1e-12)


def test_a_peak_that_requests_do_not_reach_has_all_the_value() -> None:
    instance = home(3, load_kwh=[[5.0], [1.0], [2.0]], **request(2.0, 2.0, 0, 2))
    solution = cw.solve(instance, criterion="peak_cost", method="valley_filling")
    assert solution.prices.peak_value == pytest.approx([1.0, 0.0, 0.0])
    assert str(solution.status) == "optimal"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (store(), "storage 1: storages move load too"),
        ({"lost_load": "priced", "lost_load_price": 0.1}, r"member 1, .*losing load at 0\.1 costs less than the peak"),
        ({"curtailable_kwh": [[1.0], [0.0]], "curtailment_price": [0.1]}, r"curtailing load at 0\.1 costs less"),
        ({"member_import_kw": [1.4]}, "more import than the member's connection allows"),
    ],
)
def test_valley_filling_says_why_it_does_not_apply(changes: dict[str, Any], reason: str) -> None:
    instance = home(2, **request(1.0, 1.0, 0, 1), **changes)
    with pytest.raises(cw.NotApplicable, match=reason):
        cw.solve(instance, method="valley_filling", criterion="peak_cost")


def test_comfort_that_costs_more_than_the_peak_does_not_matter_to_valley_filling() -> None:
    instance = home(2, **request(1.0, 1.0, 0, 1), lost_load="priced", lost_load_price=0.6)
    assert str(cw.solve(instance, method="valley_filling", criterion="peak_cost").status) == "optimal"


@pytest.mark.parametrize("seed", range(60))
def test_valley_filling_meets_its_bound_on_random_streets(seed: int) -> None:
    solution = cw.solve(street_of_requests(seed), method="valley_filling", criterion="peak_cost")
    assert solution.report.ok
    assert abs(solution.gap) <= 1e-9


# --- each member alone -----------------------------------------------------------------------------------------------


def test_battery_kernel_by_hand() -> None:
    """A full hour at 10 ct, of which 0.9 kWh arrive and 0.81 kWh serve the hour at 40 ct."""
    instance = home(2, buy_price=[0.1, 0.4], **store(charge_efficiency=[0.9], discharge_efficiency=[0.9]))
    solution = cw.solve(instance, criterion="separate_cost", method="separate_kernel")
    assert solution.objective == pytest.approx(0.1 * 2.0 + 0.4 * 0.19)
    assert solution.gap == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            store(storage_of=[0, 0], capacity_kwh=[1.0, 1.0], charge_kw=[1.0, 1.0], discharge_kw=[1.0, 1.0]),
            "has 2 stor",
        ),
        ({**store(), **request(1.0, 1.0, 0, 1)}, "member 1: it has 2 storages and requests"),
        ({"sell_price": [0.4, 0.0]}, r"T00.*: buying at 0\.3, selling at 0\.4"),
        ({"buy_price": [-0.1, 0.1], "sell_price": [-0.1, 0.0]}, r"buying at -0\.1"),
        ({"demand_charge": 2.0}, "demand_charge=2"),
        (store(target_kwh=[[0.0], [1.0], [1.0]], target_price=[0.1]), "no target with a price"),
        ({"lost_load": "priced", "lost_load_price": 0.2}, r"losing load at 0\.2 costs less than buying at 0\.3"),
        ({"curtailable_kwh": [[1.0], [1.0]], "curtailment_price": [0.2]}, r"curtailing load at 0\.2"),
        ({"member_import_kw": [0.9]}, r"member 1, .*0\.1 kWh more are needed"),
        ({**request(1.0, 1.0, 0, 1), "member_import_kw": [1.6]}, "more import than the member's connection allows"),
        ({"generation_kwh": [[2.0], [0.0]], "member_export_kw": [0.5]}, "generation beyond a connection's limit"),
    ],
)
def test_battery_kernel_says_why_it_does_not_apply(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises((cw.NotApplicable, cw.InfeasibleError), match=reason):
        cw.solve(home(2, **changes), method="separate_kernel", criterion="separate_cost")


@pytest.mark.parametrize("seed", range(60))
def test_battery_kernel_meets_its_bound_on_random_homes(seed: int) -> None:
    instance = simple_homes(seed)
    solution = cw.solve(instance, method="separate_kernel", criterion="separate_cost")
    assert solution.report.ok
    assert abs(solution.gap) <= 1e-9
    if len(instance.member) == 1:
        together = cw.solve(instance, method="separate_kernel", criterion="community_cost")
        assert abs(together.gap) <= 1e-9


def test_a_trace_of_import_does_not_set_the_price() -> None:
    """A store that takes a whole surplus of odd size leaves 2e-16 kWh to be bought; the price stays the store's."""
    rng = np.random.default_rng(0)
    instance = home(
        168,
        load_kwh=rng.lognormal(-1.0, 0.5, (168, 1)),
        generation_kwh=(np.arange(168) % 24 > 15)[:, None] * rng.lognormal(0.3, 0.5, (168, 1)),
        sell_price=np.full(168, 0.08),
        **store(capacity_kwh=[6.0], charge_kw=[3.0], charge_efficiency=[0.95], discharge_efficiency=[0.95]),
    )
    solution = cw.solve(instance, method="separate_kernel", criterion="separate_cost")
    grid = np.abs(solution.decision.net_kwh)
    assert ((grid > 0) & (grid < 1e-12)).any()
    assert abs(solution.gap) <= 1e-12


@pytest.mark.parametrize("seed", range(0, 60, 6))
def test_battery_kernel_costs_what_the_program_costs(seed: int) -> None:
    frame = cw.compare(simple_homes(seed), ["separate_kernel", "separate_program"], ["separate_cost"])
    kernel, program = frame["separate_cost"]
    assert kernel == pytest.approx(program, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (store(final_kwh=[3.0]), r"storage 1, .*T00.*may hold 0 kWh at most and must hold 1 kWh at least"),
        (request(3.0, 1.0, 0, 1), "request 1: it asks for 3 kWh, and its window has room for 2 kWh"),
        ({"import_limit_kw": [9.0, 0.4]}, r"community, .*T01.*: 0\.6 kWh more are needed than the grid"),
        ({"member_import_kw": [0.4]}, r"member 1, .*T00.*: 0\.6 kWh more are needed than its connection"),
    ],
)
def test_kernels_say_why_no_schedule_exists(changes: dict[str, Any], reason: str) -> None:
    instance = home(2, **changes)
    kernels = [scheduling_kernels.each_alone]
    if not len(instance.storage):
        kernels.append(scheduling_kernels.fill_valleys)
    for kernel in kernels:
        with pytest.raises(cw.InfeasibleError, match=reason):
            kernel(instance)


@pytest.mark.parametrize("method", ["each_alone", "fill_valleys"])
def test_kernels_look_for_a_reason_only_where_they_fail(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a year of one home, the search for what is impossible takes twenty times as long as the kernel."""
    looked: list[SchedulingInstance] = []
    monkeypatch.setattr(scheduling_kernels, "raise_if_impossible", looked.append)
    getattr(scheduling_kernels, method)(home(2, **request(2.0, 1.0, 0, 1)))
    assert not looked
    with pytest.raises((cw.InfeasibleError, cw.NotApplicable)):
        getattr(scheduling_kernels, method)(home(2, **request(2.1, 1.0, 0, 1)))
    assert len(looked) == 1


@pytest.mark.parametrize("intervals", [1, 2, 3, 7, 8, 9, 100])
def test_what_trips_took_out_so_far_loses_as_the_content_does(intervals: int) -> None:
    rng = np.random.default_rng(intervals)
    trip = rng.choice([0.0, 1.0, 3.0], (intervals, 3))
    given = store(storage_of=[0, 0, 0], capacity_kwh=[9.0] * 3, charge_kw=[1.0] * 3, discharge_kw=[1.0] * 3)
    instance = home(intervals, **given, retention=[1.0, 0.9, 0.1], trip_kwh=trip)
    expected = np.zeros((intervals + 1, 3))
    for t in range(intervals):
        expected[t + 1] = instance.retention * expected[t] + trip[t]
    np.testing.assert_allclose(state_shift(instance), expected, rtol=1e-14)
    assert not state_shift(instance.replace(trip_kwh=None)).any()


# --- all of them on random communities -------------------------------------------------------------------------------


def schedule_exists(instance: SchedulingInstance) -> bool:
    try:
        cw.solve(instance, method="community_program")
    except cw.InfeasibleError:
        return False
    return True


@pytest.mark.parametrize("first", range(0, 400, 20))
def test_rules_give_up_only_where_no_schedule_exists(first: int) -> None:
    for seed in range(first, first + 20):
        instance = random_scheduling(seed)
        raised = []
        for spelling in RULES:
            try:
                run(instance, spelling)
            except (cw.InfeasibleError, cw.NotApplicable) as error:
                raised.append(f"{spelling}: {error}")
        assert not (raised and schedule_exists(instance)), (seed, raised)


@pytest.mark.parametrize("make", [random_scheduling, simple_homes, street_of_requests])
@pytest.mark.parametrize("seed", range(500, 508))
def test_nothing_claims_too_much(make: Any, seed: int) -> None:
    assert broken_claims(cw.compare(make(seed))) == []


@pytest.mark.sweep
@pytest.mark.parametrize("make", [random_scheduling, simple_homes, street_of_requests])
@pytest.mark.parametrize("seed", range(2000, 2100))
def test_sweep_nothing_claims_too_much(make: Any, seed: int) -> None:
    assert broken_claims(cw.compare(make(seed))) == []


def outcome(instance: SchedulingInstance, spelling: str) -> np.ndarray | None:
    """Net imports (T, n) under a rule, None where it gives up."""
    try:
        return run(instance, spelling).net_kwh
    except (cw.InfeasibleError, cw.NotApplicable):
        return None


def assert_same(first: np.ndarray | None, second: np.ndarray | None, size: float) -> None:
    assert (first is None) == (second is None)
    if first is not None:
        assert first == pytest.approx(second, abs=1e-9 * size)


def shuffled(instance: SchedulingInstance, order: np.ndarray) -> SchedulingInstance:
    """The same members in another order."""
    place = np.argsort(order)
    columns = {
        name: getattr(instance, name)[..., order]
        for name in (
            "member",
            "load_kwh",
            "generation_kwh",
            "curtailable_kwh",
            "curtailment_price",
            "connected",
            "member_import_kw",
            "member_export_kw",
        )
        if getattr(instance, name) is not None
    }
    return instance.replace(**columns, storage_of=place[instance.storage_of], request_of=place[instance.request_of])


@pytest.mark.parametrize("seed", range(40))
def test_the_order_of_members_does_not_matter(seed: int) -> None:
    instance = random_scheduling(seed)
    order = np.random.default_rng(seed).permutation(len(instance.member))
    other = shuffled(instance, order)
    for spelling in RULES:
        found = outcome(instance, spelling)
        assert_same(outcome(other, spelling), None if found is None else found[:, order], 1.0)


ENERGIES = [
    name
    for name in SchedulingInstance.__dataclass_fields__
    if name.endswith(("_kwh", "_kw")) and name != "carbon_kg_per_kwh"
]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_a_community_of_another_size_does_the_same(seed: int, factor: float) -> None:
    instance = random_scheduling(seed)
    given = {name: getattr(instance, name) for name in ENERGIES}
    other = instance.replace(**{name: value * factor for name, value in given.items() if value is not None})
    for spelling in RULES:
        found = outcome(instance, spelling)
        assert_same(outcome(other, spelling), None if found is None else found * factor, factor)


# --- the corridor ----------------------------------------------------------------------------------------------------


def test_corridor_says_which_storage_cannot_reach_what_it_needs() -> None:
    required = np.zeros((3, 1))
    required[2] = 3.0
    instance = home(2, **store(required_kwh=required))
    assert corridor(instance, serve_soonest(instance)).reason.startswith("storage 1, ")
    with pytest.raises(cw.InfeasibleError, match=r"storage 1, .*T00.*may hold 0 kWh at most and must hold 1 kWh at le"):
        cw.solve(instance, method="self_consumption")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (request(3.0, 1.0, 0, 1), "request 1: it asks for 3 kWh, and its window has room for 2 kWh"),
        ({"import_limit_kw": [9.0, 0.4]}, r"community, .*T01.*: 0\.6 kWh more are needed than the grid"),
        ({"member_import_kw": [0.4]}, r"member 1, .*T00.*: 0\.6 kWh more are needed than its connection"),
        (
            {"generation_kwh": [[0.0], [3.0]], "spill": "forbidden", "export_limit_kw": [0.5, 0.5]},
            r"community, .*T01.*: 1\.5 kWh of generation have nowhere to go",
        ),
        (
            {"generation_kwh": [[0.0], [3.0]], "spill": "forbidden", "member_export_kw": [0.5]},
            r"member 1, .*T01.*: 1\.5 kWh of generation have nowhere to go",
        ),
    ],
)
def test_what_nobody_could_do_is_said_with_place_and_amount(changes: dict[str, Any], reason: str) -> None:
    for method in ("idle", "self_consumption", "time_of_use", "p_mas"):
        with pytest.raises(cw.InfeasibleError, match=reason):
            cw.solve(home(2, **changes), method=method)


def test_every_method_is_on_the_menu_with_its_claim() -> None:
    claims = {name: set(entry.claims.exact_for) for name, entry in menu("scheduling").items()}
    assert claims["idle"] == {"waiting_h"}
    assert claims["separate_kernel"] == {"separate_cost"}
    assert claims["valley_filling"] == {"peak_cost"}
    assert claims["self_consumption"] == claims["time_of_use"] == claims["p_mas"] == set()
