"""A generated community in Austin, Texas: hourly load and solar generation of 443 households, 180 of them prosumers.

The measured households of Kouvelas et al., *Efficient power sharing at the edge by building a tangible micro-grid - the
Texas case* (section V: 443 households, 180 with panels, one year), may not be redistributed. This module makes a
community of the same size and place from declared models and a seed:

- weather, irradiance and panels: :mod:`.texas_sky`; one sky over the whole neighbourhood;
- load = standing load + activity of the occupants + appliances used now and then + air conditioning.

The parameters in :class:`TexasModel` were chosen within plausible ranges so that the community resembles what is known
of the measured one (excess over deficit, peak over mean, weekly clusters of consumption) with the default seed. Other
seeds keep excess, peak and yield close to it; the number of homes in the lowest cluster all year varies widely. These
figures are not inputs: no series is rescaled afterwards. Heating and hot water use gas.
"""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .series import HouseholdSeries
from .texas_sky import HOURS_PER_DAY, Floats, Sky, autocorrelated, draw_sky, panel_generation_kwh, stream


@dataclass(frozen=True, kw_only=True)
class TexasModel:
    """Parameters of the generated community; units stand in the names, pairs are (mean or median, spread).

    A spread named ``sigma`` is the standard deviation of the logarithm: households differ by factors, not by amounts.
    The comments say why a value was chosen.
    """

    # Place. The clock runs on Central Standard Time all year, so that no hour is missing or double.
    latitude_deg: float = 30.27
    longitude_deg: float = -97.74
    clock_meridian_deg: float = -90.0

    # Temperature: means of about 10 C in January and 30 C in July; fronts make winter the unsettled season.
    temperature_mean_c: float = 20.6
    temperature_seasonal_k: float = 10.3
    warmest_day: float = 206.0
    temperature_diurnal_k: float = 5.6
    warmest_hour: float = 15.5
    anomaly_winter_k: float = 5.0
    anomaly_summer_k: float = 1.8
    anomaly_daily_correlation: float = 0.63
    # Clouds keep days cool and nights warm.
    overcast_diurnal_factor: float = 0.5

    # Clouds: a latent Gaussian of days plus one of hours; its mean gives clear and overcast days rather than grey ones.
    cloud_mean: float = 0.1
    cloud_seasonal: float = 0.25
    cloud_daily_sd: float = 1.3
    cloud_daily_correlation: float = 0.5
    cloud_hourly_sd: float = 0.5
    cloud_hourly_correlation: float = 0.7

    # Panels: roofs face south on average; slopes of 4:12 to 8:12 are common.
    pv_size_kwp: tuple[float, float] = (6.0, 8.0)
    pv_tilt_deg: tuple[float, float] = (25.0, 5.0)
    pv_azimuth_deg: tuple[float, float] = (190.0, 30.0)
    pv_loss_share: tuple[float, float] = (0.13, 0.20)
    pv_temperature_per_k: float = -0.0037
    pv_noct_c: float = 45.0
    pv_inverter_kw_per_kwp: float = 0.9
    ground_albedo: float = 0.2

    # Dwellings: small apartments and large houses, as in the city's newer quarters; most occupants live in houses.
    apartment_share: float = 0.35
    apartment_area_m2: tuple[float, float] = (68.0, 0.15)
    house_area_m2: tuple[float, float] = (220.0, 0.30)
    occupants_per_m2: float = 0.0075
    occupants_most: int = 6

    # Standing load: refrigerators, standby, fans and pumps, lamps left on; it grows with the dwelling.
    standing_kw: float = 0.10
    standing_w_per_m2: float = 2.2
    standing_sigma: float = 0.30

    # Activity: light, cooking, entertainment; bumps in the morning and the evening, more by day where somebody is home.
    activity_kwh_per_day: float = 1.2
    activity_kwh_per_occupant_day: float = 2.5
    activity_sigma: float = 0.30
    activity_hour_sigma: float = 0.25
    activity_day_sigma: float = 0.20
    morning_hour: tuple[float, float] = (7.5, 0.8)
    evening_hour: tuple[float, float] = (19.0, 0.9)
    bump_width_h: tuple[float, float] = (1.3, 2.4)
    bump_height: tuple[float, float] = (1.6, 3.6)
    night_activity: float = 0.35
    home_by_day: tuple[float, float] = (1.2, 1.2)
    # Habits drift from week to week (guests, work, illness).
    habit_sigma: float = 0.05
    habit_weekly_correlation: float = 0.7

    # Appliances used now and then (dryer, oven, dishwasher, charging): Poisson events of one hour.
    appliance_uses_per_day: float = 0.40
    appliance_uses_per_occupant_day: float = 0.30
    appliance_kwh: tuple[float, float] = (1.3, 0.40)

    # Air conditioning: electricity per m2 and kelvin over the temperature at which a home needs none.
    cooling_w_per_m2_k: float = 0.60
    cooling_sigma: float = 0.40
    # Heat enters an apartment through a wall or two, a house through four walls and the roof.
    cooling_apartment_share: float = 0.25
    cooling_from_c: tuple[float, float] = (20.0, 1.2)
    cooling_lag_h: float = 3.0
    cooling_sun_k_per_kw_m2: float = 4.0
    cooling_most_w_per_m2: float = 22.0
    cooling_hour_cv: float = 0.30
    setback_by_day_k: float = 2.0
    setback_away_k: float = 5.0

    # Trips: nobody at home for some days, only the standing load and a warm house remain.
    trips_per_year: float = 2.0
    trip_days: tuple[int, int] = (3, 10)

    # Smart meters record whole watt-hours; so does the series, which keeps its bytes equal between processors.
    meter_decimals_kwh: int = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class TexasSeries(HouseholdSeries):
    """Hourly series of a generated community, with the weather behind them.

    Its ``attributes`` are ``pv_kwp`` (0 for consumers), ``floor_area_m2``, ``occupants``, ``apartment`` (or house).

    Attributes
    ----------
    temperature_c, irradiance_w_per_m2 : ndarray, shape (T,)
        Air temperature and global horizontal irradiance, means of the hour.
    """

    temperature_c: Floats
    irradiance_w_per_m2: Floats

    @property
    def pv_kwp(self) -> Floats:
        """Panels of each household, shape (n,)."""
        return self.attributes["pv_kwp"].to_numpy(float)

    @property
    def peak_over_mean(self) -> Floats:
        """Highest hourly load over mean load of each household, shape (n,)."""
        return self.load_kwh.max(axis=0) / self.load_kwh.mean(axis=0)

    @property
    def yield_kwh_per_kwp(self) -> float:
        """Annual generation of all panels per installed kWp; NaN without panels."""
        installed = float(self.pv_kwp.sum())
        return float(self.generation_kwh.sum()) / installed if installed > 0.0 else float("nan")


