"""Who is signed in to the pages: random ids, known to this process only."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LASTS_S = 12 * 3600
MOST = 10_000


@dataclass(frozen=True)
class _Session:
    still_good: Callable[[], bool]
    ends_s: float


class Sessions:
    """Sessions end after twelve hours, at sign-out, with the process, and as soon as their key is revoked."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._known: dict[bytes, _Session] = {}

    def begin(self, still_good: Callable[[], bool]) -> str:
        """A new session's id, which lasts while `still_good`; beyond 10,000 the oldest session ends."""
        session_id = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._known) >= MOST:
                self._known.pop(next(iter(self._known)))
            self._known[_digest(session_id)] = _Session(still_good, self._now_s() + LASTS_S)
        return session_id

    def good(self, session_id: str) -> bool:
        with self._lock:
            session = self._known.get(_digest(session_id))
        if session is None:
            return False
        if self._now_s() < session.ends_s and session.still_good():
            return True
        self.end(session_id)
        return False

    def end(self, session_id: str) -> None:
        with self._lock:
            self._known.pop(_digest(session_id), None)


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).digest()
