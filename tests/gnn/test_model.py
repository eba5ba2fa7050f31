"""The network itself: shapes, absent parts, and no dependence on the order of accounts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import torch

from gnn.dataset import build
from gnn.ensemble import Model
from gnn.features import FEATURES
from gnn.groups import ABUSIVE_KINDS, KINDS
from gnn.labels import known
from gnn.model import AccountNetwork, Shape, abusive_logit
from gnn.network import PEER_SCHEMA, Network
from gnn.predict import Prediction, predict
from tests.gnn.worlds import NOW_MS, World, make_world, network_of


def test_shapes(world: World) -> None:
    network = network_of(world)
    model = AccountNetwork(Shape(len(FEATURES), hidden=16)).eval()
    output = model(build(network, known(network)))
    assert output.account_logit.shape == (network.account_count,)
    assert output.embedding.shape == (network.account_count, 16)
    assert output.kind_logits.shape == (network.cluster_count, len(KINDS))


def test_the_probability_of_a_cluster_is_the_mass_of_its_abusive_kinds() -> None:
    logits = torch.randn(5, len(KINDS))
    mass = torch.softmax(logits, dim=1)[:, : len(ABUSIVE_KINDS)].sum(dim=1)
    torch.testing.assert_close(torch.sigmoid(abusive_logit(logits)), mass)


def test_a_prediction_covers_everything_and_agrees_with_itself(model: Model, world: World) -> None:
    network = network_of(world)
    prediction = predict(model, network)
    assert len(prediction.account_probability) == network.account_count
    assert len(prediction.cluster_kind) == len(prediction.cluster_probability) == network.cluster_count
    assert (prediction.cluster_low <= prediction.cluster_probability + 1e-6).all()
    assert (prediction.cluster_probability <= prediction.cluster_high + 1e-6).all()
    abusive = np.array([kind in ABUSIVE_KINDS for kind in prediction.cluster_kind])
    np.testing.assert_array_equal(abusive, prediction.cluster_probability >= 0.5)
    inside = network.clusters >= 0
    own = prediction.cluster_probability[network.clusters[inside]]
    assert np.corrcoef(own, prediction.account_probability[inside])[0, 1] > 0.8


def test_scores_do_not_depend_on_ids_or_order(model: Model, world: World) -> None:
    order = np.random.default_rng(2).permutation(len(world.ring))
    plain = predict(model, network_of(world)).account_probability
    shuffled = predict(model, network_of(world, order=order)).account_probability
    np.testing.assert_allclose(plain[order], shuffled, atol=2e-4)


def test_absent_groups_and_no_clusters_are_served(model: Model) -> None:
    lonely = make_world(7, singles=20, rings=0, campuses=0, offices=0)
    prediction = predict(model, network_of(lonely))
    assert np.isfinite(prediction.account_probability).all()
    alone = replace(network_of(lonely), clusters=np.full(len(lonely.ring), -1, dtype=np.int32))
    assert predict(model, alone).cluster_kind == []


def test_types_and_peers_never_seen_in_training_are_served(model: Model, world: World) -> None:
    network = network_of(world)
    types = pa.array(["loyalty_card" if name == "device" else name for name in network.identifiers["type"].to_pylist()])
    place = network.identifiers.schema.get_field_index("type")
    prediction = predict(
        model, _with_peers(replace(network, identifiers=network.identifiers.set_column(place, "type", types)))
    )
    assert np.isfinite(prediction.account_probability).all()


def _with_peers(network: Network) -> Network:
    peers = pa.table(
        {"source": [0, 1], "target": [1, 2], "type": ["follows"] * 2, "weight": [1.0, 2.0], "first_ms": [NOW_MS] * 2},
        schema=PEER_SCHEMA,
    )
    return replace(network, peers=peers)


def test_what_others_know_is_of_use_and_not_ones_own_label(model: Model) -> None:
    world = make_world(11)
    none, half = network_of(world), network_of(world, known=world.abusive & (np.arange(len(world.ring)) % 2 == 0))
    before, after = _scores(model, none), _scores(model, half)
    unknown_bad = world.abusive & (np.arange(len(world.ring)) % 2 == 1)
    assert after.account_probability[unknown_bad].mean() >= before.account_probability[unknown_bad].mean() - 0.02


def _scores(model: Model, network: Network) -> Prediction:
    return predict(model, network)
