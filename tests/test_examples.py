"""Examples are documentation and test: every Python block of README and docs, every ``commonwatt`` line, every script.

The Python blocks of a page run one after the other in one namespace, in an empty folder; blocks marked ``text`` are not
run.
"""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

import commonwatt as cw
from commonwatt.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCRIPTS = sorted((ROOT / "docs" / "examples").glob("*.py"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SLOW = ("commonwatt tables",)
"""Commands that the main job or the benchmarks run, and tests therefore do not."""


def blocks(page: Path, language: str) -> list[str]:
    return [body for found, body in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def run_commands(body: str) -> int:
    count = 0
    for line in body.splitlines():
        command = line.partition("  #")[0].strip()
        if not command.startswith("commonwatt ") or command.startswith(SLOW):
            continue
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", shlex.split(command))
            with pytest.raises(SystemExit) as stop:
                main()
        assert stop.value.code in (0, None), f"{command} ended with {stop.value.code}"
        count += 1
    return count


def prepare(folder: Path) -> None:
    """The files that examples with own data speak of."""
    for target in (folder / "examples", folder / "docs" / "examples"):
        target.mkdir(parents=True)
        for path in (ROOT / "docs" / "examples").iterdir():
            if path.is_file():
                (target / path.name).write_bytes(path.read_bytes())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "example"}
    for language, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(body, str(page.name), "exec"), namespace)
        elif language in ("bash", "sh"):
            run_commands(body)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_script(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")


def test_readme_shows_what_it_promises() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make tables" in text
    assert "make test" in text
    assert blocks(ROOT / "README.md", "python")
    assert re.search(r"!\[[^\]]+\]\(docs/images/[^)]+\.png\)", text)


def test_readme_table_is_what_a_comparison_finds() -> None:
    """Numbers in the README are those that the command beside them prints."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| method | social welfare"))
    rows = [[cell.strip(" `%") for cell in line.strip("|").split("|")] for line in lines[start + 2 :][:7]]
    found = cw.compare(cw.load("allocation/texas-443"), [row[0] for row in rows], seeds=(0, 1, 2)).set_index("method")
    for name, *cells in rows:
        for criterion, value, gap in zip(
            ("social_welfare", "fairness", "fully_served"), cells[::2], cells[1::2], strict=True
        ):
            assert f"{found.loc[name, criterion]:.0f}" == value
            assert f"{100 * abs(found.loc[name, f'{criterion}_gap']):.1f}" == gap
