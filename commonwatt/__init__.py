"""Optimisation modelling for energy communities.

Every problem is stated as a mathematical program, solved also by a fast kernel of its own, checked by rules that know
neither, and set beside the heuristics that people use ::

    import commonwatt as cw

    community = cw.load("allocation/texas-443")
    solution = cw.solve(community)
    cw.compare(community)

Names are looked up when they are first used, so that importing the package costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING

__all__ = [
    "InfeasibleError",
    "InstanceError",
    "NotApplicable",
    "__version__",
    "certify",
    "check",
    "compare",
    "library",
    "load",
    "load_solution",
    "method",
    "methods",
    "save",
    "settlement_of",
    "solve",
]

if TYPE_CHECKING:
    from .benchmarks.compare import compare
    from .instances.errors import InfeasibleError, InstanceError, NotApplicable
    from .instances.shelf import library, load, save
    from .solvers.certificates import certify
    from .solvers.method import method, methods
    from .solvers.settlement_sources import settlement_of
    from .solvers.solution import load_solution
    from .solvers.solve import check, solve

    __version__: str
else:
    _WHERE = {
        "InfeasibleError": "instances.errors",
        "InstanceError": "instances.errors",
        "NotApplicable": "instances.errors",
        "certify": "solvers.certificates",
        "check": "solvers.solve",
        "compare": "benchmarks.compare",
        "library": "instances.shelf",
        "load": "instances.shelf",
        "load_solution": "solvers.solution",
        "method": "solvers.method",
        "methods": "solvers.method",
        "save": "instances.shelf",
        "settlement_of": "solvers.settlement_sources",
        "solve": "solvers.solve",
    }

    def __getattr__(name):
        if name == "__version__":
            from importlib.metadata import version

            return version(__name__)
        if name in _WHERE:
            return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
        try:
            return importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

    def __dir__():
        return __all__
