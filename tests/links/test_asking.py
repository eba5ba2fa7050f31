"""Facts of accounts from the traits of their prompts: worked by hand, as of their time, in any order."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from graphsvc.events.lexicon import AREAS, TECHNIQUES
from graphsvc.events.record import Fingerprint, Record, Traits
from graphsvc.links.asking import FACTS, HALF_BELIEVED, breadth_bits
from graphsvc.links.view import LinkView
from tests.links.worlds import DAY_MS, START_MS, event, view

STEP, TRACE = 1 << TECHNIQUES.index("step_by_step"), 1 << TECHNIQUES.index("tool_trace")


def asked(name: str, account: str, traits: Traits | None, sketch: int = 0, at_ms: int = START_MS) -> Record:
    """A request whose prompts are one family where `sketch` is the same number; 0 for none."""
    made = Fingerprint(bytes([sketch]) * 128 if sketch else b"", (), 100, traits)
    return event(name, account, at_ms, kind="request", model="m", status=200, fingerprint=made)


def fact(seen: LinkView, account: str, name: str) -> float:
    row = seen.accounts["account_id"].to_pylist().index(account)
    return float(seen.accounts[name][row].as_py())


@pytest.fixture
def seen(tmp_path: Path) -> LinkView:
    records = [
        *(asked(f"p{n}", "plan", Traits(area, STEP, 0.5), 7) for n, area in enumerate(AREAS[:4] * 2)),
        *(asked(f"q{n}", "person", Traits("code", 0, 0.2), n + 1) for n in range(4)),
        asked("u1", "foreign", Traits("unknown", 0, 0.5)),
        asked("u2", "foreign", Traits("code", TRACE, 0.5)),
        asked("s1", "sketch_only", None, 9),
        event("l1", "silent", START_MS),
    ]
    return view(tmp_path / "w", records)


def test_a_plan_is_broad_uniform_and_systematic(seen: LinkView) -> None:
    assert fact(seen, "plan", "area_breadth") == 2.0
    uniformity = 1 - (1 - 0.5) * (1 - 7 / 8)  # seven of its eight prompts repeat the first
    assert fact(seen, "plan", "uniformity") == pytest.approx(uniformity)
    assert fact(seen, "plan", "step_by_step_share") == 1.0
    assert fact(seen, "plan", "systematic") == pytest.approx(uniformity * 8 / (8 + HALF_BELIEVED))


def test_a_person_with_own_words_on_one_thing_is_none_of_it(seen: LinkView) -> None:
    assert fact(seen, "person", "area_breadth") == 0.0
    assert fact(seen, "person", "uniformity") == pytest.approx(0.2)
    assert fact(seen, "person", "systematic") == 0.0


def test_an_unknown_area_counts_in_no_breadth(seen: LinkView) -> None:
    assert fact(seen, "foreign", "area_breadth") == 0.0
    assert fact(seen, "foreign", "tool_trace_share") == 0.5
    assert fact(seen, "foreign", "uniformity") == pytest.approx(0.5)


@pytest.mark.parametrize("account", ["sketch_only", "silent"])
def test_without_a_text_all_is_zero(seen: LinkView, account: str) -> None:
    assert [fact(seen, account, name) for name in FACTS] == [0.0] * len(FACTS)


def test_what_is_asked_later_changes_nothing_as_of_before(tmp_path: Path) -> None:
    before = [asked(f"e{n}", "a", Traits(AREAS[n % 3], n % 4, 0.1 * n), n // 2, START_MS + n) for n in range(9)]
    after = [asked(f"f{n}", "a", Traits("safety", 63, 1.0), 9, START_MS + DAY_MS + n) for n in range(9)]
    now, later = START_MS + DAY_MS - 1, [*after, *before]
    random.Random(5).shuffle(later)
    assert view(tmp_path / "b", later, now).accounts.equals(view(tmp_path / "a", before, now).accounts)


def test_breadth_is_shannons_entropy() -> None:
    counts = np.array([[1.0, 0, 5], [1, 0, 0], [2, 0, 0]])
    assert breadth_bits(counts).tolist() == [1.5, 0.0, 0.0]
