"""The section on a portfolio whose feeder has limits: cuts, the paper's loop, and what ignoring the feeder does."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..instances.feeder_portfolio import FeederPortfolioInstance
from ..instances.sources.generated_portfolio import portfolio_of_agents
from ..instances.sources.radial_feeder import radial_feeder
from ..models.aggregator.feeder_portfolio import FeederPortfolioDecision
from ..solvers.congestion import congestion
from ..solvers.solve import solve
from .figures import save_figure
from .figures_aggregator import loading_figure
from .report import Picture, Section
from .suite_sections import written_table

COMMAND = "commonwatt tables --suite aggregator"

HOMES, SEED = 55, 3

METHODS = ("no_feeder", "cuts", "clamps", "clamps(rounds=25)", "same_part")

DRAWN = ("no_feeder", "clamps", "cuts")
"""Whose loadings are drawn."""


def street() -> FeederPortfolioInstance:
    """A winter day of homes with vehicles and batteries on a feeder with mains of 95 mm²."""
    plain = portfolio_of_agents(HOMES, 1, seed=SEED, days=1, vehicle=0.8, heat_pump=0.5, pv=0.5, battery=0.4)
    feeder = radial_feeder(HOMES, seed=1, source_pu=1.04, trunk_mm2=95, metres_between=(10.0, 30.0))
    return FeederPortfolioInstance.of(plain, feeder)


def loop_section(out: Path) -> Section:
    """A portfolio on its feeder by every way to keep limits, and what each costs.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    instance, rows, loadings = street(), [], {}
    for method in METHODS:
        solution = solve(instance, method=method)
        decision = solution.decision
        assert isinstance(decision, FeederPortfolioDecision)
        found = congestion(instance, decision.net_load_kw.reshape(-1, len(instance.load)))
        if method in DRAWN:
            loadings[method] = found.loading.reshape(len(instance.scenario), -1)[0]
        rows.append(
            {
                "method": method,
                "profit": solution.report.criteria["risk_adjusted_profit"],
                "half-hours out of limits": int(found.any.sum()) if solution.report.violations else 0,
                "greatest loading": found.loading.max(),
                "lowest (V)": found.lowest_v.min(),
                "energy charged (kWh)": instance.dt_h * decision.charge_kw.sum(),
                "seconds": sum(solution.seconds.values()),
            }
        )
    table = pd.DataFrame(rows)
    alone, kept = table["profit"].iloc[0], table["profit"].iloc[1]
    note = (
        f"{HOMES} homes, a winter day by half-hours, one scenario. Keeping the feeder's limits costs "
        f"{alone - kept:.3g} {instance.currency} by cuts. clamps: the paper's loop, ten rounds unless more are named; "
        "what is held back in one half-hour comes in another."
    )
    ways = written_table(out, "aggregator-loop", table, "A portfolio whose feeder has limits", note)
    picture = Picture(
        "Greatest current of each half-hour in parts of its rating, from a Monday's midnight on",
        save_figure(loading_figure(loadings, instance.dt_h), out / "figures", "aggregator-loop")[0],
    )
    return Section("Aggregator: a portfolio whose feeder has limits", "", [ways], [picture], COMMAND)
