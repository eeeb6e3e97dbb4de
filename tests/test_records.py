"""Records: what is declared once has to hold wherever a record is made.

Strategy: every sound input, in whatever form, gives the same read-only arrays and the same content hash; every unsound
one gives one InstanceError with all its faults, each naming table, column, row, value and remedy. Random instances,
with labels out of all of Unicode and numbers over the whole range of floats, survive CSV and Parquet bit by bit.
"""

from __future__ import annotations

import copy
import dataclasses
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commonwatt.instances.allocation import AllocationInstance, prioritise
from commonwatt.instances.errors import Fault, InstanceError
from commonwatt.instances.fields import specs
from commonwatt.instances.sources.small_allocation import SMALL, three_houses
from commonwatt.models.allocation.decision import AllocationDecision, AllocationPrices
from hypothesis import given, settings
from hypothesis import strategies as st

import commonwatt as cw

SOUND = {"deficiency_kwh": [[1.0, 2.0], [3.0, 0.0]], "excess_kwh": [[0.0, 0.0], [0.0, 1.0]]}


def faults_of(**fields: object) -> tuple[Fault, ...]:
    with pytest.raises(InstanceError) as caught:
        AllocationInstance(**(SOUND | fields))
    return caught.value.faults


# Sound input


def test_defaults_fill_what_is_not_given() -> None:
    made = AllocationInstance(**SOUND)
    assert made.household.tolist() == ["house 1", "house 2"]
    assert made.interval.tolist() == ["2030-01-01T00:00:00Z", "2030-01-01T01:00:00Z"]
    assert made.weight.tolist() == [1.0, 1.0]
    assert made.priority.tolist() == [1, 1]
    assert made.priority.dtype == np.int64
    assert made.role.tolist() == ["by_sign", "by_sign"]
    assert made.group is None
    assert made.member_of is None
    assert made.settings() == {
        "dt_h": 1.0,
        "service_level": 1.0,
        "reset_intervals": 4.0,
        "leftover": "export",
        "store_kwh": 0.0,
    }


@pytest.mark.parametrize("dt_h", [0.25, 1.0 / 3.0, 1.0 / 7.0, 24.0, 168.0, 1e-6])
def test_made_time_labels_fit_the_length_of_an_interval(dt_h: float) -> None:
    energy = np.ones((50, 1))
    made = AllocationInstance(deficiency_kwh=energy, excess_kwh=energy, dt_h=dt_h)
    # The labels are valid input themselves: saved and loaded they are checked against dt_h.
    again = AllocationInstance(interval=made.interval, deficiency_kwh=energy, excess_kwh=energy, dt_h=dt_h)
    assert again == made


def test_pandas_numpy_and_lists_give_the_same_record() -> None:
    names, times = ["a", "b"], ["2030-01-01T00:00Z", "2030-01-01T01:00Z"]
    frames = {name: pd.DataFrame(values, index=times, columns=names) for name, values in SOUND.items()}
    given_as_frames = AllocationInstance(
        interval=times, household=names, weight=pd.Series([1.0, 2.0], index=names), **frames
    )
    arrays = {name: np.asfortranarray(values) for name, values in SOUND.items()}
    assert given_as_frames == AllocationInstance(interval=times, household=names, weight=np.array([1, 2]), **arrays)


def test_a_datetime_index_serves_as_labels() -> None:
    times = pd.date_range("2030-01-01", periods=2, freq="h")
    frames = {name: pd.DataFrame(values, index=times, columns=["a", "b"]) for name, values in SOUND.items()}
    made = AllocationInstance(interval=times, household=["a", "b"], **frames)
    assert made.interval.tolist() == ["2030-01-01T00:00", "2030-01-01T01:00"]
    seconds = AllocationInstance(interval=times + pd.Timedelta(30, "s"), **SOUND)
    assert seconds.interval[0] == "2030-01-01T00:00:30"


