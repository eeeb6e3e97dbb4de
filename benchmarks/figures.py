"""Figures of every problem and what all figures share, drawn without global state: same input, same bytes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from .tables import criteria_of, format_gap, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes

P = ParamSpec("P")

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Palette of Okabe and Ito, which readers with any colour vision can tell apart; yellow is left out (too pale)."""

MARKERS = "osD^vPX"

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,
}

DOTS_PER_INCH = 144

UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Metadata that matplotlib would write, taken out."""


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with our style on matplotlib's defaults, whatever the user's own settings are, and leave those alone."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(_settings()):
            return draw(*args, **kwargs)

    return drawn


def _settings() -> Any:
    defaults: dict[str, Any] = {
        key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")
    }
    return defaults | STYLE


def save_figure(
    figure: Figure, folder: str | Path, stem: str, *, endings: Sequence[str] = ("png", "pdf")
) -> list[Path]:
    """Write a figure, without dates, so that the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to write.
    folder : path
        Where to; made if it is missing.
    stem : str
        Name of the files, made safe by :func:`commonwatt.benchmarks.tables.slug`.
    endings : sequence of {"png", "pdf"}
        Which files.

    Returns
    -------
    list of pathlib.Path
        The files, in the order of ``endings``.
    """
    base = Path(folder) / slug(stem)
    base.parent.mkdir(parents=True, exist_ok=True)
    paths = [base.with_name(f"{base.name}.{ending}") for ending in endings]
    with matplotlib.rc_context(_settings()):
        for path, ending in zip(paths, endings, strict=True):
            figure.savefig(path, format=ending, dpi=DOTS_PER_INCH, metadata=UNDATED[ending])
    return paths


def label(text: str, longest: int = 44) -> str:
    """A text as matplotlib prints it literally: no mathematics, no line breaks, no glyph its font lacks.

    Parameters
    ----------
    text : str
        Anything, for example the name of an instance.
    longest : int
        Characters after which it is cut with an ellipsis.

    Returns
    -------
    str
    """
    line = re.sub(r"\s+", " ", text)
    known = "".join(char if ord(char) in _glyphs() else "?" for char in line)
    cut = known if len(known) <= longest else f"{known[: longest - 1]}…"
    return cut.replace("$", r"\$")


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())


def new_figure(width: float, height: float, columns: int = 1, rows: int = 1, **options: Any) -> tuple[Figure, Any]:
    """Make a figure of so many inches and its axes, outside pyplot's registry of figures."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **options)


@styled
def gap_figure(comparisons: Mapping[str, pd.DataFrame], criterion: str, title: str) -> Figure:
    """Gap of every method to the best proved bound, one mark per instance; the smallest mean gap on top.

    Parameters
    ----------
    comparisons : mapping of str to DataFrame
        Instance to comparison.
    criterion : str
        Which gap.
    title : str
        What the criterion is, for readers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    gaps = pd.DataFrame({name: frame.set_index("method")[f"{criterion}_gap"] for name, frame in comparisons.items()})
    gaps = gaps.loc[gaps.notna().any(axis=1)]
    # A method that ran on the easy instances only must not look best.
    rank = pd.DataFrame({"covers": gaps.notna().sum(axis=1), "mean": -gaps.mean(axis=1)})
    gaps = gaps.loc[rank.sort_values(["covers", "mean"], kind="stable").index]
    figure, axes = new_figure(8.0, 1.5 + (0.22 + 0.022 * len(comparisons)) * len(gaps) + 0.11 * len(comparisons))
    rows = np.arange(len(gaps))
    for row in rows[::2]:
        axes.axhspan(row - 0.5, row + 0.5, color="#f3f4f6", linewidth=0)
    # Marks of one row stand a little apart, else exact methods would show a single mark at 0.
    aside = np.linspace(0.3, -0.3, len(comparisons)) if len(comparisons) > 1 else np.zeros(1)
    for number, name in enumerate(gaps.columns):
        axes.plot(
            100 * gaps[name].to_numpy(),
            rows + aside[number],
            linestyle="none",
            marker=MARKERS[(number + number // len(COLOURS)) % len(MARKERS)],
            color=COLOURS[number % len(COLOURS)],
            markersize=5.5,
            label=label(name),
        )
    axes.set_yticks(rows, [label(name) for name in gaps.index])
    axes.set_ylim(-0.5, max(len(gaps), 1) - 0.5)
    axes.margins(x=0.03)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd")
    axes.set_xlabel("gap to the best proved bound (%); 0 is optimal")
    axes.set_title("\n".join(textwrap.wrap(label(title, 130), 66)))
    if len(gaps):
        figure.legend(loc="outside lower center", ncols=2)
    return figure


@styled
def tradeoff_figure(comparison: pd.DataFrame, title: str, names: Mapping[str, str] | None = None) -> Figure:
    """Methods by criteria: how far each is from the best proved bound, in percent.

    Parameters
    ----------
    comparison : pandas.DataFrame
        Of one instance.
    title : str
        For readers.
    names : mapping of str to str, optional
        Criterion to what stands at the top of its column; the criterion itself otherwise.

    Returns
    -------
    matplotlib.figure.Figure
    """
    criteria = criteria_of(comparison)
    gaps = comparison.set_index("method")[[f"{criterion}_gap" for criterion in criteria]]
    gaps = gaps.loc[gaps.notna().any(axis=1)]
    values = gaps.to_numpy(float)
    figure, axes = new_figure(2.6 + 0.85 * len(criteria), 1.5 + 0.3 * len(gaps))
    axes.set_facecolor("#eeeeee")
    # One hue that only darkens with the gap reads the same for any colour vision, and in print.
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(100 * values), cmap="Blues", vmin=0.0, vmax=100.0, edgecolors="white", linewidth=1.0
    )
    for row, column in np.ndindex(*values.shape):
        gap = float(values[row, column])
        text = format_gap(gap).removesuffix(" %")
        colour = "#777777" if np.isnan(gap) else "white" if gap > 0.5 else "black"
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=9, color=colour)
    heads = [label((names or {}).get(name, name).replace("_", " ")) for name in criteria]
    axes.set_xticks(np.arange(len(criteria)) + 0.5, heads, rotation=30, ha="left", rotation_mode="anchor")
    axes.xaxis.tick_top()
    axes.set_yticks(np.arange(len(gaps)) + 0.5, [label(name) for name in gaps.index])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.suptitle(label(title, 80), x=0.01, ha="left", fontsize=11, fontweight="bold")
    bar = figure.colorbar(mesh, ax=axes, pad=0.02, aspect=30)
    bar.set_label("gap (%)")
    bar.outline.set_visible(False)
    return figure


def interval_axis(axes: Axes, edges: np.ndarray) -> None:
    """Label an axis whose places are :func:`interval_edges`: with dates where the intervals have some."""
    if edges[0] > 1.0:
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    else:
        axes.set_xlabel("interval")


def interval_edges(labels: np.ndarray, dt_h: float) -> np.ndarray:
    """Where intervals begin and the last one ends, (T + 1,): in days since 1970 where all are times, else counted."""
    try:
        times = [datetime.fromisoformat(str(text)) for text in labels]
    except ValueError:
        return np.arange(len(labels) + 1.0)
    # Times without a zone count as UTC; what matters here is that all are seen in one zone.
    begins = date2num([one.astimezone(UTC) if one.tzinfo else one.replace(tzinfo=UTC) for one in times])
    return np.append(begins, begins[-1] + dt_h / 24.0)
