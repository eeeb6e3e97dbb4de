"""Timestamps as users write them: ISO 8601, with or without offsets, in UTC or in local clock time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import Fault
from .tabular import LISTED, texts

OFFSET = r":\d{2}(?:\.\d+)?\s*(?:Z|[+-]\d{2}:?\d{2}|[+-]\d{2})$"
CHANGE = 'if the clock changes between winter and summer time, pass time_zone, for example time_zone="Europe/Berlin"'

Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Clock:
    """Time of every row of a table: ``time[code[i]]``, or NaT where row i has no usable timestamp."""

    time: Times
    in_utc: bool


def read_clock(
    column: pa.ChunkedArray,
    table: str,
    name: str,
    time_zone: str | None,
    group: NDArray[np.int64] | None,
    faults: list[Fault],
) -> Clock:
    """Read a column of timestamps.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Timestamps, or texts in ISO 8601.
    table, name : str
        File and column, for the faults.
    time_zone : str, optional
        IANA name of the zone whose clock the timestamps without an offset were read from. An hour that the clock
        shows twice in autumn is told apart by order of occurrence: first summer time, then winter time.
    group : (rows,) array of int, optional
        Household of each row in the long form: order of occurrence is counted per household.
    faults : list of Fault
        Receives timestamps that cannot be read, that the zone's clock never shows, and a mixture of forms.

    Returns
    -------
    Clock
        One time per row, s.
    """
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        # Distinct times only: a long table repeats each of them for every household.
        encoded = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None))).dictionary_encode()
        chunk = encoded.combine_chunks()
        chunk = chunk.chunk(0) if isinstance(chunk, pa.ChunkedArray) else chunk
        code = np.asarray(chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
        aware = column.type.tz is not None if pa.types.is_timestamp(column.type) else False
        distinct = pd.DatetimeIndex(chunk.dictionary.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False))
        written = [str(time) for time in distinct]
        _report_labels(faults, table, name, [""] if (code < 0).any() else [], "is empty", "give every row its start")
    else:
        code, written = texts(column)
        distinct, aware = _parse(written, table, name, faults)
    if aware or time_zone is None:
        return Clock(_take(distinct, code), aware)
    return Clock(_local(distinct, code, written, table, name, time_zone, group, faults), True)


def _parse(written: Sequence[str], table: str, name: str, faults: list[Fault]) -> tuple[pd.DatetimeIndex, bool]:
    """Turn distinct texts into naive times (in UTC where they carry offsets)."""
    cells = pd.Series(list(written), dtype=object)
    offset = cells.str.contains(OFFSET, regex=True)
    # A number alone ("2016", "45000.5") would pass as a year, though it is none.
    shaped = cells.str.match(r"^\d{4}-\d{2}-\d{2}")
    parsed = pd.to_datetime(cells.where(shaped), format="ISO8601", errors="coerce", utc=True)
    remedy = "write the start of the interval as 2030-01-31 13:00"
    bad = list(cells[parsed.isna()])
    _report_labels(faults, table, name, bad, "is no ISO 8601 timestamp", remedy)
    if offset.any() and not offset[parsed.notna()].all():
        plain = cells[parsed.notna() & ~offset].iloc[0]
        message = f"has no offset from UTC although others have one ({cells[offset].iloc[0]})"
        faults.append(Fault(table, name, plain, plain, message, "give all of them an offset, or none"))
    return pd.DatetimeIndex(parsed.dt.tz_localize(None)), bool(offset.any())


def _local(
    distinct: pd.DatetimeIndex,
    code: NDArray[np.int64],
    written: Sequence[str],
    table: str,
    name: str,
    time_zone: str,
    group: NDArray[np.int64] | None,
    faults: list[Fault],
) -> Times:
    """Turn a zone's clock time into UTC, telling the two passes of the autumn hour apart."""

    def localise(summer: bool) -> pd.DatetimeIndex:
        chosen = np.full(len(distinct), summer)
        return distinct.tz_localize(time_zone, ambiguous=chosen, nonexistent="NaT").tz_convert("UTC").tz_localize(None)

    first, second = localise(True), localise(False)
    never = np.asarray(first.isna()) & ~np.asarray(distinct.isna())
    message = f"does not exist on the clock of {time_zone}, which is put forward then"
    remedy = "leave time_zone out if the times are standard time all year"
    _report_labels(faults, table, name, [written[int(at)] for at in np.flatnonzero(never)], message, remedy)
    time = _take(first, code)
    twice = np.append(np.asarray(first != second) & ~np.asarray(first.isna()), False)[code]
    rows = np.flatnonzero(twice)
    if rows.size:
        passes = pd.DataFrame({"time": time, "group": 0 if group is None else group})
        ends = passes[np.isin(passes["group"], passes["group"].iloc[rows])].dropna().groupby("group")["time"]
        backwards = np.asarray(ends.first() > ends.last())
        if backwards.any():
            row, what = (
                written[int(code[rows[0]])],
                "is there twice, and times run backwards: its passes cannot be told apart",
            )
            faults.append(Fault(table, name, row, "", what, "sort the rows by time, earliest first"))
        keys = pd.DataFrame({"code": code[rows], "group": 0 if group is None else group[rows]})
        again = keys.groupby(["code", "group"]).cumcount().to_numpy() > 0
        time[rows[again]] = _take(second, code)[rows[again]]
    return time


