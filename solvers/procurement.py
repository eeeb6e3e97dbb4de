"""The menu of a buyer that leads: every method on one page, with its claim.

Source: Tushar et al., IEEE TSG 5(3), 2014. The mathematics: ``docs/mathematics/stackelberg-sellers.md``.
"""

from __future__ import annotations

from ..instances.procurement import ProcurementInstance
from .method import Answer, method

PROGRAM_CELLS = 100_000
"""Cells up to which the programs are known to end within a minute."""


@method("stackelberg.procurement", kind="kernel", exact_for={"payment"})
def least_payment(instance: ProcurementInstance) -> Answer:
    """A price of its own for each seller, by filling vessels that rise by 2 α."""
    from .procurement_runs import run_least_payment

    return run_least_payment(instance)


@method("stackelberg.procurement", kind="kernel", exact_for={"social_cost"})
def clearing_price(instance: ProcurementInstance) -> Answer:
    """The variational equilibrium, one price for all, by filling vessels that rise by α."""
    from .procurement_runs import run_clearing_price

    return run_clearing_price(instance)


@method("stackelberg.procurement", kind="program", exact_for={"payment"}, size_limit=PROGRAM_CELLS)
def payment_program(instance: ProcurementInstance, *, time_limit_s: float | None = None) -> Answer:
    """The least payment as declared in CVXPY (Clarabel)."""
    from .procurement_runs import run_program

    return run_program(instance, 1.0, time_limit_s=time_limit_s)


@method("stackelberg.procurement", kind="program", exact_for={"social_cost"}, size_limit=PROGRAM_CELLS)
def social_program(instance: ProcurementInstance, *, time_limit_s: float | None = None) -> Answer:
    """The least cost of all together as declared in CVXPY (Clarabel), each seller paid what its last kWh costs it."""
    from .procurement_runs import run_program

    return run_program(instance, 0.5, time_limit_s=time_limit_s)


@method("stackelberg.procurement")
def one_price(instance: ProcurementInstance) -> Answer:
    """The best price that is the same for all sellers."""
    from .heuristics.procurement import one_price as run

    return run(instance)


@method("stackelberg.procurement")
def cheapest_first(instance: ProcurementInstance) -> Answer:
    """Sellers in the order of their slopes, each for all it has, as long as the grid is dearer."""
    from .heuristics.procurement import cheapest_first as run

    return run(instance)


@method("stackelberg.procurement")
def in_proportion(instance: ProcurementInstance) -> Answer:
    """Of each seller the same part of its capacity."""
    from .heuristics.procurement import in_proportion as run

    return run(instance)


@method("stackelberg.procurement")
def grid_only(instance: ProcurementInstance) -> Answer:
    """All of the grid."""
    from .heuristics.procurement import grid_only as run

    return run(instance)
