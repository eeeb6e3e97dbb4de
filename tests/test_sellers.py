"""Sellers who lead: worked numbers, buyers' choice three ways, best replies against grids, closed forms, odd cases.

Strategy: the kernel fills vessels or sorts corners, the program is a potential with a dual, the rules know only regret,
and replicator dynamics know none of these; they have to agree on random markets. Best replies, which all else rests on,
are set against a fine grid of prices at which buyers answer by the kernel.
"""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.instances.errors import InstanceError, NotApplicable
from commonwatt.instances.sellers import SellersInstance
from commonwatt.models.stackelberg.competition import best_reply, buyers_regret, deviation_gain
from commonwatt.models.stackelberg.sellers import (
    SellersDecision,
    SellersPrices,
    efficient_level,
    epsilon,
    social_bound,
    social_cost,
    violations,
)
from commonwatt.solvers.kernels.seller_prices import (
    _choice_with_jumps,
    buyers_choice,
    edgeworth_distribution,
    price_equilibrium,
)
from commonwatt.solvers.sellers_runs import choice_by_program, chosen, play
from hypothesis import given, settings
from hypothesis import strategies as st
from makers_sellers import random_sellers

import commonwatt as cw

SEEDS = st.integers(0, 10_000)


def market(**fields) -> SellersInstance:
    given = {
        "capacity_kwh": [[8.0, 8.0, 8.0]],
        "congestion": [0.02, 0.01, 0.03],
        "demand_kwh": [6.0],
        "retail_price": [0.30],
        "feed_in_price": [0.05],
    }
    return SellersInstance(**{**given, **fields})


def random_price(instance: SellersInstance, seed: int) -> np.ndarray:
    """Prices between the grid's, with ties and ends among them."""
    rng = np.random.default_rng(seed)
    share = rng.choice([0.0, 0.3, 0.3, 1.0, rng.random(), rng.random()], instance.unit_cost.shape)
    # As a seller would write them down, so that ties are ties.
    price = instance.feed_in_price[:, None] + share * instance.bracket[:, None]
    return np.clip(price, instance.feed_in_price[:, None], instance.retail_price[:, None])


def cross_section(instance: SellersInstance, price: np.ndarray, seller: int, grid: np.ndarray) -> np.ndarray:
    """What a seller earns at each price of a grid, (G,), in the one interval there is."""
    tried = np.repeat(price, len(grid), axis=0)
    tried[:, seller] = grid
    many = [np.repeat(values, len(grid), axis=0) for values in (instance.capacity_kwh, instance.demand_kwh)]
    retail = np.repeat(instance.retail_price, len(grid))
    sold, _, _ = buyers_choice(tried, instance.congestion, *many, retail)
    return (grid - instance.unit_cost[0, seller]) * sold[:, seller]


def single(seed: int) -> SellersInstance:
    """One interval of a random market."""
    made = random_sellers(seed)
    fields = ("capacity_kwh", "demand_kwh", "retail_price", "feed_in_price")
    cost = {} if made.cost_price is None else {"cost_price": made.cost_price[:1]}
    return SellersInstance(
        congestion=made.congestion, dt_h=made.dt_h, **cost, **{name: getattr(made, name)[:1] for name in fields}
    )


# Facts of the specification.


def test_choice_of_the_specification():
    instance, price = market(demand_kwh=[8.0]), np.array([[0.12, 0.15, 0.20]])
    for sold, grid, level in (chosen(instance, price), choice_by_program(instance, price)):
        np.testing.assert_allclose(sold, [[11 / 3, 13 / 3, 0.0]], atol=1e-7)
        assert level[0] == pytest.approx(0.193333, abs=5e-7)
        assert grid[0] == pytest.approx(0.0, abs=1e-9)


def test_equilibrium_of_the_specification():
    solution = cw.solve(cw.load("stackelberg/three-sellers"))
    decision = solution.decision
    assert solution.method == "price_equilibrium"
    np.testing.assert_allclose(decision.price, [[0.101613, 0.111290, 0.099032]], atol=5e-7)
    assert decision.level[0] == pytest.approx(0.139150, abs=5e-7)
    np.testing.assert_allclose((decision.price - 0.05) * decision.sold_kwh, [[0.0969, 0.1708, 0.0656]], atol=5e-5)
    assert solution.objective < 1e-15


