"""The menu of methods: how methods are spelled, declared, chosen, timed and kept.

Strategy: methods are registered here as a user would register them, by the decorator in a script; each is wrong or odd
in one way, and the message that names the way out is what is tested. They leave the menu again after each test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commonwatt.benchmarks.compare import evaluate
from commonwatt.instances.allocation import AllocationInstance
from commonwatt.instances.errors import InfeasibleError, NotApplicable
from commonwatt.instances.sources.small_allocation import three_houses, two_days
from commonwatt.models.allocation.decision import AllocationDecision, AllocationPrices
from commonwatt.models.problem import problem
from commonwatt.solvers import solve as solve_module
from commonwatt.solvers.method import Answer, Call, Claims, Method, call, cells, default_calls, menu
from commonwatt.solvers.solution import load_solution
from commonwatt.solvers.status import Status

import commonwatt as cw


@pytest.fixture(autouse=True)
def _own_menu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the menu as it was found."""
    kept = dict(menu("allocation"))
    yield
    menu("allocation").clear()
    menu("allocation").update(kept)


def nothing(instance: AllocationInstance) -> AllocationDecision:
    """Give nothing to anybody."""
    return AllocationDecision(instance=instance, allocated_kwh=np.zeros_like(instance.deficiency_kwh))


# Spelling


@pytest.mark.parametrize(
    ("spelling", "name", "options"),
    [
        ("greedy", "greedy", {}),
        (" greedy ", "greedy", {}),
        ("greedy()", "greedy", {}),
        ("greedy(service_level=0.5)", "greedy", {"service_level": 0.5}),
        ("greedy( service_level = .5 , second_pass=False )", "greedy", {"service_level": 0.5, "second_pass": False}),
        ("water_filling(variant='printed')", "water_filling", {"variant": "printed"}),
        ('water_filling(variant="printed")', "water_filling", {"variant": "printed"}),
        ("greedy(service_level=None)", "greedy", {"service_level": None}),
    ],
)
def test_spellings_are_read(spelling: str, name: str, options: dict[str, object]) -> None:
    chosen = call("allocation", spelling)
    assert chosen.method.name == name
    assert chosen.options == options
    assert call("allocation", chosen.label) == chosen


def test_options_given_apart_come_before_those_of_the_text() -> None:
    chosen = call("allocation", "greedy(service_level=0.5)", service_level=0.25, second_pass=False)
    assert chosen.options == {"service_level": 0.25, "second_pass": False}
    assert chosen.label == "greedy(second_pass=False, service_level=0.25)"
    assert call("allocation", chosen, service_level=1.0).options["service_level"] == 1.0
    assert call("allocation", menu("allocation")["greedy"]).label == "greedy"


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        "greedy(",
        "greedy(0.5)",
        "greedy(service_level=x)",
        "greedy.run()",
        "1 + 1",
        "greedy(a=1, a=2)",
        "a\0b",
        "greedy()()",
        "greedy(service_level={[]: 1})",
        "(" * 1000,
    ],
)
def test_what_cannot_be_read_says_how_to_write_it(spelling: str) -> None:
    with pytest.raises(ValueError, match=r"write name or name\(option=value"):
        call("allocation", spelling)


def test_unknown_names_bring_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown method 'gredy' of allocation \(did you mean 'greedy'\?\)") as caught:
        call("allocation", "gredy")
    assert "water_filling" in str(caught.value)
    with pytest.raises(ValueError, match=r"method 'greedy' has no option 'level'; valid: service_level, second_pass"):
        call("allocation", "greedy(level=1)")
    with pytest.raises(ValueError, match=r"method 'random' has no option 'seed'; valid: none"):
        call("allocation", "random(seed=1)")
    with pytest.raises(ValueError, match="unknown problem 'trade'; known: allocation"):
        call("trade", "greedy")
    with pytest.raises(ValueError, match="unknown criterion 'profit' of allocation; known: social_welfare"):
        cw.solve(three_houses(), criterion="profit")
    with pytest.raises(ValueError, match="name it"):
        cw.solve(three_houses(), service_level=0.5)
    with pytest.raises(TypeError, match=r"cw\.load"):
        cw.solve("allocation/three-houses")


