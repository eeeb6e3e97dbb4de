"""A linear Pyomo program read as arrays whose entries are affine in its mutable parameters.

Each mutable ``Param`` is replaced by a temporary variable, and Pyomo's own quadratic form of what results shows how
everything depends on them: a temporary variable alone moves a cost or a bound, its product with a variable moves an
entry of the matrix, and whatever else is there is refused.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyomo.environ as pyo


@dataclass
class Affine:
    """constant + sum of coefficient · parameter, the parameters known by their position."""

    constant: float = 0.0
    terms: dict[int, float] = field(default_factory=dict)

    def minus(self, other: Affine) -> Affine:
        """The difference of the two."""
        terms = dict(self.terms)
        for position, coefficient in other.terms.items():
            terms[position] = terms.get(position, 0.0) - coefficient
        return Affine(self.constant - other.constant, terms)


@dataclass(frozen=True)
class Layout:
    """Where the entries of a Pyomo component lie in a vector.

    Parameters
    ----------
    where : slice
        Its part of the vector.
    shape : tuple of int
        Of the array that shows it: () for a scalar component, one axis for each position of its index where that is a
        full product of sets, else one axis.
    index : mapping
        Index of the component to its offset in that part.
    """

    where: slice
    shape: tuple[int, ...]
    index: Mapping[Any, int]


@dataclass(frozen=True)
class AffineProgram:
    """What :class:`.compiled.CompiledProgram` is made from.

    Parameters
    ----------
    name : str
        Of the model.
    parameters, variables, constraints : mapping of str to Layout
        By the components' names.
    values : (P,) array
        Parameters as they stand in the model.
    sign : float
        1 to minimise, −1 to maximise: costs are those of a minimisation.
    offset : Affine
        Constant part of the cost.
    cost, column_low, column_high, row_low, row_high : list of Affine
        One entry a column or row.
    entries : mapping of (row, column) to Affine
        Of the matrix.
    """

    name: str
    parameters: Mapping[str, Layout]
    variables: Mapping[str, Layout]
    constraints: Mapping[str, Layout]
    values: np.ndarray
    sign: float
    offset: Affine
    cost: list[Affine]
    column_low: list[Affine]
    column_high: list[Affine]
    row_low: list[Affine]
    row_high: list[Affine]
    entries: Mapping[tuple[int, int], Affine]


def read_affine(model: pyo.ConcreteModel) -> AffineProgram:
    """Read a linear program whose data are mutable parameters.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        With one active objective, continuous variables of which none is fixed, and linear constraints.

    Returns
    -------
    AffineProgram

    Raises
    ------
    ValueError
        Naming the component that is not linear in variables or not affine in parameters, and what else is refused:
        integer or fixed variables, parameters without a value, components that an LP solver never sees.
    """
    import pyomo.environ as pyo

    from .programs import UNDERSTOOD

    for component in model.component_objects(active=True, descend_into=True):
        if component.ctype.__name__ not in UNDERSTOOD:
            kind = component.ctype.__name__
            raise ValueError(f"{component.name} is an active {kind}, which an LP solver never sees")
    objectives = list(model.component_data_objects(pyo.Objective, active=True))
    if len(objectives) != 1:
        raise ValueError(f"the program {model.name} has {len(objectives)} active objectives, not one")
    mutable = [one for one in model.component_objects(pyo.Param) if one.mutable]
    parameters = _layouts((one.name, list(one.index_set())) for one in mutable)
    values = np.array([_value(one, index) for one in mutable for index in one.index_set()], dtype=float)
    declared = list(model.component_objects(pyo.Var))
    variables = _layouts((one.name, list(one)) for one in declared)
    columns = [one[index] for one in declared for index in one]
    stated = list(model.component_objects(pyo.Constraint, active=True))
    constraints = _layouts((one.name, [index for index in one if one[index].active]) for one in stated)
    for variable in columns:
        if variable.fixed or not variable.is_continuous():
            kind = "fixed; make its value a mutable Param" if variable.fixed else "not continuous"
            raise ValueError(f"{variable.name} is {kind}")

    reader = _Reader([one[index] for one in mutable for index in one.index_set()], columns)
    offset, linear = reader.read(objectives[0].expr, objectives[0].name)
    sign = 1.0 if objectives[0].sense == pyo.minimize else -1.0
    cost = [linear.get(j, Affine()) for j in range(len(columns))]
    row_low: list[Affine] = []
    row_high: list[Affine] = []
    entries: dict[tuple[int, int], Affine] = {}
    for one in stated:
        for index in one:
            if not one[index].active:
                continue
            low, body, high = one[index].to_bounded_expression()
            constant, linear = reader.read(body, one[index].name)
            entries |= {(len(row_low), j): entry for j, entry in linear.items()}
            row_low.append(reader.bound(low, -math.inf, one[index].name).minus(constant))
            row_high.append(reader.bound(high, math.inf, one[index].name).minus(constant))
    return AffineProgram(
        name=model.name,
        parameters=parameters,
        variables=variables,
        constraints=constraints,
        values=values,
        sign=sign,
        offset=_times(sign, offset),
        cost=[_times(sign, one) for one in cost],
        column_low=[reader.bound(one.lower, -math.inf, one.name) for one in columns],
        column_high=[reader.bound(one.upper, math.inf, one.name) for one in columns],
        row_low=row_low,
        row_high=row_high,
        entries=entries,
    )


def _times(factor: float, what: Affine) -> Affine:
    terms = {position: factor * coefficient for position, coefficient in what.terms.items()}
    return Affine(factor * what.constant, terms)


def _value(parameter: Any, index: Any) -> float:
    value = parameter[index].value if index in parameter else None
    if value is None:
        where = "" if index is None else f"[{index}]"
        raise ValueError(f"the parameter {parameter.name}{where} has no value; give it one to begin with")
    return float(value)


def _layouts(components: Iterable[tuple[str, list[Any]]]) -> dict[str, Layout]:
    found: dict[str, Layout] = {}
    start = 0
    for name, indices in components:
        where = slice(start, start + len(indices))
        found[name] = Layout(where, _shape(indices), {index: k for k, index in enumerate(indices)})
        start = where.stop
    return found


def _shape(indices: list[Any]) -> tuple[int, ...]:
    if indices == [None]:
        return ()
    if indices and all(isinstance(index, tuple) for index in indices):
        axes = [list(dict.fromkeys(axis)) for axis in zip(*indices, strict=True)]
        if list(itertools.product(*axes)) == indices:
            return tuple(len(axis) for axis in axes)
    return (len(indices),)


class _Reader:
    """Reads expressions as affine functions of parameters, and linear ones of variables."""

    def __init__(self, parameters: list[Any], columns: list[Any]) -> None:
        import pyomo.environ as pyo
        from pyomo.core.expr.visitor import ExpressionReplacementVisitor

        self._scratch = pyo.ConcreteModel()
        self._scratch.stand_in = pyo.Var(range(len(parameters)))
        stand_ins = [self._scratch.stand_in[k] for k in range(len(parameters))]
        self._position = {id(stand_in): k for k, stand_in in enumerate(stand_ins)}
        self._column = {id(variable): j for j, variable in enumerate(columns)}
        self._known = {id(parameter): k for k, parameter in enumerate(parameters)}
        replaced = {id(parameter): stand_ins[k] for k, parameter in enumerate(parameters)}
        self._replace = ExpressionReplacementVisitor(substitute=replaced, remove_named_expressions=True)

    def read(self, expression: Any, name: str) -> tuple[Affine, dict[int, Affine]]:
        """Constant part, and the coefficient of each column.

        Raises
        ------
        ValueError
            For what is not linear in variables or not affine in parameters.
        """
        from pyomo.repn import generate_standard_repn

        if isinstance(expression, int | float):
            return Affine(float(expression)), {}
        if id(expression) in self._known:
            return Affine(0.0, {self._known[id(expression)]: 1.0}), {}
        form = generate_standard_repn(self._replace.walk_expression(expression), quadratic=True)
        if form.nonlinear_expr is not None:
            raise ValueError(f"{name} is not linear in variables and affine in parameters: {form.nonlinear_expr}")
        constant, linear = Affine(float(form.constant)), {}
        for variable, coefficient in zip(form.linear_vars, form.linear_coefs, strict=True):
            if id(variable) in self._position:
                constant.terms[self._position[id(variable)]] = float(coefficient)
            else:
                linear[self._of(variable, name)] = Affine(float(coefficient))
        for (one, other), coefficient in zip(form.quadratic_vars, form.quadratic_coefs, strict=True):
            moved = [id(part) in self._position for part in (one, other)]
            if all(moved):
                raise ValueError(f"{name} holds a product of parameters, which is not affine in them")
            if not any(moved):
                raise ValueError(f"{name} is not linear: it holds {one.name} · {other.name}")
            parameter, variable = (one, other) if moved[0] else (other, one)
            entry = linear.setdefault(self._of(variable, name), Affine())
            entry.terms[self._position[id(parameter)]] = float(coefficient)
        return constant, linear

    def _of(self, variable: Any, name: str) -> int:
        if id(variable) not in self._column:
            raise ValueError(f"{name} holds {variable.name}, a variable of another model")
        return self._column[id(variable)]

    def bound(self, expression: Any, none: float, name: str) -> Affine:
        """A bound, affine in parameters; ``none`` where there is none."""
        if expression is None:
            return Affine(none)
        constant, linear = self.read(expression, f"a bound of {name}")
        if linear:
            raise ValueError(f"a bound of {name} depends on variables")
        return constant
