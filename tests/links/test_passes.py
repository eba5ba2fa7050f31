"""Passes over columns give what the queries of a look from scratch give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.errors import Unavailable
from graphsvc.links import queries
from graphsvc.links.counting import counted
from graphsvc.links.engine import DuckDatabase
from graphsvc.links.held import holdings
from graphsvc.links.merging import in_order
from graphsvc.links.numbering import Numbering, firsts, folded
from graphsvc.links.prompts import asked, sketches_in
from graphsvc.links.reading import Fresh
from graphsvc.links.segments import live, present
from graphsvc.links.state import SUMS
from graphsvc.links.tables import FORMAT, LinkTables
from tests.links.test_state import busy_world
from tests.links.worlds import DAY_MS, START_MS, filled

SEEN_MS = START_MS + 4 * DAY_MS
KNOWN = 40
FRESH = 'SELECT * FROM {name} WHERE "offset" > {offset} OR occurred_ms > {seen_ms}'
Database = tuple[Fresh, DuckDatabase]


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The events that a look up to offset KNOWN, as of SEEN_MS, did not have: to be read, and in a database."""
    folder = tmp_path_factory.mktemp("passes")
    tables = LinkTables(folder / "links", batch_records=30)
    tables.sync(filled(folder / "ledger.sqlite", busy_world(5, 300)))
    found = folder / "links" / FORMAT
    segments = [found / one.name for one in live(present(found))]
    as_of_ms = START_MS + 8 * DAY_MS
    with DuckDatabase() as database:
        database.open(segments, as_of_ms)
        for name in ("events", "identifiers"):
            table = database.table(FRESH.format(name=name, offset=KNOWN, seen_ms=SEEN_MS))
            database.execute(f"DROP VIEW {name}")
            database.register(name, table)
        yield Fresh(segments, KNOWN, SEEN_MS, as_of_ms), database


def test_sums_are_those_of_the_query(looked: Database) -> None:
    fresh, database = looked
    found = counted(fresh)
    plain = database.table(f"{queries.SUMS} ORDER BY account_id").cast(SUMS)
    models = np.bincount(found.trier, minlength=len(plain)).astype(np.int32)
    column = SUMS.get_field_index("models")
    assert found.sums.set_column(column, "models", pa.array(models)).to_pydict() == plain.to_pydict()
    assert len(set(found.tried.tolist())) == len(found.tried) == models.sum() > 0
    for name in ("declined", "templated_thousandths", "area_code", "asks_step_by_step", "status_5xx", "warned"):
        assert plain[name].to_numpy().any(), name


def test_holdings_are_those_of_the_query(looked: Database) -> None:
    fresh, database = looked
    accounts = counted(fresh).sums["account_key"].to_numpy()
    found = holdings(fresh, accounts)
    plain = database.table(queries.HELD)
    key = found.names["key"].to_numpy()[found.held["name"].to_numpy()]
    rest = (found.held[name].to_pylist() for name in ("first_ms", "last_ms", "count"))
    rows = zip(accounts[found.held["account"].to_numpy()].tolist(), key.tolist(), *rest, strict=True)
    assert sorted(rows) == sorted(zip(*plain.to_pydict().values(), strict=True))
    named = set(zip(*database.table("SELECT key, type, id FROM names").to_pydict().values(), strict=True))
    told = [(kind, name, key) for key, kind, name in named if key in set(plain["key"].to_pylist())]
    assert found.names.to_pylist() == [dict(zip(("type", "id", "key"), one, strict=True)) for one in sorted(told)]
    assert "conversation" in found.names["type"].to_pylist()


