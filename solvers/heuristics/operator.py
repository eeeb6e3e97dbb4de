"""How operators set prices without a search over roles: grids, shares of the bracket, formulas with guessed roles.

The formula of Liu et al. holds for known roles: who sells and who buys. Guessed from the middle of the bracket, roles
are often wrong, and limits of loads are not in the formula at all; iterating, with roles taken from the answers to the
last prices, may settle on a worse peak.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017 (formula); the rest is ours.
"""

from __future__ import annotations

import numpy as np

from ...instances.errors import NotApplicable
from ...instances.operator import OperatorInstance
from ..kernels.operator_members import Members
from ..method import Answer
from ..operator_runs import answered, members_of


def at_shares(instance: OperatorInstance, buying: float, selling: float) -> Answer:
    """Prices at fixed shares of the grid's bracket.

    Raises
    ------
    NotApplicable
        Unless 0 ≤ selling ≤ buying ≤ 1.
    """
    if not 0.0 <= selling <= buying <= 1.0:
        raise NotApplicable(f"shares must keep 0 <= selling <= buying <= 1, not {selling:g} and {buying:g}")
    low, high = instance.feed_in_price, instance.retail_price
    buy, sell = ((1.0 - share) * low + share * high for share in (buying, selling))
    return Answer(answered(instance, np.maximum(buy, sell), sell))


def grid_search(instance: OperatorInstance, levels: int) -> Answer:
    """Best pair out of evenly spaced prices in each interval.

    Raises
    ------
    NotApplicable
        For fewer than 2 levels.
    """
    if levels < 2:
        raise NotApplicable(f"a grid needs at least 2 prices, not {levels}")
    found = []
    for t in range(len(instance.interval)):
        found.append(best_of_menu(members_of(instance, t), np.linspace(*_bracket(instance, t), levels)))
    buy, sell = (np.array(side) for side in zip(*found, strict=True))
    return Answer(answered(instance, buy, sell))


def best_of_menu(members: Members, menu: np.ndarray) -> tuple[float, float]:
    """Buying and selling price of a rising menu that earn most together."""
    loads = np.array([members.wanted(float(price)) for price in menu]) - members.own
    bought, sold = np.maximum(loads, 0.0).sum(axis=1)[:, None], np.maximum(-loads, 0.0).sum(axis=1)[None, :]
    left = bought - sold
    earned = menu[:, None] * bought - menu[None, :] * sold - np.maximum(members.high * left, members.low * left)
    place = np.arange(len(menu))
    earned = np.where(place[None, :] <= place[:, None], earned, -np.inf)
    one, other = np.unravel_index(int(earned.argmax()), earned.shape)
    return float(menu[one]), float(menu[other])


def by_roles(instance: OperatorInstance, rounds: int) -> Answer:
    """Prices by the formula for fixed roles, guessed at first and then taken from the answers to the last prices.

    Raises
    ------
    NotApplicable
        For less than one round.
    """
    if rounds < 1:
        raise NotApplicable(f"at least one round is needed, not {rounds}")
    buy, sell, unsettled = np.empty(len(instance.interval)), np.empty(len(instance.interval)), 0
    for t in range(len(instance.interval)):
        members = members_of(instance, t)
        middle = 0.5 * sum(_bracket(instance, t))
        role = np.sign(members.worth(members.own) - middle)
        settled = False
        for _ in range(rounds):
            buy[t], sell[t] = _formula(members, role)
            answer = np.sign(members.answer(buy[t], sell[t]) - members.own)
            settled, role = bool((answer == role).all()), answer
            if settled:
                break
        unsettled += not settled
    note = f"roles differ from the answers to the prices in {unsettled} of {len(buy)} intervals"
    return Answer(answered(instance, buy, sell), notes=(note,) if unsettled else ())


def _bracket(instance: OperatorInstance, t: int) -> tuple[float, float]:
    return float(instance.feed_in_price[t]), float(instance.retail_price[t])


def _formula(members: Members, role: np.ndarray) -> tuple[float, float]:
    """Best prices if members keep their roles and meet no limit: p = (λ + α/β)/2, or √(λK/A)."""
    low, high = members.low, members.high
    sums = []
    for side in (role > 0, role < 0):
        sums.append((members.slope[side].sum(), (members.offset - members.own)[side].sum(), bool(side.any())))
    (slope_b, rest_b, some_b), (slope_s, rest_s, some_s) = sums
    if not some_b and not some_s:
        return high, low
    if members.log:
        roots = np.sqrt(-slope_b * rest_b) + np.sqrt(-slope_s * rest_s)
        value = (roots / -(rest_b + rest_s)) ** 2
    else:
        value = (rest_b + rest_s) / (slope_b + slope_s)
    value = min(max(value, low), high)
    buy = _at(members, value, slope_b, rest_b) if some_b else high
    sell = _at(members, value, slope_s, rest_s) if some_s else low
    return max(buy, sell), sell


def _at(members: Members, value: float, slope: float, rest: float) -> float:
    price = np.sqrt(max(value, 0.0) * slope / -rest) if members.log else 0.5 * (value + rest / slope)
    return float(min(max(price, members.low), members.high))
