"""The benchmark's families and accounts, from a few texts of the test's own: most are found, and hardly anything else."""

from __future__ import annotations

import random

import pytest

from tests.bench import prompts as bench
from tests.bench.prompt_families import CASES, INNOCENTS, RINGS, Texts, accounts, sent_prompts, texts_of

SYLLABLES = ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "zu")


@pytest.fixture(scope="module")
def texts() -> Texts:
    """Sentences over 3,375 made-up words, the common ones far more often, as in every language."""
    rng = random.Random(11)
    words = [one + two + three for one in SYLLABLES for two in SYLLABLES for three in SYLLABLES]
    rng.shuffle(words)
    weights = [1 / (rank + 20) for rank in range(len(words))]

    def sentence(low: int, high: int) -> str:
        return " ".join(rng.choices(words, weights, k=rng.randrange(low, high))).capitalize() + "."

    def text() -> str:
        return " ".join(sentence(6, 14) for _ in range(rng.randrange(3, 7)))

    def code() -> str:
        names = rng.choices(words, k=12)
        return "\n".join(f"{a} = {b}({c}[{rng.randrange(99)}])" for a, b, c in zip(names, names[4:], names[8:]))  # noqa: B905

    sentences = [sentence(8, 20) for _ in range(1500)]
    return Texts(
        frames=sentences[::2],
        habits=sentences[1::2],
        contents=[text() for _ in range(400)],
        others=[text() for _ in range(400)],
        code=[code() for _ in range(200)],
        problems=[text() for _ in range(200)],
        facts=[sentence(6, 20) for _ in range(6000)],
    )


def test_families_of_every_case_are_found(texts: Texts, capsys: pytest.CaptureFixture[str]) -> None:
    sent = sent_prompts(texts, families=6, size=5, strangers=400, seed=2)
    bench.families(sent)
    figures = bench.lines(capsys.readouterr().out)
    recall = {line["change"]: line["recall"] for line in figures if "recall" in line}
    assert set(recall) == {*CASES, "all"}
    assert min(recall[case] for case in ("slots", "wrapper", "truncated", "hidden", "script", "code")) > 0.85
    assert next(line["precision"] for line in figures if "precision" in line) > 0.98


def test_frames_link_rings_and_no_innocents(texts: Texts, capsys: pytest.CaptureFixture[str]) -> None:
    people = accounts(texts, prompts=8, rings=3, innocents=60, seed=2)
    bench.frames(people, 8)
    figures = bench.lines(capsys.readouterr().out)
    recall = {line["ring"]: line["recall"] for line in figures if "ring" in line}
    linked = {line["innocent"]: line["linked"] for line in figures if "innocent" in line}
    assert set(recall) == set(RINGS)
    assert sum(recall.values()) / len(recall) > 0.8
    assert set(linked) == set(INNOCENTS)
    assert linked["ordinary"] == linked["vendor"] == linked["retries"] == 0


def test_the_same_seed_makes_the_same_prompts(texts: Texts) -> None:
    first, second = (sent_prompts(texts, families=2, size=3, strangers=20, seed=4) for _ in range(2))
    assert first == second
    assert accounts(texts, 3, 1, 30, seed=4) == accounts(texts, 3, 1, 30, seed=4)


def test_a_folder_without_the_prompts_is_an_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(OSError, match="awesome_prompts"):
        texts_of(tmp_path_factory.mktemp("empty"))
