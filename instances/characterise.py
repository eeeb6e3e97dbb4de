"""Characterisation of households: clusters of an energy attribute, and how households move between them in time.

Source: Kouvelas et al., *Efficient power sharing at the edge by building a tangible micro-grid - the Texas case*,
section IV-A (method) and VI, Fig. 3 (results): an attribute such as consumption, generation or deficiency is smoothed
over weeks, expectation-maximisation finds the number of clusters and puts every household into one of them in every
week; temporal membership and adaptability describe the year of a household.

========================  =============================================================  ===================
symbol                    meaning                                                        here
========================  =============================================================  ===================
c1 ... cK                 clusters by ascending centroid                                 labels 0 ... K-1
theta_m                   share of the year a household spends in a cluster              (n, K)
theta_t                   share of a transition among all transitions of a household     (n, K, K)
========================  =============================================================  ===================

Nothing here knows what the clusters are used for: any array of shape (T, n) can be characterised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import Fault, InstanceError
from .mixture import Mixture, boundaries_of, fit_mixture

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

FIT_LIMIT = 3000
"""How many values expectation-maximisation sees by default; all values are labelled, whatever their number."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Clustering:
    """Clusters of an attribute, sorted by centroid.

    Attributes
    ----------
    labels : ndarray of int, shape (T, n)
        Cluster of each household in each interval, 0 for c1.
    centroids : ndarray, shape (K,)
        Means of the mixture's components in the unit of the attribute, ascending.
    deviations : ndarray, shape (K,)
        Their standard deviations, same unit.
    weights : ndarray, shape (K,)
        Their weights, summing to one.
    boundaries : ndarray, shape (K-1,)
        Values above which the next cluster begins, not descending.
    criterion : DataFrame
        One row per number of clusters tried: ``n_clusters``, ``log_likelihood`` (of the values fitted to), ``bic``,
        ``aic``, ``converged``, ``chosen``.
    """

    labels: Labels
    centroids: Floats
    deviations: Floats
    weights: Floats
    boundaries: Floats
    criterion: pd.DataFrame

    @property
    def n_clusters(self) -> int:
        """Number of clusters K."""
        return int(self.centroids.size)

    @property
    def names(self) -> tuple[str, ...]:
        """The paper's names of the clusters, c1 for the lowest."""
        return tuple(f"c{number}" for number in range(1, self.n_clusters + 1))


def smooth(values: ArrayLike, steps: int, *, incomplete: Literal["drop", "keep"] = "drop") -> Floats:
    """Average blocks of consecutive rows, for example 168 hours to a week.

    Parameters
    ----------
    values : array_like, shape (T, n)
        Attribute of n households in T intervals.
    steps : int
        Rows in a block.
    incomplete : {"drop", "keep"}
        What becomes of a last block with fewer rows: left out (a year of 8760 hours gives 52 weeks), or kept as its own
        mean.

    Returns
    -------
    ndarray, shape (T // steps, n), or one row more if an incomplete block is kept
        Same unit as the values.

    Raises
    ------
    InstanceError
        If the values are not a finite array of two axes, or no row is left.
    ValueError
        If ``steps`` is below one or ``incomplete`` unknown.
    """
    array = _sound(values)
    if steps < 1:
        raise ValueError(f"steps is {steps}; need at least 1")
    if incomplete not in ("drop", "keep"):
        raise ValueError(f"incomplete is {incomplete!r}; need 'drop' or 'keep'")
    blocks, rest = divmod(array.shape[0], steps)
    whole = array[: blocks * steps].reshape(blocks, steps, array.shape[1]).mean(axis=1)
    if rest and incomplete == "keep":
        return np.concatenate([whole, array[blocks * steps :].mean(axis=0, keepdims=True)])
    if not blocks:
        message = f"{array.shape[0]} rows give no complete block of {steps}"
        raise InstanceError([Fault("values", message=message, remedy="use incomplete='keep' or fewer steps")])
    return whole


