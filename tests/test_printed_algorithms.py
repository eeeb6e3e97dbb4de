"""Algorithms 1 and 2 as printed: each erratum breaks its minimal instance alone; repairing all leaves the closed form.

The exact answers come from rational arithmetic over the breakpoints of the closed forms and share nothing with the
code.
"""

from fractions import Fraction

import numpy as np
import pytest
from commonwatt.solvers.heuristics.printed_allocation import (
    ALL_ERRATA,
    ERRATA,
    PrintedRun,
    failure_share,
    failures,
    game_theoretic_printed,
    water_filling_printed,
)
from hypothesis import given, settings
from hypothesis import strategies as st

PRINTED = {"game_theoretic": game_theoretic_printed, "water_filling": water_filling_printed}
MODEST = settings(derandomize=True, max_examples=120, deadline=None)


def exact_row(rule, deficiency, weight, supply):
    """x = w clip(level - base, 0, E/w) with sum x = min(S, sum E): base 0 (game-theoretic) or E/w (water-filling)."""
    height = {k: Fraction(e) / Fraction(w) for k, (e, w) in enumerate(zip(deficiency, weight, strict=True)) if w > 0}
    base = {k: h if rule == "water_filling" else Fraction(0) for k, h in height.items()}

    def filled(level):
        return {k: Fraction(weight[k]) * min(max(level - base[k], 0), height[k]) for k in height}

    total = min(Fraction(supply), sum(Fraction(deficiency[k]) for k in height))
    low = Fraction(0)
    for high in sorted({base[k] + height[k] for k in height} | set(base.values())):
        above, below = sum(filled(high).values()), sum(filled(low).values())
        if above >= total:
            # Linear between neighbouring breakpoints.
            level = low + (high - low) * (total - below) / (above - below) if above > below else high
            break
        low = high
    else:
        level = low
    return [float(filled(level).get(k, 0)) for k in range(len(weight))]


def exact(rule):
    def solve(deficiency, weight, supply):
        weights = np.broadcast_to(weight, np.shape(deficiency))
        return np.array([exact_row(rule, e, w, s) for e, w, s in zip(deficiency, weights, supply, strict=True)])

    return solve


def run_row(row, repaired) -> PrintedRun:
    return PRINTED[row.algorithm]([row.deficiency_kwh], row.weight, [row.supply_kwh], repaired=frozenset(repaired))


NAN = float("nan")
# What the algorithm leaves on each minimal instance when everything but that slip is repaired, traced by hand:
# allocation, surplus, Ea at the end, who it takes to be covered, whether it ended.
BROKEN = {
    "gt_12_negative_heights": ([3, 5, 5], 1, [3, 5, 6], [True, True, False], True),
    "gt_11_ties": ([1, 2, 2], 0, [1, 1, 3], [True, False, False], True),
    "gt_4_zero_deficiency": ([1, 1], 0, [0, 2], [False, False], True),
    "gt_4_zero_by_zero": ([0, 0], 1, [0, 1], [False, False], True),
    "gt_4_zero_weight": ([NAN, NAN], NAN, [1, 1], [False, True], True),
    "gt_15_excess": ([1], 1, [2], [False], True),
    "gt_8_energy_given": ([1], 0, [0], [True], True),
    "gt_18_surplus": ([1], 0, [1], [True], True),
    "wf_4_sorting": ([2, 0], 0, [4, 2], [True, False], True),
    "wf_8_weights": ([2, 6], 2, [4, 6], [True, True], True),
    "wf_13_full_heights": ([1], 0, [2], [True], True),
    "wf_14_equality": ([0.1, 0], 1.9, [1.1, 0.4], [False, False], False),
}


def test_every_erratum_has_its_instance_and_its_trace():
    assert set(BROKEN) == ALL_ERRATA
    assert len(ALL_ERRATA) == len(ERRATA)


@pytest.mark.parametrize("row", ERRATA, ids=lambda row: row.identifier)
def test_an_erratum_alone_breaks_its_minimal_instance_and_its_correction_does_not(row):
    answer = np.array([exact_row(row.algorithm, row.deficiency_kwh, row.weight, row.supply_kwh)])
    surplus = row.supply_kwh - answer.sum()
    served = (answer[0] > 0) & np.isclose(answer[0], row.deficiency_kwh)

    broken = run_row(row, ALL_ERRATA - {row.identifier})
    allocated, left, sought, covered, finished = BROKEN[row.identifier]
    assert np.allclose(broken.allocated_kwh, [allocated], rtol=1e-12, equal_nan=True)
    if not np.isnan(left):  # where the allocation is undefined the books are, too
        assert broken.surplus_kwh == pytest.approx([left])
    assert np.allclose(broken.sought_kwh, [sought])
    assert broken.covered.tolist() == [covered]
    assert broken.finished.tolist() == [finished]

    mended = run_row(row, ALL_ERRATA)
    assert np.allclose(mended.allocated_kwh, answer, rtol=1e-12)
    assert mended.surplus_kwh == pytest.approx([surplus])
    assert mended.sought_kwh.tolist() == [list(row.deficiency_kwh)]
    assert mended.covered.tolist() == [served.tolist()]
    assert mended.finished.all()

    wrong = [
        not np.allclose(broken.allocated_kwh, answer),
        not np.allclose(broken.surplus_kwh, surplus),
        not np.allclose(broken.sought_kwh, mended.sought_kwh),
        not np.array_equal(broken.covered, mended.covered),
        not broken.finished.all(),
    ]
    assert any(wrong)


