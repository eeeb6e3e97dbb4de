"""Feeders and load flow: by hand, by sweeps, by OpenDSS, by finite differences."""

import os
import pickle
from pathlib import Path

import makers_feeder
import numpy as np
import pytest
from commonwatt.instances.aggregator import Feeder
from commonwatt.instances.errors import InfeasibleError, InstanceError
from commonwatt.instances.sources.opendss import feeder_from_opendss
from commonwatt.instances.sources.radial_feeder import MAINS, radial_feeder, sequence_matrix, transformer_impedance
from commonwatt.models.aggregator.feeder_flow import feeder_violations, sweep
from commonwatt.solvers.congestion import congestion
from commonwatt.solvers.kernels import existence_margin, power_flow, voltage_sensitivity
from commonwatt.solvers.kernels.load_flow import CHUNK, conductor_currents

DATA = os.environ.get("COMMONWATT_DATA", "")
with_data = pytest.mark.skipif(not DATA, reason="COMMONWATT_DATA names no folder of test data")


def test_one_load_by_hand():
    """A resistance in series: V² - 230 V + r P = 0, of which the greater root is the voltage."""
    feeder = makers_feeder.one_line(0.5)
    found = power_flow(feeder, [5.0, 0.0])
    assert found[0] == pytest.approx((230 + np.sqrt(230**2 - 4 * 0.5 * 5000)) / 2)
    assert found[1] == pytest.approx(230 * np.exp(-2j * np.pi / 3))
    assert power_flow(feeder, [-5.0, 0.0])[0] == pytest.approx((230 + np.sqrt(230**2 + 4 * 0.5 * 5000)) / 2)


def test_a_phase_lowers_the_others_voltage_by_what_they_have_in_common():
    feeder = makers_feeder.one_line(0.5, mutual=0.2)
    found = power_flow(feeder, [5.0, 0.0])
    current = 5000 / np.conj(found[0])
    assert found[0] == pytest.approx(230 - 0.5 * current)
    assert found[1] == pytest.approx(230 * np.exp(-2j * np.pi / 3) - 0.2 * current)


def test_reactive_power_and_source_by_hand():
    """With z = jx and S = jQ the voltage falls as with a resistance and active power."""
    feeder = makers_feeder.one_line(0.3j, source_reactance_ohm=0.2 * np.eye(3))
    found = power_flow(feeder, [0.0, 0.0], [5.0, 0.0])
    assert found[0] == pytest.approx((230 + np.sqrt(230**2 - 4 * 0.5 * 5000)) / 2)


def test_margin_is_a_quarter_where_a_single_load_collapses():
    feeder = makers_feeder.one_line(0.5)
    most = 230**2 / (4 * 0.5) / 1e3
    assert existence_margin(feeder, [most, 0.0]) == pytest.approx(0.25)
    assert power_flow(feeder, [0.999 * most, 0.0])[0].real == pytest.approx(115, rel=0.04)
    for solve in (power_flow, sweep):
        with pytest.raises(InfeasibleError, match=r"net_load_kw\[0\]: no voltages were found .* 26\.71 kW"):
            solve(feeder, [1.01 * most, 0.0])


@pytest.mark.parametrize("seed", range(25))
def test_kernel_agrees_with_sweeps_of_the_tree(seed):
    feeder = Feeder.radial(int(np.random.default_rng(seed).integers(1, 60)), seed=seed)
    kw, kvar = makers_feeder.random_power(feeder, seed, samples=5)
    flow = sweep(feeder, kw, kvar)
    found = power_flow(feeder, kw, kvar)
    np.testing.assert_allclose(found, flow.load_voltage_v, atol=1e-6)
    position, feeds = feeder.conductors
    current = conductor_currents(feeder, found, kw, kvar)
    np.testing.assert_allclose(current, flow.line_current_a[:, position[:, 0], position[:, 1]], atol=1e-6)
    assert feeds.shape == (len(position), len(feeder.load))
    # What all loads draw and all lines lose is what the source gives.
    given = (flow.bus_voltage_v[:, feeder.source_bus] * np.conj(_at_source(feeder, found, kw, kvar))).sum(axis=1)
    drop = flow.bus_voltage_v[:, feeder.line_from] - flow.bus_voltage_v[:, feeder.line_to]
    lost = (drop * np.conj(flow.line_current_a)).sum(axis=(1, 2))
    np.testing.assert_allclose(given, 1e3 * (kw + 1j * kvar).sum(axis=1) + lost, atol=1e-2)


