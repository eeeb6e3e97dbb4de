r"""Exchange ADMM: the distributed method of the literature, with the battery kernel inside and a certified gap.

Each storage, each request, curtailment and the grid keep a plan of their own, n_k, and learn two things only: the price
π and the mean imbalance. Each then minimises its cost at the price plus :math:`(r/2)\|n - (n_k - \bar n)\|^2`; with the
mean :math:`\bar n` of the new plans, :math:`\pi \leftarrow \pi + r \bar n`. Storages and requests take a few steps of
Frank and Wolfe with exact line search instead of the exact minimum: each step is one call of the battery kernel at a
price of each storage's own, so that plans are mixes of schedules, hence schedules. The grid's part is exact.

In every round the price proves a bound (all answer to it exactly), and the plans, with the grid closing the balance,
are a schedule: the gap is certified. The penalty r stays what it is: doubling it where imbalances lag, as is often
advised, pins plans to where they are when their minima are not exact, and then doubles it for ever.

Source: Lange, section "Cloud-based optimization workflow" (agents that see prices only); Boyd et al., *Distributed
optimization and statistical learning via the alternating direction method of multipliers* (2011), section 7.3.2.
"""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd

from ..instances.errors import NotApplicable
from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.bounds import Tariff, serve_in_order
from ..models.scheduling.decision import SchedulingPrices
from .method import Answer
from .price_takers import PriceTakers, least_grid, state_shift
from .schedules import schedule
from .status import Status

GAP = 1e-3
"""Relative gap at which the rounds stop."""

INNER = 5
"""Steps of Frank and Wolfe in each round."""


