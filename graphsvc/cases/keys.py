"""API keys: shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphsvc.cases.database import CasesDatabase
from graphsvc.errors import BadUsage, NotFound

SCOPES = ("read", "write", "risk")
PREFIX = "gsk"
SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL, scopes TEXT NOT NULL,
    created_ms INTEGER NOT NULL, revoked_ms INTEGER
) STRICT;
"""


@dataclass(frozen=True)
class ApiKey:
    """One key as it is known: never its secret. `revoked_ms` is None while it is good."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_ms: int
    revoked_ms: int | None


class KeyStore:
    """Keys look like gsk_ID_SECRET; the secret has 256 random bits, so that its plain SHA-256 is safe to keep."""

    def __init__(self, path: Path) -> None:
        self._database = CasesDatabase(path, SCHEMA)

    def create(self, name: str, scopes: Sequence[str] = SCOPES) -> str:
        """Makes a key and returns it; it cannot be had again. Raises BadUsage for an unknown scope."""
        wrong = set(scopes) - set(SCOPES)
        if wrong or not scopes:
            raise BadUsage(f"A scope is one of {', '.join(SCOPES)}.", hint="Repeat --scope for several.")
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        row = (key_id, name, _digest(secret), " ".join(dict.fromkeys(scopes)), int(time.time() * 1000))
        query = "INSERT INTO keys (id, name, digest, scopes, created_ms) VALUES (?, ?, ?, ?, ?)"
        self._database.run(query, row)
        return f"{PREFIX}_{key_id}_{secret}"

    def check(self, key: str) -> ApiKey | None:
        """The good key that this text is, else None; takes the same time for any wrong secret."""
        prefix, _, rest = key.partition("_")
        key_id, _, secret = rest.partition("_")
        query = "SELECT id, name, scopes, created_ms, revoked_ms, digest FROM keys WHERE id = ?"
        row = self._database.run(query, (key_id,)).fetchone()
        expected = row[5] if row else b""
        same = hmac.compare_digest(expected, _digest(secret))
        return _key(row) if same and prefix == PREFIX and row and row[4] is None else None

    def list(self) -> list[ApiKey]:
        """All keys, oldest first."""
        query = "SELECT id, name, scopes, created_ms, revoked_ms FROM keys ORDER BY created_ms, id"
        return [_key(row) for row in self._database.run(query)]

    def revoke(self, key_id: str) -> None:
        """Raises NotFound where there is no such key."""
        query = "UPDATE keys SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ?"
        if not self._database.run(query, (int(time.time() * 1000), key_id)).rowcount:
            raise NotFound("There is no key of that id.", hint="graphsvc keys list shows them.")


def _key(row: Sequence[object]) -> ApiKey:
    key_id, name, scopes, created_ms, revoked_ms = row[:5]
    return ApiKey(str(key_id), str(name), tuple(str(scopes).split()), int(str(created_ms)), revoked_ms)  # type: ignore[arg-type]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
