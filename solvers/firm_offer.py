"""The menu of firm offers: every method on one page, with its claim.

Source: Postnikov et al., section on agents. The mathematics: ``docs/mathematics/aggregator-firm-offer.md``.
"""

from __future__ import annotations

from ..instances.firm_offer import FirmOfferInstance
from .method import Answer, method

JOINT_CELLS = 30_000
"""Cells up to which the choice of scenarios is known to end within a minute."""

CAUTIOUS_CELLS = 200_000
"""Cells up to which the cautious program is known to end within a minute."""


@method("aggregator.firm_offer", kind="kernel", exact_for={"income"})
def quantile(instance: FirmOfferInstance) -> Answer:
    """The quantile of what is there, where blocks do not share their chance to fail."""
    from .firm_offer_runs import run_quantile

    return run_quantile(instance)


@method("aggregator.firm_offer", kind="program", exact_for={"income"}, size_limit=JOINT_CELLS)
def joint(instance: FirmOfferInstance, *, time_limit_s: float | None = None) -> Answer:
    """The program in Pyomo that chooses which scenarios may fail (HiGHS)."""
    from .firm_offer_runs import run_joint

    return run_joint(instance, time_limit_s=time_limit_s)


@method("aggregator.firm_offer", kind="program", size_limit=CAUTIOUS_CELLS)
def cautious(instance: FirmOfferInstance, *, time_limit_s: float | None = None) -> Answer:
    """The linear program in Pyomo by which the mean of the worst part of what is missing is not positive (CVaR)."""
    from .firm_offer_runs import run_cautious

    return run_cautious(instance, time_limit_s=time_limit_s)


@method("aggregator.firm_offer")
def dropped_in_turn(instance: FirmOfferInstance) -> Answer:
    """Scenarios are let fail one after the other, the one whose absence helps most first."""
    from .heuristics.firm_offer import dropped_in_turn as run

    return run(instance)


@method("aggregator.firm_offer")
def even_shares(instance: FirmOfferInstance) -> Answer:
    """Each block may fail with an equal share of the chance."""
    from .heuristics.firm_offer import even_shares as run

    return run(instance)


@method("aggregator.firm_offer")
def worst_case(instance: FirmOfferInstance) -> Answer:
    """What is there whatever comes."""
    from .heuristics.firm_offer import worst_case as run

    return run(instance)


@method("aggregator.firm_offer", feasible=False)
def block_by_block(instance: FirmOfferInstance) -> Answer:
    """What each block alone allows, as if no other could fail."""
    from .heuristics.firm_offer import block_by_block as run

    return run(instance)


@method("aggregator.firm_offer", feasible=False)
def mean_availability(instance: FirmOfferInstance) -> Answer:
    """The mean of what is there."""
    from .heuristics.firm_offer import mean_availability as run

    return run(instance)


@method("aggregator.firm_offer", feasible=False)
def normal_guess(instance: FirmOfferInstance) -> Answer:
    """The mean less as many standard deviations as a normal distribution would need."""
    from .heuristics.firm_offer import normal_guess as run

    return run(instance)
