"""SimBench communities: synthetic wheels of a few rows, and real profiles where COMMONWATT_DATA names them."""

from __future__ import annotations

import pickle
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commonwatt.instances.errors import InstanceError
from commonwatt.instances.sources.simbench import FOLDER, LICENCE, NOTICE, PACKAGE, simbench_households

LOADS = """id;node;profile;pLoad;qLoad;sR;subnet;voltLvl
L1;LV3.101 Bus 10;H0-A;0.002;0.0;0.002;LV3.101;7
L2;LV3.101 Bus 9;H0-B;0.004;0.0;0.004;LV3.101;7
L3;LV3.101 Bus 9;HP_1;0.001;0.0;0.001;LV3.101;7
L4;LV3.101 Bus 11;G1-C;0.010;0.0;0.010;LV3.101;7
L5;LV4.101 Bus 1;H0-A;0.003;0.0;0.003;LV4.101;7
L6;EHV Bus 1;mixed;100.0;0.0;100.0;EHV1;1
"""
PLANTS = """id;node;type;profile;calc_type;pRES;qRES;sR;subnet;voltLvl
S1;LV3.101 Bus 10;PV;PV1;pq;0.006;0;0.006;LV3.101;7
S2;LV3.101 Bus 10;PV;PV2;pq;0.002;0;0.002;LV3.101;7
S3;LV3.101 Bus 11;PV;PV1;pq;0.050;0;0.050;LV3.101;7
S4;LV3.101 Bus 9;Wind;PV1;pq;9.0;0;9.0;LV3.101;7
"""
LOAD_PROFILES = ("H0-A_pload", "H0-A_qload", "H0-B_pload", "HP_1_pload", "G1-C_pload", "mixed_pload")
PLANT_PROFILES = ("PV1", "PV2", "WP1")
RATED_KW = {"LV3.101 Bus 9": (("H0-B_pload", 4.0), ("HP_1_pload", 1.0)), "LV3.101 Bus 10": (("H0-A_pload", 2.0),)}
PANELS_KW = {"LV3.101 Bus 9": (), "LV3.101 Bus 10": (("PV1", 6.0), ("PV2", 2.0))}


def local_labels(first: str, last: str) -> list[str]:
    """Quarter-hours between two UTC times, as SimBench writes them: on the German clock, without an offset."""
    utc = pd.date_range(first, last, freq="15min", tz="UTC", inclusive="left")
    return list(utc.tz_convert("Europe/Berlin").strftime("%d.%m.%Y %H:%M"))


def table(times: list[str], names: tuple[str, ...], seed: int) -> pd.DataFrame:
    values = np.random.default_rng(seed).uniform(0.0, 1.0, (len(times), len(names))).round(6)
    return pd.DataFrame(values, columns=list(names)).assign(time=times)[["time", *names]]


def contents(
    times: list[str], *, loads: str = LOADS, plants: str = PLANTS, profiles: pd.DataFrame | None = None
) -> dict[str, str]:
    demand = table(times, LOAD_PROFILES, 1) if profiles is None else profiles
    return {
        "Load.csv": loads,
        "RES.csv": plants,
        "LoadProfile.csv": demand.to_csv(sep=";", index=False),
        "RESProfile.csv": table(times, PLANT_PROFILES, 2).to_csv(sep=";", index=False),
    }


def wheel(folder: Path, files: Mapping[str, str], scenario: int = 1) -> Path:
    path = folder / "simbench-9.9-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("simbench-9.9.dist-info/METADATA", "Name: simbench\nVersion: 9.9\n")
        for name, text in files.items():
            archive.writestr(f"simbench/{FOLDER.format(scenario)}{name}", text)
    return path


DAY = local_labels("2016-06-01T00:00Z", "2016-06-02T00:00Z")


