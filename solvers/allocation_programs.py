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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..instances.allocation import AllocationInstance
from ..instances.errors import NotApplicable
from ..models.allocation import program
from .program_runs import NOT_STARTED, OutcomeSum, Pairs, Watch, built_in, into_feasible_set, snap_to_limits, timed
from .programs import Outcome, SolverError, solve_cvxpy, solve_pyomo
from .status import Status

EXACT_QP = {"qp_regularization_value": 0.0}
"""HiGHS adds 1e-7 to the Hessian by default; these are positive definite and need none."""

SHORT_STEPS = {"max_step_fraction": 0.95}
"""Shorter steps of the interior-point method, for the rare case in which it gets stuck on its usual path."""

PRICE_GAP = 1e-16
"""With nothing to share the price of fairness is unbounded; one that leaves this relative gap stands for it."""


class Run(NamedTuple):
    """What a program answers over all intervals.

    Parameters
    ----------
    allocated_kwh : (T, n) array, kWh
        Feasible by the rules.
    energy_price : (T,) array, criterion per kWh, or None
        Prices that prove a weak-duality bound; None where the program has none.
    outcome : Outcome
        Sums over the intervals. ``objective`` and ``bound`` are in the criterion's unit for the welfare and counting
        programs, and NaN for the rest, whose objectives are no criterion.
    pairs : Pairs, optional
        Who gives to whom.
    """

    allocated_kwh: np.ndarray
    energy_price: np.ndarray | None
    outcome: Outcome
    pairs: Pairs | None = None


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
                yield _Attempt(build, *units, options)

    def trivial(t: int) -> tuple[float, float]:
        weight = _weights(instance, t, equal=equal)
        asked = instance.requested_kwh[t, program.receivers(instance, t)]
        return weight.sum(), (weight / asked).max() / program.LN2

    return _run_conic(instance, time_limit_s, attempts, trivial, to_zero=True)


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
        scale = float(np.sqrt(_weights(instance, t) * unit).mean())
        for options in ({}, SHORT_STEPS):
            yield _Attempt(partial(program.build_fairness, instance, t), unit, scale, options)

    return _run_conic(instance, time_limit_s, attempts, lambda t: _without_supply(instance, t), to_zero=False)


def _without_supply(instance: AllocationInstance, t: int) -> tuple[float, float]:
    """The most that fairness could be, and a price that stands for the unbounded one where nothing is available."""
    weight = _weights(instance, t)
    most = float(np.sqrt(weight * instance.requested_kwh[t, program.receivers(instance, t)]).sum())
    return most, weight.sum() / (4.0 * PRICE_GAP * most)


def _weights(instance: AllocationInstance, t: int, *, equal: bool = False) -> np.ndarray:
    weight = instance.weight[program.receivers(instance, t)]
    return np.ones_like(weight) if equal else weight


class _Attempt(NamedTuple):
    """One way to state and solve an interval's conic program, with its units of shares (kWh) and of the objective."""

    build: Callable[[], Any]
    share_unit: np.ndarray
    objective_unit: float
    options: Mapping[str, Any]


class _Answer(NamedTuple):
    """What an attempt found for one interval, in kWh and in the criterion's units."""

    outcome: Outcome
    energy_kwh: np.ndarray | float
    price: float


def _run_conic(
    instance: AllocationInstance,
    time_limit_s: float | None,
    attempts: Callable[[int], Iterator[_Attempt]],
    trivial: Callable[[int], tuple[float, float]],
    *,
    to_zero: bool,
) -> Run:
    """Solve a program in shares for each interval; ``trivial(t)`` is the value of full service, the price of none."""
    watch, total = Watch.start(time_limit_s), OutcomeSum()
    x, price = np.zeros_like(instance.requested_kwh), np.zeros(len(instance.interval))
    for t in range(len(price)):
        who = program.receivers(instance, t)
        if who.size == 0:
            continue
        most, price_of_none = trivial(t)
        if instance.available_kwh[t] == 0.0:
            price[t] = price_of_none
            continue
        answer = _solve_conic(instance, t, attempts(t), watch)
        x[t, who] = answer.energy_kwh
        x[t] = snap_to_limits(x[t], instance.requested_kwh[t], instance.available_kwh[t], to_zero=to_zero)
        price[t] = 0.0 if _plenty(instance, t) else answer.price
        total.add(answer.outcome, objective=0.0, bound=most)
    return Run(into_feasible_set(instance, x), price, total.outcome())


def _solve_conic(instance: AllocationInstance, t: int, attempts: Iterator[_Attempt], watch: Watch) -> _Answer:
    """Try until Clarabel reaches its full accuracy; else the last answer of reduced accuracy.

    Raises
    ------
    SolverError
        If every attempt failed.
    """
    found, failure = None, None
    for attempt in attempts:
        if watch.over():
            break
        problem, build_seconds = timed(attempt.build)
        try:
            outcome = solve_cvxpy(problem, time_limit_s=watch.left(), **attempt.options)
        except SolverError as error:
            failure = error
            continue
        if not outcome.has_solution:
            found = found or _Answer(built_in(outcome, build_seconds), 0.0, 0.0)
            break
        unit = attempt.objective_unit
        energy = problem.var_dict["share"].value * attempt.share_unit
        price = max(0.0, outcome.dual(problem.constraints[0]) * unit / instance.available_kwh[t])
        outcome = replace(outcome, objective=outcome.objective * unit, bound=outcome.bound * unit)
        found = _Answer(built_in(outcome, build_seconds), energy, price)
        if outcome.status is Status.OPTIMAL:
            break
    if found is None and failure is not None and not watch.over():
        raise SolverError(f"interval {instance.interval[t]}: {failure}") from failure
    return found or _Answer(NOT_STARTED, 0.0, 0.0)


