r"""Programs of scheduling: least cost of a community or of one member, and least peak.

=========================  ====================================  ======================  ================
symbol                     meaning                               attribute               unit
=========================  ====================================  ======================  ================
:math:`t, i, s, r`         interval, member, storage, request
:math:`D_{it}, G_{it}`     load, generation                      ``load_kwh``, …         kWh
:math:`b_t, f_t`           buying and selling price              ``buy_price``, …        currency/kWh
:math:`\eta^c, \eta^d`     efficiencies                          ``charge_efficiency``   1
:math:`\rho`               share of content kept                 ``retention``           1
:math:`c, d`               charge, discharge on the AC side      ``charge``, …           kWh
:math:`e`                  content of a state                    ``content``             kWh
:math:`x`                  service of a request                  ``service``             kWh
:math:`k, u, w`            curtailed, lost, spilled              ``curtailed``, …        kWh
:math:`I_t, X_t`           import, export of the community       ``imported``, …         kWh
:math:`p`                  greatest import power                 ``peak``                kW
:math:`z`                  target missed                         ``shortfall``           kWh
=========================  ====================================  ======================  ================

Minimise

.. math:: \sum_t b_t I_t - f_t X_t + \pi p + \sum_{it} (k_{it} \cdot \text{price} + u_{it} \cdot \text{price})
          + \sum_{ts} z_{ts} \cdot \text{price} - \sum_s v_s e_{Ts}

subject to the balance :math:`I_t - X_t = \sum_i n_{it}` with
:math:`n_{it} = D - k - u - (G - w) + \sum_{s \in i} (c - d) + \sum_{r \in i} x`, the states
:math:`e_{t+1} = \rho e_t + \eta^c c_t - d_t/\eta^d - \text{trip}_t`, requests served in full inside their windows, and
limits of states, powers and connections. :func:`build_peak_cost` has the same constraints, free energy and a weight
on :math:`p`. A single member (P2) is a community of one: ``instance.alone(member)``.

The program is linear where its premise holds (:mod:`.premise`); elsewhere :math:`c \le \bar c\,\beta`,
:math:`d \le \bar d (1 - \beta)` and likewise for import and export, with binary β in those intervals only. Every
limit that stands with a binary follows from the data.

Source: Lange, section "Cloud-based optimization workflow". Deviations: the paper prints no program; its non-linear
prices are :mod:`.sdr_program`, and its cost of energy is this linear one, in which internal payments cancel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.scheduling import SchedulingInstance
from .bounds import Tariff
from .premise import Premise, premise

if TYPE_CHECKING:
    import pyomo.environ as pyo


def build_community_cost(instance: SchedulingInstance) -> pyo.ConcreteModel:
    """Least cost of the community behind one meter: P1, and P2 for a community of one.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.

    Returns
    -------
    pyomo.environ.ConcreteModel
        A linear program where :func:`.premise.premise` holds, else with binary variables where it fails.
    """
    return _build(instance, Tariff.of_cost(instance), "community_cost")


def build_peak_cost(instance: SchedulingInstance) -> pyo.ConcreteModel:
    """Least import peak of the community at its weight, with curtailment and missed targets at their prices: P4.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.

    Returns
    -------
    pyomo.environ.ConcreteModel
        A linear program, but for storages that could burn energy that has nowhere to go (:func:`.premise.premise`).
    """
    return _build(instance, Tariff.of_peak(instance), "peak_cost")


def build_elastic(instance: SchedulingInstance) -> pyo.ConcreteModel:
    """Least sum of what an infeasible instance lacks, kWh: each hard requirement may be missed, and is paid for.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Always feasible. Variables ``missing_load`` and ``stranded_generation`` (interval, member), ``missing_content``
        and ``excess_content`` (state, storage), ``missing_service`` (request) say what is lacking where.
    """
    import pyomo.environ as pyo

    model = _build(instance, Tariff.of_cost(instance), "elastic", elastic=True)
    model.cost.deactivate()
    slacks = (
        model.missing_load,
        model.stranded_generation,
        model.missing_content,
        model.excess_content,
        model.missing_service,
    )
    # The least amount that would have to be forgone is what an operator wants to know.
    model.lacking = pyo.Objective(expr=sum(variable for slack in slacks for variable in slack.values()))
    return model


def _build(instance: SchedulingInstance, tariff: Tariff, name: str, *, elastic: bool = False) -> pyo.ConcreteModel:
    import pyomo.environ as pyo

    model = pyo.ConcreteModel(name=name)
    model.interval = pyo.RangeSet(0, len(instance.interval) - 1)
    model.state = pyo.RangeSet(0, len(instance.interval))
    model.member = pyo.RangeSet(0, len(instance.member) - 1)
    model.storage = pyo.RangeSet(0, len(instance.storage) - 1)
    model.request = pyo.RangeSet(0, len(instance.request) - 1)
    _declare_variables(model, instance)
    _declare_slacks(model, instance, elastic=elastic)
    _declare_members(model, instance)
    _state_storages(model, instance)
    _state_requests(model, instance)
    _state_connections(model, instance)
    _forbid_both_at_once(model, instance, premise(instance, tariff))

    energy = sum(
        float(tariff.buy[t]) * model.imported[t] - float(tariff.sell[t]) * model.exported[t] for t in model.interval
    )
    comfort = sum(float(instance.curtailment_price[i]) * model.curtailed[t, i] for t, i in model.curtailed)
    comfort += sum(instance.lost_load_price * model.lost[t, i] for t, i in model.lost)
    comfort += sum(float(instance.target_price[s]) * model.shortfall[t, s] for t, s in model.shortfall)
    last = len(instance.interval)
    worth = (
        sum(float(instance.terminal_value[s]) * model.content[last, s] for s in model.storage)
        if tariff.terminal
        else 0.0
    )
    # The grid is paid for what flows, the peak for its height, members for their comfort; what is left has its worth.
    model.cost = pyo.Objective(expr=energy + tariff.peak * model.peak + comfort - worth, sense=pyo.minimize)
    return model


def _cells(limit: np.ndarray) -> list[tuple[int, int]]:
    """Where a variable can be anything but 0."""
    return [(int(t), int(i)) for t, i in np.argwhere(limit > 0)]


def _declare_variables(model: Any, instance: SchedulingInstance) -> None:
    """What is decided, each within its own limits."""
    import pyomo.environ as pyo

    def within(limit: np.ndarray) -> pyo.Var:
        return pyo.Var(_cells(limit), bounds=lambda _, t, i: (0.0, float(limit[t, i])))

    model.charge = within(instance.charge_limit_kwh)
    model.discharge = within(instance.discharge_limit_kwh)
    model.service = within(instance.request_limit_kwh)
    model.curtailed = within(instance.sheddable_kwh)
    model.lost = within(instance.losable_kwh)
    model.spilled = within(instance.spillable_kwh)
    low, high = instance.state_low_kwh, instance.state_high_kwh
    model.content = pyo.Var(
        model.state, model.storage, bounds=lambda _, t, s: (float(low[t, s]), float(max(low[t, s], high[t, s])))
    )
    model.imported = pyo.Var(model.interval, bounds=lambda _, t: (0.0, _finite(instance.import_limit_kwh[t])))
    model.exported = pyo.Var(model.interval, bounds=lambda _, t: (0.0, _finite(instance.export_limit_kwh[t])))
    model.peak = pyo.Var(bounds=(0.0, None))
    target = instance.target_kwh if instance.target_kwh is not None else np.zeros_like(low)
    model.shortfall = pyo.Var(_cells(target * instance.target_price), bounds=(0.0, None))


def _declare_slacks(model: Any, instance: SchedulingInstance, *, elastic: bool) -> None:
    """What hard requirements may be missed by: nothing, unless the program is to say what an instance lacks."""
    import pyomo.environ as pyo

    members = _cells(np.ones_like(instance.load_kwh)) if elastic else []
    states = _cells(np.ones_like(instance.state_low_kwh)) if elastic else []
    for name, cells in (
        ("missing_load", members),
        ("stranded_generation", members),
        ("missing_content", states),
        ("excess_content", states),
        ("missing_service", list(model.request) if elastic else []),
    ):
        setattr(model, name, pyo.Var(cells, bounds=(0.0, None)))
    if not elastic:
        return
    low, high = instance.state_low_kwh, instance.state_high_kwh
    for t, s in model.content:
        if t > 0:
            model.content[t, s].setlb(None)
            model.content[t, s].setub(None)

    def above_low(model: Any, t: int, s: int) -> Any:
        return model.content[t, s] + model.missing_content[t, s] >= float(low[t, s])

    def below_high(model: Any, t: int, s: int) -> Any:
        return model.content[t, s] - model.excess_content[t, s] <= float(high[t, s])

    # A content may lack something to what it must be …
    model.contents_reach_their_least = pyo.Constraint(states, rule=above_low)
    # … or exceed what it may be.
    model.contents_stay_below_their_most = pyo.Constraint(states, rule=below_high)


def _finite(limit: Any) -> float | None:
    return float(limit) if np.isfinite(limit) else None


def _where(variable: Any, t: int, i: int) -> Any:
    """A variable where it may be anything but 0."""
    return variable[t, i] if (t, i) in variable else 0.0  # noqa: SIM401  (Pyomo's variables have no get)


def _declare_members(model: Any, instance: SchedulingInstance) -> None:
    """What each member decides adds up to a net import of its own."""
    import pyomo.environ as pyo

    storages = [np.flatnonzero(instance.storage_of == i).tolist() for i in range(len(instance.member))]
    requests = [np.flatnonzero(instance.request_of == i).tolist() for i in range(len(instance.member))]

    def decided(model: Any, t: int, i: int) -> Any:
        taken = sum(_where(model.charge, t, s) for s in storages[i])
        taken += sum(_where(model.service, t, r) for r in requests[i])
        taken += _where(model.spilled, t, i)
        given = sum(_where(model.discharge, t, s) for s in storages[i])
        given += _where(model.curtailed, t, i)
        given += _where(model.lost, t, i)
        taken += _where(model.stranded_generation, t, i)
        given += _where(model.missing_load, t, i)
        return taken - given

    model.decided = pyo.Expression(model.interval, model.member, rule=decided)


def _state_storages(model: Any, instance: SchedulingInstance) -> None:
    """Contents follow from flows, and what is missing to a target is noted."""
    import pyomo.environ as pyo

    def kept(model: Any, t: int, s: int) -> Any:
        stored = float(instance.charge_efficiency[s]) * _where(model.charge, t, s)
        taken = _where(model.discharge, t, s) / float(instance.discharge_efficiency[s])
        change = model.content[t + 1, s] - float(instance.retention[s]) * model.content[t, s]
        return change - stored + taken == -float(instance.driven_kwh[t, s])

    # What is kept, stored and not taken out or driven away is there in the next state.
    model.contents_follow_from_flows = pyo.Constraint(model.interval, model.storage, rule=kept)

    def missed(model: Any, t: int, s: int) -> Any:
        return model.shortfall[t, s] + model.content[t, s] >= float(instance.target_kwh[t, s])

    # Comfort is missed by what a content lacks of its target.
    model.targets_are_met_or_missed = pyo.Constraint(list(model.shortfall), rule=missed)


def _state_requests(model: Any, instance: SchedulingInstance) -> None:
    """Requests are served in full."""
    import pyomo.environ as pyo

    limit = instance.request_limit_kwh

    def served(model: Any, r: int) -> Any:
        service = [model.service[int(t), r] for t in np.flatnonzero(limit[:, r] > 0)]
        service += [model.missing_service[r]] if r in model.missing_service else []
        if not service:
            return pyo.Constraint.Skip if instance.request_kwh[r] == 0 else pyo.Constraint.Infeasible
        return sum(service) == float(instance.request_kwh[r])

    # A request receives all its energy within its window.
    model.requests_are_served = pyo.Constraint(model.request, rule=served)


def _state_connections(model: Any, instance: SchedulingInstance) -> None:
    """The community exchanges with the grid what its members add up to, each within its connection."""
    import pyomo.environ as pyo

    fixed = instance.net_load_kwh

    def balance(model: Any, t: int) -> Any:
        decided = sum(model.decided[t, i] for i in model.member)
        return model.imported[t] - model.exported[t] - decided == float(fixed[t].sum())

    # Import less export is the sum of the members' net imports.
    model.community_is_balanced = pyo.Constraint(model.interval, rule=balance)

    most, least = instance.member_import_limit_kwh, instance.member_export_limit_kwh

    def imports(model: Any, t: int, i: int) -> Any:
        return _bounded(model.decided[t, i], upper=float(most[t, i] - fixed[t, i]))

    def exports(model: Any, t: int, i: int) -> Any:
        return _bounded(model.decided[t, i], lower=float(-least[t, i] - fixed[t, i]))

    # A member imports no more than its connection carries …
    model.members_import_within_limits = pyo.Constraint(_finite_cells(most), rule=imports)
    # … and exports no more either.
    model.members_export_within_limits = pyo.Constraint(_finite_cells(least), rule=exports)

    def peak(model: Any, t: int) -> Any:
        return model.imported[t] / instance.dt_h - model.peak <= 0.0

    # The peak is as high as the greatest import power.
    model.peak_covers_import = pyo.Constraint(model.interval, rule=peak)


def _finite_cells(limit: np.ndarray) -> list[tuple[int, int]]:
    return [(int(t), int(i)) for t, i in np.argwhere(np.isfinite(limit))]


def _bounded(decided: Any, *, lower: float | None = None, upper: float | None = None) -> Any:
    """A limit on a member's decisions; one without any is kept or broken by the data alone."""
    import pyomo.environ as pyo

    if isinstance(decided.expr, int | float):
        kept = (lower is None or lower <= 1e-9) and (upper is None or upper >= -1e-9)
        return pyo.Constraint.Skip if kept else pyo.Constraint.Infeasible
    return decided >= lower if upper is None else decided <= upper


