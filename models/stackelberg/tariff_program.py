r"""Programs of an operator's tariff for members with batteries, declared as the bilevel game is.

============================  =================================================  =======================  =======
symbol                        meaning                                            attribute                unit
============================  =================================================  =======================  =======
:math:`t, i`                  interval, member                                   ``interval``, ``member``
:math:`\pi^b_t, \pi^s_t`      price of buying from, selling to the operator      ``buy_price``, …         price
:math:`b_t, s_t`              what a member buys, sells                          ``bought``, ``sold``     energy
:math:`c_t, d_t`              what its battery is charged, discharged            ``charged``, …           energy
:math:`e_t`                   content after interval t, the last one left out    ``stored``               energy
:math:`n_t`                   its net load without the battery                                            energy
:math:`\mu_t`                 dual of its balance: worth of energy                                        price
:math:`v_t`                   dual of its content: worth of what is stored                                price
:math:`g^+_t, g^-_t`          import, export of the community                    ``imported``, …          energy
============================  =================================================  =======================  =======

**Leader.** Maximise
:math:`\sum_i \sum_t (\pi^b_t b_{it} - \pi^s_t s_{it}) - \sum_t (\lambda^b_t g^+_t - \lambda^s_t g^-_t)`
subject to :math:`\lambda^s_t \le \pi^s_t \le \pi^b_t \le \lambda^b_t`, the cap of the mean buying price, the floor of
the mean selling price, and :math:`g^+ - g^- = \sum_i (b_i - s_i)`.

**Follower** i. Minimise :math:`\sum_t \pi^b_t b_t - \pi^s_t s_t + w (c_t + d_t)` subject to

.. math:: b_t - s_t + d_t - c_t = n_t, \quad e_t - e_{t-1} - \eta c_t + d_t / \eta = 0, \quad e_0 = e_T = E_0, \\
          c_t \le P, \quad d_t \le P, \quad e_t \le \bar E, \quad \text{all} \ge 0 .

**Bounds, all proven.** :math:`b_t \le (n_t + P)^+` and :math:`s_t \le (P - n_t)^+`, as buying and selling at once gains
nothing. :math:`\mu_t \in [\pi^s_t, \pi^b_t] \subseteq [\lambda^s_t, \lambda^b_t]`, since buying and selling have no
limits of their own. The worth of what is stored may be put between :math:`\eta (\mu_{\min} - w)` and
:math:`(\mu_{\max} + w) / \eta`: that is monotone in :math:`v`, so that the sign of each reduced cost of the battery
stays or the cost becomes zero, and the same schedule stays optimal (it needs :math:`\mu \ge 0`, which is why feed-in
prices must not be negative). What remains is arithmetic of intervals. Where answers must be better by a margin
:math:`\delta`, worths outside of that range are pressed together to steps of :math:`\delta` instead of to one value, so
that it is wider by :math:`(T + 1) \delta / \eta` on either side.

Energy is in units of ``model.energy`` and prices in units of ``model.price``.

Source: our formulation; products replaced by strong duality as in Pineda and Morales (IEEE Trans. Power Syst., 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...instances.tariff import TariffInstance
from .tariff_constants import proven_bounds

if TYPE_CHECKING:
    import pyomo.environ as pyo


def build_bilevel(
    instance: TariffInstance, *, margin: float = 0.0
) -> tuple[pyo.ConcreteModel, Mapping[Any, tuple[float, float]]]:
    """The game as it is: a leader, followers with objectives of their own, and proven bounds for their conditions.

    Parameters
    ----------
    instance : TariffInstance
        What is given.
    margin : float, currency/kWh
        By how much members' answers will have to be better than others; bounds leave room for it.

    Returns
    -------
    model : pyomo.environ.ConcreteModel
        Followers are ``model.follower[i]``; no solver takes it before they are replaced by their conditions.
    bounds : mapping (ComponentMap) of constraint or variable to (float, float)
        Proven bounds of quantity and price.
    """
    import pyomo.environ as pyo

    model = frame(instance, "tariff")
    low, high = instance.feed_in_price / model.price.value, instance.retail_price / model.price.value
    steps = len(instance.interval)
    model.buy_price = pyo.Var(model.interval, bounds=lambda m, t: (float(low[t]), float(high[t])))
    model.sell_price = pyo.Var(model.interval, bounds=lambda m, t: (float(low[t]), float(high[t])))

    # Nobody is paid more than others pay.
    @model.Constraint(model.interval)
    def selling_is_not_dearer(m: pyo.ConcreteModel, t: int) -> object:
        return m.sell_price[t] <= m.buy_price[t]

    # Members do not pay more than was promised on average,
    @model.Constraint()
    def buying_is_cheap_on_average(m: pyo.ConcreteModel) -> object:
        return sum(m.buy_price.values()) <= steps * instance.mean_buy_cap / m.price.value

    # nor do they receive less.
    @model.Constraint()
    def selling_is_worth_it_on_average(m: pyo.ConcreteModel) -> object:
        return sum(m.sell_price.values()) >= steps * instance.mean_sell_floor / m.price.value

    def member(block: Any, i: int) -> None:
        state_member(block, instance, i, model.unit[i])

        # What the member pays the operator, and its battery's wear.
        @block.Objective(sense=pyo.minimize)
        def cost(b: Any) -> object:
            wear = float(instance.wear_price[i]) / model.price.value
            paid = sum(model.buy_price[t] * b.bought[t] - model.sell_price[t] * b.sold[t] for t in model.interval)
            return paid + wear * sum(b.charged[t] + b.discharged[t] for t in model.interval)

    model.follower = pyo.Block(model.member, rule=member)
    state_grid(model, instance)

    # What members pay less what the grid is paid.
    @model.Objective(sense=pyo.maximize)
    def profit(m: pyo.ConcreteModel) -> object:
        paid = sum(
            m.weight[i] * (m.buy_price[t] * m.follower[i].bought[t] - m.sell_price[t] * m.follower[i].sold[t])
            for i in m.member
            for t in m.interval
        )
        return paid - m.grid_cost

    return model, proven_bounds(model, instance, margin / model.price.value)


def rows_of_spans(model: pyo.ConcreteModel) -> Mapping[Any, list[list[Any]]]:
    """Each member's constraints of each span of consecutive intervals, for counting what is positive in them.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        Of :func:`build_bilevel`.

    Returns
    -------
    mapping (ComponentMap) of block to list of lists of constraints
    """
    from pyomo.common.collections import ComponentMap

    found, steps = ComponentMap(), len(model.interval)
    spans = [(first, last) for first in range(steps) for last in range(first, steps) if last - first < steps - 1]
    for block in model.follower.values():
        kinds = (block.balance, block.content, block.charge_limit, block.discharge_limit)
        found[block] = [
            [kind[t] for kind in kinds for t in range(first, last + 1)]
            + [block.room_limit[t] for t in range(first, last)]
            for first, last in spans
        ]
    return found


def frame(instance: TariffInstance, name: str) -> Any:
    """An empty program with the units and index sets of all programs of the game."""
    import pyomo.environ as pyo

    model = pyo.ConcreteModel(name)
    model.energy = pyo.Param(initialize=float(instance.energy_size.max()) or 1.0)
    model.price = pyo.Param(initialize=instance.price_size or 1.0)
    # Each member counts in its own unit, so that tolerances of solvers mean the same to large and small ones.
    unit = {i: float(size) or 1.0 for i, size in enumerate(instance.energy_size)}
    model.unit = pyo.Param(range(len(unit)), initialize=unit)
    model.weight = pyo.Param(range(len(unit)), initialize={i: one / model.energy.value for i, one in unit.items()})
    model.interval = pyo.RangeSet(0, len(instance.interval) - 1)
    model.member = pyo.RangeSet(0, len(instance.member) - 1)
    return model


def used(block: Any) -> Any:
    """What goes through a member's battery."""
    return sum(block.charged.values()) + sum(block.discharged.values())


