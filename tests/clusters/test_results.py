"""The results file: replaced whole, read by filter, page and id; cluster ids that stay."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphsvc.clusters.ids import stable_ids
from graphsvc.clusters.results import ClusterFilter, Results, ResultsReader, Run, Verdicts, results_of, write_results
from graphsvc.errors import BadInput, NotFound
from graphsvc.links.view import LinkView
from tests.clusters.conftest import SHARED, Detected, detect
from tests.links.worlds import DAY_MS, START_MS, event, sharing, view

KINDS = ["household", "trial_farm", "shared_organisation"]


@pytest.fixture
def reader(tmp_path: Path, detected: Detected) -> ResultsReader:
    path = tmp_path / "results.sqlite"
    write_results(path, _results(detected, None))
    return ResultsReader(path)


def test_before_the_first_run_there_is_nothing_to_read(tmp_path: Path) -> None:
    reader = ResultsReader(tmp_path / "results.sqlite")
    assert not reader.exists()
    with pytest.raises(NotFound, match="graphsvc detect"):
        reader.run()


def test_what_was_written_is_read(reader: ResultsReader, detected: Detected) -> None:
    assert reader.run() == Run(START_MS, 99, "m1", START_MS + 5)
    ring = reader.account("ring00")
    assert ring.cluster_id is not None
    row = reader.cluster(ring.cluster_id)
    assert (row.kind, row.size, row.confirmed, row.status) == ("trial_farm", 17, 2, "open")
    assert row.probability_low < row.probability < row.probability_high
    assert [one.account_id for one in reader.members(row.id, limit=2)] == ["ring00", "ring01"]
    assert len(reader.members(row.id, after="ring01")) == 15
    assert [one.counter for one in reader.evidence(row.id)] == [False, False, True]
    assert next(one.identifier_type for one in reader.top_evidence(row.id)) == "instrument"
    ids, probabilities = reader.probabilities()
    assert ids.tolist() == detected.account_ids == [one.account_id for one in reader.accounts()]
    assert probabilities.dtype == np.float32
    assert reader.account("student000").cluster_id is None


def test_what_must_be_there_before_results_are_shown_keeps_them_back(
    reader: ResultsReader, detected: Detected, tmp_path: Path
) -> None:
    seen: list[int] = []
    path = tmp_path / "results.sqlite"

    def look() -> None:
        seen.append(reader.run().ledger_offset)
        raise BadInput("Not ready.")

    later = replace(_results(detected, None), run=Run(START_MS, 100, "m1", START_MS + 5))
    with pytest.raises(BadInput):
        write_results(path, later, look)
    assert seen == [reader.run().ledger_offset] == [99]
    write_results(path, later)
    assert reader.run().ledger_offset == 100


def test_what_is_not_there_is_not_found(reader: ResultsReader) -> None:
    for look_up in (reader.cluster, reader.account):
        with pytest.raises(NotFound):
            look_up("nobody")
    assert reader.members("nobody") == []
    assert reader.evidence("nobody") == []


@pytest.mark.parametrize("sort", ["probability", "size", "last_activity", "growth"])
def test_pages_hold_every_cluster_once_in_order(reader: ResultsReader, sort: str) -> None:
    whole = reader.clusters(sort=sort, limit=100)  # type: ignore[arg-type]
    assert whole.next_cursor is None
    found, cursor = [], None
    while True:
        page = reader.clusters(sort=sort, cursor=cursor, limit=1)  # type: ignore[arg-type]
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == whole.items
    assert len({row.id for row in found}) == 3


def test_filters(reader: ResultsReader) -> None:
    def kinds(**filters: object) -> list[str]:
        return [row.kind for row in reader.clusters(ClusterFilter(**filters)).items]  # type: ignore[arg-type]

    assert kinds(kind="trial_farm") == kinds(min_size=10) == kinds(identifier=("device", "phone")) == ["trial_farm"]
    assert kinds(min_probability=0.5) == ["shared_organisation", "trial_farm"]
    assert kinds(kind="household", min_size=10) == kinds(status="dismissed") == []
    assert kinds(identifier=("ip", "phone")) == []


def test_wrong_wishes_are_refused(reader: ResultsReader) -> None:
    for wrong in ({"cursor": "x"}, {"cursor": "é"}, {"limit": 0}, {"limit": 1001}, {"sort": "id; DROP"}):
        with pytest.raises(BadInput):
            reader.clusters(**wrong)


def test_a_new_run_replaces_the_old_for_readers_in_every_thread(
    tmp_path: Path, reader: ResultsReader, detected: Detected
) -> None:
    assert reader.run().model_version == "m1"
    write_results(tmp_path / "results.sqlite", _results(detected, reader, model="m2"))
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(reader.run().model_version))
    thread.start()
    thread.join()
    assert [reader.run().model_version, *seen] == ["m2", "m2"]
    assert [path.name for path in tmp_path.iterdir()] == ["results.sqlite"]


def test_statuses_and_growth(tmp_path: Path, detected: Detected) -> None:
    first = _results(detected, None)
    ring_id = first.clusters["id"][detected.cluster_of("ring00")].as_py()
    new = event("new", "ring99", START_MS + 2 * DAY_MS, [("instrument", "card")])
    grown = detect(view(tmp_path / "w", [*sharing(SHARED), new], START_MS + 2 * DAY_MS))
    write_results(tmp_path / "r.sqlite", first)
    results = _results(grown, ResultsReader(tmp_path / "r.sqlite"), statuses={ring_id: "confirmed"})
    write_results(tmp_path / "r.sqlite", results)
    row = ResultsReader(tmp_path / "r.sqlite").cluster(ring_id)
    assert (row.size, row.growth_24h, row.status) == (18, 1, "confirmed")
    assert (row.first_seen_ms, row.last_activity_ms) == (START_MS, START_MS + 2 * DAY_MS)
    assert ResultsReader(tmp_path / "r.sqlite").statuses()[ring_id] == "confirmed"


def test_ids_are_the_same_in_every_run_from_scratch(detected: Detected) -> None:
    ids = stable_ids(None, detected.account_ids, detected.clusters, START_MS)
    assert ids == stable_ids(None, detected.account_ids, detected.clusters, START_MS)
    assert len(set(ids)) == 3


def test_the_larger_part_of_a_split_keeps_the_id(reader: ResultsReader) -> None:
    ring = sorted(one.account_id for one in reader.members(str(reader.account("ring00").cluster_id)))
    split = np.array([0] * 6 + [1] * 11, np.int32)
    small, large = stable_ids(reader, ring, split, START_MS + DAY_MS)
    assert large == reader.account("ring00").cluster_id
    assert small != large


def test_a_merger_keeps_the_id_of_its_larger_part(reader: ResultsReader) -> None:
    accounts = [f"ring{place:02d}" for place in range(16)] + [f"staff{place}" for place in range(6)]
    (merged,) = stable_ids(reader, accounts, np.zeros(len(accounts), np.int32), START_MS + DAY_MS)
    assert merged == reader.account("ring00").cluster_id


def test_one_account_that_moved_takes_no_id_along(reader: ResultsReader) -> None:
    (fresh,) = stable_ids(reader, ["parent", "stranger2"], np.zeros(2, np.int32), START_MS)
    assert fresh not in reader.statuses()


def _results(
    found: Detected, previous: ResultsReader | None, model: str = "m1", statuses: dict[str, str] | None = None
) -> Results:
    names = {"parent": "household", "ring00": "trial_farm", "staff0": "shared_organisation"}
    kinds = {found.cluster_of(account): kind for account, kind in names.items()}
    count = len(kinds)
    probability = np.array([KINDS.index(kinds[one]) / 3 + 0.2 for one in range(count)], np.float32)
    ids = stable_ids(previous, found.account_ids, found.clusters, found.view.as_of_ms)
    verdicts = Verdicts(
        accounts=np.linspace(0, 1, len(found.clusters), dtype=np.float32),
        clusters=probability,
        low=probability - np.float32(0.1),
        high=probability + np.float32(0.1),
        kinds=[kinds[one] for one in range(count)],
    )
    run = Run(found.view.as_of_ms, 99, model, found.view.as_of_ms + 5)
    confirmed = _confirmed(found.view)
    return results_of(run, found.view, found.clusters, ids, verdicts, found.evidence, confirmed, statuses)


def _confirmed(seen: LinkView) -> np.ndarray:
    return np.isin(seen.accounts["account_id"].to_pylist(), ["ring00", "ring05", "student000"])
