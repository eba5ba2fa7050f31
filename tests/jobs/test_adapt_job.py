"""`graphsvc train` with few labels: which way it goes, what it says, and what a kill costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from gnn.registry import SHIPPED, load
from graphsvc.cli import app
from graphsvc.config import Settings, load_settings
from graphsvc.errors import BadInput, BadUsage
from graphsvc.jobs import models
from graphsvc.jobs.adapt import where_to_start
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.jobs.observe import quiet
from graphsvc.jobs.train import LOOKS, Way, _examples, train_on_ledger
from graphsvc.simulate import load_world, simulate
from graphsvc.simulate.spec import Review

ROOT = Path(__file__).parents[2]
KEY = "ab" * 32
ADAPTING = """
import sys
from graphsvc.config import load_settings
from graphsvc.jobs.train import Way, train_on_ledger
settings = load_settings(data=sys.argv[1], neo4j_uri="off", token_key="ab" * 32)
train_on_ledger(settings, None, 0, lambda step, share: print(step, flush=True), way=Way(adapt=True))
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world with its reviews."""
    folder = tmp_path_factory.mktemp("log")
    spec = msgspec.structs.replace(load_world("plain"), accounts=260, days=10, seed=5, review=Review())
    simulate(spec, folder, quiet)
    return folder


@pytest.fixture
def labelled(log: Path, tmp_path: Path) -> Settings:
    settings = load_settings(data=tmp_path / "data", neo4j_uri="off", token_key=KEY)
    ingest_events(settings, str(log / "events.ndjson"))
    ingest_labels(settings, str(log / "labels.ndjson"))
    return settings


def test_few_labels_adapt_the_model_in_use_and_it_says_so(labelled: Settings) -> None:
    words: list[str] = []
    version, model = train_on_ledger(labelled, None, 0, quiet, way=Way(tell=words.append))
    shipped = models.shipped_version(labelled.places)
    assert f"adapting model {shipped} to your labels" in words[0]
    assert "--from-scratch" in words[0]
    assert "log loss fell from" in words[1]
    assert models.champion_version(labelled.places) == shipped
    assert models.read_states(labelled.places).challenger == version
    assert model.notes["adapted"]["from"] == shipped
    assert load(labelled.places.models / version).correction is not None
    models.promote(labelled.places, version, {})
    again, other = train_on_ledger(labelled, None, 1, quiet, way=Way(adapt=True, tell=words.append))
    assert other.notes["adapted"]["from"] == shipped
    assert models.champion_version(labelled.places) == version
    assert models.read_states(labelled.places).challenger in ("", again)


def test_without_gain_the_model_stays_and_it_says_so(labelled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gnn.adapt.STRENGTHS", ())
    words: list[str] = []
    version, _ = train_on_ledger(labelled, None, 0, quiet, way=Way(adapt=True, tell=words.append))
    assert version == models.shipped_version(labelled.places)
    assert words[1].startswith(f"Nothing did better than model {version}")
    assert models.read_states(labelled.places).history == ()
    assert [one.version for one in models.listed(labelled.places)] == [version]


def test_many_rings_or_what_it_cannot_read_go_the_other_way(
    labelled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (now,) = _examples(labelled, None, "", quiet, LOOKS[-1:])
    reads = labelled.model_copy(update={"attributes": ("amount",)})
    assert where_to_start(reads, now, None)[0] is None
    with pytest.raises(BadUsage, match="does not read amount"):
        where_to_start(reads, now, True)
    monkeypatch.setattr("graphsvc.jobs.adapt.RINGS_OF_ITS_OWN", 2)
    start, why = where_to_start(labelled, now, None)
    assert start is None
    assert "learning from your labels alone" in why
    assert where_to_start(labelled, now, True)[0] is not None
    with pytest.raises(BadUsage, match="foresees"):
        train_on_ledger(labelled, None, 0, quiet, True, Way(adapt=True))


def test_labels_that_the_model_learnt_from_do_not_count_again(labelled: Settings) -> None:
    model = load(SHIPPED)
    notes = {name: value for name, value in model.notes.items() if name != "worlds"}
    notes["window"] = {**notes["window"], "labels_until_ms": 4_000_000_000_000}
    version = models.keep_model(replace(model, notes=notes), labelled.places)
    with pytest.raises(BadInput, match=f"Only 0 labels .* model {version} did not learn from"):
        train_on_ledger(labelled, None, 0, quiet, way=Way(adapt=True))


def test_too_few_labels_are_said(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHSVC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GRAPHSVC_TOKEN_KEY", KEY)
    settings = load_settings(neo4j_uri="off")
    ingest_events(settings, str(log / "events.ndjson"))
    some = (log / "labels.ndjson").read_text("utf-8").splitlines(keepends=True)[:5]
    (tmp_path / "some.ndjson").write_text("".join(some))
    ingest_labels(settings, str(tmp_path / "some.ndjson"))
    for words in (["train"], ["train", "--adapt"], ["train", "--from-scratch"]):
        found = CliRunner().invoke(app, words)
        assert isinstance(found.exception, BadInput)
        assert "labels are known by that time; training needs 20 or more" in str(found.exception)


def test_a_kill_leaves_nothing_half_registered(labelled: Settings) -> None:
    places = labelled.places
    command = [sys.executable, "-c", ADAPTING, str(places.root)]
    setting = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=setting, cwd=ROOT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("looking at the whole"):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    shipped = models.shipped_version(places)
    assert models.champion_version(places) == shipped
    assert [one.version for one in models.listed(places)] == [shipped]
    subprocess.run(command, check=True, env=setting, cwd=ROOT, capture_output=True)
    assert models.read_states(places).challenger not in ("", shipped)
