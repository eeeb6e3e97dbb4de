"""Small communities with responsive loads, solved by hand, each with what is known of its optimum and how."""

from __future__ import annotations

import numpy as np

from ..record import KnownValue, Meta
from ..responsive import ResponsiveInstance

RETAIL, FEED_IN = 0.30, 0.05
"""EUR/kWh of the grid in the instances of one tariff."""

SETTLES = "one ratio of supply and demand fits its own prices in each interval: supply less ratio times demand falls"

Known = tuple[str, float, str]


def _meta(name: str, title: str, description: str, *known: Known) -> Meta:
    return Meta(
        name=f"settlement/{name}",
        title=title,
        description=description,
        licence="MIT",
        sources=("made by hand for commonwatt",),
        known=tuple(KnownValue(*one) for one in known),
    )


def five_prosumers() -> ResponsiveInstance:
    """Two roofs and three homes at noon: loads that answer prices one after the other go to and fro for ever."""
    return ResponsiveInstance(
        meta=_meta(
            "five-prosumers",
            "Five prosumers who answer prices",
            "Two roofs generate 6 and 5 kWh; all five members would use 3 and bear 0.05 per squared kWh. Under supply "
            "and demand the equilibrium lies at a ratio of 0.90814; naive iteration ends up alternating between 0.8 "
            "and 1.0764.",
            (
                "social_cost",
                0.16,
                "by hand: at a price of 0.08 everybody uses 3 - 0.08 / 0.1 = 2.2, in sum the 11 kWh generated, so the "
                "grid is paid nothing; discomfort 5 x 0.05 x 0.64",
            ),
            ("residual", 0.0, SETTLES),
        ),
        interval=["2030-06-03T12:00Z"],
        member=["roof A", "roof B", "home A", "home B", "home C"],
        wanted_kwh=[[3.0] * 5],
        generation_kwh=[[6.0, 5.0, 0.0, 0.0, 0.0]],
        discomfort=[0.05] * 5,
        retail_price=[RETAIL],
        feed_in_price=[FEED_IN],
        dt_h=1.0,
    )


def shifting_day() -> ResponsiveInstance:
    """A day of five homes that move load to where it is sunny, four of them ten times as willingly as the fifth."""
    hour = np.arange(24)
    noon, shoulder = (hour >= 12) & (hour < 16), np.isin(hour, [10, 11, 16, 17])
    wanted = np.full((24, 5), 0.5)
    wanted[18:22], wanted[:, 4] = 1.0, 0.4
    generation = np.zeros((24, 5))
    generation[noon, :2], generation[shoulder, :2] = (4.0, 3.0), (1.5, 1.31)
    how = (
        "by hand: energy is worth 0.30 in the 16 hours of import, 0.10 in the 4 of export, and 0.20 between, where the "
        "community just meets its own demand; a kWh in a total is worth their mean over the day, 0.25. So the four "
        "move by -0.1, 0.3 and 0.1 kWh in such hours, (0.25 - price) / 0.5, the fifth by a tenth of it: they bring the "
        "16 hours down from 46.4 to 39.84 kWh (11.952), leave 4 x 3.37 kWh at noon (-1.348), and between use 4 x 0.6 "
        "+ 0.41 = 2.81 kWh, as generated. Discomfort 4 x 0.25 x 0.56 + 2.5 x 0.0056 = 0.574: in sum 11.178"
    )
    return ResponsiveInstance(
        meta=_meta(
            "shifting-day",
            "A day of homes that move their load",
            "24 hours; each home's load adds up to what it wanted. Two have panels, with a surplus at noon that sells "
            "at 0.10 where buying costs 0.30.",
            ("social_cost", 11.178, how),
        ),
        interval=[f"2030-06-03T{h:02d}:00Z" for h in hour],
        member=["home A", "home B", "home C", "home D", "practice"],
        wanted_kwh=wanted,
        generation_kwh=generation,
        discomfort=[0.25, 0.25, 0.25, 0.25, 2.5],
        total_kwh=wanted.sum(axis=0),
        retail_price=[RETAIL] * 24,
        feed_in_price=[0.10] * 24,
        dt_h=1.0,
    )


def odd_quarters() -> ResponsiveInstance:
    """Quarter-hours in which a formula has nothing to divide by, or a limit binds."""
    least, greatest = np.zeros((8, 2)), np.full((8, 2), 10.0)
    least[7, 0], greatest[7, 1] = 0.9, 1.5
    how = (
        "by hand, a price of p moving each load down by p: nobody sells 2.4 x 0.30 + 0.09 = 0.81; nobody buys -4.1 x "
        "0.05 + 0.0025 = -0.2025; nobody trades 0.04; the second could buy of the first at 0.175, 0.030625; at a "
        "feed-in price of 0 what is left over meets what is wanted, 0; at -0.10 loads grow, 0.8 x 0.10 + 0.01 = 0.09; "
        "at one price of 0.20 -0.08 + 0.04 = -0.04; within limits 2.4 x 0.30 + 0.005 + 0.125 = 0.85. In sum 1.578125"
    )
    return ResponsiveInstance(
        meta=_meta(
            "odd-quarters",
            "Quarter-hours priced by convention",
            "Nobody sells; nobody buys; nobody wants to trade; two who may or may not trade; a feed-in price of 0; a "
            "negative one; no difference between the grid's prices; limits of loads that bind.",
            ("social_cost", 1.578125, how),
            ("residual", 0.0, SETTLES),
        ),
        interval=[f"2030-06-03T{12 + t // 4}:{t % 4 * 15:02d}Z" for t in range(8)],
        member=["home", "neighbour"],
        wanted_kwh=[[1.0, 2.0], [1.0, 1.0], [1.2, 1.2], [1.1, 1.25], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]],
        generation_kwh=[
            [0.0, 0.0],
            [3.0, 3.0],
            [1.0, 1.0],
            [1.0, 1.0],
            [3.0, 0.0],
            [4.0, 0.0],
            [3.0, 0.0],
            [0.0, 0.0],
        ],
        discomfort=[0.5, 0.5],
        least_kwh=least,
        greatest_kwh=greatest,
        retail_price=[RETAIL, RETAIL, RETAIL, RETAIL, RETAIL, RETAIL, 0.20, RETAIL],
        feed_in_price=[FEED_IN, FEED_IN, FEED_IN, FEED_IN, 0.0, -0.10, 0.20, FEED_IN],
        dt_h=0.25,
    )


SMALL = (five_prosumers, shifting_day, odd_quarters)
"""Makers of the small instances, in the order in which they are shipped."""
