"""Reading records from Data Packages: ``datapackage.json`` and the CSV or Parquet tables it lists.

A package is validated completely whether or not it carries hashes: the hash of a table, where present, is one more
check and stands in for none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from .errors import Fault, InstanceError
from .fields import specs
from .record import Instance, KnownValue, Meta, Record
from .tidy import from_tables, layout
from .validation import resolve

DESCRIPTOR = "datapackage.json"


def read_descriptor(folder: str | Path) -> dict[str, Any]:
    """The descriptor of a package.

    Raises
    ------
    InstanceError
        If there is none, or it is no readable JSON object.
    """
    path = Path(folder) / DESCRIPTOR
    where = str(folder)
    if not is_there(folder):
        raise InstanceError([Fault(DESCRIPTOR, message="there is no such folder", remedy="check the path")], where)
    if not path.is_file():
        remedy = "name the folder of a saved instance; for plain series of load and generation use 'generate --from'"
        raise InstanceError([Fault(DESCRIPTOR, message="the folder holds none", remedy=remedy)], where)
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError, OSError) as error:
        fault = Fault(DESCRIPTOR, message=f"cannot be read as JSON ({error})", remedy="the file may be cut off")
        raise InstanceError([fault], where) from None
    if not isinstance(found, dict) or not isinstance(found.get("commonwatt"), dict):
        remedy = "save instances with commonwatt"
        raise InstanceError([Fault(DESCRIPTOR, "commonwatt", message="the section is missing", remedy=remedy)], where)
    return found


def is_there(path: str | Path) -> bool:
    """Whether a path exists; one that no file system can hold does not."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def load_instance(folder: str | Path, find_class: Any) -> Instance:
    """Read an instance from a Data Package, with every fault of all its files in one error.

    Parameters
    ----------
    folder : path
        The package.
    find_class : callable
        Name of a problem to its instance class; raises ``KeyError`` naming the known ones.

    Returns
    -------
    Instance

    Raises
    ------
    InstanceError
        Naming table, column, row, value and remedy of each fault.
    """
    descriptor = read_descriptor(folder)
    section = descriptor["commonwatt"]
    where = str(folder)
    try:
        cls = find_class(section.get("problem"))
    except KeyError as error:
        fault = Fault(
            DESCRIPTOR, "problem", "", repr(section.get("problem")), "is no known problem", str(error.args[0])
        )
        raise InstanceError([fault], where) from None
    faults: list[Fault] = []
    meta = _meta(descriptor, Path(folder).name, faults)
    fields = read_record(folder, descriptor, cls, "", section, {}, faults)
    missing = _required(cls) - fields.keys()
    if not faults and not missing:
        try:
            return cls(meta=meta, **fields)
        except InstanceError as error:
            raise InstanceError(error.faults, where) from None
    # Faults of content are sought all the same, so that none of them hides behind one of form.
    named = {(fault.table, fault.column, fault.row) for fault in faults}
    found = _faults_of_content(cls, fields, complete=not missing)
    faults.extend(fault for fault in found if (fault.table, fault.column, fault.row) not in named)
    raise InstanceError(dict.fromkeys(faults), where)


def _required(cls: type[Record]) -> set[str]:
    """Fields without which a record cannot be made."""
    none = dataclasses.MISSING
    return {one.name for one in dataclasses.fields(cls) if one.default is none and one.default_factory is none}


def _faults_of_content(cls: type[Instance], fields: dict[str, Any], *, complete: bool) -> list[Fault]:
    """What is wrong with the fields that could be read, said as the record would say it."""
    if not complete:
        # Why the others are missing was said already, or is said by the labels.
        faults: list[Fault] = []
        resolve(specs(cls), fields, {}, faults)
        return [fault for fault in faults if fault.column in fields]
    try:
        cls(**fields)
    except InstanceError as error:
        return list(error.faults)
    return []


