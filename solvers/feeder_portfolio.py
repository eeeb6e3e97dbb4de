"""The menu of portfolios on a feeder: every method on one page, with its claim.

Source: Postnikov et al., the loop of portfolio and network. The mathematics:
``docs/mathematics/aggregator-feeder-portfolio.md``.
"""

from __future__ import annotations

from ..instances.feeder_portfolio import FeederPortfolioInstance
from .method import Answer, method

ACOPF_CELLS = 60
"""Cells up to which the program with a load flow for each scenario and interval is known to end within a minute."""

CUT_CELLS = 150_000
"""Cells up to which linear programs with cuts are known to end within some minutes."""


@method("aggregator.feeder_portfolio", kind="program", exact_for={"risk_adjusted_profit"}, size_limit=ACOPF_CELLS)
def acopf(instance: FeederPortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Portfolio and load flows in one program, solved to the global optimum (SCIP)."""
    from .feeder_portfolio_runs import run_acopf

    return run_acopf(instance, time_limit_s=time_limit_s)


@method("aggregator.feeder_portfolio", kind="program", size_limit=CUT_CELLS)
def cuts(instance: FeederPortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Linear programs with tangents of the limits that load flows of the last schedule broke (HiGHS)."""
    from .feeder_portfolio_cuts import run_cuts

    return run_cuts(instance, time_limit_s=time_limit_s)


@method("aggregator.feeder_portfolio")
def same_part(instance: FeederPortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """All storages charge as fast as they can, by the same part in each interval, which the feeder bears."""
    from .heuristics.feeder_portfolio import run_same_part

    return run_same_part(instance, time_limit_s=time_limit_s)


@method("aggregator.feeder_portfolio", feasible=False)
def clamps(instance: FeederPortfolioInstance, *, rounds: int = 10, time_limit_s: float | None = None) -> Answer:
    """The paper's loop: schedule, load flow, adjust each interval by itself, clamp loads there, schedule again."""
    from .heuristics.feeder_portfolio import run_clamps

    return run_clamps(instance, rounds, time_limit_s=time_limit_s)


@method("aggregator.feeder_portfolio", feasible=False)
def no_feeder(instance: FeederPortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """The best portfolio, as if there were no feeder."""
    from .feeder_portfolio_cuts import run_no_feeder

    return run_no_feeder(instance, time_limit_s=time_limit_s)
