"""Small portfolios, solved by hand, each with what is known of it and how."""

from __future__ import annotations

from ..portfolio import PortfolioInstance
from ..record import KnownValue, Meta

Known = tuple[str, float, str]


def _meta(name: str, title: str, description: str, *known: Known) -> Meta:
    return Meta(
        name=f"aggregator/{name}",
        title=title,
        description=description,
        licence="MIT",
        sources=("made by hand for commonwatt",),
        known=tuple(KnownValue(*one) for one in known),
    )


def four_skies(risk_weight: float = 0.0) -> PortfolioInstance:
    """A roof under four skies, an hour: the newsvendor's quantile."""
    value, how = 0.175, "by hand: 2 kWh are the quantile (0.10 - 0.05) / (0.20 - 0.05); 0.20 + 0.075 - 0.10"
    name, title = "four-skies", "A roof under four skies"
    text = (
        "0, 2, 4 or 6 kW with equal chances, sold a day ahead at 0.10; surplus earns 0.05, what is missing costs 0.20."
    )
    if risk_weight == 1.0:
        value, how = (
            0.05,
            "by hand: whatever is offered is missing under the first sky; offering nothing earns 0 and 0.10",
        )
        name, title = "four-skies-worst-half", "A roof under four skies, judged by the worse half"
        text += " Only the mean of the worse half counts."
    return PortfolioInstance(
        meta=_meta(name, title, text, ("risk_adjusted_profit", value, how)),
        interval=["2030-06-03T12:00Z"],
        scenario=["overcast", "cloudy", "fair", "clear"],
        member=["roof"],
        load_kw=[[[0.0]]] * 4,
        generation_kw=[[[0.0]], [[2.0]], [[4.0]], [[6.0]]],
        day_ahead_price=[0.1],
        day_ahead_limit_kw=10.0,
        short_price=[[0.2]] * 4,
        long_price=[[0.05]] * 4,
        risk_weight=risk_weight,
        tail=0.5,
        reserve_block_h=1.0,
        dt_h=1.0,
    )


def worst_half() -> PortfolioInstance:
    """The same roof, judged by the worse half of skies."""
    return four_skies(1.0)


def full_and_empty() -> PortfolioInstance:
    """A full battery and an empty one: together they promise what neither can keep."""
    return PortfolioInstance(
        meta=_meta(
            "full-and-empty",
            "A full battery and an empty one",
            "Half an hour. The full one must stay full, charging the empty one costs more than reserve earns: 2 kW can "
            "be promised. Added up, power and content would seem to allow 4 kW.",
            ("risk_adjusted_profit", 0.1, "by hand: 2 kW for half an hour at 0.10"),
        ),
        interval=["2030-06-03T18:00Z"],
        scenario=["evening"],
        member=["first", "second"],
        load_kw=[[[0.0, 0.0]]],
        storage=["full", "empty"],
        storage_of=[0, 1],
        capacity_kwh=[2.0, 2.0],
        initial_kwh=[2.0, 0.0],
        charge_kw=[2.0, 2.0],
        discharge_kw=[2.0, 2.0],
        target_kwh=[[[0.0, 0.0], [2.0, 0.0]]],
        target_price=[1.0, 0.0],
        day_ahead_price=[0.3],
        day_ahead_limit_kw=10.0,
        day_ahead_block_h=0.5,
        reserve_block_h=0.5,
        imbalance="single",
        short_price=[[0.3]],
        long_price=[[0.3]],
        up_reserve_price=[0.1],
        reserve_limit_kw=10.0,
        response_h=0.5,
        room_price=1.0,
        dt_h=0.5,
    )


