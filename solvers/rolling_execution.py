"""How a plan meets what comes: flows of storages and requests are corrected to what is possible, the rest follows.

Planned contents and services are kept as far as limits allow. Where a connection cannot carry what is left over, first
storages and then requests give way, as far as later requirements permit, first at the member's connection and then
at the community's. What remains is imported or exported; curtailable load is curtailed, other load lost and generation
spilled where that is allowed and needed (:mod:`.schedules`). Load whose curtailment was planned is curtailed, but not
in order to export.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..instances.scheduling import SchedulingInstance
from .rolling_horizon import Horizon, State
from .rolling_windows import Plan

ROUNDING = 1e-10
"""Share of a node's flows that is rounding."""


class StuckError(Exception):
    """An interval cannot be carried out within the instance's rules; the message says why."""


class Carried(NamedTuple):
    """What becomes of an interval."""

    content_kwh: np.ndarray
    service_kwh: np.ndarray
    curtailed_kwh: np.ndarray


def carry_out(horizon: Horizon, state: State, plan: Plan, k: int) -> Carried:
    """Carry out the k-th interval of a plan against what really comes.

    Parameters
    ----------
    horizon : Horizon
        The whole problem.
    state : State
        Just before the interval.
    plan : Plan
        Of the window.
    k : int
        Position of the interval in the plan.

    Raises
    ------
    StuckError
        If limits cannot be kept.
    """
    given, t = horizon.instance, state.interval
    store = _Storages(horizon, state, plan.content_kwh[k])
    planned = plan.service_kwh[k] if plan.service_kwh is not None else np.zeros(len(given.request))
    limit = given.request_limit_kwh[t]
    later = np.maximum(0, given.latest - np.maximum(t, given.earliest - 1)) * given.request_kw * given.dt_h
    # What does not fit into the intervals that are left has to be served now.
    must = np.where(limit > 0, np.clip(state.remaining_kwh - later, 0.0, limit), 0.0)
    may = np.where(limit > 0, np.minimum(limit, state.remaining_kwh), 0.0)
    service = np.clip(planned, must, np.maximum(must, may))
    shed, lose, spill = given.sheddable_kwh[t], given.losable_kwh[t], given.spillable_kwh[t]
    most, least = given.member_import_limit_kwh[t], given.member_export_limit_kwh[t]
    fixed = given.net_load_kwh[t]
    n = len(given.member)
    wide = ROUNDING * (np.abs(given.greatest_net_kwh[t]) + np.abs(given.least_net_kwh[t]) + given.load_kwh[t])

    def net() -> np.ndarray:
        return fixed + store.net(n) + _by_owner(service, given.request_of, n)

    def lower(wanted: np.ndarray) -> None:
        """Take less, by storages first, then by requests that can wait."""
        nonlocal service
        wanted = wanted - store.shift(-wanted, n)
        room = service - must
        share = _by_owner(room, given.request_of, n)
        cut = np.divide(np.minimum(wanted, share), share, out=np.zeros(n), where=share > 0)
        service = service - room * cut[given.request_of]

    def raise_(wanted: np.ndarray) -> None:
        """Give less or take more, by storages first, then by requests that may be served now."""
        nonlocal service
        wanted = wanted - store.shift(wanted, n)
        room = np.maximum(may - service, 0.0)
        share = _by_owner(room, given.request_of, n)
        add = np.divide(np.minimum(wanted, share), share, out=np.zeros(n), where=share > 0)
        service = service + room * add[given.request_of]

    lower(np.maximum(net() - most, 0.0))
    raise_(np.maximum(-net() - least, 0.0))
    over = float(net().sum() - given.import_limit_kwh[t])
    if over > 0:
        room = store.room(n)[0] + _by_owner(service - must, given.request_of, n)
        lower(_spread(over, np.minimum(room, np.maximum(net() + least, 0.0))))
    under = float(-net().sum() - given.export_limit_kwh[t])
    if under > 0:
        room = store.room(n)[1] + _by_owner(np.maximum(may - service, 0.0), given.request_of, n)
        raise_(_spread(under, np.minimum(room, np.maximum(most - net(), 0.0))))

    found = net()
    for i in np.flatnonzero((found - shed - lose > most + wide) | (-found - spill > least + wide)):
        raise StuckError(
            _words(given, t, f"{given.member[i]}", found[i], most[i], least[i], shed[i] + lose[i], spill[i])
        )
    total, give, waste = float(found.sum()), float((shed + lose).sum()), float(spill.sum())
    if total - give > given.import_limit_kwh[t] + wide.sum() or -total - waste > given.export_limit_kwh[t] + wide.sum():
        limits = given.import_limit_kwh[t], given.export_limit_kwh[t]
        raise StuckError(_words(given, t, "the community", total, *limits, give, waste))
    curtailed = np.zeros(n) if plan.curtailed_kwh is None else np.minimum(plan.curtailed_kwh[k], shed)
    if curtailed.any():
        curtailed = curtailed * min(1.0, max(total, 0.0) / float(curtailed.sum()))
    return Carried(store.after, service, curtailed)


