"""The level kernels against exact rational arithmetic, their invariants and every numerical trap on record."""

import math
import subprocess
import sys
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import pytest
from commonwatt.solvers.kernels import (
    block_search,
    fill_to_level,
    level_passes,
    level_search,
    supply_path,
    water_filling,
    weighted_max_min,
)
from commonwatt.solvers.kernels.jit import drop_stale_cache
from hypothesis import given, settings
from hypothesis import strategies as st

EPS = 2.0**-52
RULES = {"weighted_max_min": weighted_max_min, "water_filling": water_filling}
CLOSE = 32  # how many eps (S + E_k) an answer may be off

RULE = pytest.mark.parametrize("rule", RULES)


def exact_fill(base, cap, weight, total):
    """Fill to a level in rational arithmetic: walk the breakpoints upwards, keeping the slope as a sum of fractions."""
    base, cap, weight = ([Fraction(v) for v in values] for values in (base, cap, weight))
    total = min(Fraction(total), sum((w * c for w, c in zip(weight, cap, strict=True)), Fraction(0)))

    def held(level):
        return sum((w * min(max(level - b, 0), c) for b, c, w in zip(base, cap, weight, strict=True)), Fraction(0))

    points = sorted(set(base) | {b + c for b, c in zip(base, cap, strict=True)})
    level = points[0] if points else Fraction(0)
    for here, there in pairwise(points):
        at_here, at_there = held(here), held(there)
        if at_here <= total <= at_there:
            level = here if at_there == at_here else here + (total - at_here) * (there - here) / (at_there - at_here)
            break
    return [w * min(max(level - b, 0), c) for b, c, w in zip(base, cap, weight, strict=True)]


def exact_rule(rule, deficiency, weight, supply):
    """The two rules in rational arithmetic, members of weight zero left out before dividing."""
    x = [Fraction(0)] * len(weight)
    useful = [k for k, w in enumerate(weight) if w > 0]
    height = [Fraction(deficiency[k]) / Fraction(weight[k]) for k in useful]
    base = height if rule == "water_filling" else [Fraction(0)] * len(useful)
    for k, value in zip(useful, exact_fill(base, height, [weight[k] for k in useful], supply), strict=True):
        x[k] = value
    return x


def assert_sum(x, deficiency, weight, supply):
    """Never more than the supply; less only where the heights' own rounding, eps E, is itself rounded."""
    needed = sum((Fraction(e) for e, w in zip(deficiency, weight, strict=True) if w > 0), Fraction(0))
    total = sum((Fraction(v) for v in x.tolist()), Fraction(0))
    rounding = CLOSE * Fraction(EPS) * Fraction(supply)
    assert total <= min(Fraction(supply), needed) + rounding, (deficiency, weight, supply)
    assert total >= min(Fraction(supply), needed) - rounding - 4 * Fraction(EPS) ** 2 * needed, (deficiency, supply)


def assert_exact(rule, deficiency, weight, supply, x=None):
    x = RULES[rule](deficiency, weight, supply) if x is None else x
    wanted = exact_rule(rule, deficiency, weight, supply)
    for k, value in enumerate(x.tolist()):
        error = abs(Fraction(value) - wanted[k])
        allowed = CLOSE * Fraction(EPS) * (Fraction(supply) + Fraction(deficiency[k]))
        assert error <= allowed, (rule, k, value, float(wanted[k]), deficiency, weight, supply)
    assert (x >= 0.0).all()
    assert (x <= np.asarray(deficiency)).all()
    assert_sum(x, deficiency, weight, supply)


def one_height(rng, n):
    """Members over 24 decades whose heights are all but equal: a step of one float in level is worth any supply."""
    deficiency = 10.0 ** rng.uniform(-12, 12, n)
    return deficiency, deficiency * (1.0 + rng.integers(-2, 3, n) * EPS) * rng.choice([1.0, 3.0], n)


def random_instance(rng):
    """A small instance of a random kind (smooth, tied, with zeros, over decades) and a supply, often a special one."""
    n = int(rng.integers(1, 9))
    kind = rng.integers(7)
    if kind == 0:
        deficiency, weight = rng.uniform(0.0, 5.0, n), rng.uniform(0.1, 3.0, n)
    elif kind == 1:
        deficiency, weight = rng.integers(0, 4, n).astype(float), rng.integers(0, 3, n).astype(float)
    elif kind == 2:
        deficiency, weight = 10.0 ** rng.uniform(-12, 12, n), 10.0 ** rng.uniform(-1, 1, n)
    elif kind == 3:
        deficiency, weight = 10.0 ** rng.uniform(-6, 6, n), 10.0 ** rng.uniform(-6, 6, n)
    elif kind == 4:
        # Weights that halve and double the heights: water-filling's upper breakpoints meet its lower ones.
        deficiency, weight = np.full(n, 3.0), 2.0 ** rng.integers(-3, 4, n)
    elif kind == 5:
        deficiency, weight = one_height(rng, n)
    else:
        deficiency = 10.0 ** rng.uniform(-12, 12, n)
        weight = deficiency * (1.0 + rng.integers(-2, 3, n) * EPS)
    needed = float(deficiency[weight > 0].sum())
    choices = [0.0, needed, 2.0 * needed + 1.0, needed * (1 - 1e-9), needed * (1 - 1e-13), needed * 1e-9]
    choices += [float(v) for v in needed * rng.uniform(0.0, 1.0, 6)] + [needed * float(10.0 ** rng.uniform(-12, 0))]
    if kind != 0:
        choices.append(float(rng.choice(deficiency)))
    return deficiency.tolist(), weight.tolist(), float(rng.choice(choices))


