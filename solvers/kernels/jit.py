"""The one decorator under which every compiled kernel of the project stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


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
