"""The index: a base of arrays, and what the ledger has brought since as small dictionaries.

Answers read it while the ledger is followed; one lock guards what changes, and no one holds it for longer than a
handful of records or one look takes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from graphsvc.events.record import Identifier, LabelRecord, Record
from graphsvc.risk.arrivals import Arrivals
from graphsvc.risk.base import BAD, GOOD, HIGHEST, SECOND, TOTAL, Base
from graphsvc.risk.conversations import TYPE as CONVERSATION
from graphsvc.risk.conversations import Conversations
from graphsvc.risk.keys import ABSENT, Keys64, Rows, account_key, identifier_keys
from graphsvc.risk.labels import NEUTRAL, LabelBook, Standing
from graphsvc.risk.shared import NOTHING, Counts, Shared, shared

BANS = {"suspended": True, "banned": True, "reinstated": False}
_NO_ROWS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Look:
    """An account at this moment. `detected` is the last detection's probability of it, or None; `then` what it shared
    by the base, and `now` with all that came since, the same object where nothing did; `cluster` an ordinal in the
    base, or ABSENT."""

    seen: bool
    detected: float | None
    standing: Standing
    cluster: int
    then: Shared
    now: Shared

    @property
    def changed(self) -> bool:
        return self.then is not self.now


class Index:
    """Accounts are numbered: rows of the base first, then those that came since, in order of arrival."""

    def __init__(self, base: Base, labels: LabelBook, label_offset: int) -> None:
        self.base = base
        self.offset = base.offset
        self.label_offset = label_offset
        self.lock = threading.RLock()
        self._labels = labels
        self._conversations = Conversations(base)
        self._count = len(base.accounts.table)
        self._new: dict[int, int] = {}
        self._links: dict[int, dict[int, str]] = {}
        self._arrivals: dict[int, Arrivals] = {}
        self._probability: dict[int, float] = {}
        self._standing: dict[int, Standing] = {}
        self._enforced: dict[int, tuple[int, bool]] = {}

    def apply(self, records: Sequence[Record]) -> list[int]:
        """Counts records, those known before changing nothing. Returns the keys of the accounts that gained links."""
        accounts = [account_key(record.account_id) for record in records]
        keys, rows = self._find(list(chain.from_iterable(record.identifiers for record in records)))
        gained: dict[int, None] = {}
        start = 0
        with self.lock:
            for record, account in zip(records, accounts, strict=True):
                part = slice(start, start + len(record.identifiers))
                start = part.stop
                self._conversations.unite(record.identifiers, keys[part], rows[part], learn=True)
                node = self._node_or_new(account)
                if self._link(node, record.identifiers, keys[part], rows[part]):
                    gained[account] = None
                if record.action in BANS:
                    self._enforce(node, record.occurred_ms, BANS[record.action])
                    self._stand(account, node)
        return list(gained)

    def apply_labels(self, labels: Iterable[LabelRecord]) -> None:
        """Labels count from now on, also for accounts that come later."""
        with self.lock:
            for account in self._labels.add(labels):
                node = self._node(account)
                if node != ABSENT:
                    self._stand(account, node)

    def raise_probability(self, account: int, probability: float) -> None:
        """What the head said of an account that came or gained links since the base; others are judged by the worst
        of it until the next detection."""
        with self.lock:
            node = self._node(account)
            old = self._probability_of(node) if node != ABSENT else 1.0
            if probability <= old:
                return
            self._probability[node] = probability
            for key in self._links.get(node, {}):
                self._arrivals[key].rise(node, old, probability)

    def look(self, account: int, identifiers: Sequence[Identifier] = ()) -> Look:
        """The account of this key with its identifiers and, besides, those given."""
        keys, rows = self._find(identifiers)
        with self.lock:
            self._conversations.unite(identifiers, keys, rows, learn=False)
            node = self._node(account)
            row = node if node < self._count else ABSENT
            then, now = self._shared(node, row, identifiers, keys, rows)
            standing = self._standing_of(node) if node != ABSENT else self._labels.standing(account, banned=False)
            cluster = int(self.base.accounts.cluster[row]) if row != ABSENT else ABSENT
            return Look(node != ABSENT, self._detected(row), standing, cluster, then, now)

    def _shared(
        self, node: int, row: int, identifiers: Sequence[Identifier], keys: Keys64, rows: Rows
    ) -> tuple[Shared, Shared]:
        base = self.base
        own = base.accounts.links(row).astype(np.int64) if row != ABSENT else _NO_ROWS
        more = self._links.get(node, {}) | _unknown(own, identifiers, keys, rows)
        every = own
        if more:
            every = np.concatenate([own, base.identifiers.find(np.fromiter(more, np.uint64, len(more)))])
        names = [base.type_names[code] for code in base.type_code[own].tolist()]
        counts = self._counts(row, every, len(own))
        arrivals = [self._arrivals.get(key) for key in (*base.identifiers.keys[own].tolist(), *more)]
        if not more and not any(arrivals):
            same = shared(names, counts, base.tallies.cluster[own], self._count)
            return same, same
        then = NOTHING
        if self._detected(row) is not None:
            before = Counts(counts.others[: len(own)], counts.sums[: len(own)])
            then = shared(names, before, base.tallies.cluster[own], self._count)
        self._add(arrivals, node, row, len(own), counts, more)
        keyed = [*zip(base.identifiers.keys[own].tolist(), names, strict=True), *more.items()]
        orgs = {key for key, name in keyed if name == "org"}
        every_name = [
            self._conversations.type_of(name, key, place, orgs)
            for (key, name), place in zip(keyed, every.tolist(), strict=True)
        ]
        return then, shared(every_name, counts, base.tallies.cluster[every], self._population())

    def _counts(self, row: int, every: Rows, own: int) -> Counts:
        """By the base, without the account of `row` itself, which has the first `own` of the identifiers."""
        others = self.base.tallies.degree[every].astype(np.float64)
        sums = self.base.tallies.sums[every].astype(np.float64)
        if own:
            accounts, probability = self.base.accounts, float(np.float32(self._base_probability(row)))
            mine = sums[:own]
            others[:own] -= 1
            mine[:, TOTAL] -= probability
            mine[:, BAD] -= accounts.bad[row]
            mine[:, GOOD] -= accounts.good[row]
            mine[:, HIGHEST] = np.where(mine[:, HIGHEST] == probability, mine[:, SECOND], mine[:, HIGHEST])
        return Counts(others, sums)

    def _add(
        self, arrivals: list[Arrivals | None], node: int, row: int, own: int, counts: Counts, more: dict[int, str]
    ) -> None:
        """Adds what came since the base to `counts`, without the account itself."""
        links = self._links.get(node, {})
        oneself = self._standing_of(node) if node != ABSENT else NEUTRAL
        shift = oneself.since(self._base_standing(row)) if row != ABSENT else NEUTRAL
        probability = self._probability_of(node) if links else None
        joined = [False] * own + [key in links for key in more]
        for place, one in enumerate(arrivals):
            if one is not None:
                off = shift if place < own else oneself if joined[place] else NEUTRAL
                one.add_to(counts, place, node, probability if joined[place] else None, off)

    def _find(self, identifiers: Sequence[Identifier]) -> tuple[Keys64, Rows]:
        keys = identifier_keys([one.type for one in identifiers], [one.id for one in identifiers])
        return keys, self.base.identifiers.find(keys)

    def _node(self, account: int) -> int:
        row = self.base.accounts.table.find_one(account)
        return row if row != ABSENT else self._new.get(account, ABSENT)

    def _node_or_new(self, account: int) -> int:
        node = self._node(account)
        if node == ABSENT:
            node = self._new[account] = self._population()
            standing = self._labels.standing(account, banned=False)
            if standing != NEUTRAL:
                self._standing[node] = standing
        return node

    def _population(self) -> int:
        return self._count + len(self._new)

    def _link(self, node: int, identifiers: Sequence[Identifier], keys: Keys64, rows: Rows) -> bool:
        """Links the account to those identifiers that it had not; whether there was one."""
        own = self.base.accounts.links(node).astype(np.int64) if node < self._count else _NO_ROWS
        links = self._links.get(node, {})
        new = {key: name for key, name in _unknown(own, identifiers, keys, rows).items() if key not in links}
        if not new:
            return False
        self._links.setdefault(node, {}).update(new)
        if CONVERSATION in new.values():
            self._converse(node, own, new)
        probability, standing = self._probability_of(node), self._standing_of(node)
        for key in new:
            self._arrivals.setdefault(key, Arrivals()).join(node, probability, standing)
        return True

    def _converse(self, node: int, own: Rows, new: dict[int, str]) -> None:
        """Tells of which organisations the account is that goes on with conversations new to it."""
        org = [self.base.type_names[code] == "org" for code in self.base.type_code[own].tolist()]
        orgs = {*self.base.identifiers.keys[own[org]].tolist()}
        orgs |= {key for key, name in self._links[node].items() if name == "org"}
        for key, name in new.items():
            if name == CONVERSATION:
                self._conversations.join(key, self.base.identifiers.find_one(key), orgs)

    def _enforce(self, node: int, occurred_ms: int, banned: bool) -> None:
        """The last to occur counts, not the last to arrive; of two at one moment the ban, as in the link tables."""
        latest = (occurred_ms, banned)
        self._enforced[node] = max(self._enforced.get(node, latest), latest)

    def _stand(self, account: int, node: int) -> None:
        """Takes a changed label or ban over into the account's standing, and to its identifiers."""
        old = self._standing_of(node)
        before = bool(self.base.accounts.banned[node]) if node < self._count else False
        _, banned = self._enforced.get(node, (0, before))
        new = self._standing[node] = self._labels.standing(account, banned=banned)
        if new == old:
            return
        own = self.base.accounts.links(node) if node < self._count else _NO_ROWS
        by = new.since(old)
        for key in (*self.base.identifiers.keys[own].tolist(), *self._links.get(node, {})):
            self._arrivals.setdefault(key, Arrivals()).shift(*by)

    def _standing_of(self, node: int) -> Standing:
        known = self._standing.get(node)
        if known is not None:
            return known
        return self._base_standing(node) if node < self._count else NEUTRAL

    def _base_standing(self, row: int) -> Standing:
        return Standing(float(self.base.accounts.bad[row]), float(self.base.accounts.good[row]))

    def _probability_of(self, node: int) -> float:
        known = self._probability.get(node)
        if known is not None:
            return known
        return self._base_probability(node) if node < self._count else self.base.stranger

    def _base_probability(self, row: int) -> float:
        detected = self._detected(row)
        return self.base.stranger if detected is None else detected

    def _detected(self, row: int) -> float | None:
        if row == ABSENT:
            return None
        probability = float(self.base.accounts.probability[row])
        return probability if probability == probability else None


def _unknown(own: Rows, identifiers: Sequence[Identifier], keys: Keys64, rows: Rows) -> dict[int, str]:
    """Type by key of the identifiers whose rows are not among `own`, in ascending order."""
    if not len(own):
        return {key: one.type for one, key in zip(identifiers, keys.tolist(), strict=True)}
    place = np.minimum(np.searchsorted(own, rows), len(own) - 1)
    there = (own[place] == rows).tolist()
    return {key: one.type for one, key, known in zip(identifiers, keys.tolist(), there, strict=True) if not known}
