"""Prompts of one template are one family, through slots, wrappers and hidden characters; a popular prompt is a hub."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa

from graphsvc.events.fingerprint import Fingerprinter
from graphsvc.events.record import Fingerprint, Record
from graphsvc.links.families import families_of, family_id, sketches_of
from graphsvc.links.pairs import pairs
from tests.links.worlds import START_MS, event, view

FINGERPRINTS = Fingerprinter(b"k" * 32)
TEMPLATE = (
    "You are an expert annotator. Read the question below with care, think about it step by step, write down every "
    "step of the reasoning in full sentences, list the facts that each step rests on, state how certain you are of "
    "each of them on a scale from one to ten, and end with the final answer on a line of its own after the word "
    "RESULT, with no other text behind it. The question of this round, number {number}, is: {slot}"
)
QUESTIONS = (
    "why do rivers meander more in flat country than in the hills",
    "how many ways are there to seat nine guests at a round table",
    "which of these two proofs is wrong and at which of its lines",
    "what does a compiler do with a tail call when it is optimising",
)


def test_slots_wrappers_and_hidden_characters_do_not_break_a_family() -> None:
    filled = [TEMPLATE.format(number=place * 37, slot=slot) for place, slot in enumerate(QUESTIONS)]
    base = filled[0]
    wrapped = f"<task id='77'>\n```\n{base}\n```\n</task> Please answer now."
    hidden = base.replace("e", "e\u200b").replace("question", "ques\u00adtion")
    spaced = base.upper().replace(" ", "  \n")
    family = _families([*filled, wrapped, hidden, spaced])
    assert len(set(family)) == 1


def test_other_prompts_stay_apart() -> None:
    rng = random.Random(5)
    words = ["".join(rng.choices("abcdefgh", k=5)) for _ in range(20_000)]
    others = [" ".join(words[start : start + 80]) for start in range(0, 20_000, 80)]
    family = _families([TEMPLATE.format(number=1, slot=QUESTIONS[0]), *others, TEMPLATE.format(number=2, slot="x y")])
    assert family[0] == family[-1]
    assert len(set(family)) == len(others) + 1


def test_no_family_without_prompts() -> None:
    assert len(families_of(sketches_of(pa.chunked_array([], pa.binary())))) == 0


def test_a_family_links_the_accounts_that_ask_it(tmp_path: Path) -> None:
    records = [_asks(account, slot) for account, slot in zip("abcd", QUESTIONS, strict=True)]
    records.append(_asks("e", "", "a prompt that nobody else sends, about the history of a small village by the sea"))
    seen = view(tmp_path / "w", records)
    assert seen.identifiers["type"].to_pylist() == ["prompt_family"]
    assert seen.identifiers["degree"].to_pylist() == [4]
    assert seen.links["account"].to_pylist() == [0, 1, 2, 3]
    assert seen.accounts["prompt_families"].to_pylist() == [1] * 5


def test_a_familys_id_is_that_of_its_earliest_prompt_and_stays(tmp_path: Path) -> None:
    records = [_asks(account, slot, at_ms=START_MS + at) for at, (account, slot) in enumerate(zip("abc", QUESTIONS))]  # noqa: B905
    early = view(tmp_path / "early", records, START_MS + 1)
    late = view(tmp_path / "late", records)
    first = records[0].fingerprint
    assert first is not None
    assert early.identifiers["id"].to_pylist() == late.identifiers["id"].to_pylist() == [family_id(first.sketch)]


def test_a_popular_prompt_is_a_hub_and_short_ones_are_none(tmp_path: Path) -> None:
    popular = [_asks(f"p{place:03d}", QUESTIONS[0]) for place in range(300)]
    short = [_asks(f"s{place}", "", "thank you very much") for place in range(2)]
    rare = [_asks(f"r{place}", "", "the village by the sea had one road, one well and " * 3) for place in range(2)]
    seen = view(tmp_path / "w", [*popular, *short, *rare])
    assert sorted(seen.identifiers["degree"].to_pylist()) == [2, 300]
    assert min(seen.identifiers["bits"].to_pylist()) < 0.1
    assert len(pairs(seen)) == 1


def _families(texts: list[str]) -> list[int]:
    sketches = [FINGERPRINTS.sketch(text) for text in texts]
    found: list[int] = families_of(sketches_of(pa.chunked_array([sketches], pa.binary()))).tolist()
    return found


def _asks(account: str, slot: str, text: str = "", at_ms: int = START_MS) -> Record:
    text = text or TEMPLATE.format(number=len(slot), slot=slot)
    fingerprint = Fingerprint(FINGERPRINTS.sketch(text), (), len(text))
    return event(f"{account}{at_ms}", account, at_ms, kind="request", fingerprint=fingerprint)
