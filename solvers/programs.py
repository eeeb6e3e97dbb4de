"""The one place that calls a solver, and the one gate behind which variables may be read.

A program passes through :func:`solve_pyomo` (LP, QP and MILP by HiGHS) or :func:`solve_cvxpy` (cones by Clarabel). Both
return an :class:`Outcome` in the same words and with the same sign of duals, and both raise where there is nothing to
read. Four habits of the libraries made this gate necessary: an unbounded LP may come back with a "feasible" point,
variables keep their values from an earlier solve after a failed one, unknown options and components (complementarity,
disjunctions) are passed over in silence, and the two libraries disagree on the sign of duals.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..instances.errors import InfeasibleError
from .highs import quiet_highs
from .status import Status

if TYPE_CHECKING:
    import cvxpy as cp
    import pyomo.environ as pyo

HIGHS_DEFAULTS: Mapping[str, Any] = {"threads": 1, "mip_rel_gap": 0.0}
"""One thread, so that the same program gives the same answer; no relative gap, so that optimal means optimal.

The absolute gap stays at HiGHS' own 1e-6 in the objective's unit.
"""

TIGHT_CONES: Mapping[str, Any] = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}
"""Rules judge energies to 1e-9 and regret to 1e-7; Clarabel's own 1e-8 leaves gaps of up to 4e-6 on small instances."""

GAP = 1e-6
"""Relative distance of incumbent and bound up to which a MILP counts as solved to optimality."""

UNDERSTOOD = {
    "Block",
    "Constraint",
    "ConstraintList",
    "Expression",
    "Objective",
    "Param",
    "RangeSet",
    "Set",
    "SetOf",
    "Suffix",
    "Var",
    "VarList",
}
"""Pyomo components that reach HiGHS; whatever else is active in a model would be dropped without a word."""


class SolverError(RuntimeError):
    """The solver failed or proved nothing; no variable was read."""

    status = Status.ERROR


class UnboundedError(SolverError):
    """The program has no finite optimum: a constraint is missing or a sign is wrong."""

    status = Status.UNBOUNDED


