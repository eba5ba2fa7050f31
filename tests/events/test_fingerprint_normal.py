"""What a prompt says survives what it comes in: wrappers, look-alike and unseen characters, white space and values."""

from __future__ import annotations

import base64
import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.events.fingerprint import SKETCH_BYTES_MAX, SKETCH_BYTES_MIN, Fingerprinter, from_caller
from graphsvc.events.normal import ALIKE, MAX_CHARACTERS, codes_of, enclosed, plain, tables, words
from graphsvc.events.types import Message, PromptFingerprint

PRINTS = Fingerprinter(b"n" * 32)
TEXT = "Rewrite the paragraph below in plain words, keep every fact, and say which of them you are unsure about"
UNSEEN = ("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u3164", "\U000e0041", "\ufe0f", "\x08")


def said(text: str) -> list[int]:
    table = tables()
    found: list[int] = words(codes_of(text), table.kind, table.fold, table.alike).tolist()
    return found


@pytest.mark.parametrize(
    "wrapped",
    [
        f"```\n{TEXT}\n```",
        f"```markdown\n{TEXT}\n```",
        f"<task id='7' lang=\"en\">\n{TEXT}\n</task>",
        f"<|im_start|>user\n{TEXT}<|im_end|>\n<|im_start|>assistant\n",
        f"### Instruction:\n{TEXT}\n\n### Response:\n",
        f"User: {TEXT}\nAssistant:",
        f"[INST] <<SYS>> {TEXT} [/INST]",
        f"“{TEXT}”",
        "\n".join("> " + word for word in TEXT.split()),
        json.dumps({"messages": [{"role": "user", "content": TEXT}], "temperature": 0.2}),
        json.dumps(json.dumps({"id": "x", "input": TEXT})[1:-1].join("{}")).join(("[", "]")),
        TEXT.replace(" ", "\\n"),
        TEXT.upper().replace(" ", " \t\n\u3000"),
    ],
)
def test_a_wrapper_says_nothing(wrapped: str) -> None:
    assert said(wrapped) == said(TEXT)


def test_markup_that_is_the_text_itself_stays() -> None:
    page = "<table><tr><th scope='col'>Name</th></tr></table>"
    assert said(page) != said("Name")
    assert said(f"{TEXT} <b>if</b> a < b and c > d") == said(f"{TEXT} if a < b and c > d")


def test_a_json_text_without_one_main_text_stays_as_it_is() -> None:
    table = json.dumps([{"row": number, "name": f"n{number}"} for number in range(20)])
    assert enclosed(table) == table
    assert enclosed("{not json}") == "{not json}"
    assert enclosed("[" * 3000 + "]" * 3000) == "[" * 3000 + "]" * 3000


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_unseen_characters_are_not_seen(data: st.DataObject) -> None:
    letters = list(TEXT)
    for place in data.draw(st.lists(st.integers(1, len(letters) - 1), max_size=20)):
        letters[place] += data.draw(st.sampled_from(UNSEEN))
    assert said("".join(letters)) == said(TEXT)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_letters_that_look_alike_are_alike_in_mixed_words(data: st.DataObject) -> None:
    """All but one letter of each word may be of another script, full width or of the mathematical alphabets."""
    others = {letter: [one for _, pair in ALIKE.items() for one, to in zip(*pair) if to == letter] for letter in TEXT}  # noqa: B905
    words_of = []
    for word in TEXT.replace(",", "").split():
        kept = data.draw(st.integers(0, len(word) - 1))
        letters = [
            letter if place == kept or not others.get(letter) else data.draw(st.sampled_from([letter, *others[letter]]))
            for place, letter in enumerate(word)
        ]
        letters[kept] = data.draw(st.sampled_from([word[kept], word[kept].upper(), _wide(word[kept])]))
        words_of.append("".join(letters))
    assert said(" ".join(words_of)) == said(TEXT)


@pytest.mark.parametrize("text", ["как проверить свой код", "αυτό είναι ένα μικρό κείμενο", "հայերեն տեքստ է սա"])
def test_real_words_of_another_script_stay(text: str) -> None:
    table = tables()
    nothing_alike = np.zeros_like(table.alike)
    assert said(text) == words(codes_of(text), table.kind, table.fold, nothing_alike).tolist()
    assert len(set(said(text))) == len(text.split())


@pytest.mark.parametrize("accented", ["résumé", "naïve", "łódź", "Øre", "Ｗｉｄｅ", "ﬁnish", "ᴀʙ"])
def test_latin_accents_and_shapes_are_dropped(accented: str) -> None:
    bare = {"łódź": "lodz", "Øre": "ore", "ᴀʙ": "ab"}.get(accented)
    bare = bare or unicodedata.normalize("NFKD", accented).encode("ascii", "ignore").decode()
    assert said(accented) == said(bare)


