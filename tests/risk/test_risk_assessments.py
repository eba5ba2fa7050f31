"""Assessments are remembered from the first moment, and never at the price of waiting."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from graphsvc.cases.assessments import DROPPED, QUEUE_MAX, AssessmentLog, AssessmentRow, AssessmentStore
from graphsvc.errors import NotFound


def row(name: str, made_ms: int = 2**41) -> AssessmentRow:
    return AssessmentRow(name, "a", "signup", 0.5, "medium", "review", "m", "1", "", made_ms)


def test_found_before_and_after_it_is_written(tmp_path: Path) -> None:
    store = AssessmentStore(tmp_path / "cases.sqlite")
    log = AssessmentLog(store)
    log.add(row("x"))
    assert log.find("x") == row("x")
    with pytest.raises(NotFound):
        store.find("x")
    log.start()
    log.stop()
    assert store.find("x") == log.find("x") == row("x")


def test_a_full_queue_drops_and_counts(tmp_path: Path) -> None:
    log = AssessmentLog(AssessmentStore(tmp_path / "cases.sqlite"))
    before = DROPPED._value.get()
    for place in range(QUEUE_MAX + 3):
        log.add(row(f"x{place}"))
    assert DROPPED._value.get() - before == 3
    with pytest.raises(NotFound):
        log.find(f"x{QUEUE_MAX}")
    log.start()
    log.stop()
    assert log.find("x0") == row("x0")


def test_a_locked_database_does_not_lose_what_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphsvc.cases.database.BUSY_S", 0.05)
    monkeypatch.setattr("graphsvc.cases.assessments.RETRY_S", 0.05)
    path = tmp_path / "cases.sqlite"
    store = AssessmentStore(path)
    store.forget(0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    log = AssessmentLog(store)
    log.start()
    log.add(row("x"))
    assert log.find("x") == row("x")
    other.execute("ROLLBACK")
    other.close()
    log.stop()
    assert log.find("x") == row("x")


def test_old_ones_are_forgotten_and_outcomes_kept_once(tmp_path: Path) -> None:
    store = AssessmentStore(tmp_path / "cases.sqlite")
    store.keep([row("old", 1), row("new", 5)])
    store.forget(5)
    with pytest.raises(NotFound):
        store.find("old")
    assert store.find("new").made_ms == 5
    store.add_outcome("new", "abandoned", 7)
    store.add_outcome("new", "abandoned", 8)
    store.add_outcome("new", "abusive", 9)
    assert store.outcomes("new") == ["abandoned", "abusive"]
