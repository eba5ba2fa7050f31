"""What is remembered of assessments and of what became of them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from graphsvc.cases.assessments import AssessmentRow, AssessmentStore
from graphsvc.errors import NotFound, Unavailable


def row(name: str, made_ms: int = 2**41) -> AssessmentRow:
    return AssessmentRow(name, "a", "signup", 0.5, "medium", "review", "m", "1", "", made_ms)


def facts(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        (count,) = connection.execute("SELECT count(*) FROM assessment_facts").fetchone()
    connection.close()
    return int(count)


def test_an_assessment_is_found_with_all_that_was_kept_and_kept_once(tmp_path: Path) -> None:
    store = AssessmentStore(tmp_path / "cases.sqlite")
    plain = row("plain")
    rich = replace(row("rich"), channel="web", listed="watch", graded_action="deny", held_out=1, shadow_actions="{}")
    shadowed = replace(row("shadowed"), shadow_actions='{"mild": "allow"}')
    for _ in range(2):
        store.keep([plain, rich, shadowed])
    store.keep([replace(rich, held_out=0)])
    assert [store.find(one.id) for one in (plain, rich, shadowed)] == [plain, rich, shadowed]
    assert facts(tmp_path / "cases.sqlite") == 2
    with pytest.raises(NotFound):
        store.find("none")


def test_history_is_that_of_a_time_oldest_first(tmp_path: Path) -> None:
    store = AssessmentStore(tmp_path / "cases.sqlite")
    rows = [row("c", 5), row("a", 9), row("b", 5), replace(row("d", 7), channel="api")]
    store.keep(rows)
    assert [one.id for one in store.history(5, 9)] == ["b", "c", "d"]
    assert list(store.history(7, 8)) == [rows[3]]


def test_old_ones_are_forgotten_and_outcomes_kept_once_with_their_first_moment(tmp_path: Path) -> None:
    store = AssessmentStore(tmp_path / "cases.sqlite")
    store.keep([replace(row("old", 1), channel="web"), replace(row("new", 5), channel="web")])
    store.forget(5)
    with pytest.raises(NotFound):
        store.find("old")
    assert store.find("new").made_ms == 5
    assert facts(tmp_path / "cases.sqlite") == 1
    assert [store.add_outcome("new", "abandoned", told_ms) for told_ms in (7, 8)] == [7, 7]
    assert store.add_outcome("new", "abusive", 9) == 9
    assert store.outcomes("new") == ["abandoned", "abusive"]
    assert store.told("new") == [("abandoned", 7), ("abusive", 9)]


def test_a_database_without_these_facts_gains_them(tmp_path: Path) -> None:
    path = tmp_path / "cases.sqlite"
    AssessmentStore(path).keep([row("before")])
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE assessment_facts")
    connection.close()
    store = AssessmentStore(path)
    assert store.find("before") == row("before")
    store.keep([replace(row("after"), held_out=1)])
    assert store.find("after").held_out == 1


def test_a_locked_database_refuses_in_bounded_time_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphsvc.cases.database.BUSY_S", 0.05)
    path = tmp_path / "cases.sqlite"
    store = AssessmentStore(path)
    store.keep([row("before")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for call in (lambda: store.keep([row("x")]), lambda: store.add_outcome("x", "abusive", 1)):
        with pytest.raises(Unavailable):
            call()
    assert store.find("before") == row("before")
    other.execute("ROLLBACK")
    other.close()
    store.keep([row("x")])
    assert store.find("x") == row("x")
