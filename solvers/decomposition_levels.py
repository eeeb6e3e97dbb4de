"""Many members: prices from a sample of the storages, then all that know their answer are taken as they are.

The price of a large community hardly depends on which of its storages are looked at. So the interior-point method
(:mod:`.decomposition_interior`) first decides a sample that stands for all. All storages then answer exactly at its
price by the battery kernel, and the sample is decided again, now standing only for how all *change* from there. Prices
soon move so little that most storages answer alike at the last two of them. These are taken as they are; the rest are
decided one by one with the grid. A last answer of all at the price found proves the bound, and names whoever would
rather do otherwise than taken: they are decided, too, until the gap is as small as asked.

Source: ours; sampling with a control variate, and sifting of columns, are classical.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..instances.errors import NotApplicable
from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.decision import SchedulingDecision, SchedulingPrices
from .decomposition_interior import Found, find_prices
from .method import Answer
from .price_takers import PriceTakers, least_grid
from .schedules import in_proportion, schedule, states_of_flows
from .status import Status

SAMPLE = 3000
"""Storages that stand for all; not more than twice as many are decided without a sample."""

ROUGH = 1e-5
"""Relative gap of the programs of a sample, whose price is corrected afterwards."""

MOST = 6000
"""Storages that are decided one by one as soon as so few are in doubt."""

FORGONE = 0.1
"""Share of the gap that storages may lose whose answers are taken as they are."""

LEVELS = 5
"""Programs of the sample, and then of those in doubt, at most so many each."""

GAP = 8e-7
"""Relative gap at which to stop."""


FEWEST, LONGEST = 25, 1000
"""Storages from which, and intervals up to which, the method is worth its while: few storages are decided by a program
to more digits in less time, and its system of prices is dense in the intervals."""


def refuse_few_or_long(instance: SchedulingInstance) -> None:
    """Raise where other methods do better.

    Raises
    ------
    NotApplicable
        Naming the number of storages or intervals.
    """
    storages, intervals = len(instance.storage), len(instance.interval)
    if storages < FEWEST:
        raise NotApplicable(f"{storages} storages: a program decides fewer than {FEWEST} to more digits")
    if intervals > LONGEST:
        raise NotApplicable(f"{intervals} intervals: the system of their prices is dense, and meant for {LONGEST}")


@dataclass
class _Asked:
    """All storages' exact answers at a price: what they draw, (S, T) kWh, what that costs each besides energy, (S,)."""

    price: np.ndarray
    drawn: np.ndarray
    own: np.ndarray
    cost: np.ndarray
    water_value: np.ndarray

    @classmethod
    def at(cls, takers: PriceTakers, price: np.ndarray) -> _Asked:
        drawn, cost, water = takers.ask_storages(price, water_value=True)
        return cls(price, drawn, cost - drawn @ price, cost, water)


def run_interior_point(
    instance: SchedulingInstance, *, gap: float = GAP, sample: int = SAMPLE, time_limit_s: float | None = None
) -> Answer:
    """Least cost of a community of any size by an interior-point method that decides few storages one by one.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given; see :func:`.price_takers.refuse_what_is_no_price_taker` for the premise.
    gap : float
        Relative gap at which to stop.
    sample : int
        Storages that stand for all.
    time_limit_s : float, optional
        Wall-clock limit, looked at between programs.

    Returns
    -------
    Answer
        With prices, and the programs as a log.

    Raises
    ------
    NotApplicable
        Outside the premise, and where the method finds no schedule: there may be none, or none with room to move in.
    """
    started = time.perf_counter()
    takers = PriceTakers(instance, 8)
    useful, fixed = takers.useful, takers.fixed_kwh
    rows: list[dict[str, float]] = []

    def note(found: Found, decided: int, cost: float, bound: float, reached: float) -> None:
        seconds = time.perf_counter() - started
        steps = float(len(found.rows))
        rows.append(
            {
                "decided": float(decided),
                "steps": steps,
                "cost": cost,
                "bound": bound,
                "gap": reached,
                "seconds": seconds,
            }
        )

    chosen, drawn, own = np.arange(len(useful)), np.zeros((len(useful), len(fixed))), np.zeros(len(useful))
    if len(useful) > 2 * sample:
        chosen, drawn, own = _in_doubt(takers, sample, gap, note)
    status = Status.FEASIBLE
    scale = _scale(instance)
    for level in range(LEVELS):
        taken = np.ones(len(useful), dtype=bool)
        taken[chosen] = False
        found = find_prices(instance, useful[chosen], fixed + drawn[taken].sum(axis=0), tolerance=0.02 * gap)
        if not found.converged:
            raise NotApplicable(
                f"the interior-point method found no schedule in {len(found.rows)} steps: there may be none, "
                "or none with room to move in"
            )
        price = _within(instance, found)
        last = _Asked.at(takers, price)
        lost = np.where(taken, own + drawn @ price - last.cost, 0.0)
        cost = found.rows[-1]["cost"] + float(own[taken].sum())
        bound = float(last.cost.sum()) + _rest(takers, price, found.peak_value)
        reached = (cost - bound) / max(scale, abs(cost), abs(bound))
        note(found, len(chosen), cost, bound, reached)
        if reached <= gap:
            status = Status.OPTIMAL
            break
        if time_limit_s is not None and time.perf_counter() - started > time_limit_s:
            status = Status.TIME_LIMIT
            break
        if level == LEVELS - 1 or not taken.any():
            break
        # Whoever loses by what was taken for granted is decided, too; so is whoever was before.
        doubtful = ~taken | _who_loses(lost, FORGONE * gap * abs(cost))
        drawn, own = np.where(taken[:, None], last.drawn, drawn), np.where(taken, last.own, own)
        chosen = np.flatnonzero(doubtful)
    decision = _decided(takers, found, chosen, drawn)
    water = np.repeat(price[:, None], len(instance.storage), axis=1)
    water[:, useful] = last.water_value.T
    prices = SchedulingPrices(instance=instance, energy_price=price, water_value=water, peak_value=found.peak_value)
    return Answer(decision, prices, status, logs={"rounds": pd.DataFrame(rows)})


