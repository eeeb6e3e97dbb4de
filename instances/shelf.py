"""Finding instances: the shipped library by name, a user's own by folder."""

from __future__ import annotations

import importlib
import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .datapackage import DESCRIPTOR, is_there, load_instance
from .errors import Fault, InstanceError
from .package_writer import save_instance
from .record import Instance

if TYPE_CHECKING:
    import pandas as pd

CLASSES = {
    "aggregator.adjustment": ("adjustment", "AdjustmentInstance"),
    "aggregator.feeder_portfolio": ("feeder_portfolio", "FeederPortfolioInstance"),
    "aggregator.firm_offer": ("firm_offer", "FirmOfferInstance"),
    "aggregator.portfolio": ("portfolio", "PortfolioInstance"),
    "allocation": ("allocation", "AllocationInstance"),
    "scheduling": ("scheduling", "SchedulingInstance"),
    "settlement": ("settlement", "SettlementInstance"),
    "settlement.responsive": ("responsive", "ResponsiveInstance"),
    "stackelberg.operator": ("operator", "OperatorInstance"),
    "stackelberg.prospects": ("prospects", "ProspectsInstance"),
    "stackelberg.sellers": ("sellers", "SellersInstance"),
    "stackelberg.procurement": ("procurement", "ProcurementInstance"),
    "stackelberg.tariff": ("tariff", "TariffInstance"),
}
"""Problem to module and name of its instance class."""


def instance_class(problem: str) -> type[Instance]:
    """Instance class of a problem.

    Raises
    ------
    KeyError
        For an unknown problem, naming the known ones.
    """
    if not isinstance(problem, str) or problem not in CLASSES:
        raise KeyError(f"known problems: {', '.join(CLASSES)}")
    module, name = CLASSES[problem]
    found: type[Instance] = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    return found


def _shelf() -> Path:
    return Path(str(resources.files(f"{__package__}.library")))


def _folders() -> dict[str, Path]:
    """Shipped packages by the names written in them."""
    found = {}
    for path in sorted(_shelf().glob(f"*/*/{DESCRIPTOR}")):
        found[f"{path.parent.parent.name}/{path.parent.name}"] = path.parent
    return found


def load(name_or_path: str | Path) -> Instance:
    """Load a shipped instance by name, or an own one from its folder.

    Parameters
    ----------
    name_or_path : str or path
        ``"allocation/texas-443"`` (see :func:`library`), or a folder that holds a ``datapackage.json``.

    Returns
    -------
    Instance

    Raises
    ------
    InstanceError
        If there is no such instance, or its data is bad: every fault with table, column, row, value and remedy.
    """
    shipped = _folders()
    if str(name_or_path) in shipped:
        return load_instance(shipped[str(name_or_path)], instance_class)
    if not is_there(name_or_path):
        names = ", ".join(shipped) or "none"
        remedy = f"give a folder, or one of the shipped instances: {names}"
        raise InstanceError(
            [Fault(DESCRIPTOR, message="there is no such instance or folder", remedy=remedy)], str(name_or_path)
        )
    return load_instance(name_or_path, instance_class)


def save(instance: Instance, folder: str | Path, *, fmt: Literal["csv", "parquet"] | None = None) -> Path:
    """Save an instance as a Data Package; see :func:`commonwatt.instances.package_writer.save_instance`."""
    return save_instance(instance, folder, fmt=fmt)


def library() -> pd.DataFrame:
    """The shipped instances.

    Returns
    -------
    pandas.DataFrame
        Columns ``name``, ``problem``, ``family``, ``size``, ``source``, ``licence``, ``sha256`` (of the descriptor,
        which holds the hashes of the tables), ``title``.
    """
    import hashlib

    import pandas as pd

    rows = []
    for name, folder in _folders().items():
        data = (folder / DESCRIPTOR).read_bytes()
        descriptor = json.loads(data)
        section = descriptor["commonwatt"]
        rows.append(
            {
                "name": name,
                "problem": section["problem"],
                "family": section["problem"].partition(".")[0],
                "size": section.get("size", ""),
                "source": "; ".join(source["title"] for source in descriptor["sources"]),
                "licence": ", ".join(licence["name"] for licence in descriptor["licenses"]),
                "sha256": hashlib.sha256(data).hexdigest(),
                "title": descriptor["title"],
            }
        )
    columns = ["name", "problem", "family", "size", "source", "licence", "sha256", "title"]
    return pd.DataFrame(rows, columns=columns)
