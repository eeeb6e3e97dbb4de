r"""Program of an operator that chooses two prices from a menu, its members' optimality conditions as constraints.

For members with quadratic utility, one interval at a time, in units of ``model.energy`` and ``model.price``.

============================  ============================================  =============================  ========
symbol                        meaning                                       attribute                      unit
============================  ============================================  =============================  ========
:math:`i, h`                  member, price of the menu                     ``member``, ``level``
:math:`\pi_h`                 price of the menu                             ``menu``                       price
:math:`z^b_h, z^s_h`          whether a price is chosen                     ``buy_is``, ``sell_is``        0 or 1
:math:`b_i, s_i`              what a member buys, sells                     ``bought``, ``sold``           energy
:math:`x_i`                   what it uses                                  ``used``                       energy
:math:`\mu_i`                 what one more kWh is worth to it              ``worth``                      price
:math:`\bar\beta, \beta`      price of its greatest and least load          ``at_most``, ``at_least``      price
:math:`B_h, S_h`              bought and sold at a price of the menu        ``bought_at``, ``sold_at``     energy
:math:`g^+, g^-`              import, export of the community               ``imported``, ``exported``     energy
============================  ============================================  =============================  ========

Maximise :math:`\sum_h \pi_h (B_h - S_h) - \lambda_b g^+ + \lambda_s g^-` subject to one price for each side with
:math:`p_s \le p_b`, balances, and each member's conditions

.. math:: x = E + b - s, \quad a - q x = \mu + \bar\beta - \beta, \quad
          0 \le b \perp p_b - \mu \ge 0, \quad 0 \le s \perp \mu - p_s \ge 0, \\
          0 \le \bar\beta \perp \bar x - x \ge 0, \quad 0 \le \beta \perp x - \underline x \ge 0 .

**Products.** :math:`p_b \sum b = \sum_h \pi_h B_h` with :math:`B_h \le \bar B z_h` is exact for prices of the menu.

**Big-Ms, all proven.** :math:`b \le \bar x - E` and :math:`s \le E - \underline x` by the limits;
:math:`p_b - \mu` and :math:`\mu - p_s` are at most :math:`\lambda_b - \lambda_s`, as
:math:`\lambda_s \le p_s \le \mu \le p_b \le \lambda_b`. At the greatest load :math:`\bar\beta = a - q \bar x - \mu`
is at most :math:`a - q \bar x - \lambda_s`, at the least :math:`\beta \le \lambda_b - a + q \underline x`, and they are
never needed together. A constant that is too small only takes points away: members' answers stay what they are, and the
profit falls short of the kernel's on the same menu.

What is proved holds on the menu only: other prices may earn more.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017; the program, its menu and limits of loads are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.operator import OperatorInstance

if TYPE_CHECKING:
    import pyomo.environ as pyo


def build_price_menu(
    instance: OperatorInstance, interval: int, menu: np.ndarray, *, slack: float = 1.0
) -> pyo.ConcreteModel:
    """Most that an operator earns in one interval at prices of a menu.

    Parameters
    ----------
    instance : OperatorInstance
        What is given, with quadratic utility.
    interval : int
        Position of the interval.
    menu : (H,) array, currency/kWh
        Prices within the grid's bracket.
    slack : float
        Factor on the big-Ms of prices; 1 is proven, less is wrong: for tests of what catches that.

    Returns
    -------
    pyomo.environ.ConcreteModel
        In units of ``model.energy`` (kWh) and ``model.price`` (currency/kWh).
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel(name=f"price menu, interval {instance.interval[interval]}")
    model.energy = pyo.Param(initialize=float(instance.energy_size[interval].max()) or 1.0)
    model.price = pyo.Param(initialize=float(instance.price_size[interval]) or 1.0)
    model.member = pyo.RangeSet(0, len(instance.member) - 1)
    model.level = pyo.RangeSet(0, len(menu) - 1)
    model.menu = pyo.Param(model.level, initialize=dict(enumerate(np.asarray(menu) / model.price.value)))
    data = _per_unit(instance, interval, model.energy.value, model.price.value)
    _state_prices(model)
    _state_members(model, data, slack)
    _state_profit(model, data)
    return model


def _per_unit(instance: OperatorInstance, t: int, energy: float, price: float) -> dict[str, Any]:
    return {
        "own": (instance.generation_kwh[t] / energy).tolist(),
        "least": (instance.least_kwh[t] / energy).tolist(),
        "greatest": (instance.greatest_kwh[t] / energy).tolist(),
        "first": (instance.first_worth[t] / price).tolist(),
        "fall": (instance.saturation[t] * energy / price).tolist(),
        "low": float(instance.feed_in_price[t]) / price,
        "high": float(instance.retail_price[t]) / price,
    }


def _state_prices(model: Any) -> None:
    import pyomo.environ as pyo

    model.buy_is = pyo.Var(model.level, domain=pyo.Binary)
    model.sell_is = pyo.Var(model.level, domain=pyo.Binary)
    model.buy_price = pyo.Expression(expr=pyo.quicksum(model.menu[h] * model.buy_is[h] for h in model.level))
    model.sell_price = pyo.Expression(expr=pyo.quicksum(model.menu[h] * model.sell_is[h] for h in model.level))
    # Each side has one price of the menu.
    model.one_buying_price = pyo.Constraint(expr=pyo.quicksum(model.buy_is.values()) == 1)
    model.one_selling_price = pyo.Constraint(expr=pyo.quicksum(model.sell_is.values()) == 1)
    # Nobody is paid more than others pay.
    model.selling_is_not_dearer = pyo.Constraint(expr=model.sell_price <= model.buy_price)


