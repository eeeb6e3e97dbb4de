"""Scheduling instances of a user's own data: prices at the right hours, storages where they belong, faults all named.

Strategy: small households made here, so that every price and energy is known; days on which the clock changes; tariffs
whose rows overlap, leave gaps or cannot be read; trips held to a count of minutes; one table for each thing that can be
wrong with requests and trips; and the real data where it is there.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commonwatt.instances.errors import Fault, InstanceError
from commonwatt.instances.sources.households import read_households
from commonwatt.instances.sources.own_scheduling import scheduling_from_households, scheduling_from_series
from commonwatt.instances.sources.series import HouseholdSeries

import commonwatt as cw
from commonwatt import cli

BERLIN = "Europe/Berlin"
TWO_RATES = pd.DataFrame({"from": ["22:00", "06:00"], "to": ["06:00", "22:00"], "buy_price": [0.2, 0.3]})


def series(first: str = "2030-06-03T00:00", steps: int = 24, dt_h: float = 1.0, clock: str = "UTC") -> HouseholdSeries:
    """Two homes, the second with panels, from a given time on."""
    time = np.datetime64(first, "s") + np.arange(steps) * np.timedelta64(round(3600 * dt_h), "s")
    load = np.column_stack([np.arange(1.0, steps + 1), np.full(steps, 0.5)])
    return HouseholdSeries(
        time=time,
        dt_h=dt_h,
        household=("north", "south"),
        load_kwh=load,
        generation_kwh=load * [0.0, 1.0],
        available=np.ones(load.shape, dtype=bool),
        attributes=pd.DataFrame(index=["north", "south"]),
        clock=clock,
        title="two homes",
        licence="MIT",
        source="made here",
    )


def csv(path: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(path, index=False)
    return path


def faults_of(*arguments: object, **options: object) -> tuple[Fault, ...]:
    with pytest.raises(InstanceError) as caught:
        scheduling_from_series(*arguments, **options)
    return caught.value.faults


def test_loads_generation_and_names_arrive() -> None:
    given = series()
    made = scheduling_from_series(given, TWO_RATES, time_zone="UTC", settings={"currency": "USD", "demand_charge": 2.0})
    np.testing.assert_array_equal(made.load_kwh, given.load_kwh)
    np.testing.assert_array_equal(made.generation_kwh, given.generation_kwh)
    assert list(made.member) == ["north", "south"]
    assert (made.currency, made.demand_charge, made.dt_h) == ("USD", 2.0, 1.0)
    assert (made.meta.name, made.meta.licence, made.meta.sources) == ("two homes", "MIT", ("made here",))
    assert not made.sell_price.any()
    assert len(made.storage) == 0
    assert str(cw.solve(made).status) == "optimal"


@pytest.mark.parametrize(
    ("first", "steps", "changed"),
    [("2018-03-24T23:00", 23, "2018-03-25T03:00+02:00"), ("2018-10-27T22:00", 25, "2018-10-28T02:00+01:00")],
    ids=["spring", "autumn"],
)
@pytest.mark.parametrize("dt_h", [1.0, 0.5, 0.25])
def test_day_of_the_clock_change_is_priced_by_the_clock(first, steps, changed, dt_h) -> None:
    made = scheduling_from_series(series(first, round(steps / dt_h), dt_h), TWO_RATES, time_zone=BERLIN)
    assert changed in set(made.interval)
    assert made.interval[0].endswith("00:00+01:00" if steps == 23 else "00:00+02:00")
    assert made.interval[-1][11:13] == "23"
    for label, price in zip(made.interval, made.buy_price, strict=True):
        assert price == (0.3 if 6 <= datetime.fromisoformat(label).hour < 22 else 0.2), label
    # The night loses or gains an hour, the day keeps its sixteen.
    assert (made.buy_price == 0.3).sum() * dt_h == 16
    assert (made.buy_price == 0.2).sum() * dt_h == steps - 16


def test_days_and_months_are_those_of_the_moment() -> None:
    tariff = pd.DataFrame(
        {
            "from": ["00:00", "00:00", "22:00", "06:00", "00:00"],
            "to": ["24:00", "24:00", "06:00", "22:00", "24:00"],
            "days": ["all", "Sunday", "Mon-Thu, Fri", "weekdays", "sat"],
            "months": ["Jan-May; 7-12", "jun", "6", "June", "JUN"],
            "buy_price": [0.1, 0.2, 0.3, 0.4, 0.5],
            "sell_price": [0.01, 0.02, 0.03, 0.04, 0.05],
        }
    )
    # Friday, 31 May 2030 to Monday, 3 June 2030.
    made = scheduling_from_series(series("2030-05-31T00:00", 96), tariff, time_zone="UTC")
    expected = [0.1] * 24 + [0.5] * 24 + [0.2] * 24 + [0.3] * 6 + [0.4] * 16 + [0.3] * 2
    assert made.buy_price.tolist() == expected
    np.testing.assert_allclose(made.sell_price, made.buy_price / 10.0, rtol=1e-12)


def test_price_that_changes_inside_an_interval_is_its_mean() -> None:
    tariff = pd.DataFrame({"from": ["00:00", "06:40"], "to": ["06:40", "24:00"], "buy_price": [0.3, 0.6]})
    made = scheduling_from_series(series(), tariff, time_zone="UTC")
    np.testing.assert_allclose(made.buy_price, [0.3] * 6 + [0.4] + [0.6] * 17, rtol=1e-12)


def test_hours_of_a_zone_off_by_half_an_hour_are_split() -> None:
    made = scheduling_from_series(series("2030-06-03T00:00", 2), TWO_RATES, time_zone="Asia/Kolkata")
    assert list(made.interval) == ["2030-06-03T05:30+05:30", "2030-06-03T06:30+05:30"]
    np.testing.assert_allclose(made.buy_price, [0.25, 0.3], rtol=1e-12)


def test_series_with_a_clock_of_its_own_needs_no_zone_and_takes_none() -> None:
    given = series(clock="as written")
    made = scheduling_from_series(given, TWO_RATES)
    assert made.interval[0] == "2030-06-03T00:00"
    assert made.buy_price.tolist() == [0.2] * 6 + [0.3] * 16 + [0.2] * 2
    with pytest.raises(ValueError, match="keeps a clock of its own"):
        scheduling_from_series(given, TWO_RATES, time_zone=BERLIN)


def test_clock_of_a_tariff_is_not_guessed() -> None:
    (fault,) = faults_of(series(), TWO_RATES)
    assert "cannot be placed" in fault.message
    assert "time_zone" in fault.remedy


def price_series(first: str, steps: int, minutes: int, **columns: object) -> pd.DataFrame:
    time = pd.date_range(first, periods=steps, freq=f"{minutes}min")
    return pd.DataFrame({"time": time, "buy_price": np.arange(steps) / 100.0, **columns})


@pytest.mark.parametrize(
    ("minutes", "steps", "expected"),
    [
        (60, 3, [0.0, 0.0, 0.01, 0.01, 0.02, 0.02]),
        (30, 6, [0.0, 0.01, 0.02, 0.03, 0.04, 0.05]),
        (15, 12, [0.005, 0.025, 0.045, 0.065, 0.085, 0.105]),
    ],
)
def test_price_series_of_any_step_is_laid_over_half_hours(minutes, steps, expected) -> None:
    tariff = price_series("2030-06-03T00:00Z", steps, minutes, sell_price=-0.5)
    made = scheduling_from_series(series(steps=6, dt_h=0.5), tariff)
    np.testing.assert_allclose(made.buy_price, expected, rtol=1e-12)
    assert (made.sell_price == -0.5).all()
    assert made.interval[0] == "2030-06-03T00:00Z"


def test_price_series_in_local_time_of_the_autumn_change(tmp_path) -> None:
    hours = [*range(3), *range(2, 24)]
    written = pd.DataFrame(
        {
            "time": [f"2018-10-28 {hour:02d}:00" for hour in hours],
            "buy_price": np.arange(25) / 100.0,
            "sell_price": -0.1,
        }
    )
    path = csv(tmp_path / "prices.csv", written)
    made = scheduling_from_series(series("2018-10-27T22:00", 25), path, time_zone=BERLIN)
    assert made.buy_price.tolist() == written["buy_price"].tolist()
    assert list(made.interval[2:4]) == ["2018-10-28T02:00+02:00", "2018-10-28T02:00+01:00"]


def test_price_series_that_is_too_short_or_on_another_clock() -> None:
    (fault,) = faults_of(series(), price_series("2030-06-03T00:00Z", 20, 60))
    assert "no price for 2030-06-03T20:00Z and 3 more" in fault.message
    (fault,) = faults_of(series(), price_series("2030-06-03T00:00", 24, 60))
    assert "times have no offset" in fault.message
    twice = pd.concat([price_series("2030-06-03T00:00Z", 24, 60), price_series("2030-06-03T05:00Z", 1, 60)])
    (fault,) = faults_of(series(), twice)
    assert (fault.row, fault.message) == ("2030-06-03T05:00Z", "the time is there twice")


def test_period_is_cut_on_the_clock() -> None:
    given = series("2018-10-26T22:00", 73)
    made = scheduling_from_series(given, TWO_RATES, time_zone=BERLIN, begin="2018-10-28", end="2018-10-29")
    assert len(made.interval) == 25
    assert (made.interval[0], made.interval[-1]) == ("2018-10-28T00:00+02:00", "2018-10-28T23:00+01:00")
    assert made.load_kwh[0, 0] == 25.0
    hour = scheduling_from_series(
        given, TWO_RATES, time_zone=BERLIN, begin="2018-10-28T02:00+01:00", end="2018-10-28T03:00"
    )
    assert list(hour.interval) == ["2018-10-28T02:00+01:00"]
    (fault,) = faults_of(given, TWO_RATES, time_zone=BERLIN, begin="2019-01-01")
    assert "holds no interval" in fault.message
    with pytest.raises(ValueError, match="write an unambiguous moment"):
        scheduling_from_series(given, TWO_RATES, time_zone=BERLIN, begin="2018-10-28T02:00")


def test_storages_are_placed_and_filled_with_what_is_declared(tmp_path) -> None:
    table = pd.DataFrame(
        {
            "storage": ["big", "small"],
            "member": ["south", "north"],
            "capacity_kwh": [10.0, 4.0],
            "charge_kw": [5.0, 2.0],
            "charge_efficiency": [0.9, np.nan],
            "initial_kwh": [5.0, 0.0],
            "terminal_value": [-0.1, 0.2],
        }
    )
    for given in (table, csv(tmp_path / "batteries.csv", table)):
        made = scheduling_from_series(series(), TWO_RATES, storages=given, time_zone="UTC")
        assert list(made.storage) == ["big", "small"]
        assert made.storage_of.tolist() == [1, 0]
        assert made.discharge_kw.tolist() == [5.0, 2.0]
        assert made.charge_efficiency.tolist() == [0.9, 1.0]
        assert made.retention.tolist() == [1.0, 1.0]
        assert made.terminal_value.tolist() == [-0.1, 0.2]


def test_every_fault_of_all_tables_stands_in_one_error(tmp_path) -> None:
    home = csv(
        tmp_path / "home.csv",
        pd.DataFrame({"time": ["2030-06-03T00:00Z", "2030-06-03T01:00Z"], "load_kwh_a": ["1.0", "-2"]}),
    )
    tariff = csv(
        tmp_path / "tariff.csv",
        pd.DataFrame(
            {"from": ["0:00", "25:00"], "to": ["12:00", "24:00"], "days": ["all", "Fun"], "buy_price": ["x", ""]}
        ),
    )
    store = csv(
        tmp_path / "store.csv",
        pd.DataFrame(
            {
                "storage": ["b", "b"],
                "member": ["a", "a"],
                "capacity_kwh": ["-1", "2"],
                "charge_kw": [1, 1],
                "colour": "red",
            }
        ),
    )
    with pytest.raises(InstanceError) as caught:
        scheduling_from_households(home, tariff, storages=store, time_zone=BERLIN)
    found = [(fault.table, fault.column, fault.row, fault.value) for fault in caught.value.faults]
    assert found == [
        ("home.csv", "load_kwh_a", "2030-06-03T01:00Z", "-2"),
        ("tariff.csv", "buy_price", "2", "empty"),
        ("tariff.csv", "buy_price", "1", "x"),
        ("tariff.csv", "from", "2", "25:00"),
        ("tariff.csv", "days", "2", "Fun"),
        ("store.csv", "colour", "", ""),
        ("store.csv", "storage", "b", "b"),
        ("store.csv", "capacity_kwh", "b", "-1"),
    ]
    assert all(fault.message and fault.remedy for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("tariff", "words"),
    [
        ({"from": ["22:00"], "to": ["06:00"], "buy_price": [0.2]}, "no row covers Monday 06:00 in January"),
        (
            {"from": ["00:00", "05:00"], "to": ["06:00", "24:00"], "buy_price": [0.2, 0.3]},
            "covers Monday 05:00 in January, which row 1 covers, too",
        ),
        (
            {"from": ["00:00"], "to": ["24:00"], "months": ["Jan-Nov"], "buy_price": [0.2]},
            "no row covers Monday 00:00 in December",
        ),
        ({"from": ["00:00"], "to": ["24:00"], "months": ["Ju"], "buy_price": [0.2]}, '"ju" names no months'),
        ({"from": ["00:00"], "to": ["24:00"], "days": ["Mon-"], "buy_price": [0.2]}, '"mon-" names no days'),
        ({"from": ["24:00"], "to": ["12:00"], "buy_price": [0.2]}, "is no clock time"),
        ({"from": ["00:00"], "buy_price": [0.2]}, "there is no such column"),
        ({"to": ["24:00"], "from": ["00:00"], "buy_price": [np.inf]}, "is no finite number"),
        ({"price": [0.2]}, "there is no such column"),
    ],
)
def test_unusable_tariff_is_named(tariff, words) -> None:
    assert any(words in fault.message for fault in faults_of(series(), pd.DataFrame(tariff), time_zone="UTC"))


def test_unknown_member_and_bad_arguments() -> None:
    store = pd.DataFrame({"storage": ["b"], "member": ["west"], "capacity_kwh": [1.0], "charge_kw": [1.0]})
    (fault,) = faults_of(series(), TWO_RATES, storages=store, time_zone="UTC")
    assert (fault.column, fault.row, fault.value) == ("member", "b", "west")
    assert "north, south" in fault.remedy
    with pytest.raises(ValueError, match="settings has no field 'load_kwh'"):
        scheduling_from_series(series(), TWO_RATES, time_zone="UTC", settings={"load_kwh": 1.0})
    with pytest.raises(ValueError, match="give an IANA name"):
        scheduling_from_series(series(), TWO_RATES, time_zone="Berlin")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        scheduling_from_series(series(), "absent.csv", time_zone="UTC")


def test_households_in_local_time_across_the_spring_change(tmp_path) -> None:
    hours = [hour for hour in range(24) if hour != 2]
    home = csv(
        tmp_path / "home.csv",
        pd.DataFrame({"time": [f"2018-03-25 {hour:02d}:00" for hour in hours], "load_kwh_a": np.arange(23.0)}),
    )
    made = scheduling_from_households(home, TWO_RATES, time_zone=BERLIN)
    assert len(made.interval) == 23
    assert list(made.interval[1:3]) == ["2018-03-25T01:00+01:00", "2018-03-25T03:00+02:00"]
    assert made.buy_price.tolist() == [0.2] * 5 + [0.3] * 16 + [0.2] * 2
    assert made.load_kwh[:, 0].tolist() == list(range(23))
    assert made.meta.name == "home"


# --- movable requests and trips of cars ------------------------------------------------------------------------------


def cars(**changes: object) -> pd.DataFrame:
    """A battery in the south and a car in the north."""
    given = {
        "storage": ["battery", "car"],
        "member": ["south", "north"],
        "capacity_kwh": [4.0, 10.0],
        "charge_kw": [2.0, 4.0],
        "initial_kwh": [0.0, 5.0],
    }
    return pd.DataFrame(given | changes)


def trip(
    departure: object = "2030-06-03T07:30", arrival: object = "2030-06-03T10:00", **others: object
) -> pd.DataFrame:
    given = {"storage": "car", "departure": departure, "arrival": arrival, "trip_kwh": 5.0}
    return pd.DataFrame(given | others, index=None if isinstance(departure, list) else [0])


def asked(earliest: object = "10:00", latest: object = "14:00", **others: object) -> pd.DataFrame:
    given = {"request": "wash", "member": "south", "request_kwh": 2.0, "request_kw": 1.0}
    given |= {"earliest": earliest, "latest": latest}
    return pd.DataFrame(given | others, index=None if isinstance(earliest, list) else [0])


def test_a_car_that_leaves_and_returns_cell_by_cell(tmp_path) -> None:
    """Away from 7:30 to 10:00 with 5 kWh, 2 kWh an hour: half an hour of them before eight."""
    table = trip(required_kwh=8.0)
    for given in (table, csv(tmp_path / "trips.csv", table)):
        made = scheduling_from_series(series(steps=12), TWO_RATES, storages=cars(), trips=given, time_zone="UTC")
        assert made.plugged.T.tolist() == [[1] * 12, [1] * 7 + [0, 0, 0, 1, 1]]
        assert made.trip_kwh.T.tolist() == [[0.0] * 12, [0.0] * 7 + [1.0, 2.0, 2.0, 0.0, 0.0]]
        assert made.required_kwh.T.tolist() == [[0.0] * 13, [0.0] * 7 + [8.0] + [0.0] * 5]
    plan = cw.solve(made).decision
    car = plan.soc_kwh[:, 1]
    assert car[7] >= 8.0 - 1e-9
    assert car[7] - car[10] == pytest.approx(5.0)
    assert not plan.charge_kwh[7:10, 1].any()
    assert not plan.discharge_kwh[7:10, 1].any()


def test_trips_without_requirements_require_nothing() -> None:
    made = scheduling_from_series(series(), TWO_RATES, storages=cars(), trips=trip(), time_zone="UTC")
    assert made.required_kwh is None
    assert str(cw.solve(made).status) == "optimal"


def test_trips_from_one_interval_to_the_next() -> None:
    """On the hour nothing is lost, and the content is required in the state of the departure itself."""
    table = trip("2030-06-03T02:00", "2030-06-03T04:00", required_kwh=6.0)
    made = scheduling_from_series(series(steps=6), TWO_RATES, storages=cars(), trips=table, time_zone="UTC")
    assert made.plugged[:, 1].tolist() == [1, 1, 0, 0, 1, 1]
    assert made.trip_kwh[:, 1].tolist() == [0.0, 0.0, 2.5, 2.5, 0.0, 0.0]
    assert made.required_kwh[:, 1].tolist() == [0.0, 0.0, 6.0, 0.0, 0.0, 0.0, 0.0]


def test_trips_that_reach_beyond_the_period_count_inside_only() -> None:
    """Away before it begins, and again when it ends; a last one leaves at its very end and must be charged by then."""
    first = trip("2030-06-03T03:00", "2030-06-03T07:00", required_kwh=9.0, trip_kwh=8.0)
    second = trip("2030-06-03T09:00", "2030-06-03T13:00", required_kwh=7.0, trip_kwh=6.0)
    options = {"storages": cars(), "time_zone": "UTC", "begin": "2030-06-03T05:00"}
    tables = pd.concat([second, first])
    made = scheduling_from_series(series(), TWO_RATES, trips=tables, end="2030-06-03T11:00", **options)
    assert made.plugged[:, 1].tolist() == [0, 0, 1, 1, 0, 0]
    assert made.trip_kwh[:, 1].tolist() == [2.0, 2.0, 0.0, 0.0, 1.5, 1.5]
    assert made.required_kwh[:, 1].tolist() == [0.0, 0.0, 0.0, 0.0, 7.0, 0.0, 0.0]
    made = scheduling_from_series(series(), TWO_RATES, trips=tables, end="2030-06-03T09:00", **options)
    assert made.required_kwh[:, 1].tolist() == [0.0, 0.0, 0.0, 0.0, 7.0]
    assert made.plugged[:, 1].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("seed", range(20))
def test_trips_are_what_a_count_of_minutes_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dt_h = float(rng.choice([0.25, 0.5, 1.0]))
    steps, length = 30, round(60 * dt_h)
    turns = np.sort(rng.choice(np.arange(1, steps * length), 8, replace=False)).reshape(4, 2)
    start = np.datetime64("2030-06-03T00:00", "s")
    times = np.datetime_as_string(start + turns * np.timedelta64(60, "s"), unit="m")
    table = trip(list(times[:, 0]), list(times[:, 1]), trip_kwh=rng.integers(1, 9, 4))
    shuffled = table.sample(frac=1.0, random_state=seed)
    given = series(steps=steps, dt_h=dt_h)
    made = scheduling_from_series(given, TWO_RATES, storages=cars(), trips=shuffled, time_zone="UTC")
    use = np.zeros(steps * length)
    away = np.zeros(steps * length, dtype=bool)
    for (leave, back), kwh in zip(turns, table["trip_kwh"], strict=True):
        away[leave:back] = True
        use[leave:back] += kwh / (back - leave)
    np.testing.assert_array_equal(made.plugged[:, 1], 1 - away.reshape(steps, length).any(axis=1))
    np.testing.assert_allclose(made.trip_kwh[:, 1], use.reshape(steps, length).sum(axis=1), rtol=1e-12, atol=1e-14)


def test_trips_of_working_days_follow_the_clock() -> None:
    """Friday to Monday around the spring change: 8 o'clock is 7 UTC on Friday and 6 UTC on Monday."""
    given = series("2018-03-22T23:00", 4 * 24 - 1)
    table = trip("08:00", "17:00", days="weekdays", required_kwh=6.0)
    made = scheduling_from_series(given, TWO_RATES, storages=cars(), trips=table, time_zone=BERLIN)
    hours = [datetime.fromisoformat(text) for text in made.interval]
    away = [hour.weekday() < 5 and 8 <= hour.hour < 17 for hour in hours]
    assert sum(away) == 18
    assert (made.plugged[:, 1] == 0).tolist() == away
    np.testing.assert_allclose(made.trip_kwh[:, 1], np.where(away, 5 / 9, 0.0), rtol=1e-12)
    left = [str(made.interval[t]) for t in np.flatnonzero(made.required_kwh[:, 1])]
    assert left == ["2018-03-23T08:00+01:00", "2018-03-26T08:00+02:00"]
    assert str(cw.solve(made).status) == "optimal"


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland", "Europe/Berlin", "UTC"])
@pytest.mark.parametrize("first", range(0, 24, 5))
def test_clock_times_far_from_greenwich(zone: str, first: int) -> None:
    """Away from ten in the evening to three in the morning, wherever the period begins."""
    given = series(f"2030-06-05T{first:02d}:00", 30)
    table = trip("22:00", "03:00", days="Mon-Sun")
    made = scheduling_from_series(given, TWO_RATES, storages=cars(), trips=table, time_zone=zone)
    hours = [datetime.fromisoformat(text).hour for text in made.interval]
    assert (made.plugged[:, 1] == 0).tolist() == [hour >= 22 or hour < 3 for hour in hours]


