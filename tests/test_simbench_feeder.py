"""Feeders out of SimBench's tables: a few nodes by hand, and against OpenDSS, which is given the same tables."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from commonwatt.instances.errors import InstanceError
from commonwatt.instances.sources.opendss import open_engine
from commonwatt.instances.sources.simbench_feeder import feeder_from_simbench
from commonwatt.solvers.kernels import power_flow
from makers_feeder import opendss_voltages
from test_sources_simbench import wheel

TABLES = {
    "Line.csv": """id;nodeA;nodeB;type;length;loadingMax;subnet;voltLvl
line 1;bus 1;bus 2_1;NAYY;0.1;100;LV9.101;7
line 2;bus 3_1;bus 2;NAYY;0.05;100;LV9.101;7
line 3;bus 2;bus 4;thin;0.2;100;LV9.101;7
line 4;bus 3_2;bus 4_1;thin;0.3;100;LV9.101;7
elsewhere;bus 8;bus 9;thin;0.3;100;LV4.101;7
""",
    "LineType.csv": """id;r;x;b;iMax;type
NAYY;0.2067;0.0804248;260.752;270;cable
thin;0.868;0.08;260.752;120;cable
""",
    "Transformer.csv": """id;nodeHV;nodeLV;type;tappos;autoTap;autoTapSide;loadingMax;substation;subnet;voltLvl
trafo;MV bus;bus 1_9;Dyn;0;0;NULL;100;NULL;LV9.101;6
""",
    "TransformerType.csv": """id;sR;vmHV;vmLV;va0;vmImp;pCu;pFe;iNoLoad
Dyn;0.16;20;0.4;150;4;2.35;0.46;0.28751
""",
    "Switch.csv": """id;nodeA;nodeB;type;cond;substation;subnet;voltLvl
s1;bus 1;bus 1_9;LS;1;NULL;LV9.101;7
s2;bus 2;bus 2_1;LS;1;NULL;LV9.101;7
s3;bus 3;bus 3_1;LS;1;NULL;LV9.101;7
s4;bus 3;bus 3_2;LS;0;NULL;LV9.101;7
s5;bus 4;bus 4_1;LS;1;NULL;LV9.101;7
""",
    "Load.csv": """id;node;profile;pLoad;qLoad;sR;subnet;voltLvl
