"""Allocation by one common level: weighted max-min, water-filling and the general capped fill.

With H_k = E_k / w_k and Q = min(supply, sum of E_k over w_k > 0):

- **weighted max-min** (the paper's Game-Theoretic strategy) x_k = min(E_k, w_k t), the unique maximiser of
  sum w phi(x / w) for every strictly concave phi; with phi = sqrt the price of supply is t**-0.5 / 2;
- **water-filling** x_k = w_k clip(L - H_k, 0, H_k), the unique maximiser of the social welfare sum w log2(1 + x / E);
  the price of supply is 1 / (L ln 2);
- **fill to level** x_k = w_k clip(L - base_k, 0, cap_k) for any bases and caps: both above, valley filling, congested
  sellers' choice.

Accuracy: x_k differs from the exact answer by a small multiple of eps (supply + E_k), and so does the sum from Q,
whatever the number of vessels; 0 <= x_k <= E_k holds exactly, and a vessel that is full holds E_k to the bit. A supply
within 8 eps of the sum of all E (in parts of it) counts as that sum.

Determinism: the same bytes for any number of threads. ``numba.set_num_threads`` or ``NUMBA_NUM_THREADS`` limits them.

Source: Kouvelas, Venkatesha Prasad, Nambi, *Efficient power sharing at the edge by building a tangible micro-grid - the
Texas case*, section IV.B, Algorithms 1 and 2, in closed form.
"""

from __future__ import annotations

import math
from typing import Any, Literal, overload

import numpy as np
from numpy import empty, ndarray
from numpy.typing import ArrayLike

from .block_search import LARGE, fill_large, in_parallel
from .level_search import fill_one, fill_rows

FLOAT = np.dtype(np.float64)
PARALLEL_FROM = 2**17
"""Cells from which a batch is worth threads."""

ROWS_AT_ONCE = 8
"""Intervals a thread takes at once: a fixed number, so that the number of threads cannot show."""

BEYOND_FLOATS = "base * weight or their sums exceed the range of float64: scale the data"

Levels = float | np.ndarray


class _Alias:
    """Another view of a read-only array's memory, so that kernels are compiled once; they never write their inputs."""

    def __init__(self, array: np.ndarray) -> None:
        interface: dict[str, Any] = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
        self.owner = array


def as_floats(values: ArrayLike, name: str) -> np.ndarray:
    """Return contiguous float64 values that a kernel takes without compiling anew; the caller's are never written to.

    Parameters
    ----------
    values : array_like
        Anything numpy reads as real numbers.
    name : str
        The argument's name, for the error.

    Returns
    -------
    numpy.ndarray
        ``values`` itself where it already serves.

    Raises
    ------
    ValueError
        Where ``values`` are not real numbers.
    """
    if type(values) is np.ndarray and values.dtype is FLOAT:
        flags = values.flags
        if flags.carray:
            return values
        if flags.c_contiguous and flags.aligned:
            return np.asarray(_Alias(values))
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" and array.size:
        raise ValueError(f"{name} must hold real numbers, not {array.dtype}")
    array = np.ascontiguousarray(array, dtype=np.float64) if array.ndim else array.astype(np.float64)
    return array if array.flags.writeable else np.array(array)


def raise_if_bad(values: np.ndarray, name: str, *, below_zero: bool = False, infinite: bool = False) -> None:
    """Raise ValueError naming the first entry that is NaN, negative or infinite, where that is not allowed."""
    bad = np.isnan(values)
    if not below_zero:
        bad |= values < 0.0
    if not infinite:
        bad |= np.isinf(values)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        wanted = "a number" if infinite else "a finite number"
        wanted += "" if below_zero else ", not negative"
        where = f"[{', '.join(map(str, place))}]" if place else ""
        raise ValueError(f"{name}{where} = {float(values[place])!r} must be {wanted}")


def _require_fit(cap: np.ndarray, weight: np.ndarray, shapes: tuple[tuple[int, ...], ...]) -> None:
    if weight.shape not in shapes:
        raise ValueError(f"weight of shape {weight.shape} does not fit deficiency_kwh of shape {cap.shape}")


