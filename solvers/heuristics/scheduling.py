"""Rules of thumb for storages and movable requests: what controllers do that know nothing of the future.

Every rule looks at one interval at a time, but for requests, whose windows are known when they are made. What a rule
may not forget, such as a vehicle's departure or an outage, is kept for it by :mod:`.scheduling_dispatch`.

Source: Lange, *Cloud-coordinated peer-to-peer energy sharing for urban community microgrids*, section
"Supply-demand-ratio pricing and p-MAS coordination" (p-MAS); the others are what batteries are sold with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...instances.errors import NotApplicable
from ...instances.scheduling import SchedulingInstance
from ...models.scheduling.decision import SchedulingDecision
from ..schedules import serve_soonest
from .scheduling_corridor import Room, corridor, raise_if_impossible
from .scheduling_dispatch import Wish, dispatch, in_own_valleys, serve_by_rank

CLASSES = ("underloaded", "lightly loaded", "normally loaded", "overloaded", "severely overloaded")
UNDERLOADED, LIGHTLY_LOADED, NORMALLY_LOADED, OVERLOADED, SEVERELY_OVERLOADED = range(5)
"""The load classes of p-MAS."""


def idle(instance: SchedulingInstance, *, patient: bool = False) -> SchedulingDecision:
    """Use no storage but where requirements or narrow connections force it, and serve requests at once.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    patient : bool
        Whether requests may wait where connections have no room for them.

    Returns
    -------
    SchedulingDecision

    Raises
    ------
    NotApplicable
        If requests cannot be served at once, unless they may wait.
    InfeasibleError
        If no schedule exists.
    """

    def nothing(t: int, least: np.ndarray, most: np.ndarray, net: np.ndarray) -> np.ndarray:
        return np.zeros_like(least)

    services = [serve_soonest(instance)]
    if patient:
        services += _services(instance, _soonest(instance))
    elif len(instance.request) and corridor(instance, services[0]).reason:
        raise_if_impossible(instance)
        reason = corridor(instance, services[0]).reason
        raise NotApplicable(f"{reason}, if requests are served at once; let them wait (patient=True)")
    return dispatch(instance, services, nothing)


def _soonest(instance: SchedulingInstance) -> np.ndarray:
    return np.broadcast_to(np.arange(len(instance.interval))[:, None], instance.request_limit_kwh.shape)


def _services(instance: SchedulingInstance, rank: np.ndarray) -> list[np.ndarray]:
    """Requests served by a rank, and for want of room in their members' valleys."""
    return [serve_by_rank(instance, rank), serve_by_rank(instance, in_own_valleys(instance))]


def self_consumption(instance: SchedulingInstance, *, scope: str = "community") -> SchedulingDecision:
    """Store what is left over, and use it as soon as something is needed; requests are served at once.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    scope : {"community", "member"}
        Whether storages level the pooled net load, in proportion to their room or content, or each its member's own.

    Returns
    -------
    SchedulingDecision

    Raises
    ------
    ValueError
        For an unknown scope.
    NotApplicable, InfeasibleError
        See :func:`.scheduling_dispatch.dispatch`.
    """
    if scope not in ("community", "member"):
        raise ValueError(f"unknown scope {scope!r}; valid: 'community', 'member'")
    wish = _levelling(instance, scope)
    return dispatch(instance, _services(instance, _soonest(instance)), wish, separate=scope == "member")


def _levelling(instance: SchedulingInstance, scope: str) -> Wish:
    """The wish to bring net imports to 0, of the whole community or of each member."""
    grid = Room.beside(instance, instance.net_load_kwh, *2 * (np.zeros_like(instance.load_kwh),)).on_grid
    members = len(instance.member)

    def level(t: int, least: np.ndarray, most: np.ndarray, net: np.ndarray) -> np.ndarray:
        # Members whose node has failed are on their own, whatever the scope.
        meter = np.where(grid[t], members, np.arange(members)) if scope == "community" else np.arange(members)
        at, count = meter[instance.storage_of], members + 1
        forced = np.clip(0.0, least, most)
        total = np.bincount(meter, net, count) + np.bincount(at, forced, count)
        down, up = forced - least, most - forced
        surplus = _part(-total, np.bincount(at, up, count))[at]
        deficit = _part(total, np.bincount(at, down, count))[at]
        wished: np.ndarray = forced + surplus * up - deficit * down
        return wished

    return level


