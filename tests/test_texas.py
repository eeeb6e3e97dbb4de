"""The generated community: what it must resemble, the physics it must obey, and that its parts are drawn apart.

The figures asked for in the first tests are those of the paper and of homes in Austin; the rest checks the model by
laws that know nothing of it (geometry of the sun, orientation, nights, streams).
"""

import numpy as np
import pytest
from commonwatt.instances.characterise import (
    cluster,
    distant_transition_share,
    low_clusters,
    smooth,
    temporal_membership,
    usual_cluster,
)
from commonwatt.instances.sources.texas import TexasModel, TexasSeries, texas_series
from commonwatt.instances.sources.texas_sky import _sun, autocorrelated, stream

HOURS_PER_WEEK = 168


@pytest.fixture(scope="module")
def community() -> TexasSeries:
    return texas_series()


@pytest.fixture(scope="module")
def small() -> TexasSeries:
    return texas_series(20, 8, seed=5)


def test_shape_and_counts(community: TexasSeries) -> None:
    assert community.load_kwh.shape == community.generation_kwh.shape == (8760, 443)
    assert int((community.pv_kwp > 0).sum()) == 180
    assert community.household[0] == "H001"
    assert community.household[-1] == "H443"
    assert len(set(community.household)) == 443
    assert str(community.time[0]) == "2013-01-01T00:00:00"
    assert str(community.time[-1]) == "2013-12-31T23:00:00"
    assert bool((np.diff(community.time) == np.timedelta64(1, "h")).all())
    owners = community.pv_kwp[community.pv_kwp > 0]
    assert 6.0 <= owners.min() <= owners.max() <= 8.0
    assert not community.attributes["apartment"].to_numpy()[community.pv_kwp > 0].any()


def test_excess_peaks_and_yield_resemble_austin(community: TexasSeries) -> None:
    assert 0.17 <= community.excess_over_deficit <= 0.28
    assert 6.0 <= float(np.median(community.peak_over_mean)) <= 7.0
    assert community.yield_kwh_per_kwp == pytest.approx(1450.0, rel=0.03)


def test_weekly_clusters_resemble_the_paper(community: TexasSeries) -> None:
    found = cluster(smooth(community.load_kwh, HOURS_PER_WEEK))
    membership = temporal_membership(found.labels, found.n_clusters)
    low = usual_cluster(membership) < low_clusters(found.n_clusters)
    assert found.labels.shape == (52, 443)
    assert found.n_clusters == 5
    assert bool(found.criterion["converged"].all())
    assert int(low.sum()) == pytest.approx(400, rel=0.1)
    assert int((membership[:, 0] > 0.75).sum()) == pytest.approx(115, rel=0.2)
    assert 0.0 < distant_transition_share(found.labels, found.n_clusters) < 0.05


def test_summers_are_hot_and_costly(community: TexasSeries) -> None:
    month = community.time.astype("datetime64[M]").astype(int) % 12
    mean = np.array([community.load_kwh[month == number].mean() for number in range(12)])
    warmth = np.array([community.temperature_c[month == number].mean() for number in range(12)])
    assert 8.0 < warmth[0] < 13.0
    assert 28.0 < warmth[6] < 33.0
    assert 1.7 < mean[6] / mean[0] < 2.8
    by_hour = community.load_kwh.reshape(365, 24, -1).mean(axis=(0, 2))
    assert by_hour.argmax() in range(16, 21)
    assert by_hour.argmin() in range(1, 6)


def test_energies_are_finite_and_panels_dark_at_night(community: TexasSeries) -> None:
    assert np.isfinite(community.load_kwh).all()
    assert community.load_kwh.min() > 0.0
    clock = np.arange(8760) % 24
    assert community.generation_kwh[(clock < 5) | (clock >= 21)].max() == 0.0
    assert community.generation_kwh[:, community.pv_kwp == 0].max() == 0.0
    limit = TexasModel().pv_inverter_kw_per_kwp * community.pv_kwp
    assert bool((community.generation_kwh <= limit + 1e-9).all())
    assert community.irradiance_w_per_m2.max() < 1361.0


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(small: TexasSeries) -> None:
    again = texas_series(20, 8, seed=5)
    for name, value in vars(small).items():
        assert np.array_equal(np.asarray(value), np.asarray(getattr(again, name))), name
    other = texas_series(20, 8, seed=6)
    assert not np.array_equal(small.temperature_c, other.temperature_c)
    assert not np.array_equal(small.load_kwh, other.load_kwh)
    assert not small.load_kwh.flags.writeable


def test_parts_are_drawn_from_streams_of_their_own(small: TexasSeries) -> None:
    darker = texas_series(20, 8, seed=5, model=TexasModel(pv_loss_share=(0.4, 0.5)))
    assert np.array_equal(darker.load_kwh, small.load_kwh)
    assert darker.yield_kwh_per_kwp < 0.8 * small.yield_kwh_per_kwp
    busier = texas_series(20, 8, seed=5, model=TexasModel(appliance_uses_per_day=3.0))
    assert np.array_equal(busier.generation_kwh, small.generation_kwh)
    assert np.array_equal(busier.temperature_c, small.temperature_c)
    assert busier.load_kwh.sum() > small.load_kwh.sum()


