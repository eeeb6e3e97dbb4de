"""Feeders out of SimBench: one of its low-voltage networks with cables, transformer and connections.

The tables of the package ``simbench`` (a wheel, or the unpacked folder) are read with pandas. Nodes that closed
switches join are one bus; open switches part them. SimBench states positive sequences only, for loads on three phases
alike. Two things are therefore assumed here and may be given otherwise: the zero sequence of cables, and which phases a
connection has. Taps of the transformer and the network above it are left out; ``source_pu`` stands for both.

Source: Meinecke et al., *SimBench - a benchmark dataset of electric power systems to compare innovative solutions based
on power flow analysis*, Energies 13 (2020) 3290.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ..aggregator import PHASES, Feeder
from ..errors import Fault, InstanceError
from .radial_feeder import sequence_matrix
from .simbench import SimbenchSource

ZERO_SEQUENCE = (4.0, 3.7)
"""Resistance and reactance of the zero sequence in parts of the positive one: what all phases carry returns through a
fourth conductor of the same cross-section, so that R₀ = R₁ + 3 R₁; the reactance is typical of such cables."""


def feeder_from_simbench(
    source: str | Path,
    *,
    network: str = "LV3.101",
    scenario: Literal[0, 1, 2] = 1,
    phases: Literal["three", "one"] = "three",
    source_pu: float = 1.0,
    zero_sequence: tuple[float, float] = ZERO_SEQUENCE,
    **limits: float,
) -> Feeder:
    """Read a low-voltage network.

    Parameters
    ----------
    source : str or Path
        The wheel of ``simbench``, or a folder that holds the package or its ``networks``.
    network : str
        Name of the low-voltage network in the column ``subnet``.
    scenario : {0, 1, 2}
        0 is today's network, 1 and 2 are SimBench's scenarios of the future.
    phases : {"three", "one"}
        Whether each load becomes three of a third each, named ``x.1`` to ``x.3``, or one on the phase whose turn it is.
    source_pu : float
        Voltage of the source in parts of the transformer's rated low voltage.
    zero_sequence : (float, float)
        Resistance and reactance of cables' zero sequence in parts of the positive one.
    **limits : float
        ``lowest_v``, ``highest_v`` of the :class:`.Feeder`.

    Returns
    -------
    Feeder
        Its loads in the order of the table ``Load.csv``.

    Raises
    ------
    InstanceError
        If tables, columns or the network are missing, types are unknown, cells are no numbers, or it is no tree.
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        For an option that is none of those named.
    """
    if scenario not in (0, 1, 2) or phases not in ("three", "one"):
        raise ValueError(f"choose scenario 0, 1 or 2, phases three or one; not {scenario!r}, {phases!r}")
    with SimbenchSource(Path(source), scenario) as package:
        lines = _of_network(package, "Line.csv", ["id", "nodeA", "nodeB", "type", "subnet"], ["length"], network)
        lines = _typed(package, lines, "Line.csv", "LineType.csv", ["r", "x", "iMax"])
        transformers = _of_network(package, "Transformer.csv", ["id", "nodeLV", "type", "subnet"], [], network)
        transformers = _typed(
            package, transformers, "Transformer.csv", "TransformerType.csv", ["sR", "vmLV", "vmImp", "pCu"]
        )
        switches = _of_network(package, "Switch.csv", ["id", "nodeA", "nodeB", "subnet"], ["cond"], network)
        loads = _of_network(package, "Load.csv", ["id", "node", "subnet"], ["pLoad"], network)
        where = str(package.source)
    if len(transformers) != 1:
        message = f"{len(transformers)} transformers feed the network; a feeder has one"
        remedy = "leave the others out of the table, and open the switches between what they feed"
        raise InstanceError([Fault("Transformer.csv", "subnet", "", network, message, remedy)], where)
    joined = _joined(
        switches[switches["cond"] == 1], [lines["nodeA"], lines["nodeB"], loads["node"], transformers["nodeLV"]]
    )
    root = joined[transformers["nodeLV"].iloc[0]]
    buses, laid = _outwards(lines, joined, root, where)
    place = {name: k for k, name in enumerate(buses)}
    lost = [at for at in range(len(loads)) if joined[loads["node"].iloc[at]] not in place]
    if lost:
        raise InstanceError(
            (
                Fault(
                    "Load.csv", "node", loads["id"].iloc[at], loads["node"].iloc[at],
                    "is not reached from the transformer through closed switches", "leave it out of the table",
                )
                for at in lost
            ),
            where,
        )  # fmt: skip
    impedance = np.array(
        [
            sequence_matrix(
                complex(line.r, line.x) * line.length,
                complex(zero_sequence[0] * line.r, zero_sequence[1] * line.x) * line.length,
            )
            for line, _, _ in laid
        ]
    ).reshape(-1, PHASES, PHASES)
    volt, leakage = _transformer(transformers.iloc[0], where)
    at_bus = np.array([place[joined[node]] for node in loads["node"]])
    names = loads["id"].to_numpy(str)
    if phases == "three":
        names = np.array([f"{name}.{p + 1}" for name in names for p in range(PHASES)])
        at_bus, phase = at_bus.repeat(PHASES), np.tile(np.arange(PHASES), len(loads))
    else:
        phase = np.arange(len(loads)) % PHASES
    return Feeder(
        bus=buses,
        line=[line.id for line, _, _ in laid],
        line_from=[place[start] for _, start, _ in laid],
        line_to=[place[end] for _, _, end in laid],
        phase=["a", "b", "c"],
        resistance_ohm=impedance.real,
        reactance_ohm=impedance.imag,
        rating_a=[line.iMax for line, _, _ in laid],
        source_v=np.full(PHASES, source_pu * volt / np.sqrt(3.0)),
        source_angle_deg=[0.0, -120.0, 120.0],
        source_resistance_ohm=leakage.real,
        source_reactance_ohm=leakage.imag,
        load=names,
        load_bus=at_bus,
        load_phase=phase,
        **limits,
    )


def _of_network(
    package: SimbenchSource, table: str, texts: list[str], numbers: list[str], network: str
) -> pd.DataFrame:
    """Rows of one network, numbers checked."""
    frame = package.read(table, [*texts, *numbers], dict.fromkeys(texts, str))
    found = frame[frame["subnet"] == network].reset_index(drop=True)
    if found.empty and table == "Line.csv":
        raise InstanceError([package.no_network(table, network, frame["subnet"])], str(package.source))
    # Empty cells are read as NaN, which equals nothing, itself included: the search for a node's bus would not end.
    empty = [
        Fault(table, name, str(found["id"].iloc[at]), "", "is empty", "fill it in")
        for name in texts
        for at in np.flatnonzero(found[name].isna())
    ]
    if empty:
        raise InstanceError(empty, str(package.source))
    package.check(table, found[numbers], found["id"].tolist())
    return found


def _typed(package: SimbenchSource, frame: pd.DataFrame, table: str, types: str, numbers: list[str]) -> pd.DataFrame:
    """Rows with what the table of types says of theirs."""
    known = package.read(types, ["id", *numbers], {"id": str})
    unknown = frame[~frame["type"].isin(known["id"])]
    if len(unknown):
        raise InstanceError(
            (
                Fault(table, "type", row.id, row.type, f"is no type of {types}", "add it there")
                for row in unknown.itertuples()
            ),
            str(package.source),
        )
    used = known[known["id"].isin(frame["type"])].drop_duplicates("id")
    package.check(types, used[numbers], used["id"].tolist())
    return frame.merge(used.rename(columns={"id": "type"}), on="type", how="left", validate="many_to_one")


def _joined(closed: pd.DataFrame, nodes: list[pd.Series]) -> dict[str, str]:
    """The bus of each node: one for all that closed switches join, named by the shortest name among them."""
    number, names = pd.factorize(pd.concat([closed["nodeA"], closed["nodeB"], *nodes], ignore_index=True))
    first, second = number[: len(closed)], number[len(closed) : 2 * len(closed)]
    joins = sparse.coo_array((np.ones(len(closed)), (first, second)), shape=(len(names), len(names)))
    frame = pd.DataFrame({"node": names, "bus": connected_components(joins, directed=False)[1]})
    # Auxiliary nodes at switches are named after their bus, and longer.
    shortest_first = frame.assign(length=frame["node"].str.len()).sort_values(["length", "node"])
    chief = shortest_first.drop_duplicates("bus").set_index("bus")["node"]
    return dict(zip(frame["node"], frame["bus"].map(chief), strict=True))


def _outwards(
    lines: pd.DataFrame, joined: dict[str, str], root: str, where: str
) -> tuple[list[str], list[tuple[pd.Series, str, str]]]:
    """Buses and lines in the order in which they are met from the transformer, lines with their two ends."""
    at: dict[str, list[int]] = {}
    ends = [(joined[a], joined[b]) for a, b in zip(lines["nodeA"], lines["nodeB"], strict=True)]
    for k, pair in enumerate(ends):
        for end in pair:
            at.setdefault(end, []).append(k)
    buses, laid, used = [root], [], set()
    for bus in buses:
        for k in at.get(bus, ()):
            if k in used:
                continue
            used.add(k)
            end = ends[k][1] if ends[k][0] == bus else ends[k][0]
            if end in buses:
                message = "closes a ring; a feeder is a tree"
                remedy = "open a switch of the ring in Switch.csv (cond 0)"
                raise InstanceError([Fault("Line.csv", "nodeB", lines["id"].iloc[k], end, message, remedy)], where)
            buses.append(end)
            laid.append((lines.iloc[k], bus, end))
    return buses, laid


def _transformer(row: pd.Series, where: str) -> tuple[float, np.ndarray]:
    """Rated low voltage, V, and the leakage seen from there, (3, 3) complex ohm; zero sequence as the positive one."""
    types = "TransformerType.csv"
    zero = [Fault(types, name, row["type"], "0", "must be positive") for name in ("sR", "vmLV") if not row[name] > 0]
    if zero:
        raise InstanceError(zero, where)
    volt, rated_kva = 1e3 * float(row["vmLV"]), 1e3 * float(row["sR"])
    base = volt**2 / (1e3 * rated_kva)
    share, resistance = float(row["vmImp"]) / 100.0, float(row["pCu"]) / rated_kva
    if resistance > share:
        message = f"is more than vmImp, {row['vmImp']:g} %, leaves for the resistance"
        remedy = "give pCu in kW, vmImp in % and sR in MVA"
        raise InstanceError([Fault(types, "pCu", row["type"], f"{row['pCu']:g}", message, remedy)], where)
    leakage = complex(resistance, float(np.sqrt(share**2 - resistance**2))) * base
    return volt, sequence_matrix(leakage, leakage)
