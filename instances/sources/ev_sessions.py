"""Places of vehicles out of tables of charging sessions.

Source: the data of Postnikov et al., Figure 4, are sessions; how they are read is ours.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import Fault, InstanceError
from .ev_chain import PLACES

MINUTES = 1440


def places_of_sessions(
    sessions: pd.DataFrame,
    *,
    day: str = "day_id",
    start_minute: str = "start_minute_of_day",
    duration_minute: str = "parked_duration_min",
    intervals_of_day: int = 48,
) -> np.ndarray:
    """Places out of a table of charging sessions: home while plugged, away otherwise.

    A session that passes midnight is taken to have passed the midnight before as well, as if every day were like it.
    An interval counts as home if more than half of it is.

    Parameters
    ----------
    sessions : pandas.DataFrame
        A row for each session.
    day : str
        Column that tells one vehicle's day from another.
    start_minute, duration_minute : str
        Columns of the beginning in minutes from midnight and of the length.
    intervals_of_day : int
        H.

    Returns
    -------
    (H, n) array of int
        0 at home and 2 away, as in :data:`.ev_chain.PLACES`, for each of n days of a vehicle; see ``whole_days`` of
        :func:`.ev_chain.fit_ev_chain`.

    Raises
    ------
    InstanceError
        For missing columns, times that are no time of day, lengths that are negative.
    """
    faults = [
        Fault("sessions", name, message="is missing", remedy=f"name one of {', '.join(map(str, sessions.columns))}")
        for name in (day, start_minute, duration_minute)
        if name not in sessions
    ]
    if faults:
        raise InstanceError(faults)
    start, length = (pd.to_numeric(sessions[name], errors="coerce") for name in (start_minute, duration_minute))
    for name, values, most in ((start_minute, start, MINUTES), (duration_minute, length, np.inf)):
        for at in np.flatnonzero(~((values >= 0) & (values < most)).to_numpy()):
            given = str(sessions[name].iloc[at])
            message = "is no minute of a day" if name == start_minute else "is no length in minutes"
            faults.append(Fault("sessions", name, str(sessions.index[at]), given, message, "mend or leave out the row"))
    if faults:
        raise InstanceError(faults)
    number, days = pd.factorize(sessions[day])
    minutes = np.zeros((len(days), MINUTES + 1), np.int64)
    begin, end = start.to_numpy(int), (start + length.clip(upper=MINUTES)).to_numpy(int)
    for first, last in ((begin, np.minimum(end, MINUTES)), (np.zeros_like(begin), np.maximum(end - MINUTES, 0))):
        np.add.at(minutes, (number, first), 1)
        np.add.at(minutes, (number, last), -1)
    plugged = (np.cumsum(minutes, axis=1)[:, :MINUTES] > 0).reshape(len(days), intervals_of_day, -1).mean(axis=2)
    return np.asarray(np.where(plugged > 0.5, PLACES.index("home"), PLACES.index("away")).T)
