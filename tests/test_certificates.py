"""Certificates: followers solved again, leaders held against bounds, constants that are too small caught."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from commonwatt.instances.procurement import ProcurementInstance
from commonwatt.solvers.certificates import CERTIFIABLE
from commonwatt.solvers.solve import check
from makers_tariff import random_tariff

import commonwatt as cw

LIBRARY = cw.library()
GAMES = LIBRARY[LIBRARY["problem"].isin(list(CERTIFIABLE))]["name"]


@pytest.mark.parametrize("name", GAMES)
def test_some_exact_method_is_certified_on_every_shipped_game_that_has_an_equilibrium(name):
    instance = cw.load(name)
    method = "tatonnement" if name == "stackelberg/edgeworth" else None
    found = cw.certify(cw.solve(instance, method=method))
    assert found.followers_content
    assert found.constants_hold
    if name == "stackelberg/edgeworth":
        # There is no equilibrium in prices: whoever answers is told by how much somebody gains.
        assert not found.ok
        assert found.leader_epsilon == pytest.approx(0.25)
    else:
        assert found.ok
    assert found.row()["certified"] == found.ok
    assert ("not certified" in str(found)) != found.ok


@pytest.mark.parametrize("factor", [0.5, 0.2])
def test_constants_that_are_too_small_are_caught(factor):
    solution = cw.solve(cw.load("stackelberg/two-batteries"), method="bilevel")
    right = cw.certify(solution)
    assert right.ok
    assert right.price_use < 1.0 - 1e-6
    assert right.stretched == pytest.approx(right.stated, abs=1e-7)
    wrong = cw.certify(solution, price_factor=factor)
    assert not wrong.constants_hold
    assert not wrong.ok
    assert wrong.price_use == pytest.approx(1.0, abs=1e-6)
    assert wrong.stretched > wrong.stated + 0.02


def test_half_of_a_menus_constants_is_caught():
    instance = cw.load("stackelberg/four-prosumers").replace(retail_price=[0.26], feed_in_price=[0.14])
    solution = cw.solve(instance, method="price_menu", levels=13)
    assert cw.certify(solution).constants_hold
    assert not cw.certify(solution, price_factor=0.5).constants_hold


def test_ties_and_their_worth_are_found_anew():
    solution = cw.solve(cw.load("stackelberg/two-batteries"), method="bilevel")
    found = cw.certify(solution)
    assert found.ties_matter
    assert found.pessimistic == pytest.approx(-0.075, abs=1e-6)
    assert found.complementarity <= 1e-9
    assert not cw.certify(cw.solve(cw.load("stackelberg/two-batteries"), method="strict")).ties_matter


def test_members_that_forgo_something_are_found_whatever_a_decision_says():
    solution = cw.solve(cw.load("stackelberg/two-batteries"), method="bilevel")
    idle = np.zeros_like(solution.decision.charge_kwh)
    lazy = solution.decision.replace(charge_kwh=idle, discharge_kwh=idle)
    found = cw.certify(dataclasses.replace(solution, decision=lazy))
    assert not found.followers_content
    assert found.followers_epsilon > 0.01
    assert not check(solution.instance, lazy).ok


@pytest.mark.parametrize("seed", range(0, 16, 2))
def test_random_tariffs_are_certified(seed):
    found = cw.certify(cw.solve(random_tariff(seed), method="bilevel"))
    assert found.ok
    assert found.pessimistic <= found.leader_value + 1e-9 * max(1.0, found.followers_size)


def test_problems_without_followers_have_no_certificate():
    with pytest.raises(TypeError, match=r"expected a solution .* got OperatorInstance"):
        cw.certify(cw.load("stackelberg/four-prosumers"))
    with pytest.raises(ValueError, match=r"allocation has no certificate; games that have: stackelberg\.operator"):
        cw.certify(cw.solve(cw.load("allocation/three-houses")))


def test_a_bound_that_another_method_proved_counts():
    game = cw.load("stackelberg/two-batteries")
    strict, bilevel = (cw.solve(game, method=method) for method in ("strict", "bilevel"))
    alone, held = cw.certify(strict), cw.certify(strict, others=[bilevel])
    assert held.bound == pytest.approx(0.0398148, abs=1e-6)
    assert held.bound < alone.bound - 1e-3
    assert held.bound_by == "the solver's tree (bilevel)"
    assert held.leader_epsilon == pytest.approx(held.bound - strict.objective, abs=1e-12)
    foreign = cw.solve(cw.load("stackelberg/half-an-hour"), method="bilevel")
    with pytest.raises(ValueError, match="is of stackelberg/half-an-hour, another instance"):
        cw.certify(strict, others=[foreign])


def test_what_is_worth_nothing_is_certified_and_limits_are_named_the_right_way_round():
    free = ProcurementInstance(cost_slope=[0.1], capacity_kwh=[[2.0]], demand_kwh=[0.0], retail_price=[0.3])
    nothing = cw.certify(cw.solve(free, method="payment_program"))
    assert nothing.ok
    assert nothing.bound >= 0.0
    assert "leader has 1.918, at least 1.918" in str(cw.certify(cw.solve(cw.load("stackelberg/full-roof"))))
    assert "at most 0.225" in str(cw.certify(cw.solve(cw.load("stackelberg/four-prosumers"))))


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("price_menu(levels=2.5)", "'levels' of method 'price_menu' must be a whole number, not 2.5"),
        ("price_menu(levels=True)", "must be a whole number"),
        ("price_menu(levels='six')", "must be a whole number"),
    ],
)
def test_options_of_another_kind_are_named(spelling, message):
    with pytest.raises(ValueError, match=message):
        cw.solve(cw.load("stackelberg/four-prosumers"), method=spelling)
