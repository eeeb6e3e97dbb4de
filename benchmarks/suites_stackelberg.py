"""Suite of the Stackelberg games: every shipped instance by every method, game by game, and an operator's profit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..instances.errors import NotApplicable
from ..instances.operator import OperatorInstance
from ..instances.shelf import library, load
from ..instances.sources.responding import responsive_from_operator
from ..instances.tariff import TariffInstance
from ..models.problem import problem, problems
from ..models.settlement.responsive import ResponsiveDecision
from ..models.stackelberg.operator import OperatorDecision
from ..models.stackelberg.operator_response import alone, greatest_gain, leader_profit, payoff
from ..models.stackelberg.tariff import TariffDecision
from ..solvers.certificates import CERTIFIABLE, certify
from ..solvers.method import call, cells, default_calls
from ..solvers.solve import run_call
from .figures import save_figure
from .figures_stackelberg import bracket_figure, profit_figure
from .report import Picture, Section
from .suite_sections import compare_shipped, comparison_section, overview_section, written_table
from .suites import say
from .tables import slug

if TYPE_CHECKING:
    from rich.console import Console

SPLIT = ("profit", "followers_gain", "total_gain", "share_lost")
DRAWN = ("stackelberg/four-prosumers", "stackelberg/four-log-prosumers", "stackelberg/two-peaks")
RULED = ("stackelberg/four-prosumers", "stackelberg/street-day")
TARIFFS = ("stackelberg/two-batteries", "stackelberg/three-homes")
SHOWN_TARIFFS = ("bilevel", "strict", "keep_answers", "worth_prices")
CERTIFIED = tuple(CERTIFIABLE)
COMMAND = "commonwatt tables --suite stackelberg"

SEEDS = (0,)
"""No method of these games draws."""


def stackelberg_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Every shipped instance of every game by every method.

    Parameters
    ----------
    out : path
        Folder of results.
    workers : int
        Processes.
    console : rich.console.Console
        Where progress is shown.

    Returns
    -------
    list of Section
    """
    sections = []
    for found in problems("stackelberg"):
        shipped, compared = compare_shipped(found.name, out, workers, console, SEEDS)
        # What is drawn has a bound; other criteria are described only.
        drawn = [one.name for one in found.criteria if one.bound is not None]
        sections.append(overview_section(out, found, compared, drawn, SEEDS))
        for one in shipped:
            sections.append(comparison_section(out, one, compared[one.meta.name], seeds=SEEDS))
    sections.append(welfare_section(out, DRAWN))
    sections.append(rules_section(out, RULED))
    sections.append(tariff_section(out, TARIFFS))
    sections.append(certificates_section(out, console))
    return sections


def welfare_section(out: Path, names: tuple[str, ...]) -> Section:
    """Who keeps what of the gain of trading, by method, and profit over both prices.

    Parameters
    ----------
    out : path
        Folder of results.
    names : tuple of str
        Shipped operator instances of one interval.

    Returns
    -------
    Section
    """
    criteria = {one.name: one for one in problem("stackelberg.operator").criteria}
    tables, figures = [], []
    for name in names:
        instance = load(name)
        assert isinstance(instance, OperatorInstance)
        rows, prices = [], {}
        for chosen in default_calls("stackelberg.operator"):
            try:
                decision = run_call(instance, chosen, "profit").decision
            except NotApplicable:
                continue
            assert isinstance(decision, OperatorDecision)
            row = {one: criteria[one].value(instance, decision) for one in SPLIT}
            ends = {"buy_price": float(decision.buy_price[0]), "sell_price": float(decision.sell_price[0])}
            prices[chosen.label] = ends["buy_price"], ends["sell_price"]
            rows.append({"method": chosen.label, **ends, **row})
        frame = pd.DataFrame(rows)
        caption = f"{name}: prices, and who keeps what of the gain of trading"
        note = (
            "profit: of the operator; followers_gain: what members have more than alone at the grid's prices; "
            "share_lost: of what competition would bring both together. With quadratic utility and nobody at a limit "
            "the operator takes half, leaves a quarter to members, and a quarter is lost."
        )
        tables.append(written_table(out, f"{slug(name)}-welfare", frame, caption, note))
        best = frame.loc[frame["profit"].idxmax()]
        picture = profit_figure(instance, prices, name)
        figures.append(
            Picture(
                f"{name}: profit over both prices, what each method chooses, and the best with one price held.",
                save_figure(picture, out / "figures", f"{slug(name)}-profit")[0],
                f"Map of profit, greatest at a buying price of {best['buy_price']:.4g} and a selling price of "
                f"{best['sell_price']:.4g}: {best['profit']:.4g}.",
            )
        )
    return Section("Stackelberg, operator: who keeps what", "", tables, figures, COMMAND)


