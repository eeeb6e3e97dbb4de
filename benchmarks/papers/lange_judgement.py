"""How a printed result is judged: cases that hold or not, what counts as about, and when nothing can be judged.

A claim is split into cases; it holds ("yes") if all do, it does not ("no") if none does, else it "depends". What cannot
be judged here says so ("not judged"): levels, since the paper's records are not public and its units contradict each
other, and what follows from data that are generated without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HOLDS = ("yes", "no", "depends", "not judged")

PRINTED_RATIO = (200.5 / 125.0, 300.5 / 125.0)
"""Of storage use with sharing to that without: the units contradict each other, the ratio has none."""

SAVING, GAIN = 0.08, 0.05
ABOUT = 0.25
"""How far, relatively, "about" may be off."""

SLIGHT = 1e-9
"""Relative difference that counts as none."""


@dataclass(frozen=True)
class Judgement:
    """What is found, the cases of a claim (empty where it is not judged), and why it does not hold or is not judged."""

    found: str
    cases: dict[str, bool] = field(default_factory=dict)
    why: str = ""
    verdict: str = ""

    @property
    def holds(self) -> str:
        """One of :data:`HOLDS`."""
        if self.verdict:
            return self.verdict
        held = list(self.cases.values())
        return "yes" if held and all(held) else "depends" if any(held) else "no"


def about(value: float, printed: float) -> bool:
    """Whether a number is about what is printed."""
    return abs(value - printed) <= ABOUT * printed


def percent(value: float) -> str:
    """A share in percent, as texts show it."""
    return f"{100 * value:.1f} %"
