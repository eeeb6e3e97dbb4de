"""Adjustments for a network: the optimal power flow, tangents, rules of thumb and the bound, each against another.

Strategy: one line by hand; the declared program against load flows that it does not know (a flow has to satisfy every
equation of it); the program's optimum against a grid of changes judged by sweeps; the bound against the optimum for any
prices around any point; what must not matter (order, units of money), and what must only help (ratings, flexibility).
"""

from __future__ import annotations

import pickle

import numpy as np
import pyomo.environ as pyo
import pytest
from commonwatt.instances.adjustment import AdjustmentInstance
from commonwatt.instances.errors import NoFlowError
from commonwatt.instances.sources.feeder_days import feeder_days, owners
from commonwatt.instances.sources.radial_feeder import radial_feeder
from commonwatt.instances.sources.small_adjustment import evening_street, one_line
from commonwatt.models.aggregator.acopf import UNIT_A, UNIT_V
from commonwatt.models.aggregator.adjustment import (
    AdjustmentDecision,
    AdjustmentPrices,
    cost,
    violations,
)
from commonwatt.models.aggregator.adjustment_bound import (
    cost_bound,
    kept_ranges,
    least_brackets,
    lowest_part,
    point_of,
    reach_v_per_kw,
    voltage_radius,
)
from commonwatt.models.aggregator.adjustment_program import build_acopf
from commonwatt.models.aggregator.feeder_flow import sweep
from commonwatt.solvers.adjustment_runs import adjusted, prices_of
from commonwatt.solvers.adjustment_tangents import adjust_sample
from commonwatt.solvers.feeder_limits import Limits
from commonwatt.solvers.kernels.load_flow import voltage_sensitivity
from commonwatt.solvers.network_need import NetworkNeed, network_need
from hypothesis import given
from hypothesis import strategies as st
from makers_adjustment import random_adjustment
from makers_feeder import opendss_of, opendss_voltages

import commonwatt as cw


@pytest.fixture(scope="module")
def street() -> AdjustmentInstance:
    return evening_street()


def rates(instance: AdjustmentInstance, change: np.ndarray) -> float:
    return cost(instance, AdjustmentDecision(instance=instance, adjustment_kw=change))


def within(instance: AdjustmentInstance, change: np.ndarray) -> np.ndarray:
    return np.clip(change, -instance.raisable_kw, instance.reducible_kw)


# --- by hand


def test_one_line_is_changed_as_by_hand():
    line = one_line()
    for method in ("acopf", "tangents"):
        decision = cw.solve(line, method=method).decision
        drawn = 216.2 * (230 - 216.2) / 0.5 / 1e3
        expected = [[0, 0, 0, 0], [0, 0, 1.5, 8 - drawn - 1.5], [0, -2, 0, 0], [8 - drawn, 0, 0, 0]]
        np.testing.assert_allclose(decision.adjustment_kw, expected, atol=1e-6)


def test_a_home_alone_needs_what_its_voltage_says():
    """One home: V (V0 - V) / R of power at the lowest voltage, whatever it wants."""
    line = one_line()
    alone = line.replace(
        **{"load": ["home"], "load_bus": [1], "load_phase": [0], "price": [2.0], "sample": ["low", "high"]},
        net_load_kw=[[9.0], [-16.0]],
        net_load_kvar=None,
        reducible_kw=[[9.0], [0.0]],
        raisable_kw=[[0.0], [16.0]],
        rating_a=[100.0],
    )
    low, high = 216.2 * (230 - 216.2) / 500, 253.0 * (253.0 - 230.0) / 500
    found = cw.solve(alone, method="tangents").decision.adjustment_kw
    np.testing.assert_allclose(found, [[9 - low], [-(16 - high)]], atol=1e-6)


# --- the declared program


