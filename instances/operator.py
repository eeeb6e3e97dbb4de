"""Communities whose operator sets prices: what members generate, and what energy is worth to them.

Source: Liu, Yu, Wang, Wang, *Energy sharing management for microgrids with PV prosumers: a Stackelberg game approach*,
IEEE TII 13(3), 2017. Limits of what members use, and intervals of any length, are ours.
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

PARAMETERS = {"quadratic": ("first_worth", "saturation"), "log": ("log_worth",)}
"""Fields that each form of the members' utility needs."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OperatorInstance(Instance):
    """An operator between the grid and its members, each of whom uses what is best for it at the operator's prices.

    Each interval is a game of its own. Using x kWh is worth a x - q x²/2 to a member, or k ln(1 + x/kWh).

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601.
    member : (n,) labels
        Homes, offices, shops.
    generation_kwh : (T, n) array, kWh
        What each member generates.
    utility : {"quadratic", "log"}
        Which form it has.
    first_worth, saturation : (T, n) arrays, currency/kWh and currency/kWh², for a quadratic utility
        a and q: what the first kWh is worth, and by how much the next is worth less for each kWh; q positive.
    log_worth : (T, n) array, currency, for a logarithmic utility
        k, positive.
    least_kwh, greatest_kwh : (T, n) arrays, kWh
        Limits of what each member uses; what it generates must lie between.
    retail_price, feed_in_price : (T,) arrays, currency/kWh
        At which the grid sells to the operator and takes back; the latter must not be higher.
    dt_h : float
        Length of an interval, h.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of all prices.
    """

    problem: ClassVar[str] = "stackelberg.operator"

    interval: Array = labels(time=True)
    member: Array = labels("member {}")
    generation_kwh: Array = array("interval", "member", unit="kWh", low=0.0)
    utility: str = choice(*PARAMETERS, default="quadratic")
    first_worth: Array = array("interval", "member", unit=PRICE, optional=True)
    saturation: Array = array("interval", "member", unit="currency/kWh^2", low=0.0, optional=True)
    log_worth: Array = array("interval", "member", unit="currency", low=0.0, optional=True)
    least_kwh: Array = array("interval", "member", unit="kWh", low=0.0, default=0.0)
    greatest_kwh: Array = array("interval", "member", unit="kWh", low=0.0)
    retail_price: Array = array("interval", unit=PRICE)
    feed_in_price: Array = array("interval", unit=PRICE, default=0.0)
    dt_h: float = scalar(1.0, unit="h", low=0.0)
    currency: str = choice(*CURRENCIES, default="EUR")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: prices and limits the wrong way round, a utility that lacks something."""
        if self.dt_h <= 0:
            yield Fault("settings", "dt_h", "", f"{self.dt_h:g}", "must be positive")
        for t in np.flatnonzero(self.feed_in_price > self.retail_price):
            message = f"is above the retail price of {self.retail_price[t]:g}"
            remedy = "such a grid would pay for buying and selling at once; correct one of the two"
            yield Fault(
                "interval", "feed_in_price", str(self.interval[t]), f"{self.feed_in_price[t]:g}", message, remedy
            )
        yield from self._faults_of_utility()
        for name, limit, wrong, side in (
            ("least_kwh", self.least_kwh, self.least_kwh > self.generation_kwh, "above"),
            ("greatest_kwh", self.greatest_kwh, self.greatest_kwh < self.generation_kwh, "below"),
        ):
            for t, i in np.argwhere(wrong):
                message = f"is {side} what it generates, {self.generation_kwh[t, i]:g} kWh"
                remedy = "using just what one generates must be possible; correct one of the two"
                yield Fault("interval_member", name, self._row(t, i), f"{limit[t, i]:g}", message, remedy)

    def _row(self, t: int, i: int) -> str:
        return f"{self.interval[t]}, {self.member[i]}"

    def _faults_of_utility(self) -> Iterator[Fault]:
        for form, names in PARAMETERS.items():
            for name in names:
                given = getattr(self, name)
                if (given is not None) != (form == self.utility):
                    message = "is missing" if given is None else "is given"
                    remedy = f"a {self.utility} utility takes {' and '.join(PARAMETERS[self.utility])}, nothing else"
                    yield Fault("interval_member", name, "", "", f"{message} with utility {self.utility!r}", remedy)
        steep = "saturation" if self.utility == "quadratic" else "log_worth"
        values = getattr(self, steep)
        if values is not None:
            for t, i in np.argwhere(values <= 0):
                remedy = "without it the answer to a price is not unique; give a small number"
                yield Fault("interval_member", steep, self._row(t, i), "0", "must be positive", remedy)

    @cached_property
    def price_size(self) -> np.ndarray:
        """Greater of the grid's two prices in absolute value, (T,) currency/kWh."""
        return readonly(np.maximum(np.abs(self.retail_price), np.abs(self.feed_in_price)))

    def wanted_kwh(self, price: np.ndarray) -> np.ndarray:
        """What each member would use if energy cost a price, within its limits, (T, n) kWh.

        Parameters
        ----------
        price : (T,) array, currency/kWh
            A logarithmic utility has no end: at a price of 0 or less everybody uses the most that it can.
        """
        column = price[:, None]
        if self.first_worth is not None and self.saturation is not None:
            load = (self.first_worth - column) / self.saturation
        else:
            positive = np.where(column > 0, column, 1.0)
            load = np.where(column > 0, self.log_worth / positive - 1.0, np.inf)
        found: np.ndarray = np.clip(load, self.least_kwh, self.greatest_kwh)
        return found

    @cached_property
    def energy_size(self) -> np.ndarray:
        """Greatest that each member uses at any of the operator's prices, or makes, (T, n) kWh.

        Roundings are relative to it rather than to a limit that may be far beyond what anybody wants.
        """
        return readonly(np.maximum(self.wanted_kwh(self.feed_in_price), self.generation_kwh))

    def grid_cost(self, net_kwh: np.ndarray) -> np.ndarray:
        """What the grid is paid for net loads.

        Parameters
        ----------
        net_kwh : (T,) or (T, n) array, kWh
            Demand minus supply behind one meter each.

        Returns
        -------
        array of the same shape, currency
        """
        shape = (-1,) + (1,) * (net_kwh.ndim - 1)
        retail, feed_in = self.retail_price.reshape(shape), self.feed_in_price.reshape(shape)
        found: np.ndarray = retail * np.maximum(net_kwh, 0.0) - feed_in * np.maximum(-net_kwh, 0.0)
        return found


def tiny_operator() -> OperatorInstance:
    """One hour of two who sell and two who buy, for warming methods up."""
    return OperatorInstance(
        generation_kwh=[[5.0, 4.0, 1.0, 0.0]],
        first_worth=[[0.30, 0.30, 0.34, 0.30]],
        saturation=[[0.04, 0.05, 0.04, 0.05]],
        greatest_kwh=[[10.0, 10.0, 10.0, 10.0]],
        retail_price=[0.3],
        feed_in_price=[0.05],
        meta=Meta(name="tiny"),
    )
