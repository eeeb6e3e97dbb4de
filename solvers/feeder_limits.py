"""Limits of a feeder in the space of its loads, by how much load flows break them, and their tangents."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..instances.aggregator import Feeder
from ..instances.errors import NoFlowError
from .kernels.load_flow import Sensitivity, conductor_currents, power_flow


@dataclass(frozen=True)
class Limits:
    """All limits of a feeder, in the order low voltages, high voltages, currents.

    Parameters
    ----------
    feeder : Feeder
        The network.
    value : (m,) array, V and A
        Greatest that each may reach; low voltages count negative.
    """

    feeder: Feeder
    value: np.ndarray

    @classmethod
    def of_feeder(cls, feeder: Feeder) -> Limits:
        """Limits of a feeder."""
        n = len(feeder.load)
        rating = feeder.rating_a[feeder.conductors[0][:, 0]]
        return cls(feeder, np.concatenate([np.full(n, -feeder.lowest_v), np.full(n, feeder.highest_v), rating]))

    @property
    def size(self) -> np.ndarray:
        """What excesses are relative to, (m,) V and A: of a conductor without a rating any current is too much."""
        return np.maximum(np.abs(self.value), 1e-3)

    def excess(self, state: Sensitivity) -> np.ndarray:
        """By how much each is broken, negative where it is kept, (m,) relative to the limit."""
        return self._relative(np.abs(state.voltage_v), np.abs(state.current_a))

    def excesses(self, net_load_kw: np.ndarray, net_load_kvar: np.ndarray | None = None) -> np.ndarray:
        """The same for many samples, by load flows of all of them.

        Parameters
        ----------
        net_load_kw, net_load_kvar : (S, n) arrays, kW and kvar
            What loads draw.

        Returns
        -------
        (S, m) array

        Raises
        ------
        InfeasibleError
            If a sample has no flow.
        """
        voltage = power_flow(self.feeder, net_load_kw, net_load_kvar)
        current = conductor_currents(self.feeder, voltage, net_load_kw, net_load_kvar)
        return self._relative(np.abs(voltage), np.abs(current))

    def excesses_or_nan(self, net_load_kw: np.ndarray, net_load_kvar: np.ndarray | None = None) -> np.ndarray:
        """As :meth:`excesses`, (S, m), with NaN in the rows of samples that have no flow."""
        try:
            return self.excesses(net_load_kw, net_load_kvar)
        except NoFlowError:
            if len(net_load_kw) == 1:
                return np.full((1, len(self.value)), np.nan)
        half = len(net_load_kw) // 2
        parts = (slice(None, half), slice(half, None))
        return np.concatenate(
            [
                self.excesses_or_nan(net_load_kw[part], None if net_load_kvar is None else net_load_kvar[part])
                for part in parts
            ]
        )

    def _relative(self, voltage: np.ndarray, current: np.ndarray) -> np.ndarray:
        reached = np.concatenate([-voltage, voltage, current], axis=-1)
        return np.asarray((reached - self.value) / self.size)

    def tangent(self, state: Sensitivity, net_load_kw: np.ndarray, which: int) -> tuple[np.ndarray, float]:
        """Tangent of one at net loads (n,), as a row (n,) of net loads and its greatest value, V or A."""
        n = len(state.voltage_v)
        if which < 2 * n:
            sign = -1.0 if which < n else 1.0
            reached, row = sign * abs(state.voltage_v[which % n]), sign * state.voltage_v_per_kw[which % n]
        else:
            reached, row = abs(state.current_a[which - 2 * n]), state.current_a_per_kw[which - 2 * n]
        return row, float(self.value[which] - reached + row @ net_load_kw)


@dataclass
class Tangents:
    """Tangents of limits in one or several samples, in rows of net loads.

    Parameters
    ----------
    sample, which : list of int
        Sample and limit of each.
    row : list of (n,) arrays, V/kW or A/kW
        How it answers net loads.
    most : list of float
        Its greatest value, V or A.
    """

    sample: list[int] = field(default_factory=list)
    which: list[int] = field(default_factory=list)
    row: list[np.ndarray] = field(default_factory=list)
    most: list[float] = field(default_factory=list)

    def add(
        self, limits: Limits, state: Sensitivity, net_load_kw: np.ndarray, chosen: np.ndarray, sample: int = 0
    ) -> None:
        """Add tangents of chosen limits, whole numbers, at net loads (n,) of a sample."""
        for which in map(int, chosen):
            row, most = limits.tangent(state, net_load_kw, which)
            self.sample.append(sample)
            self.which.append(which)
            self.row.append(row)
            self.most.append(most)

    def drop(self, chosen: np.ndarray) -> None:
        """Take out all tangents of chosen samples and limits, (S, m) of bool."""
        kept = [k for k, at in enumerate(zip(self.sample, self.which, strict=True)) if not chosen[at]]
        self.sample, self.which = [self.sample[k] for k in kept], [self.which[k] for k in kept]
        self.row, self.most = [self.row[k] for k in kept], [self.most[k] for k in kept]
