r"""A bound on what an operator can earn, by weak duality with a price that sets the two sides against each other.

What the grid is paid for a net load N is the greatest λN over prices λ between the feed-in price and the retail price.
So for *any* such λ, and any set of prices, no profit exceeds

    max { (p_b - λ) B(p_b) } + max { (λ - p_s) S(p_s) },

in which members who would buy at p_b count to B and those who would sell at p_s to S. With p_s ≤ p_b nobody does both,
so B and S are what they trade; leaving p_s ≤ p_b out can only raise the maximum. One λ for all prices leaves a gap
where profit has several peaks. So prices are cut at all breakpoints, where somebody starts to trade or meets a limit,
and each pair of pieces has a λ of its own: the bound is the greatest over all pairs. Within a piece quantities have one
formula, α - βp or K/p - A, and a one-dimensional maximum lies at an end or where the slope is 0. Pairs that keep a gap
(logarithmic utility with A < 0, where revenue is convex in quantity) are cut in half until none is left.

Source: ours; the minimax of fixed roles: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...instances.operator import OperatorInstance

HALVINGS = 64
MOST_PAIRS = 250_000
"""Promising pairs of pieces up to which each gets a price of its own; one price serves all beyond."""

BATCH = 256
TOP = 30
ROUNDS = 200
CLOSED = 1e-10
"""Relative gap at which a pair counts as proved."""


@dataclass(frozen=True)
class Pieces:
    """Pieces of one side in one interval, in each of which its quantity has one formula.

    Parameters
    ----------
    low, high : (m,) arrays, currency/kWh
        Ends of the pieces.
    weight, constant : (m,) arrays
        Quantity: constant - weight p, or constant + weight / p, for buyers; the negative for sellers.
    log : bool
        Which of the two.
    """

    low: np.ndarray
    high: np.ndarray
    weight: np.ndarray
    constant: np.ndarray
    log: bool

    def net(self, price: np.ndarray) -> np.ndarray:
        """What members of the side use beyond what they generate, kWh; negative for sellers."""
        if not self.log:
            return self.constant - self.weight * price
        positive = np.where(self.weight > 0, price, 1.0)
        return self.constant + self.weight / positive

    def best(self, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Price at which (p - λ) net(p) is greatest on each piece, and that maximum.

        Parameters
        ----------
        value : (m,) array, currency/kWh
            λ. For sellers the same expression is (λ - p) S(p).
        """
        if self.log:
            inner = -value * self.weight
            ratio = np.divide(inner, self.constant, out=np.zeros_like(inner), where=self.constant != 0)
            flat = np.sqrt(np.maximum(ratio, 0.0))
        else:
            ratio = np.divide(self.constant, self.weight, out=np.zeros_like(value), where=self.weight > 0)
            flat = 0.5 * (value + ratio)
        tried = np.array([self.low, np.clip(flat, self.low, self.high), self.high])
        gains = (tried - value) * self.net(tried)
        chosen = gains.argmax(axis=0)[None]
        return np.take_along_axis(tried, chosen, 0)[0], np.take_along_axis(gains, chosen, 0)[0]

    def take(self, which: np.ndarray) -> Pieces:
        """Some of the pieces."""
        return Pieces(self.low[which], self.high[which], self.weight[which], self.constant[which], self.log)

    def halves(self) -> Pieces:
        """Lower halves, then upper halves of all pieces."""
        middle = 0.5 * (self.low + self.high)
        both = np.concatenate([self.low, middle]), np.concatenate([middle, self.high])
        return Pieces(*both, np.tile(self.weight, 2), np.tile(self.constant, 2), self.log)


