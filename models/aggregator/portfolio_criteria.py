"""By what portfolios are judged: profit, its worst part, emissions, fees, and what was promised in vain."""

from __future__ import annotations

import numpy as np

from ...instances.portfolio import PortfolioInstance
from ..problem import Criterion
from .portfolio import PortfolioDecision, size_kw
from .portfolio_bound import profit_bound


def profits(instance: PortfolioInstance, decision: PortfolioDecision) -> np.ndarray:
    """What is left in each scenario, (S,) currency: what markets pay less fees, imbalance, missed targets and room."""
    per_kwh = (
        instance.day_ahead_price * decision.day_ahead_kw
        + instance.intraday_sale_price * decision.intraday_sale_kw
        - instance.intraday_purchase_price * decision.intraday_purchase_kw
        + instance.up_accepted * instance.up_price * decision.up_offer_kw
        - instance.down_accepted * instance.down_price * decision.down_offer_kw
        + instance.up_reserve_price * decision.up_reserve_kw
        + instance.down_reserve_price * decision.down_reserve_kw
        - instance.missing_price * np.maximum(-decision.surplus_kw, 0.0)
        + instance.surplus_price * np.maximum(decision.surplus_kw, 0.0)
        - decision.discharge_kw @ instance.flexibility_fee
        - instance.room_price * decision.lacking_room_kw.sum(axis=0)
    )
    on_the_way = instance.rapid_price * decision.rapid_kwh.sum(axis=(1, 2))
    missed = (decision.missed_kwh @ instance.target_price).sum(axis=1)
    return np.asarray(instance.dt_h * per_kwh.sum(axis=1) - on_the_way - missed)


def expected_profit(instance: PortfolioInstance, decision: PortfolioDecision) -> float:
    """Mean profit, currency."""
    return float(instance.chance @ profits(instance, decision))


def tail_profit(instance: PortfolioInstance, decision: PortfolioDecision) -> float:
    """CVaR_α of profit: the mean of the worst part α, currency."""
    return worst_part(instance, profits(instance, decision))


def risk_adjusted_profit(instance: PortfolioInstance, decision: PortfolioDecision) -> float:
    """(1 - ω) mean + ω CVaR_α of profit, currency."""
    return risk_adjusted(instance, profits(instance, decision))


def worst_part(instance: PortfolioInstance, profit: np.ndarray) -> float:
    """Mean of the worst part α of profits (S,), currency."""
    return float(tail_weights(instance, profit) @ profit)


def tail_weights(instance: PortfolioInstance, value: np.ndarray) -> np.ndarray:
    """What each scenario counts in the mean of the worst part α, (S,), the least values (S,) being the worst."""
    order, weight = np.argsort(value, kind="stable"), np.zeros(len(value))
    before = np.cumsum(instance.chance[order]) - instance.chance[order]
    weight[order] = np.clip(instance.tail - before, 0.0, instance.chance[order]) / instance.tail
    return np.asarray(weight / weight.sum())


def risk_adjusted(instance: PortfolioInstance, profit: np.ndarray) -> float:
    """(1 - ω) mean + ω CVaR_α of profits (S,), currency."""
    mean = (1.0 - instance.risk_weight) * float(instance.chance @ profit)
    return mean + (instance.risk_weight * worst_part(instance, profit) if instance.risk_weight else 0.0)


def carbon_kg(instance: PortfolioInstance, decision: PortfolioDecision) -> float:
    """Mean emissions of what is taken from the grid, kg."""
    taken = np.maximum(-decision.export_kw, 0.0)
    return float(instance.dt_h * (instance.chance @ (taken * instance.carbon_kg_per_kwh)).sum())


def members_fees(instance: PortfolioInstance, decision: PortfolioDecision) -> float:
    """Mean of what members are paid for what their storages discharge, currency."""
    paid = (decision.discharge_kw @ instance.flexibility_fee).sum(axis=1)
    return float(instance.dt_h * instance.chance @ paid)


def fees_by_member(instance: PortfolioInstance, decision: PortfolioDecision) -> np.ndarray:
    """Mean of what each member is paid for what its storages discharge, (n,) currency."""
    paid = instance.dt_h * np.tensordot(instance.chance, decision.discharge_kw.sum(axis=1), axes=1)
    return np.bincount(instance.storage_of, weights=paid * instance.flexibility_fee, minlength=len(instance.member))


def members_benefit(instance: PortfolioInstance, decision: PortfolioDecision) -> float:
    """Mean of what members are paid, each counted with its weight, currency."""
    return float(instance.member_weight @ fees_by_member(instance, decision))


def least_fee(instance: PortfolioInstance, decision: PortfolioDecision) -> float:
    """Least mean that a member is paid whose storages could discharge for a fee, currency; 0 without any."""
    able = paid_members(instance)
    return float(fees_by_member(instance, decision)[able].min()) if len(able) else 0.0


def paid_members(instance: PortfolioInstance) -> np.ndarray:
    """Members with a storage that is paid for and can discharge, ascending positions."""
    paid = (instance.flexibility_fee > 0) & (instance.discharge_kw > 0)
    return np.unique(instance.storage_of[paid])


def missing_kwh(instance: PortfolioInstance, decision: PortfolioDecision) -> float:
    """Mean energy that was sold and not delivered, kWh."""
    return float(instance.dt_h * (instance.chance @ np.maximum(-decision.surplus_kw, 0.0)).sum())


def lacking_room_kwh(instance: PortfolioInstance, decision: PortfolioDecision) -> float:
    """Mean of what was promised and could not have been delivered, kW for h."""
    return float(instance.dt_h * (instance.chance @ decision.lacking_room_kw.sum(axis=0)).sum())


def non_delivery(instance: PortfolioInstance, decision: PortfolioDecision) -> float:
    """Probability that something is missing, or a promise lacks room, in some interval."""
    slack = 1e-6 * size_kw(instance)
    short = (decision.surplus_kw < -slack).any(axis=1) | (decision.lacking_room_kw > slack).any(axis=(0, 2))
    return float(instance.chance @ short)


def scale(instance: PortfolioInstance) -> float:
    """A thousandth of what the greatest power of all members is worth over the horizon, currency."""
    price = np.abs(instance.day_ahead_price).mean()
    return 1e-3 * float(price * size_kw(instance) * len(instance.interval) * instance.dt_h) or 1.0


RISK_ADJUSTED_PROFIT = Criterion(
    "risk_adjusted_profit",
    "mean profit and the mean of its worst part, weighted",
    "currency",
    "max",
    risk_adjusted_profit,
    scale,
    profit_bound,
)
"""What portfolios are judged by first, with a feeder or without."""
