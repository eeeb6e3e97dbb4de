"""Every method on every shipped instance is held to what it claims; see ``test_claims_random.py`` for random ones.

Strategy: one comparison per instance over the whole menu of its problem; then ``broken_claims`` has to be empty, known
optima have to be found and proved, and every heuristic and at least one exact method have to run on every instance.
Programs run on small instances here and on all of them in the main job. A problem takes part by shipping instances.
Wrong methods, registered for the purpose, have to be rejected; otherwise nothing above would mean anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks.compare import broken_claims
from commonwatt.instances.allocation import AllocationInstance
from commonwatt.instances.record import Instance
from commonwatt.models.allocation.decision import AllocationDecision, AllocationPrices
from commonwatt.models.problem import problem
from commonwatt.solvers.method import Answer, Method, cells, default_calls, menu

import commonwatt as cw

LIBRARY = cw.library().sort_values("problem", kind="stable")
SMALL_CELLS = 200
"""Up to this size programs take part in these tests; beyond it where no kernel is exact."""

TWICE_CELLS = 1000
"""Up to this size methods that draw do so twice."""


def compared(instance: Instance) -> pd.DataFrame:
    every = default_calls(instance.problem)
    seeds = (0, 1) if cells(instance) <= TWICE_CELLS else (0,)
    if cells(instance) > SMALL_CELLS:
        frame = cw.compare(instance, [one for one in every if one.method.kind != "program"], seeds=seeds)
        if (has_run(frame) & (frame["exact_for"] != "")).any():
            return frame
    return cw.compare(instance, every, seeds=seeds)


def has_run(frame: pd.DataFrame) -> pd.Series:
    return frame["status"].isin(["optimal", "feasible", "violated"])


@pytest.fixture(scope="module", params=LIBRARY["name"])
def shipped(request: pytest.FixtureRequest) -> tuple[Instance, pd.DataFrame]:
    """Each shipped instance and its comparison, made once."""
    instance = cw.load(request.param)
    return instance, compared(instance)


def test_library_ships_allocation_instances() -> None:
    assert {"allocation/texas-443", "allocation/three-houses", "allocation/degenerate"} <= set(LIBRARY["name"])


def test_shipped_instance_breaks_no_claim(shipped: tuple[Instance, pd.DataFrame]) -> None:
    assert broken_claims(shipped[1]) == []


def test_every_heuristic_and_an_exact_method_run_on_every_instance(shipped: tuple[Instance, pd.DataFrame]) -> None:
    frame = shipped[1]
    ran = has_run(frame)
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
