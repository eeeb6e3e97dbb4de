"""Small settlement instances solved by hand, each with what is known of its games and how."""

from __future__ import annotations

from typing import Any

from ..record import KnownValue, Meta
from ..settlement import SettlementInstance

RETAIL, FEED_IN = 0.30, 0.05
"""EUR/kWh of the grid; what stays inside saves the difference of 0.25."""

CORE = "no group can do better at the dual price, and none can be asked to do better than nothing (Owen)"


def _game(name: str, title: str, description: str, net: list[list[float]], **fields: Any) -> SettlementInstance:
    known = tuple(KnownValue(*one) for one in fields.pop("known"))
    meta = Meta(
        name=f"settlement/{name}",
        title=title,
        description=description,
        licence="MIT",
        sources=("made by hand for commonwatt",),
        known=known,
    )
    steps = len(net)
    fields.setdefault("retail_price", [RETAIL] * steps)
    fields.setdefault("feed_in_price", [FEED_IN] * steps)
    fields.setdefault("interval", [f"2030-06-03T{10 + t}:00Z" for t in range(steps)])
    return SettlementInstance.from_net(net, meta=meta, **fields)


def short_noon() -> SettlementInstance:
    """Two sellers before three buyers who need more: the core is one point, and no common rule meets it."""
    return _game(
        "short-noon",
        "Sellers that nobody can do without",
        "Two roofs have 3 and 2 kWh to give, three homes need 4 each. Whoever of the homes is left out, the others "
        "still need more than there is: so the sellers can ask for all that sharing saves, and the homes save nothing.",
        [[-3.0, -2.0, 4.0, 4.0, 4.0]],
        member=["roof A", "roof B", "home A", "home B", "home C"],
        known=[
            ("core_excess", 0.0, CORE),
            ("least_excess", 0.0, "by hand: the core is the point where sellers get 0.25 a kWh and buyers save 0"),
            ("community_cost", 2.10, "by hand: 7 kWh from the grid at 0.30"),
            ("shapley_distance", 0.0, "by definition"),
        ],
    )


def long_noon() -> SettlementInstance:
    """The same the other way round: too much to give, so the buyers take the gain, and SDR prices are the core."""
    return _game(
        "long-noon",
        "Buyers that nobody can do without",
        "Three roofs have 4 kWh each to give, two homes need 3 and 2. SDR prices, both at 0.05, are Owen's.",
        [[-4.0, -4.0, -4.0, 3.0, 2.0]],
        member=["roof A", "roof B", "roof C", "home A", "home B"],
        known=[
            ("core_excess", 0.0, CORE),
            ("least_excess", 0.0, "by hand: the core is the point where buyers save 0.25 a kWh and sellers gain 0"),
            ("community_cost", -0.35, "by hand: 7 kWh to the grid at 0.05"),
            ("shapley_distance", 0.0, "by definition"),
        ],
    )


def balanced_noon() -> SettlementInstance:
    """As much to give as is needed: the middle price, the Shapley value and the nucleolus are the same bills."""
    return _game(
        "balanced-noon",
        "As much as is needed",
        "Two roofs have 3 and 2 kWh to give, two homes need 4 and 1: nothing comes from the grid. Every price between "
        "0.05 and 0.30 is a dual; at the middle bills are those of the Shapley value and of the nucleolus.",
        [[-3.0, -2.0, 4.0, 1.0]],
        member=["roof A", "roof B", "home A", "home B"],
        known=[
            ("core_excess", 0.0, CORE),
            (
                "least_excess",
                -0.125,
                "by hand: home B and all others without it each pay 0.125 less than by themselves at the middle price; "
                "the two excesses add up to -0.25 for any bills",
            ),
            ("community_cost", 0.0, "by hand: nothing is bought or sold"),
            ("shapley_distance", 0.0, "by definition"),
        ],
    )


def two_neighbours() -> SettlementInstance:
    """One gives, one needs: whatever treats both alike halves the gain, SDR and bill sharing do not."""
    return _game(
        "two-neighbours",
        "A roof and a home",
        "The roof has 1 kWh to give, the home needs 2: sharing saves 0.25. The middle price, the Shapley value "
        "and the nucleolus give half to each, SDR a seventh to the roof, and bill sharing takes 0.05 from it.",
        [[-1.0, 2.0]],
        member=["roof", "home"],
        known=[
            ("core_excess", 0.0, CORE),
            (
                "least_excess",
                -0.125,
                "by hand: the two excesses add up to -0.25, so the greater is least where both are",
            ),
            ("worst_saving", 0.125, "by hand: half of the gain of 0.25 each"),
            ("community_cost", 0.30, "by hand: 1 kWh from the grid"),
            ("shapley_distance", 0.0, "by definition"),
        ],
    )


def odd_hours() -> SettlementInstance:
    """Hours in which a formula has a quotient of zeros or a pole: nobody sells, nobody buys, nobody trades."""
    return _game(
        "odd-hours",
        "Hours that a formula has no word for",
        "Nobody sells; nobody buys; nobody trades; exactly as much to give as needed; a feed-in price of 0; a negative "
        "one; no difference between the grid's prices. Each has a price by convention and is named in the result.",
        [[1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [2.0, -2.0], [2.0, -1.0], [2.0, -1.0], [3.0, -1.0]],
        member=["home", "neighbour"],
        retail_price=[0.30, 0.30, 0.30, 0.30, 0.30, 0.30, 0.20],
        feed_in_price=[0.05, 0.05, 0.05, 0.05, 0.00, -0.10, 0.20],
        known=[
            ("core_excess", 0.0, CORE),
            ("community_cost", 1.75, "by hand: 0.90 - 0.15 + 0 + 0 + 0.30 + 0.30 + 0.40"),
            (
                "worst_saving",
                0.60,
                "by hand: sharing saves 0.50 + 0.30 + 0.40 = 1.20 in the fourth to sixth hour, half of it for each",
            ),
            ("shapley_distance", 0.0, "by definition"),
        ],
    )


SMALL = (short_noon, long_noon, balanced_noon, two_neighbours, odd_hours)