def test_each_trip_within_a_long_one_is_named() -> None:
    table = trip([f"2030-06-03T0{hour}:00" for hour in (1, 2, 6)], [f"2030-06-03T0{hour}:00" for hour in (8, 3, 7)])
    found = faults_of(series(), TWO_RATES, storages=cars(), trips=table, time_zone="UTC")
    assert [fault.row for fault in found] == ["2", "3"]
    assert all("on the trip of row 1 until 2030-06-03T08:00+00:00" in fault.message for fault in found)


def test_shifts_by_night_end_on_the_next_day() -> None:
    """A Monday, in which the shift that began on Sunday ends."""
    table = trip("21:00", "02:00", days="Sun")
    made = scheduling_from_series(series(clock="as written"), TWO_RATES, storages=cars(), trips=table)
    assert made.plugged[:, 1].tolist() == [0, 0] + [1] * 22
    assert made.trip_kwh[:2, 1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("first", "day", "hours", "offsets"),
    [
        ("2018-03-24T11:00", "2018-03-24", 7, ("+01:00", "+02:00")),
        ("2018-10-27T10:00", "2018-10-27", 9, ("+02:00", "+01:00")),
        ("2018-06-01T10:00", "2018-06-01", 8, ("+02:00", "+02:00")),
    ],
)
def test_a_window_by_night_has_as_many_hours_as_the_night(tmp_path, first, day, hours, offsets) -> None:
    """From ten in the evening to six in the morning, which a change of the clock makes seven or nine hours."""
    after, given = str(np.datetime64(day) + 1), series(first, 24)
    nightly = asked("22:00", "06:00", request_kwh=float(hours), days="Sat, Fri")
    once = asked(f"{day}T22:00", f"{after}T06:00", request="once", member="north", days="")
    table = pd.concat([nightly, once])
    for each in (table, csv(tmp_path / "requests.csv", table)):
        made = scheduling_from_series(given, TWO_RATES, requests=each, time_zone=BERLIN)
        assert made.request.tolist() == [f"wash {day}", "once"]
        assert made.request_of.tolist() == [1, 0]
        assert made.request_kwh.tolist() == [hours, 2.0]
        assert made.request_kw.tolist() == [1.0, 1.0]
        assert {made.interval[t] for t in made.earliest} == {f"{day}T22:00{offsets[0]}"}
        assert {made.interval[t] for t in made.latest} == {f"{after}T05:00{offsets[1]}"}
        assert (made.latest - made.earliest + 1).tolist() == [hours, hours]
    solution = cw.solve(made)
    assert str(solution.status) == "optimal"
    served = solution.decision.served_kwh[:, 0]
    assert served[made.earliest[0] : made.latest[0] + 1].tolist() == pytest.approx([1.0] * hours)
    (fault,) = faults_of(given, TWO_RATES, requests=nightly.assign(request_kwh=hours + 0.1), time_zone=BERLIN)
    assert f"{hours} intervals from {day}T22:00{offsets[0]} to {after}T06:00{offsets[1]} have room" in fault.message


