"""Data Packages: bad input is named, and nothing but an InstanceError comes out of it.

Strategy: a sound package is saved, corrupted in one way, and loaded. Every corruption is tried three times, with hash
and bytes kept consistent, removed, and left stale: the faults of content must be the same each time, so that validation
never hides behind a checksum. A seeded fuzz then flips, cuts and inserts bytes anywhere; the result is the same
instance, another sound one, or an InstanceError, never another exception and (since warnings are errors here) never a
warning. Writing is all or nothing, and never deletes what it did not write.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commonwatt.instances import package_writer
from commonwatt.instances.allocation import AllocationInstance
from commonwatt.instances.errors import Fault, InstanceError
from commonwatt.instances.record import KnownValue, Meta

import commonwatt as cw

HASHES = ("kept", "removed", "stale")


def sound() -> AllocationInstance:
    """Two days, three households, every optional field in use."""
    return AllocationInstance(
        meta=Meta(
            name="made/for-tests",
            title="Three houses",
            description="Two days.",
            licence="MIT",
            sources=("made up",),
            notices=("none",),
            known=(KnownValue("fully_served", 1.0, "by hand"),),
        ),
        interval=["2030-01-01T00:00Z", "2030-01-02T00:00Z"],
        household=["A", "B", "roof"],
        deficiency_kwh=[[1.0, 2.5, 0.0], [0.0, 3.0, 0.125]],
        excess_kwh=[[0.0, 0.0, 4.0], [1.0, 0.0, 0.0]],
        weight=[1.0, 2.0, 1.0],
        priority=[2, 1, 3],
        role=["by_sign", "consumer", "by_sign"],
        group=["left", "right"],
        member_of=[0, 1, 0],
        size_m2=[40.0, 90.5, 100.0],
        dt_h=24.0,
        store_kwh=1.0,
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return cw.save(sound(), tmp_path / "package", fmt="csv")


def describe(package: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the descriptor of a package."""
    path = package / "datapackage.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    change(found)
    path.write_text(json.dumps(found), encoding="utf-8")


def resource(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["resources"] if one["name"] == name)


def settle(package: Path, hashes: str) -> None:
    """Bring the hashes of a changed package into the wanted state; stale ones need nothing."""
    if hashes == "stale":
        return

    def change(found: dict[str, Any]) -> None:
        for one in found["resources"]:
            data = (package / one["path"]).read_bytes() if (package / one["path"]).is_file() else b""
            one["bytes"], one["hash"] = len(data), f"sha256:{hashlib.sha256(data).hexdigest()}"
            if hashes == "removed":
                del one["bytes"], one["hash"]

    describe(package, change)


def faults_of(package: Path) -> tuple[Fault, ...]:
    with pytest.raises(InstanceError) as caught:
        cw.load(package)
    assert str(package) in str(caught.value)
    assert all(fault.table and fault.message for fault in caught.value.faults)
    return caught.value.faults


def of_content(faults: tuple[Fault, ...]) -> list[Fault]:
    return [fault for fault in faults if fault.column not in ("hash", "bytes")]


# What a package holds


