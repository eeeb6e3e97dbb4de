r"""Portfolios in several markets: what is decided, what it must keep, by what it is judged, in plain numpy.

A decision says what is offered before the scenario is known and what is done in each scenario. What follows from it is
computed here and nowhere decided: contents of storages, energy that is missing or surplus, room that a promise lacks.

What has been sold in an interval of a scenario is the day-ahead offer, what was traded within the day, and whatever the
balancing mechanism accepts or reserve is called for; what is exported beyond it, or less, is paid for as imbalance.
Reserve and offers that are not called have to be deliverable: each storage can add to its discharge what its power and,
for the time of response, its content allow, and what is curtailed can be let through.

Source: Postnikov et al., section on markets; equations, criteria and bounds are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ...instances.fields import Array, array
from ...instances.portfolio import PortfolioInstance
from ...instances.record import Decision
from ...instances.scheduling import PRICE
from ..problem import TOLERANCE, Violation


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PortfolioDecision(Decision):
    """Offers before the scenario is known, and what is done in each.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.
    day_ahead_kw : (T,) array, kW
        Sold a day ahead; bought where negative.
    up_reserve_kw, down_reserve_kw : (T,) arrays, kW
        Held ready to deliver more, or less.
    intraday_sale_kw, intraday_purchase_kw : (S, T) arrays, kW
        Traded when the scenario is known.
    up_offer_kw, down_offer_kw : (S, T) arrays, kW
        Offered to the balancing mechanism to deliver more, or less.
    charge_kw, discharge_kw : (S, T, N) arrays, kW
        Of each storage at the meter.
    rapid_kwh : (S, T, N) array, kWh
        Charged on the way.
    curtailed_kw : (S, T, n) array, kW
        Generation left unused.
    """

    problem: ClassVar[str] = "aggregator.portfolio"

    instance: PortfolioInstance
    day_ahead_kw: Array = array("interval", unit="kW")
    up_reserve_kw: Array = array("interval", unit="kW", default=0.0)
    down_reserve_kw: Array = array("interval", unit="kW", default=0.0)
    intraday_sale_kw: Array = array("scenario", "interval", unit="kW", default=0.0)
    intraday_purchase_kw: Array = array("scenario", "interval", unit="kW", default=0.0)
    up_offer_kw: Array = array("scenario", "interval", unit="kW", default=0.0)
    down_offer_kw: Array = array("scenario", "interval", unit="kW", default=0.0)
    charge_kw: Array = array("scenario", "interval", "storage", unit="kW", default=0.0)
    discharge_kw: Array = array("scenario", "interval", "storage", unit="kW", default=0.0)
    rapid_kwh: Array = array("scenario", "interval", "storage", unit="kWh", default=0.0)
    curtailed_kw: Array = array("scenario", "interval", "member", unit="kW", default=0.0)

    @cached_property
    def content_kwh(self) -> np.ndarray:
        """What storages hold, (S, T + 1, N) kWh."""
        given = self.instance
        scenarios, intervals, storages = given.storage_shape
        content = np.empty((scenarios, intervals + 1, storages))
        content[:, 0] = given.initial_kwh
        put = given.dt_h * (
            given.charge_efficiency * self.charge_kw - self.discharge_kw / given.discharge_efficiency
        ) - (given.driven_kwh - self.rapid_kwh)
        for t in range(intervals):
            content[:, t + 1] = given.retention * content[:, t] + put[:, t]
        return content

    @cached_property
    def export_kw(self) -> np.ndarray:
        """What all members export together, (S, T) kW; import is negative."""
        moved = (self.discharge_kw - self.charge_kw).sum(axis=2)
        return np.asarray(self.instance.fixed_kw + moved - self.curtailed_kw.sum(axis=2))

    @cached_property
    def surplus_kw(self) -> np.ndarray:
        """What is exported beyond what was sold, (S, T) kW; missing where negative."""
        given = self.instance
        sold = self.day_ahead_kw + self.intraday_sale_kw - self.intraday_purchase_kw
        called = given.up_accepted * self.up_offer_kw - given.down_accepted * self.down_offer_kw
        used = given.up_used * self.up_reserve_kw - given.down_used * self.down_reserve_kw
        return np.asarray(self.export_kw - (sold + called + used))

    @cached_property
    def lacking_room_kw(self) -> np.ndarray:
        """What is promised and could not be delivered, up and down, (2, S, T) kW."""
        given = self.instance
        up, down = room_kw(self)
        needs = (
            (1 - given.up_used) * self.up_reserve_kw + (1 - given.up_accepted) * self.up_offer_kw,
            (1 - given.down_used) * self.down_reserve_kw + (1 - given.down_accepted) * self.down_offer_kw,
        )
        return np.stack([np.maximum(need - room, 0.0) for need, room in zip(needs, (up, down), strict=True)])

    @cached_property
    def missed_kwh(self) -> np.ndarray:
        """What contents lack of their targets, (S, T + 1, N) kWh."""
        return np.maximum(self.instance.wanted_kwh - self.content_kwh, 0.0)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PortfolioPrices(Decision):
    """What proves a bound; any values prove some, good ones tight ones. See :mod:`.portfolio_bound`.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.
    tail_weight : (S,) array
        Weight of each scenario in the worst part of profits.
    export_worth : (S, T) array, currency/kWh
        What one more kWh of export is worth, weighted by the scenario.
    content_worth : (S, T, N) array, currency/kWh
        What one more kWh in each storage is worth after each interval, weighted.
    up_room_worth, down_room_worth : (S, T) arrays, currency/kW
        What one more kW of room is worth, weighted.
    up_power_part, down_power_part : (S, T, N) arrays
        Which part of that is due to a storage's power rather than to its content.
    """

    problem: ClassVar[str] = "aggregator.portfolio"

    instance: PortfolioInstance
    tail_weight: Array = array("scenario", unit="1", default=0.0)
    export_worth: Array = array("scenario", "interval", unit=PRICE, default=0.0)
    content_worth: Array = array("scenario", "interval", "storage", unit=PRICE, default=0.0)
    up_room_worth: Array = array("scenario", "interval", unit="currency/kW", default=0.0)
    down_room_worth: Array = array("scenario", "interval", unit="currency/kW", default=0.0)
    up_power_part: Array = array("scenario", "interval", "storage", unit="1", default=1.0)
    down_power_part: Array = array("scenario", "interval", "storage", unit="1", default=1.0)


def room_kw(decision: PortfolioDecision) -> tuple[np.ndarray, np.ndarray]:
    """What could be delivered more, and less, for the time of response, (S, T) kW each."""
    given, content = decision.instance, decision.content_kwh[:, 1:]
    swing = decision.discharge_kw - decision.charge_kw
    by_power = given.there * given.discharge_kw - swing, given.there * given.charge_kw + swing
    by_content = (
        given.there * (content - given.minimum_kwh) * given.discharge_efficiency / given.response_h,
        given.there * (given.capacity_kwh - content) / given.charge_efficiency / given.response_h,
    )
    storages = [np.minimum(power, energy).sum(axis=2) for power, energy in zip(by_power, by_content, strict=True)]
    unused = decision.curtailed_kw.sum(axis=2)
    return storages[0] + unused, storages[1] + given.generation_kw.sum(axis=2) - unused


def violations(instance: PortfolioInstance, decision: PortfolioDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.
    decision : PortfolioDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty where powers, contents and markets' limits are kept and offers are constant within their blocks.
    """
    found: list[Violation] = []
    flow = "scenario", "interval", "storage"
    for rule, axes, values, low, high, unit in (
        ("day-ahead offer", ("interval",), decision.day_ahead_kw, -instance.day_ahead_limit_kw, None, "kW"),
        ("up reserve", ("interval",), decision.up_reserve_kw, 0.0, instance.reserve_limit_kw, "kW"),
        ("down reserve", ("interval",), decision.down_reserve_kw, 0.0, instance.reserve_limit_kw, "kW"),
        ("intraday sale", flow[:2], decision.intraday_sale_kw, 0.0, instance.intraday_limit_kw, "kW"),
        ("intraday purchase", flow[:2], decision.intraday_purchase_kw, 0.0, instance.intraday_limit_kw, "kW"),
        ("up offer", flow[:2], decision.up_offer_kw, 0.0, instance.balancing_limit_kw, "kW"),
        ("down offer", flow[:2], decision.down_offer_kw, 0.0, instance.balancing_limit_kw, "kW"),
        ("charging", flow, decision.charge_kw, 0.0, instance.there * instance.charge_kw, "kW"),
        ("discharging", flow, decision.discharge_kw, 0.0, instance.there * instance.discharge_kw, "kW"),
        ("charging on the way", flow, decision.rapid_kwh, 0.0, instance.driven_kwh, "kWh"),
        ("curtailment", (*flow[:2], "member"), decision.curtailed_kw, 0.0, instance.generation_kw, "kW"),
        ("content", ("scenario", "interval+", "storage"), decision.content_kwh, instance.minimum_kwh,
         instance.capacity_kwh, "kWh"),
    ):  # fmt: skip
        top = instance.day_ahead_limit_kw if high is None else high
        slack = TOLERANCE * np.maximum(np.maximum(np.abs(top), np.abs(low)), size_kw(instance))
        for word, wrong, limit in (
            ("below its limit", low - values > slack, low),
            ("above its limit", values - top > slack, top),
        ):
            allowed = np.broadcast_to(limit, values.shape)
            for at in map(tuple, np.argwhere(wrong)):
                where = ", ".join(str(instance.labels_of(axis)[k]) for axis, k in zip(axes, at, strict=True))
                found.append(Violation(f"{rule} {word}", where, float(values[at]), float(allowed[at]), unit))
    found.extend(_uneven(instance, decision))
    return found


