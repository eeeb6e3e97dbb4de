r"""The program of one window of a sliding horizon, declared once: its data are parameters, its hours lie in a ring.

Interval :math:`h` lies in slot :math:`h \bmod (H + 1)` for as long as windows of H intervals hold it, so that from one
window to the next only the slots at the window's two ends get other data, and a solver's basis stays where it was. The
one slot more than a window has intervals is the *past*: its content is what the window begins with, nothing flows in
it, and its state equation is loose. A slot beyond the end of the horizon is *idle*: nothing flows, nothing is worth
anything.

===================  ==============================================  ======================  ================
symbol               meaning                                         attribute               unit
===================  ==============================================  ======================  ================
:math:`k, s, j`      slot, storage, tier of curtailable load
:math:`n_k`          load less generation of all members             ``net``                 kWh
:math:`b_k, f_k`     buying and selling price                        ``buy``, ``sell``       currency/kWh
:math:`a_k`          infinite where the state equation is loose      ``loose``               kWh
:math:`v_{sk}`       worth of content at the window's end, else 0    ``worth``               currency/kWh
:math:`c, d, e`      charge, discharge, content after the interval   ``charge``, …           kWh
:math:`I_k, X_k`     import, export                                  ``imported``, …         kWh
:math:`w, u`         spilled, lost                                   ``spilled``, ``lost``   kWh
:math:`q_{jk}`       curtailed at the price of the tier              ``curtailed``           kWh
:math:`z_{sk}`       target missed                                   ``shortfall``           kWh
:math:`p`            greatest import power so far                    ``peak``                kW
===================  ==============================================  ======================  ================

Minimise :math:`\sum_k b_k I_k - f_k X_k + \sum_{jk} \text{price}_j q_{jk} + \text{price} \sum_k u_k
+ \sum_{sk} \text{price}_s z_{sk} - \sum_{sk} v_{sk} e_{sk} + \pi p` subject to
:math:`I_k - X_k = n_k + \sum_s (c_{sk} - d_{sk}) + w_k - u_k - \sum_j q_{jk}` and
:math:`|e_{sk} - \rho_s e_{s,k-1} - \eta^c_s c_{sk} + d_{sk}/\eta^d_s + \text{trip}_{sk}| \le a_k`.

It is :mod:`.program` for a community without movable requests and without limits between its members, where the premise
of the linear program holds; members are pooled, which changes nothing, for what they exchange is free.

Source: Lange, section "Cloud-based optimization workflow". Deviation: the ring is ours. Only bounds and costs move, not
the matrix, which lets a solver keep its factors as well as its basis.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.scheduling import SchedulingInstance
from .premise import premise

if TYPE_CHECKING:
    import pyomo.environ as pyo


def curtailment_tiers(instance: SchedulingInstance) -> np.ndarray:
    """Distinct prices at which load may be curtailed, ascending; what has one price is one tier of the pool."""
    offers = instance.sheddable_kwh.any(axis=0)
    return np.unique(instance.curtailment_price[offers])


def may_spill(instance: SchedulingInstance) -> bool:
    """Whether leaving generation unused can ever be of use: not while export is unlimited and never costs anything."""
    limited = np.isfinite(instance.export_limit_kwh).any() or np.isfinite(instance.member_export_limit_kwh).any()
    useful = limited or instance.sell_price.min() < 0 or instance.buy_price.min() < 0
    return bool(useful and instance.spillable_kwh.any())


def why_not_a_ring(instance: SchedulingInstance) -> Iterator[str]:
    """Reasons, in the instance's words, for which :func:`build_window` does not state the whole problem."""
    if len(instance.request):
        yield f"{instance.request[0]}: movable requests are no part of the ring"
    limited = np.isfinite(instance.member_import_limit_kwh) | np.isfinite(instance.member_export_limit_kwh)
    if limited.any() and len(instance.member) > 1:
        t, i = np.argwhere(limited)[0]
        yield f"{instance.member[i]}, {instance.interval[t]}: its own connection is limited, and members are pooled"
    # Forecasts may bring any generation together with any price or limit, so the premise must hold for all of them.
    yield from premise(instance).reasons
    if instance.spill == "forbidden" and instance.generation_kwh.any():
        if instance.sell_price.min() < 0:
            yield "nothing may be spilled, and export may cost money"
        if np.isfinite(instance.export_limit_kwh).any() or np.isfinite(instance.member_export_limit_kwh).any():
            yield "nothing may be spilled, and export is limited"


