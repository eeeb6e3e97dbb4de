"""What members with batteries pay, and what weak duality proves of the least they could and of the most they might."""

from __future__ import annotations

import numpy as np

from ...instances.tariff import TariffInstance


def contents(instance: TariffInstance, charge_kwh: np.ndarray, discharge_kwh: np.ndarray) -> np.ndarray:
    """Content of each battery after each interval, (T, n) kWh.

    Parameters
    ----------
    instance : TariffInstance
        The community.
    charge_kwh, discharge_kwh : (T, n) arrays, kWh
        At the meter.
    """
    change = instance.efficiency * charge_kwh - discharge_kwh / instance.efficiency
    found: np.ndarray = instance.initial_kwh + np.cumsum(change, axis=0)
    return found


def member_cost(
    instance: TariffInstance,
    charge_kwh: np.ndarray,
    discharge_kwh: np.ndarray,
    buy_price: np.ndarray,
    sell_price: np.ndarray,
) -> np.ndarray:
    """What each member pays at prices, and its battery's wear, (n,) currency.

    Parameters
    ----------
    instance : TariffInstance
        The community.
    charge_kwh, discharge_kwh : (T, n) arrays, kWh
        Schedules.
    buy_price, sell_price : (T,) arrays, currency/kWh
        Of the operator.
    """
    net = instance.net_kwh + charge_kwh - discharge_kwh
    paid = buy_price @ np.maximum(net, 0.0) - sell_price @ np.maximum(-net, 0.0)
    found: np.ndarray = paid + instance.wear_price * (charge_kwh + discharge_kwh).sum(axis=0)
    return found


def least_cost_proved(instance: TariffInstance, energy_worth: np.ndarray, storage_worth: np.ndarray) -> np.ndarray:
    """What no schedule of each member can undercut, by weak duality, (n,) currency.

    Parameters
    ----------
    instance : TariffInstance
        The community.
    energy_worth : (T, n) array, currency/kWh
        Between the two prices at which it is asked, in each interval.
    storage_worth : (T, n) array, currency/kWh
        Any.
    """
    part, wear = instance.efficiency, instance.wear_price
    found = (instance.net_kwh * energy_worth).sum(axis=0)
    found = found + instance.initial_kwh * (storage_worth[-1] - storage_worth[0])
    charging = np.minimum(wear + energy_worth - part * storage_worth, 0.0).sum(axis=0)
    discharging = np.minimum(wear - energy_worth + storage_worth / part, 0.0).sum(axis=0)
    keeping = np.minimum(storage_worth[:-1] - storage_worth[1:], 0.0).sum(axis=0)
    proved: np.ndarray = found + instance.power_kwh * (charging + discharging) + instance.capacity_kwh * keeping
    return proved


def greatest_payment(instance: TariffInstance, charge_kwh: np.ndarray, discharge_kwh: np.ndarray) -> float:
    """What schedules cost at most, wear included, at any prices that keep bracket and means, currency.

    Buying and selling prices are looked at apart, which can only raise it. For either the greatest payment under the
    cap of the mean is a linear program with one constraint, whose dual is a convex function of one number.

    Parameters
    ----------
    instance : TariffInstance
        The community.
    charge_kwh, discharge_kwh : (T, n) arrays, kWh
        Schedules that keep their limits.
    """
    net = instance.net_kwh + charge_kwh - discharge_kwh
    bought, sold = np.maximum(net, 0.0).sum(axis=1), np.maximum(-net, 0.0).sum(axis=1)
    steps, low, high = len(net), instance.feed_in_price, instance.retail_price
    paid = _most_at_mean(bought, low, high, steps * instance.mean_buy_cap)
    # What is received is least where the negative of selling prices is greatest.
    received = -_most_at_mean(sold, -high, -low, -steps * instance.mean_sell_floor)
    wear = float((instance.wear_price * (charge_kwh + discharge_kwh)).sum())
    return paid - received + wear


def _most_at_mean(energy: np.ndarray, low: np.ndarray, high: np.ndarray, total: float) -> float:
    """Most of Σ price · energy with low ≤ price ≤ high and Σ price ≤ total: the least of its dual over breakpoints."""
    dual = [
        worth * total + float(np.maximum((energy - worth) * low, (energy - worth) * high).sum())
        for worth in (0.0, *np.unique(energy).tolist())
        if worth >= 0
    ]
    return min(dual)
