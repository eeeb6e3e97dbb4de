"""Sellers who set prices: what buyers choose, prices in closed form, and what mixed prices look like.

*Buyers' choice.* Sellers are vessels that begin at their prices, rise by c for each kWh and end at their capacities;
the grid is a lake at the retail price. Demand poured into them stands at one level: what a kWh costs wherever one buys.

*Equilibrium of sellers*, where there is a closed form (h = 1/c, H their sum, r = h/H):

- ``scarce``: where each sells q = min(S, (λ_b - k)/2c), best against the grid alone, and demand is not met by that, the
  level is λ_b whatever one seller does, and p = λ_b - c q;
- ``monopoly``: one seller, less demand than that: p = λ_b - c Q;
- ``interior``: some sell, none all it has, below λ_b: with sums over these p = (ν + k(1 - r))/(2 - r) and
  ν = [Q/H + Σ r k(1 - r)/(2 - r)] / [1 - Σ r/(2 - r)], the one point where all first-order conditions hold; the
  others, whose costs are not below ν, ask their costs;
- ``bertrand``: no congestion, equal costs, demand met without any one seller: p = k;
- ``idle``: no demand, p = k.

All but the interior one are proved; there a seller may gain by filling its rivals up, which the caller has to check.

Source: Paudel et al., IEEE TIE 66(8), 2019 (the game); closed forms are ours. Edgeworth, 1897.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .water_level import fill_to_level

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


def buyers_choice(price: Any, congestion: Any, capacity_kwh: Any, demand_kwh: Any, retail_price: Any) -> Triple:
    """What buyers buy of each seller and of the grid, none paying more than the cheapest with something left.

    Parameters
    ----------
    price, capacity_kwh : (T, m) arrays, currency/kWh and kWh
        Of sellers.
    congestion : (m,) array, currency/kWh²
        Not negative.
    demand_kwh : (T,) array, kWh
        What all buyers need.
    retail_price : (T,) array, currency/kWh
        Of the grid.

    Returns
    -------
    sold_kwh : (T, m) array, kWh
        Sellers without congestion and of equal price share in proportion to capacity, and come before the grid.
    grid_kwh : (T,) array, kWh
    level : (T,) array, currency/kWh
        What a kWh costs buyers, at most the retail price.
    """
    price, capacity = np.asarray(price, dtype=float), np.asarray(capacity_kwh, dtype=float)
    congestion, demand = np.asarray(congestion, dtype=float), np.asarray(demand_kwh, dtype=float)
    retail = np.asarray(retail_price, dtype=float)
    if not (congestion > 0).all():
        return _choice_with_jumps(price, congestion, capacity, demand, retail)
    full = np.clip((retail[:, None] - price) / congestion, 0.0, capacity)
    met = np.minimum(demand, full.sum(axis=1))
    sold, level = fill_to_level(
        np.minimum(price, retail[:, None]), full * congestion, 1.0 / congestion, met, return_level=True
    )
    short = demand >= full.sum(axis=1)
    sold = np.where(short[:, None], full, sold)
    return sold, np.maximum(demand - sold.sum(axis=1), 0.0) * short, np.where(short, retail, np.minimum(level, retail))


def _choice_with_jumps(
    price: np.ndarray, congestion: np.ndarray, capacity: np.ndarray, demand: np.ndarray, retail: np.ndarray
) -> Triple:
    """The same where some sell all or nothing: supply at sorted corners, and a straight line or a jump between."""
    steep = congestion > 0
    slope = np.where(steep, congestion, 1.0)
    top = retail[:, None]
    corner = np.sort(np.minimum(np.hstack([price, price + congestion * capacity, top]), top), axis=1)
    above = corner[:, :, None] - price[:, None, :]
    ramp = np.clip(above / slope, 0.0, capacity[:, None, :])
    before = np.where(steep, ramp, np.where(above > 0, capacity[:, None, :], 0.0))
    after = np.where(steep, ramp, np.where(above >= 0, capacity[:, None, :], 0.0))
    reached = after.sum(axis=2) >= demand[:, None]
    at = np.where(reached.any(axis=1), reached.argmax(axis=1), corner.shape[1] - 1)
    row = np.arange(len(price))
    # Below the corner supply is a straight line from where the last jump ended; at it, it may jump once more.
    lower = np.where((at > 0)[:, None], after[row, np.maximum(at - 1, 0)], 0.0)
    start = np.where(at > 0, corner[row, np.maximum(at - 1, 0)], corner[:, 0])
    end, jumped, last = before[row, at], after[row, at], corner[row, at]
    on_line = demand <= end.sum(axis=1)
    one, other = np.where(on_line[:, None], lower, end), np.where(on_line[:, None], end, jumped)
    gap = (other - one).sum(axis=1)
    share = np.clip(np.divide(demand - one.sum(axis=1), gap, out=np.ones_like(gap), where=gap > 0), 0.0, 1.0)
    sold = one + share[:, None] * (other - one)
    level = np.where(on_line, start + share * (last - start), last)
    return sold, np.where(reached.any(axis=1), 0.0, np.maximum(demand - sold.sum(axis=1), 0.0)), level


def price_equilibrium(
    cost_price: Any, congestion: Any, capacity_kwh: Any, demand_kwh: Any, retail_price: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Prices at which no seller gains by another, interval by interval, where a closed form applies.

    Parameters
    ----------
    cost_price : (T, m) array, currency/kWh
        What sellers forgo for a kWh, at most the retail price.
    congestion, capacity_kwh, demand_kwh, retail_price
        As of :func:`buyers_choice`.

    Returns
    -------
    price : (T, m) array, currency/kWh
        NaN where no closed form applies.
    regime : (T,) array of str
        ``"scarce"``, ``"monopoly"``, ``"interior"``, ``"bertrand"``, ``"idle"``, or ``""`` where none applies. Only
        the interior one needs checking: there a seller may gain where that would fill others up.
    """
    cost, capacity = np.asarray(cost_price, dtype=float), np.asarray(capacity_kwh, dtype=float)
    congestion, demand = np.asarray(congestion, dtype=float), np.asarray(demand_kwh, dtype=float)
    retail = np.asarray(retail_price, dtype=float)[:, None]
    steep = congestion > 0
    alone = np.where(steep, (retail - cost) / np.where(steep, 2.0 * congestion, 1.0), np.inf)
    alone = np.minimum(alone, capacity)
    scarce = alone.sum(axis=1) <= demand
    interior, inside = _interior(cost, congestion, capacity, demand, retail)
    equal = (cost == cost[:, :1]).all(axis=1) & ~steep.any()
    bertrand = equal & (demand <= capacity.sum(axis=1) - capacity.max(axis=1))
    monopoly = np.full(len(demand), cost.shape[1] == 1)
    regimes = {
        "idle": (demand == 0, cost),
        "scarce": (scarce, retail - congestion * alone),
        "monopoly": (monopoly, retail - congestion * np.minimum(alone, demand[:, None])),
        "bertrand": (bertrand, cost),
        "interior": (inside, interior),
    }
    regime = np.select([holds for holds, _ in regimes.values()], list(regimes), default="")
    price = np.select([holds[:, None] for holds, _ in regimes.values()], [p for _, p in regimes.values()], np.nan)
    return price, regime


