"""Small random communities with responsive loads: ties, zeros, missing sides, binding limits, totals, odd prices."""

from __future__ import annotations

import numpy as np
from commonwatt.instances.responsive import ResponsiveInstance


def random_responsive(seed: int) -> ResponsiveInstance:
    """A small community; every third has loads that must add up, every fourth limits that bind."""
    rng = np.random.default_rng(seed)
    intervals, n = int(rng.integers(1, 6)), int(rng.integers(1, 7))
    shape = (intervals, n)
    feed_in = rng.choice([-0.1, 0.0, 0.05, 0.05, 0.12], intervals)
    wanted = rng.choice([0.0, 1.0, 1.0, 2.5, rng.lognormal()], shape)
    generation = rng.choice([0.0, 0.0, 1.0, 3.5, rng.lognormal()], shape)
    limits = {}
    if seed % 4 == 1:
        least = np.where(rng.random(shape) < 0.3, rng.choice([0.2, 1.0, 2.0], shape), 0.0)
        limits = {"least_kwh": least, "greatest_kwh": least + rng.choice([0.0, 0.5, 3.0], shape)}
    if seed % 3 == 0:
        total = wanted.sum(axis=0) * rng.choice([0.8, 1.0, 1.0, 1.2], n)
        if limits:
            total = np.clip(total, limits["least_kwh"].sum(axis=0), limits["greatest_kwh"].sum(axis=0))
        limits["total_kwh"] = total
    return ResponsiveInstance(
        wanted_kwh=wanted,
        generation_kwh=generation,
        # From loads that hardly mind to loads that hardly move.
        discomfort=rng.choice([0.02, 0.05, 0.05, 0.2, 10.0 ** rng.uniform(-3, 1)], n),
        retail_price=feed_in + rng.choice([0.0, 0.1, 0.25, 0.25], intervals),
        feed_in_price=feed_in,
        dt_h=float(rng.choice([0.25, 0.5, 1.0])),
        **limits,
    )
