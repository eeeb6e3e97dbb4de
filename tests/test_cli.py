"""The command line: what it prints, where, with which exit code, and what it leaves behind.

Strategy: ``main()`` is called in this process with arguments as a shell would pass them, which is fast; what only a
process can show (the module switch, what is imported, a key pressed) is shown by a process. Bad input of every kind
gives one message on stderr, nothing on stdout, exit code 2, no traceback, and no file.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commonwatt.instances.sources.small_allocation import three_houses, two_days
from commonwatt.models.allocation.decision import AllocationDecision

import commonwatt as cw
from commonwatt import cli

Run = Callable[..., tuple[int, str, str]]
COMMANDS = ["list", "info", "solve", "compare", "check", "generate", "tables", "report", "validate"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call ``main()``: exit code, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["commonwatt", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return cw.save(three_houses(), tmp_path / "three houses")


def process(*arguments: str, code: str | None = None, **options: object) -> subprocess.CompletedProcess[str]:
    start = ["-m", "commonwatt"] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *start, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


# Help


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["generate", "allocation"]], ids=" ".join)
def test_every_command_has_help(run: Run, command: list[str]) -> None:
    code, out, err = run(*command, "--help")
    assert code == 0
    assert "Usage" in out
    assert err == ""
    if not command:
        assert all(name in out for name in COMMANDS)


def test_the_module_is_the_command() -> None:
    done = process("--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
    assert done.stderr == ""


HEAVY = ("numpy", "pandas", "scipy", "numba", "pyomo", "cvxpy", "sklearn", "pyarrow", "matplotlib")


@pytest.mark.parametrize("argument", ["--help", "solve --help", "generate allocation --help"])
def test_help_imports_nothing_heavy(argument: str) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['commonwatt', *{argument.split()!r}]\n"
        "from commonwatt.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        f"    print('heavy:', *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = process(code=code)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].strip() == "heavy:"


def test_importing_the_front_door_imports_nothing_heavy() -> None:
    code = f"import sys, commonwatt\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    assert process(code=code).stdout.strip() == ""


# Printing


@pytest.mark.parametrize("what", ["instances", "methods", "criteria"])
def test_list(run: Run, what: str) -> None:
    code, out, err = run("list", what)
    assert (code, err) == (0, "")
    assert out
    code, out, err = run("list", what, "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)
    names = {row.get("name", row.get("method", row.get("criterion"))) for row in rows}
    assert {"instances": True, "methods": "water_filling" in names, "criteria": "swr" in names}[what]
    code, out, err = run("list", what, "--problem", "allocation", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == [row for row in rows if row["problem"] == "allocation"]


def test_info(run: Run, folder: Path) -> None:
    code, out, err = run("info", folder)
    assert (code, err) == (0, "")
    assert "three-houses" in out
    assert "deficiency_kwh" in out
    found = json.loads(run("info", folder, "--json")[1])
    assert found["sizes"] == {"interval": 1, "household": 4}
    assert found["arrays"]["deficiency_kwh"] == {"unit": "kWh", "min": 0.0, "max": 6.0, "sum": 11.0}
    assert found["sha256"] == three_houses().content_hash
    assert found["known optima"][1]["value"] == 4.0


@pytest.mark.parametrize("name", cw.library().drop_duplicates("problem")["name"])
def test_info_of_every_problem(run: Run, name: str) -> None:
    code, out, err = run("info", name)
    assert code == 0, err
    assert name in out
    assert all(run("info", other)[0] == 0 for other in cw.library()["name"] if other.startswith("settlement/"))


def test_solve(run: Run, folder: Path, tmp_path: Path) -> None:
    code, out, err = run("solve", folder)
    assert (code, err) == (0, "")
    assert "optimal" in out
    code, out, err = run("solve", folder, "--method", "greedy(service_level=0.5)", "--criterion", "fairness", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["method"] == "greedy(service_level=0.5)"
    assert found["criterion"] == "fairness"
    assert found["violations"] == []
    assert found["objective"] == found["criteria"]["fairness"]
    code, out, err = run("solve", folder, "--method", "greedy", "--out", tmp_path / "kept", "--json")
    assert (code, err) == (0, "")
    json.loads(out)
    assert (tmp_path / "kept" / "datapackage.json").is_file()


def test_a_solution_that_breaks_a_rule_has_exit_code_1(run: Run, tmp_path: Path) -> None:
    @cw.method("allocation", feasible=False)
    def too_much(instance: object) -> AllocationDecision:
        return AllocationDecision(instance=instance, allocated_kwh=instance.requested_kwh)  # type: ignore[attr-defined]

    try:
        folder = cw.save(three_houses(), tmp_path / "instance")
        code, out, err = run("solve", folder, "--method", "too_much")
        assert (code, err) == (1, "")
        assert "more given than available" in out
    finally:
        from commonwatt.solvers.method import menu

        del menu("allocation")["too_much"]


def test_compare(run: Run, folder: Path) -> None:
    chosen = ["--method", "greedy", "--method", "water_filling", "--method", "random", "--seeds", 2]
    code, out, err = run("compare", folder, *chosen)
    assert code == 0
    assert err.splitlines() == ["[1/3] greedy", "[2/3] water_filling", "[3/3] random"]
    assert "greedy" in out
    assert "†: the method claims" in out
    code, out, err = run("compare", folder, *chosen, "--criterion", "swr", "--json")
    assert code == 0
    rows = {row["method"]: row for row in json.loads(out)}
    assert list(rows) == ["greedy", "water_filling", "random"]
    assert rows["random"]["runs"] == 2
    assert "swr_gap" in rows["greedy"]
    assert "fairness_gap" not in rows["greedy"]


def test_check(run: Run, folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "solution"
    assert run("solve", folder, "--method", "game_theoretic", "--out", kept)[0] == 0
    code, out, err = run("check", folder, kept)
    assert (code, err) == (0, "")
    assert "feasible" in out
    assert json.loads(run("check", folder, kept, "--json")[1])["ok"] is True
    path = kept / "decision.interval_household.csv"
    path.write_text(path.read_text().replace(",C,2.0", ",C,3.0"))
    descriptor = json.loads((kept / "datapackage.json").read_text())
    for one in descriptor["resources"]:
        del one["hash"], one["bytes"]
    (kept / "datapackage.json").write_text(json.dumps(descriptor))
    code, out, err = run("check", folder, kept)
    assert (code, err) == (1, "")
    assert "more given than available (5 kWh against 4 kWh)" in out
    code, out, err = run("check", folder, kept, "--json")
    assert code == 1
    assert json.loads(out)["ok"] is False


def test_validate(run: Run, folder: Path, tmp_path: Path) -> None:
    code, out, err = run("validate", folder)
    assert (code, err) == (0, "")
    assert "sound" in out
    bad = tmp_path / "bad"
    shutil.copytree(folder, bad)
    path = bad / "interval_household.csv"
    path.write_text(path.read_text().replace(",6.0", ",-6.0"))
    code, out, err = run("validate", folder, bad)
    assert code == 2
    assert "sound" in out
    assert (
        "table interval_household, column deficiency_kwh, row 2030-01-01T00:00:00Z, C, value -6.0: is negative" in err
    )
    code, out, err = run("validate", folder, bad, "--json")
    assert (code, err) == (2, "")
    rows = json.loads(out)
    assert [row["ok"] for row in rows] == [True, False]
    assert {"table", "column", "row", "value", "message", "remedy"} == set(rows[1]["faults"][0])


def test_generate(run: Run, tmp_path: Path) -> None:
    out_folder = tmp_path / "made"
    arguments = ["--households", 6, "--prosumers", 3, "--policy", "low_deficiency", "--seed", 5]
    code, out, err = run("generate", "allocation", "--out", out_folder, *arguments)
    assert (code, err) == (0, "")
    assert "written to" in out
    made = cw.load(out_folder)
    assert made.sizes["household"] == 6
    assert made.sizes["group"] == 3
    again = tmp_path / "again"
    assert run("generate", "allocation", "--out", again, *arguments)[0] == 0
    assert cw.load(again) == made


def test_generate_for_an_aggregator(run: Run, tmp_path: Path) -> None:
    street, firm, drawn = tmp_path / "street", tmp_path / "firm", tmp_path / "drawn"
    arguments = ["--homes", 4, "--scenarios", 2, "--days", 1, "--battery", 0.5, "--cold-store", "--seed", 3]
    code, out, err = run("generate", "portfolio", "--out", street, *arguments)
    assert (code, err) == (0, "")
    assert "a shop with a cold store" in out
    assert cw.load(street).storage_shape[:2] == (2, 48)
    assert run("generate", "firm-offer", "--out", firm, "--from", street, "--scope", "horizon")[0] == 0
    assert cw.load(firm).scope == "horizon"
    assert run("generate", "firm-offer", "--out", drawn, "--vehicles", 5, "--scenarios", 3, "--epsilon", 0.4)[0] == 0
    assert cw.load(drawn).available_kw.shape == (3, 48)
    code, out, err = run("generate", "firm-offer", "--out", tmp_path / "no", "--from", drawn)
    assert code == 2
    assert "takes a portfolio" in err
    code, out, err = run("generate", "portfolio", "--out", tmp_path / "no", "--pv", 1.5)
    assert code == 2
    assert "pv is 1.5; give a share of homes" in err
    code, out, err = run("generate", "firm-offer", "--out", tmp_path / "no", "--vehicles", 0)
    assert code == 2
    assert "vehicles is 0" in err


def test_generate_days_of_a_feeder(run: Run, tmp_path: Path) -> None:
    drawn, read = tmp_path / "drawn", tmp_path / "read"
    arguments = ["--from", 17, "--to", 19, "--days", 2, "--pv", 0.5, "--seed", 3]
    code, out, err = run("generate", "adjustment", "--out", drawn, "--homes", 6, *arguments)
    assert (code, err) == (0, "")
    assert "2 winter days by half-hours, 6 homes, 3 with pv" in out
    assert cw.load(drawn).net_load_kw.shape == (8, 6)
    master = write_dss(tmp_path)
    code, out, err = run(
        "generate", "adjustment", "--out", read, "--opendss", master, "--rating", "cable=35", *arguments
    )
    assert (code, err) == (0, "")
    assert (cw.load(read).rating_a == 35.0).all()
    code, out, err = run("generate", "adjustment", "--out", tmp_path / "no", "--opendss", master, "--rating", "35")
    assert code == 2
    assert "--rating '35' cannot be read; give a line code and its rating" in err
    code, out, err = run("generate", "adjustment", "--out", tmp_path / "no", "--homes", 3, "--trunk-mm2", 70)
    assert code == 2
    assert "trunk_mm2 is 70; choose one of 300, 185, 95" in err


def write_dss(folder: Path) -> Path:
    """A feeder of one cable and two homes for OpenDSS."""
    master = folder / "Master.dss"
    master.write_text(
        "clear\nset defaultbasefrequency=50\n"
        "new circuit.small basekv=11 pu=1.02 phases=3 mvasc3=60 mvasc1=60\n"
        "new transformer.t buses=[sourcebus low] conns=[delta wye] kvs=[11 0.4] kvas=[100 100] xhl=4 %rs=[0.5 0.5]\n"
        "new linecode.cable nphases=3 r1=0.3 x1=0.07 r0=1.2 x0=0.1 c1=0 c0=0 units=km\n"
        "new line.one bus1=low bus2=end linecode=cable length=0.2 units=km phases=3\n"
        "new load.a bus1=end.1 phases=1 kv=0.23 kw=1 kvar=0\nnew load.b bus1=end.2 phases=1 kv=0.23 kw=1 kvar=0\n"
        "set voltagebases=[11 0.4]\ncalcvoltagebases\n"
    )
    return master


# Bad input


def spoilt(folder: Path) -> Path:
    (folder / "datapackage.json").write_text("{")
    return folder


BAD: dict[str, Callable[[Path, Path], list[object]]] = {
    "no command": lambda folder, new: ["slove"],
    "no argument": lambda folder, new: ["solve"],
    "unknown option": lambda folder, new: ["solve", folder, "--fast"],
    "unknown list": lambda folder, new: ["list", "friends"],
    "unknown problem": lambda folder, new: ["list", "--problem", "trade"],
    "no instance": lambda folder, new: ["solve", "allocation/nowhere"],
    "no package": lambda folder, new: ["info", folder.parent],
    "spoilt package": lambda folder, new: ["compare", spoilt(folder)],
    "unknown method": lambda folder, new: ["solve", folder, "--method", "gredy", "--out", new],
    "unknown options of a method": lambda folder, new: ["solve", folder, "--method", "greedy(x=1)", "--out", new],
    "bad value of an option": lambda folder, new: ["solve", folder, "--method", "greedy(service_level='x')"],
    "unreadable method": lambda folder, new: ["solve", folder, "--method", "greedy(", "--out", new],
    "unknown criterion": lambda folder, new: ["solve", folder, "--criterion", "profit", "--out", new],
    "unknown criterion to compare": lambda folder, new: ["compare", folder, "--criterion", "profit"],
    "seed no number": lambda folder, new: ["solve", folder, "--seed", "one"],
    "no seeds": lambda folder, new: ["compare", folder, "--seeds", 0],
    "instance as solution": lambda folder, new: ["check", folder, folder],
    "solution as instance": lambda folder, new: ["info", cw.solve(three_houses()).save(new.with_name("solution"))],
    "solution of another": lambda folder, new: ["check", folder, cw.solve(two_days()).save(new.with_name("solution"))],
    "out is foreign": lambda folder, new: ["solve", folder, "--out", folder.parent],
    "spoilt to validate": lambda folder, new: ["validate", spoilt(folder)],
    "own data without path": lambda folder, new: ["generate", "allocation", "--out", new, "--source", "own"],
    "own data nowhere": lambda f, new: ["generate", "allocation", "--out", new, "--source", "own", "--from", "nowhere"],
    "unknown policy": lambda f, n: [
        "generate",
        "allocation",
        "--out",
        n,
        "--households",
        4,
        "--prosumers",
        2,
        "--policy",
        "x",
    ],
    "too many prosumers": lambda f, n: ["generate", "allocation", "--out", n, "--households", 4, "--prosumers", 5],
    "no households": lambda f, n: ["generate", "allocation", "--out", n, "--households", 0, "--prosumers", 0],
    "no workers": lambda folder, new: ["tables", "--out", new, "--workers", 0],
    "unknown suite": lambda folder, new: ["tables", "--out", new, "--suite", "everything"],
    "report of nothing": lambda folder, new: ["report", "--out", new],
}


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_message_and_no_file(run: Run, folder: Path, tmp_path: Path, case: str) -> None:
    arguments = BAD[case](folder, tmp_path / "new")
    before = names(tmp_path)
    code, out, err = run(*arguments)
    assert code == 2, (out, err)
    assert out == ""
    assert err.strip()
    assert "Traceback" not in err
    assert names(tmp_path) == before


def test_a_message_names_what_is_known(run: Run, folder: Path) -> None:
    assert "did you mean 'greedy'?" in run("solve", folder, "--method", "gredy")[2]
    assert "known: social_welfare" in run("solve", folder, "--criterion", "profit")[2]


def test_no_traceback_in_a_process(tmp_path: Path) -> None:
    done = process("solve", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_defect_of_the_project_shows_its_traceback(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["commonwatt", "info", str(folder)])
    monkeypatch.setattr(cli, "print_json", lambda data: [][0])
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--json"])
    with pytest.raises(IndexError):
        cli.main()


def test_an_interruption_says_how_to_go_on(folder: Path) -> None:
    code = (
        "import os, signal, sys, commonwatt\n"
        "import commonwatt.instances.shelf as shelf\n"
        "shelf.load = lambda name: os.kill(os.getpid(), signal.SIGINT)\n"
        f"sys.argv = ['commonwatt', 'info', {str(folder)!r}]\n"
        "from commonwatt.cli import main\n"
        "main()\n"
    )
    done = process(code=code)
    assert done.returncode == 128 + signal.SIGINT
    assert "run it again to go on" in done.stderr
    assert "Traceback" not in done.stderr
