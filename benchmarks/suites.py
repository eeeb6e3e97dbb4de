"""Suites of benchmarks: solve, tabulate, draw and report, behind ``commonwatt tables`` and ``make tables``."""

from __future__ import annotations

import os
import platform
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..instances.allocation import AllocationInstance
from ..instances.errors import ReportedError
from ..instances.shelf import library, load
from ..models.problem import Problem, problem
from ..solvers.solution import versions
from .compare import broken_claims
from .experiment import LAYERS, Experiment, Run, code_version, comparisons
from .figures import gap_figure, levels_figure, save_figure, supply_figure, tradeoff_figure, year_figure
from .report import Picture, Section, Table, load_sections, save_sections, write_report
from .tables import comparison_view, gap_summary, legend, slug, summary_view, write_table

if TYPE_CHECKING:
    from rich.console import Console

    Progress = Callable[[Run, int, int], None]

SEEDS = (0, 1, 2)
"""Seeds of methods that draw; their rows are means over these."""

DRAWN = ("social_welfare", "swr", "fairness", "fully_served")
"""Criteria whose gaps are drawn over all instances."""

VESSELS = 12
"""Households that fit into a picture of levels."""

TITLE = "commonwatt: benchmark report"
BROKEN = "Broken claims"


class SuiteError(ReportedError):
    """A suite failed, or found a broken claim; what was found is written all the same."""


def run(suites: Sequence[str], out: str | Path, *, workers: int = 1, console: Console | None = None) -> Path:
    """Run suites and write their tables, figures and the report.

    Finished runs are kept as they finish and are not repeated when the same command is given again. A suite that fails
    costs neither the results of the others nor its own earlier ones.

    Parameters
    ----------
    suites : sequence of str
        Of :data:`SUITES`.
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
            sections = SUITES[name](folder, workers, screen)
            save_sections(folder / "sections" / f"{name}.json", sections, _circumstances(), root=folder)
        except Exception as error:  # another suite may well succeed, and what it finds is wanted
            failures[name] = error
            _say(screen, f"{name}: failed with {type(error).__name__}: {error}")
        else:
            report = rebuild_report(folder)
            broken += [section.title for section in sections if any(_caption(one) == BROKEN for one in section.tables)]
    for what, where in (("tables", folder / "tables"), ("figures", folder / "figures"), ("report", report)):
        if where.exists():
            _say(screen, f"{what}: {where}")
    if failures:
        name, first = next(iter(failures.items()))
        raise SuiteError(f"failed: {', '.join(failures)} ({name}: {type(first).__name__}: {first})") from first
    if broken:
        raise SuiteError(f"claims are broken, see the report: {'; '.join(broken)}")
    return report


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


def _circumstances() -> dict[str, str]:
    """How and when results were made, for the head of the report."""
    made = {"made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")}
    machine = f"{platform.system()} {platform.machine()} with {os.cpu_count()} cores"
    return made | versions() | {"commonwatt": code_version(), "Python": platform.python_version(), "on": machine}


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _watched(console: Console, what: str) -> Iterator[Progress]:
    """Show runs as they finish: a bar on a terminal, plain lines elsewhere."""
    started = time.monotonic()
    if not console.is_terminal:

        def tell(done: Run, finished: int, total: int) -> None:
            elapsed = time.monotonic() - started
            _say(console, f"{what} [{finished}/{total}] {_described(done)} ({elapsed:.0f} s)")

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


def allocation_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Every shipped allocation instance by every method: comparisons, gaps, trade-offs and what the optima look like.

    Parameters
    ----------
    out : path
        Folder of results.
    workers : int
        Processes.
    console : rich.console.Console
        Where progress is shown.

    Returns
    -------
    list of Section
    """
    shelf = library()
    loaded = [load(name) for name in shelf.loc[shelf["problem"] == "allocation", "name"]]
    instances = [one for one in loaded if isinstance(one, AllocationInstance)]
    if not instances:
        raise ValueError("no allocation instance is shipped with this installation")
    experiment = Experiment(instances, seeds=SEEDS)
    with _watched(console, "allocation") as progress:
        runs = experiment.run(out / "experiments" / "allocation", workers=workers, progress=progress)
    _say(console, "allocation: tables and figures")
    compared = comparisons(experiment, runs)
    found = problem("allocation")
    by_name = {instance.meta.name: instance for instance in instances}
    sections = [_overview(out, found, compared)]
    for name, comparison in compared.items():
        instance = by_name[name]
        sections.append(_instance_section(out, instance, comparison))
    return [*sections, _interval_section(out, *_telling_interval(instances))]


