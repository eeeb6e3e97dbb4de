"""The command line: ``commonwatt list | info | solve | compare | check | generate | tables | report | validate``.

Exit codes: 0 all is well, 1 a check failed, 2 wrong usage or bad input (one clear message, no traceback).
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from commonwatt.benchmarks.registry import DEFAULT_SUITES, SUITES
from commonwatt.cli_generate import generate
from commonwatt.cli_generate_aggregator import generate_adjustment, generate_firm_offer, generate_portfolio
from commonwatt.cli_options import InstanceArgument, JsonOption, OutOption, SeedOption
from commonwatt.cli_output import print_entries, print_frame, print_json

app = typer.Typer(
    name="commonwatt",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Allocate and trade energy in communities: optimal answers, rules of thumb, and the gap between them.",
)
generate.command("portfolio")(generate_portfolio)
generate.command("firm-offer")(generate_firm_offer)
generate.command("adjustment")(generate_adjustment)
app.add_typer(generate, name="generate")

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


class What(StrEnum):
    """What ``commonwatt list`` can list."""

    INSTANCES = "instances"
    METHODS = "methods"
    CRITERIA = "criteria"


# Suites are offered by the names of the registry, which mypy cannot read out of a dictionary.
Suite = StrEnum("Suite", {name.upper(): name for name in SUITES})  # type: ignore[misc]
Suite.__doc__ = "Suites of benchmark tables."


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
    print_frame(frame, as_json=as_json)


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
        if spec.kind == "array" and values is not None and values.size:
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
        print_json(data)
        return
    print_entries(data)


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
        print_json(
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
        print_frame(frame, as_json=True)
    else:
        from commonwatt.benchmarks.tables import comparison_view, legend

        view = comparison_view(frame)
        print_frame(view, as_json=False, title=instance)
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
        print_json(
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


@app.command()
def tables(
    suites: Annotated[list[Suite] | None, typer.Option("--suite", help="Suite; may be repeated.")] = None,
    out: OutOption = Path("results"),
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
) -> None:
    """Solve the shipped instances by every method; write tables, figures and the report."""
    from rich.console import Console

    from commonwatt.benchmarks.suites import run

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
        print_json([{key: row[key] for key in ("instance", "ok", "faults")} for row in rows])
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
