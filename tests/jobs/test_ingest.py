"""Ingest of files through the real command: bad lines, compression, and a kill half-way."""

from __future__ import annotations

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zstandard

from graphsvc.config import Settings
from graphsvc.errors import BadInput
from graphsvc.events.record import Record
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.ledger import open_ledger
from tests.examples import EVENTS, LABEL, LOGIN, REQUEST


def write(path: Path, objects: list[object]) -> str:
    path.write_bytes(b"".join(o if isinstance(o, bytes) else json.dumps(o).encode() + b"\n" for o in objects))
    return str(path)


def records(settings: Settings) -> list[Record]:
    ledger = open_ledger(settings)
    try:
        return [stored.record for batch in ledger.scan() for stored in batch]
    finally:
        ledger.close()


def many(count: int) -> list[object]:
    return [
        REQUEST | {"event_id": f"m{i}", "account_id": f"a{i % 97}", "ip": f"10.0.{i % 256}.1"} for i in range(count)
    ]


def test_bad_lines_are_kept_aside_and_the_rest_goes_on(settings: Settings, tmp_path: Path) -> None:
    lines: list[object] = [
        EVENTS[0],
        b"{broken\n",
        b"\n",
        LOGIN | {"ip": "nowhere"},
        EVENTS[1],
        EVENTS[1] | {"ip": "1.1.1.1"},
    ]
    summary = ingest_events(settings, write(tmp_path / "e.ndjson", lines))
    assert (summary.lines, summary.accepted, summary.rejected) == (5, 2, 3)
    assert summary.rejects is not None
    rejected = [json.loads(line) for line in summary.rejects.read_text().splitlines()]
    assert [(r["line"], r["code"], r["pointer"]) for r in rejected] == [
        (2, "malformed_json", ""),
        (4, "bad_ip", "/ip"),
        (6, "conflict", "/event_id"),
    ]
    assert rejected[0]["text"] == "{broken"
    assert stat.S_IMODE(summary.rejects.stat().st_mode) == 0o600


def test_strict_stops_at_the_first_bad_line_and_keeps_those_before(settings: Settings, tmp_path: Path) -> None:
    source = write(tmp_path / "e.ndjson", [EVENTS[0], LOGIN | {"account_id": ""}, EVENTS[1]])
    with pytest.raises(BadInput, match=r"e\.ndjson line 2: invalid at /account_id"):
        ingest_events(settings, source, strict=True)
    assert [r.event_id for r in records(settings)] == ["s1"]


def test_the_same_file_again_and_compressed_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    source = write(tmp_path / "e.ndjson", list(EVENTS))
    ingest_events(settings, source)
    before = records(settings)
    text = Path(source).read_bytes()
    (tmp_path / "e.ndjson.gz").write_bytes(gzip.compress(text))
    (tmp_path / "e.ndjson.zst").write_bytes(zstandard.compress(text))
    for name in ("e.ndjson", "e.ndjson.gz", "e.ndjson.zst"):
        assert ingest_events(settings, str(tmp_path / name)).duplicates == len(EVENTS)
    assert records(settings) == before


def test_a_broken_archive_and_a_missing_file_are_named(settings: Settings, tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(json.dumps(e).encode() + b"\n" for e in many(2_000)))
    (tmp_path / "cut.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"cut\.ndjson\.gz is broken after line"):
        ingest_events(settings, str(tmp_path / "cut.ndjson.gz"))
    with pytest.raises(BadInput, match="There is no file gone"):
        ingest_events(settings, str(tmp_path / "gone"))


def test_a_line_without_end_is_one_malformed_line(settings: Settings, tmp_path: Path) -> None:
    source = write(tmp_path / "e.ndjson", [b'"' + b"x" * (17 << 20) + b'"\n', LOGIN])
    summary = ingest_events(settings, source)
    assert (summary.accepted, summary.rejected) == (1, 1)


def test_labels_come_in_with_the_same_care(settings: Settings, tmp_path: Path) -> None:
    summary = ingest_labels(settings, write(tmp_path / "l.ndjson", [LABEL, LABEL, LABEL | {"verdict": "evil"}]))
    assert (summary.accepted, summary.duplicates, summary.rejected) == (1, 1, 1)


def test_several_processes_keep_the_order_of_the_file(settings: Settings, tmp_path: Path) -> None:
    ingest_events(settings, write(tmp_path / "e.ndjson", many(9_000)))
    assert [r.event_id for r in records(settings)] == [f"m{i}" for i in range(9_000)]


def test_kill_9_half_way_and_again_gives_the_same_state(settings: Settings, tmp_path: Path) -> None:
    source = write(tmp_path / "e.ndjson", many(40_000))
    command = [sys.executable, "-m", "graphsvc", "ingest", source]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, env=dict(os.environ))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if settings.places.ledger.exists() and open_ledger(settings).offset() >= 4_000:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    half = len(records(settings))
    assert 4_000 <= half < 40_000
    subprocess.run(command, check=True, capture_output=True)
    assert [r.event_id for r in records(settings)] == [f"m{i}" for i in range(40_000)]


@pytest.mark.parametrize("way", ["ingest", "import"])
def test_the_processes_that_help_end_with_the_command_however_it_ends(
    settings: Settings, tmp_path: Path, way: str
) -> None:
    source = write(tmp_path / "e.ndjson", many(40_000))
    if way == "import":
        (tmp_path / "t.csv").write_text("who,at\n" + "".join(f"u{one},2026-07-01T12:00:00Z\n" for one in range(40_000)))
        (tmp_path / "m.toml").write_text('version = 1\naccount = "who"\ntime = "at"\n[[event]]\ntype = "login"\n')
    table = [str(tmp_path / "t.csv"), "--mapping", str(tmp_path / "m.toml")]
    command = [sys.executable, "-m", "graphsvc", way, *(table if way == "import" else [source])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if settings.places.ledger.exists() and open_ledger(settings).offset() >= 4_000:
            break
    process.kill()
    # What it printed to is closed only when nobody has it open any more, its helpers included.
    _, told = process.communicate(timeout=60)
    assert 4_000 <= len(records(settings)) < 40_000, told.decode()


def test_standard_input_and_the_summary_of_the_command(settings: Settings) -> None:
    text = json.dumps(LOGIN) + "\n" + json.dumps(LOGIN | {"extra": 1}) + "\n"
    command = [sys.executable, "-m", "graphsvc", "ingest", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    expected = "standard input: 1 events accepted, 1 known already, 1 unknown fields ignored, of 2 lines."
    assert done.stdout.strip() == expected
