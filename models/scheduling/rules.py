"""Rules of scheduling: what a schedule must keep, and by what it is judged, in plain numpy.

Nothing here knows a program, a solver or a kernel. Balances cannot be broken, since exchanges follow from the
decision; what can be broken are limits, state equations, requests and windows. Bounds: :mod:`.bounds`.

Source: Lange, sections "Cloud-based optimization workflow" (cost), "Supply-demand-ratio pricing and p-MAS coordination"
(peak, waiting time), equations 5 and 6 (self-consumption and self-sufficiency, at the community's connection).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...instances.scheduling import SchedulingInstance
from ..problem import TOLERANCE, Criterion, Problem, Violation, described
from .bounds import (
    Tariff,
    comfort_cost,
    community_bound,
    community_terms,
    separate_bound,
    separate_terms,
    serve_in_order,
)
from .decision import SchedulingDecision, SchedulingPrices

Index = tuple[int, ...]


def violations(instance: SchedulingInstance, decision: SchedulingDecision) -> list[Violation]:
    """Every rule that a schedule breaks by more than the tolerance.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    decision : SchedulingDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty for a feasible schedule.
    """
    found: list[Violation] = []
    _storage_violations(instance, decision, found)
    _request_violations(instance, decision, found)
    for name, value, limit in (
        ("curtailed", decision.curtailed_kwh, instance.sheddable_kwh),
        ("left unserved", decision.lost_kwh, instance.losable_kwh),
        ("spilled", decision.spilled_kwh, instance.spillable_kwh),
    ):
        slack = TOLERANCE * np.maximum(limit, instance.load_kwh + instance.generation_kwh)
        zero = np.zeros_like(limit)
        _over(found, f"{name} energy must not be negative", instance, "member", -value, zero, slack, sign=-1.0)
        _over(found, f"more {name} than allowed", instance, "member", value, limit, slack)
    _connection_violations(instance, decision, found)
    return found


def _over(
    found: list[Violation],
    rule: str,
    instance: SchedulingInstance,
    axis: str,
    value: np.ndarray,
    limit: np.ndarray,
    slack: np.ndarray,
    *,
    sign: float = 1.0,
    states: bool = False,
) -> None:
    """Note each cell whose value exceeds its limit by more than the slack; ``sign`` turns both back for showing."""
    times, names = instance.labels_of("interval+" if states else "interval"), getattr(instance, axis)
    for t, k in np.argwhere(value > limit + slack):
        where = f"{names[k]}, {times[t]}"
        found.append(Violation(rule, where, sign * value[t, k], sign * limit[t, k] + 0.0, "kWh"))


def _storage_violations(instance: SchedulingInstance, decision: SchedulingDecision, found: list[Violation]) -> None:
    charge, discharge, soc = decision.charge_kwh, decision.discharge_kwh, decision.soc_kwh
    size = instance.capacity_kwh + (instance.charge_kw + instance.discharge_kw) * instance.dt_h
    slack = TOLERANCE * np.maximum(size, instance.initial_kwh)
    zero, wide = np.zeros_like(charge), np.broadcast_to(slack, charge.shape)
    for name, flow, limit in (
        ("charge", charge, instance.charge_limit_kwh),
        ("discharge", discharge, instance.discharge_limit_kwh),
    ):
        _over(found, f"{name} must not be negative", instance, "storage", -flow, zero, wide, sign=-1.0)
        _over(found, f"more {name} than its power allows", instance, "storage", flow, limit, wide)
    _over(found, "charges and discharges at once", instance, "storage", np.minimum(charge, discharge), zero, wide)
    kept = instance.retention * soc[:-1] + instance.charge_efficiency * charge - instance.driven_kwh
    expected = kept - discharge / instance.discharge_efficiency
    for t, s in np.argwhere(np.abs(soc[1:] - expected) > wide):
        where = f"{instance.storage[s]}, after {instance.interval[t]}"
        rule = "content does not follow from charge and discharge"
        found.append(Violation(rule, where, soc[t + 1, s], expected[t, s], "kWh"))
    low, high = instance.state_low_kwh, instance.state_high_kwh
    wide = np.broadcast_to(slack, soc.shape)
    _over(found, "content below what it must be", instance, "storage", -soc, -low, wide, sign=-1.0, states=True)
    _over(found, "content above what it may be", instance, "storage", soc, high, wide, states=True)


def _request_violations(instance: SchedulingInstance, decision: SchedulingDecision, found: list[Violation]) -> None:
    served, limit = decision.served_kwh, instance.request_limit_kwh
    slack = TOLERANCE * np.maximum(instance.request_kwh, instance.request_kw * instance.dt_h)
    wide = np.broadcast_to(slack, served.shape)
    _over(found, "service must not be negative", instance, "request", -served, np.zeros_like(limit), wide, sign=-1.0)
    _over(found, "more service than power and window allow", instance, "request", served, limit, wide)
    total = served.sum(axis=0)
    for r in np.flatnonzero(np.abs(total - instance.request_kwh) > slack):
        rule = "request is not served what it asks for"
        found.append(Violation(rule, str(instance.request[r]), total[r], instance.request_kwh[r], "kWh"))


def _connection_violations(instance: SchedulingInstance, decision: SchedulingDecision, found: list[Violation]) -> None:
    # A balance sums many energies, each rounded, so its tolerance is relative to what flows at the node.
    flows = np.maximum(np.abs(instance.least_net_kwh), np.abs(instance.greatest_net_kwh))
    net, wide = decision.net_kwh, TOLERANCE * (flows + instance.load_kwh + instance.generation_kwh)
    for rule, value, limit in (
        ("more import than the member's connection allows", net, instance.member_import_limit_kwh),
        ("more export than the member's connection allows", -net, instance.member_export_limit_kwh),
    ):
        _over(found, rule, instance, "member", value, limit, wide)
    total, slack = decision.community_net_kwh, wide.sum(axis=1)
    for rule, value, limit in (
        ("more import than the community's connection allows", total, instance.import_limit_kwh),
        ("more export than the community's connection allows", -total, instance.export_limit_kwh),
    ):
        for t in np.flatnonzero(value > limit + slack):
            found.append(Violation(rule, f"community, {instance.interval[t]}", value[t], limit[t], "kWh"))


def community_cost(instance: SchedulingInstance, decision: SchedulingDecision) -> float:
    """What the community pays behind one meter, in its currency."""
    tariff = Tariff.of_cost(instance)
    return tariff.paid(decision.community_net_kwh, instance.dt_h) + comfort_cost(instance, decision, tariff)


def separate_cost(instance: SchedulingInstance, decision: SchedulingDecision) -> float:
    """What all members pay together if each has a meter of its own, in the instance's currency."""
    tariff = Tariff.of_cost(instance)
    return tariff.paid(decision.net_kwh, instance.dt_h) + comfort_cost(instance, decision, tariff)


