"""`graphsvc train` and `graphsvc model` on real deployments: what a person reads, and what a kill costs."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gnn.checkpoint import Checkpoints
from gnn.registry import SHIPPED, load
from graphsvc.cli.console import _span, time_left_s
from graphsvc.config import Settings, load_settings
from graphsvc.errors import BadInput
from graphsvc.jobs import models
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.jobs.train import Way, train_on_ledger
from graphsvc.jobs.unfinished import Unfinished
from graphsvc.simulate import load_world, simulate
from graphsvc.simulate.spec import Review


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "graphsvc", *words], capture_output=True, text=True, check=False)


def quiet(step: str, share: float) -> None:
    """Says nothing."""


def test_list_and_show_tell_states_and_the_card(settings: Settings) -> None:
    model = load(SHIPPED)
    own = dataclasses.replace(model, account=dataclasses.replace(model.account, shift=0.5))
    version, _ = models.register(own, settings.places, challenger=True)
    table = run("model", "list").stdout.splitlines()
    assert table[0].split()[:2] == ["version", "state"]
    assert [row.split()[:2] for row in table[1:]] == [[version, "challenger"], [model.version, "champion"]]
    listed = json.loads(run("model", "list", "--json").stdout)
    assert [row["state"] for row in listed] == ["challenger", "champion (shipped)"]
    assert listed[0]["parent"] == model.version
    card = run("model", "show", "challenger").stdout
    assert card.startswith(f"# Model {version}\n")
    assert "must not be used for" in card
    assert f"{version} challenges" in card
    facts = json.loads(run("model", "show", version, "--json").stdout)
    assert facts["state"] == "challenger"
    assert facts["manifest"]["version"] == version


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small world with its reviews."""
    folder = tmp_path_factory.mktemp("labelled")
    spec = msgspec.structs.replace(load_world("plain"), accounts=220, days=10, seed=5, review=Review())
    simulate(spec, folder / "world", quiet)
    settings = load_settings(data=folder / "data", neo4j_uri="off", token_key="ab" * 32)
    ingest_events(settings, str(folder / "world" / "events.ndjson"))
    ingest_labels(settings, str(folder / "world" / "labels.ndjson"))
    return settings


class Stopped(Exception):
    """Ends a training in the middle."""


def test_a_training_cut_short_goes_on_though_events_went_on_arriving(
    labelled: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gnn.checkpoint.SAVE_EVERY_S", 0.0)
    monkeypatch.setattr("gnn.train.TrainConfig.steps", 20)

    def stop(step: str, share: float) -> None:
        if step.startswith("training network 3"):
            raise Stopped

    with pytest.raises(Stopped):
        train_on_ledger(labelled, None, 0, stop, way=Way(adapt=False))
    event = {"event_id": "late", "type": "signup", "account_id": "somebody-new", "occurred_at": "2027-01-01T00:00:00Z"}
    (tmp_path / "more.ndjson").write_text(json.dumps(event) + "\n")
    ingest_events(labelled, str(tmp_path / "more.ndjson"))
    words: list[str] = []
    steps: list[str] = []
    version, model = train_on_ledger(
        labelled, None, 0, lambda step, share: steps.append(step), way=Way(adapt=False, tell=words.append)
    )
    assert words == ["Going on with the training that was cut short: network 3 of 3, step 1."]
    assert not any(step.startswith("training network 1") for step in steps)
    assert models.champion_version(labelled.places) == version
    assert not (labelled.places.models / ".training").exists()
    assert model.notes["window"]["labels_until_ms"] < 1_798_700_000_000
    assert {"benign, no kind given", "unlabelled"} & set(model.notes["groups"])
    assert set(model.notes["code"]) >= {"package", "sources"}


def test_a_device_that_is_not_there_is_said(labelled: Settings) -> None:
    with pytest.raises(BadInput, match="There is no device"):
        train_on_ledger(labelled, None, 0, quiet, way=Way(device="cuda:7", adapt=False))


def test_another_request_does_not_take_up_the_moment_of_this_one(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path / "data", neo4j_uri="off")
    first = Unfinished(settings.places, {"seed": 0}, False, print)
    assert first.moment() is None
    kept = first.begin(77)
    assert isinstance(kept, Checkpoints)
    assert Unfinished(settings.places, {"seed": 0}, False, print).moment() == 77
    assert Unfinished(settings.places, {"seed": 1}, False, print).moment() is None
    assert Unfinished(settings.places, {"seed": 0}, True, print).moment() is None


def test_the_time_left_is_told_in_words() -> None:
    assert time_left_s(30.0, 0.25) == 90.0
    assert [_span(seconds) for seconds in (45, 300, 9_000)] == ["about 45 s", "about 5 min", "about 2.5 h"]


def test_promoting_by_force_says_why(settings: Settings) -> None:
    model = load(SHIPPED)
    own = dataclasses.replace(model, account=dataclasses.replace(model.account, shift=0.5))
    version, _ = models.register(own, settings.places, challenger=True)
    assert run("model", "promote", version).returncode == 1
    done = run("model", "promote", "challenger", "--force", "--reason", "a ring in front of us")
    assert done.returncode == 0, done.stderr
    assert f"Model {version} is in use; before it was {model.version}." in done.stdout
    assert "a ring in front of us" in run("model", "show", "champion").stdout
    back = run("model", "rollback", "--reason", "it passed")
    assert back.stdout == f"Model {model.version} is in use again; {version} is retired.\n"
    assert os.environ["GRAPHSVC_DATA"] == str(settings.data)
