"""The operator's best prices by going through all pairs of price cells: O(N²), for small N and as a check.

Breakpoints of all members cut the bracket into cells in which every member's role is fixed. In a pair of cells the
formula of fixed roles holds, with members at a limit as constants; its prices are kept in the cells. Every pair of
prices that comes up is judged by what members really do. Nothing is shared with the search in
:mod:`.operator_pricing` but the members' answers.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017, formula for fixed roles; cells are ours.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .operator_members import Members
from .operator_pricing import OperatorPricing

Cell = tuple[float, float, float, float]


def best_by_cells(members: Members) -> OperatorPricing:
    """Best prices of one interval.

    Parameters
    ----------
    members : Members
        Of :func:`.quadratic_members` or :func:`.log_members`.

    Returns
    -------
    OperatorPricing
        Its ``energy_price`` is that of the formula, the retail price or the feed-in price.
    """
    best = (-np.inf, members.high, members.low, members.low)
    cells = [_cells(members, buying) for buying in (True, False)]
    for buy_cell in cells[0]:
        for sell_cell in cells[1]:
            if sell_cell[0] <= buy_cell[1]:
                for value in _values(members, buy_cell, sell_cell):
                    for buy, sell in _prices(members, buy_cell, sell_cell, value):
                        if sell <= buy:
                            best = max(best, (members.profit(buy, sell), buy, sell, value))
    profit, buy, sell, value = best
    return OperatorPricing(sell, buy, profit, members.answer(buy, sell), value)


def _cells(members: Members, buying: bool) -> list[Cell]:
    """Ends of each cell, and the quantity traded in it: β and α of α - βp or βp - α, or K and A."""
    limits = [members.worth(load) for load in (members.own, members.least, members.greatest)]
    inside = np.concatenate(limits)
    cuts = np.unique([members.low, *inside[(inside > members.low) & (inside < members.high)], members.high])
    found = []
    for low, high in pairwise(cuts) if len(cuts) > 1 else [(cuts[0], cuts[0])]:
        middle = 0.5 * (low + high)
        load = members.wanted(middle)
        trades = load > members.own if buying else load < members.own
        free = trades & (load > members.least) & (load < members.greatest)
        fixed = float((load - members.own)[trades & ~free].sum())
        found.append(
            (low, high, float(members.slope[free].sum()), fixed + float((members.offset - members.own)[free].sum()))
        )
    return found


def _fixed_role_price(members: Members, cell: Cell, value: float) -> float:
    """Price of one side at λ by the formula of fixed roles, kept in the cell."""
    low, high, slope, offset = cell
    if slope <= 0:
        return high
    if members.log:
        inner = (max(-value * slope / offset, 0.0)) ** 0.5 if offset != 0 else high
    else:
        inner = 0.5 * (value + offset / slope)
    return min(max(inner, low), high)


def _values(members: Members, buy: Cell, sell: Cell) -> tuple[float, ...]:
    """λ at both ends of the bracket, and where the formula's quantities meet, by bisection."""
    low, high = members.low, members.high
    for _ in range(100):
        middle = 0.5 * (low + high)
        net = sum(_net(members, cell, _fixed_role_price(members, cell, middle)) for cell in (buy, sell))
        low, high = (middle, high) if net > 0 else (low, middle)
    return members.low, low, members.high


def _net(members: Members, cell: Cell, price: float) -> float:
    if cell[2] <= 0:
        return cell[3]
    return cell[2] / price + cell[3] if members.log else cell[3] - cell[2] * price


def _prices(members: Members, buy_cell: Cell, sell_cell: Cell, value: float) -> list[tuple[float, float]]:
    """The formula's prices, the cells' ends, and prices that balance what the other side trades at these."""
    buys = [_fixed_role_price(members, buy_cell, value), *buy_cell[:2]]
    sells = [_fixed_role_price(members, sell_cell, value), *sell_cell[:2]]
    pairs = [(buy, sell) for buy in buys for sell in sells]
    pairs += [(buy, _inverse(members, sell_cell, -_net(members, buy_cell, buy))) for buy in buys]
    pairs += [(_inverse(members, buy_cell, -_net(members, sell_cell, sell)), sell) for sell in sells]
    return pairs


def _inverse(members: Members, cell: Cell, net: float) -> float:
    """Price of a cell nearest to the one with a net load."""
    low, high, slope, offset = cell
    if slope <= 0:
        return high
    if members.log:
        price = slope / (net - offset) if net > offset else high
    else:
        price = (offset - net) / slope
    return min(max(price, low), high)
