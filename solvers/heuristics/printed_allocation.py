"""Algorithms 1 (game-theoretic) and 2 (water-filling) of Kouvelas et al. as printed, and what is wrong with them.

Source: Kouvelas, Venkatesha Prasad and Nambi, *Efficient power sharing at the edge by building a tangible micro-grid
- the Texas case*, section IV-B, Algorithms 1 and 2. The comments below carry their line numbers.

Both algorithms run here line by line, so that the paper can be read against them and a table can say how often they
fail. What they are meant to compute has a closed form, with Q = min(S, sum of E over w > 0) and H = E/w:

* game-theoretic: x_k = min(E_k, w_k t), t such that sum x = Q;
* water-filling: x_k = w_k clip(L - H_k, 0, H_k), L such that sum x = Q.

Each row of :data:`.printed_errata.ERRATA` is one slip, with the smallest instance that shows it. A run takes the set of
slips to repair: with none it is literal, with all of them it computes the closed form, with all but one it shows that
one alone.

Choices made to run the printed lines at all
--------------------------------------------
* What a consumer receives is never assigned. It is taken as Eg = Ea0 - Ea, Ea0 being Ea before the first line.
* min(H)nz is the smallest H that is *not zero* (it may be negative: see the first row), and "consumer with min(H)nz"
  the one of lowest index.
* Algorithm 2 performs lines 5-18 of Algorithm 1 on a *slice* of w and Ea, with h in the place of H, hence line 11
  writes into w; sum Ee is "updated" (its line 9) to what those lines leave in it. The sort of its line 4 is stable.
* H_{l+1} in its line 18 is looked at only where l + 1 <= c.
* Divisions follow IEEE arithmetic: 0/0 is NaN, E/0 is infinite, and a comparison with NaN is false. No warning is
  given.
* A run stops after 5 n + 5 rounds (of either loop, together) and says so. Repaired, Algorithm 1 needs at most n + 1
  rounds and Algorithm 2 at most 2 n outer and 3 n inner ones: an outer round moves j or l, and within one an inner
  round withdraws a consumer (n in all) or is the last (2 n).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels.jit import njit
from .printed_errata import ALL_ERRATA, ERRATA, Erratum

__all__ = [
    "ALL_ERRATA",
    "ERRATA",
    "Erratum",
    "PrintedRun",
    "failure_share",
    "failures",
    "game_theoretic_printed",
    "water_filling_printed",
]

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


class _Repairs(NamedTuple):
    """Which slips are repaired, in a form compiled loops can read."""

    gt_12_negative_heights: bool
    gt_11_ties: bool
    gt_4_zero_deficiency: bool
    gt_4_zero_by_zero: bool
    gt_4_zero_weight: bool
    gt_15_excess: bool
    gt_8_energy_given: bool
    gt_18_surplus: bool
    wf_4_sorting: bool
    wf_8_weights: bool
    wf_13_full_heights: bool
    wf_14_equality: bool


@dataclass(frozen=True, eq=False)
class PrintedRun:
    """What a printed algorithm leaves behind, undefined values included.

    Attributes
    ----------
    allocated_kwh : ndarray, shape (T, n)
        Eg (kWh): may be NaN, infinite, negative or more than was asked.
    surplus_kwh : ndarray, shape (T,)
        Excess that the algorithm hands on (kWh).
    sought_kwh : ndarray, shape (T, n)
        Ea as the algorithm leaves it (kWh), which the paper's ER = Eg/Ea divides by.
    covered : ndarray of bool, shape (T, n)
        Which asking consumers the algorithm itself takes to be fully served.
    finished : ndarray of bool, shape (T,)
        Whether it ended by itself within 5 n + 5 rounds.
    """

    allocated_kwh: Floats
    surplus_kwh: Floats
    sought_kwh: Floats
    covered: Booleans
    finished: Booleans

    def allocation(self) -> Floats:
        """Eg (kWh), shape (T, n), where it is defined everywhere.

        Raises
        ------
        ArithmeticError
            Naming the first interval and consumer where it is not. A run that was stopped counts as defined.
        """
        undefined = np.argwhere(~np.isfinite(self.allocated_kwh))
        if undefined.size:
            t, k = undefined[0]
            raise ArithmeticError(
                f"interval {t}: what consumer {k} receives is {self.allocated_kwh[t, k]}; "
                "the printed algorithm divides by a weight, or a sum of weights, of zero"
            )
        return self.allocated_kwh


def game_theoretic_printed(
    deficiency_kwh: ArrayLike, weight: ArrayLike, supply_kwh: ArrayLike, *, repaired: frozenset[str] = frozenset()
) -> PrintedRun:
    """Algorithm 1 as printed, interval by interval.

    Parameters
    ----------
    deficiency_kwh : array_like, shape (T, n)
        Ea: what each consumer asks for (kWh).
    weight : array_like, shape (n,) or (T, n)
        Weights w >= 0.
    supply_kwh : array_like, shape (T,)
        Pooled excess, sum of Ee (kWh).
    repaired : frozenset of str
        Identifiers of the :data:`ERRATA` to repair; none by default.

    Returns
    -------
    PrintedRun

    Raises
    ------
    ValueError
        If ``repaired`` holds an unknown identifier.
    """
    return _run(_algorithm_1, deficiency_kwh, weight, supply_kwh, repaired)


def water_filling_printed(
    deficiency_kwh: ArrayLike, weight: ArrayLike, supply_kwh: ArrayLike, *, repaired: frozenset[str] = frozenset()
) -> PrintedRun:
    """Algorithm 2 as printed, interval by interval; it contains Algorithm 1 and inherits its slips.

    Parameters, returned value and errors are those of :func:`game_theoretic_printed`.
    """
    return _run(_algorithm_2, deficiency_kwh, weight, supply_kwh, repaired)


def failures(run: PrintedRun, exact_kwh: Floats, supply_kwh: ArrayLike, *, tolerance: float = 1e-6) -> Booleans:
    """Tell in which intervals a run fails: it had to be stopped, is undefined, or misses the exact allocation.

    Parameters
    ----------
    run : PrintedRun
        What a printed algorithm left behind.
    exact_kwh : ndarray, shape (T, n)
        The allocation it should have found (kWh), for example of ``kernels.water_filling``.
    supply_kwh : array_like, shape (T,)
        Pooled excess (kWh).
    tolerance : float
        How far any consumer may be off, as a share of the supply.

    Returns
    -------
    ndarray of bool, shape (T,)
    """
    # Written so that NaN, for which every comparison is false, fails.
    close = np.abs(run.allocated_kwh - exact_kwh) <= tolerance * np.asarray(supply_kwh)[:, None]
    return ~(close.all(axis=1) & run.finished)


def failure_share(
    printed: Callable[..., PrintedRun],
    exact: Callable[[Floats, Floats, Floats], Floats],
    *,
    count: int,
    consumers: int,
    seed: int,
    subgroups: int = 0,
    idle_share: float = 0.0,
    repaired: frozenset[str] = frozenset(),
) -> float:
    """Share of random instances on which a printed algorithm fails.

    Deficiencies are uniform on (0, 1) kWh and the supply is uniform on (0, total deficiency), so that no slip is
    provoked on purpose.

    Parameters
    ----------
    printed : callable
        :func:`game_theoretic_printed` or :func:`water_filling_printed`.
    exact : callable
        (deficiency_kwh (T, n), weight (T, n), supply_kwh (T,)) -> allocation (T, n).
    count, consumers, seed : int
        Number of instances, consumers in each, seed.
    subgroups : int
        Weights are 1, ..., subgroups as the paper assigns them to subgroups; 0 draws them uniform on (0.5, 1.5).
    idle_share : float
        Probability that a consumer asks for nothing.
    repaired : frozenset of str
        Slips to repair.

    Returns
    -------
    float
        Between 0 and 1.
    """
    rng = np.random.default_rng(seed)
    shape = (count, consumers)
    deficiency = rng.random(shape) * (rng.random(shape) >= idle_share)
    weight = rng.integers(1, subgroups + 1, shape).astype(np.float64) if subgroups else rng.uniform(0.5, 1.5, shape)
    supply = rng.random(count) * deficiency.sum(axis=1)
    run = printed(deficiency, weight, supply, repaired=repaired)
    return float(failures(run, exact(deficiency, weight, supply), supply).mean())


def _run(
    algorithm: Callable[..., tuple[Floats, float, Booleans, bool]],
    deficiency_kwh: ArrayLike,
    weight: ArrayLike,
    supply_kwh: ArrayLike,
    repaired: frozenset[str],
) -> PrintedRun:
    if unknown := sorted(set(repaired) - ALL_ERRATA):
        raise ValueError(f"unknown errata {unknown}; known are {sorted(ALL_ERRATA)}")
    repairs = _Repairs(**{name: name in repaired for name in _Repairs._fields})
    sought = np.array(deficiency_kwh, dtype=np.float64, order="C")
    weights = np.array(np.broadcast_to(np.asarray(weight, dtype=np.float64), sought.shape), order="C")
    left, surplus = np.empty_like(sought), np.empty(sought.shape[0])
    covered, finished = np.empty(sought.shape, dtype=np.bool_), np.empty(sought.shape[0], dtype=np.bool_)
    for t, supply in enumerate(np.asarray(supply_kwh, dtype=np.float64)):
        left[t], surplus[t], covered[t], finished[t] = algorithm(sought[t], weights[t], float(supply), repairs)
    if not repairs.gt_18_surplus:
        surplus[:] = 0.0
    return PrintedRun(sought - left, surplus, sought if repairs.gt_8_energy_given else left, covered, finished)


@njit(error_model="numpy")
def _heights(deficiency: Floats, weight: Floats, repairs: _Repairs) -> Floats:
    """Line 4 of both algorithms."""
    height = deficiency / weight
    for k in range(height.size):
        if weight[k] == 0.0 and (repairs.gt_4_zero_weight if deficiency[k] > 0.0 else repairs.gt_4_zero_by_zero):
            height[k] = 0.0
    return height


@njit(error_model="numpy")
def _allocation_phase(
    height: Floats, weight: Floats, deficiency: Floats, excess: float, rounds: int, limit: int, repairs: _Repairs
) -> tuple[float, Booleans, bool, int]:
    """Lines 5-18 of Algorithm 1: lowers ``deficiency``, ``weight`` and ``height`` in place.

    Returns the excess, who was fully served, whether energy ran out, and the rounds used so far.
    """
    served = np.zeros(height.size, np.bool_)
    if repairs.gt_4_zero_deficiency:
        weight[height == 0.0] = 0.0
    while height.sum() > 0.0 and rounds < limit:  # line 5
        rounds += 1
        lowest = -1  # line 6
        for k in range(height.size):
            if height[k] != 0.0 and (lowest < 0 or height[k] < height[lowest]):
                lowest = k
        step = height[lowest]
        if step * weight.sum() <= excess:  # line 7
            deficiency -= step * weight  # line 8
            excess -= step * weight.sum()  # line 9
            for k in range(height.size):
                if k == lowest or (repairs.gt_11_ties and height[k] == step):
                    served[k] = True  # line 10
                    weight[k] = 0.0  # line 11
            for k in range(height.size):
                if height[k] > 0.0 or not repairs.gt_12_negative_heights:
                    height[k] -= step  # line 12
        else:
            step = excess / weight.sum()  # line 14
            deficiency -= step * weight  # line 15
            if repairs.gt_15_excess:
                excess = 0.0
            return excess, served, True, rounds  # line 16
    return excess, served, False, rounds


@njit(error_model="numpy")
def _algorithm_1(
    sought: Floats, assigned: Floats, excess: float, repairs: _Repairs
) -> tuple[Floats, float, Booleans, bool]:
    """Game-theoretic strategy: deficiency left, excess left, who is covered, whether it ended by itself."""
    limit = 5 * sought.size + 5
    deficiency, weight, height = sought.copy(), assigned.copy(), _heights(sought, assigned, repairs)
    excess, served, _, rounds = _allocation_phase(height, weight, deficiency, excess, 0, limit, repairs)
    return deficiency, excess, served, rounds < limit


@njit(error_model="numpy")
def _algorithm_2(
    sought: Floats, assigned: Floats, excess: float, repairs: _Repairs
) -> tuple[Floats, float, Booleans, bool]:
    """Water-filling strategy: deficiency left, excess left, who is covered, whether it ended by itself."""
    c, rounds, limit = sought.size, 0, 5 * sought.size + 5
    unsorted = _heights(sought, assigned, repairs)
    ascending = np.argsort(unsorted, kind="mergesort")
    initial = unsorted[ascending]  # line 4
    carried = ascending if repairs.wf_4_sorting else np.arange(c)
    deficiency, step1_weight = sought[carried], assigned[carried]
    weight, height = step1_weight.copy(), initial.copy()  # line 6
    j, last = 0, 0  # line 5, counted from 0; "last" is the paper's l
    while j < c and rounds < limit:  # line 7
        rounds += 1
        group = slice(j, last + 1)  # line 8
        target = 2.0 * initial[group]
        if last + 1 < c:
            target = np.minimum(target, height[last + 1])
        rise = target - height[group]
        before = deficiency[group].copy()
        group_weight = step1_weight[group].copy() if repairs.wf_8_weights else weight[group]
        excess, served, ran_out, rounds = _allocation_phase(
            rise.copy(), group_weight, deficiency[group], excess, rounds, limit, repairs
        )
        first = j  # line 11
        for k in range(first, last + 1):  # line 12
            if repairs.wf_13_full_heights and step1_weight[k] > 0.0:
                rise[k - first] = (before[k - first] - deficiency[k]) / step1_weight[k]
            height[k] += rise[k - first]  # line 13
            if repairs.wf_14_equality and (served[k - first] or not ran_out or not repairs.wf_13_full_heights):
                height[k] = target[k - first]
            if height[k] == 2.0 * initial[k]:  # line 14
                j += 1  # line 15
        if last + 1 < c and (height[last] == height[last + 1] or height[last] == 2.0 * initial[last]):  # line 18
            last += 1  # line 19
        if ran_out and repairs.wf_13_full_heights:
            break
    left, covered = np.empty(c), np.empty(c, np.bool_)
    left[carried] = deficiency
    covered[carried] = (height == 2.0 * initial) & (initial > 0.0)
    return left, excess, covered, rounds < limit
