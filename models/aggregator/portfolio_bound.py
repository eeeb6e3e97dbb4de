r"""A bound on profit by weak duality, valid for any prices.

The worst part of profits is the least over weights :math:`0 \le m_s \le p_s / \alpha` with sum 1, so that for any such
weights the criterion is at most :math:`\sum_s w_s P_s` with :math:`w_s = (1 - \omega) p_s + \omega m_s`. For these
weights every decision is bounded by the Lagrangian in which the balance of energy has the price π, each storage's
content the price μ, and room for what is promised the price ρ, of which a storage's power carries one part and its
content the other. The Lagrangian falls apart into terms of one variable each, which are greatest at a limit.
"""

from __future__ import annotations

import numpy as np

from ...instances.portfolio import PortfolioInstance
from .portfolio import PortfolioPrices


def scenario_weights(instance: PortfolioInstance, tail_weight: np.ndarray) -> np.ndarray:
    """Weights of scenarios, (S,), with whatever was proposed for the tail made valid."""
    most = instance.chance / instance.tail
    weight = np.clip(tail_weight, 0.0, most)
    total = weight.sum()
    if total > 1.0:
        weight = weight / total
    elif total < 1.0:
        room = most - weight
        # With α = 1 there is just enough room for the probabilities themselves.
        weight = weight + room * (1.0 - total) / room.sum() if room.sum() > 0 else weight
    return (1.0 - instance.risk_weight) * instance.chance + instance.risk_weight * weight


def profit_bound(instance: PortfolioInstance, prices: PortfolioPrices | None) -> float:
    """Greatest risk-adjusted profit that prices prove, currency; those of the day ahead without any.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.
    prices : PortfolioPrices or None
        Any values; they are put between their limits.

    Returns
    -------
    float
    """
    if prices is None:
        guess = instance.chance[:, None] * instance.day_ahead_price
        prices = PortfolioPrices(instance=instance, tail_weight=instance.chance, export_worth=guess)
    weight = scenario_weights(instance, prices.tail_weight)[:, None]
    # Between these no imbalance is worth having.
    worth = np.clip(prices.export_worth, weight * instance.surplus_price, weight * instance.missing_price)
    most = instance.room_price * instance.dt_h * weight if instance.reserves else 0.0 * weight
    rooms = np.stack([np.clip(room, 0.0, most) for room in (prices.up_room_worth, prices.down_room_worth)])
    return _markets(instance, weight, worth, rooms) + _generation(instance, worth, rooms) + _storages(
        instance, prices, weight, worth, rooms
    )  # fmt: skip


def _markets(instance: PortfolioInstance, weight: np.ndarray, worth: np.ndarray, rooms: np.ndarray) -> float:
    dt, total = instance.dt_h, weight.sum()
    offered = dt * (instance.day_ahead_price * total - worth.sum(axis=0))
    found = instance.day_ahead_limit_kw * np.abs(_by_block(instance, offered, instance.day_ahead_block_h)).sum()
    for sign, price in ((1.0, instance.intraday_sale_price), (-1.0, instance.intraday_purchase_price)):
        found += instance.intraday_limit_kw * np.maximum(sign * dt * (weight * price - worth), 0.0).sum()
    for sign, price, accepted, used, paid, room in (
        (1.0, instance.up_price, instance.up_accepted, instance.up_used, instance.up_reserve_price, rooms[0]),
        (-1.0, instance.down_price, instance.down_accepted, instance.down_used, instance.down_reserve_price, rooms[1]),
    ):
        called = sign * dt * accepted * (weight * price - worth) - (1 - accepted) * room
        found += instance.balancing_limit_kw * np.maximum(called, 0.0).sum()
        held = dt * paid * total - (sign * dt * used * worth + (1 - used) * room).sum(axis=0)
        blocks = _by_block(instance, held, instance.reserve_block_h)
        found += instance.reserve_limit_kw * np.maximum(blocks, 0.0).sum()
    return float(found)


def _by_block(instance: PortfolioInstance, values: np.ndarray, hours: float) -> np.ndarray:
    return np.bincount(instance.block_of(hours), weights=values)


def _generation(instance: PortfolioInstance, worth: np.ndarray, rooms: np.ndarray) -> float:
    """What is exported without storages, and the best of curtailing it."""
    made = instance.generation_kw.sum(axis=2)
    fixed = instance.dt_h * worth * instance.fixed_kw + rooms[1] * made
    return float((fixed + made * np.maximum(-instance.dt_h * worth + rooms[0] - rooms[1], 0.0)).sum())


def _storages(
    instance: PortfolioInstance, prices: PortfolioPrices, weight: np.ndarray, worth: np.ndarray, rooms: np.ndarray
) -> float:
    if not len(instance.storage):
        return 0.0
    dt, there, content = instance.dt_h, instance.there, prices.content_worth
    export, weight = worth[:, :, None], weight[:, :, None]
    part = np.stack([np.clip(each, 0.0, 1.0) for each in (prices.up_power_part, prices.down_power_part)])
    power = part * rooms[..., None]
    energy = (1.0 - part) * rooms[..., None]
    # What one more kWh of content adds to room for more, and takes from room for less.
    by_content = there / instance.response_h
    more, less = by_content * instance.discharge_efficiency, by_content / instance.charge_efficiency
    swing = dt * export - power[0] + power[1]
    fee = weight * dt * instance.flexibility_fee
    discharging = swing - fee - dt * content / instance.discharge_efficiency
    charging = -swing + dt * content * instance.charge_efficiency
    found = there * (
        instance.discharge_kw * (np.maximum(discharging, 0.0) + power[0])
        + instance.charge_kw * (np.maximum(charging, 0.0) + power[1])
    )
    found = found + instance.driven_kwh * (np.maximum(content - weight * instance.rapid_price, 0.0) - content)
    found = found - energy[0] * more * instance.minimum_kwh + energy[1] * less * instance.capacity_kwh
    # States 1 … T: each interval puts content there, and the next takes what is kept of it.
    slope = -content + energy[0] * more - energy[1] * less
    slope[:, :-1] += instance.retention * content[:, 1:]
    target, missed = instance.wanted_kwh[:, 1:], weight * instance.target_price

    def at(level: np.ndarray) -> np.ndarray:
        return np.asarray(slope * level - missed * np.maximum(target - level, 0.0))

    low, high = instance.minimum_kwh, instance.capacity_kwh
    states = np.maximum(np.maximum(at(low), at(high)), at(np.clip(target, low, high)))
    start = instance.retention * content[:, 0] * instance.initial_kwh
    missed_at_once = missed[:, 0] * np.maximum(instance.wanted_kwh[:, 0] - instance.initial_kwh, 0.0)
    return float((found + states).sum() + (start - missed_at_once).sum())
