"""What a member does at given prices, and which prices the rules of responsive loads expect, in plain numpy.

A price-taking member with generation E, wanted load x̂ and discomfort θ minimises

    p_b (x - E)⁺ - p_s (E - x)⁺ + θ (x - x̂)²,     p_s ≤ p_b.

Its marginal discomfort is 2θ(x̂ - x): it buys down to x̂ - p_b/2θ where that is above E, sells down to x̂ - p_s/2θ where
that is below E, and otherwise uses what it generates. A load that must add up to a total W has a value ν for one more
kWh, the same in all intervals, by which it sees prices lowered; ν is found by bisection, since the sum grows with it.

Source: Liu et al., IEEE TPWRS 32(5), 2017, prosumer model; the closed form, limits and totals are ours.
"""

from __future__ import annotations

import numpy as np

from ...instances.responsive import ResponsiveInstance

HALVINGS = 200
"""Bisection ends before, when there is no number between its two ends."""

Pair = tuple[np.ndarray, np.ndarray]


def best_response(instance: ResponsiveInstance, buy_price: np.ndarray, sell_price: np.ndarray) -> np.ndarray:
    """What each member uses when it takes prices as given.

    Parameters
    ----------
    instance : ResponsiveInstance
        What is given.
    buy_price, sell_price : (T,) arrays, currency/kWh
        For what a member is short of, and for what it has left. Where selling would pay more than buying costs, both
        count as the selling price, since the answer to such prices is not unique.

    Returns
    -------
    (T, n) array, kWh
    """
    weight = 0.5 / instance.discomfort
    buying = instance.wanted_kwh - np.maximum(buy_price, sell_price)[:, None] * weight
    selling = instance.wanted_kwh - sell_price[:, None] * weight
    least, upper, own = instance.least_kwh, instance.upper_kwh, instance.generation_kwh
    if not instance.coupled:
        return np.clip(np.clip(own, buying, selling), least, upper)
    return _adding_up(own, buying, selling, least, upper, instance.total_kwh)


def _adding_up(
    own: np.ndarray, buying: np.ndarray, selling: np.ndarray, least: np.ndarray, upper: np.ndarray, total: np.ndarray
) -> np.ndarray:
    """Loads whose sum over the horizon is the total, at the one shift of each member that makes it so."""

    def load(shift: np.ndarray) -> np.ndarray:
        return np.clip(np.clip(own, buying + shift, selling + shift), least, upper)

    low, high = (least - selling).min(axis=0), (np.minimum(upper, total) - buying).max(axis=0)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if ((middle <= low) | (middle >= high)).all():
            break
        short = load(middle).sum(axis=0) < total
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    # Between the two ends loads are straight lines, on which the total is met exactly.
    below, above = load(low), load(high)
    first, last = below.sum(axis=0), above.sum(axis=0)
    share = np.divide(total - first, last - first, out=np.zeros_like(total), where=last > first)
    found: np.ndarray = below + np.clip(share, 0.0, 1.0) * (above - below)
    return found


def wanted_load(instance: ResponsiveInstance) -> np.ndarray:
    """The load of least discomfort that keeps limits and totals, (T, n) kWh: as wanted, where that does."""
    nothing = np.zeros(len(instance.interval))
    return best_response(instance, nothing, nothing)


def discomfort_cost(instance: ResponsiveInstance, load_kwh: np.ndarray) -> np.ndarray:
    """What each member bears over the horizon, (n,) currency."""
    found: np.ndarray = instance.discomfort * ((load_kwh - instance.wanted_kwh) ** 2).sum(axis=0)
    return found


def traded(instance: ResponsiveInstance, load_kwh: np.ndarray) -> Pair:
    """What all members who are short buy, and all who are long sell, (T,) kWh each, both at least 0."""
    net = load_kwh - instance.generation_kwh
    return np.maximum(net, 0.0).sum(axis=1), np.maximum(-net, 0.0).sum(axis=1)


def member_cost(
    instance: ResponsiveInstance, load_kwh: np.ndarray, buy_price: np.ndarray, sell_price: np.ndarray
) -> np.ndarray:
    """Bill and discomfort of each member at prices, (n,) currency."""
    net = load_kwh - instance.generation_kwh
    bill = buy_price @ np.maximum(net, 0.0) - sell_price @ np.maximum(-net, 0.0)
    found: np.ndarray = bill + discomfort_cost(instance, load_kwh)
    return found


def alone_cost(instance: ResponsiveInstance) -> np.ndarray:
    """What each member bears at best behind a meter of its own, (n,) currency: it answers the grid's prices."""
    load = best_response(instance, instance.retail_price, instance.feed_in_price)
    return member_cost(instance, load, instance.retail_price, instance.feed_in_price)


def social_cost(instance: ResponsiveInstance, load_kwh: np.ndarray) -> float:
    """What the community pays the grid behind one meter, and the discomfort of all, currency."""
    net = (load_kwh - instance.generation_kwh).sum(axis=1)
    return float(instance.grid_cost(net).sum() + discomfort_cost(instance, load_kwh).sum())


def sharing_prices(instance: ResponsiveInstance, buying_kwh: np.ndarray, selling_kwh: np.ndarray) -> Pair:
    """Prices by the ratio r of supply and demand at given trades.

    The inverse of the selling price moves linearly in r from that of the retail price, where nobody sells, to that of
    the feed-in price at r = 1; at a feed-in price of 0 or less, which has no such inverse, the price itself does. The
    buyers pay what the grid and the sellers are paid.

    Parameters
    ----------
    instance : ResponsiveInstance
        What is given.
    buying_kwh, selling_kwh : (T,) arrays, kWh
        What all members buy and sell, at least 0.

    Returns
    -------
    buy_price, sell_price : (T,) arrays, currency/kWh
        Where nobody trades, those of the grid.
    """
    retail, feed_in = instance.retail_price, instance.feed_in_price
    some = np.where(buying_kwh > 0, buying_kwh, 1.0)
    ratio = np.minimum(np.where(buying_kwh > 0, selling_kwh / some, 1.0), 1.0)
    positive = feed_in > 0
    high, low = np.where(positive, retail, 1.0), np.where(positive, feed_in, 1.0)
    sell = np.where(positive, 1.0 / ((1.0 - ratio) / high + ratio / low), (1.0 - ratio) * retail + ratio * feed_in)
    buy = (retail * (buying_kwh - selling_kwh) + sell * selling_kwh) / some
    enough = selling_kwh >= buying_kwh
    nobody = (buying_kwh == 0) & (selling_kwh == 0)
    sell = np.where(enough, feed_in, sell)
    return np.where(nobody, retail, np.where(enough, feed_in, buy)), sell


def efficient_price(instance: ResponsiveInstance) -> np.ndarray:
    """The one price of each interval at which members' answers make the social optimum, (T,) currency/kWh.

    Only for loads that need not add up. It is the retail price where the community buys all the same, the feed-in
    price where it sells all the same, and otherwise where its demand meets its supply.
    """
    low, high = instance.feed_in_price, instance.retail_price
    supply = instance.generation_kwh.sum(axis=1)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if ((middle <= low) | (middle >= high)).all():
            break
        short = best_response(instance, middle, middle).sum(axis=1) > supply
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    # Ends that were never left are prices of the grid: bisection has only come close to them.
    at_retail = best_response(instance, instance.retail_price, instance.retail_price).sum(axis=1) >= supply
    at_feed_in = best_response(instance, instance.feed_in_price, instance.feed_in_price).sum(axis=1) <= supply
    found: np.ndarray = np.where(at_retail, instance.retail_price, np.where(at_feed_in, instance.feed_in_price, low))
    return found
