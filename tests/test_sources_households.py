"""A user's own series: the forms that are read, what is refused, and in which words."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commonwatt.instances.errors import InstanceError
from commonwatt.instances.sources.households import read_households
from commonwatt.instances.sources.tabular import LISTED
from hypothesis import given, settings
from hypothesis import strategies as st

WIDE = """time,load_kwh_a,load_kwh_b,generation_kwh_a
2030-01-01 00:00,1.0,0.5,0.0
2030-01-01 01:00,2.0,0.25,1.5
2030-01-01 02:00,3.0,0.125,4.0
"""
LONG = """time,household,load_kwh,generation_kwh
2030-01-01 00:00,a,1.0,0.0
2030-01-01 00:00,b,0.5,0.0
2030-01-01 01:00,a,2.0,1.5
2030-01-01 01:00,b,0.25,0.0
2030-01-01 02:00,a,3.0,4.0
2030-01-01 02:00,b,0.125,0.0
"""
LOAD = np.array([[1.0, 0.5], [2.0, 0.25], [3.0, 0.125]])
MADE = np.array([[0.0, 0.0], [1.5, 0.0], [4.0, 0.0]])


def save(folder: Path, text: str, name: str = "homes.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(path: Path, **options) -> list[str]:
    with pytest.raises(InstanceError) as caught:
        read_households(path, **{"min_days": 0, **options})
    return [str(fault) for fault in caught.value.faults]


def only_fault(path: Path, **options) -> str:
    found = faults_of(path, **options)
    assert len(found) == 1, found
    return found[0]


# --- Forms that are read ---------------------------------------------------------------------------------------------


def folder_of_wide(folder: Path) -> Path:
    save(folder, "time,a,b\n2030-01-01 00:00,1,.5\n2030-01-01 01:00,2,.25\n2030-01-01 02:00,3,.125\n", "load_kw.csv")
    save(folder, "time,a\n2030-01-01 00:00,0\n2030-01-01 01:00,1.5\n2030-01-01 02:00,4\n", "pv_kwh.csv")
    return folder


def parquet_with_index(folder: Path) -> Path:
    frame = pd.read_csv(save(folder, WIDE, "t.csv"), parse_dates=["time"]).set_index("time")
    (folder / "t.csv").unlink()
    frame.to_parquet(folder / "homes.parquet")
    return folder / "homes.parquet"


def parquet_long(folder: Path) -> Path:
    frame = pd.read_csv(save(folder, LONG, "t.csv"), parse_dates=["time"])
    (folder / "t.csv").unlink()
    frame.to_parquet(folder / "homes.parquet")
    return folder / "homes.parquet"


def gzipped(folder: Path) -> Path:
    (folder / "homes.csv.gz").write_bytes(gzip.compress(LONG.encode()))
    return folder / "homes.csv.gz"


def folder_of_long(folder: Path) -> Path:
    save(folder, LONG, "series.csv")
    return folder


FORMS = {
    "wide": lambda folder: save(folder, WIDE),
    "wide in kW": lambda folder: save(folder, WIDE.replace("kwh", "kw")),
    "byte order mark": lambda folder: save(folder, "\ufeff" + WIDE),
    "long": lambda folder: save(folder, LONG),
    "long, other names": lambda folder: save(folder, LONG.replace("generation_kwh", "pv_kw")),
    "gzip": gzipped,
    "parquet with index": parquet_with_index,
    "parquet, long": parquet_long,
    "folder, wide": folder_of_wide,
    "folder, long": folder_of_long,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_series(tmp_path, form):
    series = read_households(FORMS[form](tmp_path), min_days=0)
    assert series.household == ("a", "b")
    np.testing.assert_array_equal(series.time, np.datetime64("2030-01-01", "s") + np.arange(3) * np.timedelta64(1, "h"))
    np.testing.assert_array_equal(series.load_kwh, LOAD)
    np.testing.assert_array_equal(series.generation_kwh, MADE)
    assert series.available.all()
    assert (series.dt_h, series.clock, series.dropped) == (1.0, "as written", ())
    assert list(series.attributes.index) == ["a", "b"]
    assert series.excess_over_deficit == pytest.approx(1.0 / 2.375)


def test_half_hours_in_kw_become_kwh(tmp_path):
    text = "time,load_kw_a,pv_kwh_a\n2030-01-01 00:00,3,0.25\n2030-01-01 00:30,1,0.75\n2030-01-01 01:00,5,1\n"
    series = read_households(save(tmp_path, text), min_days=0)
    assert series.dt_h == 0.5
    np.testing.assert_array_equal(series.load_kwh[:, 0], [1.5, 0.5, 2.5])
    np.testing.assert_array_equal(series.generation_kwh[:, 0], [0.25, 0.75, 1.0])


def test_labels_are_never_taken_for_numbers(tmp_path):
    series = read_households(save(tmp_path, LONG.replace(",a,", ",007,").replace(",b,", ",NA,")), min_days=0)
    assert series.household == ("007", "NA")


def test_byte_order_mark_does_not_hide_the_first_column(tmp_path):
    text = "\ufeffhousehold,time,load_kwh\n007,2030-01-01 00:00,1\n007,2030-01-01 01:00,1\n"
    assert read_households(save(tmp_path, text), min_days=0).household == ("007",)


def test_notes_and_arrays_that_cannot_be_written(tmp_path):
    series = read_households(save(tmp_path, WIDE), min_days=0, licence="CC-BY-4.0", source="our meters")
    assert (series.title, series.licence, series.source) == ("homes", "CC-BY-4.0", "our meters")
    with pytest.raises(ValueError, match="read-only"):
        series.load_kwh[0, 0] = 1.0


@settings(derandomize=True, max_examples=25, deadline=None)
@given(data=st.data(), count=st.integers(2, 6), homes=st.integers(1, 4), minutes=st.sampled_from([15, 30, 60]))
def test_forms_agree_on_random_series_in_any_order_of_rows(data, count, homes, minutes):
    cell = st.floats(0.0, 50.0, allow_subnormal=False)
    load = np.array(data.draw(st.lists(cell, min_size=count * homes, max_size=count * homes))).reshape(count, homes)
    times = pd.date_range("2030-03-01", periods=count, freq=f"{minutes}min")
    wide = pd.DataFrame(load, columns=[f"load_kwh_{at}" for at in range(homes)]).assign(time=times)
    long = pd.DataFrame(
        {
            "household": np.tile([str(at) for at in range(homes)], count),
            "load_kw": load.ravel() / (minutes / 60),
            "time": np.repeat(times, homes),
        }
    ).sample(frac=1.0, random_state=data.draw(st.integers(0, 9)))
    with tempfile.TemporaryDirectory() as folder:
        wide.to_csv(Path(folder) / "wide.csv", index=False)
        long.to_csv(Path(folder) / "long.csv", index=False)
        first = read_households(Path(folder) / "wide.csv", min_days=0)
        second = read_households(Path(folder) / "long.csv", min_days=0)
    assert first.dt_h == second.dt_h == minutes / 60
    np.testing.assert_array_equal(first.load_kwh, load)
    order = [second.household.index(home) for home in first.household]
    np.testing.assert_allclose(second.load_kwh[:, order], load, rtol=1e-14)


# --- Attributes and panels -------------------------------------------------------------------------------------------

YIELDS = """time,load_kwh_a,load_kwh_b,pv_kwh_per_kwp_a
2030-01-01 00:00,1,1,0.5
2030-01-01 01:00,1,1,0.25
"""


def test_sizes_of_panels_come_from_the_attributes(tmp_path):
    homes = save(tmp_path, "home,pv_kwp,floor_area_m2\nb,0,80\na,4,120\n", "attributes.csv")
    series = read_households(save(tmp_path, YIELDS), min_days=0, attributes=homes)
    np.testing.assert_array_equal(series.generation_kwh, [[2.0, 0.0], [1.0, 0.0]])
    assert series.attributes["floor_area_m2"].to_dict() == {"a": 120, "b": 80}
    assert series.attributes.index.name == "household"
    frame = pd.DataFrame({"pv_kwp": [4.0, 0.0]}, index=["a", "b"])
    again = read_households(save(tmp_path, YIELDS), min_days=0, attributes=frame)
    np.testing.assert_array_equal(again.generation_kwh, series.generation_kwh)


def test_table_of_households_in_a_folder(tmp_path):
    save(folder_of_wide(tmp_path), "household,occupants\na,2\nb,3\n", "households.csv")
    assert read_households(tmp_path, min_days=0).attributes["occupants"].tolist() == [2, 3]
    with pytest.raises(ValueError, match=r"attributes are given, but .* holds households.csv"):
        read_households(tmp_path, min_days=0, attributes=tmp_path / "households.csv")


def test_roofs_are_assigned_to_prosumers(tmp_path):
    path = save(tmp_path, YIELDS.replace("_per_kwp_a", "_per_kwp_south"))
    roofs = {"a": ("pv_kwh_per_kwp_south", 6.0), "b": ("pv_kwh_per_kwp_south", 2.0)}
    series = read_households(path, min_days=0, generation=roofs)
    np.testing.assert_array_equal(series.generation_kwh, [[3.0, 1.0], [1.5, 0.5]])
    assert series.attributes["pv_kwp"].tolist() == [6.0, 2.0]
    occupants = pd.DataFrame({"occupants": [3, 2]}, index=["b", "a"])
    again = read_households(path, min_days=0, generation=roofs, attributes=occupants)
    assert again.attributes.to_dict("list") == {"occupants": [2, 3], "pv_kwp": [6.0, 2.0]}


def test_roofs_that_fit_nothing_are_named(tmp_path):
    path = save(tmp_path, YIELDS)
    found = faults_of(path, generation={"a": ("pv_north", 6.0), "z": ("pv_kwh_per_kwp_a", 1.0)})
    assert any("column pv_north: there is no such column; mend generation['a']" in fault for fault in found)
    assert any("household z has generation but no load; add load_kwh_z" in fault for fault in found)
    with pytest.raises(ValueError, match=r"generation\['a'\] is .*; give a column and a size in kWp"):
        read_households(path, generation={"a": ("pv_kwh_per_kwp_a", -1.0)})
    frame = pd.DataFrame({"pv_kwp": [4.0, 0.0]}, index=["a", "b"])
    fault = only_fault(path, generation={"a": ("pv_kwh_per_kwp_a", 1.0)}, attributes=frame)
    assert fault.startswith("table attributes, column pv_kwp: sizes are given by generation, too; keep one of them")


def test_yield_without_size_asks_for_it(tmp_path):
    fault = only_fault(save(tmp_path, YIELDS))
    assert "column pv_kwp, row a: the size of the panels is needed to turn pv_kwh_per_kwp_a into kWh" in fault
    assert "pass attributes= a table with the column pv_kwp" in fault


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("a,4\n", "column household, row b: the household has no row here; add it"),
        ("a,4\nb,0\nc,1\n", "column household, row c: the household has no load; remove the row"),
        ("a,4\nb,0\nb,1\n", "column home, row b, value b: the household is there twice; keep one row"),
        ("a,4\nb,\n", 'column pv_kwp, row b, value NaN: is empty; fill it, or leave the column out with ignore=["pv_k'),
        ("a,-4\nb,0\n", "column pv_kwp, row a, value -4: is no size in kWp; give 0 or more"),
        ("a,big\nb,0\n", "column pv_kwp, row a, value big: is no size in kWp; give 0 or more"),
    ],
)
def test_attributes_that_do_not_fit_are_named(tmp_path, rows, words):
    homes = save(tmp_path, "home,pv_kwp\n" + rows, "attributes.csv")
    assert only_fault(save(tmp_path, YIELDS), attributes=homes).startswith(f"table attributes.csv, {words}")


# --- Cells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["", "NaN", "NA"])
def test_empty_cells_wide(tmp_path, cell):
    fault = only_fault(save(tmp_path, WIDE.replace("0.25", cell)))
    assert fault == (
        "table homes.csv, column load_kwh_b, row 2030-01-01T01:00, value NaN: is empty; "
        'fill it, or pass gaps="drop_household"'
    )


@pytest.mark.parametrize(
    ("cell", "value", "message"),
    [
        ("-0.25", "-0.25", "is negative; energies count from 0 up"),
        ("inf", "inf", "is infinite; give a number"),
        ("-inf", "-inf", "is negative; energies count from 0 up"),
        ("much", "much", "is no number; write a number with a decimal point"),
        ('"0,25"', "0,25", "is no number; write a number with a decimal point"),
        ("true", "true", "is no number; write a number with a decimal point"),
    ],
)
def test_bad_cells_wide_and_long(tmp_path, cell, value, message):
    wide = only_fault(save(tmp_path, WIDE.replace("0.25", cell)))
    assert wide == f"table homes.csv, column load_kwh_b, row 2030-01-01T01:00, value {value}: {message}"
    long = only_fault(save(tmp_path, LONG.replace("0.25", cell)))
    assert long == f"table homes.csv, column load_kwh, row 2030-01-01T01:00, household b, value {value}: {message}"


def test_empty_cell_long(tmp_path):
    fault = only_fault(save(tmp_path, LONG.replace("0.25", "")))
    assert "column load_kwh, row 2030-01-01T01:00, household b, value NaN: is empty" in fault


def test_nan_in_parquet_is_refused(tmp_path):
    frame = pd.DataFrame({"load_kwh_a": [1.0, np.nan, 2.0]}, index=pd.date_range("2030-01-01", periods=3, freq="h"))
    frame.to_parquet(tmp_path / "homes.parquet")
    assert "column load_kwh_a, row 2030-01-01T01:00, value NaN: is empty" in only_fault(tmp_path / "homes.parquet")


def test_all_faults_are_in_one_error(tmp_path):
    text = WIDE.replace("0.25", "-7").replace("3.0", "much").replace("1.5", "").replace("time,", "time,weather,")
    text = text.replace(":00,", ":00,9,")
    found = faults_of(save(tmp_path, text))
    for words in ("column weather", "value -7", "value much", "generation_kwh_a, row 2030-01-01T01:00, value NaN"):
        assert sum(words in fault for fault in found) == 1, words
    assert len(found) == 4


def test_many_bad_cells_are_counted(tmp_path):
    rows = "".join(f"{time:%Y-%m-%d %H:%M},-1\n" for time in pd.date_range("2030-01-01", periods=LISTED + 30, freq="h"))
    found = faults_of(save(tmp_path, "time,load_kwh_a\n" + rows))
    assert len(found) == LISTED + 1
    assert found[-1] == "table homes.csv, column load_kwh_a: 30 more cells: is negative"


def test_whole_numbers_followed_by_fractions_are_numbers(tmp_path):
    # Arrow infers a type from the first megabyte; nights of zeros must not turn the days into text or integers.
    count = 80_000
    times = pd.date_range("2030-01-01", periods=count, freq="15min").strftime("%Y-%m-%d %H:%M")
    rows = [f"{time},{0 if at < count - 2 else 0.5}" for at, time in enumerate(times)]
    series = read_households(save(tmp_path, "time,load_kwh_a\n" + "\n".join(rows)), min_days=0)
    assert series.load_kwh.sum() == 1.0


# --- Columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "generation_kwh_a",
            "temp_c",
            "column temp_c: unknown column; name it load_kwh_<household>",
        ),
        ("generation_kwh_a", "temp_c", 'or leave it out with ignore=["temp_c"]'),
        ("generation_kwh_a", "generation_a", "column generation_a: the column does not say its unit; put kwh or kw"),
        ("generation_kwh_a", "load_kwh_per_kwp_c", "column load_kwh_per_kwp_c: the column does not say its unit"),
        ("generation_kwh_a", "pv", "column pv: the column does not say its unit"),
        ("generation_kwh_a", "pv_kwh_b_x", "household b_x has generation but no load; add load_kwh_b_x"),
        ("generation_kwh_a", "load_kw_a", "column load_kw_a: household a has load in load_kwh_a already; keep one"),
        ("generation_kwh_a", "load_kwh_a", "column load_kwh_a: the column is there twice; keep one of them"),
        (
            "generation_kwh_a",
            "pv_kwh",
            "column pv_kwh: the column names no household; name it pv_kwh_<household>",
        ),
        ("time,", "load_kwh_c,", "column time: there is no column of times; add a column time"),
    ],
)
def test_columns_that_are_not_understood(tmp_path, old, new, words):
    fault = only_fault(save(tmp_path, WIDE.replace(old, new)))
    assert fault.startswith("table homes.csv, column ")
    assert words in fault


def test_columns_of_the_long_form(tmp_path):
    unknown = only_fault(save(tmp_path, LONG.replace("generation_kwh", "temp_c")))
    assert "column temp_c: unknown column" in unknown
    twice = only_fault(save(tmp_path, LONG.replace("generation_kwh", "load_kw")))
    assert "column load_kw: holds load as does load_kwh; leave it out with ignore=" in twice
    nameless = only_fault(save(tmp_path, LONG.replace("02:00,b", "02:00,")), gaps="drop_household")
    assert "column household, row 2030-01-01T02:00, household , value empty: names no household" in nameless


def test_ignored_columns_are_left_out(tmp_path):
    series = read_households(save(tmp_path, WIDE), min_days=0, ignore=["generation_kwh_a"])
    assert not series.generation_kwh.any()
    assert "column nope: ignore names what is not there" in only_fault(save(tmp_path, WIDE), ignore=["nope"])


def test_single_home_is_named_by_argument(tmp_path):
    path = save(tmp_path, "time,load_kw,pv_kw\n2030-01-01 00:00,1,0\n2030-01-01 00:15,2,1\n")
    series = read_households(path, min_days=0, household="home 1")
    assert series.household == ("home 1",)
    np.testing.assert_array_equal(series.load_kwh, [[0.25], [0.5]])


def test_files_of_a_folder_that_are_not_understood(tmp_path):
    assert "holds no table of loads; put load_kwh.csv (or series.csv) into it" in only_fault(tmp_path)
    folder_of_wide(tmp_path)
    save(tmp_path, "time,x\n", "weather.csv")
    assert "table weather.csv: unknown file; name it load_kwh" in only_fault(tmp_path)
    assert read_households(tmp_path, min_days=0, ignore=["weather.csv"]).household == ("a", "b")
    (tmp_path / "weather.csv").unlink()
    (tmp_path / "pv_kwh.csv").rename(tmp_path / "pv.csv")
    fault = only_fault(tmp_path)
    assert fault == "table pv.csv: the file name does not say the unit; name it pv_kwh or pv_kw"


# --- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "table homes.csv: is empty; give a header and at least two rows"),
        ("time,load_kwh_a\n", "table homes.csv: has no rows; give at least two intervals"),
        ("time,load_kwh_a\n2030-01-01 00:00,1\n", "column time: has fewer than two times"),
        (WIDE + "2030-01-01 03:00,3.0\n", "row line 5, value 2030-01-01 03:00,3.0: has 2 cells instead of 4; complete"),
        (WIDE.replace("0.25,", "0.25,9,"), "row line 3, value 2030-01-01 01:00,2.0,0.25,9,1.5: has 5 cells instead of"),
        (
            WIDE.replace(",", ";"),
            "row line 1, value time;load_kwh_a;load_kwh_b;generation_kwh_a: the columns ar",
        ),
    ],
)
def test_malformed_csv(tmp_path, text, words):
    found = faults_of(save(tmp_path, text))
    assert words in found[0]


def test_unreadable_files(tmp_path):
    (tmp_path / "homes.csv").write_bytes(b"time,load_kwh_\xff\n")
    assert "is no readable CSV file" in only_fault(tmp_path / "homes.csv")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(LONG.encode())[:-20])
    assert "is no readable CSV file" in only_fault(tmp_path / "cut.csv.gz")
    content = parquet_long(tmp_path).read_bytes()
    (tmp_path / "homes.parquet").write_bytes(content[:-30])
    assert "is no readable Parquet file" in only_fault(tmp_path / "homes.parquet")
    (tmp_path / "homes.xlsx").write_bytes(b"PK")
    assert "table homes.xlsx: is neither CSV nor Parquet; save it as" in only_fault(tmp_path / "homes.xlsx")


def test_arguments_that_make_no_sense(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder .*absent.csv"):
        read_households(tmp_path / "absent.csv")
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder .*homes.csv"):
        read_households(save(tmp_path, WIDE, "wide.csv"), attributes=tmp_path / "homes.csv")
    with pytest.raises(ValueError, match='gaps is \'fill\'; choose "refuse" or "drop_household"'):
        read_households(tmp_path, gaps="fill")
    with pytest.raises(ValueError, match=r"time_zone is 'Mars/Olympus'; give an IANA name"):
        read_households(tmp_path, time_zone="Mars/Olympus")
    with pytest.raises(ValueError, match="but path is a folder"):
        read_households(tmp_path, generation={})


# --- Time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["01.02.2030 01:00", "soon", "2030", "", "2030-13-01 01:00", "2030-01-01 5pm"])
def test_timestamps_that_do_not_parse(tmp_path, written):
    found = faults_of(save(tmp_path, WIDE.replace("2030-01-01 01:00", written)))
    value = written or "empty"
    assert any(f"value {value}: is no ISO 8601 timestamp; write the start of the interval as" in f for f in found)


def test_a_row_without_a_time_in_parquet(tmp_path):
    frame = pd.DataFrame({"time": pd.to_datetime(["2030-01-01", None, "2030-01-02"]), "load_kwh_a": [1.0, 1.0, 1.0]})
    frame.to_parquet(tmp_path / "homes.parquet")
    fault = only_fault(tmp_path / "homes.parquet")
    assert fault == "table homes.parquet, column time, value empty: is empty; give every row its start"


def test_times_that_are_there_twice(tmp_path):
    wide = only_fault(save(tmp_path, WIDE + "2030-01-01 02:00,1,1,1\n"))
    assert "column time, row 2030-01-01T02:00: the time is there twice; keep one row; if the clock changes" in wide
    assert 'pass time_zone, for example time_zone="Europe/Berlin"' in wide
    long = only_fault(save(tmp_path, LONG + "2030-01-01 00:00,b,1,1\n"))
    assert "column time, row 2030-01-01T00:00, household b: the time is there twice" in long


def test_gaps_in_time(tmp_path):
    text = WIDE + "2030-01-01 05:00,1,1,1\n"
    for gaps in ("refuse", "drop_household"):
        fault = only_fault(save(tmp_path, text), gaps=gaps)
        words = "column time, row 2030-01-01T05:00, value 3 h: gap in time: 2 interval(s) of 1 h missing after"
        assert words in fault
        assert "pass time_zone" in fault


def test_steps_that_differ(tmp_path):
    fault = only_fault(save(tmp_path, WIDE + "2030-01-01 02:20,1,1,1\n"))
    assert "row 2030-01-01T02:20, value 0.333333 h: the step is 0.333333 h here and 1 h elsewhere" in fault


def test_offsets_are_turned_into_utc(tmp_path):
    text = WIDE.replace("00:00,", "00:00+01:00,").replace("01:00,2", "01:00+01:00,2").replace("02:00,", "03:00+02:00,")
    series = read_households(save(tmp_path, text), min_days=0, time_zone="Europe/Berlin")
    assert series.clock == "UTC"
    assert str(series.time[0]) == "2029-12-31T23:00:00"
    assert len(series.time) == 3
    mixed = faults_of(save(tmp_path, WIDE.replace("02:00,", "02:00Z,")))
    assert "has no offset from UTC although others have one (2030-01-01 02:00Z)" in mixed[0]


def test_aware_parquet_is_turned_into_utc(tmp_path):
    times = pd.date_range("2030-01-01", periods=2, freq="h", tz="America/Chicago", name="time")
    pd.DataFrame({"load_kwh_a": [1.0, 2.0]}, index=times).to_parquet(tmp_path / "homes.parquet")
    series = read_households(tmp_path / "homes.parquet", min_days=0)
    assert (str(series.time[0]), series.clock) == ("2030-01-01T06:00:00", "UTC")


def clock_change(first: str, last: str, step: str = "30min") -> tuple[pd.DatetimeIndex, pd.DataFrame]:
    """UTC times and two households' series on the German clock, without offsets."""
    utc = pd.date_range(first, last, freq=step, tz="UTC", inclusive="left")
    local = utc.tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M")
    rising = np.arange(len(utc), dtype=float)
    return utc.tz_localize(None), pd.DataFrame({"time": local, "load_kwh_a": rising, "load_kwh_b": rising + 0.5})


