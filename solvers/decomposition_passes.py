r"""Compiled passes of the interior-point method over storages: :mod:`.decomposition_interior` says what they are for.

For one storage and interval t the columns are charge c, discharge d and the content x after it above its least, each
between 0 and an upper limit u, with slack w = u - x and duals z, v of the two limits. Its state equation
:math:`-x_{t+1} + \rho x_t + \eta^c c_t - d_t/\eta^d = r_t` has the water value μ for its multiplier, and the
community's balance, in which it counts with d - c, has the price π. With :math:`\theta = 1/(z/x + v/w)` the normal
equations of a Newton step are tridiagonal for each storage, :math:`M\,d\mu + b\,d\pi = g`; eliminating dμ leaves
:math:`(\mathrm{diag}(\theta_c + \theta_d) - b M^{-1} b)\,d\pi`, which is added up over storages. The inverse of a
tridiagonal matrix costs one product an entry, since each of its rows is a multiple of the next beyond the diagonal.

All storages but a few go along a step for the same share of it, those few for less: with one length for all, the worst
of millions of columns would hold up the rest, and with one for each, balances that count on all would not be met.

A column that is fixed (its limits meet) keeps x = w = z = v = 1 and has θ = 0, so that no pass has to branch.
Storages are added up in parts of fixed size: the same bytes for any number of threads.
"""

from __future__ import annotations

import numpy as np

from .kernels.jit import njit

SUMS = {"reassoc", "nsz", "contract", "nnan", "arcp"}
"""What the compiler may change: the order of sums and the like, so that loops vectorise; the same in every run."""

COLUMNS = 3
"""Of each storage and interval: charge, discharge, content after it."""

POINT = 13
"""Rows of a point: x, w, z, v of the three columns, then the water value."""

WORK = 30
"""Rows of a storage's scratch: 0 to 5, 1/x and 1/w of the three columns; 6 to 8, their θ; 9 to 11, their right sides;
12 to 17, right sides of complementarity (with z, then with v); 18, b; 19, the gap in the state equation; 20, g and then
M^-1 g; 21, θ of charge plus discharge; 22 and 23, pivots of M and their factors; 24 to 26, steps of the columns; 27 to
29, reduced costs."""

NOTES = 5
"""What a pass counts: complementarity products, open limits, greatest gap in a state equation, cost, bound."""

MOST = 1.0
"""How far Mehrotra's second-order term may go, in mean complementarity products of its storage."""

