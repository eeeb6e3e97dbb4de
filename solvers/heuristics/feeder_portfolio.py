"""Portfolios on a feeder by rules: the same part for all, and the paper's loop of schedule and clamps.

Source: Postnikov et al., section on the architecture (positions are passed to the network heuristic, adjustments back
to the aggregator).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import sparse

from ...instances.errors import InfeasibleError, NoFlowError, NotApplicable
from ...instances.feeder_portfolio import FeederPortfolioInstance
from ...models.linear_program import LinearProgram
from ..adjustment_runs import adjusted
from ..array_programs import solve_arrays
from ..feeder_portfolio_cuts import AIM, HALVINGS, Network, changes_of, read
from ..method import Answer
from ..portfolio_runs import suited
from ..program_runs import Watch
from .portfolio import charged_by_rule


def run_same_part(instance: FeederPortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Charging as fast as possible, cut by the same part for all storages where the feeder needs it.

    Where limits are broken without any charging, generation is curtailed by the same part. Offers are the best that can
    be made of what comes of it.

    Raises
    ------
    NotApplicable
        If what nobody controls breaks a limit, or time is over.
    """
    network = Network(instance)
    fixed = (instance.load_kw @ instance.member_at.T, -instance.generation_kw @ instance.member_at.T)
    curtailed = np.zeros_like(instance.generation_kw)

    def part(t: int, charge_kw: np.ndarray) -> np.ndarray:
        drawn, sent, wanted = fixed[0][:, t], fixed[1][:, t], charge_kw @ instance.storage_at.T
        made = _part(network, lambda share: drawn + share[:, None] * sent)
        curtailed[:, t] = (1.0 - made)[:, None] * instance.generation_kw[:, t]
        idle = drawn + made[:, None] * sent
        if not _kept(network, idle).all():
            s = int(np.argmin(_kept(network, idle)))
            raise NotApplicable(
                f"{instance.scenario[s]}, {instance.interval[t]}: what nobody controls breaks a limit of the feeder"
            )
        return _part(network, lambda share: idle + share[:, None] * wanted)

    ruled = charged_by_rule(instance, part=part)
    program = network.program
    low, high = program.low.copy(), program.high.copy()
    for name, values in (("charge", ruled.charge_kw), ("discharge", ruled.discharge_kw), ("curtailed", curtailed)):
        block = program.columns[name]
        chosen = np.minimum(values[tuple(block.at.T)], high[block.places])
        low[block.places], high[block.places] = chosen, chosen
    found = solve_arrays(dataclasses.replace(program, low=low, high=high), time_limit_s=time_limit_s, **suited(program))
    if found is None:
        raise NotApplicable("the solver stopped before it had a point; allow more time")
    return Answer(read(network, found.point))


def _kept(network: Network, net_kw: np.ndarray) -> np.ndarray:
    """Whether net loads (S, L) have a flow and break no limit, (S,) of bool."""
    return np.asarray((network.limits.excesses_or_nan(net_kw) <= AIM).all(axis=1))


def _part(network: Network, net_kw: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The greatest part in [0, 1] for which no limit is broken, by halving, (S,); 0 where there is none."""
    scenarios = network.shape[0]
    whole = _kept(network, net_kw(np.ones(scenarios)))
    kept, left = np.zeros(scenarios), np.ones(scenarios)
    for _ in range(HALVINGS):
        middle = 0.5 * (kept + left)
        good = _kept(network, net_kw(middle))
        kept, left = np.where(good, middle, kept), np.where(good, left, middle)
    return np.where(whole, 1.0, kept)


def run_clamps(instance: FeederPortfolioInstance, rounds: int, *, time_limit_s: float | None = None) -> Answer:
    """The paper's loop, read word by word.

    A schedule is made without the feeder; where its load flow breaks a limit, loads are adjusted interval by interval
    at least cost, and from then on may not draw more, or send more, than that. Loads that are held back in one interval
    draw more in others, where they were not clamped, so that many rounds are needed, and what they end in is dearer.

    Raises
    ------
    NotApplicable
        For no rounds, or if time is over.
    """
    if rounds < 1:
        raise NotApplicable(f"rounds is {rounds}; give at least 1")
    watch, network = Watch.start(time_limit_s), Network(instance)
    low, high = np.full(network.fixed_kw.shape, -np.inf), np.full(network.fixed_kw.shape, np.inf)
    point: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    for k in range(rounds):
        try:
            found = solve_arrays(_clamped(network, low, high), time_limit_s=watch.left(), **suited(network.program))
        except InfeasibleError:
            notes = (f"no schedule keeps all clamps of round {k}; the one before is shown",)
            break
        if found is None:
            raise NotApplicable("the solver stopped before it had a point; allow more time")
        point = found.point
        net = network.net_load_kw(point)
        try:
            broken = np.flatnonzero((network.limits.excesses(net) > AIM).any(axis=1))
        except NoFlowError:
            notes = (f"the schedule of round {k} has no load flow to adjust it by",)
            break
        if not len(broken):
            break
        change = adjusted(changes_of(instance, net, broken)).change_kw
        high[broken] = np.where(change > AIM, np.minimum(high[broken], net[broken] - change), high[broken])
        low[broken] = np.where(change < -AIM, np.maximum(low[broken], net[broken] - change), low[broken])
    assert point is not None  # the first schedule knows no clamps
    return Answer(read(network, point), notes=notes)


def _clamped(network: Network, low: np.ndarray, high: np.ndarray) -> LinearProgram:
    """The portfolio's program with limits on net loads, (S T, L) kW each."""
    chosen = np.flatnonzero(np.isfinite(low.ravel()) | np.isfinite(high.ravel()))
    fixed, program = network.fixed_kw.ravel()[chosen], network.program
    return dataclasses.replace(
        program,
        matrix=sparse.csc_array(sparse.vstack([program.matrix, network.draws[chosen]])),
        row_low=np.concatenate([program.row_low, low.ravel()[chosen] - fixed]),
        row_high=np.concatenate([program.row_high, high.ravel()[chosen] - fixed]),
    )
