"""The paper's metrics of a decision: SR, PBR, UR, ER, ER_w, SW and SWR, per household, group, community and period.

Source: Kouvelas et al., section V. Over a time span the energy ratio is the energy given over the energy sought in
that span, and SW and SWR follow from it. Where nothing is sought ER is undefined: such a consumer counts as served in
SR (which is also reported without it), and enters no sum of ratios.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ...instances.allocation import AllocationInstance
from ..fairness import gini_rows, jain_rows, ratio
from .decision import AllocationDecision
from .rules import not_served, pbr_by_interval, served

Period = Literal["interval", "week", "month", "year", "all"]
PERIODS = {"week": "W", "month": "M", "year": "Y"}


def periods(instance: AllocationInstance, period: Period | np.ndarray) -> np.ndarray:
    """Period of each interval, (T,) of texts; an interval belongs where it starts (UTC). Own (T,) names stay."""
    if isinstance(period, np.ndarray):
        if period.shape != instance.interval.shape:
            raise ValueError(
                f"period names have shape {period.shape}, but there are {len(instance.interval)} intervals"
            )
        return period
    if period == "interval":
        return instance.interval
    if period == "all":
        return np.full(len(instance.interval), "all", dtype=object)
    times = pd.to_datetime(pd.Series(instance.interval, dtype=object), utc=True, format="ISO8601").dt.tz_localize(None)
    return times.dt.to_period(PERIODS[period]).astype(str).to_numpy(object)


@dataclass(frozen=True)
class _Spans:
    """Intervals gathered by period: all periods are summed at once, since a year of hours has many of them."""

    names: np.ndarray
    order: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, names: np.ndarray) -> _Spans:
        """Periods in the order of their first interval."""
        codes, unique = pd.factorize(pd.Series(names, dtype=object))
        order = np.argsort(codes, kind="stable")
        return cls(unique.to_numpy(object), order, np.searchsorted(codes[order], np.arange(len(unique))))

    def _gathered(self, values: np.ndarray) -> np.ndarray:
        # Intervals usually come in order already; then nothing is copied.
        return values if (np.diff(self.order) == 1).all() else values[self.order]

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sums of (T, …) values over the intervals of each period, (P, …) floats."""
        counts = np.int32 if values.dtype == bool else np.float64
        return np.add.reduceat(self._gathered(values), self.starts, axis=0, dtype=counts).astype(np.float64)

    def any(self, values: np.ndarray) -> np.ndarray:
        """Whether it is true in any interval of each period, (P, …)."""
        return np.logical_or.reduceat(self._gathered(values), self.starts, axis=0)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Means of the known among (T,) values in each period, (P,); NaN where none is known."""
        known = np.isfinite(values)
        return ratio(self.sum(np.where(known, values, 0.0)), self.sum(known))


def _per_consumer(
    instance: AllocationInstance, decision: AllocationDecision, spans: _Spans, fully: np.ndarray
) -> dict[str, np.ndarray]:
    """Metrics of every household in each of P periods, each (P, n)."""
    sought = spans.sum(np.where(instance.consumer, instance.deficiency_kwh, 0.0))
    given = spans.sum(decision.allocated_kwh)
    ratios = ratio(given, sought)
    swr = np.log2(1.0 + np.maximum(ratios, 0.0))
    times = spans.sum(instance.consumer)
    return {
        "sought_kwh": sought,
        "given_kwh": given,
        "er": ratios,
        "er_w": instance.weight * ratios,
        "sw": instance.weight * swr,
        "swr": swr,
        "served_share": ratio(spans.sum(fully), times),
        "nothing_share": ratio(spans.sum(not_served(instance, decision)), times),
        "served_once": spans.any(fully),
    }


def household_metrics(
    instance: AllocationInstance,
    decision: AllocationDecision,
    period: Period | np.ndarray = "all",
    *,
    served_from: float = 1.0,
) -> pd.DataFrame:
    """Metrics of every household in every period.

    Parameters
    ----------
    instance, decision
        What was given and decided.
    period : {"interval", "week", "month", "year", "all"}, or (T,) array of texts
        Time span of the ratios, or a name of the period for each interval.
    served_from : float
        Share of its need from which a consumer counts as served, for example the instance's ``service_level`` λ.

    Returns
    -------
    pandas.DataFrame
        Columns ``period``, ``household``, ``group`` (where there are groups), ``sought_kwh``, ``given_kwh``, ``er``,
        ``er_w``, ``sw``, ``swr``, ``served_share`` (of its intervals as a consumer), ``nothing_share`` and
        ``served_once``.
    """
    return all_metrics(instance, decision, period, served_from=served_from)[1]


def group_metrics(
    instance: AllocationInstance,
    decision: AllocationDecision,
    period: Period | np.ndarray = "all",
    *,
    served_from: float = 1.0,
) -> pd.DataFrame:
    """Metrics of every priority group in every period.

    Returns
    -------
    pandas.DataFrame
        One row per period and group: ``households``, ``sought_kwh``, ``given_kwh``, ``sr``, ``pbr`` (members served
        nothing over the community's prosumers), ``ur``, ``er``, ``er_w`` (sum over members), ``sw``, ``swr``,
        ``swr_mean``, ``served_share`` (mean over members), ``jain`` and ``gini``, as in :func:`community_metrics`.

    Raises
    ------
    ValueError
        If the instance has no groups.
    """
    if instance.member_of is None:
        raise ValueError("the instance has no groups: set them with prioritise(…) or group= and member_of=")
    spans = _Spans.of(periods(instance, period))
    fully = served(instance, decision, share=served_from)
    own = _per_consumer(instance, decision, spans, fully)
    nothing, prosumers = not_served(instance, decision), instance.prosumer.sum(axis=1)
    frames = []
    for number, name in enumerate(instance.group):
        who = instance.member_of == number
        part = {key: values[:, who] for key, values in own.items()}
        pbr = ratio(nothing[:, who].sum(axis=1), prosumers)
        columns = {
            "period": spans.names,
            "group": name,
            "households": int(who.sum()),
            "sought_kwh": part["sought_kwh"].sum(axis=1),
            "given_kwh": part["given_kwh"].sum(axis=1),
            "sr": spans.mean(ratio(fully[:, who].sum(axis=1), instance.consumer[:, who].sum(axis=1))),
            "pbr": spans.mean(pbr if decision.has_pairs else np.full(len(pbr), np.nan)),
            "ur": ratio(part["served_once"].sum(axis=1), spans.any(instance.consumer[:, who]).sum(axis=1)),
            **_of_ratios(part),
            "served_share": _mean_of_known(part["served_share"]),
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def _of_ratios(own: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Metrics of some households together that follow from their energy ratios, each (P,)."""
    return {
        "er": ratio(own["given_kwh"].sum(axis=1), own["sought_kwh"].sum(axis=1)),
        "er_w": np.nansum(own["er_w"], axis=1),
        "sw": np.nansum(own["sw"], axis=1),
        "swr": np.nansum(own["swr"], axis=1),
        "swr_mean": _mean_of_known(own["swr"]),
        "jain": jain_rows(own["er"]),
        "gini": gini_rows(np.maximum(own["er"], 0.0)),
    }


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    return ratio(np.nansum(values, axis=1), np.isfinite(values).sum(axis=1))


def community_metrics(
    instance: AllocationInstance,
    decision: AllocationDecision,
    period: Period | np.ndarray = "interval",
    *,
    served_from: float = 1.0,
) -> pd.DataFrame:
    """Metrics of the community in every period.

    Parameters
    ----------
    instance, decision
        What was given and decided.
    period : {"interval", "week", "month", "year", "all"}, or (T,) array of texts
        Time span, or a name of the period for each interval.
    served_from : float
        Share of its need from which a consumer counts as served, for example the instance's ``service_level`` λ.

    Returns
    -------
    pandas.DataFrame
        One row per period: ``sr`` (mean over intervals of the share of consumers fully served), ``sr_asking`` (without
        consumers that ask for nothing), ``pbr`` (mean over intervals; NaN without pairs), ``ur`` (consumers served for
        the first time in the period over consumers), ``er`` (energy given over energy sought), ``er_w`` (sum over
        households), ``sw``, ``swr``, ``swr_mean``, ``jain`` and ``gini`` of the households' ER, ``supply_kwh``,
        ``local_kwh`` (surplus used locally),
        ``grid_import_kwh``, ``exported_kwh``, ``spilled_kwh``.
    """
    return all_metrics(instance, decision, period, served_from=served_from)[0]


def all_metrics(
    instance: AllocationInstance,
    decision: AllocationDecision,
    period: Period | np.ndarray = "all",
    *,
    served_from: float = 1.0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both :func:`community_metrics` and :func:`household_metrics`, at the cost of one."""
    spans = _Spans.of(periods(instance, period))
    fully = served(instance, decision, share=served_from)
    own = _per_consumer(instance, decision, spans, fully)
    return _of_community(instance, decision, spans, own, fully), _of_households(instance, spans, own)


def _of_households(instance: AllocationInstance, spans: _Spans, own: dict[str, np.ndarray]) -> pd.DataFrame:
    count, n = len(spans.names), len(instance.household)
    columns: dict[str, np.ndarray] = {"period": np.repeat(spans.names, n)}
    columns["household"] = np.tile(instance.household, count)
    if instance.group is not None and instance.member_of is not None:
        columns["group"] = np.tile(instance.group[instance.member_of], count)
    return pd.DataFrame(columns | {name: values.ravel() for name, values in own.items()})


def _of_community(
    instance: AllocationInstance,
    decision: AllocationDecision,
    spans: _Spans,
    own: dict[str, np.ndarray],
    fully: np.ndarray,
) -> pd.DataFrame:
    asking = instance.consumer & (instance.deficiency_kwh > 0)
    left = spans.sum(surplus_left_kwh(instance, decision))
    spills = instance.leftover == "spill"
    return pd.DataFrame(
        {
            "period": spans.names,
            "sr": spans.mean(ratio(fully.sum(axis=1), instance.consumer.sum(axis=1))),
            "sr_asking": spans.mean(ratio((fully & asking).sum(axis=1), asking.sum(axis=1))),
            "pbr": spans.mean(pbr_by_interval(instance, decision)),
            "ur": ratio(own["served_once"].sum(axis=1), spans.any(instance.consumer).sum(axis=1)),
            **_of_ratios(own),
            "supply_kwh": spans.sum(instance.supply_kwh),
            "local_kwh": spans.sum(decision.allocated_kwh).sum(axis=1),
            "grid_import_kwh": spans.sum(instance.deficiency_kwh - decision.allocated_kwh).sum(axis=1),
            "exported_kwh": np.zeros_like(left) if spills else left,
            "spilled_kwh": left if spills else np.zeros_like(left),
        }
    )


def surplus_left_kwh(instance: AllocationInstance, decision: AllocationDecision) -> np.ndarray:
    """Surplus that is neither given to a household nor kept in the store, (T,)."""
    kept = np.diff(instance.stored_kwh)
    return np.maximum(instance.supply_kwh - kept - decision.allocated_kwh.sum(axis=1), 0.0)


def uniqueness_ratio(instance: AllocationInstance, decision: AllocationDecision) -> pd.Series:
    """UR as it grows: share of consumers served for the first time up to and including each interval, (T,)."""
    once = np.logical_or.accumulate(served(instance, decision), axis=0).sum(axis=1)
    consumers = np.logical_or.accumulate(instance.consumer, axis=0).sum(axis=1)
    return pd.Series(ratio(once.astype(float), consumers), index=instance.interval, name="ur")