def texas_series(
    n_households: int = 443,
    n_prosumers: int = 180,
    *,
    year: int = 2013,
    seed: int = 443,
    model: TexasModel | None = None,
) -> TexasSeries:
    """Generate one year of a community in Austin, hour by hour.

    Parameters
    ----------
    n_households : int
        Households in the community.
    n_prosumers : int
        How many of them have panels.
    year : int
        Calendar year of 365 days; it fixes the time stamps and the weekdays.
    seed : int
        Not negative. Weather and each part of the load have their own stream, keyed by the seed and a name.
    model : TexasModel, optional
        Parameters; the declared ones if omitted.

    Returns
    -------
    TexasSeries
        T = 8760 hours.

    Raises
    ------
    ValueError
        If a count or the seed is out of range, or the year has 366 days.
    """
    if n_households < 1 or not 0 <= n_prosumers <= n_households:
        raise ValueError(f"{n_prosumers} prosumers of {n_households} households: need 0 <= prosumers <= households")
    if isleap(year):
        raise ValueError(f"year {year} has 366 days; choose one of 365")
    if seed < 0:
        raise ValueError(f"seed {seed} is negative")
    model = TexasModel() if model is None else model
    time = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[h]")
    sky = draw_sky(model, time.size, seed)
    apartment, area, occupants = _dwellings(model, n_households, seed)
    pv_kwp = _panel_sizes(model, apartment, n_prosumers, seed)
    load = _load_kwh(model, sky, time, apartment, area, occupants, seed)
    generation = panel_generation_kwh(model, sky, pv_kwp, seed)
    width = max(3, len(str(n_households)))
    household = tuple(f"H{number:0{width}d}" for number in range(1, n_households + 1))
    attributes = pd.DataFrame(
        {"pv_kwp": pv_kwp, "floor_area_m2": area, "occupants": occupants, "apartment": apartment}, index=list(household)
    )
    return TexasSeries(
        time=time.astype("datetime64[s]"),
        dt_h=1.0,
        household=household,
        load_kwh=np.round(load, model.meter_decimals_kwh),
        generation_kwh=np.round(generation, model.meter_decimals_kwh),
        available=np.ones(load.shape, dtype=bool),
        attributes=attributes,
        clock="as written",
        title="A generated community of the size of the Texas case",
        licence="MIT",
        source=f"generated by commonwatt from declared models, seed {seed}",
        temperature_c=np.round(sky.temperature_c, 2),
        irradiance_w_per_m2=np.round(sky.global_w_per_m2, 1),
    )


