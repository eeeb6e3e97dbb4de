"""The ten steps of Lange's Algorithm 1, interval by interval, on a street of six homes; then what came of it."""

import numpy as np
import pandas as pd
from commonwatt.instances.settlement import SettlementInstance
from commonwatt.models.settlement.metrics import performance_measure
from commonwatt.models.settlement.rules import violations
from commonwatt.models.settlement.statements import statement
from commonwatt.solvers import agents
from commonwatt.solvers.heuristics.scheduling import CLASSES

import commonwatt as cw

street = cw.load("scheduling/street-50").among([0, 2, 4, 6, 8, 24])
rated_kwh = street.load_kwh.max(axis=0)
# The two ends of the performance measure: each alone at its least cost, and all together with everything foreseen.
together = cw.solve(street, criterion="community_cost", method="community_program").decision
separate = cw.solve(street, criterion="separate_cost").decision


def paid(net_kwh: np.ndarray) -> np.ndarray:
    """What the grid has been paid up to and including each interval, behind the meters in the columns."""
    paid_kwh = street.buy_price[: len(net_kwh), None] * np.maximum(net_kwh, 0.0)
    return np.cumsum(paid_kwh - street.sell_price[: len(net_kwh), None] * np.maximum(-net_kwh, 0.0), axis=0).sum(axis=1)


alone, least = paid(separate.net_kwh), paid(together.community_net_kwh[:, None])

coordinator = agents.Coordinator(street, window=24, forecast="noisy")
state = agents.first_state(street)
members = range(len(street.member))
net = np.zeros_like(street.load_kwh)
bill = np.zeros_like(net)
rows = []
while state.interval < len(street.interval):
    t = state.interval
    requests = [agents.member_request(street, i, state) for i in members]  # 1: requests and availability
    retail, feed_in = agents.meter_tariff(street, t)  # 2: tariff from the meters
    classes = agents.node_classes(requests, rated_kwh)  # 3: load classes
    tbp, tsp = agents.total_power(np.array([one.net_kwh for one in requests]), street.dt_h)  # 4: TBP and TSP
    told, _ = agents.internal_tariff(tbp, tsp, retail, feed_in)  # 5: prices as members are told them
    plan = coordinator.plan(state)  # 6: the sliding horizon's program
    done = coordinator.dispatch(state, plan, classes)  # 7: dispatch; requests of overloaded nodes wait
    net[t] = agents.net_after(street, state, done)
    # Storages and requests have moved since: bills are at the prices of what meters read, which pay the grid exactly.
    buy, sell = agents.internal_tariff(*agents.total_power(net[t], street.dt_h), retail, feed_in)
    bill[t] = [agents.member_bill(net[t, i], buy, sell) for i in members]  # 8: bills
    cost = float(paid(net[: t + 1].sum(axis=1, keepdims=True))[-1])  # 9: ESR (minus this cost) and PM, so far
    measure = performance_measure(alone[t], cost, least[t])
    most = CLASSES[classes.max()]
    rows.append((str(street.interval[t])[11:16], most, tbp, tsp, told, buy, sell, cost, measure))
    state = coordinator.handed_over(state, done)  # 10: the next interval

log = pd.DataFrame(
    rows, columns=["time", "highest class", "TBP kW", "TSP kW", "told", "buying", "selling", "cost so far", "PM so far"]
)
print(log.round(3).to_string(index=False))

# The grid is paid what members pay: the same bills, by the rules of settlement.
settled = SettlementInstance(
    interval=street.interval,
    member=street.member,
    load_kwh=street.load_kwh,
    generation_kwh=street.generation_kwh,
    storage_kwh=net - street.net_load_kwh,  # storages, and what requests were served
    retail_price=street.buy_price,
    feed_in_price=street.sell_price,
    dt_h=street.dt_h,
)
decision = cw.solve(settled, method="sdr").decision
assert not violations(settled, decision)
assert np.allclose(decision.bill, bill.sum(axis=0))
print(statement(decision, "day").round(2).to_string(index=False))

print(f"alone {alone[-1]:.2f}, sliding horizon {cost:.2f}, least {least[-1]:.2f} {street.currency}: PM = {measure:.2f}")
assert measure <= 1.0 + 1e-9
