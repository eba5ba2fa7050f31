"""Chains: whatever becomes of a history on its way, two requests of one conversation share a window, and no others do."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.events.chain import ALONE, ENOUGH, MAX_CHAIN, kept, names, windows
from graphsvc.events.types import Message

KEY = b"k" * 32
WORDS = [f"word{place}" for place in range(300)]
SEEDS = st.integers(0, 10**6)


def told(seed: int, turns: int, words: int = 40) -> list[Message]:
    """A system prompt, then so many questions with answers of so many words, and a last question."""
    rng = random.Random(seed)

    def text(count: int) -> str:
        return " ".join(rng.choices(WORDS, k=count))

    talk = [Message("system", text(20))]
    for _ in range(turns):
        talk += [Message("user", text(12)), Message("assistant", text(words))]
    return [*talk, Message("user", text(12))]


def shared(one: list[Message], other: list[Message]) -> set[str]:
    return set(windows(one, KEY)) & set(windows(other, KEY))


def one_more(talk: list[Message], seed: int) -> list[Message]:
    return [*talk, *told(seed + 1, 1)[2:4]]


@given(seed=SEEDS, turns=st.integers(2, 40), cut=st.data())
@settings(max_examples=60, deadline=None)
def test_a_trimmed_history_keeps_its_windows(seed: int, turns: int, cut: st.DataObject) -> None:
    talk = told(seed, turns)
    dropped = 2 * cut.draw(st.integers(0, turns - 1))
    trimmed = [talk[0], *one_more(talk, seed)[1 + dropped :]]
    assert shared(talk, trimmed)
    assert set(names(windows(talk, KEY))) & set(names(windows(trimmed, KEY)))


@given(seed=SEEDS, turns=st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_another_system_prompt_and_another_last_question_change_nothing(seed: int, turns: int) -> None:
    talk = told(seed, turns)
    edited = [Message("system", "You are somebody else."), *talk[1:-1], Message("user", "Say that differently.")]
    assert windows(edited, KEY) == windows(talk, KEY) == windows(talk[1:], KEY)


@given(seed=SEEDS, turns=st.integers(1, 8), blanks=st.sampled_from(["\n", "  ", "\t\r\n", " \u00a0\u200b "]))
@settings(max_examples=30, deadline=None)
def test_white_space_and_invisible_characters_change_nothing(seed: int, turns: int, blanks: str) -> None:
    talk = told(seed, turns)
    spaced = [Message(one.role, blanks + one.content.replace(" ", blanks) + blanks) for one in talk]
    assert windows(spaced, KEY) == windows(talk, KEY)


@given(seed=SEEDS, turns=st.integers(1, 60), missed=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_conversation_is_known_by_its_names_where_some_requests_went_elsewhere(
    seed: int, turns: int, missed: int
) -> None:
    later = talk = told(seed, turns)
    for step in range(1 + missed):
        later = one_more(later, seed + step)
    assert shared(talk, later)
    if not missed:
        assert set(names(windows(talk, KEY))) & set(names(windows(later, KEY)))


@given(seed=SEEDS, turns=st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_two_conversations_share_nothing_nor_do_two_keys(seed: int, turns: int) -> None:
    talk = told(seed, turns)
    assert not shared(talk, told(seed + 10**7, turns))
    assert not set(windows(talk, KEY)) & set(windows(talk, b"j" * 32))


@pytest.mark.parametrize(
    "answer", ["OK", "Sure!", "Hello! How can I help you today?", "I'm sorry, but I can't do that."]
)
def test_what_is_said_to_everybody_makes_no_window(answer: str) -> None:
    talk = [Message("user", "hello " * 100), Message("assistant", answer), Message("user", "go on")]
    assert windows(talk, KEY) == ()
    one, other = told(1, 1), told(2, 1)
    canned = [*talk[:2]]
    assert not shared([*canned, *one[1:]], [*canned, *other[1:]])


def test_short_turns_make_a_window_together() -> None:
    talk = [Message("user", "yes or no?"), Message("assistant", "yes"), Message("user", "why, " * 10)]
    talk += [Message("assistant", "because"), Message("user", "and then? " * 9), Message("assistant", "no")]
    assert len(windows(talk, KEY)) == 1
    assert windows([Message("system", "x"), *talk], KEY) == windows(talk, KEY)


def test_a_popular_question_with_the_same_answer_is_a_window_only_with_that_question() -> None:
    answer = "a" * (ENOUGH + 1)
    asked = [windows([Message("user", text), Message("assistant", answer)], KEY) for text in ("one", "other")]
    assert len(asked[0]) == 1
    assert asked[0] != asked[1]
    alone = "b " * ALONE
    long = [windows([Message("user", text), Message("assistant", alone)], KEY) for text in ("one", "other")]
    assert long[0] == long[1]


def test_a_page_that_was_read_is_known_to_everyone_the_order_of_reading_is_not() -> None:
    read = [Message("user", "find it"), Message("tool", "a public page " * 500)]
    assert windows(read, KEY) == ()
    pages = [Message("tool", f"page {place}") for place in range(4)]
    assert len(windows([Message("user", "find it"), *pages], KEY)) == 2


def test_many_messages_cost_little_and_at_most_so_many_windows_are_kept() -> None:
    assert windows([Message("assistant", "")] * 2048, KEY) == ()
    assert windows([], KEY) == ()
    long = windows(told(3, 300), KEY)
    assert len(long) == MAX_CHAIN == len(set(long))
    assert len(names(long)) <= 4


@given(count=st.integers(0, 60), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_callers_chain_keeps_its_order_its_newest_and_a_sample_that_stays(count: int, seed: int) -> None:
    rng = random.Random(seed)
    chain = [f"{rng.getrandbits(64):016x}" for _ in range(count)]
    grown = [kept(chain[:end]) for end in range(1, count + 1)]
    for end, part in enumerate(grown, 1):
        assert list(part) == [link for link in chain[:end] if link in set(part)]
        assert part[-1] == chain[end - 1]
        assert kept(part) == part
    for sooner, later in pairwise(grown):
        assert set(sooner) & set(later)
        assert set(names(sooner)) & set(names(later))