@pytest.mark.parametrize("axis", ["index", "columns"])
def test_pandas_input_in_another_order_is_refused(axis: str) -> None:
    names, times = ["a", "b"], ["2030-01-01T00:00Z", "2030-01-01T01:00Z"]
    frame = pd.DataFrame(SOUND["deficiency_kwh"], index=times, columns=names)
    turned = frame.iloc[::-1] if axis == "index" else frame.iloc[:, ::-1]
    (fault,) = faults_of(interval=times, household=names, deficiency_kwh=turned)
    assert (fault.table, fault.column) == ("interval_household", "deficiency_kwh")
    assert "interval" in fault.message if axis == "index" else "household" in fault.message
    assert "reindex" in fault.remedy


def test_a_series_in_another_order_is_refused() -> None:
    (fault,) = faults_of(household=["a", "b"], weight=pd.Series([1.0, 2.0], index=["b", "a"]))
    assert (fault.table, fault.column) == ("household", "weight")


# Identity


def test_arrays_are_copies_and_read_only() -> None:
    energy = np.ones((2, 2))
    made = AllocationInstance(deficiency_kwh=energy, excess_kwh=SOUND["excess_kwh"])
    energy[0, 0] = 7.0
    assert made.deficiency_kwh[0, 0] == 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.dt_h = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("again", [lambda i: i, lambda i: pickle.loads(pickle.dumps(i)), copy.deepcopy, copy.copy])
def test_every_array_is_read_only_also_after_pickling(again: object) -> None:
    instance = prioritise(three_houses(), "large_size")
    assert instance.requested_kwh.sum() == 11.0  # fill the caches, which are pickled too
    assert instance.stored_kwh.shape == (2,)
    found = again(instance)  # type: ignore[operator]
    assert found == instance
    assert found.meta == instance.meta
    arrays = {name: value for name, value in vars(found).items() if isinstance(value, np.ndarray)}
    assert {"deficiency_kwh", "household", "member_of", "requested_kwh", "stored_kwh"} <= set(arrays)
    for name, values in arrays.items():
        with pytest.raises(ValueError, match="read-only"):
            values[...] = values
        assert not values.flags.writeable, name


def test_equality_and_hash_follow_content() -> None:
    first, second = three_houses(), three_houses()
    assert first is not second
    assert first == second
    assert len({first, second}) == 1
    assert first.named("another") == first, "the name is no content"
    assert first != three_houses().replace(dt_h=2.0)
    assert first != "three houses"


