"""The menu of sellers who lead: every method on one page, with its claim.

Source: Paudel et al., IEEE TIE 66(8), 2019. The mathematics: ``docs/mathematics/stackelberg-sellers.md``.
"""

from __future__ import annotations

from ..instances.sellers import SellersInstance
from .method import Answer, Claims, method

PROGRAM_CELLS = 100_000
"""Cells up to which the program is known to end within a minute."""


@method("stackelberg.sellers", kind="kernel", exact_for={"epsilon"})
def price_equilibrium(instance: SellersInstance) -> Answer:
    """Prices at which no seller gains by another, in closed form where one applies, checked by all best replies."""
    from .sellers_runs import run_equilibrium

    return run_equilibrium(instance)


@method("stackelberg.sellers", kind="program", exact_for={"social_cost"}, size_limit=PROGRAM_CELLS)
def social_program(instance: SellersInstance, *, time_limit_s: float | None = None) -> Answer:
    """The least social cost as declared in CVXPY (Clarabel), at prices at which buyers choose it."""
    from .sellers_runs import run_social_program

    return run_social_program(instance, time_limit_s=time_limit_s)


@method("stackelberg.sellers", kind="kernel", exact_for={"social_cost"})
def efficient_prices(instance: SellersInstance) -> Answer:
    """The least social cost by filling sellers up; each asks its cost and the congestion of one more kWh."""
    from .sellers_runs import run_efficient

    return run_efficient(instance)


@method("stackelberg.sellers")
def best_response(instance: SellersInstance, *, rounds: int = 100, undercut: float = 0.02) -> Answer:
    """Sellers reply best to each other in turn, at most rounds= times; the best prices met are kept."""
    from .heuristics.sellers import best_response as run

    return run(instance, rounds, undercut)


@method("stackelberg.sellers")
def tatonnement(instance: SellersInstance, *, step: float = 0.5, rounds: int = 1000) -> Answer:
    """Prices follow demand less capacity, from the retail price on, until they clear or rounds= are over."""
    from .heuristics.sellers import tatonnement as run

    return run(instance, step, rounds)


@method("stackelberg.sellers", variants={"markup=0.0": Claims(), "markup=1.0": Claims()})
def cost_plus(instance: SellersInstance, *, markup: float = 0.2) -> Answer:
    """Each asks cost and markup= of what is left to the retail price; 0.0 competes at cost, 1.0 asks retail."""
    from .heuristics.sellers import cost_plus as run

    return run(instance, markup)
