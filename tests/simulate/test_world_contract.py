"""What a world's files look like from outside."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import zstandard
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from msgspec import UNSET

from graphsvc.simulate import load_world, simulate
from tests.simulate.made import Made, make

TRUTH_COLUMNS = ("account_id", "abusive", "kind", "ring", "operator", "group", "unit", "person")
CONTRACT = Path(__file__).parents[1] / "contract"


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((CONTRACT / f"{name}.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_events_are_of_the_contract(plain_world: Made) -> None:
    lines = (plain_world.folder / "events.ndjson").read_bytes().splitlines()
    valid = validator("events")
    for line in lines[::29]:
        valid.validate(json.loads(line))


def test_labels_are_of_the_contract(plain_world: Made) -> None:
    valid = validator("labels")
    for line in (plain_world.folder / "labels.ndjson").read_bytes().splitlines():
        valid.validate(json.loads(line))


def test_events_come_in_the_order_of_time_and_have_ids_of_their_own(plain_world: Made) -> None:
    assert all(one.occurred_at <= other.occurred_at for one, other in pairwise(plain_world.events))
    assert len({event.event_id for event in plain_world.events}) == len(plain_world.events)


def test_nothing_happens_after_the_end_or_in_the_future(plain_world: Made) -> None:
    end = datetime.fromtimestamp(plain_world.summary.end_ms / 1000, UTC)
    assert plain_world.events[-1].occurred_at < end < datetime.now(UTC)
    assert all(label.decided_at < end for label in plain_world.labels)


def test_every_account_signs_up_once_before_all_else(plain_world: Made) -> None:
    seen: set[str] = set()
    for event in plain_world.events:
        assert (event.account_id in seen) == (event.type != "signup")
        seen.add(event.account_id)
    assert seen == plain_world.truth.keys()
    assert len(seen) == plain_world.summary.accounts == 3000


def test_the_mean_of_requests_is_about_what_was_asked_for(plain_world: Made) -> None:
    assert 4 < plain_world.summary.requests / plain_world.summary.accounts < 12


def test_prompts_are_of_ordinary_length_and_conversations_alternate(plain_world: Made) -> None:
    lengths: list[int] = []
    for event in plain_world.events:
        if event.request is not UNSET and event.request.messages is not UNSET:
            messages = event.request.messages
            asked = [message.role for message in messages if message.role != "system"]
            assert asked == [*["user", "assistant"] * (len(asked) // 2), "user"]
            assert messages[-1].role == "user"
            lengths.append(sum(len(message.content) for message in messages))
    assert 200 < sorted(lengths)[len(lengths) // 2] < 1500


def test_zst_has_the_same_lines(tmp_path: Path) -> None:
    spec = msgspec.structs.replace(load_world("plain"), accounts=60, requests=2.0)
    simulate(spec, tmp_path / "text")
    simulate(spec, tmp_path / "packed", compressed=True)
    with (tmp_path / "packed" / "events.ndjson.zst").open("rb") as file:
        lines = zstandard.ZstdDecompressor().stream_reader(file).read()
    assert lines == (tmp_path / "text" / "events.ndjson").read_bytes()


def test_truth_has_its_columns_and_the_world_its_parameters(tmp_path: Path) -> None:
    made = make(tmp_path, "plain", accounts=120, requests=2.0, seed=3)
    with (tmp_path / "truth.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == list(TRUTH_COLUMNS)
    world = json.loads((tmp_path / "world.json").read_text(encoding="utf-8"))
    assert world["spec"]["seed"] == 3
    assert world["summary"]["events"] == len(made.events)
