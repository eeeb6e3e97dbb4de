"""Small allocation instances solved by hand, and degenerate ones, each with what is known of its optimum and how."""

from __future__ import annotations

import math

from ..allocation import AllocationInstance
from ..record import KnownValue, Meta

LICENCE = "MIT"
SOURCE = "made by hand for commonwatt"


def _meta(name: str, title: str, description: str, *known: tuple[str, float, str]) -> Meta:
    return Meta(
        name=f"allocation/{name}",
        title=title,
        description=description,
        licence=LICENCE,
        sources=(SOURCE,),
        known=tuple(KnownValue(*one) for one in known),
    )


def three_houses() -> AllocationInstance:
    """Three houses short of 1, 4 and 6 kWh with weights 1, 1, 2, and a roof that has 4 kWh to give."""
    welfare = 1.0 + math.log2(13 / 12) + 2.0 * math.log2(13 / 9)
    return AllocationInstance(
        meta=_meta(
            "three-houses",
            "Three houses and one roof",
            "H = (1, 4, 3). Water rises from 1; house A is full at level 2, house C starts at 3 and house B at 4; "
            "3 kWh are used by then, and the last one is shared 1 : 2, so that L = 13/3 and x = (1, 1/3, 8/3). "
            "In the game-theoretic strategy t = 1 and x = (1, 1, 2).",
            ("social_welfare", welfare, "by hand: x = (1, 1/3, 8/3), 1 + log2(13/12) + 2 log2(13/9)"),
            ("fairness", 4.0, "by hand: x = (1, 1, 2), √1 + √1 + √4"),
            ("fully_served", 1.0, "by hand: after house A 3 kWh are left, less than anybody else needs"),
            ("unique_served", 1.0, "by hand: one interval only"),
            ("grid_import_kwh", 7.0, "by hand: 11 kWh lacking, 4 kWh given"),
            ("pairs", 1.0, "by hand: house B or C alone can take all 4 kWh"),
        ),
        household=["A", "B", "C", "roof"],
        deficiency_kwh=[[1.0, 4.0, 6.0, 0.0]],
        excess_kwh=[[0.0, 0.0, 0.0, 4.0]],
        weight=[1.0, 1.0, 2.0, 1.0],
        size_m2=[40.0, 90.0, 120.0, 100.0],
    )


def two_days() -> AllocationInstance:
    """Two days on which serving the smallest request first serves the same house twice."""
    return AllocationInstance(
        meta=_meta(
            "two-days",
            "Serving everybody once",
            "3 kWh on the first day and 2 kWh on the second, for requests of 2 and 3 kWh each day. House B must be "
            "served on the first day and house A on the second for both to be served once.",
            ("unique_served", 2.0, "by hand: B on day 1 (3 kWh), A on day 2 (2 kWh)"),
            ("fully_served", 2.0, "by hand: one request a day fits, never two (2 + 3 > 3)"),
            ("grid_import_kwh", 5.0, "by hand: 10 kWh lacking, 5 kWh given"),
        ),
        interval=["2030-06-01T00:00Z", "2030-06-02T00:00Z"],
        household=["A", "B", "roof"],
        deficiency_kwh=[[2.0, 3.0, 0.0], [2.0, 3.0, 0.0]],
        excess_kwh=[[0.0, 0.0, 3.0], [0.0, 0.0, 2.0]],
        dt_h=24.0,
    )


def partition() -> AllocationInstance:
    """Three roofs and two houses whose energies match in one way only: the fewest pairs are a partition."""
    return AllocationInstance(
        meta=_meta(
            "partition",
            "The fewest pairs",
            "Roofs of 4, 3 and 2 kWh for houses short of 5 and 4 kWh. Three pairs do it, since 3 + 2 = 5 and 4 = 4; "
            "strategies that serve in sequence take four.",
            ("pairs", 3.0, "by hand: all three roofs have to give, so at least 3; {4 → B, 3 → A, 2 → A} has 3"),
            ("fully_served", 2.0, "by hand: supply equals need"),
            ("grid_import_kwh", 0.0, "by hand: supply equals need"),
            ("social_welfare", 2.0, "by hand: both fully served"),
        ),
        household=["A", "B", "roof 1", "roof 2", "roof 3"],
        deficiency_kwh=[[5.0, 4.0, 0.0, 0.0, 0.0]],
        excess_kwh=[[0.0, 0.0, 4.0, 3.0, 2.0]],
    )


