r"""The prices at which an operator earns most from members who answer them, in O(N log N) for N members.

Members buy B(p_b) and sell S(p_s); what is left over the grid takes at λs or supplies at λb. One of three cases holds:

*Export*, S ≥ B. Profit is (p_b - λs) B - (p_s - λs) S, and paying more for more only costs: p_s = λs.
*Import*, S ≤ B. Profit is (λb - p_s) S - (λb - p_b) B, and charging less for more only costs: p_b = λb.
*Balance*, S = B = v. Profit is v (p_b(v) - p_s(v)), with the greatest p_b at which v is bought, the least p_s at which
it is sold.

So each case is a search over one number. Sorted breakpoints, at which members start to trade or meet a limit, cut it
into pieces with one formula each, B = α - βp (quadratic utility) or K/p - A (logarithmic); profit is greatest at an end
of a piece or where its slope is 0: λ = MR(v) = MC(v) in balance. Roles of members follow from prices and are never
guessed.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017 (fixed roles); roles, limits, the three cases and the search are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .operator_members import Members, log_members, quadratic_members


@dataclass(frozen=True)
class OperatorPricing:
    """Best prices of one interval and what they lead to.

    Parameters
    ----------
    sell_price, buy_price : float, currency/kWh
        What members receive and what they pay.
    profit : float, currency
        Of the operator.
    consumption_kwh : (n,) array, kWh
        What members use.
    energy_price : float, currency/kWh
        λ: what one more kWh would be worth to the operator; the feed-in price where it exports, the retail price where
        it imports.
    """

    sell_price: float
    buy_price: float
    profit: float
    consumption_kwh: np.ndarray
    energy_price: float


@dataclass(frozen=True)
class Side:
    """One side of the market on its pieces: the net load is slope·g(p) + offset, at most 0 for sellers."""

    cuts: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    log: bool

    def net(self, price: np.ndarray, piece: np.ndarray) -> np.ndarray:
        """Net load at prices on given pieces, kWh."""
        slope, offset = self.slope[piece], self.offset[piece]
        if not self.log:
            return offset - slope * price
        return offset + np.divide(slope, price, out=np.zeros_like(price), where=slope > 0)

    def at_cuts(self) -> np.ndarray:
        """Net load at all breakpoints, falling in price."""
        piece = np.minimum(np.arange(len(self.cuts)), len(self.slope) - 1)
        return np.minimum.accumulate(self.net(self.cuts, piece))

    def piece_of(self, net: np.ndarray, highest: bool) -> np.ndarray:
        """Piece on which a net load is met, at its highest or its lowest price."""
        rising = -self.at_cuts()
        found = np.searchsorted(rising, -net, side="right") - 1 if highest else np.searchsorted(rising, -net) - 1
        return np.clip(found, 0, len(self.slope) - 1)

    def price(self, net: np.ndarray, highest: bool) -> np.ndarray:
        """Highest or lowest price at which a net load is met."""
        piece = self.piece_of(net, highest)
        slope, rest = self.slope[piece], net - self.offset[piece]
        end = self.cuts[piece + 1] if highest else self.cuts[piece]
        if self.log:
            inner = np.divide(slope, rest, out=end.copy(), where=(slope > 0) & (rest > 0))
        else:
            inner = np.divide(-rest, slope, out=end.copy(), where=slope > 0)
        return np.clip(inner, self.cuts[piece], self.cuts[piece + 1])


def _side(members: Members, buying: bool) -> Side:
    """Pieces of one side, from suffix sums over sorted breakpoints."""
    limit = members.greatest if buying else members.least
    with np.errstate(over="ignore"):
        start, end = members.worth(members.own), members.worth(limit)
    inside = np.concatenate([start, end])
    cuts = np.unique([members.low, *inside[(inside > members.low) & (inside < members.high)], members.high])
    cuts = cuts if len(cuts) > 1 else np.repeat(cuts, 2)
    middle = 0.5 * (cuts[:-1] + cuts[1:])
    # A buyer trades below its start and is at its limit below its end; a seller above.
    sign = 1.0 if buying else -1.0
    rest = members.offset - members.own

    def summed(edges: np.ndarray, *values: np.ndarray) -> list[np.ndarray]:
        order = np.argsort(sign * edges, kind="stable")[::-1]
        beyond = np.searchsorted(-(sign * edges)[order], -sign * middle, side="left")
        return [np.concatenate([[0.0], np.cumsum(value[order])])[beyond] for value in values]

    ones = np.ones(len(start))
    begun, ended = summed(start, ones, members.slope, rest), summed(end, ones, members.slope, rest, limit - members.own)
    some = begun[0] > ended[0]
    slope = np.where(some, np.maximum(begun[1] - ended[1], 0.0), 0.0)
    offset = np.where(some, begun[2] - ended[2], 0.0) + ended[3]
    return Side(cuts, slope, offset, members.log)


def _flat_points(side: Side, value: float) -> np.ndarray:
    """Breakpoints, and prices at which (p - λ) net(p) has slope 0 on a piece."""
    if side.log:
        ratio = np.divide(-value * side.slope, side.offset, out=np.zeros_like(side.slope), where=side.offset != 0)
        flat = np.sqrt(np.maximum(ratio, 0.0))
    else:
        flat = 0.5 * (value + np.divide(side.offset, side.slope, out=np.zeros_like(side.slope), where=side.slope > 0))
    return np.concatenate([side.cuts, np.clip(flat, side.cuts[:-1], side.cuts[1:])])


def _balanced_volumes(buyers: Side, sellers: Side) -> np.ndarray:
    """Volumes at which profit in balance may be greatest: ends of pieces, and where marginal revenue meets cost."""
    bought, sold = buyers.at_cuts(), -sellers.at_cuts()
    low, high = max(bought[-1], sold[0]), min(bought[0], sold[-1])
    if low > high:
        return np.empty(0)
    ends = np.unique(np.concatenate([bought, sold, [low, high]]))
    ends = ends[(ends >= low) & (ends <= high)]
    middle = 0.5 * (ends[:-1] + ends[1:])
    one, other = buyers.piece_of(middle, True), sellers.piece_of(-middle, False)
    (wb, cb), (ws, cs) = (buyers.slope[one], buyers.offset[one]), (sellers.slope[other], sellers.offset[other])
    both = (wb > 0) & (ws > 0)
    if buyers.log:
        # K_B A_B / (v + A_B)² = K_S A_S / (A_S - v)²
        root, cost = np.sqrt(np.maximum(-wb * cb, 0.0)), np.sqrt(np.maximum(-ws * cs, 0.0))
        flat = np.divide(cost * cb - root * cs, root + cost, out=middle.copy(), where=both & (root + cost > 0))
    else:
        # (α_B - 2v) / β_B = (2v + α_S) / β_S
        flat = np.divide(0.5 * (cb * ws - cs * wb), wb + ws, out=middle.copy(), where=both)
    return np.concatenate([ends, np.clip(flat, ends[:-1], ends[1:])])


def _candidates(members: Members, buyers: Side, sellers: Side) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of prices among which the best is, case by case."""
    volume = _balanced_volumes(buyers, sellers)
    exporting, importing = _flat_points(buyers, members.low), _flat_points(sellers, members.high)
    buy = np.concatenate([buyers.price(volume, True), exporting, np.full(len(importing), members.high)])
    sell = np.concatenate([sellers.price(-volume, False), np.full(len(exporting), members.low), importing])
    return buy, sell


