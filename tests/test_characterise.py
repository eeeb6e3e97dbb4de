"""Clusters and temporal behaviour of households, checked against loops, mixtures of known parts and closed forms."""

import numpy as np
import pytest
from commonwatt.instances.characterise import (
    cluster,
    distant_transition_share,
    low_clusters,
    smooth,
    temporal_adaptability,
    temporal_membership,
    usual_cluster,
)
from commonwatt.instances.errors import InstanceError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.special import logsumexp
from scipy.stats import norm

LABELS = arrays(np.int64, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3))


def three_groups(seed: int = 1, rows: int = 20, per_group: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Households of three groups far apart, and the group of each."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(3), per_group))
    centre, spread = np.array([1.0, 3.0, 8.0]), np.array([0.1, 0.2, 0.5])
    return centre[group] + spread[group] * rng.standard_normal((rows, group.size)), group


def test_known_groups_are_found_and_sorted() -> None:
    values, group = three_groups()
    found = cluster(values)
    assert found.n_clusters == 3
    assert found.names == ("c1", "c2", "c3")
    assert np.array_equal(found.labels, np.broadcast_to(group, values.shape))
    assert found.centroids == pytest.approx([values[:, group == g].mean() for g in range(3)], rel=1e-3)
    assert found.deviations == pytest.approx([values[:, group == g].std() for g in range(3)], rel=0.02)
    assert found.weights == pytest.approx([1 / 3] * 3, rel=1e-3)


@pytest.mark.parametrize("criterion", ["bic", "aic"])
def test_the_lowest_criterion_decides_and_is_what_its_name_says(criterion: str) -> None:
    values, _ = three_groups()
    found = cluster(values, criterion=criterion, max_clusters=5)
    table = found.criterion
    chosen = table[table["chosen"]].iloc[0]
    assert len(table) == 5
    assert int(table["chosen"].sum()) == 1
    assert chosen["n_clusters"] == found.n_clusters
    assert chosen[criterion] == table[criterion].min()
    # The likelihood of the values scaled to unit spread, from the components in the attribute's own unit.
    parts = norm.logpdf(values[..., None], found.centroids, found.deviations) + np.log(found.weights)
    likelihood = logsumexp(parts, axis=-1).sum() + values.size * np.log(values.std())
    assert chosen["log_likelihood"] == pytest.approx(likelihood, rel=1e-6)
    free = 3 * found.n_clusters - 1
    assert chosen["bic"] == pytest.approx(free * np.log(values.size) - 2 * likelihood, rel=1e-6)
    assert chosen["aic"] == pytest.approx(free * 2 - 2 * likelihood, rel=1e-6)


def test_one_component_has_the_closed_form() -> None:
    values = np.random.default_rng(4).standard_normal((30, 10)) * 2.0 + 5.0
    found = cluster(values, max_clusters=1)
    assert found.centroids == pytest.approx([values.mean()])
    assert found.deviations == pytest.approx([values.std()], rel=1e-5)
    assert found.boundaries.size == 0
    assert not found.labels.any()


@settings(derandomize=True, max_examples=25, deadline=None)
@given(arrays(np.float64, (4, 6), elements=st.floats(-50, 50, width=16)))
def test_clusters_are_ordered_like_the_values(values: np.ndarray) -> None:
    found = cluster(values, max_clusters=3)
    order = np.argsort(values, axis=None)
    assert bool((np.diff(found.labels.ravel()[order]) >= 0).all())
    assert bool((np.diff(found.centroids) >= 0).all())
    assert found.n_clusters <= np.unique(values).size
    assert found.labels.min() >= 0
    assert found.labels.max() < found.n_clusters


def test_a_wide_cluster_does_not_take_values_below_a_narrow_one() -> None:
    rng = np.random.default_rng(8)
    values = np.concatenate([rng.normal(1.0, 0.02, 400), rng.normal(2.0, 1.0, 400), [-2.5]])[:, None]
    found = cluster(values, max_clusters=2)
    assert found.n_clusters == 2
    z = (values[-1, 0] - found.centroids) / found.deviations
    density = np.log(found.weights / found.deviations) - z**2 / 2
    assert density[1] > density[0]
    assert found.labels[-1, 0] == 0


def test_both_neighbours_are_equally_likely_at_a_boundary() -> None:
    found = cluster(three_groups()[0])
    density = norm.logpdf(found.boundaries[:, None], found.centroids, found.deviations) + np.log(found.weights)
    for k in range(found.n_clusters - 1):
        assert density[k, k] == pytest.approx(density[k, k + 1], abs=1e-6)
        assert found.centroids[k] < found.boundaries[k] < found.centroids[k + 1]


@pytest.mark.parametrize(("factor", "shift"), [(1e-9, 0.0), (1e300, 0.0), (3.0, -40.0)])
def test_the_unit_does_not_matter(factor: float, shift: float) -> None:
    values, _ = three_groups()
    first = cluster(values, max_clusters=4)
    second = cluster(values * factor + shift, max_clusters=4)
    assert np.array_equal(first.labels, second.labels)
    assert second.centroids == pytest.approx(first.centroids * factor + shift, rel=1e-6)
    assert second.boundaries == pytest.approx(first.boundaries * factor + shift, rel=1e-6)


@pytest.mark.parametrize("constant", [0.0, 0.3, -7.0])
def test_equal_values_form_one_cluster(constant: float) -> None:
    found = cluster(np.full((5, 3), constant))
    assert found.n_clusters == 1
    assert found.centroids == pytest.approx([constant])
    assert not found.labels.any()
    assert len(found.criterion) == 1


def test_few_distinct_values_give_no_more_clusters_than_values() -> None:
    values = np.array([[0.0] * 90 + [1.0] * 6 + [5.0] * 4])
    found = cluster(values)
    assert len(found.criterion) == 3
    assert found.n_clusters == 3
    assert found.centroids == pytest.approx([0.0, 1.0, 5.0], abs=1e-6)
    assert np.array_equal(found.labels[0], [0] * 90 + [1] * 6 + [2] * 4)


def test_large_input_is_fitted_on_a_part_and_labelled_whole() -> None:
    values, group = three_groups(rows=60)
    part = cluster(values, max_clusters=4, fit_limit=300)
    whole = cluster(values, max_clusters=4, fit_limit=values.size)
    assert np.array_equal(part.labels, whole.labels)
    assert part.labels.shape == values.shape
    assert part.centroids == pytest.approx(whole.centroids, rel=0.01)
    assert np.array_equal(part.labels, np.broadcast_to(group, values.shape))
    # The criterion counts what was fitted to.
    free = 3 * part.n_clusters - 1
    chosen = part.criterion[part.criterion["chosen"]].iloc[0]
    assert chosen["bic"] - chosen["aic"] == pytest.approx(free * (np.log(300) - 2))


def test_the_order_of_households_and_weeks_does_not_matter() -> None:
    values, _ = three_groups(rows=60)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(values.shape[0]), rng.permutation(values.shape[1])
    first = cluster(values, max_clusters=4, fit_limit=500)
    second = cluster(values[rows][:, columns], max_clusters=4, fit_limit=500)
    assert np.array_equal(first.labels[rows][:, columns], second.labels)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(LABELS)
def test_membership_and_adaptability_count_what_a_loop_counts(labels: np.ndarray) -> None:
    steps, n = labels.shape
    membership, adaptability = temporal_membership(labels, 4), temporal_adaptability(labels, 4)
    assert membership.shape == (n, 4)
    assert adaptability.shape == (n, 4, 4)
    moves = distant = 0
    for i in range(n):
        counted = np.zeros((4, 4))
        for t in range(1, steps):
            if labels[t, i] != labels[t - 1, i]:
                counted[labels[t - 1, i], labels[t, i]] += 1
                moves += 1
                distant += abs(int(labels[t, i]) - int(labels[t - 1, i])) > 1
        assert adaptability[i] == pytest.approx(counted / max(counted.sum(), 1))
        assert membership[i] == pytest.approx([(labels[:, i] == k).sum() / steps for k in range(4)])
    assert distant_transition_share(labels, 4) == pytest.approx(distant / moves if moves else 0.0)


def test_a_household_that_never_moves_has_no_transitions() -> None:
    labels = np.array([[0, 1], [0, 2], [0, 0]])
    theta = temporal_adaptability(labels, 3)
    assert not theta[0].any()
    assert theta[1, 1, 2] == theta[1, 2, 0] == 0.5
    assert distant_transition_share(labels, 3) == 0.5
    assert distant_transition_share(np.zeros((4, 2), dtype=int), 1) == 0.0


def test_usual_and_low_clusters() -> None:
    assert usual_cluster([[0.2, 0.5, 0.3], [0.5, 0.0, 0.5]]).tolist() == [1, 0]
    assert [low_clusters(k) for k in range(1, 7)] == [1, 1, 2, 2, 3, 3]
    with pytest.raises(ValueError, match="at least 1"):
        low_clusters(0)


def test_smoothing_averages_blocks() -> None:
    values = np.arange(14.0).reshape(7, 2)
    assert smooth(values, 3).tolist() == [[2.0, 3.0], [8.0, 9.0]]
    assert smooth(values, 3, incomplete="keep").tolist() == [[2.0, 3.0], [8.0, 9.0], [12.0, 13.0]]
    assert smooth(values, 7, incomplete="keep").shape == (1, 2)
    assert smooth(values, 9, incomplete="keep").tolist() == [[6.0, 7.0]]
    assert np.array_equal(smooth(values, 1), values)


def test_smoothing_refuses_what_it_cannot_do() -> None:
    values = np.ones((7, 2))
    with pytest.raises(InstanceError, match="no complete block of 8"):
        smooth(values, 8)
    with pytest.raises(ValueError, match="steps"):
        smooth(values, 0)
    with pytest.raises(ValueError, match="incomplete"):
        smooth(values, 2, incomplete="pad")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, np.nan], [2.0, 3.0]], "column household 1, row interval 0, value nan"),
        ([[1.0, 2.0], [np.inf, 3.0]], "column household 0, row interval 1, value inf"),
        (np.empty((0, 3)), "two axes"),
        ([1.0, 2.0], "two axes"),
        ([["a", "b"]], "not an array of numbers"),
    ],
)
def test_bad_values_are_named(values: object, message: str) -> None:
    for call in (cluster, lambda v: smooth(v, 1), usual_cluster):
        with pytest.raises(InstanceError, match=message):
            call(values)


@pytest.mark.parametrize("labels", [[[0, 3]], [[-1, 0]], [[0.5, 1.0]], [[]]])
def test_bad_labels_are_refused(labels: list[list[float]]) -> None:
    for call in (temporal_membership, temporal_adaptability, distant_transition_share):
        with pytest.raises(InstanceError, match="table labels"):
            call(labels, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"max_clusters": 0}, "max_clusters"), ({"criterion": "hqc"}, "criterion"), ({"fit_limit": 0}, "fit_limit")],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster([[1.0, 2.0]], **options)  # type: ignore[arg-type]
