"""Many members: storages answer in turn, at a price that moves by what those before them drew too much.

At the price of an optimum most storages do not care in which of several intervals they charge, where these cost the
same. Asked for one of their best answers each, all give the same one, and together they draw far too much in one
interval and nothing in the others. So they are asked one after another, in random order, and the price that the next
ones see rises by a hair where more has been drawn so far than their share of what is wanted. Each answer is exact, at a
price that is all but the given one, so it costs all but the least; and all together draw what is wanted but for what
some storages draw. How little is a hair in each interval follows from the interior-point method, whose last system of
equations says by how much all would draw less at a higher price.

Source: ours; it is a controller with a proportional and an integral part, critically damped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .kernels.battery_fleet import NO_HORIZON, NOTHING
from .kernels.battery_rows import LIMIT, solve_rows
from .kernels.block_search import in_parallel
from .price_takers import PriceTakers

WITHIN = 0.04
"""Share of all storages within whose answers a deviation is to be made up for."""

LANES = 8
"""Parts of the storages that answer beside each other: a fixed number, whatever the number of threads."""

LANE, BLOCK = 4000, 16
"""Storages from which another lane is worth while, and most neighbours that see the same price."""

AT_LAST = 0.05
"""Share of the storages that answer after all lanes, and make up for what these left."""


@dataclass
class Turns:
    """What storages answer in turn.

    Parameters
    ----------
    drawn : (S, T) array, kWh
        What each draws.
    own : (S,) array, currency
        What that costs it besides energy.
    price : (T,) array, currency/kWh
        What they saw on average.
    """

    drawn: np.ndarray
    own: np.ndarray
    price: np.ndarray


class _Lane:
    """Storages that answer one block after another, and how the price has moved for them."""

    def __init__(self, short: np.ndarray, moved: np.ndarray) -> None:
        self.short, self.start = short, moved
        self.summed, self.seen = np.zeros_like(short), np.zeros_like(short)
        self.answered = 0


class _Caller:
    """Calls blocks of storages up and keeps the books."""

    def __init__(
        self, takers: PriceTakers, price: np.ndarray, share: np.ndarray, price_per_kwh: np.ndarray, counted: np.ndarray
    ) -> None:
        self.fleet, self.price, self.share = takers.fleets[0], price, share
        self.count, intervals = len(takers.useful), len(price)
        self.counted = counted.astype(float)
        # What a storage draws too much is to be made up for by some storages only, which need a greater move.
        self.gain = self.count * price_per_kwh
        self.drawn, self.own = np.empty((self.count, intervals)), np.empty(self.count)
        self.gap, self.reached = np.empty(self.count), np.empty((self.count, 2))
        self.stuck = np.empty(self.count, np.int64)
        self.width = int(np.clip(self.count // 2000, 1, BLOCK))

    def call(self, lane: _Lane, blocks: np.ndarray, hurry: bool = False) -> None:
        """Let blocks answer; in a hurry, the sooner make up for deviations the fewer are left."""
        fleet, width = self.fleet, self.width
        for number, block in enumerate(blocks.tolist()):
            first, last = block * width, min(self.count, (block + 1) * width)
            within = WITHIN * self.count
            if hurry:
                # Not within the very next ones: prices that jump cost more than a small deviation.
                within = min(within, max(8, (len(blocks) - number) / 4) * width)
            turn = lane.start + self.gain @ ((2.0 * lane.short + lane.summed) / within)
            moved = np.maximum(self.price + turn, 0.0)
            prices = moved.reshape(1, -1)
            solve_rows(
                fleet.net_kwh, prices, prices, fleet.capacity_kwh, fleet.minimum_kwh, fleet.charge_kw,
                fleet.discharge_kw, fleet.numbers, fleet.dt_h, LIMIT, first, last, self.drawn, NOTHING, NOTHING,
                NOTHING, NO_HORIZON, self.own, self.gap, self.stuck, self.reached,
            )  # fmt: skip
            drawn, counted = self.drawn[first:last], self.counted[first:last]
            self.own[first:last] -= drawn @ moved
            lane.short += counted @ drawn - counted.sum() * self.share
            lane.summed += (last - first) / within * lane.short
            lane.seen += (last - first) * (moved - self.price)
            lane.answered += last - first


def answer_in_turn(
    takers: PriceTakers, price: np.ndarray, wanted_kwh: np.ndarray, price_per_kwh: np.ndarray, counted: np.ndarray
) -> Turns:
    """Answers of all storages that are best at almost a given price, and together draw almost what is wanted.

    Parameters
    ----------
    takers : PriceTakers
        Of one group, none of whose storages is without an answer.
    price : (T,) array, currency/kWh
        Of energy.
    wanted_kwh : (T,) array, kWh
        What the storages that count are to draw together.
    price_per_kwh : (T, T) array, currency/kWh²
        By how much prices rise with what is drawn more, near the given one.
    counted : (S,) array of bool
        Whose answers count.

    Returns
    -------
    Turns
        The same bytes for any number of threads.
    """
    caller = _Caller(takers, price, wanted_kwh / max(1, counted.sum()), price_per_kwh, counted)
    blocks = np.random.default_rng(1).permutation(-(-caller.count // caller.width))
    in_lanes = int(len(blocks) * (1.0 - AT_LAST))
    parts = np.array_split(blocks[:in_lanes], np.clip(caller.count // LANE, 1, LANES))
    nothing = np.zeros_like(price)
    lanes = [_Lane(nothing.copy(), nothing) for _ in parts]

    def run(first: int, last: int) -> None:
        for lane, part in zip(lanes[first:last], parts[first:last], strict=True):
            caller.call(lane, part)

    in_parallel(run, len(parts))
    seen = sum((lane.seen for lane in lanes), nothing) / max(1, sum(lane.answered for lane in lanes))
    closing = _Lane(sum((lane.short for lane in lanes), nothing), seen)
    caller.call(closing, blocks[in_lanes:], hurry=True)
    return Turns(caller.drawn, caller.own, np.maximum(price + seen, 0.0))
