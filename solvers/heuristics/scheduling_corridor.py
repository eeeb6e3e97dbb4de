"""What storages must hold, and may hold, so that everything asked of them later can be kept: a corridor of contents.

Contents that later states require, and loads that connections cannot carry, ask for foresight even of a rule that has
none. It is given by the least and the greatest content of each state from which all that follows can still be kept,
computed backwards,

    least_t = max(low_t, (least_{t+1} + trip_t − gain of the greatest draw) / ρ),
    most_t = min(high_t, (most_{t+1} + trip_t − gain of the least draw) / ρ).

The greatest draw is a storage's charging power, or where a connection is limited its share of what is left there, which
is negative where storages have to help out; likewise the least draw. From any content within the corridor some draw
within these shares leads to a content within the corridor, so no rule can get stuck. Shares are split in proportion to
powers; where no such split works another might, and then a rule of thumb gives up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...instances.errors import InfeasibleError
from ...instances.scheduling import SchedulingInstance, sum_by_owner
from ...models.problem import TOLERANCE


@dataclass(frozen=True)
class Corridor:
    """Between which contents, and by which draws, all that follows can be kept.

    Parameters
    ----------
    least, most : (T + 1, S) arrays, kWh
        Contents.
    low, high : (T, S) arrays, kWh
        Draws on the AC side, charging positive: shares with which all limits are kept, whoever takes what of his.
    reason : str
        Why there is none, in the instance's words; empty where there is one.
    """

    least: np.ndarray
    most: np.ndarray
    low: np.ndarray
    high: np.ndarray
    reason: str = ""


@dataclass(frozen=True)
class Room:
    """What storages of each member, and of all, may draw beside the rest, kWh.

    Parameters
    ----------
    low, high : (T, n) arrays
        Of each member.
    low_all, high_all : (T,) arrays
        Of all members that are connected, as if each could export whatever is left.
    common : (T,) array
        What demand may be added by anybody: as ``high_all``, but what cannot be exported helps nobody.
    helps, burdens : (T, n) arrays
        From which draw of a member on less of it would help others, and up to which more would burden them: below
        and above, its own connection stands between.
    on_grid : (T, n) array of bool
        Who is connected; others neither burden the community nor help it.
    """

    low: np.ndarray
    high: np.ndarray
    low_all: np.ndarray
    high_all: np.ndarray
    common: np.ndarray
    helps: np.ndarray
    burdens: np.ndarray
    on_grid: np.ndarray

    @classmethod
    def beside(cls, instance: SchedulingInstance, net_kwh: np.ndarray, give: np.ndarray, spill: np.ndarray) -> Room:
        """Room beside net imports, where so much may be given up and so much be spilled, all (T, n) kWh."""
        most, least = instance.member_import_limit_kwh, instance.member_export_limit_kwh
        on_grid = (most > 0) | (least > 0)

        def together(parts: np.ndarray) -> np.ndarray:
            total: np.ndarray = np.where(on_grid, parts, 0.0).sum(axis=1)
            return total

        return cls(
            -least - spill - net_kwh,
            most + give - net_kwh,
            -instance.export_limit_kwh - together(net_kwh + spill),
            instance.import_limit_kwh - together(net_kwh - give),
            instance.import_limit_kwh - together(np.maximum(net_kwh - give, -least)),
            -least + give - net_kwh,
            most - spill - net_kwh,
            on_grid,
        )

    @property
    def unlimited(self) -> bool:
        """Whether no connection has a limit."""
        return not any(np.isfinite(one).any() for one in (self.low, self.high, self.low_all, self.high_all))


def corridor(
    instance: SchedulingInstance, served_kwh: np.ndarray | None, curtailed_kwh: np.ndarray | None = None
) -> Corridor:
    """Contents and draws with which requirements, and limits beside given service, can be kept to the end.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    served_kwh : (T, R) array, kWh, or None
        Service of requests; None to look at the storages' own powers and contents alone.
    curtailed_kwh : (T, n) array, kWh, optional
        What is curtailed already.

    Returns
    -------
    Corridor
    """
    # Nothing can give more in one interval than it holds, nor take more than it has room for.
    holds = np.maximum(instance.capacity_kwh, instance.initial_kwh)
    low = -np.minimum(instance.discharge_limit_kwh, holds * instance.discharge_efficiency)
    high = np.minimum(instance.charge_limit_kwh, (holds + instance.driven_kwh) / instance.charge_efficiency)
    reason = ""
    if served_kwh is not None:
        net = net_beside(instance, served_kwh, curtailed_kwh)
        give = instance.sheddable_kwh + instance.losable_kwh - (0.0 if curtailed_kwh is None else curtailed_kwh)
        room = Room.beside(instance, net, give, instance.spillable_kwh)
        if not room.unlimited:
            low, high, reason = _shares(instance, room, low, high)
    least, most = np.array(instance.state_low_kwh), np.array(instance.state_high_kwh)
    least_gain, most_gain = gained(instance, low), gained(instance, high)
    for t in range(len(low) - 1, -1, -1):
        before = least[t + 1] + instance.driven_kwh[t] - most_gain[t]
        np.maximum(least[t], before / instance.retention, out=least[t])
        before = most[t + 1] + instance.driven_kwh[t] - least_gain[t]
        np.minimum(most[t], before / instance.retention, out=most[t])
    return Corridor(least, most, low, high, reason or _out_of_reach(instance, least, most))


def net_beside(
    instance: SchedulingInstance, served_kwh: np.ndarray, curtailed_kwh: np.ndarray | None = None
) -> np.ndarray:
    """Net import of each member without its storages, (T, n) kWh."""
    net = instance.net_load_kwh + sum_by_owner(served_kwh, instance.request_of, len(instance.member))
    return net if curtailed_kwh is None else net - curtailed_kwh


def gained(instance: SchedulingInstance, draw_kwh: np.ndarray) -> np.ndarray:
    """What draws on the AC side add to contents, kWh."""
    gain: np.ndarray = np.where(
        draw_kwh > 0, draw_kwh * instance.charge_efficiency, draw_kwh / instance.discharge_efficiency
    )
    return gain


def drawn(instance: SchedulingInstance, gain_kwh: np.ndarray) -> np.ndarray:
    """What has to be drawn on the AC side for contents to gain so much, kWh; the inverse of :func:`gained`."""
    drawn: np.ndarray = np.where(
        gain_kwh > 0, gain_kwh / instance.charge_efficiency, gain_kwh * instance.discharge_efficiency
    )
    return drawn


def _shares(
    instance: SchedulingInstance, room: Room, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray, str]:
    """Draws narrowed so that together they keep all limits, and where no draws can."""
    n, owner = len(instance.member), instance.storage_of
    slack = TOLERANCE * (np.abs(instance.least_net_kwh) + np.abs(instance.greatest_net_kwh))
    least, most = sum_by_owner(low, owner, n), sum_by_owner(high, owner, n)
    reason = _missing(instance, room.high - least, slack, "more are needed than its connection and storages bring")
    reason = reason or _missing(instance, most - room.low, slack, "of generation have nowhere to go")
    own_low, own_high = np.maximum(least, room.low), np.minimum(most, room.high)
    own_low = np.minimum(own_low, own_high)
    nobody, wide = np.zeros(n, dtype=int), slack.sum(axis=1, keepdims=True)
    unbounded = np.full((len(low), 1), np.inf)
    # A draw below what a member can export helps nobody else, and one above what it can import burdens nobody.
    helps, burdens = np.maximum(own_low, room.helps), np.minimum(own_high, room.burdens)
    helps, burdens = np.where(room.on_grid, helps, 0.0), np.where(room.on_grid, burdens, 0.0)
    margin = room.high_all - helps.sum(axis=1)
    text = "more are needed than the grid and storages bring"
    reason = reason or _missing(instance, margin[:, None], wide, text, common=True)
    margin, text = burdens.sum(axis=1) - room.low_all, "of generation have nowhere to go"
    reason = reason or _missing(instance, margin[:, None], wide, text, common=True)
    _, top = _narrowed(
        helps, np.maximum(np.where(room.on_grid, own_high, 0.0), helps), nobody, -unbounded, room.high_all[:, None]
    )
    bottom, _ = _narrowed(
        np.minimum(np.where(room.on_grid, own_low, 0.0), burdens), burdens, nobody, room.low_all[:, None], unbounded
    )
    own_high = np.where(room.on_grid, np.minimum(own_high, top), own_high)
    own_low = np.minimum(np.where(room.on_grid, np.maximum(own_low, bottom), own_low), own_high)
    low, high = _narrowed(low, high, owner, own_low, own_high)
    return low, high, reason


def _missing(
    instance: SchedulingInstance, margin: np.ndarray, slack: np.ndarray, text: str, *, common: bool = False
) -> str:
    """Where a margin of members (T, n), or of the community (T, 1), is negative, and what that means."""
    short = np.argwhere(margin < -slack)
    if not len(short):
        return ""
    t, i = short[0]
    who = "community" if common else instance.member[i]
    return f"{who}, {instance.interval[t]}: {-margin[t, i]:.6g} kWh {text}"


def _narrowed(
    low: np.ndarray, high: np.ndarray, owner: np.ndarray, least: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ranges (T, k) narrowed so that those of an owner add up to no less and no more than is allowed, (T, owners).

    All alike, measured from nothing on, or from what is nearest to it.
    """
    owners = least.shape[1]
    idle = np.clip(0.0, low, high)
    at, bottom, top = (sum_by_owner(one, owner, owners) for one in (idle, low, high))

    def share(wanted: np.ndarray, whole: np.ndarray) -> np.ndarray:
        part = np.divide(np.clip(wanted, 0.0, whole), whole, out=np.zeros_like(whole), where=whole > 0)
        found: np.ndarray = part[:, owner]
        return found

    up, down = high - idle, idle - low
    new_high = idle + share(most - at, top - at) * up - share(at - most, at - bottom) * down
    new_low = idle - share(at - least, at - bottom) * down + share(least - at, top - at) * up
    return new_low, np.maximum(new_low, new_high)