def _overview(out: Path, found: Problem, compared: Mapping[str, pd.DataFrame]) -> Section:
    summary = gap_summary(compared)
    view = summary_view(summary)
    caption = f"Gap to the best proved bound: mean (worst) over {len(compared)} instances"
    note = f"Where a cell ends in [k of m], only k of m instances have a gap. {legend(view)}"
    command = "commonwatt tables --suite allocation"
    write_table(summary, out / "tables", "allocation-summary", caption=caption, note=note, view=view)
    criteria = pd.DataFrame(
        [{"criterion": c.name, "what": c.title, "better": c.sense, "unit": c.unit} for c in found.criteria]
    )
    write_table(criteria, out / "tables", "allocation-criteria", caption="Criteria")
    figures = []
    for name in DRAWN:
        title = f"{name}: {found.criterion(name).title}"
        paths = save_figure(gap_figure(compared, name, title), out / "figures", f"allocation-gap-{name}")
        alt = f"Dot chart of the gap of every method on every instance by {name}. {_best_and_worst(summary, name)}"
        figures.append(Picture(f"Gap of every method on every instance. {title}.", paths[0], alt))
    tables = [Table(caption, view, note, command), Table("Criteria", criteria, command="commonwatt list criteria")]
    broken = [(name, claim) for name, comparison in compared.items() for claim in broken_claims(comparison)]
    if broken:
        tables.insert(0, Table(BROKEN, pd.DataFrame(broken, columns=["instance", "claim"]), command=command))
    return Section("Allocation: all instances", _verdict(compared, len(broken)), tables, figures, command)


def _verdict(compared: Mapping[str, pd.DataFrame], broken: int) -> str:
    """How the numbers were made, and whether anything is wrong with them."""
    rows = pd.concat(list(compared.values()), ignore_index=True)
    claims = f"Broken claims: {broken}; see the table." if broken else "Every claim is kept on every instance."
    return (
        f"{rows['method'].nunique()} methods on {len(compared)} instances. Methods that draw are run with seeds "
        f"{', '.join(map(str, SEEDS))} and stand with their mean. A bound is proved by weak duality from prices that "
        f"any of the methods proposed, or by a solver's tree; no method certifies itself.\n\n{claims}"
    )


def _best_and_worst(summary: pd.DataFrame, criterion: str) -> str:
    ranked = summary[["method", f"{criterion}_gap"]].dropna().sort_values(f"{criterion}_gap", kind="stable")
    if ranked.empty:
        return "No method has a gap."
    (low, least), (high, most) = ranked.iloc[0], ranked.iloc[-1]
    return f"Smallest mean gap: {low}, {100 * least:.1f} %. Largest: {high}, {100 * most:.1f} %."


def _instance_section(out: Path, instance: AllocationInstance, comparison: pd.DataFrame) -> Section:
    name = instance.meta.name
    stem = slug(name)
    view = comparison_view(comparison)
    caption = f"{name}: value and gap of every method by every criterion"
    write_table(comparison, out / "tables", stem, caption=caption, note=legend(view), view=view)
    figures = [
        Picture(
            f"{name}: distance of every method from the best proved bound of every criterion (%).",
            save_figure(tradeoff_figure(comparison, name), out / "figures", f"{stem}-criteria")[0],
            f"Heat map of methods by criteria on {name}; its numbers are the gaps in the table above.",
        )
    ]
    if len(instance.interval) > 1:
        asked, supply = instance.deficiency_kwh.sum(), instance.supply_kwh.sum()
        figures.append(
            Picture(
                f"{name}: deficiency and supply, interval by interval.",
                save_figure(year_figure(instance, name), out / "figures", f"{stem}-year")[0],
                f"Deficiency and supply of {name} over time: {asked:.4g} kWh are asked for, {supply:.4g} kWh supplied, "
                f"{instance.deliverable_kwh.sum():.4g} kWh can be shared.",
            )
        )
    sizes = ", ".join(f"{size} {axis}{'' if size == 1 else 's'}" for axis, size in instance.sizes.items())
    about = [instance.meta.title, instance.meta.description, f"Size: {sizes}. Content {instance.content_hash[:12]}."]
    command = f"commonwatt compare {shlex.quote(name)} --seeds {len(SEEDS)}"
    tables = [Table(caption, view, legend(view), command)]
    return Section(f"Allocation: {name}", "\n\n".join(part for part in about if part), tables, figures, command)