def cluster(
    values: ArrayLike,
    *,
    max_clusters: int = 8,
    criterion: Literal["bic", "aic"] = "bic",
    fit_limit: int = FIT_LIMIT,
) -> Clustering:
    """Cluster all values of an attribute by a Gaussian mixture fitted by expectation-maximisation.

    Parameters
    ----------
    values : array_like, shape (T, n)
        Attribute of n households in T intervals, usually weekly means (:func:`smooth`).
    max_clusters : int
        Mixtures of 1 to this many components are fitted.
    criterion : {"bic", "aic"}
        The information criterion whose lowest value decides; of equal ones the smaller mixture.
    fit_limit : int
        With more values than this, the mixtures are fitted to so many of them, equally spaced in order of size. The
        sample follows the distribution of all values without the chance of a random one, bounds time and memory, and
        is what the criterion counts as independent values. The weeks of one household are far from independent; counted
        one by one they would split clusters on evidence that is not there. More values allow more clusters.

    Returns
    -------
    Clustering

    Raises
    ------
    InstanceError
        If the values are empty, not finite or not of two axes.
    ValueError
        If an option is out of range.

    Notes
    -----
    Nothing is random: expectation-maximisation starts from quantiles and from even steps. A mixture is given no more
    components than the sample has distinct values; equal values form one cluster.

    Components of unequal width can claim values on both sides of a narrow neighbour. Clusters of an ordered attribute
    must be ordered too, so a boundary is drawn between neighbouring centroids where both components are equally likely,
    and a value belongs to the cluster between whose boundaries it lies.
    """
    array = _sound(values)
    _check_options(max_clusters, criterion, fit_limit)
    # Scaled to unit spread, so that the mixture's floor on variances is relative and no square overflows.
    magnitude = float(np.abs(array).max()) or 1.0
    centre = float((array / magnitude).mean())
    spread = float((array / magnitude).std()) or 1.0
    scaled = (array / magnitude - centre) / spread
    sample = np.sort(scaled, axis=None)
    if sample.size > fit_limit:
        sample = sample[((np.arange(fit_limit) + 0.5) * sample.size / fit_limit).astype(np.int64)]
    most = min(max_clusters, np.unique(sample).size)
    mixtures = [fit_mixture(sample, count) for count in range(1, most + 1)]
    table = _criterion_table(mixtures, sample.size)
    best = int(np.argmin(table[criterion].to_numpy()))
    table["chosen"] = np.arange(most) == best
    chosen = mixtures[best]
    boundaries = boundaries_of(chosen)
    return Clustering(
        labels=np.searchsorted(boundaries, scaled, side="left").astype(np.int64),
        centroids=(chosen.means * spread + centre) * magnitude,
        deviations=chosen.deviations * spread * magnitude,
        weights=chosen.weights,
        boundaries=(boundaries * spread + centre) * magnitude,
        criterion=table,
    )


def temporal_membership(labels: ArrayLike, n_clusters: int) -> Floats:
    """Share of all intervals that each household spends in each cluster (theta_m).

    Parameters
    ----------
    labels : array_like of int, shape (T, n)
        Clusters 0 ... K-1.
    n_clusters : int
        K.

    Returns
    -------
    ndarray, shape (n, K)
        Rows sum to one.

    Raises
    ------
    InstanceError
        If the labels are empty, not whole numbers or outside 0 ... K-1.
    """
    found = _sound_labels(labels, n_clusters)
    n = found.shape[1]
    count = np.bincount((found + n_clusters * np.arange(n)).ravel(), minlength=n * n_clusters)
    return count.reshape(n, n_clusters) / found.shape[0]


def temporal_adaptability(labels: ArrayLike, n_clusters: int) -> Floats:
    """Share of each transition among all transitions of a household (theta_t).

    A transition is a change of cluster between consecutive intervals; staying is none.

    Parameters
    ----------
    labels : array_like of int, shape (T, n)
        Clusters 0 ... K-1.
    n_clusters : int
        K.

    Returns
    -------
    ndarray, shape (n, K, K)
        Entry ``[i, a, b]``: share of moves from a to b; the diagonal is zero. The entries of a household sum to one, or
        are all zero where it never changes its cluster.

    Raises
    ------
    InstanceError
        If the labels are empty, not whole numbers or outside 0 ... K-1.
    """
    found = _sound_labels(labels, n_clusters)
    n = found.shape[1]
    before, after = found[:-1], found[1:]
    household = np.broadcast_to(np.arange(n), before.shape)
    moved = before != after
    index = (household[moved] * n_clusters + before[moved]) * n_clusters + after[moved]
    count = np.bincount(index, minlength=n * n_clusters**2).reshape(n, n_clusters, n_clusters)
    return count / np.maximum(count.sum(axis=(1, 2), keepdims=True), 1)


