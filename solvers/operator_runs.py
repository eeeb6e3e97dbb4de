"""Runs for an operator's prices: the kernel, the menu program, and how prices become a decision."""

from __future__ import annotations

import math

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.operator import OperatorInstance
from ..models.stackelberg.operator import OperatorDecision
from ..models.stackelberg.operator_program import build_price_menu
from .kernels.operator_members import Members, log_members, quadratic_members
from .kernels.operator_pricing import best_prices
from .method import Answer
from .program_runs import Watch, timed
from .programs import solve_pyomo
from .status import Status

SNAP = 1e-5
"""Difference of a program's load from a member's answer, by the greatest load, that is the solver's tolerance."""


def members_of(instance: OperatorInstance, t: int) -> Members:
    """Members of one interval as the kernels want them."""
    own, limits = instance.generation_kwh[t], (instance.least_kwh[t], instance.greatest_kwh[t])
    prices = float(instance.feed_in_price[t]), float(instance.retail_price[t])
    if instance.utility == "log":
        return log_members(own, instance.log_worth[t], *limits, *prices)
    return quadratic_members(own, instance.first_worth[t], instance.saturation[t], *limits, *prices)


def answered(instance: OperatorInstance, buy_price: np.ndarray, sell_price: np.ndarray) -> OperatorDecision:
    """A decision with given prices, at which everybody uses what is best for it.

    Parameters
    ----------
    instance : OperatorInstance
        The community.
    buy_price, sell_price : (T,) arrays, currency/kWh
        The latter must not be higher.
    """
    intervals = range(len(instance.interval))
    load = np.array([members_of(instance, t).answer(float(buy_price[t]), float(sell_price[t])) for t in intervals])
    return OperatorDecision(instance=instance, buy_price=buy_price, sell_price=sell_price, consumption_kwh=load)


def run_best_prices(instance: OperatorInstance) -> Answer:
    """The operator's best prices, each interval by itself."""
    found = [best_prices(members_of(instance, t)) for t in range(len(instance.interval))]
    decision = OperatorDecision(
        instance=instance,
        buy_price=np.array([one.buy_price for one in found]),
        sell_price=np.array([one.sell_price for one in found]),
        consumption_kwh=np.array([one.consumption_kwh for one in found]),
    )
    return Answer(decision)


def run_price_menu(instance: OperatorInstance, levels: int, *, time_limit_s: float | None = None) -> Answer:
    """Best prices of a menu that cuts the grid's bracket into equal steps, as declared in Pyomo (HiGHS).

    Parameters
    ----------
    instance : OperatorInstance
        What is given.
    levels : int
        Prices on the menu, at least 2.
    time_limit_s : float, optional
        For all intervals together.

    Returns
    -------
    Answer

    Raises
    ------
    NotApplicable
        For a logarithmic utility, whose conditions are not linear; for too few prices; if time is over before there is
        a point in every interval.
    """
    if instance.utility != "quadratic":
        raise NotApplicable("the program is linear for quadratic utilities only; best_prices takes both")
    if levels < 2:
        raise NotApplicable(f"a menu needs at least 2 prices, not {levels}")
    watch, build_seconds, status = Watch.start(time_limit_s), 0.0, Status.OPTIMAL
    load = np.empty_like(instance.generation_kwh)
    buy, sell = np.empty(len(load)), np.empty(len(load))
    earned = 0.0
    for t in range(len(load)):
        menu = np.linspace(instance.feed_in_price[t], instance.retail_price[t], levels)
        found = solve_menu(instance, t, menu, time_limit_s=watch.left())
        buy[t], sell[t], load[t], outcome_status, seconds, objective = found
        build_seconds, earned = build_seconds + seconds, earned + objective
        status = status if outcome_status is Status.OPTIMAL else outcome_status
    decision = OperatorDecision(instance=instance, buy_price=buy, sell_price=sell, consumption_kwh=load)
    note = f"best of {levels} prices for each side: {earned:.9g}; other prices may earn more"
    return Answer(decision, status=status, build_seconds=build_seconds, notes=(note,))


def solve_menu(
    instance: OperatorInstance,
    t: int,
    menu: np.ndarray,
    *,
    slack: float = 1.0,
    time_limit_s: float | None = None,
) -> tuple[float, float, np.ndarray, Status, float, float]:
    """Solve the program of one interval.

    Parameters
    ----------
    instance, t, menu, slack
        See :func:`.build_price_menu`.
    time_limit_s : float, optional
        For stating and solving.

    Returns
    -------
    buy_price, sell_price : float, currency/kWh
    consumption_kwh : (n,) array, kWh
        As the program says, the solver's tolerance apart.
    status : Status
    build_seconds : float
    profit : float, currency
        As the program says.

    Raises
    ------
    NotApplicable
        If time is over before there is a point.
    """
    watch = Watch.start(time_limit_s)
    model, seconds = timed(lambda: build_price_menu(instance, t, menu, slack=slack))
    outcome = solve_pyomo(model, time_limit_s=watch.left())
    if not outcome.has_solution or math.isnan(outcome.objective):
        raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
    buy, sell = (
        float(menu[max(model.level, key=lambda h: chosen[h].value)]) for chosen in (model.buy_is, model.sell_is)
    )
    used = np.array([float(model.used[i]()) for i in model.member]) * model.energy.value
    used = np.clip(used, instance.least_kwh[t], instance.greatest_kwh[t])
    answer = members_of(instance, t).answer(buy, sell)
    load = np.where(np.abs(used - answer) <= SNAP * instance.energy_size[t].max(), answer, used)
    profit = outcome.objective * model.energy.value * model.price.value
    return buy, sell, load, outcome.status, seconds + outcome.build_seconds, profit