def test_a_package_describes_itself(package: Path) -> None:
    found = json.loads((package / "datapackage.json").read_text(encoding="utf-8"))
    assert sorted(path.name for path in package.iterdir()) == sorted(
        ["datapackage.json", *(one["path"] for one in found["resources"])]
    )
    for one in found["resources"]:
        data = (package / one["path"]).read_bytes()
        assert one["bytes"] == len(data)
        assert one["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert one["schema"]["primaryKey"]
    energy = resource(found, "interval_household")
    assert energy["schema"]["primaryKey"] == ["interval", "household"]
    assert {"name": "excess_kwh", "type": "number", "unit": "kWh"} in energy["schema"]["fields"]
    assert found["licenses"] == [{"name": "MIT"}]
    assert cw.load(package).meta == sound().meta


def test_removed_hashes_are_no_fault(package: Path) -> None:
    settle(package, "removed")
    assert cw.load(package) == sound()


def test_rows_may_come_in_any_order(package: Path) -> None:
    path = package / "interval_household.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *reversed(rows)]) + "\n")
    settle(package, "removed")
    assert cw.load(package) == sound()


@pytest.mark.parametrize("name", ["datapackage.json", "household.csv", "interval_household.csv"])
def test_a_byte_order_mark_is_no_fault(package: Path, name: str) -> None:
    path = package / name
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    if name != "datapackage.json":
        settle(package, "kept")
    assert cw.load(package) == sound()


# Faults of content, whatever the hashes say

CELLS = {
    "nan": ("B,2.5", "B,nan", "deficiency_kwh", "nan", "is no finite number"),
    "NaN": ("B,2.5", "B,NaN", "deficiency_kwh", "nan", "is no finite number"),
    "infinite": ("B,2.5", "B,inf", "deficiency_kwh", "inf", "is no finite number"),
    "overflowing": ("B,2.5", "B,1e999", "deficiency_kwh", "inf", "is no finite number"),
    "negative": ("B,2.5", "B,-2.5", "deficiency_kwh", "-2.5", "is negative"),
    "text": ("B,2.5", "B,much", "deficiency_kwh", "'much'", "is no number"),
    "NA": ("B,2.5", "B,NA", "deficiency_kwh", "'NA'", "is no number"),
    "empty": ("B,2.5", "B,", "deficiency_kwh", "''", "the cell is empty"),
    "blank": ("B,2.5", "B,  ", "deficiency_kwh", "'  '", "the cell is empty"),
    "decimal comma": ("B,2.5,0.0", 'B,"2,5",0.0', "deficiency_kwh", "'2,5'", "is no number"),
    "thousands": ("B,2.5,0.0", 'B,"2,500",0.0', "deficiency_kwh", "'2,500'", "is no number"),
    "underscore": ("B,2.5", "B,2_5", "deficiency_kwh", "'2_5'", "is no number"),
    "other column": ("B,2.5,0.0", "B,2.5,x", "excess_kwh", "'x'", "is no number"),
}


@pytest.mark.parametrize("hashes", HASHES)
@pytest.mark.parametrize("case", CELLS)
def test_a_bad_cell_is_named(package: Path, case: str, hashes: str) -> None:
    before, after, column, value, message = CELLS[case]
    path = package / "interval_household.csv"
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))
    settle(package, hashes)
    found = faults_of(package)
    (fault,) = of_content(found)
    assert (fault.table, fault.column, fault.value) == ("interval_household", column, value)
    assert fault.row == "2030-01-01T00:00Z, B"
    assert message in fault.message
    assert fault.remedy
    assert len(found) - 1 == (hashes == "stale")


def lines(name: str, change: Callable[[list[str]], object]) -> Callable[[Path], None]:
    def corrupt(package: Path) -> None:
        path = package / f"{name}.csv"
        found = path.read_text().splitlines()
        change(found)
        path.write_text("\n".join(found) + "\n")

    return corrupt


def edited(name: str, before: str, after: str) -> Callable[[Path], None]:
    def corrupt(package: Path) -> None:
        path = package / f"{name}.csv"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    return corrupt


