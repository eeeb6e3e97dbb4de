"""The quickest engine of the sliding horizon: one compiled program whose intervals lie in a ring of slots."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..instances.errors import NotApplicable
from ..models.scheduling.window_program import build_window, curtailment_tiers, why_not_a_ring
from .compiled import compile_program
from .rolling_horizon import Horizon, State
from .rolling_windows import Plan
from .schedules import in_proportion
from .status import Status


class Ring:
    """Plans windows by :func:`~commonwatt.models.scheduling.window_program.build_window`, compiled once.

    Parameters
    ----------
    horizon : Horizon
        The whole problem.

    Raises
    ------
    NotApplicable
        Where the ring does not state the whole problem, with the first reason.
    """

    name = "ring"

    def __init__(self, horizon: Horizon) -> None:
        given = horizon.instance
        for reason in why_not_a_ring(given):
            raise NotApplicable(reason)
        self.horizon = horizon
        self.program = compile_program(build_window(given, horizon.window))
        self._slots = horizon.window + 1
        self._p = self.program.vector()
        self._tiers = curtailment_tiers(given)
        self._storages = len(given.storage)
        # All parameters but the peak so far have the slot as their last index, so that a column is one interval.
        self._peaking = "peak_so_far" in self.program.parameters
        self._table = self._p[: len(self._p) - self._peaking].reshape(-1, self._slots)
        self._row: dict[str, slice] = {
            name: slice(one.where.start // self._slots, one.where.stop // self._slots)
            for name, one in self.program.parameters.items()
            if name != "peak_so_far"
        }
        self._feed = self._perfect()
        still = ("buy", "sell", "import_limit", "export_limit", "loose", "low", "high")
        quiet = [np.r_[rows] for name, rows in self._row.items() if name not in still]
        self._quiet = np.concatenate(quiet)
        # Forecasts and failures change all of a window; else only its two ends change.
        self._moves = not horizon.forecaster.exact or (horizon.fails and not horizon.foresee)
        self._next: int | None = None
        variables = self.program.variables
        self._content = variables["content"].where
        self._found = [
            name
            for name in ("spilled", "lost", "curtailed")
            if variables[name].where.stop > variables[name].where.start
        ]

    def _perfect(self) -> np.ndarray:
        """Parameters of each interval as it will be, and of idle ones after the last, (T + H, width)."""
        given, horizon = self.horizon.instance, self.horizon
        feed = np.zeros((horizon.intervals + horizon.window, len(self._table)))
        self._feed = feed
        live = feed[: horizon.intervals]
        self._put(live, "low", horizon.least_kwh[1:])
        self._put(live, "high", given.state_high_kwh[1:])
        self._put(live, "charge_limit", given.charge_limit_kwh)
        self._put(live, "discharge_limit", given.discharge_limit_kwh)
        self._put(live, "trip", given.driven_kwh)
        live[-1, self._row["worth"]] = given.terminal_value
        if given.target_kwh is not None:
            self._put(live, "target", given.target_kwh[1:, given.target_price > 0])
        self._put(live, "buy", given.buy_price[:, None])
        self._put(live, "sell", given.sell_price[:, None])
        self._put_energies(live, 0, given.load_kwh, given.generation_kwh)
        connected = None if given.connected is None else given.connected > 0
        self._put_limits(live, given.import_limit_kwh, given.export_limit_kwh, connected)
        feed[horizon.intervals :, self._row["loose"]] = feed[horizon.intervals :, self._row["high"]] = np.inf
        return feed

    def _put(self, rows: np.ndarray, name: str, values: np.ndarray) -> None:
        where = self._row[name]
        if where.stop > where.start:
            rows[:, where] = values

    def _put_energies(self, rows: np.ndarray, first: int, load: np.ndarray, generation: np.ndarray) -> None:
        """What follows from load and generation (k, n), as they are or as they are forecast."""
        given = self.horizon.instance
        shed = self.horizon.sheddable_kwh(first, load)
        self._put(rows, "net", (load - generation).sum(axis=1, keepdims=True))
        self._put(rows, "spillable", generation.sum(axis=1, keepdims=True))
        self._put(rows, "losable", (load - shed).sum(axis=1, keepdims=True))
        for j, price in enumerate(self._tiers):
            rows[:, self._row["sheddable"].start + j] = shed[:, given.curtailment_price == price].sum(axis=1)

    def _put_limits(self, rows: np.ndarray, most: np.ndarray, least: np.ndarray, connected: np.ndarray | None) -> None:
        """Limits of the connection; a single member's own is part of it."""
        given = self.horizon.instance
        for name, limit, own in (
            ("import_limit", most, given.member_import_kw),
            ("export_limit", least, given.member_export_kw),
        ):
            if len(given.member) == 1 and own is not None:
                limit = np.minimum(limit, own[0] * given.dt_h)
            if connected is not None:
                limit = np.where(connected.all(axis=1), limit, 0.0)
            self._put(rows, name, limit[:, None])

    def restart(self) -> None:
        """Forget everything, so that what follows depends on the state handed over alone."""
        self.program.restart()
        self._next = None

    def plan(self, state: State, number: int) -> Plan:
        """Plan one window.

        Parameters
        ----------
        state : State
            Where it begins.
        number : int
            Of the window.

        Returns
        -------
        Plan

        Raises
        ------
        InfeasibleError
            If there is none.
        """
        horizon, first, slots, table = self.horizon, state.interval, self._slots, self._table
        length = min(horizon.window, horizon.intervals - first)
        if self._moves or self._next != first:
            self._lay_out(first, length, number)
        else:
            # The slots of what was carried out get what comes into sight.
            for h in range(first + horizon.window - horizon.step, first + horizon.window):
                table[:, h % slots] = self._feed[h]
        self._next = first + horizon.step
        past = (first - 1) % slots
        # Prices and limits of exchange stay what they were: what costs something and is of no use does not happen.
        table[self._quiet, past] = 0.0
        table[self._row["loose"], past] = np.inf
        table[self._row["low"], past] = table[self._row["high"], past] = state.content_kwh
        if horizon.worth:
            table[self._row["worth"]] = 0.0
            buy = table[self._row["buy"].start, np.arange(first, first + length) % slots]
            table[self._row["worth"], (first + length - 1) % slots] = horizon.worth_at(first + length, buy)
        if self._peaking:
            self._p[-1] = state.peak_kwh / horizon.instance.dt_h
        self.program.push_vector(self._p)
        found = self.program.solve()
        taken = min(horizon.step, length)
        at = first % slots if taken == 1 else np.arange(first, first + taken) % slots
        content = found.primal[self._content].reshape(self._storages, slots)[:, at].T.reshape(taken, self._storages)
        more: dict[str, Any] = {f"{name}_kwh": self._shared(name, found.primal, first, taken) for name in self._found}
        worst = found.certificate.worst if found.certificate is not None else np.nan
        status = "optimal" if found.status is Status.OPTIMAL else str(found.status)
        return Plan(content, found.objective, worst, status, iterations=found.iterations, cold=found.cold, **more)

    def _lay_out(self, first: int, length: int, number: int) -> None:
        """All slots of a window."""
        horizon = self.horizon
        rows = self._feed[first : first + horizon.window].copy()
        if self._moves:
            live = rows[:length]
            self._put_energies(live, first, *horizon.forecaster.energies(first, length, number))
            buy, sell = horizon.forecaster.tariff(first, length)
            self._put(live, "buy", buy[:, None])
            self._put(live, "sell", sell[:, None])
            connected = horizon.connected(first, length)
            limits = horizon.import_limit_kwh(first, length), horizon.export_limit_kwh(first, length)
            self._put_limits(live, *limits, None if connected is None else connected > 0)
        # Nothing of windows before may stay in the past's slot either.
        self._table[:] = 0.0
        self._table[:, np.arange(first, first + horizon.window) % self._slots] = rows.T

    def _shared(self, name: str, primal: np.ndarray, first: int, taken: int) -> np.ndarray:
        """What the pool decides, shared among members in proportion to what each could give up, (taken, n)."""
        given = self.horizon.instance
        part = slice(first, first + taken)
        at = np.arange(first, first + taken) % self._slots
        pooled = np.maximum(primal[self.program.variables[name].where], 0.0).reshape(-1, self._slots)[:, at]
        if name != "curtailed":
            room = given.spillable_kwh[part] if name == "spilled" else given.losable_kwh[part]
            return in_proportion(pooled[0], room)
        found = np.zeros((taken, len(given.member)))
        for j, price in enumerate(self._tiers):
            where = given.curtailment_price == price
            found[:, where] = in_proportion(pooled[j], given.sheddable_kwh[part][:, where])
        return found