def rules_section(out: Path, names: tuple[str, ...]) -> Section:
    """The same members under an operator's prices and under internal prices that nobody profits by.

    Parameters
    ----------
    out : path
        Folder of results.
    names : tuple of str
        Shipped operator instances with quadratic utility.

    Returns
    -------
    Section
    """
    tables = []
    for name in names:
        instance = load(name)
        assert isinstance(instance, OperatorInstance)
        rows = [rule_row(instance, label, decision) for label, decision in ruled(instance)]
        frame = pd.DataFrame(rows)
        caption = f"{name}: an operator against rules of settlement"
        note = (
            "leader: what is left between members' payments and the grid's bill; followers: what members have more "
            "than alone at the grid's prices; lost: share of what competition would bring both together. SDR prices "
            "depend on what members answer to them (their equilibrium)."
        )
        tables.append(written_table(out, f"{slug(name)}-rules", frame, caption, note))
    return Section("Stackelberg, operator: against rules of settlement", "", tables, [], COMMAND)


def ruled(instance: OperatorInstance) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Loads, buying and selling prices by rule: two of the operator, three of settlement for the same members."""
    for name, label in (("best_prices", "operator's best prices"), ("grid_prices", "grid's prices, operator nets")):
        decision = run_call(instance, call("stackelberg.operator", name), "profit").decision
        assert isinstance(decision, OperatorDecision)
        yield label, (decision.consumption_kwh, decision.buy_price, decision.sell_price)
    community = responsive_from_operator(instance)
    for name, label in (
        ("equilibrium", "SDR prices, members answer"),
        ("no_response", "SDR prices, as much used as if energy cost nothing"),
        ("efficient_price", "competitive price, the social optimum"),
    ):
        settled = run_call(community, call("settlement.responsive", name), None).decision
        assert isinstance(settled, ResponsiveDecision)
        yield label, (settled.load_kwh, settled.buy_price, settled.sell_price)


def rule_row(
    instance: OperatorInstance, label: str, decision: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> dict[str, str | float]:
    """Who has what by a rule."""
    leader = float(leader_profit(instance, *decision).sum())
    followers = float((payoff(instance, *decision) - alone(instance)).sum())
    greatest = greatest_gain(instance)
    lost = 1.0 - (leader + followers) / greatest if greatest > 0 else math.nan
    return {"rule": label, "leader": leader, "followers": followers, "total": leader + followers, "lost": lost}


def tariff_section(out: Path, names: tuple[str, ...]) -> Section:
    """An operator's tariff in the grid's bracket, by method, and what members' ties are worth.

    Parameters
    ----------
    out : path
        Folder of results.
    names : tuple of str
        Shipped instances with batteries.

    Returns
    -------
    Section
    """
    figures = []
    for name in names:
        instance = load(name)
        assert isinstance(instance, TariffInstance)
        decisions = {}
        for chosen in default_calls("stackelberg.tariff"):
            limit = chosen.method.size_limit
            if chosen.method.name in SHOWN_TARIFFS and (limit is None or cells(instance) <= limit):
                decision = run_call(instance, chosen, "profit").decision
                assert isinstance(decision, TariffDecision)
                decisions[chosen.label] = decision
        decisions = dict(list(decisions.items())[:3])
        picture = bracket_figure(instance, decisions, name)
        figures.append(
            Picture(
                f"{name}: prices within the grid's bracket, and imports where members' ties suit the operator or not.",
                save_figure(picture, out / "figures", f"{slug(name)}-bracket")[0],
                "Buying and selling prices by interval inside the band between feed-in and retail price.",
            )
        )
    return Section("Stackelberg, members with batteries: prices in the bracket", "", [], figures, COMMAND)


def certificates_section(out: Path, console: Console) -> Section:
    """How nearly each exact method's and program's answer is an equilibrium, followers solved again.

    Parameters
    ----------
    out : path
        Folder of results.
    console : rich.console.Console
        Where progress is shown.

    Returns
    -------
    Section
    """
    rows = []
    shipped = library().query("problem in @CERTIFIED")["name"]
    for name in shipped:
        say(console, f"certificates: {name}")
        instance, solved = load(name), []
        for chosen in default_calls(instance.problem):
            limit = chosen.method.size_limit
            if chosen.method.kind == "heuristic" or (limit is not None and cells(instance) > limit):
                continue
            with suppress(NotApplicable):
                solved.append(run_call(instance, chosen, None))
        for one in solved:
            others = [each for each in solved if each is not one]
            rows.append({"instance": name, **certify(one, others=others).row()})
    frame = pd.DataFrame(rows)
    caption = "Certificates of the Stackelberg games"
    note = (
        "followers_epsilon: the most that a follower could gain by itself, solved again; pessimistic: the leader's "
        "value where followers' ties do not suit it; leader_epsilon: distance from the tightest bound that any method "
        "proved, of sellers the most that one could gain by another price; price_use: greatest use of a constant; "
        "stretched: the program's optimum with constants ten times as large. A menu or a margin restricts the leader, "
        "so that it stays below its bound and is not certified; nor are prices that only keep costs low."
    )
    table = written_table(out, "stackelberg-certificates", frame, caption, note)
    return Section("Stackelberg: certificates", "", [table], [], COMMAND)
