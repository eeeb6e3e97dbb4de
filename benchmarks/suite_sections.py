"""Sections that the suites of all problems have: every shipped instance by every method, at a glance and one by one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..instances.record import Instance
from ..instances.shelf import library, load
from ..models.problem import Problem, problem_of
from .compare import broken_claims
from .experiment import Experiment, comparisons
from .figures import gap_figure, save_figure, tradeoff_figure
from .report import Picture, Section, Table
from .suites import BROKEN, say, watched
from .tables import comparison_view, gap_summary, legend, readable, slug, summary_view, write_table

if TYPE_CHECKING:
    from rich.console import Console

SEEDS = (0, 1, 2)
"""Seeds of methods that draw; their rows are means over these."""


def written_table(out: Path, stem: str, frame: pd.DataFrame, caption: str, note: str = "") -> Table:
    """Write a table, and have it for a section.

    Parameters
    ----------
    out : path
        Folder of results.
    stem : str
        Name of its files.
    frame : pandas.DataFrame
        The numbers.
    caption, note : str
        What stands above and below.

    Returns
    -------
    Table
        As it is read; the files hold the numbers in full.
    """
    write_table(frame, out / "tables", stem, caption=caption, note=note)
    return Table(caption, readable(frame), note)


def compare_shipped(
    problem: str, out: Path, workers: int, console: Console, seeds: Sequence[int] = SEEDS
) -> tuple[list[Instance], dict[str, pd.DataFrame]]:
    """Run every method on every shipped instance of a problem; finished runs are kept.

    Parameters
    ----------
    problem : str
        Name of the problem.
    out : path
        Folder of results; runs are kept in ``experiments/<problem>`` below it.
    workers : int
        Processes.
    console : rich.console.Console
        Where progress is shown.
    seeds : sequence of int
        Of methods that draw.

    Returns
    -------
    instances : list of Instance
    comparisons : dict of str to DataFrame
        Name of the instance to its comparison.

    Raises
    ------
    ValueError
        If no instance of the problem is shipped.
    """
    shelf = library()
    instances = [load(name) for name in shelf.loc[shelf["problem"] == problem, "name"]]
    if not instances:
        raise ValueError(f"no {problem} instance is shipped with this installation")
    experiment = Experiment(instances, seeds=seeds)
    with watched(console, problem) as progress:
        runs = experiment.run(out / "experiments" / problem, workers=workers, progress=progress)
    say(console, f"{problem}: tables and figures")
    return instances, comparisons(experiment, runs)


def overview_section(
    out: Path,
    found: Problem,
    compared: Mapping[str, pd.DataFrame],
    drawn: Sequence[str],
    seeds: Sequence[int] = SEEDS,
) -> Section:
    """All instances of a problem at a glance: gaps of every method, the criteria, and claims that are broken.

    Parameters
    ----------
    out : path
        Folder of results.
    found : Problem
        The problem.
    compared : mapping of str to DataFrame
        Name of each instance to its comparison.
    drawn : sequence of str
        Criteria whose gaps are drawn.
    seeds : sequence of int
        With which methods that draw were run.

    Returns
    -------
    Section
    """
    summary = gap_summary(compared)
    view = summary_view(summary)
    caption = f"Gap to the best proved bound: mean (worst) over {len(compared)} instances"
    note = f"Where a cell ends in [k of m], only k of m instances have a gap. {legend(view)}"
    command = f"commonwatt tables --suite {found.family}"
    write_table(summary, out / "tables", f"{found.name}-summary", caption=caption, note=note, view=view)
    criteria = pd.DataFrame(
        [{"criterion": c.name, "what": c.title, "better": c.sense, "unit": c.unit} for c in found.criteria]
    )
    write_table(criteria, out / "tables", f"{found.name}-criteria", caption="Criteria")
    figures = []
    for name in drawn:
        title = f"{name}: {found.criterion(name).title}"
        paths = save_figure(gap_figure(compared, name, title), out / "figures", f"{found.name}-gap-{name}")
        alt = f"Dot chart of the gap of every method on every instance by {name}. {_best_and_worst(summary, name)}"
        figures.append(Picture(f"Gap of every method on every instance. {title}.", paths[0], alt))
    tables = [
        Table(caption, view, note, command),
        Table("Criteria", criteria, command=f"commonwatt list criteria --problem {found.name}"),
    ]
    broken = [(name, claim) for name, comparison in compared.items() for claim in broken_claims(comparison)]
    if broken:
        tables.insert(0, Table(BROKEN, pd.DataFrame(broken, columns=["instance", "claim"]), command=command))
    return Section(
        f"{_heading(found)}: all instances", _verdict(compared, len(broken), seeds), tables, figures, command
    )


def _heading(found: Problem) -> str:
    """Name of a problem as headings begin with it."""
    return found.name.replace("_", " ").replace(".", ", ").capitalize()


def _verdict(compared: Mapping[str, pd.DataFrame], broken: int, seeds: Sequence[int]) -> str:
    """How the numbers were made, and whether anything is wrong with them."""
    rows = pd.concat(list(compared.values()), ignore_index=True)
    claims = f"Broken claims: {broken}; see the table." if broken else "Every claim is kept on every instance."
    drawn = f"seed {seeds[0]}"
    if len(seeds) > 1:
        drawn = f"seeds {', '.join(map(str, seeds))} and stand with their mean"
    return (
        f"{rows['method'].nunique()} methods on {len(compared)} instances. Methods that draw are run with {drawn}. "
        "A bound is proved by weak duality from prices that any of the methods proposed, or by a solver's tree; no "
        f"method certifies itself.\n\n{claims}"
    )


def _best_and_worst(summary: pd.DataFrame, criterion: str) -> str:
    ranked = summary[["method", f"{criterion}_gap"]].dropna().sort_values(f"{criterion}_gap", kind="stable")
    if ranked.empty:
        return "No method has a gap."
    (low, least), (high, most) = ranked.iloc[0], ranked.iloc[-1]
    return f"Smallest mean gap: {low}, {100 * least:.1f} %. Largest: {high}, {100 * most:.1f} %."


def comparison_section(
    out: Path,
    instance: Instance,
    comparison: pd.DataFrame,
    figures: Sequence[Picture] = (),
    seeds: Sequence[int] = SEEDS,
) -> Section:
    """One instance: what it is, every method by every criterion, and the pictures that its family adds.

    Parameters
    ----------
    out : path
        Folder of results.
    instance : Instance
        What was given.
    comparison : pandas.DataFrame
        Of all methods on it.
    figures : sequence of Picture
        What else is to be seen.
    seeds : sequence of int
        With which methods that draw were run.

    Returns
    -------
    Section
    """
    name = instance.meta.name
    stem = slug(name)
    view = comparison_view(comparison)
    caption = f"{name}: value and gap of every method by every criterion"
    write_table(comparison, out / "tables", stem, caption=caption, note=legend(view), view=view)
    tradeoff = Picture(
        f"{name}: distance of every method from the best proved bound of every criterion (%).",
        save_figure(tradeoff_figure(comparison, name), out / "figures", f"{stem}-criteria")[0],
        f"Heat map of methods by criteria on {name}; its numbers are the gaps in the table above.",
    )
    sizes = ", ".join(f"{size} {axis}{'' if size == 1 else 's'}" for axis, size in instance.sizes.items())
    about = [instance.meta.title, instance.meta.description, f"Size: {sizes}. Content {instance.content_hash[:12]}."]
    command = f"commonwatt compare {shlex.quote(name)} --seeds {len(seeds)}"
    tables = [Table(caption, view, legend(view), command)]
    text = "\n\n".join(part for part in about if part)
    return Section(f"{_heading(problem_of(instance))}: {name}", text, tables, [tradeoff, *figures], command)
