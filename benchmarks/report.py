"""One self-contained HTML page of sections, tables and figures, and the files from which it can be made again."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from .markup import NUMBER, is_best, right_aligned
from .tables import readable


@dataclass(frozen=True, eq=False)
class Table:
    """A table of a report.

    Parameters
    ----------
    caption : str
        What it shows.
    frame : pandas.DataFrame
        Numbers are printed with four significant digits, texts as they are.
    note : str
        What stands below, for example the legend of symbols.
    command : str
        The command that prints it; the section's own by default.
    """

    caption: str
    frame: pd.DataFrame
    note: str = ""
    command: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure of a report.

    Parameters
    ----------
    caption : str
        What it shows.
    path : pathlib.Path
        Its PNG.
    alt : str
        What it says, for those who cannot see it; the caption by default.
    """

    caption: str
    path: Path
    alt: str = ""


@dataclass(frozen=True, eq=False)
class Section:
    """A section of a report.

    Parameters
    ----------
    title : str
        Heading.
    text : str
        Paragraphs, separated by empty lines.
    tables : sequence of Table or (caption, frame)
        Tables.
    figures : sequence of Picture or (caption, path)
        Figures.
    command : str
        The command that prints its tables.
    """

    title: str
    text: str = ""
    tables: Sequence[Table | tuple[str, pd.DataFrame]] = field(default_factory=tuple)
    figures: Sequence[Picture | tuple[str, Path]] = field(default_factory=tuple)
    command: str = ""

    def all_tables(self) -> list[Table]:
        """Tables, each with the command that prints it."""
        given = [one if isinstance(one, Table) else Table(*one) for one in self.tables]
        return [Table(one.caption, one.frame, one.note, one.command or self.command) for one in given]

    def all_figures(self) -> list[Picture]:
        """Figures, each with a text for those who cannot see it."""
        given = [one if isinstance(one, Picture) else Picture(*one) for one in self.figures]
        return [Picture(one.caption, Path(one.path), one.alt or one.caption) for one in given]


def write_report(
    path: str | Path,
    title: str,
    sections: Sequence[Section],
    meta: Mapping[str, str] | None = None,
    *,
    command: str = "commonwatt tables",
) -> Path:
    """Write sections as one HTML page that needs nothing else: style and figures are inside, there are no scripts.

    Parameters
    ----------
    path : path
        The file.
    title : str
        Heading of the page.
    sections : sequence of Section
        What it holds.
    meta : mapping of str to str, optional
        What a reader should know of how it was made, for example versions.
    command : str
        Printed below tables that name no command themselves.

    Returns
    -------
    pathlib.Path
        The file.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["breakable"] = _breakable
    source = resources.files(__package__).joinpath("templates", "report.html").read_text(encoding="utf-8")
    prepared = [_prepared(section, number, command) for number, section in enumerate(sections, start=1)]
    page = environment.from_string(source).render(title=title, sections=prepared, meta=dict(meta or {}))
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_at_once(target, page)
    return target


def _prepared(section: Section, number: int, command: str) -> dict[str, Any]:
    return {
        "id": f"section-{number}",
        "title": section.title,
        "paragraphs": [part.strip() for part in re.split(r"\n\s*\n", section.text) if part.strip()],
        "tables": [_grid(table) | {"command": table.command or command} for table in section.all_tables()],
        "figures": [
            {"caption": one.caption, "alt": one.alt, "data": base64.b64encode(one.path.read_bytes()).decode()}
            for one in section.all_figures()
        ],
    }


def _grid(table: Table) -> dict[str, Any]:
    shown = readable(table.frame)
    right = right_aligned(shown)
    rows = [
        [
            {"text": text, "best": best, "right": is_right, "number": is_right and bool(NUMBER.match(text))}
            for (text, best), is_right in zip(map(is_best, map(str, row)), right, strict=True)
        ]
        for row in shown.itertuples(index=False, name=None)
    ]
    head = [{"text": str(column), "right": is_right} for column, is_right in zip(shown.columns, right, strict=True)]
    return {"caption": table.caption, "note": table.note, "head": head, "rows": rows}


def _breakable(text: str) -> Markup:
    """Text that may be broken after underscores and opening brackets, so that long names do not widen a table."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[_(])", text))


def save_sections(path: str | Path, sections: Sequence[Section], meta: Mapping[str, str], *, root: Path) -> Path:
    """Write sections as JSON, so that a report can be made again without solving anything.

    Parameters
    ----------
    path : path
        The file.
    sections : sequence of Section
        What it holds.
    meta : mapping of str to str
        How they were made.
    root : path
        Folder of all results; figures lie inside it and are named relative to it, so that it can be moved.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If a figure lies outside the folder.
    """
    base = Path(root).resolve()
    kept = [
        {
            "title": section.title,
            "text": section.text,
            "tables": [
                {"caption": one.caption, "note": one.note, "command": one.command} | _columns(one.frame)
                for one in section.all_tables()
            ],
            "figures": [
                {"caption": one.caption, "alt": one.alt, "path": one.path.resolve().relative_to(base).as_posix()}
                for one in section.all_figures()
            ],
        }
        for section in sections
    ]
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"meta": dict(meta), "sections": kept}, ensure_ascii=False, indent=1, allow_nan=False)
    write_at_once(target, text + "\n")
    return target


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    """Columns and what the report prints in them."""
    shown = readable(frame)
    return {"columns": [str(column) for column in shown.columns], "rows": shown.to_numpy().tolist()}


def load_sections(path: str | Path, *, root: Path) -> tuple[list[Section], dict[str, str]]:
    """Read what :func:`save_sections` wrote.

    Parameters
    ----------
    path : path
        The file.
    root : path
        Folder of all results.

    Returns
    -------
    sections : list of Section
    meta : dict of str to str
    """
    try:
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read ({error}); delete it and run 'commonwatt tables' again") from None
    sections = [
        Section(
            title=one["title"],
            text=one["text"],
            tables=[
                Table(
                    table["caption"],
                    pd.DataFrame(table["rows"], columns=table["columns"], dtype=str),
                    table["note"],
                    table["command"],
                )
                for table in one["tables"]
            ],
            figures=[Picture(figure["caption"], root / figure["path"], figure["alt"]) for figure in one["figures"]],
        )
        for one in kept["sections"]
    ]
    return sections, kept["meta"]


def write_at_once(path: Path, text: str) -> None:
    """Write a text so that a reader sees the old file or the new one, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)