@pytest.mark.parametrize("form", ["wide", "long", "parquet"])
@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2030-03-30T23:00", "2030-03-31T22:00", "gap in time: 2 interval(s) of 0.5 h missing after 2030-03-31T01:30"),
        ("2030-10-26T22:00", "2030-10-27T23:00", "row 2030-10-27T02:00"),
    ],
    ids=["spring", "autumn"],
)
def test_days_of_23_and_25_hours(tmp_path, form, first, last, words):
    utc, frame = clock_change(first, last)
    path = tmp_path / ("homes.parquet" if form == "parquet" else "homes.csv")
    if form == "parquet":
        frame.assign(time=pd.to_datetime(frame["time"])).to_parquet(path)
    elif form == "wide":
        frame.to_csv(path, index=False)
    else:
        long = frame.melt("time", var_name="household", value_name="load_kwh")
        long.to_csv(path, index=False)
    refused = faults_of(path)
    assert words in refused[0]
    assert "pass time_zone" in refused[0]
    series = read_households(path, min_days=0, time_zone="Europe/Berlin")
    assert series.clock == "UTC"
    np.testing.assert_array_equal(series.time, utc.to_numpy().astype("datetime64[s]"))
    np.testing.assert_array_equal(series.load_kwh, frame[["load_kwh_a", "load_kwh_b"]])


