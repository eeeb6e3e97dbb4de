"""Runs of the integer programs of allocation: counts of those served, and of pairs.

HiGHS' tree proves ``outcome.bound``. There are no prices: an integer program has no duals. Who is served gets all of
its request, or as little less as it takes to be feasible where the program counts on the rules' tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..instances.allocation import AllocationInstance
from ..instances.errors import InfeasibleError, NotApplicable
from ..models.allocation import integer_program, program
from ..models.problem import TOLERANCE
from .allocation_runs import Pairs, Run
from .heuristics.allocation import pair_up
from .program_runs import OutcomeSum, Part, Watch, built_in, run_in_turn, stated_and_solved, timed
from .programs import Outcome, SolverError, solve_pyomo
from .status import Status

TIGHT_MILP: dict[str, Any] = {
    "mip_feasibility_tolerance": 1e-10,
    "primal_feasibility_tolerance": 1e-10,
    "mip_rel_gap": 0.0,
}
"""By default HiGHS lets a row be exceeded by 1e-6, enough to serve one consumer too many."""


DUST = 1e-14
"""Transfers below this share of what is available are a solver's rounding and no pairs."""


def run_fully_served_milp(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Run:
    """The largest number of consumers served in full, by an integer program (HiGHS) for each interval.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    time_limit_s : float, optional
        For all intervals together.

    Returns
    -------
    Run
        Without prices; ``outcome.bound`` is proved by the solver's tree, and by the number of consumers where it did
        not start.
    """

    def solve(t: int, watch: Watch) -> Part[np.ndarray]:
        content, x = integer_program.content(instance, t), np.zeros(len(instance.household))
        if instance.deliverable_kwh[t] == 0.0:
            return Part(Outcome(Status.OPTIMAL, content, content, 0.0, 0.0), x)
        build = partial(integer_program.build_fully_served, instance, t)
        model, outcome = stated_and_solved(watch, build, _solve_count)
        if model is not None and outcome.has_solution:
            served = [k for k in model.household if model.is_served[k].value > 0.5]
            x = _serve(instance, t, served)
            outcome = _recounted(outcome, len(served) - int(np.count_nonzero(x)))
        return Part(outcome, x, objective=content, bound=content + program.receivers(instance, t).size)

    found, outcome = run_in_turn(range(len(instance.interval)), time_limit_s, solve)
    x = np.zeros_like(instance.requested_kwh)
    for t, energy_kwh in found.items():
        x[t] = energy_kwh
    return Run(x, None, outcome)


def _solve_count(model: Any, watch: Watch) -> Outcome:
    """Solve a program that counts those served, which the choice of nobody always satisfies.

    Where requests miss what is available by a few 1e-10, HiGHS' presolve rounds one too many in and the solver then
    finds itself infeasible; without presolve it does not.
    """
    try:
        outcome = solve_pyomo(model, time_limit_s=watch.left(), **TIGHT_MILP)
    except (InfeasibleError, SolverError):
        outcome = solve_pyomo(model, time_limit_s=watch.left(), presolve="off", **TIGHT_MILP)
    return _whole(outcome)


def _serve(instance: AllocationInstance, t: int, served: Sequence[int]) -> np.ndarray:
    """Energy of one interval, (n,) kWh, that the rules count as full service of as many of these as is feasible.

    The solver keeps its row to 1e-10, so in rare cases one too many is named; the largest request is then left out.
    """
    asked, available = instance.requested_kwh[t], instance.available_kwh[t]
    smallest_first = np.array(sorted(served, key=asked.__getitem__), dtype=int)
    for count in range(len(served), 0, -1):
        chosen = smallest_first[:count]
        # All that they ask for if it fits, else alike less of it, as far as it counts as full service.
        part = max(min(1.0, available / asked[chosen].sum()), 1.0 - TOLERANCE)
        x = np.zeros_like(asked)
        x[chosen] = asked[chosen] * part
        if x.sum() <= integer_program.most_to_give(instance)[t]:
            return x
    return np.zeros_like(asked)


def _recounted(outcome: Outcome, left_out: int) -> Outcome:
    """The outcome of a count of which some could not be served after all; then its bound is not reached."""
    if not left_out:
        return outcome
    status = Status.FEASIBLE if outcome.status is Status.OPTIMAL else outcome.status
    return replace(outcome, status=status, objective=outcome.objective - left_out)


def _whole(outcome: Outcome, *, up: bool = False) -> Outcome:
    """The outcome of a count: its objective is whole, and so is its bound."""
    objective = float(round(outcome.objective)) if outcome.has_solution else math.nan
    bound = outcome.bound
    if math.isfinite(bound):
        bound = float(math.ceil(bound - 1e-6) if up else math.floor(bound + 1e-6))
    return replace(outcome, objective=objective, bound=bound)


def run_unique_served_milp(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Run:
    """The largest number of households served in full at least once, by one integer program (HiGHS) over all intervals.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    time_limit_s : float, optional
        For the program.

    Returns
    -------
    Run
        Without prices; ``outcome.bound`` is proved by the solver's tree.
    """
    watch = Watch.start(time_limit_s)
    x = np.zeros_like(instance.requested_kwh)
    least = float(integer_program.ever_content(instance).sum())
    try:
        model, build_seconds = timed(partial(integer_program.build_unique_served, instance))
    except ValueError:
        return Run(x, None, Outcome(Status.OPTIMAL, least, least, 0.0, 0.0))
    outcome = built_in(_solve_count(model, watch), build_seconds)
    if outcome.has_solution:
        served = [(t, k) for t, k in model.request if model.is_served[t, k].value > 0.5]
        for t in model.interval:
            x[t] = _serve(instance, t, [k for at, k in served if at == t])
        outcome = _recounted(outcome, len(served) - int(np.count_nonzero(x)))
    total = OutcomeSum()
    total.add(outcome, objective=least, bound=least + len(model.household))
    return Run(x, None, total.outcome())


def run_fewest_pairs_milp(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Run:
    """The fewest pairs that deliver all that can be delivered, by an integer program (HiGHS) for each interval.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    time_limit_s : float, optional
        For all intervals together.

    Returns
    -------
    Run
        With pairs and without prices; ``outcome.bound`` is proved by the solver's tree, and is 1 for an interval that
        it did not start. Where it found no solution in time, the largest excess meets the largest request first, which
        delivers all that can be delivered too, if by more pairs.

    Raises
    ------
    NotApplicable
        If some interval can give energy from the controller's store, which no prosumer sends.
    """
    return _run_pairs(instance, time_limit_s, integer_program.build_fewest_pairs, TIGHT_MILP)


def _run_pairs(
    instance: AllocationInstance,
    time_limit_s: float | None,
    build: Callable[[AllocationInstance, int], Any],
    options: dict[str, Any],
) -> Run:
    """Solve a program of transfers for each interval and collect the transfers that carry energy."""
    refuse_store(instance)

    def solve_in_time(model: Any, watch: Watch) -> Outcome:
        return _whole(solve_pyomo(model, time_limit_s=watch.left(), **options), up=True)

    def solve(t: int, watch: Watch) -> Part[list[tuple[int, int, int, float]]]:
        model, outcome = stated_and_solved(watch, partial(build, instance, t), solve_in_time)
        if model is not None and outcome.has_solution:
            unit = instance.available_kwh[t]
            chosen = [p for p in model.pair if not hasattr(model, "is_pair") or model.is_pair[p].value > 0.5]
            rows = [(t, *p, model.energy[p].value * unit) for p in chosen if model.energy[p].value > DUST]
        else:
            rows = _largest_first(instance, t)
        return Part(outcome, rows, objective=len(rows), bound=1.0)

    found, outcome = run_in_turn(np.flatnonzero(instance.deliverable_kwh > 0).tolist(), time_limit_s, solve)
    pairs = _pairs_into_feasible_set(instance, [row for rows in found.values() for row in rows])
    x = np.zeros_like(instance.requested_kwh)
    np.add.at(x, (pairs.interval, pairs.consumer), pairs.energy_kwh)
    return Run(x, None, outcome, pairs)


def _largest_first(instance: AllocationInstance, t: int) -> list[tuple[int, int, int, float]]:
    """Pairs of one interval by the heuristic, when all that can be delivered goes to the largest requests."""
    asked = instance.requested_kwh[t]
    largest_first = np.argsort(-asked, kind="stable")
    request = asked[largest_first]
    x = np.zeros_like(asked)
    x[largest_first] = np.clip(instance.available_kwh[t] - (np.cumsum(request) - request), 0.0, request)
    made = pair_up(x[None], instance.excess_kwh[t : t + 1])
    parties = zip(made.pair_prosumer.tolist(), made.pair_consumer.tolist(), made.pair_kwh.tolist(), strict=True)
    return [(t, i, j, energy_kwh) for i, j, energy_kwh in parties]


def run_transport_lp(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Run:
    """Pairs by the transport program (HiGHS) of each interval, the linear relaxation of the fewest pairs.

    A vertex of the transport polytope uses at most one pair less than there are givers and takers together.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    time_limit_s : float, optional
        For all intervals together.

    Returns
    -------
    Run
        With pairs and without prices; ``outcome.bound`` is a lower bound on the number of pairs, each interval's
        optimum rounded up, and 1 for an interval that it did not start.

    Raises
    ------
    NotApplicable
        If some interval can give energy from the controller's store, which no prosumer sends.
    """
    return _run_pairs(instance, time_limit_s, integer_program.build_transport, {})


def refuse_store(instance: AllocationInstance) -> None:
    """Raise where pairs would have to send energy out of the controller's store.

    Raises
    ------
    NotApplicable
        Naming the first such interval.
    """
    stored = np.flatnonzero(instance.stored_kwh[:-1] > 0.0)
    if stored.size:
        t = stored[0]
        amount = f"{instance.stored_kwh[t]:.6g} kWh"
        raise NotApplicable(
            f"interval {instance.interval[t]}: {amount} come from the store, and no prosumer sends them in a pair"
        )


def _pairs_into_feasible_set(instance: AllocationInstance, rows: Sequence[tuple[int, int, int, float]]) -> Pairs:
    """Scale transfers down until no prosumer gives more than its excess and no consumer takes more than it lacks."""
    t, i, j = (np.array([row[at] for row in rows], dtype=int) for at in range(3))
    energy = np.array([row[3] for row in rows], dtype=float)
    for member, limit in ((i, instance.excess_kwh), (j, instance.requested_kwh)):
        total = np.zeros_like(limit)
        np.add.at(total, (t, member), energy)
        room = np.divide(limit, total, out=np.ones_like(limit), where=total > limit)
        energy = energy * room[t, member]
    return Pairs(t, i, j, energy)
