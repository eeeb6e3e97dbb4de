"""Tangents of limits, collected until a load flow breaks none and none holds back more than its limit does.

Currents and voltages answer changes nearly linearly. Where a limit is convex in changes, a tangent allows too much; one
more at the point that the linear program proposes makes up for it, and two or three points are enough. Where it is not
(the current of what is exported, the highest voltage), a tangent holds back what is allowed: if it has a price and its
limit is not reached, it is replaced by one at the point. Whether what is found in the end is the global optimum is not
known from here: prices let the rules prove how far it can be from it, and the optimal power flow finds it.

Source: cutting planes as in Kelley, *The cutting-plane method for solving convex programs* (1960), and replaced as in
successive linear programming where limits are not convex; by exact sensitivities of the load flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..instances.adjustment import AdjustmentInstance
from ..instances.errors import InfeasibleError, NoFlowError
from ..models.linear_program import LinearProgram
from .array_programs import solve_arrays
from .feeder_limits import Limits, Tangents
from .kernels.load_flow import Sensitivity, voltage_sensitivity

AIM = 1e-10
"""What a limit may be missed by in the end, relative to it; rules allow a hundred times as much."""

ROUNDS = 40
"""More than any sample needed that settled at all."""


STILL = 1e-6
"""How near two points that break tangents least have to be for a sample to count as short, relative to its powers."""

HALVINGS = 20
"""Of the way back from a proposal without a flow."""


@dataclass(frozen=True)
class Adjusted:
    """What came of one sample.

    Parameters
    ----------
    change_kw : (n,) array, kW
        Reduction of each net load; where the sample is short, what comes nearest as far as tangents are right.
    short : bool
        Whether no changes were found that keep all limits.
    price : (m,) array, currency/h for each V or A
        Of each limit, as :class:`Limits` orders them.
    rounds : int
        Linear programs that were solved.
    """

    change_kw: np.ndarray
    short: bool
    price: np.ndarray
    rounds: int


def adjust_sample(
    instance: AdjustmentInstance, s: int, limits: Limits, *, begin_kw: np.ndarray | None = None, rounds: int = ROUNDS
) -> Adjusted:
    """Collect tangents for one sample until none of its limits is broken.

    Parameters
    ----------
    instance : AdjustmentInstance
        What is given.
    s : int
        Position of the sample.
    limits : Limits
        Of the feeder.
    begin_kw : (n,) array, kW, optional
        Where the first tangents are taken; unless given, at no change, or where net loads are as small as they can be
        made, if there is no flow without changes.
    rounds : int
        Greatest number of linear programs.

    Returns
    -------
    Adjusted

    Raises
    ------
    NoFlowError
        If the sample has no flow at the beginning, by its name.
    """
    net = instance.net_load_kw[s]
    if begin_kw is None and state_after(instance, s, np.zeros(len(net))) is None:
        begin_kw = np.clip(net, -instance.raisable_kw[s], instance.reducible_kw[s])
    change = np.zeros(len(net)) if begin_kw is None else begin_kw
    bearable = change
    tangents, price = Tangents(), np.zeros(len(limits.value))
    best, nearest, restarted = None, None, False
    for k in range(rounds + 1):
        # A proposal without a flow is pulled back towards the last one that has one.
        whole, restarted = restarted or (begin_kw is not None and k == 0), False
        given = whole
        state = state_after(instance, s, change)
        for _ in range(HALVINGS):
            if state is None:
                change, whole = 0.5 * (change + bearable), True
                state = state_after(instance, s, change)
        if state is None:
            raise NoFlowError(s, float((net - change).sum()), str(instance.sample[s]))
        bearable, excess = change, limits.excess(state)
        broken, loose = excess > AIM, (price > 0) & (excess < -AIM) & (not whole or given)
        if not broken.any():
            cost = float(np.abs(change) @ instance.price)
            if best is None or cost < float(np.abs(best.change_kw) @ instance.price):
                best = Adjusted(change, False, price, k)
            if not (loose.any() or whole):
                break
        if k == rounds:
            break
        tangents.drop(loose[None])
        # At a point that no program proposed what is kept is needed too, or the next one would leave it.
        tangents.add(limits, state, net - change, np.flatnonzero(broken | loose | whole))
        try:
            change, duals = _cheapest(instance, s, tangents)
        except InfeasibleError:
            if best is not None:
                break
            # Tangents may hold back what is allowed: they are taken anew where they are broken least.
            change = _nearest(instance, s, tangents, limits)
            if nearest is not None and np.abs(change - nearest).max() <= STILL * instance.size_kw:
                return Adjusted(change, True, price, k + 1)
            nearest, restarted, tangents = change, True, Tangents()
            price = np.zeros(len(price))
            continue
        price = np.zeros(len(price))
        np.add.at(price, tangents.which, np.maximum(-duals, 0.0))
    return Adjusted(change, True, price, rounds) if best is None else best


def state_after(instance: AdjustmentInstance, s: int, change_kw: np.ndarray) -> Sensitivity | None:
    """Flow of a sample after changes and how it answers more of them, None where there is none."""
    try:
        return voltage_sensitivity(instance, instance.net_load_kw[s] - change_kw, instance.net_load_kvar[s])
    except NoFlowError:
        return None


def _cheapest(instance: AdjustmentInstance, s: int, tangents: Tangents) -> tuple[np.ndarray, np.ndarray]:
    """Cheapest changes that keep all tangents, and the duals of these."""
    n, (both, most) = len(instance.load), _of_changes(instance, s, tangents)
    program = _program(
        np.concatenate([instance.price, instance.price]),
        np.concatenate([instance.reducible_kw[s], instance.raisable_kw[s]]),
        both,
        most,
    )
    found = solve_arrays(program)
    assert found is not None  # no time limit was set
    limited = np.clip(found.point, program.low, program.high)
    return limited[:n] - limited[n:], found.duals


def _nearest(instance: AdjustmentInstance, s: int, tangents: Tangents, limits: Limits) -> np.ndarray:
    """Changes that break tangents least, relative to their limits and summed up."""
    n, (both, most) = len(instance.load), _of_changes(instance, s, tangents)
    size = limits.size[tangents.which]
    both = np.concatenate([both, -np.diag(size)], axis=1)
    reach = np.concatenate([instance.reducible_kw[s], instance.raisable_kw[s]])
    # A trace of cost lets what does not help stay as it is.
    trace = 1e-9 * np.ones(2 * n)
    program = _program(
        np.concatenate([trace, np.ones(len(size))]),
        np.concatenate([reach, np.full(len(size), np.inf)]),
        both,
        most,
    )
    found = solve_arrays(program)
    assert found is not None  # no time limit was set
    limited = np.clip(found.point[: 2 * n], 0.0, reach)
    return np.asarray(limited[:n] - limited[n:])


def _of_changes(instance: AdjustmentInstance, s: int, tangents: Tangents) -> tuple[np.ndarray, np.ndarray]:
    """Tangents as rows of reductions and raises, (k, 2 n), and their greatest values, (k,)."""
    rows = np.array(tangents.row)
    return np.concatenate([-rows, rows], axis=1), np.array(tangents.most) - rows @ instance.net_load_kw[s]


def _program(cost: np.ndarray, high: np.ndarray, rows: np.ndarray, most: np.ndarray) -> LinearProgram:
    return LinearProgram(
        cost=cost,
        low=np.zeros(len(cost)),
        high=high,
        matrix=sparse.csc_array(rows),
        row_low=np.full(len(most), -np.inf),
        row_high=most,
        columns={},
        rows={},
    )
