r"""Program of an operator's two prices for members with quadratic utility, declared as the game is.

============================  ============================================  =============================  ========
symbol                        meaning                                       attribute                      unit
============================  ============================================  =============================  ========
:math:`i`                     member                                        ``member``
:math:`p_b, p_s`              what members pay, and are paid                ``buy_price``, ``sell_price``  price
:math:`b_i, s_i`              what a member buys, sells                     ``bought``, ``sold``           energy
:math:`x_i`                   what it uses, :math:`E_i + b_i - s_i`         ``used``                       energy
:math:`g^+, g^-`              import, export of the community               ``imported``, ``exported``     energy
============================  ============================================  =============================  ========

**Leader.** Maximise :math:`p_b \sum b - p_s \sum s - \lambda_b g^+ + \lambda_s g^-` subject to
:math:`\lambda_s \le p_s \le p_b \le \lambda_b` and :math:`g^+ - g^- = \sum (b - s)`.

**Follower** i. Minimise :math:`p_b b - p_s s - (a x - q x^2 / 2)` subject to
:math:`\underline x \le x \le \bar x` and :math:`b, s \ge 0`.

**Bounds, all proven.** :math:`b \le \bar x - E` and :math:`s \le E - \underline x` by the limits, as buying and selling
at once gains nothing. With :math:`\mu` what energy is worth to a member, the reduced costs :math:`p_b - \mu` and
:math:`\mu - p_s` are at most :math:`\lambda_b - \lambda_s`, as
:math:`\lambda_s \le p_s \le \mu \le p_b \le \lambda_b`. At the greatest load its price :math:`a - q \bar x - \mu` is at
most :math:`a - q \bar x - \lambda_s`, at the least :math:`\mu - a + q \underline x` at most
:math:`\lambda_b - a + q \underline x`, and they are never needed together. A bound that is too small only takes points
away: members' answers stay what they are, and the profit falls short of the kernel's.

The products stay when followers are replaced by their conditions, since utilities are not linear: prices from a menu
make them linear, or SCIP takes them as they are. Each interval is a program of its own, in units of ``model.energy``
and ``model.price``.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017; the program and limits of loads are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...instances.operator import OperatorInstance

if TYPE_CHECKING:
    import pyomo.environ as pyo


def build_pricing(
    instance: OperatorInstance, interval: int
) -> tuple[pyo.ConcreteModel, Mapping[Any, tuple[float, float]]]:
    """Most that an operator earns in one interval: a leader, followers with objectives of their own, proven bounds.

    Parameters
    ----------
    instance : OperatorInstance
        What is given, with quadratic utility.
    interval : int
        Position of the interval.

    Returns
    -------
    model : pyomo.environ.ConcreteModel
        In units of ``model.energy`` (kWh) and ``model.price`` (currency/kWh); followers are ``model.follower[i]``.
    bounds : mapping (ComponentMap) of constraint or variable to (float, float)
        Proven bounds of quantity and price.
    """
    import pyomo.environ as pyo
    from pyomo.common.collections import ComponentMap

    model = pyo.ConcreteModel(name=f"pricing, interval {instance.interval[interval]}")
    energy = float(instance.energy_size[interval].max()) or 1.0
    price = float(instance.price_size[interval]) or 1.0
    model.energy, model.price = pyo.Param(initialize=energy), pyo.Param(initialize=price)
    model.member = pyo.RangeSet(0, len(instance.member) - 1)
    low, high = (float(one[interval]) / price for one in (instance.feed_in_price, instance.retail_price))
    model.buy_price = pyo.Var(bounds=(low, high))
    model.sell_price = pyo.Var(bounds=(low, high))
    # Nobody is paid more than others pay.
    model.selling_is_not_dearer = pyo.Constraint(expr=model.sell_price <= model.buy_price)
    bounds = ComponentMap()

    def member(block: Any, i: int) -> None:
        _state_member(block, model, _per_unit(instance, interval, i, energy, price), bounds)

    model.follower = pyo.Block(model.member, rule=member)
    model.imported = pyo.Var(domain=pyo.NonNegativeReals)
    model.exported = pyo.Var(domain=pyo.NonNegativeReals)
    bought, sold = (pyo.quicksum(getattr(model.follower[i], name) for i in model.member) for name in ("bought", "sold"))
    # The grid supplies or takes what is left over.
    model.grid_balances = pyo.Constraint(expr=model.imported - model.exported == bought - sold)
    # What members pay less what they and the grid are paid.
    paid = model.buy_price * bought - model.sell_price * sold
    grid = high * model.imported - low * model.exported
    model.profit = pyo.Objective(expr=paid - grid, sense=pyo.maximize)
    return model, bounds


def _per_unit(instance: OperatorInstance, t: int, i: int, energy: float, price: float) -> dict[str, float]:
    return {
        "own": float(instance.generation_kwh[t, i]) / energy,
        "least": float(instance.least_kwh[t, i]) / energy,
        "greatest": float(instance.energy_size[t, i]) / energy,
        "first": float(instance.first_worth[t, i]) / price,
        "fall": float(instance.saturation[t, i]) * energy / price,
        "low": float(instance.feed_in_price[t]) / price,
        "high": float(instance.retail_price[t]) / price,
    }


def _state_member(block: Any, model: Any, data: Mapping[str, float], bounds: Any) -> None:
    """State what a member wants and can do, and how large its quantities and their prices can be."""
    import pyomo.environ as pyo

    own, least, greatest, low, high = (data[name] for name in ("own", "least", "greatest", "low", "high"))
    block.bought = pyo.Var(domain=pyo.NonNegativeReals)
    block.sold = pyo.Var(domain=pyo.NonNegativeReals)
    # What is used is what is generated and bought, less what is sold.
    block.used = pyo.Expression(expr=own + block.bought - block.sold)
    # Loads keep their limits.
    block.at_most = pyo.Constraint(expr=block.bought - block.sold <= greatest - own)
    block.at_least = pyo.Constraint(expr=block.sold - block.bought <= own - least)
    # What is paid, less what using it is worth.
    worth = data["first"] * block.used - 0.5 * data["fall"] * block.used**2
    block.cost = pyo.Objective(expr=model.buy_price * block.bought - model.sell_price * block.sold - worth)
    bounds[block.bought] = greatest - own, high - low
    bounds[block.sold] = own - least, high - low
    bounds[block.at_most] = greatest - least, max(0.0, data["first"] - data["fall"] * greatest - low)
    bounds[block.at_least] = greatest - least, max(0.0, high - data["first"] + data["fall"] * least)