def _in_doubt(takers: PriceTakers, sample: int, gap: float, note: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which storages answered differently at the last two prices, and what all draw at the last, at what own cost."""
    instance, useful, fixed = takers.instance, takers.useful, takers.fixed_kwh
    picked = np.sort(np.random.default_rng(0).permutation(len(useful))[:sample])
    weight = len(useful) / sample
    rest, before = fixed, None
    for _ in range(LEVELS):
        found = find_prices(instance, useful[picked], rest, weight=weight, tolerance=ROUGH)
        if not np.isfinite(found.price).all():
            raise NotApplicable("the interior-point method found no prices: there may be no schedule")
        price = _within(instance, found)
        asked = _Asked.at(takers, price)
        total = asked.drawn.sum(axis=0)
        rest = fixed + total - weight * asked.drawn[picked].sum(axis=0)
        bound = float(asked.cost.sum()) + _rest(takers, price, found.peak_value)
        note(found, sample, np.nan, bound, np.nan)  # type: ignore[operator]
        if before is not None:
            lost = before.own + before.drawn @ price - asked.cost
            doubtful = _who_loses(lost, FORGONE * gap * abs(found.rows[-1]["cost"]))
            if doubtful.sum() <= MOST:
                break
        before = asked
    doubtful[picked[: sample // 3]] = True
    return np.flatnonzero(doubtful), asked.drawn, asked.own


def _who_loses(lost: np.ndarray, allowed: float) -> np.ndarray:
    """Those with the greatest losses, (S,) bool: all others together lose no more than what is allowed."""
    order = np.argsort(lost, kind="stable")
    found = np.zeros(len(lost), dtype=bool)
    found[order[np.searchsorted(np.cumsum(lost[order]), allowed) :]] = True
    return found


def _scale(instance: SchedulingInstance) -> float:
    """A thousandth of what all load and generation are worth, below which a gap need not be relative."""
    price = np.maximum(np.abs(instance.buy_price), np.abs(instance.sell_price))
    return 1e-3 * float((price * (instance.load_kwh + instance.generation_kwh).sum(axis=1)).sum()) or 1.0


def _within(instance: SchedulingInstance, found: Found) -> np.ndarray:
    """The price without what rounding put beyond the grid's prices, where the grid has no limits."""
    high = np.where(
        np.isfinite(instance.import_limit_kwh), np.inf, instance.buy_price + found.peak_value / instance.dt_h
    )
    low = np.where(np.isfinite(instance.export_limit_kwh), 0.0, instance.sell_price)
    return np.clip(found.price, low, np.maximum(low, high))


def _rest(takers: PriceTakers, price: np.ndarray, peak: np.ndarray) -> float:
    """What everything but storages costs at least at a price."""
    cut = np.minimum(takers.instance.curtailment_price - price[:, None], 0.0) * takers.instance.sheddable_kwh
    served = float(takers.serve(price).sum(axis=1) @ price)
    return float(takers.fixed_kwh @ price + cut.sum()) + served + least_grid(takers.instance, price, peak)


def _decided(takers: PriceTakers, found: Found, chosen: np.ndarray, drawn: np.ndarray) -> SchedulingDecision:
    """The schedule of what was decided and what was taken as answered."""
    instance, columns = takers.instance, found.columns
    flows = np.zeros((len(instance.interval), len(instance.storage)))
    flows[:, takers.useful] = drawn.T
    soc = states_of_flows(instance, np.maximum(flows, 0.0), np.maximum(-flows, 0.0))
    soc[:, takers.useful[chosen]] = found.stores.contents()
    taken = columns.taken
    served = np.zeros_like(instance.request_limit_kwh)
    served[tuple(columns.served.T)] = taken[columns.blocks["service"]]
    total = served.sum(axis=0)
    served *= np.divide(instance.request_kwh, total, out=np.ones_like(total), where=total > 0)
    curtailed = np.zeros_like(instance.load_kwh)
    curtailed[tuple(columns.cut.T)] = taken[columns.blocks["curtailed"]]
    lost = in_proportion(taken[columns.blocks["lost"]], instance.losable_kwh)
    return schedule(
        instance, soc, np.minimum(served, instance.request_limit_kwh), curtailed_kwh=curtailed, lost_kwh=lost
    )
