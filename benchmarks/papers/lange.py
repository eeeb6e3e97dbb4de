"""The table of the paper on cloud-coordinated sharing, printed and found, on a generated Indian community.

Source: Lange, *Cloud-coordinated peer-to-peer energy sharing for urban community microgrids*. Its records (India
Residential Energy Survey 2020) may not be redistributed, so the community is generated
(:mod:`commonwatt.instances.sources.india`). How we read what it leaves open: :mod:`.lange_model`; what is run:
:mod:`.lange_experiment`; how claims are judged: :mod:`.lange_claims`.

``commonwatt tables --suite lange`` writes everything; ``python -m commonwatt.benchmarks.papers.lange`` prints the
table.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ...instances.scheduling import SchedulingInstance
from ...instances.shelf import load
from ..experiment import LAYERS, code_version
from ..figures import save_figure
from ..report import Picture, Section, Table, load_sections, save_sections
from ..suite_sections import written_table
from ..suites import circumstances, say
from .lange_claims import claims
from .lange_experiment import SEEDS, WINDOW, Evidence, gather
from .lange_figures import failure_figure, methods_figure, use_figure
from .lange_judgement import PRINTED_RATIO
from .lange_model import LOST_LOAD_PRICE
from .lange_settlement import BEST, OWN, RETURN_RATES, SLIDING
from .lange_settlement_figures import gains_figure, prices_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

COMMUNITY = "scheduling/india-240"
COMMAND = "commonwatt tables --suite lange"


def lange_suite(out: Path, workers: int, console: Console) -> list[Section]:
    """The paper's table and figures; kept while the code stays.

    Parameters
    ----------
    out : path
        Folder of results.
    workers : int
        Not used: the experiments take a minute or two.
    console : rich.console.Console
        Where progress is shown.

    Returns
    -------
    list of Section
    """
    kept, mark = out / "sections" / "lange.json", out / "sections" / "lange.key"
    key = code_version(*LAYERS)
    if kept.is_file() and mark.is_file() and mark.read_text(encoding="utf-8") == key:
        say(console, "lange: finished before with the same code, kept")
        return load_sections(kept, root=out)[0]
    community = load(COMMUNITY)
    assert isinstance(community, SchedulingInstance)
    found = gather(community, progress=lambda what: say(console, f"lange: {what}"))
    made = sections(out, found)
    save_sections(kept, made, circumstances(), root=out)
    mark.write_text(key, encoding="utf-8")
    return made


def sections(out: Path, found: Evidence) -> list[Section]:
    """Write tables and figures of what was run.

    Parameters
    ----------
    out : path
        Folder of results; files go to ``tables`` and ``figures`` below it.
    found : Evidence
        What was run.

    Returns
    -------
    list of Section
        The claims, then storages, ways to run the community, settlements, prices, and failures.
    """
    return [
        _claims_section(out, found),
        _storages_section(out, found),
        _methods_section(out, found),
        _settlements_section(out, found),
        _prices_section(out, found),
        _failures_section(out, found),
    ]


def _written(out: Path, stem: str, frame: pd.DataFrame, caption: str, note: str = "") -> Table:
    return written_table(out, f"lange-{stem}", frame, caption, note)


def _claims_section(out: Path, found: Evidence) -> Section:
    judged = claims(found)
    note = (
        "Cases: how many of the claim's hold. yes: all; no: none; depends: some. Not judged: levels, which cannot be "
        "compared, and trends, which the generated data cannot have."
    )
    table = _written(out, "claims", judged, "Printed results, what is found here, and whether they hold", note)
    number = judged["holds"].value_counts()
    counted = ", ".join(f"{count} {word}" for word, count in number.items())
    text = (
        f"{len(judged)} printed results on {found.instance.meta.name}: {counted}. The community is generated from "
        "declared models, in the paper's setting but not of its records: ratios can be compared, levels cannot."
    )
    return Section("Cloud-coordinated sharing: printed and found", text, [table], (), COMMAND)


def _storages_section(out: Path, found: Evidence) -> Section:
    note = (
        "Members contribute the fraction κ of their storage, which is scheduled for all after they have scheduled the "
        "rest for themselves. Use is what is charged and discharged, kWh a day on the AC side; size multiplies all "
        "storages."
    )
    table = _written(out, "storages", found.use, "Use of storages over their size and the contributed fraction", note)
    most = found.use["times_without"].max()
    low, high = PRINTED_RATIO
    picture = Picture(
        "Use of storages against the contributed fraction, by size of storages; grey: the printed 200.5 to 300.5 "
        "against 125.",
        _saved(out, "storages", use_figure(found)),
        f"Lines rise with the contributed fraction, up to {most:.1f} times the use without sharing; printed are "
        f"{low:.1f} to {high:.1f} times.",
    )
    return Section("Cloud-coordinated sharing: storages", "", [table], [picture], COMMAND)


def _methods_section(out: Path, found: Evidence) -> Section:
    note = (
        f"Costs in {found.instance.currency} a day behind one meter; saving and PM against "
        f"{found.alone:.0f} {found.instance.currency}, what all pay if each decides best alone. The sliding horizon "
        f"plans {WINDOW} intervals and moves by one; noisy forecasts are of the community's sum, mean of seeds "
        f"{', '.join(map(str, SEEDS))}. PM = 0: no sharing, 1: least cost with all foreseen."
    )
    table = _written(out, "methods", found.methods, "Ways to run the community", note)
    best = found.methods.loc[found.methods["cost"].idxmin()]
    picture = Picture(
        "Cost of each way to run the community, with its performance measure; dashed: each alone.",
        _saved(out, "methods", methods_figure(found)),
        f"Bars of cost; the least is {best['cost']:.0f} by {best['method']}, each alone costs {found.alone:.0f}.",
    )
    return Section("Cloud-coordinated sharing: savings and performance", "", [table], [picture], COMMAND)


def _settlements_section(out: Path, found: Evidence) -> Section:
    settled, currency = found.settled, found.instance.currency
    note = (
        f"cost: {currency} a day behind one meter, whatever the rule; without sharing: a meter each. Saving and PM are "
        f"against {found.alone:.0f} {currency}, each alone at its best. costs_differ: greatest difference between "
        "rules; bills_off: how far bills miss the cost of the community's net load; both relative. Several schedules "
        "are best for members alone, and cost the community differently; this is the one that the program returns."
    )
    dispatches = _written(out, "dispatches", settled.dispatches, "Dispatches, whatever the rule of settlement", note)
    rules = _written(out, "settlements", settled.rules, "Who gains by which rule", _who_gains_note(found))
    sums = ", ".join(f"{settled.rate_sums[tau]:g} for τ = {tau:g}" for tau in RETURN_RATES)
    note = (
        f"Sliding horizon. A contribution is what a member gives to others, γ = 1; rates add up to {sums}. Savings: "
        f"against each alone at its best, {currency} a day."
    )
    rates = _written(out, "contributions", settled.rates, "Contribution rates by what members own (equation 1)", note)
    most = settled.rules.loc[settled.rules["gain_of_others"].idxmin()]
    picture = Picture(
        "What consumers and others gain by dispatch and rule, against each alone at its best; marks: their sum.",
        _saved(out, "settlements", gains_figure(found)),
        f"Bars of gains and losses; within a dispatch all rules add up to the same, from {_gain(found, OWN):.0f} on "
        f"own schedules over {_gain(found, SLIDING):.0f} to {_gain(found, BEST):.0f} {currency} at least cost. Others "
        f"lose most, {-most['gain_of_others']:.0f} {currency}, by {most['rule']} with {most['dispatch']}.",
    )
    text = (
        "Prices divide a cost and cannot lower it: what the community saves is its schedule's, who saves is the rule's."
    )
    return Section("Cloud-coordinated sharing: settlements", text, [dispatches, rules, rates], [picture], COMMAND)


def _who_gains_note(found: Evidence) -> str:
    return (
        f"consumer_saving: of the bills of the {found.settled.paying} members who would pay alone, against each alone "
        "at its best; saving_to_no_storage: the same against a meter each with storages idle. gain_of_consumers and of "
        f"others: {found.instance.currency} a day, against each alone at its best. worse_off: members who pay more "
        "than alone. net_sellers_share: of the gain, to members who give more than they take; – without one. Gini: of "
        "savings; – where somebody loses. Prices are weighted by energy; buy_price_range: between the hours of the "
        "day. The sliding horizon is settled with the first of its noisy forecasts."
    )


def _gain(found: Evidence, dispatch: str) -> float:
    return found.alone - found.settled.of(dispatch, "SDR", "cost")


def _prices_section(out: Path, found: Evidence) -> Section:
    months = found.months
    note = (
        f"{months.currency}/kWh, 1 May to 30 August, {months.members} members with storages idle and requests served "
        "at once. buy, sell: weighted by energy; plain: means over hours in which that side trades, since a price at "
        "which nobody trades is a convention. Tariff and model have no seasons, so months differ by chance."
    )
    prices = _written(out, "prices", months.prices, "Prices of buyers and sellers, month by month", note)
    trade = _written(out, "transactions", months.trade, "Internal transactions, month by month")
    sdr = {side: months.mean("SDR", side) for side in ("buy", "sell")}
    picture = Picture(
        "Internal prices between those of the grid: by month, weighted by energy, and by hour of the day.",
        _saved(out, "prices", prices_figure(found)),
        f"Lines without a trend over the months: by SDR buyers pay {sdr['buy']:.2f} and sellers receive "
        f"{sdr['sell']:.2f} {months.currency}/kWh; over the day prices fall while the sun shines.",
    )
    return Section("Cloud-coordinated sharing: internal prices", "", [prices, trade], [picture], COMMAND)


def _failures_section(out: Path, found: Evidence) -> Section:
    note = (
        "Each failing node is cut off for two to four hours. Rolling: a failure is known only while it is there, and "
        f"is believed to last. Unserved load is priced at {LOST_LOAD_PRICE:g} {found.instance.currency}/kWh, no part "
        "of energy_cost. Content left at the end is worth the mean price."
    )
    table = _written(out, "failures", found.failures, "Nodes that fail: cost and unserved load", note)
    rolled = found.failures[found.failures["run"] == "failures, rolling"]
    there, elsewhere = rolled["unserved_there_kwh"].sum(), rolled["unserved_elsewhere_kwh"].sum()
    picture = Picture(
        "Import of the community on a sliding horizon, and load that stays unserved, with and without failures.",
        _saved(out, "failures", failure_figure(found)),
        f"Import with and without failures over the day; {there:.1f} kWh stay unserved at failed nodes, "
        f"{elsewhere:.1f} kWh elsewhere.",
    )
    return Section("Cloud-coordinated sharing: failures", "", [table], [picture], COMMAND)


def _saved(out: Path, stem: str, figure: Figure) -> Path:
    return save_figure(figure, out / "figures", f"lange-{stem}")[0]


def main(arguments: list[str] | None = None) -> None:
    """Print the table of printed and found results."""
    argparse.ArgumentParser(prog="python -m commonwatt.benchmarks.papers.lange", description=main.__doc__).parse_args(
        arguments
    )
    community = load(COMMUNITY)
    assert isinstance(community, SchedulingInstance)
    for row in claims(gather(community)).to_dict(orient="records"):
        print(f"{row['id']}: {row['claim']} ({row['where']})")
        for column in ("printed", "found", "holds", "why"):
            if row[column]:
                print(f"  {column}: {row[column]}")


if __name__ == "__main__":
    main()
