"""What every scheduler shares: schedules from states, spilling, service as soon as possible, and decisions of parts."""

from __future__ import annotations

import numpy as np

from ..instances.scheduling import SchedulingInstance, sum_by_owner
from ..models.scheduling.bounds import serve_in_order
from ..models.scheduling.decision import SchedulingDecision


def flows_of_states(instance: SchedulingInstance, soc_kwh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Charge and discharge that lead through given states, never both at once.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    soc_kwh : (T + 1, S) array, kWh
        Content of each storage.

    Returns
    -------
    charge_kwh, discharge_kwh : (T, S) arrays, kWh
        On the AC side.
    """
    change = soc_kwh[1:] - instance.retention * soc_kwh[:-1] + instance.driven_kwh
    # A change that is nothing but rounding would be a flow where a storage is not even plugged in.
    nothing = 1e-12 * (instance.capacity_kwh + instance.driven_kwh)
    change = np.where(np.abs(change) <= nothing, 0.0, change)
    charge = np.maximum(change, 0.0) / instance.charge_efficiency
    return charge, np.maximum(-change, 0.0) * instance.discharge_efficiency


def states_of_flows(instance: SchedulingInstance, charge_kwh: np.ndarray, discharge_kwh: np.ndarray) -> np.ndarray:
    """Content of each storage, (T + 1, S) kWh, that follows from its flows."""
    soc = np.empty((len(instance.interval) + 1, len(instance.storage)))
    soc[0] = instance.initial_kwh
    gain = instance.charge_efficiency * charge_kwh - discharge_kwh / instance.discharge_efficiency
    for t, change in enumerate(gain - instance.driven_kwh):
        soc[t + 1] = instance.retention * soc[t] + change
    return soc


def serve_soonest(instance: SchedulingInstance) -> np.ndarray:
    """Requests served from the beginning of their windows on, at full power, (T, R) kWh."""
    limit = instance.request_limit_kwh
    return serve_in_order(instance, np.broadcast_to(np.arange(limit.shape[0])[:, None], limit.shape))


def schedule(
    instance: SchedulingInstance,
    soc_kwh: np.ndarray,
    served_kwh: np.ndarray,
    *,
    curtailed_kwh: np.ndarray | None = None,
    lost_kwh: np.ndarray | None = None,
    spilled_kwh: np.ndarray | None = None,
    separate: bool = False,
) -> SchedulingDecision:
    """The schedule through given states; energy that has nowhere to go is spilled where that is free.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    soc_kwh : (T + 1, S) array, kWh
        Content of each storage.
    served_kwh : (T, R) array, kWh
        Service of requests.
    curtailed_kwh, lost_kwh, spilled_kwh : (T, n) arrays, kWh, optional
        As decided already; nothing by default. Spilling that is decided is added to only where a connection demands
        it; else as much is spilled as connections and prices make worth while.
    separate : bool
        Whether each member has a meter of its own; else the community's decides what export is worth.

    Returns
    -------
    SchedulingDecision
    """
    nothing = np.zeros_like(instance.load_kwh)
    charge, discharge = flows_of_states(instance, soc_kwh)
    decision = SchedulingDecision(
        instance=instance,
        charge_kwh=charge,
        discharge_kwh=discharge,
        soc_kwh=soc_kwh,
        served_kwh=served_kwh,
        curtailed_kwh=nothing if curtailed_kwh is None else curtailed_kwh,
        lost_kwh=nothing if lost_kwh is None else lost_kwh,
        spilled_kwh=nothing if spilled_kwh is None else spilled_kwh,
    )
    if instance.spill == "forbidden" or not instance.generation_kwh.any():
        return decision
    more = _to_spill(instance, decision, by_price=spilled_kwh is None, separate=separate)
    return decision.replace(spilled_kwh=decision.spilled_kwh + more) if more.any() else decision


def _to_spill(
    instance: SchedulingInstance, decision: SchedulingDecision, *, by_price: bool, separate: bool
) -> np.ndarray:
    """What more has to be spilled, or by the prices had better be, (T, n) kWh."""
    room = np.maximum(instance.spillable_kwh - decision.spilled_kwh, 0.0)
    net = decision.net_kwh
    # Beyond its own connection, each member spills for itself …
    spilled = np.clip(-net - instance.member_export_limit_kwh, 0.0, room)
    buy, sell = instance.buy_price[:, None], instance.sell_price[:, None]

    def worth_spilling(net: np.ndarray, limit: np.ndarray) -> np.ndarray:
        """Where imports earn money, all that the connection can replace; where exports cost, all of them."""
        return np.where(buy < 0, limit - net, np.where(sell < 0, -net, 0.0))

    own = instance.member_import_limit_kwh
    if by_price and separate:
        more = np.maximum(np.clip(worth_spilling(net, own), 0.0, room) - spilled, 0.0)
        # What members would rather do must not overload what they share.
        spare = np.maximum(instance.import_limit_kwh - (net + spilled).sum(axis=1), 0.0)
        spilled = spilled + np.where(np.isfinite(spare)[:, None], in_proportion(spare, more), more)
    # … and beyond the community's, all alike.
    total = (net + spilled).sum(axis=1, keepdims=True)
    left = np.minimum(room - spilled, np.maximum(own - net - spilled, 0.0))
    most = left.sum(axis=1, keepdims=True)
    wanted = -total - instance.export_limit_kwh[:, None]
    if by_price and not separate:
        wanted = np.maximum(wanted, worth_spilling(total, instance.import_limit_kwh[:, None]))
    share = np.divide(np.clip(wanted, 0.0, most), most, out=np.zeros_like(most), where=most > 0)
    return spilled + share * left


def lost_for_want(
    instance: SchedulingInstance, net_kwh: np.ndarray, curtailed_kwh: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What is curtailed and what is lost where connections cannot bring enough, curtailable load first.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    net_kwh : (T, n) array, kWh
        Net import of each member as it would be with all its load served.
    curtailed_kwh : (T, n) array, kWh, optional
        What is curtailed whatever connections can bring; nothing by default.

    Returns
    -------
    curtailed_kwh, lost_kwh : (T, n) arrays, kWh
        Of each member beyond its own connection; of all, in proportion to what they could give up, beyond the
        community's.
    """
    already = np.zeros_like(net_kwh) if curtailed_kwh is None else curtailed_kwh
    net, shed, lose = net_kwh - already, instance.sheddable_kwh - already, instance.losable_kwh
    missing = np.clip(net - instance.member_import_limit_kwh, 0.0, None)
    curtailed = np.minimum(missing, shed)
    lost = np.minimum(missing - curtailed, lose)
    net = net - curtailed - lost
    # Whoever cannot export cannot help others, with what is left or by giving up load of its own.
    net = np.maximum(net, -instance.member_export_limit_kwh)
    missing_all = np.clip(net.sum(axis=1) - instance.import_limit_kwh, 0.0, None)
    reach = net + instance.member_export_limit_kwh
    more = in_proportion(missing_all, np.minimum(shed - curtailed, reach))
    rest = np.maximum(missing_all - more.sum(axis=1), 0.0)
    return already + curtailed + more, lost + in_proportion(rest, np.minimum(lose - lost, reach - more))


def in_proportion(total: np.ndarray, room: np.ndarray) -> np.ndarray:
    """A total (T,) in proportion to the members' room (T, n), as far as there is room."""
    most = room.sum(axis=1)
    share = np.divide(np.minimum(total, most), most, out=np.zeros_like(most), where=most > 0)
    return room * share[:, None]


def net_of_storages(instance: SchedulingInstance, charge_kwh: np.ndarray, discharge_kwh: np.ndarray) -> np.ndarray:
    """Net import of each member's storages, (T, n) kWh."""
    return sum_by_owner(charge_kwh - discharge_kwh, instance.storage_of, len(instance.member))
