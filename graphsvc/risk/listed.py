"""The lists in memory: which entries count for an account and its identifiers at a moment, in microseconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from graphsvc.cases.lists import Entry, ListName, ListStore
from graphsvc.events.record import Identifier
from graphsvc.risk.answer import Reason
from graphsvc.risk.keys import identifier_keys
from graphsvc.risk.policy.verdict import Decided, Standing
from graphsvc.risk.reasons import SHARES

K = TypeVar("K")
STALE_S = 5.0
"""Lists that could not be read for so long may lack what was decided since."""
PASSING_TYPES = frozenset({"ip", "subnet", "asn", "tls", "conversation", "prompt_family"})
"""Places and ways that people come through rather than things they have: an entry of these counts for the events that
carry it, not for everybody who once did."""


class Hit(NamedTuple):
    """One that counts: the list, and the type of the identifier, or None where the account itself is on it."""

    list: ListName
    identifier_type: str | None


class Listed(NamedTuple):
    """What lists make of an account, and by which entries."""

    standing: Standing
    hits: tuple[Hit, ...]

    def reasons(self) -> list[Reason]:
        """In words; they carry no bits, as they are decisions and no evidence."""
        return [_reason(hit) for hit in self.hits]


NOT_LISTED = Listed(Standing(), ())
Known = Callable[[], tuple[int, Collection[int]]]
"""Gives the seed of an index's keys, and the keys of the identifiers that an account was ever seen with."""


def nothing_known() -> tuple[int, Collection[int]]:
    """Of an account that no index knows."""
    return 0, ()


@dataclass(frozen=True)
class _Tables:
    """Entries by what they are about; `lasting` identifiers, those that an account keeps, by their keys under the seed
    in use. Changed in place, entry by entry: each change is one step, so that who reads meanwhile sees old or new."""

    accounts: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    identifiers: dict[Identifier, tuple[Entry, ...]] = field(default_factory=dict)
    lasting: dict[int, dict[int, Identifier]] = field(default_factory=dict)
    keying: threading.Lock = field(default_factory=threading.Lock)

    def put(self, entry: Entry, now_ms: int) -> None:
        """Takes an entry as it is now; one that can never count again goes."""
        account, identifier = entry.target.account_id, entry.target.identifier
        if account is not None:
            _put(self.accounts, account, entry, now_ms)
        if identifier is not None:
            with self.keying:
                _put(self.identifiers, identifier, entry, now_ms)
                for seed, known in self.lasting.items():
                    known.update(_keyed([identifier], seed))

    def held(self, seed: int, keys: Collection[int]) -> list[tuple[Entry, ...]]:
        """Entries of the lasting identifiers with these keys."""
        known = self.lasting.get(seed)
        if known is None:
            with self.keying:
                known = _keyed(list(self.identifiers), seed)
                self.lasting.clear()
                self.lasting[seed] = known
        return [self.identifiers.get(known[key], ()) for key in keys if key in known]


class Lists:
    """Any thread may `look` at any time; `refresh` reads what changed in the `store` since the last call."""

    def __init__(self, store: ListStore) -> None:
        self.store = store
        self._tables = _Tables()
        self._revision = 0
        self._refreshing = threading.Lock()
        self._read_s: float | None = None

    @property
    def stale(self) -> bool:
        """Whether entries may be missing, as the database could not be read."""
        return self._read_s is None or time.monotonic() - self._read_s > STALE_S

    def refresh(self) -> None:
        """Takes in what any process changed. Raises Unavailable, and then keeps what it has."""
        with self._refreshing:
            started_s = time.monotonic()
            revision, changed = self.store.changed_since(self._revision)
            now_ms = int(time.time() * 1000)
            for entry in changed:
                self._tables.put(entry, now_ms)
            self._revision, self._read_s = revision, started_s

    def look(
        self, account_id: str, identifiers: Sequence[Identifier], at_ms: int, known: Known = nothing_known
    ) -> Listed:
        """What counts for an account with these identifiers at hand. Of those that it was ever seen with (`known`),
        lasting ones on the block and watch lists count too; those on the allow list count only at hand, so that nobody
        is let through for what was borrowed once."""
        tables = self._tables
        accounts = [Hit(one.list, None) for one in tables.accounts.get(account_id, ()) if one.counts(at_ms)]
        others = _hits((tables.identifiers.get(one, ()) for one in identifiers), at_ms)
        if tables.identifiers:
            held = _hits(tables.held(*known()), at_ms)
            others |= {hit for hit in held if hit.list != "allow"}
        return weigh(accounts, others) if accounts or others else NOT_LISTED


def weigh(accounts: Iterable[Hit], identifiers: Iterable[Hit]) -> Listed:
    """Which entries decide: one of the account itself before one of an identifier, and block before allow where both
    are of one sort. Watch counts beside either, only not of an identifier where the account itself is to be allowed."""
    own, others = set(accounts), set(identifiers)
    for hits in (own, others):
        for name in ("block", "allow"):
            deciding = [hit for hit in hits if hit.list == name]
            if deciding:
                watching = [] if name == "block" else _watching(own, set() if hits is own else others)
                return _listed(name, [*deciding, *watching], bool(watching))
    watching = _watching(own, others)
    return _listed("", watching, bool(watching))


def _watching(own: set[Hit], others: set[Hit]) -> list[Hit]:
    return [hit for hit in (*own, *others) if hit.list == "watch"]


def _listed(decided: Decided, hits: list[Hit], watched: bool) -> Listed:
    order = ("block", "allow", "watch")
    hits.sort(key=lambda hit: (order.index(hit.list), hit.identifier_type or ""))
    return Listed(Standing(decided, watched), tuple(hits))


def _hits(found: Iterable[tuple[Entry, ...]], at_ms: int) -> set[Hit]:
    return {
        Hit(one.list, one.target.identifier.type)
        for entries in found
        for one in entries
        if one.target.identifier is not None and one.counts(at_ms)
    }


def _reason(hit: Hit) -> Reason:
    kind = hit.identifier_type
    what = "the account" if kind is None else SHARES.get(kind, f"its {kind.replace('_', ' ')}")
    return Reason(f"list_{hit.list}", f"{what} is on the {hit.list} list", 0.0, kind, 0, 0)


def _keyed(identifiers: Sequence[Identifier], seed: int) -> dict[int, Identifier]:
    """Those that an account keeps, by their keys."""
    kept = [one for one in identifiers if one.type not in PASSING_TYPES]
    keys = identifier_keys([one.type for one in kept], [one.id for one in kept], seed)
    return dict(zip(keys.tolist(), kept, strict=True))


def _put(table: dict[K, tuple[Entry, ...]], key: K, entry: Entry, now_ms: int) -> None:
    rest = tuple(one for one in table.get(key, ()) if one.id != entry.id)
    over = entry.removed_ms is not None or (entry.expires_ms is not None and entry.expires_ms <= now_ms)
    kept = rest if over else (*rest, entry)
    if kept:
        table[key] = kept
    else:
        table.pop(key, None)
