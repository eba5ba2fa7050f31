"""Conversations: requests whose chains share a window are one conversation, whoever sends them.

A window that many accounts hold, or that goes on in many ways, is an example that is pasted, a canned answer or the
beginning of a program's every request, and joins nothing. What is left is joined into connected components by
union-find (Tarjan 1975), in one pass over all windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.links.engine import Database

HOLDERS_MAX = 32
"""Accounts of a window at most. A conversation has some ten or twenty turns, each of which can be on another account;
what more of them hold is public."""
BRANCHES_MAX = 8
"""Ways in which a window goes on at most: to another window, or to a last message. A conversation goes on in one, in a
few where its holder edits and asks again; an example that is sent before every question goes on in each."""
ADJACENT = 8
"""Windows at a chain's end that surely follow each other: older ones of a long chain are a sample."""
NAMED_DAYS = 7
"""A running conversation is recognised on arrival by the requests of so many days: hand-overs take minutes."""
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CHARACTERS = 11
NONE = -1
NAMES = pa.schema([("name", pa.string()), ("identifier", pa.int32()), ("org", pa.string())])

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]

CHAINED = """
SELECT account.row AS account, occurred_ms, CAST(coalesce(status, -1) AS SMALLINT) AS status, "offset",
    coalesce(sketch_key, input_tokens, 0) AS asked, chain
FROM events JOIN account USING (account_key) WHERE length_of(chain) > 0
ORDER BY account, occurred_ms, status
"""
HELD = """
CREATE TABLE held AS
SELECT conversation, account, min(occurred_ms) AS first_ms, max(occurred_ms) AS last_ms, count(*) AS count
FROM spoken GROUP BY conversation, account
"""
IN_ORG = """
CREATE TABLE in_org AS
SELECT conversation, min(org) AS org, any_value(accounts) AS accounts FROM (
    SELECT held.conversation, org, count(*) AS members, any_value(sized.accounts) AS accounts
    FROM (SELECT conversation, count(*) AS accounts FROM held GROUP BY conversation) AS sized
    JOIN held USING (conversation)
    JOIN belongs USING (account)
    GROUP BY held.conversation, org
) WHERE members = accounts GROUP BY conversation
"""
"""Conversations all of whose accounts have an organisation in common."""

SEEN_CONVERSATIONS = """
INSERT INTO derived
SELECT held.account,
    CASE WHEN in_org.accounts > 1 THEN 'conversation_in_org' ELSE 'conversation' END,
    conversation_name.id, held.first_ms, held.last_ms, CAST(held.count AS INTEGER)
FROM held
JOIN conversation_name USING (conversation)
LEFT JOIN in_org USING (conversation)
"""
NAMED = f"""
SELECT said.id AS name, min(identifier.row) AS identifier, min(in_org.org) AS org
FROM {{source}} AS said
JOIN spoken USING ("offset")
JOIN conversation_name USING (conversation)
JOIN identifier ON identifier.id = conversation_name.id AND identifier.type LIKE 'conversation%'
LEFT JOIN in_org USING (conversation)
WHERE said.type = 'conversation'
    AND said.occurred_ms > (SELECT max(occurred_ms) FROM spoken) - {NAMED_DAYS * 86_400_000}
GROUP BY said.id ORDER BY said.id
"""  # noqa: S608
"""By what names, as records carry them, a conversation is recognised when it goes on."""


@dataclass(frozen=True)
class Chains:
    """Requests that carry a chain: `window` int64 keys, those of request r from `start[r]` to `start[r+1]`, oldest
    first; `account` and `occurred_ms` by request, in order of account; `asked` int64 stands for the last message."""

    start: Int64s
    window: Int64s
    account: Int32s
    occurred_ms: Int64s
    asked: Int64s


def add(database: Database, chained: pa.Table) -> None:
    """From `account` and `belongs`, and requests that carry a chain, adds to `derived` a row for each account and
    conversation that it held, of type `conversation`, or, where all its accounts have one organisation in common,
    `conversation_in_org`. Leaves `spoken`, a row a request: conversation, offset, account (row) and occurred_ms."""
    conversation, key = conversations_of(_chains(chained))
    known = pa.array(conversation != NONE)
    spoken = chained.select(["offset", "account", "occurred_ms"])
    database.register("spoken", spoken.append_column("conversation", pa.array(conversation)).filter(known))
    numbers = np.arange(len(key), dtype=np.int32)
    database.register("conversation_name", pa.table({"conversation": numbers, "id": conversation_ids(key)}))
    for query in (HELD, IN_ORG, SEEN_CONVERSATIONS):
        database.execute(query)


def named(database: Database, source: str = "identifiers") -> pa.Table:
    """After `add`, and once `identifier` is made: name (as records carry it), identifier (int32 row), and org that all
    its accounts so far have in common, or null; `source` has what events named in the last NAMED_DAYS at least."""
    return database.table(NAMED.format(source=source)).cast(NAMES)