def _at_source(feeder, voltage, kw, kvar):
    drawn = np.conj(1e3 * (kw + 1j * kvar) / voltage)
    return np.stack([drawn[:, feeder.load_phase == p].sum(axis=1) for p in range(3)], axis=1)


@pytest.mark.parametrize(("loads", "seed"), [(1, 0), (9, 1), (30, 2), (55, 3)])
def test_generated_feeders_agree_with_opendss(loads, seed):
    """Its own transformer, its own network above: voltages to 1e-4 V with evenings and reverse flow."""
    feeder = Feeder.radial(loads, seed=seed)
    engine = makers_feeder.opendss_of(feeder)
    kw, kvar = makers_feeder.random_power(feeder, seed, samples=10)
    found = power_flow(feeder, kw, kvar)
    for s in range(len(kw)):
        theirs = makers_feeder.opendss_voltages(engine, [f"h{i}" for i in range(loads)], kw[s], kvar[s])
        np.testing.assert_allclose(np.abs(found[s]), np.abs(theirs), atol=1e-4)
        np.testing.assert_allclose(found[s], theirs, atol=1e-3)


@with_data
@pytest.mark.parametrize(
    ("path", "loads"),
    [
        ("ieee_eu_lv/Master.dss", 55),
        ("au_lv_mg1/LVcircuit-master.txt", 31),
        ("es_lv_representative/RF1.dss", 43),
        ("es_lv_representative/RF4.dss", 22),
    ],
)
def test_real_feeders_agree_with_opendss(path, loads):
    """Three wires and four, nodes that change their number on the way, loads of three phases."""
    feeder = feeder_from_opendss(Path(DATA) / "feeders" / path, highest_v=260.0)
    assert len(feeder.load) == loads
    assert feeder.highest_v == 260.0
    engine = makers_feeder.open_engine()
    engine.Command("batchedit load..* enabled=yes model=1 vminpu=0.3 vmaxpu=2.0 yearly='' daily=''")
    engine.Command("set tolerance=1e-10 maxiterations=1000")
    three = [str(name)[:-2] for name in feeder.load if str(name).endswith(".1")]
    for name in three:
        engine.Command(f"edit load.{name} enabled=no")
    single = np.array([str(name)[:-2] not in three for name in feeder.load])
    for seed in range(5):
        kw, kvar = (0.7 * each[0] * single for each in makers_feeder.random_power(feeder, seed))
        found = power_flow(feeder, kw, kvar)[single]
        theirs = makers_feeder.opendss_voltages(engine, [str(n) for n in feeder.load[single]], kw[single], kvar[single])
        np.testing.assert_allclose(found, theirs, atol=1e-4)


@with_data
def test_ratings_of_real_cables_are_the_users():
    path = Path(DATA) / "feeders" / "ieee_eu_lv" / "Master.dss"
    feeder = feeder_from_opendss(path, rating_a={"4c_70": 190.0})
    assert feeder.rating_a.min() == 190.0
    assert len(feeder.conductors[0]) == 107


def test_what_no_feeder_can_hold_is_refused_by_name(tmp_path):
    start = "clear\nnew circuit.x basekv=11\nnew transformer.t buses=[sourcebus low] kvs=[11 0.4] kvas=[100 100]\n"
    line = "new line.{} bus1={} bus2={} phases=3 r1=0.1 x1=0.1 length=1\n"
    ring = line.format("one", "low", "far") + line.format("two", "far", "end") + line.format("three", "low", "end")
    for body, match in (
        (ring + "new load.h bus1=end.1 phases=1 kv=0.23 kw=1", "Line, row .*closes a ring at bus"),
        (line.format("one", "low", "far") + "new load.h bus1=far.1.2 phases=1 kv=0.4 kw=1", "row h, .*between phases"),
        (line.format("one", "low", "far") + "new load.h bus1=else.1 phases=1 kv=0.23 kw=1", "row h, value else.1"),
        ("new transformer.u buses=[sourcebus b] kvs=[11 0.4]\nnew load.h bus1=b.1 phases=1 kv=0.23", "2 transformers"),
    ):
        file = tmp_path / "network.dss"
        file.write_text(start + body + "\n")
        with pytest.raises(InstanceError, match=match):
            feeder_from_opendss(file)
    with pytest.raises(FileNotFoundError, match="no file"):
        feeder_from_opendss(tmp_path / "none.dss")