@RULE
def test_small_instances_meet_rational_arithmetic(rule):
    rng = np.random.default_rng(1)
    for _ in range(1500):
        assert_exact(rule, *random_instance(rng))


@pytest.mark.sweep
@RULE
def test_many_small_instances_meet_rational_arithmetic(rule):
    rng = np.random.default_rng(2)
    for _ in range(20000):
        assert_exact(rule, *random_instance(rng))


@RULE
def test_the_sorted_finish_alone_meets_rational_arithmetic(rule, monkeypatch):
    rng = np.random.default_rng(3)
    offset = 1.0 if rule == "water_filling" else 0.0
    done = 0
    while done < 400:
        deficiency, weight, supply = random_instance(rng)
        energy, share = np.array(deficiency), np.array(weight)
        if not 0.0 < supply < energy[share > 0].sum() * (1 - 1e-15):
            continue
        level, rest = level_search.finish_by_sorting(energy, energy, share, offset, supply, 0.0, math.inf)
        x = np.empty_like(energy)
        level_search.pour(energy, energy, share, offset, level, rest, x)
        wanted = exact_rule(rule, deficiency, weight, supply)
        for value, target, need in zip(x.tolist(), wanted, deficiency, strict=True):
            assert abs(Fraction(value) - target) <= CLOSE * Fraction(EPS) * Fraction(supply + need)
        done += 1


def test_fill_to_level_meets_rational_arithmetic():
    rng = np.random.default_rng(4)
    for _ in range(700):
        n = int(rng.integers(1, 8))
        if rng.random() < 0.5:
            base, cap, weight = rng.normal(0.0, 3.0, n), rng.uniform(0.0, 4.0, n), rng.uniform(0.0, 2.0, n)
        else:
            base, cap, weight = (rng.integers(low, 4, n).astype(float) for low in (-3, 0, 0))
        total = float(rng.choice([0.0, 1.0, 0.3, 1.0 - 1e-9, 2.0])) * float((weight * cap).sum())
        x = fill_to_level(base, cap, weight, total)
        wanted = exact_fill(base, cap, weight, total)
        for k, value in enumerate(x.tolist()):
            scale = total + float(weight[k] * (np.ptp(base) + cap[k]))
            assert abs(Fraction(value) - wanted[k]) <= CLOSE * Fraction(EPS) * Fraction(scale)


def test_fill_to_level_on_high_bases_keeps_their_differences():
    base = 1e9 + np.array([0.0, 1.0, 2.0])
    x, level = fill_to_level(base, np.full(3, 5.0), np.ones(3), 4.0, return_level=True)
    np.testing.assert_allclose(x, [7 / 3, 4 / 3, 1 / 3], rtol=1e-14)
    assert level == pytest.approx(1e9 + 7 / 3, rel=1e-15)


def test_fill_to_level_without_lids_flattens_a_valley():
    net = np.array([3.0, -1.0, 2.0, 7.0])
    x, level = fill_to_level(net, np.full(4, np.inf), np.ones(4), 6.0, return_level=True)
    np.testing.assert_allclose(net + x, np.maximum(net, level), rtol=1e-15)
    assert x.sum() == pytest.approx(6.0, rel=1e-15)
    alone, height = fill_to_level([2.0], [np.inf], [4.0], 6.0, return_level=True)
    assert (alone.tolist(), height) == ([6.0], 3.5)


@RULE
def test_the_rules_are_special_cases_of_the_general_fill(rule):
    rng = np.random.default_rng(5)
    energy, weight = rng.lognormal(0.0, 1.0, 60), rng.uniform(0.2, 3.0, 60)
    height = energy / weight
    base = height if rule == "water_filling" else np.zeros(60)
    for share in (0.02, 0.4, 0.97):
        supply = share * energy.sum()
        x, level = RULES[rule](energy, weight, supply, return_level=True)
        y, other = fill_to_level(base, height, weight, supply, return_level=True)
        np.testing.assert_allclose(x, y, atol=1e-13)
        assert level == pytest.approx(other, rel=1e-13)


