r"""Bilevel programs as single-level ones: each follower's optimality conditions in place of its objective.

A bilevel program is declared as it is: a Pyomo model of the leader, its followers as blocks with objectives of their
own (:mod:`.followers`), products of the leader's prices and the followers' quantities where payments are. A follower
:math:`\min \{ c(\pi)^\top x + \tfrac12 x^\top Q x : A_= x = b_=, A_\le x \le b_\le, x_J \ge 0 \}` is then replaced by

.. math:: c(\pi) + Q x - A_=^\top y + A_\le^\top \lambda - r = 0, \quad
          0 \le \lambda \perp b_\le - A_\le x \ge 0, \quad 0 \le r_J \perp x_J \ge 0 .

**Modes.** ``"bigm"``: a binary for each pair; a pair without a *proven* bound on both its quantity and its price is
refused, since a bound that is too small gives wrong answers that a solver calls optimal (Pineda and Morales 2019).
``"sos1"``: each pair as a special ordered set, no bound at all, by SCIP. ``"menu"``: prices from a list and strong
duality :math:`c(\pi)^\top x = b^\top (y, -\lambda)`, whose products with chosen prices are linear; bounds of quantities
only.

**Payments.** For linear followers what the leader is paid, :math:`\pi^\top x`, is the dual objective less the rest of
the follower's cost: exact, and linear where constant sides are. Other products need a menu, or SCIP.

**Strict.** With a margin :math:`\delta`, a quantity that may not be positive has a price of at least :math:`\delta`.
Where the columns of those that may be are linearly independent, the follower has but one answer. So among columns that
stand in some rows only there are no more than these rows; and dependent sets (circuits) that this lets pass are
forbidden as solutions turn up that hold one (:func:`.forbid_circuits`).

Source: KKT reformulation with proven constants after Pineda and Morales (IEEE Trans. Power Syst. 34, 2019) and
Kleinert and Schmidt (Comput. Manag. Sci. 2023); the transformation is ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .followers import Follower, Pair, Row, read_follower
from .kkt_margin import state_margin
from .kkt_payments import PriceMenus, restate_payments

if TYPE_CHECKING:
    import pandas as pd
    import pyomo.environ as pyo

Mode = Literal["bigm", "sos1", "menu"]


@dataclass(frozen=True)
class SingleLevel:
    """What became of a bilevel program.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        The program, changed in place; what was added stands in its block ``conditions``.
    followers : tuple of Follower
        As they were read.
    pairs : tuple of Pair
        Complementarities of all followers.
    values : mapping of int to Pyomo expression
        Dual objective of each follower, by the ``id`` of its block.
    duals : mapping of int to Pyomo variable
        Price of each constraint of a follower, d(cost)/d(right-hand side) of an equality and never negative of an
        inequality, by the ``id`` of the constraint.
    """

    model: Any
    followers: tuple[Follower, ...]
    pairs: tuple[Pair, ...]
    values: Mapping[int, Any] = field(repr=False)
    duals: Mapping[int, Any] = field(repr=False)

    def conditions(self) -> list[Any]:
        """Blocks that hold each follower's conditions."""
        return [self.model.conditions.component(f"follower_{number}") for number in range(len(self.followers))]

    def table(self) -> pd.DataFrame:
        """Bounds that were declared and what the solved program made of them, a row for each pair."""
        import pandas as pd
        import pyomo.environ as pyo

        rows = []
        for pair in self.pairs:
            quantity, price = float(pyo.value(pair.quantity)), float(pyo.value(pair.price))
            used = _share(quantity, pair.most), _share(price, pair.dearest)
            rows.append(
                (pair.source.name, quantity, pair.most, used[0], price, pair.dearest, used[1], quantity * price)
            )
        sides = [f"{side}{part}" for side in ("quantity", "price") for part in ("", "_bound", "_use")]
        columns = ["pair", *sides, "product"]
        return pd.DataFrame(rows, columns=columns)


def _share(value: float, bound: float) -> float:
    if np.isnan(bound) or value <= 0:
        return 0.0
    return value / bound if bound > 0 else float("inf")


