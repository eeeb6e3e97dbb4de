"""Small scheduling instances solved by hand, each with what is known of its optimum and how.

Those whose point is a limit, a failure or an odd price: :mod:`.small_scheduling_limits`.
"""

from __future__ import annotations

import numpy as np

from ..record import KnownValue, Meta
from ..scheduling import SchedulingInstance

LICENCE = "MIT"
SOURCE = "made by hand for commonwatt"

Known = tuple[str, float, str]
ALONE = "by hand: there is one member only, so both costs are the same"


def small_meta(name: str, title: str, description: str, *known: Known) -> Meta:
    """Meta of an instance made by hand, from its name without the family and what is known of it."""
    return Meta(
        name=f"scheduling/{name}",
        title=title,
        description=description,
        licence=LICENCE,
        sources=(SOURCE,),
        known=tuple(KnownValue(*one) for one in known),
    )


def hours(first: str, count: int, step_h: float = 1.0) -> list[str]:
    """Labels of ``count`` intervals in UTC, the first of which starts at ``first``."""
    step = np.timedelta64(round(3600 * step_h), "s")
    return [f"{time}Z" for time in np.datetime64(first, "s") + step * np.arange(count)]


def office_day() -> SchedulingInstance:
    """An office on a sunny day: a tariff of three levels, panels, and a battery that is filled twice."""
    load, sun = np.ones(24), np.zeros(24)
    load[8:19] = 5.0
    sun[[9, 10, 15, 16]], sun[11:15] = 3.0, 8.0
    buy = np.full(24, 0.20)
    buy[:7], buy[17:21] = 0.10, 0.40
    how = (
        "by hand: without the battery 8.30 (nights 0.70, 7 h to 10 h 2.00, surplus sold -0.60, 15 h and 16 h 0.80, "
        "17 h to 20 h 4.80, late 0.60). By night 10 kWh at 0.10 put 8 kWh into it, used from 7 h to 10 h instead of "
        "buying at 0.20: saves 1.60 - 1.00. At noon 10 of the 12 kWh of surplus fill it again; the 8 kWh replace "
        "purchases at 0.40 from 17 h on: 3.20 - 0.50. More does not fit: 8.30 - 0.60 - 2.70 = 5.00"
    )
    return SchedulingInstance(
        meta=small_meta(
            "office-day",
            "A day of an office",
            "24 hours, three price levels (0.10, 0.20, 0.40), panels with a surplus of 3 kWh an hour at noon that "
            "sells at 0.05, and a battery of 8 kWh that loses a fifth of what is charged.",
            ("community_cost", 5.0, how),
            ("separate_cost", 5.0, ALONE),
        ),
        interval=hours("2030-06-03T00:00", 24),
        member=["office"],
        load_kwh=load[:, None],
        generation_kwh=sun[:, None],
        buy_price=buy,
        sell_price=np.full(24, 0.05),
        storage=["battery"],
        storage_of=[0],
        capacity_kwh=[8.0],
        charge_kw=[4.0],
        discharge_kw=[4.0],
        charge_efficiency=[0.8],
        dt_h=1.0,
    )


