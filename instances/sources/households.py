"""A user's own load and generation series, household by household.

Three forms are read, from CSV (plain or gzip) or Parquet:

long
    One file with columns ``time``, ``household``, ``load_kwh`` (or ``load_kw``) and, if there is any generation,
    ``generation_kwh`` (or ``generation_kw``, ``pv_kwh``, ``pv_kw``, ``pv_kwh_per_kwp``).
wide
    One file with a column of times (named ``time``, or the first column, or the index of a Parquet file) and one column
    ``load_kwh_<household>``, ``generation_kwh_<household>``, … each.
folder
    ``load_kwh.csv`` (or ``load_kw``) and ``generation_kwh.csv`` with a column of times and one column per household, or
    ``series.csv`` in the long form; beside them, if wanted, ``households.csv`` with attributes.

Times are starts of intervals in ISO 8601. Whatever is wrong is named, all of it in one error.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import Fault, InstanceError
from .clock import Times, label, regular_step
from .panels import Measure, Panel, Reader, Roofs
from .series import HouseholdSeries
from .tabular import TEXT, read_table, report_cells

Gaps = Literal["refuse", "drop_household"]

EMPTY = 'fill it, or pass gaps="drop_household"'


def read_households(
    path: str | Path,
    *,
    time_zone: str | None = None,
    min_days: float = 300,
    gaps: Gaps = "refuse",
    household: str | None = None,
    generation: Roofs | None = None,
    attributes: pd.DataFrame | str | Path | None = None,
    ignore: Sequence[str] = (),
    title: str = "",
    licence: str = "",
    source: str = "",
) -> HouseholdSeries:
    """Read load and generation of households.

    Parameters
    ----------
    path : str or Path
        A CSV or Parquet file, or a folder; for the forms see the module's description.
    time_zone : str, optional
        IANA name of the zone whose clock the timestamps were read from, where they carry no offset. The days of 23 and
        25 hours are then handled: the hour that is there twice in autumn is summer time first, winter time second.
        Without it, timestamps without offsets are taken as they are, and must not jump.
    min_days : float
        Households with at most so many days of measurements are dropped (source: Kouvelas et al., *Efficient power
        sharing at the edge by building a tangible micro-grid*, section III). 0 keeps all who have any.
    gaps : {"refuse", "drop_household"}
        Whether a missing measurement is a fault; else households are kept or dropped by ``min_days``, and what is
        missing in a kept household counts 0 kWh and ``available=False``. Times that are missing for all are always a
        fault.
    household : str, optional
        Name of the only household, where the columns name none.
    generation : mapping of str to (str, float), optional
        For a file with the yield of typical roofs, kWh per kWp: the column of each prosumer's roof, and its size, kWp.
        Households that it does not name have no such roof.
    attributes : DataFrame, str or Path, optional
        One row per household, keyed by the column ``household``, else by the first column of a file or the index of a
        frame. Its column ``pv_kwp`` turns columns ``pv_kwh_per_kwp_<household>`` into kWh.
    ignore : sequence of str
        Columns (and files of a folder) to be left out.
    title, licence, source : str
        Noted in the result; the title is the file's name if none is given.

    Returns
    -------
    HouseholdSeries

    Raises
    ------
    InstanceError
        If anything is wrong with the data; it names file, column, row, value and remedy of each fault.
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If an argument makes no sense.

    Examples
    --------
    Ten homes whose panels' yields stand beside the loads, with a table of their sizes::

        read_households("fontana.parquet", attributes="fontana_homes.csv", ignore=["temp_air_c", …])

    Homes and, apart from them, the yields of typical roofs::

        read_households("austin.parquet", generation={"6887": ("pv_kwh_per_kwp_tilt25_az180", 6.0)}, ignore=[…])

    A single home, read every half hour, with columns ``load_kw`` and ``pv_kw``::

        read_households("home.parquet", household="customer12")
    """
    path = Path(path)
    _check_arguments(path, time_zone, gaps, generation, attributes)
    reader = Reader(time_zone=time_zone, household=household, generation=generation, ignore=tuple(ignore))
    faults = reader.faults
    panels = reader.read(path)
    traits_table, traits = _attributes(path, attributes, reader)
    for name in sorted(set(ignore) - reader.seen):
        faults.append(Fault(path.name, name, message="ignore names what is not there", remedy="take it off the list"))
    if not panels:
        _refuse(faults or [Fault(path.name, message="holds neither load nor generation")], path)

    homes = _homes(panels, faults)
    in_utc = panels[0].in_utc
    if any(panel.in_utc != in_utc for panel in panels):
        faults.append(Fault(path.name, "time", message="some tables have offsets from UTC", remedy="give them to all"))
    time = np.unique(np.concatenate([panel.time for panel in panels]))
    dt_h = regular_step(time, panels[0].table, in_utc, faults)
    if gaps == "refuse":
        for panel in panels:
            _report_missing(panel, time, faults)
    traits = _roofs(traits_table, traits, homes, panels, generation, faults)
    whole_days = len(time) * dt_h / 24
    if whole_days <= min_days:
        message = f"the whole series has {whole_days:g} days, but households need more than {min_days:g}"
        faults.append(Fault(path.name, "time", message=message, remedy="pass min_days=0 to keep them"))
    if faults:
        _refuse(faults, path)

    load = _fill(panels, "load", homes, time, dt_h, traits)
    made = _fill(panels, "generation", homes, time, dt_h, traits)
    available = ~np.isnan(load) & ~np.isnan(made)
    kept = available.sum(axis=0) * dt_h / 24 > min_days
    if not kept.any():
        message = f"no household has more than {min_days:g} days of measurements"
        _refuse([Fault(path.name, message=message, remedy="pass a smaller min_days")], path)
    available = available[:, kept]
    names = tuple(home for home, keep in zip(homes, kept, strict=True) if keep)
    return HouseholdSeries(
        time=time,
        dt_h=dt_h,
        household=names,
        load_kwh=np.where(available, load[:, kept], 0.0),
        generation_kwh=np.where(available, made[:, kept], 0.0),
        available=available,
        attributes=traits.loc[list(names)],
        clock="UTC" if in_utc else "as written",
        dropped=tuple(home for home in homes if home not in set(names)),
        title=title or path.name.split(".")[0],
        licence=licence,
        source=source,
    )


def _check_arguments(
    path: Path,
    time_zone: str | None,
    gaps: str,
    generation: Roofs | None,
    attributes: pd.DataFrame | str | Path | None,
) -> None:
    if gaps not in ("refuse", "drop_household"):
        raise ValueError(f'gaps is {gaps!r}; choose "refuse" or "drop_household"')
    if time_zone is not None:
        try:
            ZoneInfo(time_zone)
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(f'time_zone is {time_zone!r}; give an IANA name such as "Europe/Berlin"') from error
    for home, roof in (generation or {}).items():
        if len(roof) != 2 or not 0 <= roof[1] < np.inf:
            raise ValueError(f"generation[{home!r}] is {roof!r}; give a column and a size in kWp")
    for each in (path, attributes):
        if isinstance(each, str | Path) and not Path(each).exists():
            raise FileNotFoundError(f"there is no file or folder {each}")
    if path.is_dir() and generation is not None:
        raise ValueError("generation assigns columns of a single wide file, but path is a folder")


def _refuse(faults: list[Fault], path: Path) -> None:
    raise InstanceError(faults, str(path))


def _homes(panels: list[Panel], faults: list[Fault]) -> list[str]:
    """Households in the order of the loads; each quantity of each must be there once, and a load for all."""
    seen: dict[tuple[str, str], str] = {}
    for panel in panels:
        for measure in panel.measures:
            key = measure.household, measure.quantity
            if key in seen:
                message = f"household {measure.household} has {measure.quantity} in {seen[key]} already"
                faults.append(Fault(panel.table, measure.column, message=message, remedy="keep one of them"))
            seen[key] = measure.column
    homes = [home for home, quantity in seen if quantity == "load"]
    for panel in panels:
        for measure in panel.measures:
            if (measure.household, "load") not in seen:
                message = f"household {measure.household} has generation but no load"
                remedy = f"add load_kwh_{measure.household}"
                if measure.unit == "kwh_per_kwp":
                    remedy += ", or assign the column to prosumers by generation={household: (column, kWp)}"
                faults.append(Fault(panel.table, measure.column, message=message, remedy=remedy))
    return homes


def _report_missing(panel: Panel, time: Times, faults: list[Fault]) -> None:
    """Name rows that are missing in a table, and cells that are empty."""
    rows = np.searchsorted(time, panel.time)
    present = np.zeros((len(time), len(panel.measures)), dtype=bool)
    present[rows] = panel.present
    lacking = np.flatnonzero(~present.all(axis=0))
    shared = len(lacking) > 1 and bool((present == present[:, :1]).all())
    for at in lacking[:1] if shared else lacking:
        first = label(time[np.argmin(present[:, at])], panel.in_utc)
        row = first if shared else f"{first}, household {panel.measures[at].household}"
        message = f"{present[:, at].sum()} of {len(time)} rows are there; this is the first one missing"
        remedy = 'add the rows, or pass gaps="drop_household"'
        faults.append(Fault(panel.table, "time", row, "", message, remedy))
    # One roof's yield may serve many households; its empty cells are reported once.
    once = {measure.column if not panel.long else measure.household: at for at, measure in enumerate(panel.measures)}
    for at in once.values():
        home = f", household {panel.measures[at].household}" if panel.long else ""
        empty = panel.present[:, at] & np.isnan(panel.cells[:, at])

        def name(i: int, home: str = home) -> str:
            return label(panel.time[i], panel.in_utc) + home

        report_cells(faults, empty, panel.table, panel.measures[at].column, name, "is empty", EMPTY, lambda i: "NaN")


def _attributes(path: Path, given: pd.DataFrame | str | Path | None, reader: Reader) -> tuple[str, pd.DataFrame | None]:
    """Name of the table of attributes, and the table with the households' names as index, if there is one."""
    faults = reader.faults
    if path.is_dir():
        beside = [file for file in sorted(path.iterdir()) if file.name.split(".")[0] == "households"]
        if beside and given is not None:
            raise ValueError(f"attributes are given, but {path.name} holds {beside[0].name}")
        given = beside[0] if beside else given
    if given is None:
        return "attributes", None
    if isinstance(given, pd.DataFrame):
        name, frame = "attributes", given.reset_index() if "household" not in given.columns else given
    else:
        name = Path(given).name
        table = read_table(
            Path(given), faults, types=lambda names: {"household" if "household" in names else names[0]: TEXT}
        )
        if table is None:
            return name, None
        frame = table.to_pandas(ignore_metadata=True)
    reader.seen.update(frame.columns)
    key = "household" if "household" in frame.columns else frame.columns[0]
    frame = frame.drop(columns=[column for column in frame.columns if column in reader.ignore and column != key])
    frame = frame.assign(**{key: frame[key].astype(str)}).set_index(key).rename_axis("household")
    for home in frame.index[frame.index.duplicated()]:
        faults.append(Fault(name, str(key), home, home, "the household is there twice", "keep one row"))
    for column in frame.columns:
        for home in frame.index[frame[column].isna() | (frame[column].astype(str) == "")]:
            remedy = f'fill it, or leave the column out with ignore=["{column}"]'
            faults.append(Fault(name, str(column), home, "NaN", "is empty", remedy))
    return name, frame[~frame.index.duplicated()]


