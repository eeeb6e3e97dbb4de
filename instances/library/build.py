"""Write the shipped instances anew: ``python -m commonwatt.instances.library.build FOLDER [SIMBENCH_WHEEL]``.

Everything but the SimBench instance is generated; that one is extracted from the wheel of the package ``simbench``
(which ``pip download --no-deps simbench`` fetches) and is left out where no wheel is named.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

from ..allocation import AllocationInstance, from_series
from ..package_writer import save_instance
from ..sources.small_allocation import SMALL


def texas_443() -> AllocationInstance:
    """The community of the paper's size: 443 households, 180 of them prosumers, a year of weeks."""
    from ..sources.texas import texas_series

    return from_series(texas_series(), interval="week", name="allocation/texas-443")


def simbench_village(wheel: Path) -> AllocationInstance:
    """A low-voltage community of SimBench, a year of weeks."""
    from ..sources.simbench import PACKAGE, simbench_households

    made = from_series(simbench_households(wheel), interval="week", name="allocation/simbench-village")
    return made.replace(meta=dataclasses.replace(made.meta, **PACKAGE))


def shipped(wheel: Path | None) -> Iterator[AllocationInstance]:
    """All shipped instances, one after the other."""
    for make in SMALL:
        yield make()
    yield texas_443()
    if wheel is not None:
        yield simbench_village(wheel)


def main(folder: str, wheel: str | None = None) -> None:
    """Write every shipped instance below ``folder``."""
    for instance in shipped(Path(wheel) if wheel else None):
        path = save_instance(instance, Path(folder) / instance.meta.name)
        print(f"{instance!r} written to {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
