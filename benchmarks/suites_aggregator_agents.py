"""Sections on an aggregator's agents: densities, vehicles, stereotypes, what is there for sure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..instances.sources.ev_chain import fit_ev_chain, stay_survival
from ..instances.sources.ev_fleet import charging_on_arrival_kw
from ..instances.sources.home_profiles import DAY, AgentModel, base_load_kw, heat_pump_kw, pv_kw, typical_chain
from ..instances.stereotypes import stereotypes
from ..solvers.kernels import firm_capacity, firm_capacity_mixture
from .figures import save_figure
from .figures_aggregator import densities_figure, fleet_figure, stereotypes_figure
from .report import Picture, Section
from .suite_sections import written_table

COMMAND = "commonwatt tables --suite aggregator"

HOMES, DAYS, SEED = 60, 90, 2
"""Readings of so many homes on so many winter weekdays."""

VEHICLES, RATING_KW = 140, 7.2


def densities_section(out: Path) -> Section:
    """Densities of four devices in the half-hours of the paper's Figure 2.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    model = AgentModel()
    chain = typical_chain()
    # Mondays of which each is a scenario of its own; what charges is read on the second day.
    places = chain.simulate(HOMES * DAYS, 2 * DAY, np.random.default_rng(SEED))
    charging = charging_on_arrival_kw(places, np.random.default_rng(SEED + 1))[DAY:]
    shape = HOMES, DAYS, DAY
    readings = {
        "Panels, half-hour 20": pv_kw(*shape, SEED, SEED, model)[:, 20].ravel(),
        "Vehicle, half-hour 36": charging[36],
        "Meter, half-hour 38": base_load_kw(*shape, SEED, SEED, model)[:, 38].ravel(),
        "Heat pump, half-hour 36": heat_pump_kw(*shape, SEED, SEED, model)[:, 36].ravel(),
    }
    picture = Picture(
        "Densities of power on winter weekdays: counterparts of the paper's Figure 2, of generated homes, whose meters "
        "have no vehicles and heat pumps in them",
        save_figure(densities_figure(readings), out / "figures", "aggregator-densities")[0],
    )
    return Section("Aggregator: densities of devices", "", [], [picture], COMMAND)


def fleet_section(out: Path) -> Section:
    """140 vehicles over a week, as in the paper's Figure 4, and how well a fitted chain says what is there.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    chain, week = typical_chain(), 7 * DAY
    places = chain.simulate(VEHICLES, week, np.random.default_rng(SEED))
    power = charging_on_arrival_kw(places, np.random.default_rng(SEED + 1))
    there = chain.marginals(week)[:, 0]
    firm = np.array([firm_capacity(np.full(VEHICLES, RATING_KW), np.full(VEHICLES, p), 0.05) for p in there])
    picture = Picture(
        f"{VEHICLES} vehicles over a week: a counterpart of the paper's Figure 4, of a declared chain of places",
        save_figure(fleet_figure(places == 0, power, firm, RATING_KW), out / "figures", "aggregator-fleet")[0],
    )
    rows = []
    for days in (7, 30, 365):
        seen = chain.simulate(VEHICLES, days * DAY, np.random.default_rng(SEED + days))
        fitted = fit_ev_chain(seen)
        error = np.abs(fitted.marginals(week)[:, 0] - there)
        again = fitted.simulate(VEHICLES, days * DAY, np.random.default_rng(SEED + 1000 + days))
        stays = stay_survival(seen), stay_survival(again)
        rows.append(
            {
                "days seen": days,
                "greatest error of a marginal": error.max(),
                "at home 18:00 to 22:00": fitted.window(36, 8),
                "by the chain itself": chain.window(36, 8),
                "product of marginals": float(np.prod(there[36:44])),
                "greatest error of stays' survival": np.abs(stays[0][:DAY] - stays[1][:DAY]).max(),
            }
        )
    table = pd.DataFrame(rows)
    note = (
        f"{VEHICLES} vehicles simulated, a chain fitted to what was seen of them, simulated again. The chance to be at "
        "home for a whole window is far above the product of its marginals, since those that are there stay."
    )
    fits = written_table(out, "aggregator-chain", table, "Chains fitted to histories of places", note)
    return Section("Aggregator: vehicles and where they are", "", [fits], [picture], COMMAND)


def stereotypes_section(out: Path) -> Section:
    """Stereotypes of generated homes with their reference days.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    model = AgentModel()
    load = base_load_kw(HOMES, 1, 28 * DAY, SEED, SEED, model)[0]
    heated = np.arange(HOMES) % 3 == 0
    load[:, heated] += heat_pump_kw(int(heated.sum()), 1, 28 * DAY, SEED, SEED, model)[0]
    found = stereotypes(load)
    table = found.table()
    note = (
        f"{HOMES} generated homes, a third with heat pumps, four weeks; mean power of each day clustered by a mixture "
        "whose number of components the Bayesian information criterion chooses, each home in its usual cluster."
    )
    kinds = written_table(out, "aggregator-stereotypes", table, "Stereotypes of homes", note)
    picture = Picture(
        "Reference days of stereotypes",
        save_figure(stereotypes_figure(found), out / "figures", "aggregator-stereotypes")[0],
    )
    return Section("Aggregator: stereotypes", "", [kinds], [picture], COMMAND)


def firm_section(out: Path) -> Section:
    """What of a mean is firm, by the number of chargers, and what something in common takes of it.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    rows = []
    for n in (10, 55, 140, 1_000, 10_000):
        rating, there = np.full(n, RATING_KW), np.full(n, 0.75)
        mean = RATING_KW * 0.75 * n
        common = ([there - 0.15, there], [0.1, 0.9])
        rows.append(
            {
                "chargers": n,
                "mean (kW)": mean,
                "P95 of mean": firm_capacity(rating, there, 0.05) / mean,
                "P99 of mean": firm_capacity(rating, there, 0.01) / mean,
                "P95 with a common factor": firm_capacity_mixture(rating, *common, 0.05) / mean,
                "P99 with a common factor": firm_capacity_mixture(rating, *common, 0.01) / mean,
            }
        )
    table = pd.DataFrame(rows)
    note = (
        f"Chargers of {RATING_KW} kW, each there with 75 %, exact by convolution. With a common factor all are there "
        "with 60 % once in ten times: what is independent averages out, what is common does not."
    )
    firm = written_table(out, "aggregator-firm", table, "What is there for sure", note)
    return Section("Aggregator: what is there for sure", "", [firm], [], COMMAND)
