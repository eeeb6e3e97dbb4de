"""Stretches of time as users write them in small tables: between two moments, or between clock times of each day.

A row holds two moments in ISO 8601 (``2018-05-01T07:30``, with or without an offset from UTC), or two clock times
(``07:30``; ``24:00`` ends a day). A second clock time that is not after the first is one of the next day. Rows of
clock times may name their ``days`` as a tariff does (``weekdays``, ``Mon-Thu``, ``Sat, Sun``; all if left out): those
on which the stretch begins. A time that the clock shows twice or never is a fault, since nobody knows which moment was
meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import Fault
from .clock import Times, label
from .own_tables import OwnTable
from .tariffs import CLOCK_TIME, DAYS, MINUTES, _chosen

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
DAY = np.timedelta64(1, "D")
NEVER = np.datetime64("NaT", "s")

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Axis:
    """The intervals of an instance, and what the series they are cut from covers, in UTC or as the clock shows it.

    Parameters
    ----------
    begin : datetime64[s]
        Start of the first interval.
    step : timedelta64[s]
        Length of an interval.
    intervals : int
        Their number, T.
    covered : tuple of two datetime64[s]
        Begin and end of the series.
    in_utc : bool
        Whether times are UTC.
    time_zone : str or None
        Zone of clock times, where times are UTC.
    """

    begin: np.datetime64
    step: np.timedelta64
    intervals: int
    covered: tuple[np.datetime64, np.datetime64]
    in_utc: bool
    time_zone: str | None

    @property
    def end(self) -> np.datetime64:
        """End of the last interval."""
        return self.begin + self.intervals * self.step

    def states(self, time: Times) -> NDArray[np.float64]:
        """Moments as numbers of states: 0 to T within the period, whole where an interval begins."""
        return np.asarray((time - self.begin) / self.step, dtype=float)

    def on_clock(self) -> Times:
        """Begin and end as the clock shows them."""
        ends = pd.DatetimeIndex([self.begin, self.end])
        if self.in_utc:
            ends = ends.tz_localize("UTC").tz_convert(self.time_zone).tz_localize(None)
        return np.asarray(ends.to_numpy().astype("datetime64[s]"))

    def write(self, time: np.datetime64) -> str:
        """A moment as faults name it: on the clock of the zone where there is one."""
        if not self.in_utc or self.time_zone is None:
            return label(time, self.in_utc)
        return str(pd.Timestamp(time, tz="UTC").tz_convert(self.time_zone).isoformat(timespec="minutes"))


@dataclass(frozen=True, eq=False)
class Spans:
    """Stretches of time: the row of each, (k,), its begin and end, (k,) datetime64[s], and its day.

    ``day`` is a date where the row holds clock times, and empty where it holds moments.
    """

    row: Rows
    begin: Times
    end: Times
    day: tuple[str, ...]

    def only(self, mask: Mask) -> Spans:
        """Those that are marked."""
        return self.at(np.flatnonzero(mask))

    def at(self, positions: Rows) -> Spans:
        """Those at these positions, in this order."""
        return Spans(
            self.row[positions], self.begin[positions], self.end[positions], tuple(self.day[k] for k in positions)
        )


@dataclass(frozen=True)
class SpanReader:
    """Reads the stretches of time of a table, and names what is wrong with them.

    Parameters
    ----------
    table : OwnTable
        The table.
    columns : tuple of two str
        From when, to when.
    axis : Axis or None
        None where the series or the period is at fault: then cells are checked, and clock times give nothing.
    time_zone : str or None
        Zone of times without an offset.
    faults : list of Fault
        Receives what is wrong.
    """

    table: OwnTable
    columns: tuple[str, str]
    axis: Axis | None
    time_zone: str | None
    faults: list[Fault]

    def read(self) -> Spans:
        """All stretches that are free of faults, row by row; of clock times, on each day that the period touches."""
        cells = tuple(self.table.words(column) for column in self.columns)
        clock = np.array([[CLOCK_TIME.fullmatch(cell) is not None for cell in column] for column in cells])
        for at in map(int, np.flatnonzero(clock[0] != clock[1])):
            odd = int(clock[0, at])
            message = f"is no clock time, although {self.columns[1 - odd]} is one ({cells[1 - odd][at]})"
            self.note(
                odd, at, cells[odd][at], message, "write two moments, 2030-01-31T07:30, or two clock times, 07:30"
            )
        parts = [self._dated(cells, np.flatnonzero(~clock.any(axis=0)))]
        parts += [self._each_day((cells[0][at], cells[1][at]), int(at)) for at in np.flatnonzero(clock.all(axis=0))]
        found = Spans(
            np.concatenate([part.row for part in parts]),
            np.concatenate([part.begin for part in parts]),
            np.concatenate([part.end for part in parts]),
            tuple(day for part in parts for day in part.day),
        )
        return found.at(np.argsort(found.row, kind="stable"))

    def note(self, which: int, at: int, value: str, message: str, remedy: str) -> None:
        """Note a fault of a cell of the first (0) or second (1) column."""
        row = self.table.row(int(at))
        self.faults.append(Fault(self.table.name, self.columns[which], row, value or "empty", message, remedy))

    def _dated(self, cells: Sequence[Sequence[str]], rows: Rows) -> Spans:
        begin, end = (self._moments(which, cells[which], rows) for which in (0, 1))
        days = self.table.words("days") if "days" in self.table.frame else [""] * len(cells[0])
        for at in rows:
            if days[at]:
                message, remedy = "stands beside moments, which have a day", "leave it empty, or write clock times"
                self.faults.append(Fault(self.table.name, "days", self.table.row(int(at)), days[at], message, remedy))
        known = ~np.isnat(begin) & ~np.isnat(end)
        good = known & (end > begin)
        for k in np.flatnonzero(known & ~good):
            message = f"is not after {self.columns[0]}, {cells[0][rows[k]]}"
            self.note(1, rows[k], cells[1][rows[k]], message, "exchange the two, or correct one")
        return Spans(rows, begin, end, ("",) * len(rows)).only(good)

    def _moments(self, which: int, cells: Sequence[str], rows: Rows) -> Times:
        """Moments of a column as the series counts them; NaT where they are at fault."""
        found = np.full(len(rows), NEVER)
        bare = np.zeros(len(rows), dtype=bool)
        for k, at in enumerate(rows):
            moment = _iso(cells[at])
            if moment is None:
                remedy = "write 2030-01-31T07:30, or a clock time of each day, 07:30"
                self.note(which, at, cells[at], "is no ISO 8601 timestamp", remedy)
            elif moment.tzinfo is None:
                found[k], bare[k] = pd.Timestamp(moment).to_datetime64(), True
            elif self.axis is not None and not self.axis.in_utc:
                message, remedy = "has an offset from UTC, the households' times have none", "leave the offset out"
                self.note(which, at, cells[at], message, remedy)
            else:
                found[k] = pd.Timestamp(moment).tz_convert("UTC").tz_localize(None).to_datetime64()
        if self.time_zone is not None:
            at_clock = found[bare]
            found[bare] = on_utc(at_clock, self.time_zone)
            for k, message, example in _odd_times(at_clock, found[bare], self.time_zone):
                at = rows[bare][k]
                remedy = f"write it with its offset from UTC, as in {example}" if example else "correct it"
                self.note(which, at, cells[at], message, remedy)
        elif self.axis is not None and self.axis.in_utc:
            for at in rows[bare]:
                message, remedy = "has no offset from UTC, the households' times are UTC", f"write {cells[at]}Z"
                self.note(which, at, cells[at], message, f"{remedy}, or pass time_zone")
            found[bare] = NEVER
        return found

    def _each_day(self, cells: tuple[str, str], at: int) -> Spans:
        """The stretches of one row of clock times."""
        before, axis = len(self.faults), self.axis
        minutes = [self._minute(which, cells[which], at) for which in (0, 1)]
        days = _chosen(self.table, "days", at, DAYS, self.faults)
        if axis is not None and axis.in_utc and axis.time_zone is None:
            message = "is a clock time that cannot be placed, since the households' times are UTC"
            remedy = 'pass time_zone, for example time_zone="Europe/Berlin", or "UTC"'
            self.note(0, at, cells[0], message, remedy)
        if axis is None or len(self.faults) > before:
            return Spans(np.zeros(0, dtype=int), np.full(0, NEVER), np.full(0, NEVER), ())
        first, last = axis.on_clock()
        dates = np.arange(first.astype("datetime64[D]") - DAY, last.astype("datetime64[D]") + DAY)
        # The first of January 1970 was a Thursday.
        dates = dates[np.isin((dates.astype(np.int64) + 3) % 7, days)]
        begin, end = ((dates + np.timedelta64(minute, "m")).astype("datetime64[s]") for minute in minutes)
        end = end + DAY * (minutes[1] <= minutes[0])
        near = (begin <= last) & (end >= first)
        dates, moments = dates[near], [begin[near], end[near]]
        if axis.in_utc:
            for which, at_clock in enumerate(tuple(moments)):
                moments[which] = on_utc(at_clock, str(axis.time_zone))
                for k, message, example in _odd_times(at_clock, moments[which], str(axis.time_zone)):
                    remedy = f"choose another time, or write moments{f', that one as {example}' if example else ''}"
                    text = f"on {str(at_clock[k])[:10]} it {message}"
                    self.note(which, at, cells[which], text, remedy)
        good = ~np.isnat(moments[0]) & ~np.isnat(moments[1])
        return Spans(np.full(len(dates), at), moments[0], moments[1], tuple(map(str, dates))).only(good)

    def _minute(self, which: int, text: str, at: int) -> int:
        """Minute of the day of a clock time; 24:00 ends a day and begins none."""
        hours, minutes = (int(part) for part in text.split(":")[:2])
        minute = hours * 60 + minutes
        if minutes > 59 or minute > MINUTES - (which == 0):
            self.note(which, at, text, "is no clock time", 'write hours and minutes, "06:00"; 24:00 ends a day')
        return minute


def _iso(cell: str) -> datetime | None:
    """A moment in ISO 8601; None where it is none."""
    try:
        return datetime.fromisoformat(cell) if DATE.match(cell) else None
    except ValueError:
        return None


def on_utc(time: Times, time_zone: str) -> Times:
    """Times of a zone's clock (k,) datetime64[s] as UTC, NaT where the clock shows them twice or never."""
    index = pd.DatetimeIndex(time)
    # Where a time is there twice, summer time and winter time make two moments of it.
    first, second = (
        index.tz_localize(time_zone, ambiguous=np.full(len(index), summer), nonexistent="NaT")
        .tz_convert("UTC")
        .tz_localize(None)
        .to_numpy()
        .astype("datetime64[s]")
        for summer in (True, False)
    )
    return np.where(first == second, first, NEVER)


def _odd_times(time: Times, utc: Times, time_zone: str) -> Iterator[tuple[int, str, str]]:
    """Position of each time without a moment of its own, what is wrong, and how to write one that is there twice."""
    for k in np.flatnonzero(np.isnat(utc)):
        first = pd.Timestamp(time[k]).tz_localize(time_zone, ambiguous=True, nonexistent="NaT")
        if first is pd.NaT:
            yield int(k), f"does not exist on the clock of {time_zone}, which is put forward then", ""
        else:
            yield int(k), f"is there twice on the clock of {time_zone}", first.isoformat(timespec="minutes")
