"""Programs of scheduling: against enumeration, by hand, constraint by constraint, and what they say of the impossible.

Lossless stores, whole numbers of kWh and prices make optima that lie on a grid, so every schedule of that grid can be
tried. Each constraint of the Pyomo models has a case in which leaving it out lowers the optimum: a table guarded by the
names that the models really have.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.models.scheduling.premise import premise
from commonwatt.models.scheduling.program import build_community_cost, build_elastic, build_peak_cost
from commonwatt.models.scheduling.rules import PROBLEM, violations
from commonwatt.solvers.programs import solve_pyomo
from commonwatt.solvers.scheduling_programs import TIGHT
from makers_scheduling import random_scheduling

import commonwatt as cw


def home(intervals: int, **changes: Any) -> SchedulingInstance:
    """One member without anything, for some hours at 30 ct."""
    given: dict[str, Any] = {"load_kwh": np.ones((intervals, 1)), "buy_price": np.full(intervals, 0.3), "dt_h": 1.0}
    return SchedulingInstance(**(given | changes))


def store(**changes: Any) -> dict[str, Any]:
    """A lossless store of 2 kWh and 1 kW, empty."""
    given = {"storage_of": [0], "capacity_kwh": [2.0], "charge_kw": [1.0], "discharge_kw": [1.0]}
    return given | changes


def request(kwh: float, kw: float, earliest: int, latest: int) -> dict[str, Any]:
    return {
        "request_of": [0],
        "request_kwh": [kwh],
        "request_kw": [kw],
        "earliest": [earliest],
        "latest": [latest],
    }


def cost(instance: SchedulingInstance, criterion: str = "community_cost", method: str | None = None) -> float:
    """Least cost, of a schedule that breaks no rule and meets its proved bound."""
    solution = cw.solve(instance, criterion=criterion, method=method)
    assert violations(instance, solution.decision) == []
    assert str(solution.status) == "optimal"
    return float(solution.objective)


# --- enumeration -----------------------------------------------------------------------------------------------------


def on_a_grid(seed: int) -> SchedulingInstance:
    """One member, three or four hours, whole numbers, a lossless store, a request and every kind of price."""
    rng = np.random.default_rng(seed)
    intervals = int(rng.integers(3, 5))
    load = rng.integers(0, 4, (intervals, 1)).astype(float)
    buy = rng.choice([1.0, 2.0, 4.0], intervals)
    made: dict[str, Any] = {
        "load_kwh": load,
        "generation_kwh": rng.choice([0.0, 0.0, 2.0, 4.0], (intervals, 1)),
        "buy_price": buy,
        "sell_price": buy * rng.choice([0.0, 0.5, 1.0], intervals),
        "dt_h": 1.0,
        "initial_kwh": [1.0],
        "terminal_value": rng.choice([0.0, 1.5], 1),
        **store(capacity_kwh=[3.0], charge_kw=[2.0]),
        **request(float(rng.integers(0, 4)), 2.0, 0, int(rng.integers(1, intervals))),
    }
    if seed % 5 == 1:
        made |= {"sell_price": buy + 1.0, "import_limit_kw": [8.0] * intervals, "export_limit_kw": [8.0] * intervals}
    if seed % 5 == 2:
        made |= {"buy_price": rng.choice([-1.0, 1.0], intervals), "sell_price": np.full(intervals, -2.0)}
        made |= {"import_limit_kw": [6.0] * intervals}
    if seed % 5 == 3:
        made |= {"export_limit_kw": [1.0] * intervals, "curtailable_kwh": load, "curtailment_price": [3.0]}
    if seed % 5 == 4:
        made |= {"target_kwh": rng.integers(0, 4, (intervals + 1, 1)).astype(float), "target_price": [0.75]}
    return SchedulingInstance(**made)


def cheapest_of_all(instance: SchedulingInstance) -> float:
    """Least cost over every schedule in whole kWh; knows neither programs nor rules."""
    intervals = len(instance.interval)
    limit = instance.request_limit_kwh[:, 0]
    services = [
        np.array(one)
        for one in itertools.product(*(np.arange(int(most) + 1) for most in limit))
        if sum(one) == instance.request_kwh[0]
    ]
    low, high = instance.state_low_kwh[:, 0], instance.state_high_kwh[:, 0]
    draws = np.arange(-int(instance.discharge_kw[0]), int(instance.charge_kw[0]) + 1)
    given_up = [np.arange(int(most) + 1) for most in instance.sheddable_kwh[:, 0]]
    unused = [np.arange(int(most) + 1) for most in instance.spillable_kwh[:, 0]]

    def interval_cost(t: int, net: float) -> float:
        best = np.inf
        for less, more in itertools.product(given_up[t], unused[t]):
            level = net - less + more
            if -instance.export_limit_kwh[t] <= level <= instance.import_limit_kwh[t]:
                energy = instance.buy_price[t] * max(level, 0.0) - instance.sell_price[t] * max(-level, 0.0)
                best = min(best, energy + instance.curtailment_price[0] * less)
        return float(best)

    net = instance.net_load_kwh[:, 0]
    table = {
        (t, move): interval_cost(t, net[t] + move)
        for t in range(intervals)
        for move in range(int(draws[0]), int(draws[-1] + limit.max(initial=0.0)) + 1)
    }
    best = np.inf
    for path in itertools.product(draws, repeat=intervals):
        states = instance.initial_kwh[0] + np.concatenate([[0], np.cumsum(path)])
        if (states < low).any() or (states > high).any():
            continue
        fixed = -instance.terminal_value[0] * states[-1]
        if instance.target_kwh is not None:
            fixed += instance.target_price[0] * np.maximum(instance.target_kwh[:, 0] - states, 0.0).sum()
        for served in services:
            best = min(best, fixed + sum(table[t, int(path[t] + served[t])] for t in range(intervals)))
    return float(best)


@pytest.mark.parametrize("seed", range(30))
def test_no_schedule_of_a_grid_is_cheaper_and_one_is_as_cheap(seed: int) -> None:
    instance = on_a_grid(seed)
    assert cost(instance, method="community_program") == pytest.approx(cheapest_of_all(instance), abs=1e-6)


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_a_community_pays_once_for_what_members_exchange() -> None:
    """One has 2 kWh too much, one needs 3 kWh: 1 kWh is bought together; alone, 3 kWh are bought and 2 kWh sold."""
    instance = SchedulingInstance(
        load_kwh=[[0.0, 3.0]], generation_kwh=[[2.0, 0.0]], buy_price=[0.3], sell_price=[0.1], dt_h=0.25
    )
    assert cost(instance) == pytest.approx(0.3)
    assert cost(instance, "separate_cost") == pytest.approx(0.9 - 0.2)


def test_a_demand_charge_levels_and_counts_kilowatts() -> None:
    """3 kWh and 1 kWh in half-hours become 2 and 2: 4 kW at 5 each, and 4 kWh at 30 ct."""
    instance = home(
        2, load_kwh=[[1.0], [3.0]], dt_h=0.5, demand_charge=5.0, **store(charge_kw=[4.0], discharge_kw=[4.0])
    )
    assert cost(instance) == pytest.approx(5.0 * 4.0 + 0.3 * 4.0)
    assert cost(instance.replace(demand_charge=0.0, peak_price=2.0), "peak_cost") == pytest.approx(2.0 * 4.0)


def test_targets_are_missed_where_that_is_cheaper() -> None:
    """A kWh for both targets costs 30 ct; lending it to the second hour misses one of them, and costs that only."""
    target = [[0.0], [1.0], [1.0]]
    assert cost(home(2, **store(target_kwh=target, target_price=[0.1]))) == pytest.approx(0.6 + 0.1)
    assert cost(home(2, **store(target_kwh=target, target_price=[0.4]))) == pytest.approx(0.6 + 0.3)


def test_selling_above_buying_needs_binary_variables_and_trades_in_no_circles() -> None:
    """Roof of 2 kWh and load of 1 kWh: 1 kWh is sold at 50 ct; nobody sells what is bought at 30 ct meanwhile."""
    instance = home(1, generation_kwh=[[2.0]], sell_price=[0.5], import_limit_kw=[9.0], export_limit_kw=[9.0])
    solution = cw.solve(instance, method="community_program")
    assert solution.objective == pytest.approx(-0.5)
    assert any("the selling price 0.5 exceeds the buying price 0.3" in note for note in solution.notes)
    # Tomorrow's load may still be bought at the lower price: it is stored, and sold at the higher.
    both = home(2, load_kwh=[[0.0], [0.0]], sell_price=[0.5, 0.5], **store(), import_limit_kw=[9.0] * 2)
    assert cost(both.replace(export_limit_kw=[9.0] * 2)) == pytest.approx(0.3 - 0.5)


def test_negative_prices_are_earned_by_need_and_not_by_burning() -> None:
    """At −10 ct a lossy store takes 1 kWh until it is full, and cannot give some of it back meanwhile to take more."""
    instance = home(
        2,
        load_kwh=[[0.0], [1.0]],
        buy_price=[-0.1, 0.3],
        sell_price=[-0.1, 0.0],
        **store(
            capacity_kwh=[0.5],
            charge_kw=[2.0],
            discharge_kw=[2.0],
            charge_efficiency=[0.5],
            discharge_efficiency=[0.5],
        ),
    )
    solution = cw.solve(instance, method="community_program")
    assert any("burning energy" in note for note in solution.notes)
    # 1 kWh brings 10 ct and leaves 0.5 kWh, of which 0.25 kWh serve a quarter of the load.
    assert solution.objective == pytest.approx(-0.1 + 0.3 * 0.75)
    relaxed = build_community_cost(instance)
    relaxed.charges_only_while_charging.deactivate()
    relaxed.discharges_only_otherwise.deactivate()
    # At once it would take 2 kWh and give back 0.25.
    assert solve_pyomo(relaxed, **TIGHT).objective == pytest.approx(-0.1 * 1.75 + 0.3 * 0.75)


def test_spilling_earns_where_imports_do() -> None:
    instance = home(1, generation_kwh=[[2.0]], buy_price=[-0.1], sell_price=[-0.1], import_limit_kw=[9.0])
    assert cost(instance) == pytest.approx(-0.1)
    assert cost(instance.replace(spill="forbidden")) == pytest.approx(0.1)


def export_cap() -> SchedulingInstance:
    """The counter-example of the premise: 1 kWh may leave each hour, and nothing may be spilled."""
    return home(
        3,
        load_kwh=np.zeros((3, 1)),
        generation_kwh=[[2.0], [2.0], [1.0]],
        sell_price=[0.1] * 3,
        export_limit_kw=[1.0] * 3,
        spill="forbidden",
        **store(
            capacity_kwh=[1.0],
            charge_kw=[2.0],
            discharge_kw=[2.0],
            charge_efficiency=[0.8],
            discharge_efficiency=[0.8],
        ),
    )


def test_a_linear_program_burns_what_an_export_limit_does_not_let_out() -> None:
    relaxed = build_community_cost(export_cap())
    relaxed.charges_only_while_charging.deactivate()
    relaxed.discharges_only_otherwise.deactivate()
    assert solve_pyomo(relaxed, **TIGHT).objective == pytest.approx(-0.3)
    both = [min(relaxed.charge[t, 0].value, relaxed.discharge[t, 0].value) for t in range(3)]
    assert max(both) > 0.5
    assert premise(export_cap()).storage.all()
    assert not premise(export_cap().replace(spill="free")).storage.any()
    assert not premise(export_cap().replace(export_limit_kw=None)).storage.any()


def test_with_binary_variables_it_says_what_has_nowhere_to_go() -> None:
    """1 kWh is stored as 0.8 in the first hour; the second has room for 0.2, that is 0.25 of the 1 kWh left over."""
    with pytest.raises(cw.InfeasibleError, match=r"member 1, .*: 0\.75 kWh of generation have nowhere to go"):
        cw.solve(export_cap(), method="community_program")


def test_it_spills_what_may_be_spilled() -> None:
    solution = cw.solve(export_cap().replace(spill="free"), method="community_program")
    assert solution.objective == pytest.approx(-0.3)
    assert solution.notes == ()


@pytest.mark.parametrize("seed", range(40))
def test_a_member_alone_pays_the_same_by_both_programs(seed: int) -> None:
    instance = random_scheduling(seed)
    alone = instance.alone(0)
    try:
        first = cost(alone, method="community_program")
    except cw.InfeasibleError:
        with pytest.raises(cw.InfeasibleError):
            cw.solve(alone, method="separate_program", criterion="separate_cost")
        return
    assert cost(alone, "separate_cost", "separate_program") == pytest.approx(first, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("seed", range(60))
def test_certificates_prove_linear_programs_to_the_last_digits(seed: int) -> None:
    instance = random_scheduling(seed)
    for criterion, method in (("community_cost", "community_program"), ("peak_cost", "peak_program")):
        try:
            solution = cw.solve(instance, criterion=criterion, method=method)
        except cw.InfeasibleError:
            continue
        assert solution.report.ok
        if solution.prices is None:
            continue
        certificate = PROBLEM.criterion(criterion).certificate
        assert certificate is not None
        parts = certificate(instance, solution.decision, solution.prices)
        # Parts are in units of a thousandth of what everything is worth, so this is 1e-9 of that.
        assert abs(parts["duality_gap"]) <= 1e-6, parts
        assert abs(solution.gap) <= 1e-9


def test_a_common_limit_couples_members_and_separate_programs_say_so() -> None:
    instance = SchedulingInstance(
        load_kwh=[[1.0, 1.0]], buy_price=[0.3], import_limit_kw=[9.0], interval=["2030-05-01T00:00Z"]
    )
    with pytest.raises(cw.NotApplicable, match=r"2030-05-01T00:00Z: the community's import limit couples its members"):
        cw.solve(instance, method="separate_program", criterion="separate_cost")


# --- what is impossible ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"member_import_kw": [0.4]}, r"member 1, 2030-01-01T00:00:00Z: 0\.6 kWh of load cannot be served"),
        ({"import_limit_kw": [9.0, 0.25]}, r"member 1, 2030-01-01T01:00:00Z: 0\.75 kWh of load cannot be served"),
        (request(3.0, 1.0, 0, 1), r"request 1: 1 kWh of what it asks cannot be served in its window"),
        (store(final_kwh=[1.5], charge_kw=[0.5]), r"storage 1, .*: 0\.5 kWh are missing to the content it must have"),
        (
            store(required_kwh=[[0.0], [1.5], [0.0]]),
            r"storage 1, 2030-01-01T01:00:00Z: 0\.5 kWh are missing to the content it must have",
        ),
        (
            store(initial_kwh=[3.5], discharge_kw=[1.0]),
            r"storage 1, 2030-01-01T01:00:00Z: 0\.5 kWh are there beyond its capacity",
        ),
        (
            {"generation_kwh": [[0.0], [4.0]], "member_export_kw": [1.0], "spill": "forbidden"},
            r"member 1, 2030-01-01T01:00:00Z: 2 kWh of generation have nowhere to go",
        ),
    ],
)
def test_an_infeasible_instance_is_explained_by_name_time_and_amount(changes: dict[str, Any], said: str) -> None:
    for method, criterion in (("community_program", "community_cost"), ("peak_program", "peak_cost")):
        with pytest.raises(cw.InfeasibleError, match=said):
            cw.solve(home(2, **changes), method=method, criterion=criterion)


# --- constraint by constraint ----------------------------------------------------------------------------------------

CIRCLES = {
    "load_kwh": [[0.0]],
    "sell_price": [0.5],
    "import_limit_kw": [4.0],
    "export_limit_kw": [4.0],
    **store(),
}
"""Nothing to trade with an empty store; importing a kWh and exporting it again would earn 20 ct."""

BURNING = {
    "load_kwh": [[1.0]],
    "buy_price": [-0.1],
    "sell_price": [-0.1],
    **store(charge_efficiency=[0.5], discharge_efficiency=[0.5], initial_kwh=[2.0]),
}
"""A full store that burns energy at negative prices, if it may do both at once."""

NEEDED: dict[str, tuple[SchedulingInstance, float]] = {
    # What is discharged must have been there: 1 kWh of initial content serves one of two hours.
    "contents_follow_from_flows": (home(2, **store(initial_kwh=[1.0])), 0.3),
    "targets_are_met_or_missed": (home(1, **store(target_kwh=[[0.0], [1.0]], target_price=[0.2])), 0.5),
    "requests_are_served": (home(2, **request(2.0, 1.0, 0, 1)), 1.2),
    "community_is_balanced": (home(2), 0.6),
    # The dear second hour would be served from the store, but charging it needs more than 1.5 kW in the first.
    "members_import_within_limits": (
        home(2, buy_price=[0.1, 0.3], **store(), member_import_kw=[1.5]),
        0.1 * 1.5 + 0.15,
    ),
    "members_export_within_limits": (
        home(1, generation_kwh=[[3.0]], sell_price=[0.1], member_export_kw=[1.0]),
        -0.1,
    ),
    "peak_covers_import": (home(2, demand_charge=1.0), 1.6),
    "charges_only_while_charging": (home(1, **BURNING), -0.1),
    "discharges_only_otherwise": (home(1, **BURNING), -0.1),
    "imports_only_while_importing": (home(1, **CIRCLES), 0.0),
    "exports_only_otherwise": (home(1, **CIRCLES), 0.0),
}
"""Each constraint of the programs, a case that needs it, and the optimum of that case by hand."""

NEEDED_ELASTIC: dict[str, tuple[SchedulingInstance, float]] = {
    "contents_reach_their_least": (home(1, **store(final_kwh=[1.5])), 0.5),
    "contents_stay_below_their_most": (home(1, **store(initial_kwh=[3.5])), 0.5),
    "contents_follow_from_flows": (home(1, **store(final_kwh=[1.5])), 0.5),
    "requests_are_served": (home(2, **request(3.0, 1.0, 0, 1)), 1.0),
    "community_is_balanced": (home(1, import_limit_kw=[0.4]), 0.6),
    "members_import_within_limits": (home(1, member_import_kw=[0.4]), 0.6),
    "members_export_within_limits": (
        home(1, generation_kwh=[[3.0]], spill="forbidden", member_export_kw=[0.5]),
        1.5,
    ),
}
"""The same for what an infeasible instance lacks, kWh."""


def names_of(model: pyo.ConcreteModel) -> set[str]:
    return {one.local_name for one in model.component_objects(pyo.Constraint)}


def test_the_tables_name_every_constraint() -> None:
    for build in (build_community_cost, build_peak_cost):
        assert names_of(build(PROBLEM.tiny())) == set(NEEDED)
    elastic = names_of(build_elastic(PROBLEM.tiny()))
    assert elastic - set(NEEDED) == {"contents_reach_their_least", "contents_stay_below_their_most"}
    assert elastic >= set(NEEDED_ELASTIC)


@pytest.mark.parametrize("name", NEEDED)
def test_each_constraint_is_needed(name: str) -> None:
    instance, optimum = NEEDED[name]
    model = build_community_cost(instance)
    assert solve_pyomo(model, **TIGHT).objective == pytest.approx(optimum)
    assert len(model.component(name)) > 0
    model.component(name).deactivate()
    assert solve_pyomo(model, **TIGHT).objective < optimum - 1e-3


@pytest.mark.parametrize("name", NEEDED_ELASTIC)
def test_each_constraint_is_needed_to_say_what_is_lacking(name: str) -> None:
    instance, lacking = NEEDED_ELASTIC[name]
    model = build_elastic(instance)
    assert solve_pyomo(model, **TIGHT).objective == pytest.approx(lacking)
    model.component(name).deactivate()
    assert solve_pyomo(model, **TIGHT).objective < lacking - 1e-3


def test_the_peak_program_has_its_own_price_of_the_peak() -> None:
    model = build_peak_cost(home(2, peak_price=3.0, dt_h=0.5))
    assert solve_pyomo(model, **TIGHT).objective == pytest.approx(6.0)
    model.peak_covers_import.deactivate()
    assert solve_pyomo(model, **TIGHT).objective == pytest.approx(0.0)