@pytest.mark.parametrize(
    "change",
    [
        {"deficiency_kwh": [[1.0, 4.0, 6.0 + 1e-15, 0.0]]},
        {"household": ["A", "B", "C", "Roof"]},
        {"interval": ["2031-01-01T00:00Z"]},
        {"weight": [1.0, 1.0, 2.0, 1.5]},
        {"priority": [1, 1, 1, 2]},
        {"role": ["by_sign", "by_sign", "by_sign", "prosumer"]},
        {"size_m2": None},
        {"group": ["g"], "member_of": [0, 0, 0, 0]},
        {"leftover": "spill"},
        {"store_kwh": 1.0},
        {"service_level": 0.5},
        {"reset_intervals": 5.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_changed_field_changes_the_hash(change: dict[str, object]) -> None:
    base = three_houses()
    changed = base.replace(**change)
    assert changed != base
    assert changed.replace(**{name: getattr(base, name) for name in change}) == base


def test_minus_zero_is_zero() -> None:
    zero = AllocationInstance(deficiency_kwh=[[1.0, 0.0]], excess_kwh=[[0.0, 1.0]], store_kwh=0.0)
    assert zero == AllocationInstance(deficiency_kwh=[[1.0, -0.0]], excess_kwh=[[-0.0, 1.0]], store_kwh=-0.0)


def test_replace_validates_anew_and_refuses_unknown_names() -> None:
    with pytest.raises(InstanceError, match="is negative"):
        three_houses().replace(deficiency_kwh=[[1.0, 4.0, -6.0, 0.0]])
    with pytest.raises(TypeError, match="deficiency_kw"):
        three_houses().replace(deficiency_kw=1.0)


def test_repr_names_and_counts() -> None:
    assert repr(three_houses()) == "<AllocationInstance allocation/three-houses: 1 interval, 4 households>"
    decision = AllocationDecision(instance=three_houses(), allocated_kwh=[[0.0] * 4])
    assert repr(decision) == "<AllocationDecision for allocation/three-houses>"


def test_tables_carry_labels() -> None:
    tables = prioritise(three_houses(), "large_size").tables()
    assert set(tables) == {"interval", "household", "interval_household", "group"}
    energy = tables["interval_household"]
    assert list(energy) == ["interval", "household", "deficiency_kwh", "excess_kwh"]
    assert energy["household"].tolist() == ["A", "B", "C", "roof"]
    assert energy["deficiency_kwh"].tolist() == [1.0, 4.0, 6.0, 0.0]
    assert tables["household"]["member_of"].iloc[2] == "large_size 1 of 3"


def test_every_declared_unit_is_a_unit() -> None:
    units = {"kWh", "1", "m2", "h", "criterion/kWh"}
    for cls in (AllocationInstance, AllocationDecision, AllocationPrices):
        assert {spec.unit for spec in specs(cls).values()} <= units


# Time


def hours(start: str, end: str, zone: str) -> list[str]:
    return [time.isoformat() for time in pd.date_range(start, end, freq="h", tz=zone, inclusive="left")]


@pytest.mark.parametrize(("day", "count"), [("2030-03-31", 23), ("2030-10-27", 25), ("2030-06-01", 24)])
def test_a_day_of_a_clock_change_has_23_or_25_hours(day: str, count: int) -> None:
    times = hours(day, str(pd.Timestamp(day) + pd.Timedelta(1, "D"))[:10], "Europe/Berlin")
    assert len(times) == count
    energy = np.ones((count, 1))
    made = AllocationInstance(interval=times, deficiency_kwh=energy, excess_kwh=energy)
    assert made.interval.tolist() == times


def test_local_times_without_offset_show_the_doubled_and_the_missing_hour() -> None:
    times = [time[:16] for time in hours("2030-10-27", "2030-10-28", "Europe/Berlin")]
    energy = np.ones((25, 1))
    (fault,) = faults_of(interval=times, deficiency_kwh=energy, excess_kwh=energy)
    assert (fault.table, fault.value) == ("interval", "'2030-10-27T02:00'")
    assert "duplicate" in fault.message
    times = [time[:16] for time in hours("2030-03-31", "2030-04-01", "Europe/Berlin")]
    energy = np.ones((23, 1))
    (fault,) = faults_of(interval=times, deficiency_kwh=energy, excess_kwh=energy)
    assert fault.row == "2030-03-31T03:00"
    assert "a gap: 2 h after 2030-03-31T01:00" in fault.message


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("2030-01-01T02:00Z", "a gap: 2 h"),
        ("2030-01-01T00:30Z", "a duplicated or disordered time: 0.5 h"),
        ("2030-01-01T01:00+01:00", "a duplicated or disordered time: 0 h"),
        ("2029-12-31T23:00Z", "a duplicated or disordered time: -1 h"),
        ("noon", "is no time stamp"),
        ("2030-13-01", "is no time stamp"),
        ("", "is an empty label"),
    ],
)
def test_gaps_and_disorder_in_time_are_named(second: str, words: str) -> None:
    (fault,) = faults_of(interval=["2030-01-01T00:00Z", second])
    assert fault.table == fault.column == "interval"
    assert words in fault.message
    assert fault.remedy
    assert fault.row


def test_a_gap_is_named_although_something_else_is_wrong() -> None:
    found = faults_of(interval=["2030-01-01T00:00Z", "2030-01-01T05:00Z"], weight=[-1.0, 1.0], service_level=2.0)
    assert {fault.column for fault in found} == {"interval", "weight", "service_level"}


# Faults


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"weight": [np.nan, 1.0]}, ("household", "weight", "house 1", "nan", "is no finite number")),
        ({"weight": [np.inf, 1.0]}, ("household", "weight", "house 1", "inf", "is no finite number")),
        ({"weight": [None, 1.0]}, ("household", "weight", "house 1", "nan", "is no finite number")),
        ({"weight": [-1.0, 1.0]}, ("household", "weight", "house 1", "-1.0", "is negative")),
        ({"weight": ["1.0", 1.0]}, ("household", "weight", "house 1", "1.0", "is no number")),
        ({"weight": ["one", 1.0]}, ("household", "weight", "house 1", "one", "is no number")),
        ({"weight": [1j, 1.0]}, ("household", "weight", "house 1", "1j", "is no number")),
        ({"weight": [10**400, 1.0]}, ("household", "weight", "house 1", "1" + 58 * "0" + "…", "is no number")),
        ({"weight": [1.0, 1.0, 1.0]}, ("household", "weight", "", "shape (3,)", "must hold 2 households")),
        ({"weight": 1.0}, ("household", "weight", "", "shape ()", "must hold 2 households")),
        ({"weight": {"a": 1}}, ("household", "weight", "", "shape ()", "must be a regular array")),
        ({"weight": [0.0, 0.0]}, ("household", "weight", "", "0", "all weights are zero")),
        ({"priority": [1.5, 1]}, ("household", "priority", "house 1", "1.5", "is no whole number")),
        ({"priority": [1e300, 1]}, ("household", "priority", "house 1", "1e+300", "is too large")),
        ({"priority": [0, 1]}, ("household", "priority", "house 1", "0.0", "is below 1")),
        ({"role": ["by_sign", "boss"]}, ("household", "role", "house 2", "boss", "is unknown")),
        ({"role": ["by_sign"]}, ("household", "role", "", "shape (1,)", "must have shape (2,)")),
        (
            {"role": ["by_sign", "consumer"]},
            ("interval_household", "excess_kwh", "2030-01-01T01:00:00Z, house 2", "1", "role is fixed as consumer"),
        ),
        (
            {"role": ["prosumer", "by_sign"]},
            ("interval_household", "deficiency_kwh", "2030-01-01T00:00:00Z, house 1", "1", "role is fixed as prosumer"),
        ),
        ({"household": ["a", "a"]}, ("household", "household", "household 1", "'a'", "is a duplicate")),
        ({"household": ["a", ""]}, ("household", "household", "household 1", "''", "is an empty label")),
        ({"household": ["a", " b"]}, ("household", "household", "household 1", "' b'", "has blanks around it")),
        ({"household": ["a", "b\rc"]}, ("household", "household", "household 1", "'b\\rc'", "control character")),
        ({"household": [["a"], ["b", "c"]]}, ("household", "household", "", "shape (2,)", "must be a plain list")),
        ({"household": "a"}, ("household", "household", "", "shape ()", "must be a plain list")),
        ({"group": ["g"], "member_of": [0, 1]}, ("household", "member_of", "house 2", "1", "points at no group")),
        ({"group": ["g"], "member_of": [0, -1]}, ("household", "member_of", "house 2", "-1", "points at no group")),
        ({"deficiency_kwh": None}, ("interval_household", "deficiency_kwh", "", "", "is missing")),
        (
            {"deficiency_kwh": [[1, 2], [3]]},
            ("interval_household", "deficiency_kwh", "", "shape (2,)", "regular array"),
        ),
        (
            {"deficiency_kwh": np.array([["2020", "2021"], ["2022", "NaT"]], dtype="M8[Y]")},
            ("interval_household", "deficiency_kwh", "2030-01-01T00:00:00Z, house 1", "2020-01-01", "is no number"),
        ),
        ({"dt_h": np.nan}, ("settings", "dt_h", "", "nan", "is no finite number")),
        ({"dt_h": np.inf}, ("settings", "dt_h", "", "inf", "is no finite number")),
        ({"dt_h": 10**400}, ("settings", "dt_h", "", "1" + 58 * "0" + "…", "is no finite number")),
        ({"dt_h": "1"}, ("settings", "dt_h", "", "'1'", "is no finite number")),
        ({"dt_h": True}, ("settings", "dt_h", "", "True", "is no finite number")),
        ({"dt_h": 0.0}, ("settings", "dt_h", "", "0", "must be positive")),
        ({"dt_h": -1.0}, ("settings", "dt_h", "", "-1", "is below 0 h")),
        ({"dt_h": 1e300}, ("settings", "dt_h", "", "1e+300", "do not fit the calendar")),
        ({"dt_h": 1e-12}, ("settings", "dt_h", "", "1e-12", "do not fit the calendar")),
        ({"service_level": 1.5}, ("settings", "service_level", "", "1.5", "is above 1")),
        ({"reset_intervals": 1.5}, ("settings", "reset_intervals", "", "1.5", "is no whole number")),
        ({"reset_intervals": np.nan}, ("settings", "reset_intervals", "", "nan", "is no finite number")),
        ({"leftover": "burn"}, ("settings", "leftover", "", "'burn'", "is unknown")),
        ({"leftover": ["export"]}, ("settings", "leftover", "", "['export']", "is unknown")),
    ],
    ids=lambda value: repr(value)[:60] if isinstance(value, dict) else "",
)
def test_a_fault_names_table_column_row_value_and_remedy(
    fields: dict[str, object], expected: tuple[str, str, str, str, str]
) -> None:
    fault = faults_of(**fields)[0]
    assert (fault.table, fault.column, fault.row, fault.value) == expected[:4]
    assert expected[4] in fault.message
    assert fault.message in str(fault)
    for part in expected[:4]:
        assert part in str(fault)


