"""Schedules of one day settled by every rule: what prices change, and what they cannot.

A rule divides what the grid is paid; who charges what and when is a matter of the dispatch. So each of four dispatches
is settled by each of five rules:

- storages idle, requests served at once; each member alone at its own least cost; the paper's sliding horizon with
  noisy forecasts; and the community's least cost with all foreseen;
- no sharing (a meter each), bill sharing, mid-market rate, supply-demand ratio, and the dual price.

The sliding horizon plans a community whose members are merged. Its storages and requests are still the members' own, so
its schedule is theirs too. Four months of prices: :mod:`.lange_settlement_months`.

Source: Lange, sections "Benchmark models" and "MLA-based bill estimation", equations 1 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...instances.scheduling import SchedulingInstance
from ...instances.settlement import SettlementInstance
from ...models.problem import TOLERANCE
from ...models.scheduling.decision import SchedulingDecision
from ...models.scheduling.rules import separate_cost
from ...models.settlement.decision import SettlementDecision
from ...models.settlement.metrics import performance_measure, sharing_contribution_rate
from ...models.settlement.rules import PROBLEM, worth
from ...solvers.settlement_sources import settlement_of
from ...solvers.solution import Solution
from ...solvers.solve import solve

IDLE, OWN, SLIDING, BEST = "storages idle", "each alone", "sliding horizon", "least cost"
DISPATCHES = (IDLE, OWN, SLIDING, BEST)

SHARING = {"bill_sharing": "BS", "mmr": "MMR", "sdr": "SDR", "dual_price": "dual price"}
"""Rules behind one meter, and what they are called."""

RULES = {"alone": "no sharing"} | SHARING
PRINTED_RULES = ("BS", "MMR", "SDR")
"""Those that the paper compares with."""

RETURN_RATES = (0.0, 0.1)
"""τ of equation 1; the paper prints none, so none at all and a round number."""

TOP = 10
"""Members who give most."""


@dataclass(frozen=True, eq=False)
class Settled:
    """What settlements of one day come to.

    Attributes
    ----------
    dispatches : DataFrame
        A row a dispatch: its cost behind one meter and behind separate ones, its performance measure, use of storages,
        what members exchange, and by how much the rules' costs and bills differ, relative.
    rules : DataFrame
        A row a dispatch and rule: cost, who saves how much, and prices.
    rates : DataFrame
        Contribution rates and savings by what members own, under the sliding horizon.
    rate_sums : dict of float to float
        What all rates add up to, by the aggregator's rate of return.
    top_rate : float
        Part of all contributions that the :data:`TOP` greatest make up.
    paying : int
        Members who would pay alone: the consumers.
    """

    dispatches: pd.DataFrame
    rules: pd.DataFrame
    rates: pd.DataFrame
    rate_sums: dict[float, float]
    top_rate: float
    paying: int

    def of(self, dispatch: str, rule: str, column: str) -> float:
        """One number of :attr:`rules`."""
        return float(self.rules.set_index(["dispatch", "rule"]).loc[(dispatch, rule), column])

    def bill(self, dispatch: str, rule: str) -> float:
        """What consumers pay together, in parts of what they would pay alone."""
        return 1.0 - self.of(dispatch, rule, "consumer_saving")


def of_members(instance: SchedulingInstance, merged: SchedulingDecision) -> SchedulingDecision:
    """The schedule of merged members as one of the members themselves, whose storages and requests are the same.

    Parameters
    ----------
    instance : SchedulingInstance
        The members.
    merged : SchedulingDecision
        Of :func:`.lange_model.merged`.

    Returns
    -------
    SchedulingDecision

    Raises
    ------
    ValueError
        Where something is curtailed, lost or spilled, since whose it is is not known any more.
    """
    if merged.curtailed_kwh.any() or merged.lost_kwh.any() or merged.spilled_kwh.any():
        raise ValueError("what merged members curtail, lose or spill belongs to nobody in particular")
    names = ("charge_kwh", "discharge_kwh", "soc_kwh", "served_kwh")
    return SchedulingDecision(instance=instance, **{name: getattr(merged, name) for name in names})


def settle(
    instance: SchedulingInstance, schedules: Mapping[str, SchedulingDecision | Solution], least_cost: float
) -> Settled:
    """Settle some dispatches by all rules.

    Parameters
    ----------
    instance : SchedulingInstance
        The community.
    schedules : mapping of str to SchedulingDecision or Solution
        The members' schedules, by :data:`DISPATCHES`; the solution of the best brings its duals along.
    least_cost : float
        Of the community with all foreseen, for the performance measure.

    Returns
    -------
    Settled
    """
    alone = own_bills(instance, schedules[OWN])
    kept = {name: settlement_of(schedules[name], alone=False) for name in DISPATCHES}
    given = {name: each.replace(alone_cost=alone) for name, each in kept.items()}
    settled = {name: {rule: _settled(kept[name], given[name], rule) for rule in RULES} for name in DISPATCHES}
    untouched = given[IDLE].separate_bill
    lines: list[dict[str, Any]] = []
    for name in DISPATCHES:
        for rule, decision in settled[name].items():
            cost = float(decision.bill.sum())
            line = {"dispatch": name, "rule": RULES[rule], "cost": cost}
            line["pm"] = performance_measure(float(alone.sum()), cost, least_cost)
            lines.append(line | _who_gains(given[name], decision, untouched) | _prices(decision))
    rows = [_dispatch(name, schedules[name], given[name], settled[name], least_cost) for name in DISPATCHES]
    rates, sums, top = _contributions(given[SLIDING], settled[SLIDING])
    return Settled(pd.DataFrame(rows), pd.DataFrame(lines), rates, sums, top, int((alone > 0).sum()))


def own_bills(instance: SchedulingInstance, separate: SchedulingDecision | Solution) -> np.ndarray:
    """What each member pays alone at its least cost, (n,).

    Raises
    ------
    ValueError
        Where members bear costs besides their bills: bills alone would not compare them.
    """
    decision: Any = separate.decision if isinstance(separate, Solution) else separate
    bills = settlement_of(decision, alone=False).separate_bill
    cost = separate_cost(instance, decision)
    if abs(float(bills.sum()) - cost) > TOLERANCE * (1.0 + abs(cost)):
        raise ValueError(f"bills add up to {bills.sum():g}, costs to {cost:g}: there are costs besides bills")
    return bills


def _settled(kept: SettlementInstance, given: SettlementInstance, rule: str) -> SettlementDecision:
    """Bills by a rule for a dispatch that everybody keeps, to be compared with what members pay alone at their best.

    A rule must not know of other dispatches: no sharing is to cost what this one costs, and Owen's price is to be this
    one's, also where the members or the community could do better.
    """
    decision = solve(kept, method=rule).decision
    assert isinstance(decision, SettlementDecision)
    broken = PROBLEM.violations(kept, decision)
    if broken:
        raise ValueError(f"the settlement breaks a rule: {broken[0]}")
    return SettlementDecision(
        instance=given,
        bill=decision.bill,
        buy_price=decision.buy_price,
        sell_price=decision.sell_price,
        meters=decision.meters,
    )


def saved(reference: np.ndarray, bill: np.ndarray) -> float:
    """Part of their bills that those save who would pay something under the reference, (n,) each."""
    paying = reference > 0
    return float(1.0 - bill[paying].sum() / reference[paying].sum())


def _who_gains(given: SettlementInstance, decision: SettlementDecision, untouched: np.ndarray) -> dict[str, Any]:
    """Savings against each alone at its best, and against each alone with its storages idle."""
    criteria = {each.name: each.value for each in PROBLEM.criteria}
    names = ("worst_saving", "net_sellers_share", "gini")
    paying = given.alone_bill > 0
    slack = TOLERANCE * worth(given)
    found = {name: criteria[name](given, decision) for name in names}
    # Who pays as much as alone, but for rounding, neither gains nor loses.
    found["worst_saving"] = 0.0 if abs(found["worst_saving"]) <= slack else found["worst_saving"]
    return {
        "consumer_saving": saved(given.alone_bill, decision.bill),
        "saving_to_no_storage": saved(untouched, decision.bill),
        "gain_of_consumers": float(decision.saving[paying].sum()),
        "gain_of_others": float(decision.saving[~paying].sum()),
        "worse_off": int((decision.saving < -slack).sum()),
    } | found


def _prices(decision: SettlementDecision) -> dict[str, float]:
    """Mean prices weighted by energy, and how much the buyers' price differs between hours: what shifting can gain."""
    given, buy, sell = decision.instance, decision.buy_price, decision.sell_price
    assert buy is not None
    assert sell is not None
    # Rounded, since bill sharing pays sellers nothing where nothing leaves the community, or a trace of nothing.
    return {
        "buy_price": round(mean_price(buy, given.buying_kwh), 12),
        "sell_price": round(mean_price(sell, given.selling_kwh), 12),
        "buy_price_range": float(buy.max() - buy.min()),
    }