def _meta(descriptor: dict[str, Any], folder_name: str, faults: list[Fault]) -> Meta:
    section = descriptor["commonwatt"]
    try:
        return Meta(
            name=str(section.get("name") or folder_name),
            title=str(descriptor.get("title", "")),
            description=str(descriptor.get("description", "")),
            licence=", ".join(str(licence["name"]) for licence in descriptor.get("licenses", [])),
            sources=tuple(str(source["title"]) for source in descriptor.get("sources", [])),
            notices=_list_of_texts(section.get("notices", [])),
            known=tuple(_known_value(**known) for known in section.get("known", [])),
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        message = f"licences, sources, notices or known values are not as saved ({type(error).__name__}: {error})"
        faults.append(Fault(DESCRIPTOR, message=message, remedy="lists of objects with name or title"))
        return Meta()


def _list_of_texts(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list):
        raise TypeError(f"expected a list of texts, found {found!r:.40}")
    return tuple(str(text) for text in found)


def _known_value(criterion: str, value: float, how: str) -> KnownValue:
    number = float(value)
    if isinstance(value, str) or not math.isfinite(number):
        raise ValueError(f"the known value {value!r} of {criterion} is no finite number")
    return KnownValue(str(criterion), number, str(how))


def read_record(
    folder: str | Path,
    descriptor: dict[str, Any],
    cls: type[Record],
    prefix: str,
    section: dict[str, Any],
    outer: Mapping[str, Any],
    faults: list[Fault],
) -> dict[str, Any]:
    """Fields of one record of a package; every fault is appended to ``faults``.

    Parameters
    ----------
    folder, descriptor
        The package.
    cls : type
        The record's class.
    prefix : str
        Prefix of its tables' names.
    section : dict
        The part of the descriptor that :func:`describe` wrote.
    outer : mapping
        Labels of index sets that another record owns.
    faults : list of Fault
        Receives every fault.

    Returns
    -------
    dict
        Field names to values.
    """
    if type(section.get("schema_version")) is not int or section["schema_version"] != cls.schema_version:
        found = repr(section.get("schema_version"))
        remedy = f"this version reads {cls.schema_version}"
        faults.append(Fault(DESCRIPTOR, "schema_version", "", found, "is not the version known here", remedy))
    fields = _settings(section, cls, faults)
    tables = {}
    resources = descriptor.get("resources")
    if not isinstance(resources, list):
        faults.append(Fault(DESCRIPTOR, "resources", message="is no list", remedy="list the tables"))
        resources = []
    for number, resource in enumerate(resources):
        name = str(resource.get("name", "")) if isinstance(resource, dict) else ""
        if not name:
            row = f"resource {number}"
            faults.append(Fault(DESCRIPTOR, "resources", row, "", "is a resource without a name", "name its table"))
            continue
        if prefix and not name.startswith(f"{prefix}."):
            continue
        table = name.removeprefix(f"{prefix}.") if prefix else name
        if table in tables:
            faults.append(Fault(table, message="is listed twice", remedy="keep one of the resources"))
        frame = _read_table(Path(folder), resource, faults)
        if frame is not None:
            tables[table] = frame
            _check_units(resource, cls, table, frame, faults)
    fields.update(from_tables(cls, tables, outer, faults))
    return fields


def _settings(section: dict[str, Any], cls: type[Record], faults: list[Fault]) -> dict[str, Any]:
    declared = {name: spec for name, spec in specs(cls).items() if spec.kind in ("scalar", "choice")}
    given = section.get("settings", {})
    if not isinstance(given, dict):
        faults.append(Fault(DESCRIPTOR, "settings", message="is no object", remedy='{"name": {"value": …, "unit": …}}'))
        return {}
    found = {}
    for name, entry in given.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            faults.append(Fault("settings", name, message="is an unknown setting", remedy=f"known: {known}"))
        elif not isinstance(entry, dict) or "value" not in entry:
            remedy = '{"value": …, "unit": …}'
            faults.append(Fault("settings", name, "", repr(entry)[:60], "has no value and unit", remedy))
        else:
            if declared[name].kind == "scalar":
                _check_unit("settings", name, entry.get("unit"), declared[name].unit, faults)
            if entry["value"] is None:
                faults.append(Fault("settings", name, "", "null", "has no value", "give one or drop the setting"))
            else:
                found[name] = entry["value"]
    return found


def _check_unit(table: str, column: str, found: Any, expected: str, faults: list[Fault]) -> None:
    if found is None:
        message = "the unit is missing"
        faults.append(Fault(table, column, "", "", message, f'say "unit": "{expected}" in {DESCRIPTOR}'))
    elif found != expected:
        faults.append(Fault(table, column, "", str(found), "is another unit than declared", f"convert to {expected}"))


def _check_units(
    resource: dict[str, Any], cls: type[Record], table: str, frame: pd.DataFrame, faults: list[Fault]
) -> None:
    columns = layout(cls).get(table, {})
    schema = resource.get("schema")
    listed = schema.get("fields") if isinstance(schema, dict) else None
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    units = {str(entry.get("name")): entry.get("unit") for entry in entries}
    for name, spec in columns.items():
        if name in frame and spec.kind == "array":
            _check_unit(table, name, units.get(name), spec.unit, faults)


def _read_table(folder: Path, resource: dict[str, Any], faults: list[Fault]) -> pd.DataFrame | None:
    name, given = str(resource["name"]), resource.get("path")
    if not isinstance(given, str) or not given:
        faults.append(Fault(name, "path", "", repr(given), "is no path", "name the file of the table"))
        return None
    relative = PurePosixPath(given)
    try:
        path = (folder / relative).resolve()
        inside = path.is_relative_to(folder.resolve()) and not relative.is_absolute() and ".." not in relative.parts
        if not inside or "\\" in given:
            fault = Fault(name, "path", "", given, "leaves the instance folder", "keep tables inside the folder")
            faults.append(fault)
            return None
        if not path.is_file():
            faults.append(Fault(name, "path", "", given, "the file is missing", "restore it or drop the resource"))
            return None
        data = path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:
        # Names that no file system can hold, loops of links, files that may not be read.
        reason = getattr(error, "strerror", None) or str(error)
        faults.append(Fault(name, "path", "", repr(given)[:60], f"cannot be read ({reason})", "correct the path"))
        return None
    size, digest = resource.get("bytes"), resource.get("hash")
    if size is not None and size != len(data):
        faults.append(Fault(name, "bytes", "", str(len(data)), f"the file should have {size} bytes", RENEW))
    elif digest is not None and digest != f"sha256:{hashlib.sha256(data).hexdigest()}":
        faults.append(Fault(name, "hash", "", given, "the file was changed since it was saved", RENEW))
    try:
        with warnings.catch_warnings():
            # Rows longer than the header are only warned of, and the surplus cells dropped.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            if path.suffix == ".parquet":
                return _as_objects(pd.read_parquet(io.BytesIO(data)))
            return pd.read_csv(
                io.BytesIO(data),
                dtype=object,
                keep_default_na=False,
                na_filter=False,
                encoding="utf-8-sig",
                index_col=False,
            )
    except Exception as error:  # the readers raise a dozen kinds; each means that the file is not readable
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        faults.append(Fault(name, "", "", given, f"cannot be read ({reason})", "the file may be cut off or malformed"))
        return None


def _as_objects(frame: pd.DataFrame) -> pd.DataFrame:
    """Texts as Python's own: Arrow decodes them only now, and finds damage that reading did not."""
    kept = {name: frame[name] for name in frame if frame[name].dtype.kind in "fiub"}
    return pd.DataFrame({name: kept.get(name, frame[name].astype(object)) for name in frame})


RENEW = "restore the file, or save the instance anew if the change is wanted"
