"""Counterparts of Figures 3 to 6 of the Texas paper; every number in them comes from the experiment's result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from ..figures import COLOURS, STYLE, new_figure
from .kouvelas_experiment import STRATEGIES, WINDOW, pick
from .kouvelas_judges import Characterisation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHORT = {
    "random": "random",
    "greedy": "greedy",
    "round_robin": "round-robin",
    "weighted": "weighted",
    "game_theoretic": "GT",
    "water_filling": "WF",
}
POLICY = {
    "high_deficiency": "high\ndeficiency",
    "low_deficiency": "low\ndeficiency",
    "large_size": "large\nsize",
    "small_size": "small\nsize",
    "random": "random",
}
COLOUR = dict(zip(STRATEGIES, COLOURS, strict=False))
SHADES = ("#08519c", "#6baed6", "#c6dbef")
"""Groups of a policy, the prioritised one darkest: light and dark differ for any colour vision and in print."""

SEQUENTIAL = ("random", "greedy", "round_robin", "water_filling", "game_theoretic")


def figure3(found: Characterisation) -> Figure:
    """Temporal membership by cluster, and adaptability by move between neighbouring clusters (Figure 3).

    Parameters
    ----------
    found : Characterisation
        Clusters of weekly consumption.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names, count = found.clustering.names, found.clustering.n_clusters
    with matplotlib.rc_context(STYLE):
        figure, (left, right) = _pair()
        kw = found.clustering.centroids
        _strips(left, list(found.membership.T), [f"{n}\n{k:.2f} kW" for n, k in zip(names, kw, strict=True)])
        left.set_title("Membership")
        left.set_xlabel("cluster and its centroid")
        left.set_ylabel("$θ_m$: share of the year")
        moved = found.adaptability.sum(axis=(1, 2)) > 0
        moves, ticks = [], []
        for low in range(count - 1):
            for origin, target in ((low + 1, low), (low, low + 1)):
                moves.append(found.adaptability[moved, origin, target])
                ticks.append(f"{names[origin]}→{names[target]}")
        apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) > 1
        moves.append(found.adaptability[moved][:, apart].sum(axis=1))
        _strips(right, moves, [*ticks, "others"])
        right.set_title("Adaptability")
        right.set_xlabel("move between clusters; others: between no neighbours")
        right.set_ylabel("$θ_t$: share of a household's moves")
    return figure


def figure4(results: pd.DataFrame) -> Figure:
    """SR of the target groups under greedy and round-robin, over three months of four weeks (Figure 4).

    Parameters
    ----------
    results : DataFrame
        From :func:`.kouvelas_experiment.experiment`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = pick(results, "sr", "month", "group")
    policies = [policy for policy in POLICY if policy != "random" and policy in set(rows["policy"])]
    with matplotlib.rc_context(STYLE):
        figure, both = _pair(sharey=True)
        for axes, strategy in zip(both, ("greedy", "round_robin"), strict=True):
            for place, policy in enumerate(policies):
                own = rows[(rows["policy"] == policy) & (rows["strategy"] == strategy)]
                for number, (_, group) in enumerate(own.groupby("group", sort=False)):
                    x = place + 0.27 * (number - 1)
                    axes.bar(x, group["value"].mean(), width=0.25, color=SHADES[number % len(SHADES)])
                    axes.plot(x + np.linspace(-0.07, 0.07, len(group)), group["value"], "k.", markersize=4)
            _ticks(axes, [POLICY[policy] for policy in policies])
            axes.set_title(SHORT[strategy].capitalize())
            axes.set_ylim(0.0, 1.02)
        both[0].set_ylabel("SR of the group")
        handles = [Patch(color=c, label=t) for c, t in zip(SHADES, ("first third", "second", "last"), strict=True)]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, title="by priority; dots: single months")
    return figure


def figure5(results: pd.DataFrame) -> Figure:
    """PBR week by week, and UR as it grows, over weeks 38 to 49; bands run over policies (Figure 5).

    Parameters
    ----------
    results : DataFrame
        From :func:`.kouvelas_experiment.experiment`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with matplotlib.rc_context(STYLE):
        figure, (left, right) = _pair()
        for axes, metric, span in ((left, "pbr", "week"), (right, "ur", "since")):
            rows = pick(results, metric, span)
            rows = rows[rows["period"].between(*WINDOW)]
            for number, name in enumerate(strategy for strategy in SEQUENTIAL if strategy in set(rows["strategy"])):
                values = rows[rows["strategy"] == name].groupby("period")["value"]
                mean, low, high = values.mean(), values.min(), values.max()
                axes.fill_between(mean.index, low, high, color=COLOUR[name], alpha=0.13, linewidth=0)
                marker = "osD^v"[number]
                axes.plot(mean.index, mean, color=COLOUR[name], marker=marker, markersize=4.5, label=SHORT[name])
            axes.set_xticks(range(WINDOW[0], WINDOW[1] + 1))
            axes.set_xlabel("week")
            axes.set_ylim(bottom=0.0)
            axes.grid(axis="y", color="#e6e6e6")
        left.set_title("PBR (lower is better)")
        left.set_ylabel("consumers served nothing per prosumer")
        right.set_title("UR since week 38")
        right.set_ylabel("consumers served at least once")
        figure.legend(
            *left.get_legend_handles_labels(), loc="outside lower center", ncols=5, title="mean; band: all policies"
        )
    return figure


