"""Writing records as Data Packages: all or nothing, and never over what commonwatt did not write."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from .datapackage import DESCRIPTOR, read_descriptor
from .errors import InstanceError
from .fields import Spec, specs
from .record import Instance, Record
from .tidy import key_of, layout, to_tables

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
        A folder that does not exist yet, is empty, or holds nothing but a package of commonwatt, which is replaced.
    fmt : {"csv", "parquet"}, optional
        Form of the tables; Parquet from 10,000 rows on by default.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    FileExistsError
        If the folder holds anything but a package of commonwatt.
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
            "size": instance.size,
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
        Where to; replaced only if it holds nothing but a package of commonwatt.
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
        If the folder holds anything but a package of commonwatt.
    """
    target = Path(folder).resolve()
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{folder} is a file; name a folder")
    foreign = _foreign_files(target)
    if foreign:
        raise FileExistsError(f"{folder} holds {foreign[0]}, which is no part of a package; name another folder")
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
        whole = {"profile": "data-package", **descriptor, "resources": resources}
        text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
        (workshop / DESCRIPTOR).write_text(text + "\n", encoding="utf-8")
        workshop.chmod(0o755)
        _move_into_place(workshop, target)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise
    return Path(folder)


def _foreign_files(folder: Path) -> list[str]:
    """Names in a folder that are no part of a package of commonwatt, which must not be lost by replacing it."""
    if not folder.exists():
        return []
    names = sorted(path.name for path in folder.iterdir())
    try:
        resources = read_descriptor(folder)["resources"]
        known = {DESCRIPTOR, *(str(resource["path"]) for resource in resources)}
    except (InstanceError, KeyError, TypeError):
        known = set()
    return [name for name in names if name not in known]


def _move_into_place(workshop: Path, target: Path) -> None:
    """Put a finished package in its place; the one that was there goes only when the new one stands."""
    if not target.exists():
        os.replace(workshop, target)
        return
    former = workshop.with_name(f"{workshop.name}.former")
    os.replace(target, former)
    try:
        os.replace(workshop, target)
    except BaseException:
        os.replace(former, target)
        raise
    shutil.rmtree(former, ignore_errors=True)


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