def peak_cost(instance: SchedulingInstance, decision: SchedulingDecision) -> float:
    """The greatest import power at its weight, with what comfort it costs."""
    tariff = Tariff.of_peak(instance)
    return tariff.paid(decision.community_net_kwh, instance.dt_h) + comfort_cost(instance, decision, tariff)


def peak_kw(instance: SchedulingInstance, decision: SchedulingDecision) -> float:
    """Greatest import power of the community."""
    return float(decision.community_net_kwh.max(initial=0.0)) / instance.dt_h


def self_sufficiency(instance: SchedulingInstance, decision: SchedulingDecision) -> float:
    """Share of the energy consumed (load and requests served) that is not imported; NaN where nothing is consumed."""
    used = float((instance.load_kwh - decision.curtailed_kwh - decision.lost_kwh).sum() + decision.served_kwh.sum())
    return 1.0 - float(np.maximum(decision.community_net_kwh, 0.0).sum()) / used if used > 0 else math.nan


def self_consumption(instance: SchedulingInstance, decision: SchedulingDecision) -> float:
    """Share of what is generated that is neither exported nor spilled; NaN where nothing is generated."""
    made = float(instance.generation_kwh.sum())
    away = float(np.maximum(-decision.community_net_kwh, 0.0).sum() + decision.spilled_kwh.sum())
    return 1.0 - away / made if made > 0 else math.nan


def emissions_kg(instance: SchedulingInstance, decision: SchedulingDecision) -> float:
    """Emissions of imported energy; NaN where no intensity is given."""
    if instance.carbon_kg_per_kwh is None:
        return math.nan
    return float((instance.carbon_kg_per_kwh * np.maximum(decision.community_net_kwh, 0.0)).sum())


def waiting_h(instance: SchedulingInstance, served_kwh: np.ndarray) -> float:
    """Mean time that a requested kWh waits from the beginning of its window on, h; NaN without requests."""
    asked = float(instance.request_kwh.sum())
    late = np.arange(len(instance.interval))[:, None] - instance.earliest
    return float((late * instance.dt_h * served_kwh).sum()) / asked if asked > 0 else math.nan


def _least_waiting(instance: SchedulingInstance, prices: SchedulingPrices | None) -> float:
    """Serving each request from the beginning of its window on, at full power."""
    soonest = np.broadcast_to(np.arange(len(instance.interval))[:, None], instance.request_limit_kwh.shape)
    return waiting_h(instance, serve_in_order(instance, soonest))