def conversation_ids(window: Int64s) -> pa.Array:
    """The id of each conversation whose earliest window has this key: its bytes in URL-safe base64 (RFC 4648), 11
    characters."""
    characters = _characters(window, np.frombuffer(ALPHABET, np.uint8))
    ends = np.arange(len(window) + 1, dtype=np.int32) * CHARACTERS
    return pa.Array.from_buffers(pa.string(), len(window), [None, pa.py_buffer(ends), pa.py_buffer(characters)])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _characters(window: Int64s, alphabet: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    out = np.empty(CHARACTERS * window.size, np.uint8)
    for row in range(window.size):
        # The lowest byte comes first: it has the highest place in what is cut into characters of six bits.
        left, turned = np.uint64(window[row]), np.uint64(0)
        for _ in range(8):
            turned = turned << np.uint64(8) | left & np.uint64(0xFF)
            left >>= np.uint64(8)
        for place in range(CHARACTERS):
            out[CHARACTERS * row + place] = alphabet[turned >> np.uint64(58)]
            turned <<= np.uint64(6)
    return out


def conversations_of(chains: Chains) -> tuple[Int32s, Int64s]:
    """The conversation of each request, NONE where it has none, and the earliest window's key of each conversation.

    Conversations are numbered by when their earliest window came up, then by its key.
    """
    code, window = _coded(chains.window)
    joining = _joining(chains.start, code, window, chains.account, chains.asked)
    root = _joined(chains.start, code, joining)
    first_ms = np.full(len(window), np.iinfo(np.int64).max)
    _earliest(chains.start, code, chains.occurred_ms, first_ms)
    used = np.flatnonzero(joining)
    order = used[np.lexsort((window[used], first_ms[used]))]
    roots, first = np.unique(root[order], return_index=True)
    rank = np.argsort(np.argsort(first))
    number = np.full(len(window), NONE, np.int32)
    number[roots] = rank
    return _by_request(chains.start, code, root, joining, number), window[order[np.sort(first)]]


def _chains(table: pa.Table) -> Chains:
    chain = table["chain"].combine_chunks()
    lengths = np.diff(chain.offsets.to_numpy())
    return Chains(
        start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        window=chain.flatten().to_numpy(),
        account=table["account"].to_numpy(),
        occurred_ms=table["occurred_ms"].to_numpy(),
        asked=table["asked"].to_numpy(),
    )


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _coded(window: Int64s) -> tuple[Int32s, Int64s]:
    """Windows as small numbers, by open addressing, and the key of each number."""
    size = 16
    while size < 2 * window.size:
        size *= 2
    slot = np.full(size, -1, np.int32)
    key = np.empty(window.size, np.int64)
    code = np.empty(window.size, np.int32)
    count = 0
    for place in range(window.size):
        value = window[place]
        at = (np.uint64(value) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) & np.uint64(size - 1)
        while slot[at] >= 0 and key[slot[at]] != value:
            at = (at + np.uint64(1)) & np.uint64(size - 1)
        if slot[at] < 0:
            slot[at] = count
            key[count] = value
            count += 1
        code[place] = slot[at]
    return code, key[:count].copy()


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _joining(start: Int64s, code: Int32s, key: Int64s, account: Int32s, asked: Int64s) -> npt.NDArray[np.bool_]:
    """Which windows speak for one conversation. Ways to go on are counted by the bits that they set of 64, which up to
    BRANCHES_MAX is all but exact (linear counting, Whang et al. 1990)."""
    holders = np.zeros(key.size, np.int32)
    last = np.full(key.size, -1, np.int32)
    branches = np.zeros(key.size, np.uint64)
    for request in range(start.size - 1):
        end = start[request + 1]
        for place in range(start[request], end):
            window = code[place]
            if last[window] != account[request]:
                last[window] = account[request]
                holders[window] += 1
            if place >= end - ADJACENT:
                way = np.uint64(key[code[place + 1]] if place + 1 < end else ~asked[request])
                branches[window] |= np.uint64(1) << (way * np.uint64(0xBF58476D1CE4E5B9) >> np.uint64(58))
    out = np.empty(key.size, np.bool_)
    for window in range(key.size):
        ways = 0
        left = branches[window]
        while left:
            left &= left - np.uint64(1)
            ways += 1
        out[window] = holders[window] <= HOLDERS_MAX and ways <= BRANCHES_MAX
    return out


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _joined(start: Int64s, code: Int32s, joining: npt.NDArray[np.bool_]) -> Int32s:
    """The root of each window's component."""
    parent = np.arange(joining.size).astype(np.int32)
    for request in range(start.size - 1):
        first = -1
        for place in range(start[request], start[request + 1]):
            window = code[place]
            if joining[window]:
                window = _root(parent, window)
                if first < 0:
                    first = window
                elif first != window:
                    parent[max(first, window)] = min(first, window)
                    first = min(first, window)
    for window in range(parent.size):
        parent[window] = _root(parent, window)
    return parent


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _root(parent: Int32s, window: int) -> int:
    while parent[window] != window:
        parent[window] = parent[parent[window]]
        window = parent[window]
    return window


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _earliest(start: Int64s, code: Int32s, occurred_ms: Int64s, first_ms: Int64s) -> None:
    for request in range(start.size - 1):
        for place in range(start[request], start[request + 1]):
            first_ms[code[place]] = min(first_ms[code[place]], occurred_ms[request])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _by_request(start: Int64s, code: Int32s, root: Int32s, joining: npt.NDArray[np.bool_], number: Int32s) -> Int32s:
    out = np.full(start.size - 1, NONE, np.int32)
    for request in range(start.size - 1):
        for place in range(start[request], start[request + 1]):
            if joining[code[place]]:
                out[request] = number[root[code[place]]]
                break
    return out
