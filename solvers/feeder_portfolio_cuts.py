"""Portfolios on a feeder by cuts: the program of the portfolio, and tangents of what load flows break.

Each linear program proposes a schedule, load flows of all scenarios and intervals say which limits it breaks, and
tangents of these limits, by exact sensitivities, become rows of the next. Where a tangent has a price and its limit is
not reached, it holds back what is allowed and is replaced by one at the schedule.

The last digits come slowly where many schedules cost nearly the same. Once limits are broken by little, all rows are
tightened by a little more than that, which gives a schedule that keeps them, and it is moved towards the last proposal
as far as load flows allow.

Source: Kelley, *The cutting-plane method for solving convex programs* (1960); the paper's loop returns clamps instead.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..instances.adjustment import AdjustmentInstance
from ..instances.errors import InfeasibleError, NoFlowError, NotApplicable
from ..instances.feeder_portfolio import FeederPortfolioInstance
from ..instances.fields import specs
from ..models.aggregator.feeder_portfolio import FeederPortfolioDecision, FeederPortfolioPrices
from ..models.aggregator.feeder_portfolio_program import load_range_kw
from ..models.aggregator.portfolio import PortfolioDecision, PortfolioPrices
from ..models.aggregator.portfolio_arrays import assemble_portfolio
from ..models.linear_program import LinearProgram
from .adjustment_runs import adjusted, explained
from .array_programs import ArraySolution, solve_arrays
from .feeder_limits import Limits, Tangents
from .kernels.load_flow import voltage_sensitivity
from .method import Answer
from .portfolio_reading import both_ways, decision_of_arrays
from .portfolio_runs import prices_of, suited
from .program_runs import Watch, timed
from .status import Status

ROUNDS = 60
"""Greatest number of linear programs with new tangents."""

PATIENCE = 12
"""Linear programs after which being nearly there is enough."""

CLOSE = 1e-3
"""By what part of a limit a schedule may then break it."""

OVER = 1.2
"""By how much more than what was broken rows are tightened."""

REPAIRS = 10
"""Greatest number of times that rows are tightened."""

HALVINGS = 20
"""Of the way between a schedule that keeps all limits and one that does not."""

AIM = 1e-9
"""What a limit may be missed by in the end, relative to it."""

PRICED = 1e-9
"""What a tangent's dual has to be for it to hold back anything."""

NEAR_VOLTAGE, NEAR_CURRENT = 0.02, 0.3
"""Parts of their limits within which another schedule may reach them."""

MOST = 40
"""Tangents of one scenario and interval in one round: those of the limits that are broken most."""


