"""Gaussian mixtures of one attribute, fitted by expectation-maximisation (scikit-learn), in ascending order."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ITERATIONS = 3000
TOLERANCE = 1e-6
"""Gain of mean log-likelihood at which a fit has converged; loose ones stop on plateaus and miscount the clusters."""

VARIANCE_FLOOR = 1e-6
"""Least variance of a component, relative to the variance of all values: equal values would have none."""

BISECTIONS = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """Gaussian components in ascending order of their means, arrays of shape (K,)."""

    weights: Floats
    means: Floats
    deviations: Floats
    log_likelihood: float
    converged: bool


def fit_mixture(sample: Floats, count: int) -> Mixture:
    """Fit a mixture of ``count`` components to values (N,): closed form for one, else the likelier of two starts."""
    if count == 1:
        variance = float(sample.var()) + VARIANCE_FLOOR
        squares = float(((sample - sample.mean()) ** 2).sum())
        return Mixture(
            weights=np.ones(1),
            means=np.array([sample.mean()]),
            deviations=np.sqrt([variance]),
            log_likelihood=-0.5 * (sample.size * np.log(2.0 * np.pi * variance) + squares / variance),
            converged=True,
        )
    # Quantiles start where the mass is; even steps reach long tails and keep ties from starting as twins.
    levels = (np.arange(count) + 0.5) / count
    starts = [np.quantile(sample, levels), sample.min() + levels * np.ptp(sample)]
    fits = [_expectation_maximisation(sample, means) for means in starts]
    return max(fits, key=lambda fit: fit.log_likelihood)


def _expectation_maximisation(sample: Floats, means: Floats) -> Mixture:
    """Run scikit-learn's algorithm from the given means; running out of iterations is recorded, not warned of."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    count = means.size
    mixture = GaussianMixture(
        n_components=count,
        covariance_type="diag",
        reg_covar=VARIANCE_FLOOR,
        tol=TOLERANCE,
        max_iter=ITERATIONS,
        weights_init=np.full(count, 1.0 / count),
        means_init=means[:, None],
        precisions_init=np.full((count, 1), float(count**2)),
        random_state=0,
    )
    column = sample[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(column)
    order = np.argsort(mixture.means_[:, 0], kind="stable")
    return Mixture(
        weights=mixture.weights_[order],
        means=mixture.means_[order, 0],
        deviations=np.sqrt(mixture.covariances_[order, 0]),
        log_likelihood=float(mixture.score(column)) * sample.size,
        converged=bool(mixture.converged_),
    )


def boundaries_of(mixture: Mixture) -> Floats:
    """Values between neighbouring means at which both components are equally likely, shape (K-1,).

    From the lower to the upper mean the lower component only falls and the upper only rises, so bisection finds the
    one crossing; where one component outweighs the other all the way, it ends at the other's mean.
    """
    low, high = mixture.means[:-1].copy(), mixture.means[1:].copy()

    def log_density(x: Floats, part: slice) -> Floats:
        z = (x - mixture.means[part]) / mixture.deviations[part]
        return np.log(mixture.weights[part]) - np.log(mixture.deviations[part]) - 0.5 * z**2

    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        below = log_density(middle, slice(None, -1)) > log_density(middle, slice(1, None))
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2.0
