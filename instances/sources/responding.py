"""Members who answer prices, made from recorded loads: the same homes for an operator and for internal prices.

What a home used is taken for what it wanted at the retail price; an elasticity says how much less it would use were
energy dearer. One kWh more is worth less by q, the same in all intervals.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..errors import NotApplicable
from ..operator import OperatorInstance
from ..record import Meta
from ..responsive import ResponsiveInstance
from ..settlement import SettlementInstance

DIGITS = 6
"""Decimals of what is made, in currency and kWh."""

LEAST_SHARE = 1e-3
"""Least mean load, in parts of the greatest, for which an elasticity is taken: who uses nothing wants nothing."""


def operator_from_settlement(
    settlement: SettlementInstance, *, elasticity: float = 0.3, name: str = "unnamed"
) -> OperatorInstance:
    """An operator on top of a community whose loads and generation are known.

    At the retail price every member wants what it used: with q = p / (ε x̄), p the mean retail price and x̄ its mean
    load, a kWh is worth a - q x with a = p_t + q x_t. It may use nothing, and as much as it would want for nothing.

    Parameters
    ----------
    settlement : SettlementInstance
        The community; schedules of storages are left out.
    elasticity : float
        ε, by what share of its mean load a member uses less for a price that is a share of the mean higher; positive.
    name : str
        Of the instance.

    Returns
    -------
    OperatorInstance

    Raises
    ------
    ValueError
        If the elasticity is not positive, or no retail price is.
    """
    price = float(settlement.retail_price.mean())
    if not (elasticity > 0 and price > 0):
        raise ValueError(f"the elasticity and the mean retail price must be positive, not {elasticity:g} and {price:g}")
    load = settlement.load_kwh
    mean = load.mean(axis=0)
    mean = np.maximum(mean, LEAST_SHARE * float(mean.max()) or 1.0)
    saturation = np.round(price / (elasticity * mean), DIGITS)
    worth = np.round(settlement.retail_price[:, None] + saturation * load, DIGITS)
    for_nothing = np.ceil(worth / saturation * 10**DIGITS) / 10**DIGITS
    meta = dataclasses.replace(
        settlement.meta,
        name=name,
        title=f"An operator for {settlement.meta.name}",
        description=f"Loads and generation of {settlement.meta.name}, storages left out; quadratic worth of energy "
        f"with an elasticity of {elasticity:g} at the retail price.",
        known=(),
    )
    return OperatorInstance(
        meta=meta,
        interval=settlement.interval,
        member=settlement.member,
        generation_kwh=settlement.generation_kwh,
        first_worth=worth,
        saturation=np.repeat(saturation[None, :], len(load), axis=0),
        greatest_kwh=np.maximum(for_nothing, settlement.generation_kwh),
        retail_price=settlement.retail_price,
        feed_in_price=settlement.feed_in_price,
        dt_h=settlement.dt_h,
        currency=settlement.currency,
    )


def responsive_from_operator(operator: OperatorInstance) -> ResponsiveInstance:
    """The same members without the operator, for internal prices: a x - q x²/2 is a discomfort q/2 (x - a/q)².

    Parameters
    ----------
    operator : OperatorInstance
        With quadratic utility whose saturation is the same in all intervals.

    Returns
    -------
    ResponsiveInstance

    Raises
    ------
    NotApplicable
        For another utility, or a saturation that changes: a discomfort has one slope a member.
    """
    if operator.utility != "quadratic":
        raise NotApplicable(f"a {operator.utility} utility is no quadratic discomfort")
    first = operator.saturation[0]
    if not (operator.saturation == first).all():
        t, i = np.argwhere(operator.saturation != first)[0]
        where = f"{operator.interval[t]}, {operator.member[i]}"
        raise NotApplicable(f"saturation changes at {where}, and a discomfort has one slope a member")
    return ResponsiveInstance(
        meta=Meta(name=operator.meta.name),
        interval=operator.interval,
        member=operator.member,
        wanted_kwh=np.maximum(operator.first_worth / operator.saturation, 0.0),
        generation_kwh=operator.generation_kwh,
        discomfort=0.5 * first,
        least_kwh=operator.least_kwh,
        greatest_kwh=operator.greatest_kwh,
        retail_price=operator.retail_price,
        feed_in_price=operator.feed_in_price,
        dt_h=operator.dt_h,
        currency=operator.currency,
    )
