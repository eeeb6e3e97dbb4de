"""Many members: what decompositions find is the central optimum, within a gap that they prove."""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.instances.errors import InfeasibleError, NotApplicable
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.models.scheduling.bounds import Tariff, community_bound
from commonwatt.models.scheduling.rules import PROBLEM, community_cost, violations
from commonwatt.solvers.decomposition import run_dantzig_wolfe
from commonwatt.solvers.decomposition_interior import find_prices
from commonwatt.solvers.decomposition_levels import run_interior_point
from commonwatt.solvers.decomposition_turns import answer_in_turn
from commonwatt.solvers.exchange_admm import run_exchange_admm
from commonwatt.solvers.price_takers import PriceTakers
from commonwatt.solvers.scheduling_arrays import run_central
from makers_scheduling import random_scheduling, simple_homes

import commonwatt as cw

SCALE = next(one for one in PROBLEM.criteria if one.name == "community_cost").scale


def community(members: int, intervals: int = 24, seed: int = 0) -> SchedulingInstance:
    """Homes with a battery each, half of them with generation."""
    rng = np.random.default_rng(seed)
    hour = np.arange(intervals) / intervals * 24
    shape = 0.3 + 0.5 * np.exp(-(((hour - 8) / 2) ** 2)) + np.exp(-(((hour - 19.5) / 2.5) ** 2))
    sun = np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi))
    capacity = rng.uniform(2, 14, members)
    return SchedulingInstance(
        load_kwh=shape[:, None] * rng.lognormal(-0.7, 0.6, members) * rng.gamma(2, 0.5, (intervals, members)),
        generation_kwh=0.5 * np.where(rng.random(members) < 0.5, rng.uniform(2, 8, members), 0.0) * sun[:, None],
        buy_price=0.25 + 0.08 * np.sin((hour - 12) / 12 * np.pi) + 0.1 * ((hour > 17) & (hour < 21)),
        sell_price=np.full(intervals, 0.08),
        dt_h=24 / intervals,
        storage_of=np.arange(members),
        capacity_kwh=capacity,
        charge_kw=capacity / rng.uniform(1.5, 4, members),
        discharge_kw=capacity / rng.uniform(1.5, 4, members),
        charge_efficiency=rng.uniform(0.88, 0.97, members),
        discharge_efficiency=rng.uniform(0.88, 0.97, members),
        retention=rng.uniform(0.995, 1, members),
        initial_kwh=capacity * rng.uniform(0, 0.5, members),
        terminal_value=np.full(members, 0.12),
    )


def certified(instance, answer) -> tuple[float, float, float]:
    """Cost and bound by the rules, and the scale of their gap; the schedule keeps all rules."""
    assert violations(instance, answer.decision) == []
    cost = community_cost(instance, answer.decision)
    bound = community_bound(instance, Tariff.of_cost(instance), answer.prices)
    return cost, bound, max(abs(cost), abs(bound), SCALE(instance))


def met(instance, answer, gap: float) -> float:
    """Hold an answer to the central optimum; its cost."""
    cost, bound, scale = certified(instance, answer)
    best = community_cost(instance, run_central(instance).decision)
    assert bound <= best + 1e-9 * scale
    assert cost >= best - 1e-8 * scale
    assert cost - bound <= gap * scale
    return cost


@pytest.mark.parametrize("run", [run_dantzig_wolfe, run_interior_point])
@pytest.mark.parametrize("maker", [random_scheduling, simple_homes])
def test_random_instances_meet_the_central_optimum(run, maker):
    answered = 0
    for seed in range(50):
        instance = maker(seed)
        try:
            answer = run(instance)
        except (NotApplicable, InfeasibleError):
            continue
        answered += 1
        met(instance, answer, 2e-6)
    assert answered >= 15


def test_dantzig_wolfe_says_infeasible_only_where_the_central_program_does():
    said = 0
    for seed in range(120):
        instance = random_scheduling(seed)
        try:
            run_dantzig_wolfe(instance)
        except NotApplicable:
            continue
        except InfeasibleError:
            said += 1
            with pytest.raises(InfeasibleError):
                run_central(instance)
    assert said >= 1


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"demand_charge": 0.4},
        {"import_limit_kw": np.full(24, 260.0)},
        {"sell_price": np.full(24, 0.0)},
        {"spill": "forbidden"},
    ],
    ids=["plain", "demand charge", "import limit", "worthless export", "no spilling"],
)
def test_a_large_community_is_certified(changes):
    instance = community(300).replace(**changes)
    answer = run_interior_point(instance)
    met(instance, answer, 1e-6)
    assert answer.logs["rounds"]["gap"].iloc[-1] <= 1e-6


def test_a_sample_finds_the_optimum_of_all():
    instance = community(900)
    answer = run_interior_point(instance, sample=100)
    rounds = answer.logs["rounds"]
    assert rounds["decided"].iloc[0] == 100
    met(instance, answer, 1e-6)


