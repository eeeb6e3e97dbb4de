r"""Programs of settlement: social cost, least core, and the group with most reason to leave.

====================  ==========================================  =====================  ============
symbol                meaning                                     attribute              unit
====================  ==========================================  =====================  ============
:math:`i, t, S`       member, interval, group of members
:math:`n_{it}`        net load: demand minus supply               ``net_kwh``            kWh
:math:`b_t, f_t`      retail and feed-in price                    ``retail_price``, …    currency/kWh
:math:`I_t, X_t`      import and export of the community          ``imported``, …        kWh
:math:`\mu_t`         dual of the balance: Owen's price                                  currency/kWh
:math:`x_i`           bill                                        ``bill``               of the unit
:math:`c(S)`          cost of a group by itself                   ``costs``              of the unit
:math:`\varepsilon`   greatest excess                             ``excess``             of the unit
:math:`z_i`           whether a member belongs to the group       ``belongs``            1
:math:`k_t`           what the group pays the grid                ``paid``               of the unit
====================  ==========================================  =====================  ============

*Social cost* (:func:`build_social_cost`): minimise :math:`\sum_t b_t I_t - f_t X_t` subject to
:math:`I_t - X_t = \sum_i n_{it}`. Bills at its duals, :math:`\sum_t \mu_t n_{it}`, add up to the optimum and cannot be
bettered by any group (Owen 1975), which is why the program belongs here although its primal has nothing to decide.

*Least core* (:func:`build_least_core`): minimise :math:`\varepsilon` subject to :math:`\sum_i x_i = c(N)` and
:math:`\sum_{i \in S} x_i \le c(S) + \varepsilon` for the groups that are open, with equality at their own level for
those that are settled. With all groups open it is the least core; settling what is tight in every optimum, level by
level, leads to the nucleolus (Schmeidler 1969; Maschler, Peleg and Shapley 1979).

*Nearest bills* (:func:`build_nearest_bills`): of all bills with a given excess, those with the least
:math:`\sum_i ((x_i - \hat x_i) / \hat x_i)^2` to given ones :math:`\hat x`.

*Most aggrieved group* (:func:`build_most_aggrieved`): maximise :math:`\sum_i x_i z_i - \sum_t k_t` subject to
:math:`k_t \ge b_t \sum_i n_{it} z_i`, :math:`k_t \ge f_t \sum_i n_{it} z_i`, with at least two members inside
and one outside.

Money is in units of a scale that the caller chooses, so that tolerances of the solver are relative to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...instances.settlement import SettlementInstance

if TYPE_CHECKING:
    import cvxpy as cp
    import pyomo.environ as pyo

Group = tuple[int, ...]


@dataclass(frozen=True)
class NearestBills:
    """A convex program and where its bills are.

    Parameters
    ----------
    problem : cvxpy.Problem
        The program.
    bill : cvxpy.Expression
        (members,) Bill of each member, in the unit of the costs.
    """

    problem: cp.Problem
    bill: cp.Expression


def build_social_cost(instance: SettlementInstance) -> pyo.ConcreteModel:
    """Least that the community pays the grid; the duals of ``community_is_balanced`` are Owen's prices.

    Parameters
    ----------
    instance : SettlementInstance
        What is given.

    Returns
    -------
    pyomo.environ.ConcreteModel
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel("social cost")
    model.interval = pyo.RangeSet(0, len(instance.interval) - 1)
    model.imported = pyo.Var(model.interval, domain=pyo.NonNegativeReals)
    model.exported = pyo.Var(model.interval, domain=pyo.NonNegativeReals)
    total = instance.net_kwh.sum(axis=1)

    # What is imported minus what is exported is what members are short of together.
    @model.Constraint(model.interval)
    def community_is_balanced(m: pyo.ConcreteModel, t: int) -> object:
        return m.imported[t] - m.exported[t] == float(total[t])

    # What the grid is paid, less what it pays.
    @model.Objective(sense=pyo.minimize)
    def social_cost(m: pyo.ConcreteModel) -> object:
        retail, feed_in = instance.retail_price, instance.feed_in_price
        return sum(float(retail[t]) * m.imported[t] - float(feed_in[t]) * m.exported[t] for t in m.interval)

    return model


