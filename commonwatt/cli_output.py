"""What commands print: JSON for programs, tables and lines for readers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

WIDEST = 260
"""Characters beyond which no table is widened."""


def print_json(data: Any) -> None:
    """Print data as JSON on standard output."""
    typer.echo(json.dumps(_plain(data), ensure_ascii=False, indent=1))


def _plain(data: Any) -> Any:
    """What JSON can hold: NaN and infinities become null."""
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    if hasattr(data, "item"):
        data = data.item()
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data if isinstance(data, (int, float, str, type(None))) else str(data)


def print_frame(frame: pd.DataFrame, *, as_json: bool, title: str = "") -> None:
    """Print a frame as a table for readers, or its rows as JSON."""
    if as_json:
        print_json(frame.to_dict(orient="records"))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, header_style="bold", show_lines=False)
    for name in frame.columns:
        numeric = frame[name].dtype.kind in "fi"
        table.add_column(str(name), justify="right" if numeric else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*[_cell(value) for value in row])
    # A table wider than the terminal is written in full and left to wrap or scroll: cells of three letters help nobody.
    wanted = sum(3 + max([len(str(name)), *(len(_cell(v)) for v in frame[name])]) for name in frame.columns) + 1
    Console(width=max(Console().width, min(wanted, WIDEST))).print(table)


def print_entries(data: Mapping[str, Any]) -> None:
    """Print named values for readers, one a line; what a mapping or a list holds stands indented below its name."""
    for key, value in data.items():
        if isinstance(value, dict):
            typer.echo(f"{key}:")
            for name, entry in value.items():
                typer.echo(f"  {name}: {_entry(entry)}")
        elif isinstance(value, list):
            typer.echo(f"{key}:" + ("" if value else " none"))
            for entry in value:
                typer.echo(f"  {_entry(entry)}")
        else:
            typer.echo(f"{key}: {value}")


def _entry(entry: Any) -> Any:
    return ", ".join(f"{key} {_cell(value)}" for key, value in entry.items()) if isinstance(entry, dict) else entry


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4g}"
    return str(value).replace("[", "\\[")