class _Plans:
    """What storages and requests plan: mixes of exact answers to prices of their own."""

    def __init__(self, takers: PriceTakers, price: np.ndarray) -> None:
        self.takers, self.instance = takers, takers.instance
        self.rows = takers.useful
        self.shift = state_shift(self.instance)[:, self.rows].T
        self.drawn, self.soc = self._answer(np.repeat(price[None, :], len(self.rows), axis=0))
        self.served = takers.serve(price)
        self.cut = takers.curtail(price)

    def _answer(self, price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Draw (S, T) and contents (S, T + 1) at a price (S, T) for each; a price below 0 is no price for a kernel."""
        drawn = np.empty((len(self.rows), len(self.instance.interval)))
        soc = np.empty((drawn.shape[0], drawn.shape[1] + 1))
        cost, gap = np.empty(len(drawn)), np.empty(len(drawn))
        first = 0
        for chosen, fleet in zip(self.takers.members, self.takers.fleets, strict=True):
            at = slice(first, first + len(chosen))
            own = np.ascontiguousarray(np.maximum(price[at], 0.0))
            fleet.solve(own, own, grid_kwh=drawn[at], cost=cost[at], gap=gap[at], soc_kwh=soc[at])
            first += len(chosen)
        return drawn, soc - self.shift

    def improve(self, price: np.ndarray, imbalance: np.ndarray, penalty: float) -> None:
        """Steps towards each plan's proximal point."""
        worth = self.instance.terminal_value[self.rows]
        aim, aim_served = self.drawn - imbalance, self.served - imbalance[:, None]
        for _ in range(INNER):
            slope = price + penalty * (self.drawn - aim)
            drawn, soc = self._answer(slope)
            way, left = drawn - self.drawn, soc - self.soc
            gain = (slope * way).sum(axis=1) - worth * left[:, -1]
            by = _line_search(gain, penalty * (way**2).sum(axis=1))[:, None]
            self.drawn, self.soc = self.drawn + by * way, self.soc + by * left
            if self.served.size:
                steep = price[:, None] + penalty * (self.served - aim_served)
                toward = serve_in_order(self.instance, steep) - self.served
                self.served = self.served + toward * _line_search(
                    (steep * toward).sum(axis=0), penalty * (toward**2).sum(axis=0)
                )
        # Curtailment has no ties between intervals: its proximal point is a clip.
        least = self.instance.curtailment_price - price[:, None]
        cut = np.clip(self.cut + imbalance[:, None] - least / penalty, 0.0, self.instance.sheddable_kwh)
        self.cut = cut

    @property
    def net_kwh(self) -> np.ndarray:
        """What all plans draw, (T,) kWh."""
        found: np.ndarray = self.drawn.sum(axis=0) + self.served.sum(axis=1) - self.cut.sum(axis=1)
        return found

    @property
    def cost(self) -> float:
        """What the plans cost besides energy."""
        worth = float(self.instance.terminal_value[self.rows] @ self.soc[:, -1])
        return float((self.instance.curtailment_price * self.cut).sum()) - worth


def _line_search(gain: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Best share in [0, 1] of a step along which the objective changes by gain s + curvature s²/2."""
    share = np.divide(-gain, curvature, out=np.zeros_like(gain), where=curvature > 0)
    found: np.ndarray = np.clip(share, 0.0, 1.0)
    return found


def refuse_what_prices_do_not_settle(instance: SchedulingInstance) -> None:
    """Raise for limits that tie intervals or need more than a price.

    Raises
    ------
    NotApplicable
        For a demand charge, and for limits of the community's connection.
    """
    if instance.demand_charge > 0:
        raise NotApplicable("a demand charge ties the intervals of the grid together")
    for name, limit in (("import", instance.import_limit_kwh), ("export", instance.export_limit_kwh)):
        if np.isfinite(limit).any():
            t = int(np.argmax(np.isfinite(limit)))
            raise NotApplicable(f"{instance.interval[t]}: {name} is limited, and plans in progress need not keep it")


def run_exchange_admm(
    instance: SchedulingInstance,
    *,
    rounds: int = 200,
    gap: float = GAP,
    penalty: float | None = None,
    time_limit_s: float | None = None,
) -> Answer:
    """Least cost of the community by exchange ADMM, up to a certified gap.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given; see :func:`.price_takers.refuse_what_is_no_price_taker` for the premise.
    rounds : int
        At most so many.
    gap : float
        Relative gap at which to stop.
    penalty : float, optional
        Of imbalances, currency/kWh²; by default half of the mean buying price over a storage's mean capacity.
    time_limit_s : float, optional
        Wall-clock limit.

    Returns
    -------
    Answer
        The best plans met with the prices of the best bound, and the rounds as a log.

    Raises
    ------
    NotApplicable
        Outside the premise.
    """
    refuse_what_prices_do_not_settle(instance)
    started = time.perf_counter()
    takers, tariff = PriceTakers(instance, 8), Tariff.of_cost(instance)
    buy, sell, fixed = instance.buy_price, instance.sell_price, takers.fixed_kwh
    price = 0.5 * (buy + sell)
    plans = _Plans(takers, price)
    agents = len(plans.rows) + plans.served.shape[1] + plans.cut.shape[1] + 1
    size = float(instance.capacity_kwh[plans.rows].mean()) if len(plans.rows) else float(np.abs(fixed).max(initial=1.0))
    stiff = penalty if penalty is not None else 0.5 * float(buy.mean() or 1.0) / max(size, 1e-9)
    supplied = fixed + plans.net_kwh
    best: tuple[float, tuple[np.ndarray, ...]] | None = None
    bound, best_price, status, log = -math.inf, price, Status.FEASIBLE, []
    nothing = np.zeros_like(price)
    for number in range(rounds):
        response = takers.respond(price)
        proved = float(response.own_cost.sum() + (response.net_kwh.sum(axis=0) + fixed) @ price)
        proved += least_grid(instance, price, nothing)
        if proved > bound:
            bound, best_price = proved, price
        cost = tariff.paid(fixed + plans.net_kwh, instance.dt_h) + plans.cost
        if best is None or cost < best[0]:
            best = cost, (plans.soc, plans.served, plans.cut)
        reached = (best[0] - bound) / max(1e-12, abs(best[0]), abs(bound))
        imbalance = (fixed + plans.net_kwh - supplied) / agents
        norm = math.sqrt(agents) * float(np.linalg.norm(imbalance))
        log.append({"round": number, "cost": cost, "bound": proved, "gap": reached, "imbalance": norm})
        if reached <= gap:
            status = Status.OPTIMAL if gap <= 1e-6 else Status.FEASIBLE
            break
        if time_limit_s is not None and time.perf_counter() - started > time_limit_s:
            status = Status.TIME_LIMIT
            break
        plans.improve(price, imbalance, stiff)
        # The grid supplies what it would like to at the price, or less of it or more as the imbalance wants.
        wanted = supplied + imbalance
        supplied = np.where(
            wanted + (price - buy) / stiff > 0,
            wanted + (price - buy) / stiff,
            np.minimum(wanted + (price - sell) / stiff, 0.0),
        )
        mean = (fixed + plans.net_kwh - supplied) / agents
        price = np.clip(price + stiff * mean, sell, buy)
    assert best is not None
    soc = np.repeat(instance.initial_kwh[None, :], len(fixed) + 1, axis=0)
    soc[1:] = 0.0
    soc[:, plans.rows] = best[1][0].T
    decision = schedule(instance, soc, best[1][1], curtailed_kwh=best[1][2])
    water = np.repeat(best_price[:, None], len(instance.storage), axis=1)
    water[:, plans.rows] = takers.ask_storages(best_price, water_value=True)[2].T
    prices = SchedulingPrices(instance=instance, energy_price=best_price, water_value=water)
    return Answer(decision, prices, status, logs={"rounds": pd.DataFrame(log)})