@pytest.mark.parametrize("field", [name for name, spec in specs(AllocationInstance).items() if spec.kind == "array"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0])
def test_no_array_takes_nan_infinity_or_negative_energy(field: str, value: float) -> None:
    base = three_houses()
    spoilt = getattr(base, field).astype(float)
    spoilt.flat[1] = value
    with pytest.raises(InstanceError) as caught:
        base.replace(**{field: spoilt})
    fault = caught.value.faults[0]
    assert fault.column == field
    assert fault.row.endswith("B")
    assert fault.value == str(value)
    assert fault.remedy


def test_all_faults_come_in_one_error_that_survives_pickling() -> None:
    with pytest.raises(InstanceError) as caught:
        AllocationInstance(
            household=["a", "a"],
            deficiency_kwh=[[np.nan, -1.0], [3.0, np.inf]],
            excess_kwh=[[0.0, 0.0], [0.0, "x"]],
            weight=[1.0],
            dt_h=-1.0,
            leftover="burn",
        )
    error = caught.value
    columns = [fault.column for fault in error.faults]
    assert columns.count("deficiency_kwh") == 3
    assert {"household", "excess_kwh", "weight", "dt_h", "leftover"} <= set(columns)
    again = pickle.loads(pickle.dumps(error))
    assert again.faults == error.faults
    assert str(again) == str(error)


