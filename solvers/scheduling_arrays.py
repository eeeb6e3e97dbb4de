"""The central program of a community from arrays (HiGHS): for more members than can be declared one by one."""

from __future__ import annotations

import time

import numpy as np

from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.scheduling import SchedulingInstance
from ..models.linear_program import LinearProgram
from ..models.scheduling.arrays import assemble
from ..models.scheduling.bounds import Tariff
from ..models.scheduling.decision import SchedulingPrices
from ..models.scheduling.premise import premise
from .array_programs import ArraySolution, solve_arrays
from .method import Answer
from .schedules import schedule


def run_central(instance: SchedulingInstance, *, peak: bool = False, time_limit_s: float | None = None) -> Answer:
    """Least cost, or least peak, of the community by the program of :mod:`commonwatt.models.scheduling.arrays`.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    peak : bool
        Whether the least peak is sought.
    time_limit_s : float, optional
        For the solver.

    Returns
    -------
    Answer

    Raises
    ------
    NotApplicable
        Where the program would need binary variables.
    InfeasibleError
        In the instance's words.
    """
    tariff = Tariff.of_peak(instance) if peak else Tariff.of_cost(instance)
    found = premise(instance, tariff)
    if not found.holds:
        raise NotApplicable(f"binary variables are needed: {found.reasons[0]}")
    try:
        return solve_central(instance, tariff, time_limit_s=time_limit_s)
    except InfeasibleError:
        from .scheduling_explain import explain

        raise InfeasibleError(explain(instance)) from None


def solve_central(
    instance: SchedulingInstance, tariff: Tariff, *, least_peak_kw: float = 0.0, time_limit_s: float | None = None
) -> Answer:
    """Assemble and solve the linear program of the community; see :func:`run_central`.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given, where no binary variables are needed.
    tariff : Tariff
        Of energy and peak.
    least_peak_kw : float
        A peak that has to be paid for anyhow.
    time_limit_s : float, optional
        For the solver.

    Returns
    -------
    Answer

    Raises
    ------
    NotApplicable
        If time ran out before any schedule was found.
    InfeasibleError
        If there is none.
    """
    started = time.perf_counter()
    program = assemble(instance, tariff)
    program.low[program.columns["peak"].start] = least_peak_kw
    build_seconds = time.perf_counter() - started
    solution = solve_arrays(program, time_limit_s=time_limit_s)
    if solution is None:
        raise NotApplicable(f"no schedule was found within {time_limit_s:g} s")
    flows = instance.load_kwh.shape
    decision = schedule(
        instance,
        program.scatter("content", solution.point, instance.state_low_kwh.shape),
        program.scatter("service", solution.point, instance.request_limit_kwh.shape),
        curtailed_kwh=program.scatter("curtailed", solution.point, flows),
        lost_kwh=program.scatter("lost", solution.point, flows),
        spilled_kwh=program.scatter("spilled", solution.point, flows),
    )
    return Answer(decision, _prices(instance, program, solution), solution.status, {}, build_seconds)


def _prices(instance: SchedulingInstance, program: LinearProgram, solution: ArraySolution) -> SchedulingPrices:
    def dual(name: str) -> np.ndarray:
        row = program.rows[name]
        return solution.duals[row.start : row.stop]

    energy = dual("community_is_balanced")
    member = None
    limits = [program.rows[name] for name in ("members_import_within_limits", "members_export_within_limits")]
    if any(len(one.at) for one in limits):
        member = np.repeat(energy[:, None], len(instance.member), axis=1)
        for one in limits:
            member[tuple(one.at.T)] -= solution.duals[one.start : one.stop]
    return SchedulingPrices(
        instance=instance,
        energy_price=energy,
        member_price=member,
        water_value=-dual("contents_follow_from_flows").reshape(instance.charge_limit_kwh.shape),
        peak_value=np.maximum(-dual("peak_covers_import"), 0.0),
    )
