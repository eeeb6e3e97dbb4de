"""Members who keep or sell at an uncertain price of tomorrow: thresholds, equilibria, and a leader's best price.

*Without a slope* a member keeps all it can below a price and sells all above it: gains and losses of each kWh balance
at one threshold, whatever the amount. A leader's profit is then straight between thresholds, and best at one of them.

*With a slope α* and straight gains and losses, what a member keeps is a function of today's price alone,
``y = G(θ) / (α |G'(θ)|)`` with θ = ρ - α A, put into its limits. It falls in ρ, so that today's price that belongs to a
base price is found by bisection. A leader's profit is smooth between prices at which somebody meets a limit or a loss
becomes possible (or certain); there it is a quadratic where all gains and losses count alike, and searched otherwise.

Source: El Rahi et al., IEEE TSG 10(1), 2019 (the game); thresholds, closed forms and the search are ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np

POINTS = 33
"""Prices looked at in each smooth piece before the best is refined."""

GOLDEN = 0.5 * (5.0**0.5 - 1.0)


def expected_prospect(theta: Any, low: float, high: float, loss_aversion: Any, curvature: float = 1.0) -> Any:
    """Expected value of a kWh kept instead of sold at a price, the price of tomorrow uniform on a range.

    Parameters
    ----------
    theta : array, currency/kWh
        What it would have brought today.
    low, high : float, currency/kWh
        Range of tomorrow's price.
    loss_aversion : array
        k.
    curvature : float
        β.

    Returns
    -------
    array
        E (ρ_f - θ)₊^β - k E (θ - ρ_f)₊^β.

    Examples
    --------
    >>> float(abs(expected_prospect(0.2, 0.1, 0.3, 1.0)).round(12))
    0.0
    """
    theta = np.asarray(theta, dtype=float)
    # The part of the range above θ, and the part below, of which losses and gains take a power each.
    above, below = np.clip(high - theta, 0.0, None), np.clip(theta - low, 0.0, None)
    beyond, under = np.clip(low - theta, 0.0, None), np.clip(theta - high, 0.0, None)
    power = 1.0 + curvature
    gain, loss = above**power - beyond**power, below**power - under**power
    return (gain - np.asarray(loss_aversion) * loss) / (power * (high - low))


def selling_threshold(low: Any, high: Any, loss_aversion: Any, curvature: float = 1.0) -> Any:
    """Price of today above which a member that takes it as given sells all it has.

    Parameters
    ----------
    low, high : arrays, currency/kWh
        Range of tomorrow's price.
    loss_aversion : array
        k, at least 1.
    curvature : float
        β.

    Returns
    -------
    array, currency/kWh
        (b + k^{1/(β+1)} a) / (1 + k^{1/(β+1)}); the mean for k = 1.

    Examples
    --------
    >>> float(selling_threshold(0.1, 0.3, 2.25).round(12))
    0.18
    """
    weight = np.asarray(loss_aversion, dtype=float) ** (1.0 / (1.0 + curvature))
    return (np.asarray(high) + weight * np.asarray(low)) / (1.0 + weight)


def kept_energy(price: Any, slope: float, stored_kwh: Any, capacity_kwh: Any, low: float, high: float, k: Any) -> Any:
    """What members keep in equilibrium at today's prices, (m, n) kWh for (m,) prices and n members.

    Parameters
    ----------
    price : (m,) array, currency/kWh
        Today's, base price and slope together.
    slope : float, currency/kWh²
        α, positive.
    stored_kwh, capacity_kwh : (n,) arrays, kWh
        Of members.
    low, high : float, currency/kWh
        Range of tomorrow's price.
    k : (n,) array
        Loss aversion.
    """
    theta = np.asarray(price, dtype=float)[:, None] - slope * np.asarray(stored_kwh)
    risk = np.clip((theta - low) / (high - low), 0.0, 1.0)
    worth = expected_prospect(theta, low, high, k)
    return np.clip(worth / (slope * (1.0 + (np.asarray(k) - 1.0) * risk)), 0.0, capacity_kwh)


def price_today(
    base_price: float, slope: float, stored_kwh: Any, capacity_kwh: Any, low: float, high: float, k: Any
) -> tuple[float, np.ndarray]:
    """Today's price and what members keep, where the leader's base price is given: one equilibrium, by bisection.

    Parameters
    ----------
    base_price : float, currency/kWh
        Of the leader.
    slope, stored_kwh, capacity_kwh, low, high, k
        See :func:`kept_energy`.

    Returns
    -------
    price : float, currency/kWh
    kept_kwh : (n,) array, kWh
    """
    stored, capacity = np.asarray(stored_kwh, dtype=float), np.asarray(capacity_kwh, dtype=float)
    data = (slope, stored, capacity, low, high, k)
    down = base_price - slope * float(stored.sum())
    up = base_price + slope * float((capacity - stored).sum())
    for _ in range(200):
        middle = 0.5 * (down + up)
        if middle in (down, up):
            break
        bought = float((kept_energy([middle], *data)[0] - stored).sum())
        if base_price + slope * bought > middle:
            down = middle
        else:
            up = middle
    kept = kept_energy([up], *data)[0]
    return up, kept


def _corners(data: tuple[Any, ...]) -> np.ndarray:
    """Prices at which somebody meets a limit, or a loss becomes possible or certain."""
    slope, stored, capacity, low, high, k = data
    corners = [low + slope * stored, high + slope * stored]
    # Nothing is kept where the value of the first kWh is 0: the threshold.
    corners.append(selling_threshold(low, high, k) + slope * stored)
    # All is kept up to where G + α y G' = 0 at the capacity: a quadratic in how far θ is into the range.
    width, more, full = high - low, k - 1.0, slope * capacity
    # G = (a + b)/2 - θ - (k-1) w u²/2 with θ = a + u w, and |G'| = 1 + (k-1) u.
    constant, linear = 0.5 * width - full, width + full * more
    square = 0.5 * more * width
    root = np.sqrt(np.maximum(linear**2 + 4.0 * square * constant, 0.0))
    inside = np.where(constant >= 0, 2.0 * constant / (linear + root), constant / width)
    corners.append(low + inside * width + slope * stored)
    return np.unique(np.concatenate(corners))


def best_base_price(
    supply_price: float,
    price_low: float,
    price_high: float,
    slope: float,
    stored_kwh: Any,
    capacity_kwh: Any,
    low: float,
    high: float,
    k: Any,
    curvature: float = 1.0,
) -> tuple[float, np.ndarray]:
    """The leader's best base price and what members keep at it, ties as they suit the leader.

    Parameters
    ----------
    supply_price : float, currency/kWh
        c.
    price_low, price_high : float, currency/kWh
        Range of the base price.
    slope, stored_kwh, capacity_kwh, low, high, k
        See :func:`kept_energy`; the slope may be 0.
    curvature : float
        β, 1 where there is a slope.

    Returns
    -------
    base_price : float, currency/kWh
    kept_kwh : (n,) array, kWh
    """
    stored, capacity = np.asarray(stored_kwh, dtype=float), np.asarray(capacity_kwh, dtype=float)
    aversion = np.broadcast_to(np.asarray(k, dtype=float), stored.shape)
    if slope == 0:
        return _best_threshold(supply_price, price_low, price_high, stored, capacity, low, high, aversion, curvature)
    data = (slope, stored, capacity, low, high, aversion)
    first, last = (price_today(end, *data)[0] for end in (price_low, price_high))
    corners = _corners(data)
    ends = np.concatenate([[first], corners[(corners > first) & (corners < last)], [last]])

    def earned(price: np.ndarray) -> np.ndarray:
        bought = (kept_energy(price, *data) - stored).sum(axis=1)
        found: np.ndarray = (price - supply_price) * bought
        return found

    share = np.linspace(0.0, 1.0, POINTS)
    points = np.unique((ends[:-1, None] + share * np.diff(ends)[:, None]).ravel()) if first < last else ends[:1]
    value = earned(points)
    # Every point that is better than both neighbours is refined; the function has no step between them.
    padded = np.concatenate([[-np.inf], value, [-np.inf]])
    peaks = np.flatnonzero((value >= padded[:-2]) & (value >= padded[2:]))
    left, right = points[np.maximum(peaks - 1, 0)], points[np.minimum(peaks + 1, len(points) - 1)]
    for _ in range(90):
        near, far = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
        better = earned(near) >= earned(far)
        left, right = np.where(better, left, near), np.where(better, far, right)
    refined = np.concatenate([points[peaks], 0.5 * (left + right)])
    price = float(refined[int(np.argmax(earned(refined)))])
    kept = kept_energy([price], *data)[0]
    base = price - slope * float((kept - stored).sum())
    base = min(max(base, price_low), price_high)
    return base, price_today(base, *data)[1]


def _best_threshold(
    supply_price: float,
    price_low: float,
    price_high: float,
    stored: np.ndarray,
    capacity: np.ndarray,
    low: float,
    high: float,
    aversion: np.ndarray,
    curvature: float,
) -> tuple[float, np.ndarray]:
    """The best of all thresholds and both ends, sorted supply being a staircase."""
    threshold = selling_threshold(low, high, aversion, curvature)
    prices = np.unique(np.concatenate([[price_low, price_high], np.clip(threshold, price_low, price_high)]))
    best: tuple[float, float, np.ndarray] | None = None
    for price in prices:
        kept = trades_at(float(price), threshold, capacity, supply_price)
        earned = (price - supply_price) * float((kept - stored).sum())
        if best is None or earned > best[0]:
            best = earned, float(price), kept
    assert best is not None
    return best[1], best[2]


def trades_at(price: float, threshold: np.ndarray, capacity: np.ndarray, supply_price: float) -> np.ndarray:
    """What members with thresholds keep at a price, (n,) kWh, ties as they suit the leader.

    Parameters
    ----------
    price : float, currency/kWh
        Today's.
    threshold : (n,) array, currency/kWh
        Above which each sells.
    capacity : (n,) array, kWh
        What it can keep.
    supply_price : float, currency/kWh
        A leader that asks more gains by each kWh that is bought, one that asks less by each that is sold.
    """
    tie = np.abs(price - threshold) <= 1e-14 * np.maximum(np.abs(threshold), 1e-300)
    keeps = np.where(tie, price > supply_price, price < threshold)
    return np.where(keeps, capacity, 0.0)
