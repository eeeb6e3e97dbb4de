"""Portfolios whose members are connected to a feeder, the limits of which have to be kept whatever comes.

Source: Postnikov et al., *Aggregators as digital intermediaries to local electricity markets*, the loop of portfolio
and network; statement ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .aggregator import PHASES, Feeder
from .errors import Fault
from .fields import Array, readonly, refers
from .portfolio import PortfolioInstance
from .record import Meta


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FeederPortfolioInstance(PortfolioInstance, Feeder):
    """A portfolio and the feeder that its members are connected to.

    All fields of :class:`.portfolio.PortfolioInstance` and of :class:`.aggregator.Feeder` belong to it, and it may be
    used as either. Limits of the feeder are kept in every scenario and interval by what is planned and called then;
    reserve that is held and not called is not counted.

    Parameters
    ----------
    connected_at : (n,) references to ``load``
        Connection of each member; several members may share a connection, and a connection may have no member.
    """

    problem: ClassVar[str] = "aggregator.feeder_portfolio"

    connected_at: Array = refers("load", "member")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields of the portfolio, and of the feeder."""
        yield from PortfolioInstance.faults(self)
        yield from Feeder.faults(self)

    @classmethod
    def of(cls, portfolio: PortfolioInstance, feeder: Feeder, **given: Any) -> FeederPortfolioInstance:
        """Put a portfolio on a feeder.

        Parameters
        ----------
        portfolio : PortfolioInstance
            What may be offered.
        feeder : Feeder
            The network.
        **given
            Other fields, such as ``connected_at``; unless given, members are connected to loads in turn.

        Returns
        -------
        FeederPortfolioInstance
        """
        fields = {
            one.name: getattr(source, one.name)
            for kind, source in ((Feeder, feeder), (PortfolioInstance, portfolio))
            for one in dataclasses.fields(kind)
        }
        turn = np.arange(len(portfolio.member)) % len(feeder.load)
        return cls(**({"connected_at": turn} | fields | given))

    @cached_property
    def member_at(self) -> np.ndarray:
        """Whether each member is connected at each load, (L, n) of float."""
        return readonly((self.connected_at == np.arange(len(self.load))[:, None]).astype(float))

    @cached_property
    def storage_at(self) -> np.ndarray:
        """Whether each storage is connected at each load, (L, N) of float."""
        return readonly(self.member_at[:, self.storage_of])

    @cached_property
    def sample(self) -> np.ndarray:
        """Names of scenarios and intervals, (S T,), in which the feeder is looked at."""
        return readonly(np.array([f"{s}, {t}" for s in self.scenario for t in self.interval], dtype=object))


def tiny_feeder_portfolio() -> FeederPortfolioInstance:
    """A vehicle behind a thin line, for warming methods up."""
    return vehicle_behind_a_line(Meta(name="tiny"))


def vehicle_behind_a_line(meta: Meta, source_v: float = 230.0, ohm: float = 0.5) -> FeederPortfolioInstance:
    """A home with a vehicle at the end of one line: two hours, of which the first is cheap."""
    line = ohm * np.eye(PHASES)
    return FeederPortfolioInstance(
        meta=meta,
        bus=["substation", "end"],
        line=["line"],
        line_from=[0],
        line_to=[1],
        phase=["a", "b", "c"],
        resistance_ohm=line[None],
        reactance_ohm=np.zeros((1, PHASES, PHASES)),
        rating_a=[60.0],
        source_v=[source_v] * PHASES,
        source_angle_deg=[0.0, -120.0, 120.0],
        source_resistance_ohm=np.zeros((PHASES, PHASES)),
        source_reactance_ohm=np.zeros((PHASES, PHASES)),
        load=["home"],
        load_bus=[1],
        load_phase=[0],
        member=["home"],
        connected_at=[0],
        interval=["2030-01-07T02:00Z", "2030-01-07T03:00Z"],
        scenario=["night"],
        load_kw=[[[3.0], [3.0]]],
        storage=["vehicle"],
        storage_of=[0],
        capacity_kwh=[40.0],
        initial_kwh=[10.0],
        charge_kw=[7.0],
        discharge_kw=[0.0],
        target_kwh=[[[0.0], [0.0], [14.0]]],
        target_price=[2.0],
        day_ahead_price=[0.1, 0.3],
        short_price=[[0.5, 0.5]],
        long_price=[[0.0, 0.0]],
        day_ahead_block_h=1.0,
        reserve_block_h=1.0,
        dt_h=1.0,
    )
