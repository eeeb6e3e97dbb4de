r"""A bound on what adjustments must cost, by duality around a point, proved in plain numpy.

The equations are not convex: loads draw currents :math:`I_j = (S_j/V_j)^*` that depend on the voltages
:math:`V = V^0 - Z I` that they cause. What is proved here holds all the same, for every solution of the equations.

**Weak duality.** Limits that bind at a point :math:`(\bar a, \bar V, \bar I)` are replaced by linear ones that every
feasible point satisfies: :math:`\Re(\bar u_r^* (CI)_r) \le I_r^{max}` for any direction :math:`|u_r| = 1` of a
conductor's current, :math:`\Re(\bar u_i^* V_i) \le V^{max}`, and, because :math:`|V| \le x + y^2/2x` along and across a
direction, :math:`\Re(\bar u_i^* V_i) \ge V^{min} - \rho_i^2/2(|\bar V_i| - \rho_i)` wherever :math:`|V_i - \bar V_i|
\le \rho_i`. With prices μ, η, ζ ≥ 0 of these and any complex multipliers w of :math:`V - V^0 + ZI = 0`, costs are at
least

.. math:: \text{const} + \sum_j \min_{a, V} \left[ c_j|a| + \Re\left(h_j^* \frac{S_j(a)}{V} + k_j V\right)\right],
   \quad h = C^T(\mu u^*) + Z^T w, \quad k = (\eta - \zeta) u^* + w,

which falls apart into loads. For fixed V the bracket is linear in a between its corners -raisable, 0, reducible. For
fixed a it is harmonic in V; within ρ of :math:`\bar V` it is at least its value there, less its slope times ρ, less
:math:`|h_j S_j| \rho_j^2 / |\bar V_j|^2 (|\bar V_j| - \rho_j)`. Multipliers w are chosen so that the slope vanishes at
:math:`\bar a`: one linear system.

**How far voltages can be.** Only what costs less than the point has to be ruled out, so that
:math:`\sum_j c_j |a_j - \bar a_j|` is at most twice the point's cost. Voltages of feasible points are at least
:math:`V^{min}`, hence :math:`\rho \le d + M\rho` with :math:`d_i = \max \sum_j |Z_{ij}||a_j - \bar a_j|/V^{min}` over
that budget and :math:`M_{ij} = |Z_{ij}||\bar S_j|/V^{min}|\bar V_j|`; if the spectral radius of M is below 1,
:math:`\rho = (I - M)^{-1} d` contains all of them. Where a load's bracket is worse than its best by more than the gap,
its range is cut, and ρ shrinks with it.

Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...instances.adjustment import AdjustmentInstance
from ...instances.errors import NoFlowError
from .feeder_flow import feeder_violations, sweep

if TYPE_CHECKING:
    from .adjustment import AdjustmentPrices

ROUNDS = 50
"""Of cutting ranges; each makes the gap smaller, and they end where it stays."""

SETTLED = 1e-9
"""Relative gain of a round below which it is the last."""

WITHIN = 1e-8
"""What the point may miss a limit by and still count as feasible, relative to the limit."""


@dataclass(frozen=True)
class Point:
    """One sample at the adjustments around which the optimum is looked for; all in VA, V and currency/h."""

    change_kw: np.ndarray
    power: np.ndarray
    voltage: np.ndarray
    current_direction: np.ndarray
    cost: float


def cost_bound(instance: AdjustmentInstance, prices: AdjustmentPrices | None) -> float:
    """Least cost that prices prove, currency; nothing without them.

    Parameters
    ----------
    instance : AdjustmentInstance
        What is given.
    prices : AdjustmentPrices or None
        A point and the prices of limits.
    """
    if prices is None:
        return 0.0
    # A sample without prices or without changes proves nothing, and nothing is what it may cost.
    charged = (prices.low_voltage_price.any(axis=1) | prices.high_voltage_price.any(axis=1)) | (
        prices.current_price.any(axis=(1, 2))
    )
    found = (_sample_bound(instance, prices, int(s)) for s in np.flatnonzero(charged))
    return float(instance.dt_h * sum(max(0.0, one) for one in found))


def _sample_bound(instance: AdjustmentInstance, prices: AdjustmentPrices, s: int) -> float:
    """Least cost of one sample, currency/h."""
    point = point_of(instance, prices.adjustment_kw[s], s)
    reach = None if point is None else reach_v_per_kw(instance, point)
    if point is None or reach is None:
        return 0.0
    size, lowest = np.abs(point.voltage), instance.lowest_v
    low_price, high_price = prices.low_voltage_price[s], prices.high_voltage_price[s]
    on_current = prices.current_price[s][..., None] * np.conj(point.current_direction)[..., None]
    h = (on_current * instance.conductor_feeds).sum(axis=(0, 1))
    k = (high_price - low_price) * np.conj(point.voltage) / size
    w = _flat_multipliers(instance.impedance_ohm, point, h, k)
    h, k = h + instance.impedance_ohm.T @ w, k + w
    fixed = (
        -float((prices.current_price[s] * instance.rating_a[:, None]).sum())
        - float(high_price.sum()) * instance.highest_v
        - float((w @ instance.open_voltage_v).real)
    )
    free = instance.price <= 0
    affordable = np.where(free, np.inf, point.cost / np.where(free, 1.0, instance.price))
    least = np.maximum(-instance.raisable_kw[s], -affordable)
    greatest = np.minimum(instance.reducible_kw[s], affordable)
    proved, before = 0.0, -np.inf
    for _ in range(ROUNDS):
        span = np.maximum(greatest - point.change_kw, point.change_kw - least)
        radius = voltage_radius(reach, span, instance.price, 2 * point.cost)
        if (radius >= 0.5 * size).any():
            break
        corners = np.stack([least, np.clip(0.0, least, greatest), greatest])
        power = 1e3 * (instance.net_load_kw[s] - corners + 1j * instance.net_load_kvar[s])
        worth = instance.price * np.abs(corners) + least_brackets(h, k, power, point.voltage, radius)
        best = worth.min(axis=0)
        total = fixed + float(low_price @ lowest_part(lowest, size, radius)) + float(best.sum())
        better, before, proved = total - before, total, max(proved, total)
        if better <= SETTLED * point.cost:
            break
        least, greatest = kept_ranges(corners, worth - best, max(point.cost - total, 0.0))
    return min(proved, point.cost)


def point_of(instance: AdjustmentInstance, change_kw: np.ndarray, s: int) -> Point | None:
    """The flow of a sample with changes; none where limits are broken, so that its cost is no budget."""
    net = (instance.net_load_kw[s] - change_kw)[None]
    reactive = instance.net_load_kvar[s][None]
    slack = WITHIN * instance.size_kw
    if ((change_kw - instance.reducible_kw[s]) > slack).any() or ((-change_kw - instance.raisable_kw[s]) > slack).any():
        return None
    try:
        flow = sweep(instance, net, reactive)
    except NoFlowError:
        return None
    if feeder_violations(instance, flow, instance.sample[s : s + 1], WITHIN):
        return None
    current = flow.line_current_a[0]
    size = np.abs(current)
    direction = np.where(size > 0, current / np.where(size > 0, size, 1.0), 1.0)
    power = 1e3 * (net[0] + 1j * reactive[0])
    return Point(change_kw, power, flow.load_voltage_v[0], direction, float(np.abs(change_kw) @ instance.price))


def _flat_multipliers(z: np.ndarray, point: Point, h: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Multipliers w for which no bracket slopes at the point: w + k = (h + Z w)* S / V²."""
    ratio = point.power / point.voltage**2
    by_conjugate = ratio[:, None] * np.conj(z)
    right = np.conj(h) * ratio - k
    unit = np.eye(len(ratio))
    left = np.block([[unit - by_conjugate.real, -by_conjugate.imag], [-by_conjugate.imag, unit + by_conjugate.real]])
    solved = np.linalg.solve(left, np.concatenate([right.real, right.imag]))
    return np.asarray(solved[: len(ratio)] + 1j * solved[len(ratio) :])