def pieces_of(instance: OperatorInstance, t: int, buying: bool) -> Pieces:
    """Pieces of one side in interval t, in rising order of price."""
    own, log = instance.generation_kwh[t], instance.utility == "log"
    limit = (instance.greatest_kwh if buying else instance.least_kwh)[t]
    if log:
        weight, constant = instance.log_worth[t], -1.0 - own
        start, end = weight / (1.0 + own), weight / (1.0 + limit)
    else:
        weight, constant = 1.0 / instance.saturation[t], instance.first_worth[t] / instance.saturation[t] - own
        start, end = (instance.first_worth[t] - instance.saturation[t] * load for load in (own, limit))
    low, high = instance.feed_in_price[t], instance.retail_price[t]
    inside = np.concatenate([start, end])
    cuts = np.unique([low, *inside[(inside > low) & (inside < high)], high])
    ends = (cuts[:-1], cuts[1:]) if len(cuts) > 1 else (cuts, cuts)
    middle = 0.5 * (ends[0] + ends[1])
    first, last = np.searchsorted(middle, start), np.searchsorted(middle, end)
    never = np.full(len(own), len(middle))
    # A buyer trades below its start and is at its limit below its end; a seller above.
    trades, full = ((last, first), (0 * last, last)) if buying else ((first, last), (last, never))

    def added(pieces: tuple[np.ndarray, np.ndarray], values: np.ndarray) -> np.ndarray:
        """Sum of the values of members over the pieces from the first of theirs to the one before the last."""
        steps = [np.bincount(at, values, len(middle) + 1) for at in pieces]
        return np.cumsum(steps[0] - steps[1])[:-1]

    some = added(trades, np.ones(len(own))) > 0.5
    weights = np.where(some, np.maximum(added(trades, weight), 0.0), 0.0)
    constants = np.where(some, added(trades, constant), 0.0) + added(full, limit - own)
    return Pieces(*ends, weights, constants, log)


