"""Small random procurements: ties, zeros, binding capacities, dear and free grids, sellers of different size."""

from __future__ import annotations

import numpy as np
from commonwatt.instances.procurement import ProcurementInstance


def random_procurement(seed: int) -> ProcurementInstance:
    """A small procurement; every fourth has sellers of different size."""
    rng = np.random.default_rng(seed)
    intervals, m = int(rng.integers(1, 5)), int(rng.integers(1, 6))
    slope = rng.choice([0.02, 0.05, 0.05, 0.2], m)
    if seed % 4 == 1:
        slope = 10.0 ** rng.uniform(-3, 1, m)
    return ProcurementInstance(
        cost_slope=slope,
        capacity_kwh=rng.choice([0.0, 0.5, 1.0, 3.0, 20.0, rng.lognormal()], (intervals, m)),
        demand_kwh=rng.choice([0.0, 1.0, 4.0, 4.0, rng.lognormal(1.0)], intervals),
        retail_price=rng.choice([0.0, 0.1, 0.3, 0.3, 5.0], intervals),
        dt_h=float(rng.choice([0.25, 0.5, 1.0])),
    )
