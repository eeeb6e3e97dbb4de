"""The simple allocation strategies: solved by hand, checked against rational arithmetic, and conserved to the bit.

Every pairing a strategy returns goes through ``assert_sound``, which knows nothing about how it was made: no prosumer
gives more than it has (exactly), pairs add up to the allocation, nobody gets more than asked, pairs are few and unique.
"""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from commonwatt.solvers.heuristics.allocation import (
    Pairing,
    ascending_deficiency,
    greedy_pairs,
    pair_up,
    random_pairs,
    round_robin_pairs,
    weighted_split,
)
from commonwatt.solvers.heuristics.pairing import DUST
from hypothesis import given, settings
from hypothesis import strategies as st

MODEST = settings(derandomize=True, max_examples=80, deadline=None)
ENERGIES = st.one_of(
    st.just(0.0),
    st.integers(1, 30).map(lambda tenths: tenths / 10),
    st.floats(1e-9, 1e9, allow_nan=False),
    st.floats(0.01, 10.0, allow_nan=False),
)


@st.composite
def communities(draw, energies=ENERGIES, intervals=4, households=7):
    """Deficiency, excess, weight and order of a small community; a household may have both deficiency and excess."""
    t, n = draw(st.integers(1, intervals)), draw(st.integers(1, households))
    table = st.lists(st.lists(energies, min_size=n, max_size=n), min_size=t, max_size=t).map(np.array)
    weight = np.array(draw(st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=n, max_size=n)))
    return draw(table), draw(table), weight, np.array(draw(st.permutations(range(n))))


def assert_sound(pairing: Pairing, asked, excess, limit=None):
    """Conservation, bounds and the form of the pair table."""
    (intervals, n), t = asked.shape, pairing.pair_interval
    given, received = np.zeros((intervals, n)), np.zeros((intervals, n))
    # Unbuffered addition runs in the order of the pairs, in which the bounds hold exactly.
    np.add.at(given, (t, pairing.pair_prosumer), pairing.pair_kwh)
    np.add.at(received, (t, pairing.pair_consumer), pairing.pair_kwh)
    assert (given <= excess).all()
    assert (received <= pairing.allocated_kwh).all()
    assert (pairing.allocated_kwh - received <= 2 * DUST * pairing.allocated_kwh).all()
    assert (pairing.allocated_kwh <= asked).all()
    assert (pairing.pair_kwh > 0).all()
    assert (np.diff(t) >= 0).all()
    keys = set(zip(t.tolist(), pairing.pair_prosumer.tolist(), pairing.pair_consumer.tolist(), strict=True))
    assert len(keys) == t.size
    fewest = np.count_nonzero(excess > 0, axis=1) + np.count_nonzero(asked > 0, axis=1) - 1
    assert (np.bincount(t, minlength=intervals) <= np.maximum(fewest, 0)).all()


def as_pairs(pairing: Pairing):
    columns = (pairing.pair_interval, pairing.pair_prosumer, pairing.pair_consumer, pairing.pair_kwh)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def in_sequence(asked, supply, sequence, level, second_pass):
    """What a sequence of consumers receives, in rational arithmetic."""
    left, got = Fraction(supply), [Fraction(0)] * len(asked)
    for share in (Fraction(level), Fraction(1))[: 1 + second_pass]:
        for k in sequence:
            more = min(share * Fraction(asked[k]) - got[k], left)
            got[k] += more
            left -= more
    return got


def round_robin(asked, excess, order, reset, level, second_pass):
    """The strategy told again in plain Python and rational arithmetic, to compare with the compiled loop."""
    sequence, table = list(order), []
    for number, (row, supply) in enumerate(zip(asked, excess, strict=True), start=1):
        if number % reset == 0:
            sequence = list(order)
        got = in_sequence(row, sum(map(Fraction, supply)), sequence, level, second_pass)
        table.append(got)
        served = [k for k in sequence if row[k] > 0 and got[k] == Fraction(row[k])]
        sequence = [k for k in sequence if k not in served] + served
    return np.array(table, dtype=float)


# --- greedy -------------------------------------------------------------------------------------------------------


def test_greedy_by_hand():
    # Household 2 comes first: it takes all 3 kWh of household 0 and 1 of household 1; household 3 gets the other 1 kWh.
    pairing = greedy_pairs([[0, 0, 4, 2]], [[3, 2, 0, 0]], np.ones(4), [2, 3, 0, 1])
    assert as_pairs(pairing) == [(0, 0, 2, 3.0), (0, 1, 2, 1.0), (0, 1, 3, 1.0)]
    assert pairing.allocated_kwh.tolist() == [[0, 0, 4, 1]]


