"""The slips of Algorithms 1 and 2 of Kouvelas et al., each with the smallest instance that shows it.

Source: Kouvelas, Venkatesha Prasad and Nambi, *Efficient power sharing at the edge by building a tangible micro-grid
- the Texas case*, section IV-B. :mod:`.printed_allocation` runs the algorithms with any of these slips repaired.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Erratum:
    """One slip of a printed algorithm, and the smallest instance that shows it (all other slips repaired).

    Attributes
    ----------
    identifier : str
        Name of the slip, as taken by ``repaired``.
    algorithm : {"game_theoretic", "water_filling"}
        Algorithm 1 or 2.
    line : str
        Line or lines of the algorithm.
    printed, consequence, correction : str
        What stands there, what it does to the instance below, and what should stand there.
    deficiency_kwh, weight : tuple of float
        Instance: one entry per consumer.
    supply_kwh : float
        Pooled excess of the instance (kWh).
    """

    identifier: str
    algorithm: str
    line: str
    printed: str
    consequence: str
    correction: str
    deficiency_kwh: tuple[float, ...]
    weight: tuple[float, ...]
    supply_kwh: float


ERRATA: tuple[Erratum, ...] = (
    Erratum(
        "gt_12_negative_heights",
        "game_theoretic",
        "12 (and 5, 6)",
        "H <- H - min(H)nz for every consumer",
        "Heights of served consumers turn negative; then their sum ends the loop too early (here 1 kWh is not given "
        "though it is there and asked for), or a negative height is the smallest and energy is taken back, for ever.",
        "Lower positive heights only.",
        (3.0, 5.0, 6.0),
        (1.0, 1.0, 1.0),
        14.0,
    ),
    Erratum(
        "gt_11_ties",
        "game_theoretic",
        "10-11",
        "the weight of the one consumer with min(H)nz becomes 0",
        "Of several consumers with the same height all but one keep their weight and go on receiving once served.",
        "Set the weight of every consumer with H = min(H)nz to 0.",
        (1.0, 1.0, 3.0),
        (1.0, 1.0, 1.0),
        5.0,
    ),
    Erratum(
        "gt_4_zero_deficiency",
        "game_theoretic",
        "4 (and 7, 8, 15)",
        "a consumer with Ea = 0 has H = 0 and keeps its weight",
        "A consumer that asks for nothing counts in every sum of weights and receives energy.",
        "Set w <- 0 where H = 0 before the loop.",
        (0.0, 2.0),
        (1.0, 1.0),
        2.0,
    ),
    Erratum(
        "gt_4_zero_by_zero",
        "game_theoretic",
        "4",
        "H = Ea/w with Ea = 0 and w = 0",
        "H is 0/0, the sum of heights is no number, and the loop never begins: nobody receives anything.",
        "Set H = 0 where w = 0.",
        (0.0, 1.0),
        (0.0, 1.0),
        1.0,
    ),
    Erratum(
        "gt_4_zero_weight",
        "game_theoretic",
        "4",
        "H = Ea/w with Ea > 0 and w = 0",
        "H is infinite, the loop cannot end by serving everyone, and line 14 divides 0 by 0: all receive NaN.",
        "Set H = 0 where w = 0.",
        (1.0, 1.0),
        (0.0, 1.0),
        1.0,
    ),
    Erratum(
        "gt_15_excess",
        "game_theoretic",
        "14-16",
        "the else branch gives the excess away but does not lower it",
        "Energy that was given still stands in the books (and Algorithm 2 gives it again).",
        "Set the excess to 0 before the break.",
        (2.0,),
        (1.0,),
        1.0,
    ),
    Erratum(
        "gt_8_energy_given",
        "game_theoretic",
        "8 and 15",
        "Ea <- Ea - min(H)nz w; Eg is never assigned",
        "When the algorithm ends Ea is what is missing, so that the metric ER = Eg/Ea of section V is 1/0 for a "
        "consumer that is fully served.",
        "Keep Ea and accumulate Eg <- Eg + min(H)nz w.",
        (1.0,),
        (1.0,),
        1.0,
    ),
    Erratum(
        "gt_18_surplus",
        "game_theoretic",
        "18 (and 2)",
        "nothing is said about excess that is left when all are served",
        "Line 2 overwrites it at the next interval: 2 kWh vanish from the books.",
        "Hand the surplus on (to the grid, or to the controller's store).",
        (1.0,),
        (1.0,),
        3.0,
    ),
    Erratum(
        "wf_4_sorting",
        "water_filling",
        "4",
        "the heights are put in ascending order, w and Ea are not",
        "Heights meet the weights and deficiencies of other consumers: here the wrong one is served.",
        "Permute w and Ea with H, and permute back at the end.",
        (4.0, 2.0),
        (1.0, 1.0),
        2.0,
    ),
    Erratum(
        "wf_8_weights",
        "water_filling",
        "8 (Algorithm 1, line 11)",
        "Algorithm 1 sets weights to 0 and is performed again and again",
        "A consumer that reached one target receives nothing towards the next one.",
        "Restore the weights of step 1 at each call.",
        (4.0, 6.0),
        (1.0, 1.0),
        10.0,
    ),
    Erratum(
        "wf_13_full_heights",
        "water_filling",
        "13 (and 7)",
        "H <- H + h, whatever was delivered; no test of the energy left",
        "When energy has run out heights still rise to 2 Hini, and everyone is withdrawn as fully covered.",
        "Raise H by what was delivered, and stop when the energy has run out.",
        (2.0,),
        (1.0,),
        1.0,
    ),
    Erratum(
        "wf_14_equality",
        "water_filling",
        "14 and 18",
        "H_k = 2 Hini_k and H_l = H_{l+1} are compared as floating-point numbers",
        "Harmless as printed, since H + h is exact there (Sterbenz); but once line 13 adds what was delivered, Eg/w, "
        "rounding makes the first consumer overshoot the second, and both wait for ever.",
        "Assign the target that was reached instead of adding up to it.",
        (1.1, 0.4),
        (3.0, 1.0),
        2.0,
    ),
)
"""All known slips of both algorithms."""

ALL_ERRATA = frozenset(row.identifier for row in ERRATA)
"""Their identifiers: with all of them repaired both algorithms compute their closed forms."""
