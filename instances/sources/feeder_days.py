"""Winter days of homes on a feeder: what each half-hour draws, and which of it could be changed.

Each day is drawn by itself: one sky and one cold spell for all homes, vehicles that charge at home as soon as they are
there. Charging can be put off and panels can be held back; what the rest of a home does cannot be changed.

Source: Postnikov et al., section on the network (90 winter days, Figure 3); what homes do is drawn from the declared
models of :mod:`.home_profiles`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..adjustment import AdjustmentInstance
from ..aggregator import Feeder
from ..record import Meta
from .ev_fleet import charging_on_arrival_kw
from .home_profiles import DAY, AgentModel, base_load_kw, heat_pump_kw, pv_kw, typical_chain
from .texas_sky import stream


@dataclass(frozen=True)
class HomeDays:
    """What homes would use and make on some days, if they all owned everything.

    Parameters
    ----------
    base_kw, heat_kw, charging_kw, sun_kw : (D, 48, n) arrays, kW
        Of meters, heat pumps, vehicles and panels.
    """

    base_kw: np.ndarray
    heat_kw: np.ndarray
    charging_kw: np.ndarray
    sun_kw: np.ndarray


def home_days(homes: int, days: int, *, seed: int, nature: int | None = None, model: AgentModel) -> HomeDays:
    """Draw days of homes.

    Parameters
    ----------
    homes, days : int
        n and D.
    seed, nature : int
        Of what homes are and of what comes; the same unless given.
    model : AgentModel
        Parameters.

    Returns
    -------
    HomeDays
    """
    nature = seed if nature is None else nature
    shape = homes, days, DAY, seed, nature, model
    # A day of a vehicle begins on the day before, full.
    places = typical_chain().simulate(homes * days, 2 * DAY, stream(nature, "places"))
    charging = charging_on_arrival_kw(
        places,
        stream(nature, "ways"),
        rating_kw=model.vehicle_kw,
        trip_kwh_median_sigma=model.trip_kwh_median_sigma,
        efficiency=model.vehicle_efficiency,
    )
    by_day = charging[DAY:].reshape(DAY, days, homes).transpose(1, 0, 2)
    return HomeDays(base_load_kw(*shape), heat_pump_kw(*shape), by_day, pv_kw(*shape))


def owners(homes: int, share: float, seed: int, what: str) -> np.ndarray:
    """Who owns something, (n,) of bool: whoever does by one share does by any higher one too.

    Raises
    ------
    ValueError
        For a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"{what} is {share:g}; give a share of homes in [0, 1]")
    return np.asarray(stream(seed, f"who has {what}").permutation(homes) < round(share * homes))


def feeder_days(
    feeder: Feeder,
    days: int,
    *,
    seed: int,
    nature: int | None = None,
    pv: float = 1.0,
    heat_pump: float = 0.3,
    vehicle: float = 1.0,
    hours: tuple[float, float] = (0.0, 24.0),
    model: AgentModel | None = None,
    name: str = "feeder-days",
) -> AdjustmentInstance:
    """Draw days of the homes of a feeder, to find out which adjustments its limits need.

    Parameters
    ----------
    feeder : Feeder
        The network; each of its loads is a home.
    days : int
        How many; at least 1.
    seed, nature : int
        Of what homes are and of what comes; the same unless given.
    pv, heat_pump, vehicle : float
        Shares of homes in [0, 1] with panels, a heat pump, a vehicle.
    hours : (float, float)
        Part of each day, from and to.
    model : AgentModel, optional
        Parameters.
    name : str
        Of the instance.

    Returns
    -------
    AdjustmentInstance
        Samples are half-hours, day by day; prices are around the fee of vehicles, up or down by a half.

    Raises
    ------
    ValueError
        For numbers out of range.
    """
    for what, value, least in (("days", days, 1), ("seed", seed, 0), ("nature", nature or 0, 0)):
        if value < least:
            raise ValueError(f"{what} is {value}; give at least {least}")
    first, last = (round(2 * hour) for hour in hours)
    if not 0 <= first < last <= DAY or (first, last) != (2 * hours[0], 2 * hours[1]):
        raise ValueError(f"hours are {hours[0]:g} to {hours[1]:g}; give a part of the day from 0 to 24 in half-hours")
    model, homes = AgentModel() if model is None else model, len(feeder.load)
    drawn = home_days(homes, days, seed=seed, nature=nature, model=model)
    shares = {"pv": pv, "heat pump": heat_pump, "vehicle": vehicle}
    panel, pump, car = (owners(homes, share, seed, what) for what, share in shares.items())
    part = slice(first, last)
    charging, sun = (drawn.charging_kw * car)[:, part], (drawn.sun_kw * panel)[:, part]
    net = (drawn.base_kw + drawn.heat_kw * pump)[:, part] + charging - sun
    samples = [f"day {d + 1} {t // 2:02d}:{30 * (t % 2):02d}" for d in range(days) for t in range(first, last)]
    seeds = f"seeds {seed} and {seed if nature is None else nature}"
    length = f"{days} winter day{'s' * (days > 1)}"
    counts = ", ".join(f"{round(share * homes)} with {what}" for what, share in shares.items())
    return AdjustmentInstance.of_feeder(
        feeder,
        meta=Meta(
            name=name,
            title=f"{homes} homes on a feeder, {length}",
            description=f"{length} by half-hours, {homes} homes, {counts}. Charging at home can be put off "
            "and panels can be held back.",
            licence="MIT",
            sources=(f"generated by commonwatt from declared models, {seeds}",),
        ),
        sample=samples,
        net_load_kw=np.round(net, 4).reshape(-1, homes),
        reducible_kw=np.round(charging, 4).reshape(-1, homes),
        raisable_kw=np.round(sun, 4).reshape(-1, homes),
        price=np.round(model.vehicle_fee * stream(seed, "price").uniform(0.5, 1.5, homes), 4),
    )