def mean_price(price: np.ndarray, energy_kwh: np.ndarray) -> float:
    """Mean of prices (T,) weighted by energies (T,); NaN without any energy."""
    total = float(energy_kwh.sum())
    return float(price @ energy_kwh) / total if total > 0 else float("nan")


def _dispatch(
    name: str,
    schedule: SchedulingDecision | Solution,
    given: SettlementInstance,
    settled: Mapping[str, SettlementDecision],
    least_cost: float,
) -> dict[str, Any]:
    """What holds for a dispatch whatever the rule."""
    decision: Any = schedule.decision if isinstance(schedule, Solution) else schedule
    # The community's net load at the grid's prices knows nothing of members, rules or what stays inside.
    due = float(given.grid_cost(given.net_kwh.sum(axis=1)))
    costs = np.array([settled[rule].bill.sum() for rule in SHARING])
    inside_kw = given.inside_kwh / given.dt_h
    return {
        "dispatch": name,
        "cost": due,
        "cost_without_sharing": float(given.separate_bill.sum()),
        "saving": 1.0 - due / float(given.alone_bill.sum()),
        "pm": performance_measure(float(given.alone_bill.sum()), due, least_cost),
        "storage_use_kwh": float((decision.charge_kwh + decision.discharge_kwh).sum()),
        "exchanged_kwh": float(given.inside_kwh.sum()),
        "exchanged_kw": float(inside_kw.mean()),
        "exchanged_peak_kw": float(inside_kw.max()),
        "costs_differ": float((costs.max() - costs.min()) / abs(due)),
        "bills_off": float(np.abs(costs - due).max() / abs(due)),
    }


