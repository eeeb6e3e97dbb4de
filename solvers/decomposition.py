r"""Many members: Dantzig–Wolfe on the price of energy, and exchange ADMM, with the battery kernel as oracle.

The community's least cost is :math:`\min h(\sum_g n_g) + \sum_g k_g(n_g)` over what each group g of members draws,
with h what the grid charges for the sum. At a price π each group answers for itself (:mod:`.price_takers`), which
proves the bound :math:`\min_N (h(N) - \pi N) + \sum_g \min (k_g + \pi n_g)`. The master program mixes the answers
given so far: a convex mix of schedules is a schedule, so every round has a feasible one, a proved bound, and hence a
certified gap. Prices asked are pulled towards those of the best bound so far (smoothing), since the master's own leap.

Source: Lange, section "Cloud-based optimization workflow" (coordinator and agents that see prices only); the method is
classical (Dantzig, Wolfe 1960; smoothing by Wentges 1997).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.decision import SchedulingPrices
from .array_programs import TIGHT, run_and_read
from .decomposition_interior import find_prices
from .highs import quiet_highs
from .method import Answer
from .price_takers import PriceTakers, Response, least_grid, state_shift
from .schedules import in_proportion, schedule
from .status import Status

GAP = 1e-7
"""Relative gap at which the rounds stop."""

SMOOTHING = 0.5
"""How far prices asked are pulled towards those of the best bound."""


SAMPLED = 1000
"""Storages whose price is asked first, where there are so many."""


@dataclass
class Round:
    """What is known after a round: the answers given, and the best bound with its prices."""

    prices: list[np.ndarray] = field(default_factory=list)
    bound: float = -math.inf
    best_price: np.ndarray = field(default_factory=lambda: np.zeros(0))
    rows: list[dict[str, float]] = field(default_factory=list)


class Master:
    """The program that mixes answers: one weight for each group and round, the grid, spilling and lost load.

    Rows are the balances of the intervals, the peaks (where there is a demand charge), then one sum of weights for
    each group. Artificial supply and demand at a price above all others keep it feasible from the beginning.
    """

    def __init__(self, takers: PriceTakers) -> None:
        given = takers.instance
        self.takers, self.intervals = takers, len(given.interval)
        spill, lose = given.spillable_kwh.sum(axis=1), given.losable_kwh.sum(axis=1)
        dearest = float(np.abs(given.buy_price).max() + given.demand_charge / given.dt_h)
        dearest = max(dearest, float(given.curtailment_price.max()), given.lost_load_price if lose.any() else 0.0)
        self.penalty = 10.0 * (dearest or 1.0)
        T, none = self.intervals, np.zeros(len(given.interval))
        inf = np.full(T, np.inf)
        self.solver = quiet_highs(**TIGHT)
        for low, high in ((takers.fixed_kwh, takers.fixed_kwh), (-inf, none)):
            self.solver.addRows(T, low, high, 0, np.zeros(T, np.int32), np.zeros(0, np.int32), np.zeros(0))
        ones = np.ones(takers.parts)
        empty = np.zeros(takers.parts, np.int32)
        self.solver.addRows(takers.parts, ones, ones, 0, empty, np.zeros(0, np.int32), np.zeros(0))
        blocks = (
            (given.buy_price, given.import_limit_kwh, 1.0),
            (-given.sell_price, given.export_limit_kwh, -1.0),
            (none, spill, -1.0),
            (np.full(T, given.lost_load_price), lose, 1.0),
            (np.full(T, self.penalty), inf, 1.0),
            (np.full(T, self.penalty), inf, -1.0),
        )
        rows = np.arange(T, dtype=np.int32)
        for number, (cost, limit, sign) in enumerate(blocks):
            if number == 0:
                # Imports also count towards the peak.
                index = np.stack([rows, T + rows], axis=1).ravel()
                value = np.tile([sign, 1.0 / given.dt_h], T)
                start = np.arange(0, 2 * T, 2, dtype=np.int32)
            else:
                index, value, start = rows, np.full(T, sign), rows
            self.solver.addCols(T, cost, none, limit, len(index), start, index, value)
        peak = np.array([given.demand_charge])
        self.solver.addCols(
            1, peak, np.zeros(1), np.full(1, np.inf), T, np.zeros(1, np.int32), T + rows, np.full(T, -1.0)
        )
        self.first_weight = 6 * T + 1

    def add(self, response: Response) -> None:
        """Admit the answers of all groups to a price."""
        parts, T = self.takers.parts, self.intervals
        index = np.empty((parts, T + 1), np.int32)
        index[:, :T] = np.arange(T)
        index[:, T] = 2 * T + np.arange(parts)
        value = np.hstack([-response.net_kwh, np.ones((parts, 1))])
        start = np.arange(0, parts * (T + 1), T + 1, dtype=np.int32)
        none, inf = np.zeros(parts), np.full(parts, np.inf)
        self.solver.addCols(parts, response.own_cost, none, inf, index.size, start, index.ravel(), value.ravel())

    def solve(self) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Best mix so far: its cost, the price (T,), the peak values (T,) and all columns' values."""
        solution = run_and_read(self.solver)
        if solution is None:
            raise NotApplicable("the master program found no solution in time")
        T = self.intervals
        return solution.objective, solution.duals[:T], np.maximum(-solution.duals[T : 2 * T], 0.0), solution.point

    def weights(self, values: np.ndarray) -> np.ndarray:
        """Weights of the answers, (rounds, groups), each group's adding up to 1."""
        found = np.maximum(values[self.first_weight :].reshape(-1, self.takers.parts), 0.0)
        total: np.ndarray = found.sum(axis=0)
        return found / total

    def artificial(self, values: np.ndarray) -> np.ndarray:
        """Artificial supply and demand of each interval, (T,) kWh."""
        T = self.intervals
        found: np.ndarray = values[4 * T : 5 * T] + values[5 * T : 6 * T]
        return found


