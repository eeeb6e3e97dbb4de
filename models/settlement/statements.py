"""Statements: what each member used, traded and pays, by interval, day, month, year, or over the horizon.

Periods are those of the members' clocks: an interval belongs to the day and month that its own label names, so a day on
which clocks change has 23 or 25 hours, and a bill for it counts each of them once.

Source: Lange, section "MLA-based bill estimation".
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

import numpy as np
import pandas as pd

from .decision import SettlementDecision

Period = Literal["interval", "day", "month", "year", "horizon"]
FORMATS = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}


def statement(decision: SettlementDecision, period: Period = "month") -> pd.DataFrame:
    """Each member's statement for each period.

    Own generation is used first. Of what a member is short of, a part comes from other members and the rest from the
    grid, and the same for what it has left; who pays what for it are the decision's prices. ``grid_part`` is what
    the member's share of the community's trade with the grid costs at the grid's prices, ``members_part`` the rest of
    its bill, which adds up to 0 over all members.

    Parameters
    ----------
    decision : SettlementDecision
        Bills and prices.
    period : {"interval", "day", "month", "year", "horizon"}
        What a row is for.

    Returns
    -------
    pandas.DataFrame
        Columns ``period``, ``member``, ``load_kwh``, ``generation_kwh``, ``own_use_kwh``, ``from_members_kwh``,
        ``from_grid_kwh``, ``to_members_kwh``, ``to_grid_kwh``, ``paid``, ``received``, ``bill`` (paid less received),
        ``grid_part``, ``members_part``, ``separate_bill`` (the same dispatch behind a meter of its own) and
        ``separate_saving`` against that, all in the instance's currency. Where bills do not come from prices only
        ``"horizon"`` is known, and what is paid and received is NaN; so are the parts of bills alone with another
        schedule than the energies are of.

    Raises
    ------
    ValueError
        For an unknown period, or one that bills without prices have none of.
    """
    if period not in get_args(Period):
        raise ValueError(f"unknown period {period!r}; known: {', '.join(get_args(Period))}")
    bill = decision.interval_bill
    if bill is None and period != "horizon":
        raise ValueError(f"these bills have no prices, so a {period} has none; ask for period='horizon'")
    given = decision.instance
    names = _periods(given.interval, period)
    # In the order of time: of an hour that the clock shows twice, the first one first.
    where, order = pd.factorize(names)

    def summed(values: np.ndarray) -> np.ndarray:
        found = np.zeros((len(order), len(given.member)))
        np.add.at(found, where, values)
        return found

    columns = {name: summed(values) for name, values in _energies(decision).items()}
    need, left = np.maximum(given.net_kwh, 0.0), np.maximum(-given.net_kwh, 0.0)
    grid = given.retail_price[:, None] * _of_grid(decision, need, given.received_kwh)
    grid -= given.feed_in_price[:, None] * _of_grid(decision, left, given.given_kwh)
    total = decision.bill[None, :] if bill is None else summed(bill)
    unknown = np.full_like(total, np.nan)
    columns["paid"] = unknown if bill is None else summed(np.where(given.net_kwh > 0, bill, 0.0))
    columns["received"] = unknown if bill is None else summed(np.where(given.net_kwh < 0, -bill, 0.0))
    columns["bill"] = total
    # Alone with another schedule, other energies have flowed than these.
    elsewhere = decision.meters == "separate" and given.redispatched
    columns["grid_part"] = unknown if elsewhere else summed(grid)
    columns["members_part"] = total - columns["grid_part"]
    alone = summed(given.retail_price[:, None] * need - given.feed_in_price[:, None] * left)
    columns["separate_bill"], columns["separate_saving"] = alone, alone - total
    frame = pd.DataFrame(
        {"period": np.repeat(order, len(given.member)), "member": np.tile(given.member, len(order))}
        | {name: values.ravel() for name, values in columns.items()}
    )
    return frame


def _periods(interval: np.ndarray, period: Period) -> np.ndarray:
    """Period of each interval, by the clock that its label was read off."""
    if period == "horizon":
        return np.full(len(interval), "all", dtype=object)
    if period == "interval":
        return interval
    return np.array([datetime.fromisoformat(str(label)).strftime(FORMATS[period]) for label in interval], dtype=object)


def _energies(decision: SettlementDecision) -> dict[str, np.ndarray]:
    """Energies of a statement by interval, (T, n) kWh."""
    given = decision.instance
    need, left = np.maximum(given.net_kwh, 0.0), np.maximum(-given.net_kwh, 0.0)
    shared = decision.meters == "shared"
    received, handed = (given.received_kwh, given.given_kwh) if shared else (0.0 * need, 0.0 * left)
    return {
        "load_kwh": given.load_kwh,
        "generation_kwh": given.generation_kwh,
        "own_use_kwh": np.maximum(given.generation_kwh - left, 0.0),
        "from_members_kwh": received,
        "from_grid_kwh": need - received,
        "to_members_kwh": handed,
        "to_grid_kwh": left - handed,
    }


def _of_grid(decision: SettlementDecision, all_kwh: np.ndarray, members_kwh: np.ndarray) -> np.ndarray:
    return all_kwh - members_kwh if decision.meters == "shared" else all_kwh
