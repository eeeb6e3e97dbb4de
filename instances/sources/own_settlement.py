"""Own households and an own tariff as a community to be billed, by one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ..settlement import SettlementInstance
from .own_scheduling import scheduling_from_households


def settlement_from_households(
    path: str | Path, tariff: str | Path | pd.DataFrame, *, name: str = "", currency: str = "EUR", **options: Any
) -> SettlementInstance:
    """A community of measured homes whose bills are to be found.

    Parameters
    ----------
    path : str or path
        File or folder of load and generation, see :func:`.households.read_households`.
    tariff : path or DataFrame
        Times of use, or a series of prices, see :mod:`.tariffs`: what the grid asks, and what it pays for feed-in.
    name : str
        Of the instance; the file's by default.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of the tariff.
    **options
        Of :func:`.own_scheduling.scheduling_from_households` that concern homes and tariff: ``time_zone``, ``begin``,
        ``end``, ``min_days``, ``gaps``, ``household``, ``attributes``, ``ignore``.

    Returns
    -------
    SettlementInstance
        With what meters have measured; for storages yet to be scheduled, schedule first and settle what comes of it
        (``settlement_of``).

    Raises
    ------
    ValueError
        For tables of storages, requests or trips, or settings of scheduling: nothing is scheduled here.
    InstanceError
        Naming file, column, row and value, as for scheduling; a feed-in price above the retail price as well.
    """
    scheduled = [one for one in ("storages", "requests", "trips", "settings") if options.get(one) is not None]
    if scheduled:
        raise ValueError(
            f"{', '.join(scheduled)}: meters are billed as they are; schedule first, then settlement_of(…)"
        )
    made = scheduling_from_households(path, tariff, name=name, settings={"currency": currency}, **options)
    return SettlementInstance(
        meta=made.meta,
        interval=made.interval,
        member=made.member,
        load_kwh=made.load_kwh,
        generation_kwh=made.generation_kwh,
        retail_price=made.buy_price,
        feed_in_price=made.sell_price,
        dt_h=made.dt_h,
        currency=made.currency,
    )
