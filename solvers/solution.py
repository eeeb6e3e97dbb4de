"""What comes back: one verdict on a decision (Report) and one answer to an instance (Solution)."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..instances.datapackage import read_descriptor, read_record
from ..instances.errors import Fault, InstanceError
from ..instances.package_writer import describe, write_package
from ..instances.record import Decision, Instance
from ..models.problem import Criterion, Violation, problem_of
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

GAP_TOLERANCE = 1e-6
"""A decision within this relative gap of a proved bound is called optimal; one beyond it by as much, a conflict."""

REPORTED = ("commonwatt", "numpy", "scipy", "numba", "pyomo", "highspy", "cvxpy", "clarabel")


@dataclass(frozen=True)
class Report:
    """What the rules say of a decision, knowing neither program nor solver.

    Parameters
    ----------
    violations : tuple of Violation
        Every broken rule; empty for a feasible decision.
    criteria : mapping of str to float
        The decision's value by every criterion, recomputed from the decision.
    bounds : mapping of str to float
        By criterion, the tightest bound that weak duality proves from the given prices or from none.
    certificate : mapping of str to float
        Residuals of optimality for the criterion asked about; empty where no prices came with the decision.
    """

    violations: tuple[Violation, ...]
    criteria: Mapping[str, float]
    bounds: Mapping[str, float]
    certificate: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no rule is broken."""
        return not self.violations

    def __str__(self) -> str:
        lines = ["feasible" if self.ok else f"{len(self.violations)} rules broken"]
        lines += [f"  {violation}" for violation in self.violations[:10]]
        if len(self.violations) > 10:
            lines.append(f"  … and {len(self.violations) - 10} more")
        lines += [f"  {name:<18} {value:.6g}" for name, value in self.criteria.items() if not math.isnan(value)]
        lines += [f"  {name:<18} {value:.2e}" for name, value in self.certificate.items()]
        return "\n".join(lines)


def judge(
    instance: Instance, decision: Decision, prices: Decision | None = None, criterion: str | None = None
) -> Report:
    """Check a decision by the rules of its problem.

    Parameters
    ----------
    instance : Instance
        What is given.
    decision : Decision
        What was decided, by whomever.
    prices : Decision, optional
        Prices from which bounds and the certificate are computed.
    criterion : str, optional
        The criterion whose certificate is wanted; the problem's default otherwise.

    Returns
    -------
    Report
    """
    found = problem_of(instance)
    bounds = {}
    for one in found.criteria:
        if one.bound is None:
            continue
        best = one.bound(instance, None)
        if prices is not None:
            proposed = one.bound(instance, prices)
            best = proposed if one.tighter(proposed, best) else best
        bounds[one.name] = best
    asked = found.criterion(criterion)
    certificate = {}
    if prices is not None and asked.certificate is not None:
        certificate = asked.certificate(instance, decision, prices)
    values = {one.name: one.value(instance, decision) for one in found.criteria}
    return Report(tuple(found.violations(instance, decision)), values, bounds, certificate)


