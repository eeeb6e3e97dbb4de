"""How an answer stands."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How an answer stands; the text of a member is what tables and files show."""

    OPTIMAL = "optimal"
    """Feasible by the rules, and no better value is possible by a proved bound."""
    FEASIBLE = "feasible"
    """Feasible by the rules; nothing is proved about its value."""
    TIME_LIMIT = "time limit"
    """Stopped by its time limit; the decision is the best one found by then."""
    VIOLATED = "violated"
    """A decision that breaks rules of the instance."""
    INFEASIBLE = "infeasible"
    """No decision satisfies the instance."""
    UNBOUNDED = "unbounded"
    """The program has no finite optimum, so it is wrongly stated."""
    ERROR = "error"
    """The solver failed; nothing it left behind was read."""
    NOT_APPLICABLE = "not applicable"
    """The instance lies outside the method's premise."""
    TOO_LARGE = "not run: size"
    """Beyond the size up to which the method is known to finish within a minute."""
