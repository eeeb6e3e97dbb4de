"""The menu of a leader's price before an unknown tomorrow: every method on one page, with its claim.

Source: El Rahi et al., IEEE TSG 10(1), 2019. The mathematics: ``docs/mathematics/stackelberg-prospects.md``.
"""

from __future__ import annotations

from ..instances.prospects import ProspectsInstance
from .method import Answer, method

SCIP_CELLS = 40
"""Cells up to which the program without a menu is known to end within a minute."""

MENU_CELLS = 500
"""The same of the program for each price of a menu."""


@method("stackelberg.prospects", kind="kernel", exact_for={"profit"})
def best_price(instance: ProspectsInstance) -> Answer:
    """The leader's best price: thresholds sorted where there is no slope, smooth pieces searched where there is."""
    from .prospects_runs import answered, best_prices

    return Answer(answered(instance, best_prices(instance)))


@method("stackelberg.prospects", kind="program", size_limit=MENU_CELLS)
def price_menu(instance: ProspectsInstance, *, levels: int = 21, time_limit_s: float | None = None) -> Answer:
    """The best of levels= prices, members' potential minimised at each (HiGHS); without loss aversion only."""
    from .prospects_runs import run_price_menu

    return run_price_menu(instance, levels, time_limit_s=time_limit_s)


@method("stackelberg.prospects", kind="program", size_limit=SCIP_CELLS)
def price_program(instance: ProspectsInstance, *, time_limit_s: float | None = None) -> Answer:
    """The best of all prices to the tolerances of SCIP (extra scip), members' potential as conditions."""
    from .prospects_runs import run_price_program

    return run_price_program(instance, time_limit_s=time_limit_s)


@method("stackelberg.prospects")
def expected_utility(instance: ProspectsInstance) -> Answer:
    """The best price if losses hurt as much as gains please."""
    from .heuristics.prospects import expected_utility as run

    return run(instance)


@method("stackelberg.prospects")
def interior_formula(instance: ProspectsInstance) -> Answer:
    """The formula for nobody at a limit, limits or not."""
    from .heuristics.prospects import interior_formula as run

    return run(instance)


@method("stackelberg.prospects")
def grid_search(instance: ProspectsInstance, *, levels: int = 26) -> Answer:
    """The best of levels= evenly spaced prices."""
    from .heuristics.prospects import grid_search as run

    return run(instance, levels)


@method("stackelberg.prospects")
def middle_price(instance: ProspectsInstance) -> Answer:
    """The middle of the leader's range."""
    from .heuristics.prospects import middle_price as run

    return run(instance)