def test_an_hour_that_no_clock_shows(tmp_path):
    text = "time,load_kwh_a\n2030-03-31 01:00,1\n2030-03-31 02:00,1\n2030-03-31 03:00,1\n"
    fault = only_fault(save(tmp_path, text), time_zone="Europe/Berlin")
    assert "row 2030-03-31 02:00, value 2030-03-31 02:00: does not exist on the clock of Europe/Berlin" in fault
    assert "leave time_zone out if the times are standard time all year" in fault
    assert len(read_households(save(tmp_path, text), min_days=0).time) == 3


# --- Gaps and short series -------------------------------------------------------------------------------------------


def test_household_with_fewer_rows(tmp_path):
    path = save(tmp_path, LONG.replace("2030-01-01 01:00,b,0.25,0.0\n", ""))
    found = faults_of(path)
    assert len(found) == 2  # Load and generation of b, which share the row.
    words = "column time, row 2030-01-01T01:00, household b: 2 of 3 rows are there; this is the first one missing"
    assert all(words in fault for fault in found)
    series = read_households(path, min_days=0, gaps="drop_household")
    np.testing.assert_array_equal(series.available, [[True, True], [True, False], [True, True]])
    assert series.load_kwh[1, 1] == 0.0


def test_generation_with_fewer_rows_than_load(tmp_path):
    folder_of_wide(tmp_path)
    save(tmp_path, "time,a,b\n2030-01-01 00:00,0,1\n2030-01-01 01:00,1.5,1\n", "pv_kwh.csv")
    fault = only_fault(tmp_path)
    assert fault.startswith("table pv_kwh.csv, column time, row 2030-01-01T02:00: 2 of 3 rows are there")


