"""A user's own tariff: a table of times of use, or a series of prices, laid over intervals of any length.

Times of use
    One row per period, with columns ``from`` and ``to`` (local clock time, ``06:00``; ``24:00`` ends a day), ``days``
    (``all``, ``weekdays``, ``weekends``, ``Mon-Fri``, ``Sat, Sun``; all if left out), ``months`` (``all``, ``Jun-Sep``,
    ``1-3, 10-12``; all if left out), ``buy_price`` and ``sell_price`` (currency/kWh; 0 if left out). Day and month are
    those of the moment itself: a row from 22:00 to 06:00 covers the first six and the last two hours of its days. Every
    minute of the year has to lie in exactly one row.
Series
    Columns ``time`` (starts of evenly spaced steps, ISO 8601), ``buy_price`` and ``sell_price`` (0 if left out). It has
    to cover all intervals; prices hold until the next step.

Where a price changes inside an interval, the interval has the mean over its duration.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import Fault
from .clock import Clock, label, read_clock, regular_step
from .own_tables import OwnTable, Table, own_table

Floats = NDArray[np.float64]

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
WORDS = {
    "days": {"": "mon-sun", "all": "mon-sun", **dict.fromkeys(("weekday", "weekdays"), "mon-fri")}
    | dict.fromkeys(("weekend", "weekends"), "sat-sun"),
    "months": {"": "jan-dec", "all": "jan-dec"},
}
MINUTES = 24 * 60
CLOCK_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::00)?")


@dataclass(frozen=True, eq=False)
class TimeOfUse:
    """Prices by month, weekday and minute of the day, each (12, 7, 1440), in currency/kWh.

    ``step_min`` is the greatest number of minutes within which no price changes, counted from midnight.
    """

    buy: Floats
    sell: Floats
    step_min: int

    def prices(
        self, time: NDArray[np.datetime64], dt_h: float, zone: str | None, faults: list[Fault]
    ) -> tuple[Floats, Floats]:
        """Prices of intervals, (T,) each.

        Parameters
        ----------
        time : (T,) datetime64[s]
            Starts, in UTC if a zone is given, else as the clock of the tariff shows them.
        dt_h : float
            Length of an interval, h.
        zone : str or None
            Zone of the tariff's clock.
        faults : list of Fault
            Receives intervals that are no whole minutes.
        """
        length = round(dt_h * 60)
        since = time.astype("datetime64[s]").astype(np.int64)
        if length < 1 or abs(length - dt_h * 60) > 1e-9 or (since % 60).any():
            message = f"intervals of {dt_h:g} h do not begin and end at whole minutes"
            faults.append(Fault("tariff", "from", message=message, remedy="give the tariff as a series of prices"))
            return np.zeros(len(time)), np.zeros(len(time))
        # Looking once a quarter of an hour suffices where tariff, intervals and the zone's offsets are multiples of it.
        step = reduce(math.gcd, (self.step_min, length, 15, *np.unique(since // 60 % MINUTES).tolist()))
        moments = time[:, None] + np.arange(0, length, step) * np.timedelta64(60, "s")
        clock = pd.DatetimeIndex(moments.ravel())
        if zone is not None:
            clock = clock.tz_localize("UTC").tz_convert(zone)
        at = clock.month.to_numpy() - 1, clock.day_of_week.to_numpy(), (clock.hour * 60 + clock.minute).to_numpy()
        buy, sell = (values[at].reshape(moments.shape) for values in (self.buy, self.sell))
        return _mean(buy), _mean(sell)


@dataclass(frozen=True, eq=False)
class PriceSeries:
    """Prices from step to step: ``time`` (S,) datetime64[s], ascending; ``buy`` and ``sell`` (S,), currency/kWh."""

    table: str
    time: NDArray[np.datetime64]
    in_utc: bool
    step_h: float
    buy: Floats
    sell: Floats

    def prices(
        self, time: NDArray[np.datetime64], dt_h: float, in_utc: bool, faults: list[Fault]
    ) -> tuple[Floats, Floats]:
        """Prices of intervals, (T,) each.

        Parameters
        ----------
        time : (T,) datetime64[s]
            Starts.
        dt_h : float
            Length of an interval, h.
        in_utc : bool
            Whether the starts are UTC.
        faults : list of Fault
            Receives clocks that differ, and intervals without a price.
        """
        nothing = np.zeros(len(time)), np.zeros(len(time))
        if in_utc != self.in_utc:
            here, there = ("UTC", "no offset") if in_utc else ("no offset", "UTC")
            message = f"times have {there}, those of the households {here}"
            remedy = "give both offsets from UTC, or pass time_zone"
            faults.append(Fault(self.table, "time", label(self.time[0], self.in_utc), "", message, remedy))
            return nothing
        # Seconds in which both clocks advance together; a price holds for one step, an interval for one length.
        own, step, length = self.time.astype(np.int64), round(self.step_h * 3600), round(dt_h * 3600)
        first = time.astype("datetime64[s]").astype(np.int64)
        grain = reduce(math.gcd, (step, length, *np.unique((first - own[0]) % step).tolist()))
        moments = first[:, None] + np.arange(0, length, grain)
        at = (moments - own[0]) // step
        missing = ((at < 0) | (at >= len(own))).any(axis=1)
        if missing.any():
            t = int(np.argmax(missing))
            message = f"there is no price for {label(time[t], in_utc)} and {int(missing.sum()) - 1} more intervals"
            last = label(self.time[-1], in_utc)
            remedy = "add them, or choose a shorter period by begin and end"
            row = f"{label(self.time[0], in_utc)} to {last}"
            faults.append(Fault(self.table, "time", row, "", message, remedy))
            return nothing
        return _mean(self.buy[at]), _mean(self.sell[at])


Tariff = TimeOfUse | PriceSeries


def _mean(values: Floats) -> Floats:
    """Mean of each row; exactly the row's number where it has only one, which a sum need not give."""
    same = (values == values[:, :1]).all(axis=1)
    return np.where(same, values[:, 0], values.mean(axis=1))


