"""What clusters took: equal to a slow plain count, by the view's moment, and said in plain words."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphsvc.clusters.taken import Taken, TakenRow, large, taken_from
from graphsvc.events.lexicon import AREAS, TECHNIQUES
from graphsvc.events.record import Fingerprint, Record, Traits
from graphsvc.links.tables import LinkTables
from graphsvc.links.taken import TAKEN
from tests.links.worlds import DAY_MS, START_MS, event, filled

ACCOUNTS = [f"a{n}" for n in range(12)]
CLUSTERS = np.array([0, 0, 0, 1, 1, -1, -1, 2, 2, 2, 2, 3], np.int32)


def requests(seed: int, count: int = 600) -> list[Record]:
    rng = random.Random(seed)
    return [_request(rng, place) for place in range(count)]


def _request(rng: random.Random, place: int) -> Record:
    traits = Traits(rng.choice([*AREAS, "unknown"]), rng.choice([0, 0, 1, 5, 63]), round(rng.random(), 3))
    sketch = rng.choice([b"", bytes([rng.randrange(40)]) * 128])
    made = rng.choice([None, Fingerprint(sketch, (), 99), Fingerprint(sketch, (), 99, traits)])
    return event(
        f"e{place}",
        rng.choice(ACCOUNTS[:11]),
        START_MS + rng.randrange(30) * DAY_MS,
        kind=rng.choice(["request", "request", "login"]),
        model=rng.choice(["x", "y", None]),
        status=rng.choice([200, 200, 429, 500, None]),
        input_tokens=rng.choice([None, 0, rng.randrange(2_000)]),
        output_tokens=rng.choice([None, rng.randrange(9_000)]),
        fingerprint=made,
    )


def taken(folder: Path, records: Iterable[Record], as_of_ms: int) -> pa.Table:
    folder.mkdir()
    tables = LinkTables(folder / "links")
    with closing(filled(folder / "ledger.sqlite", records)) as ledger:
        tables.sync(ledger)
    return tables.taken(as_of_ms, pa.chunked_array([ACCOUNTS]), CLUSTERS)


def slowly(records: Iterable[Record], as_of_ms: int) -> list[dict[str, Any]]:
    """The same by loops over records."""
    cluster_of = dict(zip(ACCOUNTS, CLUSTERS.tolist(), strict=True))
    rows: dict[tuple[int, str, str, int], list[Record]] = {}
    for record in records:
        answered = record.type == "request" and (record.status is None or record.status < 400)
        if answered and record.occurred_ms <= as_of_ms and cluster_of[record.account_id] >= 0:
            for part, name in _parts(record):
                for week in (0, _monday_ms(record.occurred_ms)):
                    rows.setdefault((cluster_of[record.account_id], part, name, week), []).append(record)
    return [_row(key, rows[key]) for key in sorted(rows)]


def _parts(record: Record) -> list[tuple[str, str]]:
    traits = record.fingerprint.traits if record.fingerprint else None
    asked = [TECHNIQUES[bit] for bit in range(len(TECHNIQUES)) if traits and traits.techniques & 1 << bit]
    return [
        ("all", ""),
        *([("area", traits.area)] if traits else []),
        *([("model", record.model)] if record.model else []),
        *(("technique", name) for name in asked),
    ]


def _monday_ms(at_ms: int) -> int:
    day = datetime.fromtimestamp(at_ms / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((day - timedelta(days=day.weekday())).timestamp() * 1000)


def _row(key: tuple[int, str, str, int], records: list[Record]) -> dict[str, Any]:
    likeness = [r.fingerprint.traits.templated for r in records if r.fingerprint and r.fingerprint.traits]
    lengths = [r.input_tokens for r in records if r.input_tokens is not None]
    whole = key[1] == "all" and key[3] == 0
    sketches = [r.fingerprint.sketch for r in records if r.fingerprint and r.fingerprint.sketch]
    return {
        **dict(zip(("cluster", "part", "name", "week_ms"), key, strict=True)),
        "accounts": len({r.account_id for r in records}),
        "exchanges": len(records),
        "input_tokens": sum(lengths),
        "output_tokens": sum(r.output_tokens or 0 for r in records),
        "templated": pytest.approx(sum(likeness) / len(likeness) if likeness else 0.0, abs=1e-6),
        "repeated": pytest.approx(1 - len(set(sketches)) / len(sketches) if sketches and whole else 0.0),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_taken_is_what_a_slow_count_takes(tmp_path: Path, seed: int) -> None:
    records = requests(seed)
    found = taken(tmp_path / "w", records, START_MS + 20 * DAY_MS)
    assert found.schema == TAKEN
    assert found.to_pylist() == slowly(records, START_MS + 20 * DAY_MS)


def test_the_order_of_arrival_and_what_comes_later_change_nothing(tmp_path: Path) -> None:
    records, as_of_ms = requests(4), START_MS + 15 * DAY_MS
    early = [record for record in records if record.occurred_ms <= as_of_ms]
    random.Random(1).shuffle(early)
    assert taken(tmp_path / "a", early, as_of_ms).equals(taken(tmp_path / "b", records, as_of_ms))


def test_of_nothing_there_is_nothing(tmp_path: Path) -> None:
    found = taken(tmp_path / "w", [], START_MS)
    assert (found.schema, found.num_rows) == (TAKEN, 0)
    statement = taken_from(found)
    assert statement.sentence == "No exchange of these accounts is known."
    assert (statement.weeks, statement.whole.exchanges, statement.uniformity) == ((), 0, 0.0)


def row(part: str, name: str, exchanges: int, week_ms: int = 0, **facts: int) -> TakenRow:
    return TakenRow(0, part, name, week_ms, facts.get("accounts", 41), exchanges, 0, facts.get("output", 0), 0.5, 0.8)


def said(rows: Iterable[TakenRow]) -> Taken:
    return taken_from(pa.Table.from_pylist([vars(one) for one in rows], TAKEN))


def statement(change: Callable[[TakenRow], bool] = lambda row: True) -> list[TakenRow]:
    monday = _monday_ms(START_MS)
    rows = [
        row("all", "", 12_400, output=9_100_000),
        row("all", "", 400, monday, accounts=3),
        row("all", "", 12_000, monday + 14 * DAY_MS),
        row("area", "code", 6_100),
        row("area", "mathematics", 2_200),
        row("area", "unknown", 1_700),
        row("technique", "step_by_step", 5_200),
        row("technique", "jailbreak", 300),
        row("model", "model-x", 12_400),
    ]
    return [one for one in rows if change(one)]


def test_the_sentence_says_it_in_plain_words() -> None:
    assert said(statement()).sentence == (
        "In 3 weeks 41 accounts took 12,400 exchanges, 9.1 million output tokens, mostly code (61%) and mathematics "
        "(22%), most asking for step-by-step reasoning, from model-x."
    )


def test_what_is_not_known_is_not_said() -> None:
    bare = said(statement(lambda row: row.part == "all"))
    assert bare.sentence == "In 3 weeks 41 accounts took 12,400 exchanges, 9.1 million output tokens."
    unread = said(statement(lambda row: row.name not in ("code", "mathematics", "step_by_step", "jailbreak")))
    assert unread.sentence == "In 3 weeks 41 accounts took 12,400 exchanges, 9.1 million output tokens, from model-x."
    single = [row("all", "", 1, accounts=1), row("all", "", 1, _monday_ms(START_MS), accounts=1)]
    assert said(single).sentence == "In one week 1 account took 1 exchange."


def test_many_models_are_counted() -> None:
    models = [row("model", f"m{n}", 1_000 * (n + 1)) for n in range(4)]
    sentence = said([*statement(lambda row: row.part == "all"), *models]).sentence
    assert sentence.endswith(", from 4 models, first of all m3 (32%).")


def test_shares_are_of_exchanges_whose_text_was_seen() -> None:
    whole = said(statement()).whole
    assert [(one.name, one.share) for one in whole.areas] == [("code", 0.61), ("mathematics", 0.22), ("unknown", 0.17)]
    assert [one.share for one in whole.techniques] == [0.52, 0.03]


@pytest.mark.parametrize(
    ("count", "words"), [(7, "7"), (12_400, "12,400"), (9_100_000, "9.1 million"), (2 * 10**9, "2.0 billion")]
)
def test_large_counts_are_rounded(count: int, words: str) -> None:
    assert large(count) == words
