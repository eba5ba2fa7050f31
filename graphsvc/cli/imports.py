"""`graphsvc import`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphsvc.cli.console import note, progress, say
from graphsvc.config import load_settings
from graphsvc.errors import BadUsage

if TYPE_CHECKING:
    from graphsvc.jobs.importing import ImportSummary


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="CSV (.gz, .zst) or Parquet.")],
    mapping: Annotated[Path | None, typer.Option(metavar="M.toml", help="What each column is.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be understood; change nothing.")] = False,
    infer: Annotated[bool, typer.Option("--infer", help="Propose a mapping on standard output.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad row.")] = False,
) -> None:
    """Read any table into the ledger: a mapping says which columns are accounts, identifiers, links, times and labels.

    A bad row is kept in the data folder's rejects file and the rest goes on. The same table again changes nothing, and
    an import that was stopped goes on when it is called again.

    Example: graphsvc import payments.csv --infer > payments.toml

    Example: graphsvc import payments.csv --mapping payments.toml --dry-run
    """
    if infer == (mapping is not None):
        raise BadUsage("Give --mapping M.toml, or --infer to have one proposed.", hint="See graphsvc import --help.")
    if infer:
        if len(files) > 1 or dry_run or strict:
            raise BadUsage("--infer looks at one file and does nothing else.", hint="Leave out the other options.")
        from graphsvc.jobs.infer import proposal

        say(proposal(str(files[0])), end="")
        return
    from graphsvc.events.mapping import read_mapping

    assert mapping is not None
    read = read_mapping(mapping)
    for source in files:
        if dry_run:
            from graphsvc.jobs.dry_run import dry_run as look

            with _bar(f"read {source.name}") as told:
                report = look(load_settings(), str(source), read, told)
            for line in report.lines():
                say(line)
        else:
            from graphsvc.jobs.importing import import_table

            with _bar(f"import {source.name}") as told:
                summary = import_table(load_settings(), str(source), read, strict, told)
            _report(source.name, summary)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, float], None]]:
    begun_s = time.monotonic()
    with progress(title) as report:

        def told(rows: int, share: float) -> None:
            left_s = (time.monotonic() - begun_s) * (1 - share) / max(share, 1e-6)
            report(f"{rows:,} rows, {left_s:,.0f} s left", share)

        yield told


def _report(name: str, summary: ImportSummary) -> None:
    parts = [f"{summary.events:,} events"]
    parts += [f"{summary.labels:,} labels"] if summary.labels else []
    parts += [f"{summary.known:,} known already"] if summary.known else []
    parts += [f"{summary.refused:,} rows refused"] if summary.refused else []
    went_on = f", {summary.skipped:,} of them before the last stop" if summary.skipped else ""
    say(f"{name}: {', '.join(parts)}, of {summary.rows:,} rows{went_on}.")
    for text in summary.first:
        note(text)
    if summary.rejects is not None:
        note(f"All refused rows, each with its number, column and reason, are in {summary.rejects}.")
