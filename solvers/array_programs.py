"""Linear programs given as arrays: the same gate as for declared ones, without the declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..instances.errors import InfeasibleError
from ..models.linear_program import LinearProgram
from .highs import quiet_highs
from .programs import SolverError, UnboundedError
from .status import Status

TIGHT: dict[str, Any] = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
"""Schedules are judged to 1e-9 of each limit; HiGHS' own 1e-7 is too wide."""


@dataclass(frozen=True)
class ArraySolution:
    """What HiGHS found for a program of arrays.

    Parameters
    ----------
    status : Status
        ``OPTIMAL``, or ``TIME_LIMIT`` with the best point found.
    objective : float
        Its value.
    point : (columns,) array
        The point itself.
    duals : (rows,) array
        d(objective)/d(limit) of each row.
    iterations : int
        Of the simplex method.
    """

    status: Status
    objective: float
    point: np.ndarray
    duals: np.ndarray
    iterations: int


def solve_arrays(program: LinearProgram, *, time_limit_s: float | None = None, **options: Any) -> ArraySolution | None:
    """Solve a linear program of arrays by HiGHS.

    Parameters
    ----------
    program : LinearProgram
        What is to be minimised.
    time_limit_s : float, optional
        For the solver.
    **options
        Options of HiGHS.

    Returns
    -------
    ArraySolution or None
        None where time ran out before any point was found.

    Raises
    ------
    InfeasibleError, UnboundedError, SolverError
        If there is nothing to read.
    """
    limit = {} if time_limit_s is None else {"time_limit": float(time_limit_s)}
    solver = quiet_highs(**(TIGHT | limit | options))
    load_arrays(solver, program)
    return run_and_read(solver)


def load_arrays(solver: Any, program: LinearProgram) -> None:
    """Pass a program of arrays to a HiGHS.

    Raises
    ------
    SolverError
        If HiGHS refuses it.
    """
    import highspy

    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(program.cost), len(program.row_low)
    model.col_cost_, model.col_lower_, model.col_upper_ = program.cost, program.low, program.high
    model.row_lower_, model.row_upper_ = program.row_low, program.row_high
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = program.matrix.indptr
    model.a_matrix_.index_ = program.matrix.indices
    model.a_matrix_.value_ = program.matrix.data
    if solver.passModel(model) == highspy.HighsStatus.kError:
        raise SolverError("HiGHS refuses the arrays of a program")


def run_and_read(solver: Any) -> ArraySolution | None:
    """Run a HiGHS that holds a program, and read it through the gate.

    Returns
    -------
    ArraySolution or None
        None where time ran out before any point was found.

    Raises
    ------
    InfeasibleError, UnboundedError, SolverError
        If there is nothing to read.
    """
    import highspy

    kinds = highspy.HighsModelStatus
    solver.run()
    if solver.getModelStatus() not in (kinds.kOptimal, kinds.kTimeLimit):
        # Started from the basis of the program before, HiGHS now and then finds a bounded program unbounded.
        solver.clearSolver()
        solver.run()
    if solver.getModelStatus() == kinds.kUnboundedOrInfeasible:
        # Presolve cannot tell which of the two.
        solver.setOptionValue("presolve", "off")
        solver.run()
        solver.setOptionValue("presolve", "choose")
    return read_solution(solver)


def read_solution(solver: Any) -> ArraySolution | None:
    """The gate: read a solution only where HiGHS says that there is one.

    Returns
    -------
    ArraySolution or None
        None where time ran out before any point was found.

    Raises
    ------
    InfeasibleError, UnboundedError, SolverError
        If there is nothing to read.
    """
    import highspy

    said = solver.getModelStatus()
    kinds = highspy.HighsModelStatus
    if said == kinds.kInfeasible:
        raise InfeasibleError("the program is infeasible: no point satisfies all of its constraints")
    if said in (kinds.kUnbounded, kinds.kUnboundedOrInfeasible):
        raise UnboundedError("the program is unbounded, or infeasible")
    info = solver.getInfo()
    if said == kinds.kTimeLimit:
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
    elif said != kinds.kOptimal:
        raise SolverError(f"HiGHS failed on a program of arrays ({said.name})")
    solution = solver.getSolution()
    return ArraySolution(
        status=Status.OPTIMAL if said == kinds.kOptimal else Status.TIME_LIMIT,
        objective=info.objective_function_value,
        point=np.array(solution.col_value),
        duals=np.array(solution.row_dual),
        iterations=info.simplex_iteration_count,
    )
