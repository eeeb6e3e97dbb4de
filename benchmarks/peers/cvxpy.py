"""A window in CVXPY: stated once with parameters (disciplined parametrised programming), solved by HiGHS."""

from __future__ import annotations

from .window import Battery, Solve, Window


def solver(battery: Battery, intervals: int) -> Solve:
    """Return what solves a window; see :mod:`.window`."""
    import cvxpy as cp

    net, initial = cp.Parameter(intervals), cp.Parameter()
    buy, sell = cp.Parameter(intervals, nonneg=True), cp.Parameter(intervals, nonneg=True)
    charge, discharge = cp.Variable(intervals, nonneg=True), cp.Variable(intervals, nonneg=True)
    imported, exported = cp.Variable(intervals, nonneg=True), cp.Variable(intervals, nonneg=True)
    content = cp.Variable(intervals + 1)
    stored = battery.charge_efficiency * charge - discharge / battery.discharge_efficiency
    constraints = [
        content[0] == initial,
        content[1:] == battery.retention * content[:-1] + stored,
        content[1:] >= battery.minimum_kwh,
        content[1:] <= battery.capacity_kwh,
        charge <= battery.charge_kw,
        discharge <= battery.discharge_kw,
        imported - exported == net + charge - discharge,
    ]
    problem = cp.Problem(cp.Minimize(buy @ imported - sell @ exported), constraints)

    def solve(window: Window) -> float:
        net.value, buy.value, sell.value, initial.value = window
        problem.solve(solver=cp.HIGHS)
        return float(problem.value)

    return solve
