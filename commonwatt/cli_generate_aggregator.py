"""The commands ``commonwatt generate portfolio``, ``… firm-offer`` and ``… adjustment``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from commonwatt.cli_options import SeedOption


class Imbalance(StrEnum):
    """Prices of imbalance."""

    DUAL = "dual"
    SINGLE = "single"
    SINGLE_WITH_PENALTY = "single_with_penalty"


class Scope(StrEnum):
    """What must not fail together."""

    INTERVAL = "interval"
    BLOCK = "block"
    HORIZON = "horizon"


def generate_portfolio(
    out: Annotated[Path, typer.Option(help="Folder to write the instance to.")],
    homes: Annotated[int, typer.Option(help="Number of homes.")] = 55,
    scenarios: Annotated[int, typer.Option(help="Number of scenarios.")] = 20,
    seed: SeedOption = 0,
    nature: Annotated[int | None, typer.Option(help="Seed of what comes, if other scenarios are to be met.")] = None,
    days: Annotated[int, typer.Option(help="Winter days from a Monday on.")] = 2,
    pv: Annotated[float, typer.Option(help="Share of homes with panels.")] = 0.4,
    heat_pump: Annotated[float, typer.Option(help="Share of homes with a heat pump.")] = 0.3,
    battery: Annotated[float, typer.Option(help="Share of homes with a battery.")] = 0.2,
    vehicle: Annotated[float, typer.Option(help="Share of homes with an electric vehicle.")] = 0.4,
    cold_store: Annotated[bool, typer.Option(help="Add a shop with a cold store.")] = False,
    imbalance: Annotated[Imbalance, typer.Option(help="Prices of imbalance.")] = Imbalance.DUAL,
    risk_weight: Annotated[float, typer.Option(help="What the worst tenth of scenarios counts.")] = 0.3,
) -> None:
    """Make a portfolio of homes for an aggregator."""
    import commonwatt as cw
    from commonwatt.instances.sources.generated_portfolio import portfolio_of_agents

    made = portfolio_of_agents(
        homes,
        scenarios,
        seed=seed,
        nature=nature,
        days=days,
        pv=pv,
        heat_pump=heat_pump,
        battery=battery,
        vehicle=vehicle,
        cold_store=cold_store,
        imbalance=imbalance.value,
        risk_weight=risk_weight,
        name=out.name,
    )
    cw.save(made, out)
    typer.echo(f"{made!r} written to {out}")
    typer.echo(made.meta.description)


def generate_firm_offer(
    out: Annotated[Path, typer.Option(help="Folder to write the instance to.")],
    portfolio: Annotated[str | None, typer.Option("--from", help="A portfolio whose storages are offered.")] = None,
    vehicles: Annotated[int, typer.Option(help="Number of generated vehicles, without --from.")] = 55,
    scenarios: Annotated[int, typer.Option(help="Number of scenarios, without --from.")] = 200,
    seed: SeedOption = 0,
    epsilon: Annotated[float, typer.Option(help="Greatest chance to fail.")] = 0.05,
    scope: Annotated[Scope, typer.Option(help="What must not fail together.")] = Scope.BLOCK,
) -> None:
    """Make an offer of capacity that is there with a probability."""
    import commonwatt as cw
    from commonwatt.instances.portfolio import PortfolioInstance
    from commonwatt.instances.sources.firm_offers import firm_offer_of_portfolio, firm_offer_of_vehicles

    settings: dict[str, Any] = {"epsilon": epsilon, "scope": scope.value}
    if portfolio is None:
        made = firm_offer_of_vehicles(vehicles, scenarios, seed=seed, name=out.name, **settings)
    else:
        given = cw.load(portfolio)
        if not isinstance(given, PortfolioInstance):
            raise ValueError(f"--from takes a portfolio, and {portfolio} is of {given.problem}")
        made = firm_offer_of_portfolio(given, **settings).named(out.name)
    cw.save(made, out)
    typer.echo(f"{made!r} written to {out}")
    typer.echo(made.meta.description or made.meta.title)


def generate_adjustment(
    out: Annotated[Path, typer.Option(help="Folder to write the instance to.")],
    homes: Annotated[int, typer.Option(help="Number of homes on a generated feeder.")] = 55,
    opendss: Annotated[Path | None, typer.Option(help="A feeder's OpenDSS file instead (extra network).")] = None,
    rating: Annotated[list[str] | None, typer.Option(help="Rating by line code of that file: 4c_70=190 (A).")] = None,
    days: Annotated[int, typer.Option(help="Winter days.")] = 1,
    begin: Annotated[float, typer.Option("--from", help="Hour at which each day's part begins.")] = 0.0,
    end: Annotated[float, typer.Option("--to", help="Hour at which it ends.")] = 24.0,
    seed: SeedOption = 0,
    nature: Annotated[int | None, typer.Option(help="Seed of the days, for others of the same homes.")] = None,
    pv: Annotated[float, typer.Option(help="Share of homes with panels.")] = 1.0,
    heat_pump: Annotated[float, typer.Option(help="Share of homes with a heat pump.")] = 0.3,
    vehicle: Annotated[float, typer.Option(help="Share of homes with an electric vehicle.")] = 1.0,
    trunk_mm2: Annotated[int, typer.Option(help="Mains of the generated feeder: 300, 185 or 95 mm².")] = 95,
    source_pu: Annotated[float, typer.Option(help="Voltage of its source, in parts of 230 V.")] = 1.04,
) -> None:
    """Make winter days of homes on a feeder, whose loads have to be adjusted where it is too weak."""
    import commonwatt as cw
    from commonwatt.instances.sources.feeder_days import feeder_days

    if opendss is None:
        if rating:
            raise ValueError("--rating is of lines of an OpenDSS file; give --opendss too")
        from commonwatt.instances.sources.radial_feeder import radial_feeder

        feeder = radial_feeder(homes, seed=seed, source_pu=source_pu, trunk_mm2=trunk_mm2)
    else:
        from commonwatt.instances.sources.opendss import feeder_from_opendss

        feeder = feeder_from_opendss(opendss, rating_a=dict(_rating(one) for one in rating or ()))
    made = feeder_days(
        feeder,
        days,
        seed=seed,
        nature=nature,
        pv=pv,
        heat_pump=heat_pump,
        vehicle=vehicle,
        hours=(begin, end),
        name=out.name,
    )
    cw.save(made, out)
    typer.echo(f"{made!r} written to {out}")
    typer.echo(made.meta.description)


def _rating(text: str) -> tuple[str, float]:
    """A line code and its rating, of a text such as ``4c_70=190``."""
    code, _, ampere = text.partition("=")
    try:
        return code.strip().lower(), float(ampere)
    except ValueError:
        raise ValueError(
            f"--rating {text!r} cannot be read; give a line code and its rating in A, as 4c_70=190"
        ) from None
