"""A buyer that leads: worked numbers, two optima and what tells them apart, brute force, invariants, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.instances.errors import InstanceError
from commonwatt.instances.procurement import ProcurementInstance
from commonwatt.models.stackelberg.procurement import (
    ProcurementDecision,
    ProcurementPrices,
    best_answer,
    payment,
    payment_bound,
    regret,
    social_bound,
    social_cost,
    violations,
)
from commonwatt.solvers.procurement_runs import offered
from makers_procurement import random_procurement
from scipy.optimize import minimize

import commonwatt as cw


def test_one_price_is_best_where_no_capacity_binds_and_the_grid_is_dear():
    """Without limits: p = D / Σ(1/α), for the buyer and for all together (Tushar et al.)."""
    rng = np.random.default_rng(1)
    slope = rng.uniform(0.02, 0.2, 5)
    game = ProcurementInstance(cost_slope=slope, capacity_kwh=[[1e3] * 5], demand_kwh=[7.0], retail_price=[9.0])
    price = 7.0 / (1.0 / slope).sum()
    for method in ("least_payment", "clearing_price", "one_price"):
        decision = cw.solve(game, method=method).decision
        np.testing.assert_allclose(decision.price[0], price, rtol=1e-9)
        np.testing.assert_allclose(decision.sold_kwh[0], price / slope, rtol=1e-9)


def test_buyer_with_a_cheap_grid_stops_at_half_its_price():
    game = ProcurementInstance(cost_slope=[0.1], capacity_kwh=[[50.0]], demand_kwh=[10.0], retail_price=[0.4])
    assert cw.solve(game, method="least_payment").decision.price[0, 0] == pytest.approx(0.2)
    assert cw.solve(game, method="clearing_price").decision.price[0, 0] == pytest.approx(0.4)


@pytest.mark.parametrize("seed", range(20))
def test_kernels_are_the_programs(seed):
    game = random_procurement(seed)
    for criterion, kernel, program in (
        ("payment", "least_payment", "payment_program"),
        ("social_cost", "clearing_price", "social_program"),
    ):
        first, second = (cw.solve(game, method=one, criterion=criterion) for one in (kernel, program))
        scale = float(game.money_size.sum()) or 1.0
        assert first.objective == pytest.approx(second.objective, abs=1e-7 * scale)
        assert abs(first.gap) <= 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_no_prices_pay_less_than_the_least(seed):
    """Any prices at all, sellers answering: brute force over random ones and a local search from the best of them."""
    game = random_procurement(seed)
    rng = np.random.default_rng(seed)
    least = cw.solve(game, method="least_payment").objective
    top = game.cost_slope * game.capacity_kwh
    tried = [rng.uniform(0.0, 1.0, top.shape) ** rng.uniform(0.3, 3.0) * top for _ in range(200)]
    paid = [payment(game, offered(game, one).decision) for one in tried]
    slack = 1e-9 * (float(game.money_size.sum()) or 1.0)
    assert min(paid) >= least - slack
    start = tried[int(np.argmin(paid))]
    local = minimize(
        lambda flat: payment(game, offered(game, np.abs(flat).reshape(top.shape)).decision),
        start.ravel(),
        method="Nelder-Mead",
        options={"maxfev": 400},
    )
    assert local.fun >= least - slack


@pytest.mark.parametrize("seed", range(12))
def test_any_levels_prove_bounds(seed):
    game = random_procurement(seed)
    rng = np.random.default_rng(seed)
    pays = cw.solve(game, method="least_payment").objective
    costs = cw.solve(game, method="clearing_price", criterion="social_cost").objective
    for _ in range(10):
        level = rng.normal(0.1, 0.3, len(game.interval))
        proof = ProcurementPrices(instance=game, payment_level=level, social_level=level)
        assert payment_bound(game, proof) <= pays + 1e-9
        assert social_bound(game, proof) <= costs + 1e-9


@pytest.mark.parametrize("seed", range(10))
def test_best_single_price_is_no_worse_than_a_grid_of_them(seed):
    game = random_procurement(seed)
    for t in range(len(game.interval)):
        part = game.replace(
            interval=None,
            capacity_kwh=game.capacity_kwh[[t]],
            demand_kwh=game.demand_kwh[[t]],
            retail_price=game.retail_price[[t]],
        )
        best = cw.solve(part, method="one_price").objective
        top = float((part.cost_slope * part.capacity_kwh).max())
        grid = [
            payment(part, offered(part, np.full((1, len(part.seller)), p)).decision) for p in np.linspace(0, top, 400)
        ]
        assert best <= min(grid) + 1e-9
        assert best >= cw.solve(part, method="least_payment").objective - 1e-9


def test_supply_demand_scaling_and_order_of_sellers():
    game = random_procurement(6)
    base = cw.solve(game, method="least_payment").objective
    more = game.replace(capacity_kwh=game.capacity_kwh * 1.5)
    assert cw.solve(more, method="least_payment").objective <= base + 1e-12
    dear = game.replace(cost_slope=2.0 * game.cost_slope, retail_price=2.0 * game.retail_price)
    assert cw.solve(dear, method="least_payment").objective == pytest.approx(2.0 * base)
    turned = game.replace(cost_slope=game.cost_slope[::-1], capacity_kwh=game.capacity_kwh[:, ::-1])
    assert cw.solve(turned, method="least_payment").objective == pytest.approx(base)


def test_every_rule_is_named_with_both_numbers():
    game = cw.load("stackelberg/two-roofs")
    good = cw.solve(game).decision
    assert violations(game, good) == []

    def broken(**changes):
        return [str(one) for one in violations(game, good.replace(**changes))]

    assert any("north roof: could do better at its price" in one for one in broken(sold_kwh=[[1.0, 5.0]]))
    assert any("buyer does not get what it needs (3" in one for one in broken(sold_kwh=[[1.0, 2.0]]))
    assert any("sells more than it has (11" in one for one in broken(sold_kwh=[[11.0, 4.0]]))
    assert any("sells less than nothing" in one for one in broken(sold_kwh=[[-1.0, 7.0]]))
    assert any("buyer sells to the grid" in one for one in broken(grid_kwh=[-1.0]))
    # What is bought beyond the need is paid for, not forbidden.
    dear = ProcurementDecision(
        instance=game, price=[[0.4, 0.4]], sold_kwh=best_answer(game, np.array([[0.4, 0.4]])), grid_kwh=[0.0]
    )
    assert violations(game, dear) == []
    assert payment(game, dear) == pytest.approx(0.4 * 12.0)
    assert social_cost(game, dear) == pytest.approx(0.05 * 16 + 0.025 * 64)
    np.testing.assert_allclose(regret(game, dear.price, dear.sold_kwh), 0.0, atol=1e-15)


def test_bad_slopes_are_named():
    with pytest.raises(InstanceError, match=r"cost_slope.*must be positive.*not unique"):
        ProcurementInstance(cost_slope=[0.0], capacity_kwh=[[1.0]], demand_kwh=[1.0], retail_price=[0.3])
