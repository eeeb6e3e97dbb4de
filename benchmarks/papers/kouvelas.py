"""The experiments of the Texas paper: Figures 3 to 6 and its claims, on generated and, where present, other homes.

Source: Kouvelas, Venkatesha Prasad, Nambi, *Efficient power sharing at the edge by building a tangible micro-grid -
the Texas case*. The paper's data may not be redistributed, so the main community is generated
(:mod:`commonwatt.instances.sources.texas`). Variants: fixed roles, net energy over the week, intervals of an hour, and
a hundred Austin homes if the environment variable ``COMMONWATT_DATA`` names the folder that holds them.

``commonwatt tables --suite kouvelas`` writes everything; ``python -m commonwatt.benchmarks.papers.kouvelas --hourly``
times the largest of the experiments.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...instances.allocation import AllocationInstance, from_series
from ...instances.sources.series import HouseholdSeries
from ..figures import save_figure
from ..report import Picture, Section, Table
from ..tables import readable, write_table
from .kouvelas_claims import claims, claims_by_community
from .kouvelas_experiment import STRATEGIES, WINDOW, Progress, experiment, pick
from .kouvelas_figures import figure3, figure4, figure5, figure6
from .kouvelas_judges import Characterisation, Evidence, characterise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMMAND = "commonwatt tables --suite kouvelas"
MAIN = "main"

PROSUMERS, HOUSEHOLDS = 180, 443
PV_KWP = 7.0
"""Panels of a real home, the middle of the 6 to 8 kWp of the generated ones; the data give yields per kWp only."""

AUSTIN = Path("households", "austin_tx_resstock_2018_hourly.parquet")
AUSTIN_ROOFS = tuple(f"pv_kwh_per_kwp_tilt25_az{azimuth}" for azimuth in (90, 135, 180, 225, 270))
AUSTIN_WEATHER = ("temp_air_c", "wind_speed_10m_m_per_s", "ghi_w_per_m2")


@dataclass(frozen=True, eq=False)
class Community:
    """A community on which the experiment runs.

    Attributes
    ----------
    name : str
        Heads its column in the tables.
    instance : AllocationInstance
    load_kwh : ndarray, shape (hours, n), optional
        Hourly consumption, where its clusters are wanted.
    references : bool
        Whether the optimal references run too; only where an interval is a week do they bound weekly SWR.
    """

    name: str
    instance: AllocationInstance
    load_kwh: np.ndarray | None = None
    references: bool = True


def communities(*, hourly: bool = True, data: Path | None = None) -> Iterator[Community]:
    """The main community and its variants.

    Parameters
    ----------
    hourly : bool
        Whether to include intervals of an hour.
    data : Path, optional
        Folder of the Austin homes; none are included without it.

    Yields
    ------
    Community
    """
    from ...instances.sources.texas import texas_series

    series = texas_series()
    yield Community(MAIN, from_series(series, name="allocation/texas-443"), series.load_kwh)
    yield Community("fixed roles", from_series(series, roles="fixed", name="texas-443, fixed roles"))
    yield Community("net of the week", from_series(series, netting="interval", name="texas-443, net of the week"))
    if hourly:
        made = from_series(series, interval="hour", name="texas-443, hourly")
        yield Community("hourly", made, references=False)
    if data is not None:
        homes = austin_homes(data)
        yield Community("Austin homes", from_series(homes, name="Austin homes"), homes.load_kwh)
        yield Community("Austin, fixed roles", from_series(homes, roles="fixed", name="Austin homes, fixed roles"))


def austin_homes(data: Path) -> HouseholdSeries:
    """Read a hundred Austin homes, a calibrated simulation; the share of prosumers is the paper's.

    Raises
    ------
    FileNotFoundError
        If the folder does not hold them.
    """
    from pyarrow.parquet import read_schema

    from ...instances.sources.households import read_households

    path = data / AUSTIN
    columns = read_schema(path).names
    homes = [name.removeprefix("load_kwh_") for name in columns if name.startswith("load_kwh_")]
    count = np.arange(len(homes) + 1) * PROSUMERS // HOUSEHOLDS
    owners = [home for home, before, after in zip(homes, count, count[1:], strict=False) if after > before]
    roofs = {home: (AUSTIN_ROOFS[k % len(AUSTIN_ROOFS)], PV_KWP) for k, home in enumerate(owners)}
    unused = [roof for roof in AUSTIN_ROOFS if roof not in {column for column, _ in roofs.values()}]
    return read_households(path, generation=roofs, ignore=[*AUSTIN_WEATHER, *unused], title="Austin homes")


def real_data() -> Path | None:
    """Folder named by ``COMMONWATT_DATA``, if it holds the Austin homes."""
    named = os.environ.get("COMMONWATT_DATA", "")
    return Path(named) if named and (Path(named) / AUSTIN).exists() else None


def gather(community: Community, progress: Progress | None = None) -> Evidence:
    """Run the experiment on a community and cluster its consumption."""
    results = experiment(community.instance, references=community.references, progress=progress)
    return Evidence(community.name, results, None if community.load_kwh is None else characterise(community.load_kwh))


def hourly_experiment(progress: Progress | None = None) -> tuple[pd.DataFrame, float]:
    """Every strategy and policy over the hours of a year: the result, and seconds without making the community.

    Returns
    -------
    results : DataFrame
        From :func:`.kouvelas_experiment.experiment`.
    seconds : float
    """
    from ...instances.sources.texas import texas_series

    instance = from_series(texas_series(), interval="hour", name="texas-443, hourly")
    # The first call of a kernel compiles it, which is no part of the experiment.
    experiment(instance.restrict(slice(0, 168 * WINDOW[1])), ["random"])
    started = time.perf_counter()
    results = experiment(instance, references=False, progress=progress)
    return results, time.perf_counter() - started


def sections(out: Path, *, progress: Progress | None = None) -> list[Section]:
    """Run everything and write tables and figures.

    Parameters
    ----------
    out : path
        Folder of results; files go to ``tables`` and ``figures`` below it.
    progress : callable, optional
        Told what runs.

    Returns
    -------
    list of Section
        The claims, then the figures.
    """
    evidence = [gather(one, progress) for one in communities(data=real_data())]
    return [_claims_section(out, evidence), _figures_section(out, evidence[0])]


def _claims_section(out: Path, evidence: list[Evidence]) -> Section:
    judged, counted = claims(evidence), claims_by_community(evidence)
    caption = "Claims of the paper: what is printed, what is found here, and whether it holds"
    note = "Cases: how many hold in the main community, then in all communities. yes: all; no: none; depends: some."
    by = "How many cases of each claim hold in each community"
    write_table(judged, out / "tables", "kouvelas-claims", caption=caption, note=note)
    write_table(counted, out / "tables", "kouvelas-claims-by-community", caption=by)
    number = judged["holds"].value_counts()
    parts = [f"{number.get(word, 0)} {text}" for word, text in (("yes", "hold"), ("depends", "depend on the case"))]
    text = (
        f"{len(judged)} claims, judged by the rules of benchmarks.papers.kouvelas_judges: {', '.join(parts)}, "
        f"{number.get('no', 0)} do not hold. "
        f"Communities: {', '.join(one.name for one in evidence)}."
    )
    if real_data() is None:
        text += "\n\nThe Austin homes are left out: COMMONWATT_DATA names no folder that holds them."
    return Section("Texas paper: claims", text, [Table(caption, judged, note), Table(by, counted)], (), COMMAND)


def _figures_section(out: Path, main: Evidence) -> Section:
    results = main.results
    figures = [
        Picture("Figures 4a and 4b: SR of target groups.", _saved(figure4(results), out, "figure-4")),
        Picture("Figures 5a and 5b: PBR and UR in weeks 38 to 49.", _saved(figure5(results), out, "figure-5")),
        Picture("Figure 6: SWR over the year.", _saved(figure6(results), out, "figure-6")),
    ]
    tables = []
    if main.clusters is not None:
        drawn = _saved(figure3(main.clusters), out, "figure-3")
        figures.insert(0, Picture("Figure 3: temporal membership and adaptability of weekly consumption.", drawn))
        tables.append(Table("Clusters of weekly consumption (Figure 3)", cluster_table(main.clusters)))
    tables += [
        Table("SR of target groups by month (Figure 4)", group_table(results)),
        *(
            Table(f"{title}, policies by strategies ({where})", pick(results, metric, span).reset_index())
            for metric, span, title, where in (
                ("pbr", "window", "PBR, mean of weeks 38-49", "Figure 5a"),
                ("ur", "window", "UR over weeks 38-49", "Figure 5b"),
                ("swr", "year", "SWR from the year's energy ratios", "Figure 6a"),
                ("swr_weekly", "year", "SWR, mean of the weeks", "Figure 6a"),
                ("sr", "year", "SR, mean of the weeks", "section VI"),
            )
        ),
        Table("SWR of groups of households over the year (Figures 6b and 6c)", swr_by_group(results)),
    ]
    for number, table in enumerate(tables):
        write_table(table.frame, out / "tables", f"kouvelas-{number + 1}", caption=table.caption)
    return Section("Texas paper: figures", "The main community.", tables, figures, COMMAND)


def _saved(figure: Figure, out: Path, stem: str) -> Path:
    return save_figure(figure, out / "figures", f"kouvelas-{stem}")[0]


def cluster_table(found: Characterisation) -> pd.DataFrame:
    """Figure 3 in numbers: centroid, share of households' year, and how many are there most of it, by cluster."""
    return pd.DataFrame(
        {
            "cluster": found.clustering.names,
            "centroid_kw": found.clustering.centroids,
            "mean_membership": found.membership.mean(axis=0),
            "households_over_75_percent": (found.membership > 0.75).sum(axis=0),
            "share_of_moves_into": found.adaptability.sum(axis=1).mean(axis=0),
        }
    )


