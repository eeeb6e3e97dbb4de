"""Decisions read out of the programs of portfolios."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..instances.portfolio import PortfolioInstance
from ..models.aggregator.portfolio import PortfolioDecision
from ..models.linear_program import LinearProgram

FLOWS = {
    "intraday_sale_kw": "intraday_sale",
    "intraday_purchase_kw": "intraday_purchase",
    "up_offer_kw": "up_offer",
    "down_offer_kw": "down_offer",
    "charge_kw": "charge",
    "discharge_kw": "discharge",
    "rapid_kwh": "rapid",
    "curtailed_kw": "curtailed",
}
"""Fields of a decision and what programs call them."""


def decision_of_arrays(instance: PortfolioInstance, program: LinearProgram, point: np.ndarray) -> PortfolioDecision:
    """A decision out of a point of the program of arrays."""
    fields: dict[str, np.ndarray] = {}
    shape = instance.storage_shape
    sizes = {"curtailed": (*shape[:2], len(instance.member))}
    for name, columns in FLOWS.items():
        cells = len(program.columns[columns].at.T)
        fields[name] = program.scatter(columns, point, sizes.get(columns, shape[:cells]))
    for name, columns, hours in (
        ("day_ahead_kw", "block_offer", instance.day_ahead_block_h),
        ("up_reserve_kw", "up_block", instance.reserve_block_h),
        ("down_reserve_kw", "down_block", instance.reserve_block_h),
    ):
        fields[name] = point[program.columns[columns].places][instance.block_of(hours)]
    return settled(instance, **fields)


def settled(instance: PortfolioInstance, **fields: Any) -> PortfolioDecision:
    """A decision whose flows were put back between their limits, from which a solver's last digits may stray."""
    limits = {
        "charge_kw": instance.there * instance.charge_kw,
        "discharge_kw": instance.there * instance.discharge_kw,
        "rapid_kwh": instance.driven_kwh,
        "curtailed_kw": instance.generation_kw,
    }
    for name, values in fields.items():
        low = -instance.day_ahead_limit_kw if name == "day_ahead_kw" else 0.0
        fields[name] = np.clip(values, low, limits.get(name, np.inf))
    return PortfolioDecision(instance=instance, **fields)


def both_ways(decision: PortfolioDecision) -> tuple[str, ...]:
    """A note if a storage is charged and discharged at once, which the program does not forbid."""
    both = np.minimum(decision.charge_kw, decision.discharge_kw)
    if not both.size or both.max() <= 1e-6:
        return ()
    s, t, i = (int(k) for k in np.unravel_index(np.argmax(both), both.shape))
    given = decision.instance
    return (
        f"{given.storage[i]} is charged and discharged at once, most in {given.scenario[s]}, {given.interval[t]} with "
        f"{both[s, t, i]:.3g} kW: burning energy pays there",
    )
