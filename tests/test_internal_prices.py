"""Internal prices and bills: worked numbers, budget balance and bracket in every case, sums, shares.

Strategy: an independent statement of what the grid is paid, and prices checked against it on random and odd cases.
"""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.solvers.kernels import (
    bill_sharing_prices,
    bills,
    dual_prices,
    mmr_prices,
    sdr_prices,
    traded,
)
from commonwatt.solvers.kernels.internal_prices import edge_cases
from hypothesis import given
from hypothesis import strategies as st

RETAIL, FEED_IN = 0.30, 0.05


def grid_pays(buying, selling, retail, feed_in):
    """What the grid is paid, from what the community is short of or has left."""
    return retail * np.maximum(buying - selling, 0.0) - feed_in * np.maximum(selling - buying, 0.0)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (0.25, (0.25833, 0.13333)),
        (0.5, (0.19286, 0.08571)),
        (0.8, (0.108, 0.06)),
        (1.0, (0.05, 0.05)),
        (3.0, (0.05, 0.05)),
    ],
)
def test_sdr_at_known_ratios(ratio, expected):
    buy, sell = sdr_prices([4.0], [4.0 * ratio], RETAIL, FEED_IN)
    assert (buy[0], sell[0]) == pytest.approx(expected, abs=6e-6)


def test_compensation_at_a_surplus():
    buy, sell = sdr_prices(1.0, 1.5, RETAIL, FEED_IN, 0.05)
    assert (buy[0], sell[0]) == pytest.approx((0.10, 0.05 + 0.05 / 1.5))


@pytest.mark.parametrize(
    ("bought", "sold", "feed_in", "extra", "expected", "case"),
    [
        (2.0, 0.0, 0.05, 0.0, (0.3, 0.3), "nobody sells"),
        (0.0, 2.0, 0.05, 0.0, (0.05, 0.05), "nobody buys"),
        (0.0, 2.0, 0.05, 0.1, (0.15, 0.05), "nobody buys"),
        (0.0, 0.0, 0.05, 0.1, (0.3, 0.05), "nobody trades"),
        (2.0, 1.0, 0.0, 0.0, (0.225, 0.15), "no feed-in price"),
        (2.0, 1.0, -0.1, 0.0, (0.2, 0.1), "no feed-in price"),
        (2.0, 1.0, -0.1, 0.1, (0.225, 0.15), "no feed-in price"),
        (2.0, 4.0, -0.1, 0.0, (-0.1, -0.1), "no feed-in price"),
        (2.0, 0.0, -0.1, 0.0, (0.3, 0.3), "nobody sells"),
        (2.0, 1.0, 0.3, 0.0, (0.3, 0.3), ""),
    ],
)
def test_edge_cases_of_sdr(bought, sold, feed_in, extra, expected, case):
    buy, sell = sdr_prices(bought, sold, RETAIL, feed_in, extra)
    assert (buy[0], sell[0]) == pytest.approx(expected)
    assert edge_cases(np.array([bought]), np.array([sold]), np.array([feed_in]), extra).tolist() == [case]


def test_compensation_may_be_all_of_the_difference():
    buy, sell = sdr_prices([1.0, 1.0], [0.5, 2.0], 0.3, 0.2, 0.1)
    np.testing.assert_allclose(buy, 0.3)
    np.testing.assert_allclose(sell, [0.3, 0.25])


def test_mid_market_rate_by_hand_and_without_a_side():
    # Short by half: sellers get the middle, buyers pay the mean of middle and retail price.
    buy, sell = mmr_prices([2.0, 1.0, 1.0, 0.0, 0.0], [1.0, 2.0, 0.0, 1.0, 0.0], RETAIL, FEED_IN)
    np.testing.assert_allclose(buy, [0.2375, 0.175, 0.3, 0.175, 0.175])
    np.testing.assert_allclose(sell, [0.175, 0.1125, 0.175, 0.05, 0.175])


