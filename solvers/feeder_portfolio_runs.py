"""The run of a portfolio on a feeder that proves its optimum: portfolio and load flows in one program (SCIP)."""

from __future__ import annotations

import numpy as np

from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.feeder_portfolio import FeederPortfolioInstance
from ..models.aggregator.feeder_portfolio_program import build_feeder_portfolio
from .feeder_portfolio_cuts import Network, portfolio_prices, read, why_short, with_tangents
from .method import Answer
from .program_runs import Watch, timed
from .scip_programs import FLOW_OPTIONS, solve_scip

SCIP_GAP = 2e-7
"""Relative gap at which the tree ends; the rules call what is within 1e-6 optimal."""


def run_acopf(instance: FeederPortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Portfolio and load flows in one program.

    Raises
    ------
    NotApplicable
        If reserves have a least size, time is over before there is a point, or SCIP is not installed.
    InfeasibleError
        If no schedule keeps the feeder's limits.
    """
    watch = Watch.start(time_limit_s)
    network, more = timed(lambda: Network(instance))
    model, seconds = timed(lambda: build_feeder_portfolio(instance))
    try:
        outcome = solve_scip(model, time_limit_s=watch.left(), gap=SCIP_GAP, **FLOW_OPTIONS)
    except InfeasibleError:
        raise InfeasibleError(why_short(network, "there is no schedule that keeps")) from None
    if not outcome.has_solution:
        raise NotApplicable(f"the solver stopped ({outcome.status}) before it had a point; allow more time")
    point = np.zeros(len(network.program.cost))
    for name in ("charge", "discharge", "curtailed"):
        block = network.program.columns[name]
        variable = model.component(name)
        point[block.places] = [variable[at].value for at in map(tuple, block.at.tolist())]
    # SCIP keeps limits to 1e-9 of its own units; tangents from its point on keep them to 1e-9 of the limits.
    polished = with_tangents(network, Watch.start(None), begin_kw=network.net_load_kw(point))
    if polished.best is None:
        raise NotApplicable("limits of the feeder stay broken by last digits; see cuts")
    decision = read(network, polished.best)
    bounds = {"risk_adjusted_profit": outcome.bound}
    prices = portfolio_prices(network, polished.first)
    return Answer(decision, prices, outcome.status, bounds, seconds + more + outcome.build_seconds)
