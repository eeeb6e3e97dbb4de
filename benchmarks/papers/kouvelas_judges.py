"""How each claim of the Texas paper is judged on one community; one rule for all data.

A claim is split into cases (policies, strategies, readings of a metric), each of which holds or not. "About" means
within 0.1 of the printed share, "rare" less than one in ten, "higher" higher by any amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ...instances.characterise import (
    Clustering,
    cluster,
    distant_transition_share,
    low_clusters,
    smooth,
    temporal_adaptability,
    temporal_membership,
    usual_cluster,
)
from .kouvelas_experiment import HOURS_PER_WEEK, OPTIMAL, SIMPLE, pick

ABOUT = 0.1
RARE = 0.1
MOST_OF_THE_YEAR = 0.75

READINGS = {"swr": "ER over the year", "swr_weekly": "mean of weekly SWR"}
"""The two readings of a yearly SWR."""

WITH_POLICY = ("greedy", "round_robin", "weighted", "game_theoretic", "water_filling")
OPPOSITE = (("high_deficiency", "low_deficiency"), ("large_size", "small_size"))


@dataclass(frozen=True, eq=False)
class Characterisation:
    """Clusters of weekly consumption of n households and how they move between them (section IV-A).

    Attributes
    ----------
    clustering : Clustering
        K clusters of the weekly means, kW.
    membership : ndarray, shape (n, K)
        θ_m.
    adaptability : ndarray, shape (n, K, K)
        θ_t.
    distant : float
        Share of moves between clusters that are no neighbours.
    """

    clustering: Clustering
    membership: np.ndarray
    adaptability: np.ndarray
    distant: float


def characterise(load_kwh: np.ndarray) -> Characterisation:
    """Cluster hourly consumption (T, n) by its weekly means, as in Figure 3."""
    found = cluster(smooth(load_kwh, HOURS_PER_WEEK))
    labels, count = found.labels, found.n_clusters
    membership, adaptability = temporal_membership(labels, count), temporal_adaptability(labels, count)
    return Characterisation(found, membership, adaptability, distant_transition_share(labels, count))


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that is known of one community: its experiment and, where consumption is given, its clusters."""

    name: str
    results: pd.DataFrame
    clusters: Characterisation | None = None
    _tables: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict, repr=False)

    def table(self, metric: str, span: str = "year") -> pd.DataFrame:
        """Community values, policies by strategies; kept, since most claims look at the same few."""
        if (metric, span) not in self._tables:
            self._tables[metric, span] = pick(self.results, metric, span)
        return self._tables[metric, span]


@dataclass(frozen=True)
class Judgement:
    """What one community says of a claim: numbers, cases, and why a case may fail (empty cases: it says nothing)."""

    found: str
    cases: Mapping[str, bool]
    why: str = ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def _each(values: pd.Series, digits: int = 3) -> str:
    return ", ".join(f"{_words(str(name))} {value:.{digits}f}" for name, value in values.items())


def optimal_beats_simple(evidence: Evidence) -> Judgement:
    """For each policy and reading of SWR: the lowest optimal strategy against the highest simple one."""
    cases, parts, wins, pairs = {}, [], 0, 0
    for reading, words in READINGS.items():
        table = evidence.table(reading)
        least, most = table[list(OPTIMAL)].min(axis=1), table[list(SIMPLE)].max(axis=1)
        for policy in table.index:
            cases[f"{_words(policy)} ({words})"] = bool(least[policy] > most[policy])
            if reading == "swr":
                parts.append(f"{_words(policy)} {least[policy]:.3f} against {most[policy]:.3f}")
        better = table[list(OPTIMAL)].to_numpy()[:, :, None] > table[list(SIMPLE)].to_numpy()[:, None, :]
        wins, pairs = wins + int(better.sum()), pairs + better.size
    strongest = evidence.table("swr")[list(SIMPLE)].idxmax(axis=1)
    best = ", ".join(f"{_words(name)} under {_words(policy)}" for policy, name in strongest.items())
    why = (
        f"Pair by pair of an optimal and a simple strategy, the optimal one is ahead in {wins} of {pairs}. None of the "
        f"three maximises SWR under unequal weights, while serving small requests in full gains much of it; the "
        f"strongest simple one is {best}."
    )
    return Judgement(f"lowest of the optimal against highest of the simple, SWR: {'; '.join(parts)}", cases, why)


