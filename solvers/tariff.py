"""The menu of an operator's tariff for members with batteries: every method on one page, with its claim.

Source: Liu, Yu, Wang, Wang, IEEE TII 13(3), 2017, with batteries. The mathematics:
``docs/mathematics/stackelberg-tariff.md``.
"""

from __future__ import annotations

from ..instances.tariff import TariffInstance
from .method import Answer, Claims, method

BILEVEL_CELLS = 48
"""Cells up to which the bilevel programs are known to end within a minute."""

STRICT_CELLS = 24
"""The same with a margin, whose sides are harder to choose."""

MENU_CELLS = 12
"""The same of prices from a menu, whose combinations are many."""


@method("stackelberg.tariff", kind="program", exact_for={"profit"}, size_limit=BILEVEL_CELLS)
def bilevel(instance: TariffInstance, *, time_limit_s: float | None = None) -> Answer:
    """Members' conditions in place of their programs, with proven constants, by HiGHS."""
    from .tariff_runs import run_bilevel

    return run_bilevel(instance, "bigm", time_limit_s=time_limit_s)


@method("stackelberg.tariff", kind="program", exact_for={"profit"}, size_limit=BILEVEL_CELLS)
def bilevel_sos(instance: TariffInstance, *, time_limit_s: float | None = None) -> Answer:
    """The same without any constant, by special ordered sets (SCIP, extra scip)."""
    from .tariff_runs import run_bilevel

    return run_bilevel(instance, "sos1", time_limit_s=time_limit_s)


@method("stackelberg.tariff", kind="program", size_limit=STRICT_CELLS)
def strict(instance: TariffInstance, *, margin: float = 1e-3, time_limit_s: float | None = None) -> Answer:
    """Best prices at which each answer of members is better than others by margin= (currency/kWh), by HiGHS."""
    from .tariff_runs import run_bilevel

    return run_bilevel(instance, "bigm", margin=margin, time_limit_s=time_limit_s)


@method("stackelberg.tariff", kind="program", size_limit=MENU_CELLS)
def price_menu(
    instance: TariffInstance, *, buying: int = 7, selling: int = 3, time_limit_s: float | None = None
) -> Answer:
    """The best of buying= and selling= evenly spaced prices in each interval, by strong duality (HiGHS)."""
    from .tariff_runs import run_menu

    return run_menu(instance, (buying, selling), time_limit_s=time_limit_s)


@method("stackelberg.tariff", variants={"fearful=True": Claims()})
def keep_answers(
    instance: TariffInstance, *, rounds: int = 10, fearful: bool = False, time_limit_s: float | None = None
) -> Answer:
    """Best prices at which members keep their answers, rounds= times from three starts; ties suit, or fearful= not."""
    from .heuristics.tariff import keep_answers as run

    return run(instance, rounds, fearful, time_limit_s)


@method("stackelberg.tariff")
def worth_prices(instance: TariffInstance, *, time_limit_s: float | None = None) -> Answer:
    """Prices that follow what energy is worth to all together, as far apart as the means allow."""
    from .heuristics.tariff import at_prices

    return at_prices(instance, "worth", time_limit_s)


@method("stackelberg.tariff")
def flat_prices(instance: TariffInstance, *, time_limit_s: float | None = None) -> Answer:
    """One buying and one selling price for all intervals, at the limits of their means."""
    from .heuristics.tariff import at_prices

    return at_prices(instance, "flat", time_limit_s)


@method("stackelberg.tariff")
def bracket_prices(instance: TariffInstance, *, time_limit_s: float | None = None) -> Answer:
    """The same share of the grid's bracket in each interval, as wide as the means allow."""
    from .heuristics.tariff import at_prices

    return at_prices(instance, "bracket", time_limit_s)
