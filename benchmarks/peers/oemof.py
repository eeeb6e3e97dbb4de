"""A window in oemof.solph: an energy system and its model stated anew for each window, solved by HiGHS."""

from __future__ import annotations

from .window import Battery, Solve, Window


def solver(battery: Battery, intervals: int) -> Solve:
    """Return what solves a window; see :mod:`.window`."""
    import pandas as pd
    from oemof import solph

    hours = pd.date_range("2030-01-01", periods=intervals + 1, freq="h")
    flow = solph.flows.Flow

    def solve(window: Window) -> float:
        system = solph.EnergySystem(timeindex=hours, infer_last_interval=False)
        home = solph.buses.Bus(label="home")
        demand = window.net_kwh.clip(min=0.0), (-window.net_kwh).clip(min=0.0)
        system.add(
            home,
            solph.components.Source("import", outputs={home: flow(variable_costs=window.buy_price)}),
            solph.components.Sink("export", inputs={home: flow(variable_costs=-window.sell_price)}),
            solph.components.Sink("load", inputs={home: flow(fix=demand[0], nominal_capacity=1.0)}),
            solph.components.Source("surplus", outputs={home: flow(fix=demand[1], nominal_capacity=1.0)}),
            solph.components.GenericStorage(
                "battery",
                inputs={home: flow(nominal_capacity=battery.charge_kw)},
                outputs={home: flow(nominal_capacity=battery.discharge_kw)},
                nominal_capacity=battery.capacity_kwh,
                min_storage_level=battery.minimum_kwh / battery.capacity_kwh,
                initial_storage_level=window.initial_kwh / battery.capacity_kwh,
                balanced=False,
                loss_rate=1.0 - battery.retention,
                inflow_conversion_factor=battery.charge_efficiency,
                outflow_conversion_factor=battery.discharge_efficiency,
            ),
        )
        model = solph.Model(system)
        model.solve(solver="highs")
        return float(model.objective())

    return solve