def test_windows_hold_whole_intervals_only() -> None:
    table = pd.concat([asked("10:10", "11:50", request_kwh=1.0), asked("10:30", "11:30", request="r", request_kwh=1.0)])
    made = scheduling_from_series(series(steps=48, dt_h=0.5), TWO_RATES, requests=table, time_zone="UTC")
    assert made.earliest.tolist() == [21, 21]
    assert made.latest.tolist() == [22, 22]


def test_requests_of_every_day_that_holds_them() -> None:
    """Three days: two nights lie inside, the one before and the one after do not and are named."""
    table = asked("22:00", "06:00")
    made = scheduling_from_series(series(steps=72), TWO_RATES, requests=table, time_zone="UTC")
    assert made.request.tolist() == ["wash 2030-06-03", "wash 2030-06-04"]
    assert made.earliest.tolist() == [22, 46]
    assert made.latest.tolist() == [29, 53]
    assert "outside of the period: wash 2030-06-02, wash 2030-06-05." in made.meta.description
    whole = scheduling_from_series(series(steps=48), TWO_RATES, requests=asked("00:00", "24:00"), time_zone="UTC")
    assert (whole.earliest.tolist(), whole.latest.tolist()) == ([0, 24], [23, 47])
    assert "left out" not in whole.meta.description
    none = scheduling_from_series(series(), TWO_RATES, requests=asked(days="weekends"), time_zone="UTC")
    assert len(none.request) == 0
    (fault,) = faults_of(series(), TWO_RATES, requests=table, time_zone="UTC")
    assert (fault.table, fault.column) == ("requests", "")
    assert "no request lies within the period, 2030-06-03T00:00+00:00 to 2030-06-04T00:00+00:00" in fault.message


