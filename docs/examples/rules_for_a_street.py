"""Which rule should a street choose? Every strategy under every policy, on the street's own data."""

import pandas as pd
from commonwatt.instances.allocation import POLICIES, from_households, prioritise
from commonwatt.models.allocation.metrics import community_metrics

import commonwatt as cw

street = from_households("examples/homes.csv", interval="day", min_days=0)
policies = [policy for policy in POLICIES if not policy.endswith("size")]  # the file has no floor areas

rows = []
for policy in policies:
    community = prioritise(street, policy, subgroup_weights=(2.0, 1.0))
    for method in ("random", "greedy", "round_robin", "game_theoretic", "water_filling"):
        solution = cw.solve(community, method=method)
        metrics = community_metrics(community, solution.decision, "all").iloc[0]
        rows.append({"policy": policy, "method": method, **metrics[["sr", "swr_mean", "er", "jain"]]})

table = pd.DataFrame(rows).set_index(["policy", "method"])
print(table.round(3).to_string())
assert (table["er"] <= 1).all()