def test_greedy_depends_on_the_order_and_ignores_weight_zero():
    asked, excess = [[2.0, 2.0, 2.0, 0.0]], [[0.0, 0.0, 0.0, 3.0]]
    assert greedy_pairs(asked, excess, np.ones(4), [0, 1, 2, 3]).allocated_kwh.tolist() == [[2, 1, 0, 0]]
    assert greedy_pairs(asked, excess, np.ones(4), [2, 1, 0, 3]).allocated_kwh.tolist() == [[0, 1, 2, 0]]
    assert greedy_pairs(asked, excess, [1, 0, 1, 1], [1, 0, 2, 3]).allocated_kwh.tolist() == [[2, 0, 1, 0]]


@pytest.mark.parametrize(
    ("supply", "second_pass", "expected"),
    [
        (2.0, True, [2, 0]),  # not enough for the first pass, which gives 2 and 4
        (6.0, False, [2, 4]),
        (7.0, False, [2, 4]),  # what is left over stays with the prosumer
        (7.0, True, [3, 4]),  # … or tops up the first household
        (11.0, True, [4, 7]),
        (20.0, True, [4, 8]),
    ],
)
def test_level_of_service_by_hand(supply, second_pass, expected):
    pairing = greedy_pairs(
        [[4.0, 8.0, 0.0]], [[0, 0, supply]], np.ones(3), [0, 1, 2], service_level=0.5, second_pass=second_pass
    )
    assert pairing.allocated_kwh.tolist() == [[*expected, 0]]
    assert as_pairs(pairing) == [(0, 2, k, float(x)) for k, x in enumerate(expected) if x]


def test_rounding_noise_neither_leaves_a_consumer_uncovered_nor_makes_a_pair():
    # 0.1 + 0.2 > 0.3 in floating point.
    pairing = greedy_pairs([[0.3, 0.3, 0, 0, 0]], [[0, 0, 0.1, 0.2, 0.3]], np.ones(5), np.arange(5))
    assert pairing.allocated_kwh.tolist() == [[0.3, 0.3, 0, 0, 0]]
    assert [pair[1:3] for pair in as_pairs(pairing)] == [(2, 0), (3, 0), (4, 1)]


def test_no_prosumer_gives_one_bit_too_much_even_where_rounding_ties():
    # After 1.5 eps the rest of 1 + 3 eps rounds up to 1 + 2 eps, and 1.5 eps + (1 + 2 eps) up to 1 + 4 eps.
    eps = np.finfo(float).eps
    asked, excess = np.array([[1.5 * eps, 5.0, 0.0]]), np.array([[0.0, 0.0, 1.0 + 3.0 * eps]])
    assert_sound(greedy_pairs(asked, excess, np.ones(3), [0, 1, 2]), asked, excess)


@MODEST
@given(communities(), st.sampled_from([1.0, 0.5, 0.3, 0.05]), st.booleans())
def test_greedy_is_sound_and_agrees_with_rational_arithmetic(community, level, second_pass):
    asked, excess, weight, order = community
    pairing = greedy_pairs(asked, excess, weight, order, service_level=level, second_pass=second_pass)
    open_to = np.where(weight > 0, asked, 0.0)
    assert_sound(pairing, open_to, excess)
    expected = round_robin(open_to, excess, order, 1, level, second_pass)
    assert np.allclose(pairing.allocated_kwh, expected, rtol=1e-12, atol=1e-12 * max(1.0, excess.max(), asked.max()))
    if level == 1.0 or second_pass:  # maximal: all excess is used, or all requests are met
        total, possible = pairing.allocated_kwh.sum(1), np.minimum(excess.sum(1), open_to.sum(1))
        assert np.allclose(total, possible, rtol=1e-12)


# --- round-robin --------------------------------------------------------------------------------------------------


def test_round_robin_by_hand():
    # Three consumers ask for 1 kWh each; household 3 has 1, 1, 2, 1, 1 kWh. TL = 4.
    asked, excess = np.tile([1.0, 1.0, 1.0, 0.0], (5, 1)), np.zeros((5, 4))
    excess[:, 3] = [1, 1, 2, 1, 1]
    pairing = round_robin_pairs(asked, excess, np.ones(4), [0, 1, 2, 3], reset_intervals=4)
    # T=1: 0. T=2: 1, 2, 3, 0 -> 1. T=3: 2, 3, 0, 1 -> 2 and 0. T=4: reset -> 0. T=5: 1.
    assert pairing.allocated_kwh[:, :3].tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_only_full_service_of_a_request_loses_the_place_in_the_sequence():
    # T=1: household 0 asks for nothing, household 1 is served, household 2 in part. T=2 begins with 0, then 2, then 1.
    asked, excess = [[0, 1, 2, 0], [1, 1, 1, 0]], [[0, 0, 0, 2], [0, 0, 0, 2.5]]
    pairing = round_robin_pairs(asked, excess, np.ones(4), [0, 1, 2, 3], reset_intervals=9)
    assert pairing.allocated_kwh.tolist() == [[0, 1, 1, 0], [1, 0.5, 1, 0]]


