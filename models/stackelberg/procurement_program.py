r"""Program of a buyer that leads: sellers' answers are part of its cost.

A seller that sells :math:`e \le S` needs a price of at least :math:`\alpha e`, and at just that price sells e. So the
buyer's program needs no second level: minimise :math:`\sum_{tj} \kappa \alpha_j e_{tj}^2 + \sum_t \lambda_t g_t`
subject to :math:`\sum_j e_{tj} + g_t = D_t`, :math:`0 \le e \le S`, :math:`g \ge 0`, with :math:`\kappa = 1` for what
the buyer pays and :math:`\kappa = 1/2` for what it costs all together, whose multiplier of demand is the price of the
variational equilibrium.

==========================  ====================================  ==================  ==============
symbol                      meaning                               attribute           unit
==========================  ====================================  ==================  ==============
:math:`t, j`                interval, seller
:math:`e_{tj}`              what a seller sells                   ``sold``            of ``energy``
:math:`g_t`                 what the grid supplies                ``grid``            of ``energy``
:math:`D_t, S_{tj}`         demand, capacity                                          kWh
:math:`\alpha_j`            slope of a seller's cost                                  currency/kWh²
:math:`\lambda_t`           retail price                                              currency/kWh
==========================  ====================================  ==================  ==============

Source: Tushar et al., IEEE TSG 5(3), 2014, restated; the program is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...instances.procurement import ProcurementInstance

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True)
class ProcurementProgram:
    """The program with the parts that are read after solving.

    Parameters
    ----------
    problem : cvxpy.Problem
        What is to be minimised, in units of ``energy`` times ``money``.
    sold, grid : cvxpy.Variable
        (T, m) and (T,), in units of ``energy``.
    demand_is_met : cvxpy.Constraint
        Of each interval; its duals are levels in units of ``money``.
    energy, money : float, kWh and currency/kWh
        Units.
    """

    problem: cp.Problem
    sold: cp.Variable
    grid: cp.Variable
    demand_is_met: cp.Constraint
    energy: float
    money: float


def build_procurement(instance: ProcurementInstance, *, share: float) -> ProcurementProgram:
    """Least payment (``share=1``) or least social cost (``share=0.5``).

    Parameters
    ----------
    instance : ProcurementInstance
        What is given.
    share : float
        Part of α e² that counts.

    Returns
    -------
    ProcurementProgram
    """
    import cvxpy as cp

    energy = float(instance.demand_kwh.max()) or 1.0
    money = float(instance.retail_price.max()) or 1.0
    sold = cp.Variable(instance.capacity_kwh.shape, name="sold")
    grid = cp.Variable(len(instance.interval), name="grid")

    # What the buyer needs it gets of sellers or the grid.
    demand_is_met = cp.sum(sold, axis=1) + grid == instance.demand_kwh / energy

    # Nobody sells less than nothing or more than it has; beyond the need a capacity makes no difference.
    room = np.minimum(instance.capacity_kwh, 2.0 * instance.demand_kwh[:, None]) / energy
    constraints = [demand_is_met, sold >= 0, grid >= 0, sold <= room]

    # What sellers and the grid cost.
    weight = np.broadcast_to(np.sqrt(share * instance.cost_slope * energy / money), instance.capacity_kwh.shape)
    cost = cp.sum_squares(cp.multiply(weight, sold)) + (instance.retail_price / money) @ grid
    return ProcurementProgram(cp.Problem(cp.Minimize(cost), constraints), sold, grid, demand_is_met, energy, money)
