r"""What a controller on a sliding horizon believes of load, generation and prices.

- ``perfect``: what will be.
- ``persistence``: what was in the same interval of the latest day of which it is known; before a day has passed, the
  last value known. An interval's load and generation are known once it has passed; before anything has, the first
  interval's are taken as known.
- ``noisy``: what will be, times :math:`1 + \text{noise} \cdot \varepsilon_l`, at least 0, where the error is
  :math:`\varepsilon_l = \varphi \varepsilon_{l-1} + \sqrt{1 - \varphi^2} z_l` from :math:`\varepsilon_{-1} = 0` on,
  with standard normal z: it grows with the lead time l from :math:`\sqrt{1 - \varphi^2}` to a standard deviation of 1.
  Each member's load and generation err on their own, anew in each window.

Source: Lange, *Cloud-coordinated peer-to-peer energy sharing for urban community microgrids*, section "Cloud-based
optimization workflow" (a forecast for each half-hourly run); the error model is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..instances.scheduling import SchedulingInstance

Forecast = Literal["perfect", "persistence", "noisy"]
PriceForecast = Literal["known", "persistence"]

PERSISTENCE = 0.9
"""φ, of the errors of intervals next to each other."""


@dataclass(frozen=True)
class Forecaster:
    """Forecasts of an instance.

    Parameters
    ----------
    instance : SchedulingInstance
        What will be.
    kind : {"perfect", "persistence", "noisy"}
        Of load and generation.
    noise : float
        Relative standard deviation of a noisy forecast far ahead.
    seed : int
        Of its errors, with the number of the window.
    prices : {"known", "persistence"}
        Of prices; that of the present interval is always known.

    Raises
    ------
    ValueError
        For an unknown kind, or noise that is not a number of at least 0.
    """

    instance: SchedulingInstance
    kind: str = "perfect"
    noise: float = 0.2
    seed: int = 0
    prices: str = "known"

    def __post_init__(self) -> None:
        for value, kinds, name in (
            (self.kind, get_args(Forecast), "forecast"),
            (self.prices, get_args(PriceForecast), "price_forecast"),
        ):
            if value not in kinds:
                raise ValueError(f"unknown {name} {value!r}; known: {', '.join(kinds)}")
        if not 0.0 <= self.noise < np.inf:
            raise ValueError(f"noise must be a number of at least 0, not {self.noise!r}")

    @property
    def exact(self) -> bool:
        """Whether everything is foreseen as it will be."""
        return self.kind == "perfect" and self.prices == "known"

    def energies(self, first: int, length: int, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Forecast load and generation, (length, n) kWh each, of a window that begins now.

        Parameters
        ----------
        first : int
            The present interval, of which nothing is known but by a perfect forecast.
        length : int
            Of the window.
        window : int
            Its number, which selects the errors.
        """
        given = self.instance
        part = slice(first, first + length)
        if self.kind == "perfect":
            return given.load_kwh[part], given.generation_kwh[part]
        if self.kind == "persistence":
            at = self._same_interval_before(first, length, known=first)
            return given.load_kwh[at], given.generation_kwh[at]
        members = given.load_kwh.shape[1]
        lead = np.arange(length)
        # Errors as one product: each is a sum of all draws up to its own lead time.
        weight = np.tril(np.sqrt(1 - PERSISTENCE**2) * PERSISTENCE ** np.abs(lead[:, None] - lead))
        draws = stream(self.seed, window).standard_normal((length, 2 * members))
        factor = np.maximum(0.0, 1.0 + self.noise * (weight @ draws))
        return given.load_kwh[part] * factor[:, :members], given.generation_kwh[part] * factor[:, members:]

    def tariff(self, first: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Forecast buying and selling prices, (length,) currency/kWh each."""
        given = self.instance
        at = np.arange(first, first + length)
        if self.prices == "persistence":
            at = self._same_interval_before(first, length, known=first + 1)
        return given.buy_price[at], given.sell_price[at]

    def _same_interval_before(self, first: int, length: int, known: int) -> np.ndarray:
        """Intervals before ``known`` that stand for those of the window."""
        day = max(1, round(24.0 / self.instance.dt_h))
        ahead = np.arange(first, first + length)
        at = ahead - day * np.maximum(0, -((known - 1 - ahead) // day))
        return np.where(at >= 0, at, max(0, known - 1))

    def error_kwh(self, first: int, load: np.ndarray, generation: np.ndarray) -> float:
        """Mean over a window's intervals and members of how far load and generation are from what will be, together."""
        part = slice(first, first + len(load))
        off = np.abs(load - self.instance.load_kwh[part]) + np.abs(generation - self.instance.generation_kwh[part])
        return float(off.mean())


def stream(seed: int, window: int) -> np.random.Generator:
    """The random numbers of a window's forecast, keyed (seed, "forecast", window)."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*b"forecast", window)))
