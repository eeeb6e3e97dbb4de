"""What communities with responsive loads do without bisection: not answer at all, or answer price after price.

Iteration is what Liu et al. describe: prices go out, loads come back, prices follow from them. Undamped it may go to
and fro between two points for ever, since everybody answers a low price at once and makes it high. Damped, members go
only part of the way. Neither is sure to end; the residual tells.

Source: Liu et al., IEEE TPWRS 32(5), 2017; damping is ours.
"""

from __future__ import annotations

import numpy as np

from ...instances.errors import NotApplicable
from ...instances.responsive import ResponsiveInstance
from ..kernels.internal_prices import sdr_prices
from ..method import Answer
from ..responsive_runs import answer_to, nearest_load, settle_by_ratio, traded

SETTLED = 1e-12
"""Greatest change of a load, as a share of the member's greatest energy, at which iteration ends."""


def no_response(instance: ResponsiveInstance) -> Answer:
    """Loads as wanted, or as near to it as limits and totals allow, at SDR prices."""
    return settle_by_ratio(instance, nearest_load(instance, instance.wanted_kwh))


def iterate(instance: ResponsiveInstance, damping: float, rounds: int) -> Answer:
    """Prices from loads, loads from prices, part of the way each time.

    Parameters
    ----------
    instance : ResponsiveInstance
        The community.
    damping : float
        In (0, 1]: the share of the way to their best response that members go; 1 is the naive iteration.
    rounds : int
        How many at most, at least 1.

    Returns
    -------
    Answer
        Its log ``rounds`` has a row a round: supply over demand over the horizon, and how far members' best responses
        to its prices are from its loads, in kWh and as a share of each member's greatest energy (the residual).

    Raises
    ------
    NotApplicable
        For a damping or a number of rounds outside its range.
    """
    import pandas as pd

    if not 0.0 < damping <= 1.0:
        raise NotApplicable(f"damping must lie in (0, 1], not {damping:g}")
    if rounds < 1:
        raise NotApplicable(f"at least one round is needed, not {rounds}")
    load = nearest_load(instance, instance.wanted_kwh)
    log = []
    for number in range(1, rounds + 1):
        bought, sold = traded(instance, load)
        wished = answer_to(instance, *sdr_prices(bought, sold, instance.retail_price, instance.feed_in_price))
        moved = np.abs(wished - load)
        residual = float((moved / instance.member_size).max())
        ratio = float(sold.sum() / bought.sum()) if bought.any() else np.inf
        log.append((number, ratio, float(moved.max()), residual))
        if residual <= SETTLED or number == rounds:
            break
        load = load + damping * (wished - load)
    end = "settled" if residual <= SETTLED else "did not settle"
    note = f"{end} in {number} rounds: members would still move by {residual:.2g} of their greatest energy"
    frame = pd.DataFrame(log, columns=["round", "supply_over_demand", "moved_kwh", "residual"])
    return settle_by_ratio(instance, load, notes=(note,), logs={"rounds": frame})
