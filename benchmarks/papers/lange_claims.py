"""The printed results of the paper on cloud-coordinated sharing, what is found here, and whether they hold.

A claim is split into cases; it holds ("yes") if all do, it does not ("no") if none does, else it "depends". What cannot
be judged here says so: levels, since the paper's records are not public and its units contradict each other, and all
that depends on internal prices and bills, which are the subject of settlement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from .lange_experiment import LEAST_COST, LEAST_PEAK, NOISY, ROLLING, RULES, Evidence

HOLDS = ("yes", "no", "depends", "not judged", "settlement")

PRINTED_RATIO = (200.5 / 125.0, 300.5 / 125.0)
"""Of storage use with sharing to that without: the units contradict each other, the ratio has none."""

SAVING, GAIN = 0.08, 0.05
ABOUT = 0.25
"""How far, relatively, "about" may be off."""

SLIGHT = 1e-9
"""Relative difference that counts as none."""


@dataclass(frozen=True)
class Judgement:
    """What is found, the cases of a claim (empty where it is not judged), and why it does not hold or is not judged."""

    found: str
    cases: dict[str, bool] = field(default_factory=dict)
    why: str = ""
    verdict: str = ""

    @property
    def holds(self) -> str:
        """One of :data:`HOLDS`."""
        if self.verdict:
            return self.verdict
        held = list(self.cases.values())
        return "yes" if held and all(held) else "depends" if any(held) else "no"


@dataclass(frozen=True)
class Claim:
    """A printed result."""

    id: str
    text: str
    printed: str
    where: str
    judge: Callable[[Evidence], Judgement]


def claims(evidence: Evidence) -> pd.DataFrame:
    """Judge every claim.

    Parameters
    ----------
    evidence : Evidence
        What was run.

    Returns
    -------
    pandas.DataFrame
        ``id``, ``claim``, ``printed``, ``found``, ``holds`` (of :data:`HOLDS`), ``cases`` (how many hold), ``why`` and
        ``where`` in the paper.
    """
    rows = []
    for claim in CLAIMS:
        found = claim.judge(evidence)
        failing = [name for name, held in found.cases.items() if not held]
        missed = f"Not so: {', '.join(failing)}." if found.holds == "depends" else ""
        count = f"{sum(found.cases.values())}/{len(found.cases)}" if found.cases else "–"
        why = "" if found.holds == "yes" else f"{missed} {found.why}".strip()
        row = {"id": claim.id, "claim": claim.text, "printed": claim.printed, "found": found.found}
        rows.append(row | {"holds": found.holds, "cases": count, "why": why, "where": claim.where})
    return pd.DataFrame(rows)


def about(value: float, printed: float) -> bool:
    """Whether a number is about what is printed."""
    return abs(value - printed) <= ABOUT * printed


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def use_without(evidence: Evidence) -> Judgement:
    """Storage use where nobody contributes."""
    alone = evidence.use[evidence.use["contribution"] == 0.0]
    found = ", ".join(f"{row['total_kwh']:.0f} kWh at size {row['size']:g}" for _, row in alone.iterrows())
    why = (
        "A level: the records behind it are not public here, and an energy is printed as a power per hour. "
        "Ratios are compared below."
    )
    return Judgement(f"charged and discharged in a day: {found}", {}, why, "not judged")


def use_with(evidence: Evidence) -> Judgement:
    """For each size of storages: use with all contributed against use without."""
    shared = evidence.use[evidence.use["contribution"] == 1.0]
    low, high = PRINTED_RATIO
    cases = {f"size {row['size']:g}": bool(low <= row["times_without"] <= high) for _, row in shared.iterrows()}
    found = ", ".join(f"{row['times_without']:.2f} at size {row['size']:g}" for _, row in shared.iterrows())
    half = evidence.use[evidence.use["contribution"] == 0.5]
    if len(half):
        found += f"; with half contributed {half['times_without'].min():.2f} to {half['times_without'].max():.2f}"
    why = (
        "Here a storage alone can only serve its owner's own load, which is soon covered, a pooled one everybody's. "
        "The ratio grows with how much storage an owner has for its own load, which the paper does not say."
    )
    return Judgement(f"times as much as without sharing: {found}", cases, why)


def use_grows(by: str, fixed: str) -> Callable[[Evidence], Judgement]:
    """For each step of ``by``, at each value of ``fixed``: whether use grows."""

    def judge(evidence: Evidence) -> Judgement:
        table = evidence.use.pivot_table(index=fixed, columns=by, values="total_kwh")
        cases = {}
        for at, line in table.iterrows():
            for first, second in zip(line.index, line.index[1:], strict=False):
                grows = bool(line[second] > line[first] * (1 + SLIGHT))
                cases[f"{by} {first:g} to {second:g} at {fixed} {at:g}"] = grows
        least, most = table.iloc[:, 0], table.iloc[:, -1]
        ratio = most / least
        found = (
            f"from {by} {table.columns[0]:g} to {table.columns[-1]:g}: times {ratio.min():.2f} to {ratio.max():.2f}, "
            f"over all {fixed}s"
        )
        return Judgement(found, cases, "A store that is never full has no use for more room.")

    return judge


def saving(evidence: Evidence) -> Judgement:
    """Savings of the sliding horizon against all alone and against each rule behind one meter: about 8 %."""
    cost = evidence.cost(NOISY)
    compared = {"each alone": evidence.alone} | {f"{name} behind one meter": evidence.cost(name) for name in RULES}
    savings = {name: 1.0 - cost / other for name, other in compared.items()}
    cases = {name: about(value, SAVING) for name, value in savings.items()}
    found = ", ".join(f"{_percent(value)} against {name}" for name, value in savings.items())
    why = (
        "The printed comparators are settlements (BS, MMR, SDR), which divide a cost rather than lower it, and nothing "
        "says what they schedule; these are the comparators that can be run."
    )
    return Judgement(f"community's cost, sliding horizon with noisy forecasts: {found}", cases, why)


def saves(evidence: Evidence) -> Judgement:
    """Whether the sliding horizon costs less than each comparator, whatever the amount."""
    compared = {"each alone": evidence.alone} | {name: evidence.cost(name) for name in RULES}
    cases = {name: evidence.cost(NOISY) < other for name, other in compared.items()}
    best = evidence.cost(LEAST_COST)
    found = (
        f"{evidence.cost(NOISY):.0f} {evidence.instance.currency} a day, against {evidence.alone:.0f} each alone and "
        f"{min(evidence.cost(name) for name in RULES):.0f} by the best rule; {best:.0f} with all foreseen"
    )
    return Judgement(found, cases, "Errors of forecasts may cost more than looking ahead saves.")


def gain(evidence: Evidence) -> Judgement:
    """PM of the sliding horizon minus that of each rule: about 0.05."""
    pm = evidence.methods.set_index("method")["pm"]
    rules = pm[list(RULES)].sort_values()
    cases = {f"against {name}": about(float(pm[NOISY] - value), GAIN) for name, value in rules.items()}
    each = ", ".join(f"{name} {value:.2f}" for name, value in rules.items())
    found = f"PM {pm[NOISY]:.2f} (perfect forecasts {pm[ROLLING]:.2f}); rules: {each}"
    why = (
        "PM compares with no sharing and with all foreseen, our reading of v_min and v_max, left open by the paper. "
        "The printed 5 % may as well be one of cost."
    )
    return Judgement(found, cases, why)


def within(evidence: Evidence) -> Judgement:
    """Whether PM of every method that minds the cost is in [0, 1]."""
    pm = evidence.methods.set_index("method")["pm"].drop(LEAST_PEAK)
    cases = {str(name): bool(-SLIGHT <= value <= 1 + SLIGHT) for name, value in pm.items()}
    found = f"{pm.min():.2f} ({pm.idxmin()}) to {pm.max():.2f} ({pm.idxmax()})"
    return Judgement(found, cases, "A method that costs more than no sharing at all falls below 0.")


def _run(evidence: Evidence, run: str) -> pd.DataFrame:
    return evidence.failures[evidence.failures["run"] == run].set_index("case")


def failures_elsewhere(evidence: Evidence) -> Judgement:
    """For each case of failures: whether all other load stays served by the sliding horizon."""
    table = _run(evidence, "failures, rolling")
    cases = {case: bool(row["unserved_elsewhere_kwh"] <= 1e-6) for case, row in table.iterrows()}
    found = "; ".join(
        f"{case}: {row['nodes_failing']:.0f} nodes fail, {row['unserved_elsewhere_kwh']:.3g} kWh unserved elsewhere"
        for case, row in table.iterrows()
    )
    return Judgement(found, cases, "The connection to the grid is too narrow for what failed nodes supplied.")


def failures_there(evidence: Evidence) -> Judgement:
    """For each case of failures: whether the load at failed nodes stays served."""
    table, known = _run(evidence, "failures, rolling"), _run(evidence, "failures, all foreseen")
    cases = {case: bool(row["unserved_there_kwh"] <= 1e-6) for case, row in table.iterrows()}
    found = "; ".join(
        f"{case}: {row['unserved_there_kwh']:.1f} of {row['load_at_failed_nodes_kwh']:.1f} kWh unserved "
        f"({known.loc[case, 'unserved_there_kwh']:.1f} if foreseen)"
        for case, row in table.iterrows()
    )
    why = "A node without a connection lives on its own sun and storage; nobody can carry its burden for it."
    return Judgement(found, cases, why)


def failures_cost(evidence: Evidence) -> Judgement:
    """For each case: what failures change in the cost of a kWh served, met as they come; no printed number.

    The whole cost would fall, since load that is not served is not bought either.
    """
    table, sound = _run(evidence, "failures, rolling"), _run(evidence, "no failures, rolling")
    change = table["cost_per_kwh"] / sound["cost_per_kwh"] - 1.0
    cases = {str(case): bool(abs(value) <= ABOUT * SAVING) for case, value in change.items()}
    found = "; ".join(f"{case}: cost of a kWh served {100 * value:+.2f} %" for case, value in change.items())
    return Judgement(found, cases, f"Stable is read as within {_percent(ABOUT * SAVING)} of the cost without failures.")


def peak(evidence: Evidence) -> Judgement:
    """Peak import under p-MAS, and at its least, against serving everything at once."""
    kw = evidence.methods.set_index("method")["peak_kw"]
    cases = {"p-MAS by thresholds": bool(kw["p_mas"] < kw["idle"]), "least peak": bool(kw[LEAST_PEAK] < kw["idle"])}
    found = f"{kw['idle']:.1f} kW without, {kw['p_mas']:.1f} kW by thresholds, {kw[LEAST_PEAK]:.1f} kW at the least"
    why = (
        "Thresholds are each node's own: storages and requests that go to the same cheap hours meet there, and make a "
        "new peak that no single node sees. Coordination can lower it, as the least peak shows."
    )
    return Judgement(found, cases, why)


def waiting(evidence: Evidence) -> Judgement:
    """Mean waiting under p-MAS against the schedules of least cost and of no shifting."""
    hours = evidence.methods.set_index("method")["waiting_h"]
    names = {"least cost": LEAST_COST, "serving at once": "idle"}
    cases = {f"against {words}": bool(hours["p_mas"] < hours[name]) for words, name in names.items()}
    found = (
        f"{hours['p_mas']:.2f} h by thresholds, {hours[LEAST_COST]:.2f} h at least cost, {hours['idle']:.2f} h at once"
    )
    return Judgement(found, cases, "Shifting is waiting: nothing is quicker than serving at once.")


def exchange(evidence: Evidence) -> Judgement:
    """What members exchange at least cost."""
    kw = evidence.exchanged_kw
    found = f"{kw.mean():.1f} kW on average between members, {kw.max():.1f} kW at most, at the community's least cost"
    why = "A level, and a total printed as a power; which community it belongs to is not said."
    return Judgement(found, {}, why, "not judged")


def grid_prices(evidence: Evidence) -> Judgement:
    """Prices are data here."""
    given = evidence.instance
    found = (
        f"grid sells at {given.buy_price.min():g} to {given.buy_price.max():g} and buys at {given.sell_price.max():g} "
        f"{given.currency}/kWh: data, so it confirms nothing"
    )
    return Judgement(found, {}, "Internal prices of buyers and sellers are the subject of settlement.", "settlement")


def later(evidence: Evidence) -> Judgement:
    """Left to settlement."""
    return Judgement(
        "not computed yet", {}, "Needs internal prices and bills: the subject of settlement.", "settlement"
    )


CLAIMS = (
    Claim("use_without", "storage use without sharing", "about 125 MW per hour", "Table 2", use_without),
    Claim("use_with", "storage use with sharing", "200.5-300.5 MWh, 1.60-2.40 times as much", "Table 2", use_with),
    Claim("use_capacity", "storage use rises with capacity", "rises", "Results", use_grows("size", "contribution")),
    Claim("use_sharing", "storage use rises with participation", "rises", "Results", use_grows("contribution", "size")),
    Claim("saving", "consumers save relative to other methods", "about 8 %", "Table 2", saving),
    Claim("saves", "the proposed model costs least of all compared", "least", "Results", saves),
    Claim("performance", "overall performance improves", "about 5 %", "Table 2", gain),
    Claim("pm_range", "the performance measure lies in [0, 1]", "0 to 1", "equation 8", within),
    Claim("failure_rest", "service continues where several nodes fail", "stable", "Reliability", failures_elsewhere),
    Claim("failure_nodes", "the rest carry the burden of failed nodes", "carried", "Reliability", failures_there),
    Claim("failure_cost", "operation stays stable under failures", "stable", "Reliability", failures_cost),
    Claim("peak", "p-MAS reduces the system's peak", "reduces", "p-MAS", peak),
    Claim("waiting", "p-MAS reduces waiting time", "reduces", "p-MAS", waiting),
    Claim("transactions", "total energy transactions", "about 20 kW", "Table 2", exchange),
    Claim("prices", "seller- and buyer-side price", "about 8 and 10", "Table 2", grid_prices),
    Claim("settlements", "the model outperforms BS, MMR and SDR; BS is shallow", "best", "Results", later),
    Claim("bills", "bills and sharing contribution rates", "–", "equation 1", later),
)