@pytest.mark.parametrize("seed", range(12))
def test_flows_satisfy_every_equation_of_the_program(seed: int):
    instance = random_adjustment(seed)
    rng = np.random.default_rng(seed)
    change = within(instance, rng.uniform(-1, 1, instance.net_load_kw.shape) * instance.size_kw)
    flow = sweep(instance, instance.net_load_kw - change, instance.net_load_kvar)
    turn = np.exp(-1j * np.deg2rad(instance.source_angle_deg))
    for s in range(len(change)):
        model = build_acopf(instance, s)
        bus, line = flow.bus_voltage_v[s] * turn / UNIT_V, flow.line_current_a[s] * turn / UNIT_A
        power = 1e3 * (instance.net_load_kw[s] - change[s] + 1j * instance.net_load_kvar[s])
        load = np.conj(power / flow.load_voltage_v[s]) * turn[instance.load_phase] / UNIT_A
        for names, values in (("bus", bus), ("line", line), ("load", load)):
            for at in np.ndindex(values.shape):
                key = at if len(at) > 1 else at[0]
                getattr(model, f"{names}_x")[key] = float(values[at].real)
                getattr(model, f"{names}_y")[key] = float(values[at].imag)
        for j in model.home:
            model.reduced[j], model.raised[j] = max(change[s, j], 0.0), max(-change[s, j], 0.0)
        equations = [one for one in model.component_data_objects(pyo.Constraint, active=True) if one.equality]
        assert len(equations) == 2 * (3 * len(instance.line) * 2 + 3 + len(instance.load))
        for one in equations:
            assert pyo.value(one.body) == pytest.approx(pyo.value(one.upper), abs=1e-7), one.name
        kept = not violations(
            instance.replace(sample=[instance.sample[s]], **_only(instance, s)),
            AdjustmentDecision(
                instance=instance.replace(sample=[instance.sample[s]], **_only(instance, s)),
                adjustment_kw=change[s : s + 1],
            ),
        )
        inside = all(
            (one.lb is None or one.value >= one.lb - 1e-9) and (one.ub is None or one.value <= one.ub + 1e-9)
            for one in model.component_data_objects(pyo.Var)
        )
        limits = [one for one in model.component_data_objects(pyo.Constraint, active=True) if not one.equality]
        keeps = all(
            (one.upper is None or pyo.value(one.body) <= pyo.value(one.upper) * (1 + 1e-7))
            and (one.lower is None or pyo.value(one.body) >= pyo.value(one.lower) * (1 - 1e-7))
            for one in limits
        )
        # Bounds of variables follow from the data for feasible points only.
        assert keeps == kept
        assert inside or not kept


def _only(instance: AdjustmentInstance, s: int) -> dict[str, np.ndarray]:
    names = ("net_load_kw", "net_load_kvar", "reducible_kw", "raisable_kw")
    return {name: getattr(instance, name)[s : s + 1] for name in names}


@pytest.mark.parametrize("seed", [2, 7, 12, 17])
def test_no_point_of_a_grid_is_cheaper_than_the_optimum(seed: int):
    """Two homes behind one thin line and all changes on a grid, judged by sweeps."""
    rng = np.random.default_rng(seed)
    line = one_line()
    phases = [0, 0] if seed % 2 else [0, 1]
    ohm = np.full((3, 3), 0.15) + 0.35 * np.eye(3)
    net = np.array([rng.choice([-1.0, 1.0]) * rng.uniform(4.0, 9.0, 2)])
    two = line.replace(
        **{"load": ["first", "second"], "load_bus": [1, 1], "load_phase": phases, "price": rng.uniform(0.5, 1.5, 2)},
        sample=["only"],
        net_load_kw=net,
        net_load_kvar=None,
        reducible_kw=np.maximum(net, 0.0),
        raisable_kw=np.maximum(-net, 0.0),
        resistance_ohm=ohm[None],
        rating_a=[30.0],
    )
    best = cw.solve(two, method="acopf")
    assert best.objective > 0
    steps = 121
    one, other = (np.linspace(-two.raisable_kw[0, i], two.reducible_kw[0, i], steps) for i in range(2))
    grid = np.stack(np.meshgrid(one, other, indexing="ij"), axis=-1).reshape(-1, 2)
    flow = sweep(two, net - grid)
    kept = ((np.abs(flow.load_voltage_v) >= two.lowest_v) & (np.abs(flow.load_voltage_v) <= two.highest_v)).all(
        axis=1
    ) & (np.abs(flow.line_current_a) <= 30.0).all(axis=(1, 2))
    costs = 0.5 * np.abs(grid[kept]) @ two.price
    step = 0.5 * float(np.abs(net[0]) @ two.price) / (steps - 1)
    assert best.objective <= costs.min() + 1e-7
    assert costs.min() <= best.objective + 2 * step


