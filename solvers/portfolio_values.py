"""What it is worth to plan for all scenarios rather than for their mean, and to know which one comes.

Source: value of the stochastic solution and expected value of perfect information, as in Birge and Louveaux,
*Introduction to Stochastic Programming*.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..instances.fields import specs
from ..instances.portfolio import PortfolioInstance
from ..models.aggregator.portfolio import PortfolioDecision
from ..models.aggregator.portfolio_criteria import risk_adjusted, risk_adjusted_profit
from .heuristics.portfolio import best_portfolio, run_mean_scenario


def scenario_alone(instance: PortfolioInstance, s: int) -> PortfolioInstance:
    """The instance if one scenario were sure to come.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.
    s : int
        Position of the scenario.

    Returns
    -------
    PortfolioInstance
    """
    changes: dict[str, Any] = {"scenario": [instance.scenario[s]], "probability": None, "risk_weight": 0.0}
    for name, spec in specs(type(instance)).items():
        given = getattr(instance, name)
        if spec.index[:1] == ("scenario",) and name != "probability" and given is not None:
            changes[name] = given[s : s + 1]
    return instance.replace(**changes)


def value_of_information(instance: PortfolioInstance) -> dict[str, float]:
    """Profit with offers for the mean, for all scenarios, and for the one that comes, with the two differences.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.

    Returns
    -------
    dict
        ``mean_scenario``, ``stochastic``, ``wait_and_see``, ``vss`` (value of the stochastic solution) and ``evpi``
        (expected value of perfect information), in currency.

    Raises
    ------
    NotApplicable
        If the mean of all scenarios is none that could come.
    """
    mean = run_mean_scenario(instance).decision
    assert isinstance(mean, PortfolioDecision)
    planned = risk_adjusted_profit(instance, mean)
    stochastic = risk_adjusted_profit(instance, best_portfolio(instance))
    alone = [scenario_alone(instance, s) for s in range(len(instance.scenario))]
    known = np.array([risk_adjusted_profit(one, best_portfolio(one)) for one in alone])
    sure = risk_adjusted(instance, known)
    return {
        "mean_scenario": planned,
        "stochastic": stochastic,
        "wait_and_see": sure,
        "vss": stochastic - planned,
        "evpi": sure - stochastic,
    }