def single_level(
    model: pyo.ConcreteModel,
    followers: Iterable[pyo.Block],
    bounds: Mapping[Any, tuple[float, float]],
    *,
    mode: Mode = "bigm",
    strict: float = 0.0,
    row_groups: Mapping[Any, Iterable[Collection[Any]]] | None = None,
    menus: Mapping[Any, Iterable[float]] | None = None,
    price_factor: float = 1.0,
) -> SingleLevel:
    """Replace followers by their optimality conditions and products of prices and quantities by linear terms.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        The leader's program with one active objective outside of the followers; changed in place.
    followers : iterable of Pyomo blocks
        See :func:`.read_follower`.
    bounds : mapping (ComponentMap) of constraint or variable to (float, float)
        Proven bounds of the slack of each inequality (the value of each variable that must not be negative) and of
        its price (its reduced cost).
    mode : {"bigm", "sos1", "menu"}
        How complementarity is stated.
    strict : float
        δ, the least price of what is zero; in units of the program, mode "bigm" only.
    row_groups : mapping (ComponentMap) of block to iterable of collections of constraints, optional
        With a margin: groups of rows of each follower that columns are counted for, beside all of its rows.
    menus : mapping (ComponentMap) of leader's variable to iterable of float, optional
        Values that a price may take; required by mode "menu" for each price in a follower's cost.
    price_factor : float
        Factor on the bounds of prices: 1 as declared; another for tests of whether answers depend on them.

    Returns
    -------
    SingleLevel

    Raises
    ------
    ValueError
        For an unknown mode, a pair without proven bounds (``"bigm"``), a follower whose conditions cannot be stated, or
        products that stay.
    """
    import pyomo.environ as pyo

    if mode not in ("bigm", "sos1", "menu"):
        raise ValueError(f"unknown mode {mode!r}; known: bigm, sos1, menu")
    if strict and mode != "bigm":
        raise ValueError(f"strict={strict:g} needs the binaries of mode 'bigm', not {mode!r}")
    read = tuple(read_follower(block) for block in followers)
    model.conditions = pyo.Block(concrete=True)
    pairs: list[Pair] = []
    values: dict[int, Any] = {}
    duals: dict[int, Any] = {}
    prices = PriceMenus(model.conditions, menus or {}, bounds)
    for number, follower in enumerate(read):
        block = pyo.Block(concrete=True)
        model.conditions.add_component(f"follower_{number}", block)
        own = _state_conditions(block, follower, bounds, duals)
        if not follower.squares:
            values[id(follower.block)] = _dual_objective(follower, duals)
        if mode == "menu":
            _state_strong_duality(block, follower, values, prices)
        else:
            pairs += _state_pairs(block, own, mode, price_factor)
            if strict:
                state_margin(block, follower, pairs[-len(own) :], strict, (row_groups or {}).get(follower.block, ()))
        for objective in follower.block.component_data_objects(pyo.Objective, active=True, descend_into=True):
            objective.deactivate()
    restate_payments(model, read, values, prices, keep=mode == "sos1")
    return SingleLevel(model, read, tuple(pairs), values, duals)


def _state_conditions(
    block: Any, follower: Follower, bounds: Mapping[Any, tuple[float, float]], duals: dict[int, Any]
) -> list[Pair]:
    """State that the cost's gradient is what constraints are worth; return what has to be complementary."""
    import pyomo.environ as pyo

    equal = [row for row in follower.rows if row.equality]
    unequal = [row for row in follower.rows if not row.equality]
    signed = [one for one, sign in zip(follower.variables, follower.nonnegative, strict=True) if sign]
    block.worth = pyo.Var(range(len(equal)))
    block.limit_price = pyo.Var(range(len(unequal)), domain=pyo.NonNegativeReals)
    block.reduced_cost = pyo.Var(range(len(signed)), domain=pyo.NonNegativeReals)
    left = follower.gradient()
    for k, row in enumerate(equal):
        duals[id(row.constraint)] = block.worth[k]
        for variable, factor in row.terms:
            left[id(variable)] -= factor * block.worth[k]
    for k, row in enumerate(unequal):
        duals[id(row.constraint)] = block.limit_price[k]
        for variable, factor in row.terms:
            left[id(variable)] += factor * block.limit_price[k]
    for k, variable in enumerate(signed):
        left[id(variable)] -= block.reduced_cost[k]
    # Nothing is gained by using a little more or less of anything.
    block.stationary = pyo.Constraint(
        range(len(follower.variables)), rule=lambda _, j: left[id(follower.variables[j])] == 0.0
    )
    nothing = (float("nan"), float("nan"))
    found = []
    for k, row in enumerate(unequal):
        quantity = row.right - row.body
        found.append(Pair(row.constraint, quantity, block.limit_price[k], *bounds.get(row.constraint, nothing)))
    for k, variable in enumerate(signed):
        found.append(Pair(variable, variable, block.reduced_cost[k], *bounds.get(variable, nothing)))
    return found


