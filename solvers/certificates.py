"""Certificates of Stackelberg games: how far followers and leader are from having nothing to gain, found anew.

What a solution says of itself is not believed: each follower is solved again by itself at the leader's prices, the
leader is held against a bound that somebody else proved, and a program with constants is solved once more with
constants ten times as large. A constant that is too small restricts the leader without a word; here it shows.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..models.problem import problem_of
from .certificate_findings import CERTIFIABLE
from .solution import Solution

if TYPE_CHECKING:
    import pandas as pd

FOLLOWERS = 1e-6
"""What a follower may forgo, in units of what it trades."""

LEADER = 1e-6
"""What the leader may be below its bound, relative to it."""

NOTHING = 1e-9
"""Money that nobody misses, where everything is worth nothing."""

STRETCHED = 10.0
"""Factor on a program's constants under which its optimum must not change."""


@dataclass(frozen=True)
class EpsilonCertificate:
    """How nearly a solution of a Stackelberg game is an equilibrium.

    Parameters
    ----------
    instance, method : str
        What was solved, and how.
    followers_epsilon : float, currency
        The most that any follower could gain by itself, all of them solved again.
    followers_size : float, currency
        What that follower trades, to which its gain is relative.
    sense : {"max", "min"}
        Which way the leader's criterion is better.
    leader_value : float
        The criterion where followers' ties suit the leader.
    pessimistic : float
        The same where they do not; equal to it where answers are unique.
    bound : float
        What no leader can beat; NaN without one.
    bound_by : str
        Who proved it.
    leader_epsilon : float
        Bound less value, not negative but for roundings.
    ties_matter : bool
        Whether the optimistic and the pessimistic value differ.
    complementarity : float
        Greatest product of a quantity and its price, NaN where answers are in closed form.
    price_use : float
        Greatest use of a declared bound of prices in the program, NaN where the method has none.
    stated, stretched : float, currency
        The program's optimum with its constants, and with ten times as large ones; NaN where the method has none.
    welfare : mapping of str to float
        Leader, followers and total, currency.
    constants : pandas.DataFrame or None
        Bounds and their use, a row for each complementarity.
    """

    instance: str
    method: str
    followers_epsilon: float
    followers_size: float
    sense: str
    leader_value: float
    pessimistic: float
    bound: float
    bound_by: str
    leader_epsilon: float
    ties_matter: bool
    complementarity: float
    price_use: float
    stated: float
    stretched: float
    welfare: Mapping[str, float]
    constants: pd.DataFrame | None = field(default=None, repr=False, compare=False)

    @property
    def followers_content(self) -> bool:
        """Whether no follower gains more than the tolerance."""
        return self.followers_epsilon <= FOLLOWERS * max(self.followers_size, 1e-12)

    @property
    def leader_content(self) -> bool:
        """Whether the leader is at its bound."""
        size = max(abs(self.bound), abs(self.leader_value), self.followers_size)
        return abs(self.leader_epsilon) <= LEADER * size + NOTHING

    @property
    def constants_hold(self) -> bool:
        """Whether larger constants change nothing; true for methods that have none."""
        if math.isnan(self.stated):
            return True
        return abs(self.stretched - self.stated) <= 1e-6 * max(abs(self.stated), abs(self.stretched), 1e-3)

    @property
    def ok(self) -> bool:
        """Whether it certifies an equilibrium: followers and leader content, and constants that hold."""
        return self.followers_content and self.leader_content and self.constants_hold

    def row(self) -> dict[str, Any]:
        """One row of a table."""
        names = ("method", "followers_epsilon", "leader_value", "pessimistic", "bound", "leader_epsilon")
        shown = {name: getattr(self, name) for name in (*names, "price_use", "stretched")}
        return shown | {f"welfare_{name}": value for name, value in self.welfare.items()} | {"certified": self.ok}

    def __str__(self) -> str:
        verdict = "certified" if self.ok else "not certified"
        lines = [f"{self.instance} by {self.method}: {verdict}"]
        lines.append(f"  followers gain at most {self.followers_epsilon:.3g} of {self.followers_size:.3g}")
        limit = "at most" if self.sense == "max" else "at least"
        lines.append(f"  leader has {self.leader_value:.6g}, {limit} {self.bound:.6g} ({self.bound_by or 'no bound'})")
        lines.append(f"  where ties do not suit it {self.pessimistic:.6g}")
        if not math.isnan(self.stated):
            lines.append(f"  constants: {self.price_use:.2g} used; {self.stated:.6g}, stretched {self.stretched:.6g}")
        return "\n".join(lines)


