r"""Optimal power flow of one sample, declared in Pyomo in currents and voltages.

Laws of Kirchhoff on three phases, line by line and bus by bus; nothing of the impedance matrix in the space of loads by
which :mod:`commonwatt.solvers.kernels.load_flow` computes is used. Each phase is turned by the angle of its source,
voltages are in units of 230 V and currents in units of 1 kVA/230 V, so that products are kW.

==========================================  ==================================  =========================
what                                        in words                            in the model
==========================================  ==================================  =========================
:math:`I_j`                                 current of a load                   ``load_x``, ``load_y``
:math:`I_{\ell p}`                          current of a conductor              ``line_x``, ``line_y``
:math:`V_{bp}`                              voltage of a bus                    ``bus_x``, ``bus_y``
==========================================  ==================================  =========================

What a load draws, :math:`V_j I_j^* = P_j + \mathrm{i} Q_j`, and the lower limit of voltages are not convex: the
program is for a solver that proves global optima. Voltages of feasible points are at least the lower limit, so that
currents are at most :math:`|S_j|/V^{min}` and voltages no further from those without load than these can push them:
bounds that follow from the data, not from experience.

Source: ours; currents and voltages as variables as in O'Neill, Castillo, Cain, *The IV Formulation and Linear
Approximations of the AC Optimal Power Flow Problem* (FERC, 2012).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...instances.aggregator import PHASES, Feeder

UNIT_V = 230.0
UNIT_A = 1e3 / UNIT_V

ROOM = 1.0 + 1e-6
"""Bounds that follow from the data are put a little outside, so that no rounding makes them bind."""


def greatest_move_v(feeder: Feeder, greatest_kva: np.ndarray) -> np.ndarray:
    """How far each bus' voltages can be from those without load in a feasible point, (B, 3) V.

    Parameters
    ----------
    feeder : Feeder
        The network.
    greatest_kva : (n,) array, kVA
        Greatest apparent power of each load.
    """
    current = 1e3 * greatest_kva / feeder.lowest_v
    on_line = feeder.conductor_feeds @ current
    all_loads = np.bincount(feeder.load_phase, weights=current, minlength=PHASES)
    move = np.empty((len(feeder.bus), PHASES))
    move[feeder.source_bus] = np.abs(feeder.source_impedance_ohm) @ all_loads
    for k in feeder.lines_downwards:
        drop = np.abs(feeder.line_impedance_ohm[k]) @ on_line[k]
        move[feeder.line_to[k]] = move[feeder.line_from[k]] + drop
    return move


def declare_flow(
    model: Any,
    feeder: Feeder,
    drawn_kw: Callable[[int], Any],
    drawn_kvar: np.ndarray,
    greatest_kva: np.ndarray,
) -> None:
    """Declare a load flow within the limits of a feeder.

    Parameters
    ----------
    model : pyomo model or block
        To which sets, variables and constraints are added.
    feeder : Feeder
        The network.
    drawn_kw : callable
        From the position of a load to what it draws, kW, an expression of other variables of the model.
    drawn_kvar : (n,) array, kvar
        Reactive power of each load.
    greatest_kva : (n,) array, kVA
        Greatest apparent power of each load, whatever the other variables are.
    """
    import pyomo.environ as pyo

    model.connection, model.phase = pyo.RangeSet(0, len(feeder.load) - 1), pyo.RangeSet(0, PHASES - 1)
    model.line, model.bus = pyo.RangeSet(0, len(feeder.line) - 1), pyo.RangeSet(0, len(feeder.bus) - 1)
    current_a = 1e3 * greatest_kva / feeder.lowest_v
    most = ROOM * current_a / UNIT_A

    def of_load(m: Any, j: int) -> tuple[float, float]:
        return -float(most[j]), float(most[j])

    model.load_x, model.load_y = pyo.Var(model.connection, bounds=of_load), pyo.Var(model.connection, bounds=of_load)
    model.line_x, model.line_y = pyo.Var(model.line, model.phase), pyo.Var(model.line, model.phase)
    move_v = ROOM * greatest_move_v(feeder, greatest_kva)
    move, opened = move_v / UNIT_V, np.abs(feeder.source_voltage_v) / UNIT_V

    def along(m: Any, b: int, p: int) -> tuple[float, float]:
        return float(opened[p] - move[b, p]), float(opened[p] + move[b, p])

    def across(m: Any, b: int, p: int) -> tuple[float, float]:
        return -float(move[b, p]), float(move[b, p])

    model.bus_x = pyo.Var(model.bus, model.phase, bounds=along)
    model.bus_y = pyo.Var(model.bus, model.phase, bounds=across)
    _declare_kirchhoff(model, feeder)
    _declare_power(model, feeder, drawn_kw, drawn_kvar)
    _declare_limits(model, feeder, current_a, move_v)


def _turned(feeder: Feeder, impedance_ohm: np.ndarray) -> np.ndarray:
    """An impedance (…, 3, 3) between phases that are each turned by the angle of the source, in units."""
    angle = np.exp(1j * np.deg2rad(feeder.source_angle_deg))
    return np.asarray(impedance_ohm * (angle[None, :] / angle[:, None]) * (UNIT_A / UNIT_V))


def _declare_kirchhoff(model: Any, feeder: Feeder) -> None:
    import pyomo.environ as pyo

    below: dict[int, list[int]] = {}
    for k in range(len(feeder.line)):
        below.setdefault(int(feeder.line_from[k]), []).append(k)
    at: dict[tuple[int, int], list[int]] = {}
    for j in range(len(feeder.load)):
        at.setdefault((int(feeder.load_bus[j]), int(feeder.load_phase[j])), []).append(j)

    def out_of(m: Any, b: int, p: int, axis: str) -> Any:
        of_line, of_load = getattr(m, f"line_{axis}"), getattr(m, f"load_{axis}")
        return sum(of_line[k, p] for k in below.get(b, ())) + sum(of_load[j] for j in at.get((b, p), ()))

    # What comes along a line goes on along others or into loads.
    def current_law(m: Any, k: int, p: int, axis: str) -> Any:
        return getattr(m, f"line_{axis}")[k, p] == out_of(m, int(feeder.line_to[k]), p, axis)

    model.current_law_x = pyo.Constraint(model.line, model.phase, rule=lambda m, k, p: current_law(m, k, p, "x"))
    model.current_law_y = pyo.Constraint(model.line, model.phase, rule=lambda m, k, p: current_law(m, k, p, "y"))
    lines, source = _turned(feeder, feeder.line_impedance_ohm), _turned(feeder, feeder.source_impedance_ohm)
    opened = np.abs(feeder.source_voltage_v) / UNIT_V

    def drop(z: np.ndarray, p: int, currents: list[tuple[Any, Any]], axis: str) -> Any:
        parts = ((float(z[p, q].real), float(z[p, q].imag), *currents[q]) for q in range(PHASES))
        return sum(r * x - i * y if axis == "x" else i * x + r * y for r, i, x, y in parts)

    # Along a line, currents of all phases lower the voltage of each.
    def voltage_law(m: Any, k: int, p: int, axis: str) -> Any:
        currents = [(m.line_x[k, q], m.line_y[k, q]) for q in range(PHASES)]
        voltage = getattr(m, f"bus_{axis}")
        ends = voltage[int(feeder.line_from[k]), p], voltage[int(feeder.line_to[k]), p]
        return ends[1] == ends[0] - drop(lines[k], p, currents, axis)

    model.voltage_law_x = pyo.Constraint(model.line, model.phase, rule=lambda m, k, p: voltage_law(m, k, p, "x"))
    model.voltage_law_y = pyo.Constraint(model.line, model.phase, rule=lambda m, k, p: voltage_law(m, k, p, "y"))

    # The source gives way to what leaves its bus.
    def source_law(m: Any, p: int, axis: str) -> Any:
        root = feeder.source_bus
        currents = [(out_of(m, root, q, "x"), out_of(m, root, q, "y")) for q in range(PHASES)]
        open_v = float(opened[p]) if axis == "x" else 0.0
        return getattr(m, f"bus_{axis}")[root, p] == open_v - drop(source, p, currents, axis)

    model.source_law_x = pyo.Constraint(model.phase, rule=lambda m, p: source_law(m, p, "x"))
    model.source_law_y = pyo.Constraint(model.phase, rule=lambda m, p: source_law(m, p, "y"))


def _declare_power(model: Any, feeder: Feeder, drawn_kw: Callable[[int], Any], drawn_kvar: np.ndarray) -> None:
    import pyomo.environ as pyo

    # A load draws its power at whatever voltage it gets.
    def active(m: Any, j: int) -> Any:
        at = int(feeder.load_bus[j]), int(feeder.load_phase[j])
        return m.bus_x[at] * m.load_x[j] + m.bus_y[at] * m.load_y[j] == drawn_kw(j)

    def reactive(m: Any, j: int) -> Any:
        at = int(feeder.load_bus[j]), int(feeder.load_phase[j])
        return m.bus_y[at] * m.load_x[j] - m.bus_x[at] * m.load_y[j] == float(drawn_kvar[j])

    model.active_power = pyo.Constraint(model.connection, rule=active)
    model.reactive_power = pyo.Constraint(model.connection, rule=reactive)


def _declare_limits(model: Any, feeder: Feeder, current_a: np.ndarray, move_v: np.ndarray) -> None:
    import pyomo.environ as pyo

    on_line = feeder.conductor_feeds @ current_a
    move, opened = move_v[feeder.load_bus, feeder.load_phase], np.abs(feeder.open_voltage_v)

    # No conductor carries more than its rating; what cannot is left out.
    def within_rating(m: Any, k: int, p: int) -> Any:
        if on_line[k, p] <= feeder.rating_a[k]:
            return pyo.Constraint.Skip
        rating = float(feeder.rating_a[k] / UNIT_A)
        if rating <= 0:
            m.line_x[k, p].fix(0.0)
            m.line_y[k, p].fix(0.0)
            return pyo.Constraint.Skip
        return (m.line_x[k, p] / rating) ** 2 + (m.line_y[k, p] / rating) ** 2 <= 1.0

    model.within_rating = pyo.Constraint(model.line, model.phase, rule=within_rating)

    # No load's voltage is too low or too high.
    def squared(m: Any, j: int) -> Any:
        at = int(feeder.load_bus[j]), int(feeder.load_phase[j])
        return m.bus_x[at] ** 2 + m.bus_y[at] ** 2

    def not_too_low(m: Any, j: int) -> Any:
        if opened[j] - move[j] >= feeder.lowest_v:
            return pyo.Constraint.Skip
        return squared(m, j) >= (feeder.lowest_v / UNIT_V) ** 2

    def not_too_high(m: Any, j: int) -> Any:
        if opened[j] + move[j] <= feeder.highest_v:
            return pyo.Constraint.Skip
        return squared(m, j) <= (feeder.highest_v / UNIT_V) ** 2

    model.not_too_low = pyo.Constraint(model.connection, rule=not_too_low)
    model.not_too_high = pyo.Constraint(model.connection, rule=not_too_high)
