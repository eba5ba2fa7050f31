"""Makes a world: an event log and labels as the contract has them, and the truth, which only evaluation reads."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
import zstandard
from msgspec import Struct

from graphsvc.errors import BadUsage
from graphsvc.simulate.scene import set_scene
from graphsvc.simulate.scribe import Scribe
from graphsvc.simulate.spec import WorldSpec
from graphsvc.simulate.spool import Spool
from graphsvc.simulate.units import TruthRow, plan, play

Progress = Callable[[str, float], None]
TRUTH_COLUMNS = ("account_id", "abusive", "kind", "ring", "operator", "group")
FEWEST_ACCOUNTS = 50


class WorldSummary(Struct, frozen=True):
    """What was made. Times are epoch milliseconds, UTC."""

    accounts: int
    abusive: int
    rings: int
    events: int
    requests: int
    labels: int
    start_ms: int
    end_ms: int


def simulate(spec: WorldSpec, out: Path, progress: Progress | None = None, *, compressed: bool = False) -> WorldSummary:
    """Writes events.ndjson (or .ndjson.zst), labels.ndjson, truth.csv and world.json into `out`.

    The same spec gives the same bytes. `progress` is called with a stage's name and the share done. Raises BadUsage for
    a world too small to be one, and for prompts or networks folders without content.
    """
    if spec.accounts < FEWEST_ACCOUNTS or spec.days < 2:
        raise BadUsage(f"A world has at least {FEWEST_ACCOUNTS} accounts and 2 days.")
    out.mkdir(parents=True, exist_ok=True)
    report = progress or (lambda _stage, _share: None)
    scene, units = set_scene(spec), plan(spec)
    events, labels = Spool(out), Spool(out)
    try:
        scribe = Scribe(events, labels)
        truth: list[TruthRow] = []
        for unit in units:
            truth += play(unit, scene, scribe)
            report("accounts", len(truth) / spec.accounts)
        _write(out / ("events.ndjson.zst" if compressed else "events.ndjson"), events.sorted())
        report("events written", 1.0)
        _write(out / "labels.ndjson", labels.sorted())
    finally:
        events.close()
        labels.close()
    summary = WorldSummary(
        accounts=len(truth),
        abusive=sum(row.abusive for row in truth),
        rings=len({row.ring for row in truth if row.ring}),
        events=scribe.events,
        requests=scribe.requests,
        labels=scribe.labels,
        start_ms=scene.start_ms,
        end_ms=scene.end_ms,
    )
    _write_truth(out / "truth.csv", truth)
    _write_parameters(out / "world.json", spec, summary)
    return summary


def _write(path: Path, lines: Iterable[bytes]) -> None:
    with _replacing(path) as file:
        if path.suffix == ".zst":
            with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as packed:
                for line in lines:
                    packed.write(line)
        else:
            file.writelines(lines)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """The file appears under its name only when it is whole."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        yield file
    part.replace(path)


def _write_truth(path: Path, truth: list[TruthRow]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(TRUTH_COLUMNS)
        for row in sorted(truth, key=lambda row: row.account_id):
            rows.writerow([row.account_id, int(row.abusive), row.kind, row.ring, row.operator, row.group])


def _write_parameters(path: Path, spec: WorldSpec, summary: WorldSummary) -> None:
    """The parameters that made the world; folders given for texts and networks are named, not located."""
    given = msgspec.to_builtins(spec)
    for name in ("prompts", "networks"):
        given[name] = Path(given[name]).name if given[name] else None
    text = msgspec.json.format(msgspec.json.encode({"summary": msgspec.to_builtins(summary), "spec": given}), indent=2)
    path.write_bytes(text + b"\n")
