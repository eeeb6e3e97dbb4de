"""Small scheduling instances solved by hand whose point is a limit, a failure, an odd price or a degenerate case."""

from __future__ import annotations

from ..scheduling import SchedulingInstance
from .small_scheduling import (
    ALONE,
    demand_charge,
    ev_evening,
    hours,
    household_day,
    office_day,
    peak_street,
    small_meta,
    two_neighbours,
)


def export_cap() -> SchedulingInstance:
    """A surplus that the connection cannot take: a linear program burns it in the battery, which no battery can."""
    how = (
        "by hand: of 2 kWh in the first hour 1 must be charged (content 0.8), of 2 kWh in the second the boiler takes "
        "0.75 and 0.25 must be charged, which fills the battery to 1. So 1 kWh is exported in each hour, -0.30, and "
        "0.2 kWh are missing after the first, 0.5 x 0.2 = 0.10. (The linear program charges 1.25 first and burns "
        "0.25 in the second hour by charging and discharging at once: -0.275.)"
    )
    return SchedulingInstance(
        meta=small_meta(
            "export-cap",
            "More surplus than the connection takes",
            "Surplus of 2, 2 and 1 kWh, an export limit of 1 kW, nothing may be spilled; a battery of 1 kWh and 2 kW "
            "with efficiencies of 0.8, and a boiler for 0.75 kWh in the second or third hour. A full battery is wished "
            "for after the first hour. Without the boiler there is no schedule at all, though a linear program that "
            "charges and discharges at once finds one.",
            ("community_cost", -0.20, how),
            ("separate_cost", -0.20, ALONE),
        ),
        interval=hours("2030-06-03T11:00", 3),
        member=["farm"],
        load_kwh=[[0.0]] * 3,
        generation_kwh=[[2.0], [2.0], [1.0]],
        buy_price=[0.30] * 3,
        sell_price=[0.10] * 3,
        storage=["battery"],
        storage_of=[0],
        capacity_kwh=[1.0],
        charge_kw=[2.0],
        discharge_kw=[2.0],
        charge_efficiency=[0.8],
        discharge_efficiency=[0.8],
        target_kwh=[[0.0], [1.0], [0.0], [0.0]],
        target_price=[0.5],
        request=["boiler"],
        request_of=[0],
        request_kwh=[0.75],
        request_kw=[0.75],
        earliest=[1],
        latest=[2],
        export_limit_kw=[1.0] * 3,
        spill="forbidden",
        dt_h=1.0,
    )


def negative_prices() -> SchedulingInstance:
    """Two hours of negative prices: sun is spilled, and the battery makes room for the better one of them."""
    how = (
        "by hand: all sun is spilled. In the second hour 2 kWh are charged for 0.10 each, which needs room for 1.6 "
        "kWh: 0.6 of the 1 kWh in store have to leave in the first hour, though that forgoes 0.05 each. First hour "
        "(1 - 0.6) x -0.05 = -0.02, second 3 x -0.10 = -0.30; the full battery (2 kWh) serves the last two hours. "
        "Idling first would earn 0.05 + 0.225 only"
    )
    return SchedulingInstance(
        meta=small_meta(
            "negative-prices",
            "Two hours of negative prices",
            "Prices -0.05, -0.10, 0.20 and 0.30; 1 kWh of load an hour, 2 kWh of sun in the first two hours, a battery "
            "of 2 kWh and 2 kW that holds 1 kWh and loses a fifth of what is charged. Burning energy by charging and "
            "discharging at once would pay, and is impossible.",
            ("community_cost", -0.32, how),
            ("separate_cost", -0.32, ALONE),
        ),
        interval=hours("2030-06-02T12:00", 4),
        member=["home"],
        load_kwh=[[1.0]] * 4,
        generation_kwh=[[2.0], [2.0], [0.0], [0.0]],
        buy_price=[-0.05, -0.10, 0.20, 0.30],
        sell_price=[-0.05, -0.10, 0.05, 0.05],
        storage=["battery"],
        storage_of=[0],
        capacity_kwh=[2.0],
        charge_kw=[2.0],
        discharge_kw=[2.0],
        charge_efficiency=[0.8],
        initial_kwh=[1.0],
        dt_h=1.0,
    )


