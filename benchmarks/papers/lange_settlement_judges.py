"""How each claim about settlements is judged: who gains by which rule, internal prices, transactions and bills.

The proposed model is the sliding horizon's schedule at SDR prices. Its comparators BS, MMR and SDR are rules of
settlement, for which the paper prints no schedule: here they settle what members schedule for themselves alone.
"""

from __future__ import annotations

from .lange_experiment import Evidence
from .lange_judgement import SAVING, SLIGHT, Judgement, about, percent
from .lange_settlement import IDLE, OWN, PRINTED_RULES, SLIDING, TOP
from .lange_settlement_months import INTERNAL

PRICE_RATIO = 8.0 / 10.0
"""Printed seller's price over the buyer's: prices come without a unit, their ratio needs none."""

PROPOSED = (SLIDING, "SDR")


def consumers(evidence: Evidence) -> Judgement:
    """What consumers' bills save under the proposed model against each rule on own schedules: about 8 %."""
    settled = evidence.settled
    bill = settled.bill(*PROPOSED)
    savings = {rule: 1.0 - bill / settled.bill(OWN, rule) for rule in PRINTED_RULES}
    savings["no sharing"] = 1.0 - bill
    cases = {f"against {rule}": about(value, SAVING) for rule, value in savings.items()}
    each = ", ".join(f"{percent(value)} against {rule}" for rule, value in savings.items())
    found = f"bills of the {settled.paying} members who would pay alone, sliding horizon at SDR prices: {each}"
    why = (
        "The rules cost the community the same; they differ in what sellers are left with. Bill sharing pays nothing "
        "for what members give each other, which lowers consumers' bills at the sellers' expense."
    )
    return Judgement(found, cases, why)


def outperforms(evidence: Evidence) -> Judgement:
    """Whether the proposed model costs less, performs better and bills consumers less than each rule."""
    settled = evidence.settled
    cases: dict[str, bool] = {}
    for words, dispatch in (("with storages idle", IDLE), ("on own schedules", OWN), ("on its own schedule", SLIDING)):
        costs = [settled.of(dispatch, rule, "cost") for rule in PRINTED_RULES]
        pms = [settled.of(dispatch, rule, "pm") for rule in PRINTED_RULES]
        cost, pm = settled.of(*PROPOSED, "cost"), settled.of(*PROPOSED, "pm")
        cases[f"cost against rules {words}"] = cost < min(costs) - SLIGHT * abs(min(costs))
        cases[f"PM against rules {words}"] = pm > max(pms) + SLIGHT
    for rule in PRINTED_RULES:
        cases[f"consumers' bills against {rule} on own schedules"] = settled.bill(*PROPOSED) < settled.bill(OWN, rule)
    rows = settled.dispatches.set_index("dispatch")
    each = ", ".join(f"{row['cost']:.0f} and {row['pm']:.2f} by {name}" for name, row in rows.iterrows())
    found = (
        f"cost ({evidence.instance.currency} a day) and PM: {each}; over rules, costs of one dispatch differ by "
        f"{rows['costs_differ'].max():.1e} relative"
    )
    why = (
        "The advantage is the schedule's. Prices divide what the grid is paid, and where load does not respond to them "
        "they cannot change it."
    )
    return Judgement(found, cases, why)


MEASURES = {
    "the community's cost": ("cost", -1.0),
    "consumers' saving": ("consumer_saving", 1.0),
    "the worst member's saving": ("worst_saving", 1.0),
    "members worse off": ("worse_off", -1.0),
    "what shifting by prices can gain": ("buy_price_range", 1.0),
}
"""Columns by which rules are compared, and whether more or less is better."""


def beyond_sharing(evidence: Evidence) -> Judgement:
    """For each measure: whether MMR and SDR do better than bill sharing on the same schedules, each member's own."""
    settled = evidence.settled
    cases = {}
    for words, (column, sign) in MEASURES.items():
        shared = sign * settled.of(OWN, "BS", column)
        for rule in ("MMR", "SDR"):
            better = sign * settled.of(OWN, rule, column) > shared + SLIGHT * max(1.0, abs(shared))
            cases[f"{words} by {rule}"] = bool(better)

    def each(column: str, shape: str = "", scale: float = 1.0) -> str:
        return ", ".join(f"{rule} {scale * settled.of(OWN, rule, column):{shape}}" for rule in PRINTED_RULES)

    found = (
        f"consumers save (%) {each('consumer_saving', '.1f', 100.0)}; worse off than alone are "
        f"{each('worse_off', '.0f')}; the buyers' price differs over the day ({evidence.instance.currency}/kWh) by "
        f"{each('buy_price_range', '.2f')}"
    )
    why = (
        "Cost and PM are the same by all rules. One price for all hours gives no reason to shift, and it is low for "
        "sellers; but what sellers do not receive, consumers save."
    )
    return Judgement(found, cases, why)


