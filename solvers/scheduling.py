"""The menu of scheduling: every method on one page, with its claim.

Source: Lange, section "Cloud-based optimization workflow" and ``docs/mathematics/scheduling.md``.
"""

from __future__ import annotations

from ..instances.scheduling import SchedulingInstance
from .method import Answer, method

PROGRAM_CELLS = 20_000


@method("scheduling", kind="program", exact_for={"community_cost"}, size_limit=PROGRAM_CELLS)
def community_program(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least cost of the community behind one meter, as declared in Pyomo (HiGHS); integer only where it must be."""
    from .scheduling_programs import run_community_cost

    return run_community_cost(instance, time_limit_s=time_limit_s)


@method("scheduling", kind="program", exact_for={"separate_cost"}, size_limit=PROGRAM_CELLS)
def separate_program(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least cost of each member alone behind a meter of its own, as declared in Pyomo (HiGHS)."""
    from .scheduling_programs import run_separate_cost

    return run_separate_cost(instance, time_limit_s=time_limit_s)


@method("scheduling", kind="program", exact_for={"peak_cost"}, size_limit=PROGRAM_CELLS)
def peak_program(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least import peak of the community, as declared in Pyomo (HiGHS)."""
    from .scheduling_programs import run_peak_cost

    return run_peak_cost(instance, time_limit_s=time_limit_s)
