"""The agents of the paper's Algorithm 1 as plain functions: what each of them sees, and what it says.

A member's agent sees its own meter, its own storages and requests, and the price it is told. The coordinator sees what
members send, the grid's tariff and the forecast of the community; never a member's requests before they are sent.
``docs/examples/algorithm_1.py`` runs the ten steps with them, interval by interval.

Source: Lange, Algorithm 1; sections "Supply-demand-ratio pricing and p-MAS coordination", "MLA-based bill estimation".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..instances.scheduling import SchedulingInstance
from .heuristics.scheduling import OVERLOADED, load_classes
from .kernels.internal_prices import bills, sdr_prices
from .rolling_engines import engine_of, plan_somehow
from .rolling_execution import Carried, carry_out
from .rolling_forecasts import Forecaster
from .rolling_horizon import Horizon, State
from .rolling_windows import Plan

THRESHOLDS = (0.2, 0.5, 0.8, 1.0)
"""Ends of the first four load classes, in parts of a node's rated power."""


class Request(NamedTuple):
    """What a member tells the coordinator at the beginning of an interval.

    Parameters
    ----------
    net_kwh : float
        Load minus generation of this interval, by its own meter, before storages and requests.
    wanted_kwh : float
        What its movable loads could take now.
    stored_kwh, room_kwh : float
        Content of its storages, and what they could still take.
    """

    net_kwh: float
    wanted_kwh: float
    stored_kwh: float
    room_kwh: float


def member_request(community: SchedulingInstance, member: int, state: State) -> Request:
    """Step 1, a member's agent: demand and availability. Sees its own meter, storages and requests only."""
    t, own = state.interval, community.storage_of == member
    asking = (community.request_of == member) & (community.request_limit_kwh[t] > 0)
    wanted = np.minimum(state.remaining_kwh, community.request_limit_kwh[t])[asking]
    content = state.content_kwh[own]
    room = float((community.capacity_kwh[own] - content).sum())
    return Request(float(community.net_load_kwh[t, member]), float(wanted.sum()), float(content.sum()), room)


def meter_tariff(community: SchedulingInstance, t: int) -> tuple[float, float]:
    """Step 2, the intelligent meter's agent: retail and feed-in price of an interval. Sees the grid's tariff only."""
    return float(community.buy_price[t]), float(community.sell_price[t])


def node_classes(requests: Sequence[Request], rated_kwh: np.ndarray) -> np.ndarray:
    """Step 3, p-MAS: each node's load class, (n,), 0 (underloaded) to 4. Sees what members sent and rated power."""
    net = np.array([[request.net_kwh for request in requests]])
    return load_classes(net, rated_kwh, np.array(THRESHOLDS))[0]


def total_power(net_kwh: np.ndarray, dt_h: float) -> tuple[float, float]:
    """Step 4, the coordinator: total buying and selling power (equations 3 and 4, both positive), kW.

    Sees the members' net loads.
    """
    return float(np.maximum(net_kwh, 0.0).sum()) / dt_h, float(np.maximum(-net_kwh, 0.0).sum()) / dt_h


def internal_tariff(tbp_kw: float, tsp_kw: float, retail: float, feed_in: float) -> tuple[float, float]:
    """Step 5, the coordinator: buying and selling price by the SDR rule. Sees the two sums and the grid's tariff."""
    buy, sell = sdr_prices(tbp_kw, tsp_kw, retail, feed_in)
    return float(buy[0]), float(sell[0])


class Coordinator:
    """Steps 6 and 7, the cloud's energy management: plan a window, and have its first interval carried out.

    Sees forecasts of the community, what storages and requests members have offered, and the grid's tariff.

    Parameters
    ----------
    community : SchedulingInstance
        Whom it serves.
    window : int
        Intervals that it plans.
    forecast : {"perfect", "persistence", "noisy"}
        Of load and generation.
    seed : int
        Of the errors of a noisy one.
    """

    def __init__(self, community: SchedulingInstance, window: int, forecast: str = "perfect", seed: int = 0) -> None:
        forecaster = Forecaster(community, forecast, seed=seed)
        self.horizon = Horizon(community, min(window, len(community.interval)), 1, forecaster, worth=True)
        self._engine = engine_of(self.horizon, "program")

    def plan(self, state: State) -> Plan:
        """Step 6: the sliding horizon's least-cost program, from the present state on."""
        return plan_somehow(self._engine, self.horizon, state, state.interval)

    def dispatch(self, state: State, plan: Plan, classes: np.ndarray) -> Carried:
        """Step 7: carry out the first interval. Requests of overloaded nodes wait, unless their window ends."""
        given = self.horizon.instance
        if plan.service_kwh is not None:
            plan.service_kwh[0][classes[given.request_of] >= OVERLOADED] = 0.0
        return carry_out(self.horizon, state, plan, 0)

    def handed_over(self, state: State, done: Carried) -> State:
        """Step 10: the state in which the next interval begins."""
        remaining = np.maximum(state.remaining_kwh - done.service_kwh, 0.0)
        return State(state.interval + 1, done.content_kwh, remaining)


def first_state(community: SchedulingInstance) -> State:
    """The state in which a community begins."""
    return State(0, np.array(community.initial_kwh), np.array(community.request_kwh))


def net_after(community: SchedulingInstance, state: State, done: Carried) -> np.ndarray:
    """Net load of each member in an interval that was carried out, (n,) kWh: what its meter reads."""
    change = done.content_kwh - community.retention * state.content_kwh + community.driven_kwh[state.interval]
    drawn = np.where(change > 0, change / community.charge_efficiency, change * community.discharge_efficiency)
    net = community.net_load_kwh[state.interval] - done.curtailed_kwh
    np.add.at(net, community.storage_of, drawn)
    np.add.at(net, community.request_of, done.service_kwh)
    return net


def member_bill(net_kwh: float, buy_price: float, sell_price: float) -> float:
    """Step 8, MLA: what a member pays for an interval. Sees its own meter and the internal tariff."""
    return float(bills(np.array([[net_kwh]]), buy_price, sell_price)[0, 0])