load 1;bus 3;H0-A;0.002;0.0;0.002;LV9.101;7
load 2;bus 4;H0-B;0.004;0.0;0.004;LV9.101;7
load 3;bus 2;H0-B;0.004;0.0;0.004;LV9.101;7
load 4;bus 2;H0-B;0.004;0.0;0.004;LV9.101;7
other;bus 9;H0-B;0.004;0.0;0.004;LV4.101;7
""",
}


def opendss_of_tables(tables: Mapping[str, str], network: str, phases: str) -> object:
    """The engine with the same tables: sequences as it is given them, switches as lines of next to no impedance."""
    frames = {name: pd.read_csv(io.StringIO(text), sep=";", low_memory=False) for name, text in tables.items()}
    mine = {
        name: frame[frame["subnet"] == network] if "subnet" in frame else frame.set_index("id")
        for name, frame in frames.items()
    }

    def plain(name: str) -> str:
        return name.replace(" ", "").replace(".", "-")

    transformer = mine["Transformer.csv"].iloc[0]
    kind = mine["TransformerType.csv"].loc[transformer["type"]]
    kva, loss = 1e3 * kind["sR"], kind["pCu"] / (10 * kind["sR"])
    reactance = np.sqrt(kind["vmImp"] ** 2 - loss**2)
    commands = [
        "clear",
        "set defaultbasefrequency=50",
        "new circuit.test basekv=20 pu=1.0 angle=30 phases=3 bus1=mv r1=1e-5 x1=1e-5 r0=1e-5 x0=1e-5",
        f"new transformer.t buses=[mv {plain(transformer['nodeLV'])}] conns=[delta wye] kvs=[20 0.4] "
        f"kvas=[{kva} {kva}] xhl={reactance} %rs=[{loss / 2} {loss / 2}] %noloadloss=0 %imag=0 ppm_antifloat=0",
    ]
    for line in mine["Line.csv"].itertuples():
        code = mine["LineType.csv"].loc[line.type]
        commands.append(
            f"new line.{plain(line.id)} bus1={plain(line.nodeA)} bus2={plain(line.nodeB)} phases=3 "
            f"length={line.length} units=km r1={code['r']} x1={code['x']} r0={4.0 * code['r']} "
            f"x0={3.7 * code['x']} c1=0 c0=0"
        )
    for switch in mine["Switch.csv"].query("cond == 1 and voltLvl == 7").itertuples():
        commands.append(
            f"new line.{plain(switch.id)}s bus1={plain(switch.nodeA)} bus2={plain(switch.nodeB)} phases=3 length=1 "
            "r1=1e-8 x1=1e-8 r0=1e-8 x0=1e-8 c1=0 c0=0"
        )
    for k, load in enumerate(mine["Load.csv"].itertuples()):
        for p in range(3) if phases == "three" else [k % 3]:
            commands.append(
                f"new load.h{k}-{p} bus1={plain(load.node)}.{p + 1} phases=1 kv={0.4 / np.sqrt(3)} kw=0 kvar=0 model=1 "
                "vminpu=0.3 vmaxpu=2.0"
            )
    commands += ["set voltagebases=[20 0.4]", "calcvoltagebases", "set tolerance=1e-8 maxiterations=1000"]
    engine = open_engine()
    for command in commands:
        engine.Command(command)
    return engine


def changed(table: str, before: str, after: str) -> dict[str, str]:
    assert before in TABLES[table]
    return TABLES | {table: TABLES[table].replace(before, after)}


def test_switches_join_and_part_and_impedances_are_those_of_the_types(tmp_path):
    feeder = feeder_from_simbench(wheel(tmp_path, TABLES), network="LV9.101", phases="one", source_pu=1.02)
    assert list(feeder.bus) == ["bus 1", "bus 2", "bus 3", "bus 4", "bus 3_2"]
    assert list(feeder.line) == ["line 1", "line 2", "line 3", "line 4"]
    assert feeder.bus[feeder.line_from].tolist() == ["bus 1", "bus 2", "bus 2", "bus 4"]
    assert feeder.bus[feeder.line_to].tolist() == ["bus 2", "bus 3", "bus 4", "bus 3_2"]
    np.testing.assert_allclose(feeder.rating_a, [270, 270, 120, 120])
    # 100 m: positive sequence 0.02067 + 0.00804 j, zero sequence 4 and 3.7 times of it.
    np.testing.assert_allclose(feeder.resistance_ohm[0, 0], [2 * 0.02067, 0.02067, 0.02067])
    np.testing.assert_allclose(feeder.reactance_ohm[0, 0, 1], 0.9 * 0.00804248)
    # 160 kVA at 400 V: 1 ohm, of which 4 % and 2.35 kW.
    np.testing.assert_allclose(feeder.source_resistance_ohm, np.eye(3) * 0.0146875)
    np.testing.assert_allclose(np.diag(feeder.source_reactance_ohm), np.sqrt(0.04**2 - 0.0146875**2))
    np.testing.assert_allclose(feeder.source_v, 1.02 * 400 / np.sqrt(3))
    assert feeder.bus[feeder.load_bus].tolist() == ["bus 3", "bus 4", "bus 2", "bus 2"]
    assert feeder.load_phase.tolist() == [0, 1, 2, 0]


def test_loads_of_three_phases_are_split(tmp_path):
    feeder = feeder_from_simbench(wheel(tmp_path, TABLES), network="LV9.101", lowest_v=210.0)
    assert list(feeder.load[:4]) == ["load 1.1", "load 1.2", "load 1.3", "load 2.1"]
    assert feeder.load_phase.tolist() == [0, 1, 2] * 4
    assert feeder.lowest_v == 210.0
    # Alike on all phases, nothing returns: the zero sequence makes no difference.
    other = feeder_from_simbench(wheel(tmp_path, TABLES), network="LV9.101", zero_sequence=(9.0, 9.0))
    power = np.repeat([2.0, 5.0, 1.0, 3.0], 3)
    np.testing.assert_allclose(np.abs(power_flow(feeder, power)), np.abs(power_flow(other, power)), rtol=1e-9)


@pytest.mark.parametrize("phases", ["three", "one"])
def test_voltages_are_those_of_opendss(tmp_path, phases):
    feeder = feeder_from_simbench(wheel(tmp_path, TABLES), network="LV9.101", phases=phases)
    engine = opendss_of_tables(TABLES, "LV9.101", phases)
    rng = np.random.default_rng(3)
    names = [f"h{k}-{p}" for k in range(4) for p in (range(3) if phases == "three" else [k % 3])]
    for sign in (1.0, -1.0):
        kw, kvar = sign * rng.uniform(0.0, 5.0, len(names)), rng.normal(0.0, 0.5, len(names))
        theirs = opendss_voltages(engine, names, kw, kvar)
        np.testing.assert_allclose(np.abs(power_flow(feeder, kw, kvar)), np.abs(theirs), atol=1e-4)


def test_a_ring_is_named(tmp_path):
    closed = changed("Switch.csv", "s4;bus 3;bus 3_2;LS;0", "s4;bus 3;bus 3_2;LS;1")
    match = r"table Line.csv, column nodeB, row line \d.*closes a ring; a feeder is a tree"
    with pytest.raises(InstanceError, match=match):
        feeder_from_simbench(wheel(tmp_path, closed), network="LV9.101")


@pytest.mark.parametrize(
    ("tables", "match"),
    [
        (
            changed("Switch.csv", "s3;bus 3;bus 3_1;LS;1", "s3;bus 3;bus 3_1;LS;0"),
            r"Load.csv, column node, row load 1, value bus 3: is not reached",
        ),
        (
            changed("Line.csv", "thin;0.2", "thick;0.2"),
            r"Line.csv, column type, row line 3, value thick: is no type of LineType.csv",
        ),
        (changed("Line.csv", "NAYY;0.1", "NAYY;far"), r"Line.csv, column length, row line 1, value far"),
        (changed("LineType.csv", "r;x;b", "ohm;x;b"), r"LineType.csv, column r: there is no such column"),
        (changed("Transformer.csv", "NULL;LV9.101", "NULL;LV4.101"), r"Transformer.csv.*0 transformers feed"),
        (changed("Load.csv", "load 1;bus 3;", "load 1;;"), r"Load.csv, column node, row load 1: is empty"),
        (changed("Line.csv", "line 3;bus 2;bus 4;", "line 3;bus 2;;"), r"Line.csv, column nodeB, row line 3: is empty"),
        (changed("TransformerType.csv", "Dyn;0.16", "Dyn;0"), r"column sR, row Dyn, value 0: must be positive"),
        (changed("TransformerType.csv", ";4;2.35", ";1;2.35"), r"column pCu, row Dyn, value 2.35: is more than vmImp"),
        ({"Line.csv": TABLES["Line.csv"]}, r"there is no .*LineType.csv"),
    ],
)
def test_bad_tables_are_named(tmp_path, tables, match):
    with pytest.raises(InstanceError, match=match):
        feeder_from_simbench(wheel(tmp_path, tables), network="LV9.101")


def test_unknown_networks_and_options_are_named(tmp_path):
    path = wheel(tmp_path, TABLES)
    with pytest.raises(InstanceError, match=r"value LV7.1: there is no such network; choose one of LV4.101, LV9.101"):
        feeder_from_simbench(path, network="LV7.1")
    with pytest.raises(ValueError, match="phases three or one; not 1, 'two'"):
        feeder_from_simbench(path, network="LV9.101", phases="two")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        feeder_from_simbench(tmp_path / "none.whl")