def described(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda package: describe(package, change)


def drop_unit(found: dict[str, Any]) -> None:
    del resource(found, "household")["schema"]["fields"][1]["unit"]


def other_unit(found: dict[str, Any]) -> None:
    for field in resource(found, "interval_household")["schema"]["fields"]:
        if field["name"] == "excess_kwh":
            field["unit"] = "MWh"


def setting(name: str, value: Any, unit: str | None = "h") -> Callable[[Path], None]:
    return described(lambda d: d["commonwatt"]["settings"].update({name: {"value": value, "unit": unit}}))


def drop_resource(name: str) -> Callable[[Path], None]:
    return described(lambda d: d["resources"].remove(resource(d, name)))


def binary(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda package: (package / name).write_bytes(data) and None


ANYWHERE = "2030-01-01T00:00Z, "
CORRUPTIONS: dict[str, tuple[Callable[[Path], object], tuple[str, str, str, str]]] = {
    # corruption: (what is done, (table, column, row, words of the message))
    "row missing": (
        lines("interval_household", lambda t: t.pop(2)),
        ("interval_household", "interval, household", f"{ANYWHERE}B", "the row is missing"),
    ),
    "row doubled": (
        lines("interval_household", lambda t: t.append(t[2])),
        ("interval_household", "interval, household", f"{ANYWHERE}B", "there twice"),
    ),
    "row of nobody": (
        lines("interval_household", lambda t: t.append("2030-01-01T00:00Z,D,1,1")),
        ("interval_household", "household", "line 8", "is no known household"),
    ),
    "row of no time": (
        lines("interval_household", lambda t: t.append("2031-01-01T00:00Z,A,1,1")),
        ("interval_household", "interval", "line 8", "is no known interval"),
    ),
    "household doubled": (
        lines("household", lambda t: t.append(t[1])),
        ("household", "household", "household 3", "is a duplicate"),
    ),
    "household renamed twice": (
        edited("household", "B,", "A,"),
        ("household", "household", "household 1", "is a duplicate"),
    ),
    "household without name": (
        edited("household", "B,", ","),
        ("household", "household", "household 1", "is an empty label"),
    ),
    "no household": (
        lines("household", lambda t: t.__delitem__(slice(1, None))),
        ("household", "household", "", "there is no household"),
    ),
    "no interval": (
        lines("interval", lambda t: t.__delitem__(slice(1, None))),
        ("interval", "interval", "", "there is no interval"),
    ),
    "all weights zero": (
        lambda p: (
            edited("household", "2.0,1,", "0.0,1,")(p),
            edited("household", "1.0,2,", "0.0,2,")(p),
            edited("household", "1.0,3,", "0.0,3,")(p),
        ),
        ("household", "weight", "", "all weights are zero"),
    ),
    "gap": (
        lambda p: [edited(t, "2030-01-02", "2030-01-03")(p) for t in ("interval", "interval_household")],
        ("interval", "interval", "2030-01-03T00:00Z", "a gap: 48 h"),
    ),
    "hours doubled": (
        lambda p: [
            edited(t, "2030-01-02T00:00Z", "2030-01-01T01:00+01:00")(p) for t in ("interval", "interval_household")
        ],
        ("interval", "interval", "2030-01-01T01:00+01:00", "a duplicated or disordered time: 0 h"),
    ),
    "no time": (
        lambda p: [edited(t, "2030-01-02T00:00Z", "tomorrow")(p) for t in ("interval", "interval_household")],
        ("interval", "interval", "interval 1", "is no time stamp"),
    ),
    "unknown word": (edited("household", "consumer", "boss"), ("household", "role", "B", "is unknown")),
    "role against energy": (
        edited("household", "consumer", "prosumer"),
        ("interval_household", "deficiency_kwh", f"{ANYWHERE}B", "role is fixed as prosumer"),
    ),
    "no whole number": (
        edited("household", "2.0,1,", "2.0,1.5,"),
        ("household", "priority", "B", "is no whole number"),
    ),
    "unknown group": (
        edited("household", ",right,", ",middle,"),
        ("household", "member_of", "line 3", "is no known group"),
    ),
    "unknown column": (edited("household", "weight,", "wait,"), ("household", "wait", "", "is an unknown column")),
    "column missing": (
        edited("interval_household", "excess_kwh", "other"),
        ("interval_household", "excess_kwh", "", "the column is missing"),
    ),
    "key missing": (
        edited("household", "household,", "house,"),
        ("household", "household", "", "the column is missing"),
    ),
    "column doubled": (edited("household", "size_m2", "weight"), ("household", "weight.1", "", "is an unknown column")),
    "row too long": (
        edited("interval_household", "B,2.5,0.0", "B,2.5,0.0,7"),
        ("interval_household", "", "", "cannot be read"),
    ),
    "every row too long": (
        lines("interval_household", lambda t: t.__setitem__(slice(1, None), [f"{one},7" for one in t[1:]])),
        ("interval_household", "", "", "cannot be read"),
    ),
    "row too short": (
        edited("interval_household", "B,2.5,0.0", "B,2.5"),
        ("interval_household", "excess_kwh", f"{ANYWHERE}B", "the cell is empty"),
    ),
    "open quote": (edited("interval_household", "B,2.5", 'B,"2.5'), ("interval_household", "", "", "cannot be read")),
    "file missing": (lambda p: (p / "household.csv").unlink(), ("household", "path", "", "the file is missing")),
    "file empty": (binary("household.csv", b""), ("household", "", "", "cannot be read")),
    "file of blanks": (binary("household.csv", b"\n\n"), ("household", "", "", "cannot be read")),
    "binary garbage": (binary("household.csv", bytes(range(256))), ("household", "", "", "cannot be read")),
    "latin-1": (
        binary("household.csv", "household,weight\nKöln,1\n".encode("latin-1")),
        ("household", "", "", "cannot be read"),
    ),
    "utf-16": (
        binary("household.csv", "household,weight\nA,1\n".encode("utf-16")),
        ("household", "", "", "cannot be read"),
    ),
    "table dropped": (drop_resource("interval_household"), ("interval_household", "", "", "the table is missing")),
    "labels dropped": (drop_resource("household"), ("household", "", "", "the table is missing")),
    "groups dropped": (drop_resource("group"), ("household", "member_of", "", "no table group lists any")),
    "table unknown": (
        described(lambda d: d["resources"].append(resource(d, "group") | {"name": "tribe"})),
        ("tribe", "", "", "is no table of this problem"),
    ),
    "table doubled": (
        described(lambda d: d["resources"].append(resource(d, "group"))),
        ("group", "", "", "is listed twice"),
    ),
    "resource without name": (
        described(lambda d: resource(d, "group").pop("name")),
        ("datapackage.json", "resources", "resource 3", "without a name"),
    ),
    "resource no object": (
        described(lambda d: d["resources"].append(7)),
        ("datapackage.json", "resources", "resource 4", "without a name"),
    ),
    "no resources": (described(lambda d: d.pop("resources")), ("datapackage.json", "resources", "", "is no list")),
    "unit missing": (described(drop_unit), ("household", "weight", "", "the unit is missing")),
    "other unit": (described(other_unit), ("interval_household", "excess_kwh", "", "is another unit than declared")),
    "no schema": (
        described(lambda d: resource(d, "interval_household").pop("schema")),
        ("interval_household", "deficiency_kwh", "", "the unit is missing"),
    ),
    "odd schema": (
        described(lambda d: resource(d, "interval_household").update(schema={"fields": 7})),
        ("interval_household", "deficiency_kwh", "", "the unit is missing"),
    ),
    "odd fields": (
        described(lambda d: resource(d, "interval_household").update(schema={"fields": [{"name": []}, 7]})),
        ("interval_household", "deficiency_kwh", "", "the unit is missing"),
    ),
    "setting unknown": (setting("dt_min", 60.0), ("settings", "dt_min", "", "is an unknown setting")),
    "setting of text": (setting("dt_h", "24"), ("settings", "dt_h", "", "is no finite number")),
    "setting of null": (setting("service_level", None, "1"), ("settings", "service_level", "", "has no value")),
    "setting of list": (setting("dt_h", [24]), ("settings", "dt_h", "", "is no finite number")),
    "setting infinite": (
        lambda p: edit_text(p, '"value": 24.0', '"value": 1e999'),
        ("settings", "dt_h", "", "is no finite number"),
    ),
    "setting huge": (
        lambda p: edit_text(p, '"value": 24.0', '"value": 1' + 400 * "0"),
        ("settings", "dt_h", "", "is no finite number"),
    ),
    "setting without unit": (setting("dt_h", 24.0, None), ("settings", "dt_h", "", "the unit is missing")),
    "setting in another unit": (
        setting("dt_h", 24.0, "min"),
        ("settings", "dt_h", "", "is another unit than declared"),
    ),
    "setting bare": (
        described(lambda d: d["commonwatt"]["settings"].update(dt_h=24.0)),
        ("settings", "dt_h", "", "has no value and unit"),
    ),
    "setting out of range": (setting("service_level", 2.0, "1"), ("settings", "service_level", "", "is above 1")),
    "setting no word": (setting("leftover", "burn"), ("settings", "leftover", "", "is unknown")),
    "settings no object": (
        described(lambda d: d["commonwatt"].update(settings=[])),
        ("datapackage.json", "settings", "", "is no object"),
    ),
    "schema version": (
        described(lambda d: d["commonwatt"].update(schema_version=2)),
        ("datapackage.json", "schema_version", "", "is not the version known here"),
    ),
    "no schema version": (
        described(lambda d: d["commonwatt"].pop("schema_version")),
        ("datapackage.json", "schema_version", "", "is not the version known here"),
    ),
    "path above": (
        described(lambda d: resource(d, "group").update(path="../group.csv")),
        ("group", "path", "", "leaves the instance folder"),
    ),
    "path around": (
        described(lambda d: resource(d, "group").update(path="x/../group.csv")),
        ("group", "path", "", "leaves the instance folder"),
    ),
    "path absolute": (
        described(lambda d: resource(d, "group").update(path="/etc/hostname")),
        ("group", "path", "", "leaves the instance folder"),
    ),
    "path backslash": (
        described(lambda d: resource(d, "group").update(path="..\\group.csv")),
        ("group", "path", "", "leaves the instance folder"),
    ),
    "path with NUL": (
        described(lambda d: resource(d, "group").update(path="a\0b.csv")),
        ("group", "path", "", "cannot be read"),
    ),
    "path too long": (
        described(lambda d: resource(d, "group").update(path="a" * 5000)),
        ("group", "path", "", "cannot be read"),
    ),
    "path a folder": (
        described(lambda d: resource(d, "group").update(path=".")),
        ("group", "path", "", "the file is missing"),
    ),
    "path no text": (
        described(lambda d: resource(d, "group").update(path=["group.csv"])),
        ("group", "path", "", "is no path"),
    ),
    "known value no number": (
        described(lambda d: d["commonwatt"]["known"][0].update(value="one")),
        ("datapackage.json", "", "", "known values are not as saved"),
    ),
    "known value no object": (
        described(lambda d: d["commonwatt"].update(known=[7])),
        ("datapackage.json", "", "", "known values are not as saved"),
    ),
    "notices no list": (
        described(lambda d: d["commonwatt"].update(notices="none")),
        ("datapackage.json", "", "", "notices or known values are not as saved"),
    ),
    "licences null": (described(lambda d: d.update(licenses=None)), ("datapackage.json", "", "", "are not as saved")),
}


def edit_text(package: Path, before: str, after: str) -> None:
    path = package / "datapackage.json"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize("case", CORRUPTIONS)
def test_a_corruption_is_named_and_hides_behind_no_checksum(tmp_path: Path, case: str) -> None:
    corrupt, (table, column, row, words) = CORRUPTIONS[case]
    found = {}
    for hashes in HASHES:
        package = cw.save(sound(), tmp_path / hashes, fmt="csv")
        if "setting infinite" in case or "setting huge" in case:
            settle(package, hashes)
            corrupt(package)
        else:
            corrupt(package)
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                settle(package, hashes)
        found[hashes] = of_content(faults_of(package))
        match = [fault for fault in found[hashes] if (fault.table, fault.column, fault.row) == (table, column, row)]
        assert match, [str(fault) for fault in found[hashes]]
        assert any(words in fault.message for fault in match)
        assert any(fault.remedy for fault in match)
    assert found["kept"] == found["removed"] == found["stale"]


def test_form_does_not_hide_content(package: Path) -> None:
    """Faults of every kind at once: all of them come in one error."""
    edited("interval_household", "B,2.5,0.0", "B,much,-1")(package)
    edited("household", "2.0,1,", "-2.0,1,")(package)
    drop_resource("group")(package)
    setting("dt_h", 48.0)(package)
    describe(package, lambda d: d["commonwatt"].update(schema_version=7))
    columns = {fault.column for fault in faults_of(package)}
    assert {"deficiency_kwh", "excess_kwh", "weight", "member_of", "interval", "schema_version"} <= columns


def test_wrong_bytes_and_wrong_hash_are_named(package: Path) -> None:
    path = package / "household.csv"
    path.write_text(path.read_text().replace("90.5", "90.6"))
    (fault,) = faults_of(package)
    assert (fault.table, fault.column) == ("household", "hash")
    path.write_text(path.read_text().replace("90.6", "90.55"))
    (fault,) = faults_of(package)
    assert (fault.table, fault.column) == ("household", "bytes")
    assert fault.remedy


def test_a_link_out_of_the_folder_is_refused(package: Path, tmp_path: Path) -> None:
    outside = tmp_path / "group.csv"
    shutil.move(package / "group.csv", outside)
    (package / "group.csv").symlink_to(outside)
    found = faults_of(package)
    assert any("leaves the instance folder" in fault.message for fault in found)
    (package / "group.csv").unlink()
    (package / "group.csv").symlink_to("group.csv")
    assert any(fault.table == "group" for fault in faults_of(package))


@pytest.mark.parametrize("problem", ["peer", None, 7, ["allocation"], {}])
def test_an_unknown_problem_is_named(package: Path, problem: object) -> None:
    describe(package, lambda d: d["commonwatt"].update(problem=problem))
    (fault,) = faults_of(package)
    assert (fault.table, fault.column) == ("datapackage.json", "problem")
    assert "allocation" in fault.remedy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        '{"commonwatt": 7}',
        "{}",
        '{"a": NaN}',
        "\0",
        "[" * 100_000,
        '{"a": ' + 5000 * "9" + "}",
    ],
)
def test_a_malformed_descriptor_is_named(package: Path, text: str) -> None:
    (package / "datapackage.json").write_text(text)
    (fault,) = faults_of(package)
    assert fault.table == "datapackage.json"
    assert fault.remedy