def days(count: int) -> pd.DataFrame:
    times = pd.date_range("2030-01-01", periods=24 * count, freq="h")
    return pd.DataFrame({"time": times, "load_kwh_a": 1.0, "load_kwh_b": 1.0, "generation_kwh_b": 2.0})


def test_households_with_at_most_so_many_days_are_dropped_and_listed(tmp_path):
    frame = days(4)
    frame.loc[: 2 * 24 - 1, "load_kwh_a"] = np.nan  # Exactly two days are left of a.
    frame.loc[:30, "generation_kwh_b"] = np.nan  # More than two days are left of b.
    frame.to_csv(tmp_path / "homes.csv", index=False)
    series = read_households(tmp_path / "homes.csv", min_days=2, gaps="drop_household")
    assert (series.household, series.dropped) == (("b",), ("a",))
    assert list(series.attributes.index) == ["b"]
    np.testing.assert_array_equal(series.available[:, 0], np.arange(96) > 30)
    assert not series.load_kwh[:31].any()
    assert not series.generation_kwh[:31].any()
    assert series.load_kwh[31:].all()
    both = read_households(tmp_path / "homes.csv", min_days=1.9, gaps="drop_household")
    assert (both.household, both.dropped) == (("a", "b"), ())
    found = faults_of(tmp_path / "homes.csv", min_days=2)
    assert sum("is empty" in fault for fault in found) == 2 * (LISTED + 1)
    with pytest.raises(InstanceError, match=r"no household has more than 3 days .*; pass a smaller"):
        read_households(tmp_path / "homes.csv", min_days=3, gaps="drop_household")


