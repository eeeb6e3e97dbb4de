"""A leader's price for members who do not know tomorrow's: what is decided, what it must keep, how it is judged.

A decision holds the leader's base price and what members buy (or sell, negative). Nobody could do better by trading
otherwise, the others as they are, by its own measure of gains and losses. The criterion is the leader's profit; what
members expect, and what they trade, is described.

Members that do not care do in a decision what they do; in the bound what suits the leader.

Source: El Rahi et al., IEEE TSG 10(1), 2019; reference, leader and bound as in :mod:`.prospects_response`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...instances.fields import Array, array
from ...instances.prospects import ProspectsInstance, tiny_prospects
from ...instances.record import Decision
from ...instances.scheduling import PRICE
from ..problem import TOLERANCE, Criterion, Problem, Violation, described
from .prospects_response import greatest_profit, regret

CONTENT = 1e-7
"""Regret, in units of what a member could keep is worth, up to which it counts as answering well."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ProspectsDecision(Decision):
    """The leader's price, and what members trade.

    Parameters
    ----------
    instance : ProspectsInstance
        The game.
    base_price : (T,) array, currency/kWh
        Of the leader.
    traded_kwh : (T, n) array, kWh
        What each member buys; negative where it sells.
    """

    problem: ClassVar[str] = "stackelberg.prospects"

    instance: ProspectsInstance
    base_price: Array = array("interval", unit=PRICE)
    traded_kwh: Array = array("interval", "member", unit="kWh")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ProspectsPrices(Decision):
    """Nothing: the bound on profit needs no proposal.

    Parameters
    ----------
    instance : ProspectsInstance
        The game.
    """

    problem: ClassVar[str] = "stackelberg.prospects"

    instance: ProspectsInstance


def violations(instance: ProspectsInstance, decision: ProspectsDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance.

    Parameters
    ----------
    instance : ProspectsInstance
        What is given.
    decision : ProspectsDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty where the price keeps its range, members their limits, and nobody could do better.
    """
    found, price, traded = [], decision.base_price, decision.traded_kwh
    for rule, limit, over in (
        ("base price is below its range", instance.price_low, instance.price_low - price),
        ("base price is above its range", instance.price_high, price - instance.price_high),
    ):
        for t in np.flatnonzero(over > TOLERANCE * instance.price_size):
            found.append(Violation(rule, str(instance.interval[t]), price[t], limit[t], PRICE))
    kept, slack = instance.stored_kwh + traded, TOLERANCE * instance.reach_kwh
    for rule, limit, over in (
        ("sells more than it has", np.zeros_like(kept), -kept > slack),
        ("keeps more than it can", instance.capacity_kwh, kept - instance.capacity_kwh > slack),
    ):
        for t, i in np.argwhere(over):
            found.append(Violation(rule, _where(instance, t, i), kept[t, i], limit[t, i], "kWh"))
    forgone, allowed = regret(instance, price, traded), CONTENT * value_size(instance)
    for t, i in np.argwhere(forgone > allowed):
        rule = "could do better at this price, and forgoes"
        found.append(Violation(rule, _where(instance, t, i), forgone[t, i], allowed[t, i], "currency"))
    return found


def _where(instance: ProspectsInstance, t: int, i: int) -> str:
    return f"{instance.interval[t]}, {instance.member[i]}"


def value_size(instance: ProspectsInstance) -> np.ndarray:
    """Size of a member's value, (T, n) currency to the power of the curvature."""
    found: np.ndarray = instance.loss_aversion * instance.money_size**instance.curvature
    return found


def today(instance: ProspectsInstance, decision: ProspectsDecision) -> np.ndarray:
    """Today's price, (T,) currency/kWh: base price, and the slope times what all buy."""
    found: np.ndarray = decision.base_price + instance.price_slope * decision.traded_kwh.sum(axis=1)
    return found


def profit(instance: ProspectsInstance, decision: ProspectsDecision) -> float:
    """What the leader earns on what members buy and sell, currency."""
    margin = today(instance, decision) - instance.supply_price
    return float(margin @ decision.traded_kwh.sum(axis=1))


def expected_gain(instance: ProspectsInstance, decision: ProspectsDecision) -> float:
    """What members expect to have more than by selling all at today's price, losses counted once, currency."""
    tomorrow = 0.5 * (instance.future_low + instance.future_high)
    kept = instance.stored_kwh + decision.traded_kwh
    return float(((tomorrow - today(instance, decision))[:, None] * kept).sum())


def bought(instance: ProspectsInstance, decision: ProspectsDecision) -> float:
    """What members buy together, less what they sell, kWh."""
    return float(decision.traded_kwh.sum())


def followers_epsilon(instance: ProspectsInstance, decision: ProspectsDecision) -> float:
    """The most that a member forgoes, by its own measure of gains and losses."""
    return float(regret(instance, decision.base_price, decision.traded_kwh).max())


def profit_bound(instance: ProspectsInstance, prices: ProspectsPrices | None) -> float:
    """Most that any base prices can earn, proved by halving pieces of their range."""
    scale = _scale(instance)
    return float(sum(greatest_profit(instance, t, scale) for t in range(len(instance.interval))))


def _scale(instance: ProspectsInstance) -> float:
    spread = np.maximum(instance.price_high, instance.future_high) - np.minimum(instance.price_low, instance.future_low)
    return 1e-2 * float(spread @ instance.reach_kwh.sum(axis=1)) or 1.0


PROSPECTS = Problem(
    name="stackelberg.prospects",
    title="which price should a leader set for members who do not know tomorrow's?",
    source="El Rahi et al., IEEE TSG 10(1), 2019",
    instance=ProspectsInstance,
    decision=ProspectsDecision,
    prices=ProspectsPrices,
    violations=violations,
    criteria=(
        Criterion("profit", "what the leader earns", "currency", "max", profit, _scale, profit_bound),
        described("expected_gain", "what members expect over selling all today", "currency", "max", expected_gain),
        described("bought", "what members buy together", "kWh", "max", bought),
        described("followers_epsilon", "the most that a member forgoes", "currency", "min", followers_epsilon),
    ),
    tiny=tiny_prospects,
)
