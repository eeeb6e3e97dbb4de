"""Values of a cost game whose groups can all be gone through.

A game is an array of 2ⁿ costs; bit i of a position says whether member i belongs to the group.

Source: Shapley, *A value for n-person games* (1953).
"""

from __future__ import annotations

from typing import Any

import numpy as np


def shapley_value(costs: Any) -> np.ndarray:
    """What each member adds to a group's cost on average over all orders in which members may come.

    Parameters
    ----------
    costs : (2ⁿ,) array, currency
        Of every group, the empty one first.

    Returns
    -------
    (n,) array, currency
        Adds up to the cost of the whole.

    Raises
    ------
    ValueError
        If the number of costs is no power of two.
    """
    game = np.asarray(costs, dtype=float)
    n = int(game.size).bit_length() - 1
    if game.ndim != 1 or game.size != 2**n:
        raise ValueError(f"a game of n members has 2^n costs, not an array of shape {game.shape}")
    others = np.bitwise_count(np.arange(2 ** max(n - 1, 0))).astype(int)
    # In s! (n - 1 - s)! of n! orders a given group of s others has come before: 1 / (n · C(n - 1, s)).
    chance = np.ones(max(n, 1))
    for s in range(1, n):
        chance[s] = chance[s - 1] * s / (n - s)
    weight = chance[others] / max(n, 1)
    value = np.empty(n)
    for i in range(n):
        pairs = game.reshape(-1, 2, 1 << i)
        value[i] = weight @ (pairs[:, 1] - pairs[:, 0]).ravel()
    return value


def aggrieved_groups(
    net_kwh: np.ndarray, retail_price: np.ndarray, feed_in_price: np.ndarray, bill: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """From each of some groups, let members join and leave as long as what the group would save by itself grows.

    Parameters
    ----------
    net_kwh : (T, n) array, kWh
        Demand minus supply of each member.
    retail_price, feed_in_price : (T,) arrays, currency/kWh
        Of the grid.
    bill : (n,) array, currency
        What members pay now.
    groups : (k, n) array of 0 and 1
        Where to begin.

    Returns
    -------
    groups : (k, n) array of bool
        Where no single member's step leads further; neither empty nor the whole, if they did not begin so.
    saving : (k,) array, currency
        What each pays less by itself; no bound on what others could save.
    """
    inside = np.array(groups, dtype=bool)
    members = np.arange(len(bill))
    total = inside @ net_kwh.T
    owed = inside @ bill
    saving = owed - _paid(total, retail_price, feed_in_price)
    active = np.arange(len(inside))
    while active.size:
        step = np.where(inside[active], -1.0, 1.0)
        moved = total[active][:, None, :] + step[:, :, None] * net_kwh.T[None, :, :]
        after = owed[active][:, None] + step * bill - _paid(moved, retail_price, feed_in_price)
        size = inside[active].sum(axis=1)[:, None] + step
        after[(size < 1) | (size > len(bill) - 1)] = -np.inf
        best = after.argmax(axis=1)
        rows = np.arange(len(active))
        # A step that gains next to nothing may be one of rounding, and steps of rounding may go round in a circle.
        better = after[rows, best] > saving[active] + 1e-12 * np.abs(bill).sum()
        active, best, rows = active[better], best[better], rows[better]
        total[active] = moved[rows, best]
        owed[active] += step[rows, best] * bill[best]
        saving[active] = after[rows, best]
        inside[active] ^= members[None, :] == best[:, None]
    return inside, saving


def _paid(total: np.ndarray, retail: np.ndarray, feed_in: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.maximum(retail * total, feed_in * total).sum(axis=-1)
    return found
