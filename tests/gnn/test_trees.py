"""Boosted trees: what must not speak for an account does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gnn.features import FEATURES
from gnn.trees import TreeConfig, direction, fit_folds, fit_trees, tree_logits
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


def test_few_labels_are_not_learnt_by_heart() -> None:
    luck = np.random.default_rng(0)
    x = luck.normal(size=(400, 20)).astype(np.float32)
    odds = 1 / (1 + np.exp(-x[:, 0]))
    abusive = luck.random(400) < odds
    learnt, held = (np.arange(400) < 150).astype(np.float32), (np.arange(400) >= 150).astype(np.float32)
    config = TreeConfig(threads=1)
    all_of_them = fit_trees(x, abusive, learnt, config)
    stopped = fit_trees(x, abusive, learnt, config, held=held)
    assert stopped.num_boosted_rounds() < all_of_them.num_boosted_rounds() == config.trees
    rows = held > 0
    assert loss(abusive[rows], tree_logits(stopped, x)[rows]) < loss(abusive[rows], tree_logits(all_of_them, x)[rows])
    # Nobody held out: as many as configured.
    assert fit_trees(x, abusive, learnt, config, held=np.zeros(400, np.float32)).num_boosted_rounds() == config.trees


def test_folds_take_the_depth_that_is_best_for_whom_they_hold_out(world: World) -> None:
    views = views_of([example_of(world, known_share=0.3)], 2, (1.0,), 0.3, seed=0)
    deep = TreeConfig(trees=30, threads=1)
    x, abusive = views[0].graph.x.numpy(), views[0].targets.abusive
    for fold, one in enumerate(fit_folds(views, 2, replace(deep, stopping=True))):
        held = (views[0].fold == fold) & (views[0].weight > 0)
        weight = views[0].weight[held]
        plain = fit_folds(views, 2, deep)[fold]
        assert loss(abusive[held], tree_logits(one, x)[held], weight) <= loss(
            abusive[held], tree_logits(plain, x)[held], weight
        )


def loss(truth: np.ndarray, logits: np.ndarray, weight: np.ndarray | None = None) -> float:
    each = np.logaddexp(0, logits) - truth * logits
    return float(np.average(each, weights=weight))
