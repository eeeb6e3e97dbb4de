"""Small random games before an unknown price: full and empty stores, fear of all degrees, with and without a slope."""

from __future__ import annotations

import numpy as np
from commonwatt.instances.prospects import ProspectsInstance


def random_prospects(seed: int) -> ProspectsInstance:
    """A small game; every third without a slope, every second of these with curvature."""
    rng = np.random.default_rng(seed)
    intervals, n = int(rng.integers(1, 4)), int(rng.integers(1, 6))
    stored = rng.choice([0.0, 1.0, 2.0, rng.lognormal()], (intervals, n))
    low = rng.choice([-0.05, 0.05, 0.1], intervals)
    flat = seed % 3 == 0
    price_low = rng.choice([-0.1, 0.0, 0.1], intervals)
    return ProspectsInstance(
        stored_kwh=stored,
        capacity_kwh=stored + rng.choice([0.0, 0.0, 1.0, 3.0, rng.lognormal()], (intervals, n)),
        loss_aversion=np.ones(n) if seed % 4 == 1 else rng.choice([1.0, 1.0, 1.5, 2.25, 4.0], n),
        curvature=0.88 if flat and seed % 2 else 1.0,
        price_slope=np.zeros(intervals) if flat else rng.choice([0.005, 0.01, 0.05, 0.5], intervals),
        future_low=low,
        future_high=low + rng.choice([0.05, 0.2, 0.4], intervals),
        price_low=price_low,
        price_high=price_low + rng.choice([0.0, 0.1, 0.4], intervals),
        supply_price=rng.choice([0.0, 0.1, 0.16, 0.22, 0.3], intervals),
        dt_h=float(rng.choice([0.25, 0.5, 1.0])),
    )