def sell_above_buy() -> SchedulingInstance:
    """An hour in which selling brings more than buying costs: importing and exporting at once would pay."""
    return SchedulingInstance(
        meta=small_meta(
            "sell-above-buy",
            "Selling dearer than buying",
            "Three hours of 1 kWh of load. Buying costs 0.10, 0.20 and 0.15, selling brings 0.05, 0.30 and 0.05; "
            "import and export are limited to 5 kW. A battery of 4 kWh and 3 kW without losses holds 1 kWh.",
            (
                "community_cost",
                -0.20,
                "by hand: 4 kWh are bought at 0.10, 3 of them charged (content 4); 3 kWh discharged in the second "
                "hour, all that the power allows, export 2 at 0.30; the last kWh serves the third hour. 0.40 - 0.60",
            ),
            ("separate_cost", -0.20, ALONE),
        ),
        interval=hours("2030-06-03T17:00", 3),
        member=["home"],
        load_kwh=[[1.0]] * 3,
        buy_price=[0.10, 0.20, 0.15],
        sell_price=[0.05, 0.30, 0.05],
        storage=["battery"],
        storage_of=[0],
        capacity_kwh=[4.0],
        charge_kw=[3.0],
        discharge_kw=[3.0],
        initial_kwh=[1.0],
        import_limit_kw=[5.0] * 3,
        export_limit_kw=[5.0] * 3,
        dt_h=1.0,
    )


