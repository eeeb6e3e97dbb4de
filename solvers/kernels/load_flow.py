"""Load flow of a radial feeder in the space of its loads, for many samples at once, with exact sensitivities.

With Z the load-space impedance matrix and V⁰ the voltages with nothing connected, voltages solve

    V = V⁰ - Z (S / V)*,

which is iterated from V⁰. Wherever ξ = max_i Σ_j |Z_ij| |S_j| / (|V⁰_i| |V⁰_j|) is below 1/4, the iteration converges,
and to the only solution near V⁰ (:func:`existence_margin`); above, it usually converges too, and nothing is certified.

Sensitivities come from differentiating the equation: dV - Z diag(S*/V*²) dV* = -Z diag(1/V*) dS*.

Source: the fixed point and its condition are those of Wang, Bernstein, Le Boudec, Paolone (IEEE Trans. Smart Grid 9,
2018), for loads to neutral.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...instances.aggregator import Feeder
from ...instances.errors import NoFlowError
from .jit import njit

CHUNK = 64
"""Samples that are iterated together: few enough that what they need stays in the cache, and BLAS in one thread."""

ITERATIONS = 1000
SETTLED_V = 1e-7
"""How far a voltage may be from where the iteration goes, V."""


def power_flow(feeder: Feeder, net_load_kw: Any, net_load_kvar: Any = None) -> np.ndarray:
    """Voltages at the loads.

    Parameters
    ----------
    feeder : Feeder
        The network.
    net_load_kw, net_load_kvar : (n,) or (S, n) arrays, kW and kvar
        Drawn by each load at whatever voltage it gets; export is negative. No reactive power unless given.

    Returns
    -------
    complex array of the same shape, V

    Raises
    ------
    ValueError
        For another number of loads, or a number that is not finite.
    NoFlowError
        If no voltages are found at which all loads of a sample get their power.
    """
    power = _power(feeder, net_load_kw, net_load_kvar)
    rows = np.atleast_2d(power)
    voltage = np.empty_like(rows)
    z = feeder.impedance_ohm
    # Real and imaginary parts stand side by side, so that each iteration is one real matrix product and one pass.
    back = np.ascontiguousarray(np.block([[z.real, -z.imag], [z.imag, z.real]]).T)
    opened = np.concatenate([feeder.open_voltage_v.real, feeder.open_voltage_v.imag])
    for begin in range(0, len(rows), CHUNK):
        part = slice(begin, begin + CHUNK)
        parts = np.ascontiguousarray(np.concatenate([rows[part].real, rows[part].imag], axis=1))
        found = _settled(parts, opened, back)
        voltage[part].real, voltage[part].imag = found[:, : z.shape[0]], found[:, z.shape[0] :]
    _refuse_unsettled(feeder, rows, voltage)
    return voltage.reshape(power.shape)


def existence_margin(feeder: Feeder, net_load_kw: Any, net_load_kvar: Any = None) -> np.ndarray:
    """ξ of each sample, (S,) or a number: below 1/4 the voltages found are proved to be the only ones near V⁰.

    Parameters
    ----------
    feeder : Feeder
        The network.
    net_load_kw, net_load_kvar : (n,) or (S, n) arrays, kW and kvar
        As for :func:`power_flow`.

    Returns
    -------
    (S,) array
        Above 1/4 nothing is certified, which does not mean that nothing exists.
    """
    power = np.abs(_power(feeder, net_load_kw, net_load_kvar))
    size = np.abs(feeder.open_voltage_v)
    return ((power / size) @ (np.abs(feeder.impedance_ohm) / size[:, None]).T).max(axis=-1)


def conductor_currents(
    feeder: Feeder, voltage_v: np.ndarray, net_load_kw: Any, net_load_kvar: Any = None
) -> np.ndarray:
    """Currents of the conductors that may be overloaded.

    Parameters
    ----------
    feeder : Feeder
        The network; ``feeder.conductors`` says which conductors are meant.
    voltage_v : (n,) or (S, n) complex array, V
        By :func:`power_flow`.
    net_load_kw, net_load_kvar : arrays of the same shape, kW and kvar
        As for :func:`power_flow`.

    Returns
    -------
    (R,) or (S, R) complex array, A
    """
    return np.conj(_power(feeder, net_load_kw, net_load_kvar) / voltage_v) @ feeder.conductors[1].T


@dataclass(frozen=True)
class Sensitivity:
    """How voltages and currents of one sample answer loads.

    Parameters
    ----------
    voltage_v : (n,) complex array, V
        At the loads.
    current_a : (R,) complex array, A
        Of the conductors that may be overloaded.
    voltage_v_per_kw : (n, n) array, V/kW
        d|V_i|/dP_j.
    current_a_per_kw : (R, n) array, A/kW
        d|I_r|/dP_j; 0 where a conductor carries nothing.
    """

    voltage_v: np.ndarray
    current_a: np.ndarray
    voltage_v_per_kw: np.ndarray
    current_a_per_kw: np.ndarray


def voltage_sensitivity(feeder: Feeder, net_load_kw: Any, net_load_kvar: Any = None) -> Sensitivity:
    """Exact derivatives of voltages and currents by the loads' active powers.

    Parameters
    ----------
    feeder : Feeder
        The network.
    net_load_kw, net_load_kvar : (n,) arrays, kW and kvar
        As for :func:`power_flow`.

    Returns
    -------
    Sensitivity

    Raises
    ------
    ValueError
        For several samples at once, and as :func:`power_flow`.
    NoFlowError
        As :func:`power_flow`.
    """
    power = _power(feeder, net_load_kw, net_load_kvar)
    if power.ndim != 1:
        raise ValueError(f"sensitivities are of one sample, not of an array of shape {power.shape}")
    voltage = power_flow(feeder, net_load_kw, net_load_kvar)
    turned, impedance = np.conj(voltage), feeder.impedance_ohm
    # dV - A dV* = B dP with complex matrices A and B, written for real and imaginary parts.
    a = impedance * (np.conj(power) / turned**2)
    b = -impedance * (1e3 / turned)
    unit = np.eye(len(power))
    left = np.block([[unit - a.real, -a.imag], [-a.imag, unit + a.real]])
    # What the iteration left to go is one more column: a step of Newton's method with the same matrix.
    left_to_go = feeder.open_voltage_v - impedance @ np.conj(power / voltage) - voltage
    right = np.column_stack([np.concatenate([b.real, b.imag]), np.concatenate([left_to_go.real, left_to_go.imag])])
    solved = np.linalg.solve(left, right)
    moved = solved[: len(power)] + 1j * solved[len(power) :]
    voltage, moved = voltage + moved[:, -1], moved[:, :-1]
    turned = np.conj(voltage)
    size = (np.conj(voltage)[:, None] * moved).real / np.abs(voltage)[:, None]
    # I = (S/V)*: it changes with the load's own power and with its voltage.
    drawn = np.conj(power / voltage)
    drawn_by = np.diag(1e3 / turned) - (drawn / turned)[:, None] * np.conj(moved)
    feeds = feeder.conductors[1]
    current, current_by = feeds @ drawn, feeds @ drawn_by
    with np.errstate(invalid="ignore", divide="ignore"):
        answer = (np.conj(current)[:, None] * current_by).real / np.abs(current)[:, None]
    return Sensitivity(voltage, current, size, np.where(np.abs(current)[:, None] > 0, answer, 0.0))


def _power(feeder: Feeder, kw: Any, kvar: Any) -> np.ndarray:
    active = np.asarray(kw, float)
    reactive = np.zeros(()) if kvar is None else np.asarray(kvar, float)
    for name, found in (("net_load_kw", active), ("net_load_kvar", reactive)):
        if name == "net_load_kvar" and kvar is None:
            continue
        if found.ndim not in (1, 2) or found.shape[-1] != len(feeder.load):
            raise ValueError(
                f"{name} has shape {found.shape}; give one number for each of the {len(feeder.load)} loads, "
                "or a row of them for each sample"
            )
        bad = np.argwhere(~np.isfinite(found))
        if len(bad):
            where = ", ".join(str(k) for k in bad[0])
            raise ValueError(f"{name}[{where}] is {found[tuple(bad[0])]}; give finite numbers")
    return np.asarray(1e3 * (active + 1j * reactive))


def _settled(power: np.ndarray, opened: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Voltages of one chunk of samples; where a sample has no solution they are none of it, or not finite."""
    drop, voltage, current = np.zeros(power.shape), np.zeros(power.shape), np.empty(power.shape)
    lower_and_draw(power, opened, drop, voltage, current)
    last, rate = np.inf, 0.0
    for k in range(ITERATIONS):
        np.dot(current, back, out=drop)
        moved = float(np.sqrt(lower_and_draw(power, opened, drop, voltage, current)))
        rate, last = max(rate, moved / last), moved
        # What is left to go is at most a geometric series with the worst ratio of two moves so far.
        if moved == 0 or (k > 0 and rate < 1 and moved * rate / (1 - rate) <= SETTLED_V):
            return voltage
    return np.full(voltage.shape, np.nan)


