"""A community out of SimBench: the households of one low-voltage network, with their panels.

The tables of the package ``simbench`` (a wheel, or the unpacked folder) are read with pandas; the package is not
imported. The community is one of SimBench's own low-voltage networks, as its authors drew it: the loads and panels
at each connection, their profiles and sizes for one of three scenarios (0 today, 1 and 2 the future: more panels, heat
pumps and charging). Nothing is drawn at random.

==========  ===========  =========================================================
network     character    with panels / connections with households, scenario 0, 1, 2
==========  ===========  =========================================================
LV1.101     rural        3/3, 3/3, 3/3 (ten farms are no households)
LV2.101     rural        8/86, 8/86, 10/86
LV3.101     rural        16/113, 24/113, 26/113
LV4.101     semi-urban   1/30, 1/30, 5/30
LV5.201     semi-urban   7/92, 11/92, 12/92
LV6.201     urban        4/44, 5/44, 10/44 (flats share connections)
==========  ===========  =========================================================

Networks that share the first number (``LV3.101``, ``LV3.218``) have the same loads and panels.

Source: Meinecke et al., *SimBench - a benchmark dataset of electric power systems to compare innovative solutions based
on power flow analysis*, Energies 13 (2020) 3290.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..errors import Fault, InstanceError
from .series import HouseholdSeries

LICENCE = "ODbL-1.0"

VERSION = "1.6.1"
"""Version of the package whose tables and licence this module was written against; a result names the one it read."""

NOTICE = """\
Contains information from SimBench, which is made available here under the Open Database License (ODbL) 1.0; any rights
in individual contents of the database are licensed under the Database Contents License (DbCL) 1.0.
Copyright (c) 2019-2021 by University of Kassel, TU Dortmund, RWTH Aachen University and Fraunhofer Institute for Energy
Economics and Energy System Technology (IEE) Kassel and individual contributors.
Tables derived from it are a derivative database under the same licence: whoever passes them on keeps this notice, says
what was changed, and offers them under the ODbL 1.0 again."""

CHANGES = (
    "quarter-hours times rated power summed over the loads and over the panels of each connection and over each hour "
    "(kWh); local clock time turned into UTC"
)

PACKAGE: dict[str, Any] = {
    "title": "Households of a SimBench low-voltage network, 2016",
    "licence": LICENCE,
    "sources": [
        f"SimBench {VERSION} (PyPI package simbench), Load.csv: node, profile, pLoad",
        f"SimBench {VERSION} (PyPI package simbench), LoadProfile.csv: time, <profile>_pload",
        f"SimBench {VERSION} (PyPI package simbench), RES.csv: node, type, profile, pRES",
        f"SimBench {VERSION} (PyPI package simbench), RESProfile.csv: time, <profile>",
    ],
    "notices": [NOTICE, f"Changes: {CHANGES}."],
}
"""What a package made from this source has to say about itself."""

ZONE = "Europe/Berlin"
YEAR = 2016
FOLDER = "networks/1-complete_data-mixed-all-{}-sw/"
STEP_H = 0.25
NOISE = 1e-4
"""Two charging profiles dip below zero by up to 1.2e-5 of the rated power in ten quarter-hours; that counts as 0."""
COLUMNS = {
    "Load.csv": ["id", "node", "profile", "pLoad", "subnet"],
    "RES.csv": ["id", "node", "type", "profile", "pRES", "subnet"],
}


def simbench_households(
    source: str | Path,
    *,
    network: str = "LV3.101",
    scenario: Literal[0, 1, 2] = 1,
    members: Literal["households", "all"] = "households",
    time: Literal["hour", "quarter_hour"] = "hour",
) -> HouseholdSeries:
    """Extract the members of one low-voltage network and their series of the year 2016.

    A member is a connection (a node of the network): the loads at it, heat pump and charging point included, are its
    load, and the panels at it its generation. In the scenarios 1 and 2 some members have batteries in SimBench; these
    are left out. Energy per quarter-hour is profile x rated power x 0.25 h.

    SimBench writes local clock time: on 27 March 2016 the hour from 02:00 is missing and on 30 October it is there
    twice. Both passes are told apart by their order, and the result is in UTC, where every hour is there once: it
    begins at 2015-12-31T23:00, the midnight of the local new year.

    Parameters
    ----------
    source : str or Path
        The wheel of ``simbench``, or a folder that holds the package or its ``networks``.
    network : str
        Name of the low-voltage network in the column ``subnet``.
    scenario : {0, 1, 2}
        0 is today's network, 1 and 2 are SimBench's scenarios of the future.
    members : {"households", "all"}
        Only connections with a household load (profiles ``H0-…``), or farms and businesses, too.
    time : {"hour", "quarter_hour"}
        Length of an interval of the result.

    Returns
    -------
    HouseholdSeries
        8784 hours; ``attributes`` has ``dwellings`` (household loads at the connection), ``profile`` (all its load
        profiles), ``rated_load_kw`` and ``pv_kwp``.

    Raises
    ------
    InstanceError
        If tables, columns, profiles or the network are missing, or cells are no finite, positive numbers.
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If an option is none of those named.
    """
    if scenario not in (0, 1, 2) or members not in ("households", "all") or time not in ("hour", "quarter_hour"):
        raise ValueError(
            f"choose scenario 0, 1 or 2, members households or all, time hour or quarter_hour; "
            f"not {scenario!r}, {members!r}, {time!r}"
        )
    with SimbenchSource(Path(source), scenario) as package:
        loads, plants = package.members("Load.csv", network), package.members("RES.csv", network)
        if members == "households":
            homes = set(loads["node"][_is_household(loads["profile"])])
            loads, plants = loads[loads["node"].isin(homes)], plants[plants["node"].isin(homes)]
        plants = plants[plants["type"] == "PV"]
        if loads.empty:
            message = f"network {network} has no household"
            raise InstanceError(
                [Fault("Load.csv", "profile", message=message, remedy='pass members="all"')], str(source)
            )
        demand = package.profiles("LoadProfile.csv", sorted({f"{name}_pload" for name in loads["profile"]}))
        yields = package.profiles("RESProfile.csv", sorted(set(plants["profile"])))
        version = package.version
    if not demand.index.equals(yields.index):
        message = "the times are not those of LoadProfile.csv"
        raise InstanceError([Fault("RESProfile.csv", "time", message=message)], str(source))
    nodes = sorted(set(loads["node"]) | set(plants["node"]), key=_natural)
    load = _energy(nodes, loads, "pLoad", demand, "_pload")
    made = _energy(nodes, plants, "pRES", yields, "")
    start, dt_h = demand.index.to_numpy().astype("datetime64[s]"), STEP_H
    if time == "hour":
        load, made = (each.reshape(-1, 4, len(nodes)).sum(axis=1) for each in (load, made))
        start, dt_h = start[::4], 1.0
    return HouseholdSeries(
        time=start,
        dt_h=dt_h,
        household=tuple(nodes),
        load_kwh=load,
        generation_kwh=made,
        available=np.ones(load.shape, dtype=bool),
        attributes=_attributes(nodes, loads, plants),
        clock="UTC",
        title=f"{PACKAGE['title']}: {network}, scenario {scenario}",
        licence=LICENCE,
        source=f"SimBench {version}: {FOLDER.format(scenario)}{{Load,LoadProfile,RES,RESProfile}}.csv, {CHANGES}",
    )


def _is_household(profile: pd.Series) -> pd.Series:
    return profile.str.startswith("H0")


def _natural(name: str) -> list[int | str]:
    """Sort key that puts bus 9 before bus 10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _energy(nodes: list[str], units: pd.DataFrame, rated: str, profiles: pd.DataFrame, suffix: str) -> np.ndarray:
    """Energy (T, n) of the units at each node, kWh per quarter-hour; rated power is in MW."""
    share = np.zeros((len(profiles.columns), len(nodes)))
    columns = {name: at for at, name in enumerate(profiles.columns)}
    place = {name: at for at, name in enumerate(nodes)}
    for node, profile, power in zip(units["node"], units["profile"], units[rated], strict=True):
        share[columns[profile + suffix], place[node]] += power * 1000.0 * STEP_H
    return profiles.to_numpy() @ share


