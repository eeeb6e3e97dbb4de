"""The menu of responsive loads: every method on one page, with its claim.

Source: Liu et al., IEEE TPWRS 32(5), 2017. The mathematics: ``docs/mathematics/responsive.md``.
"""

from __future__ import annotations

from ..instances.responsive import ResponsiveInstance
from .method import Answer, Claims, method

PROGRAM_CELLS = 100_000
"""Cells up to which the program is known to end within a minute."""


@method("settlement.responsive", kind="program", exact_for={"social_cost"}, size_limit=PROGRAM_CELLS)
def social_program(instance: ResponsiveInstance, *, time_limit_s: float | None = None) -> Answer:
    """The social optimum as declared in CVXPY (Clarabel), billed at its dual: the efficient price."""
    from .responsive_runs import run_social_program

    return run_social_program(instance, time_limit_s=time_limit_s)


@method("settlement.responsive", kind="kernel", exact_for={"social_cost"})
def efficient_price(instance: ResponsiveInstance) -> Answer:
    """The social optimum by bisection on its price, interval by interval; for loads without totals."""
    from .responsive_runs import run_clearing

    return run_clearing(instance)


@method("settlement.responsive", kind="kernel", exact_for={"residual"})
def equilibrium(instance: ResponsiveInstance) -> Answer:
    """The equilibrium of price takers under SDR by bisection on supply over demand; for loads without totals."""
    from .responsive_runs import run_equilibrium

    return run_equilibrium(instance)


@method("settlement.responsive", variants={"damping=1.0": Claims()})
def damped_iteration(instance: ResponsiveInstance, *, damping: float = 0.3, rounds: int = 500) -> Answer:
    """Loads answer SDR prices round by round and go damping= of the way; 1.0 is the naive iteration."""
    from .heuristics.responsive import iterate

    return iterate(instance, damping, rounds)


@method("settlement.responsive")
def no_response(instance: ResponsiveInstance) -> Answer:
    """Loads as wanted, or as near as limits and totals allow, at SDR prices."""
    from .heuristics.responsive import no_response as run

    return run(instance)
