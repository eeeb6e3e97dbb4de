"""The menu of adjustments for a network: every method on one page, with its claim.

Source: Postnikov et al., section on the network. The mathematics: ``docs/mathematics/aggregator-adjustment.md``.
"""

from __future__ import annotations

from ..instances.adjustment import AdjustmentInstance
from .method import Answer, method

ACOPF_CELLS = 1000
"""Cells up to which the optimal power flow is known to end within a minute."""


@method("aggregator.adjustment", kind="program", exact_for={"cost"}, size_limit=ACOPF_CELLS)
def acopf(instance: AdjustmentInstance, *, time_limit_s: float | None = None) -> Answer:
    """The optimal power flow in currents and voltages, solved to the global optimum (SCIP), sample by sample."""
    from .adjustment_runs import run_acopf

    return run_acopf(instance, time_limit_s=time_limit_s)


@method("aggregator.adjustment", kind="kernel")
def tangents(instance: AdjustmentInstance) -> Answer:
    """Linear programs with tangents of the limits that the last load flow broke, until none is broken (HiGHS)."""
    from .adjustment_runs import run_tangents

    return run_tangents(instance)


@method("aggregator.adjustment", feasible=False)
def one_linearisation(instance: AdjustmentInstance) -> Answer:
    """One linear program, linearised where nothing is changed."""
    from .adjustment_runs import run_one_linearisation

    return run_one_linearisation(instance)


@method("aggregator.adjustment")
def effect_per_price(instance: AdjustmentInstance) -> Answer:
    """The load with most effect on the worst limit for its price first, until it is kept; then the next limit."""
    from .heuristics.adjustment import run_in_order

    return run_in_order(instance, per_price=True)


@method("aggregator.adjustment")
def effect(instance: AdjustmentInstance) -> Answer:
    """The load with most effect on the worst limit first, whatever it costs."""
    from .heuristics.adjustment import run_in_order

    return run_in_order(instance, per_price=False)


@method("aggregator.adjustment")
def same_share(instance: AdjustmentInstance) -> Answer:
    """The same share of what they can do of all loads that help with the worst limit."""
    from .heuristics.adjustment import run_same_share

    return run_same_share(instance)
