"""Accounts whose prompts come out of one hidden template share its frame, however different the contents are."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.events.fingerprint import Fingerprinter
from graphsvc.events.record import Fingerprint, Record
from graphsvc.links import frame_kernels as kernels
from graphsvc.links import frame_passes as passes
from graphsvc.links.families import Sketches, families_of, sketches_of
from graphsvc.links.frames import Frames, Prompts, frames_of
from graphsvc.links.pairs import pairs
from tests.links.plain_prompts import alike_sketches, plain_askers, plain_repeated
from tests.links.worlds import START_MS, event, view

PRINTS = Fingerprinter(b"f" * 32)
OPENING = "You grade answers for a panel of teachers who never meet and who do not see what the others gave."
CLOSING = "Give marks from one to ten for care, for depth and for style, and close with the word DONE alone."
WORDS = [line * 2 + other for line in ("ba", "do", "ki", "mu", "re", "si", "ta", "vo") for other in "aeioubdfgklmnprst"]


def contents(rng: random.Random, words: int = 70) -> str:
    """A text in a language of 136 words in which nothing but chance comes back."""
    return " ".join(rng.choice(WORDS) + rng.choice(WORDS) for _ in range(words))


def templated(rng: random.Random) -> str:
    return f"{OPENING}\n{contents(rng)}\n{CLOSING}"


def test_a_hidden_template_links_accounts_of_which_no_two_prompts_are_alike() -> None:
    rng = random.Random(1)
    accounts = [[templated(rng) for _ in range(6)] for _ in range(3)]
    accounts += [[contents(rng) for _ in range(6)] for _ in range(5)]
    held = _held(accounts)
    assert held == {frozenset({0, 1, 2})}
    texts = [text for prompts in accounts for text in prompts]
    family = families_of(_sketches([PRINTS.sketch(text) for text in texts]))
    assert len(set(family.tolist())) == len(texts)


def test_a_template_beside_ordinary_prompts_is_found_too() -> None:
    rng = random.Random(2)
    accounts = [[templated(rng) if place % 2 else contents(rng) for place in range(12)] for _ in range(2)]
    assert _held(accounts) == {frozenset({0, 1})}


def test_two_templates_are_two_frames() -> None:
    rng = random.Random(3)
    other = "Translate the following notice for visitors and keep every name, every number and every line as it is:"
    both = [[templated(rng) if place % 2 else f"{other} {contents(rng)}" for place in range(12)] for _ in range(2)]
    one = [[templated(rng) for _ in range(6)] for _ in range(2)]
    assert _held([*both, *one]) == {frozenset({0, 1}), frozenset({0, 1, 2, 3})}


def test_a_template_under_a_vendors_prompt_links_whom_the_vendor_does_not() -> None:
    rng = random.Random(4)
    vendor = contents(random.Random(99), 60)
    ring = [[f"{vendor}\n{templated(rng)}" for _ in range(6)] for _ in range(2)]
    customers = [[f"{vendor}\n{contents(rng)}" for _ in range(6)] for _ in range(40)]
    assert _held([*ring, *customers]) == {frozenset({0, 1}), frozenset(range(42))}


def test_whoever_sends_a_public_text_once_counts_too() -> None:
    rng = random.Random(5)
    often = [[templated(rng) for _ in range(4)] for _ in range(2)]
    once = [[templated(rng)] for _ in range(30)]
    assert _held([*often, *once]) == {frozenset(range(32))}


def test_a_text_sent_again_with_small_edits_is_no_frame() -> None:
    rng = random.Random(6)
    text = contents(rng, 80)
    assert _held([[f"{text} {contents(rng, 5)}" for _ in range(5)] for _ in range(2)]) == set()


def test_a_phrase_that_many_write_and_two_repeat_is_no_frame() -> None:
    rng = random.Random(7)
    phrase = OPENING
    fond = [[f"{phrase} {contents(rng)}" for _ in range(5)] for _ in range(2)]
    others = [[f"{phrase} {contents(rng)}", *(contents(rng) for _ in range(4))] for _ in range(10)]
    assert _held([*fond, *others]) == set()


def test_two_prompts_are_too_few() -> None:
    rng = random.Random(8)
    assert _held([[templated(rng) for _ in range(2)] for _ in range(4)]) == set()


def test_nothing_is_found_in_nothing() -> None:
    assert _held([]) == set()
    assert _held([[], []]) == set()


@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_the_order_of_accounts_prompts_and_sketches_leaves_no_trace(seed: int, rng: random.Random) -> None:
    made = random.Random(seed)
    accounts = [[templated(made) if place % 2 else contents(made) for place in range(8)] for _ in range(3)]
    accounts += [[contents(made) for _ in range(4)] for _ in range(3)]
    order = list(range(len(accounts)))
    rng.shuffle(order)
    moved = [rng.sample(accounts[place], len(accounts[place])) for place in order]
    assert {frozenset(order[row] for row in rows) for rows in _held(moved)} == _held(accounts)
    assert _found(moved).ids == _found(accounts).ids


@given(st.integers(0, 2**32), st.lists(st.integers(0, 12), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_shingles_repeated_and_known_agree_with_a_plain_count(seed: int, sizes: list[int]) -> None:
    given_sketches = alike_sketches(seed, sum(sizes))
    start = np.cumsum([0, *sizes])
    accounts = [given_sketches[first:last] for first, last in pairwise(start.tolist())]
    sketches = _sketches(given_sketches)
    text = (sketches.words, sketches.start, np.arange(start[-1], dtype=np.int32))
    shingle, count = np.unique(kernels.repeated(*text, start), return_counts=True)
    assert dict(zip(shingle.tolist(), count.tolist(), strict=True)) == plain_repeated(accounts)
    asking = kernels.askers(*text, start, *kernels.table_of(shingle), shingle).tolist()
    known = plain_askers(accounts)
    assert asking == [known[value] for value in shingle.tolist()]


@given(st.integers(0, 2**32), st.lists(st.integers(0, 9), max_size=6), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_passes_in_stretches_give_what_one_pass_gives(seed: int, sizes: list[int], stretches: int) -> None:
    sketches = _sketches(alike_sketches(seed, sum(sizes)))
    start = np.cumsum([0, *sizes])
    text = (sketches.words, sketches.start, np.arange(start[-1], dtype=np.int32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "THREADS", stretches)
        repeated = passes.repeated(text, start)
        assert repeated.tolist() == kernels.repeated(*text, start).tolist()
        shingle = np.unique(sketches.words[:500:7])
        table, key = kernels.table_of(shingle), np.arange(len(sketches.start), dtype=np.uint64)
        asking = passes.askers(text, start, table, shingle)
        assert asking.tolist() == kernels.askers(*text, start, *table, shingle).tolist()
        company = passes.company(text, key, table, shingle)
        assert company.tolist() == kernels.company(*text, key, *table, shingle).tolist()
        groups = (np.zeros(len(shingle), np.int32), shingle, np.array([0, len(shingle)]))
        held, plain = passes.holders(text, table, shingle, *groups), kernels.holders(*text, *table, shingle, *groups)
        assert [one.tolist() for one in held] == [one.tolist() for one in plain]


def test_a_frame_is_an_identifier_that_makes_pairs(tmp_path: Path) -> None:
    rng = random.Random(9)
    records = [record for name in "abc" for record in _asks(name, templated, rng)]
    records += [record for name in "xyz" for record in _asks(name, contents, rng)]
    seen = view(tmp_path / "w", records)
    assert seen.identifiers["type"].to_pylist() == ["prompt_frame"]
    assert seen.identifiers["degree"].to_pylist() == [3]
    assert seen.links["account"].to_pylist() == [0, 1, 2]
    assert seen.links["count"].to_pylist() == [5, 5, 5]
    assert seen.links["first_ms"].to_pylist() == [START_MS] * 3
    found = pairs(seen)
    assert list(zip(found["a"].to_pylist(), found["b"].to_pylist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]


@pytest.mark.parametrize("earlier", [True, False])
def test_a_frame_is_not_known_before_two_accounts_showed_it(tmp_path: Path, earlier: bool) -> None:
    rng = random.Random(10)
    records = [record for name in "ab" for record in _asks(name, templated, rng)]
    seen = view(tmp_path / "w", records, START_MS + (1 if earlier else 2))
    assert seen.identifiers["type"].to_pylist() == ([] if earlier else ["prompt_frame"])


def _asks(account: str, text_of: Callable[[random.Random], str], rng: random.Random) -> list[Record]:
    """Five prompts of an account, the last three of them two milliseconds after the first."""
    texts = [text_of(rng) for _ in range(5)]
    prints = [Fingerprint(PRINTS.sketch(text), (), len(text)) for text in texts]
    times = [START_MS, START_MS + 1, START_MS + 2, START_MS + 2, START_MS + 2]
    return [
        event(f"{account}{place}", account, at_ms, kind="request", fingerprint=one)
        for place, (one, at_ms) in enumerate(zip(prints, times, strict=True))
    ]


def _held(accounts: list[list[str]]) -> set[frozenset[int]]:
    """The accounts that have each frame."""
    found = _found(accounts)
    owner = np.repeat(np.arange(len(accounts)), [len(prompts) for prompts in accounts])
    return {frozenset(owner[found.prompt[found.frame == frame]].tolist()) for frame in range(len(found.ids))}


def _found(accounts: list[list[str]]) -> Frames:
    start = np.cumsum([0, *(len(prompts) for prompts in accounts)])
    sketches = _sketches([PRINTS.sketch(text) for prompts in accounts for text in prompts])
    return frames_of(sketches, Prompts(start, np.arange(start[-1], dtype=np.int32)))


def _sketches(sketches: list[bytes]) -> Sketches:
    return sketches_of(pa.chunked_array([sketches], pa.binary()))
