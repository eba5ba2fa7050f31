"""The index: a base of arrays that processes share, and what the ledger has brought since, in arrays that grow.

Answers read it while the ledger is followed. A look is one compiled call and takes no lock; a lock orders those that
count. `look` and `apply` take an account by the key that `key` gives it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from graphsvc.events.record import Identifier, LabelRecord, Record
from graphsvc.risk import kernels
from graphsvc.risk.base import Base
from graphsvc.risk.judge import Weights, judge_gained
from graphsvc.risk.kernels import ABSENT, BAN, REINSTATE
from graphsvc.risk.keys import account_key, account_keys, identifier_keys, keys_of
from graphsvc.risk.labels import LabelBook, Standing
from graphsvc.risk.overlay import Need, Types, empty_overlay, with_room
from graphsvc.risk.shared import Shared, shared

ACTIONS = {"suspended": BAN, "banned": BAN, "reinstated": REINSTATE}
GAINED, NEW, ENFORCED = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Keyed:
    """An account and identifiers by their keys in an index, and the identifiers' types by its codes."""

    index: Index
    account: np.uint64
    keys: kernels.Array
    codes: kernels.Array


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
    """`lock` is held by who counts, and by who wants nothing to be counted meanwhile."""

    def __init__(self, base: Base, labels: LabelBook, label_offset: int) -> None:
        self.base = base
        self.offset = base.offset
        self.label_offset = label_offset
        self.lock = threading.RLock()
        self._labels = labels
        self._types = Types(base.type_names)
        self._over = empty_overlay()

    def key(self, account_id: str) -> int:
        return account_key(account_id, self.base.seed)

    def keyed(self, account_id: str, identifiers: Sequence[Identifier]) -> Keyed:
        """For this index, which makes keys and codes anew for each call of the others."""
        names = [one.type for one in identifiers]
        keys = keys_of(account_id, names, [one.id for one in identifiers], self.base.seed)
        return Keyed(self, keys[0], keys[1:], self._types.codes(names))

    def apply_answered(self, record: Record, keyed: Keyed, probability: float) -> None:
        """Counts a record, given by its keys too, and raises its account to this where it gained links: `apply` and
        `raise_probability` in one."""
        many = len(keyed.keys)
        with self.lock:
            over = self._with_room(Need(1, many, many, many))
            done = kernels.apply_answered(
                self.base.arrays, over, self._types.arrays, self.base.stranger, keyed.account, keyed.keys.copy(),
                keyed.codes, ACTIONS.get(record.action or "", 0), record.occurred_ms, probability,
            )  # fmt: skip
            if done >= NEW:
                self._stand_by([int(keyed.account)], [done])

    def apply(self, records: Sequence[Record]) -> list[int]:
        """Counts records, those known before changing nothing. Returns the keys of the accounts that gained links."""
        accounts = account_keys([record.account_id for record in records], self.base.seed)
        every = [one for record in records for one in record.identifiers]
        names = [one.type for one in every]
        keys = identifier_keys(names, [one.id for one in every], self.base.seed)
        starts = np.array([0, *accumulate(len(record.identifiers) for record in records)], np.int64)
        actions = np.array([ACTIONS.get(record.action or "", 0) for record in records], np.int64)
        occurred_ms = np.array([record.occurred_ms for record in records], np.int64)
        done = np.zeros(len(records), np.uint8)
        codes = self._types.codes(names)
        with self.lock:
            over = self._with_room(Need(len(records), len(every), len(every), len(every)))
            kernels.apply(
                self.base.arrays, over, self._types.arrays, self.base.stranger, accounts, starts, keys, codes,
                actions, occurred_ms, done,
            )  # fmt: skip
            self._stand_by(accounts[done >= NEW].tolist(), done[done >= NEW].tolist())
        return list(dict.fromkeys(accounts[(done & GAINED) > 0].tolist()))

    def apply_labels(self, labels: Iterable[LabelRecord]) -> None:
        """Labels count from now on, also for accounts that come later."""
        with self.lock:
            for account in self._labels.add(labels):
                self._stand(account)

    def raise_probability(self, account: int, probability: float) -> None:
        """What the head said of an account that came or gained links since the base; others are judged by the worst
        of it, as far as it is believed, until the next detection."""
        with self.lock:
            over = self._with_room(Need(1, 0, 0, 0))
            kernels.raise_to(self.base.arrays, over, self.base.stranger, np.uint64(account), float(probability))

    def judge(self, accounts: Sequence[int], weights: Weights) -> None:
        """`raise_probability` of accounts to what the head says of them now."""
        with self.lock:
            over = self._with_room(Need(len(accounts), 0, 0, 0))
            keys, groups = np.array(accounts, np.uint64), self._types.groups
            judge_gained(self.base.arrays, over, self._types.arrays, groups, self.base.stranger, keys, weights)

    def look(self, account: int, identifiers: Sequence[Identifier] = ()) -> Look:
        """The account of this key with its identifiers and, besides, those given."""
        names = [one.type for one in identifiers]
        keys = identifier_keys(names, [one.id for one in identifiers], self.base.seed)
        return self.look_at(Keyed(self, np.uint64(account), keys, self._types.codes(names)))

    def look_at(self, keyed: Keyed) -> Look:
        """The same of keys that this index made."""
        account, base = int(keyed.account), self.base.arrays
        found = kernels.look(
            base, self._over, self._types.arrays, self.base.stranger, keyed.account, keyed.keys.copy(), keyed.codes
        )
        now = shared(self._types.names, found.now if found.changed else found.then)
        then = shared(self._types.names, found.then) if found.changed else now
        detected, cluster, standing = None, ABSENT, Standing(found.bad, found.good)
        if found.row != ABSENT:
            row = base.accounts[found.row]
            probability, cluster = float(row["probability"]), int(row["cluster"])
            detected = probability if probability == probability else None
        if not found.seen:
            standing = self._labels.standing(account, banned=False)
        return Look(found.seen, detected, standing, cluster, then, now)

    def seen_with(self, account_id: str) -> tuple[int, list[int]]:
        """The seed of all keys, and the keys of the identifiers that the account was ever seen with."""
        key = np.uint64(self.key(account_id))
        return self.base.seed, kernels.held(self.base.arrays, self._over, key).tolist()

    def _with_room(self, need: Need) -> kernels.OverlayArrays:
        self._over = with_room(self._over, need)
        return self._over

    def _stand_by(self, accounts: list[int], done: list[int]) -> None:
        for account, what in zip(accounts, done, strict=True):
            if what & ENFORCED or account in self._labels:
                self._stand(account)

    def _stand(self, account: int) -> None:
        """Takes a changed label or ban over into the account's standing, and to its identifiers."""
        base, key = self.base.arrays, np.uint64(account)
        banned = kernels.banned(base, self._over, key)
        if banned == ABSENT:
            return
        over = self._with_room(Need(1, max(kernels.links_of(base, key), 0), 0, 0))
        bad, good = self._labels.standing(account, banned=bool(banned))
        kernels.stand(base, over, key, float(bad), float(good))
