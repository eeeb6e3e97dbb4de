"""The Texas paper's experiment on communities small enough to check by hand, and its table of claims on any."""

import math

import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks.papers import kouvelas
from commonwatt.benchmarks.papers.kouvelas_claims import CLAIMS, HOLDS, TARGETS, claims, claims_by_community, verdict
from commonwatt.benchmarks.papers.kouvelas_experiment import (
    OPTIMAL,
    STRATEGIES,
    decide,
    experiment,
    pick,
    week_of,
)
from commonwatt.benchmarks.papers.kouvelas_figures import figure3, figure4, figure5, figure6
from commonwatt.benchmarks.papers.kouvelas_judges import Evidence, characterise, outliers
from commonwatt.instances.allocation import POLICIES, AllocationInstance, prioritise
from commonwatt.instances.record import Meta
from commonwatt.models.allocation.rules import violations

WEEKS = 52
IDS = {
    "optimal_beats_simple",
    "low_deficiency_serves_more",
    "random_policy_between",
    "random_low_pbr",
    "random_high_ur",
    "wf_over_greedy",
    "wf_highest_swr",
    "more_than_random",
    "round_robin_against_greedy",
    "round_robin_high_against_low",
    "wf_lowest_pbr",
    "wf_ur_half",
    "gt_more_stable",
    "gt_groups_closer",
    "low_consumers",
    "lowest_all_year",
    "rare_distant_moves",
    "wf_above_gt",
}


def weekly(deficiency, excess, **fields):
    """Community with one row of data per week."""
    starts = np.datetime64("2013-01-01") + 7 * np.arange(len(deficiency))
    fields.setdefault("meta", Meta(name="small"))
    return AllocationInstance(
        interval=[str(day) for day in starts], deficiency_kwh=deficiency, excess_kwh=excess, dt_h=168.0, **fields
    )


@pytest.fixture(scope="module")
def community():
    rng = np.random.default_rng(7)
    need, size = rng.lognormal(3.0, 0.6, 15), rng.uniform(50.0, 250.0, 15)
    deficiency = need * rng.uniform(0.5, 1.5, (WEEKS, 15))
    excess = np.where(np.arange(15) < 6, rng.uniform(0.0, 30.0, (WEEKS, 15)), 0.0)
    return weekly(deficiency, excess, size_m2=size)


@pytest.fixture(scope="module")
def results(community):
    return experiment(community)


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(8)
    level = np.repeat([0.3, 1.0, 3.0], 4) * rng.uniform(0.9, 1.1, 12)
    season = 1.0 + 0.8 * np.sin(np.arange(WEEKS * 168) * 2.0 * np.pi / (WEEKS * 168))
    return characterise(season[:, None] * level)


@pytest.fixture(scope="module")
def evidence(results, clusters):
    return [Evidence("main", results, clusters), Evidence("variant", results)]


def by_hand(policy, strategy):
    """Two consumers that lack 1 and 3 kWh a week, and a prosumer that gives 1 kWh."""
    instance = weekly([[1.0, 3.0, 0.0]] * WEEKS, [[0.0, 0.0, 1.0]] * WEEKS)
    found = experiment(instance, [policy], [strategy], references=False)
    return found[(found["level"] == "community") & found["span"].isin(["year", "window"])]


def value(found, metric, span):
    return found.loc[(found["metric"] == metric) & (found["span"] == span), "value"].item()


def test_greedy_by_low_deficiency_serves_the_small_request():
    found = by_hand("low_deficiency", "greedy")
    for span in ("year", "window"):
        assert value(found, "sr", span) == 0.5
        assert value(found, "ur", span) == 0.5
        assert value(found, "pbr", span) == 1.0
        assert value(found, "swr", span) == 0.5


def test_greedy_by_high_deficiency_serves_nobody_in_full():
    found = by_hand("high_deficiency", "greedy")
    assert value(found, "sr", "year") == 0.0
    assert value(found, "ur", "window") == 0.0
    assert value(found, "swr", "year") == pytest.approx(math.log2(4.0 / 3.0) / 2.0, rel=1e-12)


