"""What a network needs: by how much loads have to be changed in many samples, so that no limit is broken.

Source: Postnikov et al., Figure 3 (P5 and P95 of total adjustments by half-hour, of 90 winter days).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..instances.adjustment import AdjustmentInstance
from .adjustment_runs import adjusted


@dataclass(frozen=True)
class NetworkNeed:
    """Adjustments that keep a feeder within its limits at least cost, added up over its loads.

    Parameters
    ----------
    total_kw : (S,) array, kW
        Net load reduced less net load raised.
    changed : (S,) array of bool
        Whether a limit is broken without changes.
    short : (S,) array of bool
        Whether no changes were found that keep all limits; ``total_kw`` is then what comes nearest, and less than what
        is needed.
    """

    total_kw: np.ndarray
    changed: np.ndarray
    short: np.ndarray

    def quantiles(self, probabilities: Any, intervals_of_day: int = 48) -> np.ndarray:
        """Quantiles of the total in each interval of the day.

        Parameters
        ----------
        probabilities : (k,) array
            In [0, 1]: ``[0.05, 0.95]`` for P5 and P95.
        intervals_of_day : int
            H; samples are whole days, one after the other.

        Returns
        -------
        (k, H) array, kW

        Raises
        ------
        ValueError
            For part of a day.
        """
        if len(self.total_kw) % intervals_of_day:
            message = f"{len(self.total_kw)} samples are not whole days of {intervals_of_day} intervals"
            raise ValueError(f"{message}; give samples of whole days, or another number of intervals")
        by_day = self.total_kw.reshape(-1, intervals_of_day)
        return np.asarray(np.quantile(by_day, np.asarray(probabilities, float), axis=0))


def network_need(instance: AdjustmentInstance) -> NetworkNeed:
    """Adjust every sample that breaks a limit.

    Parameters
    ----------
    instance : AdjustmentInstance
        Samples of whole days, one after the other, where quantiles by interval are wanted.

    Returns
    -------
    NetworkNeed

    Raises
    ------
    NoFlowError
        If a sample has no flow, not even with its net loads as small as they can be made.
    """
    found = adjusted(instance)
    return NetworkNeed(found.change_kw.sum(axis=1), found.rounds > 0, found.short)