def test_best_replies_in_turn_reach_the_equilibrium():
    solution = cw.solve(cw.load("stackelberg/three-sellers"), method="best_response")
    np.testing.assert_allclose(solution.decision.price, [[0.101613, 0.111290, 0.099032]], atol=1e-6)
    log = solution.logs["rounds"]["epsilon"]
    assert log.iloc[-1] == pytest.approx(solution.objective, abs=1e-15)
    assert log.iloc[0] > 0.05
    assert "settled in" in solution.notes[0]


def test_two_equal_sellers_add_the_congestion_of_all_demand():
    decision = cw.solve(cw.load("stackelberg/two-equal-sellers")).decision
    np.testing.assert_allclose(decision.price, 0.05 + 0.02 * 5.0, rtol=1e-14)
    np.testing.assert_allclose(decision.sold_kwh, 2.5, rtol=1e-14)


def test_tatonnement_clears_the_market_and_is_no_equilibrium():
    edgeworth = cw.load("stackelberg/edgeworth")
    solution = cw.solve(edgeworth, method="tatonnement")
    np.testing.assert_allclose(solution.decision.price, 0.05)
    assert solution.objective == pytest.approx((0.30 - 0.05) * (4.0 - 3.0), rel=1e-12)
    with pytest.raises(NotApplicable, match=r"2030-06-03T12:00Z: sellers without congestion undercut each other"):
        cw.solve(edgeworth, method="price_equilibrium")


def test_best_replies_without_congestion_go_round():
    log = cw.solve(cw.load("stackelberg/edgeworth"), method="best_response").logs["rounds"]
    # Prices are undercut down to where serving the rest at the retail price pays better, and begin anew.
    late = log["mean_price"].iloc[20:]
    assert late.max() > 0.25
    assert late.min() < 0.22
    assert log["epsilon"].min() > 0.1


