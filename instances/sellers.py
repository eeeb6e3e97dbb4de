"""Sellers who set prices for buyers who choose among them: what is given of the game.

Source: Paudel, Chaudhari, Long, Gooi, IEEE TIE 66(8), 2019 (sellers lead, buyers follow), restated with divisible
demand that meets congestion; the restatement is ours.
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
class SellersInstance(Instance):
    """Sellers, the demand that they compete for, and the grid beside them; each interval is a game of its own.

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601.
    seller : (m,) labels
        Who sets prices.
    capacity_kwh : (T, m) array, kWh
        The most that each can sell in each interval.
    cost_price : (T, m) array, currency/kWh, optional
        What a seller forgoes for each kWh it sells, between the grid's prices; the feed-in price otherwise.
    congestion : (m,) array, currency/kWh²
        What each kWh bought of a seller costs its buyers more for each kWh that all buy there: losses, network
        charges, inconvenience. At 0 buyers mind prices alone.
    demand_kwh : (T,) array, kWh
        What all buyers need together, of sellers or the grid.
    retail_price, feed_in_price : (T,) arrays, currency/kWh
        At which the grid sells and takes back; the latter must not be higher. Sellers' prices lie between the two.
    dt_h : float
        Length of an interval, h.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of all prices.
    """

    problem: ClassVar[str] = "stackelberg.sellers"

    interval: Array = labels(time=True)
    seller: Array = labels("seller {}")
    capacity_kwh: Array = array("interval", "seller", unit="kWh", low=0.0)
    cost_price: Array = array("interval", "seller", unit=PRICE, optional=True)
    congestion: Array = array("seller", unit="currency/kWh^2", low=0.0)
    demand_kwh: Array = array("interval", unit="kWh", low=0.0)
    retail_price: Array = array("interval", unit=PRICE)
    feed_in_price: Array = array("interval", unit=PRICE, default=0.0)
    dt_h: float = scalar(1.0, unit="h", low=0.0)
    currency: str = choice(*CURRENCIES, default="EUR")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: prices the wrong way round, costs outside of the grid's prices."""
        if self.dt_h <= 0:
            yield Fault("settings", "dt_h", "", f"{self.dt_h:g}", "must be positive")
        wrong = self.feed_in_price > self.retail_price
        for t in np.flatnonzero(wrong):
            message = f"is above the retail price of {self.retail_price[t]:g}"
            remedy = "no price of a seller lies between such prices; correct one of the two"
            value = f"{self.feed_in_price[t]:g}"
            yield Fault("interval", "feed_in_price", str(self.interval[t]), value, message, remedy)
        if self.cost_price is None:
            return
        low, high = self.feed_in_price[:, None], self.retail_price[:, None]
        for t, j in np.argwhere(((self.cost_price < low) | (self.cost_price > high)) & ~wrong[:, None]):
            row, value = f"{self.interval[t]}, {self.seller[j]}", f"{self.cost_price[t, j]:g}"
            message = f"lies outside [{low[t, 0]:g}, {high[t, 0]:g}], the feed-in and the retail price"
            remedy = "a seller forgoes at least what the grid would pay; one that asks more than the grid sells nothing"
            yield Fault("interval_seller", "cost_price", row, value, message, remedy)

    @cached_property
    def unit_cost(self) -> np.ndarray:
        """What each seller forgoes for a kWh, (T, m) currency/kWh: the cost price, or the feed-in price without one."""
        if self.cost_price is None:
            return readonly(np.repeat(self.feed_in_price[:, None], len(self.seller), axis=1))
        return np.asarray(self.cost_price)

    @cached_property
    def price_size(self) -> np.ndarray:
        """Greater of the grid's two prices in absolute value, (T,) currency/kWh."""
        return readonly(np.maximum(np.abs(self.retail_price), np.abs(self.feed_in_price)))

    @cached_property
    def bracket(self) -> np.ndarray:
        """Retail less feed-in price, (T,) currency/kWh: all that there is to share for a kWh."""
        return readonly(self.retail_price - self.feed_in_price)


def tiny_sellers() -> SellersInstance:
    """Two sellers and an hour, for warming methods up."""
    return SellersInstance(
        capacity_kwh=[[5.0, 5.0]],
        congestion=[0.02, 0.01],
        demand_kwh=[4.0],
        retail_price=[0.3],
        feed_in_price=[0.05],
        meta=Meta(name="tiny"),
    )
