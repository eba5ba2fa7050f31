"""One-time links into the pages, for whoever sits at the machine that made them."""

from __future__ import annotations

import hashlib
import secrets
import time
from pathlib import Path

from graphsvc.cases.database import CasesDatabase

GOOD_FOR_MS = 3_600_000
SCHEMA = "CREATE TABLE IF NOT EXISTS links (digest BLOB PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"


class LinkStore:
    """Tokens that are good once, within an hour; kept as hashes."""

    def __init__(self, path: Path) -> None:
        self._database = CasesDatabase(path, SCHEMA)

    def create(self) -> str:
        """Makes a token for one entry."""
        token = secrets.token_urlsafe(24)
        row = (_digest(token), int(time.time() * 1000) + GOOD_FOR_MS)
        self._database.run("INSERT INTO links VALUES (?, ?)", row)
        return token

    def take(self, token: str) -> bool:
        """Whether the token is good; it is not afterwards."""
        row = (_digest(token), int(time.time() * 1000))
        return bool(self._database.run("DELETE FROM links WHERE digest = ? AND until_ms > ?", row).rowcount)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
