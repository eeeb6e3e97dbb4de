"""The sky over the generated community in Austin (:mod:`.texas`), and what its panels make of it.

Weather is drawn from declared models: temperature = seasonal course + daily course + autocorrelated anomaly, cloud
cover from an autocorrelated Gaussian. Irradiance follows from it: position of the sun (Spencer 1971), clear sky
(Haurwitz 1945), clouds (Kasten and Czeplak 1980), diffuse share (Erbs et al. 1982), isotropic sky on a tilted panel
(Liu and Jordan 1963). Panels: cell temperature by NOCT, linear temperature coefficient, constant losses, an inverter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .texas import TexasModel

Floats = NDArray[np.float64]

SOLAR_CONSTANT_W_PER_M2 = 1361.0
HOURS_PER_DAY = 24


@dataclass(frozen=True, kw_only=True, eq=False)
class Sky:
    """Weather shared by the neighbourhood, arrays of shape (T,); ``sun`` points east, north, up (T, 3)."""

    temperature_c: Floats
    cloud: Floats
    sun: Floats
    global_w_per_m2: Floats
    diffuse_w_per_m2: Floats


def stream(seed: int, name: str) -> np.random.Generator:
    """Nature's stream of that name: a change in one part of the model leaves the draws of the others alone."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(f"nature/{name}".encode())))


def autocorrelated(rng: np.random.Generator, steps: int, correlation: float, columns: int = 1) -> Floats:
    """Stationary first-order autoregression with unit variance, shape (steps, columns)."""
    from scipy.signal import lfilter

    noise = rng.standard_normal((steps, columns))
    noise[1:] *= np.sqrt(1.0 - correlation**2)
    return np.asarray(lfilter([1.0], [1.0, -correlation], noise, axis=0))


def draw_sky(model: TexasModel, hours: int, seed: int) -> Sky:
    """Draw temperature and clouds and derive the irradiance on the ground."""
    from scipy.special import expit

    hour: Floats = np.arange(hours, dtype=np.float64) + 0.5
    day, clock = hour / HOURS_PER_DAY, hour % HOURS_PER_DAY
    season = np.cos(2.0 * np.pi * (day - model.warmest_day) / 365.0)
    rng = stream(seed, "cloud")
    days = hours // HOURS_PER_DAY
    daily = np.repeat(autocorrelated(rng, days, model.cloud_daily_correlation)[:, 0], HOURS_PER_DAY)
    hourly = autocorrelated(rng, hours, model.cloud_hourly_correlation)[:, 0]
    latent = model.cloud_mean - model.cloud_seasonal * season
    # The factor brings the logistic curve close to the normal one: a latent of unit variance covers the sky evenly.
    cloud = expit(1.702 * (latent + model.cloud_daily_sd * daily + model.cloud_hourly_sd * hourly))

    anomaly = autocorrelated(stream(seed, "temperature"), hours, model.anomaly_daily_correlation ** (1 / HOURS_PER_DAY))
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
    return Sky(temperature_c=temperature, cloud=cloud, sun=sun, global_w_per_m2=ground, diffuse_w_per_m2=diffuse)


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


def panel_generation_kwh(model: TexasModel, sky: Sky, pv_kwp: Floats, seed: int) -> Floats:
    """Hourly generation of all panels, shape (T, n)."""
    rng = stream(seed, "roof")
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