def build_least_core(
    members: int,
    total: float,
    costs: Mapping[Group, float],
    settled: Mapping[Group, float] | None = None,
) -> pyo.ConcreteModel:
    """Bills whose greatest excess over the open groups is least.

    Parameters
    ----------
    members : int
        How many.
    total : float
        What bills add up to.
    costs : mapping of tuple of int to float
        Cost of each open group, which is named by its members' positions.
    settled : mapping of tuple of int to float, optional
        What each settled group pays, exactly.

    Returns
    -------
    pyomo.environ.ConcreteModel
        The duals of ``group_is_content``, which are not positive, add up to -1.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel("least core")
    fixed = dict(settled or {})
    model.member = pyo.RangeSet(0, members - 1)
    model.open = pyo.RangeSet(0, len(costs) - 1)
    model.settled = pyo.RangeSet(0, len(fixed) - 1)
    model.bill = pyo.Var(model.member)
    model.excess = pyo.Var()
    groups, levels = list(costs), list(fixed)

    # Bills add up to what the grid is paid.
    @model.Constraint()
    def grid_is_paid(m: pyo.ConcreteModel) -> object:
        return sum(m.bill[i] for i in m.member) == total

    # No open group pays more than its own cost and the greatest excess.
    @model.Constraint(model.open)
    def group_is_content(m: pyo.ConcreteModel, g: int) -> object:
        return sum(m.bill[i] for i in groups[g]) - m.excess <= costs[groups[g]]

    # A settled group pays what an earlier level has found.
    @model.Constraint(model.settled)
    def group_is_settled(m: pyo.ConcreteModel, g: int) -> object:
        return sum(m.bill[i] for i in levels[g]) == fixed[levels[g]]

    # The greatest excess is as small as can be.
    @model.Objective(sense=pyo.minimize)
    def greatest_excess(m: pyo.ConcreteModel) -> object:
        return m.excess

    return model


def build_nearest_bills(total: float, costs: Mapping[Group, float], excess: float, near: np.ndarray) -> NearestBills:
    """Of all bills with an excess that need not be undercut, those nearest to given ones.

    Parameters
    ----------
    total : float
        What bills add up to.
    costs : mapping of tuple of int to float
        Cost of each group, which is named by its members' positions.
    excess : float
        What no group may exceed.
    near : numpy.ndarray
        (members,) Bills; each member's difference counts in parts of its own bill, squared.

    Returns
    -------
    NearestBills
    """
    import cvxpy as cp

    size = np.maximum(np.abs(near), 1e-9)
    off = cp.Variable(len(near), name="off")
    belongs = np.zeros((len(costs), len(near)))
    for row, group in zip(belongs, costs, strict=True):
        row[list(group)] = 1.0
    bill = near + cp.multiply(size, off)
    grid_is_paid = cp.sum(bill) == total
    group_is_content = belongs @ bill <= np.array(list(costs.values())) + excess
    return NearestBills(cp.Problem(cp.Minimize(cp.sum_squares(off)), [grid_is_paid, group_is_content]), bill)


def build_most_aggrieved(instance: SettlementInstance, bill: Sequence[float], scale: float) -> pyo.ConcreteModel:
    """The group of at least two members, but not the whole, that would save most by itself at given bills.

    Parameters
    ----------
    instance : SettlementInstance
        Of at least three members, without a table of coalitions: each group keeps its dispatch.
    bill : sequence of float
        Of each member, in currency.
    scale : float
        Unit of money in the program, in currency.

    Returns
    -------
    pyomo.environ.ConcreteModel
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel("most aggrieved group")
    n = len(instance.member)
    model.member = pyo.RangeSet(0, n - 1)
    # An interval in which all are short, or all long, makes no difference between a group and its members alone.
    mixed = (instance.buying_kwh > 0) & (instance.selling_kwh > 0)
    model.interval = pyo.Set(initialize=np.flatnonzero(mixed).tolist())
    model.belongs = pyo.Var(model.member, domain=pyo.Binary)
    model.paid = pyo.Var(model.interval)
    plain = instance.grid_cost(np.where(mixed[:, None], 0.0, instance.net_kwh))
    net = instance.net_kwh

    def at(m: pyo.ConcreteModel, t: int, price: float) -> object:
        return sum(price * float(net[t, i]) / scale * m.belongs[i] for i in m.member if net[t, i])

    # A group that is short pays the retail price.
    @model.Constraint(model.interval)
    def retail_price_is_paid(m: pyo.ConcreteModel, t: int) -> object:
        return m.paid[t] >= at(m, t, float(instance.retail_price[t]))

    # A group that is long receives no more than the feed-in price.
    @model.Constraint(model.interval)
    def feed_in_price_is_received(m: pyo.ConcreteModel, t: int) -> object:
        return m.paid[t] >= at(m, t, float(instance.feed_in_price[t]))

    # A group has at least two members, and somebody does not belong to it.
    @model.Constraint()
    def group_is_proper(m: pyo.ConcreteModel) -> object:
        return (2, sum(m.belongs[i] for i in m.member), n - 1)

    # What the group pays now, less what it would pay by itself.
    @model.Objective(sense=pyo.maximize)
    def saved(m: pyo.ConcreteModel) -> object:
        now = sum(float(bill[i] - plain[i]) / scale * m.belongs[i] for i in m.member)
        return now - sum(m.paid[t] for t in m.interval)

    return model
