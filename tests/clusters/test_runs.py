"""Runs one after the other, through the results file: ids that come back, and files of another version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from graphsvc.clusters.results import ResultsReader
from graphsvc.errors import NotFound
from tests.clusters.runs import AFTER, BEFORE, find
from tests.links.worlds import DAY_MS, START_MS


def test_a_cluster_that_comes_together_again_has_its_old_id(tmp_path: Path) -> None:
    path, reader = tmp_path / "results.sqlite", ResultsReader(tmp_path / "results.sqlite")
    find(path, tmp_path / "one", BEFORE, START_MS, None)
    old = reader.memberships()
    find(path, tmp_path / "two", AFTER, START_MS + DAY_MS, reader)
    assert reader.archived_members() == {"c0": old["c0"], "c1": old["c0"]}
    find(path, tmp_path / "three", BEFORE, START_MS + 2 * DAY_MS, reader)
    assert reader.account("c0").cluster_id == old["c0"]
    assert [one.event for one in reader.history(old["c0"])] == ["born", "closed", "reopened"]
    assert reader.archived_members() == {}
    assert reader.account("a0").cluster_id == old["a0"]
    parted = reader.account("b0").cluster_id
    assert parted not in (None, old["a0"], old["b0"])
    assert [(one.event, one.other) for one in reader.history(str(parted))] == [("split_from", old["a0"])]


def test_an_accounts_erasure_takes_it_from_the_archive(tmp_path: Path) -> None:
    path, reader = tmp_path / "results.sqlite", ResultsReader(tmp_path / "results.sqlite")
    find(path, tmp_path / "one", BEFORE, START_MS, None)
    find(path, tmp_path / "two", AFTER, START_MS + DAY_MS, reader)
    find(path, tmp_path / "three", AFTER, START_MS + 2 * DAY_MS, reader, without="c1")
    assert list(reader.archived_members()) == ["c0"]


def test_campaigns_keep_their_ids(tmp_path: Path) -> None:
    path, reader = tmp_path / "results.sqlite", ResultsReader(tmp_path / "results.sqlite")
    find(path, tmp_path / "one", BEFORE, START_MS, None)
    first = {row.campaign_id for row in reader.clusters().items}
    assert len(first) == 2
    assert None in first
    find(path, tmp_path / "two", AFTER, START_MS + DAY_MS, reader)
    assert {row.campaign_id for row in reader.clusters().items} == first - {None}


def test_results_of_another_version_are_refused_and_replaced(tmp_path: Path) -> None:
    path, reader = tmp_path / "results.sqlite", ResultsReader(tmp_path / "results.sqlite")
    assert not reader.current()
    find(path, tmp_path / "one", BEFORE, START_MS, None)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    older = ResultsReader(path)
    assert not older.current()
    with pytest.raises(NotFound, match=r"another version.*graphsvc detect"):
        older.run()
    find(path, tmp_path / "two", BEFORE, START_MS, None)
    assert older.current()
    assert len(list((tmp_path / "results.packs").iterdir())) == 1
