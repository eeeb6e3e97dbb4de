"""The paper on cloud-coordinated sharing: contributions and failures by hand, claims judged by what can fail."""

import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks.papers import lange
from commonwatt.benchmarks.papers.lange_claims import CLAIMS, HOLDS, PRINTED_RATIO, Judgement, about, claims
from commonwatt.benchmarks.papers.lange_experiment import (
    LEAST_COST,
    LEAST_PEAK,
    NOISY,
    ROLLING,
    RULES,
    Evidence,
    gather,
)
from commonwatt.benchmarks.papers.lange_model import (
    LOST_LOAD_PRICE,
    cost_alone,
    merged,
    performance,
    served_at_once,
    storage_use,
    with_failures,
)
from commonwatt.benchmarks.registry import SUITES
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.instances.shelf import load
from commonwatt.instances.sources.india import indian_community
from commonwatt.solvers.solve import solve
from rich.console import Console

IDS = {
    "use_without",
    "use_with",
    "use_capacity",
    "use_sharing",
    "saving",
    "saves",
    "performance",
    "pm_range",
    "failure_rest",
    "failure_nodes",
    "failure_cost",
    "peak",
    "waiting",
    "transactions",
    "prices",
    "settlements",
    "bills",
}


def pair(**changes):
    """Ann owns a battery of 4 kWh and needs 1 kWh in the dear hour; Ben needs 3 kWh in it and owns nothing."""
    data = {
        "member": ["Ann", "Ben"],
        "interval": ["cheap", "dear"],
        "load_kwh": [[0.0, 0.0], [1.0, 3.0]],
        "buy_price": [0.1, 0.4],
        "sell_price": [0.0, 0.0],
        "storage_of": [0],
        "capacity_kwh": [4.0],
        "charge_kw": [4.0],
        "discharge_kw": [4.0],
        "dt_h": 1.0,
    }
    names = {"interval": ["2030-03-01T00:00:00Z", "2030-03-01T01:00:00Z"]}
    return SchedulingInstance(**(data | names | changes))


@pytest.fixture(scope="module")
def community():
    return indian_community(60, 6, 3, 2, interval="hour", name="tests/india").instance


@pytest.fixture(scope="module")
def evidence(community):
    return gather(community, sizes=(1.0, 2.0), contributions=(0.0, 0.5, 1.0), window=8, seeds=(0,))


def test_suite_is_registered():
    assert SUITES["lange"] == ("papers.lange", "lange_suite")


@pytest.mark.parametrize(("contribution", "private", "pooled"), [(0.0, 2.0, 0.0), (0.5, 2.0, 4.0), (1.0, 0.0, 8.0)])
def test_contributions_by_hand(contribution, private, pooled):
    # Alone Ann moves the 1 kWh that she needs herself, in and out; with half of 4 kWh kept that is still possible, and
    # the other half moves 2 kWh of Ben's; all of it moves 4 kWh.
    used = storage_use(pair(), contribution)
    assert used.private_kwh == pytest.approx(private)
    assert used.pooled_kwh == pytest.approx(pooled)
    moved = used.total_kwh / 2.0
    assert used.cost == pytest.approx(0.1 * moved + 0.4 * (4.0 - moved))


def test_size_multiplies_storages():
    assert storage_use(pair(), 1.0, 0.25).pooled_kwh == pytest.approx(2.0)
    assert storage_use(pair(), 0.0, 0.25).private_kwh == pytest.approx(2.0)
    assert storage_use(pair(), 1.0, 3.0).pooled_kwh == pytest.approx(8.0)


def test_two_storages_of_one_member_are_refused():
    two = pair(storage_of=[0, 0], capacity_kwh=[4.0, 1.0], charge_kw=[4.0, 1.0], discharge_kw=[4.0, 1.0])
    with pytest.raises(ValueError, match="Ann has 2 storages"):
        storage_use(two, 0.5)


def test_requests_become_load_where_they_begin():
    asks = {"request_of": [1], "request_kwh": [1.5], "request_kw": [1.0], "earliest": [0], "latest": [1]}
    fixed = served_at_once(pair(**asks))
    assert len(fixed.request) == 0
    np.testing.assert_allclose(fixed.load_kwh, [[0.0, 1.0], [1.0, 3.5]])
    assert len(served_at_once(pair(**asks), [0]).request) == 1


