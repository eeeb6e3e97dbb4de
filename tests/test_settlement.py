"""Settlement: exact small games, what groups could do, bounds, programs, invariants, bad input.

Strategy: games solved by hand and by enumeration here, in other words than the rules'; every program against them;
Kohlberg's criterion for the nucleolus, which knows no program; Owen's theorem on schedules with batteries, where each
group's cost comes from a linear program of its own.
"""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from commonwatt.instances.errors import InstanceError, NotApplicable
from commonwatt.instances.settlement import SettlementInstance, subset_sums
from commonwatt.models.problem import problem
from commonwatt.models.settlement.decision import SettlementDecision, SettlementPrices
from commonwatt.models.settlement.rules import core_excess, shapley_by_dividends, violations
from commonwatt.solvers.kernels import shapley_value
from commonwatt.solvers.settlement_programs import most_aggrieved
from commonwatt.solvers.settlement_sources import settlement_of
from commonwatt.solvers.status import Status
from makers_settlement import homes_with_batteries, random_settlement, scheduled
from scipy.optimize import linprog

import commonwatt as cw

RULES = ("sdr", "mmr", "bill_sharing")
VALUES = ("dual_price", "social_program", "least_core", "nucleolus", "shapley")


def glove(*net: float, **changes) -> SettlementInstance:
    """One interval between members who are short and members who are long."""
    return SettlementInstance.from_net([list(net)], retail_price=[0.30], feed_in_price=[0.05], **changes)


def excess(instance: SettlementInstance, method: str) -> float:
    return cw.solve(instance, method=method).report.criteria["core_excess"]


def bill(instance: SettlementInstance, method: str, **options) -> np.ndarray:
    return cw.solve(instance, method=method, **options).decision.bill


# --- small games, solved by hand ---------------------------------------------------------------------------------


def test_without_a_critical_buyer_the_core_is_one_point():
    game = glove(-3, -2, 4, 4, 4)
    expected = {"sdr": 0.4257, "mmr": 0.2083, "bill_sharing": 0.75, "shapley": 0.1208, "dual_price": 0.0}
    for method, value in expected.items():
        assert excess(game, method) == pytest.approx(value, abs=5e-5), method
    # Sellers get all that sharing saves, 0.25 for each kWh; buyers pay as much as alone.
    point = [-3 * 0.30, -2 * 0.30, 1.2, 1.2, 1.2]
    for method in ("nucleolus", "dual_price", "least_core"):
        np.testing.assert_allclose(bill(game, method), point, atol=1e-9)


def test_in_the_mirrored_game_sdr_is_in_the_core():
    game = glove(-4, -4, -4, 3, 2)
    for method in ("sdr", "nucleolus", "dual_price", "least_core"):
        np.testing.assert_allclose(bill(game, method), [-0.2, -0.2, -0.2, 0.15, 0.1], atol=1e-9)


def test_in_the_balanced_game_four_values_agree():
    game = glove(-3, -2, 4, 1)
    for method in ("mmr", "dual_price", "shapley", "nucleolus"):
        np.testing.assert_allclose(bill(game, method), [-0.525, -0.35, 0.7, 0.175], atol=1e-9)
    assert cw.solve(game, criterion="least_excess", method="nucleolus").objective == pytest.approx(-0.125)


def test_two_members_share_the_gain_in_half_but_under_sdr_and_bill_sharing():
    game = glove(-1, 2)
    shares = {"mmr": 0.5, "shapley": 0.5, "nucleolus": 0.5, "sdr": 0.142857, "bill_sharing": -0.20, "dual_price": 1.0}
    for method, share in shares.items():
        found = cw.solve(game, method=method).report.criteria
        assert found["net_sellers_share"] == pytest.approx(share, abs=1e-6), method
        # Without prices nobody sells at any.
        assert np.isnan(found["sellers_share"]) == (method in ("shapley", "nucleolus"))
        assert np.isnan(found["sellers_share"]) or found["sellers_share"] == pytest.approx(share, abs=1e-6)
    assert cw.solve(game, method="bill_sharing").report.criteria["worst_saving"] == pytest.approx(-0.05)