def _words(
    given: SchedulingInstance, t: int, who: str, net: float, most: float, least: float, give: float, waste: float
) -> str:
    if net > 0:
        text = f"needs {net:.6g} kWh, may import {most:.6g} kWh and give up {give:.6g} kWh of load"
        return f"{who}, {given.interval[t]}: it {text}; raise the limit, or let load be curtailed or lost"
    text = f"has {-net:.6g} kWh left over, may export {least:.6g} kWh and spill {waste:.6g} kWh"
    return f"{who}, {given.interval[t]}: it {text}; raise the limit, or allow spilling"


def _by_owner(parts: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(owner, weights=parts, minlength=n) if len(parts) else np.zeros(n)


def _spread(total: float, room: np.ndarray) -> np.ndarray:
    most = float(room.sum())
    return room * min(1.0, total / most) if most > 0 else np.zeros_like(room)


class _Storages:
    """Contents after an interval, moved within what limits and later requirements allow."""

    def __init__(self, horizon: Horizon, state: State, planned: np.ndarray) -> None:
        given, t = horizon.instance, state.interval
        self.given = given
        self.kept = given.retention * state.content_kwh - given.driven_kwh[t]
        reach_low = self.kept - given.discharge_limit_kwh[t] / given.discharge_efficiency
        reach_high = self.kept + given.charge_limit_kwh[t] * given.charge_efficiency
        low, high = horizon.least_kwh[t + 1], given.state_high_kwh[t + 1]
        self.low, self.high = np.maximum(low, reach_low), np.minimum(high, reach_high)
        slack = 1e-9 * (given.capacity_kwh + given.initial_kwh + given.driven_kwh[t])
        for s in np.flatnonzero(self.low > self.high + slack):
            able = f"it can reach {reach_low[s]:.6g} to {reach_high[s]:.6g} kWh"
            must = f"must hold {low[s]:.6g} to {high[s]:.6g} kWh"
            remedy = "plug it in earlier, or lower what is required"
            raise StuckError(f"{given.storage[s]}, {given.interval[t]}: {able} and {must}; {remedy}")
        self.high = np.maximum(self.low, self.high)
        self.after = np.clip(planned, self.low, self.high)

    def _flow(self, after: np.ndarray) -> np.ndarray:
        """What storages draw on the AC side to reach contents; negative where they give."""
        change = after - self.kept
        return (
            np.maximum(change, 0.0) / self.given.charge_efficiency
            - np.maximum(-change, 0.0) * self.given.discharge_efficiency
        )

    def net(self, n: int) -> np.ndarray:
        """Of each member, (n,) kWh."""
        return _by_owner(self._flow(self.after), self.given.storage_of, n)

    def room(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """How much less and how much more each member's storages could draw, (n,) kWh each."""
        now, owner = self._flow(self.after), self.given.storage_of
        return _by_owner(now - self._flow(self.low), owner, n), _by_owner(self._flow(self.high) - now, owner, n)

    def shift(self, wanted: np.ndarray, n: int) -> np.ndarray:
        """Draw more (or less, where negative) than now, as far as possible; return how much in size, (n,) kWh."""
        owner, now = self.given.storage_of, self._flow(self.after)
        end = self._flow(self.high if (wanted > 0).any() else self.low)
        room = np.abs(end - now)
        most = _by_owner(room, owner, n)
        share = np.divide(np.minimum(np.abs(wanted), most), most, out=np.zeros(n), where=most > 0)
        flow = now + (end - now) * share[owner]
        stored = (
            np.maximum(flow, 0.0) * self.given.charge_efficiency
            - np.maximum(-flow, 0.0) / self.given.discharge_efficiency
        )
        moved = share[owner] > 0
        self.after = np.where(moved, np.clip(self.kept + stored, self.low, self.high), self.after)
        return share * most


def net_import_kwh(
    given: SchedulingInstance, t: int, before: np.ndarray, after: np.ndarray, service: np.ndarray, given_up: np.ndarray
) -> float:
    """What the community imports in an interval, at least 0 kWh.

    Parameters
    ----------
    given : SchedulingInstance
        What is given.
    t : int
        The interval.
    before, after : (S,) arrays, kWh
        Contents.
    service : (R,) array, kWh
        Of requests.
    given_up : (n,) array, kWh
        Load curtailed and lost, less generation spilled.
    """
    change = after - given.retention * before + given.driven_kwh[t]
    flow = np.maximum(change, 0.0) / given.charge_efficiency - np.maximum(-change, 0.0) * given.discharge_efficiency
    return max(0.0, float(given.net_load_kwh[t].sum() + flow.sum() + service.sum() - given_up.sum()))
