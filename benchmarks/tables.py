"""Tables that people read: readable numbers, comparisons with value and gap in one cell, and the files they go to."""

from __future__ import annotations

import hashlib
import math
import numbers
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ..solvers.solution import GAP_TOLERANCE
from .markup import BEST, DASH, to_latex, to_markdown

PROVED, UNPROVED, CONFLICT = "†", "§", "‡"

EXPLANATIONS = {
    BEST.strip(): "Bold or ★: best of the methods that keep all rules.",
    PROVED: "†: the method claims to be exact here, and a bound proves it.",
    UNPROVED: "§: the method claims to be exact, but no bound proves it on this instance.",
    CONFLICT: "‡: the value beats a bound that another method proved; one of the two is wrong.",
}

Sense = Literal["max", "min"]


def slug(name: str) -> str:
    """A file name for any text: letters, digits, dots and dashes; texts that differ keep different names.

    Parameters
    ----------
    name : str
        For example the name of an instance, ``"allocation/texas-443"``.

    Returns
    -------
    str
        ``"allocation-texas-443"``; where characters had to go, a digest of the text tells it from others.
    """
    plain = name.replace("/", "-")
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:80]
    return kept if kept == plain else f"{kept}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".strip("-")


def format_number(value: Any) -> str:
    """A number with four significant digits, whole numbers in full; a dash for none, other things as they are."""
    if value is None or value is pd.NaT or value is pd.NA:
        return DASH
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if not isinstance(value, numbers.Real):
        return str(value)
    number = float(value)
    if math.isnan(number):
        return DASH
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    size = abs(number)
    if size < 1e7 and (size >= 1e3 or number == round(number)):
        return str(round(number))
    return f"{number:#.4g}".rstrip(".") if 1e-4 <= size < 1e3 else f"{number:.3e}"


def format_gap(gap: float) -> str:
    """A relative gap in percent, a dash for none."""
    if math.isnan(gap):
        return DASH
    if abs(gap) <= GAP_TOLERANCE:
        return "0.0 %"
    return f"{100 * gap:.1f} %" if abs(gap) >= 5e-4 else "<0.1 %" if gap > 0 else ">-0.1 %"


def criteria_of(comparison: pd.DataFrame) -> list[str]:
    """Criteria of a comparison: columns that come with their gap and who proved the bound."""
    columns = set(comparison.columns)
    return [c for c in comparison.columns if f"{c}_gap" in columns and f"{c}_bound_by" in columns]


def comparison_view(comparison: pd.DataFrame) -> pd.DataFrame:
    """What a reader wants of a comparison: value and gap in one cell, the bounds on top.

    Parameters
    ----------
    comparison : pandas.DataFrame
        Of :func:`commonwatt.benchmarks.compare.compare` or ``assemble``, which carry the bounds.

    Returns
    -------
    pandas.DataFrame
        Of texts: the rows ``bound`` and ``proved by``, then one row per method. Symbols are explained by
        :func:`legend`.
    """
    criteria = criteria_of(comparison)
    top: list[dict[str, str]] = [{"method": "bound"}, {"method": "proved by"}]
    columns: dict[str, list[str]] = {
        "method": list(comparison["method"]),
        "kind": list(comparison["kind"]),
        "status": list(comparison["status"]),
        "seconds": [DASH if math.isnan(value) else f"{value:.3g}" for value in comparison["seconds"]],
    }
    if (comparison["runs"] > 1).any():
        columns["runs"] = [str(runs) for runs in comparison["runs"]]
    for criterion in criteria:
        columns[criterion] = _criterion_cells(comparison, criterion)
        top[0][criterion] = format_number(comparison.attrs.get("bounds", {}).get(criterion, math.nan))
        top[1][criterion] = next((by for by in comparison[f"{criterion}_bound_by"] if by), DASH)
    remarks = [
        "; ".join(part for part in (conflict, reason) if part)
        for conflict, reason in zip(comparison["conflict"], comparison["reason"], strict=True)
    ]
    if any(remarks):
        columns["remark"] = remarks
    return pd.concat([pd.DataFrame(top), pd.DataFrame(columns)], ignore_index=True)[list(columns)].fillna("")


def _criterion_cells(comparison: pd.DataFrame, criterion: str) -> list[str]:
    gaps = comparison[f"{criterion}_gap"]
    least = gaps.min()
    cells = []
    for value, gap, claims in zip(comparison[criterion], gaps, comparison["exact_for"], strict=True):
        if math.isnan(value):
            cells.append(DASH)
            continue
        mark = ""
        if gap < -GAP_TOLERANCE:
            mark = CONFLICT
        elif criterion in str(claims).split():
            mark = PROVED if gap <= GAP_TOLERANCE else UNPROVED
        best = BEST if gap <= least + GAP_TOLERANCE else ""
        cells.append(f"{format_number(value)} ({format_gap(gap)}){mark}{best}")
    return cells


