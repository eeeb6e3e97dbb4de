"""Records as tidy tables and back: one table per combination of index sets, keyed by labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .errors import Fault
from .fields import Spec, specs

if TYPE_CHECKING:
    from .record import Record

LISTED = 100
"""How many faults of one kind in one column are listed one by one."""


def layout(cls: type[Record]) -> dict[str, dict[str, Spec]]:
    """Tables of a record class: name of the table to its columns beyond the key.

    Every own index set has a table, also where nothing but its labels is to be told, since that table fixes the order.
    """
    tables: dict[str, dict[str, Spec]] = {}
    for name, spec in specs(cls).items():
        if spec.kind == "labels":
            tables.setdefault(name, {})
        elif spec.index:
            tables.setdefault(spec.table, {})[name] = spec
    return tables


def key_of(cls: type[Record], table: str) -> tuple[str, ...]:
    """Index sets that form the key of a table."""
    columns = layout(cls)[table]
    return next(iter(columns.values())).index if columns else (table,)


def to_tables(record: Record) -> dict[str, pd.DataFrame]:
    """Tidy tables of a record; see :meth:`Record.tables`."""
    tables = {}
    for table, columns in layout(type(record)).items():
        present = {name: spec for name, spec in columns.items() if getattr(record, name) is not None}
        key = key_of(type(record), table)
        labelled = table in specs(type(record)) and getattr(record, table) is not None
        if not present and not labelled:
            continue
        axes = [record.labels_of(axis) for axis in key]
        if not all(len(labels) for labels in axes):
            continue  # an index set without members has no rows anywhere
        grids = np.meshgrid(*[np.arange(len(labels)) for labels in axes], indexing="ij")
        frame = {
            axis.replace("+", "_state"): labels[grid.ravel()]
            for axis, labels, grid in zip(key, axes, grids, strict=True)
        }
        for name, spec in present.items():
            values = getattr(record, name).ravel()
            frame[name] = record.labels_of(spec.to)[values] if spec.kind == "reference" else values
        tables[table] = pd.DataFrame(frame)
    return tables


def from_tables(
    cls: type[Record], tables: Mapping[str, pd.DataFrame], outer: Mapping[str, np.ndarray], faults: list[Fault]
) -> dict[str, Any]:
    """Arrays and labels of a record from its tables; whatever does not fit is appended to ``faults``.

    Parameters
    ----------
    cls : type
        The record's class.
    tables : mapping of str to DataFrame
        Cells as text (CSV) or typed (Parquet).
    outer : mapping of str to array
        Labels of index sets that another record owns.
    faults : list of Fault
        Receives every fault.

    Returns
    -------
    dict
        Field name to array; what a fault made unreadable is left out.
    """
    declared = layout(cls)
    labels = {axis: np.asarray(found, dtype=object) for axis, found in outer.items()}
    for name, spec in specs(cls).items():
        if spec.kind == "labels":
            if name not in tables and not spec.optional and not spec.empty:
                faults.append(Fault(name, message="the table is missing", remedy=f"list every {name} in it"))
            elif name in tables and name in tables[name]:
                labels[name] = _texts(tables[name][name])
    fields: dict[str, Any] = {name: found for name, found in labels.items() if name not in outer}
    for table, frame in tables.items():
        if table not in declared:
            faults.append(Fault(table, message="is no table of this problem", remedy=f"known: {', '.join(declared)}"))
            continue
        fields.update(_read_table(cls, table, frame, labels, faults))
    for table, columns in declared.items():
        required = [n for n, s in columns.items() if s.default is None and not s.optional and not s.empty]
        if table not in tables and required and table not in specs(cls):
            faults.append(Fault(table, message="the table is missing", remedy=f"it holds {', '.join(required)}"))
    return fields


def _texts(column: pd.Series) -> np.ndarray:
    empty = column.isna().to_numpy()
    return np.array(["" if no else str(cell) for cell, no in zip(column.tolist(), empty, strict=True)], dtype=object)


def _read_table(
    cls: type[Record], table: str, frame: pd.DataFrame, labels: dict[str, np.ndarray], faults: list[Fault]
) -> dict[str, Any]:
    columns = layout(cls)[table]
    axes = key_of(cls, table)
    names = [axis.replace("+", "_state") for axis in axes]
    found: dict[str, Any] = {}
    for name in frame.columns:
        if name not in columns and name not in names:
            known = ", ".join([*names, *columns])
            faults.append(Fault(table, str(name), message="is an unknown column", remedy=f"known: {known}"))
    missing = [name for name in names if name not in frame]
    missing += [n for n, s in columns.items() if n not in frame and s.default is None and not s.optional]
    for name in missing:
        faults.append(Fault(table, name, message="the column is missing", remedy="add it"))
    if any(name not in frame for name in names):
        return found
    place = _places(cls, table, frame, axes, labels, faults)
    if place is None:
        return found
    positions, shape = place
    for name, spec in columns.items():
        if name not in frame:
            continue
        if spec.kind == "choices":
            cells: np.ndarray | None = _texts(frame[name])
        elif spec.kind == "reference":
            cells = _positions(table, name, frame[name], labels.get(spec.to), spec.to, faults)
        else:
            cells = _numbers(table, name, frame, names, faults)
        if cells is not None:
            values = np.empty(shape, dtype=cells.dtype)
            values[positions] = cells
            found[name] = values
    return found


def _places(
    cls: type[Record],
    table: str,
    frame: pd.DataFrame,
    axes: tuple[str, ...],
    labels: dict[str, np.ndarray],
    faults: list[Fault],
) -> tuple[tuple[np.ndarray, ...], tuple[int, ...]] | None:
    """Position of every row in the grid of labels; None when some combination is missing, doubled or unknown."""
    if len(axes) == 1 and axes[0] in labels and axes[0] in specs(cls):
        # The table that lists an index set: its own rows fix the order, and the record judges the labels.
        return (np.arange(len(frame)),), (len(frame),)
    before = len(faults)
    positions: list[np.ndarray] = []
    grids: list[np.ndarray] = []
    for axis in axes:
        name = axis.replace("+", "_state")
        known = labels.get(axis.removesuffix("+"))
        if known is None:
            # An index set without labels is counted: by its rows, or by its members where there are others beside it.
            count = len(frame) if len(axes) == 1 else frame[name].nunique()
            known = np.arange(count).astype(str).astype(object)
        elif axis.endswith("+"):
            known = np.append(known, "end")
        place = _positions(table, name, frame[name], known, axis, faults)
        if place is None or len(set(known)) < len(known):
            # Without a place for every row, or with labels doubled in their own table (a fault of that table).
            return None
        positions.append(place)
        grids.append(known)
    shape = tuple(len(grid) for grid in grids)
    flat = np.ravel_multi_index(tuple(positions), shape) if min(shape) else np.zeros(0, dtype=int)
    counts = np.bincount(flat, minlength=math.prod(shape))
    for wrong, message, remedy in (
        (counts > 1, "the row is there twice", "keep one of them"),
        (counts == 0, "the row is missing", "the file may be cut off; add it"),
    ):
        found = np.flatnonzero(wrong)
        for at in found[:LISTED]:
            row = ", ".join(str(grid[i]) for grid, i in zip(grids, np.unravel_index(at, shape), strict=True))
            faults.append(Fault(table, ", ".join(axes), row, "", message, remedy))
        _list_rest(table, ", ".join(axes), found, message, remedy, faults)
    return (tuple(positions), shape) if len(faults) == before else None


def _list_rest(table: str, column: str, found: np.ndarray, message: str, remedy: str, faults: list[Fault]) -> None:
    """Count in one entry what is more than can be listed."""
    if len(found) > LISTED:
        faults.append(Fault(table, column, f"{len(found) - LISTED} further rows", "", message, remedy))


def _positions(
    table: str, name: str, column: pd.Series, known: np.ndarray | None, axis: str, faults: list[Fault]
) -> np.ndarray | None:
    if known is None:
        message = f"refers to a {axis}, but no table {axis} lists any"
        faults.append(Fault(table, name, "", "", message, f"add the table {axis} or drop the column"))
        return None
    where = pd.Index(pd.unique(pd.Series(known, dtype=object)))
    first = {label: position for position, label in reversed(list(enumerate(known)))}
    texts = _texts(column)
    at = where.get_indexer(pd.Index(texts, dtype=object))
    unknown = np.flatnonzero(at < 0)
    message, remedy = f"is no known {axis}", f"list it in table {axis} or correct the name"
    for row in unknown[:LISTED]:
        faults.append(Fault(table, name, f"line {row + 2}", repr(texts[row]), message, remedy))
    _list_rest(table, name, unknown, message, remedy, faults)
    if unknown.size:
        return None
    return np.array([first[label] for label in where], dtype=np.int64)[at]


def _numbers(table: str, name: str, frame: pd.DataFrame, keys: list[str], faults: list[Fault]) -> np.ndarray | None:
    """Cells as numbers, NaN for those that are none; Python's own parser returns the very number that was written."""
    if frame[name].dtype.kind in "fiu":
        return frame[name].to_numpy(dtype=float, na_value=np.nan)
    cells = frame[name].to_numpy(dtype=object)
    try:
        if not any(isinstance(cell, str) and _is_odd(cell) for cell in cells):
            return cells.astype(float)
    except (TypeError, ValueError, OverflowError):
        pass  # the cells at fault are named below
    wrong = np.array([not _is_number(cell) for cell in cells], dtype=bool)
    found, remedy = np.flatnonzero(wrong), "write a plain number such as 0.25"
    for row in found[:LISTED]:
        label = ", ".join(str(frame[key].iloc[row]) for key in keys)
        cell = cells[row]
        message = "the cell is empty" if isinstance(cell, str) and not cell.strip() else "is no number"
        faults.append(Fault(table, name, label, repr(cell), message, remedy))
    _list_rest(table, name, found, "is no number", remedy, faults)
    # The sound cells go on to be judged by the record, unless there are too many others to tell them apart.
    return np.where(wrong, np.nan, cells).astype(float) if len(found) <= LISTED else None


def _is_odd(cell: str) -> bool:
    """Whether Python might read a text as a number that is written as none: empty, or with underscores."""
    return not cell.strip() or "_" in cell


def _is_number(cell: object) -> bool:
    if isinstance(cell, str) and _is_odd(cell):
        return False
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False
    return True
