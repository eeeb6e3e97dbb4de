"""HiGHS without its greeting: version 1.16 prints two lines to the process's output when first used, past Python."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import highspy


@cache
def greet_nobody() -> None:
    """Let HiGHS print its greeting to nowhere, once a process, so that output such as JSON stays whole."""
    import highspy

    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:
        return  # there is no output to be kept clean
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        highspy.Highs().setOptionValue("output_flag", False)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def quiet_highs(**options: Any) -> highspy.Highs:
    """A HiGHS that prints nothing, on one thread.

    Parameters
    ----------
    **options
        Options of HiGHS.

    Returns
    -------
    highspy.Highs

    Raises
    ------
    ValueError
        For an option that HiGHS would print an error about and then ignore.
    """
    import highspy

    greet_nobody()
    made = highspy.Highs()
    for name, value in {"output_flag": False, "threads": 1, **options}.items():
        if made.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise ValueError(f"HiGHS has no option {name!r} that may be {value!r}")
    return made
