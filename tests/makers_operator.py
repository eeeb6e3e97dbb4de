"""Small random communities under an operator: both utilities, ties, zeros, binding limits, odd and equal prices."""

from __future__ import annotations

import numpy as np
from commonwatt.instances.operator import OperatorInstance


def random_operator(seed: int) -> OperatorInstance:
    """A small community; every other has a logarithmic utility."""
    rng = np.random.default_rng(seed)
    intervals, n = int(rng.integers(1, 4)), int(rng.integers(1, 7))
    shape = (intervals, n)
    own = rng.choice([0.0, 0.0, 1.0, 3.5, rng.lognormal()], shape)
    feed_in = rng.choice([-0.1, 0.0, 0.05, 0.05, 0.12], intervals)
    if seed % 2:
        worth = {"utility": "log", "log_worth": rng.choice([0.05, 0.3, 0.8, rng.lognormal()], shape)}
    else:
        saturation = rng.choice([0.02, 0.05, 0.2, 10.0 ** rng.uniform(-3, 1)], shape)
        worth = {"first_worth": rng.choice([0.1, 0.3, 0.34, 0.5], shape), "saturation": saturation}
    return OperatorInstance(
        generation_kwh=own,
        least_kwh=np.where(rng.random(shape) < 0.3, own * rng.random(shape), 0.0),
        greatest_kwh=own + rng.choice([0.0, 0.5, 3.0, 20.0], shape),
        retail_price=feed_in + rng.choice([0.0, 0.1, 0.25, 0.25], intervals),
        feed_in_price=feed_in,
        dt_h=float(rng.choice([0.25, 0.5, 1.0])),
        **worth,
    )
