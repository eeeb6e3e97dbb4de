"""A generated community in Austin, Texas: hourly load and solar generation of 443 households, 180 of them prosumers.

The measured households of Kouvelas et al., *Efficient power sharing at the edge by building a tangible micro-grid - the
Texas case* (section V: 443 households, 180 with panels, one year), may not be redistributed. This module makes a
community of the same size and place from declared models and a seed:

- weather: air temperature = seasonal course + daily course + autocorrelated anomaly; cloud cover from an autocorrelated
  Gaussian; one sky over the whole neighbourhood;
- irradiance: position of the sun (Spencer 1971), clear sky (Haurwitz 1945), clouds (Kasten and Czeplak 1980), diffuse
  share (Erbs 1982), isotropic sky on the tilted panel (Liu and Jordan 1963);
- panels: cell temperature by NOCT, linear temperature coefficient, constant losses, inverter limit;
- load = standing load + activity of the occupants + appliances used now and then + air conditioning.

What is known about the community (excess over deficit, peak over mean, clusters) is not an input: it follows from the
parameters in :class:`TexasModel`, and no series is rescaled afterwards. Heating and hot water use gas.
"""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SOLAR_CONSTANT_W_PER_M2 = 1361.0
HOURS_PER_DAY = 24


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

    # Temperature: means of about 10 C in January and 30 C in July; fronts make winter three times as unsettled as summer.
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
    pv_loss_share: tuple[float, float] = (0.10, 0.17)
    pv_temperature_per_k: float = -0.0037
    pv_noct_c: float = 45.0
    pv_inverter_kw_per_kwp: float = 0.9
    ground_albedo: float = 0.2

    # Dwellings: apartments carry no panels of their own while there are roofs enough.
    apartment_share: float = 0.35
    apartment_area_m2: tuple[float, float] = (75.0, 0.22)
    house_area_m2: tuple[float, float] = (190.0, 0.30)
    occupants_alone: float = 0.35
    occupants_per_m2: float = 0.0075
    occupants_most: int = 6

    # Standing load: refrigerator, standby, ventilation.
    standing_kw: float = 0.10
    standing_w_per_m2: float = 0.95
    standing_sigma: float = 0.40

    # Activity: light, cooking, entertainment; bumps in the morning and in the evening, more by day where somebody is home.
    activity_kwh_per_day: float = 1.2
    activity_kwh_per_occupant_day: float = 2.0
    activity_sigma: float = 0.40
    activity_hour_sigma: float = 0.35
    activity_day_sigma: float = 0.20
    morning_hour: tuple[float, float] = (7.5, 0.8)
    evening_hour: tuple[float, float] = (19.0, 0.9)
    bump_width_h: tuple[float, float] = (1.3, 2.4)
    bump_height: tuple[float, float] = (1.6, 3.6)
    night_activity: float = 0.35
    home_by_day: tuple[float, float] = (1.2, 1.2)
    # Habits drift from week to week (guests, work, illness).
    habit_sigma: float = 0.08
    habit_weekly_correlation: float = 0.7

    # Appliances used now and then (dryer, oven, dishwasher, charging): Poisson events of one hour.
    appliance_uses_per_day: float = 0.55
    appliance_uses_per_occupant_day: float = 0.30
    appliance_kwh: tuple[float, float] = (1.7, 0.55)

    # Air conditioning: electricity per m2 and kelvin over the temperature at which a home needs none.
    cooling_w_per_m2_k: float = 0.62
    cooling_sigma: float = 0.40
    # Shared walls and roofs: an apartment has about half the envelope of a house per m2 of floor.
    cooling_apartment_share: float = 0.5
    cooling_from_c: tuple[float, float] = (20.5, 1.8)
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
class HouseholdSeries:
    """Hourly series of a generated community of n households over T hours.

    Attributes
    ----------
    time : ndarray of datetime64[h], shape (T,)
        Start of each hour, local standard time.
    household : tuple of str, length n
    load_kwh, generation_kwh : ndarray, shape (T, n)
        Consumption and generation in each hour, kWh.
    pv_kwp : ndarray, shape (n,)
        Panels, kWp; zero for consumers.
    floor_area_m2 : ndarray, shape (n,)
    occupants : ndarray of int, shape (n,)
    apartment : ndarray of bool, shape (n,)
        Whether the dwelling is an apartment (else a house).
    temperature_c, irradiance_w_per_m2 : ndarray, shape (T,)
        Air temperature and global horizontal irradiance, means of the hour.
    """

    time: NDArray[np.datetime64]
    household: tuple[str, ...]
    load_kwh: Floats
    generation_kwh: Floats
    pv_kwp: Floats
    floor_area_m2: Floats
    occupants: NDArray[np.int64]
    apartment: NDArray[np.bool_]
    temperature_c: Floats
    irradiance_w_per_m2: Floats

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def excess_over_deficit(self) -> float:
        """Sum of all hourly excesses over the sum of all hourly deficiencies of the households."""
        net = self.load_kwh - self.generation_kwh
        return float(np.maximum(-net, 0.0).sum() / np.maximum(net, 0.0).sum())

    @property
    def peak_over_mean(self) -> Floats:
        """Highest hourly load over mean load of each household, shape (n,)."""
        return self.load_kwh.max(axis=0) / self.load_kwh.mean(axis=0)

    @property
    def yield_kwh_per_kwp(self) -> float:
        """Annual generation of all panels per installed kWp; NaN without panels."""
        installed = float(self.pv_kwp.sum())
        return float(self.generation_kwh.sum()) / installed if installed > 0.0 else float("nan")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sky:
    """Weather shared by the neighbourhood, arrays of shape (T,); ``sun`` points east, north, up (T, 3)."""

    temperature_c: Floats
    cloud: Floats
    sun: Floats
    global_w_per_m2: Floats
    diffuse_w_per_m2: Floats


