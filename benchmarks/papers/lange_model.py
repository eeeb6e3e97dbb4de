"""What the paper on cloud-coordinated sharing leaves open, as we read it: contributions, failures, values of sharing.

The paper prints no model of its storages. Our reading of "each user selects how much to contribute":

- a member contributes the fraction κ of its storage (capacity, powers, contents alike) and keeps 1 − κ for itself;
- the private part is scheduled first, by the member alone on its own net load, at least cost (the battery kernel);
- then the pooled parts are scheduled together behind the community's meter, at least cost, given what is left.

What is asked for at once is served at once here, so that storages alone make the difference.

A community without limits between its members costs what its sum costs. So members that nothing sets apart are merged
before anything slides: the answer is the same, and a window has a tenth of the variables.

Source: Lange, sections "System architecture" (contributions, equation 1), "Performance measure" (equation 8),
"Reliability and fault tolerance".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...instances.errors import NotApplicable
from ...instances.scheduling import SchedulingInstance, sum_by_owner
from ...models.scheduling.bounds import Tariff
from ...models.scheduling.rules import community_cost, separate_cost
from ...solvers.kernels.battery import battery_schedules
from ...solvers.schedules import serve_soonest
from ...solvers.scheduling_arrays import run_central
from ...solvers.scheduling_kernels import each_alone
from ...solvers.scheduling_programs import run_separate_cost

OTHERS = "all others"
"""Name of the member that stands for all who are not told apart."""

LOST_LOAD_PRICE = 100.0
"""Of load that a failed node does not serve, INR/kWh: ten times the dearest price, as a declared round number."""


class StorageUse(NamedTuple):
    """What storages charge and discharge, kWh on the AC side, and what the community pays at one meter."""

    private_kwh: float
    pooled_kwh: float
    cost: float

    @property
    def total_kwh(self) -> float:
        """Of private and pooled parts together."""
        return self.private_kwh + self.pooled_kwh


def served_at_once(instance: SchedulingInstance, members: Sequence[int] | None = None) -> SchedulingInstance:
    """The instance with movable requests turned into load from the beginning of their windows on.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    members : sequence of int, optional
        Whose requests; everybody's by default.

    Returns
    -------
    SchedulingInstance
    """
    owners = np.arange(len(instance.member)) if members is None else np.asarray(members, dtype=int)
    fixed = np.isin(instance.request_of, owners)
    served = np.where(fixed, serve_soonest(instance), 0.0)
    left = np.flatnonzero(~fixed)
    kept = {name: getattr(instance, name)[left] for name in REQUESTS}
    load = instance.load_kwh + sum_by_owner(served, instance.request_of, len(instance.member))
    return instance.replace(load_kwh=load, **kept)


REQUESTS = ("request", "request_of", "request_kwh", "request_kw", "earliest", "latest")


def merged(instance: SchedulingInstance, apart: Sequence[int] = ()) -> SchedulingInstance:
    """The instance with all members but some merged into one, which costs the community the same.

    Parameters
    ----------
    instance : SchedulingInstance
        A community without limits of members' connections, curtailment or lost load.
    apart : sequence of int
        Members that stay what they are.

    Returns
    -------
    SchedulingInstance
        Of ``1 + len(apart)`` members, the merged one first.

    Raises
    ------
    ValueError
        Where members differ in more than their energies.
    """
    for name in ("member_import_kw", "member_export_kw", "connected", "curtailable_kwh"):
        if getattr(instance, name) is not None:
            raise ValueError(f"members that differ in {name} cannot be merged")
    if instance.lost_load != "forbidden":
        raise ValueError("members that may lose load cannot be merged")
    new = np.zeros(len(instance.member), dtype=int)
    new[list(apart)] = 1 + np.arange(len(apart))
    count = 1 + len(apart)
    return instance.replace(
        member=[OTHERS, *(str(instance.member[i]) for i in apart)],
        load_kwh=sum_by_owner(instance.load_kwh, new, count),
        generation_kwh=sum_by_owner(instance.generation_kwh, new, count),
        storage_of=new[instance.storage_of],
        request_of=new[instance.request_of],
        curtailment_price=np.zeros(count),
    )


def part_of_storages(instance: SchedulingInstance, part: float) -> dict[str, np.ndarray]:
    """The given part of every storage, as fields of an instance."""
    names = ("capacity_kwh", "minimum_kwh", "charge_kw", "discharge_kw", "initial_kwh", "final_kwh")
    return {name: part * getattr(instance, name) for name in names}


def storage_use(instance: SchedulingInstance, contribution: float, size: float = 1.0) -> StorageUse:
    """What storages are used for where everybody contributes the same fraction of them.

    Parameters
    ----------
    instance : SchedulingInstance
        A community whose members have one storage each at most, and no requests.
    contribution : float
        κ, in [0, 1].
    size : float
        By what all storages are multiplied.

    Returns
    -------
    StorageUse

    Raises
    ------
    ValueError
        If a member has more than one storage, or anything to decide besides.
    """
    owners, count = np.unique(instance.storage_of, return_counts=True)
    if (count > 1).any():
        raise ValueError(f"{instance.member[owners[count > 1][0]]} has {count.max()} storages, one each is expected")
    if len(instance.request):
        raise ValueError(f"{instance.request[0]}: requests must have been served before storages are looked at")
    own = instance.storage_of
    private = part_of_storages(instance, (1.0 - contribution) * size)
    plans = battery_schedules(
        np.ascontiguousarray(instance.net_load_kwh[:, own].T),
        instance.buy_price,
        instance.sell_price,
        dt_h=instance.dt_h,
        capacity_kwh=private["capacity_kwh"],
        minimum_kwh=private["minimum_kwh"],
        charge_kw=private["charge_kw"],
        discharge_kw=private["discharge_kw"],
        initial_kwh=private["initial_kwh"],
        terminal_kwh=private["final_kwh"],
        charge_efficiency=instance.charge_efficiency,
        discharge_efficiency=instance.discharge_efficiency,
        retention=instance.retention,
        terminal_value=instance.terminal_value,
    )
    net = instance.net_load_kwh.sum(axis=1) + plans.battery_kwh.sum(axis=0)
    used = float(np.abs(plans.battery_kwh).sum())
    if contribution * size == 0.0:
        return StorageUse(used, 0.0, Tariff.of_cost(instance).paid(net, instance.dt_h))
    pool = merged(instance).replace(
        load_kwh=np.maximum(net, 0.0)[:, None],
        generation_kwh=np.maximum(-net, 0.0)[:, None],
        **part_of_storages(instance, contribution * size),
    )
    decision: Any = run_central(pool).decision
    pooled = float((decision.charge_kwh + decision.discharge_kwh).sum())
    return StorageUse(used, pooled, community_cost(pool, decision))


def cost_alone(instance: SchedulingInstance) -> float:
    """What all members pay together if each decides best for itself, behind a meter of its own."""
    movers = np.union1d(instance.storage_of, instance.request_of).astype(int)
    resting = np.setdiff1d(np.arange(len(instance.member)), movers)
    cost = Tariff.of_cost(instance).paid(instance.net_load_kwh[:, resting], instance.dt_h)
    for i in movers:
        alone = instance.alone(int(i))
        try:
            answer = each_alone(alone)
        except NotApplicable:  # more than one thing to decide
            answer = run_separate_cost(alone)
        decision: Any = answer.decision
        cost += separate_cost(alone, decision)
    return cost


def with_failures(
    instance: SchedulingInstance,
    failing: Sequence[int],
    *,
    earliest_h: float,
    latest_h: float,
    seed: int = 0,
) -> SchedulingInstance:
    """The community with some members told apart whose nodes fail for two to four hours each.

    What is asked for at a failing node counts as its load, since a request has to be served in full and a failure may
    come in between. For the same reason storages need not end with any content; what they hold then is worth the mean
    buying price.

    Parameters
    ----------
    instance : SchedulingInstance
        The community.
    failing : sequence of int
        Members whose nodes fail, once each.
    earliest_h, latest_h : float
        When a failure may begin, hours after the first interval.
    seed : int
        Of times and lengths.

    Returns
    -------
    SchedulingInstance
        With ``connected``; lost load costs :data:`LOST_LOAD_PRICE`.
    """
    told = merged(served_at_once(instance, failing), failing)
    rng = np.random.default_rng(seed)
    works = np.ones(told.load_kwh.shape, dtype=int)
    for k in range(len(failing)):
        begin = round(rng.uniform(earliest_h, latest_h) / instance.dt_h)
        works[begin : begin + round(rng.uniform(2.0, 4.0) / instance.dt_h), 1 + k] = 0
    worth = float(instance.buy_price.mean()) * instance.discharge_efficiency
    return told.replace(
        connected=works,
        lost_load="priced",
        lost_load_price=LOST_LOAD_PRICE,
        final_kwh=np.zeros(len(instance.storage)),
        terminal_value=np.maximum(instance.terminal_value, worth),
    )
