"""Run of the program with internal prices: solve it, project its answer into the rules, form prices and bills anew.

An interior-point answer keeps limits to about 1e-8 and is nowhere at a vertex. What goes into the schedule are
contents, service and what is given up, each moved into its limits; flows follow from contents, so that no storage
charges and discharges at once. Bills are those of the finished schedule at prices without smoothing.

Source: :mod:`commonwatt.models.scheduling.sdr_program`; the price: Liu et al., IEEE TPWRS 32(5), 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.scheduling import SchedulingInstance, sum_by_owner
from ..models.scheduling.decision import SchedulingDecision, SchedulingPrices
from ..models.scheduling.premise import premise
from ..models.scheduling.sdr_program import build_sdr
from .kernels.internal_prices import edge_cases, sdr_prices
from .method import Answer
from .nlp_programs import solve_nlp
from .program_runs import Watch, timed
from .programs import Outcome, SolverError
from .schedules import flows_of_states, schedule

STRATEGIES: tuple[Mapping[str, Any], ...] = (
    {"mu_strategy": "adaptive", "mu_oracle": "probing"},
    {"mu_strategy": "adaptive"},
    {"mu_strategy": "monotone", "mu_init": 1e-4},
)
"""How Ipopt lowers its barrier. On degenerate instances each gets stuck now and then, hardly ever all of them."""


def run_sdr(instance: SchedulingInstance, *, time_limit_s: float | None = None) -> Answer:
    """Least sum of all members' bills at internal prices, by Ipopt.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    time_limit_s : float, optional
        For stating and solving together.

    Returns
    -------
    Answer
        With prices, of which the rules make a bound; logs ``internal_prices`` (one row an interval: buying and selling
        energy, SDR, prices, edge case) and ``bills`` (one row a member: paid, received, bill, and its part that goes
        to or comes from other members, which add up to 0).

    Raises
    ------
    NotApplicable
        Where the linear program would need binary variables, where the extra ``nlp`` is missing, or where time ran
        out: Ipopt has nothing to show before it ends.
    InfeasibleError
        In the instance's words.
    """
    where = premise(instance)
    if not where.holds:
        raise NotApplicable(f"binary variables are needed, and the program is smooth: {where.reasons[0]}")
    watch = Watch.start(time_limit_s)
    model, outcome, build_seconds = _solved(instance, watch)
    if not outcome.has_solution:
        raise NotApplicable(f"no schedule was found within {time_limit_s:g} s; allow more time")
    decision = _decision(instance, model)
    logs = bills_of(instance, decision)
    return Answer(decision, _prices(instance, model, outcome), outcome.status, {}, build_seconds, logs=logs)


def _solved(instance: SchedulingInstance, watch: Watch) -> tuple[Any, Outcome, float]:
    """The program, its outcome by the first way to lower the barrier that comes to an end, and seconds to state it."""
    failed: SolverError | None = None
    build_seconds = 0.0
    for strategy in STRATEGIES:
        # Variables are emptied by a failure, and a start has to be anew.
        model, seconds = timed(lambda: build_sdr(instance))
        build_seconds += seconds
        try:
            outcome = solve_nlp(model, time_limit_s=watch.left(), **strategy)
        except InfeasibleError:
            from .scheduling_explain import explain

            raise InfeasibleError(explain(instance)) from None
        except SolverError as error:
            failed = error
            continue
        return model, outcome, build_seconds + outcome.build_seconds
    assert failed is not None
    raise failed


def _array(variable: Any, limit: np.ndarray, base: float) -> np.ndarray:
    """Values of a variable in kWh, within [0, limit]."""
    found = np.zeros(limit.shape)
    for index in variable:
        found[index] = variable[index].value * base
    kept: np.ndarray = np.minimum(np.maximum(found, 0.0), limit)
    return kept


def _decision(instance: SchedulingInstance, model: Any) -> SchedulingDecision:
    base = float(model.base_kwh.value)
    drawn = _array(model.charge, instance.charge_limit_kwh, base)
    drawn -= _array(model.discharge, instance.discharge_limit_kwh, base)
    content = reachable(instance, _array(model.content, np.full(instance.state_low_kwh.shape, np.inf), base))
    charge, discharge = flows_of_states(instance, content)
    # In the midst of an optimal face, a storage may burn energy that is worth nothing. It is idle instead, and where
    # export would cost something, what it burned is spilled.
    burned = sum_by_owner(drawn - charge + discharge, instance.storage_of, len(instance.member))
    spilled = _array(model.spilled, instance.spillable_kwh, base)
    more = np.where(instance.sell_price[:, None] < 0, np.maximum(burned, 0.0), 0.0)
    return schedule(
        instance,
        content,
        served_in_full(instance, _array(model.service, instance.request_limit_kwh, base)),
        curtailed_kwh=_array(model.curtailed, instance.sheddable_kwh, base),
        lost_kwh=_array(model.lost, instance.losable_kwh, base),
        spilled_kwh=np.minimum(spilled + more, instance.spillable_kwh),
    )


def reachable(instance: SchedulingInstance, content_kwh: np.ndarray) -> np.ndarray:
    """Contents next to given ones that flows can lead through, and from which what is required later can be reached.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    content_kwh : (T + 1, S) array, kWh
        Contents as a solver found them.

    Returns
    -------
    (T + 1, S) array, kWh
        The same but for what they were off.
    """
    low, high = instance.state_low_kwh.copy(), instance.state_high_kwh.copy()
    most = instance.charge_efficiency * instance.charge_limit_kwh
    least = instance.discharge_limit_kwh / instance.discharge_efficiency
    trip, kept = instance.driven_kwh, instance.retention
    for t in range(len(trip) - 1, 0, -1):
        low[t] = np.maximum(low[t], (low[t + 1] + trip[t] - most[t]) / kept)
        high[t] = np.minimum(high[t], (high[t + 1] + trip[t] + least[t]) / kept)
    found = content_kwh.copy()
    found[0] = instance.initial_kwh
    for t in range(len(trip)):
        before = kept * found[t] - trip[t]
        found[t + 1] = np.minimum(np.maximum(found[t + 1], low[t + 1]), high[t + 1])
        found[t + 1] = np.minimum(np.maximum(found[t + 1], before - least[t]), before + most[t])
    return found


def served_in_full(instance: SchedulingInstance, service_kwh: np.ndarray) -> np.ndarray:
    """Service with what it is off spread over what room there is, (T, R) kWh."""
    missing = instance.request_kwh - service_kwh.sum(axis=0)
    room = np.where(missing > 0, instance.request_limit_kwh - service_kwh, service_kwh)
    whole = room.sum(axis=0)
    share = np.divide(missing, whole, out=np.zeros_like(whole), where=whole > 0)
    return service_kwh + np.maximum(share, -1.0) * room


def bills_of(instance: SchedulingInstance, decision: SchedulingDecision) -> dict[str, pd.DataFrame]:
    """Internal prices and members' bills of a schedule.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    decision : SchedulingDecision
        Any schedule.

    Returns
    -------
    dict of str to DataFrame
        ``internal_prices`` and ``bills``, see :func:`run_sdr`.
    """
    net = decision.net_kwh
    buying, selling = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    bought, sold = buying.sum(axis=1), selling.sum(axis=1)
    buy, sell = sdr_prices(bought, sold, instance.buy_price, instance.sell_price)
    paid = (buy[:, None] * buying).sum(axis=0)
    received = (sell[:, None] * selling).sum(axis=0)
    # The grid is paid for import and pays for export; who does which, members share in proportion.
    total = decision.community_net_kwh
    imported = np.divide(np.maximum(total, 0.0), bought, out=np.zeros_like(total), where=bought > 0)
    exported = np.divide(np.maximum(-total, 0.0), sold, out=np.zeros_like(total), where=sold > 0)
    grid = ((instance.buy_price * imported)[:, None] * buying).sum(axis=0)
    grid -= ((instance.sell_price * exported)[:, None] * selling).sum(axis=0)
    prices = pd.DataFrame(
        {
            "interval": instance.interval,
            "buying_kwh": bought,
            "selling_kwh": sold,
            "supply_over_demand": np.divide(sold, bought, out=np.full_like(sold, np.nan), where=bought > 0),
            "buy_price": buy,
            "sell_price": sell,
            "case": edge_cases(bought, sold, instance.sell_price),
        }
    )
    bills = pd.DataFrame(
        {
            "member": instance.member,
            "paid": paid,
            "received": received,
            "bill": paid - received,
            "to_members": paid - received - grid,
        }
    )
    return {"internal_prices": prices, "bills": bills}


def _prices(instance: SchedulingInstance, model: Any, outcome: Outcome) -> SchedulingPrices:
    """Prices from duals of the linear program's constraints, turned back from its units."""
    base = float(model.base_price.value)
    balance = [outcome.dual(model.community_is_balanced[t]) for t in model.interval]
    member = np.repeat(np.array(balance)[:, None], len(instance.member), axis=1)
    # One more kWh of a member's demand is in the balance of all and, where it decides anything, in its own equation.
    for at in model.nets_add_up:
        member[at] += outcome.dual(model.nets_add_up[at])
    member *= base
    energy = member.mean(axis=1)
    water = np.zeros(instance.charge_limit_kwh.shape)
    for at, value in outcome.dual(model.contents_follow_from_flows).items():
        water[at] = -value * base
    limits = (model.members_import_within_limits, model.members_export_within_limits)
    for one in limits:
        for at in one:
            member[at] -= outcome.dual(one[at]) * base
    peak = outcome.dual(model.peak_covers_import)
    return SchedulingPrices(
        instance=instance,
        energy_price=energy,
        member_price=member if sum(map(len, limits)) else None,
        water_value=water,
        peak_value=[max(0.0, -peak[t]) * base for t in model.interval],
    )
