"""Portfolios in closed form: the newsvendor's offer, the merit order, batteries alone, with prices that prove them."""

from __future__ import annotations

import numpy as np

from ..instances.errors import NotApplicable
from ..instances.portfolio import PortfolioInstance
from ..models.aggregator.portfolio import PortfolioDecision, PortfolioPrices
from ..models.aggregator.portfolio_bound import scenario_weights
from ..models.aggregator.portfolio_criteria import tail_weights
from .kernels.battery import battery_schedule
from .kernels.newsvendor import merit_order_offer, newsvendor_block_offer, newsvendor_offer
from .method import Answer


def run_newsvendor(instance: PortfolioInstance) -> Answer:
    """The best day-ahead offer of what comes by itself: for the mean, or for one interval with risk.

    Raises
    ------
    NotApplicable
        With storages, or another market than the day ahead and imbalance; where a surplus may cost, so that generation
        would be curtailed; with risk in several intervals or with prices that depend on the scenario.
    """
    if len(instance.storage):
        raise NotApplicable(f"what {instance.storage[0]} does depends on the offer; see newsvendor_by_block")
    for name in ("intraday_limit_kw", "balancing_limit_kw", "reserve_limit_kw"):
        if getattr(instance, name) > 0:
            raise NotApplicable(f"{name} is {getattr(instance, name):g}: another market is open than the day ahead")
    made = instance.generation_kw.sum(axis=2) > 0
    for s, t in np.argwhere(made & (instance.surplus_price < 0)):
        where = f"{instance.scenario[s]}, {instance.interval[t]}"
        raise NotApplicable(
            f"{where}: a surplus costs {-instance.surplus_price[s, t]:g}, so that it would be curtailed"
        )
    risky = instance.risk_weight > 0 and len(instance.scenario) > 1
    weight, tail_weight = np.asarray(instance.chance), np.asarray(instance.chance)
    if risky:
        weight, tail_weight = _risky_weights(instance)
    offer, worth = np.zeros(len(instance.interval)), np.zeros(instance.fixed_kw.shape)
    block = instance.block_of(instance.day_ahead_block_h)
    for b in range(block[-1] + 1):
        here = block == b
        if risky:
            best = newsvendor_offer(
                instance.fixed_kw[:, 0],
                float(instance.day_ahead_price[0]),
                float(instance.surplus_price[0, 0]),
                float(instance.missing_price[0, 0]),
                instance.risk_weight,
                instance.tail,
                instance.chance,
            )
        else:
            best = newsvendor_block_offer(
                instance.fixed_kw[:, here],
                instance.day_ahead_price[here],
                instance.surplus_price[:, here],
                instance.missing_price[:, here],
                instance.chance,
            )
        # Profit is concave in the offer, so that within the limit the nearest is best.
        offer[here] = np.clip(best, -instance.day_ahead_limit_kw, instance.day_ahead_limit_kw)
        worth[:, here] = _worth(instance, offer, here, weight)
    prices = PortfolioPrices(instance=instance, tail_weight=tail_weight, export_worth=worth)
    return Answer(PortfolioDecision(instance=instance, day_ahead_kw=offer), prices)


def _risky_weights(instance: PortfolioInstance) -> tuple[np.ndarray, np.ndarray]:
    """What each scenario counts, and in the worst part: those with the least export, whatever is offered."""
    if len(instance.interval) > 1:
        raise NotApplicable("with risk the worst part of several intervals depends on all their offers")
    for name in ("surplus_price", "missing_price"):
        prices = getattr(instance, name)[:, 0]
        if np.ptp(prices) > 0:
            raise NotApplicable(f"with risk {name} must be the same in all scenarios, and is not")
    long, price, short = instance.surplus_price[0, 0], instance.day_ahead_price[0], instance.missing_price[0, 0]
    if not (0 <= long <= price <= short and long < short):
        raise NotApplicable(f"with risk prices must be in the order 0 <= {long:g} <= {price:g} <= {short:g}")
    tail = tail_weights(instance, instance.fixed_kw[:, 0])
    return scenario_weights(instance, tail), tail


