r"""The program of a portfolio, declared in Pyomo: two stages in extensive form, with CVaR.

==============  ==============================================  =========================================
symbol          meaning                                         attribute
==============  ==============================================  =========================================
q, r↑, r↓       day-ahead offer by block, reserves by block     ``day_ahead``, ``up_reserve``, …
i⁺, i⁻, x↑, x↓  intraday trades, balancing offers               ``intraday_sale``, …, ``up_offer``, …
c, d, e, g      charging, discharging, content, on the way      ``charge``, …, ``content``, ``rapid``
k               curtailment                                     ``curtailed``
m⁻, m⁺          missing and surplus power                       ``missing``, ``surplus``
z               what a content lacks of its target              ``missed``
v↑, v↓, h↑, h↓  lacking room; what each storage holds ready     ``up_lack``, …, ``up_held``, …
P, ζ, ξ         profit, value at risk, what is below it         ``profit``, ``at_risk``, ``below``
==============  ==============================================  =========================================

Maximise (1 - ω) Σ p_s P_s + ω (ζ - Σ p_s ξ_s / α).

The reference holds room storage by storage; ``room="aggregate"`` adds power and content over storages first, which is
a relaxation: a full battery and an empty one then lend each other what neither has.

Source: Postnikov et al., section on markets; equations are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ...instances.portfolio import PortfolioInstance

if TYPE_CHECKING:
    import pyomo.environ as pyo

Room = Literal["per_storage", "aggregate"]


def build_portfolio(instance: PortfolioInstance, *, room: Room = "per_storage") -> pyo.ConcreteModel:
    """Declare the program.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.
    room : {"per_storage", "aggregate"}
        Whether each storage has to deliver its own part of what is promised, or all together.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Powers in kW, contents in kWh, the objective ``goal`` in currency.
    """
    import pyomo.environ as pyo

    scenarios, intervals, storages = instance.storage_shape
    model = pyo.ConcreteModel("portfolio")
    model.s, model.t, model.i = (pyo.RangeSet(0, size - 1) for size in (scenarios, intervals, storages))
    model.state, model.n = pyo.RangeSet(0, intervals), pyo.RangeSet(0, len(instance.member) - 1)
    _declare_markets(model, instance)
    _declare_storages(model, instance)
    if instance.reserves:
        _declare_room(model, instance, room)
    _declare_goal(model, instance)
    return model


def _declare_markets(model: Any, instance: PortfolioInstance) -> None:
    import pyomo.environ as pyo

    day, reserve = instance.block_of(instance.day_ahead_block_h), instance.block_of(instance.reserve_block_h)
    limit, held = instance.day_ahead_limit_kw, instance.reserve_limit_kw
    model.block, model.reserve_block = pyo.RangeSet(0, int(day[-1])), pyo.RangeSet(0, int(reserve[-1]))
    model.block_offer = pyo.Var(model.block, bounds=(-limit, limit))
    model.up_block = pyo.Var(model.reserve_block, bounds=(0.0, held))
    model.down_block = pyo.Var(model.reserve_block, bounds=(0.0, held))
    model.day_ahead = pyo.Expression(model.t, rule=lambda m, t: m.block_offer[int(day[t])])
    model.up_reserve = pyo.Expression(model.t, rule=lambda m, t: m.up_block[int(reserve[t])])
    model.down_reserve = pyo.Expression(model.t, rule=lambda m, t: m.down_block[int(reserve[t])])
    if instance.least_reserve_kw > 0:
        # A reserve is none, or at least what may be offered.
        model.up_offered = pyo.Var(model.reserve_block, domain=pyo.Binary)
        model.down_offered = pyo.Var(model.reserve_block, domain=pyo.Binary)
        for name, block, offered in (
            ("up", model.up_block, model.up_offered),
            ("down", model.down_block, model.down_offered),
        ):
            least, most = instance.least_reserve_kw, held
            rule = _between(block, offered, least, most)
            model.add_component(
                f"{name}_reserve_is_none_or_enough", pyo.Constraint(model.reserve_block, [0, 1], rule=rule)
            )
    for name, most in (
        ("intraday_sale", instance.intraday_limit_kw),
        ("intraday_purchase", instance.intraday_limit_kw),
        ("up_offer", instance.balancing_limit_kw),
        ("down_offer", instance.balancing_limit_kw),
    ):
        model.add_component(name, pyo.Var(model.s, model.t, bounds=(0.0, most)))
    model.missing = pyo.Var(model.s, model.t, domain=pyo.NonNegativeReals)
    model.surplus = pyo.Var(model.s, model.t, domain=pyo.NonNegativeReals)


def _between(block: Any, offered: Any, least: float, most: float) -> Any:
    def rule(model: Any, b: int, side: int) -> Any:
        return block[b] >= least * offered[b] if side == 0 else block[b] <= most * offered[b]

    return rule


def _declare_storages(model: Any, instance: PortfolioInstance) -> None:
    import pyomo.environ as pyo

    there, dt = instance.there, instance.dt_h

    def up_to(limit: Any) -> Any:
        return lambda m, *at: (0.0, float(limit[at]))

    model.charge = pyo.Var(model.s, model.t, model.i, bounds=up_to(there * instance.charge_kw))
    model.discharge = pyo.Var(model.s, model.t, model.i, bounds=up_to(there * instance.discharge_kw))
    model.rapid = pyo.Var(model.s, model.t, model.i, bounds=up_to(instance.driven_kwh))
    model.curtailed = pyo.Var(model.s, model.t, model.n, bounds=up_to(instance.generation_kw))

    def content_limits(m: Any, s: int, t: int, i: int) -> tuple[float, float]:
        if t == 0:
            return float(instance.initial_kwh[i]), float(instance.initial_kwh[i])
        return float(instance.minimum_kwh[i]), float(instance.capacity_kwh[i])

    model.content = pyo.Var(model.s, model.state, model.i, bounds=content_limits)
    model.missed = pyo.Var(model.s, model.state, model.i, domain=pyo.NonNegativeReals)

    # Content follows from what is charged, discharged and driven.
    def contents_follow_from_flows(m: Any, s: int, t: int, i: int) -> Any:
        put = dt * (
            float(instance.charge_efficiency[i]) * m.charge[s, t, i]
            - m.discharge[s, t, i] / float(instance.discharge_efficiency[i])
        )
        kept = float(instance.retention[i]) * m.content[s, t, i]
        return m.content[s, t + 1, i] == kept + put - float(instance.driven_kwh[s, t, i]) + m.rapid[s, t, i]

    model.contents_follow_from_flows = pyo.Constraint(model.s, model.t, model.i, rule=contents_follow_from_flows)

    # Targets are met, or what is missing is paid for.
    def targets_are_met_or_missed(m: Any, s: int, t: int, i: int) -> Any:
        if instance.wanted_kwh[s, t, i] <= 0:
            return pyo.Constraint.Skip
        return m.content[s, t, i] + m.missed[s, t, i] >= float(instance.wanted_kwh[s, t, i])

    model.targets_are_met_or_missed = pyo.Constraint(model.s, model.state, model.i, rule=targets_are_met_or_missed)

    # What is exported is what was sold, what is surplus and less what is missing.
    def export_is_sold(m: Any, s: int, t: int) -> Any:
        moved = sum(m.discharge[s, t, i] - m.charge[s, t, i] for i in m.i)
        export = float(instance.fixed_kw[s, t]) + moved - sum(m.curtailed[s, t, n] for n in m.n)
        sold = m.day_ahead[t] + m.intraday_sale[s, t] - m.intraday_purchase[s, t]
        sold += float(instance.up_accepted[s, t]) * m.up_offer[s, t]
        sold -= float(instance.down_accepted[s, t]) * m.down_offer[s, t]
        sold += float(instance.up_used[s, t]) * m.up_reserve[t] - float(instance.down_used[s, t]) * m.down_reserve[t]
        return export - sold + m.missing[s, t] - m.surplus[s, t] == 0

    model.export_is_sold = pyo.Constraint(model.s, model.t, rule=export_is_sold)


def _declare_room(model: Any, instance: PortfolioInstance, room: Room) -> None:
    import pyomo.environ as pyo

    each = room == "per_storage"
    there, hours = instance.there, instance.response_h
    gain = instance.discharge_efficiency, 1.0 / instance.charge_efficiency
    model.up_lack = pyo.Var(model.s, model.t, domain=pyo.NonNegativeReals)
    model.down_lack = pyo.Var(model.s, model.t, domain=pyo.NonNegativeReals)
    carriers = model.i if each else pyo.RangeSet(0, 0)
    model.up_held = pyo.Var(model.s, model.t, carriers, domain=pyo.NonNegativeReals)
    model.down_held = pyo.Var(model.s, model.t, carriers, domain=pyo.NonNegativeReals)

    def of(i: int) -> Any:
        return [i] if each else model.i

    # No storage holds ready more than its power leaves.
    def up_within_power(m: Any, s: int, t: int, i: int) -> Any:
        room_kw = sum(
            float(there[s, t, j] * instance.discharge_kw[j]) - m.discharge[s, t, j] + m.charge[s, t, j] for j in of(i)
        )
        return m.up_held[s, t, i] <= room_kw

    def down_within_power(m: Any, s: int, t: int, i: int) -> Any:
        room_kw = sum(
            float(there[s, t, j] * instance.charge_kw[j]) + m.discharge[s, t, j] - m.charge[s, t, j] for j in of(i)
        )
        return m.down_held[s, t, i] <= room_kw

    # Nor more than its content sustains for the time of response.
    def up_within_content(m: Any, s: int, t: int, i: int) -> Any:
        held = sum(
            float(there[s, t, j]) * float(gain[0][j]) * (m.content[s, t + 1, j] - float(instance.minimum_kwh[j]))
            for j in of(i)
        )
        return hours * m.up_held[s, t, i] <= held

    def down_within_content(m: Any, s: int, t: int, i: int) -> Any:
        held = sum(
            float(there[s, t, j]) * float(gain[1][j]) * (float(instance.capacity_kwh[j]) - m.content[s, t + 1, j])
            for j in of(i)
        )
        return hours * m.down_held[s, t, i] <= held

    # What is promised and not yet called is held ready by storages or by generation, or lacks room.
    def up_is_held_or_lacks(m: Any, s: int, t: int) -> Any:
        need = (
            float(1 - instance.up_used[s, t]) * m.up_reserve[t]
            + float(1 - instance.up_accepted[s, t]) * m.up_offer[s, t]
        )
        held = sum(m.up_held[s, t, i] for i in carriers) + sum(m.curtailed[s, t, n] for n in m.n)
        return held + m.up_lack[s, t] >= need

    def down_is_held_or_lacks(m: Any, s: int, t: int) -> Any:
        need = float(1 - instance.down_used[s, t]) * m.down_reserve[t]
        need += float(1 - instance.down_accepted[s, t]) * m.down_offer[s, t]
        running = float(instance.generation_kw[s, t].sum()) - sum(m.curtailed[s, t, n] for n in m.n)
        return sum(m.down_held[s, t, i] for i in carriers) + running + m.down_lack[s, t] >= need

    for rule in (up_within_power, down_within_power, up_within_content, down_within_content):
        model.add_component(rule.__name__, pyo.Constraint(model.s, model.t, carriers, rule=rule))
    model.up_is_held_or_lacks = pyo.Constraint(model.s, model.t, rule=up_is_held_or_lacks)
    model.down_is_held_or_lacks = pyo.Constraint(model.s, model.t, rule=down_is_held_or_lacks)


def _declare_goal(model: Any, instance: PortfolioInstance) -> None:
    import pyomo.environ as pyo

    # What markets pay less fees, imbalance, missed targets and lacking room.
    def profit(m: Any, s: int) -> Any:
        found = -instance.rapid_price * sum(m.rapid[s, t, i] for t in m.t for i in m.i)
        found -= sum(float(instance.target_price[i]) * m.missed[s, t, i] for t in m.state for i in m.i)
        for t in m.t:
            rate = float(instance.day_ahead_price[t]) * m.day_ahead[t]
            rate += float(instance.up_reserve_price[t]) * m.up_reserve[t]
            rate += float(instance.down_reserve_price[t]) * m.down_reserve[t]
            rate += float(instance.intraday_sale_price[s, t]) * m.intraday_sale[s, t]
            rate -= float(instance.intraday_purchase_price[s, t]) * m.intraday_purchase[s, t]
            rate += float(instance.up_accepted[s, t] * instance.up_price[s, t]) * m.up_offer[s, t]
            rate -= float(instance.down_accepted[s, t] * instance.down_price[s, t]) * m.down_offer[s, t]
            rate -= float(instance.missing_price[s, t]) * m.missing[s, t]
            rate += float(instance.surplus_price[s, t]) * m.surplus[s, t]
            rate -= sum(float(instance.flexibility_fee[i]) * m.discharge[s, t, i] for i in m.i)
            if instance.reserves:
                rate -= instance.room_price * (m.up_lack[s, t] + m.down_lack[s, t])
            found += instance.dt_h * rate
        return found

    model.profit = pyo.Expression(model.s, rule=profit)
    chance, risk = instance.chance, instance.risk_weight
    goal = (1.0 - risk) * sum(float(chance[s]) * model.profit[s] for s in model.s)
    if risk > 0:
        model.at_risk = pyo.Var()
        model.below = pyo.Var(model.s, domain=pyo.NonNegativeReals)
        # What profit is below the value at risk.
        model.tail_is_below = pyo.Constraint(model.s, rule=lambda m, s: m.below[s] >= m.at_risk - m.profit[s])
        goal += risk * (model.at_risk - sum(float(chance[s]) * model.below[s] for s in model.s) / instance.tail)
    model.goal = pyo.Objective(expr=goal, sense=pyo.maximize)
