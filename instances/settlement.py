"""Settlement instances: what members took and gave, at which prices the grid trades, and what they could do otherwise.

Source: Lange, *Cloud-coordinated peer-to-peer energy sharing for urban community microgrids*, sections
"Supply-demand-ratio pricing" and "MLA-based bill estimation"; Liu et al., IEEE TPWRS 32(5), 2017. The games of
coalitions are ours, after Owen (1975).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .errors import Fault, InstanceError
from .fields import Array, array, choice, labels, readonly, scalar
from .record import Instance, Meta
from .scheduling import CURRENCIES, PRICE

ENUMERABLE = 16
"""Members up to which all coalitions are gone through."""

MATCH = 1e-9
"""Relative difference up to which a community counts as balanced, and data as agreeing."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SettlementInstance(Instance):
    """A community whose energy has flowed, or is planned, and whose members now have to be billed.

    Energies are per interval. The dispatch is given; what is decided is who pays what.

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601; hours are counted in UTC, so a day of a clock change has 23 or 25 of them.
    member : (n,) labels
        Homes, offices, nodes.
    load_kwh, generation_kwh : (T, n) arrays, kWh
        What each member used and what it generated.
    storage_kwh : (T, n) array, kWh, optional
        What went into its storages minus what came out.
    retail_price, feed_in_price : (T,) arrays, currency/kWh
        At which the grid sells and takes back; the latter must not be higher.
    shared_kwh : (T, n) array, kWh, optional
        What each member receives of the others' surplus, where an allocation says so; otherwise everybody who is short
        receives the same share of its need.
    balance_price : (T,) array, currency/kWh, optional
        Dual of the community's balance, from the program that made the dispatch.
    alone_cost : (n,) array, currency, optional
        The bill at which a member would be as well off alone, with a dispatch of its own. Otherwise members alone keep
        their dispatch.
    coalition : (C,) labels
        All coalitions, where their least costs are known; there may be none.
    coalition_member : (C, n) array of 0 and 1
        Who belongs to each.
    coalition_cost : (C,) array, currency
        The sum of bills at which each would be as well off by itself, with a dispatch of its own. Without this table a
        coalition of more than one member keeps its dispatch.
    dt_h : float
        Length of an interval, h.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of all prices.
    """

    problem: ClassVar[str] = "settlement"

    interval: Array = labels(time=True)
    member: Array = labels("member {}")
    load_kwh: Array = array("interval", "member", unit="kWh", low=0.0)
    generation_kwh: Array = array("interval", "member", unit="kWh", low=0.0, default=0.0)
    storage_kwh: Array = array("interval", "member", unit="kWh", optional=True)
    retail_price: Array = array("interval", unit=PRICE)
    feed_in_price: Array = array("interval", unit=PRICE, default=0.0)
    shared_kwh: Array = array("interval", "member", unit="kWh", low=0.0, optional=True)
    balance_price: Array = array("interval", unit=PRICE, optional=True)
    alone_cost: Array = array("member", unit="currency", optional=True)
    coalition: Array = labels("coalition {}", empty=True)
    coalition_member: Array = array("coalition", "member", unit="1", low=0, high=1, dtype=int, empty=True)
    coalition_cost: Array = array("coalition", unit="currency", empty=True)
    dt_h: float = scalar(1.0, unit="h", low=0.0)
    currency: str = choice(*CURRENCIES, default="EUR")

    @classmethod
    def from_net(cls, net_kwh: Any, **fields: Any) -> SettlementInstance:
        """An instance of raw net profiles: what is positive is load, what is negative generation.

        Parameters
        ----------
        net_kwh : (T, n) array, kWh
            Demand minus supply.
        **fields
            All others.

        Raises
        ------
        InstanceError
            For anything but a table of numbers.
        """
        try:
            net = np.asarray(net_kwh, dtype=float)
        except (TypeError, ValueError) as error:
            message = "is no array of numbers"
            raise InstanceError([Fault("interval_member", "net_kwh", "", "", message, "give shape (T, n)")]) from error
        if net.ndim != 2:
            message = "must be a row for each interval and a column for each member"
            raise InstanceError([Fault("interval_member", "net_kwh", "", f"shape {net.shape}", message)])
        return cls(load_kwh=np.maximum(net, 0.0), generation_kwh=np.maximum(-net, 0.0), **fields)

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: prices the wrong way round, shares of nothing, coalitions that lack."""
        if self.dt_h <= 0:
            yield Fault("settings", "dt_h", "", f"{self.dt_h:g}", "must be positive")
        for t in np.flatnonzero(self.feed_in_price > self.retail_price):
            message = f"is above the retail price of {self.retail_price[t]:g}"
            remedy = "such a grid would pay for buying and selling at once; correct one of the two"
            yield Fault(
                "interval", "feed_in_price", str(self.interval[t]), f"{self.feed_in_price[t]:g}", message, remedy
            )
        yield from self._faults_of_shares()
        yield from self._faults_of_balance_price()
        yield from self._faults_of_coalitions()

    def _faults_of_shares(self) -> Iterator[Fault]:
        if self.shared_kwh is None:
            return
        need = np.maximum(self.net_kwh, 0.0)
        for t, i in np.argwhere(self.shared_kwh > need + MATCH * np.maximum(self.load_kwh, need)):
            row, value = f"{self.interval[t]}, {self.member[i]}", f"{self.shared_kwh[t, i]:g}"
            message = f"is more than the member's need of {need[t, i]:g} kWh"
            yield Fault("interval_member", "shared_kwh", row, value, message, "give at most what it is short of")
        given, there = self.shared_kwh.sum(axis=1), np.maximum(-self.net_kwh, 0.0).sum(axis=1)
        for t in np.flatnonzero(given > there + MATCH * np.maximum(given, there)):
            message = f"adds up to {given[t]:g} kWh, more than the surplus of {there[t]:g} kWh"
            yield Fault("interval_member", "shared_kwh", str(self.interval[t]), f"{given[t]:g}", message, "give less")

    def _faults_of_balance_price(self) -> Iterator[Fault]:
        if self.balance_price is None:
            return
        slack = MATCH * np.maximum(np.abs(self.retail_price), np.abs(self.feed_in_price))
        wrong = (self.balance_price > self.retail_price + slack) | (self.balance_price < self.feed_in_price - slack)
        for t in np.flatnonzero(wrong):
            message = f"lies outside [{self.feed_in_price[t]:g}, {self.retail_price[t]:g}], the grid's prices"
            remedy = "a dual of the balance cannot, unless the connection is limited or its peak has a price"
            yield Fault(
                "interval", "balance_price", str(self.interval[t]), f"{self.balance_price[t]:g}", message, remedy
            )

    def _faults_of_coalitions(self) -> Iterator[Fault]:
        if not len(self.coalition):
            return
        n = len(self.member)
        if n > ENUMERABLE:
            message = f"lists coalitions of {n} members; at most {ENUMERABLE} members can have all of theirs listed"
            yield Fault("coalition", "coalition_cost", "", "", message, "leave the table out")
            return
        if self.alone_cost is not None:
            message = "is given beside the costs of coalitions, which say it already"
            yield Fault("member", "alone_cost", "", "", message, "leave one of the two out")
        masks = self._masks
        seen, counts = np.unique(masks, return_counts=True)
        for mask in seen[(counts > 1) | (seen == 0)]:
            row = str(self.coalition[int(np.flatnonzero(masks == mask)[-1])])
            message = "names the same members as another coalition" if mask else "has no members"
            yield Fault("coalition_member", "coalition_member", row, "", message, "leave it out")
        for mask in sorted(set(range(1, 2**n)) - set(seen.tolist()))[:20]:
            names = ", ".join(str(self.member[i]) for i in range(n) if mask >> i & 1)
            message = f"has no row for the coalition of {names}"
            yield Fault("coalition", "coalition_cost", "", "", message, f"list all {2**n - 1} coalitions, or none")

    @property
    def _masks(self) -> np.ndarray:
        """Coalitions listed as whole numbers, of which bit i stands for member i."""
        found: np.ndarray = self.coalition_member @ (1 << np.arange(len(self.member)))
        return found

    @cached_property
    def net_kwh(self) -> np.ndarray:
        """Demand minus supply of each member, (T, n) kWh; negative where it has a surplus."""
        net = self.load_kwh - self.generation_kwh
        return readonly(net if self.storage_kwh is None else net + self.storage_kwh)

    @cached_property
    def buying_kwh(self) -> np.ndarray:
        """What all members who are short need, (T,) kWh."""
        return readonly(np.maximum(self.net_kwh, 0.0).sum(axis=1))

    @cached_property
    def selling_kwh(self) -> np.ndarray:
        """What all members who are long have to give, (T,) kWh, positive."""
        return readonly(np.maximum(-self.net_kwh, 0.0).sum(axis=1))

    @cached_property
    def inside_kwh(self) -> np.ndarray:
        """What stays in the community, (T,) kWh: the shorter side, or what an allocation hands out."""
        if self.shared_kwh is not None:
            return readonly(self.shared_kwh.sum(axis=1))
        return readonly(np.minimum(self.buying_kwh, self.selling_kwh))

    @cached_property
    def received_kwh(self) -> np.ndarray:
        """What each member receives of the others' surplus, (T, n) kWh: the same share of every need by default."""
        if self.shared_kwh is not None:
            return np.asarray(self.shared_kwh)
        share = np.divide(
            self.inside_kwh, self.buying_kwh, out=np.zeros_like(self.buying_kwh), where=self.buying_kwh > 0
        )
        return readonly(np.maximum(self.net_kwh, 0.0) * share[:, None])

    @cached_property
    def given_kwh(self) -> np.ndarray:
        """What each member gives to others, (T, n) kWh: the same share of every surplus."""
        share = np.divide(
            self.inside_kwh, self.selling_kwh, out=np.zeros_like(self.selling_kwh), where=self.selling_kwh > 0
        )
        return readonly(np.maximum(-self.net_kwh, 0.0) * share[:, None])

    def grid_cost(self, net_kwh: np.ndarray) -> np.ndarray:
        """What the grid is paid for net loads (T,) or (T, m) behind one meter each; a number or (m,)."""
        shape = (-1,) + (1,) * (net_kwh.ndim - 1)
        retail, feed_in = self.retail_price.reshape(shape), self.feed_in_price.reshape(shape)
        return (retail * np.maximum(net_kwh, 0.0) - feed_in * np.maximum(-net_kwh, 0.0)).sum(axis=0)

    @cached_property
    def community_bill(self) -> float:
        """What the grid is paid by the community for this dispatch, which bills have to add up to."""
        bought, sold = self.buying_kwh - self.inside_kwh, self.selling_kwh - self.inside_kwh
        return float(self.retail_price @ bought - self.feed_in_price @ sold)

    @cached_property
    def separate_bill(self) -> np.ndarray:
        """What each member would pay for this dispatch behind a meter of its own, (n,)."""
        return readonly(self.grid_cost(self.net_kwh))

    @cached_property
    def alone_bill(self) -> np.ndarray:
        """The bill at which each member is as well off as alone, (n,)."""
        if self.alone_cost is not None:
            return np.asarray(self.alone_cost)
        if len(self.coalition):
            return readonly(self.coalition_costs[1 << np.arange(len(self.member))])
        return self.separate_bill

    @property
    def redispatched(self) -> bool:
        """Whether members or groups by themselves are known to have another dispatch than here."""
        return self.alone_cost is not None or len(self.coalition) > 0

    @property
    def enumerable(self) -> bool:
        """Whether the community is small enough for going through all coalitions."""
        return len(self.member) <= ENUMERABLE

    @cached_property
    def coalition_costs(self) -> np.ndarray:
        """Cost of every coalition by itself, (2ⁿ,): bit i of the position says whether member i belongs to it.

        Raises
        ------
        ValueError
            For more than 16 members.
        """
        n = len(self.member)
        if not self.enumerable:
            raise ValueError(f"{n} members have 2^{n} coalitions; at most {ENUMERABLE} members are gone through")
        costs = np.zeros(2**n)
        if len(self.coalition):
            costs[self._masks] = self.coalition_cost
            return readonly(costs)
        for net, retail, feed_in in zip(self.net_kwh, self.retail_price, self.feed_in_price, strict=True):
            total = subset_sums(net)
            costs += np.maximum(retail * total, feed_in * total)
        costs[1 << np.arange(n)] = self.alone_bill
        return readonly(costs)

    def cost_of(self, members: np.ndarray) -> np.ndarray:
        """Cost of some coalitions by themselves, (k,), from rows of 0 and 1, (k, n)."""
        if len(self.coalition):
            found: np.ndarray = self.coalition_costs[members.astype(int) @ (1 << np.arange(len(self.member)))]
            return found
        costs = self.grid_cost(self.net_kwh @ members.T)
        single = members.sum(axis=1) == 1
        costs[single] = self.alone_bill[members[single].argmax(axis=1)]
        return costs


def subset_sums(values: np.ndarray) -> np.ndarray:
    """Sum over every subset, (2ⁿ,): bit i of the position says whether ``values[i]`` counts."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


def tiny_settlement() -> SettlementInstance:
    """Two buyers, a seller and two hours, for warming methods up."""
    return SettlementInstance.from_net(
        [[1.0, 2.0, -1.5], [1.0, 0.5, 0.2]],
        retail_price=[0.3, 0.3],
        feed_in_price=[0.05, 0.05],
        meta=Meta(name="tiny"),
    )
