"""Many members: the schedule that the interior-point method and the answers of the battery kernel make together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.decision import SchedulingDecision
from .decomposition_interior import Found
from .price_takers import PriceTakers
from .schedules import in_proportion, schedule, states_of_flows


def schedule_of(takers: PriceTakers, found: Found, chosen: np.ndarray, drawn: np.ndarray) -> SchedulingDecision:
    """The schedule of what was decided and what was taken as answered.

    Parameters
    ----------
    takers : PriceTakers
        All storages.
    found : Found
        What the interior-point method decided.
    chosen : (k,) array of int
        Which of the storages it decided.
    drawn : (S, T) array, kWh
        What all others are to draw.

    Returns
    -------
    SchedulingDecision
    """
    instance, columns = takers.instance, found.columns
    discharge = np.zeros((len(instance.interval), len(instance.storage)))
    discharge[:, takers.useful] = drawn.T
    own, contents = takers.useful[chosen], found.stores.contents()
    discharge[:, own] = _flows(instance, own, contents)
    # One after the other, in place: a large community's arrays are dear to make.
    charge = np.maximum(discharge, 0.0)
    np.negative(np.minimum(discharge, 0.0, out=discharge), out=discharge)
    soc = states_of_flows(instance, charge, discharge)
    soc[:, own] = contents
    taken = columns.taken
    served = np.zeros_like(instance.request_limit_kwh)
    served[tuple(columns.served.T)] = taken[columns.blocks["service"]]
    total = served.sum(axis=0)
    served *= np.divide(instance.request_kwh, total, out=np.ones_like(total), where=total > 0)
    served = np.minimum(served, instance.request_limit_kwh)
    given_up: dict[str, Any] = {}
    if len(columns.cut):
        given_up["curtailed_kwh"] = np.zeros_like(instance.load_kwh)
        given_up["curtailed_kwh"][tuple(columns.cut.T)] = taken[columns.blocks["curtailed"]]
    if instance.lost_load == "priced":
        given_up["lost_kwh"] = in_proportion(taken[columns.blocks["lost"]], instance.losable_kwh)
    if np.isfinite(instance.export_limit_kwh).any():
        return schedule(instance, soc, served, **given_up)
    # Without a limit of export nothing has to be spilled, and at prices that are not negative nothing had better be.
    return SchedulingDecision(
        instance=instance, charge_kwh=charge, discharge_kwh=discharge, soc_kwh=soc, served_kwh=served, **given_up
    )


def _flows(instance: SchedulingInstance, chosen: np.ndarray, soc_kwh: np.ndarray) -> np.ndarray:
    """What leads some storages through given states, (T, k) kWh, as :func:`.schedules.flows_of_states` says."""
    driven, capacity = instance.driven_kwh[:, chosen], instance.capacity_kwh[chosen]
    change = soc_kwh[1:] - instance.retention[chosen] * soc_kwh[:-1] + driven
    change = np.where(np.abs(change) <= 1e-12 * (capacity + driven), 0.0, change)
    charge = change / instance.charge_efficiency[chosen]
    return np.where(change > 0, charge, change * instance.discharge_efficiency[chosen])
