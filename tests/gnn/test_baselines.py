"""Baselines on the same features and held-out operators."""

from __future__ import annotations

import numpy as np

from gnn.adjacency import pair_ties
from gnn.baselines import held_out_trees, propagate_labels
from gnn.evaluate import average_precision
from gnn.labels import known
from gnn.trees import TreeConfig
from gnn.views import views_of
from tests.gnn.worlds import World, example_of


def test_trees_learn_held_out_rings(world: World) -> None:
    views = views_of([example_of(world, known_share=0.3)], 2, (1.0, 0.0), 0.3, seed=0)
    scores = held_out_trees(views, 2, TreeConfig(trees=40, threads=1))
    assert [len(part) for part in scores] == [len(world.ring)] * 2
    assert average_precision(world.abusive, scores[0]) > 0.8


def test_labels_flow_to_tied_accounts_only(world: World) -> None:
    network = example_of(world, known_share=0.5).network
    evidence = known(network)
    score = propagate_labels(pair_ties(network), evidence.bad, evidence.good)
    unknown = evidence.bad == 0
    assert average_precision(world.abusive[unknown], score[unknown]) > 0.6
    alone = np.ones(network.account_count, dtype=bool)
    alone[network.pairs["a"].to_numpy()] = alone[network.pairs["b"].to_numpy()] = False
    assert not score[alone & unknown].any()
