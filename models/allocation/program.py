r"""Continuous programs of allocation: social welfare, its ratio, fairness, water-filling and max-min.

Every interval is a program of its own, since nothing but data links it to the others (a store included).

=====================  ==============================  ===========================  ===============
symbol                 meaning                         attribute                    unit
=====================  ==============================  ===========================  ===============
:math:`k`              household that may receive      ``receivers(instance, t)``
:math:`E_k`            what it may receive             ``requested_kwh``            kWh
:math:`w_k`            weight of the priority policy   ``weight``                   1
:math:`S`              what can be allocated           ``available_kwh``            kWh
:math:`Q`              :math:`\min(S, \sum_k E_k)`     ``deliverable_kwh``          kWh
:math:`x_k`            energy given                    decided                      kWh
:math:`\mu`            price of energy                 dual of the supply           criterion/kWh
:math:`L`, :math:`t`   water level, max-min level      dual of the balance          kWh per weight
=====================  ==============================  ===========================  ===============

The feasible set is :math:`0 \le x_k \le E_k`, :math:`\sum_k x_k \le S`. Over it

- :func:`build_social_welfare` maximises :math:`\sum_k w_k \log_2(1 + x_k/E_k)` (SW of section V; with ``equal=True``
  the social welfare ratio SWR, which forgets the weights);
- :func:`build_fairness` maximises :math:`\sum_k \sqrt{w_k x_k}`, whose unique argmax is the game-theoretic allocation
  :math:`x_k = \min(E_k, w_k t)` of Algorithm 1;
- :func:`build_water_filling` minimises :math:`\sum_k (E_k + x_k)^2 / 2 w_k` subject to :math:`\sum_k x_k = Q`, whose
  argmin is Algorithm 2's allocation :math:`x_k = w_k \,\mathrm{clip}(L - E_k/w_k,\, 0,\, E_k/w_k)` and solves the first
  program too;
- :func:`build_game_theoretic` minimises :math:`\sum_k x_k^2 / 2 w_k` subject to :math:`\sum_k x_k = Q`, whose argmin
  solves the second;
- :func:`build_max_min` is one round of the linear programs that find the lexicographic max-min of :math:`x_k/w_k`.

Why the quadratic programs solve the others (theorem of the project's notes on allocation, by KKT): if
:math:`\varphi` is strictly concave, :math:`\sum_k w_k \varphi((E_k + x_k)/w_k)` is maximised by equalising
:math:`(E_k + x_k)/w_k`, and :math:`\sum_k w_k \varphi(x_k/w_k)` by equalising :math:`x_k/w_k`, as far as the bounds
allow, whatever :math:`\varphi`. At that optimum :math:`\mu = \varphi'` of the level: :func:`welfare_price`,
:func:`fairness_price`.

Deviations from the paper: it states algorithms and no programs; a household of weight 0 or without deficiency is left
out instead of dividing by it; the conic programs are written in shares :math:`s_k = x_k/u_k` of the need :math:`E_k`
or of the most that a household can get, :math:`u_k = \min(E_k, S)`, the others per unit of the mean :math:`u_k`, since
solvers lose digits on raw kWh.

Source: Kouvelas et al., sections IV-B (Algorithms 1 and 2) and V (social welfare).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...instances.allocation import AllocationInstance

if TYPE_CHECKING:
    import cvxpy as cp
    import pyomo.environ as pyo

LN2 = math.log(2.0)

PRICE_GAP = 1e-16
"""With nothing to share the price of fairness is unbounded; one that leaves this relative gap stands for it."""


def receivers(instance: AllocationInstance, interval: int) -> np.ndarray:
    """Positions of the households that may receive energy in an interval: weight and deficiency are positive.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    interval : int
        Position of the interval.

    Returns
    -------
    numpy.ndarray of int
    """
    return np.flatnonzero(instance.requested_kwh[interval] > 0)


def contenders(instance: AllocationInstance, interval: int) -> np.ndarray:
    """The receivers of an interval in which there is something to decide.

    Raises
    ------
    ValueError
        Where nobody asks or nothing can be given: there is no program then.
    """
    who = receivers(instance, interval)
    if who.size == 0 or instance.available_kwh[interval] == 0:
        why = "nobody asks for energy" if who.size == 0 else "there is no energy to give"
        raise ValueError(f"interval {instance.interval[interval]}: {why}, so there is nothing to decide")
    return who


def largest_share(instance: AllocationInstance, interval: int) -> np.ndarray:
    """u, the most that each of the :func:`contenders` can get in kWh, whether need or supply limits it: min(E, S)."""
    asked = instance.requested_kwh[interval, contenders(instance, interval)]
    return np.minimum(asked, instance.available_kwh[interval])


def build_social_welfare(
    instance: AllocationInstance, interval: int, *, equal: bool = False, of: Literal["need", "reach"] = "need"
) -> cp.Problem:
    """Social welfare of one interval, a program over the exponential cone.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    interval : int
        Position of the interval.
    equal : bool
        Count every household alike (SWR) instead of by weight (SW).
    of : {"need", "reach"}
        Unit of the shares: each one's need E, so that a share is the energy ratio ER of the paper, or what is within
        its reach, min(E, S). The same program to us, but not to an interior-point method: the first suits needs of
        like size at any supply, the second needs that differ by many decades.

    Returns
    -------
    cvxpy.Problem
        Variable ``share`` in units of :func:`welfare_units`; the first constraint is the supply.

    Raises
    ------
    ValueError
        Where there is nothing to decide.
    """
    import cvxpy as cp

    share_unit, welfare_unit = welfare_units(instance, interval, equal=equal, of=of)
    who = receivers(instance, interval)
    share = cp.Variable(who.size, name="share")
    energy_ratio = cp.multiply(share_unit / instance.requested_kwh[interval, who], share)
    weight = np.ones(who.size) if equal else instance.weight[who]
    # Welfare grows with the logarithm of the energy ratio, so the first kWh counts most.
    welfare = (weight / welfare_unit) @ cp.log1p(energy_ratio) / LN2
    # No energy flows back from a household.
    energy_is_not_negative = share >= 0.0
    limits = _shares_within_limits(instance, interval, share, share_unit)
    return cp.Problem(cp.Maximize(welfare), [*limits, energy_is_not_negative])


def welfare_units(
    instance: AllocationInstance, interval: int, *, equal: bool = False, of: Literal["need", "reach"] = "need"
) -> tuple[np.ndarray, float]:
    """Units of :func:`build_social_welfare`: of each share in kWh, and of the objective; μ = dual · second / S."""
    who = contenders(instance, interval)
    weight = np.ones(who.size) if equal else instance.weight[who]
    if of == "need":
        return instance.requested_kwh[interval, who], float(weight.mean())
    return largest_share(instance, interval), float(weight.sum())


def build_fairness(instance: AllocationInstance, interval: int) -> cp.Problem:
    """Weighted fairness Σ √(w x) of one interval, a program over second-order cones.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    interval : int
        Position of the interval.

    Returns
    -------
    cvxpy.Problem
        Variable ``share`` in units of :func:`largest_share` u; its objective is the fairness divided by the mean of
        √(w u), and the first constraint is the supply, so that μ = dual · mean √(w u) / S.

    Raises
    ------
    ValueError
        Where there is nothing to decide.
    """
    import cvxpy as cp

    unit, who = largest_share(instance, interval), receivers(instance, interval)
    factor = np.sqrt(instance.weight[who] * unit)
    share = cp.Variable(who.size, name="share")
    # The root makes the first kWh of each household count most, and is defined for shares that are not negative only.
    fairness = (factor / factor.mean()) @ cp.sqrt(share)
    return cp.Problem(cp.Maximize(fairness), _shares_within_limits(instance, interval, share, unit))


def _shares_within_limits(
    instance: AllocationInstance, interval: int, share: cp.Variable, unit: np.ndarray
) -> list[cp.Constraint]:
    """The upper limits of the feasible set in shares; the supply comes first."""
    asked = instance.requested_kwh[interval, receivers(instance, interval)]
    supply = instance.available_kwh[interval]
    # All that is given must be available: Σ x ≤ S, in units of S.
    energy_given_is_available = (unit / supply) @ share <= 1.0
    # Nobody gets more than it lacks. Where the supply is the tighter limit (E > S), twice the supply serves as well
    # and keeps the numbers near 1.
    nobody_gets_more_than_asked = share <= np.minimum(asked / unit, 2.0)
    return [energy_given_is_available, nobody_gets_more_than_asked]


def energy_unit(instance: AllocationInstance, interval: int) -> float:
    """Unit of energy in the per-unit programs, kWh: the mean of what is within each receiver's reach, min(E, S)."""
    return float(largest_share(instance, interval).mean())


