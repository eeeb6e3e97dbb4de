"""How much capacity is there for sure, when each of many vehicles or devices is there with some probability.

The number of those that are there has a Poisson-binomial distribution; their summed rating has one on a lattice. Both
are found by adding up probabilities, of which none is ever subtracted, so that small tails are right to the last
digits.

Source: convolution of independent Bernoulli variables, textbook matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import njit


def poisson_binomial(p: Any) -> np.ndarray:
    """Distribution of how many of n independent events happen.

    Parameters
    ----------
    p : (n,) array
        Probability of each.

    Returns
    -------
    (n + 1,) array
        Probability of 0, 1, … n.

    Raises
    ------
    ValueError
        For a number outside [0, 1].
    """
    return counted(np.array(_probabilities("p", p), float))


def capacity_distribution(rating_kw: Any, availability: Any, resolution_kw: float = 0.1) -> np.ndarray:
    """Distribution of the summed rating of those that are there.

    Parameters
    ----------
    rating_kw : (n,) array, kW
        Rounded down to the lattice, so that nothing is promised that is not there.
    availability : (n,) array
        Probability that each is there, independent of the others.
    resolution_kw : float, kW
        Step of the lattice.

    Returns
    -------
    (K + 1,) array
        Probability of 0, 1, … K steps, K those of all ratings together.

    Raises
    ------
    ValueError
        For bad numbers, naming them.
    """
    steps, chance = _steps(rating_kw, availability, resolution_kw)
    found = np.ones(1)
    # Those of one rating are counted first; what they add lies on a lattice of that rating.
    for size in np.unique(steps[steps > 0]):
        found = spread(found, counted(chance[steps == size]), int(size))
    return found


def firm_capacity(rating_kw: Any, availability: Any, epsilon: float, resolution_kw: float = 0.1) -> float:
    """Greatest capacity that is missed with a probability of at most ε.

    Parameters
    ----------
    rating_kw, availability : (n,) arrays, kW and 1
        As for :func:`capacity_distribution`.
    epsilon : float
        0.05 for what is there with 95 %.
    resolution_kw : float, kW
        Step of the lattice.

    Returns
    -------
    float, kW
        On the lattice.

    Raises
    ------
    ValueError
        For bad numbers, naming them.
    """
    return _quantile(capacity_distribution(rating_kw, availability, resolution_kw), epsilon, resolution_kw)


def firm_capacity_mixture(
    rating_kw: Any, availability: Any, probability: Any, epsilon: float, resolution_kw: float = 0.1
) -> float:
    """The same where something common moves all availabilities: independent only in each of its states.

    Parameters
    ----------
    rating_kw : (n,) array, kW
        Of each.
    availability : (K, n) array
        In each state of what is common.
    probability : (K,) array
        Of each state.
    epsilon, resolution_kw : float
        As for :func:`firm_capacity`.

    Returns
    -------
    float, kW

    Raises
    ------
    ValueError
        For bad numbers, naming them.
    """
    chance, states = _probabilities("probability", probability), np.asarray(availability, float)
    if states.ndim != 2 or len(states) != len(chance) or abs(chance.sum() - 1.0) > 1e-9:
        raise ValueError(f"availability needs a row for each of {len(chance)} states, whose probabilities have sum 1")
    mixed = sum(p * capacity_distribution(rating_kw, row, resolution_kw) for p, row in zip(chance, states, strict=True))
    return _quantile(np.asarray(mixed), epsilon, resolution_kw)


def _quantile(distribution: np.ndarray, epsilon: float, resolution_kw: float) -> float:
    if not 0 <= epsilon < 1:
        raise ValueError(f"epsilon must lie in [0, 1), not {epsilon:g}")
    below = np.concatenate([[0.0], np.cumsum(distribution)[:-1]])
    # The tolerance is for the last digits of a sum whose exact value is ε itself.
    return float(np.flatnonzero(below <= epsilon * (1 + 1e-12))[-1] * resolution_kw)


def _probabilities(name: str, values: Any) -> np.ndarray:
    found = np.atleast_1d(np.asarray(values, float))
    for k in np.flatnonzero(~((found >= 0) & (found <= 1))):
        raise ValueError(f"{name}[{k}] is {found[k]:g}; give a probability in [0, 1]")
    return found


def _steps(rating_kw: Any, availability: Any, resolution_kw: float) -> tuple[np.ndarray, np.ndarray]:
    rating, chance = np.atleast_1d(np.asarray(rating_kw, float)), _probabilities("availability", availability)
    if rating.shape != chance.shape:
        raise ValueError(f"rating_kw has {len(rating)} entries and availability {len(chance)}; give both for each")
    if not (np.isfinite(resolution_kw) and resolution_kw > 0):
        raise ValueError(f"resolution_kw must be positive, not {resolution_kw:g}")
    for k in np.flatnonzero(~(np.isfinite(rating) & (rating >= 0))):
        raise ValueError(f"rating_kw[{k}] is {rating[k]:g}; give a finite number of at least 0")
    # 3.6 / 0.1 is 36 to the last digit but one.
    return np.floor(rating / resolution_kw * (1 + 1e-12) + 1e-12).astype(np.int64), chance


@njit()
def counted(chance: np.ndarray) -> np.ndarray:
    """How many of independent events happen, one event after the other.

    Parameters
    ----------
    chance : (n,) array
        Of each event.

    Returns
    -------
    (n + 1,) array
    """
    found = np.zeros(len(chance) + 1)
    found[0] = 1.0
    for k in range(len(chance)):
        p = chance[k]
        for j in range(k + 1, 0, -1):
            found[j] = found[j] * (1.0 - p) + found[j - 1] * p
        found[0] *= 1.0 - p
    return found


@njit()
def spread(base: np.ndarray, count: np.ndarray, size: int) -> np.ndarray:
    """Distribution of a sum of steps to which a number of equal steps is added.

    Parameters
    ----------
    base : (K + 1,) array
        Of the sum so far.
    count : (n + 1,) array
        Of how many are added.
    size : int
        Of each that is added.

    Returns
    -------
    (K + n size + 1,) array
    """
    found = np.zeros(len(base) + (len(count) - 1) * size)
    # Sums of a few ratings lie far apart on a fine lattice; the steps between them have no probability.
    taken = np.flatnonzero(base)
    for j in range(len(count)):
        p = count[j]
        if p > 0.0:
            for k in taken:
                found[j * size + k] += p * base[k]
    return found
