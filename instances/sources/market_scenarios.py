"""Prices of an aggregator's markets: a shape for the day, and scenarios of how long or short the system is.

One number for each scenario and half-hour says how short the system is, with some persistence; all prices of real time
follow from it, so that none contradicts another: what is accepted to deliver more never earns more than what is missing
costs, what is accepted to deliver less never costs less than a surplus earns. Levels are of the order of British prices
of 2023 and are declared by us.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .texas_sky import autocorrelated, stream


@dataclass(frozen=True, kw_only=True)
class MarketModel:
    """Parameters; prices in GBP/kWh, reserve in GBP/kW/h, pairs are ranges."""

    # Mean price, and what each hour of the day adds in parts of it: cheap nights, dear evenings.
    mean_price: float = 0.11
    day: tuple[float, ...] = (
        -0.30, -0.34, -0.36, -0.36, -0.34, -0.28, -0.08, 0.10, 0.16, 0.08, 0.00, -0.04,
        -0.06, -0.08, -0.06, 0.04, 0.30, 0.62, 0.66, 0.40, 0.16, 0.02, -0.12, -0.22,
    )  # fmt: skip
    price_sigma: float = 0.06
    # How short the system is: standard normal with this persistence from one half-hour to the next.
    persistence: float = 0.85
    # What a system that is short or long by one standard deviation adds to, or takes off, in parts of the day ahead.
    imbalance_slope: float = 0.45
    balancing_slope: float = 0.30
    intraday_slope: float = 0.12
    intraday_spread: float = 0.06
    least_spread: float = 0.02
    # Beyond this, offers of the balancing mechanism are accepted.
    accepted_beyond: float = 1.1
    up_reserve_price: tuple[float, float] = (0.004, 0.014)
    down_reserve_price: tuple[float, float] = (0.002, 0.008)
    reserve_used: float = 0.04
    carbon_kg_per_kwh: tuple[float, float] = (0.10, 0.26)


def market_scenarios(
    intervals: int,
    scenarios: int,
    *,
    seed: int,
    nature: int,
    dt_h: float = 0.5,
    imbalance: str = "dual",
    model: MarketModel,
) -> dict[str, Any]:
    """Prices and acceptance, by their names in :class:`commonwatt.instances.portfolio.PortfolioInstance`.

    Parameters
    ----------
    intervals, scenarios : int
        T from a midnight on, and S.
    seed, nature : int
        Not negative; of what is known a day ahead, and of what comes.
    dt_h : float, h
        Length of an interval, which divides an hour.
    imbalance : {"dual", "single", "single_with_penalty"}
        With ``"dual"`` what is on the right side of the system's need is paid as day ahead.
    model : MarketModel
        Parameters.

    Returns
    -------
    dict
        Fields of the instance.
    """
    hour = (np.arange(intervals) * dt_h).astype(int)
    rng = stream(seed, "day ahead")
    hourly = 1.0 + np.resize(model.day, int(hour[-1]) + 1) + model.price_sigma * rng.standard_normal(int(hour[-1]) + 1)
    ahead = np.round(model.mean_price * np.maximum(hourly, 0.1)[hour], 5)
    short = autocorrelated(stream(nature, "system"), intervals, model.persistence, scenarios).T
    price = ahead * np.maximum(1.0 + model.imbalance_slope * short, 0.05)
    if imbalance == "dual":
        missing = np.maximum(price, ahead) + model.least_spread * ahead
        surplus = np.minimum(price, ahead) - model.least_spread * ahead
    else:
        missing = surplus = price
    # Between the day ahead and imbalance, so that nobody earns by not delivering.
    middle = ahead * np.maximum(1.0 + model.intraday_slope * short, 0.05)
    called = ahead * np.maximum(1.0 + model.balancing_slope * short, 0.05)
    rng = stream(seed, "reserve")
    block = (np.arange(intervals) * dt_h // 4).astype(int)
    reserve = {
        f"{side}_reserve_price": np.round(rng.uniform(*prices, block[-1] + 1), 4)[block]
        for side, prices in (("up", model.up_reserve_price), ("down", model.down_reserve_price))
    }
    dirty = (1.0 + np.resize(model.day, 24)[hour % 24] - 0.64) / (1.66 - 0.64)
    low, high = model.carbon_kg_per_kwh
    rng = stream(nature, "calls")
    return {
        "day_ahead_price": ahead,
        "short_price": np.round(missing, 5),
        "long_price": np.round(surplus, 5),
        "imbalance": imbalance,
        "intraday_sale_price": np.round(middle * (1.0 - model.intraday_spread), 5),
        "intraday_purchase_price": np.round(middle * (1.0 + model.intraday_spread), 5),
        "up_price": np.round(called, 5),
        "down_price": np.round(called, 5),
        "up_accepted": (short > model.accepted_beyond).astype(float),
        "down_accepted": (short < -model.accepted_beyond).astype(float),
        "up_used": np.round(model.reserve_used * rng.beta(0.5, 1.5, short.shape) * (short > 0), 4),
        "down_used": np.round(model.reserve_used * rng.beta(0.5, 1.5, short.shape) * (short < 0), 4),
        "carbon_kg_per_kwh": np.round(low + (high - low) * dirty, 4),
        **reserve,
    }
