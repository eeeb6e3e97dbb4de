r"""What members do who gain or lose against selling all today, and what a leader can earn of it at most.

With :math:`y = A + x` kept, :math:`U - R = y (\rho_f - \theta)`, where :math:`\theta = \rho - \alpha A` is today's
price at what all buy, less what the member's own sale of everything would take off it. So a member's value is
:math:`y^\beta\, G(\theta)` with

.. math:: G(\theta) = E[(\rho_f - \theta)_+^\beta] - k\, E[(\theta - \rho_f)_+^\beta] ,

and for :math:`\beta = 1` :math:`G(\theta) = \bar\rho - \theta - (k - 1) E[(\theta - \rho_f)_+]`, concave and falling.
There :math:`y\, G(\theta(y))` is concave in y, as :math:`\theta` rises by α with it.

In equilibrium :math:`\theta` depends on the price :math:`\rho` of all alone, and
:math:`G(\theta) + \alpha y G'(\theta) = 0` gives :math:`y` in closed form, falling in :math:`\rho`. So the leader's
profit :math:`(\rho - c) X(\rho)` is a function of one number with a falling X, and on any piece
:math:`[\rho_1, \rho_2]` at most the greatest product of the ends of :math:`\rho - c` and of
:math:`[X(\rho_2), X(\rho_1)]`. Halving the pieces that could still hold the best proves a bound.
"""

from __future__ import annotations

import numpy as np

from ...instances.prospects import ProspectsInstance

CLOSE = 1e-7
"""Distance from the best profit known, in units of the scale, at which pieces are no longer halved."""

HALVINGS = 200
"""Bisection ends before, when there is no number between its two ends."""

PIECES = 64
"""Pieces of the range of prices to begin with."""


def value_of_keeping(
    theta: np.ndarray, low: np.ndarray, high: np.ndarray, aversion: np.ndarray, curvature: float
) -> np.ndarray:
    """Expected value of each kWh kept against a price, by the integral of gains and losses over a uniform price.

    Parameters
    ----------
    theta : array, currency/kWh
        What a kWh would have brought today.
    low, high : arrays, currency/kWh
        Range of tomorrow's price.
    aversion : array
        k.
    curvature : float
        β.
    """
    power = curvature + 1.0
    top, bottom = high - theta, low - theta
    gains = np.maximum(top, 0.0) ** power - np.maximum(bottom, 0.0) ** power
    losses = np.maximum(-bottom, 0.0) ** power - np.maximum(-top, 0.0) ** power
    found: np.ndarray = (gains - aversion * losses) / (power * (high - low))
    return found


def member_value(
    instance: ProspectsInstance, base_price: np.ndarray, others: np.ndarray, kept: np.ndarray
) -> np.ndarray:
    """Value of keeping y where others buy together what they do, (T, n) currency to the power of the curvature.

    Parameters
    ----------
    instance : ProspectsInstance
        The game.
    base_price : (T,) array, currency/kWh
        Of the leader.
    others : (T, n) array, kWh
        What all but the member buy together.
    kept : (T, n) array, kWh
        What it keeps.
    """
    theta = base_price[:, None] + instance.price_slope[:, None] * (others + kept - 2.0 * instance.stored_kwh)
    low, high = instance.future_low[:, None], instance.future_high[:, None]
    each = value_of_keeping(theta, low, high, instance.loss_aversion, instance.curvature)
    found: np.ndarray = np.maximum(kept, 0.0) ** instance.curvature * each
    return found


def regret(instance: ProspectsInstance, base_price: np.ndarray, traded_kwh: np.ndarray) -> np.ndarray:
    """What each member forgoes, the others as they are, (T, n) currency to the power of the curvature.

    A member's value is concave in what it keeps, or without a slope a power of it times a number: the best is found by
    bisection of the slope, and compared with keeping nothing and all.
    """
    others = traded_kwh.sum(axis=1, keepdims=True) - traded_kwh
    low, high = np.zeros_like(traded_kwh), instance.capacity_kwh.copy()
    step = 1e-6 * np.maximum(instance.capacity_kwh, 1e-300)
    for _ in range(60):
        middle = 0.5 * (low + high)
        ahead = member_value(instance, base_price, others, middle + step)
        behind = member_value(instance, base_price, others, np.maximum(middle - step, 0.0))
        low, high = np.where(ahead > behind, middle, low), np.where(ahead > behind, high, middle)
    own = member_value(instance, base_price, others, instance.stored_kwh + traded_kwh)
    tried = (low, high, np.zeros_like(low), instance.capacity_kwh)
    best = np.max([member_value(instance, base_price, others, one) for one in tried], axis=0)
    return np.asarray(best - own)