def test_storages_far_larger_than_the_rest_stand_for_none_but_themselves():
    plain = community(500, seed=4)
    size = np.where(np.arange(500) % 90 == 7, 40.0, 1.0)
    instance = plain.replace(
        capacity_kwh=size * plain.capacity_kwh,
        charge_kw=size * plain.charge_kw,
        discharge_kw=size * plain.discharge_kw,
    )
    answer = run_interior_point(instance, sample=60)
    rounds = answer.logs["rounds"]
    assert rounds["decided"].iloc[0] == 60 + (size > 1).sum()
    met(instance, answer, 1e-6)


def test_answers_in_turn_add_up_to_what_is_wanted_and_cost_all_but_the_least():
    # Where nothing is lost over time, intervals of one price are all alike, and storages do not care which is theirs.
    instance = community(3000, seed=2).replace(retention=np.ones(3000), terminal_value=np.zeros(3000))
    takers, sample = PriceTakers(instance, 1), np.arange(0, 3000, 10)
    found = find_prices(instance, sample, takers.fixed_kwh, weight=10.0, tolerance=1e-6)
    counted = np.ones(3000, dtype=bool)
    turns = answer_in_turn(takers, found.price, found.represented_kwh, found.price_per_kwh, counted)
    drawn, cost, _ = takers.ask_storages(found.price)
    at_once, in_turn = (np.abs(one.sum(axis=0) - found.represented_kwh).sum() for one in (drawn, turns.drawn))
    assert in_turn < 0.3 * at_once
    lost = turns.own + turns.drawn @ found.price - cost
    assert lost.min() >= -1e-9
    assert lost.sum() <= 1e-3 * abs(found.rows[-1]["cost"])


def test_requests_and_curtailment_are_decided_with_the_sample():
    rng = np.random.default_rng(1)
    plain = community(250)
    first = rng.integers(0, 18, 40)
    instance = plain.replace(
        request=[f"request {k}" for k in range(40)],
        request_of=rng.integers(0, 250, 40),
        request_kwh=rng.uniform(0.5, 3.0, 40),
        request_kw=np.full(40, 2.0),
        earliest=first,
        latest=first + 5,
        curtailable_kwh=0.2 * plain.load_kwh,
        curtailment_price=rng.uniform(0.1, 0.5, 250),
    )
    met(instance, run_interior_point(instance, sample=60), 1e-6)


def test_the_order_of_members_changes_nothing_but_ties():
    instance = community(60)
    order = np.random.default_rng(3).permutation(60)
    fields = ("capacity_kwh", "charge_kw", "discharge_kw", "charge_efficiency", "discharge_efficiency", "retention")
    moved = instance.replace(
        load_kwh=instance.load_kwh[:, order],
        generation_kwh=instance.generation_kwh[:, order],
        **{name: getattr(instance, name)[order] for name in (*fields, "initial_kwh", "terminal_value")},
    )
    for run in (run_interior_point, run_dantzig_wolfe):
        one, other = (community_cost(given, run(given).decision) for given in (instance, moved))
        assert one == pytest.approx(other, rel=2e-6)


def test_the_same_bytes_for_any_number_of_threads():
    import numba

    instance, threads = community(120), numba.get_num_threads()
    first = run_interior_point(instance, sample=20).decision.soc_kwh
    try:
        numba.set_num_threads(1)
        second = run_interior_point(instance, sample=20).decision.soc_kwh
    finally:
        numba.set_num_threads(threads)
    assert first.tobytes() == second.tobytes()


def test_what_has_no_schedule_is_no_answer():
    instance = community(20).replace(import_limit_kw=np.zeros(24), generation_kwh=np.zeros((24, 20)))
    with pytest.raises(InfeasibleError):
        run_dantzig_wolfe(instance)
    with pytest.raises((InfeasibleError, NotApplicable)):
        run_interior_point(instance)


def test_exchange_admm_proves_its_gap():
    instance = community(30)
    answer = run_exchange_admm(instance, rounds=80)
    cost, bound, scale = certified(instance, answer)
    best = community_cost(instance, run_central(instance).decision)
    assert bound <= best + 1e-9 * scale
    assert cost >= best - 1e-8 * scale
    rounds = answer.logs["rounds"]
    # Relative gaps jump where a net cost is about 0, so that progress is measured in currency.
    width = rounds["cost"].cummin() - rounds["bound"].cummax()
    assert width.iloc[-1] < 0.1 * width.iloc[0]
    # A schedule charges and discharges no storage at once, which mixed plans may: it costs no more than they do.
    assert (cost - bound) / max(abs(cost), abs(bound)) <= rounds["gap"].iloc[-1] + 1e-6
    with pytest.raises(NotApplicable, match="demand charge"):
        run_exchange_admm(instance.replace(demand_charge=1.0))


def test_exchange_admm_comes_near_the_least_cost():
    street = cw.load("scheduling/street-50")
    solution = cw.solve(street, method="exchange_admm(rounds=200)")
    assert solution.report.ok
    assert 0.0 <= solution.gap < 0.05
    closer = cw.solve(street, method="exchange_admm(rounds=600)")
    assert closer.objective < solution.objective
    india = cw.solve(cw.load("scheduling/india-240"), method="exchange_admm")
    assert india.gap <= 1e-3
