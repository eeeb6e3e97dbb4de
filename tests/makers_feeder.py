"""Feeders for tests, and the same networks for OpenDSS."""

import numpy as np
from commonwatt.instances.aggregator import Feeder
from commonwatt.instances.sources.opendss import open_engine
from commonwatt.instances.sources.radial_feeder import DEMAND_KVA, SHORT_CIRCUIT_MVA, SOURCE_PU, TRANSFORMER_KVA


def one_line(ohm: complex = 0.5, mutual: complex = 0.0, **changes) -> Feeder:
    """Two homes on phases a and b at the end of one line, behind a source that does not give way."""
    matrix = np.full((1, 3, 3), mutual, complex)
    matrix[0] += (ohm - mutual) * np.eye(3)
    fields = {
        "bus": ["substation", "end"],
        "line_from": [0],
        "line_to": [1],
        "phase": ["a", "b", "c"],
        "resistance_ohm": matrix.real,
        "reactance_ohm": matrix.imag,
        "rating_a": [30.0],
        "source_v": [230.0] * 3,
        "source_angle_deg": [0.0, -120.0, 120.0],
        "source_resistance_ohm": np.zeros((3, 3)),
        "source_reactance_ohm": np.zeros((3, 3)),
        "load": ["first", "second"],
        "load_bus": [1, 1],
        "load_phase": [0, 1],
    }
    return Feeder(**(fields | changes))


def random_power(feeder: Feeder, seed: int, samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Active and reactive power of loads, evenings and sunny noons mixed, kW and kvar."""
    rng = np.random.default_rng(seed)
    shape = samples, len(feeder.load)
    sign = np.where(rng.random((samples, 1)) < 0.5, 1.0, -1.0)
    return sign * rng.gamma(1.5, 1.2, shape), rng.normal(0.0, 0.4, shape)


def opendss_of(feeder: Feeder) -> object:
    """The engine with a generated feeder, behind a transformer and a network of OpenDSS' own."""
    engine = open_engine()
    kva = next(size for size in TRANSFORMER_KVA if size >= DEMAND_KVA * len(feeder.load))
    low = 0.23 * np.sqrt(3)
    commands = [
        "clear",
        "set defaultbasefrequency=50",
        f"new circuit.test basekv=11 pu={SOURCE_PU} angle=30 phases=3 "
        f"mvasc3={SHORT_CIRCUIT_MVA} mvasc1={SHORT_CIRCUIT_MVA} x1r1=1 x0r0=1",
        f"new transformer.t buses=[sourcebus b{feeder.source_bus}] conns=[delta wye] kvs=[11 {low}] kvas=[{kva} {kva}] "
        "xhl=4.5 %rs=[0.5 0.5] %noloadloss=0 %imag=0 ppm_antifloat=0",
    ]
    for k in range(len(feeder.line)):
        r, x = (_lower(values[k]) for values in (feeder.resistance_ohm, feeder.reactance_ohm))
        ends = f"bus1=b{feeder.line_from[k]} bus2=b{feeder.line_to[k]}"
        commands.append(f"new line.l{k} {ends} phases=3 length=1 rmatrix=[{r}] xmatrix=[{x}] cmatrix=[0|0 0|0 0 0]")
    for i in range(len(feeder.load)):
        where = f"b{feeder.load_bus[i]}.{feeder.load_phase[i] + 1}"
        commands.append(f"new load.h{i} bus1={where} phases=1 kv=0.23 kw=0 kvar=0 model=1 vminpu=0.3 vmaxpu=2.0")
    commands += [f"set voltagebases=[11 {low}]", "calcvoltagebases", "set tolerance=1e-10 maxiterations=1000"]
    for command in commands:
        engine.Command(command)
    return engine


def _lower(matrix: np.ndarray) -> str:
    return "|".join(" ".join(f"{value:.17g}" for value in row[: k + 1]) for k, row in enumerate(matrix))


def opendss_voltages(engine, names: list[str], kw: np.ndarray, kvar: np.ndarray) -> np.ndarray:
    """Voltage from phase to neutral of single-phase loads, (n,) complex V, after a solution of OpenDSS' own."""
    for name, active, reactive in zip(names, kw, kvar, strict=True):
        engine.Loads.Name(name)
        engine.Loads.kW(float(active))
        engine.Loads.kvar(float(reactive))
    engine.Command("solve mode=snapshot")
    assert engine.Solution.Converged()
    found = []
    for name in names:
        engine.Circuit.SetActiveElement(f"load.{name}")
        pairs = np.array(engine.CktElement.Voltages())
        voltage = pairs[::2] + 1j * pairs[1::2]
        found.append(voltage[0] - voltage[1])
    return np.array(found)
