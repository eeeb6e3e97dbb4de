r"""Optimal power flow of one sample, declared in Pyomo in currents and voltages.

Laws of Kirchhoff on three phases, line by line and bus by bus; nothing of the impedance matrix in the space of loads by
which :mod:`commonwatt.solvers.kernels.load_flow` computes is used. Each phase is turned by the angle of its source,
voltages are in units of 230 V and currents in units of 1 kVA/230 V, so that products are kW.

==========================================  ==================================  =========================
what                                        in words                            in the model
==========================================  ==================================  =========================
:math:`a^+_j, a^-_j`                        reduction and raise of a load, kW   ``reduced``, ``raised``
:math:`I_j`                                 current of a load                   ``load_x``, ``load_y``
:math:`I_{\ell p}`                          current of a conductor              ``line_x``, ``line_y``
:math:`V_{bp}`                              voltage of a bus                    ``bus_x``, ``bus_y``
==========================================  ==================================  =========================

What a load draws, :math:`V_j I_j^* = P_j - a_j + \mathrm{i} Q_j`, and the lower limit of voltages are not convex: the
program is for a solver that proves global optima. Voltages of feasible points are at least the lower limit, so that
currents are at most :math:`|S_j|/V^{min}` and voltages no further from those without load than these can push them:
bounds that follow from the data, not from experience.

Source: ours; currents and voltages as variables as in O'Neill, Castillo, Cain, *The IV Formulation and Linear
Approximations of the AC Optimal Power Flow Problem* (FERC, 2012).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...instances.adjustment import AdjustmentInstance
from ...instances.aggregator import PHASES

if TYPE_CHECKING:
    import pyomo.environ as pyo

UNIT_V = 230.0
UNIT_A = 1e3 / UNIT_V

ROOM = 1.0 + 1e-6
"""Bounds that follow from the data are put a little outside, so that no rounding makes them bind."""


def greatest_current_a(instance: AdjustmentInstance, s: int) -> np.ndarray:
    """Greatest current of each load in a feasible point of a sample, (n,) A."""
    net, reactive = instance.net_load_kw[s], instance.net_load_kvar[s]
    active = np.maximum(np.abs(net - instance.reducible_kw[s]), np.abs(net + instance.raisable_kw[s]))
    return np.asarray(1e3 * np.hypot(active, reactive) / instance.lowest_v)


def greatest_move_v(instance: AdjustmentInstance, s: int) -> np.ndarray:
    """How far each bus' voltages can be from those without load in a feasible point, (B, 3) V."""
    greatest = instance.conductor_feeds @ greatest_current_a(instance, s)
    move = np.empty((len(instance.bus), PHASES))
    all_loads = np.bincount(instance.load_phase, weights=greatest_current_a(instance, s), minlength=PHASES)
    move[instance.source_bus] = np.abs(instance.source_impedance_ohm) @ all_loads
    for k in instance.lines_downwards:
        drop = np.abs(instance.line_impedance_ohm[k]) @ greatest[k]
        move[instance.line_to[k]] = move[instance.line_from[k]] + drop
    return move


