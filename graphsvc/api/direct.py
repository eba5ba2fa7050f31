"""The way of most requests to the risk endpoint, past all that they do not need.

It answers only a plain `POST /v1/risk` that succeeds. Whatever is unusual, or goes wrong, goes the common way, which
finds the same and says what it is: until an answer is made nothing is remembered.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from graphsvc.api.blueprints.risk import assess
from graphsvc.api.operation import JSON
from graphsvc.api.services import Services
from graphsvc.api.traffic import HEADERS, count, request_id
from graphsvc.events.check import parse

PATH, SCOPE, ENDPOINT = "/v1/risk", "risk", "risk.post_risk"
Environ = dict[str, Any]
Start = Callable[..., Any]
Inner = Callable[[Environ, Start], Iterable[bytes]]


class Direct:
    """WSGI before WSGI."""

    def __init__(self, inner: Inner, parts: Services) -> None:
        self._inner, self._parts = inner, parts
        self._most = parts.settings.max_body_bytes
        self._encode = msgspec.json.Encoder().encode

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH and self._plain(environ):
            started_s = time.perf_counter()
            asked = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            answer = self._answer(environ.get("HTTP_AUTHORIZATION", ""), asked)
            if answer is not None:
                start("200 OK", self._headers(environ, len(answer)))
                count(ENDPOINT, "POST", 200, started_s)
                return [answer]
            environ["wsgi.input"] = io.BytesIO(asked)
        return self._inner(environ, start)

    def _plain(self, environ: Environ) -> bool:
        size = environ.get("CONTENT_LENGTH", "")
        return (
            environ["REQUEST_METHOD"] == "POST"
            and environ.get("CONTENT_TYPE") == JSON
            and "HTTP_IDEMPOTENCY_KEY" not in environ
            and "HTTP_TRANSFER_ENCODING" not in environ
            and size.isascii()
            and size.isdecimal()
            and int(size) <= self._most
        )

    def _answer(self, authorisation: str, asked: bytes) -> bytes | None:
        scheme, _, key = authorisation.partition(" ")
        try:
            known = self._parts.keys.check(key.strip()) if scheme.lower() == "bearer" else None
            if known is None or SCOPE not in known.scopes:
                return None
            return self._encode(assess(self._parts, parse(asked)))
        except Exception:
            # Of any sort: the common way meets it too, tells the caller, and logs a defect.
            return None

    def _headers(self, environ: Environ, size: int) -> list[tuple[str, str]]:
        return [
            ("Content-Type", JSON),
            ("Content-Length", str(size)),
            ("X-Request-Id", request_id(environ.get("HTTP_X_REQUEST_ID", ""))),
            *HEADERS.items(),
        ]