@pytest.mark.parametrize(
    "spelling",
    [
        "greedy(service_level='much')",
        "greedy(service_level=7)",
        "greedy(service_level=[])",
        "round_robin(reset_intervals='x')",
        "round_robin(reset_intervals=0)",
        "water_filling(variant='best')",
        "weighted(variant=3)",
        "weighted(pairs='no')",
        "greedy(second_pass=3)",
        "round_robin(reset_intervals=2.7)",
        "round_robin(reset_intervals=1e400)",
    ],
)
def test_a_bad_value_of_an_option_is_a_value_error(spelling: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        cw.solve(three_houses(), method=spelling)


# Declaring


def test_a_users_method_is_on_every_menu() -> None:
    decorated = cw.method("allocation", kind="heuristic")(nothing)
    assert decorated is nothing
    assert "nothing" in set(cw.methods("allocation")["method"])
    solution = cw.solve(three_houses(), method="nothing")
    assert solution.status is Status.FEASIBLE
    assert solution.objective == 0.0
    assert "nothing" in set(cw.compare(three_houses(), ["nothing", "greedy"])["method"])


def test_registering_again_from_the_same_script_replaces() -> None:
    cw.method("allocation")(nothing)
    cw.method("allocation", name="nothing", feasible=False)(nothing)
    assert not menu("allocation")["nothing"].claims.feasible


def greedy_anew(instance: AllocationInstance) -> AllocationDecision:
    return nothing(instance)


@pytest.mark.parametrize(
    ("arguments", "function", "words"),
    [
        ({"problem_name": "trade"}, nothing, "unknown problem 'trade'"),
        ({"exact_for": {"profit"}}, nothing, "unknown criterion 'profit'"),
        ({"variants": {"x=1": Claims(frozenset({"profit"}))}}, nothing, "unknown criterion 'profit'"),
        ({"kind": "magic"}, nothing, "unknown kind 'magic'; known: program, kernel, heuristic"),
        ({"name": "greedy"}, nothing, "has a method 'greedy' already"),
        ({"name": "give-nothing"}, nothing, "cannot be spelled"),
        ({"size_limit": 10, "kind": "kernel"}, nothing, "only a program may declare a size limit"),
        ({"size_limit": 10, "kind": "heuristic"}, nothing, "only a program may declare a size limit"),
        ({}, lambda: None, "cannot be spelled"),
        ({"name": "f"}, lambda: None, "must take the instance"),
        ({"name": "f"}, lambda instance, level: None, "option 'level' of method 'f' needs a default"),
        ({"name": "f"}, lambda instance, **options: None, "name its options one by one"),
        ({"name": "f"}, lambda instance, *options: None, "name its options one by one"),
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(arguments: dict[str, object], function: object, words: str) -> None:
    before = set(menu("allocation"))
    with pytest.raises(ValueError, match=words):
        cw.method(**({"problem_name": "allocation"} | arguments))(function)
    assert set(menu("allocation")) == before


def test_variants_are_rows_with_their_own_claims() -> None:
    labels = [one.label for one in default_calls("allocation")]
    assert labels.count("water_filling(variant='printed')") == 1
    assert call("allocation", "water_filling").claims.exact_for == {"social_welfare", "grid_import_kwh"}
    printed = call("allocation", "water_filling(variant='printed')").claims
    assert printed == Claims(frozenset(), feasible=False)


def test_claims_of_the_menu_name_known_criteria() -> None:
    table = cw.methods()
    assert list(table)[:5] == ["family", "problem", "method", "kind", "exact_for"]
    assert set(table["kind"]) <= {"program", "kernel", "heuristic"}
    assert table["summary"].str.len().gt(10).all()
    for row in table.itertuples():
        assert set(row.exact_for.split()) <= {one.name for one in problem(row.problem).criteria}
    assert {"social_welfare", "community_cost"} <= {one for text in table["exact_for"] for one in text.split()}


# Running


def test_seed_and_time_limit_are_passed_only_where_declared() -> None:
    seen: dict[str, object] = {}

    @cw.method("allocation")
    def with_seed(instance: AllocationInstance, *, seed: int) -> AllocationDecision:
        seen["seed"] = seed
        return nothing(instance)

    @cw.method("allocation")
    def with_limit(instance: AllocationInstance, *, time_limit_s: float | None, twice: bool = False) -> Answer:
        seen["limit"] = time_limit_s
        return Answer(nothing(instance))

    cw.method("allocation")(nothing)
    assert cw.solve(three_houses(), method="with_seed", seed=7, time_limit_s=3.0).seed == 7
    assert cw.solve(three_houses(), method="with_limit", seed=7, time_limit_s=3.0).options == {"twice": False}
    assert seen == {"seed": 7, "limit": 3.0}
    cw.solve(three_houses(), method="nothing", seed=7, time_limit_s=3.0)
    assert menu("allocation")["with_seed"].options == {}
    assert call("allocation", "with_limit(twice=True)").options == {"twice": True}


def test_resolved_options_are_part_of_the_solution() -> None:
    solution = cw.solve(three_houses(), method="greedy", service_level=0.5)
    assert solution.method == "greedy(service_level=0.5)"
    assert solution.options == {"service_level": 0.5, "second_pass": True}
    assert solution.criterion == "social_welfare"
    assert solution.versions["numpy"] == np.__version__


def premise(instance: AllocationInstance) -> AllocationDecision:
    if len(instance.household) == 4:
        raise NotApplicable("interval 14: sell price −0.1")
    return nothing(instance)


def test_solve_takes_the_next_exact_method_and_says_why_there_is_none() -> None:
    known = menu("allocation")
    for name in [name for name, entry in known.items() if "social_welfare" in entry.claims.exact_for]:
        del known[name]
    with pytest.raises(NotApplicable, match="there is none on the menu; name a heuristic"):
        cw.solve(three_houses())
    cw.method("allocation", kind="kernel", exact_for={"social_welfare"})(premise)
    with pytest.raises(NotApplicable, match="no exact method for social_welfare of allocation: premise: interval 14"):
        cw.solve(three_houses())
    with pytest.raises(NotApplicable, match=r"^interval 14"):
        cw.solve(three_houses(), method="premise")
    cw.method("allocation", kind="program", exact_for={"social_welfare"}, size_limit=1000)(nothing)
    assert cw.solve(three_houses()).method == "nothing"
    assert cw.solve(two_days()).method == "premise", "kernels come before programs"


def test_compare_prints_the_reason_of_what_does_not_apply() -> None:
    cw.method("allocation", kind="kernel", exact_for={"social_welfare"})(premise)
    row = cw.compare(three_houses(), ["premise", "greedy"]).set_index("method").loc["premise"]
    assert row["status"] == "not applicable"
    assert row["reason"] == "interval 14: sell price −0.1"
    assert np.isnan(row["social_welfare"])
    assert np.isnan(row["social_welfare_gap"])


def crash(instance: AllocationInstance) -> AllocationDecision:
    return nothing(instance) if len(instance.household) == 99 else [][0]


def hopeless(instance: AllocationInstance) -> AllocationDecision:
    raise InfeasibleError("house 7, 18:30: needs 2 kWh more than there is")


def test_a_crash_costs_nobody_else_a_row() -> None:
    cw.method("allocation", exact_for={"fairness"})(crash)
    cw.method("allocation")(hopeless)
    table = cw.compare(three_houses(), ["crash", "hopeless", "greedy"]).set_index("method")
    assert table["status"].tolist() == ["error", "infeasible", "feasible"]
    assert table.loc["crash", "reason"] == "IndexError: list index out of range"
    assert table.loc["hopeless", "reason"].startswith("house 7, 18:30")
    assert table.loc["crash", "optimal_for"] == ""
    with pytest.raises(IndexError):
        cw.solve(three_houses(), method="crash")
    with pytest.raises(InfeasibleError):
        cw.solve(three_houses(), method="hopeless")


def test_a_method_that_fails_on_the_tiny_instance_only_runs() -> None:
    @cw.method("allocation")
    def not_for_the_tiny(instance: AllocationInstance) -> AllocationDecision:
        if instance.meta.name == "unnamed":
            raise ZeroDivisionError
        return nothing(instance)

    assert cw.solve(three_houses(), method="not_for_the_tiny").report.ok


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda i: i.deficiency_kwh, "returned ndarray"),
        (lambda i: None, "returned NoneType"),
        (lambda i: AllocationPrices(instance=i, energy_price=[1.0]), "a AllocationPrices where a AllocationDecision"),
        (lambda i: Answer(None), "a NoneType where a AllocationDecision"),
        (lambda i: Answer(nothing(i), nothing(i)), "a AllocationDecision where a AllocationPrices"),
    ],
)
def test_a_wrong_return_type_is_named(returned: object, words: str) -> None:
    cw.method("allocation", name="odd")(lambda instance: returned(instance))  # type: ignore[operator]
    with pytest.raises(TypeError, match=words):
        cw.solve(three_houses(), method="odd")


