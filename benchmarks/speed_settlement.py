"""Speed of settlement: prices and bills of very many members beside a copy of their net loads and a loop over hours.

Figure to reach (specification, "Speed in ratios"): a day of a million members, bills included, in three copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import starmap

import numpy as np
import pandas as pd

from ..solvers.kernels import bill_sharing_prices, bills, dual_prices, mmr_prices, sdr_prices, shapley_value, traded
from ..solvers.settlement_stream import Block, Streamed, settle_stream
from .speed import Figure, Task

RETAIL, FEED_IN = 0.30, 0.05
HOURS = 24
WEEK = 168


def net_loads(members: int, hours: int, seed: int = 1) -> np.ndarray:
    """Net loads of homes, every other with panels, (members, hours) kWh."""
    rng = np.random.default_rng(seed)
    sun = np.maximum(np.sin((np.arange(hours) % 24 - 6.0) / 12.0 * np.pi), 0.0)
    roof = np.where(rng.random(members) < 0.5, rng.uniform(1.0, 5.0, members), 0.0)
    net: np.ndarray = rng.exponential(0.4, (members, hours)) - roof[:, None] * sun * rng.uniform(0.3, 1.0, hours)
    return net


def settled(net: np.ndarray, rule: str) -> np.ndarray:
    """Bills of every member and hour by a rule, in one call for all hours."""
    buying, selling = traded(net)
    if rule == "bill sharing":
        return bills(net, *bill_sharing_prices(net, RETAIL, FEED_IN))
    prices = {"SDR": sdr_prices, "mid-market rate": mmr_prices, "dual price": dual_prices}[rule]
    return bills(net, *prices(buying, selling, RETAIL, FEED_IN))


def settled_hour_by_hour(frame: pd.DataFrame) -> pd.DataFrame:
    """The same by SDR as it is often written: a loop over hours, each of them with Series of pandas."""
    found = pd.DataFrame(index=frame.index, columns=frame.columns, dtype=float)
    for hour in frame.columns:
        net = frame[hour]
        buying, selling = net[net > 0].sum(), -net[net < 0].sum()
        buy, sell = _price_of_an_hour(buying, selling)
        found.loc[net > 0, hour] = net[net > 0] * buy
        found.loc[net <= 0, hour] = net[net <= 0] * sell
    return found


def _price_of_an_hour(buying: float, selling: float) -> tuple[float, float]:
    ratio = selling / buying if buying > 0 else np.inf
    if ratio >= 1:
        return FEED_IN, FEED_IN
    sell = FEED_IN * RETAIL / ((RETAIL - FEED_IN) * ratio + FEED_IN)
    return (RETAIL, RETAIL) if selling == 0 else (sell * ratio + RETAIL * (1 - ratio), sell)


def day_task(members: int) -> Task:
    """A day of very many members by every rule, beside a copy of the net loads."""
    net = net_loads(members, HOURS)
    rules = ("SDR", "mid-market rate", "dual price", "bill sharing")
    return Task(
        "a day with bills",
        f"{members} x {HOURS}",
        {rule: partial(settled, net, rule) for rule in rules} | {"copy": net.copy},
        tuple(Figure(rule, "copy", 3.0) for rule in rules),
        kernels=("SDR",),
    )


def loop_task(members: int) -> Task:
    """The same bills by a loop over hours in pandas."""
    net = net_loads(members, HOURS)
    frame = pd.DataFrame(net)
    return Task(
        "a day with bills beside a loop over hours",
        f"{members} x {HOURS}",
        {"SDR": partial(settled, net, "SDR"), "loop over hours in pandas": partial(settled_hour_by_hour, frame)},
        kernels=("SDR",),
        answers=lambda found: np.asarray(found).ravel(),
    )


def year_task(members: int, weeks: int) -> Task:
    """A long horizon in blocks of a week, made as they are asked for: seconds, and memory held at a time."""

    def blocks() -> Iterator[Block]:
        for week in range(weeks):
            yield Block(net_loads(members, WEEK, seed=week), RETAIL, FEED_IN, f"month {1 + week * 12 // weeks}")

    def run() -> Streamed:
        return settle_stream(blocks())

    def only_made() -> int:
        return sum(starmap(_cells, blocks()))

    return Task(
        "a year, streamed by weeks",
        f"{members} x {weeks * WEEK}",
        {"SDR": run, "making the blocks": only_made},
        repetitions=1,
        kernels=("SDR",),
    )


def _cells(net: np.ndarray, *rest: object) -> int:
    return net.size


def game_task(members: int) -> Task:
    """Values of a game of all groups."""
    costs = np.random.default_rng(0).random(2**members)
    return Task(
        "Shapley value",
        f"{members} members, 2^{members} groups",
        {"kernel": partial(shapley_value, costs), "copy": costs.copy},
    )


def tasks(quick: bool = False) -> Iterator[Task]:
    """Yield the tasks one after another, so that only one holds its data in memory."""
    yield day_task(1_000 if quick else 10**6)
    for members in (20,) if quick else (100, 1_000, 100_000):
        yield loop_task(members)
    yield year_task(50, 2) if quick else year_task(10**4, 52)
    yield game_task(5 if quick else 16)
