"""A cluster's history in plain words."""

from __future__ import annotations

from datetime import UTC, datetime

from graphsvc.clusters.rows import EventRow

TEXTS = {
    "born": "First seen as a cluster, of {size} accounts.",
    "split_from": "Split off from {other}: {accounts} of its {size} accounts were there.",
    "split_into": "{accounts} accounts went to the new cluster {other}.",
    "grew": "{accounts} accounts joined; it has {size} now.",
    "shrank": "{accounts} accounts left; it has {size} now.",
    "merged_into": "Became part of {other}: {accounts} of its {size} accounts went there.",
    "absorbed": "Took in {other}: {accounts} of that one's {size} accounts.",
    "reopened": "Active again, with {size} accounts.",
    "succeeds": "Seems to succeed {other}, which was last active on {since}: it has {accounts} of that one's devices, "
    "networks, templates and the like, {bits:.1f} bits together. That is no proof of the same hand.",
    "succeeded_by": "{other} seems to succeed it: that one has {accounts} of its devices, networks, templates and the "
    "like, {bits:.1f} bits together. That is no proof of the same hand.",
}
QUIET = "Counts as closed: none of its {accounts} accounts has acted since {since}."
APART = "Closed: its accounts no longer form a cluster. It was last active on {since}."


def event_text(row: EventRow) -> str:
    """One line for a person."""
    text = TEXTS.get(row.event) or (QUIET if row.accounts else APART)
    since = datetime.fromtimestamp(row.since_ms / 1000, UTC).strftime("%Y-%m-%d")
    line = text.format(other=row.other, accounts=f"{row.accounts:,}", size=f"{row.size:,}", since=since, bits=row.bits)
    return f"1 account {line.removeprefix('1 accounts ')}" if line.startswith("1 accounts ") else line
