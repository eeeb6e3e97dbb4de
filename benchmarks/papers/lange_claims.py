"""The printed results of the paper on cloud-coordinated sharing, what is found here, and whether they hold.

How a claim is judged: :mod:`.lange_judgement`; the judges: :mod:`.lange_judges` and :mod:`.lange_settlement_judges`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from . import lange_judges as judges
from . import lange_settlement_judges as settlement
from .lange_experiment import Evidence
from .lange_judgement import Judgement


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


CLAIMS = (
    Claim("use_without", "storage use without sharing", "about 125 MW per hour", "Table 2", judges.use_without),
    Claim(
        "use_with", "storage use with sharing", "200.5-300.5 MWh, 1.60-2.40 times as much", "Table 2", judges.use_with
    ),
    Claim(
        "use_capacity",
        "storage use rises with capacity",
        "rises",
        "Results",
        judges.use_grows("size", "contribution"),
    ),
    Claim(
        "use_sharing",
        "storage use rises with participation",
        "rises",
        "Results",
        judges.use_grows("contribution", "size"),
    ),
    Claim("saving", "the community saves relative to other methods", "about 8 %", "Table 2", judges.saving),
    Claim("saving_consumers", "consumers save relative to other methods", "about 8 %", "Table 2", settlement.consumers),
    Claim("saves", "the proposed model costs least of all compared", "least", "Results", judges.saves),
    Claim("performance", "overall performance improves", "about 5 %", "Table 2", judges.gain),
    Claim("pm_range", "the performance measure lies in [0, 1]", "0 to 1", "equation 8", judges.within),
    Claim(
        "failure_rest", "service continues where several nodes fail", "stable", "Reliability", judges.failures_elsewhere
    ),
    Claim(
        "failure_nodes", "the rest carry the burden of failed nodes", "carried", "Reliability", judges.failures_there
    ),
    Claim("failure_cost", "operation stays stable under failures", "stable", "Reliability", judges.failures_cost),
    Claim("peak", "p-MAS reduces the system's peak", "reduces", "p-MAS", judges.peak),
    Claim("waiting", "p-MAS reduces waiting time", "reduces", "p-MAS", judges.waiting),
    Claim("transactions", "total energy transactions", "about 20 kW", "Table 2", settlement.exchange),
    Claim("prices", "seller- and buyer-side price", "about 8 and 10, 0.8 to 1", "Table 2", settlement.price_ratio),
    Claim("prices_order", "buyers' prices are above sellers' in every month", "above", "Results", settlement.order),
    Claim("prices_rise", "both prices rise over four months", "gradually", "Results", settlement.rise),
    Claim("settlements", "the model outperforms BS, MMR and SDR", "best", "Results", settlement.outperforms),
    Claim("rules", "MMR and SDR do better than BS, which is shallow", "better", "Results", settlement.beyond_sharing),
    Claim("groups", "cost is not merely shifted between groups", "all gain", "Results", settlement.no_shift),
    Claim("bills", "contribution rates and bills add up", "to 1 − τ; to the grid's", "equation 1", settlement.add_up),
)
