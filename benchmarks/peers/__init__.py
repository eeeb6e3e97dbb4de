"""Other toolkits on the same problem, each through its public interface: run beside ours, never read into it.

Each module has one function ``solver(battery)`` that returns ``solve(window) -> float``: state the window's program,
solve it and return its least cost. The toolkits are the extra ``peers`` and are imported inside the functions.
"""
