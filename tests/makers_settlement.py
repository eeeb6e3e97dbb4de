"""Small random settlement instances with ties, zeros, missing sides and odd prices, by seed."""

from __future__ import annotations

import numpy as np
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.instances.settlement import SettlementInstance
from commonwatt.solvers.settlement_sources import settlement_of
from commonwatt.solvers.solve import solve


def random_settlement(seed: int) -> SettlementInstance:
    """A small community; every fifth is the schedule of homes with batteries, with what each group could do itself."""
    rng = np.random.default_rng(seed)
    if seed % 5 == 3:
        return scheduled(seed, int(rng.integers(2, 5)), int(rng.integers(2, 6)))
    intervals, n = int(rng.integers(1, 5)), int(rng.integers(1, 7))
    shape = (intervals, n)
    feed_in = rng.choice([-0.1, 0.0, 0.05, 0.05, 0.12], intervals)
    retail = feed_in + rng.choice([0.0, 0.1, 0.25, 0.25], intervals)
    load = rng.choice([0.0, 1.0, 1.0, 2.5, rng.lognormal()], shape)
    generation = rng.choice([0.0, 0.0, 1.0, 3.5, rng.lognormal()], shape)
    if seed % 4 == 1:
        # A balanced community, in which the dual is not unique.
        generation[:, -1] += np.maximum(load.sum(axis=1) - generation.sum(axis=1), 0.0)
        load[:, 0] += np.maximum(generation.sum(axis=1) - load.sum(axis=1), 0.0)
    stored = rng.choice([0.0, 1.0, -0.5], shape) if seed % 3 == 0 else None
    return SettlementInstance(
        load_kwh=load,
        generation_kwh=generation,
        storage_kwh=stored,
        retail_price=retail,
        feed_in_price=feed_in,
        dt_h=float(rng.choice([0.25, 0.5, 1.0])),
    )


def homes_with_batteries(seed: int, n: int, intervals: int) -> SchedulingInstance:
    """Homes, some of which have panels, each with a battery that loses a little."""
    rng = np.random.default_rng(seed)
    capacity = rng.choice([0.0, 2.0, 5.0], n)
    feed_in = rng.choice([0.0, 0.05, 0.1], intervals)
    return SchedulingInstance(
        load_kwh=rng.choice([0.5, 1.0, 2.0], (intervals, n)) + rng.random((intervals, n)),
        generation_kwh=rng.choice([0.0, 0.0, 3.0, 5.0], (intervals, n)) * rng.random((intervals, n)),
        buy_price=feed_in + rng.choice([0.1, 0.2, 0.3], intervals),
        sell_price=feed_in,
        storage_of=np.arange(n),
        capacity_kwh=capacity,
        charge_kw=capacity / 2,
        discharge_kw=capacity / 2,
        charge_efficiency=np.full(n, 0.95),
        discharge_efficiency=np.full(n, 0.9),
        initial_kwh=0.3 * capacity,
        final_kwh=0.2 * capacity,
        terminal_value=np.full(n, float(rng.choice([0.0, 0.05]))),
        dt_h=1.0,
    )


def scheduled(seed: int, n: int, intervals: int) -> SettlementInstance:
    """The least-cost schedule of such homes, to be settled, with the least cost of every group."""
    solution = solve(homes_with_batteries(seed, n, intervals), method="community_program")
    return settlement_of(solution, groups=True)