def wf_highest(evidence: Evidence) -> Judgement:
    """For each policy and reading of SWR: whether WF is the highest of the six."""
    cases, parts = {}, []
    for reading, words in READINGS.items():
        table = evidence.table(reading)[[*SIMPLE, *OPTIMAL]]
        for policy in table.index:
            best = table.loc[policy].idxmax()
            cases[f"{_words(policy)} ({words})"] = best == "water_filling"
            if reading == "swr":
                parts.append(f"{_words(policy)}: {_words(best)} {table.loc[policy, best]:.3f}")
    table = evidence.table("swr")[["random", "water_filling"]]
    why = (
        f"SWR of water filling: {_each(table['water_filling'])}; of the random strategy {table['random'].iloc[0]:.3f}."
    )
    return Judgement(f"highest SWR: {'; '.join(parts)}", cases, why)


def low_serves_more(evidence: Evidence) -> Judgement:
    """For each strategy that knows policies: SR of the year under low against high deficiency."""
    table = evidence.table("sr")
    low, high = table.loc["low_deficiency", list(WITH_POLICY)], table.loc["high_deficiency", list(WITH_POLICY)]
    cases = {_words(name): bool(low[name] > high[name]) for name in WITH_POLICY}
    parts = "; ".join(f"{_words(name)} {low[name]:.3f} against {high[name]:.3f}" for name in WITH_POLICY)
    used = evidence.table("local_kwh").loc["low_deficiency", ["weighted", "water_filling"]]
    why = (
        f"The weighted strategy hands nothing on that it cuts off: under low deficiency it places "
        f"{100 * used['weighted'] / used['water_filling']:.1f} % of the energy that WF places."
    )
    return Judgement(f"SR under low against high deficiency: {parts}", cases, why)


def random_policy_between(evidence: Evidence) -> Judgement:
    """For each strategy that knows policies: SWR under the random policy between those by deficiency."""
    table = evidence.table("swr")
    low, drawn, high = (table.loc[name] for name in ("low_deficiency", "random", "high_deficiency"))
    cases = {_words(name): bool(high[name] < drawn[name] < low[name]) for name in WITH_POLICY}
    found = "; ".join(f"{_words(n)} {high[n]:.3f}, {drawn[n]:.3f}, {low[n]:.3f}" for n in WITH_POLICY)
    why = "The drawn order is one order; another seed draws another."
    return Judgement(f"SWR under high deficiency, random, low deficiency: {found}", cases, why)


def random_pbr(evidence: Evidence) -> Judgement:
    """For each policy: PBR of random against both sequences, and against WF, over weeks 38-49."""
    table = evidence.table("pbr", "window")
    sequences, wf = table[["greedy", "round_robin"]].min(axis=1), table["water_filling"]
    below_sequences, below_wf = table["random"] < sequences, table["random"] < wf
    cases = {f"{_words(p)} (than greedy and round-robin)": bool(held) for p, held in below_sequences.items()}
    cases |= {f"{_words(p)} (than WF)": bool(held) for p, held in below_wf.items()}
    why = (
        f"Random is below greedy and round-robin under {below_sequences.sum()} of {len(table)} policies, below WF "
        f"under {below_wf.sum()}: WF gives a part to many households at once and so leaves fewer with nothing."
    )
    lowest = f"lowest of greedy and round-robin: {_each(sequences)}; WF: {_each(wf)}"
    return Judgement(f"PBR {table['random'].iloc[0]:.3f}; {lowest}", cases, why)


def random_ur(evidence: Evidence) -> Judgement:
    """UR of random over weeks 38-49, about 0.85."""
    ur = float(evidence.table("ur", "window")["random"].iloc[0])
    others = evidence.table("ur", "window")[list(WITH_POLICY)].mean()
    why = f"UR grows with supply and with the number of intervals in a week; the other strategies: {_each(others)}."
    return Judgement(f"UR {ur:.3f} after the twelve weeks", {"weeks 38-49": abs(ur - 0.85) <= ABOUT}, why)


def wf_over_greedy(evidence: Evidence) -> Judgement:
    """For each policy and reading of SWR: WF at least 2.5 times greedy."""
    cases: dict[str, bool] = {}
    ratios: dict[str, pd.Series] = {}
    for reading, words in READINGS.items():
        table = evidence.table(reading)
        ratios[reading] = table["water_filling"] / table["greedy"]
        cases |= {f"{_words(p)} ({words})": bool(ratio >= 2.5) for p, ratio in ratios[reading].items()}
    table = evidence.table("swr_weekly")
    why = "It takes a policy that sends greedy to the largest requests first."
    if "equal_water_filling" in table:
        most = float(table["equal_water_filling"].iloc[0])
        why += (
            f" No allocation at all reaches a mean weekly SWR above {most:.3f}, so no strategy can exceed greedy "
            f"by more than these factors: {_each(most / table['greedy'], 2)}."
        )
    return Judgement(f"WF over greedy, SWR: {_each(ratios['swr'], 2)}", cases, why)


