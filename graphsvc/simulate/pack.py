"""The prompt pack: the shipped texts, and a folder of public prompt files where one is given."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphsvc.config import resource
from graphsvc.simulate.dice import Dice, table_of
from graphsvc.simulate.given import Given, given_prompts
from graphsvc.simulate.text import SlotList, Text, slot_lists

WORDS = 6000
REPLIES = 1 << 14
SYLLABLES = "ba be bri ca cho da den dro el fa fen gri ha il ka kel lo lu ma mer mo na nor ol pa per qui ra rin sa sel ta ti ul va ver wen xi ya zo".split()  # noqa: E501, SIM905
ENDINGS = "n r s t l m nd rk st sh ck ng x e a o y".split()  # noqa: SIM905


@dataclass(frozen=True)
class Area:
    """A field of ordinary questions. `wordy`: its prompts carry a long text and nothing from the common sentences."""

    name: str
    tasks: Sequence[Text]
    contexts: Sequence[Text]
    wordy: bool


@dataclass(frozen=True)
class FramePart:
    """One part of a distillation template; each saying is a list of ways to say it."""

    name: str
    sayings: Sequence[Sequence[Text]]


@dataclass(frozen=True)
class Pack:
    """All texts. `words` and `replies` are tables for `Dice.several`. `own`: public prompts for ordinary use, each
    for one person; `famous`: those that many use; `items`: benchmark items as they stand, used beside the shipped ones.
    """

    areas: Sequence[Area]
    contexts: Sequence[Text]
    wishes: Sequence[Text]
    bare: Sequence[Text]
    followups: Sequence[Text]
    replies: Sequence[str]
    popular: Sequence[Text]
    vendor: Sequence[Text]
    benchmark: Sequence[Text]
    benchmark_items: Sequence[Text]
    exercise: Sequence[Text]
    job: Sequence[Text]
    agent_system: Sequence[Text]
    slots_styles: Sequence[Text]
    wrappers: Sequence[Text]
    parts: Sequence[FramePart]
    words: Sequence[str]
    own: Sequence[str]
    famous: Sequence[str]
    items: Sequence[str]


def load_pack(folder: Path | None = None) -> Pack:
    """The shipped pack, with the prompts of a folder where one is given. Raises BadUsage as `given_prompts` does."""
    tables = {
        name: tomllib.loads(resource("simulate", "prompts", f"{name}.toml").read_text(encoding="utf-8"))
        for name in ("slots", "areas", "shared", "frames")
    }
    frames, common = tables["frames"], tables["areas"]["common"]
    lists = slot_lists({**tables["slots"], "a_word": frames["a_word"]})
    given = given_prompts(folder) if folder else Given([], [], [])

    def texts(sources: Sequence[str]) -> list[Text]:
        return [Text(source, lists) for source in sources]

    return Pack(
        areas=_areas(tables["areas"], lists),
        parts=[FramePart(p["name"], [texts(saying) for saying in p["sayings"]]) for p in frames["part"]],
        slots_styles=texts(frames["slots_styles"]),
        wrappers=texts(frames["wrappers"]),
        words=table_of(_vocabulary(tables["slots"])),
        replies=table_of(_replies(texts(common["replies"]))),
        own=given.own,
        famous=given.famous,
        items=given.items,
        **{name: texts(common[name]) for name in ("contexts", "wishes", "bare", "followups")},
        **{name: texts(sources) for name, sources in tables["shared"].items()},
    )


def _areas(table: Mapping[str, Any], lists: Mapping[str, SlotList]) -> list[Area]:
    return [
        Area(
            name=entry["name"],
            tasks=[Text(source, lists) for source in entry["tasks"]],
            contexts=[Text(source, lists) for source in entry["contexts"]],
            wordy=entry.get("wordy", False),
        )
        for entry in table["area"]
    ]


def _vocabulary(slots: Mapping[str, Sequence[str]]) -> list[str]:
    """Words for texts of somebody's own: those of the slots, and made-up ones as names and terms that no list holds."""
    dice = Dice.of(0, "vocabulary")
    words = {dice.one(SYLLABLES) + dice.one(SYLLABLES) * dice.below(2) + dice.one(ENDINGS) for _ in range(WORDS)}
    words |= {dice.one(SYLLABLES) + dice.one(SYLLABLES) + dice.one(SYLLABLES) for _ in range(WORDS)}
    known = [text for texts in slots.values() for text in texts if "{" not in text]
    return sorted(words) + known * (len(words) // len(known) // 2)


def _replies(texts: Sequence[Text]) -> list[str]:
    """Sentences of the model's, filled once for all: only their order in a reply need be one conversation's own."""
    dice = Dice.of(0, "replies")
    return [dice.one(texts).draw(dice) for _ in range(REPLIES)]