def run_dantzig_wolfe(
    instance: SchedulingInstance,
    *,
    groups: int = 20,
    rounds: int = 5000,
    gap: float = GAP,
    time_limit_s: float | None = None,
) -> Answer:
    """Least cost of a community of any size, with a certified gap.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given; see :func:`.price_takers.refuse_what_is_no_price_taker` for the premise.
    groups : int
        Groups of storages.
    rounds : int
        At most so many.
    gap : float
        Relative gap at which to stop.
    time_limit_s : float, optional
        Wall-clock limit.

    Returns
    -------
    Answer
        With prices, and the rounds as a log.

    Raises
    ------
    NotApplicable
        Outside the premise.
    InfeasibleError
        In the instance's words.
    """
    started = time.perf_counter()
    takers = PriceTakers(instance, groups)
    master, known = Master(takers), Round()
    buy, sell = instance.buy_price, instance.sell_price
    for price in (np.where(takers.fixed_kwh > 0, buy, sell), buy, sell):
        _ask(takers, master, known, np.maximum(price, 0.0), np.zeros_like(price))
    if len(takers.useful) >= SAMPLED:
        # A price that settles a sample is a far better beginning than any of the grid's.
        picked = np.sort(np.random.default_rng(0).permutation(len(takers.useful))[:SAMPLED])
        weight = len(takers.useful) / SAMPLED
        found = find_prices(instance, takers.useful[picked], takers.fixed_kwh, weight=weight, tolerance=1e-4)
        if np.isfinite(found.price).all():
            _ask(takers, master, known, np.maximum(found.price, 0.0), found.peak_value)
    status = Status.FEASIBLE
    value, price, peak, mix = master.solve()
    for number in range(rounds):
        reached = _relative(value - known.bound, value, known.bound)
        known.rows.append({"round": number, "cost": value, "bound": known.bound, "gap": reached})
        if reached <= gap:
            status = Status.OPTIMAL
            break
        if time_limit_s is not None and time.perf_counter() - started > time_limit_s:
            status = Status.TIME_LIMIT
            break
        pull = SMOOTHING if number % 4 else 0.0
        asked = pull * known.best_price + (1.0 - pull) * price
        _ask(takers, master, known, np.maximum(asked, 0.0), peak)
        value, price, peak, mix = master.solve()
    if master.artificial(mix).max() > 1e-7 * (1.0 + np.abs(takers.fixed_kwh).max()):
        if status is Status.OPTIMAL:
            from .scheduling_explain import explain

            raise InfeasibleError(explain(instance))
        raise NotApplicable(f"no feasible mix was found in {len(known.rows)} rounds")
    log = {"rounds": pd.DataFrame(known.rows)}
    decision, prices = _mixed(takers, master, known, mix, peak)
    return Answer(decision, prices, status, logs=log)


def _relative(difference: float, *sizes: float) -> float:
    return difference / max(1e-12, *(abs(size) for size in sizes if math.isfinite(size)))


def _ask(takers: PriceTakers, master: Master, known: Round, price: np.ndarray, peak: np.ndarray) -> None:
    """Ask all groups at a price, admit their answers, and note the bound that they prove."""
    response = takers.respond(price)
    master.add(response)
    known.prices.append(price)
    bound = float(response.own_cost.sum() + (response.net_kwh.sum(axis=0) + takers.fixed_kwh) @ price)
    bound += least_grid(takers.instance, price, peak)
    if bound > known.bound:
        known.bound, known.best_price = bound, price


def _mixed(takers: PriceTakers, master: Master, known: Round, mix: np.ndarray, peak: np.ndarray) -> tuple[Any, Any]:
    """The mix of answers as a schedule, and the prices of the best bound."""
    given, weights = takers.instance, master.weights(mix)
    T, shift = master.intervals, state_shift(takers.instance)
    soc = np.zeros_like(shift)
    # Storages without any capacity are in no group, and hold what little they began with.
    soc[0] = given.initial_kwh
    # Such a storage is no worse off idle if its water value is the price.
    water = np.repeat(known.best_price[:, None], len(given.storage), axis=1)
    for g, chosen in enumerate(takers.members):
        mixed = np.zeros((T + 1, len(chosen)))
        for k in np.flatnonzero(weights[:, g]):
            mixed += weights[k, g] * takers.contents(g, known.prices[k])[0]
        soc[:, chosen] = mixed - shift[:, chosen]
        water[:, chosen] = takers.contents(g, known.best_price)[1]
    served = np.zeros_like(given.request_limit_kwh)
    curtailed = np.zeros_like(given.load_kwh)
    for k in np.flatnonzero(weights[:, -2]):
        served += weights[k, -2] * takers.serve(known.prices[k])
    if given.sheddable_kwh.any():
        for k in np.flatnonzero(weights[:, -1]):
            curtailed += weights[k, -1] * takers.curtail(known.prices[k])
    spilled = in_proportion(np.maximum(mix[2 * T : 3 * T], 0.0), given.spillable_kwh)
    lost = in_proportion(np.maximum(mix[3 * T : 4 * T], 0.0), given.losable_kwh)
    decision = schedule(given, soc, served, curtailed_kwh=curtailed, lost_kwh=lost, spilled_kwh=spilled)
    prices = SchedulingPrices(instance=given, energy_price=known.best_price, water_value=water, peak_value=peak)
    return decision, prices
