"""Write the shipped settlements of schedules anew: ``python -m commonwatt.solvers.settlement_library FOLDER``.

They are made of shipped scheduling instances by exact methods, which is why they are not made where those are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..instances.package_writer import save_instance
from ..instances.scheduling import SchedulingInstance
from ..instances.settlement import SettlementInstance
from ..instances.shelf import load
from .settlement_sources import settlement_of
from .solve import solve

HOMES = (0, 2, 4, 6, 8, 24)
"""Six homes: three with panels and a battery, one with panels, one with a battery and a car, one with nothing."""


def shipped() -> Iterator[SettlementInstance]:
    """All settlements of schedules, one after the other."""
    street, autumn = load("scheduling/street-50"), load("scheduling/clock-change-week")
    assert isinstance(street, SchedulingInstance)
    assert isinstance(autumn, SchedulingInstance)
    yield _settled(
        street.among(HOMES),
        "six-homes",
        "Six homes and all their groups",
        "A day of six homes of a street, scheduled at the least cost of all six, and the least cost of each of their "
        "63 groups by itself, with a schedule of its own.",
        groups=True,
    )
    yield _settled(
        street,
        "street-50",
        "A day of a street",
        "Fifty homes with panels, batteries and cars, scheduled at the least cost of the street, and what each would "
        "pay alone with a schedule of its own.",
    )
    yield _settled(
        autumn,
        "clock-change-week",
        "The week in which clocks go back",
        "Two members over 169 hours: the last Sunday of October has 25 of them, and each is billed once.",
        groups=True,
    )


def _settled(
    given: SchedulingInstance, name: str, title: str, description: str, *, groups: bool = False
) -> SettlementInstance:
    found = settlement_of(solve(given, method="community_program"), groups=groups)
    meta = replace(found.meta, name=f"settlement/{name}", title=title, description=description, known=())
    return found.replace(meta=meta)


def main(folder: str) -> None:
    """Write every settlement of a schedule below ``folder``."""
    for instance in shipped():
        path = save_instance(instance, Path(folder) / instance.meta.name)
        print(f"{instance!r} written to {path}")


if __name__ == "__main__":
    main(sys.argv[1])
