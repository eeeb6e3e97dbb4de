"""The frame of benchmark suites: run them and write the report, behind ``commonwatt tables`` and ``make tables``.

What suites of all problems show is in :mod:`.suite_sections`, what only one family shows in ``suites_<family>.py``.
"""

from __future__ import annotations

import importlib
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..instances.errors import ReportedError
from ..solvers.solution import versions
from .experiment import Run, code_version
from .registry import SUITES
from .report import Section, Table, load_sections, save_sections, write_report

if TYPE_CHECKING:
    from rich.console import Console

    Progress = Callable[[Run, int, int], None]
    Suite = Callable[[Path, int, Console], list[Section]]

TITLE = "commonwatt: benchmark report"

BROKEN = "Broken claims"
"""Caption of the table by which a section says that a method does not keep what it claims."""


class SuiteError(ReportedError):
    """A suite failed, or found a broken claim; what was found is written all the same."""


def run(suites: Sequence[str], out: str | Path, *, workers: int = 1, console: Console | None = None) -> Path:
    """Run suites and write their tables, figures and the report.

    Finished runs are kept as they finish and are not repeated when the same command is given again. A suite that fails
    costs neither the results of the others nor its own earlier ones.

    Parameters
    ----------
    suites : sequence of str
        Of :data:`.registry.SUITES`.
    out : path
        Folder of results: ``tables``, ``figures``, ``sections``, ``experiments`` and ``report.html`` go there.
    workers : int
        Processes.
    console : rich.console.Console, optional
        Where progress is shown; standard output otherwise.

    Returns
    -------
    pathlib.Path
        The report.

    Raises
    ------
    ValueError
        For an unknown suite, naming the known ones.
    SuiteError
        If a suite failed or a method broke a claim, after all suites were run and the report was written.
    """
    from rich.console import Console as Terminal

    unknown = [name for name in suites if name not in SUITES]
    if unknown or not suites:
        asked = f"unknown suite {unknown[0]!r}" if unknown else "no suite"
        raise ValueError(f"{asked}; known: {', '.join(SUITES)}")
    screen, folder = console or Terminal(), Path(out)
    failures: dict[str, Exception] = {}
    broken: list[str] = []
    report = folder / "report.html"
    for name in dict.fromkeys(suites):
        try:
            sections = _suite(name)(folder, workers, screen)
            save_sections(folder / "sections" / f"{name}.json", sections, circumstances(), root=folder)
        except Exception as error:  # another suite may well succeed, and what it finds is wanted
            failures[name] = error
            say(screen, f"{name}: failed with {type(error).__name__}: {error}")
        else:
            report = rebuild_report(folder)
            broken += [section.title for section in sections if any(_caption(one) == BROKEN for one in section.tables)]
    for what, where in (("tables", folder / "tables"), ("figures", folder / "figures"), ("report", report)):
        if where.exists():
            say(screen, f"{what}: {where}")
    if failures:
        name, first = next(iter(failures.items()))
        raise SuiteError(f"failed: {', '.join(failures)} ({name}: {type(first).__name__}: {first})") from first
    if broken:
        raise SuiteError(f"claims are broken, see the report: {'; '.join(broken)}")
    return report


def _suite(name: str) -> Suite:
    """The function behind a name of the registry."""
    module, function = SUITES[name]
    found: Suite = getattr(importlib.import_module(f"{__package__}.{module}"), function)
    return found


def _caption(table: Table | tuple[str, pd.DataFrame]) -> str:
    return table.caption if isinstance(table, Table) else table[0]


def rebuild_report(out: str | Path) -> Path:
    """Write ``report.html`` from the sections that suites left, without solving anything.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    pathlib.Path
        The report.

    Raises
    ------
    FileNotFoundError
        If there are no sections yet.
    """
    folder = Path(out)
    kept = {path.stem: path for path in sorted((folder / "sections").glob("*.json"))}
    if not kept:
        raise FileNotFoundError(f"no results in {folder}; run 'commonwatt tables --out {folder}' first")
    order = {name: number for number, name in enumerate(SUITES)}
    sections: list[Section] = []
    meta: dict[str, str] = {}
    for name in sorted(kept, key=lambda name: (order.get(name, len(order)), name)):
        found, circumstances = load_sections(kept[name], root=folder)
        sections += found
        meta[name] = ", ".join(f"{key} {value}" for key, value in circumstances.items())
    return write_report(folder / "report.html", TITLE, sections, meta)


def circumstances() -> dict[str, str]:
    """How and when results were made, for the head of the report."""
    made = {"made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")}
    machine = f"{platform.system()} {platform.machine()} with {os.cpu_count()} cores"
    return made | versions() | {"commonwatt": code_version(), "Python": platform.python_version(), "on": machine}


def say(console: Console, text: str) -> None:
    """Print a line as it is, whatever a console would otherwise read into it."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def watched(console: Console, what: str) -> Iterator[Progress]:
    """Show runs as they finish: a bar on a terminal, plain lines elsewhere."""
    started = time.monotonic()
    if not console.is_terminal:

        def tell(done: Run, finished: int, total: int) -> None:
            elapsed = time.monotonic() - started
            say(console, f"{what} [{finished}/{total}] {_described(done)} ({elapsed:.0f} s)")

        yield tell
        return
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    shown = TextColumn("{task.description}")
    with Progress(
        SpinnerColumn(), MofNCompleteColumn(), BarColumn(30), TimeElapsedColumn(), shown, console=console
    ) as bar:
        task = bar.add_task(escape(what), total=None)

        def advance(done: Run, finished: int, total: int) -> None:
            bar.update(task, completed=finished, total=total, description=escape(f"{what}: {_described(done)}"))

        yield advance


def _described(done: Run) -> str:
    seed = f", seed {done.seed}" if done.call.method.takes("seed") else ""
    return f"{done.instance.meta.name} by {done.call.label}{seed}"