def test_a_descriptor_in_another_encoding_is_named(package: Path) -> None:
    path = package / "datapackage.json"
    path.write_bytes(path.read_text().encode("utf-16"))
    assert faults_of(package)[0].table == "datapackage.json"


@pytest.mark.parametrize("name", ["nowhere", "allocation/nothing", "a\0b", "x" * 5000, ""])
def test_a_name_of_nothing_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InstanceError) as caught:
        cw.load(name)
    assert caught.value.faults[0].remedy


def test_a_folder_without_descriptor_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="the folder holds none"):
        cw.load(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InstanceError):
        cw.load(tmp_path / "file")


# Cut and damaged files


def outcome(package: Path) -> str:
    """Load a damaged package; anything but an InstanceError, warnings included, fails the test."""
    try:
        found = cw.load(package)
    except InstanceError as error:
        return "refused" if error.faults and str(error) else "refused without a reason"
    return "same" if found == sound() else "another"


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["datapackage.json", "household", "interval", "interval_household"])
def test_files_cut_anywhere_are_refused(tmp_path: Path, fmt: str, name: str) -> None:
    package = cw.save(sound(), tmp_path / "package", fmt=fmt)
    settle(package, "removed")
    path = package / (name if name.endswith("json") else f"{name}.{fmt}")
    whole = path.read_bytes()
    step = max(1, len(whole) // 30)
    results = {}
    for length in range(0, len(whole) - 1, step):
        path.write_bytes(whole[:length])
        results[length] = outcome(package)
    # A number cut in its last digits is a number; every other cut leaves a row short or missing.
    odd = {length: result for length, result in results.items() if result != "refused"}
    last_row = len(whole.rstrip(b"\n").rpartition(b"\n")[0])
    assert all(fmt == "csv" and length > last_row for length in odd), odd
    path.write_bytes(whole)
    assert outcome(package) == "same"


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
@pytest.mark.parametrize("hashes", ["removed", "stale"])
def test_damaged_bytes_never_crash(tmp_path: Path, fmt: str, hashes: str) -> None:
    rng = np.random.default_rng([20, fmt == "csv", hashes == "stale"])
    package = cw.save(sound(), tmp_path / "package", fmt=fmt)
    settle(package, hashes)
    names = sorted(path.name for path in package.iterdir())
    results = []
    for _ in range(120):
        path = package / str(rng.choice(names))
        whole = path.read_bytes()
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(data)))
            kind = rng.integers(4)
            if kind == 0:
                data[at] = rng.integers(256)
            elif kind == 1:
                data.insert(at, int(rng.choice(np.frombuffer(b'0,"\n\r\0-.e;\xff{}[]', dtype=np.uint8))))
            elif kind == 2:
                del data[at : at + int(rng.integers(1, 6))]
            else:
                data[at:at] = data[at : at + int(rng.integers(1, 30))]
        path.write_bytes(data)
        results.append(outcome(package))
        path.write_bytes(whole)
    assert outcome(package) == "same"
    assert set(results) <= {"refused", "same", "another"}
    assert "refused" in results, "the fuzz has to hit something"
    assert results.count("refused") < len(results) or hashes == "stale", "and to miss something"


