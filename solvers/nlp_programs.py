"""The gate for smooth non-linear programs: Pyomo writes them, CasADi's wheel brings Ipopt, one word of it is success.

No executable is needed: the program goes through AMPL's ``.nl`` format, which CasADi reads and differentiates. What
:mod:`.programs` says of its two solvers holds here too: variables are read behind the gate only, duals have one sign,
and nothing is printed. Ipopt is a local method; what its answer proves, the program has to say.
"""

from __future__ import annotations

import contextlib
import io
import math
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..instances.errors import InfeasibleError, NotApplicable
from .programs import Outcome, SolverError, UnboundedError
from .status import Status

if TYPE_CHECKING:
    import pyomo.environ as pyo

IPOPT_DEFAULTS: Mapping[str, Any] = {"tol": 1e-9, "constr_viol_tol": 1e-10, "max_iter": 1000, "mu_init": 1e-2}
"""Tight, since schedules are judged to 1e-9 of their limits; a barrier that begins small, as values are about 1."""

SILENT: Mapping[str, Any] = {"ipopt.print_level": 0, "ipopt.sb": "yes", "print_time": False, "error_on_fail": False}

NEEDED = "the interior-point solver is an extra: pip install 'commonwatt[nlp]'"

UNDERSTOOD = frozenset({"Block", "Constraint", "Expression", "Objective", "Param", "RangeSet", "Set", "Var"})
"""Pyomo components that are written to the file; whatever else is active would be dropped without a word."""


def solve_nlp(model: pyo.ConcreteModel, *, time_limit_s: float | None = None, **options: Any) -> Outcome:
    """Solve a smooth program by Ipopt from the values of its variables, and load the point it finds into them.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        Continuous, with one active objective. Without a solution its free variables are emptied.
    time_limit_s : float, optional
        For translating and solving together.
    **options
        Options of Ipopt over :data:`IPOPT_DEFAULTS`.

    Returns
    -------
    Outcome
        ``OPTIMAL`` where Ipopt says ``Solve_Succeeded``, a stationary point to its tolerance; ``FEASIBLE`` where it
        reached its acceptable level only; ``TIME_LIMIT`` without a point. It proves no bound. With duals.

    Raises
    ------
    NotApplicable
        Where the extra ``nlp`` is not installed.
    InfeasibleError
        Where Ipopt came to rest at a point that violates constraints least; of a program whose constraints are not
        convex that proves nothing.
    UnboundedError, SolverError
        If there is nothing to read.
    ValueError
        For a model with integers or components that are not written, or an unknown option.
    """
    import pyomo.environ as pyo

    casadi = _casadi()
    objective = _refuse_what_is_not_written(model)
    started = time.perf_counter()
    variables, rows, builder = _translated(casadi, model)
    build_seconds = time.perf_counter() - started
    worst = -math.inf if objective.sense == pyo.minimize else math.inf
    chosen = {f"ipopt.{name}": value for name, value in {**IPOPT_DEFAULTS, **options}.items()}
    if time_limit_s is not None:
        if time_limit_s <= build_seconds:
            _empty(model)
            return Outcome(Status.TIME_LIMIT, math.nan, worst, 0.0, build_seconds)
        chosen["ipopt.max_wall_time"] = time_limit_s - build_seconds
    problem = {"x": casadi.vertcat(*builder.x), "f": builder.f, "g": casadi.vertcat(*builder.g)}
    limits = {"lbx": builder.x_lb, "ubx": builder.x_ub, "lbg": builder.g_lb, "ubg": builder.g_ub}
    # CasADi warns on both streams of Python, past its options; the status says what matters.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            # Expanded to scalar operations, functions are evaluated several times as fast.
            solver = casadi.nlpsol("solver", "ipopt", problem, {**SILENT, **chosen, "expand": True})
        except (RuntimeError, NotImplementedError) as error:
            raise ValueError(f"Ipopt does not take the program {model.name} with the options {options}") from error
        raw = solver(x0=builder.x_init, **limits)
    seconds = time.perf_counter() - started - build_seconds
    _empty(model)
    status = _ipopt_status(model, str(solver.stats()["return_status"]))
    if status is Status.TIME_LIMIT:
        return Outcome(status, math.nan, worst, seconds, build_seconds)
    for variable, value in zip(variables, raw["x"].full().ravel().tolist(), strict=True):
        if not variable.fixed:
            variable.set_value(value, skip_validation=True)
    # CasADi's Lagrangian is f + λ g, of what it minimises.
    sign = -1.0 if objective.sense == pyo.minimize else 1.0
    duals = {
        id(row): (row, sign * value) for row, value in zip(rows, raw["lam_g"].full().ravel().tolist(), strict=True)
    }
    return Outcome(status, float(pyo.value(objective)), worst, seconds, build_seconds, duals)


def _casadi() -> Any:
    try:
        import casadi
    except ImportError as error:
        raise NotApplicable(NEEDED) from error
    return casadi


def _translated(casadi: Any, model: pyo.ConcreteModel) -> tuple[list[Any], list[Any], Any]:
    """The program as CasADi reads it, and its variables and constraints in the same order."""
    from pyomo.repn.plugins.nl_writer import NLWriter

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.nl"
        with path.open("w", encoding="ascii") as file:
            # Without presolve, so that every row has its dual and every variable its value.
            written = NLWriter().write(model, file, linear_presolve=False, skip_trivial_constraints=False)
        builder = casadi.NlpBuilder()
        builder.import_nl(str(path), {"verbose": False})
    return list(written.variables), list(written.constraints), builder


def _refuse_what_is_not_written(model: pyo.ConcreteModel) -> Any:
    import pyomo.environ as pyo

    for component in model.component_objects(active=True, descend_into=True):
        if component.ctype.__name__ not in UNDERSTOOD:
            kind = component.ctype.__name__
            raise ValueError(f"{component.name} is an active {kind}, which Ipopt never sees: transform it first")
    objectives = list(model.component_data_objects(pyo.Objective, active=True))
    if len(objectives) != 1:
        raise ValueError(f"the program {model.name} has {len(objectives)} active objectives, not one")
    for variable in model.component_data_objects(pyo.Var):
        if not variable.is_continuous() and not variable.fixed:
            raise ValueError(f"{variable.name} is integer, which Ipopt would ignore")
    return objectives[0]


def _empty(model: pyo.ConcreteModel) -> None:
    """No old value is to be taken for a new one."""
    import pyomo.environ as pyo

    for variable in model.component_data_objects(pyo.Var):
        if not variable.fixed:
            variable.set_value(None)


def _ipopt_status(model: pyo.ConcreteModel, said: str) -> Status:
    """The gate: what Ipopt's answer is worth, or an error where nothing may be read."""
    if said == "Solve_Succeeded":
        return Status.OPTIMAL
    if said == "Solved_To_Acceptable_Level":
        return Status.FEASIBLE
    if said in ("Maximum_WallTime_Exceeded", "Maximum_CpuTime_Exceeded"):
        return Status.TIME_LIMIT
    if said == "Infeasible_Problem_Detected":
        raise InfeasibleError(f"the program {model.name} is infeasible, at least around the point where Ipopt stopped")
    if said == "Diverging_Iterates":
        raise UnboundedError(f"the program {model.name} is unbounded: its iterates diverge")
    raise SolverError(f"Ipopt failed on the program {model.name} ({said})")