def build_window(instance: SchedulingInstance, intervals: int) -> pyo.ConcreteModel:
    """The program of a window of H intervals; all data that differ between windows are mutable parameters.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given; storages, prices of comfort and the length of intervals are taken from it.
    intervals : int
        H; there is one slot more.

    Returns
    -------
    pyomo.environ.ConcreteModel
        All parameters are 0 until they are given. Each but ``peak_so_far`` has the slot as its last index.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel(name="window")
    model.slot = pyo.RangeSet(0, intervals)
    model.storage = pyo.RangeSet(0, len(instance.storage) - 1)
    model.tier = pyo.RangeSet(0, len(curtailment_tiers(instance)) - 1)
    model.spilling = pyo.Set(initialize=list(model.slot) if may_spill(instance) else [])
    model.losing = pyo.Set(initialize=list(model.slot) if instance.losable_kwh.any() else [])
    aimed = instance.target_kwh is not None
    model.aiming = pyo.Set(initialize=np.flatnonzero(instance.target_price > 0).tolist() if aimed else [])
    model.peaking = pyo.Set(initialize=list(model.slot) if instance.demand_charge > 0 else [])
    _declare_parameters(model)
    _declare_variables(model)
    _state_storages(model, instance)
    _state_connection(model, instance)
    _state_cost(model, instance)
    return model


def _declare_parameters(model: Any) -> None:
    """What differs between windows, all 0 until it is pushed."""
    import pyomo.environ as pyo

    def parameter(*index: Any) -> pyo.Param:
        return pyo.Param(*index, mutable=True, initialize=0.0, domain=pyo.Any)

    for name in ("net", "buy", "sell", "import_limit", "export_limit", "loose"):
        setattr(model, name, parameter(model.slot))
    for name in ("low", "high", "charge_limit", "discharge_limit", "trip", "worth"):
        setattr(model, name, parameter(model.storage, model.slot))
    model.spillable = parameter(model.spilling)
    model.losable = parameter(model.losing)
    model.sheddable = parameter(model.tier, model.slot)
    model.target = parameter(model.aiming, model.slot)
    if len(model.peaking):
        model.peak_so_far = parameter()


def _declare_variables(model: Any) -> None:
    """What is decided, each within limits that are parameters."""
    import pyomo.environ as pyo

    def up_to(limit: Any, *index: Any) -> pyo.Var:
        return pyo.Var(*index, bounds=lambda _, *at: (0.0, limit[at if len(at) > 1 else at[0]]))

    model.charge = up_to(model.charge_limit, model.storage, model.slot)
    model.discharge = up_to(model.discharge_limit, model.storage, model.slot)
    model.content = pyo.Var(model.storage, model.slot, bounds=lambda m, s, k: (m.low[s, k], m.high[s, k]))
    model.imported = up_to(model.import_limit, model.slot)
    model.exported = up_to(model.export_limit, model.slot)
    model.spilled = up_to(model.spillable, model.spilling)
    model.lost = up_to(model.losable, model.losing)
    model.curtailed = up_to(model.sheddable, model.tier, model.slot)
    model.shortfall = pyo.Var(model.aiming, model.slot, bounds=(0.0, None))
    if len(model.peaking):
        model.peak = pyo.Var(bounds=(model.peak_so_far, None))


def _state_storages(model: Any, instance: SchedulingInstance) -> None:
    """Contents follow from flows around the ring, and what is missing to a target is noted."""
    import pyomo.environ as pyo

    slots = len(model.slot)

    def kept(model: Any, s: int, k: int) -> Any:
        stored = float(instance.charge_efficiency[s]) * model.charge[s, k]
        taken = model.discharge[s, k] / float(instance.discharge_efficiency[s])
        before = float(instance.retention[s]) * model.content[s, (k - 1) % slots]
        change = model.content[s, k] - before - stored + taken
        return pyo.inequality(-model.trip[s, k] - model.loose[k], change, model.loose[k] - model.trip[s, k])

    # What is kept of the slot before, stored and not taken out or driven away is there afterwards, but in the past.
    model.contents_follow_from_flows = pyo.Constraint(model.storage, model.slot, rule=kept)

    def missed(model: Any, s: int, k: int) -> Any:
        return model.shortfall[s, k] + model.content[s, k] >= model.target[s, k]

    # Comfort is missed by what a content lacks of its target.
    model.targets_are_met_or_missed = pyo.Constraint(model.aiming, model.slot, rule=missed)


def _state_connection(model: Any, instance: SchedulingInstance) -> None:
    """The pool exchanges with the grid what is left over."""
    import pyomo.environ as pyo

    def balance(model: Any, k: int) -> Any:
        decided = sum(model.charge[s, k] - model.discharge[s, k] for s in model.storage)
        decided += model.spilled[k] if k in model.spilling else 0.0
        decided -= model.lost[k] if k in model.losing else 0.0
        decided -= sum(model.curtailed[j, k] for j in model.tier)
        return model.imported[k] - model.exported[k] - decided == model.net[k]

    # Import less export is what the pool takes net of what it gives.
    model.community_is_balanced = pyo.Constraint(model.slot, rule=balance)

    def peak(model: Any, k: int) -> Any:
        return model.imported[k] / instance.dt_h - model.peak <= 0.0

    # The peak is as high as the greatest import power, of this window or before.
    model.peak_covers_import = pyo.Constraint(model.peaking, rule=peak)


def _state_cost(model: Any, instance: SchedulingInstance) -> None:
    import pyomo.environ as pyo

    energy = sum(model.buy[k] * model.imported[k] - model.sell[k] * model.exported[k] for k in model.slot)
    comfort = sum(instance.lost_load_price * model.lost[k] for k in model.losing)
    tiers = curtailment_tiers(instance)
    comfort += sum(float(tiers[j]) * model.curtailed[j, k] for j in model.tier for k in model.slot)
    comfort += sum(float(instance.target_price[s]) * model.shortfall[s, k] for s, k in model.shortfall)
    worth = sum(model.worth[s, k] * model.content[s, k] for s in model.storage for k in model.slot)
    peak = instance.demand_charge * model.peak if len(model.peaking) else 0.0
    # The grid is paid for what flows, the peak for its height, members for their comfort; what is left has its worth.
    model.cost = pyo.Objective(expr=energy + comfort + peak - worth, sense=pyo.minimize)
