"""A buyer that leads: who sells to it, at what cost, and what it needs.

Source: Tushar et al., IEEE TSG 5(3), 2014 (a facility sets prices for the surplus of homes that best-respond), restated
with quadratic costs, capacities and a grid; the restatement is ours.
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
class ProcurementInstance(Instance):
    """A buyer sets a price for each seller; sellers sell what is best for them; the grid supplies what is missing.

    Selling e kWh costs a seller α e²/2: what else it would have done with them. Each interval is a game of its own.

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601.
    seller : (m,) labels
        Who answers prices.
    cost_slope : (m,) array, currency/kWh²
        α, by how much each kWh sold costs its seller more than the one before; positive.
    capacity_kwh : (T, m) array, kWh
        The most that each can sell in each interval.
    demand_kwh : (T,) array, kWh
        What the buyer needs, of sellers or the grid.
    retail_price : (T,) array, currency/kWh
        At which the grid sells to it.
    dt_h : float
        Length of an interval, h.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of all prices.
    """

    problem: ClassVar[str] = "stackelberg.procurement"

    interval: Array = labels(time=True)
    seller: Array = labels("seller {}")
    cost_slope: Array = array("seller", unit="currency/kWh^2", low=0.0)
    capacity_kwh: Array = array("interval", "seller", unit="kWh", low=0.0)
    demand_kwh: Array = array("interval", unit="kWh", low=0.0)
    retail_price: Array = array("interval", unit=PRICE, low=0.0)
    dt_h: float = scalar(1.0, unit="h", low=0.0)
    currency: str = choice(*CURRENCIES, default="EUR")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with single values that bounds of fields do not say."""
        if self.dt_h <= 0:
            yield Fault("settings", "dt_h", "", f"{self.dt_h:g}", "must be positive")
        for j in np.flatnonzero(self.cost_slope <= 0):
            remedy = "without it the answer to a price is not unique; give a small number"
            yield Fault("seller", "cost_slope", str(self.seller[j]), "0", "must be positive", remedy)

    @cached_property
    def money_size(self) -> np.ndarray:
        """What demand costs of the grid alone, (T,) currency."""
        return readonly(self.retail_price * self.demand_kwh)


def tiny_procurement() -> ProcurementInstance:
    """Two sellers and an hour, for warming methods up."""
    return ProcurementInstance(
        cost_slope=[0.1, 0.05],
        capacity_kwh=[[2.0, 5.0]],
        demand_kwh=[3.0],
        retail_price=[0.3],
        meta=Meta(name="tiny"),
    )
