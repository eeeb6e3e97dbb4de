"""What certificates find out about each Stackelberg game: followers solved again, and who has what."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..models.stackelberg import operator as operator_rules
from ..models.stackelberg import procurement as procurement_rules
from ..models.stackelberg import prospects as prospects_rules
from ..models.stackelberg import sellers as sellers_rules
from ..models.stackelberg import tariff as tariff_rules
from ..models.stackelberg.competition import buyers_regret
from ..models.stackelberg.operator_response import regret as operator_regret
from ..models.stackelberg.tariff_bound import member_cost
from .solution import Solution
from .tariff_answers import best_and_worst, least_costs


@dataclass(frozen=True)
class Findings:
    """What a game's own part of the certificate finds.

    Parameters
    ----------
    gains, sizes : arrays, currency
        What each follower could gain, and what it trades.
    pessimistic : float
        The leader's value where ties do not suit it.
    welfare : mapping of str to float, currency
        Leader, followers, total.
    complementarity : float
        Greatest product of a quantity and its price.
    """

    gains: np.ndarray
    sizes: np.ndarray
    pessimistic: float
    welfare: Mapping[str, float]
    complementarity: float = math.nan


def _operator(solution: Solution) -> Findings:
    instance: Any = solution.instance
    decision: Any = solution.decision
    gains = operator_regret(instance, decision.consumption_kwh, decision.buy_price, decision.sell_price)
    value = operator_rules.profit(instance, decision)
    followers = operator_rules.followers_gain(instance, decision)
    welfare = {"leader": value, "followers": followers, "total": value + followers}
    # Utilities are strictly concave, so answers are unique.
    return Findings(gains, operator_rules.money_size(instance), value, welfare)


def _sellers(solution: Solution) -> Findings:
    instance: Any = solution.instance
    decision: Any = solution.decision
    gains = buyers_regret(instance, decision.price, decision.sold_kwh, decision.grid_kwh)
    size = (float(instance.price_size.max()) or 1.0) * instance.demand_kwh
    profit = sellers_rules.sellers_profit(instance, decision)
    saved = float(instance.retail_price @ instance.demand_kwh) - sellers_rules.buyers_cost(instance, decision)
    welfare = {"leader": profit, "followers": saved, "total": profit + saved}
    return Findings(gains, size, sellers_rules.epsilon(instance, decision), welfare)


def _procurement(solution: Solution) -> Findings:
    instance: Any = solution.instance
    decision: Any = solution.decision
    gains = procurement_rules.regret(instance, decision.price, decision.sold_kwh)
    size = np.maximum(instance.money_size[:, None], decision.price * instance.capacity_kwh)
    paid = procurement_rules.payment(instance, decision)
    saved, earned = float(instance.money_size.sum()) - paid, procurement_rules.sellers_profit(instance, decision)
    return Findings(gains, size, paid, {"leader": saved, "followers": earned, "total": saved + earned})


def _prospects(solution: Solution) -> Findings:
    instance: Any = solution.instance
    decision: Any = solution.decision
    gains = prospects_rules.regret(instance, decision.base_price, decision.traded_kwh)
    value = prospects_rules.profit(instance, decision)
    gained = prospects_rules.expected_gain(instance, decision)
    welfare = {"leader": value, "followers": gained, "total": value + gained}
    return Findings(gains, prospects_rules.value_size(instance), value, welfare)


def _tariff(solution: Solution) -> Findings:
    instance: Any = solution.instance
    decision: Any = solution.decision
    prices = decision.buy_price, decision.sell_price
    answers = least_costs(instance, *prices)
    gains = member_cost(instance, decision.charge_kwh, decision.discharge_kwh, *prices) - answers.cost
    worst = best_and_worst(instance, *prices, answers, worst=True)
    feared = decision.replace(worst_charge_kwh=worst[0], worst_discharge_kwh=worst[1])
    value = tariff_rules.profit(instance, decision)
    idle = np.zeros_like(instance.net_kwh)
    alone = member_cost(instance, idle, idle, instance.retail_price, instance.feed_in_price).sum()
    followers = float(alone) - tariff_rules.followers_cost(instance, decision)
    welfare = {"leader": value, "followers": followers, "total": value + followers}
    pessimistic = tariff_rules.pessimistic_profit(instance, feared)
    products = _products(instance, decision)
    return Findings(gains, tariff_rules.money_size(instance), pessimistic, welfare, products)


def _products(instance: Any, decision: Any) -> float:
    """Greatest product of a quantity and its price in a decision's own proof, currency."""
    worth = np.clip(decision.energy_worth, decision.sell_price[:, None], decision.buy_price[:, None])
    net = instance.net_kwh + decision.charge_kwh - decision.discharge_kwh
    charging = instance.wear_price + worth - instance.efficiency * decision.storage_worth
    discharging = instance.wear_price - worth + decision.storage_worth / instance.efficiency
    found = [
        np.maximum(net, 0.0) * (decision.buy_price[:, None] - worth),
        np.maximum(-net, 0.0) * (worth - decision.sell_price[:, None]),
    ]
    for flow, cost in ((decision.charge_kwh, charging), (decision.discharge_kwh, discharging)):
        found += [flow * np.maximum(cost, 0.0), (instance.power_kwh - flow) * np.maximum(-cost, 0.0)]
    return float(max(np.abs(one).max() for one in found))


CERTIFIABLE: Mapping[str, Callable[[Solution], Findings]] = {
    "stackelberg.operator": _operator,
    "stackelberg.procurement": _procurement,
    "stackelberg.prospects": _prospects,
    "stackelberg.sellers": _sellers,
    "stackelberg.tariff": _tariff,
}
"""Games that have certificates, and what is found of each."""