def test_a_period_cuts_requests_and_moments_may_carry_offsets() -> None:
    table = pd.concat(
        [
            asked("2030-06-03T20:00Z", "2030-06-03T23:00+01:00", request="evening"),
            asked("2030-06-04T01:00+02:00", "2030-06-04T04:00", request="night"),
            asked("2030-06-04T20:00", "2030-06-04T23:00", request="later"),
        ]
    )
    period = {"begin": "2030-06-03T02:00", "end": "2030-06-04T03:00"}
    made = scheduling_from_series(series(steps=48), TWO_RATES, requests=table, time_zone=BERLIN, **period)
    assert made.request.tolist() == ["evening"]
    assert made.interval[made.earliest[0]] == "2030-06-03T22:00+02:00"
    assert made.interval[made.latest[0]] == "2030-06-03T23:00+02:00"
    assert made.meta.description.endswith("outside of the period: night.")


def test_columns_of_timestamps_are_read_as_they_are() -> None:
    table = trip(pd.Timestamp("2030-06-03T09:30", tz=BERLIN), pd.Timestamp("2030-06-03T12:00", tz=BERLIN))
    assert isinstance(table["departure"].dtype, pd.DatetimeTZDtype)
    made = scheduling_from_series(series(steps=12), TWO_RATES, storages=cars(), trips=table, time_zone=BERLIN)
    assert np.flatnonzero(made.plugged[:, 1] == 0).tolist() == [7, 8, 9]
    plain = trip(pd.Timestamp("2030-06-03T09:30"), pd.Timestamp("2030-06-03T12:00"))
    again = scheduling_from_series(series(steps=12), TWO_RATES, storages=cars(), trips=plain, time_zone=BERLIN)
    assert again == made


