"""Every method on random instances is held to what it claims; see ``test_claims.py`` for shipped ones.

A problem takes part by its entry in ``RANDOM``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from commonwatt.benchmarks.compare import broken_claims
from commonwatt.instances.record import Instance
from makers_adjustment import random_adjustment
from makers_allocation import random_allocation
from makers_feeder_portfolio import random_feeder_portfolio
from makers_firm_offer import random_firm_offer
from makers_operator import random_operator
from makers_portfolio import some_portfolio
from makers_procurement import random_procurement
from makers_prospects import random_prospects
from makers_responsive import random_responsive
from makers_scheduling import random_scheduling
from makers_sellers import random_sellers
from makers_settlement import random_settlement
from makers_tariff import random_tariff

import commonwatt as cw

RANDOM: dict[str, Callable[[int], Instance]] = {
    "aggregator.adjustment": random_adjustment,
    "aggregator.feeder_portfolio": random_feeder_portfolio,
    "aggregator.firm_offer": random_firm_offer,
    "aggregator.portfolio": some_portfolio,
    "allocation": random_allocation,
    "scheduling": random_scheduling,
    "settlement": random_settlement,
    "settlement.responsive": random_responsive,
    "stackelberg.operator": random_operator,
    "stackelberg.prospects": random_prospects,
    "stackelberg.sellers": random_sellers,
    "stackelberg.procurement": random_procurement,
    "stackelberg.tariff": random_tariff,
}
"""Problem to a maker of small random instances by seed."""


def test_every_shipped_problem_has_random_instances_too() -> None:
    assert set(cw.library()["problem"]) <= set(RANDOM)
    for name, make in RANDOM.items():
        assert make(0).problem == name


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("seed", range(25))
def test_random_instance_breaks_no_claim(name: str, seed: int) -> None:
    assert broken_claims(cw.compare(RANDOM[name](seed))) == []


@pytest.mark.sweep
@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_many_random_instances_break_no_claim(name: str, seed: int) -> None:
    assert broken_claims(cw.compare(RANDOM[name](seed))) == []
