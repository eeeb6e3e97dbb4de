"""The menu of methods: how a method is declared, named and found."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from ..instances.fields import specs
from ..instances.record import Decision, Instance
from ..models.problem import problem, problems
from .spelling import parse_spelling, wanted_kind
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["program", "kernel", "heuristic"]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Answer:
    """What a method returns when it has more to say than its decision.

    Parameters
    ----------
    decision : Decision
        What it decided.
    prices : Decision, optional
        Shadow prices, a proposal from which the rules compute bounds.
    status : Status, optional
        What a solver said; kernels and heuristics leave it out.
    bounds : mapping of str to float
        Bounds proved by a solver's tree, by criterion.
    build_seconds : float
        Part of the run spent on stating the program rather than on solving it.
    notes : tuple of str
        What a reader of the solution should know.
    logs : mapping of str to pandas.DataFrame
        How the answer came about, for example a row for each window of a rolling horizon.
    """

    decision: Decision
    prices: Decision | None = None
    status: Status | None = None
    bounds: Mapping[str, float] = field(default_factory=dict)
    build_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    logs: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Claims:
    """What a method says of itself, and what the tests hold it to.

    Parameters
    ----------
    exact_for : frozenset of str
        Criteria whose optimum it finds.
    feasible : bool
        Whether its decisions keep all rules; False for printed variants of wrong algorithms.
    """

    exact_for: frozenset[str] = frozenset()
    feasible: bool = True


@dataclass(frozen=True)
class Method:
    """One entry on a problem's menu.

    Parameters
    ----------
    name, problem : str
        Its name and the problem it answers.
    kind : {"program", "kernel", "heuristic"}
        How it answers.
    run : callable
        ``run(instance, *, seed, time_limit_s, **options) -> Decision | Answer``; ``seed`` and ``time_limit_s`` are
        passed only where declared.
    claims : Claims
        What it claims with any options but those of a variant.
    variants : mapping of str to Claims
        Options under which it claims something else, spelled ``"variant='printed'"``; each is a row of its own in
        comparisons.
    size_limit : int, optional
        Cells of the instance (:func:`cells`) beyond which a program is known to exceed a minute.
    """

    name: str
    problem: str
    kind: Kind
    run: Callable[..., Any]
    claims: Claims
    variants: Mapping[str, Claims] = field(default_factory=dict)
    size_limit: int | None = None

    @cached_property
    def options(self) -> dict[str, Any]:
        """Options by name, with their defaults."""
        parameters = list(inspect.signature(self.run).parameters.values())[1:]
        return {p.name: p.default for p in parameters if p.name not in ("seed", "time_limit_s")}

    def takes(self, name: str) -> bool:
        """Whether ``run`` declares a parameter of this name."""
        return name in inspect.signature(self.run).parameters

    @property
    def summary(self) -> str:
        """First line of its description."""
        return (inspect.getdoc(self.run) or "").partition("\n")[0]

    @cached_property
    def digest(self) -> str:
        """Digest of the file that declares it, or of its byte code; tells an edited method from its former self."""
        run = inspect.unwrap(self.run)
        file = inspect.getsourcefile(run) if inspect.isfunction(run) else None
        digest = hashlib.sha256(f"{self.name} {getattr(run, '__qualname__', '')}".encode())
        if file is not None and Path(file).is_file():
            digest.update(Path(file).read_bytes())
        elif inspect.isfunction(run):
            digest.update(run.__code__.co_code + repr(run.__code__.co_names).encode())
            digest.update(repr([one for one in run.__code__.co_consts if not inspect.iscode(one)]).encode())
        if inspect.isfunction(run):
            # Two methods made by one factory differ in nothing but what they closed over.
            digest.update(repr([cell.cell_contents for cell in run.__closure__ or ()]).encode())
            digest.update(repr((run.__defaults__, run.__kwdefaults__)).encode())
        return digest.hexdigest()[:12]


@dataclass(frozen=True)
class Call:
    """A method with its options, written ``"greedy(service_level=0.5)"``."""

    method: Method
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How it is written: the name alone where no option is set."""
        if not self.options:
            return self.method.name
        options = ", ".join(f"{name}={value!r}" for name, value in sorted(self.options.items()))
        return f"{self.method.name}({options})"

    @property
    def claims(self) -> Claims:
        """What is claimed with these options."""
        for spelling, claims in self.method.variants.items():
            if parse_spelling(f"_({spelling})")[1].items() <= dict(self.options).items():
                return claims
        return self.method.claims


