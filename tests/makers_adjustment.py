"""Small random adjustments: thin lines, homes that draw and homes that send, prices that tie, are zero or far apart."""

from __future__ import annotations

import numpy as np
from commonwatt.instances.adjustment import AdjustmentInstance
from commonwatt.instances.sources.radial_feeder import radial_feeder


def random_adjustment(seed: int, **changes) -> AdjustmentInstance:
    """At most seven homes and three samples, in which nothing at all may be drawn: some changes keep all limits."""
    rng = np.random.default_rng(seed)
    homes, samples = int(rng.integers(1, 8)), int(rng.integers(1, 4))
    feeder = radial_feeder(
        homes, seed=seed, source_pu=float(rng.choice([0.97, 1.0, 1.03, 1.06])), trunk_mm2=95, metres_between=(50, 200)
    )
    shape = samples, homes
    way = rng.choice([1.0, 1.0, -1.0], (samples, 1)) if seed % 3 else rng.choice([1.0, -1.0], shape)
    net = np.round(way * rng.gamma(2.0, 4.0, shape), 2)
    given = {
        "net_load_kw": net,
        "net_load_kvar": rng.normal(0.0, 0.3, shape) if seed % 2 else None,
        "reducible_kw": np.maximum(net, 0.0) + rng.choice([0.0, 1.0], shape),
        "raisable_kw": np.maximum(-net, 0.0) + rng.choice([0.0, 2.0], shape),
        "price": rng.choice([0.1, 0.1, 0.2, 1.0] if seed % 5 else [0.0, 0.1], homes),
        "rating_a": feeder.rating_a * float(rng.choice([1.0, 0.4])),
    }
    return AdjustmentInstance.of_feeder(feeder, **(given | changes))