SPRING, AUTUMN = series("2018-03-23T23:00", 48), series("2018-10-26T22:00", 49)
JUNE = series("2030-06-02T22:00", 48)
"""Two days each in Berlin."""

NO_MOMENT = ("is no ISO 8601", "2030-01-31T07:30")
TRIPS_AT_FAULT = {
    "no such car": (JUNE, trip(storage="van"), ("storage", "1", "van"), "is no storage", "battery, car"),
    "no car": (JUNE, trip(storage=""), ("storage", "1", "empty"), "is no storage", "choose one of"),
    "no moment": (JUNE, trip("3 June"), ("departure", "1", "3 June"), *NO_MOMENT),
    "no date": (JUNE, trip("2030-06-31"), ("departure", "1", "2030-06-31"), *NO_MOMENT),
    "nothing": (JUNE, trip(arrival=None), ("arrival", "1", "empty"), *NO_MOMENT),
    "half a clock": (JUNE, trip("07:30"), ("arrival", "1", "2030-06-03T10:00"), "is no clock time", "two moments"),
    "no clock": (JUNE, trip("07:61", "9:00"), ("departure", "1", "07:61"), "is no clock time", "06:00"),
    "24:00 begins no day": (JUNE, trip("24:00", "9:00"), ("departure", "1", "24:00"), "is no clock time", "24:00 ends"),
    "no day": (JUNE, trip("7:00", "9:00", days="Fun"), ("days", "1", "Fun"), "names no days", "Mon-Sun"),
    "day of moments": (JUNE, trip(days="Mon"), ("days", "1", "Mon"), "stands beside moments", "leave it empty"),
    "backwards": (
        *(JUNE, trip(arrival="2030-06-03T07:30"), ("arrival", "1", "2030-06-03T07:30")),
        *("is not after departure", "exchange"),
    ),
    "no number": (JUNE, trip(trip_kwh="5,0"), ("trip_kwh", "1", "5,0"), "is no finite number", "decimal point"),
    "no energy": (JUNE, trip(trip_kwh=None), ("trip_kwh", "1", "empty"), "is empty", "give a number"),
    "negative": (JUNE, trip(trip_kwh=-1), ("trip_kwh", "1", "-1"), "is below 0", "correct"),
    "negative need": (JUNE, trip(required_kwh=-1), ("required_kwh", "1", "-1"), "is below 0", "correct"),
    "too far": (JUNE, trip(trip_kwh=11), ("trip_kwh", "1", "11"), "above the 10 kWh that car holds", "capacity_kwh"),
    "too much": (JUNE, trip(required_kwh=11), ("required_kwh", "1", "11"), "above the 10 kWh", "capacity_kwh"),
    "too soon": (
        *(JUNE, trip("2030-06-03T00:10", required_kwh=6), ("required_kwh", "1", "6")),
        *("first interval, with an initial_kwh of 5 kWh", "raise initial_kwh"),
    ),
    "still away": (
        *(JUNE, pd.concat([trip("2030-06-03T09:00", "2030-06-03T11:00"), trip()])),
        ("departure", "1", "2030-06-03T09:00"),
        "at 2030-06-03T09:00+02:00 it is still away, on the trip of row 2 until 2030-06-03T10:00+02:00",
        "correct one",
    ),
    "still away each day": (
        *(JUNE, trip(["7:00", "9:00"], ["10:00", "11:00"]), ("departure", "2", "9:00")),
        *("is still away", "correct one"),
    ),
    "no time to charge": (
        JUNE,
        pd.concat([trip(arrival="2030-06-03T10:10"), trip("2030-06-03T10:20", "2030-06-03T11:00", required_kwh=4)]),
        ("required_kwh", "2", "4"),
        "at 2030-06-03T10:20+02:00 it has just come back, on the trip of row 1",
        "one trip of the two",
    ),
    "another year": (
        *(JUNE, trip("2029-06-03T07:30", "2029-06-03T10:00"), ("arrival", "1", "2029-06-03T10:00")),
        "outside of what the households' series cover, 2030-06-03T00:00+02:00 to 2030-06-05T00:00+02:00",
        "take the row out",
    ),
    "a later year": (
        *(JUNE, trip("2031-06-03T07:30", "2031-06-03T10:00"), ("departure", "1", "2031-06-03T07:30")),
        *("outside of what", "take the row out"),
    ),
    "hour that is not": (
        *(SPRING, trip("2018-03-25T02:30", "2018-03-25T05:00"), ("departure", "1", "2018-03-25T02:30")),
        *("does not exist on the clock of Europe/Berlin", "correct it"),
    ),
    "hour that is twice": (
        *(AUTUMN, trip("2018-10-28T02:30", "2018-10-28T05:00"), ("departure", "1", "2018-10-28T02:30")),
        *("is there twice on the clock of Europe/Berlin", "2018-10-28T02:30+02:00"),
    ),
    "clock time that is not": (
        *(SPRING, trip("02:30", "05:00"), ("departure", "1", "02:30")),
        *("on 2018-03-25 it does not exist", "choose another time"),
    ),
    "clock time that is twice": (
        *(AUTUMN, trip("22:00", "02:30"), ("arrival", "1", "02:30")),
        *("on 2018-10-28 it is there twice", "2018-10-28T02:30+02:00"),
    ),
}


