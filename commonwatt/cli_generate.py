"""The command ``commonwatt generate``: one command for each problem family that can make instances."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commonwatt.cli_options import SeedOption

if TYPE_CHECKING:
    from commonwatt.instances.sources.series import HouseholdSeries

generate = typer.Typer(no_args_is_help=True, help="Make an instance: from a declared model, or from own data.")


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


class SchedulingSource(StrEnum):
    """Where ``generate scheduling`` takes members from."""

    INDIA = "india"
    OWN = "own"
    STREET = "street"


class SettlementSource(StrEnum):
    """Where ``generate settlement`` takes net loads from."""

    OWN = "own"
    SOLVED = "solved"


class Step(StrEnum):
    """Lengths of an interval of generated members."""

    HALF_HOUR = "half-hour"
    HOUR = "hour"


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


@generate.command("scheduling")
def generate_scheduling(
    out: Annotated[Path, typer.Option(help="Folder to write the instance to.")],
    source: Annotated[
        SchedulingSource, typer.Option(help="Generated homes, own files, or a street of the SimBench wheel.")
    ] = SchedulingSource.INDIA,
    path: Annotated[Path | None, typer.Option("--from", help="Own file or folder, or the SimBench wheel.")] = None,
    tariff: Annotated[Path | None, typer.Option(help="Own tariff: times of use, or a series of prices.")] = None,
    storages: Annotated[Path | None, typer.Option(help="Own table of storages.")] = None,
    requests: Annotated[Path | None, typer.Option(help="Own table of movable loads.")] = None,
    trips: Annotated[Path | None, typer.Option(help="Own table of the trips of storages that are cars.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Time zone of the tariff and of own times.")] = None,
    begin: Annotated[str | None, typer.Option(help="First moment of own data, e.g. 2018-05-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Moment after the last of own data.")] = None,
    currency: Annotated[str, typer.Option(help="Currency of the own tariff.")] = "EUR",
    min_days: Annotated[float, typer.Option(help="Drop households with no more days of data than this.")] = 0.0,
    gaps: Annotated[Gaps, typer.Option(help="Missing measurements: refuse, or drop by --min-days.")] = Gaps.REFUSE,
    household: Annotated[str | None, typer.Option(help="Name of the only home, where own columns name none.")] = None,
    attributes: Annotated[Path | None, typer.Option(help="Table of own homes' attributes, e.g. pv_kwp.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Column of own data to leave out; may be repeated.")] = None,
    households: Annotated[int | None, typer.Option(help="Number of homes: 240 in India, 50 in a street.")] = None,
    villages: Annotated[int, typer.Option(help="Number of Indian villages and towns.")] = 12,
    districts: Annotated[int, typer.Option(help="Number of Indian districts.")] = 6,
    states: Annotated[int, typer.Option(help="Number of Indian states.")] = 3,
    days: Annotated[int, typer.Option(help="Number of days in India.")] = 1,
    interval: Annotated[Step, typer.Option(help="Length of an interval in India.")] = Step.HALF_HOUR,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random: 2020 in India, 50 in a street.")] = None,
) -> None:
    """Make a community that schedules storages and requests."""
    import commonwatt as cw

    if source is not SchedulingSource.INDIA and path is None:
        raise ValueError(f"--source {source} needs --from with the path of the data")
    if source is SchedulingSource.INDIA:
        from commonwatt.instances.sources.india import indian_community

        made, members = indian_community(
            240 if households is None else households,
            villages,
            districts,
            states,
            seed=2020 if seed is None else seed,
            interval=interval.value,
            days=days,
            name=out.name,
        )
    elif source is SchedulingSource.STREET:
        from commonwatt.instances.sources.street_scheduling import street

        made = street(
            path or "",
            homes=50 if households is None else households,
            seed=50 if seed is None else seed,
            name=out.name,
        )
    else:
        from commonwatt.instances.sources.own_scheduling import scheduling_from_households

        if tariff is None:
            raise ValueError("--source own needs --tariff with the path of a tariff")
        made = scheduling_from_households(
            path or "",
            tariff,
            storages=storages,
            requests=requests,
            trips=trips,
            time_zone=time_zone,
            begin=begin,
            end=end,
            name=out.name,
            settings={"currency": currency},
            min_days=min_days,
            gaps=gaps.value,
            household=household,
            attributes=attributes,
            ignore=ignore or (),
        )
    cw.save(made, out)
    typer.echo(f"{made!r} written to {out}")
    typer.echo(made.meta.description)
    if source is SchedulingSource.INDIA:
        # Beside the folder, since a package holds nothing but its own tables.
        table = out.with_name(f"{out.name}_members.csv")
        members.to_csv(table, index=False, lineterminator="\n")
        typer.echo(f"who they are: {table}")


@generate.command("settlement")
def generate_settlement(
    out: Annotated[Path, typer.Option(help="Folder to write the instance to.")],
    path: Annotated[str, typer.Option("--from", help="Own file or folder, or an instance to be solved first.")],
    source: Annotated[
        SettlementSource, typer.Option(help="Own meters and tariff, or what solves an instance.")
    ] = SettlementSource.OWN,
    tariff: Annotated[Path | None, typer.Option(help="Own tariff: times of use, or a series of prices.")] = None,
    method: Annotated[str | None, typer.Option(help="How an instance is solved; the best way by default.")] = None,
    retail_price: Annotated[float | None, typer.Option(help="Of the grid, per kWh, for an allocation.")] = None,
    feed_in_price: Annotated[float | None, typer.Option(help="Of the grid, per kWh, for an allocation.")] = None,
    groups: Annotated[bool, typer.Option(help="Find the least cost of every group of up to 16 members.")] = False,
    time_zone: Annotated[str | None, typer.Option(help="Time zone of the tariff and of own times.")] = None,
    begin: Annotated[str | None, typer.Option(help="First moment of own data, e.g. 2018-05-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Moment after the last of own data.")] = None,
    currency: Annotated[str, typer.Option(help="Currency of the own tariff.")] = "EUR",
    min_days: Annotated[float, typer.Option(help="Drop households with no more days of data than this.")] = 0.0,
    gaps: Annotated[Gaps, typer.Option(help="Missing measurements: refuse, or drop by --min-days.")] = Gaps.REFUSE,
    household: Annotated[str | None, typer.Option(help="Name of the only home, where own columns name none.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Column of own data to leave out; may be repeated.")] = None,
) -> None:
    """Make a community whose members are to be billed."""
    import commonwatt as cw

    if source is SettlementSource.SOLVED:
        if tariff is not None or time_zone is not None or begin is not None or end is not None:
            raise ValueError("--tariff, --time-zone, --begin and --end are for --source own; an instance has its own")
        solution = cw.solve(cw.load(path), method=method)
        made = cw.settlement_of(solution, groups=groups, retail_price=retail_price, feed_in_price=feed_in_price)
        made = made.named(out.name)
    elif tariff is None:
        raise ValueError("--source own needs --tariff with the path of a tariff")
    else:
        from commonwatt.instances.sources.own_settlement import settlement_from_households

        made = settlement_from_households(
            path,
            tariff,
            name=out.name,
            currency=currency,
            time_zone=time_zone,
            begin=begin,
            end=end,
            min_days=min_days,
            gaps=gaps.value,
            household=household,
            ignore=ignore or (),
        )
    cw.save(made, out)
    typer.echo(f"{made!r} written to {out}")
    typer.echo(made.meta.description)