def test_household_without_any_measurement_is_dropped(tmp_path):
    days(2).assign(load_kwh_a=np.nan).to_csv(tmp_path / "homes.csv", index=False)
    assert read_households(tmp_path / "homes.csv", min_days=0, gaps="drop_household").dropped == ("a",)


def test_short_series_names_the_way_out(tmp_path):
    days(2).to_csv(tmp_path / "homes.csv", index=False)
    message = r"the whole series has 2 days, but households need more than 2; pass min_days=0"
    with pytest.raises(InstanceError, match=message):
        read_households(tmp_path / "homes.csv", min_days=2)
    path = save(tmp_path, WIDE)
    with pytest.raises(InstanceError) as caught:
        read_households(path)
    (fault,) = caught.value.faults
    assert fault.message == "the whole series has 0.125 days, but households need more than 300"
    assert fault.remedy == "pass min_days=0 to keep them"


# --- Real homes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def real(real_data: Path) -> Path:
    return real_data / "households"


def test_austin(real):
    path = real / "austin_tx_resstock_2018_hourly.parquet"
    raw = pd.read_parquet(path)
    homes = [name.removeprefix("load_kwh_") for name in raw if name.startswith("load_kwh_")]
    sides = ("az90", "az135", "az180", "az225", "az270")
    roofs = {home: (f"pv_kwh_per_kwp_tilt25_{sides[at % 5]}", 8.0) for at, home in enumerate(homes[:41])}
    series = read_households(
        path,
        generation=roofs,
        attributes=real / "austin_tx_resstock_2018_homes.csv",
        ignore=["temp_air_c", "wind_speed_10m_m_per_s", "ghi_w_per_m2"],
    )
    assert series.household == tuple(homes)
    assert series.load_kwh.shape == (8760, 100)
    np.testing.assert_allclose(series.load_kwh.sum(axis=0), series.attributes["load_kwh_year"], rtol=1e-5)
    np.testing.assert_allclose(series.generation_kwh[:, 2], 8.0 * raw["pv_kwh_per_kwp_tilt25_az180"], rtol=1e-6)
    assert not series.generation_kwh[:, 41:].any()
    assert series.attributes["pv_kwp"].sum() == 41 * 8.0
    assert 0.2 < series.excess_over_deficit < 0.35


