r"""Adjustments for a network: what is decided, what it must keep, by what it is judged, in plain numpy.

An adjustment :math:`a_{si}` lowers the net load of a home in a sample to :math:`P_{si} - a_{si}`, or raises it where it
is negative. Limits are kept if a sweep of the tree finds all voltages and currents within theirs
(:mod:`.feeder_flow`), which knows neither an impedance matrix nor a program.

Source: Postnikov et al., section on the network (adjustments of agents by their effect on constraints, Figure 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...instances.adjustment import AdjustmentInstance, tiny_adjustment
from ...instances.errors import NoFlowError
from ...instances.fields import Array, array
from ...instances.record import Decision
from ..problem import TOLERANCE, Criterion, Problem, Violation, described
from .adjustment_bound import cost_bound
from .feeder_flow import Flow, feeder_violations, sweep

NETWORK_TOLERANCE = 1e-8
"""What a voltage or a current may miss its limit by, relative to it: two microvolts, as sweeps end at 1e-9 V."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AdjustmentDecision(Decision):
    """What is changed.

    Parameters
    ----------
    instance : AdjustmentInstance
        What is given.
    adjustment_kw : (S, n) array, kW
        Reduction of the net load; negative where it is raised.
    """

    problem: ClassVar[str] = "aggregator.adjustment"

    instance: AdjustmentInstance
    adjustment_kw: Array = array("sample", "load", unit="kW")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AdjustmentPrices(Decision):
    """What proves a bound; any values prove some, those of an optimum tight ones.

    Parameters
    ----------
    instance : AdjustmentInstance
        What is given.
    adjustment_kw : (S, n) array, kW
        Adjustments near which the optimum is looked for. Where they keep all limits, only what costs less has to be
        ruled out; where they do not, the sample proves nothing.
    current_price : (S, L, 3) array, currency/(A h)
        Of the current of each conductor.
    low_voltage_price, high_voltage_price : (S, n) arrays, currency/(V h)
        Of the two limits of each load's voltage.
    """

    problem: ClassVar[str] = "aggregator.adjustment"

    instance: AdjustmentInstance
    adjustment_kw: Array = array("sample", "load", unit="kW", default=0.0)
    current_price: Array = array("sample", "line", "phase", unit="currency/(A h)", low=0.0, default=0.0, empty=True)
    low_voltage_price: Array = array("sample", "load", unit="currency/(V h)", low=0.0, default=0.0)
    high_voltage_price: Array = array("sample", "load", unit="currency/(V h)", low=0.0, default=0.0)


def violations(instance: AdjustmentInstance, decision: AdjustmentDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance.

    Parameters
    ----------
    instance : AdjustmentInstance
        What is given.
    decision : AdjustmentDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty where nothing is changed by more than it can be, and all voltages and currents are within their limits.
    """
    found, slack = [], TOLERANCE * instance.size_kw
    change = decision.adjustment_kw
    for rule, much, limit in (
        ("more is reduced than can be", change, instance.reducible_kw),
        ("more is raised than can be", -change, instance.raisable_kw),
    ):
        for s, i in np.argwhere(much - limit > slack):
            where = f"{instance.sample[s]}, {instance.load[i]}"
            found.append(Violation(rule, where, float(much[s, i]), float(limit[s, i]), "kW"))
    net = instance.net_load_kw - change
    try:
        flow = sweep(instance, net, instance.net_load_kvar)
    except NoFlowError:
        return found + _one_by_one(instance, net)
    return found + feeder_violations(instance, flow, instance.sample, NETWORK_TOLERANCE)


def _one_by_one(instance: AdjustmentInstance, net_load_kw: np.ndarray) -> list[Violation]:
    """Violations where some sample has no flow at all."""
    found: list[Violation] = []
    for s in range(len(net_load_kw)):
        row = slice(s, s + 1)
        try:
            flow: Flow = sweep(instance, net_load_kw[row], instance.net_load_kvar[row])
        except NoFlowError:
            rule = "no voltages were found at which all loads get their power"
            found.append(Violation(rule, str(instance.sample[s]), float(net_load_kw[s].sum()), 0.0, "kW"))
        else:
            found += feeder_violations(instance, flow, instance.sample[row], NETWORK_TOLERANCE)
    return found


def cost(instance: AdjustmentInstance, decision: AdjustmentDecision) -> float:
    """What all changes cost, currency."""
    return float(instance.dt_h * (np.abs(decision.adjustment_kw) @ instance.price).sum())


def _scale(instance: AdjustmentInstance) -> float:
    """A thousandth of what all changes that are possible would cost."""
    reach = np.maximum(instance.reducible_kw, instance.raisable_kw)
    return 1e-3 * float(instance.dt_h * (reach @ instance.price).sum()) or 1.0


ADJUSTMENT = Problem(
    name="aggregator.adjustment",
    title="which loads have to change so that a feeder stays within its limits?",
    source="Postnikov et al., Aggregators as digital intermediaries to local electricity markets",
    instance=AdjustmentInstance,
    decision=AdjustmentDecision,
    prices=AdjustmentPrices,
    violations=violations,
    criteria=(
        Criterion("cost", "what all changes cost", "currency", "min", cost, _scale, cost_bound),
        described(
            "reduced_kwh",
            "net load reduced",
            "kWh",
            "min",
            lambda instance, decision: float(instance.dt_h * np.maximum(decision.adjustment_kw, 0.0).sum()),
        ),
        described(
            "raised_kwh",
            "net load raised",
            "kWh",
            "min",
            lambda instance, decision: float(instance.dt_h * np.maximum(-decision.adjustment_kw, 0.0).sum()),
        ),
        described(
            "loads_changed",
            "loads that are changed, all samples together",
            "1",
            "min",
            lambda instance, decision: float((np.abs(decision.adjustment_kw) > TOLERANCE * instance.size_kw).sum()),
        ),
    ),
    tiny=tiny_adjustment,
)
