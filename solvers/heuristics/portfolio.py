"""How aggregators choose offers by rule; what follows them is the best that can be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...instances.errors import NotApplicable
from ...instances.portfolio import PortfolioInstance
from ...models.aggregator.firm_offer import quantiles
from ...models.aggregator.portfolio import PortfolioDecision, room_kw
from ...models.aggregator.portfolio_criteria import risk_adjusted_profit
from ..kernels.newsvendor import newsvendor_offer
from ..method import Answer
from ..portfolio_recourse import Offers, with_recourse
from ..portfolio_runs import run_program, run_stochastic
from ..program_runs import Watch


def run_no_offer(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Nothing is offered beforehand."""
    return Answer(with_recourse(instance, Offers.none(instance), time_limit_s))


def charged_by_rule(
    instance: PortfolioInstance,
    charges: np.ndarray | None = None,
    discharges: np.ndarray | None = None,
    part: Callable[[int, np.ndarray], np.ndarray] | None = None,
) -> PortfolioDecision:
    """Storages charge as fast as they can, or discharge, by the interval; nothing is offered or curtailed.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.
    charges, discharges : (T,) arrays of bool, optional
        Intervals in which storages do; unless given they charge in all and never discharge.
    part : callable, optional
        From an interval and what storages would charge in it, (S, N) kW, to the part (S,) that they do; all unless
        given.

    Returns
    -------
    PortfolioDecision
    """
    scenarios, intervals, storages = instance.storage_shape
    charges = np.ones(intervals, bool) if charges is None else charges
    discharges = np.zeros(intervals, bool) if discharges is None else discharges
    charge, discharge, rapid = (np.zeros((scenarios, intervals, storages)) for _ in range(3))
    content = np.broadcast_to(instance.initial_kwh, (scenarios, storages)).copy()
    gain, loss = instance.dt_h * instance.charge_efficiency, instance.dt_h / instance.discharge_efficiency
    for t in range(intervals):
        kept = instance.retention * content - instance.driven_kwh[:, t]
        if charges[t]:
            room = np.maximum(instance.capacity_kwh - kept, 0.0) / gain
            charge[:, t] = np.minimum(instance.there[:, t] * instance.charge_kw, room)
            if part is not None:
                charge[:, t] *= part(t, charge[:, t])[:, None]
        elif discharges[t]:
            left = np.maximum(kept - instance.minimum_kwh, 0.0) / loss
            discharge[:, t] = np.minimum(instance.there[:, t] * instance.discharge_kw, left)
        kept += gain * charge[:, t] - loss * discharge[:, t]
        rapid[:, t] = np.clip(instance.minimum_kwh - kept, 0.0, instance.driven_kwh[:, t])
        content = kept + rapid[:, t]
    nothing = np.zeros(intervals)
    return PortfolioDecision(
        instance=instance, day_ahead_kw=nothing, charge_kw=charge, discharge_kw=discharge, rapid_kwh=rapid
    )


