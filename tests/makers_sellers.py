"""Small random markets of sellers: ties, zeros, binding capacities, no congestion, few and many, odd prices."""

from __future__ import annotations

import numpy as np
from commonwatt.instances.sellers import SellersInstance


def random_sellers(seed: int) -> SellersInstance:
    """A small market; every fourth has sellers without congestion, every third costs of its own."""
    rng = np.random.default_rng(seed)
    intervals, m = int(rng.integers(1, 5)), int(rng.integers(1, 6))
    shape = (intervals, m)
    feed_in = rng.choice([-0.1, 0.0, 0.05, 0.05, 0.12], intervals)
    bracket = rng.choice([0.0, 0.1, 0.25, 0.25], intervals)
    congestion = rng.choice([0.01, 0.02, 0.02, 0.1, 10.0 ** rng.uniform(-3, 0)], m)
    if seed % 4 == 1:
        congestion = congestion * rng.choice([0.0, 0.0, 1.0], m)
    fields = {}
    if seed % 3 == 0:
        fields["cost_price"] = feed_in[:, None] + bracket[:, None] * rng.choice([0.0, 0.0, 0.2, 0.9, 1.0], shape)
    return SellersInstance(
        capacity_kwh=rng.choice([0.0, 1.0, 3.0, 20.0, rng.lognormal()], shape),
        congestion=congestion,
        demand_kwh=rng.choice([0.0, 1.0, 4.0, 4.0, rng.lognormal(1.0)], intervals),
        retail_price=feed_in + bracket,
        feed_in_price=feed_in,
        dt_h=float(rng.choice([0.25, 0.5, 1.0])),
        **fields,
    )