@RULE
@pytest.mark.parametrize("n", [3, 700, 5000])
def test_twenty_four_decades_keep_the_small_members_shares(rule, n):
    rng = np.random.default_rng(6)
    energy = 10.0 ** rng.uniform(-12, 12, n)
    weight = rng.uniform(0.5, 2.0, n)
    order = np.sort(energy)
    for supply in (order[n // 2], order[: n // 2].sum() * 1.5, energy.sum() * (1 - 1e-9), energy.min() / 3):
        x, level = RULES[rule](energy, weight, supply, return_level=True)
        lower = weight * level - (energy if rule == "water_filling" else 0.0)
        np.testing.assert_allclose(
            x, np.clip(lower, 0.0, energy), atol=0, rtol=1e-9 if supply < energy.min() else 1e-12
        )
        flowing = energy[(x > 0) & (x < energy)].sum() if rule == "water_filling" else 0.0
        assert abs(math.fsum(x) - supply) <= CLOSE * EPS * (supply + flowing)


@RULE
@pytest.mark.parametrize("n", [1, 2, 443, 3000, 300_000])
@pytest.mark.parametrize("missing", [1e-6, 1e-9, 1e-12, 1e-15, 3e-16])
def test_a_supply_just_short_of_all_needs_returns(rule, n, missing):
    energy = np.random.default_rng(7).lognormal(0.0, 2.0, n)
    weight = np.random.default_rng(8).uniform(0.1, 5.0, n)
    supply = math.fsum(energy) * (1 - missing)
    x = RULES[rule](energy, weight, supply)
    assert abs(math.fsum(x) - supply) <= CLOSE * EPS * supply
    assert (x <= energy).all()


@RULE
def test_enough_supply_serves_everyone_to_the_bit(rule):
    rng = np.random.default_rng(9)
    energy, weight = rng.lognormal(0.0, 3.0, 1000), rng.choice([0.0, 0.7, 3.0], 1000)
    needed = energy[weight > 0].sum()
    for supply in (needed, np.nextafter(needed, 0.0), 2.0 * needed):
        x, level = RULES[rule](energy, weight, supply, return_level=True)
        assert level == math.inf
        np.testing.assert_array_equal(x, np.where(weight > 0, energy, 0.0))


@RULE
def test_nothing_to_give_or_nobody_to_give_to(rule):
    assert RULES[rule]([1.0, 2.0], [1.0, 1.0], 0.0).tolist() == [0.0, 0.0]
    assert RULES[rule]([1.0, 2.0], [0.0, 0.0], 3.0).tolist() == [0.0, 0.0]
    assert RULES[rule]([0.0, 0.0], [1.0, 1.0], 3.0).tolist() == [0.0, 0.0]
    assert RULES[rule]([], [], 3.0).tolist() == []
    assert RULES[rule](np.empty((2, 0)), [], [1.0, 2.0]).shape == (2, 0)
    assert RULES[rule]([1.0, 0.0, 2.0, 4.0], [1.0, 5.0, 0.0, 1.0], 1.0)[[1, 2]].tolist() == [0.0, 0.0]


def test_levels_at_zero_supply_are_the_lowest_that_flow():
    assert weighted_max_min([4.0, 2.0], [1.0, 1.0], 0.0, return_level=True)[1] == 0.0
    assert water_filling([4.0, 2.0, 0.0], [1.0, 1.0, 1.0], 0.0, return_level=True)[1] == 2.0
    assert fill_to_level([4.0, -2.0], [1.0, 1.0], [1.0, 1.0], 0.0, return_level=True)[1] == -2.0


def test_a_drop_of_supply_on_a_high_level_is_not_lost():
    for lowest in (1.0, 0.1, 7.3):
        x = water_filling([lowest, 9.0], [3.0, 1.0], 1e-20)
        assert x.sum() == pytest.approx(1e-20, rel=1e-6, abs=0.0)


@RULE
def test_a_flat_stretch_below_a_huge_member_is_seen(rule):
    # The huge member's start lies within its own rounding, the supply short of the small ones' needs far beyond theirs.
    deficiency = [309076644417.77167, 3.118236976950467e-12, 12074140807.725626, 0.18790906533971816]
    assert_exact(
        rule, deficiency, [5.084307623697102, 8.982091978104162, 9.823035714477065, 3.481640935443214], deficiency[3]
    )


@RULE
def test_members_an_ulp_apart_over_many_decades_share_the_supply_and_no_more(rule):
    energy, weight = [5.349389044042904e-12, 92717.62441680071], [5.349389044042904e-12, 92717.6244168007]
    assert_exact(rule, energy, weight, 4.860065102412456e-13)
    rng = np.random.default_rng(18)
    for _ in range(1500):
        deficiency, share = one_height(rng, int(rng.integers(2, 5)))
        if rng.random() < 0.5:
            share = deficiency * (1.0 + rng.integers(-2, 3, deficiency.size) * EPS)
        near = float(rng.choice(deficiency) * rng.choice([0.1, 1.0 - 1e-9, 1.0, 1.0 + EPS, rng.uniform(0.0, 1.5)]))
        supply = near if rng.random() < 0.7 else float(10.0 ** rng.uniform(-14, 12))
        members = deficiency.tolist(), share.tolist(), supply
        assert_exact(rule, *members)
        assert_exact(rule, *members, x=supply_path(*members[:2], rule).allocation(supply))


@RULE
def test_energies_and_weights_below_the_normal_floats_stay_finite_and_within_the_supply(rule):
    rng = np.random.default_rng(19)
    for _ in range(1000):
        n = int(rng.integers(1, 6))
        energy = 10.0 ** rng.uniform(-323, -305, n)
        weight = rng.choice([np.ones(n), 10.0 ** rng.uniform(-323, -300, n)])
        supply = float(rng.choice(energy) * rng.uniform(0.1, 1.2))
        for x in (RULES[rule](energy, weight, supply), supply_path(energy, weight, rule).allocation(supply)):
            assert ((x >= 0.0) & (x <= energy)).all()
            assert math.fsum(x) <= supply * (1.0 + CLOSE * EPS) + n * 5e-324


@RULE
def test_ties_share_by_weight(rule):
    x = RULES[rule](np.full(6, 2.0), np.full(6, 4.0), 3.0)
    np.testing.assert_allclose(x, 0.5, rtol=1e-15)
    x = RULES[rule]([2.0, 4.0, 2.0, 4.0], [1.0, 2.0, 1.0, 2.0], 6.0)
    np.testing.assert_allclose(x, [1.0, 2.0, 1.0, 2.0], rtol=1e-15)


energies = st.lists(st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 1e3)), min_size=1, max_size=30)
moderate = settings(max_examples=150, derandomize=True, deadline=None)


