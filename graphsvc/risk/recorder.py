"""Appending from many threads at once: those that wait for the disk share one flush (group commit, DeWitt 1984)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from graphsvc.errors import Locked
from graphsvc.ledger.base import Draft, Ledger, Outcome


@dataclass
class _Waiting:
    draft: Draft
    outcome: Outcome | None = None
    error: Exception | None = None


class Recorder:
    """Every append is on disk when it returns."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._flush = threading.Lock()
        self._queue = threading.Lock()
        self._waiting: list[_Waiting] = []

    def append(self, draft: Draft) -> Outcome:
        """Raises what the ledger raises of this draft."""
        mine = _Waiting(draft)
        with self._queue:
            self._waiting.append(mine)
        with self._flush:
            if mine.outcome is None and mine.error is None:
                self._append_all()
        if mine.error is not None:
            raise mine.error
        assert mine.outcome is not None
        return mine.outcome

    def _append_all(self) -> None:
        with self._queue:
            batch, self._waiting = self._waiting, []
        try:
            self._append(batch)
        except Locked as error:
            _refuse(batch, error)
        except Exception:
            # One of them may be the cause, and must not fail the others.
            self._append_each(batch)

    def _append_each(self, batch: Sequence[_Waiting]) -> None:
        for place, one in enumerate(batch):
            try:
                self._append([one])
            except Locked as error:
                _refuse(batch[place:], error)
                return
            except Exception as error:
                one.error = error

    def _append(self, batch: Sequence[_Waiting]) -> None:
        done = self._ledger.append([one.draft for one in batch])
        for one, outcome in zip(batch, done.outcomes, strict=True):
            one.outcome = outcome


def _refuse(batch: Sequence[_Waiting], error: Locked) -> None:
    """A locked ledger refuses everyone: to ask again for each would add up their waits."""
    for one in batch:
        one.error = error
