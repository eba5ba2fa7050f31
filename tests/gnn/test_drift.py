"""Drift: the same making of a world is calm, another behaviour is named, and what training never saw is unsure."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.drift import (
    ACCOUNT_SCORE,
    ALARM,
    CLUSTER_SCORE,
    Shift,
    from_json,
    outside,
    profile,
    shifts,
    to_json,
    watched,
    widened,
)
from gnn.ensemble import Model
from gnn.features import FEATURES
from gnn.network import Network
from gnn.predict import predict
from gnn.registry import load, save
from tests.gnn.worlds import World, make_world, network_of


def plain_psi(before: np.ndarray, now: np.ndarray) -> float:
    """By the definition, over the tenths of the first sample, half a value added to each."""
    ends = {float(np.sort(before)[(len(before) - 1) * tenth // 10]) for tenth in range(1, 10)} - {before.max()}
    cuts = [(end + min(one for one in before if one > end)) / 2 for end in sorted(ends)]
    total = 0.0
    for low, high in zip([-math.inf, *cuts], [*cuts, math.inf], strict=True):
        found = [sum(low < one <= high for one in side) for side in (before, now)]
        a, b = (
            (here + 0.5) / (len(side) + 0.5 * (len(cuts) + 1)) for here, side in zip(found, (before, now), strict=True)
        )
        total += (b - a) * math.log(b / a)
    return total


def moved(model: Model, network: Network) -> dict[str, Shift]:
    known = from_json(model.notes["reference"])
    found: list[Shift] = []
    said = predict(model, network, lambda x: found.extend(shifts(known, watched(FEATURES, x))))
    scores = {ACCOUNT_SCORE: said.account_probability, CLUSTER_SCORE: said.cluster_probability}
    return {one.name: one for one in [*found, *shifts(known, scores)]}


def crowded(world: World) -> World:
    """The same people, most of whom come to sign up from a few hundred devices, and whose payments are not told."""
    random = np.random.default_rng(0)
    for account, facts in enumerate(world.facts):
        facts["declined_share"] = 0.0
        if random.random() < 0.8:
            world.links.append((account, "device", f"many-{random.integers(150)}", world.created_ms[account]))
    return world


def test_another_world_of_the_same_making_is_calm(model: Model) -> None:
    found = moved(model, network_of(make_world(7)))
    assert {ACCOUNT_SCORE, CLUSTER_SCORE, "device_crowd", "own_declined_share"} <= set(found)
    assert [one.name for one in found.values() if one.level == "alarm"] == []


def test_another_behaviour_alarms_and_is_named(model: Model) -> None:
    alarms = {name for name, one in moved(model, network_of(crowded(make_world(7)))).items() if one.level == "alarm"}
    assert {"device_crowd", "device_best", "pair_count", "own_declined_share"} <= alarms
    assert not {name for name in alarms if name.startswith(("phone_", "referral_"))}
    assert "own_requests" not in alarms


def test_what_is_known_of_neighbours_is_not_watched() -> None:
    names = set(watched(FEATURES, np.zeros((1, len(FEATURES)), np.float32)))
    assert names < set(FEATURES)
    assert not [name for name in names if name.endswith(("_bad", "_good"))]


def test_a_model_keeps_its_reference(model: Model, tmp_path: Path) -> None:
    save(model, tmp_path / "m")
    kept = load(tmp_path / "m").notes["reference"]
    assert kept == model.notes["reference"]
    assert to_json(from_json(kept)) == kept


VALUES = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.5, 1.0, 2.0, 3.5, 7.0]), min_size=1, max_size=60).map(np.array)


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES)
def test_the_index_is_that_of_its_definition(before: np.ndarray, now: np.ndarray) -> None:
    (found,) = shifts(profile({"a": before}), {"a": now})
    assert found.psi == pytest.approx(plain_psi(before, now), abs=1e-9)
    assert found.psi >= 0


@settings(max_examples=30, deadline=None)
@given(VALUES)
def test_the_same_values_never_move(values: np.ndarray) -> None:
    (found,) = shifts(profile({"a": values}), {"a": np.flip(values)})
    assert found.psi == pytest.approx(0.0, abs=1e-12)
    assert found.level == "calm"


def test_few_values_that_differ_by_chance_do_not_alarm() -> None:
    random = np.random.default_rng(3)
    known = profile({f"f{n}": random.normal(size=4_000) for n in range(40)})
    few = shifts(known, {name: random.normal(size=40) for name in known})
    assert max(one.psi for one in few) > ALARM
    assert {one.level for one in few} == {"calm"}
    assert {one.level for one in shifts(known, {name: random.normal(2.0, size=40) for name in known})} == {"alarm"}


def test_accounts_unlike_training_open_the_interval_of_their_cluster() -> None:
    random = np.random.default_rng(1)
    known = profile({f"f{n}": random.normal(size=2_000) for n in range(20)})
    x = {name: random.normal(size=6) * 0.5 for name in known}
    for name in ("f1", "f5"):
        x[name][:2] = 40.0
    x["f2"][3] = 40.0
    unlike = outside(known, x)
    assert unlike.tolist() == [True, True, False, False, False, False]
    ends = np.array([0.8, 0.8], np.float32), np.array([0.9, 0.9], np.float32)
    low, high = widened(*ends, unlike, np.array([0, 0, 0, 0, 1, -1]))
    assert low.tolist() == pytest.approx([0.4, 0.8])
    assert high.tolist() == pytest.approx([0.95, 0.9])


def test_a_column_without_values_has_no_spread() -> None:
    assert profile({"a": np.zeros(0)}) == {}
    assert shifts(profile({"a": np.zeros(3)}), {"a": np.zeros(0), "b": np.zeros(3)}) == []
