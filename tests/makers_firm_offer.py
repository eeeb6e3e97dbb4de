"""Small random firm offers: ties, zeros, scenarios that never come, every scope."""

from __future__ import annotations

import numpy as np
from commonwatt.instances.firm_offer import SCOPES, FirmOfferInstance


def random_firm_offer(seed: int, **changes) -> FirmOfferInstance:
    """At most seven scenarios and three blocks, so that every choice of scenarios can be tried."""
    rng = np.random.default_rng(seed)
    scenarios, blocks, steps = int(rng.integers(1, 8)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
    chance = None
    if rng.random() < 0.6:
        drawn = rng.choice([0.0, 1.0, 1.0, 2.0, rng.random()], scenarios)
        chance = drawn / drawn.sum() if drawn.sum() > 0 else None
    given = {
        "available_kw": rng.choice([0.0, 1.0, 2.0, 3.5, rng.lognormal(1.0)], (scenarios, blocks * steps)),
        "probability": chance,
        "price": rng.choice([0.0, 0.5, 1.0, 3.0], blocks * steps),
        "limit_kw": float(rng.choice([1e6, 2.0, 0.0])) if seed % 5 == 0 else 1e6,
        "epsilon": float(rng.choice([0.0, 0.1, 0.25, 0.5, 0.9])),
        "scope": str(rng.choice(SCOPES)),
        "block_h": 0.5 * steps,
        "dt_h": 0.5,
    }
    return FirmOfferInstance(**(given | changes))
