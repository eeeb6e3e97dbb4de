"""What a controller on a sliding horizon knows: its state, limits as it sees them, and what it expects to last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..instances.scheduling import SchedulingInstance
from .rolling_forecasts import Forecaster


@dataclass
class State:
    """What one window hands over to the next.

    Parameters
    ----------
    interval : int
        The present interval: all before it is done.
    content_kwh : (S,) array, kWh
        Of each storage.
    remaining_kwh : (R,) array, kWh
        What each request still lacks.
    peak_kwh : float
        Greatest import of an interval so far.
    """

    interval: int
    content_kwh: np.ndarray
    remaining_kwh: np.ndarray
    peak_kwh: float = 0.0


@dataclass(frozen=True)
class Horizon:
    """The whole problem as a controller on a sliding horizon meets it.

    Parameters
    ----------
    instance : SchedulingInstance
        What will be.
    window, step : int
        Intervals that are planned, and that are carried out.
    forecaster : Forecaster
        What is believed.
    worth : bool
        Whether content at a window's end inside the horizon is worth the mean buying price times what discharging
        leaves of it, ``η_d · mean(buy)``, or 0 if that is negative; else it is worth nothing.
    foresee : bool
        Whether failures of nodes and outages of the grid are known ahead.
    """

    instance: SchedulingInstance
    window: int
    step: int
    forecaster: Forecaster
    worth: bool = False
    foresee: bool = False

    @property
    def intervals(self) -> int:
        """T."""
        return len(self.instance.interval)

    @property
    def exact(self) -> bool:
        """Whether plans are carried out as they are, since all they rest upon is so."""
        return self.forecaster.exact and (self.foresee or self.step == 1 or not self.fails)

    @cached_property
    def fails(self) -> bool:
        """Whether any node or the grid fails at any time."""
        failed = self.instance.connected is not None and not self.instance.connected.all()
        return bool(failed or self.outage.any())

    @cached_property
    def outage(self) -> np.ndarray:
        """Where the grid brings nothing, (T,) of bool; a community that never has a grid has no outage."""
        limit = self.instance.import_limit_kwh
        return (limit == 0.0) & bool((limit > 0.0).any())

    @cached_property
    def least_kwh(self) -> np.ndarray:
        """Least content of each state from which all that is required later can still be reached, (T + 1, S) kWh."""
        given = self.instance
        least = given.state_low_kwh.copy()
        most_in = given.charge_efficiency * given.charge_limit_kwh - given.driven_kwh
        for t in range(self.intervals - 1, 0, -1):
            # What is needed beyond any capacity cannot be reached, and the window that meets it will say so.
            before = np.minimum((least[t + 1] - most_in[t]) / given.retention, given.capacity_kwh)
            np.maximum(least[t], before, out=least[t])
        return least

    def import_limit_kwh(self, first: int, length: int) -> np.ndarray:
        """Of the connection in a window, as the controller sees it, (length,) kWh."""
        return self._seen(self.instance.import_limit_kwh, first, length)

    def export_limit_kwh(self, first: int, length: int) -> np.ndarray:
        """Of the connection in a window, as the controller sees it, (length,) kWh."""
        return self._seen(self.instance.export_limit_kwh, first, length)

    def _seen(self, limit: np.ndarray, first: int, length: int) -> np.ndarray:
        """A limit as foreseen: an outage that is there lasts, one that is to come is not expected."""
        part = slice(first, first + length)
        if self.foresee or not self.outage.any():
            return limit[part]
        if self.outage[first]:
            return np.full(length, limit[first])
        return np.where(self.outage[part], limit[~self.outage].max(), limit[part])

    def connected(self, first: int, length: int) -> np.ndarray | None:
        """Which nodes work in a window, as the controller sees it, (length, n); the present lasts."""
        given = self.instance.connected
        if given is None:
            return None
        return given[first : first + length] if self.foresee else np.repeat(given[first : first + 1], length, axis=0)

    @cached_property
    def _sheddable_share(self) -> np.ndarray:
        load = self.instance.load_kwh
        return np.divide(self.instance.sheddable_kwh, load, out=np.zeros_like(load), where=load > 0)

    def sheddable_kwh(self, first: int, load_kwh: np.ndarray) -> np.ndarray:
        """What of a window's forecast load (length, n) may be curtailed: the same share of it as of what will be."""
        part = slice(first, first + len(load_kwh))
        if self.forecaster.kind == "perfect":
            return self.instance.sheddable_kwh[part]
        return np.minimum(self._sheddable_share[part] * load_kwh, load_kwh)

    def fails_at(self, first: int) -> bool:
        """Whether a node or the grid is down at present."""
        down = self.instance.connected is not None and not self.instance.connected[first].all()
        return bool(down or self.outage[first])

    def known_requests(self, first: int, length: int) -> np.ndarray:
        """Requests that a window plans: those that have begun, or by a perfect forecast those that begin within it."""
        begun = self.instance.earliest <= first
        if self.forecaster.kind == "perfect":
            begun = self.instance.earliest < first + length
        return np.flatnonzero(begun & (self.instance.latest >= first))

    def worth_at(self, last: int, buy: np.ndarray) -> np.ndarray:
        """What a kWh of content is worth at a window's end, (S,) currency/kWh."""
        if last == self.intervals:
            return self.instance.terminal_value
        if not self.worth:
            return np.zeros(len(self.instance.storage))
        return max(0.0, float(buy.mean())) * self.instance.discharge_efficiency
