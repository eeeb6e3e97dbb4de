"""Adjustments for a network: which loads to change, and by how much, so that a feeder stays within its limits.

Source: Postnikov et al., *Aggregators as digital intermediaries to local electricity markets*, section on the network;
statement ours.
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
from .fields import Array, array, choice, labels, scalar
from .record import Instance, Meta
from .scheduling import CURRENCIES


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AdjustmentInstance(Feeder, Instance):
    """A feeder, what its loads draw in samples, and what changing that costs.

    A sample is one interval that may come: a half-hour of a day that was drawn, or of a forecast. Samples have nothing
    to do with each other. All fields of :class:`.aggregator.Feeder` belong to it, and it may be used as one.

    Parameters
    ----------
    sample : (S,) labels
        What may come.
    net_load_kw, net_load_kvar : (S, n) arrays, kW and kvar
        Drawn by each load if nothing is changed; export is negative. No reactive power unless given.
    reducible_kw : (S, n) array, kW
        By how much the net load can be reduced: demand cut, or export raised.
    raisable_kw : (S, n) array, kW
        By how much it can be raised: export cut, or demand added; nothing unless given.
    price : (n,) array, currency/kWh
        Of a change, whichever way.
    dt_h : float, h
        Length of a sample.
    currency : {"EUR", "USD", "GBP", "INR", "AUD"}
        Of the prices.
    """

    problem: ClassVar[str] = "aggregator.adjustment"

    sample: Array = labels("sample {}")
    net_load_kw: Array = array("sample", "load", unit="kW")
    net_load_kvar: Array = array("sample", "load", unit="kvar", default=0.0)
    reducible_kw: Array = array("sample", "load", unit="kW", low=0.0, default=0.0)
    raisable_kw: Array = array("sample", "load", unit="kW", low=0.0, default=0.0)
    price: Array = array("load", unit="currency/kWh", low=0.0, default=1.0)
    dt_h: float = scalar(0.5, unit="h", low=0.0)
    currency: str = choice(*CURRENCIES, default="GBP")

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong between fields: what is wrong with the feeder, a sample of no length."""
        yield from super().faults()
        if self.dt_h <= 0:
            yield Fault("settings", "dt_h", "", f"{self.dt_h:g}", "must be positive")

    @classmethod
    def of_feeder(cls, feeder: Feeder, **given: Any) -> AdjustmentInstance:
        """Put samples on a feeder.

        Parameters
        ----------
        feeder : Feeder
            Generated or read.
        **given
            The other fields, such as ``net_load_kw``.

        Returns
        -------
        AdjustmentInstance
        """
        own = {one.name: getattr(feeder, one.name) for one in dataclasses.fields(Feeder)}
        return cls(**(own | given))

    @cached_property
    def size_kw(self) -> float:
        """What is drawn, sent and could be changed at most, kW; what powers are judged relative to."""
        powers = (np.abs(self.net_load_kw), self.reducible_kw, self.raisable_kw)
        return max(float(one.max(initial=0.0)) for one in powers) or 1.0


def tiny_adjustment() -> AdjustmentInstance:
    """Two homes behind one line that is too thin for the first, for warming methods up."""
    line = 0.5 * np.eye(PHASES)
    return AdjustmentInstance(
        bus=["substation", "end"],
        line_from=[0],
        line_to=[1],
        phase=["a", "b", "c"],
        resistance_ohm=line[None],
        reactance_ohm=0.1 * line[None],
        rating_a=[60.0],
        source_v=[230.0] * PHASES,
        source_angle_deg=[0.0, -120.0, 120.0],
        source_resistance_ohm=0.01 * line,
        source_reactance_ohm=0.02 * line,
        load_bus=[1, 1],
        load_phase=[0, 1],
        net_load_kw=[[7.0, 1.0]],
        reducible_kw=[[3.0, 0.0]],
        meta=Meta(name="tiny"),
    )
