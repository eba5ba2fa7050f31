"""`graphsvc detect`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from graphsvc.cli.console import note, progress, say
from graphsvc.config import load_settings
from graphsvc.errors import BadUsage
from graphsvc.events.types import epoch_ms

AsOf = Annotated[str | None, typer.Option("--as-of", metavar="T", help="RFC 3339; default: the last known moment.")]


class Engine(StrEnum):
    """DuckDB on one machine; Spark SQL, which needs the extra spark and Java."""

    DUCKDB = "duckdb"
    SPARK = "spark"


def moment(text: str | None, option: str = "--as-of") -> int | None:
    """Epoch milliseconds of an RFC 3339 time or a plain date (its first moment, UTC). Raises BadUsage."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise BadUsage(f"{option} is no RFC 3339 time.", hint="Write it like 2026-02-01T00:00:00Z.") from None
    return epoch_ms(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def detect(
    as_of: AsOf = None,
    scores: Annotated[Path | None, typer.Option(metavar="S.csv", help="Write account_id,score.")] = None,
    clusters: Annotated[
        Path | None, typer.Option(metavar="C.csv", help="Write cluster_id,account_id,kind,probability.")
    ] = None,
    engine: Annotated[
        Engine | None, typer.Option(metavar="duckdb|spark", help="What runs the queries. Default: GRAPHSVC_ENGINE.")
    ] = None,
) -> None:
    """Score every account and label the clusters, from what was known at a moment.

    Example: graphsvc detect --as-of 2026-02-01T00:00:00Z --scores scores.csv --clusters clusters.csv
    """
    from graphsvc.jobs import detect as job
    from graphsvc.jobs.graph import bring_up_to_date

    for path in (scores, clusters):
        if path is not None and not path.absolute().parent.is_dir():
            raise BadUsage(f"The folder of {path.name} does not exist.", hint="Make it first.")
    settings = load_settings() if engine is None else load_settings(engine=engine.value)
    with progress("detect") as report:
        found = job.detect(settings, moment(as_of), report)
    if scores is not None:
        job.write_scores(scores, found.results)
    if clusters is not None:
        job.write_clusters(clusters, found.results)
    say(f"{found.accounts:,} accounts scored, {found.clusters:,} clusters labelled.")
    if not found.published:
        note("The service goes on showing the later run that it has.")
    else:
        missing = bring_up_to_date(settings, start=False)
        if missing:
            note(f"The graph database was not brought up to date: {missing}")