def cheap_then_dear() -> PortfolioInstance:
    """A battery between a cheap half-hour and a dear one, with losses and a fee."""
    return PortfolioInstance(
        meta=_meta(
            "cheap-then-dear",
            "A battery, a cheap half-hour and a dear one",
            "2 kWh of content, 90 % each way: 2.222 kWh bought at 0.10, 1.8 sold at 0.30, of which the home has 0.02.",
            (
                "risk_adjusted_profit",
                1.8 * 0.28 - 0.1 * 2 / 0.9,
                "by hand: 1.8 x (0.30 - 0.02) - 2.222 x 0.10; imbalance is dearer than the day-ahead market",
            ),
        ),
        interval=["2030-06-03T03:00Z", "2030-06-03T03:30Z"],
        scenario=["night"],
        member=["home"],
        load_kw=[[[0.0], [0.0]]],
        storage=["battery"],
        storage_of=[0],
        capacity_kwh=[2.0],
        charge_kw=[5.0],
        discharge_kw=[5.0],
        charge_efficiency=[0.9],
        discharge_efficiency=[0.9],
        flexibility_fee=[0.02],
        day_ahead_price=[0.1, 0.3],
        day_ahead_limit_kw=10.0,
        day_ahead_block_h=0.5,
        reserve_block_h=1.0,
        short_price=[[0.5, 0.5]],
        long_price=[[0.0, 0.0]],
        dt_h=0.5,
    )


def called_or_not() -> PortfolioInstance:
    """A vehicle offered to the balancing mechanism: paid only where it is called, and home full for the morning."""
    return PortfolioInstance(
        meta=_meta(
            "called-or-not",
            "A vehicle that is called, or not",
            "Two scenarios of equal chance, two hours. At home first with 5 kWh, it drives 3 kWh in the second hour. "
            "Where the balancing mechanism accepts, 2 kWh that the trip leaves earn 0.50 each; where it does not, they "
            "are worth the 0.20 of the surplus.",
            ("risk_adjusted_profit", 0.7, "by hand: (2 x 0.50 + 2 x 0.20) / 2"),
        ),
        interval=["2030-06-03T05:00Z", "2030-06-03T06:00Z"],
        scenario=["called", "quiet"],
        member=["home"],
        load_kw=[[[0.0], [0.0]]] * 2,
        storage=["vehicle"],
        storage_of=[0],
        capacity_kwh=[10.0],
        initial_kwh=[5.0],
        charge_kw=[7.0],
        discharge_kw=[7.0],
        plugged=[[[1], [0]]] * 2,
        trip_kwh=[[[0.0], [3.0]]] * 2,
        rapid_price=0.6,
        day_ahead_price=[0.2, 0.2],
        day_ahead_limit_kw=0.0,
        reserve_block_h=2.0,
        imbalance="single",
        short_price=[[0.2, 0.2]] * 2,
        long_price=[[0.2, 0.2]] * 2,
        up_price=[[0.5, 0.5]] * 2,
        down_price=[[0.6, 0.6]] * 2,
        up_accepted=[[1, 0], [0, 0]],
        balancing_limit_kw=2.0,
        response_h=1.0,
        room_price=0.1,
        dt_h=1.0,
    )


def many_markets() -> PortfolioInstance:
    """A wind turbine that is sure to turn, and markets that each take a little: the merit order."""
    return PortfolioInstance(
        meta=_meta(
            "many-markets",
            "A turbine and many markets",
            "10 and 3 kW for half an hour each. Day ahead 4 kW at 0.20 and 0.25, reserve 5 kW at 0.30 and 0.05, within "
            "the day 2 kW at 0.15 and 0.20, the rest as surplus at 0.05.",
            (
                "risk_adjusted_profit",
                0.5 * (5 * 0.30 + 4 * 0.20 + 1 * 0.15) + 0.5 * 3 * 0.25,
                "by hand: first 5 kW in reserve, 4 day ahead, 1 within the day; then 3 day ahead",
            ),
        ),
        interval=["2030-06-03T12:00Z", "2030-06-03T12:30Z"],
        scenario=["wind"],
        member=["turbine"],
        load_kw=[[[0.0], [0.0]]],
        generation_kw=[[[10.0], [3.0]]],
        day_ahead_price=[0.2, 0.25],
        day_ahead_limit_kw=4.0,
        day_ahead_block_h=0.5,
        reserve_block_h=0.5,
        intraday_sale_price=[[0.15, 0.2]],
        intraday_purchase_price=[[0.4, 0.4]],
        intraday_limit_kw=2.0,
        short_price=[[0.5, 0.5]],
        long_price=[[0.05, 0.05]],
        up_reserve_price=[0.3, 0.05],
        reserve_limit_kw=5.0,
        dt_h=0.5,
    )


SMALL = (four_skies, worst_half, full_and_empty, cheap_then_dear, called_or_not, many_markets)
"""Makers of the small portfolios."""