def more_than_random(evidence: Evidence) -> Judgement:
    """For the year and for weeks 38-49: the largest gain in SR over the random strategy, at least 81 %."""
    cases, parts, why = {}, [], ""
    for span, words in (("year", "year"), ("window", "weeks 38-49")):
        table = evidence.table("sr", span)
        gain = table[list(WITH_POLICY)] / table["random"].iloc[0] - 1.0
        strategy = gain.max().idxmax()
        policy, largest = gain[strategy].idxmax(), gain[strategy].max()
        cases[words] = bool(largest >= 0.81)
        parts.append(f"{words} {100 * largest:+.0f} % ({_words(strategy)}, {_words(policy)})")
        if "smallest_first" in table and span == "year":
            most = table["smallest_first"].iloc[0]
            why = (
                f"No allocation serves more than SR {most:.3f} over the year, "
                f"{100 * (most / table['random'].iloc[0] - 1.0):+.0f} % over random."
            )
    return Judgement(f"most over random, SR: {'; '.join(parts)}", cases, why or "The largest gain is smaller.")


def round_robin_against_greedy(evidence: Evidence) -> Judgement:
    """For each policy by deficiency or size: SR of round-robin against greedy over weeks 38-49."""
    table = evidence.table("sr", "window")
    cases, parts = {}, []
    for first, second in OPPOSITE:
        for policy, more in ((first, True), (second, False)):
            if policy in table.index:
                own, greedy = table.loc[policy, "round_robin"], table.loc[policy, "greedy"]
                cases[_words(policy)] = bool(own > greedy if more else own < greedy)
                parts.append(f"{_words(policy)} {own:.3f} against {greedy:.3f}")
    why = "The sequence moves only past households that were served in full, and it is reset every TL intervals."
    return Judgement(f"SR of round-robin against greedy, weeks 38-49: {'; '.join(parts)}", cases, why)


def round_robin_high_against_low(evidence: Evidence) -> Judgement:
    """Within round-robin: SR under one policy against its opposite over weeks 38-49."""
    table = evidence.table("sr", "window")["round_robin"]
    pairs = [(first, second) for first, second in OPPOSITE if first in table.index]
    cases = {f"{_words(a)} over {_words(b)}": bool(table[a] > table[b]) for a, b in pairs}
    found = "; ".join(f"{_words(a)} {table[a]:.3f}, {_words(b)} {table[b]:.3f}" for a, b in pairs)
    why = (
        "Read as a comparison of policies within round-robin: the sequence begins with large requests at every reset, "
        "which cost more energy for each household served; moving them to the end narrows the difference only."
    )
    return Judgement(f"SR of round-robin, weeks 38-49: {found}", cases, why)


def wf_pbr(evidence: Evidence) -> Judgement:
    """For each policy: PBR of WF against greedy and round-robin over weeks 38-49."""
    table = evidence.table("pbr", "window")[["greedy", "round_robin", "water_filling"]]
    cases = {_words(policy): table.loc[policy].idxmin() == "water_filling" for policy in table.index}
    why = "A household with a high ratio of deficiency to weight starts late and may end with nothing."
    found = f"PBR of WF: {_each(table['water_filling'])}; of greedy: {_each(table['greedy'])}"
    return Judgement(found, cases, why)


def wf_ur(evidence: Evidence) -> Judgement:
    """For each policy: UR of WF over weeks 38-49, about 0.5."""
    ur = evidence.table("ur", "window")["water_filling"]
    cases = {_words(policy): bool(abs(value - 0.5) <= ABOUT) for policy, value in ur.items()}
    why = "UR follows supply, weights and the length of an interval; see the table of the window."
    return Judgement(f"UR of WF after the twelve weeks: {_each(ur)}", cases, why)


def outliers(values: pd.Series) -> int:
    """How many values a box plot draws as outliers: farther than 1.5 interquartile ranges from the box."""
    low, high = values.quantile(0.25), values.quantile(0.75)
    reach = 1.5 * (high - low)
    return int(((values < low - reach) | (values > high + reach)).sum())


def _box_outliers(evidence: Evidence, level: str, span: str) -> pd.DataFrame:
    """Outliers over all groups of a policy, policies by strategies."""
    rows = pick(evidence.results, "swr", span, level)
    rows = rows[rows["strategy"].isin(["game_theoretic", "water_filling"])]
    counted = rows.groupby(["policy", "strategy", "group"], sort=False)["value"].agg(outliers)
    return counted.groupby(level=["policy", "strategy"], sort=False).sum().unstack()  # noqa: PD010