def _attributes(nodes: list[str], loads: pd.DataFrame, plants: pd.DataFrame) -> pd.DataFrame:
    by_node = loads.groupby("node")
    frame = pd.DataFrame(
        {
            "dwellings": _is_household(loads["profile"])
            .groupby(loads["node"])
            .sum()
            .reindex(nodes)
            .fillna(0)
            .astype(int),
            "profile": by_node["profile"].agg(lambda names: " + ".join(sorted(names))).reindex(nodes).fillna(""),
            "rated_load_kw": by_node["pLoad"].sum().reindex(nodes).fillna(0.0) * 1000.0,
            "pv_kwp": plants.groupby("node")["pRES"].sum().reindex(nodes).fillna(0.0) * 1000.0,
        },
        index=pd.Index(nodes, name="household"),
    )
    return frame


class SimbenchSource:
    """The tables of one scenario, in a wheel or in a folder."""

    def __init__(self, source: Path, scenario: int) -> None:
        if not source.exists():
            raise FileNotFoundError(f"there is no file or folder {source}")
        self.source, self.folder = source, FOLDER.format(scenario)
        self.zip: zipfile.ZipFile | None = None
        if source.is_file():
            try:
                self.zip = zipfile.ZipFile(source)
            except (zipfile.BadZipFile, OSError) as error:
                message, remedy = f"is no wheel ({error})", "fetch it with pip download --no-deps simbench"
                raise InstanceError([Fault(source.name, message=message, remedy=remedy)], str(source)) from error

    def __enter__(self) -> SimbenchSource:
        return self

    def __exit__(self, *error: object) -> None:
        if self.zip is not None:
            self.zip.close()

    @property
    def version(self) -> str:
        """Version of the package, from its metadata; "of unknown version" where there is none beside the tables."""
        if self.zip is not None:
            found = [name for name in self.zip.namelist() if re.fullmatch(r"simbench-[^/]+\.dist-info/METADATA", name)]
            names = [name.split("/")[0] for name in found]
        else:
            names = [
                path.name for base in (self.source, self.source.parent) for path in base.glob("simbench-*.dist-info")
            ]
        return names[0].removeprefix("simbench-").removesuffix(".dist-info") if names else "of unknown version"

    def members(self, table: str, network: str) -> pd.DataFrame:
        """Units of one network."""
        rated = "pLoad" if table == "Load.csv" else "pRES"
        frame = self.read(table, COLUMNS[table], {name: str for name in COLUMNS[table] if name != rated})
        found = frame[frame["subnet"] == network]
        if found.empty and table == "Load.csv":
            raise InstanceError([self.no_network(table, network, frame["subnet"])], str(self.source))
        self.check(table, found[[rated]], found["id"].tolist())
        return found

    def no_network(self, table: str, network: str, subnets: pd.Series) -> Fault:
        """What to say of a network that is none of those of a table."""
        known = sorted({name for name in subnets if re.fullmatch(r"LV\d+\.\d+", str(name))}, key=_natural)
        remedy = f"choose one of {', '.join(known[:12])}{', …' if len(known) > 12 else ''}"
        return Fault(table, "subnet", "", network, "there is no such network", remedy)

    def profiles(self, table: str, names: Sequence[str]) -> pd.DataFrame:
        """Profiles per unit of rated power, (35136, k), indexed by UTC."""
        frame = self.read(table, ["time", *names], {"time": str})
        self.check(table, frame[list(names)], frame["time"].tolist(), low=-NOISE)
        local = pd.to_datetime(frame["time"], format="%d.%m.%Y %H:%M", errors="coerce")
        # The second pass of the doubled autumn hour is winter time; "infer" would fail on data that begins inside it.
        utc = local.dt.tz_localize(ZONE, ambiguous=~frame["time"].duplicated().to_numpy(), nonexistent="NaT")
        index = pd.DatetimeIndex(utc.dt.tz_convert("UTC").dt.tz_localize(None), name="time")
        hours = index[0].minute == 0 and len(index) % 4 == 0
        if index.hasnans or not hours or not (np.diff(index.to_numpy()) == np.timedelta64(15, "m")).all():
            message = f"the times are not whole hours of even quarter-hours on the clock of {ZONE}"
            raise InstanceError([Fault(table, "time", message=message)], str(self.source))
        return frame[list(names)].clip(lower=0.0).set_index(index)

    def read(self, table: str, columns: list[str], types: dict[str, type]) -> pd.DataFrame:
        """Columns of a table."""
        content = self._open(table)
        header = content.readline().decode("utf-8").strip().split(";")
        missing = [name for name in columns if name not in header]
        if missing:
            faults = [Fault(table, name, message="there is no such column") for name in missing]
            raise InstanceError(faults, str(self.source))
        content.seek(0)
        try:
            return pd.read_csv(content, sep=";", usecols=columns, dtype=types)
        except ValueError as error:
            raise InstanceError([Fault(table, message=f"is no readable table ({error})")], str(self.source)) from error

    def _open(self, table: str) -> io.BytesIO:
        remedy = "fetch the package with pip download --no-deps simbench"
        if self.zip is not None:
            name = f"simbench/{self.folder}{table}"
            if name in self.zip.namelist():
                return io.BytesIO(self.zip.read(name))
        else:
            for base in (self.source / "simbench", self.source, self.source.parent):
                if (base / self.folder / table).is_file():
                    return io.BytesIO((base / self.folder / table).read_bytes())
        fault = Fault(table, message=f"there is no {self.folder}{table}", remedy=remedy)
        raise InstanceError([fault], str(self.source))

    def check(self, table: str, cells: pd.DataFrame, rows: Sequence[str], low: float = 0.0) -> None:
        """Refuse cells that are no finite numbers from 0 up."""
        faults = []
        for name in cells.columns:
            values = pd.to_numeric(cells[name], errors="coerce").to_numpy(dtype=float)
            for at in np.flatnonzero(~(np.isfinite(values) & (values >= low))):
                faults.append(
                    Fault(table, str(name), rows[int(at)], str(cells[name].iloc[at]), "is no number from 0 up")
                )
        if faults:
            raise InstanceError(faults, str(self.source))