def island() -> SchedulingInstance:
    """Three hours without grid: critical load first, the shop is curtailed, and a little is lost all the same."""
    how = (
        "by hand: in the first hour the battery is filled (3 kWh) beside 3.5 kWh of load, 6.5 x 0.30 = 1.95. During "
        "the outage 4 kWh in store and 1 kWh of sun meet 6 kWh of critical load: 1 kWh is lost at 10, and the shop's "
        "4.5 kWh are curtailed at 1. In the last hour 3.5 x 0.30 = 1.05. Together 1.95 + 10 + 4.5 + 1.05 = 17.50"
    )
    return SchedulingInstance(
        meta=small_meta(
            "island",
            "Three hours without the grid",
            "A clinic with 2 kWh an hour of critical load and a shop with 1.5 kWh that may be curtailed at 1 per kWh; "
            "lost load costs 10 per kWh. The grid is away in hours 2 to 4. A battery of 4 kWh and 3 kW without losses "
            "holds 1 kWh; the sun gives 1 kWh in the third hour.",
            ("community_cost", 17.50, how),
        ),
        interval=hours("2030-06-03T09:00", 5),
        member=["clinic", "shop"],
        load_kwh=[[2.0, 1.5]] * 5,
        generation_kwh=[[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
        buy_price=[0.30] * 5,
        storage=["battery"],
        storage_of=[0],
        capacity_kwh=[4.0],
        charge_kw=[3.0],
        discharge_kw=[3.0],
        initial_kwh=[1.0],
        curtailable_kwh=[[0.0, 1.5]] * 5,
        curtailment_price=[0.0, 1.0],
        import_limit_kw=[10.0, 0.0, 0.0, 0.0, 10.0],
        lost_load="priced",
        lost_load_price=10.0,
        dt_h=1.0,
    )


def node_failure() -> SchedulingInstance:
    """One member's node fails for two hours: it lives on what its battery holds, its neighbour goes on."""
    return SchedulingInstance(
        meta=small_meta(
            "node-failure",
            "A node fails",
            "Five hours of 1 kWh for each of two members; buying costs 0.30, selling brings 0.10, lost load costs 5. "
            "Ann has 3 kWh of sun in the second hour, Ben a battery of 1 kWh; Ben's node fails in hours 3 and 4.",
            (
                "community_cost",
                6.80,
                "by hand: 2 x 0.30 first; Ann's surplus of 2 kWh then meets Ben's load and fills his battery, 0; Ben "
                "has 1 kWh for two hours and loses 1 kWh, 5, while Ann buys 2 x 0.30; 2 x 0.30 at last",
            ),
            (
                "separate_cost",
                7.20,
                "by hand: Ann 0.30 - 0.20 + 3 x 0.30 = 1.00; Ben buys 1 kWh in hours 1, 2 and 5 and one more for his "
                "battery, 4 x 0.30, and loses 1 kWh: 6.20",
            ),
        ),
        interval=hours("2030-06-03T11:00", 5),
        member=["Ann", "Ben"],
        load_kwh=[[1.0, 1.0]] * 5,
        generation_kwh=[[0.0, 0.0], [3.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
        buy_price=[0.30] * 5,
        sell_price=[0.10] * 5,
        storage=["Ben's battery"],
        storage_of=[1],
        capacity_kwh=[1.0],
        charge_kw=[1.0],
        discharge_kw=[1.0],
        connected=[[1, 1], [1, 1], [1, 0], [1, 0], [1, 1]],
        lost_load="priced",
        lost_load_price=5.0,
        dt_h=1.0,
    )


def degenerate() -> SchedulingInstance:
    """A store without capacity, one without power, a member without load, a request for nothing, a price of 0."""
    return SchedulingInstance(
        meta=small_meta(
            "degenerate",
            "Degenerate parts",
            "A storage without capacity, one without power that loses half of its content from hour to hour, a member "
            "without load, an hour without any, a request for nothing and a price of 0: nothing can be decided.",
            ("community_cost", 0.80, "by hand: 1 kWh at 0.20 and 2 kWh at 0.30"),
            ("separate_cost", 0.80, "by hand: the other member neither uses nor generates anything"),
            ("peak_cost", 2.0, "by hand: 2 kWh in the last hour, 2 kW"),
        ),
        interval=hours("2030-06-03T00:00", 3),
        member=["home", "empty home"],
        load_kwh=[[1.0, 0.0], [0.0, 0.0], [2.0, 0.0]],
        buy_price=[0.20, 0.0, 0.30],
        storage=["no capacity", "no power"],
        storage_of=[0, 1],
        capacity_kwh=[0.0, 5.0],
        charge_kw=[1.0, 0.0],
        discharge_kw=[1.0, 0.0],
        retention=[1.0, 0.5],
        initial_kwh=[0.0, 2.0],
        request=["nothing"],
        request_of=[0],
        request_kwh=[0.0],
        request_kw=[1.0],
        earliest=[1],
        latest=[1],
        dt_h=1.0,
    )


def one_interval() -> SchedulingInstance:
    """One quarter of an hour of one member that has nothing to decide."""
    return SchedulingInstance(
        meta=small_meta(
            "one-interval",
            "One quarter of an hour",
            "A load of 2 kWh and 0.5 kWh of sun in one quarter of an hour at 0.20 per kWh, without any storage.",
            ("community_cost", 0.30, "by hand: 1.5 kWh at 0.20"),
            ("separate_cost", 0.30, ALONE),
            ("peak_cost", 6.0, "by hand: 1.5 kWh in a quarter of an hour, 6 kW"),
        ),
        interval=hours("2030-06-03T12:00", 1),
        member=["home"],
        load_kwh=[[2.0]],
        generation_kwh=[[0.5]],
        buy_price=[0.20],
        dt_h=0.25,
    )


SMALL = (
    office_day,
    household_day,
    two_neighbours,
    peak_street,
    ev_evening,
    demand_charge,
    export_cap,
    negative_prices,
    sell_above_buy,
    island,
    node_failure,
    degenerate,
    one_interval,
)
"""Makers of the small instances, in the order in which they are shipped."""