def test_dual_price_is_the_side_that_is_missing():
    buy, sell = dual_prices([2.0, 1.0, 1.0], [1.0, 2.0, 1.0], RETAIL, FEED_IN, balanced=0.2)
    np.testing.assert_allclose(buy, [0.30, 0.05, 0.10])
    np.testing.assert_array_equal(buy, sell)


def test_bill_sharing_leaves_the_bracket():
    buy, sell = bill_sharing_prices(np.array([[-3.0], [-2.0], [4.0], [4.0], [4.0]]), RETAIL, FEED_IN)
    assert (buy, sell) == pytest.approx((0.175, 0.0))
    assert bill_sharing_prices(np.array([[-1.0]]), RETAIL, FEED_IN) == pytest.approx((0.0, 0.05))
    assert bill_sharing_prices(np.array([[0.0]]), RETAIL, FEED_IN) == (0.0, 0.0)


def random_trades(count, seed):
    """Trades with empty sides, equal sides and tiny ones, prices with no spread and feed-in prices of 0 and less."""
    rng = np.random.default_rng(seed)
    buying, selling = rng.lognormal(size=(2, count)) * rng.choice([0.0, 1.0, 1.0, 1e-9], (2, count))
    selling = np.where(rng.random(count) < 0.1, buying, selling)
    feed_in = rng.choice([-0.2, 0.0, 1e-9, 0.1, 0.3], count)
    return buying, selling, feed_in + rng.choice([0.0, 1e-6, 0.2], count), feed_in


@pytest.mark.parametrize("rule", ["sdr", "sdr with compensation", "mmr", "dual"])
def test_budget_balance_and_bracket_on_many_cases(rule):
    buying, selling, retail, feed_in = random_trades(40_000, 5)
    extra = np.random.default_rng(1).random(len(buying)) * (retail - feed_in)
    buy, sell = {
        "sdr": lambda: sdr_prices(buying, selling, retail, feed_in),
        "sdr with compensation": lambda: sdr_prices(buying, selling, retail, feed_in, extra),
        "mmr": lambda: mmr_prices(buying, selling, retail, feed_in),
        "dual": lambda: dual_prices(buying, selling, retail, feed_in),
    }[rule]()
    due = grid_pays(buying, selling, retail, feed_in)
    size = np.maximum(np.abs(retail), np.abs(feed_in)) * (buying + selling)
    assert (np.abs(buy * buying - sell * selling - due) <= 1e-12 * size).all()
    assert np.isfinite(buy).all()
    assert np.isfinite(sell).all()
    slack = 1e-15
    assert (feed_in - slack <= sell).all()
    assert (sell <= buy + slack).all()
    assert (buy <= retail + slack).all()


def test_bill_sharing_balances_over_the_horizon_but_not_by_interval():
    rng = np.random.default_rng(2)
    breaches = 0
    for _ in range(300):
        net = rng.normal(size=(4, 5)) * rng.choice([0.0, 1.0, 1.0], (4, 5))
        retail, feed_in = np.full(5, RETAIL), np.full(5, rng.choice([-0.05, 0.05, 0.1]))
        buy, sell = bill_sharing_prices(net, retail, feed_in)
        total = net.sum(axis=0)
        due = grid_pays(np.maximum(total, 0.0), np.maximum(-total, 0.0), retail, feed_in).sum()
        assert buy * np.maximum(net, 0).sum() - sell * np.maximum(-net, 0).sum() == pytest.approx(due, abs=1e-12)
        breaches += sell < feed_in.min() - 1e-12
    assert breaches > 100


def test_mid_market_rate_gives_each_side_half_of_the_gain():
    buying, selling, retail, feed_in = random_trades(2_000, 9)
    buy, sell = mmr_prices(buying, selling, retail, feed_in)
    gain = (retail - feed_in) * np.minimum(buying, selling)
    np.testing.assert_allclose((retail - buy) * buying, gain / 2, atol=1e-12)
    np.testing.assert_allclose((sell - feed_in) * selling, gain / 2, atol=1e-12)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.2), st.floats(0.01, 0.5))