def _refuse_unsettled(feeder: Feeder, power: np.ndarray, voltage: np.ndarray) -> None:
    wrong = np.flatnonzero(~np.isfinite(voltage).all(axis=1))
    if len(wrong):
        s = int(wrong[0])
        # A chunk fails as a whole; the sample that is to blame is the one with the greatest ξ.
        near = slice(s, s + CHUNK)
        s += int(np.argmax(existence_margin(feeder, power[near].real / 1e3, power[near].imag / 1e3)))
        raise NoFlowError(s, float(power[s].real.sum()) / 1e3)


@njit()
def lower_and_draw(
    power: np.ndarray, opened: np.ndarray, drop: np.ndarray, voltage: np.ndarray, current: np.ndarray
) -> float:
    """Voltages lowered by what is dropped, and the currents (S/V)* that loads draw at them.

    Parameters
    ----------
    power, drop : (S, 2 n) arrays, VA and V
        Real parts first, then imaginary ones.
    opened : (2 n,) array, V
        With nothing connected.
    voltage, current : (S, 2 n) arrays, V and A
        Overwritten.

    Returns
    -------
    float
        Square of the greatest change of a voltage, V².
    """
    n = power.shape[1] // 2
    worst = 0.0
    for s in range(power.shape[0]):
        for i in range(n):
            real, imaginary = opened[i] - drop[s, i], opened[n + i] - drop[s, n + i]
            by_real, by_imaginary = real - voltage[s, i], imaginary - voltage[s, n + i]
            worst = max(worst, by_real * by_real + by_imaginary * by_imaginary)
            voltage[s, i], voltage[s, n + i] = real, imaginary
            share = 1.0 / (real * real + imaginary * imaginary)
            current[s, i] = (power[s, i] * real + power[s, n + i] * imaginary) * share
            current[s, n + i] = (power[s, i] * imaginary - power[s, n + i] * real) * share
    return worst
