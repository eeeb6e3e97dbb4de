"""What runs of allocation programs give, and how a solver's shares are put into the feasible set."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..instances.allocation import AllocationInstance
from .programs import Outcome

SNAP = 1e-4
"""Shares as near as this to 0 or to 1 are taken for an interior point's distance from a limit that it never touches.

Mostly it is 1e-8; 1e-5 where a limit hardly binds, so that welfare is flat there to the solver's tolerance.
"""

SHIFT = 1e-4
"""The largest part of the energy between the limits that may change to put others onto their limits."""

ROUNDING = 1e-12
"""The part of what is available by which sums may differ for rounding alone."""


class Pairs(NamedTuple):
    """Transfers of a decision, one entry each: positions of interval, giver and taker, and the energy in kWh."""

    interval: np.ndarray
    prosumer: np.ndarray
    consumer: np.ndarray
    energy_kwh: np.ndarray


class Run(NamedTuple):
    """What a program answers over all intervals.

    Parameters
    ----------
    allocated_kwh : (T, n) array, kWh
        Feasible by the rules.
    energy_price : (T,) array, criterion per kWh, or None
        Prices that prove a weak-duality bound; None where the program has none.
    outcome : Outcome
        Sums over the intervals. ``objective`` and ``bound`` are in the criterion's unit for the welfare and counting
        programs, and NaN for the rest, whose objectives are no criterion.
    pairs : Pairs, optional
        Who gives to whom.
    """

    allocated_kwh: np.ndarray
    energy_price: np.ndarray | None
    outcome: Outcome
    pairs: Pairs | None = None


def snap_to_limits(x: np.ndarray, asked: np.ndarray, available: float, *, to_zero: bool) -> np.ndarray:
    """Put one interval's energies that are all but at a limit onto it: an interior point stays 1e-8 off.

    Without this nobody would count as served in full, whom the rules count from a share of 1 − 1e-9 on. What it takes
    comes out of what is left, and then, in proportion, from those strictly between their limits; what it frees goes to
    them. In an optimum a kWh is worth the same to all between their limits, no less to those at 1 and, where the first
    kWh has a finite worth, no more to those at 0. So to change the energy between the limits by a part φ ≤
    :data:`SHIFT` costs at most φ² / 2 = 5e-9 of the welfare.

    Parameters
    ----------
    x, asked : (n,) array, kWh
        A solver's answer, and what each household may receive.
    available : float
        What can be given, kWh.
    to_zero : bool
        Whether shares near 0 are dropped; not for roots, whose first kWh is worth more than any price.

    Returns
    -------
    (n,) array, kWh
        Within 0 and ``asked``; the answer, clipped, where more than :data:`SHIFT` would have to change.
    """
    clipped = np.clip(x, 0.0, asked)
    full = clipped >= asked * (1.0 - SNAP)
    empty = (clipped <= asked * SNAP) & to_zero
    snapped = np.where(full, asked, np.where(empty, 0.0, clipped))
    between = np.where(full, 0.0, snapped).sum()
    change = min(available - snapped.sum(), clipped[empty].sum())
    if -ROUNDING * available <= change <= 0.0:
        return snapped
    if abs(change) > SHIFT * between:
        return clipped
    return np.where(full, snapped, np.minimum(snapped * (1.0 + change / between), asked))


def into_feasible_set(instance: AllocationInstance, x: np.ndarray) -> np.ndarray:
    """Clip to 0 ≤ x ≤ E and scale down rows whose sum exceeds what is available, to the last digit.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    x : (T, n) array, kWh
        A solver's answer.

    Returns
    -------
    (T, n) array, kWh
    """
    clipped = np.clip(x, 0.0, instance.requested_kwh)
    for t, available in enumerate(instance.available_kwh):
        given = clipped[t].sum()
        shrink = 1.0
        while given > available:
            # The quotient is rounded, so a further unit in the last place may be needed.
            shrink = np.nextafter(shrink, 0.0)
            clipped[t] *= available / given * shrink
            given = clipped[t].sum()
    return clipped
