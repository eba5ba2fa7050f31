"""The self-check of worlds: it counts what an analyst would count, and fails a world that gives itself away."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from graphsvc.cli import app
from graphsvc.errors import BadInput
from graphsvc.simulate import load_world
from graphsvc.simulate.audit import BOUND, Audit, audit, auroc
from graphsvc.simulate.traits import traits
from graphsvc.simulate.world import World, make_world
from tests.simulate.made import Made

GIVEN_AWAY = """
name = "loud"
abusive_share = [0.2, 0.2]
requests = 3
[operators]
trial_farm = 1.0
[innocents]
individual = 1.0
[override.trial_farm.signups]
phone = [1.0, 1.0]
[override.individual.signups]
phone = [0.0, 0.0]
"""


def quietly(_stage: str, _share: float) -> None:
    """Takes progress and says nothing."""


def small(folder: Path, world: str, *, compressed: bool = False) -> World:
    spec = msgspec.structs.replace(load_world(world), accounts=600, requests=6.0, seed=3)
    return make_world(spec, folder, compressed=compressed)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Audit]:
    """The truth files are gone before the audit, which goes by the truth in memory."""
    world = small(tmp_path_factory.mktemp("audited"), "plain")
    (world.events.parent / "truth.csv").unlink()
    (world.events.parent / "labels.ndjson").unlink()
    return world, audit(world.events, world.truth, quietly)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40))
def test_auroc_is_the_area_under_the_curve(rows: list[tuple[int, bool]]) -> None:
    values, abusive = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows])
    if abusive.all() or not abusive.any():
        return
    assert auroc(values, abusive) == pytest.approx(roc_auc_score(abusive, values))


def test_every_trait_is_judged_the_most_telling_first(audited: tuple[World, Audit]) -> None:
    _, found = audited
    names = {trait.name for trait in found.traits}
    assert {"requests", "gap_cv", "hour_entropy", "night_share", "phone", "hosting_share", "repeated_share"} <= names
    assert {"channel web", "plan free", "funding prepaid", "status 429", "model aurora"} <= names
    assert len(names) == len(found.traits) > 100
    assert [trait.tells for trait in found.traits] == sorted((trait.tells for trait in found.traits), reverse=True)
    assert all(0.5 <= trait.tells <= 1 for trait in found.traits)
    assert found.giveaways == tuple(trait for trait in found.traits if max(trait.auroc, 1 - trait.auroc) > BOUND)


def test_traits_are_what_the_log_says(plain_world: Made, tmp_path: Path) -> None:
    account_ids = sorted(plain_world.truth)
    counted = dict(traits(plain_world.folder / "events.ndjson", pa.array(account_ids), tmp_path))
    for place in range(0, len(account_ids), 97):
        events = [event for event in plain_world.events if event.account_id == account_ids[place]]
        requests = [event for event in events if event.request is not UNSET]
        times_s = np.array([event.occurred_at.timestamp() for event in requests])
        gaps_s = np.diff(times_s)
        signup = next(event.signup for event in events if event.signup is not UNSET)
        expected = {
            "requests": len(requests),
            "logins": sum(event.type == "login" for event in events),
            "addresses": len({event.ip for event in events if event.ip is not UNSET}),
            "devices": len({event.device.id for event in events if event.device is not UNSET}),
            "phone": float(signup.phone is not UNSET),
            f"channel {signup.channel}": 1,
            "night_share": np.mean(times_s // 3600 % 24 < 6) if len(requests) else 0,
            "limited_share": np.mean([event.request.status == 429 for event in requests]) if requests else 0,  # type: ignore[union-attr]
            "gap": 1000 * gaps_s.mean() if gaps_s.size else 0,
            "gap_median": 1000 * np.median(gaps_s) if gaps_s.size else 0,
        }
        found = {name: counted[name][place] for name in expected}
        assert found == pytest.approx(expected, rel=1e-4)


def test_a_packed_log_gives_the_same_audit(audited: tuple[World, Audit], tmp_path: Path) -> None:
    world = small(tmp_path, "plain", compressed=True)
    assert world.events.suffix == ".zst"
    assert [(t.name, pytest.approx(t.auroc)) for t in audit(world.events, world.truth, quietly).traits] == [
        (trait.name, trait.auroc) for trait in audited[1].traits
    ]


def test_a_world_without_operators_has_nothing_to_audit(tmp_path: Path) -> None:
    world = small(tmp_path, "quiet")
    assert audit(world.events, world.truth, quietly) == Audit((), None)
    answer = CliRunner().invoke(
        app, ["simulate", str(tmp_path / "out"), "--world", "quiet", "--accounts", "100", "--audit"]
    )
    assert answer.exit_code == 0
    assert "nothing to audit" in answer.stdout


def test_the_command_line_prints_the_audit(tmp_path: Path) -> None:
    arguments = ["simulate", str(tmp_path), "--accounts", "3000", "--requests", "8", "--seed", "7", "--audit", "--json"]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0
    printed = json.loads(answer.stdout)
    assert printed["world"]["accounts"] == 3000
    assert len(printed["audit"]["traits"]) > 100
    assert printed["audit"]["bound"] == 0.80
    assert max(max(trait["auroc"], 1 - trait["auroc"]) for trait in printed["audit"]["traits"]) <= 0.80


def test_a_world_that_gives_itself_away_fails(tmp_path: Path) -> None:
    (tmp_path / "loud.toml").write_text(GIVEN_AWAY, encoding="utf-8")
    arguments = [
        "simulate",
        str(tmp_path / "out"),
        "--world",
        str(tmp_path / "loud.toml"),
        "--accounts",
        "400",
        "--audit",
    ]
    answer = CliRunner().invoke(app, arguments)
    assert isinstance(answer.exception, BadInput)
    assert answer.exception.exit_code == 1
    assert "phone (1.00)" in str(answer.exception)
    assert "phone" in answer.stdout
