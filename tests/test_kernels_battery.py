"""The battery kernel against HiGHS, brute force, hand-solved cases, its own definitions and every trap on record.

HiGHS gets the linear program built here from arrays, with charging and discharging, import and export apart: nothing in
it knows that doing both at once never pays, nor anything of slopes.
"""

import math
from itertools import product

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from commonwatt.solvers.kernels import battery_heap, battery_rows, battery_schedule, battery_schedules
from commonwatt.solvers.kernels.battery_fleet import Fleet
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from commonwatt import InfeasibleError

DEFAULTS = {
    "charge_efficiency": 1.0,
    "discharge_efficiency": 1.0,
    "initial_kwh": 0.0,
    "retention": 1.0,
    "minimum_kwh": 0.0,
    "terminal_kwh": None,
    "terminal_value": 0.0,
}


def highs(net, buy, sell, *, inject=None, dt_h=1.0, **battery):
    """Return HiGHS's answer to the linear program, None where a bound contradicts another."""
    b = DEFAULTS | battery
    count = len(net)
    one, nothing = sp.eye(count), sp.csr_matrix((count, 2 * count))
    least = np.broadcast_to(b["minimum_kwh"], count + 1)[1:].copy()
    most = np.broadcast_to(b["capacity_kwh"], count + 1)[1:]
    if b["terminal_kwh"] is not None:
        least[-1] = max(least[-1], b["terminal_kwh"])
    state = sp.eye(count) - b["retention"] * sp.eye(count, k=-1)
    rows = sp.vstack(
        [
            sp.hstack([-b["charge_efficiency"] * one, one / b["discharge_efficiency"], nothing, state]),
            sp.hstack([one, -one, -one, one, sp.csr_matrix((count, count))]),
        ]
    )
    rhs = np.concatenate([np.zeros(count) if inject is None else inject, -np.asarray(net, float)])
    rhs[0] += b["retention"] * b["initial_kwh"]
    price = np.concatenate([np.zeros(2 * count), buy, -np.asarray(sell, float), np.zeros(count)])
    price[-1] -= b["terminal_value"]
    power = [np.broadcast_to(b[name], count) * dt_h for name in ("charge_kw", "discharge_kw")]
    upper = np.concatenate([*power, np.full(2 * count, np.inf), most])
    lower = np.concatenate([np.zeros(4 * count), least])
    if (lower > upper).any():
        return None
    return linprog(price, A_eq=rows.tocsr(), b_eq=rhs, bounds=np.column_stack([lower, upper]), method="highs")


def random_case(rng, longest=24):
    """A small problem of a random kind: integers full of ties or reals, with every feature now and then."""
    count = int(rng.integers(1, longest + 1))
    if rng.random() < 0.5:

        def draw(low, high, size=None):
            return rng.integers(low, high + 1, size).astype(float)
    else:

        def draw(low, high, size=None):
            return rng.uniform(low, high, size)

    net, buy = draw(-4, 4, count), draw(0, 4, count)
    sell = buy * rng.choice([0.0, 0.25, 0.5, 1.0], count)
    kind = rng.integers(4)
    sell = buy.copy() if kind == 0 else np.zeros(count) if kind == 1 else sell
    battery = {"capacity_kwh": draw(0, 8), "charge_kw": draw(0, 4), "discharge_kw": draw(0, 4)}
    if rng.random() < 0.5:
        battery |= {
            "charge_efficiency": rng.choice([0.5, 0.9, 1.0]),
            "discharge_efficiency": rng.choice([0.5, 0.83, 1.0]),
        }
    if rng.random() < 0.4:
        battery |= {"retention": rng.choice([0.1, 0.5, 0.9, 0.99, 0.9999])}
    if rng.random() < 0.4:
        battery |= {"dt_h": rng.choice([0.25, 0.5, 2.0])}
    if rng.random() < 0.5:
        battery |= {"initial_kwh": draw(0, 8)}
    if rng.random() < 0.3:
        battery |= {"terminal_value": draw(-1, 4)}
    if rng.random() < 0.3:
        battery |= {"terminal_kwh": draw(0, 4)}
    if rng.random() < 0.3:
        here = rng.integers(0, 2, count)
        battery |= {"charge_kw": draw(0, 4, count) * here, "discharge_kw": draw(0, 4, count) * here}
    if rng.random() < 0.3:
        battery |= {"capacity_kwh": draw(2, 8, count + 1), "minimum_kwh": draw(0, 2, count + 1)}
    elif rng.random() < 0.3:
        battery |= {"minimum_kwh": rng.choice([0.0, 0.5, 1.0]) * battery["capacity_kwh"]}
    return (net, buy, sell), battery


def solve(data, battery, limit=battery_rows.LIMIT):
    """The public function, or with another ``limit`` the same through the heap."""
    if limit == battery_rows.LIMIT:
        return battery_schedule(*data, **battery)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fleet.solve, "__kwdefaults__", Fleet.solve.__kwdefaults__ | {"limit": limit})
        return battery_schedule(*data, **battery)


