"""Settlements from prices: what menus, programs and rules of thumb share when they turn prices into bills."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..instances.settlement import SettlementInstance
from ..models.settlement.decision import SettlementDecision, SettlementPrices, internal_price, interval_bills
from .kernels.internal_prices import edge_cases
from .method import Answer
from .status import Status

MEANING = {
    "nobody trades": "nobody buys or sells, prices are nominal",
    "nobody sells": "nobody sells, what is bought comes from the grid",
    "nobody buys": "nobody buys, all that is sold goes to the grid",
    "no feed-in price": "the feed-in price is 0 or less, where the selling price falls linearly",
}


def settle_at(
    instance: SettlementInstance,
    buy_price: np.ndarray,
    sell_price: np.ndarray,
    *,
    cases: np.ndarray | None = None,
    prices: SettlementPrices | None = None,
    status: Status | None = None,
    build_seconds: float = 0.0,
    notes: tuple[str, ...] = (),
) -> Answer:
    """Bills at internal prices, with a log of the prices and notes on intervals that are priced by convention.

    Parameters
    ----------
    instance : SettlementInstance
        The community.
    buy_price, sell_price : (T,) arrays, currency/kWh
        Internal prices.
    cases : (T,) array of str, optional
        Which intervals are priced by convention (:func:`.edge_cases`); otherwise those in which a side is missing.
    prices, status, build_seconds, notes
        Of the answer.

    Returns
    -------
    Answer
        Its log ``prices`` has a row an interval: what is bought, sold and stays inside, supply over demand, the two
        prices, the price of what members give each other, and the case.
    """
    if cases is None:
        cases = edge_cases(instance.buying_kwh, instance.selling_kwh, np.ones(len(instance.interval)))
    decision = SettlementDecision(
        instance=instance,
        bill=interval_bills(instance, buy_price, sell_price).sum(axis=0),
        buy_price=buy_price,
        sell_price=sell_price,
    )
    found = tuple(note for case in MEANING if (note := _note(instance, cases, case)))
    log = _price_log(instance, buy_price, sell_price, cases)
    return Answer(decision, prices, status, {}, build_seconds, (*notes, *found), {"prices": log})


def _note(instance: SettlementInstance, cases: np.ndarray, case: str) -> str:
    at = np.flatnonzero(cases == case)
    if not at.size:
        return ""
    intervals = f"{at.size} interval{'s' * (at.size > 1)}"
    return f"{case}: {intervals}, the first {instance.interval[at[0]]} ({MEANING[case]})"


def _price_log(instance: SettlementInstance, buy: np.ndarray, sell: np.ndarray, cases: np.ndarray) -> pd.DataFrame:
    bought, sold = instance.buying_kwh, instance.selling_kwh
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = sold / bought
    return pd.DataFrame(
        {
            "interval": instance.interval,
            "buying_kwh": bought,
            "selling_kwh": sold,
            "inside_kwh": instance.inside_kwh,
            "supply_over_demand": ratio,
            "buy_price": buy,
            "sell_price": sell,
            "inside_price": internal_price(instance, buy, sell),
            "case": cases,
        }
    )