@pytest.mark.parametrize("case", TRIPS_AT_FAULT)
def test_unusable_trips_are_named(case: str) -> None:
    given, table, place, message, remedy = TRIPS_AT_FAULT[case]
    (fault,) = faults_of(given, TWO_RATES, storages=cars(), trips=table, time_zone=BERLIN)
    assert (fault.table, fault.column, fault.row, fault.value) == ("trips", *place)
    assert message in fault.message
    assert remedy in fault.remedy


ONE_NAME = ("is there twice", "give each request a name")
OUTSIDE = ("outside of what the households' series cover", "take the row out")
REQUESTS_AT_FAULT = {
    "no home": (asked(member="west"), ("member", "wash", "west"), "is no household", "north, south"),
    "no name": (asked(request=""), ("request", "1", "empty"), "is empty", "give each request a name"),
    "no power": (asked(request_kw="x"), ("request_kw", "wash", "x"), "is no finite number", "decimal point"),
    "infinite": (asked(request_kwh=np.inf), ("request_kwh", "wash", "inf"), "is no finite number", "decimal point"),
    "negative": (asked(request_kwh=-2), ("request_kwh", "wash", "-2"), "is below 0", "correct"),
    "same name": (
        asked(["2030-06-03T10:00"] * 2, ["2030-06-03T13:00"] * 2),
        ("request", "wash", "wash"),
        *ONE_NAME,
    ),
    "same name on a day": (
        asked(["10:00", "11:00"], ["13:00"] * 2, days=["Mon-Fri", "Mon"]),
        ("request", "wash", "wash 2030-06-03"),
        *ONE_NAME,
    ),
    "too little time": (
        *(asked(request_kwh=4.5), ("request_kwh", "wash", "4.5")),
        "4 intervals from 2030-06-03T10:00+02:00 to 2030-06-03T14:00+02:00 have room for 4 kWh",
        "widen the window",
    ),
    "powerless": (asked(request_kw=0), ("request_kwh", "wash", "2"), "have room for 0 kWh", "raise request_kw"),
    "no interval": (asked("10:10", "11:50"), ("latest", "wash", "11:50"), "no whole interval", "widen the window"),
    "no time": (asked("soon"), ("earliest", "wash", "soon"), "is no clock time", "two clock times"),
    "too early": (
        asked("2030-06-02T22:00", "2030-06-03T03:00"),
        ("earliest", "wash", "2030-06-02T22:00"),
        *OUTSIDE,
    ),
    "too late": (
        asked("2030-06-04T22:00", "2030-06-05T03:00"),
        ("latest", "wash", "2030-06-05T03:00"),
        *OUTSIDE,
    ),
}


@pytest.mark.parametrize("case", REQUESTS_AT_FAULT)
def test_unusable_requests_are_named(case: str) -> None:
    table, place, message, remedy = REQUESTS_AT_FAULT[case]
    (fault,) = faults_of(JUNE, TWO_RATES, requests=table, time_zone=BERLIN)
    assert (fault.table, fault.column, fault.row, fault.value) == ("requests", *place)
    assert message in fault.message
    assert remedy in fault.remedy