# --- tangents


@pytest.mark.parametrize("seed", range(12))
def test_tangents_find_the_optimum_of_the_program(seed: int):
    instance = random_adjustment(seed)
    optimum, found = (cw.solve(instance, method=method) for method in ("acopf", "tangents"))
    assert found.objective == pytest.approx(optimum.objective, rel=1e-6, abs=1e-8)


def test_rows_are_tangents(street: AdjustmentInstance):
    """A small change moves each limit as its row says."""
    limits, rng = Limits.of_feeder(street), np.random.default_rng(1)
    net = street.net_load_kw[2] - 0.3 * street.reducible_kw[2]
    state = voltage_sensitivity(street, net)
    move = 1e-3 * rng.standard_normal(len(net))
    moved = voltage_sensitivity(street, net + move)
    size = np.abs(limits.value)
    for which in (0, 54, 55, 109, 110, len(limits.value) - 1):
        row, most = limits.tangent(state, net, which)
        before, after = limits.excess(state)[which] * size[which], limits.excess(moved)[which] * size[which]
        assert row @ net - most == pytest.approx(before, abs=1e-9)
        assert row @ (net + move) - most == pytest.approx(after, abs=2e-6)
        assert abs(after - before) > 1e-5


def test_excesses_of_many_samples_are_those_of_each(street: AdjustmentInstance):
    limits = Limits.of_feeder(street)
    together = limits.excesses(street.net_load_kw - 0.2 * street.reducible_kw)
    for s in (0, 5):
        state = voltage_sensitivity(street, street.net_load_kw[s] - 0.2 * street.reducible_kw[s])
        np.testing.assert_allclose(together[s], limits.excess(state), atol=1e-9)


def test_a_point_to_begin_with_changes_nothing(street: AdjustmentInstance):
    limits = Limits.of_feeder(street)
    plain = adjust_sample(street, 2, limits)
    for begin in (street.reducible_kw[2], 0.5 * street.reducible_kw[2]):
        again = adjust_sample(street, 2, limits, begin_kw=begin)
        assert again.change_kw @ street.price == pytest.approx(plain.change_kw @ street.price, rel=1e-6)


def test_one_linearisation_changes_too_little(street: AdjustmentInstance):
    linearised, optimum = (cw.solve(street, method=method) for method in ("one_linearisation", "tangents"))
    assert linearised.status == "violated"
    assert linearised.objective < optimum.objective


def test_orders_cost_what_they_forgo(street: AdjustmentInstance):
    costs = {
        method: cw.solve(street, method=method).objective
        for method in ("tangents", "effect_per_price", "effect", "same_share")
    }
    assert costs["tangents"] * (1 - 1e-7) <= costs["effect_per_price"] <= 1.001 * costs["tangents"]
    assert 1.05 * costs["tangents"] < costs["effect"]
    assert 1.05 * costs["tangents"] < costs["same_share"]


def test_another_load_flow_finds_all_limits_kept_and_some_reached():
    """OpenDSS with the same network, before adjustments and after them: what was broken, and that nothing is."""
    feeder = radial_feeder(24, seed=2, trunk_mm2=95, metres_between=(30.0, 70.0))
    feeder = feeder.replace(rating_a=0.6 * feeder.rating_a)
    days = feeder_days(feeder, 4, seed=1, heat_pump=1.0, hours=(16, 21))
    found = adjusted(days)
    chosen = np.flatnonzero((found.rounds > 0) & ~found.short)
    assert len(chosen) > 10
    engine = opendss_of(feeder)
    names = [f"h{i}" for i in range(24)]
    for s in chosen:
        for change, kept in ((np.zeros(24), False), (found.change_kw[s], True)):
            voltage = opendss_voltages(engine, names, days.net_load_kw[s] - change, np.zeros(24))
            current = np.empty((len(feeder.line), 3))
            for k in range(len(feeder.line)):
                engine.Circuit.SetActiveElement(f"line.l{k}")
                current[k] = engine.CktElement.CurrentsMagAng()[0:6:2]
            size, loading = np.abs(voltage), current / feeder.rating_a[:, None]
            worst = max(216.2 / size.min(), size.max() / 253.0, loading.max())
            if kept:
                assert worst == pytest.approx(1.0, abs=3e-6)
            else:
                assert worst > 1.0 + 1e-6


