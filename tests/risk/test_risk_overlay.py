"""The arrays of what came since the base: they grow without losing anything, and, up to a size, without a copy."""

from __future__ import annotations

import pytest

from graphsvc.events.record import Identifier, Record
from graphsvc.risk import overlay
from graphsvc.risk.base import empty_base
from graphsvc.risk.index import Index
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.overlay import LEAST, Need, empty_overlay, with_room

ACCOUNTS = 300


def looks() -> list[str]:
    """At accounts that came one after the other: each shares something with the one before, and a talk with all."""
    index = Index(empty_base(0.5), LabelBook(), 0)
    for place in range(ACCOUNTS):
        shares = Identifier("ip", str(place)), Identifier("ip", str(place + 1)), Identifier("conversation", "1")
        gained = index.apply([Record("", "login", f"a{place}", place, place, identifiers=shares)])
        index.raise_probability(gained[0], place / ACCOUNTS)
    return [repr(index.look(index.key(f"a{place}"))) for place in range(ACCOUNTS)]


def test_past_what_was_reserved_it_is_copied_and_looks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    reserved = looks()
    monkeypatch.setattr(overlay, "RESERVED", 4)
    monkeypatch.setattr(overlay, "RESERVED_LINKS", 4)
    monkeypatch.setattr(overlay, "LEAST", 2)
    assert looks() == reserved
    assert len(set(reserved)) > ACCOUNTS / 2


@pytest.mark.parametrize("need", [Need(LEAST + 1, 0, 0, 0), Need(0, LEAST + 1, 0, 0), Need(0, 0, 0, LEAST + 1)])
def test_within_it_only_a_table_is_made_anew(need: Need) -> None:
    over = empty_overlay()
    larger = with_room(over, need)
    same = [one is other for one, other in zip(over, larger, strict=True)]
    assert sorted(same) == [False] + [True] * 7
    assert with_room(larger, need) is larger


def test_past_it_nothing_is_shared_with_who_still_reads_the_old_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay, "RESERVED_LINKS", 8)
    over = empty_overlay()
    larger = with_room(over, Need(0, 0, 9, 0))
    assert not any(one is other for one, other in zip(over, larger, strict=True))
    assert len(larger.links) == 16