def test_an_answer_to_another_instance_is_refused() -> None:
    other = three_houses().replace(dt_h=2.0)
    cw.method("allocation", name="odd")(lambda instance: nothing(other))
    with pytest.raises(ValueError, match="answered another instance"):
        cw.solve(three_houses(), method="odd")
    with pytest.raises(ValueError, match="answers another instance"):
        cw.check(three_houses(), nothing(other))


def test_a_method_of_another_problem_is_refused() -> None:
    foreign = Method("other", "trade", "kernel", nothing, Claims())
    with pytest.raises(ValueError, match="answers trade, not allocation"):
        cw.solve(three_houses(), method=Call(foreign))


def test_the_first_call_goes_to_the_tiny_instance_and_is_not_timed() -> None:
    clock = {"now": 0.0}
    asked: list[int] = []

    @cw.method("allocation")
    def slow_at_first(instance: AllocationInstance) -> Answer:
        clock["now"] += 100.0 if not asked else 3.0
        asked.append(len(instance.interval) * len(instance.household))
        return Answer(nothing(instance), build_seconds=1.0)

    class Clock:
        perf_counter = staticmethod(lambda: clock["now"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solve_module, "time", Clock)
        solution = cw.solve(three_houses(), method="slow_at_first")
        again = cw.solve(three_houses(), method="slow_at_first")
    assert solution.seconds == {"build": 1.0, "solve": 2.0}
    assert again.seconds == {"build": 1.0, "solve": 2.0}
    tiny = 8
    assert asked == [tiny, 4, 4]


def test_only_programs_are_left_out_for_size() -> None:
    cw.method("allocation", kind="program", size_limit=7)(nothing)
    assert cells(three_houses()) == 4
    assert cells(two_days()) == 6
    small = evaluate(two_days(), call("allocation", "nothing"))
    assert set(small["status"]) == {"feasible"}
    large = three_houses().replace(interval=None, deficiency_kwh=np.ones((2, 4)), excess_kwh=np.zeros((2, 4)))
    row = evaluate(large, call("allocation", "nothing")).iloc[0]
    assert row["status"] == "not run: size"
    assert row["reason"] == "8 cells, runs up to 7"
    assert all(entry.size_limit is None for entry in menu("allocation").values() if entry.kind != "program")


# Keeping


def test_a_solution_is_saved_loaded_and_judged_anew(tmp_path: Path) -> None:
    instance = three_houses()
    solution = cw.solve(instance, method="greedy(service_level=0.5)", criterion="fairness", seed=3)
    found = load_solution(instance, solution.save(tmp_path / "solution"))
    for name in (
        "method",
        "criterion",
        "options",
        "status",
        "objective",
        "seconds",
        "seed",
        "versions",
        "notes",
        "decision",
        "prices",
    ):
        assert getattr(found, name) == getattr(solution, name), name
    # A saved solution brings no prices of others, so what it proves alone may be less.
    assert found.bound >= solution.bound
    assert found.bound_by == "weak duality"
    assert solution.bound_by == "weak duality, prices of game_theoretic"
    assert found.report == solution.report
    optimal = cw.solve(instance)
    found = load_solution(instance, optimal.save(tmp_path / "optimal"))
    assert found.prices == optimal.prices
    assert found.status is Status.OPTIMAL
    assert set(found.tables()) == {"interval_household", "prices_interval"}


def test_options_of_any_kind_can_be_saved(tmp_path: Path) -> None:
    @cw.method("allocation")
    def odd_options(
        instance: AllocationInstance,
        *,
        level: float = float("nan"),
        how: object = np.int64(3),
        many: tuple[int, ...] = (1, 2),
    ) -> AllocationDecision:
        return nothing(instance)

    solution = cw.solve(three_houses(), method="odd_options")
    found = load_solution(three_houses(), solution.save(tmp_path / "solution"))
    assert found.options == {"level": "nan", "how": "3", "many": [1, 2]}


def tamper(folder: Path, table: str, before: str, after: str, *, hashes: bool) -> None:
    path = folder / f"{table}.csv"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    if not hashes:
        descriptor = json.loads((folder / "datapackage.json").read_text())
        for one in descriptor["resources"]:
            del one["hash"], one["bytes"]
        (folder / "datapackage.json").write_text(json.dumps(descriptor))


def test_a_tampered_decision_is_caught(tmp_path: Path) -> None:
    instance = three_houses()
    folder = cw.solve(instance, method="game_theoretic").save(tmp_path / "solution")
    tamper(folder, "decision.interval_household", ",C,2.0", ",C,5.0", hashes=False)
    found = load_solution(instance, folder)
    report = cw.check(instance, found)
    assert not report.ok
    assert [violation.rule for violation in report.violations] == ["more given than available"]
    assert (report.violations[0].value, report.violations[0].limit) == (7.0, 4.0)
    assert found.status is Status.VIOLATED
    assert np.isnan(found.gap)


def test_a_tampered_file_is_caught_by_its_hash(tmp_path: Path) -> None:
    folder = cw.solve(three_houses(), method="game_theoretic").save(tmp_path / "solution")
    tamper(folder, "decision.interval_household", ",C,2.0", ",C,1.0", hashes=True)
    with pytest.raises(cw.InstanceError, match="changed since it was saved"):
        load_solution(three_houses(), folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"record": "instance"}, "is no solution"),
        ({"instance_hash": "0" * 64}, "answers another instance"),
        ({"decision": None}, "the section is missing"),
        ({"decision": []}, "the section is missing"),
        ({"prices": 7}, "the section is missing"),
        ({"criterion": "profit"}, "is unknown"),
        ({"criterion": None}, "is no str"),
        ({"seed": "one"}, "is no int"),
        ({"options": []}, "is no dict"),
        ({"seconds": None}, "is no dict"),
        ({"notes": "none"}, "is no list"),
        ({"versions": 7}, "is no dict"),
    ],
)
def test_a_malformed_solution_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    folder = cw.solve(three_houses()).save(tmp_path / "solution")
    descriptor = json.loads((folder / "datapackage.json").read_text())
    descriptor["commonwatt"] |= change
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    with pytest.raises(cw.InstanceError, match=words):
        load_solution(three_houses(), folder)


