"""Exact settlements in closed form: Owen's price and the Shapley value."""

from __future__ import annotations

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.settlement import ENUMERABLE, MATCH, SettlementInstance, subset_sums
from ..models.settlement.decision import SettlementDecision, SettlementPrices
from .kernels.coalitions import shapley_value
from .kernels.internal_prices import ROUNDING, dual_prices
from .method import Answer
from .settlements import settle_at


def settle_at_dual(instance: SettlementInstance, balanced: float) -> Answer:
    """Bills at the dual of the community's balance.

    The community is short where it buys from the grid: one more kWh costs the retail price; long, the feed-in price.
    Where it is balanced the dual of the program that made the dispatch is taken, where that is known.

    Parameters
    ----------
    instance : SettlementInstance
        The community.
    balanced : float
        In [0, 1]: where between the feed-in and the retail price the dual of a balanced interval is taken to lie.

    Returns
    -------
    Answer

    Raises
    ------
    NotApplicable
        Where groups by themselves would have another dispatch and the dual is not known, or where this dispatch is not
        the community's best: no price makes members want it.
    """
    short = instance.buying_kwh - instance.selling_kwh
    # A solver's schedule is balanced to its own tolerance; of raw meters only rounding is taken for none.
    slack = ROUNDING if instance.balance_price is None else MATCH
    even = np.abs(short) <= slack * (instance.buying_kwh + instance.selling_kwh)
    if instance.redispatched and instance.balance_price is None:
        raise NotApplicable(
            "members alone have another dispatch, and balance_price does not say what this one's dual is"
        )
    price = dual_prices(
        np.where(even, 0.0, instance.buying_kwh),
        np.where(even, 0.0, instance.selling_kwh),
        instance.retail_price,
        instance.feed_in_price,
        balanced,
    )[0]
    if instance.balance_price is not None:
        known = np.clip(instance.balance_price, instance.feed_in_price, instance.retail_price)
        price = np.where(even, known, price)
    answer = settle_at(instance, price, price, prices=SettlementPrices(instance=instance, energy_price=price))
    if instance.redispatched:
        assert isinstance(answer.decision, SettlementDecision)
        _refuse_what_is_no_dual(instance, answer.decision.bill)
    return answer


def _refuse_what_is_no_dual(instance: SettlementInstance, bill: np.ndarray) -> None:
    """At a dual of the best dispatch nobody can do better alone, nor all together: where they can, it is none."""
    slack = 1e-7 * float(np.abs(instance.alone_bill).sum())
    for i in np.flatnonzero(bill > instance.alone_bill + slack):
        alone, here = instance.alone_bill[i], bill[i]
        why = "balance_price is no dual of this dispatch"
        raise NotApplicable(f"{instance.member[i]} would pay {here:g} instead of {alone:g} alone: {why}")
    if not len(instance.coalition):
        return
    whole, here = instance.coalition_costs[-1], instance.community_bill
    if here > whole + slack:
        raise NotApplicable(f"the dispatch costs {here:g}, the community's best {whole:g}: no price makes it wanted")
    excess = subset_sums(bill) - instance.coalition_costs
    worst = int(excess.argmax())
    if excess[worst] > slack:
        names = ", ".join(str(name) for i, name in enumerate(instance.member) if worst >> i & 1)
        why = "balance_price is no dual of this dispatch"
        raise NotApplicable(f"{names} would pay {excess[worst]:g} less by themselves: {why}")


def settle_by_shapley(instance: SettlementInstance) -> Answer:
    """Bills by the Shapley value of the cost game; a dispatch that is not the best adds the same to every bill.

    Parameters
    ----------
    instance : SettlementInstance
        At most 16 members.

    Returns
    -------
    Answer

    Raises
    ------
    NotApplicable
        For more members.
    """
    n = len(instance.member)
    if not instance.enumerable:
        raise NotApplicable(f"{n} members have 2^{n} groups; up to {ENUMERABLE} members they are gone through")
    value = shapley_value(instance.coalition_costs)
    bill = value + (instance.community_bill - value.sum()) / n
    return Answer(SettlementDecision(instance=instance, bill=bill))