def test_times_are_on_the_clock_of_the_households() -> None:
    paid = price_series("2030-06-03T00:00Z", 24, 60)
    found = faults_of(series(), paid, storages=cars(), trips=trip())
    assert [fault.column for fault in found] == ["departure", "arrival"]
    assert "has no offset from UTC" in found[0].message
    assert found[0].remedy == "write 2030-06-03T07:30Z, or pass time_zone"
    (fault,) = faults_of(series(), paid, requests=asked())
    assert (fault.column, fault.value) == ("earliest", "10:00")
    assert "cannot be placed" in fault.message
    plain = series(clock="as written")
    (fault,) = faults_of(plain, TWO_RATES, storages=cars(), trips=trip("2030-06-03T07:30Z"))
    assert (fault.column, fault.value, fault.remedy) == ("departure", "2030-06-03T07:30Z", "leave the offset out")
    # What is written is then what counts.
    made = scheduling_from_series(plain, TWO_RATES, storages=cars(), trips=trip(), requests=asked())
    assert np.flatnonzero(made.plugged[:, 1] == 0).tolist() == [7, 8, 9]
    assert (made.earliest.tolist(), made.latest.tolist()) == ([10], [13])


def test_faults_of_requests_and_trips_stand_beside_all_others(tmp_path) -> None:
    home = csv(
        tmp_path / "home.csv",
        pd.DataFrame({"time": ["2030-06-03T00:00Z", "2030-06-03T01:00Z"], "load_kwh_a": ["1.0", "-2"]}),
    )
    store = csv(tmp_path / "store.csv", cars(capacity_kwh=["x", 10.0]).drop(columns="initial_kwh"))
    wish = csv(tmp_path / "wish.csv", asked(["now", "25:00"], ["later", "26:00"], colour="red", request_kw=["", 1]))
    ride = csv(tmp_path / "ride.csv", trip(storage="van", arrival="2030-06-03", trip_kwh=-1, days="Mon"))
    with pytest.raises(InstanceError) as caught:
        scheduling_from_households(home, TWO_RATES, storages=store, requests=wish, trips=ride, time_zone=BERLIN)
    found = [(fault.table, fault.column, fault.row, fault.value) for fault in caught.value.faults]
    assert found == [
        ("home.csv", "load_kwh_a", "2030-06-03T01:00Z", "-2"),
        ("store.csv", "capacity_kwh", "battery", "x"),
        ("wish.csv", "colour", "", ""),
        ("wish.csv", "request_kw", "wash", "empty"),
        ("wish.csv", "earliest", "wash", "now"),
        ("wish.csv", "latest", "wash", "later"),
        ("wish.csv", "earliest", "wash", "25:00"),
        ("wish.csv", "latest", "wash", "26:00"),
        ("ride.csv", "trip_kwh", "1", "-1"),
        ("ride.csv", "storage", "1", "van"),
        ("ride.csv", "days", "1", "Mon"),
        ("ride.csv", "arrival", "1", "2030-06-03"),
    ]
    assert all(fault.message and fault.remedy for fault in caught.value.faults)


def test_tables_without_their_columns_or_rows() -> None:
    (fault,) = faults_of(JUNE, TWO_RATES, requests=asked().drop(columns="latest"), time_zone=BERLIN)
    assert (fault.column, fault.message) == ("latest", "there is no such column")
    (fault,) = faults_of(JUNE, TWO_RATES, storages=cars(), trips=trip().iloc[:0], time_zone=BERLIN)
    assert (fault.table, fault.message) == ("trips", "has no rows")
    # The car is known although the battery's capacity is not.
    found = faults_of(JUNE, TWO_RATES, storages=cars(capacity_kwh=["", 1]), trips=trip(storage="van"), time_zone=BERLIN)
    assert [(fault.table, fault.column) for fault in found] == [("storages", "capacity_kwh"), ("trips", "storage")]


def test_settings_and_tables_do_not_say_the_same_twice() -> None:
    given = {"storages": cars(), "time_zone": BERLIN}
    with pytest.raises(ValueError, match="pass storages"):
        scheduling_from_series(JUNE, TWO_RATES, trips=trip(), time_zone=BERLIN)
    for field in ("plugged", "trip_kwh", "required_kwh"):
        with pytest.raises(ValueError, match=f"settings has no field '{field}'"):
            scheduling_from_series(JUNE, TWO_RATES, trips=trip(), settings={field: 1}, **given)
    with pytest.raises(ValueError, match="settings has no field 'latest'"):
        scheduling_from_series(JUNE, TWO_RATES, requests=asked(), settings={"latest": [1]}, **given)
    made = scheduling_from_series(JUNE, TWO_RATES, settings={"plugged": np.ones((48, 2))}, **given)
    assert made.plugged.all()


def test_a_street_with_cars_and_requests_solves_and_is_kept(tmp_path) -> None:
    given = series("2018-03-23T23:00", 71)
    commute = trip(["07:30", "2018-03-25T10:00"], ["17:00", "2018-03-25T18:00"], days=["Mon-Sat", ""], required_kwh=6.0)
    made = scheduling_from_series(
        given, TWO_RATES, storages=cars(), trips=commute, requests=asked("22:00", "06:00"), time_zone=BERLIN
    )
    solution = cw.solve(made)
    assert (str(solution.status), solution.report.ok) == ("optimal", True)
    assert solution.decision.served_kwh.sum(axis=0).tolist() == pytest.approx([2.0] * 2)
    leaves = np.flatnonzero(made.required_kwh[:, 1])
    assert [made.interval[t] for t in leaves] == [
        "2018-03-24T07:00+01:00",
        "2018-03-25T10:00+02:00",
        "2018-03-26T07:00+02:00",
    ]
    assert (solution.decision.soc_kwh[leaves, 1] >= 6.0 - 1e-6).all()
    cw.save(made, tmp_path / "street")
    assert cw.load(tmp_path / "street") == made


@pytest.fixture
def real(real_data: Path) -> Path:
    return real_data / "households"