def assert_schedule(plan, data, battery, scale=1.0):
    """Limits, balances, cost and certificate, recomputed from the flows."""
    net, buy, sell = (np.asarray(v, float) for v in data)
    b = DEFAULTS | {"dt_h": 1.0} | battery
    count = net.size
    close = 1e-12 * scale * (1.0 + np.abs(net).max() + np.max(b["capacity_kwh"]) + b["initial_kwh"])
    for flow in (plan.charge_kwh, plan.discharge_kwh, plan.import_kwh, plan.export_kwh):
        assert flow.shape == (count,)
        assert (flow >= 0.0).all()
        assert not np.signbit(flow).any()
    assert (plan.charge_kwh <= np.broadcast_to(b["charge_kw"], count) * b["dt_h"]).all()
    assert (plan.discharge_kwh <= np.broadcast_to(b["discharge_kw"], count) * b["dt_h"]).all()
    assert not (plan.charge_kwh * plan.discharge_kwh).any()
    assert not (plan.import_kwh * plan.export_kwh).any()
    grid = net + plan.charge_kwh - plan.discharge_kwh
    np.testing.assert_array_equal(plan.import_kwh - plan.export_kwh, grid)
    soc = plan.soc_kwh
    assert soc[0] == b["initial_kwh"]
    low, high = (np.broadcast_to(b[name], count + 1)[1:].copy() for name in ("minimum_kwh", "capacity_kwh"))
    low[-1] = max(low[-1], b["terminal_kwh"] or 0.0)
    assert ((soc[1:] >= low) & (soc[1:] <= high)).all()
    moved = b["charge_efficiency"] * plan.charge_kwh - plan.discharge_kwh / b["discharge_efficiency"]
    np.testing.assert_allclose(soc[1:], b["retention"] * soc[:-1] + moved, rtol=0, atol=close)
    paid = math.fsum(buy * plan.import_kwh) - math.fsum(sell * plan.export_kwh) - b["terminal_value"] * soc[-1]
    money = (1.0 + abs(paid) + np.abs(buy * net).sum()) * scale
    assert abs(plan.cost - paid) <= 1e-12 * money
    assert abs(plan.gap) <= 1e-10 * money
    return money


def assert_optimal(data, battery, limit=battery_rows.LIMIT):
    """Agree with HiGHS on feasibility and on the cost; return whether there was a schedule."""
    answer = highs(*data, **battery)
    try:
        plan = solve(data, battery, limit)
    except InfeasibleError:
        assert answer is None or answer.status == 2, (data, battery)
        return False
    if answer is not None and answer.status == 2:
        # Bounds that miss each other by rounding alone count as touching: a little more room and HiGHS agrees.
        room = {"capacity_kwh": battery["capacity_kwh"] + 1e-11}
        room |= {name: battery[name] - 1e-11 for name in ("minimum_kwh", "terminal_kwh") if name in battery}
        assert highs(*data, **battery | room).status == 0, (data, battery)
        return True
    assert answer is not None, (data, battery)
    assert answer.status == 0, (data, battery)
    money = assert_schedule(plan, data, battery)
    assert abs(plan.cost - answer.fun) <= 1e-9 * money, (data, battery, plan.cost, answer.fun)
    return True


@pytest.mark.parametrize("limit", [battery_rows.LIMIT, 2])
def test_random_programs_agree_with_highs(limit):
    rng = np.random.default_rng(1 + limit)
    feasible = sum(assert_optimal(*random_case(rng), limit) for _ in range(300))
    assert 150 < feasible < 290


@pytest.mark.sweep
@pytest.mark.parametrize("limit", [battery_rows.LIMIT, 0, 5])
def test_thousands_of_random_programs_agree_with_highs(limit):
    rng = np.random.default_rng(3 + limit)
    for _ in range(3000):
        assert_optimal(*random_case(rng), limit)
    for _ in range(200):
        assert_optimal(*random_case(rng, longest=200), limit)


def least_cost_on_a_grid(net, buy, sell, capacity, charge, discharge, initial, terminal, value):
    """Dynamic programme over whole kWh: with whole data and no losses the best schedule is among them."""
    cost = {initial: 0.0}
    for need, dear, cheap in zip(net, buy, sell, strict=True):
        after = {}
        for here, u in product(cost, range(-discharge, charge + 1)):
            grid = need + u
            if 0 <= here + u <= capacity:
                spent = cost[here] + (dear if grid > 0 else cheap) * grid
                after[here + u] = min(after.get(here + u, math.inf), spent)
        cost = after
    return min((spent - value * e for e, spent in cost.items() if e >= terminal), default=math.inf)


def test_whole_numbers_meet_brute_force():
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(300):
        count = int(rng.integers(1, 7))
        net, buy = rng.integers(-3, 4, count), rng.integers(0, 5, count)
        sell = np.minimum(buy, rng.integers(0, 5, count))
        capacity, charge, discharge, initial, terminal = (
            int(v) for v in rng.integers([0, 0, 0, 0, 0], [6, 4, 4, 6, 3])
        )
        initial, value = min(initial, capacity), int(rng.integers(0, 5))
        wanted = least_cost_on_a_grid(net, buy, sell, capacity, charge, discharge, initial, terminal, value)
        battery = {"capacity_kwh": capacity, "charge_kw": charge, "discharge_kw": discharge, "initial_kwh": initial}
        battery |= {"terminal_kwh": terminal, "terminal_value": value}
        if wanted == math.inf:
            with pytest.raises(InfeasibleError):
                battery_schedule(net, buy, sell, **battery)
            continue
        plan = battery_schedule(net, buy, sell, **battery)
        assert plan.cost == wanted
        assert plan.gap == 0.0
        found += 1
    assert found > 150