VALUES = (
    "7",
    "3.14",
    "-1,200.50",
    "2026-01-05",
    "05/01/2026 12:30:59",
    "1, 2, 3, 4",
    "192.0.2.17",
    "0123456789abcdef0123",
    "550e8400-e29b-41d4-a716-446655440000",
    "sk_4f9aQ77zkLm2Xw81bT0p",
    "https://example.org/a/b?c=d#e",
    "www.example.org/x",
    "jane.doe+tag@mail.example.org",
    "٣٤",
)


@pytest.mark.parametrize("value", VALUES)
def test_every_value_is_the_same_sign(value: str) -> None:
    assert said(f"order {value} for us") == said("order 5 for us")


@pytest.mark.parametrize("word", ["facade", "deadbeef", "cafe", "h3llo", "gpt4", "internationalisation"])
def test_words_are_no_values(word: str) -> None:
    assert said(f"order {word} for us") != said("order 5 for us")


@pytest.mark.parametrize(
    "text",
    [
        "请把下面的句子翻译成英文并解释每个词的意思",
        "次の文章を読んで質問に答えてください",
        "กรุณาอ่านข้อความต่อไปนี้แล้วสรุปใจความสำคัญเป็นข้อๆ",
        "다음 글을 읽고 주요 내용을 세 문장으로 요약해 주세요",
        "निम्नलिखित पाठ को पढ़कर मुख्य बातें बताइए",
        "اقرأ النص التالي ثم لخص الأفكار الرئيسية في نقاط",
        "def area(width: int) -> int:\n    return width ** 2\n",
    ],
)
def test_every_language_has_words_and_a_place_in_the_text_changes_none(text: str) -> None:
    found = said(text)
    assert len(found) > 4
    assert said(f"{TEXT}. {text}")[-len(found) :] == found
    assert len(PRINTS.sketch(text)) >= SKETCH_BYTES_MIN


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_text_has_a_sketch_of_the_wire_form(text: str) -> None:
    sketch = PRINTS.sketch(text)
    assert sketch == PRINTS.sketch(text)
    assert sketch == b"" or SKETCH_BYTES_MIN <= len(sketch) <= SKETCH_BYTES_MAX
    assert len(sketch) % 4 == 0
    sample = np.frombuffer(sketch[SKETCH_BYTES_MIN:], "<u4").astype(np.int64)
    assert (np.diff(sample) > 0).all()


@given(st.text(alphabet="abcdeXYZ 0123,.-'", max_size=200))
@settings(max_examples=100, deadline=None)
def test_case_says_nothing(text: str) -> None:
    assert said(text.swapcase()) == said(text.upper()) == said(text)


@pytest.mark.parametrize(
    "hostile",
    [
        "<a " * 20_000,
        "<a b='" * 10_000,
        "a@" * 20_000,
        "a" * 40_000 + "@b.c",
        "#" * 40_000,
        "\n" * 40_000,
        "x://" * 9_000,
    ],
)
def test_hostile_texts_take_no_longer_than_others(hostile: str) -> None:
    """Each of these makes a pattern that goes back over what it read take hours; the runner's time limit would stop it."""
    assert len(plain(hostile)) <= MAX_CHARACTERS + 10


def test_a_very_long_prompt_is_its_two_ends() -> None:
    middle = "word " * 50_000
    assert said(TEXT + " " + middle + TEXT)[-5:] == said(TEXT)[-5:]


def test_a_wrapped_question_under_a_system_prompt_is_that_question() -> None:
    system = Message("system", "You are the assistant of a shop that sells garden tools.")
    bare = PRINTS.of_messages([system, Message("user", TEXT)])
    wrapped = PRINTS.of_messages([system, Message("user", json.dumps({"q": TEXT}))])
    assert bare.sketch == wrapped.sketch


def test_a_callers_sample_is_put_in_order() -> None:
    sketch = PRINTS.sketch(TEXT * 3)
    head, sample = sketch[:SKETCH_BYTES_MIN], np.frombuffer(sketch[SKETCH_BYTES_MIN:], "<u4")
    muddled = head + np.concatenate([sample[::-1], sample[:2]]).tobytes()
    given_one = PromptFingerprint(1, base64.b64encode(muddled).decode(), [], 10)
    assert from_caller(given_one).sketch == sketch


def test_without_the_key_sketches_have_nothing_in_common() -> None:
    ours, theirs = (np.frombuffer(Fingerprinter(key * 32).sketch(TEXT), "<u4") for key in (b"a", b"b"))
    assert not set(ours.tolist()) & set(theirs.tolist())


def _wide(letter: str) -> str:
    return chr(ord(letter) + 0xFEE0)
