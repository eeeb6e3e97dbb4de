"""Suite of settlement, its speed measurements, own data and the command line, on communities small enough to check."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks import speed, speed_settlement
from commonwatt.benchmarks import suites_settlement as suite
from commonwatt.benchmarks.compare import broken_claims
from commonwatt.benchmarks.figures_settlement import price_figure, saving_figure
from commonwatt.benchmarks.registry import SUITES
from commonwatt.instances.settlement import SettlementInstance
from commonwatt.instances.sources.own_settlement import settlement_from_households
from commonwatt.solvers.settlement_programs import most_aggrieved

import commonwatt as cw
from commonwatt.cli import main

HOMES, TARIFF = "docs/examples/homes.csv", "docs/examples/tariff.csv"


@pytest.fixture(scope="module")
def decided():
    names = ("settlement/short-noon", "settlement/odd-hours")
    return {name: suite.decisions(cw.load(name)) for name in names}


def test_suites_are_registered():
    assert SUITES["settlement"] == ("suites_settlement", "settlement_suite")
    assert SUITES["speed-settlement"] == ("speed_suites", "speed_settlement_suite")


def test_rules_side_by_side(decided):
    frame = suite.rules_table(decided).set_index(["instance", "rule"])
    noon = frame.loc["settlement/short-noon"]
    assert list(noon.index) == list(suite.RULES)
    shared = noon.drop("alone")
    np.testing.assert_allclose(shared["community_cost"], 2.10)
    assert noon.loc["alone", "community_cost"] == pytest.approx(3.35)
    # Without any one of the homes the others would still use all that the roofs give, and save as much as all.
    assert noon.loc["alone", "who_would_leave"] == "4 of 5"
    pair = suite.rules_table(
        {"pair": {"alone": cw.solve(cw.load("settlement/two-neighbours"), method="alone").decision}}
    )
    assert pair["who_would_leave"].tolist() == ["all of them"]
    assert noon.loc["dual_price", "who_would_leave"] == "nobody"
    assert noon.loc["bill_sharing", ["core_excess", "worse_off"]].tolist() == pytest.approx([0.75, 2])
    assert "the 7 rules differ by" in suite._same_cost(frame.reset_index())


def test_the_group_that_would_leave_is_as_large_as_shown(decided):
    frame = suite.rules_table(decided)
    for row in frame.to_dict(orient="records"):
        if " of " not in row["who_would_leave"] or row["who_would_leave"].startswith("all"):
            continue
        decision = decided[row["instance"]][row["rule"]]
        found = most_aggrieved(decision.instance, decision.bill)
        assert row["who_would_leave"] == f"{found.member.sum()} of {len(found.member)}"
        assert row["core_excess"] == pytest.approx(found.excess)


def test_sections_write_tables_and_figures(decided, tmp_path):
    sections = [suite.rules_section(tmp_path, decided), suite.gains_section(tmp_path, decided)]
    sections.append(suite.statements_section(tmp_path, decided["settlement/odd-hours"]))
    written = {path.name for path in (tmp_path / "tables").iterdir()}
    assert {"settlement-rules.csv", "settlement-short-noon-savings.md", "settlement-statements-day.csv"} <= written
    for section in sections:
        for picture in section.figures:
            assert picture.path.is_file()
            assert picture.alt
    savings = pd.read_csv(tmp_path / "tables" / "settlement-short-noon-savings.csv").set_index("member")
    assert savings.loc[["roof A", "roof B"], "bill_sharing"].tolist() == pytest.approx([-0.15, -0.10])
    days = pd.read_csv(tmp_path / "tables" / "settlement-statements-day.csv")
    assert days["bill"].sum() == pytest.approx(1.75)
    assert days["hours"].tolist() == [7, 7]


def test_figures_show_every_rule(decided):
    axes = price_figure(0.30, 0.05, 0.05, "EUR").axes
    assert [axis.get_title(loc="left") or axis.get_title() for axis in axes] == [
        "SDR",
        "SDR, compensation 0.05",
        "mid-market rate",
        "dual price",
    ]
    for axis in axes:
        for line in axis.lines[:2]:
            assert (line.get_ydata() >= 0.05 - 1e-12).all()
            assert (line.get_ydata() <= 0.30 + 1e-12).all()
    by_rule = {rule: decision.saving for rule, decision in decided["settlement/short-noon"].items()}
    figure = saving_figure(by_rule, list("abcde"), "who saves", "EUR", np.arange(5))
    widths = [bar.get_width() for bar in figure.axes[list(by_rule).index("bill_sharing")].patches]
    assert widths == pytest.approx(list(by_rule["bill_sharing"]))


def test_a_claim_that_rules_cannot_judge_is_not_made():
    rng = np.random.default_rng(0)
    many = SettlementInstance.from_net(rng.normal(size=(1, 18)).round(1), retail_price=[0.3], feed_in_price=[0.1])
    frame = cw.compare(many, ["least_core", "sdr", "dual_price"]).set_index("method")
    assert np.isnan(frame.loc["least_core", "core_excess"])
    assert frame.loc["least_core", "exact_for"] == "community_cost"
    assert frame.loc["dual_price", "exact_for"] == "community_cost core_excess"
    assert broken_claims(cw.compare(many, ["least_core", "sdr", "dual_price"])) == []


def test_speed_measurements_run_and_agree():
    table = speed.measure(speed_settlement.tasks(quick=True))
    assert (table["seconds_median"] > 0).all()
    loops = table[table["task"].str.contains("loop")]
    assert (loops["off"] <= 1e-12).all()
    assert set(table.loc[table["figure"] != "", "reached"]) <= {"yes", "no"}
    net = speed_settlement.net_loads(30, 24)
    expected = speed_settlement.settled(net, "SDR")
    np.testing.assert_allclose(speed_settlement.settled_hour_by_hour(pd.DataFrame(net)), expected, atol=1e-12)


def test_own_meters_become_bills(tmp_path):
    street = settlement_from_households(HOMES, TARIFF, time_zone="Europe/Berlin", begin="2013-06-01", end="2013-06-03")
    assert street.interval[0] == "2013-06-01T00:00+02:00"
    assert len(street.interval) == 48
    assert cw.solve(street, method="sdr").report.ok
    with pytest.raises(ValueError, match="storages: meters are billed as they are"):
        settlement_from_households(HOMES, TARIFF, storages="docs/examples/storages.csv")
    dear = pd.read_csv(TARIFF).assign(sell_price=0.9)
    with pytest.raises(cw.InstanceError, match=r"feed_in_price, row 2013-06-01T00:00\+02:00, value 0.9: is above"):
        settlement_from_households(HOMES, dear, time_zone="Europe/Berlin", begin="2013-06-01", end="2013-06-02")


@pytest.mark.parametrize(
    ("arguments", "members"),
    [
        (["--from", HOMES, "--tariff", TARIFF, "--time-zone", "Europe/Berlin", "--end", "2013-06-02"], 8),
        (["--source", "solved", "--from", "scheduling/two-neighbours", "--groups"], 2),
    ],
)
def test_command_makes_settlements(arguments, members, tmp_path, monkeypatch, capsys):
    out = tmp_path / "made"
    monkeypatch.setattr("sys.argv", ["commonwatt", "generate", "settlement", "--out", str(out), *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code in (0, None), capsys.readouterr()
    made = cw.load(out)
    assert len(made.member) == members
    assert cw.solve(made).report.ok


def test_command_asks_for_a_tariff(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "sys.argv", ["commonwatt", "generate", "settlement", "--out", str(tmp_path / "x"), "--from", HOMES]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "--tariff" in capsys.readouterr().err
