"""Answering an instance: choose a method, run it, time it, judge what it says."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

from ..instances.errors import NotApplicable
from ..instances.record import Decision, Instance
from ..models.problem import Problem, problem_of
from .method import Answer, Call, Method, call, exact_kernels, menu
from .solution import GAP_TOLERANCE, Report, Solution, conclude, judge
from .status import Status

ORDER = {"kernel": 0, "program": 1, "heuristic": 2}
"""Which exact method is tried first when the user names none."""

_warm: set[tuple[str, str, str]] = set()


def solve(
    instance: Instance,
    *,
    criterion: str | None = None,
    method: str | Method | Call | None = None,
    seed: int = 0,
    time_limit_s: float | None = None,
    **options: Any,
) -> Solution:
    """Answer an instance.

    Parameters
    ----------
    instance : Instance
        What is given.
    criterion : str, optional
        What is to be optimised, or by what the method is to be judged; the problem's default otherwise.
    method : str, optional
        A method of the menu, ``"name"`` or ``"name(option=value)"``; otherwise the best exact one that applies.
    seed : int
        Seed of everything random in the method, and of nature where the instance is stochastic.
    time_limit_s : float, optional
        Wall-clock limit for methods that can be stopped.
    **options
        Options of the method.

    Returns
    -------
    Solution

    Raises
    ------
    NotApplicable
        If the instance lies outside the premise of the method, or of every exact one.
    ValueError
        For an unknown criterion, method or option.
    InfeasibleError
        If no decision satisfies the instance.
    """
    found = problem_of(instance)
    asked = found.criterion(criterion).name
    nature = instance.realise(seed)
    if method is not None:
        chosen = call(found.name, method, **options)
        return _bounded(run_call(nature, chosen, asked, seed=seed, time_limit_s=time_limit_s))
    if options:
        raise ValueError(f"options {', '.join(options)} belong to a method; name it")
    exact = [entry for entry in menu(found.name).values() if asked in entry.claims.exact_for]
    reasons = []
    for entry in sorted(exact, key=lambda entry: ORDER[entry.kind]):
        try:
            return run_call(nature, Call(entry), asked, seed=seed, time_limit_s=time_limit_s)
        except NotApplicable as error:
            reasons.append(f"{entry.name}: {error}")
    because = "; ".join(reasons) if reasons else "there is none on the menu; name a heuristic"
    raise NotApplicable(f"no exact method for {asked} of {found.name}: {because}")


def _bounded(solution: Solution) -> Solution:
    """The solution with the tightest bound that exact kernels prove, where its own prices prove no optimum.

    Kernels take milliseconds, and the gap of a rule of thumb would otherwise be one to a bound at price 0.
    """
    found = problem_of(solution.instance)
    criterion = found.criterion(solution.criterion)
    for chosen in exact_kernels(found.name):
        if solution.status is Status.OPTIMAL or criterion.name not in chosen.claims.exact_for:
            continue
        try:
            other = run_call(solution.instance, chosen, criterion.name)
        except NotApplicable:
            continue
        if criterion.tighter(other.bound, solution.bound):
            gap = criterion.gap(solution.instance, solution.objective, other.bound) if solution.report.ok else math.nan
            status = Status.OPTIMAL if abs(gap) <= GAP_TOLERANCE else solution.status
            by = f"{other.bound_by}, prices of {chosen.label}"
            solution = replace(solution, bound=other.bound, bound_by=by, gap=gap, status=status)
    return solution


def run_call(
    instance: Instance, chosen: Call, criterion: str | None, *, seed: int = 0, time_limit_s: float | None = None
) -> Solution:
    """Run one method on a realised instance and judge its answer.

    Parameters
    ----------
    instance : Instance
        What is given, nature already drawn.
    chosen : Call
        Method and options.
    criterion : str or None
        What it is judged by.
    seed, time_limit_s
        Passed on where the method declares them.

    Returns
    -------
    Solution
    """
    found = problem_of(instance)
    entry = chosen.method
    if isinstance(seed, bool) or seed != int(seed) or seed < 0:
        raise ValueError(f"the seed must be a whole number of at least 0, not {seed}")
    if time_limit_s is not None and not 0 < time_limit_s < math.inf:
        raise ValueError(f"the time limit must be a positive number of seconds, or None for none, not {time_limit_s}")
    if entry.problem != found.name:
        raise ValueError(f"method {entry.name!r} answers {entry.problem}, not {found.name}")
    arguments = dict(chosen.options)
    if entry.takes("seed"):
        arguments["seed"] = seed
    if entry.takes("time_limit_s"):
        arguments["time_limit_s"] = time_limit_s
    _warm_up(found, chosen, arguments)
    started = time.perf_counter()
    answer = entry.run(instance, **arguments)
    elapsed = time.perf_counter() - started
    if isinstance(answer, Decision):
        answer = Answer(answer)
    if not isinstance(answer, Answer):
        raise TypeError(f"method {entry.name!r} returned {type(answer).__name__}; a decision or an Answer is expected")
    for given, expected in ((answer.decision, found.decision), (answer.prices, found.prices)):
        if not isinstance(given, expected) and not (given is None and expected is found.prices):
            name, wanted = type(given).__name__, expected.__name__
            raise TypeError(f"method {entry.name!r} answered with a {name} where a {wanted} is expected")
    if answer.decision.instance.content_hash != instance.content_hash:
        raise ValueError(f"method {entry.name!r} answered another instance than the one it was given")
    return conclude(
        instance,
        answer.decision,
        prices=answer.prices,
        method=chosen.label,
        criterion=criterion,
        options=entry.options | dict(chosen.options),
        seconds={"build": answer.build_seconds, "solve": max(0.0, elapsed - answer.build_seconds)},
        seed=seed,
        status=answer.status,
        bounds=answer.bounds,
        notes=answer.notes,
        logs=answer.logs,
    )


def _warm_up(found: Problem, chosen: Call, arguments: dict[str, Any]) -> None:
    """Call the method once on a tiny instance, so that imports and compilation are not counted as its time."""
    key = (found.name, chosen.label, chosen.method.digest)
    if key in _warm:
        return
    _warm.add(key)
    try:
        chosen.method.run(found.tiny(), **arguments)
    except Exception:  # the tiny instance may lie outside a premise; the run itself shows what is really wrong
        return


def check(instance: Instance, answer: Solution | Decision) -> Report:
    """Judge a solution or a bare decision by the rules, independently of whatever made it.

    Parameters
    ----------
    instance : Instance
        What is given.
    answer : Solution or Decision
        What was decided, by commonwatt or by anybody else.

    Returns
    -------
    Report
        With ``ok``, ``violations``, ``criteria`` and, where prices came along, ``certificate``.

    Raises
    ------
    TypeError
        If the answer is neither, or a decision of another problem.
    """
    found = problem_of(instance)
    decision = answer.decision if isinstance(answer, Solution) else answer
    if not isinstance(decision, found.decision):
        raise TypeError(f"expected a Solution or a {found.decision.__name__}, got {type(decision).__name__}")
    if decision.instance.content_hash != instance.content_hash:
        names = f"{decision.instance.meta.name}, not {instance.meta.name}"
        raise ValueError(f"the decision answers another instance ({names}): their data differ")
    if isinstance(answer, Solution):
        return judge(instance, decision, answer.prices, answer.criterion)
    return judge(instance, decision)
