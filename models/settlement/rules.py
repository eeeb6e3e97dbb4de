"""Rules of settlement: what bills must keep, and by what they are judged, in plain numpy.

A settlement must pay the grid exactly, and bills must follow from the prices it names. Everything else is a matter of
judgement: whether somebody would do better alone (``worst_saving``), whether a group would (``core_excess``), how far
bills are from what each adds on average (``shapley_distance``), and who gains how much. Bounds: :mod:`.bounds`.

Source: Lange, equations 5 to 7 and section "Comparison with benchmark settlement models"; Shapley (1953); Schmeidler
(1969) for excesses; Owen (1975) for prices whose bills no group can better.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...instances.settlement import SettlementInstance, subset_sums, tiny_settlement
from ..fairness import gini, jain
from ..problem import TOLERANCE, Criterion, Problem, Violation, described
from .bounds import community_bound, core_bound, excess_bound
from .decision import SettlementDecision, SettlementPrices, interval_bills
from .responsive import RESPONSIVE


def worth(instance: SettlementInstance) -> float:
    """What all that is bought and sold is worth at the grid's prices: the size that roundings are relative to."""
    price = np.maximum(np.abs(instance.retail_price), np.abs(instance.feed_in_price))
    traded = float((price * (instance.buying_kwh + instance.selling_kwh)).sum())
    return traded + float(np.abs(instance.alone_bill).sum())


def violations(instance: SettlementInstance, decision: SettlementDecision) -> list[Violation]:
    """Every rule that a settlement breaks by more than the tolerance.

    Parameters
    ----------
    instance : SettlementInstance
        What is given.
    decision : SettlementDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty for a settlement that pays the grid and keeps to its own prices.
    """
    found: list[Violation] = []
    slack = TOLERANCE * worth(instance)
    shared = decision.meters == "shared"
    due = instance.community_bill if shared else float(instance.alone_bill.sum())
    paid = float(decision.bill.sum())
    if abs(paid - due) > slack:
        found.append(Violation("bills do not add up to what the grid is paid", "community", paid, due, "currency"))
    if (decision.buy_price is None) != (decision.sell_price is None):
        rule = "one price is given without the other"
        given = float(decision.buy_price is not None), float(decision.sell_price is not None)
        found.append(Violation(rule, "community", *given, "price"))
    elif not shared:
        for i in np.flatnonzero(np.abs(decision.bill - instance.alone_bill) > slack):
            rule = "bill is not what its own meter asks for"
            found.append(Violation(rule, str(instance.member[i]), decision.bill[i], instance.alone_bill[i], "currency"))
    elif decision.buy_price is not None:
        expected = interval_bills(instance, decision.buy_price, decision.sell_price).sum(axis=0)
        for i in np.flatnonzero(np.abs(decision.bill - expected) > slack):
            rule = "bill does not follow from the prices"
            found.append(Violation(rule, str(instance.member[i]), decision.bill[i], expected[i], "currency"))
    return found


def core_excess(instance: SettlementInstance, decision: SettlementDecision) -> float:
    """What the group that has most reason to leave would save by itself; 0 where no group has any.

    NaN for more members than groups can be gone through, unless the bills are those of one price in every interval,
    which lies between the grid's: no group can do better then (Owen).
    """
    if instance.enumerable:
        return max(0.0, float((subset_sums(decision.bill) - instance.coalition_costs)[1:].max()))
    if decision.buy_price is None or decision.sell_price is None or decision.meters == "separate":
        return math.nan
    price, slack = decision.buy_price, TOLERANCE * worth(instance)
    inside = (instance.feed_in_price <= price) & (price <= instance.retail_price)
    # At such a price μ, a group's bill is at most μ times its net load, which is at most what the grid would ask of it.
    above = np.maximum(decision.bill - price @ instance.net_kwh, 0.0).sum()
    proved = np.array_equal(price, decision.sell_price) and inside.all() and above <= slack
    return 0.0 if proved and decision.saving.min() >= -slack else math.nan


def least_excess(instance: SettlementInstance, decision: SettlementDecision) -> float:
    """The same over all groups but the whole, negative where every group loses by leaving; NaN where not enumerable."""
    if not instance.enumerable or len(instance.member) < 2:
        return math.nan
    return float((subset_sums(decision.bill) - instance.coalition_costs)[1:-1].max())


def shapley_by_dividends(costs: np.ndarray) -> np.ndarray:
    """Shapley value of a game: each group's dividend, which no smaller group explains, shared equally in the group.

    Parameters
    ----------
    costs : (2ⁿ,) array
        Of every group.

    Returns
    -------
    (n,) array
    """
    n = int(costs.size).bit_length() - 1
    dividends = np.array(costs, dtype=float)
    for i in range(n):
        pairs = dividends.reshape(-1, 2, 1 << i)
        pairs[:, 1] -= pairs[:, 0]
    size = subset_sums(np.ones(n))
    shares = np.divide(dividends, size, out=np.zeros_like(dividends), where=size > 0)
    return np.array([shares.reshape(-1, 2, 1 << i)[:, 1].sum() for i in range(n)])


def shapley_distance(instance: SettlementInstance, decision: SettlementDecision) -> float:
    """Money that would have to change hands to reach the Shapley value; NaN where groups cannot be gone through.

    Where the dispatch is dearer than the least cost of all, what is lost is not shared out: it counts by half.
    """
    if not instance.enumerable:
        return math.nan
    return 0.5 * float(np.abs(decision.bill - shapley_by_dividends(instance.coalition_costs)).sum())