def certify(
    solution: Solution,
    *,
    others: Collection[Solution] = (),
    price_factor: float = 1.0,
    time_limit_s: float | None = None,
) -> EpsilonCertificate:
    """Certify a solution of a Stackelberg game, by solving followers again and by bounds that others proved.

    Parameters
    ----------
    solution : Solution
        Of :func:`commonwatt.solve`; its own account of itself is not used.
    others : collection of Solution
        Of the same instance by other methods; the tightest bound that any of them proved counts.
    price_factor : float
        Factor on the proven constants that the solution's program was stated with, 1 unless somebody changed it.
    time_limit_s : float, optional
        For each program that is solved again.

    Returns
    -------
    EpsilonCertificate

    Raises
    ------
    TypeError
        For anything but a solution.
    ValueError
        If the solution is of no game that has certificates, naming those that have, or another one is of another
        instance.
    """
    if not isinstance(solution, Solution):
        raise TypeError(f"expected a solution (cw.solve(…) makes one), got {type(solution).__name__}")
    name = solution.instance.problem
    if name not in CERTIFIABLE:
        raise ValueError(f"{name} has no certificate; games that have: {', '.join(CERTIFIABLE)}")
    found = CERTIFIABLE[name](solution)
    criterion = problem_of(solution.instance).criteria[0]
    value = criterion.value(solution.instance, solution.decision)
    bound, bound_by = _bound(solution, criterion.name, others)
    worst = int(np.argmax(found.gains / np.maximum(found.sizes, 1e-300))) if found.gains.size else 0
    constants, stated, stretched = _constants(solution, price_factor, time_limit_s)
    return EpsilonCertificate(
        instance=solution.instance.meta.name,
        method=solution.method,
        followers_epsilon=float(max(found.gains.flat[worst], 0.0)) if found.gains.size else 0.0,
        followers_size=float(found.sizes.flat[worst]) if found.gains.size else 0.0,
        sense=criterion.sense,
        leader_value=value,
        pessimistic=found.pessimistic,
        bound=bound,
        bound_by=bound_by,
        leader_epsilon=criterion.sign * (bound - value),
        ties_matter=bool(abs(value - found.pessimistic) > 1e-7 * max(abs(value), abs(found.pessimistic), 1e-3)),
        complementarity=found.complementarity,
        price_use=float(constants["price_use"].max()) if constants is not None else math.nan,
        stated=stated,
        stretched=stretched,
        welfare=found.welfare,
        constants=constants,
    )


def _bound(solution: Solution, criterion: str, others: Collection[Solution]) -> tuple[float, str]:
    """The tightest bound of the leader's criterion, by the rules or a tree."""
    found = problem_of(solution.instance).criterion(criterion)
    bound, by = math.nan, ""
    for one in (solution, *others):
        if one.instance != solution.instance:
            raise ValueError(f"the solution by {one.method} is of {one.instance.meta.name}, another instance")
        of_whom = "" if one is solution else f" ({one.method})"
        for proved, who in (
            (one.report.bounds.get(criterion, math.nan), "weak duality"),
            (one.tree_bounds.get(criterion, math.nan), "the solver's tree"),
        ):
            if not by or found.tighter(proved, bound):
                bound, by = proved, who + of_whom
    return bound, by


def _constants(
    solution: Solution, price_factor: float, time_limit_s: float | None
) -> tuple[pd.DataFrame | None, float, float]:
    """Use of the constants of a solution's program, its optimum, and that with constants ten times as large."""
    instance: Any = solution.instance
    name, options = solution.method.partition("(")[0], solution.options
    if (instance.problem, name) in (("stackelberg.tariff", "bilevel"), ("stackelberg.tariff", "strict")):
        from .tariff_runs import solve_bilevel

        margin = float(options.get("margin", 0.0))
        found = [
            solve_bilevel(instance, margin=margin, price_factor=factor, time_limit_s=time_limit_s)
            for factor in (price_factor, STRETCHED * price_factor)
        ]
        return found[0].program.table(), found[0].profit, found[1].profit
    if (instance.problem, name) == ("stackelberg.operator", "price_menu"):
        return _constants_of_pricing(instance, int(options["levels"]), price_factor, time_limit_s)
    return None, math.nan, math.nan


def _constants_of_pricing(
    instance: Any, levels: int, price_factor: float, time_limit_s: float | None
) -> tuple[pd.DataFrame, float, float]:
    import pandas as pd

    from .operator_runs import solve_pricing

    tables, sums = [], [0.0, 0.0]
    for t, label in enumerate(instance.interval):
        menu = np.linspace(instance.feed_in_price[t], instance.retail_price[t], levels)
        for k, factor in enumerate((price_factor, STRETCHED * price_factor)):
            found = solve_pricing(instance, t, menu, price_factor=factor, time_limit_s=time_limit_s)
            sums[k] += found.profit
            if k == 0:
                tables.append(found.program.table().assign(interval=str(label)))
    return pd.concat(tables, ignore_index=True), sums[0], sums[1]
