"""The command line: ``commonwatt list | info | solve | compare | check | generate | tables | report | validate``.

Exit codes: 0 all is well, 1 a check failed, 2 wrong usage or bad input (one clear message, no traceback).
"""

from __future__ import annotations

import json
import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    import pandas as pd

    from commonwatt.instances.sources.series import HouseholdSeries

app = typer.Typer(
    name="commonwatt",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Allocate and trade energy in communities: optimal answers, rules of thumb, and the gap between them.",
)

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
WIDEST = 260

InstanceArgument = Annotated[str, typer.Argument(help="A shipped instance (see 'commonwatt list') or a folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.")]
OutOption = Annotated[Path, typer.Option("--out", help="Folder of the results.")]


class What(StrEnum):
    """What ``commonwatt list`` can list."""

    INSTANCES = "instances"
    METHODS = "methods"
    CRITERIA = "criteria"


class Suite(StrEnum):
    """Suites of benchmark tables."""

    ALLOCATION = "allocation"
    KOUVELAS = "kouvelas"
    SPEED = "speed"


class Interval(StrEnum):
    """Lengths of an allocation interval."""

    STEP = "step"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


class Netting(StrEnum):
    """Whether deficiency and excess are taken step by step or of each interval's net."""

    STEP = "step"
    INTERVAL = "interval"


class Gaps(StrEnum):
    """What happens to households with missing measurements."""

    REFUSE = "refuse"
    DROP_HOUSEHOLD = "drop_household"


class Roles(StrEnum):
    """Who is consumer and who prosumer."""

    BY_SIGN = "by_sign"
    FIXED = "fixed"


class Source(StrEnum):
    """Where ``generate`` takes households from."""

    TEXAS = "texas"
    OWN = "own"
    SIMBENCH = "simbench"


def _print_json(data: Any) -> None:
    typer.echo(json.dumps(_plain(data), ensure_ascii=False, indent=1))


def _plain(data: Any) -> Any:
    """What JSON can hold: NaN and infinities become null."""
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    if hasattr(data, "item"):
        data = data.item()
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data if isinstance(data, (int, float, str, type(None))) else str(data)


def _print_frame(frame: pd.DataFrame, *, as_json: bool, title: str = "") -> None:
    if as_json:
        _print_json(frame.to_dict(orient="records"))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, header_style="bold", show_lines=False)
    for name in frame.columns:
        numeric = frame[name].dtype.kind in "fi"
        table.add_column(str(name), justify="right" if numeric else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*[_cell(value) for value in row])
    # A table wider than the terminal is written in full and left to wrap or scroll: cells of three letters help nobody.
    wanted = sum(3 + max([len(str(name)), *(len(_cell(v)) for v in frame[name])]) for name in frame.columns) + 1
    Console(width=max(Console().width, min(wanted, WIDEST))).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4g}"
    return str(value).replace("[", "\\[")