def no_shift(evidence: Evidence) -> Judgement:
    """For each kind of members, by what they own: whether it pays no more under the proposed model than alone."""
    settled = evidence.settled
    saving = settled.rates.set_index("owns")[f"saving_{PROPOSED[1]}"]
    slack = SLIGHT * evidence.alone
    cases = {str(owns): bool(value >= -slack) for owns, value in saving.items()}
    each = ", ".join(f"{value:+.0f} {owns}" for owns, value in saving.items())
    worse = settled.of(*PROPOSED, "worse_off")
    found = (
        f"sliding horizon at SDR prices, {evidence.instance.currency} a day against each alone at its best: {each}; "
        f"{worse:.0f} of {len(evidence.instance.member)} members pay more than alone, at the dual price "
        f"{settled.of(SLIDING, 'dual price', 'worse_off'):.0f}"
    )
    why = (
        "A storage that serves all draws at the buyers' price and gives at the sellers', which falls just where "
        "storages have made energy plentiful; alone it spares its owner the retail price."
    )
    return Judgement(found, cases, why)


def price_ratio(evidence: Evidence) -> Judgement:
    """Mean price of sellers over that of buyers, by rule, over four months and on the day: about 0.8."""
    months, settled = evidence.months, evidence.settled
    ratios, levels = {}, []
    for rule in INTERNAL.values():
        buy, sell = months.mean(rule, "buy"), months.mean(rule, "sell")
        ratios[f"{rule}, four months"] = sell / buy
        levels.append(f"{rule} {sell:.2f} and {buy:.2f}")
        buy, sell = settled.of(SLIDING, rule, "buy_price"), settled.of(SLIDING, rule, "sell_price")
        ratios[f"{rule}, sliding horizon"] = sell / buy
    cases = {name: about(value, PRICE_RATIO) for name, value in ratios.items()}
    each = ", ".join(f"{value:.2f} ({name})" for name, value in ratios.items())
    grid = f"the grid {months.mean('grid', 'sell'):.2f} and {months.mean('grid', 'buy'):.2f}"
    found = f"sellers' over buyers' price: {each}; over four months {', '.join(levels)}, {grid} {months.currency}/kWh"
    why = "Printed prices have no unit; their ratio follows from the grid's prices and the sun, declared models here."
    return Judgement(found, cases, why)


def order(evidence: Evidence) -> Judgement:
    """For each rule and month: whether buyers pay more than sellers receive."""
    prices = evidence.months.prices
    inside = prices[prices["rule"].isin(INTERNAL.values())]
    cases = {f"{row['rule']} in {row['month']}": bool(row["buy"] > row["sell"]) for _, row in inside.iterrows()}
    apart = (inside["buy"] - inside["sell"]).groupby(inside["rule"])
    each = ", ".join(f"{part.min():.2f} to {part.max():.2f} by {rule}" for rule, part in apart)
    found = f"buyers pay more by {each} ({evidence.months.currency}/kWh, monthly means), as these rules imply"
    return Judgement(found, cases, "Prices of a community whose sellers always suffice are the same on both sides.")


def rise(evidence: Evidence) -> Judgement:
    """How prices change from the first month to the last; nothing here could make them rise."""
    months, parts = evidence.months, []
    for rule in INTERNAL.values():
        for side in ("buy", "sell"):
            values = months.series(rule, side)
            rising = int((values[1:] > values[:-1]).sum())
            change = values[-1] / values[0] - 1.0
            parts.append(f"{rule} {side} {100 * change:+.2f} %, up in {rising} of {len(values) - 1} months")
    why = "The tariff is the same in all months and the model of loads and sun has no seasons: what changes is chance."
    return Judgement(f"first to last month: {'; '.join(parts)}", {}, why, "not judged")


def exchange(evidence: Evidence) -> Judgement:
    """What members exchange, on the day by dispatch, and over four months."""
    rows = evidence.settled.dispatches.set_index("dispatch")
    each = "; ".join(
        f"{name} {row['exchanged_kw']:.1f} kW, at most {row['exchanged_peak_kw']:.1f}" for name, row in rows.iterrows()
    )
    mean, most = evidence.months.exchanged_kw
    found = (
        f"between {len(evidence.instance.member)} members on average: {each}; between {evidence.months.members} over "
        f"four months, storages idle, {mean:.1f} kW, at most {most:.1f}"
    )
    why = "A level, and a total printed as a power. It grows with the community, whose size is not said."
    return Judgement(found, {}, why, "not judged")


def add_up(evidence: Evidence) -> Judgement:
    """Whether rates add up to what the aggregator leaves, and bills to what the grid is paid."""
    settled, months = evidence.settled, evidence.months
    cases = {
        f"rates at τ = {tau:g}": bool(abs(total - (1.0 - tau)) <= SLIGHT) for tau, total in settled.rate_sums.items()
    }
    off = float(settled.dispatches["bills_off"].max())
    cases["bills of the day"] = off <= SLIGHT
    cases["monthly statements"] = months.bills_off <= SLIGHT
    sums = ", ".join(f"{total:.12g} at τ = {tau:g}" for tau, total in settled.rate_sums.items())
    found = (
        f"rates add up to {sums}; bills miss the grid's by {off:.1e} over all dispatches and rules, monthly statements "
        f"by {months.bills_off:.1e} (relative). The {TOP} who give most give "
        f"{percent(settled.top_rate)} of all"
    )
    return Judgement(found, cases, "What members are billed is not what the grid is paid.")