class Network:
    """A portfolio's program and its feeder's limits.

    Parameters
    ----------
    instance : FeederPortfolioInstance
        What is given.
    """

    def __init__(self, instance: FeederPortfolioInstance) -> None:
        self.instance, self.limits = instance, Limits.of_feeder(instance)
        self.program = assemble_portfolio(instance)
        self.shape = (len(instance.scenario), len(instance.interval), len(instance.load))
        self.fixed_kw = ((instance.load_kw - instance.generation_kw) @ instance.member_at.T).reshape(-1, self.shape[2])
        self.draws = self._draws()

    def _draws(self) -> sparse.csr_array:
        """How columns of the program add to net loads, (S T L, columns)."""
        given, (_, intervals, loads) = self.instance, self.shape
        row, column, value = [], [], []
        for name, at_load, sign in (
            ("charge", given.connected_at[given.storage_of], 1.0),
            ("discharge", given.connected_at[given.storage_of], -1.0),
            ("curtailed", given.connected_at, 1.0),
        ):
            block = self.program.columns[name]
            s, t, i = block.at.T
            row.append((s * intervals + t) * loads + at_load[i])
            column.append(block.places)
            value.append(np.full(len(block.at), sign))
        size = int(np.prod(self.shape)), len(self.program.cost)
        entries = np.concatenate(value), (np.concatenate(row), np.concatenate(column))
        return sparse.csr_array(sparse.coo_array(entries, shape=size))

    def net_load_kw(self, point: np.ndarray) -> np.ndarray:
        """What loads draw at a point of the program, (S T, L) kW."""
        return np.asarray(self.fixed_kw + (self.draws @ point).reshape(-1, self.shape[2]))

    def add(
        self, cuts: Tangents, net_kw: np.ndarray, excess: np.ndarray, chosen: np.ndarray, *, most: int = MOST
    ) -> None:
        """Add tangents at net loads of the chosen limits (S T, m), in each sample those that are broken most."""
        for k in np.flatnonzero(chosen.any(axis=1)):
            state = voltage_sensitivity(self.instance, net_kw[k])
            order = np.argsort(-np.where(chosen[k], excess[k], -np.inf), kind="stable")
            cuts.add(self.limits, state, net_kw[k], order[: min(most, int(chosen[k].sum()))], int(k))

    def loose(self, cuts: Tangents, found: ArraySolution, excess: np.ndarray) -> np.ndarray:
        """Limits, (S T, m) of bool, whose tangents have a price though they are not reached."""
        marked = np.zeros(excess.shape, bool)
        priced = found.duals[len(self.program.row_low) :] < -PRICED
        for k in np.flatnonzero(priced):
            at = cuts.sample[k], cuts.which[k]
            marked[at] = excess[at] < -AIM
        return marked

    def flowing(self, net_kw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Net loads, pulled towards those without storages until there is a flow, and their excesses."""
        for _ in range(HALVINGS):
            try:
                return net_kw, self.limits.excesses(net_kw)
            except NoFlowError:
                net_kw = 0.5 * (net_kw + self.fixed_kw)
        return net_kw, self.limits.excesses(net_kw)

    def near(self, excess: np.ndarray) -> np.ndarray:
        """Limits, (S T, m) of bool, that another schedule may reach: voltages within 2 %, currents within 30 %."""
        close = np.full(excess.shape[1], NEAR_CURRENT)
        close[: 2 * self.shape[2]] = NEAR_VOLTAGE
        return np.asarray(excess > -close)

    def keeps(self, point: np.ndarray) -> bool:
        """Whether load flows of a point break no limit."""
        return bool((self.limits.excesses(self.net_load_kw(point)) <= AIM).all())

    def towards(self, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
        """The furthest point on the way from one that keeps all limits to one that does not, by halving."""
        kept, left = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = 0.5 * (kept + left)
            if self.keeps(inside + middle * (outside - inside)):
                kept = middle
            else:
                left = middle
        return np.asarray(inside + kept * (outside - inside))

    def with_cuts(self, cuts: Tangents, tighter: float) -> LinearProgram:
        """The program with tangents, each tightened by a part of its limit."""
        if not cuts.row:
            return self.program
        loads = self.shape[2]
        rows = np.repeat(np.arange(len(cuts.row)), loads)
        columns = (np.array(cuts.sample)[:, None] * loads + np.arange(loads)).ravel()
        by_load = sparse.coo_array(
            (np.concatenate(cuts.row), (rows, columns)), shape=(len(cuts.row), self.draws.shape[0])
        ).tocsr()
        size = self.limits.size[cuts.which]
        most = np.array(cuts.most) - by_load @ self.fixed_kw.ravel() - tighter * size
        program = self.program
        return dataclasses.replace(
            program,
            matrix=sparse.csc_array(sparse.vstack([program.matrix, by_load @ self.draws])),
            row_low=np.concatenate([program.row_low, np.full(len(most), -np.inf)]),
            row_high=np.concatenate([program.row_high, most]),
        )


@dataclass(frozen=True)
class Found:
    """What linear programs with tangents came to.

    Parameters
    ----------
    best : (columns,) array or None
        The best point whose load flows break nothing.
    first : ArraySolution
        Of the program without tangents.
    proposed : float, currency
        Objective of the last program, which no schedule is better than as far as tangents are right.
    rounds : int
        Linear programs that were solved.
    """

    best: np.ndarray | None
    first: ArraySolution
    proposed: float
    rounds: int


def with_tangents(network: Network, watch: Watch, *, rounds: int = ROUNDS, begin_kw: np.ndarray | None = None) -> Found:
    """Solve linear programs with tangents until load flows break no limit.

    Parameters
    ----------
    network : Network
        Portfolio and feeder.
    watch : Watch
        Time for all of them.
    rounds : int
        Greatest number of times that tangents are added.
    begin_kw : (S T, L) array, kW, optional
        Net loads at which all limits have a tangent from the beginning.

    Returns
    -------
    Found

    Raises
    ------
    NotApplicable
        If time is over before any schedule keeps all limits.
    InfeasibleError
        If no schedule keeps all tangents, or there is no flow even without storages.
    """
    cost, cuts = network.program.cost, Tangents()
    first = last = _solved(network, cuts, 0.0, watch)
    if begin_kw is not None:
        excess = network.limits.excesses(begin_kw)
        network.add(cuts, begin_kw, excess, np.ones(excess.shape, bool), most=excess.shape[1])
        last = _solved(network, cuts, 0.0, watch)
    best: np.ndarray | None = None
    seen, worst, count = np.zeros(len(network.fixed_kw), bool), np.inf, 0
    while count < rounds:
        proposed = network.net_load_kw(last.point)
        net, excess = network.flowing(proposed)
        broken, loose = excess > AIM, network.loose(cuts, last, excess)
        worst = float(excess.max())
        if not broken.any() and net is proposed and (best is None or last.objective < float(cost @ best)):
            best = last.point
        if not (broken.any() or loose.any()) or (worst <= CLOSE and count >= PATIENCE):
            break
        cuts.drop(loose)
        # A sample that breaks something for the first time gets tangents of all that is near: the next proposal would
        # break that instead.
        new = broken.any(axis=1) & ~seen
        seen |= new
        network.add(cuts, net, excess, broken | loose | (network.near(excess) & new[:, None]))
        last, count = _solved(network, cuts, 0.0, watch), count + 1
    tighter = 0.0
    for _ in range(REPAIRS if best is None else 0):
        tighter += OVER * max(worst, AIM)
        inside = _solved(network, cuts, tighter, watch).point
        net = network.net_load_kw(inside)
        excess = network.limits.excesses(net)
        worst = float(excess.max())
        if worst <= AIM:
            best = network.towards(inside, last.point)
            break
        network.add(cuts, net, excess, excess > AIM)
    return Found(best, first, last.objective, count)


def run_cuts(instance: FeederPortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """Tangents until limits are kept, with the portfolio's prices without its feeder, which bound it with its feeder.

    Raises
    ------
    NotApplicable
        If reserves have a least size, time is over, or limits stay broken.
    InfeasibleError
        If no schedule keeps all tangents.
    """
    _refuse_least_reserve(instance)
    watch = Watch.start(time_limit_s)
    network, seconds = timed(lambda: Network(instance))
    try:
        found = with_tangents(network, watch)
    except InfeasibleError:
        raise InfeasibleError(why_short(network, "no schedule was found that keeps")) from None
    if found.best is None:
        raise NotApplicable(f"limits of the feeder stay broken after {found.rounds} rounds of tangents; see same_part")
    decision = read(network, found.best)
    prices = portfolio_prices(network, found.first)
    return Answer(decision, prices, build_seconds=seconds, notes=both_ways(decision))


def changes_of(instance: FeederPortfolioInstance, net_kw: np.ndarray, chosen: np.ndarray) -> AdjustmentInstance:
    """Chosen samples of net loads (S T, L), each to be adjusted by itself within what loads can draw and send."""
    least, greatest = (one.reshape(net_kw.shape) for one in load_range_kw(instance))
    return AdjustmentInstance.of_feeder(
        instance,
        sample=instance.sample[chosen],
        net_load_kw=net_kw[chosen],
        reducible_kw=np.maximum(net_kw - least, 0.0)[chosen],
        raisable_kw=np.maximum(greatest - net_kw, 0.0)[chosen],
    )


def why_short(network: Network, verdict: str) -> str:
    """Why no schedule keeps the feeder's limits: the first interval that cannot alone, or that all cannot together."""
    every = np.arange(len(network.fixed_kw))
    alone = changes_of(network.instance, network.fixed_kw, every)
    found = adjusted(alone)
    for s in np.flatnonzero(found.short)[:1]:
        return explained(alone, int(s), found.change_kw[s], verdict)
    return (
        f"{verdict} all limits of the feeder: each interval could keep them by itself, but storages cannot do one "
        "after the other what that takes; let them hold more, or strengthen the feeder"
    )


def run_no_feeder(instance: FeederPortfolioInstance, *, time_limit_s: float | None = None) -> Answer:
    """The portfolio as if there were no feeder.

    Raises
    ------
    NotApplicable
        If reserves have a least size, or time is over.
    """
    _refuse_least_reserve(instance)
    network = Network(instance)
    found = _solved(network, Tangents(), 0.0, Watch.start(time_limit_s))
    return Answer(read(network, found.point), portfolio_prices(network, found))


def _refuse_least_reserve(instance: FeederPortfolioInstance) -> None:
    if instance.least_reserve_kw > 0:
        raise NotApplicable("reserves have a least size, which takes whole numbers; tangents have none")


def _solved(network: Network, cuts: Tangents, tighter: float, watch: Watch) -> ArraySolution:
    program = network.with_cuts(cuts, tighter)
    found = solve_arrays(program, time_limit_s=watch.left(), **suited(program))
    if found is None or found.status is not Status.OPTIMAL:
        raise NotApplicable("time is over before limits of the feeder are kept; allow more time")
    return found


def read(network: Network, point: np.ndarray) -> FeederPortfolioDecision:
    """A decision out of a point of the portfolio's program."""
    plain = decision_of_arrays(network.instance, network.program, point)
    fields = {one: getattr(plain, one) for one in specs(PortfolioDecision)}
    return FeederPortfolioDecision(instance=network.instance, **fields)


def portfolio_prices(network: Network, found: ArraySolution) -> FeederPortfolioPrices:
    """Prices of the portfolio without its feeder, which bound it with its feeder too."""
    plain = prices_of(network.instance, network.program, found)
    fields = {one: getattr(plain, one) for one in specs(PortfolioPrices)}
    return FeederPortfolioPrices(instance=network.instance, **fields)
