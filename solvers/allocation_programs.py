"""Runs of the allocation programs over all intervals: build, solve, and put the answer into the feasible set exactly.

Solvers keep constraints to a tolerance, the rules to their own: an interior point may stick out by 1e-8. So every
answer is clipped to 0 ≤ x ≤ E and, where its sum still exceeds what is available, scaled down; prices are clipped at 0.
Before, an interior point's shares within 1e-4 of a limit are put onto it (:func:`.snap_to_limits`), since the rules
count who is served in full. Nothing else is scaled up, and the rules value what is left. Intervals in which nobody
asks, or nothing is available, need no solver. A time limit is one for the whole run: the intervals that it leaves out
give nothing to anyone, and enter the bound with what the data alone allow. The integer programs are run by
:mod:`.allocation_integer_programs`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..instances.allocation import AllocationInstance
from ..instances.errors import NotApplicable
from ..models.allocation import program
from .allocation_runs import Run, into_feasible_set, snap_to_limits
from .program_runs import NOT_STARTED, OutcomeSum, Part, Watch, run_in_turn, stated_and_solved
from .programs import Outcome, SolverError, solve_cvxpy, solve_pyomo
from .status import Status

EXACT_QP = {"qp_regularization_value": 0.0}
"""HiGHS adds 1e-7 to the Hessian by default; these are positive definite and need none."""

SHORT_STEPS = {"max_step_fraction": 0.95}
"""Shorter steps of the interior-point method, for the rare case in which it gets stuck on its usual path."""


def run_social_welfare_log(
    instance: AllocationInstance, *, time_limit_s: float | None = None, equal: bool = False
) -> Run:
    """Social welfare by its logarithmic program (Clarabel), interval by interval.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    time_limit_s : float, optional
        For all intervals together.
    equal : bool
        Count every household alike (the social welfare ratio).

    Returns
    -------
    Run
        Where less than about 1e-3 of the needs is available, the logarithm is so nearly straight that its price, and
        with it the bound, loses digits (a gap of 2e-6 at 1e-5); the energies do not.
    """

    def attempts(t: int) -> Iterator[_Attempt]:
        for of in ("need", "reach"):
            units = program.welfare_units(instance, t, equal=equal, of=of)
            for options in ({}, SHORT_STEPS):
                build = partial(program.build_social_welfare, instance, t, equal=equal, of=of)
                yield _conic_attempt(instance, t, build, *units, options)

    weight = _weights(instance, equal=equal)
    price_of_none = program.welfare_price(_lowest_height(instance, weight))
    return _run_conic(instance, time_limit_s, attempts, weight.sum(axis=1), price_of_none, to_zero=True)


def run_swr_log(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Run:
    """The social welfare ratio by its logarithmic program: :func:`run_social_welfare_log` with equal weights."""
    return run_social_welfare_log(instance, time_limit_s=time_limit_s, equal=True)


def run_fairness_root(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Run:
    """Weighted fairness Σ √(w x) by its conic program (Clarabel), interval by interval.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    time_limit_s : float, optional
        For all intervals together.

    Returns
    -------
    Run
    """

    def attempts(t: int) -> Iterator[_Attempt]:
        unit = program.largest_share(instance, t)
        scale = float(np.sqrt(instance.weight[program.receivers(instance, t)] * unit).mean())
        for options in ({}, SHORT_STEPS):
            yield _conic_attempt(instance, t, partial(program.build_fairness, instance, t), unit, scale, options)

    full = np.sqrt(_weights(instance) * instance.requested_kwh).sum(axis=1)
    price_of_none = program.fairness_price(instance, np.zeros(len(instance.interval)))
    return _run_conic(instance, time_limit_s, attempts, full, price_of_none, to_zero=False)


def _weights(instance: AllocationInstance, *, equal: bool = False) -> np.ndarray:
    """Weights of the receivers of each interval, (T, n), or 1 for each of them; 0 for all others."""
    return np.where(instance.requested_kwh > 0, 1.0 if equal else instance.weight, 0.0)


def _lowest_height(instance: AllocationInstance, weight: np.ndarray) -> np.ndarray:
    """The least E/w of each interval, (T,): the water level at which energy begins to flow; infinite if nobody asks."""
    asked = instance.requested_kwh
    return np.divide(asked, weight, out=np.full_like(asked, np.inf), where=asked > 0).min(axis=1)


class _Attempt(NamedTuple):
    """One way to state an interval's program, to solve it in the time left, and to read energies and their worth."""

    build: Callable[[], Any]
    solve: Callable[[Any, Watch], Outcome]
    read: Callable[[Any, Outcome], _Reading]


class _Reading(NamedTuple):
    """Energies of an interval's receivers in kWh, and what they are worth: a price or the level that determines it."""

    energy_kwh: np.ndarray
    worth: float


