"""One battery against known net energies and prices: the exact optimal schedule in O(T log T), usually O(T).

**Problem.** With the content e (soc_kwh), e[0] given and e[t+1] = rho e[t] + u[t], choose u[t] in [-D, C] and e[t+1] in
[low, high] to minimise sum_t phi_t(u[t]) - v e[T]; D is the greatest discharge over eta_d, C the greatest charge times
eta_c. Drawing c = u+ / eta_c on the AC side or giving back d = eta_d u-, phi_t(u) is the cost of net + c - d: bought at
``buy_price`` where positive, sold at ``sell_price`` where negative. For 0 <= sell <= buy charging and discharging at
once never pays (at a fixed u it raises c - d, by 1/eta_c - eta_d a kWh, and the cost rises with c - d), nor does
importing and exporting at once, and phi_t is convex with three linear pieces (:mod:`.battery_pieces`).

**Forward.** Let W_t(e) be the least cost of reaching the content e before interval t. Then W_{t+1} is the infimal
convolution of W_t(. / rho) with phi_t, restricted to [low, high]. Convex piecewise linear functions are sorted lists of
(slope, length), starting from the left end of their domain. The convolution merges two such lists (the cheapest way to
move by x uses the cheapest pieces first), scaling by rho divides slopes and multiplies lengths by it, and restriction
removes lengths from the two ends. Each interval adds three pieces and each piece is removed once. Only the slopes
alpha_t and beta_t at which the two cuts stopped are kept (-inf, inf without a cut); they are subgradients of the
function before restriction at low and at high.

**Backward.** Let lambda_{t+1} be the value of content after interval t, lambda_T = v. Minimising the unrestricted
W_{t+1}(e) - lambda_{t+1} e over [low, high]: where alpha <= lambda <= beta an unrestricted minimiser lies within the
bounds; where lambda < alpha the function rises from low on, so that e = low, with subgradient alpha there; where
lambda > beta likewise e = high. So the *water value* mu_t = clip(lambda_{t+1}, alpha_t, beta_t) is a subgradient of the
unrestricted W_{t+1} at an optimal e[t+1]. A subgradient of a convolution is one of both parts: mu_t is one of phi_t at
u[t], and rho mu_t = lambda_t one of W_t at e[t].

**Schedule.** Therefore every path with u[t] in argmin(phi_t(u) - mu_t u), e[t+1] = low where mu_t > lambda_{t+1} and
e[t+1] = high where mu_t < lambda_{t+1} is optimal, and all optimal paths are such. The first set is an interval
[a_t, b_t] between ends of pieces, the second a point or [low, high]. Going backwards, the contents from which such a
path goes on form intervals; going forwards, the change nearest to 0 is taken that stays within them. (Clipping a point
of rho e[t] + [a_t, b_t] to an interval that meets it stays in it.) So among optimal schedules this is the one whose
first interval is nearest to idling, then its second, and so on.

**Certificate.** For any mu, by weak duality, cost >= D(mu) = sum_t min_u(phi_t(u) - mu_t u) + sum_{t=1..T}
min_{low <= e <= high}(mu_{t-1} - lambda_t) e - rho mu_0 e[0], with lambda_t = rho mu_t and lambda_T = v. ``gap`` is
the schedule's cost minus D(mu), formed from the data anew: 0 but for rounding.

**Forecast horizon.** mu_t = clip_t(clip_{t+1}(... lambda_{t+h})), and alpha_s, beta_s depend on data up to interval s
and the bounds after it. Clips in sequence are one clip to the intersection of their ranges while this is not empty, and
a constant from where it is empty or a point. ``forecast_horizon[t]`` is the first h at which it is: no data from
interval t + h on can change the water value of interval t.

Accuracy: energies and prices to some 1e-13 of the greatest at hand, powers and capacities alike (a power of 1e9 kW at
10 kWh costs nine digits), whatever the number of intervals; powers and contents keep their limits exactly. A power, a
need or surplus used whole is used to the bit (no traces of import where the battery serves the need). Bounds that miss
each other by 1e-12 of the energies at hand count as touching; where losses in between multiply what that is worth,
``gap`` shows it. Determinism: the same bytes for any number of threads.

Sources: Lange, *Cloud-coordinated peer-to-peer energy sharing* (the setting: a member's battery on a sliding horizon);
Cruise, Flatley, Gibbens, Zachary, *Control of energy storage with market impact: Lagrangian approach and horizons*,
Operations Research 67 (2019) (water values and forecast horizons of a store).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .battery_fleet import NO_HORIZON, Fleet


@dataclass(frozen=True, eq=False)
class BatterySchedule:
    """An optimal schedule of one battery over T intervals, with its certificate.

    Attributes
    ----------
    cost : float
        sum(buy import - sell export) - terminal_value soc[T] (currency of the prices).
    charge_kwh, discharge_kwh : numpy.ndarray, shape (T,)
        Energy into and out of the battery on the AC side; never both in one interval.
    soc_kwh : numpy.ndarray, shape (T + 1,)
        Content before each interval, and at the end.
    import_kwh, export_kwh : numpy.ndarray, shape (T,)
        Energy bought and sold; never both in one interval.
    water_value : numpy.ndarray, shape (T,)
        What one more kWh put into the store in interval t saves (currency per kWh of content): minus the dual of that
        interval's state equation.
    gap : float
        Cost minus a lower bound from weak duality at the water values: 0 but for rounding.
    forecast_horizon : numpy.ndarray of int, shape (T,)
        Number of intervals from t on (t included) whose data decide the water value of interval t; T - t where it
        depends on the end.
    """

    cost: float
    charge_kwh: np.ndarray
    discharge_kwh: np.ndarray
    soc_kwh: np.ndarray
    import_kwh: np.ndarray
    export_kwh: np.ndarray
    water_value: np.ndarray
    gap: float
    forecast_horizon: np.ndarray


@dataclass(frozen=True, eq=False)
class BatterySchedules:
    """Optimal schedules of N batteries, stacked: the attributes of :class:`BatterySchedule` with N first.

    Attributes
    ----------
    cost, gap : numpy.ndarray, shape (N,)
        As of one schedule.
    battery_kwh : numpy.ndarray, shape (N, T)
        Energy drawn by the battery on the AC side, positive on charge.
    grid_kwh : numpy.ndarray, shape (N, T)
        Net energy from the grid, positive on import: net_kwh + battery_kwh.
    soc_kwh : numpy.ndarray, shape (N, T + 1)
        As of one schedule.
    water_value : numpy.ndarray, shape (N, T)
        As of one schedule.
    forecast_horizon : numpy.ndarray of int, shape (N, T), or (0, 0) where it was not asked for
        As of one schedule.

    Notes
    -----
    ``charge_kwh``, ``discharge_kwh``, ``import_kwh`` and ``export_kwh`` are formed when read, to keep memory low.
    """

    cost: np.ndarray
    gap: np.ndarray
    battery_kwh: np.ndarray
    grid_kwh: np.ndarray
    soc_kwh: np.ndarray
    water_value: np.ndarray
    forecast_horizon: np.ndarray

    @property
    def charge_kwh(self) -> np.ndarray:
        """Energy into the battery on the AC side, shape (N, T)."""
        return positive_part(self.battery_kwh)

    @property
    def discharge_kwh(self) -> np.ndarray:
        """Energy out of the battery on the AC side, shape (N, T)."""
        return positive_part(-self.battery_kwh)

    @property
    def import_kwh(self) -> np.ndarray:
        """Energy bought, shape (N, T)."""
        return positive_part(self.grid_kwh)

    @property
    def export_kwh(self) -> np.ndarray:
        """Energy sold, shape (N, T)."""
        return positive_part(-self.grid_kwh)


def positive_part(values: np.ndarray) -> np.ndarray:
    """Return max(values, 0), zeros without a sign."""
    return np.where(values > 0.0, values, 0.0)


def battery_schedule(
    net_kwh: ArrayLike,
    buy_price: ArrayLike,
    sell_price: ArrayLike,
    *,
    capacity_kwh: ArrayLike,
    charge_kw: ArrayLike,
    discharge_kw: ArrayLike,
    charge_efficiency: float = 1.0,
    discharge_efficiency: float = 1.0,
    dt_h: float = 1.0,
    initial_kwh: float = 0.0,
    retention: float = 1.0,
    minimum_kwh: ArrayLike = 0.0,
    terminal_kwh: float | None = None,
    terminal_value: float = 0.0,
) -> BatterySchedule:
    """Return the schedule of one battery that costs least, all data being known.

    Parameters
    ----------
    net_kwh : array_like, shape (T,)
        Demand minus supply in each interval (kWh), of either sign.
    buy_price, sell_price : array_like, shape (T,)
        Prices of import and export (currency per kWh), 0 <= sell <= buy.
    capacity_kwh, minimum_kwh : float or array_like of shape (T + 1,)
        Greatest and least content at each state (kWh). State 0 is given, whatever these bounds say of it: one outside
        them has to come within by the end of the first interval.
    charge_kw, discharge_kw : float or array_like of shape (T,)
        Greatest powers on the AC side (kW); 0 while an electric vehicle is away.
    charge_efficiency, discharge_efficiency : float
        In (0, 1].
    dt_h : float
        Length of an interval (h).
    initial_kwh : float
        Content before interval 0 (kWh).
    retention : float
        Part of the content that is left after an interval, in (0, 1]:
        soc[t+1] = retention soc[t] + charge_efficiency charge - discharge / discharge_efficiency.
    terminal_kwh : float, optional
        Least content at the end (kWh), besides ``minimum_kwh``.
    terminal_value : float
        What a kWh left at the end is worth (currency per kWh of content).

    Returns
    -------
    BatterySchedule
        Cost, flows, contents, water values, certified gap and forecast horizons. Among optimal schedules the one that
        is nearest to idling in interval 0, then in interval 1, and so on.

    Raises
    ------
    ValueError
        For shapes that do not fit, for NaN, infinite and negative entries and efficiencies outside (0, 1], naming
        argument, index and value; and unless 0 <= sell <= buy, naming the interval.
    InfeasibleError
        Where the bounds on the content cannot be kept: which interval, what is reachable, what is required, what would
        mend it.

    Notes
    -----
    Setting: Lange, *Cloud-coordinated peer-to-peer energy sharing*. Algorithm and proofs: the module's docstring.

    Examples
    --------
    >>> plan = battery_schedule([1.0, 2.0], [0.1, 0.4], [0.0, 0.0], capacity_kwh=5.0, charge_kw=3.0, discharge_kw=3.0)
    >>> float(round(plan.cost, 12)), plan.charge_kwh.tolist(), plan.soc_kwh.tolist()
    (0.3, [2.0, 0.0], [0.0, 2.0, 0.0])
    """
    fleet = Fleet.of(
        net_kwh,
        single=True,
        dt_h=dt_h,
        capacity_kwh=capacity_kwh,
        charge_kw=charge_kw,
        discharge_kw=discharge_kw,
        charge_efficiency=charge_efficiency,
        discharge_efficiency=discharge_efficiency,
        initial_kwh=initial_kwh,
        retention=retention,
        minimum_kwh=minimum_kwh,
        terminal_kwh=terminal_kwh,
        terminal_value=terminal_value,
    )
    found = _solve(fleet, buy_price, sell_price, True)
    return BatterySchedule(
        float(found.cost[0]),
        found.charge_kwh[0],
        found.discharge_kwh[0],
        found.soc_kwh[0],
        found.import_kwh[0],
        found.export_kwh[0],
        found.water_value[0],
        float(found.gap[0]),
        found.forecast_horizon[0],
    )


def _solve(fleet: Fleet, buy: ArrayLike, sell: ArrayLike, horizons: bool) -> BatterySchedules:
    stores, intervals = fleet.net_kwh.shape
    grid, drawn, value = (np.empty((stores, intervals)) for _ in range(3))
    soc = np.empty((stores, intervals + 1))
    horizon = np.empty((stores, intervals), np.int64) if horizons else NO_HORIZON
    cost, gap = np.empty(stores), np.empty(stores)
    fleet.solve(
        buy,
        sell,
        grid_kwh=grid,
        cost=cost,
        gap=gap,
        battery_kwh=drawn,
        soc_kwh=soc,
        water_value=value,
        forecast_horizon=horizon,
    )
    return BatterySchedules(cost, gap, drawn, grid, soc, value, horizon)


def battery_schedules(
    net_kwh: ArrayLike,
    buy_price: ArrayLike,
    sell_price: ArrayLike,
    *,
    capacity_kwh: ArrayLike,
    charge_kw: ArrayLike,
    discharge_kw: ArrayLike,
    charge_efficiency: ArrayLike = 1.0,
    discharge_efficiency: ArrayLike = 1.0,
    dt_h: float = 1.0,
    initial_kwh: ArrayLike = 0.0,
    retention: ArrayLike = 1.0,
    minimum_kwh: ArrayLike = 0.0,
    terminal_kwh: ArrayLike | None = None,
    terminal_value: ArrayLike = 0.0,
    forecast_horizon: bool = False,
) -> BatterySchedules:
    """Return the schedules of N batteries, each for itself, that cost least: :func:`battery_schedule` row by row.

    Parameters
    ----------
    net_kwh : array_like, shape (N, T)
        Each household's demand minus supply (kWh).
    buy_price, sell_price : array_like, shape (T,) or (N, T)
        Prices for all or for each (currency per kWh), 0 <= sell <= buy.
    capacity_kwh, minimum_kwh : float or array_like of shape (N,), (N, T + 1) or (1, T + 1)
        As of one battery; one dimension always means one entry a household.
    charge_kw, discharge_kw : float or array_like of shape (N,), (N, T) or (1, T)
        As of one battery.
    charge_efficiency, discharge_efficiency, initial_kwh, retention, terminal_kwh, terminal_value : float or (N,) array
        As of one battery.
    dt_h : float
        Length of an interval (h).
    forecast_horizon : bool
        Also form the forecast horizons.

    Returns
    -------
    BatterySchedules
        Stacked arrays; the same bytes for any number of threads (``numba.set_num_threads`` limits them).

    Raises
    ------
    ValueError
        As for one battery, naming the household besides.
    InfeasibleError
        As for one battery, naming the first household.

    Examples
    --------
    >>> plans = battery_schedules(
    ...     [[1.0, 2.0], [0.0, 1.0]], [0.1, 0.4], [0.0, 0.0], capacity_kwh=5.0, charge_kw=[3.0, 0.5], discharge_kw=3.0
    ... )
    >>> plans.cost.round(12).tolist(), plans.charge_kwh.tolist()
    ([0.3, 0.25], [[2.0, 0.0], [0.5, 0.0]])
    """
    fleet = Fleet.of(
        net_kwh,
        dt_h=dt_h,
        capacity_kwh=capacity_kwh,
        charge_kw=charge_kw,
        discharge_kw=discharge_kw,
        charge_efficiency=charge_efficiency,
        discharge_efficiency=discharge_efficiency,
        initial_kwh=initial_kwh,
        retention=retention,
        minimum_kwh=minimum_kwh,
        terminal_kwh=terminal_kwh,
        terminal_value=terminal_value,
    )
    return _solve(fleet, buy_price, sell_price, forecast_horizon)
