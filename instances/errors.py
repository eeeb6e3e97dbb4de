"""Errors that speak of tables, columns, rows and values, in the words of whoever wrote the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 20
"""How many faults an error message prints; all of them stay in :attr:`InstanceError.faults`."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with some data.

    Parameters
    ----------
    table : str
        The table (or file) it was found in, for example ``"interval_household"``.
    column : str
        The column or field, empty where the whole table is meant.
    row : str
        The row in the data's own labels, for example ``"2030-01-01T00:00Z, house 7"``; empty where none is meant.
    value : str
        What was found there, as text; empty where nothing was.
    message : str
        What is wrong with it.
    remedy : str
        What would mend it.
    """

    table: str
    column: str = ""
    row: str = ""
    value: str = ""
    message: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        place = f"table {self.table}"
        if self.column:
            place += f", column {self.column}"
        if self.row:
            place += f", row {self.row}"
        if self.value:
            place += f", value {self.value}"
        text = f"{place}: {self.message}"
        return f"{text}; {self.remedy}" if self.remedy else text


class InstanceError(ValueError):
    """Bad data: every fault that was found, in one error.

    Parameters
    ----------
    faults : iterable of Fault
        All that is wrong; must not be empty.
    where : str
        The instance, folder or file, as the user named it.
    """

    def __init__(self, faults: Iterable[Fault], where: str = "") -> None:
        self.faults = tuple(faults)
        self.where = where
        count = len(self.faults)
        head = f"{where}: " if where else ""
        head += "1 fault" if count == 1 else f"{count} faults"
        lines = [f"  {fault}" for fault in self.faults[:SHOWN]]
        if count > SHOWN:
            lines.append(f"  … and {count - SHOWN} more of them in the error's .faults")
        super().__init__("\n".join([head, *lines]))

    def __reduce__(self) -> tuple[type[InstanceError], tuple[tuple[Fault, ...], str]]:
        return (type(self), (self.faults, self.where))


class ReportedError(RuntimeError):
    """An error whose message is meant for the user: the command line prints it without a traceback."""


class InfeasibleError(ReportedError):
    """No decision satisfies the instance; the message says why in the instance's own words."""


class NoFlowError(InfeasibleError):
    """A feeder has no voltages at which all loads get their power, or none that were found.

    Parameters
    ----------
    position : int
        Position of the sample.
    total_kw : float, kW
        What its loads draw together.
    name : str
        What the sample is called; by its position unless given.
    """

    def __init__(self, position: int, total_kw: float, name: str = "") -> None:
        self.position, self.total_kw, self.name = position, total_kw, name
        super().__init__(
            f"{name or f'net_load_kw[{position}]'}: no voltages were found at which all loads get their "
            f"{total_kw:.4g} kW; the feeder is too weak for it, so lower the loads or the exports"
        )

    def __reduce__(self) -> tuple[type[NoFlowError], tuple[int, float, str]]:
        return (type(self), (self.position, self.total_kw, self.name))


class NotApplicable(ReportedError):  # noqa: N818  (a public name: the method is at fault for nothing)
    """The instance lies outside a method's premise; the message is the reason."""
