"""What a settlement decides, and what proves that no other can do better."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ...instances.fields import Array, array, choice, readonly
from ...instances.record import Decision
from ...instances.settlement import SettlementInstance


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SettlementDecision(Decision):
    """Who pays how much, and the prices per interval from which that follows where there are some.

    Parameters
    ----------
    instance : SettlementInstance
        The community.
    bill : (n,) array, currency
        What each member pays over the horizon; negative where it is paid.
    buy_price, sell_price : (T,) arrays, currency/kWh, optional
        What members pay for what they are short of, and receive for what they have left. The Shapley value and the
        nucleolus have none.
    meters : {"shared", "separate"}
        Whether the grid sees the community behind one meter, or each member behind its own, as it would be alone.
    """

    problem: ClassVar[str] = "settlement"

    instance: SettlementInstance
    bill: Array = array("member", unit="currency")
    buy_price: Array = array("interval", unit="currency/kWh", optional=True)
    sell_price: Array = array("interval", unit="currency/kWh", optional=True)
    meters: str = choice("shared", "separate", default="shared")

    @cached_property
    def saving(self) -> np.ndarray:
        """What each member pays less than alone, (n,)."""
        return readonly(self.instance.alone_bill - self.bill)

    @cached_property
    def interval_bill(self) -> np.ndarray | None:
        """What each member pays in each interval, (T, n); None without prices."""
        if self.buy_price is None or self.sell_price is None:
            return None
        if self.meters == "separate":
            net = self.instance.net_kwh
            bought, sold = np.maximum(net, 0.0), np.maximum(-net, 0.0)
            return readonly(bought * self.buy_price[:, None] - sold * self.sell_price[:, None])
        return readonly(interval_bills(self.instance, self.buy_price, self.sell_price))


def interval_bills(instance: SettlementInstance, buy_price: np.ndarray, sell_price: np.ndarray) -> np.ndarray:
    """What each member pays in each interval at internal prices, (T, n), positive where it pays.

    Where an allocation says who receives how much of the surplus, what is received costs the buyers' price less the
    part of it that stands for energy from the grid, and the rest costs the grid's price.

    Parameters
    ----------
    instance : SettlementInstance
        The community.
    buy_price, sell_price : (T,) arrays, currency/kWh
        Internal prices.

    Returns
    -------
    numpy.ndarray
    """
    net = instance.net_kwh
    if instance.shared_kwh is None:
        return np.maximum(net, 0.0) * buy_price[:, None] - np.maximum(-net, 0.0) * sell_price[:, None]
    price = internal_price(instance, buy_price, sell_price)[:, None]
    retail, feed_in = instance.retail_price[:, None], instance.feed_in_price[:, None]
    received, given = instance.received_kwh, instance.given_kwh
    paid = price * received + retail * (np.maximum(net, 0.0) - received)
    return paid - price * given - feed_in * (np.maximum(-net, 0.0) - given)


def internal_price(instance: SettlementInstance, buy_price: np.ndarray, sell_price: np.ndarray) -> np.ndarray:
    """Price of a kWh that one member gives another, (T,): the price of the side all of whose energy stays inside."""
    return np.where(instance.selling_kwh <= instance.buying_kwh, sell_price, buy_price)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SettlementPrices(Decision):
    """What proves bounds on settlements; any values prove one, good ones a tight one.

    Parameters
    ----------
    instance : SettlementInstance
        The community.
    energy_price : (T,) array, currency/kWh, optional
        What one more kWh of demand costs the community.
    coalition_weight : (K,) array, optional
        Weights on coalitions none of which can be satisfied but at the others' expense: duals of a least-core program.
    weighted_member : (K, n) array of 0 and 1, optional
        Who belongs to them.
    """

    problem: ClassVar[str] = "settlement"

    instance: SettlementInstance
    energy_price: Array = array("interval", unit="currency/kWh", optional=True)
    coalition_weight: Array = array("weighted", unit="1", low=0.0, optional=True)
    weighted_member: Array = array("weighted", "member", unit="1", low=0, high=1, dtype=int, optional=True)
