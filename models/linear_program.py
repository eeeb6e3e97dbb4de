"""Linear programs as arrays, put together block by block with the names that a declaration would give them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Block:
    """Columns or rows of one name.

    Parameters
    ----------
    start : int
        Position of the first.
    at : (k, d) array of int
        Index of each, as in the declaration: (interval or state, member, storage or request), or one of them.
    """

    start: int
    at: np.ndarray

    @property
    def stop(self) -> int:
        """Position after the last."""
        return self.start + len(self.at)

    @property
    def places(self) -> np.ndarray:
        """Positions of all."""
        return np.arange(self.start, self.stop)


@dataclass
class Axis:
    """Columns or rows as they are added, with their two bounds each."""

    blocks: dict[str, Block] = field(default_factory=dict)
    low: list[np.ndarray] = field(default_factory=list)
    high: list[np.ndarray] = field(default_factory=list)
    size: int = 0

    def add(self, name: str, at: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> Block:
        """Add a block, with limits for all or for each."""
        block = Block(self.size, at)
        self.blocks[name] = block
        for bounds, given in ((self.low, low), (self.high, high)):
            bounds.append(np.broadcast_to(np.asarray(given, dtype=float), len(at)))
        self.size = block.stop
        return block


@dataclass
class Entries:
    """Triplets of the matrix as they are added."""

    row: list[np.ndarray] = field(default_factory=list)
    column: list[np.ndarray] = field(default_factory=list)
    value: list[np.ndarray] = field(default_factory=list)

    def add(self, row: np.ndarray, column: np.ndarray, value: np.ndarray | float) -> None:
        """Add entries at given places; those at the same place add up."""
        self.row.append(row)
        self.column.append(column)
        self.value.append(np.broadcast_to(np.asarray(value, dtype=float), len(row)))


@dataclass(frozen=True)
class LinearProgram:
    """Minimise cost · x subject to row limits on A x and column limits on x.

    Parameters
    ----------
    cost, low, high : (columns,) arrays
        Costs and limits of the columns.
    matrix : scipy.sparse.csc_array, (rows, columns)
        A.
    row_low, row_high : (rows,) arrays
        Limits of the rows; equal for equations, ±inf where there is none.
    columns, rows : dict of str to Block
        Names as in the declaration.
    """

    cost: np.ndarray
    low: np.ndarray
    high: np.ndarray
    matrix: sparse.csc_array
    row_low: np.ndarray
    row_high: np.ndarray
    columns: dict[str, Block]
    rows: dict[str, Block]

    @classmethod
    def of(cls, cost: np.ndarray, columns: Axis, rows: Axis, entries: Entries) -> LinearProgram:
        """The program of columns, rows and entries as they were added."""
        place = (np.concatenate(entries.row), np.concatenate(entries.column))
        matrix = sparse.coo_array((np.concatenate(entries.value), place), shape=(rows.size, columns.size)).tocsc()
        return cls(
            cost=cost,
            low=np.concatenate(columns.low),
            high=np.concatenate(columns.high),
            matrix=matrix,
            row_low=np.concatenate(rows.low),
            row_high=np.concatenate(rows.high),
            columns=columns.blocks,
            rows=rows.blocks,
        )

    def scatter(self, name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Values of a block of columns in their places, 0 elsewhere."""
        block = self.columns[name]
        found = np.zeros(shape)
        found[tuple(block.at.T)] = values[block.start : block.stop]
        return found


def grid(*sizes: int) -> np.ndarray:
    """All indices of a box, one row each, the last index running fastest."""
    return np.stack([axis.ravel() for axis in np.indices(sizes)], axis=1)
