"""Feeders out of OpenDSS files.

The engine itself reads the files (extra ``network``), since their language has defaults and order that no other
program knows. What lies above the low-voltage side of the transformer becomes its Thévenin equivalent, found by the
engine at no load; lines below are taken as declared.

A fourth wire that nothing but the transformer earths carries all that phases do not return among themselves, so
voltages to neutral see Z_pq - Z_pn - Z_nq + Z_nn, which is exact. Lines' capacitance is left out: at 230 V a kilometre
of cable takes some milliampere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..aggregator import PHASES, Feeder
from ..errors import Fault, InstanceError

NEUTRAL = 4
"""Node of the fourth wire."""

REMEDY = "leave it out of the file, or state the feeder with commonwatt.instances.aggregator.Feeder"


class Cable(NamedTuple):
    """A line as the file declares it: two buses with their nodes, and the impedance of its conductors."""

    name: str
    ends: tuple[tuple[str, list[int]], tuple[str, list[int]]]
    impedance_ohm: np.ndarray
    rating_a: float


class Laid(NamedTuple):
    """A line as it lies in the tree: the nearer and the farther bus, and the conductors it has at the source."""

    cable: Cable
    start: str
    end: str
    conductors: list[int]


def feeder_from_opendss(path: str | Path, *, rating_a: Mapping[str, float] | None = None, **settings: float) -> Feeder:
    """Read a radial low-voltage feeder.

    Parameters
    ----------
    path : path
        The file that the engine begins with.
    rating_a : mapping of str to float, optional
        Rating of lines by the name of their line code, in lower case; those not named keep what the file says, which
        is often OpenDSS' default and no rating of any cable.
    **settings : float
        ``lowest_v``, ``highest_v`` of the :class:`.Feeder`.

    Returns
    -------
    Feeder
        Loads of three phases become three loads, named ``x.1`` to ``x.3``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModuleNotFoundError
        Without the engine.
    InstanceError
        For what a :class:`.Feeder` cannot hold: several transformers to low voltage, loads between phases, rings.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    engine = open_engine()
    before = Path.cwd()
    engine.Command("clear")
    engine.Command(f'redirect "{path}"')
    # The engine moves into the folder of the file that it reads.
    engine.Command(f'set datapath="{before}"')
    root = _low_voltage_bus(engine, path)
    loads = list(_loads(engine, path))
    wires = NEUTRAL if any(neutral for _, _, _, neutral in loads) else PHASES
    cables = list(_cables(engine, rating_a or {}))
    engine.Command("batchedit load..* enabled=no")
    engine.Command("solve mode=snapshot")
    opened, impedance = _source(engine, root, wires)
    laid, conductor = _outwards(cables, root, path)
    bus = [root, *(line.end for line in laid)]
    place = {name: b for b, name in enumerate(bus)}
    for name, where, node, _ in loads:
        if node not in conductor.get(where, ()):
            message = "is at a bus, or a node of it, that no line of the feeder leads to"
            raise _unfit(path, "Load", name, f"{where}.{node}", message)
    lines = np.array([_embedded(line, wires) for line in laid]).reshape(-1, PHASES, PHASES)
    return Feeder(
        bus=bus,
        line=[line.cable.name for line in laid],
        line_from=np.array([place[line.start] for line in laid], int),
        line_to=np.array([place[line.end] for line in laid], int),
        phase=["a", "b", "c"],
        resistance_ohm=lines.real,
        reactance_ohm=lines.imag,
        rating_a=[line.cable.rating_a for line in laid],
        source_v=np.abs(opened),
        source_angle_deg=np.rad2deg(np.angle(opened)),
        source_resistance_ohm=_symmetric(impedance.real),
        source_reactance_ohm=_symmetric(impedance.imag),
        load=[name for name, _, _, _ in loads],
        load_bus=[place[where] for _, where, _, _ in loads],
        load_phase=[conductor[where][node] - 1 for _, where, node, _ in loads],
        **settings,
    )


def open_engine() -> Any:
    """OpenDSS' engine.

    Raises
    ------
    ModuleNotFoundError
        Where it is not installed, with what to install.
    """
    try:
        from opendssdirect import dss
    except ModuleNotFoundError:
        raise ModuleNotFoundError("OpenDSS is not installed; pip install 'commonwatt[network]'") from None
    return dss


def _unfit(path: Path, kind: str, name: str, value: str, message: str) -> InstanceError:
    return InstanceError([Fault(kind, "", name, value, message, REMEDY)], str(path))


def _each(collection: Any) -> Iterator[str]:
    more = collection.First()
    while more:
        yield collection.Name()
        more = collection.Next()


def _ends(engine: Any) -> list[tuple[str, list[int]]]:
    """Buses and nodes of the active element's terminals."""
    found = []
    for text in engine.CktElement.BusNames():
        name, *nodes = text.split(".")
        found.append((name.lower(), [int(node) for node in nodes] or [1, 2, 3]))
    return found