def distant_transition_share(labels: ArrayLike, n_clusters: int) -> float:
    """Share of direct moves between clusters that are not neighbours among all moves of the community.

    The paper calls them rare (section VI, Fig. 3b). Zero where nobody moves.

    Parameters
    ----------
    labels : array_like of int, shape (T, n)
        Clusters 0 ... K-1.
    n_clusters : int
        K.

    Raises
    ------
    InstanceError
        If the labels are empty, not whole numbers or outside 0 ... K-1.
    """
    step = np.abs(np.diff(_sound_labels(labels, n_clusters), axis=0))
    return float((step > 1).sum() / max(int((step > 0).sum()), 1))


def low_clusters(n_clusters: int) -> int:
    """How many of K clusters count as low: the lower half, rounded up (c1 to c3 of five, as in the paper's Fig. 3).

    Raises
    ------
    ValueError
        If there is no cluster.
    """
    if n_clusters < 1:
        raise ValueError(f"n_clusters is {n_clusters}; need at least 1")
    return (n_clusters + 1) // 2


def usual_cluster(membership: ArrayLike) -> Labels:
    """Cluster in which each household is most often, shape (n,); of equally frequent ones the lowest.

    Parameters
    ----------
    membership : array_like, shape (n, K)
        From :func:`temporal_membership`.

    Raises
    ------
    InstanceError
        If the membership is empty, not finite or not of two axes.
    """
    return np.argmax(_sound(membership, "membership"), axis=1).astype(np.int64)


def _sound(values: ArrayLike, table: str = "values") -> Floats:
    """Return a finite float array of two axes, or say in one error what is wrong."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InstanceError([Fault(table, message=f"not an array of numbers: {error}")]) from error
    if array.ndim != 2 or array.size == 0:
        raise InstanceError([Fault(table, message=f"shape {array.shape}; need two axes, neither empty")])
    bad = np.argwhere(~np.isfinite(array))
    if bad.size:
        raise InstanceError(
            Fault(table, f"household {i}", f"interval {t}", str(array[t, i]), "not a finite number") for t, i in bad
        )
    return array


def _sound_labels(labels: ArrayLike, n_clusters: int) -> Labels:
    """Return labels as integers of two axes within 0 ... K-1."""
    array = _sound(labels, "labels")
    wrong = np.argwhere((array != np.floor(array)) | (array < 0) | (array >= n_clusters))
    if wrong.size:
        message = f"not a cluster of 0 ... {n_clusters - 1}"
        raise InstanceError(
            Fault("labels", f"household {i}", f"interval {t}", str(array[t, i]), message) for t, i in wrong
        )
    return array.astype(np.int64)


def _check_options(max_clusters: int, criterion: str, fit_limit: int) -> None:
    if max_clusters < 1:
        raise ValueError(f"max_clusters is {max_clusters}; need at least 1")
    if criterion not in ("bic", "aic"):
        raise ValueError(f"criterion is {criterion!r}; need 'bic' or 'aic'")
    if fit_limit < 1:
        raise ValueError(f"fit_limit is {fit_limit}; need at least 1")


def _criterion_table(mixtures: list[Mixture], size: int) -> pd.DataFrame:
    """Information criteria of mixtures of 1, 2, ... components; K of them have 3 K - 1 free parameters."""
    import pandas as pd

    count = np.arange(1, len(mixtures) + 1)
    likelihood = np.array([mixture.log_likelihood for mixture in mixtures])
    return pd.DataFrame(
        {
            "n_clusters": count,
            "log_likelihood": likelihood,
            "bic": (3 * count - 1) * np.log(size) - 2.0 * likelihood,
            "aic": (3 * count - 1) * 2.0 - 2.0 * likelihood,
            "converged": [mixture.converged for mixture in mixtures],
        }
    )
