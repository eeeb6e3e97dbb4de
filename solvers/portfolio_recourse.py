"""What is best once offers are made: each scenario's own program, all of them at once."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.portfolio import PortfolioInstance
from ..models.aggregator.portfolio import PortfolioDecision
from ..models.aggregator.portfolio_arrays import assemble_portfolio
from .array_programs import solve_arrays
from .portfolio_reading import decision_of_arrays
from .program_runs import Watch


@dataclasses.dataclass(frozen=True)
class Offers:
    """What is offered before the scenario is known.

    Parameters
    ----------
    day_ahead_kw, up_reserve_kw, down_reserve_kw : (T,) arrays, kW
        Constant within their blocks.
    """

    day_ahead_kw: np.ndarray
    up_reserve_kw: np.ndarray
    down_reserve_kw: np.ndarray

    @classmethod
    def none(cls, instance: PortfolioInstance) -> Offers:
        """Nothing at all."""
        nothing = np.zeros(len(instance.interval))
        return cls(nothing, nothing, nothing)

    @classmethod
    def of(cls, decision: PortfolioDecision) -> Offers:
        """Those of a decision."""
        return cls(decision.day_ahead_kw, decision.up_reserve_kw, decision.down_reserve_kw)


def with_recourse(instance: PortfolioInstance, offers: Offers, time_limit_s: float | None = None) -> PortfolioDecision:
    """Offers as they are, within their limits, and the best that can be done after them in each scenario.

    The best of each scenario is the best of the mean and of its worst part alike, since more profit in one scenario
    takes none in another.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.
    offers : Offers
        The first interval of each block counts for the block.
    time_limit_s : float, optional
        For the solver.

    Returns
    -------
    PortfolioDecision

    Raises
    ------
    NotApplicable
        If time is over before there is a point.
    InfeasibleError
        If no schedule keeps the storages' limits.
    """
    neutral = instance.replace(risk_weight=0.0)
    program = assemble_portfolio(neutral)
    low, high = program.low.copy(), program.high.copy()
    for values, name, hours, least, most in (
        (offers.day_ahead_kw, "block_offer", instance.day_ahead_block_h, -instance.day_ahead_limit_kw, None),
        (offers.up_reserve_kw, "up_block", instance.reserve_block_h, 0.0, instance.reserve_limit_kw),
        (offers.down_reserve_kw, "down_block", instance.reserve_block_h, 0.0, instance.reserve_limit_kw),
    ):
        block = instance.block_of(hours)
        fixed = np.clip(
            values[np.searchsorted(block, np.arange(block[-1] + 1))], least, -least if most is None else most
        )
        if name != "block_offer":
            # What is less than the least that may be offered is not offered.
            fixed = np.where(fixed < instance.least_reserve_kw, 0.0, fixed)
        places = program.columns[name].places
        low[places], high[places] = fixed, fixed
    watch = Watch.start(time_limit_s)
    found = solve_arrays(dataclasses.replace(program, low=low, high=high), time_limit_s=watch.left())
    if found is None:
        raise NotApplicable("the solver stopped before it had a point; allow more time")
    return decision_of_arrays(instance, program, found.point)