def _interior(
    cost: np.ndarray, congestion: np.ndarray, capacity: np.ndarray, demand: np.ndarray, retail: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Prices by the first-order conditions of those who sell, and the intervals in which these are what they seem."""
    price, level = np.full_like(cost, np.nan), np.zeros(len(demand))
    inside = np.zeros(len(demand), dtype=bool)
    if not (congestion > 0).all():
        return price, inside
    active = capacity > 0
    # Who would sell less than nothing stays out at its cost, which is then no less than the level.
    for _ in range(len(congestion)):
        enough = active.sum(axis=1) >= 2
        wide = np.where(active, 1.0 / congestion, 0.0)
        total = np.where(enough, wide.sum(axis=1), 1.0)
        ratio = np.where(enough[:, None], wide / total[:, None], 0.0)
        own = cost * (1.0 - ratio)
        top = demand / total + (ratio * own / (2.0 - ratio)).sum(axis=1)
        level = top / (1.0 - (ratio / (2.0 - ratio)).sum(axis=1))
        price = np.where(active, (level[:, None] + own) / (2.0 - ratio), cost)
        out = active & (cost >= level[:, None]) & enough[:, None]
        if not out.any():
            break
        active &= ~out
    sold = np.where(active, (level[:, None] - price) / congestion, 0.0)
    fits = np.where(active, (sold > 0) & (sold < capacity), (cost >= level[:, None]) | (capacity == 0))
    return price, (active.sum(axis=1) >= 2) & (level < retail[:, 0]) & fits.all(axis=1)


def edgeworth_distribution(
    price: Any, capacity_kwh: float, demand_kwh: float, cost_price: float, retail_price: float
) -> np.ndarray:
    """How likely a seller asks at most a price, where two equal sellers without congestion mix their prices.

    With S < Q < 2S no pure prices are an equilibrium: high ones are undercut, low ones leave Q - S to gain at the
    retail price. Each then earns (λ_b - k)(Q - S) at every price in [k + that / S, λ_b].

    Parameters
    ----------
    price : array_like, currency/kWh
        Where to evaluate.
    capacity_kwh, demand_kwh : float, kWh
        Of each seller, S, and of buyers, Q.
    cost_price : float, currency/kWh
        What a seller forgoes for a kWh, k.
    retail_price : float, currency/kWh
        Of the grid, λ_b.

    Returns
    -------
    array
        F(p) = [(p - k) S - π] / [(p - k)(2S - Q)] on the support, 0 below and 1 above.

    Raises
    ------
    ValueError
        Unless S < Q < 2S and the cost is below the retail price.

    Examples
    --------
    >>> edgeworth_distribution([0.1, 0.2, 0.3], 3.0, 4.0, 0.05, 0.3).round(4)
    array([0.    , 0.6667, 1.    ])
    """
    if not capacity_kwh < demand_kwh < 2.0 * capacity_kwh:
        raise ValueError(f"demand {demand_kwh:g} must lie between one capacity of {capacity_kwh:g} and two")
    if not cost_price < retail_price:
        raise ValueError(f"the cost {cost_price:g} must be below the retail price {retail_price:g}")
    earned = (retail_price - cost_price) * (demand_kwh - capacity_kwh)
    margin = np.maximum(np.asarray(price, dtype=float) - cost_price, earned / capacity_kwh)
    found: np.ndarray = np.minimum((margin * capacity_kwh - earned) / (margin * (2.0 * capacity_kwh - demand_kwh)), 1.0)
    return found