def test_a_cheap_and_a_dear_hour_by_hand():
    # 4 kWh are needed in the dear hour; at 0.8 each way 6.25 kWh have to be bought, 5 kWh fit, so 5 / 0.8 are bought.
    plan = battery_schedule(
        [0.0, 4.0],
        [0.1, 0.5],
        [0.0, 0.0],
        capacity_kwh=4.0,
        charge_kw=10.0,
        discharge_kw=10.0,
        charge_efficiency=0.8,
        discharge_efficiency=0.8,
    )
    np.testing.assert_allclose(plan.charge_kwh, [5.0, 0.0], rtol=1e-15)
    np.testing.assert_allclose(plan.discharge_kwh, [0.0, 3.2], rtol=1e-15)
    np.testing.assert_allclose(plan.import_kwh, [5.0, 0.8], rtol=1e-14)
    assert plan.cost == pytest.approx(0.5 + 0.4, rel=1e-14)
    # A kWh put in before the store is full would spare a purchase of 1 / 0.8; one put in afterwards serves 0.8 kWh.
    np.testing.assert_allclose(plan.water_value, [0.125, 0.4], rtol=1e-14)
    assert plan.soc_kwh.tolist() == [0.0, 4.0, 0.0]


def test_a_sunny_noon_serves_the_evening_to_the_bit():
    net = [0.7, -1.1, -2.3, 0.9, 1.3]
    plan = battery_schedule(
        net,
        [0.3] * 5,
        [0.08] * 5,
        capacity_kwh=9.0,
        charge_kw=5.0,
        discharge_kw=5.0,
        charge_efficiency=0.93,
        discharge_efficiency=0.97,
    )
    assert plan.import_kwh.tolist() == [0.7, 0.0, 0.0, 0.0, 0.0]  # no trace of the efficiencies' rounding
    assert plan.discharge_kwh.tolist() == [0.0, 0.0, 0.0, 0.9, 1.3]
    # The content that the evening needs costs exports; nothing is left over.
    assert plan.soc_kwh[-1] == 0.0
    assert plan.water_value == pytest.approx([0.3 * 0.97] + [0.08 / 0.93] * 4)


def test_ties_idle_as_early_as_they_can():
    # Three equal hours to charge in and one to use it: any of them would do.
    plan = battery_schedule(
        [0.0, 0.0, 0.0, 2.0], [1, 1, 1, 2], [0] * 4, capacity_kwh=5.0, charge_kw=2.0, discharge_kw=2.0
    )
    assert plan.charge_kwh.tolist() == [0.0, 0.0, 2.0, 0.0]
    flat = battery_schedule([1.0, -1.0], [1.0, 1.0], [1.0, 1.0], capacity_kwh=5.0, charge_kw=2.0, discharge_kw=2.0)
    assert flat.charge_kwh.tolist() == flat.discharge_kwh.tolist() == [0.0, 0.0]
    free = battery_schedule([1.0, 1.0], [0.0, 0.0], [0.0, 0.0], capacity_kwh=5.0, charge_kw=2.0, discharge_kw=2.0)
    assert free.charge_kwh.tolist() == free.discharge_kwh.tolist() == [0.0, 0.0]


def test_a_vehicle_comes_leaves_and_must_be_charged():
    away = np.array([0, 0, 1, 1, 1, 0, 0, 0])
    least = np.zeros(9)
    least[2] = 30.0  # at departure
    data = np.zeros(8), np.array([3, 1, 1, 1, 1, 2, 1, 2]) / 10, np.full(8, 0.05)
    battery = {
        "capacity_kwh": 40.0,
        "charge_kw": 11.0 * (1 - away),
        "discharge_kw": 0.0,
        "initial_kwh": 12.0,
        "minimum_kwh": least,
    }
    plan = battery_schedule(*data, **battery)
    assert_schedule(plan, data, battery)
    np.testing.assert_allclose(plan.charge_kwh, [7.0, 11.0, 0, 0, 0, 0, 0, 0], atol=1e-14)
    assert plan.water_value[0] == pytest.approx(0.3)
    assert_optimal(data, battery)


def test_nothing_to_do_without_capacity_or_power():
    data = [1.0, -2.0, 3.0], [0.3, 0.2, 0.4], [0.1, 0.1, 0.1]
    for battery in (
        {"capacity_kwh": 0.0, "charge_kw": 3.0, "discharge_kw": 3.0},
        {"capacity_kwh": 5.0, "charge_kw": 0.0, "discharge_kw": 0.0, "initial_kwh": 5.0, "terminal_value": 0.2},
        {"capacity_kwh": 5.0, "charge_kw": 0.0, "discharge_kw": 3.0},
    ):
        plan = battery_schedule(*data, **battery)
        assert_schedule(plan, data, battery)
        assert plan.import_kwh.tolist() == [1.0, 0.0, 3.0]
        assert plan.export_kwh.tolist() == [0.0, 2.0, 0.0]
        assert plan.cost == pytest.approx(0.3 - 0.2 + 1.2 - 0.2 * plan.soc_kwh[-1])


