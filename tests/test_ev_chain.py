"""Places of vehicles: chains against all histories, simulations, fits, sessions."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from commonwatt.instances.errors import InstanceError
from commonwatt.instances.sources.ev_chain import EvChain, fit_ev_chain, stay_survival
from commonwatt.instances.sources.ev_sessions import places_of_sessions
from commonwatt.instances.sources.home_profiles import typical_chain


def small_chain(seed: int, intervals: int = 4) -> EvChain:
    return EvChain(np.random.default_rng(seed).dirichlet(np.ones(3), size=(2, intervals, 3)))


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
