r"""An operator's tariff for members with batteries: what is decided, what it must keep, by what it is judged.

A decision holds the operator's prices, what every battery does, and what energy and stored energy are worth to each
member: its proof that it could not do better. Where several answers are best for a member, the operator may count on
the one that suits it or fear the one that does not; a decision holds the former and may hold the latter too.

**Regret.** For any worth :math:`\mu_t` of energy between the two prices and any worth :math:`v_t` of what is stored,
member i's least cost is at least

.. math:: \sum_t n_t \mu_t + E_0 (v_T - v_1)
          + P \sum_t [\min(0, w + \mu_t - \eta v_t) + \min(0, w - \mu_t + v_t / \eta)]
          + \bar E \sum_{t < T} \min(0, v_t - v_{t+1}) ,

so that its cost less that is the most it could forgo (:mod:`.tariff_bound`).

**Bound on profit.** Whatever the prices, each member pays at most what some schedule of its own would cost at them, and
what all together pay the grid is at least what the same formula proves for one worth of energy for all, between the
grid's prices. So profit is at most the greatest cost of such schedules over all prices that keep the caps, less that.

Source: games of Liu, Yu, Wang, Wang (IEEE TII 13(3), 2017) with batteries; regret and bound are ours, by weak duality.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...instances.fields import Array, array
from ...instances.record import Decision
from ...instances.scheduling import PRICE
from ...instances.tariff import TariffInstance, tiny_tariff
from ..problem import TOLERANCE, Criterion, Problem, Violation, described
from .tariff_bound import contents, greatest_payment, least_cost_proved, member_cost

CONTENT = 1e-7
"""Regret, in what a member's energy is worth at the greatest price, up to which its schedule counts as a best one."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TariffDecision(Decision):
    """The operator's prices, what batteries do, and what proves that members could not do better.

    Parameters
    ----------
    instance : TariffInstance
        The community.
    buy_price, sell_price : (T,) arrays, currency/kWh
        What members pay for what they are short of, and receive for what they have left.
    charge_kwh, discharge_kwh : (T, n) arrays, kWh
        What goes into each battery and comes out, at the meter.
    energy_worth : (T, n) array, currency/kWh
        What one more kWh of demand would cost each member; put between the two prices.
    storage_worth : (T, n) array, currency/kWh
        What one more kWh in its battery at the end of the interval would be worth to it.
    worst_charge_kwh, worst_discharge_kwh : (T, n) arrays, kWh, optional
        The best schedules for the members that are worst for the operator.
    """

    problem: ClassVar[str] = "stackelberg.tariff"

    instance: TariffInstance
    buy_price: Array = array("interval", unit=PRICE)
    sell_price: Array = array("interval", unit=PRICE)
    charge_kwh: Array = array("interval", "member", unit="kWh")
    discharge_kwh: Array = array("interval", "member", unit="kWh")
    energy_worth: Array = array("interval", "member", unit=PRICE)
    storage_worth: Array = array("interval", "member", unit=PRICE)
    worst_charge_kwh: Array = array("interval", "member", unit="kWh", optional=True)
    worst_discharge_kwh: Array = array("interval", "member", unit="kWh", optional=True)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TariffPrices(Decision):
    """What proves a bound on profit; any values prove one, good ones a tight one.

    Parameters
    ----------
    instance : TariffInstance
        The community.
    energy_price : (T,) array, currency/kWh, optional
        What one more kWh costs all together; put between the grid's prices.
    storage_price : (T, n) array, currency/kWh, optional
        What one more kWh stored is worth to all together.
    charge_kwh, discharge_kwh : (T, n) arrays, kWh, optional
        A schedule of each member that would cost it little at any prices; without it batteries are left alone.
    """

    problem: ClassVar[str] = "stackelberg.tariff"

    instance: TariffInstance
    energy_price: Array = array("interval", unit=PRICE, optional=True)
    storage_price: Array = array("interval", "member", unit=PRICE, optional=True)
    charge_kwh: Array = array("interval", "member", unit="kWh", optional=True)
    discharge_kwh: Array = array("interval", "member", unit="kWh", optional=True)