def expected(times: list[str], rated: dict, names: tuple[str, ...], seed: int, home: str) -> np.ndarray:
    """Energy of each hour, added up quarter by quarter."""
    profiles = table(times, names, seed)
    energy = np.zeros(len(times) // 4)
    for name, power_kw in rated[home]:
        for quarter, share in enumerate(profiles[name]):
            energy[quarter // 4] += share * power_kw * 0.25
    return energy


def test_households_of_a_network_are_its_connections_with_a_household_load(tmp_path):
    series = simbench_households(wheel(tmp_path, contents(DAY)))
    assert series.household == ("LV3.101 Bus 9", "LV3.101 Bus 10")
    for at, home in enumerate(series.household):
        load = expected(DAY, RATED_KW, LOAD_PROFILES, 1, home)
        made = expected(DAY, PANELS_KW, PLANT_PROFILES, 2, home)
        np.testing.assert_allclose(series.load_kwh[:, at], load, rtol=1e-12)
        np.testing.assert_allclose(series.generation_kwh[:, at], made, rtol=1e-12)
    assert series.attributes["dwellings"].tolist() == [1, 1]
    assert series.attributes["profile"].tolist() == ["H0-B + HP_1", "H0-A"]
    np.testing.assert_allclose(series.attributes["rated_load_kw"], [5.0, 2.0])
    np.testing.assert_allclose(series.attributes["pv_kwp"], [0.0, 8.0])
    assert series.dt_h == 1.0
    assert series.clock == "UTC"
    assert series.available.all()
    assert "SimBench 9.9" in series.source
    assert series.licence == LICENCE == "ODbL-1.0"
    assert "LV3.101, scenario 1" in series.title


def test_all_members_include_businesses(tmp_path):
    series = simbench_households(wheel(tmp_path, contents(DAY)), members="all")
    assert series.household == ("LV3.101 Bus 9", "LV3.101 Bus 10", "LV3.101 Bus 11")
    assert series.attributes["dwellings"].tolist() == [1, 1, 0]
    np.testing.assert_allclose(series.attributes["pv_kwp"], [0.0, 8.0, 50.0])


def test_network_without_panels(tmp_path):
    series = simbench_households(wheel(tmp_path, contents(DAY)), network="LV4.101")
    assert series.household == ("LV4.101 Bus 1",)
    assert not series.generation_kwh.any()


def test_quarter_hours_keep_the_energy(tmp_path):
    path = wheel(tmp_path, contents(DAY))
    hours, quarters = simbench_households(path), simbench_households(path, time="quarter_hour")
    assert quarters.dt_h == 0.25
    assert len(quarters.time) == 96
    np.testing.assert_allclose(quarters.load_kwh.reshape(24, 4, 2).sum(axis=1), hours.load_kwh, rtol=1e-12)


@pytest.mark.parametrize(
    ("first", "last", "hours"),
    [("2016-03-26T23:00Z", "2016-03-27T22:00Z", 23), ("2016-10-29T22:00Z", "2016-10-30T23:00Z", 25)],
    ids=["spring", "autumn"],
)
def test_days_of_the_clock_change_keep_every_hour_once(tmp_path, first, last, hours):
    labels = local_labels(first, last)
    assert labels[0].endswith("00:00")
    assert labels[-1].endswith("23:45")
    assert len(set(labels)) == (96 if hours == 25 else 92)
    series = simbench_households(wheel(tmp_path, contents(labels)))
    start = np.datetime64(first.removesuffix("Z"), "s")
    np.testing.assert_array_equal(series.time, start + np.arange(hours) * np.timedelta64(3600, "s"))
    load = expected(labels, RATED_KW, LOAD_PROFILES, 1, "LV3.101 Bus 10")
    np.testing.assert_allclose(series.load_kwh[:, 1], load, rtol=1e-12)


@pytest.mark.parametrize("inside", ["site-packages", "package", "networks"])
def test_a_folder_gives_what_the_wheel_gives(tmp_path, inside):
    path = wheel(tmp_path, contents(DAY))
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    unpacked = tmp_path / "unpacked"
    folder = {"site-packages": unpacked, "package": unpacked / "simbench", "networks": unpacked / "simbench/networks"}
    given, found = simbench_households(path), simbench_households(folder[inside])
    np.testing.assert_array_equal(given.load_kwh, found.load_kwh)
    np.testing.assert_array_equal(given.generation_kwh, found.generation_kwh)
    assert ("9.9" in found.source) == (inside != "networks")


def test_scenarios_are_kept_apart(tmp_path):
    path = wheel(tmp_path, contents(DAY), scenario=2)
    assert "scenario 2" in simbench_households(path, scenario=2).title
    with pytest.raises(InstanceError, match=r"table Load.csv: there is no networks/1-complete_data-mixed-all-1-sw"):
        simbench_households(path)


def test_rounding_noise_below_zero_counts_as_zero_but_more_is_refused(tmp_path):
    profiles = table(DAY, LOAD_PROFILES, 1)
    profiles.loc[:3, "H0-A_pload"] = -1e-5
    series = simbench_households(wheel(tmp_path, contents(DAY, profiles=profiles)))
    assert series.load_kwh[0, 1] == 0.0
    profiles.loc[4, "H0-A_pload"] = -0.5
    with pytest.raises(InstanceError, match=r"LoadProfile.csv, column H0-A_pload, row 01.06.2016 03:00, value -0.5"):
        simbench_households(wheel(tmp_path, contents(DAY, profiles=profiles)))


def test_empty_infinite_and_textual_cells_are_refused(tmp_path):
    profiles = table(DAY, LOAD_PROFILES, 1).astype(object)
    profiles.loc[0, "H0-A_pload"] = ""
    profiles.loc[1, "H0-B_pload"] = "inf"
    profiles.loc[2, "HP_1_pload"] = "much"
    with pytest.raises(InstanceError) as caught:
        simbench_households(wheel(tmp_path, contents(DAY, profiles=profiles)))
    assert [(fault.column, fault.value) for fault in caught.value.faults] == [
        ("H0-A_pload", "nan"),
        ("H0-B_pload", "inf"),
        ("HP_1_pload", "much"),
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loads": LOADS.replace("pLoad", "power")}, r"table Load.csv, column pLoad: there is no such column"),
        ({"loads": LOADS.replace("0.004", "-0.004")}, r"table Load.csv, column pLoad, row L2, value -0.004"),
        ({"plants": PLANTS.replace("PV2", "PV9")}, r"table RESProfile.csv, column PV9: there is no such column"),
        ({"loads": LOADS.replace("H0-", "G0-")}, r'network LV3.101 has no household; pass members="all"'),
    ],
)
def test_broken_tables_are_named(tmp_path, change, words):
    with pytest.raises(InstanceError, match=words):
        simbench_households(wheel(tmp_path, contents(DAY, **change)))


def test_times_that_jump_are_refused(tmp_path):
    with pytest.raises(InstanceError, match=r"table LoadProfile.csv, column time: the times are not whole hours"):
        simbench_households(wheel(tmp_path, contents(DAY[:40] + DAY[44:])))


def test_tables_with_different_times_are_refused(tmp_path):
    files = contents(DAY)
    files["RESProfile.csv"] = contents(DAY[4:])["RESProfile.csv"]
    with pytest.raises(InstanceError, match=r"table RESProfile.csv, column time: the times are not those of LoadPr"):
        simbench_households(wheel(tmp_path, files))


def test_unknown_network_names_those_there_are(tmp_path):
    with pytest.raises(InstanceError, match=r"value LV9: there is no such network; choose one of LV3.101, LV4.101$"):
        simbench_households(wheel(tmp_path, contents(DAY)), network="LV9")


def test_what_is_no_wheel_is_refused(tmp_path):
    (tmp_path / "no.whl").write_text("no zip")
    with pytest.raises(InstanceError, match=r"table no.whl: is no wheel .*; fetch it with pip download"):
        simbench_households(tmp_path / "no.whl")
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder .*absent"):
        simbench_households(tmp_path / "absent")
    with pytest.raises(InstanceError, match=r"there is no networks/"):
        simbench_households(tmp_path)


@pytest.mark.parametrize("option", [{"scenario": 3}, {"members": "homes"}, {"time": "day"}])
def test_unknown_options_raise(tmp_path, option):
    with pytest.raises(ValueError, match="choose scenario 0, 1 or 2"):
        simbench_households(wheel(tmp_path, contents(DAY)), **option)


def test_result_is_read_only_also_after_pickling(tmp_path):
    series = simbench_households(wheel(tmp_path, contents(DAY)))
    for each in (series, pickle.loads(pickle.dumps(series))):
        for array in (each.time, each.load_kwh, each.generation_kwh, each.available):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = array[1]


def test_notice_names_licence_and_owners_and_simbench_is_not_imported():
    for words in ("Open Database License (ODbL) 1.0", "Database Contents License (DbCL) 1.0", "University of Kassel"):
        assert words in NOTICE
    assert PACKAGE["licence"] == LICENCE
    assert NOTICE in PACKAGE["notices"]
    assert len(PACKAGE["sources"]) == 4
    assert "simbench" not in sys.modules


def test_a_whole_year_of_real_profiles(tmp_path, real_data):
    real = pd.read_parquet(real_data / "households" / "simbench_profiles_2016_15min.parquet")
    times = list(real.index.strftime("%d.%m.%Y %H:%M"))
    demand = real[["H0-A_pload_pu"]].set_axis(["H0-A_pload"], axis=1).assign(time=times)
    yields = real[["PV3_pu"]].set_axis(["PV3"], axis=1).assign(time=times)
    files = {
        "Load.csv": "id;node;profile;pLoad;subnet\nL1;LV3.101 Bus 1;H0-A;0.003;LV3.101\n",
        "RES.csv": "id;node;type;profile;pRES;subnet\nS1;LV3.101 Bus 1;PV;PV3;0.008;LV3.101\n",
        "LoadProfile.csv": demand.to_csv(sep=";", index=False),
        "RESProfile.csv": yields.to_csv(sep=";", index=False),
    }
    series = simbench_households(wheel(tmp_path, files))
    hours = np.arange(8784) * np.timedelta64(3600, "s")
    np.testing.assert_array_equal(series.time, np.datetime64("2015-12-31T23:00:00") + hours)
    load = real["H0-A_pload_pu"].to_numpy(float).reshape(-1, 4).mean(axis=1) * 3.0
    made = real["PV3_pu"].to_numpy(float).reshape(-1, 4).mean(axis=1) * 8.0
    np.testing.assert_allclose(series.load_kwh[:, 0], load, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(series.generation_kwh[:, 0], made, rtol=1e-6, atol=1e-9)
    # The sun does not know the clock change: the centre of generation, in UTC, must not jump by an hour with it.
    hour = (series.time - series.time.astype("datetime64[D]")).astype(int) / 3600
    change = np.datetime64("2016-03-27T01:00:00")
    centre = [
        np.average(hour[near], weights=series.generation_kwh[near, 0])
        for days in (np.timedelta64(-21, "D"), np.timedelta64(21, "D"))
        for near in [(series.time >= min(change, change + days)) & (series.time < max(change, change + days))]
    ]
    assert abs(centre[0] - centre[1]) < 0.5