def test_a_content_outside_its_bounds_comes_within_at_once_or_not_at_all():
    data = [0.0, 0.0], [1.0, 1.0], [0.5, 0.5]
    plan = battery_schedule(*data, capacity_kwh=4.0, charge_kw=3.0, discharge_kw=3.0, initial_kwh=6.0)
    assert plan.soc_kwh.tolist()[0] == 6.0
    assert plan.soc_kwh[1] <= 4.0
    with pytest.raises(InfeasibleError, match=r"interval 0: .* 6 to 12 kWh.* raise discharge_kw"):
        battery_schedule(*data, capacity_kwh=4.0, charge_kw=3.0, discharge_kw=3.0, initial_kwh=9.0)


@pytest.mark.parametrize(
    ("battery", "words"),
    [
        ({"terminal_kwh": 5.0}, r"interval 2: .* 0 to 3 kWh, .* 5 to 8 kWh \(state 3\); .*terminal_kwh to at most 3 "),
        ({"terminal_kwh": 9.0}, r"interval 2: .*terminal_kwh = 9 > capacity_kwh = 8"),
        ({"minimum_kwh": [0, 0, 4, 0]}, r"interval 1: .* 0 to 2 kWh, .* 4 to 8 kWh .*raise charge_kw"),
        ({"minimum_kwh": 9.0}, r"interval 0: .*minimum_kwh = 9 > capacity_kwh = 8"),
        (
            {"capacity_kwh": [8, 8, 1, 8], "initial_kwh": 5.0, "discharge_kw": 1.0},
            r"interval 1: .* 3 to 7 kWh.*capacity_kwh to at least 3 kWh",
        ),
    ],
)
def test_what_cannot_be_kept_is_said(battery, words):
    data = [1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]
    battery = {"capacity_kwh": 8.0, "charge_kw": 1.0, "discharge_kw": 1.0} | battery
    with pytest.raises(InfeasibleError, match=words):
        battery_schedule(*data, **battery)
    answer = highs(*data, **battery)
    assert answer is None or answer.status == 2
    # The same as the second of two households, the first of which has room for everything.
    table = {"terminal_kwh": 0.0, "initial_kwh": 0.0, "minimum_kwh": 0.0} | battery
    first = {"terminal_kwh": 0.0, "initial_kwh": 0.0, "minimum_kwh": 0.0, "capacity_kwh": 8.0}
    for name, good in first.items():
        states = (4,) if name in ("minimum_kwh", "capacity_kwh") else ()
        table[name] = np.stack([np.broadcast_to(good, states), np.broadcast_to(table[name], states)]).astype(float)
    with pytest.raises(InfeasibleError, match="household 1, " + words):
        battery_schedules([data[0]] * 2, *data[1:], **table)


def test_bounds_that_just_touch_are_kept():
    # Ten steps of 0.1 reach 1 only up to rounding.
    data = np.zeros(10), np.ones(10), np.zeros(10)
    battery = {"capacity_kwh": 1.0, "charge_kw": 0.1, "discharge_kw": 0.1, "terminal_kwh": 1.0}
    plan = battery_schedule(*data, **battery)
    assert_schedule(plan, data, battery)
    assert plan.cost == pytest.approx(1.0, rel=1e-14)
    thirds = battery | {"charge_efficiency": 0.7, "terminal_kwh": 0.7, "capacity_kwh": 0.7}
    assert battery_schedule(*data, **thirds).cost == pytest.approx(1.0, rel=1e-14)
    battery = {"capacity_kwh": 0.0, "charge_kw": 0.1, "discharge_kw": 0.1, "initial_kwh": 0.1}
    assert battery_schedule(*data, **battery).soc_kwh.tolist() == [0.1] + [0.0] * 10


def test_water_values_are_what_another_kilowatt_hour_saves():
    rng = np.random.default_rng(5)
    checked = 0
    for _ in range(120):
        data, battery = random_case(rng, longest=10)
        try:
            plan = battery_schedule(*data, **battery)
        except InfeasibleError:
            continue
        t = int(rng.integers(len(data[0])))
        inject = np.zeros(len(data[0]))
        inject[t] = step = 1e-5
        up, down = highs(*data, inject=inject, **battery), highs(*data, inject=-inject, **battery)
        rising = (plan.cost - up.fun) / step if up.status == 0 else -math.inf
        falling = (down.fun - plan.cost) / step if down.status == 0 else math.inf
        # The cost is convex in the injection: the water value lies between the two slopes, and is theirs where equal.
        assert rising - 1e-3 <= plan.water_value[t] <= falling + 1e-3, (data, battery, t)
        if falling - rising < 1e-5:
            assert plan.water_value[t] == pytest.approx(0.5 * (rising + falling), abs=1e-4)
            dual = highs(*data, **battery).eqlin.marginals[t]
            assert plan.water_value[t] == pytest.approx(-dual, abs=1e-4)
            checked += 1
    assert checked > 30


