r"""Integer programs of allocation: how many are served in full, how many ever, and by how few pairs.

======================  ====================================  ========================  ====
symbol                  meaning                               attribute                 unit
======================  ====================================  ========================  ====
:math:`E_{k,t}`         what household k may receive          ``requested_kwh``         kWh
:math:`S_t`             what can be allocated                 ``available_kwh``         kWh
:math:`e_i`             excess of prosumer i                  ``excess_kwh``            kWh
:math:`Q`               :math:`\min(\sum_i e_i, \sum_j E_j)`  ``deliverable_kwh``       kWh
:math:`y_{k,t}`         1 if k is served in full              decided
:math:`f_{ij}`          energy from i to j                    decided                   kWh
:math:`z_{ij}`          1 if i and j are a pair               decided
======================  ====================================  ========================  ====

- :func:`build_fully_served`, one interval: max :math:`\sum_k y_k` subject to
  :math:`\sum_k (1 - \varepsilon) E_k y_k \le (1 + \varepsilon) S`. A knapsack of equal values, so ascending
  deficiencies are optimal too.
- :func:`build_unique_served`, all intervals: max :math:`\sum_{k,t} y_{k,t}` subject to :math:`\sum_t y_{k,t} \le 1` and
  :math:`\sum_k (1 - \varepsilon) E_{k,t} y_{k,t} \le (1 + \varepsilon) S_t`.
- :func:`build_fewest_pairs`, one interval: min :math:`\sum_{ij} z_{ij}` subject to
  :math:`f_{ij} \le \min(e_i, E_j) z_{ij}`, :math:`\sum_j f_{ij} \le e_i`, :math:`\sum_i f_{ij} \le E_j` and
  :math:`\sum_{ij} f_{ij} = Q`, a transport with a fixed charge.
- :func:`build_transport`, one interval: its linear relaxation, min :math:`\sum_{ij} f_{ij}/\min(e_i, E_j)`. Its
  optimum, rounded up, bounds the number of pairs from below.

Deviation from the paper: :math:`\varepsilon` is the rules' tolerance (1e-9). They count a request as met in full from
:math:`(1 - \varepsilon) E` on and let :math:`(1 + \varepsilon) S` pass, so a program of exact inequalities would prove
bounds that feasible decisions beat.

Consumers that lack nothing count as served without a variable, as in the rules. Energy is per unit of what is
available in the interval, in the counts per thousandth of it: what HiGHS lets pass must be well below the rules'
tolerance. Pairs draw on prosumers only, never on the controller's store.

Source: Kouvelas et al., sections IV-B (pairs of the simple strategies) and V (served fully, first time served, PBR);
the paper states the metrics and no programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.allocation import AllocationInstance
from ..problem import TOLERANCE
from .program import contenders

if TYPE_CHECKING:
    import pyomo.environ as pyo

UNITS = 1e3
"""Energy of the counts is in such parts of what is available."""


def build_fully_served(instance: AllocationInstance, interval: int) -> pyo.ConcreteModel:
    """The largest number of consumers that one interval's energy serves in full.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    interval : int
        Position of the interval.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Binary variables ``is_served[k]`` for each household that asks for energy.

    Raises
    ------
    ValueError
        Where nobody asks or nothing can be given.
    """
    import pyomo.environ as pyo

    who = contenders(instance, interval).tolist()
    request = _per_unit(instance, interval)
    model = pyo.ConcreteModel(name=f"fully_served, interval {instance.interval[interval]}")
    model.household = pyo.Set(initialize=who, ordered=True)
    model.is_served = pyo.Var(model.household, domain=pyo.Binary)
    # Those who lack nothing are served already; every further one counts alike.
    model.number_served = pyo.Objective(
        expr=content(instance, interval) + pyo.quicksum(model.is_served[k] for k in model.household),
        sense=pyo.maximize,
    )
    # Full service takes what counts as the whole request of each, and together no more than counts as available.
    model.served_requests_are_available = pyo.Constraint(
        expr=pyo.quicksum(float(request[k]) * model.is_served[k] for k in model.household) <= UNITS * (1.0 + TOLERANCE)
    )
    return model


def _per_unit(instance: AllocationInstance, interval: int) -> np.ndarray:
    """What serving each takes, (n,), in thousandths of what is available; whoever asks for more than that, for twice.

    Twice the supply is out of reach as well and keeps the numbers of one size.
    """
    return np.minimum(least_to_serve(instance)[interval] / instance.available_kwh[interval], 2.0) * UNITS


def least_to_serve(instance: AllocationInstance) -> np.ndarray:
    """The least energy by which the rules count each request as met in full, (T, n) kWh."""
    return instance.requested_kwh * (1.0 - TOLERANCE)


def most_to_give(instance: AllocationInstance) -> np.ndarray:
    """The most energy that the rules let each interval give, (T,) kWh."""
    return instance.available_kwh * (1.0 + TOLERANCE)


def content(instance: AllocationInstance, interval: int) -> int:
    """Number of consumers that lack nothing in an interval, and so are served without energy."""
    return int((instance.consumer[interval] & (instance.deficiency_kwh[interval] == 0)).sum())


def ever_content(instance: AllocationInstance) -> np.ndarray:
    """Who is a consumer that lacks nothing in some interval, (n,) bool: served once without any energy."""
    return (instance.consumer & (instance.deficiency_kwh == 0)).any(axis=0)


def build_unique_served(instance: AllocationInstance) -> pyo.ConcreteModel:
    """The largest number of households that are served in full at least once over all intervals.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Binary variables ``is_served[t, k]`` for each request that its interval's energy could meet alone, of households
        that are not served without energy in some other interval.

    Raises
    ------
    ValueError
        Where no request could be met.
    """
    import pyomo.environ as pyo

    asked = least_to_serve(instance)
    possible = (asked > 0) & (asked <= most_to_give(instance)[:, None]) & ~ever_content(instance)
    if not possible.any():
        raise ValueError("no request could be met by any interval's energy, so there is nothing to decide")
    model = pyo.ConcreteModel(name="unique_served")
    model.request = pyo.Set(dimen=2, initialize=[(int(t), int(k)) for t, k in np.argwhere(possible)], ordered=True)
    model.interval = pyo.Set(initialize=np.flatnonzero(possible.any(axis=1)).tolist(), ordered=True)
    model.household = pyo.Set(initialize=np.flatnonzero(possible.any(axis=0)).tolist(), ordered=True)
    model.is_served = pyo.Var(model.request, domain=pyo.Binary)
    # Those who lack nothing once are served already.
    model.number_served = pyo.Objective(
        expr=int(ever_content(instance).sum()) + pyo.quicksum(model.is_served[r] for r in model.request),
        sense=pyo.maximize,
    )

    @model.Constraint(model.household)
    def a_household_counts_once(model: pyo.ConcreteModel, k: int) -> Any:
        # Serving a household a second time makes nobody new happy.
        return pyo.quicksum(model.is_served[int(t), k] for t in np.flatnonzero(possible[:, k])) <= 1

    @model.Constraint(model.interval)
    def served_requests_are_available(model: pyo.ConcreteModel, t: int) -> Any:
        # In each interval the requests met take no more than counts as available.
        met, request = np.flatnonzero(possible[t]), _per_unit(instance, t)
        return pyo.quicksum(float(request[k]) * model.is_served[t, int(k)] for k in met) <= UNITS * (1.0 + TOLERANCE)

    return model


def build_fewest_pairs(instance: AllocationInstance, interval: int) -> pyo.ConcreteModel:
    """The smallest number of prosumer–consumer pairs that delivers all that can be delivered in one interval.

    Parameters
    ----------
    instance : AllocationInstance
        What is given; nothing may come from a store.
    interval : int
        Position of the interval.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``energy[i, j]`` per unit of what is available, and binary ``is_pair[i, j]``.

    Raises
    ------
    ValueError
        Where nobody asks or nothing can be given.
    """
    import pyomo.environ as pyo

    model = _transport_model(instance, interval, "fewest_pairs")
    model.is_pair = pyo.Var(model.pair, domain=pyo.Binary)
    # Every pair is one more transfer for the controller to route.
    model.number_of_pairs = pyo.Objective(expr=pyo.quicksum(model.is_pair[p] for p in model.pair), sense=pyo.minimize)

    @model.Constraint(model.pair)
    def only_pairs_carry_energy(model: pyo.ConcreteModel, i: int, j: int) -> Any:
        # Between two households that are no pair nothing flows; a pair carries at most what both can.
        return model.energy[i, j] <= model.capacity[i, j] * model.is_pair[i, j]

    return model


def build_transport(instance: AllocationInstance, interval: int) -> pyo.ConcreteModel:
    """The linear relaxation of :func:`build_fewest_pairs`: each kWh pays the share of a pair that it needs at least.

    Parameters
    ----------
    instance : AllocationInstance
        What is given; nothing may come from a store.
    interval : int
        Position of the interval.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``energy[i, j]`` per unit of what is available.

    Raises
    ------
    ValueError
        Where nobody asks or nothing can be given.
    """
    import pyomo.environ as pyo

    model = _transport_model(instance, interval, "transport")
    # A transfer is at least the share of a pair that it takes of the pair's capacity.
    shares = (model.energy[p] / model.capacity[p] for p in model.pair)
    model.shares_of_pairs = pyo.Objective(expr=pyo.quicksum(shares), sense=pyo.minimize)
    return model


def _transport_model(instance: AllocationInstance, interval: int, name: str) -> pyo.ConcreteModel:
    """Transfers between prosumers and consumers, which both programs of pairs share."""
    import pyomo.environ as pyo

    consumers = contenders(instance, interval).tolist()
    unit = instance.available_kwh[interval]
    excess, asked = instance.excess_kwh[interval] / unit, instance.requested_kwh[interval] / unit
    model = pyo.ConcreteModel(name=f"{name}, interval {instance.interval[interval]}")
    model.prosumer = pyo.Set(initialize=np.flatnonzero(excess > 0).tolist(), ordered=True)
    model.consumer = pyo.Set(initialize=consumers, ordered=True)
    model.pair = pyo.Set(initialize=model.prosumer * model.consumer, ordered=True)
    model.capacity = {(i, j): float(min(excess[i], asked[j])) for i, j in model.pair}
    model.energy = pyo.Var(model.pair, domain=pyo.NonNegativeReals)

    @model.Constraint(model.prosumer)
    def prosumers_give_no_more_than_their_excess(model: pyo.ConcreteModel, i: int) -> Any:
        # A prosumer gives what it has left, not what it needs itself.
        return pyo.quicksum(model.energy[i, j] for j in model.consumer) <= float(excess[i])

    @model.Constraint(model.consumer)
    def consumers_take_no_more_than_they_lack(model: pyo.ConcreteModel, j: int) -> Any:
        # What a consumer takes from all its prosumers stays within its deficiency.
        return pyo.quicksum(model.energy[i, j] for i in model.prosumer) <= float(asked[j])

    # Without this the cheapest number of pairs would be none at all.
    model.all_that_is_deliverable_is_delivered = pyo.Constraint(
        expr=pyo.quicksum(model.energy[p] for p in model.pair) == float(instance.deliverable_kwh[interval] / unit)
    )
    return model
