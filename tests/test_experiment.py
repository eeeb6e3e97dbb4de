"""Comparisons and sweeps: nothing finished is lost or repeated, and no wrong method gets away with its claim.

Strategy: methods that count their calls in a file (so that worker processes count too), that fail on command, or that
lie, are registered as a user would; sweeps are interrupted for real, by an exception out of a run.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks import experiment as experiment_module
from commonwatt.benchmarks.compare import broken_claims
from commonwatt.benchmarks.experiment import Experiment, Run, code_version, comparisons
from commonwatt.instances.allocation import AllocationInstance
from commonwatt.instances.sources.small_allocation import partition, three_houses, ties, two_days
from commonwatt.models.allocation.decision import AllocationDecision, AllocationPrices
from commonwatt.models.allocation.rules import PROBLEM
from commonwatt.solvers.method import Answer, Call, Claims, Method, call, menu

import commonwatt as cw

UNEQUAL = ["seconds", "build_seconds", "key"]
"""Columns that differ between equal sweeps: times, and keys of methods that close over different files."""


@pytest.fixture(autouse=True)
def _own_menu() -> Iterator[None]:
    kept = dict(menu("allocation"))
    yield
    menu("allocation").clear()
    menu("allocation").update(kept)


def counting(log: Path, name: str = "counting", *, stop_after: int | None = None) -> Call:
    """A method that draws, and notes every call on a real instance in a file."""

    def run(instance: AllocationInstance, *, seed: int, level: float = 1.0) -> AllocationDecision:
        if instance.meta.name != "unnamed":
            with log.open("a", encoding="utf-8") as notes:
                notes.write(f"{instance.meta.name} {seed}\n")
            if stop_after is not None and len(log.read_text().splitlines()) > stop_after:
                raise KeyboardInterrupt
        share = np.random.default_rng(seed).random() * level
        fraction = instance.deliverable_kwh / np.maximum(instance.requested_kwh.sum(axis=1), 1e-300)
        return AllocationDecision(
            instance=instance, allocated_kwh=instance.requested_kwh * share * fraction[:, None] * (1 - 1e-12)
        )

    return Call(Method(name, "allocation", "heuristic", run, Claims()))


def calls_in(log: Path) -> list[str]:
    return sorted(log.read_text().splitlines()) if log.is_file() else []


def swept(log: Path, **changes: object) -> Experiment:
    return Experiment(
        [three_houses(), two_days(), ties()], [counting(log, **changes), call("allocation", "greedy")], (0, 1)
    )


def results_of(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=UNEQUAL)


# Sweeps


def test_an_interrupted_sweep_repeats_none_and_loses_none(tmp_path: Path) -> None:
    log, folder = tmp_path / "log", tmp_path / "results"
    whole = swept(tmp_path / "other log").run(tmp_path / "uninterrupted")
    sweep = swept(log)
    total = len(list(sweep.runs()))
    assert total == 3 * (2 + 1), "greedy draws nothing and runs once"
    finished = []

    def stop(run: Run, count: int, of: int) -> None:
        finished.append((count, of))
        if count == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.run(folder, progress=stop)
    assert finished == [(count, total) for count in (1, 2, 3, 4)]
    assert len(list((folder / "runs").glob("*.parquet"))) == 4
    before = calls_in(log)
    found = sweep.run(folder)
    after = calls_in(log)
    assert len(after) == 6
    assert len(set(after)) == 6, "every instance and seed ran exactly once, over both attempts"
    assert set(before) < set(after)
    pd.testing.assert_frame_equal(results_of(found), results_of(whole))
    sweep.run(folder)
    assert calls_in(log) == after
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "results.parquet"), found)


def test_a_run_that_is_killed_leaves_no_half_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(KeyboardInterrupt):
        swept(log, stop_after=2).run(tmp_path / "results")
    kept = list((tmp_path / "results" / "runs").iterdir())
    assert kept
    assert all(path.suffix == ".parquet" and not path.name.startswith(".") for path in kept)


def test_a_crash_while_writing_is_no_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, folder = tmp_path / "log", tmp_path / "results"
    sweep = swept(log)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(experiment_module.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        sweep.run(folder)
    monkeypatch.undo()
    assert not list((folder / "runs").glob("[!.]*.parquet"))
    assert len(sweep.run(folder)) == 9 * len(PROBLEM.criteria)


def test_results_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    sweeps = [swept(tmp_path / f"log {workers}") for workers in (1, 2)]
    one, two = (sweep.run(tmp_path / f"{n}", workers=n) for n, sweep in enumerate(sweeps, start=1))
    pd.testing.assert_frame_equal(results_of(one), results_of(two))
    assert calls_in(tmp_path / "log 1") == calls_in(tmp_path / "log 2")
    assert len(calls_in(tmp_path / "log 2")) == 6


def test_the_key_follows_everything_a_result_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = call("allocation", "greedy")
    base = Run(three_houses(), chosen, 0, 60.0)
    assert base.key == Run(three_houses(), call("allocation", "greedy"), 0, 60.0).key
    assert base.key == Run(three_houses().named("same data"), chosen, 0, 60.0).key
    others = [
        Run(two_days(), chosen, 0, 60.0),
        Run(three_houses().replace(store_kwh=1.0), chosen, 0, 60.0),
        Run(three_houses(), call("allocation", "greedy(service_level=0.5)"), 0, 60.0),
        Run(three_houses(), call("allocation", "round_robin"), 0, 60.0),
        Run(three_houses(), chosen, 1, 60.0),
        Run(three_houses(), chosen, 0, None),
        Run(three_houses(), counting(tmp_path / "a", "greedy"), 0, 60.0),
        Run(three_houses(), counting(tmp_path / "b", "greedy"), 0, 60.0),
    ]
    keys = {base.key, *(run.key for run in others)}
    assert len(keys) == len(others) + 1
    monkeypatch.setattr(experiment_module, "code_version", lambda: "another")
    assert base.key not in keys


def test_an_edited_method_of_a_user_is_another_method(tmp_path: Path) -> None:
    source = "def f(instance):\n    return helper(instance)\ndef helper(instance):\n    return {}\n"
    digests = set()
    for number, text in enumerate((source.format(1), source.format(2), source.format(1))):
        path = tmp_path / f"script{number}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(f"script{number}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        digests.add(Method("f", "allocation", "heuristic", module.f, Claims()).digest)
    assert len(digests) == 2, "an edited helper counts, an equal file does not"


def test_the_version_holds_a_digest_of_the_code() -> None:
    assert code_version().startswith(f"{cw.__version__}+")
    assert len(code_version().partition("+")[2]) == 12


def test_the_same_data_under_two_names_runs_once_and_is_named_twice(tmp_path: Path) -> None:
    log = tmp_path / "log"
    sweep = Experiment([three_houses(), three_houses().named("twin")], [counting(log)])
    found = sweep.run(tmp_path / "results")
    assert len(calls_in(log)) == 1
    assert set(found["instance"]) == {"allocation/three-houses", "twin"}


def test_an_experiment_of_nothing_says_so(tmp_path: Path) -> None:
    for sweep in (Experiment([]), Experiment([three_houses()], []), Experiment([three_houses()], seeds=())):
        with pytest.raises(ValueError, match="nothing to run"):
            sweep.run(tmp_path)
    with pytest.raises(ValueError, match="nothing to compare"):
        cw.compare(three_houses(), [])
    with pytest.raises(ValueError, match="nothing to compare"):
        cw.compare(three_houses(), seeds=())


def test_the_table_is_tidy(tmp_path: Path) -> None:
    found = Experiment([three_houses()], [call("allocation", "greedy(service_level=0.5)")]).run(tmp_path)
    assert len(found) == len(PROBLEM.criteria)
    assert set(found["criterion"]) == {one.name for one in PROBLEM.criteria}
    row = found.set_index("criterion").loc["grid_import_kwh"]
    assert row["options"] == '{"service_level": 0.5}'
    assert row["instance_hash"] == three_houses().content_hash
    assert row["value"] == 7.0
    assert row["version"] == code_version()


def test_a_sweep_and_a_comparison_say_the_same(tmp_path: Path) -> None:
    names = ["water_filling", "greedy", "random"]
    chosen = [call("allocation", name) for name in names]
    sweep = Experiment([partition(), ties()], chosen, (0, 1, 2))
    tables = comparisons(sweep, sweep.run(tmp_path))
    for instance in sweep.instances:
        direct = cw.compare(instance, names, seeds=(0, 1, 2))
        swept_ = tables[instance.meta.name]
        pd.testing.assert_frame_equal(direct.drop(columns="seconds"), swept_.drop(columns="seconds"))


# Comparisons


def test_values_are_means_over_seeds() -> None:
    table = cw.compare(three_houses(), ["random", "greedy"], seeds=range(5)).set_index("method")
    assert table["runs"].to_dict() == {"random": 5, "greedy": 1}
    each = [cw.solve(three_houses(), method="random", seed=seed).report.criteria for seed in range(5)]
    assert len({one["social_welfare"] for one in each}) > 1
    for name in ("social_welfare", "swr", "fully_served"):
        assert table.loc["random", name] == pytest.approx(np.mean([one[name] for one in each]))


def test_a_gap_is_to_the_tightest_bound_and_names_who_proved_it() -> None:
    table = cw.compare(three_houses(), ["greedy", "water_filling"]).set_index("method")
    assert table["social_welfare_bound_by"].unique().tolist() == ["duality (water_filling)"]
    assert table.loc["water_filling", "social_welfare_gap"] == pytest.approx(0.0, abs=1e-12)
    best, value = table.loc["water_filling", "social_welfare"], table.loc["greedy", "social_welfare"]
    assert table.loc["greedy", "social_welfare_gap"] == pytest.approx((best - value) / best)
    assert "social_welfare" in table.loc["water_filling", "optimal_for"].split()
    assert "social_welfare" not in table.loc["greedy", "optimal_for"].split()
    shown = cw.compare(three_houses(), ["greedy"], ["swr"])
    assert [name for name in shown if name.startswith(("swr", "fairness"))] == ["swr", "swr_gap", "swr_bound_by"]


def shares(instance: AllocationInstance, share: float) -> AllocationDecision:
    return AllocationDecision(instance=instance, allocated_kwh=instance.requested_kwh * share)


def test_a_method_that_gives_more_than_there_is_is_rejected() -> None:
    cw.method("allocation", name="generous")(lambda instance: shares(instance, 1.0))
    table = cw.compare(three_houses(), ["generous", "water_filling"])
    row = table.set_index("method").loc["generous"]
    assert row["status"] == "violated"
    assert "more given than available" in row["reason"]
    assert np.isnan(row["social_welfare_gap"])
    assert row["optimal_for"] == ""
    assert any("generous claims to be feasible" in text for text in broken_claims(table))
    modest = AllocationInstance(deficiency_kwh=[[0.1, 5.0, 0.0]], excess_kwh=[[0.0, 0.0, 4.0]])
    honest = cw.compare(modest, ["weighted(variant='printed')", "water_filling"])
    assert "violated" in set(honest["status"])
    assert not broken_claims(honest), "what claims nothing breaks no claim"


def test_a_method_that_claims_the_optimum_and_misses_it_is_rejected() -> None:
    cw.method("allocation", name="proud", exact_for={"fairness"})(lambda instance: shares(instance, 0.1))
    table = cw.compare(three_houses(), ["proud", "game_theoretic"])
    (broken,) = broken_claims(table)
    assert broken.startswith("proud claims to be exact for fairness, but its gap is")


def test_a_method_that_is_exact_for_one_seed_only_is_rejected() -> None:
    def run(instance: AllocationInstance, *, seed: int) -> AllocationDecision:
        if seed == 1:
            raise ArithmeticError("lost")
        return cw.solve(instance, method="game_theoretic").decision

    cw.method("allocation", name="moody", exact_for={"fairness"})(run)
    row = cw.compare(three_houses(), ["moody", "game_theoretic"], seeds=(0, 1)).set_index("method").loc["moody"]
    assert row["status"] == "feasible, error"
    assert row["reason"] == "ArithmeticError: lost"
    assert row["optimal_for"] == ""


def test_prices_cannot_prove_a_wrong_bound() -> None:
    """Whatever prices a method returns, weak duality turns them into a true bound."""
    for price in (0.0, 1e-3, 1e3):

        def run(instance: AllocationInstance, price: float = price) -> Answer:
            prices = np.full(len(instance.interval), price)
            return Answer(shares(instance, 0.1), AllocationPrices(instance=instance, energy_price=prices))

        cw.method("allocation", name="liar")(run)
        table = cw.compare(three_houses(), ["liar", "water_filling"])
        assert (table["conflict"] == "").all()


def test_a_method_that_beats_a_bound_is_a_conflict_that_names_both() -> None:
    """A solver's tree may be wrong; the method that beats it and the one that proved it are both named."""

    def run(instance: AllocationInstance) -> Answer:
        return Answer(shares(instance, 0.1), bounds={"social_welfare": 1.5})

    cw.method("allocation", kind="program", name="dubious")(run)
    table = cw.compare(three_houses(), ["dubious", "water_filling"]).set_index("method")
    assert table.loc["water_filling", "conflict"] == (
        "water_filling beats the bound on social_welfare proved by tree (dubious)"
    )
    assert table.loc["dubious", "conflict"] == ""
    assert broken_claims(table.reset_index())
