"""Assessments remembered, so that what became of an account can be told by the id of its assessment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from graphsvc.cases.database import CasesDatabase
from graphsvc.errors import NotFound

KEPT_MS = 30 * 24 * 3600 * 1000
SCHEMA = """
CREATE TABLE IF NOT EXISTS assessments (
    id TEXT PRIMARY KEY, account_id TEXT NOT NULL, event_type TEXT NOT NULL, probability REAL NOT NULL,
    risk_level TEXT NOT NULL, recommended_action TEXT NOT NULL, model_version TEXT NOT NULL,
    policy_version TEXT NOT NULL, degraded_reasons TEXT NOT NULL, made_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS assessments_made ON assessments (made_ms);
CREATE TABLE IF NOT EXISTS assessment_outcomes (
    assessment_id TEXT NOT NULL, outcome TEXT NOT NULL, told_ms INTEGER NOT NULL,
    PRIMARY KEY (assessment_id, outcome)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS assessment_facts (
    assessment_id TEXT PRIMARY KEY, channel TEXT NOT NULL, listed TEXT NOT NULL, graded_action TEXT NOT NULL,
    held_out INTEGER NOT NULL, shadow_actions TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
"""Most assessments have none of these facts, and then no row of them."""
FACTS = ("", "", "", 0, "{}")
PLAIN = 10
"""So many fields of a row come before those facts."""
QUERY = """
    SELECT a.*, coalesce(f.channel, ''), coalesce(f.listed, ''), coalesce(f.graded_action, ''),
        coalesce(f.held_out, 0), coalesce(f.shadow_actions, '{}')
    FROM assessments AS a LEFT JOIN assessment_facts AS f ON f.assessment_id = a.id
"""


@dataclass(frozen=True)
class AssessmentRow:
    """`degraded_reasons` are separated by spaces; `event_type` is "account" where there was no event.

    `channel` is the event's; `listed` names the lists that counted (allow or block, and watch), separated by spaces;
    `graded_action` is the policy's before lists and holdout, "" where that is what was recommended; `held_out` is 1
    where the account was let through to measure false positives; `shadow_actions` is a JSON object of the actions that
    shadow rules would have graded, by their names.
    """

    id: str
    account_id: str
    event_type: str
    probability: float
    risk_level: str
    recommended_action: str
    model_version: str
    policy_version: str
    degraded_reasons: str
    made_ms: int
    channel: str = ""
    listed: str = ""
    graded_action: str = ""
    held_out: int = 0
    shadow_actions: str = "{}"


class AssessmentStore:
    """Assessments of the last 30 days, and all outcomes."""

    def __init__(self, path: Path) -> None:
        self._database = CasesDatabase(path, SCHEMA)

    def keep(self, rows: Sequence[AssessmentRow]) -> None:
        """All of them in one transaction."""
        values = [astuple(row) for row in rows]
        facts = [(one[0], *one[PLAIN:]) for one in values if one[PLAIN:] != FACTS]
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO assessments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [one[:PLAIN] for one in values],
            )
            connection.executemany("INSERT OR IGNORE INTO assessment_facts VALUES (?, ?, ?, ?, ?, ?)", facts)

    def forget(self, before_ms: int) -> None:
        """Removes the assessments made before a moment."""
        with self._database.transaction() as connection:
            query = "DELETE FROM assessment_facts WHERE assessment_id IN (SELECT id FROM assessments WHERE made_ms < ?)"
            connection.execute(query, (before_ms,))
            connection.execute("DELETE FROM assessments WHERE made_ms < ?", (before_ms,))

    def history(self, since_ms: int, until_ms: int) -> Iterator[AssessmentRow]:
        """The assessments remembered from one moment on and before another, oldest first."""
        query = f"{QUERY} WHERE made_ms >= ? AND made_ms < ? ORDER BY made_ms, id"
        for row in self._database.run(query, (since_ms, until_ms)):
            yield AssessmentRow(*row)

    def find(self, assessment_id: str) -> AssessmentRow:
        """Raises NotFound, and Unavailable where the database cannot be read now."""
        row = self._database.run(f"{QUERY} WHERE id = ?", (assessment_id,)).fetchone()
        if row is None:
            raise NotFound("There is no assessment of that id.", hint="Assessments are remembered for 30 days.")
        return AssessmentRow(*row)

    def add_outcome(self, assessment_id: str, outcome: str, told_ms: int) -> int:
        """Returns when this outcome was first told: the same again changes nothing."""
        self._database.run(
            "INSERT OR IGNORE INTO assessment_outcomes VALUES (?, ?, ?)", (assessment_id, outcome, told_ms)
        )
        return dict(self.told(assessment_id))[outcome]

    def told(self, assessment_id: str) -> list[tuple[str, int]]:
        """Outcomes with the moments in which they were first told, in that order."""
        query = "SELECT outcome, told_ms FROM assessment_outcomes WHERE assessment_id = ? ORDER BY told_ms, outcome"
        return self._database.run(query, (assessment_id,)).fetchall()

    def outcomes(self, assessment_id: str) -> list[str]:
        """Outcomes told, in the order of telling."""
        return [outcome for outcome, _ in self.told(assessment_id)]
