"""A street of fifty homes for scheduling: profiles of SimBench, with panels, batteries, cars and movable requests.

The day runs from noon to noon, so that evening, night and the cars' departure lie in one piece. Each home has one of
SimBench's household profiles, moved by whole weeks so that no two homes of a profile do the same, and scaled to a
consumption of its own; the panels' profiles are those of the day itself, since there is one sky.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..record import Meta
from ..scheduling import SchedulingInstance
from .own_scheduling import scheduling_from_series
from .series import HouseholdSeries
from .simbench import LICENCE, NOTICE
from .simbench_scheduling import CHANGES, HOMES, PANELS, SOURCE, ZONE, annual, in_2018, quarter_hours
from .texas_sky import stream

TARIFF = pd.DataFrame(
    {
        "from": ["22:00", "06:00", "17:00", "20:00", "06:00"],
        "to": ["06:00", "17:00", "20:00", "22:00", "22:00"],
        "days": ["all", "weekdays", "weekdays", "weekdays", "weekends"],
        "buy_price": [0.22, 0.30, 0.42, 0.30, 0.30],
        "sell_price": [0.08] * 5,
    }
)
"""Night, day and evening of weekdays, EUR/kWh; declared by us."""

STEP_H = 0.5
STEPS = 48


@dataclass(frozen=True, kw_only=True)
class StreetModel:
    """What is drawn for each home; pairs are ranges, units stand in the names."""

    consumption_kwh: float = 3200.0
    consumption_sigma: float = 0.35
    weeks_apart: int = 4
    pv_share: float = 0.4
    pv_kwp: tuple[float, float] = (3.0, 10.0)
    battery_share: float = 0.5
    battery_kwh: tuple[float, ...] = (5.0, 7.5, 10.0)
    battery_efficiency: float = 0.95
    car_share: float = 0.16
    car_kwh: tuple[float, ...] = (40.0, 50.0, 60.0)
    car_kw: tuple[float, ...] = (3.7, 11.0)
    car_efficiency: float = 0.9
    # Cars come home between 16:00 and 19:30 and leave between 6:00 and 8:00; they drive for an hour before and after.
    arrival_step: tuple[int, int] = (8, 15)
    departure_step: tuple[int, int] = (36, 40)
    trip_kwh: tuple[float, float] = (4.0, 10.0)
    content_at_noon: tuple[float, float] = (0.5, 0.7)
    content_at_departure: float = 0.8
    # Name, share of homes, energy, power, first and last half-hour from noon on.
    requests: tuple[tuple[str, float, float, float, int, int], ...] = (
        ("dishwasher", 0.30, 1.2, 1.2, 14, 37),
        ("washing machine", 0.20, 1.0, 2.0, 0, 19),
        ("dryer", 0.10, 2.0, 2.4, 4, 21),
    )


def street(
    simbench: str | Path,
    *,
    homes: int = 50,
    day: str = "2018-04-18",
    seed: int = 50,
    model: StreetModel | None = None,
    name: str = "scheduling/street-50",
) -> SchedulingInstance:
    """A day of a community of homes, from noon to noon by half-hours.

    Parameters
    ----------
    simbench : str or Path
        The wheel of ``simbench``, or its folder.
    homes : int
        How many.
    day : str
        Local day of 2018 at whose noon it begins; not within five weeks of a change of the clock or of the year.
    seed : int
        Not negative; each part has a stream of its own.
    model : StreetModel, optional
        The declared one if omitted.
    name : str
        Name of the instance.

    Returns
    -------
    SchedulingInstance

    Raises
    ------
    InstanceError
        If the wheel does not hold what it should.
    FileNotFoundError
        If there is no such file.
    ValueError
        If the seed is negative or there is no home.
    """
    if homes < 1 or seed < 0:
        raise ValueError(f"{homes} homes, seed {seed}: need at least one home and a seed from 0 up")
    model = StreetModel() if model is None else model
    series = _series(simbench, homes, day, seed, model)
    cars = _cars(homes, seed, model)
    stores = _joined(_batteries(homes, seed, model), cars)
    priced = scheduling_from_series(series, TARIFF, time_zone=ZONE)
    sunny = int((series.generation_kwh > 0).any(axis=0).sum())
    return SchedulingInstance(
        meta=Meta(
            name=name,
            title="A day of a street of fifty homes" if homes == 50 else f"A day of a street of {homes} homes",
            description=f"48 half-hours from noon of {day}: {homes} homes, {sunny} with panels, "
            f"{len(stores['storage']) - len(cars['storage'])} with batteries, {len(cars['storage'])} with an electric "
            f"car that needs {model.content_at_departure:.0%} of its capacity at departure. Night, day and evening "
            "tariff.",
            licence=LICENCE,
            sources=(SOURCE, f"sizes, cars and requests drawn by commonwatt from declared models, seed {seed}"),
            notices=(NOTICE, f"{CHANGES}."),
        ),
        interval=priced.interval,
        member=priced.member,
        load_kwh=priced.load_kwh,
        generation_kwh=priced.generation_kwh,
        buy_price=priced.buy_price,
        sell_price=priced.sell_price,
        dt_h=STEP_H,
        **stores,
        **_requests(homes, seed, model),
    )


def _series(simbench: str | Path, homes: int, day: str, seed: int, model: StreetModel) -> HouseholdSeries:
    rng = stream(seed, "home")
    loads, panels = (in_2018(each, 2) for each in quarter_hours(simbench))
    start = pd.Timestamp(f"{day}T12:00").tz_localize(ZONE).tz_convert("UTC").tz_localize(None)
    first = int(loads.index.searchsorted(start))
    kind = rng.permutation(np.arange(homes) % len(HOMES))
    moved = rng.integers(-model.weeks_apart, model.weeks_apart, homes, endpoint=True) * 7 * STEPS
    yearly = model.consumption_kwh * np.exp(model.consumption_sigma * rng.standard_normal(homes))
    load = np.zeros((STEPS, homes))
    for i in range(homes):
        whole = annual(loads[HOMES[kind[i]]], yearly[i], STEP_H)
        load[:, i] = whole[first + moved[i] : first + moved[i] + STEPS]
    rng = stream(seed, "panel")
    size = np.zeros(homes)
    owners = rng.permutation(homes)[: round(model.pv_share * homes)]
    size[owners] = np.round(rng.uniform(*model.pv_kwp, len(owners)), 1)
    roof = panels.to_numpy()[first : first + STEPS][:, rng.integers(0, len(PANELS), homes)]
    time = loads.index[first : first + STEPS].to_numpy().astype("datetime64[s]")
    names = tuple(f"home {i + 1}" for i in range(homes))
    return HouseholdSeries(
        time=time,
        dt_h=STEP_H,
        household=names,
        load_kwh=load,
        generation_kwh=np.round(roof * size * STEP_H, 4),
        available=np.ones(load.shape, dtype=bool),
        attributes=pd.DataFrame({"pv_kwp": size}, index=list(names)),
    )


def _batteries(homes: int, seed: int, model: StreetModel) -> dict[str, Any]:
    """Batteries that end with the half of their capacity with which they begin."""
    rng = stream(seed, "battery")
    owner = np.sort(rng.permutation(homes)[: round(model.battery_share * homes)])
    capacity = rng.choice(model.battery_kwh, len(owner))
    efficiency = np.full(len(owner), model.battery_efficiency)
    return {
        "storage": [f"battery {i + 1}" for i in owner],
        "storage_of": owner,
        "capacity_kwh": capacity,
        "charge_kw": capacity / 2.0,
        "discharge_kw": capacity / 2.0,
        "charge_efficiency": efficiency,
        "discharge_efficiency": efficiency,
        "initial_kwh": capacity / 2.0,
        "final_kwh": capacity / 2.0,
        "required_kwh": np.zeros((STEPS + 1, len(owner))),
        "plugged": np.ones((STEPS, len(owner)), dtype=int),
        "trip_kwh": np.zeros((STEPS, len(owner))),
    }


def _cars(homes: int, seed: int, model: StreetModel) -> dict[str, Any]:
    """Cars that drive home, stay until they leave with enough, and drive again; they are never discharged."""
    rng = stream(seed, "car")
    owner = np.sort(rng.permutation(homes)[: round(model.car_share * homes)])
    n = len(owner)
    capacity = rng.choice(model.car_kwh, n)
    arrival = rng.integers(*model.arrival_step, n, endpoint=True)
    departure = rng.integers(*model.departure_step, n, endpoint=True)
    step = np.arange(STEPS)[:, None]
    way = np.round(rng.uniform(*model.trip_kwh, n) / 2.0, 2)
    driving = ((step >= arrival - 2) & (step < arrival)) | ((step >= departure) & (step < departure + 2))
    required = np.zeros((STEPS + 1, n))
    required[departure, np.arange(n)] = model.content_at_departure * capacity
    return {
        "storage": [f"car {i + 1}" for i in owner],
        "storage_of": owner,
        "capacity_kwh": capacity,
        "charge_kw": rng.choice(model.car_kw, n),
        "discharge_kw": np.zeros(n),
        "charge_efficiency": np.full(n, model.car_efficiency),
        "discharge_efficiency": np.ones(n),
        "initial_kwh": np.round(rng.uniform(*model.content_at_noon, n) * capacity, 1),
        "final_kwh": np.zeros(n),
        "required_kwh": required,
        "plugged": ((step >= arrival) & (step < departure)).astype(int),
        "trip_kwh": driving * way,
    }


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {name: np.concatenate([one[name], other[name]], axis=-1) for name in one}


def _requests(homes: int, seed: int, model: StreetModel) -> dict[str, Any]:
    rng = stream(seed, "request")
    rows = [
        (f"{what} {i + 1}", i, energy, power, first, last)
        for what, share, energy, power, first, last in model.requests
        for i in np.sort(rng.permutation(homes)[: round(share * homes)])
    ]
    names = ("request", "request_of", "request_kwh", "request_kw", "earliest", "latest")
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}