_MENUS: dict[str, dict[str, Method]] = {}


def method(
    problem_name: str,
    *,
    kind: Kind = "heuristic",
    exact_for: Collection[str] = (),
    feasible: bool = True,
    variants: Mapping[str, Claims] | None = None,
    size_limit: int | None = None,
    name: str | None = None,
) -> Callable[[F], F]:
    """Put a function on the menu of a problem; works in a user's script as on the project's own menus.

    Parameters
    ----------
    problem_name : str
        The problem, for example ``"allocation"``.
    kind : {"program", "kernel", "heuristic"}
        How it answers.
    exact_for : collection of str
        Criteria whose optimum it claims to find.
    feasible : bool
        Whether its decisions keep all rules.
    variants : mapping of str to Claims, optional
        Options under which it claims something else, spelled ``"variant='printed'"``; the first that fits counts.
    size_limit : int, optional
        Cells beyond which a program is not run by comparisons and experiments.
    name : str, optional
        Name on the menu; the function's own by default.

    Returns
    -------
    callable
        A decorator that returns the function unchanged.

    Raises
    ------
    ValueError
        For an unknown problem, criterion or kind, a name that is taken or cannot be spelled, an option without a
        default, or a size limit of anything but a program.
    """

    def register(function: F) -> F:
        found = problem(problem_name)
        claims = Claims(frozenset(exact_for), feasible)
        for one in (claims, *(variants or {}).values()):
            for criterion in one.exact_for:
                found.criterion(criterion)
        if kind not in get_args(Kind):
            raise ValueError(f"unknown kind {kind!r}; known: {', '.join(get_args(Kind))}")
        chosen_name = name or function.__name__
        if not chosen_name.isidentifier():
            raise ValueError(f"{chosen_name!r} cannot be spelled as a method; give name= letters, digits and _")
        _check_signature(chosen_name, function)
        if size_limit is not None and kind != "program":
            raise ValueError("only a program may declare a size limit: kernels and heuristics run on every instance")
        entry = Method(chosen_name, problem_name, kind, function, claims, dict(variants or {}), size_limit)
        for spelling in entry.variants:
            call(problem_name, entry, **parse_spelling(f"_({spelling})")[1])
        menu_ = menu(problem_name) if _is_foreign(function) else _MENUS.setdefault(problem_name, {})
        earlier = menu_.get(entry.name)
        if earlier is not None and not (_is_foreign(earlier.run) and earlier.run.__module__ == function.__module__):
            raise ValueError(f"{problem_name} has a method {entry.name!r} already; choose another name")
        menu_[entry.name] = entry
        return function

    return register


def _check_signature(name: str, function: Callable[..., Any]) -> None:
    """A method takes the instance, then options that each have a name and a default."""
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise ValueError(f"method {name!r} must take the instance as its first parameter")
    for one in parameters[1:]:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            raise ValueError(f"method {name!r} declares {one}; name its options one by one")
        if one.default is one.empty and one.name not in ("seed", "time_limit_s"):
            raise ValueError(f"option {one.name!r} of method {name!r} needs a default")


def _is_foreign(function: Callable[..., Any]) -> bool:
    """Whether a function comes from outside the project, for example a user's script."""
    return not function.__module__.startswith(f"{__package__}.")


