"""Suites of allocation: every shipped instance by every method, and the Texas paper."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..instances.allocation import AllocationInstance
from ..models.problem import problem
from .experiment import LAYERS, code_version
from .figures import save_figure
from .figures_allocation import levels_figure, supply_figure, year_figure
from .report import Picture, Section, load_sections, save_sections
from .suite_sections import compare_shipped, comparison_section, overview_section
from .suites import circumstances, say
from .tables import slug

if TYPE_CHECKING:
    from rich.console import Console

DRAWN = ("social_welfare", "swr", "fairness", "fully_served")
"""Criteria whose gaps are drawn over all instances."""

VESSELS = 12
"""Households that fit into a picture of levels."""


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
    shipped, compared = compare_shipped("allocation", out, workers, console)
    instances = {one.meta.name: one for one in shipped if isinstance(one, AllocationInstance)}
    sections = [overview_section(out, problem("allocation"), compared, DRAWN)]
    for name, comparison in compared.items():
        sections.append(comparison_section(out, instances[name], comparison, _over_time(out, instances[name])))
    return [*sections, _interval_section(out, *_telling_interval(list(instances.values())))]


def _over_time(out: Path, instance: AllocationInstance) -> list[Picture]:
    """Deficiency and supply of an instance, where it has more than one interval."""
    if len(instance.interval) == 1:
        return []
    name = instance.meta.name
    asked, supply = instance.deficiency_kwh.sum(), instance.supply_kwh.sum()
    return [
        Picture(
            f"{name}: deficiency and supply, interval by interval.",
            save_figure(year_figure(instance, name), out / "figures", f"{slug(name)}-year")[0],
            f"Deficiency and supply of {name} over time: {asked:.4g} kWh are asked for, {supply:.4g} kWh supplied, "
            f"{instance.deliverable_kwh.sum():.4g} kWh can be shared.",
        )
    ]


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
        say(console, "kouvelas: finished before with the same code and data, kept")
        return load_sections(kept, root=out)[0]
    say(console, "kouvelas: the paper's experiments")
    sections = list(kouvelas.sections(out, progress=lambda what: say(console, f"kouvelas: {what}")))
    save_sections(kept, sections, circumstances(), root=out)
    mark.write_text(key, encoding="utf-8")
    return sections
