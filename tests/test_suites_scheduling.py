"""Suite of scheduling: sections, tables and figures on instances small enough to check by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks import suites_scheduling as suite
from commonwatt.benchmarks import suites_scheduling_rolling as rolling
from commonwatt.benchmarks.compare import compare
from commonwatt.benchmarks.figures_scheduling import (
    clock,
    schedule_figure,
    together_figure,
    water_value_figure,
    window_figure,
)
from commonwatt.benchmarks.registry import SUITES
from commonwatt.instances.record import Meta
from commonwatt.instances.scheduling import SchedulingInstance
from commonwatt.instances.shelf import load
from commonwatt.models.scheduling.rules import PROBLEM, community_cost
from commonwatt.solvers.solve import solve
from rich.console import Console


def home(days=3, **changes):
    """A home with a battery of 4 kWh that should be charged at night where the day to come is dull, and only there."""
    hour = np.arange(24 * days) % 24
    sun = np.where((hour >= 10) & (hour < 15), 2.0, 0.0) * np.resize([1.5, 0.2, 1.5], days)[np.arange(24 * days) // 24]
    data = {
        "meta": Meta(name="tests/home", title="A home", description="For tests."),
        "interval": [f"2030-03-{1 + t // 24:02d}T{t % 24:02d}:00+01:00" for t in range(24 * days)],
        "load_kwh": np.where((hour >= 17) & (hour < 22), 1.0, 0.3)[:, None],
        "generation_kwh": sun[:, None],
        "buy_price": np.select([hour < 6, (hour >= 17) & (hour < 20)], [0.12, 0.40], 0.25),
        "sell_price": np.full(24 * days, 0.08),
        "storage_of": [0],
        "capacity_kwh": [4.0],
        "charge_kw": [2.0],
        "discharge_kw": [2.0],
        "charge_efficiency": [0.9],
        "discharge_efficiency": [0.9],
        "dt_h": 1.0,
    }
    return SchedulingInstance(**(data | changes))


@pytest.fixture(scope="module")
def instance():
    return home()


@pytest.fixture(scope="module")
def table(instance):
    return rolling.rolling_table(rolling.Case(instance, (4, 24), (24,), 1))


def cost_of(table, **chosen):
    rows = table
    for column, value in chosen.items():
        rows = rows[rows[column] == value]
    return rows["community_cost"].item()


def test_suite_is_registered():
    assert SUITES["scheduling"] == ("suites_scheduling", "scheduling_suite")


def test_table_has_every_way_and_no_way_beats_the_bound(table):
    assert list(dict.fromkeys(table["way"])) == ["heuristic", "rolling", "perfect foresight", "bound"]
    assert list(table.columns) == ["way", "method", "window_h", "forecast", *rolling.SHOWN, "community_cost_gap"]
    bound = cost_of(table, way="bound")
    assert (table["community_cost"] >= bound - 1e-9).all()
    assert cost_of(table, method="community_program") == pytest.approx(bound, abs=1e-9)
    peak = table.loc[table["way"] == "bound", "peak_kw"].item()
    assert (table["peak_kw"] >= peak - 1e-9).all()
    assert table.loc[table["method"] == "peak_program", "peak_kw"].item() == pytest.approx(peak, abs=1e-9)


def test_longer_windows_and_better_forecasts_cost_less_here(table):
    day = cost_of(table, window_h=24.0, forecast="perfect", way="rolling")
    assert day < cost_of(table, window_h=4.0, forecast="perfect") - 1e-3
    assert day < cost_of(table, forecast="persistence") - 1e-3
    assert day < cost_of(table, method="idle") - 1e-3


def test_rolled_values_are_those_of_the_rules_and_means_over_seeds(instance, monkeypatch):
    both = rolling.rolled_values(instance, 12, 1, "noisy")
    single = []
    for seed in rolling.SEEDS:
        monkeypatch.setattr(rolling, "SEEDS", (seed,))
        single.append(rolling.rolled_values(instance, 12, 1, "noisy"))
    assert set(both) == set(rolling.SHOWN)
    assert len({one["community_cost"] for one in single}) > 1
    for name in rolling.SHOWN:
        assert both[name] == pytest.approx(np.mean([one[name] for one in single]), rel=1e-12)


def test_a_window_as_long_as_the_forecast_horizon_costs_nothing_more(instance):
    curves, horizon = rolling.window_curves(instance, (2, 6, 40))
    assert list(horizon) == ["half", "nine tenths", "all"]
    assert horizon["half"] <= horizon["nine tenths"] <= horizon["all"] <= 40
    for curve in curves.values():
        assert list(curve.index) == [2, 6, 40]
        assert curve[40] == pytest.approx(0.0, abs=1e-9)
        assert curve[2] > 0.01
    assert curves["worth the window's mean price"][2] < curves["content at the end worth nothing"][2]


def test_sliding_horizons_as_a_section(tmp_path, instance, monkeypatch):
    monkeypatch.setattr(rolling, "WINDOWS_H", (2, 24))
    monkeypatch.setattr(rolling.window_curves, "__defaults__", ((2, 24),))
    case = rolling.Case(instance, (24,), (), 2)
    section = rolling.rolling_section(tmp_path, [case], Console(quiet=True))
    assert len(section.all_tables()) == 2
    picture = section.all_figures()[0]
    assert picture.path.stat().st_size > 10_000
    assert picture.path.with_suffix(".pdf").exists()
    assert "Forecast horizons: half" in picture.alt
    assert (tmp_path / "tables" / "scheduling-rolling-tests-home.csv").exists()


def test_weeks_of_a_year_are_its_data():
    year = load(suite.YEAR)
    weeks = suite.weeks_of(year, *suite.SPRING)
    first, count = suite.SPRING
    assert len(weeks.interval) == count == 336
    assert weeks.interval[0].startswith("2018-03-08T00:00")
    np.testing.assert_array_equal(weeks.load_kwh, year.load_kwh[first : first + count])
    np.testing.assert_array_equal(weeks.buy_price, year.buy_price[first : first + count])
    assert weeks.meta.name == "scheduling/prosumer-year, 14 days from 2018-03-08"


def test_one_battery_is_the_program(instance):
    plan = rolling.one_battery(instance)
    exact = solve(instance, criterion="community_cost", method="community_program")
    assert plan.cost == pytest.approx(community_cost(instance, exact.decision), abs=1e-9)


def test_together_is_least_of_feasible_rows(tmp_path):
    neighbours, alone = load("scheduling/two-neighbours"), load("scheduling/one-interval")
    compared = {one.meta.name: compare(one) for one in (neighbours, alone)}
    section = suite.together_section(tmp_path, compared, {one.meta.name: one for one in (neighbours, alone)})
    frame = section.all_tables()[0].frame
    known = {one.criterion: one.value for one in neighbours.meta.known}
    # The values are by hand, as the instance notes; whoever has no neighbour has nobody to share with.
    assert list(frame["instance"]) == ["scheduling/two-neighbours"]
    assert frame["alone"].item() == pytest.approx(known["separate_cost"])
    assert frame["together"].item() == pytest.approx(known["community_cost"])
    assert frame["saving_percent"].item() == pytest.approx(100 * (1 - frame["together"].item() / frame["alone"].item()))
    assert section.all_figures()[0].path.stat().st_size > 5_000


def test_infeasible_rows_count_for_nothing():
    frame = pd.DataFrame({"community_cost": [1.0, 2.0, math.nan], "community_cost_gap": [math.nan, 0.1, math.nan]})
    assert suite._least(frame, "community_cost") == 2.0


def test_schedules_and_water_values_as_a_section(tmp_path, instance):
    section = suite.schedules_section(tmp_path, instance, load("scheduling/household-day"))
    assert len(section.all_figures()) == 3
    for picture in section.all_figures():
        assert picture.path.stat().st_size > 10_000
        assert len(picture.alt) > 60


def test_schedule_figure_shows_the_balance(instance):
    decision = solve(instance, criterion="community_cost").decision
    assert not PROBLEM.violations(instance, decision)
    figure = schedule_figure(decision, "home", first=24, count=24)
    above, middle, below = figure.axes
    assert above.get_ylabel() == "power (kW)"
    assert middle.get_ylabel() == "content (kWh)"
    assert "EUR/kWh" in below.get_ylabel()
    np.testing.assert_array_equal(middle.lines[0].get_ydata(), decision.soc_kwh[24:49, 0])
    used = next(one for one in above.patches if one.get_label() == "use")
    np.testing.assert_allclose(used.get_data()[0], instance.load_kwh[24:48, 0])
    # What supplies is what is used, charged and exported: the stack's upper end less its lower end.
    named = {one.get_label(): one.get_data() for one in above.patches}
    top = max((named[name][0] for name in ("generation", "discharge", "import") if name in named), key=np.sum)
    low = min((named[name][0] for name in ("charge", "export") if name in named), key=np.sum)
    np.testing.assert_allclose(top + low, instance.load_kwh[24:48, 0], atol=1e-9)


def test_axes_show_the_local_clock_where_it_never_changes():
    labels, name = clock(np.array(["2030-03-01T00:00+01:00", "2030-03-01T01:00+01:00"]))
    assert list(labels) == ["2030-03-01T00:00", "2030-03-01T01:00"]
    assert name == "local time (UTC+01:00)"
    mixed = np.array(["2030-10-27T02:00+02:00", "2030-10-27T02:00+01:00"])
    assert clock(mixed)[1] == "time (UTC)"
    assert clock(mixed)[0] is mixed
    assert clock(np.array(["a", "b"]))[1] == "interval"


def test_other_figures_show_their_numbers(instance):
    plan = rolling.one_battery(instance)
    figure = water_value_figure(
        instance.interval, 1.0, plan.water_value, instance.buy_price, instance.sell_price, plan.soc_kwh, "w", "EUR"
    )
    drawn = {one.get_label(): one.get_data()[0] for one in figure.axes[0].patches}
    np.testing.assert_array_equal(drawn["water value"], plan.water_value)
    curve = pd.Series([0.1, 0.0], index=[2, 24])
    axes = window_figure({"a": curve}, {"all": 20.0}, "windows").axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [10.0, 0.0])
    assert [text.get_text() for text in axes.texts] == ["all: 20 h"]
    bars = together_figure(["x", "y"], np.array([2.0, 1.0]), np.array([1.0, 0.9]), "t").axes[0]
    assert [text.get_text() for text in bars.texts] == ["−10.0 %", "−50.0 %"]
