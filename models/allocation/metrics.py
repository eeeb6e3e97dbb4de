"""The paper's metrics of a decision: SR, PBR, UR, ER, ER_w, SW and SWR, per household, group, community and period.

Source: Kouvelas et al., section V. Over a time span the energy ratio is the energy given over the energy sought in
that span, and SW and SWR follow from it. Where nothing is sought ER is undefined: such a consumer counts as served in
SR (which is also reported without it), and enters no sum of ratios.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from ...instances.allocation import AllocationInstance
from .decision import AllocationDecision
from .rules import not_served, pbr_by_interval, served

Period = Literal["interval", "week", "month", "year", "all"]
PERIODS = {"week": "W", "month": "M", "year": "Y"}


def periods(instance: AllocationInstance, period: Period) -> np.ndarray:
    """Period of each interval, (T,) of texts; an interval belongs where it starts (UTC)."""
    if period == "interval":
        return instance.interval
    if period == "all":
        return np.full(len(instance.interval), "all", dtype=object)
    times = pd.to_datetime(pd.Series(instance.interval, dtype=object), utc=True, format="ISO8601").dt.tz_localize(None)
    return times.dt.to_period(PERIODS[period]).astype(str).to_numpy(object)


def _ratio(given: np.ndarray, sought: np.ndarray) -> np.ndarray:
    return np.divide(given, sought, out=np.full_like(given, np.nan), where=sought > 0)


def _per_consumer(
    instance: AllocationInstance, decision: AllocationDecision, rows: np.ndarray
) -> dict[str, np.ndarray]:
    """Metrics of every household over the intervals ``rows``, each (n,)."""
    sought = np.where(instance.consumer, instance.deficiency_kwh, 0.0)[rows].sum(axis=0)
    given = decision.allocated_kwh[rows].sum(axis=0)
    ratio = _ratio(given, sought)
    swr = np.log2(1.0 + np.maximum(ratio, 0.0))
    times = instance.consumer[rows].sum(axis=0)
    fully = served(instance, decision)[rows]
    return {
        "sought_kwh": sought,
        "given_kwh": given,
        "er": ratio,
        "er_w": instance.weight * ratio,
        "sw": instance.weight * swr,
        "swr": swr,
        "served_share": _ratio(fully.sum(axis=0).astype(float), times),
        "nothing_share": _ratio(not_served(instance, decision)[rows].sum(axis=0).astype(float), times),
        "served_once": fully.any(axis=0),
    }


def household_metrics(
    instance: AllocationInstance, decision: AllocationDecision, period: Period = "all"
) -> pd.DataFrame:
    """Metrics of every household in every period.

    Parameters
    ----------
    instance, decision
        What was given and decided.
    period : {"interval", "week", "month", "year", "all"}
        Time span of the ratios.

    Returns
    -------
    pandas.DataFrame
        Columns ``period``, ``household``, ``group`` (where there are groups), ``sought_kwh``, ``given_kwh``, ``er``,
        ``er_w``, ``sw``, ``swr``, ``served_share`` (of its intervals as a consumer), ``nothing_share`` and
        ``served_once``.
    """
    names, frames = periods(instance, period), []
    for name in pd.unique(pd.Series(names)):
        frame = pd.DataFrame(_per_consumer(instance, decision, np.flatnonzero(names == name)))
        frame.insert(0, "period", name)
        frame.insert(1, "household", instance.household)
        if instance.group is not None and instance.member_of is not None:
            frame.insert(2, "group", instance.group[instance.member_of])
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def group_metrics(instance: AllocationInstance, decision: AllocationDecision, period: Period = "all") -> pd.DataFrame:
    """Metrics of every priority group in every period; sums and means over its members.

    Raises
    ------
    ValueError
        If the instance has no groups.
    """
    if instance.member_of is None:
        raise ValueError("the instance has no groups: set them with prioritise(…) or group= and member_of=")
    frame = household_metrics(instance, decision, period)
    grouped = frame.groupby(["period", "group"], sort=False)
    sums = grouped[["sought_kwh", "given_kwh", "sw", "swr"]].sum()
    sums["er"] = sums["given_kwh"] / sums["sought_kwh"].where(sums["sought_kwh"] > 0)
    sums["swr_mean"] = grouped["swr"].mean()
    sums["served_share"] = grouped["served_share"].mean()
    sums["households"] = grouped.size()
    return sums.reset_index()


def community_metrics(
    instance: AllocationInstance, decision: AllocationDecision, period: Period = "interval"
) -> pd.DataFrame:
    """Metrics of the community in every period.

    Parameters
    ----------
    instance, decision
        What was given and decided.
    period : {"interval", "week", "month", "year", "all"}
        Time span.

    Returns
    -------
    pandas.DataFrame
        One row per period: ``sr`` (mean over intervals of the share of consumers fully served), ``sr_asking`` (without
        consumers that ask for nothing), ``pbr`` (mean over intervals; NaN without pairs), ``ur`` (consumers served for
        the first time in the period over consumers), ``sw``, ``swr``, ``swr_mean``, ``er`` (energy given over energy
        sought), ``jain`` and ``gini`` of the households' ER, ``supply_kwh``, ``local_kwh`` (surplus used locally),
        ``grid_import_kwh``, ``exported_kwh``, ``spilled_kwh``.
    """
    names = periods(instance, period)
    fully, asking = served(instance, decision), instance.consumer & (instance.deficiency_kwh > 0)
    pbr = pbr_by_interval(instance, decision)
    left = surplus_left_kwh(instance, decision)
    rows = []
    for name in pd.unique(pd.Series(names)):
        at = np.flatnonzero(names == name)
        own = _per_consumer(instance, decision, at)
        share = _ratio(fully[at].sum(axis=1).astype(float), instance.consumer[at].sum(axis=1))
        share_asking = _ratio((fully & asking)[at].sum(axis=1).astype(float), asking[at].sum(axis=1))
        consumers = instance.consumer[at].any(axis=0)
        rows.append(
            {
                "period": name,
                "sr": _mean(share),
                "sr_asking": _mean(share_asking),
                "pbr": _mean(pbr[at]),
                "ur": float(own["served_once"].sum() / consumers.sum()) if consumers.any() else np.nan,
                "sw": float(np.nansum(own["sw"])),
                "swr": float(np.nansum(own["swr"])),
                "swr_mean": _mean(own["swr"]),
                "er": float(own["given_kwh"].sum() / own["sought_kwh"].sum()) if own["sought_kwh"].any() else np.nan,
                "jain": jain(own["er"]),
                "gini": gini(own["er"]),
                "supply_kwh": float(instance.supply_kwh[at].sum()),
                "local_kwh": float(decision.allocated_kwh[at].sum()),
                "grid_import_kwh": float((instance.deficiency_kwh - decision.allocated_kwh)[at].sum()),
                "exported_kwh": float(left[at].sum()) if instance.leftover != "spill" else 0.0,
                "spilled_kwh": float(left[at].sum()) if instance.leftover == "spill" else 0.0,
            }
        )
    return pd.DataFrame(rows)


def surplus_left_kwh(instance: AllocationInstance, decision: AllocationDecision) -> np.ndarray:
    """Surplus that is neither given to a household nor kept in the store, (T,)."""
    kept = np.diff(instance.stored_kwh)
    return np.maximum(instance.supply_kwh - kept - decision.allocated_kwh.sum(axis=1), 0.0)


def uniqueness_ratio(instance: AllocationInstance, decision: AllocationDecision) -> pd.Series:
    """UR as it grows: share of consumers served for the first time up to and including each interval, (T,)."""
    once = np.logical_or.accumulate(served(instance, decision), axis=0).sum(axis=1)
    consumers = np.logical_or.accumulate(instance.consumer, axis=0).sum(axis=1)
    return pd.Series(_ratio(once.astype(float), consumers), index=instance.interval, name="ur")


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan


def jain(values: np.ndarray) -> float:
    """Jain's index (Σ v)² / (m Σ v²) of the known values: 1 if equal, 1/m if one has all, 1 where all are 0."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.nan
    largest = np.abs(known).max()
    if largest == 0:
        return 1.0
    scaled = known / largest
    return float(scaled.sum() ** 2 / (scaled.size * (scaled**2).sum()))


def gini(values: np.ndarray) -> float:
    """Gini coefficient of the known, non-negative values: 0 for equal ones, 1 − 1/m where one has all.

    Raises
    ------
    ValueError
        For a negative value.
    """
    known = np.sort(values[np.isfinite(values)])
    if known.size and known[0] < 0:
        raise ValueError(f"the Gini coefficient is defined for values ≥ 0, found {known[0]:g}")
    if not known.size:
        return np.nan
    if known[-1] == 0:
        return 0.0
    ranks = np.arange(1, known.size + 1)
    return float(((2 * ranks - known.size - 1) * known).sum() / (known.size * known.sum()))
