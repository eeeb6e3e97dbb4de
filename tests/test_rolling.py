"""The sliding horizon: one shot where it sees all, rules kept where it does not, and nothing lost when it stops."""

import numpy as np
import pytest
from commonwatt.instances.errors import InfeasibleError, NotApplicable, ReportedError
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.models.scheduling.rules import community_cost, peak_kw, violations
from commonwatt.solvers import rolling
from commonwatt.solvers.rolling import RollingStopped, roll
from commonwatt.solvers.rolling_engines import Kernel, WindowProgram
from commonwatt.solvers.rolling_forecasts import Forecaster
from commonwatt.solvers.rolling_horizon import Horizon, State
from commonwatt.solvers.rolling_ring import Ring
from commonwatt.solvers.scheduling_programs import run_community_cost


def random_instance(seed: int) -> SchedulingInstance:
    """Small instances with a bit of everything, feasible or not."""
    draw = np.random.default_rng(seed)
    t, n, s, r = (int(draw.integers(low, high)) for low, high in ((2, 7), (1, 4), (0, 4), (0, 3)))
    buy = draw.choice([0.1, 0.2, 0.3, 0.5], t)
    sell = buy * draw.choice([0, 0.5, 1.0], t)
    given = {
        "load_kwh": draw.choice([0, 0.5, 1, 2, 3.0], (t, n)),
        "generation_kwh": draw.choice([0, 0, 1, 4.0], (t, n)),
        "dt_h": float(draw.choice([0.5, 1, 0.25])),
    }
    if seed % 5 == 1:
        buy = buy - draw.choice([0, 0.3], t)
        sell = np.minimum(buy, sell)
    if seed % 3 == 0:
        given |= {"demand_charge": float(draw.choice([0, 0.5, 2]))}
    if seed % 4 == 1:
        given |= {"export_limit_kw": np.full(t, float(draw.choice([0, 1, 3])))}
    if seed % 8 == 5:
        given |= {"spill": "forbidden"}
    if seed % 6 == 2:
        given |= {"lost_load": "priced", "lost_load_price": 3.0, "import_limit_kw": draw.choice([0, 1, 5.0], t)}
    if seed % 6 == 4:
        shed = given["load_kwh"] * draw.choice([0, 0.5, 1], (t, n))
        given |= {"curtailable_kwh": shed, "curtailment_price": draw.choice([0.15, 0.4, 2.0], n)}
    if seed % 9 == 4:
        given |= {"member_export_kw": draw.choice([0, 1, 4.0], n)}
    if seed % 9 == 6:
        given |= {"lost_load": "priced", "connected": draw.choice([0, 1, 1], (t, n))}
    if s:
        capacity = draw.choice([0, 1, 3.0], s)
        given |= {
            "storage_of": draw.integers(0, n, s),
            "capacity_kwh": capacity,
            "charge_kw": draw.choice([0, 1, 4.0], s),
            "discharge_kw": draw.choice([0, 1, 4.0], s),
            "charge_efficiency": draw.choice([1, 0.9, 0.6], s),
            "discharge_efficiency": draw.choice([1, 0.9], s),
            "retention": draw.choice([1, 0.95], s),
            "initial_kwh": capacity * draw.choice([0, 0.5, 1], s),
            "terminal_value": draw.choice([0, 0.1, 0.25], s),
        }
        if seed % 4 == 2:
            target = capacity * draw.choice([0, 0.5, 1], (t + 1, s))
            given |= {"target_kwh": target, "target_price": draw.choice([0.05, 0.3], s)}
        if seed % 4 == 3:
            given |= {"plugged": draw.choice([0, 1, 1], (t, s))}
    if r:
        earliest = draw.integers(0, t, r)
        latest = np.array([draw.integers(first, t) for first in earliest])
        power = draw.choice([1, 2.0, 5], r)
        energy = power * given["dt_h"] * (latest - earliest + 1) * draw.choice([0, 0.3, 1], r)
        given |= {"request_of": draw.integers(0, n, r), "earliest": earliest, "latest": latest}
        given |= {"request_kw": power, "request_kwh": energy}
    return SchedulingInstance(buy_price=buy, sell_price=sell, **given)