def test_who_saves_how_much_by_hand():
    # At the middle price sellers gain 0.125 a kWh; buyers share 0.125 on each of five of their twelve kWh.
    found = cw.solve(glove(-3, -2, 4, 4, 4), method="mmr").report.criteria
    assert found["consumer_saving"] == pytest.approx(0.625 / 3.6)
    # Savings 0.375, 0.25 and three times 0.20833: differences of all pairs add up to 2 · 0.75.
    assert found["gini"] == pytest.approx(1.5 / (2 * 25 * 0.25))
    assert found["jain"] == pytest.approx(1.25**2 / (5 * (0.375**2 + 0.25**2 + 3 * (0.625 / 3) ** 2)))
    assert found["worst_saving"] == pytest.approx(0.625 / 3)


def test_bill_sharing_leaves_the_bracket_of_an_interval():
    game = SettlementInstance.from_net(
        [[1.0, -1.0, 0.0], [-8.0, 0.0, 0.0], [2.0, 0.0, 0.0]], retail_price=[0.3] * 3, feed_in_price=[0.05, 0.1, 0.05]
    )
    solution = cw.solve(game, method="bill_sharing")
    assert solution.report.criteria["bracket_breach"] == pytest.approx(0.1 - 0.8 / 9)
    assert any("bracket: 1 interval, the first" in note for note in solution.notes)
    assert cw.solve(glove(1.0, 2.0), method="bill_sharing").notes[0] == (
        "nobody sells over the horizon: that price is nominally 0"
    )


def test_bill_sharing_leaves_sellers_worse_off_and_says_so():
    solution = cw.solve(glove(-3, -2, 4, 4, 4), method="bill_sharing")
    np.testing.assert_allclose(solution.decision.saving[:2], [-0.15, -0.10])
    assert solution.report.criteria["bracket_breach"] == pytest.approx(0.05)
    assert any("leave the grid's bracket" in note for note in solution.notes)