def test_prices_and_states_satisfy_the_conditions_of_karush_kuhn_and_tucker():
    rng = np.random.default_rng(6)
    for _ in range(300):
        data, battery = random_case(rng)
        try:
            plan = battery_schedule(*data, **battery)
        except InfeasibleError:
            continue
        net, buy, sell = data
        b = DEFAULTS | {"dt_h": 1.0} | battery
        count = net.size
        mu, charge, discharge = plan.water_value, plan.charge_kwh, plan.discharge_kwh
        most_in, most_out = (np.broadcast_to(b[n], count) * b["dt_h"] for n in ("charge_kw", "discharge_kw"))
        grid = net + charge - discharge
        # The price of the interval's energy lies between sell and buy, and is that of what is traded.
        low, high = np.where(grid > 1e-9, buy, sell), np.where(grid < -1e-9, sell, buy)
        eps = 1e-9 * (1.0 + np.abs(mu))
        on_charge, on_discharge = mu * b["charge_efficiency"], mu / b["discharge_efficiency"]
        assert (on_charge <= high + eps)[charge < most_in - 1e-9].all()
        assert (on_charge >= low - eps)[charge > 1e-9].all()
        assert (on_discharge >= low - eps)[discharge < most_out - 1e-9].all()
        assert (on_discharge <= high + eps)[discharge > 1e-9].all()
        after = np.append(b["retention"] * mu[1:], b["terminal_value"])
        least, most = (np.broadcast_to(b[n], count + 1)[1:].copy() for n in ("minimum_kwh", "capacity_kwh"))
        least[-1] = max(least[-1], b["terminal_kwh"] or 0.0)
        soc = plan.soc_kwh[1:]
        room = 1e-9 * (1.0 + most)
        assert (mu >= after - eps)[soc < most - room].all()
        assert (mu <= after + eps)[soc > least + room].all()


def test_no_data_beyond_the_forecast_horizon_matter():
    rng = np.random.default_rng(7)
    seen = 0
    for _ in range(300):
        data, battery = random_case(rng, longest=40)
        battery = {k: np.max(v) for k, v in battery.items() if k != "terminal_kwh"} | {"minimum_kwh": 0.0}
        battery["initial_kwh"] = min(battery.get("initial_kwh", 0.0), battery["capacity_kwh"])
        plan = battery_schedule(*data, **battery)
        count = data[0].size
        ends = plan.forecast_horizon + np.arange(count)
        assert (plan.forecast_horizon >= 1).all()
        assert (ends <= count).all()
        assert (np.diff(ends) >= 0).all()
        for t in range(0, count, 3):
            if ends[t] == count:
                continue
            other = [v.copy() for v in data]
            other[0][ends[t] :] = rng.uniform(-5, 5, count - ends[t])
            other[1][ends[t] :] = rng.uniform(3, 9, count - ends[t])
            other[2][ends[t] :] = rng.uniform(0, 3, count - ends[t])
            value = {"terminal_value": rng.uniform(0, 9)}
            assert battery_schedule(*other, **battery | value).water_value[t] == plan.water_value[t]
            seen += 1
    assert seen > 300


@pytest.mark.parametrize("retention", [1.0, 0.98, 0.1, 1e-30])
def test_the_forecast_horizon_is_the_first_that_suffices(retention):
    rng = np.random.default_rng(8)
    for _ in range(60):
        count = int(rng.integers(2, 30))
        net, buy = rng.normal(0.0, 2.0, count), rng.uniform(1.0, 3.0, count)
        sell = buy * rng.uniform(0.0, 1.0, count)
        battery = {
            "capacity_kwh": 6.0,
            "charge_kw": 2.0,
            "discharge_kw": 3.0,
            "retention": retention,
            "charge_efficiency": 0.9,
        }
        horizon = battery_schedule(net, buy, sell, **battery).forecast_horizon

        def water_value(t, end, value):
            data = net[:end], buy[:end], sell[:end]  # noqa: B023  (used within this round)
            return battery_schedule(*data, **battery, terminal_value=value).water_value[t]  # noqa: B023

        for t in rng.integers(0, count, 4):
            end = t + horizon[t]
            if end < count:
                assert water_value(t, end, -1e9) == water_value(t, end, 1e9)
            if horizon[t] > 1:
                # A price so far off that it shows through the losses in between.
                far = 1e9 * max(retention ** float(horizon[t]), 1e-100) ** -1
                if retention ** float(horizon[t]) > 1e-100:
                    assert water_value(t, end - 1, -far) < water_value(t, end - 1, far)


def test_the_heap_keeps_the_order_of_a_sorted_list():
    rng = np.random.default_rng(9)
    for _ in range(200):
        start = np.sort(rng.integers(0, 20, rng.integers(0, 12)).astype(float))
        keys, sizes = np.empty(400), np.empty(400)
        count = battery_heap.pair_ends(start, start + 0.5, 0, start.size, keys, sizes)
        kept = start.tolist()
        for _ in range(100):
            what = rng.integers(4)
            if what < 2 or not kept:
                key = float(rng.integers(0, 20))
                count = battery_heap.push(keys, sizes, count, key, key + 0.5)
                kept = sorted([*kept, key])
            elif what == 2:
                assert keys[0] == kept.pop(0)
                count = battery_heap.drop_least(keys, sizes, count)
            else:
                assert keys[min(1, count - 1)] == kept.pop()
                count = battery_heap.drop_greatest(keys, sizes, count)
            assert count == len(kept)
            np.testing.assert_array_equal(sizes[:count], keys[:count] + 0.5)
            if kept:
                assert (keys[0], keys[min(1, count - 1)]) == (kept[0], kept[-1])


