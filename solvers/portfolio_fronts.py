"""Fronts of Pareto between an aggregator's profit and something else: emissions, members' benefit, risk.

Source: as :mod:`commonwatt.models.aggregator.portfolio_goals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..instances.errors import NotApplicable
from ..instances.portfolio import PortfolioInstance
from ..models.aggregator.portfolio import PortfolioDecision
from ..models.aggregator.portfolio_arrays import assemble_portfolio
from ..models.aggregator.portfolio_goals import GOALS, with_goals
from ..models.aggregator.rules import PORTFOLIO
from ..models.linear_program import LinearProgram
from .array_programs import ArraySolution, solve_arrays
from .portfolio_reading import decision_of_arrays
from .portfolio_runs import run_stochastic, suited

PROFIT = "risk_adjusted_profit"

KEPT = 1e-9
"""Part of a goal's range that is given up where it is kept at its best while another is looked for."""


@dataclass(frozen=True)
class ParetoFront:
    """Decisions of which none is better in both criteria.

    Parameters
    ----------
    table : pandas.DataFrame
        A row for each, from the greatest profit on: all criteria by the rules, and ``worth``, what the last unit of the
        other criterion costs in profit (NaN at the ends).
    decisions : tuple of PortfolioDecision
        In the same order.
    """

    table: pd.DataFrame
    decisions: tuple[PortfolioDecision, ...]


def pareto_front(instance: PortfolioInstance, other: str = "carbon_kg", *, points: int = 7) -> ParetoFront:
    """The front between risk-adjusted profit and another goal, by ε-constraints between lexicographic ends.

    Parameters
    ----------
    instance : PortfolioInstance
        Without a least size of reserve.
    other : {"carbon_kg", "members_benefit", "least_fee"}
        Emissions (less is better), members' weighted fees, or the least fee of any member (more is better).
    points : int
        At least 2, the ends among them; fewer come back where both ends are the same.

    Returns
    -------
    ParetoFront

    Raises
    ------
    ValueError
        For another goal or fewer points.
    NotApplicable
        If reserves have a least size.
    """
    if other not in GOALS or other == PROFIT:
        raise ValueError(f"other is {other!r}; known: {', '.join(name for name in GOALS if name != PROFIT)}")
    if points < 2:
        raise ValueError(f"points is {points}; the two ends are needed")
    if instance.least_reserve_kw > 0:
        raise NotApplicable("reserves have a least size, which takes whole numbers; set least_reserve_kw to 0")
    goals = with_goals(instance, assemble_portfolio(instance))
    best = {goal: _solved(goals.at(goal, {})).objective for goal in (PROFIT, other)}
    size = {goal: max(abs(best[goal]), 1e-6) for goal in best}
    dear = _solved(goals.at(other, {PROFIT: best[PROFIT] + KEPT * size[PROFIT]}))
    level_here, level_there = float(goals.cost[other] @ dear.point), best[other]
    found = [(dear, goals.at(other, {}), np.nan)]
    if level_here - level_there > 1e-6 * size[other]:
        for level in np.linspace(level_here, level_there, points)[1:]:
            last = level == level_there
            program = goals.at(PROFIT, {other: level + (KEPT * size[other] if last else 0.0)})
            solved = _solved(program)
            worth = np.nan if last else float(-solved.duals[-1])
            found.append((solved, program, worth))
    decisions = tuple(decision_of_arrays(instance, program, one.point) for one, program, _ in found)
    return ParetoFront(_table(decisions, worth=[worth for _, _, worth in found]), decisions)


def risk_front(instance: PortfolioInstance, weights: Sequence[float] = (0.0, 0.1, 0.3, 0.6, 0.9, 1.0)) -> ParetoFront:
    """Mean profit against the mean of its worst part, for several weights of risk.

    Parameters
    ----------
    instance : PortfolioInstance
        Without a least size of reserve.
    weights : sequence of float
        ω of each point, in [0, 1], ascending.

    Returns
    -------
    ParetoFront
        With a column ``risk_weight``; ``worth`` is NaN.
    """
    decisions = []
    for weight in weights:
        decision = run_stochastic(instance.replace(risk_weight=weight), "per_storage").decision
        assert isinstance(decision, PortfolioDecision)
        decisions.append(decision)
    table = _table(tuple(decisions), worth=[np.nan] * len(decisions))
    table.insert(0, "risk_weight", list(weights))
    return ParetoFront(table, tuple(decisions))


def _solved(program: LinearProgram) -> ArraySolution:
    solved = solve_arrays(program, **suited(program))
    assert solved is not None  # no limit of time was set
    return solved


def _table(decisions: tuple[PortfolioDecision, ...], worth: list[float]) -> pd.DataFrame:
    rows = [
        {criterion.name: criterion.value(one.instance, one) for criterion in PORTFOLIO.criteria} for one in decisions
    ]
    return pd.DataFrame(rows).assign(worth=worth)