@pytest.mark.parametrize("seed", range(6))
def test_sensitivities_are_derivatives(seed):
    feeder = Feeder.radial(20, seed=seed)
    kw, kvar = (each[0] for each in makers_feeder.random_power(feeder, seed))
    found = voltage_sensitivity(feeder, kw, kvar)
    step = 1e-3 * np.eye(len(kw))
    voltages = [power_flow(feeder, kw + sign * step, np.tile(kvar, (len(kw), 1))) for sign in (1, -1)]
    by_difference = (np.abs(voltages[0]) - np.abs(voltages[1])).T / 2e-3
    np.testing.assert_allclose(found.voltage_v_per_kw, by_difference, atol=1e-6)
    currents = [
        np.abs(conductor_currents(feeder, voltage, kw + sign * step, np.tile(kvar, (len(kw), 1))))
        for voltage, sign in zip(voltages, (1, -1), strict=True)
    ]
    np.testing.assert_allclose(found.current_a_per_kw, (currents[0] - currents[1]).T / 2e-3, rtol=1e-5, atol=1e-5)
    # A step of Newton's method makes its voltages as sharp as those of the sweep.
    np.testing.assert_allclose(found.voltage_v, sweep(feeder, kw, kvar[None]).load_voltage_v[0], atol=5e-9)
    assert np.abs(found.voltage_v - power_flow(feeder, kw, kvar)).max() < 1e-7


@pytest.mark.parametrize("seed", range(4))
def test_order_of_loads_and_number_of_samples_do_not_matter(seed):
    feeder = Feeder.radial(12, seed=seed)
    kw, _ = makers_feeder.random_power(feeder, seed, samples=CHUNK + 3)
    found = power_flow(feeder, kw)
    order = np.random.default_rng(seed).permutation(12)
    turned = feeder.replace(
        load=feeder.load[order], load_bus=feeder.load_bus[order], load_phase=feeder.load_phase[order]
    )
    np.testing.assert_allclose(power_flow(turned, kw[:, order]), found[:, order], atol=1e-6)
    np.testing.assert_allclose(power_flow(feeder, kw[-1]), found[-1], atol=1e-6)
    np.testing.assert_allclose(existence_margin(feeder, 2 * kw), 2 * existence_margin(feeder, kw))
    assert power_flow(feeder, kw[:0]).shape == (0, 12)


def test_violations_name_sample_load_and_conductor():
    feeder = makers_feeder.one_line(0.5)
    kw = np.array([[8.0, 0.0], [0.0, 0.0], [0.0, -15.0]])
    found = feeder_violations(feeder, sweep(feeder, kw), np.array(["noon", "night", "day"]))
    told = [(each.rule, each.where) for each in found]
    assert told == [
        ("voltage too low", "noon, first"),
        ("voltage too high", "day, second"),
        ("current above rating", "noon, line 1, a"),
        ("current above rating", "day, line 1, b"),
    ]
    assert found[0].value == pytest.approx((230 + np.sqrt(230**2 - 4 * 0.5 * 8000)) / 2)
    assert found[2].limit == 30.0


def test_conductors_are_the_weakest_of_those_that_feed_the_same_loads():
    feeder = Feeder.radial(15, seed=5)
    position, feeds = feeder.conductors
    sets = {}
    for k in range(len(feeder.line)):
        for p in range(3):
            fed = tuple(np.flatnonzero(feeder.behind[k] & (feeder.load_phase == p)))
            if fed:
                sets[fed] = min(sets.get(fed, np.inf), feeder.rating_a[k])
    ours = {tuple(np.flatnonzero(row)): feeder.rating_a[k] for (k, _), row in zip(position, feeds, strict=True)}
    assert ours == sets


