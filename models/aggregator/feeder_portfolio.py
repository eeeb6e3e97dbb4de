r"""Portfolios on a feeder: what is decided, what it must keep, by what it is judged, in plain numpy.

A portfolio's decision with one rule more: in every scenario and interval a sweep of the tree has to find all voltages
and currents within their limits. What bounds the profit of the portfolio bounds it with the feeder too, since the
feeder only forbids.

Source: Postnikov et al., the loop of portfolio and network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ...instances.errors import NoFlowError
from ...instances.feeder_portfolio import FeederPortfolioInstance, tiny_feeder_portfolio
from ..problem import Problem, Violation, described
from . import portfolio
from . import portfolio_criteria as criteria
from .adjustment import NETWORK_TOLERANCE
from .feeder_flow import feeder_violations, sweep


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FeederPortfolioDecision(portfolio.PortfolioDecision):
    """What is offered and done, as of a portfolio, and what it draws from the feeder."""

    problem: ClassVar[str] = "aggregator.feeder_portfolio"

    instance: FeederPortfolioInstance

    @cached_property
    def net_load_kw(self) -> np.ndarray:
        """What each load of the feeder draws, (S, T, L) kW; export is negative."""
        given = self.instance
        of_members = given.load_kw - given.generation_kw + self.curtailed_kw
        of_storages = self.charge_kw - self.discharge_kw
        return np.asarray(of_members @ given.member_at.T + of_storages @ given.storage_at.T)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FeederPortfolioPrices(portfolio.PortfolioPrices):
    """What proves a bound, as of a portfolio."""

    problem: ClassVar[str] = "aggregator.feeder_portfolio"

    instance: FeederPortfolioInstance


def violations(instance: FeederPortfolioInstance, decision: FeederPortfolioDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance: the portfolio's, and the feeder's limits.

    Parameters
    ----------
    instance : FeederPortfolioInstance
        What is given.
    decision : FeederPortfolioDecision
        What was decided.

    Returns
    -------
    list of Violation
    """
    found = portfolio.violations(instance, decision)
    net = decision.net_load_kw.reshape(-1, len(instance.load))
    try:
        flow = sweep(instance, net)
    except NoFlowError as error:
        message, where = "no voltages were found at which all loads get their power", instance.sample[error.position]
        return [*found, Violation(message, str(where), error.total_kw, 0.0, "kW")]
    return found + feeder_violations(instance, flow, instance.sample, NETWORK_TOLERANCE)


def worst_loading(instance: FeederPortfolioInstance, decision: FeederPortfolioDecision) -> float:
    """Greatest current of all scenarios and intervals in parts of its conductor's rating; inf without a flow."""
    try:
        flow = sweep(instance, decision.net_load_kw.reshape(-1, len(instance.load)))
    except NoFlowError:
        return float("inf")
    rating = instance.rating_a[:, None]
    size = np.abs(flow.line_current_a)
    return float(np.where(rating > 0, size / np.where(rating > 0, rating, 1.0), 0.0).max(initial=0.0))


FEEDER_PORTFOLIO = Problem(
    name="aggregator.feeder_portfolio",
    title="what to offer in which market if a feeder's limits have to be kept?",
    source="Postnikov et al., Aggregators as digital intermediaries to local electricity markets",
    instance=FeederPortfolioInstance,
    decision=FeederPortfolioDecision,
    prices=FeederPortfolioPrices,
    violations=violations,
    criteria=(
        criteria.RISK_ADJUSTED_PROFIT,
        described("expected_profit", "mean profit", "currency", "max", criteria.expected_profit),
        described("tail_profit", "mean of the worst part of profits", "currency", "max", criteria.tail_profit),
        described("missing_kwh", "mean energy sold and not delivered", "kWh", "min", criteria.missing_kwh),
        described("worst_loading", "greatest current in parts of its rating", "1", "min", worst_loading),
    ),
    tiny=tiny_feeder_portfolio,
)
