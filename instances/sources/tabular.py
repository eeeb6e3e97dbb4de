"""Strict reading of CSV and Parquet: text stays text, ragged rows are refused, every bad cell is named.

pandas alone would fill short rows with NaN, rename a repeated column and turn ``house 007`` into 7. Tables therefore
stay Arrow tables until their numbers have been checked.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from ..errors import Fault

LISTED = 20
"""How many cells of one kind and column are named one by one; a last fault counts the others."""

MISSING_WORDS = ("", "NaN", "nan", "NA", "N/A", "null", "NULL", "None", "#N/A")
"""What counts as a missing measurement in a column of numbers, in CSV."""

TEXT, NUMBER = pa.string(), pa.float64()
"""Types that a caller of :func:`read_table` may ask for."""

Types = Callable[[list[str]], Mapping[str, pa.DataType]]

SUFFIXES = (".csv", ".csv.gz", ".parquet")


def is_table(path: Path) -> bool:
    """Tell whether the file's name is one that :func:`read_table` reads."""
    return path.name.endswith(SUFFIXES)


def read_table(path: Path, faults: list[Fault], *, types: Types) -> pa.Table | None:
    """Read one CSV (plain or gzip) or Parquet file.

    Parameters
    ----------
    path : Path
        The file.
    faults : list of Fault
        Receives what is wrong with the file as a whole, and every ragged row.
    types : callable
        Given the names of the columns of a CSV file, says which are text and which are numbers; the others are inferred
        from their first rows. A column of numbers that holds a word arrives as text.

    Returns
    -------
    pyarrow.Table or None
        None where nothing can be read. Repeated column names are faults, too. The stored index of a pandas Parquet
        file comes first.
    """
    if not is_table(path):
        faults.append(Fault(path.name, message="is neither CSV nor Parquet", remedy="save it as .csv or .parquet"))
        return None
    table = _read_parquet(path, faults) if path.suffix == ".parquet" else _read_csv(path, faults, types)
    if table is None:
        return None
    names = table.column_names
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        faults.append(Fault(path.name, name, message="the column is there twice", remedy="keep one of them"))
    if table.num_rows == 0:
        faults.append(Fault(path.name, message="has no rows", remedy="give at least two intervals"))
        return None
    return table


def _read_parquet(path: Path, faults: list[Fault]) -> pa.Table | None:
    try:
        table = pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        remedy = "write the file again, it may be cut off"
        faults.append(Fault(path.name, message=f"is no readable Parquet file ({error})", remedy=remedy))
        return None
    index = [name for name in (table.schema.pandas_metadata or {}).get("index_columns", []) if isinstance(name, str)]
    return table.select(index + [name for name in table.column_names if name not in index]) if index else table


def _read_csv(path: Path, faults: list[Fault], types: Types) -> pa.Table | None:
    header = _csv_header(path, faults)
    if header is None:
        return None
    ragged: list[pa.csv.InvalidRow] = []

    def note(row: pa.csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    try:
        try:
            table = _parse_csv(path, types(header), note)
        except pa.ArrowInvalid:
            # A word among numbers; reading all as text lets the word be found and named later.
            ragged.clear()
            table = _parse_csv(path, dict.fromkeys(header, TEXT), note)
    except (pa.ArrowException, OSError, EOFError) as error:
        remedy = "write it as UTF-8 CSV again, it may be cut off"
        faults.append(Fault(path.name, message=f"is no readable CSV file ({error})", remedy=remedy))
        return None
    found = [
        Fault(
            path.name,
            "",
            f"line {row.number}",
            (row.text or "")[:60],
            f"has {row.actual_columns} cells instead of {row.expected_columns}",
            "complete the row or remove it",
        )
        for row in ragged[:LISTED]
    ]
    faults.extend(_with_rest(found, len(ragged), path.name, "", "rows have a wrong number of cells"))
    return table


def _parse_csv(path: Path, types: Mapping[str, pa.DataType], note: Callable[[Any], str]) -> pa.Table:
    # One thread, since only then does Arrow know the number of an invalid row.
    return pa.csv.read_csv(
        path,
        read_options=pa.csv.ReadOptions(use_threads=False),
        parse_options=pa.csv.ParseOptions(invalid_row_handler=note, newlines_in_values=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict(types), null_values=list(MISSING_WORDS), strings_can_be_null=False, timestamp_parsers=[]
        ),
    )


def _csv_header(path: Path, faults: list[Fault]) -> list[str] | None:
    """Names in the first line; None, and a fault, where there is no usable one."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream), [])
    except (UnicodeDecodeError, OSError, EOFError, csv.Error) as error:
        faults.append(Fault(path.name, message=f"is no readable CSV file ({error})", remedy="save it as UTF-8 CSV"))
        return None
    if not header:
        faults.append(Fault(path.name, message="is empty", remedy="give a header and at least two rows"))
        return None
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        remedy = "separate columns by commas and write numbers with a decimal point"
        faults.append(Fault(path.name, "", "line 1", header[0][:60], "the columns are not separated by commas", remedy))
        return None
    return header


def texts(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    """Codes (one per row) and distinct texts of a column, an empty cell being the text ``""``."""
    encoded = column.cast(pa.string()).fill_null("").dictionary_encode().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):  # Arrow keeps the chunked form where there is a single chunk or none.
        encoded = encoded.chunk(0)
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def numbers(
    column: pa.ChunkedArray, table: str, name: str, row: Callable[[int], str], faults: list[Fault]
) -> NDArray[np.float64]:
    """Numbers of a column of energies or powers, NaN where a cell is empty.

    Text, negative and infinite values are faults; text becomes 0, lest it be reported as missing, too.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        The cells.
    table, name : str
        File and column, for the faults.
    row : callable
        Names the row at a position.
    faults : list of Fault
        Receives the faults.
    """
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind) or pa.types.is_decimal(kind):
        values = np.array(column.cast(pa.float64()).to_numpy(), dtype=float)
        words = np.zeros(len(values), dtype=bool)
    else:
        cells = pd.Series(column.cast(pa.string()).to_pylist(), dtype=object).fillna("").str.strip()
        values = np.array(pd.to_numeric(cells, errors="coerce"), dtype=float)
        words = np.isnan(values) & ~cells.isin(MISSING_WORDS).to_numpy()
        remedy = "write a number with a decimal point"
        report_cells(faults, words, table, name, row, "is no number", remedy, lambda at: str(cells.iloc[at]))
    report_cells(faults, values < 0, table, name, row, "is negative", "energies count from 0 up", _of(values))
    report_cells(faults, np.isinf(values) & (values > 0), table, name, row, "is infinite", "give a number", _of(values))
    values[words] = 0.0
    return values


def _of(values: NDArray[np.float64]) -> Callable[[int], str]:
    return lambda at: f"{values[at]:g}"


def report_cells(
    faults: list[Fault],
    mask: NDArray[np.bool_],
    table: str,
    column: str,
    row: Callable[[int], str],
    message: str,
    remedy: str,
    value: Callable[[int], str],
) -> None:
    """Append one fault per marked cell of a column, the first :data:`LISTED` of them by name."""
    at = np.flatnonzero(mask)
    found = [Fault(table, column, row(int(i)), value(int(i)), message, remedy) for i in at[:LISTED]]
    faults.extend(_with_rest(found, len(at), table, column, f"cells: {message}"))


def _with_rest(found: list[Fault], count: int, table: str, column: str, what: str) -> list[Fault]:
    """Add the count of those that were not named."""
    return [*found, Fault(table, column, message=f"{count - len(found)} more {what}")] if count > len(found) else found
