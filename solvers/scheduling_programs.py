"""Runs of the scheduling programs: build, solve, and turn the answer into a schedule with prices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.bounds import Tariff, community_bound
from ..models.scheduling.decision import SchedulingDecision, SchedulingPrices
from ..models.scheduling.premise import premise
from ..models.scheduling.program import build_community_cost, build_peak_cost
from .array_programs import TIGHT
from .method import Answer
from .program_runs import Watch, timed
from .programs import Outcome, solve_pyomo
from .schedules import schedule
from .status import Status

Build = Callable[[SchedulingInstance], Any]


def run_community_cost(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least cost of the community by its program (HiGHS): linear, or with binaries where it must be.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    time_limit_s : float, optional
        For stating and solving together.

    Returns
    -------
    Answer
        With prices where the program is linear, with the tree's bound where it is not; notes say which, and why.

    Raises
    ------
    InfeasibleError
        In the instance's words.
    """
    return _run(instance, build_community_cost, Tariff.of_cost(instance), "community_cost", time_limit_s)


def run_peak_cost(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least peak of the community by its program (HiGHS); see :func:`run_community_cost`."""
    return _run(instance, build_peak_cost, Tariff.of_peak(instance), "peak_cost", time_limit_s)


def run_separate_cost(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least cost of each member alone by its own program (HiGHS), one after the other.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    time_limit_s : float, optional
        For all members together.

    Returns
    -------
    Answer

    Raises
    ------
    NotApplicable
        If a limit of the community's connection couples the members.
    InfeasibleError
        In the instance's words.
    """
    refuse_common_limit(instance)
    watch = Watch.start(time_limit_s)
    answers = []
    for i in _members(instance):
        alone = instance.alone(i)
        answers.append(_run(alone, build_community_cost, Tariff.of_cost(alone), "separate_cost", watch.left()))
    return join_members(instance, answers)


def refuse_common_limit(instance: SchedulingInstance) -> None:
    """Raise where the community's connection limits what members can do alone.

    Raises
    ------
    NotApplicable
        Naming the first interval.
    """
    for name, limit in (("import", instance.import_limit_kwh), ("export", instance.export_limit_kwh)):
        bound = np.flatnonzero(np.isfinite(limit))
        if bound.size and len(instance.member) > 1:
            when = instance.interval[bound[0]]
            raise NotApplicable(f"interval {when}: the community's {name} limit couples its members")


def _members(instance: SchedulingInstance) -> range:
    return range(len(instance.member))


def join_members(instance: SchedulingInstance, answers: list[Answer]) -> Answer:
    """One answer of those of members alone.

    Parameters
    ----------
    instance : SchedulingInstance
        The community.
    answers : list of Answer
        Of ``instance.alone(i)`` for each member, in order.

    Returns
    -------
    Answer
    """
    storages = [np.flatnonzero(instance.storage_of == i) for i in _members(instance)]
    requests = [np.flatnonzero(instance.request_of == i) for i in _members(instance)]
    decisions = [answer.decision for answer in answers]
    intervals = len(instance.interval)

    def gather(name: str, columns: list[np.ndarray], count: int, rows: int = intervals) -> np.ndarray:
        whole = np.zeros((rows, count))
        for decision, at in zip(decisions, columns, strict=True):
            whole[:, at] = getattr(decision, name)
        return whole

    own = [np.array([i]) for i in _members(instance)]
    n = len(own)
    decision = SchedulingDecision(
        instance=instance,
        charge_kwh=gather("charge_kwh", storages, len(instance.storage)),
        discharge_kwh=gather("discharge_kwh", storages, len(instance.storage)),
        soc_kwh=gather("soc_kwh", storages, len(instance.storage), intervals + 1),
        served_kwh=gather("served_kwh", requests, len(instance.request)),
        curtailed_kwh=gather("curtailed_kwh", own, n),
        lost_kwh=gather("lost_kwh", own, n),
        spilled_kwh=gather("spilled_kwh", own, n),
    )
    notes = tuple(f"{instance.member[i]}: {note}" for i, answer in enumerate(answers) for note in answer.notes)
    seconds = sum(answer.build_seconds for answer in answers)
    statuses = {answer.status for answer in answers}
    status = Status.TIME_LIMIT if Status.TIME_LIMIT in statuses else Status.OPTIMAL
    if any(answer.prices is None for answer in answers):
        # What a tree proves for one member, and prices for another, add up to a bound for all.
        total = sum(_proved(answer) for answer in answers)
        return Answer(decision, None, status, {"separate_cost": float(total)}, seconds, notes)
    prices: list[Any] = [answer.prices for answer in answers]
    water = np.zeros((intervals, len(instance.storage)))
    for i, at in enumerate(storages):
        water[:, at] = prices[i].water_value
    nodes = [one.energy_price if one.member_price is None else one.member_price[:, 0] for one in prices]
    member_price = np.column_stack(nodes)
    found = SchedulingPrices(
        instance=instance,
        energy_price=member_price.mean(axis=1),
        member_price=member_price,
        water_value=water,
        member_peak_value=np.column_stack([one.peak_value for one in prices]),
    )
    return Answer(decision, found, status, {}, seconds, notes)


def _proved(answer: Answer) -> float:
    """Bound on the cost of a member alone, by its prices or by a tree."""
    given = answer.decision.instance
    if not isinstance(answer.prices, SchedulingPrices) or not isinstance(given, SchedulingInstance):
        return answer.bounds.get("separate_cost", -np.inf)
    return community_bound(given, Tariff.of_cost(given), answer.prices)


def _run(
    instance: SchedulingInstance, build: Build, tariff: Tariff, criterion: str, time_limit_s: float | None
) -> Answer:
    watch = Watch.start(time_limit_s)
    try:
        return solve_declared(instance, build, tariff, criterion, time_limit_s=watch.left())
    except InfeasibleError:
        from .scheduling_explain import explain

        raise InfeasibleError(explain(instance)) from None


def solve_declared(
    instance: SchedulingInstance,
    build: Build,
    tariff: Tariff,
    criterion: str,
    *,
    least_peak_kw: float = 0.0,
    time_limit_s: float | None = None,
) -> Answer:
    """State and solve a program of the community.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    build : callable
        Of :mod:`commonwatt.models.scheduling.program`.
    tariff : Tariff
        Of its energy and peak.
    criterion : str
        What its objective is.
    least_peak_kw : float
        A peak that has to be paid for anyhow.
    time_limit_s : float, optional
        For stating and solving together.

    Returns
    -------
    Answer
        With prices where the program is linear, with the tree's bound where it is not.

    Raises
    ------
    NotApplicable
        If time ran out before any schedule was found.
    InfeasibleError
        If there is none.
    """
    watch = Watch.start(time_limit_s)
    where = premise(instance, tariff)
    model, build_seconds = timed(lambda: build(instance))
    model.peak.setlb(least_peak_kw)
    integer = bool(len(model.is_charging) + len(model.is_importing))
    notes = tuple(f"binary variables were needed: {reason}" for reason in where.reasons) if integer else ()
    outcome = solve_pyomo(model, time_limit_s=watch.left(), duals=not integer, **TIGHT)
    if not outcome.has_solution:
        raise NotApplicable(f"no schedule was found within {time_limit_s:g} s; allow more time")
    decision = _decision(instance, model)
    build_seconds += outcome.build_seconds
    if not integer:
        return Answer(decision, _prices(instance, model, outcome), outcome.status, {}, build_seconds, notes)
    return Answer(decision, None, outcome.status, {criterion: outcome.bound}, build_seconds, notes)


def _array(variable: Any, shape: tuple[int, ...]) -> np.ndarray:
    found = np.zeros(shape)
    for index in variable:
        found[index] = max(0.0, variable[index].value)
    return found


def _decision(instance: SchedulingInstance, model: Any) -> SchedulingDecision:
    flows = instance.load_kwh.shape
    return schedule(
        instance,
        _array(model.content, instance.state_low_kwh.shape),
        _array(model.service, instance.request_limit_kwh.shape),
        curtailed_kwh=_array(model.curtailed, flows),
        lost_kwh=_array(model.lost, flows),
        spilled_kwh=_array(model.spilled, flows),
    )


def _prices(instance: SchedulingInstance, model: Any, outcome: Outcome) -> SchedulingPrices:
    """Prices from duals; a member's differs from the community's by what its connection is worth."""
    energy = np.array([outcome.dual(model.community_is_balanced)[t] for t in model.interval])
    states = outcome.dual(model.contents_follow_from_flows)
    water = np.zeros((len(instance.interval), len(instance.storage)))
    for at, value in states.items():
        water[at] = -value
    peak = outcome.dual(model.peak_covers_import)
    member = np.repeat(energy[:, None], len(instance.member), axis=1)
    for limits in (model.members_import_within_limits, model.members_export_within_limits):
        for at in limits:
            member[at] -= outcome.dual(limits[at])
    return SchedulingPrices(
        instance=instance,
        energy_price=energy,
        member_price=member
        if len(model.members_import_within_limits) + len(model.members_export_within_limits)
        else None,
        water_value=water,
        peak_value=[max(0.0, -peak[t]) for t in model.interval],
    )
