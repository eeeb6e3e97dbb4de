"""One declaration of fields, serving validation, tidy tables and files alike.

A problem's data class declares each field once, for example ::

    household: Array = labels("house {}")
    deficiency_kwh: Array = array("interval", "household", unit="kWh", low=0.0)

An *index set* is named by a label field of the same name (here ``household``). A name that no label field carries is
an anonymous index set: its rows are only counted. ``"interval+"`` stands for the T + 1 states around T intervals.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A declared array: anything array-like when given, a read-only numpy array once the record is made.

Type checkers have no word for a field that is wider when given than when read, so they are told nothing.
"""

SPEC = "commonwatt"
"""The key under which a dataclass field's metadata carries its :class:`Spec`."""


@dataclass(frozen=True)
class Spec:
    """What was declared of one field.

    Parameters
    ----------
    kind : {"labels", "array", "reference", "scalar", "choice", "choices"}
        What the field holds.
    index : tuple of str
        The index sets of an array, in the order of its axes.
    unit : str
        Physical unit, ``"1"`` for a pure number.
    low, high : float or None
        Closed bounds on every entry.
    dtype : type
        Element type of an array.
    optional : bool
        Whether ``None`` is allowed.
    default : float, str or None
        What fills an array or setting that is not given.
    to : str
        The index set that a reference points into.
    values : tuple of str
        The words a choice may take.
    time : bool
        Whether labels are time stamps, spaced by the record's ``dt_h``.
    pattern : str
        How labels are made when none are given, ``"house {}"``.
    empty : bool
        Of labels: whether the index set may have no members. Of an array or reference: that one of its index sets may
        have none, and that nothing need be given then.
    """

    kind: Literal["labels", "array", "reference", "scalar", "choice", "choices"]
    index: tuple[str, ...] = ()
    unit: str = "1"
    low: float | None = None
    high: float | None = None
    dtype: type = float
    optional: bool = False
    default: float | str | None = None
    to: str = ""
    values: tuple[str, ...] = ()
    time: bool = False
    pattern: str = ""
    empty: bool = False

    @property
    def table(self) -> str:
        """Name of the table that holds the field: its index sets, joined; empty for a setting."""
        return "_".join(axis.replace("+", "_state") for axis in self.index)


def _declare(spec: Spec, *, required: bool) -> Any:
    if required:
        return dataclasses.field(metadata={SPEC: spec})
    return dataclasses.field(default=None, metadata={SPEC: spec})


def labels(pattern: str = "", *, time: bool = False, optional: bool = False, empty: bool = False) -> Any:
    """Declare an index set by its labels: unique, non-empty texts; the field's name is the set's name.

    Parameters
    ----------
    pattern : str
        Names made when none are given (``"house {}"``); without it labels must be given.
    time : bool
        Labels are ISO 8601 starts of intervals, spaced by the record's ``dt_h``; hours are counted in UTC wherever
        the text carries an offset, so a day of a clock change has 23 or 25 of them.
    optional : bool
        The index set may be absent.
    empty : bool
        The index set may have no members; where nothing tells how many there are, it has none.
    """
    spec = Spec(kind="labels", time=time, pattern=pattern, dtype=str, optional=optional, empty=empty)
    return _declare(spec, required=not pattern and not time and not optional)


def array(
    *index: str,
    unit: str,
    low: float | None = None,
    high: float | None = None,
    dtype: type = float,
    default: float | None = None,
    optional: bool = False,
    empty: bool = False,
) -> Any:
    """Declare an array over index sets, finite everywhere and within closed bounds.

    Parameters
    ----------
    *index : str
        The index sets of its axes.
    unit : str
        Physical unit, ``"1"`` for a pure number.
    low, high : float, optional
        Closed bounds on every entry.
    dtype : type
        ``float`` or ``int``.
    default : float, optional
        Fills the whole array where none is given.
    optional : bool
        ``None`` is allowed and stays ``None``.
    empty : bool
        One of its index sets may have no members; nothing need be given then.
    """
    spec = Spec("array", index, unit, low, high, dtype, optional, default, empty=empty)
    return _declare(spec, required=default is None and not optional and not empty)


def refers(to: str, *index: str, optional: bool = False, empty: bool = False) -> Any:
    """Declare an array of positions in another index set; files and tables show the labels instead.

    Parameters
    ----------
    to : str
        The index set pointed into.
    *index : str
        The index sets of its own axes.
    optional : bool
        ``None`` is allowed and stays ``None``.
    empty : bool
        One of its own index sets may have no members; nothing need be given then.
    """
    spec = Spec("reference", index, dtype=int, optional=optional, to=to, empty=empty)
    return _declare(spec, required=not optional and not empty)


def scalar(default: float | None = None, *, unit: str, low: float | None = None, high: float | None = None) -> Any:
    """Declare one number, kept among the settings of a package."""
    spec = Spec("scalar", (), unit, low, high, default=default)
    return _declare(spec, required=default is None)


def choice(*values: str, default: str) -> Any:
    """Declare a setting that takes one of a few words."""
    return _declare(Spec("choice", dtype=str, default=default, values=values), required=False)


def choices(*index: str, values: Sequence[str], default: str) -> Any:
    """Declare an array of words out of a few, for example each household's role."""
    return _declare(Spec("choices", index, dtype=str, default=default, values=tuple(values)), required=False)


def specs(cls: type) -> dict[str, Spec]:
    """Fields that a data class declares here, in order of declaration.

    Parameters
    ----------
    cls : type
        A dataclass whose fields were made by the functions of this module.

    Returns
    -------
    dict of str to Spec
    """
    return {field.name: field.metadata[SPEC] for field in dataclasses.fields(cls) if SPEC in field.metadata}


def readonly(values: np.ndarray) -> np.ndarray:
    """Lock an array against writing and return it."""
    values.setflags(write=False)
    return values