def test_sellers_share_of_the_gain_under_sdr(ratio, feed_in, spread):
    _, sell = sdr_prices(1.0, ratio, feed_in + spread, feed_in)
    share = (sell[0] - feed_in) * ratio / (spread * ratio)
    assert share == pytest.approx(feed_in * (1 - ratio) / (feed_in + spread * ratio), rel=1e-9, abs=1e-12)


@given(st.integers(0, 2**32), st.floats(0.1, 1e6))
def test_prices_do_not_depend_on_the_unit_of_energy(seed, factor):
    buying, selling, retail, feed_in = random_trades(50, seed)
    for rule in (sdr_prices, mmr_prices, dual_prices):
        np.testing.assert_allclose(
            rule(buying, selling, retail, feed_in),
            rule(factor * buying, factor * selling, retail, feed_in),
            rtol=1e-9,
            atol=1e-15,
        )


@pytest.mark.parametrize("shape", [(3, 4), (70, 30), (5_000, 24), (2, 9000)])
def test_sums_and_bills_against_their_definitions(shape):
    rng = np.random.default_rng(0)
    net = rng.normal(size=shape)
    buying, selling = traded(net)
    np.testing.assert_allclose(buying, np.maximum(net, 0).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(selling, np.maximum(-net, 0).sum(axis=0), rtol=1e-12)
    buy, sell = rng.random((2, shape[1]))
    net.setflags(write=False)
    np.testing.assert_array_equal(bills(net, buy, sell), np.where(net > 0, net * buy, net * sell))
    np.testing.assert_array_equal(bills(net, 0.3, 0.1), np.where(net > 0, net * 0.3, net * 0.1))


def test_sums_do_not_depend_on_the_number_of_threads():
    import numba

    net = np.random.default_rng(3).normal(size=(20_000, 24))
    before = numba.get_num_threads()
    several = traded(net)
    numba.set_num_threads(1)
    try:
        one = traded(net)
    finally:
        numba.set_num_threads(before)
    for first, second in zip(several, one, strict=True):
        assert first.tobytes() == second.tobytes()


def test_a_member_split_in_two_pays_the_same():
    net = np.random.default_rng(4).normal(size=(6, 8))
    split = np.vstack([net, 0.3 * net[:1]])
    split[0] *= 0.7
    for rule in (sdr_prices, mmr_prices, dual_prices):
        first = bills(net, *rule(*traded(net), RETAIL, FEED_IN))
        second = bills(split, *rule(*traded(split), RETAIL, FEED_IN))
        np.testing.assert_allclose(second[0] + second[-1], first[0], rtol=1e-9)
        np.testing.assert_allclose(second[1:-1], first[1:], rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sdr_prices([1.0, 1.0], [1.0, 1.0], [0.3, 0.1], [0.1, 0.2]), "interval 1: feed-in price 0.2"),
        (lambda: mmr_prices([1.0], [-1.0], 0.3, 0.1), "interval 0: selling_kwh is -1"),
        (lambda: sdr_prices([np.nan], [1.0], 0.3, 0.1), "interval 0: buying_kwh is nan"),
        (lambda: sdr_prices([1.0], [1.0], np.nan, 0.1), "interval 0: the retail price is nan"),
        (lambda: sdr_prices([1.0], [1.0], 0.3, 0.1, 0.25), r"interval 0: compensation 0.25 lies outside \[0, 0.2\]"),
        (lambda: sdr_prices([1.0, 2.0], [1.0, 2.0, 3.0], 0.3, 0.1), "do not fit"),
        (lambda: dual_prices([1.0], [1.0], 0.3, 0.1, 2.0), "balanced must lie"),
        (lambda: bills(np.zeros(3), 0.1, 0.1), "must have shape"),
        (lambda: bills(np.zeros((2, 3)), [0.1, 0.2], 0.1), "2 prices do not fit 3 intervals"),
        (lambda: bill_sharing_prices(np.array([[np.inf]]), 0.3, 0.1), "buying_kwh is inf"),
    ],
)
def test_bad_input_names_the_interval(call, message):
    with pytest.raises(ValueError, match=message):
        call()
