"""The hand-labelled samples that traits are fitted on and measured with, read by their halves.

Labels of public prompts name a file, a place in it and what a person who read the prompt says of it; the texts lie
elsewhere. Examples of techniques that no public file has are in tests/events/traits_examples.jsonl, with their texts.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

LABELS = Path(__file__).with_name("traits_labels.csv")
EXAMPLES = Path(__file__).parents[1] / "events" / "traits_examples.jsonl"


@dataclass(frozen=True)
class Labelled:
    """`origin`: the file of a public prompt, "examples" for one of our own; `half`: fit, held, tuned or fresh, see
    tests.bench.traits."""

    origin: str
    half: str
    text: str
    area: str
    techniques: frozenset[str]
    templated: bool


def examples() -> Iterator[Labelled]:
    """Our own examples."""
    for line in EXAMPLES.read_bytes().splitlines():
        row = msgspec.json.decode(line)
        techniques = frozenset(row["techniques"])
        yield Labelled("examples", row["half"], row["text"], row["area"], techniques, bool(row["templated"]))


def public(folder: Path) -> Iterator[Labelled]:
    """The labelled prompts of the public files in `folder`."""
    with LABELS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = {name: prompts(folder / name) for name in {row["file"] for row in rows}}
    for row in rows:
        text = texts[row["file"]][int(row["index"])]
        techniques = frozenset(row["techniques"].split())
        yield Labelled(row["file"], row["half"], text, row["area"], techniques, row["templated"] == "1")


def prompts(path: Path) -> list[str]:
    """The prompts of one public file, in its order."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [row["prompt"] for row in csv.DictReader(file)]
    read = path.read_text(encoding="utf-8")
    rows = json.loads(read) if path.suffix == ".json" else [json.loads(line) for line in read.splitlines()]
    return [_prompt(row) for row in rows]


def _prompt(row: dict) -> str:
    if "question" in row:
        return row["question"]
    if "turns" in row:
        return row["turns"][0]["content"]
    given = row["input"] if "input" in row else row["instances"][0]["input"]
    return f"{row['instruction']}\n{given}" if given else row["instruction"]
