r"""Exact answers of kernels to scheduling instances that are simple enough, with the prices that prove them.

**Valley filling.** Without storages, and where nothing is worth curtailing or losing for the peak's sake, the peak is
decided by requests alone. Pouring them, pool by pool, each onto the fixed net load and all other pools, until nothing
moves, minimises :math:`\sum_t (\text{net}_t)^2`. The profiles that requests can add up to are the bases of a
polymatroid (sums of boxes cut by one equation), which have one least majorised member: that minimises the sum of
squares and the greatest net load alike. One pool, such as requests that may all be served at any time, is poured once.

*Certificate.* Let L be the greatest net load and A the intervals that have it. With :math:`\sigma_t = \pi/|A|` in A and
0 elsewhere, the bound is :math:`\pi L/\Delta` if every request served in A is served at full power in all of its window
outside A, which is what a level means.

**Separate costs.** A member alone with one battery, at 0 ≤ sell ≤ buy and without demand charge, is what the battery
kernel solves. Trips are taken out by counting what has been driven: with :math:`D_0 = 0, D_{t+1} = \rho D_t +
\text{trip}_t`, the content :math:`e_t + D_t` follows the state equation without trips, within bounds raised by
:math:`D_t`. A member with one request and no battery is the same: a lossless store that cannot discharge and has to
hold what was asked for in the end.

*Prices.* With water value μ, the price at the member's node is what it buys or sells at where it does; where it does
neither, μ η_c clipped to [sell, buy], or μ/η_d where it discharges. Optimality of the kernel's schedule makes every
term of the Lagrangian least there: for a store that neither charges nor discharges, for example, μ η_c ≤ buy and
μ/η_d ≥ sell, so that the clipped price lies between μ η_c and μ/η_d.

Source: Gan, Topcu and Low, *Optimal decentralized protocol for electric vehicle charging*, IEEE Transactions on Power
Systems 28 (2013) (valley filling pool by pool); :mod:`.kernels.water_level` and :mod:`.kernels.battery`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.scheduling import SchedulingInstance
from ..models.problem import TOLERANCE
from ..models.scheduling.bounds import serve_in_order
from ..models.scheduling.decision import SchedulingDecision, SchedulingPrices
from ..models.scheduling.rules import violations
from .heuristics.scheduling_corridor import raise_if_impossible
from .method import Answer
from .price_takers import state_shift
from .schedules import schedule, serve_soonest

SWEEPS = 1000
"""Sweeps over all pools of requests; windows that overlap in chains need more than one."""

HAIR = 1e-12
"""Share of energies at a node below which what they leave over is rounding."""

CLOSE = 1e-10
"""Gap up to which a filling counts as level, in parts of the greatest load."""


@contextmanager
def _explained(instance: SchedulingInstance) -> Iterator[None]:
    """Say why no schedule exists, where none does, if what stands inside gives up.

    Looking first would cost far more than the kernels do, and find nothing: they return no schedule that breaks a rule,
    and one that breaks none exists.
    """
    try:
        yield
    except (InfeasibleError, NotApplicable):
        raise_if_impossible(instance)
        raise


def fill_valleys(instance: SchedulingInstance) -> Answer:
    """Pour requests into the valleys of the community's fixed net load: the least peak.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.

    Returns
    -------
    Answer
        With the prices that prove it.

    Raises
    ------
    NotApplicable
        With storages, where load is better curtailed or lost than served at the peak, where connections are narrower
        than the level, or where pouring does not come to rest.
    InfeasibleError
        If a request does not fit into its window.
    """
    for s in np.flatnonzero((instance.capacity_kwh > 0) | (instance.initial_kwh > 0) | instance.driven_kwh.any(axis=0)):
        raise NotApplicable(f"{instance.storage[s]}: storages move load too, and only requests are poured")
    with _explained(instance):
        return _filled(instance)


def _filled(instance: SchedulingInstance) -> Answer:
    """Requests poured, with their proof, where storages and connections do not matter."""
    base = instance.net_load_kwh.sum(axis=1)
    served, pools = serve_soonest(instance), _pools(instance)
    for _ in range(SWEEPS):
        for pool in pools:
            _pour(instance, base, served, pool)
        peak_value, gap = _level_prices(instance, served)
        # A single pool is at rest after the first time.
        if gap <= CLOSE or len(pools) < 2:
            break
    if gap > CLOSE:
        text = "the windows of requests overlap in so long chains that pouring did not come to rest"
        raise NotApplicable(f"{text}: gap {gap:.1e} after {SWEEPS} sweeps")
    prices = SchedulingPrices(
        instance=instance,
        energy_price=peak_value / instance.dt_h,
        water_value=np.zeros((len(base), len(instance.storage))),
        peak_value=peak_value,
    )
    _refuse_cheaper_ways(instance, prices)
    decision = schedule(
        instance, np.zeros_like(instance.state_low_kwh), served, spilled_kwh=np.zeros_like(instance.load_kwh)
    )
    return Answer(_within_limits(instance, decision, float((base + served.sum(axis=1)).max(initial=0.0))), prices)


def _pools(instance: SchedulingInstance) -> list[np.ndarray]:
    """Requests that may be poured together: of one window, needing one number of hours at full power.

    They are multiples of each other, and so what they can add up to is a multiple of what each can be.
    """
    hours = np.divide(
        instance.request_kwh, instance.request_kw, out=np.zeros_like(instance.request_kw), where=instance.request_kw > 0
    )
    keys = np.column_stack([instance.earliest, instance.latest, hours])[instance.request_kwh > 0]
    which = np.flatnonzero(instance.request_kwh > 0)
    if not which.size:
        return []
    _, pool = np.unique(keys, axis=0, return_inverse=True)
    pool = pool.reshape(-1)
    return [which[pool == k] for k in range(pool.max() + 1)]


def _pour(instance: SchedulingInstance, base: np.ndarray, served: np.ndarray, pool: np.ndarray) -> None:
    """Pour one pool onto everything else, each of its requests in proportion; ``served`` is changed in place."""
    from .kernels import fill_to_level

    asked = instance.request_kwh[pool]
    served[:, pool] = 0.0
    ground = base + served.sum(axis=1)
    room = instance.request_limit_kwh[:, pool].sum(axis=1)
    poured = fill_to_level(ground, room, np.ones_like(ground), float(asked.sum()))
    served[:, pool] = poured[:, None] * (asked / asked.sum())


def _level_prices(instance: SchedulingInstance, served: np.ndarray) -> tuple[np.ndarray, float]:
    """Peak values (T,) on the intervals of the greatest net load, and the gap of their bound, in parts of the peak.

    Which intervals share the greatest load is a matter of rounding, so several ways of seeing it are tried.
    """
    base = instance.net_load_kwh.sum(axis=1)
    net = base + served.sum(axis=1)
    top = float(net.max(initial=0.0))
    size = max(top, float(np.abs(base).max(initial=0.0))) or 1.0
    best, least_gap = np.zeros_like(net), np.inf
    for hair in (1e-13, 1e-11, 1e-9, 1e-7):
        summit = (net >= top - hair * size) & (top > 0)
        share = summit / max(1, int(summit.sum()))
        # What a unit of peak costs at least: the fixed load at these shares, and requests where they are cheapest.
        rank = np.broadcast_to(share[:, None], served.shape)
        bound = float(share @ base) + float((rank * serve_in_order(instance, rank)).sum())
        if (top - bound) / size < least_gap:
            best, least_gap = instance.peak_price * share, (top - bound) / size
    return best, least_gap


def _refuse_cheaper_ways(instance: SchedulingInstance, prices: SchedulingPrices) -> None:
    """Raise where giving up load is cheaper than what it adds to the peak."""
    price = prices.energy_price[:, None] * (1.0 - 1e-12)
    for what, room, cost in (
        ("curtailing load", instance.sheddable_kwh, instance.curtailment_price),
        ("losing load", instance.losable_kwh, instance.lost_load_price),
    ):
        for t, i in np.argwhere((room > 0) & (cost < price)):
            paid = np.broadcast_to(cost, instance.member.shape)[i]
            where = f"{instance.member[i]}, {instance.interval[t]}"
            raise NotApplicable(f"{where}: {what} at {paid:g} costs less than the peak, {price[t, 0]:g} a kWh")


def _within_limits(instance: SchedulingInstance, decision: SchedulingDecision, peak_kwh: float) -> SchedulingDecision:
    """The decision, found without regard to connections, where it keeps them: then they do not matter.

    Raises
    ------
    NotApplicable
        Naming the first limit that does.
    """
    broken = violations(instance, decision)
    if broken:
        raise NotApplicable(f"{broken[0]}; the kernel knows no connections")
    spilled = decision.spilled_kwh > TOLERANCE * instance.generation_kwh
    if spilled.any() and float(decision.community_net_kwh.max(initial=0.0)) > peak_kwh:
        t, i = np.argwhere(spilled)[0]
        where = f"{instance.member[i]}, {instance.interval[t]}"
        raise NotApplicable(
            f"{where}: generation beyond a connection's limit is spilled; the kernel knows no connections"
        )
    return decision


def each_alone(instance: SchedulingInstance) -> Answer:
    """Least cost of every member behind a meter of its own, by the battery kernel.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.

    Returns
    -------
    Answer
        With the prices that prove it.

    Raises
    ------
    NotApplicable
        If a member has more than one storage or request to decide about, prices leave 0 ≤ sell ≤ buy, a target or a
        demand charge has to be weighed, load is better curtailed or lost than served, or a connection is too narrow.
    InfeasibleError
        If a storage cannot keep its levels, or a request does not fit into its window.
    """
    store, asks = _one_thing_each(instance)
    _refuse_prices(instance)
    with _explained(instance):
        return _bought_and_sold(instance, store, asks)


def _bought_and_sold(instance: SchedulingInstance, store: np.ndarray, asks: np.ndarray) -> Answer:
    """What each member does with the storage or the request it has, and the proof."""
    from .kernels import battery_schedules

    net = np.array(instance.net_load_kwh)
    movers = np.flatnonzero((store >= 0) | (asks >= 0))
    soc, served = np.zeros_like(instance.state_low_kwh), np.zeros_like(instance.request_limit_kwh)
    water = np.zeros((len(net), len(instance.storage)))
    grid, price = np.array(net), np.zeros_like(net)
    # Whoever has nothing to decide buys or sells what is left; at a net of 0 any price between will do.
    price[:] = np.where(net < 0, instance.sell_price[:, None], instance.buy_price[:, None])
    if movers.size:
        parts = _as_stores(instance, store[movers], asks[movers])
        driven = parts.pop("driven_kwh")
        plans = battery_schedules(
            np.ascontiguousarray(net[:, movers].T), instance.buy_price, instance.sell_price, dt_h=instance.dt_h, **parts
        )
        grid[:, movers] = plans.grid_kwh.T
        mu = plans.water_value.T
        at_node = np.where(plans.battery_kwh.T < 0, mu / parts["discharge_efficiency"], mu * parts["charge_efficiency"])
        between = np.clip(at_node, instance.sell_price[:, None], instance.buy_price[:, None])
        paid = np.where(grid[:, movers] > 0, instance.buy_price[:, None], instance.sell_price[:, None])
        # A trace of import where the store takes all of a surplus is rounding, and does not set the price.
        nothing = HAIR * (np.abs(net[:, movers]) + np.abs(plans.battery_kwh.T))
        price[:, movers] = np.where(np.abs(grid[:, movers]) <= nothing, between, paid)
        has = store[movers] >= 0
        soc[:, store[movers][has]] = (plans.soc_kwh.T - driven)[:, has]
        water[:, store[movers][has]] = mu[:, has]
        served[:, asks[movers][~has]] = np.maximum(plans.battery_kwh.T, 0.0)[:, ~has]
    soc = np.clip(soc, instance.state_low_kwh, np.maximum(instance.state_low_kwh, instance.state_high_kwh))
    decision = schedule(instance, soc, served, separate=True)
    unused = np.setdiff1d(np.arange(len(instance.storage)), store)
    # What holds nothing is worth no more and no less than energy at its node.
    water[:, unused] = price[:, instance.storage_of[unused]]
    prices = SchedulingPrices(instance=instance, energy_price=price.mean(axis=1), member_price=price, water_value=water)
    # Whatever is spilled could have been sold, so nothing may be: no peak is low enough to excuse it.
    return Answer(_within_limits(instance, decision, -np.inf), prices)


def _one_thing_each(instance: SchedulingInstance) -> tuple[np.ndarray, np.ndarray]:
    """The storage and the request of each member, (n,) positions, -1 where it has none."""
    used = (instance.capacity_kwh > 0) | (instance.initial_kwh > 0) | instance.driven_kwh.any(axis=0)
    found = []
    for which, owner in (
        (np.flatnonzero(used), instance.storage_of),
        (np.flatnonzero(instance.request_kwh > 0), instance.request_of),
    ):
        first = np.full(len(instance.member), -1)
        first[owner[which]] = which
        found.append(first)
    things = np.bincount(instance.storage_of[used], minlength=len(instance.member))
    things = things + np.bincount(instance.request_of[instance.request_kwh > 0], minlength=len(instance.member))
    for i in np.flatnonzero(things > 1):
        raise NotApplicable(f"{instance.member[i]}: it has {things[i]} storages and requests, the kernel decides one")
    return found[0], found[1]


def _refuse_prices(instance: SchedulingInstance) -> None:
    """Raise outside the premise of the battery kernel."""
    buy, sell = instance.buy_price, instance.sell_price
    for t in np.flatnonzero((sell < 0) | (sell > buy)):
        raise NotApplicable(f"{instance.interval[t]}: buying at {buy[t]:g}, selling at {sell[t]:g}: not 0 ≤ sell ≤ buy")
    if instance.demand_charge > 0:
        raise NotApplicable(f"demand_charge={instance.demand_charge:g}: the kernel weighs energy, not the peak")
    if instance.target_kwh is not None:
        for t, s in np.argwhere((instance.target_kwh > 0) & (instance.target_price > 0)):
            when = instance.labels_of("interval+")[t]
            raise NotApplicable(f"{instance.storage[s]}, {when}: the kernel knows no target with a price")
    for what, room, cost in (
        ("curtailing load", instance.sheddable_kwh, instance.curtailment_price),
        ("losing load", instance.losable_kwh, instance.lost_load_price),
    ):
        for t, i in np.argwhere((room > 0) & (cost < buy[:, None])):
            paid = np.broadcast_to(cost, instance.member.shape)[i]
            where = f"{instance.member[i]}, {instance.interval[t]}"
            raise NotApplicable(f"{where}: {what} at {paid:g} costs less than buying at {buy[t]:g}")


def _as_stores(instance: SchedulingInstance, store: np.ndarray, asks: np.ndarray) -> dict[str, Any]:
    """Arguments of the battery kernel, one row for each member, which has the one or the other."""
    has = store >= 0
    s, r = store[has], asks[~has]
    states, count = len(instance.interval) + 1, len(store)
    driven = np.zeros((states, count))
    driven[:, has] = state_shift(instance)[:, s]

    def either(of_storage: np.ndarray, of_request: np.ndarray | float) -> np.ndarray:
        whole = np.zeros((*of_storage.shape[:-1], count))
        whole[..., has], whole[..., ~has] = of_storage, of_request
        return np.ascontiguousarray(whole.T)

    last = np.zeros((states, len(r)))
    last[-1] = instance.request_kwh[r]
    return {
        "capacity_kwh": either(instance.state_high_kwh[:, s] + driven[:, has], instance.request_kwh[r]),
        "minimum_kwh": either(instance.state_low_kwh[:, s] + driven[:, has], last),
        "charge_kw": either(instance.charge_limit_kwh[:, s], instance.request_limit_kwh[:, r]) / instance.dt_h,
        "discharge_kw": either(instance.discharge_limit_kwh[:, s], 0.0) / instance.dt_h,
        "charge_efficiency": either(instance.charge_efficiency[s], 1.0),
        "discharge_efficiency": either(instance.discharge_efficiency[s], 1.0),
        "retention": either(instance.retention[s], 1.0),
        "initial_kwh": either(instance.initial_kwh[s], 0.0),
        "terminal_value": either(instance.terminal_value[s], 0.0),
        "driven_kwh": driven,
    }