def test_edge_intervals_are_named_in_the_solution():
    game = SettlementInstance.from_net(
        [[1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [2.0, -1.0]],
        retail_price=np.full(4, 0.3),
        feed_in_price=[0.05, 0.05, 0.05, -0.01],
        interval=[f"2030-01-01T0{h}:00Z" for h in range(4)],
    )
    solution = cw.solve(game, method="sdr")
    for words in (
        "nobody sells: 1 interval, the first 2030-01-01T00:00Z",
        "nobody buys",
        "nobody trades",
        "no feed-in",
    ):
        assert any(words in note for note in solution.notes), words
    log = solution.tables()["log_prices"]
    assert log["case"].tolist() == ["nobody sells", "nobody buys", "nobody trades", "no feed-in price"]
    assert solution.report.ok


# --- what groups could do ----------------------------------------------------------------------------------------


def brute_excess(instance: SettlementInstance, bills: np.ndarray) -> float:
    """Greatest saving of a group, group by group, interval by interval."""
    n, best = len(bills), 0.0
    for size in range(1, n + 1):
        for group in combinations(range(n), size):
            own = 0.0
            for t in range(len(instance.interval)):
                net = sum(instance.net_kwh[t, i] for i in group)
                own += instance.retail_price[t] * net if net > 0 else instance.feed_in_price[t] * net
            best = max(best, sum(bills[i] for i in group) - own)
    return best


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 6, 7, 9])
def test_core_excess_against_going_through_groups(seed):
    game = random_settlement(seed)
    for method in (*RULES, "alone", "shapley"):
        decision = cw.solve(game, method=method).decision
        assert core_excess(game, decision) == pytest.approx(brute_excess(game, decision.bill), abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_shapley_value_against_all_orders(seed):
    rng = np.random.default_rng(seed)
    n = 1 + seed % 5
    costs = rng.normal(size=2**n)
    costs[0] = 0.0
    mean = np.zeros(n)
    orders = list(permutations(range(n)))
    for order in orders:
        mask = 0
        for i in order:
            mean[i] += (costs[mask | 1 << i] - costs[mask]) / len(orders)
            mask |= 1 << i
    np.testing.assert_allclose(shapley_value(costs), mean, atol=1e-12)
    np.testing.assert_allclose(shapley_by_dividends(costs), mean, atol=1e-12)


def is_balanced(groups: np.ndarray, must: np.ndarray, n: int) -> bool:
    """Whether weights, positive on the groups that must count, cover all members alike: Kohlberg's condition."""
    rows = np.vstack([groups, must]) if len(must) else groups
    # Greatest least weight on the groups that must count; balanced if it is positive.
    count = len(rows)
    upper = np.hstack([-np.eye(count)[len(groups) :], np.ones((len(must), 1))])
    found = linprog(
        [*np.zeros(count), -1.0],
        A_ub=upper,
        b_ub=np.zeros(len(must)),
        A_eq=np.hstack([rows.T, np.zeros((n, 1))]),
        b_eq=np.ones(n),
        bounds=[(0, None)] * count + [(None, 1.0)],
    )
    return found.status == 0 and -found.fun > 1e-9


@pytest.mark.parametrize("seed", [0, 2, 3, 4, 6, 8, 9, 13, 18])
def test_nucleolus_by_kohlbergs_criterion(seed):
    game = random_settlement(seed)
    n = len(game.member)
    if n < 2:
        pytest.fail("choose a seed with at least two members")
    paid = bill(game, "nucleolus")
    found = (subset_sums(paid) - game.coalition_costs)[1:-1]
    rows = (np.arange(1, 2**n - 1)[:, None] >> np.arange(n) & 1).astype(float)
    levels = np.unique(np.round(found, 7))[::-1]
    nothing = np.zeros((0, n))
    for level in levels:
        assert is_balanced(nothing, rows[found >= level - 1e-6], n), level
    # The test itself must be able to fail: bills off the nucleolus are not balanced at some level.
    off = paid + 0.05 * np.eye(n)[0] - 0.05 * np.eye(n)[1]
    other = (subset_sums(off) - game.coalition_costs)[1:-1]
    assert not all(
        is_balanced(nothing, rows[other >= level - 1e-6], n) for level in np.unique(np.round(other, 7))[::-1]
    )


@pytest.mark.parametrize("seed", range(12))
def test_owens_bills_are_in_the_core_of_homes_with_batteries(seed):
    game = scheduled(seed, 3 + seed % 3, 6)
    solution = cw.solve(game, method="dual_price")
    assert solution.status is Status.OPTIMAL
    assert solution.report.criteria["core_excess"] <= 1e-7
    assert game.community_bill == pytest.approx(game.coalition_costs[-1], abs=1e-7)


def test_other_rules_leave_the_core_of_homes_with_batteries():
    left = dict.fromkeys((*RULES, "shapley"), 0)
    for seed in range(12):
        game = scheduled(seed, 3 + seed % 3, 6)
        for method in left:
            left[method] += excess(game, method) > 1e-6
    assert all(count > 0 for count in left.values()), left


def test_least_core_of_an_empty_core_is_proved():
    # Any two of three could save 1 together, all three no more than that: whatever the bills, some two could save 1/3.
    names = ["a", "b", "c"]
    groups = [group for size in (1, 2, 3) for group in combinations(range(3), size)]
    game = SettlementInstance(
        member=names,
        load_kwh=[[1.0, 1.0, 1.0]],
        retail_price=[1.0],
        coalition=["+".join(names[i] for i in group) for group in groups],
        coalition_member=[[int(i in group) for i in range(3)] for group in groups],
        coalition_cost=[2.0 if len(group) == 1 else 3.0 for group in groups],
    )
    solution = cw.solve(game, criterion="least_excess", method="least_core")
    assert (solution.objective, solution.bound) == pytest.approx((-1.0, -1.0))
    assert solution.status is Status.OPTIMAL
    dear = game.replace(
        coalition_cost=[2.0 if len(group) == 1 else 1.0 if len(group) == 2 else 3.0 for group in groups]
    )
    for method in ("least_core", "nucleolus"):
        solution = cw.solve(dear, method=method)
        assert (solution.objective, solution.bound) == pytest.approx((1.0, 1.0))
    with pytest.raises(NotApplicable, match="balance_price does not say"):
        cw.solve(dear, method="dual_price")


def test_program_finds_the_most_aggrieved_group_beyond_enumeration():
    rng = np.random.default_rng(1)
    net = rng.normal(size=(3, 18)).round(2)
    game = SettlementInstance.from_net(net, retail_price=[0.3, 0.2, 0.3], feed_in_price=[0.05, 0.1, -0.02])
    decision = cw.solve(game, method="sdr").decision
    assert np.isnan(core_excess(game, decision))
    found = most_aggrieved(game, decision.bill)
    gain = decision.bill[found.member].sum() - game.grid_cost(net[:, found.member].sum(axis=1))
    assert found.excess == pytest.approx(float(gain))
    # Going through 2^18 groups here, in pieces.
    costs = np.zeros(2**18)
    for row, retail, feed_in in zip(net, game.retail_price, game.feed_in_price, strict=True):
        total = subset_sums(row)
        costs += np.maximum(retail * total, feed_in * total)
    assert found.excess == pytest.approx(float((subset_sums(decision.bill) - costs)[1:-1].max()), abs=1e-7)
    dual = cw.solve(game)
    assert (dual.method, dual.objective, dual.status) == ("dual_price", 0.0, Status.OPTIMAL)


def test_row_generation_without_enumeration_meets_the_least_core():
    rng = np.random.default_rng(3)
    net = rng.normal(size=(2, 17)).round(2)
    game = SettlementInstance.from_net(net, retail_price=[0.3, 0.2], feed_in_price=[0.05, 0.1])
    solution = cw.solve(game, criterion="least_excess", method="least_core")
    paid = solution.decision.bill
    assert most_aggrieved(game, paid).excess == pytest.approx(solution.bound, abs=1e-6)


@pytest.mark.parametrize("spread", [0.0, 2.0, 6.0])
@pytest.mark.parametrize("seed", range(6))
def test_row_generation_bears_members_of_any_size(spread, seed):
    rng = np.random.default_rng(seed)
    n = (18, 20, 24)[seed % 3]
    net = rng.normal(size=(1 + seed % 3, n)).round(2) * 10 ** rng.uniform(-spread, spread, n)
    steps = len(net)
    game = SettlementInstance.from_net(net, retail_price=[0.3] * steps, feed_in_price=[0.1] * steps)
    solution = cw.solve(game, method="least_core", criterion="least_excess", time_limit_s=20.0)
    assert solution.report.ok
    # What is proved is a bound; where the run came to its end, a group is as aggrieved as that, and none is more.
    worst = most_aggrieved(game, solution.decision.bill)
    size = np.abs(game.alone_bill).max()
    assert worst.excess >= solution.bound - 1e-7 * size
    if any("no group is left out" in note for note in solution.notes):
        assert worst.excess <= solution.bound + 1e-6 * size


# --- programs, rules, bounds -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(0, 40, 3))
def test_dual_of_the_program_is_the_price_in_closed_form(seed):
    game = random_settlement(seed)
    if len(game.coalition):
        with pytest.raises(NotApplicable, match="another dispatch"):
            cw.solve(game, method="social_program")
        return
    total = game.buying_kwh - game.selling_kwh
    program = cw.solve(game, method="social_program").decision.buy_price
    kernel = cw.solve(game, method="dual_price").decision.buy_price
    clear = np.abs(total) > 1e-9
    np.testing.assert_allclose(program[clear], kernel[clear], atol=1e-9)
    assert (game.feed_in_price - 1e-12 <= program).all()
    assert (program <= game.retail_price + 1e-12).all()


def test_all_that_share_cost_the_community_the_same_and_less_than_alone():
    game = random_settlement(2)
    costs = {method: bill(game, method).sum() for method in (*RULES, *VALUES)}
    assert max(costs.values()) - min(costs.values()) <= 1e-9
    assert bill(game, "alone").sum() > max(costs.values())


def test_bills_that_miss_the_grid_or_their_prices_are_violations():
    game = glove(-1, 2)
    off = SettlementDecision(instance=game, bill=[0.0, 0.2])
    assert [v.rule for v in violations(game, off)] == ["bills do not add up to what the grid is paid"]
    fair = cw.solve(game, method="mmr").decision
    moved = fair.replace(bill=fair.bill + np.array([0.1, -0.1]))
    assert {v.where for v in violations(game, moved)} == {"member 1", "member 2"}
    half = fair.replace(sell_price=None)
    assert [v.rule for v in violations(game, half)] == ["one price is given without the other"]


def test_a_hundred_thousand_members_are_settled_and_judged():
    net = np.random.default_rng(0).normal(size=(2, 100_000))
    game = SettlementInstance.from_net(net, retail_price=[0.3, 0.3], feed_in_price=[0.1, 0.1])
    solution = cw.solve(game, method="sdr")
    assert solution.report.ok
    assert cw.solve(game).objective == 0.0


def test_own_meters_ask_for_what_they_ask():
    game = glove(-3, 2, 2, shared_kwh=[[0.0, 1.5, 0.5]])
    alone = cw.solve(game, method="alone").decision
    np.testing.assert_allclose(alone.bill, [-0.15, 0.6, 0.6])
    np.testing.assert_allclose(alone.interval_bill[0], alone.bill)
    moved = alone.replace(bill=alone.bill + np.array([0.2, -0.1, -0.1]))
    assert {one.rule for one in violations(game, moved)} == {"bill is not what its own meter asks for"}
    cheap = glove(1, 2, alone_cost=[0.1, 0.1])
    with pytest.raises(NotApplicable, match=r"all alone would pay 0.2, less than this dispatch costs together"):
        cw.solve(cheap, method="alone")


def test_a_dual_that_is_none_is_refused():
    groups = [group for size in (1, 2, 3) for group in combinations(range(3), size)]
    game = SettlementInstance(
        member=["a", "b", "c"],
        load_kwh=[[1.0, 1.0, 1.0]],
        retail_price=[1.0],
        balance_price=[1.0],
        coalition=[str(group) for group in groups],
        coalition_member=[[int(i in group) for i in range(3)] for group in groups],
        coalition_cost=[0.5 if group == (0, 1) else float(len(group)) for group in groups],
    )
    with pytest.raises(NotApplicable, match=r"a, b would pay 1.5 less by themselves"):
        cw.solve(game, method="dual_price")
    assert cw.solve(game).method == "least_core"


@pytest.mark.parametrize("gap", [0.0, 1e-16, 5e-13, 5e-10, 1e-3])
def test_bills_pay_the_grid_to_rounding_however_close_to_balance(gap):
    game = glove(1.0, -1.0 + gap)
    for method in (*RULES, "dual_price"):
        assert bill(game, method).sum() == pytest.approx(game.community_bill, abs=5e-13), method


@pytest.mark.parametrize("seed", range(30))
def test_any_weights_and_prices_prove_bounds_that_nothing_beats(seed):
    game = random_settlement(seed)
    rng = np.random.default_rng(seed)
    n = len(game.member)
    prices = SettlementPrices(
        instance=game,
        energy_price=rng.normal(0.1, 0.3, len(game.interval)),
        coalition_weight=rng.random(4) * rng.choice([0.0, 1.0], 4),
        weighted_member=rng.integers(0, 2, (4, n)),
    )
    for method in ("least_core", "nucleolus", *RULES):
        decision = cw.solve(game, method=method).decision
        for criterion in problem("settlement").criteria[:5]:
            value = criterion.value(game, decision)
            proved = criterion.bound(game, prices)
            if not np.isnan(value):
                assert not criterion.sign * (value - proved) > 1e-9, (method, criterion.name, value, proved)


# --- invariants --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*RULES, "dual_price", "shapley", "nucleolus"])
@pytest.mark.parametrize("seed", [0, 4, 6])
def test_order_of_members_does_not_matter(method, seed):
    game = random_settlement(seed)
    order = np.random.default_rng(seed).permutation(len(game.member))
    turned = game.replace(
        member=game.member[order],
        load_kwh=game.load_kwh[:, order],
        generation_kwh=game.generation_kwh[:, order],
        storage_kwh=None if game.storage_kwh is None else game.storage_kwh[:, order],
    )
    np.testing.assert_allclose(bill(turned, method), bill(game, method)[order], atol=1e-8)


@pytest.mark.parametrize("method", [*RULES, "dual_price", "shapley", "nucleolus"])
def test_unit_of_money_does_not_matter(method):
    game = random_settlement(6)
    rich = game.replace(retail_price=100 * game.retail_price, feed_in_price=100 * game.feed_in_price)
    np.testing.assert_allclose(bill(rich, method), 100 * bill(game, method), atol=1e-6)


@pytest.mark.parametrize("method", [*RULES, "dual_price"])
def test_splitting_a_member_in_two_changes_nobodys_bill(method):
    game = glove(-3, -2, 4, 4, 4)
    split = glove(-3, -2, 4, 4, 1.5, 2.5)
    first, second = bill(game, method), bill(split, method)
    np.testing.assert_allclose(second[:4], first[:4], atol=1e-12)
    assert second[4:].sum() == pytest.approx(first[4])


def test_appearing_as_buyer_and_seller_changes_every_bill_but_that_at_the_dual_price():
    game, split = glove(-3, 2, 4), glove(-3, 5, -3, 4)
    for method, same in (("dual_price", True), ("sdr", False), ("mmr", False), ("bill_sharing", False)):
        whole, parts = bill(game, method)[1], bill(split, method)[1:3].sum()
        assert (abs(whole - parts) < 1e-12) == same, method


def test_splitting_a_member_changes_the_shapley_value():
    # Which is why it is no price: a member gains or loses by appearing as two.
    first, second = bill(glove(-1, 2), "shapley"), bill(glove(-1, 1, 1), "shapley")
    assert abs(second[0] - first[0]) > 0.01


def test_a_dummy_who_takes_and_gives_nothing_pays_nothing():
    game = glove(-3, 0, 4)
    for method in (*RULES, *VALUES):
        assert bill(game, method)[1] == pytest.approx(0.0, abs=1e-9), method


# --- bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"feed_in_price": [0.4]}, ["interval", "feed_in_price", "value 0.4", "retail price of 0.3"]),
        ({"balance_price": [0.5]}, ["balance_price", "outside [0.05, 0.3]"]),
        ({"shared_kwh": [[0.0, 3.0]]}, ["shared_kwh", "more than the member's need of 2 kWh"]),
        ({"shared_kwh": [[0.0, 1.5]]}, ["adds up to 1.5 kWh, more than the surplus of 1 kWh"]),
        ({"dt_h": 0.0}, ["dt_h", "must be positive"]),
        (
            {"coalition": ["x"], "coalition_member": [[1, 0]], "coalition_cost": [1.0]},
            ["has no row for the coalition of member 2", "list all 3 coalitions"],
        ),
        (
            {"coalition": ["x", "y"], "coalition_member": [[1, 0], [1, 0]], "coalition_cost": [1.0, 1.0]},
            ["names the same members as another coalition"],
        ),
        (
            {"coalition": ["x"], "coalition_member": [[0, 0]], "coalition_cost": [1.0], "alone_cost": [1.0, 1.0]},
            ["has no members", "alone_cost", "leave one of the two out"],
        ),
    ],
)
def test_bad_instances_name_what_is_wrong(changes, words):
    with pytest.raises(InstanceError) as raised:
        glove(-1, 2).replace(**changes)
    for word in words:
        assert word in str(raised.value)


