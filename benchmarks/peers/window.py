"""What all toolkits are asked: the least cost of one prosumer with a battery over one window of a sliding horizon."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...instances.errors import NotApplicable

TOOLKITS = {"cvxpy": "cvxpy", "linopy": "linopy", "pypsa": "pypsa", "oemof": "oemof.solph"}
"""Module of this package to the package that it runs."""


@dataclass(frozen=True)
class Battery:
    """A battery in intervals of one hour; parameters as in :class:`.SchedulingInstance`."""

    capacity_kwh: float
    minimum_kwh: float
    charge_kw: float
    discharge_kw: float
    charge_efficiency: float
    discharge_efficiency: float
    retention: float


class Window(NamedTuple):
    """Data of a window: net load and prices (H,), and content at its beginning (kWh)."""

    net_kwh: np.ndarray
    buy_price: np.ndarray
    sell_price: np.ndarray
    initial_kwh: float


Solve = Callable[[Window], float]


def peer(name: str, battery: Battery, intervals: int) -> Solve:
    """A toolkit's way to solve a window.

    Parameters
    ----------
    name : str
        Of :data:`TOOLKITS`.
    battery : Battery
        The same in all windows.
    intervals : int
        H, the same in all windows.

    Returns
    -------
    callable

    Raises
    ------
    NotApplicable
        Where the toolkit is not installed, with the command that installs it.
    """
    package = TOOLKITS[name]
    try:
        found = importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        raise NotApplicable("pip install 'commonwatt[peers]'")
    with _quiet():
        made: Solve = importlib.import_module(f"{__package__}.{name}").solver(battery, intervals)

    def solve(window: Window) -> float:
        with _quiet():
            return made(window)

    return solve


@contextmanager
def _quiet() -> Iterator[None]:
    """Toolkits warn of their own future and log each solve; neither is to be seen, nor timed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def version_of(name: str) -> str:
    """Version of the package that a module of this package runs."""
    return importlib.metadata.version(TOOLKITS[name])
