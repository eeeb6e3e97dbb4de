"""What instances with scenarios and blocks share: chances that add up, blocks of whole intervals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .errors import Fault
from .fields import readonly


def faults_of_chances(probability: np.ndarray | None) -> Iterator[Fault]:
    """Yield what is wrong with probabilities of scenarios, (S,), None where they are equal."""
    if probability is not None and abs(probability.sum() - 1.0) > 1e-9:
        found = f"{probability.sum():g}"
        yield Fault("scenario", "probability", "", found, "is the sum, which must be 1", "divide all by the sum")


def chances(probability: np.ndarray | None, scenarios: int) -> np.ndarray:
    """Probability of each scenario, (S,), equal unless given."""
    return readonly(np.full(scenarios, 1.0 / scenarios)) if probability is None else np.asarray(probability)


def faults_of_block(name: str, hours: float, dt_h: float) -> Iterator[Fault]:
    """Yield what is wrong with the length of blocks, a setting of that name, for intervals of dt_h."""
    steps = hours / dt_h
    if steps < 1 or abs(steps - round(steps)) > 1e-9:
        message = f"is no whole number of intervals of {dt_h:g} h"
        yield Fault("settings", name, "", f"{hours:g}", message, "give a multiple of dt_h")


def blocks(intervals: int, hours: float, dt_h: float) -> np.ndarray:
    """Block that each interval belongs to, (T,) whole numbers, for blocks of a length."""
    return readonly(np.arange(intervals) // round(hours / dt_h))
