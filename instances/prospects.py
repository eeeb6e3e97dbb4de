"""Members who store or sell at a price that a leader sets, the price of tomorrow unknown: what is given of the game.

Source: El Rahi, Etesami, Saad, Mandayam, Poor, IEEE TSG 10(1), 2019 (prosumers, an uncertain future price, prospect
theory); the leader's range of prices and what it pays for energy are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from .errors import Fault
from .fields import Array, array, choice, labels, readonly, scalar
from .record import Instance, Meta
from .scheduling import CURRENCIES, PRICE


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ProspectsInstance(Instance):
    """A leader sets today's price, members buy or sell today, and what they keep is worth tomorrow's price.

    Today's price is the leader's base price plus the slope times what all buy together; tomorrow's is uniform on a
    range. Losses against selling all today count more than gains. Each interval is a game of its own.

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601.
    member : (n,) labels
        Homes with something to store.
    stored_kwh : (T, n) array, kWh
        What each has: A.
    capacity_kwh : (T, n) array, kWh
        What it can keep at most, not below what it has; it may buy up to that, or sell all.
    loss_aversion : (n,) array
        k, by how much a loss counts more than a gain; at least 1.
    curvature : float
        Exponent of gains and losses, in (0, 1]; below 1 only where the price slope is 0.
    price_slope : (T,) array, currency/kWh²
        By how much today's price rises with each kWh that members buy together.
    future_low, future_high : (T,) arrays, currency/kWh
        Range of tomorrow's price, each as likely as another; the latter must be higher.
    price_low, price_high : (T,) arrays, currency/kWh
        Between which the leader sets its base price.
    supply_price : (T,) array, currency/kWh
        What the leader pays for energy that it sells, and receives for energy that it buys.
    dt_h : float
        Length of an interval, h.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of all prices.
    """

    problem: ClassVar[str] = "stackelberg.prospects"

    interval: Array = labels(time=True)
    member: Array = labels("member {}")
    stored_kwh: Array = array("interval", "member", unit="kWh", low=0.0)
    capacity_kwh: Array = array("interval", "member", unit="kWh", low=0.0)
    loss_aversion: Array = array("member", unit="1", low=1.0, default=1.0)
    curvature: float = scalar(1.0, unit="1", low=0.0, high=1.0)
    price_slope: Array = array("interval", unit="currency/kWh^2", low=0.0, default=0.0)
    future_low: Array = array("interval", unit=PRICE)
    future_high: Array = array("interval", unit=PRICE)
    price_low: Array = array("interval", unit=PRICE)
    price_high: Array = array("interval", unit=PRICE)
    supply_price: Array = array("interval", unit=PRICE)
    dt_h: float = scalar(1.0, unit="h", low=0.0)
    currency: str = choice(*CURRENCIES, default="EUR")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: ranges the wrong way round, stores too small, curvature with a slope."""
        if self.dt_h <= 0:
            yield Fault("settings", "dt_h", "", f"{self.dt_h:g}", "must be positive")
        for name, low, high, wrong in (
            ("future_high", self.future_low, self.future_high, self.future_high <= self.future_low),
            ("price_high", self.price_low, self.price_high, self.price_high < self.price_low),
        ):
            for t in np.flatnonzero(wrong):
                message = f"does not lie above {name.replace('high', 'low')} = {low[t]:g}"
                yield Fault("interval", name, str(self.interval[t]), f"{high[t]:g}", message, "correct one of the two")
        for t, i in np.argwhere(self.capacity_kwh < self.stored_kwh):
            row, value = f"{self.interval[t]}, {self.member[i]}", f"{self.capacity_kwh[t, i]:g}"
            message = f"is below what is stored, {self.stored_kwh[t, i]:g} kWh"
            yield Fault("interval_member", "capacity_kwh", row, value, message, "correct one of the two")
        if self.curvature <= 0:
            yield Fault("settings", "curvature", "", f"{self.curvature:g}", "must be positive")
        elif self.curvature < 1 and (self.price_slope > 0).any():
            remedy = "answers to a price that they move need not be unique then; set curvature to 1 or price_slope to 0"
            message = "is below 1 although today's price has a slope"
            yield Fault("settings", "curvature", "", f"{self.curvature:g}", message, remedy)

    @cached_property
    def price_size(self) -> np.ndarray:
        """Greatest of all prices in absolute value, (T,) currency/kWh."""
        every = [self.future_low, self.future_high, self.price_low, self.price_high, self.supply_price]
        return readonly(np.abs(every).max(axis=0))

    @cached_property
    def reach_kwh(self) -> np.ndarray:
        """The most that each member keeps at any price of the leader, (T, n) kWh, to which roundings are relative.

        Its capacity, or less where today's price rises with what is bought: nobody buys beyond the greatest price that
        tomorrow may bring, even if all others sell what they have.
        """
        all_stored = self.stored_kwh.sum(axis=1, keepdims=True)
        spread = np.maximum(self.future_high - self.price_low, 0.0)[:, None]
        slope = self.price_slope[:, None]
        bought = np.divide(spread, slope, out=np.full(slope.shape, np.inf), where=slope > 0)
        return readonly(np.minimum(self.capacity_kwh, self.stored_kwh + all_stored + bought))

    @cached_property
    def money_size(self) -> np.ndarray:
        """What each member could keep at the greatest price, (T, n) currency, to which regret is relative."""
        volume = self.reach_kwh.sum(axis=1, keepdims=True)
        return readonly((self.price_size[:, None] + self.price_slope[:, None] * volume) * self.reach_kwh)


def tiny_prospects() -> ProspectsInstance:
    """Two members and an hour, for warming methods up."""
    return ProspectsInstance(
        stored_kwh=[[2.0, 1.0]],
        capacity_kwh=[[4.0, 3.0]],
        loss_aversion=[1.0, 2.0],
        price_slope=[0.01],
        future_low=[0.1],
        future_high=[0.3],
        price_low=[0.0],
        price_high=[0.4],
        supply_price=[0.16],
        meta=Meta(name="tiny"),
    )
