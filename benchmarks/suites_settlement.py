"""Suites of settlement: every shipped instance by every method, rules side by side, who gains, and statements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..instances.errors import NotApplicable
from ..instances.settlement import SettlementInstance
from ..models.problem import problem
from ..models.settlement.decision import SettlementDecision
from ..models.settlement.metrics import own_use
from ..models.settlement.statements import Period, statement
from ..solvers.settlement_programs import most_aggrieved
from ..solvers.solve import solve
from .figures import save_figure
from .figures_settlement import price_figure, saving_figure
from .report import Picture, Section, Table
from .suite_sections import compare_shipped, comparison_section, overview_section, written_table
from .suites import say
from .tables import readable, slug, write_table

if TYPE_CHECKING:
    from rich.console import Console

DRAWN = ("core_excess", "least_excess", "shapley_distance")
"""Criteria whose gaps are drawn over all instances."""

DRAWN_RESPONSIVE = ("social_cost", "residual")

SEEDS = (0,)
"""No method of settlement draws."""

COMMAND = "commonwatt tables --suite settlement"

RULES = ("alone", "bill_sharing", "mmr", "sdr", "dual_price", "shapley", "nucleolus", "least_core")
"""In the order of their tables, from what asks least of the data to what asks most."""

SIDE_BY_SIDE = ("settlement/six-homes", "settlement/street-50", "settlement/clock-change-week")
STATED = "settlement/clock-change-week"

SEARCH_S = 60.0
"""Time for the most aggrieved group under one rule; a bound is shown where that is not enough."""


def settlement_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """Every shipped settlement instance by every method, then what is particular to settlement.

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
    shipped, compared = compare_shipped("settlement", out, workers, console, SEEDS)
    instances = {one.meta.name: one for one in shipped if isinstance(one, SettlementInstance)}
    sections = [overview_section(out, problem("settlement"), compared, DRAWN, SEEDS)]
    for name, comparison in compared.items():
        sections.append(comparison_section(out, instances[name], comparison, seeds=SEEDS))
    say(console, "settlement: rules side by side")
    decided = {name: decisions(instances[name]) for name in SIDE_BY_SIDE if name in instances}
    sections.append(rules_section(out, decided))
    sections.append(gains_section(out, decided))
    if STATED in decided:
        sections.append(statements_section(out, decided[STATED]))
    answering, compared = compare_shipped("settlement.responsive", out, workers, console, SEEDS)
    sections.append(overview_section(out, problem("settlement.responsive"), compared, DRAWN_RESPONSIVE, SEEDS))
    for one in answering:
        sections.append(comparison_section(out, one, compared[one.meta.name], seeds=SEEDS))
    return sections


def decisions(instance: SettlementInstance) -> dict[str, SettlementDecision]:
    """What every rule decides; those that do not apply are left out."""
    found = {}
    for rule in RULES:
        try:
            decision = solve(instance, method=rule, time_limit_s=SEARCH_S if rule == "least_core" else None).decision
        except NotApplicable:
            continue
        assert isinstance(decision, SettlementDecision)
        found[rule] = decision
    return found


def rules_table(decided: Mapping[str, Mapping[str, SettlementDecision]]) -> pd.DataFrame:
    """A row for each community and rule: what it costs, who gains, and which group would rather leave.

    Parameters
    ----------
    decided : mapping of str to mapping of str to SettlementDecision
        Community to rule to decision.

    Returns
    -------
    pandas.DataFrame
        ``core_excess`` is at least 0; where groups cannot be gone through it is found by an integer program, and its
        bound stands beside it where the two differ.
    """
    criteria = {one.name: one for one in problem("settlement").criteria}
    rows = []
    for name, by_rule in decided.items():
        for rule, decision in by_rule.items():
            given = decision.instance
            row: dict[str, float | str] = {
                one: criteria[one].value(given, decision)
                for one in (
                    "community_cost",
                    "consumer_saving",
                    "worst_saving",
                    "core_excess",
                    "shapley_distance",
                    "sellers_share",
                    "net_sellers_share",
                    "gini",
                )
            }
            slack = 1e-9 * float(np.abs(given.alone_bill).sum())
            row["worse_off"] = int((decision.saving < -slack).sum())
            excess, size = _aggrieved(decision, criteria["core_excess"].value(given, decision))
            row |= {"core_excess": excess, "who_would_leave": size}
            head: dict[str, float | str] = {"instance": name, "rule": rule}
            rows.append(head | row)
    return pd.DataFrame(rows)


def _aggrieved(decision: SettlementDecision, known: float) -> tuple[float, str]:
    """Core excess and the size of the group that has it, in words."""
    if len(decision.instance.member) < 2 or known == 0.0:
        return known, "nobody"
    found = most_aggrieved(decision.instance, decision.bill, time_limit_s=SEARCH_S)
    whole = float(decision.bill.sum()) - decision.instance.community_bill
    slack = 1e-9 * float(np.abs(decision.instance.alone_bill).sum())
    if max(found.excess, whole) <= slack:
        return 0.0, "nobody"
    if whole >= found.excess:
        return whole, "all of them"
    proved = "" if found.bound <= found.excess + 1e-6 * abs(found.excess) else f" (at most {found.bound:.4g})"
    return found.excess, f"{int(found.member.sum())} of {len(found.member)}{proved}"


