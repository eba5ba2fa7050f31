"""Segments: folders of Parquet files, each one stretch of the ledger, named by its first and last offset.

A segment is written beside its place and renamed into it whole, so that it is there or not there; the names are the
watermark. Small neighbours are merged into larger ones, as a log-structured merge tree does (O'Neil et al. 1996).
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from graphsvc.links.columns import ATTRIBUTES, EVENTS, IDENTIFIERS, NAMES, PEERS, Columns
from graphsvc.links.flush import flush

NAME = re.compile(r"(\d{15})-(\d{15})")
UNFINISHED = ".unfinished-"
FAN_IN = 8
MERGED_RECORDS_MAX = 400_000
GRACE_S = 900.0
"""How long a merged segment's parts stay, for views that began to read them."""


@dataclass(frozen=True, order=True)
class Segment:
    """Offsets `first` to `last`, both included."""

    first: int
    last: int

    @property
    def name(self) -> str:
        return f"{self.first:015d}-{self.last:015d}"

    @property
    def records(self) -> int:
        return self.last - self.first + 1


def present(folder: Path) -> list[Segment]:
    """All whole segments of a folder, parts of merged ones included."""
    names = (NAME.fullmatch(path.name) for path in folder.iterdir()) if folder.is_dir() else ()
    return sorted(Segment(int(m[1]), int(m[2])) for m in names if m)


def live(segments: Iterable[Segment]) -> list[Segment]:
    """The segments that together cover the ledger from offset 1 without a gap, the widest ones first choice."""
    widest: dict[int, Segment] = {}
    for segment in segments:
        known = widest.get(segment.first)
        widest[segment.first] = segment if known is None else max(known, segment)
    chosen: list[Segment] = []
    following = 1
    while following in widest:
        chosen.append(widest[following])
        following = chosen[-1].last + 1
    return chosen


def span_ms(folder: Path, segment: Segment) -> tuple[int, int]:
    """When the segment's first and last events occurred, from the statistics of its file."""
    facts = pq.read_metadata(folder / segment.name / "events.parquet")
    column = facts.schema.names.index("occurred_ms")
    groups = [facts.row_group(index).column(column).statistics for index in range(facts.num_row_groups)]
    return min(int(group.min) for group in groups), max(int(group.max) for group in groups)


def place(folder: Path, segment: Segment, columns: Columns) -> None:
    """Writes a segment; it appears at once and whole, and is on disk when this returns."""
    unfinished = folder / f"{UNFINISHED}{segment.name}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name, table in columns.parts():
        if name in OPTIONAL and not table.num_rows:
            continue
        path = unfinished / f"{name}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=1)
        flush(path)
    flush(unfinished)
    unfinished.rename(folder / segment.name)
    flush(folder)


def due_merge(segments: list[Segment]) -> list[Segment]:
    """The newest segments that should become one; empty where there are too few of like size."""
    tail: list[Segment] = []
    total = 0
    for segment in reversed(segments):
        if total + segment.records > MERGED_RECORDS_MAX or (tail and segment.records > FAN_IN * total):
            break
        tail.insert(0, segment)
        total += segment.records
    return tail if len(tail) >= FAN_IN else []


def merge(folder: Path, parts: list[Segment]) -> Segment:
    """Makes one segment of neighbours; the parts stay until `sweep`."""
    whole = Segment(parts[0].first, parts[-1].last)
    tables = [_joined(folder, parts, name, schema) for name, schema in SCHEMAS]
    place(folder, whole, Columns(*tables))
    return whole


def sweep(folder: Path) -> None:
    """Removes what no view reads any more: unfinished segments, and parts of segments merged a while ago."""
    for path in folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(path)
    kept = live(present(folder))
    for segment in present(folder):
        if segment not in kept and _superseded_long_ago(folder, segment, kept):
            shutil.rmtree(folder / segment.name)


SCHEMAS = (
    ("events", EVENTS),
    ("identifiers", IDENTIFIERS),
    ("peers", PEERS),
    ("names", NAMES),
    ("attributes", ATTRIBUTES),
)
OPTIONAL = frozenset({"attributes"})
"""Files that a segment lacks where it has no rows of them: most deployments have none at all."""


def files_of(segments: Iterable[Path], name: str) -> list[Path]:
    """The files of one name of these segments' folders."""
    files = [segment / f"{name}.parquet" for segment in segments]
    return [file for file in files if file.exists()] if name in OPTIONAL else files


def _joined(folder: Path, parts: list[Segment], name: str, schema: pa.Schema) -> pa.Table:
    files = files_of((folder / part.name for part in parts), name)
    return pa.concat_tables([schema.empty_table(), *(pq.read_table(file, schema=schema) for file in files)])


def _superseded_long_ago(folder: Path, segment: Segment, kept: list[Segment]) -> bool:
    wider = [one for one in kept if one.first <= segment.first and segment.last <= one.last]
    return all(time.time() - (folder / one.name).stat().st_mtime > GRACE_S for one in wider)
