"""The one decorator under which every compiled kernel of the project stands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])
STAMP = "sources.stamp"


def drop_stale_cache(folder: Path) -> None:
    """Delete what numba cached of kernels in a folder if any of its files was changed since.

    Numba compiles a function anew when its own file changes, but not when a function that it calls, and has compiled
    into itself, changes in another file: without this, edited code would go on running as it was.

    Parameters
    ----------
    folder : Path
        Where the kernels' sources lie, with ``__pycache__`` beside them.
    """
    cache = folder / "__pycache__"
    files = sorted(folder.glob("*.py"))
    now = "\n".join(f"{path.name} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in files)
    stamp = cache / STAMP
    with suppress(OSError):
        # Where nothing can be written, nothing was cached here either.
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == now:
            return
        cache.mkdir(exist_ok=True)
        for stale in cache.glob("*.nb[ic]"):
            stale.unlink(missing_ok=True)
        stamp.write_text(now, encoding="utf-8")


drop_stale_cache(Path(__file__).parent)


def njit(**options: Any) -> Callable[[F], F]:
    """Compile with numba, cached on disk where a cache can be written and in memory where not.

    Parameters
    ----------
    **options
        Passed on to :func:`numba.njit`, for example ``parallel=True`` or ``fastmath=True`` (reductions only:
        fastmath assumes that no infinity is met).

    Returns
    -------
    Callable
        A decorator. Callers pass contiguous writable arrays: numba treats a read-only array as another type
        and would compile a second time.
    """

    def decorate(function: F) -> F:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:
            # Numba raises at import where neither the source folder nor the user's cache folder can be written.
            return numba.njit(**options)(function)

    return decorate
