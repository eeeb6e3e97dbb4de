"""Firm offers: enumeration of what may fail, bounds for any weights, monotony, bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from commonwatt.instances.errors import InstanceError, NotApplicable
from commonwatt.instances.firm_offer import FirmOfferInstance
from commonwatt.instances.sources.firm_offers import firm_offer_of_portfolio, firm_offer_of_vehicles
from commonwatt.instances.sources.home_profiles import typical_chain
from commonwatt.instances.sources.small_firm_offer import two_short_nights
from commonwatt.models.aggregator.firm_offer import (
    FirmOfferDecision,
    FirmOfferPrices,
    chances_to_fail,
    income_bound,
    quantiles,
    violations,
)
from commonwatt.solvers.kernels import firm_capacity
from makers_firm_offer import random_firm_offer

import commonwatt as cw


def best_by_enumeration(instance: FirmOfferInstance) -> float:
    """Greatest income over offers at levels that some scenario has, each block for itself or all together."""
    first = np.flatnonzero(np.diff(instance.block, prepend=-1))
    levels = []
    for b in range(len(first)):
        here = instance.block == b
        some = np.append(instance.available_kw[:, here].ravel(), 0.0)
        levels.append(np.unique(np.minimum(some, instance.limit_kw)))
    worth = [instance.dt_h * instance.price[instance.block == b].sum() for b in range(len(first))]
    best = -np.inf
    for offer in itertools.product(*levels):
        missing = np.array(offer)[instance.block] > instance.available_kw + 1e-9
        if instance.scope == "interval":
            groups = [[t] for t in range(len(instance.interval))]
        elif instance.scope == "block":
            groups = [np.flatnonzero(instance.block == b) for b in range(len(first))]
        else:
            groups = [np.arange(len(instance.interval))]
        if all(instance.chance @ missing[:, g].any(axis=1) <= instance.epsilon + 1e-12 for g in groups):
            best = max(best, float(np.dot(worth, offer)))
    return best


@pytest.mark.parametrize("seed", range(60))
def test_exact_methods_find_what_enumeration_finds(seed):
    instance = random_firm_offer(seed)
    best = best_by_enumeration(instance)
    program = cw.solve(instance, method="joint")
    assert program.report.ok
    assert program.objective == pytest.approx(best, abs=1e-9)
    try:
        kernel = cw.solve(instance, method="quantile")
    except NotApplicable:
        assert instance.scope == "horizon"
    else:
        assert kernel.objective == pytest.approx(best, abs=1e-9)
        assert kernel.gap == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_any_weights_prove_a_bound_and_those_of_the_program_a_good_one(seed):
    instance = random_firm_offer(seed, scope="horizon")
    best = best_by_enumeration(instance)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        weight = rng.choice([0.0, 1.0, rng.lognormal()], instance.available_kw.shape)
        assert income_bound(instance, FirmOfferPrices(instance=instance, scenario_weight=weight)) >= best - 1e-9
    alone = income_bound(instance, None)
    assert alone >= best - 1e-9
    solution = cw.solve(instance, method="joint")
    assert best - 1e-9 <= income_bound(instance, solution.prices) <= alone + 1e-9


def test_weights_prove_more_than_blocks_alone():
    shipped = cw.load("aggregator/fifty-five-vehicles")
    solution = cw.solve(shipped, method="joint")
    assert income_bound(shipped, solution.prices) < income_bound(shipped, None) - 0.1
    assert income_bound(shipped, solution.prices) >= solution.objective


@pytest.mark.parametrize("seed", range(20))
def test_scopes_and_chances_are_in_order(seed):
    income = {
        scope: cw.solve(random_firm_offer(seed, scope=scope, epsilon=0.25), method="joint").objective
        for scope in ("interval", "block", "horizon")
    }
    assert income["horizon"] <= income["block"] + 1e-9
    assert income["block"] <= income["interval"] + 1e-9
    rising = [
        cw.solve(random_firm_offer(seed, epsilon=epsilon), method="joint").objective for epsilon in (0.0, 0.2, 0.5, 0.8)
    ]
    assert np.diff(rising).min() >= -1e-9


@pytest.mark.parametrize("seed", range(20))
def test_more_that_is_there_earns_no_less_and_scales(seed):
    instance = random_firm_offer(seed)
    income = cw.solve(instance, method="joint").objective
    more = instance.replace(available_kw=instance.available_kw + 0.3)
    assert cw.solve(more, method="joint").objective >= income - 1e-9
    tripled = instance.replace(available_kw=3 * instance.available_kw, limit_kw=3 * instance.limit_kw)
    assert cw.solve(tripled, method="joint").objective == pytest.approx(3 * income, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_the_cautious_form_keeps_the_chance_and_earns_no_more(seed):
    instance = random_firm_offer(seed)
    if instance.epsilon == 0:
        with pytest.raises(NotApplicable, match="nothing may fail"):
            cw.solve(instance, method="cautious")
        return
    cautious = cw.solve(instance, method="cautious")
    assert cautious.report.ok
    assert cautious.objective <= best_by_enumeration(instance) + 1e-9


def test_quantiles_by_hand():
    values = np.array([[1.0], [2.0], [3.0], [4.0]])
    chance = np.array([0.25, 0.25, 0.25, 0.25])
    for epsilon, level in ((0.0, 1.0), (0.24, 1.0), (0.25, 2.0), (0.5, 3.0), (0.99, 4.0)):
        assert quantiles(values, chance, epsilon)[0] == level
    # Who never comes holds nothing back.
    assert quantiles(values, np.array([0.0, 0.5, 0.5, 0.0]), 0.0)[0] == 2.0


def test_a_broken_promise_is_named():
    night = two_short_nights()
    decision = FirmOfferDecision(instance=night, offer_kw=[4.0, 4.0])
    broken = violations(night, decision)
    assert len(broken) == 1
    assert "fails with a greater chance than allowed" in str(broken[0])
    assert "horizon from 2030-01-07T22:00Z" in str(broken[0])
    np.testing.assert_allclose(chances_to_fail(night, decision.offer_kw, "block"), [0.25, 0.25])
    by_hour = two_short_nights("block")
    assert cw.check(by_hour, FirmOfferDecision(instance=by_hour, offer_kw=[4.0, 4.0])).ok
    uneven = FirmOfferDecision(instance=night.replace(block_h=2.0), offer_kw=[0.5, 0.0])
    assert "offer changes within its block" in str(violations(uneven.instance, uneven)[0])
    negative = FirmOfferDecision(instance=night, offer_kw=[-1.0, 0.0])
    assert "less than nothing" in str(violations(night, negative)[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_h": 1.5}, r"column block_h.*1\.5: is no whole number of intervals of 1 h"),
        ({"epsilon": 1.0}, r"column epsilon.*1: is no chance to keep a promise"),
        ({"probability": [0.5, 0.1, 0.1, 0.1]}, r"column probability.*0\.8: is the sum, which must be 1"),
        ({"available_kw": [[1.0, np.nan]] * 4}, r"column available_kw, row first, 2030-01-07T23:00Z"),
        ({"scope": "day"}, r"column scope.*day"),
        ({"dt_h": 0.0}, r"column dt_h.*must be positive"),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(InstanceError, match=message):
        two_short_nights().replace(**changes)


def test_vehicles_at_home_are_as_firm_as_their_marginals_say():
    # Many scenarios of independent vehicles approach the exact lattice.
    found = firm_offer_of_vehicles(55, 4000, seed=3, intervals=24, scope="interval", block_h=0.5)
    at_home = typical_chain().marginals(24)[20, 0]
    exact = firm_capacity(np.full(55, 7.2), np.full(55, at_home), 0.05)
    assert quantiles(found.available_kw, found.chance, 0.05)[20] == pytest.approx(exact, abs=7.2 + 1e-9)


def test_a_portfolios_storages_become_a_firm_offer():
    street = cw.load("aggregator/street-12")
    found = firm_offer_of_portfolio(street, epsilon=0.2, scope="horizon")
    assert found.available_kw.shape == (5, 96)
    assert found.available_kw.max() <= street.discharge_kw.sum()
    assert cw.solve(found).report.ok