@pytest.mark.parametrize("table", ["decision.interval_household", "prices.interval"])
def test_a_solution_without_one_of_its_tables_is_refused(tmp_path: Path, table: str) -> None:
    folder = cw.solve(three_houses()).save(tmp_path / "solution")
    descriptor = json.loads((folder / "datapackage.json").read_text())
    descriptor["resources"] = [one for one in descriptor["resources"] if one["name"] != table]
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    with pytest.raises(cw.InstanceError, match="the table is missing"):
        load_solution(three_houses(), folder)


def test_a_foreign_decision_is_checked_without_any_solution() -> None:
    instance = three_houses()
    report = cw.check(instance, AllocationDecision(instance=three_houses(), allocated_kwh=[[1.0, 1.0, 2.0, 0.0]]))
    assert report.ok
    assert report.criteria["fairness"] == pytest.approx(4.0)
    assert report.certificate == {}
    assert "feasible" in str(report)
    worse = cw.check(instance, AllocationDecision(instance=instance, allocated_kwh=[[2.0, -1.0, 9.0, 1.0]]))
    assert "5 rules broken" in str(worse)
    with pytest.raises(TypeError, match="expected a Solution or a AllocationDecision, got ndarray"):
        cw.check(instance, np.zeros((1, 4)))
    with pytest.raises(TypeError, match="got AllocationPrices"):
        cw.check(instance, AllocationPrices(instance=instance, energy_price=[1.0]))
