"""Which clusters to review: those that teach most, none twice, none that is decided; and it beats random picks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from gnn.ensemble import Model, run
from gnn.evaluate import average_precision
from gnn.network import Network
from gnn.predict import Prediction, graph_of, predict
from gnn.suggest import Suggestion, settled_by_labels, suggest, voices_of
from gnn.targets import Example
from gnn.train import TrainConfig, train
from tests.gnn.worlds import DAY_MS, NOW_MS, World, _add, _crowd, _ring, example_of, labels_of, network_of

PICKS = 8
SEEDS = (0, 1, 2)
CONFIG = TrainConfig(hidden=16, folds=2, steps=40, device="cpu", hidden_shares=(1.0,))
AGENCY = (("device", 0.7, 3), ("instrument", 0.5, 3), ("ip", 0.5, 2))


def alike_world(seed: int) -> World:
    """Rings, agencies that share what rings share and start as fast, offices, and many households."""
    random = np.random.default_rng(seed)
    world = World()
    for _ in range(60):
        _add(world, random, float(random.integers(0, 90)), "", -1)
    for index in range(10):
        _ring(world, random, index)
    for index in range(14):
        _agency(world, random, "org" if index % 2 else "mail_domain")
    for _ in range(4):
        _crowd(world, random, int(random.integers(6, 14)), "shared_organisation", ("ip", "org", "mail_domain"))
    for _ in range(60):
        _crowd(world, random, int(random.integers(2, 5)), "household", ("ip", "device"))
    return world


def _agency(world: World, random: np.random.Generator, own: str) -> None:
    start = float(random.uniform(0, 86))
    for _ in range(int(random.integers(6, 14))):
        account = _add(world, random, start + float(random.uniform(0, 4)), "shared_organisation", -1)
        for kind, share, many in (*AGENCY, (own, 0.6, 1)):
            if random.random() < share:
                name = f"g{world.groups}-{random.integers(many)}"
                world.links.append((account, kind, name, world.created_ms[account]))
        world.group[account] = world.groups
    world.groups += 1


@dataclass(frozen=True)
class Pool:
    """A world of which few clusters are decided; its makers answer what a review of the others would."""

    world: World
    network: Network
    first: set[int]
    others: np.ndarray

    @staticmethod
    def of(seed: int) -> Pool:
        """Two clusters of each side are decided."""
        world = alike_world(seed)
        network = network_of(world)
        inside = network.clusters >= 0
        bad = np.bincount(network.clusters[inside], world.abusive[inside]) * 2 > np.bincount(network.clusters[inside])
        random = np.random.default_rng(seed)
        sides = [random.choice(np.flatnonzero(side), 2, replace=False).tolist() for side in (bad, ~bad)]
        first = {one for side in sides for one in side}
        return Pool(world, network, first, np.setdiff1d(np.arange(len(bad)), list(first)))

    def chosen(self, clusters: set[int]) -> np.ndarray:
        return np.isin(self.network.clusters, list(clusters))

    def model(self, clusters: set[int]) -> Model:
        """What is learnt where these are decided as well."""
        outcomes = labels_of(self.world, self.chosen(self.first | clusters), NOW_MS + DAY_MS)
        return train([Example(self.network, outcomes)], CONFIG, lambda text, share: None)

    def suggested(self, model: Model) -> set[int]:
        """Clusters of the network, by the models that was learnt from the first ones."""
        labels = labels_of(self.world, self.chosen(self.first), NOW_MS - DAY_MS)
        network = replace(self.network, labels=labels)
        prediction = predict(model, network)
        found = suggest(model, network, prediction, PICKS)
        named = (self.network.clusters[prediction.clusters == one.cluster] for one in found)
        return {int(np.bincount(rows).argmax()) for rows in named}


def precision(model: Model, world: World) -> float:
    """Average precision over accounts by log odds, which order also where few labels calibrate nothing."""
    raw = run(model.networks, model.trees, graph_of(model, network_of(world)))
    return average_precision(world.abusive, raw.account.mean(axis=0))


def test_reviewing_what_is_suggested_teaches_more_than_reviewing_at_random() -> None:
    gains = []
    for seed in SEEDS:
        pool, held_out = Pool.of(seed), alike_world(seed + 1000)
        suggested = pool.suggested(pool.model(set()))
        assert len(suggested) == PICKS
        assert not suggested & pool.first
        drawn = set(np.random.default_rng(seed).choice(pool.others, PICKS, replace=False).tolist())
        gains.append([precision(pool.model(picks), held_out) for picks in (suggested, drawn)])
    by_suggestion, by_chance = np.mean(gains, axis=0)
    assert by_suggestion > by_chance + 0.01


@pytest.fixture(scope="module")
def looked(world: World, model: Model) -> tuple[Network, Prediction, list[Suggestion]]:
    network = example_of(world, known_share=0.3).network
    prediction = predict(model, network)
    return network, prediction, suggest(model, network, prediction, 10)


def test_what_labels_settle_is_left_out(looked: tuple[Network, Prediction, list[Suggestion]]) -> None:
    network, prediction, found = looked
    settled = settled_by_labels(network, prediction.clusters)
    assert settled.any()
    assert found
    assert not settled[[one.cluster for one in found]].any()
    for one in found:
        assert one.size == (prediction.clusters == one.cluster).sum() >= 2
        assert 0 <= one.low <= one.high <= 1
        assert 0 <= one.disagreement_bits <= one.doubt_bits <= 1


def test_values_fall_and_the_first_is_the_best_of_all(
    model: Model, looked: tuple[Network, Prediction, list[Suggestion]]
) -> None:
    network, prediction, found = looked
    values = [one.value for one in found]
    assert values == sorted(values, reverse=True)
    assert suggest(model, network, prediction, 3) == found[:3]


def test_decided_clusters_and_a_second_one_of_a_campaign_are_left_out(
    model: Model, looked: tuple[Network, Prediction, list[Suggestion]]
) -> None:
    network, prediction, found = looked
    count = len(prediction.cluster_probability)
    first, second = found[0].cluster, found[1].cluster
    decided = np.arange(count) == first
    assert first not in {one.cluster for one in suggest(model, network, prediction, count, decided=decided)}
    campaign = [("one" if row in (first, second) else None) for row in range(count)]
    rows = [one.cluster for one in suggest(model, network, prediction, count, campaign)]
    assert (first in rows, second in rows) == (True, False)


def test_a_copy_of_what_is_chosen_teaches_nothing(
    model: Model, looked: tuple[Network, Prediction, list[Suggestion]]
) -> None:
    network, prediction, _ = looked
    same = replace(prediction, account_embedding=np.ones_like(prediction.account_embedding))
    nobody = replace(network, labels=network.labels.slice(0, 0))
    assert len(suggest(model, nobody, same, 10)) == 1


def test_voices_are_all_networks_and_all_trees(
    model: Model, looked: tuple[Network, Prediction, list[Suggestion]]
) -> None:
    network, prediction, _ = looked
    voices = voices_of(model, network, prediction)
    count = len(prediction.cluster_probability)
    assert voices.probability.shape == (len(model.networks) + len(model.trees), count)
    assert voices.place.shape == (count, prediction.account_embedding.shape[1])
    assert np.isfinite(voices.place).all()