def _plenty(instance: AllocationInstance, t: int) -> bool:
    """Whether all requests can be met, so that a further kWh is worth nothing."""
    return bool(instance.available_kwh[t] >= instance.requested_kwh[t].sum())


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

    def highest_price(t: int) -> float:
        asked = instance.requested_kwh[t, program.receivers(instance, t)]
        return (_weights(instance, t) / asked).max() / program.LN2

    return _run_qp(instance, time_limit_s, program.build_water_filling, program.welfare_price, highest_price)


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

    def highest_price(t: int) -> float:
        return _without_supply(instance, t)[1]

    return _run_qp(instance, time_limit_s, program.build_game_theoretic, program.fairness_price, highest_price)


def _run_qp(
    instance: AllocationInstance,
    time_limit_s: float | None,
    build: Callable[..., Any],
    price_of: Callable[[float], float],
    highest_price: Callable[[int], float],
) -> Run:
    """Solve a quadratic program for each interval and price energy by the level, the dual of its balance."""
    watch, total = Watch.start(time_limit_s), OutcomeSum()
    x, price = np.zeros_like(instance.requested_kwh), np.zeros(len(instance.interval))
    for t in range(len(price)):
        who = program.receivers(instance, t)
        if not who.size:
            continue
        if instance.available_kwh[t] == 0.0:
            price[t] = highest_price(t)
            continue
        if _plenty(instance, t):
            x[t] = instance.requested_kwh[t]
            continue
        answer = _solve_qp(instance, t, build, price_of, watch)
        x[t, who], price[t] = answer.energy_kwh, answer.price
        total.add(answer.outcome)
    return Run(into_feasible_set(instance, x), price, replace(total.outcome(), objective=math.nan, bound=math.nan))


def _qp_units(instance: AllocationInstance, t: int) -> tuple[float, ...]:
    """Units of energy to try in turn: the mean of what is within reach, then such that the least of it is near 1."""
    least = float(program.largest_share(instance, t).min())
    return program.energy_unit(instance, t), least, 3.0 * least, 0.1 * least, 1e-3 * least


def _solve_qp(
    instance: AllocationInstance, t: int, build: Callable[..., Any], price_of: Callable[[float], float], watch: Watch
) -> _Answer:
    """Try one unit of energy after the other until HiGHS solves the interval; else the last unproved answer.

    Where requests differ by decades, the active-set method now and then starts from a point that it finds infeasible
    itself, by its absolute tolerances, and gives up. In another unit it does not. (No other option helps: wider
    tolerances let it return wrong answers as optimal.)

    Raises
    ------
    NotApplicable
        If every attempt failed, naming the interval and the solver's reason.
    """
    found, failure = None, None
    for unit in _qp_units(instance, t):
        if watch.over():
            break
        model, build_seconds = timed(partial(build, instance, t, unit_kwh=unit))
        # The active-set method has no safeguard against cycling of its own.
        pivots = 1000 + 20 * len(model.household)
        try:
            outcome = solve_pyomo(model, time_limit_s=watch.left(), duals=True, qp_iteration_limit=pivots, **EXACT_QP)
        except SolverError as error:
            failure = error
            continue
        if not outcome.has_solution:
            found = found or _Answer(built_in(outcome, build_seconds), 0.0, 0.0)
            break
        energy, price = np.array([model.energy[k].value for k in model.household]) * unit, 0.0
        if outcome.status is Status.OPTIMAL:
            level = outcome.dual(model.all_that_is_deliverable_is_given) * unit / program.weight_unit(instance, t)
            price = price_of(level) if level > 0 else 0.0
        found = _Answer(built_in(outcome, build_seconds), energy, price)
        if outcome.status is Status.OPTIMAL:
            break
    if found is None and failure is not None and not watch.over():
        raise NotApplicable(f"interval {instance.interval[t]}: in no unit of energy HiGHS succeeds: {failure}")
    return found or _Answer(NOT_STARTED, 0.0, 0.0)


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
    watch, total = Watch.start(time_limit_s), OutcomeSum()
    x, price = np.zeros_like(instance.requested_kwh), np.zeros(len(instance.interval))
    for t in range(len(price)):
        who = program.receivers(instance, t)
        if not who.size:
            continue
        if instance.available_kwh[t] == 0.0:
            price[t] = _without_supply(instance, t)[1]
            continue
        if _plenty(instance, t):
            x[t] = instance.requested_kwh[t]
            continue
        settled: dict[int, float] = {}
        level = 0.0
        while len(settled) < who.size:
            outcome = NOT_STARTED
            if not watch.over():
                model, build_seconds = timed(partial(program.build_max_min, instance, t, settled))
                outcome = solve_pyomo(model, time_limit_s=watch.left(), duals=True)
                outcome = built_in(outcome, build_seconds)
            total.add(outcome)
            if outcome.status is not Status.OPTIMAL:
                break
            level = model.level.value * program.energy_unit(instance, t) / program.weight_unit(instance, t)
            settled.update(_settled_now(instance, t, model, outcome, level))
        x[t, list(settled)] = list(settled.values())
        price[t] = program.fairness_price(level) if level > 0 else 0.0
    return Run(into_feasible_set(instance, x), price, replace(total.outcome(), objective=math.nan, bound=math.nan))


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
