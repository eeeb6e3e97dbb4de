"""Records as tidy tables and back: one table per combination of index sets, keyed by labels."""

from __future__ import annotations

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
            if name not in tables and not spec.optional:
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
        required = [n for n, s in columns.items() if s.default is None and not s.optional]
        if table not in tables and required and table not in labels:
            faults.append(Fault(table, message="the table is missing", remedy=f"it holds {', '.join(required)}"))
    return fields


def _texts(column: pd.Series) -> np.ndarray:
    return np.array(["" if value is None or value != value else str(value) for value in column.tolist()], dtype=object)


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
    place = _places(table, frame, axes, labels, faults)
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
    table: str, frame: pd.DataFrame, axes: tuple[str, ...], labels: dict[str, np.ndarray], faults: list[Fault]
) -> tuple[tuple[np.ndarray, ...], tuple[int, ...]] | None:
    """Position of every row in the grid of labels; None when some combination is missing, doubled or unknown."""
    before = len(faults)
    positions, shape = [], []
    for axis in axes:
        name = axis.replace("+", "_state")
        known = labels.get(axis.removesuffix("+"))
        if known is None:
            known = np.arange(len(frame)).astype(str).astype(object)
        elif axis.endswith("+"):
            known = np.append(known, "end")
        place = _positions(table, name, frame[name], known, axis, faults)
        if place is None:
            return None
        positions.append(place)
        shape.append(len(known))
    flat = np.ravel_multi_index(tuple(positions), tuple(shape)) if min(shape) else np.zeros(0, dtype=int)
    counts = np.bincount(flat, minlength=int(np.prod(shape)))
    grids = [labels.get(axis.removesuffix("+")) for axis in axes]

    def row(at: int) -> str:
        place = np.unravel_index(at, tuple(shape))
        return ", ".join(
            str(grid[i]) if grid is not None and i < len(grid) else str(i) for grid, i in zip(grids, place, strict=True)
        )

    if len(axes) > 1 or axes[0] not in labels:
        for at in np.flatnonzero(counts > 1)[:LISTED]:
            faults.append(Fault(table, ", ".join(axes), row(at), "", "the row is there twice", "keep one of them"))
    for at in np.flatnonzero(counts == 0)[:LISTED]:
        faults.append(
            Fault(table, ", ".join(axes), row(at), "", "the row is missing", "the file may be cut off; add it")
        )
    if len(axes) == 1 and (counts > 1).any():
        # A doubled label of an index set itself is reported by the record, which sees the labels.
        return (np.arange(len(frame)),), (len(frame),)
    return (tuple(positions), tuple(shape)) if len(faults) == before else None


def _positions(
    table: str, name: str, column: pd.Series, known: np.ndarray | None, axis: str, faults: list[Fault]
) -> np.ndarray | None:
    if known is None:
        return None
    where = pd.Index(pd.unique(pd.Series(known, dtype=object)))
    first = {label: position for position, label in reversed(list(enumerate(known)))}
    texts = _texts(column)
    at = where.get_indexer(pd.Index(texts, dtype=object))
    for row in np.flatnonzero(at < 0)[:LISTED]:
        message, remedy = f"is no known {axis}", f"list it in table {axis} or correct the name"
        faults.append(Fault(table, name, f"line {row + 2}", repr(texts[row]), message, remedy))
    if (at < 0).any():
        return None
    return np.array([first[label] for label in where], dtype=np.int64)[at]


def _numbers(table: str, name: str, frame: pd.DataFrame, keys: list[str], faults: list[Fault]) -> np.ndarray | None:
    """Cells as numbers; Python's own parser, since it returns the very number that was written."""
    cells = frame[name].to_numpy(dtype=object)
    wrong = np.array([isinstance(cell, str) and (not cell.strip() or "_" in cell) for cell in cells], dtype=bool)
    if not wrong.any():
        try:
            return cells.astype(float)
        except (TypeError, ValueError):
            wrong = np.array([not _is_number(cell) for cell in cells], dtype=bool)
    for row in np.flatnonzero(wrong)[:LISTED]:
        label = ", ".join(str(frame[key].iloc[row]) for key in keys)
        cell = cells[row]
        message = "the cell is empty" if isinstance(cell, str) and not cell.strip() else "is no number"
        faults.append(Fault(table, name, label, repr(cell), message, "write a plain number such as 0.25"))
    return None


def _is_number(cell: object) -> bool:
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
