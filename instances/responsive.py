"""Communities whose load answers prices: what members would like to use, and how much it matters to them.

Source: Liu et al., *Energy-sharing model with price-based demand response for microgrids of peer-to-peer prosumers*,
IEEE TPWRS 32(5), 2017. Loads that must add up over the horizon are ours.
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

SLACK = 1e-9
"""Relative difference up to which a total may lie outside of what the limits allow."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ResponsiveInstance(Instance):
    """A community of price-taking prosumers, each of which would bear some discomfort for a better bill.

    Energies are per interval. Member i who uses x instead of the wanted x̂ bears θ_i (x - x̂)² in every interval.

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601.
    member : (n,) labels
        Homes, offices, nodes.
    wanted_kwh, generation_kwh : (T, n) arrays, kWh
        What each member would use if energy cost nothing, x̂, and what it generates.
    discomfort : (n,) array, currency/kWh²
        θ, positive.
    least_kwh : (T, n) array, kWh
        Load below which nobody can go.
    greatest_kwh : (T, n) array, kWh, optional
        Load above which nobody can go; unlimited otherwise.
    total_kwh : (n,) array, kWh, optional
        What each member's load must add up to over the horizon; it then moves load in time rather than doing without.
    retail_price, feed_in_price : (T,) arrays, currency/kWh
        At which the grid sells and takes back; the latter must not be higher.
    dt_h : float
        Length of an interval, h.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of all prices.
    """

    problem: ClassVar[str] = "settlement.responsive"

    interval: Array = labels(time=True)
    member: Array = labels("member {}")
    wanted_kwh: Array = array("interval", "member", unit="kWh", low=0.0)
    generation_kwh: Array = array("interval", "member", unit="kWh", low=0.0, default=0.0)
    discomfort: Array = array("member", unit="currency/kWh^2", low=0.0)
    least_kwh: Array = array("interval", "member", unit="kWh", low=0.0, default=0.0)
    greatest_kwh: Array = array("interval", "member", unit="kWh", low=0.0, optional=True)
    total_kwh: Array = array("member", unit="kWh", low=0.0, optional=True)
    retail_price: Array = array("interval", unit=PRICE)
    feed_in_price: Array = array("interval", unit=PRICE, default=0.0)
    dt_h: float = scalar(1.0, unit="h", low=0.0)
    currency: str = choice(*CURRENCIES, default="EUR")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: prices and limits the wrong way round, totals out of reach."""
        if self.dt_h <= 0:
            yield Fault("settings", "dt_h", "", f"{self.dt_h:g}", "must be positive")
        for t in np.flatnonzero(self.feed_in_price > self.retail_price):
            message = f"is above the retail price of {self.retail_price[t]:g}"
            remedy = "such a grid would pay for buying and selling at once; correct one of the two"
            yield Fault(
                "interval", "feed_in_price", str(self.interval[t]), f"{self.feed_in_price[t]:g}", message, remedy
            )
        for i in np.flatnonzero(self.discomfort <= 0):
            remedy = "a load that does not mind has no unique answer to a price; give a small number"
            yield Fault("member", "discomfort", str(self.member[i]), "0", "must be positive", remedy)
        for t, i in np.argwhere(self.least_kwh > self.upper_kwh):
            row, value = f"{self.interval[t]}, {self.member[i]}", f"{self.least_kwh[t, i]:g}"
            message = f"is above the greatest load of {self.upper_kwh[t, i]:g} kWh"
            yield Fault("interval_member", "least_kwh", row, value, message, "correct one of the two")
        yield from self._faults_of_totals()

    def _faults_of_totals(self) -> Iterator[Fault]:
        if self.total_kwh is None:
            return
        low, high = self.least_kwh.sum(axis=0), self.upper_kwh.sum(axis=0)
        for i in np.flatnonzero((self.total_kwh < low * (1.0 - SLACK)) | (self.total_kwh > high * (1.0 + SLACK))):
            message = f"lies outside [{low[i]:g}, {high[i]:g}] kWh, what the limits of its load add up to"
            remedy = "change the total or the limits"
            yield Fault("member", "total_kwh", str(self.member[i]), f"{self.total_kwh[i]:g}", message, remedy)

    @cached_property
    def upper_kwh(self) -> np.ndarray:
        """Greatest load, (T, n) kWh, infinite where there is no limit."""
        if self.greatest_kwh is None:
            return readonly(np.full(self.wanted_kwh.shape, np.inf))
        return np.asarray(self.greatest_kwh)

    @property
    def coupled(self) -> bool:
        """Whether loads must add up over the horizon, so that intervals cannot be looked at one by one."""
        return self.total_kwh is not None

    @cached_property
    def price_size(self) -> np.ndarray:
        """Greater of the grid's two prices in absolute value, (T,) currency/kWh."""
        return readonly(np.maximum(np.abs(self.retail_price), np.abs(self.feed_in_price)))

    @cached_property
    def member_size(self) -> np.ndarray:
        """Greatest energy of each member's data, (n,) kWh, to which roundings are relative.

        The community's for a member without any, and 1 where there is none at all.
        """
        size = np.max([self.wanted_kwh, self.generation_kwh, self.least_kwh], axis=(0, 1))
        if self.greatest_kwh is not None:
            size = np.maximum(size, self.greatest_kwh.max(axis=0))
        if self.total_kwh is not None:
            size = np.maximum(size, self.total_kwh / len(self.interval))
        return readonly(np.where(size > 0, size, size.max() or 1.0))

    def grid_cost(self, net_kwh: np.ndarray) -> np.ndarray:
        """What the grid is paid in each interval for net loads behind one meter each.

        Parameters
        ----------
        net_kwh : (T,) or (T, m) array, kWh
            Demand minus supply.

        Returns
        -------
        array of the same shape, currency
        """
        shape = (-1,) + (1,) * (net_kwh.ndim - 1)
        retail, feed_in = self.retail_price.reshape(shape), self.feed_in_price.reshape(shape)
        found: np.ndarray = retail * np.maximum(net_kwh, 0.0) - feed_in * np.maximum(-net_kwh, 0.0)
        return found


def tiny_responsive() -> ResponsiveInstance:
    """Two hours of one who sells and two who buy, for warming methods up."""
    return ResponsiveInstance(
        wanted_kwh=[[1.0, 1.0, 1.0], [1.0, 2.0, 0.5]],
        generation_kwh=[[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        discomfort=[0.1, 0.2, 0.4],
        retail_price=[0.3, 0.3],
        feed_in_price=[0.05, 0.05],
        meta=Meta(name="tiny"),
    )
