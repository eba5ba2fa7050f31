"""The queue: clusters to look at, most suspicious first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import flask
import msgspec
from msgspec import Meta, Struct

from graphsvc.clusters.reader import SortKey
from graphsvc.clusters.results import ClusterFilter, ClusterRow, EvidenceRow, ResultsReader
from graphsvc.clusters.verdict import cluster_verdict
from graphsvc.errors import BadInput
from graphsvc.ui import drift
from graphsvc.ui.parts import Parts
from graphsvc.ui.words import KINDS

PAGE = 25
SUSPICIOUS = 0.5
"""A cluster's probability is that of being abusive; from here on it is more likely than not."""

SORTS: dict[SortKey, str] = {
    "probability": "Probability",
    "size": "Size",
    "last_activity": "Last activity",
    "growth": "Growth in 24 hours",
}
STATUSES = ("open", "confirmed", "dismissed")
FLOORS = (0.5, 0.7, 0.9, 0.99)


class Wish(Struct, frozen=True, omit_defaults=True):
    """What the address asks for. `innocent`: also clusters that are rather innocent; `identifier`: type:id."""

    kind: str | None = None
    status: str | None = None
    min_probability: Annotated[float, Meta(ge=0, le=1)] | None = None
    min_size: Annotated[int, Meta(ge=1, le=10**12)] | None = None
    identifier: str | None = None
    campaign: str | None = None
    innocent: bool = False
    sort: SortKey = "probability"
    cursor: str | None = None

    @property
    def filtered(self) -> bool:
        return any((self.kind, self.status, self.min_probability, self.min_size, self.identifier, self.campaign))

    @property
    def shows_innocent(self) -> bool:
        """Who asks for an innocent kind by name wants to see it."""
        return self.innocent or (self.kind in KINDS and not KINDS[self.kind].abusive)

    def address(self, **changes: object) -> str:
        """The queue's address for this wish with changes, from its first page unless a cursor is given."""
        asked = {name: value for name, value in msgspec.to_builtins(self).items() if name != "cursor"} | changes
        if asked.get("innocent"):
            asked["innocent"] = 1
        kept = {name: value for name, value in asked.items() if value not in (None, False)}
        return flask.url_for("pages.queue", **kept)


@dataclass(frozen=True)
class Entry:
    """`unknown`: the model cannot tell the cluster."""

    cluster: ClusterRow
    first: EvidenceRow | None
    unknown: bool


def page(parts: Parts) -> str:
    """The queue, or what to do where no detection has run."""
    results = parts.results
    if not results.exists():
        return flask.render_template("empty.html")
    wish = _wish(flask.request.args)
    found = results.clusters(_filter(wish), wish.sort, wish.cursor, PAGE)
    return flask.render_template(
        "queue.html",
        wish=wish,
        run=results.run(),
        totals=results.totals(),
        entries=[_entry(results, row) for row in found.items],
        following=found.next_cursor,
        kinds=KINDS,
        statuses=STATUSES,
        floors=FLOORS,
        sorts=SORTS,
        alarms=drift.alarms(parts.drift),
    )


def _wish(given: Mapping[str, str]) -> Wish:
    """Raises BadInput for a value that the queue does not take; a field left empty asks for nothing."""
    try:
        return msgspec.convert({name: value for name, value in given.items() if value}, Wish, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"The queue cannot show this: {error}.", hint="Correct the address, or begin anew.") from None


def _filter(wish: Wish) -> ClusterFilter:
    floor = wish.min_probability
    if not wish.shows_innocent:
        floor = max(SUSPICIOUS, floor or 0.0)
    identifier = _identifier(wish.identifier)
    return ClusterFilter(wish.kind, wish.status, floor, wish.min_size, identifier, wish.campaign)


def _identifier(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    kind, _, value = text.partition(":")
    return kind, value


def _entry(results: ResultsReader, row: ClusterRow) -> Entry:
    first: list[Any] = results.evidence(row.id, 1)
    unknown = cluster_verdict(row.probability, row.probability_low, row.probability_high) == "unknown"
    return Entry(row, first[0] if first else None, unknown)
