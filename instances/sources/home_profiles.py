"""What homes of a generated portfolio use and make: declared models of base load, heat pumps, panels and places.

Everything that moves homes together is drawn once for a scenario: how clear each day is and how cold it is outside.
Two seeds are kept apart: one for what homes are, and one, nature's, for what comes, so that the same homes can be met
with other scenarios. Each part has a stream of its own.

Source: Postnikov et al., section on agents (base load and heat pumps inflexible); parameters are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .ev_chain import PLACES, EvChain
from .market_scenarios import MarketModel
from .texas_sky import autocorrelated, stream

DAY = 48
STEP_H = 0.5


@dataclass(frozen=True, kw_only=True)
class AgentModel:
    """Parameters; units stand in the names, pairs are ranges or (median, spread of the logarithm) where so named."""

    # Base load: a winter day's energy, and its shape by bumps (hour, width, height) on a floor.
    base_kwh_median_sigma: tuple[float, float] = (8.5, 0.4)
    base_floor: float = 0.45
    base_bumps: tuple[tuple[float, float, float], ...] = ((7.75, 1.0, 0.9), (12.5, 2.0, 0.4), (18.75, 2.0, 1.9))
    base_noise_sigma: float = 0.5
    base_persistence: float = 0.6
    # Panels in winter: sunrise, sunset, power at noon of a clear day, and how clear a day is (beta).
    pv_kwp: tuple[float, float] = (2.5, 5.0)
    pv_day_h: tuple[float, float] = (8.0, 16.0)
    pv_noon_kw_per_kwp: float = 0.55
    pv_clear: tuple[float, float] = (1.1, 1.6)
    pv_flicker_sigma: float = 0.15
    # Heat pumps: power per kelvin below the heating limit, more in the morning and the evening.
    heat_kw_per_k: tuple[float, float] = (0.06, 0.14)
    heat_limit_c: float = 15.5
    heat_bumps: tuple[tuple[float, float, float], ...] = ((7.0, 1.5, 0.6), (18.0, 2.5, 0.5))
    outside_c: tuple[float, float] = (5.0, 3.5)
    outside_day_k: float = 2.5
    # Batteries are charged and discharged in two hours.
    battery_kwh: tuple[float, ...] = (5.0, 7.5, 10.0)
    battery_efficiency: float = 0.95
    battery_fee: float = 0.02
    # Vehicles: shares of behaviours, then what they are.
    behaviour_share: tuple[float, float, float] = (0.65, 0.15, 0.20)
    vehicle_kwh: tuple[float, ...] = (40.0, 52.0, 64.0, 77.0)
    vehicle_kw: float = 7.2
    vehicle_gives_back: float = 0.5
    vehicle_efficiency: float = 0.93
    vehicle_fee: float = 0.05
    vehicle_least: float = 0.1
    vehicle_content: tuple[float, float] = (0.35, 0.7)
    vehicle_wanted: float = 0.6
    trip_kwh_median_sigma: tuple[float, float] = (7.0, 0.6)
    # A cold store of a shop: band, resistance, capacity, performance, power.
    cold_band_c: tuple[float, float] = (-22.0, -18.0)
    cold_resistance_k_per_kw: float = 6.0
    cold_capacity_kwh_per_k: float = 4.0
    cold_performance: float = 1.8
    cold_kw: float = 6.0
    shop_inside_c: float = 19.0
    target_price: float = 0.40
    rapid_price: float = 0.60
    # Limits of markets for each home, kW.
    intraday_kw: float = 2.0
    balancing_kw: float = 1.0
    reserve_kw: float = 3.0
    market: MarketModel = field(default_factory=MarketModel)


def bumps(hour: np.ndarray, kinds: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    """Sum of bumps (hour, width, height) that know that midnight follows midnight."""
    found = np.zeros(hour.shape)
    for centre, width, height in kinds:
        apart = (hour - centre + 12.0) % 24.0 - 12.0
        found += height * np.exp(-0.5 * (apart / width) ** 2)
    return found


def typical_chain(public_share: float = 0.15) -> EvChain:
    """A declared chain of places: out in the morning, back in the evening, on weekends out for less and later.

    Parameters
    ----------
    public_share : float
        Of arrivals that end at a public charger.

    Returns
    -------
    EvChain
        Of 48 half-hours.
    """
    hour = (np.arange(DAY) + 0.5) * STEP_H
    transition = np.zeros((2, DAY, len(PLACES), len(PLACES)))
    for day, leaving, coming in (
        (0, ((7.75, 0.9, 0.34), (17.5, 2.0, 0.05)), ((17.5, 1.6, 0.32), (12.5, 2.5, 0.10))),
        (1, ((11.0, 2.5, 0.13), (18.0, 1.5, 0.06)), ((16.5, 3.0, 0.22), (21.0, 2.0, 0.20))),
    ):
        leave, arrive = (0.004 + bumps(hour, kind) for kind in (leaving, coming))
        leave_public = np.full(DAY, 0.18)
        for t in range(DAY):
            transition[day, t] = [
                [1 - leave[t], 0.02 * leave[t], 0.98 * leave[t]],
                [0.5 * leave_public[t], 1 - leave_public[t], 0.5 * leave_public[t]],
                [arrive[t] * (1 - public_share), arrive[t] * public_share, 1 - arrive[t]],
            ]
    return EvChain(transition)


def base_load_kw(homes: int, scenarios: int, steps: int, seed: int, nature: int, model: AgentModel) -> np.ndarray:
    """What homes use beside heat pumps and vehicles, (S, T, n) kW."""
    hour = (np.arange(steps) + 0.5) * STEP_H
    shape = model.base_floor + bumps(hour, model.base_bumps)
    shape /= shape[:DAY].sum() * STEP_H
    median, sigma = model.base_kwh_median_sigma
    daily = median * np.exp(sigma * stream(seed, "base load").standard_normal(homes))
    rng = stream(nature, "activity")
    drawn = autocorrelated(rng, steps, model.base_persistence, scenarios * homes).reshape(steps, scenarios, homes)
    noise = np.exp(model.base_noise_sigma * drawn - model.base_noise_sigma**2 / 2)
    return np.asarray(shape[:, None] * daily * noise.transpose(1, 0, 2))


def pv_kw(homes: int, scenarios: int, steps: int, seed: int, nature: int, model: AgentModel) -> np.ndarray:
    """What panels make under one sky, (S, T, n) kW."""
    sky, own = stream(nature, "sky"), stream(seed, "panel")
    rise, down = model.pv_day_h
    hour = (np.arange(steps) + 0.5) * STEP_H % 24.0
    height = np.where((hour > rise) & (hour < down), np.sin(np.pi * (hour - rise) / (down - rise)), 0.0)
    clear = sky.beta(*model.pv_clear, (scenarios, -(-steps // DAY))).repeat(DAY, axis=1)[:, :steps]
    flicker = np.exp(model.pv_flicker_sigma * autocorrelated(sky, steps, 0.5, scenarios).T)
    # The square root keeps an overcast day from being dark.
    share = np.minimum(np.sqrt(clear) * flicker, 1.0) * height * model.pv_noon_kw_per_kwp
    return np.asarray(share[:, :, None] * own.uniform(*model.pv_kwp, homes))


def outside_c(scenarios: int, steps: int, nature: int, model: AgentModel) -> np.ndarray:
    """Temperature outside, (S, T) °C: one cold spell for each scenario, warmest at three in the afternoon."""
    mean, spread = model.outside_c
    hour = (np.arange(steps) + 0.5) * STEP_H
    level = mean + spread * stream(nature, "cold").standard_normal(scenarios)
    return np.asarray(level[:, None] + model.outside_day_k * np.cos(2 * np.pi * (hour - 15.0) / 24.0))


def heat_pump_kw(homes: int, scenarios: int, steps: int, seed: int, nature: int, model: AgentModel) -> np.ndarray:
    """What heat pumps use, (S, T, n) kW; nobody controls them."""
    rng = stream(nature, "heat habit")
    hour = (np.arange(steps) + 0.5) * STEP_H
    lack = np.maximum(model.heat_limit_c - outside_c(scenarios, steps, nature, model), 0.0)
    habit = (1.0 + bumps(hour, model.heat_bumps)) / (1.0 + bumps(hour[:DAY], model.heat_bumps).mean())
    noise = np.exp(0.2 * rng.standard_normal((scenarios, steps, homes)) - 0.02)
    size = stream(seed, "heat pump").uniform(*model.heat_kw_per_k, homes)
    return np.asarray((lack * habit)[:, :, None] * size * noise)
