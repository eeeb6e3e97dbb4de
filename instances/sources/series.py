"""The common result of every source of household data: load and generation on one regular time axis."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..fields import readonly


@dataclass(frozen=True, kw_only=True, eq=False)
class HouseholdSeries:
    """Load and generation of n households over T intervals of equal length.

    Attributes
    ----------
    time : (T,) datetime64[s]
        Start of each interval, ascending and evenly spaced.
    dt_h : float
        Length of an interval, h.
    household : tuple of str, length n
    load_kwh, generation_kwh : (T, n) arrays, kWh
        Consumption and generation in each interval, at least 0. Read-only.
    available : (T, n) array of bool
        Whether the cell was measured; where it was not, both energies are 0.
    attributes : DataFrame
        One row per household, in the order of ``household``; units stand in the names of its columns
        (``floor_area_m2``, ``pv_kwp``, …). It may have no columns.
    clock : {"UTC", "as written"}
        What ``time`` counts: UTC, or whatever clock the source was written in.
    dropped : tuple of str
        Households of the source that were left out for want of data.
    title, licence, source : str
        Where the data comes from and what it may be used for.

    Raises
    ------
    ValueError
        If the shapes do not fit each other.
    """

    time: NDArray[np.datetime64]
    dt_h: float
    household: tuple[str, ...]
    load_kwh: NDArray[np.float64]
    generation_kwh: NDArray[np.float64]
    available: NDArray[np.bool_]
    attributes: pd.DataFrame = field(repr=False)
    clock: Literal["UTC", "as written"] = "UTC"
    dropped: tuple[str, ...] = ()
    title: str = ""
    licence: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        shape = (len(self.time), len(self.household))
        for name in ("load_kwh", "generation_kwh", "available"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, but time and household say {shape}")
        if tuple(self.attributes.index) != self.household:
            raise ValueError("the rows of attributes are not the households in their order")
        self._lock()

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Unpickling makes arrays writable again, which would break the promise of a frozen class.
        self.__dict__.update(state)
        self._lock()

    def _lock(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, np.ndarray):
                readonly(value)

    @property
    def excess_over_deficit(self) -> float:
        """Sum of all excesses over the sum of all deficiencies, interval by interval; infinite without deficiency."""
        net = self.load_kwh - self.generation_kwh
        excess, deficit = float(np.maximum(-net, 0.0).sum()), float(np.maximum(net, 0.0).sum())
        return excess / deficit if deficit > 0 else float("inf")