def read_tariff(given: Table, time_zone: str | None, faults: list[Fault]) -> Tariff | None:
    """Read a tariff of either form; see the module's description.

    Parameters
    ----------
    given : DataFrame, str or Path
        The table, or a CSV or Parquet file that holds it.
    time_zone : str, optional
        IANA name of the zone whose clock the times of a series without offsets were read from.
    faults : list of Fault
        Receives what is wrong.

    Returns
    -------
    TimeOfUse, PriceSeries or None
        None where nothing useful can be read.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    before = len(faults)
    table = own_table(
        given,
        "tariff",
        faults,
        required=["buy_price"],
        optional=["sell_price", "time", "from", "to", "days", "months"],
        also=lambda names: ["time"] if "time" in names else ["from", "to"],
    )
    if table is None:
        return None
    buy = table.numbers("buy_price", faults)
    sell = table.numbers("sell_price", faults) if "sell_price" in table.frame else np.zeros(len(buy))
    found = (_series if "time" in table.frame else _times_of_use)(table, buy, sell, time_zone, faults)
    return found if len(faults) == before else None


def _series(
    table: OwnTable, buy: Floats, sell: Floats, time_zone: str | None, faults: list[Fault]
) -> PriceSeries | None:
    clock: Clock = read_clock(table.arrow("time"), table.name, "time", time_zone, None, faults)
    if np.isnat(clock.time).any():
        return None
    order = np.argsort(clock.time, kind="stable")
    time = clock.time[order]
    twice = np.flatnonzero(time[1:] == time[:-1])
    for at in twice:
        row = label(time[at], clock.in_utc)
        remedy = "keep one, or pass time_zone if the clock changes"
        faults.append(Fault(table.name, "time", row, row, "the time is there twice", remedy))
    if twice.size:
        return None
    step_h = regular_step(time, table.name, clock.in_utc, faults)
    return PriceSeries(table.name, time, clock.in_utc, step_h, buy[order], sell[order])


def _times_of_use(
    table: OwnTable, buy: Floats, sell: Floats, time_zone: str | None, faults: list[Fault]
) -> TimeOfUse | None:
    before = len(faults)
    rows = len(buy)
    begin = [_minute(table, "from", at, faults) for at in range(rows)]
    end = [_minute(table, "to", at, faults) for at in range(rows)]
    days = [_chosen(table, "days", at, DAYS, faults) for at in range(rows)]
    months = [_chosen(table, "months", at, MONTHS, faults) for at in range(rows)]
    if len(faults) > before:
        return None
    owner = np.full((12, 7, MINUTES), -1)
    for at in range(rows):
        minute = np.arange(MINUTES)
        inside = (minute >= begin[at]) & (minute < end[at])
        if end[at] <= begin[at]:
            inside = (minute >= begin[at]) | (minute < end[at])
        block = np.ix_(np.array(months[at]), np.array(days[at]), np.flatnonzero(inside))
        taken = owner[block] >= 0
        if taken.any():
            m, d, k = (int(axis[0]) for axis in np.nonzero(taken))
            other = int(owner[block][m, d, k])
            when = _moment(months[at][m], days[at][d], int(np.flatnonzero(inside)[k]))
            message = f"covers {when}, which row {table.row(other)} covers, too"
            faults.append(Fault(table.name, "from", table.row(at), "", message, "let each minute lie in one row"))
        owner[block] = at
    gap = np.argwhere(owner < 0)
    if len(gap):
        message = f"no row covers {_moment(*gap[0])}"
        faults.append(Fault(table.name, "from", "", "", message, "add a row, or widen one"))
    edges = [edge for edge in (*begin, *end) if edge is not None]
    return TimeOfUse(buy[owner], sell[owner], reduce(math.gcd, edges, MINUTES))


def _minute(table: OwnTable, column: str, at: int, faults: list[Fault]) -> int:
    """Minute of the day of a cell such as 06:30; 24:00 is the end of the day."""
    text = table.words(column)[at]
    found = CLOCK_TIME.fullmatch(text)
    minute = int(found[1]) * 60 + int(found[2]) if found else -1
    most = MINUTES if column == "to" else MINUTES - 1
    if found is None or int(found[2]) > 59 or minute > most:
        message, remedy = "is no clock time", 'write hours and minutes, "06:00"; 24:00 ends a day'
        faults.append(Fault(table.name, column, table.row(at), text or "empty", message, remedy))
        return 0
    return minute


def _chosen(table: OwnTable, column: str, at: int, names: tuple[str, ...], faults: list[Fault]) -> list[int]:
    """Positions of the days or months that a cell names, ``Mon-Fri`` or ``Jan, 3-5``."""
    text = table.words(column)[at] if column in table.frame else ""
    chosen: set[int] = set()
    for part in re.split(r"[,;]\s*|\s+", WORDS[column].get(text.lower(), text.lower())):
        ends = [_position(end, names) for end in re.split(r"[-–]", part)]
        if not 1 <= len(ends) <= 2 or None in ends:
            known = f"{names[0][:3].title()}-{names[-1][:3].title()}, a list, or all"
            message = f'"{part}" names no {column}'
            faults.append(Fault(table.name, column, table.row(at), text, message, f"write {known}"))
            return []
        first, last = int(ends[0] or 0), int(ends[-1] or 0)
        chosen.update((first + i) % len(names) for i in range((last - first) % len(names) + 1))
    return sorted(chosen)


def _position(text: str, names: tuple[str, ...]) -> int | None:
    if text.isdigit() and len(names) == 12:
        return int(text) - 1 if 1 <= int(text) <= 12 else None
    found = [at for at, name in enumerate(names) if len(text) >= 2 and name.startswith(text)]
    return found[0] if len(found) == 1 else None


def _moment(month: int, day: int, minute: int) -> str:
    return f"{DAYS[day].title()} {minute // 60:02d}:{minute % 60:02d} in {MONTHS[month].title()}"
