"""Every strategy under every policy over a year: the one run of numbers behind figures, tables and claims.

Source: Kouvelas, Venkatesha Prasad, Nambi, *Efficient power sharing at the edge by building a tangible micro-grid - the
Texas case*, sections V and VI. Definitions that the paper leaves open, fixed here once:

- A week is a block of 168 hours counted from the first interval; the twelve weeks 38-49 of Figure 5 are also the "three
  consecutive months" of Figure 4, as blocks of four weeks. Hours that fill no whole week count in the year only.
- A consumer is served in an interval if it gets all it lacks then. SR of a span is the mean over its intervals of the
  share of consumers served; PBR likewise; UR counts consumers served at least once in the span.
- SWR is printed per consumer, so that it lies between 0 and 1: ``swr`` of a span from the energy ratio over the span;
  ``swr_weekly`` of a year is the mean of the weeks' values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...instances.allocation import POLICIES, AllocationInstance, prioritise
from ...models.allocation.decision import AllocationDecision
from ...models.allocation.metrics import all_metrics
from ...solvers.method import Answer, call

STRATEGIES = {
    "random": "random",
    "greedy": "greedy",
    "round_robin": "round_robin",
    "weighted": "weighted(pairs=True)",
    "game_theoretic": "game_theoretic(pairs=True)",
    "water_filling": "water_filling(pairs=True)",
}
"""The paper's six strategies as the menu spells them; pairs are wanted for PBR."""

SIMPLE = ("random", "greedy", "round_robin")
OPTIMAL = ("weighted", "game_theoretic", "water_filling")

REFERENCES = {"equal_water_filling": "equal_water_filling(pairs=True)", "smallest_first": "smallest_first(pairs=True)"}
"""What no strategy can beat: the largest SWR of every interval, and the largest number of consumers served."""

WINDOW = (38, 49)
"""First and last week of Figure 5."""

MONTH_WEEKS = 4
HOURS_PER_WEEK = 168

KEYS = ["policy", "strategy", "level", "group", "household", "span", "period", "metric"]

YEARLY = ("sr", "sr_asking", "pbr", "ur", "swr", "er", "jain", "gini", "local_kwh", "supply_kwh")
WEEKLY = ("sr", "sr_asking", "pbr", "ur", "swr")

Progress = Callable[[str], None]
Rows = Iterator[dict[str, np.ndarray]]