def _uneven(instance: PortfolioInstance, decision: PortfolioDecision) -> list[Violation]:
    """Offers that change within a block, and reserves between nothing and the least that may be offered."""
    found = []
    slack = TOLERANCE * size_kw(instance)
    for rule, values, hours in (
        ("day-ahead offer", decision.day_ahead_kw, instance.day_ahead_block_h),
        ("up reserve", decision.up_reserve_kw, instance.reserve_block_h),
        ("down reserve", decision.down_reserve_kw, instance.reserve_block_h),
    ):
        block = instance.block_of(hours)
        first = values[np.searchsorted(block, block)]
        for t in np.flatnonzero(np.abs(values - first) > slack):
            name = f"{rule} changes within its block"
            found.append(Violation(name, str(instance.interval[t]), float(values[t]), float(first[t]), "kW"))
        if rule != "day-ahead offer":
            for t in np.flatnonzero((values > slack) & (values < instance.least_reserve_kw - slack)):
                name, least = f"{rule} less than the least that may be offered", instance.least_reserve_kw
                found.append(Violation(name, str(instance.interval[t]), float(values[t]), least, "kW"))
    return found


def size_kw(instance: PortfolioInstance) -> float:
    """Greatest power that all members can have together, to which roundings are relative, kW."""
    fixed = np.maximum(instance.load_kw.sum(axis=2).max(), instance.generation_kw.sum(axis=2).max())
    return float(fixed + np.maximum(instance.charge_kw, instance.discharge_kw).sum()) or 1.0