def test_fontana(real):
    series = read_households(
        real / "fontana_ca_2016_hourly.parquet",
        attributes=real / "fontana_ca_2016_homes.csv",
        ignore=["import_price_usd_per_kwh", "grid_co2_kg_per_kwh", "temp_air_c", "dhi_w_per_m2", "dni_w_per_m2"],
    )
    homes = pd.read_csv(real / "fontana_ca_2016_homes.csv", index_col="home")
    np.testing.assert_allclose(series.load_kwh.sum(axis=0), homes["load_kwh_year"], rtol=1e-5)
    expected = homes["pv_kwh_per_kwp_year"] * homes["pv_kwp"]
    np.testing.assert_allclose(series.generation_kwh.sum(axis=0), expected, rtol=1e-5)


def test_ausgrid(real):
    path = real / "ausgrid_customer12_2011_halfhourly.parquet"
    series = read_households(path, household="customer12")
    assert (series.household, series.dt_h, len(series.time)) == (("customer12",), 0.5, 17568)
    raw = pd.read_parquet(path).astype(float)
    np.testing.assert_allclose(series.load_kwh[:, 0], raw["load_kw"] / 2, rtol=1e-12)
    np.testing.assert_allclose(series.generation_kwh[:, 0], raw["pv_kw"] / 2, rtol=1e-12)


