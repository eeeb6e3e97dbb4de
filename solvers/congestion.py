"""How often a feeder is out of its limits: load flows of many samples, and which limit each breaks.

Source: Postnikov et al., section on the network (probabilities of voltage and thermal violations by penetration).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..instances.aggregator import Feeder
from .kernels.load_flow import conductor_currents, existence_margin, power_flow

CERTIFIED = 0.25
"""Margin below which the voltages found are proved to be the only ones near no load."""


@dataclass(frozen=True)
class Congestion:
    """What samples do to a feeder.

    Parameters
    ----------
    low, high, hot : (S,) arrays of bool
        Whether some voltage is below or above its limit, and some conductor above its rating.
    lowest_v, highest_v : (S,) arrays, V
        Of all loads.
    loading : (S,) array
        Greatest current in parts of its conductor's rating.
    certified : (S,) array of bool
        Whether the voltages are proved to be the only ones near no load; where not, they solve the equations all the
        same.
    """

    low: np.ndarray
    high: np.ndarray
    hot: np.ndarray
    lowest_v: np.ndarray
    highest_v: np.ndarray
    loading: np.ndarray
    certified: np.ndarray

    @property
    def any(self) -> np.ndarray:
        """Whether some limit is broken, (S,) of bool."""
        return np.asarray(self.low | self.high | self.hot)


def congestion(feeder: Feeder, net_load_kw: Any) -> Congestion:
    """Find which samples break which limits.

    Parameters
    ----------
    feeder : Feeder
        The network.
    net_load_kw : (S, n) array, kW
        Drawn by each load; export is negative.

    Returns
    -------
    Congestion

    Raises
    ------
    ValueError
        For another number of loads, or a number that is not finite.
    NoFlowError
        If some sample has no voltages at which all loads get their power.
    """
    power = np.atleast_2d(np.asarray(net_load_kw, float))
    voltage = power_flow(feeder, power)
    size = np.abs(voltage)
    position, _ = feeder.conductors
    rating = feeder.rating_a[position[:, 0]]
    current = np.abs(conductor_currents(feeder, voltage, power))
    # Of a conductor without a rating any current is too much.
    loading = np.where(rating > 0, current / np.where(rating > 0, rating, 1.0), np.where(current > 0, np.inf, 0.0))
    lowest, highest = size.min(axis=1), size.max(axis=1)
    most = loading.max(axis=1, initial=0.0)
    return Congestion(
        low=lowest < feeder.lowest_v,
        high=highest > feeder.highest_v,
        hot=most > 1.0,
        lowest_v=lowest,
        highest_v=highest,
        loading=most,
        certified=np.asarray(existence_margin(feeder, power) < CERTIFIED),
    )
