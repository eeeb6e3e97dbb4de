r"""An operator that sets prices for members who answer: what is decided, what it must keep, by what it is judged.

A decision holds the operator's two prices and what members use. Prices must lie in the grid's bracket, the selling
price not above the buying price; members must keep their limits and forgo nothing: the best response in closed form
says what they could have. The criterion is the operator's profit; what it leaves to the members, and how much of the
community's possible gain is lost by its pricing, is described.

The bound on profit: :mod:`.operator_bound`.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017; the bound and the comparison with competitive prices are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...instances.fields import Array, array
from ...instances.operator import OperatorInstance, tiny_operator
from ...instances.record import Decision
from ...instances.scheduling import PRICE
from ..problem import TOLERANCE, Criterion, Problem, Violation, described
from .operator_bound import bound_at, interval_bound, pieces_of
from .operator_response import alone, greatest_gain, leader_profit, payoff, regret


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OperatorDecision(Decision):
    """The operator's prices, and what members use.

    Parameters
    ----------
    instance : OperatorInstance
        The community.
    buy_price, sell_price : (T,) arrays, currency/kWh
        What members pay for what they are short of, and receive for what they have left.
    consumption_kwh : (T, n) array, kWh
        What each member uses; who uses less than it generates sells the rest.
    """

    problem: ClassVar[str] = "stackelberg.operator"

    instance: OperatorInstance
    buy_price: Array = array("interval", unit=PRICE)
    sell_price: Array = array("interval", unit=PRICE)
    consumption_kwh: Array = array("interval", "member", unit="kWh")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OperatorPrices(Decision):
    """What proves a bound on profit; any price proves one, a good one a tight one.

    Parameters
    ----------
    instance : OperatorInstance
        The community.
    energy_price : (T,) array, currency/kWh, optional
        λ, what one more kWh is worth to the operator; put between the grid's prices.
    """

    problem: ClassVar[str] = "stackelberg.operator"

    instance: OperatorInstance
    energy_price: Array = array("interval", unit=PRICE, optional=True)


def violations(instance: OperatorInstance, decision: OperatorDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance.

    Parameters
    ----------
    instance : OperatorInstance
        What is given.
    decision : OperatorDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty where prices lie in their bracket, limits are kept and nobody could do better.
    """
    found = []
    for rule, value, limit in (
        ("selling price is below the feed-in price", decision.sell_price, instance.feed_in_price),
        ("buying price is below the selling price", decision.buy_price, decision.sell_price),
        ("buying price is above the retail price", -decision.buy_price, -instance.retail_price),
    ):
        for t in np.flatnonzero(limit - value > TOLERANCE * instance.price_size):
            where = str(instance.interval[t])
            found.append(Violation(rule, where, abs(value[t]), abs(limit[t]), PRICE))
    load, slack = decision.consumption_kwh, TOLERANCE * instance.energy_size
    for rule, limit, over in (
        ("uses less than its least", instance.least_kwh, instance.least_kwh - load > slack),
        ("uses more than its greatest", instance.greatest_kwh, load - instance.greatest_kwh > slack),
    ):
        for t, i in np.argwhere(over):
            found.append(Violation(rule, _where(instance, t, i), load[t, i], limit[t, i], "kWh"))
    forgone = regret(instance, load, decision.buy_price, decision.sell_price)
    allowed = TOLERANCE * money_size(instance)
    for t, i in np.argwhere(forgone > allowed):
        rule = "could do better at these prices, and forgoes"
        found.append(Violation(rule, _where(instance, t, i), forgone[t, i], allowed[t, i], "currency"))
    return found


def _where(instance: OperatorInstance, t: int, i: int) -> str:
    return f"{instance.interval[t]}, {instance.member[i]}"


def money_size(instance: OperatorInstance) -> np.ndarray:
    """What the most that each member can use is worth, (T, n) currency, to which what it forgoes is relative."""
    size = instance.energy_size
    if instance.utility == "quadratic":
        worth = (np.abs(instance.first_worth) + instance.saturation * size) * size
    else:
        worth = instance.log_worth * np.log1p(size)
    found: np.ndarray = worth + instance.price_size[:, None] * size
    return found


def profit(instance: OperatorInstance, decision: OperatorDecision) -> float:
    """What members pay the operator less what it pays them and the grid, over all intervals, currency."""
    prices = decision.buy_price, decision.sell_price
    return float(leader_profit(instance, decision.consumption_kwh, *prices).sum())


def profit_bound(instance: OperatorInstance, prices: OperatorPrices | None) -> float:
    """Least bound on profit that a price proves; without one, that a price for each piece of the two sides proves."""
    intervals = range(len(instance.interval))
    if prices is None or prices.energy_price is None:
        return float(sum(interval_bound(instance, t) for t in intervals))
    value = np.clip(prices.energy_price, instance.feed_in_price, instance.retail_price)
    sides = [(pieces_of(instance, t, True), pieces_of(instance, t, False)) for t in intervals]
    return float(sum(bound_at(*both, float(value[t])) for t, both in enumerate(sides)))


def followers_gain(instance: OperatorInstance, decision: OperatorDecision) -> float:
    """What members have more than by themselves at the grid's prices, all together, currency."""
    found = payoff(instance, decision.consumption_kwh, decision.buy_price, decision.sell_price) - alone(instance)
    return float(found.sum())


def total_gain(instance: OperatorInstance, decision: OperatorDecision) -> float:
    """What the operator and its members have more than members by themselves, currency."""
    return profit(instance, decision) + followers_gain(instance, decision)


def share_lost(instance: OperatorInstance, decision: OperatorDecision) -> float:
    """Share of the gain at competitive prices that the operator's prices lose; NaN where there is nothing to gain."""
    greatest = greatest_gain(instance)
    if greatest <= TOLERANCE * float(money_size(instance).sum()):
        return math.nan
    return 1.0 - total_gain(instance, decision) / greatest


def followers_epsilon(instance: OperatorInstance, decision: OperatorDecision) -> float:
    """The most that a member forgoes in an interval against its best response, currency."""
    return float(regret(instance, decision.consumption_kwh, decision.buy_price, decision.sell_price).max())


def _scale(instance: OperatorInstance) -> float:
    # Small against what trade inside the bracket could be worth; where the bracket is empty, nothing is.
    spread = float(((instance.retail_price - instance.feed_in_price)[:, None] * instance.energy_size).sum())
    return 1e-3 * spread or 1e-6 * float(money_size(instance).sum()) or 1.0


OPERATOR = Problem(
    name="stackelberg.operator",
    title="which prices should an operator set for members who answer them?",
    source="Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017",
    instance=OperatorInstance,
    decision=OperatorDecision,
    prices=OperatorPrices,
    violations=violations,
    criteria=(
        Criterion("profit", "what the operator keeps", "currency", "max", profit, _scale, profit_bound),
        described("followers_gain", "what members gain over the grid's prices", "currency", "max", followers_gain),
        described("total_gain", "what operator and members gain over members alone", "currency", "max", total_gain),
        described("share_lost", "share of the gain at competitive prices that is lost", "1", "min", share_lost),
        described(
            "followers_epsilon", "the most that a member forgoes at the prices", "currency", "min", followers_epsilon
        ),
    ),
    tiny=tiny_operator,
)
