"""Small random communities with batteries: flat and steep prices, no battery, no bracket, caps that bind and do not."""

from __future__ import annotations

import numpy as np
from commonwatt.instances.tariff import TariffInstance


def random_tariff(seed: int) -> TariffInstance:
    """One to three members and one to three intervals; members of different size every fourth time."""
    rng = np.random.default_rng(seed)
    steps, n = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    size = 10.0 ** rng.uniform(-3, 3, n) if seed % 4 == 3 else np.ones(n)
    feed_in = rng.choice([0.0, 0.05, 0.05, 0.1], steps)
    retail = feed_in + rng.choice([0.0, 0.1, 0.25, 0.35], steps)
    low, high = float(feed_in.mean()), float(retail.mean())
    means = np.sort(low + (high - low) * rng.choice([0.0, 0.2, 0.5, 0.8, 1.0], 2))
    battery = rng.random(n) < 0.75
    capacity = np.where(battery, rng.choice([1.0, 2.0, 4.0], n), 0.0)
    return TariffInstance(
        net_kwh=rng.choice([-3.0, -1.0, 0.0, 1.0, 2.0, rng.normal()], (steps, n)) * size,
        capacity_kwh=capacity * size,
        power_kw=rng.choice([0.5, 1.0, 2.0], n) * size,
        efficiency=rng.choice([1.0, 0.95, 0.9], n),
        initial_kwh=capacity * rng.choice([0.0, 0.5, 1.0], n) * size,
        wear_price=rng.choice([0.0, 0.01], n),
        retail_price=retail,
        feed_in_price=feed_in,
        mean_buy_cap=float(means[1]) if seed % 3 else 1.0,
        mean_sell_floor=float(means[0]) if seed % 5 else 0.0,
        dt_h=float(rng.choice([0.5, 1.0])),
    )
