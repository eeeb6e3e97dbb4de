"""Measures of sharing that do not depend on prices: own use, contribution rates, and how much of the gain is realised.

Source: Lange, equations 1 (contribution), 5 and 6 (self-consumption, self-sufficiency) and 8 (performance measure).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...instances.settlement import SettlementInstance
from ..fairness import ratio

COMMUNITY = "community"
"""Row in which the community counts as one member: what members give each other is its own use."""


def own_use(instance: SettlementInstance) -> pd.DataFrame:
    """Self-consumption and self-sufficiency of every member behind its own meter, and of the community behind one.

    What storages keep counts as use (of cars, what they drive). Storages that buy in order to sell again would bring
    shares below 0: they count as importing and exporting all at most. Without storages, self-consumption times
    generation is self-sufficiency times use.

    Parameters
    ----------
    instance : SettlementInstance
        The community.

    Returns
    -------
    pandas.DataFrame
        A row a member, and one for all of them, told apart by ``scope`` ("member", "community"): ``member``,
        ``generation_kwh``, ``used_kwh``, ``exported_kwh``, ``imported_kwh``, ``self_consumption`` (share of generation
        that is not exported) and ``self_sufficiency`` (share of use that is not imported); NaN where there is nothing
        to have a share of.
    """
    inside, n = instance.inside_kwh.sum(), len(instance.member)
    kept = 0.0 if instance.storage_kwh is None else np.maximum(instance.storage_kwh.sum(axis=0), 0.0)
    made, used = instance.generation_kwh.sum(axis=0), instance.load_kwh.sum(axis=0) + kept
    sold, bought = np.maximum(-instance.net_kwh, 0.0).sum(axis=0), np.maximum(instance.net_kwh, 0.0).sum(axis=0)
    generation, use = np.append(made, made.sum()), np.append(used, used.sum())
    exported, imported = np.append(sold, sold.sum() - inside), np.append(bought, bought.sum() - inside)
    return pd.DataFrame(
        {
            "scope": ["member"] * n + [COMMUNITY],
            "member": [*instance.member, COMMUNITY],
            "generation_kwh": generation,
            "used_kwh": use,
            "exported_kwh": exported,
            "imported_kwh": imported,
            "self_consumption": ratio(generation - np.minimum(exported, generation), generation),
            "self_sufficiency": ratio(use - np.minimum(imported, use), use),
        }
    )


def sharing_contribution_rate(contribution_kwh: Any, learning_rate: Any = 1.0, return_rate: float = 0.0) -> np.ndarray:
    """Each member's share of what the community earns by sharing, by what it contributed (equation 1).

    Parameters
    ----------
    contribution_kwh : (members, T) or (members, T, stages) array, kWh
        What each member contributed.
    learning_rate : number, or array that fits the last axes of the contributions
        Weight γ of each period, or of each stage of the contract.
    return_rate : float
        Share τ of the earnings that the aggregator keeps, in [0, 1].

    Returns
    -------
    (members,) array
        Adds up to 1 - τ.

    Raises
    ------
    ValueError
        For a return rate outside [0, 1], a negative contribution, or if nobody contributed anything.
    """
    contribution = np.asarray(contribution_kwh, dtype=float) * np.asarray(learning_rate, dtype=float)
    if not 0.0 <= return_rate <= 1.0:
        raise ValueError(f"the aggregator's rate of return must lie in [0, 1], not {return_rate:g}")
    if not ((contribution >= 0) & np.isfinite(contribution)).all():
        raise ValueError("contributions and learning rates must be numbers of at least 0")
    each: np.ndarray = contribution.reshape(len(contribution), -1).sum(axis=1)
    if each.sum() <= 0:
        raise ValueError("nobody contributed anything, so there is nothing to share out by")
    shares: np.ndarray = (1.0 - return_rate) * each / each.sum()
    return shares


def performance_measure(alone_cost: float, cost: float, least_cost: float) -> float:
    """Share of what sharing could save that is saved (equation 8): 0 for no sharing, 1 for the best dispatch.

    The paper leaves open what its extremes are. Here v_min is minus what all pay alone, v_max minus the least cost of
    the community, and iESR minus what is paid; so it depends on the dispatch, never on the prices.

    Parameters
    ----------
    alone_cost, cost, least_cost : float, currency
        Of all members alone, as it is, and the least.

    Returns
    -------
    float
        NaN where sharing could save nothing.
    """
    gain = alone_cost - least_cost
    return (alone_cost - cost) / gain if gain > 1e-12 * abs(alone_cost) else float("nan")
