"""Random small portfolios in which every market, reserve and storage may matter."""

import numpy as np
from commonwatt.instances.portfolio import PortfolioInstance


def random_power_only(seed: int) -> PortfolioInstance:
    """No storages: an uncertain export for one market (even seeds), or a known one for several (odd seeds)."""
    rng = np.random.default_rng(seed)
    intervals, uncertain = int(rng.integers(1, 5)), seed % 2 == 0
    scenarios = int(rng.integers(1, 6)) if uncertain else 1
    risky = uncertain and rng.random() < 0.4
    intervals = 1 if risky else intervals
    shape = scenarios, intervals
    day = rng.choice([0.1, 0.2, 0.3], intervals)
    apart = rng.choice([0.0, 0.05, 0.1], (2, *shape))
    if risky:
        apart[:] = rng.choice([0.02, 0.1], (2, 1, 1))
    if not uncertain:
        # No market sells dearer than the cheapest purchase, the day ahead.
        apart[0] += 0.1
    fields = {
        "load_kw": rng.choice([0.0, 1.0], (*shape, 2)) if uncertain else np.zeros((*shape, 2)),
        "generation_kw": rng.choice([0.0, 1.0, 2.5, 6.0], (*shape, 2)),
        "day_ahead_price": day,
        "day_ahead_limit_kw": float(rng.choice([1.0, 4.0, 100.0])),
        "day_ahead_block_h": 0.5 * (int(rng.integers(1, 3)) if uncertain else 1),
        "reserve_block_h": 0.5,
        "short_price": day + apart[0],
        "long_price": day - apart[1],
        "risk_weight": float(rng.choice([0.2, 0.7, 1.0])) if risky else 0.0,
        "tail": float(rng.choice([0.2, 0.5, 1.0])),
        "dt_h": 0.5,
    }
    if not uncertain:
        fields |= {
            "intraday_sale_price": day - rng.choice([0.0, 0.05], shape),
            "intraday_purchase_price": (day + 0.1)[None],
            "intraday_limit_kw": float(rng.choice([0.0, 2.0])),
            "up_price": day - rng.choice([0.0, 0.03], shape),
            "down_price": (day + 0.2)[None],
            "up_accepted": rng.integers(0, 2, shape),
            "balancing_limit_kw": float(rng.choice([0.0, 1.5])),
            "up_reserve_price": rng.choice([0.0, 0.05, 0.25, 0.4], intervals),
            "reserve_limit_kw": float(rng.choice([0.0, 3.0])),
            "room_price": 0.5,
        }
    return PortfolioInstance(**fields)


