"""A portfolio on a feeder as one program, declared in Pyomo: the portfolio, and a load flow each scenario and interval.

For a solver that proves global optima and for small instances; what is larger is solved by cuts
(:mod:`commonwatt.solvers.feeder_portfolio_cuts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.feeder_portfolio import FeederPortfolioInstance
from .acopf import declare_flow
from .portfolio_program import build_portfolio

if TYPE_CHECKING:
    import pyomo.environ as pyo


def load_range_kw(instance: FeederPortfolioInstance) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest that each load can draw, whatever storages hold, (S, T, L) kW each; export is negative."""
    drawn, made = instance.load_kw @ instance.member_at.T, instance.generation_kw @ instance.member_at.T
    charged = (instance.there * instance.charge_kw) @ instance.storage_at.T
    discharged = (instance.there * instance.discharge_kw) @ instance.storage_at.T
    return np.asarray(drawn - made - discharged), np.asarray(drawn + charged)


def build_feeder_portfolio(instance: FeederPortfolioInstance) -> pyo.ConcreteModel:
    """Declare the program.

    Parameters
    ----------
    instance : FeederPortfolioInstance
        What is given.

    Returns
    -------
    pyomo.environ.ConcreteModel
        That of the portfolio, with a block ``flow`` for each scenario and interval.
    """
    import pyomo.environ as pyo

    model = build_portfolio(instance)
    greatest, nothing = np.abs(load_range_kw(instance)).max(axis=0), np.zeros(len(instance.load))
    members = [np.flatnonzero(row) for row in instance.member_at]
    storages = [np.flatnonzero(row) for row in instance.storage_at]

    def flow(block: Any, s: int, t: int) -> None:
        def drawn(j: int) -> Any:
            found: Any = 0.0
            for m in map(int, members[j]):
                fixed = float(instance.load_kw[s, t, m] - instance.generation_kw[s, t, m])
                found += fixed + model.curtailed[s, t, m]
            return found + sum(model.charge[s, t, i] - model.discharge[s, t, i] for i in map(int, storages[j]))

        declare_flow(block, instance, drawn, nothing, greatest[s, t])

    model.flow = pyo.Block(model.s, model.t, rule=flow)
    return model
