"""The claims of the Texas paper, and the table that says which of them hold.

A claim holds ("yes") if every case of it holds in every community, it does not ("no") if none does anywhere, else it
"depends". How the cases are judged is in :mod:`.kouvelas_judges`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from . import kouvelas_judges as judges
from .kouvelas_judges import Evidence, Judgement

HOLDS = ("yes", "no", "depends")


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper."""

    id: str
    text: str
    printed: str
    where: str
    judge: Callable[[Evidence], Judgement]


TARGETS = ("low_consumers", "lowest_all_year", "rare_distant_moves")
"""Claims about consumption that the generated community was calibrated to, or follow closely from that."""

CALIBRATED = "Confirms nothing: the generated community was calibrated to the paper's clusters of consumption."


def claims(evidence: list[Evidence]) -> pd.DataFrame:
    """Judge every claim.

    Parameters
    ----------
    evidence : list of Evidence
        The main community first, whose numbers stand in the table, then variants.

    Returns
    -------
    pandas.DataFrame
        ``id``, ``claim``, ``printed``, ``found`` (main community), ``holds`` (yes, no or depends), ``cases`` (how many
        hold, in the main community and in all), ``why`` (where it does not hold; for :data:`TARGETS`, what it is
        worth), ``where`` in the paper.
    """
    rows = []
    for claim in CLAIMS:
        judged = {one.name: claim.judge(one) for one in evidence}
        main = next(iter(judged.values()))
        every = [held for one in judged.values() for held in one.cases.values()]
        holds = verdict(every)
        row = {"id": claim.id, "claim": claim.text, "printed": claim.printed, "found": main.found, "holds": holds}
        row["cases"] = f"{_count(main)}; all {sum(every)}/{len(every)}"
        reasons = "" if holds == "yes" else f"{main.why} {_failures(judged)}".strip()
        row["why"] = f"{CALIBRATED} {reasons}".strip() if claim.id in TARGETS else reasons
        rows.append(row | {"where": claim.where})
    return pd.DataFrame(rows)


def claims_by_community(evidence: list[Evidence]) -> pd.DataFrame:
    """How many cases of each claim hold in each community: ``id`` and one column per community."""
    rows = [{"id": claim.id} | {one.name: _count(claim.judge(one)) for one in evidence} for claim in CLAIMS]
    return pd.DataFrame(rows)


def verdict(cases: list[bool]) -> str:
    """Yes if all hold, no if none does, else depends; without a case nothing holds."""
    return "yes" if cases and all(cases) else "depends" if any(cases) else "no"


def _count(judgement: Judgement) -> str:
    return f"{sum(judgement.cases.values())}/{len(judgement.cases)}" if judgement.cases else "–"


def _failures(judged: Mapping[str, Judgement]) -> str:
    """Where it fails, community by community, naming cases where they are few."""
    parts = []
    for name, judgement in judged.items():
        failing = [case for case, holds in judgement.cases.items() if not holds]
        if failing:
            which = "all cases" if len(failing) == len(judgement.cases) else ", ".join(failing)
            parts.append(
                f"{name} ({which if len(failing) <= 4 else f'{len(failing)} of {len(judgement.cases)} cases'})"
            )
    return f"Fails in: {'; '.join(parts)}." if parts else ""


CLAIMS = (
    Claim(
        "optimal_beats_simple",
        "Optimal strategies beat simple ones in SWR under every policy",
        "every policy",
        "VI, Fig. 6a",
        judges.optimal_beats_simple,
    ),
    Claim(
        "low_deficiency_serves_more",
        "Prioritising low deficiency serves more households",
        "more",
        "VI, Fig. 6a",
        judges.low_serves_more,
    ),
    Claim(
        "random_policy_between",
        "The random policy lies between the others",
        "between",
        "VI, Fig. 6a",
        judges.random_policy_between,
    ),
    Claim("random_low_pbr", "The random strategy has a much lower PBR", "lower", "VI, Fig. 5a", judges.random_pbr),
    Claim("random_high_ur", "The random strategy has a high UR", "about 0.85", "VI, Fig. 5b", judges.random_ur),
    Claim(
        "wf_over_greedy", "WF has a higher SWR than greedy by a factor", "2.5", "VII, Fig. 6a", judges.wf_over_greedy
    ),
    Claim("wf_highest_swr", "WF has the highest SWR of all", "highest", "VII, Fig. 6a", judges.wf_highest),
    Claim(
        "more_than_random",
        "More households fully served than by random sharing",
        "up to +81 %",
        "abstract",
        judges.more_than_random,
    ),
    Claim(
        "round_robin_against_greedy",
        "Round-robin serves more than greedy under high deficiency and large size, fewer under the opposite",
        "more; fewer",
        "VI, Fig. 4",
        judges.round_robin_against_greedy,
    ),
    Claim(
        "round_robin_high_against_low",
        "Round-robin serves more under high deficiency and large size than under the opposite",
        "more",
        "VI, Fig. 4b",
        judges.round_robin_high_against_low,
    ),
    Claim(
        "wf_lowest_pbr", "WF has the lowest PBR of the sequential strategies", "lowest", "VI, Fig. 5a", judges.wf_pbr
    ),
    Claim("wf_ur_half", "WF keeps a satisfactory UR", "about 0.5", "VI, Fig. 5b", judges.wf_ur),
    Claim(
        "gt_more_stable",
        "GT is more stable than WF, which has more outliers",
        "fewer outliers",
        "VI, Fig. 6b, c",
        judges.gt_stable,
    ),
    Claim("gt_groups_closer", "Groups are closer to each other under GT", "closer", "VI, Fig. 6b, c", judges.gt_closer),
    Claim(
        "low_consumers",
        "Households in clusters of low consumption",
        "about 400 of 443",
        "VI, Fig. 3a",
        judges.low_consumers,
    ),
    Claim(
        "lowest_all_year",
        "Households in the lowest cluster for more than 75 % of the year",
        "115 of 443",
        "VI, Fig. 3a",
        judges.lowest_all_year,
    ),
    Claim(
        "rare_distant_moves",
        "Direct moves between clusters that are no neighbours are rare",
        "rare",
        "VI, Fig. 3b",
        judges.rare_moves,
    ),
    Claim(
        "wf_above_gt", "WF has a higher SWR than GT under the same policy", "higher", "VI, Fig. 6a", judges.wf_above_gt
    ),
)
"""All claims, in the order of the specification's list; a sentence that can be read in two ways has a row for each."""
