"""The suite of an aggregator's problems: every shipped instance by every method, and what knowing more is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..instances.portfolio import PortfolioInstance
from ..instances.shelf import library, load
from ..instances.sources.generated_portfolio import street_of_twelve
from ..models.aggregator.portfolio import PortfolioDecision
from ..models.problem import problems
from ..solvers.portfolio_evaluation import met_with, offer_non_delivery, out_of_sample
from ..solvers.portfolio_fronts import pareto_front, risk_front
from ..solvers.portfolio_values import value_of_information
from ..solvers.solve import solve
from .figures import save_figure
from .figures_aggregator import fronts_figure, offers_figure
from .report import Picture, Section
from .suite_sections import compare_shipped, comparison_section, overview_section, written_table
from .suites import say
from .suites_aggregator_agents import (
    densities_section,
    firm_section,
    fleet_section,
    stereotypes_section,
)
from .suites_aggregator_loop import loop_section
from .suites_aggregator_network import asked_section, congestion_section, need_section

if TYPE_CHECKING:
    from rich.console import Console

COMMAND = "commonwatt tables --suite aggregator"

SEEDS = (0,)
"""No method of these problems draws."""

STREET = "aggregator/street-12"

FRESH_SCENARIOS, FRESH_NATURE = 40, 1_000
"""Scenarios that offers were not made for, and their seed."""

MORE_SCENARIOS, MORE_NATURE = (10, 20), 500
"""Scenarios for which the program makes offers as well."""

OFFERING = ("stochastic", "mean_scenario", "firm_reserve", "newsvendor_by_block", "mean_export", "no_offer")


def aggregator_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Every shipped instance of every problem by every method.

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
    for found in problems("aggregator"):
        shipped, compared = compare_shipped(found.name, out, workers, console, SEEDS)
        drawn = [one.name for one in found.criteria if one.bound is not None]
        sections.append(overview_section(out, found, compared, drawn, SEEDS))
        for one in shipped:
            sections.append(comparison_section(out, one, compared[one.meta.name], seeds=SEEDS))
    for make in (densities_section, fleet_section, stereotypes_section, firm_section):
        sections.append(make(out))
    say(console, "aggregator: what the feeder needs on 90 winter days")
    for make in (congestion_section, need_section, asked_section):
        sections.append(make(out))
    say(console, "aggregator: a portfolio whose feeder has limits")
    sections.append(loop_section(out))
    say(console, "aggregator: what knowing more is worth")
    sections.append(information_section(out))
    say(console, f"aggregator: fronts and other scenarios of {STREET}")
    sections.append(fronts_section(out))
    sections.append(fresh_section(out))
    return sections


def information_section(out: Path) -> Section:
    """What the stochastic program gains over planning for the mean, and what knowing the scenario would add.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    rows = []
    frame = library()
    for name in frame.loc[frame["problem"] == "aggregator.portfolio", "name"]:
        instance = load(name)
        assert isinstance(instance, PortfolioInstance)
        rows.append({"instance": name} | value_of_information(instance))
    found = pd.DataFrame(rows)
    caption = "Portfolios: what knowing more is worth"
    note = (
        "mean_scenario <= stochastic <= wait_and_see: offers that are best for the mean of all scenarios, offers that "
        "are best for all of them, and offers made when the scenario is known; vss and evpi are the two differences."
    )
    table = written_table(out, "aggregator-information", found, caption, note)
    return Section("Aggregator: what knowing more is worth", "", [table], [], COMMAND)


def fronts_section(out: Path) -> Section:
    """What profit costs in risk, emissions and members' least fee, and the other way round.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    street = load(STREET)
    assert isinstance(street, PortfolioInstance)
    risk = risk_front(street).table
    carbon, fee = (pareto_front(street, other, points=5).table for other in ("carbon_kg", "least_fee"))
    currency = street.currency
    tables = []
    for name, frame, columns, caption, note in (
        (
            "risk",
            risk,
            ["risk_weight", "expected_profit", "tail_profit"],
            "mean profit and its worst tenth",
            "risk_weight is what the mean of the worst tenth of scenarios counts in the criterion.",
        ),
        (
            "carbon",
            carbon,
            ["risk_adjusted_profit", "carbon_kg", "worth"],
            "profit and emissions",
            f"worth: what the last kg saved costs in profit, {currency}/kg.",
        ),
        (
            "fee",
            fee,
            ["risk_adjusted_profit", "least_fee", "members_fees", "worth"],
            "profit and what the worst-paid member is paid",
            "worth: what the last unit that the worst-paid member has more of costs in profit.",
        ),
    ):
        tables.append(written_table(out, f"aggregator-front-{name}", frame[columns], f"{STREET}: {caption}", note))
    figure = fronts_figure(
        [
            (risk, "tail_profit", "expected_profit", f"mean of the worst tenth ({currency})", f"mean ({currency})"),
            (carbon, "carbon_kg", "risk_adjusted_profit", "emissions (kg)", f"profit, with risk ({currency})"),
            (fee, "least_fee", "risk_adjusted_profit", f"least fee ({currency})", f"profit, with risk ({currency})"),
        ]
    )
    picture = Picture(f"{STREET}: fronts", save_figure(figure, out / "figures", "aggregator-fronts")[0])
    text = "Each point of a front is a linear program solved to its optimum: nothing is better in both."
    return Section("Aggregator: fronts of Pareto", text, tables, [picture], COMMAND)


def fresh_section(out: Path) -> Section:
    """Offers of the shipped street met with scenarios that they were not made for.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    street = load(STREET)
    assert isinstance(street, PortfolioInstance)
    fresh = street_of_twelve(FRESH_SCENARIOS, FRESH_NATURE)
    parts = [out_of_sample(street, fresh, OFFERING)]
    for scenarios in MORE_SCENARIOS:
        more = out_of_sample(street_of_twelve(scenarios, MORE_NATURE), fresh, ["stochastic"])
        parts.append(more.assign(method=f"stochastic, for {scenarios} scenarios"))
    met = pd.concat(parts, ignore_index=True)
    columns = ["method", "promised", "risk_adjusted_profit", "expected_profit", "missing_kwh", "lacking_room_kwh"]
    shown = met[[*columns, "offers", "failing_offers", "worst_offer"]]
    note = (
        f"Offers made for {len(street.scenario)} scenarios unless others are named, met with {FRESH_SCENARIOS} others "
        "of the same street. "
        "promised: the criterion in the scenarios that offers were made for. worst_offer: greatest chance of any offer "
        "to fail; energy may be missing on purpose, where imbalance is the cheapest market."
    )
    tables = [written_table(out, "aggregator-fresh", shown, f"{STREET}: offers in other scenarios", note)]
    decisions = {}
    for method in ("stochastic", "mean_scenario", "firm_reserve"):
        decision = solve(street, method=method).decision
        assert isinstance(decision, PortfolioDecision)
        decisions[method] = decision
    offers = offer_non_delivery(met_with(decisions["stochastic"], fresh))
    offers = offers[offers["market"] != "day ahead"]
    each = f"{STREET}: chance of each reserve offer of the stochastic program to fail"
    reserve_note = "at_least, at_most: Clopper and Pearson's interval, 95 %."
    tables.append(written_table(out, "aggregator-non-delivery", offers, each, reserve_note))
    figure = offers_figure(decisions, f"{STREET}: what is offered in which market")
    picture = Picture(f"{STREET}: offers by market", save_figure(figure, out / "figures", "aggregator-offers")[0])
    return Section("Aggregator: offers in scenarios they were not made for", "", tables, [picture], COMMAND)