def _first_accurate(attempts: Iterable[_Attempt], watch: Watch) -> tuple[Outcome, _Reading | None]:
    """Try until the solver reaches its full accuracy; else the last answer of reduced accuracy.

    Raises
    ------
    SolverError
        If every attempt failed.
    """
    found: tuple[Outcome, _Reading | None] | None = None
    failure = None
    for attempt in attempts:
        try:
            stated, outcome = stated_and_solved(watch, attempt.build, attempt.solve)
        except SolverError as error:
            failure = error
            continue
        if not outcome.has_solution:
            # No time is left, so that no other attempt could do better.
            return found or (outcome, None)
        found = outcome, attempt.read(stated, outcome)
        if outcome.status is Status.OPTIMAL:
            break
    if found is None and failure is not None and not watch.over():
        raise failure
    return found or (NOT_STARTED, None)


def _conic_attempt(
    instance: AllocationInstance,
    t: int,
    build: Callable[[], Any],
    share_unit: np.ndarray,
    objective_unit: float,
    options: Mapping[str, Any],
) -> _Attempt:
    """A program in shares, with the units of a share (kWh) and of the objective."""

    def solve(problem: Any, watch: Watch) -> Outcome:
        outcome = solve_cvxpy(problem, time_limit_s=watch.left(), **options)
        return replace(outcome, objective=outcome.objective * objective_unit, bound=outcome.bound * objective_unit)

    def read(problem: Any, outcome: Outcome) -> _Reading:
        price = outcome.dual(problem.constraints[0]) * objective_unit / instance.available_kwh[t]
        return _Reading(problem.var_dict["share"].value * share_unit, max(0.0, price))

    return _Attempt(build, solve, read)


def _run_conic(
    instance: AllocationInstance,
    time_limit_s: float | None,
    attempts: Callable[[int], Iterator[_Attempt]],
    full: np.ndarray,
    price_of_none: np.ndarray,
    *,
    to_zero: bool,
) -> Run:
    """Solve a program in shares for each interval; by interval, the value of full service and the price of none."""

    def solve(t: int, watch: Watch) -> Part[_Reading | None]:
        try:
            outcome, found = _first_accurate(attempts(t), watch)
        except SolverError as error:
            raise SolverError(f"interval {instance.interval[t]}: {error}") from error
        return Part(outcome, found, objective=0.0, bound=float(full[t]))

    x, price = np.zeros_like(instance.requested_kwh), np.where(instance.available_kwh == 0.0, price_of_none, 0.0)
    readings, outcome = run_in_turn(np.flatnonzero(instance.deliverable_kwh > 0).tolist(), time_limit_s, solve)
    plenty = _plenty(instance)
    for t, reading in readings.items():
        if reading is None:
            continue
        x[t, program.receivers(instance, t)] = reading.energy_kwh
        x[t] = snap_to_limits(x[t], instance.requested_kwh[t], instance.available_kwh[t], to_zero=to_zero)
        price[t] = 0.0 if plenty[t] else reading.worth
    return Run(into_feasible_set(instance, x), price, outcome)


def _plenty(instance: AllocationInstance) -> np.ndarray:
    """Whether all requests of an interval can be met, (T,), so that a further kWh is worth nothing."""
    return instance.available_kwh >= instance.requested_kwh.sum(axis=1)