# --- the bound


@given(st.integers(0, 10_000), st.floats(0.0, 3.0))
def test_no_prices_around_no_point_prove_too_much(seed: int, factor: float):
    instance = random_adjustment(seed % 60)
    rng = np.random.default_rng(seed)
    optimum = adjusted(instance)
    value = rates(instance, optimum.change_kw)
    # Points that keep all limits: the optimum, nothing drawn at all, and what lies between where it does.
    idle = within(instance, instance.net_load_kw)
    point = optimum.change_kw + rng.choice([0.0, 0.1, 0.5, 1.0]) * (idle - optimum.change_kw)
    price = optimum.price * factor * rng.choice([0.5, 1.0, 1.0, 2.0], optimum.price.shape)
    if seed % 3 == 0:
        price = price + rng.exponential(0.01, price.shape) * (rng.random(price.shape) < 0.1)
    assert cost_bound(instance, prices_of(instance, point, price)) <= value * (1 + 1e-6) + 1e-9


def test_prices_of_tangents_prove_nearly_all(street: AdjustmentInstance):
    found = adjusted(street)
    value = rates(street, found.change_kw)
    proved = cost_bound(street, prices_of(street, found.change_kw, found.price))
    assert 0.95 * value <= proved <= value
    # Without prices, or around a point that breaks limits, nothing is proved.
    assert cost_bound(street, None) == 0.0
    assert cost_bound(street, prices_of(street, 0.5 * found.change_kw, found.price)) == 0.0
    assert cost_bound(street, AdjustmentPrices(instance=street, adjustment_kw=found.change_kw)) == 0.0


def test_wrong_prices_prove_less(street: AdjustmentInstance):
    found = adjusted(street)
    proved = [
        cost_bound(street, prices_of(street, found.change_kw, factor * found.price)) for factor in (0.5, 1.0, 1.5)
    ]
    assert proved[0] < proved[1] > proved[2]


@pytest.mark.parametrize("seed", [3, 4, 8, 14, 18])
def test_no_voltages_are_further_than_the_radius(seed: int):
    """Changes that cost no more than a point, on purpose those that move most, and what sweeps say of them."""
    instance, rng = random_adjustment(seed), np.random.default_rng(seed)
    found = adjusted(instance)
    tightest = 0.0
    for s in np.flatnonzero(found.rounds > 0):
        point = point_of(instance, found.change_kw[s], int(s))
        assert point is not None
        reach = reach_v_per_kw(instance, point)
        assert reach is not None
        least, greatest = -instance.raisable_kw[s], instance.reducible_kw[s]
        span = np.maximum(greatest - point.change_kw, point.change_kw - least)
        radius = voltage_radius(reach, span, instance.price, 2 * point.cost)
        weight = rng.dirichlet(0.3 * np.ones(len(span)), 400) * rng.choice([-1.0, 1.0], (400, len(span)))
        change = np.clip(weight * point.cost / np.maximum(instance.price, 1e-9), least, greatest)
        flow = sweep(instance, instance.net_load_kw[s] - change, np.tile(instance.net_load_kvar[s], (400, 1)))
        high_enough = (np.abs(flow.load_voltage_v) >= instance.lowest_v).all(axis=1)
        far = np.abs(flow.load_voltage_v - point.voltage)[high_enough]
        assert (far <= radius * (1 + 1e-9)).all()
        tightest = max(tightest, float((far / radius).max(initial=0.0)))
    # Some of them come near, or the test would show nothing.
    assert tightest > 0.4