def test_a_parameter_acts_only_where_it_says(small: TexasSeries) -> None:
    uncooled = texas_series(20, 8, seed=5, model=TexasModel(cooling_w_per_m2_k=0.0))
    saved = small.load_kwh - uncooled.load_kwh
    assert saved.min() >= 0.0
    # Rounding to whole watt-hours may differ by one, so the coldest hours are compared within two.
    assert saved[small.temperature_c < 10.0].max() <= 0.002
    assert saved[small.temperature_c > 33.0].mean() > 0.5
    empty = texas_series(20, 8, seed=5, model=TexasModel(trips_per_year=400.0))
    assert empty.load_kwh.sum() < 0.6 * small.load_kwh.sum()


def test_the_inverter_cuts_the_peaks_only(small: TexasSeries) -> None:
    cut = texas_series(20, 8, seed=5, model=TexasModel(pv_inverter_kw_per_kwp=0.5))
    expected = np.minimum(small.generation_kwh, 0.5 * small.pv_kwp)
    assert cut.generation_kwh == pytest.approx(expected, abs=1e-3)
    assert cut.generation_kwh.sum() < small.generation_kwh.sum()


@pytest.mark.parametrize(("azimuth_deg", "better"), [(0.0, False), (180.0, True)])
def test_panels_facing_south_gain_over_flat_ones(azimuth_deg: float, better: bool) -> None:
    def energy(tilt_deg: float) -> float:
        model = TexasModel(pv_tilt_deg=(tilt_deg, 0.0), pv_azimuth_deg=(azimuth_deg, 0.0))
        return texas_series(2, 2, seed=1, model=model).yield_kwh_per_kwp

    assert (energy(25.0) > energy(5.0)) is better


@pytest.mark.parametrize(
    ("day_of_year", "declination_deg"), [(172, 23.45), (355, -23.45), (80, 0.0)], ids=["June", "December", "March"]
)
def test_the_noon_sun_stands_where_astronomy_puts_it(day_of_year: int, declination_deg: float) -> None:
    model = TexasModel()
    clock = np.linspace(0.0, 24.0, 24 * 60, endpoint=False)
    sun, _ = _sun(model, day_of_year - 1 + clock / 24.0, clock)
    assert np.linalg.norm(sun, axis=1) == pytest.approx(1.0)
    highest = int(np.argmax(sun[:, 2]))
    assert np.degrees(np.arcsin(sun[highest, 2])) == pytest.approx(90.0 - 30.27 + declination_deg, abs=0.6)
    # Austin lies 7.74 degrees west of its meridian: noon comes 31 minutes late, give or take the equation of time.
    assert clock[highest] == pytest.approx(12.52, abs=0.15)
    assert sun[highest, 1] < 0.0
    assert sun[highest - 240, 0] > 0.0


def test_autocorrelation_and_variance_of_the_noise_are_those_declared() -> None:
    x = autocorrelated(stream(3, "test"), 400, 0.7, 400)
    assert x.var() == pytest.approx(1.0, rel=0.05)
    assert x[0].var() == pytest.approx(1.0, rel=0.2)
    assert (x[1:] * x[:-1]).mean() == pytest.approx(0.7, abs=0.03)


def test_small_and_extreme_communities() -> None:
    alone = texas_series(1, 0, seed=0)
    assert alone.generation_kwh.sum() == 0.0
    assert alone.excess_over_deficit == 0.0
    assert np.isnan(alone.yield_kwh_per_kwp)
    everyone = texas_series(6, 6, seed=0)
    assert bool((everyone.pv_kwp > 0).all())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_households": 0, "n_prosumers": 0}, "households"),
        ({"n_households": 3, "n_prosumers": 4}, "4 prosumers of 3"),
        ({"n_households": 3, "n_prosumers": -1}, "prosumers"),
        ({"year": 2012}, "366 days"),
        ({"seed": -1}, "negative"),
    ],
)
def test_impossible_requests_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        texas_series(**arguments)


def test_weekends_fall_on_weekends() -> None:
    # With activity only by day on weekends and no cooling, Saturdays and Sundays stand out.
    model = TexasModel(
        cooling_w_per_m2_k=0.0, home_by_day=(1e-3, 1e3), activity_day_sigma=0.0, habit_sigma=0.0, trips_per_year=0.0
    )
    series = texas_series(40, 0, seed=2, model=model)
    midday = series.load_kwh.reshape(365, 24, -1)[:, 10:16].mean(axis=(1, 2))
    # 1 January 2013 was a Tuesday.
    by_weekday = np.array([midday[(np.arange(365) + 1) % 7 == day].mean() for day in range(7)])
    assert by_weekday[5:].min() > 1.2 * by_weekday[:5].max()
