"""Conversations that people hand on within their own office, household or class: innocent, and later than they began."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import msgspec

from graphsvc.simulate import load_world, simulate
from graphsvc.simulate.spec import Activity


def test_colleagues_go_on_with_what_another_left(tmp_path: Path) -> None:
    spec = load_world("quiet")
    handing = msgspec.structs.replace(spec.archetypes["office"], activity=Activity(passed_on=(0.3, 0.3), turns=(3, 3)))
    spec = msgspec.structs.replace(
        spec, innocents={"office": 1.0}, archetypes=spec.archetypes | {"office": handing}, accounts=80, days=6, seed=4
    )
    simulate(spec, tmp_path)
    with (tmp_path / "truth.csv").open() as file:
        unit = {row["account_id"]: row["unit"] for row in csv.DictReader(file)}
    first: dict[str, str] = {}
    handed = 0
    for line in (tmp_path / "events.ndjson").read_text().splitlines():
        event = json.loads(line)
        messages = event.get("request", {}).get("messages", [])
        said = [message for message in messages if message["role"] == "assistant"]
        if said:
            start = json.dumps(messages[: messages.index(said[0]) + 1])
            beginner = first.setdefault(start, event["account_id"])
            assert unit[beginner] == unit[event["account_id"]]
            handed += beginner != event["account_id"]
    assert handed > 5
