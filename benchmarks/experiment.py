"""Sweeps: instances × methods × seeds, kept run by run, so that nothing finished is lost or repeated."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import pandas as pd

from ..instances.record import Instance
from ..solvers.method import Call, default_calls
from .compare import TIME_LIMIT_S, assemble, evaluate

ROWS = ("instances", "models", "solvers")
LAYERS = (*ROWS, "benchmarks")


@cache
def code_version(*layers: str) -> str:
    """Version of the package with a digest of the code that numbers depend on: edited code is another version."""
    digest = hashlib.sha256()
    for row in layers or ROWS:
        root = resources.files(f"commonwatt.{row}")
        for path in sorted(Path(str(root)).rglob("*.py")):
            digest.update(path.read_bytes())
    return f"{importlib.metadata.version('commonwatt')}+{digest.hexdigest()[:12]}"


@dataclass(frozen=True)
class Run:
    """One cell of a sweep."""

    instance: Instance
    call: Call
    seed: int
    time_limit_s: float | None

    @property
    def key(self) -> str:
        """Digest of everything the result depends on: instance, method, options, seed, time limit, version."""
        method = self.call.method
        parts = [self.instance.content_hash, method.problem, self.call.label, method.digest, self.seed]
        text = json.dumps([*parts, self.time_limit_s, code_version()])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def __call__(self) -> pd.DataFrame:
        """Run it; see :func:`commonwatt.benchmarks.compare.evaluate`."""
        rows = evaluate(self.instance, self.call, seed=self.seed, time_limit_s=self.time_limit_s)
        rows.insert(0, "instance", self.instance.meta.name)
        rows.insert(1, "instance_hash", self.instance.content_hash)
        options = json.dumps(dict(self.call.options), sort_keys=True, default=str)
        return rows.assign(problem=self.instance.problem, options=options, version=code_version(), key=self.key)


@dataclass(frozen=True)
class Experiment:
    """A sweep over instances, methods and seeds.

    Parameters
    ----------
    instances : sequence of Instance
        What is given.
    methods : sequence of Call, optional
        Methods; the whole menu of each instance's problem otherwise.
    seeds : sequence of int
        Seeds; methods that draw nothing run with the first one only.
    time_limit_s : float, optional
        Limit of each run.
    """

    instances: Sequence[Instance]
    methods: Sequence[Call] | None = None
    seeds: Sequence[int] = (0,)
    time_limit_s: float | None = TIME_LIMIT_S

    def runs(self) -> Iterator[Run]:
        """All runs, in order."""
        for instance in self.instances:
            for chosen in self.methods if self.methods is not None else default_calls(instance.problem):
                for seed in self.seeds if chosen.method.takes("seed") else self.seeds[:1]:
                    yield Run(instance.realise(seed), chosen, seed, self.time_limit_s)

    def run(
        self,
        folder: str | Path,
        *,
        workers: int = 1,
        fresh: bool = False,
        progress: Callable[[Run, int, int], None] | None = None,
    ) -> pd.DataFrame:
        """Run what has not been run yet and return all results.

        Each finished run is written at once, in one step, to a file of its own under ``folder/runs``; an interrupted
        sweep goes on from there.

        Parameters
        ----------
        folder : path
            Where results are kept.
        workers : int
            Processes; results do not depend on their number (times may).
        fresh : bool
            Run everything again, for example after an edit of code that a user's method calls in another file.
        progress : callable, optional
            ``(run, finished, total)``, called as runs finish.

        Returns
        -------
        pandas.DataFrame
            The tidy table, also written to ``folder/results.parquet``.

        Raises
        ------
        ValueError
            If there is nothing to run.
        """
        kept = Path(folder) / "runs"
        kept.mkdir(parents=True, exist_ok=True)
        todo = list(self.runs())
        if not todo:
            raise ValueError("nothing to run: at least one instance, one method and one seed are needed")
        missing = list({run.key: run for run in todo if fresh or _kept(kept / f"{run.key}.parquet") is None}.values())
        finished = len(todo) - len(missing)
        if progress is not None and finished:
            progress(todo[0], finished, len(todo))
        for run, rows in _results(missing, workers):
            _write_at_once(rows, kept / f"{run.key}.parquet")
            finished += 1
            if progress is not None:
                progress(run, finished, len(todo))
        # The same data under two names is run once, and named as it was asked for.
        rows = [pd.read_parquet(kept / f"{run.key}.parquet").assign(instance=run.instance.meta.name) for run in todo]
        results = pd.concat(rows, ignore_index=True)
        _write_at_once(results, Path(folder) / "results.parquet")
        return results


def _kept(path: Path) -> pd.DataFrame | None:
    """Rows of a finished run; None where there are none, or the file was cut off."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError):
        return None


def _results(runs: list[Run], workers: int) -> Iterator[tuple[Run, pd.DataFrame]]:
    if workers == 1 or len(runs) < 2:
        for run in runs:
            yield run, run()
        return
    from joblib import Parallel, delayed

    # The Method object travels to the worker, not its name: a user's method is known there too.
    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    yield from parallel(delayed(_run)(run) for run in runs)


def _run(run: Run) -> tuple[Run, pd.DataFrame]:
    return run, run()


def _write_at_once(rows: pd.DataFrame, path: Path) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    rows.to_parquet(part, index=False)
    os.replace(part, path)


def comparisons(experiment: Experiment, results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Per instance, the methods side by side.

    Parameters
    ----------
    experiment : Experiment
        The sweep.
    results : pandas.DataFrame
        What it returned.

    Returns
    -------
    dict of str to DataFrame
        Name of the instance to its comparison, see :func:`commonwatt.benchmarks.compare.assemble`.
    """
    by_hash = {instance.content_hash: instance for instance in experiment.instances}
    return {
        instance.meta.name: assemble(instance, results[results["instance_hash"] == key])
        for key, instance in by_hash.items()
    }
