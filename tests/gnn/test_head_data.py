"""What the real-time head learns from: newcomers among neighbours as the look before saw them, and nothing later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from gnn.fit_head import fit_head
from gnn.head import HEAD_FEATURES, RISING_COUNT, Head
from gnn.head_data import HeadData, head_data
from gnn.targets import Example
from gnn.views import View, views_of
from tests.gnn.worlds import DAY_MS, NOW_MS, World, labels_of, make_world, network_of

THEN_MS = NOW_MS - 45 * DAY_MS
FOLDS = 3


def looked_at(world: World, as_of_ms: int) -> Example:
    """The world as far as it had come by then, every account under one name at each look; all is decided at last."""
    kept = [row for row, created in enumerate(world.created_ms) if created <= as_of_ms]
    place = {row: number for number, row in enumerate(kept)}
    past = replace(
        world,
        links=[(place[a], kind, name, ms) for a, kind, name, ms in world.links if a in place and ms <= as_of_ms],
        created_ms=[world.created_ms[row] for row in kept],
        ring=[world.ring[row] for row in kept],
        group=[world.group[row] for row in kept],
        kind=[world.kind[row] for row in kept],
        facts=[world.facts[row] for row in kept],
    )
    network = network_of(past)
    ids = pa.array([f"acc-{row}" for row in kept], pa.string())
    accounts = network.accounts.set_column(0, "account_id", ids)
    outcomes = labels_of(past, np.ones(len(kept), dtype=bool), NOW_MS)
    return Example(replace(network, accounts=accounts, as_of_ms=as_of_ms), outcomes, "world")


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    world = make_world(3, singles=150, rings=10, campuses=1, offices=3)
    return [looked_at(world, THEN_MS), looked_at(world, NOW_MS)]


@pytest.fixture(scope="module")
def views(examples: list[Example]) -> list[View]:
    return views_of(examples, FOLDS, (1.0,), 0.1, 0)


def told(views: list[View], then: float = 0.9, now: float = 0.1) -> list[np.ndarray]:
    """Abusive accounts have one probability at the first look and another at the second; innocents have 0.05. Of what
    the second says only the mean is shown, of accounts that nobody judged."""
    chances = (then, now)
    return [
        np.where(view.targets.abusive, chance, 0.05).astype(np.float32)
        for view, chance in zip(views, chances, strict=True)
    ]


def newcomers(examples: list[Example]) -> np.ndarray:
    before, now = (set(one.network.accounts["account_id"].to_pylist()) for one in examples)
    ids = examples[1].network.accounts["account_id"].to_pylist()
    return np.flatnonzero([one in now - before for one in ids])


def test_of_the_later_look_newcomers_are_shown_in_three_ways_and_all_before_anybody_was_judged(
    examples: list[Example], views: list[View]
) -> None:
    first, second = (one.network.account_count for one in examples)
    data = head_data(examples, views, told(views))
    new = newcomers(examples)
    assert 0 < len(new) < second
    assert len(data.x) == first + second + 3 * len(new)
    at = first + second
    assert np.array_equal(data.fold[at : at + len(new)], views[1].fold[new])
    assert np.array_equal(data.abusive[at : at + len(new)], views[1].targets.abusive[new])
    counted = views[1].targets.confidence == 1.0
    assert counted.all(), "all was decided, so that weights are those of looks alone"
    assert data.weight[:first].sum() == pytest.approx(first, rel=1e-4)
    assert data.weight[first:at].sum() == pytest.approx(0.4 * second, rel=1e-4)
    assert data.weight[at:].sum() == pytest.approx(0.6 * second, rel=1e-4)


def test_what_is_shown_hangs_on_the_look_before_and_not_on_what_was_said_later(
    examples: list[Example], views: list[View]
) -> None:
    shown, new = head_data(examples, views, told(views)).x, len(newcomers(examples))
    later = head_data(examples, views, told(views, now=0.8)).x
    assert np.array_equal(shown[-3 * new :], later[-3 * new :])
    peak = HEAD_FEATURES.index("risk_peak")
    calmer = head_data(examples, views, told(views, then=0.2)).x
    assert (calmer[-3 * new :, peak] < shown[-3 * new :, peak]).any()
    assert not (calmer[-3 * new :, peak] > shown[-3 * new :, peak]).any()


def test_a_single_look_shows_everybody_as_that_look_judged_too(examples: list[Example], views: list[View]) -> None:
    alone = replace(views[1], example=0)
    data = head_data(examples[1:], [alone], told(views)[1:])
    assert len(data.x) == 4 * examples[1].network.account_count


def drawn(rows: int, seed: int) -> HeadData:
    """Abuse rises with one feature alone."""
    random = np.random.default_rng(seed)
    x = random.random((rows, len(HEAD_FEATURES)), dtype=np.float32)
    abusive = random.random(rows) < x[:, 0] ** 3
    return HeadData(x, abusive, np.ones(rows, dtype=np.float32), random.integers(0, FOLDS, rows))


def test_the_head_is_calibrated_on_what_it_held_out_and_never_falls_with_risk() -> None:
    head = fit_head(drawn(3_000, 1), seed=0)
    unseen = drawn(3_000, 2)
    said = head.score(unseen.x)
    assert float(said.mean()) == pytest.approx(float(unseen.abusive.mean()), abs=0.03)
    for part in np.array_split(np.argsort(said), 5):
        assert float(said[part].mean()) == pytest.approx(float(unseen.abusive[part].mean()), abs=0.12)
    riskier = unseen.x.copy()
    riskier[:, :RISING_COUNT] += 0.2
    assert (head.score(riskier) >= said - 1e-6).all()


def test_the_head_says_the_mean_of_its_networks_whatever_their_number() -> None:
    """One hidden layer holds them all: the head that is kept has no other form for several than for one."""
    head = fit_head(drawn(500, 3), seed=0)
    assert head.w1.shape == (len(HEAD_FEATURES), len(head.b1))
    assert head.w2.shape == head.b1.shape
    assert Head.of("again", head.tensors()).score(drawn(5, 4).x) == pytest.approx(head.score(drawn(5, 4).x))
    assert np.array_equal(fit_head(drawn(500, 3), seed=0).w1, head.w1)
