"""Boosted trees: what must not speak for an account does not."""

from __future__ import annotations

import numpy as np

from gnn.features import FEATURES
from gnn.trees import TreeConfig, direction, fit_folds, tree_logits
from gnn.views import views_of
from tests.gnn.worlds import World, example_of


def test_more_of_the_evidence_never_lowers_the_odds(world: World) -> None:
    views = views_of([example_of(world, known_share=0.3)], 2, (1.0, 0.0), 0.3, seed=0)
    trees = fit_folds(views, 2, TreeConfig(trees=40, threads=1))
    x = views[-1].graph.x.numpy()
    used = {name for one in trees for name in one.get_score()}
    directed = [index for index, name in enumerate(FEATURES) if direction(name)]
    assert used & {f"f{index}" for index in directed}
    for index in directed:
        more = x.copy()
        more[:, index] += 1.0
        for one in trees:
            assert (direction(FEATURES[index]) * (tree_logits(one, more) - tree_logits(one, x)) >= -1e-5).all()


def test_an_innocent_neighbour_falls_and_places_stay_free() -> None:
    assert {direction(name) for name in FEATURES if name.endswith("_good")} == {-1}
    assert {direction(name) for name in ("pair_bad", "device_crowd", "conversation_best", "mail_burst_day")} == {1}
    assert {direction(name) for name in ("network_best", "org_crowd", "own_requests", "cluster_size")} == {0}
    assert np.abs([direction(name) for name in FEATURES]).sum() < len(FEATURES)