def menu(problem_name: str) -> dict[str, Method]:
    """All methods of a problem by name.

    Raises
    ------
    ValueError
        For an unknown problem.
    """
    found = problem(problem_name)
    importlib.import_module(f"{__package__}.{found.family}")
    return _MENUS.setdefault(problem_name, {})


def call(problem_name: str, spelling: str | Method | Call, **options: Any) -> Call:
    """Read ``"name"`` or ``"name(option=value)"`` and check its options.

    Parameters
    ----------
    problem_name : str
        Whose menu is meant.
    spelling : str, Method or Call
        The method; options in the text are Python literals.
    **options
        Further options, over those of the text.

    Returns
    -------
    Call

    Raises
    ------
    ValueError
        For an unknown method or option, naming the known ones, or a text that cannot be read.
    """
    if isinstance(spelling, Call):
        chosen, given = spelling.method, dict(spelling.options)
    elif isinstance(spelling, Method):
        chosen, given = spelling, {}
    else:
        name, given = parse_spelling(str(spelling))
        known = menu(problem_name)
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"unknown method {name!r} of {problem_name}{hint}; known: {', '.join(known)}")
        chosen = known[name]
    given |= options
    for option, value in given.items():
        if option not in chosen.options:
            valid = ", ".join(chosen.options) or "none"
            raise ValueError(f"method {chosen.name!r} has no option {option!r}; valid: {valid}")
        default = chosen.options[option]
        kind = wanted_kind(default, value)
        if kind:
            raise ValueError(f"option {option!r} of method {chosen.name!r} must be {kind}, not {value!r}")
    return Call(chosen, given)


def default_calls(problem_name: str) -> list[Call]:
    """Every method of a problem with its default options, and each of its variants."""
    calls = []
    for entry in menu(problem_name).values():
        calls.append(Call(entry))
        calls.extend(call(problem_name, f"{entry.name}({spelling})") for spelling in entry.variants)
    return calls


def exact_kernels(problem_name: str) -> list[Call]:
    """Kernels that claim some optimum with their default options: quick enough to be asked for bounds at any time."""
    # The project's own only: a user's method may call solve itself, and need not be quick.
    entries = [entry for entry in menu(problem_name).values() if not _is_foreign(entry.run)]
    return [Call(entry) for entry in entries if entry.kind == "kernel" and entry.claims.exact_for]


def methods(problem_name: str | None = None) -> pd.DataFrame:
    """All methods on the menus.

    Parameters
    ----------
    problem_name : str, optional
        A problem or a family; all otherwise.

    Returns
    -------
    pandas.DataFrame
        Columns ``family``, ``problem``, ``method``, ``kind``, ``exact_for``, ``feasible``, ``options``, ``summary``; a
        variant that claims something else has a row of its own.

    Raises
    ------
    ValueError
        For an unknown problem or family.
    """
    import pandas as pd

    named = [found.name for found in problems() if problem_name in (None, found.name, found.family)]
    names = named or [problem(str(problem_name)).name]
    rows = [
        {
            "family": name.partition(".")[0],
            "problem": name,
            "method": chosen.label,
            "kind": chosen.method.kind,
            "exact_for": " ".join(sorted(chosen.claims.exact_for)),
            "feasible": chosen.claims.feasible,
            "options": ", ".join(f"{option}={default!r}" for option, default in chosen.method.options.items()),
            "summary": chosen.method.summary,
        }
        for name in names
        for chosen in default_calls(name)
    ]
    return pd.DataFrame(rows)


def cells(instance: Instance) -> int:
    """Size of an instance for size limits: the length of its longest table."""
    sizes = instance.sizes
    longest = 1
    for spec in _array_specs(instance):
        length = 1
        for axis in spec:
            length *= sizes[axis]
        longest = max(longest, length)
    return longest


def _array_specs(instance: Instance) -> list[tuple[str, ...]]:
    return [
        spec.index for name, spec in specs(type(instance)).items() if spec.index and getattr(instance, name) is not None
    ]
