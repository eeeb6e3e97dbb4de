r"""Other goals of a portfolio than profit, emissions and what members have of it, beside :mod:`.portfolio_arrays`.

Carbon is :math:`\sum_{st} p_s \gamma_t \Delta\, (-y_{st})^+` with the export y: a column for what is imported, no less
than minus the export. Benefit is what members are paid, :math:`\sum_n w_n B_n`, or the least of the :math:`B_n` over
members with a storage that is paid for: one more column, no more than each. Any of them can be the goal, or be kept at
a level while another is: that is how a front of Pareto is drawn.

Source: Postnikov et al., conclusions (objectives of an aggregator); fronts by ε-constraints, Haimes et al. (1971).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...instances.portfolio import PortfolioInstance
from ..linear_program import Block, LinearProgram, grid
from .portfolio_criteria import paid_members

GOALS = {"risk_adjusted_profit": 1.0, "carbon_kg": -1.0, "members_benefit": 1.0, "least_fee": 1.0}
"""Criteria that can be goals, with the sign under which more is better."""


@dataclass(frozen=True)
class GoalProgram:
    """The program with columns for all goals.

    Parameters
    ----------
    program : LinearProgram
        Of least cost, the cost of one of the goals.
    cost : dict of str to (columns,) array
        What is to be minimised for each goal: minus the criterion where more is better.
    """

    program: LinearProgram
    cost: dict[str, np.ndarray]

    def at(self, goal: str, kept: dict[str, float]) -> LinearProgram:
        """The program of one goal with costs of others kept from rising above given ones."""
        found = dataclasses.replace(self.program, cost=self.cost[goal])
        for name, most in kept.items():
            row = sparse.csc_array(self.cost[name][None, :])
            found = dataclasses.replace(
                found,
                matrix=sparse.vstack([found.matrix, row], format="csc"),
                row_low=np.append(found.row_low, -np.inf),
                row_high=np.append(found.row_high, most),
                rows=found.rows | {f"{name}_is_kept": Block(len(found.row_low), np.zeros((1, 0), int))},
            )
        return found


def with_goals(instance: PortfolioInstance, program: LinearProgram) -> GoalProgram:
    """Add what other goals need to a program of profit.

    Parameters
    ----------
    instance : PortfolioInstance
        What is given.
    program : LinearProgram
        Of :func:`.portfolio_arrays.assemble_portfolio`.

    Returns
    -------
    GoalProgram
    """
    scenarios, intervals, _ = instance.storage_shape
    before, members = len(program.cost), paid_members(instance)
    cells = grid(scenarios, intervals)
    imported = Block(before, cells)
    least = Block(imported.stop, np.zeros((1, 0), int))
    size = least.stop
    rows = len(program.row_low)
    seen, is_least = Block(rows, cells), Block(rows + len(cells), members[:, None])
    # What is imported is no less than minus the export: import + discharge - charge - curtailed >= -fixed.
    place = seen.places.reshape(scenarios, intervals)
    row, column, value = [seen.places], [imported.places], [np.ones(len(cells))]
    for name, sign in (("discharge", 1.0), ("charge", -1.0), ("curtailed", -1.0)):
        block = program.columns[name]
        row.append(place[tuple(block.at[:, :2].T)])
        column.append(block.places)
        value.append(np.full(len(block.at), sign))
    # The least fee is no more than what any member is paid.
    block = program.columns["discharge"]
    s, _, i = block.at.T
    fee = instance.chance[s] * instance.dt_h * instance.flexibility_fee[i]
    owner = instance.storage_of[i]
    counts = np.isin(owner, members) & (fee > 0)
    row += [is_least.start + np.searchsorted(members, owner[counts]), is_least.places]
    column += [block.places[counts], np.full(len(members), least.start)]
    value += [fee[counts], -np.ones(len(members))]
    more = sparse.coo_array(
        (np.concatenate(value), (np.concatenate(row) - rows, np.concatenate(column))),
        shape=(len(cells) + len(members), size),
    )
    wide = sparse.hstack([program.matrix, sparse.csc_array((rows, size - before))], format="csc")
    limit = np.concatenate([program.high, np.full(len(cells), np.inf), [np.inf if len(members) else 0.0]])
    extended = LinearProgram(
        cost=np.concatenate([program.cost, np.zeros(size - before)]),
        low=np.concatenate([program.low, np.zeros(size - before)]),
        high=limit,
        matrix=sparse.vstack([wide, more], format="csc"),
        row_low=np.concatenate([program.row_low, -instance.fixed_kw.ravel(), np.zeros(len(members))]),
        row_high=np.concatenate([program.row_high, np.full(len(cells) + len(members), np.inf)]),
        columns=program.columns | {"imported": imported, "least_fee": least},
        rows=program.rows | {"imports_are_seen": seen, "least_fee_is_least": is_least},
    )
    carbon, benefit, fees = (np.zeros(size) for _ in range(3))
    carbon[imported.places] = (instance.chance[:, None] * instance.carbon_kg_per_kwh * instance.dt_h).ravel()
    benefit[block.places] = -fee * instance.member_weight[owner]
    fees[least.start] = -1.0
    cost = {
        "risk_adjusted_profit": extended.cost,
        "carbon_kg": carbon,
        "members_benefit": benefit,
        "least_fee": fees,
    }
    return GoalProgram(extended, cost)
