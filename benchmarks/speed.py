"""The frame of all speed measurements: ways to one answer, timed side by side in one run, and the ratios asked of them.

Every task runs its methods A B A B, after one untimed call of each (which compiles kernels), and reports medians.
Ratios within a task are what counts: seconds depend on the machine and on what else it does. A slow method may do a
part of the work that the others do; its seconds are then multiplied up, and the row says so. Memory is the peak that
tracemalloc sees in a repetition of its own: numpy's and Python's allocations, not a solver's own heap.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

Call = Callable[[], Any]
Progress = Callable[[str], None]

SHORTEST_S = 2e-4
"""A timing lasts at least this long: quicker calls are repeated and divided."""

TRIAL_BELOW_S = 10.0
"""Calls that took less at first are timed once more, to learn how many of them fill a timing."""

WINDOWS = 15
"""Such timings in a row for a quick call, of which the median counts: other work on the machine interrupts some."""


@dataclass(frozen=True)
class Figure:
    """What a method is to keep: at most so many times the seconds of a reference, or seconds where there is none."""

    method: str
    reference: str
    at_most: float
    words: str = "wanted"

    def __str__(self) -> str:
        if not self.reference:
            return f"{self.words}: {self.at_most:.3g} s"
        if self.at_most < 0.1:
            return f"{self.words}: {1.0 / self.at_most:.3g} times as fast as {self.reference}"
        return f"{self.words}: {self.at_most:.3g} of {self.reference}"


@dataclass(frozen=True)
class Task:
    """Methods that answer one question.

    Parameters
    ----------
    name, size : str
        What is asked, and of how much.
    calls : dict of str to callable
        Method to what is timed.
    figures : tuple of Figure
        What is asked of them.
    repetitions : int
        Rounds of timings.
    kernels : tuple of str
        Methods of which the quickest is the reference of the column ``ratio_to_kernel``.
    parts : mapping of str to (int, int)
        Methods that do k of n equal pieces of the work: their seconds are multiplied by n / k.
    answers : callable, optional
        Turns what a method returns into numbers to be compared with the first method's; NaN where it has none.
    notes : mapping of str to callable
        Turns what a method returns into a remark for its row.
    missing : mapping of str to str
        Methods that cannot be run here, and what would help.
    memory : bool
        Whether a further repetition shows the peak of memory.
    """

    name: str
    size: str
    calls: dict[str, Call]
    figures: tuple[Figure, ...] = ()
    repetitions: int = 7
    kernels: tuple[str, ...] = field(default=("kernel",))
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    answers: Callable[[Any], np.ndarray] | None = None
    notes: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    memory: bool = True


def _seconds(call: Call, number: int) -> float:
    windows = []
    for _ in range(WINDOWS if number > 1 else 1):
        begin = time.perf_counter()
        for _ in range(number):
            call()
        windows.append((time.perf_counter() - begin) / number)
    return float(np.median(windows))


def _peak_mib(call: Call) -> float:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def run_task(task: Task) -> list[dict[str, Any]]:
    """Measure one task and return a row for each of its methods.

    Parameters
    ----------
    task : Task
        What is measured.

    Returns
    -------
    list of dict
        See :func:`measure`.
    """
    numbers, found, remarks = {}, {}, {}
    for name, call in task.calls.items():
        begin = time.perf_counter()
        result = call()
        first_s = time.perf_counter() - begin
        if task.answers is not None:
            found[name] = np.atleast_1d(np.asarray(task.answers(result), dtype=float))
        remarks[name] = [task.notes[name](result)] if name in task.notes else []
        del result
        # A call that took this long, compiling included, is not one to be repeated within a timing: no trial tells so.
        numbers[name] = max(1, int(SHORTEST_S / _seconds(call, 1))) if first_s < TRIAL_BELOW_S else 1
    timings: dict[str, list[float]] = {name: [] for name in task.calls}
    for _ in range(task.repetitions):
        for name, call in task.calls.items():
            timings[name].append(_seconds(call, numbers[name]))
    median = {name: float(np.median(seconds)) for name, seconds in timings.items()}
    for name, (done, whole) in task.parts.items():
        if name in median:
            median[name] *= whole / done
            remarks[name].insert(0, f"measured {done} of {whole}, multiplied up")
    rows = [_row(task, name, median, found, remarks[name]) for name in task.calls]
    return rows + [_empty_row(task, name, why) for name, why in task.missing.items()]


def _row(
    task: Task, name: str, median: Mapping[str, float], found: Mapping[str, np.ndarray], remarks: list[str]
) -> dict[str, Any]:
    figures = [figure for figure in task.figures if figure.method == name]
    kernels = [median[kernel] for kernel in task.kernels if kernel in median]
    return {
        "task": task.name,
        "size": task.size,
        "method": name,
        "seconds_median": median[name],
        "ratio_to_sort": median[name] / median.get("sort", np.nan),
        "ratio_to_copy": median[name] / median.get("copy", np.nan),
        "ratio_to_kernel": median[name] / min(kernels, default=np.nan),
        "peak_mib": _peak_mib(task.calls[name]) if task.memory else np.nan,
        "off": _off(found, name),
        "note": "; ".join(remarks),
        "figure": "; ".join(map(str, figures)),
        "reached": "; ".join(_reached(figure, median) for figure in figures),
    }


def _reached(figure: Figure, median: Mapping[str, float]) -> str:
    if figure.reference and figure.reference not in median:
        return "not run"
    reference = median[figure.reference] if figure.reference else 1.0
    return "yes" if median[figure.method] <= figure.at_most * reference else "no"


def _off(found: Mapping[str, np.ndarray], name: str) -> float:
    """How far a method's numbers are from those of the first one, relative to the greatest of them."""
    if name not in found:
        return float("nan")
    first, mine = next(iter(found.values())), found[name]
    if len(mine) != len(first):
        return float("nan")
    known = np.isfinite(first)
    both = known & np.isfinite(mine)
    return float(np.abs(first - mine)[both].max(initial=0.0) / (np.abs(first[known]).max(initial=0.0) or 1.0))


def _empty_row(task: Task, name: str, why: str) -> dict[str, Any]:
    asked = [str(figure) for figure in task.figures if figure.method == name]
    row = {"task": task.name, "size": task.size, "method": name, "note": why, "figure": "; ".join(asked)}
    return row | {"reached": "; ".join("not run" for _ in asked)}


def measure(tasks: Iterable[Task], progress: Progress | None = None) -> pd.DataFrame:
    """Measure tasks one after the other, so that a generator holds the data of one only.

    Parameters
    ----------
    tasks : iterable of Task
        What is measured.
    progress : callable, optional
        Called with the name of each task before it runs.

    Returns
    -------
    pandas.DataFrame
        One row per task, size and method: seconds_median (s), ratio_to_sort, ratio_to_copy, ratio_to_kernel (this
        method's seconds over those of the task's sort, copy, quickest kernel; NaN where the task has none), peak_mib
        (MiB), off (relative distance of its numbers from the first method's), note, figure (what is asked of the
        method, empty if nothing) and reached ("yes", "no" or "not run" for each figure). Of the ratios to sort and
        copy, off and note, what no task has is left out.
    """
    rows: list[dict[str, Any]] = []
    for task in tasks:
        if progress is not None:
            progress(f"{task.name}, {task.size}")
        rows += run_task(task)
    frame = pd.DataFrame(rows)
    unused = [name for name in ("ratio_to_sort", "ratio_to_copy", "off") if frame[name].isna().all()]
    return frame.drop(columns=unused + (["note"] if (frame["note"] == "").all() else []))
