"""The agents of Algorithm 1: what they see, and that their steps are what the library computes at once."""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.solvers import agents
from commonwatt.solvers.kernels import sdr_prices
from commonwatt.solvers.rolling import roll


def street(**changes) -> SchedulingInstance:
    """Two homes over six hours: panels and a battery on the one, a request on the other."""
    given = {
        "load_kwh": [[1.0, 1.0]] * 3 + [[1.0, 3.0]] * 3,
        "generation_kwh": [[3.0, 0.0]] * 3 + [[0.0, 0.0]] * 3,
        "buy_price": [0.3, 0.3, 0.3, 0.4, 0.4, 0.2],
        "sell_price": [0.05] * 6,
        "storage_of": [0],
        "capacity_kwh": [2.0],
        "charge_kw": [1.0],
        "discharge_kw": [1.0],
        "charge_efficiency": [0.9],
        "discharge_efficiency": [0.95],
        "request_of": [1],
        "request_kwh": [1.0],
        "request_kw": [1.0],
        "earliest": [3],
        "latest": [5],
        "dt_h": 1.0,
    }
    return SchedulingInstance(**(given | changes))


def run(community: SchedulingInstance, classes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Net loads and service by the agents, with given load classes."""
    coordinator, state = agents.Coordinator(community, 6), agents.first_state(community)
    net, service = np.zeros_like(community.load_kwh), np.zeros((len(community.interval), len(community.request)))
    while state.interval < len(community.interval):
        t = state.interval
        done = coordinator.dispatch(state, coordinator.plan(state), np.array(classes))
        net[t], service[t] = agents.net_after(community, state, done), done.service_kwh
        state = coordinator.handed_over(state, done)
    return net, service


def test_agents_carry_out_what_the_driver_does():
    community = street()
    net, _ = run(community, [0, 0])
    rolled = roll(community, window=6, engine="program", terminal="worth").decision
    np.testing.assert_allclose(net, rolled.net_kwh, atol=1e-9)


def test_requests_of_overloaded_nodes_wait_until_they_cannot():
    # It would be served in the fourth hour if that were cheapest; its node is overloaded until its window ends.
    community = street(buy_price=[0.3, 0.3, 0.3, 0.2, 0.4, 0.4])
    assert run(community, [0, 2])[1][:, 0].tolist() == pytest.approx([0, 0, 0, 1, 0, 0])
    assert run(community, [0, 3])[1][:, 0].tolist() == pytest.approx([0, 0, 0, 0, 0, 1])


def test_members_tell_what_is_theirs():
    community, state = street(), agents.first_state(street())
    first, second = (agents.member_request(community, i, state) for i in (0, 1))
    assert first == (-2.0, 0.0, 0.0, 2.0)
    assert second == (1.0, 0.0, 0.0, 0.0)
    state.interval = 3
    assert agents.member_request(community, 1, state).wanted_kwh == 1.0
    # Another member's data make no difference.
    other = community.replace(load_kwh=community.load_kwh + np.array([5.0, 0.0]))
    assert agents.member_request(other, 1, state) == agents.member_request(community, 1, state)


def test_classes_powers_prices_and_bills():
    asked = [agents.Request(net, 0.0, 0.0, 0.0) for net in (-1.0, 0.1, 0.3, 0.6, 0.9, 1.2)]
    assert agents.node_classes(asked, np.ones(6)).tolist() == [0, 0, 1, 2, 3, 4]
    assert agents.total_power(np.array([1.0, -0.5, 2.0]), 0.5) == (6.0, 1.0)
    buy, sell = agents.internal_tariff(6.0, 1.0, 0.3, 0.05)
    assert (buy, sell) == tuple(price[0] for price in sdr_prices(6.0, 1.0, 0.3, 0.05))
    assert agents.member_bill(2.0, buy, sell) == pytest.approx(2 * buy)
    assert agents.member_bill(-0.5, buy, sell) == pytest.approx(-0.5 * sell)
