"""A user's own storages: one row each.

Columns ``storage``, ``member``, ``capacity_kwh``, ``charge_kw`` and, where wanted, ``discharge_kw`` (as ``charge_kw``
if left out), ``minimum_kwh``, ``charge_efficiency``, ``discharge_efficiency``, ``retention``, ``initial_kwh``,
``final_kwh`` and ``terminal_value``, with the units and meanings of
:class:`~commonwatt.instances.scheduling.SchedulingInstance`.
"""

from __future__ import annotations

from typing import Any

from ..errors import Fault
from ..fields import specs
from ..scheduling import SchedulingInstance
from .own_tables import Table, own_table

REQUIRED = ("storage", "member", "capacity_kwh", "charge_kw")
OPTIONAL = (
    "discharge_kw",
    "minimum_kwh",
    "charge_efficiency",
    "discharge_efficiency",
    "retention",
    "initial_kwh",
    "final_kwh",
    "terminal_value",
)


def stores_of(given: Table | None, homes: tuple[str, ...] | None, faults: list[Fault]) -> tuple[dict[str, Any], bool]:
    """Fields of storages, of :class:`~commonwatt.instances.scheduling.SchedulingInstance`, and whether they are sound.

    Parameters
    ----------
    given : DataFrame, str, Path or None
        The table, where there is one.
    homes : tuple of str or None
        Members, where they are known.
    faults : list of Fault
        Receives what is wrong.

    Returns
    -------
    fields : dict
        Empty where there is no table, or its columns are at fault.
    sound : bool
        Whether nothing was wrong with it.
    """
    before = len(faults)
    table = None
    if given is not None:
        table = own_table(given, "storages", faults, required=REQUIRED, optional=OPTIONAL, key="storage")
    if table is None:
        return {}, len(faults) == before
    declared = specs(SchedulingInstance)
    found: dict[str, Any] = {"storage": table.words("storage")}
    seen: set[str] = set()
    for at, storage in enumerate(found["storage"]):
        if not storage or storage in seen:
            message = "is there twice" if storage else "is empty"
            faults.append(Fault(table.name, "storage", table.row(at), storage, message, "give each storage a name"))
        seen.add(storage)
    for column in (*REQUIRED[2:], *OPTIONAL):
        if column in table.frame:
            spec = declared[column]
            # An empty cell of an optional column stands for what the column stands for where it is left out.
            empty = None if column in REQUIRED else spec.default
            found[column] = table.numbers(column, faults, low=spec.low, high=spec.high, empty=empty)  # type: ignore[arg-type]
    found.setdefault("discharge_kw", found["charge_kw"])
    if homes is not None:
        found["storage_of"] = table.positions("member", homes, "household of the series", faults)
    return found, len(faults) == before
