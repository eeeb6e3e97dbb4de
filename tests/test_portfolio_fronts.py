"""Fronts of a portfolio against a declaration of its own, and offers met with scenarios they were not made for."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from commonwatt.instances.errors import InstanceError, NotApplicable
from commonwatt.instances.sources.generated_portfolio import portfolio_of_agents
from commonwatt.models.aggregator.portfolio import PortfolioDecision, violations
from commonwatt.models.aggregator.portfolio_criteria import carbon_kg, fees_by_member, least_fee, members_benefit
from commonwatt.models.aggregator.portfolio_program import build_portfolio
from commonwatt.solvers.portfolio_evaluation import met_with, offer_non_delivery, out_of_sample
from commonwatt.solvers.portfolio_fronts import pareto_front, risk_front
from commonwatt.solvers.portfolio_recourse import Offers, with_recourse
from commonwatt.solvers.programs import solve_pyomo
from makers_portfolio import random_portfolio

import commonwatt as cw

TIGHT = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}


def declared(instance, other, most=None):
    """The other goal declared beside the program of profit: least of it, or greatest profit within a level of it."""
    model = build_portfolio(instance)
    dt, chance = instance.dt_h, instance.chance
    model.imported = pyo.Var(model.s, model.t, domain=pyo.NonNegativeReals)

    def seen(m, s, t):
        export = instance.fixed_kw[s, t] + sum(m.discharge[s, t, i] - m.charge[s, t, i] for i in m.i)
        return m.imported[s, t] >= -(export - sum(m.curtailed[s, t, n] for n in m.n))

    model.seen = pyo.Constraint(model.s, model.t, rule=seen)
    fee = [
        sum(
            float(chance[s] * dt * instance.flexibility_fee[i]) * model.discharge[s, t, i]
            for s in model.s
            for t in model.t
            for i in model.i
            if instance.storage_of[i] == n
        )
        for n in range(len(instance.member))
    ]
    if other == "carbon_kg":
        cost = sum(
            float(chance[s] * dt * instance.carbon_kg_per_kwh[t]) * model.imported[s, t]
            for s in model.s
            for t in model.t
        )
    elif other == "members_benefit":
        cost = -sum(float(instance.member_weight[n]) * fee[n] for n in range(len(fee)))
    else:
        model.least = pyo.Var()
        able = np.unique(instance.storage_of[(instance.flexibility_fee > 0) & (instance.discharge_kw > 0)])
        model.is_least = pyo.ConstraintList()
        for n in able:
            model.is_least.add(model.least <= fee[n])
        cost = -model.least
    if most is None:
        model.goal.deactivate()
        model.other = pyo.Objective(expr=cost)
    else:
        model.kept = pyo.Constraint(expr=cost <= most)
    return solve_pyomo(model, **TIGHT).objective


def storing(seed):
    """A random portfolio with a fee on each storage, which can discharge."""
    rng = np.random.default_rng(seed)
    for more in range(100):
        found = random_portfolio(seed + 1000 * more)
        if len(found.storage):
            n = len(found.storage)
            return found.replace(
                flexibility_fee=rng.uniform(0.01, 0.1, n),
                discharge_kw=rng.uniform(1.0, 4.0, n),
                member_weight=rng.uniform(0.5, 2.0, len(found.member)),
            )
    raise AssertionError("no portfolio with storages")


@pytest.mark.parametrize("other", ["carbon_kg", "members_benefit", "least_fee"])
@pytest.mark.parametrize("seed", range(8))
def test_fronts_are_those_of_a_declaration(seed, other):
    instance = storing(seed)
    front = pareto_front(instance, other, points=4)
    table, sign = front.table, 1.0 if other == "carbon_kg" else -1.0
    level = sign * table[other].to_numpy()
    profit = table["risk_adjusted_profit"].to_numpy()
    assert profit[0] == pytest.approx(cw.solve(instance).objective, abs=1e-6)
    assert level[-1] == pytest.approx(declared(instance, other), abs=1e-6)
    for k in range(1, len(table) - 1):
        assert profit[k] == pytest.approx(declared(instance, other, level[k]), abs=1e-6)
    for decision in front.decisions:
        assert violations(instance, decision) == []
    # Less profit buys more of the other goal, and ever less of it: the front is concave.
    assert (np.diff(profit) <= 1e-7).all()
    assert (np.diff(level) <= 1e-7).all()
    if len(table) == 4:
        slope = np.diff(profit) / np.diff(level)
        assert (np.diff(slope) >= -1e-5 * np.abs(slope).max()).all()
        # What the last unit costs lies between the slopes before and after.
        for k in (1, 2):
            assert slope[k - 1] - 1e-6 <= table["worth"][k] <= slope[k] + 1e-6


def test_what_criteria_of_members_count():
    instance = storing(3)
    solution = cw.solve(instance)
    fees = fees_by_member(instance, solution.decision)
    assert fees.sum() == pytest.approx(solution.report.criteria["members_fees"])
    assert members_benefit(instance, solution.decision) == pytest.approx(float(instance.member_weight @ fees))
    assert least_fee(instance, solution.decision) == pytest.approx(fees[np.unique(instance.storage_of)].min())
    assert least_fee(instance.replace(flexibility_fee=0.0 * instance.flexibility_fee), solution.decision) == 0.0
    assert carbon_kg(instance, solution.decision) >= 0


def test_a_front_without_a_conflict_is_a_point():
    battery = cw.load("aggregator/cheap-then-dear")
    front = pareto_front(battery, "carbon_kg", points=5)
    assert len(front.table) == 1
    with pytest.raises(ValueError, match="other is 'peak'; known: carbon_kg"):
        pareto_front(battery, "peak")
    with pytest.raises(ValueError, match="points is 1"):
        pareto_front(battery, points=1)
    with pytest.raises(NotApplicable, match="least size"):
        pareto_front(cw.load("aggregator/full-and-empty").replace(least_reserve_kw=1.0))


@pytest.mark.parametrize("seed", range(4))
def test_the_front_of_risk_is_concave(seed):
    table = risk_front(random_portfolio(seed, tail=0.4), (0.0, 0.3, 0.6, 1.0)).table
    assert (np.diff(table["expected_profit"]) <= 1e-7).all()
    assert (np.diff(table["tail_profit"]) >= -1e-7).all()


# Out of sample.


def test_each_offer_fails_as_often_as_scenarios_say():
    roof = cw.load("aggregator/four-skies")
    decision = PortfolioDecision(instance=roof, day_ahead_kw=[3.0])
    table = offer_non_delivery(decision)
    assert table[["market", "offer_kw", "non_delivery"]].values.tolist() == [["day ahead", 3.0, 0.5]]
    # Two of four: Clopper and Pearson's interval from tables.
    assert table["at_least"][0] == pytest.approx(0.0676, abs=1e-4)
    assert table["at_most"][0] == pytest.approx(0.9324, abs=1e-4)
    odd = roof.replace(probability=[0.1, 0.2, 0.3, 0.4])
    uneven = offer_non_delivery(PortfolioDecision(instance=odd, day_ahead_kw=[3.0]))
    assert uneven["non_delivery"][0] == pytest.approx(0.3)
    assert np.isnan(uneven["at_most"][0])
    assert len(offer_non_delivery(PortfolioDecision(instance=roof, day_ahead_kw=[0.0]))) == 0


def test_reserve_that_nobody_can_keep_fails_for_sure():
    pair = cw.load("aggregator/full-and-empty")
    offers = Offers(np.zeros(1), np.array([9.0]), np.zeros(1))
    table = offer_non_delivery(with_recourse(pair, offers))
    assert table.query("market == 'up reserve'")["non_delivery"].tolist() == [1.0]


def test_offers_are_worth_less_than_promised_where_scenarios_are_few():
    few = portfolio_of_agents(6, 2, seed=8, vehicle=0.5, battery=0.5)
    many = portfolio_of_agents(6, 25, seed=8, nature=99, vehicle=0.5, battery=0.5)
    table = out_of_sample(few, many, ["stochastic", "no_offer", "firm_reserve"]).set_index("method")
    # Offers fitted to two scenarios promise more than they keep in twenty-five others.
    assert table.loc["stochastic", "promised"] > table.loc["stochastic", "risk_adjusted_profit"]
    # And the program of the other scenarios themselves is a bound for all.
    best = cw.solve(many).objective
    assert (table["risk_adjusted_profit"] <= best + 1e-7).all()
    assert table.loc["no_offer", "offers"] == 0
    assert table.loc["stochastic", "failing_offers"] > 0


def test_the_same_scenarios_give_back_what_was_promised():
    few = portfolio_of_agents(4, 3, seed=9)
    table = out_of_sample(few, few)
    np.testing.assert_allclose(table["promised"], table["risk_adjusted_profit"], atol=1e-6)


def test_other_members_are_no_other_scenarios():
    here, there = (portfolio_of_agents(4, 2, seed=seed) for seed in (1, 2))
    with pytest.raises(InstanceError, match=r"column day_ahead_price: differs from that of generated"):
        met_with(cw.solve(here).decision, there)
