"""The network as the last detection saw it, as arrays: what each identifier says of those who have it.

For each identifier the accounts are counted and their probabilities, labels and clusters summed up once, so that an
answer costs the same for a card of two accounts and for the address of a campus.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from graphsvc.links.view import LinkView
from graphsvc.risk.answer import RiskCluster
from graphsvc.risk.keys import ABSENT, Keys64, KeyTable, Rows, account_column_keys, identifier_column_keys
from graphsvc.risk.labels import LabelBook

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Detected:
    """What the last detection said: probability float32[n] of each account of `account_ids`, `cluster` int32[n] the
    place of its cluster in `clusters`, or ABSENT."""

    as_of_ms: int
    account_ids: pa.Array
    probability: Floats
    cluster: Ints
    clusters: tuple[RiskCluster, ...]


@dataclass(frozen=True)
class Accounts:
    """By row: `probability` float32[N] (NaN where no detection saw the account), `bad` and `good` float32[N], `banned`
    bool[N], `cluster` int32[N]; `identifiers` int32[L] by account, those of row a from `starts[a]` to `starts[a+1]`."""

    table: KeyTable
    probability: Floats
    bad: Floats
    good: Floats
    banned: npt.NDArray[np.bool_]
    cluster: Ints
    starts: Rows
    identifiers: Ints

    def links(self, row: int) -> Ints:
        """Rows of the identifiers of an account."""
        return self.identifiers[self.starts[row] : self.starts[row + 1]]


TOTAL, HIGHEST, SECOND, BAD, GOOD = range(5)
"""Columns of the sums: of probabilities their total, the highest and the second, and the totals of the standings."""


@dataclass(frozen=True)
class Tallies:
    """Over the accounts of each identifier, one row more than identifiers, so that row ABSENT is one of nothing:
    `degree` int32, `sums` float32[I + 1, 5], and `cluster` int32 that more than half of them are in, or ABSENT."""

    degree: Ints
    sums: Floats
    cluster: Ints


@dataclass(frozen=True)
class Base:
    """`offset` is that of the last ledger record in it; `stranger` the probability of an account of which nothing is
    known; `type_code` int16[I + 1] by identifier row; `names` and `named` int32 the rows of running conversations by
    what new records call them; `org` uint64[I + 1] the key of the organisation that all accounts of a conversation have
    in common, or 0."""

    offset: int
    as_of_ms: int | None
    stranger: float
    accounts: Accounts
    identifiers: KeyTable
    type_names: tuple[str, ...]
    type_code: npt.NDArray[np.int16]
    tallies: Tallies
    names: KeyTable
    named: Ints
    org: Keys64
    clusters: tuple[RiskCluster, ...] = field(repr=False, default=())

    def running(self, key: int) -> int:
        """Row of the conversation that a new record calls by the name of this key, or ABSENT."""
        place = self.names.find_one(key)
        return int(self.named[place]) if place != ABSENT else ABSENT


def base_of(view: LinkView, offset: int, detected: Detected | None, labels: LabelBook, stranger: float) -> Base:
    """The base from a view, with what a detection said of its accounts and the labels in force."""
    type_names, type_code = _types(view.identifiers["type"])
    accounts = _accounts(view, detected, labels)
    known = np.where(np.isnan(accounts.probability), np.float32(stranger), accounts.probability)
    identifiers = identifier_column_keys(type_code, type_names, view.identifiers["id"])
    return Base(
        offset=offset,
        as_of_ms=detected.as_of_ms if detected is not None else None,
        stranger=stranger,
        accounts=accounts,
        identifiers=KeyTable.of(identifiers),
        type_names=type_names,
        type_code=np.append(type_code, np.int16(0)),
        tallies=_tallies(accounts, known, len(identifiers)),
        names=KeyTable.of(_keys_of("conversation", view.names["name"])),
        named=view.names["identifier"].to_numpy(),
        org=_orgs(view.names, len(identifiers)),
        clusters=detected.clusters if detected is not None else (),
    )


def empty_base(stranger: float) -> Base:
    """The base of a service that has not read anything yet."""
    nothing, nobody = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int32)
    table = KeyTable.of(np.zeros(0, dtype=np.uint64))
    accounts = Accounts(
        table, nothing, nothing, nothing, np.zeros(0, dtype=np.bool_), nobody, np.zeros(1, dtype=np.int64), nobody
    )
    code = np.zeros(1, dtype=np.int16)
    no_org = np.zeros(1, dtype=np.uint64)
    return Base(
        0, None, stranger, accounts, table, ("own",), code, _tallies(accounts, nothing, 0), table, nobody, no_org
    )


def _keys_of(identifier_type: str, ids: pa.ChunkedArray) -> Keys64:
    return identifier_column_keys(np.zeros(len(ids), np.int16), (identifier_type,), ids)


def _orgs(names: pa.Table, identifiers: int) -> Keys64:
    org = np.zeros(identifiers + 1, dtype=np.uint64)
    known = names.filter(pc.is_valid(names["org"]))
    org[known["identifier"].to_numpy()] = _keys_of("org", known["org"])
    return org


def _types(column: pa.ChunkedArray) -> tuple[tuple[str, ...], npt.NDArray[np.int16]]:
    coded = pa.chunked_array(column.chunks, pa.string()).combine_chunks().dictionary_encode()
    names = tuple(coded.dictionary.to_pylist()) or ("own",)
    return names, coded.indices.to_numpy(zero_copy_only=False).astype(np.int16)


def _accounts(view: LinkView, detected: Detected | None, labels: LabelBook) -> Accounts:
    count = len(view.accounts)
    table = KeyTable.of(account_column_keys(view.accounts["account_id"]))
    probability, cluster = np.full(count, np.nan, dtype=np.float32), np.full(count, ABSENT, dtype=np.int32)
    if detected is not None:
        rows = table.find(account_column_keys(detected.account_ids))
        seen = rows != ABSENT
        probability[rows[seen]], cluster[rows[seen]] = detected.probability[seen], detected.cluster[seen]
    banned = view.accounts["banned"].to_numpy() > 0
    bad, good = banned.astype(np.float32), np.zeros(count, dtype=np.float32)
    labelled = labels.accounts()
    rows = table.find(np.array(labelled, dtype=np.uint64))
    for key, row in zip(labelled, rows.tolist(), strict=True):
        if row != ABSENT:
            bad[row], good[row] = labels.standing(key, banned=bool(banned[row]))
    holders = view.links["account"].to_numpy()
    starts = np.concatenate([[0], np.cumsum(np.bincount(holders, minlength=count))]).astype(np.int64)
    return Accounts(table, probability, bad, good, banned, cluster, starts, view.links["identifier"].to_numpy())


def _tallies(accounts: Accounts, probability: Floats, identifiers: int) -> Tallies:
    degree, cluster = np.zeros(identifiers + 1, dtype=np.int32), np.full(identifiers + 1, ABSENT, dtype=np.int32)
    sums = np.zeros((identifiers + 1, 5), dtype=np.float32)
    facts = np.stack([probability, accounts.bad, accounts.good])
    _sum_up(accounts.starts, accounts.identifiers, facts, accounts.cluster, degree, sums, cluster)
    return Tallies(degree, sums, cluster)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sum_up(
    starts: Rows, identifiers: Ints, facts: Floats, cluster: Ints, degree: Ints, sums: Floats, winner: Ints
) -> None:
    """One pass over all links fills the tallies from `facts` float32[3, N] (probability, bad, good); the majority of
    clusters is a vote (Boyer and Moore 1981) that a second pass checks."""
    votes = np.zeros(len(degree), dtype=np.int32)
    for account in range(len(starts) - 1):
        chance = facts[0, account]
        for link in range(starts[account], starts[account + 1]):
            node = identifiers[link]
            degree[node] += 1
            sums[node, TOTAL] += chance
            if chance > sums[node, HIGHEST]:
                sums[node, SECOND] = sums[node, HIGHEST]
                sums[node, HIGHEST] = chance
            elif chance > sums[node, SECOND]:
                sums[node, SECOND] = chance
            sums[node, BAD] += facts[1, account]
            sums[node, GOOD] += facts[2, account]
            if votes[node] == 0:
                winner[node] = cluster[account]
            votes[node] += 1 if winner[node] == cluster[account] else -1
    votes[:] = 0
    for account in range(len(starts) - 1):
        for link in range(starts[account], starts[account + 1]):
            votes[identifiers[link]] += cluster[account] == winner[identifiers[link]]
    for node in range(len(degree)):
        if 2 * votes[node] <= degree[node]:
            winner[node] = -1
