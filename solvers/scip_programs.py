"""Programs that SCIP takes and HiGHS does not: special ordered sets, and products of variables.

A second opinion, where the extra ``scip`` is installed: complementarity without any constant that could be too small.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..instances.errors import NotApplicable
from .programs import Outcome, SolverError, read_results, refuse_what_is_not_seen

if TYPE_CHECKING:
    import pyomo.environ as pyo

NEEDED = "SCIP is not installed; pip install 'commonwatt[scip]' brings it"

SEES = frozenset({"SOSConstraint"})
"""Components that SCIP sees beside those of HiGHS."""


FLOW_OPTIONS: dict[str, Any] = {
    "numerics/feastol": 1e-9,
    "constraints/nonlinear/tightenlpfeastol": False,
    "propagating/obbt/freq": -1,
}
"""For programs with load flows: limits to 1e-9. The two others would ask for linear programs tighter than SoPlex takes,
and SCIP then goes round for ever now and then, past any time limit."""


def scip_is_installed() -> bool:
    """Whether the extra is there."""
    from importlib.util import find_spec

    return find_spec("pyscipopt") is not None


def solve_scip(
    model: pyo.ConcreteModel, *, time_limit_s: float | None = None, gap: float = 0.0, **options: Any
) -> Outcome:
    """Solve a program with special ordered sets or products by SCIP and load its best point.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        With one active objective.
    time_limit_s : float, optional
        For translating and solving together.
    gap : float
        Relative gap at which it ends.
    **options
        Parameters of SCIP, as ``{"limits/nodes": 1000}``.

    Returns
    -------
    Outcome

    Raises
    ------
    NotApplicable
        Where SCIP is not installed.
    InfeasibleError, UnboundedError, SolverError
        If there is nothing to read.
    ValueError
        For a model that SCIP would not see in full.
    """
    if not scip_is_installed():
        raise NotApplicable(NEEDED)
    from pyomo.contrib.solver.common.factory import SolverFactory

    objective, _ = refuse_what_is_not_seen(model, "SCIP", SEES)
    started = time.perf_counter()

    def solve(chosen: Mapping[str, Any]) -> Any:
        left = None if time_limit_s is None else max(0.0, time_limit_s - (time.perf_counter() - started))
        return SolverFactory("scip_direct").solve(
            model,
            load_solutions=False,
            raise_exception_on_nonoptimal_result=False,
            time_limit=left,
            threads=1,
            rel_gap=gap,
            solver_options={"display/verblevel": 0, **chosen},
        )

    try:
        results = solve(options)
    # Its LP solver gives up now and then, which pyscipopt says by a bare Exception; in its own settings it may not.
    except Exception as error:
        if not options:
            raise SolverError(f"SCIP failed on the program {model.name}: {error}") from error
        try:
            results = solve({})
        except Exception as again:
            raise SolverError(f"SCIP failed on the program {model.name}: {again}") from again
    seconds = time.perf_counter() - started
    # A tree proves optimality, whatever the variables are.
    return read_results(model, objective, results, True, (seconds, 0.0), solver="SCIP")
