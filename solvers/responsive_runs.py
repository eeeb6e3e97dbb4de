"""Runs for responsive loads: the social program, the two exact kernels, and how loads become a decision with prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.responsive import ResponsiveInstance
from ..models.settlement.responsive import ResponsiveDecision, ResponsivePrices
from ..models.settlement.responsive_program import SocialProgram, build_social_program
from .kernels.equilibrium import clearing_price, sharing_equilibrium
from .kernels.internal_prices import edge_cases, sdr_prices
from .kernels.response import best_response
from .method import Answer
from .program_runs import Watch, timed
from .programs import TIGHT_CONES, Outcome, solve_cvxpy
from .settlements import MEANING

if TYPE_CHECKING:
    import pandas as pd

Pair = tuple[np.ndarray, np.ndarray]


def traded(instance: ResponsiveInstance, load_kwh: np.ndarray) -> Pair:
    """What all members buy, and all sell, at given loads, (T,) kWh each."""
    net = load_kwh - instance.generation_kwh
    return np.maximum(net, 0.0).sum(axis=1), np.maximum(-net, 0.0).sum(axis=1)


def answer_to(instance: ResponsiveInstance, buy_price: np.ndarray, sell_price: np.ndarray) -> np.ndarray:
    """Loads of members who take prices as given, (T, n) kWh."""
    return best_response(
        instance.wanted_kwh,
        instance.generation_kwh,
        instance.discomfort,
        buy_price,
        sell_price,
        least_kwh=instance.least_kwh,
        greatest_kwh=instance.upper_kwh,
        total_kwh=instance.total_kwh,
    )


def nearest_load(instance: ResponsiveInstance, load_kwh: np.ndarray) -> np.ndarray:
    """The nearest loads, member by member, that keep limits and totals, (T, n) kWh."""
    free = np.zeros(len(instance.interval))
    found: np.ndarray = best_response(
        load_kwh,
        instance.generation_kwh,
        np.ones(len(instance.member)),
        free,
        free,
        least_kwh=instance.least_kwh,
        greatest_kwh=instance.upper_kwh,
        total_kwh=instance.total_kwh,
    )
    return found


def settle_by_ratio(
    instance: ResponsiveInstance,
    load_kwh: np.ndarray,
    *,
    notes: tuple[str, ...] = (),
    logs: Mapping[str, pd.DataFrame] | None = None,
) -> Answer:
    """Loads, billed at the prices that supply and demand make of them.

    Parameters
    ----------
    instance : ResponsiveInstance
        The community.
    load_kwh : (T, n) array, kWh
        What everybody uses.
    notes, logs
        Of the answer; notes on intervals that are priced by convention are added.

    Returns
    -------
    Answer
    """
    bought, sold = traded(instance, load_kwh)
    buy, sell = sdr_prices(bought, sold, instance.retail_price, instance.feed_in_price)
    cases = edge_cases(bought, sold, instance.feed_in_price)
    decision = ResponsiveDecision(instance=instance, load_kwh=load_kwh, buy_price=buy, sell_price=sell)
    return Answer(decision, notes=(*notes, *_conventions(instance, cases)), logs=dict(logs or {}))


def _conventions(instance: ResponsiveInstance, cases: np.ndarray) -> tuple[str, ...]:
    found = []
    for case, meaning in MEANING.items():
        at = np.flatnonzero(cases == case)
        if at.size:
            intervals = f"{at.size} interval{'s' * (at.size > 1)}"
            found.append(f"{case}: {intervals}, the first {instance.interval[at[0]]} ({meaning})")
    return tuple(found)


def settle_at_one_price(
    instance: ResponsiveInstance, load_kwh: np.ndarray, price: np.ndarray, total_value: np.ndarray | None = None
) -> Answer:
    """Loads, billed at one price for buying and selling.

    Such a price pays the grid exactly where it belongs to the social optimum. What rounding leaves, the grid's cost
    above the price times the net load, is paid by both sides alike for each kWh that they trade.

    Parameters
    ----------
    instance : ResponsiveInstance
        The community.
    load_kwh : (T, n) array, kWh
        What everybody uses.
    price : (T,) array, currency/kWh
        Within the grid's bracket.
    total_value : (n,) array, currency/kWh, optional
        What one more kWh in each member's total costs it.

    Returns
    -------
    Answer
        With prices that prove a bound.
    """
    bought, sold = traded(instance, load_kwh)
    missing = instance.grid_cost(bought - sold) - price * (bought - sold)
    each = np.divide(missing, bought + sold, out=np.zeros_like(missing), where=bought + sold > 0)
    decision = ResponsiveDecision(instance=instance, load_kwh=load_kwh, buy_price=price + each, sell_price=price - each)
    return Answer(decision, ResponsivePrices(instance=instance, energy_price=price, total_value=total_value))


def run_social_program(instance: ResponsiveInstance, *, time_limit_s: float | None = None) -> Answer:
    """The social optimum and its dual prices, as declared (Clarabel).

    Parameters
    ----------
    instance : ResponsiveInstance
        What is given.
    time_limit_s : float, optional
        For stating and solving together.

    Returns
    -------
    Answer

    Raises
    ------
    NotApplicable
        If time is over before there is a point: an interior-point method has nothing to show before it ends.
    """
    watch = Watch.start(time_limit_s)
    program, build_seconds = timed(lambda: build_social_program(instance))
    outcome = solve_cvxpy(program.problem, time_limit_s=watch.left(), **TIGHT_CONES)
    if not outcome.has_solution:
        raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
    return replace(_read(instance, program, outcome), build_seconds=build_seconds + outcome.build_seconds)


def _read(instance: ResponsiveInstance, program: SocialProgram, outcome: Outcome) -> Answer:
    """The answer with loads put onto their limits and totals, and duals in currency/kWh."""
    load = nearest_load(instance, np.asarray(program.load.value) * program.energy)
    dual = np.asarray(outcome.dual(program.community_is_balanced)).reshape(-1) * program.price
    price, value = np.clip(dual, instance.feed_in_price, instance.retail_price), None
    if program.total_is_used is not None:
        value = np.asarray(outcome.dual(program.total_is_used)).reshape(-1) * program.price
    return replace(settle_at_one_price(instance, load, price, value), status=outcome.status)


def run_equilibrium(instance: ResponsiveInstance) -> Answer:
    """The equilibrium of price takers under supply and demand, by bisection.

    Raises
    ------
    NotApplicable
        For loads that must add up, whose intervals hang together.
    """
    _refuse_totals(instance, "damped_iteration looks for an equilibrium")
    load, _ = sharing_equilibrium(*_data(instance), least_kwh=instance.least_kwh, greatest_kwh=instance.upper_kwh)
    return settle_by_ratio(instance, load)


def run_clearing(instance: ResponsiveInstance) -> Answer:
    """The social optimum by bisection on its price.

    Raises
    ------
    NotApplicable
        For loads that must add up, whose intervals hang together.
    """
    _refuse_totals(instance, "social_program finds the optimum")
    load, price = clearing_price(*_data(instance), least_kwh=instance.least_kwh, greatest_kwh=instance.upper_kwh)
    return settle_at_one_price(instance, load, price)


def _data(instance: ResponsiveInstance) -> tuple[np.ndarray, ...]:
    return (
        instance.wanted_kwh,
        instance.generation_kwh,
        instance.discomfort,
        instance.retail_price,
        instance.feed_in_price,
    )


def _refuse_totals(instance: ResponsiveInstance, instead: str) -> None:
    if instance.coupled:
        raise NotApplicable(f"loads must add up to totals, so that intervals hang together; {instead}")