def ties() -> AllocationInstance:
    """Equal heights everywhere, where Algorithm 1 as printed zeroes one weight and forgets the others."""
    return AllocationInstance(
        meta=_meta(
            "ties",
            "Equal heights",
            "E = (1, 2, 3) with weights (1, 2, 3): H = 1 for all. Water-filling and the game-theoretic strategy agree: "
            "x = E/2.",
            ("social_welfare", 6.0 * math.log2(1.5), "by hand: x = E/2, Σ w log2(1.5)"),
            ("fairness", 6.0 / math.sqrt(2.0), "by hand: √(w E/2) = w/√2, summed"),
            ("fully_served", 2.0, "by hand: 1 + 2 = 3 kWh serve the first two"),
        ),
        household=["A", "B", "C", "roof"],
        deficiency_kwh=[[1.0, 2.0, 3.0, 0.0]],
        excess_kwh=[[0.0, 0.0, 0.0, 3.0]],
        weight=[1.0, 2.0, 3.0, 1.0],
    )


def degenerate() -> AllocationInstance:
    """Every degenerate interval in one instance: no surplus, plenty, nobody short, weight 0, just less than enough."""
    return AllocationInstance(
        meta=_meta(
            "degenerate",
            "Degenerate intervals",
            "Interval 1 has no surplus, 2 has more than enough, 3 has surplus but nobody is short, 4 lacks one part in "
            "10⁸ of what is asked, 5 has nobody with either. House C has weight 0 and receives nothing.",
            (
                "fully_served",
                11.0,
                "by hand, by interval: 1 (D lacks nothing), 2 (A and B), 3 (A, B, C lack nothing), 1 (A; B lacks one "
                "part in 10⁸), 4 (nobody lacks anything)",
            ),
        ),
        household=["A", "B", "C", "D"],
        deficiency_kwh=[
            [1.0, 2.0, 1.0, 0.0],
            [1.0, 2.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 0.0],
            [1.0, 2.0, 1.0, 0.0],
            [0.0] * 4,
        ],
        excess_kwh=[
            [0.0] * 4,
            [0.0, 0.0, 0.0, 9.0],
            [0.0, 0.0, 0.0, 3.0],
            [0.0, 0.0, 0.0, 3.0 * (1 - 1e-8)],
            [0.0] * 4,
        ],
        weight=[1.0, 2.0, 0.0, 1.0],
    )


def decades() -> AllocationInstance:
    """Requests over 24 decades, from 10⁻¹² to 10¹² kWh, in one interval."""
    asked = [10.0**power for power in range(-12, 13, 4)]
    return AllocationInstance(
        meta=_meta(
            "decades",
            "Twenty-four decades",
            "Requests of 10⁻¹², 10⁻⁸, … 10¹² kWh and 3 kWh to share. The four smallest are met by the time the fifth, "
            "of 10⁴ kWh, would start.",
            ("fully_served", 4.0, "by hand: 1e-12 + 1e-8 + 1e-4 + 1 < 3, and the next request is 1e4"),
        ),
        deficiency_kwh=[[*asked, 0.0]],
        excess_kwh=[[*[0.0] * len(asked), 3.0]],
    )


def controller_store() -> AllocationInstance:
    """A controller that carries what is left when all are served: 5 kWh to give today, 4 of them needed tomorrow."""
    return AllocationInstance(
        meta=_meta(
            "controller-store",
            "The controller's store",
            "6 kWh of surplus meet a need of 2 kWh; 3 of the 4 kWh left fit into the store and meet the next day's "
            "need of 4 kWh beside that day's surplus of 1 kWh, so that everybody is served.",
            ("fully_served", 2.0, "by hand: A on both days"),
            ("grid_import_kwh", 0.0, "by hand: 6 kWh lacking, 2 + 4 kWh given"),
            ("social_welfare", 2.0, "by hand: fully served on both days"),
        ),
        interval=["2030-06-01T00:00Z", "2030-06-02T00:00Z"],
        household=["A", "roof"],
        deficiency_kwh=[[2.0, 0.0], [4.0, 0.0]],
        excess_kwh=[[0.0, 6.0], [0.0, 1.0]],
        leftover="store",
        store_kwh=3.0,
        dt_h=24.0,
    )


SMALL = (three_houses, two_days, partition, ties, degenerate, decades, controller_store)
"""Makers of the small instances, in the order in which they are shipped."""
