"""What a schedule decides, and the prices that come with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ...instances.fields import Array, array, readonly
from ...instances.record import Decision
from ...instances.scheduling import SchedulingInstance, sum_by_owner


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SchedulingDecision(Decision):
    """When every storage is charged and discharged, every request served, and what is curtailed, lost or spilled.

    What is exchanged between members and with the grid follows: :attr:`net_kwh`.

    Parameters
    ----------
    instance : SchedulingInstance
        The community.
    charge_kwh, discharge_kwh : (T, S) arrays, kWh
        On the AC side.
    soc_kwh : (T + 1, S) array, kWh
        Content of each storage.
    served_kwh : (T, R) array, kWh
        What each request receives.
    curtailed_kwh, lost_kwh : (T, n) arrays, kWh
        Load curtailed at its price, and critical load left unserved.
    spilled_kwh : (T, n) array, kWh
        Generation left unused.
    """

    problem: ClassVar[str] = "scheduling"

    instance: SchedulingInstance
    charge_kwh: Array = array("interval", "storage", unit="kWh", empty=True)
    discharge_kwh: Array = array("interval", "storage", unit="kWh", empty=True)
    soc_kwh: Array = array("interval+", "storage", unit="kWh", empty=True)
    served_kwh: Array = array("interval", "request", unit="kWh", empty=True)
    curtailed_kwh: Array = array("interval", "member", unit="kWh", default=0.0)
    lost_kwh: Array = array("interval", "member", unit="kWh", default=0.0)
    spilled_kwh: Array = array("interval", "member", unit="kWh", default=0.0)

    @cached_property
    def net_kwh(self) -> np.ndarray:
        """Net import of each member, (T, n) kWh: demand minus supply; negative where it exports."""
        given = self.instance
        n = len(given.member)
        net = given.load_kwh - self.curtailed_kwh - self.lost_kwh - given.generation_kwh + self.spilled_kwh
        net = net + sum_by_owner(self.charge_kwh - self.discharge_kwh, given.storage_of, n)
        return readonly(net + sum_by_owner(self.served_kwh, given.request_of, n))

    @cached_property
    def community_net_kwh(self) -> np.ndarray:
        """Net import of the community, (T,) kWh; negative where it exports."""
        return readonly(self.net_kwh.sum(axis=1))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SchedulingPrices(Decision):
    """Shadow prices of a schedule; any values prove a bound, good ones a tight one.

    Parameters
    ----------
    instance : SchedulingInstance
        The community.
    energy_price : (T,) array, currency/kWh
        What one more kWh of demand in the community costs.
    member_price : (T, n) array, currency/kWh, optional
        What one more kWh of a member's demand costs, where that differs: behind limits of its connection, or alone.
    water_value : (T, S) array, currency/kWh
        What one more kWh put into a storage saves.
    peak_value : (T,) array, currency/kW
        What one kW less of import in an interval saves of the demand charge, or of ``peak_cost``.
    member_peak_value : (T, n) array, currency/kW, optional
        The same for each member alone.
    """

    problem: ClassVar[str] = "scheduling"

    instance: SchedulingInstance
    energy_price: Array = array("interval", unit="currency/kWh")
    member_price: Array = array("interval", "member", unit="currency/kWh", optional=True)
    water_value: Array = array("interval", "storage", unit="currency/kWh", empty=True)
    peak_value: Array = array("interval", unit="currency/kW", low=0.0, default=0.0)
    member_peak_value: Array = array("interval", "member", unit="currency/kW", low=0.0, optional=True)
