"""Proven bounds of what members with batteries trade and of what it is worth to them: constants that are large enough.

Why they hold stands in :mod:`.tariff_program`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...instances.tariff import TariffInstance


@dataclass(frozen=True)
class Range:
    """Interval of numbers, for arithmetic with bounds."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        """Sum."""
        return Range(self.low + other.low, self.high + other.high)

    def __neg__(self) -> Range:
        """Negative."""
        return Range(-self.high, -self.low)

    def times(self, factor: float) -> Range:
        """Product with a number that is not negative."""
        return Range(factor * self.low, factor * self.high)

    @property
    def size(self) -> float:
        """Greatest value of the positive part, and of the negative."""
        return max(self.high, -self.low, 0.0)


def most_traded(instance: TariffInstance) -> tuple[np.ndarray, np.ndarray]:
    """The most that each member buys and sells in each interval, two (T, n) arrays, kWh."""
    return (
        np.maximum(instance.net_kwh + instance.power_kwh, 0.0),
        np.maximum(instance.power_kwh - instance.net_kwh, 0.0),
    )


def proven_bounds(model: Any, instance: TariffInstance, margin: float = 0.0) -> Mapping[Any, tuple[float, float]]:
    """Bounds of every quantity and price of the bilevel program, by arithmetic of intervals.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        Of :func:`.build_bilevel`.
    instance : TariffInstance
        What is given.
    margin : float
        By how much answers have to be better than others, in the unit of the model's prices.

    Returns
    -------
    mapping (ComponentMap) of constraint or variable to (float, float)
        In the units of each member and of the model's prices.
    """
    from pyomo.common.collections import ComponentMap

    found = ComponentMap()
    price = model.price.value
    low, high = instance.feed_in_price / price, instance.retail_price / price
    least, greatest = float(low.min()), float(high.max())
    bought, sold = most_traded(instance)
    last = len(low) - 1
    for i in model.member:
        block, unit = model.follower[i], model.unit[i]
        part, wear = float(instance.efficiency[i]), float(instance.wear_price[i]) / price
        power, room = float(instance.power_kwh[i]) / unit, float(instance.capacity_kwh[i]) / unit
        spare = (len(low) + 1) * margin / part
        stored = Range(part * (least - wear) - spare, (greatest + wear) / part + spare)
        for t in model.interval:
            energy_worth = Range(float(low[t]), float(high[t]))
            charging = Range(wear, wear) + energy_worth + -stored.times(part)
            discharging = Range(wear, wear) + -energy_worth + stored.times(1.0 / part)
            found[block.bought[t]] = float(bought[t, i]) / unit, float(high[t] - low[t])
            found[block.sold[t]] = float(sold[t, i]) / unit, float(high[t] - low[t])
            found[block.charged[t]] = power, max(charging.high, 0.0)
            found[block.charge_limit[t]] = power, max(-charging.low, 0.0)
            found[block.discharged[t]] = power, max(discharging.high, 0.0)
            found[block.discharge_limit[t]] = power, max(-discharging.low, 0.0)
            if t < last:
                apart = stored + -stored
                found[block.stored[t]] = room, apart.size
                found[block.room_limit[t]] = room, apart.size
    return found