def test_reaching_the_limit_counts_as_served_only_when_asked_for():
    asked, excess = [[2.0, 2.0, 0]] * 2, [[0, 0, 1.0]] * 2
    run = {"reset_intervals": 9, "service_level": 0.5, "second_pass": False}
    frozen = round_robin_pairs(asked, excess, np.ones(3), [0, 1, 2], **run)
    moving = round_robin_pairs(asked, excess, np.ones(3), [0, 1, 2], limit_counts_as_served=True, **run)
    assert frozen.allocated_kwh.tolist() == [[1, 0, 0], [1, 0, 0]]
    assert moving.allocated_kwh.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_reset_at_every_interval_is_greedy():
    rng = np.random.default_rng(3)
    asked, excess, order = rng.random((30, 12)), rng.random((30, 12)), rng.permutation(12)
    greedy = greedy_pairs(asked, excess, np.ones(12), order, service_level=0.6)
    robin = round_robin_pairs(asked, excess, np.ones(12), order, reset_intervals=1, service_level=0.6)
    other = round_robin_pairs(asked, excess, np.ones(12), order, reset_intervals=2, service_level=0.6)
    assert as_pairs(greedy) == as_pairs(robin)
    assert as_pairs(greedy) != as_pairs(other)
    assert np.array_equal(greedy.allocated_kwh[:2], other.allocated_kwh[:2])  # TL = 2: T = 1 and T = 2 start afresh


# Quarters are exact in floating point, so that "fully served" is the same question in both arithmetics.
@MODEST
@given(communities(st.integers(0, 12).map(lambda q: q / 4), 6), st.sampled_from([1.0, 0.5]), st.integers(1, 5))
def test_round_robin_agrees_with_the_strategy_in_plain_python(community, level, reset):
    asked, excess, weight, order = community
    asked = np.where(weight > 0, asked, 0.0)
    pairing = round_robin_pairs(asked, excess, weight, order, reset_intervals=reset, service_level=level)
    assert_sound(pairing, asked, excess)
    assert np.array_equal(pairing.allocated_kwh, round_robin(asked, excess, order, reset, level, True))


@pytest.mark.parametrize("level", [0.0, -0.5, 1.01, float("nan")])
def test_a_service_level_outside_its_range_is_refused(level):
    with pytest.raises(ValueError, match="service_level"):
        greedy_pairs([[1.0]], [[1.0]], [1.0], [0], service_level=level)


@pytest.mark.parametrize("reset", [0, -1, 1.5])
def test_a_reset_that_is_no_positive_integer_is_refused(reset):
    with pytest.raises(ValueError, match="reset_intervals"):
        round_robin_pairs([[1.0]], [[1.0]], [1.0], [0], reset_intervals=reset)


# --- random -------------------------------------------------------------------------------------------------------


@MODEST
@given(communities(), st.integers(0, 2**32))
def test_random_pairs_are_sound_and_maximal(community, seed):
    asked, excess, weight, _ = community
    pairing = random_pairs(asked, excess, weight, seed=seed)
    open_to = np.where(weight > 0, asked, 0.0)
    assert_sound(pairing, open_to, excess)
    assert np.allclose(pairing.allocated_kwh.sum(1), np.minimum(excess.sum(1), open_to.sum(1)), rtol=1e-12)


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not():
    rng = np.random.default_rng(5)
    asked, excess = rng.random((20, 9)), rng.random((20, 9))
    first, again, other = (random_pairs(asked, excess, np.ones(9), seed=seed) for seed in (7, 7, 8))
    assert first.allocated_kwh.tobytes() == again.allocated_kwh.tobytes()
    assert as_pairs(first) == as_pairs(again)
    assert as_pairs(first) != as_pairs(other)


