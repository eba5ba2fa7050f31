"""Few labels: an adapted model ranks better what it never saw, accuses no more innocents, or stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from gnn.adapt import PRIOR, STRENGTHS, _fit, _held_out, _out_of_fold, _Rows, adapt, rings_of
from gnn.around import judged
from gnn.correction import Correction
from gnn.ensemble import Model, run
from gnn.evaluate import average_precision
from gnn.head import Head
from gnn.predict import Prediction, graph_of, predict
from gnn.registry import SHIPPED, load, read_manifest, save
from gnn.targets import Example, folds_of
from tests.gnn.worlds import NOW_MS, World, labels_of, make_world, network_of


def quiet(text: str, share: float) -> None:
    """Progress that nobody watches."""


def elsewhere(seed: int) -> World:
    """A world whose innocents do what rings do in the worlds that the model learnt from, and the other way round."""
    world = make_world(seed, rings=16, singles=400)
    random = np.random.default_rng(seed)
    for bad, facts in zip(world.abusive, world.facts, strict=True):
        facts["prepaid_share"] = float(random.random() < (0.02 if bad else 0.6))
        facts["hour_entropy"] = float(random.normal(0.6 if bad else 2.6, 0.3))
        facts["status_429_share"] = float(random.beta(1, 60) if bad else random.beta(2, 20))
    return world


def reviewed(world: World, rings: int, seed: int) -> tuple[Example, np.ndarray]:
    """Some rings confirmed and some clusters dismissed, and bool[N]: who is of a ring or a cluster with a label."""
    random = np.random.default_rng(seed)
    ring, clusters = np.array(world.ring), network_of(world).clusters
    chosen = np.isin(ring, random.permutation(ring.max() + 1)[:rings]) & (random.random(len(ring)) < 0.6)
    dismissed = np.isin(clusters, random.permutation(clusters.max() + 1)[: clusters.max() // 4]) & (clusters >= 0)
    chosen |= dismissed & ~world.abusive & (random.random(len(ring)) < 0.3)
    network = replace(network_of(world), labels=labels_of(world, chosen, NOW_MS - 1))
    touched = np.isin(clusters, clusters[chosen & (clusters >= 0)]) | np.isin(ring, ring[chosen & world.abusive])
    return Example(network, network.labels), chosen | touched


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load(SHIPPED)


@pytest.fixture(scope="module")
def few() -> tuple[World, Example, np.ndarray]:
    world = elsewhere(31)
    return (world, *reviewed(world, 4, 31))


@pytest.fixture(scope="module")
def adapted(shipped: Model, few: tuple[World, Example, np.ndarray]) -> Model:
    found = adapt(shipped, few[1], 0, quiet)
    assert found.model is not None
    return found.model


def accused(prediction: Prediction) -> np.ndarray:
    flagged = np.append(prediction.cluster_probability >= 0.5, False)[prediction.clusters]
    return np.asarray(flagged | (prediction.account_probability >= 0.5))


@pytest.mark.parametrize("seed", [32, 33])
def test_of_rings_that_nobody_labelled_more_are_found_and_no_more_innocents_accused(shipped: Model, seed: int) -> None:
    world = elsewhere(seed)
    example, near = reviewed(world, 4, seed)
    found = adapt(shipped, example, 0, quiet)
    assert found.model is not None
    assert (found.labels, found.rings) == (example.network.labels.num_rows, rings_of(example))
    assert found.after < found.before
    rest = ~near
    before, after = (predict(model, example.network) for model in (shipped, found.model))
    precision = [average_precision(world.abusive[rest], one.account_probability[rest]) for one in (before, after)]
    assert precision[1] > precision[0] + 0.2
    innocents = [int((accused(one) & ~world.abusive).sum()) for one in (before, after)]
    assert innocents[1] <= innocents[0]


def test_the_same_labels_give_the_same_model(
    shipped: Model, adapted: Model, few: tuple[World, Example, np.ndarray], tmp_path: Path
) -> None:
    again = adapt(shipped, few[1], 0, quiet).model
    assert again is not None
    assert save(adapted, tmp_path / "one") == save(again, tmp_path / "other")


def test_a_saved_one_says_what_it_was_made_from_and_judges_alike(
    shipped: Model, adapted: Model, few: tuple[World, Example, np.ndarray], tmp_path: Path
) -> None:
    save(adapted, tmp_path / "model")
    read = load(tmp_path / "model")
    for name in ("account_probability", "cluster_probability", "cluster_low", "cluster_high"):
        mine, theirs = (getattr(predict(model, few[1].network), name) for model in (adapted, read))
        np.testing.assert_array_equal(mine, theirs)
    assert read_manifest(tmp_path / "model")["notes"]["adapted"]["from"] == shipped.version
    assert f"from model {shipped.version} to {few[1].network.labels.num_rows} labels" in (
        tmp_path / "model" / "MODEL_CARD.md"
    ).read_text("utf-8")
    head = Head.load(tmp_path / "model")
    x = np.random.default_rng(0).random((50, len(head.mean)), dtype=np.float32)
    np.testing.assert_array_equal(head.score(x), shipped.head.score(x))


def test_explanations_start_from_what_detection_says(adapted: Model, few: tuple[World, Example, np.ndarray]) -> None:
    network = few[1].network
    said = judged(adapted, network).log_odds
    probability = predict(adapted, network).account_probability
    np.testing.assert_allclose(1 / (1 + np.exp(-said)), probability, atol=1e-6)


def test_no_correction_changes_nothing(shipped: Model, few: tuple[World, Example, np.ndarray]) -> None:
    graph = graph_of(shipped, few[1].network)
    nothing = Correction.nothing(graph.x.numpy())
    plain, same = (run(shipped.networks, shipped.trees, graph, one) for one in (None, nothing))
    np.testing.assert_array_equal(plain.account_logit, same.account_logit)
    np.testing.assert_array_equal(plain.kinds, same.kinds)


def test_no_label_reaches_an_account_of_its_own_fold(shipped: Model, few: tuple[World, Example, np.ndarray]) -> None:
    example = few[1]
    (fold,) = folds_of([example], 5, seed=0)
    x, logit, _ = _held_out(shipped, example, fold, quiet)
    labels = example.network.labels
    assert len(np.unique(fold[labels["account"].to_numpy()])) > 1
    for number in range(5):
        mine = fold == number
        kept = labels.filter(~mine[labels["account"].to_numpy()])
        graph = graph_of(shipped, replace(example.network, labels=kept))
        np.testing.assert_array_equal(x[mine], graph.x.numpy()[mine])
        expected = run(shipped.networks, shipped.trees, graph).account_logit
        np.testing.assert_allclose(logit[mine], expected[mine], atol=1e-5)


def test_of_what_was_decided_before_nothing_is_learnt(shipped: Model, few: tuple[World, Example, np.ndarray]) -> None:
    found = adapt(shipped, few[1], 0, quiet, since_ms=NOW_MS)
    assert (found.labels, found.abusive, found.rings) == (0, 0, 0)


def test_innocents_alone_teach_calibration_only(shipped: Model) -> None:
    world = make_world(5, singles=200, rings=0)
    example, _ = reviewed(replace(world, ring=[-1] * len(world.ring)), 0, 5)
    found = adapt(shipped, example, 0, quiet).model
    assert found is not None
    assert found.notes["adapted"]["strength"] == STRENGTHS[0]
    assert found.correction is not None
    assert np.abs(found.correction.weight).max() < 1e-6


def rows_of(logit: np.ndarray, noise: np.ndarray) -> _Rows:
    """Each log odds once as abusive and once as not, weighted as likely as that is."""
    p = 1 / (1 + np.exp(-logit))
    count = len(logit)
    columns = np.column_stack([logit, np.ones(count), noise])
    truth = np.repeat([True, False], count)
    fold = np.tile(np.arange(count) % 5, 2)
    return _Rows(np.vstack([columns, columns]), truth, np.concatenate([p, 1 - p]), fold, np.full(2 * count, -1))


def test_of_what_is_said_rightly_nothing_does_better_out_of_fold() -> None:
    random = np.random.default_rng(1)
    rows = rows_of(random.normal(-1, 2, 200), random.normal(0, 0.3, (200, 7)))
    least = rows.loss(rows.columns[:, 0])
    assert all(rows.loss(_out_of_fold(rows, strength)) >= least - 1e-12 for strength in STRENGTHS)


def test_the_fit_is_the_least_of_its_loss() -> None:
    random = np.random.default_rng(2)
    rows = rows_of(random.normal(-1, 2, 60), random.normal(0, 1, (60, 3)))
    rows = replace(rows, abusive=random.random(120) < 0.4)
    prior, start = np.array([*PRIOR, 3.0, 3.0, 3.0]), np.array([1.0, 0, 0, 0, 0])

    def loss(beta: np.ndarray) -> float:
        said = rows.columns @ beta
        surprise = np.log1p(np.exp(-np.where(rows.abusive, said, -said)))
        return float((rows.weight * surprise).sum() + 0.5 * (prior * (beta - start) ** 2).sum())

    expected = minimize(loss, start, tol=1e-12, options={"gtol": 1e-9}).x
    np.testing.assert_allclose(_fit(rows, 3.0, np.ones(120, dtype=bool)), expected, atol=1e-4)
