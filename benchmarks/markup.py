"""Tables of texts as Markdown and LaTeX source, with every special character escaped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import pandas as pd

BEST = " ★"
"""Ends the cell of a best value; Markdown, LaTeX and HTML print such a cell bold and without it."""

DASH = "–"
"""What stands where there is no number."""

NUMBER = re.compile(r"-?(\d|∞)")
"""How the text of a number begins."""


def is_best(cell: str) -> tuple[str, bool]:
    """Text of a cell, and whether it is marked as best."""
    return cell.removesuffix(BEST), cell.endswith(BEST)


def right_aligned(view: pd.DataFrame) -> list[bool]:
    """Which columns hold numbers."""
    aligned = []
    for position in range(view.shape[1]):
        cells = [str(cell) for cell in view.iloc[:, position] if str(cell) not in ("", DASH)]
        numeric = sum(NUMBER.match(cell) is not None for cell in cells)
        aligned.append(bool(cells) and 2 * numeric > len(cells))
    return aligned


def _grid(view: pd.DataFrame, escape: Callable[[str], str], strong: str) -> list[list[str]]:
    """Escaped header and cells, the best in bold."""
    rows = [[escape(str(column)) for column in view.columns]]
    for values in view.itertuples(index=False, name=None):
        cells = [is_best(str(value)) for value in values]
        rows.append([strong.format(escape(text)) if best else escape(text) for text, best in cells])
    return rows


def to_markdown(view: pd.DataFrame, caption: str, note: str = "") -> str:
    """A table of texts in Markdown, its columns aligned in the source too."""
    rows = _grid(view, escape_markdown, "**{}**")
    right = right_aligned(view)
    widths = [max(3, *(_width(row[column]) for row in rows)) for column in range(len(right))]

    def line(cells: Sequence[str]) -> str:
        padded = []
        for cell, width, is_right in zip(cells, widths, right, strict=True):
            space = " " * (width - _width(cell))
            padded.append(space + cell if is_right else cell + space)
        return f"| {' | '.join(padded)} |"

    rule = [
        ("-" * (width - 1) + ":") if is_right else "-" * width for width, is_right in zip(widths, right, strict=True)
    ]
    parts = [f"**{escape_markdown(caption)}**", "", line(rows[0]), line(rule), *map(line, rows[1:])]
    return "\n".join([*parts, "", escape_markdown(note)] if note else parts) + "\n"


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: no emphasis, links, HTML or cell borders."""
    text = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*\[\]|~])", r"\\\1", text)
    # An underscore inside a word is no emphasis, and names such as water_filling are easier to read without escapes.
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)


def _width(text: str) -> int:
    """Columns that a text takes in a monospaced font."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


LATEX = {
    **{char: f"\\{char}" for char in "%_&#{}$"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
        "`": r"\textasciigrave{}",
    },
    **{"–": "--", "—": "---", "−": r"$-$", "…": r"\dots{}", "‘": "`", "’": "'", "“": "``", "”": "''", "\u00a0": "~"},
    **{"†": r"\textdagger{}", "‡": r"\textdaggerdbl{}", "§": r"\S{}", "★": r"$\star$", "✓": r"$\surd$", "→": r"$\to$"},
    **{
        "∞": r"$\infty$",
        "≤": r"$\le$",
        "≥": r"$\ge$",
        "≈": r"$\approx$",
        "×": r"$\times$",
        "·": r"$\cdot$",
        "±": r"$\pm$",
    },
    **{
        "√": r"$\surd$",
        "Σ": r"$\Sigma$",
        "∑": r"$\sum$",
        "Δ": r"$\Delta$",
        "λ": r"$\lambda$",
        "μ": r"$\mu$",
        "µ": r"$\mu$",
    },
    **{
        "θ": r"$\theta$",
        "η": r"$\eta$",
        "ν": r"$\nu$",
        "π": r"$\pi$",
        "σ": r"$\sigma$",
        "φ": r"$\varphi$",
        "ε": r"$\varepsilon$",
    },
    **{"°": r"$^\circ$", "€": "EUR"},
    **{char: f"$^{number}$" for char, number in zip("⁰¹²³⁴⁵⁶⁷⁸⁹", range(10), strict=True)},
    **{char: f"$_{number}$" for char, number in zip("₀₁₂₃₄₅₆₇₈₉", range(10), strict=True)},
}
"""How characters are written so that plain pdfLaTeX compiles them."""

ACCENTS = "\u0300\u0301\u0302\u0303\u0308\u030a\u030c\u0327\u0304\u0306\u0307\u030b"


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it is; a character it cannot know is named by its code point."""
    return "".join(_latex(char) for char in re.sub(r"[\s\x00-\x1f\x7f]+", " ", text))


def _latex(char: str) -> str:
    if char in LATEX:
        return LATEX[char]
    if char.isascii() or char in "ßæÆœŒøØłŁ":
        return char
    parts = unicodedata.normalize("NFD", char)
    accented = len(parts) == 2 and parts[0].isascii() and parts[1] in ACCENTS
    return char if accented and ord(char) < 0x180 else f"[U+{ord(char):04X}]"


def to_latex(view: pd.DataFrame, caption: str, note: str = "", *, label: str = "table") -> str:
    """A table of texts in LaTeX with booktabs rules; a wide one in several tables that repeat the first column."""
    rows = _grid(view, escape_latex, r"\textbf{{{}}}")
    right = right_aligned(view)
    parts = _parts([max(len(row[column]) for row in rows) for column in range(len(right))])
    label = re.sub("[^A-Za-z0-9.-]", "-", label)
    lines = ["% needs booktabs and graphicx"]
    for number, part in enumerate(parts, start=1):
        which = f" ({number} of {len(parts)})" if len(parts) > 1 else ""
        suffix = f"-{number}" if number > 1 else ""
        lines += [r"\begin{table}", f"\\caption{{{escape_latex(caption)}{which}}}", f"\\label{{tab:{label}{suffix}}}"]
        lines += [r"\centering\footnotesize"]
        lines += _tabular([[row[column] for column in part] for row in rows], [right[k] for k in part])
        lines += [f"\\par\\smallskip {escape_latex(note)}"] if note and number == len(parts) else []
        lines += [r"\end{table}", ""]
    return "\n".join(lines)


def _parts(widths: Sequence[int], fits: int = 120) -> list[list[int]]:
    """Columns of each part of a wide table: the first, and as many others as fit beside it (at least one)."""
    parts = [[0]]
    for column in range(1, len(widths)):
        if len(parts[-1]) > 1 and sum(min(widths[k], WRAPPED) for k in [*parts[-1], column]) > fits:
            parts.append([0])
        parts[-1].append(column)
    return parts


WRAPPED = 60
"""Characters from which a column of words is set as a paragraph."""


def _tabular(rows: list[list[str]], right: Sequence[bool]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(right))]
    kinds = [
        "r" if is_right else "p{0.55\\linewidth}" if width > WRAPPED else "l"
        for is_right, width in zip(right, widths, strict=True)
    ]
    shrinks = sum(min(width, WRAPPED) for width in widths) > 75
    # An empty group first keeps a cell that begins with a bracket from being read as the option of the line break.
    body = [f"{{}}{' & '.join(row)} \\\\" for row in rows[1:]]
    head = [f"\\begin{{tabular}}{{{''.join(kinds)}}}", r"\toprule", f"{' & '.join(rows[0])} \\\\", r"\midrule"]
    grid = [*head, *body, r"\bottomrule", r"\end{tabular}"]
    return [r"\resizebox{\linewidth}{!}{%", *grid[:-1], grid[-1] + "}"] if shrinks else grid
