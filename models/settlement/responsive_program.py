r"""Program of responsive loads: the social optimum, whose dual is the price at which nobody would do otherwise.

====================  =================================================  ====================  ==============
symbol                meaning                                            attribute             unit
====================  =================================================  ====================  ==============
:math:`i, t`          member, interval
:math:`x_{it}`        load                                               ``load``              of ``energy``
:math:`\hat x_{it}`   wanted load                                        ``wanted_kwh``        kWh
:math:`E_{it}`        generation                                         ``generation_kwh``    kWh
:math:`\theta_i`      discomfort                                         ``discomfort``        currency/kWh²
:math:`l, u`          least and greatest load                            ``least_kwh``, …      kWh
:math:`W_i`           total load, where it is given                      ``total_kwh``         kWh
:math:`b_t, f_t`      retail and feed-in price                           ``retail_price``, …   currency/kWh
:math:`N_t`           net load of the community                          ``net``               of ``energy``
:math:`\mu_t`         dual of the balance: the efficient price                                 of ``price``
:math:`\nu_i`         dual of the total                                                        of ``price``
====================  =================================================  ====================  ==============

Minimise :math:`\sum_t \max(b_t N_t, f_t N_t) + \sum_{it} \theta_i (x_{it} - \hat x_{it})^2` subject to
:math:`N_t = \sum_i (x_{it} - E_{it})`, :math:`l \le x \le u` and :math:`\sum_t x_{it} = W_i`.

The greater of the two is the grid's cost, since :math:`f_t \le b_t`. Import and export as variables of their own would
have no limit where :math:`b_t = f_t`, and an interior point would lose its way between them.

With :math:`p_b = p_s = \mu` every member's own problem has the same optimality conditions as its part of this program:
the optimum is an equilibrium of price takers, and its price pays the grid, since :math:`\mu_t = b_t` where the
community imports, :math:`f_t` where it exports, and its net load is 0 where :math:`\mu_t` lies between.

Energies are in units of the greatest of the data and prices in units of the greatest of the grid's, since an
interior-point method is at home where numbers are about 1.

Source: Liu et al., IEEE TPWRS 32(5), 2017, equations of the prosumer's cost; the community's program is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...instances.responsive import ResponsiveInstance

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True)
class SocialProgram:
    """The program with the parts that are read after solving.

    Parameters
    ----------
    problem : cvxpy.Problem
        What is to be minimised, in units of ``energy`` times ``price``.
    load : cvxpy.Variable
        (T, n), in units of ``energy``.
    community_is_balanced : cvxpy.Constraint
        Of each interval; its duals are efficient prices in units of ``price``.
    total_is_used : cvxpy.Constraint or None
        Of each member; None where loads need not add up.
    energy, price : float, kWh and currency/kWh
        Units.
    """

    problem: cp.Problem
    load: cp.Variable
    community_is_balanced: cp.Constraint
    total_is_used: cp.Constraint | None
    energy: float
    price: float


def build_social_program(instance: ResponsiveInstance) -> SocialProgram:
    """Least that the community pays the grid and bears in discomfort.

    Parameters
    ----------
    instance : ResponsiveInstance
        What is given.

    Returns
    -------
    SocialProgram
    """
    import cvxpy as cp

    energy = float(instance.member_size.max())
    price = float(instance.price_size.max()) or 1.0
    intervals, members = instance.wanted_kwh.shape
    load = cp.Variable((intervals, members), name="load")
    net = cp.Variable(intervals, name="net")
    generation = instance.generation_kwh.sum(axis=1) / energy

    # The net load of the community is what members use beyond what they generate.
    community_is_balanced = net - cp.sum(load, axis=1) == -generation
    constraints = [community_is_balanced]

    # Nobody uses less than the least that it can.
    constraints.append(load >= instance.least_kwh / energy)

    # Nobody uses more than the greatest that it can.
    if instance.greatest_kwh is not None:
        constraints.append(load <= instance.greatest_kwh / energy)

    # What must be used over the horizon is used.
    total_is_used = cp.sum(load, axis=0) == instance.total_kwh / energy if instance.coupled else None
    if total_is_used is not None:
        constraints.append(total_is_used)

    # What the grid is paid, at the retail price, or pays, at the feed-in price, and the discomfort of all.
    retail, feed_in = instance.retail_price / price, instance.feed_in_price / price
    grid = cp.sum(cp.maximum(cp.multiply(retail, net), cp.multiply(feed_in, net)))
    weight = np.broadcast_to(np.sqrt(instance.discomfort * energy / price), load.shape)
    discomfort = cp.sum_squares(cp.multiply(weight, load - instance.wanted_kwh / energy))
    problem = cp.Problem(cp.Minimize(grid + discomfort), constraints)
    return SocialProgram(problem, load, community_is_balanced, total_is_used, energy, price)
