"""Decisions on clusters by HTTP: what is sent, what it means for accounts, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from graphsvc.api.answers import rfc3339
from graphsvc.cases.decisions import Action
from graphsvc.cases.relations import Pair, merged, split
from graphsvc.cases.shown import ShownDecision
from graphsvc.clusters.results import AccountRow, ResultsReader
from graphsvc.errors import NotFound
from graphsvc.events.check import Rejected, converted
from graphsvc.events.types import Id

PARTS_MAX = 100
INNOCENT = 0.5
"""A probability of abuse below which an account rather looks innocent."""
Note = Annotated[str, Meta(min_length=1, max_length=2000)]
Accounts = Annotated[list[Id], Meta(min_length=1)]


class SplitDecision(Struct, frozen=True, tag_field="action", tag="split", forbid_unknown_fields=True):
    """Accounts of the cluster that do not belong together: those of one part do, those of two parts do not. Members
    that no part names go where the evidence puts them."""

    parts: Annotated[list[Accounts], Meta(min_length=2, max_length=PARTS_MAX)]
    note: Note | UnsetType = UNSET


class MergeDecision(Struct, frozen=True, tag_field="action", tag="merge", forbid_unknown_fields=True):
    """The cluster's accounts belong together with those of another cluster, or with these: one of the two is given."""

    cluster_id: Id | UnsetType = UNSET
    accounts: Accounts | UnsetType = UNSET
    note: Note | UnsetType = UNSET


class NoteDecision(Struct, frozen=True, tag_field="action", tag="note", forbid_unknown_fields=True):
    """Something worth knowing of the cluster, which changes nothing."""

    note: Note


DecisionBody = SplitDecision | MergeDecision | NoteDecision
BODIES: dict[str, type[SplitDecision] | type[MergeDecision] | type[NoteDecision]] = {
    "split": SplitDecision,
    "merge": MergeDecision,
    "note": NoteDecision,
}


class DecidedPart(Struct, frozen=True):
    """Accounts that belong together: how many, and the first of them."""

    size: int
    accounts: list[str]


class ClusterDecision(Struct, frozen=True):
    """`parts`: accounts of one part belong together, those of two parts do not. `other_cluster_id`: of a merge with
    another cluster. `decided_by` and `undone_by`: names of keys. An undone decision stays listed and counts for looks
    at the time in which it stood. `pending`: it was made or undone since the last detection, so that clusters do not
    follow it yet."""

    id: str
    action: Action
    cluster_id: str
    other_cluster_id: str | None
    note: str
    parts: list[DecidedPart]
    decided_at: str
    decided_by: str
    undone_at: str | None
    undone_by: str | None
    pending: bool


class ClusterDecisionPage(Struct, frozen=True):
    items: list[ClusterDecision]
    next_cursor: str | None


class Collateral(Struct, frozen=True):
    """Whom a decision touches: `accounts` that it names; `rather_innocent` of them had a probability of abuse below one
    half in the last detection; `not_named` members of the cluster are left to the evidence."""

    accounts: int
    rather_innocent: int
    not_named: int


class DecisionMade(Struct, frozen=True):
    """`takes_effect`: clusters follow the decision from the next detection on (the worker's, or graphsvc detect); null
    for a note, which changes none."""

    decision: ClusterDecision
    collateral: Collateral
    takes_effect: Literal["next_detection"] | None


@dataclass(frozen=True)
class Meaning:
    """What a decision says of which accounts; `other` is the cluster that a merge names."""

    action: Action
    pairs: list[Pair]
    collateral: Collateral
    other: str | None = None


def read(body: object) -> DecisionBody:
    """Raises Rejected with a JSON pointer."""
    if not isinstance(body, dict):
        raise Rejected("invalid", "Expected a JSON object with one decision.")
    action = body.get("action")
    kind = BODIES.get(action) if isinstance(action, str) else None
    if kind is None:
        raise Rejected(
            "invalid",
            f"An action is one of {', '.join(BODIES)}. To confirm or clear accounts send labels: POST /v1/labels.",
            "/action",
        )
    return converted(body, kind)


def meaning(given: DecisionBody, cluster_id: str, results: ResultsReader, seen: Callable[[str], bool]) -> Meaning:
    """What a decision on a cluster says. `seen` knows accounts that the last detection has not seen. Raises NotFound
    for a cluster that is none, Rejected with a pointer to what is wrong."""
    results.cluster(cluster_id)
    members = results.members(cluster_id)
    if isinstance(given, SplitDecision):
        return _split(given, members)
    if isinstance(given, MergeDecision):
        return _merge(given, cluster_id, members, results, seen)
    return Meaning("note", [], Collateral(0, 0, len(members)))


def answer(shown: ShownDecision) -> ClusterDecision:
    one = shown.decision
    return ClusterDecision(
        id=one.id,
        action=one.action,
        cluster_id=one.cluster_id,
        other_cluster_id=one.other,
        note=one.note,
        parts=[DecidedPart(part.size, list(part.accounts)) for part in shown.parts],
        decided_at=rfc3339(one.decided_ms),
        decided_by=shown.decided_by,
        undone_at=None if one.undone_ms is None else rfc3339(one.undone_ms),
        undone_by=shown.undone_by,
        pending=shown.pending,
    )


def _split(given: SplitDecision, members: list[AccountRow]) -> Meaning:
    here = {member.account_id: member for member in members}
    named: list[AccountRow] = []
    for i, part in enumerate(given.parts):
        for j, account in enumerate(part):
            member = here.pop(account, None)
            if member is None:
                message = "This account is named before, or is not a member of the cluster."
                raise Rejected("invalid", message, f"/parts/{i}/{j}")
            named.append(member)
    return Meaning("split", split(given.parts), _collateral(named, len(named), len(here)))


def _merge(
    given: MergeDecision,
    cluster_id: str,
    members: list[AccountRow],
    results: ResultsReader,
    seen: Callable[[str], bool],
) -> Meaning:
    if isinstance(given.cluster_id, str) and given.accounts is UNSET:
        other = given.cluster_id
        joining: list[AccountRow | str] = [*_of_cluster(other, cluster_id, results)]
    elif given.cluster_id is UNSET and not isinstance(given.accounts, UnsetType):
        other = None
        joining = [_of_account(place, one, results, seen) for place, one in enumerate(given.accounts)]
    else:
        raise Rejected("invalid", "A merge names either cluster_id or accounts.")
    rows = {row.account_id: row for row in (*members, *joining) if isinstance(row, AccountRow)}
    named = {*rows, *(one for one in joining if isinstance(one, str))}
    return Meaning("merge", merged(named), _collateral(list(rows.values()), len(named), 0), other)


def _of_cluster(other: str, cluster_id: str, results: ResultsReader) -> list[AccountRow]:
    if other == cluster_id:
        raise Rejected("invalid", "Another cluster is expected here.", "/cluster_id")
    try:
        results.cluster(other)
    except NotFound as error:
        raise Rejected("invalid", str(error), "/cluster_id") from None
    return results.members(other)


def _of_account(place: int, account_id: str, results: ResultsReader, seen: Callable[[str], bool]) -> AccountRow | str:
    """The account as the last detection saw it; its id alone where it is younger."""
    try:
        return results.account(account_id)
    except NotFound:
        if not seen(account_id):
            raise Rejected("invalid", "No event of this account was seen.", f"/accounts/{place}") from None
        return account_id


def _collateral(rows: Sequence[AccountRow], accounts: int, not_named: int) -> Collateral:
    return Collateral(accounts, sum(row.probability < INNOCENT for row in rows), not_named)
