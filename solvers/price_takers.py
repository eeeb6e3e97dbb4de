"""What the members of a community do at a price for energy: the oracle of the decompositions.

At one price for all, the least cost of a community falls apart into storages (the battery kernel), requests (served in
the cheapest intervals of their windows) and curtailment (where energy is dearer than comfort). Storages are kept in a
few groups: what a decomposition mixes is a group's answers, and more groups mean fewer rounds and a larger master.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.bounds import serve_in_order
from ..models.scheduling.premise import premise
from .kernels.battery import Fleet


class Response(NamedTuple):
    """What each part of a community draws at a price, (G, T) kWh, and what it costs besides energy, (G,)."""

    net_kwh: np.ndarray
    own_cost: np.ndarray


def refuse_what_is_no_price_taker(instance: SchedulingInstance) -> None:
    """Raise for what a single price for energy does not take apart, or the battery kernel does not know.

    Raises
    ------
    NotApplicable
        In the instance's words.
    """
    found = premise(instance)
    if not found.holds:
        raise NotApplicable(found.reasons[0])
    if (instance.sell_price < 0).any():
        t = int(np.argmax(instance.sell_price < 0))
        raise NotApplicable(f"{instance.interval[t]}: the selling price {instance.sell_price[t]:g} is negative")
    limited = np.isfinite(instance.member_import_limit_kwh) | np.isfinite(instance.member_export_limit_kwh)
    if limited.any():
        t, i = np.argwhere(limited)[0]
        raise NotApplicable(f"{instance.member[i]}, {instance.interval[t]}: its connection is limited")
    if instance.target_kwh is not None and (instance.target_kwh * instance.target_price).any():
        raise NotApplicable("missed targets are priced, which the battery kernel does not know")


def state_shift(instance: SchedulingInstance) -> np.ndarray:
    """What trips have taken out of each storage so far, losses counted, (T + 1, S) kWh.

    The content plus this shift follows from charge and discharge alone, as the battery kernel wants it. It is the sum
    of all trips so far, each times ρ to the number of intervals since: first over 1 interval, then 2, 4, 8, …
    """
    shift = np.zeros((len(instance.interval) + 1, len(instance.storage)))
    if instance.trip_kwh is not None:
        shift[1:] = instance.trip_kwh
        span = 1
        while span < len(shift):
            shift[span:] += instance.retention**span * shift[:-span]
            span *= 2
    return shift


def fleet_of(instance: SchedulingInstance, chosen: np.ndarray, net_kwh: np.ndarray) -> Fleet:
    """Some storages of an instance as the battery kernel takes them.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    chosen : (k,) array of int
        Positions of the storages.
    net_kwh : (k, T) array, kWh
        Net import beside each.

    Returns
    -------
    Fleet
        Its contents are those of the instance plus :func:`state_shift`.
    """

    def by_state(levels: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(levels[:, chosen].T)

    varies = instance.trip_kwh is not None or instance.required_kwh is not None
    shift = by_state(state_shift(instance)) if varies else 0.0
    low = by_state(instance.state_low_kwh) + shift if varies else instance.minimum_kwh[chosen]
    high = by_state(instance.state_high_kwh) + shift if varies else instance.capacity_kwh[chosen]
    plugged = None if instance.plugged is None else np.ascontiguousarray(instance.plugged[:, chosen].T)

    def power(kw: np.ndarray) -> np.ndarray:
        return kw[chosen] if plugged is None else kw[chosen, None] * plugged

    last = instance.final_kwh[chosen] + (0.0 if isinstance(shift, float) else shift[:, -1])
    return Fleet.of(
        net_kwh,
        dt_h=instance.dt_h,
        capacity_kwh=high,
        minimum_kwh=low,
        charge_kw=power(instance.charge_kw),
        discharge_kw=power(instance.discharge_kw),
        charge_efficiency=instance.charge_efficiency[chosen],
        discharge_efficiency=instance.discharge_efficiency[chosen],
        initial_kwh=instance.initial_kwh[chosen],
        retention=instance.retention[chosen],
        terminal_kwh=last,
        terminal_value=instance.terminal_value[chosen],
    )


@dataclass
class PriceTakers:
    """The parts of a community that answer to a price: groups of storages, then requests, then curtailment.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    groups : int
        Into how many groups of neighbours the storages are put.
    """

    instance: SchedulingInstance
    groups: int

    def __post_init__(self) -> None:
        refuse_what_is_no_price_taker(self.instance)
        given = self.instance
        intervals, storages = given.charge_limit_kwh.shape
        useful = np.flatnonzero((given.capacity_kwh > 0) | (given.initial_kwh > 0))
        count = min(self.groups, len(useful))
        self.members = np.array_split(useful, count) if count else []
        self.fleets = [fleet_of(given, chosen, np.zeros((len(chosen), intervals))) for chosen in self.members]
        self.useful = useful
        self._grid = [np.empty((len(chosen), intervals)) for chosen in self.members]
        self._numbers = np.empty((2, storages))
        self.parts = len(self.members) + 2
        self.fixed_kwh = given.net_load_kwh.sum(axis=1)

    def respond(self, price: np.ndarray) -> Response:
        """What each part does at a price (T,), at its least cost."""
        net, own = np.zeros((self.parts, len(price))), np.zeros(self.parts)
        for g, chosen in enumerate(self.members):
            cost, gap = self._numbers[:, : len(chosen)]
            self.fleets[g].solve(price, price, grid_kwh=self._grid[g], cost=cost, gap=gap)
            net[g] = self._grid[g].sum(axis=0)
            own[g] = cost.sum() - net[g] @ price
        net[-2] = self.serve(price).sum(axis=1)
        cut = self.curtail(price)
        net[-1] = -cut.sum(axis=1)
        own[-1] = float((self.instance.curtailment_price * cut).sum())
        return Response(net, own)

    def ask_storages(self, price: np.ndarray, *, water_value: bool = False) -> tuple[np.ndarray, ...]:
        """What each storage in a group draws at a price, (S, T) kWh, its cost (S,), and water values (S, T).

        Rows are in the order of the groups, one after another: :attr:`useful`.
        """
        count = len(self.useful)
        drawn, cost, gap = np.empty((count, len(price))), np.empty(count), np.empty(count)
        value = np.empty((count, len(price))) if water_value else np.empty((0, 0))
        first = 0
        for chosen, fleet in zip(self.members, self.fleets, strict=True):
            rows = slice(first, first + len(chosen))
            own = value[rows] if water_value else value
            fleet.solve(price, price, grid_kwh=drawn[rows], cost=cost[rows], gap=gap[rows], water_value=own)
            first += len(chosen)
        return drawn, cost, value

    def serve(self, price: np.ndarray) -> np.ndarray:
        """Requests in the cheapest intervals of their windows, (T, R) kWh."""
        limit = self.instance.request_limit_kwh
        return serve_in_order(self.instance, np.broadcast_to(price[:, None], limit.shape))

    def curtail(self, price: np.ndarray) -> np.ndarray:
        """Load that is curtailed where energy is dearer than comfort, (T, n) kWh."""
        return np.where(self.instance.curtailment_price < price[:, None], self.instance.sheddable_kwh, 0.0)

    def contents(self, group: int, price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Contents (T + 1, k) in kWh and water values (T, k) of a group's storages at a price."""
        chosen, fleet = self.members[group], self.fleets[group]
        soc, value = np.empty((len(chosen), len(price) + 1)), np.empty((len(chosen), len(price)))
        cost, gap = self._numbers[:, : len(chosen)]
        fleet.solve(price, price, grid_kwh=self._grid[group], cost=cost, gap=gap, soc_kwh=soc, water_value=value)
        return soc.T, value.T


def least_grid(instance: SchedulingInstance, price: np.ndarray, peak: np.ndarray) -> float:
    """Least of what grid, spilling and lost load cost at a price, with the peak at the values of its intervals."""
    low = np.maximum(instance.least_net_kwh.sum(axis=1), -instance.export_limit_kwh)
    high = np.minimum(instance.greatest_net_kwh.sum(axis=1), instance.import_limit_kwh)
    total = peak.sum()
    scaled = peak * min(1.0, instance.demand_charge / total) if total > 0 else peak

    def cost(net: np.ndarray) -> np.ndarray:
        taken, given = np.maximum(net, 0.0), np.maximum(-net, 0.0)
        found: np.ndarray = (instance.buy_price + scaled / instance.dt_h) * taken - instance.sell_price * given
        return found - price * net

    nothing = np.clip(0.0, low, np.maximum(low, high))
    least = np.minimum(np.minimum(cost(low), cost(high)), cost(nothing)).sum()
    spill = (np.minimum(price, 0.0) * instance.spillable_kwh.sum(axis=1)).sum()
    lost = (np.minimum(instance.lost_load_price - price, 0.0) * instance.losable_kwh.sum(axis=1)).sum()
    return float(least + spill + lost)
