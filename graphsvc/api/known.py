"""API keys as they were a moment ago, so that a request costs no query, and goes on while the database is busy."""

from __future__ import annotations

import hashlib
import time
from typing import NamedTuple

from graphsvc.cases.keys import ApiKey, KeyStore
from graphsvc.errors import Unavailable

FRESH_S = 1.0
"""A key that was revoked is refused after so long. Where the database cannot be read, it is tried again after so long:
a try may take its time."""
STALE_S = 60.0
"""A key that was good so long ago still is while the database cannot be read."""
MOST = 1_000


class Good(NamedTuple):
    """A key as it was found at a moment, and when it was last looked for, in seconds of the monotonic clock."""

    key: ApiKey
    found_s: float
    tried_s: float


class KnownKeys:
    """Only good keys are remembered, by their digest."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._known: dict[bytes, Good] = {}

    def check(self, key: str) -> ApiKey | None:
        """The good key that this text is, else None. Raises Unavailable for a key unknown while the database is."""
        mark, now_s = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest(), time.monotonic()
        known = self._known.get(mark)
        if known is not None and now_s - known.tried_s < FRESH_S:
            return known.key
        try:
            good = self._store.check(key)
        except Unavailable:
            if known is None or now_s - known.found_s > STALE_S:
                raise
            self._known[mark] = known._replace(tried_s=time.monotonic())
            return known.key
        self._keep(mark, good, now_s)
        return good

    def list(self) -> list[ApiKey]:
        """All keys as they are now, oldest first."""
        return self._store.list()

    def _keep(self, mark: bytes, good: ApiKey | None, now_s: float) -> None:
        if good is None:
            self._known.pop(mark, None)
        elif len(self._known) < MOST or mark in self._known:
            self._known[mark] = Good(good, now_s, now_s)
        else:
            self._known = {mark: Good(good, now_s, now_s)}