def gt_stable(evidence: Evidence) -> Judgement:
    """For each policy: outliers of households' yearly SWR, and of weekly SWR of groups, under GT against WF."""
    cases: dict[str, bool] = {}
    parts, total = [], 0
    for level, span, words in (("household", "year", "households"), ("group", "week", "weeks")):
        table = _box_outliers(evidence, level, span)
        cases |= {f"{_words(p)} ({words})": bool(r.game_theoretic < r.water_filling) for p, r in table.iterrows()}
        total += int(table.to_numpy().sum())
        parts.append(f"{words}: GT {table['game_theoretic'].sum()}, WF {table['water_filling'].sum()}")
    spread = pick(evidence.results, "swr", "year", "household").groupby(["strategy", "policy"])["value"].std()
    means = spread.groupby("strategy").mean()
    why = (
        f"Mean standard deviation of households' SWR: GT {means['game_theoretic']:.3f}, WF "
        f"{means['water_filling']:.3f}. A wide box has long whiskers, so a larger spread can count fewer outliers."
    )
    return Judgement(f"outliers of SWR in the boxes of all groups: {'; '.join(parts)}", cases, why)


def gt_closer(evidence: Evidence) -> Judgement:
    """For each policy: range of the groups' mean SWR under GT against WF."""
    rows = pick(evidence.results, "swr", "year", "group").groupby(["strategy", "policy"], sort=False)["value"]
    spread = rows.max() - rows.min()
    gt, wf = spread["game_theoretic"], spread["water_filling"]
    cases = {_words(policy): bool(gt[policy] < wf[policy]) for policy in gt.index}
    why = "Groups differ in need as well as in weight; where the two work against each other, they cancel."
    return Judgement(f"range of the groups' mean SWR, GT: {_each(gt)}; WF: {_each(wf)}", cases, why)


def low_consumers(evidence: Evidence) -> Judgement:
    """Share of households that are most often in the lower half of the clusters, about 400 of 443."""
    if evidence.clusters is None:
        return Judgement("", {})
    membership = evidence.clusters.membership
    n, count = membership.shape
    low = low_clusters(count)
    number = int((usual_cluster(membership) < low).sum())
    found = f"{number} of {n} mostly in the lowest {low} of {count} clusters of consumption"
    why = f"{100 * number / n:.0f} % instead of {100 * 400 / 443:.0f} %; it follows from the spread of consumption."
    return Judgement(found, {"consumption": abs(number / n - 400 / 443) <= ABOUT}, why)


def lowest_all_year(evidence: Evidence) -> Judgement:
    """Share of households in the lowest cluster for more than 75 % of the year, about 115 of 443."""
    if evidence.clusters is None:
        return Judgement("", {})
    membership = evidence.clusters.membership
    n = len(membership)
    number = int((membership[:, 0] > MOST_OF_THE_YEAR).sum())
    why = f"{100 * number / n:.0f} % instead of {100 * 115 / 443:.0f} %; it follows from the spread of consumption."
    return Judgement(f"{number} of {n}", {"consumption": abs(number / n - 115 / 443) <= ABOUT}, why)


def rare_moves(evidence: Evidence) -> Judgement:
    """Share of moves between clusters that are no neighbours, less than one in ten."""
    if evidence.clusters is None:
        return Judgement("", {})
    share = evidence.clusters.distant
    found = f"{100 * share:.1f} % of all moves between {evidence.clusters.clustering.n_clusters} clusters"
    why = "The more clusters, the narrower each of them, and the more often a week jumps over one."
    return Judgement(found, {"consumption": share < RARE}, why)


def wf_above_gt(evidence: Evidence) -> Judgement:
    """For each policy and reading of SWR: WF against GT."""
    cases: dict[str, bool] = {}
    for reading, words in READINGS.items():
        table = evidence.table(reading)
        above = table["water_filling"] > table["game_theoretic"]
        cases |= {f"{_words(policy)} ({words})": bool(value) for policy, value in above.items()}
    table = evidence.table("swr")
    parts = (f"{_words(p)} {r.water_filling:.3f} against {r.game_theoretic:.3f}" for p, r in table.iterrows())
    ahead = sum(cases.values())
    why = (
        f"WF maximises Σ w log₂(1 + ER), not SWR, unless all weights are equal: it is ahead in {ahead} of {len(cases)} "
        f"cases here and need not be elsewhere."
    )
    return Judgement(f"SWR of WF against GT: {'; '.join(parts)}", cases, why)