def prosumer(intervals: int = 60, *, seed: int = 0, members: int = 1, **changes: object) -> SchedulingInstance:
    """A battery against sun and a tariff."""
    draw = np.random.default_rng(seed)
    hour = np.arange(intervals)[:, None]
    sun = np.maximum(0.0, 3 * np.sin((hour % 24 - 6) / 12 * np.pi)) * draw.uniform(0.2, 1, (intervals, members))
    given = {
        "load_kwh": 0.6 + draw.uniform(0, 1, (intervals, members)),
        "generation_kwh": sun,
        "buy_price": 0.25 + draw.uniform(-0.1, 0.1, intervals),
        "sell_price": np.full(intervals, 0.08),
        "dt_h": 1.0,
        "storage_of": [0],
        "capacity_kwh": [6.0],
        "charge_kw": [2.0],
        "discharge_kw": [2.0],
        "charge_efficiency": [0.95],
        "discharge_efficiency": [0.9],
        "retention": [0.999],
        "initial_kwh": [1.0],
    }
    return SchedulingInstance(**(given | changes))


def sound(result: rolling.Rolling) -> None:
    decision = result.decision
    assert violations(decision.instance, decision) == []
    # Energy is conserved: what comes in and is not used, lost in storage or left in it goes out.
    given = decision.instance
    change = decision.soc_kwh[1:] - given.retention * decision.soc_kwh[:-1]
    stored = given.charge_efficiency * decision.charge_kwh - decision.discharge_kwh / given.discharge_efficiency
    np.testing.assert_allclose(change, stored - given.driven_kwh, atol=1e-9)
    used = given.load_kwh - decision.curtailed_kwh - decision.lost_kwh
    made = given.generation_kwh - decision.spilled_kwh
    total = used.sum() - made.sum() + decision.served_kwh.sum() + (decision.charge_kwh - decision.discharge_kwh).sum()
    assert decision.community_net_kwh.sum() == pytest.approx(total, abs=1e-9)


def rolled(instance: SchedulingInstance, **options: object) -> tuple[rolling.Rolling, bool]:
    try:
        return roll(instance, **options), True
    except RollingStopped as stopped:
        return stopped.rolling, False


@pytest.mark.parametrize("seed", range(28))
def test_seeing_everything_is_one_shot_and_seeing_less_keeps_the_rules(seed):
    instance = random_instance(seed)
    count = len(instance.interval)
    try:
        best = community_cost(instance, run_community_cost(instance).decision)
    except InfeasibleError:
        best = None
    for options in ({"window": count, "step": count}, {"window": count + 2, "step": 1}):
        result, whole = rolled(instance, failures="known", **options)
        assert whole == (best is not None)
        if whole:
            sound(result)
            assert community_cost(instance, result.decision) == pytest.approx(best, rel=1e-9, abs=1e-9)
            assert result.windows["gap"].abs().max() <= 1e-6
    for options in (
        {"window": 2, "step": 1},
        {"window": 2, "step": 2, "terminal": "worth"},
        {"window": 3, "step": 1, "forecast": "noisy", "noise": 0.3},
        {"window": 4, "step": 2, "forecast": "persistence", "price_forecast": "persistence"},
    ):
        result, whole = rolled(instance, **options)
        assert result.finished == (count if whole else result.finished)
        if result.decision is not None:
            sound(result)
            assert len(result.decision.instance.interval) == result.finished
        if whole:
            # What looks ahead less is no better.
            assert best is not None
            assert community_cost(instance, result.decision) >= best - 1e-9 * max(1.0, abs(best))


def _engines(horizon: Horizon) -> list:
    made = [WindowProgram(horizon)]
    for engine in (Ring, Kernel):
        try:
            made.append(engine(horizon))
        except NotApplicable:
            continue
    return made


