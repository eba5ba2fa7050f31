"""Stable ids: a cluster keeps the id of the old cluster that most of its members come from, and so do campaigns."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from graphsvc.clusters.lifecycle import OVERLAP_MIN
from graphsvc.clusters.reader import ResultsReader

NAMING_MEMBERS = 8

Int32s = npt.NDArray[np.int32]


def stable_ids(
    previous: ResultsReader | None, account_ids: Sequence[str], clusters: Int32s, as_of_ms: int
) -> list[str]:
    """Id of each cluster ordinal. The largest overlaps (of at least two accounts) choose first, and an old id goes to
    one cluster only; any other cluster gets an id made of its members and the moment, the same in every run. A cluster
    that had fallen apart gets its id back when its accounts come together again."""
    if previous is None:
        return _ids({}, set(), _members(account_ids, clusters), as_of_ms, "c")
    old = previous.archived_members() | previous.memberships()
    return _ids(old, previous.archived_ids(), _members(account_ids, clusters), as_of_ms, "c")


def campaign_ids(
    previous: ResultsReader | None, account_ids: Sequence[str], clusters: Int32s, campaigns: Int32s, as_of_ms: int
) -> list[str | None]:
    """Campaign id of each cluster ordinal, None for those in none; `campaigns` int32[C] has campaign ordinals or -1. A
    campaign keeps its id as a cluster does."""
    of_account = np.append(campaigns, np.int32(-1))[clusters].astype(np.int32)
    old = previous.campaign_members() if previous is not None else {}
    ids: list[str | None] = [*_ids(old, set(), _members(account_ids, of_account), as_of_ms, "p"), None]
    return [ids[campaign] for campaign in campaigns.tolist()]


def _ids(old: dict[str, str], used: set[str], members: list[list[str]], as_of_ms: int, letter: str) -> list[str]:
    """`used` ids are given to nobody new."""
    kept = _kept(old, members)
    taken = used | set(kept.values())
    ids: list[str] = []
    for ordinal, accounts in enumerate(members):
        ids.append(kept.get(ordinal) or _fresh(accounts, as_of_ms, taken, letter))
        taken.add(ids[-1])
    return ids


def _members(account_ids: Sequence[str], clusters: Int32s) -> list[list[str]]:
    count = int(clusters.max(initial=-1)) + 1
    members: list[list[str]] = [[] for _ in range(count)]
    for row in np.flatnonzero(clusters >= 0).tolist():
        members[clusters[row]].append(account_ids[row])
    return [sorted(accounts) for accounts in members]


def _kept(old: dict[str, str], members: list[list[str]]) -> dict[int, str]:
    overlap: dict[tuple[int, str], int] = {}
    for ordinal, accounts in enumerate(members):
        for account in accounts:
            if account in old:
                key = (ordinal, old[account])
                overlap[key] = overlap.get(key, 0) + 1
    kept: dict[int, str] = {}
    given: set[str] = set()
    order = sorted(overlap.items(), key=lambda one: (-one[1], one[0][1], members[one[0][0]][0]))
    for (ordinal, cluster_id), count in order:
        if count >= OVERLAP_MIN and ordinal not in kept and cluster_id not in given:
            kept[ordinal] = cluster_id
            given.add(cluster_id)
    return kept


def _fresh(accounts: list[str], as_of_ms: int, taken: set[str], letter: str) -> str:
    text = "\0".join([*accounts[:NAMING_MEMBERS], str(as_of_ms)])
    attempt = 0
    while True:
        digest = blake2b(f"{text}\0{attempt}".encode(), digest_size=10).digest()
        cluster_id = letter + base64.b32encode(digest).decode().lower()
        if cluster_id not in taken:
            return cluster_id
        attempt += 1
