"""What every ledger offers. The ledger is append-only and is the truth; all else is a projection of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from graphsvc.events.record import LabelRecord, Record


class Outcome(Enum):
    """What became of one record that was offered for appending."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Draft:
    """A record to append. `digest` (16 bytes) is the keyed hash of the event's content, by which a duplicate is told
    from a conflict."""

    record: Record
    digest: bytes


@dataclass(frozen=True, slots=True)
class Appended:
    """One outcome per draft, in order, and the offset of the last record in the ledger."""

    outcomes: tuple[Outcome, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A record at its offset. Offsets grow by one from 1 and never change."""

    offset: int
    record: Record


@dataclass(frozen=True, slots=True)
class StoredLabel:
    offset: int
    label: LabelRecord


class Appends(Protocol):
    def append(self, drafts: Sequence[Draft]) -> Appended:
        """Appends what is new, in one transaction that is on disk when this returns."""


class Ledger(Appends, Protocol):
    def append_labels(self, labels: Sequence[LabelRecord]) -> int:
        """Appends the labels that are new (the same label again changes nothing). Returns how many were new."""

    def read(self, after: int, limit: int) -> list[Stored]:
        """Up to `limit` records with offsets above `after`, in order."""

    def scan(self, after: int = 0, batch: int = 50_000) -> Iterator[list[Stored]]:
        """All records above `after` up to the end as it is now, in batches."""

    def labels(self, as_of_ms: int | None = None) -> list[StoredLabel]:
        """Labels decided by `as_of_ms` (all where None), oldest offset first, replaced ones included."""

    def labels_after(self, offset: int) -> list[StoredLabel]:
        """Labels with offsets above `offset`, in order."""

    def offset(self) -> int:
        """Offset of the last record; 0 where the ledger is empty."""

    def label_offset(self) -> int:
        """Offset of the last label; 0 where there is none."""

    def close(self) -> None: ...
