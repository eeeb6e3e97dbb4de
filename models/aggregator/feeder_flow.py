"""Load flow by sweeping the tree, and what it breaks: rules that know neither impedance matrix nor program.

Currents are added up from the ends of the feeder to its source, voltages are lowered from the source to the ends, until
neither changes: the backward-forward sweep of radial networks, on three phases whose currents drop each other's
voltages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...instances.aggregator import PHASES, Feeder
from ...instances.errors import NoFlowError
from ..problem import Violation

SWEEPS = 500
"""More than any network needs that has a solution: each sweep gains a digit or so even near the limit."""

SETTLED_V = 1e-9
"""Greatest change of a voltage in the last sweep, V."""


@dataclass(frozen=True)
class Flow:
    """Voltages and currents of a feeder.

    Parameters
    ----------
    bus_voltage_v : (S, B, 3) complex array, V
        To neutral, of each phase of each bus.
    line_current_a : (S, L, 3) complex array, A
        Along each line, away from the source.
    load_voltage_v : (S, n) complex array, V
        At each load.
    """

    bus_voltage_v: np.ndarray
    line_current_a: np.ndarray
    load_voltage_v: np.ndarray


def sweep(feeder: Feeder, net_load_kw: np.ndarray, net_load_kvar: np.ndarray | None = None) -> Flow:
    """Voltages at which every load gets its power.

    Parameters
    ----------
    feeder : Feeder
        The network.
    net_load_kw, net_load_kvar : (S, n) arrays, kW and kvar
        Drawn by each load; export is negative. No reactive power unless given.

    Returns
    -------
    Flow

    Raises
    ------
    NoFlowError
        If the sweeps do not settle: no voltages were found at which all loads get their power.
    """
    drawn_kw = np.atleast_2d(np.asarray(net_load_kw, float))
    power = 1e3 * (drawn_kw + 1j * (0.0 if net_load_kvar is None else np.asarray(net_load_kvar, float)))
    samples, buses = len(power), len(feeder.bus)
    open_bus = np.broadcast_to(feeder.source_voltage_v, (samples, buses, PHASES))
    voltage = open_bus.copy()
    order = feeder.lines_downwards
    for _ in range(SWEEPS):
        at_load = voltage[:, feeder.load_bus, feeder.load_phase]
        gathered = np.zeros((buses * PHASES, samples), complex)
        with np.errstate(all="ignore"):
            np.add.at(gathered, feeder.load_bus * PHASES + feeder.load_phase, np.conj(power / at_load).T)
        drawn = gathered.T.reshape(samples, buses, PHASES).copy()
        for k in order[::-1]:
            drawn[:, feeder.line_from[k]] += drawn[:, feeder.line_to[k]]
        new = np.empty_like(voltage)
        root = feeder.source_bus
        new[:, root] = feeder.source_voltage_v - drawn[:, root] @ feeder.source_impedance_ohm.T
        for k in order:
            drop = drawn[:, feeder.line_to[k]] @ feeder.line_impedance_ohm[k].T
            new[:, feeder.line_to[k]] = new[:, feeder.line_from[k]] - drop
        moved = np.abs(new - voltage).max(axis=(1, 2))
        voltage = new
        if not np.isfinite(moved).all():
            break
        if moved.max(initial=0.0) <= SETTLED_V:
            current = drawn[:, feeder.line_to]
            return Flow(voltage, current, voltage[:, feeder.load_bus, feeder.load_phase])
    s = int(np.argmax(np.where(np.isfinite(moved), moved, np.inf)))
    raise NoFlowError(s, float(drawn_kw[s].sum()))


def feeder_violations(feeder: Feeder, flow: Flow, rows: np.ndarray, tolerance: float = 1e-6) -> list[Violation]:
    """Loads whose voltage, and conductors whose current, is out of its limits.

    Parameters
    ----------
    feeder : Feeder
        The network.
    flow : Flow
        What flows, in S samples.
    rows : (S,) labels
        Names of the samples.
    tolerance : float
        Relative to the limit.

    Returns
    -------
    list of Violation
    """
    found: list[Violation] = []
    size = np.abs(flow.load_voltage_v)
    for wrong, rule, limit in (
        (size < feeder.lowest_v * (1 - tolerance), "voltage too low", feeder.lowest_v),
        (size > feeder.highest_v * (1 + tolerance), "voltage too high", feeder.highest_v),
    ):
        for s, i in np.argwhere(wrong):
            found.append(Violation(rule, f"{rows[s]}, {feeder.load[i]}", float(size[s, i]), limit, "V"))
    current = np.abs(flow.line_current_a)
    for s, k, p in np.argwhere(current > feeder.rating_a[:, None] * (1 + tolerance)):
        where = f"{rows[s]}, {feeder.line[k]}, {feeder.phase[p]}"
        limit = float(feeder.rating_a[k])
        found.append(Violation("current above rating", where, float(current[s, k, p]), limit, "A"))
    return found
