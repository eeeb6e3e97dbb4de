"""Communities with batteries whose operator sets a tariff: what is given of the bilevel game.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017, and its use by Roana et al. and Lomascolo-Pujadó and
Martínez-García; batteries among the followers, and limits of mean prices, are ours.
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
class TariffInstance(Instance):
    """An operator between the grid and members with batteries, each of whom runs its own at least cost.

    The operator sets one buying and one selling price for each interval; a battery ends as full as it began.

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601.
    member : (n,) labels
        Homes, offices, shops.
    net_kwh : (T, n) array, kWh
        Demand minus generation of each member without its battery.
    capacity_kwh : (n,) array, kWh
        Greatest content of each battery, 0 for none.
    power_kw : (n,) array, kW
        Greatest power of charging and of discharging, at the meter.
    efficiency : (n,) array
        Of charging, and again of discharging.
    initial_kwh : (n,) array, kWh
        Content at the start and at the end; not above the capacity.
    wear_price : (n,) array, currency/kWh
        What each kWh charged or discharged costs its owner.
    retail_price, feed_in_price : (T,) arrays, currency/kWh
        At which the grid sells to the operator and takes back; the latter must be neither negative nor higher.
    mean_buy_cap : float, currency/kWh
        The operator's buying price must not be higher on average; the mean retail price or more does not bind.
    mean_sell_floor : float, currency/kWh
        Its selling price must not be lower on average; the mean feed-in price or less does not bind.
    dt_h : float
        Length of an interval, h.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of all prices.
    """

    problem: ClassVar[str] = "stackelberg.tariff"

    interval: Array = labels(time=True)
    member: Array = labels("member {}")
    net_kwh: Array = array("interval", "member", unit="kWh")
    capacity_kwh: Array = array("member", unit="kWh", low=0.0, default=0.0)
    power_kw: Array = array("member", unit="kW", low=0.0, default=0.0)
    efficiency: Array = array("member", unit="1", low=0.0, high=1.0, default=1.0)
    initial_kwh: Array = array("member", unit="kWh", low=0.0, default=0.0)
    wear_price: Array = array("member", unit=PRICE, low=0.0, default=0.0)
    retail_price: Array = array("interval", unit=PRICE)
    feed_in_price: Array = array("interval", unit=PRICE, low=0.0, default=0.0)
    mean_buy_cap: float = scalar(unit=PRICE)
    mean_sell_floor: float = scalar(unit=PRICE)
    dt_h: float = scalar(1.0, unit="h", low=0.0)
    currency: str = choice(*CURRENCIES, default="EUR")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: prices the wrong way round, means that cannot be kept, batteries."""
        if self.dt_h <= 0:
            yield Fault("settings", "dt_h", "", f"{self.dt_h:g}", "must be positive")
        wrong = np.flatnonzero(self.feed_in_price > self.retail_price)
        for t in wrong:
            message = f"is above the retail price of {self.retail_price[t]:g}"
            remedy = "such a grid would pay for buying and selling at once; correct one of the two"
            row, value = str(self.interval[t]), f"{self.feed_in_price[t]:g}"
            yield Fault("interval", "feed_in_price", row, value, message, remedy)
        if not len(wrong):
            yield from self._faults_of_means()
        for i in np.flatnonzero(self.efficiency <= 0):
            yield Fault("member", "efficiency", str(self.member[i]), "0", "must be positive")
        for i in np.flatnonzero(self.initial_kwh > self.capacity_kwh):
            message = f"is above the capacity of {self.capacity_kwh[i]:g} kWh"
            remedy = "a battery holds no more than its capacity; correct one of the two"
            yield Fault("member", "initial_kwh", str(self.member[i]), f"{self.initial_kwh[i]:g}", message, remedy)

    def _faults_of_means(self) -> Iterator[Fault]:
        low, high = float(self.feed_in_price.mean()), float(self.retail_price.mean())
        # A mean that was computed elsewhere may differ in its last digits.
        slack = 1e-12 * self.price_size
        for name, value, wrong, what in (
            (
                "mean_buy_cap",
                self.mean_buy_cap,
                self.mean_buy_cap < low - slack,
                f"below the mean feed-in price of {low:g}",
            ),
            (
                "mean_sell_floor",
                self.mean_sell_floor,
                self.mean_sell_floor > high + slack,
                f"above the mean retail, {high:g}",
            ),
            (
                "mean_sell_floor",
                self.mean_sell_floor,
                low <= self.mean_buy_cap < self.mean_sell_floor - slack <= high,
                f"above mean_buy_cap = {self.mean_buy_cap:g}",
            ),
        ):
            if wrong:
                remedy = "no prices between the grid's keep it, with selling never dearer than buying"
                yield Fault("settings", name, "", f"{value:g}", f"is {what}", remedy)

    @cached_property
    def power_kwh(self) -> np.ndarray:
        """The most that each battery charges or discharges in an interval, (n,) kWh; 0 where it holds nothing."""
        filling = self.capacity_kwh / self.efficiency
        return readonly(np.where(self.capacity_kwh > 0, np.minimum(self.power_kw * self.dt_h, filling), 0.0))

    @cached_property
    def energy_size(self) -> np.ndarray:
        """The most that each member can buy or sell in any interval, (n,) kWh, to which roundings are relative."""
        return readonly(np.abs(self.net_kwh).max(axis=0) + self.power_kwh)

    @cached_property
    def price_size(self) -> float:
        """Greatest retail price in absolute value, currency/kWh."""
        return float(np.abs(self.retail_price).max())

    def grid_cost(self, net_kwh: np.ndarray) -> np.ndarray:
        """What the grid is paid for net loads of shape (T,), by interval, currency."""
        found: np.ndarray = self.retail_price * np.maximum(net_kwh, 0.0)
        return found - self.feed_in_price * np.maximum(-net_kwh, 0.0)


def tiny_tariff() -> TariffInstance:
    """Two hours, a home with a battery and one without, for warming methods up."""
    return TariffInstance(
        net_kwh=[[-2.0, 1.0], [1.0, 1.0]],
        capacity_kwh=[2.0, 0.0],
        power_kw=[1.0, 0.0],
        efficiency=[0.9, 1.0],
        wear_price=[0.01, 0.0],
        retail_price=[0.3, 0.3],
        feed_in_price=[0.05, 0.05],
        mean_buy_cap=0.25,
        mean_sell_floor=0.08,
        meta=Meta(name="tiny"),
    )