def owned(given: SettlementInstance) -> np.ndarray:
    """What each member has, (n,) of str: panels, a storage that is used, both or neither."""
    panels = given.generation_kwh.any(axis=0)
    stores = np.zeros(len(given.member), dtype=bool) if given.storage_kwh is None else given.storage_kwh.any(axis=0)
    return np.select(
        [panels & stores, panels, stores], ["panels and storage", "panels only", "storage only"], "neither"
    )


def _contributions(
    given: SettlementInstance, settled: Mapping[str, SettlementDecision]
) -> tuple[pd.DataFrame, dict[float, float], float]:
    """Equation 1, where a contribution is what a member gives to others and γ = 1; beside it, what sharing saves it."""
    contribution = given.given_kwh.T
    rates = {tau: sharing_contribution_rate(contribution, 1.0, tau) for tau in RETURN_RATES}
    each = pd.DataFrame({"owns": owned(given), "members": 1, "given_kwh": contribution.sum(axis=1)})
    for tau, rate in rates.items():
        each[f"rate_at_return_{tau:g}"] = rate
    for rule, name in SHARING.items():
        if name in PRINTED_RULES:
            each[f"saving_{name}"] = settled[rule].saving
    frame = each.groupby("owns", sort=True).sum().reset_index()
    top = float(np.sort(rates[RETURN_RATES[0]])[::-1][:TOP].sum())
    return frame, {tau: float(rate.sum()) for tau, rate in rates.items()}, top