@given(st.integers(0, 10_000))
def test_parts_of_the_bound_are_below_what_they_bound(seed: int):
    rng = np.random.default_rng(seed)
    voltage, radius = 230.0 * np.exp(1j * rng.uniform(-3, 3, 1)), rng.uniform(0.0, 60.0, 1)
    h, k, power = (scale * (rng.normal(size=1) + 1j * rng.normal(size=1)) for scale in (1.0, 0.2, 5e3))
    if seed % 2:
        k = np.conj(h) * power / voltage**2  # no slope, as at the point of an optimum
    bound = least_brackets(h, k, power[None], voltage, radius)[0, 0]
    other = voltage + radius * np.sqrt(rng.random(2000)) * np.exp(2j * np.pi * rng.random(2000))
    other[:400] = voltage + radius * np.exp(2j * np.pi * np.arange(400) / 400)
    true = (np.conj(h) * power / other + k * other).real
    assert true.min() >= bound - 1e-9 * abs(bound)
    if seed % 2:
        # Half of what is taken off for curvature is really lost.
        at_point = (np.conj(h) * power / voltage + k * voltage).real[0]
        assert true.min() <= at_point - 0.5 * (at_point - bound)
    low = 230.0 - 0.5 * radius[0]
    along = (other * np.conj(voltage / 230.0)).real[np.abs(other) >= low]
    assert along.min(initial=np.inf) >= lowest_part(low, np.abs(voltage), radius)[0] - 1e-9
    corners = np.sort(rng.normal(size=(3, 1)), axis=0)
    worse = rng.exponential(size=3)[:, None] * (np.arange(3) != rng.integers(3))[:, None]
    gap = rng.exponential()
    least, greatest = kept_ranges(corners, worse, gap)
    at = np.linspace(corners[0, 0], corners[2, 0], 500)
    kept = at[np.interp(at, corners[:, 0], worse[:, 0]) <= gap]
    step = at[1] - at[0]
    assert least[0] - 1e-9 <= kept.min() <= least[0] + step
    assert greatest[0] - step <= kept.max() <= greatest[0] + 1e-9


# --- what must not matter, and what must only help


@pytest.mark.parametrize("seed", [3, 8, 13])
def test_order_and_money_do_not_matter(seed: int):
    instance = random_adjustment(seed)
    value = cw.solve(instance, method="tangents").objective
    order = np.random.default_rng(seed).permutation(len(instance.load))
    names = ("load", "load_bus", "load_phase", "price")
    shuffled = {name: getattr(instance, name)[order] for name in names} | {
        name: array[:, order] for name, array in _all(instance).items()
    }
    assert cw.solve(instance.replace(**shuffled), method="tangents").objective == pytest.approx(value, rel=1e-6)
    dearer = instance.replace(price=3 * instance.price)
    assert cw.solve(dearer, method="tangents").objective == pytest.approx(3 * value, rel=1e-6)


def _all(instance: AdjustmentInstance) -> dict[str, np.ndarray]:
    return {name: getattr(instance, name) for name in ("net_load_kw", "net_load_kvar", "reducible_kw", "raisable_kw")}


def test_stronger_cables_and_more_flexibility_only_help(street: AdjustmentInstance):
    value = cw.solve(street, method="tangents").objective
    stronger = cw.solve(street.replace(rating_a=1.1 * street.rating_a), method="tangents").objective
    assert stronger < value
    stiffer = cw.solve(street.replace(reducible_kw=0.9 * street.reducible_kw), method="tangents").objective
    assert stiffer > value


# --- what cannot be kept


def test_a_sample_that_is_short_is_explained():
    line = one_line()
    short = line.replace(reducible_kw=0.4 * line.reducible_kw)
    for method, verdict in (("tangents", "no changes were found"), ("acopf", "there are no changes")):
        with pytest.raises(cw.InfeasibleError) as caught:
            cw.solve(short, method=method)
        text = str(caught.value)
        assert text.startswith(f"morning: {verdict} that keep all limits")
        assert "the voltage of bakery is 214.624 V, and should be at least 216.2 V" in text
        assert "reduced by 1.6 kW" in text
    hot = line.replace(raisable_kw=0.1 * line.raisable_kw)
    with pytest.raises(cw.InfeasibleError, match=r"noon.*current of line, phase b, is 45\.\d+ A.*at most 40 A"):
        cw.solve(hot, method="tangents")
    with pytest.raises(cw.NotApplicable, match="morning: loads that help with the worst limit are used up"):
        cw.solve(short, method="effect")


