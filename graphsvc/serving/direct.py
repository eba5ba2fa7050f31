"""The way of most requests to the risk endpoint, past all that they do not need.

It answers only a plain `POST /v1/risk` that succeeds. Whatever is unusual, or goes wrong, goes the common way, which
finds the same and says what it is: until an answer is made nothing is remembered.
"""

from __future__ import annotations

import time
from email.utils import formatdate

import msgspec

from graphsvc.api.blueprints.risk import assess
from graphsvc.api.operation import JSON
from graphsvc.api.services import Services
from graphsvc.api.traffic import HEADERS, count, request_id
from graphsvc.events.check import parse
from graphsvc.serving.plain import Head

SCOPE, ENDPOINT = "risk", "risk.post_risk"
FIXED = "".join(f"{name}: {value}\r\n" for name, value in {"Content-Type": JSON, **HEADERS}.items())


class Direct:
    """Answers in bytes."""

    def __init__(self, parts: Services) -> None:
        self._parts = parts
        self._encode = msgspec.json.Encoder().encode
        self._date = (0, "")

    def answer(self, head: Head, body: bytes) -> bytes | None:
        """The whole response to a plain request; None where it has to go the common way."""
        started_s = time.perf_counter()
        made = self._assessed(head.authorisation, body)
        if made is None:
            return None
        count(ENDPOINT, "POST", 200, started_s)
        return self._lines(len(made), request_id(head.request_id)).encode("ascii") + made

    def _assessed(self, authorisation: str, body: bytes) -> bytes | None:
        scheme, _, key = authorisation.partition(" ")
        try:
            known = self._parts.keys.check(key.strip()) if scheme.lower() == "bearer" else None
            if known is None or SCOPE not in known.scopes or len(body) > self._parts.settings.max_body_bytes:
                return None
            return self._encode(assess(self._parts, parse(body)))
        except Exception:
            # Of any sort: the common way meets it too, tells the caller, and logs a defect.
            return None

    def _lines(self, size: int, told_id: str) -> str:
        return (
            f"HTTP/1.1 200 OK\r\nDate: {self._now()}\r\nConnection: keep-alive\r\n"
            f"Content-Length: {size}\r\nX-Request-Id: {told_id}\r\n{FIXED}\r\n"
        )

    def _now(self) -> str:
        second = int(time.time())
        if self._date[0] != second:
            self._date = second, formatdate(second, usegmt=True)
        return self._date[1]