def _lost(instance: SettlementInstance) -> float:
    """Half of what the dispatch costs above the least: by so much any bills miss the Shapley value."""
    if not instance.enumerable:
        return 0.0
    return 0.5 * max(0.0, instance.community_bill - float(instance.coalition_costs[-1]))


def worst_saving(instance: SettlementInstance, decision: SettlementDecision) -> float:
    """What the member who gains least pays less than alone; negative where somebody would do better alone."""
    return float(decision.saving.min())


def consumer_saving(instance: SettlementInstance, decision: SettlementDecision) -> float:
    """Share of their bills alone that those save who would pay alone; NaN where nobody would."""
    paying = instance.alone_bill > 0
    total = float(instance.alone_bill[paying].sum())
    return float(decision.saving[paying].sum()) / total if total > 0 else math.nan


def sellers_share(instance: SettlementInstance, decision: SettlementDecision) -> float:
    """Share of what sharing saves, interval by interval, that sellers get above the feed-in price.

    NaN without prices, with a meter for each, or where nothing is shared.
    """
    bill = decision.interval_bill
    gain = float((instance.retail_price - instance.feed_in_price) @ instance.inside_kwh)
    if bill is None or decision.meters == "separate" or gain <= TOLERANCE * worth(instance):
        return math.nan
    sold = np.maximum(-instance.net_kwh, 0.0)
    got = np.where(sold > 0, -bill - instance.feed_in_price[:, None] * sold, 0.0)
    return float(got.sum()) / gain


def net_sellers_share(instance: SettlementInstance, decision: SettlementDecision) -> float:
    """Share of the community's gain that goes to members who sell more than they buy; NaN without a gain."""
    gain = float(decision.saving.sum())
    if gain <= TOLERANCE * worth(instance):
        return math.nan
    return float(decision.saving[instance.net_kwh.sum(axis=0) < 0].sum()) / gain


def bracket_breach(instance: SettlementInstance, decision: SettlementDecision) -> float:
    """How far a price lies outside the grid's bracket at most, or selling above buying; NaN without prices."""
    if decision.buy_price is None or decision.sell_price is None:
        return math.nan
    buy, sell = decision.buy_price, decision.sell_price
    return float(np.max([buy - instance.retail_price, sell - buy, instance.feed_in_price - sell, 0.0 * buy]))


def _spread(index: Callable[[np.ndarray], float]) -> Callable[[SettlementInstance, SettlementDecision], float]:
    """An index of the members' savings; NaN where somebody loses, since it is defined for gains."""

    def value(instance: SettlementInstance, decision: SettlementDecision) -> float:
        slack = TOLERANCE * worth(instance)
        if decision.saving.min() < -slack:
            return math.nan
        return index(np.where(decision.saving > slack, decision.saving, 0.0))

    return value


def _community_cost(instance: SettlementInstance, decision: SettlementDecision) -> float:
    return float(decision.bill.sum())


def _scale(instance: SettlementInstance) -> float:
    return 1e-3 * worth(instance) or 1.0


def _certificate(
    instance: SettlementInstance, decision: SettlementDecision, prices: SettlementPrices
) -> dict[str, float]:
    """Distances from the bounds that the prices prove, in units of the scale."""
    scale = _scale(instance)
    found = {"community_cost": (float(decision.bill.sum()) - community_bound(instance, prices)) / scale}
    excess = core_excess(instance, decision)
    return found if math.isnan(excess) else found | {"core_excess": (excess - core_bound(instance, prices)) / scale}


PROBLEM = Problem(
    name="settlement",
    title="at which internal price, and who pays what?",
    source="Lange, Cloud-coordinated peer-to-peer energy sharing; Liu et al., IEEE TPWRS 32(5), 2017",
    instance=SettlementInstance,
    decision=SettlementDecision,
    prices=SettlementPrices,
    violations=violations,
    criteria=(
        Criterion(
            "core_excess",
            "what the group with most reason to leave would save by itself, at least 0",
            "currency",
            "min",
            core_excess,
            _scale,
            core_bound,
            _certificate,
            partial=True,
        ),
        Criterion(
            "least_excess",
            "the same over all groups but the whole: negative where all lose by leaving",
            "currency",
            "min",
            least_excess,
            _scale,
            excess_bound,
            partial=True,
        ),
        Criterion(
            "shapley_distance",
            "money that would have to change hands to reach the Shapley value",
            "currency",
            "min",
            shapley_distance,
            _scale,
            lambda i, p: _lost(i),
            partial=True,
        ),
        Criterion(
            "community_cost",
            "what all members pay together",
            "currency",
            "min",
            _community_cost,
            _scale,
            community_bound,
            _certificate,
        ),
        Criterion(
            "worst_saving",
            "what the member who gains least pays less than alone",
            "currency",
            "max",
            worst_saving,
            _scale,
            lambda i, p: (float(i.alone_bill.sum()) - community_bound(i, p)) / len(i.member),
        ),
        described("consumer_saving", "share saved by those who would pay alone", "1", "max", consumer_saving),
        described("sellers_share", "share of the gain of sharing that sellers get", "1", "max", sellers_share),
        described(
            "net_sellers_share",
            "share of the gain of members who sell more than they buy",
            "1",
            "max",
            net_sellers_share,
        ),
        described("gini", "Gini coefficient of the members' savings", "1", "min", _spread(gini)),
        described("jain", "Jain's index of the members' savings", "1", "max", _spread(jain)),
        described("bracket_breach", "how far a price leaves the grid's bracket", "currency/kWh", "min", bracket_breach),
    ),
    tiny=tiny_settlement,
)

PROBLEMS = (PROBLEM, RESPONSIVE)
