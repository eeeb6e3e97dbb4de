"""How evenly something is spread: indices of inequality that the criteria of several problems share."""

from __future__ import annotations

import numpy as np


def ratio(given: np.ndarray, sought: np.ndarray) -> np.ndarray:
    """Quotients; NaN where nothing is sought."""
    return np.divide(given, sought, out=np.full(np.shape(given), np.nan), where=np.asarray(sought) > 0)


def jain(values: np.ndarray) -> float:
    """Jain's index (Σ v)² / (m Σ v²) of the known values: 1 if equal, 1/m if one has all, 1 where all are 0."""
    return float(jain_rows(np.asarray(values, dtype=float)[None, :])[0])


def jain_rows(values: np.ndarray) -> np.ndarray:
    """Jain's index of each row, (P, n) to (P,)."""
    known = np.isfinite(values)
    found = np.where(known, values, 0.0)
    largest = np.abs(found).max(axis=1, initial=0.0)
    scaled = np.divide(found, largest[:, None], out=np.ones_like(found), where=largest[:, None] > 0)
    scaled = np.where(known, scaled, 0.0)
    return ratio(scaled.sum(axis=1) ** 2, known.sum(axis=1) * (scaled**2).sum(axis=1))


def gini(values: np.ndarray) -> float:
    """Gini coefficient of the known, non-negative values: 0 for equal ones, 1 − 1/m where one has all.

    Raises
    ------
    ValueError
        For a negative value.
    """
    return float(gini_rows(np.asarray(values, dtype=float)[None, :])[0])


def gini_rows(values: np.ndarray) -> np.ndarray:
    """Gini coefficient of each row, (P, n) to (P,)."""
    known = np.isfinite(values)
    least = np.min(values, where=known, initial=0.0)
    if least < 0:
        raise ValueError(f"the Gini coefficient is defined for values ≥ 0, found {least:g}")
    # Unknown values are sorted to the end, where they count as 0.
    ascending = np.sort(np.where(known, values, np.inf), axis=1)
    ascending[np.isinf(ascending)] = 0.0
    count, total = known.sum(axis=1), ascending.sum(axis=1)
    factor = 2 * np.arange(1, values.shape[1] + 1) - count[:, None] - 1
    return np.where((count > 0) & (total == 0), 0.0, ratio((factor * ascending).sum(axis=1), count * total))