def texas_series(
    n_households: int = 443,
    n_prosumers: int = 180,
    *,
    year: int = 2013,
    seed: int = 443,
    model: TexasModel | None = None,
) -> HouseholdSeries:
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
    HouseholdSeries
        T = 8760 hours.

    Raises
    ------
    ValueError
        If a count or the seed is out of range, or the year has 366 days.
    """
    if n_households < 1 or not 0 <= n_prosumers <= n_households:
        raise ValueError(f"{n_prosumers} prosumers of {n_households} households: need 0 <= prosumers <= households >= 1")
    if isleap(year):
        raise ValueError(f"year {year} has 366 days; choose one of 365")
    if seed < 0:
        raise ValueError(f"seed {seed} is negative")
    model = TexasModel() if model is None else model
    time = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[h]")
    sky = _sky(model, time.size, seed)
    apartment, area, occupants = _dwellings(model, n_households, seed)
    pv_kwp = _panel_sizes(model, apartment, n_prosumers, seed)
    load = _load_kwh(model, sky, time, apartment, area, occupants, seed)
    generation = _generation_kwh(model, sky, pv_kwp, seed)
    width = max(3, len(str(n_households)))
    return HouseholdSeries(
        time=time,
        household=tuple(f"H{number:0{width}d}" for number in range(1, n_households + 1)),
        load_kwh=np.round(load, model.meter_decimals_kwh),
        generation_kwh=np.round(generation, model.meter_decimals_kwh),
        pv_kwp=pv_kwp,
        floor_area_m2=area,
        occupants=occupants,
        apartment=apartment,
        temperature_c=np.round(sky.temperature_c, 2),
        irradiance_w_per_m2=np.round(sky.global_w_per_m2, 1),
    )


def _stream(seed: int, name: str) -> np.random.Generator:
    """Nature's stream of that name: a change in one part of the model leaves the draws of the others alone."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(f"nature/{name}".encode())))


def _autocorrelated(rng: np.random.Generator, steps: int, correlation: float, columns: int = 1) -> Floats:
    """Stationary first-order autoregression with unit variance, shape (steps, columns)."""
    from scipy.signal import lfilter

    noise = rng.standard_normal((steps, columns))
    noise[1:] *= np.sqrt(1.0 - correlation**2)
    return np.asarray(lfilter([1.0], [1.0, -correlation], noise, axis=0))


def _sky(model: TexasModel, hours: int, seed: int) -> _Sky:
    """Draw temperature and clouds and derive the irradiance on the ground."""
    hour = np.arange(hours) + 0.5
    day, clock = hour / HOURS_PER_DAY, hour % HOURS_PER_DAY
    season = np.cos(2.0 * np.pi * (day - model.warmest_day) / 365.0)
    rng = _stream(seed, "cloud")
    days = hours // HOURS_PER_DAY
    daily = np.repeat(_autocorrelated(rng, days, model.cloud_daily_correlation)[:, 0], HOURS_PER_DAY)
    hourly = _autocorrelated(rng, hours, model.cloud_hourly_correlation)[:, 0]
    latent = model.cloud_mean - model.cloud_seasonal * season
    cloud = _logistic(latent + model.cloud_daily_sd * daily + model.cloud_hourly_sd * hourly)

    anomaly = _autocorrelated(_stream(seed, "temperature"), hours, model.anomaly_daily_correlation ** (1 / HOURS_PER_DAY))
    spread = model.anomaly_winter_k + (model.anomaly_summer_k - model.anomaly_winter_k) * (1.0 + season) / 2.0
    diurnal = model.temperature_diurnal_k * np.cos(2.0 * np.pi * (clock - model.warmest_hour) / HOURS_PER_DAY)
    cover = np.repeat(cloud.reshape(days, HOURS_PER_DAY).mean(axis=1), HOURS_PER_DAY)
    temperature = (
        model.temperature_mean_c
        + model.temperature_seasonal_k * season
        + diurnal * (1.0 - (1.0 - model.overcast_diurnal_factor) * cover)
        + spread * anomaly[:, 0]
    )
    sun, extraterrestrial = _sun(model, day, clock)
    high = np.maximum(sun[:, 2], 0.0)
    clear = 1098.0 * high * np.exp(-0.057 / np.maximum(high, 1e-3))
    ground = clear * (1.0 - 0.75 * cloud**3.4)
    diffuse = ground * _diffuse_share(ground / np.maximum(extraterrestrial * high, 1.0))
    return _Sky(temperature_c=temperature, cloud=cloud, sun=sun, global_w_per_m2=ground, diffuse_w_per_m2=diffuse)


