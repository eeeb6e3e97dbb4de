"""Small games before an unknown price of tomorrow, solved by hand, each with what is known of it and how."""

from __future__ import annotations

from ..prospects import ProspectsInstance
from ..record import KnownValue, Meta

LOW, HIGH = 0.10, 0.30
"""EUR/kWh, range of tomorrow's price."""

Known = tuple[str, float, str]


def _meta(name: str, title: str, description: str, *known: Known) -> Meta:
    return Meta(
        name=f"stackelberg/{name}",
        title=title,
        description=description,
        licence="MIT",
        sources=("made by hand for commonwatt",),
        known=tuple(KnownValue(*one) for one in known),
    )


def four_stores() -> ProspectsInstance:
    """Four alike with room for all they want: a base price of 0.10, today's price 0.18, a profit of 0.16."""
    return ProspectsInstance(
        meta=_meta(
            "four-stores",
            "Four stores and a price that rises",
            "Tomorrow's mean price is 0.20, energy costs the leader 0.16, today's price rises by 0.01 a kWh. Each buys "
            "2 kWh at a base price of 0.10.",
            ("profit", 0.16, "by hand: (0.20 - 0.16)² x 4 / (4 x 0.01), nobody at a limit"),
        ),
        interval=["2030-06-03T12:00Z"],
        member=["north", "east", "south", "west"],
        stored_kwh=[[2.0, 2.0, 2.0, 2.0]],
        capacity_kwh=[[4.0, 4.0, 4.0, 4.0]],
        price_slope=[0.01],
        future_low=[LOW],
        future_high=[HIGH],
        price_low=[0.0],
        price_high=[0.4],
        supply_price=[0.16],
        dt_h=1.0,
    )


def four_sellers() -> ProspectsInstance:
    """A leader that buys of four who fear losses differently: its best price leaves the least fearful out."""
    return ProspectsInstance(
        meta=_meta(
            "fearful-sellers",
            "A leader buys of four who fear losses",
            "Losses count 1, 1.5, 2.25 and 3 times. Thresholds are 0.2000, 0.1899, 0.1800 and 0.1732; at the second "
            "all but the first sell, 7 kWh that the leader sells on at 0.22.",
            (
                "profit",
                7.0 * (0.22 - (0.3 + 0.1 * 1.5**0.5) / (1.0 + 1.5**0.5)),
                "by hand: supply is a staircase, so the best price is one of four thresholds; at 0.20 it earns 0.20",
            ),
        ),
        interval=["2030-06-03T12:00Z"],
        member=["bold", "calm", "careful", "fearful"],
        stored_kwh=[[3.0, 4.0, 1.0, 2.0]],
        capacity_kwh=[[3.0, 4.0, 1.0, 2.0]],
        loss_aversion=[1.0, 1.5, 2.25, 3.0],
        future_low=[LOW],
        future_high=[HIGH],
        price_low=[0.0],
        price_high=[0.4],
        supply_price=[0.22],
        dt_h=1.0,
    )


def full_stores() -> ProspectsInstance:
    """Two half-hours: full stores bind, then the leader's range does."""
    return ProspectsInstance(
        meta=_meta(
            "full-stores",
            "Stores that fill, a price that may not fall",
            "With energy at 0.12 the formula would have each of four buy 4 kWh, but there is room for 2: at today's "
            "0.18 they are full. Then, energy at 0.16, the base price may not be below 0.15: each buys 1 kWh at 0.19.",
            (
                "profit",
                8.0 * (0.18 - 0.12) + 4.0 * (0.19 - 0.16),
                "by hand: x = (0.20 - today's price) / 0.01 up to 2 kWh; at a base of 0.15, x = 0.05 / (5 x 0.01) = 1",
            ),
        ),
        interval=["2030-06-03T12:00Z", "2030-06-03T12:30Z"],
        member=["north", "east", "south", "west"],
        stored_kwh=[[1.0, 1.0, 1.0, 1.0], [0.5, 0.5, 0.5, 0.5]],
        capacity_kwh=[[3.0, 3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 3.0]],
        price_slope=[0.01, 0.01],
        future_low=[LOW, LOW],
        future_high=[HIGH, HIGH],
        price_low=[0.0, 0.15],
        price_high=[0.4, 0.4],
        supply_price=[0.12, 0.16],
        dt_h=0.5,
    )


SMALL = (four_stores, four_sellers, full_stores)
