"""The newsvendor's offer against its linear program and its closed form; the merit order likewise."""

import numpy as np
import pytest
from commonwatt.solvers.kernels import merit_order_offer, newsvendor_offer, newsvendor_value
from scipy.optimize import linprog


def by_program(samples, price, long, short, risk, tail, chance):
    """Greatest (1 - ω) mean + ω CVaR: profits below both of their lines, a value at risk, what is below it."""
    n = len(samples)
    cost = np.concatenate([[0.0, -risk], risk * chance / tail, -(1 - risk) * chance])
    rows, limits = [], []
    for k in range(n):
        for slope in (long, short):
            row = np.zeros(2 + 2 * n)
            row[0], row[2 + n + k] = slope - price, 1.0
            rows.append(row)
            limits.append(slope * samples[k])
        row = np.zeros(2 + 2 * n)
        row[1], row[2 + k], row[2 + n + k] = 1.0, -1.0, -1.0
        rows.append(row)
        limits.append(0.0)
    free = (None, None)
    found = linprog(cost, A_ub=np.array(rows), b_ub=limits, bounds=[free, free, *[(0, None)] * n, *[free] * n])
    assert found.success
    return -found.fun


@pytest.mark.parametrize("seed", range(120))
def test_offer_is_the_best_of_the_program(seed):
    """Prices of any sign, ties, unequal chances, parts that split a sample."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    samples = rng.integers(0, 6, n).astype(float) if seed % 2 else rng.normal(3.0, 3.0, n)
    long, price, short = np.sort(rng.normal(0.1, 0.3, 3))
    risk, tail = float(rng.choice([0.0, 0.3, 1.0])), float(rng.choice([0.05, 0.3, 0.5, 1.0]))
    chance = rng.random(n)
    chance /= chance.sum()
    offer = newsvendor_offer(samples, price, long, short, risk, tail, chance)
    assert samples.min() <= offer <= samples.max()
    value = newsvendor_value(samples, offer, price, long, short, risk, tail, chance)
    assert value == pytest.approx(by_program(samples, price, long, short, risk, tail, chance), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_closed_form_where_surplus_earns(seed):
    """F₁ = ρ / ((1 - ω) + ω/α) if that is at most α, else max(α, (ρ - ω) / (1 - ω))."""
    rng = np.random.default_rng(seed)
    long, price, short = np.sort(rng.uniform(0.0, 0.5, 3))
    risk, tail = rng.uniform(0.0, 0.95), rng.uniform(0.05, 0.6)
    samples = rng.gamma(2.0, 3.0, 500)
    share = (price - long) / (short - long)
    quantile = share / ((1 - risk) + risk / tail)
    if quantile > tail:
        quantile = max(tail, (share - risk) / (1 - risk))
    expected = np.sort(samples)[int(np.ceil(quantile * 500 - 1e-9)) - 1]
    assert newsvendor_offer(samples, price, long, short, risk, tail) == expected


def test_by_hand():
    assert newsvendor_offer([0.0, 2.0, 4.0, 6.0], 0.1, 0.05, 0.2) == 2.0
    assert newsvendor_value([0.0, 2.0, 4.0, 6.0], 2.0, 0.1, 0.05, 0.2) == pytest.approx(0.175)
    assert newsvendor_offer([0.0, 2.0, 4.0, 6.0], 0.1, 0.05, 0.2, risk_weight=1.0, tail=0.5) == 0.0
    # Surplus costs as much as what is missing: the worse half are both ends, balanced in the middle.
    assert newsvendor_offer([0.0, 10.0], 0.0, -0.1, 0.1, risk_weight=1.0, tail=0.5) == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([1.0], 0.1, 0.2, 0.3), "order long <= price <= short"),
        (([1.0], 0.1, 0.1, 0.1), "or any is"),
        (([], 0.1, 0.0, 0.2), "at least one"),
        (([1.0, np.nan], 0.1, 0.0, 0.2), r"samples_kwh\[1\] is nan"),
        (([1.0], 0.1, 0.0, 0.2, 1.5), "risk_weight must lie"),
        (([1.0], 0.1, 0.0, 0.2, 0.5, 0.0), "tail in"),
        (([1.0, 2.0], 0.1, 0.0, 0.2, 0.5, 0.1, [0.5, 0.6]), "with sum 1"),
    ],
)
def test_bad_numbers_are_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        newsvendor_offer(*arguments)


@pytest.mark.parametrize("seed", range(20))
def test_merit_order_is_the_best_of_the_program(seed):
    rng = np.random.default_rng(seed)
    price, limit, capacity = rng.normal(0.2, 0.2, 5).round(2), rng.uniform(0.0, 4.0, 5), rng.uniform(0.0, 12.0)
    found = merit_order_offer(capacity, price, limit)
    program = linprog(-price, A_ub=np.ones((1, 5)), b_ub=[capacity], bounds=[(0, high) for high in limit])
    assert found.value == pytest.approx(-program.fun, abs=1e-12)
    more = merit_order_offer(capacity + 1e-6, price, limit)
    assert (more.value - found.value) / 1e-6 == pytest.approx(found.capacity_price, abs=1e-6)


def test_a_market_without_a_limit_takes_the_rest_only():
    found = merit_order_offer(10.0, [0.3, 0.1, 0.2], [4.0, np.inf, 3.0])
    np.testing.assert_array_equal(found.offer_kw, [4.0, 3.0, 3.0])
    assert found.capacity_price == 0.1
    np.testing.assert_array_equal(merit_order_offer(10.0, [0.3, 0.1], [4.0, 1e300]).offer_kw, [4.0, 6.0])


def test_merit_order_refuses_what_it_cannot_read():
    with pytest.raises(ValueError, match="give both for each market"):
        merit_order_offer(1.0, [0.1, 0.2], [1.0])
    with pytest.raises(ValueError, match=r"limit_kw\[0\] is -1"):
        merit_order_offer(1.0, [0.1], [-1.0])
