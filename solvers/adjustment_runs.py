"""Runs for adjustments: tangents for all samples, the optimal power flow, and what to say where samples are short."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..instances.adjustment import AdjustmentInstance
from ..instances.errors import InfeasibleError, NotApplicable
from ..models.aggregator.adjustment import AdjustmentDecision, AdjustmentPrices
from ..models.aggregator.adjustment_program import build_acopf
from .adjustment_tangents import AIM, ROUNDS, Adjusted, adjust_sample, state_after
from .feeder_limits import Limits
from .method import Answer
from .program_runs import Part, Watch, built_in, run_in_turn, timed
from .programs import SolverError
from .scip_programs import FLOW_OPTIONS, solve_scip

SCIP_GAP = 2e-7
"""Relative gap at which a sample's tree ends; the rules call what is within 1e-6 optimal."""


@dataclass(frozen=True)
class Adjustments:
    """What tangents found for all samples.

    Parameters
    ----------
    change_kw : (S, n) array, kW
        Reduction of each net load.
    short : (S,) array of bool
        Whether no changes were found that keep all limits; what comes nearest stands in ``change_kw``.
    price : (S, m) array, currency/h for each V or A
        Of each limit in the space of loads: low voltages, high voltages, conductors.
    rounds : (S,) array of int
        Linear programs that each needed.
    """

    change_kw: np.ndarray
    short: np.ndarray
    price: np.ndarray
    rounds: np.ndarray


def breaks_limits(instance: AdjustmentInstance, limits: Limits) -> np.ndarray:
    """Whether each sample breaks a limit if nothing is changed, or has no flow then, (S,) of bool."""
    excess = limits.excesses_or_nan(instance.net_load_kw, instance.net_load_kvar)
    return np.asarray(~(excess <= AIM).all(axis=1))


def adjusted(instance: AdjustmentInstance, *, rounds: int = ROUNDS) -> Adjustments:
    """Collect tangents for every sample that breaks a limit.

    Parameters
    ----------
    instance : AdjustmentInstance
        What is given.
    rounds : int
        Greatest number of linear programs of a sample.

    Returns
    -------
    Adjustments

    Raises
    ------
    NoFlowError
        If a sample has no flow, not even with its net loads as small as they can be made.
    """
    limits = Limits.of_feeder(instance)
    change = np.zeros_like(instance.net_load_kw)
    broken = breaks_limits(instance, limits)
    samples = len(change)
    short, count = np.zeros(samples, bool), np.zeros(samples, int)
    price = np.zeros((samples, len(limits.value)))
    for s in np.flatnonzero(broken):
        one = adjust_sample(instance, int(s), limits, rounds=rounds)
        change[s], short[s], price[s], count[s] = one.change_kw, one.short, one.price, one.rounds
    return Adjustments(change, short, price, count)


def prices_of(instance: AdjustmentInstance, change_kw: np.ndarray, price: np.ndarray) -> AdjustmentPrices:
    """Prices of limits in the space of loads (S, m), as the rules take them."""
    n = len(instance.load)
    line, phase = instance.conductors[0].T
    current = np.zeros((len(price), len(instance.line), len(instance.phase)))
    current[:, line, phase] = price[:, 2 * n :]
    return AdjustmentPrices(
        instance=instance,
        adjustment_kw=change_kw,
        current_price=current,
        low_voltage_price=price[:, :n],
        high_voltage_price=price[:, n : 2 * n],
    )


def run_tangents(instance: AdjustmentInstance) -> Answer:
    """Tangents for every sample, with prices that prove how far from the optimum they may be.

    Raises
    ------
    InfeasibleError
        If a sample is short.
    """
    found = adjusted(instance)
    for s in np.flatnonzero(found.short)[:1]:
        raise InfeasibleError(explained(instance, int(s), found.change_kw[s], "no changes were found that keep"))
    decision = AdjustmentDecision(instance=instance, adjustment_kw=found.change_kw)
    return Answer(decision, prices_of(instance, found.change_kw, found.price))


def run_one_linearisation(instance: AdjustmentInstance) -> Answer:
    """One linear program for every sample, whatever load flows say of it."""
    found = adjusted(instance, rounds=1)
    return Answer(AdjustmentDecision(instance=instance, adjustment_kw=found.change_kw))