def test_tangents_are_taken_anew_where_they_held_back_what_is_allowed():
    """A roof of 25 kW behind a line that bears 11.6 kW at 253 V: the first tangent asks for more than there is."""
    roof = one_line().replace(
        **{"load": ["home"], "load_bus": [1], "load_phase": [0], "price": [1.0], "sample": ["noon"]},
        net_load_kw=[[-25.0]],
        net_load_kvar=None,
        reducible_kw=[[0.0]],
        raisable_kw=[[14.0]],
        rating_a=[200.0],
    )
    sent = 253.0 * (253.0 - 230.0) / 500
    for method in ("tangents", "acopf"):
        assert cw.solve(roof, method=method).decision.adjustment_kw[0, 0] == pytest.approx(-(25 - sent), abs=1e-6)
    short = roof.replace(raisable_kw=[[13.0]])
    with pytest.raises(cw.InfeasibleError, match=r"voltage of home is 253\.\d+ V, and should be at most 253 V"):
        cw.solve(short, method="tangents")
    with pytest.raises(cw.InstanceError, match=r"lowest_v.*must be positive"):
        roof.replace(lowest_v=0.0)


def test_rules_name_what_is_broken():
    line = one_line()
    nothing = AdjustmentDecision(instance=line, adjustment_kw=np.zeros((4, 4)))
    found = {(one.rule, one.where) for one in violations(line, nothing)}
    assert found == {
        ("voltage too low", "morning, bakery"),
        ("voltage too low", "morning, shop"),
        ("voltage too low", "evening, home"),
        ("current above rating", "noon, line, b"),
        ("voltage too high", "noon, workshop"),
    }
    beyond = nothing.adjustment_kw.copy()
    beyond[0] = [0.1, -0.1, 0.0, 0.0]
    found = [str(one) for one in violations(line, AdjustmentDecision(instance=line, adjustment_kw=beyond))]
    assert any(one.startswith("night, home: more is reduced than can be (0.1 kW against 0 kW)") for one in found)
    assert any(one.startswith("night, workshop: more is raised than can be (0.1 kW against 0 kW)") for one in found)


def test_a_sample_without_a_flow_keeps_its_name_between_processes():
    error = pickle.loads(pickle.dumps(NoFlowError(3, 40.0, "evening")))
    assert str(error).startswith("evening: no voltages were found")
    assert (error.position, error.total_kw) == (3, 40.0)


def test_a_sample_without_a_flow_is_named():
    line = one_line().replace(lowest_v=100.0)
    weak = line.replace(net_load_kw=line.net_load_kw + 30.0 * np.eye(4)[:, [3, 1, 2, 0]] * [[0], [0], [0], [1]])
    nothing = AdjustmentDecision(instance=weak, adjustment_kw=np.zeros((4, 4)))
    found = [one for one in violations(weak, nothing) if "no voltages were found" in one.rule]
    assert [one.where for one in found] == ["evening"]
    with pytest.raises(cw.InfeasibleError, match="evening: no voltages were found"):
        cw.solve(weak, method="tangents")


def test_a_sample_without_a_flow_is_changed_until_it_has_one():
    line = one_line()
    more = line.replace(
        net_load_kw=line.net_load_kw + 40.0 * np.eye(4)[:, [3, 1, 2, 0]] * [[0], [0], [0], [1]],
        reducible_kw=line.reducible_kw + 40.0 * np.eye(4)[:, [3, 1, 2, 0]] * [[0], [0], [0], [1]],
    )
    drawn = 216.2 * (230 - 216.2) / 0.5 / 1e3
    for method in ("tangents", "acopf"):
        found = cw.solve(more, method=method).decision.adjustment_kw
        assert found[3, 0] == pytest.approx(48.0 - drawn, abs=1e-6)
    with pytest.raises(cw.NotApplicable, match="evening: there is no flow to begin with; see tangents"):
        cw.solve(more, method="effect")


# --- days of homes