def test_game_theoretic_gives_by_weight():
    # Weights 3 and 2 of 5 (the third group is the prosumer's, who asks for nothing): 0.6 and 0.4 kWh.
    instance = weekly([[1.0, 3.0, 0.0]] * WEEKS, [[0.0, 0.0, 1.0]] * WEEKS)
    community = prioritise(instance, "low_deficiency")
    share = community.weight[:2] / community.weight[:2].sum()
    found = experiment(instance, ["low_deficiency"], ["game_theoretic"], references=False)
    expected = (math.log2(1.0 + share[0]) + math.log2(1.0 + share[1] / 3.0)) / 2.0
    assert pick(found, "swr").loc["low_deficiency", "game_theoretic"] == pytest.approx(expected, rel=1e-9)
    assert pick(found, "pbr").loc["low_deficiency", "game_theoretic"] == 0.0


def test_two_readings_of_the_yearly_ratio():
    # All in one half of the year and nothing in the other: ER of the year is 1/2, that of the weeks 1 or 0.
    excess = np.zeros((WEEKS, 3))
    excess[: WEEKS // 2, 2] = 4.0
    found = experiment(weekly([[1.0, 3.0, 0.0]] * WEEKS, excess), ["random"], ["greedy"], references=False)
    assert pick(found, "swr").iloc[0, 0] == pytest.approx(math.log2(1.5), rel=1e-12)
    assert pick(found, "swr_weekly").iloc[0, 0] == pytest.approx(0.5, rel=1e-12)
    assert pick(found, "sr_asking").iloc[0, 0] == pytest.approx(0.5, rel=1e-12)
    # Without excess the prosumer is a consumer that lacks nothing, and one of three is served.
    assert pick(found, "sr").iloc[0, 0] == pytest.approx((1.0 + 1.0 / 3.0) / 2.0, rel=1e-12)


def test_uniqueness_counts_from_the_first_week_of_the_window():
    # The second consumer asks for less in weeks 40 to 49 only, and can be served from then on.
    deficiency = np.tile([1.0, 3.0, 0.0], (WEEKS, 1))
    deficiency[39:49, 1] = 0.5
    excess = np.tile([0.0, 0.0, 1.5], (WEEKS, 1))
    found = experiment(weekly(deficiency, excess), ["low_deficiency"], ["greedy"], references=False)
    grown = pick(found, "ur", "since").set_index("period")["value"]
    assert list(grown.index) == list(range(38, 50))
    assert grown[39] == 0.5
    assert grown[40] == 1.0
    assert pick(found, "ur", "window").iloc[0, 0] == 1.0


def test_weeks_are_whole_blocks_of_168_hours():
    hours = AllocationInstance(deficiency_kwh=np.ones((8760, 1)), excess_kwh=np.zeros((8760, 1)), dt_h=1.0)
    week = week_of(hours)
    assert week.max() == 52
    assert (week == 0).sum() == 24
    assert (np.bincount(week)[1:] == 168).all()
    assert list(week_of(weekly(np.ones((3, 1)), np.zeros((3, 1))))) == [1, 2, 3]


def test_hours_and_weeks_agree_where_nothing_changes_within_a_week():
    deficiency, excess = np.tile([1.0, 3.0, 0.0], (WEEKS, 1)), np.tile([0.0, 0.0, 1.0], (WEEKS, 1))
    hourly = AllocationInstance(
        deficiency_kwh=np.repeat(deficiency, 168, axis=0), excess_kwh=np.repeat(excess, 168, axis=0), dt_h=1.0
    )
    for metric, span in (("swr", "year"), ("swr_weekly", "year"), ("sr", "window"), ("pbr", "window")):
        values = [
            pick(experiment(one, ["low_deficiency"], ["water_filling"], references=False), metric, span).iloc[0, 0]
            for one in (weekly(deficiency, excess), hourly)
        ]
        assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_every_cell_of_the_experiment_is_there_and_shares_are_shares(results):
    assert set(results["policy"]) == set(POLICIES)
    six = results[results["strategy"].isin(STRATEGIES)]
    assert not six.duplicated(["policy", "strategy", "level", "group", "household", "span", "period", "metric"]).any()
    assert len(set(six.groupby(["policy", "strategy"]).size())) == 1
    shares = results[results["metric"].isin(["sr", "sr_asking", "ur", "swr", "swr_weekly", "er", "jain"])]["value"]
    assert shares.between(0.0, 1.0 + 1e-12).all()
    assert (results[results["metric"] == "pbr"]["value"] >= 0.0).all()


def test_uniqueness_never_falls_and_ends_at_the_window(results):
    grown = pick(results, "ur", "since").groupby(["policy", "strategy"])["value"]
    assert grown.apply(lambda values: values.is_monotonic_increasing).all()
    window = pick(results, "ur", "window")
    for (policy, strategy), last in grown.last().items():
        assert window.loc[policy, strategy] == last


def test_group_means_make_up_the_community(results):
    # Three groups of five households each, all of them consumers every week.
    groups = pick(results, "swr", "year", "group").groupby(["policy", "strategy"])["value"].mean()
    for (policy, strategy), mean in groups.items():
        assert pick(results, "swr").loc[policy, strategy] == pytest.approx(mean, rel=1e-9)


def test_references_bound_what_strategies_reach(results):
    weekly_swr, sr = pick(results, "swr_weekly"), pick(results, "sr")
    assert (weekly_swr[list(STRATEGIES)] <= weekly_swr["equal_water_filling"].max() + 1e-9).all(axis=None)
    assert (sr[list(STRATEGIES)] <= sr["smallest_first"].max() + 1e-9).all(axis=None)


def test_decisions_keep_the_rules(community):
    for policy in ("low_deficiency", "large_size"):
        ranked = prioritise(community, policy)
        for spelling in STRATEGIES.values():
            assert violations(ranked, decide(ranked, spelling, 3)) == []


def test_same_input_same_numbers(community, results):
    pd.testing.assert_frame_equal(experiment(community), results)
    other = experiment(community, ["random"], ["random"], references=False, seed=1)
    assert pick(other, "swr").iloc[0, 0] != pick(results, "swr").loc["random", "random"]


def test_policies_by_size_need_sizes(community):
    found = experiment(community.replace(size_m2=None), strategies=["greedy"], references=False)
    assert set(found["policy"]) == {"high_deficiency", "low_deficiency", "random"}


def test_experiment_names_what_is_wrong(community):
    with pytest.raises(ValueError, match="unknown strategy 'greedi'"):
        experiment(community, strategies=["greedi"])
    with pytest.raises(ValueError, match="20 whole weeks; the experiment needs 49"):
        experiment(community.restrict(slice(0, 20)))


def test_table_of_claims_is_complete(evidence):
    table = claims(evidence)
    assert list(table["id"]) == [claim.id for claim in CLAIMS]
    assert set(table["id"]) == IDS
    assert table["id"].is_unique
    assert table["holds"].isin(HOLDS).all()
    assert (table.loc[table["holds"] != "yes", "why"].str.len() > 20).all()
    calibrated = table["id"].isin(TARGETS)
    assert (table.loc[(table["holds"] == "yes") & ~calibrated, "why"] == "").all()
    assert table.loc[calibrated, "why"].str.startswith("Confirms nothing").all()
    for column in ("claim", "printed", "found", "where"):
        assert (table[column].str.len() > 0).all()
    assert table["found"].str.contains(r"\d").all()


def test_cases_are_counted_by_community(evidence):
    counted = claims_by_community(evidence).set_index("id")
    assert list(counted.columns) == ["main", "variant"]
    assert counted.loc["low_consumers", "variant"] == "–"
    assert counted.loc["wf_above_gt", "main"].endswith("/10")


def test_verdict():
    assert verdict([True, True]) == "yes"
    assert verdict([False, True]) == "depends"
    assert verdict([False, False]) == "no"
    assert verdict([]) == "no"


def made_up(metric, span, values):
    """Community results that hold one metric under every policy."""
    rows = [
        {"policy": policy, "strategy": name, "level": "community", "span": span, "metric": metric, "value": number}
        for policy in POLICIES
        for name, number in values.items()
    ]
    return pd.DataFrame(rows).assign(group="", household="", period=0)


def judge(name, *frames):
    chosen = next(claim for claim in CLAIMS if claim.id == name)
    return chosen.judge(Evidence("made up", pd.concat(frames, ignore_index=True)))


@pytest.mark.parametrize(("factor", "holds"), [(2.5, True), (2.49, False)])
def test_factor_over_greedy(factor, holds):
    values = {"greedy": 0.2, "water_filling": 0.2 * factor}
    cases = judge("wf_over_greedy", made_up("swr", "year", values), made_up("swr_weekly", "year", values)).cases
    assert len(cases) == 10
    assert set(cases.values()) == {holds}


@pytest.mark.parametrize(("ur", "holds"), [(0.76, True), (0.94, True), (0.74, False), (1.0, False)])
def test_about_means_within_a_tenth(ur, holds):
    values = dict.fromkeys(STRATEGIES, 0.4) | {"random": ur}
    assert judge("random_high_ur", made_up("ur", "window", values)).cases == {"weeks 38-49": holds}


def test_weakest_optimal_must_beat_strongest_simple():
    values = dict.fromkeys(STRATEGIES, 0.3) | dict.fromkeys(OPTIMAL, 0.5)
    for weighted, holds in ((0.5, True), (0.3, False)):
        frames = [made_up(metric, "year", values | {"weighted": weighted}) for metric in ("swr", "swr_weekly")]
        assert set(judge("optimal_beats_simple", *frames).cases.values()) == {holds}


def test_gain_over_random_is_the_largest_of_all_strategies():
    values = dict.fromkeys(STRATEGIES, 0.1) | {"round_robin": 0.182}
    frames = [made_up("sr", span, values) for span in ("year", "window")]
    judged = judge("more_than_random", *frames)
    assert set(judged.cases.values()) == {True}
    assert "+82 % (round robin, high deficiency)" in judged.found


def test_lowest_ratio_of_sequences():
    for wf, holds in ((0.9, True), (1.1, False)):
        values = {"random": 1.0, "greedy": 1.5, "round_robin": 1.0, "water_filling": wf}
        assert set(judge("wf_lowest_pbr", made_up("pbr", "window", values)).cases.values()) == {holds}


def test_outliers_are_those_of_a_box_plot():
    assert outliers(pd.Series([1.0, 2.0, 3.0, 4.0, 100.0])) == 1
    assert outliers(pd.Series([1.0, 2.0, 3.0, 4.0, 5.0])) == 0


def test_clusters_of_consumption(clusters):
    assert clusters.membership.sum(axis=1) == pytest.approx(1.0)
    assert 0.0 <= clusters.distant <= 1.0
    assert clusters.membership[:4, 0].mean() > clusters.membership[8:, 0].mean()


def test_figures_show_all_panels(results, clusters):
    assert [len(figure.axes) for figure in (figure3(clusters), figure4(results), figure5(results))] == [2, 2, 2]
    figure = figure6(results)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "(b) Game-theoretic",
        "(c) Water-filling",
        "(a) Overall",
    ]
    bars = figure.axes[2].patches
    assert len(bars) == len(STRATEGIES) * len(POLICIES)
    assert bars[0].get_height() == pick(results, "swr").loc["high_deficiency", "random"]


