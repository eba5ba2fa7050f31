"""A made world, read back as its files say."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from graphsvc.events.types import Event, Label
from graphsvc.simulate import WorldSpec, WorldSummary, load_world, simulate

T = TypeVar("T")


@dataclass(frozen=True)
class Made:
    """Events and labels in the order of their files; truth rows by account."""

    folder: Path
    summary: WorldSummary
    events: Sequence[Event]
    labels: Sequence[Label]
    truth: dict[str, dict[str, str]]

    def abusive(self, account_id: str) -> bool:
        return self.truth[account_id]["abusive"] == "1"


def make(folder: Path, world: str, **changes: object) -> Made:
    return make_spec(folder, msgspec.structs.replace(load_world(world), **changes))


def make_spec(folder: Path, spec: WorldSpec) -> Made:
    summary = simulate(spec, folder)
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as rows:
        truth = {row["account_id"]: row for row in csv.DictReader(rows)}
    return Made(folder, summary, read(folder, "events", Event), read(folder, "labels", Label), truth)


def read(folder: Path, name: str, kind: type[T]) -> list[T]:
    decode = msgspec.json.Decoder(kind).decode
    return [decode(line) for line in (folder / f"{name}.ndjson").read_bytes().splitlines()]
