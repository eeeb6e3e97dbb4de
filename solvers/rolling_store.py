"""What a sliding horizon has finished, on disk, so that a run that was cut off is taken up again."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .rolling_windows import Record

ARRAYS = ("content_kwh", "service_kwh", "curtailed_kwh", "lost_kwh", "spilled_kwh", "as_planned")


@dataclass(frozen=True)
class Store:
    """A folder for one run.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    key : str
        Instance and arguments, by which a run is known.
    """

    folder: Path
    key: str

    @property
    def file(self) -> Path:
        """The one file, replaced as a whole."""
        return self.folder / "rolling.npz"

    def save(self, record: Record) -> None:
        """Save what is finished; a reader finds the former state or this one, never a part."""
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"key": self.key, "finished": record.finished, "peak_kwh": record.peak_kwh, "rows": record.rows}
        part = self.folder / f"rolling.{os.getpid()}.part"
        with part.open("wb") as file:
            arrays = {name: getattr(record, name) for name in ARRAYS}
            np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.file)

    def load(self, empty: Record) -> Record:
        """What was saved, or the empty record.

        Raises
        ------
        ValueError
            If the folder holds another run.
        """
        if not self.file.exists():
            return empty
        with np.load(self.file, allow_pickle=False) as saved:
            about = json.loads(str(saved["about"]))
            if about["key"] != self.key:
                raise ValueError(
                    f"{self.folder} holds a run of another instance or with other arguments; choose another"
                )
            arrays = {name: saved[name] for name in ARRAYS}
        rows = [tuple(row) for row in about["rows"]]
        return Record(**arrays, peak_kwh=about["peak_kwh"], finished=about["finished"], rows=rows)
