"""Suite of the Stackelberg games: the welfare table by hand, and the map of profit against the exact prices."""

import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks import suites_stackelberg as suite
from commonwatt.benchmarks.figures_stackelberg import profit_map
from commonwatt.benchmarks.registry import SUITES

import commonwatt as cw


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
