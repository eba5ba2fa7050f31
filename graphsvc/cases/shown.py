"""Decisions as people read them: who made each, what it says of whom, and whether clusters follow it already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphsvc.cases.decisions import Decision, DecisionStore
from graphsvc.cases.keys import KeyStore
from graphsvc.cases.relations import parts_of

SHOWN_MAX = 20
"""Accounts of a part that are named; a merge of two clusters may have a hundred thousand."""


@dataclass(frozen=True)
class Part:
    """Accounts that a decision says are of one hand: how many, and the first of them."""

    size: int
    accounts: tuple[str, ...]


@dataclass(frozen=True)
class ShownDecision:
    """`parts` lie apart from each other. `decided_by` and `undone_by` are names of keys. `pending`: it was made or
    undone since the last detection, so that the clusters shown do not follow it yet."""

    decision: Decision
    parts: tuple[Part, ...]
    decided_by: str
    undone_by: str | None
    pending: bool


@dataclass(frozen=True)
class DecisionReader:
    """Reads decisions with the names of those who made them."""

    store: DecisionStore
    keys: KeyStore

    def shown(self, decisions: Sequence[Decision], as_of_ms: int, detected_ms: int) -> list[ShownDecision]:
        """These decisions beside a detection as of `as_of_ms` that was done at `detected_ms`."""
        names = {key.id: key.name for key in self.keys.list()}
        seen_ms = min(as_of_ms, detected_ms - 1)
        return [self._shown(one, names, seen_ms) for one in decisions]

    def _shown(self, decision: Decision, names: dict[str, str], seen_ms: int) -> ShownDecision:
        parts = parts_of(self.store.pairs_of(decision.id))
        undone_by = None if decision.undone_by is None else names.get(decision.undone_by, decision.undone_by)
        return ShownDecision(
            decision=decision,
            parts=tuple(Part(len(part), tuple(part[:SHOWN_MAX])) for part in parts),
            decided_by=names.get(decision.decided_by, decision.decided_by),
            undone_by=undone_by,
            pending=bool(parts) and max(decision.decided_ms, decision.undone_ms or 0) > seen_ms,
        )