VARIANTS = {
    "plain": {},
    "peak": {"demand_charge": 2.0},
    "worth": {"terminal_value": [0.2], "final_kwh": [4.0]},
    "limits": {"import_limit_kw": np.full(30, 2.5), "export_limit_kw": np.full(30, 0.5), "lost_load": "priced"},
    "comfort": {"target_kwh": np.full((31, 1), 3.0), "target_price": [0.02]},
    "car": {"plugged": np.tile([[1], [1], [0]], (10, 1)), "trip_kwh": np.tile([[0], [0], [0.5]], (10, 1))},
    "free sale": {"sell_price": np.full(30, -0.02)},
    "outage": {"import_limit_kw": np.repeat([9.0, 0.0, 9.0], 10), "lost_load": "priced"},
    "own limit": {"member_import_kw": [1.8], "lost_load": "priced", "lost_load_price": 1.0},
    "failure": {"connected": np.repeat([1, 0, 1], 10)[:, None], "lost_load": "priced"},
}


@pytest.mark.parametrize("forecast", ["perfect", "noisy", "persistence"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_engines_agree_on_windows_from_a_common_state(variant, forecast):
    instance = prosumer(30, seed=3, **VARIANTS[variant])
    prices = "persistence" if forecast == "persistence" else "known"
    horizon = Horizon(instance, 7, 1, Forecaster(instance, forecast, 0.3, 5, prices), variant == "plain")
    engines = _engines(horizon)
    assert len(engines) == (3 if variant in ("plain", "worth") else 2)
    draw = np.random.default_rng(1)
    state = State(0, instance.initial_kwh, np.zeros(0), 0.0)
    # Across the beginning and the end of an outage, and to the end of the horizon.
    for number in (8, 9, 10, 11, 20, 26, 27, 28, 29):
        content = np.maximum(state.content_kwh, horizon.least_kwh[number])
        state = State(number, content, state.remaining_kwh, state.peak_kwh)
        plans = [engine.plan(state, number) for engine in engines]
        for plan in plans:
            assert plan.objective == pytest.approx(plans[0].objective, rel=1e-9, abs=1e-9)
            assert abs(plan.gap) <= 1e-9
        chosen = plans[draw.integers(len(plans))]
        state = State(number, chosen.content_kwh[0], np.zeros(0), max(state.peak_kwh, draw.uniform(0, 2)))


def test_pool_of_members_agrees_with_the_program_of_the_community():
    load = prosumer(20, members=3).load_kwh
    many = {"storage_of": [0, 2], "capacity_kwh": [4.0, 2.0], "charge_kw": [1.0, 2.0], "discharge_kw": [1.0, 2.0]}
    many |= {"charge_efficiency": [0.9, 1.0], "discharge_efficiency": [1.0, 0.8], "retention": [1.0, 0.9]}
    many |= {"initial_kwh": [0.0, 1.0], "curtailable_kwh": load / 2, "curtailment_price": [0.3, 0.2, 0.3]}
    instance = prosumer(20, members=3, **many, import_limit_kw=np.full(20, 4.0), lost_load="priced")
    results = [roll(instance, window=6, engine=engine) for engine in ("ring", "program")]
    for result in results:
        sound(result)
        assert result.decision.curtailed_kwh.sum() > 0.1
    first = [result.windows["objective"].iloc[0] for result in results]
    assert first[0] == pytest.approx(first[1], rel=1e-9)
    whole = [
        community_cost(instance, roll(instance, window=20, step=20, engine=e).decision) for e in ("ring", "program")
    ]
    best = community_cost(instance, run_community_cost(instance).decision)
    assert whole == pytest.approx([best, best], rel=1e-9)


def test_auto_takes_the_ring_where_it_applies():
    assert roll(prosumer(5), window=3).engine == "ring"
    request = {"request_of": [0], "earliest": [1], "latest": [3], "request_kw": [2.0], "request_kwh": [3.0]}
    instance = prosumer(5, **request)
    assert roll(instance, window=3).engine == "program"
    with pytest.raises(NotApplicable, match="request 1: movable requests are no part of the ring"):
        roll(instance, window=3, engine="ring")
    with pytest.raises(NotApplicable, match="the kernel serves no movable requests"):
        roll(instance, window=3, engine="kernel")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"members": 2, "member_import_kw": [3.0, 3.0]}, "its own connection is limited"),
        ({"buy_price": np.full(6, -0.1), "sell_price": np.full(6, -0.2)}, "negative"),
        ({"sell_price": np.full(6, 0.9)}, "exceeds the buying price"),
        ({"spill": "forbidden", "export_limit_kw": np.full(6, 5.0), "generation_kwh": np.ones((6, 1))}, "is limited"),
    ],
)
def test_ring_says_where_it_does_not_apply(changes, words):
    with pytest.raises(NotApplicable, match=words):
        roll(prosumer(6, **changes), window=3, engine="ring")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"demand_charge": 1.0}, "demand charge"),
        ({"export_limit_kw": np.ones(6)}, "a connection is limited"),
        ({"lost_load": "priced"}, "load may be curtailed or lost"),
        ({"sell_price": np.full(6, -0.1)}, "not 0 ≤ sell ≤ buy"),
        ({"trip_kwh": np.full((6, 1), 0.1)}, "trips take energy"),
        ({"target_kwh": np.ones((7, 1)), "target_price": [0.1]}, "missed targets cost money"),
        ({"initial_kwh": [9.0]}, "begins with more than its capacity"),
    ],
)
def test_kernel_says_where_it_does_not_apply(changes, words):
    with pytest.raises(NotApplicable, match=words):
        roll(prosumer(6, **changes), window=3, engine="kernel")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 0}, "window must be a whole number"),
        ({"window": 2.5}, "window must be a whole number"),
        ({"step": True}, "step must be a whole number"),
        ({"window": 2, "step": 3}, "step of 3 intervals is more than the window of 2"),
        ({"forecast": "psychic"}, "unknown forecast 'psychic'; known: perfect, persistence, noisy"),
        ({"price_forecast": "noisy"}, "unknown price_forecast"),
        ({"engine": "cvxpy"}, "unknown engine 'cvxpy'; known: auto, ring, kernel, program"),
        ({"terminal": "free"}, "unknown terminal 'free'; known: none, worth"),
        ({"failures": "maybe"}, "unknown failures"),
        ({"noise": -0.1}, "noise must be a number"),
        ({"noise": np.nan}, "noise must be a number"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        roll(prosumer(5), **options)


def test_forecasts_know_the_past_only():
    instance = prosumer(60, dt_h=1.0)
    last = Forecaster(instance, "persistence")
    load, _ = last.energies(30, 28, 0)
    np.testing.assert_array_equal(load[:24], instance.load_kwh[6:30])
    np.testing.assert_array_equal(load[24:], instance.load_kwh[6:10])
    load, generation = last.energies(5, 4, 0)
    np.testing.assert_array_equal(load, np.repeat(instance.load_kwh[4:5], 4, axis=0))
    # Nothing after the present can show in a forecast.
    future = instance.load_kwh.copy()
    future[5:] += 1.0
    changed = Forecaster(instance.replace(load_kwh=future), "persistence").energies(5, 4, 0)
    np.testing.assert_array_equal(changed[0], load)
    np.testing.assert_array_equal(changed[1], generation)
    buy, _ = Forecaster(instance, prices="persistence").tariff(30, 26)
    np.testing.assert_array_equal(buy[:2], instance.buy_price[[30, 7]])
    np.testing.assert_array_equal(buy[24:], instance.buy_price[[30, 7]])


def test_noise_grows_with_lead_time_and_is_drawn_by_seed_and_window():
    instance = prosumer(30, members=4, load_kwh=np.ones((30, 4)))
    noisy = Forecaster(instance, "noisy", noise=0.1, seed=3)
    drawn = np.array([noisy.energies(0, 30, window)[0] for window in range(600)]) - 1.0
    spread = drawn.std(axis=(0, 2))
    want = 0.1 * np.sqrt(1 - 0.81 ** np.arange(1, 31))
    np.testing.assert_allclose(spread, want, rtol=0.06)
    assert abs(drawn.mean()) < 0.005
    again = Forecaster(instance, "noisy", noise=0.1, seed=3).energies(0, 30, 7)[0]
    np.testing.assert_array_equal(again - 1.0, drawn[7])
    assert not np.array_equal(Forecaster(instance, "noisy", noise=0.1, seed=4).energies(0, 30, 7)[0], again)
    none = Forecaster(instance, "noisy", noise=0.0).energies(2, 9, 1)
    np.testing.assert_array_equal(none[1], instance.generation_kwh[2:11])
    wild = Forecaster(instance, "noisy", noise=9.0).energies(0, 30, 1)[0]
    assert wild.min() == 0.0


def test_table_of_windows():
    result = roll(prosumer(30), window=6, forecast="noisy", seed=2)
    table = result.windows
    assert list(table.columns) == list(rolling.COLUMNS)
    assert len(table) == 30
    assert list(table["interval"]) == list(result.decision.instance.interval)
    assert (table["status"] == "optimal").all()
    assert (table["forecast_error_kwh"] > 0).all()
    assert (table["seconds"] > 0).all()
    assert table["iterations"].sum() > 0
    assert (roll(prosumer(30), window=6).windows["forecast_error_kwh"] == 0).all()
    steps = roll(prosumer(30), window=6, step=4).windows["interval"]
    assert list(steps) == list(result.decision.instance.interval[::4])


def test_better_forecasts_and_longer_windows_cost_less():
    instance = prosumer(24 * 6)
    best = community_cost(instance, run_community_cost(instance).decision)
    cost = {
        (window, forecast): community_cost(instance, roll(instance, window=window, forecast=forecast).decision)
        for window, forecast in ((24, "perfect"), (2, "perfect"), (24, "noisy"), (24, "persistence"))
    }
    assert best <= cost[24, "perfect"] + 1e-9
    assert cost[24, "perfect"] < min(cost[2, "perfect"], cost[24, "noisy"], cost[24, "persistence"])
    # What content is worth makes up for a short window.
    worth = community_cost(instance, roll(instance, window=4, terminal="worth").decision)
    assert worth < community_cost(instance, roll(instance, window=4).decision)


def test_peak_so_far_is_handed_over():
    instance = prosumer(48, demand_charge=3.0)
    aware = roll(instance, window=12)
    ignorant = roll(instance.replace(demand_charge=0.0), window=12)
    assert peak_kw(instance, aware.decision) < peak_kw(instance, ignorant.decision) - 0.1
    assert community_cost(instance, aware.decision) < community_cost(instance, ignorant.decision)
    for engine in ("ring", "program"):
        horizon = Horizon(instance, 12, 1, Forecaster(instance))
        maker = {"ring": Ring, "program": WindowProgram}[engine](horizon)
        plans = [maker.plan(State(0, instance.initial_kwh, np.zeros(0), peak), 0) for peak in (0.0, 50.0)]
        assert plans[1].objective > plans[0].objective + 100


@pytest.mark.parametrize("options", [{}, {"forecast": "noisy"}, {"engine": "program", "step": 2}, {"engine": "kernel"}])
def test_taken_up_again_is_never_cut_off(options, tmp_path, monkeypatch):
    monkeypatch.setattr(rolling, "BLOCK", 4)
    instance = prosumer(30)
    plain = roll(instance, window=5, **options)

    class CutOffError(Exception):
        pass

    def cut(at):
        def progress(finished, intervals):
            assert intervals == 30
            if finished >= at:
                raise CutOffError

        return progress

    for at in (14, 23):
        with pytest.raises(CutOffError):
            roll(instance, window=5, folder=tmp_path, progress=cut(at), **options)
    seen = []
    result = roll(instance, window=5, folder=tmp_path, progress=lambda done, _: seen.append(done), **options)
    assert 14 < seen[0] <= 24
    assert result.decision.content_hash == plain.decision.content_hash
    same = [column for column in rolling.COLUMNS if column != "seconds"]
    assert result.windows[same].equals(plain.windows[same])
    again = roll(instance, window=5, folder=tmp_path, progress=lambda done, _: pytest.fail("all was done"), **options)
    assert again.decision.content_hash == plain.decision.content_hash
    with pytest.raises(ValueError, match="another instance or with other arguments"):
        roll(instance, window=6, folder=tmp_path, **options)
    with pytest.raises(ValueError, match="another instance or with other arguments"):
        roll(prosumer(30, seed=1), window=5, folder=tmp_path, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rolling.npz"]


def test_infeasible_window_stops_and_keeps_what_is_finished():
    limit = np.full(20, 5.0)
    limit[12] = 0.2
    load = np.full((20, 1), 1.0)
    load[12] = 9.0
    instance = prosumer(20, load_kwh=load, generation_kwh=np.zeros((20, 1)), import_limit_kw=limit)
    for engine in ("ring", "program"):
        with pytest.raises(RollingStopped, match=r"2030-01-01T12:00:00Z: 6\.8 kWh of load cannot be served") as stop:
            roll(instance, window=4, engine=engine)
        assert isinstance(stop.value, ReportedError)
        result = stop.value.rolling
        assert result.finished == 9
        assert len(result.windows) == 9
        sound(result)
        assert "the window that begins 2030-01-01T09:00:00Z" in str(stop.value)
    # Where nothing can be done at all, nothing is finished.
    with pytest.raises(RollingStopped) as stop:
        roll(instance, window=20)
    assert stop.value.rolling.finished == 0
    assert stop.value.rolling.decision is None


def test_finished_part_of_requests_that_are_under_way():
    request = {"request_of": [0, 0, 0], "earliest": [0, 1, 8], "latest": [3, 9, 9]}
    request |= {"request_kw": [2.0, 1.0, 1.0], "request_kwh": [4.0, 7.5, 1.0]}
    limit = np.full(10, 20.0)
    limit[6] = 0.0
    instance = prosumer(10, **request, import_limit_kw=limit, capacity_kwh=[0.0], initial_kwh=[0.0])
    result, whole = rolled(instance, window=2)
    assert not whole
    assert result.finished == 6
    sound(result)
    part = result.decision.instance
    assert len(part.request) == 2
    assert part.request_kwh[0] == 4.0
    # The second has nine intervals for seven and a half hours, so it has to begin before it is cut off.
    assert 3.5 - 1e-9 <= part.request_kwh[1] < 7.5


def test_requests_are_served_when_slack_runs_out():
    draw = np.random.default_rng(5)
    count = 12
    earliest = draw.integers(0, count, count)
    latest = np.array([draw.integers(first, count) for first in earliest])
    power = draw.uniform(0.5, 2.0, count)
    energy = power * (latest - earliest + 1) * draw.choice([0.3, 0.7, 1.0], count)
    request = {"request_of": np.zeros(count, int), "earliest": earliest, "latest": latest}
    instance = prosumer(count, **request, request_kw=power, request_kwh=energy)
    for options in ({"window": 2}, {"window": 3, "step": 3, "forecast": "persistence"}, {"window": 1}):
        result = roll(instance, **options)
        sound(result)
        np.testing.assert_allclose(result.decision.served_kwh.sum(axis=0), energy, rtol=1e-9)


def test_required_content_is_reached_from_short_windows():
    required = np.zeros((21, 1))
    required[15] = 5.9
    instance = prosumer(20, required_kwh=required, final_kwh=[3.0], initial_kwh=[0.0], charge_kw=[0.8])
    for options in ({"window": 1}, {"window": 3, "step": 2}, {"window": 2, "forecast": "noisy", "noise": 0.8}):
        result = roll(instance, **options)
        sound(result)
        assert result.decision.soc_kwh[15, 0] >= 5.9 - 1e-9


def test_failures_are_not_foreseen_and_service_goes_on():
    """Of two members one fails for some hours: the other goes on, and little is unserved."""
    connected = np.ones((30, 2), dtype=int)
    connected[10:16, 1] = 0
    many = {"storage_of": [0, 1], "capacity_kwh": [6.0, 4.0], "charge_kw": [2.0, 2.0], "discharge_kw": [2.0, 2.0]}
    many |= {"charge_efficiency": [1.0, 1.0], "discharge_efficiency": [1.0, 1.0], "retention": [1.0, 1.0]}
    many |= {"initial_kwh": [3.0, 3.0], "lost_load": "priced", "generation_kwh": np.zeros((30, 2))}
    instance = prosumer(30, members=2, **many, connected=connected)
    results = {known: roll(instance, window=12, failures=known) for known in ("unknown", "known")}
    for result in results.values():
        sound(result)
        lost = result.decision.lost_kwh
        np.testing.assert_array_equal(result.decision.net_kwh[10:16, 1], 0.0)
        assert lost[:10].sum() == lost[16:].sum() == lost[:, 0].sum() == 0.0
    unknown, known = (results[name].decision.lost_kwh.sum() for name in ("unknown", "known"))
    assert known < unknown
    # Before the failure nobody knows of it: the same as if it never came.
    calm = roll(instance.replace(connected=None), window=12, engine="program")
    np.testing.assert_array_equal(results["unknown"].decision.soc_kwh[:11], calm.decision.soc_kwh[:11])
    assert not np.array_equal(results["known"].decision.soc_kwh[:11], calm.decision.soc_kwh[:11])


@pytest.mark.parametrize("engine", ["ring", "program"])
def test_outage_of_the_grid(engine):
    limit = np.full(30, 9.0)
    limit[10:18] = 0.0
    # Falling prices leave no other reason to keep energy than the outage.
    common = {"lost_load": "priced", "generation_kwh": np.zeros((30, 1)), "buy_price": np.linspace(0.4, 0.1, 30)}
    common["initial_kwh"] = [5.0]
    instance = prosumer(30, import_limit_kw=limit, **common)
    unknown, known = (roll(instance, window=12, engine=engine, failures=name) for name in ("unknown", "known"))
    for result in (unknown, known):
        sound(result)
        assert result.decision.community_net_kwh[10:18].max() <= 1e-9
        assert result.decision.lost_kwh[:10].sum() == 0.0
    assert known.decision.lost_kwh.sum() < unknown.decision.lost_kwh.sum()
    calm = roll(prosumer(30, import_limit_kw=np.full(30, 9.0), **common), window=12, engine=engine)
    np.testing.assert_allclose(unknown.decision.soc_kwh[:11], calm.decision.soc_kwh[:11], atol=1e-9)


def test_outage_that_would_last_too_long_is_lived_through_where_it_does_not():
    """Load must not be lost: an outage that lasts cannot be planned, but one that does not can be lived through."""
    limit = np.full(24, 9.0)
    limit[10:12] = 0.0
    # Prices that rise keep the battery full until it is needed.
    given = {"generation_kwh": np.zeros((24, 1)), "initial_kwh": [6.0], "buy_price": np.linspace(0.1, 0.4, 24)}
    instance = prosumer(24, import_limit_kw=limit, **given)
    result = roll(instance, window=12)
    sound(result)
    assert result.finished == 24
    assert result.windows["note"].iloc[10]
    assert not result.windows["note"].iloc[:10].any()


def test_forecasts_that_err_are_corrected():
    """A battery behind tight limits, where spilling is forbidden and load must not be lost."""
    draw = np.random.default_rng(0)
    given = {"load_kwh": draw.uniform(0, 4, (40, 1)), "generation_kwh": draw.uniform(0, 4, (40, 1))}
    given |= {"import_limit_kw": np.full(40, 2.6), "export_limit_kw": np.full(40, 2.6), "spill": "forbidden"}
    instance = prosumer(40, **given, initial_kwh=[3.0], final_kwh=[2.0], charge_efficiency=[1.0], retention=[1.0])
    instance = instance.replace(discharge_efficiency=[1.0])
    result = roll(instance, window=6, forecast="noisy", noise=0.5)
    sound(result)
    net = np.abs(result.decision.community_net_kwh)
    assert net.max() == pytest.approx(2.6, abs=1e-9)
    # Without correction, limits would be broken.
    assert np.abs(instance.net_load_kwh).max() > 2.6
