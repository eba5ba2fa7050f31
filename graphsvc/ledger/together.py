"""Group commit (DeWitt 1984): what several threads offer while one writes is written by the next one, all at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from graphsvc.errors import Locked
from graphsvc.ledger.base import Appended, Draft

Waiting = Callable[[], "list[Sequence[Draft]]"]
Write = Callable[[Waiting, float], list[Appended]]
"""Writes all batches that it is given, in one transaction, once nobody else writes; raises Locked where that is not so
by a moment of the monotonic clock, before it asked for them."""


@dataclass(eq=False, slots=True)
class _Offer:
    """A batch, and what became of it."""

    drafts: Sequence[Draft]
    done: Appended | None = None
    error: Exception | None = None

    @property
    def over(self) -> bool:
        return self.done is not None or self.error is not None


class Together:
    """`lock` is held by who writes."""

    def __init__(self, lock: threading.Lock, write: Write) -> None:
        self._lock, self._write = lock, write
        self._offering = threading.Lock()
        self._offers: list[_Offer] = []

    def append(self, drafts: Sequence[Draft], wait_s: float) -> Appended:
        """Raises Locked where it was nobody's turn to write this batch within `wait_s`."""
        offer, deadline_s = _Offer(drafts), time.monotonic() + wait_s
        with self._offering:
            self._offers.append(offer)
        with self._turn(offer, wait_s):
            if not offer.over:
                self._append_all(offer, deadline_s)
        if offer.error is not None:
            raise offer.error
        assert offer.done is not None
        return offer.done

    @contextmanager
    def _turn(self, offer: _Offer, wait_s: float) -> Iterator[None]:
        if not self._lock.acquire(timeout=wait_s):
            if self._withdrawn(offer):
                raise locked()
            # Somebody writes it at this moment.
            self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def _append_all(self, own: _Offer, deadline_s: float) -> None:
        taken: list[_Offer] = []

        def take() -> list[Sequence[Draft]]:
            with self._offering:
                taken.extend(self._offers)
                self._offers.clear()
            return [offer.drafts for offer in taken]

        try:
            appended = self._write(take, deadline_s)
            for offer, done in zip(taken, appended, strict=True):
                offer.done = done
        except Exception as error:
            if len(taken) > 1:
                self._append_each(taken, deadline_s)
            else:
                self._withdrawn(own)
                own.error = error
        finally:
            # An interrupt came between: whoever waits next writes the others.
            with self._offering:
                self._offers[:0] = [offer for offer in taken if not offer.over and offer is not own]

    def _append_each(self, offers: Sequence[_Offer], deadline_s: float) -> None:
        """One of them may be the cause, and must not hold up the others."""
        for offer in offers:
            try:
                (offer.done,) = self._write(lambda offer=offer: [offer.drafts], deadline_s)  # type: ignore[misc]
            except Exception as error:
                offer.error = error

    def _withdrawn(self, offer: _Offer) -> bool:
        """Whether nobody had taken it yet."""
        with self._offering:
            waiting = offer in self._offers
            if waiting:
                self._offers.remove(offer)
        return waiting


def locked() -> Locked:
    return Locked("The ledger is locked by another process.", hint="Wait for it, or stop it.")
