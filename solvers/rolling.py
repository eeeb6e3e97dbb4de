"""The sliding horizon: plan a window, carry out its first intervals, hand the state over, plan again.

What the controller knows, and what not:

- load and generation by forecast (:mod:`.rolling_forecasts`); prices within the window, unless they are forecast too;
- requests once their windows have begun, or by a perfect forecast as soon as a planned window reaches their beginning.
  A request that may still be served after the planned window receives in it only what could not be served afterwards;
- trips, plugs and required contents at all times: a window ends with what it takes to meet them later at full power.
  ``final_kwh`` and ``terminal_value`` count in windows that reach the end. At other windows' ends content is worth
  nothing, or with ``terminal="worth"`` the mean buying price of the window times the discharging efficiency;
- the present state of nodes and of the grid, which is expected to last; failures to come are known only with
  ``failures="known"``. An outage is an import limit of 0 where there are others above 0.

Where forecasts are perfect, plans are carried out as they are; else :mod:`.rolling_execution` corrects them.

Source: Lange, *Cloud-coordinated peer-to-peer energy sharing for urban community microgrids*, section "Cloud-based
optimization workflow" (a horizon that slides every half hour, nodes that fail and come back).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..instances.errors import InfeasibleError, ReportedError
from ..instances.scheduling import SchedulingInstance, sum_by_owner
from ..models.scheduling.decision import SchedulingDecision
from .rolling_engines import Engine, engine_of, plan_somehow
from .rolling_execution import StuckError, carry_out, net_import_kwh
from .rolling_forecasts import Forecaster
from .rolling_horizon import Horizon, State
from .rolling_store import Store
from .rolling_windows import Plan, Record, finished_instance

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 256
"""Windows after which engines start anew and what is finished is saved: a run that is taken up again there goes on as
one that was never cut off, to the bit."""

COLUMNS = ("interval", "status", "objective", "gap", "forecast_error_kwh", "iterations", "cold", "seconds", "note")

TERMINALS = ("none", "worth")
FAILURES = ("unknown", "known")


@dataclass(frozen=True, eq=False)
class Rolling:
    """What a sliding horizon has carried out.

    Parameters
    ----------
    decision : SchedulingDecision or None
        Of the whole instance, or of its first ``finished`` intervals (its ``instance`` is cut accordingly); None where
        nothing is finished.
    windows : pandas.DataFrame
        One row a window: its first interval, ``status``, ``objective`` (its cost as planned, currency), ``gap``
        (relative, of its certificate), ``forecast_error_kwh`` (mean over intervals and members), ``iterations`` of the
        simplex method, ``cold`` (whether a warm start was given up), ``seconds``, and a ``note`` where it had to be
        relaxed.
    finished : int
        Number of intervals that are fixed.
    engine : str
        What has planned.
    """

    decision: SchedulingDecision | None
    windows: pd.DataFrame
    finished: int
    engine: str

    def whole(self) -> SchedulingDecision:
        """The decision of a run that went to the end.

        Raises
        ------
        ValueError
            If nothing was finished.
        """
        if self.decision is None:
            raise ValueError("nothing was finished, so nothing is decided")
        return self.decision


class RollingStopped(ReportedError):  # noqa: N818  (a public name: stopping is what it has to do)
    """A window cannot be planned or carried out; what is finished comes along.

    Parameters
    ----------
    message : str
        Why, in the instance's words.
    rolling : Rolling
        What is finished by then.
    """

    def __init__(self, message: str, rolling: Rolling) -> None:
        super().__init__(message)
        self.rolling = rolling

    def __reduce__(self) -> tuple[type[RollingStopped], tuple[str, Rolling]]:
        return (type(self), (str(self), self.rolling))


def roll(
    instance: SchedulingInstance,
    *,
    window: int = 24,
    step: int = 1,
    forecast: str = "perfect",
    noise: float = 0.2,
    seed: int = 0,
    engine: str = "auto",
    terminal: str = "none",
    price_forecast: str = "known",
    failures: str = "unknown",
    progress: Callable[[int, int], None] | None = None,
    folder: str | Path | None = None,
) -> Rolling:
    """Decide on a sliding horizon.

    Parameters
    ----------
    instance : SchedulingInstance
        What will be; the controller sees what the module's head says.
    window, step : int
        Intervals that are planned, and how many of them are carried out.
    forecast : {"perfect", "persistence", "noisy"}
        Of load and generation.
    noise : float
        Of a noisy forecast: relative standard deviation far ahead.
    seed : int
        Of its errors.
    engine : {"auto", "ring", "kernel", "program"}
        What plans: one compiled program in a ring of slots, the exact kernel of one battery, or the community's
        program stated anew for each window. ``"auto"`` takes the ring where it applies, else the program.
    terminal : {"none", "worth"}
        What content is worth at the ends of windows inside the horizon.
    price_forecast : {"known", "persistence"}
        Of prices after the present interval.
    failures : {"unknown", "known"}
        Whether failures of nodes and outages of the grid are known ahead.
    progress : callable, optional
        ``progress(finished, intervals)`` after each window.
    folder : path, optional
        Where what is finished is saved every :data:`BLOCK` windows; a second call with the same arguments goes on
        there, and gives the same to the bit.

    Returns
    -------
    Rolling

    Raises
    ------
    ValueError
        For an option that is none, or a folder that holds another run.
    NotApplicable
        Where the engine does not answer the instance.
    RollingStopped
        Where a window is infeasible, with what is finished.
    """
    for name, count in (("window", window), ("step", step)):
        if isinstance(count, bool) or count != int(count) or count < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {count!r}")
    for name, value, known in (("terminal", terminal, TERMINALS), ("failures", failures, FAILURES)):
        if value not in known:
            raise ValueError(f"unknown {name} {value!r}; known: {', '.join(known)}")
    size = min(int(window), len(instance.interval))
    if size < window:
        step = min(int(step), size)
    if step > window:
        raise ValueError(f"a step of {step} intervals is more than the window of {window} plans")
    forecaster = Forecaster(instance, forecast, noise, seed, price_forecast)
    horizon = Horizon(instance, size, int(step), forecaster, terminal == "worth", failures == "known")
    planner = engine_of(horizon, engine)
    record = Record.of(instance)
    store = None
    if folder is not None:
        arguments = (window, step, forecast, noise, seed, planner.name, terminal, price_forecast, failures, BLOCK)
        store = Store(Path(folder), f"{instance.content_hash} {arguments}")
        record = store.load(record)
    try:
        _run(horizon, planner, record, progress, store)
    except (InfeasibleError, StuckError) as error:
        when = instance.interval[record.finished]
        partly = _finished(horizon, planner, record)
        raise RollingStopped(f"the window that begins {when} cannot be planned and kept: {error}", partly) from error
    return _finished(horizon, planner, record)


def _run(
    horizon: Horizon,
    planner: Engine,
    record: Record,
    progress: Callable[[int, int], None] | None,
    store: Store | None,
) -> None:
    """Plan and carry out windows until the end."""
    given, forecaster, total = horizon.instance, horizon.forecaster, horizon.intervals
    perfect, peaking = forecaster.kind == "perfect", given.demand_charge > 0
    state = record.state(given)
    while record.finished < total:
        started = time.perf_counter()
        number = len(record.rows)
        if number % BLOCK == 0:
            if store is not None and number:
                store.save(record)
            planner.restart()
            state = record.state(given)
        first = record.finished
        plan = plan_somehow(planner, horizon, state, number)
        error = 0.0
        if not perfect:
            length = min(horizon.window, total - first)
            error = forecaster.error_kwh(first, *forecaster.energies(first, length, number))
        _carry_out(horizon, plan, record, state, peaking)
        seconds = time.perf_counter() - started
        record.rows.append(
            (first, plan.status, plan.objective, plan.gap, error, plan.iterations, plan.cold, seconds, plan.note)
        )
        if progress is not None:
            progress(record.finished, total)
    if store is not None:
        store.save(record)


def _carry_out(horizon: Horizon, plan: Plan, record: Record, state: State, peaking: bool) -> None:
    """Carry out the first intervals of a plan, one by one where they need correction."""
    given, first = horizon.instance, state.interval
    taken = len(plan.content_kwh)
    if horizon.exact and not plan.note:
        end = first + taken
        low, high = horizon.least_kwh[first + 1 : end + 1], given.state_high_kwh[first + 1 : end + 1]
        # A solver's rounding is not handed over.
        np.minimum(np.maximum(plan.content_kwh, low), high, out=record.content_kwh[first + 1 : end + 1])
        for name in ("service_kwh", "curtailed_kwh", "lost_kwh", "spilled_kwh"):
            planned = getattr(plan, name)
            if planned is not None:
                getattr(record, name)[first:end] = planned
        if plan.service_kwh is not None:
            state.remaining_kwh = np.maximum(state.remaining_kwh - plan.service_kwh.sum(axis=0), 0.0)
        if peaking:
            for t in range(first, end):
                given_up = record.curtailed_kwh[t] + record.lost_kwh[t] - record.spilled_kwh[t]
                contents = record.content_kwh[t], record.content_kwh[t + 1]
                net = net_import_kwh(given, t, *contents, record.service_kwh[t], given_up)
                state.peak_kwh = max(state.peak_kwh, net)
        state.content_kwh = record.content_kwh[end]
        state.interval = record.finished = end
        record.peak_kwh = state.peak_kwh
        return
    for k in range(taken):
        t = first + k
        done = carry_out(horizon, state, plan, k)
        record.content_kwh[t + 1], record.service_kwh[t] = done.content_kwh, done.service_kwh
        record.curtailed_kwh[t], record.as_planned[t] = done.curtailed_kwh, False
        net = net_import_kwh(given, t, state.content_kwh, done.content_kwh, done.service_kwh, done.curtailed_kwh)
        state.content_kwh = done.content_kwh
        state.remaining_kwh = np.maximum(state.remaining_kwh - done.service_kwh, 0.0)
        record.peak_kwh = state.peak_kwh = max(state.peak_kwh, min(net, float(given.import_limit_kwh[t])))
        state.interval = record.finished = t + 1


def _finished(horizon: Horizon, planner: Engine, record: Record) -> Rolling:
    """The result of what has been carried out."""
    import pandas as pd

    given = horizon.instance
    table = pd.DataFrame(record.rows, columns=list(COLUMNS))
    table["interval"] = given.interval[table["interval"].to_numpy(dtype=int)]
    if not record.finished:
        return Rolling(None, table, 0, planner.name)
    part = finished_instance(given, record.finished, record.service_kwh)
    return Rolling(_decision(horizon, part, record), table, record.finished, planner.name)


def _decision(horizon: Horizon, part: SchedulingInstance, record: Record) -> SchedulingDecision:
    """The schedule through what has been carried out."""
    from .schedules import flows_of_states, lost_for_want, net_of_storages, schedule

    end = record.finished
    content = record.content_kwh[: end + 1]
    service = record.service_kwh[:end, _position_of_requests(horizon.instance, part, end)]
    curtailed, lost, spilled = record.curtailed_kwh[:end], record.lost_kwh[:end], record.spilled_kwh[:end]
    if not record.as_planned[:end].all():
        # Where the plan was corrected, what connections demand and prices make worth while follows from the flows.
        net = part.net_load_kwh + net_of_storages(part, *flows_of_states(part, content))
        net = net + sum_by_owner(service, part.request_of, len(part.member))
        needed, missing = lost_for_want(part, net)
        more = np.maximum(curtailed, needed)
        corrected = schedule(part, content, service, curtailed_kwh=more, lost_kwh=missing)
        kept = record.as_planned[:end, None]
        curtailed = np.where(kept, curtailed, corrected.curtailed_kwh)
        lost = np.where(kept, lost, corrected.lost_kwh)
        spilled = np.where(kept, spilled, corrected.spilled_kwh)
    return schedule(part, content, service, curtailed_kwh=curtailed, lost_kwh=lost, spilled_kwh=spilled)


def _position_of_requests(whole: SchedulingInstance, part: SchedulingInstance, end: int) -> np.ndarray:
    """Which requests of the whole those of a part are."""
    if len(part.request) == len(whole.request):
        return np.arange(len(whole.request))
    return np.flatnonzero(whole.earliest < end)
