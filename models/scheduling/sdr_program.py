r"""The community's program with the paper's internal prices: each member pays what supply and demand ratio make (P3).

Each member buys at :math:`p^b_t` and sells at :math:`p^s_t`, which depend on the net imports of all; the community
exchanges with the grid what is left over. What is minimised is the sum of all members' bills, internal payments
included, and what else the linear program :mod:`.program` counts (peak, comfort, worth of contents). Constraints on
schedules are those of the linear program, from which the model is made.

=====================  ============================================  =======================  =================
symbol                 meaning                                       attribute                unit
=====================  ============================================  =======================  =================
:math:`n_{it}`         net import of a member                        ``net``                  ``base_kwh``
:math:`b_{it}`         its buying part                               ``buying``               ``base_kwh``
:math:`s_{it}`         its selling part                              ``selling``              ``base_kwh``
:math:`B_t, S_t`       total buying and selling power (TBP, TSP)     ``total_buying``, …      ``base_kwh``
:math:`I_t, X_t`       import, export of the community               ``imported``, …          ``base_kwh``
:math:`r_t`            share of buying that members sell             ``covered``              1
:math:`q_t`            price of what members sell to members         ``matched_price``        ``base_price``
:math:`p^b_t`          price at which members buy                    ``buying_price``         ``base_price``
:math:`p^s_t`          price at which members sell, on average       ``selling_price``        ``base_price``
:math:`\beta, \sigma`  buying and selling price of the grid          ``buy_price``, …         ``base_price``
:math:`\varepsilon`    smoothing of the parts                        :data:`SMOOTHING`        ``base_kwh``
=====================  ============================================  =======================  =================

Minimise :math:`\sum_{it} p^b_t b_{it} - p^s_t s_{it}` and the rest of the linear program's cost, subject to its
constraints and

.. math:: b_{it} - s_{it} = n_{it}, \quad b_{it} s_{it} = \varepsilon^2, \quad b, s \ge 0, \qquad
          r_t B_t = B_t - I_t, \qquad
          q_t ((\beta_t - \sigma_t) r_t + \sigma_t) = \sigma_t \beta_t, \\
          p^b_t = q_t r_t + \beta_t (1 - r_t), \qquad p^s_t S_t = q_t (B_t - I_t) + \sigma_t X_t .

**The price.** With :math:`I X = 0`, :math:`r = \min(S/B, 1)`. Up to SDR = S/B = 1 all that is sold stays inside,
:math:`X = 0` and :math:`p^s = q`: the two formulas of the SDR price. From SDR = 1 on, :math:`r = 1` makes
:math:`q = p^b = p^s = \sigma`. One smooth pair of equations holds on both sides of the kink. Where
:math:`\sigma \le 0`, whose formula has a pole, the linear rule :math:`q = \beta - (\beta - \sigma) r` is taken.

**Nobody buys or nobody sells.** Then B or S is 0 and a ratio has no value. Parts are smoothed instead:
:math:`b, s = (\pm n + \sqrt{n^2 + 4 \varepsilon^2})/2` are positive and smooth, and their difference is n exactly, so
that every ratio has a value, r = 0 where nobody sells and r = 1 where nobody buys. Prices of the program are off by
about :math:`\varepsilon` over the turnover; :mod:`commonwatt.solvers.scheduling_nlp` forms them anew from the schedule,
without smoothing.

**Why a local optimum is a global one.** For any values that satisfy the price equations,
:math:`p^b B - p^s S = q r B + \beta (1 - r) B - q (B - I) - \sigma X = \beta I - \sigma X`: internal payments cancel,
whatever :math:`\varepsilon`, q and even I X are. The equations make b, s, r, q and prices functions of the linear
program's variables, so the program is the linear program in other clothes: its stationary points are those of the
linear program, all optimal, and as :math:`\sigma \le \beta` importing and exporting at once does not pay. Nothing here
cancels by hand: the bills are in the objective, and that the optimum equals the linear program's is tested.

**Scale.** The instance is put in units of its own (:func:`per_unit`): energies over the greatest net import of a
member, prices over the greatest price. What it states is linear but for prices, so that nothing else changes.

Source: Lange, *Cloud-coordinated peer-to-peer energy sharing for urban community microgrids*, sections "Cloud-based
optimization workflow" (constrained non-linear program) and "Supply-demand-ratio pricing and p-MAS coordination"; the
price: Liu et al., IEEE TPWRS 32(5), 2017. Deviations: the paper's SDR counts selling power negative and would be
negative itself; smoothing and :math:`p^s` as an average over what is sold inside and outside are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.fields import specs
from ...instances.scheduling import SchedulingInstance
from .program import build_community_cost

if TYPE_CHECKING:
    import pyomo.environ as pyo

SMOOTHING = 1e-3
"""ε: buying and selling part of a member whose net import is 0, relative to the greatest net import of all."""

WIDE = 0.1
"""How far the bounds of ratios and prices lie outside what their equations allow. They lead the solver; if they bound
tightly, they would bind together with those of import and export and share their duals."""


def base_of(instance: SchedulingInstance) -> tuple[float, float]:
    """Units in which all numbers of an instance are about 1.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.

    Returns
    -------
    base_kwh, base_price : float
        Greatest net import or export that any member can have, kWh, and the greatest price of the grid in size,
        currency/kWh; 1 where that is nothing.
    """
    energy = max(float(np.abs(instance.least_net_kwh).max()), float(np.abs(instance.greatest_net_kwh).max()))
    price = max(float(np.abs(instance.buy_price).max()), float(np.abs(instance.sell_price).max()))
    return energy or 1.0, price or 1.0


def per_unit(instance: SchedulingInstance, base_kwh: float, base_price: float) -> SchedulingInstance:
    """The same instance with other units of energy and money.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    base_kwh, base_price : float
        What is to count 1 of what the instance calls kWh and currency/kWh; a kW is a kWh in an hour as before.

    Returns
    -------
    SchedulingInstance
        Its costs are those of the instance over ``base_kwh * base_price``.
    """
    size = {"kWh": base_kwh, "kW": base_kwh, "currency/kWh": base_price, "currency/kW": base_price}
    given = {name: (spec.unit, getattr(instance, name)) for name, spec in specs(type(instance)).items()}
    changes = {name: value / size[unit] for name, (unit, value) in given.items() if unit in size and value is not None}
    return instance.replace(**changes)


def build_sdr(instance: SchedulingInstance) -> pyo.ConcreteModel:
    """Least sum of all members' bills at internal prices by supply and demand ratio: P3, a smooth non-linear program.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given; where its premise fails (:func:`.premise.premise`) the model has binary variables, with which
        no interior-point method can do anything.

    Returns
    -------
    pyomo.environ.ConcreteModel
        The linear program's with prices and bills, in units of ``model.base_kwh`` and ``model.base_price``: see
        :func:`per_unit`. All variables have values from which a solver may start.
    """
    import pyomo.environ as pyo

    base_kwh, base_price = base_of(instance)
    scaled = per_unit(instance, base_kwh, base_price)
    model = build_community_cost(scaled)
    model.name = "sdr"
    model.base_kwh = pyo.Param(initialize=base_kwh)
    model.base_price = pyo.Param(initialize=base_price)
    model.cost.deactivate()
    _split_nets(model, scaled)
    _state_prices(model, scaled)
    _state_bills(model, scaled)
    return model


def _split_nets(model: Any, given: SchedulingInstance) -> None:
    """What each member takes net, and its buying and selling part."""
    import pyomo.environ as pyo

    fixed = given.net_load_kwh

    def decides(t: int, i: int) -> bool:
        return not isinstance(model.decided[t, i].expr, int | float)

    cells = [(t, i) for t in model.interval for i in model.member if decides(t, i)]
    model.net = pyo.Var(cells, initialize=lambda _, t, i: float(fixed[t, i]))

    def adds_up(model: Any, t: int, i: int) -> Any:
        return model.net[t, i] - model.decided[t, i] == float(fixed[t, i])

    # A member's net import is its load less generation and what it decides.
    model.nets_add_up = pyo.Constraint(cells, rule=adds_up)

    def net(model: Any, t: int, i: int) -> Any:
        return model.net[t, i] if (t, i) in model.net else float(fixed[t, i])

    def buying(model: Any, t: int, i: int) -> Any:
        return 0.5 * (pyo.sqrt(net(model, t, i) ** 2 + 4.0 * SMOOTHING**2) + net(model, t, i))

    def selling(model: Any, t: int, i: int) -> Any:
        return 0.5 * (pyo.sqrt(net(model, t, i) ** 2 + 4.0 * SMOOTHING**2) - net(model, t, i))

    # The two parts differ by the net import, and one of them is nothing but smoothing: their product is ε².
    model.buying = pyo.Expression(model.interval, model.member, rule=buying)
    model.selling = pyo.Expression(model.interval, model.member, rule=selling)


def _state_prices(model: Any, given: SchedulingInstance) -> None:
    """Internal prices follow from what all members buy and sell."""
    import pyomo.environ as pyo

    beta, sigma = given.buy_price.tolist(), given.sell_price.tolist()
    bought, sold = _smooth_parts(given)

    def ratios(_: Any, t: int) -> tuple[float, float]:
        spread = beta[t] - sigma[t]
        return -min(WIDE, 0.5 * sigma[t] / spread) if spread > 0 and sigma[t] > 0 else -WIDE, 1.0 + WIDE

    def prices(_: Any, t: int) -> tuple[float, float]:
        return sigma[t] - WIDE, beta[t] + WIDE

    model.total_buying = pyo.Var(model.interval, bounds=(0.0, None), initialize=lambda _, t: float(bought[t]))
    model.total_selling = pyo.Var(model.interval, bounds=(0.0, None), initialize=lambda _, t: float(sold[t]))
    ratio = np.minimum(sold / bought, 1.0)
    model.covered = pyo.Var(model.interval, bounds=ratios, initialize=lambda _, t: float(ratio[t]))
    for name in ("matched_price", "buying_price", "selling_price"):
        middle = pyo.Var(model.interval, bounds=prices, initialize=lambda _, t: 0.5 * (sigma[t] + beta[t]))
        setattr(model, name, middle)
    for t in model.interval:
        net = float(bought[t] - sold[t])
        for variable, value in ((model.imported[t], net), (model.exported[t], -net)):
            variable.set_value(min(max(value, 0.0), np.inf if variable.ub is None else variable.ub))

    def buying(model: Any, t: int) -> Any:
        return model.total_buying[t] == sum(model.buying[t, i] for i in model.member)

    def selling(model: Any, t: int) -> Any:
        return model.total_selling[t] == sum(model.selling[t, i] for i in model.member)

    # Total buying power …
    model.buying_adds_up = pyo.Constraint(model.interval, rule=buying)
    # … and total selling power are what prices depend on.
    model.selling_adds_up = pyo.Constraint(model.interval, rule=selling)

    def covered(model: Any, t: int) -> Any:
        return model.covered[t] * model.total_buying[t] == model.total_buying[t] - model.imported[t]

    # What is not imported is bought from members.
    model.buying_is_covered_or_imported = pyo.Constraint(model.interval, rule=covered)

    def matched(model: Any, t: int) -> Any:
        spread = beta[t] - sigma[t]
        if sigma[t] <= 0.0:
            return model.matched_price[t] == beta[t] - spread * model.covered[t]
        return model.matched_price[t] * (spread * model.covered[t] + sigma[t]) / beta[t] == sigma[t]

    # The more of its buying a community covers, the less a seller gets, from the grid's buying to its selling price.
    model.matched_price_falls_with_supply = pyo.Constraint(model.interval, rule=matched)

    def paid(model: Any, t: int) -> Any:
        inside = model.matched_price[t] * model.covered[t]
        return model.buying_price[t] == inside + beta[t] * (1.0 - model.covered[t])

    # Buyers share what is bought inside and what is imported.
    model.buyers_share_both_sources = pyo.Constraint(model.interval, rule=paid)

    def received(model: Any, t: int) -> Any:
        inside = model.matched_price[t] * (model.total_buying[t] - model.imported[t])
        return model.selling_price[t] * model.total_selling[t] == inside + sigma[t] * model.exported[t]

    # Sellers share what is sold inside and what is exported.
    model.sellers_share_both_buyers = pyo.Constraint(model.interval, rule=received)


def _smooth_parts(given: SchedulingInstance) -> tuple[np.ndarray, np.ndarray]:
    """What all members buy and sell where nothing is decided, (T,) each, smoothed as in the program."""
    root = np.sqrt(given.net_load_kwh**2 + 4.0 * SMOOTHING**2)
    bought: np.ndarray = 0.5 * (root + given.net_load_kwh).sum(axis=1)
    sold: np.ndarray = 0.5 * (root - given.net_load_kwh).sum(axis=1)
    return bought, sold


def _state_bills(model: Any, given: SchedulingInstance) -> None:
    """Members pay their bills; all other costs are the linear program's."""
    import pyomo.environ as pyo

    def bill(model: Any, i: int) -> Any:
        return sum(
            model.buying_price[t] * model.buying[t, i] - model.selling_price[t] * model.selling[t, i]
            for t in model.interval
        )

    # A member pays the internal price for what it buys and receives the internal price for what it sells.
    model.bill = pyo.Expression(model.member, rule=bill)
    comfort = sum(float(given.curtailment_price[i]) * model.curtailed[t, i] for t, i in model.curtailed)
    comfort += sum(given.lost_load_price * model.lost[t, i] for t, i in model.lost)
    comfort += sum(float(given.target_price[s]) * model.shortfall[t, s] for t, s in model.shortfall)
    last = len(given.interval)
    worth = sum(float(given.terminal_value[s]) * model.content[last, s] for s in model.storage)
    paid = sum(model.bill[i] for i in model.member)
    # The community's cost as its members bear it: bills, the common peak, comfort, less what contents are worth.
    model.sum_of_bills = pyo.Objective(
        expr=paid + given.demand_charge * model.peak + comfort - worth, sense=pyo.minimize
    )
