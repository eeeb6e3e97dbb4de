"""The menu of allocation: every method on one page, with its claim.

Source: Kouvelas et al., sections IV-B (strategies) and the theorems of ``docs/mathematics/allocation.md``. Optima:
``water_filling`` maximises social welfare, ``game_theoretic`` weighted fairness, ``equal_water_filling`` the social
welfare ratio, ``smallest_first`` the number of consumers fully served.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..instances.allocation import AllocationInstance
from ..instances.errors import NotApplicable
from ..models.allocation.decision import AllocationDecision, AllocationPrices
from ..models.allocation.program import fairness_price, welfare_price
from ..models.problem import TOLERANCE
from .method import Answer, Claims, method

if TYPE_CHECKING:
    from .allocation_runs import Run
    from .heuristics.allocation import Pairing

PRINTED = {"variant='printed'": Claims(feasible=False)}
"""Algorithms and formulas exactly as the paper prints them; what is wrong with them is in the table of errata."""


LARGEST_PRICE = 1e300


def _paired(instance: AllocationInstance, pairing: Pairing) -> AllocationDecision:
    """Decision of a strategy that makes prosumer–consumer pairs."""
    return AllocationDecision(
        instance=instance,
        allocated_kwh=pairing.allocated_kwh,
        pair_interval=pairing.pair_interval,
        pair_prosumer=pairing.pair_prosumer,
        pair_consumer=pairing.pair_consumer,
        pair_kwh=pairing.pair_kwh,
    )


def _decided(instance: AllocationInstance, allocated_kwh: np.ndarray, *, pairs: bool) -> AllocationDecision:
    """Decision of a strategy of the central controller, with pairs that realise it where they are asked for."""
    from .heuristics.allocation import pair_up

    if not pairs:
        return AllocationDecision(instance=instance, allocated_kwh=allocated_kwh)
    stored = np.flatnonzero(allocated_kwh.sum(axis=1) > instance.supply_kwh * (1.0 + 1e-9))
    if stored.size:
        when = instance.interval[stored[0]]
        raise NotApplicable(f"interval {when}: energy from the store has no prosumer to be paired with")
    return _paired(instance, pair_up(allocated_kwh, instance.excess_kwh))


def _prices(instance: AllocationInstance, energy_price: np.ndarray) -> AllocationPrices:
    """Prices as the rules take them; any finite price proves a bound, so one that overflows may stand lower."""
    return AllocationPrices(instance=instance, energy_price=np.minimum(energy_price, LARGEST_PRICE))


@method("allocation", kind="kernel", exact_for={"social_welfare", "grid_import_kwh"}, variants=PRINTED)
def water_filling(instance: AllocationInstance, *, variant: str = "corrected", pairs: bool = False) -> Answer:
    """Water-filling strategy (Algorithm 2): lowest ratio of deficiency to weight first; pairs=True adds who gives."""
    from .heuristics.printed_allocation import water_filling_printed
    from .kernels import water_filling as kernel

    if _variant(variant) == "printed":
        return Answer(_printed(instance, water_filling_printed, pairs=pairs))
    x, level = kernel(instance.requested_kwh, instance.weight, instance.available_kwh, return_level=True)
    return Answer(_decided(instance, x, pairs=pairs), _prices(instance, welfare_price(np.asarray(level))))


@method(
    "allocation",
    kind="kernel",
    exact_for={"fairness", "grid_import_kwh"},
    variants={**PRINTED, "pairs=True": Claims(frozenset({"fairness", "grid_import_kwh", "pbr"}))},
)
def game_theoretic(instance: AllocationInstance, *, variant: str = "corrected", pairs: bool = False) -> Answer:
    """Game-theoretic strategy (Algorithm 1): all are served at once by their weights, up to what they need."""
    from .heuristics.printed_allocation import game_theoretic_printed
    from .kernels import weighted_max_min

    if _variant(variant) == "printed":
        return Answer(_printed(instance, game_theoretic_printed, pairs=pairs))
    x, level = weighted_max_min(instance.requested_kwh, instance.weight, instance.available_kwh, return_level=True)
    return Answer(_decided(instance, x, pairs=pairs), _prices(instance, fairness_price(instance, np.asarray(level))))


def _variant(variant: str) -> str:
    if variant not in ("corrected", "printed"):
        raise ValueError(f"unknown variant {variant!r}; valid: 'corrected', 'printed'")
    return variant


def _number(name: str, given: object, otherwise: float) -> float:
    """An option that is a number, the instance's own where it is not given."""
    if given is None:
        return otherwise
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise ValueError(f"{name}={given!r} is no number")
    return given


def _whole(name: str, given: object, otherwise: float) -> int:
    """An option that is a whole number of at least 1, the instance's own where it is not given."""
    value = _number(name, given, otherwise)
    if not math.isfinite(value) or value != int(value) or value < 1:
        raise ValueError(f"{name}={value} is no whole number of at least 1")
    return int(value)


