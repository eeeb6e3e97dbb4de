"""Portfolios of an aggregator: storages and vehicles of many members, offered in several markets under uncertainty.

Source: Postnikov et al., *Aggregators as digital intermediaries to local electricity markets*; equations are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from .errors import Fault
from .fields import Array, array, choice, labels, readonly, refers, scalar
from .record import Instance, Meta
from .scenarios import blocks, chances, faults_of_block, faults_of_chances
from .scheduling import CURRENCIES, PRICE

IMBALANCE = ("dual", "single", "single_with_penalty")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PortfolioInstance(Instance):
    """What an aggregator may offer before it knows what comes, and what its members can do afterwards.

    Powers are averages over an interval. Offers of the day ahead and of reserve are made once, before the scenario is
    known, and are constant within their blocks, counted from the first interval. Selling and export are positive.

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601.
    scenario : (S,) labels
        What may come.
    probability : (S,) array
        Of each scenario; equal unless given.
    member : (n,) labels
        Homes and others with a connection.
    member_weight : (n,) array
        What a member's benefit counts, more for the vulnerable; 1 unless given.
    load_kw, generation_kw : (S, T, n) arrays, kW
        Fixed demand, heat pumps included, and generation, which may be curtailed.
    storage : (N,) labels
        Batteries, vehicles, cold stores; there may be none.
    storage_of : (N,) references to ``member``
        Where each is connected.
    capacity_kwh, minimum_kwh, initial_kwh : (N,) arrays, kWh
        Greatest and least content, and the content of state 0.
    charge_kw, discharge_kw : (N,) arrays, kW
        Greatest powers at the meter.
    charge_efficiency, discharge_efficiency, retention : (N,) arrays in (0, 1]
        η_c, η_d, and what is kept of the content from one interval to the next.
    plugged : (S, T, N) array in [0, 1], optional
        Share of the interval in which the storage is there to be charged and discharged.
    trip_kwh : (S, T, N) array, kWh, optional
        What leaves a storage otherwise: driving, warmth that comes in.
    target_kwh : (S, T + 1, N) array, kWh, optional
        Content below which a state falls short, at departure or at the end.
    target_price : (N,) array, currency/kWh
        What a kWh costs that is missing to a target.
    rapid_price : float, currency/kWh
        Price of charging on the way, up to what a trip uses.
    flexibility_fee : (N,) array, currency/kWh
        What a member is paid for each kWh that its storage discharges.
    day_ahead_price : (T,) array, currency/kWh
        At which the day-ahead market buys and sells.
    day_ahead_limit_kw : float, kW
        Greatest offer, either way.
    day_ahead_block_h, reserve_block_h : float, h
        Length of the blocks within which offers are constant.
    intraday_sale_price, intraday_purchase_price : (S, T) arrays, currency/kWh
        Of the intraday market, used when the scenario is known.
    intraday_limit_kw : float, kW
        Greatest trade, either way; 0 closes the market.
    imbalance : {"dual", "single", "single_with_penalty"}
        Whether missing and surplus energy have two prices, one, or one with a penalty on both.
    short_price, long_price : (S, T) arrays, currency/kWh
        What a missing kWh costs, and what a surplus one earns.
    imbalance_penalty : float, currency/kWh
        Added to the price of what is missing and taken off that of what is surplus, with ``single_with_penalty``.
    up_price, down_price : (S, T) arrays, currency/kWh
        What an accepted offer to deliver more earns in the balancing mechanism, and what one to deliver less costs.
    up_accepted, down_accepted : (S, T) arrays in [0, 1]
        Which part of an offer the balancing mechanism accepts; the rest is not paid.
    balancing_limit_kw : float, kW
        Greatest offer of either kind; 0 closes the market.
    up_reserve_price, down_reserve_price : (T,) arrays, currency/kW/h
        For being available to deliver more, or less.
    up_used, down_used : (S, T) arrays in [0, 1]
        Which part of the reserve is called.
    reserve_limit_kw, least_reserve_kw : float, kW
        Greatest reserve of either kind, 0 closes the market; and the least that may be offered, unless it is none.
    response_h : float, h
        How long what is held in reserve must be deliverable.
    room_price : float, currency/kWh
        What each kW costs, for each h, that is offered and could not be delivered.
    risk_weight, tail : float
        ω and α of (1 - ω) mean + ω CVaR_α of profit.
    carbon_kg_per_kwh : (T,) array, kg/kWh
        Of what is taken from the grid.
    dt_h : float
        Length of an interval, h.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of all prices.
    """

    problem: ClassVar[str] = "aggregator.portfolio"

    interval: Array = labels(time=True)
    scenario: Array = labels("scenario {}")
    probability: Array = array("scenario", unit="1", low=0.0, high=1.0, optional=True)
    member: Array = labels("member {}")
    member_weight: Array = array("member", unit="1", low=0.0, default=1.0)
    load_kw: Array = array("scenario", "interval", "member", unit="kW", low=0.0)
    generation_kw: Array = array("scenario", "interval", "member", unit="kW", low=0.0, default=0.0)
    storage: Array = labels("storage {}", empty=True)
    storage_of: Array = refers("member", "storage", empty=True)
    capacity_kwh: Array = array("storage", unit="kWh", low=0.0, empty=True)
    minimum_kwh: Array = array("storage", unit="kWh", low=0.0, default=0.0)
    initial_kwh: Array = array("storage", unit="kWh", low=0.0, default=0.0)
    charge_kw: Array = array("storage", unit="kW", low=0.0, empty=True)
    discharge_kw: Array = array("storage", unit="kW", low=0.0, empty=True)
    charge_efficiency: Array = array("storage", unit="1", low=0.0, high=1.0, default=1.0)
    discharge_efficiency: Array = array("storage", unit="1", low=0.0, high=1.0, default=1.0)
    retention: Array = array("storage", unit="1", low=0.0, high=1.0, default=1.0)
    plugged: Array = array("scenario", "interval", "storage", unit="1", low=0.0, high=1.0, optional=True)
    trip_kwh: Array = array("scenario", "interval", "storage", unit="kWh", low=0.0, optional=True)
    target_kwh: Array = array("scenario", "interval+", "storage", unit="kWh", low=0.0, optional=True)
    target_price: Array = array("storage", unit=PRICE, low=0.0, default=0.0)
    rapid_price: float = scalar(0.5, unit=PRICE, low=0.0)
    flexibility_fee: Array = array("storage", unit=PRICE, low=0.0, default=0.0)
    day_ahead_price: Array = array("interval", unit=PRICE)
    day_ahead_limit_kw: float = scalar(1000.0, unit="kW", low=0.0)
    day_ahead_block_h: float = scalar(1.0, unit="h", low=0.0)
    reserve_block_h: float = scalar(4.0, unit="h", low=0.0)
    intraday_sale_price: Array = array("scenario", "interval", unit=PRICE, default=0.0)
    intraday_purchase_price: Array = array("scenario", "interval", unit=PRICE, default=0.0)
    intraday_limit_kw: float = scalar(0.0, unit="kW", low=0.0)
    imbalance: str = choice(*IMBALANCE, default="dual")
    short_price: Array = array("scenario", "interval", unit=PRICE)
    long_price: Array = array("scenario", "interval", unit=PRICE)
    imbalance_penalty: float = scalar(0.0, unit=PRICE, low=0.0)
    up_price: Array = array("scenario", "interval", unit=PRICE, default=0.0)
    down_price: Array = array("scenario", "interval", unit=PRICE, default=0.0)
    up_accepted: Array = array("scenario", "interval", unit="1", low=0.0, high=1.0, default=0.0)
    down_accepted: Array = array("scenario", "interval", unit="1", low=0.0, high=1.0, default=0.0)
    balancing_limit_kw: float = scalar(0.0, unit="kW", low=0.0)
    up_reserve_price: Array = array("interval", unit="currency/kW/h", default=0.0)
    down_reserve_price: Array = array("interval", unit="currency/kW/h", default=0.0)
    up_used: Array = array("scenario", "interval", unit="1", low=0.0, high=1.0, default=0.0)
    down_used: Array = array("scenario", "interval", unit="1", low=0.0, high=1.0, default=0.0)
    reserve_limit_kw: float = scalar(0.0, unit="kW", low=0.0)
    least_reserve_kw: float = scalar(0.0, unit="kW", low=0.0)
    response_h: float = scalar(0.5, unit="h", low=0.0)
    room_price: float = scalar(1.0, unit=PRICE, low=0.0)
    risk_weight: float = scalar(0.0, unit="1", low=0.0, high=1.0)
    tail: float = scalar(0.1, unit="1", low=0.0, high=1.0)
    carbon_kg_per_kwh: Array = array("interval", unit="kg/kWh", low=0.0, default=0.0)
    dt_h: float = scalar(0.5, unit="h", low=0.0)
    currency: str = choice(*CURRENCIES, default="GBP")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: prices the wrong way round, blocks of half an interval, odd chances."""
        yield from self._faults_of_settings()
        yield from faults_of_chances(self.probability)
        for name in ("charge_efficiency", "discharge_efficiency", "retention"):
            for i in np.flatnonzero(getattr(self, name) <= 0):
                yield Fault("storage", name, str(self.storage[i]), "0", "must be positive", "give a share in (0, 1]")
        for name in ("minimum_kwh", "initial_kwh"):
            for i in np.flatnonzero(getattr(self, name) > self.capacity_kwh):
                value, message = getattr(self, name)[i], f"is above the capacity of {self.capacity_kwh[i]:g} kWh"
                yield Fault("storage", name, str(self.storage[i]), f"{value:g}", message, "lower it")
        for i in np.flatnonzero(self.initial_kwh < self.minimum_kwh):
            message = f"is below the least content of {self.minimum_kwh[i]:g} kWh"
            yield Fault("storage", "initial_kwh", str(self.storage[i]), f"{self.initial_kwh[i]:g}", message, "raise it")
        for i in np.flatnonzero((self.retention < 1) & (self.minimum_kwh > 0)):
            message = "is given to a storage that loses content by itself and could not keep it"
            yield Fault("storage", "minimum_kwh", str(self.storage[i]), "", message, "count content from the minimum")
        yield from self._faults_of_prices()

    def _faults_of_settings(self) -> Iterator[Fault]:
        for name in ("dt_h", "tail", "response_h"):
            if getattr(self, name) <= 0:
                yield Fault("settings", name, "", f"{getattr(self, name):g}", "must be positive")
                return
        for name in ("day_ahead_block_h", "reserve_block_h"):
            yield from faults_of_block(name, getattr(self, name), self.dt_h)
        if self.least_reserve_kw > self.reserve_limit_kw:
            message = f"is above reserve_limit_kw, {self.reserve_limit_kw:g}"
            yield Fault("settings", "least_reserve_kw", "", f"{self.least_reserve_kw:g}", message, "exchange the two")

    def _faults_of_prices(self) -> Iterator[Fault]:
        pairs = [("long_price", "short_price", self.imbalance != "dual")]
        if self.intraday_limit_kw > 0:
            pairs.append(("intraday_sale_price", "intraday_purchase_price", False))
        if self.balancing_limit_kw > 0:
            yield from self._faults_of_balancing()
        for low, high, equal in pairs:
            first, second = getattr(self, low), getattr(self, high)
            for s, t in np.argwhere(first != second if equal else first > second):
                row = f"{self.scenario[s]}, {self.interval[t]}"
                message = f"is {'not' if equal else 'above'} the {high} of {second[s, t]:g}"
                remedy = (
                    "with a single price the two are one" if equal else "buying dear and selling cheap; exchange them"
                )
                yield Fault("scenario_interval", low, row, f"{first[s, t]:g}", message, remedy)

    def _faults_of_balancing(self) -> Iterator[Fault]:
        both = self.up_accepted * self.down_accepted
        for s, t in np.argwhere((both > 0) & (self.up_price > self.down_price)):
            row = f"{self.scenario[s]}, {self.interval[t]}"
            message = f"is above the down_price of {self.down_price[s, t]:g} while both are accepted"
            remedy = "delivering more and less at once would earn for nothing; accept one of the two"
            yield Fault("scenario_interval", "up_price", row, f"{self.up_price[s, t]:g}", message, remedy)

    @cached_property
    def chance(self) -> np.ndarray:
        """Probability of each scenario, (S,)."""
        return chances(self.probability, len(self.scenario))

    @cached_property
    def missing_price(self) -> np.ndarray:
        """What a missing kWh costs in the end, (S, T) currency/kWh."""
        return readonly(self.short_price + self._penalty)

    @cached_property
    def surplus_price(self) -> np.ndarray:
        """What a surplus kWh earns in the end, (S, T) currency/kWh."""
        return readonly(self.long_price - self._penalty)

    @property
    def _penalty(self) -> float:
        return self.imbalance_penalty if self.imbalance == "single_with_penalty" else 0.0

    @cached_property
    def there(self) -> np.ndarray:
        """Share of each interval in which a storage is plugged, (S, T, N)."""
        if self.plugged is not None:
            return np.asarray(self.plugged)
        return readonly(np.ones(self.storage_shape))

    @cached_property
    def driven_kwh(self) -> np.ndarray:
        """What trips use, (S, T, N) kWh."""
        return readonly(np.zeros(self.storage_shape)) if self.trip_kwh is None else np.asarray(self.trip_kwh)

    @cached_property
    def wanted_kwh(self) -> np.ndarray:
        """Targets, (S, T + 1, N) kWh, 0 where there is none."""
        scenarios, intervals, storages = self.storage_shape
        if self.target_kwh is None:
            return readonly(np.zeros((scenarios, intervals + 1, storages)))
        return np.asarray(self.target_kwh)

    @property
    def storage_shape(self) -> tuple[int, int, int]:
        """(S, T, N)."""
        return len(self.scenario), len(self.interval), len(self.storage)

    @cached_property
    def fixed_kw(self) -> np.ndarray:
        """Export before any decision, generation less load of all members, (S, T) kW."""
        return readonly((self.generation_kw - self.load_kw).sum(axis=2))

    def block_of(self, hours: float) -> np.ndarray:
        """Block that each interval belongs to, (T,) whole numbers, for blocks of a length."""
        return blocks(len(self.interval), hours, self.dt_h)

    @cached_property
    def reserves(self) -> bool:
        """Whether anything is held in reserve, so that room for it counts."""
        return self.reserve_limit_kw > 0 or self.balancing_limit_kw > 0


def tiny_portfolio() -> PortfolioInstance:
    """Two scenarios, two intervals, a battery; for warming methods up."""
    return PortfolioInstance(
        load_kw=[[[1.0], [2.0]], [[2.0], [1.0]]],
        generation_kw=[[[3.0], [0.0]], [[1.0], [0.0]]],
        storage_of=[0],
        capacity_kwh=[4.0],
        charge_kw=[2.0],
        discharge_kw=[2.0],
        day_ahead_price=[0.1, 0.2],
        day_ahead_limit_kw=20.0,
        day_ahead_block_h=0.5,
        reserve_block_h=1.0,
        short_price=[[0.2, 0.3], [0.2, 0.3]],
        long_price=[[0.05, 0.1], [0.05, 0.1]],
        up_reserve_price=[0.01, 0.01],
        reserve_limit_kw=5.0,
        risk_weight=0.2,
        meta=Meta(name="tiny"),
    )
