"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

InstanceArgument = Annotated[str, typer.Argument(help="A shipped instance (see 'commonwatt list') or a folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.")]
OutOption = Annotated[Path, typer.Option("--out", help="Folder of the results.")]
