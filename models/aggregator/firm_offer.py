r"""Firm offers: what is decided, what it must keep, by what it is judged, in plain numpy.

An offer :math:`r_b` is constant within its block. It fails in an interval of a scenario in which less is there,
:math:`X_{st} < r_{b(t)}`. In each group g of the scope (an interval, a block, or all of them) it may fail with a chance
of at most ε: :math:`\sum_s p_s [\exists t \in g: X_{st} < r_{b(t)}] \le \varepsilon`.

**Bounds.** Whatever the scope, no block may be offered more than what its intervals alone allow. With
:math:`R_b` the greatest offer that a block alone allows in the scope and :math:`X_{sb}` what is there in all of its
intervals, :math:`r_b \le X_{sb} + (R_b - X_{sb})^+ v_s` holds for the scenarios :math:`v_s = 1` that fail, of which
there are few: :math:`\sum p_s v_s \le \varepsilon`. Any weights :math:`y_{sb} \ge 0` with :math:`\sum_s y_{sb} = w_b`
therefore bound income by

.. math:: \sum_{sb} y_{sb} \min(X_{sb}, R_b) + \max_{0 \le v \le 1,\, pv \le \varepsilon}
   \sum_s v_s \sum_b y_{sb} (R_b - X_{sb})^+ .

Source: Postnikov et al., section on agents; chance constraints in the form of Charnes and Cooper (1959); bounds ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...instances.fields import Array, array
from ...instances.firm_offer import CHANCE, FirmOfferInstance, tiny_firm_offer
from ...instances.record import Decision
from ..problem import TOLERANCE, Criterion, Problem, Violation, described


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FirmOfferDecision(Decision):
    """What is offered.

    Parameters
    ----------
    instance : FirmOfferInstance
        What is given.
    offer_kw : (T,) array, kW
        Constant within blocks.
    """

    problem: ClassVar[str] = "aggregator.firm_offer"

    instance: FirmOfferInstance
    offer_kw: Array = array("interval", unit="kW")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FirmOfferPrices(Decision):
    """What proves a bound; any values prove some, good ones tight ones.

    Parameters
    ----------
    instance : FirmOfferInstance
        What is given.
    scenario_weight : (S, T) array
        How much each scenario holds the offer of an interval's block back; scaled to what the block is worth.
    """

    problem: ClassVar[str] = "aggregator.firm_offer"

    instance: FirmOfferInstance
    scenario_weight: Array = array("scenario", "interval", unit="1", low=0.0, default=0.0)


def slack_kw(instance: FirmOfferInstance) -> float:
    """Power up to which nothing counts as missing, kW."""
    return TOLERANCE * (float(instance.available_kw.max()) or 1.0)


def fails(instance: FirmOfferInstance, offer_kw: np.ndarray) -> np.ndarray:
    """Whether an offer is not there, (S, T) of bool."""
    return np.asarray(offer_kw - instance.available_kw > slack_kw(instance))


def chances_to_fail(instance: FirmOfferInstance, offer_kw: np.ndarray, scope: str) -> np.ndarray:
    """Chance to fail in each interval (T,), each block (B,), or at all (1,)."""
    missing: np.ndarray = fails(instance, offer_kw)
    if scope == "block":
        missing = np.asarray(np.logical_or.reduceat(missing, instance.begins, axis=1))
    elif scope == "horizon":
        missing = np.asarray(missing.any(axis=1))[:, None]
    return np.asarray(instance.chance @ missing)


def lonely_offer_kw(instance: FirmOfferInstance) -> np.ndarray:
    """Greatest offer that each block alone allows in the scope, (B,) kW: a quantile, or the least of several."""
    if instance.scope == "interval":
        each = np.minimum(quantiles(instance.available_kw, instance.chance, instance.epsilon), instance.limit_kw)
        return np.minimum.reduceat(each, instance.begins)
    return quantiles(instance.block_available_kw, instance.chance, instance.epsilon)


def quantiles(values: np.ndarray, chance: np.ndarray, epsilon: float) -> np.ndarray:
    """Of each column the greatest value such that less comes with a chance of at most ε.

    Parameters
    ----------
    values : (S, m) array
        Samples.
    chance : (S,) array
        Of each row.
    epsilon : float
        In [0, 1).

    Returns
    -------
    (m,) array
    """
    found = np.empty(values.shape[1])
    for k in range(len(found)):
        order = np.argsort(values[:, k], kind="stable")
        below = np.cumsum(chance[order]) - chance[order]
        allowed = (below <= epsilon + CHANCE) & (chance[order] > 0)
        # Scenarios that never come hold nothing back.
        found[k] = values[order[allowed], k].max()
    return found


def violations(instance: FirmOfferInstance, decision: FirmOfferDecision) -> list[Violation]:
    """Every rule that a decision breaks by more than the tolerance.

    Parameters
    ----------
    instance : FirmOfferInstance
        What is given.
    decision : FirmOfferDecision
        What was decided.

    Returns
    -------
    list of Violation
        Empty where offers are within their limits, constant in blocks, and fail with no more than the allowed chance.
    """
    found, offer, slack = [], decision.offer_kw, slack_kw(instance)
    for t in np.flatnonzero(-offer > slack):
        found.append(Violation("less than nothing is offered", str(instance.interval[t]), float(offer[t]), 0.0, "kW"))
    for t in np.flatnonzero(offer - instance.limit_kw > slack):
        where = str(instance.interval[t])
        found.append(Violation("more than the limit is offered", where, float(offer[t]), instance.limit_kw, "kW"))
    first = offer[instance.begins][instance.block]
    for t in np.flatnonzero(np.abs(offer - first) > slack):
        rule = "offer changes within its block"
        found.append(Violation(rule, str(instance.interval[t]), float(offer[t]), float(first[t]), "kW"))
    chances = chances_to_fail(instance, offer, instance.scope)
    for g in np.flatnonzero(chances > instance.epsilon + CHANCE):
        where = f"{instance.scope} from {instance.interval[int(np.argmax(instance.group == g))]}"
        rule = "fails with a greater chance than allowed"
        found.append(Violation(rule, where, float(chances[g]), instance.epsilon, "1"))
    return found


def income(instance: FirmOfferInstance, decision: FirmOfferDecision) -> float:
    """What being available earns, currency."""
    return float(instance.dt_h * instance.price @ decision.offer_kw)


def income_bound(instance: FirmOfferInstance, prices: FirmOfferPrices | None) -> float:
    """Greatest income that weights prove, currency; what each block alone allows without any."""
    alone = lonely_offer_kw(instance)
    bound = float(instance.block_worth @ alone)
    if prices is None or instance.scope != "horizon":
        return bound
    there, worth = instance.block_available_kw, instance.block_worth
    weight = np.stack([np.bincount(instance.block, weights=row) for row in prices.scenario_weight])
    total = weight.sum(axis=0)
    # A block without weights leans on all scenarios alike.
    weight = np.where(total > 0, weight / np.where(total > 0, total, 1.0), 1.0 / len(weight)) * worth
    sure = float((weight * np.minimum(there, alone)).sum())
    gain = (weight * np.maximum(alone - there, 0.0)).sum(axis=1)
    return min(bound, sure + _knapsack(gain, instance.chance, instance.epsilon))


def _knapsack(gain: np.ndarray, chance: np.ndarray, epsilon: float) -> float:
    """Most that scenarios of a summed chance can gain, parts of them included."""
    free = chance <= 0
    rate = np.divide(gain, chance, out=np.zeros_like(gain), where=~free)
    order = np.argsort(-rate, kind="stable")
    before = np.cumsum(chance[order]) - chance[order]
    taken = np.clip(epsilon - before, 0.0, chance[order])
    return float(gain[free].sum() + taken @ rate[order])


def _scale(instance: FirmOfferInstance) -> float:
    return 1e-3 * float(instance.block_worth @ instance.block_available_kw.max(axis=0)) or 1.0


FIRM_OFFER = Problem(
    name="aggregator.firm_offer",
    title="how much may be promised of what is there with a probability?",
    source="Postnikov et al., Aggregators as digital intermediaries to local electricity markets",
    instance=FirmOfferInstance,
    decision=FirmOfferDecision,
    prices=FirmOfferPrices,
    violations=violations,
    criteria=(
        Criterion("income", "what being available earns", "currency", "max", income, _scale, income_bound),
        described(
            "non_delivery",
            "greatest chance to fail of what the scope names",
            "1",
            "min",
            lambda instance, decision: float(chances_to_fail(instance, decision.offer_kw, instance.scope).max()),
        ),
        described(
            "any_non_delivery",
            "chance to fail at all",
            "1",
            "min",
            lambda instance, decision: float(chances_to_fail(instance, decision.offer_kw, "horizon")[0]),
        ),
        described(
            "missing_kwh",
            "mean energy promised and not there",
            "kWh",
            "min",
            lambda instance, decision: float(
                instance.dt_h * (instance.chance @ np.maximum(decision.offer_kw - instance.available_kw, 0.0)).sum()
            ),
        ),
    ),
    tiny=tiny_firm_offer,
)
