"""Weak-duality bounds of scheduling: the least that any schedule costs, at any prices, in plain numpy.

Write λ for the price at a member's node, π for the price in the community, μ for water values and σ for peak values.
Moving the balances of members and community and the state equations into the objective at these prices leaves a sum of
terms that share no variable, each least at one of a few points:

- a storage's interval, min (λ − μ η_c) c + (μ/η_d − λ) d over (0, 0), (c̄, 0) and (0, d̄), for it cannot do both;
- a storage's state, min (μ_{t−1} − ρ μ_t) e + p max(0, target − e) at its limits and its target;
- a request, served where λ is lowest; what is curtailed, lost or spilled, all or nothing;
- the grid, min cost(N) + σ N⁺/Δ − π N at the least and the greatest net import and at 0.

Their sum is a bound for *any* λ, π, μ and any σ ≥ 0 whose sum is at most the demand charge (others are scaled down).
A storage's interval and the grid are bounded as they are, not by a convex relaxation, so the bound holds where sell
exceeds buy or prices are negative; it need not be tight there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...instances.scheduling import SchedulingInstance
from .decision import SchedulingDecision, SchedulingPrices

Terms = dict[str, float]


@dataclass(frozen=True)
class Tariff:
    """What is paid for energy and peak in a criterion; the arrays are (T,), prices per kWh.

    Parameters
    ----------
    buy, sell : (T,) arrays
        Prices of net import and net export.
    peak : float
        Price of the greatest net import, per kW.
    terminal : bool
        Whether content of the last state is worth something.
    """

    buy: np.ndarray
    sell: np.ndarray
    peak: float
    terminal: bool = True

    @classmethod
    def of_cost(cls, instance: SchedulingInstance) -> Tariff:
        """Of the cost criteria."""
        return cls(instance.buy_price, instance.sell_price, instance.demand_charge)

    @classmethod
    def of_peak(cls, instance: SchedulingInstance) -> Tariff:
        """Of ``peak_cost``: energy is free, the peak has its weight."""
        free = np.zeros(len(instance.interval))
        return cls(free, free, instance.peak_price, terminal=False)

    def paid(self, net_kwh: np.ndarray, dt_h: float) -> float:
        """What net imports (T,) or (T, n) of one or more meters cost."""
        shape = (-1,) + (1,) * (net_kwh.ndim - 1)
        taken, given = np.maximum(net_kwh, 0.0), np.maximum(-net_kwh, 0.0)
        energy = (self.buy.reshape(shape) * taken).sum() - (self.sell.reshape(shape) * given).sum()
        return float(energy + self.peak * taken.max(axis=0, initial=0.0).sum() / dt_h)


def comfort_cost(instance: SchedulingInstance, decision: SchedulingDecision, tariff: Tariff) -> float:
    """What is paid besides energy: curtailed and lost load, targets missed, less the worth of what is left in store."""
    cost = (instance.curtailment_price * decision.curtailed_kwh).sum()
    cost += instance.lost_load_price * decision.lost_kwh.sum()
    if instance.target_kwh is not None:
        cost += (instance.target_price * np.maximum(instance.target_kwh - decision.soc_kwh, 0.0)).sum()
    if tariff.terminal:
        cost -= (instance.terminal_value * decision.soc_kwh[-1]).sum()
    return float(cost)


def community_bound(instance: SchedulingInstance, tariff: Tariff, prices: SchedulingPrices | None) -> float:
    """Least cost of the community behind one meter, at given prices, or for want of any at the grid's buying price."""
    found = _buying(instance, tariff) if prices is None else prices
    return float(sum(community_terms(instance, tariff, found).values()))


def separate_bound(instance: SchedulingInstance, tariff: Tariff, prices: SchedulingPrices | None) -> float:
    """Least cost of all members, each behind a meter of its own, at given prices."""
    found = _buying(instance, tariff) if prices is None else prices
    return float(sum(separate_terms(instance, tariff, found).values()))


def _buying(instance: SchedulingInstance, tariff: Tariff) -> SchedulingPrices:
    """Prices for want of better ones: energy at the buying price, stores worthless."""
    return SchedulingPrices(
        instance=instance,
        energy_price=tariff.buy,
        water_value=np.zeros((len(instance.interval), len(instance.storage))),
    )


