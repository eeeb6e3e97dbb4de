r"""Program of buyers' choice: the potential of their game, whose dual is what a kWh costs them.

====================  =================================================  ====================  ==============
symbol                meaning                                            attribute             unit
====================  =================================================  ====================  ==============
:math:`j, t`          seller, interval
:math:`q_{tj}`        bought of a seller                                 ``sold``              of ``energy``
:math:`g_t`           bought of the grid                                 ``grid``              of ``energy``
:math:`p_{tj}`        price of a seller                                  ``price``             currency/kWh
:math:`c_j`           congestion                                         ``congestion``        currency/kWh²
:math:`S_{tj}`        capacity                                           ``capacity_kwh``      kWh
:math:`Q_t`           demand                                             ``demand_kwh``        kWh
:math:`\lambda_t`     retail price                                       ``retail_price``      currency/kWh
:math:`\nu_t`         dual of the balance: the level                                           of ``money``
:math:`\alpha`        how much of its congestion a choice sees           ``share``             1
====================  =================================================  ====================  ==============

Minimise :math:`\sum_{tj} (p_{tj} q_{tj} + \alpha c_j q_{tj}^2) + \sum_t \lambda_t g_t` subject to
:math:`\sum_j q_{tj} + g_t = Q_t`, :math:`0 \le q \le S` and :math:`g \ge 0`.

With :math:`\alpha = 1/2` its optimality conditions say that nobody pays more than :math:`\nu`, at
:math:`p_j + c_j q_j`, wherever there is something left: buyers who are many and small make the optimum. With
:math:`\alpha = 1` and prices at cost it is the least social cost.

Energies are in units of the greatest demand and prices in units of the greatest of the grid's, since an interior-point
method is at home where numbers are about 1.

Source: Paudel et al., IEEE TIE 66(8), 2019, buyers' game, restated as a potential game (ours).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...instances.sellers import SellersInstance

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True)
class ChoiceProgram:
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


def build_choice_program(instance: SellersInstance, price: np.ndarray, *, share: float = 0.5) -> ChoiceProgram:
    """What buyers choose at prices; at costs and ``share=1``, what is best for all together.

    Parameters
    ----------
    instance : SellersInstance
        What is given.
    price : (T, m) array, currency/kWh
        What each seller asks.
    share : float
        How much of its congestion a choice sees.

    Returns
    -------
    ChoiceProgram
    """
    import cvxpy as cp

    energy = float(instance.demand_kwh.max()) or 1.0
    money = float(instance.price_size.max()) or 1.0
    sold = cp.Variable(price.shape, name="sold")
    grid = cp.Variable(len(instance.interval), name="grid")

    # What buyers need they buy of sellers or the grid.
    demand_is_met = cp.sum(sold, axis=1) + grid == instance.demand_kwh / energy

    # Nobody buys less than nothing, and no seller sells more than it has. A limit at twice the need never binds, and
    # keeps numbers small where a capacity is large.
    room = np.minimum(instance.capacity_kwh, 2.0 * instance.demand_kwh[:, None]) / energy
    constraints = [demand_is_met, sold >= 0, grid >= 0, sold <= room]

    # What sellers and the grid are paid, and what congestion costs.
    paid = cp.sum(cp.multiply(price / money, sold)) + (instance.retail_price / money) @ grid
    weight = np.broadcast_to(np.sqrt(share * instance.congestion * energy / money), price.shape)
    problem = cp.Problem(cp.Minimize(paid + cp.sum_squares(cp.multiply(weight, sold))), constraints)
    return ChoiceProgram(problem, sold, grid, demand_is_met, energy, money)
