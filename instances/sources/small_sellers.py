"""Small markets of sellers who set prices, solved by hand, each with what is known of it and how."""

from __future__ import annotations

from ..record import KnownValue, Meta
from ..sellers import SellersInstance

RETAIL, FEED_IN = 0.30, 0.05
"""EUR/kWh of the grid in the instances of one tariff."""

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


def three_sellers() -> SellersInstance:
    """Three sellers with enough for all: prices 0.1016, 0.1113 and 0.0990 at which none gains by another."""
    return SellersInstance(
        meta=_meta(
            "three-sellers",
            "Three sellers at noon",
            "6 kWh of demand and three sellers with as much each, of congestion 0.02, 0.01 and 0.03. In equilibrium "
            "they ask 0.101613, 0.111290 and 0.099032, and a kWh costs buyers 0.139150 wherever they buy.",
            ("epsilon", 0.0, "the three first-order conditions are linear and have one solution"),
            (
                "social_cost",
                0.3 + 108 / 550,
                "by hand: sales in proportion to 1/c make what one more kWh costs equal, 0.05 x 6 + 36 / (50 + 100 + "
                "100/3)",
            ),
        ),
        interval=["2030-06-03T12:00Z"],
        seller=["roof A", "roof B", "wind"],
        capacity_kwh=[[6.0, 6.0, 6.0]],
        congestion=[0.02, 0.01, 0.03],
        demand_kwh=[6.0],
        retail_price=[RETAIL],
        feed_in_price=[FEED_IN],
        dt_h=1.0,
    )


def two_equal_sellers() -> SellersInstance:
    """Two alike: each asks the feed-in price and the congestion that all demand would cause at one of them."""
    return SellersInstance(
        meta=_meta(
            "two-equal-sellers",
            "Two sellers alike",
            "5 kWh of demand; both ask 0.05 + 0.02 x 5 = 0.15 and sell 2.5 kWh.",
            ("epsilon", 0.0, "by hand: each sells (5 - (p - p') / 0.02) / 2, best at p = (p' + 0.15) / 2"),
            ("social_cost", 0.5, "by hand: halves, 0.05 x 5 + 2 x 0.02 x 6.25"),
        ),
        interval=["2030-06-03T12:00Z"],
        seller=["roof A", "roof B"],
        capacity_kwh=[[5.0, 5.0]],
        congestion=[0.02, 0.02],
        demand_kwh=[5.0],
        retail_price=[RETAIL],
        feed_in_price=[FEED_IN],
        dt_h=1.0,
    )


def edgeworth() -> SellersInstance:
    """Two sellers without congestion, neither of whom can serve all: no prices last."""
    return SellersInstance(
        meta=_meta(
            "edgeworth",
            "Two sellers whose prices never rest",
            "4 kWh of demand, two sellers of 3 kWh and no congestion (Bertrand and Edgeworth): whatever they ask, one "
            "gains by another price. Tatonnement falls to the feed-in price, where each would gain 0.25 by asking the "
            "retail price of who is left over. Only mixed prices, from 0.1333 to 0.30, are an equilibrium.",
            ("social_cost", 0.2, "by hand: all demand is met at the feed-in price, 4 x 0.05"),
        ),
        interval=["2030-06-03T12:00Z"],
        seller=["roof A", "roof B"],
        capacity_kwh=[[3.0, 3.0]],
        congestion=[0.0, 0.0],
        demand_kwh=[4.0],
        retail_price=[RETAIL],
        feed_in_price=[FEED_IN],
        dt_h=1.0,
    )


def sellers_day() -> SellersInstance:
    """A day of six games, each of another kind: dark, scarce, plenty, no demand, a dear seller, negative prices."""
    how = (
        "by hand: dark 3 x 0.30 = 0.9; scarce 0.05 x 3.5 + 0.02 + 0.04 + 0.0075 + 1.5 x 0.30 = 0.6925; plenty 0.05 x "
        "5.5 + 5.5^2 / (550/3) = 0.44; no demand 0; one more kWh costs 0.10 where the two sell 1.25 and 1.5, 0.0625 + "
        "0.03125 + 0.105 + 0.0225 = 0.22125; negative -0.05 x 2.75 + 2.75^2 / (550/3) = -0.09625; in sum 2.1575"
    )
    return SellersInstance(
        meta=_meta(
            "sellers-day",
            "A day of sellers and buyers",
            "Six times four hours: nobody has anything to sell; less than is needed, so that sellers ask what keeps "
            "buyers from the grid; more than is needed; no demand; a seller whose cost keeps it out; a negative "
            "feed-in price.",
            ("epsilon", 0.0, "each interval has prices in closed form, from which no seller gains by departing"),
            ("social_cost", 2.1575, how),
        ),
        interval=[f"2030-06-03T{4 * t:02d}:00Z" for t in range(6)],
        seller=["roof A", "roof B", "battery"],
        capacity_kwh=[[0.0] * 3, [1.0, 2.0, 0.5], [6.0] * 3, [6.0] * 3, [6.0] * 3, [6.0] * 3],
        cost_price=[[0.05] * 3, [0.05] * 3, [0.05] * 3, [0.05] * 3, [0.05, 0.07, 0.28], [-0.05] * 3],
        congestion=[0.02, 0.01, 0.03],
        demand_kwh=[3.0, 5.0, 5.5, 0.0, 2.75, 2.75],
        retail_price=[RETAIL] * 5 + [0.15],
        feed_in_price=[FEED_IN] * 5 + [-0.05],
        dt_h=4.0,
    )


SMALL = (three_sellers, two_equal_sellers, edgeworth, sellers_day)
"""Makers of the small instances, in the order in which they are shipped."""
