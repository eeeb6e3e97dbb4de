"""How a rule of thumb becomes a schedule: requests served where there is room, then storages run forward in time.

A rule says what it wishes in each interval, knowing nothing of the future. Its wishes are kept within the corridor of
contents (:mod:`.scheduling_corridor`) and within the limits of connections.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...instances.errors import NotApplicable
from ...instances.scheduling import SchedulingInstance, sum_by_owner
from ...models.problem import TOLERANCE
from ...models.scheduling.bounds import serve_in_order
from ...models.scheduling.decision import SchedulingDecision
from ...models.scheduling.rules import violations
from ..schedules import flows_of_states, lost_for_want, net_of_storages, schedule
from .scheduling_corridor import Corridor, Room, corridor, drawn, gained, net_beside, raise_if_impossible

Wish = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""``(t, least, most, net)``: the draws (S,) a rule wishes, given the draws that the corridor allows, (S,), and what
members import besides, (n,); all in kWh on the AC side, charging positive."""


def serve_by_rank(instance: SchedulingInstance, rank: np.ndarray) -> np.ndarray:
    """Serve requests in the intervals of least rank (T, R), as far as connections have room, (T, R) kWh.

    Where the room beside the loads is not enough, load that may be curtailed or lost gives way, then storages have to
    help. Requests with little leeway come first.
    """
    nothing = np.zeros_like(instance.load_kwh)
    sparse = Room.beside(instance, instance.net_load_kwh, nothing, nothing)
    if not (np.isfinite(sparse.high).any() or np.isfinite(sparse.high_all).any()):
        return serve_in_order(instance, rank)
    give = instance.sheddable_kwh + instance.losable_kwh
    helped = give + sum_by_owner(instance.discharge_limit_kwh, instance.storage_of, give.shape[1])
    rooms = [sparse] + [Room.beside(instance, instance.net_load_kwh, one, nothing) for one in (give, helped)]
    served, taken = np.zeros_like(instance.request_limit_kwh), np.zeros_like(give)
    limit = instance.request_limit_kwh
    for r in np.argsort(limit.sum(axis=0) - instance.request_kwh, kind="stable"):
        i, left = instance.request_of[r], float(instance.request_kwh[r])
        window = range(instance.earliest[r], instance.latest[r] + 1)
        for room in rooms:
            for t in sorted(window, key=lambda t: rank[t, r]):
                more = min(left, limit[t, r] - served[t, r], room.high[t, i] - taken[t, i])
                if room.on_grid[t, i]:
                    more = min(more, room.common[t] - taken[t][room.on_grid[t]].sum())
                if more > 0:
                    served[t, r] += more
                    taken[t, i] += more
                    left -= more
    return served


def in_own_valleys(instance: SchedulingInstance) -> np.ndarray:
    """Rank that serves each request where its member's fixed net load is least, (T, R)."""
    return instance.net_load_kwh[:, instance.request_of]


def dispatch(
    instance: SchedulingInstance,
    services: list[np.ndarray],
    wish: Wish,
    *,
    curtailed_kwh: np.ndarray | None = None,
    separate: bool = False,
) -> SchedulingDecision:
    """Run a rule forward in time on the first of several services of requests beside which all limits can be kept.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    services : list of (T, R) arrays, kWh
        Service of requests, in order of preference.
    wish : callable
        The rule, see :data:`Wish`.
    curtailed_kwh : (T, n) array, kWh, optional
        What the rule curtails of its own accord.
    separate : bool
        Whether each member has a meter of its own.

    Returns
    -------
    SchedulingDecision
        Where connections are too narrow, storages help first, then load is curtailed, then lost where that is allowed.

    Raises
    ------
    InfeasibleError
        If one member, storage or request shows that no schedule exists.
    NotApplicable
        If the rule finds none.
    """
    reasons = []
    for served in services:
        reason = _not_served(instance, served)
        if not reason:
            way = corridor(instance, served, curtailed_kwh)
            if not way.reason:
                break
            reason = way.reason
        reasons.append(reason)
    else:
        raise_if_impossible(instance)
        raise NotApplicable(f"{reasons[0]}; this rule finds no way, where a program might")
    soc = _walk(instance, way, net_beside(instance, served, curtailed_kwh), wish)
    net = net_beside(instance, served) + net_of_storages(instance, *flows_of_states(instance, soc))
    curtailed, lost = lost_for_want(instance, net, curtailed_kwh)
    decision = schedule(instance, soc, served, curtailed_kwh=curtailed, lost_kwh=lost, separate=separate)
    broken = violations(instance, decision)
    if broken:
        raise NotApplicable(f"{broken[0]}; this rule finds no way, where a program might")
    return decision