def _low_voltage_bus(engine: Any, path: Path) -> str:
    ends = {}
    for name in _each(engine.Transformers):
        ends[name] = _ends(engine)[-1][0]
    if len(ends) != 1:
        message = f"{len(ends)} transformers; a feeder has one, above its first bus"
        raise _unfit(path, "Transformer", "", ", ".join(ends), message)
    return next(iter(ends.values()))


def _loads(engine: Any, path: Path) -> Iterator[tuple[str, str, int, bool]]:
    """Name, bus, node and whether it returns by the fourth wire, of each load of one phase."""
    for name in _each(engine.Loads):
        ((where, nodes),) = _ends(engine)
        conductors = [node for node in nodes if node not in (0, NEUTRAL)]
        neutral = NEUTRAL in nodes
        expected = conductors + [NEUTRAL] * neutral
        phases = engine.CktElement.NumPhases()
        if engine.Loads.IsDelta() or len(conductors) != phases or [node for node in nodes if node] != expected:
            shown = ".".join(map(str, nodes))
            raise _unfit(path, "Load", name, f"nodes {shown}", "is not connected between phases and neutral")
        for node in conductors:
            label = name if len(conductors) == 1 else f"{name}.{node}"
            yield label, where, node, neutral


def _cables(engine: Any, rating_a: Mapping[str, float]) -> Iterator[Cable]:
    for name in _each(engine.Lines):
        first, last = _ends(engine)
        count = engine.Lines.Phases()
        values = np.array(engine.Lines.RMatrix()) + 1j * np.array(engine.Lines.XMatrix())
        rating = rating_a.get(engine.Lines.LineCode().lower(), engine.Lines.NormAmps())
        yield Cable(name, (first, last), values.reshape(count, count) * engine.Lines.Length(), rating)


def _embedded(line: Laid, wires: int) -> np.ndarray:
    """Impedance for voltages to neutral, (3, 3); a conductor that a line lacks carries nothing and drops nothing."""
    whole = np.zeros((NEUTRAL, NEUTRAL), complex)
    used = np.array(line.conductors) - 1
    whole[np.ix_(used, used)] = line.cable.impedance_ohm
    return _symmetric(_to_neutral(whole[:wires, :wires]))


def _source(engine: Any, root: str, wires: int) -> tuple[np.ndarray, np.ndarray]:
    """Voltages to neutral and impedance at the first bus with nothing connected below."""
    engine.Circuit.SetActiveBus(root)
    nodes = [node - 1 for node in engine.Bus.Nodes()]
    voltage, impedance = np.zeros(NEUTRAL, complex), np.zeros((NEUTRAL, NEUTRAL), complex)
    found = np.array(engine.Bus.Voltages())
    voltage[nodes] = found[::2] + 1j * found[1::2]
    # Finding the impedance overwrites the voltages.
    engine.Bus.ZscRefresh()
    flat = np.array(engine.Bus.ZscMatrix())
    impedance[np.ix_(nodes, nodes)] = (flat[::2] + 1j * flat[1::2]).reshape(len(nodes), len(nodes))
    return _from_neutral(wires) @ voltage[:wires], _to_neutral(impedance[:wires, :wires])


def _from_neutral(wires: int) -> np.ndarray:
    matrix = np.zeros((PHASES, wires))
    matrix[:, :PHASES] = np.eye(PHASES)
    if wires == NEUTRAL:
        matrix[:, -1] = -1.0
    return matrix


def _to_neutral(impedance: np.ndarray) -> np.ndarray:
    matrix = _from_neutral(len(impedance))
    return np.asarray(matrix @ impedance @ matrix.T)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    """Without the last digits in which the engine's two triangles differ."""
    return np.asarray((matrix + matrix.T) / 2)


def _outwards(cables: list[Cable], root: str, path: Path) -> tuple[list[Laid], dict[str, dict[int, int]]]:
    """Cables below the first bus in the order in which they are met, and which conductor each node of a bus is.

    Nodes are names: a cable may lead from node 2 of one bus to node 1 of the next.
    """
    at: dict[str, list[int]] = {}
    for k, cable in enumerate(cables):
        for name, _ in cable.ends:
            at.setdefault(name, []).append(k)
    conductor = {root: {node: node for node in range(1, NEUTRAL + 1)}}
    laid: list[Laid] = []
    used: set[int] = set()
    waiting = [root]
    while waiting:
        start = waiting.pop()
        for k in at.get(start, ()):
            if k in used:
                continue
            used.add(k)
            cable = cables[k]
            near, far = cable.ends if cable.ends[0][0] == start else cable.ends[::-1]
            end, count = far[0], len(cable.impedance_ohm)
            if end in conductor:
                message = f"closes a ring at bus {end}; a feeder is a tree"
                raise _unfit(path, "Line", cable.name, f"{start} - {end}", message)
            if any(node not in conductor[start] for node in near[1][:count]):
                nodes = ".".join(map(str, near[1]))
                raise _unfit(path, "Line", cable.name, f"{start}.{nodes}", "begins at a node that nothing feeds")
            conductors = [conductor[start][node] for node in near[1][:count]]
            conductor[end] = dict(zip(far[1], conductors, strict=False))
            waiting.append(end)
            laid.append(Laid(cable, start, end, conductors))
    return laid, conductor