def _logistic(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-1.702 * x))


def _sun(model: TexasModel, day: Floats, clock: Floats) -> tuple[Floats, Floats]:
    """Direction of the sun (T, 3) as east, north, up, and normal irradiance outside the atmosphere (T,) in W/m2."""
    angle = 2.0 * np.pi * day / 365.0
    declination = (
        0.006918 - 0.399912 * np.cos(angle) + 0.070257 * np.sin(angle)
        - 0.006758 * np.cos(2 * angle) + 0.000907 * np.sin(2 * angle)
        - 0.002697 * np.cos(3 * angle) + 0.00148 * np.sin(3 * angle)
    )  # fmt: skip
    equation_of_time_h = (12.0 / np.pi) * (
        0.000075 + 0.001868 * np.cos(angle) - 0.032077 * np.sin(angle)
        - 0.014615 * np.cos(2 * angle) - 0.04089 * np.sin(2 * angle)
    )  # fmt: skip
    solar_time = clock + (model.longitude_deg - model.clock_meridian_deg) / 15.0 + equation_of_time_h
    hour_angle = np.pi * (solar_time - 12.0) / 12.0
    latitude = np.radians(model.latitude_deg)
    east = -np.cos(declination) * np.sin(hour_angle)
    north = np.cos(latitude) * np.sin(declination) - np.sin(latitude) * np.cos(declination) * np.cos(hour_angle)
    up = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    return np.stack([east, north, up], axis=1), SOLAR_CONSTANT_W_PER_M2 * (1.0 + 0.033 * np.cos(angle))


def _diffuse_share(clearness: Floats) -> Floats:
    """Share of diffuse in global irradiance by the clearness index (Erbs et al. 1982)."""
    k = np.clip(clearness, 0.0, 1.0)
    middle = 0.9511 - 0.1604 * k + 4.388 * k**2 - 16.638 * k**3 + 12.336 * k**4
    return np.where(k <= 0.22, 1.0 - 0.09 * k, np.where(k <= 0.8, middle, 0.165))


def _dwellings(model: TexasModel, n: int, seed: int) -> tuple[NDArray[np.bool_], Floats, NDArray[np.int64]]:
    """Kind, floor area and occupants of each dwelling; the number of apartments is the rounded share, not a draw."""
    rng = _stream(seed, "dwelling")
    apartment = rng.permutation(n) < round(model.apartment_share * n)
    median, sigma = np.where(apartment[:, None], model.apartment_area_m2, model.house_area_m2).T
    area = np.round(median * np.exp(sigma * rng.standard_normal(n)))
    more = rng.poisson(model.occupants_alone + model.occupants_per_m2 * area)
    return apartment, area, np.minimum(1 + more, model.occupants_most)


def _panel_sizes(model: TexasModel, apartment: NDArray[np.bool_], n_prosumers: int, seed: int) -> Floats:
    """Panels go to houses in random order, to apartments only when every house has some."""
    rng = _stream(seed, "panel")
    order = np.lexsort((rng.random(apartment.size), apartment))
    size = np.zeros(apartment.size)
    size[order[:n_prosumers]] = np.round(rng.uniform(*model.pv_size_kwp, n_prosumers), 1)
    return size


