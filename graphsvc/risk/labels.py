"""Where each account stands by what people decided and by enforcement, as the model sees it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from graphsvc.events.record import LabelRecord
from graphsvc.risk.keys import SEED, account_key

CONFIRMED = 0.5
"""A label of this confidence or more confirms."""


class Standing(NamedTuple):
    """`bad` and `good` in 0..1: how sure it is that the account is abusive, or innocent."""

    bad: float = 0.0
    good: float = 0.0

    @property
    def abusive(self) -> bool:
        return self.bad >= CONFIRMED

    @property
    def benign(self) -> bool:
        return self.good >= CONFIRMED

    def since(self, old: Standing) -> Standing:
        """How it changed."""
        return Standing(self.bad - old.bad, self.good - old.good)


NEUTRAL = Standing()


class _Decision(NamedTuple):
    """Orders as labels prevail over each other: by confidence, of equals the one decided last. `order`: that of the
    label among those of its source."""

    confidence: float
    decided_ms: int
    source: str
    abusive: bool
    order: tuple[int, str, str, str, float]


class LabelBook:
    """The labels in force, by account key under `seed`; of one account and source the one decided last replaces the
    others."""

    def __init__(self, seed: int = SEED) -> None:
        self.seed = seed
        self._decisions: dict[int, dict[str, _Decision]] = {}

    def add(self, labels: Iterable[LabelRecord]) -> set[int]:
        """Takes labels in, and returns the keys of the accounts concerned."""
        return {self._add(label) for label in labels}

    def accounts(self) -> list[int]:
        """Keys of all labelled accounts."""
        return list(self._decisions)

    def __contains__(self, account: int) -> bool:
        return account in self._decisions

    def standing(self, account: int, *, banned: bool) -> Standing:
        """A ban confirms abuse unless a label says that the account is innocent."""
        best = max(self._decisions.get(account, {}).values(), default=None)
        if best is not None and not best.abusive and best.confidence > 0:
            return Standing(0.0, best.confidence)
        labelled = best.confidence if best is not None else 0.0
        return Standing(1.0 if banned else labelled)

    def _add(self, label: LabelRecord) -> int:
        key = account_key(label.account_id, self.seed)
        decision = _Decision(label.confidence, label.decided_ms, label.source, label.verdict == "abusive", label.order)
        by_source = self._decisions.setdefault(key, {})
        known = by_source.get(label.source)
        if known is None or known.order <= label.order:
            by_source[label.source] = decision
        return key
