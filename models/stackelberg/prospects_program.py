r"""Programs of members who do not know tomorrow's price: their equilibrium, and one member's answer over scenarios.

*Equilibrium* (:func:`build_equilibrium`). Where losses count as gains do (k = 1) all members minimise one function at
once, the negative of the potential

.. math:: \Phi(x) = (\bar\rho - \rho_b) \sum_n x_n
          - \tfrac{\alpha}{2} \Bigl[ \bigl(\sum_n x_n\bigr)^2 + \sum_n x_n^2 \Bigr] ,

whose derivative by each :math:`x_n` is that of the member's own expectation. It is strictly concave for
:math:`\alpha > 0`, so the equilibrium is unique. The leader's price is a variable, and the whole a bilevel program with
one follower.

*Answer over scenarios* (:func:`build_answer`). With losses that count more, a member that keeps y maximises the mean of
:math:`y (\rho_s - \theta) - (k - 1) \ell_s`, :math:`\ell_s \ge y (\theta - \rho_s)`, over scenarios of tomorrow's
price, where :math:`y\,\theta = y\,(\rho_b + \alpha (X_{-n} + y - 2 A))` is convex in y: a conic program.

==========================  ==========================================  ==================  ==============
symbol                      meaning                                     attribute           unit
==========================  ==========================================  ==================  ==============
:math:`x_n`                 what a member buys                          ``bought``          kWh
:math:`\rho_b`              the leader's base price                     ``base_price``      currency/kWh
:math:`\bar\rho`            mean of tomorrow's price                                        currency/kWh
:math:`\alpha, A`           slope of today's price, energy stored                           of the instance
:math:`y, \ell_s`           energy kept, loss in a scenario             ``kept``, ``loss``  kWh, currency
==========================  ==========================================  ==================  ==============

Source: El Rahi et al., IEEE TSG 10(1), 2019 (the game); potential and scenario program are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.prospects import ProspectsInstance

if TYPE_CHECKING:
    import cvxpy as cp
    import pyomo.environ as pyo


def build_equilibrium(
    instance: ProspectsInstance, interval: int, base_price: float | None = None
) -> tuple[pyo.ConcreteModel, Mapping[Any, tuple[float, float]]]:
    """All members' answers as one convex program, below a leader that sets the price or at a given price.

    Parameters
    ----------
    instance : ProspectsInstance
        Without loss aversion and with a slope.
    interval : int
        Position of the interval.
    base_price : float, currency/kWh, optional
        Given price: then the model is the equilibrium alone. Without it the leader's profit is maximised over its
        range, and ``model.members`` is the follower.

    Returns
    -------
    model : pyomo.environ.ConcreteModel
    bounds : mapping (ComponentMap) of variable to (float, float)
        Proven bounds of what is kept and of its reduced cost; empty at a given price.
    """
    import pyomo.environ as pyo
    from pyomo.common.collections import ComponentMap

    t, who = interval, range(len(instance.member))
    slope, stored, capacity = float(instance.price_slope[t]), instance.stored_kwh[t], instance.capacity_kwh[t]
    tomorrow = 0.5 * float(instance.future_low[t] + instance.future_high[t])
    model = pyo.ConcreteModel(f"equilibrium, interval {instance.interval[t]}")
    model.members = pyo.Block()
    members = model.members
    # What each keeps is not negative, and no more than it can keep.
    members.kept = pyo.Var(who, domain=pyo.NonNegativeReals)
    members.room = pyo.Constraint(who, rule=lambda b, n: b.kept[n] <= float(capacity[n]))
    members.bought = pyo.Expression(who, rule=lambda b, n: b.kept[n] - float(stored[n]))
    total = sum(members.bought[n] for n in who)
    squares = sum(members.bought[n] ** 2 for n in who)
    if base_price is None:
        model.base_price = pyo.Var(bounds=(float(instance.price_low[t]), float(instance.price_high[t])))
        price: Any = model.base_price
    else:
        price = float(base_price)
    # The members' potential; alone in parts of the slope, so that its squares are of the size of one.
    unit = 1.0 if base_price is None else slope
    potential = (price - tomorrow) / unit * total + 0.5 * (slope / unit) * (total**2 + squares)
    members.potential = pyo.Objective(expr=potential)
    bounds = ComponentMap()
    if base_price is not None:
        return model, bounds
    # What the leader earns: today's price less what energy costs it, for all that is bought.
    profit = (model.base_price - float(instance.supply_price[t])) * total + slope * total**2
    model.profit = pyo.Objective(expr=profit, sense=pyo.maximize)
    for n in who:
        bounds[members.kept[n]] = float(capacity[n]), float("nan")
    return model, bounds


def build_answer(
    instance: ProspectsInstance, interval: int, member: int, base_price: float, others: float, scenarios: np.ndarray
) -> tuple[cp.Problem, cp.Variable]:
    """One member's answer over scenarios of tomorrow's price, the others as they are.

    Parameters
    ----------
    instance : ProspectsInstance
        With straight gains and losses.
    interval, member : int
        Positions.
    base_price : float, currency/kWh
        Of the leader.
    others : float, kWh
        What the others buy together.
    scenarios : (S,) array, currency/kWh
        Prices of tomorrow, each as likely as another.

    Returns
    -------
    problem : cvxpy.Problem
    kept : cvxpy.Variable
        In kWh.
    """
    import cvxpy as cp

    slope, stored = float(instance.price_slope[interval]), float(instance.stored_kwh[interval, member])
    aversion = float(instance.loss_aversion[member])
    kept = cp.Variable(nonneg=True, name="kept")
    loss = cp.Variable(len(scenarios), nonneg=True, name="loss")
    # What selling all would have brought for what is kept.
    forgone = (base_price + slope * (others - 2.0 * stored)) * kept + slope * cp.square(kept)
    # A loss is what tomorrow brings less than that.
    constraints = [loss >= forgone - scenarios * kept, kept <= float(instance.capacity_kwh[interval, member])]
    gain = float(scenarios.mean()) * kept - forgone - (aversion - 1.0) * cp.sum(loss) / len(scenarios)
    return cp.Problem(cp.Maximize(gain), constraints), kept
