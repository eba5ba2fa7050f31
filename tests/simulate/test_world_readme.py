"""The examples of worlds/README.md load and run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import UNSET

from graphsvc.config import resource
from tests.simulate.made import Made, make

EXAMPLE = re.compile(r"```toml\n# ([\w/]+\.toml)(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The README's files, written where their first lines say."""
    place = tmp_path_factory.mktemp("readme")
    (place / "archetypes").mkdir()
    text = resource("simulate", "worlds", "README.md").read_text(encoding="utf-8")
    for name, body in EXAMPLE.findall(text):
        (place / name).write_text(f"#{body}", encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def mine(folder: Path) -> Made:
    return make(folder / "mine", str(folder / "mine.toml"), accounts=600, requests=4.0)


def of_group(made: Made, group: str) -> set[str]:
    return {account for account, row in made.truth.items() if row["group"] == group}


def test_the_readme_has_two_worlds_an_operator_and_a_group(folder: Path) -> None:
    names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*.toml"))
    assert names == ["archetypes/essay_mill.toml", "archetypes/night_school.toml", "busy.toml", "mine.toml"]


def test_its_operator_lives_as_its_file_says(mine: Made) -> None:
    members = of_group(mine, "essay_mill")
    assert members
    assert not of_group(mine, "trial_farm")
    phones = [event.signup.phone for event in mine.events if event.signup is not UNSET and event.account_id in members]
    assert UNSET not in phones
    assert len(set(phones)) < len(phones)


def test_its_innocents_live_as_their_file_says(mine: Made) -> None:
    members = of_group(mine, "night_school")
    assert members
    assert {mine.truth[account]["kind"] for account in members} == {"shared_network"}
    devices: dict[str, set[str]] = {account: set() for account in members}
    for event in mine.events:
        if event.account_id in members and event.device is not UNSET:
            devices[event.account_id].add(str(event.device.id))
    assert all(len(ids) == 1 for ids in devices.values())


def test_its_busy_world_has_the_wave_the_release_and_the_hiding(folder: Path) -> None:
    made = make(folder / "busy", str(folder / "busy.toml"), accounts=600, requests=4.0)
    pupils, mill = of_group(made, "night_school"), of_group(made, "essay_mill")
    assert len(pupils) >= 0.05 * 600
    shown: dict[str, set[str]] = {"pupils": set(), "mill": set()}
    for event in made.events:
        if event.ip is not UNSET and event.account_id in pupils | mill:
            shown["pupils" if event.account_id in pupils else "mill"].add(str(event.ip))
    assert shown["pupils"] & shown["mill"]
