"""`graphsvc ingest` and `graphsvc fingerprint`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphsvc.cli.console import note, progress, say
from graphsvc.config import load_settings
from graphsvc.errors import BadUsage
from graphsvc.events.read import size_bytes

if TYPE_CHECKING:
    from graphsvc.jobs.ingest import IngestSummary


def ingest(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE…", help="NDJSON, .gz, .zst, or -.")] = None,
    labels: Annotated[list[str] | None, typer.Option(metavar="FILE", help="A file of labels; may be repeated.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad line.")] = False,
) -> None:
    """Read event logs and labels into the ledger.

    A bad line is kept in the data folder's rejects file and the rest goes on. The same file again changes nothing.

    Example: graphsvc ingest events.ndjson.zst --labels labels.ndjson
    """
    from graphsvc.jobs.ingest import ingest_events, ingest_labels

    if not files and not labels:
        raise BadUsage("Nothing to read.", hint="Give a FILE, or - for standard input, or --labels FILE.")
    settings = load_settings()
    for source in files or ():
        with _bytes_bar(source) as on_bytes:
            summary = ingest_events(settings, source, strict, on_bytes)
        _report(source, "events", summary)
    for source in labels or ():
        _report(source, "labels", ingest_labels(settings, source, strict))


def fingerprint() -> None:
    """Turn prompts into fingerprints under this deployment's key: NDJSON of messages in, fingerprints out.

    Each line is an object with `messages`; the answer is what an event's request.fingerprint takes in their place.

    Example: echo '{"messages": [{"role": "user", "content": "Name three rivers"}]}' | graphsvc fingerprint
    """
    from graphsvc.jobs.fingerprint import fingerprint_lines

    for line in fingerprint_lines(load_settings(), sys.stdin.buffer):
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


@contextmanager
def _bytes_bar(source: str) -> Iterator[Callable[[int], None]]:
    total = size_bytes(source)
    done = 0
    with progress(f"ingest {Path(source).name}") as report:

        def on_bytes(count: int) -> None:
            nonlocal done
            done += count
            if total:
                report("", done / total)

        yield on_bytes


def _report(source: str, what: str, summary: IngestSummary) -> None:
    name = "standard input" if source == "-" else Path(source).name
    parts = [f"{summary.accepted:,} {what} accepted"]
    parts += [f"{summary.duplicates:,} known already"] if summary.duplicates else []
    parts += [f"{summary.rejected:,} rejected"] if summary.rejected else []
    parts += [f"{summary.unknown_fields:,} unknown fields ignored"] if summary.unknown_fields else []
    say(f"{name}: {', '.join(parts)}, of {summary.lines:,} lines.")
    if summary.rejects is not None:
        note(f"The rejected lines, each with its number and reason, are in {summary.rejects}.")