def test_methods_say_where_they_do_not_apply():
    game = glove(-1, 2)
    with pytest.raises(NotApplicable, match=r"compensation 0.5 outside \[0, 0.25\]"):
        cw.solve(game, method="sdr", compensation=0.5)
    many = SettlementInstance.from_net(np.ones((1, 20)), retail_price=[0.3])
    for method, words in (("shapley", "20 members"), ("nucleolus", "up to 12")):
        with pytest.raises(NotApplicable, match=words):
            cw.solve(many, method=method)
    with pytest.raises(NotApplicable, match="single member"):
        most_aggrieved(glove(1.0), np.array([0.3]))
    with pytest.raises(ValueError, match="at most 16"):
        _ = many.coalition_costs


# --- settling what other problems decided ------------------------------------------------------------------------


def test_schedule_is_settled_with_what_members_could_do_alone():
    homes = homes_with_batteries(3, 4, 6)
    solution = cw.solve(homes, method="community_program")
    game = settlement_of(solution)
    np.testing.assert_allclose(game.net_kwh, solution.decision.net_kwh, atol=1e-9)
    alone = cw.solve(homes, criterion="separate_cost").objective
    together = solution.objective
    # What is saved by sharing is the same whether it is counted by bills or by the costs of schedules.
    settled = cw.solve(game, method="sdr")
    assert settled.decision.saving.sum() == pytest.approx(alone - together, abs=1e-7)
    assert settled.decision.bill.sum() == pytest.approx(game.community_bill)