STAY = 0.995
"""How far towards the nearest limit a step goes."""


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def open_up(point: np.ndarray, limits: np.ndarray, numbers: np.ndarray, price: np.ndarray, work: np.ndarray) -> None:
    """Write reduced costs, 1/x and 1/w, θ, b, the gaps in the state equations and the factors of M."""
    count = price.size
    on_charge, per_discharge, kept, worth = numbers[0], numbers[1], numbers[2], numbers[3]
    water = point[12]
    charging, giving, holding = work[27], work[28], work[29]
    for t in range(count):
        charging[t] = price[t] - on_charge * water[t]
        giving[t] = per_discharge * water[t] - price[t]
    for t in range(count - 1):
        holding[t] = water[t] - kept * water[t + 1]
    holding[count - 1] = water[count - 1] - worth
    for k in range(COLUMNS):
        x, w, z, v, theta = point[k], point[3 + k], point[6 + k], point[9 + k], work[6 + k]
        per_x, per_w, upper = work[k], work[3 + k], limits[k]
        for t in range(count):
            per_x[t] = 1.0 / x[t]
            per_w[t] = 1.0 / w[t]
        for t in range(count):
            theta[t] = (1.0 if upper[t] > 0.0 else 0.0) / (z[t] * per_x[t] + v[t] * per_w[t])
    charged, given, stored = work[6], work[7], work[8]
    b, missing, total, pivot, fall = work[18], work[19], work[21], work[22], work[23]
    carried = 0.0
    before = 0.0
    for t in range(count):
        b[t] = -on_charge * charged[t] - per_discharge * given[t]
        total[t] = charged[t] + given[t]
        here = point[2, t] if limits[2, t] > 0.0 else 0.0
        into = point[0, t] if limits[0, t] > 0.0 else 0.0
        out = point[1, t] if limits[1, t] > 0.0 else 0.0
        missing[t] = limits[3, t] + here - kept * before - on_charge * into + per_discharge * out
        before = here
        # The pivot is a sum of positive terms, however different they are: no digit cancels.
        own = on_charge * on_charge * charged[t] + per_discharge * per_discharge * given[t] + carried + 1e-30
        pivot[t] = 1.0 / (own + stored[t])
        fall[t] = kept * stored[t] * pivot[t]
        carried = kept * kept * stored[t] * own * pivot[t]


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def take_sides(point: np.ndarray, numbers: np.ndarray, work: np.ndarray) -> None:
    """Write the columns' right sides, and M^-1 g, for the right sides of complementarity in the scratch."""
    for k in range(COLUMNS):
        z, v, gradient, reduced = point[6 + k], point[9 + k], work[9 + k], work[27 + k]
        lower, upper, per_x, per_w = work[12 + k], work[15 + k], work[k], work[3 + k]
        for t in range(z.size):
            gradient[t] = reduced[t] - z[t] + v[t] - lower[t] * per_x[t] + upper[t] * per_w[t]
    solve_sides(numbers, work)


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def solve_sides(numbers: np.ndarray, work: np.ndarray) -> None:
    """Write M^-1 g for the columns' right sides and the gaps in the state equations."""
    on_charge, per_discharge, kept = numbers[0], numbers[1], numbers[2]
    charged, given, stored = work[6], work[7], work[8]
    missing, side = work[19], work[20]
    before = 0.0
    for t in range(missing.size):
        held = stored[t] * work[11, t]
        pushed = on_charge * charged[t] * work[9, t] - per_discharge * given[t] * work[10, t]
        side[t] = missing[t] + pushed - held + kept * before
        before = held
    solve_states(work, side)


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def solve_states(work: np.ndarray, values: np.ndarray) -> None:
    """Solve M q = values of one storage in place."""
    count = values.size
    pivot, fall = work[22], work[23]
    for t in range(1, count):
        values[t] += fall[t - 1] * values[t - 1]
    values[count - 1] *= pivot[count - 1]
    for t in range(count - 2, -1, -1):
        values[t] = values[t] * pivot[t] + fall[t] * values[t + 1]


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def move_columns(
    point: np.ndarray, limits: np.ndarray, numbers: np.ndarray, turn: np.ndarray, work: np.ndarray, water: np.ndarray
) -> tuple[float, float]:
    """Write the steps of the water values and columns for a turn of the price; return how far they may go.

    The steps of the duals follow from those of their columns and are formed where needed.
    """
    on_charge, per_discharge, kept = numbers[0], numbers[1], numbers[2]
    count = turn.size
    for t in range(count):
        water[t] = -work[18, t] * turn[t]
    solve_states(work, water)
    for t in range(count):
        water[t] += work[20, t]
    for t in range(count):
        work[24, t] = work[6, t] * (on_charge * water[t] - turn[t] - work[9, t])
        work[25, t] = work[7, t] * (turn[t] - per_discharge * water[t] - work[10, t])
    for t in range(count - 1):
        work[26, t] = work[8, t] * (kept * water[t + 1] - water[t] - work[11, t])
    work[26, count - 1] = -work[8, count - 1] * (water[count - 1] + work[11, count - 1])
    shrinks, falls = 1e-9, 1e-9
    for k in range(COLUMNS):
        z, v, change = point[6 + k], point[9 + k], work[24 + k]
        lower, upper, per_x, per_w = work[12 + k], work[15 + k], work[k], work[3 + k]
        for t in range(count):
            if limits[k, t] > 0.0:
                lessened = change[t] * per_x[t]
                raised = change[t] * per_w[t]
                shrinks = max(shrinks, max(-lessened, raised))
                falls = max(falls, max(lessened - lower[t] * per_x[t] / z[t], -raised - upper[t] * per_w[t] / v[t]))
    return min(1.0, STAY / shrinks), min(1.0, STAY / falls)


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def affine_sides(point: np.ndarray, work: np.ndarray) -> None:
    """Right sides of complementarity for the step that ignores centring."""
    for k in range(6):
        one, other, right = point[k], point[6 + k], work[12 + k]
        for t in range(one.size):
            right[t] = -one[t] * other[t]


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def advance(
    edges: np.ndarray,
    first: int,
    last: int,
    point: np.ndarray,
    right: np.ndarray,
    limits: np.ndarray,
    numbers: np.ndarray,
    price: np.ndarray,
    turn: np.ndarray,
    moved: float,
    lengths: np.ndarray,
    matrices: np.ndarray,
    sides: np.ndarray,
    drawn: np.ndarray,
    notes: np.ndarray,
) -> None:
    """Take every storage's step, then add up what each part contributes to the next normal equations.

    The step is the one that the right sides in ``right`` and the turn of the price belong to; the price itself goes
    ``moved`` of the turn. With ``moved`` < 0 there is no step to take.
    """
    count = price.size
    work, row, water = np.zeros((WORK, count)), np.empty(count), np.empty(count)
    ahead = price + max(moved, 0.0) * turn
    for part in range(first, last):
        matrix, side, net, note = matrices[part], sides[part, 0], drawn[part], notes[part]
        matrix[:] = 0.0
        side[:] = 0.0
        net[:] = 0.0
        note[:] = 0.0
        for s in range(edges[part], edges[part + 1]):
            own = point[s]
            if moved >= 0.0:
                open_up(own, limits[s], numbers[s], price, work)
                work[12:18] = right[s]
                take_sides(own, numbers[s], work)
                move_columns(own, limits[s], numbers[s], turn, work, water)
                take_step(own, limits[s], work, water, lengths[s, 0], lengths[s, 1])
            open_up(own, limits[s], numbers[s], ahead, work)
            affine_sides(own, work)
            take_sides(own, numbers[s], work)
            for t in range(count):
                side[t] += work[7, t] * work[10, t] - work[6, t] * work[9, t] - work[18, t] * work[20, t]
            spread_inverse(work, row, matrix)
            value = 0.0
            least = 0.0
            products = 0.0
            opened = 0.0
            gap = 0.0
            for t in range(count):
                gap = max(gap, abs(work[19, t]))
                least += limits[s, 3, t] * own[12, t]
            for k in range(COLUMNS):
                for t in range(count):
                    if limits[s, k, t] > 0.0:
                        opened += 2.0
                        products -= work[12 + k, t] + work[15 + k, t]
                        least += min(0.0, work[27 + k, t]) * limits[s, k, t]
            for t in range(count):
                into = own[0, t] if limits[s, 0, t] > 0.0 else 0.0
                net[t] += into - (own[1, t] if limits[s, 1, t] > 0.0 else 0.0)
            if limits[s, 2, count - 1] > 0.0:
                value = -numbers[s, 3] * own[2, count - 1]
            note[0] += products
            note[1] += opened
            note[2] = max(note[2], gap)
            note[3] += value
            note[4] += least


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def take_step(
    point: np.ndarray, limits: np.ndarray, work: np.ndarray, water: np.ndarray, by_x: float, by_z: float
) -> None:
    """Go along a step, columns and duals over their own lengths."""
    for k in range(COLUMNS):
        x, w, z, v, change = point[k], point[3 + k], point[6 + k], point[9 + k], work[24 + k]
        lower, upper, per_x, per_w = work[12 + k], work[15 + k], work[k], work[3 + k]
        for t in range(water.size):
            is_open = 1.0 if limits[k, t] > 0.0 else 0.0
            z[t] += is_open * by_z * (lower[t] - z[t] * change[t]) * per_x[t]
            v[t] += is_open * by_z * (upper[t] + v[t] * change[t]) * per_w[t]
            x[t] += by_x * change[t]
            w[t] -= by_x * change[t]
    for t in range(water.size):
        point[12, t] += by_z * water[t]


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def spread_inverse(work: np.ndarray, row: np.ndarray, matrix: np.ndarray) -> None:
    """Add diag(θ_c + θ_d) - b M^-1 b of one storage to the upper half of a matrix."""
    count = row.size
    diagonal = 0.0
    for t in range(count - 1, -1, -1):
        fall = work[23, t]
        b = work[18, t]
        diagonal = work[22, t] + fall * fall * diagonal
        line = matrix[t]
        for j in range(t + 1, count):
            row[j] *= fall
            line[j] -= b * row[j]
        row[t] = diagonal * b
        line[t] += work[21, t] - b * row[t]


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def correct(
    edges: np.ndarray,
    first: int,
    last: int,
    point: np.ndarray,
    right: np.ndarray,
    limits: np.ndarray,
    numbers: np.ndarray,
    price: np.ndarray,
    turn: np.ndarray,
    sides: np.ndarray,
) -> None:
    """Look ahead along the affine step, and write the right sides of the corrected one before centring.

    ``sides`` receives what they add up to, and what each unit of the product to be reached adds.
    """
    count = price.size
    work, water = np.zeros((WORK, count)), np.empty(count)
    for part in range(first, last):
        side = sides[part]
        side[:] = 0.0
        for s in range(edges[part], edges[part + 1]):
            own = point[s]
            open_up(own, limits[s], numbers[s], price, work)
            affine_sides(own, work)
            take_sides(own, numbers[s], work)
            by_x, by_z = move_columns(own, limits[s], numbers[s], turn, work, water)
            now = 0.0
            then = 0.0
            opened = 0.0
            for k in range(COLUMNS):
                for t in range(count):
                    if limits[s, k, t] > 0.0:
                        now -= work[12 + k, t] + work[15 + k, t]
                        opened += 2.0
            most = MOST * now / max(opened, 1.0)
            for k in range(COLUMNS):
                x, w, z, v, change = own[k], own[3 + k], own[6 + k], own[9 + k], work[24 + k]
                lower, upper, per_x, per_w = work[12 + k], work[15 + k], work[k], work[3 + k]
                for t in range(count):
                    is_open = 1.0 if limits[s, k, t] > 0.0 else 0.0
                    dz = (lower[t] - z[t] * change[t]) * per_x[t]
                    dv = (upper[t] + v[t] * change[t]) * per_w[t]
                    ahead = (x[t] + by_x * change[t]) * (z[t] + by_z * dz)
                    ahead += (w[t] - by_x * change[t]) * (v[t] + by_z * dv)
                    then += is_open * ahead
                    lower[t] -= min(max(by_x * by_z * change[t] * dz, -most), most)
                    upper[t] += min(max(by_x * by_z * change[t] * dv, -most), most)
            share = max(then, 0.0) / max(now, 1e-300)
            centre = share * share * share * now / max(opened, 1.0)
            for k in range(6):
                for t in range(count):
                    work[12 + k, t] += centre
            right[s] = work[12:18]
            take_sides(own, numbers[s], work)
            for t in range(count):
                side[0, t] += work[7, t] * work[10, t] - work[6, t] * work[9, t] - work[18, t] * work[20, t]
            # The right sides are linear in the product to be reached, which is not known before all have answered.
            for k in range(COLUMNS):
                for t in range(count):
                    work[9 + k, t] = work[3 + k, t] - work[k, t]
                    work[19, t] = 0.0
            solve_sides(numbers[s], work)
            for t in range(count):
                side[1, t] += work[7, t] * work[10, t] - work[6, t] * work[9, t] - work[18, t] * work[20, t]


@njit(error_model="numpy", nogil=True, fastmath=SUMS)
def reach(
    edges: np.ndarray,
    first: int,
    last: int,
    point: np.ndarray,
    right: np.ndarray,
    limits: np.ndarray,
    numbers: np.ndarray,
    price: np.ndarray,
    turn: np.ndarray,
    centre: float,
    lengths: np.ndarray,
) -> None:
    """Add the product to be reached to the right sides, and write how far each storage may go."""
    work, water = np.zeros((WORK, price.size)), np.empty(price.size)
    for s in range(edges[first], edges[last]):
        own = point[s]
        open_up(own, limits[s], numbers[s], price, work)
        right[s] += centre
        work[12:18] = right[s]
        take_sides(own, numbers[s], work)
        lengths[s, 0], lengths[s, 1] = move_columns(own, limits[s], numbers[s], turn, work, water)