def kept_at(instance: ProspectsInstance, t: int, price: np.ndarray, *, ties: float) -> np.ndarray:
    """What members keep in equilibrium where today's price is given, (prices, n) kWh.

    Parameters
    ----------
    instance : ProspectsInstance
        The game.
    t : int
        Position of the interval.
    price : (m,) array, currency/kWh
        Today's prices, base price and slope together.
    ties : float
        Part of its capacity that a member keeps which does not care.
    """
    slope, capacity = instance.price_slope[t], instance.capacity_kwh[t]
    low, high, aversion = instance.future_low[t], instance.future_high[t], instance.loss_aversion
    theta = price[:, None] - slope * instance.stored_kwh[t]
    each = value_of_keeping(theta, low, high, aversion, instance.curvature)
    if slope == 0:
        tie = np.abs(each) <= 1e-12 * (high - low) ** instance.curvature
        return np.where(tie, ties * capacity, np.where(each > 0, capacity, 0.0))
    # d/dθ of the value: each kWh more costs θ, and the loss below it counts k - 1 times more.
    fall = 1.0 + (aversion - 1.0) * np.clip((theta - low) / (high - low), 0.0, 1.0)
    found: np.ndarray = np.clip(each / (slope * fall), 0.0, capacity)
    return found


def bought_at(instance: ProspectsInstance, t: int, price: np.ndarray, *, ties: float) -> np.ndarray:
    """What all buy together in equilibrium at today's prices, (m,) kWh; falling in the price."""
    found: np.ndarray = kept_at(instance, t, price, ties=ties).sum(axis=1) - instance.stored_kwh[t].sum()
    return found


def price_range(instance: ProspectsInstance, t: int) -> tuple[float, float]:
    """Today's least and greatest price over the leader's range, a little wider than bisection finds them."""
    ends = []
    for base, ties, wide in ((instance.price_low[t], 0.0, 0), (instance.price_high[t], 1.0, 1)):
        slope = instance.price_slope[t]
        if slope == 0:
            ends.append(float(base))
            continue
        most = instance.capacity_kwh[t].sum() - instance.stored_kwh[t].sum()
        low, high = float(base - slope * instance.stored_kwh[t].sum()), float(base + slope * most)
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            if middle in (low, high):
                break
            if middle - slope * bought_at(instance, t, np.array([middle]), ties=ties)[0] < base:
                low = middle
            else:
                high = middle
        ends.append((low, high)[wide])
    return ends[0], ends[1]


def greatest_profit(instance: ProspectsInstance, t: int, scale: float) -> float:
    """What no base price of the range can earn more than in one interval, currency.

    Parameters
    ----------
    instance : ProspectsInstance
        The game.
    t : int
        Position of the interval.
    scale : float
        Unit of the tolerance.
    """
    ends = np.linspace(*price_range(instance, t), PIECES + 1)
    left, right = ends[:-1], ends[1:]
    cost, best = float(instance.supply_price[t]), -np.inf
    done = -np.inf
    for _ in range(HALVINGS):
        most = bought_at(instance, t, left, ties=1.0)
        least = bought_at(instance, t, right, ties=0.0)
        corners = [(price - cost) * bought for price in (left, right) for bought in (most, least)]
        above = np.max(corners, axis=0)
        # A price that is there: ties suit the leader at both ends.
        best = max(best, float(corners[0].max()), float(corners[3].max()), *(_at(instance, t, left)))
        tolerance = CLOSE * max(scale, abs(best))
        done = max(done, float(above[above <= best + tolerance].max(initial=-np.inf)))
        open_ = above > best + tolerance
        middle = 0.5 * (left + right)
        flat = open_ & ((middle <= left) | (middle >= right))
        done = max(done, float(above[flat].max(initial=-np.inf)))
        open_ &= ~flat
        if not open_.any():
            break
        left, middle, right = left[open_], middle[open_], right[open_]
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    else:
        done = max(done, float(above[open_].max(initial=-np.inf)))
    return max(done, best)


def _at(instance: ProspectsInstance, t: int, price: np.ndarray) -> list[float]:
    """Profit at prices, ties as they suit the leader."""
    cost = float(instance.supply_price[t])
    return [float(((price - cost) * bought_at(instance, t, price, ties=ties)).max()) for ties in (0.0, 1.0)]