def _take(distinct: pd.DatetimeIndex, code: NDArray[np.int64]) -> Times:
    """Time of each row; code -1 means none."""
    known = np.append(distinct.to_numpy().astype("datetime64[s]"), np.datetime64("NaT", "s"))
    return known[code]


def _report_labels(
    faults: list[Fault], table: str, name: str, labels: Sequence[str], message: str, remedy: str
) -> None:
    faults.extend(Fault(table, name, label, label or "empty", message, remedy) for label in labels[:LISTED])
    if len(labels) > LISTED:
        faults.append(Fault(table, name, message=f"{len(labels) - LISTED} more timestamps: {message}"))


def label(time: np.datetime64, in_utc: bool) -> str:
    """Write a time as faults name it, to the minute."""
    return f"{np.datetime_as_string(time, unit='m')}{'Z' if in_utc else ''}"


def regular_step(times: Times, table: str, in_utc: bool, faults: list[Fault]) -> float:
    """Find the step of distinct, ascending times: their most common difference.

    Parameters
    ----------
    times : (T,) datetime64[s]
        Distinct and ascending.
    table : str
        For the faults.
    in_utc : bool
        Whether times are UTC, for the faults.
    faults : list of Fault
        Receives gaps, and every other step.

    Returns
    -------
    float
        The step in hours; 0 where there are fewer than two times, which is a fault.
    """
    if len(times) < 2:
        faults.append(Fault(table, "time", message="has fewer than two times", remedy="give at least two intervals"))
        return 0.0
    steps = np.diff(times).astype(np.int64)
    lengths, counts = np.unique(steps, return_counts=True)
    step = int(lengths[np.argmax(counts)])
    odd = np.flatnonzero(steps != step)
    hours = step / 3600
    for at in odd[:LISTED]:
        found = f"{steps[at] / 3600:g} h"
        if steps[at] % step == 0:
            missing, since = steps[at] // step - 1, label(times[at], in_utc)
            message = f"gap in time: {missing} interval(s) of {hours:g} h missing after {since}"
            remedy = f"add the missing rows, with empty cells if nothing was measured; {CHANGE}"
        else:
            message, remedy = f"the step is {found} here and {hours:g} h elsewhere", "bring all rows to one step"
        faults.append(Fault(table, "time", label(times[at + 1], in_utc), found, message, remedy))
    if len(odd) > LISTED:
        faults.append(Fault(table, "time", message=f"{len(odd) - LISTED} more steps differ from {hours:g} h"))
    return hours
