"""Figures of allocation: how strategies fill needs, what supply is worth, and a community over its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from ..instances.allocation import AllocationInstance
from .figures import COLOURS, interval_axis, interval_edges, label, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def levels_figure(
    deficiency_kwh: np.ndarray, weight: np.ndarray, supply_kwh: float, names: Sequence[str], title: str
) -> Figure:
    """The two optimal strategies in one interval as vessels of width w and height H = E / w, as in Fig. 2 of the paper.

    Parameters
    ----------
    deficiency_kwh, weight : (n,) arrays
        Of those who ask for something (kWh, 1), weights positive.
    supply_kwh : float
        Energy to share.
    names : sequence of str
        Of the households.
    title : str
        For readers.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Where a deficiency or a weight is not positive.
    """
    from ..solvers.kernels import water_filling, weighted_max_min

    deficiency, width = np.asarray(deficiency_kwh, float), np.asarray(weight, float)
    if not ((deficiency > 0) & (width > 0)).all():
        raise ValueError("every household in the picture needs a positive deficiency and a positive weight")
    order = np.argsort(deficiency / width, kind="stable")
    deficiency, width = deficiency[order], width[order]
    height, left = deficiency / width, np.concatenate([[0.0], np.cumsum(width)[:-1]])
    figure, pair = new_figure(9.0, 4.2, columns=2)
    max_min, t = weighted_max_min(deficiency, width, supply_kwh, return_level=True)
    filling, level = water_filling(deficiency, width, supply_kwh, return_level=True)
    _vessels(pair[0], left, width, np.zeros_like(height), height, max_min / width, float(t))
    _vessels(pair[1], left, width, height, height, filling / width, float(level))
    pair[0].set_title("Game-theoretic: all rise together")
    pair[1].set_title("Water-filling: the lowest H first")
    below = [label(names[k], 16) for k in order]
    turned: dict[str, Any] = {"rotation": 60, "ha": "right", "rotation_mode": "anchor", "fontsize": 8}
    for axes in pair:
        axes.set_xticks(left + width / 2, below, **(turned if max(map(len, below)) > 4 else {}))
        axes.tick_params(axis="x", length=0)
        axes.set_xlabel("households, as wide as their weight w")
        axes.set_ylabel("height H = deficiency / weight (kWh)")
        axes.set_xlim(0.0, left[-1] + width[-1])
    figure.suptitle(label(title, 100), x=0.01, ha="left", fontsize=11, fontweight="bold")
    figure.legend(*pair[1].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _vessels(
    axes: Axes, left: np.ndarray, width: np.ndarray, base: np.ndarray, cap: np.ndarray, rise: np.ndarray, level: float
) -> None:
    """Draw vessels that stand on ``base``, hold ``cap`` and are filled by ``rise``; areas are energies."""
    options: dict[str, Any] = {"width": width, "align": "edge"}
    if base.any():
        axes.bar(left, base, color="#d9d9d9", edgecolor="white", label="H, on which the service begins", **options)
    axes.bar(left, rise, bottom=base, color=COLOURS[5], label="energy received", **options)
    axes.bar(left, cap, bottom=base, fill=False, edgecolor="#333333", linewidth=1.0, label="deficiency", **options)
    if np.isfinite(level):
        axes.axhline(level, color=COLOURS[1], linewidth=1.8, linestyle=(0, (5, 2)), label="common level")
    axes.set_ylim(0.0, 1.05 * float((base + cap).max()))


@styled
def supply_figure(deficiency_kwh: np.ndarray, weight: np.ndarray, order: np.ndarray, title: str) -> Figure:
    """Social welfare of one interval against the supply, from nothing to all that is asked.

    Parameters
    ----------
    deficiency_kwh, weight : (n,) arrays
        Needs (kWh) and weights.
    order : (n,) array of int
        The service sequence of the greedy strategy.
    title : str
        For readers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from ..solvers.heuristics.allocation import greedy_pairs
    from ..solvers.kernels import supply_path

    asked = np.where(np.asarray(weight) > 0, deficiency_kwh, 0.0)
    supply = np.linspace(0.0, 1.0, 201) * asked.sum()
    needs = np.tile(asked, (len(supply), 1))
    # One household that only gives stands for the pool: greedy knows no other source than prosumers.
    giver = np.zeros((len(supply), len(asked) + 1))
    giver[:, -1] = supply
    greedy = greedy_pairs(
        np.column_stack([needs, np.zeros(len(supply))]), giver, np.append(weight, 1.0), np.append(order, len(asked))
    )
    curves = {
        "water-filling (optimal)": supply_path(asked, weight, "water_filling").allocation(supply),
        "game-theoretic": supply_path(asked, weight, "weighted_max_min").allocation(supply),
        "greedy": greedy.allocated_kwh[:, :-1],
    }
    counted = asked > 0
    best = float(np.asarray(weight)[counted].sum()) or 1.0
    figure, axes = new_figure(7.2, 4.2)
    for number, (name, given) in enumerate(curves.items()):
        share = np.divide(given, asked, out=np.zeros_like(given), where=counted)
        welfare = (weight * np.log2(1.0 + share)).sum(axis=1) / best
        axes.plot(supply, 100 * welfare, color=COLOURS[number], linestyle=("-", "--", "-.")[number], label=name)
    axes.set_xlabel("supply (kWh)")
    axes.set_ylabel("social welfare (% of all served in full)")
    axes.set_title(label(title, 80))
    axes.grid(color="#e6e6e6")
    axes.margins(x=0.0)
    axes.set_ylim(0.0, 103.0)
    axes.legend(loc="lower right")
    return figure


@styled
def year_figure(instance: AllocationInstance, title: str) -> Figure:
    """Deficiency and supply of a community, interval by interval, and what of it can be shared.

    Parameters
    ----------
    instance : AllocationInstance
        The community.
    title : str
        For readers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    edges = interval_edges(instance.interval, instance.dt_h)
    asked, supply = instance.deficiency_kwh.sum(axis=1), instance.supply_kwh
    unit, scale = ("MWh", 1e-3) if max(asked.max(), supply.max()) >= 1e4 else ("kWh", 1.0)
    figure, axes = new_figure(8.0, 3.8)
    axes.stairs(scale * instance.deliverable_kwh, edges, fill=True, color="#bfe0f5", label="can be shared")
    axes.stairs(scale * asked, edges, color=COLOURS[1], linewidth=1.6, label="deficiency")
    axes.stairs(
        scale * supply, edges, color=COLOURS[0], linewidth=1.6, linestyle=(0, (4, 1.5)), label="supply (excess)"
    )
    interval_axis(axes, edges)
    axes.set_ylabel(f"{unit} per interval of {instance.dt_h:g} h")
    axes.set_ylim(bottom=0.0)
    axes.margins(x=0.01)
    axes.grid(color="#e6e6e6")
    axes.set_title(label(title, 80))
    figure.legend(loc="outside lower center", ncols=3)
    return figure
