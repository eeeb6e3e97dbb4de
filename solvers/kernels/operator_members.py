"""Members of one interval who answer an operator's prices, in the form that quadratic and logarithmic utility share.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017; limits are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Members:
    """Members of one interval, in the form that both utilities share: the demand at price p is slope·g(p) + offset.

    Parameters
    ----------
    own, least, greatest : (n,) arrays, kWh
        Generation and limits.
    slope, offset : (n,) arrays
        1/q and a/q of a quadratic utility with g(p) = -p; k and -1 of a logarithmic one with g(p) = 1/p.
    log : bool
        Which of the two.
    low, high : float, currency/kWh
        Feed-in and retail price.
    """

    own: np.ndarray
    least: np.ndarray
    greatest: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    log: bool
    low: float
    high: float

    def at(self, price: np.ndarray) -> np.ndarray:
        """What g is at prices: infinite for a price of 0 or less of a logarithmic utility, which has no end."""
        if not self.log:
            return -price
        positive = price > 0
        return np.where(positive, 1.0 / np.where(positive, price, 1.0), np.inf)

    def worth(self, load: np.ndarray) -> np.ndarray:
        """Price at which each member wants a load."""
        return self.slope / (load - self.offset) if self.log else (self.offset - load) / self.slope

    def wanted(self, price: float) -> np.ndarray:
        """What members would use if energy cost a price, kWh."""
        load = self.slope * self.at(np.asarray(price, dtype=float)) + self.offset
        return np.minimum(np.maximum(load, self.least), self.greatest)

    def answer(self, buy: float, sell: float) -> np.ndarray:
        """What members use at an operator's prices, kWh."""
        return np.minimum(np.maximum(self.own, self.wanted(buy)), self.wanted(sell))

    def profit(self, buy: float, sell: float) -> float:
        """What the operator earns at prices, currency."""
        net = self.answer(buy, sell) - self.own
        bought, sold = float(np.maximum(net, 0.0).sum()), float(np.maximum(-net, 0.0).sum())
        left = bought - sold
        return buy * bought - sell * sold - max(self.high * left, self.low * left)


def quadratic_members(
    generation_kwh: Any, a: Any, q: Any, x_min: Any, x_max: Any, feed_in_price: float, retail_price: float
) -> Members:
    """Members with utility a x - q x²/2, checked; parameters as of :func:`.operator_prices_quadratic`."""
    first, fall = _positive(q, generation_kwh, "q", a)
    return _checked(generation_kwh, x_min, x_max, 1.0 / fall, first / fall, False, feed_in_price, retail_price)


def log_members(
    generation_kwh: Any, k: Any, x_min: Any, x_max: Any, feed_in_price: float, retail_price: float
) -> Members:
    """Members with utility k ln(1 + x), checked; parameters as of :func:`.operator_prices_log`."""
    minus, worth = _positive(k, generation_kwh, "k", -1.0)
    return _checked(generation_kwh, x_min, x_max, worth, minus, True, feed_in_price, retail_price)


def _positive(steep: Any, generation: Any, name: str, other: Any) -> tuple[np.ndarray, np.ndarray]:
    shape = np.shape(generation)
    values = np.broadcast_to(np.asarray(steep, dtype=float), shape)
    wrong = ~(values > 0)
    if wrong.any():
        i = int(wrong.argmax())
        raise ValueError(f"member {i}: {name} must be positive, not {values[i]:g}")
    return np.broadcast_to(np.asarray(other, dtype=float), shape), values


def _checked(
    generation: Any,
    least: Any,
    greatest: Any,
    slope: np.ndarray,
    offset: np.ndarray,
    log: bool,
    low: float,
    high: float,
) -> Members:
    own = np.asarray(generation, dtype=float)
    lower, upper = (np.broadcast_to(np.asarray(limit, dtype=float), own.shape) for limit in (least, greatest))
    for i in np.flatnonzero(~((lower <= own) & (own <= upper) & (lower >= 0) & np.isfinite(upper))):
        limits = f"[{lower[i]:g}, {upper[i]:g}]"
        raise ValueError(f"member {i}: generation {own[i]:g} must lie in the limits {limits}, finite and not negative")
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise ValueError(f"feed-in price {low:g} must not be above the retail price {high:g}, and both be finite")
    return Members(own, lower, upper, slope, offset, log, float(low), float(high))