def weight_unit(instance: AllocationInstance, interval: int) -> float:
    """Unit of weight in the per-unit programs: the receivers' mean."""
    return float(instance.weight[receivers(instance, interval)].mean())


def build_water_filling(
    instance: AllocationInstance, interval: int, *, unit_kwh: float | None = None
) -> pyo.ConcreteModel:
    """Water-filling of one interval as a quadratic program.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    interval : int
        Position of the interval.
    unit_kwh : float, optional
        Unit of energy, :func:`energy_unit` by default. It changes no optimum, but a solver's tolerances are absolute.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``energy[k]`` per unit of energy; the dual of ``all_that_is_deliverable_is_given`` is the water level
        L in that unit over :func:`weight_unit`.

    Raises
    ------
    ValueError
        Where there is nothing to decide.
    """
    # The squares of the levels that deficiency and energy reach together are smallest when the levels are alike.
    return _least_squares(instance, interval, "water_filling", unit_kwh, lambda asked, energy: asked + energy)


def build_game_theoretic(
    instance: AllocationInstance, interval: int, *, unit_kwh: float | None = None
) -> pyo.ConcreteModel:
    """Game-theoretic allocation of one interval as a quadratic program.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    interval : int
        Position of the interval.
    unit_kwh : float, optional
        Unit of energy, :func:`energy_unit` by default. It changes no optimum, but a solver's tolerances are absolute.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``energy[k]`` per unit of energy; the dual of ``all_that_is_deliverable_is_given`` is the level t in
        that unit over :func:`weight_unit`.

    Raises
    ------
    ValueError
        Where there is nothing to decide.
    """
    # The squares of what is given per weight are smallest when all get alike.
    return _least_squares(instance, interval, "game_theoretic", unit_kwh, lambda asked, energy: energy)


