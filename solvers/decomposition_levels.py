"""Many members: prices from a sample of the storages, then answers of all that add up, then a few decided once more.

The price of a large community hardly depends on which of its storages are looked at. So the interior-point method
(:mod:`.decomposition_interior`) first decides a sample that stands for all. All storages then answer exactly at its
price by the battery kernel, and the sample is decided again, now standing only for how all *change* from there: its
price is that of all but for terms of second order. Near it all storages answer in turn, such that together they draw
what is wanted (:mod:`.decomposition_turns`). What little is left, the interior-point method makes up for with a few of
them and the grid. A last answer of all proves the bound. Should the gap be too great, storages are decided one by one
besides, those first who would rather do otherwise if the price moved a little the way that it moves for the few; in the
end that is all of them.

Storages that are far larger than the rest stand for none but themselves.

Source: ours; sampling with a control variate, and sifting of columns, are classical.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..instances.errors import NotApplicable
from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.decision import SchedulingPrices
from .decomposition_decision import schedule_of
from .decomposition_interior import Found, find_prices
from .decomposition_turns import answer_in_turn
from .method import Answer
from .price_takers import PriceTakers, least_grid
from .status import Status

SAMPLE = 500
"""Storages that stand for all; not more than four times as many are decided without a sample."""

ROUGH, FINE = 1e-4, 1e-6
"""Relative gaps of the programs of a sample: of the first, whose price is corrected afterwards, and of the second."""

LARGE = 10.0
"""Sizes of a mean storage from which one stands for itself, if there are no more such than the sample has storages."""

DECIDED = 0.5
"""Share of the sample whose storages are decided once more after all have answered."""

GROWTH = 2.0
"""How many more are decided each time that the gap is too great, in numbers of those that were."""

MARGIN = 16.0
"""How far beyond the price at which all would make up for what is left others are looked for that had better help."""

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
class _Proof:
    """What all storages' exact answers at a price prove: their costs (S,), water values (S, T) and the bound."""

    price: np.ndarray
    peak_value: np.ndarray
    cost: np.ndarray
    water_value: np.ndarray
    bound: float


@dataclass
class _Known:
    """What is known so far.

    ``taken`` says whose answers ``drawn``, (S, T) kWh, at their ``own`` cost, (S,), are taken as they are; all others
    are decided. ``proof`` is what proves the best bound.
    """

    taken: np.ndarray
    drawn: np.ndarray
    own: np.ndarray
    proof: _Proof | None = None
    rows: list[dict[str, float]] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)

    @property
    def taken_kwh(self) -> np.ndarray:
        """What is drawn by those whose answers are taken, (T,) kWh; not in one go, which would copy nearly all."""
        found: np.ndarray = self.drawn.sum(axis=0) - self.drawn[~self.taken].sum(axis=0)
        return found

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def note(self, found: Found, cost: float, gap: float) -> None:
        bound = -np.inf if self.proof is None else self.proof.bound
        row = {"decided": float(len(found.stores.chosen)), "steps": float(len(found.rows)), "cost": cost}
        self.rows.append(row | {"bound": bound, "gap": gap, "seconds": self.seconds})

    def prove(self, takers: PriceTakers, price: np.ndarray, peak_value: np.ndarray) -> _Proof:
        """Ask all storages at a price, and keep what they answer if it proves more than any before."""
        _, cost, water_value = takers.ask_storages(price, water_value=True)
        bound = float(cost.sum()) + _rest(takers, price, peak_value)
        asked = _Proof(price, peak_value, cost, water_value, bound)
        if self.proof is None or bound > self.proof.bound:
            self.proof = asked
        return asked


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
    takers = PriceTakers(instance, 1)
    useful, fixed = takers.useful, takers.fixed_kwh
    count = len(useful)
    known = _Known(np.zeros(count, dtype=bool), np.zeros((count, len(fixed))), np.zeros(count))
    if count > 4 * sample:
        _answer_by_sample(takers, sample, known)
    status, scale = Status.FEASIBLE, _scale(instance)
    while True:
        taken = known.taken
        chosen = np.flatnonzero(~taken)
        found = find_prices(instance, useful[chosen], fixed + known.taken_kwh, tolerance=0.02 * gap)
        late = time_limit_s is not None and known.seconds > time_limit_s
        if not found.converged and (late or not taken.any()):
            raise NotApplicable(
                f"the interior-point method found no schedule in {len(found.rows)} steps: there may be none, "
                "or none with room to move in"
            )
        lost = np.zeros(count)
        if found.converged:
            cost = found.rows[-1]["cost"] + float(known.own[taken].sum())
            reached = _gap(cost, known, scale)
            if reached > gap:
                # Few can make up for what is left only at a price far off; all could, at one that is hardly another.
                share = min(1.0, MARGIN * len(chosen) / max(1, count))
                price, peak_value = _towards(known.proof, found, share)
                price = _within(instance, price, peak_value)
                lost = known.own + known.drawn @ price - known.prove(takers, price, peak_value).cost
                reached = _gap(cost, known, scale)
            known.note(found, cost, reached)
            if reached <= gap or late or not taken.any():
                status = Status.OPTIMAL if reached <= gap else Status.TIME_LIMIT if late else status
                break
        _decide_more(known, lost)
    proof = known.proof
    assert proof is not None
    decision = schedule_of(takers, found, chosen, known.drawn)
    water = proof.water_value.T
    if count < len(instance.storage):
        water = np.repeat(proof.price[:, None], len(instance.storage), axis=1)
        water[:, useful] = proof.water_value.T
    prices = SchedulingPrices(
        instance=instance, energy_price=proof.price, water_value=water, peak_value=proof.peak_value
    )
    return Answer(decision, prices, status, logs={"rounds": pd.DataFrame(known.rows)})