def test_parquet_of_odd_types_is_refused_or_read(package: Path) -> None:
    """Columns that pandas knows and a number or a label is not: lists, nullable integers with gaps, times, booleans."""
    frames = {
        "list": pd.DataFrame({"household": ["A", "B", "roof"], "weight": [[1.0], [2.0], [3.0]]}),
        "gaps": pd.DataFrame({"household": ["A", "B", "roof"], "weight": pd.array([1, None, 3], dtype="Int64")}),
        "times": pd.DataFrame({"household": ["A", "B", "roof"], "weight": pd.date_range("2030", periods=3)}),
        "labels with gaps": pd.DataFrame(
            {"household": pd.array(["A", None, "roof"], dtype="string"), "weight": [1.0] * 3}
        ),
        "labels of lists": pd.DataFrame({"household": [["A"], ["B"], ["roof"]], "weight": [1.0] * 3}),
    }
    describe(package, lambda d: resource(d, "household").update(path="household.parquet"))
    describe(package, lambda d: [resource(d, "household").pop(name) for name in ("hash", "bytes")])
    for name, frame in frames.items():
        frame.to_parquet(package / "household.parquet", index=False)
        assert faults_of(package), name
    whole = pd.DataFrame({"household": ["A", "B", "roof"], "weight": pd.array([1, 2, 3], dtype="Int64")})
    whole.to_parquet(package / "household.parquet", index=False)
    assert cw.load(package).weight.tolist() == [1.0, 2.0, 3.0]