def test_sections_write_tables_and_figures(tmp_path, monkeypatch, community, clusters):
    monkeypatch.delenv("COMMONWATT_DATA", raising=False)
    small = kouvelas.Community("main", community)
    monkeypatch.setattr(kouvelas, "communities", lambda **options: iter([small]))
    first, second = kouvelas.sections(tmp_path)
    assert "COMMONWATT_DATA" in first.text
    assert set(first.all_tables()[0].frame["id"]) == IDS
    assert (tmp_path / "tables" / "kouvelas-claims.md").exists()
    assert len(second.all_figures()) == 3
    assert all(picture.path.stat().st_size > 10_000 for picture in second.all_figures())
    assert sum(second.all_tables()[-1].frame["households"]) == 2 * len(POLICIES) * 15


def test_austin_homes_have_the_share_of_prosumers(tmp_path, monkeypatch):
    monkeypatch.setenv("COMMONWATT_DATA", str(tmp_path))
    assert kouvelas.real_data() is None
    hours = pd.date_range("2018-01-01", periods=8760, freq="h", name="time_local_standard_start")
    frame = pd.DataFrame({f"load_kwh_{home}": np.full(8760, 1.0) for home in range(10)}, index=hours)
    for number, name in enumerate((*kouvelas.AUSTIN_ROOFS, *kouvelas.AUSTIN_WEATHER)):
        frame[name] = 0.1 * (number + 1)
    (tmp_path / "households").mkdir()
    frame.to_parquet(tmp_path / kouvelas.AUSTIN)
    series = kouvelas.austin_homes(kouvelas.real_data())
    made = series.generation_kwh[0]
    assert (made > 0).sum() == 10 * 180 // 443
    assert sorted(made[made > 0] / kouvelas.PV_KWP) == pytest.approx([0.1, 0.2, 0.3, 0.4])