def _earned(members: Members, buyers: Side, sellers: Side, buy: np.ndarray, sell: np.ndarray) -> np.ndarray:
    """Profit at pairs of prices, −∞ where they are the wrong way round."""
    bought = np.maximum(buyers.net(buy, _containing(buyers, buy)), 0.0)
    sold = np.maximum(-sellers.net(sell, _containing(sellers, sell)), 0.0)
    left = bought - sold
    found = buy * bought - sell * sold - np.maximum(members.high * left, members.low * left)
    return np.where(sell <= buy, found, -np.inf)


def _containing(side: Side, price: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(side.cuts, price, side="right") - 1, 0, len(side.slope) - 1)


def _marginal(side: Side, price: float) -> list[float]:
    """Marginal revenue or cost just below and just above a price; the price itself on a piece without trade."""
    found = []
    step = 1e-9 * (side.cuts[-1] - side.cuts[0])
    for near in (price - step, price + step):
        piece = _containing(side, np.array([near]))[0]
        slope, offset = side.slope[piece], side.offset[piece]
        if slope <= 0:
            found.append(price)
        else:
            # p + Q dp/dQ, with p as it is: 2p - α/β, or p² A/K.
            found.append(-offset * price**2 / slope if side.log else 2.0 * price - offset / slope)
    return found