def _telling_interval(instances: Sequence[AllocationInstance]) -> tuple[AllocationInstance, int]:
    """An interval that shows most: supply covers about half of what is asked, and those who ask fit in a picture."""

    def rank(instance: AllocationInstance, t: int) -> tuple[bool, float]:
        needs = instance.requested_kwh[t]
        heights = needs[needs > 0] / instance.weight[needs > 0]
        fits = heights.size <= VESSELS and np.unique(heights).size >= 3
        return not fits, abs(_covered(instance)[t] - 0.5)

    return min(((one, t) for one in instances for t in range(len(one.interval))), key=lambda pair: rank(*pair))


def _covered(instance: AllocationInstance) -> np.ndarray:
    """Share of what is asked that supply could cover, (T,); infinite where nobody asks."""
    asked = instance.requested_kwh.sum(axis=1)
    return np.divide(instance.available_kwh, asked, out=np.full(len(asked), np.inf), where=asked > 0)


def _interval_section(out: Path, instance: AllocationInstance, t: int) -> Section:
    """How the two optimal strategies share one interval, and what supply is worth under each strategy."""
    needs, weight = instance.requested_kwh[t], instance.weight
    title = "Allocation: one interval in detail"
    asking = np.flatnonzero(needs > 0)
    if asking.size == 0:
        return Section(title, f"Nobody asks for energy in {instance.meta.name}.")
    ranked = asking[np.argsort(needs[asking] / weight[asking], kind="stable")]
    shown = np.sort(ranked[np.unique(np.linspace(0, ranked.size - 1, min(VESSELS, ranked.size)).round().astype(int))])
    share = float(min(_covered(instance)[t], 1.0))
    where = f"{instance.meta.name}, {instance.interval[t]}"
    text = f"{where}: supply covers {100 * share:.0f} % of what is asked."
    if shown.size < asking.size:
        text += f" The picture shows {shown.size} of {asking.size} households, with supply scaled to the same share."
    names = [str(instance.household[k]) for k in shown]
    levels = levels_figure(needs[shown], weight[shown], share * float(needs[shown].sum()), names, where)
    supply = supply_figure(needs, weight, instance.order, f"{where}: what supply is worth")
    figures = [
        Picture(
            "How the two optimal strategies fill needs. Each household is a vessel as wide as its weight; areas "
            "are energies. Game-theoretic raises all at once; water-filling begins at each height H and stops at 2 H.",
            save_figure(levels, out / "figures", "allocation-levels")[0],
            f"Vessels of {shown.size} households filled by the game-theoretic and the water-filling strategy.",
        ),
        Picture(
            "Social welfare against supply in the same interval, relative to all served in full.",
            save_figure(supply, out / "figures", "allocation-supply")[0],
            "Social welfare rises with supply under water-filling, game-theoretic and greedy; water-filling is on top.",
        ),
    ]
    return Section(title, text, (), figures)


def kouvelas_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """The paper's experiments; see :mod:`commonwatt.benchmarks.papers.kouvelas`. Kept while code and data stay."""
    from .papers import kouvelas

    kept, mark = out / "sections" / "kouvelas.json", out / "sections" / "kouvelas.key"
    key = f"{code_version(*LAYERS)} {os.environ.get('COMMONWATT_DATA', '')}"
    if kept.is_file() and mark.is_file() and mark.read_text(encoding="utf-8") == key:
        _say(console, "kouvelas: finished before with the same code and data, kept")
        return load_sections(kept, root=out)[0]
    _say(console, "kouvelas: the paper's experiments")
    sections = list(kouvelas.sections(out, progress=lambda what: _say(console, f"kouvelas: {what}")))
    save_sections(kept, sections, _circumstances(), root=out)
    mark.write_text(key, encoding="utf-8")
    return sections


def speed_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Times of kernels against general solvers; see :mod:`commonwatt.benchmarks.speed_allocation`."""
    from . import speed_allocation

    _say(console, "speed: measuring kernels and solvers; this takes minutes")
    frame = speed_allocation.measure(quick=False, progress=lambda task: _say(console, f"speed: {task}"))
    caption = "Times of the allocation kernels against other ways to the same answer"
    write_table(frame, out / "tables", "speed-allocation", caption=caption)
    text = (
        "Median seconds of each way to the same answer, measured in one run on one machine; the ratios compare them "
        "with sorting and copying the same numbers and the quickest kernel, so that they say something elsewhere too."
    )
    return [Section("Speed: allocation", text, [Table(caption, frame)], (), "commonwatt tables --suite speed")]


SUITES: dict[str, Callable[[Path, int, Console], list[Section]]] = {
    "allocation": allocation_suite,
    "kouvelas": kouvelas_suite,
    "speed": speed_suite,
}
"""Suites by name, in the order of the report."""

DEFAULT_SUITES = ("allocation", "kouvelas")
"""What runs when nothing is named: all but the suite that takes minutes."""
