"""Runs for sellers who lead: how prices become a decision, the closed forms checked, and programs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.sellers import SellersInstance
from ..models.stackelberg.competition import deviation_gain
from ..models.stackelberg.sellers import SellersDecision, SellersPrices
from ..models.stackelberg.sellers_program import ChoiceProgram, build_choice_program
from .kernels.seller_prices import buyers_choice, price_equilibrium
from .method import Answer
from .program_runs import Watch, timed
from .programs import TIGHT_CONES, Outcome, solve_cvxpy

if TYPE_CHECKING:
    import pandas as pd

NOTHING_TO_GAIN = 1e-9
"""Gain, as a share of what demand is worth between the grid's prices, up to which a price is a best reply."""

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


def chosen(instance: SellersInstance, price: np.ndarray) -> Triple:
    """What buyers buy of each seller and of the grid at prices, and the level, by the kernel."""
    return buyers_choice(price, instance.congestion, instance.capacity_kwh, instance.demand_kwh, instance.retail_price)


def play(
    instance: SellersInstance,
    price: np.ndarray,
    *,
    notes: tuple[str, ...] = (),
    logs: Mapping[str, pd.DataFrame] | None = None,
) -> Answer:
    """Prices, put between the grid's, and buyers' answer to them."""
    price = np.clip(price, instance.feed_in_price[:, None], instance.retail_price[:, None])
    sold, grid, level = chosen(instance, price)
    decision = SellersDecision(instance=instance, price=price, sold_kwh=sold, grid_kwh=grid, level=level)
    return Answer(decision, notes=notes, logs=dict(logs or {}))


def run_equilibrium(instance: SellersInstance) -> Answer:
    """Closed-form prices at which no seller gains by another, checked by trying every best reply.

    Raises
    ------
    NotApplicable
        Where no closed form applies, or a seller would gain by filling its rivals up; the reason names the interval.
    """
    price, regime = price_equilibrium(
        instance.unit_cost, instance.congestion, instance.capacity_kwh, instance.demand_kwh, instance.retail_price
    )
    for t in np.flatnonzero(regime == ""):
        raise NotApplicable(f"{instance.interval[t]}: {_why_none(instance)}; best_response looks for an equilibrium")
    answer = play(instance, price)
    gain = deviation_gain(instance, answer.decision.price, answer.decision.sold_kwh)  # type: ignore[attr-defined]
    slack = NOTHING_TO_GAIN * (instance.bracket * instance.demand_kwh)
    for t, j in np.argwhere(gain > slack[:, None]):
        who, how_much = f"{instance.interval[t]}: {instance.seller[j]}", f"{gain[t, j]:.3g} {instance.currency}"
        raise NotApplicable(f"{who} would gain {how_much} at a price at which others have nothing left to sell")
    kinds = ", ".join(f"{name} {int((regime == name).sum())}" for name in dict.fromkeys(regime))
    return replace(answer, notes=(f"intervals by closed form: {kinds}",))


def _why_none(instance: SellersInstance) -> str:
    if (instance.congestion > 0).all():
        return "a capacity or the retail price binds, or only one seller can compete, which has no closed form"
    return "sellers without congestion undercut each other, and no prices need last (Bertrand and Edgeworth)"


def run_efficient(instance: SellersInstance) -> Answer:
    """Least social cost by filling sellers up, each asking its cost and the congestion that one more kWh causes."""
    sold, grid, level = buyers_choice(
        instance.unit_cost,
        2.0 * instance.congestion,
        instance.capacity_kwh,
        instance.demand_kwh,
        instance.retail_price,
    )
    return _efficient(instance, sold, grid, level)


def _efficient(instance: SellersInstance, sold: np.ndarray, grid: np.ndarray, level: np.ndarray) -> Answer:
    """The social optimum with the prices at which buyers choose it, and the level that proves it."""
    price = np.minimum(instance.unit_cost + instance.congestion * sold, instance.retail_price[:, None])
    decision = SellersDecision(instance=instance, price=price, sold_kwh=sold, grid_kwh=grid, level=level)
    return Answer(decision, SellersPrices(instance=instance, energy_price=level))


def run_social_program(instance: SellersInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least social cost as declared (Clarabel).

    Raises
    ------
    NotApplicable
        If time is over before there is a point: an interior-point method has nothing to show before it ends.
    """
    (sold, grid, level), outcome, seconds = _solved(instance, instance.unit_cost, 1.0, time_limit_s)
    return replace(_efficient(instance, sold, grid, level), status=outcome.status, build_seconds=seconds)


def choice_by_program(instance: SellersInstance, price: np.ndarray) -> Triple:
    """What :func:`chosen` gives, by the program and its dual."""
    return _solved(instance, price, 0.5, None)[0]


def _solved(
    instance: SellersInstance, price: np.ndarray, share: float, time_limit_s: float | None
) -> tuple[Triple, Outcome, float]:
    watch = Watch.start(time_limit_s)
    program, build_seconds = timed(lambda: build_choice_program(instance, price, share=share))
    outcome = solve_cvxpy(program.problem, time_limit_s=watch.left(), **TIGHT_CONES)
    if not outcome.has_solution:
        raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
    return _read(instance, program, outcome), outcome, build_seconds + outcome.build_seconds


def _read(instance: SellersInstance, program: ChoiceProgram, outcome: Outcome) -> Triple:
    """What is bought, put onto its limits and in sum onto demand, and the dual in currency/kWh."""
    sold = np.clip(np.asarray(program.sold.value) * program.energy, 0.0, instance.capacity_kwh)
    total = sold.sum(axis=1)
    sold *= np.minimum(1.0, instance.demand_kwh / np.where(total > 0, total, 1.0))[:, None]
    missing = instance.demand_kwh - sold.sum(axis=1)
    grid = np.maximum(np.minimum(np.asarray(program.grid.value).reshape(-1) * program.energy, missing), 0.0)
    # What rounding leaves is shared by what has room.
    room = instance.capacity_kwh - sold
    wide = np.where(sold > 0, room, 0.0)
    some = wide.sum(axis=1)
    part = np.divide(np.minimum(missing - grid, some), some, out=np.zeros_like(some), where=some > 0)
    sold = sold + part[:, None] * wide
    level = np.asarray(outcome.dual(program.demand_is_met)).reshape(-1) * program.money
    return sold, np.maximum(instance.demand_kwh - sold.sum(axis=1), 0.0), level