def _printed(instance: AllocationInstance, algorithm: Any, *, pairs: bool) -> AllocationDecision:
    """Run a printed algorithm on the consumers of each interval; whoever is none is not part of the paper's C."""
    x = np.zeros_like(instance.deficiency_kwh)
    for t, who in enumerate(instance.consumer):
        try:
            run = algorithm(
                instance.deficiency_kwh[t : t + 1, who], instance.weight[who], instance.available_kwh[t : t + 1]
            )
            x[t, who] = run.allocation()[0]
        except ArithmeticError as error:
            raise NotApplicable(f"{instance.interval[t]}: {error}") from None
    return _decided(instance, x, pairs=pairs)


@method("allocation", kind="kernel", exact_for={"swr", "grid_import_kwh"})
def equal_water_filling(instance: AllocationInstance, *, pairs: bool = False) -> Answer:
    """Water-filling with all positive weights set to 1, which maximises the social welfare ratio."""
    from .kernels import water_filling as kernel

    equal = (instance.weight > 0).astype(float)
    x, level = kernel(instance.requested_kwh, equal, instance.available_kwh, return_level=True)
    return Answer(_decided(instance, x, pairs=pairs), _prices(instance, welfare_price(np.asarray(level))))


@method("allocation", kind="kernel", exact_for={"fully_served", "grid_import_kwh"})
def smallest_first(instance: AllocationInstance, *, pairs: bool = False) -> Answer:
    """Ascending deficiency: the smallest requests first, which serves the largest number of consumers in full."""
    from .heuristics.allocation import ascending_deficiency

    asked = instance.requested_kwh
    x = ascending_deficiency(asked, instance.weight, instance.available_kwh)
    # The smallest request that is not met prices the energy: it would take so many kWh to serve one more consumer.
    short = (asked > 0) & (x < asked * (1.0 - TOLERANCE))
    unmet = np.where(short, asked * (1.0 - TOLERANCE), np.inf).min(axis=1)
    return Answer(_decided(instance, x, pairs=pairs), _prices(instance, 1.0 / unmet))


@method("allocation", kind="heuristic")
def random(instance: AllocationInstance, *, seed: int) -> AllocationDecision:
    """Random strategy: every prosumer gives to consumers drawn at random."""
    from .heuristics.allocation import random_pairs

    return _paired(instance, random_pairs(instance.deficiency_kwh, instance.excess_kwh, instance.weight, seed=seed))


@method("allocation", kind="heuristic")
def greedy(
    instance: AllocationInstance, *, service_level: float | None = None, second_pass: bool = True
) -> AllocationDecision:
    """Greedy strategy: one fixed sequence by priority; service_level (λ, else the instance's) caps a first pass."""
    from .heuristics.allocation import greedy_pairs

    level = _number("service_level", service_level, instance.service_level)
    pairing = greedy_pairs(
        instance.deficiency_kwh,
        instance.excess_kwh,
        instance.weight,
        instance.order,
        service_level=level,
        second_pass=second_pass,
    )
    return _paired(instance, pairing)


@method("allocation", kind="heuristic")
def round_robin(
    instance: AllocationInstance,
    *,
    reset_intervals: int | None = None,
    service_level: float | None = None,
    second_pass: bool = True,
    limit_counts_as_served: bool = False,
) -> AllocationDecision:
    """Round-robin strategy: whoever was served moves to the end, until the sequence is reset after TL intervals."""
    from .heuristics.allocation import round_robin_pairs

    pairing = round_robin_pairs(
        instance.deficiency_kwh,
        instance.excess_kwh,
        instance.weight,
        instance.order,
        reset_intervals=_whole("reset_intervals", reset_intervals, instance.reset_intervals),
        service_level=_number("service_level", service_level, instance.service_level),
        second_pass=second_pass,
        limit_counts_as_served=limit_counts_as_served,
    )
    return _paired(instance, pairing)


@method("allocation", kind="heuristic", variants=PRINTED)
def weighted(instance: AllocationInstance, *, variant: str = "corrected", pairs: bool = False) -> Answer:
    """Weighted strategy: the surplus split by weight; corrected caps each share at the need and reports the spill."""
    from .heuristics.allocation import weighted_split

    weight = instance.weight * instance.consumer
    x, spill = weighted_split(instance.deficiency_kwh, weight, instance.available_kwh, variant=variant)
    note = f"spill: {spill.sum():.6g} kWh of {instance.available_kwh.sum():.6g} kWh are given to nobody"
    return Answer(_decided(instance, x, pairs=pairs), notes=(note,))


DECADES = 12
"""Spread of the requests of one interval that programs resolve to a gap of 1e-6; kernels have no such limit.

``python -m commonwatt.benchmarks.spread`` prints the gaps by which it was chosen.
"""


