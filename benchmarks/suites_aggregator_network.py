"""Sections on an aggregator's feeder: how often it is out of its limits, what it needs, and who should be asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..instances.adjustment import AdjustmentInstance
from ..instances.aggregator import Feeder
from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.sources.feeder_days import feeder_days, home_days, owners
from ..instances.sources.home_profiles import DAY, AgentModel
from ..instances.sources.radial_feeder import radial_feeder
from ..models.aggregator.adjustment_bound import cost_bound
from ..solvers.adjustment_runs import adjusted, prices_of
from ..solvers.congestion import congestion
from ..solvers.network_need import network_need
from ..solvers.solve import solve
from .figures import save_figure
from .figures_aggregator import before_after_figure, congestion_figure, need_figure
from .report import Picture, Section
from .suite_sections import written_table

COMMAND = "commonwatt tables --suite aggregator"

CONNECTIONS = 55
"""Of the feeder, as many as the IEEE European one has."""

DAYS, SEED = 90, 2

PENETRATIONS = ((0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 0.3, 0.0), (1.0, 0.3, 1.0))
"""Shares of homes with vehicles, heat pumps and panels."""

PUMPS = (0.3, 0.6, 1.0)
"""Shares of homes with heat pumps, beside vehicles and panels in all, of which adjustments are shown."""

ASKED = ("effect_per_price", "effect", "same_share", "one_linearisation")

EVERY = 8
"""One in so many samples that break a limit is adjusted by every method."""


def network() -> Feeder:
    """A feeder with mains of 95 mm², whose source is as high as sources are set."""
    return radial_feeder(CONNECTIONS, seed=1, source_pu=1.04, trunk_mm2=95, metres_between=(10.0, 30.0))


def congestion_section(out: Path) -> Section:
    """How often a feeder is out of its limits on winter days, by what homes own, if nobody adjusts anything.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    feeder = network()
    drawn = home_days(CONNECTIONS, DAYS, seed=SEED, model=AgentModel())
    rows, chances = [], {}
    for shares in PENETRATIONS:
        kinds = ("vehicle", "heat pump", "pv")
        vehicle, pump, panel = (
            owners(CONNECTIONS, share, SEED, what) for what, share in zip(kinds, shares, strict=True)
        )
        net = drawn.base_kw + drawn.charging_kw * vehicle + drawn.heat_kw * pump - drawn.sun_kw * panel
        found = congestion(feeder, net.reshape(-1, CONNECTIONS))
        by_half_hour = found.any.reshape(DAYS, DAY).mean(axis=0)
        name = f"{shares[0]:.0%} vehicles, {shares[1]:.0%} heat pumps, {shares[2]:.0%} panels"
        chances[name] = by_half_hour
        rows.append(
            {
                "homes with": name,
                "out of limits": found.any.mean(),
                "current": found.hot.mean(),
                "voltage low": found.low.mean(),
                "voltage high": found.high.mean(),
                "worst half-hour": int(by_half_hour.argmax()),
                "there": by_half_hour.max(),
                "lowest (V)": found.lowest_v.min(),
                "greatest loading": found.loading.max(),
                "certified": found.certified.mean(),
            }
        )
    table = pd.DataFrame(rows)
    note = (
        f"{DAYS} winter weekdays by half-hours, {CONNECTIONS} homes on a generated feeder with mains of 95 mm², "
        "vehicles charging at home as soon as they are there; shares of half-hours, and in the worst half-hour of the "
        "day. certified: share whose voltages are proved to be the only ones. Ratings of cables are assumptions."
    )
    broken = written_table(out, "aggregator-congestion", table, "How often a feeder is out of its limits", note)
    picture = Picture(
        "Chance that the feeder is out of its limits, by half-hour of a winter weekday",
        save_figure(congestion_figure(chances), out / "figures", "aggregator-congestion")[0],
    )
    return Section("Aggregator: how often the feeder is out of its limits", "", [broken], [picture], COMMAND)


