"""Prompts of one template are one family, through slots, wrappers and hidden characters; a popular prompt is a hub."""

from __future__ import annotations

import random
from pathlib import Path

import networkx as nx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.events.fingerprint import Fingerprinter
from graphsvc.events.record import Fingerprint, Record
from graphsvc.links.families import ALIKE_MIN, families_of, family_id, sketches_of
from graphsvc.links.pairs import pairs
from tests.links.plain_prompts import alike_sketches, plain_similarity
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


def test_paraphrases_and_cuts_do_not_break_a_family() -> None:
    base = TEMPLATE.format(number=4, slot=QUESTIONS[0])
    other_words = {"Read": "Study", "below": "underneath", "full": "whole", "certain": "sure", "behind": "after"}
    paraphrased = " ".join(other_words.get(word, word) for word in base.split())
    words = base.split()
    cut, tail = " ".join(words[: len(words) * 6 // 10]), " ".join(words[len(words) * 4 // 10 :])
    assert len(set(_families([base, paraphrased, cut, tail]))) == 1


@pytest.mark.parametrize(
    ("template", "slots"),
    [
        (
            "请仔细阅读下面的问题，逐步思考，用完整的句子写出每一步推理，并在最后一行给出答案。本轮的问题是：{}",
            ("河流为什么在平原上更加弯曲", "九位客人围坐圆桌有多少种坐法"),
        ),
        (
            "Прочитайте внимательно вопрос ниже, обдумайте его шаг за шагом, запишите каждый шаг рассуждения полными "
            "предложениями и дайте ответ в последней строке. Вопрос этого раунда: {}",
            ("почему реки на равнине петляют", "сколькими способами можно рассадить гостей"),
        ),
        (
            "Review this function, list its defects one by one and give a corrected version.\n```python\nimport sys\n"
            "from pathlib import Path\n\n{}\n\nif __name__ == '__main__':\n    print(run(Path(sys.argv[1])))\n```",
            ("def run(path):\n    return path.read_text()", "def run(source):\n    return len(list(source.iterdir()))"),
        ),
    ],
)
def test_families_are_found_in_any_language_and_in_code(template: str, slots: tuple[str, str]) -> None:
    others = [TEMPLATE.format(number=1, slot=QUESTIONS[0]), *slots]
    family = _families([*(template.format(slot) for slot in slots), *others])
    assert family[0] == family[1]
    assert family[0] not in family[2:]


@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_families_depend_on_no_order(seed: int, rng: random.Random) -> None:
    sketches = alike_sketches(seed)
    order = list(range(len(sketches)))
    rng.shuffle(order)
    shuffled = _families_of([sketches[place] for place in order])
    unshuffled = _families_of(sketches)
    back = {place: shuffled[at] for at, place in enumerate(order)}
    for one in range(len(sketches)):
        for other in range(one):
            assert (unshuffled[one] == unshuffled[other]) == (back[one] == back[other])


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_families_are_parts_of_the_components_of_a_plain_comparison(seed: int) -> None:
    """What is joined is alike, pair by pair; and what is plainly alike is joined."""
    sketches = alike_sketches(seed)
    alike, same = nx.Graph(), nx.Graph()
    alike.add_nodes_from(range(len(sketches)))
    for one in range(len(sketches)):
        for other in range(one):
            similarity = plain_similarity(sketches[one], sketches[other])
            if similarity >= ALIKE_MIN:
                alike.add_edge(one, other)
            if similarity >= 0.8:
                same.add_edge(one, other)
    found = _families_of(sketches)
    for component in nx.connected_components(alike):
        others = set(range(len(sketches))) - component
        assert not {found[row] for row in component} & {found[row] for row in others}
    assert all(found[one] == found[other] for one, other in same.edges)


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
    return _families_of([FINGERPRINTS.sketch(text) for text in texts])


def _families_of(sketches: list[bytes]) -> list[int]:
    found: list[int] = families_of(sketches_of(pa.chunked_array([sketches], pa.binary()))).tolist()
    return found


def _asks(account: str, slot: str, text: str = "", at_ms: int = START_MS) -> Record:
    text = text or TEMPLATE.format(number=len(slot), slot=slot)
    fingerprint = Fingerprint(FINGERPRINTS.sketch(text), (), len(text))
    return event(f"{account}{at_ms}", account, at_ms, kind="request", fingerprint=fingerprint)
