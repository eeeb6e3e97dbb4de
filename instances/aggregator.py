"""Low-voltage feeders: the network that an aggregator's members are connected to.

Three phase conductors from a transformer to homes that are connected to one phase each. Impedances are 3×3 matrices a
line, so that whatever the neutral does is part of them. Everything above the first bus is its Thévenin equivalent.

Source: the question of Postnikov et al., *Aggregators as digital intermediaries to local electricity markets*, section
on the network; the data's form is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .errors import Fault
from .fields import Array, array, labels, readonly, refers, scalar
from .record import Record

PHASES = 3


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Feeder(Record):
    """A radial three-phase network with single-phase loads.

    Lines lead away from the source, which stands at the only bus that no line leads to.

    Parameters
    ----------
    bus : (B,) labels
        Where lines meet.
    line : (L,) labels
        Cables between two buses, L = B - 1.
    line_from, line_to : (L,) references to ``bus``
        The end nearer the source, and the other one.
    phase : (3,) labels
        Conductors.
    resistance_ohm, reactance_ohm : (L, 3, 3) arrays, ohm
        What a current in the third axis' phase drops in the second's; symmetric.
    rating_a : (L,) array, A
        Greatest current of each conductor.
    source_v : (3,) array, V
        Voltage of the source to neutral with nothing connected.
    source_angle_deg : (3,) array, degrees
        Its angle.
    source_resistance_ohm, source_reactance_ohm : (3, 3) arrays, ohm
        Impedance of the source, seen from the first bus: transformer and what lies above it.
    load : (n,) labels
        Connections, of one phase each.
    load_bus : (n,) references to ``bus``
        Where each is.
    load_phase : (n,) references to ``phase``
        Which conductor it has.
    lowest_v, highest_v : float, V
        Limits of the voltage at loads; by default 230 V - 6 % and + 10 %.
    """

    bus: Array = labels("bus {}")
    line: Array = labels("line {}", empty=True)
    line_from: Array = refers("bus", "line", empty=True)
    line_to: Array = refers("bus", "line", empty=True)
    phase: Array = labels("phase {}")
    resistance_ohm: Array = array("line", "phase", "current_phase", unit="ohm", empty=True)
    reactance_ohm: Array = array("line", "phase", "current_phase", unit="ohm", empty=True)
    rating_a: Array = array("line", unit="A", low=0.0, empty=True)
    source_v: Array = array("phase", unit="V", low=0.0)
    source_angle_deg: Array = array("phase", unit="degree")
    source_resistance_ohm: Array = array("phase", "current_phase", unit="ohm")
    source_reactance_ohm: Array = array("phase", "current_phase", unit="ohm")
    load: Array = labels("load {}")
    load_bus: Array = refers("bus", "load")
    load_phase: Array = refers("phase", "load")
    lowest_v: float = scalar(216.2, unit="V", low=0.0)
    highest_v: float = scalar(253.0, unit="V", low=0.0)

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: not three phases, no tree, no symmetry, limits the wrong way round."""
        if len(self.phase) != PHASES:
            found = str(len(self.phase))
            yield Fault("phase", "phase", "", found, "are not three phases", "leave unused conductors without loads")
        if self.lowest_v <= 0:
            message, remedy = "must be positive", "give a voltage at which loads still get their power"
            yield Fault("settings", "lowest_v", "", f"{self.lowest_v:g}", message, remedy)
        if self.highest_v <= self.lowest_v:
            message = f"is not above lowest_v, {self.lowest_v:g} V"
            yield Fault("settings", "highest_v", "", f"{self.highest_v:g}", message, "exchange the two")
        for p in np.flatnonzero(self.source_v <= 0):
            yield Fault("phase", "source_v", str(self.phase[p]), "0", "must be positive", "give the source's voltage")
        yield from self._faults_of_tree()
        yield from self._faults_of_symmetry()

    def _faults_of_tree(self) -> Iterator[Fault]:
        feeding = np.bincount(self.line_to, minlength=len(self.bus))
        remedy = "a feeder is a tree whose lines lead away from the source; turn lines round or leave some out"
        for b in np.flatnonzero(feeding > 1):
            lines = ", ".join(self.line[self.line_to == b])
            yield Fault("line", "line_to", str(self.bus[b]), lines, "is fed by several lines", remedy)
        roots = np.flatnonzero(feeding == 0)
        if len(roots) != 1:
            found = ", ".join(self.bus[roots[:5]])
            message = f"{len(roots)} buses have no line that leads to them; just the source's may have none"
            yield Fault("line", "line_to", "", found, message, remedy)
        elif (feeding <= 1).all() and len(_downwards(self.line_from, self.line_to, int(roots[0]))) < len(self.line):
            yield Fault("line", "line_to", "", "", "some lines form a ring without the source", remedy)

    def _faults_of_symmetry(self) -> Iterator[Fault]:
        for name in ("resistance_ohm", "reactance_ohm", "source_resistance_ohm", "source_reactance_ohm"):
            values = getattr(self, name)
            table, message = "phase_current_phase", "is not symmetric"
            if values.ndim == 2:
                wrong = [""] if not np.allclose(values, values.T, rtol=1e-9, atol=1e-12) else []
            else:
                table = "line_phase_current_phase"
                apart = np.abs(values - values.transpose(0, 2, 1)).max(axis=(1, 2), initial=0.0)
                size = np.abs(values).max(axis=(1, 2), initial=0.0)
                wrong = [str(self.line[k]) for k in np.flatnonzero(apart > 1e-9 * size + 1e-12)]
            for row in wrong:
                yield Fault(table, name, row, "", message, "give each pair of phases the same value both ways")

    @classmethod
    def radial(cls, n_loads: int, seed: int = 0) -> Feeder:
        """Generate a feeder of UK cables; see :func:`commonwatt.instances.sources.radial_feeder.radial_feeder`.

        Parameters
        ----------
        n_loads : int
            Connections, spread over phases and streets.
        seed : int
            Of the random tree.

        Returns
        -------
        Feeder
        """
        from .sources.radial_feeder import radial_feeder

        return radial_feeder(n_loads, seed=seed)

    @cached_property
    def source_bus(self) -> int:
        """Position of the bus of the source."""
        return int(np.flatnonzero(np.bincount(self.line_to, minlength=len(self.bus)) == 0)[0])

    @cached_property
    def lines_downwards(self) -> np.ndarray:
        """Positions of the lines, (L,), each after the line that feeds it."""
        return readonly(_downwards(self.line_from, self.line_to, self.source_bus))

    @cached_property
    def line_impedance_ohm(self) -> np.ndarray:
        """Impedance of each line, (L, 3, 3) complex ohm."""
        return readonly(self.resistance_ohm + 1j * self.reactance_ohm)

    @cached_property
    def source_impedance_ohm(self) -> np.ndarray:
        """Impedance of the source, (3, 3) complex ohm."""
        return readonly(self.source_resistance_ohm + 1j * self.source_reactance_ohm)

    @cached_property
    def source_voltage_v(self) -> np.ndarray:
        """Voltage of the source with nothing connected, (3,) complex V."""
        return readonly(self.source_v * np.exp(1j * np.deg2rad(self.source_angle_deg)))

    @cached_property
    def behind(self) -> np.ndarray:
        """Whether each load is fed through each line, (L, n) of bool."""
        behind = np.zeros((len(self.line), len(self.load)), bool)
        at_bus = self.load_bus == np.arange(len(self.bus))[:, None]
        for k in self.lines_downwards[::-1]:
            behind[k] = at_bus[self.line_to[k]]
            at_bus[self.line_from[k]] |= behind[k]
        return readonly(behind)

    @cached_property
    def conductor_feeds(self) -> np.ndarray:
        """Whether each load is fed through each conductor, (L, 3, n) of bool."""
        on_phase = self.load_phase == np.arange(PHASES)[:, None]
        return readonly(self.behind[:, None, :] & on_phase)

    @cached_property
    def impedance_ohm(self) -> np.ndarray:
        """Load-space impedance, (n, n) complex ohm: how much a current drawn by one load lowers another's voltage.

        The sum over the lines that both are fed through, and the source, of the entry for their two phases.
        """
        pair = self.load_phase[:, None], self.load_phase[None, :]
        total = self.source_impedance_ohm[pair]
        behind = self.behind.astype(float)
        for p in range(PHASES):
            for q in range(PHASES):
                here = np.ix_(self.load_phase == p, self.load_phase == q)
                shared = behind[:, self.load_phase == p].T @ (
                    self.line_impedance_ohm[:, p, q, None] * behind[:, self.load_phase == q]
                )
                total[here] += shared
        return readonly(total)

    @cached_property
    def open_voltage_v(self) -> np.ndarray:
        """Voltage of each load with nothing connected, (n,) complex V."""
        return readonly(self.source_voltage_v[self.load_phase])

    @cached_property
    def conductors(self) -> tuple[np.ndarray, np.ndarray]:
        """Conductors that may be overloaded: of all that feed the same loads, the one with the least rating.

        Returns
        -------
        position : (R, 2) array of int
            Line and phase of each.
        feeds : (R, n) array of float
            1 where it feeds a load.
        """
        position, feeds, seen = [], [], {}
        for k in np.argsort(self.rating_a, kind="stable"):
            for p in range(PHASES):
                fed = self.behind[k] & (self.load_phase == p)
                if fed.any() and fed.tobytes() not in seen:
                    seen[fed.tobytes()] = True
                    position.append((int(k), p))
                    feeds.append(fed.astype(float))
        shape = (len(position), len(self.load))
        return readonly(np.array(position, int).reshape(-1, 2)), readonly(np.array(feeds).reshape(shape))


def _downwards(line_from: np.ndarray, line_to: np.ndarray, root: int) -> np.ndarray:
    """Lines in the order in which they are met from the root; those that it does not reach are left out."""
    leaving: dict[int, list[int]] = {}
    for k, start in enumerate(line_from):
        leaving.setdefault(int(start), []).append(k)
    order: list[int] = []
    waiting = [root]
    while waiting:
        for k in leaving.get(waiting.pop(), ()):
            order.append(k)
            waiting.append(int(line_to[k]))
    return np.array(order, int)
