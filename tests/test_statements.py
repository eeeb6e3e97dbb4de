"""Statements, own use, contribution rates, performance, streams: by hand, over clock changes, against each other."""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.instances.settlement import SettlementInstance
from commonwatt.models.settlement.decision import SettlementDecision
from commonwatt.models.settlement.metrics import own_use, performance_measure, sharing_contribution_rate
from commonwatt.models.settlement.statements import statement
from commonwatt.solvers.settlement_stream import Block, blocks_of, settle_stream
from makers_settlement import random_settlement, scheduled

import commonwatt as cw


def decided(instance: SettlementInstance, method: str) -> SettlementDecision:
    found = cw.solve(instance, method=method).decision
    assert isinstance(found, SettlementDecision)
    return found


def test_statement_by_hand():
    game = SettlementInstance(
        member=["roof", "home"],
        load_kwh=[[1.0, 3.0], [2.0, 1.0]],
        generation_kwh=[[3.0, 0.0], [0.0, 0.0]],
        retail_price=[0.30, 0.30],
        feed_in_price=[0.10, 0.10],
        interval=["2030-01-31T23:00+01:00", "2030-02-01T00:00+01:00"],
    )
    frame = statement(decided(game, "mmr"), "month").set_index(["period", "member"])
    january = frame.loc["2030-01"]
    # The roof uses 1 of its 3 kWh; the home takes the other 2 at 0.20 and 1 from the grid at 0.30.
    roof, home = january.loc["roof"], january.loc["home"]
    assert (roof.own_use_kwh, roof.to_members_kwh, roof.to_grid_kwh) == pytest.approx((1.0, 2.0, 0.0))
    assert (home.from_members_kwh, home.from_grid_kwh) == pytest.approx((2.0, 1.0))
    assert (roof.bill, roof.received, roof.paid) == pytest.approx((-0.4, 0.4, 0.0))
    assert (home.bill, home.grid_part, home.members_part) == pytest.approx((0.7, 0.3, 0.4))
    assert (home.separate_bill, home.separate_saving) == pytest.approx((0.9, 0.2))
    # In February all comes from the grid.
    february = frame.loc["2030-02"]
    assert february.bill.tolist() == pytest.approx([0.6, 0.3])
    assert february.separate_saving.tolist() == pytest.approx([0.0, 0.0])


@pytest.mark.parametrize(
    ("first", "hours"), [("2030-03-31", 23), ("2030-10-27", 25), ("2030-06-03", 24)], ids=["spring", "autumn", "june"]
)
def test_bill_of_a_day_of_23_24_and_25_hours(first, hours):
    # Local hours of Berlin around a clock change, as a meter would write them.
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Europe/Berlin")
    begin = datetime.fromisoformat(f"{first}T00:00").replace(tzinfo=zone) - timedelta(days=1)
    moments = [begin.astimezone(ZoneInfo("UTC")) + timedelta(hours=k) for k in range(24 + hours + 24)]
    times = [moment.astimezone(zone).isoformat() for moment in moments]
    net = np.tile([1.0, -0.25], (len(times), 1))
    game = SettlementInstance.from_net(
        net, interval=times, retail_price=np.full(len(times), 0.4), feed_in_price=np.full(len(times), 0.1)
    )
    decision = decided(game, "mmr")
    days = statement(decision, "day").pivot_table(index="period", columns="member", values="bill")
    assert days.index.tolist()[1] == first
    # Each hour: 0.25 kWh at 0.25 between the two, 0.75 kWh from the grid at 0.40.
    expected = np.outer([24, hours, 24], [0.25 * 0.25 + 0.75 * 0.40, -0.25 * 0.25])
    np.testing.assert_allclose(days.to_numpy(), expected)
    assert days.to_numpy().sum() == pytest.approx(game.community_bill)