def violations(instance: TariffInstance, decision: TariffDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance.

    Parameters
    ----------
    instance : TariffInstance
        What is given.
    decision : TariffDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty where prices keep their bracket and means, batteries their limits, and members could not do better.
    """
    found = _broken_prices(instance, decision)
    found += _broken_batteries(instance, decision, decision.charge_kwh, decision.discharge_kwh, "")
    found += _regretted(instance, decision, decision.charge_kwh, decision.discharge_kwh, "")
    if decision.worst_charge_kwh is not None and decision.worst_discharge_kwh is not None:
        worst = decision.worst_charge_kwh, decision.worst_discharge_kwh
        found += _broken_batteries(instance, decision, *worst, "in the worst answer: ")
        found += _regretted(instance, decision, *worst, "in the worst answer: ")
    return found


def _broken_prices(instance: TariffInstance, decision: TariffDecision) -> list[Violation]:
    found, slack = [], TOLERANCE * instance.price_size
    buy, sell = decision.buy_price, decision.sell_price
    for rule, value, limit in (
        ("selling price is below the feed-in price", sell, instance.feed_in_price),
        ("buying price is below the selling price", buy, sell),
        ("buying price is above the retail price", -buy, -instance.retail_price),
    ):
        for t in np.flatnonzero(limit - value > slack):
            found.append(Violation(rule, str(instance.interval[t]), abs(value[t]), abs(limit[t]), PRICE))
    if buy.mean() - instance.mean_buy_cap > slack:
        found.append(Violation("mean buying price is above its cap", "all", buy.mean(), instance.mean_buy_cap, PRICE))
    if instance.mean_sell_floor - sell.mean() > slack:
        rule = "mean selling price is below its floor"
        found.append(Violation(rule, "all", sell.mean(), instance.mean_sell_floor, PRICE))
    return found


def _broken_batteries(
    instance: TariffInstance, decision: TariffDecision, charge: np.ndarray, discharge: np.ndarray, prefix: str
) -> list[Violation]:
    """Limits of power and content, and the content at the end."""
    size = np.maximum(instance.capacity_kwh, instance.power_kwh)
    stored, slack, found = contents(instance, charge, discharge), TOLERANCE * size, []
    for rule, value, low, high in (
        ("charge", charge, 0.0, instance.power_kwh),
        ("discharge", discharge, 0.0, instance.power_kwh),
        ("content", stored, 0.0, instance.capacity_kwh),
    ):
        limits = np.broadcast_to(high, value.shape)
        for t, i in np.argwhere((low - value > slack) | (value - limits > slack)):
            bound = low if value[t, i] < low else float(limits[t, i])
            where = f"{instance.interval[t]}, {instance.member[i]}"
            found.append(Violation(f"{prefix}{rule} is outside of its limits", where, value[t, i], bound, "kWh"))
    # Roundings of all intervals add up.
    for i in np.flatnonzero(np.abs(stored[-1] - instance.initial_kwh) > len(stored) * slack):
        rule = f"{prefix}the battery does not end as full as it began"
        found.append(Violation(rule, str(instance.member[i]), stored[-1, i], instance.initial_kwh[i], "kWh"))
    return found


def _regretted(
    instance: TariffInstance, decision: TariffDecision, charge: np.ndarray, discharge: np.ndarray, prefix: str
) -> list[Violation]:
    forgone = regret(instance, decision, charge, discharge)
    allowed = CONTENT * money_size(instance)
    rule = f"{prefix}could pay less at these prices, or does not prove that it could not, and forgoes"
    return [
        Violation(rule, str(instance.member[i]), forgone[i], allowed[i], "currency")
        for i in np.flatnonzero(forgone > allowed)
    ]


def money_size(instance: TariffInstance) -> np.ndarray:
    """What a member could trade at the greatest price in all intervals, (n,) currency, to which regret is relative."""
    found: np.ndarray = instance.price_size * len(instance.interval) * instance.energy_size
    return found


def regret(instance: TariffInstance, decision: TariffDecision, charge: np.ndarray, discharge: np.ndarray) -> np.ndarray:
    """The most that each member may forgo with a schedule, (n,) currency: its cost less what its worths prove."""
    prices = decision.buy_price, decision.sell_price
    worth = np.clip(decision.energy_worth, prices[1][:, None], prices[0][:, None])
    proved = least_cost_proved(instance, worth, decision.storage_worth)
    return np.asarray(member_cost(instance, charge, discharge, *prices) - proved)


def _profit(instance: TariffInstance, decision: TariffDecision, charge: np.ndarray, discharge: np.ndarray) -> float:
    net = instance.net_kwh + charge - discharge
    paid = decision.buy_price @ np.maximum(net, 0.0) - decision.sell_price @ np.maximum(-net, 0.0)
    return float(paid.sum() - instance.grid_cost(net.sum(axis=1)).sum())


def profit(instance: TariffInstance, decision: TariffDecision) -> float:
    """What members pay the operator less what it pays the grid with the schedules of the decision, currency."""
    return _profit(instance, decision, decision.charge_kwh, decision.discharge_kwh)


def pessimistic_profit(instance: TariffInstance, decision: TariffDecision) -> float:
    """The same where members choose the worst of their best schedules; NaN where the decision does not hold them."""
    if decision.worst_charge_kwh is None or decision.worst_discharge_kwh is None:
        return math.nan
    return _profit(instance, decision, decision.worst_charge_kwh, decision.worst_discharge_kwh)


def profit_bound(instance: TariffInstance, prices: TariffPrices | None) -> float:
    """Most that any prices can earn, proved by schedules and by a worth of energy for all (see the module)."""
    zero = np.zeros_like(instance.net_kwh)
    charge = discharge = zero
    if prices is not None and prices.charge_kwh is not None and prices.discharge_kwh is not None:
        schedule = prices.charge_kwh, prices.discharge_kwh
        # A schedule that breaks a limit would prove nothing.
        kept = _schedules_that_keep_limits(instance, *schedule)
        charge, discharge = (np.where(kept, one, zero) for one in schedule)
    worth = instance.retail_price
    if prices is not None and prices.energy_price is not None:
        worth = np.clip(prices.energy_price, instance.feed_in_price, instance.retail_price)
    stored = zero
    if prices is not None and prices.storage_price is not None:
        stored = prices.storage_price
    everyone = np.repeat(worth[:, None], len(instance.member), axis=1)
    least = float(least_cost_proved(instance, everyone, stored).sum())
    return greatest_payment(instance, charge, discharge) - least


def _schedules_that_keep_limits(instance: TariffInstance, charge: np.ndarray, discharge: np.ndarray) -> np.ndarray:
    """Which members' schedules keep their limits, (n,) of bool."""
    stored = contents(instance, charge, discharge)
    slack = TOLERANCE * np.maximum(instance.capacity_kwh, instance.power_kwh)
    flows = np.minimum(charge, discharge).min(axis=0) >= -slack
    powers = np.maximum(charge, discharge).max(axis=0) <= instance.power_kwh + slack
    inside = (stored.min(axis=0) >= -slack) & (stored.max(axis=0) <= instance.capacity_kwh + slack)
    ends = np.abs(stored[-1] - instance.initial_kwh) <= len(stored) * slack
    found: np.ndarray = flows & powers & inside & ends
    return found


def followers_cost(instance: TariffInstance, decision: TariffDecision) -> float:
    """What members pay the operator, and wear, currency."""
    prices = decision.buy_price, decision.sell_price
    return float(member_cost(instance, decision.charge_kwh, decision.discharge_kwh, *prices).sum())


def social_cost(instance: TariffInstance, decision: TariffDecision) -> float:
    """What all together pay the grid, and wear, currency."""
    charge, discharge = decision.charge_kwh, decision.discharge_kwh
    net = instance.net_kwh + charge - discharge
    wear = float((instance.wear_price * (charge + discharge)).sum())
    return float(instance.grid_cost(net.sum(axis=1)).sum()) + wear


def followers_epsilon(instance: TariffInstance, decision: TariffDecision) -> float:
    """The most that any member may forgo at the prices, currency."""
    return float(regret(instance, decision, decision.charge_kwh, decision.discharge_kwh).max())


def _scale(instance: TariffInstance) -> float:
    return 1e-3 * float(money_size(instance).sum()) or 1.0


TARIFF = Problem(
    name="stackelberg.tariff",
    title="which tariff should an operator set for members with batteries?",
    source="Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017, with batteries",
    instance=TariffInstance,
    decision=TariffDecision,
    prices=TariffPrices,
    violations=violations,
    criteria=(
        Criterion(
            "profit",
            "what the operator keeps where members' ties suit it",
            "currency",
            "max",
            profit,
            _scale,
            profit_bound,
        ),
        Criterion(
            "profit_pessimistic",
            "what it keeps where they do not",
            "currency",
            "max",
            pessimistic_profit,
            _scale,
            profit_bound,
            partial=True,
        ),
        described("followers_cost", "what members pay, and wear", "currency", "min", followers_cost),
        described("social_cost", "what all together pay the grid, and wear", "currency", "min", social_cost),
        described("followers_epsilon", "the most that a member may forgo", "currency", "min", followers_epsilon),
    ),
    tiny=tiny_tariff,
)