@moderate
@given(energies, st.floats(0.0, 1.5), st.floats(0.0, 0.5), st.sampled_from(sorted(RULES)))
def test_more_supply_takes_from_nobody_and_arrives_whole(members, share, more, rule):
    energy, weight = (np.array(v) for v in zip(*members, strict=True))
    weight[weight < 1e-3] = 0.0
    energy[energy < 1e-3] = 0.0
    needed = float(energy[weight > 0].sum())
    x = RULES[rule](energy, weight, share * needed)
    y = RULES[rule](energy, weight, (share + more) * needed)
    slack = CLOSE * EPS * ((share + more) * needed + energy)
    assert (y >= x - slack).all()
    assert ((x >= 0.0) & (x <= energy)).all()
    assert (x[weight == 0] == 0.0).all()
    assert abs(math.fsum(x) - min(share, 1.0) * needed) <= CLOSE * EPS * (needed + energy.max())


@moderate
@given(energies, st.floats(0.01, 0.99), st.randoms(use_true_random=False), st.sampled_from(sorted(RULES)))
def test_order_and_units_do_not_matter(members, share, random, rule):
    energy, weight = (np.array(v) for v in zip(*members, strict=True))
    weight[weight < 1e-3] = 0.0
    energy[energy < 1e-3] = 0.0
    supply = share * float(energy[weight > 0].sum())
    x = RULES[rule](energy, weight, supply)
    slack = CLOSE * EPS * (supply + energy)
    order = np.array(random.sample(range(energy.size), energy.size))
    assert (abs(RULES[rule](energy[order], weight[order], supply) - x[order]) <= slack[order]).all()
    assert (abs(RULES[rule](energy * 8.0, weight * 0.25, supply * 8.0) / 8.0 - x) <= slack).all()
    assert (abs(RULES[rule](energy * 3.7, weight * 5.3, supply * 3.7) / 3.7 - x) <= 2 * slack).all()


@moderate
@given(energies, st.floats(0.01, 0.99))
def test_unweighted_sharing_is_max_min(members, share):
    energy = np.array([member[0] for member in members])
    energy[energy < 1e-3] = 0.0
    supply = share * float(energy.sum())
    x = weighted_max_min(energy, np.ones(energy.size), supply)
    unserved = x < energy
    if unserved.any():
        # Who lacks something receives the most: nobody could give to a poorer one.
        assert x[unserved].min() >= x.max() - CLOSE * EPS * (supply + x.max())


@RULE
@pytest.mark.parametrize("n", [30, 443, 4096, 20000])
def test_the_kkt_conditions_hold(rule, n):
    rng = np.random.default_rng(10)
    energy, weight = rng.lognormal(0.0, 1.0, n), rng.choice([0.5, 1.0, 4.0], n)
    for share in (0.03, 0.5, 0.95):
        supply = share * energy.sum()
        x, level = RULES[rule](energy, weight, supply, return_level=True)
        if rule == "water_filling":
            price = 1.0 / (level * math.log(2.0))
            marginal = weight / ((energy + x) * math.log(2.0))
        else:
            price = 0.5 * level**-0.5
            marginal = 0.5 * np.sqrt(weight / np.where(x > 0, x, np.nan))
            assert (x > 0).all()
        empty, full = x == 0.0, x == energy
        assert (marginal[empty] <= price * (1 + 1e-13)).all()
        assert (marginal[full] >= price * (1 - 1e-13)).all()
        np.testing.assert_allclose(marginal[~empty & ~full], price, rtol=1e-12)
        assert math.fsum(x) == pytest.approx(supply, rel=CLOSE * EPS)