def test_real_files_read_without_arguments_say_what_is_needed(real):
    found = " ".join(faults_of(real / "austin_tx_resstock_2018_hourly.parquet"))
    assert "household tilt25_az90 has generation but no load" in found
    assert "generation={household: (column, kWp)}" in found
    assert 'pass household="home"' in " ".join(faults_of(real / "ausgrid_customer12_2011_halfhourly.parquet"))


def test_the_double_hour_of_a_file_that_runs_backwards_is_refused(tmp_path):
    local = pd.date_range("2025-10-25", "2025-10-28", freq="h", tz="Europe/Berlin", inclusive="left").tz_localize(None)
    frame = pd.DataFrame({"time": local.strftime("%Y-%m-%dT%H:%M"), "load_kwh_a": np.arange(len(local), dtype=float)})
    frame.to_csv(tmp_path / "up.csv", index=False)
    frame[::-1].to_csv(tmp_path / "down.csv", index=False)
    found = read_households(tmp_path / "up.csv", time_zone="Europe/Berlin", min_days=0)
    assert found.load_kwh[:, 0].tolist() == list(range(73))
    with pytest.raises(InstanceError, match=r"2025-10-26T02:00.*times run backwards.*sort the rows by time"):
        read_households(tmp_path / "down.csv", time_zone="Europe/Berlin", min_days=0)
