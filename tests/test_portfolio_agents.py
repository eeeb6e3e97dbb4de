"""Agents of a portfolio: densities of powers, thermal stores, stereotypes, the generator."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from commonwatt.instances.portfolio import PortfolioInstance
from commonwatt.instances.sources.generated_portfolio import CHARGER, portfolio_of_agents
from commonwatt.instances.sources.home_profiles import AgentModel, outside_c, typical_chain
from commonwatt.instances.sources.kde import PowerDensities, PowerDensity, common_uniforms
from commonwatt.instances.sources.market_scenarios import MarketModel, market_scenarios
from commonwatt.instances.sources.thermal_store import thermal_store
from commonwatt.instances.stereotypes import stereotypes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import commonwatt as cw

# Densities of powers.


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0.0, 0.9))
def test_a_density_adds_up_and_draws_follow_it(seed, zero):
    rng = np.random.default_rng(seed)
    power = np.where(rng.random(200) < zero, 0.0, rng.gamma(1.5, 2.0, 200))
    found = PowerDensity.fit(power)
    x = np.linspace(0, 60, 60_001)[1:]
    density = found.density(x)
    assert density.sum() * 1e-3 + found.zero == pytest.approx(1.0, abs=1e-3)
    assert (density * x).sum() * 1e-3 == pytest.approx(found.mean_kw, abs=1e-3 * (1 + found.mean_kw))
    drawn = found.draw(rng.random(4000))
    assert (drawn >= 0).all()
    assert (drawn == 0).mean() == pytest.approx(found.zero, abs=5 * 0.5 / np.sqrt(4000))
    positive = drawn[drawn > 0]
    whole = np.cumsum(density) * 1e-3 / (1 - found.zero)
    assert stats.kstest(positive, lambda q: np.interp(q, x, whole)).pvalue > 1e-5


def test_readings_all_alike_or_none_are_drawn_as_they_are():
    alike = PowerDensity.fit([0.0, 3.0, 3.0, 3.0])
    np.testing.assert_array_equal(alike.draw([0.1, 0.3, 0.9]), [0.0, 3.0, 3.0])
    assert alike.mean_kw == pytest.approx(2.25)
    assert PowerDensity.fit([0.0]).draw(np.full(3, 0.7)).sum() == 0
    with pytest.raises(ValueError, match="no density"):
        alike.density([1.0])
    with pytest.raises(ValueError, match=r"power_kw\[1\] is -1"):
        PowerDensity.fit([0.0, -1.0])
    with pytest.raises(ValueError, match="power_kw is empty"):
        PowerDensity.fit([])


def test_panels_under_one_sky_keep_their_distributions_and_move_together():
    rng = np.random.default_rng(5)
    one = PowerDensity.fit(rng.gamma(2.0, 1.0, 300))
    apart, alike = (one.draw(common_uniforms(rng, (4000, 30), rho)) for rho in (0.0, 1.0))
    assert apart.mean() == pytest.approx(one.mean_kw, rel=0.02)
    assert alike.mean() == pytest.approx(one.mean_kw, rel=0.05)
    np.testing.assert_allclose(alike[:, 0], alike[:, 29], rtol=1e-6)
    # Independent panels average out, panels under one sky do not.
    assert alike.sum(axis=1).std() == pytest.approx(30 * one.draw(rng.random(20_000)).std(), rel=0.05)
    assert apart.sum(axis=1).std() == pytest.approx(30**0.5 * one.draw(rng.random(20_000)).std(), rel=0.05)
    with pytest.raises(ValueError, match=r"correlation is 1\.5"):
        common_uniforms(rng, (2, 2), 1.5)


def test_densities_by_half_hour():
    power = np.zeros((96, 4))
    power[36::48] = [[1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0]]
    found = PowerDensities.fit(power)
    assert found.means_kw[35] == 0
    assert found.means_kw[36] == pytest.approx(3.0, rel=0.05)
    drawn = found.draw(np.random.default_rng(0), days=50, devices=3)
    assert drawn.shape == (50, 48, 3)
    assert (drawn[:, 36] > 0).all()
    assert not drawn[:, :36].any()
    with pytest.raises(ValueError, match="give whole days of 48"):
        PowerDensities.fit(power[:50])


# Rooms and cold stores.


@pytest.mark.parametrize("cooling", [False, True])
def test_a_thermal_store_is_exact_for_constant_power(cooling):
    rng = np.random.default_rng(2)
    dt, capacity, resistance, performance = 0.5, 3.0, 5.0, 2.5
    low, high = (-22.0, -18.0) if cooling else (19.0, 22.0)
    outside = rng.uniform(10, 25, 20) if cooling else rng.uniform(-5, 12, 20)
    power = rng.uniform(0, 4, 20)
    found = thermal_store(
        outside, band_c=(low, high), capacity_kwh_per_k=capacity, resistance_k_per_kw=resistance,
        performance=performance, power_kw=4.0, dt_h=dt, cooling=cooling,
    )  # fmt: skip
    content, inside = found["initial_kwh"], (low + high) / 2
    sign = -1.0 if cooling else 1.0
    for t in range(20):
        # The differential equation in ten thousand small steps.
        for _ in range(10_000):
            inside += dt / 10_000 * ((outside[t] - inside) / resistance + sign * performance * power[t]) / capacity
        content = found["retention"] * content + dt * found["charge_efficiency"] * power[t] - found["trip_kwh"][t]
        level = (high - inside if cooling else inside - low) * capacity / performance
        assert content == pytest.approx(level, abs=1e-3)
    assert found["capacity_kwh"] == pytest.approx((high - low) * capacity / performance)


def test_no_thermal_store_where_the_weather_does_it_alone():
    settings = {"capacity_kwh_per_k": 1.0, "resistance_k_per_kw": 1.0, "performance": 3.0, "power_kw": 1.0, "dt_h": 1.0}
    with pytest.raises(ValueError, match=r"outside_c reaches 25 °C, beyond the band's lower end, 19 °C"):
        thermal_store([5.0, 25.0], band_c=(19.0, 21.0), **settings)
    with pytest.raises(ValueError, match="width of band_c is -2"):
        thermal_store([5.0], band_c=(21.0, 19.0), **settings)
    with pytest.raises(ValueError, match="initial_c is 30, outside of the band"):
        thermal_store([5.0], band_c=(19.0, 21.0), initial_c=30.0, **settings)
    with pytest.raises(ValueError, match="dt_h is 0"):
        thermal_store([5.0], band_c=(19.0, 21.0), **(settings | {"dt_h": 0.0}))


# Stereotypes.


def test_three_kinds_of_members_are_found_with_their_days():
    rng = np.random.default_rng(4)
    hour = np.arange(48) / 2
    shapes = [0.2 + 0 * hour, 0.5 + 1.5 * ((hour >= 18) & (hour < 20)), 3.0 + 2.0 * ((hour >= 8) & (hour < 18))]
    kind = np.repeat([0, 1, 2], [10, 20, 5])
    # Days differ by a normal number, which is what a mixture supposes.
    each_day = rng.normal(0.0, 0.04, (30, 35)).repeat(48, axis=0)
    power = np.stack([np.tile(shapes[k], 30) for k in kind], axis=1) + each_day
    found = stereotypes(power)
    np.testing.assert_array_equal(found.label, kind)
    np.testing.assert_allclose(found.reference_kw, shapes, atol=0.02)
    table = found.table()
    assert list(table["members"]) == [10, 20, 5]
    assert table["day_kwh"].tolist() == pytest.approx([4.8, 15.0, 92.0], abs=0.5)
    assert 18 <= table["peak_at_h"][1] < 20
    order = rng.permutation(35)
    np.testing.assert_array_equal(stereotypes(power[:, order]).label, kind[order])


# The generator.


def test_penetrations_own_what_they_say_and_nothing_else():
    found = portfolio_of_agents(20, 3, seed=2, pv=0.5, heat_pump=0.25, battery=0.1, vehicle=1.0, cold_store=True)
    assert (found.generation_kw.sum(axis=(0, 1)) > 0).sum() == 10
    names = list(found.storage)
    assert sum(name.startswith("battery") for name in names) == 2
    # A fifth of vehicles charges elsewhere, and three at the charger.
    assert sum(name.startswith("vehicle") for name in names) == 16
    assert (found.member[found.storage_of] == CHARGER).sum() == 3
    assert names[-1] == "cold store"
    assert found.storage_shape == (3, 96, 19)
    bare = portfolio_of_agents(20, 3, seed=2, pv=0.0, heat_pump=0.25, battery=0.0, vehicle=0.0)
    assert len(bare.storage) == 0
    assert not bare.generation_kw.any()
    np.testing.assert_array_equal(bare.load_kw, found.load_kw[:, :, :20])
    np.testing.assert_array_equal(bare.short_price, found.short_price)


def test_the_same_seed_makes_the_same_and_another_another():
    first, again, other = (portfolio_of_agents(5, 2, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_other_scenarios_meet_the_same_homes_and_the_same_known_prices():
    first, other = (portfolio_of_agents(8, 3, seed=1, nature=nature) for nature in (1, 2))
    assert first == portfolio_of_agents(8, 3, seed=1)
    for name in (
        "storage", "storage_of", "capacity_kwh", "initial_kwh", "day_ahead_price", "up_reserve_price", "discharge_kw"
    ):  # fmt: skip
        np.testing.assert_array_equal(getattr(first, name), getattr(other, name))
    np.testing.assert_array_equal(first.there[:, 0], other.there[:, 0])
    for name in ("load_kw", "generation_kw", "plugged", "short_price", "up_used"):
        assert not np.array_equal(getattr(first, name), getattr(other, name))


def test_vehicles_leave_and_return_as_the_chain_says():
    found = portfolio_of_agents(60, 40, seed=3, vehicle=1.0, battery=0.0, pv=0.0, heat_pump=0.0)
    at_home = found.storage_of < 60
    there = found.there[:, :, at_home]
    first = there[0, 0]
    assert (there[:, 0] == first).all()
    chance = typical_chain().marginals(96, start=[first.mean(), 0.0, 1 - first.mean()])[:, 0]
    np.testing.assert_allclose(there.mean(axis=(0, 2)), chance, atol=0.08)
    # Ways take energy in the half-hour before the return, and departures want content.
    ends = (found.there[:, :-1] == 0) & (found.there[:, 1:] > 0)
    assert ((found.driven_kwh[:, :-1] > 0) == ends).all()
    leaves = (found.there[:, :-1] > 0) & (found.there[:, 1:] == 0)
    assert ((found.wanted_kwh[:, 1:-1] > 0) == leaves).all()


def test_one_sky_and_one_cold_for_all():
    found = portfolio_of_agents(30, 50, seed=4, pv=1.0, heat_pump=0.0, vehicle=0.0, battery=0.0)
    noon = found.generation_kw[:, 24]
    together = np.corrcoef(noon.T)
    assert together.min() > 0.999
    assert noon.sum(axis=1).std() / noon.sum(axis=1).mean() > 0.15
    warm = found.load_kw.sum(axis=(1, 2))
    heated = portfolio_of_agents(30, 50, seed=4, pv=1.0, heat_pump=1.0, vehicle=0.0, battery=0.0)
    extra = heated.load_kw.sum(axis=(1, 2)) - warm
    cold = outside_c(50, 96, 4, AgentModel()).mean(axis=1)
    assert np.corrcoef(extra, cold)[0, 1] < -0.98


@pytest.mark.parametrize("imbalance", ["dual", "single", "single_with_penalty"])
def test_no_market_pays_for_what_another_gives_away(imbalance):
    for seed in range(5):
        given = market_scenarios(96, 20, seed=seed, nature=seed, imbalance=imbalance, model=MarketModel())
        ahead, missing, surplus = given["day_ahead_price"], given["short_price"], given["long_price"]
        assert (given["intraday_sale_price"] <= given["intraday_purchase_price"]).all()
        if imbalance == "dual":
            assert (surplus < ahead).all()
            assert (ahead < missing).all()
            accepted = given["up_accepted"] > 0
            assert (given["up_price"][accepted] < missing[accepted]).all()
            assert (given["down_price"][given["down_accepted"] > 0] > surplus[given["down_accepted"] > 0]).all()
        assert not (given["up_accepted"] * given["down_accepted"]).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"homes": 0}, "homes is 0"),
        ({"scenarios": 0}, "scenarios is 0"),
        ({"pv": 1.5}, "pv is 1.5; give a share of homes"),
        ({"seed": -1}, "seed is -1"),
        ({"nature": -1}, "nature is -1"),
    ],
)
def test_what_cannot_be_generated_is_said(settings, message):
    with pytest.raises(ValueError, match=message):
        portfolio_of_agents(**({"homes": 3, "scenarios": 2, "seed": 0} | settings))


def test_a_generated_portfolio_is_solved_and_every_rule_is_kept():
    found = portfolio_of_agents(6, 3, seed=5, vehicle=0.7, battery=0.5, cold_store=True)
    solution = cw.solve(found)
    assert solution.report.ok
    assert solution.gap < 1e-9
    for method in ("mean_scenario", "firm_reserve", "no_offer"):
        other = cw.solve(found, method=method)
        assert other.report.ok
        assert other.objective <= solution.objective + 1e-9


def test_what_the_network_needs_is_kept_back_from_the_firm_reserve():
    street = portfolio_of_agents(6, 3, seed=5, vehicle=0.7, battery=0.5)
    plain, same, less = (
        cw.solve(street, method="firm_reserve", network_need_kw=need).decision for need in (None, 0.0, 1.5)
    )
    np.testing.assert_allclose(same.up_reserve_kw, plain.up_reserve_kw)
    # Where more than the market takes is there, a part of it may be kept back without a loss.
    free = plain.up_reserve_kw < street.reserve_limit_kw - 1e-9
    assert free.any()
    np.testing.assert_allclose(less.up_reserve_kw[free], np.maximum(plain.up_reserve_kw - 1.5, 0.0)[free], atol=1e-9)
    assert (less.up_reserve_kw <= plain.up_reserve_kw + 1e-9).all()
    np.testing.assert_allclose(less.down_reserve_kw, plain.down_reserve_kw)
    # A need in one half-hour counts in its block of four hours, and in no other.
    one = np.zeros(96)
    one[36] = 1e3
    evening = cw.solve(street, method="firm_reserve", network_need_kw=tuple(one)).decision
    assert not evening.up_reserve_kw[32:40].any()
    np.testing.assert_allclose(
        np.delete(evening.up_reserve_kw, range(32, 40)), np.delete(plain.up_reserve_kw, range(32, 40))
    )
    for wrong in (-1.0, (1.0, 2.0)):
        with pytest.raises(cw.NotApplicable, match="give a number of at least 0, or one for each of the 96 intervals"):
            cw.solve(street, method="firm_reserve", network_need_kw=wrong)


def test_more_batteries_are_worth_more():
    few, many = (portfolio_of_agents(6, 2, seed=6, vehicle=0.0, battery=share) for share in (0.0, 1.0))
    assert isinstance(many, PortfolioInstance)
    assert cw.solve(many).objective > cw.solve(few).objective
    dearer = dataclasses.replace(AgentModel(), battery_fee=1.0)
    priced = portfolio_of_agents(6, 2, seed=6, vehicle=0.0, battery=1.0, model=dearer)
    assert cw.solve(priced).objective < cw.solve(many).objective
