"""Scheduling instances of a user's own data: households' series, a tariff, storages, requests and trips, in one call.

Households come in any form that :mod:`.households` reads, the tariff in one of those of :mod:`.tariffs`. Storages are
the table of :mod:`.own_storages`; movable requests, and the trips of storages that are electric cars, are those of
:mod:`.own_windows`. Whatever is wrong with any of them is named, all of it in one error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import Fault, InstanceError
from ..fields import specs
from ..record import Meta
from ..scheduling import SchedulingInstance
from .households import read_households
from .own_spans import Axis
from .own_storages import OPTIONAL, REQUIRED, stores_of
from .own_tables import Table, own_table
from .own_windows import REQUESTS, TRIPS, requests_of, trips_of
from .series import HouseholdSeries
from .tariffs import PriceSeries, Tariff, read_tariff

OF_REQUESTS = ("request", "request_of", "request_kwh", "request_kw", "earliest", "latest")
OF_TRIPS = ("plugged", "trip_kwh", "required_kwh")
"""Fields that the tables of requests and of trips make, and settings then may not."""

Times = NDArray[np.datetime64]


class Tables(NamedTuple):
    """What a user gives besides households."""

    tariff: Table
    storages: Table | None
    requests: Table | None
    trips: Table | None


def scheduling_from_households(
    path: str | Path,
    tariff: Table,
    *,
    storages: Table | None = None,
    requests: Table | None = None,
    trips: Table | None = None,
    time_zone: str | None = None,
    begin: str | None = None,
    end: str | None = None,
    name: str = "",
    settings: Mapping[str, Any] | None = None,
    min_days: float = 0.0,
    **reading: Any,
) -> SchedulingInstance:
    """Build an instance from a file or folder of one's own load and generation, a tariff, storages, requests and trips.

    Parameters
    ----------
    path : str or Path
        CSV or Parquet, long, wide or a folder; see :mod:`commonwatt.instances.sources.households`.
    tariff : DataFrame, str or Path
        Times of use, or a series of prices; see :mod:`commonwatt.instances.sources.tariffs`.
    storages : DataFrame, str or Path, optional
        See :mod:`commonwatt.instances.sources.own_storages`.
    requests, trips : DataFrame, str or Path, optional
        Movable loads, and when storages that are electric cars are away; see
        :mod:`commonwatt.instances.sources.own_windows`.
    time_zone : str, optional
        IANA name of the zone whose clock tariff, requests and trips follow, and from which timestamps without offsets
        were read.
    begin, end : str, optional
        First moment, and the moment after the last, on that clock: ``"2018-05-01"``, ``"2018-05-01T06:00"``. All by
        default.
    name : str
        Name of the instance; the file's by default.
    settings : mapping, optional
        Further fields of :class:`~commonwatt.instances.scheduling.SchedulingInstance`, for example
        ``{"currency": "USD", "demand_charge": 8.0}``.
    min_days : float
        Households with at most so many days of measurements are dropped; by default none that has any.
    **reading
        Passed on to :func:`commonwatt.instances.sources.households.read_households`, for example ``attributes``.

    Returns
    -------
    SchedulingInstance

    Raises
    ------
    InstanceError
        Naming table, column, row, value and remedy of every fault of households, tariff, storages, requests and trips.
    FileNotFoundError
        If there is no such file.
    ValueError
        If an argument makes no sense.

    Examples
    --------
    A street in Berlin with one battery, from the first of May on, under a tariff with a cheap night::

        scheduling_from_households(
            "street.csv",
            pd.DataFrame({"from": ["22:00", "06:00"], "to": ["06:00", "22:00"], "buy_price": [0.22, 0.34]}),
            storages="batteries.csv",
            time_zone="Europe/Berlin",
            begin="2018-05-01",
            end="2018-05-08",
        )
    """
    faults: list[Fault] = []
    series: HouseholdSeries | None = None
    try:
        series = read_households(path, time_zone=time_zone, min_days=min_days, **reading)
    except InstanceError as error:
        faults.extend(error.faults)
    tables = Tables(tariff, storages, requests, trips)
    return _build(series, tables, time_zone, begin, end, name or Path(path).name.split(".")[0], settings, faults)


def scheduling_from_series(
    series: HouseholdSeries,
    tariff: Table,
    *,
    storages: Table | None = None,
    requests: Table | None = None,
    trips: Table | None = None,
    time_zone: str | None = None,
    begin: str | None = None,
    end: str | None = None,
    name: str = "",
    settings: Mapping[str, Any] | None = None,
) -> SchedulingInstance:
    """Build an instance from household series of any source, a tariff, storages, requests and trips.

    Parameters
    ----------
    series : HouseholdSeries
        Load and generation.
    tariff, storages, requests, trips, time_zone, begin, end, name, settings
        As in :func:`scheduling_from_households`. Series whose clock is "as written" take no time zone: the tariff
        follows their own clock.

    Returns
    -------
    SchedulingInstance

    Raises
    ------
    InstanceError
        Naming table, column, row, value and remedy of every fault.
    ValueError
        If an argument makes no sense.
    """
    tables = Tables(tariff, storages, requests, trips)
    return _build(series, tables, time_zone, begin, end, name or series.title, settings, [])


def _build(
    series: HouseholdSeries | None,
    tables: Tables,
    time_zone: str | None,
    begin: str | None,
    end: str | None,
    name: str,
    settings: Mapping[str, Any] | None,
    faults: list[Fault],
) -> SchedulingInstance:
    _check_arguments(series, tables, time_zone, settings)
    homes = series.household if series is not None else None
    paid = read_tariff(tables.tariff, time_zone, faults)
    stores, usable = stores_of(tables.storages, homes, faults)
    part = _period(series, time_zone, begin, end, faults) if series is not None else slice(0, 0)
    axis = _axis(series, part, time_zone) if series is not None and part.stop > part.start else None
    fields, notes = _windows(tables, homes, stores, usable, axis, time_zone, faults)
    if series is None:
        raise InstanceError(faults, name)
    buy, sell = np.zeros(0), np.zeros(0)
    if paid is not None and part.stop > part.start:
        buy, sell = _prices(paid, series, series.time[part], time_zone, faults)
    if faults:
        raise InstanceError(faults, name)
    return SchedulingInstance(
        meta=Meta(
            name=name,
            title=series.title,
            description=_description(series, part, buy, sell, notes),
            licence=series.licence,
            sources=(series.source,) if series.source else (),
        ),
        interval=clock_labels(series.time[part], time_zone if series.clock == "UTC" else None, series.clock == "UTC"),
        member=list(series.household),
        load_kwh=series.load_kwh[part],
        generation_kwh=series.generation_kwh[part],
        buy_price=buy,
        sell_price=sell,
        dt_h=series.dt_h,
        **stores,
        **fields,
        **(settings or {}),
    )


def _check_arguments(
    series: HouseholdSeries | None, tables: Tables, time_zone: str | None, settings: Mapping[str, Any] | None
) -> None:
    if tables.trips is not None and tables.storages is None:
        raise ValueError("trips are those of storages; pass storages, with a row for each car")
    if time_zone is not None:
        try:
            ZoneInfo(time_zone)
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(f'time_zone is {time_zone!r}; give an IANA name such as "Europe/Berlin"') from error
        if series is not None and series.clock != "UTC":
            raise ValueError("the series keeps a clock of its own; leave time_zone out, or read it with that zone")
    own = {"interval", "member", "load_kwh", "generation_kwh", "buy_price", "sell_price", "dt_h", "storage"}
    own |= {"storage_of", *REQUIRED[2:], *OPTIONAL}
    own |= {*(OF_REQUESTS if tables.requests is not None else ()), *(OF_TRIPS if tables.trips is not None else ())}
    known = set(specs(SchedulingInstance)) - own
    for field in settings or {}:
        if field not in known:
            raise ValueError(f"settings has no field {field!r}; known: {', '.join(sorted(known))}")


def _windows(
    tables: Tables,
    homes: tuple[str, ...] | None,
    stores: Mapping[str, Any],
    usable: bool,
    axis: Axis | None,
    time_zone: str | None,
    faults: list[Fault],
) -> tuple[dict[str, Any], list[str]]:
    """Fields of requests and trips, and what is to be noted of them."""
    fields: dict[str, Any] = {}
    notes: list[str] = []
    if tables.requests is not None:
        table = own_table(tables.requests, "requests", faults, required=REQUESTS, optional=("days",), key="request")
        if table is not None:
            found, left_out = requests_of(table, homes, axis, time_zone, faults)
            fields |= found
            notes += [left_out] if left_out else []
    if tables.trips is not None:
        table = own_table(tables.trips, "trips", faults, required=TRIPS, optional=("required_kwh", "days"))
        if table is not None:
            limits = None
            if usable:
                limits = stores["capacity_kwh"], stores.get("initial_kwh", np.zeros(len(stores["storage"])))
            names = tuple(stores["storage"]) if stores else None
            fields |= trips_of(table, names, limits, axis, time_zone, faults)
    return fields, notes


def _axis(series: HouseholdSeries, part: slice, time_zone: str | None) -> Axis:
    step = np.timedelta64(round(series.dt_h * 3600), "s")
    covered = series.time[0], series.time[-1] + step
    return Axis(series.time[part.start], step, part.stop - part.start, covered, series.clock == "UTC", time_zone)


def _period(
    series: HouseholdSeries, time_zone: str | None, begin: str | None, end: str | None, faults: list[Fault]
) -> slice:
    """Positions of the intervals that lie in the period."""
    first = 0 if begin is None else int(np.searchsorted(series.time, _moment(begin, "begin", time_zone)))
    last = len(series.time)
    if end is not None:
        step = np.timedelta64(round(series.dt_h * 3600), "s")
        last = int(np.searchsorted(series.time + step, _moment(end, "end", time_zone), side="right"))
    if last <= first:
        covered = f"{series.time[0]} to {series.time[-1]} ({series.clock})"
        message, remedy = "holds no interval of the series", f"choose a period within {covered}"
        faults.append(Fault("series", "time", "", f"{begin or 'start'} to {end or 'end'}", message, remedy))
    return slice(first, max(first, last))


def _moment(text: str, argument: str, time_zone: str | None) -> np.datetime64:
    """A moment as the series counts it: in UTC where a zone is given."""
    try:
        moment = pd.Timestamp(text)
        if time_zone is not None and moment.tz is None:
            moment = moment.tz_localize(time_zone)
    except ValueError as error:
        raise ValueError(f"{argument} is {text!r}; write an unambiguous moment such as 2018-05-01T06:00") from error
    if moment.tz is not None:
        moment = moment.tz_convert("UTC").tz_localize(None)
    return moment.to_datetime64().astype("datetime64[s]")


def _prices(
    paid: Tariff, series: HouseholdSeries, time: Times, time_zone: str | None, faults: list[Fault]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if isinstance(paid, PriceSeries):
        return paid.prices(time, series.dt_h, series.clock == "UTC", faults)
    if series.clock == "UTC" and time_zone is None:
        message = "the tariff's clock times cannot be placed, since the households' times are UTC"
        remedy = 'pass time_zone, for example time_zone="Europe/Berlin", or "UTC"'
        faults.append(Fault("tariff", "from", message=message, remedy=remedy))
        return np.zeros(len(time)), np.zeros(len(time))
    return paid.prices(time, series.dt_h, time_zone, faults)


def _description(
    series: HouseholdSeries, part: slice, buy: NDArray[np.float64], sell: NDArray[np.float64], more: Sequence[str]
) -> str:
    notes = [f"Buying costs {buy.min():g} to {buy.max():g} per kWh, selling brings {sell.min():g} to {sell.max():g}."]
    missing = int((~series.available[part]).sum())
    if missing:
        notes.append(f"{missing} cells were not measured and count 0 kWh.")
    if series.dropped:
        notes.append(f"Dropped for want of data: {', '.join(series.dropped)}.")
    return " ".join([*notes, *more])


def clock_labels(time: Times, time_zone: str | None, in_utc: bool) -> list[str]:
    """Labels of intervals: with the zone's offset where one is given, else in UTC or as the clock shows them.

    Parameters
    ----------
    time : (T,) datetime64[s]
        Starts.
    time_zone : str or None
        IANA name; times are UTC then.
    in_utc : bool
        Whether times without a zone are UTC.

    Returns
    -------
    list of str
        ISO 8601, to the minute where that suffices.
    """
    whole = not (time.astype("datetime64[s]").astype(np.int64) % 60).any()
    form = "minutes" if whole else "seconds"
    if time_zone is None:
        return [f"{text}{'Z' if in_utc else ''}" for text in np.datetime_as_string(time, unit="m" if whole else "s")]
    local = pd.DatetimeIndex(time).tz_localize("UTC").tz_convert(time_zone)
    return [moment.isoformat(timespec=form) for moment in local]
