"""How methods are spelled: a name, and options as Python literals of the kinds of their defaults."""

from __future__ import annotations

import ast
from numbers import Integral, Real
from typing import Any


def wanted_kind(default: Any, value: Any) -> str:
    """What a value had to be to replace a default, or nothing where it may; None stands for nothing given."""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "True or False"
    if isinstance(default, str):
        return "" if isinstance(value, str) else "a text"
    if isinstance(default, Real):
        kind, words = (Integral, "a whole number") if isinstance(default, Integral) else (Real, "a number")
        return "" if isinstance(value, kind) and not isinstance(value, bool) else words
    return ""


def parse_spelling(spelling: str) -> tuple[str, dict[str, Any]]:
    """Name and options of ``"name"`` or ``"name(option=value, …)"``, values being Python literals.

    Raises
    ------
    ValueError
        For a text that cannot be read.
    """
    wrong = ValueError(f"cannot read the method {spelling!r}; write name or name(option=value, …)")
    try:
        tree = ast.parse(spelling.strip(), mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id, {}
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or tree.args:
            raise wrong
        options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in tree.keywords if keyword.arg is not None}
        if len(options) < len(tree.keywords):
            raise wrong
        return tree.func.id, options
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise wrong from None
