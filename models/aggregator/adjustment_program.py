"""Adjustments of one sample as an optimal power flow, declared in Pyomo; see :mod:`.acopf` for the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.adjustment import AdjustmentInstance
from .acopf import declare_flow

if TYPE_CHECKING:
    import pyomo.environ as pyo


def greatest_kva(instance: AdjustmentInstance, s: int) -> np.ndarray:
    """Greatest apparent power of each load in a sample, (n,) kVA."""
    net, reactive = instance.net_load_kw[s], instance.net_load_kvar[s]
    active = np.maximum(np.abs(net - instance.reducible_kw[s]), np.abs(net + instance.raisable_kw[s]))
    return np.asarray(np.hypot(active, reactive))


def build_acopf(instance: AdjustmentInstance, s: int) -> pyo.ConcreteModel:
    """Declare one sample.

    Parameters
    ----------
    instance : AdjustmentInstance
        What is given.
    s : int
        Position of the sample.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Changes ``reduced`` and ``raised`` in kW, the objective ``goal`` in currency/h.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel(f"adjustments in {instance.sample[s]}")
    model.home = pyo.RangeSet(0, len(instance.load) - 1)

    def up_to(limit: np.ndarray) -> Any:
        return lambda m, j: (0.0, float(limit[j]))

    model.reduced = pyo.Var(model.home, bounds=up_to(instance.reducible_kw[s]))
    model.raised = pyo.Var(model.home, bounds=up_to(instance.raisable_kw[s]))
    price = instance.price
    model.goal = pyo.Objective(expr=sum(float(price[j]) * (model.reduced[j] + model.raised[j]) for j in model.home))

    def drawn(j: int) -> Any:
        return float(instance.net_load_kw[s, j]) - model.reduced[j] + model.raised[j]

    declare_flow(model, instance, drawn, instance.net_load_kvar[s], greatest_kva(instance, s))
    return model
