"""What a window of a sliding horizon is: its state, its limits as the controller sees them, an instance of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..instances.fields import specs
from ..instances.scheduling import SchedulingInstance
from .rolling_forecasts import Forecaster

NOTHING = 1e-12
"""Share of a request below which what is left of it is rounding."""


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


@dataclass(frozen=True)
class Plan:
    """What a window decides for the intervals that are carried out; None stands for nothing.

    Parameters
    ----------
    content_kwh : (k, S) array, kWh
        After each interval.
    service_kwh : (k, R) array, kWh
    curtailed_kwh, lost_kwh, spilled_kwh : (k, n) arrays, kWh
    objective : float
        Cost of the window, with the demand charge for the greatest peak so far or planned.
    gap : float
        Of its certificate, relative.
    status : str
    iterations : int
        Of the simplex method, 0 where it is not used.
    cold : bool
        Whether a warm start was given up.
    note : str
        How the window was relaxed to be feasible; empty where it was not.
    """

    content_kwh: np.ndarray
    objective: float
    gap: float
    status: str = "optimal"
    service_kwh: np.ndarray | None = None
    curtailed_kwh: np.ndarray | None = None
    lost_kwh: np.ndarray | None = None
    spilled_kwh: np.ndarray | None = None
    iterations: int = 0
    cold: bool = False
    note: str = ""


@dataclass(frozen=True)
class Relaxed:
    """How a window that cannot be planned as it is believed to be may be planned all the same.

    Parameters
    ----------
    soft : bool
        Load may be lost at its price, and generation spilled, in the plan; what is carried out may still not.
    brief : bool
        Failures last for the present interval only.
    note : str
        In words.
    """

    soft: bool = False
    brief: bool = False
    note: str = ""


AS_IT_IS = Relaxed()
SOFT = Relaxed(soft=True, note="planned with load that may be lost and generation that may be spilled")
BRIEF = Relaxed(soft=True, brief=True, note="planned as if failures lasted for this interval only, load might be lost")


def window_instance(
    horizon: Horizon, state: State, number: int, relaxed: Relaxed = AS_IT_IS
) -> tuple[SchedulingInstance, np.ndarray]:
    """The instance that a window plans, and the requests in it.

    A request whose last interval lies beyond the window receives in it only what could not be served afterwards; a
    storage must have at the window's end what it takes to meet later requirements at full power.

    Parameters
    ----------
    horizon : Horizon
        The whole problem.
    state : State
        Where the window begins.
    number : int
        Of the window, for its forecast.
    relaxed : Relaxed
        How the window may differ from what is believed.

    Returns
    -------
    instance : SchedulingInstance
    requests : array of int
        Which of the whole instance's requests its own are.
    """
    given, first = horizon.instance, state.interval
    length = min(horizon.window, horizon.intervals - first)
    end = first + length
    load, generation = horizon.forecaster.energies(first, length, number)
    buy, sell = horizon.forecaster.tariff(first, length)
    requests, energy = _to_serve(horizon, state, first, end)
    limits = horizon.import_limit_kwh(first, length), horizon.export_limit_kwh(first, length)
    connected = horizon.connected(first, length)
    if relaxed.brief and horizon.fails_at(first):
        later = Horizon(given, horizon.window, horizon.step, horizon.forecaster)
        nominal = given.connected.max(axis=0, keepdims=True) if given.connected is not None else None
        if connected is not None:
            connected = np.vstack([connected[:1], np.repeat(nominal, length - 1, axis=0)])
        if later.outage[first]:
            most = [limit[~later.outage].max() for limit in (given.import_limit_kwh, given.export_limit_kwh)]
            limits = tuple(np.append(limit[:1], np.full(length - 1, m)) for limit, m in zip(limits, most, strict=True))  # type: ignore[assignment]
    changes: dict[str, Any] = {
        "load_kwh": load,
        "generation_kwh": generation,
        "buy_price": buy,
        "sell_price": sell,
        "connected": connected,
        "import_limit_kw": _power(limits[0], given),
        "export_limit_kw": _power(limits[1], given),
        "initial_kwh": state.content_kwh,
        "final_kwh": np.zeros(len(given.storage)),
        "terminal_value": horizon.worth_at(end, buy),
        "required_kwh": np.minimum(horizon.least_kwh[first : end + 1], given.capacity_kwh),
        "request_kwh": energy[requests],
        "earliest": np.maximum(given.earliest[requests] - first, 0),
        "latest": np.minimum(given.latest[requests], end - 1) - first,
    }
    changes["required_kwh"][0] = 0.0
    if given.curtailable_kwh is not None:
        changes["curtailable_kwh"] = horizon.sheddable_kwh(first, load)
    if given.target_kwh is not None:
        changes["target_kwh"] = given.target_kwh[first : end + 1].copy()
        # What the first state misses is settled by the window before.
        changes["target_kwh"][0] = 0.0
    if relaxed.soft:
        changes |= {"lost_load": "priced", "spill": "free"}
    return _part(given, first, end, requests, changes), requests


def _power(limit_kwh: np.ndarray, given: SchedulingInstance) -> np.ndarray | None:
    return limit_kwh / given.dt_h if np.isfinite(limit_kwh).all() else None


def _to_serve(horizon: Horizon, state: State, first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Requests of a window, and what of each is to be served in it, (R,) kWh."""
    given = horizon.instance
    power = given.request_kw * given.dt_h
    later = np.maximum(0, given.latest - (end - 1)) * power
    energy = np.maximum(state.remaining_kwh - later, 0.0)
    # No more than fits, but for what rounding leaves over.
    begin = np.maximum(given.earliest, first)
    room = power * (np.minimum(given.latest, end - 1) - begin + 1)
    energy = np.where(energy - room <= 1e-9 * given.request_kwh, np.minimum(energy, np.maximum(room, 0.0)), energy)
    known = horizon.known_requests(first, end - first)
    return known[energy[known] > NOTHING * given.request_kwh[known]], energy


