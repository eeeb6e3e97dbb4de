"""Portfolios on a feeder: one program, cuts, rules of thumb and the paper's loop, each against another.

Strategy: two instances by hand and by a grid; cuts against the program that SCIP proves; a feeder that nothing can
break against the portfolio alone; what must only help; a street on which the paper's loop ends out of limits.
"""

from __future__ import annotations

import numpy as np
import pytest
from commonwatt.instances.feeder_portfolio import FeederPortfolioInstance
from commonwatt.instances.portfolio import PortfolioInstance
from commonwatt.instances.sources.generated_portfolio import portfolio_of_agents
from commonwatt.instances.sources.radial_feeder import radial_feeder
from commonwatt.instances.sources.small_feeder_portfolio import roof_on_a_line, thin_line
from commonwatt.models.aggregator.feeder_flow import sweep
from commonwatt.models.aggregator.feeder_portfolio import FeederPortfolioDecision, violations
from commonwatt.models.aggregator.feeder_portfolio_program import load_range_kw
from commonwatt.solvers.feeder_limits import Tangents
from commonwatt.solvers.feeder_portfolio_cuts import Network
from makers_feeder_portfolio import random_feeder_portfolio
from makers_portfolio import random_portfolio

import commonwatt as cw


@pytest.fixture(scope="module")
def lane() -> FeederPortfolioInstance:
    plain = portfolio_of_agents(12, 1, seed=2, days=1, vehicle=1.0, heat_pump=0.5, pv=0.5, battery=0.5)
    feeder = radial_feeder(12, seed=1, source_pu=1.04, trunk_mm2=95, metres_between=(60.0, 120.0))
    return FeederPortfolioInstance.of(plain, feeder)


# --- by hand and by a grid


def test_small_ones_are_done_as_by_hand():
    drawn = 216.2 * (230 - 216.2) / 0.5 / 1e3
    sent = 253 * (253 - 240) / 0.5 / 1e3
    for method in ("acopf", "cuts"):
        night = cw.solve(thin_line(), method=method).decision
        np.testing.assert_allclose(night.charge_kw.ravel(), [drawn - 3, 4 - (drawn - 3)], atol=1e-6)
        noon = cw.solve(roof_on_a_line(), method=method).decision
        np.testing.assert_allclose(noon.curtailed_kw.ravel(), [9 - 2 - sent, 0], atol=1e-6)
        np.testing.assert_allclose(noon.net_load_kw.ravel(), [-sent, -2], atol=1e-6)


def test_no_schedule_of_a_grid_earns_more():
    line = thin_line()
    best = cw.solve(line, method="acopf").objective
    first = np.linspace(0.0, 4.0, 401)
    drawn = 3.0 + np.stack([first, 4.0 - first], axis=1)
    flow = sweep(line, drawn.reshape(-1, 1))
    kept = (np.abs(flow.load_voltage_v) >= line.lowest_v).reshape(-1, 2).all(axis=1)
    earned = -(drawn @ [0.1, 0.3])[kept]
    assert earned.max() <= best <= earned.max() + 0.2 * 0.01


# --- cuts, the program, and the portfolio alone


