"""Offers of a portfolio met with scenarios that they were not made for, and how often each of them fails.

What is offered is kept, what follows is the best that can be done in each new scenario. An offer fails in a scenario
where, in some interval of its block, energy that was sold is missing, or room that was promised.

Source: as for :mod:`.portfolio_recourse`; intervals of confidence by Clopper and Pearson (1934).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import beta

from ..instances.errors import Fault, InstanceError
from ..instances.fields import specs
from ..instances.portfolio import PortfolioInstance
from ..models.aggregator.portfolio import PortfolioDecision, size_kw
from ..models.aggregator.rules import PORTFOLIO
from .portfolio_recourse import Offers, with_recourse
from .solve import solve

CONFIDENCE = 0.95


def offer_non_delivery(decision: PortfolioDecision) -> pd.DataFrame:
    """How often each offer fails.

    Parameters
    ----------
    decision : PortfolioDecision
        Offers, and what is done in each scenario.

    Returns
    -------
    pandas.DataFrame
        A row for each block of each market with an offer: ``market``, ``begins``, ``offer_kw``, ``non_delivery`` (its
        chance) and, where scenarios are equally probable, ``at_least`` and ``at_most`` with a confidence of 95 %: what
        as many independent draws can say.
    """
    given = decision.instance
    slack = 1e-6 * size_kw(given)
    missing = decision.surplus_kw < -slack
    lacking = decision.lacking_room_kw > slack
    rows = []
    for market, offer, fails, hours in (
        ("day ahead", decision.day_ahead_kw, missing, given.day_ahead_block_h),
        ("up reserve", decision.up_reserve_kw, lacking[0], given.reserve_block_h),
        ("down reserve", decision.down_reserve_kw, lacking[1], given.reserve_block_h),
    ):
        block = given.block_of(hours)
        for b in range(block[-1] + 1):
            first = int(np.searchsorted(block, b))
            if abs(offer[first]) <= slack:
                continue
            failed = np.asarray(fails[:, block == b].any(axis=1))
            low, high = _confidence(given, failed)
            rows.append(
                {
                    "market": market,
                    "begins": given.interval[first],
                    "offer_kw": float(offer[first]),
                    "non_delivery": min(float(given.chance @ failed), 1.0),
                    "at_least": low,
                    "at_most": high,
                }
            )
    columns = ["market", "begins", "offer_kw", "non_delivery", "at_least", "at_most"]
    return pd.DataFrame(rows, columns=columns)


def _confidence(instance: PortfolioInstance, failed: np.ndarray) -> tuple[float, float]:
    if np.ptp(instance.chance) > 1e-12:
        return np.nan, np.nan
    n, k, rest = len(failed), int(failed.sum()), (1.0 - CONFIDENCE) / 2.0
    low = 0.0 if k == 0 else float(beta.ppf(rest, k, n - k + 1))
    high = 1.0 if k == n else float(beta.ppf(1.0 - rest, k + 1, n - k))
    return low, high


def met_with(decision: PortfolioDecision, fresh: PortfolioInstance) -> PortfolioDecision:
    """The same offers, and the best that can be done after them in other scenarios.

    Parameters
    ----------
    decision : PortfolioDecision
        Whose offers are kept.
    fresh : PortfolioInstance
        The same members and markets with other scenarios.

    Returns
    -------
    PortfolioDecision

    Raises
    ------
    InstanceError
        Naming everything but scenarios that differs.
    """
    given = decision.instance
    faults = []
    for name, spec in specs(type(given)).items():
        if spec.index[:1] == ("scenario",) or name == "scenario":
            continue
        first, second = getattr(given, name), getattr(fresh, name)
        if not np.array_equal(np.asarray(first), np.asarray(second)):
            table = "_".join(spec.index).replace("+", "") or "settings"
            message = f"differs from that of {given.meta.name}, for which the offers were made"
            faults.append(Fault(table, name, message=message, remedy="only scenarios may be others"))
    if faults:
        raise InstanceError(faults, fresh.meta.name)
    return with_recourse(fresh, Offers.of(decision))


def out_of_sample(
    instance: PortfolioInstance, fresh: PortfolioInstance, methods: Sequence[str] = ("stochastic", "mean_scenario")
) -> pd.DataFrame:
    """What methods promise of their offers, and what these are worth in scenarios they were not made for.

    Parameters
    ----------
    instance : PortfolioInstance
        For which offers are made.
    fresh : PortfolioInstance
        The same members and markets with other scenarios, many of them.
    methods : sequence of str
        Names on the menu.

    Returns
    -------
    pandas.DataFrame
        A row for each: ``promised``, the criterion in sample; all criteria out of sample; ``worst_offer``, the greatest
        chance of any offer to fail, and ``failing_offers``, how many fail in some scenario.

    Raises
    ------
    InstanceError
        Naming everything but scenarios that differs.
    """
    rows = []
    for method in methods:
        solution = solve(instance, method=method)
        assert isinstance(solution.decision, PortfolioDecision)
        met = met_with(solution.decision, fresh)
        offers = offer_non_delivery(met)
        rows.append(
            {"method": method, "promised": solution.objective}
            | {criterion.name: criterion.value(fresh, met) for criterion in PORTFOLIO.criteria}
            | {
                "offers": len(offers),
                "failing_offers": int((offers["non_delivery"] > 0).sum()),
                "worst_offer": float(offers["non_delivery"].max()) if len(offers) else 0.0,
            }
        )
    return pd.DataFrame(rows)