def _part(wanted: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """What part of a whole is wanted, 0 … 1."""
    return np.divide(np.clip(wanted, 0.0, whole), whole, out=np.zeros(len(whole)), where=whole > 0)


def time_of_use(instance: SchedulingInstance, *, threshold: float = 0.25) -> SchedulingDecision:
    """Charge at full power in cheap hours, discharge into the community's need in dear ones, store any surplus.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    threshold : float
        Cheap is a buying price up to this quantile of the day's, dear one from the opposite quantile on; where the two
        are equal, as on a day of one price, no hour is either. A day is 24 h, counted from the first interval on.

    Returns
    -------
    SchedulingDecision
        Nothing is exported from storages. Requests are served in their cheapest intervals, the earliest of equals.

    Raises
    ------
    ValueError
        If the threshold lies outside [0, 0.5].
    NotApplicable, InfeasibleError
        See :func:`.scheduling_dispatch.dispatch`.
    """
    if not 0.0 <= threshold <= 0.5:
        raise ValueError(f"threshold={threshold} must lie between 0 and 0.5")
    low, high = daily_quantile(instance, threshold), daily_quantile(instance, 1.0 - threshold)
    price = instance.buy_price
    cheap, dear = (price <= low) & (low < high), (price >= high) & (low < high)
    level = _levelling(instance, "community")

    def by_price(t: int, least: np.ndarray, most: np.ndarray, net: np.ndarray) -> np.ndarray:
        if cheap[t]:
            return most
        wished = level(t, least, most, net)
        return wished if dear[t] else np.maximum(wished, 0.0)

    rank = np.broadcast_to(price[:, None], instance.request_limit_kwh.shape)
    return dispatch(instance, _services(instance, rank), by_price)


def daily_quantile(instance: SchedulingInstance, share: float) -> np.ndarray:
    """Quantile of the buying prices of each interval's day, (T,); a day is 24 h, counted from the first interval on."""
    a_day = max(1, round(24.0 / instance.dt_h))
    starts = range(0, len(instance.interval), a_day)
    days = [instance.buy_price[start : start + a_day] for start in starts]
    return np.concatenate([np.full(len(day), np.quantile(day, share)) for day in days])


def p_mas(
    instance: SchedulingInstance, *, thresholds: Sequence[float] = (0.2, 0.5, 0.8, 1.0), high_price: float = 0.75
) -> SchedulingDecision:
    """The paper's peer multi-agent system: nodes are classified by load, and those with much of it let requests wait.

    In each interval a node is underloaded, lightly loaded, normally loaded, overloaded or severely overloaded.

    - Underloaded and lightly loaded nodes serve whatever waits, first come, first served, up to the end of the normal
      class.
    - Normally loaded nodes serve what is asked for now, up to the same end, and let the rest wait.
    - Overloaded nodes let all requests wait, and severely overloaded ones in high-price intervals curtail besides what
      may be curtailed, down to the beginning of that class.
    - A request that would miss its window otherwise is served at once, whatever its node's class.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    thresholds : four floats, ascending
        Ends of the first four classes, in parts of the node's rated power: the limit of its connection where one is
        given, its own greatest load otherwise.
    high_price : float
        From which quantile of the day's buying prices on an interval counts as high-price, where prices differ.

    Returns
    -------
    SchedulingDecision
        Storages level the community's net load (:func:`self_consumption`).

    Raises
    ------
    ValueError
        If thresholds are not four ascending numbers.
    NotApplicable, InfeasibleError
        See :func:`.scheduling_dispatch.dispatch`.

    Notes
    -----
    Source: Lange, section "Supply-demand-ratio pricing and p-MAS coordination": "schedules power in order to shift or
    curtail load during high-price periods. Consumer nodes are managed through threshold-based classifications (such as
    underloaded, lightly loaded, normally loaded, overloaded, and severely overloaded), which allows the cloud-based
    multi-agent environment to reduce waiting time". The paper leaves open, and this is how it was decided: the
    thresholds; what load is measured against (rated power, above); whether generation counts (yes, the class is one of
    net import, without storages and before requests); what each class does (above: the five names suggest no more than
    that the ones serve while the others wait); the order of requests (first come, first served: by the beginning of
    their windows, then as listed); what a high-price period is; and what storages do meanwhile.
    """
    ends = np.asarray(thresholds, dtype=float)
    if ends.shape != (4,) or not (np.diff(ends) > 0).all() or ends[0] < 0:
        raise ValueError(f"thresholds={thresholds!r} must be four ascending numbers")
    rated = _rated_kwh(instance)
    net = instance.net_load_kwh
    classes = load_classes(net, rated, ends)
    low, high = daily_quantile(instance, 0.0), daily_quantile(instance, high_price)
    dear = (instance.buy_price >= high) & (low < high)
    severe = (classes == SEVERELY_OVERLOADED) & dear[:, None]
    curtailed = np.where(severe, np.clip(net - ends[3] * rated, 0.0, instance.sheddable_kwh), 0.0)
    own = _served_by_class(instance, net - curtailed, classes, np.maximum(ends[2] * rated - net, 0.0))
    wish = _levelling(instance, "community")
    return dispatch(instance, [own, *_services(instance, in_own_valleys(instance))], wish, curtailed_kwh=curtailed)


def _rated_kwh(instance: SchedulingInstance) -> np.ndarray:
    """What a node is built for in one interval, (n,) kWh."""
    own = instance.load_kwh.max(axis=0)
    return own if instance.member_import_kw is None else instance.member_import_kw * instance.dt_h


def load_classes(net_kwh: np.ndarray, rated_kwh: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Load class of each node in each interval, (T, n), 0 (underloaded) … 4 (severely overloaded).

    A node at a threshold belongs to the class below; one without any rated power is severely overloaded by any load.
    """
    beyond = np.maximum(net_kwh, 0.0)[..., None] > thresholds * rated_kwh[:, None]
    found: np.ndarray = beyond.sum(axis=-1)
    return found


def _served_by_class(
    instance: SchedulingInstance, net_kwh: np.ndarray, classes: np.ndarray, ceiling_kwh: np.ndarray
) -> np.ndarray:
    """Service of requests (T, R), each node serving by its class."""
    limit = instance.request_limit_kwh
    # What the intervals after each one have room for: what exceeds it cannot wait.
    later = np.cumsum(limit[::-1], axis=0)[::-1] - limit
    first_come = np.argsort(instance.earliest, kind="stable")
    nothing = np.zeros_like(net_kwh)
    room = Room.beside(instance, net_kwh, nothing, nothing)
    served, left = np.zeros_like(limit), np.array(instance.request_kwh)
    for t in range(len(limit)):
        own = np.minimum(ceiling_kwh[t], room.high[t])
        common = room.common[t]
        urgent = np.clip(left - later[t], 0.0, limit[t])
        for r in first_come[limit[t, first_come] > 0]:
            i = instance.request_of[r]
            waits = classes[t, i] >= OVERLOADED or (classes[t, i] == NORMALLY_LOADED and instance.earliest[r] < t)
            wanted = 0.0 if waits else min(left[r], limit[t, r])
            more = max(min(wanted, own[i], common if room.on_grid[t, i] else np.inf), urgent[r])
            served[t, r] = more
            left[r] -= more
            own[i] -= more
            common -= more
    return served
