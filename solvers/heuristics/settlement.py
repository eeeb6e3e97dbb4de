"""Rules by which communities really settle: supply and demand ratio, mid-market rate, bill sharing, each alone.

All but the last pay the grid exactly, so all of them cost the community the same. None looks at what a group would pay
by itself.

Source: Lange, section "Benchmark models"; Liu et al., IEEE TPWRS 32(5), 2017.
"""

from __future__ import annotations

import numpy as np

from ...instances.errors import NotApplicable
from ...instances.settlement import MATCH, SettlementInstance
from ...models.settlement.decision import SettlementDecision
from ..kernels.internal_prices import ROUNDING, bill_sharing_prices, edge_cases, mmr_prices, sdr_prices
from ..method import Answer
from ..settlements import settle_at


def supply_demand_ratio(instance: SettlementInstance, compensation: float) -> Answer:
    """Bills at SDR prices, with a compensation for those who share.

    Raises
    ------
    NotApplicable
        For a compensation that is not between 0 and what the grid's prices differ by in some interval.
    """
    room = instance.retail_price - instance.feed_in_price
    wrong = np.flatnonzero(~((compensation >= 0) & (compensation <= room + ROUNDING * np.abs(instance.retail_price))))
    if wrong.size:
        t = wrong[0]
        raise NotApplicable(f"interval {instance.interval[t]}: compensation {compensation:g} outside [0, {room[t]:g}]")
    bought, sold = instance.buying_kwh, instance.selling_kwh
    buy, sell = sdr_prices(bought, sold, instance.retail_price, instance.feed_in_price, compensation)
    return settle_at(instance, buy, sell, cases=edge_cases(bought, sold, instance.feed_in_price, compensation))


def mid_market_rate(instance: SettlementInstance) -> Answer:
    """Bills at the mid-market rate."""
    buy, sell = mmr_prices(instance.buying_kwh, instance.selling_kwh, instance.retail_price, instance.feed_in_price)
    return settle_at(instance, buy, sell)


def bill_sharing(instance: SettlementInstance) -> Answer:
    """The community's bill over the horizon, shared out by energy; prices may lie outside the grid's."""
    if instance.shared_kwh is not None:
        raise NotApplicable("bill sharing asks nothing for what is shared, so an allocation has nothing to settle")
    buy, sell = bill_sharing_prices(instance.net_kwh.T, instance.retail_price, instance.feed_in_price)
    ones = np.ones(len(instance.interval))
    bought, sold = instance.buying_kwh > 0, instance.selling_kwh > 0
    notes = [f"nobody {side} over the horizon: that price is nominally 0" for side in _missing(bought, sold)]
    outside = bought & ((buy > instance.retail_price) | (buy < instance.feed_in_price))
    outside |= sold & ((sell < instance.feed_in_price) | (sell > instance.retail_price))
    if outside.any():
        t = int(outside.argmax())
        low, high = instance.feed_in_price[t], instance.retail_price[t]
        count = int(outside.sum())
        where = f"{count} interval{'s' * (count > 1)}, the first {instance.interval[t]}"
        notes.append(f"prices leave the grid's bracket: {where} [{low:g}, {high:g}]: buying {buy:g}, selling {sell:g}")
    return settle_at(instance, buy * ones, sell * ones, notes=tuple(notes))


def _missing(bought: np.ndarray, sold: np.ndarray) -> list[str]:
    return [side for side, some in (("buys", bought), ("sells", sold)) if not some.any()]


def each_alone(instance: SettlementInstance) -> SettlementDecision:
    """What each member pays behind a meter of its own, with its own dispatch where that is known: no sharing."""
    own = instance.redispatched
    together, here = float(instance.alone_bill.sum()), instance.community_bill
    if together < here - MATCH * float(np.abs(instance.alone_bill).sum()):
        raise NotApplicable(f"all alone would pay {together:g}, less than this dispatch costs together ({here:g})")
    return SettlementDecision(
        instance=instance,
        bill=instance.alone_bill,
        buy_price=None if own else instance.retail_price,
        sell_price=None if own else instance.feed_in_price,
        meters="separate",
    )