def _state_pairs(block: Any, pairs: list[Pair], mode: Mode, price_factor: float) -> list[Pair]:
    """State that of each pair one side is zero."""
    import pyomo.environ as pyo

    if mode == "sos1":
        for pair in pairs:
            # A solver that cuts products needs to know how large a quantity can be; prices stay without any bound.
            if pair.source is pair.quantity and np.isfinite(pair.most):
                pair.source.setub(pair.most)
        block.side = pyo.Var(range(len(pairs)), (0, 1), domain=pyo.NonNegativeReals)
        # A special ordered set holds variables, so both sides of a pair are given one.
        block.quantity_is = pyo.Constraint(range(len(pairs)), rule=lambda b, k: b.side[k, 0] == pairs[k].quantity)
        block.price_is = pyo.Constraint(range(len(pairs)), rule=lambda b, k: b.side[k, 1] == pairs[k].price)
        block.one_is_zero = pyo.SOSConstraint(
            range(len(pairs)), var=block.side, index={k: [(k, 0), (k, 1)] for k in range(len(pairs))}, sos=1
        )
        return pairs
    for pair in pairs:
        for what, bound in (("quantity", pair.most), ("price", pair.dearest)):
            if not (np.isfinite(bound) and bound >= 0):
                remedy = "prove one and declare it, use mode 'sos1' (extra scip), or a menu of prices"
                raise ValueError(f"{pair.source.name} has no proven bound of its {what} ({bound:g}): {remedy}")
    block.positive = pyo.Var(range(len(pairs)), domain=pyo.Binary)
    # What may be positive has no price,
    block.quantity_or_price = pyo.Constraint(
        range(len(pairs)), rule=lambda b, k: pairs[k].quantity <= pairs[k].most * b.positive[k]
    )
    # and what has a price is zero.
    block.price_or_quantity = pyo.Constraint(
        range(len(pairs)),
        rule=lambda b, k: pairs[k].price <= price_factor * pairs[k].dearest * (1 - b.positive[k]),
    )
    declared = [
        Pair(one.source, one.quantity, one.price, one.most, price_factor * one.dearest, block.positive[k])
        for k, one in enumerate(pairs)
    ]
    return declared


def _dual_objective(follower: Follower, duals: Mapping[int, Any]) -> Any:
    """What the follower's constraints are worth, the least cost of a linear follower."""

    def worth(row: Row) -> Any:
        dual = duals[id(row.constraint)]
        return row.right * dual if row.equality else -row.right * dual

    return sum(worth(row) for row in follower.rows)


def _state_strong_duality(block: Any, follower: Follower, values: Mapping[int, Any], prices: PriceMenus) -> None:
    """State that a linear follower's cost is what its constraints are worth, in place of complementarity."""
    import pyomo.environ as pyo

    name = follower.block.name
    if id(follower.block) not in values:
        raise ValueError(f"mode 'menu' needs linear followers; the cost of {name} is quadratic")
    if not all(row.constant for row in follower.rows):
        raise ValueError(f"mode 'menu' needs constant sides without leader's variables in the constraints of {name}")
    paid = prices.products(follower.priced, f"{name}'s payments")
    # No follower pays more than its constraints are worth, so that it pays the least there is.
    block.least_cost = pyo.Constraint(expr=follower.own_cost + paid == values[id(follower.block)])
