"""The menu of settlement: every method on one page, with its claim.

Source: Lange, sections "Supply-demand-ratio pricing" and "Benchmark models"; Liu et al., IEEE TPWRS 32(5), 2017; Owen
(1975), Shapley (1953) and Schmeidler (1969). The mathematics: ``docs/mathematics/settlement.md``.
"""

from __future__ import annotations

from ..instances.settlement import SettlementInstance
from ..models.settlement.decision import SettlementDecision
from . import responsive as responsive  # the family's other problem, with a menu of its own
from .method import Answer, method

LP_INTERVALS = 20_000
GROUP_CELLS = 5_000
"""Cells up to which programs are known to end within a minute."""


@method("settlement", kind="program", exact_for={"core_excess", "community_cost"}, size_limit=LP_INTERVALS)
def social_program(instance: SettlementInstance, *, time_limit_s: float | None = None) -> Answer:
    """Bills at the dual of the community's balance in the social-cost program, as declared in Pyomo (HiGHS)."""
    from .settlement_programs import run_social_cost

    return run_social_cost(instance, time_limit_s=time_limit_s)


@method(
    "settlement",
    kind="program",
    exact_for={"core_excess", "least_excess", "community_cost"},
    size_limit=GROUP_CELLS,
)
def least_core(instance: SettlementInstance, *, time_limit_s: float | None = None) -> Answer:
    """Bills whose greatest excess over all groups is least, by row generation (HiGHS)."""
    from .settlement_least_core import run_least_core

    return run_least_core(instance, time_limit_s=time_limit_s)


@method(
    "settlement",
    kind="program",
    exact_for={"core_excess", "least_excess", "community_cost"},
    size_limit=GROUP_CELLS,
)
def nucleolus(instance: SettlementInstance, *, time_limit_s: float | None = None) -> Answer:
    """Bills whose excesses, from the greatest on, are least one after the other, up to 12 members (HiGHS)."""
    from .settlement_nucleolus import run_nucleolus

    return run_nucleolus(instance, time_limit_s=time_limit_s)


@method("settlement", kind="kernel", exact_for={"core_excess", "community_cost"})
def dual_price(instance: SettlementInstance, *, balanced: float = 0.5) -> Answer:
    """Owen's price: what one more kWh costs the community; balanced= says where in the bracket it lies at B = S."""
    from .settlement_kernels import settle_at_dual

    return settle_at_dual(instance, balanced)


@method("settlement", kind="kernel", exact_for={"shapley_distance", "community_cost"})
def shapley(instance: SettlementInstance) -> Answer:
    """What each member adds to a group's cost on average over all orders, up to 16 members."""
    from .settlement_kernels import settle_by_shapley

    return settle_by_shapley(instance)


@method("settlement", exact_for={"community_cost"})
def sdr(instance: SettlementInstance, *, compensation: float = 0.0) -> Answer:
    """Prices by the supply and demand ratio (Liu et al.); compensation= is paid to those who share, per kWh."""
    from .heuristics.settlement import supply_demand_ratio

    return supply_demand_ratio(instance, compensation)


@method("settlement", exact_for={"community_cost"})
def mmr(instance: SettlementInstance) -> Answer:
    """Mid-market rate: members trade half way between the grid's prices, the longer side shares what the grid does."""
    from .heuristics.settlement import mid_market_rate

    return mid_market_rate(instance)


@method("settlement", exact_for={"community_cost"})
def bill_sharing(instance: SettlementInstance) -> Answer:
    """The community's bill over the horizon by energy; what members give each other costs nothing."""
    from .heuristics.settlement import bill_sharing as rule

    return rule(instance)


@method("settlement")
def alone(instance: SettlementInstance) -> SettlementDecision:
    """No sharing: each member behind a meter of its own, with a dispatch of its own where that is known."""
    from .heuristics.settlement import each_alone

    return each_alone(instance)
