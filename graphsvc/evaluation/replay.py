"""A log replayed in the order in which it happened, through the index that the risk service answers from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.network import column
from graphsvc.clusters.verdict import cluster_verdict
from graphsvc.events.record import Identifier, LabelRecord, Record
from graphsvc.links.told import Lives
from graphsvc.risk.answer import RiskCluster
from graphsvc.risk.base import Detected, base_of, empty_base
from graphsvc.risk.index import Index
from graphsvc.risk.keys import account_key
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.score import Scorer, network_probability, stranger

if TYPE_CHECKING:
    from graphsvc.evaluation.looks import Look

BIRTH, LINKS, BAN, LABEL, LOOK, ASK = range(6)
"""What happens, in the order in which it happens within one millisecond: an account's first event with what it tells,
later events that tell something new, bans, labels, a look at the whole network, an account asked for."""
SEPARATOR = "\0"
"""Between type and id; no type holds it."""

Longs = npt.NDArray[np.int64]


class Plan(NamedTuple):
    """What happens when, int64 columns in order: the moment, the kind, the row (an account; of a ban or label its own),
    and of an ASK which of the ages it is (1 for the first)."""

    at_ms: Longs
    kind: Longs
    row: Longs
    age: Longs


@dataclass(frozen=True)
class Story:
    """A log as far as the index reads it. `born_ms` int64[N] when each account's first own event occurred. Records by
    account and time: `account` row and `at_ms` int64[R] of each, and what it named, rows of `identifiers` `named[
    start[r]:start[r + 1]]`; those of account a are `first[a]` to `first[a + 1]`. `bans` have account_id, occurred_ms
    and action."""

    account_ids: list[str]
    born_ms: Longs
    identifiers: list[Identifier]
    account: Longs
    at_ms: Longs
    named: Longs
    start: Longs
    first: Longs
    bans: pa.Table
    labels: list[LabelRecord]

    @staticmethod
    def of(lives: Lives, bans: pa.Table, labels: Sequence[LabelRecord]) -> Story:
        """What records named is told as they named it: what a conversation came to be called, or whose organisation it
        stayed in, is known later."""
        told = lives.told["told"].combine_chunks()
        names = pc.binary_join_element_wise(told.flatten().field("type"), told.flatten().field("id"), SEPARATOR)
        coded = names.dictionary_encode()
        account = pc.index_in(lives.told["account_id"], value_set=lives.accounts["account_id"])
        rows = account.to_numpy().astype(np.int64)
        return Story(
            account_ids=lives.accounts["account_id"].to_pylist(),
            born_ms=column(lives.accounts, "born_ms", np.int64),
            identifiers=[Identifier(*name.split(SEPARATOR, 1)) for name in coded.dictionary.to_pylist()],
            account=rows,
            at_ms=column(lives.told, "occurred_ms", np.int64),
            named=coded.indices.to_numpy().astype(np.int64),
            start=told.offsets.to_numpy().astype(np.int64),
            first=np.searchsorted(rows, np.arange(len(lives.accounts) + 1)),
            bans=bans,
            labels=sorted(labels, key=lambda label: (label.decided_ms, label.account_id, label.source, label.verdict)),
        )

    def plan(self, ages_ms: Sequence[int], end_ms: int) -> Plan:
        """All that happens by `end_ms`; of equal moments and kinds in the order of rows."""
        rows = np.arange(len(self.account_ids))
        new = np.ones(len(self.account), dtype=np.bool_)
        new[1:] = (np.diff(self.account) != 0) | (np.diff(self.at_ms) != 0)
        new &= self.at_ms != self.born_ms[self.account]
        banned = column(self.bans, "occurred_ms", np.int64)
        decided = np.array([label.decided_ms for label in self.labels], dtype=np.int64)
        parts = [
            _part(self.born_ms, BIRTH, rows),
            _part(self.at_ms[new], LINKS, self.account[new]),
            _part(banned, BAN, np.arange(len(banned))),
            _part(decided, LABEL, np.arange(len(decided))),
            *(_part(self.born_ms + age, ASK, rows, number) for number, age in enumerate(ages_ms, start=1)),
        ]
        whole = Plan(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        due = np.flatnonzero(whole.at_ms <= end_ms)
        order = due[np.lexsort((whole.age[due], whole.row[due], whole.kind[due], whole.at_ms[due]))]
        return Plan(*(part[order] for part in whole))

    def told(self, row: int, at_ms: int) -> list[tuple[Identifier, ...]]:
        """What the records of an account named at that moment."""
        begin, end = self.first[row], self.first[row + 1]
        low, high = begin + np.searchsorted(self.at_ms[begin:end], (at_ms, at_ms + 1))
        parts = (self.named[self.start[record] : self.start[record + 1]] for record in range(low, high))
        return [tuple(self.identifiers[place] for place in part.tolist()) for part in parts]


def _part(at_ms: Longs, kind: int, rows: Longs, age: int = 0) -> Plan:
    return Plan(at_ms, np.full(len(rows), kind), rows.astype(np.int64), np.full(len(rows), age))


class Replay:
    """The index at one moment of a story. Probabilities are by an account's neighbourhood, its own label left aside."""

    def __init__(self, scorer: Scorer, story: Story) -> None:
        self._scorer, self._story = scorer, story
        self._book = LabelBook()
        self._index = Index(empty_base(stranger(scorer)), self._book, 0)

    def rebase(self, look: Look) -> None:
        """A look at the whole network: what came before it is in its base now."""
        base = base_of(look.view, 0, _detected(look), self._book, stranger(self._scorer))
        self._index = Index(base, self._book, 0)

    def birth(self, row: int, at_ms: int) -> float:
        """Asked for by its first event, before that is counted, as the service assesses an event; then counted."""
        told = self._story.told(row, at_ms)
        key = account_key(self._story.account_ids[row])
        probability = network_probability(self._index.look(key, told[0] if told else ()), self._scorer)
        if self._apply(row, at_ms, told[0] if told else ()):
            self._index.raise_probability(key, probability)
        self._tell(row, at_ms, told[1:])
        return probability

    def happen(self, kind: int, row: int, at_ms: int) -> None:
        """A ban, a label, or an event that tells something new of an account."""
        story = self._story
        if kind == LABEL:
            self._index.apply_labels([story.labels[row]])
        elif kind == BAN:
            account_id, action = (story.bans[name][row].as_py() for name in ("account_id", "action"))
            self._index.apply([Record("", "enforcement", account_id, at_ms, at_ms, action=action)])
        else:
            self._tell(row, at_ms, story.told(row, at_ms))

    def ask(self, row: int) -> float:
        """An account asked for as it is now."""
        look = self._index.look(account_key(self._story.account_ids[row]))
        return network_probability(look, self._scorer)

    def _tell(self, row: int, at_ms: int, records: Sequence[tuple[Identifier, ...]]) -> None:
        for told in records:
            if self._apply(row, at_ms, told):
                self._index.raise_probability(account_key(self._story.account_ids[row]), self.ask(row))

    def _apply(self, row: int, at_ms: int, told: tuple[Identifier, ...]) -> bool:
        record = Record("", "", self._story.account_ids[row], at_ms, at_ms, identifiers=told)
        return bool(self._index.apply([record]))


def _detected(look: Look) -> Detected:
    size = np.bincount(look.clusters[look.clusters >= 0], minlength=len(look.probability)).tolist()
    facts = zip(look.kinds, look.probability.tolist(), size, strict=True)
    clusters = tuple(
        RiskCluster(str(place), kind, chance, members, cluster_verdict(chance, chance, chance))
        for place, (kind, chance, members) in enumerate(facts)
    )
    ids = pa.array(look.account_ids, pa.string())
    return Detected(look.as_of_ms, ids, look.score, look.clusters.astype(np.int32), clusters)