def random_portfolio(seed: int, **changes) -> PortfolioInstance:
    """Storages, trips, targets and every market."""
    rng = np.random.default_rng(seed)
    scenarios, intervals = int(rng.integers(1, 4)), int(rng.integers(2, 7))
    members, storages = int(rng.integers(1, 4)), int(rng.integers(0, 4))
    shape = scenarios, intervals
    chance = rng.uniform(0.2, 1.0, scenarios)
    day = rng.uniform(0.05, 0.3, intervals)
    imbalance = ("dual", "single", "single_with_penalty")[rng.integers(0, 3)]
    short = day + rng.uniform(0.0, 0.2, shape)
    long = day - rng.uniform(0.0, 0.2, shape) if imbalance == "dual" else short
    capacity = rng.uniform(2.0, 10.0, storages)
    low = 0.2 * capacity * (rng.random(storages) < 0.5)
    plugged = (rng.random((*shape, storages)) < 0.8).astype(int)
    accepted = rng.random((2, *shape)) < 0.4
    accepted[1] &= ~accepted[0]
    reserve = rng.random() < 0.7
    fields = {
        "load_kw": rng.uniform(0.0, 3.0, (*shape, members)),
        "generation_kw": rng.uniform(0.0, 4.0, (*shape, members)) * (rng.random((*shape, members)) < 0.5),
        "probability": chance / chance.sum(),
        "storage_of": rng.integers(0, members, storages),
        "capacity_kwh": capacity,
        "minimum_kwh": low,
        "initial_kwh": rng.uniform(low, capacity),
        "charge_kw": rng.uniform(1.0, 5.0, storages),
        "discharge_kw": rng.uniform(0.0, 5.0, storages),
        "charge_efficiency": rng.uniform(0.8, 1.0, storages),
        "discharge_efficiency": rng.uniform(0.8, 1.0, storages),
        "retention": np.where(low > 0, 1.0, rng.uniform(0.9, 1.0, storages)),
        "plugged": plugged,
        "trip_kwh": rng.uniform(0.0, 3.0, plugged.shape) * (1 - plugged),
        "target_kwh": rng.uniform(0.0, 1.0, (scenarios, intervals + 1, storages))
        * capacity
        * (rng.random((scenarios, intervals + 1, storages)) < 0.3),
        "target_price": rng.uniform(0.2, 1.0, storages),
        "flexibility_fee": rng.uniform(0.0, 0.05, storages),
        "day_ahead_price": day,
        "day_ahead_limit_kw": 15.0,
        "day_ahead_block_h": float(rng.choice([0.5, 1.0])),
        "reserve_block_h": float(rng.choice([1.0, 2.0])),
        "intraday_sale_price": day - rng.uniform(0.0, 0.05, shape),
        "intraday_purchase_price": day + rng.uniform(0.0, 0.05, shape),
        "intraday_limit_kw": float(rng.choice([0.0, 3.0])),
        "imbalance": imbalance,
        "short_price": short,
        "long_price": long,
        "imbalance_penalty": 0.05,
        "up_price": day + rng.uniform(0.0, 0.2, shape),
        "down_price": day - rng.uniform(0.0, 0.1, shape),
        "up_accepted": accepted[0].astype(int),
        "down_accepted": accepted[1].astype(int),
        "balancing_limit_kw": float(rng.choice([0.0, 2.0])),
        "up_reserve_price": rng.uniform(0.0, 0.05, intervals) if reserve else 0.0 * day,
        "down_reserve_price": rng.uniform(0.0, 0.05, intervals) if reserve else 0.0 * day,
        "up_used": rng.uniform(0.0, 0.3, shape),
        "down_used": rng.uniform(0.0, 0.3, shape),
        "reserve_limit_kw": 6.0 if reserve else 0.0,
        "room_price": 0.5,
        "risk_weight": float(rng.choice([0.0, 0.3, 0.9])),
        "tail": float(rng.choice([0.1, 0.4, 1.0])),
        "carbon_kg_per_kwh": rng.uniform(0.0, 0.4, intervals),
    }
    return PortfolioInstance(**(fields | changes))


def random_batteries(seed: int) -> PortfolioInstance:
    """Batteries at the prices of a day ahead that takes all, and nothing else."""
    rng = np.random.default_rng(seed)
    intervals, n = int(rng.integers(1, 9)), int(rng.integers(1, 4))
    day = rng.choice([0.05, 0.1, 0.2, 0.3], intervals)
    capacity = rng.choice([0.0, 2.0, 5.0], n)
    low = capacity * rng.choice([0.0, 0.2], n)
    return PortfolioInstance(
        load_kw=rng.uniform(0.0, 2.0, (1, intervals, 2)),
        generation_kw=rng.choice([0.0, 3.0], (1, intervals, 2)),
        storage_of=rng.integers(0, 2, n),
        capacity_kwh=capacity,
        minimum_kwh=low,
        initial_kwh=rng.uniform(low, capacity),
        charge_kw=rng.choice([1.0, 4.0], n),
        discharge_kw=rng.choice([0.0, 1.0, 4.0], n),
        charge_efficiency=rng.choice([0.8, 1.0], n),
        discharge_efficiency=rng.choice([0.9, 1.0], n),
        retention=np.where(low > 0, 1.0, rng.choice([0.95, 1.0], n)),
        plugged=(rng.random((1, intervals, n)) < 0.8).astype(int),
        flexibility_fee=rng.choice([0.0, 0.02, 0.05], n),
        day_ahead_price=day,
        day_ahead_block_h=0.5,
        reserve_block_h=0.5,
        short_price=(day + rng.choice([0.0, 0.1], intervals))[None],
        long_price=(day - rng.choice([0.0, 0.05], intervals))[None],
        risk_weight=0.3,
        tail=0.2,
        dt_h=0.5,
    )


def some_portfolio(seed: int) -> PortfolioInstance:
    """One of each kind: every fourth without storages, every fourth with batteries and a day ahead alone."""
    if seed % 4 >= 2:
        return (random_batteries if seed % 4 == 2 else random_power_only)(seed // 4)
    return random_portfolio(seed)