def test_owners_of_less_own_more_too():
    few, many = (owners(40, share, 3, "pv") for share in (0.25, 0.75))
    assert (few.sum(), many.sum()) == (10, 30)
    assert (many >= few).all()
    with pytest.raises(ValueError, match=r"pv is 1\.5"):
        owners(40, 1.5, 3, "pv")


def test_days_have_what_they_should():
    feeder = radial_feeder(10, seed=2)
    made = feeder_days(feeder, 2, seed=1, pv=0.5, vehicle=0.4)
    assert made.net_load_kw.shape == (96, 10)
    assert list(made.sample[[0, 1, 95]]) == ["day 1 00:00", "day 1 00:30", "day 2 23:30"]
    assert (made.raisable_kw.max(axis=0) > 0).sum() == 5
    assert (made.reducible_kw.max(axis=0) > 0).sum() <= 4
    # What is left if everything is used is what nobody controls.
    assert (made.net_load_kw - made.reducible_kw + made.raisable_kw > 0).all()
    part = feeder_days(feeder, 2, seed=1, pv=0.5, vehicle=0.4, hours=(17, 20))
    np.testing.assert_array_equal(part.net_load_kw, made.net_load_kw.reshape(2, 48, 10)[:, 34:40].reshape(12, 10))
    other = feeder_days(feeder, 2, seed=1, nature=5, pv=0.5, vehicle=0.4)
    assert (other.price == made.price).all()
    assert (other.net_load_kw != made.net_load_kw).any()
    for wrong, message in (
        ({"days": 0}, "days is 0"),
        ({"hours": (5, 5)}, "hours are 5 to 5"),
        ({"hours": (5.25, 6)}, "in half-hours"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(ValueError, match=message):
            feeder_days(feeder, **({"days": 1, "seed": 0} | wrong))


def test_need_of_a_network_by_half_hour():
    feeder = radial_feeder(30, seed=1, trunk_mm2=95, metres_between=(25.0, 60.0))
    days = feeder_days(feeder, 10, seed=2, heat_pump=1.0)
    need = network_need(days)
    found = adjusted(days)
    np.testing.assert_allclose(need.total_kw, found.change_kw.sum(axis=1))
    assert (need.changed == (Limits.of_feeder(days).excesses(days.net_load_kw) > 1e-9).any(axis=1)).all()
    assert need.changed.any()
    assert not need.total_kw[~need.changed].any()
    low, high = need.quantiles([0.05, 0.95])
    assert (low <= high).all()
    assert high.argmax() in range(32, 44)
    with pytest.raises(ValueError, match="480 samples are not whole days of 47"):
        need.quantiles([0.5], 47)
    assert NetworkNeed(np.arange(4.0), np.ones(4, bool), np.zeros(4, bool)).quantiles([0.0, 1.0], 2).tolist() == [
        [0.0, 1.0],
        [2.0, 3.0],
    ]


def test_matrices_between_phases_are_read_as_they_were_written(tmp_path):
    line = one_line().replace(
        resistance_ohm=np.arange(9.0).reshape(1, 3, 3) + np.arange(9.0).reshape(1, 3, 3).transpose(0, 2, 1)
    )
    cw.save(line, tmp_path / "line")
    again = cw.load(tmp_path / "line")
    np.testing.assert_array_equal(again.resistance_ohm, line.resistance_ohm)
    assert again.content_hash == line.content_hash
    table = tmp_path / "line" / "line_phase_current_phase.csv"
    text = table.read_text()
    table.write_text(text.replace("line,b,1", "line,b,2"))
    with pytest.raises(cw.InstanceError, match=r"row line, b, 2: the row is there twice"):
        cw.load(tmp_path / "line")


def test_an_instance_is_its_feeder():
    feeder = radial_feeder(5, seed=3)
    instance = AdjustmentInstance.of_feeder(feeder, net_load_kw=np.ones((1, 5)))
    np.testing.assert_array_equal(instance.impedance_ohm, feeder.impedance_ohm)
    with pytest.raises(cw.InstanceError, match="dt_h"):
        instance.replace(dt_h=0.0)
    with pytest.raises(cw.InstanceError, match="reducible_kw"):
        instance.replace(reducible_kw=-np.ones((1, 5)))
