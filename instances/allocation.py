"""Allocation instances: who asks for how much of the pooled surplus, interval by interval.

Source: Kouvelas, Venkatesha Prasad, Nambi, *Efficient power sharing at the edge by building a tangible micro-grid –
the Texas case*, sections III and IV.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from .errors import Fault, InstanceError
from .fields import Array, array, choice, choices, labels, readonly, refers, scalar
from .record import Instance, Meta

if TYPE_CHECKING:
    from .sources.series import HouseholdSeries

POLICIES = ("high_deficiency", "low_deficiency", "large_size", "small_size", "random")
"""Priority policies of the paper (section IV-B); own weights are set by ``instance.replace(weight=…)``."""

HOURS = {"hour": 1, "day": 24, "week": 168}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AllocationInstance(Instance):
    """A community whose surplus is shared among those who are short, each interval on its own.

    Parameters
    ----------
    interval : (T,) labels
        Starts of the intervals, ISO 8601.
    household : (n,) labels
        Names of the households.
    deficiency_kwh : (T, n) array, kWh
        What each household lacks in an interval (the paper's E_a).
    excess_kwh : (T, n) array, kWh
        What each household can give (the paper's E_e). After smoothing a household may have both.
    weight : (n,) array
        Weight w of the priority policy; 0 means that the household receives nothing.
    priority : (n,) array of int
        Rank in the service sequence, 1 first; equal ranks follow the order of the households.
    role : (n,) of {"by_sign", "consumer", "prosumer"}
        Who counts among the c consumers and p prosumers of SR and PBR: by the sign of the net energy in each interval,
        or fixed. A fixed consumer has no excess, a fixed prosumer asks for nothing.
    group : (g,) labels, optional
        Subgroups of the policy, for the metrics by group.
    member_of : (n,) references to ``group``, optional
        Each household's subgroup.
    size_m2 : (n,) array, m2, optional
        Floor area, for the policies by size.
    dt_h : float
        Length of an interval in hours.
    service_level : float
        λ of greedy and round-robin: the share of its need at which a household's first service stops.
    reset_intervals : float
        TL of round-robin: the sequence starts anew every so many intervals.
    leftover : {"export", "spill", "store"}
        What happens to energy left when all are served: sold to the grid, lost, or carried to the next interval in
        the central controller's store.
    store_kwh : float
        Capacity of that store; it starts empty.
    """

    problem: ClassVar[str] = "allocation"

    interval: Array = labels(time=True)
    household: Array = labels("house {}")
    deficiency_kwh: Array = array("interval", "household", unit="kWh", low=0.0)
    excess_kwh: Array = array("interval", "household", unit="kWh", low=0.0)
    weight: Array = array("household", unit="1", low=0.0, default=1.0)
    priority: Array = array("household", unit="1", low=1, dtype=int, default=1)
    role: Array = choices("household", values=("by_sign", "consumer", "prosumer"), default="by_sign")
    group: Array = labels(optional=True)
    member_of: Array = refers("group", "household", optional=True)
    size_m2: Array = array("household", unit="m2", low=0.0, optional=True)
    dt_h: float = scalar(1.0, unit="h", low=0.0)
    service_level: float = scalar(1.0, unit="1", low=0.0, high=1.0)
    reset_intervals: float = scalar(4.0, unit="1", low=1.0)
    leftover: str = choice("export", "spill", "store", default="export")
    store_kwh: float = scalar(0.0, unit="kWh", low=0.0)

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: no weight at all, roles that contradict energies, odd settings."""
        if self.weight.size and not (self.weight > 0).any():
            remedy = "give at least one household a positive weight"
            yield Fault("household", "weight", "", "0", "all weights are zero, so nobody may receive anything", remedy)
        for name in ("dt_h", "service_level"):
            if getattr(self, name) <= 0:
                yield Fault("settings", name, "", f"{getattr(self, name):g}", "must be positive")
        if self.reset_intervals % 1 > 0:
            yield Fault("settings", "reset_intervals", "", f"{self.reset_intervals:g}", "is no whole number")
        for role, column in (("consumer", "excess_kwh"), ("prosumer", "deficiency_kwh")):
            energy = getattr(self, column)
            for at in np.flatnonzero((self.role == role) & (energy > 0).any(axis=0)):
                t = int(np.argmax(energy[:, at] > 0))
                row = f"{self.interval[t]}, {self.household[at]}"
                message = f"is positive although the household's role is fixed as {role}"
                yield Fault(
                    "interval_household",
                    column,
                    row,
                    f"{energy[t, at]:g}",
                    message,
                    "set it to 0 or the role to by_sign",
                )
        if self.member_of is not None and self.group is None:
            yield Fault("household", "member_of", message="refers to groups, but there are none", remedy="list them")

    @cached_property
    def requested_kwh(self) -> np.ndarray:
        """What may be served, (T, n): the deficiency, and 0 for households of weight 0."""
        return readonly(np.where(self.weight > 0, self.deficiency_kwh, 0.0))

    @cached_property
    def supply_kwh(self) -> np.ndarray:
        """Pooled excess of each interval, (T,)."""
        return readonly(self.excess_kwh.sum(axis=1))

    @cached_property
    def stored_kwh(self) -> np.ndarray:
        """Content of the controller's store at the T + 1 states, (T + 1,).

        Only what is left *when all are served* is carried, so the store depends on the data alone and the intervals
        stay independent of each other.
        """
        stored = np.zeros(len(self.supply_kwh) + 1)
        if self.leftover == "store":
            spare = self.supply_kwh - self.requested_kwh.sum(axis=1)
            for t, left in enumerate(spare):
                stored[t + 1] = min(self.store_kwh, max(0.0, stored[t] + left))
        return readonly(stored)

    @cached_property
    def available_kwh(self) -> np.ndarray:
        """What can be allocated in each interval, (T,): the pooled excess and what the store holds."""
        return readonly(self.supply_kwh + self.stored_kwh[:-1])

    @cached_property
    def deliverable_kwh(self) -> np.ndarray:
        """Q of the theorems, (T,): the smaller of what is available and what is asked."""
        return readonly(np.minimum(self.available_kwh, self.requested_kwh.sum(axis=1)))

    @cached_property
    def consumer(self) -> np.ndarray:
        """Who counts as a consumer in each interval, (T, n) bool."""
        short = (self.deficiency_kwh > 0) | (self.excess_kwh == 0)
        return readonly(np.where(self.role == "by_sign", short, self.role == "consumer"))

    @cached_property
    def prosumer(self) -> np.ndarray:
        """Who counts as a prosumer in each interval, (T, n) bool."""
        return readonly(np.where(self.role == "by_sign", self.excess_kwh > 0, self.role == "prosumer"))

    @cached_property
    def order(self) -> np.ndarray:
        """The service sequence, (n,): positions of households, first served first."""
        return readonly(np.argsort(self.priority, kind="stable"))

    def restrict(self, intervals: slice) -> AllocationInstance:
        """The same community over a part of its intervals, for example ``slice(37, 49)`` for weeks 38–49.

        A store starts empty there, since what it held belongs to the intervals left out.
        """
        return self.replace(
            interval=self.interval[intervals],
            deficiency_kwh=self.deficiency_kwh[intervals],
            excess_kwh=self.excess_kwh[intervals],
        )


def prioritise(
    instance: AllocationInstance,
    policy: str,
    *,
    subgroup_weights: Sequence[float] = (3.0, 2.0, 1.0),
    seed: int = 0,
) -> AllocationInstance:
    """The same community under a priority policy (section IV-B, Weighted strategy).

    Households are ranked by the policy's attribute, cut into as many subgroups of equal size as there are weights
    (the first ones one larger where it does not divide), and given their subgroup's weight; the rank is the service
    sequence of greedy and round-robin.

    Parameters
    ----------
    instance : AllocationInstance
        The community.
    policy : {"high_deficiency", "low_deficiency", "large_size", "small_size", "random"}
        What is prioritised: total deficiency over all intervals, floor area, or a drawn order.
    subgroup_weights : sequence of float
        Weights of the subgroups, the prioritised one first.
    seed : int
        Seed of the drawn order.

    Returns
    -------
    AllocationInstance
        With ``weight``, ``priority``, ``group`` and ``member_of`` set.

    Raises
    ------
    ValueError
        For an unknown policy, or more weights than households.
    InstanceError
        If a policy by size meets an instance without ``size_m2``, or no weight is positive.
    """
    if policy not in POLICIES:
        raise ValueError(f"unknown policy {policy!r}; known: {', '.join(POLICIES)}")
    n, groups = len(instance.household), len(subgroup_weights)
    if not 1 <= groups <= n:
        raise ValueError(f"{groups} subgroups for {n} households: give between 1 and {n} weights")
    if policy == "random":
        rank_by = np.random.default_rng([seed, 1]).permutation(n).astype(float)
    elif policy.endswith("size"):
        if instance.size_m2 is None:
            fault = Fault(
                "household", "size_m2", "", "", f"is missing, but the policy {policy} needs it", "give floor areas"
            )
            raise InstanceError([fault], instance.meta.name)
        rank_by = instance.size_m2
    else:
        rank_by = instance.deficiency_kwh.sum(axis=0)
    order = np.argsort(-rank_by if policy in ("high_deficiency", "large_size") else rank_by, kind="stable")
    member_of = np.empty(n, dtype=int)
    for number, members in enumerate(np.array_split(order, groups)):
        member_of[members] = number
    priority = np.empty(n, dtype=int)
    priority[order] = np.arange(1, n + 1)
    names = [f"{policy} {number + 1} of {groups}" for number in range(groups)]
    weight = np.asarray(subgroup_weights, dtype=float)[member_of]
    return instance.replace(weight=weight, priority=priority, group=names, member_of=member_of)


def from_series(
    series: HouseholdSeries,
    *,
    interval: Literal["step", "hour", "day", "week"] = "week",
    roles: Literal["by_sign", "fixed"] = "by_sign",
    netting: Literal["step", "interval"] = "step",
    name: str = "unnamed",
) -> AllocationInstance:
    """Build a community from each household's load and generation.

    Parameters
    ----------
    series : HouseholdSeries
        Load and generation in kWh per step, for example from
        :func:`commonwatt.instances.sources.households.read_households`.
    interval : {"step", "hour", "day", "week"}
        Length of an allocation interval: so many hours counted from the first step, not days of the calendar, so
        that every interval is as long as the others. Steps that do not fill a last interval are left out, and the
        instance's description says how many.
    roles : {"by_sign", "fixed"}
        Consumers and prosumers by the sign of the net energy, or fixed: whoever generates anything at all is a
        prosumer, whose own deficiency is then not served by the community.
    netting : {"step", "interval"}
        Deficiency and excess taken per step and then summed over the interval (the paper's smoothing), or the net
        energy summed first.
    name : str
        Name of the instance.

    Returns
    -------
    AllocationInstance

    Raises
    ------
    InstanceError
        If the series is shorter than one interval, or steps do not fit into it.
    ValueError
        For an unknown interval, role or way of netting.
    """
    for option, value, known in (
        ("interval", interval, ("step", *HOURS)),
        ("roles", roles, ("by_sign", "fixed")),
        ("netting", netting, ("step", "interval")),
    ):
        if value not in known:
            raise ValueError(f"{option} must be one of {', '.join(map(repr, known))}, not {value!r}")
    steps_exact = 1.0 if interval == "step" else HOURS[interval] / series.dt_h
    steps, table = round(steps_exact), series.title or "series"
    if steps < 1 or abs(steps - steps_exact) > 1e-9:
        message = f"does not divide an interval of one {interval}"
        raise InstanceError([Fault(table, "dt_h", "", f"{series.dt_h:g} h", message, "choose interval='step'")], name)
    count = len(series.time) // steps
    if count == 0:
        message = f"the series covers less than one {interval}"
        raise InstanceError(
            [Fault(table, "time", "", f"{len(series.time)} steps", message, "choose a shorter interval")], name
        )
    used, n = count * steps, len(series.household)
    net = (series.load_kwh - series.generation_kwh)[:used].reshape(count, steps, n)
    if netting == "interval":
        net = net.sum(axis=1, keepdims=True)
    deficiency, excess = np.maximum(net, 0.0).sum(axis=1), np.maximum(-net, 0.0).sum(axis=1)
    role = np.full(n, "by_sign", dtype=object)
    if roles == "fixed":
        generates = (series.generation_kwh > 0).any(axis=0)
        role = np.where(generates, "prosumer", "consumer").astype(object)
        deficiency[:, generates] = 0.0
        excess[:, ~generates] = 0.0
    left = len(series.time) - used
    notes = [
        f"Deficiency and excess per {series.dt_h:g} h, summed over each {interval}; "
        f"roles {roles}, netting by {netting}."
    ]
    if left:
        notes.append(f"The last {left} steps fill no whole {interval} and are left out.")
    if series.dropped:
        notes.append(f"Dropped for want of data: {', '.join(series.dropped)}.")
    zone = "Z" if series.clock == "UTC" else ""
    size = series.attributes["floor_area_m2"].to_numpy(float) if "floor_area_m2" in series.attributes else None
    return AllocationInstance(
        meta=Meta(
            name=name,
            title=series.title,
            description=" ".join(notes),
            licence=series.licence,
            sources=(series.source,) if series.source else (),
        ),
        interval=[f"{time}{zone}" for time in np.datetime_as_string(series.time[:used:steps], unit="s")],
        household=list(series.household),
        deficiency_kwh=deficiency,
        excess_kwh=excess,
        role=role,
        size_m2=size,
        dt_h=series.dt_h * steps,
    )


def from_households(
    path: str | Path,
    *,
    interval: Literal["step", "hour", "day", "week"] = "week",
    roles: Literal["by_sign", "fixed"] = "by_sign",
    netting: Literal["step", "interval"] = "step",
    name: str = "",
    **reading: Any,
) -> AllocationInstance:
    """Build a community from a file or folder of one's own load and generation series.

    Parameters
    ----------
    path : str or Path
        CSV or Parquet, long, wide or a folder; see :mod:`commonwatt.instances.sources.households`.
    interval, roles, netting
        As in :func:`from_series`.
    name : str
        Name of the instance; the file's by default.
    **reading
        Passed on to :func:`commonwatt.instances.sources.households.read_households`, for example ``time_zone`` or
        ``min_days``.

    Returns
    -------
    AllocationInstance

    Raises
    ------
    InstanceError
        Naming table, column, row, value and remedy of every fault of the data.
    """
    from .sources.households import read_households

    series = read_households(path, **reading)
    return from_series(series, interval=interval, roles=roles, netting=netting, name=name or series.title)
