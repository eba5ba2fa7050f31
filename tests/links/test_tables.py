"""Link tables follow the ledger, once each record, through merges, kills and other ledgers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphsvc.errors import Unavailable
from graphsvc.links.segments import Segment, due_merge, live, present
from graphsvc.links.tables import FORMAT, LinkTables
from tests.links.worlds import START_MS, as_bytes, event, filled, random_world

LATER_MS = START_MS + 10**11
SYNC = """
import sys
from pathlib import Path
from graphsvc.ledger.sqlite import SqliteLedger
from graphsvc.links.tables import LinkTables
LinkTables(Path(sys.argv[2]), batch_records=20).sync(SqliteLedger(Path(sys.argv[1])))
"""


def test_sync_adds_what_is_new_and_nothing_twice(tmp_path: Path) -> None:
    records = random_world(1)
    ledger = filled(tmp_path / "ledger.sqlite", records[:250])
    tables = LinkTables(tmp_path / "links")
    assert tables.offset == 0
    assert tables.sync(ledger) == 250
    assert tables.sync(ledger) == 250
    filled(tmp_path / "ledger.sqlite", records)
    assert tables.sync(ledger) == tables.offset == 400
    assert sum(tables.view(LATER_MS).accounts["events"].to_pylist()) == 400


def test_many_small_syncs_are_merged_and_give_the_same_view(tmp_path: Path) -> None:
    records = random_world(2, events=120)
    small, whole = LinkTables(tmp_path / "small"), LinkTables(tmp_path / "whole")
    for record in records:
        ledger = filled(tmp_path / "ledger.sqlite", [record])
        small.sync(ledger)
    whole.sync(ledger)
    assert len(live(present(tmp_path / "small" / FORMAT))) <= 16
    assert as_bytes(small.view(LATER_MS)) == as_bytes(whole.view(LATER_MS))


def test_a_large_segment_is_not_rewritten_for_a_few_new_records() -> None:
    small = [Segment(1001 + place, 1001 + place) for place in range(7)]
    assert due_merge([Segment(1, 1000), *small]) == []
    assert due_merge([Segment(1, 1000), *small, Segment(1008, 1008)]) == [*small, Segment(1008, 1008)]


@pytest.mark.parametrize("segments_before_kill", [1, 5, 12])
def test_killed_in_the_middle_and_run_again_it_is_as_if_never_killed(tmp_path: Path, segments_before_kill: int) -> None:
    ledger = filled(tmp_path / "ledger.sqlite", random_world(3))
    folder = tmp_path / "links"
    child = subprocess.Popen([sys.executable, "-c", SYNC, str(tmp_path / "ledger.sqlite"), str(folder)])
    while len(present(folder / FORMAT)) < segments_before_kill and child.poll() is None:
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    child.wait()
    killed, clean = LinkTables(folder), LinkTables(tmp_path / "clean")
    assert killed.sync(ledger) == clean.sync(ledger) == 400
    assert as_bytes(killed.view(LATER_MS)) == as_bytes(clean.view(LATER_MS))


def test_half_written_and_orphaned_segments_are_cleared_away(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "ledger.sqlite", random_world(4))
    tables, clean = LinkTables(tmp_path / "links", 50), LinkTables(tmp_path / "clean")
    tables.sync(ledger)
    folder = tmp_path / "links" / FORMAT
    (folder / ".unfinished-000000000000401-000000000000450").mkdir()
    second = next(segment for segment in present(folder) if segment.first == 51)
    for path in (folder / second.name).iterdir():
        path.unlink()
    (folder / second.name).rmdir()
    for segment in present(folder):
        if segment.records > 50:
            (folder / segment.name).rename(folder / ".unfinished-moved")
    assert tables.offset == 50
    assert tables.sync(ledger) == clean.sync(ledger)
    assert not list(folder.glob(".unfinished*"))
    assert as_bytes(tables.view(LATER_MS)) == as_bytes(clean.view(LATER_MS))


def test_another_ledger_makes_the_tables_anew(tmp_path: Path) -> None:
    tables = LinkTables(tmp_path / "links")
    tables.sync(filled(tmp_path / "long.sqlite", random_world(5)))
    assert tables.sync(filled(tmp_path / "short.sqlite", [event("e", "only", START_MS)])) == 1
    assert tables.view(LATER_MS).accounts["account_id"].to_pylist() == ["only"]


def test_a_damaged_file_is_said_in_plain_words(tmp_path: Path) -> None:
    tables = LinkTables(tmp_path / "links")
    tables.sync(filled(tmp_path / "ledger.sqlite", random_world(8, events=20)))
    (file,) = (tmp_path / "links").rglob("events.parquet")
    for damage in (lambda: file.write_bytes(b"PAR1 no more"), file.unlink):
        damage()
        with pytest.raises(Unavailable, match="link tables"):
            tables.view(LATER_MS)


def test_rebuild_gives_the_same_tables(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "ledger.sqlite", random_world(6))
    tables = LinkTables(tmp_path / "links", 30)
    tables.sync(ledger)
    before = as_bytes(tables.view(LATER_MS))
    told: list[int] = []
    assert tables.rebuild(ledger, told.append) == 400
    assert told[-1] == 400
    assert as_bytes(tables.view(LATER_MS)) == before


def test_parts_of_a_merged_segment_stay_for_those_who_still_read_them(tmp_path: Path) -> None:
    for place in range(8):
        ledger = filled(tmp_path / "ledger.sqlite", [event(f"e{place}", "a", START_MS)])
        LinkTables(tmp_path / "links").sync(ledger)
    assert len(present(tmp_path / "links" / FORMAT)) == 9
    assert live(present(tmp_path / "links" / FORMAT)) == [Segment(1, 8)]
