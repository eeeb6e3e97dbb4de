"""Firm offers: what an aggregator may promise of what is there with a probability, and to fail with which chance.

Source: Postnikov et al., section on agents (offers at P95 and P99 of availability); statement ours.
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
from .scenarios import blocks, chances, faults_of_block, faults_of_chances
from .scheduling import CURRENCIES

SCOPES = ("interval", "block", "horizon")

CHANCE = 1e-12
"""For the last digits of sums of probabilities."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FirmOfferInstance(Instance):
    """Capacity that is there in scenarios, to be offered in blocks, and to be missed with at most a given chance.

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601.
    scenario : (S,) labels
        What may come.
    probability : (S,) array
        Of each scenario; equal unless given.
    available_kw : (S, T) array, kW
        What could be delivered.
    price : (T,) array, currency/kW/h
        For being available.
    limit_kw : float, kW
        Greatest offer.
    block_h : float, h
        Length of the blocks within which an offer is constant, from the first interval on.
    epsilon : float
        Greatest chance to fail: 0.05 for what is there with 95 %.
    scope : {"interval", "block", "horizon"}
        What must not fail: each interval, each block in all its intervals, or all blocks at once.
    dt_h : float
        Length of an interval, h.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of all prices.
    """

    problem: ClassVar[str] = "aggregator.firm_offer"

    interval: Array = labels(time=True)
    scenario: Array = labels("scenario {}")
    probability: Array = array("scenario", unit="1", low=0.0, high=1.0, optional=True)
    available_kw: Array = array("scenario", "interval", unit="kW", low=0.0)
    price: Array = array("interval", unit="currency/kW/h", low=0.0, default=1.0)
    limit_kw: float = scalar(1e6, unit="kW", low=0.0)
    block_h: float = scalar(4.0, unit="h", low=0.0)
    epsilon: float = scalar(0.05, unit="1", low=0.0, high=1.0)
    scope: str = choice(*SCOPES, default="block")
    dt_h: float = scalar(0.5, unit="h", low=0.0)
    currency: str = choice(*CURRENCIES, default="GBP")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: blocks of half an interval, odd chances."""
        if self.dt_h <= 0:
            yield Fault("settings", "dt_h", "", f"{self.dt_h:g}", "must be positive")
            return
        yield from faults_of_block("block_h", self.block_h, self.dt_h)
        yield from faults_of_chances(self.probability)
        if self.epsilon >= 1:
            message = "is no chance to keep a promise; any offer would do"
            yield Fault("settings", "epsilon", "", f"{self.epsilon:g}", message, "give a number below 1")

    @cached_property
    def chance(self) -> np.ndarray:
        """Probability of each scenario, (S,)."""
        return chances(self.probability, len(self.scenario))

    @cached_property
    def block(self) -> np.ndarray:
        """Block that each interval belongs to, (T,) whole numbers."""
        return blocks(len(self.interval), self.block_h, self.dt_h)

    @cached_property
    def begins(self) -> np.ndarray:
        """First interval of each block, (B,) whole numbers."""
        return readonly(np.flatnonzero(np.diff(self.block, prepend=-1)))

    @cached_property
    def group(self) -> np.ndarray:
        """Which of what may fail by itself, in the scope, each interval belongs to, (T,) whole numbers."""
        intervals = len(self.interval)
        of_scope = {"interval": np.arange(intervals), "block": self.block, "horizon": np.zeros(intervals, int)}
        return readonly(of_scope[self.scope])

    @cached_property
    def block_available_kw(self) -> np.ndarray:
        """What is there in all intervals of each block, (S, B) kW, no more than may be offered."""
        least = np.minimum.reduceat(self.available_kw, self.begins, axis=1)
        return readonly(np.minimum(least, self.limit_kw))

    @cached_property
    def block_worth(self) -> np.ndarray:
        """What a kW in each block earns, (B,) currency/kW."""
        return readonly(np.bincount(self.block, weights=self.dt_h * self.price))


def tiny_firm_offer() -> FirmOfferInstance:
    """Three scenarios and two blocks, for warming methods up."""
    return FirmOfferInstance(
        available_kw=[[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]],
        block_h=1.0,
        dt_h=1.0,
        epsilon=0.34,
        scope="horizon",
        meta=Meta(name="tiny"),
    )
