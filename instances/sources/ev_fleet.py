"""What vehicles draw that charge as soon as they are plugged, until they are full: the behaviour nobody controls.

Source: Postnikov et al., Figure 4 (power and connection of more than 140 vehicles); the rule is ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def charging_on_arrival_kw(
    places: Any,
    rng: np.random.Generator,
    *,
    place: int = 0,
    rating_kw: float = 7.2,
    capacity_kwh: float = 52.0,
    trip_kwh_median_sigma: tuple[float, float] = (7.0, 0.6),
    efficiency: float = 0.93,
    dt_h: float = 0.5,
) -> np.ndarray:
    """Power of each vehicle, full in the beginning, that comes back with what a way took of it.

    Parameters
    ----------
    places : (T, n) array of int
        Histories, such as :meth:`.ev_chain.EvChain.simulate` draws.
    rng : numpy.random.Generator
        What ways take is drawn from, log-normal.
    place : int
        Where vehicles are plugged.
    rating_kw, capacity_kwh, efficiency, dt_h : float
        Of every charger and vehicle, and the length of an interval, h.
    trip_kwh_median_sigma : (float, float)
        Median of what a way takes, kWh, and spread of its logarithm.

    Returns
    -------
    (T, n) array, kW
        Means over intervals, at the meter.
    """
    there = np.asarray(places) == place
    median, sigma = trip_kwh_median_sigma
    lack = np.zeros(there.shape[1])
    power = np.zeros(there.shape)
    for t in range(len(there)):
        if t > 0:
            back = there[t] & ~there[t - 1]
            way = median * np.exp(sigma * rng.standard_normal(len(lack)))
            lack = np.where(back, np.minimum(lack + way, capacity_kwh), lack)
        power[t] = np.where(there[t], np.minimum(rating_kw, lack / (efficiency * dt_h)), 0.0)
        # What is left of a last half-hour may be a rounding below nothing.
        lack = np.maximum(lack - efficiency * dt_h * power[t], 0.0)
    return power