def build_acopf(instance: AdjustmentInstance, s: int) -> pyo.ConcreteModel:
    """Declare one sample.

    Parameters
    ----------
    instance : AdjustmentInstance
        What is given.
    s : int
        Position of the sample.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Changes in kW, the objective ``goal`` in currency/h.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel(f"adjustments in {instance.sample[s]}")
    loads, lines, buses = len(instance.load), len(instance.line), len(instance.bus)
    model.connection, model.phase = pyo.RangeSet(0, loads - 1), pyo.RangeSet(0, PHASES - 1)
    model.line, model.bus = pyo.RangeSet(0, lines - 1), pyo.RangeSet(0, buses - 1)
    model.reduced = pyo.Var(model.connection, bounds=lambda m, j: (0.0, float(instance.reducible_kw[s, j])))
    model.raised = pyo.Var(model.connection, bounds=lambda m, j: (0.0, float(instance.raisable_kw[s, j])))
    most = ROOM * greatest_current_a(instance, s) / UNIT_A

    def of_load(m: Any, j: int) -> tuple[float, float]:
        return -float(most[j]), float(most[j])

    model.load_x, model.load_y = pyo.Var(model.connection, bounds=of_load), pyo.Var(model.connection, bounds=of_load)
    model.line_x, model.line_y = pyo.Var(model.line, model.phase), pyo.Var(model.line, model.phase)
    move, opened = ROOM * greatest_move_v(instance, s) / UNIT_V, np.abs(instance.source_voltage_v) / UNIT_V

    def along(m: Any, b: int, p: int) -> tuple[float, float]:
        return float(opened[p] - move[b, p]), float(opened[p] + move[b, p])

    def across(m: Any, b: int, p: int) -> tuple[float, float]:
        return -float(move[b, p]), float(move[b, p])

    model.bus_x = pyo.Var(model.bus, model.phase, bounds=along)
    model.bus_y = pyo.Var(model.bus, model.phase, bounds=across)
    price = instance.price
    model.goal = pyo.Objective(
        expr=sum(float(price[j]) * (model.reduced[j] + model.raised[j]) for j in model.connection)
    )
    _declare_kirchhoff(model, instance)
    _declare_power(model, instance, s)
    _declare_limits(model, instance, s)
    return model


def _turned(instance: AdjustmentInstance, impedance_ohm: np.ndarray) -> np.ndarray:
    """An impedance (…, 3, 3) between phases that are each turned by the angle of the source, in units."""
    angle = np.exp(1j * np.deg2rad(instance.source_angle_deg))
    return np.asarray(impedance_ohm * (angle[None, :] / angle[:, None]) * (UNIT_A / UNIT_V))


def _declare_kirchhoff(model: Any, instance: AdjustmentInstance) -> None:
    import pyomo.environ as pyo

    below: dict[int, list[int]] = {}
    for k in range(len(instance.line)):
        below.setdefault(int(instance.line_from[k]), []).append(k)
    at: dict[tuple[int, int], list[int]] = {}
    for j in range(len(instance.load)):
        at.setdefault((int(instance.load_bus[j]), int(instance.load_phase[j])), []).append(j)

    def out_of(m: Any, b: int, p: int, axis: str) -> Any:
        of_line, of_load = getattr(m, f"line_{axis}"), getattr(m, f"load_{axis}")
        return sum(of_line[k, p] for k in below.get(b, ())) + sum(of_load[j] for j in at.get((b, p), ()))

    # What comes along a line goes on along others or into loads.
    def current_law(m: Any, k: int, p: int, axis: str) -> Any:
        return getattr(m, f"line_{axis}")[k, p] == out_of(m, int(instance.line_to[k]), p, axis)

    model.current_law_x = pyo.Constraint(model.line, model.phase, rule=lambda m, k, p: current_law(m, k, p, "x"))
    model.current_law_y = pyo.Constraint(model.line, model.phase, rule=lambda m, k, p: current_law(m, k, p, "y"))
    lines, source = _turned(instance, instance.line_impedance_ohm), _turned(instance, instance.source_impedance_ohm)
    opened = np.abs(instance.source_voltage_v) / UNIT_V

    def drop(z: np.ndarray, p: int, currents: list[tuple[Any, Any]], axis: str) -> Any:
        parts = ((float(z[p, q].real), float(z[p, q].imag), *currents[q]) for q in range(PHASES))
        return sum(r * x - i * y if axis == "x" else i * x + r * y for r, i, x, y in parts)

    # Along a line, currents of all phases lower the voltage of each.
    def voltage_law(m: Any, k: int, p: int, axis: str) -> Any:
        currents = [(m.line_x[k, q], m.line_y[k, q]) for q in range(PHASES)]
        voltage = getattr(m, f"bus_{axis}")
        ends = voltage[int(instance.line_from[k]), p], voltage[int(instance.line_to[k]), p]
        return ends[1] == ends[0] - drop(lines[k], p, currents, axis)

    model.voltage_law_x = pyo.Constraint(model.line, model.phase, rule=lambda m, k, p: voltage_law(m, k, p, "x"))
    model.voltage_law_y = pyo.Constraint(model.line, model.phase, rule=lambda m, k, p: voltage_law(m, k, p, "y"))

    # The source gives way to what leaves its bus.
    def source_law(m: Any, p: int, axis: str) -> Any:
        root = instance.source_bus
        currents = [(out_of(m, root, q, "x"), out_of(m, root, q, "y")) for q in range(PHASES)]
        open_v = float(opened[p]) if axis == "x" else 0.0
        return getattr(m, f"bus_{axis}")[root, p] == open_v - drop(source, p, currents, axis)

    model.source_law_x = pyo.Constraint(model.phase, rule=lambda m, p: source_law(m, p, "x"))
    model.source_law_y = pyo.Constraint(model.phase, rule=lambda m, p: source_law(m, p, "y"))


def _declare_power(model: Any, instance: AdjustmentInstance, s: int) -> None:
    import pyomo.environ as pyo

    # A load draws its power at whatever voltage it gets.
    def active(m: Any, j: int) -> Any:
        at = int(instance.load_bus[j]), int(instance.load_phase[j])
        drawn = float(instance.net_load_kw[s, j]) - m.reduced[j] + m.raised[j]
        return m.bus_x[at] * m.load_x[j] + m.bus_y[at] * m.load_y[j] == drawn

    def reactive(m: Any, j: int) -> Any:
        at = int(instance.load_bus[j]), int(instance.load_phase[j])
        return m.bus_y[at] * m.load_x[j] - m.bus_x[at] * m.load_y[j] == float(instance.net_load_kvar[s, j])

    model.active_power = pyo.Constraint(model.connection, rule=active)
    model.reactive_power = pyo.Constraint(model.connection, rule=reactive)


def _declare_limits(model: Any, instance: AdjustmentInstance, s: int) -> None:
    import pyomo.environ as pyo

    current = instance.conductor_feeds @ greatest_current_a(instance, s)
    move = ROOM * greatest_move_v(instance, s)[instance.load_bus, instance.load_phase]
    opened = np.abs(instance.open_voltage_v)

    # No conductor carries more than its rating; what cannot is left out.
    def within_rating(m: Any, k: int, p: int) -> Any:
        if current[k, p] <= instance.rating_a[k]:
            return pyo.Constraint.Skip
        return m.line_x[k, p] ** 2 + m.line_y[k, p] ** 2 <= float(instance.rating_a[k] / UNIT_A) ** 2

    model.within_rating = pyo.Constraint(model.line, model.phase, rule=within_rating)

    # No load's voltage is too low or too high.
    def squared(m: Any, j: int) -> Any:
        at = int(instance.load_bus[j]), int(instance.load_phase[j])
        return m.bus_x[at] ** 2 + m.bus_y[at] ** 2

    def not_too_low(m: Any, j: int) -> Any:
        if opened[j] - move[j] >= instance.lowest_v:
            return pyo.Constraint.Skip
        return squared(m, j) >= (instance.lowest_v / UNIT_V) ** 2

    def not_too_high(m: Any, j: int) -> Any:
        if opened[j] + move[j] <= instance.highest_v:
            return pyo.Constraint.Skip
        return squared(m, j) <= (instance.highest_v / UNIT_V) ** 2

    model.not_too_low = pyo.Constraint(model.connection, rule=not_too_low)
    model.not_too_high = pyo.Constraint(model.connection, rule=not_too_high)
