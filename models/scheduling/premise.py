"""When the linear program of scheduling is exact, and where it needs binary variables instead.

A linear program may charge and discharge at once, which burns energy, or import and export at once, which trades it in
circles. Neither pays while a further kWh of demand never earns money, and that holds where buying costs something,
selling brings no more than buying costs, and surplus can be got rid of freely: by spilling it, or by export without
limit at no negative price. (Counter-example with an export limit of 1 kWh and no spilling: surplus (2, 2, 1),
efficiency 0.8, capacity 1 kWh, power 2 kWh: the program charges 2 and discharges 1 at once.)

The data tell where that fails; only there, binary variables are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...instances.scheduling import SchedulingInstance
from .bounds import Tariff


@dataclass(frozen=True)
class Premise:
    """Where a linear program may cheat.

    Parameters
    ----------
    storage : (T, S) array of bool
        Where charging and discharging at once may pay.
    grid : (T,) array of bool
        Where importing and exporting at once may pay.
    reasons : tuple of str
        Why, in the instance's words, the first interval of each reason.
    """

    storage: np.ndarray
    grid: np.ndarray
    reasons: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the linear program is exact."""
        return not (self.storage.any() or self.grid.any())


def premise(instance: SchedulingInstance, tariff: Tariff | None = None) -> Premise:
    """Where the linear programs of an instance need binary variables, and why.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given.
    tariff : Tariff, optional
        Prices of the program's energy; the instance's own by default.

    Returns
    -------
    Premise
    """
    paid = Tariff.of_cost(instance) if tariff is None else tariff
    buy, sell = paid.buy, paid.sell
    forbidden = instance.spill == "forbidden"
    surplus = instance.generation_kwh.sum(axis=1) > 0
    limited = np.isfinite(instance.export_limit_kwh) | np.isfinite(instance.member_export_limit_kwh).any(axis=1)
    reasons: list[str] = []

    def note(where: np.ndarray, text: str) -> np.ndarray:
        if where.any():
            t = int(np.argmax(where))
            more = int(where.sum()) - 1
            rest = f" and {more} more" if more else ""
            reasons.append(f"{instance.interval[t]}{rest}: " + text.format(buy=buy[t], sell=sell[t]))
        return where

    lossy = (instance.charge_efficiency * instance.discharge_efficiency < 1.0) | (instance.retention < 1.0)
    wasteful = note(buy < 0, "the buying price {buy:g} is negative, so burning energy in a storage pays")
    # Where energy costs nothing, as in the search for the least peak, an optimum may burn what has nowhere to go.
    free = (buy == 0) & limited
    wasteful = wasteful | note(free, "energy costs nothing and export is limited, so burning it in a storage is free")
    if forbidden:
        costly = (sell < 0) & surplus
        wasteful = wasteful | note(costly, "export at {sell:g} costs money and nothing may be spilled")
        wasteful = wasteful | note(limited & surplus, "export is limited and nothing may be spilled")
    storage = np.zeros(instance.charge_limit_kwh.shape, dtype=bool)
    if lossy.any():
        storage |= wasteful[:, None] & lossy
    for s in np.flatnonzero(instance.initial_kwh > instance.capacity_kwh):
        # What is in the store beyond its capacity has to leave it, and there may be nobody who wants it.
        storage[:, s] = True
        reasons.append(f"{instance.storage[s]}: it begins with more than its capacity, and has to be rid of it")
    storage &= (instance.charge_limit_kwh > 0) & (instance.discharge_limit_kwh > 0)
    grid = note(sell > buy, "the selling price {sell:g} exceeds the buying price {buy:g}")
    return Premise(storage, grid, tuple(reasons) if storage.any() or grid.any() else ())
