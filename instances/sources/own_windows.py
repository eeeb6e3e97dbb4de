"""A user's own movable requests and trips of electric cars, laid over the intervals of an instance.

Both are tables of stretches of time, in the forms of :mod:`.own_spans`: moments, or clock times of each day.

Requests
    Columns ``request``, ``member``, ``request_kwh``, ``request_kw``, ``earliest``, ``latest`` and, where wanted,
    ``days``: energy and greatest power of a load that may be served from the one moment on and has to be by the other.
    It may use the intervals that lie in between as a whole: by hours from 22:00 to 06:00, the first begins at 22:00 and
    the last at 05:00. Clock times make a request of its own on each day, named ``dishwasher 2018-05-01``. Requests that
    might be served before the period of the instance begins, or after it, are left out.
Trips
    Columns ``storage``, ``departure``, ``arrival``, ``trip_kwh`` and, where wanted, ``required_kwh`` and ``days``: what
    the trip takes out of the storage, and the content with which it has to leave. The car is not plugged in during
    intervals of which it misses any part. What it uses is spread evenly from departure to arrival, and what lies
    outside the period is left out; a car that is away when the period begins has its ``initial_kwh`` then. The required
    content is that of the last state before it leaves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Fault
from .own_spans import Axis, Mask, SpanReader, Spans
from .own_tables import OwnTable

REQUESTS = ("request", "member", "request_kwh", "request_kw", "earliest", "latest")
TRIPS = ("storage", "departure", "arrival", "trip_kwh")
SHOWN = 8
"""How many requests that are left out a description names."""

ROUNDING = 1e-9
"""Share by which the room in a window may fall short of a request."""

Floats = NDArray[np.float64]


def requests_of(
    table: OwnTable, homes: tuple[str, ...] | None, axis: Axis | None, time_zone: str | None, faults: list[Fault]
) -> tuple[dict[str, Any], str]:
    """Fields of the requests that a table makes in a period.

    Parameters
    ----------
    table : OwnTable
        With the columns that the module's description names.
    homes : tuple of str or None
        Members, where they are known.
    axis : Axis or None
        The period, where it is known.
    time_zone : str or None
        Zone of times without an offset.
    faults : list of Fault
        Receives what is wrong.

    Returns
    -------
    fields : dict
        Of :class:`~commonwatt.instances.scheduling.SchedulingInstance`; none where there is no request.
    note : str
        How many requests were left out, if any were.
    """
    kwh, kw = (table.numbers(column, faults, low=0.0) for column in ("request_kwh", "request_kw"))
    owner = np.array(table.positions("member", homes, "household of the series", faults) if homes else [0] * len(kwh))
    names = table.words("request")
    for at in np.flatnonzero([not name for name in names]):
        faults.append(Fault(table.name, "request", table.row(int(at)), "empty", "is empty", "give each request a name"))
    spans = SpanReader(table, ("earliest", "latest"), axis, time_zone, faults).read()
    if axis is None:
        return {}, ""
    label = [f"{names[at]} {day}" if day else names[at] for at, day in zip(spans.row, spans.day, strict=True)]
    earliest = np.ceil(axis.states(spans.begin)).astype(int)
    latest = np.floor(axis.states(spans.end)).astype(int) - 1
    early = _refuse_outside(table, "earliest", spans, axis, spans.begin < axis.covered[0], faults)
    late = _refuse_outside(table, "latest", spans, axis, spans.end > axis.covered[1], faults)
    _refuse_twice(table, spans, label, faults)
    _refuse_narrow(table, spans, axis, kwh, kw * (axis.step / np.timedelta64(1, "h")), latest - earliest + 1, faults)
    whole = (spans.begin >= axis.begin) & (spans.end <= axis.end)
    cut = (spans.begin < axis.end) & (spans.end > axis.begin) & ~(whole | early | late)
    if cut.any() and not whole.any():
        message = f"no request lies within the period, {axis.write(axis.begin)} to {axis.write(axis.end)}, as a whole"
        faults.append(Fault(table.name, message=message, remedy="choose a longer period, or leave the table out"))
    chosen, row = np.flatnonzero(whole), spans.row[whole]
    if not chosen.size:
        return {}, _note([label[k] for k in np.flatnonzero(cut)])
    return {
        "request": [label[k] for k in chosen],
        "request_of": owner[row],
        "request_kwh": kwh[row],
        "request_kw": kw[row],
        "earliest": earliest[chosen],
        "latest": latest[chosen],
    }, _note([label[k] for k in np.flatnonzero(cut)])


def _note(left_out: list[str]) -> str:
    if not left_out:
        return ""
    more = f" and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
    return f"Requests left out, since they may be served outside of the period: {', '.join(left_out[:SHOWN])}{more}."


def _refuse_outside(table: OwnTable, column: str, spans: Spans, axis: Axis, beyond: Mask, faults: list[Fault]) -> Mask:
    """Moments that no period of the series could ever hold; clock times have days enough elsewhere."""
    outside = beyond & np.array([not day for day in spans.day], dtype=bool)
    cells = table.words(column)
    first, last = (axis.write(end) for end in axis.covered)
    message = f"lies outside of what the households' series cover, {first} to {last}"
    for at in spans.row[outside]:
        row = table.row(int(at))
        faults.append(Fault(table.name, column, row, cells[at], message, "correct it, or take the row out"))
    return outside


def _refuse_twice(table: OwnTable, spans: Spans, label: list[str], faults: list[Fault]) -> None:
    seen: dict[str, int] = {}
    told = set()
    for at, name in zip(spans.row, label, strict=True):
        if name in seen and at not in told:
            told.add(at)
            faults.append(
                Fault(table.name, "request", table.row(int(at)), name, "is there twice", "give each request a name")
            )
        seen[name] = int(at)


def _refuse_narrow(
    table: OwnTable,
    spans: Spans,
    axis: Axis,
    kwh: Floats,
    full_kwh: Floats,
    count: NDArray[np.int64],
    faults: list[Fault],
) -> None:
    """Windows without an interval, and those with too few of them; of a row of clock times, the first."""
    usable = table.good("request_kwh") & table.good("request_kw")
    told = set()
    for k, at in enumerate(spans.row):
        room = full_kwh[at] * max(int(count[k]), 0)
        if at in told or not (count[k] <= 0 or (usable[at] and kwh[at] > room * (1 + ROUNDING))):
            continue
        told.add(at)
        window = f"from {axis.write(spans.begin[k])} to {axis.write(spans.end[k])}"
        if count[k] <= 0:
            message, remedy = f"no whole interval lies in the window {window}", "widen the window"
            column, value = "latest", table.words("latest")[at]
        else:
            message = f"{count[k]} intervals {window} have room for {room:.6g} kWh"
            column, value, remedy = "request_kwh", f"{kwh[at]:g}", "lower it, widen the window, or raise request_kw"
        faults.append(Fault(table.name, column, table.row(int(at)), value, message, remedy))


def trips_of(
    table: OwnTable,
    storage: tuple[str, ...] | None,
    limits: tuple[Floats, Floats] | None,
    axis: Axis | None,
    time_zone: str | None,
    faults: list[Fault],
) -> dict[str, Any]:
    """When cars are plugged in, what they use and what they need, by intervals.

    Parameters
    ----------
    table : OwnTable
        With the columns that the module's description names.
    storage : tuple of str or None
        Names of the storages, where they are known.
    limits : tuple of two (S,) arrays or None
        Their capacities and initial contents in kWh, where they are known.
    axis : Axis or None
        The period, where it is known.
    time_zone : str or None
        Zone of times without an offset.
    faults : list of Fault
        Receives what is wrong.

    Returns
    -------
    dict
        ``plugged``, ``trip_kwh`` and ``required_kwh`` of an instance.
    """
    kwh = table.numbers("trip_kwh", faults, low=0.0)
    need = np.zeros(len(kwh))
    if "required_kwh" in table.frame:
        need = table.numbers("required_kwh", faults, low=0.0, empty=0.0)
    car = np.array(table.positions("storage", storage, "storage", faults) if storage is not None else [0] * len(kwh))
    spans = SpanReader(table, ("departure", "arrival"), axis, time_zone, faults).read()
    if storage is None:
        return {}
    known = np.isin(table.words("storage"), storage)
    if limits is not None:
        _refuse_beyond(table, storage, limits, car, known, kwh, need, faults)
    if axis is None:
        return {}
    _refuse_outside(table, "departure", spans, axis, spans.begin > axis.covered[1], faults)
    _refuse_outside(table, "arrival", spans, axis, spans.end <= axis.covered[0], faults)
    spans = spans.only(known[spans.row])
    spans = spans.at(np.lexsort((spans.begin, car[spans.row])))
    _refuse_overlaps(table, spans, axis, car, need, faults)
    leaves = np.floor(axis.states(spans.begin)).astype(int)
    returns = np.ceil(axis.states(spans.end)).astype(int)
    plugged = np.ones((axis.intervals, len(storage)), dtype=int)
    trip, required = np.zeros(plugged.shape), np.zeros((axis.intervals + 1, len(storage)))
    for at, begin, end, first, last in zip(spans.row, spans.begin, spans.end, leaves, returns, strict=True):
        away = np.arange(max(first, 0), min(last, axis.intervals))
        starts = axis.begin + away * axis.step
        share = (np.minimum(starts + axis.step, end) - np.maximum(starts, begin)) / (end - begin)
        plugged[away, car[at]] = 0
        trip[away, car[at]] += kwh[at] * share
        if 0 <= first <= axis.intervals:
            required[first, car[at]] = max(required[first, car[at]], need[at])
            if first == 0 and limits is not None and need[at] > limits[1][car[at]]:
                message = f"it leaves in the first interval, with an initial_kwh of {limits[1][car[at]]:g} kWh"
                remedy = "raise initial_kwh, or begin earlier"
                faults.append(Fault(table.name, "required_kwh", table.row(int(at)), f"{need[at]:g}", message, remedy))
    return {"plugged": plugged, "trip_kwh": trip} | ({"required_kwh": required} if need.any() else {})


def _refuse_beyond(
    table: OwnTable,
    storage: tuple[str, ...],
    limits: tuple[Floats, Floats],
    car: NDArray[np.int64],
    known: Mask,
    kwh: Floats,
    need: Floats,
    faults: list[Fault],
) -> None:
    """What no storage of its size can hold."""
    capacity, initial = (limit[car] for limit in limits)
    for column, value, most, remedy in (
        ("trip_kwh", kwh, np.maximum(capacity, initial), "leave out what is charged on the way, or raise capacity_kwh"),
        ("required_kwh", need, capacity, "lower it, or raise capacity_kwh"),
    ):
        for at in np.flatnonzero(known & (value > most)):
            message = f"is above the {most[at]:g} kWh that {storage[car[at]]} holds"
            faults.append(Fault(table.name, column, table.row(int(at)), f"{value[at]:g}", message, remedy))


def _refuse_overlaps(
    table: OwnTable, spans: Spans, axis: Axis, car: NDArray[np.int64], need: Floats, faults: list[Fault]
) -> None:
    """Departures of a car that is still away, or back too late to be plugged in before it needs a content."""
    told = set()
    latest = 0
    for k in range(1, len(spans.row)):
        at, other = spans.row[k], spans.row[latest]
        if car[at] != car[other]:
            latest = k
            continue
        back, leaves = spans.end[latest], spans.begin[k]
        late = leaves < back
        # Back and away within one interval: its charge would be needed in a state in which it is still on the road.
        hasty = need[at] > 0 and np.ceil(axis.states(back)) > np.floor(axis.states(leaves))
        if (late or hasty) and (at, other) not in told:
            told.add((at, other))
            when = f"at {axis.write(leaves)} it {'is still away' if late else 'has just come back'}"
            message = f"{when}, on the trip of row {table.row(int(other))} until {axis.write(back)}"
            if late:
                column, value, remedy = "departure", table.words("departure")[at], "correct one of the two trips"
            else:
                message += ", within one interval"
                column, value, remedy = "required_kwh", f"{need[at]:g}", "leave it empty, or make one trip of the two"
            faults.append(Fault(table.name, column, table.row(int(at)), value, message, remedy))
        if spans.end[k] > back:
            latest = k
