"""The map: who may import whom, and what every module owes its reader.

Strategy: the sources are parsed, not run, so that an import inside a function counts as well; the list of packages, the
doctests and the docstrings are found by walking the folders, so that a new module is held to them unasked.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import tomllib
from pathlib import Path

import pytest

import commonwatt

ROOT = Path(__file__).resolve().parents[1]
ROWS = ("instances", "models", "solvers", "benchmarks")
SOURCES = sorted(path for row in ROWS for path in (ROOT / row).rglob("*.py"))


def imports(path: Path) -> list[tuple[int, str]]:
    """Level and module of every import statement; ``from . import x`` counts as module ``x``."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(node.level, node.module)] if node.module else [(node.level, alias.name) for alias in node.names]
    return found


def target(path: Path, level: int, module: str) -> tuple[str, ...]:
    """Where a relative import of a file leads, as parts below the package ``commonwatt``."""
    package = path.relative_to(ROOT).parent.parts
    assert level <= len(package) + 1, f"{path} imports from above the package"
    return (*package[: len(package) - level + 1], *module.split("."))


def upward(path: Path) -> list[str]:
    """Imports of a file that point up the map, out of it, or leave the relative form."""
    row = ROWS.index(path.relative_to(ROOT).parts[0])
    wrong = []
    for level, module in imports(path):
        if level == 0:
            if module.split(".")[0] in ("commonwatt", *ROWS):
                wrong.append(module)
        else:
            first = target(path, level, module)[0]
            if first not in ROWS or ROWS.index(first) > row:
                wrong.append("." * level + module)
    return wrong


def test_there_are_sources() -> None:
    assert len(SOURCES) > 30
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(ROWS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down_the_map_only(path: Path) -> None:
    assert not upward(path)


@pytest.mark.parametrize(
    ("where", "statement"),
    [
        ("instances/x.py", "from ..models.problem import Problem"),
        ("models/allocation/x.py", "from ...solvers import solve"),
        ("models/x.py", "from .. import solvers"),
        ("solvers/x.py", "def f():\n    from ..benchmarks.compare import compare"),
        ("solvers/x.py", "import commonwatt"),
        ("benchmarks/x.py", "from commonwatt.instances import shelf"),
        ("benchmarks/x.py", "from ..cli import main"),
        ("solvers/x.py", "import models.problem"),
    ],
)
def test_a_wrong_import_would_be_found(where: str, statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: statement)
    assert upward(ROOT / where)


def test_scripts_and_tests_name_no_bare_folder() -> None:
    """``import models.x`` would load a second copy of every class."""
    others = [path for folder in ("tests", "commonwatt", "docs") for path in (ROOT / folder).rglob("*.py")]
    bare = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in others
        for level, module in imports(path)
        if level == 0 and module.split(".")[0] in ROWS
    }
    assert not bare


def test_every_package_is_listed_and_typed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    found = ["commonwatt"]
    for row in ROWS:
        for path in sorted((ROOT / row).rglob("__init__.py")):
            found.append(".".join(("commonwatt", *path.parent.relative_to(ROOT).parts)))
    assert sorted(listed) == sorted(found)
    for path in SOURCES:
        assert (path.parent / "__init__.py").is_file(), f"{path} lies in no package"
    for folder in ("commonwatt", *ROWS):
        assert (ROOT / folder / "py.typed").is_file()


def module_names() -> list[str]:
    def fail(name: str) -> None:
        raise ImportError(f"package {name} cannot be imported")

    found = [info.name for info in pkgutil.walk_packages(commonwatt.__path__, "commonwatt.", onerror=fail)]
    for row in ROWS:
        package = importlib.import_module(f"commonwatt.{row}")
        found.append(package.__name__)
        found += [info.name for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=fail)]
    return sorted({"commonwatt", *found} - {"commonwatt.__main__"})


MODULES = module_names()


def test_the_walk_finds_every_source() -> None:
    expected = {
        ".".join(("commonwatt", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        for path in SOURCES
    }
    assert expected <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_doctests_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert result.failed == 0


def undocumented(name: str) -> list[str]:
    module = importlib.import_module(name)
    missing = [] if inspect.getdoc(module) else [name]
    for label, one in vars(module).items():
        own = getattr(one, "__module__", None) == name
        if label.startswith("_") or not own or not (inspect.isclass(one) or inspect.isfunction(one)):
            continue
        if not one.__doc__ or one.__doc__.startswith(f"{label}("):
            missing.append(f"{name}.{label}")
        if inspect.isclass(one):
            missing += [
                f"{name}.{label}.{part}"
                for part, value in vars(one).items()
                if not part.startswith("_") and inspect.isfunction(value) and not inspect.getdoc(value)
            ]
    return missing


@pytest.mark.parametrize("name", MODULES)
def test_public_names_have_docstrings(name: str) -> None:
    assert not undocumented(name)


def test_the_front_door_offers_what_it_says() -> None:
    for name in commonwatt.__all__:
        assert getattr(commonwatt, name) is not None
        assert not (ROOT / "commonwatt" / name).exists(), "a front-door name must not equal a subpackage"
        assert name not in ROWS
    assert dir(commonwatt) == commonwatt.__all__
    with pytest.raises(AttributeError, match="'commonwatt' has no attribute 'slove'"):
        _ = commonwatt.slove
    assert not hasattr(commonwatt, "instance_class")
