"""Records on disk as Data Packages: ``datapackage.json`` and the CSV or Parquet tables it lists.

A package is validated completely whether or not it carries hashes: the hash of a table, where present, is one more
check and stands in for none.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import pandas as pd

from .errors import Fault, InstanceError
from .fields import Spec, specs
from .record import Instance, KnownValue, Meta, Record
from .tidy import from_tables, key_of, layout, to_tables

DESCRIPTOR = "datapackage.json"
PARQUET_FROM_ROWS = 10_000
"""Tables of a package become Parquet as soon as one of them is this long, unless the caller says otherwise."""


def describe(record: Record) -> dict[str, Any]:
    """What a descriptor says of a record besides its tables: its class, schema version and settings with units."""
    declared = specs(type(record))
    settings = {name: {"value": value, "unit": declared[name].unit} for name, value in record.settings().items()}
    return {"problem": record.problem, "schema_version": record.schema_version, "settings": settings}


def save_instance(instance: Instance, folder: str | Path, *, fmt: Literal["csv", "parquet"] | None = None) -> Path:
    """Write an instance as a Data Package.

    Parameters
    ----------
    instance : Instance
        What to write.
    folder : path
        A folder that does not exist yet, is empty, or holds a package that is replaced.
    fmt : {"csv", "parquet"}, optional
        Form of the tables; Parquet from 10,000 rows on by default.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    FileExistsError
        If the folder holds anything but a Data Package.
    """
    meta = instance.meta
    descriptor = {
        "name": meta.name.replace("/", "_"),
        "title": meta.title,
        "description": meta.description,
        "licenses": [{"name": meta.licence}] if meta.licence else [],
        "sources": [{"title": source} for source in meta.sources],
        "commonwatt": {
            "record": "instance",
            "name": meta.name,
            "size": ", ".join(f"{size} {axis}s" for axis, size in instance.sizes.items()),
            **describe(instance),
            "notices": list(meta.notices),
            "known": [asdict(known) for known in meta.known],
        },
    }
    return write_package(folder, descriptor, {"": instance}, fmt=fmt)


def write_package(
    folder: str | Path,
    descriptor: dict[str, Any],
    records: Mapping[str, Record],
    *,
    fmt: Literal["csv", "parquet"] | None = None,
) -> Path:
    """Write the tables of records beside a descriptor, all or nothing.

    Parameters
    ----------
    folder : path
        Where to; replaced only if it holds a package already.
    descriptor : dict
        Completed by the list of resources, with bytes and SHA-256 of each.
    records : mapping of str to Record
        Prefix of the tables' names to record; the prefix ``""`` leaves names alone.
    fmt : {"csv", "parquet"}, optional
        Form of the tables.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    FileExistsError
        If the folder holds anything but a Data Package.
    """
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{target} is a file; name a folder")
    if target.exists() and any(target.iterdir()) and not (target / DESCRIPTOR).is_file():
        raise FileExistsError(f"{target} holds files that are no Data Package; name another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written beside the target and moved in one step, so that an interrupted run leaves no half package.
    workshop = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        resources = []
        for prefix, record in records.items():
            tables = to_tables(record)
            longest = max((len(frame) for frame in tables.values()), default=0)
            form = fmt or ("parquet" if longest >= PARQUET_FROM_ROWS else "csv")
            for table, frame in tables.items():
                resources.append(_write_table(workshop, prefix, record, table, frame, form))
        text = json.dumps(
            {"profile": "data-package", **descriptor, "resources": resources}, indent=1, ensure_ascii=False
        )
        (workshop / DESCRIPTOR).write_text(text + "\n", encoding="utf-8")
        workshop.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        os.replace(workshop, target)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise
    return target


def _write_table(
    folder: Path, prefix: str, record: Record, table: str, frame: pd.DataFrame, form: str
) -> dict[str, Any]:
    name = f"{prefix}.{table}" if prefix else table
    path = folder / f"{name}.{form}"
    if form == "csv":
        frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    else:
        frame.to_parquet(path, index=False, compression="zstd")
    columns = layout(type(record))[table]
    fields = []
    for column in frame.columns:
        spec: Spec | None = columns.get(column)
        if spec is None or spec.kind in ("reference", "choices"):
            fields.append({"name": column, "type": "string"})
        else:
            kind = "integer" if spec.dtype is int else "number"
            fields.append({"name": column, "type": kind, "unit": spec.unit})
    data = path.read_bytes()
    key = [axis.replace("+", "_state") for axis in key_of(type(record), table)]
    return {
        "name": name,
        "path": path.name,
        "format": form,
        "bytes": len(data),
        "hash": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "schema": {"fields": fields, "primaryKey": key},
    }


def read_descriptor(folder: str | Path) -> dict[str, Any]:
    """The descriptor of a package.

    Raises
    ------
    InstanceError
        If there is none, or it is no readable JSON object.
    """
    path = Path(folder) / DESCRIPTOR
    where = str(folder)
    if not Path(folder).exists():
        raise InstanceError([Fault(DESCRIPTOR, message="there is no such folder", remedy="check the path")], where)
    if not path.is_file():
        remedy = "name the folder of a saved instance; for plain series of load and generation use 'generate --from'"
        raise InstanceError([Fault(DESCRIPTOR, message="the folder holds none", remedy=remedy)], where)
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        fault = Fault(DESCRIPTOR, message=f"cannot be read as JSON ({error})", remedy="the file may be cut off")
        raise InstanceError([fault], where) from None
    if not isinstance(found, dict) or not isinstance(found.get("commonwatt"), dict):
        remedy = "save instances with commonwatt"
        raise InstanceError([Fault(DESCRIPTOR, "commonwatt", message="the section is missing", remedy=remedy)], where)
    return found


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
    if faults:
        # The record is made all the same where possible, so that faults of content appear beside those of form.
        faults.extend(_faults_of_content(cls, fields))
        raise InstanceError(_distinct(faults), where)
    try:
        return cls(meta=meta, **fields)
    except InstanceError as error:
        raise InstanceError(error.faults, where) from None


def _faults_of_content(cls: type[Instance], fields: dict[str, Any]) -> list[Fault]:
    known = {name for name, spec in specs(cls).items() if spec.default is None and not spec.optional}
    if not known <= fields.keys() | {name for name, spec in specs(cls).items() if spec.kind == "labels"}:
        return []
    try:
        cls(**fields)
    except InstanceError as error:
        return list(error.faults)
    return []


def _distinct(faults: list[Fault]) -> list[Fault]:
    return list(dict.fromkeys(faults))


def _meta(descriptor: dict[str, Any], folder_name: str, faults: list[Fault]) -> Meta:
    section = descriptor["commonwatt"]
    try:
        return Meta(
            name=str(section.get("name") or folder_name),
            title=str(descriptor.get("title", "")),
            description=str(descriptor.get("description", "")),
            licence=", ".join(str(licence["name"]) for licence in descriptor.get("licenses", [])),
            sources=tuple(str(source["title"]) for source in descriptor.get("sources", [])),
            notices=tuple(str(notice) for notice in section.get("notices", [])),
            known=tuple(KnownValue(**known) for known in section.get("known", [])),
        )
    except (TypeError, KeyError, AttributeError) as error:
        message = f"licences, sources, notices or known values are not as saved ({type(error).__name__}: {error})"
        faults.append(Fault(DESCRIPTOR, message=message, remedy="lists of objects with name or title"))
        return Meta()


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
    if section.get("schema_version") != cls.schema_version:
        found = repr(section.get("schema_version"))
        remedy = f"this version reads {cls.schema_version}"
        faults.append(Fault(DESCRIPTOR, "schema_version", "", found, "is not the version known here", remedy))
    fields = _settings(section, cls, faults)
    tables = {}
    resources = descriptor.get("resources")
    if not isinstance(resources, list):
        faults.append(Fault(DESCRIPTOR, "resources", message="is no list", remedy="list the tables"))
        resources = []
    for resource in resources:
        name = str(resource.get("name", "")) if isinstance(resource, dict) else ""
        if not name:
            faults.append(
                Fault(DESCRIPTOR, "resources", "", repr(resource)[:60], "a resource without a name", "name it")
            )
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
        faults.append(Fault(DESCRIPTOR, "settings", message="is no object"))
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
            if isinstance(entry["value"], float) and not math.isfinite(entry["value"]):
                faults.append(Fault("settings", name, "", str(entry["value"]), "is no finite number"))
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
    listed = schema.get("fields", []) if isinstance(schema, dict) else []
    units = {entry.get("name"): entry.get("unit") for entry in listed if isinstance(entry, dict)}
    for name, spec in columns.items():
        if name in frame and spec.kind == "array":
            _check_unit(table, name, units.get(name), spec.unit, faults)


def _read_table(folder: Path, resource: dict[str, Any], faults: list[Fault]) -> pd.DataFrame | None:
    name, given = str(resource["name"]), resource.get("path")
    if not isinstance(given, str) or not given:
        faults.append(Fault(name, "path", "", repr(given), "is no path", "name the file of the table"))
        return None
    relative = PurePosixPath(given)
    home = folder.resolve()
    path = (folder / relative).resolve()
    if relative.is_absolute() or ".." in relative.parts or "\\" in given or not path.is_relative_to(home):
        faults.append(Fault(name, "path", "", given, "leaves the instance folder", "keep tables inside the folder"))
        return None
    if not path.is_file():
        faults.append(Fault(name, "path", "", given, "the file is missing", "restore it or drop the resource"))
        return None
    data = path.read_bytes()
    size, digest = resource.get("bytes"), resource.get("hash")
    if size is not None and size != len(data):
        faults.append(Fault(name, "bytes", "", str(len(data)), f"the file should have {size} bytes", RENEW))
    elif digest is not None and digest != f"sha256:{hashlib.sha256(data).hexdigest()}":
        faults.append(Fault(name, "hash", "", given, "the file was changed since it was saved", RENEW))
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        with warnings.catch_warnings():
            # Rows longer than the header are only warned of, and the surplus cells dropped.
            warnings.simplefilter("error")
            return pd.read_csv(
                path, dtype=object, keep_default_na=False, na_filter=False, encoding="utf-8", index_col=False
            )
    except Exception as error:  # the readers raise a dozen kinds; each means that the file is not readable
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        faults.append(Fault(name, "", "", given, f"cannot be read ({reason})", "the file may be cut off or malformed"))
        return None


RENEW = "restore the file, or save the instance anew if the change is wanted"
