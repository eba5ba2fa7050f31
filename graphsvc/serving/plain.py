"""The form that nearly all requests to the risk endpoint have, read without a parser of HTTP.

A strict rule says what a plain request is. All others, well-formed or not, are for the server's own parser:
nothing is guessed, so that no two readers can disagree about where a request ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

START = b"POST /v1/risk HTTP/1.1\r\n"
HEAD_MOST = 4_096
BODY_MOST = 65_536
LINE = re.compile(rb"([A-Za-z0-9-]{1,64}):[ \t]?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)")
LENGTH = re.compile(rb"[0-9]{1,6}")
ELSEWHERE = frozenset(
    (b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"te", b"trailer", b"idempotency-key")
)
"""Headers that ask for more than an answer."""
KEPT = (b"", b"keep-alive")


@dataclass(frozen=True, slots=True)
class Head:
    """`end`: where the body begins; `whole`: where the request ends; headers as they were sent, or ""."""

    end: int
    whole: int
    authorisation: str
    request_id: str


def may_be_plain(data: bytes) -> bool:
    """Whether these first bytes are a plain request's, as far as they go."""
    return data.startswith(START) if len(data) >= len(START) else START.startswith(data)


def head_of(data: bytes) -> Head | None:
    """The head of a plain request, all of which is there; None for any other."""
    end = data.find(b"\r\n\r\n", 0, HEAD_MOST)
    if end < 0 or not data.startswith(START):
        return None
    headers: dict[bytes, bytes] = {}
    for line in data[len(START) : end].split(b"\r\n"):
        found = LINE.fullmatch(line)
        if found is None:
            return None
        name = found[1].lower()
        if name in headers or name in ELSEWHERE:
            return None
        headers[name] = found[2]
    size = headers.get(b"content-length", b"")
    plain = headers.get(b"content-type") == b"application/json" and headers.get(b"connection", b"").lower() in KEPT
    if not plain or not LENGTH.fullmatch(size) or int(size) > BODY_MOST:
        return None
    told = (headers.get(name, b"").decode("ascii") for name in (b"authorization", b"x-request-id"))
    return Head(end + 4, end + 4 + int(size), *told)