def household_day() -> SchedulingInstance:
    """A home at half-hours: a night tariff, panels, a dishwasher, and a battery that ends as it began."""
    load, sun = np.full(48, 0.2), np.zeros(48)
    load[36:42], sun[20:28] = 0.8, 0.6
    buy = np.full(48, 0.30)
    buy[:14], buy[46:] = 0.15, 0.15
    how = (
        "by hand: fixed load by night 16 x 0.2 x 0.15 = 0.48. Of the surplus of 3.2 kWh at noon the dishwasher takes "
        "1.2, the battery 2.0 (content 1.6). Its other content is 0.5 given and 1.1 charged by night (1.375 kWh at "
        "0.15 = 0.20625), of which 1.2 replace all purchases from 7:00 to 10:00 and 0.4 stay, so that it is full (2.0) "
        "at 14:00 and replaces 2.0 in the evening. By day 8.4 - 1.2 - 2.0 = 5.2 kWh are bought at 0.30 = 1.56, after "
        "23:00 0.625 kWh restore its 0.5 kWh (0.09375): 0.48 + 0.20625 + 1.56 + 0.09375 = 2.34"
    )
    return SchedulingInstance(
        meta=small_meta(
            "household-day",
            "A day of a household, by half-hours",
            "48 half-hours; 0.15 by night and 0.30 from 7:00 to 23:00, surplus sells at 0.08. A dishwasher needs "
            "1.2 kWh between 8:00 and 22:00 at up to 1.2 kW. The battery of 2 kWh loses a fifth of what is charged and "
            "must end with the 0.5 kWh it began with.",
            ("community_cost", 2.34, how),
            ("separate_cost", 2.34, ALONE),
            ("waiting_h", 0.25, "by hand: 0.6 kWh at 8:00 wait 0 h, 0.6 kWh at 8:30 wait 0.5 h"),
        ),
        interval=hours("2030-06-03T00:00", 48, 0.5),
        member=["home"],
        load_kwh=load[:, None],
        generation_kwh=sun[:, None],
        buy_price=buy,
        sell_price=np.full(48, 0.08),
        storage=["battery"],
        storage_of=[0],
        capacity_kwh=[2.0],
        charge_kw=[2.0],
        discharge_kw=[2.0],
        charge_efficiency=[0.8],
        initial_kwh=[0.5],
        final_kwh=[0.5],
        request=["dishwasher"],
        request_of=[0],
        request_kwh=[1.2],
        request_kw=[1.2],
        earliest=[16],
        latest=[43],
        dt_h=0.5,
    )


def two_neighbours() -> SchedulingInstance:
    """One neighbour has the panels, the other the battery: together they pay less."""
    return SchedulingInstance(
        meta=small_meta(
            "two-neighbours",
            "Two neighbours",
            "Noon and evening; buying costs 0.30, selling brings 0.10. Ann has 3 kWh of sun at noon and needs 1 kWh in "
            "each hour; Ben needs 1 and 2 kWh and has a battery of 1 kWh.",
            (
                "community_cost",
                0.60,
                "by hand: at noon Ann's 3 kWh meet 1 + 1 kWh and fill Ben's battery; in the evening 3 - 1 = 2 kWh are "
                "bought at 0.30",
            ),
            (
                "separate_cost",
                1.00,
                "by hand: Ann sells 2 kWh and buys 1, -0.20 + 0.30; Ben buys 3 kWh, 0.90, which no battery makes "
                "cheaper at one price",
            ),
        ),
        interval=hours("2030-06-03T12:00", 2),
        member=["Ann", "Ben"],
        load_kwh=[[1.0, 1.0], [1.0, 2.0]],
        generation_kwh=[[3.0, 0.0], [0.0, 0.0]],
        buy_price=[0.30, 0.30],
        sell_price=[0.10, 0.10],
        storage=["Ben's battery"],
        storage_of=[1],
        capacity_kwh=[1.0],
        charge_kw=[1.0],
        discharge_kw=[1.0],
        dt_h=1.0,
    )


def peak_street() -> SchedulingInstance:
    """Three homes' movable requests fill the valleys of their street's load up to one level."""
    return SchedulingInstance(
        meta=small_meta(
            "peak-street",
            "Filling the valleys of a street",
            "Six half-hours with fixed loads of 1, 3, 3, 2, 1 and 1 kWh, and requests of 4, 3 and 3 kWh that may run "
            "at any of them.",
            (
                "peak_cost",
                7.0,
                "by hand: 11 kWh fixed and 10 kWh movable in six half-hours are 3.5 kWh each at best, 7 kW. The first "
                "request takes (1, .5, .5, 0, 1, 1), the others (.75, 0, 0, .75, .75, .75) each",
            ),
            ("community_cost", 5.25, "by hand: 21 kWh at 0.25, whenever they are used"),
            ("separate_cost", 5.25, "by hand: 21 kWh at 0.25, whoever uses them"),
            (
                "waiting_h",
                0.475,
                "by hand: from the first half-hour on at full power, 1.5 + 1.5 + 1 kWh and twice 1 + 1 + 1 kWh wait "
                "0, 0.5 and 1 h: (0.75 + 1 + 2 x 1.5) / 10",
            ),
        ),
        interval=hours("2030-06-03T18:00", 6, 0.5),
        member=["home 1", "home 2", "home 3"],
        load_kwh=[
            [0.5, 0.25, 0.25],
            [1.0, 1.0, 1.0],
            [2.0, 0.5, 0.5],
            [1.0, 1.0, 0.0],
            [0.0, 0.0, 1.0],
            [0.0, 1.0, 0.0],
        ],
        buy_price=[0.25] * 6,
        request=["dryer", "car", "boiler"],
        request_of=[0, 1, 2],
        request_kwh=[4.0, 3.0, 3.0],
        request_kw=[3.0, 2.0, 2.0],
        earliest=[0, 0, 0],
        latest=[5, 5, 5],
        dt_h=0.5,
    )