@dataclass(frozen=True)
class Outcome:
    """What a solver achieved.

    Parameters
    ----------
    status : Status
        ``OPTIMAL``; ``FEASIBLE`` where a point was found but not proved (reduced accuracy, a limit other than time, a
        gap that was asked for); ``TIME_LIMIT``.
    objective : float
        Value of the point that the program's variables now hold, NaN if there is none.
    bound : float
        What no feasible point can beat by the solver's own account: its tree for a MILP, the optimum otherwise; −inf
        (minimisation) or inf (maximisation) where it proved nothing.
    seconds : float
        Time in the solver.
    build_seconds : float
        Time spent on translating the program for the solver.
    duals : mapping
        Constraints and their duals by the constraint's ``id``; use :meth:`dual` to read them.
    """

    status: Status
    objective: float
    bound: float
    seconds: float
    build_seconds: float
    duals: Mapping[int, tuple[Any, Any]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_solution(self) -> bool:
        """Whether the program's variables hold a feasible point."""
        return not math.isnan(self.objective)

    def dual(self, constraint: Any) -> Any:
        """d(objective)/d(right-hand side) of a constraint, the same sign for =, ≤ and ≥, Pyomo and CVXPY.

        Parameters
        ----------
        constraint : Pyomo or CVXPY constraint
            Of the program that was solved. The right-hand side is its constant side, wherever it is written; of a
            Pyomo range constraint it is the side that binds.

        Returns
        -------
        float, dict or numpy.ndarray
            A float for a scalar constraint, a dict by index for an indexed Pyomo one, an array for a CVXPY one.

        Raises
        ------
        ValueError
            If the solve has no duals, or none for this constraint.
        """
        if not self.duals:
            raise ValueError(f"this outcome ({self.status}) has no duals; ask for them with duals=True")
        if hasattr(constraint, "is_indexed") and constraint.is_indexed():
            return {index: self.dual(constraint[index]) for index in constraint}
        if id(constraint) not in self.duals:
            raise ValueError(f"no dual of {constraint}: it is inactive, no linear constraint or without constant side")
        return self.duals[id(constraint)][1]


def solve_pyomo(
    model: pyo.ConcreteModel, *, time_limit_s: float | None = None, duals: bool = False, **options: Any
) -> Outcome:
    """Solve an LP, convex QP or MILP by HiGHS and load the best point found into its variables.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        With one active objective. Without a solution its free variables are emptied, so that no old value is taken
        for a new one.
    time_limit_s : float, optional
        For translating and solving together.
    duals : bool
        Whether duals are read; a program with integer variables has none (see :func:`fix_integers`).
    **options
        Options of HiGHS over :data:`HIGHS_DEFAULTS`.

    Returns
    -------
    Outcome

    Raises
    ------
    InfeasibleError, UnboundedError, SolverError
        If there is nothing to read.
    ValueError
        For a model that HiGHS would not see in full, an unknown option, or duals of integer variables.
    """
    from pyomo.contrib.solver.common.factory import SolverFactory

    objective, discrete = refuse_what_is_not_seen(model)
    if duals and discrete:
        raise ValueError("a program with integer variables has no duals; fix them first (fix_integers)")
    chosen = {**HIGHS_DEFAULTS, **options}
    quiet_highs(**chosen)  # raises for an option that HiGHS would ignore
    started = time.perf_counter()
    solver = SolverFactory("highs")
    # A model passes here once, so looking for changes between two solves would only cost time.
    for update in list(solver.config.auto_updates):
        solver.config.auto_updates[update] = False
    solver.set_instance(model)
    build_seconds = time.perf_counter() - started
    remaining = None if time_limit_s is None else max(0.0, time_limit_s - build_seconds)
    results = solver.solve(
        model,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
        time_limit=remaining,
        solver_options=chosen,
    )
    seconds = time.perf_counter() - started - build_seconds
    return read_results(model, objective, results, discrete, (seconds, build_seconds), duals=duals)


def read_results(
    model: pyo.ConcreteModel,
    objective: Any,
    results: Any,
    discrete: bool,
    seconds: tuple[float, float],
    *,
    duals: bool = False,
    solver: str = "HiGHS",
) -> Outcome:
    """Judge what a solver of Pyomo's brought back and load its point, if it is worth it.

    Parameters
    ----------
    model, objective, results
        The program, its active objective, and Pyomo's results, not loaded yet.
    discrete : bool
        Whether optimality is a matter of incumbent and bound.
    seconds : (float, float)
        In the solver, and of translating.
    duals : bool
        Whether duals are read.
    solver : str
        Its name, for errors.

    Returns
    -------
    Outcome

    Raises
    ------
    InfeasibleError, UnboundedError, SolverError
        If there is nothing to read.
    """
    import pyomo.environ as pyo

    worst = -math.inf if objective.sense == pyo.minimize else math.inf
    for variable in model.component_data_objects(pyo.Var):
        if not variable.fixed:
            variable.set_value(None)
    status = _pyomo_status(model, objective, results, discrete, solver)
    if results.incumbent_objective is None:
        return Outcome(status, math.nan, _bound(results, worst), *seconds)
    results.solution_loader.load_vars()
    found: dict[int, tuple[Any, Any]] = {}
    if duals and status is Status.OPTIMAL:
        found = {id(row): (row, value) for row, value in results.solution_loader.get_duals().items()}
    return Outcome(status, results.incumbent_objective, _bound(results, worst), *seconds, found)


def _bound(results: Any, worst: float) -> float:
    return worst if results.objective_bound is None else float(results.objective_bound)


def _pyomo_status(model: pyo.ConcreteModel, objective: Any, results: Any, discrete: bool, solver: str) -> Status:
    """The gate: what a solver's answer is worth, or an error where nothing may be read."""
    from pyomo.contrib.solver.common.results import SolutionStatus, TerminationCondition

    condition, found = results.termination_condition, results.solution_status
    if condition is TerminationCondition.infeasibleOrUnbounded:
        condition = _infeasible_or_unbounded(model, objective)
    if condition is TerminationCondition.provenInfeasible:
        raise InfeasibleError(f"the program {model.name} is infeasible: no point satisfies all of its constraints")
    if condition is TerminationCondition.unbounded:
        raise UnboundedError(f"the program {model.name} is unbounded: its objective {objective.name} has no limit")
    if condition is TerminationCondition.maxTimeLimit:
        return Status.TIME_LIMIT
    if condition is TerminationCondition.convergenceCriteriaSatisfied and found is SolutionStatus.optimal:
        value, bound = results.incumbent_objective, results.objective_bound
        proved = not discrete or bound is None or abs(bound - value) <= GAP * max(1.0, abs(value))
        return Status.OPTIMAL if proved else Status.FEASIBLE
    limits = (TerminationCondition.iterationLimit, TerminationCondition.objectiveLimit)
    if condition in limits and found is SolutionStatus.feasible:
        return Status.FEASIBLE
    tail = " | ".join((results.solver_log or "").strip().splitlines()[-6:])
    raise SolverError(f"{solver} failed on the program {model.name} ({condition.name}, {found.name}): {tail}")


def _infeasible_or_unbounded(model: pyo.ConcreteModel, objective: Any) -> Any:
    """Which of the two: unbounded if any point is feasible, as a solve without objective tells."""
    from pyomo.contrib.solver.common.factory import SolverFactory
    from pyomo.contrib.solver.common.results import TerminationCondition

    objective.deactivate()
    try:
        results = SolverFactory("highs").solve(
            model, load_solutions=False, raise_exception_on_nonoptimal_result=False, threads=1
        )
    finally:
        objective.activate()
    if results.termination_condition is TerminationCondition.convergenceCriteriaSatisfied:
        return TerminationCondition.unbounded
    return results.termination_condition


def refuse_what_is_not_seen(
    model: pyo.ConcreteModel, solver: str = "HiGHS", besides: frozenset[str] = frozenset()
) -> tuple[Any, bool]:
    """Raise for anything active that would be dropped in silence; return the objective and if integers are free.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        The program.
    solver : str
        Its name, for errors.
    besides : frozenset of str
        Components that this solver sees beside those that all see.
    """
    import pyomo.environ as pyo

    for component in model.component_objects(active=True, descend_into=True):
        if component.ctype.__name__ not in UNDERSTOOD | besides:
            kind = component.ctype.__name__
            raise ValueError(f"{component.name} is an active {kind}, which {solver} never sees: transform it first")
    objectives = list(model.component_data_objects(pyo.Objective, active=True))
    if len(objectives) != 1:
        raise ValueError(f"the program {model.name} has {len(objectives)} active objectives, not one")
    discrete = any(not v.is_continuous() and not v.fixed for v in model.component_data_objects(pyo.Var))
    return objectives[0], discrete


def fix_integers(model: pyo.ConcreteModel) -> None:
    """Fix all integer variables at their (rounded) values, so that a second solve gives duals given that choice.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        Solved before; it is changed in place.

    Raises
    ------
    ValueError
        If an integer variable has no value.
    """
    import pyomo.environ as pyo

    for variable in model.component_data_objects(pyo.Var):
        if not variable.is_continuous():
            if variable.value is None:
                raise ValueError(f"{variable.name} has no value to be fixed at: solve the program first")
            variable.fix(round(variable.value))
            # HiGHS gives no duals as long as a column is declared integer, fixed or not.
            variable.domain = pyo.Reals


def solve_cvxpy(problem: cp.Problem, *, time_limit_s: float | None = None, **options: Any) -> Outcome:
    """Solve a convex program by Clarabel and load its point into the variables.

    Parameters
    ----------
    problem : cvxpy.Problem
        Convex by CVXPY's rules, without integer variables. Without a solution its variables are emptied.
    time_limit_s : float, optional
        For translating and solving together. An interior-point method has nothing to show before it ends.
    **options
        Options of Clarabel.

    Returns
    -------
    Outcome
        ``FEASIBLE`` where Clarabel reached its reduced accuracy only. Duals are always there.

    Raises
    ------
    InfeasibleError, UnboundedError, SolverError
        If there is nothing to read.
    """
    import cvxpy as cp

    started = time.perf_counter()
    for variable in problem.variables():
        variable.save_value(None)
    data, chain, inverse = problem.get_problem_data(cp.CLARABEL, solver_opts={})
    build_seconds = time.perf_counter() - started
    maximise = isinstance(problem.objective, cp.Maximize)
    nothing = math.inf if maximise else -math.inf
    if time_limit_s is not None:
        if time_limit_s <= build_seconds:
            return Outcome(Status.TIME_LIMIT, math.nan, nothing, 0.0, build_seconds)
        options = {**options, "time_limit": time_limit_s - build_seconds}
    raw = chain.solve_via_data(problem, data, solver_opts=options)
    seconds = time.perf_counter() - started - build_seconds
    said = str(raw.status)
    if said == "MaxTime":
        return Outcome(Status.TIME_LIMIT, math.nan, nothing, seconds, build_seconds)
    status = _clarabel_status(said)
    with warnings.catch_warnings():
        # CVXPY warns of reduced accuracy; the status says it already.
        warnings.simplefilter("ignore", UserWarning)
        problem.unpack_results(raw, chain, inverse)
    value = float(problem.value)
    duals = _cvxpy_duals(problem, 1.0 if maximise else -1.0)
    bound = value if status is Status.OPTIMAL else nothing
    return Outcome(status, value, bound, seconds, build_seconds, duals)


def _clarabel_status(said: str) -> Status:
    """The gate: what Clarabel's answer is worth, or an error where nothing may be read."""
    if said == "Solved":
        return Status.OPTIMAL
    if said == "AlmostSolved":
        return Status.FEASIBLE
    if said == "PrimalInfeasible":
        raise InfeasibleError("the program is infeasible: no point satisfies all of its constraints")
    if said == "DualInfeasible":
        raise UnboundedError("the program is unbounded: its objective has no limit")
    raise SolverError(f"Clarabel failed on the program ({said})")


def _cvxpy_duals(problem: cp.Problem, sign: float) -> dict[int, tuple[Any, Any]]:
    """Duals by constraint as d(objective)/d(constant side).

    CVXPY writes the Lagrangian of the minimisation as f + y(lhs − rhs), so that the derivative by the right-hand side
    is −y, and +y under Maximize; where the constant stands before the ≤ the sign turns.
    """
    from cvxpy.constraints import Equality, Inequality

    found: dict[int, tuple[Any, Any]] = {}
    for constraint in problem.constraints:
        if not isinstance(constraint, Equality | Inequality) or constraint.dual_value is None:
            continue
        left, right = (side.is_constant() for side in constraint.args)
        if left == right:
            continue
        value = np.asarray(constraint.dual_value, dtype=float) * (sign if right else -sign)
        found[id(constraint)] = (constraint, float(value) if value.ndim == 0 else value)
    return found
