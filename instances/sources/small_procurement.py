"""Small procurements by a buyer that leads, solved by hand, each with what is known of it and how."""

from __future__ import annotations

from ..procurement import ProcurementInstance
from ..record import KnownValue, Meta

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


def two_roofs() -> ProcurementInstance:
    """Two sellers with enough for all: one price of 0.20 either way."""
    return ProcurementInstance(
        meta=_meta(
            "two-roofs",
            "A facility and two roofs",
            "6 kWh of two sellers with slopes 0.10 and 0.05: 2 and 4 kWh at 0.20, for the buyer and for all together.",
            ("payment", 1.2, "by hand: 6 kWh at D / (1/0.10 + 1/0.05) = 0.20, below half of the retail price"),
            ("social_cost", 0.6, "by hand: 0.10 x 4 / 2 + 0.05 x 16 / 2"),
        ),
        interval=["2030-06-03T12:00Z"],
        seller=["north roof", "south roof"],
        cost_slope=[0.1, 0.05],
        capacity_kwh=[[10.0, 10.0]],
        demand_kwh=[6.0],
        retail_price=[0.5],
        dt_h=1.0,
    )


def full_roof() -> ProcurementInstance:
    """Three half-hours: a full seller is paid less than others, a dear grid is avoided, a cheap one used."""
    return ProcurementInstance(
        meta=_meta(
            "full-roof",
            "A full roof, a cheap grid, a night",
            "Slopes 0.10 and 0.05. First 1 and 3 kWh of capacity for 4 kWh: 0.10 and 0.15 are enough, one price would "
            "have to be 0.15. Then a grid at 0.16: the buyer stops at 0.08, all together would go on to 0.16. At night "
            "nobody sells.",
            (
                "payment",
                0.55 + (0.8 * 0.08 + 1.6 * 0.08 + 0.16 * 3.6) + 0.6,
                "by hand: 1 x 0.10 + 3 x 0.15; 0.8 and 1.6 kWh at half the grid's price and 3.6 of the grid; 2 x 0.30",
            ),
            (
                "social_cost",
                (0.05 + 0.225) + (0.05 * 2.56 + 0.025 * 10.24 + 0.16 * 1.2) + 0.6,
                "by hand: 0.05 x 1 + 0.025 x 9; 1.6 and 3.2 kWh at 0.16 and 1.2 of the grid; 2 x 0.30",
            ),
        ),
        interval=["2030-06-03T12:00Z", "2030-06-03T12:30Z", "2030-06-03T13:00Z"],
        seller=["north roof", "south roof"],
        cost_slope=[0.1, 0.05],
        capacity_kwh=[[1.0, 3.0], [4.0, 4.0], [0.0, 0.0]],
        demand_kwh=[4.0, 6.0, 2.0],
        retail_price=[0.5, 0.16, 0.3],
        dt_h=0.5,
    )


SMALL = (two_roofs, full_roof)
