"""The menu of an aggregator's portfolio: every method on one page, with its claim.

Every heuristic decides what is offered before the scenario is known; what is done afterwards is then the best that can
be done, scenario by scenario. Source: Postnikov et al.; rules are those of the field.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..instances.portfolio import PortfolioInstance
from .method import Answer, Claims, method

PROGRAM_CELLS = 3_000
"""Cells up to which stating the program in Pyomo and solving it ends within a minute."""

ARRAY_CELLS = 150_000
"""Cells up to which the program of arrays ends within some minutes."""


@method(
    "aggregator.portfolio",
    kind="program",
    exact_for={"risk_adjusted_profit"},
    variants={"room='aggregate'": Claims()},
    size_limit=ARRAY_CELLS,
)
def stochastic(instance: PortfolioInstance, *, room: str = "per_storage", time_limit_s: float | None = None) -> Answer:
    """All scenarios in one program of arrays (HiGHS); ``room='aggregate'`` lets storages lend each other room."""
    from .portfolio_runs import run_stochastic

    return run_stochastic(instance, room, time_limit_s=time_limit_s)


@method("aggregator.portfolio", kind="program", exact_for={"risk_adjusted_profit"}, size_limit=PROGRAM_CELLS)
def portfolio_program(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """All scenarios in one program as declared in Pyomo (HiGHS)."""
    from .portfolio_runs import run_program

    return run_program(instance, "per_storage", time_limit_s=time_limit_s)


@method("aggregator.portfolio", kind="kernel", exact_for={"risk_adjusted_profit"})
def newsvendor(instance: PortfolioInstance) -> Answer:
    """The best quantile of what comes by itself, without storages and with no market but the day ahead."""
    from .portfolio_kernels import run_newsvendor

    return run_newsvendor(instance)


@method("aggregator.portfolio", kind="kernel", exact_for={"risk_adjusted_profit"})
def merit_order(instance: PortfolioInstance) -> Answer:
    """Generation that is known to the markets that pay most for it."""
    from .portfolio_kernels import run_merit_order

    return run_merit_order(instance)


@method("aggregator.portfolio", kind="kernel", exact_for={"risk_adjusted_profit"})
def battery(instance: PortfolioInstance) -> Answer:
    """Each battery by the kernel of schedules at the prices of a day ahead that takes whatever is offered."""
    from .portfolio_kernels import run_battery

    return run_battery(instance)


@method("aggregator.portfolio")
def newsvendor_by_block(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Charge by rule, then offer each block's best quantile of what is exported (dual imbalance prices)."""
    from .heuristics.portfolio import run_newsvendor_by_block

    return run_newsvendor_by_block(instance, time_limit_s=time_limit_s)


@method("aggregator.portfolio")
def mean_scenario(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Offers that are best if the mean of all scenarios came."""
    from .heuristics.portfolio import run_mean_scenario

    return run_mean_scenario(instance, time_limit_s=time_limit_s)


@method("aggregator.portfolio")
def risk_neutral(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Offers of the best mean profit, whatever the risk."""
    from .heuristics.portfolio import run_risk_neutral

    return run_risk_neutral(instance, time_limit_s=time_limit_s)


@method("aggregator.portfolio")
def single_market(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """The better of offering energy alone and reserve alone."""
    from .heuristics.portfolio import run_single_market

    return run_single_market(instance, time_limit_s=time_limit_s)


@method("aggregator.portfolio")
def mean_export(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Charge by rule, and offer the mean of what is exported a day ahead, no reserve."""
    from .heuristics.portfolio import run_mean_export

    return run_mean_export(instance, time_limit_s=time_limit_s)


@method("aggregator.portfolio")
def by_price(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Charge in cheap hours and discharge in dear ones by rule, and offer the mean of what is exported, no reserve."""
    from .heuristics.portfolio import run_by_price

    return run_by_price(instance, time_limit_s=time_limit_s)


@method("aggregator.portfolio")
def firm_reserve(
    instance: PortfolioInstance,
    *,
    confidence: float = 0.95,
    network_need_kw: Sequence[float] | float | None = None,
    time_limit_s: float | None = None,
) -> Answer:
    """Charge by rule, offer the mean export, and as reserve what is surely there, less what the network needs of it."""
    from .heuristics.portfolio import run_firm_reserve

    return run_firm_reserve(instance, confidence, network_need_kw, time_limit_s=time_limit_s)


@method("aggregator.portfolio")
def no_offer(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Nothing is offered beforehand."""
    from .heuristics.portfolio import run_no_offer

    return run_no_offer(instance, time_limit_s=time_limit_s)