def pair_bounds(buyers: Pieces, sellers: Pieces, low: float, high: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For pairs, the least bound over λ, and prices of both sides at λ near it and at the ends, (4, m) each."""
    down, up = np.full(len(buyers.low), low), np.full(len(buyers.low), high)
    for _ in range(HALVINGS):
        middle = 0.5 * (down + up)
        buy, sell = buyers.best(middle)[0], sellers.best(middle)[0]
        # The slope of the bound in λ is what is sold less what is bought.
        falls = -sellers.net(sell) < buyers.net(buy)
        down, up = np.where(falls, middle, down), np.where(falls, up, middle)
    tried = down, up, np.full_like(down, low), np.full_like(up, high)
    found = [(buyers.best(value), sellers.best(value)) for value in tried]
    bound = np.min([buy[1] + sell[1] for buy, sell in found], axis=0)
    return bound, np.array([buy[0] for buy, _ in found]), np.array([sell[0] for _, sell in found])


def pair_profit(
    buyers: Pieces, sellers: Pieces, buy: np.ndarray, sell: np.ndarray, low: float, high: float
) -> np.ndarray:
    """What prices on the pieces earn, −∞ where they are the wrong way round."""
    bought, sold = buyers.net(buy), -sellers.net(sell)
    net = bought - sold
    earned = buy * bought - sell * sold - np.maximum(high * net, low * net)
    return np.where(sell <= buy, earned, -np.inf)


def interval_bound(instance: OperatorInstance, t: int) -> float:
    """Least bound on the profit of interval t that a price for each pair of pieces proves, currency."""
    low, high = float(instance.feed_in_price[t]), float(instance.retail_price[t])
    buyers, sellers = (pieces_of(instance, t, side) for side in (True, False))
    best, value = one_price_bound(buyers, sellers, low, high)
    reached = max(_reached(buyers, sellers, at, low, high) for at in (low, value, high))
    # Only pairs that the one price leaves above what some prices earn can be better than these.
    gains, others = (side.best(np.full(len(side.low), value))[1] for side in (buyers, sellers))
    order = np.argsort(-others, kind="stable")
    counts = np.searchsorted(-others[order], gains - reached)
    if counts.sum() > MOST_PAIRS:
        return best
    first = np.repeat(np.arange(len(gains)), counts)
    second = order[np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)]
    possible = sellers.low[second] <= buyers.high[first]
    first, second = first[possible], second[possible]
    pairs = buyers.take(first), sellers.take(second)
    return min(best, _refined(*pairs, gains[first] + others[second], reached, low, high))


def _reached(buyers: Pieces, sellers: Pieces, value: float, low: float, high: float) -> float:
    """What some prices earn: the best of the most promising pieces at one λ; at least 0, as the grid's prices do."""
    tops = []
    for side in (buyers, sellers):
        price, gain = side.best(np.full(len(side.low), value))
        top = np.argsort(-gain, kind="stable")[:TOP]
        tops.append((side.take(top), price[top]))
    one, other = (grid.ravel() for grid in np.meshgrid(*(np.arange(len(price)) for _, price in tops)))
    sides = tops[0][0].take(one), tops[1][0].take(other)
    return float(pair_profit(*sides, tops[0][1][one], tops[1][1][other], low, high).max(initial=0.0))


def one_price_bound(buyers: Pieces, sellers: Pieces, low: float, high: float) -> tuple[float, float]:
    """The least bound that one λ proves, and that λ."""
    ends = low, high
    for _ in range(HALVINGS):
        middle = 0.5 * (ends[0] + ends[1])
        (buy, gains), (sell, others) = (side.best(np.full(len(side.low), middle)) for side in (buyers, sellers))
        i, j = gains.argmax(), others.argmax()
        falls = -sellers.net(sell)[j] < buyers.net(buy)[i]
        ends = (middle, ends[1]) if falls else (ends[0], middle)
    proved = [(bound_at(buyers, sellers, value), value) for value in (low, high, *ends)]
    return min(proved)


def bound_at(buyers: Pieces, sellers: Pieces, value: float) -> float:
    """What one λ proves, currency."""
    return float(sum(side.best(np.full(len(side.low), value))[1].max() for side in (buyers, sellers)))


def _refined(buyers: Pieces, sellers: Pieces, bounds: np.ndarray, reached: float, low: float, high: float) -> float:
    """Greatest bound over pairs; the most promising are given a λ of their own, and cut, until they are proved."""
    fresh = np.ones(len(bounds), dtype=bool)
    for _ in range(ROUNDS):
        top = float(bounds.max(initial=reached))
        hopeful = np.flatnonzero(bounds > reached + CLOSED * top)
        if not hopeful.size:
            break
        batch = hopeful[np.argsort(-bounds[hopeful], kind="stable")[:BATCH]]
        new = batch[fresh[batch]]
        if new.size:
            parts, others = buyers.take(new), sellers.take(new)
            tight, buy, sell = pair_bounds(parts, others, low, high)
            bounds[new], fresh[new] = np.minimum(bounds[new], tight), False
            earned = [pair_profit(parts, others, one, other, low, high) for one in buy for other in sell]
            reached = max(reached, float(np.max(earned)))
        else:
            keep = np.setdiff1d(np.arange(len(bounds)), batch)
            cut = buyers.take(batch).halves(), sellers.take(batch).halves()
            half = np.arange(2 * len(batch))
            first, second = np.tile(half, 2), np.concatenate([half, np.roll(half, len(batch))])
            buyers = _joined(buyers.take(keep), cut[0].take(first))
            sellers = _joined(sellers.take(keep), cut[1].take(second))
            bounds = np.concatenate([bounds[keep], np.tile(bounds[batch], 4)])
            fresh = np.concatenate([fresh[keep], np.ones(4 * len(batch), dtype=bool)])
    return float(bounds.max(initial=reached))


def _joined(first: Pieces, second: Pieces) -> Pieces:
    def both(name: str) -> np.ndarray:
        return np.concatenate([getattr(first, name), getattr(second, name)])

    return Pieces(both("low"), both("high"), both("weight"), both("constant"), first.log)
