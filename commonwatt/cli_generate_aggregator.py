"""The commands ``commonwatt generate portfolio`` and ``commonwatt generate firm-offer``."""

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