def group_table(results: pd.DataFrame) -> pd.DataFrame:
    """Figure 4 in numbers: SR of each group under greedy and round-robin, month by month."""
    rows = pick(results, "sr", "month", "group")
    rows = rows[rows["strategy"].isin(["greedy", "round_robin"])]
    wide = rows.pivot_table(index=["strategy", "policy", "group"], columns="period", values="value", sort=False)
    wide.columns = [f"month_{number}" for number in wide.columns]
    return wide.assign(mean=wide.mean(axis=1)).reset_index()


def swr_by_group(results: pd.DataFrame) -> pd.DataFrame:
    """Figures 6b and 6c in numbers: quartiles of households' SWR in each group under GT and WF."""
    rows = pick(results, "swr", "year", "household")
    rows = rows[rows["strategy"].isin(["game_theoretic", "water_filling"])]
    grouped = rows.groupby(["strategy", "policy", "group"], sort=False)["value"]
    quartiles = {name: grouped.quantile(q) for name, q in (("lower", 0.25), ("median", 0.5), ("upper", 0.75))}
    return pd.DataFrame(quartiles).assign(households=grouped.size()).reset_index()


def main(arguments: list[str] | None = None) -> None:
    """Print the claims, or with ``--hourly`` the seconds that the hourly experiment takes."""
    parser = argparse.ArgumentParser(prog="python -m commonwatt.benchmarks.papers.kouvelas", description=main.__doc__)
    parser.add_argument("--hourly", action="store_true", help="time the hourly experiment")
    if parser.parse_args(arguments).hourly:
        results, seconds = hourly_experiment()
        print(readable(pick(results, "swr").reset_index()).to_string(index=False))
        print(f"{len(STRATEGIES)} strategies, {results['policy'].nunique()} policies, 8760 hours: {seconds:.1f} s")
        return
    evidence = [gather(one) for one in communities(hourly=False, data=real_data())]
    print(claims(evidence).to_string(index=False))


if __name__ == "__main__":
    main()
