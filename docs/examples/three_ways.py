"""One question answered three ways: a program, a kernel and rules that know neither must agree."""

import commonwatt as cw

community = cw.load("allocation/three-houses")

program = cw.solve(community, method="social_welfare_program")  # CVXPY and Clarabel
kernel = cw.solve(community, method="water_filling")  # closed form
print(f"program {program.objective:.9f} in {program.seconds['solve']:.4f} s")
print(f"kernel  {kernel.objective:.9f} in {kernel.seconds['solve']:.6f} s")
print(f"bound   {kernel.bound:.9f} proved by {kernel.bound_by}")
assert abs(program.objective - kernel.objective) < 1e-6

# The rules compute everything anew from the decision; the known optimum was found by hand.
report = cw.check(community, program)
known = {one.criterion: one.value for one in community.meta.known}
print(report)
assert report.ok
assert abs(report.criteria["social_welfare"] - known["social_welfare"]) < 1e-6