@pytest.mark.parametrize("method", ["sdr", "mmr", "bill_sharing", "dual_price", "alone"])
@pytest.mark.parametrize("seed", [0, 2, 3, 6, 7])
def test_statements_add_up(method, seed):
    game = random_settlement(seed)
    decision = decided(game, method)
    if decision.interval_bill is None:
        with pytest.raises(ValueError, match="ask for period='horizon'"):
            statement(decision, "interval")
        assert statement(decision, "horizon").bill.tolist() == pytest.approx(decision.bill.tolist())
        return
    whole = statement(decision, "horizon")
    for period in ("interval", "day", "month", "year"):
        parts = statement(decision, period).drop(columns="period").groupby("member", sort=False).sum()
        np.testing.assert_allclose(parts.to_numpy(), whole.drop(columns=["period", "member"]).to_numpy(), atol=1e-9)
    np.testing.assert_allclose(whole.bill, decision.bill, atol=1e-12)
    np.testing.assert_allclose(whole.bill, whole.paid - whole.received, atol=1e-12)
    if decision.meters == "shared":
        assert whole.members_part.sum() == pytest.approx(0.0, abs=1e-9)
        assert whole.bill.sum() == pytest.approx(game.community_bill, abs=1e-9)
    for kind, other in (("from_members_kwh", "to_members_kwh"),):
        assert whole[kind].sum() == pytest.approx(whole[other].sum(), abs=1e-9)


def test_bills_without_prices_have_a_horizon_only():
    decision = decided(random_settlement(2), "shapley")
    assert statement(decision, "horizon")["paid"].isna().all()
    with pytest.raises(ValueError, match="no prices, so a month has none"):
        statement(decision, "month")
    with pytest.raises(ValueError, match="unknown period 'week'"):
        statement(decision, "week")


def test_periods_are_those_of_the_clock_whatever_the_spelling():
    times = ["20300131T23:00", "20300201T00:00"]
    game = SettlementInstance.from_net([[1.0], [2.0]], interval=times, retail_price=[0.3, 0.3])
    assert statement(decided(game, "mmr"), "month")["period"].tolist() == ["2030-01", "2030-02"]
    twice = ["2030-10-27T02:00+02:00", "2030-10-27T02:00+01:00"]
    hours = statement(decided(game.replace(interval=twice), "mmr"), "interval")
    assert hours["period"].tolist() == twice


def test_bills_alone_with_another_schedule_have_no_parts():
    game = scheduled(3, 3, 4)
    frame = statement(decided(game, "alone"), "horizon")
    assert frame[["paid", "grid_part", "members_part"]].isna().all(axis=None)
    np.testing.assert_allclose(frame["bill"], game.alone_bill)


@pytest.mark.parametrize("name", ["settlement/six-homes", "settlement/street-50", "settlement/clock-change-week"])
def test_shares_of_own_use_are_shares(name):
    frame = own_use(cw.load(name))
    shares = frame[["self_consumption", "self_sufficiency"]].fillna(0.0).to_numpy()
    assert (shares >= 0).all()
    assert (shares <= 1).all()
    assert frame["scope"].tolist().count("community") == 1


@pytest.mark.parametrize("seed", [0, 1, 2, 4])
def test_own_use_in_both_scopes(seed):
    game = random_settlement(seed).replace(storage_kwh=None)
    frame = own_use(game)
    made, used = frame.self_consumption * frame.generation_kwh, frame.self_sufficiency * frame.used_kwh
    # Without storages what is used of one's own generation is what one's own generation supplies.
    np.testing.assert_allclose(made.fillna(0.0), used.fillna(0.0), atol=1e-9)
    community = frame.iloc[-1]
    assert community.imported_kwh == pytest.approx(np.maximum(game.net_kwh.sum(axis=1), 0).sum())
    assert (frame[["self_consumption", "self_sufficiency"]].fillna(0.0).to_numpy() <= 1 + 1e-12).all()