def ev_evening() -> SchedulingInstance:
    """A car comes home at 18:00, would like some charge by 22:00 and must have enough at 7:00."""
    t = np.arange(16)  # hours from 16:00 on
    buy = np.where(t < 2, 0.30, np.where(t < 6, 0.40, np.where(t < 14, 0.20, 0.30)))
    buy[10:12] = 0.10
    trip, required, target = np.zeros((16, 1)), np.zeros((17, 1)), np.zeros((17, 1))
    trip[:2], trip[15] = 3.0, 4.0
    required[15], target[6] = 36.0, 28.0
    how = (
        "by hand: the house pays 2 x 0.30 + 4 x 0.40 + 4 x 0.20 + 2 x 0.10 + 2 x 0.20 + 2 x 0.30 = 4.20. The car "
        "arrives with 30 - 6 = 24 kWh and needs 12 more, 15 kWh to be charged: 8 at 0.10 (2 h to 4 h) and 7 at 0.20, "
        "2.20. Each kWh in it by 22:00 would cost 1.25 x (0.40 - 0.20) = 0.25 more, against 0.15 for missing it: all "
        "4 kWh are missed, 0.60. Together 7.00"
    )
    return SchedulingInstance(
        meta=small_meta(
            "ev-evening",
            "An electric car overnight",
            "16 hours from 16:00. The car drives 6 kWh before it is plugged in at 18:00, must have 36 kWh at 7:00 and "
            "drives 4 kWh in the last hour; 28 kWh by 22:00 are wished for at 0.15 per missing kWh. It is charged at "
            "4 kW with a loss of a fifth and never discharged.",
            ("community_cost", 7.0, how),
            ("separate_cost", 7.0, ALONE),
        ),
        interval=hours("2030-06-03T16:00", 16),
        member=["home"],
        load_kwh=np.ones((16, 1)),
        buy_price=buy,
        storage=["car"],
        storage_of=[0],
        capacity_kwh=[40.0],
        charge_kw=[4.0],
        discharge_kw=[0.0],
        charge_efficiency=[0.8],
        initial_kwh=[30.0],
        trip_kwh=trip,
        plugged=((t >= 2) & (t < 15)).astype(int)[:, None],
        required_kwh=required,
        target_kwh=target,
        target_price=[0.15],
        dt_h=1.0,
    )


def demand_charge() -> SchedulingInstance:
    """A workshop that pays for its greatest power: the battery takes from the valley for the peak."""
    return SchedulingInstance(
        meta=small_meta(
            "demand-charge",
            "A charge on the greatest power",
            "Three hours of 1, 5 and 3 kWh at 0.10 per kWh and 1 per kW of the greatest import; a battery of 2 kWh "
            "without losses.",
            (
                "community_cost",
                3.90,
                "by hand: 9 kWh in three hours are 3 kW at best, and 2 kWh moved from the second hour to the first "
                "reach it: 0.90 + 3.00",
            ),
            ("separate_cost", 3.90, ALONE),
            ("peak_cost", 3.0, "by hand: 9 kWh in three hours, 3 kW each"),
        ),
        interval=hours("2030-06-03T08:00", 3),
        member=["workshop"],
        load_kwh=[[1.0], [5.0], [3.0]],
        buy_price=[0.10] * 3,
        storage=["battery"],
        storage_of=[0],
        capacity_kwh=[2.0],
        charge_kw=[2.0],
        discharge_kw=[2.0],
        demand_charge=1.0,
        dt_h=1.0,
    )