def test_thousands_of_faults_are_counted_not_listed() -> None:
    energy = np.full((300, 10), np.nan)
    found = faults_of(deficiency_kwh=energy, excess_kwh=np.zeros((300, 10)))
    assert len(found) == 1001
    assert found[-1].row == "2000 further cells"
    with pytest.raises(InstanceError, match="981 more"):
        AllocationInstance(deficiency_kwh=energy, excess_kwh=np.zeros((300, 10)))


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (2, 0)])
def test_an_empty_community_is_refused(shape: tuple[int, int]) -> None:
    found = faults_of(deficiency_kwh=np.ones(shape), excess_kwh=np.ones(shape))
    missing = {axis for axis, size in zip(("interval", "household"), shape, strict=True) if size == 0}
    assert {fault.column for fault in found} == missing
    assert all("there is no" in fault.message for fault in found)


def test_a_decision_is_validated_against_its_instance() -> None:
    instance = three_houses()
    with pytest.raises(InstanceError, match="must hold 1 intervals × 4 households"):
        AllocationDecision(instance=instance, allocated_kwh=[[1.0, 2.0]])
    with pytest.raises(InstanceError, match="is no finite number") as caught:
        AllocationDecision(instance=instance, allocated_kwh=[[1.0, np.nan, 0.0, 0.0]])
    assert caught.value.faults[0].row == "2030-01-01T00:00:00Z, B"
    with pytest.raises(InstanceError, match="points at no household"):
        AllocationDecision(
            instance=instance,
            allocated_kwh=[[1.0, 0.0, 0.0, 0.0]],
            pair_interval=[0],
            pair_prosumer=[4],
            pair_consumer=[0],
            pair_kwh=[1.0],
        )
    with pytest.raises(InstanceError, match="give all four columns or none"):
        AllocationDecision(instance=instance, allocated_kwh=[[1.0, 0.0, 0.0, 0.0]], pair_kwh=[1.0])
    with pytest.raises(InstanceError, match="is negative"):
        AllocationPrices(instance=instance, energy_price=[-1.0])