def need_section(out: Path) -> Section:
    """P5 and P95 of total adjustments by half-hour, as in the paper's Figure 3, and what of firm flexibility is left.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    tables, lines = [], {}
    for share in PUMPS:
        days = feeder_days(network(), DAYS, seed=SEED, heat_pump=share)
        need = network_need(days)
        lines[f"{share:.0%} heat pumps"] = low, middle, high = need.quantiles([0.05, 0.5, 0.95])
        can = days.reducible_kw.sum(axis=1).reshape(DAYS, DAY)
        firm = np.quantile(can, 0.05, axis=0)
        frame = pd.DataFrame(
            {
                "half-hour": np.arange(DAY),
                "from": [f"{t // 2:02d}:{30 * (t % 2):02d}" for t in range(DAY)],
                "days out of limits": need.changed.reshape(DAYS, DAY).sum(axis=0),
                "days short": need.short.reshape(DAYS, DAY).sum(axis=0),
                "P5 (kW)": low,
                "P50 (kW)": middle,
                "P95 (kW)": high,
                "charging that is there with 95 % (kW)": firm,
                "left to be offered (kW)": np.maximum(firm - high, 0.0),
            }
        )
        name = f"aggregator-need-{round(100 * share)}"
        note = (
            f"Least adjustments that keep every limit, {DAYS} winter days, all homes with vehicles and panels, "
            f"{share:.0%} with heat pumps; positive where net load is reduced. Half-hours in which some day breaks a "
            "limit. short: days on which no adjustments were found; what comes nearest counts. left: what a "
            "cautious aggregator offers, the charging that is there with 95 % less what the network needs with 95 %."
        )
        shown = frame[frame["days out of limits"] > 0]
        tables.append(written_table(out, name, shown, f"Adjustments by half-hour, {share:.0%} heat pumps", note))
    text = (
        "The paper prints P5 of 1 to 10 kW in its periods 35 to 40 and P95 above 55 kW at 19:00, of networks and "
        "meters that it does not publish. Here homes and the feeder are generated: what can be compared is the shape, "
        "hardly any need by day, and one that rises within two hours where vehicles come home and heat pumps run."
    )
    picture = Picture(
        f"Total adjustments by half-hour, of {DAYS} winter days, shaded from P5 to P95: a counterpart of the paper's "
        "Figure 3",
        save_figure(need_figure(lines), out / "figures", "aggregator-need")[0],
    )
    return Section("Aggregator: what the feeder needs", text, tables, [picture], COMMAND)


def asked_section(out: Path) -> Section:
    """What rules of thumb cost beside the least that adjustments can cost, on half-hours that break a limit.

    Parameters
    ----------
    out : path
        Folder of results.

    Returns
    -------
    Section
    """
    days = feeder_days(network(), DAYS, seed=SEED, heat_pump=PUMPS[-1])
    found = adjusted(days)
    chosen = np.flatnonzero((found.rounds > 0) & ~found.short)[::EVERY]
    least = np.abs(found.change_kw[chosen]) @ days.price * days.dt_h
    proved = cost_bound(days, prices_of(days, found.change_kw, _only(found.price, chosen)))
    rows = [
        {
            "method": "tangents",
            "adjusted": len(chosen),
            "cost": least.sum(),
            "more than tangents": 0.0,
            "limits broken": 0,
            "linear programs each": found.rounds[chosen].mean(),
        }
    ]
    for method in ASKED:
        costs, broken = np.full(len(chosen), np.nan), 0
        for k, s in enumerate(chosen):
            try:
                solution = solve(_one(days, int(s)), method=method)
            except (InfeasibleError, NotApplicable):
                continue
            costs[k] = solution.report.criteria["cost"]
            broken += bool(solution.report.violations)
        ran = np.isfinite(costs)
        rows.append(
            {
                "method": method,
                "adjusted": int(ran.sum()),
                "cost": costs[ran].sum(),
                "more than tangents": costs[ran].sum() / least[ran].sum() - 1.0,
                "limits broken": broken,
                "linear programs each": 1.0 if method == "one_linearisation" else np.nan,
            }
        )
    table = pd.DataFrame(rows)
    note = (
        f"One in {EVERY} of the half-hours that break a limit and can be mended, of the {DAYS} days with heat pumps in "
        f"all homes. Adjustments by tangents cost {least.sum():.4g} {days.currency}, and none can cost less than "
        f"{proved:.4g}, as prices prove by the rules alone ({1 - proved / least.sum():.1%} apart). more: on half-hours "
        "that a method can mend. limits broken: half-hours in which the load flow finds one afterwards."
    )
    asked = written_table(out, "aggregator-asked", table, "Whom to ask, and what it costs", note)
    mended = np.flatnonzero((found.rounds > 0) & ~found.short)
    before, after = (
        congestion(days, days.net_load_kw[mended] - change[mended]) for change in (0 * found.change_kw, found.change_kw)
    )
    picture = Picture(
        f"Lowest voltage and greatest loading of {len(mended)} half-hours that break a limit, before adjustments by "
        "tangents and after them",
        save_figure(before_after_figure(before, after, days.lowest_v), out / "figures", "aggregator-before-after")[0],
    )
    return Section("Aggregator: whom to ask to adjust", "", [asked], [picture], COMMAND)


def _only(price: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Prices of the chosen samples, nothing of the others."""
    kept = np.zeros_like(price)
    kept[chosen] = price[chosen]
    return kept


def _one(days: AdjustmentInstance, s: int) -> AdjustmentInstance:
    """One sample alone."""
    names = ("net_load_kw", "net_load_kvar", "reducible_kw", "raisable_kw")
    return days.replace(sample=days.sample[s : s + 1], **{name: getattr(days, name)[s : s + 1] for name in names})