def test_contribution_rates():
    rates = sharing_contribution_rate([[1.0, 1.0], [6.0, 0.0]], return_rate=0.2)
    assert rates.tolist() == pytest.approx([0.8 * 0.25, 0.8 * 0.75])
    # A later stage of the contract counts twice.
    assert sharing_contribution_rate([[1.0, 1.0], [3.0, 0.0]], [1.0, 2.0]).tolist() == pytest.approx([0.5, 0.5])
    for bad, words in (
        (lambda: sharing_contribution_rate([[1.0]], return_rate=1.5), "rate of return"),
        (lambda: sharing_contribution_rate([[-1.0]]), "numbers of at least 0"),
        (lambda: sharing_contribution_rate([[0.0]]), "nobody contributed"),
    ):
        with pytest.raises(ValueError, match=words):
            bad()


def test_performance_measure_depends_on_the_dispatch_only():
    assert performance_measure(10.0, 10.0, 6.0) == 0.0
    assert performance_measure(10.0, 6.0, 6.0) == 1.0
    assert performance_measure(10.0, 7.0, 6.0) == pytest.approx(0.75)
    assert performance_measure(10.0, 12.0, 6.0) == -0.5
    assert np.isnan(performance_measure(6.0, 6.0, 6.0))
    game = scheduled(3, 3, 4)
    found = {
        m: performance_measure(game.alone_bill.sum(), decided(game, m).bill.sum(), game.coalition_costs[-1])
        for m in ("sdr", "mmr", "bill_sharing")
    }
    assert list(found.values()) == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("rule", ["sdr", "mmr", "dual_price", "bill_sharing", "alone"])
@pytest.mark.parametrize("seed", [0, 5, 6])
def test_streams_are_what_is_settled_at_once(rule, seed):
    game = random_settlement(seed).replace(storage_kwh=None)
    whole = decided(game, rule)
    found = settle_stream(blocks_of(game.net_kwh.T, game.retail_price, game.feed_in_price, intervals=2), rule)
    np.testing.assert_allclose(found.statements.bill, whole.bill, atol=1e-9)
    assert found.community_bill == pytest.approx(whole.bill.sum(), abs=1e-9)


def test_streams_have_a_statement_for_each_period():
    net = np.random.default_rng(0).normal(size=(3, 6))
    blocks = [Block(net[:, :2], 0.3, 0.1, "a"), Block(net[:, 2:4], 0.3, 0.1, "b"), Block(net[:, 4:], 0.3, 0.1, "a")]
    frame = settle_stream(blocks, "sdr", compensation=0.02).statements
    assert frame.period.tolist() == ["a"] * 3 + ["b"] * 3
    alone = settle_stream([blocks[1]], compensation=0.02).statements
    np.testing.assert_allclose(frame.bill[3:], alone.bill)
    np.testing.assert_allclose(frame.bought_kwh[3:], np.maximum(net[:, 2:4], 0).sum(axis=1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: settle_stream([], "sdr"), "no block"),
        (lambda: settle_stream([Block(np.ones(3), 0.3, 0.1)], "alone"), r"block 0 \(all\): net_kwh must have shape"),
        (lambda: settle_stream([Block(np.full((1, 1), np.nan), 0.3, 0.1)], "alone"), "buying_kwh is nan"),
        (lambda: settle_stream([Block(np.ones((1, 2)), [0.3] * 3, 0.1)]), "do not fit"),
        (lambda: settle_stream([Block(np.ones((1, 1)), 0.3, 0.1)], "mmr", compensation=0.1), "knows no compensation"),
        (lambda: settle_stream([Block(np.ones((1, 1)), 0.3, 0.1)], "fair"), "unknown rule 'fair'"),
        (lambda: settle_stream([Block(np.ones((1, 1)), 0.1, 0.3, "May")]), r"block 0 \(May\): interval 0: feed-in"),
        (
            lambda: settle_stream([Block(np.ones((1, 1)), 0.3, 0.1), Block(np.ones((2, 1)), 0.3, 0.1, "b")]),
            "has 2 members, the first has 1",
        ),
    ],
)
def test_bad_streams_name_the_block(call, words):
    with pytest.raises(ValueError, match=words):
        call()