# Round trips

EMPTY = ("", "nan", "None", "NaT", "<NA>")
LABELS = (
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda text: text not in EMPTY)
)
ENERGY = st.one_of(
    st.floats(0.0, 1e300, allow_nan=False),
    st.sampled_from([0.0, 5e-324, 2.2e-308, 0.1, 1 / 3, 1e22, 1.7976931348623157e308]),
)


@st.composite
def instances(draw: st.DrawFn) -> AllocationInstance:
    intervals, count = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    names = st.lists(LABELS, min_size=count, max_size=count, unique=True)
    row = st.lists(ENERGY, min_size=count, max_size=count)
    energies = st.lists(row, min_size=intervals, max_size=intervals)
    groups = draw(st.lists(LABELS, max_size=2, unique=True))
    fields = {
        "household": draw(names),
        "deficiency_kwh": draw(energies),
        "excess_kwh": draw(energies),
        "weight": [1.0, *draw(row)[1:]],
        "priority": draw(st.lists(st.integers(1, 2**53), min_size=count, max_size=count)),
        "size_m2": draw(st.none() | row),
        "group": groups or None,
        "member_of": draw(st.lists(st.integers(0, len(groups) - 1), min_size=count, max_size=count))
        if groups
        else None,
        "dt_h": draw(st.sampled_from([0.25, 1.0, 1 / 3, 24.0])),
        "leftover": draw(st.sampled_from(["export", "spill", "store"])),
        "store_kwh": draw(ENERGY),
        "service_level": draw(st.floats(1e-300, 1.0)),
    }
    return AllocationInstance(**fields)


@given(instance=instances())
@settings(max_examples=40)
def test_round_trip_through_both_formats_is_bit_exact(instance: AllocationInstance) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for fmt in ("csv", "parquet"):
            found = cw.load(cw.save(instance, Path(folder) / fmt, fmt=fmt))
            assert found == instance
            assert found.content_hash == instance.content_hash
            for name in specs(AllocationInstance):
                before, after = getattr(instance, name), getattr(found, name)
                if isinstance(before, np.ndarray):
                    assert after.dtype == before.dtype
                    assert after.tolist() == before.tolist()
                else:
                    assert after == before


@given(
    label=st.text(max_size=6) | st.sampled_from(["a,b", 'a"b', "a\nb", "a\rb", "a\0b", "\ufeffa", "NA", "#", "'", "1"])
)
@settings(max_examples=40)
def test_any_text_is_a_label_that_survives_or_is_refused(label: str) -> None:
    refused: tuple[Fault, ...] = ()
    try:
        instance = AllocationInstance(household=[label, "other house"], **SOUND)
    except InstanceError as error:
        refused = error.faults
    if refused:
        assert refused[0].row == "household 0"
        return
    with tempfile.TemporaryDirectory() as folder:
        for fmt in ("csv", "parquet"):
            found = cw.load(cw.save(instance, Path(folder) / fmt, fmt=fmt))
            assert found == instance
            assert found.household[0] == label


@pytest.mark.parametrize("make", SMALL, ids=lambda make: make.__name__)
def test_small_instances_keep_hash_and_description_in_both_formats(make: object, tmp_path: Path) -> None:
    instance = make()  # type: ignore[operator]
    for fmt in ("csv", "parquet"):
        found = cw.load(cw.save(instance, tmp_path / fmt, fmt=fmt))
        assert found == instance
        assert found.meta == instance.meta
