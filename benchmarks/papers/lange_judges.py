"""How each claim about schedules is judged: storages, savings, the performance measure, failures and p-MAS."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from .lange_experiment import LEAST_COST, LEAST_PEAK, NOISY, ROLLING, RULES, Evidence
from .lange_judgement import ABOUT, GAIN, PRINTED_RATIO, SAVING, SLIGHT, Judgement, about, percent
from .lange_settlement import OWN, PRINTED_RULES


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
    """Savings of the sliding horizon against all alone, settled schedules and rules behind one meter: about 8 %."""
    cost, settled = evidence.cost(NOISY), evidence.settled
    compared = {"each alone": evidence.alone}
    # With one dispatch all rules cost the same, so the least of theirs stands for all.
    compared["BS, MMR or SDR on own schedules"] = min(settled.of(OWN, rule, "cost") for rule in PRINTED_RULES)
    compared |= {f"{name} behind one meter": evidence.cost(name) for name in RULES}
    savings = {name: 1.0 - cost / other for name, other in compared.items()}
    cases = {name: about(value, SAVING) for name, value in savings.items()}
    found = ", ".join(f"{percent(value)} against {name}" for name, value in savings.items())
    why = (
        "BS, MMR and SDR divide a cost and cannot lower it: on the same schedules nothing is saved against them, so "
        "what is saved is the schedule's. What they schedule in the paper is not said; here each does best alone."
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
    rules["BS, MMR or SDR on own schedules"] = max(evidence.settled.of(OWN, rule, "pm") for rule in PRINTED_RULES)
    cases = {f"against {name}": about(float(pm[NOISY] - value), GAIN) for name, value in rules.items()}
    each = ", ".join(f"{name} {value:.2f}" for name, value in rules.items())
    found = f"PM {pm[NOISY]:.2f} (perfect forecasts {pm[ROLLING]:.2f}); others: {each}"
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
    return Judgement(found, cases, f"Stable is read as within {percent(ABOUT * SAVING)} of the cost without failures.")


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
