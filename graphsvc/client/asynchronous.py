"""The client for asyncio."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

from graphsvc.client.answers import Outcome, RiskAnswer, Sent, Told, allowed, risk_answer
from graphsvc.client.asking import Asker, NoAnswer, Reply, encoded
from graphsvc.client.breaker import Breaker
from graphsvc.client.errors import Misuse
from graphsvc.client.options import Options
from graphsvc.client.sending import Sending

log = logging.getLogger("graphsvc.client")
T = TypeVar("T")
Event = Mapping[str, Any]
UNKNOWN = 404
IN_FUTURE = "in_future"
"""The event is newer than the service's clock allows: either clock may be the wrong one, and neither is a defect."""


class AsyncRiskClient:
    """Asks one service, within one event loop. No call raises for what happens to the service or the network: it
    answers in its time, and says what was missing. Only what a caller did wrong is raised, as Misuse.

    `verify`: an ssl.SSLContext for a service whose certificate an authority of your own signed.
    """

    def __init__(self, url: str, key: str, options: Options | None = None, *, verify: Any = True) -> None:
        self.options = options or Options()
        self._asker = Asker(url, key, self.options, verify)
        self._breaker = Breaker(self.options.failures_to_open, self.options.failing_s, self.options.open_s)
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections; later calls answer like those to a service that is away."""
        self._closed = True
        await self._asker.close()

    async def assess(self, event: Event, *, record: bool = True, until_s: float | None = None) -> RiskAnswer:
        """Judges an event and, with `record`, has it recorded. `until_s`: a moment of time.monotonic() at which to
        answer at the latest, instead of after the budget. Raises Misuse."""
        account = event.get("account_id", "") if isinstance(event, Mapping) else ""
        return await self._assess({"event": event, "record": record}, str(account), until_s)

    async def assess_account(self, account_id: str, *, until_s: float | None = None) -> RiskAnswer:
        """Judges an account as it is now; one that was never seen is allowed, with the reason client_unknown_account.
        Raises Misuse."""
        return await self._assess({"account_id": account_id}, account_id, until_s)

    async def tell(self, assessment_id: str, outcome: Outcome, *, until_s: float | None = None) -> Told:
        """Tells what became of an assessed account. The same again changes nothing. Raises Misuse."""
        if not assessment_id:
            return Told(False, "client_unknown_assessment")
        path, content = f"/v1/risk/{quote(assessment_id, safe='')}/outcome", encoded({"outcome": outcome})

        async def ask() -> Told:
            reply = await self._asker.post(path, content, self.options.retries, keyed=False)
            return _told(reply)

        return await self._within(ask(), self._until(until_s, self.options.tell_budget_s), lambda why: Told(False, why))

    async def send(self, events: Sequence[Event], *, until_s: float | None = None) -> Sent:
        """Sends events in batches, and waits as the service asks for while it has too much to do. Raises Misuse before
        anything is sent where an event has no JSON."""
        sending = Sending(self._asker, [encoded(event) for event in events], self.options.retries)
        until = self._until(until_s, self.options.send_budget_s)
        return await self._within(sending.all(until), until, sending.so_far)

    async def _assess(self, body: Mapping[str, object], account_id: str, until_s: float | None) -> RiskAnswer:
        until = self._until(until_s, self.options.budget_s)
        try:
            content = encoded(body)
            if not self._closed and not self._breaker.admits():
                return allowed("client_circuit_open", account_id)
            return await self._within(self._ask(content), until, lambda why: self._failed(why, account_id))
        except Misuse as error:
            if self.options.on_misuse == "raise":
                raise
            log.warning("An assessment was asked for wrongly: %s", error)
            return allowed("client_misuse", account_id)

    async def _ask(self, content: bytes) -> RiskAnswer:
        reply = await self._asker.post("/v1/risk", content, self.options.retries)
        if reply.status == UNKNOWN and reply.problem:
            self._breaker.answered()
            raise NoAnswer("client_unknown_account")
        if reply.wrong:
            self._breaker.answered()
            if reply.body.get("code") == IN_FUTURE:
                raise NoAnswer("client_clocks_apart")
            raise reply.misuse()
        answer = _read(reply)
        self._breaker.answered()
        return answer

    def _failed(self, reason: str, account_id: str) -> RiskAnswer:
        if reason not in ANSWERED:
            self._breaker.failed()
        return allowed(reason, account_id)

    @staticmethod
    def _until(until_s: float | None, budget_s: float) -> float:
        return time.monotonic() + budget_s if until_s is None else until_s

    async def _within(self, ask: Coroutine[Any, Any, T], until_s: float, otherwise: Callable[[str], T]) -> T:
        """What `ask` gives by that moment, else what `otherwise` makes of the reason why not."""
        if self._closed:
            ask.close()
            return otherwise("client_closed")
        try:
            async with asyncio.timeout(max(until_s - time.monotonic(), 0.0)):
                return await ask
        except TimeoutError:
            return otherwise("client_timeout")
        except NoAnswer as error:
            return otherwise(error.reason)
        except Misuse:
            raise
        except Exception as error:
            # Of any sort: nothing that fails here may be the reason that a signup does.
            log.exception("The risk client failed (%s); it answers all the same.", type(error).__name__)
            return otherwise("client_failed")


ANSWERED = frozenset({"client_unknown_account", "client_key_refused", "client_clocks_apart", "client_closed"})
"""Reasons that say nothing against the service's health."""


def _read(reply: Reply) -> RiskAnswer:
    try:
        if reply.status != 200:
            raise ValueError("No answer of the service.")
        return risk_answer(reply.body)
    except (KeyError, TypeError, ValueError) as error:
        raise NoAnswer("client_bad_answer") from error


def _told(reply: Reply) -> Told:
    if reply.status == 200 and isinstance(against := reply.body.get("contradicts"), list):
        return Told(True, "", tuple(against))
    if reply.status == UNKNOWN and reply.problem:
        return Told(False, "client_unknown_assessment")
    if reply.wrong:
        raise reply.misuse()
    return Told(False, "client_bad_answer")