def _state_members(model: Any, data: dict[str, Any], slack: float) -> None:
    import pyomo.environ as pyo

    own, least, greatest, first, fall = (data[name] for name in ("own", "least", "greatest", "first", "fall"))
    low, high = data["low"], data["high"]
    gap = slack * (high - low)
    who = model.member
    model.bought = pyo.Var(who, bounds=lambda m, i: (0, greatest[i] - own[i]))
    model.sold = pyo.Var(who, bounds=lambda m, i: (0, own[i] - least[i]))
    model.worth = pyo.Var(who, bounds=(low, high))
    model.at_most = pyo.Var(who, bounds=lambda m, i: (0, max(0.0, first[i] - fall[i] * greatest[i] - low)))
    model.at_least = pyo.Var(who, bounds=lambda m, i: (0, max(0.0, high - first[i] + fall[i] * least[i])))
    for name in ("buys", "sells", "is_full", "is_empty"):
        setattr(model, name, pyo.Var(who, domain=pyo.Binary))
    # What is used is what is generated and bought, less what is sold.
    model.used = pyo.Expression(who, rule=lambda m, i: own[i] + m.bought[i] - m.sold[i])
    # The last kWh used is worth the member's price, corrected where its load is at a limit.
    model.last_is_worth_its_price = pyo.Constraint(
        who, rule=lambda m, i: first[i] - fall[i] * m.used[i] == m.worth[i] + m.at_most[i] - m.at_least[i]
    )
    # Energy is worth no more than buying it costs, and no less than selling it brings.
    model.buying_costs_enough = pyo.Constraint(who, rule=lambda m, i: m.worth[i] <= m.buy_price)
    model.selling_brings_no_more = pyo.Constraint(who, rule=lambda m, i: m.worth[i] >= m.sell_price)
    # Nobody buys and sells at once.
    model.one_role = pyo.Constraint(who, rule=lambda m, i: m.buys[i] + m.sells[i] <= 1)
    # Who buys pays just what energy is worth to it.
    model.only_buyers_buy = pyo.Constraint(who, rule=lambda m, i: m.bought[i] <= (greatest[i] - own[i]) * m.buys[i])
    model.buyers_pay_worth = pyo.Constraint(who, rule=lambda m, i: m.buy_price - m.worth[i] <= gap * (1 - m.buys[i]))
    # Who sells is paid just what energy is worth to it.
    model.only_sellers_sell = pyo.Constraint(who, rule=lambda m, i: m.sold[i] <= (own[i] - least[i]) * m.sells[i])
    model.sellers_get_worth = pyo.Constraint(who, rule=lambda m, i: m.worth[i] - m.sell_price <= gap * (1 - m.sells[i]))
    # A limit has a price only where it binds.
    model.full_is_greatest = pyo.Constraint(
        who, rule=lambda m, i: greatest[i] - m.used[i] <= (greatest[i] - least[i]) * (1 - m.is_full[i])
    )
    model.only_full_pays = pyo.Constraint(who, rule=lambda m, i: m.at_most[i] <= m.at_most[i].ub * m.is_full[i])
    model.empty_is_least = pyo.Constraint(
        who, rule=lambda m, i: m.used[i] - least[i] <= (greatest[i] - least[i]) * (1 - m.is_empty[i])
    )
    model.only_empty_pays = pyo.Constraint(who, rule=lambda m, i: m.at_least[i] <= m.at_least[i].ub * m.is_empty[i])


def _state_profit(model: Any, data: dict[str, Any]) -> None:
    import pyomo.environ as pyo

    most_bought = sum(model.bought[i].ub for i in model.member)
    most_sold = sum(model.sold[i].ub for i in model.member)
    model.bought_at = pyo.Var(model.level, bounds=(0, most_bought))
    model.sold_at = pyo.Var(model.level, bounds=(0, most_sold))
    model.imported = pyo.Var(bounds=(0, most_bought))
    model.exported = pyo.Var(bounds=(0, most_sold))
    # All that is bought is bought at the chosen price, and all that is sold is sold at it.
    model.bought_at_price = pyo.Constraint(model.level, rule=lambda m, h: m.bought_at[h] <= most_bought * m.buy_is[h])
    model.sold_at_price = pyo.Constraint(model.level, rule=lambda m, h: m.sold_at[h] <= most_sold * m.sell_is[h])
    bought, sold = pyo.quicksum(model.bought.values()), pyo.quicksum(model.sold.values())
    model.all_is_bought = pyo.Constraint(expr=pyo.quicksum(model.bought_at.values()) == bought)
    model.all_is_sold = pyo.Constraint(expr=pyo.quicksum(model.sold_at.values()) == sold)
    # The grid supplies or takes what is left over.
    model.grid_balances = pyo.Constraint(expr=model.imported - model.exported == bought - sold)
    # What members pay less what they and the grid are paid.
    paid = pyo.quicksum(model.menu[h] * (model.bought_at[h] - model.sold_at[h]) for h in model.level)
    grid = data["high"] * model.imported - data["low"] * model.exported
    model.profit = pyo.Objective(expr=paid - grid, sense=pyo.maximize)