def year(count=8760, seed=0):
    """A household with panels under spot prices."""
    rng = np.random.default_rng(seed)
    hour = np.arange(count)
    load = (0.4 + 0.5 * np.exp(-(((hour % 24) - 19) ** 2) / 6)) * rng.lognormal(0.0, 0.4, count)
    season = 0.55 - 0.45 * np.cos(2 * np.pi * hour / 8760)
    sun = 5 * season * np.clip(np.sin(((hour % 24) - 6) / 12 * np.pi), 0, None) * rng.uniform(0.2, 1.0, count)
    buy = np.clip(0.25 + 0.06 * np.sin(hour / 24 * 4 * np.pi) + 0.03 * rng.normal(size=count), 0.08, None)
    return load - sun, buy, np.full(count, 0.08)


@pytest.mark.parametrize("retention", [1.0, 0.9999, 0.97])
@pytest.mark.parametrize(("capacity", "power"), [(10.0, 5.0), (2500.0, 4.0)])
def test_a_year_of_hours_is_certified(retention, capacity, power):
    data = year()
    battery = {
        "capacity_kwh": capacity,
        "charge_kw": power,
        "discharge_kw": power,
        "retention": retention,
        "charge_efficiency": 0.95,
    }
    plan = battery_schedule(*data, **battery)
    assert_schedule(plan, data, battery, scale=10.0)
    assert abs(plan.gap) <= 1e-10 * abs(plan.cost)
    heap = solve(data, battery, limit=4)
    assert heap.cost == pytest.approx(plan.cost, rel=1e-12)
    np.testing.assert_allclose(heap.water_value, plan.water_value, rtol=1e-9, atol=1e-12)


def test_a_store_that_forgets_fast_meets_the_range_of_floats():
    data = year(3000)
    for retention in (0.5, 1e-3, 1e-60, 2e-100):
        battery = {
            "capacity_kwh": 8.0,
            "charge_kw": 3.0,
            "discharge_kw": 3.0,
            "retention": retention,
            "initial_kwh": 8.0,
        }
        for limit in (battery_rows.LIMIT, 1):
            plan = solve(data, battery, limit)
            assert_schedule(plan, data, battery)
            assert np.isfinite(plan.water_value).all()


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_units_do_not_matter(scale):
    data, battery = year(500), {"capacity_kwh": 8.0, "charge_kw": 3.0, "discharge_kw": 3.0, "retention": 0.999}
    plan = battery_schedule(*data, **battery)
    larger = {k: v * scale if k != "retention" else v for k, v in battery.items()}
    energies = battery_schedule(data[0] * scale, *data[1:], **larger)
    np.testing.assert_allclose(energies.soc_kwh, plan.soc_kwh * scale, rtol=1e-9, atol=1e-12 * scale)
    assert energies.cost == pytest.approx(plan.cost * scale, rel=1e-12)
    prices = battery_schedule(data[0], data[1] * scale, data[2] * scale, **battery)
    assert prices.cost == pytest.approx(plan.cost * scale, rel=1e-12)
    np.testing.assert_allclose(prices.water_value, plan.water_value * scale, rtol=1e-12)


def reals(low, high):
    """Floats with a micro-unit's resolution: none so small that scaling it would leave the normal floats."""
    return st.floats(low, high).map(lambda value: round(value, 6))


problems = st.lists(st.tuples(reals(-4.0, 4.0), reals(0.0, 3.0), reals(0.0, 1.0)), min_size=1, max_size=20)
batteries = st.fixed_dictionaries(
    {
        "capacity_kwh": reals(0.0, 10.0),
        "charge_kw": reals(0.0, 5.0),
        "discharge_kw": reals(0.0, 5.0),
        "charge_efficiency": reals(0.3, 1.0),
        "discharge_efficiency": reals(0.3, 1.0),
        "retention": reals(0.3, 1.0),
        "dt_h": st.sampled_from([0.25, 1.0, 2.0]),
        "terminal_value": reals(0.0, 1.0),
    }
)
moderate = settings(max_examples=150, derandomize=True, deadline=None)


def unpack(rows):
    net, buy, share = (np.array(v) for v in zip(*rows, strict=True))
    return net, buy, buy * share


@moderate
@given(problems, batteries)
def test_any_schedule_keeps_its_limits_and_its_certificate(rows, battery):
    data = unpack(rows)
    plan = battery_schedule(*data, **battery)
    assert_schedule(plan, data, battery)
    idle = float((np.maximum(data[0], 0) * data[1] + np.minimum(data[0], 0) * data[2]).sum())
    assert plan.cost <= idle + 1e-12 * (1.0 + abs(idle))


@moderate
@given(problems, batteries, st.sampled_from(["capacity_kwh", "charge_kw", "discharge_kw"]), reals(0.0, 5.0))
def test_more_capacity_and_more_power_never_cost(rows, battery, name, more):
    data = unpack(rows)
    cost = battery_schedule(*data, **battery).cost
    assert battery_schedule(*data, **battery | {name: battery[name] + more}).cost <= cost + 1e-11 * (1.0 + abs(cost))