def reach_v_per_kw(instance: AdjustmentInstance, point: Point) -> np.ndarray | None:
    """By how much a kW of each load can move each voltage at most, (n, n) V/kW.

    Parameters
    ----------
    instance : AdjustmentInstance
        What is given.
    point : Point
        Where voltages are moved from.

    Returns
    -------
    (n, n) array or None
        None where nothing limits it.
    """
    z, lowest = np.abs(instance.impedance_ohm), instance.lowest_v
    amplified = z * np.abs(point.power) / (lowest * np.abs(point.voltage))
    if np.abs(np.linalg.eigvals(amplified)).max() >= 1:
        return None
    return np.asarray(np.linalg.inv(np.eye(len(z)) - amplified) @ z * (1e3 / lowest))


def voltage_radius(reach: np.ndarray, span: np.ndarray, price: np.ndarray, budget: float) -> np.ndarray:
    """How far each voltage can be from the point's: the most that changes within spans and a budget do.

    Parameters
    ----------
    reach : (n, n) array, V/kW
        By :func:`reach_v_per_kw`.
    span : (n,) array, kW
        How far each change can be from the point's.
    price : (n,) array, currency/kWh
        Of each load's kW.
    budget : float, currency/h
        For all of them together.

    Returns
    -------
    (n,) array, V
    """
    free = price <= 0
    order = np.argsort(-np.where(free, np.inf, reach / np.where(free, 1.0, price)), axis=1)
    worth = price[order] * span[order]
    before = np.cumsum(worth, axis=1) - worth
    paid = np.clip(budget - before, 0.0, worth)
    taken = np.where(worth > 0, paid / np.where(worth > 0, price[order], 1.0), span[order])
    return np.asarray((np.take_along_axis(reach, order, axis=1) * taken).sum(axis=1))


