"""The menu of scheduling: every method on one page, with its claim.

Source: Lange, section "Cloud-based optimization workflow" and ``docs/mathematics/scheduling.md``.
"""

from __future__ import annotations

from ..instances.errors import NotApplicable
from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.decision import SchedulingDecision
from .method import Answer, Claims, method

PROGRAM_CELLS = 8_000
CENTRAL_CELLS = 100_000
NLP_CELLS = 300
MASTER_CELLS = 20_000
"""Cells up to which programs are known to end within a minute."""


@method("scheduling", kind="program", exact_for={"community_cost"}, size_limit=PROGRAM_CELLS)
def community_program(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least cost of the community behind one meter, as declared in Pyomo (HiGHS); integer only where it must be."""
    from .scheduling_programs import run_community_cost

    return run_community_cost(instance, time_limit_s=time_limit_s)


@method(
    "scheduling",
    kind="program",
    exact_for={"community_cost"},
    variants={"peak=True": Claims(frozenset({"peak_cost"}))},
    size_limit=CENTRAL_CELLS,
)
def central_program(instance: SchedulingInstance, *, peak: bool = False, time_limit_s: float | None = None) -> Answer:
    """The same linear program assembled from arrays (HiGHS), for sizes beyond declaring; peak=True: the least peak."""
    from .scheduling_arrays import run_central

    return run_central(instance, peak=peak, time_limit_s=time_limit_s)


@method("scheduling", kind="program", exact_for={"separate_cost"}, size_limit=PROGRAM_CELLS)
def separate_program(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least cost of each member alone behind a meter of its own, as declared in Pyomo (HiGHS)."""
    from .scheduling_programs import run_separate_cost

    return run_separate_cost(instance, time_limit_s=time_limit_s)


@method("scheduling", kind="program", exact_for={"peak_cost"}, size_limit=PROGRAM_CELLS)
def peak_program(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least import peak of the community, as declared in Pyomo (HiGHS)."""
    from .scheduling_programs import run_peak_cost

    return run_peak_cost(instance, time_limit_s=time_limit_s)


@method("scheduling", kind="program", exact_for={"community_cost"}, size_limit=NLP_CELLS)
def sdr_program(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """The paper's non-linear program, in which members pay SDR prices that depend on all of them (Ipopt, extra nlp)."""
    from .scheduling_nlp import run_sdr

    return run_sdr(instance, time_limit_s=time_limit_s)


@method("scheduling", kind="kernel", exact_for={"separate_cost"})
def separate_kernel(instance: SchedulingInstance) -> Answer:
    """Least cost of each member alone by the battery kernel, for members with one storage or request each."""
    from .scheduling_kernels import each_alone

    return each_alone(instance)


@method("scheduling", kind="kernel", exact_for={"peak_cost"})
def valley_filling(instance: SchedulingInstance) -> Answer:
    """Requests poured into the valleys of the community's load: the least peak where there are no storages."""
    from .scheduling_kernels import fill_valleys

    return fill_valleys(instance)


@method("scheduling", exact_for={"waiting_h"}, variants={"patient=True": Claims()})
def idle(instance: SchedulingInstance, *, patient: bool = False) -> SchedulingDecision:
    """No storage is used but where it must be, requests are served at once; patient=True lets them wait for room."""
    from .heuristics.scheduling import idle as rule

    return rule(instance, patient=patient)


@method("scheduling")
def self_consumption(instance: SchedulingInstance, *, scope: str = "community") -> SchedulingDecision:
    """Surplus is stored and used as soon as it is needed; scope='member' looks at each member's own net load only."""
    from .heuristics.scheduling import self_consumption as rule

    return rule(instance, scope=scope)


@method("scheduling")
def time_of_use(instance: SchedulingInstance, *, threshold: float = 0.25) -> SchedulingDecision:
    """Storages charge in the cheapest hours of a day and discharge in the dearest; requests go to the cheapest."""
    from .heuristics.scheduling import time_of_use as rule

    return rule(instance, threshold=threshold)


@method("scheduling")
def p_mas(
    instance: SchedulingInstance,
    *,
    thresholds: tuple[float, ...] = (0.2, 0.5, 0.8, 1.0),
    high_price: float = 0.75,
) -> SchedulingDecision:
    """The paper's p-MAS: overloaded nodes let requests wait, underloaded ones serve them first come, first served."""
    from .heuristics.scheduling import p_mas as rule

    return rule(instance, thresholds=thresholds, high_price=high_price)


@method("scheduling", kind="program", exact_for={"community_cost"}, size_limit=MASTER_CELLS)
def dantzig_wolfe(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """A master program (HiGHS) mixes what members answer to prices by the battery kernel, with a certified gap."""
    from .decomposition import run_dantzig_wolfe

    return run_dantzig_wolfe(instance, time_limit_s=time_limit_s)


@method("scheduling", kind="kernel")
def exchange_admm(
    instance: SchedulingInstance, *, rounds: int = 200, gap: float = 1e-3, time_limit_s: float | None = None
) -> Answer:
    """Members who see a price and the mean imbalance only (exchange ADMM), for rounds= or to a certified gap=."""
    from .exchange_admm import run_exchange_admm

    return run_exchange_admm(instance, rounds=rounds, gap=gap, time_limit_s=time_limit_s)


@method("scheduling", kind="kernel", exact_for={"community_cost"})
def interior_point(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Prices for any number of members by an interior-point method of our own, proved by the battery kernel."""
    from .decomposition_levels import refuse_few_or_long, run_interior_point

    refuse_few_or_long(instance)
    return run_interior_point(instance, time_limit_s=time_limit_s)


@method("scheduling", variants={"forecast='persistence'": Claims(), "forecast='noisy'": Claims()})
def rolling(
    instance: SchedulingInstance,
    *,
    window: int = 24,
    step: int = 1,
    forecast: str = "perfect",
    noise: float = 0.2,
    engine: str = "auto",
    terminal: str = "none",
    seed: int = 0,
) -> Answer:
    """A sliding horizon: plan a window, carry out its first steps, plan again; forecast='persistence' or 'noisy'."""
    from .rolling import RollingStopped, roll

    try:
        done = roll(
            instance,
            window=window,
            step=step,
            forecast=forecast,
            noise=noise,
            engine=engine,
            terminal=terminal,
            seed=seed,
        )
    except RollingStopped as stopped:
        raise NotApplicable(str(stopped)) from stopped
    return Answer(done.whole(), logs={"windows": done.windows})
