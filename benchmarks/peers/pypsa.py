"""A window in PyPSA: one network, optimised for the snapshots of a window as its rolling horizon does."""

from __future__ import annotations

from ...instances.errors import NotApplicable
from .window import Battery, Solve, Window

UNLIMITED_KW = 1e4
"""PyPSA wants a size of the grid's connection; this is above all that a home can draw."""


def solver(battery: Battery, intervals: int) -> Solve:
    """Return what solves a window; see :mod:`.window`.

    Raises
    ------
    NotApplicable
        Where content has a least level, which PyPSA's storage unit does not know.
    """
    if battery.minimum_kwh > 0:
        raise NotApplicable(f"PyPSA's storage unit has no least content, and {battery.minimum_kwh:g} kWh are asked for")
    import pandas as pd
    import pypsa

    hours = pd.date_range("2030-01-01", periods=intervals, freq="h")
    power = max(battery.charge_kw, battery.discharge_kw)
    network = pypsa.Network()
    network.set_snapshots(hours)
    network.add("Carrier", "AC")
    network.add("Bus", "home", carrier="AC")
    network.add("Load", "net", bus="home", p_set=pd.Series(0.0, index=hours))
    network.add("Generator", "import", bus="home", p_nom=UNLIMITED_KW, marginal_cost=pd.Series(0.0, index=hours))
    export = {"p_nom": UNLIMITED_KW, "p_min_pu": -1.0, "p_max_pu": 0.0, "marginal_cost": pd.Series(0.0, index=hours)}
    network.add("Generator", "export", bus="home", **export)
    network.add(
        "StorageUnit",
        "battery",
        bus="home",
        p_nom=power,
        p_min_pu=-battery.charge_kw / power,
        p_max_pu=battery.discharge_kw / power,
        max_hours=battery.capacity_kwh / power,
        efficiency_store=battery.charge_efficiency,
        efficiency_dispatch=battery.discharge_efficiency,
        standing_loss=1.0 - battery.retention,
        cyclic_state_of_charge=False,
    )

    def solve(window: Window) -> float:
        network.loads_t.p_set["net"] = window.net_kwh
        network.generators_t.marginal_cost["import"] = window.buy_price
        network.generators_t.marginal_cost["export"] = window.sell_price
        # PyPSA lets nothing of the initial content get lost in the first hour.
        network.storage_units.loc["battery", "state_of_charge_initial"] = battery.retention * window.initial_kwh
        status = network.optimize(
            hours,
            solver_name="highs",
            io_api="direct",
            log_to_console=False,
            include_objective_constant=False,
            solver_options={"output_flag": False},
        )
        if status[0] != "ok":
            raise RuntimeError(f"PyPSA says {status}")
        return float(network.objective)

    return solve