@app.command("list")
def list_(
    what: Annotated[What, typer.Argument(help="What to list.")] = What.INSTANCES,
    problem: Annotated[str | None, typer.Option(help="Only this problem.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List shipped instances, methods or criteria."""
    import pandas as pd

    import commonwatt as cw
    from commonwatt.models.problem import problem as find
    from commonwatt.models.problem import problems

    if problem is not None:
        find(problem)
    if what is What.INSTANCES:
        frame = cw.library()
        frame = frame[frame["problem"] == problem] if problem else frame
        frame = frame if as_json else frame[["name", "size", "licence", "title"]]
    elif what is What.METHODS:
        frame = cw.methods(problem)
        frame = frame if as_json else frame[["problem", "method", "kind", "exact_for", "options", "summary"]]
    else:
        rows = [
            {"problem": p.name, "criterion": c.name, "sense": c.sense, "unit": c.unit, "title": c.title}
            for p in problems()
            for c in p.criteria
            if problem in (None, p.name)
        ]
        frame = pd.DataFrame(rows)
    _print_frame(frame, as_json=as_json)


@app.command()
def info(instance: InstanceArgument, as_json: JsonOption = False) -> None:
    """Show what an instance holds: sizes, settings, totals, source, licence, known optima."""
    import commonwatt as cw
    from commonwatt.instances.fields import specs

    found = cw.load(instance)
    declared = specs(type(found))
    totals = {}
    for name, spec in declared.items():
        values = getattr(found, name)
        if spec.kind == "array" and values is not None:
            totals[name] = {"unit": spec.unit, "min": values.min(), "max": values.max(), "sum": values.sum()}
    meta = found.meta
    data = {
        "name": meta.name,
        "title": meta.title,
        "description": meta.description,
        "problem": found.problem,
        "sizes": found.sizes,
        "settings": found.settings(),
        "arrays": totals,
        "licence": meta.licence,
        "sources": list(meta.sources),
        "notices": list(meta.notices),
        "known optima": [{"criterion": k.criterion, "value": k.value, "how": k.how} for k in meta.known],
        "sha256": found.content_hash,
    }
    if as_json:
        _print_json(data)
        return
    for key, value in data.items():
        if isinstance(value, dict):
            typer.echo(f"{key}:")
            for name, entry in value.items():
                text = entry if not isinstance(entry, dict) else ", ".join(f"{k} {_cell(v)}" for k, v in entry.items())
                typer.echo(f"  {name}: {text}")
        elif isinstance(value, list):
            typer.echo(f"{key}:" + ("" if value else " none"))
            for entry in value:
                text = entry if not isinstance(entry, dict) else ", ".join(f"{k} {_cell(v)}" for k, v in entry.items())
                typer.echo(f"  {text}")
        else:
            typer.echo(f"{key}: {value}")


@app.command()
def solve(
    instance: InstanceArgument,
    method: Annotated[str | None, typer.Option(help='Method, e.g. "greedy(service_level=0.5)".')] = None,
    criterion: Annotated[str | None, typer.Option(help="What is optimised or judged by.")] = None,
    seed: SeedOption = 0,
    time_limit_s: Annotated[float | None, typer.Option("--time-limit", help="Seconds.")] = None,
    out: Annotated[Path | None, typer.Option(help="Save the solution in this folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Solve an instance and print status, objective, bound, gap and report."""
    import commonwatt as cw

    solution = cw.solve(cw.load(instance), criterion=criterion, method=method, seed=seed, time_limit_s=time_limit_s)
    if out is not None:
        solution.save(out)
    if as_json:
        _print_json(
            {
                "instance": solution.instance.meta.name,
                "method": solution.method,
                "criterion": solution.criterion,
                "status": str(solution.status),
                "objective": solution.objective,
                "bound": solution.bound,
                "bound_by": solution.bound_by,
                "gap": solution.gap,
                "criteria": dict(solution.report.criteria),
                "violations": [str(violation) for violation in solution.report.violations],
                "certificate": dict(solution.report.certificate),
                "seconds": dict(solution.seconds),
                "seed": solution.seed,
                "versions": dict(solution.versions),
            }
        )
    else:
        typer.echo(str(solution))
        if out is not None:
            typer.echo(f"saved in {out}")
    if not solution.report.ok:
        raise typer.Exit(FAILED)


@app.command()
def compare(
    instance: InstanceArgument,
    methods: Annotated[list[str] | None, typer.Option("--method", help="Method; may be repeated.")] = None,
    criteria: Annotated[list[str] | None, typer.Option("--criterion", help="Criterion; may be repeated.")] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds for methods that draw.")] = 1,
    time_limit_s: Annotated[float, typer.Option("--time-limit", help="Seconds for each method.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Set methods side by side: every criterion with the gap to the tightest proved bound."""
    import commonwatt as cw

    if seeds < 1:
        raise ValueError(f"--seeds {seeds}: at least one seed is needed")

    def say(method: str, finished: int, total: int) -> None:
        typer.echo(f"[{finished + 1}/{total}] {method}", err=True)

    found = cw.load(instance)
    frame = cw.compare(found, methods, criteria, range(seeds), time_limit_s=time_limit_s, progress=say)
    if as_json:
        _print_frame(frame, as_json=True)
    else:
        from commonwatt.benchmarks.tables import comparison_view, legend

        view = comparison_view(frame)
        _print_frame(view, as_json=False, title=instance)
        typer.echo(legend(view))
    if (frame["conflict"] != "").any():
        for conflict in frame.loc[frame["conflict"] != "", "conflict"]:
            typer.echo(f"conflict: {conflict}", err=True)
        raise typer.Exit(FAILED)


@app.command()
def check(
    instance: InstanceArgument,
    solution: Annotated[Path, typer.Argument(help="Folder of a saved solution.")],
    as_json: JsonOption = False,
) -> None:
    """Check a saved solution by the rules alone; exit code 1 if it breaks one."""
    import commonwatt as cw

    found = cw.load(instance)
    report = cw.check(found, cw.load_solution(found, solution))
    if as_json:
        _print_json(
            {
                "ok": report.ok,
                "violations": [str(violation) for violation in report.violations],
                "criteria": dict(report.criteria),
                "certificate": dict(report.certificate),
            }
        )
    else:
        typer.echo(str(report))
    if not report.ok:
        raise typer.Exit(FAILED)


generate = typer.Typer(no_args_is_help=True, help="Make an instance: from a declared model, or from own data.")
app.add_typer(generate, name="generate")


@generate.command("allocation")
def generate_allocation(
    out: Annotated[Path, typer.Option(help="Folder to write the instance to.")],
    source: Annotated[
        Source, typer.Option(help="Generated households, own files, or the SimBench wheel.")
    ] = Source.TEXAS,
    path: Annotated[Path | None, typer.Option("--from", help="Own file or folder, or the SimBench wheel.")] = None,
    interval: Annotated[Interval, typer.Option(help="Length of an allocation interval.")] = Interval.WEEK,
    roles: Annotated[Roles, typer.Option(help="Consumers and prosumers.")] = Roles.BY_SIGN,
    netting: Annotated[
        Netting, typer.Option(help="Deficiency and excess per step, or of the interval.")
    ] = Netting.STEP,
    policy: Annotated[str | None, typer.Option(help="Priority policy, e.g. low_deficiency.")] = None,
    households: Annotated[int, typer.Option(help="Number of generated households.")] = 443,
    prosumers: Annotated[int, typer.Option(help="How many of them generate.")] = 180,
    time_zone: Annotated[str | None, typer.Option(help="Time zone of own data in local clock time.")] = None,
    min_days: Annotated[int, typer.Option(help="Drop households with no more days of data than this.")] = 300,
    gaps: Annotated[Gaps, typer.Option(help="Missing measurements: refuse, or drop by --min-days.")] = Gaps.REFUSE,
    household: Annotated[str | None, typer.Option(help="Name of the only home, where own columns name none.")] = None,
    attributes: Annotated[Path | None, typer.Option(help="Table of own homes' attributes, e.g. pv_kwp.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Column of own data to leave out; may be repeated.")] = None,
    seed: SeedOption = 443,
) -> None:
    """Make a community that shares its surplus."""
    import commonwatt as cw
    from commonwatt.instances.allocation import from_series, prioritise

    series: HouseholdSeries
    if source is Source.TEXAS:
        from commonwatt.instances.sources.texas import texas_series

        series = texas_series(households, prosumers, seed=seed)
    elif path is None:
        raise ValueError(f"--source {source} needs --from with the path of the data")
    elif source is Source.OWN:
        from commonwatt.instances.sources.households import read_households

        series = read_households(
            path,
            time_zone=time_zone,
            min_days=min_days,
            gaps=gaps.value,
            household=household,
            attributes=attributes,
            ignore=ignore or (),
        )
    else:
        from commonwatt.instances.sources.simbench import simbench_households

        series = simbench_households(path)
    made = from_series(series, interval=interval.value, roles=roles.value, netting=netting.value, name=out.name)
    if policy is not None:
        made = prioritise(made, policy, seed=seed)
    cw.save(made, out)
    typer.echo(f"{made!r} written to {out}")
    typer.echo(made.meta.description)


@app.command()
def tables(
    suites: Annotated[list[Suite] | None, typer.Option("--suite", help="Suite; may be repeated.")] = None,
    out: OutOption = Path("results"),
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
) -> None:
    """Solve the shipped instances by every method; write tables, figures and the report."""
    from rich.console import Console

    from commonwatt.benchmarks.suites import DEFAULT_SUITES, run

    if workers < 1:
        raise ValueError(f"--workers {workers}: at least one process is needed")
    run([suite.value for suite in suites] if suites else DEFAULT_SUITES, out, workers=workers, console=Console())


@app.command()
def report(out: OutOption = Path("results")) -> None:
    """Write the HTML report anew from results that are there already."""
    from commonwatt.benchmarks.suites import rebuild_report

    typer.echo(f"report: {rebuild_report(out)}")


@app.command()
def validate(
    paths: Annotated[list[str], typer.Argument(help="Instance folders or names.")], as_json: JsonOption = False
) -> None:
    """Validate instances completely, with or without hashes; exit code 2 if one is bad."""
    import commonwatt as cw

    rows = []
    for path in paths:
        try:
            found = cw.load(path)
        except cw.InstanceError as error:
            faults = [vars(fault) for fault in error.faults]
            rows.append({"instance": path, "ok": False, "faults": faults, "message": str(error)})
        else:
            rows.append({"instance": path, "ok": True, "faults": [], "message": f"{path}: sound, {found!r}"})
    if as_json:
        _print_json([{key: row[key] for key in ("instance", "ok", "faults")} for row in rows])
    else:
        for row in rows:
            typer.echo(row["message"], err=not row["ok"])
    if not all(row["ok"] for row in rows):
        raise typer.Exit(BAD_INPUT)


def main() -> NoReturn:
    """Run the command line and turn what users can mend into one message and an exit code.

    Only errors that speak to users are caught; a defect of the project shows its traceback.
    """
    from commonwatt.instances.errors import NotApplicable, ReportedError

    try:
        app()
    except (ValueError, OSError, NotApplicable) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(BAD_INPUT)
    except ReportedError as error:
        typer.echo(f"failed: {error}", err=True)
        sys.exit(FAILED)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # typer has caught the KeyboardInterrupt and said nothing
            typer.echo("interrupted; 'tables' keeps its finished runs: run it again to go on", err=True)
        raise
    sys.exit(0)
