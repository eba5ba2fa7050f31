"""The whole way once, on a world of a given size: simulate, ingest, project, detect, evaluate.

    python -m tests.bench.pipeline --accounts 20000 --requests 12 --prompts DIR --networks DIR --graph

Prints one JSON line a step, with seconds, rates and the peak memory of this process and its children.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from graphsvc.config import Settings, load_settings
from graphsvc.evaluation.figures import Evaluation
from graphsvc.evaluation.run import Options, evaluate
from graphsvc.graph import embedded
from graphsvc.graph.connection import driver
from graphsvc.graph.store import GraphStore
from graphsvc.jobs.detect import detect
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.ledger import open_ledger
from graphsvc.simulate import load_world, simulate


def quiet(step: str, share: float) -> None:
    """Says nothing."""


def timed(step: str, work: Callable[[], Any], **facts: Callable[[Any, float], object]) -> Any:
    started_s = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started_s
    peak_kib = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    row = {"bench": "pipeline", "step": step, "seconds": round(seconds, 2), "peak_mib": peak_kib // 1024}
    print(json.dumps(row | {name: fact(result, seconds) for name, fact in facts.items()}), flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--requests", type=float, default=12.0)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--world", default="plain")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--prompts")
    parser.add_argument("--networks")
    parser.add_argument("--graph", action="store_true", help="Project into an embedded Neo4j too.")
    parser.add_argument("--folder", type=Path, help="Keep the world and the data folder here.")
    options = parser.parse_args()
    if options.folder is not None:
        options.folder.mkdir(parents=True)
        run(options, options.folder)
        return
    with tempfile.TemporaryDirectory(prefix="graphsvc-bench-") as folder:
        run(options, Path(folder))


def run(options: argparse.Namespace, folder: Path) -> None:
    spec = msgspec.structs.replace(
        load_world(options.world),
        accounts=options.accounts,
        days=options.days,
        seed=options.seed,
        requests=options.requests,
        prompts=options.prompts,
        networks=options.networks,
    )
    world = folder / "world"
    timed("simulate", lambda: simulate(spec, world), events=lambda made, _: made.events)
    settings = load_settings(data=folder / "data")
    timed(
        "ingest",
        lambda: ingest_events(settings, str(world / "events.ndjson")),
        events=lambda done, _: done.accepted,
        events_per_s=lambda done, seconds: round(done.accepted / seconds),
    )
    ingest_labels(settings, str(world / "labels.ndjson"))
    if options.graph:
        project(settings)
    detect(settings, None, quiet)
    timed(
        "detect",
        lambda: detect(settings, None, quiet),
        accounts=lambda d, _: d.accounts,
        clusters=lambda d, _: d.clusters,
    )
    timed(
        "evaluate",
        lambda: evaluate(settings, world / "truth.csv", Options(), quiet),
        figures=lambda evaluation, _: figures(evaluation),
    )


def figures(found: Evaluation) -> dict[str, float]:
    """The figures without their intervals: all of them are in `graphsvc evaluate --json`."""
    accounts, clusters = found.accounts, found.clusters
    named = {
        "average_precision": accounts.average_precision,
        "auroc": accounts.auroc,
        "calibration_error": accounts.calibration_error,
        "ring_recall": clusters.ring_recall,
        "account_precision": clusters.account_precision,
        "account_recall": clusters.account_recall,
    }
    accused = {f"accused.{group.group}": group.rate.value for group in found.innocents}
    return {name: estimate.value for name, estimate in named.items()} | accused


def project(settings: Settings) -> None:
    counted: list[int] = []
    with (
        embedded.running(settings) as connection,
        driver(connection) as client,
        closing(open_ledger(settings)) as ledger,
    ):
        store = GraphStore(client)
        store.apply_schema()
        timed(
            "project",
            lambda: store.project(ledger, on_links=counted.append),
            links=lambda _, __: sum(counted),
            links_per_s=lambda _, seconds: round(sum(counted) / seconds),
        )


if __name__ == "__main__":
    main()
