"""Small communities under an operator who sets prices, solved by hand, with their greatest profits."""

from __future__ import annotations

from ..operator import OperatorInstance
from ..record import KnownValue, Meta

RETAIL, FEED_IN = 0.30, 0.05
"""EUR/kWh of the grid."""

NOON = "2030-06-03T12:00Z"


def _meta(name: str, title: str, description: str, profit: float, how: str) -> Meta:
    return Meta(
        name=f"stackelberg/{name}",
        title=title,
        description=description,
        licence="MIT",
        sources=("made by hand for commonwatt",),
        known=(KnownValue("profit", profit, how),),
    )


def four_prosumers() -> OperatorInstance:
    """Two sellers and two buyers with quadratic utility, whose trade just balances."""
    return OperatorInstance(
        meta=_meta(
            "four-prosumers",
            "Four prosumers with quadratic utility",
            "An hour at noon. At competitive prices, 0.20, 4.5 kWh would change hands for a gain of 0.45; the operator "
            "trades half of it and keeps half of the gain, members a quarter, and a quarter is lost.",
            0.225,
            "by hand: sellers offer 45 p - 4.5 kWh, buyers ask for 13.5 - 45 p; so 0.20 clears the market, the best "
            "prices lie halfway to 0.10 and 0.30, where trade ends: 2.25 kWh at 0.15 and 0.25",
        ),
        interval=[NOON],
        member=["roof A", "roof B", "home A", "home B"],
        generation_kwh=[[5.0, 4.0, 1.0, 0.0]],
        utility="quadratic",
        first_worth=[[0.30, 0.30, 0.34, 0.30]],
        saturation=[[0.04, 0.05, 0.04, 0.05]],
        greatest_kwh=[[10.0, 10.0, 10.0, 10.0]],
        retail_price=[RETAIL],
        feed_in_price=[FEED_IN],
        dt_h=1.0,
    )


def four_log_prosumers() -> OperatorInstance:
    """Two sellers and two buyers with logarithmic utility, as in the paper."""
    return OperatorInstance(
        meta=_meta(
            "four-log-prosumers",
            "Four prosumers with logarithmic utility",
            "An hour at noon in which the operator balances what it buys and sells without the grid.",
            33.0 / 140.0,
            "by hand: sellers offer 11 - 1.1/p, buyers ask for 1.2/p - 3; marginal revenue is p²·3/1.2, marginal cost "
            "p²·11/1.1, both 0.147449 at prices 17/70 and 17/140, where 33/17 kWh are traded: 33/17 · 17/140",
        ),
        interval=[NOON],
        member=["roof A", "roof B", "home A", "home B"],
        generation_kwh=[[4.0, 5.0, 1.0, 0.0]],
        utility="log",
        log_worth=[[0.5, 0.6, 0.8, 0.4]],
        greatest_kwh=[[20.0, 20.0, 20.0, 20.0]],
        retail_price=[RETAIL],
        feed_in_price=[FEED_IN],
        dt_h=1.0,
    )


def two_peaks() -> OperatorInstance:
    """A plant, a roof and a home: cheap energy for two buyers, or dear energy for one."""
    return OperatorInstance(
        meta=_meta(
            "two-peaks",
            "A profit with two peaks",
            "A plant generates 999 kWh. At a low price it is resold to a home and to a member with 99 kWh of its own, "
            "13.46 at the peak; at the retail price to the home alone, for more. Climbing from below stops early.",
            197.0 / 12.0,
            "by hand: from 0.15 on only the home buys, 20/p - 1 kWh; (p - 0.05)(20/p - 1) grows up to a price of 1, so "
            "0.30 is best there: 0.25 (20/0.30 - 1). Below, 35/p - 101 kWh are bought, (p - 0.05)(35/p - 101) is "
            "greatest at 0.1316 and is 13.46 there",
        ),
        interval=[NOON],
        member=["roof", "home", "plant"],
        generation_kwh=[[99.0, 0.0, 999.0]],
        utility="log",
        log_worth=[[15.0, 20.0, 20.0]],
        greatest_kwh=[[599.0, 500.0, 1499.0]],
        retail_price=[RETAIL],
        feed_in_price=[FEED_IN],
        dt_h=1.0,
    )


SMALL = (four_prosumers, four_log_prosumers, two_peaks)
"""Makers of the small instances, in the order in which they are shipped."""
