"""Training: it separates rings it never saw from innocents who look alike, holds operators out, and repeats itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnn.adjacency import POPULATION_MIN
from gnn.ensemble import Model
from gnn.errors import ModelError
from gnn.evaluate import average_precision
from gnn.groups import KINDS
from gnn.labels import settle
from gnn.network import Network, no_labels
from gnn.predict import predict
from gnn.targets import INFERRED_CONFIDENCE, INFERRED_SHARE, RING_SHARE, Example, folds_of, outcomes_of, targets_of
from gnn.train import TrainConfig, train
from gnn.views import views_of
from tests.gnn.worlds import NOW_MS, World, example_of, labels_of, make_world, network_of

SHORT = TrainConfig(hidden=16, folds=2, steps=30, device="cpu")


def quiet(text: str, share: float) -> None:
    """Progress that nobody watches."""


def test_rings_never_seen_are_told_from_campuses_offices_and_households(model: Model) -> None:
    world = make_world(21)
    network = network_of(world)
    prediction = predict(model, network)
    assert average_precision(world.abusive, prediction.account_probability) > 0.85
    innocent = np.isin(np.array(world.kind), ["shared_network", "shared_organisation", "household"])
    assert (prediction.account_probability[innocent] > 0.5).mean() < 0.02
    probability = prediction.cluster_probability
    bad = np.array([world.abusive[network.clusters == cluster].any() for cluster in range(network.cluster_count)])
    assert average_precision(bad, probability) > 0.9


def test_offices_and_households_get_their_kind(model: Model) -> None:
    world = make_world(22, rings=2, campuses=0)
    network = network_of(world)
    prediction = predict(model, network)
    first = [int(np.flatnonzero(network.clusters == cluster)[0]) for cluster in range(network.cluster_count)]
    truth = [world.kind[account] for account in first]
    innocent = [kind in KINDS[5:] for kind in truth]
    right = [kind == said for kind, said, keep in zip(truth, prediction.cluster_kind, innocent, strict=True) if keep]
    assert np.mean(right) > 0.8


def test_the_same_seed_gives_the_same_model(world: World) -> None:
    example = example_of(world, known_share=0.3)
    first, again = (train([example], SHORT, quiet) for _ in range(2))
    other = train([example], replace(SHORT, seed=1), quiet)
    scores = [predict(model, example.network).account_probability for model in (first, again, other)]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert (scores[0] != scores[2]).any()
    assert first.notes == again.notes


def test_progress_rises_to_the_end(world: World) -> None:
    heard: list[float] = []
    train([example_of(world)], SHORT, lambda text, share: heard.append(share))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_operators_and_clusters_are_held_out_whole(world: World) -> None:
    early, late = example_of(world), example_of(make_world(0), known_share=0.5)
    folds = folds_of([early, late], 3, seed=0)
    np.testing.assert_array_equal(folds[0], folds[1])
    for groups in (np.array(world.ring), early.network.clusters):
        for group in range(int(groups.max()) + 1):
            assert len(set(folds[0][groups == group])) == 1
    counts = np.bincount(folds[0][world.abusive], minlength=3)
    assert counts.min() > 0.2 * counts.sum()


def test_a_visible_label_is_no_target_and_a_hidden_one_is(world: World) -> None:
    example = example_of(world, known_share=0.5)
    labelled = settle(example.network.labels, example.network.account_count).confidence > 0
    hidden, _, visible = views_of([example], 2, (1.0, 0.5, 0.0), 0.3, seed=0)
    assert (visible.weight[labelled] == 0).all()
    assert (hidden.weight[labelled] > 0).all()
    assert not hidden.known.bad.any()
    assert visible.known.bad[labelled].all()


def test_unlabelled_accounts_near_a_known_bad_one_teach_nothing(world: World) -> None:
    network = network_of(world)
    ring = np.flatnonzero((np.array(world.ring) == 1) & (network.clusters >= 0))
    together = ring[network.clusters[ring] == network.clusters[ring[0]]]
    one = np.zeros(network.account_count, dtype=bool)
    one[together[0]] = True
    example = Example(network, labels_of(world, one, NOW_MS))
    targets = targets_of(example, outcomes_of(example))
    assert targets.abusive[together[0]]
    assert (targets.confidence[together[1:]] == 0).all()
    assert targets.confidence[network.clusters < 0].all()


def test_a_lone_label_tells_nothing_of_its_cluster_and_two_tell_much(world: World) -> None:
    network = network_of(world)
    ring = np.flatnonzero((np.array(world.ring) == 5) & (network.clusters >= 0))
    line = INFERRED_SHARE * np.log2(POPULATION_MIN)
    cluster = int(network.clusters[ring[0]])
    together = ring[network.clusters[ring] == cluster]
    assert 3 <= len(together) < 2 / RING_SHARE
    for count, abusive in ((1, False), (2, True)):
        found = np.zeros(network.account_count, dtype=bool)
        found[together[:count]] = True
        example = Example(network, labels_of(world, found, NOW_MS))
        targets = targets_of(example, outcomes_of(example))
        assert (targets.cluster_abusive[cluster], targets.cluster_clear[cluster]) == (abusive, abusive)
        expected = [
            np.float32(INFERRED_CONFIDENCE if abusive and strongest_tie(network, row, found) >= line else 0)
            for row in together[count:]
        ]
        assert targets.confidence[together[count:]].tolist() == expected
        assert targets.abusive[together[count:]].tolist() == [one > 0 for one in expected]
        assert (any(expected), all(expected)) == (abusive, False)
        (view,) = views_of([example], 2, (1.0,), 0.3, seed=0)
        assert bool(view.cluster_weight[cluster]) is abusive


def strongest_tie(network: Network, row: int, known: np.ndarray) -> float:
    """Bits of the strongest pair of this account and a known one."""
    pairs = network.pairs.to_pylist()
    other = [
        (pair["b"] if pair["a"] == row else pair["a"], pair["bits"]) for pair in pairs if row in (pair["a"], pair["b"])
    ]
    return max((bits for account, bits in other if known[account]), default=0.0)


def test_what_is_known_of_a_cluster_is_hidden_as_a_whole(world: World) -> None:
    example = example_of(world, known_share=0.5)
    network = example.network
    labelled = settle(network.labels, network.account_count).confidence > 0
    (view,) = views_of([example], 2, (0.5,), 0.3, seed=0)
    shown = ((view.known.bad > 0) | (view.known.good > 0))[labelled]
    inside = network.clusters[labelled]
    assert shown.any()
    assert not shown.all()
    for cluster in np.unique(inside[inside >= 0]):
        assert len(set(shown[inside == cluster])) == 1


def test_one_bad_account_does_not_condemn_an_office() -> None:
    world = make_world(4, singles=500, rings=1, campuses=0, offices=4)
    network = network_of(world)
    kinds = np.array(world.kind)
    office = np.flatnonzero((kinds == "shared_organisation") & (network.clusters >= 0))
    cluster = np.bincount(network.clusters[office]).argmax()
    one = np.zeros(network.account_count, dtype=bool)
    one[office[network.clusters[office] == cluster][0]] = True
    table = labels_of(world, one, NOW_MS)
    bad = table.set_column(1, "verdict", [["abusive"]]).set_column(2, "kind", [["stolen_account"]])
    example = Example(network, bad.cast(no_labels().schema))
    assert (network.clusters == cluster).sum() > 11
    assert not targets_of(example, outcomes_of(example)).cluster_abusive[cluster]


def test_an_organisation_is_held_out_whole() -> None:
    world = make_world(4, singles=300, rings=1, campuses=0, offices=6)
    network = network_of(world)
    (fold,) = folds_of([Example(network, no_labels())], 3, seed=0)
    org = np.flatnonzero(np.array(network.identifiers["type"].to_pylist()) == "org")
    identifier, account = network.links["identifier"].to_numpy(), network.links["account"].to_numpy()
    sizes = [len(account[identifier == one]) for one in org]
    assert max(sizes) > 5
    assert all(len(set(fold[account[identifier == one]])) == 1 for one in org)


def test_nothing_to_learn_is_said_plainly(world: World) -> None:
    network: Network = network_of(world)
    with pytest.raises(ModelError, match="nothing to learn"):
        train([Example(network, no_labels())], SHORT, quiet)
    with pytest.raises(ModelError, match="nothing to learn"):
        train([], SHORT, quiet)


def test_the_most_confident_label_counts_and_of_equals_the_last(world: World) -> None:
    one = np.zeros(len(world.ring), dtype=bool)
    one[5] = True
    rows = [labels_of(world, one, NOW_MS).to_pylist()[0] for _ in range(3)]
    rows[0] |= {"verdict": "abusive", "confidence": 0.9, "decided_ms": 3}
    rows[1] |= {"verdict": "benign", "confidence": 0.9, "decided_ms": 4}
    rows[2] |= {"verdict": "abusive", "confidence": 0.4, "decided_ms": 5}
    for order in ([0, 1, 2], [2, 1, 0]):
        table = no_labels().from_pylist([rows[index] for index in order], schema=no_labels().schema)
        assert settle(table, len(world.ring)).verdict[5] == 0