def test_prosumers_come_in_random_order_and_draw_uniformly_and_afresh():
    # Two prosumers with 1 kWh each, three consumers of 2 kWh: in each interval exactly two draws.
    count = 6000
    asked, excess = np.tile([2.0, 2.0, 2.0, 0, 0], (count, 1)), np.tile([0, 0, 0, 1.0, 1.0], (count, 1))
    pairing = random_pairs(asked, excess, np.ones(5), seed=11)
    prosumer, consumer = pairing.pair_prosumer.reshape(count, 2), pairing.pair_consumer.reshape(count, 2)
    cells = np.bincount(18 * (prosumer[:, 0] - 3) // 2 + 3 * consumer[:, 0] + consumer[:, 1], minlength=18)
    # 2 orders x 3 x 3 draws are equally likely; the same consumer twice in a third of the intervals.
    deviation = (cells - count / 18) / np.sqrt(count / 18 * 17 / 18)
    assert np.abs(deviation).max() < 4.5


# --- weighted -----------------------------------------------------------------------------------------------------


def test_weighted_split_by_hand():
    asked, weight, supply = [[1.0, 5.0, 0.0], [9.0, 9.0, 9.0]], [1, 2, 1], [8.0, 4.0]
    printed, unspent = weighted_split(asked, weight, supply, variant="printed")
    assert printed.tolist() == [[2, 4, 2], [1, 2, 1]]
    assert unspent.tolist() == [0, 0]
    corrected, spill = weighted_split(asked, weight, supply)
    assert corrected.tolist() == [[1, 4, 0], [1, 2, 1]]
    assert spill.tolist() == [3, 0]


def test_weighted_split_without_any_weight_spills_everything():
    for variant in ("printed", "corrected"):
        allocated, spill = weighted_split([[1.0, 2.0]], [0, 0], [3.0], variant=variant)
        assert allocated.tolist() == [[0, 0]]
        assert spill.tolist() == [3]


def test_an_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="variant"):
        weighted_split([[1.0]], [1.0], [1.0], variant="capped")


@MODEST
@given(communities())
def test_weighted_split_conserves(community):
    asked, excess, weight, _ = community
    supply = excess.sum(1)
    allocated, spill = weighted_split(asked, weight, supply)
    assert np.allclose(allocated.sum(1) + spill, supply, rtol=1e-12)
    assert (allocated <= asked).all()
    assert (allocated[:, weight == 0] == 0).all()


# --- ascending deficiency -----------------------------------------------------------------------------------------


def test_ascending_deficiency_by_hand():
    # 1 and 2 fit into 5 kWh, the request of 4 gets the other 2; equal requests by index; weight zero gets nothing.
    assert ascending_deficiency([[4.0, 1.0, 2.0, 0.0]], np.ones(4), [5.0]).tolist() == [[2, 1, 2, 0]]
    assert ascending_deficiency([[3.0, 3.0, 1.0]], [1, 1, 0], [4.0]).tolist() == [[3, 1, 0]]
    assert ascending_deficiency([[0.1, 0.2]], [1, 1], [0.3]).tolist() == [[0.1, 0.2]]
    assert ascending_deficiency(np.zeros((2, 0)), [], [1.0, 0.0]).shape == (2, 0)


def test_ascending_deficiency_serves_whom_the_tolerance_of_the_rules_lets_it_serve():
    asked = np.array([[1.0, 3.0, 8.0]])
    for short, fits in ((1e-13, True), (5e-10, True), (1.5e-9, True), (1.999e-9, True), (2.001e-9, False)):
        supply = np.array([4.0 * (1.0 - short)])
        given = ascending_deficiency(asked, np.ones(3), supply)
        assert (given >= asked * (1.0 - 1e-9)).tolist() == [[True, fits, False]]
        assert given.sum() <= supply[0] * (1.0 + 1e-9)
        # No more than the supply is given where this is enough for full service by the rules.
        if short < 1e-9:
            assert given.sum() == pytest.approx(supply[0], rel=1e-15)


