"""Data classes that validate themselves when made: the common ground of instances, decisions and prices."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from .errors import Fault, InstanceError
from .fields import Spec, readonly, specs
from .validation import Sizes, resolve

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Record:
    """A frozen, validated set of labelled arrays and settings.

    Subclasses are dataclasses of the same form whose fields come from :mod:`commonwatt.instances.fields`. Equality
    and hash follow the content, not the object.

    Raises
    ------
    InstanceError
        When made from bad data, with every fault found.
    """

    problem: ClassVar[str] = ""
    schema_version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        faults: list[Fault] = []
        resolved = resolve(specs(type(self)), vars(self), self._outer_labels(), faults)
        for name, value in resolved.items():
            object.__setattr__(self, name, value)
        declared = specs(type(self))
        if all(resolved[name] is not None or declared[name].optional for name in declared):
            faults.extend(self.faults())
        if faults:
            raise InstanceError(faults, self._where())

    def _where(self) -> str:
        return self.problem or type(self).__name__

    def _outer_labels(self) -> Mapping[str, np.ndarray]:
        """Labels of index sets that another record owns (a decision's are its instance's)."""
        return {}

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields, each of which has its right shape; subclasses say what that is."""
        yield from ()

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Length of every index set."""
        return Sizes.of(specs(type(self)), vars(self), self._outer_labels()).lengths

    def labels_of(self, axis: str) -> np.ndarray:
        """Labels of an index set; an anonymous one is counted from 0, a state axis ends in ``"end"``.

        Parameters
        ----------
        axis : str
            Name of the index set, for example ``"household"`` or ``"interval+"``.

        Returns
        -------
        numpy.ndarray
            Of texts, or of whole numbers for an anonymous set.
        """
        name = axis.removesuffix("+")
        own = specs(type(self))
        if name in own and own[name].kind == "labels":
            found = getattr(self, name)
        elif name in self._outer_labels():
            found = self._outer_labels()[name]
        else:
            return np.arange(self.sizes[axis])
        return np.append(found, "end") if axis.endswith("+") else found

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over the canonical bytes of all fields: the same data has the same hash in whatever file format."""
        digest = hashlib.sha256(f"{type(self).__name__}/{self.schema_version}".encode())
        for name, spec in sorted(specs(type(self)).items()):
            digest.update(f"\0{name}\0".encode())
            digest.update(_canonical_bytes(getattr(self, name), spec))
        for name, labels in sorted(self._outer_labels().items()):
            digest.update(f"\0{name}\0".encode())
            digest.update("\n".join(labels).encode())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated anew.

        Raises
        ------
        TypeError
            For a name that is no field.
        InstanceError
            When the changed record is not sound.
        """
        return dataclasses.replace(self, **changes)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Tidy tables, one per combination of index sets, labelled with the record's own names.

        Returns
        -------
        dict of str to pandas.DataFrame
            Key columns first (one row per combination of labels), then one column per field; units stand in the
            field names.
        """
        from .tidy import to_tables

        return to_tables(self)

    def settings(self) -> dict[str, float | str]:
        """The fields without an index: numbers and choices."""
        return {name: getattr(self, name) for name, spec in specs(type(self)).items() if spec.kind in SETTINGS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Pickle hands arrays back writable.
        for name, value in state.items():
            object.__setattr__(self, name, readonly(value) if isinstance(value, np.ndarray) else value)


SETTINGS = ("scalar", "choice")


def _canonical_bytes(value: Any, spec: Spec) -> bytes:
    if value is None:
        return b"none"
    if spec.kind in SETTINGS:
        return json.dumps(value if spec.kind == "choice" else value + 0.0).encode()
    if spec.dtype is str:
        return "\n".join(value.ravel().tolist()).encode() + repr(value.shape).encode()
    # Adding zero turns -0.0 into 0.0, which is the same number.
    order = np.ascontiguousarray(value + 0, dtype="<f8" if spec.dtype is float else "<i8")
    return repr(order.shape).encode() + order.tobytes()


@dataclass(frozen=True)
class KnownValue:
    """The optimum of a criterion on an instance, known from outside the project's own solvers, and how."""

    criterion: str
    value: float
    how: str


@dataclass(frozen=True)
class Meta:
    """Where an instance comes from; no part of its content hash.

    Parameters
    ----------
    name : str
        Name in the library, for example ``"allocation/texas-443"``, or of the folder it was read from.
    title, description : str
        For readers.
    licence : str
        Name of the licence, for example ``"MIT"`` or ``"ODbL-1.0"``.
    sources : tuple of str
        What the data was made from.
    notices : tuple of str
        Texts that have to travel with the data.
    known : tuple of KnownValue
        Optima known by hand or enumeration.
    """

    name: str = "unnamed"
    title: str = ""
    description: str = ""
    licence: str = ""
    sources: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    known: tuple[KnownValue, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Instance(Record):
    """What is given. The class of an instance selects the problem."""

    meta: Meta = dataclasses.field(default_factory=Meta)

    def _where(self) -> str:
        return self.meta.name if self.meta.name != "unnamed" else self.problem

    def realise(self, seed: int) -> Self:
        """Draw nature once, so that methods, rules and bounds see the same draws; identity where nothing is random."""
        return self

    def named(self, name: str, **changes: Any) -> Self:
        """A copy under another name, with further changes to its :class:`Meta`."""
        return self.replace(meta=dataclasses.replace(self.meta, name=name, **changes))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.meta.name}: {self.size}>"

    @property
    def size(self) -> str:
        """Lengths of the index sets in words; those without labels or members go unmentioned."""
        named = {name for name, spec in specs(type(self)).items() if spec.kind == "labels"}
        counted = {axis: size for axis, size in self.sizes.items() if size and axis in named}
        return ", ".join(f"{size} {_plural(axis, size)}" for axis, size in counted.items())


def _plural(noun: str, count: int) -> str:
    if count == 1:
        return noun
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Decision(Record):
    """What a method decides, validated against its instance (whose labels it shares).

    Parameters
    ----------
    instance : Instance
        The instance it answers.
    """

    instance: Instance

    def _where(self) -> str:
        return f"decision for {self.instance.meta.name}"

    def _outer_labels(self) -> Mapping[str, np.ndarray]:
        own = specs(type(self.instance))
        found = {name: getattr(self.instance, name) for name, spec in own.items() if spec.kind == "labels"}
        return {name: labels for name, labels in found.items() if labels is not None}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.instance.meta.name}>"
