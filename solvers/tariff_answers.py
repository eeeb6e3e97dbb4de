"""Members' answers to an operator's tariff: their least cost, and the best and worst of it for the operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.tariff import TariffInstance
from ..models.stackelberg.tariff import TariffDecision, TariffPrices
from ..models.stackelberg.tariff_bound import member_cost
from ..models.stackelberg.tariff_dispatch import build_dispatch, build_least_payment, state_dearest
from .array_programs import TIGHT
from .program_runs import Watch
from .programs import fix_integers, solve_pyomo
from .status import Status

FACE = 1e-8
"""Reduced cost, in units of the greatest price, above which something is zero in all answers."""

Schedule = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Answers:
    """What members do at prices.

    Parameters
    ----------
    cost : (n,) array, currency
        Least cost of each member.
    energy_worth, storage_worth : (T, n) arrays, currency/kWh
        What proves it.
    schedule : two (T, n) arrays, kWh
        Charge and discharge of one answer.
    """

    cost: np.ndarray
    energy_worth: np.ndarray
    storage_worth: np.ndarray
    schedule: Schedule


def least_costs(instance: TariffInstance, buy_price: np.ndarray, sell_price: np.ndarray) -> Answers:
    """Solve each member's own program at prices (HiGHS), all members' in one, since nothing ties them.

    Parameters
    ----------
    instance : TariffInstance
        The community.
    buy_price, sell_price : (T,) arrays, currency/kWh
        The latter not higher.
    """
    model = build_dispatch(instance, buy_price, sell_price)
    outcome = solve_pyomo(model, duals=True, **TIGHT)
    price = model.price.value
    worth, stored = np.empty_like(instance.net_kwh), np.empty_like(instance.net_kwh)
    charge, discharge = schedule_of(model, instance)
    cost = member_cost(instance, charge, discharge, buy_price, sell_price)
    for i in model.member:
        block = model.follower[i]
        for t in model.interval:
            worth[t, i] = outcome.dual(block.balance[t]) * price
            # The constraint's right side is energy that comes from nowhere, which lowers the cost.
            stored[t, i] = -outcome.dual(block.content[t]) * price
    return Answers(cost, worth, stored, (charge, discharge))


def schedule_of(model: Any, instance: TariffInstance) -> Schedule:
    """Charge and discharge that a solved program holds, (T, n) kWh, put onto their limits."""
    found = []
    for name in ("charged", "discharged"):
        values = [[float(getattr(model.follower[i], name)[t].value) for i in model.member] for t in model.interval]
        unit = np.array([model.unit[i] for i in model.member])
        found.append(np.clip(np.array(values) * unit, 0.0, instance.power_kwh))
    return found[0], found[1]


def _idle(instance: TariffInstance, buy: np.ndarray, sell: np.ndarray, answers: Answers) -> dict[str, np.ndarray]:
    """What is zero, or at its limit, in every answer, by the reduced costs."""
    worth, stored = answers.energy_worth, answers.storage_worth
    tolerance, wear, part = FACE * (instance.price_size or 1.0), instance.wear_price, instance.efficiency
    charging = wear + worth - part * stored
    discharging = wear - worth + stored / part
    keeping = stored[:-1] - stored[1:]
    return {
        "bought": buy[:, None] - worth > tolerance,
        "sold": worth - sell[:, None] > tolerance,
        "charged": charging > tolerance,
        "full_charged": charging < -tolerance,
        "discharged": discharging > tolerance,
        "full_discharged": discharging < -tolerance,
        "stored": keeping > tolerance,
        "full_stored": keeping < -tolerance,
    }


def best_and_worst(
    instance: TariffInstance,
    buy_price: np.ndarray,
    sell_price: np.ndarray,
    answers: Answers,
    *,
    worst: bool,
    time_limit_s: float | None = None,
) -> Schedule:
    """Of all answers at prices the one that is best for the operator, or worst.

    What members pay is the same in all of them but for wear, so that all together pay least, or most.

    Parameters
    ----------
    instance : TariffInstance
        The community.
    buy_price, sell_price : (T,) arrays, currency/kWh
        At which members answer.
    answers : Answers
        Of :func:`least_costs`.
    worst : bool
        Which of the two.
    time_limit_s : float, optional
        For the worst, an integer program.

    Raises
    ------
    NotApplicable
        If the worst is not known in time.
    """
    model = build_dispatch(instance, buy_price, sell_price, _idle(instance, buy_price, sell_price, answers))
    if not worst:
        solve_pyomo(model, **TIGHT)
        return schedule_of(model, instance)
    state_dearest(model, instance)
    outcome = solve_pyomo(model, time_limit_s=time_limit_s)
    if outcome.status is not Status.OPTIMAL:
        raise NotApplicable(f"the worst answer is not known ({outcome.status}); allow more time")
    fix_integers(model)
    solve_pyomo(model, **TIGHT)
    return schedule_of(model, instance)


def answered(
    instance: TariffInstance, buy_price: np.ndarray, sell_price: np.ndarray, watch: Watch | None = None
) -> TariffDecision:
    """A decision with given prices, members' answers that suit the operator best, and those that suit it worst.

    Parameters
    ----------
    instance : TariffInstance
        The community.
    buy_price, sell_price : (T,) arrays, currency/kWh
        Put into the grid's bracket.
    watch : Watch, optional
        Time that is left; where the worst answer takes longer, the decision is without it.
    """
    buy = np.clip(buy_price, instance.feed_in_price, instance.retail_price)
    sell = np.minimum(np.clip(sell_price, instance.feed_in_price, instance.retail_price), buy)
    answers = least_costs(instance, buy, sell)
    charge, discharge = best_and_worst(instance, buy, sell, answers, worst=False)
    try:
        left = None if watch is None else watch.left()
        fear: tuple[np.ndarray | None, np.ndarray | None] = best_and_worst(
            instance, buy, sell, answers, worst=True, time_limit_s=left
        )
    except NotApplicable:
        fear = None, None
    return TariffDecision(
        instance=instance,
        buy_price=buy,
        sell_price=sell,
        charge_kwh=charge,
        discharge_kwh=discharge,
        energy_worth=answers.energy_worth,
        storage_worth=answers.storage_worth,
        worst_charge_kwh=fear[0],
        worst_discharge_kwh=fear[1],
    )


def proving_prices(instance: TariffInstance) -> TariffPrices:
    """What proves the tightest bound of weak duality: duals of the best dispatch, schedules of the least payment."""
    social = build_dispatch(instance)
    outcome = solve_pyomo(social, duals=True, **TIGHT)
    price = social.price.value
    energy = [outcome.dual(social.grid_balances[t]) * price for t in social.interval]
    stored = [
        [-outcome.dual(social.follower[i].content[t]) * price / social.weight[i] for i in social.member]
        for t in social.interval
    ]
    least = build_least_payment(instance)
    solve_pyomo(least, **TIGHT)
    charge, discharge = schedule_of(least, instance)
    return TariffPrices(
        instance=instance,
        energy_price=energy,
        storage_price=np.array(stored),
        charge_kwh=charge,
        discharge_kwh=discharge,
    )
