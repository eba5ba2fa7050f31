"""One more day or hour of events: seconds of a look that goes on from the last one, and of one from scratch.

    python -m tests.bench.incremental --accounts 10000 --requests 15 --by day --last 3

Prints one JSON line a day or hour: how large it is beside all events, the seconds of both ways to the same view, of what is
made whole either way from it (pairs and clusters), whether the two are equal to the byte, and what the state takes on
disk. The world is a simulated one, with its labels; its last days or hours are taken in one by one.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from graphsvc.config import Settings, load_settings
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.jobs.observe import label_table, latest_ms, observed, quiet, sync_tables
from graphsvc.ledger import open_ledger
from graphsvc.links.state import FORMAT
from graphsvc.links.tables import LinkTables
from graphsvc.simulate import load_world, simulate
from tests.links.worlds import as_bytes

TIME = re.compile(rb'"occurred_at":"([^"]+)')
LETTERS = {"day": 10, "hour": 13}
TIMES = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--requests", type=float, default=15.0, help="mean requests an account")
    parser.add_argument("--by", choices=LETTERS, default="day")
    parser.add_argument("--last", type=int, default=3, help="last days or hours that are taken in one by one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="graphsvc-bench-") as folder:
        measure(Path(folder) / "warm", 2000, 6.0, LETTERS["hour"], 2, lambda row: None)
        measure(Path(folder) / "full", options.accounts, options.requests, LETTERS[options.by], options.last, _print)


def measure(
    folder: Path, accounts: int, requests: float, letters: int, last: int, report: Callable[[dict[str, Any]], None]
) -> None:
    """Takes in a world, but for its last stretches of the same `letters` of time, looks, and takes in each and looks."""
    spec = msgspec.structs.replace(load_world("plain"), accounts=accounts, requests=requests, seed=3)
    simulate(spec, folder / "world")
    settings = load_settings(data=folder / "data")
    parts = _stretches(folder / "world" / "events.ndjson", letters, last)
    total = 0
    for place, part in enumerate(parts):
        log = folder / "world" / "part.ndjson"
        log.write_bytes(b"".join(part))
        ingest_events(settings, str(log))
        total += len(part)
        if not place:
            ingest_labels(settings, str(folder / "world" / "labels.ndjson"))
        row = _look(settings)
        if place:
            size = {"accounts": accounts, "events": total, "new_events": len(part)}
            report({"bench": "incremental", "place": place, **size, **row})


def _look(settings: Settings) -> dict[str, Any]:
    """Looks both ways: the going-on one first, once, as it changes what is kept; the other as often as it takes."""
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(settings.places.links)
        sync_tables(tables, ledger, quiet)
        moment_ms = latest_ms(tables, ledger)
        (new_s, new_cpu_s), day = _timed(lambda: tables.view(moment_ms, going_on=True))
        scratch = [_timed(lambda: tables.view(moment_ms)) for _ in range(TIMES)]
        labels = label_table(day, [stored.label for stored in ledger.labels(moment_ms)])
        (rest_s, _), _ = _timed(lambda: observed(day, labels, tables.offset))
    kept = sum(path.stat().st_size for path in (settings.places.links / FORMAT).rglob("*") if path.is_file())
    return {
        "going_on_s": round(new_s, 2),
        "going_on_cpu_s": round(new_cpu_s, 2),
        "scratch_s": round(min(wall_s for (wall_s, _), _ in scratch), 2),
        "scratch_cpu_s": round(min(cpu_s for (_, cpu_s), _ in scratch), 2),
        "pairs_and_clusters_s": round(rest_s, 2),
        "equal": as_bytes(day) == as_bytes(scratch[0][1]),
        "state_bytes_an_account": round(kept / max(len(day.accounts), 1)),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _timed(work: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Seconds by the clock and of this process's processors, which what else the machine does disturbs less."""
    started_s, worked_s = time.perf_counter(), time.process_time()
    made = work()
    return (time.perf_counter() - started_s, time.process_time() - worked_s), made


def _stretches(path: Path, letters: int, last: int) -> list[list[bytes]]:
    """All lines but those of the last stretches of time, then those of each."""

    def stretch(line: bytes) -> bytes:
        found = TIME.search(line)
        assert found is not None
        return found[1][:letters]

    lines = sorted(path.read_bytes().splitlines(keepends=True), key=stretch)
    parts = [list(group) for _, group in groupby(lines, key=stretch)]
    return [[line for group in parts[:-last] for line in group], *parts[-last:]]


def _print(row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