@pytest.mark.parametrize("seed", range(12))
def test_cuts_find_the_optimum_of_the_program(seed: int):
    instance = random_feeder_portfolio(seed)
    try:
        optimum = cw.solve(instance, method="acopf").objective
    except cw.InfeasibleError:
        with pytest.raises(cw.InfeasibleError):
            cw.solve(instance, method="cuts")
    else:
        assert cw.solve(instance, method="cuts").objective == pytest.approx(optimum, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("seed", range(6))
def test_a_feeder_that_bears_everything_changes_nothing(seed: int):
    plain = random_portfolio(seed)
    feeder = radial_feeder(len(plain.member), seed=seed, metres_between=(1.0, 2.0))
    strong = FeederPortfolioInstance.of(plain, feeder.replace(rating_a=1e3 + 0 * feeder.rating_a))
    alone = cw.solve(plain)
    for method in ("cuts", "no_feeder", "clamps"):
        solution = cw.solve(strong, method=method)
        assert solution.report.ok
        assert solution.objective == pytest.approx(alone.objective, rel=1e-9, abs=1e-9)


def test_a_feeder_costs_and_a_stronger_one_less(lane: FeederPortfolioInstance):
    kept, alone = (cw.solve(lane, method=method) for method in ("cuts", "no_feeder"))
    assert kept.report.ok
    assert not alone.report.ok
    assert kept.objective < alone.objective - 0.05
    assert kept.report.criteria["worst_loading"] <= 1 + 1e-8
    stronger = lane.replace(resistance_ohm=0.9 * lane.resistance_ohm, reactance_ohm=0.9 * lane.reactance_ohm)
    assert kept.objective < cw.solve(stronger, method="cuts").objective <= alone.objective + 1e-9


def test_a_first_proposal_without_a_flow_is_no_end():
    """A vehicle that would charge with 60 kW, at which the line has no voltages at all."""
    line = thin_line()
    greedy = line.replace(charge_kw=[60.0], capacity_kwh=[100.0], target_kwh=[[[0.0], [0.0], [13.0]]])
    drawn = 216.2 * (230 - 216.2) / 0.5 / 1e3
    wild = greedy.replace(target_kwh=[[[0.0], [0.0], [60.0]]])
    with pytest.raises(cw.InfeasibleError, match="no voltages"):
        cw.solve(wild.replace(load_kw=[[[40.0], [3.0]]]), method="cuts")
    assert cw.solve(wild, method="clamps").notes == ("the schedule of round 0 has no load flow to adjust it by",)
    for instance in (greedy, wild):
        found = cw.solve(instance, method="cuts")
        assert found.report.ok
        np.testing.assert_allclose(found.decision.charge_kw[0, 0], drawn - 3, atol=1e-6)


def test_the_papers_loop_needs_many_rounds_and_costs_more(lane: FeederPortfolioInstance):
    kept, loop = (cw.solve(lane, method=method) for method in ("cuts", "clamps"))
    # What is held back in one interval comes in another, so that limits are still broken after ten rounds.
    assert not loop.report.ok
    assert loop.objective < kept.objective
    again = cw.solve(lane, method="clamps", rounds=25)
    assert again.report.ok
    assert again.objective < kept.objective - 1e-3
    with pytest.raises(cw.NotApplicable, match="rounds is 0"):
        cw.solve(lane, method="clamps", rounds=0)


def test_the_same_part_for_all_keeps_limits_and_costs(lane: FeederPortfolioInstance):
    ruled, kept = (cw.solve(lane, method=method) for method in ("same_part", "cuts"))
    assert ruled.report.ok
    assert ruled.objective < kept.objective
    charged = ruled.decision.charge_kw
    assert charged.any()
    # In one interval all that charge less than they could do so by the same part.
    content = ruled.decision.content_kwh[:, :-1]
    could = np.minimum(
        lane.there * lane.charge_kw,
        np.maximum(lane.capacity_kwh - (lane.retention * content - lane.driven_kwh), 0.0)
        / (lane.dt_h * lane.charge_efficiency),
    )
    part = np.divide(charged, could, out=np.full_like(charged, np.nan), where=could > 1e-9)
    spread = np.nanmax(part, axis=2, initial=0.0) - np.nanmin(np.where(np.isnan(part), 2.0, part), axis=2, initial=2.0)
    assert (spread[(~np.isnan(part)).any(axis=2)] <= 1e-6).all()
    assert np.nanmin(part) < 0.999 < np.nanmax(part)


def test_programs_and_decisions_mean_the_same_net_load():
    instance = random_feeder_portfolio(9)
    network = Network(instance)
    decision = cw.solve(instance, method="cuts").decision
    point = np.zeros(len(network.program.cost))
    for name, values in (
        ("charge", decision.charge_kw),
        ("discharge", decision.discharge_kw),
        ("curtailed", decision.curtailed_kw),
    ):
        block = network.program.columns[name]
        point[block.places] = values[tuple(block.at.T)]
    np.testing.assert_allclose(
        network.net_load_kw(point), decision.net_load_kw.reshape(-1, network.shape[2]), atol=1e-9
    )
    least, greatest = load_range_kw(instance)
    assert (decision.net_load_kw >= least - 1e-9).all()
    assert (decision.net_load_kw <= greatest + 1e-9).all()


def test_rows_of_cuts_are_tangents():
    instance = random_feeder_portfolio(8)
    network, cuts = Network(instance), Tangents()
    rng = np.random.default_rng(1)
    net = network.fixed_kw + rng.uniform(0, 1, network.fixed_kw.shape)
    excess = network.limits.excesses(net)
    network.add(cuts, net, excess, np.ones(excess.shape, bool), most=excess.shape[1])
    assert len(cuts.row) == excess.size
    move = 1e-4 * rng.standard_normal(net.shape)
    moved = network.limits.excesses(net + move)
    size = np.abs(network.limits.value)
    for sample, which, row, most in zip(cuts.sample, cuts.which, cuts.row, cuts.most, strict=True):
        here = row @ net[sample] - most
        assert here == pytest.approx(excess[sample, which] * size[which], abs=1e-6)
        there = row @ (net + move)[sample] - most
        assert there == pytest.approx(moved[sample, which] * size[which], abs=1e-5)


# --- rules, errors, files


def test_rules_name_scenario_interval_and_limit():
    line = thin_line()
    greedy = FeederPortfolioDecision(instance=line, day_ahead_kw=[-7.0, -3.0], charge_kw=[[[4.0], [0.0]]])
    assert [str(one) for one in violations(line, greedy)] == [
        "night, 2030-01-07T02:00Z, home: voltage too low (213.615415 V against 216.2 V)"
    ]
    collapsed = line.replace(load_kw=[[[40.0], [3.0]]])
    nothing = FeederPortfolioDecision(instance=collapsed, day_ahead_kw=[0.0, 0.0])
    found = [one for one in violations(collapsed, nothing) if "no voltages" in one.rule]
    assert [one.where for one in found] == ["night, 2030-01-07T02:00Z"]
    assert np.isinf(cw.check(collapsed, nothing).criteria["worst_loading"])


def test_what_cannot_be_kept_is_explained():
    line = thin_line()
    short = line.replace(load_kw=[[[3.0], [6.5]]])
    for method, verdict in (("cuts", "no schedule was found"), ("acopf", "there is no schedule")):
        with pytest.raises(cw.InfeasibleError, match=f"night, 2030-01-07T03:00Z: {verdict} that keeps all limits"):
            cw.solve(short, method=method)
    with pytest.raises(cw.NotApplicable, match="what nobody controls breaks a limit"):
        cw.solve(short, method="same_part")
    # The battery would have to give more than it has, one hour after the other.
    both = line.replace(
        load_kw=[[[7.5], [7.5]]], discharge_kw=[3.0], initial_kwh=[2.0], target_kwh=None, charge_kw=[0.0]
    )
    with pytest.raises(cw.InfeasibleError, match="each interval could keep them by itself, but storages cannot"):
        cw.solve(both, method="cuts")
    whole = random_feeder_portfolio(0).replace(reserve_limit_kw=6.0, least_reserve_kw=1.0)
    with pytest.raises(cw.NotApplicable, match="reserves have a least size"):
        cw.solve(whole, method="cuts")


def test_members_are_connected_in_turn_or_as_given(tmp_path):
    plain, feeder = random_portfolio(8), radial_feeder(2, seed=1)
    assert isinstance(plain, PortfolioInstance)
    made = FeederPortfolioInstance.of(plain, feeder)
    assert made.connected_at.tolist() == [k % 2 for k in range(len(plain.member))]
    given = FeederPortfolioInstance.of(plain, feeder, connected_at=[1] * len(plain.member))
    assert given.member_at[0].sum() == 0
    cw.save(made, tmp_path / "made")
    assert cw.load(tmp_path / "made").content_hash == made.content_hash
    with pytest.raises(cw.InstanceError, match="connected_at"):
        FeederPortfolioInstance.of(plain, feeder, connected_at=[7] * len(plain.member))
    with pytest.raises(cw.InstanceError, match="highest_v"):
        made.replace(highest_v=200.0)
    with pytest.raises(cw.InstanceError, match="tail"):
        made.replace(tail=0.0)