@pytest.mark.parametrize("seed", range(6))
def test_what_members_bear_besides_bills_counts_alone_and_together(seed):
    # Content left in store is worth something here, and members leave other contents alone than together.
    homes = homes_with_batteries(seed, 4, 6).replace(terminal_value=np.full(4, 0.08))
    solution = cw.solve(homes, criterion="community_cost", method="community_program")
    alone = cw.solve(homes, criterion="separate_cost")
    gain = alone.objective - solution.objective
    private = -homes.terminal_value * solution.decision.soc_kwh[-1]
    assert private.any()
    each = [cw.solve(homes.alone(i), criterion="separate_cost").objective for i in range(4)]
    for game in (settlement_of(solution), settlement_of(solution, alone=np.array(each))):
        np.testing.assert_allclose(game.alone_bill, np.array(each) - private, atol=1e-7)
        assert cw.solve(game, method="mmr").decision.saving.sum() == pytest.approx(gain, abs=1e-7)
    kept = settlement_of(solution, alone=False)
    np.testing.assert_allclose(kept.alone_bill, kept.separate_bill)


def test_members_alone_count_with_their_own_schedule_among_groups():
    rng = np.random.default_rng(5)
    net = rng.normal(size=(2, 18)).round(2)
    plain = SettlementInstance.from_net(net, retail_price=[0.3, 0.2], feed_in_price=[0.05, 0.1])
    game = plain.replace(alone_cost=plain.separate_bill - np.eye(18)[7] * 5.0)
    rows = np.eye(18)[[3, 7]]
    np.testing.assert_allclose(game.cost_of(rows), game.alone_cost[[3, 7]])
    pair = rows.sum(axis=0, keepdims=True)
    np.testing.assert_allclose(game.cost_of(pair), plain.cost_of(pair))
    # Member 8 would rather be alone than in any group.
    found = most_aggrieved(game, cw.solve(game, method="mmr").decision.bill)
    assert np.flatnonzero(found.member).tolist() == [7]
    with pytest.raises(NotApplicable, match="balance_price does not say"):
        cw.solve(game, method="dual_price")
    with pytest.raises(NotApplicable, match=r"member 8 would pay .* alone"):
        cw.solve(game.replace(balance_price=[0.1, 0.1]), method="dual_price")