def _least_squares(
    instance: AllocationInstance,
    interval: int,
    name: str,
    unit_kwh: float | None,
    content: Callable[[float, Any], Any],
) -> pyo.ConcreteModel:
    """Give all that is deliverable so that Σ c²/2w is least, c the content of each household's vessel, per unit."""
    import pyomo.environ as pyo

    unit = energy_unit(instance, interval) if unit_kwh is None else unit_kwh
    asked, weight, deliverable = _per_unit(instance, interval, unit)
    model = pyo.ConcreteModel(name=f"{name}, interval {instance.interval[interval]}")
    model.household = pyo.Set(initialize=list(asked), ordered=True)
    # What each household gets lies between nothing and what it lacks.
    model.energy = pyo.Var(model.household, bounds=lambda model, k: (0.0, asked[k]))
    # All that can be delivered is delivered: Σ x = Q.
    model.all_that_is_deliverable_is_given = pyo.Constraint(
        expr=pyo.quicksum(model.energy[k] for k in model.household) == deliverable
    )
    squares = (content(asked[k], model.energy[k]) ** 2 / (2 * weight[k]) for k in model.household)
    model.squared_levels = pyo.Objective(expr=pyo.quicksum(squares), sense=pyo.minimize)
    return model


def _per_unit(
    instance: AllocationInstance, interval: int, unit_kwh: float
) -> tuple[dict[int, float], dict[int, float], float]:
    """What each contender lacks, its weight, and what is deliverable, per unit of energy and :func:`weight_unit`."""
    who = contenders(instance, interval).tolist()
    asked = {k: float(instance.requested_kwh[interval, k]) / unit_kwh for k in who}
    mean = weight_unit(instance, interval)
    weight = {k: float(instance.weight[k]) / mean for k in who}
    return asked, weight, float(instance.deliverable_kwh[interval]) / unit_kwh


