"""The forms in which users keep their series, each turned into panels of numbers (times x households)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import Fault
from .clock import CHANGE, Clock, Times, label, read_clock
from .tabular import NUMBER, TEXT, is_table, numbers, read_table, report_cells, texts

COLUMN = re.compile(r"(load|generation|pv)_(kwh_per_kwp|kwh|kw)(?:_(.+))?")
UNITLESS = re.compile(r"(load|generation|pv)(?:_.*)?")
STEM = re.compile(r"(load|generation|pv)_(kwh|kw)")

Quantity = Literal["load", "generation"]
Roofs = Mapping[str, tuple[str, float]]


@dataclass(frozen=True)
class Measure:
    """One column of numbers: what it holds, in which unit, whose."""

    column: str
    quantity: Quantity
    unit: str
    household: str = ""

    @classmethod
    def of(cls, column: str, *, pattern: re.Pattern[str] = COLUMN) -> Measure | None:
        """Read the name of a column (or of a file); None if it says neither load nor generation with a unit."""
        found = pattern.fullmatch(column)
        if found is None or (found[1] == "load" and found[2] == "kwh_per_kwp"):
            return None
        quantity: Quantity = "load" if found[1] == "load" else "generation"
        return cls(column, quantity, found[2], (found[3] or "") if pattern is COLUMN else "")


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Columns of one table on its own times: (T,) ascending and distinct; cells (T, k), NaN where empty.

    ``present`` (T, k) says where the table has a row at all: in the long form a household may lack some.
    """

    table: str
    time: Times
    in_utc: bool
    measures: tuple[Measure, ...]
    cells: NDArray[np.float64]
    present: NDArray[np.bool_]
    long: bool = False


