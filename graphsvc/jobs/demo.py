"""The demo: a simulated world through the real ingest, links, model and graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from graphsvc.clusters.results import ClusterFilter, ClusterRow, EvidenceRow, ResultsReader
from graphsvc.config import Settings
from graphsvc.jobs.detect import Detection, detect
from graphsvc.jobs.graph import bring_up_to_date
from graphsvc.jobs.ingest import IngestSummary, ingest_events, ingest_labels
from graphsvc.jobs.observe import Report

EVIDENCE_SHOWN = 3


@dataclass(frozen=True)
class Shown:
    """One cluster as the demo prints it, with its strongest evidence."""

    cluster: ClusterRow
    evidence: tuple[EvidenceRow, ...]


@dataclass(frozen=True)
class Demo:
    """What the demo did. `graph_missing` is '' or says why there is no graph database."""

    events: IngestSummary
    detection: Detection
    clusters: tuple[Shown, ...]
    graph_missing: str


def make_world(folder: Path, accounts: int, seed: int, report: Report) -> None:
    """Writes the demo's world: events.ndjson, labels.ndjson and the truth that only `evaluate` reads."""
    from graphsvc.simulate import load_world, simulate

    simulate(msgspec.structs.replace(load_world("plain"), accounts=accounts, seed=seed), folder, report)


def run_demo(settings: Settings, accounts: int, seed: int, most: int, stage: Callable[[str], Report]) -> Demo:
    """World, ingest, detection, graph. `stage` names a step and gives the callback that hears its progress."""
    world = settings.places.create().root / f"world-{accounts}-{seed}"
    if not (world / "world.json").exists():
        make_world(world, accounts, seed, stage("making a world"))
    stage("reading its events")
    events = ingest_events(settings, str(world / "events.ndjson"))
    ingest_labels(settings, str(world / "labels.ndjson"))
    detection = detect(settings, None, stage("looking for clusters"))
    missing = bring_up_to_date(settings, start=True, report=stage("filling the graph database"))
    return Demo(events, detection, _top(settings, most), missing)


def _top(settings: Settings, most: int) -> tuple[Shown, ...]:
    reader = ResultsReader(settings.places.results)
    page = reader.clusters(ClusterFilter(), sort="probability", limit=most)
    return tuple(Shown(row, tuple(reader.top_evidence(row.id)[:EVIDENCE_SHOWN])) for row in page.items)