def build_max_min(
    instance: AllocationInstance, interval: int, settled_kwh: Mapping[int, float] | None = None
) -> pyo.ConcreteModel:
    """One round of the lexicographic max-min of x/w as a linear program.

    It raises the level that all unsettled households reach. Those whose constraint then has a positive dual hold the
    level down in every optimum (complementary slackness); they are settled at weight times level, and the next round
    raises the rest, until all are settled.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    interval : int
        Position of the interval.
    settled_kwh : mapping of int to float, optional
        Energy of the households settled in earlier rounds, by position.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``energy[k]`` per :func:`energy_unit` and ``level`` per :func:`energy_unit` over :func:`weight_unit`.

    Raises
    ------
    ValueError
        Where there is nothing to decide.
    """
    import pyomo.environ as pyo

    unit = energy_unit(instance, interval)
    settled = {} if settled_kwh is None else settled_kwh
    asked, weight, deliverable = _per_unit(instance, interval, unit)
    model = pyo.ConcreteModel(name=f"max_min, interval {instance.interval[interval]}")
    model.household = pyo.Set(initialize=list(asked), ordered=True)
    model.unsettled = pyo.Set(initialize=[k for k in asked if k not in settled], ordered=True)
    model.energy = pyo.Var(model.household, domain=pyo.NonNegativeReals)
    model.level = pyo.Var(domain=pyo.NonNegativeReals)
    # The level that all unsettled households reach is raised as far as it goes.
    model.lowest_level = pyo.Objective(expr=model.level, sense=pyo.maximize)

    @model.Constraint(model.unsettled)
    def unsettled_households_reach_the_level(model: pyo.ConcreteModel, k: int) -> Any:
        # Everyone unsettled gets at least its weight times the level.
        return model.energy[k] - weight[k] * model.level >= 0.0

    @model.Constraint(model.household)
    def nobody_gets_more_than_asked(model: pyo.ConcreteModel, k: int) -> Any:
        # The first to reach its deficiency holds the level down for this round.
        return model.energy[k] <= asked[k]

    @model.Constraint(model.household - model.unsettled)
    def settled_households_keep_their_energy(model: pyo.ConcreteModel, k: int) -> Any:
        # Later rounds must not take from the households that hold the lowest levels.
        return model.energy[k] >= settled[k] / unit

    # All that is given must be available: Σ x ≤ S, where more than all requests together changes nothing.
    model.energy_given_is_available = pyo.Constraint(
        expr=pyo.quicksum(model.energy[k] for k in model.household) <= deliverable
    )
    return model


def welfare_price(level: Any) -> Any:
    """μ = 1/(L ln 2): what one more kWh adds to social welfare at level L (kWh per weight; number or array).

    By stationarity, w/(E ln 2) · 1/(1 + x/E) = μ wherever 0 < x < E, and there (E + x)/w = L.
    """
    return 1.0 / (level * LN2)


def fairness_price(instance: AllocationInstance, level: np.ndarray) -> np.ndarray:
    """μ = ½ t^(−½): what one more kWh adds to Σ √(w x) at the level t of each interval, in √kWh per kWh.

    By stationarity, ½ √(w/x) = μ wherever 0 < x < E, and there x/w = t. At level 0, with nothing to share, any price
    proves a bound of Σ w/4μ at most; the one that leaves :data:`PRICE_GAP` stands for the unbounded one.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    level : (T,) array, kWh per weight
        Infinite where a further kWh is worth nothing.

    Returns
    -------
    (T,) array
    """
    asked = instance.requested_kwh
    most = np.sqrt(instance.weight * asked).sum(axis=1)
    weight = np.where(asked > 0, instance.weight, 0.0).sum(axis=1)
    large = np.divide(weight, 4.0 * PRICE_GAP * most, out=np.zeros_like(most), where=most > 0)
    return np.divide(0.5, np.sqrt(level), out=large, where=level > 0)
