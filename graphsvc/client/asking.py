"""One request to the service: attempts, all with the same Idempotency-Key, until there is a reply or no time."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from graphsvc.client.errors import Misuse
from graphsvc.client.options import Options

log = logging.getLogger("graphsvc.client")
PAUSE_S = 0.002
"""Before the first further attempt; twice as long before each next one."""
KEEP_S = 60.0
"""The service closes a connection that is idle for 75 s."""
WRONG = frozenset({400, 409, 413, 415, 422})
UNDER_WAY = "under_way"
"""The service answers an attempt of the same key, whose connection broke."""
Json = Mapping[str, Any]


class NoAnswer(Exception):
    """There is no usable reply. `reason` begins with client_; `retry_after_s`: when the service would be asked again,
    None where that would change nothing."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.retry_after_s = reason, retry_after_s


@dataclass(frozen=True)
class Reply:
    """A status with the JSON object of its body; `problem`: it is the service's own refusal (RFC 9457)."""

    status: int
    body: Json
    problem: bool = False
    retry_after_s: float = 0.0

    @property
    def wrong(self) -> bool:
        return self.problem and self.status in WRONG

    def misuse(self) -> Misuse:
        said = {name: str(self.body.get(name, "")) for name in ("code", "detail", "pointer")}
        return Misuse(self.status, **said)


class Asker:
    """Connections to one service, kept open between requests; for one event loop."""

    def __init__(self, url: str, key: str, options: Options, verify: Any) -> None:
        base = httpx.URL(url)
        if base.scheme not in ("http", "https") or not base.host:
            raise ValueError("The service's address begins with http:// or https:// and has a host.")
        limits = httpx.Limits(
            max_connections=options.connections,
            max_keepalive_connections=options.connections,
            keepalive_expiry=KEEP_S,
        )
        # Neither a proxy nor a password file of the environment belongs in the way of a signup.
        self._http = httpx.AsyncClient(
            base_url=base,
            headers={"Authorization": f"Bearer {key}"},
            limits=limits,
            timeout=max(options.budget_s, options.tell_budget_s, options.send_budget_s),
            trust_env=False,
            verify=verify if base.scheme == "https" else False,
        )
        self._key_refused = False

    async def post(
        self, path: str, content: bytes, retries: int, *, keyed: bool = True, kind: str = "application/json"
    ) -> Reply:
        """Raises NoAnswer. Whoever calls bounds the time of the whole by cancelling."""
        headers = {"Content-Type": kind}
        if keyed and retries:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        pause_s = PAUSE_S
        for left in range(retries, -1, -1):
            try:
                reply = _reply(await self._http.post(path, content=content, headers=headers))
                if not left or reply.body.get("code") != UNDER_WAY:
                    return self._checked(reply)
            except httpx.TransportError as error:
                if not left:
                    raise NoAnswer("client_unreachable", 0.0) from error
            await asyncio.sleep(pause_s)
            pause_s *= 2
        raise AssertionError

    async def close(self) -> None:
        await self._http.aclose()

    def _checked(self, reply: Reply) -> Reply:
        if reply.status in (401, 403):
            if not self._key_refused:
                log.warning("The risk service refuses this key (%d); nothing is assessed with it.", reply.status)
            self._key_refused = True
            raise NoAnswer("client_key_refused")
        self._key_refused = False
        if reply.status == 429:
            raise NoAnswer("client_overloaded", reply.retry_after_s)
        if reply.status >= 500 or reply.body.get("code") == UNDER_WAY:
            raise NoAnswer("client_refused", reply.retry_after_s)
        return reply


def encoded(value: object) -> bytes:
    """JSON in UTF-8, with moments as RFC 3339. Raises Misuse for what has no JSON."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_moment).encode()
    except (TypeError, ValueError, RecursionError):
        raise Misuse(0, "client", "This holds a value that JSON does not have.") from None


def _moment(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError


def _reply(response: httpx.Response) -> Reply:
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    try:
        body = response.json()
    except ValueError:
        body = None
    after = response.headers.get("Retry-After", "")
    return Reply(
        response.status_code,
        body if isinstance(body, dict) else {},
        kind == "application/problem+json",
        float(after) if after.isascii() and after.isdecimal() else 0.0,
    )
