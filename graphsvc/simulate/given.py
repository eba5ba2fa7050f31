"""Prompts that a user gives: those of a folder's .txt, .csv, .json and .jsonl files, as prompts/README.md describes."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphsvc.errors import BadUsage

LONGEST, SHORTEST = 4000, 20
"""Characters of a prompt: longer ones are cut, shorter ones left out."""
FAMOUS = 150
BENCHMARK_NAMES = ("gsm8k", "arena", "mmlu", "humaneval", "bench", "eval", "test")
KINDS = (".txt", ".csv", ".json", ".jsonl")
KEYS = ("question", "prompt", "instruction", "text")
TURNS = ("turns", "messages", "conversations")


@dataclass(frozen=True)
class Given:
    """`own`: prompts each meant for one person; `famous`: those that many use; `items`: benchmark items."""

    own: list[str]
    famous: list[str]
    items: list[str]


def given_prompts(folder: Path) -> Given:
    """The prompts of a folder. Raises BadUsage where there is none, or a file cannot be read; it names the file."""
    if not folder.is_dir():
        raise BadUsage("The prompts folder is no folder.", hint="Give --prompts a folder with prompt files.")
    ordinary: list[str] = []
    items: list[str] = []
    for file in sorted(folder.iterdir()):
        if file.suffix in KINDS:
            target = items if any(name in file.name for name in BENCHMARK_NAMES) else ordinary
            target.extend(_prompts_of(file))
    if not ordinary and not items:
        raise BadUsage(
            f"The prompts folder has no {', '.join(KINDS)} file with a prompt of {SHORTEST} characters or more.",
            hint="A line of a .txt is a prompt; rows and objects have it under prompt, question, instruction or text.",
        )
    step = max(1, len(ordinary) // FAMOUS)
    famous = set(ordinary[::step])
    return Given([text for text in ordinary if text not in famous], ordinary[::step], items)


def _prompts_of(file: Path) -> Iterator[str]:
    try:
        for entry in _entries(file):
            if len(text := _text_of(entry).strip()) >= SHORTEST:
                yield text[:LONGEST]
    except OSError as error:
        raise BadUsage(f"The prompt file {file.name} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, json.JSONDecodeError, csv.Error):
        raise BadUsage(
            f"The prompt file {file.name} is not valid {file.suffix[1:].upper()} in UTF-8.",
            hint="Mend it or take it out of the folder.",
        ) from None


def _entries(file: Path) -> Iterator[Any]:
    match file.suffix:
        case ".json":
            whole = json.loads(file.read_text(encoding="utf-8"))
            yield from whole if isinstance(whole, list) else [whole]
        case ".csv":
            with file.open(encoding="utf-8", newline="") as rows:
                yield from csv.DictReader(rows)
        case kind:
            with file.open(encoding="utf-8") as lines:
                yield from (json.loads(line) if kind == ".jsonl" else line for line in lines if line.strip())


def _text_of(entry: Any) -> str:
    """The prompt of an entry: a text, its first turn, or its question, prompt, instruction or text with its input."""
    if isinstance(entry, str):
        return entry
    if not isinstance(entry, dict):
        return ""
    if turns := next((entry[key] for key in TURNS if entry.get(key)), None):
        first = turns[0] if isinstance(turns, list) else turns
        return str(first.get("content") or first.get("value") or "") if isinstance(first, dict) else str(first)
    text = next((str(entry[key]) for key in KEYS if entry.get(key)), "")
    given = entry.get("input")
    return re.sub(r"\n{3,}", "\n\n", f"{text}\n{given}" if given else text)