def _worth(instance: PortfolioInstance, offer: np.ndarray, here: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What export is worth in a block, (S, …): as imbalance, and where there is none so that the offer breaks even."""
    left = instance.fixed_kw[:, here] - offer[here]
    none = np.abs(left) <= 1e-12 * (1.0 + np.abs(instance.fixed_kw[:, here]))
    low, high = (weight[:, None] * each[:, here] for each in (instance.surplus_price, instance.missing_price))
    worth = np.where(none, low, np.where(left > 0, low, high))
    owed = weight.sum() * instance.day_ahead_price[here].sum() - worth.sum()
    room = np.where(none, high - low, 0.0)
    if room.sum() > 0:
        worth = worth + room * np.clip(owed / room.sum(), 0.0, 1.0)
    return np.asarray(worth)


def run_merit_order(instance: PortfolioInstance) -> Answer:
    """Each interval's generation to the markets that pay most for it, reserve for what is curtailed among them.

    Raises
    ------
    NotApplicable
        With several scenarios, storages, loads or blocks, reserve that is used or has a least size, or where one market
        sells cheaper than another buys.
    """
    _refuse_more_than_power(instance)
    made = instance.generation_kw[0].sum(axis=1)
    intervals, dt = len(made), instance.dt_h
    sales, purchase = _sales(instance), _purchases(instance)
    dearest = np.max([np.where(most > 0, price, -np.inf) for _, price, most in sales[1:]], axis=0)
    for at in np.flatnonzero(purchase < dearest - 1e-15):
        raise NotApplicable(
            f"{instance.interval[at]}: energy is bought at {purchase[at]:g}, sold at {dearest[at]:g} in other markets"
        )
    fields = {name: np.zeros(intervals) for name, _, _ in sales}
    level = np.zeros(intervals)
    for t in range(intervals):
        found = merit_order_offer(made[t], [price[t] for _, price, _ in sales], [most[t] for _, _, most in sales])
        level[t] = found.capacity_price
        for (name, _, _), sold in zip(sales, found.offer_kw, strict=True):
            fields[name][t] = sold
    # Nothing is left over but what no market takes at a price; that is curtailed as well as what is held in reserve.
    running = np.sum([fields[name] for name in fields if name != "up_reserve_kw"], axis=0)
    share = np.divide(made - running, made, out=np.zeros(intervals), where=made > 0)
    decision = PortfolioDecision(
        instance=instance,
        day_ahead_kw=fields["day_ahead_kw"],
        up_reserve_kw=fields["up_reserve_kw"],
        intraday_sale_kw=fields["intraday_sale_kw"][None],
        up_offer_kw=fields["up_offer_kw"][None],
        curtailed_kw=instance.generation_kw * np.clip(share, 0.0, 1.0)[None, :, None],
    )
    prices = PortfolioPrices(
        instance=instance,
        tail_weight=instance.chance,
        export_worth=np.minimum(level, purchase)[None],
        up_room_worth=(dt * level)[None],
    )
    return Answer(decision, prices)


def run_battery(instance: PortfolioInstance) -> Answer:
    """Each storage for itself at the prices of the day ahead, which takes all that is offered.

    Raises
    ------
    NotApplicable
        With several scenarios, trips or targets, another open market, blocks of several intervals, prices of imbalance
        between which the day ahead does not lie, negative prices or fees above them, or offers beyond the limit.
    """
    price, surplus, missing = instance.day_ahead_price, instance.surplus_price[0], instance.missing_price[0]
    _refuse(
        (len(instance.scenario) > 1, "there are several scenarios"),
        (not len(instance.storage), "there are no storages; see merit_order and newsvendor"),
        (bool(instance.driven_kwh.any()), "storages lose energy on trips"),
        (bool((instance.wanted_kwh * instance.target_price).any()), "missed targets are paid for"),
        (instance.reserves or instance.intraday_limit_kw > 0, "another market is open than the day ahead"),
        (instance.day_ahead_block_h > instance.dt_h * (1 + 1e-9), "day-ahead blocks tie intervals"),
        (bool(((price < surplus) | (price > missing)).any()), "imbalance pays more than the day ahead"),
        (bool((price < instance.flexibility_fee.max(initial=0.0)).any()), "a fee is above the price, or that below 0"),
    )
    charge, discharge, worth = (np.zeros(instance.storage_shape) for _ in range(3))
    nothing = np.zeros(len(price))
    for i in range(len(instance.storage)):
        there = instance.there[0, :, i]
        plan = battery_schedule(
            nothing,
            price,
            price - instance.flexibility_fee[i],
            capacity_kwh=float(instance.capacity_kwh[i]),
            charge_kw=there * instance.charge_kw[i],
            discharge_kw=there * instance.discharge_kw[i],
            charge_efficiency=float(instance.charge_efficiency[i]),
            discharge_efficiency=float(instance.discharge_efficiency[i]),
            dt_h=instance.dt_h,
            initial_kwh=float(instance.initial_kwh[i]),
            retention=float(instance.retention[i]),
            minimum_kwh=float(instance.minimum_kwh[i]),
        )
        charge[0, :, i], discharge[0, :, i] = plan.charge_kwh / instance.dt_h, plan.discharge_kwh / instance.dt_h
        worth[0, :, i] = plan.water_value
    offer = instance.fixed_kw[0] + (discharge - charge)[0].sum(axis=1)
    for t in np.flatnonzero(np.abs(offer) > instance.day_ahead_limit_kw):
        limit = instance.day_ahead_limit_kw
        raise NotApplicable(f"{instance.interval[t]}: {offer[t]:g} kW would be offered, and the limit is {limit:g}")
    decision = PortfolioDecision(instance=instance, day_ahead_kw=offer, charge_kw=charge, discharge_kw=discharge)
    prices = PortfolioPrices(
        instance=instance, tail_weight=instance.chance, export_worth=price[None], content_worth=worth
    )
    return Answer(decision, prices)


def _refuse(*conditions: tuple[bool, str]) -> None:
    """Raise the message of the first condition that holds."""
    for wrong, message in conditions:
        if wrong:
            raise NotApplicable(message)


def _refuse_more_than_power(instance: PortfolioInstance) -> None:
    """Say what else than one row of capacity an instance has."""
    single = instance.dt_h * (1 + 1e-9)
    _refuse(
        (len(instance.scenario) > 1, "there are several scenarios; see newsvendor"),
        (len(instance.storage) > 0, "storages tie intervals together"),
        (bool(instance.load_kw.any()), "members have loads; merit is of generation alone"),
        (instance.day_ahead_limit_kw > 0 and instance.day_ahead_block_h > single, "day-ahead blocks tie intervals"),
        (instance.reserve_limit_kw > 0 and instance.reserve_block_h > single, "reserve blocks tie intervals"),
        (instance.least_reserve_kw > 0, "reserve has a least size"),
        (instance.reserve_limit_kw > 0 and bool(instance.up_used.any()), "reserve is used"),
        (instance.reserve_limit_kw > 0 and bool(instance.down_reserve_price.any()), "reserve to deliver less is paid"),
        (
            instance.reserves and bool((instance.room_price < instance.up_reserve_price).any()),
            "promises without room would pay",
        ),
        (
            instance.balancing_limit_kw > 0 and bool(((instance.up_accepted > 0) & (instance.up_accepted < 1)).any()),
            "balancing offers are accepted in part",
        ),
    )


def _sales(instance: PortfolioInstance) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Markets by the decision's field, what they pay for a kWh and the most they take; reserve first."""
    every = np.ones(len(instance.interval))
    accepted = instance.up_accepted[0] > 0
    return [
        ("up_reserve_kw", instance.up_reserve_price, instance.reserve_limit_kw * every),
        ("day_ahead_kw", instance.day_ahead_price, instance.day_ahead_limit_kw * every),
        ("intraday_sale_kw", instance.intraday_sale_price[0], instance.intraday_limit_kw * every),
        ("up_offer_kw", instance.up_price[0], instance.balancing_limit_kw * accepted),
        ("surplus", instance.surplus_price[0], np.full(len(every), np.inf)),
    ]


def _purchases(instance: PortfolioInstance) -> np.ndarray:
    """The cheapest at which energy can be bought, or owed, (T,) currency/kWh."""
    found = np.asarray(instance.missing_price[0])
    for price, open_market in (
        (instance.day_ahead_price, instance.day_ahead_limit_kw > 0),
        (instance.intraday_purchase_price[0], instance.intraday_limit_kw > 0),
        (
            np.where(instance.down_accepted[0] > 0, instance.down_price[0], np.inf),
            instance.balancing_limit_kw > 0,
        ),
    ):
        if open_market:
            found = np.minimum(found, price)
    return found
