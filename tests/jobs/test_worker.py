"""The worker looks again when something was decided, and only then."""

from __future__ import annotations

import time
from pathlib import Path

from graphsvc.cases.decisions import DecisionStore, Wish
from graphsvc.cases.relations import merged, split
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings, load_settings
from graphsvc.jobs.worker import Worker
from tests.links.worlds import filled, sharing

RING = [f"a{place}" for place in range(6)]


def detected_ms(settings: Settings) -> int:
    return ResultsReader(settings.places.results).run().created_ms


def now_ms() -> int:
    return int(time.time() * 1000)


def test_decisions_and_undoings_make_it_look_again_and_notes_do_not(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path / "data", neo4j_uri="off", detect_every_s=1e-9)
    filled(settings.places.create().ledger, sharing({("device", "one"): RING})).close()
    store, worker = DecisionStore(settings.places.cases), Worker(settings)
    worker.step()
    seen = [detected_ms(settings)]
    worker.step()
    assert detected_ms(settings) == seen[0]
    made = store.keep(Wish("split", "c", "k"), split([RING[:3], RING[3:]]), now_ms())
    worker.step()
    seen.append(detected_ms(settings))
    of = ResultsReader(settings.places.results).memberships()
    assert of["a0"] == of["a2"] != of["a3"]
    store.keep(Wish("note", "c", "k", note="x"), [], now_ms())
    worker.step()
    Worker(settings).step()
    assert detected_ms(settings) == seen[1]
    store.undo(made.id, now_ms(), "k")
    Worker(settings).step()
    assert seen[0] < seen[1] < detected_ms(settings)
    store.keep(Wish("merge", "c", "k"), merged(RING), now_ms())
    Worker(settings).step()
    of = ResultsReader(settings.places.results).memberships()
    assert len({of[account] for account in RING}) == 1