def _energy_price(members: Members, buyers: Side, sellers: Side, buy: float, sell: float, left: float) -> float:
    """λ at the best prices: of the grid where it takes part, between marginal revenue and marginal cost in balance."""
    size = float(np.sum(members.greatest - members.least))
    if abs(left) > 1e-10 * size:
        return members.high if left > 0 else members.low
    revenue, cost = _marginal(buyers, buy), _marginal(sellers, sell)
    middle = 0.5 * (max(min(revenue), min(cost)) + min(max(revenue), max(cost)))
    return float(min(max(middle, members.low, sell), members.high, buy))


def best_prices(members: Members) -> OperatorPricing:
    """Best prices of one interval for members of either utility."""
    buyers, sellers = _side(members, True), _side(members, False)
    pairs = _candidates(members, buyers, sellers)
    chosen = int(_earned(members, buyers, sellers, *pairs).argmax())
    buy, sell = float(pairs[0][chosen]), float(pairs[1][chosen])
    load = members.answer(buy, sell)
    value = _energy_price(members, buyers, sellers, buy, sell, float((load - members.own).sum()))
    return OperatorPricing(sell, buy, members.profit(buy, sell), load, value)


def operator_prices_quadratic(
    generation_kwh: Any, a: Any, q: Any, x_min: Any, x_max: Any, feed_in_price: float, retail_price: float
) -> OperatorPricing:
    """Prices at which an operator earns most from members with utility a x - q x²/2.

    Parameters
    ----------
    generation_kwh : (n,) array, kWh
        What members generate.
    a, q : (n,) arrays or numbers, currency/kWh and currency/kWh²
        What the first kWh is worth, and how that falls with each kWh; q positive.
    x_min, x_max : (n,) arrays or numbers, kWh
        Limits of what they use, between which generation must lie; finite.
    feed_in_price, retail_price : float, currency/kWh
        Of the grid.

    Returns
    -------
    OperatorPricing

    Raises
    ------
    ValueError
        For values outside these ranges, naming the member.
    """
    return best_prices(quadratic_members(generation_kwh, a, q, x_min, x_max, feed_in_price, retail_price))


def operator_prices_log(
    generation_kwh: Any, k: Any, x_min: Any, x_max: Any, feed_in_price: float, retail_price: float
) -> OperatorPricing:
    """Prices at which an operator earns most from members with utility k ln(1 + x).

    Parameters
    ----------
    generation_kwh, x_min, x_max, feed_in_price, retail_price
        As of :func:`operator_prices_quadratic`.
    k : (n,) array or number, currency
        Positive.

    Returns
    -------
    OperatorPricing

    Raises
    ------
    ValueError
        For values outside these ranges, naming the member.
    """
    return best_prices(log_members(generation_kwh, k, x_min, x_max, feed_in_price, retail_price))
