"""Agents of a portfolio: places of vehicles, densities of powers, thermal stores, stereotypes, the generator."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from commonwatt.instances.errors import InstanceError
from commonwatt.instances.portfolio import PortfolioInstance
from commonwatt.instances.sources.agent_profiles import AgentModel, outside_c, typical_chain
from commonwatt.instances.sources.agents import CHARGER, portfolio_of_agents
from commonwatt.instances.sources.ev_chain import EvChain, fit_ev_chain, places_of_sessions, stay_survival
from commonwatt.instances.sources.kde import PowerDensities, PowerDensity, common_uniforms
from commonwatt.instances.sources.market_scenarios import MarketModel, market_scenarios
from commonwatt.instances.sources.thermal_store import thermal_store
from commonwatt.instances.stereotypes import stereotypes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import commonwatt as cw


def small_chain(seed: int, intervals: int = 4) -> EvChain:
    return EvChain(np.random.default_rng(seed).dirichlet(np.ones(3), size=(2, intervals, 3)))


# Places of vehicles.


@pytest.mark.parametrize("seed", range(5))
def test_marginals_and_windows_are_those_of_all_histories(seed):
    chain = small_chain(seed)
    start, weekend = np.array([0.5, 0.2, 0.3]), [False, True]
    steps = chain.steps(6, weekend)
    marginal, window = np.zeros((6, 3)), 0.0
    for history in itertools.product(range(3), repeat=6):
        chance = start[history[0]] * np.prod([steps[t][history[t], history[t + 1]] for t in range(5)])
        for t, place in enumerate(history):
            marginal[t, place] += chance
        window += chance * (history[2:5] == (1, 1, 1))
    np.testing.assert_allclose(chain.marginals(6, start, weekend), marginal, atol=1e-14)
    assert chain.window(2, 3, "public", start=start, weekend=weekend) == pytest.approx(window, abs=1e-14)


def test_the_day_after_friday_is_a_weekend_and_the_week_returns():
    chain = small_chain(1)
    steps = chain.steps(14 * 4 + 1)
    np.testing.assert_array_equal(steps[4 * 4], chain.transition[0, 0])
    np.testing.assert_array_equal(steps[5 * 4 + 2], chain.transition[1, 2])
    np.testing.assert_array_equal(steps[7 * 4], chain.transition[0, 0])
    week = chain.marginals(7 * 4 + 1)
    np.testing.assert_allclose(week[0], week[-1], atol=1e-12)


def test_simulated_places_have_the_marginals_of_the_chain():
    chain = typical_chain()
    places = chain.simulate(100_000, 96, np.random.default_rng(3))
    assert places.shape == (96, 100_000)
    for k, chance in enumerate(chain.marginals(96).T):
        deviation = (places == k).mean(axis=1) - chance
        # Six hundred comparisons in all would pass five standard errors once in a thousand runs.
        assert np.abs(deviation).max() < 5 * np.sqrt(0.25 / 100_000)
    window = chain.window(36, 8)
    seen = (places[36:44] == 0).all(axis=0).mean()
    assert seen == pytest.approx(window, abs=5 * np.sqrt(0.25 / 100_000))
    # Those that are there stay: the product of marginals has far too few.
    assert window > 1.5 * np.prod(chain.marginals(96)[36:44, 0])


def test_known_places_begin_a_simulation():
    chain = typical_chain()
    first = np.array([0, 1, 2, 2, 0])
    np.testing.assert_array_equal(chain.simulate(5, 10, np.random.default_rng(0), first=first)[0], first)


def test_a_fit_finds_the_chain_that_histories_came_from():
    chain = typical_chain()
    rng = np.random.default_rng(7)
    short, year = chain.simulate(140, 48 * 30, rng), chain.simulate(140, 48 * 365, rng)
    close, closer = fit_ev_chain(short), fit_ev_chain(year)
    # Weighted by how often a place is left, so that what is hardly ever seen does not decide.
    weight = chain.marginals(7 * 48)[: 5 * 48].reshape(5, 48, 3).mean(axis=0)[:, :, None]

    def apart(fitted):
        return float((np.abs(fitted.transition[0] - chain.transition[0]) * weight).sum() / weight.sum())

    assert apart(closer) < apart(close) < 0.02
    np.testing.assert_allclose(closer.marginals(48), chain.marginals(48), atol=0.02)
    assert closer.window(36, 8) == pytest.approx(chain.window(36, 8), abs=0.02)


def test_counts_and_prior_by_hand():
    # One vehicle, two intervals a day: home, away | home, home | and so on, all weekdays.
    chain = fit_ev_chain(np.array([[0], [2], [0], [0]]), weekend=[False, False], intervals_of_day=2, prior=0.5)
    np.testing.assert_allclose(chain.transition[0, 0, 0], [1.5 / 3.5, 0.5 / 3.5, 1.5 / 3.5])
    np.testing.assert_allclose(chain.transition[0, 1, 2], [1.5 / 2.5, 0.5 / 2.5, 0.5 / 2.5])
    np.testing.assert_allclose(chain.transition[0, 0, 1], np.full(3, 1 / 3))
    # No weekend was seen, so it is like weekdays.
    np.testing.assert_array_equal(chain.transition[1], chain.transition[0])


def test_what_no_chain_is_is_refused():
    wrong = small_chain(0).transition.copy()
    wrong[1, 1, 1] *= 0.5
    with pytest.raises(ValueError, match=r"from public in interval 1 of a weekend chances add up to 0\.5"):
        EvChain(wrong)
    with pytest.raises(ValueError, match=r"give \(2, intervals of a day, 3, 3\)"):
        EvChain(np.ones((48, 3, 3)) / 3)
    with pytest.raises(ValueError, match="prior is 0"):
        fit_ev_chain(np.zeros((5, 1), int), prior=0.0)
    with pytest.raises(InstanceError, match=r"vehicle 0.*interval 1.*7"):
        fit_ev_chain(np.array([[0], [7]]))
    with pytest.raises(ValueError, match="97 intervals begin 2 days, but weekend has 1"):
        typical_chain().marginals(97, weekend=[False])


def test_sessions_become_places():
    sessions = pd.DataFrame(
        {
            "day_id": [11, 11, 12],
            "start_minute_of_day": [120, 1200, 1380],
            "parked_duration_min": [75, 300, 60],
        }
    )
    places = places_of_sessions(sessions)
    # The first day: 20:00 until 1:00, as on the day before, and 2:00 until 3:15, of which half of the last half-hour.
    home = np.flatnonzero(places[:, 0] == 0)
    np.testing.assert_array_equal(home, [0, 1, 4, 5, *range(40, 48)])
    np.testing.assert_array_equal(np.flatnonzero(places[:, 1] == 0), [46, 47])
    chain = fit_ev_chain(places, weekend=[False], whole_days=True)
    assert chain.transition[0, 47, 0, 0] > chain.transition[0, 1, 0, 0]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("start_minute_of_day", 1440, "is no minute of a day"),
        ("start_minute_of_day", None, "is no minute of a day"),
        ("parked_duration_min", -5, "is no length in minutes"),
        ("parked_duration_min", "long", "is no length in minutes"),
    ],
)
def test_bad_sessions_are_named(column, value, message):
    frame = {"day_id": [1, 2], "start_minute_of_day": [0, 10], "parked_duration_min": [5, 5]}
    frame[column] = [frame[column][0], value]
    with pytest.raises(InstanceError, match=rf"table sessions, column {column}, row 1.*{message}"):
        places_of_sessions(pd.DataFrame(frame))
    with pytest.raises(InstanceError, match=r"column day: is missing; name one of day_id"):
        places_of_sessions(pd.DataFrame(frame), day="day")


def test_real_sessions_are_followed(real_data):
    sessions = pd.read_csv(real_data / "ev" / "us_evi_pro_home_level2_sessions.csv.gz")
    places = places_of_sessions(sessions)
    assert places.shape == (48, sessions["day_id"].nunique())
    chain = fit_ev_chain(places, weekend=[False], whole_days=True)
    home = (places == 0).mean(axis=1)
    np.testing.assert_allclose(chain.marginals(48, weekend=[False])[:, 0], home, atol=0.005)
    # What a chain that knows the time of day only makes of the evening, against what was seen.
    seen = (places[36:44] == 0).all(axis=0).mean()
    assert chain.window(36, 8, weekend=[False]) == pytest.approx(seen, abs=0.05)


def test_survival_of_stays_by_hand():
    places = np.array([[0, 2, 0, 0, 2, 0, 2, 2], [2, 0, 0, 0, 0, 2, 0, 0]]).T
    # Whole stays at home: 2, 1 | 4; those at either end are not whole.
    np.testing.assert_allclose(stay_survival(places)[:5], [1, 2 / 3, 1 / 3, 1 / 3, 0])
    assert not stay_survival(np.zeros((4, 1))).any()


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


def test_more_batteries_are_worth_more():
    few, many = (portfolio_of_agents(6, 2, seed=6, vehicle=0.0, battery=share) for share in (0.0, 1.0))
    assert isinstance(many, PortfolioInstance)
    assert cw.solve(many).objective > cw.solve(few).objective
    dearer = dataclasses.replace(AgentModel(), battery_fee=1.0)
    priced = portfolio_of_agents(6, 2, seed=6, vehicle=0.0, battery=1.0, model=dearer)
    assert cw.solve(priced).objective < cw.solve(many).objective
