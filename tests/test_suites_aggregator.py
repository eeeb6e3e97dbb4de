"""The suites of an aggregator: sections on agents, fronts, other scenarios, and a smoke run of speed."""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.benchmarks import (
    speed,
    speed_aggregator,
    suites_aggregator_agents,
    suites_aggregator_loop,
    suites_aggregator_network,
)
from commonwatt.benchmarks.registry import SUITES
from commonwatt.instances.sources.ev_fleet import charging_on_arrival_kw
from commonwatt.instances.sources.home_profiles import typical_chain


def test_speed_is_measured_and_ways_agree():
    table = speed.measure(speed_aggregator.tasks(quick=True))
    assert SUITES["speed-aggregator"] == ("speed_suites", "speed_aggregator_suite")
    flow = table[table["task"] == "load flow"].set_index("method")
    assert set(flow.index) == {"kernel", "sweeps of the tree", "OpenDSS"}
    assert (table["seconds_median"] > 0).all()
    assert (flow["off"].dropna() <= 1e-5).all()
    derivatives = table[table["task"] == "sensitivities of voltages"]["off"]
    assert (derivatives.dropna() <= 1e-3).all()


@pytest.mark.parametrize(
    ("make", "figures", "tables"),
    [
        ("densities_section", 1, 0),
        ("fleet_section", 1, 1),
        ("stereotypes_section", 1, 1),
        ("firm_section", 0, 1),
        ("congestion_section", 1, 1),
        ("need_section", 1, 3),
        ("asked_section", 1, 1),
        ("loop_section", 1, 1),
    ],
)
def test_sections_on_agents_and_their_feeder(tmp_path, monkeypatch, make, figures, tables):
    modules = suites_aggregator_agents, suites_aggregator_network, suites_aggregator_loop
    # A quarter of the homes is enough to see that the section is written.
    monkeypatch.setattr(suites_aggregator_loop, "HOMES", 14)
    module = next(one for one in modules if hasattr(one, make))
    section = getattr(module, make)(tmp_path)
    assert len(section.figures) == figures
    assert len(section.tables) == tables
    for picture in section.figures:
        assert picture.path.stat().st_size > 5_000
    for table in section.all_tables():
        assert len(table.frame) > 1


def test_what_vehicles_draw_is_what_ways_took():
    rng = np.random.default_rng(1)
    places = typical_chain().simulate(200, 7 * 48, rng)
    power = charging_on_arrival_kw(places, np.random.default_rng(2))
    assert (power >= 0).all()
    assert (power <= 7.2).all()
    assert not power[places != 0].any()
    # Full in the beginning, so that nothing is drawn before the first way.
    left = (places != 0).cumsum(axis=0) > 0
    assert not power[~left].any()
    # Over a week what is drawn is what ways took, but for what those that are away or charging still lack.
    ways = ((places[1:] == 0) & (places[:-1] != 0)).sum()
    median, sigma = 7.0, 0.6
    expected = ways * median * np.exp(sigma**2 / 2) / 0.93
    assert power.sum() * 0.5 == pytest.approx(expected, rel=0.08)
