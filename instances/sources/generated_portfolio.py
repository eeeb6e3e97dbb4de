"""A generated portfolio: homes with panels, heat pumps, batteries and vehicles, and a shop with a cold store.

Two winter days by half-hours from a midnight on, in scenarios of one sky, one cold spell and one market each. What
homes own is drawn by penetration; what they do is drawn from declared models. Panels see the same sky and heat pumps
the same cold, which is what keeps their sum from averaging out. Vehicles have one of three behaviours: they charge at
home, at a public charger of the feeder, or elsewhere, and are where a Markov chain puts them.

Source: Postnikov et al., section on agents (kinds of members, behaviours, 48 hours of half-hours); parameters are ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..portfolio import PortfolioInstance
from ..record import Meta
from .ev_chain import PLACES, EvChain
from .home_profiles import DAY, STEP_H, AgentModel, base_load_kw, heat_pump_kw, pv_kw, typical_chain
from .market_scenarios import market_scenarios
from .texas_sky import stream
from .thermal_store import thermal_store

CHARGER = "public charger"
SHOP = "shop"


def portfolio_of_agents(
    homes: int,
    scenarios: int,
    *,
    seed: int,
    nature: int | None = None,
    days: int = 2,
    pv: float = 0.4,
    heat_pump: float = 0.3,
    battery: float = 0.2,
    vehicle: float = 0.4,
    cold_store: bool = False,
    imbalance: str = "dual",
    risk_weight: float = 0.3,
    chain: EvChain | None = None,
    model: AgentModel | None = None,
    name: str = "generated",
) -> PortfolioInstance:
    """Generate a portfolio.

    Parameters
    ----------
    homes, scenarios : int
        n and S.
    seed : int
        Not negative; each part has a stream of its own, so that one penetration changes nothing else.
    nature : int, optional
        Seed of what comes, the same as ``seed`` unless given: another one meets the same homes and the same prices of
        the day ahead and of reserve with other scenarios.
    days : int
        Of 48 half-hours, from a Monday on.
    pv, heat_pump, battery, vehicle : float
        Penetrations in [0, 1], shares of homes.
    cold_store : bool
        Whether a shop with a cold store belongs to it.
    imbalance : {"dual", "single", "single_with_penalty"}
        Prices of imbalance.
    risk_weight : float
        ω; the tail is a tenth.
    chain : EvChain, optional
        Of vehicles' places; :func:`typical_chain` unless given.
    model : AgentModel, optional
        Parameters.
    name : str
        Of the instance.

    Returns
    -------
    PortfolioInstance

    Raises
    ------
    ValueError
        For numbers out of range.
    """
    for what, value in (("homes", homes), ("scenarios", scenarios), ("days", days)):
        if value < 1:
            raise ValueError(f"{what} is {value}; give at least 1")
    for what, share in (("pv", pv), ("heat_pump", heat_pump), ("battery", battery), ("vehicle", vehicle)):
        if not 0 <= share <= 1:
            raise ValueError(f"{what} is {share:g}; give a share of homes in [0, 1]")
    nature = seed if nature is None else nature
    for what, number in (("seed", seed), ("nature", nature)):
        if number < 0:
            raise ValueError(f"{what} is {number}; give a number from 0 up")
    model = AgentModel() if model is None else model
    steps = days * DAY
    owners = {
        what: np.sort(stream(seed, f"who has {what}").permutation(homes)[: round(share * homes)])
        for what, share in (("pv", pv), ("heat pump", heat_pump), ("battery", battery), ("vehicle", vehicle))
    }
    load = base_load_kw(homes, scenarios, steps, seed, nature, model)
    load[:, :, owners["heat pump"]] += heat_pump_kw(len(owners["heat pump"]), scenarios, steps, seed, nature, model)
    made = np.zeros_like(load)
    made[:, :, owners["pv"]] = pv_kw(len(owners["pv"]), scenarios, steps, seed, nature, model)
    member = [f"home {i + 1}" for i in range(homes)]
    stores = [_batteries(owners["battery"], scenarios, steps, seed, model)]
    vehicles, public = _vehicles(
        owners["vehicle"], homes, (scenarios, steps), (seed, nature), model, chain or typical_chain()
    )
    stores.append(vehicles)
    member += [CHARGER] * public
    if cold_store:
        stores.append(_cold_store(len(member), scenarios, steps, model))
        member.append(SHOP)
    more = np.zeros((scenarios, steps, len(member) - homes))
    start = np.datetime64("2030-01-07T00:00")
    time = start + np.arange(steps) * np.timedelta64(30, "m")
    counts = ", ".join(f"{len(who)} with {what}" for what, who in owners.items())
    return PortfolioInstance(
        meta=Meta(
            name=name,
            title=f"A portfolio of {homes} homes in {scenarios} scenarios",
            description=f"{days} winter days by half-hours; {counts}{', a shop with a cold store' * cold_store}. "
            "Vehicles charge at home, at a public charger of the feeder, or elsewhere.",
            licence="MIT",
            sources=(f"generated by commonwatt from declared models, seeds {seed} and {nature}",),
        ),
        interval=[f"{at}Z" for at in time.astype(str)],
        scenario=[f"scenario {s + 1}" for s in range(scenarios)],
        member=member,
        load_kw=np.round(np.concatenate([load, more], axis=2), 4),
        generation_kw=np.round(np.concatenate([made, more], axis=2), 4),
        **_joined(stores),
        rapid_price=model.rapid_price,
        **market_scenarios(steps, scenarios, seed=seed, nature=nature, imbalance=imbalance, model=model.market),
        day_ahead_limit_kw=20.0 * homes,
        intraday_limit_kw=model.intraday_kw * homes,
        balancing_limit_kw=model.balancing_kw * homes,
        reserve_limit_kw=model.reserve_kw * homes,
        room_price=1.0,
        risk_weight=risk_weight,
        tail=0.1,
    )


def street_of_twelve(scenarios: int = 5, nature: int | None = None) -> PortfolioInstance:
    """The shipped street: twelve homes and a shop, two winter days.

    Parameters
    ----------
    scenarios : int
        How many.
    nature : int, optional
        Seed of what comes, to meet the street with other scenarios than the shipped ones.

    Returns
    -------
    PortfolioInstance
    """
    return portfolio_of_agents(
        12,
        scenarios,
        seed=12,
        nature=nature,
        pv=0.5,
        heat_pump=0.33,
        battery=0.25,
        vehicle=0.5,
        cold_store=True,
        name="aggregator/street-12",
    )


def _batteries(owner: np.ndarray, scenarios: int, steps: int, seed: int, model: AgentModel) -> dict[str, Any]:
    """Batteries that are as full in the end as in the beginning, or pay."""
    n = len(owner)
    capacity = stream(seed, "battery").choice(model.battery_kwh, n)
    target = np.zeros((scenarios, steps + 1, n))
    target[:, -1] = capacity / 2.0
    return {
        "storage": [f"battery {i + 1}" for i in owner],
        "storage_of": owner,
        "capacity_kwh": capacity,
        "minimum_kwh": np.zeros(n),
        "initial_kwh": capacity / 2.0,
        "charge_kw": capacity / 2.0,
        "discharge_kw": capacity / 2.0,
        "charge_efficiency": np.full(n, model.battery_efficiency),
        "discharge_efficiency": np.full(n, model.battery_efficiency),
        "retention": np.ones(n),
        "plugged": np.ones((scenarios, steps, n)),
        "trip_kwh": np.zeros((scenarios, steps, n)),
        "target_kwh": target,
        "target_price": np.full(n, model.target_price),
        "flexibility_fee": np.full(n, model.battery_fee),
    }


def _vehicles(
    owner: np.ndarray, charger: int, shape: tuple[int, int], seeds: tuple[int, int], model: AgentModel, chain: EvChain
) -> tuple[dict[str, Any], bool]:
    """Vehicles that charge on the feeder, and whether some do so at the public charger."""
    rng, ways = stream(seeds[0], "vehicle"), stream(seeds[1], "way")
    scenarios, steps = shape
    behaviour = rng.permutation(np.arange(len(owner)))
    at_home, at_charger, _ = np.split(behaviour, _cuts(len(owner), model.behaviour_share))
    mine = np.sort(np.concatenate([at_home, at_charger]))
    n = len(mine)
    charges_at = np.where(np.isin(mine, at_home), PLACES.index("home"), PLACES.index("public"))
    capacity = rng.choice(model.vehicle_kwh, len(owner))[mine]
    gives_back = (rng.random(len(owner)) < model.vehicle_gives_back)[mine]
    initial = np.round(capacity * rng.uniform(*model.vehicle_content, len(owner))[mine], 2)
    # Where a vehicle is now is known, and the same in all scenarios; where it goes is not.
    first = chain.simulate(n, 1, rng)[0]
    place = chain.simulate(n * scenarios, steps, ways, first=np.tile(first, scenarios))
    there = place.reshape(steps, scenarios, n).transpose(1, 0, 2) == charges_at
    median, sigma = model.trip_kwh_median_sigma
    ends = ~there[:, :-1] & there[:, 1:]
    energy = np.round(median * np.exp(sigma * ways.standard_normal(ends.shape)), 2)
    trip = np.zeros(there.shape)
    # What a way takes is taken in its last half-hour, and no more than a full battery holds above its least.
    trip[:, :-1] = np.where(ends, np.minimum(energy, (1.0 - model.vehicle_least) * capacity), 0.0)
    target = np.zeros((scenarios, steps + 1, n))
    target[:, 1:-1] = np.where(there[:, :-1] & ~there[:, 1:], model.vehicle_wanted * capacity, 0.0)
    target[:, -1] = initial
    return {
        "storage": [f"vehicle {owner[k] + 1}" for k in mine],
        "storage_of": np.where(charges_at == 0, owner[mine], charger),
        "capacity_kwh": capacity,
        "minimum_kwh": model.vehicle_least * capacity,
        "initial_kwh": initial,
        "charge_kw": np.full(n, model.vehicle_kw),
        "discharge_kw": np.where(gives_back, model.vehicle_kw, 0.0),
        "charge_efficiency": np.full(n, model.vehicle_efficiency),
        "discharge_efficiency": np.full(n, model.vehicle_efficiency),
        "retention": np.ones(n),
        "plugged": there.astype(float),
        "trip_kwh": trip,
        "target_kwh": target,
        "target_price": np.full(n, model.target_price),
        "flexibility_fee": np.full(n, model.vehicle_fee),
    }, bool((charges_at != 0).any())


def _cuts(n: int, shares: tuple[float, float, float]) -> np.ndarray:
    """Where n vehicles are cut into three behaviours."""
    return np.round(np.cumsum(shares)[:2] * n).astype(int)


def _cold_store(member: int, scenarios: int, steps: int, model: AgentModel) -> dict[str, Any]:
    """A shop's cold store, as cold in the end as in the beginning, or it pays."""
    store = thermal_store(
        np.full((scenarios, steps), model.shop_inside_c),
        band_c=model.cold_band_c,
        capacity_kwh_per_k=model.cold_capacity_kwh_per_k,
        resistance_k_per_kw=model.cold_resistance_k_per_kw,
        performance=model.cold_performance,
        power_kw=model.cold_kw,
        dt_h=STEP_H,
        cooling=True,
    )
    target = np.zeros((scenarios, steps + 1, 1))
    target[:, -1] = store["initial_kwh"]
    fields: dict[str, Any] = {name: np.array([value]) for name, value in store.items() if name != "trip_kwh"}
    return fields | {
        "storage": ["cold store"],
        "storage_of": np.array([member]),
        "minimum_kwh": np.zeros(1),
        "discharge_efficiency": np.ones(1),
        "plugged": np.ones((scenarios, steps, 1)),
        "trip_kwh": store["trip_kwh"][:, :, None],
        "target_kwh": target,
        "target_price": np.array([model.target_price]),
        "flexibility_fee": np.zeros(1),
    }


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.concatenate([part[name] for part in parts], axis=-1) for name in parts[0]}