def state_member(block: Any, instance: TariffInstance, i: int, energy: float) -> None:
    """State what a member can do, limits as constraints, since conditions are made of these."""
    import pyomo.environ as pyo

    steps = len(instance.interval)
    intervals, inner = range(steps), range(steps - 1)
    net = (instance.net_kwh[:, i] / energy).tolist()
    power, room = float(instance.power_kwh[i]) / energy, float(instance.capacity_kwh[i]) / energy
    start, part = float(instance.initial_kwh[i]) / energy, float(instance.efficiency[i])
    for name in ("bought", "sold", "charged", "discharged"):
        block.add_component(name, pyo.Var(intervals, domain=pyo.NonNegativeReals))
    block.stored = pyo.Var(inner, domain=pyo.NonNegativeReals)

    def after(t: int) -> Any:
        return block.stored[t] if 0 <= t < steps - 1 else start

    # What is used, sold and charged is generated, bought or discharged.
    @block.Constraint(intervals)
    def balance(b: Any, t: int) -> object:
        return b.bought[t] - b.sold[t] + b.discharged[t] - b.charged[t] == net[t]

    # What is stored is what was, and what comes in and goes out.
    @block.Constraint(intervals)
    def content(b: Any, t: int) -> object:
        return after(t) - after(t - 1) - part * b.charged[t] + b.discharged[t] * (1.0 / part) == 0.0

    # No more is charged, discharged or stored than the battery bears.
    @block.Constraint(intervals)
    def charge_limit(b: Any, t: int) -> object:
        return b.charged[t] <= power

    @block.Constraint(intervals)
    def discharge_limit(b: Any, t: int) -> object:
        return b.discharged[t] <= power

    @block.Constraint(inner)
    def room_limit(b: Any, t: int) -> object:
        return b.stored[t] <= room


def state_grid(model: Any, instance: TariffInstance) -> None:
    """State what the community exchanges with the grid."""
    import pyomo.environ as pyo

    model.imported = pyo.Var(model.interval, domain=pyo.NonNegativeReals)
    model.exported = pyo.Var(model.interval, domain=pyo.NonNegativeReals)
    low, high = instance.feed_in_price / model.price.value, instance.retail_price / model.price.value

    # The grid supplies or takes what members leave over.
    @model.Constraint(model.interval)
    def grid_balances(m: Any, t: int) -> object:
        net = sum(m.weight[i] * (m.follower[i].bought[t] - m.follower[i].sold[t]) for i in m.member)
        return m.imported[t] - m.exported[t] == net

    model.grid_cost = pyo.Expression(
        expr=sum(float(high[t]) * model.imported[t] - float(low[t]) * model.exported[t] for t in model.interval)
    )
