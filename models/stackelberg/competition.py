r"""Sellers' competition in plain numpy: how well buyers choose, and what a seller could gain by another price.

*Buyers.* A kWh of seller k costs its buyers p_k + c_k q_k, one of the grid λ_b. Nobody could do better elsewhere if
and only if the choice q is the cheapest way to meet demand at the costs it causes itself. So the buyers' regret is what
they pay at these costs above the cheapest choice within capacities, found by sorting; it is 0 exactly there.

*A seller's residual demand.* At a level ν (what a kWh costs buyers wherever they buy) the others sell
Σ_k clip((ν - p_k)/c_k, 0, S_k), so R(ν) is left, a line that bends where one of them begins or is full, and jumps where
one without congestion has its price; at ν = λ_b the grid takes what nobody else sells. A seller that sells q ≤ S on
this curve asks p = ν - c q. Along each straight piece its profit (p - k) q is a quadratic of the place on it, so the
best reply lies at an end of a piece or at the vertex of its parabola: all are tried, which is exact. Where R jumps, a
seller that undercuts gets as close to the upper end as it likes; the supremum counts.

Source: ours, for the game of Paudel et al., IEEE TIE 66(8), 2019; the regret is the gap of Frank and Wolfe (1956).
"""

from __future__ import annotations

import numpy as np

from ...instances.sellers import SellersInstance

Pair = tuple[np.ndarray, np.ndarray]


def buyers_regret(
    instance: SellersInstance, price: np.ndarray, sold_kwh: np.ndarray, grid_kwh: np.ndarray
) -> np.ndarray:
    """What buyers pay above the cheapest choice at the costs that their own choice causes, (T,) currency."""
    retail = instance.retail_price[:, None]
    cost = np.hstack([price + instance.congestion * sold_kwh, retail])
    room = np.hstack([instance.capacity_kwh, np.broadcast_to(instance.demand_kwh[:, None], retail.shape)])
    order = np.argsort(cost, axis=1, kind="stable")
    sorted_room = np.take_along_axis(room, order, axis=1)
    before = np.cumsum(sorted_room, axis=1) - sorted_room
    best = np.clip(instance.demand_kwh[:, None] - before, 0.0, sorted_room)
    paid = (cost * np.hstack([sold_kwh, grid_kwh[:, None]])).sum(axis=1)
    found: np.ndarray = paid - (np.take_along_axis(cost, order, axis=1) * best).sum(axis=1)
    return found


def supply_at(instance: SellersInstance, price: np.ndarray, level: np.ndarray, *, below: bool) -> np.ndarray:
    """What each seller sells at levels, (T, L, m) kWh; ``below``: as they are approached from below, else from above.

    Parameters
    ----------
    instance : SellersInstance
        What is given.
    price : (T, m) array, currency/kWh
        Of sellers.
    level : (T, L) array, currency/kWh
        What a kWh costs buyers.
    below : bool
        Tells the two ends of a jump apart: a seller without congestion sells nothing below its price, all above.

    Returns
    -------
    (T, L, m) array, kWh
    """
    above = level[:, :, None] - price[:, None, :]
    capacity = instance.capacity_kwh[:, None, :]
    slope = np.where(instance.congestion > 0, instance.congestion, 1.0)
    flat = np.where(above > 0 if below else above >= 0, capacity, 0.0)
    return np.where(instance.congestion > 0, np.clip(above / slope, 0.0, capacity), flat)


def residual_curve(instance: SellersInstance, price: np.ndarray, seller: int) -> Pair:
    """Corners of a seller's residual demand at the others' prices, by rising level.

    Returns
    -------
    level, left_kwh : (T, K) arrays
        From the feed-in to the retail price, where the curve ends with nothing left, as the grid may take it.
    """
    low, high = instance.feed_in_price[:, None], instance.retail_price[:, None]
    full = price + instance.congestion * instance.capacity_kwh
    bends = np.sort(np.clip(np.hstack([low, price, full, high]), low, high), axis=1)
    others = np.arange(len(instance.seller)) != seller
    demand = instance.demand_kwh[:, None]
    ends = [
        demand - supply_at(instance, price, bends, below=below)[:, :, others].sum(axis=2) for below in (True, False)
    ]
    # Where corners coincide, the lower end of their jump comes once: less and less is left as the level rises.
    left = np.minimum.accumulate(np.stack(ends, axis=2).reshape(len(demand), -1), axis=1)
    level = np.repeat(bends, 2, axis=1)
    return np.hstack([level, high]), np.hstack([left, np.minimum(left[:, -1:], 0.0)])


