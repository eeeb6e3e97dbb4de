"""Speed of the Stackelberg games: kernels beside the programs and a sort, and the largest bilevel program that ends.

The kernels' times grow as a sort does; the oracle that goes through all pairs of pieces, and programs, are timed on
what they can bear.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.operator import OperatorInstance
from ..instances.prospects import ProspectsInstance
from ..instances.sellers import SellersInstance
from ..instances.sources.small_tariff import homes_with_batteries
from ..instances.tariff import TariffInstance
from ..models.stackelberg.tariff import profit, profit_bound
from ..solvers.heuristics.operator import best_of_menu
from ..solvers.heuristics.tariff import keep_answers
from ..solvers.kernels.operator_cells import best_by_cells
from ..solvers.kernels.operator_pricing import best_prices
from ..solvers.kkt import Mode
from ..solvers.operator_runs import members_of, solve_pricing
from ..solvers.prospects_runs import answered, equilibrium_by_program
from ..solvers.scip_programs import scip_is_installed
from ..solvers.sellers_runs import choice_by_program, chosen
from ..solvers.tariff_answers import proving_prices
from ..solvers.tariff_runs import Solved, solve_bilevel
from .speed import Task

LIMIT_S = 60.0
"""Seconds that a bilevel program is given."""


def homes(members: int, seed: int = 1) -> OperatorInstance:
    """One interval of homes, half of them with more than they want."""
    rng = np.random.default_rng(seed)
    own = np.where(rng.random(members) < 0.5, rng.uniform(3.0, 8.0, members), rng.uniform(0.0, 1.0, members))
    return OperatorInstance(
        generation_kwh=[own],
        first_worth=[rng.uniform(0.25, 0.45, members)],
        saturation=[rng.uniform(0.03, 0.1, members)],
        greatest_kwh=[own + rng.uniform(0.5, 8.0, members)],
        retail_price=[0.3],
        feed_in_price=[0.05],
    )


def sort_task(members: int) -> Task:
    """The operator's prices for very many members, beside a sort of as many numbers."""
    instance = homes(members)
    found = members_of(instance, 0)
    numbers = np.random.default_rng(0).random(members)
    return Task(
        "an operator's prices",
        f"{members} members",
        {"kernel": partial(best_prices, found), "numpy.sort": partial(np.sort, numbers)},
    )


def oracle_task(members: int) -> Task:
    """The same by all pairs of pieces."""
    found = members_of(homes(members), 0)
    return Task(
        "an operator's prices by all pairs of pieces",
        f"{members} members",
        {"kernel": lambda: best_prices(found).profit, "all pairs": lambda: best_by_cells(found).profit},
        answers=lambda value: np.array([value]),
    )


def menu_task(members: int, levels: int) -> Task:
    """The best of a menu by the program and by trying it, beside the best of all prices."""
    instance = homes(members)
    found = members_of(instance, 0)
    menu = np.linspace(0.05, 0.30, levels)
    return Task(
        "an operator's prices from a menu",
        f"{members} members, {levels} prices",
        {
            "program (HiGHS)": lambda: solve_pricing(instance, 0, menu).profit,
            "all pairs of the menu": lambda: found.profit(*best_of_menu(found, menu)),
            "kernel, any prices": lambda: best_prices(found).profit,
        },
        repetitions=3,
        kernels=("kernel, any prices",),
        answers=lambda value: np.array([value]),
        memory=False,
    )


def choice_task(sellers: int, intervals: int) -> Task:
    """What buyers choose among sellers, by filling vessels and by the program."""
    rng = np.random.default_rng(2)
    instance = SellersInstance(
        capacity_kwh=rng.uniform(0.5, 3.0, (intervals, sellers)),
        congestion=rng.uniform(0.01, 0.05, sellers),
        demand_kwh=np.full(intervals, 0.6 * sellers),
        retail_price=np.full(intervals, 0.3),
        feed_in_price=np.full(intervals, 0.05),
    )
    price = rng.uniform(0.05, 0.3, (intervals, sellers))
    return Task(
        "buyers' choice among sellers",
        f"{intervals} x {sellers} sellers",
        {"kernel": partial(chosen, instance, price), "program (Clarabel)": partial(choice_by_program, instance, price)},
        repetitions=3,
        answers=lambda found: found[0].ravel(),
        memory=False,
    )


def equilibrium_task(members: int) -> Task:
    """The equilibrium of members before an unknown tomorrow, by bisection and by the program of their potential."""
    rng = np.random.default_rng(3)
    stored = rng.uniform(0.5, 2.0, (1, members))
    game = ProspectsInstance(
        stored_kwh=stored,
        capacity_kwh=stored + rng.uniform(0.0, 3.0, (1, members)),
        price_slope=[0.1 / members],
        future_low=[0.1],
        future_high=[0.3],
        price_low=[0.0],
        price_high=[0.4],
        supply_price=[0.16],
    )
    base = np.array([0.12])
    return Task(
        "an equilibrium before an unknown tomorrow",
        f"{members} members",
        {
            "kernel": lambda: answered(game, base).traded_kwh[0],
            "program (HiGHS)": lambda: equilibrium_by_program(game, 0, 0.12),
        },
        repetitions=3,
        answers=lambda found: found,
        memory=False,
    )


def bilevel_task(members: int, steps: int, seed: int) -> Task:
    """The tariff for members with batteries at one level, by both solvers, with what is known where neither ends."""
    instance = homes_with_batteries(members, steps, seed)
    calls = {
        "constants (HiGHS)": lambda: _solved(instance, "bigm"),
        "bound by weak duality": lambda: profit_bound(instance, proving_prices(instance)),
        "keeping answers": lambda: keep_answers(instance, 4, False, LIMIT_S),
    }
    if scip_is_installed():
        calls["ordered sets (SCIP)"] = lambda: _solved(instance, "sos1")
    missing = {} if scip_is_installed() else {"ordered sets (SCIP)": "pip install 'commonwatt[scip]'"}
    return Task(
        "a tariff for members with batteries",
        f"{members} members, {steps} intervals, seed {seed}",
        calls,
        repetitions=1,
        kernels=("bound by weak duality",),
        notes={
            "constants (HiGHS)": _said,
            "ordered sets (SCIP)": _said,
            "bound by weak duality": lambda bound: f"profit at most {bound:.6g}",
            "keeping answers": lambda answer: f"profit {profit(instance, answer.decision):.6g}",
        },
        missing=missing,
        memory=False,
    )


def _solved(instance: TariffInstance, mode: Mode) -> Solved | None:
    try:
        return solve_bilevel(instance, mode=mode, time_limit_s=LIMIT_S)
    except NotApplicable:
        return None


def _said(found: Solved | None) -> str:
    if found is None:
        return "no point in time"
    return f"{found.outcome.status}: {found.profit:.6g}, at most {found.bound:.6g}"


def tasks(quick: bool = False) -> Iterator[Task]:
    """Yield the tasks one after another, so that only one holds its data in memory."""
    for members in (100,) if quick else (10**3, 10**4, 10**5):
        yield sort_task(members)
    yield oracle_task(5 if quick else 40)
    yield menu_task(3, 4) if quick else menu_task(20, 6)
    yield choice_task(5, 3) if quick else choice_task(1_000, 24)
    yield equilibrium_task(6 if quick else 100)
    for size in ((1, 2),) if quick else ((2, 6), (3, 12), (2, 24), (5, 12), (6, 24), (10, 24)):
        yield bilevel_task(*size, seed=3)
