"""Small adjustments, solved by hand or of generated homes, each with what is known of it and how."""

from __future__ import annotations

import numpy as np

from ..adjustment import AdjustmentInstance
from ..aggregator import PHASES
from ..record import KnownValue, Meta
from .feeder_days import feeder_days
from .home_profiles import AgentModel
from .radial_feeder import radial_feeder


def one_line() -> AdjustmentInstance:
    """Three phases of one line without reactance, on which everything can be said by hand."""
    ohm, source_v, lowest_v, rating_a = 0.5, 230.0, 216.2, 40.0
    drawn = lowest_v * (source_v - lowest_v) / ohm / 1e3
    sent = rating_a * (source_v + ohm * rating_a) / 1e3
    price = {"home": 0.2, "workshop": 0.3, "bakery": 0.1, "shop": 0.4}
    evening = price["home"] * (8.0 - drawn)
    noon = price["workshop"] * (12.0 - sent)
    morning = price["bakery"] * 1.5 + price["shop"] * (8.0 - drawn - 1.5)
    line = ohm * np.eye(PHASES)
    return AdjustmentInstance(
        meta=Meta(
            name="aggregator/one-line",
            title="One line, three phases",
            description="A line of 0.5 ohm a phase. In the evening the home draws 8 kW and its voltage falls below "
            "216.2 V; at noon the workshop sends 12 kW and more than 40 A flow; in the morning bakery and shop draw "
            "8 kW together, of which the bakery, which is cheaper, can let go of 1.5 kW.",
            licence="MIT",
            sources=("made by hand for commonwatt",),
            known=(
                KnownValue(
                    "cost",
                    0.5 * (evening + noon + morning),
                    "by hand: 216.2 V leave 216.2 (230 - 216.2) / 0.5 W, and 40 A carry 40 (230 + 0.5 40) W",
                ),
            ),
        ),
        bus=["substation", "end"],
        line=["line"],
        line_from=[0],
        line_to=[1],
        phase=["a", "b", "c"],
        resistance_ohm=line[None],
        reactance_ohm=np.zeros((1, PHASES, PHASES)),
        rating_a=[rating_a],
        source_v=[source_v] * PHASES,
        source_angle_deg=[0.0, -120.0, 120.0],
        source_resistance_ohm=np.zeros((PHASES, PHASES)),
        source_reactance_ohm=np.zeros((PHASES, PHASES)),
        load=list(price),
        load_bus=[1, 1, 1, 1],
        load_phase=[0, 1, 2, 2],
        lowest_v=lowest_v,
        sample=["night", "morning", "noon", "evening"],
        net_load_kw=[[0.3, 0.1, 0.2, 0.1], [1.0, 0.5, 4.0, 4.0], [0.5, -12.0, 1.0, 2.0], [8.0, 0.0, 1.0, 1.0]],
        reducible_kw=[[0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 1.5, 2.0], [0.0, 0.0, 0.5, 0.5], [4.0, 0.0, 0.5, 0.5]],
        raisable_kw=[[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 5.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]],
        price=list(price.values()),
    )


def long_lane() -> AdjustmentInstance:
    """Twelve homes along a long lane with large roofs: too high at noon, too low in the evening."""
    feeder = radial_feeder(12, seed=5, source_pu=1.05, trunk_mm2=95, metres_between=(50.0, 100.0))
    model = AgentModel(pv_kwp=(6.0, 10.0), pv_noon_kw_per_kwp=0.8)
    return feeder_days(feeder, 1, seed=5, heat_pump=0.5, model=model, name="aggregator/long-lane")


def evening_street() -> AdjustmentInstance:
    """Fifty-five homes whose vehicles come home together, early in the evening of a day."""
    feeder = radial_feeder(55, seed=1, source_pu=1.04, trunk_mm2=95, metres_between=(10.0, 30.0))
    return feeder_days(feeder, 1, seed=2, heat_pump=1.0, hours=(17.0, 20.0), name="aggregator/evening-street")


SMALL = (one_line, long_lane, evening_street)
"""Makers of the shipped adjustments."""
