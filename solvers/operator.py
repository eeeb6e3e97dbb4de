"""The menu of an operator's prices: every method on one page, with its claim.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017. The mathematics: ``docs/mathematics/stackelberg-operator.md``.
"""

from __future__ import annotations

from ..instances.operator import OperatorInstance
from .method import Answer, method

MENU_CELLS = 200
"""Cells up to which the program is known to end within a minute."""

SCIP_CELLS = 40
"""The same of the program without a menu, whose products are not convex."""


@method("stackelberg.operator", kind="kernel", exact_for={"profit"})
def best_prices(instance: OperatorInstance) -> Answer:
    """The operator's best prices, by a search over breakpoints of both sides: export, import, or balance."""
    from .operator_runs import run_best_prices

    return run_best_prices(instance)


@method("stackelberg.operator", kind="program", size_limit=MENU_CELLS)
def price_menu(instance: OperatorInstance, *, levels: int = 6, time_limit_s: float | None = None) -> Answer:
    """The best of levels= evenly spaced prices, members' optimality as constraints, by HiGHS; quadratic only."""
    from .operator_runs import run_pricing

    return run_pricing(instance, levels, time_limit_s=time_limit_s)


@method("stackelberg.operator", kind="program", size_limit=SCIP_CELLS)
def price_program(instance: OperatorInstance, *, time_limit_s: float | None = None) -> Answer:
    """The best of all prices to the tolerances of SCIP (extra scip), members' optimality as constraints; quadratic."""
    from .operator_runs import run_pricing

    return run_pricing(instance, None, time_limit_s=time_limit_s)


@method("stackelberg.operator")
def grid_search(instance: OperatorInstance, *, levels: int = 26) -> Answer:
    """The best pair of levels= evenly spaced prices, all of them tried."""
    from .heuristics.operator import grid_search as run

    return run(instance, levels)


@method("stackelberg.operator")
def mid_market(instance: OperatorInstance, *, buying: float = 0.75, selling: float = 0.25) -> Answer:
    """Prices around the middle of the grid's bracket, at the shares buying= and selling= of it."""
    from .heuristics.operator import at_shares

    return at_shares(instance, buying, selling)


@method("stackelberg.operator")
def fixed_roles(instance: OperatorInstance) -> Answer:
    """The formula for known roles, which are guessed from the middle of the bracket."""
    from .heuristics.operator import by_roles

    return by_roles(instance, 1)


@method("stackelberg.operator")
def role_iteration(instance: OperatorInstance, *, rounds: int = 50) -> Answer:
    """The formula for known roles, taken again and again from the answers to the last prices."""
    from .heuristics.operator import by_roles

    return by_roles(instance, rounds)


@method("stackelberg.operator")
def grid_prices(instance: OperatorInstance) -> Answer:
    """The grid's own prices: members act as if alone, the operator keeps what netting them saves."""
    from .heuristics.operator import at_shares

    return at_shares(instance, 1.0, 0.0)
