"""Worlds and archetypes as data, and what is said of a wrong one."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from graphsvc.config import resource
from graphsvc.errors import BadUsage
from graphsvc.simulate import load_world, simulate
from tests.simulate.made import make

WORLD = """
name = "mine"
abusive_share = [0.1, 0.1]
requests = 3
[operators]
farm = 1.0
[innocents]
individual = 1.0
[override.individual.signups]
phone = [1.0, 1.0]
"""
FARM = """
side = "operator"
kind = "trial_farm"
size = [8, 20]
[[devices]]
own = [0, 0]
shared_by = [100, 100]
shared_use = [1.0, 1.0]
[signups]
aged = [0.0, 0.0]
"""


@pytest.mark.parametrize("name", [file.stem for file in sorted(resource("simulate", "worlds").glob("*.toml"))])
def test_every_shipped_world_loads(name: str) -> None:
    world = load_world(name)
    assert world.name == name
    assert world.innocents


def test_a_world_of_ones_own_with_an_archetype_beside_it(tmp_path: Path) -> None:
    (tmp_path / "archetypes").mkdir()
    (tmp_path / "archetypes" / "farm.toml").write_text(FARM, encoding="utf-8")
    (tmp_path / "mine.toml").write_text(WORLD, encoding="utf-8")
    made = make(tmp_path / "out", str(tmp_path / "mine.toml"), accounts=100)
    farmed = {account_id for account_id, row in made.truth.items() if row["group"] == "farm"}
    devices = {event.device.id for event in made.events if event.account_id in farmed and event.device}
    assert len(farmed) == 10
    assert len(devices) == 1
    assert all(event.signup.phone for event in made.events if event.type == "signup" and event.account_id not in farmed)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not valid TOML"),
        ('name = "x"\n[innocents]\nindividual = 1', "abusive_share"),
        ('name = "x"\nabusive_share = [0, 0]\n[innocents]\nnobody = 1', "nobody"),
        (WORLD.replace("farm", "trial_farm").replace("phone", "phones"), "phones"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "wrong.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadUsage, match=said):
        load_world(tmp_path / "wrong.toml")


def test_an_unknown_world_lists_the_known_ones() -> None:
    with pytest.raises(BadUsage, match=r"drift, evasive, flash, plain, poisoned, quiet"):
        load_world("atlantis")


def test_public_prompts_of_each_form_are_used(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    question = "How many whole pears fit into basket number {}, if it is half full?"
    lines = [
        json.dumps({"question": question.format("one")}),
        json.dumps({"turns": [{"content": question.format("two")}]}),
    ]
    (folder / "mixed.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "list.json").write_text(
        json.dumps([{"instruction": question.format("three"), "input": "4"}]), encoding="utf-8"
    )
    (folder / "table.csv").write_text(f'act,prompt\npear,"{question.format("five")}"\n', encoding="utf-8")
    made = make(tmp_path / "out", "quiet", accounts=400, requests=12.0, prompts=str(folder))
    text = (made.folder / "events.ndjson").read_text(encoding="utf-8")
    assert [number for number in ("one", "two", "three", "five") if f"basket number {number}" not in text] == []


def test_networks_of_a_folder_replace_the_data_centres(tmp_path: Path) -> None:
    folder = tmp_path / "networks"
    folder.mkdir()
    (folder / "datacenter.txt").write_text("# a comment\n198.18.0.0/16\n", encoding="utf-8")
    (folder / "vpn_ranges.csv").write_text("198.51.100.0,198.51.100.255,Example\n", encoding="utf-8")
    made = make(tmp_path / "out", "quiet", accounts=300, requests=3.0, networks=str(folder))
    addresses = {str(event.ip) for event in made.events}
    assert any(address.startswith("198.18.") for address in addresses)
    assert any(address.startswith("198.51.100.") for address in addresses)


@pytest.mark.parametrize("part", ["prompts", "networks"])
def test_an_empty_folder_is_refused(tmp_path: Path, part: str) -> None:
    spec = msgspec.structs.replace(load_world("quiet"), accounts=60, **{part: str(tmp_path)})
    with pytest.raises(BadUsage, match=part):
        simulate(spec, tmp_path / "out")


def test_too_small_a_world_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="at least 50"):
        simulate(msgspec.structs.replace(load_world("quiet"), accounts=10), tmp_path)