@dataclass(frozen=True, eq=False)
class Solution:
    """One answer to one instance, with the evidence for it.

    Parameters
    ----------
    instance : Instance
        What was asked.
    method, criterion : str
        Method with its options, as on the menu, and the criterion it was judged by.
    options : mapping
        Every option of the method, defaults included.
    status : Status
        How the answer stands.
    decision : Decision
        What was decided.
    prices : Decision or None
        Shadow prices, where the method gives them.
    objective : float
        Value of the criterion, recomputed by the rules.
    bound : float
        Tightest proved bound, NaN without one.
    bound_by : str
        Who proved it.
    gap : float
        Relative gap; NaN for infeasible decisions or without a bound.
    report : Report
        What the rules say.
    seconds : mapping of str to float
        ``build`` and ``solve``, warm-up excluded.
    seed : int
        Seed of the method.
    versions : mapping of str to str
        Versions of the packages that took part.
    notes : tuple of str
        What the method wants a reader to know.
    tree_bounds : mapping of str to float
        Bounds that a solver's tree proved, by criterion.
    logs : mapping of str to pandas.DataFrame
        How the answer came about, where the method tells; not saved with it.
    """

    instance: Instance
    method: str
    criterion: str
    options: Mapping[str, Any]
    status: Status
    decision: Decision
    prices: Decision | None
    objective: float
    bound: float
    bound_by: str
    gap: float
    report: Report
    seconds: Mapping[str, float]
    seed: int
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()
    tree_bounds: Mapping[str, float] = field(default_factory=dict)
    logs: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Tidy tables of the decision and, where there are any, of the prices and of how the answer came about."""
        found = dict(self.decision.tables())
        for name, frame in (self.prices.tables() if self.prices is not None else {}).items():
            found[f"prices_{name}"] = frame
        return found | {f"log_{name}": frame for name, frame in self.logs.items()}

    def __repr__(self) -> str:
        value = f"{self.criterion} = {self.objective:.6g}"
        return f"<Solution of {self.instance.meta.name} by {self.method}: {self.status}, {value}>"

    def __str__(self) -> str:
        bound = f"{self.bound:.6g} proved by {self.bound_by}" if self.bound_by else "none proved"
        gap = "none" if math.isnan(self.gap) else f"{self.gap:.2e}"
        seconds = ", ".join(f"{name} {value:.3g} s" for name, value in self.seconds.items())
        lines = [
            f"{self.instance.meta.name} by {self.method}: {self.status}",
            f"  {self.criterion:<18} {self.objective:.6g}",
            f"  {'bound':<18} {bound}",
            f"  {'gap':<18} {gap}",
            f"  {'time':<18} {seconds}",
            f"  {'instance':<18} {self.instance.content_hash[:12]}, seed {self.seed}",
            f"  {'versions':<18} {', '.join(f'{name} {version}' for name, version in self.versions.items())}",
            *[f"  note: {note}" for note in self.notes],
            "report: " + str(self.report),
        ]
        return "\n".join(lines)

    def save(self, folder: str | Path) -> Path:
        """Write decision, prices and evidence as a Data Package; :func:`load_solution` reads it back.

        Raises
        ------
        FileExistsError
            If the folder holds anything but a Data Package.
        """
        records: dict[str, Decision] = {"decision": self.decision}
        if self.prices is not None:
            records["prices"] = self.prices
        numbers = {"objective": self.objective, "bound": self.bound, "gap": self.gap}
        section = {
            "record": "solution",
            "instance": self.instance.meta.name,
            "instance_hash": self.instance.content_hash,
            "method": self.method,
            "criterion": self.criterion,
            "options": {name: _storable(value) for name, value in self.options.items()},
            "status": str(self.status),
            **{name: value if math.isfinite(value) else None for name, value in numbers.items()},
            "bound_by": self.bound_by,
            "seconds": dict(self.seconds),
            "seed": self.seed,
            "versions": dict(self.versions),
            "notes": list(self.notes),
            "decision": describe(self.decision),
            "prices": None if self.prices is None else describe(self.prices),
        }
        descriptor = {"name": "solution", "title": f"{self.instance.meta.name} by {self.method}", "commonwatt": section}
        return write_package(folder, descriptor, records)


def _storable(value: Any) -> Any:
    """An option as JSON can hold it; whatever else it is, is kept as text."""
    if isinstance(value, (list, tuple)):
        return [_storable(one) for one in value]
    if isinstance(value, (bool, int, str, type(None))):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else str(value)


def load_solution(instance: Instance, folder: str | Path) -> Solution:
    """Read a saved solution back and judge it anew: nothing it says of itself is believed.

    Parameters
    ----------
    instance : Instance
        The instance it answers.
    folder : path
        The solution's Data Package.

    Returns
    -------
    Solution
        With report, objective and gap recomputed.

    Raises
    ------
    InstanceError
        If the package is malformed, or answers another instance.
    """
    descriptor = read_descriptor(folder)
    section, where = descriptor["commonwatt"], str(folder)
    if section.get("record") != "solution":
        fault = Fault(
            "datapackage.json", "record", "", repr(section.get("record")), "is no solution", "name its folder"
        )
        raise InstanceError([fault], where)
    if section.get("instance_hash") != instance.content_hash:
        found = str(section.get("instance_hash"))[:12]
        message = f"answers another instance than {instance.meta.name} ({instance.content_hash[:12]})"
        remedy = "load the instance it was made for"
        raise InstanceError([Fault("datapackage.json", "instance_hash", "", found, message, remedy)], where)
    faults: list[Fault] = []
    evidence = _evidence(instance, section, faults)
    records = _records(instance, folder, descriptor, faults)
    if faults:
        raise InstanceError(faults, where)
    return conclude(instance, records["decision"], prices=records.get("prices"), **evidence)


def _records(
    instance: Instance, folder: str | Path, descriptor: dict[str, Any], faults: list[Fault]
) -> dict[str, Decision]:
    """Decision and prices of a saved solution."""
    found, section = problem_of(instance), descriptor["commonwatt"]
    outer = {axis: instance.labels_of(axis) for axis in instance.sizes if not axis.endswith("+")}
    records: dict[str, Any] = {}
    for prefix, cls in (("decision", found.decision), ("prices", found.prices)):
        if prefix == "prices" and section.get(prefix) is None:
            continue
        if not isinstance(section.get(prefix), dict):
            remedy = "save the solution anew"
            faults.append(Fault("datapackage.json", prefix, message="the section is missing", remedy=remedy))
            continue
        before = len(faults)
        fields = read_record(folder, descriptor, cls, prefix, section[prefix], outer, faults)
        if len(faults) == before:
            try:
                records[prefix] = cls(instance=instance, **fields)
            except InstanceError as error:
                faults.extend(error.faults)
    return records


def _evidence(instance: Instance, section: dict[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """What a saved solution says of itself beside its decision, as arguments of :func:`conclude`."""
    for name, kind in (
        ("method", str),
        ("criterion", str),
        ("options", dict),
        ("seconds", dict),
        ("seed", int),
        ("versions", dict),
        ("notes", list),
    ):
        if not isinstance(section.get(name), kind):
            message, remedy = f"is no {kind.__name__}", "save the solution anew"
            faults.append(Fault("datapackage.json", name, "", f"{section.get(name)!r:.60}", message, remedy))
    if not faults:
        known = [one.name for one in problem_of(instance).criteria]
        if section["criterion"] not in known:
            fault = Fault("datapackage.json", "criterion", "", section["criterion"], "is unknown", ", ".join(known))
            faults.append(fault)
    named = ("method", "criterion", "options", "seconds", "seed")
    rest = {"notes": tuple(section.get("notes") or ()), "recorded": section.get("versions")}
    return {name: section.get(name) for name in named} | rest


def conclude(
    instance: Instance,
    decision: Decision,
    *,
    prices: Decision | None,
    method: str,
    criterion: str | None,
    options: Mapping[str, Any],
    seconds: Mapping[str, float],
    seed: int,
    status: Status | None = None,
    bounds: Mapping[str, float] | None = None,
    notes: tuple[str, ...] = (),
    recorded: Mapping[str, str] | None = None,
    logs: Mapping[str, pd.DataFrame] | None = None,
) -> Solution:
    """Judge a decision and draw the conclusions: value, bound and who proved it, gap, status.

    ``status`` and ``bounds`` are what a solver said; the status OPTIMAL is given only where a proved bound is met.
    """
    asked: Criterion = problem_of(instance).criterion(criterion)
    report = judge(instance, decision, prices, asked.name)
    value = report.criteria[asked.name]
    bound, bound_by = report.bounds.get(asked.name, math.nan), "weak duality"
    if bounds and asked.tighter(bounds.get(asked.name, math.nan), bound):
        bound, bound_by = bounds[asked.name], "the solver's tree"
    gap = asked.gap(instance, value, bound) if report.ok else math.nan
    if not report.ok:
        status = Status.VIOLATED
    elif abs(gap) <= GAP_TOLERANCE:
        status = Status.OPTIMAL
    elif status is not Status.TIME_LIMIT:
        status = Status.FEASIBLE
    return Solution(
        instance=instance,
        method=method,
        criterion=asked.name,
        options=dict(options),
        status=status,
        decision=decision,
        prices=prices,
        objective=value,
        bound=bound,
        bound_by="" if math.isnan(bound) else bound_by,
        gap=gap,
        report=report,
        seconds=dict(seconds),
        seed=seed,
        versions=dict(recorded) if recorded is not None else versions(),
        notes=notes,
        tree_bounds=dict(bounds or {}),
        logs=dict(logs or {}),
    )


def versions() -> dict[str, str]:
    """Versions of the packages whose numbers a solution rests on."""
    return {name: importlib.metadata.version(name) for name in REPORTED}