# Writing


def test_saving_over_a_package_replaces_it_and_leaves_nothing_behind(package: Path, tmp_path: Path) -> None:
    other = sound().replace(dt_h=24.0, group=None, member_of=None)
    cw.save(other, package)
    assert cw.load(package) == other
    assert not (package / "group.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["package"]


def test_long_tables_become_parquet(tmp_path: Path) -> None:
    energy = np.ones((10_000, 1))
    cw.save(AllocationInstance(deficiency_kwh=energy, excess_kwh=energy), tmp_path / "long")
    assert (tmp_path / "long" / "interval_household.parquet").is_file()
    assert cw.load(tmp_path / "long").deficiency_kwh.shape == (10_000, 1)


@pytest.mark.parametrize("state", ["foreign", "foreign beside a package", "package of somebody else", "broken", "file"])
def test_saving_never_deletes_what_it_did_not_write(tmp_path: Path, state: str) -> None:
    folder = tmp_path / "own"
    if state == "file":
        folder.write_text("precious")
    elif state == "foreign beside a package":
        cw.save(sound(), folder)
        (folder / "notes.txt").write_text("precious")
    else:
        folder.mkdir()
        text = {"foreign": None, "package of somebody else": '{"name": "x", "resources": []}', "broken": "{"}[state]
        if text is not None:
            (folder / "datapackage.json").write_text(text)
        (folder / "notes.txt").write_text("precious")
    before = snapshot(tmp_path)
    with pytest.raises(FileExistsError):
        cw.save(sound(), folder)
    assert snapshot(tmp_path) == before


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("where", ["table", "descriptor", "move"])
@pytest.mark.parametrize("existing", [False, True])
def test_a_crash_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, existing: bool
) -> None:
    target = tmp_path / "package"
    if existing:
        cw.save(sound(), target)
    before = snapshot(tmp_path)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if where == "table":
        real = package_writer._write_table
        calls = []

        def second(*arguments: object) -> object:
            calls.append(1)
            return crash() if len(calls) == 2 else real(*arguments)

        monkeypatch.setattr(package_writer, "_write_table", second)
    elif where == "descriptor":
        monkeypatch.setattr(json, "dumps", crash)
    else:
        real_replace = os.replace

        def into_place(source: object, aim: object) -> None:
            if str(aim) == str(target) and ".former" not in str(source):
                crash()
            real_replace(source, aim)

        monkeypatch.setattr(os, "replace", into_place)
    with pytest.raises(KeyboardInterrupt):
        cw.save(sound().replace(store_kwh=2.0), target)
    monkeypatch.undo()
    assert snapshot(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["package"] if existing else [])
    assert cw.load(cw.save(sound(), target)) == sound()


def test_a_value_that_json_cannot_hold_is_not_written(tmp_path: Path) -> None:
    known = (KnownValue("fully_served", float("nan"), "by nobody"),)
    with pytest.raises(ValueError, match="JSON"):
        cw.save(sound().named("x", known=known), tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_saving_into_the_current_folder_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    cw.save(sound(), ".")
    assert cw.load(tmp_path / "here") == sound()