def finished_instance(instance: SchedulingInstance, finished: int, served_kwh: np.ndarray) -> SchedulingInstance:
    """The first intervals of an instance, with requests as far as they are served.

    Parameters
    ----------
    instance : SchedulingInstance
        The whole.
    finished : int
        Number of intervals, at least 1.
    served_kwh : (T, R) array, kWh
        What has been served.
    """
    if finished == len(instance.interval):
        return instance
    begun = np.flatnonzero(instance.earliest < finished)
    done = instance.latest[begun] < finished
    changes: dict[str, Any] = {
        "final_kwh": np.zeros(len(instance.storage)),
        "request_kwh": np.where(done, instance.request_kwh[begun], served_kwh[:finished, begun].sum(axis=0)),
        "earliest": instance.earliest[begun],
        "latest": np.minimum(instance.latest[begun], finished - 1),
    }
    return _part(instance, 0, finished, begun, changes)


def _part(
    given: SchedulingInstance, first: int, end: int, requests: np.ndarray, changes: dict[str, Any]
) -> SchedulingInstance:
    """Some intervals and requests of an instance, with changes."""
    fields: dict[str, Any] = {}
    for name, spec in specs(type(given)).items():
        value = getattr(given, name)
        if value is None or name in changes:
            continue
        for axis, index in enumerate((name,) if spec.kind == "labels" else spec.index):
            if index == "interval":
                value = value[(slice(None),) * axis + (slice(first, end),)]
            elif index == "interval+":
                value = value[(slice(None),) * axis + (slice(first, end + 1),)]
            elif index == "request":
                value = np.take(value, requests, axis=axis)
        fields[name] = value
    return type(given)(meta=given.meta, **fields, **changes)


@dataclass
class Record:
    """All that has been carried out so far; rows from ``finished`` on are empty.

    Parameters
    ----------
    content_kwh : (T + 1, S) array, kWh
    service_kwh : (T, R) array, kWh
    curtailed_kwh, lost_kwh, spilled_kwh : (T, n) arrays, kWh
    finished : int
        Intervals that are carried out.
    rows : list
        Of the table of windows.
    """

    content_kwh: np.ndarray
    service_kwh: np.ndarray
    curtailed_kwh: np.ndarray
    lost_kwh: np.ndarray
    spilled_kwh: np.ndarray
    peak_kwh: float = 0.0
    finished: int = 0
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, instance: SchedulingInstance) -> Record:
        """Nothing yet."""
        content = np.zeros(instance.state_low_kwh.shape)
        content[0] = instance.initial_kwh
        flows = [np.zeros_like(instance.load_kwh) for _ in range(3)]
        return cls(content, np.zeros(instance.request_limit_kwh.shape), *flows)

    def state(self, instance: SchedulingInstance) -> State:
        """What is handed over to the next window."""
        remaining = instance.request_kwh - self.service_kwh[: self.finished].sum(axis=0)
        return State(self.finished, self.content_kwh[self.finished], np.maximum(remaining, 0.0), self.peak_kwh)
