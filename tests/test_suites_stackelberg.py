"""Suite of the Stackelberg games: the welfare table by hand, and the map of profit against the exact prices."""

import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks import speed, speed_stackelberg
from commonwatt.benchmarks import suites_stackelberg as suite
from commonwatt.benchmarks.figures_stackelberg import profit_map
from commonwatt.benchmarks.registry import SUITES
from commonwatt.instances.errors import NotApplicable
from commonwatt.instances.sources.responding import operator_from_settlement, responsive_from_operator
from commonwatt.models.settlement.response import best_response as members_answer
from commonwatt.models.settlement.response import discomfort_cost
from commonwatt.models.stackelberg.operator_response import best_response, utility

import commonwatt as cw


def test_speed_measurements_run_and_agree():
    table = speed.measure(speed_stackelberg.tasks(quick=True))
    assert (table["seconds_median"].dropna() > 0).all()
    assert SUITES["speed-stackelberg"] == ("speed_suites", "speed_stackelberg_suite")
    off = table[table["task"].str.contains("all pairs of pieces|choice|equilibrium")]["off"]
    assert (off.dropna() <= 1e-6).all()


def test_suite_is_registered():
    assert SUITES["stackelberg"] == ("suites_stackelberg", "stackelberg_suite")


def test_half_for_the_operator_a_quarter_for_members_and_a_quarter_lost(tmp_path):
    section = suite.welfare_section(tmp_path, ("stackelberg/four-prosumers",))
    frame = pd.read_csv(tmp_path / "tables" / "stackelberg-four-prosumers-welfare.csv").set_index("method")
    best = frame.loc["best_prices"]
    # The greatest gain of trading is 0.45.
    assert best[["profit", "followers_gain", "share_lost"]].tolist() == pytest.approx([0.225, 0.1125, 0.25])
    assert best[["buy_price", "sell_price"]].tolist() == pytest.approx([0.25, 0.15])
    assert (frame["profit"] <= best["profit"] + 1e-12).all()
    assert section.figures[0].path.is_file()


@pytest.mark.parametrize("name", suite.DRAWN)
def test_map_of_profit_stays_below_the_best_prices_and_comes_near(name):
    instance = cw.load(name)
    price, profit = profit_map(instance)
    best = cw.solve(instance).objective
    assert np.nanmax(profit) <= best + 1e-12
    assert np.nanmax(profit) >= 0.99 * best
    assert np.isnan(profit[np.tril_indices(len(price), -1)]).all()


def test_rules_beside_the_operator_by_hand(tmp_path):
    """Competition brings 0.45, the operator takes half and loses a quarter; nobody profits by internal prices."""
    suite.rules_section(tmp_path, ("stackelberg/four-prosumers",))
    frame = pd.read_csv(tmp_path / "tables" / "stackelberg-four-prosumers-rules.csv").set_index("rule")
    assert frame.loc["competitive price, the social optimum", "total"] == pytest.approx(0.45)
    assert frame.loc["competitive price, the social optimum", "lost"] == pytest.approx(0.0, abs=1e-9)
    assert frame.loc["operator's best prices", ["leader", "lost"]].tolist() == pytest.approx([0.225, 0.25])
    internal = frame[frame.index.str.contains("SDR|competitive")]
    assert internal["leader"].abs().max() <= 1e-9
    assert (frame["total"] <= 0.45 + 1e-9).all()


def test_operator_from_recorded_loads_wants_what_was_used_at_the_retail_price():
    street = cw.load("settlement/street-50")
    operator = operator_from_settlement(street, elasticity=0.3)
    at_retail = np.maximum(best_response(operator, street.retail_price, street.retail_price), 0.0)
    np.testing.assert_allclose(at_retail, street.load_kwh, atol=2e-6)
    # A tenth of the mean price dearer, and every member uses 3 % of its mean less.
    dearer = operator.replace(retail_price=street.retail_price + 0.1 * street.retail_price.mean())
    less = best_response(dearer, dearer.retail_price, dearer.retail_price)
    inner = less > 0
    fall = (street.load_kwh - less)[inner] / np.broadcast_to(street.load_kwh.mean(axis=0), less.shape)[inner]
    np.testing.assert_allclose(fall, 0.03, atol=1e-4)
    with pytest.raises(ValueError, match="must be positive, not 0 and"):
        operator_from_settlement(street, elasticity=0.0)


def test_same_members_have_the_same_preferences_without_the_operator():
    operator = cw.load("stackelberg/four-prosumers")
    community = responsive_from_operator(operator)
    price = np.array([0.2])
    np.testing.assert_allclose(members_answer(community, price, price), best_response(operator, price, price))
    first, second = np.array([[1.0, 2.0, 3.0, 0.5]]), np.array([[2.0, 1.0, 0.0, 4.0]])
    worth = (utility(operator, first) - utility(operator, second)).sum(axis=0)
    np.testing.assert_allclose(worth, discomfort_cost(community, second) - discomfort_cost(community, first))
    with pytest.raises(NotApplicable, match="no quadratic discomfort"):
        responsive_from_operator(cw.load("stackelberg/four-log-prosumers"))
    tables = ("generation_kwh", "first_worth", "least_kwh", "greatest_kwh")
    changing = operator.replace(
        interval=None,
        **{name: np.repeat(getattr(operator, name), 2, axis=0) for name in tables},
        saturation=[operator.saturation[0], 2 * operator.saturation[0]],
        retail_price=[0.3, 0.3],
        feed_in_price=[0.05, 0.05],
    )
    with pytest.raises(NotApplicable, match="saturation changes at"):
        responsive_from_operator(changing)
