"""Every method on every shipped instance, and on random ones, is held to what it claims.

Strategy: one comparison per instance over the whole menu of its problem; then ``broken_claims`` has to be empty, known
optima have to be found and proved, and every heuristic and at least one exact method have to run on every instance.
Programs run on small instances here and on all of them in the main job. A problem takes part by shipping instances and
by its entry in ``RANDOM``. Wrong methods, registered for the purpose, have to be rejected; otherwise nothing above
would mean anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks.compare import broken_claims
from commonwatt.instances.allocation import AllocationInstance, prioritise
from commonwatt.instances.record import Instance
from commonwatt.models.allocation.decision import AllocationDecision, AllocationPrices
from commonwatt.models.problem import problem
from commonwatt.solvers.method import Answer, Method, cells, default_calls, menu
from makers_operator import random_operator
from makers_portfolio import random_portfolio
from makers_procurement import random_procurement
from makers_prospects import random_prospects
from makers_responsive import random_responsive
from makers_scheduling import random_scheduling
from makers_sellers import random_sellers
from makers_settlement import random_settlement
from makers_tariff import random_tariff

import commonwatt as cw

LIBRARY = cw.library().sort_values("problem", kind="stable")
SMALL_CELLS = 200
"""Up to this size programs take part in these tests."""

TWICE_CELLS = 1000
"""Up to this size methods that draw do so twice."""


def calls_for(instance: Instance) -> list[object]:
    every = default_calls(instance.problem)
    return every if cells(instance) <= SMALL_CELLS else [one for one in every if one.method.kind != "program"]


@pytest.fixture(scope="module", params=LIBRARY["name"])
def shipped(request: pytest.FixtureRequest) -> tuple[Instance, pd.DataFrame]:
    """Each shipped instance and its comparison, made once."""
    instance = cw.load(request.param)
    seeds = (0, 1) if cells(instance) <= TWICE_CELLS else (0,)
    return instance, cw.compare(instance, calls_for(instance), seeds=seeds)


def random_allocation(seed: int) -> AllocationInstance:
    """Small communities with ties, zeros, weights of 0, every kind of supply, a store now and then, and a policy."""
    rng = np.random.default_rng(seed)
    intervals, n = int(rng.integers(1, 4)), int(rng.integers(2, 7))
    if seed % 4 == 1:
        return wide_allocation(rng, intervals, n)
    asked = rng.choice([0.0, 1.0, 1.0, 2.5, 4.0, rng.lognormal()], size=(intervals, n))
    excess = np.where(
        rng.random((intervals, n)) < 0.5, rng.choice([0.0, 0.5, 3.0, rng.lognormal()], (intervals, n)), 0.0
    )
    weight = rng.choice([0.0, 1.0, 1.0, 2.0, 3.5], size=n)
    weight[rng.integers(n)] = 1.0
    store = {"leftover": "store", "store_kwh": 2.0} if seed % 5 == 0 else {}
    made = AllocationInstance(
        deficiency_kwh=asked, excess_kwh=excess, weight=weight, size_m2=rng.random(n) + 1, **store
    )
    return prioritise(made, "small_size", subgroup_weights=(2.0, 1.0)) if seed % 3 == 0 else made


def wide_allocation(rng: np.random.Generator, intervals: int, n: int) -> AllocationInstance:
    """Energies over several decades, fixed roles, odd weights, and a supply within a hair of what some need."""
    asked = 10.0 ** rng.uniform(-3, 3, (intervals, n))
    asked[:, -1] = 0.0
    # As much as the m smallest ask for, or a little less.
    m = rng.integers(1, n, intervals)
    supply = np.array([np.sort(row[:-1])[:count].sum() for row, count in zip(asked, m, strict=True)])
    excess = np.zeros_like(asked)
    excess[:, -1] = supply * (1.0 - rng.choice([0.0, 0.3, 1e-8, 2e-10, 1e-12], intervals))
    role = ["consumer"] * (n - 1) + ["prosumer"]
    return AllocationInstance(
        deficiency_kwh=asked, excess_kwh=excess, weight=10.0 ** rng.uniform(-1, 1, n), role=role, dt_h=0.5
    )


RANDOM: dict[str, Callable[[int], Instance]] = {
    "aggregator.portfolio": random_portfolio,
    "allocation": random_allocation,
    "scheduling": random_scheduling,
    "settlement": random_settlement,
    "settlement.responsive": random_responsive,
    "stackelberg.operator": random_operator,
    "stackelberg.prospects": random_prospects,
    "stackelberg.sellers": random_sellers,
    "stackelberg.procurement": random_procurement,
    "stackelberg.tariff": random_tariff,
}
"""Problem to a maker of small random instances by seed."""


def test_library_ships_allocation_instances() -> None:
    assert {"allocation/texas-443", "allocation/three-houses", "allocation/degenerate"} <= set(LIBRARY["name"])


def test_every_shipped_problem_has_random_instances_too() -> None:
    assert set(LIBRARY["problem"]) <= set(RANDOM)
    for name, make in RANDOM.items():
        assert make(0).problem == name


def test_shipped_instance_breaks_no_claim(shipped: tuple[Instance, pd.DataFrame]) -> None:
    assert broken_claims(shipped[1]) == []


def test_every_heuristic_and_an_exact_method_run_on_every_instance(shipped: tuple[Instance, pd.DataFrame]) -> None:
    frame = shipped[1]
    ran = frame["status"].isin(["optimal", "feasible", "violated"])
    # A variant is an option: a horizon that slides on wrong forecasts, for one, may end where nothing can be kept.
    plain = ~frame["method"].str.contains("(", regex=False)
    heuristics = (frame["kind"] == "heuristic") & frame["feasible"] & plain
    assert ran[heuristics].all()
    assert (ran & (frame["exact_for"] != "")).any()


def test_known_optima_are_found_and_proved(shipped: tuple[Instance, pd.DataFrame]) -> None:
    instance, frame = shipped
    assert instance.meta.known or cells(instance) > SMALL_CELLS
    for known in instance.meta.known:
        sense = problem(instance.problem).criterion(known.criterion).sense
        values = frame.loc[frame["feasible"] & (frame["status"] != "violated"), known.criterion]
        best = values.max() if sense == "max" else values.min()
        # Somebody meets it to the last digits; nobody beats it by more than the rules' tolerance lets pass.
        nearest = values.iloc[int((values - known.value).abs().argmin())]
        assert nearest == pytest.approx(known.value, rel=1e-9, abs=1e-9), (known, nearest)
        assert best == pytest.approx(known.value, rel=1e-8, abs=1e-9), (known, best)
        gaps = frame.loc[frame[known.criterion] == nearest, f"{known.criterion}_gap"]
        assert gaps.abs().min() <= 1e-6, known


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("seed", range(25))
def test_random_instance_breaks_no_claim(name: str, seed: int) -> None:
    assert broken_claims(cw.compare(RANDOM[name](seed))) == []


@pytest.mark.sweep
@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_many_random_instances_break_no_claim(name: str, seed: int) -> None:
    assert broken_claims(cw.compare(RANDOM[name](seed))) == []


@pytest.fixture
def bench() -> Iterator[dict[str, Method]]:
    """The menu, cleared afterwards of what a test put on it."""
    known = menu("allocation")
    before = dict(known)
    yield known
    known.clear()
    known.update(before)


def test_method_that_serves_too_much_is_rejected(bench: dict[str, Method]) -> None:
    @cw.method("allocation")
    def generous(instance: AllocationInstance) -> AllocationDecision:
        """Give everybody a little more than they asked for."""
        return AllocationDecision(instance=instance, allocated_kwh=1.01 * instance.deficiency_kwh)

    found = broken_claims(cw.compare(cw.load("allocation/controller-store"), ["water_filling", "generous"]))
    assert any("generous claims to be feasible" in one and "more given than asked" in one for one in found)


def test_method_that_is_not_exact_is_rejected(bench: dict[str, Method]) -> None:
    @cw.method("allocation", kind="kernel", exact_for={"social_welfare"})
    def boastful(instance: AllocationInstance) -> AllocationDecision:
        """Serve by size and claim the optimum."""
        return cw.solve(instance, method="smallest_first").decision

    found = broken_claims(cw.compare(cw.load("allocation/three-houses"), ["water_filling", "boastful"]))
    assert any("boastful claims to be exact for social_welfare" in one for one in found)


def test_method_whose_tree_lies_is_reported_as_a_conflict(bench: dict[str, Method]) -> None:
    @cw.method("allocation", kind="program", exact_for={"swr"})
    def liar(instance: AllocationInstance) -> Answer:
        """Prove a bound that is too tight."""
        nothing = np.zeros_like(instance.deficiency_kwh)
        return Answer(AllocationDecision(instance=instance, allocated_kwh=nothing), bounds={"swr": 0.5})

    frame = cw.compare(cw.load("allocation/three-houses"), ["equal_water_filling", "liar"])
    assert "equal_water_filling beats the bound on swr proved by tree (liar)" in set(frame["conflict"])
    assert broken_claims(frame)


def test_prices_of_the_wrong_sign_are_refused_as_data() -> None:
    instance = cw.load("allocation/three-houses")
    with pytest.raises(cw.InstanceError, match=r"energy_price.*is negative"):
        AllocationPrices(instance=instance, energy_price=[-1.0])


def test_crash_is_reported(bench: dict[str, Method]) -> None:
    @cw.method("allocation")
    def crashing(instance: AllocationInstance) -> AllocationDecision:
        """Fail."""
        raise ZeroDivisionError("no luck")

    frame = cw.compare(cw.load("allocation/three-houses"), ["crashing"])
    assert broken_claims(frame) == ["crashing crashed: ZeroDivisionError: no luck"]
    assert math.isnan(frame["social_welfare"].iloc[0])
