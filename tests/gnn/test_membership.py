"""Who is shown in a flagged cluster, and who was only near it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from gnn.labels import known
from gnn.membership import FLOOR, members
from gnn.network import Network
from tests.gnn.worlds import World, example_of


@pytest.fixture(scope="module")
def network(world: World) -> Network:
    return example_of(world, known_share=0.3).network


def largest(network: Network) -> np.ndarray:
    cluster = np.bincount(network.clusters[network.clusters >= 0]).argmax()
    return np.flatnonzero(network.clusters == cluster)


def flagged(network: Network, row: int) -> np.ndarray:
    out = np.full(network.cluster_count, 0.1, np.float32)
    out[network.clusters[row]] = 0.9
    return out


def test_a_member_whom_its_own_evidence_does_not_speak_for_leaves_a_flagged_cluster(network: Network) -> None:
    inside = largest(network)
    stranger = inside[known(network).bad[inside] == 0][0]
    score = np.full(network.account_count, 0.9, np.float32)
    score[stranger] = FLOOR - 0.01
    shown = members(network, network.clusters, score, flagged(network, stranger))
    assert shown[stranger] == -1
    assert (np.delete(shown, stranger) == np.delete(network.clusters, stranger)).all()


def test_who_is_known_to_be_abusive_stays(network: Network) -> None:
    bad = np.flatnonzero((known(network).bad >= 0.5) & (network.clusters >= 0))
    score = np.full(network.account_count, 0.9, np.float32)
    score[bad[0]] = 0.0
    assert (members(network, network.clusters, score, flagged(network, bad[0])) == network.clusters).all()


def test_who_was_decided_to_be_innocent_leaves_whatever_the_company(network: Network) -> None:
    inside = largest(network)
    cleared = inside[known(network).bad[inside] == 0][0]
    said = {"account": int(cleared), "verdict": "benign", "decided_ms": network.as_of_ms, "confidence": 0.9}
    rows = pa.Table.from_pylist([{**said, "source": "review"}], schema=network.labels.schema)
    told = replace(network, labels=pa.concat_tables([network.labels, rows]))
    score = np.full(network.account_count, 0.9, np.float32)
    shown = members(told, told.clusters, score, flagged(told, cleared))
    assert shown[cleared] == -1
    assert (np.delete(shown, cleared) == np.delete(told.clusters, cleared)).all()


def test_an_innocent_cluster_and_one_that_would_be_empty_keep_all(network: Network) -> None:
    inside = largest(network)
    score = np.zeros(network.account_count, np.float32)
    assert (
        members(network, network.clusters, score, np.full(network.cluster_count, 0.49, np.float32)) == network.clusters
    ).all()
    assert (members(network, network.clusters, score, flagged(network, inside[0])) == network.clusters).all()


def test_nobody_is_left_alone_in_a_flagged_cluster(network: Network) -> None:
    bad = known(network).bad
    clean = [row for row in np.unique(network.clusters) if row >= 0 and bad[network.clusters == row].max() < 0.5]
    inside = np.flatnonzero(network.clusters == clean[0])
    score = np.zeros(network.account_count, np.float32)
    score[inside[0]] = 0.9
    assert (members(network, network.clusters, score, flagged(network, inside[0])) == network.clusters).all()