def experiment(
    instance: AllocationInstance,
    policies: Sequence[str] | None = None,
    strategies: Sequence[str] | None = None,
    *,
    references: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Run strategies under policies over a year and measure them.

    Parameters
    ----------
    instance : AllocationInstance
        A community over at least 49 weeks.
    policies : sequence of str, optional
        Of :data:`commonwatt.instances.allocation.POLICIES`; by default all that the data allow (those by size need
        floor areas).
    strategies : sequence of str, optional
        Of :data:`STRATEGIES`, by default all six.
    references : bool
        Whether :data:`REFERENCES` run too, under the first policy, since they know none.
    seed : int
        Seed of the random strategy and the random policy.
    progress : callable, optional
        Told what runs.

    Returns
    -------
    pandas.DataFrame
        Tidy: ``policy``, ``strategy``, ``level`` (community, group or household), ``group``, ``household``, ``span``
        (year, week, window, month, since), ``period`` (number of week or month, else 0), ``metric``, ``value``. Span
        ``since`` holds UR as it grows from the window's first week.

    Raises
    ------
    ValueError
        For an unknown strategy or policy, or a community over less than 49 weeks.
    """
    weeks = week_of(instance)
    if weeks.max() < WINDOW[1]:
        raise ValueError(f"{instance.meta.name} has {weeks.max()} whole weeks; the experiment needs {WINDOW[1]}")
    chosen = list(STRATEGIES) if strategies is None else list(strategies)
    for name in chosen:
        if name not in STRATEGIES:
            raise ValueError(f"unknown strategy {name!r}; known: {', '.join(STRATEGIES)}")
    blocks: list[dict[str, np.ndarray]] = []
    for number, policy in enumerate(allowed_policies(instance) if policies is None else policies):
        community = prioritise(instance, policy, seed=seed)
        spellings = {name: STRATEGIES[name] for name in chosen} | (REFERENCES if references and number == 0 else {})
        for name, spelling in spellings.items():
            if progress is not None:
                progress(f"{instance.meta.name}: {policy}, {name}")
            for block in measures(community, decide(community, spelling, seed), weeks):
                named = {"policy": policy, "strategy": name}
                size = len(block["value"])
                blocks.append({key: np.full(size, text, dtype=object) for key, text in named.items()} | block)
    return pd.DataFrame({key: np.concatenate([block[key] for block in blocks]) for key in (*KEYS, "value")})


def allowed_policies(instance: AllocationInstance) -> list[str]:
    """Policies for which the instance has the attribute."""
    return [policy for policy in POLICIES if instance.size_m2 is not None or not policy.endswith("size")]


def decide(instance: AllocationInstance, spelling: str, seed: int) -> AllocationDecision:
    """Decision of a method of the menu, seeded where it draws."""
    chosen = call("allocation", spelling)
    arguments: dict[str, Any] = dict(chosen.options) | ({"seed": seed} if chosen.method.takes("seed") else {})
    answer = chosen.method.run(instance, **arguments)
    decision = answer.decision if isinstance(answer, Answer) else answer
    assert isinstance(decision, AllocationDecision)
    return decision


def week_of(instance: AllocationInstance) -> np.ndarray:
    """Number of the week in which each interval starts, (T,), from 1; 0 for what fills no whole week."""
    count = len(instance.interval)
    week = (np.arange(count) * instance.dt_h / HOURS_PER_WEEK + 1e-9).astype(int) + 1
    return np.where(week <= int(count * instance.dt_h / HOURS_PER_WEEK + 1e-9), week, 0)


def measures(instance: AllocationInstance, decision: AllocationDecision, weeks: np.ndarray) -> Rows:
    """Metrics of a decision as tidy columns: community, groups and households over year, weeks, months and window.

    The instance must have groups, as :func:`commonwatt.instances.allocation.prioritise` makes them.
    """
    names = np.array([f"{week:02d}" for week in weeks], dtype=object)
    year, homes = (_renamed(frame) for frame in all_metrics(instance, decision, "all"))
    week, homes_week = (_renamed(frame) for frame in all_metrics(instance, decision, names))
    number = week["period"].to_numpy().astype(int)
    whole = number > 0
    week, number, n = week[whole], number[whole], len(homes)
    year["swr_weekly"] = week["swr"].mean()
    yield from _rows(year, "community", "year", (*YEARLY, "swr_weekly"))
    yield from _rows(week, "community", "week", WEEKLY, period=number)

    # Rows of households lie week by week, so each metric is a table of weeks by households.
    table = {name: homes_week[name].to_numpy().reshape(-1, n)[whole] for name in ("sr", "swr", "served_once")}
    inside = (number >= WINDOW[0]) & (number <= WINDOW[1])
    once = np.logical_or.accumulate(table["served_once"][inside].astype(bool)).sum(axis=1)
    seen = np.logical_or.accumulate(np.isfinite(table["sr"][inside])).sum(axis=1)
    grown = pd.DataFrame({"ur": once / np.maximum(seen, 1)})
    yield from _rows(grown, "community", "since", ("ur",), period=number[inside])
    window = week.loc[inside, ["sr", "pbr", "swr"]].mean().to_frame().T.assign(ur=grown["ur"].iloc[-1])
    yield from _rows(window, "community", "window", ("sr", "pbr", "swr", "ur"))

    yield from _rows(
        homes, "household", "year", ("sr", "swr", "er"), group=homes["group"], household=homes["household"]
    )
    for position, group in enumerate(instance.group):
        own = instance.member_of == position
        mean = {name: _known_mean(table[name][:, own]) for name in ("sr", "swr")}
        yield from _rows(pd.DataFrame(mean), "group", "week", ("sr", "swr"), period=number, group=group)
        month = pd.Series(mean["sr"][inside]).groupby((number[inside] - WINDOW[0]) // MONTH_WEEKS + 1).mean()
        yield from _rows(month.to_frame("sr"), "group", "month", ("sr",), period=month.index.to_numpy(), group=group)
        yield from _rows(homes.loc[own, ["sr", "swr"]].mean().to_frame().T, "group", "year", ("sr", "swr"), group=group)


def _renamed(frame: pd.DataFrame) -> pd.DataFrame:
    """SWR per consumer is called ``swr`` throughout, and the share of its intervals in which one is served ``sr``."""
    if "swr_mean" in frame:
        return frame.drop(columns="swr").rename(columns={"swr_mean": "swr"})
    return frame.rename(columns={"served_share": "sr"})


def _known_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the known values of each row; NaN where there is none."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    return np.divide(np.where(known, values, 0.0).sum(axis=1), count, out=np.full(len(count), np.nan), where=count > 0)


def _rows(
    frame: pd.DataFrame,
    level: str,
    span: str,
    metrics: Sequence[str],
    *,
    period: np.ndarray | int = 0,
    group: pd.Series | str = "",
    household: pd.Series | str = "",
) -> Rows:
    """Tidy columns of one frame, one block for each metric."""
    size = len(frame)
    for metric in metrics:
        yield {
            "level": np.full(size, level, dtype=object),
            "group": np.broadcast_to(np.asarray(group, dtype=object), size),
            "household": np.broadcast_to(np.asarray(household, dtype=object), size),
            "span": np.full(size, span, dtype=object),
            "period": np.broadcast_to(period, size),
            "metric": np.full(size, metric, dtype=object),
            "value": frame[metric].to_numpy(float),
        }


def pick(results: pd.DataFrame, metric: str, span: str = "year", level: str = "community") -> pd.DataFrame:
    """Values of a metric as a table, policies by strategies (for one value each), else tidy rows.

    Parameters
    ----------
    results : DataFrame
        From :func:`experiment`.
    metric, span, level : str
        What to pick.

    Returns
    -------
    pandas.DataFrame
        For a community over a year or the window: index ``policy``, one column per strategy; else the rows.
    """
    rows = results[(results["metric"] == metric) & (results["span"] == span) & (results["level"] == level)]
    if level != "community" or span not in ("year", "window"):
        return rows
    policies, strategies = pd.unique(rows["policy"]), pd.unique(rows["strategy"])
    return rows.pivot_table(index="policy", columns="strategy", values="value", dropna=False).loc[policies, strategies]