def test_prompts_are_those_of_the_query(looked: Database) -> None:
    fresh, database = looked
    found = asked(fresh)
    plain = database.table(
        "SELECT account_key, sketch_key, min(occurred_ms), max(occurred_ms), count(*) FROM events "
        "WHERE sketch_key IS NOT NULL GROUP BY account_key, sketch_key"
    )
    account, sketch = found.account_key[found.ask >> 32], found.sketch_key[found.ask & 0xFFFFFFFF]
    columns = (account, sketch, found.first_ms, found.last_ms, found.count)
    assert sorted(zip(*(column.tolist() for column in columns), strict=True)) == sorted(
        zip(*plain.to_pydict().values(), strict=True)
    )
    texts = dict(zip(*database.table("SELECT sketch_key, sketch FROM events").to_pydict().values(), strict=True))
    chosen = found.sketch_key[1::2]
    sketches = sketches_in(fresh, chosen)
    assert len(chosen)
    for place, key in enumerate(chosen.tolist()):
        assert sketches.words[sketches.start[place] : sketches.start[place + 1]].tobytes() == texts[key]


def test_a_longer_sketch_than_any_is_read_whole(looked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, _ = looked
    key = asked(fresh).sketch_key
    whole = sketches_in(fresh, key)
    monkeypatch.setattr("graphsvc.links.prompts.SAMPLE_MAX", -31)
    assert sketches_in(fresh, key).words.tolist() == whole.words.tolist()


def test_a_look_that_has_all_reads_nothing(looked: Database) -> None:
    fresh = Fresh((), KNOWN, SEEN_MS, SEEN_MS)
    assert not len(counted(fresh).sums)
    assert not len(holdings(fresh, np.empty(0, np.int64)).held)
    assert not len(asked(fresh).ask)


def test_a_damaged_file_is_told_in_plain_words(tmp_path: Path) -> None:
    tables = LinkTables(tmp_path / "links")
    tables.sync(filled(tmp_path / "ledger.sqlite", busy_world(6, 20)))
    for path in (tmp_path / "links" / FORMAT).glob("*/identifiers.parquet"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Unavailable, match="link tables"):
        tables.view(START_MS + 9 * DAY_MS, going_on=True)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-3, 9))))
def test_keys_are_numbered_as_they_come_up(batches: list[list[int]]) -> None:
    numbering, seen = Numbering(), list[int]()
    for batch in batches:
        seen += [key for key in dict.fromkeys(batch) if key not in seen]
        number = numbering.of(np.array(batch, np.int64))
        assert number.tolist() == [seen.index(key) for key in batch]
        inside = firsts(number, len(seen))[sorted(set(number.tolist()))]
        assert inside.tolist() == [batch.index(seen[one]) for one in sorted(set(number.tolist()))]
    assert numbering.keys.tolist() == seen
    assert numbering.known(np.array([*seen, 99])).tolist() == [*range(len(seen)), -1]


def test_numbers_stay_when_there_are_more_than_there_was_room_for() -> None:
    keys = np.random.default_rng(1).permutation(200_000)
    numbering = Numbering()
    for batch in np.array_split(keys, 5):
        numbering.of(batch)
    assert np.array_equal(numbering.known(keys), np.arange(len(keys)))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3))))
def test_rows_of_a_pair_are_folded_into_one(rows: list[tuple[int, int, int, int]]) -> None:
    pair, first_ms, last_ms, count = (np.array([row[place] for row in rows], np.int64) for place in range(4))
    found = folded(pair, first_ms, last_ms, count.astype(np.int32))
    expected = [
        (
            pair,
            min(row[1] for row in rows if row[0] == pair),
            max(row[2] for row in rows if row[0] == pair),
            sum(row[3] for row in rows if row[0] == pair),
        )
        for pair in sorted({row[0] for row in rows})
    ]
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.one_of(st.text("aé\0z", max_size=3), st.text("a\0", max_size=20)))))
def test_texts_are_put_in_order(rows: list[tuple[int, str]]) -> None:
    group, texts = [one for one, _ in rows], pa.array([text for _, text in rows], pa.string())
    order = in_order(np.array(group, np.int64), pa.chunked_array([texts]))
    assert order.tolist() == sorted(range(len(rows)), key=lambda row: (group[row], rows[row][1].encode(), row))
