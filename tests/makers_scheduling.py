"""Small random scheduling instances with ties, zeros and whatever else a schedule may meet, by seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from commonwatt.instances.scheduling import SchedulingInstance


def random_scheduling(seed: int) -> SchedulingInstance:
    """A small community; what is odd about it depends on the seed, and not every one has a schedule.

    Odd prices, demand charges, targets, limits of all kinds, outages, failed nodes, trips and required contents come
    with certain remainders of the seed, so that any dozen of them in a row have most of it.
    """
    rng = np.random.default_rng(seed)
    intervals, members = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    storages, requests = int(rng.integers(0, 4)), int(rng.integers(0, 3))
    made = _members(rng, seed, intervals, members)
    if storages:
        made |= _storages(rng, seed, intervals, members, storages, made["dt_h"])
    if requests:
        made |= _requests(rng, intervals, members, requests, made["dt_h"])
    return SchedulingInstance(**made)


def _members(rng: np.random.Generator, seed: int, intervals: int, members: int) -> dict[str, Any]:
    shape = (intervals, members)
    buy = rng.choice([0.1, 0.2, 0.3, 0.5], intervals)
    sell = buy * rng.choice([0.0, 0.5, 1.0], intervals)
    load = rng.choice([0.0, 0.5, 1.0, 2.0, 3.0], shape)
    made: dict[str, Any] = {
        "load_kwh": load,
        "generation_kwh": rng.choice([0.0, 0.0, 1.0, 4.0], shape),
        "dt_h": float(rng.choice([0.5, 1.0, 0.25])),
    }
    if seed % 5 == 1:
        buy = buy - rng.choice([0.0, 0.3], intervals)
        sell = np.minimum(buy, sell)
    if seed % 7 == 2:
        sell = sell + 0.2
    if seed % 3 == 0:
        made |= {"demand_charge": float(rng.choice([0.0, 0.5, 2.0])), "peak_price": 2.0}
    if seed % 4 == 1:
        made |= {"export_limit_kw": np.full(intervals, float(rng.choice([0.0, 1.0, 3.0])))}
    if seed % 8 == 5:
        made |= {"spill": "forbidden"}
    if seed % 6 == 2:
        made |= {
            "lost_load": "priced",
            "lost_load_price": 3.0,
            "import_limit_kw": rng.choice([0.0, 1.0, 5.0], intervals),
        }
    if seed % 6 == 4:
        made |= {
            "curtailable_kwh": load * rng.choice([0.0, 0.5, 1.0], shape),
            "curtailment_price": rng.choice([0.15, 0.4, 2.0], members),
        }
    if seed % 9 == 4:
        made |= {"member_export_kw": rng.choice([0.0, 1.0, 4.0], members)}
    if seed % 9 == 6:
        made |= {"lost_load": "priced", "connected": rng.choice([0, 1, 1], shape)}
    if seed % 10 == 7:
        made |= {"member_import_kw": load.max(axis=0) / made["dt_h"] * rng.choice([1.0, 1.2, 3.0], members) + 0.5}
    if seed % 11 == 3:
        made |= {"import_limit_kw": np.full(intervals, load.sum(axis=1).max() / made["dt_h"])}
    return made | {"buy_price": buy, "sell_price": sell}


def _storages(
    rng: np.random.Generator, seed: int, intervals: int, members: int, storages: int, dt_h: float
) -> dict[str, Any]:
    capacity = rng.choice([0.0, 1.0, 3.0], storages)
    power = rng.choice([0.0, 1.0, 4.0], storages)
    made: dict[str, Any] = {
        "storage_of": rng.integers(0, members, storages),
        "capacity_kwh": capacity,
        "charge_kw": power,
        "discharge_kw": rng.choice([0.0, 1.0, 4.0], storages),
        "charge_efficiency": rng.choice([1.0, 0.9, 0.6], storages),
        "discharge_efficiency": rng.choice([1.0, 0.9], storages),
        "retention": rng.choice([1.0, 0.95], storages),
        "initial_kwh": capacity * rng.choice([0.0, 0.5, 1.0], storages),
        "terminal_value": rng.choice([0.0, 0.1, 0.25], storages),
    }
    if seed % 4 == 2:
        made |= {
            "target_kwh": capacity * rng.choice([0.0, 0.5, 1.0], (intervals + 1, storages)),
            "target_price": rng.choice([0.05, 0.3], storages),
        }
    if seed % 4 == 3:
        made |= {"plugged": rng.choice([0, 1, 1], (intervals, storages))}
    if seed % 7 == 4:
        made |= {"trip_kwh": capacity * rng.choice([0.0, 0.0, 0.2], (intervals, storages))}
    if seed % 7 == 5:
        # Some share of what the charging power could bring until then.
        within = np.minimum(capacity, np.arange(intervals + 1)[:, None] * power * dt_h * 0.5)
        made |= {"required_kwh": within * (rng.random((intervals + 1, storages)) < 0.4)}
    if seed % 7 == 6:
        made |= {"final_kwh": np.minimum(capacity, power * dt_h * intervals * 0.5)}
    return made


def _requests(rng: np.random.Generator, intervals: int, members: int, requests: int, dt_h: float) -> dict[str, Any]:
    earliest = rng.integers(0, intervals, requests)
    latest = np.array([rng.integers(first, intervals) for first in earliest])
    power = rng.choice([1.0, 2.0, 5.0], requests)
    return {
        "request_of": rng.integers(0, members, requests),
        "earliest": earliest,
        "latest": latest,
        "request_kw": power,
        "request_kwh": power * dt_h * (latest - earliest + 1) * rng.choice([0.0, 0.3, 1.0], requests),
    }


def simple_homes(seed: int) -> SchedulingInstance:
    """Members with one battery, vehicle or request each, or nothing, at plain tariffs: what the battery kernel does."""
    rng = np.random.default_rng(seed)
    intervals, members = int(rng.integers(2, 10)), int(rng.integers(1, 5))
    shape, dt_h = (intervals, members), float(rng.choice([0.25, 0.5, 1.0]))
    buy = rng.choice([0.1, 0.2, 0.3, 0.5], intervals)
    made: dict[str, Any] = {
        "load_kwh": rng.choice([0.0, 0.5, 1.0, 2.0], shape),
        "generation_kwh": rng.choice([0.0, 0.0, 1.0, 4.0], shape),
        "buy_price": buy,
        "sell_price": buy * rng.choice([0.0, 0.5, 1.0], intervals),
        "dt_h": dt_h,
    }
    if seed % 2:
        # Numbers that leave traces when they are added and taken away again.
        made["load_kwh"] = made["load_kwh"] * rng.lognormal(size=shape)
        made["generation_kwh"] = made["generation_kwh"] * rng.lognormal(size=shape)
    kind = rng.choice(["battery", "vehicle", "request", "nothing"], members)
    stores = np.flatnonzero((kind == "battery") | (kind == "vehicle"))
    if stores.size:
        capacity, power = rng.choice([0.0, 1.0, 3.0], stores.size), rng.choice([1.0, 4.0], stores.size)
        drives = kind[stores] == "vehicle"
        away = (rng.random((intervals, stores.size)) < 0.3) & drives & (capacity > 0)
        # A trip takes little enough that charging at full power in the other intervals replaces it.
        trip = np.where(away, 0.1 * np.minimum(capacity, power * dt_h), 0.0)
        made |= {
            "storage_of": stores,
            "capacity_kwh": capacity,
            "charge_kw": power,
            "discharge_kw": power * rng.choice([0.5, 1.0], stores.size),
            "charge_efficiency": rng.choice([1.0, 0.9, 0.6], stores.size),
            "discharge_efficiency": rng.choice([1.0, 0.9], stores.size),
            "retention": rng.choice([1.0, 0.95], stores.size),
            "initial_kwh": capacity * rng.choice([0.5, 1.0], stores.size),
            "final_kwh": 0.2 * np.minimum(capacity, power * dt_h),
            "terminal_value": rng.choice([0.0, 0.1, 0.25], stores.size),
            "plugged": np.where(away, 0, 1),
            "trip_kwh": trip,
        }
    asking = np.flatnonzero(kind == "request")
    if asking.size:
        made |= _requests(rng, intervals, members, asking.size, dt_h) | {"request_of": asking}
    return SchedulingInstance(**made)


def street_of_requests(seed: int) -> SchedulingInstance:
    """Loads and many movable requests, without storages: whose peak valley filling answers."""
    rng = np.random.default_rng(seed)
    intervals, members, requests = int(rng.integers(2, 13)), int(rng.integers(1, 5)), int(rng.integers(1, 9))
    shape, dt_h = (intervals, members), float(rng.choice([0.25, 0.5, 1.0]))
    made = {
        "load_kwh": rng.choice([0.0, 0.5, 1.0, 2.0, rng.lognormal()], shape),
        "generation_kwh": rng.choice([0.0, 0.0, 1.0, 3.0], shape),
        "buy_price": rng.choice([0.1, 0.3], intervals),
        "peak_price": float(rng.choice([1.0, 3.0])),
        "dt_h": dt_h,
    }
    made |= _requests(rng, intervals, members, requests, dt_h)
    if seed % 3 == 0:
        made |= {"earliest": np.zeros(requests, dtype=int), "latest": np.full(requests, intervals - 1)}
    return SchedulingInstance(**made)