@MODEST
@given(st.integers(0, 2**16), st.integers(2, 60))
def test_a_prefix_that_fits_to_the_last_digit_never_exceeds_what_the_rules_let_pass(seed, n):
    asked = np.random.default_rng(seed).lognormal(size=(1, n))
    supply = np.array([np.cumsum(np.sort(asked[0]))[n // 2] * (1.0 - 1e-9) / (1.0 + 1e-9)])
    given = ascending_deficiency(asked, np.ones(n), supply)
    assert given.sum(axis=1) <= supply * (1.0 + 1e-9)
    assert np.count_nonzero(given >= asked * (1.0 - 1e-9)) in (n // 2, n // 2 + 1)


@MODEST
@given(communities(st.integers(0, 12).map(lambda q: q / 4), 3), st.integers(0, 60))
def test_ascending_deficiency_serves_as_many_as_any_subset_could(community, quarters):
    asked, _, weight, _ = community
    supply = np.full(len(asked), quarters / 4)
    allocated = ascending_deficiency(asked, weight, supply)
    assert (allocated >= 0).all()
    assert (allocated <= np.where(weight > 0, asked, 0.0)).all()
    for row, got in zip(asked, allocated, strict=True):
        requests = [e for e, w in zip(row, weight, strict=True) if e > 0 and w > 0]
        best = max(
            size
            for size in range(len(requests) + 1)
            if any(sum(chosen) <= quarters / 4 for chosen in combinations(requests, size))
        )
        assert np.count_nonzero((got == row) & (row > 0)) == best
        assert got.sum() == min(quarters / 4, sum(requests))  # nothing is held back


# --- pairs for any allocation -------------------------------------------------------------------------------------


def test_pair_up_by_hand():
    # Largest meets largest: 5 -> 4, the remaining 1 -> 3, and 2 of household 0's 3 kWh complete it.
    pairing = pair_up([[0, 0, 3.0, 4.0]], [[3.0, 5.0, 0, 0]])
    assert as_pairs(pairing) == [(0, 1, 3, 4.0), (0, 1, 2, 1.0), (0, 0, 2, 2.0)]
    assert pairing.allocated_kwh.tolist() == [[0, 0, 3, 4]]


def test_a_household_with_excess_and_deficiency_may_serve_itself():
    assert as_pairs(pair_up([[1.0, 0.0]], [[2.0, 0.0]])) == [(0, 0, 0, 1.0)]


@MODEST
@given(communities(), st.integers(0, 2**16))
def test_pair_up_delivers_any_feasible_allocation(community, seed):
    asked, excess, _, _ = community
    supply, total = excess.sum(1), asked.sum(1)
    share = np.random.default_rng(seed).random() if seed % 4 else 1.0
    scale = np.divide(share * supply, total, out=np.zeros_like(total), where=total > 0)
    allocated = asked * scale[:, None]
    pairing = pair_up(allocated, excess)
    assert_sound(pairing, allocated, excess)
    # Rounding may leave the last receivers short by units in the last place of the interval's supply, not more.
    assert (np.abs(pairing.allocated_kwh - allocated) <= 1e-13 * supply[:, None]).all()


def test_pair_up_keeps_an_allocation_that_leaves_room_bit_for_bit():
    rng = np.random.default_rng(2)
    excess = rng.exponential(1.0, (50, 40))
    allocated = rng.random((50, 40)) * 0.99 * excess.mean(axis=1, keepdims=True)
    assert np.array_equal(pair_up(allocated, excess).allocated_kwh, allocated)


def test_pair_up_refuses_what_the_excess_cannot_deliver_and_names_the_interval():
    with pytest.raises(ValueError, match=r"interval 1: 2\.5 kWh .* only 2\.0 kWh"):
        pair_up([[1.0, 0], [2.5, 0]], [[0, 2.0], [0, 2.0]])
    # Within the tolerance the smallest receiver goes short, and the pairing says so.
    pairing = pair_up([[1.0, 0.5, 0.0]], [[0, 0, 1.4]], tolerance=0.1)
    assert np.allclose(pairing.allocated_kwh, [[1.0, 0.4, 0.0]], rtol=1e-15)


# --- common to all ------------------------------------------------------------------------------------------------


def test_read_only_arrays_are_taken_and_left_alone():
    rng = np.random.default_rng(9)
    asked, excess, weight, order = rng.random((4, 5)), rng.random((4, 5)), np.ones(5), rng.permutation(5)
    before = [array.copy() for array in (asked, excess, weight, order)]
    for array in (asked, excess, weight, order):
        array.setflags(write=False)
    random_pairs(asked, excess, weight, seed=0)
    greedy_pairs(asked, excess, weight, order, service_level=0.5)
    round_robin_pairs(asked, excess, weight, order, reset_intervals=3)
    pair_up(asked * 0.1, excess)
    ascending_deficiency(asked, weight, excess.sum(1))
    assert all(np.array_equal(a, b) for a, b in zip((asked, excess, weight, order), before, strict=True))


def test_intervals_without_prosumers_or_without_consumers_make_no_pairs():
    asked, excess = np.array([[1.0, 0], [0, 0], [0, 0]]), np.array([[0, 0], [0, 1.0], [0, 0]])
    for pairing in (
        random_pairs(asked, excess, np.ones(2), seed=1),
        greedy_pairs(asked, excess, np.ones(2), [0, 1], service_level=0.5),
        pair_up(np.zeros((3, 2)), excess),
    ):
        assert pairing.pair_kwh.size == 0
        assert not pairing.allocated_kwh.any()
