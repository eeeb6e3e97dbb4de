"""A window in linopy: stated anew for each window, passed to HiGHS in memory."""

from __future__ import annotations

from .window import Battery, Solve, Window


def solver(battery: Battery, intervals: int) -> Solve:
    """Return what solves a window; see :mod:`.window`."""
    import linopy
    import pandas as pd
    import xarray as xr

    hours = pd.RangeIndex(intervals, name="hour")

    def solve(window: Window) -> float:
        net, buy, sell = (xr.DataArray(values, coords=[hours]) for values in window[:3])
        start = xr.DataArray([window.initial_kwh] + [0.0] * (intervals - 1), coords=[hours])
        model = linopy.Model()
        charge = model.add_variables(0.0, battery.charge_kw, coords=[hours], name="charge")
        discharge = model.add_variables(0.0, battery.discharge_kw, coords=[hours], name="discharge")
        content = model.add_variables(battery.minimum_kwh, battery.capacity_kwh, coords=[hours], name="content")
        imported = model.add_variables(0.0, coords=[hours], name="imported")
        exported = model.add_variables(0.0, coords=[hours], name="exported")
        change = content - battery.retention * content.shift(hour=1)
        stored = battery.charge_efficiency * charge - (1.0 / battery.discharge_efficiency) * discharge
        model.add_constraints(change - stored == battery.retention * start, name="kept")
        model.add_constraints(imported - exported - charge + discharge == net, name="balance")
        model.add_objective((buy * imported - sell * exported).sum())
        status = model.solve(solver_name="highs", io_api="direct", output_flag=False, progress=False)
        if status[0] != "ok":
            raise RuntimeError(f"linopy says {status}")
        return float(model.objective.value)

    return solve
