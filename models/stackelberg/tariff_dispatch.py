"""Programs of schedules beside the bilevel game: answers to prices, the best for all together, the least payment.

All are linear but for :func:`state_dearest`; symbols as in :mod:`.tariff_program`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.tariff import TariffInstance
from .tariff_constants import most_traded
from .tariff_program import frame, state_grid, state_member, used

if TYPE_CHECKING:
    import pyomo.environ as pyo


def build_dispatch(
    instance: TariffInstance,
    buy_price: np.ndarray | None = None,
    sell_price: np.ndarray | None = None,
    idle: Mapping[str, np.ndarray] | None = None,
) -> pyo.ConcreteModel:
    """Members' schedules at given prices, or all together at the grid's.

    Parameters
    ----------
    instance : TariffInstance
        What is given.
    buy_price, sell_price : (T,) arrays, currency/kWh, optional
        The operator's prices, at which each member's cost is least; without them the cost of all together is, wear and
        what the grid is paid.
    idle : mapping of str to (T, n) array of bool, optional
        Which of ``bought``, ``sold``, ``charged`` and ``discharged`` are zero, and which of ``full_charge``, … are at
        their greatest, in every answer at the prices; then what all together cost is least among members' answers.

    Returns
    -------
    pyomo.environ.ConcreteModel
        In units of ``model.energy`` and ``model.price``; duals of ``follower[i].balance`` and ``follower[i].content``
        are the worth of energy and of what is stored.
    """
    import pyomo.environ as pyo

    model = frame(instance, "dispatch")
    model.follower = pyo.Block(model.member, rule=lambda b, i: state_member(b, instance, i, model.unit[i]))
    wear = [float(instance.wear_price[i]) / model.price.value * used(model.follower[i]) for i in model.member]
    if buy_price is not None and sell_price is not None and idle is None:
        buy, sell = buy_price / model.price.value, sell_price / model.price.value
        paid = sum(
            float(buy[t]) * model.follower[i].bought[t] - float(sell[t]) * model.follower[i].sold[t]
            for i in model.member
            for t in model.interval
        )
        # What members pay, each for itself and in its own unit.
        model.cost = pyo.Objective(expr=paid + sum(wear), sense=pyo.minimize)
        return model
    state_grid(model, instance)
    if idle is not None:
        _fix_face(model, instance, idle)
    # What all together pay the grid, and wear.
    together = sum(model.weight[i] * wear[i] for i in model.member)
    model.cost = pyo.Objective(expr=model.grid_cost + together, sense=pyo.minimize)
    return model


def build_least_payment(instance: TariffInstance) -> pyo.ConcreteModel:
    """Schedules whose greatest cost over all prices that keep the caps is least: they prove the bound on profit.

    For each of the two prices the greatest payment is the value of a program with one constraint, the mean, and
    stands here as its dual.

    Parameters
    ----------
    instance : TariffInstance
        What is given.

    Returns
    -------
    pyomo.environ.ConcreteModel
    """
    import pyomo.environ as pyo

    model = frame(instance, "least payment")
    model.follower = pyo.Block(model.member, rule=lambda b, i: state_member(b, instance, i, model.unit[i]))
    steps, price = len(instance.interval), model.price.value
    low, high = instance.feed_in_price / price, instance.retail_price / price
    model.cap_worth = pyo.Var(domain=pyo.NonNegativeReals)
    model.floor_worth = pyo.Var(domain=pyo.NonNegativeReals)
    model.most_paid = pyo.Var(model.interval)
    model.least_received = pyo.Var(model.interval)
    ends = {0: low, 1: high}

    def all_of(m: pyo.ConcreteModel, name: str, t: int) -> object:
        return sum(m.weight[i] * getattr(m.follower[i], name)[t] for i in m.member)

    # What is bought costs as much as at either end of the bracket, less what the cap of the mean takes off.
    @model.Constraint(model.interval, [0, 1])
    def paid_at_an_end(m: pyo.ConcreteModel, t: int, end: int) -> object:
        return m.most_paid[t] >= float(ends[end][t]) * (all_of(m, "bought", t) - m.cap_worth)

    # What is sold earns as little as at either end, and what the floor of the mean adds.
    @model.Constraint(model.interval, [0, 1])
    def received_at_an_end(m: pyo.ConcreteModel, t: int, end: int) -> object:
        return m.least_received[t] <= float(ends[end][t]) * (all_of(m, "sold", t) - m.floor_worth)

    # The greatest cost, wear included.
    @model.Objective(sense=pyo.minimize)
    def cost(m: pyo.ConcreteModel) -> object:
        means = instance.mean_buy_cap * m.cap_worth - instance.mean_sell_floor * m.floor_worth
        paid = sum(m.most_paid.values()) - sum(m.least_received.values()) + steps / price * means
        wear = sum(m.weight[i] * float(instance.wear_price[i]) / price * used(m.follower[i]) for i in m.member)
        return paid + wear

    return model


def state_dearest(model: Any, instance: TariffInstance) -> None:
    """Turn a dispatch among members' answers into the one that is worst for the operator.

    The grid's cost is convex, so that its greatest value needs a binary for each interval: which side is traded.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        Of :func:`build_dispatch` with ``idle``.
    instance : TariffInstance
        What is given.
    """
    import pyomo.environ as pyo

    model.imports = pyo.Var(model.interval, domain=pyo.Binary)
    bought, sold = most_traded(instance)
    most = bought.sum(axis=1) / model.energy.value, sold.sum(axis=1) / model.energy.value

    # The community imports or exports, not both.
    @model.Constraint(model.interval)
    def imports_only_when_short(m: Any, t: int) -> object:
        return m.imported[t] <= float(most[0][t]) * m.imports[t]

    @model.Constraint(model.interval)
    def exports_only_when_long(m: Any, t: int) -> object:
        return m.exported[t] <= float(most[1][t]) * (1 - m.imports[t])

    model.cost.sense = pyo.maximize


def _fix_face(model: Any, instance: TariffInstance, idle: Mapping[str, np.ndarray]) -> None:
    """Fix what is the same in every answer: variables with a reduced cost at zero, limits with a price at the limit."""
    unit = np.array([model.unit[i] for i in model.member])
    power, room = instance.power_kwh / unit, instance.capacity_kwh / unit
    for name, at in (("bought", None), ("sold", None), ("charged", power), ("discharged", power), ("stored", room)):
        for t, i in np.argwhere(idle[name]):
            getattr(model.follower[i], name)[t].fix(0.0)
        if at is not None:
            for t, i in np.argwhere(idle[f"full_{name}"]):
                getattr(model.follower[i], name)[t].fix(float(at[i]))