def moved_by_price(instance: PortfolioInstance) -> PortfolioDecision:
    """Storages charge in the cheapest third of each day's intervals and discharge in its dearest third."""
    day = (np.arange(len(instance.interval)) * instance.dt_h // 24.0).astype(int)
    cheap, dear = np.zeros(len(day), bool), np.zeros(len(day), bool)
    for d in range(int(day[-1]) + 1):
        here = day == d
        low, high = np.quantile(instance.day_ahead_price[here], [1 / 3, 2 / 3])
        cheap[here] = instance.day_ahead_price[here] <= low
        dear[here] = instance.day_ahead_price[here] > high
    return charged_by_rule(instance, cheap, dear)


def by_block(
    instance: PortfolioInstance, hours: float, values: np.ndarray, take: Callable[..., np.ndarray]
) -> np.ndarray:
    """One number for each block out of the numbers (…, T) of its intervals, (T,)."""
    block = instance.block_of(hours)
    numbers = np.array([take(values[..., block == b]) for b in range(block[-1] + 1)])
    return np.asarray(numbers[block])


def run_mean_export(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """The mean of what is exported where storages charge by rule, no reserve."""
    return Answer(with_recourse(instance, _mean_export(instance, charged_by_rule(instance)), time_limit_s))


def run_by_price(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """The mean of what is exported where storages move energy from cheap to dear hours by rule, no reserve."""
    return Answer(with_recourse(instance, _mean_export(instance, moved_by_price(instance)), time_limit_s))


def _mean_export(instance: PortfolioInstance, ruled: PortfolioDecision) -> Offers:
    nothing = Offers.none(instance)
    mean = by_block(instance, instance.day_ahead_block_h, instance.chance @ ruled.export_kw, np.mean)
    return Offers(mean, nothing.up_reserve_kw, nothing.down_reserve_kw)


def run_firm_reserve(
    instance: PortfolioInstance,
    confidence: float,
    network_need_kw: Any = None,
    *,
    time_limit_s: float | None = None,
) -> Answer:
    """The mean export, and as reserve what is there with a confidence in each interval of the block.

    What the network needs of it is kept back from the reserve to deliver more.

    Raises
    ------
    NotApplicable
        For a confidence outside (0, 1), or a need that is no number at least 0 for each interval, nor one for all.
    """
    if not 0 < confidence < 1:
        raise NotApplicable(f"confidence must lie between 0 and 1, not {confidence:g}")
    intervals = len(instance.interval)
    need = np.asarray(0.0 if network_need_kw is None else network_need_kw, float)
    if need.shape not in ((), (intervals,)) or not (np.isfinite(need) & (need >= 0)).all():
        raise NotApplicable(
            f"network_need_kw has the shape {need.shape}; give a number of at least 0, or one for each of the "
            f"{intervals} intervals"
        )
    ruled = charged_by_rule(instance)
    up, down = room_kw(ruled)
    firm = []
    for room, kept in ((up, need), (down, 0.0)):
        sure = np.maximum(quantiles(room, instance.chance, 1.0 - confidence) - kept, 0.0)
        firm.append(by_block(instance, instance.reserve_block_h, sure, np.min))
    ahead = _mean_export(instance, ruled).day_ahead_kw
    return Answer(with_recourse(instance, Offers(ahead, firm[0], firm[1]), time_limit_s))


def run_newsvendor_by_block(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Each block's best quantile of what is exported where storages charge by rule, no reserve.

    Where the price of the day ahead is not between those of imbalance, as with a single one, no quantile is best; then
    the least or the most that may be exported is offered, whichever its mean price is for.
    """
    export = charged_by_rule(instance).export_kw
    block = instance.block_of(instance.day_ahead_block_h)
    offer = np.zeros(len(instance.interval))
    for b in range(block[-1] + 1):
        here = block == b
        samples = export[:, here].mean(axis=1)
        price = float(instance.day_ahead_price[here].mean())
        long, short = (
            float(instance.chance @ each[:, here].mean(axis=1))
            for each in (instance.surplus_price, instance.missing_price)
        )
        if long <= price <= short and long < short:
            risk, tail, chance = instance.risk_weight, instance.tail, instance.chance
            offer[here] = newsvendor_offer(samples, price, long, short, risk, tail, chance)
        else:
            offer[here] = samples.max() if price > long else samples.min()
    nothing = Offers.none(instance)
    return Answer(with_recourse(instance, Offers(offer, nothing.up_reserve_kw, nothing.down_reserve_kw), time_limit_s))


def mean_instance(instance: PortfolioInstance) -> PortfolioInstance:
    """The instance with one scenario, the mean of all."""
    changes: dict[str, Any] = {"scenario": ["mean"], "probability": None}
    for name in (
        "load_kw", "generation_kw", "plugged", "trip_kwh", "target_kwh", "intraday_sale_price",
        "intraday_purchase_price", "short_price", "long_price", "up_price", "down_price", "up_used", "down_used",
    ):  # fmt: skip
        given = getattr(instance, name)
        changes[name] = None if given is None else np.tensordot(instance.chance, given, axes=1)[None]
    for side in ("up", "down"):
        accepted, price = getattr(instance, f"{side}_accepted"), getattr(instance, f"{side}_price")
        share = instance.chance @ accepted
        paid = instance.chance @ (accepted * price)
        # An offer is paid at the mean price of the scenarios that accept it.
        mean = np.divide(paid, share, out=np.asarray(changes[f"{side}_price"])[0].copy(), where=share > 0)
        changes[f"{side}_accepted"], changes[f"{side}_price"] = share[None], mean[None]
    _close_gap(changes)
    return instance.replace(**changes)


def _close_gap(changes: dict[str, Any]) -> None:
    """Give both kinds of balancing offers one price where the mean accepts both, the one to deliver more being dearer.

    No scenario accepts both at such prices, but their mean would pay for delivering more and less at once.
    """
    up, down, more, less = (changes[name] for name in ("up_price", "down_price", "up_accepted", "down_accepted"))
    wrong = (more * less > 0) & (up > down)
    one = np.divide(more * up + less * down, more + less, out=np.zeros_like(up), where=wrong)
    changes["up_price"], changes["down_price"] = np.where(wrong, one, up), np.where(wrong, one, down)


def run_mean_scenario(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Offers that are best if the mean of all scenarios came.

    Raises
    ------
    NotApplicable
        If the mean of scenarios can be no scenario.
    """
    watch = Watch.start(time_limit_s)
    try:
        mean = mean_instance(instance)
    except ValueError as error:
        raise NotApplicable(f"the mean of all scenarios is none that could come: {error}") from error
    best = best_portfolio(mean, watch.left())
    return Answer(with_recourse(instance, Offers.of(best), watch.left()))


def run_risk_neutral(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Offers of the best mean profit."""
    watch = Watch.start(time_limit_s)
    best = best_portfolio(instance.replace(risk_weight=0.0), watch.left())
    return Answer(with_recourse(instance, Offers.of(best), watch.left()))


def run_single_market(instance: PortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """The better of offering energy alone and reserve alone."""
    watch = Watch.start(time_limit_s)
    found = []
    for closed in ({"reserve_limit_kw": 0.0, "least_reserve_kw": 0.0}, {"day_ahead_limit_kw": 0.0}):
        best = best_portfolio(instance.replace(**closed), watch.left())
        found.append(with_recourse(instance, Offers.of(best), watch.left()))
    return Answer(max(found, key=lambda decision: risk_adjusted_profit(instance, decision)))


def best_portfolio(instance: PortfolioInstance, time_limit_s: float | None = None) -> PortfolioDecision:
    """The best of all decisions, by the program that applies."""
    run = run_program if instance.least_reserve_kw > 0 else run_stochastic
    decision = run(instance, "per_storage", time_limit_s=time_limit_s).decision
    assert isinstance(decision, PortfolioDecision)
    return decision
