"""Random small communities for allocation."""

import numpy as np
from commonwatt.instances.allocation import AllocationInstance, prioritise


def random_allocation(seed: int) -> AllocationInstance:
    """Small communities with ties, zeros, weights of 0, every kind of supply, a store now and then, and a policy."""
    rng = np.random.default_rng(seed)
    intervals, n = int(rng.integers(1, 4)), int(rng.integers(2, 7))
    if seed % 4 == 1:
        return wide_allocation(rng, intervals, n)
    asked = rng.choice([0.0, 1.0, 1.0, 2.5, 4.0, rng.lognormal()], size=(intervals, n))
    excess = np.where(
        rng.random((intervals, n)) < 0.5, rng.choice([0.0, 0.5, 3.0, rng.lognormal()], (intervals, n)), 0.0
    )
    weight = rng.choice([0.0, 1.0, 1.0, 2.0, 3.5], size=n)
    weight[rng.integers(n)] = 1.0
    store = {"leftover": "store", "store_kwh": 2.0} if seed % 5 == 0 else {}
    made = AllocationInstance(
        deficiency_kwh=asked, excess_kwh=excess, weight=weight, size_m2=rng.random(n) + 1, **store
    )
    return prioritise(made, "small_size", subgroup_weights=(2.0, 1.0)) if seed % 3 == 0 else made


def wide_allocation(rng: np.random.Generator, intervals: int, n: int) -> AllocationInstance:
    """Energies over several decades, fixed roles, odd weights, and a supply within a hair of what some need."""
    asked = 10.0 ** rng.uniform(-3, 3, (intervals, n))
    asked[:, -1] = 0.0
    # As much as the m smallest ask for, or a little less.
    m = rng.integers(1, n, intervals)
    supply = np.array([np.sort(row[:-1])[:count].sum() for row, count in zip(asked, m, strict=True)])
    excess = np.zeros_like(asked)
    excess[:, -1] = supply * (1.0 - rng.choice([0.0, 0.3, 1e-8, 2e-10, 1e-12], intervals))
    role = ["consumer"] * (n - 1) + ["prosumer"]
    return AllocationInstance(
        deficiency_kwh=asked, excess_kwh=excess, weight=10.0 ** rng.uniform(-1, 1, n), role=role, dt_h=0.5
    )
