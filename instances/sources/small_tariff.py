"""Small communities with batteries whose operator sets a tariff, each with what is known of it and how."""

from __future__ import annotations

import numpy as np

from ..record import KnownValue, Meta
from ..tariff import TariffInstance

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


def two_batteries() -> TariffInstance:
    """Two homes with batteries, one with panels, over three hours: optimistic and pessimistic profit lie apart."""
    return TariffInstance(
        meta=_meta(
            "two-batteries",
            "Two batteries over three hours",
            "The operator's best prices leave both homes several answers: it earns 0.0398 where they suit it, and "
            "loses 0.075 where they do not. A margin of 0.001 EUR/kWh costs it 0.00015 and leaves them one.",
            (
                "profit",
                43 / 1080,
                "optimum of the program with constants by HiGHS, and without any by SCIP; unchanged with constants ten "
                "times as large",
            ),
        ),
        interval=["2030-06-03T10:00Z", "2030-06-03T11:00Z", "2030-06-03T12:00Z"],
        member=["panels", "no panels"],
        net_kwh=[[1.0, 2.0], [-3.0, 1.0], [3.0, 2.0]],
        capacity_kwh=[4.0, 3.0],
        power_kw=[2.0, 1.5],
        efficiency=[0.95, 0.9],
        initial_kwh=[1.0, 0.5],
        wear_price=[0.005, 0.01],
        retail_price=[0.2, 0.3, 0.4],
        feed_in_price=[0.05, 0.05, 0.05],
        mean_buy_cap=0.25,
        mean_sell_floor=0.08,
        dt_h=1.0,
    )


def noon_to_evening() -> TariffInstance:
    """One home stores at noon what the other has left: both answers are unique, and ties do not matter."""
    return TariffInstance(
        meta=_meta(
            "noon-to-evening",
            "From noon to the evening",
            "1 kWh of panels at noon, 1 kWh of demand in the evening, and a battery with the one who needs it. At 0.10 "
            "at noon and more in the evening it charges at noon; the panels are paid nothing then.",
            (
                "profit",
                0.1,
                "by hand: whoever needs the kWh pays at most the price at noon, 0.10, and the grid is owed nothing",
            ),
            (
                "profit_pessimistic",
                0.1,
                "by hand: at 0.10 and 0.20 charging at noon, worn or not, is the only best answer",
            ),
        ),
        interval=["2030-06-03T12:00Z", "2030-06-03T18:00Z"],
        member=["battery", "panels"],
        net_kwh=[[0.0, -1.0], [1.0, 0.0]],
        capacity_kwh=[1.0, 0.0],
        power_kw=[1.0, 0.0],
        wear_price=[0.01, 0.0],
        retail_price=[0.1, 0.3],
        feed_in_price=[0.0, 0.0],
        mean_buy_cap=0.15,
        mean_sell_floor=0.05,
        dt_h=6.0,
    )


def half_an_hour() -> TariffInstance:
    """One interval and no battery: the operator asks its cap and pays its floor."""
    return TariffInstance(
        meta=_meta(
            "half-an-hour",
            "Two neighbours for half an hour",
            "2 kWh short, 1 kWh over: 2 x 0.25 - 1 x 0.08 from the members less 1 x 0.30 to the grid.",
            ("profit", 0.12, "by hand: profit rises with one price and falls with the other, so both are at the means"),
            ("profit_pessimistic", 0.12, "by hand: without batteries there is one answer"),
        ),
        interval=["2030-06-03T12:00Z"],
        member=["kiln", "roof"],
        net_kwh=[[2.0, -1.0]],
        retail_price=[0.3],
        feed_in_price=[0.05],
        mean_buy_cap=0.25,
        mean_sell_floor=0.08,
        dt_h=0.5,
    )


def homes_with_batteries(members: int, steps: int, seed: int = 0, meta: Meta | None = None) -> TariffInstance:
    """A day of homes with batteries, some with panels, under a tariff with a night and an evening price.

    Parameters
    ----------
    members, steps : int
        How many homes, and how many intervals the day is cut into.
    seed : int
        Of the draw.
    meta : Meta, optional
        What is known of the instance.

    Returns
    -------
    TariffInstance
    """
    rng = np.random.default_rng(seed)
    hours = 24.0 / steps
    hour = (np.arange(steps) + 0.5) * hours
    sun = np.maximum(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0)
    roof = np.where(np.arange(members) % 2 == 0, rng.uniform(2.0, 4.0, members), 0.0)
    demand_kw = rng.uniform(0.3, 1.5, (steps, members))
    return TariffInstance(
        meta=meta or Meta(name=f"{members}-homes-{steps}-steps-{seed}"),
        net_kwh=((demand_kw - roof * sun[:, None]) * hours).round(2),
        capacity_kwh=rng.uniform(2.0, 6.0, members).round(1),
        power_kw=rng.uniform(1.0, 3.0, members).round(1),
        efficiency=rng.uniform(0.88, 0.97, members).round(2),
        initial_kwh=np.ones(members),
        wear_price=np.full(members, 0.01),
        retail_price=np.select([hour < 7.0, (hour >= 17.0) & (hour < 22.0)], [0.2, 0.4], 0.3),
        feed_in_price=np.full(steps, 0.05),
        mean_buy_cap=0.25,
        mean_sell_floor=0.08,
        dt_h=hours,
    )


def three_homes() -> TariffInstance:
    """A day of three homes in steps of two hours."""
    return homes_with_batteries(
        3,
        12,
        seed=3,
        meta=_meta(
            "three-homes",
            "Three homes with batteries for a day",
            "Drawn: three homes, two with panels, in steps of two hours; night, day and evening prices of the grid, a "
            "cap of the mean buying price below the grid's.",
            ("profit", 1.707591079755314, "optimum by HiGHS with proven constants, and by SCIP without any"),
        ),
    )


SMALL = (two_batteries, noon_to_evening, half_an_hour, three_homes)
