"""Stores and their net energies, checked and laid out once, to be solved against one pair of prices or many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...instances.errors import InfeasibleError
from .battery_rows import (
    INITIAL,
    LAST_MINIMUM,
    LIMIT,
    NUMBERS,
    ON_CHARGE,
    ON_DISCHARGE,
    RETENTION,
    TERMINAL_VALUE,
    solve_rows,
)
from .block_search import in_parallel
from .jit import njit
from .water_level import as_floats, raise_if_bad

LEAST_RETENTION = 1e-100
"""Below this, contents and prices of neighbouring intervals do not fit into the range of floats together."""

LARGEST = 1.7976931348623157e308

ROWS_AT_ONCE = 8
"""Stores a thread takes at once: a fixed number, so that the number of threads cannot show."""

NOTHING = np.empty((0, 0))
NO_HORIZON = np.empty((0, 0), np.int64)


@dataclass(frozen=True, eq=False)
class Fleet:
    """N stores and their net energies, checked and laid out once, to be solved against many prices.

    Arrays have two dimensions, with a single row where all stores share an entry, and a single column where all
    intervals do. ``numbers`` holds the columns named in :mod:`.battery_rows`.
    """

    net_kwh: np.ndarray
    capacity_kwh: np.ndarray
    minimum_kwh: np.ndarray
    charge_kw: np.ndarray
    discharge_kw: np.ndarray
    numbers: np.ndarray
    dt_h: float
    single: bool = False

    @classmethod
    def of(cls, net_kwh: ArrayLike, *, single: bool = False, dt_h: float = 1.0, **parameters: Any) -> Fleet:
        """Check and lay out the arguments of :func:`battery_schedules` (of :func:`battery_schedule` if ``single``)."""
        net = as_floats(net_kwh, "net_kwh")
        wanted = 1 if single else 2
        if net.ndim != wanted or 0 in net.shape:
            shape = "(T,)" if single else "(N, T)"
            raise ValueError(f"net_kwh must be of shape {shape} with nothing 0, not {net.shape}")
        raise_if_bad_sum(net, "net_kwh", below_zero=True)
        dt = float(dt_h)
        if not 0.0 < dt < np.inf:
            raise ValueError(f"dt_h = {dt!r} must be a finite number above 0")
        net = net.reshape(-1, net.shape[-1])
        stores, intervals = net.shape
        read = _Reader(stores, intervals, single)
        numbers = np.empty((stores, NUMBERS))
        terminal = parameters.pop("terminal_kwh")
        numbers[:, LAST_MINIMUM] = 0.0 if terminal is None else read.single_number(terminal, "terminal_kwh")
        for name, column in (("charge_efficiency", ON_CHARGE), ("discharge_efficiency", ON_DISCHARGE)):
            numbers[:, column] = read.share(parameters.pop(name), name)
        numbers[:, RETENTION] = read.share(parameters.pop("retention"), "retention", LEAST_RETENTION)
        numbers[:, INITIAL] = read.single_number(parameters.pop("initial_kwh"), "initial_kwh")
        value = parameters.pop("terminal_value")
        numbers[:, TERMINAL_VALUE] = read.single_number(value, "terminal_value", below_zero=True)
        states, powers = intervals + 1, intervals
        return cls(
            net,
            read.table(parameters.pop("capacity_kwh"), "capacity_kwh", states),
            read.table(parameters.pop("minimum_kwh"), "minimum_kwh", states),
            read.table(parameters.pop("charge_kw"), "charge_kw", powers),
            read.table(parameters.pop("discharge_kw"), "discharge_kw", powers),
            numbers,
            dt,
            single,
        )

    def prices(self, values: ArrayLike, name: str) -> np.ndarray:
        """Return prices of shape (T,) or (N, T) as a table of one or N rows."""
        array = as_floats(values, name)
        stores, intervals = self.net_kwh.shape
        if array.shape != (intervals,) and (self.single or array.shape != (stores, intervals)):
            shapes = f"({intervals},)" if self.single else f"({intervals},) or ({stores}, {intervals})"
            raise ValueError(f"{name} must be of shape {shapes}, not {array.shape}")
        return array.reshape(-1, intervals)

    def solve(
        self,
        buy_price: ArrayLike,
        sell_price: ArrayLike,
        *,
        grid_kwh: np.ndarray,
        cost: np.ndarray,
        gap: np.ndarray,
        battery_kwh: np.ndarray = NOTHING,
        soc_kwh: np.ndarray = NOTHING,
        water_value: np.ndarray = NOTHING,
        forecast_horizon: np.ndarray = NO_HORIZON,
        limit: int = LIMIT,
    ) -> None:
        """Solve all stores against prices, into arrays that are given: contiguous, float64, of all N rows.

        This is the fast way for decompositions, which ask for many prices and need the net schedules only: nothing
        is made for a store but some scratch of its thread. Arrays left out are not formed.

        Parameters
        ----------
        buy_price, sell_price : array_like, shape (T,) or (N, T)
            Prices (currency per kWh), 0 <= sell <= buy.
        grid_kwh : numpy.ndarray, shape (N, T)
            Receives the net energy from the grid, positive on import.
        cost, gap : numpy.ndarray, shape (N,)
            Receive the costs and their distances from the dual bound.
        battery_kwh, water_value, forecast_horizon : numpy.ndarray, shape (N, T), optional
            Receive what :class:`BatterySchedules` describes.
        soc_kwh : numpy.ndarray, shape (N, T + 1), optional
            Receives the contents.
        limit : int
            Pieces kept sorted; with more of them live a heap takes over.

        Raises
        ------
        ValueError
            For shapes that do not fit and unless 0 <= sell <= buy, naming the interval.
        InfeasibleError
            Where a store's bounds cannot be kept.
        """
        buy, sell = self.prices(buy_price, "buy_price"), self.prices(sell_price, "sell_price")
        raise_if_bad_prices(buy, sell, self.single)
        stores, intervals = self.net_kwh.shape
        outputs = (grid_kwh, battery_kwh, soc_kwh, water_value, forecast_horizon)
        for array, columns in zip(outputs, (0, 0, 1, 0, 0), strict=True):
            optional = array is not grid_kwh and not array.size
            if not optional and (array.shape != (stores, intervals + columns) or not array.flags.carray):
                raise ValueError(f"an output array of shape {array.shape} does not fit, or is not contiguous")
        if cost.shape != (stores,) or gap.shape != (stores,):
            raise ValueError(f"cost and gap must be of shape ({stores},)")
        stuck, reached = np.empty(stores, np.int64), np.empty((stores, 2))
        data = (self.capacity_kwh, self.minimum_kwh, self.charge_kw, self.discharge_kw, self.numbers, self.dt_h, limit)

        def solve(first: int, last: int) -> None:
            rows = first * ROWS_AT_ONCE, min(stores, last * ROWS_AT_ONCE)
            solve_rows(self.net_kwh, buy, sell, *data, *rows, *outputs, cost, gap, stuck, reached)

        groups = -(-stores // ROWS_AT_ONCE)
        if groups == 1:
            solve(0, 1)
        else:
            in_parallel(solve, groups)
        if (stuck >= 0).any():
            raise InfeasibleError(self.why_infeasible(stuck, reached))

    def why_infeasible(self, stuck: np.ndarray, reached: np.ndarray) -> str:
        """Say which interval of which store cannot be passed, and what would mend it."""
        rows = np.flatnonzero(stuck >= 0)
        row = int(rows[0])
        t = int(stuck[row])
        low = float(
            self.minimum_kwh[min(row, len(self.minimum_kwh) - 1), t + 1 if self.minimum_kwh.shape[1] > 1 else 0]
        )
        high = float(
            self.capacity_kwh[min(row, len(self.capacity_kwh) - 1), t + 1 if self.capacity_kwh.shape[1] > 1 else 0]
        )
        name = "minimum_kwh"
        if t == self.net_kwh.shape[1] - 1 and self.numbers[row, LAST_MINIMUM] > low:
            low, name = float(self.numbers[row, LAST_MINIMUM]), "terminal_kwh"
        least, most = max(0.0, float(reached[row, 0])), float(reached[row, 1])
        where = f"interval {t}" if self.single else f"household {row}, interval {t}"
        text = (
            f"{where}: after it the store can hold {least:.12g} to {most:.12g} kWh, "
            f"but must hold {low:.12g} to {high:.12g} kWh (state {t + 1}); "
        )
        if low > high:
            text += (
                f"no content satisfies {name} = {low:.12g} > capacity_kwh = {high:.12g}: lower one or raise the other"
            )
        elif most < low:
            text += f"raise charge_kw before it or initial_kwh, or lower {name} to at most {most:.12g} kWh"
        else:
            text += (
                f"raise discharge_kw before it, lower initial_kwh, or raise capacity_kwh to at least {least:.12g} kWh"
            )
        others = len(rows) - 1
        return text + (f" ({others} more households are infeasible)" if others else "")


class _Reader:
    """Reads the parameters of a number of stores over a number of intervals."""

    def __init__(self, stores: int, intervals: int, single: bool) -> None:
        self.stores = stores
        self.single = single

    def single_number(self, values: ArrayLike, name: str, *, below_zero: bool = False) -> np.ndarray:
        """Return one number for all stores or one a store."""
        array = as_floats(values, name)
        if array.ndim and (self.single or array.shape != (self.stores,)):
            raise ValueError(f"{name} must be a number{self._or()}, not of shape {array.shape}")
        raise_if_bad(array, name, below_zero=below_zero)
        return array

    def share(self, values: ArrayLike, name: str, least: float = 0.0) -> np.ndarray:
        """Return numbers above ``least`` and not above 1."""
        array = self.single_number(values, name)
        bad = ~((array > least) & (array <= 1.0))
        if bad.any():
            place = tuple(int(i) for i in np.argwhere(bad)[0])
            where = f"[{place[0]}]" if place else ""
            raise ValueError(f"{name}{where} = {float(array[place])!r} must lie above {least:g} and not above 1")
        return array

    def table(self, values: ArrayLike, name: str, columns: int) -> np.ndarray:
        """Return numbers as a table of one or N rows and one column or all."""
        array = as_floats(values, name)
        raise_if_bad(array, name)
        if array.ndim == 0:
            return array.reshape(1, 1)
        if self.single:
            if array.shape == (columns,):
                return array.reshape(1, columns)
            raise ValueError(f"{name} must be a number or of shape ({columns},), not {array.shape}")
        if array.shape == (self.stores,):
            return array.reshape(-1, 1)
        if array.shape in ((1, columns), (self.stores, columns)):
            return array
        shapes = f"({self.stores},), ({self.stores}, {columns}) or (1, {columns})"
        raise ValueError(f"{name} must be a number or of shape {shapes}, not {array.shape}")

    def _or(self) -> str:
        return "" if self.single else f" or of shape ({self.stores},)"


def raise_if_bad_sum(values: np.ndarray, name: str, *, below_zero: bool) -> None:
    """Do as :func:`raise_if_bad`, but look closely only where the sum is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        sound = np.isfinite(values.sum())
    if not sound:
        raise_if_bad(values, name, below_zero=below_zero)


@njit(error_model="numpy", nogil=True)
def count_bad_prices(buy: np.ndarray, sell: np.ndarray) -> int:
    """Return how many pairs are not 0 <= sell <= buy and finite."""
    bad = 0
    for i in range(buy.size):
        bad += 0 if (sell[i] >= 0.0) & (sell[i] <= buy[i]) & (buy[i] <= LARGEST) else 1
    return bad


def raise_if_bad_prices(buy: np.ndarray, sell: np.ndarray, single: bool) -> None:
    """Raise ValueError naming the first interval whose prices are not 0 <= sell <= buy."""
    for row in range(max(len(buy), len(sell))):
        dear, cheap = buy[min(row, len(buy) - 1)], sell[min(row, len(sell) - 1)]
        if count_bad_prices(dear, cheap):
            t = int(np.argmin((cheap >= 0.0) & (cheap <= dear) & (dear <= LARGEST)))
            where = f"interval {t}" if single or len(buy) == len(sell) == 1 else f"household {row}, interval {t}"
            raise ValueError(
                f"{where}: sell_price {float(cheap[t])!r} and buy_price {float(dear[t])!r} must be finite "
                "with 0 <= sell_price <= buy_price"
            )
