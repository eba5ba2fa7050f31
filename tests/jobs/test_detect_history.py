"""Detections one after the other: what became of clusters is kept, a look into the past changes nothing, and every
cluster has its evidence pack."""

from __future__ import annotations

from datetime import timedelta

import pytest

from graphsvc.clusters.packs import pack_for
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings, load_settings
from graphsvc.jobs.detect import detect
from graphsvc.jobs.ingest import ingest_events
from graphsvc.jobs.observe import quiet
from tests.known_world import START, known_world

EARLY_MS = int((START + timedelta(days=3)).timestamp() * 1000)
EVENTS = {"born", "grew", "shrank", "split_from", "split_into", "merged_into", "absorbed", "closed", "reopened"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A folder in which a detection as of an early day was followed by one as of the end."""
    folder = tmp_path_factory.mktemp("twice")
    settings = load_settings(data=folder / "data", neo4j_uri="off", token_key="ab" * 32)
    ingest_events(settings, known_world().write(folder / "events.ndjson"))
    assert detect(settings, EARLY_MS, quiet).published
    assert detect(settings, None, quiet).published
    return settings


@pytest.fixture
def reader(settings: Settings) -> ResultsReader:
    return ResultsReader(settings.places.results)


def test_every_cluster_has_a_history_that_ends_at_its_size(reader: ResultsReader) -> None:
    last_ms = reader.run().as_of_ms
    moments = set()
    for row in reader.clusters(limit=1000).items:
        events = reader.history(row.id)
        assert {one.event for one in events} <= EVENTS | {"succeeds", "succeeded_by"}
        assert events[0].event in ("born", "split_from")
        moments |= {one.at_ms for one in events}
        grown = [one.size for one in events if one.event in ("born", "split_from", "grew", "shrank")]
        assert grown[-1] == row.size
    assert moments == {EARLY_MS, last_ms}


def test_former_clusters_are_known_by_their_old_ids(reader: ResultsReader) -> None:
    now = {row.id for row in reader.clusters(limit=1000).items}
    for old in reader.archived_ids() - now:
        last = reader.history(old)[-1]
        assert last.event in ("merged_into", "closed", "succeeded_by", "split_into")
        heir = reader.heir(old)
        assert heir is None or heir in now


def test_every_cluster_has_a_pack_of_its_members(reader: ResultsReader) -> None:
    for row in reader.clusters(limit=1000).items:
        pack = pack_for(reader, row.id)
        assert pack is not None
        assert pack.members == row.size
        assert sum(pack.parts) == row.size
        assert len(pack.bonds) == row.size - len(pack.parts)
        assert len(pack.explanations) == 11
        assert str(row.size) in pack.sentence


def test_a_look_into_the_past_rewrites_neither_results_nor_packs(settings: Settings) -> None:
    before = contents(settings)
    assert not detect(settings, EARLY_MS, quiet).published
    assert contents(settings) == before
    assert len(before) > 6


def test_packs_of_runs_before_the_last_are_swept(settings: Settings, reader: ResultsReader) -> None:
    kept = settings.places.results.with_name("results.packs")
    before = {path.name for path in kept.iterdir()}
    assert len(before) == 2
    last = reader.run().material
    assert detect(settings, None, quiet).published
    after = {path.name for path in kept.iterdir()}
    assert after == {last, reader.run().material}
    assert [one.at_ms for row in reader.clusters().items for one in reader.history(row.id)]


def contents(settings: Settings) -> dict[str, bytes]:
    places = settings.places.results, *sorted(settings.places.results.with_name("results.packs").rglob("*.parquet"))
    return {str(path): path.read_bytes() for path in places}