def test_merging_changes_no_cost(community):
    whole = solve(community, method="community_program", criterion="community_cost").objective
    for apart in ((), (3, 17)):
        part = merged(community, apart)
        assert len(part.member) == 1 + len(apart)
        assert part.load_kwh.sum() == pytest.approx(community.load_kwh.sum())
        assert solve(part, method="community_program", criterion="community_cost").objective == pytest.approx(whole)
    with pytest.raises(ValueError, match="connected cannot be merged"):
        merged(load("scheduling/node-failure"))


def test_cost_alone_is_the_separate_optimum():
    neighbours = load("scheduling/two-neighbours")
    assert cost_alone(neighbours) == pytest.approx(solve(neighbours, criterion="separate_cost").objective)
    assert cost_alone(pair()) == pytest.approx(0.1 + 1.2)


def test_performance_is_0_without_sharing_and_1_with_all_foreseen():
    assert performance(10.0, 10.0, 6.0) == 0.0
    assert performance(6.0, 10.0, 6.0) == 1.0
    assert performance(12.0, 10.0, 6.0) == -0.5


def test_failures_cut_nodes_off_for_two_to_four_hours(community):
    failed = with_failures(community, [2, 5, 9], earliest_h=3.0, latest_h=12.0, seed=4)
    assert list(failed.member[1:]) == list(community.member[[2, 5, 9]])
    down = (failed.connected == 0).sum(axis=0) * failed.dt_h
    assert down[0] == 0
    assert ((down[1:] >= 2.0) & (down[1:] <= 4.0)).all()
    assert failed.lost_load_price == LOST_LOAD_PRICE
    assert not np.isin(failed.request_of, [1, 2, 3]).any()
    before = failed.load_kwh.sum() + failed.request_kwh.sum()
    assert before == pytest.approx(community.load_kwh.sum() + community.request_kwh.sum())


def test_sharing_and_foresight_order_costs(evidence):
    cost = evidence.methods.set_index("method")["cost"]
    assert list(cost.index) == [*RULES, ROLLING, NOISY, LEAST_COST, LEAST_PEAK]
    assert (cost >= cost[LEAST_COST] - 1e-9).all()
    assert cost[LEAST_COST] < evidence.alone
    assert evidence.methods.set_index("method").loc[LEAST_COST, "pm"] == pytest.approx(1.0)
    kw = evidence.methods.set_index("method")["peak_kw"]
    assert (kw >= kw[LEAST_PEAK] - 1e-9).all()
    use = evidence.use.set_index(["size", "contribution"])
    assert (use.xs(0.0, level="contribution")["pooled_kwh"] == 0.0).all()
    assert (use.xs(1.0, level="contribution")["private_kwh"] == 0.0).all()
    assert (use["cost"].groupby("size").diff().dropna() < 0).all()


def test_failures_leave_nothing_unserved_where_nodes_work(evidence):
    table = evidence.failures
    assert set(table["run"]) == {
        f"{known}, {way}" for known in ("no failures", "failures") for way in ("rolling", "all foreseen")
    }
    assert (table["unserved_elsewhere_kwh"] == 0.0).all()
    assert (table.loc[table["run"].str.startswith("no"), "unserved_there_kwh"] == 0.0).all()
    assert table.loc[table["run"] == "failures, rolling", "unserved_there_kwh"].max() > 0.0
    assert (table["unserved_there_kwh"] <= table["load_at_failed_nodes_kwh"] + 1e-9).all()


def test_table_is_complete(evidence):
    table = claims(evidence)
    assert set(table["id"]) == IDS
    assert table["id"].is_unique
    assert list(table.columns) == ["id", "claim", "printed", "found", "holds", "cases", "why", "where"]
    assert table["holds"].isin(HOLDS).all()
    assert (table.loc[table["holds"] != "yes", "why"].str.len() > 20).all()
    assert (table.loc[table["holds"] == "yes", "why"] == "").all()
    settled = table["holds"].isin(["settlement", "not judged"])
    assert (table.loc[settled, "cases"] == "–").all()
    assert table.loc[~settled, "found"].str.contains(r"\d").all()


def judge(evidence, name, **changes):
    fields = {field: getattr(evidence, field) for field in Evidence.__dataclass_fields__}
    return next(claim for claim in CLAIMS if claim.id == name).judge(Evidence(**(fields | changes)))