def _dwellings(model: TexasModel, n: int, seed: int) -> tuple[NDArray[np.bool_], Floats, NDArray[np.int64]]:
    """Kind, floor area and occupants of each dwelling; the number of apartments is the rounded share, not a draw."""
    rng = stream(seed, "dwelling")
    apartment = rng.permutation(n) < round(model.apartment_share * n)
    median, sigma = np.where(apartment[:, None], model.apartment_area_m2, model.house_area_m2).T
    area = np.round(median * np.exp(sigma * rng.standard_normal(n)))
    more = rng.poisson(model.occupants_per_m2 * area)
    return apartment, area, np.minimum(1 + more, model.occupants_most)


def _panel_sizes(model: TexasModel, apartment: NDArray[np.bool_], n_prosumers: int, seed: int) -> Floats:
    """Panels go to houses in random order, to apartments only when every house has some."""
    rng = stream(seed, "panel")
    order = np.lexsort((rng.random(apartment.size), apartment))
    size = np.zeros(apartment.size)
    size[order[:n_prosumers]] = np.round(rng.uniform(*model.pv_size_kwp, n_prosumers), 1)
    return size


def _load_kwh(
    model: TexasModel,
    sky: Sky,
    time: NDArray[np.datetime64],
    apartment: NDArray[np.bool_],
    area: Floats,
    occupants: NDArray[np.int64],
    seed: int,
) -> Floats:
    """Hourly load of all households, shape (T, n): the sum of its four parts."""
    n, hours = area.size, time.size
    home_by_day = stream(seed, "home by day").beta(*model.home_by_day, n)
    away = _away(model, hours // HOURS_PER_DAY, n, seed)
    envelope = area * np.where(apartment, model.cooling_apartment_share, 1.0)
    load = model.standing_kw + model.standing_w_per_m2 / 1000.0 * area
    load = np.tile(load * _factors(stream(seed, "standing"), model.standing_sigma, n), (hours, 1))
    load += _occupants_kwh(model, time, occupants, home_by_day, seed) * ~away
    load += _cooling_kwh(model, sky, time, envelope, home_by_day, away, seed)
    return load


def _factors(rng: np.random.Generator, sigma: float, shape: int | tuple[int, ...]) -> Floats:
    """Lognormal factors with mean one."""
    return np.exp(sigma * rng.standard_normal(shape) - sigma**2 / 2.0)


def _away(model: TexasModel, days: int, n: int, seed: int) -> NDArray[np.bool_]:
    """Hours during which a household travels, shape (T, n)."""
    rng = stream(seed, "trip")
    owner = np.repeat(np.arange(n), rng.poisson(model.trips_per_year, n))
    first = rng.integers(0, days, owner.size)
    last = np.minimum(first + rng.integers(model.trip_days[0], model.trip_days[1], owner.size, endpoint=True), days)
    steps = np.zeros((days + 1, n), dtype=np.int64)
    np.add.at(steps, (first, owner), 1)
    np.add.at(steps, (last, owner), -1)
    return np.repeat(np.cumsum(steps, axis=0)[:days] > 0, HOURS_PER_DAY, axis=0)


def _activity(model: TexasModel, home_by_day: Floats, rng: np.random.Generator) -> Floats:
    """Course of activity over a weekday and a day of the weekend, shape (2, 24, n), mean one over the weekday."""
    clock = np.arange(HOURS_PER_DAY)[:, None] + 0.5

    def bump(centre: Floats, width: float) -> Floats:
        distance = np.abs(clock - centre)
        return np.exp(-0.5 * (np.minimum(distance, HOURS_PER_DAY - distance) / width) ** 2)

    morning = rng.normal(*model.morning_hour, home_by_day.size)
    evening = rng.normal(*model.evening_hour, home_by_day.size)
    daytime = ((clock > 9.0) & (clock < 17.0)).astype(float)
    peaks = model.bump_height[0] * bump(morning, model.bump_width_h[0])
    late = model.bump_height[1] * bump(evening, model.bump_width_h[1])
    weekday = model.night_activity + peaks + late + home_by_day * daytime
    weekend = model.night_activity + np.roll(peaks, 2, axis=0) + late + daytime
    return np.stack([weekday, weekend]) / weekday.mean(axis=0)


def _weekend(time: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """One on Saturdays and Sundays, else zero; day 0 of NumPy's calendar was a Thursday."""
    return (((time.astype("datetime64[D]").astype(np.int64) + 3) % 7) >= 5).astype(np.int64)


def _occupants_kwh(
    model: TexasModel, time: NDArray[np.datetime64], occupants: NDArray[np.int64], home_by_day: Floats, seed: int
) -> Floats:
    """Activity and appliances while somebody lives in the home, shape (T, n)."""
    rng = stream(seed, "activity")
    n, hours = occupants.size, time.size
    days, weeks = hours // HOURS_PER_DAY, -(-hours // (7 * HOURS_PER_DAY))
    course = _activity(model, home_by_day, rng)[_weekend(time), np.arange(hours) % HOURS_PER_DAY]
    level = (model.activity_kwh_per_day + model.activity_kwh_per_occupant_day * occupants) / HOURS_PER_DAY
    level = level * _factors(rng, model.activity_sigma, n)
    habit = np.exp(model.habit_sigma * autocorrelated(rng, weeks, model.habit_weekly_correlation, n))
    daily = _factors(rng, model.activity_day_sigma, (days, n)) * np.repeat(habit, 7, axis=0)[:days]
    energy = level * course * np.repeat(daily, HOURS_PER_DAY, axis=0)
    energy *= _factors(rng, model.activity_hour_sigma, (hours, n))

    rng = stream(seed, "appliance")
    rate = model.appliance_uses_per_day + model.appliance_uses_per_occupant_day * occupants
    uses = rng.poisson(course * (rate / HOURS_PER_DAY))
    row, column = np.nonzero(uses)
    median, sigma = model.appliance_kwh
    energy[row, column] += uses[row, column] * median * np.exp(sigma * rng.standard_normal(row.size))
    return energy


def _cooling_kwh(
    model: TexasModel,
    sky: Sky,
    time: NDArray[np.datetime64],
    envelope: Floats,
    home_by_day: Floats,
    away: NDArray[np.bool_],
    seed: int,
) -> Floats:
    """Electricity of the air conditioner, shape (T, n): in proportion to the lagged excess over the balance point."""
    from scipy.signal import lfilter

    rng = stream(seed, "cooling")
    n, hours = envelope.size, time.size
    keep = np.exp(-1.0 / model.cooling_lag_h)
    outside = sky.temperature_c + model.cooling_sun_k_per_kw_m2 * sky.global_w_per_m2 / 1000.0
    lagged = np.asarray(lfilter([1.0 - keep], [1.0, -keep], outside, zi=[keep * outside[0]])[0])
    balance = rng.normal(*model.cooling_from_c, n)
    per_kelvin = model.cooling_w_per_m2_k / 1000.0 * envelope * _factors(rng, model.cooling_sigma, n)
    clock = np.arange(hours) % HOURS_PER_DAY
    working = ((clock >= 8) & (clock < 17) & (_weekend(time) == 0)).astype(float)
    energy = lagged[:, None] - balance - working[:, None] * (model.setback_by_day_k * (1.0 - home_by_day))
    energy -= model.setback_away_k * away
    np.maximum(energy, 0.0, out=energy)
    energy *= per_kelvin
    shape = model.cooling_hour_cv**-2
    energy *= rng.gamma(shape, 1.0 / shape, (hours, n))
    return np.minimum(energy, model.cooling_most_w_per_m2 / 1000.0 * envelope)
