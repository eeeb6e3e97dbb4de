"""The problems of an aggregator; each has a module of its own for its decision, rules and criteria."""

from __future__ import annotations

from ...instances.portfolio import PortfolioInstance, tiny_portfolio
from ..problem import Problem, described
from . import portfolio
from . import portfolio_criteria as criteria
from .adjustment import ADJUSTMENT
from .feeder_portfolio import FEEDER_PORTFOLIO
from .firm_offer import FIRM_OFFER

PORTFOLIO = Problem(
    name="aggregator.portfolio",
    title="what to offer in which market before it is known what comes?",
    source="Postnikov et al., Aggregators as digital intermediaries to local electricity markets",
    instance=PortfolioInstance,
    decision=portfolio.PortfolioDecision,
    prices=portfolio.PortfolioPrices,
    violations=portfolio.violations,
    criteria=(
        criteria.RISK_ADJUSTED_PROFIT,
        described("expected_profit", "mean profit", "currency", "max", criteria.expected_profit),
        described("tail_profit", "mean of the worst part of profits", "currency", "max", criteria.tail_profit),
        described("carbon_kg", "mean emissions of imports", "kg", "min", criteria.carbon_kg),
        described("members_fees", "what members are paid", "currency", "max", criteria.members_fees),
        described("members_benefit", "what members are paid, weighted", "currency", "max", criteria.members_benefit),
        described("least_fee", "least that a member is paid", "currency", "max", criteria.least_fee),
        described("missing_kwh", "mean energy sold and not delivered", "kWh", "min", criteria.missing_kwh),
        described("lacking_room_kwh", "mean reserve promised beyond room", "kWh", "min", criteria.lacking_room_kwh),
        described("non_delivery", "chance that something promised fails", "1", "min", criteria.non_delivery),
    ),
    tiny=tiny_portfolio,
)

PROBLEMS: tuple[Problem, ...] = (PORTFOLIO, FIRM_OFFER, ADJUSTMENT, FEEDER_PORTFOLIO)