def figure6(results: pd.DataFrame) -> Figure:
    """SWR of the year by policy and strategy, and of groups of households under GT and WF (Figure 6).

    Parameters
    ----------
    results : DataFrame
        From :func:`.kouvelas_experiment.experiment`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = pick(results, "swr")
    homes = pick(results, "swr", "year", "household")
    policies = list(table.index)
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(10.5, 8.0, rows=2, columns=2)
        for spare in axes[0]:
            spare.remove()
        top = figure.add_subplot(axes[0, 0].get_gridspec()[0, :])
        shown = [name for name in STRATEGIES if name in table]
        for number, name in enumerate(shown):
            x = np.arange(len(policies)) + 0.8 * ((number + 0.5) / len(shown) - 0.5)
            top.bar(x, table[name], width=0.72 / len(shown), color=COLOUR[name], label=SHORT[name])
        _ticks(top, [POLICY[policy].replace("\n", " ") for policy in policies])
        top.set_title("(a) Overall")
        top.set_ylabel("SWR of the community")
        top.legend(loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=len(shown))
        for below, name, title in (
            (axes[1, 0], "game_theoretic", "(b) Game-theoretic"),
            (axes[1, 1], "water_filling", "(c) Water-filling"),
        ):
            own = homes[homes["strategy"] == name]
            for place, policy in enumerate(policies):
                groups = own[own["policy"] == policy].groupby("group", sort=True)["value"]
                for number, (_, values) in enumerate(groups):
                    _box(below, values.dropna().to_numpy(), place + 0.27 * (number - 1), SHADES[number % len(SHADES)])
            _ticks(below, [POLICY[policy] for policy in policies])
            below.set_title(title)
            below.set_ylim(-0.02, 1.04)
            below.set_ylabel("SWR of households")
        handles = [Patch(color=c, label=t) for c, t in zip(SHADES, ("first third", "second", "last"), strict=True)]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, title="(b, c) groups by priority")
    return figure


def _pair(**options: Any) -> tuple[Figure, tuple[Axes, Axes]]:
    """Two panels side by side, far enough apart for the label of the right one."""
    figure, both = new_figure(10.5, 4.2, columns=2, **options)
    figure.set_layout_engine("constrained", wspace=0.05)
    return figure, (both[0], both[1])


def _ticks(axes: Axes, texts: Sequence[str]) -> None:
    axes.set_xticks(range(len(texts)), texts)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color="#e6e6e6")


def _box(axes: Axes, values: np.ndarray, x: float, colour: str, width: float = 0.23, *, outliers: bool = True) -> None:
    drawn = axes.boxplot(
        [values],
        positions=[x],
        widths=width,
        patch_artist=True,
        manage_ticks=False,
        showfliers=outliers,
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": "#444444"},
        medianprops={"color": "#D55E00", "linewidth": 1.5},
    )
    drawn["boxes"][0].set_facecolor(colour)


def _strips(axes: Axes, columns: Sequence[np.ndarray], texts: Sequence[str]) -> None:
    """Boxes over the single values, which are spread sideways in a fixed pattern."""
    for place, values in enumerate(columns):
        aside = 0.3 * (np.modf(np.arange(values.size) * 0.6180339887)[0] - 0.5)
        axes.plot(place + aside, values, ".", color="#8c8c8c", markersize=2.5, alpha=0.6, zorder=1)
        if values.size:
            _box(axes, values, place, "none", width=0.5, outliers=False)
    _ticks(axes, texts)
    axes.set_ylim(-0.02, 1.04)
