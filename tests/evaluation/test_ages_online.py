"""The replay answers, account for account, as an index that is given the records themselves one by one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from gnn.head import Head
from graphsvc.evaluation.looks import Look
from graphsvc.evaluation.replay import _detected
from graphsvc.events.record import Fingerprint, Identifier, Record
from graphsvc.risk.base import base_of, empty_base
from graphsvc.risk.index import Index
from graphsvc.risk.keys import account_key
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.score import HeadScorer, network_probability, stranger
from tests.evaluation.test_ages import Log
from tests.links.worlds import DAY_MS, HOUR_MS, START_MS, event
from tests.risk.conftest import write_head

LOOKS_MS = [START_MS + days * DAY_MS for days in (2, 5)]
ACCOUNTS, TALKS, DAYS = 24, 8, 8


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Head:
    folder = tmp_path_factory.mktemp("head")
    write_head(folder)
    return Head.load(folder)


def life(seed: int) -> list[Record]:
    """Conversations that go on from account to account, some in one organisation, each turn under newer names."""
    rng = random.Random(seed)
    records: list[Record] = []
    turns = [0] * TALKS
    for number in range(240):
        at_ms = START_MS + number * DAYS * DAY_MS // 240 + rng.randrange(HOUR_MS // 2)
        account, talk = rng.randrange(ACCOUNTS), rng.randrange(TALKS)
        turns[talk] += 1
        links = [f"talk-{talk}-{turn}" for turn in range(max(0, turns[talk] - 3), turns[talk] + 1)]
        named = [("conversation", link) for link in links]
        if account % 3 == 0:
            named.append(("org", f"org-{account % 2}"))
        if rng.random() < 0.3:
            named.append(("ip", f"203.0.113.{rng.randrange(6)}"))
        facts = {"status": 200, "input_tokens": number, "fingerprint": Fingerprint(b"", tuple(links), 500)}
        records.append(event(f"e{number}", f"a{account}", at_ms, named, "request", **facts))
    return records


def online(head: Head, records: Sequence[Record], looks: Sequence[Look]) -> dict[str, float]:
    """Each account's probability when its first record comes, by the service's own index and nothing else."""
    scorer = HeadScorer(head)
    index = Index(empty_base(stranger(scorer)), LabelBook(), 0)
    waiting = list(looks)
    first: dict[str, float] = {}
    for record in records:
        while waiting and waiting[0].as_of_ms < record.occurred_ms:
            look = waiting.pop(0)
            index = Index(base_of(look.view, 0, _detected(look), LabelBook(), stranger(scorer)), LabelBook(), 0)
        key = account_key(record.account_id)
        if record.account_id not in first:
            look_now = index.look(key, record.identifiers)
            first[record.account_id] = network_probability(look_now, scorer)
        for gained in index.apply([record]):
            probability = first[record.account_id] if _is_first(records, record) else None
            now = network_probability(index.look(gained), scorer) if probability is None else probability
            index.raise_probability(gained, now)
    return first


def _is_first(records: Sequence[Record], record: Record) -> bool:
    return next(one for one in records if one.account_id == record.account_id) is record


@pytest.mark.parametrize("seed", range(3))
def test_the_replay_is_the_service(tmp_path: Path, head: Head, seed: int) -> None:
    records = life(seed)
    log = Log(tmp_path / "log", records)
    looks = [log.look(at_ms) for at_ms in LOOKS_MS]
    ids, scores = log.scores(head, LOOKS_MS)["signup"]
    expected = online(head, records, looks)
    assert dict(zip(ids, scores.tolist(), strict=True)) == pytest.approx(expected, abs=1e-7), "the replay keeps 32 bits"
    assert len(set(expected.values())) > ACCOUNTS // 3
    assert any(len(look.view.names) for look in looks)


def test_a_conversation_is_known_by_what_it_was_called_then(tmp_path: Path) -> None:
    records = life(0)
    story = Log(tmp_path / "log", records).tables.lives(records[100].occurred_ms)
    told = {(row["account_id"], row["occurred_ms"]): row["told"] for row in story.told.to_pylist()}
    record = records[0]
    assert told[record.account_id, record.occurred_ms] == sorted(
        ({"type": one.type, "id": one.id} for one in record.identifiers), key=lambda one: (one["type"], one["id"])
    )
    assert {Identifier(one["type"], one["id"]) for told_then in told.values() for one in told_then} == {
        one for earlier in records[:101] for one in earlier.identifiers
    }
