r"""Powers of devices as densities: zero with a chance of its own, else a kernel density that never goes below zero.

Many meters read exactly zero for part of the time, panels at night and chargers by day. A plain kernel density spreads
that atom over powers that were never measured, half of them negative. Here the atom is kept, and kernels are put on
positive readings only, reflected at zero:

.. math:: f(x) = (1 - p_0) \frac{1}{n h} \sum_k \left[\phi\left(\frac{x - x_k}{h}\right)
   + \phi\left(\frac{x + x_k}{h}\right)\right], \quad x > 0.

One uniform number draws from it: below p_0 it says zero, above it says which reading, and what is left of it which
place under that reading's kernel. Devices with a factor in common, panels under one sky, get numbers that move
together (a Gaussian copula with one factor) and keep their own distributions.

Source: Postnikov et al., Figure 2 (kernel densities by half-hour); reflection and atom ours, bandwidth by Silverman,
*Density Estimation* (1986), equation 3.31.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri


@dataclass(frozen=True, eq=False)
class PowerDensity:
    """Density of a power with an atom at zero.

    Parameters
    ----------
    zero : float
        p_0, chance of exactly zero.
    reading_kw : (n,) array, kW
        Positive readings, ascending; there may be none.
    bandwidth_kw : float, kW
        h.
    """

    zero: float
    reading_kw: np.ndarray
    bandwidth_kw: float

    @classmethod
    def fit(cls, power_kw: Any) -> PowerDensity:
        """Fit to readings.

        Parameters
        ----------
        power_kw : array, kW
            At least 0 and finite.

        Raises
        ------
        ValueError
            For other numbers, naming the first, or none at all.
        """
        readings = np.asarray(power_kw, float).ravel()
        if not len(readings):
            raise ValueError("power_kw is empty; give at least one reading")
        for k in np.flatnonzero(~(np.isfinite(readings) & (readings >= 0)))[:1]:
            raise ValueError(f"power_kw[{k}] is {readings[k]:g}; give finite readings of at least 0")
        positive = np.sort(readings[readings > 0])
        return cls(1.0 - len(positive) / len(readings), positive, _silverman(positive))

    @property
    def mean_kw(self) -> float:
        """Of the density, kW; reflection lifts it a little above the mean of readings."""
        if not len(self.reading_kw):
            return 0.0
        x, h = self.reading_kw, self.bandwidth_kw
        if h == 0:
            return float((1.0 - self.zero) * x.mean())
        # The mean of a normal number's size.
        folded = h * np.sqrt(2.0 / np.pi) * np.exp(-0.5 * (x / h) ** 2) + x * (1.0 - 2.0 * ndtr(-x / h))
        return float((1.0 - self.zero) * folded.mean())

    def density(self, power_kw: Any) -> np.ndarray:
        """Density of positive powers, 1/kW, of the same shape; it adds up to 1 - p_0.

        Raises
        ------
        ValueError
            Where readings are all alike, so that there is no density.
        """
        x = np.asarray(power_kw, float)
        if self.bandwidth_kw == 0:
            raise ValueError("readings are all alike or there is none, so that they have no density")
        shape, h = x.shape, self.bandwidth_kw
        from_reading = (x.ravel()[:, None] - self.reading_kw) / h
        from_mirror = (x.ravel()[:, None] + self.reading_kw) / h
        kernel = (np.exp(-0.5 * from_reading**2) + np.exp(-0.5 * from_mirror**2)).mean(axis=1)
        found = (1.0 - self.zero) * kernel / (h * np.sqrt(2 * np.pi))
        return np.asarray(np.where(x.ravel() > 0, found, 0.0).reshape(shape))

    def draw(self, uniform: Any) -> np.ndarray:
        """Powers for uniform numbers in [0, 1), one each, kW.

        Parameters
        ----------
        uniform : array
            See :func:`common_uniforms` for numbers that move together.
        """
        u = np.asarray(uniform, float)
        if not len(self.reading_kw):
            return np.zeros(u.shape)
        # What is above p_0 says which reading, and where under its kernel.
        place = np.clip((u - self.zero) / (1.0 - self.zero), 0.0, None) * len(self.reading_kw)
        which = np.minimum(place.astype(np.int64), len(self.reading_kw) - 1)
        power = self.reading_kw[which]
        if self.bandwidth_kw > 0:
            power = np.abs(power + self.bandwidth_kw * ndtri(np.clip(place - which, 1e-15, 1 - 1e-15)))
        return np.asarray(np.where(u < self.zero, 0.0, power))


def _silverman(positive: np.ndarray) -> float:
    """0.9 min(s, IQR / 1.34) n^(-1/5), or with s alone where more than half of readings are alike."""
    if len(positive) < 2:
        return 0.0
    spread = float(positive.std(ddof=1))
    quartile = float(np.subtract(*np.quantile(positive, [0.75, 0.25]))) / 1.34
    return float(0.9 * (min(spread, quartile) if quartile > 0 else spread) * len(positive) ** -0.2)


def common_uniforms(rng: np.random.Generator, shape: tuple[int, ...], correlation: float) -> np.ndarray:
    """Uniform numbers that move together along the last axis: Φ(√ρ z + √(1 - ρ) z').

    Parameters
    ----------
    rng : numpy.random.Generator
        What is drawn from.
    shape : tuple of int
        The last axis has what shares a factor, such as homes; each place of the others has a factor of its own.
    correlation : float
        ρ in [0, 1]: 0 independent, 1 all equal.

    Raises
    ------
    ValueError
        For another correlation.
    """
    if not 0 <= correlation <= 1:
        raise ValueError(f"correlation is {correlation:g}; give a number in [0, 1]")
    common = rng.standard_normal((*shape[:-1], 1))
    own = rng.standard_normal(shape)
    return np.asarray(ndtr(np.sqrt(correlation) * common + np.sqrt(1.0 - correlation) * own))


@dataclass(frozen=True, eq=False)
class PowerDensities:
    """A density for each half-hour of the day.

    Parameters
    ----------
    interval : tuple of H densities
        From midnight on.
    """

    interval: tuple[PowerDensity, ...]

    @classmethod
    def fit(cls, power_kw: Any, intervals_of_day: int = 48) -> PowerDensities:
        """Fit to readings of days of one kind: winter weekdays, say.

        Parameters
        ----------
        power_kw : (T, …) array, kW
            From a midnight on, T a multiple of H; all devices count alike.
        intervals_of_day : int
            H.

        Raises
        ------
        ValueError
            For part of a day, or readings below 0.
        """
        readings = np.asarray(power_kw, float)
        if readings.ndim < 1 or not len(readings) or len(readings) % intervals_of_day:
            raise ValueError(f"power_kw has shape {readings.shape}; give whole days of {intervals_of_day} intervals")
        days = readings.reshape(-1, intervals_of_day, *readings.shape[1:])
        return cls(tuple(PowerDensity.fit(days[:, t]) for t in range(intervals_of_day)))

    @cached_property
    def means_kw(self) -> np.ndarray:
        """Mean of each, (H,) kW."""
        return np.array([one.mean_kw for one in self.interval])

    def draw(self, rng: np.random.Generator, days: int, devices: int, correlation: float = 0.0) -> np.ndarray:
        """Days drawn half-hour by half-hour, (days, H, devices) kW.

        Half-hours are independent, as in the paper; good for quantiles of each, not for what stores energy.

        Parameters
        ----------
        rng : numpy.random.Generator
            What is drawn from.
        days, devices : int
            How many.
        correlation : float
            Of devices in the same half-hour; see :func:`common_uniforms`.
        """
        uniform = common_uniforms(rng, (days, len(self.interval), devices), correlation)
        return np.stack([one.draw(uniform[:, t]) for t, one in enumerate(self.interval)], axis=1)
