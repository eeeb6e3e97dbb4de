"""Smoke runs of the speed measurements at tiny sizes: methods agree, what is not installed says so."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest
from commonwatt.benchmarks import registry, speed, speed_scheduling, speed_sliding
from commonwatt.benchmarks.peers.window import TOOLKITS, Battery, Window, peer
from commonwatt.benchmarks.speed import Figure, Task, run_task
from commonwatt.instances.errors import NotApplicable
from commonwatt.solvers.kernels import battery_schedule


@pytest.fixture
def no_peers(monkeypatch):
    """As where the extra is not installed, whatever is: they are slow to import and would warn."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("linopy", "pypsa", "oemof.solph") else found(name)
    )


@pytest.fixture
def table(no_peers):
    return speed.measure(speed_scheduling.tasks(quick=True))


def test_the_benchmark_runs_and_its_methods_agree(table):
    assert list(table.columns[:4]) == ["task", "size", "method", "seconds_median"]
    ran = table["seconds_median"].notna()
    assert (table.loc[ran, "seconds_median"] > 0).all()
    assert set(table.loc[~ran, "method"]) == {"linopy", "pypsa", "oemof"}
    assert set(table.loc[~ran, "note"]) == {"pip install 'commonwatt[peers]'"}
    sliding = table[table["task"].str.startswith("a sliding horizon") & ran]
    compared = sliding[sliding["method"] != "driver on the ring"]
    assert set(compared["method"]) == {*speed_sliding.ORDER} - {"linopy", "pypsa", "oemof"}
    assert (compared["off"] <= 1e-9).all()
    one = table[table["task"].str.contains("battery") & (table["method"] != "copy")]
    assert (one["off"] <= 1e-9).all()
    gaps = table.loc[table["task"] == "many members", "note"]
    assert all(float(note.rsplit(" ", 1)[1]) <= 1e-6 for note in gaps)
    assert set(table["reached"].str.split("; ").explode()) <= {"", "yes", "no", "not run"}
    assert ((table["figure"] == "") == (table["reached"] == "")).all()


def test_methods_are_compared_and_parts_multiplied_up():
    task = Task(
        "sums",
        "3",
        {
            "kernel": lambda: np.array([1.0, 2.0, 4.0]),
            "part": lambda: np.array([np.nan, 2.5, np.nan]),
            "other": lambda: 0,
        },
        (Figure("part", "kernel", 1e9), Figure("part", "absent", 1.0), Figure("kernel", "", 1e-12, "aim")),
        repetitions=1,
        parts={"part": (1, 3)},
        answers=lambda found: found,
        notes={"other": lambda found: f"found {found}"},
        missing={"absent": "buy it"},
    )
    rows = {row["method"]: row for row in run_task(task)}
    assert rows["kernel"]["off"] == 0.0
    assert rows["part"]["off"] == pytest.approx(0.125)
    assert math.isnan(rows["other"]["off"])
    assert rows["part"]["note"] == "measured 1 of 3, multiplied up"
    assert rows["other"]["note"] == "found 0"
    assert rows["part"]["reached"] == "yes; not run"
    assert rows["kernel"]["reached"] == "no"
    assert rows["kernel"]["figure"] == "aim: 1e-12 s"
    assert rows["absent"]["note"] == "buy it"
    frame = speed.measure([task])
    assert "ratio_to_copy" not in frame


def test_seconds_of_a_part_count_as_those_of_the_whole(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(speed.time, "perf_counter", lambda: float(next(clock)))
    task = Task(
        "t", "1", {"kernel": lambda: 0, "part": lambda: 0}, repetitions=1, parts={"part": (2, 10)}, memory=False
    )
    rows = {row["method"]: row for row in run_task(task)}
    assert (rows["kernel"]["seconds_median"], rows["part"]["seconds_median"]) == (1.0, 5.0)
    assert rows["part"]["ratio_to_kernel"] == 5.0


def test_a_toolkit_that_is_not_installed_names_its_command(no_peers):
    battery = Battery(1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(NotApplicable, match=r"pip install 'commonwatt\[peers\]'"):
        peer("pypsa", battery, 3)


@pytest.mark.sweep
@pytest.mark.parametrize("name", TOOLKITS)
def test_toolkits_find_the_kernels_cost(name):
    try:
        solve = peer(name, Battery(4.0, 0.0, 2.0, 1.5, 0.9, 0.95, 0.99), 6)
    except NotApplicable as reason:
        pytest.skip(str(reason))
    random = np.random.default_rng(1)
    for _ in range(5):
        buy = random.uniform(0.1, 0.4, 6)
        window = Window(random.normal(0.0, 1.5, 6), buy, buy * random.uniform(0.1, 0.9, 6), random.uniform(0.0, 4.0))
        exact = battery_schedule(
            *window[:3],
            initial_kwh=window.initial_kwh,
            capacity_kwh=4.0,
            charge_kw=2.0,
            discharge_kw=1.5,
            charge_efficiency=0.9,
            discharge_efficiency=0.95,
            retention=0.99,
        )
        assert solve(window) == pytest.approx(exact.cost, abs=1e-6)


def test_a_street_is_what_the_decomposition_answers():
    given = speed_scheduling.street(6, 4, 1)
    assert given.load_kwh.shape == (4, 6)
    assert (given.sell_price <= given.buy_price).all()
    assert given.content_hash == speed_scheduling.street(6, 4, 1).content_hash


def test_suites_of_speed_run_only_when_named():
    assert {"speed", "speed-scheduling"} <= set(registry.SUITES)
    assert not any(name.startswith("speed") for name in registry.DEFAULT_SUITES)