def _supply(supply: Any, name: str) -> float:
    try:
        value = float(supply)
    except TypeError:
        raise ValueError(f"{name} must be one number for one interval, not of shape {np.shape(supply)}") from None
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{name} = {value!r} must be a finite number, not negative")
    return value


def _raise_for(cap: np.ndarray, weight: np.ndarray) -> None:
    """Say what a kernel that returned NaN has met."""
    raise_if_bad(cap, "deficiency_kwh")
    raise_if_bad(weight, "weight")
    raise ValueError("deficiency_kwh / weight or their sums exceed the range of float64: scale the data")


def _fill_batch(
    start: np.ndarray, cap: np.ndarray, weight: np.ndarray, offset: float, supply: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solve each row: rows in parallel, or one after another in parallel blocks where a row is large."""
    intervals, members = cap.shape
    weight = weight if weight.ndim == 2 else weight[np.newaxis]
    out, level = np.empty(cap.shape), np.empty(intervals)
    if members >= LARGE:
        for t in range(intervals):
            row = weight[t if len(weight) > 1 else 0]
            level[t] = fill_large(start[t], cap[t], row, offset, float(supply[t]), out[t])
    elif cap.size < PARALLEL_FROM:
        fill_rows(start, cap, weight, offset, supply, out, level, 0, intervals)
    else:
        groups = -(-intervals // ROWS_AT_ONCE)

        def solve(first: int, last: int) -> None:
            end = min(intervals, last * ROWS_AT_ONCE)
            fill_rows(start, cap, weight, offset, supply, out, level, first * ROWS_AT_ONCE, end)

        in_parallel(solve, groups)
    return out, level


def _allocate_batch(cap: np.ndarray, weight: np.ndarray, supply: ArrayLike, offset: float) -> tuple[np.ndarray, Levels]:
    """Solve a batch of intervals, after checking shapes and values."""
    if cap.ndim != 2:
        raise ValueError(f"deficiency_kwh must be of shape (n,) or (T, n), not {cap.shape}")
    _require_fit(cap, weight, (cap.shape, cap.shape[1:]))
    supplies = as_floats(supply, "supply_kwh")
    if supplies.shape != cap.shape[:1]:
        raise ValueError(f"supply_kwh of shape {supplies.shape} does not fit deficiency_kwh of shape {cap.shape}")
    raise_if_bad(supplies, "supply_kwh")
    out, levels = _fill_batch(cap, cap, weight, offset, supplies)
    if np.isnan(levels).any():
        _raise_for(cap, weight)
    return out, levels


def _allocate(cap: Any, weight: Any, supply: Any, offset: float) -> tuple[np.ndarray, Levels]:
    """Solve one interval or a batch of the rule with the given offset, after checking shapes and values.

    A few hundred members are solved in the time of some Python calls. So arguments that the compiler takes as they are
    pass on one condition, the kernel itself checks sizes and supply, and what is wrong is only then looked for.
    """
    if not (
        type(cap) is type(weight) is ndarray
        and cap.dtype is weight.dtype is FLOAT
        and cap.ndim == weight.ndim == 1
        and cap.flags.carray
        and weight.flags.carray
        and isinstance(supply, float)
    ):
        cap, weight = as_floats(cap, "deficiency_kwh"), as_floats(weight, "weight")
        if cap.ndim != 1:
            return _allocate_batch(cap, weight, supply, offset)
        _require_fit(cap, weight, (cap.shape,))
        supply = _supply(supply, "supply_kwh")
    n = len(cap)
    x = empty(n)
    if n < LARGE:
        level = fill_one(cap, weight, offset, supply, x)
    else:
        _require_fit(cap, weight, (cap.shape,))
        level = fill_large(cap, cap, weight, offset, _supply(supply, "supply_kwh"), x)
    if level != level:
        _require_fit(cap, weight, (cap.shape,))
        _supply(supply, "supply_kwh")
        _raise_for(cap, weight)
    return x, level


@overload
def weighted_max_min(
    deficiency_kwh: ArrayLike, weight: ArrayLike, supply_kwh: ArrayLike, *, return_level: Literal[False] = False
) -> np.ndarray: ...
@overload
def weighted_max_min(
    deficiency_kwh: ArrayLike, weight: ArrayLike, supply_kwh: ArrayLike, *, return_level: Literal[True]
) -> tuple[np.ndarray, Levels]: ...
def weighted_max_min(
    deficiency_kwh: ArrayLike, weight: ArrayLike, supply_kwh: ArrayLike, *, return_level: bool = False
) -> np.ndarray | tuple[np.ndarray, Levels]:
    """Share a supply so that the worst x / w is as good as can be, then the next: x_k = min(E_k, w_k t).

    Parameters
    ----------
    deficiency_kwh : array_like, shape (n,) or (T, n)
        What each member lacks (kWh), finite and not negative.
    weight : array_like, shape (n,) or (T, n)
        Priority weights, finite and not negative; a member of weight 0 receives nothing.
    supply_kwh : float or array_like of shape (T,)
        Energy to share (kWh); what exceeds the members' needs is left over.
    return_level : bool
        Also return t.

    Returns
    -------
    x_kwh : numpy.ndarray, shape (n,) or (T, n)
        What each member receives (kWh).
    level : float or numpy.ndarray of shape (T,)
        Only with ``return_level``: t (kWh per weight), ``inf`` where the supply meets every need (its price is 0).

    Raises
    ------
    ValueError
        For shapes that do not fit, and for NaN, negative and infinite entries, naming argument, index and value.

    Notes
    -----
    Kouvelas et al., section IV.B, Algorithm 1 (Game-Theoretic strategy).

    Examples
    --------
    >>> weighted_max_min([1.0, 4.0, 6.0], [1.0, 1.0, 2.0], 7.0)
    array([1., 2., 4.])
    """
    x, level = _allocate(deficiency_kwh, weight, supply_kwh, 0.0)
    return (x, level) if return_level else x


@overload
def water_filling(
    deficiency_kwh: ArrayLike, weight: ArrayLike, supply_kwh: ArrayLike, *, return_level: Literal[False] = False
) -> np.ndarray: ...
@overload
def water_filling(
    deficiency_kwh: ArrayLike, weight: ArrayLike, supply_kwh: ArrayLike, *, return_level: Literal[True]
) -> tuple[np.ndarray, Levels]: ...
def water_filling(
    deficiency_kwh: ArrayLike, weight: ArrayLike, supply_kwh: ArrayLike, *, return_level: bool = False
) -> np.ndarray | tuple[np.ndarray, Levels]:
    """Share a supply so that the social welfare sum w log2(1 + x / E) is greatest: x_k = w_k clip(L - H_k, 0, H_k).

    Parameters
    ----------
    deficiency_kwh : array_like, shape (n,) or (T, n)
        What each member lacks (kWh), finite and not negative.
    weight : array_like, shape (n,) or (T, n)
        Priority weights, finite and not negative; a member of weight 0 receives nothing.
    supply_kwh : float or array_like of shape (T,)
        Energy to share (kWh); what exceeds the members' needs is left over.
    return_level : bool
        Also return L.

    Returns
    -------
    x_kwh : numpy.ndarray, shape (n,) or (T, n)
        What each member receives (kWh).
    level : float or numpy.ndarray of shape (T,)
        Only with ``return_level``: L (kWh per weight), ``inf`` where the supply meets every need (its price is 0), the
        lowest H where there is no supply.

    Raises
    ------
    ValueError
        For shapes that do not fit, and for NaN, negative and infinite entries, naming argument, index and value.

    Notes
    -----
    Kouvelas et al., section IV.B, Algorithm 2 (Water-Filling strategy).

    Examples
    --------
    >>> water_filling([1.0, 4.0, 6.0], [1.0, 1.0, 2.0], 6.0)
    array([1., 1., 4.])
    """
    x, level = _allocate(deficiency_kwh, weight, supply_kwh, 1.0)
    return (x, level) if return_level else x


@overload
def fill_to_level(
    base: ArrayLike, cap: ArrayLike, weight: ArrayLike, total: ArrayLike, *, return_level: Literal[False] = False
) -> np.ndarray: ...
@overload
def fill_to_level(
    base: ArrayLike, cap: ArrayLike, weight: ArrayLike, total: ArrayLike, *, return_level: Literal[True]
) -> tuple[np.ndarray, Levels]: ...
def fill_to_level(
    base: ArrayLike, cap: ArrayLike, weight: ArrayLike, total: ArrayLike, *, return_level: bool = False
) -> np.ndarray | tuple[np.ndarray, Levels]:
    """Pour a total into vessels up to one level: x = w clip(L - base, 0, cap) with sum x = min(total, sum w cap).

    Parameters
    ----------
    base : array_like, shape (n,) or (T, n)
        Height at which each vessel begins (energy per weight), finite, of either sign.
    cap : array_like, shape (n,) or (T, n)
        How far each vessel can rise above its base (energy per weight), not negative; ``inf`` means no lid.
    weight : array_like, shape (n,) or (T, n)
        Width of each vessel, finite and not negative; one of width 0 takes nothing.
    total : float or array_like of shape (T,)
        What is poured (energy), finite and not negative.
    return_level : bool
        Also return L.

    Returns
    -------
    x : numpy.ndarray, shape (n,) or (T, n)
        What each vessel takes (energy).
    level : float or numpy.ndarray of shape (T,)
        Only with ``return_level``: L, in the heights of ``base``; ``inf`` where every vessel is full, the lowest useful
        base where nothing is poured.

    Raises
    ------
    ValueError
        For shapes that do not fit and for entries outside the ranges above, naming argument, index and value.

    Examples
    --------
    >>> fill_to_level([3.0, 1.0, 2.0], [5.0, 5.0, 5.0], [1.0, 1.0, 1.0], 3.0)
    array([0., 2., 1.])
    """
    heights, lids, share = as_floats(base, "base"), as_floats(cap, "cap"), as_floats(weight, "weight")
    if heights.ndim not in (1, 2):
        raise ValueError(f"base must be of shape (n,) or (T, n), not {heights.shape}")
    if lids.shape not in (heights.shape, heights.shape[-1:]):
        raise ValueError(f"cap of shape {lids.shape} does not fit base of shape {heights.shape}")
    if share.shape not in (heights.shape, heights.shape[-1:]):
        raise ValueError(f"weight of shape {share.shape} does not fit base of shape {heights.shape}")
    raise_if_bad(heights, "base", below_zero=True)
    raise_if_bad(lids, "cap", infinite=True)
    raise_if_bad(share, "weight")
    single = heights.ndim == 1
    totals = np.array([_supply(total, "total")]) if single else as_floats(total, "total")
    if totals.shape != (1 if single else len(heights),):
        raise ValueError(f"total of shape {totals.shape} does not fit base of shape {heights.shape}")
    raise_if_bad(totals, "total")
    heights, share = np.atleast_2d(heights), np.atleast_2d(share)
    # From the lowest base on, a difference of floats is exact to half an eps, however far from zero the heights are;
    # and no vessel takes more than all, so a lid at twice that (for one never reached) serves those without.
    useful = (share > 0.0) & (lids > 0.0)
    lowest = np.min(np.where(useful, heights, np.inf), axis=1, initial=np.inf, keepdims=True)
    lowest[np.isinf(lowest)] = 0.0
    with np.errstate(over="ignore"):
        start = np.maximum(heights - lowest, 0.0) * share
        enough = np.where(totals > 0.0, 2.0 * totals, 1.0)[:, np.newaxis]
        room = np.minimum(np.where(useful, lids, 0.0) * share, enough)
    if np.isinf(start).any():
        raise ValueError(BEYOND_FLOATS)  # kernels take starts as sound
    x, level = _fill_batch(start, room, share, 1.0, totals)
    if np.isnan(level).any():
        raise ValueError(BEYOND_FLOATS)
    level = level + lowest[:, 0]
    if single:
        return (x[0], float(level[0])) if return_level else x[0]
    return (x, level) if return_level else x
