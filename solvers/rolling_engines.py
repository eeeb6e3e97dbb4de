"""Engines of the sliding horizon that state each window anew: the community's program, and the battery's kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.scheduling import SchedulingInstance
from .rolling_horizon import Horizon, State
from .rolling_windows import BRIEF, SOFT, Plan, Relaxed, window_instance

ENGINES = ("auto", "ring", "kernel", "program")


class Engine(Protocol):
    """Plans one window after the other."""

    name: str

    def plan(self, state: State, number: int) -> Plan:
        """Plan the window that begins at a state."""

    def restart(self) -> None:
        """Forget everything, so that what follows depends on the state handed over alone."""


def engine_of(horizon: Horizon, name: str) -> Engine:
    """The engine of this name; ``"auto"`` takes the ring where it applies, else the program.

    Raises
    ------
    ValueError
        For an unknown name.
    NotApplicable
        Where the engine does not answer the instance.
    """
    from .rolling_ring import Ring

    if name not in ENGINES:
        raise ValueError(f"unknown engine {name!r}; known: {', '.join(ENGINES)}")
    if name == "auto":
        try:
            return Ring(horizon)
        except NotApplicable:
            return WindowProgram(horizon)
    made: dict[str, Callable[[Horizon], Engine]] = {"ring": Ring, "kernel": Kernel, "program": WindowProgram}
    return made[name](horizon)


def plan_somehow(engine: Engine, horizon: Horizon, state: State, number: int) -> Plan:
    """Plan a window; where what is believed of it cannot be, plan it with less.

    Forecasts that err, or failures that would last, may ask for what is impossible though what comes is not: the window
    is planned by the program with load that may be lost and generation that may be spilled, then as if failures were
    over after the present interval. What is carried out keeps the instance's rules all the same.

    Raises
    ------
    InfeasibleError
        If there is no plan, in the instance's words.
    """
    try:
        return engine.plan(state, number)
    except InfeasibleError:
        surprised = horizon.fails_at(state.interval) and not horizon.foresee
        if horizon.forecaster.exact and not surprised:
            raise InfeasibleError(_explained(horizon, state, number)) from None
    program = WindowProgram(horizon)
    for relaxed in (SOFT, BRIEF):
        try:
            return program.plan(state, number, relaxed)
        except InfeasibleError:
            continue
    raise InfeasibleError(_explained(horizon, state, number))


def _explained(horizon: Horizon, state: State, number: int) -> str:
    from .scheduling_explain import explain

    return explain(window_instance(horizon, state, number)[0])


class WindowProgram:
    """Plans by the program of the community, stated anew for each window.

    Parameters
    ----------
    horizon : Horizon
        The whole problem.
    """

    name = "program"

    def __init__(self, horizon: Horizon) -> None:
        self.horizon = horizon

    def restart(self) -> None:
        """Nothing is kept."""

    def plan(self, state: State, number: int, relaxed: Relaxed | None = None) -> Plan:
        """Plan one window, with binary variables where the premise of the linear program fails in it.

        Raises
        ------
        InfeasibleError
            If there is no plan.
        """
        from ..models.scheduling.bounds import Tariff, community_bound
        from ..models.scheduling.premise import premise
        from ..models.scheduling.program import build_community_cost
        from ..models.scheduling.rules import PROBLEM
        from .scheduling_arrays import solve_central
        from .scheduling_programs import solve_declared

        horizon, given = self.horizon, self.horizon.instance
        chosen = Relaxed() if relaxed is None else relaxed
        window, requests = window_instance(horizon, state, number, chosen)
        so_far = state.peak_kwh / given.dt_h
        tariff, criterion = Tariff.of_cost(window), PROBLEM.criterion("community_cost")
        if premise(window).holds:
            answer = solve_central(window, tariff, least_peak_kw=so_far)
        else:
            answer = solve_declared(window, build_community_cost, tariff, criterion.name, least_peak_kw=so_far)
        decision: Any = answer.decision
        own_peak = float(decision.community_net_kwh.max(initial=0.0)) / given.dt_h
        objective = criterion.value(window, decision) + given.demand_charge * max(0.0, so_far - own_peak)
        prices: Any = answer.prices
        if prices is None:
            bound = answer.bounds[criterion.name]
        else:
            bound = community_bound(window, tariff, prices)
            # The peak is at least what it has been, which the window's own bound does not know.
            bound += so_far * max(0.0, given.demand_charge - float(prices.peak_value.sum()))
        taken = slice(0, min(horizon.step, len(window.interval)))
        service = np.zeros((taken.stop, len(given.request)))
        service[:, requests] = decision.served_kwh[taken]
        return Plan(
            decision.soc_kwh[1 : taken.stop + 1],
            objective,
            (objective - bound) / max(abs(objective), criterion.scale(window)),
            str(answer.status),
            service_kwh=service,
            curtailed_kwh=decision.curtailed_kwh[taken],
            lost_kwh=decision.lost_kwh[taken],
            spilled_kwh=decision.spilled_kwh[taken],
            note=chosen.note,
        )


class Kernel:
    """Plans by the exact kernel of one battery behind an unlimited connection.

    Parameters
    ----------
    horizon : Horizon
        The whole problem.

    Raises
    ------
    NotApplicable
        Where there is more than one storage to decide, with the first reason.
    """

    name = "kernel"

    def __init__(self, horizon: Horizon) -> None:
        for reason in _why_not_the_kernel(horizon.instance):
            raise NotApplicable(reason)
        self.horizon = horizon

    def restart(self) -> None:
        """Nothing is kept."""

    def plan(self, state: State, number: int) -> Plan:
        """Plan one window.

        Raises
        ------
        InfeasibleError
            If there is no plan.
        """
        from .kernels import battery_schedule

        horizon, given, first = self.horizon, self.horizon.instance, state.interval
        length = min(horizon.window, horizon.intervals - first)
        end = first + length
        load, generation = horizon.forecaster.energies(first, length, number)
        buy, sell = horizon.forecaster.tariff(first, length)
        low, high = horizon.least_kwh[first : end + 1, 0].copy(), given.state_high_kwh[first : end + 1, 0].copy()
        low[0], high[0] = 0.0, max(high[1:].max(), state.content_kwh[0])
        found = battery_schedule(
            (load - generation).sum(axis=1),
            buy,
            sell,
            capacity_kwh=high,
            minimum_kwh=low,
            charge_kw=given.charge_limit_kwh[first:end, 0] / given.dt_h,
            discharge_kw=given.discharge_limit_kwh[first:end, 0] / given.dt_h,
            charge_efficiency=given.charge_efficiency[0],
            discharge_efficiency=given.discharge_efficiency[0],
            retention=given.retention[0],
            initial_kwh=state.content_kwh[0],
            terminal_value=horizon.worth_at(end, buy)[0],
            dt_h=given.dt_h,
        )
        worth = float((np.maximum(np.abs(buy), np.abs(sell)) * (load + generation).sum(axis=1)).sum())
        gap = found.gap / (max(abs(found.cost), 1e-3 * worth) or 1.0)
        return Plan(found.soc_kwh[1 : min(horizon.step, length) + 1, None], found.cost, gap)


def _why_not_the_kernel(given: SchedulingInstance) -> Any:
    """Reasons, in the instance's words."""
    if len(given.storage) != 1:
        yield f"the kernel plans one storage, and there are {len(given.storage)}"
    if len(given.request):
        yield f"{given.request[0]}: the kernel serves no movable requests"
    for t in np.flatnonzero((given.sell_price < 0) | (given.sell_price > given.buy_price)):
        prices = f"{given.buy_price[t]:g} and {given.sell_price[t]:g}"
        yield f"interval {given.interval[t]}: prices are {prices}, not 0 ≤ sell ≤ buy"
    limits = (
        given.import_limit_kwh,
        given.export_limit_kwh,
        given.member_import_limit_kwh,
        given.member_export_limit_kwh,
    )
    if any(np.isfinite(limit).any() for limit in limits):
        yield "a connection is limited"
    if given.demand_charge > 0:
        yield "there is a demand charge"
    if given.sheddable_kwh.any() or given.losable_kwh.any():
        yield "load may be curtailed or lost"
    if given.driven_kwh.any():
        yield f"{given.storage[0]}: trips take energy"
    if given.target_kwh is not None and (given.target_kwh * given.target_price).any():
        yield f"{given.storage[0]}: missed targets cost money"
    if given.initial_kwh[0] > given.capacity_kwh[0]:
        yield f"{given.storage[0]}: it begins with more than its capacity"