def test_nobody_prefers_a_price_among_mixed_ones():
    low, high, cost = 0.05 + 0.25 / 3.0, 0.30, 0.05
    price = np.linspace(low, high, 101)
    below = edgeworth_distribution(price, 3.0, 4.0, cost, high)
    earned = (price - cost) * (below * (4.0 - 3.0) + (1.0 - below) * 3.0)
    np.testing.assert_allclose(earned, 0.25, rtol=1e-13)
    assert below[0] == pytest.approx(0.0, abs=1e-14)
    assert below[-1] == 1.0
    np.testing.assert_allclose(edgeworth_distribution([0.05, 0.1, 0.31], 3.0, 4.0, cost, high), [0.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="between one capacity of 3 and two"):
        edgeworth_distribution([0.1], 3.0, 7.0, cost, high)
    with pytest.raises(ValueError, match="must be below the retail price"):
        edgeworth_distribution([0.1], 3.0, 4.0, high, high)


# Buyers.


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_kernel_and_program_choose_alike_and_rules_agree(seed):
    instance = random_sellers(seed)
    price = random_price(instance, seed)
    sold, grid, level = chosen(instance, price)
    size = instance.demand_kwh.max() or 1.0
    np.testing.assert_allclose(sold.sum(axis=1) + grid, instance.demand_kwh, atol=1e-12 * size)
    assert buyers_regret(instance, price, sold, grid).max() < 1e-12 * size
    other, rest, dual = choice_by_program(instance, price)
    # Where all have congestion there is one choice; else what it costs is the same.
    at_level = (level * instance.demand_kwh).sum()
    paid = ((price + instance.congestion * other) * other).sum() + instance.retail_price @ rest
    mine = ((price + instance.congestion * sold) * sold).sum() + instance.retail_price @ grid
    assert paid == pytest.approx(mine, abs=1e-6 * size)
    assert mine <= at_level + 1e-9 * size
    if (instance.congestion > 0).all():
        np.testing.assert_allclose(other, sold, atol=2e-4 * size)
    _assert_duals(instance, price, sold, level, dual)


def _assert_duals(instance, price, sold, level, dual):
    """The dual is the level wherever a seller stands between nothing and all it has, where there is only one."""
    inside = (sold > 1e-3) & (sold < instance.capacity_kwh - 1e-3)
    for t in np.flatnonzero(inside.any(axis=1)):
        assert dual[t] == pytest.approx(level[t], abs=1e-5)
        reached = (price + instance.congestion * sold)[t][inside[t]]
        np.testing.assert_allclose(reached, level[t], atol=1e-9)


@given(SEEDS)
def test_sorted_corners_and_vessels_agree(seed):
    made = random_sellers(seed)
    instance = made.replace(congestion=np.where(made.congestion > 0, made.congestion, 0.05))
    price = random_price(instance, seed)
    data = (price, instance.congestion, instance.capacity_kwh, instance.demand_kwh, instance.retail_price)
    for one, other in zip(buyers_choice(*data)[:2], _choice_with_jumps(*data)[:2], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_replicators_come_to_the_same_choice(seed):
    rng = np.random.default_rng(seed)
    instance = market(demand_kwh=[rng.uniform(2.0, 12.0)], congestion=rng.uniform(0.01, 0.05, 3))
    price = rng.uniform(0.08, 0.25, (1, 3))
    cost, slope = np.append(price[0], 0.30), np.append(instance.congestion, 0.0)
    share, demand = np.full(4, 0.25), instance.demand_kwh[0]
    for _ in range(100_000):
        payoff = -(cost + slope * share * demand)
        share = share * (1.0 + 0.5 * (payoff - share @ payoff))
        share /= share.sum()
    sold, grid, _ = chosen(instance, price)
    np.testing.assert_allclose(demand * share, np.append(sold[0], grid), atol=2e-3)


def test_choice_between_equals_without_congestion():
    instance = market(congestion=[0.0, 0.0, 0.0], capacity_kwh=[[3.0, 1.0, 8.0]])
    sold, grid, level = chosen(instance, np.array([[0.1, 0.1, 0.2]]))
    np.testing.assert_allclose(sold, [[3.0, 1.0, 2.0]])
    assert level[0] == 0.2
    sold, grid, level = chosen(instance.replace(demand_kwh=[2.0]), np.array([[0.1, 0.1, 0.2]]))
    np.testing.assert_allclose(sold, [[1.5, 0.5, 0.0]])
    assert level[0] == 0.1
    # Sellers at the retail price come before the grid.
    sold, grid, level = chosen(instance.replace(demand_kwh=[20.0]), np.full((1, 3), 0.3))
    np.testing.assert_allclose(sold, instance.capacity_kwh)
    assert (grid[0], level[0]) == (8.0, 0.3)


# Best replies.


@settings(max_examples=120, deadline=None)
@given(SEEDS)
def test_best_reply_against_a_fine_grid_of_prices(seed):
    instance = single(seed)
    price = random_price(instance, seed + 1)
    low, high = instance.feed_in_price[0], instance.retail_price[0]
    grid = np.linspace(low, high, 4001)
    demand = instance.demand_kwh[0]
    for j in range(len(instance.seller)):
        profit, reply = best_reply(instance, price, j)
        earned = cross_section(instance, price, j, grid)
        assert profit[0] >= earned.max() - 1e-12
        # A step of price loses at most a step on all that is sold, and what is sold falls by at most step over c.
        step = (high - low) / 4000
        loss = step * min(demand, instance.capacity_kwh[0, j])
        assert profit[0] <= earned.max() + loss + 1e-12
        assert low <= reply[0] <= high
        # Just below the reply a seller earns what it says.
        near = max(low, reply[0] - 1e-9 * (high - low))
        found = max(cross_section(instance, price, j, np.array([near, reply[0]])))
        slope = instance.congestion[instance.congestion > 0].min(initial=1.0)
        assert found == pytest.approx(profit[0], abs=1e-8 * (1.0 + (high - low) / slope))


@given(SEEDS)
def test_epsilon_is_never_beaten_by_a_price_tried(seed):
    instance, rng = single(seed), np.random.default_rng(seed)
    price = random_price(instance, seed)
    decision = play(instance, price).decision
    for j in range(len(instance.seller)):
        tried = instance.feed_in_price[0] + rng.random(20) * instance.bracket[0]
        now = (price - instance.unit_cost)[0, j] * decision.sold_kwh[0, j]
        assert epsilon(instance, decision) >= cross_section(instance, price, j, tried).max() - now - 1e-12


def test_epsilon_adds_up_what_one_seller_gains_in_all_intervals():
    twice = market(
        capacity_kwh=np.full((2, 3), 8.0), demand_kwh=[6.0] * 2, retail_price=[0.3] * 2, feed_in_price=[0.05] * 2
    )
    one, both = (play(i, i.unit_cost).decision for i in (market(), twice))
    assert epsilon(twice, both) == pytest.approx(2.0 * epsilon(market(), one), rel=1e-12)
    assert deviation_gain(twice, both.price, both.sold_kwh).shape == (2, 3)


# Equilibria in closed form.


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_every_regime_but_the_interior_one_is_an_equilibrium_unchecked(seed):
    instance = random_sellers(seed)
    price, regime = price_equilibrium(
        instance.unit_cost, instance.congestion, instance.capacity_kwh, instance.demand_kwh, instance.retail_price
    )
    sold, _, _ = chosen(instance, np.where(np.isnan(price), instance.unit_cost, price))
    gain = deviation_gain(instance, np.where(np.isnan(price), instance.unit_cost, price), sold).max(axis=1)
    size = instance.bracket * instance.demand_kwh
    assert (gain <= 1e-12 + 1e-9 * size)[(regime != "") & (regime != "interior")].all()
    assert (np.isnan(price).any(axis=1) == (regime == "")).all()


def test_all_regimes_occur_in_the_random_markets():
    found = set()
    for seed in range(150):
        i = random_sellers(seed)
        found |= set(
            price_equilibrium(i.unit_cost, i.congestion, i.capacity_kwh, i.demand_kwh, i.retail_price)[1].tolist()
        )
    assert found == {"", "idle", "scarce", "monopoly", "bertrand", "interior"}


def test_a_monopolist_asks_what_keeps_buyers_from_the_grid():
    alone = market(capacity_kwh=[[8.0]], congestion=[0.01], demand_kwh=[4.0])
    decision = cw.solve(alone).decision
    assert decision.price[0, 0] == pytest.approx(0.30 - 0.01 * 4.0)
    # With congestion of 0.05 it would rather sell 2.5 kWh, half way to the retail price.
    decision = cw.solve(alone.replace(congestion=[0.05])).decision
    assert decision.price[0, 0] == pytest.approx(0.175)
    assert decision.sold_kwh[0, 0] == pytest.approx(2.5)


def test_plenty_without_congestion_is_sold_at_cost():
    plenty = market(congestion=[0.0] * 3)
    solution = cw.solve(plenty)
    np.testing.assert_allclose(solution.decision.price, 0.05)
    assert solution.objective == 0.0
    # One with more than the others have together is needed: it would ask more.
    with pytest.raises(NotApplicable, match="Bertrand and Edgeworth"):
        cw.solve(plenty.replace(capacity_kwh=[[8.0, 2.0, 2.0]]), method="price_equilibrium")


def test_a_dear_seller_and_an_empty_one_stay_out():
    instance = market(cost_price=[[0.05, 0.06, 0.25]], demand_kwh=[3.0])
    decision = cw.solve(instance).decision
    assert decision.sold_kwh[0, 2] == 0.0
    assert epsilon(instance, decision) < 1e-15
    two = market(capacity_kwh=[[8.0, 8.0, 0.0]])
    pair = market(capacity_kwh=[[8.0, 8.0]], congestion=[0.02, 0.01])
    one, other = (cw.solve(i).decision for i in (two, pair))
    np.testing.assert_allclose(one.price[:, :2], other.price, rtol=1e-14)


def test_binding_capacity_has_no_closed_form_and_says_so():
    """Best replies in turn end where the grid is just not needed; below that, a full seller sets prices going round."""
    bound = market(capacity_kwh=[[0.3, 8.0, 8.0]], demand_kwh=[12.0])
    for instance in (bound, bound.replace(demand_kwh=[6.0])):
        with pytest.raises(NotApplicable, match=r"a capacity or the retail price binds"):
            cw.solve(instance, method="price_equilibrium")
    found = cw.solve(bound, method="best_response")
    assert found.objective < 1e-12
    assert found.decision.sold_kwh[0, 0] == pytest.approx(0.3)
    assert found.decision.level[0] == pytest.approx(0.30)
    assert found.decision.grid_kwh[0] == pytest.approx(0.0, abs=1e-9)
    cycling = cw.solve(bound.replace(demand_kwh=[6.0]), method="best_response")
    assert "did not settle in 100 rounds" in cycling.notes[0]
    assert cycling.objective > 1e-3


def test_a_seller_that_gains_by_filling_others_up_is_found():
    """The first-order conditions hold, but not for a price far away: rivals are all but full."""
    capacity = 1.0001 * cw.solve(cw.load("stackelberg/three-sellers")).decision.sold_kwh
    capacity[0, 1] = 6.0
    tight = market(capacity_kwh=capacity)
    price, regime = price_equilibrium(
        tight.unit_cost, tight.congestion, tight.capacity_kwh, tight.demand_kwh, tight.retail_price
    )
    assert regime.tolist() == ["interior"]
    assert epsilon(tight, play(tight, price).decision) > 0.1
    with pytest.raises(NotApplicable, match=r"seller \d would gain 0\.\d+ EUR at a price at which others"):
        cw.solve(tight, method="price_equilibrium")


# The social optimum.


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_efficient_prices_prove_themselves(seed):
    instance = random_sellers(seed)
    kernel, program = (
        cw.solve(instance, method=m, criterion="social_cost") for m in ("efficient_prices", "social_program")
    )
    size = float(instance.price_size @ instance.demand_kwh) or 1.0
    assert kernel.report.ok
    assert program.report.ok
    assert kernel.objective == pytest.approx(kernel.bound, abs=1e-11 * size)
    assert program.objective == pytest.approx(kernel.objective, abs=1e-8 * size)
    proved = SellersPrices(instance=instance, energy_price=efficient_level(instance))
    assert social_bound(instance, proved) == pytest.approx(kernel.objective, abs=1e-11 * size)


@given(SEEDS)
def test_any_level_proves_a_bound(seed):
    instance, rng = random_sellers(seed), np.random.default_rng(seed)
    decision = play(instance, random_price(instance, seed)).decision
    cost = social_cost(instance, decision)
    for scale in (0.1, 10.0):
        level = SellersPrices(instance=instance, energy_price=rng.normal(0.1, scale, len(instance.interval)))
        assert social_bound(instance, level) <= cost + 1e-9 * (1.0 + abs(cost))
    assert social_bound(instance, None) <= cost + 1e-9 * (1.0 + abs(cost))


# Invariance.


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_order_of_sellers_and_units_do_not_matter(seed):
    instance, rng = random_sellers(seed), np.random.default_rng(seed)
    order = rng.permutation(len(instance.seller))
    kwh, money = 10.0 ** rng.uniform(-4, 4, 2)
    changed = instance.replace(
        capacity_kwh=kwh * instance.capacity_kwh[:, order],
        demand_kwh=kwh * instance.demand_kwh,
        congestion=money / kwh * instance.congestion[order],
        # Products round, and a cost must not come to lie outside of the grid's prices by that.
        cost_price=np.clip(
            money * instance.unit_cost[:, order],
            money * instance.feed_in_price[:, None],
            money * instance.retail_price[:, None],
        ),
        retail_price=money * instance.retail_price,
        feed_in_price=money * instance.feed_in_price,
    )
    price = random_price(instance, seed)
    one, other = chosen(instance, price), chosen(changed, money * price[:, order])
    if (instance.congestion > 0).all():
        np.testing.assert_allclose(other[0] / kwh, one[0][:, order], atol=1e-9 * (1.0 + instance.demand_kwh.max()))
    costs = [cw.solve(i, method="efficient_prices", criterion="social_cost").objective for i in (instance, changed)]
    assert costs[1] / (kwh * money) == pytest.approx(costs[0], abs=1e-9 * (1.0 + abs(costs[0])))
    gains = [
        deviation_gain(i, p, s) for i, p, s in ((instance, price, one[0]), (changed, money * price[:, order], other[0]))
    ]
    if (instance.congestion > 0).all():
        np.testing.assert_allclose(gains[1] / (kwh * money), gains[0][:, order], atol=1e-8)


# Rules, errors, records.


def test_rules_name_what_is_broken():
    instance = cw.load("stackelberg/three-sellers")
    good = cw.solve(instance).decision
    assert violations(instance, good) == []

    def rules(**changes) -> list[str]:
        fields = {"price": good.price, "sold_kwh": good.sold_kwh, "grid_kwh": good.grid_kwh}
        return [one.rule for one in violations(instance, SellersDecision(instance=instance, **{**fields, **changes}))]

    moved = good.sold_kwh + np.array([[0.1, -0.1, 0.0]])
    assert rules(sold_kwh=moved) == ["buyers could pay less by choosing others"]
    assert "buyers do not get what they need" in rules(sold_kwh=good.sold_kwh + 0.1)
    assert "buyers could pay less by choosing others" in rules(grid_kwh=[0.3], sold_kwh=good.sold_kwh - 0.1)
    assert rules(price=good.price - 0.06)[:3] == ["price is below the feed-in price"] * 2
    assert "price is above the retail price" in rules(price=good.price + 0.2)
    assert "seller sells more than it has" in rules(sold_kwh=[[6.5, 0.0, -0.5]])
    assert "seller sells less than nothing" in rules(sold_kwh=[[6.5, 0.0, -0.5]])
    assert "buyers sell to the grid" in rules(grid_kwh=[-1.0], sold_kwh=good.sold_kwh + 1 / 3)
    broken = violations(
        instance, SellersDecision(instance=instance, price=good.price + 0.2, sold_kwh=moved, grid_kwh=[0.0])
    )
    assert broken[0].where == "2030-06-03T12:00Z, roof A"


def test_bad_data_is_named_all_at_once():
    with pytest.raises(InstanceError) as error:
        market(congestion=[0.02, -0.01, 0.03], capacity_kwh=[[8.0, 8.0, -1.0]], demand_kwh=[float("nan")])
    text = str(error.value)
    assert "congestion" in text
    assert "capacity_kwh" in text
    assert "demand_kwh" in text
    with pytest.raises(InstanceError, match=r"feed_in_price.*is above the retail price of 0\.3"):
        market(feed_in_price=[0.4])
    with pytest.raises(InstanceError, match=r"cost_price.*lies outside \[0\.05, 0\.3\]"):
        market(cost_price=[[0.05, 0.31, 0.1]])
    with pytest.raises(InstanceError, match="must be positive"):
        market(dt_h=0.0)


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("cost_plus(markup=1.5)", "markup must lie"),
        ("tatonnement(step=0.0)", "the step must be positive"),
        ("tatonnement(rounds=0)", "at least one round"),
        ("best_response(rounds=0)", "at least one round"),
        ("best_response(undercut=0.0)", "undercut must be positive"),
    ],
)
def test_bad_options_are_refused(method, reason):
    with pytest.raises(NotApplicable, match=reason):
        cw.solve(market(), method=method)


def test_solutions_are_saved_and_read_back(tmp_path):
    day = cw.load("stackelberg/sellers-day")
    solution = cw.solve(day)
    from commonwatt.solvers.solution import load_solution

    again = load_solution(day, solution.save(tmp_path / "solution"))
    assert again.objective == solution.objective
    assert "idle 1" in solution.notes[0]
    assert "level" in again.tables()["interval"].columns