def lowest_part(lowest_v: float, size: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """What a voltage of at least the limit is at least along the direction of the point's, (n,) V."""
    return np.asarray(lowest_v - radius**2 / (2 * (size - radius)))


def least_brackets(
    h: np.ndarray, k: np.ndarray, power: np.ndarray, voltage: np.ndarray, radius: np.ndarray
) -> np.ndarray:
    """What Re(h* S/V + k V) is at least, of each load and for each power, within a radius of a voltage.

    Parameters
    ----------
    h, k : (n,) complex arrays
        Multipliers.
    power : (m, n) complex array, VA
        S.
    voltage, radius : (n,) arrays, V
        The point's, complex, and how far others can be from it.

    Returns
    -------
    (m, n) array
    """
    b, size = np.conj(h) * power, np.abs(voltage)
    bent = np.abs(b) * radius**2 / (size**2 * (size - radius))
    return np.asarray((b / voltage + k * voltage).real - np.abs(k - b / voltage**2) * radius - bent)


def kept_ranges(corners: np.ndarray, worse: np.ndarray, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Ranges of changes that are not worse than the best by more than a gap.

    Between corners what a load adds is concave, so that it is at least its chord.

    Parameters
    ----------
    corners : (3, n) array, kW
        Ascending.
    worse : (3, n) array
        By how much each is worse than the best, at least.
    gap : float
        Same unit.

    Returns
    -------
    least, greatest : (n,) arrays, kW
    """
    least, greatest = np.full(corners.shape[1], np.inf), np.full(corners.shape[1], -np.inf)
    for first, second in ((0, 1), (1, 2)):
        a, b, fa, fb = corners[first], corners[second], worse[first], worse[second]
        rise = np.where(fa != fb, fb - fa, 1.0)
        crossing = a + (b - a) * np.clip((gap - fa) / rise, 0.0, 1.0)
        begins = np.where(fa <= gap, a, crossing)
        ends = np.where(fb <= gap, b, crossing)
        some = (fa <= gap) | (fb <= gap)
        least = np.where(some, np.minimum(least, begins), least)
        greatest = np.where(some, np.maximum(greatest, ends), greatest)
    return least, greatest
