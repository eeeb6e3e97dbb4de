r"""Programs of firm offers, declared in Pyomo: which scenarios may fail, and the cautious form without that choice.

==================  ================================================  ======================
symbol              meaning                                           attribute
==================  ================================================  ======================
:math:`r_b`         offer of each block, kW                           ``offer``
:math:`v_{sg}`      whether a scenario may fail in a group            ``fails``
:math:`\zeta_g`     value at risk of what is missing, kW              ``at_risk``
:math:`\xi_{sg}`    what is missing beyond it, kW                     ``beyond``
==================  ================================================  ======================

``joint`` chooses: maximise :math:`\sum_b w_b r_b` subject to :math:`r_b \le X_{st} + (R_b - X_{st})^+ v_{sg}` for every
interval t of b in g, :math:`\sum_s p_s v_{sg} \le \varepsilon`, v binary, where :math:`R_b` is what the block alone
allows, which makes the constants as small as they can be known to be.

``cautious`` does not: the mean of the worst part ε of what is missing, :math:`\max_{t \in g} (r_{b(t)} - X_{st})`,
must not be positive. That is a linear program; what it allows fails with a chance of at most ε, and some of what would
does not pass.

Source: as :mod:`.firm_offer`; CVaR as in Rockafellar and Uryasev (2000).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.firm_offer import FirmOfferInstance
from .firm_offer import lonely_offer_kw

if TYPE_CHECKING:
    import pyomo.environ as pyo


def _declare_offers(model: Any, instance: FirmOfferInstance, alone: np.ndarray) -> None:
    import pyomo.environ as pyo

    scenarios, intervals = instance.available_kw.shape
    model.s, model.t = pyo.RangeSet(0, scenarios - 1), pyo.RangeSet(0, intervals - 1)
    model.block, model.group = pyo.RangeSet(0, int(instance.block[-1])), pyo.RangeSet(0, int(instance.group[-1]))
    model.offer = pyo.Var(model.block, bounds=lambda m, b: (0.0, float(alone[b])))
    worth = instance.block_worth
    model.goal = pyo.Objective(expr=sum(float(worth[b]) * model.offer[b] for b in model.block), sense=pyo.maximize)


def build_joint(instance: FirmOfferInstance, *, whole: bool = True) -> pyo.ConcreteModel:
    """Declare the choice of scenarios that may fail.

    Parameters
    ----------
    instance : FirmOfferInstance
        What is given.
    whole : bool
        Whether scenarios fail as a whole, or in parts: the relaxation, whose duals prove a bound.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Powers in kW, the objective ``goal`` in currency.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel("firm offers")
    group, alone = instance.group, lonely_offer_kw(instance)
    _declare_offers(model, instance, alone)
    model.fails = pyo.Var(model.s, model.group, domain=pyo.Binary if whole else pyo.UnitInterval)

    # What is offered is there, or the scenario may fail.
    def offer_is_there_or_fails(m: Any, s: int, t: int) -> Any:
        there, b = float(instance.available_kw[s, t]), int(instance.block[t])
        missing = float(alone[b]) - there
        if missing <= 0 or instance.chance[s] <= 0:
            return pyo.Constraint.Skip
        return m.offer[b] <= there + missing * m.fails[s, int(group[t])]

    model.offer_is_there_or_fails = pyo.Constraint(model.s, model.t, rule=offer_is_there_or_fails)

    # No more may fail than the allowed chance.
    def few_scenarios_fail(m: Any, g: int) -> Any:
        return sum(float(instance.chance[s]) * m.fails[s, g] for s in m.s) <= instance.epsilon

    model.few_scenarios_fail = pyo.Constraint(model.group, rule=few_scenarios_fail)
    return model


def build_cautious(instance: FirmOfferInstance) -> pyo.ConcreteModel:
    """Declare the cautious form: the mean of the worst part of what is missing is not positive.

    Parameters
    ----------
    instance : FirmOfferInstance
        With a positive ε.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Powers in kW, the objective ``goal`` in currency.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel("cautious firm offers")
    group = instance.group
    _declare_offers(model, instance, lonely_offer_kw(instance))
    model.at_risk = pyo.Var(model.group)
    model.beyond = pyo.Var(model.s, model.group, domain=pyo.NonNegativeReals)

    # What is missing in a scenario, in the worst interval of the group, beyond the value at risk.
    def missing_is_beyond(m: Any, s: int, t: int) -> Any:
        missing = m.offer[int(instance.block[t])] - float(instance.available_kw[s, t])
        return m.beyond[s, int(group[t])] >= missing - m.at_risk[int(group[t])]

    model.missing_is_beyond = pyo.Constraint(model.s, model.t, rule=missing_is_beyond)

    # The mean of the worst part is not positive.
    def worst_part_is_there(m: Any, g: int) -> Any:
        mean = sum(float(instance.chance[s]) * m.beyond[s, g] for s in m.s) / instance.epsilon
        return m.at_risk[g] + mean <= 0

    model.worst_part_is_there = pyo.Constraint(model.group, rule=worst_part_is_there)
    return model
