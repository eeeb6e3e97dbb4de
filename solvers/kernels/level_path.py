"""The whole path of an allocation over its supply: sort once, then any number of supplies in O(log n) each.

Between two breakpoints the level is linear in the supply. Each such piece keeps the sums over its full and its flowing
vessels. The flowing ones are a window that moves along the sorted heights; its sums come from a queue of two stacks,
which only ever adds: subtracting what leaves the window would lose every digit over data of 24 decades.

Sources: Kouvelas et al., *Efficient power sharing at the edge*, section IV.B (both strategies) and section V (social
welfare); K. Tangwongsan, M. Hirzel, S. Schneider, *Low-latency sliding-window aggregation in worst-case constant time*,
DEBS 2017 (two stacks).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .jit import njit
from .level_passes import pour
from .level_search import FULL_SERVICE, settle
from .water_level import as_floats, raise_if_bad

Rule = Literal["weighted_max_min", "water_filling"]

LEVEL, FULL_ENERGY, FULL_WELFARE, WEIGHT, ENERGY, WELFARE = range(6)
"""Columns of a piece: level at its beginning; energy and welfare of the full vessels; weight, energy (sum of E) and
welfare at the beginning of the flowing ones."""


@njit(error_model="numpy", nogil=True)
def _add(total: float, lost: float, term: float) -> tuple[float, float]:
    """Add with compensation (Neumaier): the value is ``total + lost``."""
    together = total + term
    if abs(total) >= abs(term):
        return together, lost + ((total - together) + term)
    return together, lost + ((term - together) + total)


@njit(error_model="numpy", nogil=True)
def _pieces(height: np.ndarray, energy: np.ndarray, weight: np.ndarray, offset: float) -> np.ndarray:
    """Return one row a piece, for vessels in ascending order of their height.

    A vessel flows from the level offset H to H + offset H.

    Water-filling's welfare of the flowing vessels, sum w log2(L / H), is summed against a reference height near all of
    them and kept at each piece's beginning, so that no large logarithms cancel.
    """
    n = height.size
    rows = np.empty((2 * n, 6))
    tail = np.empty((n + 1, 3))  # sums from one vessel of the older stack to its end
    front, split, back = 0, 0, 0  # older stack: front..split, younger stack: split..back
    young = np.zeros((3, 2))  # weight, energy and w log2(H / reference) of the younger stack, each with its lost part
    full_energy, full_energy_lost, full_welfare, full_welfare_lost = 0.0, 0.0, 0.0, 0.0
    reference = height[0]
    tail[0] = 0.0
    for event in range(2 * n):
        if back < n and offset * height[back] <= (1.0 + offset) * height[front]:
            if front == back:
                reference = height[back]
            level = offset * height[back]
            logarithm = weight[back] * np.log2(height[back] / reference) if offset > 0.0 else 0.0
            young[0, 0], young[0, 1] = _add(young[0, 0], young[0, 1], weight[back])
            young[1, 0], young[1, 1] = _add(young[1, 0], young[1, 1], energy[back])
            young[2, 0], young[2, 1] = _add(young[2, 0], young[2, 1], logarithm)
            back += 1
        else:
            level = (1.0 + offset) * height[front]
            if front == split:
                # The older stack is empty: the younger one becomes it, summed from its end.
                split = back
                reference = height[front]
                young[:] = 0.0
                tail[split] = 0.0
                sums = np.zeros((3, 2))
                for k in range(split - 1, front - 1, -1):
                    logarithm = weight[k] * np.log2(height[k] / reference) if offset > 0.0 else 0.0
                    sums[0, 0], sums[0, 1] = _add(sums[0, 0], sums[0, 1], weight[k])
                    sums[1, 0], sums[1, 1] = _add(sums[1, 0], sums[1, 1], energy[k])
                    sums[2, 0], sums[2, 1] = _add(sums[2, 0], sums[2, 1], logarithm)
                    tail[k] = sums[:, 0] + sums[:, 1]
            full_energy, full_energy_lost = _add(full_energy, full_energy_lost, energy[front])
            gain = weight[front] if offset > 0.0 else np.sqrt(weight[front]) * np.sqrt(energy[front])
            full_welfare, full_welfare_lost = _add(full_welfare, full_welfare_lost, gain)
            front += 1
        older = tail[front] if front < split else np.zeros(3)
        share = older[0] + (young[0, 0] + young[0, 1])
        rows[event, LEVEL] = level
        rows[event, FULL_ENERGY] = full_energy + full_energy_lost
        rows[event, FULL_WELFARE] = full_welfare + full_welfare_lost
        rows[event, WEIGHT] = share
        rows[event, ENERGY] = older[1] + (young[1, 0] + young[1, 1])
        if offset > 0.0:
            rows[event, WELFARE] = share * np.log2(level / reference) - (older[2] + (young[2, 0] + young[2, 1]))
        else:
            rows[event, WELFARE] = share * np.sqrt(level)
    return rows


class SupplyPath:
    """Level, allocation and welfare of one interval as functions of the supply; made by :func:`supply_path`.

    Parameters
    ----------
    deficiency_kwh : array_like, shape (n,)
        What each member lacks (kWh), finite and not negative.
    weight : array_like, shape (n,)
        Priority weights, finite and not negative.
    rule : {"weighted_max_min", "water_filling"}
        How the supply is shared.

    Raises
    ------
    ValueError
        For shapes that do not fit, bad entries (naming argument, index and value) and an unknown rule.
    """

    def __init__(self, deficiency_kwh: ArrayLike, weight: ArrayLike, rule: Rule) -> None:
        if rule not in ("weighted_max_min", "water_filling"):
            raise ValueError(f"rule must be 'weighted_max_min' or 'water_filling', not {rule!r}")
        energy = np.array(as_floats(deficiency_kwh, "deficiency_kwh"))
        share = np.array(as_floats(weight, "weight"))
        if energy.ndim != 1:
            raise ValueError(f"deficiency_kwh must be of shape (n,), not {energy.shape}")
        if share.shape != energy.shape:
            raise ValueError(f"weight of shape {share.shape} does not fit deficiency_kwh of shape {energy.shape}")
        raise_if_bad(energy, "deficiency_kwh")
        raise_if_bad(share, "weight")
        self.rule = rule
        self._offset = 1.0 if rule == "water_filling" else 0.0
        self._energy, self._weight = energy, share
        useful = np.flatnonzero((energy > 0.0) & (share > 0.0))
        with np.errstate(over="ignore"):
            height = energy[useful] / share[useful]
        if np.isinf(2.0 * height).any():
            raise ValueError("deficiency_kwh / weight exceeds the range of float64: scale the data")
        order = np.argsort(height, kind="stable")
        useful = useful[order]
        if useful.size:
            self._rows = _pieces(height[order], energy[useful], share[useful], self._offset)
        else:
            self._rows = np.zeros((1, 6))
        level, full, _, slope, base, _ = self._rows.T
        # A vessel that begins holds nothing yet: the sums before it lack its rounding, which may dwarf the supply.
        held = full[:-1] + np.maximum(level[1:] * slope[:-1] - self._offset * base[:-1], 0.0)
        self._held = np.maximum.accumulate(np.concatenate([[0.0], held]))
        self._next = np.append(level[1:], level[-1])
        self._total = float(full[-1])

    @property
    def breakpoints_kwh(self) -> np.ndarray:
        """Supplies at which a member begins to receive or is served in full, shape (k,), ascending (kWh)."""
        return np.unique(self._held)

    def _locate(self, supply_kwh: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the checked supplies, the row each falls into and its level."""
        supply = as_floats(supply_kwh, "supply_kwh")
        raise_if_bad(supply, "supply_kwh")
        row = np.maximum(np.searchsorted(self._held, supply, side="right") - 1, 0)
        begin, full, _, slope, base, _ = np.moveaxis(self._rows[row], -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            level = ((supply - full) + self._offset * base) / slope
        level = np.where(slope > 0.0, np.clip(level, begin, self._next[row]), begin)
        level = np.where(supply > 0.0, level, self._rows[0, LEVEL])
        return supply, row, np.where(supply >= self._total * (1.0 - FULL_SERVICE), np.inf, level)

    def level(self, supply_kwh: ArrayLike) -> float | np.ndarray:
        """Return the level (kWh per weight) for one or more supplies (kWh), shaped as they are.

        ``inf`` where the supply meets every need, as the kernels' ``return_level`` has it.
        """
        level = self._locate(supply_kwh)[2]
        return float(level) if level.ndim == 0 else level

    def allocation(self, supply_kwh: ArrayLike) -> np.ndarray:
        """Return what each member receives (kWh): shape (n,) for one supply, (..., n) for supplies of shape (...)."""
        supply, _, level = self._locate(supply_kwh)
        x = np.zeros((supply.size, self._energy.size))
        for i, (one, height) in enumerate(zip(supply.ravel().tolist(), level.ravel().tolist(), strict=True)):
            if one > 0.0:
                members = (self._energy, self._energy, self._weight, self._offset)
                if height < np.inf:
                    settle(*members, one, height, x[i])
                else:
                    pour(*members, height, 0.0, x[i])
        return x.reshape(*supply.shape, self._energy.size)

    def welfare(self, supply_kwh: ArrayLike) -> float | np.ndarray:
        """Return the rule's own criterion for one or more supplies, shaped as they are.

        Weighted max-min: sum sqrt(w x), the criterion ``fairness`` (square root of kWh). Water-filling:
        sum w log2(1 + x / E) over E > 0, the criterion ``social_welfare``. The absolute error is a small multiple of
        eps times the criterion at full supply of the members being served.
        """
        supply, row, level = self._locate(supply_kwh)
        begin, _, full, slope, _, flowing = np.moveaxis(self._rows[row], -1, 0)
        if self.rule == "water_filling":
            with np.errstate(divide="ignore", invalid="ignore"):
                gain = flowing + slope * (np.log1p((level - begin) / begin) / np.log(2.0))
        else:
            with np.errstate(invalid="ignore"):
                gain = slope * np.sqrt(level)
        # A slope of 0 (nobody flows) and full service have no gain beside the full members' welfare.
        value = np.where(slope > 0.0, full + gain, full)
        value = np.where(np.isinf(level), self._rows[-1, FULL_WELFARE], value)
        value = np.where(supply > 0.0, value, 0.0)
        return float(value) if value.ndim == 0 else value


def supply_path(deficiency_kwh: ArrayLike, weight: ArrayLike, rule: Rule) -> SupplyPath:
    """Sort one interval once and answer for any number of supplies.

    Parameters
    ----------
    deficiency_kwh : array_like, shape (n,)
        What each member lacks (kWh), finite and not negative.
    weight : array_like, shape (n,)
        Priority weights, finite and not negative; a member of weight 0 receives nothing.
    rule : {"weighted_max_min", "water_filling"}
        How the supply is shared.

    Returns
    -------
    SupplyPath
        With ``.level(supply_kwh)``, ``.allocation(supply_kwh)`` and ``.welfare(supply_kwh)``.

    Raises
    ------
    ValueError
        For shapes that do not fit, bad entries (naming argument, index and value) and an unknown rule.

    Examples
    --------
    >>> path = supply_path([1.0, 4.0, 6.0], [1.0, 1.0, 2.0], "weighted_max_min")
    >>> path.level([1.0, 4.0, 7.0])
    array([0.25, 1.  , 2.  ])
    """
    return SupplyPath(deficiency_kwh, weight, rule)
