"""What an allocation decides, and the prices that come with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ...instances.allocation import AllocationInstance
from ...instances.errors import Fault
from ...instances.fields import Array, array, refers
from ...instances.record import Decision


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AllocationDecision(Decision):
    """Who gets how much, and where a strategy makes pairs, from whom.

    Parameters
    ----------
    instance : AllocationInstance
        The community.
    allocated_kwh : (T, n) array, kWh
        Energy given to each household in each interval (the paper's E_g).
    pair_interval, pair_prosumer, pair_consumer : (m,) references, optional
        Interval, giver and taker of each transfer.
    pair_kwh : (m,) array, kWh, optional
        Energy of each transfer.
    """

    problem: ClassVar[str] = "allocation"

    instance: AllocationInstance
    allocated_kwh: Array = array("interval", "household", unit="kWh")
    pair_interval: Array = refers("interval", "pair", optional=True)
    pair_prosumer: Array = refers("household", "pair", optional=True)
    pair_consumer: Array = refers("household", "pair", optional=True)
    pair_kwh: Array = array("pair", unit="kWh", optional=True)

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: the four columns of pairs belong together."""
        columns = ("pair_interval", "pair_prosumer", "pair_consumer", "pair_kwh")
        missing = [name for name in columns if getattr(self, name) is None]
        if 0 < len(missing) < len(columns):
            for name in missing:
                message = "is missing, though other columns of the pairs are given"
                yield Fault("pair", name, message=message, remedy="give all four columns or none")

    @property
    def has_pairs(self) -> bool:
        """Whether the decision says from whom each household is served."""
        return self.pair_kwh is not None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AllocationPrices(Decision):
    """Shadow prices of the energy that can be allocated.

    Parameters
    ----------
    instance : AllocationInstance
        The community.
    energy_price : (T,) array, criterion per kWh
        d(criterion)/d(available energy) of each interval, ≥ 0.
    """

    problem: ClassVar[str] = "allocation"

    instance: AllocationInstance
    energy_price: Array = array("interval", unit="criterion/kWh", low=0.0)
