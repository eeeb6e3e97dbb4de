"""Methods side by side: every criterion, the gap to the tightest proved bound, and who proved it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from ..instances.errors import InfeasibleError, NotApplicable
from ..instances.record import Instance
from ..models.problem import Problem, problem_of
from ..solvers.method import Call, Method, call, cells, default_calls, exact_kernels
from ..solvers.solution import GAP_TOLERANCE, Solution
from ..solvers.solve import run_call
from ..solvers.status import Status

TIME_LIMIT_S = 60.0
"""Time limit of each method in comparisons and experiments, where the caller sets none."""

RUN_COLUMNS = ("method", "kind", "seed", "status", "build_seconds", "seconds", "reason", "exact_for", "feasible")


def evaluate(
    instance: Instance, chosen: Call, *, seed: int = 0, time_limit_s: float | None = TIME_LIMIT_S
) -> pd.DataFrame:
    """Run one method and judge it by every criterion.

    Parameters
    ----------
    instance : Instance
        What is given, nature already drawn.
    chosen : Call
        Method and options.
    seed : int
        Seed of the method.
    time_limit_s : float, optional
        Passed on where the method takes one.

    Returns
    -------
    pandas.DataFrame
        One row per criterion: :data:`RUN_COLUMNS`, then ``criterion``, ``value``, ``bound`` and ``bound_by`` (what
        this run's own prices or tree prove). A method that does not run has a status and a reason instead of values.
    """
    found = problem_of(instance)
    entry = chosen.method
    run: dict[str, Any] = {
        "method": chosen.label,
        "kind": entry.kind,
        "seed": seed,
        "status": "",
        "build_seconds": math.nan,
        "seconds": math.nan,
        "reason": "",
        "exact_for": " ".join(sorted(chosen.claims.exact_for)),
        "feasible": chosen.claims.feasible,
    }
    solutions: dict[str, Solution] = {}
    if entry.size_limit is not None and cells(instance) > entry.size_limit:
        run["status"] = str(Status.TOO_LARGE)
        run["reason"] = f"{cells(instance)} cells, runs up to {entry.size_limit}"
    else:
        try:
            solution = run_call(instance, chosen, None, seed=seed, time_limit_s=time_limit_s)
        except NotApplicable as error:
            run |= {"status": str(Status.NOT_APPLICABLE), "reason": str(error)}
        except InfeasibleError as error:
            run |= {"status": str(Status.INFEASIBLE), "reason": str(error)}
        except Exception as error:  # one failing method must not cost the others their rows
            run |= {"status": str(Status.ERROR), "reason": f"{type(error).__name__}: {error}"}
        else:
            solutions["run"] = solution
            run["build_seconds"] = solution.seconds["build"]
            run["seconds"] = sum(solution.seconds.values())
            run["status"] = str(solution.status)
            run["reason"] = str(solution.report.violations[0]) if solution.report.violations else ""
    return pd.DataFrame([run | _judged(found, solutions.get("run"), one.name) for one in found.criteria])


def _judged(found: Problem, solution: Solution | None, criterion: str) -> dict[str, Any]:
    if solution is None:
        return {"criterion": criterion, "value": math.nan, "bound": math.nan, "bound_by": ""}
    value = solution.report.criteria[criterion]
    bound, by = solution.report.bounds.get(criterion, math.nan), "duality"
    tree = solution.tree_bounds.get(criterion, math.nan)
    if found.criterion(criterion).tighter(tree, bound):
        bound, by = tree, "tree"
    return {"criterion": criterion, "value": value, "bound": bound, "bound_by": "" if math.isnan(bound) else by}


def assemble(instance: Instance, runs: pd.DataFrame, criteria: Sequence[str] | None = None) -> pd.DataFrame:
    """Set runs of one instance side by side, with the bounds that they and the exact kernels prove.

    Parameters
    ----------
    instance : Instance
        What was given.
    runs : pandas.DataFrame
        Rows of :func:`evaluate`, of any methods and seeds.
    criteria : sequence of str, optional
        Which criteria to show; all otherwise.

    Returns
    -------
    pandas.DataFrame
        One row per method: ``method``, ``kind``, ``status``, ``seconds``, for each criterion ``c`` its value ``c``,
        ``c_gap`` and ``c_bound_by``, then ``runs`` (seeds averaged over), ``exact_for`` (claimed, where the
        rules can judge it), ``optimal_for`` (proved here), ``feasible`` (claimed), ``conflict`` and ``reason``. A gap
        is a mean over seeds; rows that break a rule have none. ``attrs["bounds"]`` holds the tightest bound of each
        criterion.
    """
    found = problem_of(instance)
    shown = [found.criterion(name) for name in criteria] if criteria is not None else list(found.criteria)
    rows = []
    # Kernels take milliseconds: those that are not among the runs are asked for their bounds all the same.
    others = [one for one in exact_kernels(found.name) if one.label not in set(runs["method"])]
    provers = pd.concat([runs, *[evaluate(instance, one) for one in others]], ignore_index=True)
    bounds = {one.name: _tightest(found, provers, one.name) for one in found.criteria}
    for label, group in runs.groupby("method", sort=False):
        first = group.iloc[0]
        statuses = list(dict.fromkeys(group["status"]))
        keeps_rules = not {str(Status.VIOLATED)} & set(statuses)
        row = {
            "method": label,
            "kind": first["kind"],
            "status": ", ".join(statuses),
            "seconds": group["seconds"].mean(),
        }
        reason = next((text for text in group["reason"] if text), "")
        optimal, conflicts, unjudged = [], [], set()
        for one in found.criteria:
            values = group.loc[group["criterion"] == one.name, "value"]
            bound, by = bounds[one.name]
            gaps = [one.gap(instance, value, bound) if keeps_rules else math.nan for value in values]
            gap = float(pd.Series(gaps, dtype=float).mean())
            if one.partial and len(values) and values.isna().all():
                unjudged.add(one.name)
            if gaps and all(abs(g) <= GAP_TOLERANCE for g in gaps):
                optimal.append(one.name)
            if any(g < -GAP_TOLERANCE for g in gaps):
                conflicts.append(f"{label} beats the bound on {one.name} proved by {by}")
            if one in shown:
                row |= {one.name: values.mean(), f"{one.name}_gap": gap, f"{one.name}_bound_by": by}
        claimed = " ".join(one for one in first["exact_for"].split() if one not in unjudged)
        row |= {"runs": group["seed"].nunique(), "exact_for": claimed, "optimal_for": " ".join(optimal)}
        row |= {"feasible": first["feasible"], "conflict": "; ".join(conflicts), "reason": reason}
        rows.append(row)
    comparison = pd.DataFrame(rows)
    comparison.attrs["bounds"] = {criterion: bound for criterion, (bound, _) in bounds.items()}
    return comparison


def _tightest(found: Problem, runs: pd.DataFrame, criterion: str) -> tuple[float, str]:
    """Tightest bound on a criterion that any of the runs proved, and who proved it."""
    one = found.criterion(criterion)
    best, by = math.nan, ""
    for row in runs[runs["criterion"] == criterion].itertuples():
        if one.tighter(row.bound, best):
            best, by = row.bound, f"{row.bound_by} ({row.method})"
    return best, by


def compare(
    instance: Instance,
    methods: Sequence[str | Method | Call] | None = None,
    criteria: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    *,
    time_limit_s: float | None = TIME_LIMIT_S,
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """Run methods on an instance and set them side by side.

    Parameters
    ----------
    instance : Instance
        What is given.
    methods : sequence of str, optional
        Methods, each ``"name"`` or ``"name(option=value)"``; the whole menu with all variants otherwise.
    criteria : sequence of str, optional
        Which criteria to show; all otherwise.
    seeds : sequence of int
        Seeds; methods that draw nothing run once.
    time_limit_s : float, optional
        Limit of each run, for methods that can be stopped.
    progress : callable, optional
        ``(method, finished, total)``, called before each method.

    Returns
    -------
    pandas.DataFrame
        See :func:`assemble`.

    Raises
    ------
    ValueError
        For an unknown method, option or criterion, or without any method or seed.
    """
    found = problem_of(instance)
    if not len(seeds) or (methods is not None and not len(methods)):
        raise ValueError("nothing to compare: at least one method and one seed are needed")
    for name in criteria or ():
        found.criterion(name)
    calls = default_calls(found.name) if methods is None else [call(found.name, one) for one in methods]
    nature = instance.realise(seeds[0])
    runs = []
    for number, chosen in enumerate(calls):
        if progress is not None:
            progress(chosen.label, number, len(calls))
        for seed in seeds if chosen.method.takes("seed") else seeds[:1]:
            runs.append(evaluate(nature, chosen, seed=seed, time_limit_s=time_limit_s))
    return assemble(nature, pd.concat(runs, ignore_index=True), criteria)


def broken_claims(comparison: pd.DataFrame) -> list[str]:
    """What methods claimed and did not keep in a comparison over all criteria.

    Parameters
    ----------
    comparison : pandas.DataFrame
        Made by :func:`compare` or :func:`assemble`.

    Returns
    -------
    list of str
        One sentence per broken claim: an exact method off the proved optimum, a feasible one that breaks a rule, one
        that beats a proved bound, one that crashed. A method stopped by its time limit, too large or not applicable
        breaks none.
    """
    excused = {str(Status.TIME_LIMIT), str(Status.TOO_LARGE), str(Status.NOT_APPLICABLE), str(Status.INFEASIBLE)}
    broken = []
    for row in comparison.to_dict(orient="records"):
        statuses = set(row["status"].split(", "))
        if str(Status.ERROR) in statuses:
            broken.append(f"{row['method']} crashed: {row['reason']}")
        if row["feasible"] and str(Status.VIOLATED) in statuses:
            broken.append(f"{row['method']} claims to be feasible, but: {row['reason']}")
        if row["conflict"]:
            broken.append(row["conflict"])
        if statuses & (excused | {str(Status.ERROR), str(Status.VIOLATED)}):
            continue
        for criterion in row["exact_for"].split():
            if math.isnan(row[criterion]) and math.isnan(comparison.attrs["bounds"][criterion]):
                continue  # undefined on this instance, such as PBR without prosumers
            if criterion not in row["optimal_for"].split():
                gap = row[f"{criterion}_gap"]
                broken.append(f"{row['method']} claims to be exact for {criterion}, but its gap is {gap:.2e}")
    return broken
