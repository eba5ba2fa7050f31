"""The network as the last detection saw it, as arrays: what each identifier says of those who have it.

For each identifier the accounts are counted and their probabilities, labels and clusters summed up once, so that an
answer costs the same for a card of two accounts and for the address of a campus. Everything lies in order of its key,
which is a hash: a row is found by its key with no table besides.
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
from graphsvc.risk.kernels import ACCOUNT, BAD, GOOD, HIGHEST, IDENTIFIER, SECOND, TOTAL, Array, BaseArrays, find_all
from graphsvc.risk.keys import ABSENT, Keys64, Rows, account_column_keys, identifier_column_keys
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
class Base:
    """`offset` is that of the last ledger record in it; `stranger` the probability of an account of which nothing is
    known, `unseen` of how many accounts no detection knew more; `seed` that of all keys. A table of names tells the
    rows of running conversations by what new records call them, `orgs` the organisation that all accounts of a
    conversation have in common, or 0."""

    offset: int
    as_of_ms: int | None
    stranger: float
    unseen: int
    seed: int
    arrays: BaseArrays
    type_names: tuple[str, ...]
    clusters: tuple[RiskCluster, ...] = field(repr=False, default=())

    def __len__(self) -> int:
        """How many accounts it has."""
        return len(self.arrays.account_keys)


def base_of(view: LinkView, offset: int, detected: Detected | None, labels: LabelBook, stranger: float) -> Base:
    """The base from a view, with what a detection said of its accounts and the labels in force, under their seed."""
    seed = labels.seed
    type_names, type_code = _types(view.identifiers["type"])
    keys = identifier_column_keys(type_code, type_names, view.identifiers["id"], seed)
    order = np.argsort(keys)
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    identifiers = np.zeros(len(order) + 1, IDENTIFIER)
    identifiers["type"][:-1] = type_code[order]
    account_keys, accounts, links = _accounts(view, rank, detected, labels)
    _sum_up(accounts, links, np.float32(stranger), identifiers)
    orgs = np.zeros(len(identifiers), np.uint64)
    known = view.names.filter(pc.is_valid(view.names["org"])) if len(view.names) else view.names
    if len(known):
        orgs[rank[known["identifier"].to_numpy()]] = _keys_of("org", known["org"], seed)
    names, named = _names(view.names, rank, seed)
    return Base(
        offset=offset,
        as_of_ms=detected.as_of_ms if detected is not None else None,
        stranger=stranger,
        unseen=int(np.isnan(accounts["probability"][:-1]).sum()),
        seed=seed,
        arrays=frozen(BaseArrays(account_keys, accounts, links, keys[order], identifiers, orgs, names, named)),
        type_names=type_names,
        clusters=detected.clusters if detected is not None else (),
    )


def empty_base(stranger: float, labels: LabelBook | None = None) -> Base:
    """The base of a service that has not read anything yet, under the seed of these labels."""
    keys, rows = np.zeros(0, np.uint64), np.zeros(0, np.int32)
    arrays = BaseArrays(
        keys, np.zeros(1, ACCOUNT), rows, keys, np.zeros(1, IDENTIFIER), np.zeros(1, np.uint64), keys, rows
    )
    return Base(0, None, stranger, 0, (labels or LabelBook()).seed, frozen(arrays), ("own",))


def frozen(arrays: BaseArrays) -> BaseArrays:
    """The same arrays, none of which can be written to: as where they lie in a file that processes share."""
    for array in arrays:
        array.flags.writeable = False
    return arrays


def _keys_of(identifier_type: str, ids: pa.ChunkedArray, seed: int) -> Keys64:
    return identifier_column_keys(np.zeros(len(ids), np.int16), (identifier_type,), ids, seed)


def _names(names: pa.Table, rank: Ints, seed: int) -> tuple[Keys64, Ints]:
    if not len(names):
        return np.zeros(0, np.uint64), np.zeros(0, np.int32)
    keys = _keys_of("conversation", names["name"], seed)
    order = np.argsort(keys)
    return keys[order], rank[names["identifier"].to_numpy()][order]


def _types(column: pa.ChunkedArray) -> tuple[tuple[str, ...], npt.NDArray[np.int16]]:
    coded = pa.chunked_array(column.chunks, pa.string()).combine_chunks().dictionary_encode()
    names = tuple(coded.dictionary.to_pylist()) or ("own",)
    return names, coded.indices.to_numpy(zero_copy_only=False).astype(np.int16)


def _accounts(view: LinkView, rank: Ints, detected: Detected | None, labels: LabelBook) -> tuple[Keys64, Array, Ints]:
    """Keys in order, facts (one row more, which ends the links of the last), and links with identifiers by `rank`."""
    count = len(view.accounts)
    unordered = account_column_keys(view.accounts["account_id"], labels.seed)
    order = np.argsort(unordered)
    keys = unordered[order]
    accounts = np.zeros(count + 1, ACCOUNT)
    accounts["probability"], accounts["cluster"] = np.nan, ABSENT
    if detected is not None:
        rows = find_all(keys, account_column_keys(detected.account_ids, labels.seed))
        seen = rows != ABSENT
        accounts["probability"][rows[seen]] = detected.probability[seen]
        accounts["cluster"][rows[seen]] = detected.cluster[seen]
    banned = (view.accounts["banned"].to_numpy() > 0)[order]
    accounts["banned"][:-1] = banned
    accounts["bad"][:-1] = banned
    _decide(accounts, keys, labels)
    holders = view.links["account"].to_numpy()
    held = np.bincount(holders, minlength=count)
    accounts["start"][1:] = np.cumsum(held[order])
    links = np.empty(len(holders), np.int32)
    _place(np.concatenate([[0], np.cumsum(held)]), order, view.links["identifier"].to_numpy(), rank, accounts, links)
    return keys, accounts, links


def _decide(accounts: Array, keys: Keys64, labels: LabelBook) -> None:
    labelled = labels.accounts()
    for key, row in zip(labelled, find_all(keys, np.array(labelled, dtype=np.uint64)).tolist(), strict=True):
        if row != ABSENT:
            standing = labels.standing(key, banned=bool(accounts["banned"][row]))
            accounts["bad"][row], accounts["good"][row] = standing


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _place(starts: Rows, order: Rows, identifiers: Ints, rank: Ints, accounts: Array, links: Ints) -> None:
    """The links of each account in the order of accounts, each account's in ascending order of identifiers."""
    for row in range(len(order)):
        begin, end = accounts[row].start, accounts[row + 1].start
        source = starts[order[row]]
        for place in range(end - begin):
            links[begin + place] = rank[identifiers[source + place]]
        links[begin:end] = np.sort(links[begin:end])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sum_up(accounts: Array, links: Ints, stranger: float, identifiers: Array) -> None:
    """One pass over all links fills the tallies of the identifiers; the majority of clusters is a vote (Boyer and
    Moore 1981) that a second pass checks."""
    votes = np.zeros(len(identifiers), np.int32)
    for node in range(len(identifiers)):
        identifiers[node].cluster = -1
    for row in range(len(accounts) - 1):
        account = accounts[row]
        chance = stranger if np.isnan(account.probability) else account.probability
        for link in range(account.start, accounts[row + 1].start):
            one = identifiers[links[link]]
            one.degree += 1
            one.sums[TOTAL] += chance
            if chance > one.sums[HIGHEST]:
                one.sums[SECOND] = one.sums[HIGHEST]
                one.sums[HIGHEST] = chance
            elif chance > one.sums[SECOND]:
                one.sums[SECOND] = chance
            one.sums[BAD] += account.bad
            one.sums[GOOD] += account.good
            if votes[links[link]] == 0:
                one.cluster = account.cluster
            votes[links[link]] += 1 if one.cluster == account.cluster else -1
    votes[:] = 0
    for row in range(len(accounts) - 1):
        for link in range(accounts[row].start, accounts[row + 1].start):
            votes[links[link]] += accounts[row].cluster == identifiers[links[link]].cluster
    for node in range(len(identifiers)):
        if 2 * votes[node] <= identifiers[node].degree:
            identifiers[node].cluster = -1