def run_water_filling_qp(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Run:
    """Water-filling by its quadratic program (HiGHS), with the prices of social welfare 1/(L ln 2).

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    time_limit_s : float, optional
        For all intervals together.

    Returns
    -------
    Run

    Raises
    ------
    NotApplicable
        If HiGHS fails on an interval in every unit of energy tried.
    """
    solve = partial(_solve_qp, instance, program.build_water_filling)
    level_of_none = _lowest_height(instance, instance.weight)
    return _run_levels(instance, time_limit_s, solve, level_of_none, program.welfare_price)


def run_game_theoretic_qp(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Run:
    """The game-theoretic allocation by its quadratic program (HiGHS), with the prices of fairness ½ t^(−½).

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    time_limit_s : float, optional
        For all intervals together.

    Returns
    -------
    Run

    Raises
    ------
    NotApplicable
        If HiGHS fails on an interval in every unit of energy tried.
    """
    solve = partial(_solve_qp, instance, program.build_game_theoretic)
    return _run_levels(instance, time_limit_s, solve, 0.0, partial(program.fairness_price, instance))


def _run_levels(
    instance: AllocationInstance,
    time_limit_s: float | None,
    solve: Callable[[int, Watch], Part[_Reading | None]],
    level_of_none: np.ndarray | float,
    price_of: Callable[[np.ndarray], np.ndarray],
) -> Run:
    """Solve each interval of scarce energy and price energy by its level; where all are served, it has none."""
    plenty = _plenty(instance)
    x = np.where(plenty[:, None], instance.requested_kwh, 0.0)
    level = np.where(instance.available_kwh == 0.0, level_of_none, np.inf)
    scarce = np.flatnonzero((instance.deliverable_kwh > 0) & ~plenty).tolist()
    readings, outcome = run_in_turn(scarce, time_limit_s, solve)
    for t, reading in readings.items():
        if reading is not None:
            x[t, program.receivers(instance, t)], level[t] = reading
    return Run(into_feasible_set(instance, x), price_of(level), replace(outcome, objective=math.nan, bound=math.nan))


def _qp_units(instance: AllocationInstance, t: int) -> tuple[float, ...]:
    """Units of energy to try in turn: the mean of what is within reach, then such that the least of it is near 1."""
    least = float(program.largest_share(instance, t).min())
    return program.energy_unit(instance, t), least, 3.0 * least, 0.1 * least, 1e-3 * least


def _solve_qp(instance: AllocationInstance, build: Callable[..., Any], t: int, watch: Watch) -> Part[_Reading | None]:
    """Try one unit of energy after the other until HiGHS solves the interval; else the last unproved answer.

    Where requests differ by decades, the active-set method now and then starts from a point that it finds infeasible
    itself, by its absolute tolerances, and gives up. In another unit it does not. (No other option helps: wider
    tolerances let it return wrong answers as optimal.)

    Raises
    ------
    NotApplicable
        If every attempt failed, naming the interval and the solver's reason.
    """
    attempts = (
        _Attempt(partial(build, instance, t, unit_kwh=unit), _solve_squares, partial(_read_squares, instance, t, unit))
        for unit in _qp_units(instance, t)
    )
    try:
        return Part(*_first_accurate(attempts, watch))
    except SolverError as error:
        reason = f"in no unit of energy HiGHS succeeds: {error}"
        raise NotApplicable(f"interval {instance.interval[t]}: {reason}") from error


def _solve_squares(model: Any, watch: Watch) -> Outcome:
    # The active-set method has no safeguard against cycling of its own.
    pivots = 1000 + 20 * len(model.household)
    return solve_pyomo(model, time_limit_s=watch.left(), duals=True, qp_iteration_limit=pivots, **EXACT_QP)


def _read_squares(instance: AllocationInstance, t: int, unit: float, model: Any, outcome: Outcome) -> _Reading:
    """Energies, and the level that the dual of the balance is; an unproved one stands for no price."""
    level = 0.0
    if outcome.status is Status.OPTIMAL:
        level = outcome.dual(model.all_that_is_deliverable_is_given) * unit / program.weight_unit(instance, t)
    energy_kwh = np.array([model.energy[k].value for k in model.household]) * unit
    return _Reading(energy_kwh, level if level > 0 else math.inf)


def run_max_min_lp(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Run:
    """Lexicographic max-min of x/w by a sequence of linear programs (HiGHS): the game-theoretic allocation again.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    time_limit_s : float, optional
        For all intervals together. An interval that is cut short keeps the households settled by then.

    Returns
    -------
    Run
        With the prices of fairness, from the highest level reached.
    """

    def solve(t: int, watch: Watch) -> Part[_Reading | None]:
        who, rounds = program.receivers(instance, t), OutcomeSum()
        settled: dict[int, float] = {}
        level = math.inf
        while len(settled) < who.size:
            build = partial(program.build_max_min, instance, t, settled)
            model, outcome = stated_and_solved(watch, build, _solve_round)
            rounds.add(outcome)
            if model is None or outcome.status is not Status.OPTIMAL:
                break
            level = model.level.value * program.energy_unit(instance, t) / program.weight_unit(instance, t)
            settled.update(_settled_now(instance, t, model, outcome, level))
        energy_kwh = np.array([settled.get(k, 0.0) for k in who.tolist()])
        return Part(rounds.outcome(), _Reading(energy_kwh, level if level > 0 else math.inf))

    return _run_levels(instance, time_limit_s, solve, 0.0, partial(program.fairness_price, instance))


def _solve_round(model: Any, watch: Watch) -> Outcome:
    return solve_pyomo(model, time_limit_s=watch.left(), duals=True)


def _settled_now(instance: AllocationInstance, t: int, model: Any, outcome: Outcome, level: float) -> dict[int, float]:
    """Households that hold the level down in every optimum: their dual is negative, or they have all they asked."""
    duals = outcome.dual(model.unsettled_households_reach_the_level)
    largest = max(abs(dual) for dual in duals.values())
    asked, weight = instance.requested_kwh[t], instance.weight
    return {
        k: min(asked[k], weight[k] * level)
        for k, dual in duals.items()
        if abs(dual) > 1e-9 * largest or asked[k] <= weight[k] * level
    }
