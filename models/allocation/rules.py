"""Rules of allocation: feasibility, criteria and weak-duality bounds, in plain numpy.

Nothing here knows a program, a solver or a kernel. Every feasible set is ``0 ≤ x ≤ E``, ``x = 0`` where ``w = 0``,
``Σ x ≤`` what is available, each interval on its own; a decision that names pairs must also keep within each
prosumer's excess. For the concave criteria the Lagrangian bound

    Σ_t [ μ_t A_t + Σ_k max_{0 ≤ x ≤ E} (u_k(x) − μ_t x) ]

holds for every μ ≥ 0, whoever proposes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...instances.allocation import AllocationInstance
from ..problem import TOLERANCE, Criterion, Problem, Violation
from .decision import AllocationDecision, AllocationPrices

LN2 = math.log(2.0)


def violations(instance: AllocationInstance, decision: AllocationDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance.

    Parameters
    ----------
    instance : AllocationInstance
        What is given.
    decision : AllocationDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty for a feasible decision.
    """
    found: list[Violation] = []
    given, asked, available = decision.allocated_kwh, instance.requested_kwh, instance.available_kwh
    slack = TOLERANCE * asked

    def name(t: int, k: int) -> str:
        return f"{instance.interval[t]}, {instance.household[k]}"

    for t, k in np.argwhere(given < -slack):
        found.append(Violation("energy given must not be negative", name(t, k), given[t, k], 0.0, "kWh"))
    for t, k in np.argwhere(given > asked + slack):
        rule = "more given than asked" if instance.weight[k] > 0 else "energy given to a household of weight 0"
        found.append(Violation(rule, name(t, k), given[t, k], asked[t, k], "kWh"))
    # What is negative within the tolerance must not make room for more.
    total = np.maximum(given, 0.0).sum(axis=1)
    for t in np.flatnonzero(total > available * (1.0 + TOLERANCE)):
        found.append(Violation("more given than available", instance.interval[t], total[t], available[t], "kWh"))
    if decision.has_pairs:
        found.extend(_pair_violations(instance, decision))
    return found


def _pair_violations(instance: AllocationInstance, decision: AllocationDecision) -> list[Violation]:
    found: list[Violation] = []
    at, energy = decision.pair_interval, decision.pair_kwh
    taken, sent = np.zeros_like(decision.allocated_kwh), np.zeros_like(decision.allocated_kwh)
    np.add.at(taken, (at, decision.pair_consumer), energy)
    np.add.at(sent, (at, decision.pair_prosumer), energy)

    def name(t: int, k: int) -> str:
        return f"{instance.interval[t]}, {instance.household[k]}"

    for number in np.flatnonzero(energy < 0):
        found.append(Violation("energy of a pair must not be negative", f"pair {number}", energy[number], 0.0, "kWh"))
    larger = np.maximum(taken, np.abs(decision.allocated_kwh))
    for t, k in np.argwhere(np.abs(taken - decision.allocated_kwh) > TOLERANCE * larger):
        rule = "what pairs bring is not what is allocated"
        found.append(Violation(rule, name(t, k), taken[t, k], decision.allocated_kwh[t, k], "kWh"))
    for t, k in np.argwhere(sent > instance.excess_kwh * (1.0 + TOLERANCE)):
        found.append(Violation("more sent than the excess", name(t, k), sent[t, k], instance.excess_kwh[t, k], "kWh"))
    return found


@dataclass(frozen=True)
class ConcaveWelfare:
    """A separable concave criterion Σ_t Σ_k v_k U(x/E), with its Lagrangian bound and KKT residuals.

    Parameters
    ----------
    factor : callable
        ``instance -> (T, n)``: v, zero for whoever does not count.
    utility : callable
        U of the share r = x/E.
    best_share : callable
        ``(v, price · E) -> r``: the share that maximises ``v U(r) − (price E) r`` over [0, 1].
    """

    factor: Callable[[AllocationInstance], np.ndarray]
    utility: Callable[[np.ndarray], np.ndarray]
    best_share: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def share(self, instance: AllocationInstance, decision: AllocationDecision) -> np.ndarray:
        """Energy ratio of each household, 0 where nothing is asked."""
        asked = instance.requested_kwh
        given = np.maximum(decision.allocated_kwh, 0.0)
        return np.divide(given, asked, out=np.zeros_like(given), where=asked > 0)

    def value(self, instance: AllocationInstance, decision: AllocationDecision) -> float:
        """The criterion's value."""
        return float((self.factor(instance) * self.utility(self.share(instance, decision))).sum())

    def scale(self, instance: AllocationInstance) -> float:
        """A thousandth of the worth of serving all alike, a millionth of full service at least; 1 where nobody asks.

        By concavity the optimum is at least the worth of serving all alike, so a gap is relative to the bound but where
        there is next to nothing to share.
        """
        share = float(instance.deliverable_kwh.sum() / (instance.requested_kwh.sum() or 1.0))
        return 1e-3 * max(share, 1e-3) * float(self.factor(instance).sum()) or 1.0

    def bound(self, instance: AllocationInstance, prices: AllocationPrices | None) -> float:
        """Lagrangian bound at given prices; at price 0 where none are given."""
        price = np.zeros(len(instance.interval)) if prices is None else prices.energy_price
        factor = self.factor(instance)
        cost = price[:, None] * instance.requested_kwh
        share = self.best_share(factor, cost)
        return float((price * instance.available_kwh).sum() + (factor * self.utility(share) - cost * share).sum())

    def certificate(
        self, instance: AllocationInstance, decision: AllocationDecision, prices: AllocationPrices
    ) -> dict[str, float]:
        """KKT residuals: shares against the Lagrangian's own, unused energy at a price, and the duality gap."""
        price, scale = prices.energy_price, self.scale(instance)
        best = self.best_share(self.factor(instance), price[:, None] * instance.requested_kwh)
        share = self.share(instance, decision)
        unused = instance.available_kwh - decision.allocated_kwh.sum(axis=1)
        return {
            "stationarity": float(np.abs(share - best)[self.factor(instance) > 0].max(initial=0.0)),
            "complementarity": float(np.abs(price * unused).sum() / scale),
            "duality_gap": (self.bound(instance, prices) - self.value(instance, decision)) / scale,
        }


