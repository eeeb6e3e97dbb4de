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
