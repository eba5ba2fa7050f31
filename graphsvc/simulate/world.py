"""Makes a world: an event log and labels as the contract has them, and the truth, which only evaluation reads."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from graphsvc.errors import BadUsage
from graphsvc.simulate.crew import Crew, Hands, Played, hands, works
from graphsvc.simulate.scene import Scene
from graphsvc.simulate.spec import WorldSpec
from graphsvc.simulate.spool import Piece, merged, packed

Progress = Callable[[str, float], None]
FEWEST_ACCOUNTS = 50
BATCH_ROWS = 10_000
PLAYED_SHARE = 0.75
"""Of the whole time, about how much goes by until all accounts have lived."""


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


@dataclass(frozen=True)
class World:
    """A world that was made. `truth`: a row an account, by account_id; `events`: where its events lie."""

    summary: WorldSummary
    truth: pa.Table
    events: Path


def simulate(
    spec: WorldSpec, out: Path, progress: Progress | None = None, *, compressed: bool = False, processes: int = 1
) -> WorldSummary:
    """As `make_world`, for those who only want the files."""
    return make_world(spec, out, progress, compressed=compressed, processes=processes).summary


def make_world(
    spec: WorldSpec, out: Path, progress: Progress | None = None, *, compressed: bool = False, processes: int = 1
) -> World:
    """Writes events.ndjson (or .ndjson.zst), labels.ndjson, truth.csv and world.json into `out`.

    The same spec gives the same bytes, whatever the number of `processes`. `progress` is called with a stage's name and
    the share done. Raises BadUsage for a world too small to be one, and for prompts or networks folders of no use.
    """
    if spec.accounts < FEWEST_ACCOUNTS or spec.days < 2:
        raise BadUsage(f"A world has at least {FEWEST_ACCOUNTS} accounts and 2 days.")
    out.mkdir(parents=True, exist_ok=True)
    report = progress or (lambda _stage, _share: None)
    path = out / ("events.ndjson.zst" if compressed else "events.ndjson")
    with TemporaryDirectory(prefix=".spool-", dir=out) as folder:
        crew = Crew(spec, Path(folder))
        with hands(crew, processes) as workers:
            played = _played(crew, workers, report)
            _write(path, [piece for part in played for piece in part.events], workers, report)
            _write(out / "labels.ndjson", [piece for part in played for piece in part.labels], workers, report)
    truth = pa.concat_tables([part.truth for part in played]).sort_by("account_id")
    summary = _summary(truth, played, crew.scene)
    _write_truth(out / "truth.csv", truth)
    _write_parameters(out / "world.json", spec, summary)
    return World(summary, truth, path)


def _played(crew: Crew, workers: Hands, report: Progress) -> list[Played]:
    played, accounts = [], 0
    for part in workers.each(workers.play, works(crew.spec, crew.units)):
        played.append(part)
        accounts += part.truth.num_rows
        report("accounts", PLAYED_SHARE * accounts / crew.spec.accounts)
    return played


def _summary(truth: pa.Table, played: Sequence[Played], scene: Scene) -> WorldSummary:
    events, requests, labels = (sum(numbers) for numbers in zip(*(part.counts for part in played), strict=True))
    rings = set(truth["ring"].unique().to_pylist()) - {""}
    return WorldSummary(
        accounts=truth.num_rows,
        abusive=sum(truth["abusive"].to_pylist()),
        rings=len(rings),
        events=events,
        requests=requests,
        labels=labels,
        start_ms=scene.start_ms,
        end_ms=scene.end_ms,
    )


def _write(path: Path, pieces: list[Piece], workers: Hands, report: Progress) -> None:
    """All lines by time. A packed file is a row of frames, one of each slot, as `zstd` and all readers of it take."""
    slots: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        slots[piece.slot].append(piece)
    whole = partial(packed, 3) if path.suffix == ".zst" else merged
    with _replacing(path) as file:
        for number, text in enumerate(workers.each(whole, (slots[slot] for slot in sorted(slots)))):
            file.write(text)
            report(f"writing {path.name}", PLAYED_SHARE + (1 - PLAYED_SHARE) * (number + 1) / len(slots))


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """The file appears under its name only when it is whole."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        yield file
    part.replace(path)


def _write_truth(path: Path, truth: pa.Table) -> None:
    as_number = pc.cast(truth["abusive"], pa.int8())
    table = truth.set_column(truth.column_names.index("abusive"), "abusive", as_number)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(table.column_names)
        for batch in table.to_batches(max_chunksize=BATCH_ROWS):
            rows.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _write_parameters(path: Path, spec: WorldSpec, summary: WorldSummary) -> None:
    """The parameters that made the world; folders given for texts and networks are named, not located."""
    given = msgspec.to_builtins(spec)
    for name in ("prompts", "networks"):
        given[name] = Path(given[name]).name if given[name] else None
    text = msgspec.json.format(msgspec.json.encode({"summary": msgspec.to_builtins(summary), "spec": given}), indent=2)
    path.write_bytes(text + b"\n")
