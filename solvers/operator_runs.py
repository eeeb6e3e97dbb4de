"""Runs for an operator's prices: the kernel, the program, and how prices become a decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.operator import OperatorInstance
from ..models.stackelberg.operator import OperatorDecision
from ..models.stackelberg.operator_program import build_pricing
from .kernels.operator_members import Members, log_members, quadratic_members
from .kernels.operator_pricing import best_prices
from .kkt import Mode, SingleLevel, single_level
from .method import Answer
from .program_runs import Watch, timed
from .programs import Outcome, solve_pyomo
from .scip_programs import solve_scip
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


SCIP_GAP = 1e-7
"""Relative gap at which products of prices and quantities count as solved: branching ends with none only by luck."""


@dataclass(frozen=True)
class Priced:
    """Prices of one interval by a program.

    Parameters
    ----------
    program : SingleLevel
        With values of the incumbent.
    outcome : Outcome
        In the program's units.
    buy_price, sell_price : float, currency/kWh
        Of the incumbent.
    consumption_kwh : (n,) array, kWh
        As the program says, the solver's tolerance apart.
    profit, bound : float, currency
        By the solver's own account.
    build_seconds : float
        Of stating it.
    """

    program: SingleLevel
    outcome: Outcome
    buy_price: float
    sell_price: float
    consumption_kwh: np.ndarray
    profit: float
    bound: float
    build_seconds: float


def solve_pricing(
    instance: OperatorInstance,
    t: int,
    menu: np.ndarray | None,
    *,
    price_factor: float = 1.0,
    time_limit_s: float | None = None,
) -> Priced:
    """Solve the program of one interval.

    Parameters
    ----------
    instance : OperatorInstance
        With quadratic utility.
    t : int
        Position of the interval.
    menu : (H,) array, currency/kWh, or None
        Prices within the grid's bracket that may be chosen (HiGHS); any prices without it (SCIP).
    price_factor : float
        On the proven bounds of prices; for certificates and tests.
    time_limit_s : float, optional
        For stating and solving.

    Raises
    ------
    NotApplicable
        If time is over before there is a point, or SCIP is needed and not installed.
    """
    watch = Watch.start(time_limit_s)
    program, seconds = timed(lambda: _stated(instance, t, menu, price_factor))
    model = program.model
    if menu is None:
        outcome = solve_scip(model, time_limit_s=watch.left(), gap=SCIP_GAP, **{"numerics/feastol": 1e-9})
    else:
        outcome = solve_pyomo(model, time_limit_s=watch.left())
    if not outcome.has_solution:
        raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
    buy, sell = (float(one.value) * model.price.value for one in (model.buy_price, model.sell_price))
    if menu is not None:
        buy, sell = (float(menu[np.abs(menu - one).argmin()]) for one in (buy, sell))
    low, high = float(instance.feed_in_price[t]), float(instance.retail_price[t])
    buy = min(max(buy, low), high)
    sell = min(max(sell, low), buy)
    used = np.array([float(model.follower[i].used()) for i in model.member]) * model.energy.value
    used = np.clip(used, instance.least_kwh[t], instance.greatest_kwh[t])
    answer = members_of(instance, t).answer(buy, sell)
    load = np.where(np.abs(used - answer) <= SNAP * instance.energy_size[t].max(), answer, used)
    unit = model.energy.value * model.price.value
    return Priced(
        program,
        outcome,
        buy,
        sell,
        load,
        outcome.objective * unit,
        outcome.bound * unit,
        seconds + outcome.build_seconds,
    )


def _stated(instance: OperatorInstance, t: int, menu: np.ndarray | None, price_factor: float) -> SingleLevel:
    from pyomo.common.collections import ComponentMap

    model, bounds = build_pricing(instance, t)
    lists = ComponentMap()
    if menu is not None:
        levels = (np.asarray(menu) / model.price.value).tolist()
        lists = ComponentMap([(model.buy_price, levels), (model.sell_price, levels)])
    mode: Mode = "sos1" if menu is None else "bigm"
    followers = list(model.follower.values())
    return single_level(model, followers, bounds, mode=mode, menus=lists, price_factor=price_factor)


def run_pricing(instance: OperatorInstance, levels: int | None, *, time_limit_s: float | None = None) -> Answer:
    """Best prices as declared in Pyomo: of a menu that cuts the grid's bracket into equal steps, or of all.

    Parameters
    ----------
    instance : OperatorInstance
        What is given.
    levels : int or None
        Prices on the menu, at least 2 (HiGHS); None for any prices (SCIP).
    time_limit_s : float, optional
        For all intervals together.

    Returns
    -------
    Answer

    Raises
    ------
    NotApplicable
        For a logarithmic utility, whose conditions are not linear; for too few prices; if time is over before there is
        a point in every interval; where SCIP is needed and not installed.
    """
    if instance.utility != "quadratic":
        raise NotApplicable("the program is for quadratic utilities only; best_prices takes both")
    if levels is not None and levels < 2:
        raise NotApplicable(f"a menu needs at least 2 prices, not {levels}")
    watch, found, status = Watch.start(time_limit_s), [], Status.OPTIMAL
    for t in range(len(instance.interval)):
        menu = None if levels is None else np.linspace(instance.feed_in_price[t], instance.retail_price[t], levels)
        found.append(solve_pricing(instance, t, menu, time_limit_s=watch.left()))
        status = status if found[-1].outcome.status is Status.OPTIMAL else found[-1].outcome.status
    decision = OperatorDecision(
        instance=instance,
        buy_price=[one.buy_price for one in found],
        sell_price=[one.sell_price for one in found],
        consumption_kwh=[one.consumption_kwh for one in found],
    )
    build_seconds = sum(one.build_seconds for one in found)
    if levels is None:
        # The rules' bound is sharper than a tree whose rows are kept to 1e-6.
        return Answer(decision, None, status, {}, build_seconds)
    earned = sum(one.profit for one in found)
    note = f"best of {levels} prices for each side: {earned:.9g}; other prices may earn more"
    return Answer(decision, None, status, {}, build_seconds, (note,))