def _out_of_reach(instance: SchedulingInstance, least: np.ndarray, most: np.ndarray) -> str:
    """Which storage cannot reach what it needs, or be rid of what it has, and by how much."""
    slack = TOLERANCE * (instance.capacity_kwh + instance.initial_kwh + instance.driven_kwh.sum(axis=0))
    for s in np.flatnonzero((least > most + slack).any(axis=0)):
        # State 0 is what it is, so whatever it lacks is what the whole horizon lacks.
        t = int(np.argmax(least[:, s] > most[:, s] + slack[s]))
        when = instance.labels_of("interval+")[t]
        return (
            f"{instance.storage[s]}, {when}: it may hold {most[t, s]:.6g} kWh at most and must hold "
            f"{least[t, s]:.6g} kWh at least, to keep all that is asked of it later"
        )
    return ""


def raise_if_impossible(instance: SchedulingInstance) -> None:
    """Raise where a single member, storage or request shows that no schedule exists.

    Raises
    ------
    InfeasibleError
        Saying where, and what is missing.
    """
    slack = TOLERANCE * np.maximum(instance.request_kwh, instance.request_kw * instance.dt_h)
    room = instance.request_limit_kwh.sum(axis=0)
    for r in np.flatnonzero(instance.request_kwh > room + slack):
        who, asked = instance.request[r], instance.request_kwh[r]
        raise InfeasibleError(f"{who}: it asks for {asked:.6g} kWh, and its window has room for {room[r]:.6g} kWh")
    reason = corridor(instance, None).reason
    flows = TOLERANCE * (np.abs(instance.least_net_kwh) + np.abs(instance.greatest_net_kwh))
    low = np.maximum(instance.least_net_kwh, -instance.member_export_limit_kwh)
    high = np.minimum(instance.greatest_net_kwh, instance.member_import_limit_kwh)
    for margin, text in (
        (instance.member_import_limit_kwh - low, "more are needed than its connection and storages bring"),
        (high + instance.member_export_limit_kwh, "of generation have nowhere to go"),
    ):
        reason = reason or _missing(instance, margin, flows, text)
    wide = flows.sum(axis=1, keepdims=True)
    for margin, text in (
        (instance.import_limit_kwh - low.sum(axis=1), "more are needed than the grid and storages bring"),
        (high.sum(axis=1) + instance.export_limit_kwh, "of generation have nowhere to go"),
    ):
        reason = reason or _missing(instance, margin[:, None], wide, text, common=True)
    if reason:
        raise InfeasibleError(reason)
