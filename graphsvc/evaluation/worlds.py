"""Evaluation on simulated worlds: made, ingested and judged in a temporary folder, by the model that is in use."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from graphsvc.config import Settings
from graphsvc.evaluation.figures import Evaluation
from graphsvc.evaluation.run import Options, evaluate
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.jobs.observe import Report, part, quiet, sync_tables
from graphsvc.jobs.train import of_world
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables

if TYPE_CHECKING:
    from graphsvc.simulate.spec import WorldSpec

AT_A_TIME = 2
WORLD_BYTES, ACCOUNT_BYTES = 2 * 2**30, 300_000
"""What judging one world takes at most: so much for the process, and for each account with its events."""


@dataclass(frozen=True)
class Worlds:
    """One world for each name and seed, of so many accounts and days."""

    names: tuple[str, ...]
    seeds: tuple[int, ...]
    accounts: int
    days: int

    def specs(self) -> list[WorldSpec]:
        """Raises BadUsage for a name that is none."""
        from graphsvc.simulate import load_world

        return [
            replace(load_world(name), accounts=self.accounts, days=self.days, seed=seed)
            for name in self.names
            for seed in self.seeds
        ]


def evaluate_worlds(settings: Settings, worlds: Worlds, options: Options, report: Report) -> tuple[Evaluation, ...]:
    """An evaluation of each world by its own truth, in the order of names and seeds; as many at a time as the cores and
    the memory allow."""
    specs = worlds.specs()
    workers = min(AT_A_TIME, len(specs), os.cpu_count() or 1, _fitting(worlds.accounts))
    if workers < 2:
        return tuple(
            _evaluated(settings, spec, options, part(report, n / len(specs), (n + 1) / len(specs)))
            for n, spec in enumerate(specs)
        )
    # Started anew, not forked: a fork of a process whose libraries run threads may hang.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _one_thread) as pool:
        due = [pool.submit(_evaluated, settings, spec, options, quiet) for spec in specs]
        found = []
        for number, future in enumerate(due):
            report(f"world {specs[number].name} {specs[number].seed}", number / len(due))
            found.append(future.result())
    return tuple(found)


@contextlib.contextmanager
def made_world(settings: Settings, spec: WorldSpec) -> Iterator[tuple[Settings, Path]]:
    """A world in a data folder of its own with the model in use, and the path of its truth file; both gone after."""
    from graphsvc.simulate import simulate

    with tempfile.TemporaryDirectory(prefix="graphsvc-world-") as folder:
        place = Path(folder)
        simulate(spec, place / "world", quiet)
        own = of_world(settings, place / "data")
        _lend_model(settings, own)
        ingest_events(own, str(place / "world" / "events.ndjson"))
        ingest_labels(own, str(place / "world" / "labels.ndjson"))
        with closing(open_ledger(own)) as ledger:
            sync_tables(LinkTables(own.places.links), ledger, quiet)
        yield own, place / "world" / "truth.csv"


def _evaluated(settings: Settings, spec: WorldSpec, options: Options, report: Report) -> Evaluation:
    report(f"making world {spec.name} {spec.seed}", 0.0)
    with made_world(settings, spec) as (own, truth):
        return evaluate(own, truth, options, report, f"{spec.name} {spec.seed}")


def _lend_model(settings: Settings, own: Settings) -> None:
    """Copies the deployment's own model, where it has one; the one that ships is found without."""
    mark, places = settings.places.current_model, own.places.create()
    if mark.is_file():
        shutil.copytree(settings.places.active_model, places.models / settings.places.active_model.name)
        shutil.copy(mark, places.current_model)


def _fitting(accounts: int) -> int:
    """How many worlds of so many accounts the free memory holds."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(free // (WORLD_BYTES + accounts * ACCOUNT_BYTES))


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