def _forbid_both_at_once(model: Any, instance: SchedulingInstance, where: Premise) -> None:
    """Binary variables, only where the premise of the linear program fails."""
    import pyomo.environ as pyo

    model.is_charging = pyo.Var([(int(t), int(s)) for t, s in np.argwhere(where.storage)], domain=pyo.Binary)
    charge, discharge = instance.charge_limit_kwh, instance.discharge_limit_kwh

    def charging(model: Any, t: int, s: int) -> Any:
        return model.charge[t, s] <= float(charge[t, s]) * model.is_charging[t, s]

    def discharging(model: Any, t: int, s: int) -> Any:
        return model.discharge[t, s] <= float(discharge[t, s]) * (1 - model.is_charging[t, s])

    # A storage charges …
    model.charges_only_while_charging = pyo.Constraint(list(model.is_charging), rule=charging)
    # … or discharges, where doing both would pay.
    model.discharges_only_otherwise = pyo.Constraint(list(model.is_charging), rule=discharging)

    model.is_importing = pyo.Var([int(t) for t in np.flatnonzero(where.grid)], domain=pyo.Binary)
    most = np.minimum(np.maximum(instance.greatest_net_kwh.sum(axis=1), 0.0), instance.import_limit_kwh)
    least = np.minimum(np.maximum(-instance.least_net_kwh.sum(axis=1), 0.0), instance.export_limit_kwh)

    def importing(model: Any, t: int) -> Any:
        return model.imported[t] <= float(most[t]) * model.is_importing[t]

    def exporting(model: Any, t: int) -> Any:
        return model.exported[t] <= float(least[t]) * (1 - model.is_importing[t])

    # The community imports …
    model.imports_only_while_importing = pyo.Constraint(list(model.is_importing), rule=importing)
    # … or exports, where trading in circles would pay.
    model.exports_only_otherwise = pyo.Constraint(list(model.is_importing), rule=exporting)
