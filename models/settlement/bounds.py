"""Bounds on settlements by weak duality: what holds for all bills that pay the grid, whoever decides them.

Let C be the least that the grid can be paid for the dispatch, and let weights w_S ≥ 0 on groups S ≠ N add up to 1, such
that every member is covered by the same weight κ. Then the greatest excess of any bills b with Σ b ≥ C is at least

    Σ_S w_S (b(S) - c(S)) = κ Σ_i b_i - Σ_S w_S c(S) ≥ κ C - Σ_S w_S c(S).

Weights that cover members unequally are completed by groups of one; without any, all groups of one count alike. With
the duals of a least-core program the bound is the least excess itself (Bondareva 1963, Shapley 1967).
"""

from __future__ import annotations

import math

import numpy as np

from ...instances.settlement import SettlementInstance
from .decision import SettlementPrices


def community_bound(instance: SettlementInstance, prices: SettlementPrices | None) -> float:
    """Least that the grid can be paid for the dispatch: at any price μ between the grid's, μ times the net load.

    Without prices it is what the data say, with what an allocation leaves unused.
    """
    if prices is None or prices.energy_price is None:
        return instance.community_bill
    total = instance.net_kwh.sum(axis=1)
    price = np.clip(prices.energy_price, instance.feed_in_price, instance.retail_price)
    return float(price @ total)


def excess_bound(instance: SettlementInstance, prices: SettlementPrices | None) -> float:
    """Least excess over all groups but the whole, from weights on groups; NaN where there is only one member."""
    n = len(instance.member)
    if n < 2:
        return math.nan
    alone, least = instance.alone_bill, community_bound(instance, None)
    groups, weights = _weighted(instance, prices)
    covered = weights @ groups
    kappa = float(covered.max()) if len(weights) else 1.0
    single = kappa - covered
    grouped = float(weights @ instance.cost_of(groups)) if len(weights) else 0.0
    total = float(weights.sum() + single.sum())
    return (kappa * least - grouped - float(single @ alone)) / total


def core_bound(instance: SettlementInstance, prices: SettlementPrices | None) -> float:
    """Least core excess: 0, or what weights on groups prove where the core is empty, or what the whole could save."""
    all_of_them = np.ones((1, len(instance.member)))
    whole = community_bound(instance, None) - float(instance.cost_of(all_of_them)[0])
    found = np.fmax(whole, excess_bound(instance, prices))
    # A bound that is 0 but for rounding would count as one above it.
    return float(found) if found > 1e-12 * float(np.abs(instance.alone_bill).sum()) else 0.0


def _weighted(instance: SettlementInstance, prices: SettlementPrices | None) -> tuple[np.ndarray, np.ndarray]:
    """Groups (k, n) other than nobody and all, and their positive weights (k,); there may be none."""
    n = len(instance.member)
    if prices is None or prices.coalition_weight is None or prices.weighted_member is None:
        return np.zeros((0, n)), np.zeros(0)
    size = prices.weighted_member.sum(axis=1)
    proper = (size > 0) & (size < n) & (prices.coalition_weight > 0)
    return prices.weighted_member[proper].astype(float), prices.coalition_weight[proper]