def _cost_scale(instance: SchedulingInstance) -> float:
    """A thousandth of what all load and generation are worth at the grid's prices; 1 where that is nothing."""
    price = np.maximum(np.abs(instance.buy_price), np.abs(instance.sell_price))
    flows = (instance.load_kwh + instance.generation_kwh).sum(axis=1)
    return 1e-3 * float((price * flows).sum()) or 1.0


def _peak_scale(instance: SchedulingInstance) -> float:
    greatest = float(instance.load_kwh.sum(axis=1).max(initial=0.0)) / instance.dt_h
    return 1e-3 * instance.peak_price * greatest or 1.0


def _certificate(
    terms: Callable[..., dict[str, float]],
    tariff_of: Callable[[SchedulingInstance], Tariff],
    scale: Callable[[SchedulingInstance], float],
) -> Callable[[SchedulingInstance, SchedulingDecision, SchedulingPrices], dict[str, float]]:
    """Complementarity, part by part: how far each term of the Lagrangian is from its least, in units of the scale.

    All are 0 at an optimal pair of decision and prices, and their sum is the duality gap.
    """

    def certificate(
        instance: SchedulingInstance, decision: SchedulingDecision, prices: SchedulingPrices
    ) -> dict[str, float]:
        tariff = tariff_of(instance)
        least = terms(instance, tariff, prices)
        taken = terms(instance, tariff, prices, decision)
        gaps = {name: (taken[name] - least[name]) / scale(instance) for name in least if name != "fixed"}
        return gaps | {"duality_gap": sum(gaps.values())}

    return certificate


def _tiny() -> SchedulingInstance:
    return SchedulingInstance(
        load_kwh=[[1.0, 0.5], [1.0, 0.0], [2.0, 1.0], [1.0, 1.0]],
        generation_kwh=[[0.0, 0.0], [2.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
        buy_price=[0.2, 0.2, 0.4, 0.3],
        sell_price=[0.1, 0.1, 0.1, 0.1],
        storage_of=[0],
        capacity_kwh=[2.0],
        charge_kw=[2.0],
        discharge_kw=[2.0],
        charge_efficiency=[0.9],
    )


PROBLEM = Problem(
    name="scheduling",
    title="when to charge, shift and import, on a sliding horizon?",
    source="Lange, Cloud-coordinated peer-to-peer energy sharing for urban community microgrids",
    instance=SchedulingInstance,
    decision=SchedulingDecision,
    prices=SchedulingPrices,
    violations=violations,
    criteria=(
        Criterion(
            "community_cost",
            "cost of the community behind one meter",
            "currency",
            "min",
            community_cost,
            _cost_scale,
            lambda i, p: community_bound(i, Tariff.of_cost(i), p),
            _certificate(community_terms, Tariff.of_cost, _cost_scale),
        ),
        Criterion(
            "separate_cost",
            "cost of all members, each behind a meter of its own",
            "currency",
            "min",
            separate_cost,
            _cost_scale,
            lambda i, p: separate_bound(i, Tariff.of_cost(i), p),
            _certificate(separate_terms, Tariff.of_cost, _cost_scale),
        ),
        Criterion(
            "peak_cost",
            "greatest import power at its weight, with curtailment and missed targets at their prices",
            "currency",
            "min",
            peak_cost,
            _peak_scale,
            lambda i, p: community_bound(i, Tariff.of_peak(i), p),
            _certificate(community_terms, Tariff.of_peak, _peak_scale),
        ),
        Criterion(
            "waiting_h",
            "mean waiting time of requested energy",
            "h",
            "min",
            lambda i, d: waiting_h(i, d.served_kwh),
            lambda i: 1e-3 * i.dt_h,
            _least_waiting,
        ),
        described("peak_kw", "greatest import power of the community", "kW", "min", peak_kw),
        described("self_sufficiency", "share of consumption not imported", "1", "max", self_sufficiency),
        described("self_consumption", "share of generation used in the community", "1", "max", self_consumption),
        described(
            "throughput_kwh", "energy discharged from storages", "kWh", "min", lambda i, d: float(d.discharge_kwh.sum())
        ),
        described(
            "unserved_kwh",
            "load curtailed or left unserved",
            "kWh",
            "min",
            lambda i, d: float(d.curtailed_kwh.sum() + d.lost_kwh.sum()),
        ),
        described("emissions_kg", "emissions of imported energy", "kg", "min", emissions_kg),
    ),
    tiny=_tiny,
)

PROBLEMS = (PROBLEM,)
