"""Small portfolios on a feeder, solved by hand, each with what is known of it and how."""

from __future__ import annotations

from ..feeder_portfolio import FeederPortfolioInstance, vehicle_behind_a_line
from ..record import KnownValue, Meta


def thin_line() -> FeederPortfolioInstance:
    """A vehicle that may not charge as fast as it could while energy is cheap."""
    ohm, source_v, lowest_v = 0.5, 230.0, 216.2
    drawn = lowest_v * (source_v - lowest_v) / ohm / 1e3
    first = drawn - 3.0
    cost = 0.1 * drawn + 0.3 * (3.0 + 4.0 - first)
    meta = Meta(
        name="aggregator/thin-line",
        title="A vehicle behind a thin line",
        description="A home uses 3 kW in two hours and its vehicle needs 4 kWh by the end, at 0.10 and then 0.30 a "
        "kWh. Below 216.2 V its line leaves less than 6 kW.",
        licence="MIT",
        sources=("made by hand for commonwatt",),
        known=(
            KnownValue(
                "risk_adjusted_profit",
                -cost,
                "by hand: 216.2 V leave 216.2 (230 - 216.2) / 0.5 W in the cheap hour, and the rest is charged later",
            ),
        ),
    )
    return vehicle_behind_a_line(meta, source_v, ohm)


def roof_on_a_line() -> FeederPortfolioInstance:
    """A roof whose line lets out less than it makes, with a battery that takes a part of the rest."""
    ohm, source_v, highest_v = 0.5, 240.0, 253.0
    sent = highest_v * (highest_v - source_v) / ohm / 1e3
    meta = Meta(
        name="aggregator/roof-on-a-line",
        title="A roof at the end of a line",
        description="A roof makes 9 kW for an hour, sold at 0.10; a battery takes 2 kW of it for the evening, at 0.30. "
        "Above 253 V no more than 6.578 kW can be sent, and the rest is curtailed.",
        licence="MIT",
        sources=("made by hand for commonwatt",),
        known=(
            KnownValue(
                "risk_adjusted_profit",
                0.1 * sent + 0.3 * 2.0,
                "by hand: 253 (253 - 240) / 0.5 W can be sent at noon, and 2 kWh in the evening",
            ),
        ),
    )
    return vehicle_behind_a_line(meta, source_v, ohm).replace(
        load=["house"],
        member=["house"],
        storage=["battery"],
        interval=["2030-06-03T12:00Z", "2030-06-03T13:00Z"],
        scenario=["clear"],
        load_kw=[[[0.0], [0.0]]],
        generation_kw=[[[9.0], [0.0]]],
        capacity_kwh=[10.0],
        initial_kwh=[0.0],
        charge_kw=[2.0],
        discharge_kw=[2.0],
        target_kwh=None,
    )


SMALL = (thin_line, roof_on_a_line)
"""Makers of the shipped portfolios on a feeder."""
