"""Stable cluster ids: a cluster keeps the id of the old cluster that most of its members come from."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from graphsvc.clusters.reader import ResultsReader

OVERLAP_MIN = 2
NAMING_MEMBERS = 8

Int32s = npt.NDArray[np.int32]


def stable_ids(
    previous: ResultsReader | None, account_ids: Sequence[str], clusters: Int32s, as_of_ms: int
) -> list[str]:
    """Id of each cluster ordinal. The largest overlaps (of at least two accounts) choose first, and an old id goes to
    one cluster only; any other cluster gets an id made of its members and the moment, the same in every run."""
    members = _members(account_ids, clusters)
    kept = _kept(previous.memberships(), members) if previous is not None else {}
    taken = set(kept.values())
    ids: list[str] = []
    for ordinal, accounts in enumerate(members):
        ids.append(kept.get(ordinal) or _fresh(accounts, as_of_ms, taken))
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


def _fresh(accounts: list[str], as_of_ms: int, taken: set[str]) -> str:
    text = "\0".join([*accounts[:NAMING_MEMBERS], str(as_of_ms)])
    attempt = 0
    while True:
        digest = blake2b(f"{text}\0{attempt}".encode(), digest_size=10).digest()
        cluster_id = "c" + base64.b32encode(digest).decode().lower()
        if cluster_id not in taken:
            return cluster_id
        attempt += 1