def _answer_by_sample(takers: PriceTakers, sample: int, known: _Known) -> None:
    """Find a price from samples, take answers of all that add up near it, and prove what it proves."""
    alone = _large(takers, sample)
    counted = np.ones(len(takers.useful), dtype=bool)
    counted[alone] = False
    mixed = np.random.default_rng(0).permutation(np.flatnonzero(counted))
    picked, weight = np.sort(mixed[:sample]), len(mixed) / sample
    chosen = takers.useful[np.concatenate([alone, picked])]

    def decide(beside: np.ndarray | float, tolerance: float) -> tuple[Found, np.ndarray]:
        rest = takers.fixed_kwh + beside
        found = find_prices(takers.instance, chosen, rest, alone=len(alone), weight=weight, tolerance=tolerance)
        if not np.isfinite(found.price).all():
            raise NotApplicable("the interior-point method found no prices: there may be no schedule")
        known.note(found, np.nan, np.nan)
        return found, _within(takers.instance, found.price, found.peak_value)

    drawn = takers.ask_storages(decide(0.0, ROUGH)[1])[0]
    beside = drawn.sum(axis=0) - drawn[alone].sum(axis=0) - weight * drawn[picked].sum(axis=0)
    del drawn
    found, price = decide(beside, FINE)
    turns = answer_in_turn(takers, price, found.represented_kwh + beside, found.price_per_kwh, counted)
    known.drawn, known.own, known.taken = turns.drawn, turns.own, counted
    known.taken[picked[:: max(1, round(1.0 / DECIDED))]] = False
    known.prove(takers, _within(takers.instance, turns.price, found.peak_value), found.peak_value)


def _large(takers: PriceTakers, most: int) -> np.ndarray:
    """Storages that no others are like: far larger than the mean, and the largest if these are many."""
    instance = takers.instance
    size = (instance.charge_limit_kwh.sum(axis=0) + instance.discharge_limit_kwh.sum(axis=0))[takers.useful]
    order = np.argsort(-size, kind="stable")[:most]
    return np.sort(order[size[order] > LARGE * size.mean()])


def _towards(proof: _Proof | None, found: Found, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Prices of energy and peak, a share of the way from those that prove the best bound to those that were found."""
    if proof is None:
        return found.price, found.peak_value
    price = proof.price + share * (found.price - proof.price)
    return price, proof.peak_value + share * (found.peak_value - proof.peak_value)


def _decide_more(known: _Known, lost: np.ndarray) -> None:
    """Decide some times as many as before: those first who lose most by what was taken."""
    count = max(1, int(GROWTH * (~known.taken).sum()))
    mixed = np.random.default_rng(2).permutation(np.flatnonzero(known.taken))
    order = mixed[np.argsort(-lost[mixed], kind="stable")]
    known.taken[order[:count]] = False


def _gap(cost: float, known: _Known, scale: float) -> float:
    """Relative gap of a cost and the best bound."""
    if known.proof is None:
        return np.inf
    bound = known.proof.bound
    return (cost - bound) / max(scale, abs(cost), abs(bound))


def _scale(instance: SchedulingInstance) -> float:
    """A thousandth of what all load and generation are worth, below which a gap need not be relative."""
    price = np.maximum(np.abs(instance.buy_price), np.abs(instance.sell_price))
    return 1e-3 * float(price @ (instance.load_kwh.sum(axis=1) + instance.generation_kwh.sum(axis=1))) or 1.0


def _within(instance: SchedulingInstance, price: np.ndarray, peak_value: np.ndarray) -> np.ndarray:
    """The price without what rounding put beyond the grid's prices, where the grid has no limits."""
    high = np.where(np.isfinite(instance.import_limit_kwh), np.inf, instance.buy_price + peak_value / instance.dt_h)
    low = np.where(np.isfinite(instance.export_limit_kwh), 0.0, instance.sell_price)
    return np.clip(price, low, np.maximum(low, high))


def _rest(takers: PriceTakers, price: np.ndarray, peak: np.ndarray) -> float:
    """What everything but storages costs at least at a price."""
    instance, cut = takers.instance, 0.0
    if instance.curtailable_kwh is not None:
        cut = float((np.minimum(instance.curtailment_price - price[:, None], 0.0) * instance.sheddable_kwh).sum())
    served = float(takers.serve(price).sum(axis=1) @ price)
    return float(takers.fixed_kwh @ price) + cut + served + least_grid(instance, price, peak)
