"""Scheduling instances of a user's own data: prices at the right hours, storages where they belong, faults all named.

Strategy: small households made here, so that every price and energy is known; days on which the clock changes; tariffs
whose rows overlap, leave gaps or cannot be read; and the real data where it is there.
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
