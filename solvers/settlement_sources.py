"""Settlements of what other problems decided: a schedule, an allocation, or its solution.

What groups and members could do by themselves is found by solving the scheduling problem for each of them. What they
bear besides their bills (comfort, and the worth of what is left in store) is taken off there, so that a bill is
compared with the one at which a group would be as well off by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..instances.allocation import AllocationInstance
from ..instances.errors import NotApplicable
from ..instances.record import Decision, Meta
from ..instances.scheduling import SchedulingInstance, sum_by_owner
from ..instances.settlement import ENUMERABLE, SettlementInstance
from ..models.allocation.decision import AllocationDecision
from ..models.scheduling.decision import SchedulingDecision, SchedulingPrices
from ..models.scheduling.rules import community_cost
from .scheduling_arrays import run_central
from .solution import Solution
from .solve import solve
from .status import Status


def settlement_of(
    answer: Solution | Decision,
    *,
    groups: bool = False,
    alone: bool | np.ndarray = True,
    retail_price: Any = None,
    feed_in_price: Any = None,
) -> SettlementInstance:
    """What is to be settled after a schedule or an allocation.

    Parameters
    ----------
    answer : Solution or Decision
        Of scheduling, or of allocation. The solution of a schedule brings the dual of the community's balance along.
    groups : bool
        Whether the least cost of every group by itself is found, by a linear program each (schedules of up to 16
        members); otherwise groups keep their dispatch.
    alone : bool or (n,) array, currency
        Whether each member's least cost alone is found (schedules), bill and private cost together; or that cost, where
        it is known. With False members alone keep their dispatch.
    retail_price, feed_in_price : (T,) arrays or numbers, currency/kWh, optional
        Of the grid, for an allocation, which knows none; each kWh allocated goes to whom it was allocated to.

    Returns
    -------
    SettlementInstance

    Raises
    ------
    TypeError
        For the answer of another problem.
    ValueError
        For prices of a schedule, which has its own, or none for an allocation.
    NotApplicable
        If the community has costs that no price per kWh covers: a demand charge, or, where groups are asked for, the
        worth of a limited connection. For an allocation with a store, or to members both short and long at a time.
    """
    decision = answer.decision if isinstance(answer, Solution) else answer
    if isinstance(decision, AllocationDecision):
        return _of_allocation(decision, retail_price, feed_in_price)
    if not isinstance(decision, SchedulingDecision):
        raise TypeError(f"a schedule or an allocation can be settled, not a {type(decision).__name__}")
    if retail_price is not None or feed_in_price is not None:
        raise ValueError("a schedule has its grid's prices already; leave retail_price and feed_in_price out")
    return _of_schedule(decision, answer if isinstance(answer, Solution) else None, groups, alone)


def _of_allocation(decision: AllocationDecision, retail: Any, feed_in: Any) -> SettlementInstance:
    given: AllocationInstance = decision.instance
    if retail is None or feed_in is None:
        raise ValueError("an allocation knows no prices; give retail_price and feed_in_price")
    both = np.argwhere((given.deficiency_kwh > 0) & (given.excess_kwh > 0))
    if both.size:
        t, i = both[0]
        where = f"{given.household[i]} is both short and long within {given.interval[t]}, one of {len(both)} such cases"
        raise NotApplicable(f"{where}: its own surplus has no price; make the instance with netting='interval'")
    shape = given.interval.shape
    # Surplus that stays in a store until later is not there to be settled within its interval.
    if given.leftover == "store":
        raise NotApplicable("what a store carries over is not settled by interval; schedule it as a battery instead")
    return SettlementInstance(
        meta=_meta(given.meta, "allocated"),
        interval=given.interval,
        member=given.household,
        load_kwh=given.deficiency_kwh,
        generation_kwh=given.excess_kwh,
        retail_price=np.broadcast_to(np.asarray(retail, dtype=float), shape),
        feed_in_price=np.broadcast_to(np.asarray(feed_in, dtype=float), shape),
        shared_kwh=np.minimum(decision.allocated_kwh, given.deficiency_kwh),
        dt_h=given.dt_h,
    )


def _meta(meta: Meta, what: str) -> Meta:
    return Meta(
        name=f"{meta.name}, {what}",
        title=meta.title,
        description=meta.description,
        licence=meta.licence,
        sources=meta.sources,
        notices=meta.notices,
    )


def _of_schedule(
    decision: SchedulingDecision, solution: Solution | None, groups: bool, alone: bool | np.ndarray
) -> SettlementInstance:
    given = decision.instance
    _refuse_common_costs(given, groups)
    n = len(given.member)
    own = _private_cost(decision)
    fields: dict[str, Any] = {}
    if groups:
        fields |= _groups(given, own)
    elif alone is not False:
        cost = _alone(given) if alone is True else np.asarray(alone, dtype=float)
        if cost.shape != (n,):
            raise ValueError(f"alone has shape {cost.shape}; it must be one cost for each of {n} members")
        fields["alone_cost"] = cost - own
    if solution is not None and _knows_dual(solution):
        assert isinstance(solution.prices, SchedulingPrices)
        fields["balance_price"] = np.clip(solution.prices.energy_price, given.sell_price, given.buy_price)
    return SettlementInstance(
        meta=_meta(given.meta, "scheduled"),
        interval=given.interval,
        member=given.member,
        load_kwh=_at_least_0(
            given.load_kwh
            - decision.curtailed_kwh
            - decision.lost_kwh
            + sum_by_owner(decision.served_kwh, given.request_of, n)
        ),
        generation_kwh=_at_least_0(given.generation_kwh - decision.spilled_kwh),
        storage_kwh=sum_by_owner(decision.charge_kwh - decision.discharge_kwh, given.storage_of, n),
        retail_price=given.buy_price,
        feed_in_price=given.sell_price,
        dt_h=given.dt_h,
        currency=given.currency,
        **fields,
    )


def _at_least_0(values: np.ndarray) -> np.ndarray:
    """Values without the rounding by which a difference of equals falls below 0."""
    found: np.ndarray = np.maximum(values, 0.0)
    return found


def _refuse_common_costs(given: SchedulingInstance, groups: bool) -> None:
    if given.demand_charge > 0:
        raise NotApplicable("a demand charge is paid for a peak, and no price per kWh covers it")
    if groups and not _unlimited(given):
        raise NotApplicable("the community's connection is limited: the limit's worth is nobody's, so groups have none")
    if groups and len(given.member) > ENUMERABLE:
        raise NotApplicable(f"{len(given.member)} members have too many groups; go without the costs of groups")


def _knows_dual(solution: Solution) -> bool:
    """Whether the prices of a solution are duals of the community's balance, which lie between the grid's prices."""
    given = solution.decision.instance
    assert isinstance(given, SchedulingInstance)
    best = solution.status is Status.OPTIMAL and solution.criterion == "community_cost"
    return best and solution.prices is not None and _unlimited(given)


def _unlimited(given: SchedulingInstance) -> bool:
    return given.import_limit_kw is None and given.export_limit_kw is None


def _private_cost(decision: SchedulingDecision) -> np.ndarray:
    """What each member bears besides its bill, (n,): comfort, less the worth of what is left in its storages."""
    given = decision.instance
    n = len(given.member)
    cost = (given.curtailment_price * decision.curtailed_kwh + given.lost_load_price * decision.lost_kwh).sum(axis=0)
    by_storage = -given.terminal_value * decision.soc_kwh[-1]
    if given.target_kwh is not None:
        missed = np.maximum(given.target_kwh - decision.soc_kwh, 0.0).sum(axis=0)
        by_storage = by_storage + given.target_price * missed
    found: np.ndarray = cost + sum_by_owner(by_storage[None, :], given.storage_of, n)[0]
    return found


def _alone(given: SchedulingInstance) -> np.ndarray:
    """Least cost of each member alone, bill and private cost together, (n,)."""
    found = solve(given, criterion="separate_cost").decision
    assert isinstance(found, SchedulingDecision)
    bought, sold = np.maximum(found.net_kwh, 0.0), np.maximum(-found.net_kwh, 0.0)
    bills: np.ndarray = (given.buy_price[:, None] * bought - given.sell_price[:, None] * sold).sum(axis=0)
    cost: np.ndarray = bills + _private_cost(found)
    return cost


def _groups(given: SchedulingInstance, own: np.ndarray) -> dict[str, Any]:
    """Least cost of every group by itself, less what its members bear besides bills under the dispatch."""
    n = len(given.member)
    masks = np.arange(1, 2**n)
    member = masks[:, None] >> np.arange(n) & 1
    costs = np.empty(len(masks))
    for row, chosen in enumerate(member):
        part = given.among(np.flatnonzero(chosen).tolist())
        decision = run_central(part).decision
        assert isinstance(decision, SchedulingDecision)
        costs[row] = community_cost(part, decision) - own[chosen > 0].sum()
    names = [" + ".join(map(str, given.member[chosen > 0])) for chosen in member]
    return {"coalition": names, "coalition_member": member, "coalition_cost": costs}