def legend(view: pd.DataFrame) -> str:
    """Explain the symbols that a view uses, and no others."""
    text = "\n".join(str(cell) for column in view.columns for cell in view[column])
    return " ".join(meaning for symbol, meaning in EXPLANATIONS.items() if symbol in text)


def gap_summary(comparisons: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Gaps of each method over instances.

    Parameters
    ----------
    comparisons : mapping of str to DataFrame
        Instance to comparison.

    Returns
    -------
    pandas.DataFrame
        One row per method: ``method``, ``kind`` and, for each criterion ``c``, ``c_gap`` (mean over instances),
        ``c_worst_gap`` and ``c_instances`` (how many have a gap).
    """
    rows = pd.concat(list(comparisons.values()), ignore_index=True)
    criteria = criteria_of(rows)
    summary = []
    for method, group in rows.groupby("method", sort=False):
        row: dict[str, Any] = {"method": method, "kind": group["kind"].iloc[0]}
        for criterion in criteria:
            gaps = group[f"{criterion}_gap"]
            row |= {f"{criterion}_gap": gaps.mean(), f"{criterion}_worst_gap": gaps.max()}
            row[f"{criterion}_instances"] = int(gaps.notna().sum())
        summary.append(row)
    return pd.DataFrame(summary)


def summary_view(summary: pd.DataFrame) -> pd.DataFrame:
    """A gap summary with mean and worst gap in one cell; best among those that cover the most instances."""
    shown = summary[["method", "kind"]].copy()
    for column in summary.columns:
        criterion = column.removesuffix("_instances")
        if criterion == column:
            continue
        mean, worst, count = summary[f"{criterion}_gap"], summary[f"{criterion}_worst_gap"], summary[column]
        most = count.max()
        least = mean[count == most].min()
        cells = []
        for average, largest, number in zip(mean, worst, count, strict=True):
            cell = f"{format_gap(average)} ({format_gap(largest)})" if number else DASH
            cell += f" [{number} of {most}]" if 0 < number < most else ""
            cells.append(cell + (BEST if number == most and average <= least + GAP_TOLERANCE else ""))
        shown[criterion] = cells
    return shown


def readable(frame: pd.DataFrame, best: Mapping[str, Sense] | None = None) -> pd.DataFrame:
    """A frame as texts: four significant digits, gaps in percent, dashes for missing numbers.

    Parameters
    ----------
    frame : pandas.DataFrame
        Anything; columns named ``…_gap`` are gaps.
    best : mapping of str to {"max", "min"}, optional
        Columns whose best value is marked.

    Returns
    -------
    pandas.DataFrame
        Of texts, with the same columns.
    """
    shown: dict[Any, list[str]] = {}
    for position, column in enumerate(frame.columns):
        values = list(frame.iloc[:, position])
        is_gap = str(column).endswith("_gap") and pd.api.types.is_numeric_dtype(frame.iloc[:, position])
        cells = [format_gap(float(value)) if is_gap else format_number(value) for value in values]
        if best is not None and column in best:
            known = [value for value in values if pd.notna(value)]
            ideal = (max if best[column] == "max" else min)(known) if known else None
            cells = [cell + BEST if value == ideal else cell for cell, value in zip(cells, values, strict=True)]
        shown[column] = cells
    return pd.DataFrame(shown, columns=frame.columns)


def write_table(
    frame: pd.DataFrame,
    folder: str | Path,
    stem: str,
    *,
    caption: str,
    note: str = "",
    view: pd.DataFrame | None = None,
    best: Mapping[str, Sense] | None = None,
) -> list[Path]:
    """Write a table as Markdown, CSV and LaTeX.

    Parameters
    ----------
    frame : pandas.DataFrame
        The numbers; CSV holds them in full precision.
    folder : path
        Where to; made if it is missing.
    stem : str
        Name of the files, made safe by :func:`slug`.
    caption, note : str
        What stands above and below.
    view : pandas.DataFrame, optional
        What Markdown and LaTeX show, for example a :func:`comparison_view`; :func:`readable` of the frame otherwise.
    best : mapping of str to {"max", "min"}, optional
        Columns whose best value is bold, where no view is given.

    Returns
    -------
    list of pathlib.Path
        The three files.
    """
    shown = readable(frame, best) if view is None else view
    base = Path(folder) / slug(stem)
    base.parent.mkdir(parents=True, exist_ok=True)
    paths = [base.with_name(f"{base.name}.{ending}") for ending in ("md", "csv", "tex")]
    paths[0].write_text(to_markdown(shown, caption, note), encoding="utf-8", newline="\n")
    frame.to_csv(paths[1], index=False, encoding="utf-8", lineterminator="\n")
    paths[2].write_text(to_latex(shown, caption, note, label=base.name), encoding="utf-8", newline="\n")
    return paths
