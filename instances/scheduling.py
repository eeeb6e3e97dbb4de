"""Scheduling instances: members with loads, generation, storages and movable requests behind one grid connection.

Source: Lange, *Cloud-coordinated peer-to-peer energy sharing for urban community microgrids*, sections "System
architecture" and "Cloud-based optimization workflow"; the storage model with its own losses, electric vehicles,
connection limits and outages is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .errors import Fault
from .fields import Array, array, choice, labels, readonly, refers, scalar
from .record import Instance

CURRENCIES = ("EUR", "USD", "GBP", "INR", "AUD")
PRICE = "currency/kWh"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SchedulingInstance(Instance):
    """A community that decides when to charge, discharge, serve requests, curtail and import.

    All members stand behind one connection to the grid: what one exports another may import at no cost
    (``community_cost``); the same data also asks what each would pay alone behind a meter of its own
    (``separate_cost``). Energies are per interval and on the AC side; T intervals have T + 1 states.

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601; hours are counted in UTC, so a day of a clock change has 23 or 25 of them.
    member : (n,) labels
        Homes, offices, nodes.
    load_kwh, generation_kwh : (T, n) arrays, kWh
        Fixed demand, and what generates at no cost.
    buy_price, sell_price : (T,) arrays, currency/kWh
        Of the grid; either may be negative, and sell may exceed buy.
    storage : (S,) labels
        Batteries and electric vehicles; there may be none.
    storage_of : (S,) references to ``member``
        Where each is connected.
    capacity_kwh, minimum_kwh : (S,) arrays, kWh
        Greatest and least content in states 1 … T; state 0 is what it is.
    charge_kw, discharge_kw : (S,) arrays, kW
        Greatest powers on the AC side.
    charge_efficiency, discharge_efficiency, retention : (S,) arrays in (0, 1]
        η_c, η_d, and the share ρ of its content that a storage keeps from one interval to the next.
    initial_kwh, final_kwh : (S,) arrays, kWh
        Content of state 0, and the least content of state T.
    terminal_value : (S,) array, currency/kWh
        What a kWh in state T is worth.
    target_kwh : (T + 1, S) array, kWh, optional
        Content below which a state is uncomfortable: what is missing costs ``target_price``.
    target_price : (S,) array, currency/kWh
        Price of each kWh missing to a target, in each state.
    required_kwh : (T + 1, S) array, kWh, optional
        Content that a state must have, for example of a vehicle at its departure.
    plugged : (T, S) array of 0 and 1, optional
        Whether the storage is there to be charged and discharged.
    trip_kwh : (T, S) array, kWh, optional
        What a vehicle uses for driving.
    request : (R,) labels
        Movable loads; there may be none.
    request_of : (R,) references to ``member``
        Whose they are.
    request_kwh, request_kw : (R,) arrays
        Energy of each, kWh, and its greatest power, kW; it may be interrupted.
    earliest, latest : (R,) references to ``interval``
        First and last interval in which it may be served, both included.
    curtailable_kwh : (T, n) array, kWh, optional
        The part of the load that may be curtailed at ``curtailment_price``; the rest is critical.
    curtailment_price : (n,) array, currency/kWh
        What a curtailed kWh costs its member's comfort.
    connected : (T, n) array of 0 and 1, optional
        Whether the member's node works; while it does not, the member lives on what it has.
    import_limit_kw, export_limit_kw : (T,) arrays, kW, optional
        Of the community's connection; 0 during an outage of the grid.
    member_import_kw, member_export_kw : (n,) arrays, kW, optional
        Of each member's connection.
    carbon_kg_per_kwh : (T,) array, kg/kWh, optional
        Emissions of imported energy.
    dt_h : float
        Length of an interval, h.
    spill : {"free", "forbidden"}
        Whether generation may be left unused.
    lost_load : {"forbidden", "priced"}
        Whether critical load may stay unserved, at ``lost_load_price`` (currency/kWh).
    demand_charge : float, currency/kW
        Price of the greatest import power of the whole horizon, part of every cost.
    peak_price : float, currency/kW
        Weight of that power in the criterion ``peak_cost``.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of all prices.
    """

    problem: ClassVar[str] = "scheduling"

    interval: Array = labels(time=True)
    member: Array = labels("member {}")
    load_kwh: Array = array("interval", "member", unit="kWh", low=0.0)
    generation_kwh: Array = array("interval", "member", unit="kWh", low=0.0, default=0.0)
    buy_price: Array = array("interval", unit=PRICE)
    sell_price: Array = array("interval", unit=PRICE, default=0.0)
    storage: Array = labels("storage {}", empty=True)
    storage_of: Array = refers("member", "storage", empty=True)
    capacity_kwh: Array = array("storage", unit="kWh", low=0.0, empty=True)
    minimum_kwh: Array = array("storage", unit="kWh", low=0.0, default=0.0)
    charge_kw: Array = array("storage", unit="kW", low=0.0, empty=True)
    discharge_kw: Array = array("storage", unit="kW", low=0.0, empty=True)
    charge_efficiency: Array = array("storage", unit="1", low=0.0, high=1.0, default=1.0)
    discharge_efficiency: Array = array("storage", unit="1", low=0.0, high=1.0, default=1.0)
    retention: Array = array("storage", unit="1", low=0.0, high=1.0, default=1.0)
    initial_kwh: Array = array("storage", unit="kWh", low=0.0, default=0.0)
    final_kwh: Array = array("storage", unit="kWh", low=0.0, default=0.0)
    terminal_value: Array = array("storage", unit=PRICE, default=0.0)
    target_kwh: Array = array("interval+", "storage", unit="kWh", low=0.0, optional=True)
    target_price: Array = array("storage", unit=PRICE, low=0.0, default=0.0)
    required_kwh: Array = array("interval+", "storage", unit="kWh", low=0.0, optional=True)
    plugged: Array = array("interval", "storage", unit="1", low=0, high=1, dtype=int, optional=True)
    trip_kwh: Array = array("interval", "storage", unit="kWh", low=0.0, optional=True)
    request: Array = labels("request {}", empty=True)
    request_of: Array = refers("member", "request", empty=True)
    request_kwh: Array = array("request", unit="kWh", low=0.0, empty=True)
    request_kw: Array = array("request", unit="kW", low=0.0, empty=True)
    earliest: Array = refers("interval", "request", empty=True)
    latest: Array = refers("interval", "request", empty=True)
    curtailable_kwh: Array = array("interval", "member", unit="kWh", low=0.0, optional=True)
    curtailment_price: Array = array("member", unit=PRICE, low=0.0, default=0.0)
    connected: Array = array("interval", "member", unit="1", low=0, high=1, dtype=int, optional=True)
    import_limit_kw: Array = array("interval", unit="kW", low=0.0, optional=True)
    export_limit_kw: Array = array("interval", unit="kW", low=0.0, optional=True)
    member_import_kw: Array = array("member", unit="kW", low=0.0, optional=True)
    member_export_kw: Array = array("member", unit="kW", low=0.0, optional=True)
    carbon_kg_per_kwh: Array = array("interval", unit="kg/kWh", low=0.0, optional=True)
    dt_h: float = scalar(0.5, unit="h", low=0.0)
    spill: str = choice("free", "forbidden", default="free")
    lost_load: str = choice("forbidden", "priced", default="forbidden")
    lost_load_price: float = scalar(10.0, unit=PRICE, low=0.0)
    demand_charge: float = scalar(0.0, unit="currency/kW", low=0.0)
    peak_price: float = scalar(1.0, unit="currency/kW", low=0.0)
    currency: str = choice(*CURRENCIES, default="EUR")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields, such as levels above capacities or windows that end before they begin."""
        if self.dt_h <= 0:
            yield Fault("settings", "dt_h", "", f"{self.dt_h:g}", "must be positive")
        for name in ("charge_efficiency", "discharge_efficiency", "retention"):
            for s in np.flatnonzero(getattr(self, name) <= 0):
                yield Fault("storage", name, self.storage[s], "0", "must be positive", "give a share in (0, 1]")
        for name in ("minimum_kwh", "final_kwh"):
            for s in np.flatnonzero(getattr(self, name) > self.capacity_kwh):
                yield self._above_capacity("storage", name, str(self.storage[s]), getattr(self, name)[s], int(s))
        for name in ("required_kwh", "target_kwh"):
            level = getattr(self, name)
            for t, s in np.argwhere(level > self.capacity_kwh) if level is not None else ():
                row = f"{self.labels_of('interval+')[t]}, {self.storage[s]}"
                yield self._above_capacity("interval_state_storage", name, row, level[t, s], s)
        for r in np.flatnonzero(self.latest < self.earliest):
            message = f"is before the earliest, {self.interval[self.earliest[r]]}"
            remedy = "exchange the two, or move one"
            yield Fault("request", "latest", self.request[r], self.interval[self.latest[r]], message, remedy)
        if self.curtailable_kwh is not None:
            for t, i in np.argwhere(self.curtailable_kwh > self.load_kwh * (1 + 1e-12)):
                row, value = f"{self.interval[t]}, {self.member[i]}", f"{self.curtailable_kwh[t, i]:g}"
                message = f"is more than the load of {self.load_kwh[t, i]:g} kWh"
                yield Fault("interval_member", "curtailable_kwh", row, value, message, "give at most the load")

    def _above_capacity(self, table: str, column: str, row: str, value: float, s: int) -> Fault:
        message = f"is above the capacity of {self.capacity_kwh[s]:g} kWh"
        return Fault(table, column, row, f"{value:g}", message, "lower it or raise capacity_kwh")

    @cached_property
    def net_load_kwh(self) -> np.ndarray:
        """Load minus generation before any decision, (T, n) kWh; negative where there is a surplus."""
        return readonly(self.load_kwh - self.generation_kwh)

    @cached_property
    def state_low_kwh(self) -> np.ndarray:
        """Least content of each state, (T + 1, S) kWh; state 0 is what it is."""
        low = np.broadcast_to(self.minimum_kwh, (len(self.interval) + 1, len(self.storage))).copy()
        if self.required_kwh is not None:
            np.maximum(low, self.required_kwh, out=low)
        low[-1] = np.maximum(low[-1], self.final_kwh)
        low[0] = self.initial_kwh
        return readonly(low)

    @cached_property
    def state_high_kwh(self) -> np.ndarray:
        """Greatest content of each state, (T + 1, S) kWh."""
        high = np.broadcast_to(self.capacity_kwh, self.state_low_kwh.shape).copy()
        high[0] = self.initial_kwh
        return readonly(high)

    @cached_property
    def charge_limit_kwh(self) -> np.ndarray:
        """Greatest charge of each interval, (T, S) kWh on the AC side."""
        return readonly(self._while_plugged(self.charge_kw))

    @cached_property
    def discharge_limit_kwh(self) -> np.ndarray:
        """Greatest discharge of each interval, (T, S) kWh on the AC side."""
        return readonly(self._while_plugged(self.discharge_kw))

    def _while_plugged(self, power_kw: np.ndarray) -> np.ndarray:
        limit = np.broadcast_to(power_kw * self.dt_h, (len(self.interval), len(self.storage)))
        return limit * self.plugged if self.plugged is not None else limit.copy()

    @cached_property
    def driven_kwh(self) -> np.ndarray:
        """What trips take out of each storage, (T, S) kWh."""
        if self.trip_kwh is not None:
            return np.asarray(self.trip_kwh)
        return readonly(np.zeros((len(self.interval), len(self.storage))))

    @cached_property
    def request_limit_kwh(self) -> np.ndarray:
        """What each request may take in each interval, (T, R) kWh: its power inside its window, 0 outside."""
        t = np.arange(len(self.interval))[:, None]
        inside = (t >= self.earliest) & (t <= self.latest)
        return readonly(np.where(inside, self.request_kw * self.dt_h, 0.0))

    @cached_property
    def sheddable_kwh(self) -> np.ndarray:
        """Load that may be curtailed, (T, n) kWh."""
        if self.curtailable_kwh is not None:
            return readonly(np.minimum(self.curtailable_kwh, self.load_kwh))
        return readonly(np.zeros_like(self.load_kwh))

    @cached_property
    def losable_kwh(self) -> np.ndarray:
        """Critical load that may stay unserved, (T, n) kWh: all of it where lost load is priced, else nothing."""
        if self.lost_load == "priced":
            return readonly(self.load_kwh - self.sheddable_kwh)
        return readonly(np.zeros_like(self.load_kwh))

    @cached_property
    def spillable_kwh(self) -> np.ndarray:
        """Generation that may be left unused, (T, n) kWh."""
        return readonly(self.generation_kwh if self.spill == "free" else np.zeros_like(self.generation_kwh))

    @cached_property
    def import_limit_kwh(self) -> np.ndarray:
        """Of the community's connection, (T,) kWh; infinite where there is none."""
        return readonly(self._limit(self.import_limit_kw, (len(self.interval),)))

    @cached_property
    def export_limit_kwh(self) -> np.ndarray:
        """Of the community's connection, (T,) kWh; infinite where there is none."""
        return readonly(self._limit(self.export_limit_kw, (len(self.interval),)))

    @cached_property
    def member_import_limit_kwh(self) -> np.ndarray:
        """Of each member's connection, (T, n) kWh; infinite where there is none, 0 while its node has failed."""
        return readonly(self._while_connected(self._limit(self.member_import_kw, self.load_kwh.shape)))

    @cached_property
    def member_export_limit_kwh(self) -> np.ndarray:
        """Of each member's connection, (T, n) kWh; infinite where there is none, 0 while its node has failed."""
        return readonly(self._while_connected(self._limit(self.member_export_kw, self.load_kwh.shape)))

    def _limit(self, power_kw: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(np.inf if power_kw is None else power_kw * self.dt_h, shape)

    def _while_connected(self, limit: np.ndarray) -> np.ndarray:
        return limit if self.connected is None else np.where(self.connected > 0, limit, 0.0)

    @cached_property
    def least_net_kwh(self) -> np.ndarray:
        """The least that each member's net import can be, (T, n) kWh, whatever is decided: a bound from data alone."""
        lowest = self.load_kwh - self.sheddable_kwh - self.losable_kwh - self.generation_kwh
        return readonly(lowest - sum_by_owner(self.discharge_limit_kwh, self.storage_of, lowest.shape[1]))

    @cached_property
    def greatest_net_kwh(self) -> np.ndarray:
        """The most that each member's net import can be, (T, n) kWh, whatever is decided: a bound from data alone."""
        highest = self.load_kwh - self.generation_kwh + self.spillable_kwh
        highest = highest + sum_by_owner(self.charge_limit_kwh, self.storage_of, highest.shape[1])
        return readonly(highest + sum_by_owner(self.request_limit_kwh, self.request_of, highest.shape[1]))

    def alone(self, member: int) -> SchedulingInstance:
        """One member with its own storages and requests, behind a connection of its own; see :meth:`among`."""
        return self if len(self.member) == 1 else self.among([member])

    def among(self, members: Sequence[int]) -> SchedulingInstance:
        """Some members with their own storages and requests, behind a connection of their own.

        The community's connection limits are left out, since they are not these members'.

        Parameters
        ----------
        members : sequence of int
            Positions, in ascending order.
        """
        chosen: dict[str, Any] = {"member": members}
        for axis, owner in (("storage", self.storage_of), ("request", self.request_of)):
            chosen[axis] = np.flatnonzero(np.isin(owner, members))
        return self._subset(
            chosen,
            storage_of=np.searchsorted(members, self.storage_of[chosen["storage"]]),
            request_of=np.searchsorted(members, self.request_of[chosen["request"]]),
            import_limit_kw=None,
            export_limit_kw=None,
        )

    def _subset(self, chosen: dict[str, Sequence[int]], **changes: Any) -> SchedulingInstance:
        """The instance on some members of index sets, each array cut to them."""
        from .fields import specs

        fields: dict[str, Any] = {}
        for name, spec in specs(type(self)).items():
            value = getattr(self, name)
            if value is None or name in changes:
                continue
            axes = (name,) if spec.kind == "labels" else spec.index
            for position, axis in enumerate(axes):
                if axis in chosen:
                    value = np.take(value, np.asarray(chosen[axis], dtype=int), axis=position)
            fields[name] = value
        return type(self)(meta=self.meta, **fields, **changes)


def sum_by_owner(parts: np.ndarray, owner: np.ndarray, owners: int) -> np.ndarray:
    """Columns of ``parts`` (T, m) added up by their owner, (T, owners)."""
    if parts.shape[1] == owners and np.array_equal(owner, np.arange(owners)):
        return parts.copy()  # one each, in order: the common case of large communities
    total = np.zeros((parts.shape[0], owners))
    np.add.at(total.T, owner, parts.T)
    return total
