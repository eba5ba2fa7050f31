"""The models of a deployment: which is in use, which challenges it, and the way back."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gnn.card import CARD
from gnn.ensemble import Model
from gnn.registry import SHIPPED, load
from graphsvc.config import Settings
from graphsvc.errors import BadUsage, Conflict, ModelUnavailable, NotFound
from graphsvc.jobs import models


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load(SHIPPED)


def other(model: Model, by: float) -> Model:
    """The same model with another calibration, which makes it another one."""
    return dataclasses.replace(model, account=dataclasses.replace(model.account, shift=model.account.shift + by))


def test_a_new_deployment_uses_the_shipped_model(settings: Settings) -> None:
    assert settings.places.active_model == settings.places.shipped_model
    assert models.read_states(settings.places) == models.States()
    (one,) = models.listed(settings.places)
    assert (one.version, one.state) == (models.champion_version(settings.places), "champion (shipped)")


def test_the_first_own_model_is_put_in_use_and_the_next_one_challenges_it(settings: Settings, shipped: Model) -> None:
    places = settings.places
    first, in_use = models.register(other(shipped, 0.1), places)
    assert in_use
    assert places.active_model == places.models / first
    second, in_use = models.register(other(shipped, 0.2), places)
    assert not in_use
    assert places.active_model.name == first
    third, _ = models.register(other(shipped, 0.3), places)
    states = {one.version: one.state for one in models.listed(places)}
    assert states == {
        first: "champion",
        second: "retired",
        third: "challenger",
        models.shipped_version(places): "shipped",
    }
    manifest = models.shown(places, "challenger").manifest
    assert manifest["registered"]["parent"] == first
    assert manifest["registered"]["created_ms"] > 1_700_000_000_000


def test_a_first_model_can_challenge_the_shipped_one(settings: Settings, shipped: Model) -> None:
    version, in_use = models.register(other(shipped, 0.1), settings.places, challenger=True)
    assert not in_use
    assert settings.places.active_model == settings.places.shipped_model
    assert models.read_states(settings.places).challenger == version


def test_a_model_made_again_is_the_same_model(settings: Settings, shipped: Model) -> None:
    first = models.register(other(shipped, 0.1), settings.places)
    assert models.register(other(shipped, 0.1), settings.places) == first
    assert models.read_states(settings.places).challenger == ""
    assert [path.name for path in settings.places.models.iterdir() if path.is_dir()] == [first[0]]


def test_promotion_and_two_ways_back(settings: Settings, shipped: Model) -> None:
    places = settings.places
    first, _ = models.register(other(shipped, 0.1), places)
    second, _ = models.register(other(shipped, 0.2), places)
    assert models.promote(places, second, {"champion": first}, "asked for") == first
    assert places.active_model.name == second
    assert models.read_states(places).challenger == ""
    assert models.rollback(places, "too many offices") == (first, second)
    assert places.active_model.name == first
    assert models.rollback(places) == (models.shipped_version(places), first)
    assert places.active_model == places.shipped_model
    with pytest.raises(Conflict, match="No model was in use before"):
        models.rollback(places)
    history = models.read_states(places).history
    assert [change.action for change in history] == [
        "put in use",
        "challenges",
        "promoted",
        "rolled back",
        "rolled back",
    ]
    assert [change.reason for change in history if change.reason] == ["asked for", "too many offices"]
    assert history[2].check == {"champion": first}


def test_only_the_challenger_is_promoted_and_only_against_the_one_it_was_held_to(
    settings: Settings, shipped: Model
) -> None:
    places = settings.places
    first, _ = models.register(other(shipped, 0.1), places)
    second, _ = models.register(other(shipped, 0.2), places)
    with pytest.raises(Conflict, match="is not the challenger"):
        models.promote(places, first, {})
    with pytest.raises(Conflict, match="is not the challenger"):
        models.promote(places, second, {"champion": "gnn-another"})
    with pytest.raises(NotFound):
        models.promote(places, "../elsewhere", {})
    with pytest.raises(Conflict, match="is in use"):
        models.challenge(places, first)
    assert places.active_model.name == first


def test_who_reads_meanwhile_sees_the_one_or_the_other(settings: Settings, shipped: Model) -> None:
    """Another process reads the model in use over and over while this one promotes and rolls back."""
    places = settings.places
    versions = {models.register(other(shipped, 0.1), places)[0]}
    code = (
        "import sys\nfrom pathlib import Path\nfrom graphsvc.config import Places\nplaces = Places(Path(sys.argv[1]))\n"
    )
    code += "print('ready', flush=True)\nwhile not (places.root / 'stop').exists(): print(places.active_model.name)"
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(places.root)], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": "."}
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    challenger, _ = models.register(other(shipped, 0.2), places)
    for _ in range(20):
        models.promote(places, challenger, {})
        models.rollback(places)
        models.challenge(places, challenger)
    (places.root / "stop").touch()
    seen = set(reader.communicate()[0].split())
    assert seen <= versions | {challenger}
    assert seen


def test_a_deployment_that_names_its_model_alone_goes_on_with_it(settings: Settings, shipped: Model) -> None:
    version, _ = models.register(other(shipped, 0.1), settings.places)
    settings.places.current_model.write_text(version)
    assert settings.places.active_model.name == version
    assert models.read_states(settings.places).champion == version


def test_a_damaged_file_is_said_and_hides_no_model(settings: Settings, shipped: Model) -> None:
    models.register(other(shipped, 0.1), settings.places)
    settings.places.current_model.write_text('{"champ')
    with pytest.raises(ModelUnavailable, match="is damaged"):
        models.read_states(settings.places)
    with pytest.raises(ModelUnavailable):
        models.load_model(settings.places.active_model)


def test_a_model_is_found_by_the_beginning_of_its_version(settings: Settings, shipped: Model) -> None:
    version, _ = models.register(other(shipped, 0.1), settings.places)
    assert models.shown(settings.places, version[:9]).version == version
    assert models.shown(settings.places, "champion").version == version
    with pytest.raises(BadUsage, match="More than one"):
        models.shown(settings.places, "gnn-")
    with pytest.raises(NotFound):
        models.shown(settings.places, "gnn-none")


def test_the_file_is_json_that_a_person_can_read(settings: Settings, shipped: Model) -> None:
    version, _ = models.register(other(shipped, 0.1), settings.places)
    said = json.loads(settings.places.current_model.read_text())
    assert said == json.loads(msgspec.json.encode(models.read_states(settings.places)))
    assert said["champion"] == version


def test_a_card_lies_beside_each_model(settings: Settings, shipped: Model) -> None:
    version, _ = models.register(other(shipped, 0.1), settings.places)
    text = (Path(settings.places.models) / version / CARD).read_text()
    for title in ("What it is for", "must not be used for", "Data", "Measured", "By group", "weaknesses", "Features"):
        assert title in text
    assert version in text