def _not_served(instance: SchedulingInstance, served: np.ndarray) -> str:
    short = instance.request_kwh - served.sum(axis=0)
    for r in np.flatnonzero(short > TOLERANCE * instance.request_kwh):
        return f"{instance.request[r]}: there is no room for {short[r]:.6g} kWh of what it asks in its window"
    return ""


def _walk(instance: SchedulingInstance, way: Corridor, net_kwh: np.ndarray, wish: Wish) -> np.ndarray:
    """Contents (T + 1, S) that follow from a rule's wishes, kept within the corridor and the limits."""
    nothing = np.zeros_like(net_kwh)
    soft = Room.beside(instance, net_kwh, nothing, nothing)
    hard = Room.beside(instance, net_kwh, nothing, instance.spillable_kwh)
    # Rounding may leave the least content a hair above the greatest.
    unlimited, top = soft.unlimited, np.maximum(way.least, way.most)
    soc = np.empty_like(way.least)
    soc[0] = instance.initial_kwh
    for t in range(len(net_kwh)):
        kept = instance.retention * soc[t] - instance.driven_kwh[t]
        least = np.maximum(drawn(instance, way.least[t + 1] - kept), -instance.discharge_limit_kwh[t])
        most = np.minimum(drawn(instance, way.most[t + 1] - kept), instance.charge_limit_kwh[t])
        least = np.minimum(least, most)
        draw = np.clip(wish(t, least, most, net_kwh[t]), least, most)
        if not unlimited:
            draw = _within_limits(instance, way, t, draw, least, most, soft, hard)
        soc[t + 1] = np.clip(kept + gained(instance, draw), way.least[t + 1], top[t + 1])
    return soc


def _within_limits(
    instance: SchedulingInstance,
    way: Corridor,
    t: int,
    draw: np.ndarray,
    least: np.ndarray,
    most: np.ndarray,
    soft: Room,
    hard: Room,
) -> np.ndarray:
    """Draws moved as little as limits demand, all of a member, or of all members, by the same part of the way."""
    owner = instance.storage_of
    low, high = np.clip(way.low[t], least, most), np.clip(way.high[t], least, most)
    on_grid = soft.on_grid[t]

    def moved(start: np.ndarray, end: np.ndarray, bound: np.ndarray, who: np.ndarray, sign: int) -> np.ndarray:
        """From start towards end until what is drawn, of one sign, is within its bound for each of ``who``."""
        count = len(bound)
        held = np.bincount(who, start, count)
        step = np.bincount(who, end - start, count)
        excess = np.maximum(sign * (held - bound), 0.0)
        part = np.divide(excess, -sign * step, out=np.zeros(count), where=(-sign * step > 0) & (excess > 0))
        return start + np.minimum(part, 1.0)[who] * (end - start)

    def kept(start: np.ndarray) -> np.ndarray:
        """Generation beyond what members may export or spill has to be stored."""
        return moved(start, np.clip(start, low, high), hard.low[t], owner, -1)

    # Storages help before load is curtailed: for each member behind its own connection, …
    draw = kept(moved(draw, least, soft.high[t], owner, 1))
    # … and for all behind the community's, where what somebody cannot export helps nobody.
    outside = np.where(on_grid[owner], 0, 1)
    lowest = np.where(outside == 0, moved(least, draw, soft.low[t], owner, -1), draw)
    added = np.bincount(owner, draw, len(on_grid)) + np.zeros(len(on_grid))
    excess = np.where(on_grid, np.maximum(added, soft.low[t]), 0.0).sum() - soft.high_all[t]
    reach = float((draw - lowest).sum())
    if excess > 0 and reach > 0:
        draw = draw - min(1.0, excess / reach) * (draw - lowest)
    return moved(draw, np.clip(draw, low, high), np.array([hard.low_all[t], -np.inf]), outside, -1)