def community_terms(
    instance: SchedulingInstance,
    tariff: Tariff,
    prices: SchedulingPrices,
    decision: SchedulingDecision | None = None,
) -> Terms:
    """Terms of the Lagrangian, each at its least, or where a decision takes it."""
    member_price = _at_nodes(instance, prices)
    terms = _inside(instance, tariff, member_price, prices.water_value, decision)
    spread = prices.energy_price[:, None] - member_price
    low = np.maximum(instance.least_net_kwh, -instance.member_export_limit_kwh)
    high = np.minimum(instance.greatest_net_kwh, instance.member_import_limit_kwh)
    if decision is not None:
        terms["connections"] = float((spread * decision.net_kwh).sum())
        net = decision.community_net_kwh
    else:
        terms["connections"] = float(np.minimum(spread * low, spread * high).sum())
        net = None
    low_all = np.maximum(low.sum(axis=1), -instance.export_limit_kwh)
    high_all = np.minimum(high.sum(axis=1), instance.import_limit_kwh)
    value = _within(prices.peak_value, tariff.peak)
    terms["grid"], terms["peak"] = _grid(instance, tariff, prices.energy_price, value, low_all, high_all, net)
    return terms


def separate_terms(
    instance: SchedulingInstance,
    tariff: Tariff,
    prices: SchedulingPrices,
    decision: SchedulingDecision | None = None,
) -> Terms:
    """Terms of the Lagrangian where each member has its own meter."""
    member_price = prices.energy_price[:, None] if prices.member_price is None else prices.member_price
    member_price = np.broadcast_to(member_price, instance.load_kwh.shape)
    terms = _inside(instance, tariff, member_price, prices.water_value, decision)
    low = np.maximum(instance.least_net_kwh, -instance.member_export_limit_kwh)
    high = np.minimum(instance.greatest_net_kwh, instance.member_import_limit_kwh)
    if low.shape[1] == 1:
        # Whoever has no neighbours has the community's connection for its own.
        low = np.maximum(low, -instance.export_limit_kwh[:, None])
        high = np.minimum(high, instance.import_limit_kwh[:, None])
    value = np.zeros_like(low) if prices.member_peak_value is None else prices.member_peak_value
    net = None if decision is None else decision.net_kwh
    value = _within(value, tariff.peak)
    terms["grid"], terms["peak"] = _grid(instance, tariff, member_price, value, low, high, net)
    return terms


def _at_nodes(instance: SchedulingInstance, prices: SchedulingPrices) -> np.ndarray:
    """λ, (T, n): the price at each member's node, which differs from the community's behind a limited connection only.

    Elsewhere any other price than the community's would let the bound fall without need.
    """
    everywhere = np.broadcast_to(prices.energy_price[:, None], instance.load_kwh.shape)
    if prices.member_price is None:
        return everywhere
    limited = np.isfinite(instance.member_import_limit_kwh) | np.isfinite(instance.member_export_limit_kwh)
    return np.where(limited, prices.member_price, everywhere)


def _within(peak_value: np.ndarray, most: float) -> np.ndarray:
    """Peak values scaled down, meter by meter, so that their sum is at most the price of the peak."""
    total = peak_value.sum(axis=0)
    return peak_value * np.minimum(1.0, np.divide(most, total, out=np.ones_like(total), where=total > 0))


def _grid(
    instance: SchedulingInstance,
    tariff: Tariff,
    price: np.ndarray,
    peak_value: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    net: np.ndarray | None,
) -> tuple[float, float]:
    """Terms of net imports and of the peaks, of one meter (T,) or of several (T, n)."""
    shape = (-1,) + (1,) * (price.ndim - 1)
    buy, sell = tariff.buy.reshape(shape), tariff.sell.reshape(shape)

    def cost(level: np.ndarray) -> np.ndarray:
        taken, given = np.maximum(level, 0.0), np.maximum(-level, 0.0)
        charged: np.ndarray = (buy + peak_value / instance.dt_h) * taken - sell * given - price * level
        return charged

    if net is not None:
        greatest = np.maximum(net, 0.0).max(axis=0, initial=0.0) / instance.dt_h
        return float(cost(net).sum()), float(((tariff.peak - peak_value.sum(axis=0)) * greatest).sum())
    nothing = np.clip(0.0, low, np.maximum(low, high))
    return float(np.minimum(np.minimum(cost(low), cost(high)), cost(nothing)).sum()), 0.0