def test_fully_literal_algorithm_2_gives_more_than_there_is():
    # Algorithm 1 does not lower the excess when it runs out, and Algorithm 2 goes on: 1 kWh is given twice.
    run = water_filling_printed([[2.0, 4.0]], [1.0, 1.0], [1.0])
    assert run.allocated_kwh.tolist() == [[1, 1]]


def test_fully_literal_algorithm_1_may_never_end():
    # Heights 1, 2, 4 lead to -1, 0, 2 and to 0, 1, 3 in turn.
    run = game_theoretic_printed([[1.0, 2.0, 4.0]], np.ones(3), [10.0])
    assert not run.finished.any()
    assert failures(run, np.array([[1.0, 2.0, 4.0]]), [10.0]).all()


def test_an_undefined_allocation_is_refused_by_name_and_a_defined_one_handed_out():
    run = game_theoretic_printed([[2.0, 2.0], [1.0, 1.0]], [[1.0, 1.0], [0.0, 1.0]], [4.0, 1.0])
    with pytest.raises(ArithmeticError, match="interval 1: what consumer 0 receives is nan"):
        run.allocation()
    mended = game_theoretic_printed([[1.0, 1.0]], [0.0, 1.0], [1.0], repaired=ALL_ERRATA)
    assert mended.allocation().tolist() == [[0, 1]]


@pytest.mark.parametrize("printed", PRINTED.values())
def test_an_unknown_erratum_is_refused(printed):
    with pytest.raises(ValueError, match="gt_99"):
        printed([[1.0]], [1.0], [1.0], repaired=frozenset({"gt_99"}))


@st.composite
def one_interval(draw):
    n = draw(st.integers(1, 8))
    energy = st.one_of(st.just(0.0), st.integers(1, 6).map(float), st.floats(0.01, 10.0))
    weight = st.one_of(st.sampled_from([0.0, 1.0, 2.0, 3.0]), st.floats(0.1, 10.0))
    deficiency = draw(st.lists(energy, min_size=n, max_size=n))
    weights = draw(st.lists(weight, min_size=n, max_size=n))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0, 1.5]))
    return np.array([deficiency]), np.array(weights), np.array([share * sum(deficiency)])


@pytest.mark.parametrize("rule", PRINTED)
@MODEST
@given(case=one_interval())
def test_with_all_errata_repaired_the_printed_algorithm_is_the_closed_form(rule, case):
    deficiency, weight, supply = case
    answer = exact(rule)(deficiency, weight, supply)
    run = PRINTED[rule](deficiency, weight, supply, repaired=ALL_ERRATA)
    assert run.finished.all()
    assert np.allclose(run.allocated_kwh, answer, rtol=1e-9, atol=1e-9 * max(supply[0], 1e-300))
    assert run.surplus_kwh == pytest.approx(supply - answer.sum(1), rel=1e-9, abs=1e-9 * deficiency.sum())
    assert np.array_equal(run.sought_kwh, deficiency)


@pytest.mark.parametrize("rule", PRINTED)
def test_with_all_errata_repaired_large_intervals_agree_too(rule):
    rng = np.random.default_rng(4)
    deficiency = rng.exponential(1.0, (6, 60)) * (rng.random((6, 60)) < 0.8)
    weight = rng.integers(0, 5, (6, 60)).astype(float)
    supply = rng.random(6) * (deficiency * (weight > 0)).sum(1)
    run = PRINTED[rule](deficiency, weight, supply, repaired=ALL_ERRATA)
    assert np.allclose(run.allocation(), exact(rule)(deficiency, weight, supply), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", PRINTED)
def test_intervals_do_not_touch_each_other_nor_the_arguments(rule):
    rng = np.random.default_rng(6)
    deficiency, weight, supply = rng.random((5, 6)), rng.uniform(0.5, 2.0, 6), rng.random(5) * 3
    copies = deficiency.copy(), weight.copy(), supply.copy()
    together = PRINTED[rule](deficiency, weight, supply)
    for t in range(5):
        alone = PRINTED[rule](deficiency[t : t + 1], weight, supply[t : t + 1])
        assert np.array_equal(alone.allocated_kwh[0], together.allocated_kwh[t])
    assert all(np.array_equal(a, b) for a, b in zip((deficiency, weight, supply), copies, strict=True))


def test_share_of_failures():
    # On plain random instances (no ties, nobody idle) of 5 to 10 consumers the literal Algorithm 1 fails on 30-70 %.
    drawn = {"count": 300, "seed": 1}
    solve = exact("game_theoretic")
    for consumers in (5, 10):
        share = failure_share(game_theoretic_printed, solve, consumers=consumers, **drawn)
        assert 0.3 <= share <= 0.7
        idle = failure_share(game_theoretic_printed, solve, consumers=consumers, subgroups=3, idle_share=0.3, **drawn)
        assert idle > share
    assert failure_share(water_filling_printed, exact("water_filling"), consumers=5, **drawn) > 0.9


@pytest.mark.parametrize("rule", PRINTED)
def test_the_repaired_algorithms_never_fail(rule):
    drawn = {"count": 200, "consumers": 6, "seed": 2, "subgroups": 3, "idle_share": 0.3}
    assert failure_share(PRINTED[rule], exact(rule), repaired=ALL_ERRATA, **drawn) == 0.0


def test_undefined_and_unfinished_runs_count_as_failures():
    answer, yes = np.array([[1.0], [1.0], [1.0], [1.0]]), np.ones((4, 1), dtype=bool)
    run = PrintedRun(
        np.array([[1.0], [NAN], [1.0], [1.1]]), np.zeros(4), answer, yes, np.array([True, True, False, True])
    )
    assert failures(run, answer, np.ones(4)).tolist() == [False, True, True, True]
    assert failures(run, answer, np.ones(4), tolerance=0.2).tolist() == [False, True, True, False]
