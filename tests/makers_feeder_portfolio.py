"""Small random portfolios on thin feeders, so that limits bind now and then."""

from __future__ import annotations

import numpy as np
from commonwatt.instances.feeder_portfolio import FeederPortfolioInstance
from commonwatt.instances.sources.radial_feeder import radial_feeder
from makers_portfolio import random_portfolio


def random_feeder_portfolio(seed: int) -> FeederPortfolioInstance:
    """At most two scenarios and four intervals; every member at a load of its own, or some at the same."""
    rng = np.random.default_rng((seed, 7))
    plain = random_portfolio(seed)
    while plain.storage_shape[0] > 2 or plain.storage_shape[1] > 4:
        seed += 1_000_003
        plain = random_portfolio(seed)
    loads = int(rng.integers(1, len(plain.member) + 1))
    feeder = radial_feeder(
        loads, seed=seed, source_pu=float(rng.choice([1.0, 1.03, 1.06])), trunk_mm2=95, metres_between=(300, 1200)
    )
    return FeederPortfolioInstance.of(
        plain,
        feeder,
        connected_at=rng.integers(0, loads, len(plain.member)),
        rating_a=feeder.rating_a * float(rng.choice([1.0, 0.15])),
    )
