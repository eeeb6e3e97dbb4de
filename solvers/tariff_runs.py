"""Runs of an operator's tariff: the bilevel program in its modes, and how its prices become a decision."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np

from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.tariff import TariffInstance
from ..models.stackelberg.tariff_program import build_bilevel, rows_of_spans
from .array_programs import TIGHT
from .kkt import Mode, SingleLevel, single_level
from .kkt_margin import forbid_circuits
from .method import Answer
from .program_runs import Watch, timed
from .programs import Outcome, SolverError, fix_integers, solve_pyomo
from .scip_programs import solve_scip
from .status import Status
from .tariff_answers import answered, proving_prices


@dataclass(frozen=True)
class Solved:
    """A bilevel program and what a solver made of it.

    Parameters
    ----------
    program : SingleLevel
        With values of the incumbent.
    outcome : Outcome
        In the program's units.
    profit, bound : float, currency
        By the solver's own account.
    buy_price, sell_price : (T,) arrays, currency/kWh
        Of the incumbent.
    build_seconds : float
        Of stating it.
    rounds : int
        Programs that were solved until no answer was left open.
    """

    program: SingleLevel
    outcome: Outcome
    profit: float
    bound: float
    buy_price: np.ndarray
    sell_price: np.ndarray
    build_seconds: float
    rounds: int


def solve_bilevel(
    instance: TariffInstance,
    *,
    mode: Mode = "bigm",
    margin: float = 0.0,
    menus: tuple[int, int] | None = None,
    price_factor: float = 1.0,
    time_limit_s: float | None = None,
) -> Solved:
    """State the game at one level and solve it.

    Parameters
    ----------
    instance : TariffInstance
        What is given.
    mode : {"bigm", "sos1", "menu"}
        See :func:`.single_level`; ``"sos1"`` is solved by SCIP, the others by HiGHS.
    margin : float, currency/kWh
        By how much each answer has to be better than others.
    menus : (int, int), optional
        Numbers of evenly spaced buying and selling prices, for mode "menu".
    price_factor : float
        On the proven bounds of prices; for certificates and tests.
    time_limit_s : float, optional
        For stating and solving.

    Raises
    ------
    NotApplicable
        If time is over before there is a point, or no prices keep the margin.
    """
    watch = Watch.start(time_limit_s)
    program, seconds = timed(lambda: _stated(instance, mode, margin, menus, price_factor))
    model = program.model
    unit = model.energy.value * model.price.value
    rounds = 0
    while True:
        rounds += 1
        try:
            solve = solve_scip if mode == "sos1" else solve_pyomo
            outcome = solve(model, time_limit_s=watch.left())
        except InfeasibleError as error:
            if not margin:
                raise
            reason = f"no prices leave members one answer by {margin:g} {instance.currency}/kWh"
            raise NotApplicable(reason) from error
        if not outcome.has_solution:
            raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
        if not margin or not forbid_circuits(program):
            break
    if mode != "sos1":
        # The incumbent keeps integers and rows to 1e-6 only; with its sides fixed the rest is linear.
        fix_integers(model)
        with contextlib.suppress(SolverError, InfeasibleError):
            sharp = solve_pyomo(model, **TIGHT)
            outcome = replace(outcome, objective=sharp.objective)
    low, high = instance.feed_in_price, instance.retail_price
    buy, sell = (
        np.clip([float(price[t].value) * model.price.value for t in model.interval], low, high)
        for price in (model.buy_price, model.sell_price)
    )
    seconds += outcome.build_seconds
    profit, bound = outcome.objective * unit, outcome.bound * unit
    return Solved(program, outcome, profit, bound, buy, sell, seconds, rounds)


def _stated(
    instance: TariffInstance, mode: Mode, margin: float, menus: tuple[int, int] | None, price_factor: float
) -> SingleLevel:
    from pyomo.common.collections import ComponentMap

    model, bounds = build_bilevel(instance, margin=margin)
    lists = ComponentMap()
    if menus is not None:
        for prices, levels in ((model.buy_price, menus[0]), (model.sell_price, menus[1])):
            for price in prices.values():
                lists[price] = np.linspace(price.lb, price.ub, levels).tolist()
    return single_level(
        model,
        list(model.follower.values()),
        bounds,
        mode=mode,
        strict=margin / model.price.value,
        row_groups=rows_of_spans(model) if margin else None,
        menus=lists,
        price_factor=price_factor,
    )


def run_bilevel(
    instance: TariffInstance, mode: Mode, *, margin: float = 0.0, time_limit_s: float | None = None
) -> Answer:
    """Best prices by the game at one level.

    Parameters
    ----------
    instance : TariffInstance
        What is given.
    mode : {"bigm", "sos1"}
        How complementarity is stated.
    margin : float, currency/kWh
        By how much members' answers have to be better than others.
    time_limit_s : float, optional
        For all that is solved.

    Returns
    -------
    Answer
        With the tree's bound, unless a margin restricts what it holds for.

    Raises
    ------
    NotApplicable
        If time is over before there is a point, no prices keep the margin, or SCIP is needed and not installed.
    """
    if not margin >= 0:
        raise NotApplicable(f"margin is {margin:g}; give a number of at least 0, {instance.currency}/kWh")
    watch = Watch.start(time_limit_s)
    found = solve_bilevel(instance, mode=mode, margin=margin, time_limit_s=watch.left())
    decision = answered(instance, found.buy_price, found.sell_price, watch)
    table = found.program.table()
    notes = [f"{len(table)} complementarities, {table.price_use.max():.2g} of the bounds of prices used at most"]
    if margin:
        notes.append(f"{found.rounds} programs until each member had one answer by {margin:g} {instance.currency}/kWh")
    if found.outcome.status is not Status.OPTIMAL:
        notes.append(f"stopped with a profit of {found.profit:.6g} and a bound of {found.bound:.6g}")
    bounds = {} if margin else dict.fromkeys(("profit", "profit_pessimistic"), found.bound)
    return Answer(decision, proving_prices(instance), found.outcome.status, bounds, found.build_seconds, tuple(notes))


def run_menu(instance: TariffInstance, levels: tuple[int, int], *, time_limit_s: float | None = None) -> Answer:
    """Best prices out of evenly spaced ones in each interval, by strong duality (HiGHS).

    Parameters
    ----------
    instance : TariffInstance
        What is given.
    levels : (int, int)
        Numbers of buying and selling prices, at least 2.
    time_limit_s : float, optional
        For all that is solved.

    Raises
    ------
    NotApplicable
        For fewer than 2 prices, where none on the menu keep the means, or if time is over before there is a point.
    """
    if min(levels) < 2:
        raise NotApplicable(f"a menu needs at least 2 prices, not {min(levels)}")
    watch = Watch.start(time_limit_s)
    try:
        found = solve_bilevel(instance, mode="menu", menus=levels, time_limit_s=watch.left())
    except InfeasibleError as error:
        raise NotApplicable("no prices on the menu keep the means; take more levels") from error
    decision = answered(instance, found.buy_price, found.sell_price, watch)
    note = f"best of {levels[0]} buying and {levels[1]} selling prices: {found.profit:.9g}; others may earn more"
    return Answer(decision, None, found.outcome.status, {}, found.build_seconds, (note,))
