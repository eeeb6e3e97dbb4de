r"""How much to sell of what is uncertain: the newsvendor's offer with CVaR, and the merit order of markets.

Selling q ahead at λ, what is surplus at :math:`\pi^l \le \lambda` and what is missing at :math:`\pi^s \ge \lambda`,
a sample X earns :math:`\lambda q + \pi^l (X - q)^+ - \pi^s (q - X)^+`: concave in q, with slope :math:`\lambda - \pi^s`
where :math:`q > X` and :math:`\lambda - \pi^l` where :math:`q < X`. In X it has slope :math:`\pi^s` below q and
:math:`\pi^l` above.

- If both have one sign, samples are in one order of profit whatever q, the worst part has fixed weights, and with
  :math:`w = (1 - \omega) p + \omega m` the best q is the w-quantile at :math:`(\lambda - \pi^l) / (\pi^s - \pi^l)`.
- If surplus costs (:math:`\pi^l < 0 < \pi^s`), profit is greatest at X = q and the order changes with q. The criterion
  is still concave and straight in pieces; two tangents are intersected until the point where they meet lies on it.

Source: the newsvendor with mean and CVaR is textbook matter; the cases of sign are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

ROUNDS = 10_000
"""Intersections at most; each finds a new straight piece, of which there are finitely many, and few are needed."""


def newsvendor_offer(
    samples_kwh: Any,
    price: float,
    long_price: float,
    short_price: float,
    risk_weight: float = 0.0,
    tail: float = 0.05,
    probability: Any = None,
) -> float:
    """Offer that is best for (1 - ω) mean + ω CVaR of profit over the samples, exactly.

    Parameters
    ----------
    samples_kwh : (S,) array, kWh
        What may be there to deliver.
    price, long_price, short_price : float, currency/kWh
        λ, π^l and π^s: of the offer, of what is surplus, and of what is missing; λ between the two others.
    risk_weight, tail : float
        ω in [0, 1] and α in (0, 1].
    probability : (S,) array, optional
        Of each sample; equal unless given.

    Returns
    -------
    float, kWh
        The least of the best offers that lie between the least and the greatest sample.

    Raises
    ------
    ValueError
        For bad numbers, or prices in another order: with one price for imbalance no offer is better than another.
    """
    samples, chance = _checked(samples_kwh, price, long_price, short_price, risk_weight, tail, probability)
    if long_price < 0 < short_price and risk_weight > 0:
        return _by_tangents(samples, chance, price, long_price, short_price, risk_weight, tail)
    if probability is None:
        # Samples of one chance need no names: sorting them is quicker than finding their order.
        samples = np.sort(samples)
    else:
        order = np.argsort(samples, kind="stable")
        samples, chance = samples[order], chance[order]
    worst_first = slice(None) if short_price > 0 or long_price > 0 else slice(None, None, -1)
    weight = _weights(worst_first, chance, risk_weight, tail)
    share = (price - long_price) / (short_price - long_price)
    # The least sample up to which the weight reaches the share, but for the last digits of a sum.
    at = int(np.searchsorted(np.cumsum(weight), share - 1e-12))
    return float(samples[min(at, len(samples) - 1)])


def newsvendor_block_offer(samples_kw: Any, price: Any, long_price: Any, short_price: Any, probability: Any) -> float:
    """Offer for a block of intervals that is best for mean profit, where each sample has prices of its own.

    Mean profit is concave and straight between samples; its slope falls by p (π^s - π^l) at each, and the best offer is
    the least at which it is no longer positive.

    Parameters
    ----------
    samples_kw : (S, T) array, kW
        What is there to deliver in each scenario and interval of the block.
    price : (T,) array, currency/kWh
        λ of the offer.
    long_price, short_price : (S, T) arrays, currency/kWh
        π^l and π^s, the first no greater.
    probability : (S,) array
        Of each scenario.

    Returns
    -------
    float, kW
        -inf or inf where the offer earns by not being kept.
    """
    chance = np.broadcast_to(np.asarray(probability, float)[:, None], np.shape(samples_kw))
    samples = np.asarray(samples_kw, float).ravel()
    order = np.argsort(samples, kind="stable")
    fall = (chance * (np.asarray(short_price) - np.asarray(long_price))).ravel()[order]
    first = float((chance * (np.asarray(price) - np.asarray(long_price))).sum())
    rounding = 1e-14 * float((chance * (np.abs(long_price) + np.abs(short_price))).sum())
    if first < -rounding:
        # A surplus earns more than any offer, so that ever less is best.
        return -np.inf
    # The slope right of each sample, the least of which counts where it is flat from the beginning.
    slope = np.where(first <= rounding, 0.0, first - np.cumsum(fall))
    over = np.flatnonzero(slope <= rounding)
    return float(samples[order[over[0]]]) if len(over) else np.inf


def newsvendor_value(
    samples_kwh: Any,
    offer_kwh: float,
    price: float,
    long_price: float,
    short_price: float,
    risk_weight: float = 0.0,
    tail: float = 0.05,
    probability: Any = None,
) -> float:
    """What an offer is worth by (1 - ω) mean + ω CVaR, currency; parameters as for :func:`newsvendor_offer`."""
    samples, chance = _checked(samples_kwh, price, long_price, short_price, risk_weight, tail, probability)
    value, _, _ = _at(float(offer_kwh), samples, chance, price, long_price, short_price, risk_weight, tail)
    return value


def _checked(
    samples_kwh: Any,
    price: float,
    long_price: float,
    short_price: float,
    risk_weight: float,
    tail: float,
    probability: Any,
) -> tuple[np.ndarray, np.ndarray]:
    samples = np.asarray(samples_kwh, float)
    if samples.ndim != 1 or not len(samples):
        raise ValueError(f"samples_kwh has shape {samples.shape}; give one number for each sample, at least one")
    chance = np.full(len(samples), 1.0 / len(samples)) if probability is None else np.asarray(probability, float)
    if chance.shape != samples.shape or (chance < 0).any() or abs(chance.sum() - 1.0) > 1e-9:
        raise ValueError(f"probability must be one number of at least 0 for each of {len(samples)} samples, with sum 1")
    for name, values in (("samples_kwh", samples), ("probability", chance)):
        for k in np.flatnonzero(~np.isfinite(values)):
            raise ValueError(f"{name}[{k}] is {values[k]}; give finite numbers")
    if not long_price <= price <= short_price or long_price == short_price:
        raise ValueError(
            f"prices must be in the order long <= price <= short, with long < short, not {long_price:g}, {price:g}, "
            f"{short_price:g}: otherwise no offer is best, or any is"
        )
    if not 0 <= risk_weight <= 1 or not 0 < tail <= 1:
        raise ValueError(f"risk_weight must lie in [0, 1] and tail in (0, 1], not {risk_weight:g} and {tail:g}")
    return samples, chance


def _weights(worst_first: np.ndarray | slice, chance: np.ndarray, risk_weight: float, tail: float) -> np.ndarray:
    """What each sample counts, (S,), where the worst come first in the given order."""
    before = np.cumsum(chance[worst_first]) - chance[worst_first]
    tail_weight = np.empty_like(chance)
    tail_weight[worst_first] = np.clip(tail - before, 0.0, chance[worst_first]) / tail
    return (1.0 - risk_weight) * chance + risk_weight * tail_weight / tail_weight.sum()


def _at(
    offer: float,
    samples: np.ndarray,
    chance: np.ndarray,
    price: float,
    long_price: float,
    short_price: float,
    risk_weight: float,
    tail: float,
) -> tuple[float, float, float]:
    """Value of an offer, and a slope that the criterion has just left and just right of it."""
    surplus = samples - offer
    profit = price * offer + np.where(surplus > 0, long_price * surplus, short_price * surplus)
    slopes = []
    for side in (-1, 1):
        # At a tie of profits, the one that is worse a little to that side counts first.
        slope = price - np.where(
            surplus > 0, long_price, np.where(surplus < 0, short_price, _kink(side, long_price, short_price))
        )
        weight = _weights(np.lexsort((side * slope, profit)), chance, risk_weight, tail)
        slopes.append(float(weight @ slope))
    return float(weight @ profit), slopes[0], slopes[1]


def _kink(side: int, long_price: float, short_price: float) -> float:
    return long_price if side < 0 else short_price


def _by_tangents(
    samples: np.ndarray,
    chance: np.ndarray,
    price: float,
    long_price: float,
    short_price: float,
    risk_weight: float,
    tail: float,
) -> float:
    """The best offer where the order of profits changes with it."""
    rest = samples, chance, price, long_price, short_price, risk_weight, tail
    left, right = float(samples.min()), float(samples.max())
    left_value, _, left_slope = _at(left, *rest)
    right_value, right_slope, _ = _at(right, *rest)
    if left_slope <= 0:
        return left
    if right_slope >= 0:
        return right
    for _ in range(ROUNDS):
        # Where the two tangents meet is above the criterion, or on its highest point.
        meet = (right_value - left_value + left_slope * left - right_slope * right) / (left_slope - right_slope)
        meet = min(max(meet, left), right)
        value, before, after = _at(meet, *rest)
        ceiling = left_value + left_slope * (meet - left)
        if ceiling - value <= 1e-13 * (abs(ceiling) + abs(value)) or not left < meet < right:
            return meet
        if before >= 0 >= after:
            return meet
        if after > 0:
            left, left_value, left_slope = meet, value, after
        else:
            right, right_value, right_slope = meet, value, before
    raise AssertionError("tangents do not end")  # pragma: no cover


@dataclass(frozen=True)
class MeritOrder:
    """Offers of one capacity in several markets.

    Parameters
    ----------
    offer_kw : (m,) array, kW
        In each market.
    capacity_price : float, currency/kW
        What one more kW of capacity would earn.
    value : float, currency
        What all offers earn.
    """

    offer_kw: np.ndarray
    capacity_price: float
    value: float


def merit_order_offer(capacity_kw: float, price: Any, limit_kw: Any) -> MeritOrder:
    """The best offers of one capacity: the dearest market first, up to its limit, none at a loss.

    Parameters
    ----------
    capacity_kw : float, kW
        To be offered.
    price : (m,) array, currency/kW
        What each market pays.
    limit_kw : (m,) array, kW
        What each takes; may be infinite.

    Returns
    -------
    MeritOrder
        Equal prices are served in the order given.

    Raises
    ------
    ValueError
        For numbers that are not finite, negative limits or capacity, or another number of limits than of prices.
    """
    prices, limits = np.atleast_1d(np.asarray(price, float)), np.atleast_1d(np.asarray(limit_kw, float))
    if prices.shape != limits.shape or prices.ndim != 1:
        raise ValueError(f"price has shape {prices.shape} and limit_kw {limits.shape}; give both for each market")
    for name, values, least in (
        ("price", prices, -np.inf),
        ("limit_kw", limits, 0.0),
        ("capacity_kw", np.array([capacity_kw], float), 0.0),
    ):
        finite = np.isfinite(values) | ((name == "limit_kw") & (values == np.inf))
        for k in np.flatnonzero(~finite | (values < least)):
            raise ValueError(
                f"{name}[{k}] is {values[k]:g}; give a finite number{'' if least < 0 else ' of at least 0'}"
            )
    order = np.argsort(-prices, kind="stable")
    order = order[prices[order] > 0]
    # Summed rather than subtracted, which a market without a limit would not bear.
    before = np.concatenate([[0.0], np.cumsum(limits[order])[:-1]])[: len(order)]
    offer = np.zeros_like(prices)
    offer[order] = np.clip(capacity_kw - before, 0.0, limits[order])
    open_markets = order[offer[order] < limits[order]]
    worth = float(prices[open_markets[0]]) if len(open_markets) else 0.0
    return MeritOrder(offer, worth, float(prices @ offer))
