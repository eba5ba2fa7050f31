"""A conversation that goes on with another account is seen as it arrives, under whatever names records call it."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.config import Settings
from graphsvc.events.arrive import Arrival
from graphsvc.events.record import Record
from graphsvc.risk.base import base_of, empty_base
from graphsvc.risk.index import Index
from graphsvc.risk.keys import account_key
from graphsvc.risk.labels import LabelBook
from tests.examples import REQUEST, JsonObject
from tests.links.worlds import view

ANSWER = (
    "Nobody else was told this in these very words: it begins with number {0} and then goes on for a while yet. " * 2
)


@pytest.fixture
def arrival(settings: Settings) -> Arrival:
    return Arrival(settings)


def asks(arrival: Arrival, account: str, first: int, last: int, org: str = "", number: int = 1) -> Record:
    """A request with the turns `first` to `last` of conversation `number`; older ones are trimmed."""
    told: list[JsonObject] = []
    for turn in range(first, last):
        told.append({"role": "user", "content": f"And what of {turn}?"})
        told.append({"role": "assistant", "content": ANSWER.format(1000 * number + turn)})
    told.append({"role": "user", "content": "Go on."})
    event = {
        "event_id": f"{account}-{first}-{last}-{number}",
        "type": "request",
        "account_id": account,
        "occurred_at": f"2026-01-05T10:{last:02d}:00Z",
        "request": {"model": "m", "status": 200, "messages": told},
    }
    return arrival.draft(arrival.check(event | ({"org_id": org} if org else {})), 0).record


def shares(index: Index, record: Record) -> dict[str, int]:
    """With how many others the record's account shares what, once the record is looked at."""
    look = index.look(account_key(record.account_id), record.identifiers)
    return dict(zip(look.now.types, look.now.rows.others.tolist(), strict=True))


def indexed(folder: Path, base: list[Record], later: list[Record]) -> Index:
    known = base_of(view(folder, base), len(base), None, LabelBook(), 0.1) if base else empty_base(0.1)
    index = Index(known, LabelBook(), 0)
    for record in later:
        index.apply([record])
    return index


@pytest.mark.parametrize("known", [0, 1, 2, 3])
def test_it_counts_once_whether_it_ran_before_the_base_or_since(tmp_path: Path, arrival: Arrival, known: int) -> None:
    records = [asks(arrival, "a", 0, 3), asks(arrival, "b", 0, 4), asks(arrival, "a", 0, 5)]
    index = indexed(tmp_path / "w", records[:known], records[known:])
    for record in records:
        assert shares(index, record) == {"conversation": 1}
    assert shares(index, asks(arrival, "c", 0, 6)) == {"conversation": 2}
    assert shares(index, asks(arrival, "c", 3, 6)) == {"conversation": 2}
    assert shares(index, asks(arrival, "c", 0, 6, number=2)) == {}


@pytest.mark.parametrize("known", [0, 1, 2])
def test_colleagues_are_told_from_strangers(tmp_path: Path, arrival: Arrival, known: int) -> None:
    records = [asks(arrival, "a", 0, 3, "org"), asks(arrival, "b", 0, 4, "org")]
    index = indexed(tmp_path / "w", records[:known], records[known:])
    assert shares(index, records[0]) == {"org": 1, "conversation_in_org": 1}
    assert shares(index, asks(arrival, "c", 0, 5, "org")) == {"org": 2, "conversation_in_org": 2}
    assert shares(index, asks(arrival, "x", 0, 5)) == {"conversation": 2}
    assert shares(index, asks(arrival, "x", 0, 5, "another")) == {"conversation": 2}
    index.apply([asks(arrival, "x", 0, 5)])
    assert shares(index, records[0]) == {"org": 1, "conversation": 2}


def test_the_example_request_names_its_conversation(arrival: Arrival) -> None:
    names = [one.type for one in arrival.draft(arrival.check(REQUEST), 0).record.identifiers]
    assert names.count("conversation") == 1