def test_fontana_with_its_own_tariff_and_batteries(real) -> None:
    path = real / "fontana_ca_2016_hourly.parquet"
    raw, homes = pd.read_parquet(path), pd.read_csv(real / "fontana_ca_2016_homes.csv")
    paid = raw[["import_price_usd_per_kwh"]].set_axis(["buy_price"], axis=1).rename_axis("time")
    batteries = pd.DataFrame(
        {
            "storage": homes["home"] + " battery",
            "member": homes["home"],
            "capacity_kwh": homes["battery_kwh"],
            "charge_kw": homes["battery_kw"],
            "charge_efficiency": homes["battery_efficiency"],
        }
    )
    others = [name for name in raw if not name.startswith(("load_", "pv_"))]
    made = scheduling_from_households(
        path,
        paid,
        storages=batteries,
        settings={"currency": "USD"},
        begin="2016-08-03",
        end="2016-08-05",
        attributes=real / "fontana_ca_2016_homes.csv",
        ignore=others,
    )
    assert (len(made.interval), len(made.member), len(made.storage)) == (48, 10, 10)
    np.testing.assert_array_equal(made.buy_price, raw["import_price_usd_per_kwh"].to_numpy()[48:96])
    np.testing.assert_allclose(made.load_kwh[:, 3], raw["load_kwh_f04"].to_numpy()[48:96], rtol=1e-12)
    np.testing.assert_allclose(made.generation_kwh[:, 3], 5.0 * raw["pv_kwh_per_kwp_f04"].to_numpy()[48:96], rtol=1e-6)
    # Sixteen to twenty-one o'clock is the peak of this tariff.
    dear = made.buy_price == made.buy_price.max()
    assert {datetime.fromisoformat(label).hour for label in made.interval[dear]} == set(range(16, 21))
    together = cw.solve(made).objective
    apart = cw.solve(made, criterion="separate_cost").objective
    assert together <= apart + 1e-9


def test_austin_under_times_of_use(real) -> None:
    path = real / "austin_tx_resstock_2018_hourly.parquet"
    raw = pd.read_parquet(path)
    homes = [name.removeprefix("load_kwh_") for name in raw if name.startswith("load_kwh_")]
    tariff = pd.DataFrame(
        {
            "from": ["00:00", "15:00", "18:00", "00:00", "00:00"],
            "to": ["15:00", "18:00", "24:00", "24:00", "24:00"],
            "days": ["weekdays", "weekdays", "weekdays", "weekends", "all"],
            "months": ["Jun-Sep", "Jun-Sep", "Jun-Sep", "Jun-Sep", "Oct-May"],
            "buy_price": [0.08, 0.25, 0.08, 0.08, 0.09],
            "sell_price": [0.05] * 5,
        }
    )
    series = read_households(
        path,
        generation=dict.fromkeys(homes[:41], ("pv_kwh_per_kwp_tilt25_az180", 7.0)),
        ignore=[name for name in raw if not name.startswith("load_") and not name.endswith("tilt25_az180")],
    )
    made = scheduling_from_series(series, tariff, settings={"currency": "USD"})
    assert made.load_kwh.shape == (8760, 100)
    when = pd.DatetimeIndex(series.time)
    summer = when.month.isin([6, 7, 8, 9])
    dear = summer & (when.day_of_week < 5) & (when.hour >= 15) & (when.hour < 18)
    np.testing.assert_array_equal(made.buy_price, np.where(dear, 0.25, np.where(summer, 0.08, 0.09)))


def test_ausgrid_by_half_hours(real) -> None:
    made = scheduling_from_households(
        real / "ausgrid_customer12_2011_halfhourly.parquet",
        TWO_RATES,
        household="customer12",
        begin="2011-10-01",
        end="2011-10-04",
        settings={"currency": "AUD"},
    )
    assert (len(made.interval), made.dt_h) == (144, 0.5)
    night = [not 6 <= datetime.fromisoformat(label).hour < 22 for label in made.interval]
    np.testing.assert_array_equal(made.buy_price, np.where(night, 0.2, 0.3))
    assert str(cw.solve(made).status) == "optimal"


def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[int, str, str]:
    """Call ``commonwatt generate scheduling`` as a shell would: exit code, stdout, stderr."""
    monkeypatch.setattr(sys, "argv", ["commonwatt", "generate", "scheduling", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_command_line_makes_own_and_indian_instances(tmp_path, capsys, monkeypatch) -> None:
    home = csv(
        tmp_path / "home.csv",
        pd.DataFrame({"time": [f"2018-05-01 {hour:02d}:00" for hour in range(24)], "load_kwh": np.arange(24.0)}),
    )
    tariff = csv(tmp_path / "tariff.csv", TWO_RATES)
    own = ["--source", "own", "--from", home, "--household", "a", "--time-zone", BERLIN, "--currency", "GBP"]
    code, out, err = command(capsys, monkeypatch, "--out", tmp_path / "own", *own, "--tariff", tariff)
    assert (code, err) == (0, "")
    made = cw.load(tmp_path / "own")
    assert made.currency == "GBP"
    assert made.buy_price.tolist() == [0.2] * 6 + [0.3] * 16 + [0.2] * 2
    store = csv(
        tmp_path / "store.csv",
        pd.DataFrame({"storage": ["car"], "member": ["a"], "capacity_kwh": [10.0], "charge_kw": [4.0]}),
    )
    ride, wish = csv(tmp_path / "ride.csv", trip("07:30", "10:00")), csv(tmp_path / "wish.csv", asked(member="a"))
    more = ["--tariff", tariff, "--storages", store, "--trips", ride, "--requests", wish]
    code, out, err = command(capsys, monkeypatch, "--out", tmp_path / "car", *own, *more)
    assert (code, err) == (0, "")
    made = cw.load(tmp_path / "car")
    assert np.flatnonzero(made.plugged[:, 0] == 0).tolist() == [7, 8, 9]
    assert (made.request.tolist(), made.earliest.tolist()) == (["wash 2018-05-01"], [10])
    small = ["--households", 12, "--villages", 3, "--districts", 2, "--states", 1, "--seed", 4]
    code, out, err = command(capsys, monkeypatch, "--out", tmp_path / "india", *small)
    assert (code, err) == (0, "")
    assert "india_members.csv" in out
    members = pd.read_csv(tmp_path / "india_members.csv")
    assert list(members["member"]) == list(cw.load(tmp_path / "india").member)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "own"], "needs --from"),
        (["--source", "own", "--from", "x.csv"], "needs --tariff"),
        (["--source", "street"], "needs --from"),
        (["--households", 3], "need"),
    ],
)
def test_command_line_says_what_is_missing(tmp_path, capsys, monkeypatch, arguments, words) -> None:
    code, out, err = command(capsys, monkeypatch, "--out", tmp_path / "new", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert not (tmp_path / "new").exists()