def _log_share(factor: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Argmax over [0, 1] of v log2(1 + r) − c r: r = v / (c ln 2) − 1, clipped."""
    share = np.divide(factor, cost * LN2, out=np.full_like(cost, 2.0), where=cost > 0) - 1.0
    return np.where(factor > 0, np.clip(share, 0.0, 1.0), 0.0)


def _root_share(factor: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Argmax over [0, 1] of v √r − c r: r = (v / 2c)², clipped."""
    root = np.divide(factor, 2.0 * cost, out=np.ones_like(cost), where=cost > 0)
    return np.where(factor > 0, np.minimum(root, 1.0) ** 2, 0.0)


def _log2(share: np.ndarray) -> np.ndarray:
    return np.log1p(share) / LN2


SOCIAL_WELFARE = ConcaveWelfare(lambda i: np.where(i.requested_kwh > 0, i.weight, 0.0), _log2, _log_share)
SWR = ConcaveWelfare(lambda i: np.where(i.requested_kwh > 0, 1.0, 0.0), _log2, _log_share)
FAIRNESS = ConcaveWelfare(lambda i: np.sqrt(i.weight * i.requested_kwh), np.sqrt, _root_share)


def served(instance: AllocationInstance, decision: AllocationDecision, *, share: float = 1.0) -> np.ndarray:
    """Who is served, (T, n) bool: consumers given all, or a share, of what they lack, and those that lack nothing."""
    enough = decision.allocated_kwh >= share * instance.deficiency_kwh * (1.0 - TOLERANCE)
    return instance.consumer & enough


def not_served(instance: AllocationInstance, decision: AllocationDecision) -> np.ndarray:
    """Who is short and gets nothing at all, (T, n) bool."""
    nothing = decision.allocated_kwh <= TOLERANCE * instance.deficiency_kwh
    return instance.consumer & (instance.deficiency_kwh > 0) & nothing


def _requests_to_serve(instance: AllocationInstance) -> tuple[np.ndarray, np.ndarray]:
    """Who could be counted as served: mask (T, n) and the least energy that counts as full service (T, n)."""
    may = instance.consumer & ((instance.deficiency_kwh == 0) | (instance.weight > 0))
    return may, instance.deficiency_kwh * (1.0 - TOLERANCE)


def _price_of(instance: AllocationInstance, prices: AllocationPrices | None) -> np.ndarray:
    return np.zeros(len(instance.interval)) if prices is None else prices.energy_price


def _whole(bound: float) -> float:
    """A count cannot exceed the whole number below a bound; the nudge keeps 2.9999999999 from becoming 2."""
    return float(math.floor(bound * (1.0 + 1e-12) + 1e-9))


def _bound_fully_served(instance: AllocationInstance, prices: AllocationPrices | None) -> float:
    may, energy = _requests_to_serve(instance)
    price = _price_of(instance, prices)
    gain = np.where(may, np.maximum(0.0, 1.0 - price[:, None] * energy), 0.0).sum(axis=1)
    return sum(_whole(bound) for bound in gain + price * _room(instance))


def _room(instance: AllocationInstance) -> np.ndarray:
    """What is available, widened by what the rules' tolerance lets pass."""
    return instance.available_kwh * (1.0 + TOLERANCE)


def _bound_unique(instance: AllocationInstance, prices: AllocationPrices | None) -> float:
    may, energy = _requests_to_serve(instance)
    may = may & (energy <= _room(instance)[:, None])
    price = _price_of(instance, prices)
    gain = np.where(may, np.maximum(0.0, 1.0 - price[:, None] * energy), 0.0).max(axis=0).sum()
    return _whole(float(gain + (price * _room(instance)).sum()))


def _unique(instance: AllocationInstance, decision: AllocationDecision) -> float:
    return float(served(instance, decision).any(axis=0).sum())


def pbr_by_interval(instance: AllocationInstance, decision: AllocationDecision) -> np.ndarray:
    """PBR of each interval, (T,): consumers served nothing over prosumers; NaN without prosumers or without pairs."""
    prosumers = instance.prosumer.sum(axis=1)
    left = not_served(instance, decision).sum(axis=1)
    ratio = np.divide(left, prosumers, out=np.full(len(prosumers), np.nan), where=prosumers > 0)
    return ratio if decision.has_pairs else np.full_like(ratio, np.nan)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan


def _bound_pbr(instance: AllocationInstance, prices: AllocationPrices | None) -> float:
    """At most so many get anything as the least that counts, given to the smallest requests first, allows for."""
    short = instance.consumer & (instance.deficiency_kwh > 0)
    least = np.where(short & (instance.weight > 0), TOLERANCE * instance.deficiency_kwh, np.inf)
    reached = (np.cumsum(np.sort(least, axis=1), axis=1) < _room(instance)[:, None]).sum(axis=1)
    prosumers = instance.prosumer.sum(axis=1)
    left = short.sum(axis=1) - reached
    return _mean(np.divide(left, prosumers, out=np.full(len(prosumers), np.nan), where=prosumers > 0))


def _pairs(instance: AllocationInstance, decision: AllocationDecision) -> float:
    """Number of pairs, comparable only between decisions that deliver all that could be delivered."""
    if not decision.has_pairs:
        return math.nan
    short = instance.deliverable_kwh - decision.allocated_kwh.sum(axis=1)
    if (short > TOLERANCE * instance.deliverable_kwh).any():
        return math.nan
    return float((decision.pair_kwh > 0).sum())


def _bound_pairs(instance: AllocationInstance, prices: AllocationPrices | None) -> float:
    """At least as many pairs as the largest givers, or the largest takers, that could move the energy."""
    target = instance.deliverable_kwh * (1.0 - 4.0 * TOLERANCE)
    givers, takers = _fewest(instance.excess_kwh, target), _fewest(instance.requested_kwh, target)
    return float(np.maximum(givers, takers).sum())


def _fewest(energy: np.ndarray, target: np.ndarray) -> np.ndarray:
    moved = np.cumsum(-np.sort(-energy, axis=1), axis=1)
    reached = (moved < target[:, None]).sum(axis=1) + 1
    return np.where(target > 0, np.minimum(reached, energy.shape[1]), 0)


def _grid_import(instance: AllocationInstance, decision: AllocationDecision) -> float:
    return float((instance.deficiency_kwh - decision.allocated_kwh).sum())


def _least_grid_import(instance: AllocationInstance, prices: AllocationPrices | None) -> float:
    return float(instance.deficiency_kwh.sum() - instance.deliverable_kwh.sum())


def _tiny() -> AllocationInstance:
    return AllocationInstance(
        deficiency_kwh=[[1.0, 2.0, 0.5, 0.0], [2.0, 0.0, 1.0, 0.0]],
        excess_kwh=[[0.0, 0.0, 0.0, 2.0], [0.0, 1.5, 0.0, 4.0]],
        weight=[1.0, 2.0, 1.0, 1.0],
    )


def _concave(name: str, title: str, unit: str, welfare: ConcaveWelfare) -> Criterion:
    return Criterion(name, title, unit, "max", welfare.value, welfare.scale, welfare.bound, welfare.certificate)


def _one(instance: AllocationInstance) -> float:
    """Counts are judged against one of what they count."""
    return 1.0


PROBLEM = Problem(
    name="allocation",
    title="who gets how much of the pooled surplus?",
    source="Kouvelas et al., Efficient power sharing at the edge – the Texas case",
    instance=AllocationInstance,
    decision=AllocationDecision,
    prices=AllocationPrices,
    violations=violations,
    criteria=(
        _concave("social_welfare", "social welfare Σ w log₂(1 + ER)", "1", SOCIAL_WELFARE),
        _concave("swr", "social welfare ratio Σ log₂(1 + ER)", "1", SWR),
        _concave("fairness", "weighted fairness Σ √(w x)", "√kWh", FAIRNESS),
        Criterion(
            "fully_served",
            "consumers fully served, summed over intervals",
            "1",
            "max",
            lambda i, d: float(served(i, d).sum()),
            _one,
            _bound_fully_served,
        ),
        Criterion(
            "unique_served",
            "households fully served at least once",
            "1",
            "max",
            _unique,
            _one,
            _bound_unique,
        ),
        Criterion(
            "pbr",
            "prosumers' beneficial ratio: consumers served nothing per prosumer, mean over intervals",
            "1",
            "min",
            lambda i, d: _mean(pbr_by_interval(i, d)),
            _one,
            _bound_pbr,
        ),
        Criterion(
            "pairs",
            "prosumer–consumer pairs that deliver all that can be delivered",
            "1",
            "min",
            _pairs,
            _one,
            _bound_pairs,
        ),
        Criterion(
            "grid_import_kwh",
            "energy drawn from the substation for what consumers lack",
            "kWh",
            "min",
            _grid_import,
            lambda i: 1e-3 * float(i.deficiency_kwh.sum()) or 1.0,
            _least_grid_import,
        ),
    ),
    tiny=_tiny,
)

PROBLEMS = (PROBLEM,)
