"""Turning what a user gives into sound, read-only arrays, with every fault named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import Fault
from .fields import Spec, readonly

LISTED = 1000
"""How many faults of one kind in one field are listed one by one; the rest is counted in a last entry."""

CALENDAR_H = 6.9e7
"""Hours from 2030, where made time labels start, to the year 9999, where ISO 8601 ends."""

MICROSECONDS = 3.6e9
"""Microseconds in an hour."""


@dataclass(frozen=True)
class Sizes:
    """Lengths of the index sets of a record, and the labels known for them."""

    lengths: dict[str, int]
    labels: dict[str, np.ndarray]

    @classmethod
    def of(cls, specs: Mapping[str, Spec], values: Mapping[str, Any], outer: Mapping[str, np.ndarray]) -> Sizes:
        """Collect lengths from labels where given, from array shapes elsewhere (the first array decides)."""
        known: dict[str, np.ndarray] = dict(outer)
        for name, spec in specs.items():
            texts = _texts(values.get(name)) if spec.kind == "labels" else None
            if texts is not None:
                known[name] = texts
        lengths = {name: len(found) for name, found in known.items()}
        for name, spec in specs.items():
            if spec.kind in ("labels", "scalar", "choice") or values.get(name) is None:
                continue
            for axis, size in zip(spec.index, _shape(values[name]), strict=False):
                lengths.setdefault(axis.removesuffix("+"), size - axis.endswith("+"))
        for name, spec in specs.items():
            if spec.kind == "labels" and spec.empty:
                lengths.setdefault(name, 0)
        for spec in specs.values():
            for axis in spec.index:
                if axis.endswith("+") and axis[:-1] in lengths:
                    lengths.setdefault(axis, lengths[axis[:-1]] + 1)
        return cls(lengths, known)

    def row(self, index: tuple[str, ...], position: tuple[int, ...]) -> str:
        """Name a row in the data's own labels."""
        names = []
        for axis, at in zip(index, position, strict=True):
            found = self.labels.get(axis.removesuffix("+"))
            if found is not None and at < len(found):
                names.append(str(found[at]))
            else:
                names.append(f"{axis} {at}")
        return ", ".join(names)


def _shape(value: Any) -> tuple[int, ...]:
    """Shape of what was given; of a ragged list only the first axis has a length."""
    try:
        return np.shape(value)
    except ValueError:
        return (len(value),)


def _texts(value: Any) -> np.ndarray | None:
    """Labels as texts, time stamps in ISO 8601; None for what is no plain list."""
    try:
        raw = np.asarray(value)
    except ValueError:
        return None
    if raw.ndim != 1:
        return None
    if raw.dtype.kind == "M":
        whole = [unit for unit in ("m", "s") if (raw == raw.astype(f"M8[{unit}]")).all()]
        raw = np.datetime_as_string(raw.astype(f"M8[{whole[0]}]") if whole else raw)
    return np.array([str(label) for label in raw.tolist()], dtype=object)


def resolve(
    specs: Mapping[str, Spec], values: Mapping[str, Any], outer: Mapping[str, np.ndarray], faults: list[Fault]
) -> dict[str, Any]:
    """Turn given values into what a record holds, appending whatever is wrong to ``faults``.

    Parameters
    ----------
    specs : mapping
        The declared fields.
    values : mapping
        What was given, by field name.
    outer : mapping
        Labels of index sets owned by another record.
    faults : list of Fault
        Receives every fault.

    Returns
    -------
    dict
        Resolved values by field name.
    """
    values = dict(values)
    sizes = Sizes.of(specs, values, outer)
    resolved: dict[str, Any] = {}
    for name, spec in specs.items():
        if spec.kind in ("scalar", "choice"):
            resolved[name] = _setting(name, spec, values.get(name), faults)
    for name, spec in specs.items():
        if spec.kind == "labels":
            resolved[name] = _labels(name, spec, values.get(name), sizes, resolved.get("dt_h"), faults)
    for name, spec in specs.items():
        if spec.kind in ("array", "reference", "choices"):
            resolved[name] = _array(name, spec, values.get(name), sizes, faults)
    for axis in {axis for spec in specs.values() for axis in spec.index if axis in sizes.labels}:
        # A set that another record owns was judged there.
        if sizes.lengths[axis] == 0 and axis in specs and not specs[axis].empty:
            faults.append(Fault(axis, axis, message=f"there is no {axis}", remedy=f"give at least one {axis}"))
    return resolved


