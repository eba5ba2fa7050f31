"""Running conversations: the several names that records call one by, and the organisation that its accounts share."""

from __future__ import annotations

from collections.abc import Sequence

from graphsvc.events.record import Identifier
from graphsvc.risk.base import Base
from graphsvc.risk.keys import ABSENT, Keys64, Rows

TYPE, IN_ORG = "conversation", "conversation_in_org"
NO_ORG = 0


class Conversations:
    """Learns from records as they come; the base knows those that ran before."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._key: dict[int, int] = {}
        self._org: dict[int, int] = {}

    def unite(self, identifiers: Sequence[Identifier], keys: Keys64, rows: Rows, *, learn: bool) -> None:
        """Gives all names of a record's conversation the key and row of that under which one of them is known; else
        those of the first. With `learn` the names stand for it from now on."""
        places = [place for place, one in enumerate(identifiers) if one.type == TYPE]
        if not places:
            return
        names = [int(keys[place]) for place in places]
        known = (self._known(name, int(rows[place])) for name, place in zip(names, places, strict=True))
        key, row = next((one for one in known if one is not None), (names[0], ABSENT))
        if learn:
            for name in names:
                self._key.setdefault(name, key)
        keys[places], rows[places] = key, row

    def join(self, key: int, row: int, orgs: set[int]) -> None:
        """An account of these organisations goes on with a conversation that it did not have."""
        before = self._org.get(key, int(self._base.org[row]))
        fresh = row == ABSENT and key not in self._org
        self._org[key] = before if before in orgs else min(orgs, default=NO_ORG) if fresh else NO_ORG

    def type_of(self, name: str, key: int, row: int, orgs: set[int]) -> str:
        """The type that a conversation is to an account of these organisations; other types as they are."""
        if name not in (TYPE, IN_ORG) or (name == IN_ORG and key not in self._org):
            return name
        return IN_ORG if self._org.get(key, int(self._base.org[row])) in orgs else TYPE

    def _known(self, name: int, row: int) -> tuple[int, int] | None:
        row = row if row != ABSENT else self._base.running(name)
        if row != ABSENT:
            return int(self._base.identifiers.keys[row]), row
        key = self._key.get(name)
        return None if key is None else (key, self._base.identifiers.find_one(key))
