"""The index: a base of arrays, and what the ledger has brought since as small dictionaries.

Answers read it while the ledger is followed; one lock guards what changes, and no one holds it for longer than a
handful of records or one look takes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from graphsvc.events.record import Identifier, LabelRecord, Record
from graphsvc.risk.base import Base
from graphsvc.risk.keys import ABSENT, Keys64, Rows, account_key, identifier_keys
from graphsvc.risk.labels import NEUTRAL, LabelBook, Standing
from graphsvc.risk.shared import Counts, Shared, shared

SAMPLE = 256
"""Of the accounts that came to an identifier since the base, so many of the latest are looked at; all are counted."""
BANS = {"suspended": True, "banned": True, "reinstated": False}


@dataclass
class _Arrivals:
    """Since the base, for one identifier: accounts that came to it, and what labels added to the standings of those
    that it had."""

    nodes: list[int] = field(default_factory=list)
    bad: float = 0.0
    good: float = 0.0


@dataclass(frozen=True)
class Look:
    """An account at this moment. `detected` is the last detection's probability of it, or None; `then` what it shared
    by the base, and `now` with all that came since; `cluster` an ordinal in the base, or ABSENT."""

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
        self._count = len(base.accounts.table)
        self._new: dict[int, int] = {}
        self._links: dict[int, dict[int, str]] = {}
        self._arrivals: dict[int, _Arrivals] = {}
        self._probability: dict[int, float] = {}
        self._standing: dict[int, Standing] = {}
        self._banned: dict[int, bool] = {}

    @property
    def links_since(self) -> int:
        """How many links came since the base."""
        with self.lock:
            return sum(map(len, self._links.values()))

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
                node = self._node_or_new(account)
                if self._link(node, record.identifiers, keys[part], rows[part]):
                    gained[account] = None
                if record.action in BANS:
                    self._banned[node] = BANS[record.action]
                    self._stand(account, node)
        return list(gained)

    def apply_labels(self, labels: Iterable[LabelRecord]) -> None:
        """Labels count from now on, also for accounts that come later."""
        with self.lock:
            for account in self._labels.add(labels):
                node = self._node(account)
                if node != ABSENT:
                    self._stand(account, node)

    def set_probability(self, account: int, probability: float) -> None:
        """What the head said of an account that came or gained links since the base; others are judged by it."""
        with self.lock:
            node = self._node(account)
            if node != ABSENT:
                self._probability[node] = probability

    def look(self, account: int, identifiers: Sequence[Identifier] = ()) -> Look:
        """The account of this key with its identifiers and, besides, those given."""
        keys, rows = self._find(identifiers)
        with self.lock:
            node = self._node(account)
            base, row = self.base, node if node < self._count else ABSENT
            own = base.accounts.links(row).astype(np.int64) if row != ABSENT else np.zeros(0, np.int64)
            more = self._beyond(own, self._links.get(node, {}), identifiers, keys, rows)
            then = self._counts(row, own, len(own))
            names = [base.type_names[code] for code in base.type_code[own].tolist()]
            before = shared(names, then, base.tallies.cluster[own], self._count)
            every, now = own, then
            if more:
                names = [*names, *more.values()]
                every = np.concatenate([own, base.identifiers.find(np.fromiter(more, np.uint64, len(more)))])
                now = self._counts(row, every, len(own))
            every_key = [*base.identifiers.keys[own].tolist(), *more]
            changed = self._add_arrivals(node, row, every_key, len(own), now) or bool(more)
            after = shared(names, now, base.tallies.cluster[every], self._population()) if changed else before
            return Look(
                node != ABSENT, self._detected(row), self._standing_of(account, node), self._cluster(row), before, after
            )

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
        known = self._in_base(node, rows)
        links = self._links.get(node, {})
        new = {
            key: one.type
            for one, key, there in zip(identifiers, keys.tolist(), known, strict=True)
            if not there and key not in links
        }
        if not new:
            return False
        self._links.setdefault(node, {}).update(new)
        for key in new:
            self._arrivals.setdefault(key, _Arrivals()).nodes.append(node)
        return True

    def _in_base(self, node: int, rows: Rows) -> list[bool]:
        if node >= self._count or node == ABSENT:
            return [False] * len(rows)
        return np.isin(rows, self.base.accounts.links(node)).tolist()  # type: ignore[no-any-return]

    def _beyond(
        self, own: Rows, links: dict[int, str], identifiers: Sequence[Identifier], keys: Keys64, rows: Rows
    ) -> dict[int, str]:
        """Type by key of the account's identifiers beyond those `own` of the base."""
        known = np.isin(rows, own).tolist()
        given = {key: one.type for one, key, there in zip(identifiers, keys.tolist(), known, strict=True) if not there}
        return {**links, **given}

    def _counts(self, row: int, every: Rows, own: int) -> Counts:
        """By the base, without the account of `row` itself, which has the first `own` of the identifiers."""
        tallies, accounts = self.base.tallies, self.base.accounts
        mine = np.arange(len(every)) < own
        probability = np.float32(self._base_probability(row)) if row != ABSENT else np.float32(0)
        bad, good = (accounts.bad[row], accounts.good[row]) if row != ABSENT else (0.0, 0.0)
        highest = tallies.highest[every]
        return Counts(
            others=(tallies.degree[every] - mine).astype(np.float64),
            total=tallies.total[every].astype(np.float64) - mine * float(probability),
            highest=np.where(mine & (highest == probability), tallies.second[every], highest).astype(np.float64),
            bad=tallies.bad[every].astype(np.float64) - mine * bad,
            good=tallies.good[every].astype(np.float64) - mine * good,
        )

    def _add_arrivals(self, node: int, row: int, keys: list[int], own: int, counts: Counts) -> bool:
        """Adds what came since the base to `counts`; whether there was anything."""
        mine = self._links.get(node, {})
        shift = self._shift(node) if row != ABSENT else NEUTRAL
        changed = False
        for place, key in enumerate(keys):
            arrivals = self._arrivals.get(key)
            if arrivals is None:
                continue
            self_shift = shift if place < own else NEUTRAL
            counts.bad[place] += arrivals.bad - self_shift.bad
            counts.good[place] += arrivals.good - self_shift.good
            changed |= abs(arrivals.bad - self_shift.bad) + abs(arrivals.good - self_shift.good) > 0
            changed |= self._add_nodes(arrivals.nodes, node if key in mine else ABSENT, place, counts)
        return changed

    def _add_nodes(self, nodes: list[int], oneself: int, place: int, counts: Counts) -> bool:
        count = len(nodes) - (oneself != ABSENT)
        others = [node for node in nodes[-SAMPLE:] if node != oneself]
        if not others:
            return False
        probability = [self._probability_of(node) for node in others]
        standings = [self._standing_by_node(node) for node in others]
        counts.others[place] += count
        counts.total[place] += sum(probability) / len(others) * count
        counts.highest[place] = max(counts.highest[place], *probability)
        counts.bad[place] += sum(standing.bad for standing in standings)
        counts.good[place] += sum(standing.good for standing in standings)
        return True

    def _stand(self, account: int, node: int) -> None:
        """Takes a changed label or ban over into the account's standing and into its identifiers of the base."""
        old = self._standing_by_node(node)
        banned = self._banned.get(node, bool(self.base.accounts.banned[node]) if node < self._count else False)
        new = self._standing[node] = self._labels.standing(account, banned=banned)
        if node >= self._count or new == old:
            return
        for key in self.base.identifiers.keys[self.base.accounts.links(node)].tolist():
            arrivals = self._arrivals.setdefault(key, _Arrivals())
            arrivals.bad += new.bad - old.bad
            arrivals.good += new.good - old.good

    def _shift(self, node: int) -> Standing:
        now, base = self._standing_by_node(node), self._base_standing(node)
        return Standing(now.bad - base.bad, now.good - base.good)

    def _standing_of(self, account: int, node: int) -> Standing:
        return self._standing_by_node(node) if node != ABSENT else self._labels.standing(account, banned=False)

    def _standing_by_node(self, node: int) -> Standing:
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
        probability = float(self.base.accounts.probability[row])
        return probability if probability == probability else self.base.stranger

    def _detected(self, row: int) -> float | None:
        if row == ABSENT:
            return None
        probability = float(self.base.accounts.probability[row])
        return probability if probability == probability else None

    def _cluster(self, row: int) -> int:
        return int(self.base.accounts.cluster[row]) if row != ABSENT else ABSENT