def best_reply(instance: SellersInstance, price: np.ndarray, seller: int) -> Pair:
    """The most that a seller can earn in each interval at the others' prices, and the price that earns it.

    Parameters
    ----------
    instance : SellersInstance
        What is given.
    price : (T, m) array, currency/kWh
        Of all sellers; the seller's own does not matter.
    seller : int
        Its position.

    Returns
    -------
    profit : (T,) array, currency
        A supremum: where another without congestion asks the same, a price just below comes as close as one likes.
    price : (T,) array, currency/kWh
    """
    level, left = residual_curve(instance, price, seller)
    asked = level - instance.congestion[seller] * left
    place, allowed = _allowed(left, instance.capacity_kwh[:, seller, None])
    first, rise = asked[:, :-1], np.diff(asked, axis=1)
    most, drop = left[:, :-1], -np.diff(left, axis=1)
    margin = first - instance.unit_cost[:, seller, None]
    bent = rise * drop > 0
    vertex = (rise * most - drop * margin) / np.where(bent, 2.0 * rise * drop, 1.0)
    tried = np.stack([place[0], place[1], np.where(bent, np.clip(vertex, *place), place[0])], axis=2)
    earned = (margin[:, :, None] + rise[:, :, None] * tried) * (most[:, :, None] - drop[:, :, None] * tried)
    earned = np.where(allowed[:, :, None], earned, -np.inf).reshape(len(first), -1)
    prices = (first[:, :, None] + rise[:, :, None] * tried).reshape(len(first), -1)
    at = earned.argmax(axis=1)[:, None]
    profit, reply = (np.take_along_axis(values, at, axis=1)[:, 0] for values in (earned, prices))
    # A seller that would only lose asks the retail price and sells nothing.
    reply = np.where(profit > 0, reply, instance.retail_price)
    return np.maximum(profit, 0.0), np.clip(reply, instance.feed_in_price, instance.retail_price)


def _allowed(left: np.ndarray, capacity: np.ndarray) -> tuple[Pair, np.ndarray]:
    """The part of each straight piece, in shares of it, on which the seller can sell what is left.

    Prices below the feed-in price need not be ruled out: no cost is, so they only lose.
    """
    most, drop = left[:, :-1], -np.diff(left, axis=1)
    down = drop > 0
    beyond = np.where(down, (most - capacity) / np.where(down, drop, 1.0), np.where(most > capacity, 2.0, 0.0))
    empty = np.where(down, most / np.where(down, drop, 1.0), np.where(most < 0, -1.0, 1.0))
    start, end = np.maximum(beyond, 0.0), np.minimum(empty, 1.0)
    allowed = start <= end
    return (np.where(allowed, start, 0.0), np.where(allowed, end, 0.0)), allowed


def deviation_gain(instance: SellersInstance, price: np.ndarray, sold_kwh: np.ndarray) -> np.ndarray:
    """What each seller could gain in each interval by changing its own price, buyers answering, (T, m) currency."""
    best = np.stack([best_reply(instance, price, j)[0] for j in range(len(instance.seller))], axis=1)
    found: np.ndarray = np.maximum(best - (price - instance.unit_cost) * sold_kwh, 0.0)
    return found


def least_social_cost(instance: SellersInstance, level: np.ndarray) -> np.ndarray:
    """What a level proves: no way to meet demand costs less than this, (T,) currency.

    The dual function of: minimise Σ (k q + c q²) + λ_b g with Σ q + g = Q, at any level up to λ_b.
    """
    level = np.minimum(level, instance.retail_price)[:, None]
    worth = level - instance.unit_cost
    slope = np.where(instance.congestion > 0, 2.0 * instance.congestion, 1.0)
    flat = np.where(worth > 0, instance.capacity_kwh, 0.0)
    sold = np.where(instance.congestion > 0, np.clip(worth / slope, 0.0, instance.capacity_kwh), flat)
    saved = (worth * sold - instance.congestion * sold**2).sum(axis=1)
    found: np.ndarray = level[:, 0] * instance.demand_kwh - saved
    return found