def _inside(
    instance: SchedulingInstance,
    tariff: Tariff,
    price: np.ndarray,
    water_value: np.ndarray,
    decision: SchedulingDecision | None,
) -> Terms:
    """Terms behind the members' meters at their prices (T, n), each at its least or where a decision takes it."""
    at = price[:, instance.storage_of]
    terms = {"fixed": float((price * instance.net_load_kwh).sum())}
    terms["storages"] = _storages(instance, at, water_value, decision)
    terms["states"] = _states(instance, tariff, water_value, decision)
    terms["requests"] = _requests(instance, price[:, instance.request_of], decision)
    terms["curtailment"] = _all_or_nothing(
        instance.curtailment_price - price, instance.sheddable_kwh, None if decision is None else decision.curtailed_kwh
    )
    terms["lost load"] = _all_or_nothing(
        instance.lost_load_price - price, instance.losable_kwh, None if decision is None else decision.lost_kwh
    )
    terms["spill"] = _all_or_nothing(price, instance.spillable_kwh, None if decision is None else decision.spilled_kwh)
    return terms


def _all_or_nothing(cost: np.ndarray, limit: np.ndarray, taken: np.ndarray | None) -> float:
    return float((np.minimum(cost, 0.0) * limit if taken is None else cost * taken).sum())


def _storages(
    instance: SchedulingInstance, price: np.ndarray, water_value: np.ndarray, decision: SchedulingDecision | None
) -> float:
    charging = price - water_value * instance.charge_efficiency
    discharging = water_value / instance.discharge_efficiency - price
    if decision is not None:
        return float((charging * decision.charge_kwh + discharging * decision.discharge_kwh).sum())
    least = np.minimum(charging * instance.charge_limit_kwh, discharging * instance.discharge_limit_kwh)
    return float(np.minimum(least, 0.0).sum())


def _states(
    instance: SchedulingInstance, tariff: Tariff, water_value: np.ndarray, decision: SchedulingDecision | None
) -> float:
    worth = instance.terminal_value if tariff.terminal else np.zeros(len(instance.storage))
    # What a kWh in each state costs: the interval before has put it there, the one after receives what is kept of it.
    cost = np.vstack([np.zeros_like(worth), water_value])
    cost[:-1] -= instance.retention * water_value
    cost[-1] -= worth
    target = instance.target_kwh if instance.target_kwh is not None else np.zeros_like(cost)

    def at(level: np.ndarray) -> np.ndarray:
        charged: np.ndarray = cost * level + instance.target_price * np.maximum(target - level, 0.0)
        return charged

    low, high = instance.state_low_kwh, instance.state_high_kwh
    driven = float((water_value * instance.driven_kwh).sum())
    if decision is not None:
        return driven + float(at(decision.soc_kwh).sum())
    least = np.minimum(np.minimum(at(low), at(high)), at(np.clip(target, low, np.maximum(low, high))))
    return driven + float(least.sum())


def _requests(instance: SchedulingInstance, price: np.ndarray, decision: SchedulingDecision | None) -> float:
    if decision is not None:
        return float((price * decision.served_kwh).sum())
    return float((price * serve_in_order(instance, price)).sum())


def serve_in_order(instance: SchedulingInstance, rank: np.ndarray) -> np.ndarray:
    """Serve each request within its window in ascending order of ``rank`` (T, R), at full power until it is served.

    Returns
    -------
    (T, R) array, kWh
        Less than asked where the window is too short.
    """
    limit = instance.request_limit_kwh
    if not limit.size:
        return np.zeros_like(limit)
    order = np.argsort(np.where(limit > 0, rank, np.inf), axis=0, kind="stable")
    room = np.take_along_axis(limit, order, axis=0)
    before = np.cumsum(room, axis=0) - room
    served = np.empty_like(limit)
    np.put_along_axis(served, order, np.clip(instance.request_kwh - before, 0.0, room), axis=0)
    return served
