"""Stereotypes of members: clusters by what they use, with a reference profile each.

Members are put into clusters by the same mixture as in :mod:`.characterise`: of the mean power of each day, so that one
member may be in several clusters over time; it counts for the one in which it is most often. The reference profile of
a cluster is the mean day of its members.

Source: Postnikov et al., section "Agent characterisation" (stereotyping, reference profiles).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .characterise import Clustering, cluster, smooth, temporal_membership, usual_cluster


@dataclass(frozen=True, eq=False)
class Stereotypes:
    """Clusters of members.

    Parameters
    ----------
    label : (n,) array of int
        Cluster of each member, 0 for the one that uses least.
    reference_kw : (K, H) array, kW
        Mean day of each cluster's members; of a cluster that is nobody's usual one, of all its days.
    clustering : Clustering
        Of all days of all members.
    """

    label: np.ndarray
    reference_kw: np.ndarray
    clustering: Clustering

    @property
    def members(self) -> np.ndarray:
        """How many members each has, (K,)."""
        return np.bincount(self.label, minlength=self.clustering.n_clusters)

    def table(self) -> pd.DataFrame:
        """A row for each: name, members, mean power, energy of its reference day, peak and its half-hour."""
        reference = self.reference_kw
        hours = 24.0 / reference.shape[1]
        peak = reference.argmax(axis=1)
        return pd.DataFrame(
            {
                "stereotype": self.clustering.names,
                "members": self.members,
                "mean_kw": reference.mean(axis=1),
                "day_kwh": reference.sum(axis=1) * hours,
                "peak_kw": reference.max(axis=1),
                "peak_at_h": peak * hours,
            }
        )


def stereotypes(power_kw: Any, *, intervals_of_day: int = 48, max_clusters: int = 8) -> Stereotypes:
    """Find stereotypes.

    Parameters
    ----------
    power_kw : (T, n) array, kW
        Of n members over whole days from a midnight on; the last part of a day is left out.
    intervals_of_day : int
        H.
    max_clusters : int
        As for :func:`.characterise.cluster`.

    Returns
    -------
    Stereotypes

    Raises
    ------
    InstanceError
        If the values are not a finite array of two axes, or there is no whole day.
    """
    values = np.asarray(power_kw, float)
    by_day = smooth(values, intervals_of_day)
    found = cluster(by_day, max_clusters=max_clusters)
    label = usual_cluster(temporal_membership(found.labels, found.n_clusters))
    days = values[: len(by_day) * intervals_of_day].reshape(len(by_day), intervals_of_day, -1)
    reference = np.empty((found.n_clusters, intervals_of_day))
    for k in range(found.n_clusters):
        usual = label == k
        days_of_cluster = days[:, :, usual].transpose(0, 2, 1) if usual.any() else days.transpose(0, 2, 1)
        chosen = days_of_cluster.reshape(-1, intervals_of_day)
        if not usual.any():
            chosen = chosen[found.labels.ravel() == k]
        reference[k] = chosen.mean(axis=0)
    return Stereotypes(label, reference, found)
