"""Declare a linear program once and solve it again and again with other data.

A Pyomo program whose data are mutable parameters p is compiled once to arrays, c = c₀ + C p, bounds l = l₀ + L p and
matrix entries A(p) = A₀ + ΣA_k p_k, stacked to one vector b + M p. New parameters are pushed by computing that vector
anew (so that no rounding is carried along) and telling one HiGHS, which keeps its basis, only what has changed in it.

Each solution carries a certificate (:mod:`.compiled_certificate`). HiGHS' warm starts may return "optimal" slightly off
(HiGHS issue 3194): where the certificate fails, and where a warm start finds no solution, the program is solved again
from nothing.

Source of the workflow: Lange, *Cloud-coordinated peer-to-peer energy sharing for urban community microgrids*, section
"Cloud-based optimization workflow" (the same program is solved every half hour with new data).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..instances.errors import InfeasibleError
from .compiled_affine import Affine, AffineProgram, Layout, read_affine
from .compiled_certificate import TOLERANCE, Certificate, certify
from .highs import quiet_highs
from .programs import SolverError, UnboundedError
from .status import Status

if TYPE_CHECKING:
    import highspy
    import pyomo.environ as pyo

DENSE = 20_000
"""Entries, zeros included, up to which a matrix is held dense."""

OPTIONS: Mapping[str, Any] = {
    "primal_feasibility_tolerance": 1e-10,
    "dual_feasibility_tolerance": 1e-10,
    "solver": "simplex",
}


@dataclass(frozen=True, eq=False)
class CompiledSolution:
    """A solution of a compiled program.

    Parameters
    ----------
    status : Status
        ``OPTIMAL`` where the certificate holds, ``FEASIBLE`` where its primal part alone does; ``TIME_LIMIT`` where
        HiGHS was stopped, and then there are no values.
    objective : float
        From the pushed arrays; NaN if there is no solution.
    certificate : Certificate or None
        None if there is no solution.
    iterations : int
        Of the simplex method, of all attempts.
    cold : bool
        Whether a warm start was given up and the program solved from nothing.
    primal, dual : arrays
        One entry a column and row; use :meth:`values` and :meth:`duals`.
    program : CompiledProgram
        What was solved.
    """

    status: Status
    objective: float
    certificate: Certificate | None
    iterations: int
    cold: bool
    primal: np.ndarray
    dual: np.ndarray
    program: CompiledProgram

    def values(self, name: str) -> np.ndarray:
        """Values of a Pyomo variable, in the shape of its index where that is a full product, else in its order."""
        layout = _of(self.program.variables, name, "variable")
        return self.primal[layout.where].reshape(layout.shape)

    def duals(self, name: str) -> np.ndarray:
        """d(objective)/d(right-hand side) of a Pyomo constraint, in the same shape as :meth:`values`."""
        layout = _of(self.program.constraints, name, "constraint")
        return self.dual[layout.where].reshape(layout.shape)


def _of(layouts: Mapping[str, Layout], name: str, kind: str) -> Layout:
    if name not in layouts:
        raise ValueError(f"the program has no {kind} {name!r}; it has {', '.join(layouts) or 'none'}")
    return layouts[name]


def compile_program(model: pyo.ConcreteModel, **options: Any) -> CompiledProgram:
    """Compile a linear Pyomo program, once, so that it can be solved for many values of its mutable parameters.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        Linear and continuous, with one objective; later changes of the model are not seen.
    **options
        Options of HiGHS over :data:`OPTIONS`.

    Returns
    -------
    CompiledProgram
        With the parameters as they stand in the model.

    Raises
    ------
    ValueError
        Naming what is not linear in variables or not affine in parameters; for an unknown option of HiGHS.
    """
    return CompiledProgram(read_affine(model), options)


class CompiledProgram:
    """A linear program as arrays that depend on parameters, and one HiGHS that is kept up to date with them.

    Parameters
    ----------
    affine : AffineProgram
        What was read from Pyomo.
    options : mapping
        Of HiGHS, over :data:`OPTIONS`.

    Attributes
    ----------
    parameters, variables, constraints : mapping of str to Layout
        What there is, by name.
    """

    def __init__(self, affine: AffineProgram, options: Mapping[str, Any] | None = None) -> None:
        self.name = affine.name
        self.parameters, self.variables, self.constraints = affine.parameters, affine.variables, affine.constraints
        self._sign = affine.sign
        self._options = {**OPTIONS, **(options or {})}
        n, m, entries = len(affine.cost), len(affine.row_low), sorted(affine.entries)
        self._columns, self._rows = n, m
        stacked = [
            *affine.cost,
            *affine.column_low,
            *affine.row_low,
            *affine.column_high,
            *affine.row_high,
            *(affine.entries[at] for at in entries),
            affine.offset,
        ]
        self._base = np.array([one.constant for one in stacked])
        self._map = _matrix(stacked, len(affine.values))
        self._p = affine.values.copy()
        # One vector holds all that is pushed; these are its parts.
        ends = np.cumsum([0, n, n, m, n, m, len(entries), 1])
        self._starts = ends[:-1]
        self._entry_row = np.array([at[0] for at in entries], dtype=np.int32)
        self._entry_column = np.array([at[1] for at in entries], dtype=np.int32)
        self._row_start = np.searchsorted(self._entry_row, np.arange(m + 1)).astype(np.int32)
        self._now = self._computed(self._p)
        self._bound = np.zeros(len(self._now), dtype=bool)
        self._bound[ends[1] : ends[5]] = True
        self._refuse_what_is_no_number(self._now, np.arange(len(self._now)))
        self._cost = self._now[:n]
        self._lower, self._upper = self._now[ends[1] : ends[3]], self._now[ends[3] : ends[5]]
        self._data = self._now[ends[5] : ends[6]]
        self._state_matrix()
        self._highs: highspy.Highs = self._loaded()
        self._warm = self._limited = False

    def _state_matrix(self) -> None:
        """The matrix and its transpose for certificates; a dense one is quicker as long as it is small."""
        from scipy.sparse import csr_matrix

        shape = self._rows, self._columns
        if shape[0] * shape[1] <= DENSE:
            matrix = np.zeros(shape)
            matrix[self._entry_row, self._entry_column] = self._data
            self._a, self._a_transposed = matrix, np.ascontiguousarray(matrix.T)
        else:
            self._a = csr_matrix((self._data, self._entry_column, self._row_start), shape=shape)
            self._a_transposed = csr_matrix(self._a.T)

    def _computed(self, vector: np.ndarray) -> np.ndarray:
        computed: np.ndarray = self._map @ vector
        computed += self._base
        return computed

    def _refuse_what_is_no_number(self, values: np.ndarray, which: np.ndarray) -> None:
        """Costs and entries must be finite; of bounds only NaN is refused. ``which`` are positions in the vector."""
        endless = ~np.isfinite(values)
        if endless.any() and (np.isnan(values).any() or not self._bound[which[endless]].all()):
            raise ValueError(f"the parameters of {self.name} make a cost, bound or coefficient that is no number")

    def _loaded(self) -> highspy.Highs:
        """A new HiGHS that holds the program as it stands."""
        import highspy

        highs = quiet_highs(**self._options)
        n, m = self._columns, self._rows
        status = highs.passModel(
            n,
            m,
            len(self._data),
            int(highspy.MatrixFormat.kRowwise),
            int(highspy.ObjSense.kMinimize),
            float(self._now[-1]),
            self._cost,
            self._lower[:n],
            self._upper[:n],
            self._lower[n:],
            self._upper[n:],
            self._row_start[:-1],
            self._entry_column,
            self._data,
            np.zeros(n, dtype=np.int32),
        )
        # A warning is about bounds that cross, which is an infeasible program and found to be one when it is solved.
        if status == highspy.HighsStatus.kError:
            raise SolverError(f"HiGHS does not take the program {self.name}")
        self._ok, self._failed = highspy.HighsStatus.kOk, highspy.HighsStatus.kError
        self._optimal = highspy.HighsModelStatus.kOptimal
        return highs

    def restart(self) -> None:
        """Forget the basis and all that HiGHS has learned; the next solve depends on the parameters alone."""
        self._highs = self._loaded()
        self._warm = False

    def vector(self) -> np.ndarray:
        """A copy of all parameters as pushed last, in the order of :attr:`parameters`."""
        return self._p.copy()

    def views(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """Parts of a vector of parameters by name, each in its parameter's shape, sharing the vector's memory."""
        return {name: vector[one.where].reshape(one.shape) for name, one in self.parameters.items()}

    def push(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> None:
        """Change parameters; what is not named keeps its value.

        Parameters
        ----------
        values : mapping, optional
            Names of parameters, or a Pyomo ``ComponentMap`` of them, to values; see ``named``.
        **named
            For each parameter a number (scalar parameters), an array in the parameter's shape, or a mapping of some
            of its indices to numbers.

        Raises
        ------
        ValueError
            For an unknown parameter, index or shape, and for what is not a number; nothing is changed then.
        """
        given = {one if isinstance(one, str) else one.name: value for one, value in (values or {}).items()} | named
        changed = self.vector()
        for name, value in given.items():
            layout = _of(self.parameters, name, "parameter")
            if isinstance(value, Mapping):
                for index, number in value.items():
                    if index not in layout.index:
                        raise ValueError(f"the parameter {name} has no index {index!r}")
                    changed[layout.where.start + layout.index[index]] = number
                continue
            array = np.asarray(value, dtype=float)
            if array.shape != layout.shape:
                raise ValueError(f"the parameter {name} has shape {layout.shape}, not {array.shape}")
            changed[layout.where] = array.ravel()
        self.push_vector(changed)

    def push_vector(self, vector: np.ndarray) -> None:
        """Change all parameters at once, in the order of :attr:`parameters`; only what differs is passed to HiGHS.

        Raises
        ------
        ValueError
            For what is not a number; nothing is changed then.
        """
        new = self._computed(vector)
        changed = new != self._now
        which = changed.nonzero()[0]
        self._refuse_what_is_no_number(new[which], which)
        self._p[:] = vector
        self._now[:] = new
        highs, n = self._highs, self._columns
        _, low, _, high, _, entries, constant = self._starts
        columns = changed[:low].nonzero()[0]
        if columns.size:
            status = highs.changeColsCost(len(columns), columns.astype(np.int32), self._cost[columns])
            self._demand(status, "costs")
        # Lower and upper bounds go together, so one of which both have moved is passed on once.
        bounds = (changed[low:high] | changed[high:entries]).nonzero()[0]
        if bounds.size:
            cut = int(bounds.searchsorted(n))
            lower, upper = self._lower[bounds], self._upper[bounds]
            columns, rows = bounds[:cut].astype(np.int32), bounds[cut:].astype(np.int32) - np.int32(n)
            if cut:
                self._demand(highs.changeColsBounds(cut, columns, lower[:cut], upper[:cut]), "bounds")
            if rows.size:
                self._demand(highs.changeRowsBounds(len(rows), rows, lower[cut:], upper[cut:]), "right-hand sides")
        moved = changed[entries:constant].nonzero()[0]
        if moved.size:
            rows, columns, values = self._entry_row[moved], self._entry_column[moved], self._data[moved]
            for row, column, value in zip(rows.tolist(), columns.tolist(), values.tolist(), strict=True):
                self._demand(highs.changeCoeff(row, column, value), "coefficients")
            self._state_matrix()
        if changed[-1]:
            self._demand(highs.changeObjectiveOffset(float(self._now[-1])), "the constant of the objective")

    def _demand(self, status: Any, what: str) -> None:
        if status == self._failed:
            raise SolverError(f"HiGHS does not take the new {what} of {self.name}")

    def solve(self, time_limit_s: float | None = None) -> CompiledSolution:
        """Solve with the parameters as pushed, from the basis of the solve before.

        Parameters
        ----------
        time_limit_s : float, optional
            For this solve.

        Returns
        -------
        CompiledSolution

        Raises
        ------
        InfeasibleError, UnboundedError, SolverError
            If there is nothing to read.
        """
        highs = self._highs
        if time_limit_s is not None or self._limited:
            # HiGHS counts the time of all its runs.
            limit = math.inf if time_limit_s is None else highs.getRunTime() + time_limit_s
            self._demand(highs.setOptionValue("time_limit", limit), "time limit")
            self._limited = time_limit_s is not None
        found = self._attempt(0, cold=False)
        if (found is None or found.status is not Status.OPTIMAL) and self._warm:
            iterations = self._iterations()
            self._demand(highs.clearSolver(), "start")
            found = self._attempt(iterations, cold=True)
        self._warm = True
        if found is None:
            return self._nothing()
        if found.certificate is not None and found.certificate.primal_residual > TOLERANCE:
            raise SolverError(f"HiGHS' solution of {self.name} breaks its constraints ({found.certificate})")
        return found

    def _iterations(self) -> int:
        # HiGHS says −1 where it has no count.
        return max(0, self._highs.getInfoValue("simplex_iteration_count")[1])

    def _attempt(self, before: int, *, cold: bool) -> CompiledSolution | None:
        """Run HiGHS; None where it says anything but that it has found an optimum, and then nothing is read."""
        highs = self._highs
        if highs.run() == self._failed or highs.getModelStatus() != self._optimal:
            return None
        solution = highs.getSolution()
        primal, dual = np.array(solution.col_value), np.array(solution.row_dual)
        certificate = self.certify(primal, dual)
        objective = self._sign * float(self._cost.dot(primal) + self._now[-1])
        status = Status.OPTIMAL if certificate.worst <= TOLERANCE else Status.FEASIBLE
        iterations = before + self._iterations()
        if self._sign < 0:
            dual = -dual
        return CompiledSolution(status, objective, certificate, iterations, cold, primal, dual, self)

    def certify(self, primal: np.ndarray, dual: np.ndarray) -> Certificate:
        """Judge a point and duals by the arrays that were pushed, whoever found them.

        Parameters
        ----------
        primal : (columns,) array
            Values of the variables.
        dual : (rows,) array
            d(cost)/d(right-hand side) of the minimisation (of −objective where the program maximises).

        Returns
        -------
        Certificate
        """
        return certify(self._cost, self._lower, self._upper, self._a, self._a_transposed, primal, dual)

    def _nothing(self) -> CompiledSolution:
        """The gate for all but an optimum: an empty solution, or an error that says what HiGHS says."""
        import highspy

        said = self._highs.getModelStatus()
        states = highspy.HighsModelStatus
        if said == states.kUnboundedOrInfeasible:
            said = states.kUnbounded if self._has_a_point() else states.kInfeasible
        if said == states.kInfeasible:
            raise InfeasibleError(f"the program {self.name} is infeasible: no point satisfies all of its constraints")
        if said == states.kUnbounded:
            raise UnboundedError(f"the program {self.name} is unbounded: its objective has no limit")
        if said == states.kTimeLimit:
            empty = np.full(self._columns, math.nan), np.full(self._rows, math.nan)
            return CompiledSolution(Status.TIME_LIMIT, math.nan, None, 0, False, *empty, self)
        raise SolverError(f"HiGHS failed on the program {self.name} ({self._highs.modelStatusToString(said)})")

    def _has_a_point(self) -> bool:
        """Whether any point is feasible, as a solve without costs tells."""
        highs = self._loaded()
        columns = np.arange(self._columns, dtype=np.int32)
        self._demand(highs.changeColsCost(len(columns), columns, np.zeros(len(columns))), "costs")
        return bool(highs.run() != self._failed and highs.getModelStatus() == self._optimal)


def _matrix(stacked: list[Affine], parameters: int) -> Any:
    """M, one row an entry of the vector."""
    from scipy.sparse import csr_matrix

    terms = [sorted(one.terms.items()) for one in stacked]
    start = np.cumsum([0, *(len(one) for one in terms)])
    columns = np.array([k for one in terms for k, _ in one], dtype=np.int32)
    data = np.array([value for one in terms for _, value in one], dtype=float)
    return csr_matrix((data, columns, start), shape=(len(stacked), parameters))