@RULE
@pytest.mark.parametrize("own_weights", [False, True])
@pytest.mark.parametrize("shape", [(7, 20), (60, 3000)])
def test_a_batch_is_its_rows_one_by_one(rule, own_weights, shape):
    rng = np.random.default_rng(11)
    energy = rng.lognormal(0.0, 1.0, shape)
    weight = rng.uniform(0.1, 2.0, shape if own_weights else shape[1:])
    supply = energy.sum(axis=1) * rng.uniform(0.0, 1.2, shape[0])
    x, level = RULES[rule](energy, weight, supply, return_level=True)
    for t in range(shape[0]):
        row = weight[t] if own_weights else weight
        one, height = RULES[rule](energy[t], row, supply[t], return_level=True)
        np.testing.assert_array_equal(x[t], one)
        assert level[t] == height
    general = fill_to_level(energy, energy, weight, supply)
    own = weight[3] if own_weights else weight
    np.testing.assert_array_equal(general[3], fill_to_level(energy[3], energy[3], own, supply[3]))


@pytest.fixture
def low_threshold(monkeypatch):
    """Send instances of some thousands through the code for the very large ones."""
    from commonwatt.solvers.kernels import water_level

    monkeypatch.setattr(water_level, "LARGE", 2**15)


def kinds_of_large(rng, n):
    yield rng.lognormal(0.0, 1.0, n), rng.uniform(0.5, 3.0, n)
    yield np.sort(rng.lognormal(0.0, 1.0, n)), rng.choice([0.0, 1.0, 2.0], n)
    yield 10.0 ** rng.uniform(-12, 12, n), rng.uniform(0.5, 3.0, n)
    yield np.full(n, 2.0), np.ones(n)
    # The sample sees none of the few large members, or only one kind of members.
    spiked = np.full(n, 1e-3)
    spiked[8 * (n // 16) + 9 :: 4001] = 1e6
    yield spiked, np.ones(n)
    alternating = np.where(np.arange(n) % 16 < 8, 1.0, 50.0)
    yield alternating, np.ones(n)


@RULE
def test_the_search_by_blocks_agrees_with_the_plain_one(rule, low_threshold, monkeypatch):
    monkeypatch.setattr(block_search, "SAMPLED", 2**12)
    rng = np.random.default_rng(12)
    n = 50_000
    for energy, weight in kinds_of_large(rng, n):
        needed = float(energy[weight > 0].sum())
        for share in (0.0, 1e-9, 0.05, 0.5, 0.9, 1 - 1e-9, 1.0, 1.5):
            x, level = RULES[rule](energy, weight, share * needed, return_level=True)
            y = np.zeros(n)
            other = level_search.fill_row(
                energy, energy, weight, 1.0 if rule == "water_filling" else 0.0, share * needed, y
            )
            assert (abs(x - y) <= CLOSE * EPS * (share * needed + energy)).all()
            assert (x <= energy).all()
            # Where almost everyone is full, the level itself is ill-conditioned; the allocation is not.
            assert level == pytest.approx(other, rel=1e-9)


@RULE
def test_the_search_by_blocks_hands_out_no_more_than_the_supply(rule, low_threshold):
    rng = np.random.default_rng(20)
    n = 40_000
    for energy, weight in (one_height(rng, n), one_height(rng, n)):
        energy[: n // 2] = weight[: n // 2] = 1e3  # many of one height, exactly
        for supply in (energy.min() / 2.0, float(energy[-1]), 1e-5 * energy.sum(), 0.5 * energy.sum()):
            x, y = RULES[rule](energy, weight, supply), np.zeros(n)
            level_search.fill_row(energy, energy, weight, 1.0 if rule == "water_filling" else 0.0, supply, y)
            assert_sum(x, energy.tolist(), weight.tolist(), supply)
            assert (abs(x - y) <= CLOSE * EPS * (supply + energy)).all()


@RULE
def test_the_bytes_do_not_depend_on_the_number_of_threads(rule, low_threshold):
    rng = np.random.default_rng(13)
    energy, weight = rng.lognormal(0.0, 1.0, 400_000), rng.uniform(0.5, 3.0, 400_000)
    rows = energy.reshape(400, 1000)
    before = numba.get_num_threads()
    answers = []
    try:
        for threads in (1, before, 1):
            numba.set_num_threads(threads)
            one = RULES[rule](energy, weight, 0.4 * energy.sum())
            batch = RULES[rule](rows, weight[:1000], 0.4 * rows.sum(axis=1))
            answers.append(one.tobytes() + batch.tobytes())
    finally:
        numba.set_num_threads(before)
    assert answers[0] == answers[1] == answers[2]


def test_callers_in_several_threads_do_not_meet(low_threshold):
    rng = np.random.default_rng(14)
    energy, weight = rng.lognormal(0.0, 1.0, 100_000), rng.uniform(0.5, 3.0, 100_000)
    wanted = water_filling(energy, weight, 30_000.0)
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(water_filling(energy, weight, 30_000.0))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(np.array_equal(answer, wanted) for answer in answers)


@RULE
def test_what_a_search_leaves_behind_is_what_is_poured_at_its_level(rule):
    rng = np.random.default_rng(21)
    offset = 1.0 if rule == "water_filling" else 0.0
    remainders = 0
    for i in range(3000):
        deficiency, weight, supply = random_instance(rng)
        if i % 3 == 1:
            deficiency, weight = one_height(rng, int(rng.integers(2, 5)))
            supply = float(rng.choice(deficiency) * rng.choice([0.1, 1.0 - 1e-9, 1.0, rng.uniform(0.0, 1.5)]))
        elif i % 3 == 2:
            deficiency = 10.0 ** rng.uniform(-323, -305, 4)
            weight, supply = np.ones(4), float(rng.choice(deficiency) * rng.uniform(0.1, 1.2))
        energy, share = np.array(deficiency), np.array(weight)
        left, poured = np.full(energy.size, -1.0), np.full(energy.size, -1.0)
        level, remainder = level_search.find_level(energy, energy, share, offset, supply, left)
        total = level_passes.pour(energy, energy, share, offset, level, remainder, poured)
        if supply > 0.0:
            assert left.tobytes() == poured.tobytes(), (deficiency, weight, supply)
        if level < math.inf:
            assert abs(Fraction(total) - sum(map(Fraction, poured.tolist()))) <= 2 * Fraction(EPS) * Fraction(total)
        remainders += remainder != 0.0
    # The rare ways out are among those tried; a level of weighted max-min needs no remainder.
    assert remainders > 10 or rule == "weighted_max_min"


@RULE
@pytest.mark.parametrize("n", [40, 443, 5000])
@pytest.mark.parametrize("own_weights", [False, True])
def test_a_row_of_a_batch_does_not_depend_on_its_neighbours(rule, n, own_weights):
    rng = np.random.default_rng(22)
    energy = rng.lognormal(0.0, 1.0, (12, n)) * 10.0 ** rng.uniform(-6, 6, (12, 1))
    weight = rng.choice([0.0, 0.5, 1.0, 4.0], (12, n) if own_weights else n)
    supply = energy.sum(axis=1) * rng.uniform(0.0, 0.8, 12)
    x, level = RULES[rule](energy, weight, supply, return_level=True)
    order = rng.permutation(12)[:7]
    y, other = RULES[rule](energy[order], weight[order] if own_weights else weight, supply[order], return_level=True)
    assert y.tobytes() == x[order].tobytes()
    assert other.tobytes() == level[order].tobytes()


@RULE
@pytest.mark.parametrize("n", [3, 600])
def test_minus_zero_and_the_largest_floats_are_sound(rule, n):
    energy, weight = np.ones(n), np.ones(n)
    energy[1], weight[2] = -0.0, -0.0
    plain = RULES[rule](np.abs(energy), np.abs(weight), 0.3)
    np.testing.assert_array_equal(RULES[rule](energy, weight, 0.3), plain)
    np.testing.assert_array_equal(RULES[rule](energy[np.newaxis], weight, [0.3])[0], plain)
    largest = np.finfo(float).max
    assert RULES[rule]([largest, 0.0], [1.0, largest], largest).tolist() == [largest, 0.0]


@RULE
def test_arguments_of_other_kinds_get_the_same_answer_and_the_same_errors(rule):
    rng = np.random.default_rng(23)
    energy, weight = rng.lognormal(0.0, 1.0, 30), rng.uniform(0.5, 3.0, 30)
    wanted = RULES[rule](energy, weight, 4.0)
    frozen = energy.copy()
    frozen.flags.writeable = False
    compiled = len(level_search.fill_one.signatures)
    for supply in (4, np.float64(4.0), np.int64(4), np.float32(4.0), np.array(4.0)):
        assert RULES[rule](energy, weight, supply).tobytes() == wanted.tobytes()
    assert RULES[rule](frozen, weight, 4.0).tobytes() == wanted.tobytes()
    assert RULES[rule](np.repeat(energy, 2)[::2], weight.tolist(), 4.0).tobytes() == wanted.tobytes()
    assert len(level_search.fill_one.signatures) == compiled
    for wrong in (weight[1:], weight[np.newaxis], np.append(weight, 1.0)):
        with pytest.raises(ValueError, match="weight of shape"):
            RULES[rule](energy, wrong, 4.0)
    with pytest.raises(ValueError, match="supply_kwh must be one number"):
        RULES[rule](energy, weight, [4.0, 4.0])


def test_bases_that_leave_the_range_of_floats_are_refused():
    with pytest.raises(ValueError, match="range of float64"):
        fill_to_level([0.0, 1e300], [1.0, 1.0], [1.0, 1e10], 1.0)


@RULE
def test_inputs_of_any_kind_are_read_and_never_written(rule):
    rng = np.random.default_rng(15)
    energy, weight = rng.lognormal(0.0, 1.0, (40, 30)), rng.uniform(0.5, 3.0, 30)
    supply = 0.5 * energy.sum(axis=1)
    wanted = RULES[rule](energy, weight, supply)
    frozen = [energy.copy(), weight.copy(), supply.copy()]
    for array in frozen:
        array.flags.writeable = False
    compiled = len(level_search.fill_rows.signatures)
    np.testing.assert_array_equal(RULES[rule](*frozen), wanted)
    assert len(level_search.fill_rows.signatures) == compiled  # read-only arrays are another type to the compiler
    assert not any(array.flags.writeable for array in frozen)
    np.testing.assert_array_equal(RULES[rule](np.asfortranarray(energy), weight[::1], supply), wanted)
    np.testing.assert_array_equal(RULES[rule](energy.tolist(), weight.tolist(), supply.tolist()), wanted)
    spread = np.repeat(energy[0], 2)[::2]
    np.testing.assert_array_equal(RULES[rule](spread, weight, supply[0]), wanted[0])
    single = RULES[rule](energy[0].astype(np.float32), weight, supply[0])
    np.testing.assert_array_equal(single, RULES[rule](energy[0].astype(np.float32).astype(float), weight, supply[0]))
    np.testing.assert_array_equal(frozen[0], energy)
    assert RULES[rule]([3, 5], [1, 1], 4).dtype == np.float64


@RULE
@pytest.mark.parametrize("n", [5, 600, 40_000])
@pytest.mark.parametrize("bad", [math.nan, -1.0, math.inf])
def test_bad_entries_are_named(rule, n, bad, low_threshold):
    good = np.ones(n)
    wrong = np.ones(n)
    wrong[n // 2] = bad
    place = rf"\[{n // 2}\] = {bad!r}"
    with pytest.raises(ValueError, match="deficiency_kwh" + place):
        RULES[rule](wrong, good, 1.0)
    with pytest.raises(ValueError, match="weight" + place):
        RULES[rule](good, wrong, 1.0)
    with pytest.raises(ValueError, match=f"supply_kwh = {bad!r}"):
        RULES[rule](good, good, bad)
    with pytest.raises(ValueError, match=rf"deficiency_kwh\[1, {n // 2}\]"):
        RULES[rule](np.stack([good, wrong]), good, [1.0, 1.0])
    with pytest.raises(ValueError, match=r"supply_kwh\[1\]"):
        RULES[rule](np.stack([good, good]), good, [1.0, bad])
    with pytest.raises(ValueError, match="deficiency_kwh" + place):
        supply_path(wrong, good, rule)


def test_bad_entries_of_the_general_fill_are_named():
    ok = [1.0, 1.0]
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=r"base\[1\]"):
            fill_to_level([0.0, bad], ok, ok, 1.0)
    for bad in (math.nan, -1.0):
        with pytest.raises(ValueError, match=r"cap\[0\]"):
            fill_to_level(ok, [bad, 1.0], ok, 1.0)
    for bad in (math.nan, -1.0, math.inf):
        with pytest.raises(ValueError, match=r"weight\[0\]"):
            fill_to_level(ok, ok, [bad, 1.0], 1.0)
        with pytest.raises(ValueError, match="total"):
            fill_to_level(ok, ok, ok, bad)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (([1.0, 2.0], [1.0], 1.0), "weight"),
        (([1.0, 2.0], [1.0, 1.0], [1.0, 2.0]), "supply_kwh"),
        (([[1.0, 2.0]], [1.0, 1.0], 1.0), "supply_kwh"),
        (([[1.0, 2.0]], [[1.0, 1.0]] * 2, [1.0]), "weight"),
        ((3.0, 1.0, 1.0), "deficiency_kwh"),
        (([[[1.0]]], [[[1.0]]], [1.0]), "deficiency_kwh"),
        ((["a"], [1.0], 1.0), "deficiency_kwh"),
        (([1.0], [1.0j], 1.0), "weight"),
    ],
)
@RULE
def test_shapes_that_do_not_fit_are_named(rule, arguments, name):
    with pytest.raises(ValueError, match=name):
        RULES[rule](*arguments)


@RULE
def test_ratios_beyond_floats_are_refused(rule):
    with pytest.raises(ValueError, match="range of float64"):
        RULES[rule]([1e300, 1e300], [1e-300, 1e-300], 1e299)


@RULE
@pytest.mark.parametrize("n", [1, 2, 30, 1000])
def test_the_path_agrees_with_the_kernel(rule, n):
    rng = np.random.default_rng(16)
    for decades in (0.3, 6.0):
        energy = 10.0 ** rng.uniform(-decades, decades, n)
        weight = rng.choice([0.0, 1.0, 2.0, 0.3], n)
        energy[: n // 5] = 0.0
        energy[n // 5 : n // 3] = 1.0
        path = supply_path(energy, weight, rule)
        needed = float(energy[weight > 0].sum())
        supply = needed * np.concatenate([[0.0, 1.0, 1.5, 1 - 1e-9], 10.0 ** rng.uniform(-2 * decades, 0.0, 30)])
        supply = np.concatenate([supply, rng.choice(path.breakpoints_kwh, 10)])
        allocation, level, welfare = path.allocation(supply), path.level(supply), path.welfare(supply)
        for i, one in enumerate(supply):
            x, height = RULES[rule](energy, weight, one, return_level=True)
            assert (abs(allocation[i] - x) <= CLOSE * EPS * (one + energy)).all()
            if rule == "water_filling":
                terms = weight * np.log1p(x / np.where(energy > 0, energy, 1.0)) / math.log(2.0)
            else:
                terms = np.sqrt(weight * x)
            assert abs(welfare[i] - math.fsum(terms)) <= 4 * CLOSE * EPS * weight[x > 0].sum() + 1e-13 * welfare[i]
            if not np.isin(one, path.breakpoints_kwh):
                assert level[i] == pytest.approx(height, rel=1e-12)
            assert (path.level(one), path.welfare(one)) == (level[i], welfare[i])
        np.testing.assert_array_equal(path.allocation(supply[5]), allocation[5])


@RULE
def test_the_paths_welfare_is_concave_and_its_slope_is_the_price(rule):
    rng = np.random.default_rng(17)
    energy, weight = rng.lognormal(0.0, 1.0, 200), rng.uniform(0.5, 3.0, 200)
    path = supply_path(energy, weight, rule)
    supply = np.linspace(0.01, 0.99, 50) * energy.sum()
    step = 1e-5 * energy.sum()
    slope = (path.welfare(supply + step) - path.welfare(supply - step)) / (2 * step)
    level = path.level(supply)
    price = 1.0 / (level * math.log(2.0)) if rule == "water_filling" else 0.5 / np.sqrt(level)
    np.testing.assert_allclose(slope, price, rtol=1e-5)
    assert (np.diff(path.welfare(supply), 2) < 0.0).all()


def test_the_path_over_many_decades_keeps_the_small_members():
    energy = 10.0 ** np.arange(-12.0, 13.0)
    path = supply_path(energy, np.ones(25), "water_filling")
    for supply in energy:
        for value, target in zip(
            path.allocation(supply).tolist(), exact_rule("water_filling", energy, np.ones(25), supply), strict=True
        ):
            assert abs(Fraction(value) - target) <= CLOSE * Fraction(EPS) * target


def test_an_empty_path_and_an_unknown_rule():
    path = supply_path([1.0, 0.0], [0.0, 1.0], "water_filling")
    assert path.allocation([0.0, 2.0]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert path.welfare(2.0) == 0.0
    with pytest.raises(ValueError, match="rule must be"):
        supply_path([1.0], [1.0], "greedy")
    with pytest.raises(ValueError, match="shape"):
        supply_path([[1.0]], [[1.0]], "water_filling")
    with pytest.raises(ValueError, match="weight"):
        supply_path([1.0], [1.0, 2.0], "water_filling")


def test_importing_the_package_imports_no_compiler():
    script = "import sys, commonwatt.solvers.kernels as k; print('numba' in sys.modules, 'supply_path' in dir(k))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "True"]


def test_unknown_kernels_are_refused():
    import commonwatt.solvers.kernels as kernels

    with pytest.raises(AttributeError, match="no_such_kernel"):
        _ = kernels.no_such_kernel


@pytest.mark.parametrize("name", ["water_level", "level_path"])
def test_docstring_examples(name):
    import doctest
    import importlib

    outcome = doctest.testmod(importlib.import_module(f"commonwatt.solvers.kernels.{name}"))
    assert outcome.attempted
    assert not outcome.failed


def test_the_speed_benchmark_runs_and_its_methods_agree():
    from commonwatt.benchmarks import speed, speed_allocation

    table = speed.measure(speed_allocation.tasks(quick=True))
    assert list(table.columns[:4]) == ["task", "size", "method", "seconds_median"]
    assert (table[["seconds_median", "ratio_to_kernel", "peak_mib"]] > 0).all(axis=None)
    assert set(table["reached"].str.split("; ").explode()) <= {"", "yes", "no"}
    assert ((table["figure"] == "") == (table["reached"] == "")).all()
    np.testing.assert_allclose(
        speed_allocation.solve_max_min_brentq(*speed_allocation.members(25, seed=1)),
        weighted_max_min(*speed_allocation.members(25, seed=1)),
        rtol=1e-9,
    )
    for task in speed_allocation.program_tasks(25):
        found = task.calls["kernel"]()
        for name in task.calls.keys() & {"CVXPY + Clarabel", "Pyomo + HiGHS"}:
            # The last household of the community that programs are given is the prosumer.
            np.testing.assert_allclose(task.calls[name]().allocated_kwh[0, :-1], found, atol=1e-3)


def test_cached_machine_code_is_dropped_when_any_source_changes(tmp_path: Path) -> None:
    source, cache = tmp_path / "kernel.py", tmp_path / "__pycache__"
    source.write_text("one = 1\n")
    drop_stale_cache(tmp_path)
    index = cache / "other.one-1.py311.nbi"
    index.write_text("compiled")
    drop_stale_cache(tmp_path)
    assert index.exists()
    source.write_text("one = 2  # edited\n")
    drop_stale_cache(tmp_path)
    assert not index.exists()