@dataclass(kw_only=True)
class Reader:
    """What the readers of all forms share: the user's wishes, and the faults found so far."""

    time_zone: str | None
    household: str | None
    generation: Roofs | None
    ignore: Collection[str]
    faults: list[Fault] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def read(self, path: Path) -> list[Panel]:
        """Read a file, or the tables of a folder other than its table of households."""
        if not path.is_dir():
            return self._file(path)
        panels = []
        for file in sorted(file for file in path.iterdir() if is_table(file)):
            self.seen.add(file.name)
            stem = file.name.split(".")[0]
            measure = Measure.of(stem, pattern=STEM)
            if file.name in self.ignore or stem == "households":
                continue
            if stem == "series" or measure:
                panels += self._file(file, measure)
                continue
            if UNITLESS.fullmatch(stem):
                message, remedy = "the file name does not say the unit", f"name it {stem}_kwh or {stem}_kw"
            else:
                message = "unknown file"
                remedy = (
                    "name it load_kwh, load_kw, generation_kwh, generation_kw, series or households, "
                    f'or leave it out with ignore=["{file.name}"]'
                )
            self.faults.append(Fault(file.name, message=message, remedy=remedy))
        if not panels and not self.faults:
            message, remedy = "holds no table of loads", "put load_kwh.csv (or series.csv) into it"
            self.faults.append(Fault(path.name, message=message, remedy=remedy))
        return panels

    def _file(self, path: Path, whole: Measure | None = None) -> list[Panel]:
        """Read one file; ``whole`` says what all of its columns hold, where the file's name does."""
        table = read_table(path, self.faults, types=self._types)
        if table is None:
            return []
        names = table.column_names
        self.seen.update(names)
        time = self._time_of(names)
        if not time:
            message, remedy = "there is no column of times", "add a column time with the start of each interval"
            self.faults.append(Fault(path.name, "time", message=message, remedy=remedy))
            return []
        if len(set(names)) < len(names):
            return []  # The repeated columns are reported; which of them is meant cannot be known.
        if "household" in names and whole is None:
            return self._long(path.name, table, time[0])
        others = [name for name in names if name != time[0] and name not in self.ignore]
        if whole is not None:
            measures = [Measure(name, whole.quantity, whole.unit, name) for name in others]
        else:
            measures = self._measures(path.name, others)
        return self._wide(path.name, table, time[0], measures)

    @staticmethod
    def _time_of(names: list[str]) -> list[str]:
        """Name the column of times (``time``, else the first one), if there is one."""
        if "time" in names:
            return ["time"]
        first = names[0]
        return [] if first == "household" or Measure.of(first) or UNITLESS.fullmatch(first) else [first]

    def _types(self, names: list[str]) -> dict[str, pa.DataType]:
        """Keep times and names as text, and spare ignored columns from being numbers."""
        texts = {*self._time_of(names), "household"}
        return {name: TEXT if name in texts else NUMBER for name in names if name not in self.ignore or name in texts}

    def _measures(self, table: str, names: list[str]) -> list[Measure]:
        """Find out what each column of a wide table holds."""
        measures = []
        roofs = self.generation or {}
        for home, (column, _) in roofs.items():
            if column in names:
                measures.append(Measure(column, "generation", "kwh_per_kwp", home))
            else:
                message, remedy = "there is no such column", f"mend generation[{home!r}]"
                self.faults.append(Fault(table, column, message=message, remedy=remedy))
        yields = {column for column, _ in roofs.values()}
        for name in names:
            measure = Measure.of(name)
            if name in yields:
                continue
            if measure is None:
                self._unknown(table, name)
            elif measure.household:
                measures.append(measure)
            elif self.household is None:
                message, remedy = (
                    "the column names no household",
                    f'name it {name}_<household> or pass household="home"',
                )
                self.faults.append(Fault(table, name, message=message, remedy=remedy))
            else:
                measures.append(Measure(name, measure.quantity, measure.unit, self.household))
        return measures

    def _unknown(self, table: str, name: str) -> None:
        leave = f'leave it out with ignore=["{name}"]'
        if UNITLESS.fullmatch(name):
            message = "the column does not say its unit"
            remedy = f"put kwh or kw behind its first word, as in load_kwh_<household>, or {leave}"
        else:
            message, remedy = (
                "unknown column",
                f"name it load_kwh_<household> or generation_kwh_<household>, or {leave}",
            )
        self.faults.append(Fault(table, name, message=message, remedy=remedy))

    def _wide(self, file: str, table: pa.Table, time: str, measures: list[Measure]) -> list[Panel]:
        clock = read_clock(table[time], file, time, self.time_zone, None, self.faults)
        row = _row_of(clock)
        columns = {
            name: numbers(table[name], file, name, row, self.faults)
            for name in dict.fromkeys(measure.column for measure in measures)
        }
        known = np.flatnonzero(~np.isnat(clock.time))
        distinct, first = np.unique(clock.time[known], return_index=True)
        again = np.ones(len(clock.time), dtype=bool)
        again[known[first]] = again[np.isnat(clock.time)] = False
        self._twice(file, time, again, row)
        if not measures:
            return []
        cells = np.column_stack([columns[measure.column][known[first]] for measure in measures])
        present = np.ones(cells.shape, dtype=bool)
        return [
            Panel(
                table=file,
                time=distinct,
                in_utc=clock.in_utc,
                measures=tuple(measures),
                cells=cells,
                present=present,
            )
        ]

    def _long(self, file: str, table: pa.Table, time: str) -> list[Panel]:
        code, homes = texts(table["household"])
        clock = read_clock(table[time], file, time, self.time_zone, code, self.faults)
        nameless = np.array([not home.strip() for home in homes])[code]
        row = _row_of(clock, lambda at: f", household {homes[code[at]]}")
        remedy = "write the household's name into every row"
        report_cells(self.faults, nameless, file, "household", row, "names no household", remedy, lambda at: "empty")
        columns = self._long_columns(file, table, time, row)
        usable = np.flatnonzero(~np.isnat(clock.time) & ~nameless)
        distinct, at = np.unique(clock.time[usable], return_inverse=True)
        place = at * len(homes) + code[usable]
        rows = np.bincount(place, minlength=len(distinct) * len(homes))
        if (rows > 1).any():
            again = np.ones(len(clock.time), dtype=bool)
            again[usable[np.unique(place, return_index=True)[1]]] = False
            again[np.isnat(clock.time) | nameless] = False
            self._twice(file, time, again, row)
        kept = [at for at, home in enumerate(homes) if home.strip()]
        present = (rows > 0).reshape(len(distinct), len(homes))[:, kept]
        panels = []
        for measure, cells in columns:
            values = np.full(len(distinct) * len(homes), np.nan)
            values[place] = cells[usable]
            panels.append(
                Panel(
                    table=file,
                    time=distinct,
                    in_utc=clock.in_utc,
                    measures=tuple(Measure(measure.column, measure.quantity, measure.unit, homes[at]) for at in kept),
                    cells=values.reshape(len(distinct), len(homes))[:, kept],
                    present=present,
                    long=True,
                )
            )
        return panels

    def _long_columns(
        self, file: str, table: pa.Table, time: str, row: Callable[[int], str]
    ) -> list[tuple[Measure, NDArray[np.float64]]]:
        """Columns of numbers of a table in long form, at most one for each quantity."""
        found: dict[str, tuple[Measure, NDArray[np.float64]]] = {}
        for name in table.column_names:
            if name in (time, "household") or name in self.ignore:
                continue
            measure = Measure.of(name)
            if measure is None or measure.household:
                self._unknown(file, name)
            elif measure.quantity in found:
                message = f"holds {measure.quantity} as does {found[measure.quantity][0].column}"
                remedy = f'leave it out with ignore=["{name}"]'
                self.faults.append(Fault(file, name, message=message, remedy=remedy))
            else:
                found[measure.quantity] = measure, numbers(table[name], file, name, row, self.faults)
        return list(found.values())

    def _twice(self, file: str, time: str, again: NDArray[np.bool_], row: Callable[[int], str]) -> None:
        remedy = f"keep one row; {CHANGE}"
        report_cells(self.faults, again, file, time, row, "the time is there twice", remedy, lambda at: "")


def _row_of(clock: Clock, more: Callable[[int], str] = lambda at: "") -> Callable[[int], str]:
    """Name a row by its time, or by its line where it has none."""

    def name(at: int) -> str:
        time = clock.time[at]
        return (f"line {at + 2}" if np.isnat(time) else label(time, clock.in_utc)) + more(at)

    return name
