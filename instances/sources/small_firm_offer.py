"""Small firm offers, solved by hand or of generated vehicles, each with what is known of it and how."""

from __future__ import annotations

import numpy as np

from ..firm_offer import FirmOfferInstance
from ..record import KnownValue, Meta
from .firm_offers import firm_offer_of_vehicles


def two_short_nights(scope: str = "horizon") -> FirmOfferInstance:
    """Four nights of two hours, one of which may fail: two lack in different hours."""
    value, how = 5.0, "by enumeration of the night that may fail: 4 + 1, 1 + 4, 1 + 1, 1 + 1"
    name, title = "two-short-nights", "Two short nights"
    text = "Four nights of equal chance, two hours: 1 and 5, 5 and 1, 4 and 4, 6 and 6 kW. One night may fail"
    if scope == "block":
        value, how = 8.0, "by hand: 4 kW are there in three nights of each hour"
        name, title, text = "two-short-nights-by-hour", "Two short nights, hour by hour", text + " in each hour"
    return FirmOfferInstance(
        meta=Meta(
            name=f"aggregator/{name}",
            title=title,
            description=f"{text}.",
            licence="MIT",
            sources=("made by hand for commonwatt",),
            known=(KnownValue("income", value, how),),
        ),
        interval=["2030-01-07T22:00Z", "2030-01-07T23:00Z"],
        scenario=["first", "second", "third", "fourth"],
        available_kw=[[1.0, 5.0], [5.0, 1.0], [4.0, 4.0], [6.0, 6.0]],
        price=[1.0, 1.0],
        block_h=1.0,
        epsilon=0.25,
        scope=scope,
        dt_h=1.0,
    )


def by_hour() -> FirmOfferInstance:
    """The same nights, each hour for itself."""
    return two_short_nights("block")


def fifty_five_vehicles() -> FirmOfferInstance:
    """A day of fifty-five vehicles in two hundred scenarios, of which ten may fail."""
    # Worth most where most are away.
    price = np.array([0.004, 0.006, 0.012, 0.010, 0.014, 0.008]).repeat(8)
    return firm_offer_of_vehicles(
        55, 200, seed=55, price=price, epsilon=0.05, scope="horizon", name="aggregator/fifty-five-vehicles"
    )


SMALL = (two_short_nights, by_hour, fifty_five_vehicles)
"""Makers of the shipped firm offers."""
