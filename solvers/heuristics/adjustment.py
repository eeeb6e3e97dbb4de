"""Adjustments by rules: who is asked first where a limit of the network is broken.

All of them look at the limit that is broken most, ask loads until its tangent says that it is kept, compute the flow
anew, and go on with the limit that is then broken most. What was asked of a load is taken back only where another
limit asks for the opposite.

Source: Postnikov et al., section on the network ("determines the sensitivities of each agent … and makes adjustments to
the agents based on their impact on the constraints"); order by price and shares ours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...instances.adjustment import AdjustmentInstance
from ...instances.errors import NoFlowError, NotApplicable
from ...models.aggregator.adjustment import AdjustmentDecision
from ..adjustment_runs import breaks_limits
from ..adjustment_tangents import AIM
from ..feeder_limits import Limits
from ..kernels.load_flow import voltage_sensitivity
from ..method import Answer

TURNS = 500
"""Greatest number of limits that are looked at in one sample, one after the other or again."""

Ask = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""From the effect of each load's kW (n,), the kW that it can still give (n,) and what is lacking, to kW asked (n,)."""


def run_in_order(instance: AdjustmentInstance, *, per_price: bool) -> Answer:
    """Loads with most effect first, for their price or whatever it is.

    Raises
    ------
    NotApplicable
        If loads that help with some limit are used up.
    """
    with np.errstate(divide="ignore"):
        worth = np.where(instance.price > 0, 1.0 / np.where(instance.price > 0, instance.price, 1.0), np.inf)

    def ask(effect: np.ndarray, room: np.ndarray, lack: float) -> np.ndarray:
        helps = np.flatnonzero((effect > 0) & (room > 0))
        key = effect[helps] * worth[helps] if per_price else effect[helps]
        order = helps[np.argsort(-key, kind="stable")]
        gives = effect[order] * room[order]
        before = np.cumsum(gives) - gives
        asked = np.zeros(len(effect))
        asked[order] = np.clip(lack - before, 0.0, gives) / effect[order]
        return asked

    return _run(instance, ask)


def run_same_share(instance: AdjustmentInstance) -> Answer:
    """The same share of what each can give of all loads that help.

    Raises
    ------
    NotApplicable
        If loads that help with some limit are used up.
    """

    def ask(effect: np.ndarray, room: np.ndarray, lack: float) -> np.ndarray:
        gives = np.maximum(effect, 0.0) * room
        total = float(gives.sum())
        share = min(1.0, lack / total) if total > 0 else 0.0
        return np.where(effect > 0, share * room, 0.0)

    return _run(instance, ask)


def _run(instance: AdjustmentInstance, ask: Ask) -> Answer:
    limits = Limits.of_feeder(instance)
    change = np.zeros_like(instance.net_load_kw)
    for s in np.flatnonzero(breaks_limits(instance, limits)):
        change[s] = _sample(instance, int(s), limits, ask)
    return Answer(AdjustmentDecision(instance=instance, adjustment_kw=change))


def _sample(instance: AdjustmentInstance, s: int, limits: Limits, ask: Ask) -> np.ndarray:
    change = np.zeros(len(instance.load))
    for _ in range(TURNS):
        try:
            state = voltage_sensitivity(instance, instance.net_load_kw[s] - change, instance.net_load_kvar[s])
        except NoFlowError:
            raise NotApplicable(f"{instance.sample[s]}: there is no flow to begin with; see tangents") from None
        excess = limits.excess(state)
        worst = int(np.argmax(excess))
        if excess[worst] <= AIM:
            return change
        row, _ = limits.tangent(state, instance.net_load_kw[s] - change, worst)
        lack = float(excess[worst] * limits.size[worst])
        # Where more net load breaks the limit, less of it helps.
        reduces = row > 0
        room = np.where(reduces, instance.reducible_kw[s] - change, instance.raisable_kw[s] + change)
        asked = ask(np.abs(row), np.maximum(room, 0.0), lack)
        if not asked.any():
            break
        change = change + np.where(reduces, asked, -asked)
    where = instance.sample[s]
    raise NotApplicable(f"{where}: loads that help with the worst limit are used up in this order; see tangents")
