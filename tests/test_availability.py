"""Availability of many against enumeration, the binomial, and draws."""

import itertools

import numpy as np
import pytest
from commonwatt.solvers.kernels import capacity_distribution, firm_capacity, firm_capacity_mixture, poisson_binomial
from scipy.stats import binom


def enumerated(rating, chance):
    """Probability of each summed rating, by going through all subsets."""
    found = {}
    for there in itertools.product((0, 1), repeat=len(rating)):
        mass = np.prod([p if one else 1 - p for p, one in zip(chance, there, strict=True)])
        total = round(float(np.dot(there, rating)), 9)
        found[total] = found.get(total, 0.0) + mass
    return found


@pytest.mark.parametrize("seed", range(10))
def test_counts_by_enumeration(seed):
    rng = np.random.default_rng(seed)
    chance = rng.choice([0.0, 1.0, rng.random(), rng.random()], int(rng.integers(1, 9)))
    expected = enumerated(np.ones(len(chance)), chance)
    found = poisson_binomial(chance)
    np.testing.assert_allclose(found, [expected.get(float(k), 0.0) for k in range(len(chance) + 1)], atol=1e-15)


def test_equal_chances_are_binomial_and_small_tails_are_right():
    np.testing.assert_allclose(poisson_binomial(np.full(200, 0.3)), binom.pmf(np.arange(201), 200, 0.3), rtol=1e-9)
    found = poisson_binomial(np.full(40, 0.8))
    assert found[0] == pytest.approx(0.2**40, rel=1e-12)
    assert (poisson_binomial(np.random.default_rng(0).random(2000)) >= 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_firm_capacity_by_enumeration(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 10))
    rating, chance = rng.choice([3.6, 7.2, 11.0, 2.3], n), rng.random(n)
    mass = enumerated(rating, chance)
    for epsilon in (0.0, 0.01, 0.05, 0.3):
        levels = np.arange(0, round(rating.sum() * 10) + 1) / 10
        fits = [level for level in levels if sum(p for total, p in mass.items() if total < level - 1e-9) <= epsilon]
        assert firm_capacity(rating, chance, epsilon) == pytest.approx(max(fits))
    distribution = capacity_distribution(rating, chance)
    assert distribution.sum() == pytest.approx(1.0)
    assert distribution @ np.arange(len(distribution)) / 10 == pytest.approx(rating @ chance)


def test_firm_capacity_agrees_with_draws_and_grows():
    rng = np.random.default_rng(1)
    rating, chance = rng.choice([3.6, 7.2, 11.0], 55), rng.uniform(0.5, 0.9, 55)
    drawn = (rng.random((20_000, 55)) < chance) @ rating
    firm = firm_capacity(rating, chance, 0.05)
    missed = (drawn < firm - 1e-9).mean()
    assert missed == pytest.approx(0.05, abs=0.01)
    assert firm_capacity(rating, chance, 0.01) <= firm <= firm_capacity(rating, np.minimum(chance + 0.05, 1.0), 0.05)
    order = rng.permutation(55)
    assert firm_capacity(rating[order], chance[order], 0.05) == pytest.approx(firm)


def test_something_common_takes_capacity_away():
    """Three states: independent in each, so that the mixture is exact; what is firm falls below independence."""
    rating, chance = np.full(55, 5.6), np.full(55, 0.75)
    states = np.stack([chance - 0.15, chance, chance + 0.15 / 9])
    probability = np.array([0.1, 0.0, 0.9])
    mixed = firm_capacity_mixture(rating, states, probability, 0.05)
    assert mixed < firm_capacity(rating, chance, 0.05)
    below = [
        p * capacity_distribution(rating, row)[: round(mixed * 10)].sum()
        for p, row in zip(probability, states, strict=True)
    ]
    assert sum(below) <= 0.05
    assert firm_capacity_mixture(rating, chance[None], [1.0], 0.05) == firm_capacity(rating, chance, 0.05)


def test_ratings_are_rounded_down_and_never_by_a_last_digit():
    np.testing.assert_allclose(capacity_distribution([3.6], [1.0]).argmax(), 36)
    np.testing.assert_allclose(capacity_distribution([3.69], [1.0]).argmax(), 36)
    assert firm_capacity([7.0, 7.0], [1.0, 1.0], 0.0, resolution_kw=3.0) == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: poisson_binomial([0.5, 1.5]), r"p\[1\] is 1.5"),
        (lambda: firm_capacity([1.0], [0.5, 0.5], 0.05), "rating_kw has 1 entries and availability 2"),
        (lambda: firm_capacity([-1.0], [0.5], 0.05), r"rating_kw\[0\] is -1"),
        (lambda: firm_capacity([1.0], [0.5], 1.0), "epsilon must lie"),
        (lambda: firm_capacity([1.0], [0.5], 0.05, 0.0), "resolution_kw must be positive"),
        (lambda: firm_capacity_mixture([1.0], [[0.5]], [0.5], 0.05), "have sum 1"),
    ],
)
def test_bad_numbers_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
