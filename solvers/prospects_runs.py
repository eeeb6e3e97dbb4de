"""Runs for a leader's price before an unknown tomorrow: prices become equilibria, by kernel and by program."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.prospects import ProspectsInstance
from ..models.stackelberg.prospects import ProspectsDecision
from ..models.stackelberg.prospects_program import build_equilibrium
from .array_programs import TIGHT
from .kernels.prospect_prices import best_base_price, price_today, selling_threshold, trades_at
from .kkt import single_level
from .method import Answer
from .program_runs import Watch, timed
from .programs import solve_pyomo
from .scip_programs import solve_scip
from .status import Status


def answered(instance: ProspectsInstance, base_price: np.ndarray) -> ProspectsDecision:
    """Members' equilibrium at base prices, put into their range; ties as they suit the leader.

    Parameters
    ----------
    instance : ProspectsInstance
        The game.
    base_price : (T,) array, currency/kWh
        Of the leader.
    """
    base = np.clip(base_price, instance.price_low, instance.price_high)
    kept = np.empty_like(instance.stored_kwh)
    for t, price in enumerate(base):
        low, high = float(instance.future_low[t]), float(instance.future_high[t])
        slope, capacity = float(instance.price_slope[t]), instance.capacity_kwh[t]
        if slope == 0:
            threshold = selling_threshold(low, high, instance.loss_aversion, instance.curvature)
            kept[t] = trades_at(float(price), threshold, capacity, float(instance.supply_price[t]))
        else:
            stored = instance.stored_kwh[t]
            kept[t] = price_today(float(price), slope, stored, capacity, low, high, instance.loss_aversion)[1]
    return ProspectsDecision(instance=instance, base_price=base, traded_kwh=kept - instance.stored_kwh)


def best_prices(instance: ProspectsInstance) -> np.ndarray:
    """The leader's best base prices, (T,) currency/kWh, by the kernel."""
    found = [
        best_base_price(
            float(instance.supply_price[t]),
            float(instance.price_low[t]),
            float(instance.price_high[t]),
            float(instance.price_slope[t]),
            instance.stored_kwh[t],
            instance.capacity_kwh[t],
            float(instance.future_low[t]),
            float(instance.future_high[t]),
            instance.loss_aversion,
            instance.curvature,
        )[0]
        for t in range(len(instance.interval))
    ]
    return np.array(found)


def _refuse_losses(instance: ProspectsInstance) -> None:
    if (instance.loss_aversion > 1).any():
        reason = "with losses that count more than gains members minimise no common function; best_price takes them"
        raise NotApplicable(reason)
    if (instance.price_slope == 0).any():
        t = int(np.flatnonzero(instance.price_slope == 0)[0])
        raise NotApplicable(f"{instance.interval[t]}: without a slope answers are not unique; best_price takes them")


def equilibrium_by_program(instance: ProspectsInstance, t: int, base_price: float) -> np.ndarray:
    """What members buy at a base price, (n,) kWh, by the program of their potential (HiGHS).

    Raises
    ------
    NotApplicable
        If HiGHS' active-set method does not end: it has no safeguard against cycling of its own.
    """
    model, _ = build_equilibrium(instance, t, base_price)
    outcome = solve_pyomo(model, qp_iteration_limit=1000 + 20 * len(instance.member), **TIGHT)
    if outcome.status is not Status.OPTIMAL:
        raise NotApplicable(f"HiGHS stopped ({outcome.status}) before it had the members' equilibrium")
    return np.array([float(model.members.bought[n]()) for n in range(len(instance.member))])


def run_price_menu(instance: ProspectsInstance, levels: int, *, time_limit_s: float | None = None) -> Answer:
    """The best of evenly spaced base prices, members' equilibrium at each by the program of their potential.

    Raises
    ------
    NotApplicable
        Where losses count more than gains, without a slope, for fewer than 2 prices, or if time is over.
    """
    _refuse_losses(instance)
    if levels < 2:
        raise NotApplicable(f"a menu needs at least 2 prices, not {levels}")
    watch, base = Watch.start(time_limit_s), np.empty(len(instance.interval))
    for t in range(len(base)):
        menu = np.linspace(instance.price_low[t], instance.price_high[t], levels)
        earned = []
        for price in menu:
            if watch.over():
                raise NotApplicable("time is over before all prices of the menu were tried; allow more time")
            bought = float(equilibrium_by_program(instance, t, float(price)).sum())
            today = price + instance.price_slope[t] * bought
            earned.append((today - instance.supply_price[t]) * bought)
        base[t] = menu[int(np.argmax(earned))]
    return Answer(answered(instance, base), notes=(f"best of {levels} prices; others may earn more",))


def run_price_program(instance: ProspectsInstance, *, time_limit_s: float | None = None) -> Answer:
    """The best of all base prices, members' potential below it as conditions (SCIP).

    Raises
    ------
    NotApplicable
        Where losses count more than gains, without a slope, if time is over before there is a point, or where SCIP is
        not installed.
    """
    _refuse_losses(instance)
    watch, base, status, build_total = Watch.start(time_limit_s), np.empty(len(instance.interval)), Status.OPTIMAL, 0.0
    for t in range(len(base)):
        (model, bounds), seconds = timed(partial(build_equilibrium, instance, t))
        single_level(model, [model.members], bounds, mode="sos1")
        outcome = solve_scip(model, time_limit_s=watch.left(), gap=1e-7, **{"numerics/feastol": 1e-9})
        if not outcome.has_solution:
            raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
        base[t] = float(model.base_price.value)
        status = status if outcome.status is Status.OPTIMAL else outcome.status
        build_total += seconds + outcome.build_seconds
    return Answer(answered(instance, base), None, status, {}, build_total)