@moderate
@given(problems, batteries, st.integers(-30, 30))
def test_prices_scale_and_powers_of_two_leave_the_schedule_alone(rows, battery, power):
    data = unpack(rows)
    factor = 2.0**power
    plan = battery_schedule(*data, **battery)
    value = {"terminal_value": battery["terminal_value"] * factor}
    other = battery_schedule(data[0], data[1] * factor, data[2] * factor, **battery | value)
    np.testing.assert_array_equal(other.soc_kwh, plan.soc_kwh)
    np.testing.assert_array_equal(other.water_value, plan.water_value * factor)
    kwh = {k: battery[k] * factor for k in ("capacity_kwh", "charge_kw", "discharge_kw")}
    np.testing.assert_array_equal(
        battery_schedule(data[0] * factor, *data[1:], **battery | kwh).soc_kwh, plan.soc_kwh * factor
    )


def random_fleet(rng, households, count):
    net = rng.normal(0.0, 2.0, (households, count))
    buy = rng.uniform(0.1, 0.4, (households, count))
    sell = buy * rng.uniform(0.0, 1.0, (households, count))
    battery = {
        "capacity_kwh": rng.uniform(2.0, 8.0, (households, count + 1)),
        "minimum_kwh": rng.uniform(0.0, 0.1, (households, count + 1)),
        "charge_kw": rng.uniform(1.0, 4.0, (households, count)),
        "discharge_kw": rng.uniform(9.0, 20.0, households),
        "charge_efficiency": rng.uniform(0.8, 1.0, households),
        "discharge_efficiency": 0.9,
        "retention": rng.choice([1.0, 0.99], households),
        "initial_kwh": rng.uniform(0.5, 2.0, households),
        "terminal_kwh": rng.uniform(0.0, 1.0, households),
        "terminal_value": rng.uniform(0.0, 0.3, households),
        "dt_h": 0.5,
    }
    return (net, buy, sell), battery


def test_a_batch_is_its_rows_one_by_one():
    data, battery = random_fleet(np.random.default_rng(10), 37, 60)
    plans = battery_schedules(*data, **battery, forecast_horizon=True)
    assert plans.soc_kwh.shape == (37, 61)
    for i in range(37):
        one = {k: v[i] if np.ndim(v) else v for k, v in battery.items()}
        plan = battery_schedule(*(v[i] for v in data), **one)
        assert (plans.cost[i], plans.gap[i]) == (plan.cost, plan.gap)
        for name in ("charge_kwh", "discharge_kwh", "import_kwh", "export_kwh", "soc_kwh", "water_value"):
            np.testing.assert_array_equal(getattr(plans, name)[i], getattr(plan, name))
        np.testing.assert_array_equal(plans.forecast_horizon[i], plan.forecast_horizon)
    shared = battery_schedules(data[0], data[1][0], data[2][0], **battery)
    assert shared.cost[0] == plans.cost[0]
    assert shared.forecast_horizon.size == 0


def test_the_fast_path_fills_the_same_net_schedules():
    data, battery = random_fleet(np.random.default_rng(11), 20, 48)
    plans = battery_schedules(*data, **battery)
    fleet = Fleet.of(data[0], **battery)
    grid, cost, gap = np.full((20, 48), np.nan), np.empty(20), np.empty(20)
    fleet.solve(*data[1:], grid_kwh=grid, cost=cost, gap=gap)
    np.testing.assert_array_equal(grid, plans.import_kwh - plans.export_kwh)
    np.testing.assert_array_equal(cost, plans.cost)
    np.testing.assert_array_equal(gap, plans.gap)
    with pytest.raises(ValueError, match="output array"):
        fleet.solve(*data[1:], grid_kwh=grid[:, ::2], cost=cost, gap=gap)
    with pytest.raises(ValueError, match="cost and gap"):
        fleet.solve(*data[1:], grid_kwh=grid, cost=cost[:3], gap=gap)


def test_the_bytes_do_not_depend_on_the_number_of_threads():
    data, battery = random_fleet(np.random.default_rng(12), 150, 100)
    before = numba.get_num_threads()
    answers = []
    try:
        for threads in (1, before, 1):
            numba.set_num_threads(threads)
            plans = battery_schedules(*data, **battery)
            answers.append(b"".join(getattr(plans, n).tobytes() for n in ("cost", "gap", "grid_kwh", "soc_kwh")))
    finally:
        numba.set_num_threads(before)
    assert answers[0] == answers[1] == answers[2]


def test_inputs_of_any_kind_are_read_and_never_written():
    data, battery = year(48), {"capacity_kwh": np.full(49, 5.0), "charge_kw": np.full(48, 3.0), "discharge_kw": 3.0}
    wanted = battery_schedule(*data, **battery)
    compiled = len(battery_rows.solve_rows.signatures)
    frozen = [v.copy() for v in (*data, battery["capacity_kwh"])]
    for array in frozen:
        array.flags.writeable = False
    plan = battery_schedule(*frozen[:3], **battery | {"capacity_kwh": frozen[3]})
    assert plan.cost == wanted.cost
    np.testing.assert_array_equal(plan.soc_kwh, wanted.soc_kwh)
    assert battery_schedule(*(np.repeat(v, 2)[::2] for v in data), **battery).cost == wanted.cost
    assert battery_schedule(*(v.tolist() for v in data), **battery).cost == wanted.cost
    assert len(battery_rows.solve_rows.signatures) == compiled  # read-only arrays are another type to the compiler
    np.testing.assert_array_equal(frozen[0], data[0])
    assert battery_schedule([1, 2], [1, 2], [0, 0], capacity_kwh=5, charge_kw=1, discharge_kw=1).cost == 4.0


