"""Small tables of a user's own, from a file or a DataFrame: texts and signed numbers, every bad cell named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import Fault
from .tabular import MISSING_WORDS, TEXT, read_table, report_cells

Table: TypeAlias = pd.DataFrame | str | Path


@dataclass(frozen=True)
class OwnTable:
    """A table as its user wrote it: nothing is turned into numbers before its cells have been checked.

    Parameters
    ----------
    name : str
        The file's name, or what a DataFrame is called in faults.
    frame : DataFrame
        Rows counted from 0.
    key : str
        Column that names the rows in faults; rows are counted from 1 where it is empty.
    """

    name: str
    frame: pd.DataFrame
    key: str = ""

    def row(self, at: int) -> str:
        """Name of the row at a position."""
        if self.key in self.frame.columns and not self._blank(self.frame[self.key].iloc[at]):
            return str(self.frame[self.key].iloc[at])
        return str(at + 1)

    @staticmethod
    def _blank(cell: object) -> bool:
        return bool(cell is None or pd.isna(cell) or str(cell).strip() in MISSING_WORDS)

    def words(self, column: str) -> list[str]:
        """Cells of a column as texts without surrounding blanks; empty ones are ``""``."""
        return ["" if self._blank(cell) else str(cell).strip() for cell in self.frame[column]]

    def numbers(
        self,
        column: str,
        faults: list[Fault],
        *,
        low: float | None = None,
        high: float | None = None,
        empty: float | None = None,
    ) -> NDArray[np.float64]:
        """Cells of a column as finite numbers within bounds.

        Parameters
        ----------
        column : str
            One that the table has.
        faults : list of Fault
            Receives cells that are no number, infinite, out of bounds, or empty where ``empty`` is not given.
        low, high : float, optional
            Closed bounds.
        empty : float, optional
            What an empty cell stands for.

        Returns
        -------
        (rows,) array
            With 0 for each bad cell.
        """
        cells = self.words(column)
        values = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").to_numpy(dtype=float).copy()
        blank = np.array([not cell for cell in cells])
        good = np.isfinite(values)
        for mask, message, remedy in (
            (blank & (empty is None), "is empty", "give a number"),
            (~blank & ~good, "is no finite number", "write a number with a decimal point"),
            (good & (values < (-np.inf if low is None else low)), f"is below {low}", "correct the number"),
            (good & (values > (np.inf if high is None else high)), f"is above {high}", "correct the number"),
        ):
            report_cells(faults, mask, self.name, column, self.row, message, remedy, lambda at: cells[at] or "empty")
        values[blank] = empty or 0.0
        return np.where(np.isfinite(values), values, 0.0)

    def positions(self, column: str, known: Sequence[str], what: str, faults: list[Fault]) -> list[int]:
        """Where each name of a column stands among the known ones; 0, and a fault, where it is none of them.

        Parameters
        ----------
        column : str
            One that the table has.
        known : sequence of str
            Names.
        what : str
            What they are names of, for the faults.
        faults : list of Fault
            Receives names that are unknown.
        """
        place = {name: at for at, name in enumerate(known)}
        remedy = f"choose one of {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"
        names = self.words(column)
        for at, name in enumerate(names):
            if name not in place:
                faults.append(Fault(self.name, column, self.row(at), name or "empty", f"is no {what}", remedy))
        return [place.get(name, 0) for name in names]

    def good(self, column: str) -> NDArray[np.bool_]:
        """Which cells of a column hold a finite number."""
        return np.isfinite(pd.to_numeric(pd.Series(self.words(column), dtype=object), errors="coerce").to_numpy(float))

    def arrow(self, column: str) -> pa.ChunkedArray:
        """A column as Arrow holds it, for reading times."""
        cells = self.frame[column]
        if pd.api.types.is_datetime64_any_dtype(cells):
            return pa.chunked_array([pa.Array.from_pandas(cells)])
        return pa.chunked_array([pa.array(self.words(column), type=pa.string())])


def own_table(
    given: Table,
    called: str,
    faults: list[Fault],
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    key: str = "",
    also: Callable[[Sequence[str]], Sequence[str]] | None = None,
) -> OwnTable | None:
    """Read a table and see that it has the columns it needs and no others.

    Parameters
    ----------
    given : DataFrame, str or Path
        The table, or a CSV or Parquet file that holds it.
    called : str
        Name of a DataFrame in faults.
    faults : list of Fault
        Receives what is wrong.
    required, optional : sequence of str
        Columns.
    key : str
        Column that names rows in faults.
    also : callable, optional
        Given the columns there are, which more are required.

    Returns
    -------
    OwnTable or None
        None where a required column is missing, or nothing can be read.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    if isinstance(given, pd.DataFrame):
        name, frame = called, given
        if given.index.name in (*required, *optional):
            frame = given.reset_index()
        frame = frame.reset_index(drop=True)
        if frame.empty:
            faults.append(Fault(name, message="has no rows"))
            return None
    else:
        path = Path(given)
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        name = path.name
        table = read_table(path, faults, types=lambda names: dict.fromkeys(names, TEXT))
        if table is None or len(set(table.column_names)) < len(table.column_names):
            return None
        frame = table.to_pandas(ignore_metadata=True)
    names = [str(column) for column in frame.columns]
    needed = [*required, *(also(names) if also is not None else ())]
    missing = [column for column in needed if column not in names]
    known = ", ".join(dict.fromkeys([*needed, *optional]))
    for column in missing:
        faults.append(Fault(name, column, message="there is no such column", remedy=f"the table has {known}"))
    for column in [column for column in names if column not in needed and column not in optional]:
        faults.append(Fault(name, column, message="is no column of this table", remedy=f"take it out; known: {known}"))
    return None if missing else OwnTable(name, frame, key)