@pytest.mark.parametrize(("times", "holds"), [(1.7, "yes"), (2.4, "yes"), (1.5, "no"), (2.5, "no")])
def test_ratio_of_storage_use(evidence, times, holds):
    use = pd.DataFrame({"size": [1.0, 1.0], "contribution": [0.0, 1.0], "total_kwh": [1.0, times]})
    found = judge(evidence, "use_with", use=use.assign(times_without=use["total_kwh"]))
    assert found.holds == holds
    assert pytest.approx((1.604, 2.404)) == PRINTED_RATIO


@pytest.mark.parametrize(("last", "holds"), [(3.0, "yes"), (2.0, "depends"), (1.0, "depends")])
def test_use_has_to_grow_with_every_step(evidence, last, holds):
    use = pd.DataFrame({"size": 1.0, "contribution": [0.0, 0.5, 1.0], "total_kwh": [1.0, 2.0, last]})
    assert judge(evidence, "use_sharing", use=use).holds == holds


@pytest.mark.parametrize(("value", "holds"), [(0.92, "yes"), (0.95, "no"), (0.88, "no")])
def test_saving_of_about_eight_percent(evidence, value, holds):
    methods = evidence.methods.assign(cost=100.0)
    methods.loc[methods["method"] == NOISY, "cost"] = 100.0 * value
    assert judge(evidence, "saving", methods=methods, alone=100.0).holds == holds
    assert judge(evidence, "saves", methods=methods, alone=100.0).holds == "yes"
    assert judge(evidence, "saves", methods=methods, alone=50.0).holds == "depends"


@pytest.mark.parametrize(("pm", "holds"), [(0.55, "yes"), (0.6, "no"), (0.5, "no")])
def test_performance_of_about_five_percent(evidence, pm, holds):
    methods = evidence.methods.assign(pm=0.5)
    methods.loc[methods["method"] == NOISY, "pm"] = pm
    assert judge(evidence, "performance", methods=methods).holds == holds
    assert judge(evidence, "pm_range", methods=methods).holds == "yes"
    methods.loc[methods["method"] == NOISY, "pm"] = -0.1
    assert judge(evidence, "pm_range", methods=methods).holds == "depends"


@pytest.mark.parametrize(("lost", "holds"), [(0.0, "yes"), (1.0, "no")])
def test_failures_are_judged_by_what_stays_unserved(evidence, lost, holds):
    failures = evidence.failures.assign(unserved_there_kwh=lost, unserved_elsewhere_kwh=lost)
    assert judge(evidence, "failure_rest", failures=failures).holds == holds
    assert judge(evidence, "failure_nodes", failures=failures).holds == holds


def test_peak_and_waiting_can_hold_and_fail(evidence):
    for kw, holds in ((5.0, "yes"), (50.0, "no")):
        methods = evidence.methods.assign(peak_kw=kw, waiting_h=kw)
        methods.loc[methods["method"] == "idle", ["peak_kw", "waiting_h"]] = 10.0
        methods.loc[methods["method"] == LEAST_COST, "waiting_h"] = 10.0
        assert judge(evidence, "peak", methods=methods).holds == holds
        assert judge(evidence, "waiting", methods=methods).holds == holds


def test_verdicts():
    assert Judgement("", {"a": True}).holds == "yes"
    assert Judgement("", {"a": True, "b": False}).holds == "depends"
    assert Judgement("", {}).holds == "no"
    assert Judgement("", {}, "", "not judged").holds == "not judged"
    assert about(0.061, 0.08)
    assert not about(0.0599, 0.08)


def test_sections_write_tables_and_figures_and_are_kept(tmp_path, monkeypatch, evidence):
    runs = []
    monkeypatch.setattr(lange, "gather", lambda community, progress: runs.append(community) or evidence)
    first = lange.lange_suite(tmp_path, 1, Console(quiet=True))
    assert [len(section.all_figures()) for section in first] == [0, 1, 1, 1]
    for section in first[1:]:
        picture = section.all_figures()[0]
        assert picture.path.stat().st_size > 10_000
        assert picture.path.with_suffix(".pdf").exists()
        assert len(picture.alt) > 60
    assert set(pd.read_csv(tmp_path / "tables" / "lange-claims.csv")["id"]) == IDS
    again = lange.lange_suite(tmp_path, 1, Console(quiet=True))
    assert len(runs) == 1
    assert [section.title for section in again] == [section.title for section in first]