GOOD = {
    "net_kwh": [1.0, 2.0],
    "buy_price": [0.3, 0.3],
    "sell_price": [0.1, 0.1],
    "capacity_kwh": 5.0,
    "charge_kw": 2.0,
    "discharge_kw": 2.0,
}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"net_kwh": [1.0, math.nan]}, r"net_kwh\[1\] = nan"),
        ({"net_kwh": [math.inf, -math.inf]}, r"net_kwh\[0\] = inf"),
        ({"net_kwh": []}, "net_kwh must be of shape"),
        ({"net_kwh": 3.0}, "net_kwh must be of shape"),
        ({"net_kwh": ["a", "b"]}, "net_kwh must hold real numbers"),
        ({"buy_price": [0.3]}, r"buy_price must be of shape \(2,\), not \(1,\)"),
        ({"sell_price": [[0.1, 0.1]]}, r"sell_price must be of shape \(2,\)"),
        ({"sell_price": [0.1, 0.31]}, "interval 1: sell_price 0.31 and buy_price 0.3"),
        ({"sell_price": [-0.1, 0.1]}, "interval 0: sell_price -0.1"),
        ({"sell_price": [0.1, math.nan]}, "interval 1: sell_price nan"),
        ({"buy_price": [0.3, math.inf]}, "interval 1: .*inf"),
        ({"buy_price": [math.nan, 0.3]}, "interval 0: .*nan"),
        ({"capacity_kwh": -1.0}, r"capacity_kwh = -1.0"),
        ({"capacity_kwh": math.inf}, r"capacity_kwh = inf"),
        ({"capacity_kwh": [1.0, 1.0, math.nan]}, r"capacity_kwh\[2\] = nan"),
        ({"capacity_kwh": [1.0, 1.0]}, r"capacity_kwh must be a number or of shape \(3,\), not \(2,\)"),
        ({"minimum_kwh": [0.0, 0.0, -1.0]}, r"minimum_kwh\[2\] = -1.0"),
        ({"charge_kw": [1.0, 1.0, 1.0]}, r"charge_kw must be a number or of shape \(2,\)"),
        ({"charge_kw": math.nan}, "charge_kw = nan"),
        ({"discharge_kw": [1.0, -2.0]}, r"discharge_kw\[1\] = -2.0"),
        ({"charge_efficiency": 0.0}, "charge_efficiency = 0.0 must lie above 0"),
        ({"discharge_efficiency": 1.1}, "discharge_efficiency = 1.1"),
        ({"discharge_efficiency": [0.9]}, "discharge_efficiency must be a number, not of shape"),
        ({"retention": 0.0}, "retention = 0.0"),
        ({"retention": 1e-200}, "retention = 1e-200 must lie above 1e-100"),
        ({"retention": math.nan}, "retention = nan"),
        ({"dt_h": 0.0}, "dt_h = 0.0"),
        ({"dt_h": math.nan}, "dt_h = nan"),
        ({"initial_kwh": -1.0}, "initial_kwh = -1.0"),
        ({"terminal_kwh": math.nan}, "terminal_kwh = nan"),
        ({"terminal_value": math.inf}, "terminal_value = inf"),
    ],
)
def test_bad_arguments_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        battery_schedule(**GOOD | wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"net_kwh": [1.0, 2.0]}, r"net_kwh must be of shape \(N, T\)"),
        ({"net_kwh": np.empty((0, 2))}, r"net_kwh must be of shape \(N, T\)"),
        ({"net_kwh": [[1.0, 2.0], [math.nan, 1.0], [1.0, 1.0]]}, r"net_kwh\[1, 0\] = nan"),
        ({"sell_price": [[0.1, 0.1], [0.1, 0.4], [0.1, 0.1]]}, "household 1, interval 1: sell_price 0.4"),
        ({"buy_price": [[0.3, 0.3]] * 2}, r"buy_price must be of shape \(2,\) or \(3, 2\)"),
        ({"capacity_kwh": [1.0, 1.0]}, r"capacity_kwh must be a number or of shape \(3,\), \(3, 3\) or \(1, 3\)"),
        ({"charge_kw": [[1.0, 1.0]] * 2}, r"charge_kw must be a number or of shape \(3,\), \(3, 2\)"),
        ({"charge_efficiency": [0.9, 0.0, 0.9]}, r"charge_efficiency\[1\] = 0.0"),
        ({"initial_kwh": [0.0, 0.0]}, r"initial_kwh must be a number or of shape \(3,\)"),
        ({"capacity_kwh": [1.0, -1.0, 1.0]}, r"capacity_kwh\[1\] = -1.0"),
    ],
)
def test_bad_arguments_of_a_batch_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        battery_schedules(**GOOD | {"net_kwh": [[1.0, 2.0]] * 3} | wrong)


def test_docstring_examples():
    import doctest

    from commonwatt.solvers.kernels import battery

    outcome = doctest.testmod(battery)
    assert outcome.attempted
    assert not outcome.failed