def test_symmetric_element_has_its_sequence_impedances():
    matrix = sequence_matrix(0.3 + 0.1j, 1.2 + 0.2j)
    np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(matrix)), [0.3 + 0.1j, 0.3 + 0.1j, 1.2 + 0.2j])
    np.testing.assert_allclose(transformer_impedance(100.0).sum(axis=0), (0.01 + 0.045j) * 3 * 230**2 / 1e5)
    np.testing.assert_allclose(MAINS[0].matrix(500.0), 5 * MAINS[0].matrix(100.0))


def test_generator_is_seeded_and_says_what_it_cannot_do():
    assert Feeder.radial(20, seed=1) == Feeder.radial(20, seed=1)
    assert Feeder.radial(20, seed=1) != Feeder.radial(20, seed=2)
    with pytest.raises(ValueError, match="at least 1 load, not 0"):
        Feeder.radial(0)
    copy = pickle.loads(pickle.dumps(Feeder.radial(5)))
    assert copy == Feeder.radial(5)
    assert not copy.resistance_ohm.flags.writeable


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"line_from": [1], "line_to": [1]}, "some lines form a ring without the source"),
        ({"highest_v": 200.0}, "highest_v, value 200: is not above lowest_v, 216.2 V"),
        ({"source_v": [230.0, 0.0, 230.0]}, "source_v, row b, value 0: must be positive"),
        ({"phase": ["a", "b"]}, "phase"),
        ({"load_phase": [0, 3]}, "load_phase"),
        ({"resistance_ohm": np.triu(np.ones((1, 3, 3)))}, "resistance_ohm, row line 1: is not symmetric"),
        ({"rating_a": [-1.0]}, "rating_a"),
    ],
)
def test_bad_feeders_are_refused_by_name(changes, match):
    with pytest.raises(InstanceError, match=match):
        makers_feeder.one_line(0.5, **changes)


def test_bad_powers_are_refused_by_name():
    feeder = makers_feeder.one_line(0.5)
    for kw, kvar, match in (
        ([1.0], None, r"net_load_kw has shape \(1,\); give one number for each of the 2 loads"),
        ([1.0, np.nan], None, r"net_load_kw\[1\] is nan; give finite numbers"),
        ([1.0, 1.0], [[0.0, np.inf]], r"net_load_kvar\[0, 1\] is inf"),
    ):
        with pytest.raises(ValueError, match=match):
            power_flow(feeder, kw, kvar)
    with pytest.raises(ValueError, match="sensitivities are of one sample"):
        voltage_sensitivity(feeder, [[1.0, 1.0]])


def test_congestion_is_what_the_rules_find():
    feeder = radial_feeder(30, seed=4, trunk_mm2=95, metres_between=(15.0, 40.0))
    feeder = feeder.replace(rating_a=0.5 * feeder.rating_a, lowest_v=225.0)
    rng = np.random.default_rng(4)
    power = rng.gamma(1.5, 1.5, (40, 30)) * np.where(rng.random((40, 1)) < 0.5, 1.0, -1.5)
    found = congestion(feeder, power)
    rows = np.arange(40).astype(str)
    broken = feeder_violations(feeder, sweep(feeder, power), rows)
    for rule, flags in (
        ("voltage too low", found.low), ("voltage too high", found.high), ("current above rating", found.hot)
    ):  # fmt: skip
        samples = {int(one.where.split(",")[0]) for one in broken if one.rule == rule}
        assert samples == set(np.flatnonzero(flags)), rule
        assert samples
    assert found.any.sum() == len({one.where.split(",")[0] for one in broken})
    assert found.certified.tolist() == (existence_margin(feeder, power) < 0.25).tolist()
    assert congestion(feeder, np.zeros((1, 30))).loading[0] == 0.0
    # Without a rating any current is too much.
    bare = feeder.replace(rating_a=np.zeros(len(feeder.line)))
    assert np.isinf(congestion(bare, power[:1]).loading[0])


def test_a_thinner_trunk_drops_more():
    power = np.full(20, 2.0)
    lowest = [np.abs(power_flow(radial_feeder(20, seed=1, trunk_mm2=mm2), power)).min() for mm2 in (300, 185, 95)]
    assert lowest[0] > lowest[1] > lowest[2]
    with pytest.raises(ValueError, match="trunk_mm2 is 120; choose one of 300, 185, 95"):
        radial_feeder(20, trunk_mm2=120)