def _roofs(
    table: str,
    traits: pd.DataFrame | None,
    homes: list[str],
    panels: list[Panel],
    generation: Roofs | None,
    faults: list[Fault],
) -> pd.DataFrame:
    """Align attributes to the households, and see that sizes of panels are known where they are needed."""
    if traits is None:
        traits = pd.DataFrame(index=pd.Index(homes, name="household"))
    else:
        for home in [home for home in homes if home not in traits.index]:
            faults.append(Fault(table, "household", home, "", "the household has no row here", "add it"))
        for home in [home for home in traits.index if home not in set(homes)]:
            faults.append(Fault(table, "household", home, "", "the household has no load", "remove the row"))
        traits = traits.reindex(homes)
    if generation is not None:
        if "pv_kwp" in traits:
            remedy = 'keep one of them, for example by ignore=["pv_kwp"]'
            faults.append(Fault(table, "pv_kwp", message="sizes are given by generation, too", remedy=remedy))
        traits = traits.assign(pv_kwp=[float(generation.get(home, ("", 0.0))[1]) for home in homes])
    users = {m.household: m for panel in panels for m in panel.measures if m.unit == "kwh_per_kwp"}
    if users and "pv_kwp" not in traits:
        measure = next(iter(users.values()))
        message = f"the size of the panels is needed to turn {measure.column} into kWh"
        remedy = "pass attributes= a table with the column pv_kwp, or generation={household: (column, kWp)}"
        faults.append(Fault(table, "pv_kwp", measure.household, "", message, remedy))
    elif users:
        sizes = pd.to_numeric(traits["pv_kwp"], errors="coerce")
        for home in sizes.index[~(np.isfinite(sizes) & (sizes >= 0)) & sizes.index.isin(list(users))]:
            found = str(traits["pv_kwp"][home])
            faults.append(Fault(table, "pv_kwp", str(home), found, "is no size in kWp", "give 0 or more"))
    return traits


def _fill(
    panels: list[Panel], quantity: str, homes: list[str], time: Times, dt_h: float, traits: pd.DataFrame
) -> NDArray[np.float64]:
    """Energies (T, n) of one quantity, NaN where not measured; 0 for households that do not have it."""
    place = {home: at for at, home in enumerate(homes)}
    energy = np.zeros((len(time), len(homes)))
    for panel in panels:
        rows = np.searchsorted(time, panel.time)
        for at, measure in enumerate(panel.measures):
            if measure.quantity == quantity:
                column = np.full(len(time), np.nan)
                column[rows] = panel.cells[:, at] * _factor(measure, dt_h, traits)
                energy[:, place[measure.household]] = column
    return energy


def _factor(measure: Measure, dt_h: float, traits: pd.DataFrame) -> float:
    """What turns a column's unit into kWh per interval."""
    if measure.unit == "kwh_per_kwp":
        return float(traits["pv_kwp"][measure.household])
    return dt_h if measure.unit == "kw" else 1.0