def _refuse_wide_spread(instance: AllocationInstance) -> None:
    """Raise where requests differ by more than a solver with absolute tolerances can tell apart."""
    asked = instance.requested_kwh
    least = np.where(asked > 0, asked, np.inf).min(axis=1)
    most = asked.max(axis=1)
    for t in np.flatnonzero(most > least * 10.0**DECADES):
        spread = f"requests from {least[t]:.3g} to {most[t]:.3g} kWh"
        raise NotApplicable(f"interval {instance.interval[t]}: {spread}; the solver resolves {DECADES} decades")


def _from_run(instance: AllocationInstance, run: Run, proves: str | None = None) -> Answer:
    """Answer of a program's run; ``proves`` names the criterion whose bound its tree proved."""
    pairs = {}
    if run.pairs is not None:
        at, prosumer, consumer, energy_kwh = run.pairs
        pairs = {"pair_interval": at, "pair_prosumer": prosumer, "pair_consumer": consumer, "pair_kwh": energy_kwh}
    outcome = run.outcome
    return Answer(
        AllocationDecision(instance=instance, allocated_kwh=run.allocated_kwh, **pairs),
        None if run.energy_price is None else _prices(instance, run.energy_price),
        status=outcome.status,
        bounds={} if proves is None else {proves: outcome.bound},
        build_seconds=outcome.build_seconds,
    )


@method("allocation", kind="program", exact_for={"social_welfare"})
def social_welfare_program(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Answer:
    """Maximise Σ w log₂(1 + x/E) as a conic program (CVXPY, Clarabel)."""
    from .allocation_programs import run_social_welfare_log

    _refuse_wide_spread(instance)
    return _from_run(instance, run_social_welfare_log(instance, time_limit_s=time_limit_s))


@method("allocation", kind="program", exact_for={"swr"})
def swr_program(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Answer:
    """Maximise Σ log₂(1 + x/E) as a conic program (CVXPY, Clarabel)."""
    from .allocation_programs import run_swr_log

    _refuse_wide_spread(instance)
    return _from_run(instance, run_swr_log(instance, time_limit_s=time_limit_s))


@method("allocation", kind="program", exact_for={"fairness"})
def fairness_program(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Answer:
    """Maximise Σ √(w x) as a conic program (CVXPY, Clarabel)."""
    from .allocation_programs import run_fairness_root

    _refuse_wide_spread(instance)
    return _from_run(instance, run_fairness_root(instance, time_limit_s=time_limit_s))


@method("allocation", kind="program", exact_for={"social_welfare"})
def water_filling_program(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Answer:
    """Minimise Σ (E + x)²/2w, whose optimum is the water-filling strategy (Pyomo, HiGHS)."""
    from .allocation_programs import run_water_filling_qp

    _refuse_wide_spread(instance)
    return _from_run(instance, run_water_filling_qp(instance, time_limit_s=time_limit_s))


@method("allocation", kind="program", exact_for={"fairness"})
def game_theoretic_program(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Answer:
    """Minimise Σ x²/2w, whose optimum is the game-theoretic strategy (Pyomo, HiGHS)."""
    from .allocation_programs import run_game_theoretic_qp

    _refuse_wide_spread(instance)
    return _from_run(instance, run_game_theoretic_qp(instance, time_limit_s=time_limit_s))


@method("allocation", kind="program", exact_for={"fairness"})
def max_min_program(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Answer:
    """Maximise the worst x/w, then the next, by a sequence of linear programs (Pyomo, HiGHS)."""
    from .allocation_programs import run_max_min_lp

    _refuse_wide_spread(instance)
    return _from_run(instance, run_max_min_lp(instance, time_limit_s=time_limit_s))


@method("allocation", kind="program", exact_for={"fully_served"})
def fully_served_program(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Answer:
    """Maximise the number of consumers fully served, an integer program (Pyomo, HiGHS)."""
    from .allocation_integer_programs import run_fully_served_milp

    return _from_run(instance, run_fully_served_milp(instance, time_limit_s=time_limit_s), "fully_served")


@method("allocation", kind="program", exact_for={"unique_served"})
def unique_served_program(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Answer:
    """Maximise the number of households fully served at least once, an integer program (Pyomo, HiGHS)."""
    from .allocation_integer_programs import run_unique_served_milp

    return _from_run(instance, run_unique_served_milp(instance, time_limit_s=time_limit_s), "unique_served")


@method("allocation", kind="program", exact_for={"pairs"})
def pairs_program(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Answer:
    """Minimise the number of pairs that deliver all that can be delivered, an integer program (Pyomo, HiGHS)."""
    from .allocation_integer_programs import run_fewest_pairs_milp

    return _from_run(instance, run_fewest_pairs_milp(instance, time_limit_s=time_limit_s), "pairs")


@method("allocation", kind="program")
def transport_program(instance: AllocationInstance, *, time_limit_s: float | None = None) -> Answer:
    """Deliver all that can be delivered by a transport program that charges shares of pairs (Pyomo, HiGHS)."""
    from .allocation_integer_programs import run_transport_lp

    return _from_run(instance, run_transport_lp(instance, time_limit_s=time_limit_s), "pairs")