def explained(instance: AdjustmentInstance, s: int, change_kw: np.ndarray, verdict: str) -> str:
    """Why a sample is short, in its own words: the limit that stays broken most, and what there was to change."""
    limits = Limits.of_feeder(instance)
    lower, higher = instance.reducible_kw[s].sum(), instance.raisable_kw[s].sum()
    room = (
        f"net loads can be reduced by {lower:.4g} kW and raised by {higher:.4g} kW in all, so let more of them be "
        "changed or strengthen the feeder"
    )
    state = state_after(instance, s, change_kw)
    if state is None:
        return f"{instance.sample[s]}: {verdict} all limits: as near as loads come, there is no load flow; {room}"
    excess = limits.excess(state)
    worst, n = int(np.argmax(excess)), len(instance.load)
    if worst < 2 * n:
        kind = ("at least", instance.lowest_v) if worst < n else ("at most", instance.highest_v)
        stays = (
            f"the voltage of {instance.load[worst % n]} is {abs(state.voltage_v[worst % n]):.6g} V, "
            f"and should be {kind[0]} {kind[1]:g} V"
        )
    else:
        line, phase = instance.conductors[0][worst - 2 * n]
        stays = (
            f"the current of {instance.line[line]}, phase {instance.phase[phase]}, is "
            f"{abs(state.current_a[worst - 2 * n]):.6g} A, and should be at most {instance.rating_a[line]:g} A"
        )
    return f"{instance.sample[s]}: {verdict} all limits: as near as loads come, {stays}; {room}"


def run_acopf(instance: AdjustmentInstance, *, time_limit_s: float | None = None) -> Answer:
    """The optimal power flow of each sample that breaks a limit (SCIP).

    Raises
    ------
    NotApplicable
        If time is over before there is a point, or SCIP is not installed.
    InfeasibleError
        If a sample is proved to be short.
    """
    limits = Limits.of_feeder(instance)
    change = np.zeros_like(instance.net_load_kw)
    price = np.zeros((len(change), len(limits.value)))
    broken = breaks_limits(instance, limits)

    def run(s: int, watch: Watch) -> Part[Adjusted]:
        return _acopf_of_sample(instance, s, limits, watch)

    found, total = run_in_turn(map(int, np.flatnonzero(broken)), time_limit_s, run)
    for s, one in found.items():
        change[s], price[s] = one.change_kw, one.price
    decision = AdjustmentDecision(instance=instance, adjustment_kw=change)
    bounds = {"cost": instance.dt_h * total.bound}
    return Answer(decision, prices_of(instance, change, price), total.status, bounds, total.build_seconds)


def _acopf_of_sample(instance: AdjustmentInstance, s: int, limits: Limits, watch: Watch) -> Part[Adjusted]:
    model, seconds = timed(lambda: build_acopf(instance, s))
    try:
        outcome = solve_scip(model, time_limit_s=watch.left(), gap=SCIP_GAP, **FLOW_OPTIONS)
    except InfeasibleError:
        nearest = adjust_sample(instance, s, limits)
        if not nearest.short:
            raise SolverError(
                f"{instance.sample[s]}: SCIP finds no changes, and tangents some that keep all limits"
            ) from None
        raise InfeasibleError(explained(instance, s, nearest.change_kw, "there are no changes that keep")) from None
    if not outcome.has_solution:
        # Tangents have a point where SCIP has none yet, and nothing is what it must cost at least.
        own = adjust_sample(instance, s, limits)
        if own.short:
            raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
        return Part(built_in(outcome, seconds), own, float(np.abs(own.change_kw) @ instance.price), 0.0)
    point = np.array([model.reduced[j].value - model.raised[j].value for j in model.home])
    least, greatest = -instance.raisable_kw[s], instance.reducible_kw[s]
    # SCIP keeps limits to 1e-9 of its own units; tangents from its point on keep them to 1e-10 of the limits.
    polished = adjust_sample(instance, s, limits, begin_kw=np.clip(point, least, greatest))
    if polished.short:
        polished = replace(polished, change_kw=np.clip(point, least, greatest))
    return Part(built_in(outcome, seconds), polished)
