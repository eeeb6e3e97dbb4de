"""Internal prices over four months, beside the grid's: raw net profiles, with storages idle and nothing shifted.

The paper shows monthly prices of buyers and sellers over four months. Here they are those of a generated community from
1 May to 30 August, whose model knows hours, clouds and habits but no seasons: what differs from month to month is
chance.

Source: Lange, section "Pricing behaviour and consumer energy cost".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...instances.scheduling import SchedulingInstance
from ...instances.settlement import SettlementInstance
from ...instances.sources.india import indian_community
from ...models.settlement.decision import SettlementDecision
from ...models.settlement.statements import statement
from ...solvers.solve import solve
from .lange_settlement import mean_price

DAYS = 122
GRID = "grid"
INTERNAL = {"sdr": "SDR", "mmr": "MMR"}


@dataclass(frozen=True, eq=False)
class Months:
    """Prices and internal trade, month by month.

    Attributes
    ----------
    prices : DataFrame
        A row a month and rule, the grid's prices being a rule as well: ``buy`` and ``sell`` weighted by energy,
        ``buy_plain`` and ``sell_plain`` the means over hours in which that side trades.
    trade : DataFrame
        A row a month: what is bought, sold and exchanged, mean and greatest power of the exchange.
    hours : DataFrame
        A row an hour of the day and rule, with the columns of :attr:`prices`, over all months.
    bills_off : float
        By how much members' monthly statements miss what the grid is paid in a month, relative, at most.
    members : int
        How many there are.
    currency : str
        Of prices.
    """

    prices: pd.DataFrame
    trade: pd.DataFrame
    hours: pd.DataFrame
    bills_off: float
    members: int
    currency: str

    def series(self, rule: str, column: str) -> np.ndarray:
        """A column of :attr:`prices` for one rule, (months,)."""
        found: np.ndarray = self.prices.loc[self.prices["rule"] == rule, column].to_numpy()
        return found

    def mean(self, rule: str, side: str) -> float:
        """Mean price of a side, ``"buy"`` or ``"sell"``, over all months, weighted by energy."""
        energy = self.trade[{"buy": "bought_kwh", "sell": "sold_kwh"}[side]].to_numpy()
        return float(self.series(rule, side) @ energy / energy.sum())

    @property
    def exchanged_kw(self) -> tuple[float, float]:
        """Mean and greatest power that members exchange over all months."""
        hours = self.trade["hours"].to_numpy()
        mean = self.trade["exchanged_kwh"].sum() / hours.sum()
        return float(mean), float(self.trade["exchanged_peak_kw"].max())


def four_months(households: int = 240, villages: int = 12, districts: int = 6, states: int = 3) -> SettlementInstance:
    """Hours of 1 May to 30 August 2030 that are to be settled, with storages idle and requests served at once.

    Parameters
    ----------
    households, villages, districts, states : int
        Size of the generated community.

    Returns
    -------
    SettlementInstance
    """
    made = indian_community(households, villages, districts, states, interval="hour", days=DAYS).instance
    return SettlementInstance(
        meta=made.meta,
        interval=made.interval,
        member=made.member,
        load_kwh=made.load_kwh + requests_as_load(made),
        generation_kwh=made.generation_kwh,
        retail_price=made.buy_price,
        feed_in_price=made.sell_price,
        dt_h=made.dt_h,
        currency=made.currency,
    )


def requests_as_load(instance: SchedulingInstance) -> np.ndarray:
    """Load of requests that are served from the beginning of their windows on, at full power, (T, n) kWh.

    The same as :func:`.lange_model.served_at_once` for requests that fit into their windows. That one holds an array of
    intervals by requests, which for ten thousand requests in three thousand hours are gigabytes.
    """
    load = np.zeros_like(instance.load_kwh)
    most = instance.request_kw * instance.dt_h
    left = np.array(instance.request_kwh)
    step = 0
    while (asks := np.flatnonzero(left > 0)).size:
        served = np.minimum(left[asks], most[asks])
        if (instance.earliest[asks] + step > instance.latest[asks]).any():
            raise ValueError("a request does not fit into its window")
        np.add.at(load, (instance.earliest[asks] + step, instance.request_of[asks]), served)
        left[asks] -= served
        step += 1
    return load


def monthly(given: SettlementInstance) -> Months:
    """Prices and trade of every month.

    Parameters
    ----------
    given : SettlementInstance
        Intervals with dates.

    Returns
    -------
    Months
    """
    month = np.array([str(label)[:7] for label in given.interval])
    names = np.unique(month)
    settled = {name: _settled(given, rule) for rule, name in INTERNAL.items()}
    prices = {GRID: (given.retail_price, given.feed_in_price)}
    for name, decision in settled.items():
        assert decision.buy_price is not None
        assert decision.sell_price is not None
        prices[name] = (decision.buy_price, decision.sell_price)
    trade = pd.DataFrame([{"month": one} | _trade(given, month == one) for one in names])
    off = max(_statements_off(given, month, decision) for decision in settled.values())
    hour = np.array([str(label)[11:13] for label in given.interval])
    by_month, by_hour = _table(given, prices, month, "month"), _table(given, prices, hour, "hour")
    return Months(by_month, trade, by_hour, off, len(given.member), given.currency)


def _table(
    given: SettlementInstance, prices: dict[str, tuple[np.ndarray, np.ndarray]], period: np.ndarray, name: str
) -> pd.DataFrame:
    """Mean prices by rule and period, one row each."""
    return pd.DataFrame(
        [
            {name: one, "rule": rule} | _means(given, period == one, *pair)
            for rule, pair in prices.items()
            for one in np.unique(period)
        ]
    )


def _settled(given: SettlementInstance, rule: str) -> SettlementDecision:
    decision = solve(given, method=rule).decision
    assert isinstance(decision, SettlementDecision)
    return decision


def _means(given: SettlementInstance, chosen: np.ndarray, buy: np.ndarray, sell: np.ndarray) -> dict[str, float]:
    """Mean prices over some hours; where a side does not trade, its price is a mere convention and left out."""
    found = {}
    for name, price, energy in (("buy", buy, given.buying_kwh), ("sell", sell, given.selling_kwh)):
        price, energy = price[chosen], energy[chosen]
        found[name] = mean_price(price, energy)
        found[f"{name}_plain"] = mean_price(price, (energy > 0).astype(float))
    return found


def _trade(given: SettlementInstance, chosen: np.ndarray) -> dict[str, float]:
    inside = given.inside_kwh[chosen]
    return {
        "hours": float(chosen.sum() * given.dt_h),
        "bought_kwh": float(given.buying_kwh[chosen].sum()),
        "sold_kwh": float(given.selling_kwh[chosen].sum()),
        "exchanged_kwh": float(inside.sum()),
        "exchanged_kw": float(inside.mean() / given.dt_h),
        "exchanged_peak_kw": float(inside.max() / given.dt_h),
    }


def _statements_off(given: SettlementInstance, month: np.ndarray, decision: SettlementDecision) -> float:
    """How far monthly statements of all members together are from what the grid is paid, relative, at most."""
    billed = statement(decision, "month").groupby("period")["bill"].sum()
    net = given.net_kwh.sum(axis=1)
    paid = given.retail_price * np.maximum(net, 0.0) - given.feed_in_price * np.maximum(-net, 0.0)
    due = pd.Series(paid).groupby(month).sum()
    return float((billed - due).abs().max() / due.abs().min())
