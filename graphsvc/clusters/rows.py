"""What is read of a detection run, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EventName = Literal[
    "born",
    "grew",
    "shrank",
    "split_from",
    "split_into",
    "merged_into",
    "absorbed",
    "closed",
    "reopened",
    "succeeds",
    "succeeded_by",
]


@dataclass(frozen=True)
class ClusterRow:
    """One cluster; `confirmed` counts its accounts that a label calls abusive. `ordinal` is its number in the run."""

    id: str
    kind: str
    probability: float
    probability_low: float
    probability_high: float
    size: int
    confirmed: int
    status: str
    first_seen_ms: int
    last_activity_ms: int
    growth_24h: int
    campaign_id: str | None
    ordinal: int


@dataclass(frozen=True)
class EvidenceRow:
    """One piece of evidence, or of counter-evidence; `outside` counts accounts that are not members."""

    identifier_type: str
    identifier_id: str
    text: str
    bits: float
    accounts: int
    outside: int
    first_ms: int
    last_ms: int
    counter: bool


@dataclass(frozen=True)
class AccountRow:
    """`strength`: how firmly it belongs to its cluster, 0 to 1; None outside clusters, or where it was not measured."""

    account_id: str
    probability: float
    cluster_id: str | None
    strength: float | None


@dataclass(frozen=True)
class EventRow:
    """One event of a cluster's history, seen by the run as of `at_ms`. `other` is another cluster's id, or empty."""

    at_ms: int
    event: EventName
    other: str
    accounts: int
    size: int
    since_ms: int
    bits: float


@dataclass(frozen=True)
class CampaignLink:
    """A cluster that another is joined to, and by what."""

    cluster_id: str
    kind: str
    probability: float
    size: int
    bits: float
    reason: str


@dataclass(frozen=True)
class Totals:
    """How much the run looked at and found."""

    accounts: int
    clusters: int


@dataclass(frozen=True)
class ClusterFilter:
    """What to list. `identifier` is type and id, as evidence shows them."""

    kind: str | None = None
    status: str | None = None
    min_probability: float | None = None
    min_size: int | None = None
    identifier: tuple[str, str] | None = None
    campaign: str | None = None


EVERYTHING = ClusterFilter()


@dataclass(frozen=True)
class Page:
    """`next_cursor` is None on the last page."""

    items: list[ClusterRow]
    next_cursor: str | None