def rules_section(out: Path, decided: Mapping[str, Mapping[str, SettlementDecision]]) -> Section:
    """Rules side by side, with the statement that none of them changes what the community pays.

    Parameters
    ----------
    out : path
        Folder of results.
    decided : mapping of str to mapping of str to SettlementDecision
        Community to rule to decision.

    Returns
    -------
    Section
    """
    frame = rules_table(decided)
    caption = "Rules side by side: what the community pays, who saves, and who would rather leave"
    note = (
        "In the instance's currency. Savings are against each alone with a schedule of its own. worst_saving: of the "
        "member who gains least; worse_off: members who would pay less alone; core_excess: what the group with most "
        "reason to leave would save by itself, whose size follows. On six-homes and clock-change-week groups by "
        "themselves have a schedule of their own, on street-50 all but single members keep theirs."
    )
    view = readable(frame)
    write_table(frame, out / "tables", "settlement-rules", caption=caption, note=note, view=view)
    picture = Picture(
        "Prices by rule over the ratio of supply to demand; grey: between the grid's prices.",
        save_figure(price_figure(0.30, 0.05, 0.05, "EUR"), out / "figures", "settlement-prices")[0],
        "Four panels. SDR: both prices fall from the retail price to the feed-in price at a ratio of 1. Compensation "
        "raises where they end. Mid-market rate: one of the two stays in the middle. Dual price: retail below a ratio "
        "of 1, feed-in above it.",
    )
    return Section(
        "Settlement: rules side by side", _same_cost(frame), [Table(caption, view, note)], [picture], COMMAND
    )


def _same_cost(frame: pd.DataFrame) -> str:
    """What sharing saves, and how much of that any pricing could change, in words."""
    parts = []
    for name, rows in frame.groupby("instance", sort=False):
        cost = rows.set_index("rule")["community_cost"]
        shared = cost.drop("alone")
        spread = float(shared.max() - shared.min()) / max(float(shared.abs().max()), 1e-300)
        parts.append(
            f"{name}: {cost['alone']:.2f} alone, {shared.iloc[0]:.2f} shared; the {len(shared)} rules differ by "
            f"{spread:.1e} of it"
        )
    return (
        "Pricing alone cannot change what the community pays: with loads as they are, every rule divides the same "
        f"bill. Sharing lowers it, and the schedule. {'; '.join(parts)}."
    )


def gains_section(out: Path, decided: Mapping[str, Mapping[str, SettlementDecision]]) -> Section:
    """Who gains and who loses by each rule, member by member.

    Parameters
    ----------
    out : path
        Folder of results.
    decided : mapping of str to mapping of str to SettlementDecision
        Community to rule to decision.

    Returns
    -------
    Section
    """
    tables, figures = [], []
    for name, by_rule in decided.items():
        sharing = {rule: decision for rule, decision in by_rule.items() if rule != "alone"}
        given = next(iter(by_rule.values())).instance
        if len(given.member) < 3:
            continue
        frame = pd.DataFrame({"member": given.member, "net_kwh": given.net_kwh.sum(axis=0), "alone": given.alone_bill})
        for rule, decision in sharing.items():
            frame[rule] = decision.saving
        caption = f"{name}: what each member saves by each rule"
        note = "Bill alone, and what is paid less than that; negative: would pay less alone."
        by_member = written_table(out, f"{slug(name)}-savings", frame, caption, note)
        if len(frame) <= 12:
            tables.append(by_member)
        order = np.argsort(frame["net_kwh"].to_numpy(), kind="stable")
        savings = {rule: decision.saving for rule, decision in sharing.items()}
        figure = saving_figure(savings, list(given.member), f"{name}: who saves how much", given.currency, order)
        losers = {rule: int((saving < -1e-9).sum()) for rule, saving in savings.items()}
        figures.append(
            Picture(
                f"{caption}; red: would pay less alone.",
                save_figure(figure, out / "figures", f"{slug(name)}-savings")[0],
                f"Bars of {len(frame)} members by rule. Members who lose: "
                + ", ".join(f"{rule} {count}" for rule, count in losers.items()),
            )
        )
    return Section("Settlement: who gains and who loses", "", tables, figures, COMMAND)


def statements_section(out: Path, decided: Mapping[str, SettlementDecision]) -> Section:
    """Statements by day, month and year, over a day of 25 hours, and own use in both scopes.

    Parameters
    ----------
    out : path
        Folder of results.
    decided : mapping of str to SettlementDecision
        Rule to decision on one community.

    Returns
    -------
    Section
    """
    decision = decided["mmr"]
    given = decision.instance
    tables = []
    hours = pd.Series([str(one)[:10] for one in given.interval]).value_counts() * given.dt_h
    periods: tuple[Period, ...] = ("day", "month", "year")
    for period in periods:
        # Schedules by a solver leave traces of 1e-16 kWh, which are no trade.
        frame = statement(decision, period).round(9)
        if period == "day":
            frame.insert(1, "hours", frame["period"].map(hours))
        caption = f"{given.meta.name}: statements by {period}, mid-market rate"
        note = f"In {given.currency}; grid_part and members_part add up to the bill, the latter to 0 over all members."
        tables.append(written_table(out, f"settlement-statements-{period}", frame, caption, note))
    frame = own_use(given)
    caption = f"{given.meta.name}: own use, each member behind its own meter and the community behind one"
    tables.append(written_table(out, "settlement-own-use", frame, caption))
    text = "The day on which clocks go back has 25 hours, each of which is billed once."
    return Section("Settlement: statements", text, tables, (), COMMAND)
