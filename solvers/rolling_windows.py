"""What a window of a sliding horizon plans, as an instance of its own, and what has been carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..instances.fields import specs
from ..instances.scheduling import SchedulingInstance
from .rolling_horizon import Horizon, State

NOTHING = 1e-12
"""Share of a request below which what is left of it is rounding."""


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
    if relaxed.brief:
        connected, limits = _over_soon(horizon, first, length)
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


def _over_soon(horizon: Horizon, first: int, length: int) -> tuple[np.ndarray | None, tuple[np.ndarray, np.ndarray]]:
    """Nodes and limits of a window, as if what has failed came back after the present interval."""
    given, now, later = horizon.instance, np.arange(length) == 0, ~horizon.outage
    connected = None
    if given.connected is not None:
        connected = np.where(now[:, None], given.connected[first], given.connected.max(axis=0))
    limits = horizon.import_limit_kwh(first, length), horizon.export_limit_kwh(first, length)
    if horizon.outage[first]:
        most = given.import_limit_kwh[later].max(), given.export_limit_kwh[later].max()
        limits = np.where(now, limits[0], most[0]), np.where(now, limits[1], most[1])
    return connected, limits


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
    as_planned : (T,) array of bool
        Whether an interval is what was planned, with nothing corrected.
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
    as_planned: np.ndarray
    peak_kwh: float = 0.0
    finished: int = 0
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, instance: SchedulingInstance) -> Record:
        """Nothing yet."""
        content = np.zeros(instance.state_low_kwh.shape)
        content[0] = instance.initial_kwh
        curtailed, lost, spilled = (np.zeros_like(instance.load_kwh) for _ in range(3))
        as_planned = np.ones(len(instance.interval), dtype=bool)
        return cls(content, np.zeros(instance.request_limit_kwh.shape), curtailed, lost, spilled, as_planned)

    def state(self, instance: SchedulingInstance) -> State:
        """What is handed over to the next window."""
        remaining = instance.request_kwh - self.service_kwh[: self.finished].sum(axis=0)
        return State(self.finished, self.content_kwh[self.finished], np.maximum(remaining, 0.0), self.peak_kwh)
