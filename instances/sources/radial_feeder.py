"""Feeders generated from UK cables: a trunk, branches, and a service cable to every home.

Impedances and ratings are typical of British low-voltage cables laid in ducts (aluminium mains of 300, 185 and 95 mm²,
copper-equivalent services of 25 and 16 mm²) and are assumptions: positive- and zero-sequence values at working
temperature, the neutral earthed at every joint and thus part of the zero sequence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..aggregator import PHASES, Feeder


class Cable(NamedTuple):
    """Resistance and reactance per km of the positive and zero sequence, and the rating."""

    name: str
    r1: float
    x1: float
    r0: float
    x0: float
    rating_a: float

    def matrix(self, metres: float) -> np.ndarray:
        """Impedance of a length of it, (3, 3) complex ohm."""
        return sequence_matrix(complex(self.r1, self.x1), complex(self.r0, self.x0)) * (metres / 1e3)


MAINS = (
    Cable("300 mm² main", 0.100, 0.073, 0.593, 0.042, 465.0),
    Cable("185 mm² main", 0.164, 0.074, 0.656, 0.050, 355.0),
    Cable("95 mm² main", 0.320, 0.075, 1.280, 0.064, 245.0),
)
SERVICE = Cable("25 mm² service", 0.868, 0.080, 1.300, 0.090, 120.0)

TRANSFORMER_KVA = (100.0, 200.0, 315.0, 500.0, 800.0, 1000.0)
RESISTANCE_SHARE, REACTANCE_SHARE = 0.01, 0.045
"""Of a distribution transformer's leakage, in parts of its rated impedance."""

DEMAND_KVA = 2.5
"""What a home adds to the rating of the transformer that is chosen: peaks of homes do not coincide."""

SHORT_CIRCUIT_MVA, GRID_RATIO = 60.0, 1.0
"""Of the medium-voltage network above the transformer, and its ratio of reactance to resistance."""

NOMINAL_V = 230.0
SOURCE_PU = 1.03
"""Voltage of the source without load; the statutory limit is 1.10."""


def sequence_matrix(first: complex, zero: complex) -> np.ndarray:
    """Phase impedances of a symmetric three-phase element, (3, 3) complex, from positive and zero sequence.

    The self impedance is (2 Z₁ + Z₀)/3 and the mutual one (Z₀ - Z₁)/3.
    """
    return np.full((PHASES, PHASES), (zero - first) / 3) + first * np.eye(PHASES)


def transformer_impedance(kva: float, grid_mva: float = SHORT_CIRCUIT_MVA) -> np.ndarray:
    """Impedance of a delta-wye transformer and the network above it, seen from below, (3, 3) complex ohm.

    Zero-sequence currents circle in the delta, so that they see the leakage alone; the others see the network too.
    """
    rated = 3 * NOMINAL_V**2 / (kva * 1e3)
    leakage = complex(RESISTANCE_SHARE, REACTANCE_SHARE) * rated
    above = 3 * NOMINAL_V**2 / (grid_mva * 1e6) * complex(1.0, GRID_RATIO) / np.hypot(1.0, GRID_RATIO)
    return sequence_matrix(leakage + above, leakage)


def radial_feeder(
    n_loads: int,
    *,
    seed: int = 0,
    source_pu: float = SOURCE_PU,
    metres_between: tuple[float, float] = (5.0, 25.0),
    trunk_mm2: int = 300,
) -> Feeder:
    """Generate a feeder: homes in a row along a trunk and its branches, each on one phase in turn.

    Parameters
    ----------
    n_loads : int
        Homes; at least 1.
    seed : int
        Of where branches leave, distances and phases.
    source_pu : float
        Voltage of the source in parts of 230 V.
    metres_between : (float, float)
        Least and greatest distance between two joints, m.
    trunk_mm2 : {300, 185, 95}
        Cross-section of the trunk; branches are thinner, as far as there is a thinner cable.

    Returns
    -------
    Feeder

    Raises
    ------
    ValueError
        For no loads, or another cross-section.
    """
    if n_loads < 1:
        raise ValueError(f"a feeder needs at least 1 load, not {n_loads}")
    sections = [int(cable.name.split()[0]) for cable in MAINS]
    if trunk_mm2 not in sections:
        raise ValueError(f"trunk_mm2 is {trunk_mm2}; choose one of {', '.join(map(str, sections))}")
    rng = np.random.default_rng((seed, 0xFEED))
    joints = max(1, -(-n_loads // 2))
    # A joint follows the one before, or begins a branch at an earlier one; branches are laid in thinner cable.
    above, grade = np.zeros(joints, int), np.full(joints, sections.index(trunk_mm2))
    for j in range(1, joints):
        branches = j > 2 and rng.random() < 0.15
        above[j] = 1 + rng.integers(0, j - 1) if branches else j
        grade[j] = min(grade[above[j] - 1] + branches, len(MAINS) - 1)
    mains = rng.uniform(*metres_between, joints)
    served = np.sort(np.arange(n_loads) % joints)
    services = rng.uniform(4.0, 18.0, n_loads)
    impedance = [MAINS[grade[j]].matrix(mains[j]) for j in range(joints)] + [SERVICE.matrix(m) for m in services]
    rating = [MAINS[grade[j]].rating_a for j in range(joints)] + [SERVICE.rating_a] * n_loads
    kva = next((size for size in TRANSFORMER_KVA if size >= DEMAND_KVA * n_loads), TRANSFORMER_KVA[-1])
    source = transformer_impedance(kva)
    lines = np.array(impedance)
    return Feeder(
        bus=["substation"] + [f"joint {j + 1}" for j in range(joints)] + [f"home {i + 1}" for i in range(n_loads)],
        line=[f"main {j + 1}" for j in range(joints)] + [f"service {i + 1}" for i in range(n_loads)],
        line_from=np.concatenate([above, served + 1]),
        line_to=np.arange(1, joints + n_loads + 1),
        phase=["a", "b", "c"],
        resistance_ohm=lines.real,
        reactance_ohm=lines.imag,
        rating_a=rating,
        source_v=np.full(PHASES, source_pu * NOMINAL_V),
        source_angle_deg=[0.0, -120.0, 120.0],
        source_resistance_ohm=source.real,
        source_reactance_ohm=source.imag,
        load=[f"home {i + 1}" for i in range(n_loads)],
        load_bus=np.arange(joints + 1, joints + n_loads + 1),
        load_phase=(np.arange(n_loads) + rng.integers(0, PHASES, n_loads) * (rng.random(n_loads) < 0.2)) % PHASES,
    )