def _setting(name: str, spec: Spec, value: Any, faults: list[Fault]) -> Any:
    if value is None:
        value = spec.default
    if value is None:
        faults.append(Fault("settings", name, message="is missing", remedy=f"give a number in {spec.unit}"))
        return None
    if spec.kind == "choice":
        if not isinstance(value, str) or value not in spec.values:
            faults.append(
                Fault("settings", name, "", _shown(repr(value)), "is unknown", f"choose one of {_or(spec.values)}")
            )
            return None
        return value
    number = _number(value)
    if not np.isfinite(number):
        faults.append(
            Fault("settings", name, "", _shown(repr(value)), "is no finite number", f"give it in {spec.unit}")
        )
    else:
        _check_bounds_of_setting(name, spec, number, faults)
    return number


def _shown(text: str) -> str:
    """A value as messages show it: not more than fits a line."""
    return text if len(text) <= 60 else f"{text[:59]}…"


def _number(value: Any) -> float:
    """One number; NaN for whatever is none, texts that look like numbers among them."""
    try:
        return np.nan if isinstance(value, (str, bytes, bool)) or np.ndim(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def _check_bounds_of_setting(name: str, spec: Spec, number: float, faults: list[Fault]) -> None:
    if spec.low is not None and number < spec.low:
        faults.append(
            Fault("settings", name, "", f"{number:g}", f"is below {_amount(spec.low, spec.unit)}", "raise it")
        )
    if spec.high is not None and number > spec.high:
        faults.append(
            Fault("settings", name, "", f"{number:g}", f"is above {_amount(spec.high, spec.unit)}", "lower it")
        )


def _amount(number: float, unit: str) -> str:
    return f"{number:g}" if unit == "1" else f"{number:g} {unit}"


def _or(words: tuple[str, ...]) -> str:
    return ", ".join(repr(word) for word in words)


def _labels(name: str, spec: Spec, value: Any, sizes: Sizes, dt_h: float | None, faults: list[Fault]) -> Any:
    if value is None and spec.optional:
        return None
    if value is None:
        count = sizes.lengths.get(name)
        if count is None:
            faults.append(Fault(name, name, message="no labels are given and no array shows how many there are"))
            return None
        made = _time_labels(count, dt_h, faults) if spec.time else [spec.pattern.format(i + 1) for i in range(count)]
        sizes.labels[name] = np.array(made, dtype=object)
        return readonly(sizes.labels[name])
    found = _texts(value)
    if found is None:
        faults.append(Fault(name, name, "", f"shape {_shape(value)}", "labels must be a plain list"))
        return None
    before = len(faults)
    sizes.labels[name] = found
    seen: dict[str, int] = {}
    for position, label in enumerate(found):
        row = f"{name} {position}"
        if not label.strip() or label in ("nan", "None", "NaT", "<NA>"):
            faults.append(Fault(name, name, row, repr(label), "is an empty label", "name it"))
        elif label != label.strip() or any(_is_control(character) for character in label):
            message = "has blanks around it or a control character in it"
            faults.append(Fault(name, name, row, repr(label), message, "take them out"))
        elif label in seen:
            message = f"is a duplicate: rows {seen[label]} and {position} carry the same label"
            faults.append(Fault(name, name, row, repr(label), message, f"keep each {name} once"))
        seen.setdefault(label, position)
    if spec.time and len(found) and len(faults) == before:
        _check_times(name, found, dt_h, faults)
    return readonly(found)


def _is_control(character: str) -> bool:
    """Line breaks and other control characters, and halves of surrogate pairs: no text file can hold them."""
    code = ord(character)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000


def _time_labels(count: int, dt_h: float | None, faults: list[Fault]) -> list[str]:
    # A length that is no positive number has a fault of its own; hours stand in for it here.
    step_h = dt_h if dt_h is not None and np.isfinite(dt_h) and dt_h > 0 else 1.0
    if step_h * MICROSECONDS < 1.0 or step_h * count > CALENDAR_H:
        message = f"{count} intervals of this length from 2030 on do not fit the calendar"
        faults.append(Fault("settings", "dt_h", "", f"{step_h:g}", message, "correct dt_h"))
        step_h = 1.0
    since = np.round(np.arange(count) * (step_h * MICROSECONDS)).astype("m8[us]")
    times = np.datetime64("2030-01-01T00:00:00", "us") + since
    whole = (times == times.astype("M8[s]")).all()
    return [f"{time}Z" for time in np.datetime_as_string(times, unit="s" if whole else "us")]


def _check_times(name: str, found: np.ndarray, dt_h: float | None, faults: list[Fault]) -> None:
    import pandas as pd

    times = pd.to_datetime(pd.Series(found, dtype=object), utc=True, format="ISO8601", errors="coerce")
    for position in np.flatnonzero(times.isna())[:LISTED]:
        remedy = "write ISO 8601, for example 2030-01-01T00:00Z"
        faults.append(Fault(name, name, f"{name} {position}", repr(found[position]), "is no time stamp", remedy))
    if times.isna().any() or dt_h is None or len(times) < 2:
        return
    step_h = np.diff(times.to_numpy()).astype("m8[us]").astype(float) / MICROSECONDS
    for position in np.flatnonzero(np.abs(step_h - dt_h) > 1e-9)[:LISTED]:
        gap = step_h[position]
        what = "a gap" if gap > dt_h else "a duplicated or disordered time"
        message = f"{what}: {gap:g} h after {found[position]}, where dt_h says {dt_h:g} h"
        remedy = "fill or drop the gap, give times in UTC or with offsets, or correct dt_h"
        faults.append(Fault(name, name, found[position + 1], "", message, remedy))


def _array(name: str, spec: Spec, value: Any, sizes: Sizes, faults: list[Fault]) -> Any:
    if value is None and spec.optional:
        return None
    shape = tuple(sizes.lengths.get(axis, -1) for axis in spec.index)
    if value is None:
        if spec.empty and 0 in shape:
            return readonly(np.empty(shape, dtype=spec.dtype))
        if spec.default is None:
            faults.append(Fault(spec.table, name, message="is missing", remedy=f"give it in {spec.unit}"))
            return None
        if -1 in shape:
            return None
        filled: np.ndarray = np.full(shape, spec.default, dtype=object if spec.dtype is str else spec.dtype)
        return readonly(filled)
    _check_alignment(name, spec, value, sizes, faults)
    if spec.kind == "choices":
        return _words(name, spec, value, shape, sizes, faults)
    found = _numbers(name, spec, value, sizes, faults)
    if found is None:
        return None
    if found.shape != shape:
        expected = " × ".join(f"{sizes.lengths.get(axis, '?')} {axis}s" for axis in spec.index)
        faults.append(Fault(spec.table, name, "", f"shape {found.shape}", f"must hold {expected}", "mend its shape"))
        return None
    _check_range(name, spec, found, sizes, faults)
    if spec.dtype is int and np.isfinite(found).all():
        found = _whole_numbers(name, spec, found, sizes, faults)
    return readonly(found)


def _whole_numbers(name: str, spec: Spec, found: np.ndarray, sizes: Sizes, faults: list[Fault]) -> np.ndarray:
    large = np.abs(found) > 2.0**53
    _list(name, spec, found, found != np.floor(found), "is no whole number", "round it", sizes, faults)
    _list(name, spec, found, large, "is too large for a whole number", "stay below 2⁵³", sizes, faults)
    whole = np.where(large, 0.0, found).astype(np.int64)
    if spec.kind == "reference":
        outside = (whole < 0) | (whole >= sizes.lengths.get(spec.to, 0))
        _list(name, spec, whole, outside, f"points at no {spec.to}", f"name a known {spec.to}", sizes, faults)
    return whole


def _words(
    name: str, spec: Spec, value: Any, shape: tuple[int, ...], sizes: Sizes, faults: list[Fault]
) -> np.ndarray | None:
    found = _cells(value)
    if found.shape != shape:
        message = f"must have shape {shape}"
        faults.append(Fault(spec.table, name, "", f"shape {found.shape}", message, "mend its shape"))
        return None
    texts = found.astype(str)
    wrong = ~np.isin(texts, spec.values)
    _list(name, spec, found, wrong, "is unknown", f"choose one of {_or(spec.values)}", sizes, faults)
    return readonly(texts.astype(object))


def _check_alignment(name: str, spec: Spec, value: Any, sizes: Sizes, faults: list[Fault]) -> None:
    """Labelled input (a pandas object) must carry the record's labels in the record's order."""
    axes = [getattr(value, attribute, None) for attribute in ("index", "columns")[: len(spec.index)]]
    if not hasattr(value, "to_numpy") or any(axis is None for axis in axes):
        return
    for axis, given in zip(spec.index, axes, strict=False):
        known = sizes.labels.get(axis)
        texts = _texts(given)
        if known is None or texts is None or texts.tolist() == known.tolist():
            continue
        message = f"its {axis} labels are not those of the record, in its order"
        faults.append(
            Fault(spec.table, name, "", f"{texts.tolist()[:3]}…", message, f"reindex it by {axis} or pass .to_numpy()")
        )


def _numbers(name: str, spec: Spec, value: Any, sizes: Sizes, faults: list[Fault]) -> np.ndarray | None:
    """A copy as floats; None, with every cell named that is no number, where it holds texts, times or worse."""
    try:
        raw = np.asarray(value)
        texts = raw.dtype == object and any(isinstance(cell, (str, bytes)) for cell in raw.flat)
        if raw.dtype.kind in "biufO" and not texts:
            return np.array(raw, dtype=float, order="C")
        cells = np.array(value, dtype=object)
    except (TypeError, ValueError, OverflowError):
        cells = _cells(value)
    if cells.ndim != len(spec.index):
        message = f"must be a regular array over {', '.join(spec.index)}"
        faults.append(Fault(spec.table, name, "", f"shape {cells.shape}", message, "mend its shape"))
        return None
    wrong = np.array([np.isnan(_number(cell)) for cell in cells.flat], dtype=bool).reshape(cells.shape)
    _list(name, spec, cells, wrong, "is no number", f"give a number in {spec.unit}", sizes, faults)
    return None


def _cells(value: Any) -> np.ndarray:
    """Cells as objects; a ragged list has its rows for cells."""
    try:
        return np.array(value, dtype=object)
    except ValueError:
        return np.empty(len(value), dtype=object)


def _check_range(name: str, spec: Spec, found: np.ndarray, sizes: Sizes, faults: list[Fault]) -> None:
    finite = np.isfinite(found)
    remedy = "fill it from a better source"
    _list(name, spec, found, ~finite, "is no finite number", remedy, sizes, faults)
    if spec.low is not None:
        message = "is negative" if spec.low == 0 else f"is below {_amount(spec.low, spec.unit)}"
        remedy = f"give at least {spec.low:g}"
        if spec.low == 0 and spec.unit in ("kWh", "kW"):
            remedy = "give surplus and need as two columns, both ≥ 0"
        _list(name, spec, found, finite & (found < spec.low), message, remedy, sizes, faults)
    if spec.high is not None:
        message = f"is above {_amount(spec.high, spec.unit)}"
        _list(name, spec, found, finite & (found > spec.high), message, f"give at most {spec.high:g}", sizes, faults)


def _list(
    name: str,
    spec: Spec,
    found: np.ndarray,
    wrong: np.ndarray,
    message: str,
    remedy: str,
    sizes: Sizes,
    faults: list[Fault],
) -> None:
    """Append one fault per wrong cell, the first thousand by name."""
    if not wrong.any():
        return
    positions = np.argwhere(wrong)
    for position in positions[:LISTED]:
        at = tuple(int(i) for i in position)
        faults.append(Fault(spec.table, name, sizes.row(spec.index, at), _shown(str(found[at])), message, remedy))
    if len(positions) > LISTED:
        rest = f"{len(positions) - LISTED} further cells"
        faults.append(Fault(spec.table, name, rest, "", message, remedy))
