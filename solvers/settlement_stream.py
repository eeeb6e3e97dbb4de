"""Settling more than fits in memory: bills of a long horizon from blocks of intervals, one after the other.

Prices of an interval depend on that interval alone, so a block at a time is enough; bill sharing needs what everybody
bought and sold over the horizon, which is added up on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from .kernels.internal_prices import bills, checked_trades, dual_prices, mmr_prices, sdr_prices, traded

Rule = Literal["sdr", "mmr", "dual_price", "bill_sharing", "alone"]


class Block(NamedTuple):
    """Some intervals of a community.

    Parameters
    ----------
    net_kwh : (members, T) array, kWh
        Demand minus supply.
    retail_price, feed_in_price : (T,) arrays or numbers, currency/kWh
        Of the grid.
    period : str
        Name of the statement that the block belongs to, for example ``"2030-01"``; blocks of one period need not follow
        each other.
    """

    net_kwh: np.ndarray
    retail_price: Any
    feed_in_price: Any
    period: str = "all"


@dataclass(frozen=True)
class Streamed:
    """What a stream of blocks comes to.

    Parameters
    ----------
    statements : DataFrame
        A row for each period and member, in the order of their first block: ``period``, ``member`` (position),
        ``bought_kwh``, ``sold_kwh`` and ``bill``.
    community_bill : float, currency
        What the grid is paid, which the bills add up to (``"alone"``: what all meters together would pay).
    """

    statements: pd.DataFrame
    community_bill: float


def blocks_of(net_kwh: np.ndarray, retail_price: Any, feed_in_price: Any, *, intervals: int = 168) -> Iterator[Block]:
    """Cut a (members, T) array, for example one mapped from a file, into blocks of intervals.

    Parameters
    ----------
    net_kwh : (members, T) array, kWh
        Read block by block.
    retail_price, feed_in_price : (T,) arrays or numbers, currency/kWh
        Of the grid.
    intervals : int
        Length of a block.

    Yields
    ------
    Block
    """
    horizon = net_kwh.shape[1]
    retail, feed_in = (np.broadcast_to(price, (horizon,)) for price in (retail_price, feed_in_price))
    for begin in range(0, horizon, intervals):
        part = slice(begin, begin + intervals)
        yield Block(np.ascontiguousarray(net_kwh[:, part]), retail[part], feed_in[part])


def settle_stream(blocks: Iterable[Block], rule: Rule = "sdr", *, compensation: float = 0.0) -> Streamed:
    """Settle blocks of intervals one after the other; no more than one is held.

    Parameters
    ----------
    blocks : iterable of Block
        All of the same members.
    rule : {"sdr", "mmr", "dual_price", "bill_sharing", "alone"}
        By which prices.
    compensation : float, currency/kWh
        Of SDR prices.

    Returns
    -------
    Streamed

    Raises
    ------
    ValueError
        For an unknown rule, a compensation where there is none, blocks of different members, no block at all, or what
        the kernels refuse, naming the block.
    """
    if rule not in get_args(Rule):
        raise ValueError(f"unknown rule {rule!r}; known: {', '.join(get_args(Rule))}")
    if compensation and rule != "sdr":
        raise ValueError(f"rule {rule!r} knows no compensation; leave it out, or take 'sdr'")
    periods: dict[str, np.ndarray] = {}
    paid = received = community = 0.0
    for number, block in enumerate(blocks):
        try:
            columns, due = _settled(block, rule, compensation)
        except ValueError as error:
            raise ValueError(f"block {number} ({block.period}): {error}") from error
        known = periods.setdefault(block.period, np.zeros_like(columns))
        if any(len(columns) != len(other) for other in periods.values()):
            first = len(next(iter(periods.values())))
            raise ValueError(f"block {number} ({block.period}) has {len(columns)} members, the first has {first}")
        known += columns
        paid, received = paid + due[0], received + due[1]
        community += due[2] if rule == "alone" else due[0] - due[1]
    if not periods:
        raise ValueError("there is no block to settle")
    if rule == "bill_sharing":
        _share(periods, paid, received)
    return Streamed(_frame(periods), community)


def _settled(block: Block, rule: Rule, compensation: float) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Bought, sold and bill of each member, (members, 3); what the grid is paid, pays, and would be paid alone."""
    net = np.asarray(block.net_kwh, dtype=float)
    buying, selling, retail, feed_in = checked_trades(*traded(net), block.retail_price, block.feed_in_price)
    if len(buying) != net.shape[1]:
        raise ValueError(f"{len(buying)} prices do not fit {net.shape[1]} intervals")
    buy, sell = {
        "sdr": lambda: sdr_prices(buying, selling, retail, feed_in, compensation),
        "mmr": lambda: mmr_prices(buying, selling, retail, feed_in),
        "dual_price": lambda: dual_prices(buying, selling, retail, feed_in),
        "bill_sharing": lambda: mmr_prices(buying, selling, retail, feed_in),
        "alone": lambda: (retail, feed_in),
    }[rule]()
    columns = np.empty((len(net), 3))
    columns[:, 0] = np.maximum(net, 0.0).sum(axis=1)
    columns[:, 1] = np.maximum(-net, 0.0).sum(axis=1)
    columns[:, 2] = bills(net, buy, sell).sum(axis=1)
    total = buying - selling
    due = float(retail @ np.maximum(total, 0.0)), float(feed_in @ np.maximum(-total, 0.0))
    return columns, (*due, float(columns[:, 2].sum()))


def _share(periods: dict[str, np.ndarray], paid: float, received: float) -> None:
    """Put in bills by what everybody bought and sold over the horizon."""
    bought = sum(float(columns[:, 0].sum()) for columns in periods.values())
    sold = sum(float(columns[:, 1].sum()) for columns in periods.values())
    buy, sell = paid / bought if bought > 0 else 0.0, received / sold if sold > 0 else 0.0
    for columns in periods.values():
        columns[:, 2] = buy * columns[:, 0] - sell * columns[:, 1]


def _frame(periods: dict[str, np.ndarray]) -> pd.DataFrame:
    columns = np.vstack(list(periods.values()))
    members = len(columns) // len(periods)
    return pd.DataFrame(
        {
            "period": np.repeat(list(periods), members),
            "member": np.tile(np.arange(members), len(periods)),
            "bought_kwh": columns[:, 0],
            "sold_kwh": columns[:, 1],
            "bill": columns[:, 2],
        }
    )