def test_allocation_is_settled_by_what_was_allocated():
    community = cw.load("allocation/three-houses")
    solution = cw.solve(community, method="water_filling")
    game = settlement_of(solution, retail_price=0.30, feed_in_price=0.05)
    for method in ("sdr", "mmr", "dual_price"):
        settled = cw.solve(game, method=method)
        assert settled.report.ok
        # 4 of 11 kWh stay inside, the rest is bought.
        assert settled.decision.bill.sum() == pytest.approx(7 * 0.30)
    middle = cw.solve(game, method="mmr").decision
    np.testing.assert_allclose(
        middle.bill,
        0.30 * community.deficiency_kwh[0] - 0.125 * solution.decision.allocated_kwh[0] - [0, 0, 0, 0.7],
        atol=1e-9,
    )
    with pytest.raises(NotApplicable, match="bill sharing asks nothing"):
        cw.solve(game, method="bill_sharing")
    weeks = cw.solve(cw.load("allocation/simbench-village"), method="game_theoretic")
    with pytest.raises(NotApplicable, match=r"both short and long within .* netting='interval'"):
        settlement_of(weeks, retail_price=0.30, feed_in_price=0.05)


def test_wasteful_allocation_is_what_the_whole_could_better():
    game = glove(-3, 2, 2, shared_kwh=[[0.0, 1.0, 0.0]])
    assert game.community_bill == pytest.approx(3 * 0.30 - 2 * 0.05)
    solution = cw.solve(game)
    # Two kWh more could stay inside: 2 · 0.25.
    assert (solution.objective, solution.status) == (pytest.approx(0.5), Status.OPTIMAL)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda h, a: settlement_of(h.replace(instance=h.instance.replace(demand_charge=1.0))),
            NotApplicable,
            "demand",
        ),
        (
            lambda h, a: settlement_of(
                h.replace(instance=h.instance.replace(import_limit_kw=np.full(6, 99.0))), groups=True
            ),
            NotApplicable,
            "connection is limited",
        ),
        (lambda h, a: settlement_of(h, retail_price=0.3), ValueError, "prices already"),
        (lambda h, a: settlement_of(h, alone=np.ones(2)), ValueError, r"shape \(2,\)"),
        (lambda h, a: SettlementInstance.from_net([1.0, 2.0]), InstanceError, r"net_kwh, value shape \(2,\)"),
        (lambda h, a: SettlementInstance.from_net([["x"]]), InstanceError, "net_kwh: is no array of numbers"),
        (lambda h, a: most_aggrieved(glove(-1, 2), [1.0]), ValueError, "each of 2 members"),
        (lambda h, a: settlement_of(a), ValueError, "knows no prices"),
        (lambda h, a: settlement_of(cw.solve(glove(-1, 2))), TypeError, "SettlementDecision"),
    ],
)
def test_what_cannot_be_settled_says_why(call, error, words):
    schedule = cw.solve(homes_with_batteries(3, 4, 6), method="community_program").decision
    allocation = cw.solve(cw.load("allocation/three-houses"), method="water_filling").decision
    with pytest.raises(error, match=words):
        call(schedule, allocation)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(100, 140))
def test_owens_bills_are_in_the_core_over_a_day_of_six_homes(seed):
    game = scheduled(seed, 6, 24)
    assert cw.solve(game, method="dual_price").report.criteria["core_excess"] <= 1e-7