def _generation_kwh(model: TexasModel, sky: _Sky, pv_kwp: Floats, seed: int) -> Floats:
    """Hourly generation of all panels, shape (T, n)."""
    rng = _stream(seed, "roof")
    tilt = np.radians(np.clip(rng.normal(*model.pv_tilt_deg, pv_kwp.size), 5.0, 60.0))
    azimuth = np.radians(rng.normal(*model.pv_azimuth_deg, pv_kwp.size))
    loss = rng.uniform(*model.pv_loss_share, pv_kwp.size)
    generation = np.zeros((sky.cloud.size, pv_kwp.size))
    owners = np.flatnonzero(pv_kwp)
    normal = np.stack([np.sin(tilt) * np.sin(azimuth), np.sin(tilt) * np.cos(azimuth), np.cos(tilt)])[:, owners]
    high = sky.sun[:, 2]
    # Below five degrees the beam would be divided by a vanishing height; there all light counts as diffuse.
    risen = high > np.sin(np.radians(5.0))
    beam = np.where(risen, (sky.global_w_per_m2 - sky.diffuse_w_per_m2) / np.where(risen, high, 1.0), 0.0)
    diffuse = np.where(risen, sky.diffuse_w_per_m2, sky.global_w_per_m2)
    plane = beam[:, None] * np.maximum(sky.sun @ normal, 0.0)
    plane += diffuse[:, None] * (1.0 + normal[2]) / 2.0
    plane += (model.ground_albedo * sky.global_w_per_m2)[:, None] * (1.0 - normal[2]) / 2.0
    cell_c = sky.temperature_c[:, None] + plane * ((model.pv_noct_c - 20.0) / 800.0)
    per_kwp = plane / 1000.0 * (1.0 + model.pv_temperature_per_k * (cell_c - 25.0)) * (1.0 - loss[owners])
    generation[:, owners] = np.minimum(per_kwp, model.pv_inverter_kw_per_kwp) * pv_kwp[owners]
    return generation


def _load_kwh(
    model: TexasModel,
    sky: _Sky,
    time: NDArray[np.datetime64],
    apartment: NDArray[np.bool_],
    area: Floats,
    occupants: NDArray[np.int64],
    seed: int,
) -> Floats:
    """Hourly load of all households, shape (T, n): the sum of its four parts."""
    n, hours = area.size, time.size
    home_by_day = _stream(seed, "home by day").beta(*model.home_by_day, n)
    away = _away(model, hours // HOURS_PER_DAY, n, seed)
    envelope = area * np.where(apartment, model.cooling_apartment_share, 1.0)
    load = model.standing_kw + model.standing_w_per_m2 / 1000.0 * area
    load = np.tile(load * _factors(_stream(seed, "standing"), model.standing_sigma, n), (hours, 1))
    load += _occupants_kwh(model, time, occupants, home_by_day, seed) * ~away
    load += _cooling_kwh(model, sky, time, envelope, home_by_day, away, seed)
    return load


def _factors(rng: np.random.Generator, sigma: float, shape: int | tuple[int, ...]) -> Floats:
    """Lognormal factors with mean one."""
    return np.exp(sigma * rng.standard_normal(shape) - sigma**2 / 2.0)


def _away(model: TexasModel, days: int, n: int, seed: int) -> NDArray[np.bool_]:
    """Hours during which a household travels, shape (T, n)."""
    rng = _stream(seed, "trip")
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
    rng = _stream(seed, "activity")
    n, hours = occupants.size, time.size
    days, weeks = hours // HOURS_PER_DAY, -(-hours // (7 * HOURS_PER_DAY))
    course = _activity(model, home_by_day, rng)[_weekend(time), np.arange(hours) % HOURS_PER_DAY]
    level = (model.activity_kwh_per_day + model.activity_kwh_per_occupant_day * occupants) / HOURS_PER_DAY
    level = level * _factors(rng, model.activity_sigma, n)
    habit = np.exp(model.habit_sigma * _autocorrelated(rng, weeks, model.habit_weekly_correlation, n))
    daily = _factors(rng, model.activity_day_sigma, (days, n)) * np.repeat(habit, 7, axis=0)[:days]
    energy = level * course * np.repeat(daily, HOURS_PER_DAY, axis=0)
    energy *= _factors(rng, model.activity_hour_sigma, (hours, n))

    rng = _stream(seed, "appliance")
    rate = model.appliance_uses_per_day + model.appliance_uses_per_occupant_day * occupants
    uses = rng.poisson(course * (rate / HOURS_PER_DAY))
    row, column = np.nonzero(uses)
    median, sigma = model.appliance_kwh
    energy[row, column] += uses[row, column] * median * np.exp(sigma * rng.standard_normal(row.size))
    return energy


def _cooling_kwh(
    model: TexasModel,
    sky: _Sky,
    time: NDArray[np.datetime64],
    envelope: Floats,
    home_by_day: Floats,
    away: NDArray[np.bool_],
    seed: int,
) -> Floats:
    """Electricity of the air conditioner, shape (T, n): proportional to the lagged excess over the balance temperature."""
    from scipy.signal import lfilter

    rng = _stream(seed, "cooling")
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
